-- Requests before and after the pages, cursors out of records, and whole addresses, against the double of an API at :api.

BEGIN;
SELECT plan(23);
SET client_min_messages = warning;
CREATE FUNCTION manifest(change jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{
		"manifest": 1, "name": "stepped", "version": "1.0", "base_url": "{url}",
		"options": {"url": {"on": "server", "required": true}, "token": {"on": "user", "secret": true}},
		"auth": {"type": "bearer", "token": "{token}"}
	}'::jsonb || jsonb_build_object('tables', jsonb_build_object('item', '{
		"before": [
			{"method": "POST", "path": "/store/job", "body": {"id": "a b/1", "status": "done"}, "take": {"job": "id"}},
			{"path": "/store/job/{job}", "until": {"path": "status", "is": ["done"], "fails": ["failed"]}, "every": "50 ms",
				"take": {"state": "status"}}
		],
		"after": {"method": "DELETE", "path": "/store/job/{job}"},
		"path": "/items", "params": {"shape": "data", "n": "25", "job": "{job}", "state_of": "{state}"}, "records": "data",
		"columns": {"id": "bigint", "name": "text", "project": "text"},
		"filters": {"project": {"=": {"step": 1, "body": "wanted[]", "value": {"column": "{column}", "values": "{values}"}}}},
		"paging": {"type": "page", "param": "page", "size_param": "per_page", "size": 10, "stop": "short"}
	}'::jsonb || change))
$$;
SELECT set_config('test.api', :'api', true) AS ignored, set_config('test.other', :'other', true) AS ignored_too \gset
-- registers a manifest of its own, with a source, and a foreign table of that name
CREATE FUNCTION variant(name text, changed jsonb, settings text DEFAULT '') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM connkit_register_connector(changed || jsonb_build_object('name', name));
	EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER %I OPTIONS (url %L)', name, 'connkit_' || name, current_setting('test.api'));
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER %I OPTIONS (token %L)', name, 'token-1');
	EXECUTE format('CREATE FOREIGN TABLE %I (id bigint, name text, project text) SERVER %1$I OPTIONS (table_name %L %s)', name, 'item', settings);
END $$;
CREATE FUNCTION told(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN NULL;
EXCEPTION WHEN query_canceled THEN
	RETURN SQLERRM;
END $$;
SELECT lives_ok($$SELECT variant('item', manifest())$$, 'registered');
\! curl -s --noproxy '*' -X DELETE "$CK_API/control"

SELECT is((SELECT count(*) || ' ' || sum(id) FROM item), '25 325', 'all rows of three pages');
\set log `curl -s --noproxy '*' :api/control/log.txt | sed 's/ HTTP.*//' | cut -d' ' -f2- | sed 's/&/ /g' | paste -sd'|'`
SELECT ok(:'log' LIKE 'POST /store/job|GET /store/job/a\%20b\%2F1|GET /items?%job=a\%20b\%2F1%state_of=done%|%page=3|DELETE /store/job/a\%20b\%2F1',
	'the requests before and after: ' || :'log');
\! curl -s --noproxy '*' -X DELETE "$CK_API/control"
SELECT is((SELECT count(*) FROM (SELECT 1 FROM item LIMIT 3) AS s), 3::bigint, 'LIMIT');
\set log `curl -s --noproxy '*' :api/control/log.txt | tail -n 1`
SELECT ok(:'log' LIKE '%DELETE /store/job/%', 'gives back too');
SELECT throws_ok('SELECT 1 / (id - 3) FROM item', '22012', NULL, 'an error');
\set log `curl -s --noproxy '*' :api/control/log.txt | tail -n 1`
SELECT ok(:'log' LIKE '%DELETE /store/job/%', 'gives back as well');
SELECT is((SELECT count(*) FROM item WHERE project = 'P3'), 3::bigint, 'a condition in the body of a request before');
\set log `curl -s --noproxy '*' :api/control/log | python3 -c 'import json, sys; print([r["body"] for r in json.load(sys.stdin) if "wanted" in (r["body"] or "")][-1])'`
SELECT is(:'log'::jsonb -> 'wanted', '[{"column": "project", "values": ["P3"]}]', 'is there');

-- jobs that are not done
SELECT variant('failing', manifest('{"before": [
	{"method": "POST", "path": "/store/job", "body": {"id": "a b/1", "status": "failed"}, "take": {"job": "id"}},
	{"path": "/store/job/{job}", "until": {"path": "status", "is": ["done"], "fails": ["failed"]}, "every": "50 ms", "take": {"state": "status"}}]}'));
SELECT throws_like('SELECT * FROM failing', '%for table "item" has ended with "failed"%', 'a job that fails');
SELECT variant('slow', manifest('{"before": [
	{"method": "POST", "path": "/store/job", "body": {"id": "a b/1", "status": "waiting"}, "take": {"job": "id"}},
	{"path": "/store/job/{job}", "until": {"path": "status", "is": ["done"], "fails": ["failed"]}, "every": "50 ms", "take": {"state": "status"}}]}'));
ALTER FOREIGN TABLE slow OPTIONS (ADD query_timeout '1');
SELECT alike(told('SELECT * FROM slow'), '%has not done within 1 seconds%', 'one that takes too long');
ALTER FOREIGN TABLE slow OPTIONS (SET query_timeout '20');
SET statement_timeout = 300;
SELECT alike(told('SELECT * FROM slow'), '%due to statement timeout%', 'one that is cancelled');
RESET statement_timeout;
\! curl -s --noproxy '*' -X DELETE "$CK_API/control"
\! (sleep 0.5; curl -s --noproxy '*' -X PATCH "$CK_API/store/job/a%20b%2F1" -d '{"status": "done"}' >/dev/null 2>&1) &
SELECT is((SELECT count(*) FROM slow), 25::bigint, 'one that is done after a while');

-- what a reply lacks, and what is wrong with a manifest
SELECT variant('lacking', manifest('{"before": [{"path": "/items/1", "take": {"job": "nothing", "state": "id"}}], "filters": {}}'));
SELECT throws_like('SELECT * FROM lacking', '%lacks the value "job"%', 'a value that is not there');
SELECT throws_like($$SELECT connkit_register_connector(manifest('{"path": "/{other}"}'))$$, '%tables.item.path: "other" is no option%', 'an unknown value');
SELECT throws_like($$SELECT connkit_register_connector(manifest('{"before": [{"path": "/x", "take": {"url": "id"}}]}'))$$,
	'%take: "url" is an option%', 'a value of an option''s name');
SELECT throws_like($$SELECT connkit_register_connector(manifest('{"before": [{"path": "/x", "take": {"job": "a", "state": "b"}, "every": "soon"}]}'))$$,
	'%every: a time is expected%', 'a time that is none');

-- a whole address, at another place: no credential is told
SELECT variant('elsewhere', jsonb_set(manifest('{"before": [{"method": "POST", "path": "/store/file", "body": {"url": "{target}"},
	"take": {"job": "id", "state": "url"}}], "after": null, "filters": {}, "path": "", "url": "{state}", "params": {}, "paging": {}}') #- '{tables,item,after}',
	'{options,target}', '{"on": "table"}'));
