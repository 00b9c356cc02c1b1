-- sync_definition.sql: syncs made, changed and dropped: connkit_create_sync() and its like.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off
\set port `echo $CK_SOURCE_PGPORT`
\set password `echo $CK_PASSWORD`

-- tables at the source
\! psql -Xq -h "$CK_SOURCE_PGHOST" -p "$CK_SOURCE_PGPORT" -U postgres -c 'DROP SCHEMA IF EXISTS sync_definition, sync_definition_2 CASCADE' -c 'CREATE SCHEMA sync_definition CREATE TABLE plain (id int) CREATE TABLE "With.Dot""" (id int) CREATE VIEW "All" AS SELECT 1 AS id' -c 'CREATE SCHEMA sync_definition_2 CREATE TABLE plain (id int)' source 2>/dev/null

-- one that two sessions can see
SET client_min_messages = error;
SELECT connkit_create_source('seen', 'null') AS ignored \gset
SELECT connkit_create_sync('seen', 'x', name => 'seen') AS ignored \gset
RESET client_min_messages;

BEGIN;
SELECT no_plan();

-- while one session changes it, another does not
SELECT lives_ok($$SELECT connkit_reset_sync('seen')$$, 'a sync is changed');
\set alter `psql -XAqt -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d pgtap_sync_definition -v VERBOSITY=sqlstate -c "SELECT connkit_alter_sync('seen', '{}')" 2>&1`
\set reset `psql -XAqt -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d pgtap_sync_definition -v VERBOSITY=sqlstate -c "SELECT connkit_reset_sync('seen')" 2>&1`
\set drop `psql -XAqt -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d pgtap_sync_definition -v VERBOSITY=sqlstate -c "SELECT connkit_drop_sync('seen')" 2>&1`
\set pause `psql -XAqt -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d pgtap_sync_definition -v VERBOSITY=sqlstate -c "SELECT connkit_pause_sync('seen')" 2>&1`
SELECT is(:'alter'::text, 'ERROR:  55006', 'and not by another session too');
SELECT is(:'reset'::text, 'ERROR:  55006', 'nor reset');
SELECT is(:'drop'::text, 'ERROR:  55006', 'nor dropped');
SELECT is(:'pause'::text, '', 'but it is paused');
SELECT connkit_drop_source('seen', true) AS ignored \gset

CREATE ROLE connkit_acme;
CREATE ROLE connkit_anna IN ROLE connkit_acme;
CREATE ROLE connkit_guest;
GRANT connkit_acme, connkit_anna, connkit_guest TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null, connkit_postgres TO connkit_acme;
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA pg_temp TO PUBLIC;
CREATE SCHEMA work;
GRANT ALL ON SCHEMA work, public TO PUBLIC;
SELECT format('GRANT CREATE ON DATABASE %I TO connkit_acme', current_database()) \gexec

