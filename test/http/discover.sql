-- Tables that the source lists, and columns that are inferred, against the double of an API at :api.

BEGIN;
SELECT plan(22);
SET client_min_messages = warning;
SET timezone = 'Asia/Tokyo';
SELECT set_config('test.api', :'api', true) AS ignored \gset
CREATE FUNCTION source(manifest jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM connkit_register_connector('{"manifest": 1, "version": "1.0", "base_url": "{url}", "options": {"url": {"on": "server", "required": true}}}'
		|| manifest);
	EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER %I OPTIONS (url %L)', manifest->>'name', 'connkit_' || (manifest->>'name'),
		current_setting('test.api'));
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER %I', manifest->>'name');
	RETURN 'made';
END $$;
\! curl -s --noproxy '*' -X DELETE "$CK_API/control"
\! curl -s --noproxy '*' "$CK_API/control/recording" -d '[{"method": "GET", "path": "/tables", "status": 200, "response": {"b": {"rows": 7, "note": "the second", "columns": {"id": {"type": "long"}, "name": {"type": "word", "size": 5, "look": 1}, "odd": {"type": "word", "rule": 2}, "inner": {"parts": {"x": {"type": "truth"}, "deep.er": {"type": "time"}}}, "also": {"type": "prose", "other": {"raw": {"type": "word", "size": 9}}}, "gone": {"type": "alias"}, "new": {"type": "unheard"}}}, "a/1": {"columns": {"id": {"type": "long"}}}, "shut": {"closed": true, "columns": {"id": {"type": "long"}}}}}, {"method": "GET", "path": "/rows/b?at=0", "status": 200, "response": [{"v": {"id": 1, "name": "one", "inner": {"x": true, "deep": {"er": "2026-01-01"}}, "new": {"k": [1]}, "also": "p"}}, {"v": {"id": 2.0, "name": ["o"], "inner.x": false, "inner": {"deep.er": 1767225600000}}}, {"v": {"id": 3, "name": null}}]}, {"method": "GET", "path": "/rows/a%2F1?at=0", "status": 200, "response": [{"w": 1}]}]' >/dev/null
SELECT is(source('{"name": "listed", "discover": [{
	"schema": "data",
	"list": {"path": "/tables", "records": "*", "rows": "rows", "comment": "note", "where": {"closed": null}},
	"columns": {"at": "columns", "type": "type", "inner": "parts", "variants": "other", "arguments": {"word": "size"}, "plain": ["look"]},
	"types": {"long": "bigint", "word": "text", "truth": "boolean", "time": "timestamptz", "prose": "text", "alias": "", "*": "jsonb"},
	"table": {
		"path": "/rows/{table}", "params": {"at": "0"}, "values": "v", "moments": "iso_or_ms",
		"columns": {"all": {"type": "jsonb", "path": []}},
		"filters": {"type:word": {"= in": {"param": "w", "length": [1, "type"]}}, "type:long": {">": {"param": "l", "within": [-5, 5]}}}
	}}]}'), 'made', 'a manifest of nothing but a list');
SELECT is((SELECT string_agg(concat_ws(' ', schema_name, table_name, columns, estimated_rows, comment), ', ' ORDER BY table_name) FROM connkit_discover('listed')),
	'data a/1 2, data b 8 7 the second', 'the tables of a list, but for those that are none');
SELECT is((SELECT string_agg(column_name || ' ' || source_type || '/' || local_type, ', ' ORDER BY position) FROM connkit.discovered_column WHERE table_name = 'b'),
	'all jsonb/jsonb, id long/bigint, name word(5)/text, odd word rule/text, inner.x truth/boolean, inner.deep.er time/timestamp with time zone, '
	'also prose, also.raw word(9)/text, new unheard/jsonb', 'their columns');
IMPORT FOREIGN SCHEMA data FROM SERVER listed INTO public;
SELECT is((SELECT string_agg(concat_ws(' ', id, name, "inner.x", "inner.deep.er" AT TIME ZONE 'UTC', new, also), ', ' ORDER BY id) FROM b),
	'1 one t 2026-01-01 00:00:00 {"k": [1]} p, 2 ["o"] f 2026-01-01 00:00:00, 3', 'values, by names that are paths or not');
