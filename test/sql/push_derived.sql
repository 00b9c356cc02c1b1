-- Sub-queries in FROM that are derived tables of a join or a grouping at the source, and those that are not.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;
CREATE SCHEMA derived_source;
CREATE TABLE derived_source.a (id int PRIMARY KEY, x int, t text, c text COLLATE "C", k varchar(8), n numeric(10,2));
CREATE TABLE derived_source.b (id int PRIMARY KEY, a_id int, y int, t text, n numeric(10,2));
INSERT INTO derived_source.a SELECT g, g % 7, 't' || g % 5, 'c' || g % 3, 'k' || g % 4, g * 1.25 FROM generate_series(1, 200) g;
INSERT INTO derived_source.b SELECT g, nullif(g % 50, 0), g % 11, 't' || g % 6, g / 8.0 FROM generate_series(1, 300) g;
ANALYZE derived_source.a, derived_source.b;
DO $$
BEGIN
	EXECUTE format('CREATE SERVER derived_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L, port %L, dbname %L)',
				   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER derived_loop OPTIONS (user :'USER');
CREATE SCHEMA derived;
IMPORT FOREIGN SCHEMA derived_source FROM SERVER derived_loop INTO derived;
ANALYZE derived.a, derived.b;
-- the plan, and whether the rows are those of the source's own tables
CREATE FUNCTION derived_plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	same bool;
BEGIN
	SET LOCAL search_path = derived;
	RETURN QUERY EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query;
	EXECUTE format('CREATE TEMP TABLE far AS SELECT q::text AS r FROM (%s) AS q', query);
	SET LOCAL search_path = derived_source;
	EXECUTE format('CREATE TEMP TABLE near AS SELECT q::text AS r FROM (%s) AS q', query);
	SELECT NOT EXISTS (TABLE pg_temp.far EXCEPT ALL TABLE pg_temp.near) AND NOT EXISTS (TABLE pg_temp.near EXCEPT ALL TABLE pg_temp.far) INTO same;
	RETURN NEXT format('%s rows, %s', (SELECT count(*) FROM pg_temp.far), CASE WHEN same THEN 'the same' ELSE 'OTHERS' END);
	DROP TABLE pg_temp.far, pg_temp.near;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT derived_plan('SELECT a.id, g.n, g.total FROM a JOIN (SELECT a_id, count(*) AS n, sum(n) AS total FROM b GROUP BY a_id) AS g ON g.a_id = a.id WHERE g.n > 5 AND a.x = 2');
SELECT derived_plan('SELECT a.x, count(*) FROM a WHERE a.id IN (SELECT a_id FROM b GROUP BY a_id HAVING sum(y) > 30) GROUP BY a.x ORDER BY a.x');
-- expressions, which an outer join makes NULL, and texts
SELECT derived_plan('SELECT a.id, g.one, g.total, g.first FROM a LEFT JOIN (SELECT x, 1 AS one, coalesce(sum(id), 0) AS total, min(c || ''x'') || ''y'' AS first FROM a GROUP BY x) AS g ON g.x = a.id AND g.total > 2900');
SELECT derived_plan('SELECT a.id, g.t FROM a JOIN (SELECT k, t, max(id) AS last FROM a GROUP BY k, t) AS g ON g.k = a.k AND g.t || a.t LIKE ''t1%'' AND g.last > a.id');
SELECT derived_plan('SELECT count(*) FROM a, (SELECT DISTINCT t FROM b) AS g WHERE g.t = a.t');
-- LIMIT
SELECT derived_plan('SELECT a.id, g.id FROM a LEFT JOIN (SELECT id, a_id, y * 2 AS z FROM b WHERE y > 3 ORDER BY n DESC, id LIMIT 40 OFFSET 2) AS g ON g.a_id = a.id AND g.z > 10 ORDER BY a.id, g.id');
SELECT derived_plan('SELECT g.id FROM a JOIN (SELECT a.id, b.y FROM a JOIN b ON a.id = b.a_id ORDER BY b.id LIMIT 9) AS g ON g.y = a.id');
-- window functions; groups of groups
SELECT derived_plan('SELECT a.id, g.id FROM a JOIN (SELECT id, a_id, row_number() OVER (PARTITION BY a_id ORDER BY id) AS r FROM b) AS g ON g.a_id = a.id WHERE g.r <= 2');
SELECT derived_plan('SELECT g.n, count(*) FROM (SELECT a_id, count(*) AS n FROM b GROUP BY a_id) AS g GROUP BY g.n');
SELECT derived_plan('SELECT a.id, h.n FROM a JOIN (SELECT g.n, max(g.a_id) AS last FROM (SELECT a_id, count(*) AS n FROM b GROUP BY a_id) AS g GROUP BY g.n) AS h ON h.last = a.id');
-- what is computed before it
SELECT derived_plan('SELECT a.id FROM a JOIN (SELECT a_id FROM b GROUP BY a_id HAVING count(*) > (SELECT min(id) FROM a)) AS g ON g.a_id = a.id');
-- those that are read by themselves: LATERAL, whole rows, something volatile, a setting of the table
SELECT derived_plan('SELECT a.id, g.n FROM a, LATERAL (SELECT max(y) AS n FROM b WHERE b.a_id = a.id) AS g WHERE a.x = 2');
SELECT derived_plan('SELECT g FROM a JOIN (SELECT a_id, count(*) FROM b GROUP BY a_id) AS g ON g.a_id = a.id');
SELECT derived_plan('SELECT g.a_id FROM a JOIN (SELECT a_id, count(*) + (random() * 0)::int FROM b GROUP BY a_id) AS g ON g.a_id = a.id');
ALTER FOREIGN TABLE derived.b OPTIONS (ADD query_timeout '5');
EXPLAIN (COSTS OFF) SELECT a.id FROM derived.a JOIN (SELECT a_id FROM derived.b GROUP BY a_id) AS g ON g.a_id = a.id;
ALTER FOREIGN TABLE derived.b OPTIONS (DROP query_timeout);
-- rights on the tables within are looked at, and changes of them noticed; a view's tables are read as its owner does
CREATE ROLE derived_reader;
CREATE ROLE derived_owner;
CREATE USER MAPPING FOR derived_reader SERVER derived_loop OPTIONS (user :'USER');
GRANT USAGE ON SCHEMA derived TO derived_reader, derived_owner;
GRANT SELECT ON derived.a TO derived_reader, derived_owner;
GRANT SELECT ON derived.b TO derived_owner;
CREATE VIEW derived.g AS SELECT a_id, count(*) AS n FROM derived.b GROUP BY a_id;
CREATE VIEW derived.o AS SELECT id, x FROM derived.a;
CREATE VIEW derived.barrier WITH (security_barrier) AS SELECT a_id, count(*) AS n FROM derived.b GROUP BY a_id;
ALTER VIEW derived.g OWNER TO derived_owner;
ALTER VIEW derived.o OWNER TO derived_owner;
GRANT SELECT ON derived.g, derived.o TO derived_reader;
EXPLAIN (COSTS OFF) SELECT a.id FROM derived.a JOIN derived.barrier AS g ON g.a_id = a.id;
SET ROLE derived_reader;
SELECT count(*) FROM derived.a JOIN (SELECT a_id FROM derived.b GROUP BY a_id) AS g ON g.a_id = a.id;
EXPLAIN (COSTS OFF) SELECT count(*) FROM derived.a JOIN derived.g ON g.a_id = a.id;
EXPLAIN (COSTS OFF) SELECT count(*) FROM derived.o JOIN derived.g ON g.a_id = o.id;
SELECT count(*) FROM derived.o JOIN derived.g ON g.a_id = o.id;
SELECT n, count(*) FROM derived.g GROUP BY n;
RESET ROLE;
SET ROLE derived_reader;
PREPARE derived_kept AS SELECT count(*) FROM derived.o JOIN derived.g ON g.a_id = o.id;
EXPLAIN (COSTS OFF) EXECUTE derived_kept;
RESET ROLE;
REVOKE SELECT ON derived.b FROM derived_owner;
SET ROLE derived_reader;
EXPLAIN (COSTS OFF) EXECUTE derived_kept;
RESET ROLE;
SET plan_cache_mode = force_generic_plan;
PREPARE derived_changed AS SELECT count(*) FROM derived.a JOIN (SELECT a_id FROM derived.b GROUP BY a_id) AS g ON g.a_id = a.id;
EXECUTE derived_changed;
ALTER FOREIGN TABLE derived.b ALTER a_id OPTIONS (ADD column_name 'y');
EXECUTE derived_changed;
\pset format aligned
\pset tuples_only off
SET client_min_messages = warning;
DROP SCHEMA derived CASCADE;
DROP SERVER derived_loop CASCADE;
DROP SCHEMA derived_source CASCADE;
DROP FUNCTION derived_plan;
DROP ROLE derived_reader, derived_owner;