-- SQLSTATE, message and hint of what a statement raises
CREATE FUNCTION raised(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code text;
	message text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN code || ': ' || message || ' | ' || hint;
END $$;
-- what connkit_create_sync() raises for settings, on a sync that would be right otherwise; '' where a hint is missing
CREATE FUNCTION refused(settings jsonb, mode text DEFAULT 'incremental', cursor_column text DEFAULT 'id', write text DEFAULT NULL,
	key_columns text[] DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
	message text;
	code text;
BEGIN
	PERFORM connkit_create_sync('shop', 'numbers', 'work.refused', mode, write, cursor_column => refused.cursor_column,
		key_columns => refused.key_columns, settings => refused.settings);
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN CASE WHEN hint <> '' THEN code || ' ' || message ELSE 'no hint: ' || message END;
END $$;
CREATE FUNCTION made(sync text) RETURNS jsonb LANGUAGE sql AS
	$$SELECT jsonb_strip_nulls(to_jsonb(s) - '{id,owner_mark,created_at,name,owner,search_path}'::text[]) FROM connkit.sync AS s WHERE name = sync$$;
CREATE FUNCTION news() RETURNS TABLE (action text, object text, organization name, outcome text, old_value jsonb, new_value jsonb)
	LANGUAGE sql AS $$SELECT action, object, organization, outcome, old_value, new_value FROM connkit.audit_log
		WHERE object_type = 'sync' AND at > coalesce(nullif(current_setting('test.at', true), '')::timestamptz, '-infinity') ORDER BY id$$;
CREATE FUNCTION mark() RETURNS text LANGUAGE sql AS $$SELECT set_config('test.at', clock_timestamp()::text, true)$$;
CREATE FUNCTION state(sync text) RETURNS text LANGUAGE sql AS
	$$SELECT format('%s %s %s %s', t.position, t.tail, t.shape IS NULL, t.made_target) FROM connkit.sync AS s
		LEFT JOIN connkit.sync_state AS t ON t.sync = s.id WHERE s.name = state.sync$$;

-- without a schema to make anything in
CREATE FUNCTION lost() RETURNS text LANGUAGE sql SET search_path = nowhere AS
	$$SELECT public.raised('SELECT public.connkit_create_sync(''shop'', ''x'')')$$;

SET LOCAL ROLE connkit_acme;
SELECT connkit_create_source('shop', 'null', '{"rows": 3}') AS ignored \gset
SELECT connkit_create_source('far', 'postgres', jsonb_build_object('host', 'localhost', 'port', :'port', 'dbname', 'source'),
	jsonb_build_object('user', 'ck_reader', 'password', :'password')) AS ignored \gset
SET LOCAL search_path = work, public;

-- names and defaults
SELECT is(connkit_create_sync('shop', 'numbers'), 'shop.numbers', 'the least there is to say');
SELECT is(made('shop.numbers'), '{"source": "shop", "table_name": "numbers", "target_schema": "work", "target_table": "numbers",
	"mode": "full_refresh", "write": "replace", "half_open": false, "deletes": "ignore", "deleted_column": "deleted_at", "policy": {},
	"max_rejected": 0, "keep_rejected": 10000, "chunk_rows": 1000000, "resumable": false, "replace_rows": false,
	"create_indexes": false, "paused": false, "webhook": false}', 'gives the rest');
SELECT results_eq($$SELECT owner, search_path FROM connkit.sync$$, $$VALUES ('connkit_acme'::name, 'work, public, pg_temp')$$,
	'it has its owner, and his search_path as it was');
SELECT results_eq($$SELECT action, object, organization, outcome, new_value ->> 'table_name' FROM news()$$,
	$$VALUES ('create', 'shop.numbers', 'connkit_acme'::name, 'ok', 'numbers')$$, 'and is told in the audit log');
SELECT is(connkit_create_sync('shop', 'numbers', 'n2'), 'shop.numbers_2', 'the same name again gets a number');
SELECT is(connkit_create_sync('shop', 'numbers', 'n3'), 'shop.numbers_3', 'and the next one');
SELECT is(connkit_create_sync('shop', 'null.numbers', 'Public.N4', name => 'my sync'), 'my sync', 'a name of one''s own');
SELECT is(made('my sync') - '{mode,write,half_open,deletes,deleted_column,policy,max_rejected,keep_rejected,chunk_rows,resumable,replace_rows,create_indexes,paused,webhook}'::text[],
	'{"source": "shop", "schema_name": "null", "table_name": "numbers", "target_schema": "public", "target_table": "n4"}',
	'the target is folded as SQL does');
SELECT is(connkit_create_sync('shop', 'Sales."Order.""Items"""', '"My Items"', name => 'quoted'), 'quoted', 'names as they are written');
SELECT is(made('quoted') ->> 'schema_name', 'Sales', 'the source''s names are not folded');
SELECT is(made('quoted') ->> 'table_name', 'Order."Items"', 'quotes are taken off');
SELECT is(made('quoted') ->> 'target_table', 'My Items', 'nor what stands in quotes of the target');
SELECT is(connkit_create_sync('shop', ' Order Items ', name => 'blanks'), 'blanks', 'blanks within a name');
SELECT is(made('blanks') ->> 'target_table', 'Order Items', 'are the target''s too');
SELECT is(connkit_create_sync('shop', cursor_column => 'id', mode => 'incremental', table_name => 'i1'), 'shop.i1', 'incremental');
SELECT is(made('shop.i1') ->> 'write', 'append', 'appends where no key is given');
SELECT is(connkit_create_sync('shop', 'i2', cursor_column => 'id', mode => 'incremental', key_columns => '{a,b}'), 'shop.i2', 'with a key');
SELECT is(made('shop.i2') ->> 'write', 'merge', 'it merges');
SELECT is(made('shop.i2') -> 'key_columns', '["a", "b"]', 'by that key');
SELECT is(connkit_create_sync('shop', 'm1', mode => 'merge'), 'shop.m1', 'mode merge');
SELECT is(connkit_create_sync('shop', 'h1', mode => 'history', cursor_column => 'at'), 'shop.h1', 'mode history');
SELECT is(format('%s %s', made('shop.m1') ->> 'write', made('shop.h1') ->> 'write'), 'merge merge', 'both merge');
SELECT is(connkit_create_sync('far', query => 'SELECT 1 AS id', query_columns => 'id bigint NOT NULL, name varchar(10)', target => 'q1'),
	'far.q1', 'a query');
SELECT is(made('far.q1') ->> 'query_columns', 'id bigint NOT NULL, name varchar(10)', 'with its columns');
SELECT is(connkit_create_sync('shop', 's1', mode => 'incremental', cursor_column => 'at', settings => '{"initial_value": 5,
	"lookback": "2 hours", "half_open": true, "columns": ["at", "x"], "mapping": {"x": "x * 2", "y": null}, "filter": "x > 1 OR (y)",
	"policy": {"added": "discard_column", "retyped": "freeze"}, "max_rejected": 7, "keep_rejected": 8, "chunk_rows": 10, "create_indexes": true, "paused": true,
	"search_path": "pg_catalog"}'), 'shop.s1', 'all that can be set');
SELECT is(made('shop.s1') - '{source,table_name,target_schema,target_table,mode,write}'::text[], '{"initial_value": "5", "lookback": "2 hours",
	"half_open": true, "columns": ["at", "x"], "mapping": {"x": "x * 2"}, "filter": "x > 1 OR (y)", "cursor_column": "at",
	"policy": {"added": "discard_column", "retyped": "freeze"}, "max_rejected": 7, "keep_rejected": 8, "chunk_rows": 10, "create_indexes": true, "paused": true, "webhook": false,
	"deletes": "ignore", "resumable": false, "replace_rows": false, "deleted_column": "deleted_at"}', 'is kept');
SELECT is((SELECT mapping FROM connkit.sync WHERE name = 'shop.s1'), '{"x": "x * 2", "y": null}', 'a null of a mapping too');
SELECT is(connkit_create_sync('shop', 's2', mode => 'incremental', cursor_column => 'id', settings => '{"lookback": 100, "chunk_rows": null, "filter": "a -- b"}'),
	'shop.s2', 'a number of lookback; null is the default');
SELECT is(format('%s %s', made('shop.s2') ->> 'lookback', made('shop.s2') ->> 'chunk_rows'), '100 1000000', 'as text, and the default');

-- what is refused, at once
SELECT is(raised($$SELECT connkit_create_sync(NULL, 'x')$$), '22004: the source of a sync may not be null | connkit.source lists the sources.', 'no source');
SELECT is(raised($$SELECT connkit_create_sync('nowhere', 'x')$$), '42704: source "nowhere" does not exist | '
	'connkit.source lists those that the current role may use.', 'a source that is not there');
SELECT is(raised($$SELECT connkit_create_sync('shop')$$), '22023: a sync of a query needs a target | '
	'Name the table of this database that its rows go to.', 'neither table nor query');
SELECT is(raised($$SELECT connkit_create_sync('shop', target => 't')$$), '22023: a sync reads a table or a query | Name the table, or give a query.', 'with a target');
SELECT is(raised($$SELECT connkit_create_sync('far', 't', query => 'SELECT 1', query_columns => 'a int')$$),
	'22023: a sync reads a table or a query, not both | Leave out one of them.', 'both');
SELECT is(raised($$SELECT connkit_create_sync('far', query => 'SELECT 1', target => 't')$$),
	'22023: a query needs query_columns | Say which columns it returns: "id bigint, name text".', 'a query of unknown columns');
SELECT is(raised($$SELECT connkit_create_sync('far', 't', query_columns => 'a int')$$),
	'22023: query_columns are nothing without a query | What a table has is asked of the source.', 'columns of no query');
SELECT matches(raised($$SELECT connkit_create_sync('shop', query => 'SELECT 1', query_columns => 'a int', target => 't')$$),
	'^[^|]*quer[^|]*\|.', 'a connector that takes no query');
SELECT matches(raised(format($$SELECT connkit_create_sync('far', query => 'SELECT 1', query_columns => %L, target => 't')$$, columns)), wanted, columns)
	FROM (VALUES ('a int, b', '^42601: .*"query_columns" of a sync is a list'), ('a nosuch', '^42704: type "nosuch" does not exist.*list'),
		('a int) INHERITS (x', '^22023.*list'), ('a int); DROP TABLE x; CREATE TABLE y (b int', '^22023.*list'), ('LIKE x', '^22023.*list'),
		('a int DEFAULT 1', '^22023.*list'), ('', '^22023.*list'), ('a int) PARTITION BY LIST (a', '^22023.*list')) AS v(columns, wanted);
SELECT is(raised($$SELECT connkit_create_sync('far', query => 'SELECT 1', query_columns => 'a int', target => 't', mode => 'merge')$$),
	'22023: a query is merged by key_columns only | A query has no key of its own: say which of its columns tell one row from another.',
	'a query without a key');
SELECT matches(raised(format($$SELECT connkit_create_sync('shop', %L)$$, name)), '^22023: "table_name" .*double quotes', name)
	FROM unnest('{"","  ",".",a.,.a,a.b.c,"\"","\"a","\"\"","\"a\"b","a\"b\"","\"a\"\""}'::text[]) AS name;
SELECT matches(raised($$SELECT connkit_create_sync('shop', 'x', 'a.b.c')$$), '^22023: "target" .*rules of SQL', 'a target of another database');
SELECT matches(raised($$SELECT connkit_create_sync('shop', 'x', 'a.')$$), '^42602: .*rules of SQL', 'no name');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'x', 'pg_temp.a')$$), '22023: a temporary table is no target of a sync | '
	'A target outlives the session; name a table of another schema.', 'a temporary one');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'x', 'nowhere.a')$$), '3F000: schema "nowhere" does not exist | '
	'CREATE SCHEMA makes it; the table is made by the first run.', 'a schema that is not there');
