-- Joins: keys of the outer side are looked up at the source, many in one request.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;
CREATE SCHEMA join_source;
CREATE TABLE join_source.big (id int PRIMARY KEY, grp int, label text, n numeric);
INSERT INTO join_source.big SELECT g, g / 4, 'label ' || g, g FROM generate_series(1, 20000) g;
INSERT INTO join_source.big VALUES (-1, NULL, NULL, NULL), (-2, NULL, '', 0);
ANALYZE join_source.big;
DO $$
BEGIN
	EXECUTE format('CREATE SERVER join_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L, port %L, dbname %L)',
				   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER join_loop OPTIONS (user :'USER');
CREATE FOREIGN TABLE big (id int NOT NULL, grp int, label text, n numeric)
SERVER join_loop OPTIONS (schema_name 'join_source', table_name 'big');
CREATE TABLE little AS SELECT g AS k, CASE WHEN g % 10 = 0 THEN NULL ELSE g * 150 END AS ref, 'label ' || g AS label FROM generate_series(1, 200) g;
ANALYZE little;

EXPLAIN (VERBOSE, COSTS OFF) SELECT l.k, b.label FROM little l JOIN big b ON b.id = l.ref;
SELECT count(*), sum(l.k), sum(b.id) FROM little l JOIN big b ON b.id = l.ref;
SELECT count(*), sum(l.k), sum(b.id) FROM little l JOIN join_source.big b ON b.id = l.ref;

EXPLAIN (VERBOSE, COSTS OFF) SELECT l.k, b.label FROM little l LEFT JOIN big b ON b.id = l.ref AND b.grp % 2 = 0 WHERE b.label IS NULL OR l.k < 20;
SELECT count(*), sum(l.k), sum(b.id) FROM little l LEFT JOIN big b ON b.id = l.ref AND b.grp % 2 = 0 WHERE b.label IS NULL OR l.k < 20;
SELECT count(*), sum(l.k), sum(b.id) FROM little l LEFT JOIN join_source.big b ON b.id = l.ref AND b.grp % 2 = 0 WHERE b.label IS NULL OR l.k < 20;

EXPLAIN (VERBOSE, COSTS OFF) SELECT l.k FROM little l WHERE EXISTS (SELECT FROM big b WHERE b.grp = l.k);
SELECT count(*), sum(l.k) FROM little l WHERE EXISTS (SELECT FROM big b WHERE b.grp = l.k AND b.id % 3 = 0);
SELECT count(*), sum(l.k) FROM little l WHERE EXISTS (SELECT FROM join_source.big b WHERE b.grp = l.k AND b.id % 3 = 0);

EXPLAIN (VERBOSE, COSTS OFF) SELECT l.k FROM little l WHERE NOT EXISTS (SELECT FROM big b WHERE b.id = l.ref);
SELECT count(*), sum(l.k) FROM little l WHERE NOT EXISTS (SELECT FROM big b WHERE b.id = l.ref);
SELECT count(*), sum(l.k) FROM little l WHERE NOT EXISTS (SELECT FROM join_source.big b WHERE b.id = l.ref);

-- by text, with a local condition; more keys than one batch; inside a sub-select that runs again and again
SELECT count(*) FROM little l JOIN big b ON b.label = l.label AND upper(b.label) = upper(l.label);
SELECT count(*), count(b.id) FROM generate_series(1, 30000) g LEFT JOIN big b ON b.id = g;
SELECT k, (SELECT sum(b.id) FROM little x JOIN big b ON b.id = x.ref WHERE x.k <= l.k) FROM little l WHERE k <= 5 ORDER BY k;
SELECT l.k, b.grp FROM little l JOIN big b ON b.grp = l.k ORDER BY 1, 2 LIMIT 3;

-- outer joins within one another, conditions without columns, collations that differ
CREATE TABLE other AS SELECT k, k * 100 AS ref FROM little WHERE k % 2 = 0;
ANALYZE other;
SELECT count(*), count(o.k), count(b.id), sum(b.id) FROM little l LEFT JOIN other o ON o.k = l.k LEFT JOIN big b ON b.id = o.ref;
SELECT count(*), count(o.k), count(b.id), sum(b.id) FROM little l LEFT JOIN (other o LEFT JOIN big b ON b.id = o.ref) ON o.k = l.k;
SELECT count(*), count(b.id), count(c.id), sum(c.id) FROM little l LEFT JOIN big b ON b.id = l.ref LEFT JOIN big c ON c.id = b.grp;
SELECT count(*), count(b.label) FROM little l LEFT JOIN big b ON b.id = l.ref WHERE b.id IS NULL;
SELECT count(*) FROM little l FULL JOIN big b ON b.id = l.ref WHERE b.id < 400 OR b.id IS NULL;
PREPARE gate (bool) AS SELECT count(*) FROM little l JOIN big b ON b.id = l.ref WHERE $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE gate (true);
EXECUTE gate (false);
RESET plan_cache_mode;
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FOREIGN TABLE loose (id int, label text COLLATE loose) SERVER join_loop OPTIONS (schema_name 'join_source', table_name 'big');
SELECT count(*), count(b.id) FROM little l LEFT JOIN loose b ON b.label = l.label COLLATE "C";
SELECT count(*), count(b.id) FROM little l LEFT JOIN loose b ON b.label = upper(l.label);
DROP TABLE other;
DROP FOREIGN TABLE loose;
DROP COLLATION loose;

-- the same without it, as a nested loop over the parameterised scan
SET connkit.enable_lookup_join = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SET enable_material = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT l.k, b.label FROM little l JOIN big b ON b.id = l.ref;
SELECT count(*), sum(l.k), sum(b.id) FROM little l JOIN big b ON b.id = l.ref;
RESET ALL;
SET client_min_messages = warning;
DROP SERVER join_loop CASCADE;
DROP SCHEMA join_source CASCADE;
DROP TABLE little;