ALTER FOREIGN TABLE elsewhere OPTIONS (ADD target 'x');
DO $$ BEGIN EXECUTE format('ALTER FOREIGN TABLE elsewhere OPTIONS (SET target %L)', current_setting('test.other') || '/paged/none?shape=data&n=7'); END $$;
SELECT is((SELECT count(*) FROM elsewhere), 7::bigint, 'rows of another place');
\set log `curl -s --noproxy '*' :api/control/log | python3 -c 'import json, sys; print([(r["headers"].get("authorization") or r["headers"].get("Authorization") or "none") for r in json.load(sys.stdin)][-2:])'`
SELECT is(:'log'::text, '[''Bearer token-1'', ''none'']', 'is told no credential');
SELECT variant('written', jsonb_set(manifest('{"before": [], "after": null, "filters": {}, "path": "", "url": "{target}", "params": {}, "paging": {},
	"write": {"insert": {"path": "/store/written"}}}') #- '{tables,item,after}', '{options,target}', '{"on": "table"}'));
SET connkit.allow_best_effort_writes = on;
INSERT INTO written (id) VALUES (1);
\set log `curl -s --noproxy '*' :api/control/log | python3 -c 'import json, sys; r = json.load(sys.stdin)[-1]; print(r["method"], {n.lower(): v for n, v in r["headers"].items()}.get("authorization"))'`
SELECT is(:'log'::text, 'POST Bearer token-1', 'a change goes to the source itself, with the credential');
DO $$ BEGIN EXECUTE 'ALTER FOREIGN TABLE elsewhere OPTIONS (SET target ''http://169.254.169.254/x'')'; END $$;
SELECT throws_like('SELECT * FROM elsewhere', '%169.254.169.254%', 'an address that is denied');

-- the cursor out of the last record
SELECT variant('cursored', manifest('{"before": [], "filters": {}, "params": {"n": "25", "shape": "data"}, "path": "/items",
	"paging": {"type": "cursor", "from": "record", "path": "id", "param": "min", "size_param": "per_page", "size": 10, "stop": "short", "max_pages": 2}}')
	#- '{tables,item,after}');
SELECT throws_like('SELECT count(*) FROM cursored', '%has more than max_pages%', 'the last record''s id is the next page''s cursor');
\set log `curl -s --noproxy '*' :api/control/log.txt | tail -n 1`
SELECT ok(:'log' LIKE '%min=10%', 'it is: ' || :'log');
SELECT * FROM finish();
ROLLBACK;