SELECT is(nowhere, '3F000: no schema has been selected for the target | Name the target with its schema: "schema.table".', 'no schema at all')
	FROM lost() AS nowhere;
SELECT is(raised($$SELECT connkit_create_sync('shop', 'x', 'N2')$$), '42710: table work.n2 is the target of sync "shop.numbers_2" | '
	'Choose another target: syncs that do not all append would undo each other''s work.', 'a target that is another sync''s');
SELECT matches(raised($$SELECT connkit_create_sync('shop', 'x', 'i1')$$), '^42710', 'also where that one appends');
SELECT matches(raised($$SELECT connkit_create_sync('shop', 'x', 'n2', write => 'append')$$), '^42710', 'or this one');
SELECT is(connkit_create_sync('shop', 'x', 'i1', write => 'append'), 'shop.x', 'but not where both do');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', name => 'my sync')$$), '42710: sync "my sync" already exists | '
	'Choose another name: a database has one sync of a name, whoever owns it.', 'a name that is taken');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', name => '')$$), '42602: the name of a sync may not be empty | '
	'Leave it out to have one chosen.', 'an empty one');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', mode => 'increment')$$), '22023: "mode" of a sync does not take that value | '
	'It is full_refresh, incremental, merge or history.', 'a mode that is none');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', write => 'upsert')$$), '22023: "write" of a sync does not take that value | '
	'It is replace, append or merge.', 'a way to write that is none');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', settings => '{"lokback": 1}')$$), '22023: a sync has no setting "lokback" | '
	'Did you mean "lookback"?', 'a misspelt setting');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', settings => '{"colour": 1}')$$), '22023: a sync has no setting "colour" | '
	'Settings are columns of connkit.sync, whose comments tell what they mean.', 'one that is none');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', settings => '{"mode": "merge"}')$$), '22023: "mode" is not given among these settings of a sync | '
	'It is an argument of connkit_create_sync(), and changed with connkit_alter_sync().', 'what is an argument');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', settings => '[]')$$), '22023: settings of a sync are a JSON object | '
	'For example: {"lookback": "1 hour", "max_rejected": 100}', 'no object');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', settings => '{"policy": {"aded": "freeze"}}')$$),
	'22023: a policy is for no such change as "aded" | Changes are added, dropped, renamed, retyped, nullability or key.', 'no change');