SELECT throws_like('SELECT id FROM "a/1"', '%lacks its values%', 'a record without values');
CREATE FUNCTION asked(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
\! curl -s --noproxy '*' -X DELETE "$CK_API/control/log"
SELECT ok(asked($$SELECT * FROM b WHERE name = 'äbcd' AND id > 2$$) IS NOT NULL, 'conditions by type');
\set line `curl -s --noproxy '*' :api/control/log.txt | tail -n 1`
SELECT ok(:'line' LIKE ALL (ARRAY['%w=\%C3\%A4bcd%', '%l=2%']), 'are sent: ' || :'line');
SELECT is(asked($$SELECT * FROM b WHERE name = '123456'$$), NULL, 'what is too long is not');
SELECT is(asked($$SELECT * FROM b WHERE name = '😀😀😀'$$), NULL, 'in units of UTF-16');
SELECT is(asked($$SELECT * FROM b WHERE name = ''$$), NULL, 'nor what is too short');
SELECT is((SELECT id FROM b WHERE name = '["o"]'), 2::bigint, 'nor what may be a list there');
SELECT is(asked($$SELECT * FROM b WHERE name IN ('x', '123456')$$), NULL, 'nor a list with such a value');
SELECT is((SELECT count(*) FROM b WHERE id > -6), 3::bigint, 'nor a number that is out of range');
SELECT is(asked($$SELECT * FROM b WHERE odd = 'x'$$), NULL, 'nor what the manifest does not know');
\! curl -s --noproxy '*' -X DELETE "$CK_API/control/log"

-- columns by a request of each table, which not all replies tell alike
\! curl -s --noproxy '*' "$CK_API/control/recording" -d '[{"method": "GET", "path": "/names", "status": 200, "response": [{"n": "t1"}, {"n": "t2"}, {"n": "t1"}]}, {"method": "GET", "path": "/names/t1/columns", "status": 200, "response": [{"c": ["a", "b"]}, {"c": ["a"]}]}, {"method": "GET", "path": "/names/t1", "status": 200, "response": "a,b\n1,\n2,\"\"\n"}]' >/dev/null
SELECT is(source('{"name": "named", "discover": [{
	"schema": "data", "list": {"path": "/names", "name": "n"},
	"columns": {"path": "/names/{table}/columns", "at": "c"},
	"table": {"path": "/names/{table}"}}]}'), 'made', 'a list of names');
CREATE SCHEMA named;
IMPORT FOREIGN SCHEMA data LIMIT TO (t1) FROM SERVER named INTO named;
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, -1) || ' ' || attfdwoptions[1], ', ' ORDER BY attnum) FROM pg_attribute
	WHERE attrelid = 'named.t1'::regclass AND attnum > 0), 'a text source_type=, b text source_type=mixed', 'columns that are names; only of the table that is wanted');

-- what is wrong with a manifest
SELECT throws_like($$SELECT source('{"name": "bad", "discover": [{"schema": "api", "list": {"path": "/x"}, "columns": {"at": "c"}, "table": {"path": "/{table}"}}]}')$$,
	'%discover.0.schema: a name other than "api"%', 'a schema that is taken');
SELECT throws_like($$SELECT source('{"name": "bad", "discover": [{"schema": "x", "list": {"path": "/x"}, "columns": {"at": "c"}, "table": {"path": "/x"}}]}')$$,
	'%discover.0.table.path: it lacks {table}%', 'a path without the table');

-- columns by a sample
SELECT is(source('{"name": "guessed", "tables": {
	"item": {"path": "/items", "columns": "infer", "key": ["id"], "filters": {"state": {"=": "state"}}, "paging": {"type": "page", "param": "page"}},
	"line": {"path": "/items", "unnest": "lines", "columns": "infer"},
	"csv": {"path": "/items", "params": {"shape": "csv"}, "format": "csv", "columns": "infer"}}}'), 'made', 'columns are to be inferred');
CREATE SCHEMA guessed;
IMPORT FOREIGN SCHEMA api FROM SERVER guessed INTO guessed;
SELECT is((SELECT string_agg(attrelid::regclass::text || ': ' || columns, '; ' ORDER BY attrelid::regclass::text) FROM (
	SELECT attrelid, string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) AS columns FROM pg_attribute
	WHERE attrelid IN ('guessed.item'::regclass, 'guessed.line'::regclass, 'guessed.csv'::regclass) AND attnum > 0 GROUP BY attrelid) AS s),
	'guessed.csv: id bigint, name text, state text, project text, amount numeric, active boolean, created_at timestamp with time zone, '
	'updated_at timestamp with time zone, user text, tags text, lines text, note text; '
	'guessed.item: id bigint, name text, state text, project text, amount numeric, active boolean, created_at timestamp with time zone, '
	'updated_at timestamp with time zone, user jsonb, tags jsonb, lines jsonb, note text; '
	'guessed.line: no bigint, quantity bigint, id bigint, name text, state text, project text, amount numeric, active boolean, '
	'created_at timestamp with time zone, updated_at timestamp with time zone, user jsonb, tags jsonb, note text', 'they are');
SELECT is((SELECT count(*) || ' ' || sum(amount) || ' ' || max("user"->>'login') FROM guessed.item WHERE state = 'open' AND id < 100),
	(SELECT count(*) || ' ' || sum(amount) || ' ' || max("user"->>'login') FROM guessed.item WHERE state || '' = 'open' AND id < 100), 'rows of such a table');
SELECT throws_like($$SELECT source('{"name": "bad", "tables": {"x": {"path": "/x/{a}", "columns": "infer", "filters": {"a": {"=": {"path": true}}}}}}')$$,
	'%tables.x.columns: they cannot be inferred%', 'not of a table that needs a value');
SELECT * FROM finish();
ROLLBACK;
