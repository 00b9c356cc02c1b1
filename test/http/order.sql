-- ORDER BY and LIMIT at an API that has them.

BEGIN;
SELECT plan(35);
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (number int, path text, query jsonb, body text) SERVER api OPTIONS (path '/control/log');
CREATE FUNCTION asked() RETURNS text LANGUAGE sql AS $$SELECT string_agg((query - 'page')::text, ' ' ORDER BY number) FROM control_log
	WHERE path = '/paged/page' AND number > (SELECT coalesce(max(number), 0) FROM control_log WHERE path = '/items/0')$$;
-- which only leaves a line in the log
CREATE FOREIGN TABLE marks (x text) SERVER api OPTIONS (path '/items/0', errors '{"404": "empty"}');
CREATE FUNCTION plan_of(query text, OUT line text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
		IF line ~ 'Remote|Sort|Limit' THEN RETURN NEXT; END IF;
	END LOOP;
END $$;

CREATE FOREIGN TABLE item (id bigint NOT NULL, name text COLLATE "C" NOT NULL, state text, updated_at timestamptz NOT NULL, created_at timestamptz,
	amount numeric, note text) SERVER api OPTIONS (path '/paged/page', params '{"n": "1000", "sort": "name"}',
	paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 100}',
	filters '{"state": {"=": {"param": "state", "exact": true}, "in": {"param": "state", "join": ","}}, "id": {"in": {"param": "ids", "join": ",", "most": 2},
		">": "min"}}',
	order '{"param": "sort", "columns": {"id": {"asc": "id", "desc": "-id"}, "updated_at": {"desc": {"sort": "updated_at", "direction": "desc"}},
		"name": {"asc": "name", "bytes": true}, "created_at": {"asc": "updated_at", "desc": "-updated_at", "nulls": "least"}, "amount": {"asc": "x"}, "state": {"asc": "x"}}}');
SELECT ok(bool_or(line LIKE '%ORDER BY "id" DESC LIMIT 3%') AND NOT bool_or(line LIKE '%Sort%'), 'ORDER BY and LIMIT go to the source')
	FROM plan_of('SELECT id FROM item ORDER BY id DESC LIMIT 3') AS line;
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT array_agg(id) FROM (SELECT id FROM item ORDER BY id DESC LIMIT 3) s), '{1000,999,998}', 'the last three');
SELECT is(asked(), '{"n": "1000", "sort": "-id", "per_page": "3"}', 'are asked for in one request, by their number');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT array_agg(id) FROM (SELECT id FROM item WHERE state = 'open' ORDER BY updated_at DESC OFFSET 1 LIMIT 2) s), '{997,994}', 'with OFFSET');
SELECT is(asked(), '{"n": "1000", "sort": "updated_at", "state": "open", "per_page": "3", "direction": "desc"}', 'and a condition that is exact');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT array_agg(id) FROM (SELECT id FROM item WHERE note IS NULL ORDER BY id LIMIT 2) s), '{1,2}', 'with one that is checked here');
SELECT is(asked(), '{"n": "1000", "sort": "id", "per_page": "100"}', 'whole pages are asked for, no more than are wanted');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
PREPARE first(int) AS SELECT id FROM item ORDER BY id LIMIT $1;
SET plan_cache_mode = force_generic_plan;
CREATE TEMP TABLE taken AS EXECUTE first(150);
SELECT is((SELECT count(*) || ' ' || max(id) FROM taken), '150 150', 'a LIMIT that is known later');
SELECT is(asked(), '{"n": "1000", "sort": "id", "per_page": "100"} {"n": "1000", "sort": "id", "per_page": "100"}', 'makes no page larger');
RESET plan_cache_mode;
SELECT is((SELECT count(*) FROM (SELECT id FROM item LIMIT 0) s), 0::bigint, 'LIMIT 0');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT array_agg(id) FROM (SELECT id FROM item ORDER BY id, state LIMIT 2) s), '{1,2}', 'an order of two columns');
SELECT is(asked(), '{"n": "1000", "sort": "id", "per_page": "100"}', 'is the source''s by the first');
SELECT is((SELECT array_agg(name) FROM (SELECT name FROM item ORDER BY name LIMIT 2) s), (SELECT array_agg(name) FROM (SELECT name FROM item ORDER BY name || ''
	LIMIT 2) s), 'texts by their bytes');