SELECT is(raised($$SELECT connkit_create_sync('shop', 'y', settings => '{"policy": {"added": "ignore"}}')$$),
	'22023: there is no such policy for the change "added" | It is evolve, freeze, discard_column or discard_row.', 'no policy');
SELECT is(refused(settings::jsonb), '22023 "' || name || '" of a sync does not take that value', settings)
	FROM (VALUES ('half_open', '{"half_open": "yes"}'), ('max_rejected', '{"max_rejected": -1}'), ('max_rejected', '{"max_rejected": 1.5}'),
		('chunk_rows', '{"chunk_rows": "10"}'), ('chunk_rows', '{"chunk_rows": 1000000000000000000}'), ('columns', '{"columns": []}'),
		('columns', '{"columns": "a"}'), ('columns', '{"columns": ["a", "a"]}'), ('columns', '{"columns": [null]}'), ('columns', '{"columns": [""]}'),
		('columns', '{"columns": {"a": "b"}}'), ('mapping', '{"mapping": ["a"]}'), ('mapping', '{"mapping": {"a": 1}}'),
		('mapping', '{"mapping": {"": "a"}}'), ('mapping', '{"mapping": {"a": {"b": "c"}}}'), ('filter', '{"filter": ""}'),
		('filter', '{"filter": "a, b"}'), ('filter', '{"filter": "1; SELECT 2"}'), ('filter', '{"filter": "a FROM t"}'), ('filter', '{"filter": "a b"}'),
		('filter', '{"filter": "a AS b"}'), ('lookback', '{"lookback": -1}'), ('lookback', '{"lookback": "-1 day"}'),
		('lookback', '{"lookback": "inf"}'), ('lookback', '{"lookback": "nan"}'), ('lookback', '{"lookback": true}'), ('initial_value', '{"initial_value": [1]}'),
		('deletes', '{"deletes": "gone"}'), ('deleted_column', format('{"deleted_column": %s}', to_json(repeat('x', 64)))), ('policy', '{"policy": "freeze"}'),
		('search_path', '{"search_path": 1}'), ('search_path', '{"search_path": "a,,b"}'), ('paused', '{"paused": 1}')) AS v(name, settings);
SELECT matches(refused('{"filter": "a = "}'), '^42601', 'a filter that does not parse');
SELECT matches(refused('{"filter": "a) OR (b"}'), '^42601', 'or only in parentheses');
SELECT matches(refused('{"filter": "a) FROM (SELECT 1"}'), '^42601', 'or are more than they seem');
SELECT matches(refused('{"filter": "a /* b"}'), '^42601', 'or not to its end');
SELECT matches(refused('{"lookback": "yesterday"}'), '^22007', 'a lookback that is no interval');
SELECT is(refused('{}', mode, cursor_column, write), '22023 ' || message, message)
	FROM (VALUES ('full_refresh', NULL, 'merge', 'a full_refresh does not merge'),
		('incremental', 'id', 'replace', 'only a full_refresh replaces what is in the target'),
		('merge', NULL, 'append', 'the modes merge and history write by key'),
		('history', NULL, 'append', 'the modes merge and history write by key'),
		('incremental', NULL, NULL, 'an incremental sync needs a cursor_column'),
		('merge', 'id', NULL, 'a cursor_column is of no use where all rows are read'),
		('full_refresh', 'id', NULL, 'a cursor_column is of no use where all rows are read')) AS v(mode, cursor_column, write, message);
SELECT is(refused(settings::jsonb, mode, cursor_column), '22023 ' || message, settings)
	FROM (VALUES ('full_refresh', NULL, '{"lookback": 1}', 'initial_value, lookback and half_open are nothing without a cursor_column'),
		('history', NULL, '{"half_open": true}', 'initial_value, lookback and half_open are nothing without a cursor_column'),
		('merge', NULL, '{"initial_value": 1}', 'initial_value, lookback and half_open are nothing without a cursor_column'),
		('full_refresh', NULL, '{"deletes": "hard"}', 'deleted rows are found only where rows are merged by key'),
		('incremental', 'id', '{"deletes": "soft"}', 'deleted rows are found only where rows are merged by key'),
		('merge', NULL, '{"deleted_column": "gone"}', 'a deleted_column is used only where deletes is soft'),
		('history', 'id', '{"resumable": true}', 'resumable is of no use with a cursor_column'),
		('merge', NULL, '{"resumable": true, "chunk_rows": 0}', 'a resumable sync reads its rows in parts'),
		('merge', NULL, '{"replace_rows": true}', 'replace_rows is of use only where write is replace')) AS v(mode, cursor_column, settings, message);
