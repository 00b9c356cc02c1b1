-- Sub-selects that are answered at the source as part of a condition, and those that are not.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;
CREATE SCHEMA sub_source;
CREATE TABLE sub_source.a (id int PRIMARY KEY, x int, t text);
CREATE TABLE sub_source.b (id int PRIMARY KEY, a_id int, y int, t text);
INSERT INTO sub_source.a SELECT g, g % 7, 't' || g % 5 FROM generate_series(1, 200) g;
INSERT INTO sub_source.b SELECT g, nullif(g % 50, 0), g % 11, 't' || g % 6 FROM generate_series(1, 300) g;
ANALYZE sub_source.a, sub_source.b;
DO $$
BEGIN
	EXECUTE format('CREATE SERVER sub_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L, port %L, dbname %L)',
				   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER sub_loop OPTIONS (user :'USER');
CREATE SCHEMA sub;
IMPORT FOREIGN SCHEMA sub_source FROM SERVER sub_loop INTO sub;
ANALYZE sub.a, sub.b;
-- the plan, and whether the rows are those of the source's own tables
CREATE FUNCTION sub_plan(query text, options text DEFAULT 'VERBOSE, COSTS OFF') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	same bool;
	line text;
	alias text;
	number int;
BEGIN
	SET LOCAL search_path = sub;
	FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
		-- as all versions show it
		CONTINUE WHEN line ~ 'Output: .*(\$\d|InitPlan)';
		FOR alias, number IN SELECT m[1], o FROM regexp_matches(line, ' AS (t\d+)', 'g') WITH ORDINALITY AS r(m, o) LOOP
			line := regexp_replace(line, '\m' || alias || '\M', 'r' || number, 'g');
		END LOOP;
		RETURN NEXT regexp_replace(line, ' \(returns .*\)|(?<=rows=\d)\.00', '');
	END LOOP;
	EXECUTE format('CREATE TEMP TABLE far AS SELECT q::text AS r FROM (%s) AS q', query);
	SET LOCAL search_path = sub_source;
	EXECUTE format('CREATE TEMP TABLE near AS SELECT q::text AS r FROM (%s) AS q', query);
	SELECT NOT EXISTS (TABLE pg_temp.far EXCEPT ALL TABLE pg_temp.near) AND NOT EXISTS (TABLE pg_temp.near EXCEPT ALL TABLE pg_temp.far) INTO same;
	RETURN NEXT format('%s rows, %s', (SELECT count(*) FROM pg_temp.far), CASE WHEN same THEN 'the same' ELSE 'OTHERS' END);
	DROP TABLE pg_temp.far, pg_temp.near;
END $$;
\pset format unaligned
\pset tuples_only on
-- correlated values
SELECT sub_plan('SELECT id FROM a WHERE x < (SELECT 0.2 * avg(y) FROM b WHERE b.a_id = a.id)');
SELECT sub_plan('SELECT a.id, b.id FROM a JOIN b ON a.id = b.a_id WHERE b.y <= (SELECT min(o.y) FROM b AS o JOIN a AS p ON p.id = o.a_id WHERE o.a_id = a.id)');
SELECT sub_plan('SELECT id FROM b WHERE t = (SELECT t FROM a WHERE a.id = b.id)');
-- several rows: the source's error
SELECT id FROM sub.a WHERE x = (SELECT y FROM sub.b WHERE b.a_id = a.id);
-- EXISTS that is no join, NOT IN
SELECT sub_plan('SELECT id FROM a WHERE x = 1 OR NOT EXISTS (SELECT FROM b WHERE b.a_id = a.id AND b.y > a.x)');
SELECT sub_plan('SELECT id FROM a WHERE id NOT IN (SELECT a_id FROM b WHERE b.y > 3)');
SELECT sub_plan('SELECT id FROM a WHERE id NOT IN (SELECT a_id FROM b WHERE a_id IS NOT NULL) AND CASE WHEN x > 3 THEN EXISTS (SELECT FROM b WHERE b.y = a.id) ELSE true END');
-- two levels, of which the inner one speaks of the outermost
SELECT sub_plan('SELECT id FROM a WHERE (SELECT count(*) FROM b WHERE b.a_id = a.id AND b.y < (SELECT avg(o.y) FROM b AS o WHERE o.a_id = b.a_id AND o.y <> a.x)) > 1');
-- below a grouping, and in an outer join's condition
SELECT sub_plan('SELECT x, count(*) FROM a WHERE x > (SELECT min(y) FROM b WHERE b.a_id = a.id) GROUP BY x');
SELECT sub_plan('SELECT a.id, b.id FROM a LEFT JOIN b ON a.id = b.a_id AND b.y = (SELECT max(y) FROM b AS o WHERE o.a_id = b.a_id)');
-- values that are sent
PREPARE sub_p (int) AS SELECT count(*) FROM sub.a WHERE x < (SELECT avg(y) FROM sub.b WHERE b.a_id = a.id AND b.y < $1);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE sub_p (5);
EXECUTE sub_p (5);
EXECUTE sub_p (11);
RESET plan_cache_mode;
-- the plan that is not used is not run either
SELECT sub_plan('SELECT id FROM a WHERE x = 1 AND x > (SELECT min(y) FROM b WHERE b.a_id = a.id)',
	'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF');
-- a value that is computed before the sub-select is sent where it belongs to the whole, and not where it does to that
SELECT sub_plan('SELECT id FROM a WHERE x < (SELECT avg(y) FROM b WHERE b.a_id = a.id AND b.y > (SELECT min(x) + 1 FROM a))');
SELECT sub_plan('SELECT id FROM a WHERE x < (SELECT avg(y) FROM b WHERE b.a_id = a.id) AND x > (SELECT avg(x) FROM a)');
-- here: with an order and a limit, above groups, volatile, of another table, aggregates of outer values, in a statement that changes rows
SELECT sub_plan('SELECT id FROM a WHERE x = (SELECT y FROM b WHERE b.a_id = a.id ORDER BY b.id LIMIT 1)');
SELECT sub_plan('SELECT x FROM a GROUP BY x HAVING sum(id) > (SELECT count(*) FROM b WHERE b.y = a.x)');
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM sub.a WHERE x < (SELECT avg(y) FROM sub.b WHERE b.a_id = a.id AND random() < 2);
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM sub.a WHERE x < (SELECT avg(y) FROM sub_source.b WHERE b.a_id = a.id);
SELECT sub_plan('SELECT id FROM a WHERE 5 < (SELECT sum(l.x) FROM b, LATERAL (SELECT a.x) AS l WHERE b.id < 3)');
EXPLAIN (VERBOSE, COSTS OFF) UPDATE sub.b SET t = 'x' WHERE y > (SELECT avg(y) FROM sub.b AS o WHERE o.a_id = b.a_id);
-- a plan whose table may be read no more
CREATE ROLE sub_reader;
GRANT USAGE ON SCHEMA sub TO sub_reader;
GRANT SELECT ON sub.a TO sub_reader;
GRANT USAGE ON FOREIGN SERVER sub_loop TO sub_reader;
CREATE USER MAPPING FOR sub_reader SERVER sub_loop OPTIONS (user :'USER');
SET ROLE sub_reader;
SELECT id FROM sub.a WHERE x > (SELECT min(y) FROM sub.b WHERE b.a_id = a.id);
RESET ROLE;
-- another user's table
CREATE VIEW sub.c AS SELECT * FROM sub.b;
GRANT SELECT ON sub.c TO sub_reader;
SET ROLE sub_reader;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM sub.a WHERE x > (SELECT avg(y) FROM sub.c WHERE c.a_id = a.id);
RESET ROLE;
SET client_min_messages = warning;
DROP SERVER sub_loop CASCADE;
DROP SCHEMA sub CASCADE;
DROP SCHEMA sub_source CASCADE;
DROP FUNCTION sub_plan;
DROP ROLE sub_reader;
