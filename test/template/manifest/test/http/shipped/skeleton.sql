-- The manifest skeleton, against replies that were recorded (skeleton.recorded.json), given again by the double at :server.

BEGIN;
SELECT plan(5);
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT setting || '/extension/connkit/skeleton.json' AS manifest FROM pg_config WHERE name = 'SHAREDIR' \gset
SELECT is(connkit_register_connector(pg_read_file(:'manifest')::jsonb), 'connkit_skeleton', 'registered');
CREATE SERVER skeleton FOREIGN DATA WRAPPER connkit_skeleton OPTIONS (url :'server');
CREATE USER MAPPING FOR CURRENT_USER SERVER skeleton OPTIONS (token 'token-1');
SELECT ok(bool_and(outcome <> 'failed'), 'tested') FROM connkit_test('skeleton');
IMPORT FOREIGN SCHEMA api FROM SERVER skeleton INTO public;

SELECT is((SELECT string_agg(id || ' ' || name || coalesce(' ' || owner || ' ' || updated_at, ''), ', ' ORDER BY id) FROM item),
	'1 one anna 2026-01-01 10:00:00+00, 2 two jan 2026-01-02 10:00:00+00, 3 three', 'rows of two pages');
SELECT is((SELECT count(*) FROM item WHERE state = 'open'), 2::bigint, 'a condition that is sent');
SELECT throws_like($$SELECT * FROM item WHERE state = 'lost'$$, '%HTTP status 404%', 'what was not recorded is an error');

SELECT * FROM finish();
ROLLBACK;