SELECT is(refused('{"columns": ["a"]}', key_columns => '{b}'), '22023 key column "b" is not among the columns that are taken', 'a key that is not taken');
SELECT is(refused('{}', key_columns => '{a,NULL}'), '22023 "key_columns" of a sync does not take that value', 'a key of NULL');
SELECT is(refused('{"deletes": "soft", "deleted_column": "gone"}', 'merge', NULL), 'nothing', 'and what goes together');
SELECT connkit_drop_sync('shop.numbers_4') AS ignored \gset
SELECT is(refused('{"deletes": "hard"}', 'incremental', 'id', 'merge'), 'nothing', 'deletions too where a cursor is');
SELECT is(raised($$SELECT connkit_create_sync('far', query => 'SELECT 1', query_columns => 'a int', target => 't', settings => '{"create_indexes": true}')$$),
	'22023: the indexes of a query are not known | Leave out create_indexes, and make indexes on the target yourself.', 'indexes of a query');

-- rights
RESET ROLE;
CREATE FOREIGN DATA WRAPPER foreign_to_us;
CREATE SERVER theirs FOREIGN DATA WRAPPER foreign_to_us;
SELECT is(raised($$SELECT connkit_create_sync('theirs', 'x')$$), '42809: server "theirs" is no source of connkit | '
	'Make the server with a wrapper that connkit.connector lists.', 'another''s wrapper');
SET LOCAL ROLE connkit_guest;
SELECT is(raised($$SELECT connkit_create_sync('shop', 'x')$$), '42501: permission denied for foreign server shop | '
	'Its owner grants USAGE ON FOREIGN SERVER.', 'USAGE on the source is needed');
SELECT is_empty($$SELECT FROM connkit.sync$$, 'others'' syncs are not seen');
SELECT is(raised(format('SELECT connkit_%s', call)), '42704: sync "my sync" does not exist | '
	'connkit.sync lists those of the current role and of roles whose rights it has.', call)
	FROM unnest(ARRAY[$$alter_sync('my sync', '{"paused": true}')$$, $$reset_sync('my sync')$$, $$drop_sync('my sync')$$, $$pause_sync('my sync')$$,
		$$resume_sync('my sync')$$]) AS call;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER shop TO connkit_guest;
SET LOCAL ROLE connkit_guest;
SELECT is(raised($$SELECT connkit_create_sync('shop', 'x', 'n2')$$), '42710: table work.n2 is the target of another role''s sync | '
	'Choose another target: syncs that do not all append would undo each other''s work.', 'another role''s sync is not named');
SELECT is(connkit_create_sync('shop', 'numbers', 'guests'), 'shop.numbers_5', 'who may use the source makes syncs of his own');
SELECT results_eq($$SELECT name, owner FROM connkit.sync$$, $$VALUES ('shop.numbers_5', 'connkit_guest'::name)$$, 'and sees them');
SELECT throws_ok($$INSERT INTO connkit.sync (name, owner, owner_mark, source, table_name, target_schema, target_table, mode, write, search_path)
	VALUES ('x', 'connkit_acme', '', 'shop', 'x', 'work', 'x', 'merge', 'merge', '')$$, '42501', NULL, 'nobody writes the table himself');
CREATE TABLE work.trap (id bigint, name text, owner name);
INSERT INTO work.trap VALUES (1, 'my sync', 'connkit_acme');
CREATE TRIGGER trap BEFORE DELETE ON work.trap FOR EACH ROW EXECUTE FUNCTION connkit.sync_dropped();
SELECT matches(raised($$DELETE FROM work.trap$$), '^39P01', 'nor has its trigger say what is not so');
SET LOCAL ROLE connkit_anna;
SELECT lives_ok($$SELECT connkit_alter_sync('my sync', '{"paused": true}')$$, 'a member has the owner''s rights');
SELECT is((SELECT owner FROM connkit.sync WHERE name = 'my sync'), 'connkit_acme', 'who stays the owner');
RESET ROLE;
SELECT lives_ok($$SELECT connkit_resume_sync('my sync')$$, 'so has a superuser');
SET LOCAL ROLE connkit_acme;
SELECT is_empty($$SELECT FROM connkit.sync WHERE name = 'shop.numbers_5'$$, 'the source''s owner has no rights on what others make of it');

-- alter
SELECT mark() AS ignored \gset
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', '{"max_rejected": 5, "filter": "id > 1"}')$$, 'settings');
SELECT results_eq($$SELECT action, object, old_value -> 'max_rejected', new_value -> 'max_rejected', new_value ->> 'filter' FROM news()$$,
	$$VALUES ('alter', 'shop.numbers', '0'::jsonb, '5'::jsonb, 'id > 1')$$, 'what was and what is are told');
