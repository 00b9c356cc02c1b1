-- What replies that tell of an error stand for, and what is told of them, of the double test/http/api.py at :api.

BEGIN;
SELECT plan(62);
SET client_min_messages = warning;
SET timezone = 'UTC';
\set done `curl -s --noproxy '*' -X DELETE :api/control`

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (number int, path text, status int) SERVER api OPTIONS (path '/control/log');

-- Has the double reply so to GET of a path; replies to one path are given in turn, the last of them again.
CREATE FUNCTION reply(path text, status int, response text, headers jsonb DEFAULT '{"Content-Type": "application/json"}') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE FOREIGN TABLE recording (x text) SERVER api OPTIONS (path ''/control/recording'', body %L)',
		jsonb_build_object('method', 'GET', 'path', path, 'status', status, 'response', response, 'headers', headers));
	PERFORM * FROM recording;
	DROP FOREIGN TABLE recording;
END $$;

-- The rows of a path, or what is told of it.
CREATE FUNCTION rows_of(path text, options text DEFAULT '', server text DEFAULT 'api', most int DEFAULT 10000) RETURNS text LANGUAGE plpgsql
AS $$
DECLARE found text;
BEGIN
	EXECUTE format('CREATE FOREIGN TABLE asked (id bigint, name text) SERVER %I OPTIONS (path %L %s)', server, path, options);
	BEGIN
		EXECUTE format('SELECT count(*) FROM (SELECT * FROM asked LIMIT %s) AS a', most) INTO found;
	EXCEPTION WHEN query_canceled OR OTHERS THEN found := sqlstate || ' ' || regexp_replace(sqlerrm, '^.*HTTP status ', '');
	END;
	DROP FOREIGN TABLE asked;
	RETURN found;
END $$;

-- Statuses
SELECT is(rows_of('/items?_fault=status&_status=404'), 'HV00R 404: said by the double', 'an error, with the source''s words');
SELECT is(rows_of('/items?_fault=status&_status=404', $$, errors '{"404": "empty"}'$$), '0', 'one that stands for no rows');
SELECT is(rows_of('/items?_fault=status&_status=410', $$, errors '{"4xx": "empty"}'$$), '0', 'a class of these');
SELECT is(rows_of('/items?_fault=status&_status=410', $$, errors '[{"status": [404, "410"], "do": "empty"}]'$$), '0', 'a list of these');
SELECT is(rows_of('/items?_fault=status&_status=411', $$, errors '[{"status": [404, "410"], "do": "empty"}]'$$),
	'HV000 411: said by the double', 'others are errors');
SELECT is(rows_of('/items?n=7&_fault=status&_status=500&_times=2&_key=e1', $$, errors '{"5xx": "retry"}'$$), '7', 'retry');
SELECT is(rows_of('/items?n=7&_fault=status&_status=500&_key=e2', $$, errors '{"5xx": "retry"}', max_attempts '2'$$),
	'HV000 500: said by the double', 'so often and no more');
SELECT is((SELECT count(*) FROM control_log WHERE status = 500), 4::bigint, 'two requests each');
SELECT is(rows_of('/items?n=7&_fault=status&_status=503&_key=e3', $$, errors '{"503": "fail"}'$$), '08001 503: said by the double',
	'no retry where the table says so');
