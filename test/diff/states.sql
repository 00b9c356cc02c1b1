-- states.sql: prepared statements, cursors, transactions and functions; run again with generic plans.

-- prepared: integer
PREPARE p (int) AS SELECT id, s FROM t WHERE i4 = $1;
EXECUTE p (1); EXECUTE p (42); EXECUTE p (NULL); EXECUTE p (-2147483648); EXECUTE p (2147483647); EXECUTE p (7); EXECUTE p (10);
DEALLOCATE p;

-- prepared: bigint for an int column
PREPARE p (bigint) AS SELECT id FROM t WHERE i4 < $1 AND id < 100;
EXECUTE p (1); EXECUTE p (9223372036854775807); EXECUTE p (NULL); EXECUTE p (-9223372036854775808); EXECUTE p (2147483648); EXECUTE p (0); EXECUTE p (43);
DEALLOCATE p;

-- prepared: key
PREPARE p (int) AS SELECT * FROM u WHERE id = $1;
EXECUTE p (1); EXECUTE p (2); EXECUTE p (3); EXECUTE p (NULL); EXECUTE p (1000); EXECUTE p (5); EXECUTE p (1); EXECUTE p (2);
DEALLOCATE p;

-- prepared: text
PREPARE p (text) AS SELECT id FROM t WHERE s = $1;
EXECUTE p ('abc'); EXECUTE p ('ABC'); EXECUTE p (''); EXECUTE p (NULL); EXECUTE p ('é'); EXECUTE p ('\'); EXECUTE p ('😀'); EXECUTE p ('abc '); EXECUTE p (repeat('x', 300000));
DEALLOCATE p;

-- prepared: order of text
PREPARE p (text) AS SELECT id FROM t WHERE xc < $1 AND s COLLATE "C" >= $1;
EXECUTE p ('abc'); EXECUTE p ('B'); EXECUTE p (''); EXECUTE p (NULL); EXECUTE p ('é'); EXECUTE p ('z'); EXECUTE p (chr(65535));
DEALLOCATE p;

-- prepared: patterns
PREPARE p (text) AS SELECT id FROM t WHERE s LIKE $1;
EXECUTE p ('a%'); EXECUTE p ('A%'); EXECUTE p ('\%'); EXECUTE p (NULL); EXECUTE p ('%\\%'); EXECUTE p ('_'); EXECUTE p ('%\'); EXECUTE p ('%😀%'); EXECUTE p ('');
DEALLOCATE p;

-- prepared: double precision
PREPARE p (float8) AS SELECT id FROM t WHERE f8 > $1;
EXECUTE p (0); EXECUTE p ('NaN'); EXECUTE p ('Infinity'); EXECUTE p ('-Infinity'); EXECUTE p (NULL); EXECUTE p ('5e-324'); EXECUTE p ('1e308'); EXECUTE p ('-0');
DEALLOCATE p;

-- prepared: equal doubles
PREPARE p (float8) AS SELECT id FROM t WHERE f8 = $1 OR f4 = $1;
EXECUTE p (0.1); EXECUTE p ('NaN'); EXECUTE p (0); EXECUTE p ('-Infinity'); EXECUTE p (NULL); EXECUTE p (0.5); EXECUTE p ('1e22'); EXECUTE p (0.1::real);
DEALLOCATE p;

-- prepared: numeric
PREPARE p (numeric) AS SELECT id FROM t WHERE n >= $1 AND u8 < $1;
EXECUTE p (0.1); EXECUTE p ('NaN'); EXECUTE p (1e100); EXECUTE p (NULL); EXECUTE p (12345678901234567890.123456789012); EXECUTE p (-1e-30); EXECUTE p (18446744073709551616); EXECUTE p ('-Infinity'); EXECUTE p ('Infinity');
DEALLOCATE p;

-- prepared: equal numerics
PREPARE p (numeric) AS SELECT id FROM t WHERE n = $1 OR m = $1 OR i8 = $1;
EXECUTE p (0.1); EXECUTE p (0.10000); EXECUTE p (42); EXECUTE p (NULL); EXECUTE p (9007199254740993); EXECUTE p (19.990); EXECUTE p (9223372036854775807); EXECUTE p ('NaN');
DEALLOCATE p;

-- prepared: date
PREPARE p (date) AS SELECT id FROM t WHERE d <= $1;
EXECUTE p ('2024-02-29'); EXECUTE p ('infinity'); EXECUTE p ('-infinity'); EXECUTE p (NULL); EXECUTE p ('0044-03-15 BC'); EXECUTE p ('20000-01-01'); EXECUTE p ('0001-01-01'); EXECUTE p ('9999-12-31');
DEALLOCATE p;

-- prepared: date compared with a timestamp
PREPARE p (timestamp) AS SELECT id FROM t WHERE d = $1 OR ts > $1;
EXECUTE p ('2024-02-29'); EXECUTE p ('2024-02-29 12:34:56.789011'); EXECUTE p ('infinity'); EXECUTE p (NULL); EXECUTE p ('-infinity'); EXECUTE p ('0001-01-01 BC'); EXECUTE p ('9999-12-31 23:59:59.999999'); EXECUTE p ('10000-01-01');
DEALLOCATE p;

-- prepared: timestamp with time zone
PREPARE p (timestamptz) AS SELECT id FROM t WHERE tz >= $1;
EXECUTE p ('2024-03-31 01:00Z'); EXECUTE p ('infinity'); EXECUTE p ('-infinity'); EXECUTE p (NULL); EXECUTE p ('1900-01-01'); EXECUTE p ('2100-01-01'); EXECUTE p ('1970-01-01 00:00:01Z'); EXECUTE p ('2024-10-27 01:30Z');
DEALLOCATE p;

-- prepared: time, bytea, boolean
PREPARE p (time, bytea, boolean) AS SELECT id FROM t WHERE tm = $1 OR y = $2 OR b = $3;
EXECUTE p ('24:00', '\x00', true); EXECUTE p (NULL, NULL, NULL); EXECUTE p ('00:00:00.000001', '', false); EXECUTE p ('12:00', NULL, NULL);
EXECUTE p ('23:59:59.999999', '\xff', NULL); EXECUTE p (NULL, '\x2720', NULL); EXECUTE p (NULL, NULL, true);
DEALLOCATE p;

-- prepared: types that are compared as another
PREPARE p (char(10), varchar, name, smallint, real) AS SELECT id FROM t WHERE c = $1 OR s = $2 OR x = $3 OR i8 = $4 OR f8 = $5;
EXECUTE p ('abc', NULL, NULL, NULL, NULL); EXECUTE p ('abc   ', 'ABC', NULL, NULL, NULL); EXECUTE p (NULL, 'abc ', 'Abc', 7, NULL);
EXECUTE p (NULL, NULL, NULL, -1, 0.1); EXECUTE p ('', '', '', 0, 0); EXECUTE p ('é', 'é', 'é', 42, 'Infinity'); EXECUTE p (' ', ' ', ' ', 3, 0.5);
DEALLOCATE p;

-- prepared: list
PREPARE p (int[]) AS SELECT id FROM t WHERE i4 = ANY ($1);
EXECUTE p ('{1,2}'); EXECUTE p ('{}'); EXECUTE p (NULL); EXECUTE p ('{NULL}'); EXECUTE p ('{1,NULL,42}'); EXECUTE p ('{{1,2},{3,42}}'); EXECUTE p (ARRAY(SELECT generate_series(-2000, 2000)));
DEALLOCATE p;

-- prepared: list of text
PREPARE p (text[]) AS SELECT id FROM t WHERE s = ANY ($1) AND xc <> ALL ($1);
EXECUTE p ('{a,abc}'); EXECUTE p ('{}'); EXECUTE p (NULL); EXECUTE p ('{NULL}'); EXECUTE p ('{abc,NULL,é}'); EXECUTE p ('{"",A}'); EXECUTE p ('{"\\"}');
DEALLOCATE p;

-- prepared: LIMIT and OFFSET
PREPARE p (bigint, bigint) AS SELECT id FROM t WHERE i4 > 0 ORDER BY id LIMIT $1 OFFSET $2;
EXECUTE p (5, 0); EXECUTE p (NULL, 3); EXECUTE p (0, NULL); EXECUTE p (3, 1000); EXECUTE p (9223372036854775807, 100); EXECUTE p (2, 2); EXECUTE p (NULL, NULL);
EXECUTE p (-1, 0);
EXECUTE p (1, -1);
EXECUTE p (4, 4);
DEALLOCATE p;

-- prepared: filter, order and LIMIT
PREPARE p (text, int, int) AS SELECT id, xc FROM t WHERE xc >= $1 AND i4 <> $2 ORDER BY xc DESC, id LIMIT $3;
EXECUTE p ('a', 1, 5); EXECUTE p ('A', 42, 3); EXECUTE p ('é', 0, 2); EXECUTE p ('', NULL, 4); EXECUTE p ('z', 5, NULL); EXECUTE p (NULL, 1, 1); EXECUTE p ('b', 7, 9);
DEALLOCATE p;

-- prepared: one parameter in many places
PREPARE p (int) AS SELECT id + $1 FROM t WHERE (i4 = $1 OR i2 = $1 OR i8 = $1 + 1) AND id > $1;
EXECUTE p (1); EXECUTE p (2); EXECUTE p (NULL); EXECUTE p (0); EXECUTE p (-1); EXECUTE p (2147483646); EXECUTE p (3);
DEALLOCATE p;

-- prepared: joined with a local table
PREPARE p (int) AS SELECT h.id, t.id, t.s FROM here AS h JOIN t ON t.id = h.k4 WHERE h.id < $1;
EXECUTE p (5); EXECUTE p (100); EXECUTE p (NULL); EXECUTE p (1); EXECUTE p (50); EXECUTE p (20); EXECUTE p (203);
DEALLOCATE p;

-- prepared: IS NOT DISTINCT FROM, BETWEEN, IN
PREPARE p (int, int) AS SELECT id FROM t WHERE i4 IS NOT DISTINCT FROM $1 OR i2 BETWEEN $1 AND $2 OR i8 IN ($1, $2);
EXECUTE p (1, 5); EXECUTE p (NULL, 5); EXECUTE p (5, NULL); EXECUTE p (NULL, NULL); EXECUTE p (42, 42); EXECUTE p (10, 1); EXECUTE p (-1, 1);
DEALLOCATE p;

-- prepared: an error at some of the executions
PREPARE p (int) AS SELECT id FROM t WHERE id < 5 AND 10 / ($1 - id) > 1;
EXECUTE p (100);
EXECUTE p (2);
EXECUTE p (50);
EXECUTE p (NULL);
EXECUTE p (4);
EXECUTE p (7);
EXECUTE p (0);
DEALLOCATE p;

-- prepared: another collation than the column's
PREPARE p (text) AS SELECT id FROM t WHERE s COLLATE "en-US-x-icu" > $1 AND x = $1 COLLATE "C";
EXECUTE p ('a'); EXECUTE p ('B'); EXECUTE p (NULL); EXECUTE p (''); EXECUTE p ('abc'); EXECUTE p ('é'); EXECUTE p ('z');
DEALLOCATE p;

-- two cursors on one source, in turn
BEGIN;
DECLARE one CURSOR FOR SELECT id, s FROM t ORDER BY id;
DECLARE two CURSOR FOR SELECT id, note FROM u ORDER BY id DESC;
FETCH 3 FROM one;
FETCH 2 FROM two;
FETCH 40 FROM one;
SELECT count(*) FROM t WHERE i4 > 0;
FETCH 5 FROM two;
FETCH 1 FROM one;
CLOSE two;
SELECT id FROM u WHERE id = 7;
FETCH 2 FROM one;
FETCH ALL FROM one;
FETCH 1 FROM one;
COMMIT;

-- a cursor in the midst of its own table's other scans, and left open
BEGIN;
DECLARE one CURSOR FOR SELECT id, length(x) FROM t WHERE xc >= '' ORDER BY xc, id;
FETCH 10 FROM one;
SELECT a.id, b.id FROM t AS a JOIN t AS b ON a.id = b.i4 WHERE a.id < 50 ORDER BY a.id, b.id;
FETCH 10 FROM one;
COMMIT;
SELECT count(*) FROM t;

-- a cursor that scrolls
BEGIN;
DECLARE one SCROLL CURSOR FOR SELECT id FROM t WHERE i4 > 0 ORDER BY id;
FETCH 5 FROM one;
FETCH BACKWARD 3 FROM one;
FETCH ABSOLUTE 20 FROM one;
MOVE FORWARD 10 IN one;
FETCH NEXT FROM one;
FETCH LAST FROM one;
FETCH FIRST FROM one;
ROLLBACK;

-- a cursor that outlives its transaction
BEGIN;
DECLARE one CURSOR WITH HOLD FOR SELECT id FROM t WHERE s LIKE 'a%' ORDER BY id;
FETCH 2 FROM one;
COMMIT;
SELECT count(*) FROM u;
FETCH 3 FROM one;
CLOSE one;

-- savepoints around cursors and errors
BEGIN;
DECLARE one CURSOR FOR SELECT id FROM t ORDER BY id;
FETCH 2 FROM one;
SAVEPOINT a;
SELECT count(*) FROM t WHERE b;
DECLARE two CURSOR FOR SELECT id FROM u ORDER BY id;
FETCH 2 FROM two;
ROLLBACK TO a;
FETCH 2 FROM one;
FETCH 2 FROM two;
ROLLBACK TO a;
SELECT 1 / i4 FROM t WHERE i4 = 0;
ROLLBACK TO a;
FETCH 2 FROM one;
SAVEPOINT b;
SELECT count(*) FROM u;
RELEASE b;
SELECT id FROM t WHERE id = 3;
FETCH 2 FROM one;
COMMIT;

-- rolled back in the midst of a scan, then the same again
BEGIN;
DECLARE one CURSOR FOR SELECT * FROM t ORDER BY id;
MOVE 5 IN one;
ROLLBACK;
SELECT count(*), min(id) FROM t;
BEGIN;
SELECT count(*) FROM u WHERE t_id IS NULL;
SELECT nothing FROM t;
SELECT count(*) FROM u;
ROLLBACK;
SELECT count(*) FROM u;

-- an error in the midst of a scan, then more
SELECT 100 / (id - 300) FROM t ORDER BY id;
SELECT id FROM t WHERE id = 300;
SELECT s::int FROM t;
SELECT count(*) FROM t;

-- kinds of transactions
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM t;
SELECT count(*) FROM u;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT max(id) FROM t;
SELECT t.id FROM t JOIN u ON t.id = u.t_id WHERE u.id = 9;
COMMIT;

-- a loop with look-ups within
SELECT * FROM walk();
SELECT count(*) FROM walk();
SELECT look_up(id) FROM t WHERE id < 20 ORDER BY id;

-- a loop that catches errors
SELECT * FROM walk_with_errors();
SELECT * FROM walk_with_errors() LIMIT 3;

-- a loop that catches errors of the source
SELECT * FROM walk_with_remote_errors();
BEGIN;
DECLARE one CURSOR FOR SELECT id FROM t ORDER BY id;
FETCH 2 FROM one;
SELECT * FROM walk_with_remote_errors() LIMIT 5;
FETCH 2 FROM one;
COMMIT;

-- prepared: boolean parameters as conditions
PREPARE p (boolean, int) AS SELECT id FROM t WHERE ($1 OR b) AND id < 20 AND (i4 = $2) IS NOT TRUE AND b IS DISTINCT FROM $1;
EXECUTE p (true, 1); EXECUTE p (false, 1); EXECUTE p (NULL, NULL); EXECUTE p (true, NULL); EXECUTE p (NULL, 42); EXECUTE p (false, 0); EXECUTE p (true, 0);
DEALLOCATE p;

-- a partitioned table of which it is a part
BEGIN;
CREATE TABLE whole (LIKE t) PARTITION BY RANGE (id);
ALTER TABLE whole ATTACH PARTITION t FOR VALUES FROM (0) TO (500);
CREATE TABLE rest PARTITION OF whole FOR VALUES FROM (500) TO (1000);
INSERT INTO rest (id, s, i4) VALUES (500, 'abc', 1), (501, 'ABC', 2), (502, NULL, NULL);
SELECT count(*) FROM whole;
SELECT id, s FROM whole WHERE s = 'abc' ORDER BY id DESC LIMIT 5;
SELECT id FROM whole ORDER BY id DESC LIMIT 5;
SELECT id, i4 FROM whole ORDER BY i4, id LIMIT 50;
SELECT id FROM whole WHERE id IN (1, 499, 501) ORDER BY id;
SELECT w.id, u.id FROM whole AS w JOIN u ON w.id = u.t_id ORDER BY 1, 2;
SELECT w.id, h.id FROM whole AS w JOIN here AS h ON w.id = h.k4 ORDER BY 1, 2;
SELECT max(id), min(i4) FROM whole;
ROLLBACK;

-- a child of another table, with its columns in another order
BEGIN;
CREATE TABLE parent (note text, amount numeric(12,2), id int);
INSERT INTO parent VALUES ('p', 1, 1000), ('note 3', 2, 1001);
ALTER TABLE u INHERIT parent;
SELECT count(*) FROM parent;
SELECT id, note FROM parent WHERE note = 'note 3' ORDER BY id;
SELECT id FROM parent ORDER BY id DESC LIMIT 4;
SELECT p.id, h.id FROM parent AS p JOIN here AS h ON h.k4 = p.id ORDER BY 1, 2;
ROLLBACK;

-- a loop of cursors in an anonymous block
CREATE TEMP TABLE seen (a int, b int);
DO $$
DECLARE
	c1 CURSOR FOR SELECT id FROM t WHERE i4 = 42 ORDER BY id;
	c2 CURSOR (k int) FOR SELECT id FROM u WHERE t_id > k ORDER BY id LIMIT 3;
BEGIN
	FOR r1 IN c1 LOOP
		FOR r2 IN c2 (r1.id) LOOP
			INSERT INTO seen VALUES (r1.id, r2.id);
		END LOOP;
	END LOOP;
END $$;
SELECT * FROM seen ORDER BY a, b;
DROP TABLE seen;

-- a local copy, and a change of local rows by what is there
CREATE TEMP TABLE copy AS SELECT * FROM t;
SELECT count(*), sum(id), count(s), count(x), count(y) FROM copy;
UPDATE copy SET s = u.note FROM u WHERE u.t_id = copy.id;
DELETE FROM copy USING t WHERE t.id = copy.id AND t.i4 > 0;
INSERT INTO copy (id, s) SELECT id + 1000, s FROM t WHERE s LIKE 'a%';
SELECT count(*), sum(id), md5(string_agg(coalesce(s, '-'), ',' ORDER BY id, s)) FROM copy WHERE s NOT LIKE 'note%';
DROP TABLE copy;

-- a local table merged with what is there
CREATE TEMP TABLE copy AS SELECT id, s, i4 FROM t WHERE id % 3 = 0;
MERGE INTO copy USING (SELECT id, s, i4 FROM t WHERE i4 >= 0) AS t ON copy.id = t.id
	WHEN MATCHED AND t.s = 'abc' THEN DELETE
	WHEN MATCHED THEN UPDATE SET s = 'merged ' || coalesce(t.s, '-')
	WHEN NOT MATCHED THEN INSERT VALUES (t.id, t.s, t.i4);
SELECT * FROM copy ORDER BY id;
WITH changed AS (DELETE FROM copy USING u WHERE u.t_id = copy.id RETURNING copy.id, u.note)
	SELECT c.id, c.note, t.s FROM changed AS c JOIN t ON t.id = c.id ORDER BY 1, 2;
DROP TABLE copy;

-- exported as text
COPY (SELECT id, i8, f8, n, b, s, d, ts, tz, y, j FROM t WHERE id < 200 ORDER BY id) TO STDOUT;

-- a view, and a view over a view with a join
CREATE TEMP VIEW one AS SELECT id, s, i4 FROM t WHERE i4 > 0;
CREATE TEMP VIEW two AS SELECT one.id, one.s, u.note FROM one LEFT JOIN u ON u.t_id = one.id;
SELECT * FROM one WHERE s = 'abc' ORDER BY id;
SELECT * FROM two WHERE note IS NOT NULL ORDER BY id, note;
DROP VIEW two, one;

-- a barrier view keeps what may leak behind it
CREATE TEMP VIEW safe WITH (security_barrier) AS SELECT id, s FROM t WHERE i4 <> 0;
SELECT id FROM safe WHERE s LIKE 'a%' AND length(s) > 1;
DROP VIEW safe;

-- a generic and a custom plan in turn
SET plan_cache_mode = force_generic_plan;
PREPARE p (int, text) AS SELECT id FROM t WHERE i4 > $1 AND s = $2;
EXECUTE p (0, 'abc'); EXECUTE p (NULL, 'abc');
SET plan_cache_mode = force_custom_plan;
EXECUTE p (0, 'abc'); EXECUTE p (0, NULL);
RESET plan_cache_mode;
EXECUTE p (-100, 'ABC');
DEALLOCATE p;

-- settings of the session do not reach the source
SET extra_float_digits = -10;
SET bytea_output = 'escape';
SET intervalstyle = 'iso_8601';
SET datestyle = 'SQL, DMY';
SELECT id FROM t WHERE f8 = 0.30000000000000004 OR y = '\x5c' OR d = '29/02/2024' OR ts = '29/02/2024 12:34:56.789012';
SELECT id, f8, y, d, ts FROM t WHERE f8 > 0.1 AND f8 < 1 AND id < 100;
RESET ALL;

-- another client encoding
SET client_encoding = 'LATIN1';
SELECT id FROM t WHERE s = chr(233);
SELECT id, s FROM t WHERE s = chr(233);
SELECT s FROM t WHERE s = (SELECT chr(128512 + (random() * 0)::int));
SELECT id FROM t WHERE s = (SELECT chr(128512 + (random() * 0)::int));
RESET client_encoding;

-- a subtransaction for each of many look-ups
CREATE FUNCTION pg_temp.many_tries() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := 0;
	found int;
BEGIN
	FOR i IN 1..30 LOOP
		BEGIN
			SELECT 60 / (i % 5) + id INTO found FROM t WHERE id = i;
			n := n + found;
		EXCEPTION WHEN OTHERS THEN
			n := n - 1000;
		END;
	END LOOP;
	RETURN n;
END $$;
SELECT pg_temp.many_tries();
BEGIN;
SELECT pg_temp.many_tries();
SELECT count(*) FROM u;
COMMIT;

-- sub-queries in FROM, with parameters within and around

PREPARE derived_1 (int, bigint) AS SELECT t.id, g.n FROM t JOIN (SELECT t_id, count(*) AS n FROM u WHERE id > $1 GROUP BY t_id) AS g ON g.t_id = t.id AND g.n > $2;
EXECUTE derived_1 (5, 1);
EXECUTE derived_1 (5, NULL);
EXECUTE derived_1 (100, 0);
PREPARE derived_2 (text, numeric) AS SELECT t.id, g.n FROM t LEFT JOIN (SELECT t_id, count(*) AS n FROM u WHERE ks = $1 OR amount > $2 GROUP BY t_id) AS g ON g.t_id = t.id WHERE t.id < 60;
EXECUTE derived_2 ('a', 10);
EXECUTE derived_2 ('abc', 'NaN');
EXECUTE derived_2 (NULL, 20);
PREPARE derived_3 (bigint) AS SELECT t.id, g.id FROM t JOIN (SELECT id, t_id FROM u ORDER BY id LIMIT $1) AS g ON g.t_id = t.id;
EXECUTE derived_3 (10);
EXECUTE derived_3 (NULL);
DEALLOCATE ALL;
