-- derived.sql: sub-queries in FROM, and those that become such, with groups, DISTINCT, LIMIT or window functions in them.

-- joins with groups

SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id;
SELECT t.id, g.n, g.most, g.least FROM t JOIN (SELECT t_id, count(*) AS n, max(amount) AS most, min(kd) AS least FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE t.id < 90;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id HAVING count(*) > 1) AS g ON g.t_id = t.id AND g.n > t.i2;
SELECT t.id, g.total FROM t JOIN (SELECT t_id, sum(amount) AS total FROM u GROUP BY t_id) AS g ON g.t_id = t.id AND g.total > t.m;
SELECT t.id, g.total FROM t JOIN (SELECT k8, sum(t_id) AS total FROM u WHERE amount > 1 GROUP BY k8) AS g ON g.k8 = t.i8;
SELECT t.id, g.mean FROM t JOIN (SELECT k8, avg(t_id) AS mean FROM u GROUP BY k8) AS g ON g.k8 = t.i8 WHERE g.mean > 2;
SELECT t.id, g.mean FROM t JOIN (SELECT k8, avg(t_id) AS mean, count(*) AS n FROM u GROUP BY k8) AS g ON g.k8 = t.i8 WHERE g.n > 1;
SELECT t.id, g.n FROM t JOIN (SELECT kd, count(*) AS n FROM u GROUP BY kd) AS g ON g.kd = t.d;
SELECT t.id, g.n FROM t JOIN (SELECT kz, count(*) AS n FROM u GROUP BY kz) AS g ON g.kz = t.tz;
SELECT t.id, g.n FROM t JOIN (SELECT kn, count(*) AS n FROM u GROUP BY kn) AS g ON g.kn = t.n;
SELECT t.id, g.n FROM t JOIN (SELECT m, count(*) AS n FROM t GROUP BY m) AS g ON g.m = t.m;
SELECT t.id, g.n FROM t JOIN (SELECT b, count(*) AS n FROM t GROUP BY b) AS g ON g.b = t.b WHERE t.id < 60;
SELECT t.id, g.n FROM t JOIN (SELECT u.t_id % 5 AS k, count(*) AS n FROM u GROUP BY 1) AS g ON g.k = t.i2;
SELECT t.id, g.n + 1 FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id + 1 = t.id WHERE g.n * 2 > t.i2;
SELECT g.t_id, h.n FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g JOIN (SELECT i2, count(*) AS n FROM t GROUP BY i2) AS h ON g.n = h.i2;
SELECT g.n FROM (SELECT count(*) AS n FROM u WHERE id < 0) AS g JOIN t ON t.id = g.n + 1;
SELECT t.id, g.n FROM t, (SELECT count(*) AS n, max(t_id) AS last FROM u) AS g WHERE t.id > g.n - 10 AND t.i2 < g.last;
SELECT count(*) FROM t, (SELECT t_id FROM u GROUP BY t_id) AS g WHERE t.id < 40;
SELECT count(*) FROM t JOIN (SELECT t_id FROM u GROUP BY t_id) AS g ON true WHERE t.id < 30;

-- expressions over groups, and constants, some of which an outer join makes NULL

