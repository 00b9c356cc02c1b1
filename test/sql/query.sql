-- Queries of a table at another PostgreSQL: what is sent, what stays here, and that the rows are the same.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
CREATE SCHEMA query_source;
CREATE TABLE query_source.t (
	id bigint PRIMARY KEY, small smallint, n numeric(12,2), d double precision, v varchar(20), t text, c char(5),
	day date, ts timestamp, tz timestamptz, ok boolean, j jsonb, u uuid, a int[], b bytea, i interval);
INSERT INTO query_source.t
SELECT g, g % 7, g * 1.25, g / 3.0::float8, 'name ' || g, CASE g % 5 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE repeat('ab', g) END,
	'c' || g % 3, date '2024-02-28' + g, timestamp '2024-01-01' + g * interval '1 hour', timestamptz '2024-01-01 00:00+00' +
	g * interval '1 hour', g % 3 = 0, jsonb_build_object('k', g), md5(g::text)::uuid, ARRAY[g, NULL, -g], decode(md5(g::text), 'hex'),
	g * interval '1 day'
FROM generate_series(1, 100) g;
INSERT INTO query_source.t (id) VALUES (-1);
ANALYZE query_source.t;

DO $$
BEGIN
	EXECUTE format('CREATE SERVER query_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L, port %L, dbname %L)',
				   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER query_loop OPTIONS (user :'USER');
CREATE FOREIGN TABLE ft (
	id bigint NOT NULL, small smallint, n numeric(12,2), d double precision, v varchar(20), text_here text OPTIONS (column_name 't'),
	c char(5), day date, ts timestamp, tz timestamptz, ok boolean, j jsonb, u uuid, a int[], b bytea, i interval)
SERVER query_loop OPTIONS (schema_name 'query_source', table_name 't');

-- projection
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft;
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) FROM ft;
SELECT count(*) FROM ft;
SELECT * FROM ft WHERE id IN (-1, 1, 3) ORDER BY id;
SELECT ft FROM ft WHERE id = 5;

-- filters: exact, generous, and those that stay here
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE id > 5 AND small = 3 AND n < 100.5 AND day = date '2024-03-04';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE v = 'name 7';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE v < 'name 7';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE v COLLATE "C" < 'name 2' AND text_here LIKE 'ab%';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE ok AND NOT (id = 3 OR text_here IS NULL) AND (n > 5) IS NOT FALSE;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE id = ANY (ARRAY[1, 2, NULL]) AND u <> ALL (ARRAY[u]);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE j > '{"k": 5}' AND j @> '{"k": 7}';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE random() < 2 AND upper(v) = 'NAME 7' AND abs(id) % 10 = 7;
SELECT id FROM ft WHERE abs(id) % 10 = 7 AND upper(v) = 'NAME 7';
SELECT id FROM ft WHERE ts > timestamp '2024-01-05 02:00' ORDER BY id;
SELECT id FROM ft WHERE i = interval '31 days' OR b = decode(md5('2'), 'hex') ORDER BY id;

-- order and limit
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft ORDER BY small DESC NULLS LAST, id LIMIT 3 OFFSET 2;
SELECT id, small FROM ft ORDER BY small DESC NULLS LAST, id LIMIT 3 OFFSET 2;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft ORDER BY v COLLATE "C" LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft ORDER BY v LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE v < 'name 5' LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft ORDER BY small FETCH FIRST 2 ROWS WITH TIES;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, generate_series(1, 2) FROM ft ORDER BY id LIMIT 3;
SELECT id, generate_series(1, 2) FROM ft ORDER BY id LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft LIMIT ALL;