-- what is no order of PostgreSQL's is not sent
CREATE FUNCTION is_sorted_here(query text) RETURNS bool LANGUAGE sql AS
	$$SELECT bool_or(line LIKE '%Sort%') AND NOT bool_or(line LIKE '%ORDER BY%') FROM plan_of(query) AS line$$;
SELECT ok(is_sorted_here('SELECT * FROM item ORDER BY name COLLATE "en-x-icu" LIMIT 1'), 'texts of a language');
SELECT ok(is_sorted_here('SELECT * FROM item ORDER BY state COLLATE "C" LIMIT 1'), 'texts whose bytes the source does not compare');
SELECT ok(is_sorted_here('SELECT * FROM item ORDER BY updated_at LIMIT 1'), 'a direction that is not told');
SELECT ok(is_sorted_here('SELECT * FROM item ORDER BY amount LIMIT 1'), 'NULLs of which nothing is told');
SELECT ok(is_sorted_here('SELECT * FROM item ORDER BY created_at LIMIT 1'), 'NULLs that stand elsewhere');
SELECT ok(NOT is_sorted_here('SELECT * FROM item ORDER BY created_at NULLS FIRST LIMIT 1'), 'but for where they stand');
SELECT ok(NOT is_sorted_here('SELECT * FROM item ORDER BY created_at DESC NULLS LAST LIMIT 1'), 'in both directions');
SELECT ok(is_sorted_here('SELECT * FROM item WHERE id IN (5, 4, 3, 2, 1) ORDER BY id LIMIT 1'), 'a list in several requests');
SELECT ok(NOT is_sorted_here('SELECT * FROM item WHERE state IN (''open'', ''closed'') ORDER BY id LIMIT 1'), 'but not in one');
SELECT ok(is_sorted_here('SELECT * FROM item ORDER BY -id LIMIT 1'), 'an expression');
SELECT ok(is_sorted_here('SELECT * FROM item ORDER BY id::text COLLATE "C" LIMIT 1'), 'a number as text');

CREATE FOREIGN TABLE post (id bigint NOT NULL) SERVER api OPTIONS (path '/paged/offset', records 'items', body '{"s": {"n": "9"}}',
	paging '{"type": "offset", "in": "body", "param": "page.offset", "limit_param": "page.limit"}',
	order '{"body": "s.sort", "columns": {"id": {"desc": "-id"}}}');
SELECT is((SELECT array_agg(id) FROM (SELECT id FROM post ORDER BY id DESC LIMIT 2) s), '{9,8}', 'in a body');
SELECT is((SELECT body FROM control_log WHERE path = '/paged/offset' ORDER BY number DESC LIMIT 1)::jsonb,
	'{"s": {"n": "9", "sort": "-id"}, "page": {"offset": 0, "limit": 2}}', 'as told');
ALTER FOREIGN TABLE post OPTIONS (ADD unnest 'tags');
SELECT throws_like('SELECT * FROM post', '%limit_param: it counts records%', 'a LIMIT of records is none of their rows');
ALTER FOREIGN TABLE post OPTIONS (SET paging '{"type": "offset", "in": "body", "param": "page.offset"}');
SELECT throws_like('SELECT * FROM post', '%order: rows of lists within records have none%', 'and their order neither');
-- a column as another type has an order of its own
CREATE FOREIGN TABLE small (id int) SERVER api OPTIONS (path '/paged/none', filters '{"id": {">": "min"}}');
SELECT ok(bool_or(line LIKE '%WHERE%'), 'a condition') FROM plan_of('SELECT * FROM small WHERE id > 5') AS line;
SELECT ok(NOT bool_or(line LIKE '%WHERE%'), 'is not sent on it') FROM plan_of('SELECT * FROM small WHERE id::oid > 5') AS line;
SELECT * FROM finish();
ROLLBACK;
