-- Tables of an API: paging, paths, filters, authentication and errors, of the double test/http/api.py at :api.

BEGIN;
SELECT plan(55);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (path text, query jsonb, headers jsonb, body text, status int)
	SERVER api OPTIONS (path '/control/log');
CREATE FOREIGN TABLE all_at_once (id bigint, name text, state text, amount numeric(10,2), active boolean, created_at timestamptz,
	login text OPTIONS (column_name 'user.login'), tags jsonb, tag text OPTIONS (column_name 'tags.1'), note text,
	absent text) SERVER api OPTIONS (path '/paged/none');

SELECT is((SELECT count(*) FROM all_at_once), 1000::bigint, 'all records');
SELECT is(a, ROW(7::bigint, 'item 7', 'open', 49.07, false, '2026-01-01 00:07:00+00'::timestamptz, 'user7',
	'["t3", "t2"]'::jsonb, 't2', NULL::text, NULL::text)::text::all_at_once, 'values of each type')
	FROM all_at_once AS a WHERE id = 7;
SELECT is(note, U&'note 5 \00e4\20ac\+01F600', 'text beyond ASCII') FROM all_at_once WHERE id = 5;

-- Each kind of paging gives each record once.
CREATE FUNCTION pages(path text, paging text, records text, params text DEFAULT '{}', format text DEFAULT 'json')
	RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('CREATE FOREIGN TABLE paged (id bigint, name text) SERVER api OPTIONS (path %L, paging %L, params %L, format %L %s)',
		path, paging, params, format, CASE WHEN records <> '' THEN format(', records %L', records) ELSE '' END);
	SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || coalesce(sum(id), 0) INTO found FROM paged;
	DROP FOREIGN TABLE paged;
	RETURN found;
END $$;
\set whole '1000 1000 500500'
SELECT is(pages('/paged/page', '{"type": "page", "param": "page", "size_param": "per_page", "size": 30}', ''), :'whole', 'pages');
SELECT is(pages('/paged/page', '{"type": "page", "param": "page", "size_param": "per_page", "size": 125, "stop": "short"}', ''),
	:'whole', 'pages, the last not short');
SELECT is(pages('/paged/page', '{"type": "page", "param": "page", "size_param": "per_page", "size": 30, "stop": "short"}', ''),
	:'whole', 'pages, the last short');
SELECT is(pages('/paged/offset', '{"type": "offset", "param": "offset", "size_param": "limit", "size": 70}', 'items'), :'whole',
	'offset');
SELECT is(pages('/paged/start', '{"type": "offset", "param": "startAt", "size_param": "maxResults", "size": 70, "last": "isLast"}',
	'values'), :'whole', 'offset, the last page is told');
SELECT is(pages('/paged/cursor', '{"type": "cursor", "param": "cursor", "path": "next_cursor", "size_param": "limit", "size": 64}',
	'items'), :'whole', 'cursor');
SELECT is(pages('/paged/cursor', '{"type": "cursor", "param": "cursor", "path": "next_cursor"}', 'items',
	'{"end": "absent", "limit": "99"}'), :'whole', 'cursor that is absent at the end');
SELECT is(pages('/paged/cursor', '{"type": "cursor", "param": "cursor", "path": "next_cursor"}', 'items',
	'{"end": "empty", "limit": "99"}'), :'whole', 'cursor that is empty at the end');
SELECT is(pages('/paged/next', '{"type": "next_link", "path": "next"}', 'items', '{"limit": "99"}'), :'whole', 'link in the reply');
SELECT is(pages('/paged/next', '{"type": "next_link", "path": "next"}', 'items', '{"limit": "99", "to": "relative"}'), :'whole',
	'relative link');