SELECT is((SELECT format('%s %s', max_rejected, filter) FROM connkit.sync WHERE name = 'shop.numbers'), '5 id > 1', 'are set');
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', '{"max_rejected": null, "filter": null}')$$, 'null');
SELECT is((SELECT format('%s %s', max_rejected, filter IS NULL) FROM connkit.sync WHERE name = 'shop.numbers'), '0 t', 'is the default');
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', '{"mode": "incremental", "cursor_column": "id"}')$$, 'another mode');
SELECT is(made('shop.numbers') ->> 'write', 'append', 'writes in its own way');
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', '{"key_columns": ["id"], "write": null}')$$, 'its default, asked for');
SELECT is(made('shop.numbers') ->> 'write', 'merge', 'looks at the key');
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', '{"target": "elsewhere", "table_name": "null.numbers"}')$$, 'another table and target');
SELECT is(format('%s %s', made('shop.numbers') ->> 'schema_name', made('shop.numbers') ->> 'target_table'), 'null elsewhere', 'are set');
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', '{"target": null}', 'other')$$, 'a new name, the default target');
SELECT is(made('other') ->> 'target_table', 'numbers', 'is that of the table');
SELECT lives_ok($$SELECT connkit_alter_sync('other', new_name => 'shop.numbers')$$, 'a name alone');
SELECT is(raised($$SELECT connkit_alter_sync('shop.numbers', new_name => 'my sync')$$), '42710: sync "my sync" already exists | '
	'Choose another name: a database has one sync of a name, whoever owns it.', 'not one that is taken');
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', new_name => 'shop.numbers')$$, 'but its own');
SELECT matches(raised($$SELECT connkit_alter_sync('shop.numbers', '{"cursor_column": null}')$$), '^22023: an incremental sync needs a cursor_column',
	'what does not go together is not set');
SELECT matches(raised($$SELECT connkit_alter_sync('shop.numbers', '{"target": "n2"}')$$), '^42710', 'nor a target that is taken');
SELECT is(raised($$SELECT connkit_alter_sync('shop.numbers', '{"owner": "connkit_guest"}')$$), '22023: a sync has no setting "owner" | '
	'Settings are columns of connkit.sync, whose comments tell what they mean.', 'nor another owner');
SELECT lives_ok($$SELECT connkit_alter_sync('far.q1', '{"table_name": "t"}')$$, 'a table for a query');
SELECT is(format('%s %s %s', made('far.q1') ->> 'table_name', made('far.q1') ? 'query', made('far.q1') ? 'query_columns'), 't f f', 'in its place');
SELECT lives_ok($$SELECT connkit_alter_sync('far.q1', '{"query": "SELECT 2", "query_columns": "a int"}')$$, 'and back');
SELECT is(made('far.q1') ? 'table_name', false, 'it is a query again');
SELECT is(raised($$SELECT connkit_alter_sync('nowhere', '{}')$$), '42704: sync "nowhere" does not exist | '
	'connkit.sync lists those of the current role and of roles whose rights it has.', 'a sync that is not there');
SELECT is(raised($$SELECT connkit_alter_sync(NULL, '{}')$$), '22004: the name of a sync may not be null | connkit.sync lists the syncs.', 'or no name');

-- the state
CREATE TEMP TABLE notices (message text);
RESET ROLE;
INSERT INTO connkit.sync_state (sync, position, seen, seen_columns, tail, shape, shape_version, made_target)
	SELECT id, '17', '\x00', '{id}', 1, '[]', 3, true FROM connkit.sync WHERE name IN ('shop.numbers', 'shop.i2', 'shop.m1');
SET LOCAL ROLE connkit_acme;
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', '{"filter": "id > 2"}')$$, 'another filter');
SELECT is(state('shop.numbers'), '17 1 f t', 'leaves the position');
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', '{"cursor_column": "value"}')$$, 'another cursor');
SELECT is(state('shop.numbers'), ' 0 f t', 'forgets it');
SELECT lives_ok($$SELECT connkit_reset_sync('shop.numbers', '2026-01-01')$$, 'a position that is given');
SELECT is(state('shop.numbers'), '2026-01-01 0 f t', 'is set');
SELECT lives_ok($$SELECT connkit_alter_sync('shop.numbers', '{"target": "moved"}')$$, 'another target');
SELECT is(state('shop.numbers'), '2026-01-01 0 t f', 'was not made by the sync, and what was done to the old one does not hold');
SELECT mark() AS ignored \gset
SELECT lives_ok($$SELECT connkit_reset_sync('shop.i2')$$, 'a reset');
SELECT is(state('shop.i2'), ' 0 t t', 'forgets position and shape');
SELECT results_eq($$SELECT action, object, old_value, new_value FROM news()$$,
	$$VALUES ('reset', 'shop.i2', '{"position": "17"}'::jsonb, '{"position": null}'::jsonb)$$, 'and is told');
SELECT lives_ok($$SELECT connkit_reset_sync('shop.i1', '5')$$, 'a position before the first run');
SELECT is(state('shop.i1'), '5 0 t f', 'is kept for it');
SELECT is(raised($$SELECT connkit_reset_sync('shop.m1', '5')$$), '22023: sync "shop.m1" has no cursor_column, and so no position | '
	'Leave out the position, so that all is read anew.', 'a position without a cursor');

RESET ROLE;
UPDATE connkit.sync_state SET shape = '[{"name": "id", "source_type": "int", "local_type": "integer", "not_null": true, "key": 0, "fate": "taken",
	"target": "id"}]' WHERE sync = (SELECT id FROM connkit.sync WHERE name = 'shop.i1');