-- parameters, also after the fifth execution
PREPARE look (bigint, text, date) AS SELECT id, v FROM ft WHERE id = $1 OR v = $2 OR day = $3 ORDER BY id;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE look (1, 'name 2', '2024-03-02');
EXECUTE look (1, 'name 2', '2024-03-02');
EXECUTE look (NULL, NULL, NULL);
EXECUTE look (4, 'none', 'infinity');
RESET plan_cache_mode;
EXECUTE look (5, 'none', NULL);
EXECUTE look (6, 'none', NULL);
EXECUTE look (7, 'none', NULL);
EXECUTE look (8, 'none', NULL);
PREPARE part (int, int) AS SELECT id FROM ft ORDER BY id LIMIT $1 OFFSET $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE part (2, 1);
EXECUTE part (2, 1);
EXECUTE part (0, NULL);
EXECUTE part (NULL, 99);
EXECUTE part (-1, 0);
RESET plan_cache_mode;

-- a stable expression is computed here and sent
SET timezone = 'UTC';
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM ft WHERE tz < now();

-- scans that run beside one another, cursors, savepoints, errors
BEGIN;
DECLARE one CURSOR FOR SELECT id FROM ft WHERE id > 0 ORDER BY id;
DECLARE two CURSOR FOR SELECT id FROM ft WHERE id > 50 ORDER BY id;
FETCH 2 FROM one;
FETCH 2 FROM two;
FETCH 2 FROM one;
SAVEPOINT s;
SELECT 1 / (id - 3) FROM ft WHERE id IN (1, 3);
ROLLBACK TO s;
FETCH 2 FROM two;
SELECT id FROM ft WHERE 10 / (id - 5) = 10;
ROLLBACK TO s;
FETCH 1 FROM one;
SELECT count(*) FROM ft a JOIN ft b USING (id);
COMMIT;

-- one snapshot a transaction
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM ft;
\setenv PGDATABASE :DBNAME
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\! psql -X -q -c "INSERT INTO query_source.t (id) VALUES (-2)"
SELECT count(*) FROM ft;
COMMIT;
SELECT count(*) FROM ft;
DELETE FROM query_source.t WHERE id = -2;

-- a scan that is set aside for another one and fails there is not read on, whoever caught the error
CREATE TABLE query_source.bad AS SELECT g AS id, CASE g WHEN 500 THEN 'toolong' ELSE 'ok' END AS s FROM generate_series(1, 1000) g;
CREATE FOREIGN TABLE bad (id int, s varchar(3)) SERVER query_loop OPTIONS (schema_name 'query_source', table_name 'bad');
CREATE FOREIGN TABLE beside (id int) SERVER query_loop OPTIONS (schema_name 'query_source', table_name 't');
DO $$
DECLARE
	r record;
	n int := 0;
	caught int := 0;
BEGIN
	FOR r IN SELECT s, id FROM bad LOOP
		n := n + 1;
		BEGIN
			PERFORM count(*) FROM beside;
		EXCEPTION WHEN others THEN
			caught := caught + 1;
		END;
	END LOOP;
	RAISE NOTICE '% rows, % errors', n, caught;
END $$;
DROP TABLE query_source.bad CASCADE;

-- declared otherwise than at the source
CREATE FOREIGN TABLE other (id text, n numeric(12,1), v varchar(3), d bigint, j text)
SERVER query_loop OPTIONS (schema_name 'query_source', table_name 't');
SELECT id, n, j FROM other WHERE n = 3.8;
SELECT id FROM other WHERE id COLLATE "C" < '11' ORDER BY id COLLATE "C";
SELECT v FROM other WHERE id = '3';
ALTER FOREIGN TABLE other ADD gone int;
SELECT gone FROM other;
SELECT id FROM other WHERE id = '4';
CREATE FOREIGN TABLE nothing (id int) SERVER query_loop OPTIONS (table_name 'no_such_table');
SELECT * FROM nothing;
CREATE FOREIGN TABLE chosen (id bigint, twice bigint) SERVER query_loop
OPTIONS (query 'SELECT id, id * 2 AS twice FROM query_source.t');
EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM chosen WHERE twice = 8;
SELECT * FROM chosen WHERE twice = 8;

-- what it cannot do
PREPARE TRANSACTION 'p';
BEGIN;
SELECT count(*) FROM ft;
PREPARE TRANSACTION 'p';

SET client_min_messages = warning;
DROP SERVER query_loop CASCADE;
DROP SCHEMA query_source CASCADE;