SELECT is(pages('/paged/link', 'link_header', '', '{"per_page": "99"}'), :'whole', 'header Link');
SELECT is(pages('/paged/link', 'link_header', '', '{"per_page": "99", "link": "odd"}'), :'whole', 'header Link, oddly written');
SELECT is(pages('/paged/none', 'none', 'data.result.rows', '{"shape": "nested"}'), :'whole', 'records within objects');
SELECT is(pages('/paged/none', 'none', '', '{"shape": "lines"}', 'json_lines'), :'whole', 'JSON lines');
SELECT is(pages('/paged/none', 'none', '', '{"shape": "csv"}', 'csv'), :'whole', 'CSV');
SELECT is(pages('/paged/page', '{"type": "page", "param": "page", "size_param": "per_page", "size": 30}', '', '{"shape": "csv"}', 'csv'),
	:'whole', 'pages of CSV');
CREATE FOREIGN TABLE csv (id bigint, name text, active boolean, amount numeric(10,2), created_at timestamptz, note text, lines jsonb)
	SERVER api OPTIONS (path '/paged/none?shape=csv', format 'csv');
SELECT is((SELECT count(*) FROM csv AS c JOIN all_at_once AS a USING (id, name, active, amount, created_at) WHERE c.note IS NOT DISTINCT FROM a.note),
	1000::bigint, 'values of CSV');
SELECT is((SELECT lines FROM csv WHERE id = 2), '[{"no": 1, "quantity": 2}, {"no": 2, "quantity": 2}]', 'with quotes in them');
SELECT is(pages('/paged/none', 'none', '', '{"shape": "one"}'), '1 1 1', 'one record');
SELECT is(pages('/paged/page', '{"type": "page", "param": "page"}', '', '{"n": "0"}'), '0 0 0', 'none');
SELECT throws_like($$SELECT pages('/paged/stuck', '{"type": "cursor", "param": "cursor", "path": "next_cursor"}', 'items')$$,
	'%said to be the same again%', 'a cursor that does not move');
SELECT throws_like($$SELECT pages('/paged/next', '{"type": "next_link", "path": "next"}', 'items', '{"to": "self"}')$$,
	'%said to be the same again%', 'a link that does not move');
SELECT throws_like($$SELECT pages('/paged/next', '{"type": "next_link", "path": "next"}', 'items', '{"to": "port"}')$$,
	'%said to be at another host%', 'a link to another port');
SELECT throws_like($$SELECT pages('/paged/page', '{"type": "page", "param": "page", "max_pages": 3}', '')$$,
	'%more than max_pages pages%', 'max_pages');

-- No more pages than a LIMIT needs.
CREATE FOREIGN TABLE control_stats (requests bigint) SERVER api OPTIONS (path '/control/stats');
CREATE FOREIGN TABLE item (id bigint, name text, state text, project text, updated_at timestamptz) SERVER api
	OPTIONS (path '/paged/page', paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 10}',
	filters '{"state": {"=": {"param": "state", "exact": true}, "in": {"param": "state", "join": ","}},
		"project": {"= in": {"param": "project", "join": ","}}, "updated_at": {">= >": "since", "<": "until"}}');
CREATE TEMP TABLE requests AS SELECT requests FROM control_stats;
SELECT is((SELECT array_agg(id) FROM (SELECT id FROM item LIMIT 15) s), ARRAY(SELECT generate_series(1, 15)::bigint), 'LIMIT');
SELECT is((SELECT requests FROM control_stats) - requests, 2::bigint, 'asks for two pages') FROM requests;