SET LOCAL ROLE connkit_acme;
SELECT is(raised($$SELECT connkit_reset_sync('shop.i1', 'x')$$), '22P02: invalid input syntax for type integer: "x" | '
	'The position is a value of the column "id".', 'a position that the cursor cannot have');
SELECT lives_ok($$SELECT connkit_reset_sync('shop.i1', '6')$$, 'one that it can');
SELECT is(state('shop.i1'), '6 0 f f', 'is set');

-- pause
SELECT mark() AS ignored \gset
SELECT lives_ok($$SELECT connkit_pause_sync('shop.i1')$$, 'pause');
SELECT is((SELECT paused FROM connkit.sync WHERE name = 'shop.i1'), true, 'is kept');
SELECT lives_ok($$SELECT connkit_resume_sync('shop.i1')$$, 'resume');
SELECT is((SELECT paused FROM connkit.sync WHERE name = 'shop.i1'), false, 'too');
SELECT results_eq($$SELECT action, object, old_value, new_value FROM news()$$,
	$$VALUES ('pause', 'shop.i1', '{"paused": false}'::jsonb, '{"paused": true}'::jsonb),
		('resume', 'shop.i1', '{"paused": true}'::jsonb, '{"paused": false}'::jsonb)$$, 'both are told');

SELECT lives_ok($$SELECT connkit_resume_sync('shop.i1')$$, 'once more');
SELECT is((SELECT count(*) FROM news()), 2::bigint, 'changes nothing');

-- drop
SELECT mark() AS ignored \gset
CREATE TABLE work.i2 ();
CREATE TABLE work.m1 ();
CREATE TABLE work.n2 ();
SELECT lives_ok($$SELECT connkit_drop_sync('shop.i2')$$, 'drop');
SELECT is(to_regclass('work.i2') IS NOT NULL, true, 'leaves the target');
SELECT results_eq($$SELECT action, object, organization, outcome, old_value ->> 'table_name' FROM news()$$,
	$$VALUES ('drop', 'shop.i2', 'connkit_acme'::name, 'ok', 'i2')$$, 'and is told');
SELECT is(raised($$SELECT connkit_drop_sync('shop.numbers_2', true)$$), '55000: table work.n2 was not made by sync "shop.numbers_2" | '
	'Leave out drop_target, and drop the table with DROP TABLE.', 'a target that it did not make stays');
SELECT lives_ok($$SELECT connkit_drop_sync('shop.m1', true)$$, 'one that it made');
SELECT is(to_regclass('work.m1'), NULL, 'goes');
SELECT is_empty($$SELECT FROM connkit.sync WHERE name IN ('shop.i2', 'shop.m1')$$, 'the syncs are gone');
SELECT lives_ok($$SELECT connkit_drop_sync('shop.numbers_2')$$, 'without its target');
RESET ROLE;
INSERT INTO connkit.sync_state (sync, made_target) SELECT id, true FROM connkit.sync WHERE name = 'my sync';
CREATE TABLE public.n4 ();
SELECT is(raised($$SELECT connkit_drop_sync('my sync', true)$$), '55000: table public.n4 was not made by sync "my sync" | '
	'Leave out drop_target, and drop the table with DROP TABLE.', 'a superuser does not drop for the owner what is not the owner''s');

-- all of a source
SET LOCAL ROLE connkit_acme;
SELECT connkit_create_source('more', 'null') AS ignored \gset
SELECT results_eq($$SELECT * FROM connkit_create_syncs('more', 'made anew')$$,
	$$VALUES ('more.numbers', 'null.numbers', '"made anew".numbers')$$, 'a source without syncs, into a schema that is made');
SELECT is((SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'made anew'), 'connkit_acme', 'by the role');
SELECT is((SELECT format('%s %s', mode, write) FROM connkit.sync WHERE name = 'more.numbers'), 'full_refresh replace', 'a full refresh');
SELECT is_empty($$SELECT * FROM connkit_create_syncs('more', 'made anew')$$, 'what has a sync is left alone');
SELECT connkit_drop_sync('more.numbers') AS ignored \gset
SELECT is_empty($$SELECT * FROM connkit_create_syncs('more', include => '{x*}')$$, 'what is not included');
SELECT is_empty($$SELECT * FROM connkit_create_syncs('more', exclude => '{null.*}')$$, 'or excluded');
SELECT results_eq($$SELECT * FROM connkit_create_syncs('more', 'made anew', mode => 'incremental', settings => '{"cursor_column": "id", "max_rejected": 1}',
		overrides => '{"*": {"max_rejected": 2, "lookback": 3}, "null.num*": {"max_rejected": 4, "mode": "history"}, "no*": {"filter": "a"}}')$$,
	$$VALUES ('more.numbers', 'null.numbers', '"made anew".numbers')$$, 'settings for all and for some');
SELECT is((SELECT format('%s %s %s %s', mode, cursor_column, max_rejected, lookback) FROM connkit.sync WHERE name = 'more.numbers'),
	'history id 4 3', 'the longer pattern last');
SELECT connkit_drop_sync('more.numbers') AS ignored \gset
SELECT results_eq($$SELECT target FROM connkit_create_syncs('more', 'made anew', overrides => '{"numbers": {"target": "public.other"}}')$$,
	$$VALUES ('public.other')$$, 'a target of its own');
