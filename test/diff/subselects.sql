-- subselects.sql: sub-selects that are not joins: correlated values, EXISTS among other conditions, NOT IN.

SELECT id FROM t WHERE i4 > (SELECT avg(u.t_id) FROM u WHERE u.k8 = t.i8);
SELECT id FROM t WHERE i4 = (SELECT min(u.t_id) FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE id = (SELECT max(u.t_id) FROM u WHERE u.k8 = t.i8);
SELECT id FROM t WHERE m < (SELECT sum(u.amount) FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE m < (SELECT 0.5 * sum(u.amount) FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE m <= (SELECT max(u.amount) FROM u WHERE u.ks = t.s);
SELECT id FROM t WHERE 0 = (SELECT count(*) FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE (SELECT count(u.kd) FROM u WHERE u.t_id = t.id AND u.amount > 10) > 1;
SELECT id FROM t WHERE (SELECT count(*) FROM u WHERE u.kc = t.xc) > 3;
SELECT id FROM t WHERE (SELECT count(*) FROM u WHERE u.kd = t.d) = 2;
SELECT id FROM t WHERE (SELECT max(u.kd) FROM u WHERE u.t_id = t.id) >= d;
SELECT id FROM t WHERE (SELECT max(u.kz) FROM u WHERE u.t_id = t.id) = tz;
SELECT id FROM t WHERE (SELECT min(u.k8) FROM u WHERE u.t_id = t.id) IS NULL;
SELECT id FROM t WHERE (SELECT min(u.k8) FROM u WHERE u.t_id = t.id) IS DISTINCT FROM i8;
SELECT id FROM t WHERE i8 <> ALL (SELECT u.k8 FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE i8 > ALL (SELECT u.k8 FROM u WHERE u.t_id < t.id);
SELECT id FROM t WHERE i8 >= ANY (SELECT u.k8 FROM u WHERE u.t_id > t.id) OR b;
SELECT id FROM t WHERE i8 IN (SELECT u.k8 FROM u WHERE u.t_id = t.id) OR i2 = 7;
SELECT id FROM t WHERE i8 NOT IN (SELECT u.k8 FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE i8 NOT IN (SELECT u.k8 FROM u WHERE u.k8 IS NOT NULL) AND b;
SELECT id FROM t WHERE (i8 IN (SELECT u.k8 FROM u WHERE u.id < 30)) IS NULL;
SELECT id FROM t WHERE s NOT IN (SELECT u.ks FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE b NOT IN (SELECT u.amount > 20 FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id) OR i2 = 7;
SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id AND u.amount > t.m) OR i2 = 7;
SELECT id FROM t WHERE NOT (EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id) AND b);
SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id) = b;
SELECT id FROM t WHERE CASE WHEN EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id) THEN i4 > 2 ELSE i2 > 2 END;
SELECT id FROM t WHERE CASE WHEN b THEN (SELECT count(*) FROM u WHERE u.t_id = t.id) ELSE 7 END > 1;
SELECT id FROM t WHERE coalesce((SELECT max(u.t_id) FROM u WHERE u.t_id = t.id AND u.id < 50), 0) = 0;
SELECT id FROM t WHERE (SELECT bool_or(u.amount > 20) FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE NOT (SELECT bool_and(u.amount > 20) FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE i4 + 1 > (SELECT count(*) FROM u WHERE u.t_id = t.id AND u.id > t.i2) AND i4 < 1000;
SELECT id FROM t WHERE (SELECT count(*) FROM u) > id;
SELECT id FROM t WHERE id < 100 AND (SELECT sum(t.i2 + u.id) FROM u WHERE u.t_id = t.id) > 10;
SELECT id FROM t WHERE id < 100 AND (SELECT count(*) FILTER (WHERE t.b) FROM u WHERE u.id < 5 AND u.t_id IS NOT NULL) > 1;
SELECT id FROM t WHERE id < 100 AND (SELECT sum(l.y) FROM u, LATERAL (SELECT t.i2 AS y) AS l WHERE u.id < 5) > 10;

-- several rows, which are an error

SELECT id FROM t WHERE i8 = (SELECT u.k8 FROM u WHERE u.t_id = t.id);

-- a single row

SELECT id FROM t WHERE t.s = (SELECT u.ks FROM u WHERE u.id = t.id) OR t.i8 = (SELECT u.k8 FROM u WHERE u.id = t.id);

-- text

SELECT id FROM t WHERE xc > (SELECT min(u.kc) FROM u WHERE u.t_id = t.id);
SELECT id FROM t WHERE s = (SELECT u.note FROM u WHERE u.id = t.id) OR s LIKE (SELECT u.ks FROM u WHERE u.id = t.id);
SELECT id FROM t WHERE (SELECT u.ks || t.s FROM u WHERE u.id = t.id) = t.x || t.s;

-- over several levels

SELECT id FROM t WHERE (SELECT count(*) FROM u WHERE u.t_id = t.id AND u.amount < (SELECT avg(o.amount) FROM u AS o WHERE o.k8 = u.k8)) > 0;
SELECT id FROM t WHERE (SELECT count(*) FROM u WHERE u.t_id = t.id AND u.amount <= (SELECT max(o.amount) FROM u AS o WHERE o.k8 = u.k8 AND o.t_id = t.id)) > 0;
SELECT id FROM t WHERE b OR EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id AND (u.id < 9 OR EXISTS (SELECT 1 FROM t AS o WHERE o.id = t.i4 + u.id)));
SELECT id FROM t WHERE i2 > (SELECT count(*) FROM u WHERE u.t_id = t.id AND u.k8 = (SELECT max(k8) FROM u AS o WHERE o.t_id = t.id) AND u.k8 = t.i8);

-- joins within, and around

SELECT id FROM t WHERE (SELECT count(*) FROM u JOIN t AS o ON o.id = u.t_id WHERE o.i4 = t.i4) > 2;
SELECT id FROM t WHERE (SELECT count(*) FROM u LEFT JOIN t AS o ON o.id = u.t_id AND o.i2 = t.i2 WHERE u.id < 20 AND o.id IS NULL) > 17;
SELECT id FROM t WHERE b OR EXISTS (SELECT 1 FROM u JOIN t AS o ON o.id = u.t_id WHERE o.i4 = t.i4 AND u.amount > t.m);
SELECT t.id, u.id FROM t JOIN u ON t.id = u.t_id WHERE u.amount = (SELECT max(amount) FROM u AS o WHERE o.t_id = t.id);
SELECT t.id, u.id FROM t JOIN u ON t.id = u.t_id WHERE t.i2 < (SELECT count(*) FROM u AS o WHERE o.t_id = t.id AND o.id <> u.id);
SELECT t.id, u.id FROM t LEFT JOIN u ON t.id = u.t_id AND u.amount = (SELECT min(amount) FROM u AS o WHERE o.t_id = u.t_id) WHERE t.id < 90;
SELECT t.id, u.id FROM t LEFT JOIN u ON t.id = u.t_id AND t.i2 < (SELECT count(*) FROM u AS o WHERE o.t_id = t.id) WHERE t.id < 90;
SELECT t.id, u.id FROM t LEFT JOIN u ON t.id = u.t_id WHERE t.id < 90 AND (SELECT count(*) FROM u AS o WHERE o.id < u.id AND o.t_id = t.id) = 0;
SELECT t.id, u.id FROM t FULL JOIN u ON t.id = u.t_id WHERE (SELECT count(*) FROM u AS o WHERE o.t_id = t.id) < 2;
SELECT t.id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id AND u.amount < (SELECT avg(amount) FROM u AS o WHERE o.k8 = t.i8));

-- groups, orders and limits above

SELECT i2, count(*) FROM t WHERE i4 = (SELECT min(u.t_id) FROM u WHERE u.t_id = t.i4) GROUP BY i2;
SELECT b, sum(m) FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id) OR id > 400 GROUP BY b HAVING count(*) > 1 ORDER BY b;
SELECT id FROM t WHERE (SELECT count(*) FROM u WHERE u.t_id = t.id) > 1 ORDER BY id DESC LIMIT 7;
SELECT id FROM t WHERE b ORDER BY (SELECT count(*) FROM u WHERE u.t_id = t.id), id LIMIT 20;
SELECT i2 FROM t GROUP BY i2 HAVING count(*) > (SELECT count(*) FROM u WHERE u.k8 = t.i2);
SELECT DISTINCT i2 FROM t WHERE i4 = (SELECT min(u.t_id) FROM u WHERE u.t_id = t.i4);

-- prepared: within a sub-select
PREPARE p (int, numeric) AS SELECT id FROM t WHERE id > $1 AND (SELECT count(*) FROM u WHERE u.t_id = t.id AND u.amount > $2) > 0;
EXECUTE p (1, 10); EXECUTE p (42, 0); EXECUTE p (NULL, 1); EXECUTE p (0, NULL); EXECUTE p (7, 100); EXECUTE p (10, 20); EXECUTE p (400, 12.5);
DEALLOCATE p;

-- prepared: dates and text within
PREPARE p (date, text) AS SELECT id FROM t WHERE b OR EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id AND (u.kd < $1 OR u.ks = $2));
EXECUTE p ('2024-02-29', 'abc'); EXECUTE p (NULL, 'ABC'); EXECUTE p ('infinity', ''); EXECUTE p ('-infinity', NULL); EXECUTE p ('0001-01-01', 'a'); EXECUTE p ('9999-12-31', 'b'); EXECUTE p ('2000-01-01', 'abc ');
DEALLOCATE p;