-- Conditions
CREATE FUNCTION asked(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
	last jsonb;
BEGIN
	EXECUTE statement INTO found;
	SELECT (array_agg(query))[count(*)] INTO last FROM control_log WHERE path = '/paged/page';
	RETURN found || ': ' || (SELECT coalesce(string_agg(k || '=' || coalesce(v->>0, v #>> '{}'), ' ' ORDER BY k), '')
		FROM jsonb_each(last) AS e(k, v) WHERE k NOT IN ('page', 'per_page'));
END $$;
SELECT is(asked($$SELECT count(*) FROM item WHERE state = 'open'$$), '334: state=open', 'equality');
SELECT is(asked($$SELECT count(*) FROM item WHERE 'open' = state AND id < 100$$), '33: state=open', 'value first, and another condition');
SELECT is(asked($$SELECT count(*) FROM item WHERE state IN ('open', 'closed')$$), '667: state=open,closed', 'list');
SELECT is(asked($$SELECT count(*) FROM item WHERE updated_at >= '2026-01-01 10:00'$$), '401: since=2026-01-01T10:00:00Z', 'since');
SELECT is(asked($$SELECT count(*) FROM item WHERE updated_at > '2026-01-01 10:00' AND updated_at < '2026-01-01 11:00+00'$$),
	'59: since=2026-01-01T10:00:00Z until=2026-01-01T11:00:00Z', 'a range, of which the API gives one more');
SELECT is((SELECT count(*) FROM item WHERE state = 'open' AND state = 'closed'), 0::bigint, 'what is not possible');
SELECT is((SELECT count(*) FROM item WHERE state = NULL), 0::bigint, 'equal to NULL');
SELECT is((SELECT count(*) FROM item WHERE state = 'open' OR project = 'P1'), 400::bigint, 'OR stays here');
SELECT is((SELECT count(*) FROM item WHERE state <> 'open'), 666::bigint, 'an operator without a filter');
PREPARE by_state(text) AS SELECT count(*) FROM item WHERE state = $1;
SET plan_cache_mode = force_generic_plan;
SELECT is(asked($$EXECUTE by_state('closed')$$), '333: state=closed', 'a parameter');
RESET plan_cache_mode;
SELECT is((SELECT count(*) FROM (VALUES ('P1'), ('P2')) AS v(p) JOIN item ON project = p), 200::bigint, 'a join');

-- Columns that must be given
CREATE FOREIGN TABLE item_by_id (id bigint, name text, missing text) SERVER api OPTIONS (path '/items/{id}',
	filters '{"id": {"=": {"path": true}}}', errors '{"404": "empty"}');
CREATE FOREIGN TABLE comment (item_id bigint, id bigint, text text) SERVER api OPTIONS (path '/comments',
	filters '{"item_id": {"= in": {"param": "item_ids", "join": ",", "most": 50, "required": true}}}',
	paging '{"type": "page", "param": "page"}');
SELECT is((SELECT name FROM item_by_id WHERE id = 12), 'item 12', 'a value in the path');
SELECT is((SELECT count(*) FROM item_by_id WHERE id = 5000), 0::bigint, 'a status that stands for no rows');
SELECT throws_like('SELECT * FROM item_by_id', '%can only be asked for given values of "id"%', 'a column must be given');
SELECT is((SELECT string_agg(name, ',' ORDER BY id) FROM (VALUES (3), (4), (9000)) AS v(n) JOIN item_by_id ON id = n),
	'item 3,item 4', 'a join gives it');
SELECT is((SELECT count(*) FROM generate_series(1, 400) AS i JOIN comment ON item_id = i), 600::bigint, 'a join gives lists of it');

-- Rows of lists within records
CREATE FOREIGN TABLE line (id bigint, no int, quantity int) SERVER api OPTIONS (path '/paged/none', unnest 'lines');
SELECT is((SELECT count(*) || ' ' || sum(no) FROM line), '1000 1333', 'a row for each element');
SELECT is((SELECT id FROM line WHERE no = 2 LIMIT 1), 2::bigint, 'with what the record has');

-- Who may
CREATE FUNCTION enters(auth text, options text, path text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('CREATE SERVER guarded FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url %L, auth %L%s)',
		current_setting('test.api'), auth, CASE auth WHEN 'api_key' THEN format(', api_key_in %L%s', path,
			CASE path WHEN 'query' THEN ', api_key_name ''api_key''' ELSE '' END) ELSE '' END);
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER guarded OPTIONS (%s)', options);
	EXECUTE format('CREATE FOREIGN TABLE guarded (id bigint) SERVER guarded OPTIONS (path %L)', '/auth/' || path || '/paged/none');
	BEGIN
		SELECT count(*) INTO found FROM guarded;
	EXCEPTION WHEN OTHERS THEN found := sqlstate || ' ' || sqlerrm; END;
	DROP SERVER guarded CASCADE;
	RETURN found;
END $$;
SELECT set_config('test.api', :'api', false);
SELECT is(enters('basic', $$"user" 'reader', password 'secret pass'$$, 'basic'), '1000', 'basic');
SELECT is(enters('bearer', $$token 'token-1'$$, 'bearer'), '1000', 'bearer');
SELECT is(enters('api_key', $$api_key 'key-1'$$, 'header'), '1000', 'API key in a header');
SELECT is(enters('api_key', $$api_key 'key-1'$$, 'query'), '1000', 'API key in a parameter');
SELECT alike(enters('bearer', $$token 'token-wrong'$$, 'bearer'), '28000%HTTP status 401%', 'a wrong token');
SELECT unalike(enters('api_key', $$api_key 'key-wrong'$$, 'query'), '%key-wrong%', 'the key is not shown');

-- What goes wrong is an error, and never no rows
CREATE FUNCTION fault(fault text, settings text DEFAULT '', OUT rows text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE FOREIGN TABLE faulty (id bigint, name text) SERVER api OPTIONS (path %L, records ''items'',
		paging ''{"type": "offset", "param": "offset", "size_param": "limit", "size": 300}'', query_timeout ''2'', max_attempts ''3'')',
		'/paged/offset?_fault=' || fault || settings);
	BEGIN
		SELECT count(*) INTO rows FROM faulty;
	EXCEPTION WHEN query_canceled OR OTHERS THEN rows := sqlstate; END;
	DROP FOREIGN TABLE faulty;
END $$;
SELECT is((SELECT string_agg(f || ' ' || fault(f, s), E'\n' ORDER BY n) FROM (VALUES
		(1, 'status', '&_status=404'), (2, 'status', '&_status=403'), (3, 'status', '&_status=500'), (4, 'truncated', ''),
		(5, 'drop_before', ''), (6, 'drop_headers', ''), (7, 'drop_body', ''), (8, 'stall_before', ''), (9, 'stall_body', ''),
		(10, 'length_long', ''), (11, 'length_short', ''), (12, 'chunk_broken', ''), (13, 'chunk_garbage', ''), (14, 'garbage', ''),
		(15, 'gzip_broken', ''), (16, 'gzip_cut', ''), (17, 'utf8', ''), (18, 'html', ''), (19, 'empty', ''), (20, 'null', ''),
		(21, 'scalar', ''), (22, 'wrong_type', ''), (23, 'missing', ''), (24, 'deep', ''), (25, 'comma', ''), (26, 'nan', ''),
		(27, 'redirect', '&_to=denied'), (28, 'redirect', '&_to=loop')) AS v(n, f, s)),
	E'status HV00R\nstatus 42501\nstatus HV000\ntruncated 08P01\ndrop_before 08006\ndrop_headers 08006\ndrop_body 08006\n'
	'stall_before 57014\nstall_body 57014\nlength_long 08006\nlength_short 08P01\nchunk_broken 08006\nchunk_garbage 08006\ngarbage 08P01\n'
	'gzip_broken 08P01\ngzip_cut 08006\nutf8 08P01\nhtml 08P01\nempty 08P01\nnull 08P01\nscalar 08P01\n'
	'wrong_type 08P01\nmissing 08P01\ndeep 08P01\ncomma 08P01\nnan 08P01\nredirect 42501\nredirect 08P01', 'faults');
SELECT is((SELECT string_agg(f || ' ' || fault(f, s), E'\n' ORDER BY n) FROM (VALUES
		(1, 'status', '&_status=429&_times=2&_retry_after=0&_key=a'), (2, 'status', '&_status=503&_times=1&_key=b'),
		(3, 'gzip', ''), (4, 'deflate', ''), (5, 'chunked', ''), (6, 'http10', ''), (7, 'close', ''), (8, 'early', ''),
		(9, 'redirect', '&_to=same&_times=1&_key=c'), (10, 'delay', '')) AS v(n, f, s)),
	E'status 1000\nstatus 1000\ngzip 1000\ndeflate 1000\nchunked 1000\nhttp10 1000\nclose 1000\nearly 1000\nredirect 1000\ndelay 1000',
	'what is no fault in the end');

SELECT * FROM finish();
ROLLBACK;