SELECT t.id, g.n FROM t LEFT JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE t.id < 120;
SELECT t.id, g.n, g.one, g.total FROM t LEFT JOIN (SELECT t_id, count(*) AS n, 1 AS one, coalesce(sum(amount), 0) AS total FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE t.id < 120;
SELECT t.id, g.n FROM t LEFT JOIN (SELECT t_id, count(*) * 2 AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id AND g.n > 2 WHERE t.id < 120;
SELECT t.id, g.n FROM t LEFT JOIN (SELECT t_id, coalesce(count(*), 0) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE g.n IS NULL;
SELECT t.id, g.n IS NULL, coalesce(g.n, 7) FROM t LEFT JOIN (SELECT k8, max(t_id) + 1 AS n FROM u GROUP BY k8) AS g ON g.k8 = t.i8 WHERE t.id < 120;
SELECT t.id, g.word FROM t LEFT JOIN (SELECT t_id, 'x' AS word FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE t.id < 120;
SELECT t.id, g.flag FROM t LEFT JOIN (SELECT t_id, count(*) > 1 AS flag FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE t.id < 120;
SELECT t.id FROM t LEFT JOIN (SELECT t_id, count(*) > 1 AS flag FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE g.flag IS NOT TRUE;
SELECT t.id, g.ratio FROM t LEFT JOIN (SELECT t_id, max(amount) * 0.5 AS ratio, min(amount) - max(amount) AS width FROM u GROUP BY t_id) AS g ON g.t_id = t.id AND g.width < 0 WHERE t.id < 120;
SELECT g.t_id, t.id FROM (SELECT t_id, 1 AS one FROM u GROUP BY t_id) AS g FULL JOIN t ON g.t_id = t.id;
SELECT g.one, t.id FROM t FULL JOIN (SELECT t_id, 1 AS one, max(id) AS last FROM u GROUP BY t_id) AS g ON g.last = t.id;
SELECT t.id, g.n, u.id FROM t LEFT JOIN ((SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g JOIN u ON u.t_id = g.t_id AND u.id % 2 = 0) ON t.id = g.t_id WHERE t.id < 90;
SELECT t.id, g.n FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g RIGHT JOIN t ON t.i4 = g.n WHERE t.id < 90;
SELECT t.id, g.t_id, g.n FROM t LEFT JOIN (SELECT t_id, count(*) AS n FROM u WHERE id < 0 GROUP BY t_id) AS g ON true WHERE t.id < 20;

-- texts: keys and values

SELECT t.id, g.n FROM t JOIN (SELECT ks, count(*) AS n FROM u GROUP BY ks) AS g ON g.ks = t.s;
SELECT t.id, g.n FROM t JOIN (SELECT kc, count(*) AS n FROM u GROUP BY kc) AS g ON g.kc = t.xc;
SELECT t.id, g.ks FROM t JOIN (SELECT ks, max(t_id) AS last FROM u GROUP BY ks) AS g ON g.last = t.id;
SELECT t.id, g.ks, g.n FROM t LEFT JOIN (SELECT ks, t_id, count(*) AS n FROM u GROUP BY ks, t_id) AS g ON g.t_id = t.id WHERE t.id < 90;
SELECT t.id, g.first FROM t LEFT JOIN (SELECT t_id, min(kc) AS first FROM u GROUP BY t_id) AS g ON g.t_id = t.id AND g.first > 'a' WHERE t.id < 90;
SELECT t.id, g.ks FROM t JOIN (SELECT ks, t_id FROM u GROUP BY ks, t_id) AS g ON g.t_id = t.id WHERE g.ks LIKE '%a%' OR t.s = g.ks;
SELECT t.id, g.s FROM t JOIN (SELECT DISTINCT s FROM t) AS g ON g.s = t.s WHERE t.id < 90;
SELECT t.id, g.s || t.s FROM t JOIN (SELECT s, count(*) AS n FROM t GROUP BY s) AS g ON g.n = t.i2;
SELECT g.s, h.ks FROM (SELECT DISTINCT s FROM t) AS g JOIN (SELECT DISTINCT ks FROM u) AS h ON g.s = h.ks;
SELECT g.s, h.ks FROM (SELECT DISTINCT s FROM t) AS g LEFT JOIN (SELECT DISTINCT ks FROM u) AS h ON g.s = h.ks;
SELECT t.id, g.c FROM t JOIN (SELECT c, max(id) AS last FROM t GROUP BY c) AS g ON g.last = t.id;
SELECT t.id, g.n FROM t JOIN (SELECT c, count(*) AS n FROM t GROUP BY c) AS g ON g.c = t.c WHERE t.id < 90;
SELECT t.id, g.l FROM t LEFT JOIN (SELECT t_id, max(length(note)) AS l, min(kd) AS d FROM u GROUP BY t_id) AS g ON g.t_id = t.id AND g.d <= t.d WHERE t.id < 90;
SELECT t.id, g.s FROM t LEFT JOIN (SELECT i2, coalesce(min(x), 'none') AS s FROM t GROUP BY i2) AS g ON g.i2 = t.i4 WHERE t.id < 90;

-- DISTINCT

SELECT t.id, g.k8 FROM t JOIN (SELECT DISTINCT k8, t_id FROM u) AS g ON g.t_id = t.id WHERE t.id < 90;
SELECT t.id, g.t_id FROM t LEFT JOIN (SELECT DISTINCT t_id FROM u WHERE amount > 10) AS g ON g.t_id = t.id WHERE t.id < 90;
SELECT count(*) FROM (SELECT DISTINCT t_id, kd FROM u) AS g JOIN (SELECT DISTINCT d FROM t) AS h ON g.kd = h.d;
SELECT t.id FROM t JOIN (SELECT DISTINCT k8 / 2 AS h FROM u) AS g ON g.h = t.i8;

SELECT t.id, g.id FROM t JOIN (SELECT DISTINCT ON (t_id) t_id, id FROM u ORDER BY t_id, id DESC) AS g ON g.t_id = t.id;
SELECT t.id, g.id, g.ks FROM t LEFT JOIN (SELECT DISTINCT ON (t_id) t_id, id, ks || 'x' AS ks FROM u ORDER BY t_id, amount DESC, id) AS g ON g.t_id = t.id WHERE t.id < 90;
SELECT t.id, g.id FROM t JOIN (SELECT DISTINCT ON (t_id) t_id, id FROM u ORDER BY t_id, id DESC LIMIT 9) AS g ON g.t_id = t.id;

-- IN and EXISTS with groups

SELECT t.id FROM t WHERE t.id IN (SELECT t_id FROM u GROUP BY t_id HAVING count(*) > 1);
SELECT t.id, t.s FROM t WHERE t.id IN (SELECT t_id FROM u GROUP BY t_id HAVING sum(amount) > 20) ORDER BY t.id LIMIT 7;
SELECT t.i2, count(*) FROM t WHERE t.id IN (SELECT t_id FROM u GROUP BY t_id HAVING max(amount) > 10) GROUP BY t.i2;
SELECT t.id FROM t WHERE t.id IN (SELECT max(t_id) FROM u GROUP BY k8);
SELECT t.id FROM t WHERE t.i8 IN (SELECT sum(t_id) FROM u GROUP BY k8);
SELECT t.id FROM t WHERE (t.id, t.i2) IN (SELECT t_id, count(*) FROM u GROUP BY t_id);
SELECT t.id FROM t WHERE t.i2 IN (SELECT count(*) FROM u GROUP BY t_id);
SELECT t.id FROM t WHERE t.id NOT IN (SELECT t_id FROM u WHERE t_id IS NOT NULL GROUP BY t_id HAVING count(*) > 1);
SELECT t.id FROM t WHERE t.s IN (SELECT ks FROM u GROUP BY ks HAVING count(*) > 1);
SELECT t.id FROM t WHERE t.xc IN (SELECT max(kc) FROM u GROUP BY t_id);
SELECT t.id FROM t WHERE t.id IN (SELECT t_id FROM u ORDER BY id LIMIT 20);
SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g WHERE g.t_id = t.id AND g.n > 1);
SELECT t.id FROM t WHERE NOT EXISTS (SELECT 1 FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g WHERE g.t_id = t.id AND g.n > t.i2);
SELECT t.id FROM t WHERE t.i4 > (SELECT count(*) FROM (SELECT DISTINCT t_id FROM u WHERE u.k8 = t.i8) AS g);
SELECT t.id FROM t WHERE (SELECT max(g.n) FROM (SELECT count(*) AS n FROM u WHERE u.t_id = t.id GROUP BY u.k8) AS g) > 1;
SELECT t.id FROM t WHERE t.b OR EXISTS (SELECT 1 FROM (SELECT t_id FROM u GROUP BY t_id) AS g WHERE g.t_id = t.id);

-- LIMIT, in an order that is total

SELECT t.id, g.id FROM t JOIN (SELECT id, t_id FROM u ORDER BY id LIMIT 30) AS g ON g.t_id = t.id;
SELECT t.id, g.id FROM t LEFT JOIN (SELECT id, t_id FROM u ORDER BY id DESC LIMIT 30 OFFSET 5) AS g ON g.t_id = t.id WHERE t.id < 120;
SELECT t.id, g.id, g.d FROM t LEFT JOIN (SELECT id, t_id, amount * 2 AS d FROM u WHERE amount > 5 ORDER BY amount DESC, id LIMIT 30) AS g ON g.t_id = t.id AND g.d > 20 WHERE t.id < 120;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id ORDER BY count(*) DESC, t_id LIMIT 10) AS g ON g.t_id = t.id;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id ORDER BY count(*) DESC, t_id NULLS FIRST LIMIT 10 OFFSET 2) AS g ON g.t_id = t.id;
SELECT t.id FROM t JOIN (SELECT t_id FROM u GROUP BY t_id ORDER BY t_id LIMIT 0) AS g ON g.t_id = t.id;
SELECT t.id FROM t JOIN (SELECT t_id FROM u GROUP BY t_id ORDER BY t_id LIMIT NULL OFFSET 0) AS g ON g.t_id = t.id;
SELECT t.id FROM t JOIN (SELECT t_id FROM u ORDER BY t_id OFFSET 400) AS g ON g.t_id = t.id;
SELECT t.id FROM t JOIN (SELECT DISTINCT t_id FROM u ORDER BY t_id LIMIT 9) AS g ON g.t_id = t.id;
SELECT t.id, g.x FROM t JOIN (SELECT a.id, b.id AS x FROM t AS a JOIN u AS b ON a.id = b.t_id ORDER BY b.id LIMIT 25) AS g ON g.id = t.id;
SELECT t.id, g.x FROM t LEFT JOIN (SELECT a.id, b.id AS x FROM t AS a LEFT JOIN u AS b ON a.id = b.t_id AND b.amount > 10 ORDER BY a.id, b.id LIMIT 25) AS g ON g.id = t.id WHERE t.id < 60;
SELECT t.id, g.s FROM t JOIN (SELECT id, s FROM t WHERE s IS NOT NULL ORDER BY id LIMIT 20) AS g ON g.s = t.s;
SELECT count(*) FROM t, (SELECT 1 FROM u ORDER BY id LIMIT 3) AS g WHERE t.id < 20;
SELECT t.id FROM t JOIN (SELECT id FROM u ORDER BY id FETCH FIRST 5 ROWS WITH TIES) AS g ON g.id = t.id;
SELECT t.id, g.ks FROM t JOIN (SELECT t_id, ks FROM u ORDER BY kc COLLATE "C" LIMIT 0) AS g ON g.t_id = t.id;

-- an order that is no more than advice

SELECT t.id, g.id FROM t JOIN (SELECT id, t_id FROM u ORDER BY amount) AS g ON g.t_id = t.id WHERE t.id < 90;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id ORDER BY 2) AS g ON g.t_id = t.id WHERE t.id < 90;

-- window functions

SELECT t.id, g.id, g.n FROM t JOIN (SELECT id, t_id, row_number() OVER (PARTITION BY t_id ORDER BY id) AS n FROM u) AS g ON g.t_id = t.id WHERE g.n = 1;
SELECT t.id, g.id FROM t JOIN (SELECT id, t_id, row_number() OVER (PARTITION BY t_id ORDER BY amount DESC, id) AS n FROM u) AS g ON g.t_id = t.id AND g.n <= 2;
SELECT t.id, g.id, g.total FROM t LEFT JOIN (SELECT id, t_id, sum(amount) OVER (PARTITION BY t_id) AS total FROM u) AS g ON g.t_id = t.id AND g.total > 20 WHERE t.id < 90;
SELECT t.id, g.r + 1 FROM t LEFT JOIN (SELECT id, t_id, rank() OVER (ORDER BY amount, id) AS r FROM u) AS g ON g.t_id = t.id WHERE t.id < 90;
SELECT t.id, g.prior FROM t JOIN (SELECT id, t_id, lag(ks) OVER (ORDER BY id) AS prior FROM u) AS g ON g.t_id = t.id WHERE g.prior = t.s OR g.prior LIKE 'a%';
SELECT g.r, count(*) FROM (SELECT rank() OVER (PARTITION BY t_id ORDER BY id) AS r FROM u) AS g GROUP BY g.r;

-- groups of what is grouped already

SELECT g.n, count(*) FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g GROUP BY g.n ORDER BY count(*) DESC, g.n;
SELECT max(n), sum(n), min(total) FROM (SELECT t_id, count(*) AS n, sum(amount) AS total FROM u GROUP BY t_id) AS g;
SELECT count(*) FROM (SELECT DISTINCT t_id, ks FROM u) AS g;
SELECT count(*), count(ks) FROM (SELECT DISTINCT t_id, ks FROM u) AS g;
SELECT g.ks, count(*) FROM (SELECT ks, t_id FROM u GROUP BY ks, t_id) AS g GROUP BY g.ks;
SELECT avg(n), max(first) FROM (SELECT k8, count(*) AS n, min(kc) AS first FROM u GROUP BY k8) AS g;
SELECT g.n % 2 AS odd, sum(g.n * 2) FROM (SELECT t_id, count(*) + 1 AS n FROM u GROUP BY t_id) AS g GROUP BY 1;
SELECT sum(amount), count(*) FROM (SELECT amount FROM u ORDER BY id LIMIT 40) AS g;
SELECT i2, max(m) FROM (SELECT i2, m FROM t ORDER BY id DESC LIMIT 100) AS g GROUP BY i2;
SELECT DISTINCT n FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g;
SELECT h.n, count(*) FROM (SELECT g.n AS m, count(*) AS n FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g GROUP BY g.n) AS h JOIN t ON t.id = h.n GROUP BY h.n;
SELECT g.n, count(*) FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id HAVING count(*) > (SELECT min(i2) FROM t)) AS g GROUP BY g.n;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id HAVING count(*) > (SELECT min(i2) FROM t)) AS g ON g.t_id = t.id AND g.n > (SELECT min(i4) FROM t);
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u WHERE amount > (SELECT avg(amount) FROM u) GROUP BY t_id) AS g ON g.t_id = t.id;

