-- Grouping that is done at the source, and that which is not.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;
CREATE SCHEMA group_source;
CREATE TABLE group_source.a (id int PRIMARY KEY, x int, t text, c text COLLATE "C", n numeric(10,2), f float8, b bool, d date, k char(4));
CREATE TABLE group_source.b (id int PRIMARY KEY, a_id int, y int);
INSERT INTO group_source.a
	SELECT g, nullif(g % 7, 3), 't' || g % 5, 'c' || g % 3, g * 1.25, g / 8.0, nullif(g % 3, 0) = 1, '2024-01-01'::date + g % 4, 'k' || g % 2
	FROM generate_series(1, 200) g;
INSERT INTO group_source.b SELECT g, nullif(g % 50, 0), g % 11 FROM generate_series(1, 300) g;
ANALYZE group_source.a, group_source.b;
DO $$
BEGIN
	EXECUTE format('CREATE SERVER group_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L, port %L, dbname %L)',
				   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER group_loop OPTIONS (user :'USER');
CREATE SCHEMA grouped;
IMPORT FOREIGN SCHEMA group_source FROM SERVER group_loop INTO grouped;
ANALYZE grouped.a, grouped.b;
-- from 16 on what an aggregate here wants is asked of the source
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'enable_presorted_aggregate' \g /dev/null
-- the plan, and whether the rows are those of the source's own tables
CREATE FUNCTION group_plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	same bool;
BEGIN
	SET LOCAL search_path = grouped;
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
		-- what all versions show, and show alike
		IF line ~ '(Aggregate|Append|Join|Scan)( |$)|^ *(Relations|Remote SQL|Pushed Down|Filter): ' THEN
			RETURN NEXT regexp_replace(line, '^ *(->  )?(Async )?', '');
		END IF;
	END LOOP;
	EXECUTE format('CREATE TEMP TABLE far AS SELECT row_number() OVER () AS i, q::text AS r FROM (%s) AS q', query);
	SET LOCAL search_path = group_source;
	EXECUTE format('CREATE TEMP TABLE near AS SELECT row_number() OVER () AS i, q::text AS r FROM (%s) AS q', query);
	IF query !~ 'ORDER BY' THEN
		UPDATE pg_temp.far SET i = 0;
		UPDATE pg_temp.near SET i = 0;
	END IF;
	SELECT NOT EXISTS (TABLE pg_temp.far EXCEPT ALL TABLE pg_temp.near) AND NOT EXISTS (TABLE pg_temp.near EXCEPT ALL TABLE pg_temp.far) INTO same;
	RETURN NEXT format('%s rows, %s', (SELECT count(*) FROM pg_temp.far), CASE WHEN same THEN 'the same' ELSE 'OTHERS' END);
	DROP TABLE pg_temp.far, pg_temp.near;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT group_plan('SELECT count(*), count(x), sum(x), avg(n), min(d), max(f), bool_or(b) FROM a');
SELECT group_plan('SELECT x, count(*), sum(n) / count(*) FROM a WHERE id > 20 GROUP BY x');
SELECT group_plan('SELECT t, c, k, count(*) FROM a GROUP BY t, c, k HAVING count(*) > 3 AND max(x) < 6 ORDER BY count(*) DESC, c, k LIMIT 5');
SELECT group_plan('SELECT c, x FROM a GROUP BY c, x ORDER BY c, x NULLS FIRST LIMIT 7 OFFSET 3');
SELECT group_plan('SELECT x % 3, (x % 3) * 10 + sum(id) FROM a GROUP BY x % 3');
SELECT group_plan('SELECT x, count(*) FILTER (WHERE b), count(DISTINCT t), sum(DISTINCT id % 10), max(c) FROM a GROUP BY x');
SELECT group_plan('SELECT DISTINCT c, d FROM a WHERE x = 2 ORDER BY c, d DESC LIMIT 4');
SELECT group_plan('SELECT a.t, count(*), sum(b.y) FROM a JOIN b ON a.id = b.a_id WHERE b.y > 2 GROUP BY a.t');
SELECT group_plan('SELECT a.t, count(b.id) FROM a LEFT JOIN b ON a.id = b.a_id GROUP BY a.t HAVING count(b.id) > 0');
-- aggregates of rows in an order, and of ordered sets
SELECT group_plan('SELECT x, string_agg(t, '', '' ORDER BY c DESC, id) FILTER (WHERE id > 9), array_agg(n ORDER BY n NULLS FIRST) FROM a GROUP BY x');
SELECT group_plan('SELECT string_agg(DISTINCT c, ''-'' ORDER BY c DESC), array_agg(DISTINCT x), array_agg(DISTINCT c || c) FROM a');
SELECT group_plan('SELECT json_agg(d ORDER BY id), jsonb_object_agg(id, t ORDER BY n DESC), json_object_agg(c, x ORDER BY id) FROM a WHERE id < 12');
SELECT group_plan('SELECT sum(x ORDER BY t), count(b ORDER BY t), sum(f ORDER BY id), avg(f ORDER BY c, id) FROM a');
SELECT group_plan('SELECT x, percentile_cont(0.3) WITHIN GROUP (ORDER BY n), percentile_disc(ARRAY[0.2, 0.7]) WITHIN GROUP (ORDER BY c DESC), mode() WITHIN GROUP (ORDER BY d) FROM a GROUP BY x');
SELECT group_plan('SELECT rank(50, ''c1'') WITHIN GROUP (ORDER BY id DESC, c), cume_dist(3) WITHIN GROUP (ORDER BY x NULLS FIRST), regr_count(f, x) FROM a');
-- several groupings at once
SELECT group_plan('SELECT x, t, GROUPING(x, t), count(*), sum(id) FROM a GROUP BY GROUPING SETS ((x), (t), (x, t), ()) HAVING GROUPING(t) = 1 OR count(*) > 5');
SELECT group_plan('SELECT c, x % 3, max(n), array_agg(id ORDER BY id) FROM a GROUP BY ROLLUP (c, x % 3) ORDER BY c, 2 NULLS FIRST');
SELECT group_plan('SELECT GROUPING(x), x IS NULL, count(*) FROM a WHERE x = 1 GROUP BY CUBE (x, b) ORDER BY x, b LIMIT 3');
SELECT group_plan('SELECT x, b FROM a GROUP BY DISTINCT ROLLUP (x, b), ROLLUP (x)');
SELECT group_plan('SELECT count(*), GROUPING(b) FROM a WHERE id > x + 1000 GROUP BY GROUPING SETS ((b), (), ())');
-- the first rows of an order
SELECT group_plan('SELECT DISTINCT ON (x) x, id, t || c FROM a WHERE id > 5 ORDER BY x, n DESC, id');
SELECT group_plan('SELECT DISTINCT ON (a.c, b.y) b.y, a.c, b.id + a.id FROM a JOIN b ON a.id = b.a_id ORDER BY a.c DESC, b.y, b.id LIMIT 5');
SELECT group_plan('SELECT q.x, b.id FROM (SELECT DISTINCT ON (x) x, id FROM a ORDER BY x, d, id) AS q JOIN b ON q.id = b.a_id');
-- groups of no rows: one, and none
SELECT group_plan('SELECT count(*), sum(x), avg(x) FROM a WHERE id < 0');
SELECT group_plan('SELECT t, count(*), sum(x) FROM a WHERE x = 9 - 5 AND x <> 4 GROUP BY t');
SELECT group_plan('SELECT count(*) FROM a WHERE id < 0 GROUP BY 1::text');
-- all of PostgreSQL's aggregates of the usual types, with an order where they see it: whether they are sent
CREATE FUNCTION group_sends(call text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (VERBOSE, COSTS OFF) SELECT %s, count(*) FROM grouped.a', call) LOOP
		IF line ~ 'Relations: Aggregate' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
WITH argument(type, value) AS (VALUES ('int2'::regtype, 'x::int2'), ('int4', 'x'), ('int8', 'x::int8'), ('numeric', 'n'), ('float4', 'f::float4'),
		('float8', 'f'), ('bool', 'b'), ('date', 'd'), ('text', 'c'), ('bpchar', 'k'), ('timestamp', 'd::timestamp'), ('"any"', 'x'),
		('interval', '(d::timestamp - ''2024-01-01''::timestamp)'), ('anyelement', 'd'), ('anynonarray', 'c'), ('anyarray', 'ARRAY[x]')),
	called(name, call) AS (SELECT proname, format(CASE WHEN aggkind <> 'n' THEN '%s(%s) WITHIN GROUP (ORDER BY %s)'
			WHEN proname ~ '(string|array|json.?|object)_agg$' THEN '%s(%s%s ORDER BY id)' ELSE '%s(%s%s)' END, proname,
			CASE aggkind WHEN 'h' THEN '1' WHEN 'o' THEN CASE proargtypes[0] WHEN 'float8'::regtype THEN '0.5' WHEN 'float8[]'::regtype THEN 'ARRAY[0.5]'
				ELSE '' END END, CASE WHEN pronargs = 0 THEN '*' ELSE (SELECT string_agg(value, ', ' ORDER BY o)
					FROM unnest(proargtypes) WITH ORDINALITY AS l(t, o) JOIN argument ON type = t WHERE aggkind <> 'o' OR o > aggnumdirectargs) END)
		FROM pg_aggregate JOIN pg_proc AS p ON p.oid = aggfnoid WHERE p.oid < 16384 AND proname !~ '^json.*(strict|unique)|any_value' AND
			(SELECT bool_and(EXISTS (SELECT FROM argument WHERE type = t)) FROM unnest(proargtypes) WITH ORDINALITY AS l(t, o)
				WHERE aggkind <> 'o' OR o > aggnumdirectargs) IS NOT FALSE)
SELECT group_sends(call) AS sent, string_agg(DISTINCT call, ' ' ORDER BY call) FROM called GROUP BY 1 ORDER BY 1;
-- what is checked here for groups that are made there
SELECT group_plan('SELECT x, count(*) FROM a GROUP BY x HAVING sum(id)::text ~ ''9''');
SELECT group_plan('SELECT x, count(*) FROM a GROUP BY x HAVING count(*) > (SELECT min(y) FROM b)');
-- below a join, and for each row of another query
SELECT group_plan('SELECT b.id, q.n FROM b JOIN (SELECT x, count(*) AS n FROM a GROUP BY x) AS q ON q.x = b.y ORDER BY b.id');
SELECT group_plan('SELECT b.id, (SELECT sum(n) FROM a WHERE a.id = b.a_id) FROM b');
-- conditions that only PostgreSQL here can answer, functions, orders and types: these are done here
SELECT group_plan('SELECT x, count(*) FROM a WHERE t ~ ''1'' GROUP BY x');
SELECT group_plan('SELECT string_agg(t, '',''), array_agg(id), jsonb_agg(x) FROM a');
SELECT group_plan('SELECT x, string_agg(c, '','' ORDER BY t, id) FROM a GROUP BY x');
SELECT group_plan('SELECT array_agg(k ORDER BY id), array_agg(DISTINCT t) FROM a');
SELECT group_plan('SELECT json_agg(f ORDER BY id) FROM a');
SELECT group_plan('SELECT stddev(f), corr(f, n) FROM a WHERE id < 9');
SELECT group_plan('SELECT t, max(t) FROM a GROUP BY t ORDER BY t');
SELECT group_plan('SELECT ''v'' AS v, x, count(*) FROM a GROUP BY ROLLUP (1, x)');
SELECT group_plan('SELECT max(k) FROM a');
SELECT group_plan('SELECT DISTINCT ON (t) t, id FROM a ORDER BY t, id');
SELECT group_plan('SELECT DISTINCT ON (x) x FROM a');
SELECT group_plan('SELECT x, count(*) FROM a GROUP BY x ORDER BY count(*) FETCH FIRST 2 ROWS WITH TIES');
SELECT group_plan('SELECT generate_series(1, 2), count(*) FROM a GROUP BY x LIMIT 3');
-- the branches of a union
SELECT group_plan('SELECT x, count(*) FROM a GROUP BY x UNION ALL SELECT y, sum(id) FROM b GROUP BY y');
SELECT group_plan('SELECT count(*) FROM (SELECT x FROM a UNION ALL SELECT y FROM b) AS q');
SELECT group_plan('SELECT id, x FROM a UNION ALL SELECT id, y FROM b ORDER BY 1, 2 LIMIT 5 OFFSET 1');
-- parameters
PREPARE group_param(int, bigint) AS SELECT x, sum(id) FROM grouped.a WHERE id > $1 GROUP BY x HAVING count(*) > $2 ORDER BY 1 LIMIT $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE group_param(3, 4);
EXECUTE group_param(3, 4);
EXECUTE group_param(180, 2);
EXECUTE group_param(NULL, 2);
RESET plan_cache_mode;
-- partitions, each grouped at its source
CREATE TABLE grouped.parts (id int, x int, t text) PARTITION BY LIST (x);
CREATE FOREIGN TABLE grouped.part1 PARTITION OF grouped.parts FOR VALUES IN (1) SERVER group_loop OPTIONS (query 'SELECT id, x, t FROM group_source.a WHERE x = 1');
CREATE FOREIGN TABLE grouped.part2 PARTITION OF grouped.parts FOR VALUES IN (2) SERVER group_loop OPTIONS (query 'SELECT id, x, t FROM group_source.a WHERE x = 2');
SET enable_partitionwise_aggregate = on;
EXPLAIN (VERBOSE, COSTS OFF) SELECT x, count(*), sum(id) FROM grouped.parts GROUP BY x ORDER BY x;
SELECT x, count(*), sum(id) FROM grouped.parts GROUP BY x ORDER BY x;
SELECT count(*), sum(id) FROM grouped.parts;
RESET enable_partitionwise_aggregate;
-- who may not see a table has no groups of it
CREATE ROLE group_user;
GRANT USAGE ON SCHEMA grouped TO group_user;
CREATE VIEW grouped.some WITH (security_barrier) AS SELECT x, t FROM grouped.a WHERE x > 2;
GRANT SELECT ON grouped.some TO group_user;
CREATE FUNCTION group_leak(int) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF $1 <= 2 THEN RAISE 'leak %', $1; END IF; RETURN true; END $$;
SET ROLE group_user;
SET client_min_messages = warning;
SELECT t, count(*) FROM grouped.some GROUP BY t ORDER BY count(*), t COLLATE "C";
SELECT t, count(*) FROM grouped.some WHERE group_leak(x) AND x < 5 GROUP BY t HAVING count(*) > 10;
SELECT count(*) FROM grouped.a;
RESET ROLE;
RESET client_min_messages;
\pset format aligned
\pset tuples_only off
SET client_min_messages = warning;
DROP SCHEMA grouped CASCADE;
DROP SERVER group_loop CASCADE;
DROP SCHEMA group_source CASCADE;
DROP FUNCTION group_plan, group_leak, group_sends;
DROP ROLE group_user;
