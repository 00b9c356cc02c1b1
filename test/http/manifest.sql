-- Connectors that are a manifest: who may register one, what is wrong with one, discovery, import, test, sync, change and removal.

BEGIN;
SELECT plan(43);
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE ROLE maker;
CREATE ROLE reader;
GRANT CREATE ON SCHEMA public TO maker, reader;
GRANT CREATE ON DATABASE http_manifest TO reader;
CREATE TEMP TABLE given (manifest jsonb);
GRANT SELECT ON given TO maker, reader;
INSERT INTO given VALUES ('{
	"manifest": 1, "name": "tracker", "version": "1.0", "title": "Tracker",
	"options": {
		"site": {"on": "server", "required": true, "help": "host and port"},
		"token": {"on": "user", "secret": true, "help": "API token"},
		"area": {"on": "table", "default": "paged"}
	},
	"base_url": "{site}/auth/bearer", "auth": {"type": "bearer", "token": "{token}"},
	"headers": {"X-From": "connkit"}, "check": "item",
	"tables": {
		"item": {
			"comment": "items", "path": "/{area}/offset", "records": "items",
			"columns": {
				"id": {"type": "bigint", "not_null": true, "comment": "number"}, "name": "text", "state": "text",
				"login": {"type": "text", "path": "user.login"}, "updated_at": "timestamptz", "lines": "jsonb"
			},
			"key": ["id"],
			"paging": {"type": "offset", "param": "offset", "size_param": "limit", "size": 100},
			"filters": {"state": {"=": {"param": "state", "exact": true}}, "updated_at": {">= >": "since"}}
		},
		"comment": {
			"path": "/items/{item}/comments",
			"columns": {"item": "bigint", "id": "bigint", "text": "text"},
			"filters": {"item": {"=": {"path": true}}},
			"errors": {"404": "empty"}
		}
	}
}');

-- who may
SET ROLE maker;
SELECT throws_ok('SELECT connkit_register_connector(manifest) FROM given', '42501',
	'permission denied for foreign-data wrapper connkit_http', 'who may not use connkit_http registers nothing');
RESET ROLE;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_http TO maker, reader;
SET ROLE maker;
SELECT is(connkit_register_connector(manifest), 'connkit_tracker', 'who may gets a wrapper') FROM given;
SELECT is(ARRAY(SELECT title || ' ' || array_to_string(capabilities, ' ') FROM connkit.connector WHERE name = 'tracker'),
	ARRAY['Tracker discover read'], 'connkit.connector has it');
SELECT is(ARRAY(SELECT name || ' ' || array_to_string(places, ',') || ' ' || secret FROM connkit.connector_option
	WHERE connector = 'tracker' AND name IN ('site', 'token', 'area') ORDER BY 1), ARRAY['area table false', 'site server false',
	'token user mapping true'], 'and its options');
SET ROLE reader;
SELECT throws_ok('SELECT connkit_register_connector(manifest) FROM given', '42501',
	'connector "tracker" was registered by another role', 'nobody else replaces it');
SELECT throws_ok($$SELECT connkit_unregister_connector('tracker')$$, '42501',
	'connector "tracker" was registered by another role', 'nor removes it');
SELECT throws_ok('CREATE SERVER s FOREIGN DATA WRAPPER connkit_tracker OPTIONS (site ''x'')', '42501', NULL, 'nor uses it');
SELECT throws_ok($$SELECT connkit_register_connector('{"manifest": 1, "name": "postgres"}')$$, '42710',
	'connector "postgres" is no manifest', 'nor a module''s name');
SET ROLE maker;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_tracker TO reader;
SET ROLE reader;
SELECT throws_like($$SELECT connkit_register_connector(manifest) FROM given$$, '%was registered by another role%',
	'who may use it does not replace it');

