-- Requests with a body: conditions and pages in it, GraphQL.

BEGIN;
SELECT plan(17);
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (method text, path text, body text) SERVER api OPTIONS (path '/control/log');
CREATE FUNCTION last_body(path text) RETURNS jsonb LANGUAGE sql AS
	$$SELECT (array_agg(l.body::jsonb))[count(*)] FROM control_log AS l WHERE l.path = last_body.path AND method = 'POST'$$;

CREATE FOREIGN TABLE item (id bigint, name text, state text, project text, updated_at timestamptz) SERVER api OPTIONS (path '/paged/offset',
	records 'items', body '{"search": {"n": "1000"}, "area": "all"}',
	paging '{"type": "offset", "in": "body", "param": "page.offset", "size_param": "page.limit", "size": 64}',
	filters '{"state": {"=": {"body": "search.state", "exact": true}}, "project": {"in": {"body": "search.project", "most": 3}},
		"updated_at": {">=": {"body": "search.since", "format": "unix"}, "<": {"body": "search.rules[]", "value": {"lt": "{value}"}}}}');
SELECT is((SELECT count(*) || ' ' || sum(id) FROM item), '1000 500500', 'all pages');
SELECT is(last_body('/paged/offset'), '{"search": {"n": "1000"}, "area": "all", "page": {"offset": 1000, "limit": 64}}', 'asked for so');
SELECT is((SELECT count(*) FROM item WHERE state = 'open'), 334::bigint, 'a condition');
SELECT is(last_body('/paged/offset')->'search', '{"n": "1000", "state": "open"}', 'goes into the body');
SELECT is((SELECT count(*) FROM item WHERE project IN ('P1', 'P2', 'P3', 'P4', 'P5')), 500::bigint, 'a list in two requests');
SELECT is(last_body('/paged/offset')->'search'->'project', '["P4", "P5"]', 'of three at most');
SELECT is((SELECT count(*) FROM item WHERE updated_at >= '2026-01-01 10:00' AND updated_at < '2026-01-01 11:00'), 60::bigint, 'a range');
SELECT is(last_body('/paged/offset')->'search', '{"n": "1000", "since": 1767261600, "rules": [{"lt": "2026-01-01T11:00:00Z"}]}',
	'as number, and within other JSON');
SELECT is((SELECT count(*) FROM item WHERE state = E'o"\\{state}'), 0::bigint, 'a value that looks like more');
SELECT is(last_body('/paged/offset')->'search'->>'state', E'o"\\{state}', 'is one');

CREATE FOREIGN TABLE node (id bigint, login text OPTIONS (column_name 'user.login'), state text) SERVER api OPTIONS (path '/graphql',
	records 'data.items.nodes', body '{"query": "query ($first: Int) { items(first: $first) { nodes { id } } }", "variables": {}}',
	paging '{"type": "cursor", "in": "body", "param": "variables.after", "size_param": "variables.first", "size": 90,
		"path": "data.items.pageInfo.endCursor", "more": "data.items.pageInfo.hasNextPage"}',
	filters '{"state": {"=": {"body": "variables.state"}}}');
SELECT is((SELECT count(*) || ' ' || sum(id) FROM node), '1000 500500', 'GraphQL');
SELECT is((SELECT count(*) FROM node WHERE state = 'closed'), 333::bigint, 'with a condition');
SELECT is((SELECT count(*) FROM (SELECT id FROM node LIMIT 5) s), 5::bigint, 'and LIMIT');
CREATE FOREIGN TABLE mistaken (id bigint) SERVER api OPTIONS (path '/graphql', records 'data.items.nodes', body '{"query": "{ other }"}');
SELECT throws_like('SELECT * FROM mistaken', '%has nothing where its records should be%', 'an error of GraphQL is no empty table');

CREATE FOREIGN TABLE odd (id bigint) SERVER api OPTIONS (path '/paged/offset', records 'items', body '[1]');
SELECT throws_like('SELECT * FROM odd', '%body: an object is expected%', 'a body that is no object');
ALTER FOREIGN TABLE odd OPTIONS (SET body '{"id": 1}', ADD filters '{"id": {"=": {"body": "id.of"}}}');
SELECT throws_like('SELECT * FROM odd WHERE id = 1', '%cannot be made%', 'a path that leads through no object');
ALTER FOREIGN TABLE odd OPTIONS (DROP body);
SELECT throws_like('SELECT * FROM odd WHERE id = 1', '%there is none for what a filter puts into it%', 'a filter without a body');

SELECT * FROM finish();
ROLLBACK;