SELECT is((SELECT count(*) FROM control_log WHERE status = 503), 1::bigint, 'one request');
SELECT reply('/ignored', 404, '[{"id": 1}, {"id": 2}]');
SELECT is(rows_of('/ignored', $$, errors '{"404": "ignore"}'$$), '2', 'records in a reply that is no error');
SELECT is(rows_of('/paged/page?_fault=status&_status=404&_skip=2&_key=e4', $$, errors '{"404": "empty"}',
	paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 30}'$$), '60', 'no rows, and no further page');
SELECT is(rows_of('/paged/page?past=404', $$, errors '{"404": "empty"}',
	paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 250}'$$), '1000', 'a page behind the last is a 404');

-- What is in the body
SELECT reply('/gone', 400, '{"error": {"code": 17, "kind": "NO_SUCH_THING", "message": "nothing  like\n that"}}');
SELECT is(rows_of('/gone', $$, errors '[{"status": "4xx", "path": "error.kind", "equals": "NO_SUCH_THING", "do": "empty"}]'$$), '0', 'equals');
SELECT is(rows_of('/gone', $$, errors '[{"status": "4xx", "path": "error.code", "equals": [16, 17], "do": "empty"}]'$$), '0', 'one of several numbers');
SELECT is(rows_of('/gone', $$, errors '[{"status": "4xx", "path": "error.message", "contains": "NOTHING  like", "do": "empty"}]'$$), '0', 'contains');
SELECT is(rows_of('/gone', $$, errors '[{"status": "4xx", "contains": "such_thing", "do": "empty"}]'$$), '0', 'anywhere in the body');
SELECT is(rows_of('/gone', $$, errors '[{"status": "4xx", "path": "error", "do": "empty"}]'$$), '0', 'something is there');
SELECT is(rows_of('/gone', $$, errors '[{"status": "4xx", "path": "error.more", "do": "empty"}, {"status": 400, "path": "error.kind", "equals": "NO",
	"do": "empty"}, {"status": 404, "do": "empty"}]'$$), 'HV000 400: nothing like that', 'rules that do not fit');
SELECT is(rows_of('/gone', $$, errors '[{"status": 400, "message": "first"}, {"status": 400, "do": "empty"}]'$$),
	'HV000 400: first (nothing like that)', 'the first that fits decides');
SELECT is(rows_of('/gone', $$, error_message 'error.kind'$$), 'HV000 400: NO_SUCH_THING', 'where the words are');
SELECT is(rows_of('/gone', $$, error_message 'error.none'$$), 'HV000 400', 'where there are none');
SELECT reply('/list', 400, '{"errors": [{"detail": "from a list"}]}');
SELECT is(rows_of('/list'), 'HV000 400: from a list', 'words in a list');
SELECT is(rows_of('/list', $$, errors '[{"status": 400, "path": "errors.0.detail", "equals": "from a list", "do": "empty"}]'$$), '0', 'a path through a list');
SELECT reply('/html', 500, '<html><body>secret things</body></html>', '{"Content-Type": "text/html"}');
SELECT is(rows_of('/html'), 'HV000 500', 'a page of HTML is not shown');
SELECT reply('/plain', 500, E'out of\tluck\n', '{"Content-Type": "text/plain; charset=utf-8"}');
SELECT is(rows_of('/plain'), 'HV000 500: out of luck', 'a text is');
SELECT reply('/long', 500, '{"message": "' || repeat('ř', 1000) || '"}');
SELECT matches(rows_of('/long'), '^HV000 500: ř{100,150}\.\.\.$', 'a long one is cut');
SELECT reply('/large', 500, '{"message": "here", "rest": "' || repeat('x', 100000) || '"}');
SELECT is(rows_of('/large'), 'HV000 500', 'a large body is not read to its end');
SELECT is(rows_of('/items?_fault=status,stall_body&_status=404&_seconds=5', $$, query_timeout '1'$$), 'HV00R 404', 'nor one that does not come');

-- Secrets are not told
CREATE SERVER keyed FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api', auth 'api_key', api_key_in 'query', api_key_name 'key');
CREATE USER MAPPING FOR CURRENT_USER SERVER keyed OPTIONS (api_key 'a secret/key');
SELECT reply('/told?key=a+secret/key', 400, '{"message": "no such key: a%20secret%2Fkey"}');
SELECT is(rows_of('/told', '', 'keyed'), 'HV000 400', 'a key as it stands in the URL');
SELECT reply('/told2?key=a+secret/key', 400, '{"message": "no such key: a secret/key"}');
SELECT unalike(rows_of('/told2', '', 'keyed'), '%a secret%', 'a key as it is');
CREATE SERVER basic FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api', auth 'basic');
CREATE USER MAPPING FOR CURRENT_USER SERVER basic OPTIONS ("user" 'me', password 'open sesame');
SELECT reply('/told3', 400, '{"message": "you sent Basic bWU6b3BlbiBzZXNhbWU="}');
SELECT is(rows_of('/told3', '', 'basic'), 'HV000 400', 'what stands in a header');

-- Errors in good replies
SELECT reply('/slack', 200, '{"ok": false, "error": "channel_not_found"}');
\set slack ', records ''items'', errors ''[{"status": "200", "path": "ok", "equals": "false"}]'', error_message ''error'''
SELECT is(rows_of('/slack', :'slack'), 'HV000 200 and an error: channel_not_found', 'beside no records');
SELECT reply('/slack/before', 200, '{"ok": false, "error": "no", "items": [{"id": 1}]}');
SELECT is(rows_of('/slack/before', :'slack'), 'HV000 200 and an error: no', 'before the records');
SELECT reply('/slack/behind', 200, '{"items": [' || (SELECT string_agg('{"id": ' || i || '}', ',') FROM generate_series(1, 10000) AS i) || '], "ok": false, "error": "late"}');
SELECT is(rows_of('/slack/behind', :'slack'), 'HV000 200 and an error: late', 'behind the records');
SELECT is(rows_of('/slack/behind', :'slack', most => 1), 'HV000 200 and an error: late', 'also of a query that wants one record alone');
SELECT reply('/slack/good', 200, '{"items": [{"id": 1}, {"id": 2}], "ok": true}');
SELECT is(rows_of('/slack/good', :'slack'), '2', 'a good one');
SELECT alike(rows_of('/slack/behind', :'slack' || ', max_record_size ''1000'''), '08P01 %larger than the option max_record_size%', 'one that is too large to be kept');
SELECT alike(rows_of('/slack', ', records ''items'''), '08P01 %nothing where its records should be%', 'without the rule');
SELECT is(rows_of('/slack', $$, records 'items', errors '[{"status": "2xx", "path": "ok", "equals": false, "do": "empty"}]'$$), '0', 'one that stands for no rows');
SELECT is(rows_of('/slack/behind', $$, records 'items', errors '[{"status": "2xx", "path": "error", "contains": "LATE", "do": "empty"}]'$$), '0',
	'and takes back those that came');
SELECT is(rows_of('/slack/behind', $$, records 'items', errors '[{"status": "2xx", "path": "error", "contains": "later", "do": "empty"}]'$$), '10000',
	'one that does not fit');
\set graph ', records ''data.items.nodes'', errors ''[{"status": 200, "path": "errors"}]'''
SELECT reply('/graph', 200, '{"data": {"items": {"nodes": [{"id": 1}]}}, "errors": [{"message": "no rights to name", "path": ["items", 0, "name"]}]}');
SELECT is(rows_of('/graph', :'graph'), 'HV000 200 and an error: no rights to name', 'GraphQL');
SELECT reply('/graph/none', 200, '{"data": {"items": {"nodes": [{"id": 1}]}}, "errors": []}');
SELECT is(rows_of('/graph/none', :'graph'), '1', 'an empty list of errors is none');
SELECT is(rows_of('/paged/page?_fault=graphql_error', :'graph'), 'HV000 200 and an error: said by the double', 'no data');
SELECT reply('/object', 200, '{"id": 1, "error": {"message": "but no"}}');
SELECT is(rows_of('/object', $$, errors '[{"status": 200, "path": "error"}]'$$), 'HV000 200 and an error: but no', 'in the record that is all of the reply');
SELECT reply('/object/list', 200, '[{"id": 1, "error": "a column"}]');
SELECT is(rows_of('/object/list', $$, errors '[{"status": 200, "path": "error"}]'$$), '1', 'not in the records of a list');
SELECT reply('/busy', 200, '{"ok": false, "error": "busy"}');
SELECT reply('/busy', 200, '{"items": [{"id": 5}], "ok": true}');
SELECT is(rows_of('/busy', $$, records 'items', errors '[{"status": "200", "path": "error", "equals": "busy", "do": "retry"}]'$$), '1', 'retry');
SELECT reply('/busy/always', 200, '{"items": [{"id": 5}], "ok": false, "error": "busy"}');
SELECT is(rows_of('/busy/always', $$, records 'items', max_attempts '3', errors '[{"status": "200", "path": "error", "equals": "busy", "do": "retry"}]'$$),
	'HV000 200 and an error: busy', 'in vain');
SELECT is((SELECT count(*) FROM control_log WHERE path = '/busy/always'), 3::bigint, 'three requests');
SELECT alike(rows_of('/paged/offset?_fault=truncated', $$, records 'items', errors '[{"status": "200", "path": "error", "do": "empty"}]'$$),
	'08P01 %in the middle of its JSON%', 'half a reply is not judged');

-- Pages that do not move on
SELECT alike(rows_of('/paged/ignore', $$, paging '{"type": "page", "param": "page"}'$$), '08P01 %page 2 of table "%" is the same as the one before it',
	'a number of the page of which no notice is taken');
SELECT alike(rows_of('/paged/ignore?n=3', $$, paging '{"type": "offset", "param": "offset"}'$$), '08P01 %page 2 of table "%" is the same as the one before it',
	'a number of records');
SELECT is(rows_of('/paged/page?n=70', $$, paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 1}'$$), '70', 'pages of one record');
SELECT reply('/round' || CASE i WHEN 0 THEN '' ELSE '?cursor=c' || i END, 200, '{"items": [{"id": ' || i || '}], "next": "c' || CASE i WHEN 9 THEN 4 ELSE i + 1 END || '"}')
	FROM generate_series(0, 9) AS i;
SELECT alike(rows_of('/round', $$, records 'items', paging '{"type": "cursor", "param": "cursor", "path": "next"}'$$),
	'08P01 %said to be the same again', 'cursors that go round');

-- A token that is refused by another status
\set token_url :api /token
CREATE SERVER tokens FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api', auth 'oauth2', oauth_token_url :'token_url');
CREATE USER MAPPING FOR CURRENT_USER SERVER tokens OPTIONS (oauth_client_id 'client-1', oauth_client_secret 'client secret');
SELECT is(rows_of('/items?n=5&_fault=status&_status=403&_times=1&_key=e5', $$, errors '{"403": "refresh"}'$$, 'tokens'), '5', 'a new token');
SELECT is((SELECT count(*) FROM control_log WHERE path = '/token'), 2::bigint, 'is asked for');
SELECT is(rows_of('/items?n=5&_fault=status&_status=403&_key=e6', $$, errors '{"403": "refresh"}'$$, 'tokens'), '28000 403: said by the double', 'but once');

-- The manifest's rules come after the table's
SELECT connkit_register_connector($m${
	"manifest": 1, "name": "faulty", "version": "1", "options": {"url": {}}, "base_url": "{url}",
	"errors": [{"status": "404", "do": "empty"}, {"status": "200", "path": "error", "message": "it says"}], "error_message": ["error"],
	"tables": {
		"own": {"path": "/own", "columns": {"id": "bigint"}, "errors": [{"status": "404", "message": "no own"}], "error_message": "text"},
		"all": {"path": "/all", "columns": {"id": "bigint"}, "records": "items"}
	}}$m$);
CREATE SERVER faulty FOREIGN DATA WRAPPER connkit_faulty OPTIONS (url :'api');
CREATE SCHEMA faulty;
IMPORT FOREIGN SCHEMA api FROM SERVER faulty INTO faulty;
SELECT reply('/own', 404, '{"text": "own words"}');
SELECT throws_like('SELECT * FROM faulty.own', '%HTTP status 404: no own (own words)', 'a table''s rule comes first');
SELECT reply('/all', 404, '{}');
SELECT is((SELECT count(*) FROM faulty."all"), 0::bigint, 'then the whole''s');
DROP SERVER faulty CASCADE;
SELECT reply('/all2', 200, '{"items": [{"id": 1}], "error": "all words"}');
SELECT connkit_register_connector($m${
	"manifest": 1, "name": "faulty", "version": "2", "options": {"url": {}}, "base_url": "{url}",
	"errors": [{"status": "404", "do": "empty"}, {"status": "200", "path": "error", "message": "it says"}], "error_message": ["error"],
	"tables": {"all": {"path": "/all2", "columns": {"id": "bigint"}, "records": "items"}}}$m$);
CREATE SERVER faulty FOREIGN DATA WRAPPER connkit_faulty OPTIONS (url :'api');
CREATE FOREIGN TABLE all2 (id bigint) SERVER faulty OPTIONS (table_name 'all');
SELECT throws_like('SELECT * FROM all2', '%HTTP status 200 and an error: it says (all words)', 'also of good replies');

-- Rules that are none
CREATE FUNCTION refused(errors text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN rows_of('/items', format(', records ''data.items'', errors %L', errors));
EXCEPTION WHEN OTHERS THEN RETURN sqlerrm;
END $$;
SELECT is((SELECT string_agg(regexp_replace(refused(e), '^.*errors', 'errors'), E'\n' ORDER BY n) FROM (VALUES
		(1, '{"404": "nothing"}'), (2, '{"4": "empty"}'), (3, '{"199": "empty"}'), (4, '[{"do": "empty"}]'), (5, '[{"status": []}]'),
		(6, '[{"status": 404, "equals": 1}]'), (7, '[{"status": 200, "contains": "x"}]'), (8, '[{"status": 200, "path": "data.items.error"}]'),
		(9, '[{"status": 404, "path": "a", "equals": 1, "contains": "b"}]'), (10, '[{"status": 404, "then": "empty"}]'),
		(11, '[{"status": 404, "path": "a", "equals": [{}]}]'), (12, '"empty"')) AS v(n, e)),
	E'errors.404: it is none of fail|empty|retry|rate_limited|refresh|ignore\n'
	'errors.4: a status is expected, or a class of these: "404", "5xx"\n'
	'errors.199: a status is expected, or a class of these: "404", "5xx"\n'
	'errors.0.status: a status is expected, or a class of these: "404", "5xx"\n'
	'errors.0.status: one to 7 are expected\n'
	'errors.0.path: it is missing: where the value lies\n'
	'errors.0.path: it is missing: a good reply is looked at only in one place\n'
	'errors: the path of rule 0 lies within the records\n'
	'errors.0.contains: there is equals too\n'
	'errors.0.then: there is no such setting; there are status path equals contains do message\n'
	'errors.0.equals: a text, a number, true or false is expected, or a list of these\n'
	'errors: the option is no JSON: ''['' or ''{'' expected near ''"empty"''', 'rules that are none');

SELECT * FROM finish();
ROLLBACK;