SELECT connkit_drop_sync('more.numbers') AS ignored \gset
SELECT results_eq($$SELECT target FROM connkit_create_syncs('more', 'made anew', overrides => '{"numbers": {"target": "other"}}')$$,
	$$VALUES ('"made anew".other')$$, 'in the schema of all');
SELECT connkit_drop_sync('more.numbers') AS ignored \gset
SELECT is(raised($$SELECT connkit_create_syncs('more', overrides => '{"x": {"tabel_name": 1}}')$$), '22023: a sync has no setting "tabel_name" | '
	'Settings are columns of connkit.sync, whose comments tell what they mean.', 'overrides are looked at, also those for no table');
SELECT matches(raised($$SELECT connkit_create_syncs('more', overrides => '{"x": 1}')$$), '^22023: settings of a sync are a JSON object', 'all of them');
SELECT matches(raised($$SELECT connkit_create_syncs('more', overrides => '[]')$$), '^22023: overrides are a JSON object', 'an array');
SELECT matches(raised($$SELECT connkit_create_syncs('more', mode => 'incremental')$$), '^22023: an incremental sync needs', 'what does not go together');
SELECT matches(raised($$SELECT connkit_create_syncs('more', settings => '{"target": "x"}')$$), '^22023: "target" is not given', 'one target for all');
SELECT is((SELECT count(*) FROM connkit.sync WHERE source = 'more'), 0::bigint, 'and nothing was made');
SET LOCAL ROLE connkit_guest;
SELECT matches(raised($$SELECT connkit_create_syncs('more')$$), '^42501', 'USAGE is needed');
SET LOCAL ROLE connkit_acme;
SELECT results_eq($$SELECT * FROM connkit_create_syncs('far', 'work', include => '{sync_definition.*}', overrides => '{"*Dot*": {"target": "dotted"}}')$$,
	$$VALUES ('far.All', 'sync_definition.All', 'work."All"'), ('far.With.Dot"', 'sync_definition."With.Dot"""', 'work.dotted'),
		('far.plain', 'sync_definition.plain', 'work.plain')$$, 'a source of several tables and a view, whatever their names');
SELECT is(raised(format('SELECT connkit_create_sync(%L, %L, %L)', 'far', t, 'work.t' || n)), 'nothing', t)
	FROM (VALUES ('sync_definition.All', 1), ('sync_definition."With.Dot"""', 2)) AS v(t, n);
SELECT is((SELECT count(*) FROM connkit.sync WHERE source = 'far' AND table_name = 'With.Dot"'), 2::bigint, 'names that connkit_create_sync() takes');
SELECT matches(raised($$SELECT connkit_create_syncs('far', 'work', include => '{sync_definition_2.*}')$$), '^42710: table work.plain is the target',
	'a table of the same name in another schema');
SELECT is_empty($$SELECT * FROM connkit_create_syncs('far', 'work', include => '{sync_definition.*}')$$, 'and once more nothing');

-- sources that are renamed or dropped
ALTER SERVER shop RENAME TO store;
SELECT is((SELECT count(*) FROM connkit.sync WHERE source = 'store'), (SELECT count(*) FROM connkit.sync WHERE name LIKE 'shop.%' OR name IN ('my sync',
	'quoted', 'blanks')), 'syncs follow a source that is renamed');
SELECT is_empty($$SELECT FROM connkit.sync WHERE source = 'shop'$$, 'all of them');
RESET ROLE;
INSERT INTO connkit.sync_run (sync, sync_name, owner, owner_mark, source, trigger, state)
	SELECT id, name, owner, owner_mark, source, 'schedule', 'queued' FROM connkit.sync WHERE name = 'my sync';
SELECT mark() AS ignored \gset
SELECT lives_ok($$DROP SERVER store CASCADE$$, 'a source that is dropped');
SELECT is_empty($$SELECT FROM connkit.sync WHERE source IN ('shop', 'store')$$, 'takes its syncs with it');
SELECT is((SELECT format('%s %s', sync_name, state) FROM connkit.sync_run), 'my sync cancelled', 'runs stay, and wait no more');
SELECT is((SELECT format('%s %s', organization, outcome) FROM news() WHERE action = 'drop' AND object = 'shop.numbers_5'), 'connkit_guest ok', 'which is told');

-- an owner who is gone
CREATE ROLE connkit_gone;
GRANT connkit_gone TO CURRENT_USER;
SELECT connkit_create_source('last', 'null') AS ignored \gset
GRANT USAGE ON FOREIGN SERVER last TO connkit_gone;
SET LOCAL ROLE connkit_gone;
SELECT connkit_create_sync('last', 'x', 'work.orphan') AS ignored \gset
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER last FROM connkit_gone;
DROP ROLE connkit_gone;
CREATE ROLE connkit_gone;
GRANT connkit_gone TO CURRENT_USER;
SET LOCAL ROLE connkit_gone;
SELECT matches(raised($$SELECT connkit_drop_sync('last.x')$$), '^42704', 'a later role of the name has no rights on it');
RESET ROLE;
SELECT lives_ok($$SELECT connkit_drop_sync('last.x')$$, 'a superuser drops it');

SELECT * FROM finish();
ROLLBACK;

\! psql -Xq -h "$CK_SOURCE_PGHOST" -p "$CK_SOURCE_PGPORT" -U postgres -c 'DROP SCHEMA sync_definition, sync_definition_2 CASCADE' source 2>/dev/null