-- several levels

SELECT t.id, h.k FROM t JOIN (SELECT g.n AS k, max(g.t_id) AS last FROM (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g GROUP BY g.n) AS h ON h.last = t.id;
SELECT t.id, h.k, h.last FROM t LEFT JOIN (SELECT g.n + 1 AS k, max(g.t_id) AS last FROM (SELECT t_id, count(*) * 2 AS n FROM u GROUP BY t_id) AS g GROUP BY g.n HAVING max(g.t_id) > 3) AS h ON h.last = t.id WHERE t.id < 90;
SELECT t.id, h.total FROM t JOIN (SELECT o.i2, sum(g.n) AS total FROM t AS o JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = o.id GROUP BY o.i2 ORDER BY sum(g.n) DESC, o.i2 LIMIT 5) AS h ON h.i2 = t.i2;
SELECT t.id, h.id FROM t JOIN (SELECT g.id, g.t_id FROM (SELECT id, t_id FROM u ORDER BY id LIMIT 50) AS g ORDER BY g.id DESC LIMIT 20) AS h ON h.t_id = t.id;

-- with sub-selects in conditions

SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE g.n >= (SELECT count(*) FROM u WHERE u.t_id = g.t_id AND u.amount > t.m);
SELECT t.id, g.n FROM t JOIN (SELECT o.t_id, count(*) AS n FROM u AS o WHERE EXISTS (SELECT 1 FROM t AS i WHERE i.id = o.t_id AND i.b) OR o.id < 9 GROUP BY o.t_id) AS g ON g.t_id = t.id;
SELECT t.id, g.id FROM t JOIN (SELECT o.id, o.t_id FROM u AS o WHERE o.amount = (SELECT max(i.amount) FROM u AS i WHERE i.t_id = o.t_id) ORDER BY o.id LIMIT 30) AS g ON g.t_id = t.id;

-- what the source cannot be asked for

SELECT t.id, g.n FROM t, LATERAL (SELECT count(*) AS n FROM u WHERE u.t_id = t.id) AS g WHERE t.id < 60;
SELECT t.id, g.id FROM t, LATERAL (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.id LIMIT 1) AS g WHERE t.id < 60;
SELECT t.id, g FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE t.id < 60;
SELECT t.id, g IS NULL FROM t LEFT JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id WHERE t.id < 60;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) + (random() * 0)::int AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id UNION ALL SELECT id, 0 FROM t) AS g ON g.t_id = t.id;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, kd, count(*) AS n FROM u GROUP BY GROUPING SETS ((t_id), (kd))) AS g ON g.t_id = t.id;
SELECT t.id, g.v FROM t JOIN (SELECT t_id, generate_series(1, 2) AS v FROM u GROUP BY t_id) AS g ON g.t_id = t.id;
SELECT t.id, g.names FROM t JOIN (SELECT t_id, array_agg(id ORDER BY id) AS names FROM u GROUP BY t_id) AS g ON g.t_id = t.id;
WITH g AS (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) SELECT t.id, g.n FROM t JOIN g ON g.t_id = t.id WHERE g.n = (SELECT max(n) FROM g);
WITH g AS MATERIALIZED (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) SELECT t.id, g.n FROM t JOIN g ON g.t_id = t.id;
WITH g AS (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) SELECT t.id, g.n FROM t JOIN g ON g.t_id = t.id;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id FOR UPDATE OF u) AS g ON g.t_id = t.id;

