-- source.sql: sources in one call: connkit_create_source() and its like.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off
\set port `echo $CK_SOURCE_PGPORT`
\set password `echo $CK_PASSWORD`

BEGIN;
SELECT no_plan();

CREATE ROLE connkit_acme;
CREATE ROLE connkit_anna IN ROLE connkit_acme;
CREATE ROLE connkit_guest;
GRANT connkit_acme, connkit_anna, connkit_guest TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null, connkit_postgres, connkit_vault TO connkit_acme;
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA pg_temp TO PUBLIC;

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

-- the source that there is: where it is, and credentials that are right
CREATE FUNCTION place(extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS
	$$SELECT jsonb_build_object('host', 'localhost', 'port', current_setting('test.port')::integer, 'dbname', 'source') || extra$$;
CREATE FUNCTION credentials(extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS
	$$SELECT jsonb_build_object('user', 'ck_reader', 'password', current_setting('test.password')) || extra$$;
SELECT set_config('test.port', :'port', true) <> '' AND set_config('test.password', :'password', true) <> '' AS ready \gset

CREATE FUNCTION mapping(source name, who text DEFAULT 'public') RETURNS jsonb LANGUAGE sql AS
	$$SELECT jsonb_object_agg(o.option_name, o.option_value) FROM pg_user_mappings AS m, pg_options_to_table(m.umoptions) AS o
		WHERE m.srvname = source AND m.usename = who$$;
CREATE FUNCTION works(source name) RETURNS boolean LANGUAGE sql AS
	$$SELECT bool_and(outcome <> 'failed') FROM connkit_test(source)$$;

-- others' functions of the names of connkit's are not called
CREATE FUNCTION connkit_test(text) RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE FUNCTION connkit_grant_secret(text, text, text, text) RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;

SET LOCAL ROLE connkit_acme;

-- create
SELECT lives_ok($$SELECT connkit_create_source('plain', 'null', '{"rows": 3, "text_size": "5", "use_remote_estimate": false,
	"delay_ms": null}', comment => 'it''s \ plain')$$, 'a source without credentials');
SELECT is((SELECT format('%s %s %s %s %s', owner, connector, options, comment, disabled) FROM connkit.source WHERE name = 'plain'),
	'connkit_acme null {"rows": "3", "text_size": "5", "use_remote_estimate": "false"} it''s \ plain f',
	'has its options and comment, and belongs to who made it');
SELECT is_empty($$SELECT FROM pg_user_mappings WHERE srvname = 'plain'$$, 'and no user mapping');

SELECT lives_ok($$SELECT connkit_create_source('far', 'postgres', place(), credentials(), test => true)$$,
	'a source with credentials, tested');
SELECT is(mapping('far'), '{"user": "ck_reader", "password_secret": "far.password"}', 'its mapping names a secret');
SELECT is((SELECT format('%s %s %s %s %s', name, owner, version, hosts, used_by) FROM connkit.secret),
	format('far.password connkit_acme 1 {localhost:%s} {far}', current_setting('test.port')),
	'which is its owner''s, and bound to its host and port');
SELECT results_eq($$SELECT source, secret FROM connkit.source_secret$$, $$VALUES ('far'::name, 'far.password')$$, 'and made for it');

SELECT lives_ok($$SELECT connkit_create_source('mine', 'postgres', place(), credentials(), mapping_for => current_user, test => true)$$,
	'credentials for oneself');
SELECT is(mapping('mine', 'connkit_acme'), '{"user": "ck_reader", "password_secret": "mine.password"}', 'are one''s own');
SELECT lives_ok($$SELECT connkit_create_source('theirs', 'postgres', place(), credentials(), mapping_for => 'connkit_guest')$$,
	'credentials for another');
GRANT USAGE ON FOREIGN SERVER theirs TO connkit_guest;
SELECT results_eq($$SELECT name, grantee, source FROM connkit.secret_grant$$,
	$$VALUES ('theirs.password', 'connkit_guest'::name, 'theirs'::name)$$, 'who may use the secret for this source');
SET LOCAL client_min_messages = error;
SELECT lives_ok($$SELECT connkit_create_source('none', 'postgres', place(), '{"user": "x"}', 'public')$$, 'a mapping without a credential');
SELECT lives_ok($$SELECT connkit_create_source('bare', 'null', mapping_for => 'public')$$, 'a mapping without options');
RESET client_min_messages;
SELECT is((SELECT count(*) FROM pg_user_mappings WHERE srvname IN ('none', 'bare') AND usename = 'public'), 2::bigint, 'is made where it is asked for');
SELECT lives_ok($$SELECT connkit_create_source('my "shop" \', 'postgres', place('{"dbname": "a''b\\c"}'),
	credentials('{"user": "o''hara\\"}'))$$, 'names and values are quoted');
SELECT is(mapping('my "shop" \'), '{"user": "o''hara\\", "password_secret": "my__shop___.password"}', 'and secrets have names that they may have');
SELECT is((SELECT options ->> 'dbname' FROM connkit.source WHERE name LIKE 'my%'), 'a''b\c', 'values are what was given');
SELECT lives_ok($$SELECT connkit_set_secret('taken.password', 'dear')$$, 'a secret whose name a source would like');
SELECT lives_ok($$SELECT connkit_create_source('taken', 'postgres', place(), credentials())$$, 'is left alone');
SELECT is(mapping('taken') ->> 'password_secret', 'taken.password_2', 'by a source that takes another');
SELECT is((SELECT version FROM connkit.secret WHERE name = 'taken.password'), 1, 'as it was');
SELECT lives_ok($$SELECT connkit_create_source('given', 'postgres', place(), '{"user": "x", "password_secret": "taken.password"}')$$,
	'a secret by its name');
SELECT is(mapping('given'), '{"user": "x", "password_secret": "taken.password"}', 'goes through');
SELECT is_empty($$SELECT FROM connkit.source_secret WHERE source = 'given'$$, 'and is not the source''s');

SELECT connkit_public_key() AS key \gset
\setenv KEY :key
\set sealed `printf %s "$CK_PASSWORD" | connkit_seal "$KEY"`
SELECT set_config('test.sealed', :'sealed', true) <> '' AS ready \gset
SELECT lives_ok($$SELECT connkit_create_source('closed', 'postgres', place(),
	credentials(jsonb_build_object('password', jsonb_build_object('sealed', current_setting('test.sealed')))), test => true)$$,
	'a credential that was sealed');
SELECT is(mapping('closed'), '{"user": "ck_reader", "password_secret": "closed.password"}', 'is a secret like others');
SELECT lives_ok($$SELECT connkit_drop_source('closed', true)$$, 'and goes like others');
SELECT CASE WHEN available THEN lives_ok($$SELECT connkit_create_source('vault', 'vault', '{"address": "https://vault.example.com/x"}',
	'{"token": "dear"}')$$, 'a source with an address') ELSE skip('no connector vault') END
FROM connkit.connector WHERE name = 'vault';
SELECT CASE WHEN available THEN is((SELECT hosts FROM connkit.secret WHERE name = 'vault.token'), '{vault.example.com:443}',
	'has its secrets bound to the host in it') ELSE skip('no connector vault') END
FROM connkit.connector WHERE name = 'vault';
SELECT CASE WHEN available THEN is(raised($$SELECT connkit_create_source('v', 'vault', '{"address": "https://u@x.y"}', '{"token": "dear"}')$$),
	'HV00A: invalid value for option "address" | It is https://host:port, without a user: credentials are bound to the host.',
	'as an address without one does not') ELSE skip('no connector vault') END
FROM connkit.connector WHERE name = 'vault';
SELECT CASE WHEN available THEN lives_ok($$SELECT connkit_drop_source('vault', true)$$, 'and is dropped with them')
	ELSE skip('no connector vault') END
FROM connkit.connector WHERE name = 'vault';

-- errors
SELECT is(raised($$SELECT connkit_create_source('far', 'null')$$),
	'42710: server "far" already exists | Choose another name: a database has one server of a name, whoever owns it.', 'a name that is taken');
SELECT is(raised($$SELECT connkit_create_source('new', 'nul')$$),
	'42704: there is no connector "nul" | connkit.connector lists them.', 'a connector that there is not');
SELECT is(raised($$SELECT connkit_create_source('new', 'sqlite')$$),
	'42501: permission denied for foreign-data wrapper connkit_sqlite | ', 'a wrapper that one may not use');
RESET ROLE;
CREATE FUNCTION connkit_missing_handler() RETURNS fdw_handler AS '$libdir/connkit', 'connkit_handler' LANGUAGE C STRICT;
CREATE FOREIGN DATA WRAPPER connkit_missing HANDLER connkit_missing_handler;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_missing TO connkit_acme;
SET LOCAL ROLE connkit_acme;
SELECT matches(raised($$SELECT connkit_create_source('new', 'missing')$$),
	'^HV00L: connector "missing" is not available: .* \| Install the library', 'a connector whose module is not there');
SELECT is(raised(format('SELECT connkit_create_source(%s)', call)), raised(native), 'the error of ' || native)
FROM (VALUES ($$'new', 'postgres', '{"hots": "x"}'$$, $$CREATE SERVER new FOREIGN DATA WRAPPER connkit_postgres OPTIONS (hots 'x')$$),
	($$'new', 'postgres', '{"password": "x"}'$$, $$CREATE SERVER new FOREIGN DATA WRAPPER connkit_postgres OPTIONS (password 'x')$$),
	($$'new', 'postgres', '{"user": "x"}'$$, $$CREATE SERVER new FOREIGN DATA WRAPPER connkit_postgres OPTIONS ("user" 'x')$$),
	($$'new', 'postgres', '{"port": 0}'$$, $$CREATE SERVER new FOREIGN DATA WRAPPER connkit_postgres OPTIONS (port '0')$$),
	($$'new', 'postgres', '{}', '{"pasword": "x"}'$$, $$CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (pasword 'x')$$),
	($$'new', 'postgres', '{}', '{"host": "x"}'$$, $$CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (host 'x')$$),
	($$'new', 'postgres', '{}', '{"password": "x", "password_secret": "y"}'$$,
		$$CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (password 'x', password_secret 'y')$$),
	($$'new', 'postgres', mapping_for => 'nobody'$$, $$CREATE USER MAPPING FOR nobody SERVER far$$)) AS v(call, native);
SELECT is(raised($$SELECT connkit_create_source('new', 'postgres', '[1]')$$),
	'22023: options must be a JSON object | For example: {"host": "db.example.com", "port": 3306}.', 'options that are no object');
SELECT is(raised($$SELECT connkit_create_source('new', 'postgres', '{"host": ["a"]}')$$),
	'22023: options: option "host" must be a string, a number or a boolean | ', 'an option that is a list');
SELECT is(raised($$SELECT connkit_create_source('new', 'postgres', '{}', '{"user": "u", "username": "u"}')$$),
	'42601: options "user" and "username" are the same | ', 'an option by both its names');
SELECT is(raised($$SELECT connkit_create_source('new', 'postgres', '{}', '{"password": {"sealed": 1}}')$$),
	'22023: credentials: option "password" must be a string, a number or a boolean | Or, for a sealed secret, {"sealed": "base64"}.',
	'a sealed credential of another form');
SELECT is(raised($$SELECT connkit_create_source('new', 'postgres', '{}', '{"user": {"sealed": "x"}}')$$),
	'22023: option "user" is no secret and is not given sealed | ', 'what is no secret, sealed');
SELECT is(raised($$SELECT connkit_create_source('new', 'postgres', '{"host": {"sealed": "x"}}')$$),
	'22023: options: option "host" must be a string, a number or a boolean | ', 'an option, sealed');
SELECT matches(raised($$SELECT connkit_create_source('new', 'postgres', '{}', '{"password": {"sealed": "eA=="}}')$$),
	'^22023: the sealed value does not open', 'a sealed credential that does not open');
SELECT matches(raised($$SELECT connkit_create_source('new', 'postgres', place(), '{"user": "ck_reader", "password": "canary"}', test => true)$$),
	'^HV00N: source "new" failed its test at stage "authenticate": .* \| Check user and password', 'a test that fails');
SELECT unalike(raised($$SELECT connkit_create_source('new', 'postgres', place(), '{"user": "ck_reader", "password": "canary"}', test => true)$$),
	'%canary%', 'and does not tell the password');
SELECT is(raised($$SELECT connkit_create_source('new', 'postgres', place(), credentials(), mapping_for => 'connkit_guest', test => true)$$),
	'22023: a source is not tested with the credentials of another role | That role calls connkit_test().', 'a test for another role');
SELECT is(raised($$SELECT connkit_create_source(NULL, 'null')$$), '22004: the name of a source may not be null | ', 'no name');
SELECT is(raised($$SELECT connkit_create_source('new', NULL)$$), '22004: connector may not be null | connkit.connector lists them.', 'no connector');
SELECT is((SELECT count(*) FROM pg_foreign_server WHERE srvname = 'new'), 0::bigint, 'nothing of all that was made');
SELECT is_empty($$SELECT name FROM connkit.secret WHERE name LIKE 'new%'$$, 'and no secret kept');

-- alter
SELECT lives_ok($$SELECT connkit_alter_source('plain', '{"rows": 4, "text_size": null, "null_every": 2, "fail_at": null}')$$, 'options are changed');
SELECT is((SELECT options FROM connkit.source WHERE name = 'plain'),
	'{"rows": "4", "null_every": "2", "use_remote_estimate": "false"}', 'set, removed, added, and left');
SELECT lives_ok($$SELECT connkit_alter_source('far', credentials => credentials(), test => true)$$, 'credentials are changed');
SELECT is((SELECT version FROM connkit.secret WHERE name = 'far.password'), 2, 'as a new version');
SELECT is(mapping('far'), '{"user": "ck_reader", "password_secret": "far.password"}', 'of the same secret');
SELECT lives_ok($$SELECT connkit_alter_source('far', credentials => '{"username": "ck_reader"}')$$, 'an option by its other name');
SELECT is(mapping('far'), '{"username": "ck_reader", "password_secret": "far.password"}', 'takes the place of the first');
SELECT matches(raised($$SELECT connkit_alter_source('far', '{"query_timeout": 7}', '{"password": "canary"}', test => true)$$),
	'^HV00N: source "far" failed its test', 'a change that fails its test');
SELECT ok((SELECT options ->> 'query_timeout' IS NULL FROM connkit.source WHERE name = 'far') AND works('far'), 'is none');
SELECT lives_ok($$SELECT connkit_alter_source('far', credentials => '{"password_secret": "taken.password"}')$$, 'another secret by name');
SELECT is(mapping('far') ->> 'password_secret', 'taken.password', 'is named');
SELECT is_empty($$SELECT FROM connkit.secret WHERE name LIKE 'far%'$$, 'and the one that was made for the source is gone');
SELECT lives_ok($$SELECT connkit_alter_source('far', credentials => credentials('{"user": null, "username": "ck_reader"}'))$$, 'a password again');
SELECT is(mapping('far') ->> 'password_secret', 'far.password', 'does not go into the secret that was not the source''s');
SELECT is((SELECT version FROM connkit.secret WHERE name = 'taken.password'), 1, 'which stays as it was');
SELECT lives_ok($$SELECT connkit_alter_source('far', credentials => '{"password": null}')$$, 'a credential is removed');
SELECT is(mapping('far'), '{"username": "ck_reader"}', 'with the name of its secret');
SELECT is_empty($$SELECT FROM connkit.source_secret WHERE source = 'far'$$, 'and the secret');
RESET ROLE;
SET LOCAL client_min_messages = error;
ALTER USER MAPPING FOR PUBLIC SERVER far OPTIONS (ADD password 'clear');
RESET client_min_messages;
SET LOCAL ROLE connkit_acme;
SELECT lives_ok($$SELECT connkit_alter_source('far', credentials => credentials())$$, 'a password in clear text');
SELECT ok(mapping('far') ? 'password_secret' AND NOT mapping('far') ? 'password', 'gives way to a secret');
SELECT is(mapping('far') ->> 'user', 'ck_reader', 'and the user has one name');
SELECT lives_ok($$SELECT connkit_alter_source('none', credentials => credentials(), test => true)$$, 'credentials for a mapping without');
SELECT lives_ok($$SELECT connkit_alter_source('mine', credentials => credentials(), test => true)$$, 'the only mapping is meant');
SELECT is((SELECT count(*) FROM pg_user_mappings WHERE srvname = 'mine'), 1::bigint, 'and none made for PUBLIC');
SELECT lives_ok($$SELECT connkit_alter_source('mine', credentials => credentials(), mapping_for => 'connkit_guest')$$, 'unless another is named');
SELECT lives_ok($$SELECT connkit_alter_source('mine', credentials => credentials(), mapping_for => 'connkit_anna')$$, 'and one more');
SELECT is(raised($$SELECT connkit_alter_source('mine', credentials => credentials())$$),
	'42P08: source "mine" has several user mappings | Say with mapping_for whose credentials they are.', 'of several one is to be named');
SELECT is_empty($$SELECT FROM connkit.secret_grant WHERE grantee = 'connkit_anna'$$, 'who has the owner''s role needs no grant');
SELECT is(raised($$SELECT connkit_alter_source('far', '{"hots": null}')$$), raised($$ALTER SERVER far OPTIONS (ADD hots 'x')$$),
	'a misspelt option is not removed but told');
SELECT is(raised($$SELECT connkit_alter_source('nowhere')$$), '42704: server "nowhere" does not exist | ', 'a source that there is not');

-- secrets are bound to the host
SELECT is(raised($$SELECT connkit_alter_source('far', '{"host": "127.0.0.1"}')$$),
	'55000: the credentials of source "far" are bound to its host and port | '
	'Give the credentials again in the same call; drop other user mappings first.', 'another host needs the credentials again');
SELECT is(raised($$SELECT connkit_alter_source('far', '{"port": null}', '{"user": "x"}')$$),
	'55000: the credentials of source "far" are bound to its host and port | '
	'Give the credentials again in the same call; drop other user mappings first.', 'all of them; another port too');
SELECT lives_ok($$SELECT connkit_alter_source('far', '{"host": "127.0.0.1"}', credentials(), test => true)$$, 'with them it is changed');
SELECT lives_ok($$SELECT connkit_alter_source('given', '{"host": "127.0.0.1"}')$$, 'a secret by name is not the source''s to guard');

-- rename
SELECT lives_ok($$SELECT connkit_discover('far')$$, 'what was discovered');
SELECT lives_ok($$SELECT connkit_alter_source('far', new_name => 'away', comment => 'gone', test => true)$$, 'a source is renamed, and works');
SELECT is((SELECT comment FROM connkit.source WHERE name = 'away'), 'gone', 'with a comment');
SELECT results_eq($$SELECT DISTINCT source FROM connkit.discovery$$, $$VALUES ('away'::name)$$, 'goes with it');
SELECT is((SELECT count(*) FROM connkit.source_secret WHERE source = 'away'), 1::bigint, 'and so does its secret');
SELECT lives_ok($$ALTER SERVER theirs RENAME TO lent$$, 'one that is lent, by the native command');
SELECT results_eq($$SELECT source FROM connkit.secret_grant WHERE name = 'theirs.password'$$, $$VALUES ('lent'::name)$$, 'has the grant follow');
SET LOCAL ROLE connkit_guest;
SELECT ok(works('lent'), 'and works for whom it was lent to');
SELECT is_empty($$SELECT FROM connkit.secret UNION ALL SELECT FROM connkit.source_secret$$, 'who sees no secret');
SELECT is(raised('SELECT ' || call), '42501: must be owner of foreign server lent | ', 'nor may he ' || call)
FROM (VALUES ($$connkit_alter_source('lent', '{"host": "x"}')$$), ($$connkit_drop_source('lent')$$),
	($$connkit_drop_source('lent', true)$$), ($$connkit_restore_source('lent')$$)) AS v(call);
SET LOCAL ROLE connkit_anna;
SELECT lives_ok($$SELECT connkit_alter_source('lent', '{"query_timeout": 9}', credentials(), comment => 'by Anna')$$,
	'who has the owner''s role may');
SELECT is((SELECT version FROM connkit.secret WHERE name = 'theirs.password'), 2, 'and the secret stays the owner''s');
SELECT is((SELECT owner FROM connkit.secret WHERE name = 'theirs.password'), 'connkit_acme'::name, 'as the source does');

-- another owner
RESET ROLE;
CREATE ROLE connkit_heir IN ROLE connkit_acme;
GRANT connkit_heir TO CURRENT_USER;
ALTER SERVER taken OWNER TO connkit_heir;
SET LOCAL ROLE connkit_heir;
SELECT ok(NOT works('taken'), 'the secrets of a source do not go to a new owner');
SELECT lives_ok($$SELECT connkit_set_secret('taken.password_2', 'my own')$$, 'who may have one of the same name');
SELECT lives_ok($$SELECT connkit_alter_source('taken', credentials => credentials(), test => true)$$, 'and gives the credentials again');
SELECT is(mapping('taken') ->> 'password_secret', 'taken.password', 'for a secret of his own');
SELECT is((SELECT count(*) FROM connkit.secret WHERE owner = 'connkit_heir'), 2::bigint, 'beside the one that he had');
RESET ROLE;
ALTER SERVER taken OWNER TO connkit_acme;

-- drop and restore
CREATE SCHEMA connkit_here AUTHORIZATION connkit_acme;
SET LOCAL ROLE connkit_acme;
CREATE FOREIGN TABLE connkit_here.rows (id bigint OPTIONS (column_name 'bigint')) SERVER plain;
SELECT lives_ok($$SELECT connkit_drop_source('plain')$$, 'a source is dropped softly');
SELECT ok((SELECT disabled FROM connkit.source WHERE name = 'plain'), 'which is to say disabled');
SELECT is(raised($$SELECT * FROM connkit_here.rows$$), '55000: source "plain" is disabled | Its owner enables it with connkit_restore_source().',
	'its table is there, but not read');
SELECT lives_ok($$SELECT connkit_drop_source('plain')$$, 'dropped again');
SELECT is(raised($$SELECT connkit_create_source('plain', 'null')$$), '42710: source "plain" exists already and is disabled | '
	'Enable it with connkit_restore_source(), or drop it for good with connkit_drop_source(…, force => true).', 'its name is kept');
SELECT lives_ok($$SELECT connkit_restore_source('plain')$$, 'it is restored');
SELECT ok((SELECT NOT disabled FROM connkit.source WHERE name = 'plain') AND works('plain'), 'and works again');
SELECT is((SELECT count(*) FROM connkit_here.rows), 4::bigint, 'with its table');
SELECT lives_ok($$SELECT connkit_restore_source('plain')$$, 'restored again');
SELECT lives_ok($$SELECT connkit_drop_source('plain', force => true)$$, 'it is dropped for good');
SELECT is_empty($$SELECT FROM pg_class WHERE relname = 'rows' AND relnamespace = 'connkit_here'::regnamespace$$, 'with its table');
SELECT lives_ok($$SELECT connkit_create_source('plain', 'null')$$, 'the name is free');
SELECT lives_ok($$CREATE USER MAPPING FOR PUBLIC SERVER plain$$, 'and a mapping is made');
SELECT lives_ok($$SELECT connkit_alter_source('given', credentials => '{"password_secret": "mine.password"}')$$, 'a secret of another source');
SELECT lives_ok($$SELECT connkit_drop_source('mine', true), connkit_drop_source('away', true), connkit_drop_source('lent', true)$$,
	'sources are dropped for good');
SELECT results_eq($$SELECT name FROM connkit.secret ORDER BY name COLLATE "C"$$,
	$$VALUES ('mine.password'), ('my__shop___.password'), ('none.password'), ('taken.password'), ('taken.password_2')$$,
	'and their secrets with them, but not one that is used elsewhere');
SELECT is_empty($$SELECT FROM connkit.secret_grant$$, 'nor is a grant left');
SELECT lives_ok($$DROP SERVER taken CASCADE$$, 'the native command');
SELECT ok((SELECT count(*) = 0 FROM connkit.source_secret WHERE source = 'taken')
	AND (SELECT count(*) = 1 FROM connkit.secret WHERE name = 'taken.password_2'), 'leaves secrets, and forgets whose they were');
RESET ROLE;
SELECT lives_ok($$CREATE FOREIGN DATA WRAPPER other$$, 'another wrapper');
SELECT lives_ok($$CREATE SERVER other FOREIGN DATA WRAPPER other$$, 'and its server');
SELECT is(raised($$SELECT connkit_drop_source('other', true)$$),
	'42809: server "other" is not a source of connkit | Create it with FOREIGN DATA WRAPPER connkit_<connector>.', 'is none of connkit''s');

SELECT * FROM finish();
ROLLBACK;
