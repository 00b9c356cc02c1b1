-- rights.sql: who sees and uses which source, and what was discovered at it.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT plan(28);

-- owner has sources of his own, friend was granted one of them, stranger nothing
CREATE ROLE connkit_owner;
CREATE ROLE connkit_friend;
CREATE ROLE connkit_stranger;
CREATE ROLE connkit_member IN ROLE connkit_owner;
GRANT connkit_owner, connkit_friend, connkit_stranger, connkit_member TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null TO connkit_owner;
-- pgTAP is used by all of them
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA pg_temp TO PUBLIC;

SET LOCAL ROLE connkit_owner;
SELECT lives_ok($$CREATE SERVER shared FOREIGN DATA WRAPPER connkit_null OPTIONS (rows '3')$$, 'who has USAGE on a wrapper makes sources');
SELECT lives_ok($$CREATE SERVER own FOREIGN DATA WRAPPER connkit_null$$, 'and another');
SELECT throws_ok($$CREATE SERVER pg FOREIGN DATA WRAPPER connkit_postgres$$, '42501', NULL, 'of no other wrapper');
GRANT USAGE ON FOREIGN SERVER shared TO connkit_friend;
SELECT lives_ok($$SELECT * FROM connkit_discover('shared')$$, 'the owner discovers');
SELECT lives_ok($$SELECT * FROM connkit_discover('own')$$, 'all his sources');
SELECT results_eq($$SELECT name FROM connkit.source ORDER BY name COLLATE "C"$$, $$VALUES ('own'::name), ('shared')$$, 'and sees them');
SELECT results_eq($$SELECT source, tables FROM connkit.discovery ORDER BY id$$, $$VALUES ('shared'::name, 1::bigint), ('own', 1)$$,
	'with what he found');

SET LOCAL ROLE connkit_friend;
SELECT results_eq($$SELECT name, owner, usable FROM connkit.source$$, $$VALUES ('shared'::name, 'connkit_owner'::name, true)$$,
	'who was granted a source sees that one');
SELECT results_eq($$SELECT DISTINCT source FROM connkit.discovery$$, $$VALUES ('shared'::name)$$, 'and its discoveries');
SELECT results_eq($$SELECT count(*) FROM connkit.discovered_column$$, $$VALUES (11::bigint)$$, 'and their columns');
SELECT results_eq($$SELECT count(*) FROM connkit.discovered_table$$, $$VALUES (1::bigint)$$, 'and tables');
SELECT results_eq($$SELECT count(*) FROM connkit.discovered_key$$, $$VALUES (1::bigint)$$, 'and keys');
SELECT lives_ok($$SELECT * FROM connkit_test('shared')$$, 'he tests it');
SELECT lives_ok($$SELECT * FROM connkit_discover('shared')$$, 'he discovers it');
SELECT throws_ok($$SELECT * FROM connkit_test('own')$$, '42501', NULL, 'and tests no other');
SELECT throws_ok($$SELECT * FROM connkit_discover('own')$$, '42501', NULL, 'nor discovers it');
SELECT throws_ok($$SELECT * FROM connkit_test('null', '{}')$$, '42501', NULL, 'nor tests settings of a wrapper that he may not use');
SELECT throws_ok($$INSERT INTO connkit.discovered_table VALUES (1, 's', 't', 'table')$$, '42501', NULL, 'nobody writes what was discovered');
SELECT throws_ok($$DELETE FROM connkit.discovery$$, '42501', NULL, 'nor deletes it');
SELECT is_empty($$SELECT * FROM connkit_compare_discoveries((SELECT min(id) FROM connkit.discovery), (SELECT max(id) FROM connkit.discovery))$$,
	'he compares what he sees');

SET LOCAL ROLE connkit_stranger;
SELECT is_empty($$SELECT * FROM connkit.source$$, 'a stranger sees no source');
SELECT is_empty($$SELECT source FROM connkit.discovery UNION ALL SELECT table_name FROM connkit.discovered_table
	UNION ALL SELECT column_name FROM connkit.discovered_column UNION ALL SELECT key_name FROM connkit.discovered_key
	UNION ALL SELECT index_name FROM connkit.discovered_index$$, 'and nothing of them');

SET LOCAL ROLE connkit_member;
SELECT results_eq($$SELECT name FROM connkit.source ORDER BY name COLLATE "C"$$, $$VALUES ('own'::name), ('shared')$$,
	'who has the owner''s role sees what the owner sees');

-- rights that are taken back, names that come again
SET LOCAL ROLE connkit_owner;
REVOKE USAGE ON FOREIGN SERVER shared FROM connkit_friend;
SET LOCAL ROLE connkit_friend;
SELECT is_empty($$SELECT source FROM connkit.discovery$$, 'without the right the discoveries are gone from sight');
RESET ROLE;
DROP SERVER own;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null TO connkit_stranger;
SET LOCAL ROLE connkit_stranger;
CREATE SERVER own FOREIGN DATA WRAPPER connkit_null;
SELECT is_empty($$SELECT source FROM connkit.discovery$$, 'a new source of an old name has no past');

-- what runs with the rights of the tables' owner takes no function of the user's
RESET ROLE;
CREATE SCHEMA connkit_trap;
CREATE FUNCTION connkit_trap.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
	$$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE FUNCTION connkit_trap.max(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
GRANT USAGE ON SCHEMA connkit_trap TO connkit_stranger;
SET LOCAL search_path = connkit_trap, pg_catalog, public;
SET LOCAL ROLE connkit_stranger;
SELECT public.lives_ok($$SELECT connkit.discover('own', '{*}', '{}', 'aggressive', 1)$$, 'the search_path leads nobody astray');
RESET ROLE;
RESET search_path;

-- functions that run with their owner's rights do not lend them
SELECT throws_ok($$SELECT connkit.source_dropped()$$, '0A000', NULL, 'trigger functions are not called');
SELECT is((SELECT count(*) FROM pg_proc WHERE pronamespace = 'connkit'::regnamespace AND prosecdef AND prorettype <> 'event_trigger'::regtype),
	0::bigint, 'no other function runs with its owner''s rights');

RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
