-- The manifest atlas, against a double of Atlas (atlas.py) at :server.

BEGIN;
SELECT plan(12);
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT setting || '/extension/connkit/atlas.json' AS manifest FROM pg_config WHERE name = 'SHAREDIR' \gset
-- pages of five
SELECT is(connkit_register_connector(jsonb_set(pg_read_file(:'manifest')::jsonb, '{tables,entity,paging,size}', '5')), 'connkit_atlas', 'registered');
CREATE SERVER atlas FOREIGN DATA WRAPPER connkit_atlas OPTIONS (url :'server');
CREATE USER MAPPING FOR CURRENT_USER SERVER atlas OPTIONS (user 'admin', password 'secret');
IMPORT FOREIGN SCHEMA api FROM SERVER atlas INTO public;
SELECT is((SELECT string_agg(stage || ' ' || outcome, ', ') FROM connkit_test('atlas')),
	'options ok, resolve ok, connect ok, tls warning, authenticate skipped, query ok, privileges ok', 'connkit_test');
SELECT is((SELECT string_agg(name || ' ' || category, ', ' ORDER BY name) FROM type), 'hive_process ENTITY, hive_table ENTITY', 'types');
SELECT is((SELECT attributes->0->>'name' || ' ' || updated_at FROM entity_type WHERE name = 'hive_table'), 'name 2026-01-01 00:00:00.123+00', 'of entities');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT guid) || ' ' || count(*) FILTER (WHERE status = 'DELETED') FROM entity WHERE type_name = 'hive_table'),
	'25 25 1', 'entities of five full pages, and none behind them');
SELECT is((SELECT count(*) FROM entity WHERE type_name = 'none'), 0::bigint, 'no entities');
SELECT throws_like('SELECT * FROM entity', '%can only be asked for given values of "type_name"%', 'no type');
SELECT is((SELECT count(*) FROM found WHERE query = 'from hive_table where name like ''table 1*'''), 11::bigint, 'a query in Atlas''s language');
SELECT throws_like($$SELECT * FROM found WHERE query = 'nonsense'$$, '%Invalid DSL query%', 'a wrong one');
SELECT is((SELECT string_agg(d.attributes->>'qualifiedName', ' ' ORDER BY d.guid) FROM entity AS e JOIN entity_detail AS d ON d.guid = e.guid
	WHERE e.type_name = 'hive_table' AND e.name IN ('table 7', 'table 8')), 'db.table7@cl db.table8@cl', 'entities that a join asks for');
SELECT is((SELECT string_agg(from_guid || '>' || to_guid, ' ' ORDER BY from_guid) FROM lineage WHERE guid = 'g-1' AND direction = 'BOTH' AND depth = '2'),
	'g-1>p-0 p-0>g-2', 'lineage');
SELECT is((SELECT string_agg(name, ', ' ORDER BY guid) FROM lineage_entity WHERE of = 'g-1') || (SELECT count(*) FROM lineage WHERE guid = 'gone'),
	'table 1, table 2, load 00', 'its entities; none of what is not there');
SELECT * FROM finish();
ROLLBACK;