-- what is wrong with one
CREATE FUNCTION fault(change jsonb, path text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM connkit_register_connector(jsonb_set(jsonb_set(manifest, '{name}', '"other"'), path, change)) FROM given;
	RETURN 'none';
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN regexp_replace(sqlerrm, '^.*is not valid: ', '');
END $$;
SELECT is(fault('"next"', '{tables,item,paging,type}'), 'tables.item.paging.type: it is none of none|page|offset|cursor|next_link|link_header|list',
	'a word');
SELECT is(fault('"1"', '{tables,item,paging,size}'), 'tables.item.paging.size: a number of 1 or more is expected', 'a number');
SELECT matches(fault('"x"', '{tables,item,pageing}'), '^tables\.item\.pageing: there is no such setting; there are comment .*paging',
	'a misspelt setting');
SELECT is(fault('"/{nothing}"', '{tables,item,path}'), 'tables.item.path: "nothing" is no option and no column with a filter in the path',
	'a value that there is not');
SELECT is(fault('"/comments"', '{tables,comment,path}'), 'tables.comment.path: it lacks {item}, which is said to stand there',
	'a column that does not stand in the path');
SELECT is(fault('{"=": "state"}', '{tables,item,filters,stat}'), 'tables.item.filters.stat: the table has no such column',
	'a filter on no column');
SELECT is(fault('{"~": "state"}', '{tables,item,filters,state}'), 'tables.item.filters.state.~: there is no such operator; there are = <> < <= > >= in, '
	'divided by blanks', 'an operator');
SELECT is(fault('"server"', '{options,token,on}'), 'options.token.on: a secret belongs into user mappings: "user"', 'a secret of a server');
SELECT is(fault('{"on": "server"}', '{options,sslmode}'), 'options.sslmode: every source over HTTP has an option of that name', 'a name that is taken');
SELECT is(fault('["idd"]', '{tables,item,key}'), 'tables.item.key: a list of columns is expected', 'a key');
SELECT is(fault('2', '{manifest}'), 'manifest: 1 is expected, the edition of what a manifest holds', 'an edition');
SELECT is(fault('{}', '{tables}'), 'tables: an object with at least one table is expected', 'no tables');
SELECT is(fault('"comment"', '{check}'), 'check: the table can only be asked for given values', 'a check that cannot be asked');
SELECT throws_like($$SELECT connkit_register_connector('{"manifest": 1, "name": "Big"}')$$, '%not made of the letters%', 'a name');
SELECT throws_like($$SELECT connkit_register_connector('[]')$$, '%not made of the letters%', 'no object');

-- a source
CREATE SERVER work FOREIGN DATA WRAPPER connkit_tracker OPTIONS (site :'api');
SELECT throws_ok('ALTER SERVER work OPTIONS (ADD token ''x'')', 'HV00D', NULL, 'a secret is no option of a server');
CREATE USER MAPPING FOR reader SERVER work OPTIONS (token 'token-1');
CREATE SCHEMA tracker;
IMPORT FOREIGN SCHEMA api FROM SERVER work INTO tracker;
SELECT is((SELECT count(*) || ' ' || min(login) FROM tracker.item WHERE state = 'open'), '334 user0', 'it is read');
SELECT is((SELECT string_agg(i.name || ' ' || c.text, ', ' ORDER BY c.id) FROM tracker.item AS i JOIN tracker.comment AS c ON c.item = i.id
	WHERE i.id BETWEEN 1 AND 2), 'item 1 comment 1 of item 1, item 2 comment 1 of item 2, item 2 comment 2 of item 2', 'a join gives a path its value');
SELECT is((SELECT item FROM tracker.comment WHERE item = 3 LIMIT 1), 3::bigint, 'a column that was given is what was asked for');
SELECT is((SELECT string_agg(stage || ' ' || outcome, ', ') FROM connkit_test('work')),
	'options ok, resolve ok, connect ok, tls warning, authenticate skipped, query ok, privileges ok', 'connkit_test');
SELECT is((SELECT count(*) FROM pg_attribute WHERE attrelid = 'tracker.item'::regclass AND attnum > 0 AND attnotnull), 1::bigint, 'not_null');

CREATE FOREIGN TABLE comment (id bigint, item bigint) SERVER work;
SELECT is((SELECT count(*) FROM comment WHERE item = 3), 3::bigint, 'a table of the same name needs no options');
CREATE FOREIGN TABLE nothing (id bigint) SERVER work;
SELECT throws_like('SELECT * FROM nothing', '%the source has no table "nothing"%', 'a table that there is not');
CREATE FOREIGN TABLE lacks (id bigint, nothing text) SERVER work OPTIONS (table_name 'item');
SELECT throws_like('SELECT * FROM lacks', '%table "item" has no column "nothing"%', 'nor such a column');

-- syncs
CREATE TABLE copy (id bigint PRIMARY KEY, name text, state text, login text, updated_at timestamptz, lines jsonb);
SELECT is(connkit_create_sync('work', 'api.item', 'copy', mode => 'incremental', write => 'merge', cursor_column => 'updated_at',
	name => 'copy'), 'copy', 'a sync');
SELECT is((SELECT outcome FROM connkit_sync('copy')), 'succeeded', 'runs');
SELECT is((SELECT count(*) || ' ' || sum(id) FROM copy), '1000 500500', 'has all rows');
SELECT is((SELECT outcome || ' ' || rows_read FROM connkit_sync('copy')), 'succeeded 1', 'the next asks for what is new');

-- change, which the next transaction sees, and removal
SET ROLE maker;
SELECT throws_ok($$SELECT connkit_unregister_connector('tracker')$$, '2BP01', NULL, 'one with sources is not removed');
SELECT is(connkit_register_connector(jsonb_set(manifest, '{tables,item,columns,name}', '{"type": "text", "path": "user.login"}')),
	'connkit_tracker', 'it is replaced') FROM given;
COMMIT;
SET ROLE reader;
SELECT is((SELECT name FROM tracker.item WHERE id = 7 LIMIT 1), 'user7', 'and sources follow');
RESET ROLE;
DROP SERVER work CASCADE;
SET ROLE maker;
SELECT lives_ok($$SELECT connkit_unregister_connector('tracker')$$, 'and removed');
SELECT is((SELECT count(*) FROM connkit.connector WHERE name = 'tracker'), 0::bigint, 'and gone');
SELECT connkit_register_connector(manifest) FROM given;
RESET ROLE;
DROP FOREIGN DATA WRAPPER connkit_tracker;
SET ROLE maker;
SELECT is(connkit_register_connector(manifest), 'connkit_tracker', 'one whose wrapper alone was dropped comes back') FROM given;
SELECT connkit_unregister_connector('tracker');
RESET ROLE;

SELECT * FROM finish();
DROP OWNED BY maker, reader;
DROP ROLE maker, reader;
