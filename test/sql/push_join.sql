-- Joins that are done at the source, and those that are not.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;
CREATE SCHEMA push_source;
CREATE TABLE push_source.a (id int PRIMARY KEY, x int, t text);
CREATE TABLE push_source.b (id int PRIMARY KEY, a_id int, y int, t text);
INSERT INTO push_source.a SELECT g, g % 7, 't' || g % 5 FROM generate_series(1, 200) g;
INSERT INTO push_source.b SELECT g, nullif(g % 50, 0), g % 11, 't' || g % 6 FROM generate_series(1, 300) g;
ANALYZE push_source.a, push_source.b;
DO $$
BEGIN
	EXECUTE format('CREATE SERVER push_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L, port %L, dbname %L)',
				   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER push_loop OPTIONS (user :'USER');
CREATE SCHEMA push;
IMPORT FOREIGN SCHEMA push_source FROM SERVER push_loop INTO push;
ANALYZE push.a, push.b;
-- the plan, and whether the rows are those of the source's own tables
CREATE FUNCTION push_plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	same bool;
BEGIN
	SET LOCAL search_path = push;
	RETURN QUERY EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query;
	EXECUTE format('CREATE TEMP TABLE far AS SELECT q::text AS r FROM (%s) AS q', query);
	SET LOCAL search_path = push_source;
	EXECUTE format('CREATE TEMP TABLE near AS SELECT q::text AS r FROM (%s) AS q', query);
	SELECT NOT EXISTS (TABLE pg_temp.far EXCEPT ALL TABLE pg_temp.near) AND NOT EXISTS (TABLE pg_temp.near EXCEPT ALL TABLE pg_temp.far) INTO same;
	RETURN NEXT format('%s rows, %s', (SELECT count(*) FROM pg_temp.far), CASE WHEN same THEN 'the same' ELSE 'OTHERS' END);
	DROP TABLE pg_temp.far, pg_temp.near;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT push_plan('SELECT a.id, b.y FROM a JOIN b ON a.id = b.a_id WHERE b.y > 3 AND a.x = 2');
SELECT push_plan('SELECT a.id, b.y FROM a LEFT JOIN b ON a.id = b.a_id AND b.y > 5 WHERE a.x = 2 ORDER BY a.id, b.id LIMIT 5');
SELECT push_plan('SELECT a.id, b.id FROM b RIGHT JOIN a ON a.id = b.a_id AND b.t = a.t');
SELECT push_plan('SELECT a.id, b.id FROM a FULL JOIN b ON a.id = b.a_id WHERE a.x IS DISTINCT FROM 1');
SELECT push_plan('SELECT a.id FROM a WHERE EXISTS (SELECT FROM b WHERE b.a_id = a.id AND b.y > 3) ORDER BY a.id');
SELECT push_plan('SELECT a.id FROM a LEFT JOIN b ON b.a_id = a.id AND b.y > 3 WHERE b.id IS NULL');
SELECT push_plan('SELECT a.id, c.id FROM a LEFT JOIN (a AS c JOIN b ON c.id = b.a_id) ON c.x = a.id AND EXISTS (SELECT FROM b AS d WHERE d.id = c.x AND d.y < 9)');
-- a condition that only PostgreSQL here can answer: in an inner join it is checked here, an outer one stays here
SELECT push_plan('SELECT a.id, b.id FROM a JOIN b ON a.id = b.a_id WHERE (a.x + b.y)::text ~* ''1''');
SELECT push_plan('SELECT count(*) FROM a LEFT JOIN b ON a.id = b.a_id AND (a.x + b.y)::text ~* ''1''');
-- a condition without columns, over one side
SELECT push_plan('SELECT a.id, q.id FROM a LEFT JOIN ((SELECT * FROM b WHERE now() < ''2000-01-01'') AS b JOIN (SELECT id AS x FROM a) AS c ON c.x = b.a_id) AS q ON q.a_id = a.id');
-- a parameter
PREPARE push_param(int) AS SELECT count(*) FROM push.a JOIN push.b ON a.id = b.a_id WHERE a.x = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE push_param(3);
EXECUTE push_param(3);
EXECUTE push_param(NULL);
RESET plan_cache_mode;
-- what goes into a table here; what locks rows stays here
CREATE TABLE push.push_into (id int, y int);
EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO push.push_into SELECT a.id, b.y FROM push.a JOIN push.b ON a.id = b.a_id;
EXPLAIN (COSTS OFF) SELECT a.id FROM push.a JOIN push.b ON a.id = b.a_id FOR UPDATE OF a;
-- a table with a setting of its own
ALTER FOREIGN TABLE push.b OPTIONS (ADD query_timeout '5');
EXPLAIN (COSTS OFF) SELECT a.id FROM push.a JOIN push.b ON a.id = b.a_id WHERE b.y = 1;
\pset format aligned
\pset tuples_only off
SET client_min_messages = warning;
DROP SCHEMA push CASCADE;
DROP SERVER push_loop CASCADE;
DROP SCHEMA push_source CASCADE;
DROP FUNCTION push_plan;
