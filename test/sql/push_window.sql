-- Window functions that are computed at the source, and those that are not.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;
CREATE SCHEMA window_source;
CREATE TABLE window_source.a (id int PRIMARY KEY, x int, t text, c text COLLATE "C", n numeric(10,2), f float8, k char(4));
INSERT INTO window_source.a
	SELECT g, nullif(g % 7, 3), 't' || g % 5, 'c' || g % 3, g * 1.25, g / 8.0, 'k' || g % 2 FROM generate_series(1, 200) g;
ANALYZE window_source.a;
DO $$
BEGIN
	EXECUTE format('CREATE SERVER window_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L, port %L, dbname %L)',
				   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER window_loop OPTIONS (user :'USER');
CREATE SCHEMA windowed;
IMPORT FOREIGN SCHEMA window_source FROM SERVER window_loop INTO windowed;
ANALYZE windowed.a;
-- the functions that the source is sent, and whether the rows are those of the source's own table
CREATE FUNCTION window_plan(query text, far_schema text DEFAULT 'windowed') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	same bool;
BEGIN
	PERFORM set_config('search_path', far_schema, true);
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
		IF line ~ 'Pushed Down|OVER \(P|OVER \(O|WindowAgg' THEN
			RETURN NEXT ltrim(line);
		END IF;
	END LOOP;
	EXECUTE format('CREATE TEMP TABLE far AS SELECT q::text AS r FROM (%s) AS q', query);
	SET LOCAL search_path = window_source;
	EXECUTE format('CREATE TEMP TABLE near AS SELECT q::text AS r FROM (%s) AS q', query);
	SELECT NOT EXISTS (TABLE pg_temp.far EXCEPT ALL TABLE pg_temp.near) AND NOT EXISTS (TABLE pg_temp.near EXCEPT ALL TABLE pg_temp.far) INTO same;
	RETURN NEXT format('%s rows, %s', (SELECT count(*) FROM pg_temp.far), CASE WHEN same THEN 'the same' ELSE 'OTHERS' END);
	DROP TABLE pg_temp.far, pg_temp.near;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT window_plan('SELECT id, rank() OVER (PARTITION BY t ORDER BY x DESC) FROM a WHERE id > 20');
SELECT window_plan('SELECT id, sum(n) FILTER (WHERE x > 2) OVER (PARTITION BY k ORDER BY c, id ROWS 2 PRECEDING EXCLUDE TIES), lag(t, 2, ''none'') OVER (PARTITION BY k ORDER BY c, id) FROM a');
SELECT window_plan('SELECT x + 1, count(*) OVER (PARTITION BY x) * 2, max(id) OVER (ORDER BY x NULLS FIRST) FROM a ORDER BY x, id');
SELECT window_plan('SELECT a.id, b.t, dense_rank() OVER (ORDER BY b.c, a.x) FROM a JOIN a AS b ON a.id = b.x');
-- by an order that is not the source's, by floats in the order of the rows, by what only this server knows
SELECT window_plan('SELECT id, rank() OVER (ORDER BY t) FROM a');
SELECT window_plan('SELECT id, sum(f) OVER (ORDER BY id) FROM a');
SELECT window_plan('SELECT id, rank() OVER (ORDER BY x) FROM a WHERE t || id::text ~ ''1''');
-- two orders, a distance, and no order
SELECT window_plan('SELECT id, row_number() OVER (ORDER BY id), row_number() OVER (ORDER BY id DESC) FROM a');
SELECT window_plan('SELECT id, sum(id) OVER (ORDER BY id RANGE 3 PRECEDING) FROM a');
SELECT window_plan('SELECT count(*), sum(i) FROM (SELECT row_number() OVER () AS i FROM a) AS q');
-- grouped rows, with DISTINCT and LIMIT above
SELECT window_plan('SELECT x, rank() OVER (ORDER BY count(*)) FROM a GROUP BY x');
SELECT window_plan('SELECT DISTINCT x, first_value(id) OVER (PARTITION BY x ORDER BY id) FROM a ORDER BY 2, 1 LIMIT 3');
SELECT window_plan('SELECT id, rank() OVER (ORDER BY x) FROM a ORDER BY x DESC, id LIMIT 5 OFFSET 2');
-- conditions around them
SELECT window_plan('SELECT * FROM (SELECT id, t, k, row_number() OVER (PARTITION BY t ORDER BY id DESC) AS i FROM a) AS q WHERE i <= 2');
SELECT window_plan('SELECT * FROM (SELECT id, rank() OVER (PARTITION BY c ORDER BY x, id) AS i FROM a) AS q WHERE i = 1 AND id > 1');
SELECT window_plan('SELECT * FROM (SELECT id, count(*) OVER (ORDER BY id) AS i, rank() OVER (PARTITION BY x ORDER BY c) AS j FROM a) AS q WHERE i < 100 AND j < 3');
-- at SQLite: text by bytes alone, no conditions that it cannot answer exactly, averages by sum and count
COPY (SELECT 'DROP TABLE IF EXISTS a; CREATE TABLE a (id int NOT NULL, x int, t text, c text, n numeric(10,2), f double, k char(4));'
	UNION ALL SELECT format('INSERT INTO a VALUES (%s, %s, %L, %L, %s, %s, %L);', id, coalesce(x::text, 'NULL'), t, c, n, f, k) FROM window_source.a)
TO PROGRAM 'rm -f /tmp/regress_connkit_window.db; sqlite3 /tmp/regress_connkit_window.db';
CREATE SERVER window_file FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '/tmp/regress_connkit_window.db');
CREATE USER MAPPING FOR CURRENT_USER SERVER window_file;
CREATE SCHEMA filed;
CREATE FOREIGN TABLE filed.a (id int NOT NULL, x int, t text, c text COLLATE "C", n numeric(10,2), f float8, k char(4)) SERVER window_file;
SELECT window_plan('SELECT id, rank() OVER (PARTITION BY t ORDER BY x DESC, id), avg(x) OVER (ORDER BY c, id ROWS 2 PRECEDING) FROM a', 'filed');
SELECT window_plan('SELECT id, lag(t, 2, ''none'') OVER (ORDER BY id), sum(x) OVER (ORDER BY x GROUPS 1 PRECEDING EXCLUDE TIES) FROM a ORDER BY id LIMIT 9', 'filed');
SELECT window_plan('SELECT id, count(x) OVER (ORDER BY x RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING), cume_dist() OVER (ORDER BY f) FROM a', 'filed');
SELECT window_plan('SELECT * FROM (SELECT id, x, row_number() OVER (PARTITION BY c ORDER BY id DESC) AS i FROM a) AS q WHERE i < 3', 'filed');
SELECT window_plan('SELECT id, rank() OVER (ORDER BY t) FROM a', 'filed');
SELECT window_plan('SELECT id, lag(n) OVER (ORDER BY id) FROM a', 'filed');
SELECT window_plan('SELECT id, rank() OVER (ORDER BY x) FROM a WHERE x > 2', 'filed');
SELECT window_plan('SELECT id, lag(x) OVER w, first_value(x) OVER (w ROWS 1 PRECEDING) FROM a WINDOW w AS (ORDER BY id)', 'filed');
-- texts that SQLite would compare pair by pair are joined here, integers there
DO $$
DECLARE
	line text;
BEGIN
	FOR line IN EXPLAIN (COSTS OFF) SELECT a.id FROM filed.a JOIN filed.a AS b ON a.t = b.t LOOP
		ASSERT line !~ 'Relations', 'texts';
	END LOOP;
	FOR line IN EXPLAIN (COSTS OFF) SELECT a.id FROM filed.a JOIN filed.a AS b ON a.id = b.x LOOP
		IF line ~ 'Relations' THEN
			RAISE NOTICE '%', btrim(line);
		END IF;
	END LOOP;
END $$;
-- columns that are named as the source might name what it yields
CREATE FOREIGN TABLE filed.b (ck_1 int, ck_2 int) SERVER window_file OPTIONS (query 'SELECT (7 - id) % 5 AS ck_1, id % 3 AS ck_2 FROM a WHERE id < 9');
SELECT ck_2, sum(ck_1) FROM filed.b GROUP BY ck_2 ORDER BY ck_2 DESC;
DROP FOREIGN TABLE filed.b;
DROP SERVER window_file CASCADE;
COPY (SELECT '') TO PROGRAM 'rm -f /tmp/regress_connkit_window.db';
DROP SERVER window_loop CASCADE;