-- with tables here, and in unions

SELECT here.id, g.n FROM here JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = here.id;
SELECT here.id, t.id, g.n FROM here JOIN (t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id) ON here.k4 = t.id;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id UNION ALL SELECT g.n, g.i2 FROM (SELECT i2, count(*) AS n FROM t GROUP BY i2) AS g;
SELECT s.k, sum(s.n) FROM (SELECT g.n AS k, 1 AS n FROM t JOIN (SELECT t_id, count(*) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id UNION ALL SELECT 2, 2) AS s GROUP BY s.k;

-- ordered aggregates, grouping sets and DISTINCT ON

SELECT count(*) FROM (SELECT 1 AS one FROM t GROUP BY ()) AS q JOIN u ON u.id = q.one;
SELECT q.i2, q.s, u.note FROM (SELECT DISTINCT ON (i2) i2, id, s FROM t ORDER BY i2, m DESC, id) AS q JOIN u ON u.t_id = q.id;
SELECT q.k, count(*), sum(q.id) FROM (SELECT DISTINCT ON (xc) xc, i2 % 3 AS k, id FROM t WHERE i4 > 0 ORDER BY xc, i4 DESC, id) AS q GROUP BY q.k;
SELECT u.id, q.v, q.a FROM (SELECT i2, string_agg(s, ',' ORDER BY id) AS v, array_agg(id ORDER BY id DESC) AS a FROM t GROUP BY i2) AS q JOIN u ON u.t_id = q.i2;
SELECT q.v, length(q.v), count(*) FROM (SELECT i2, string_agg(xc, ',' ORDER BY id) AS v FROM t GROUP BY i2) AS q LEFT JOIN u ON u.t_id = q.i2 WHERE q.v <> 'a' GROUP BY q.v;
SELECT q.b, q.i2, q.n, u.id FROM (SELECT b, i2, grouping(i2) AS g, count(*) AS n FROM t GROUP BY ROLLUP (b, i2)) AS q JOIN u ON u.t_id = q.n WHERE q.g = 0 OR q.i2 IS NULL;
SELECT u.id, q.m FROM (SELECT i2, percentile_disc(0.5) WITHIN GROUP (ORDER BY i4) AS m FROM t GROUP BY CUBE (i2)) AS q JOIN u ON u.t_id = q.i2;
SELECT u.id, q.id, q.i2 FROM (SELECT DISTINCT ON (i2) i2, id FROM t ORDER BY i2, id LIMIT 3) AS q JOIN u ON u.t_id = q.id;

-- errors within

SELECT t.id, g.n FROM t JOIN (SELECT t_id, sum(100 / amount) AS n FROM u GROUP BY t_id) AS g ON g.t_id = t.id;
SELECT t.id, g.n FROM t JOIN (SELECT t_id, max(id) AS n FROM u GROUP BY t_id LIMIT -1) AS g ON g.t_id = t.id;
