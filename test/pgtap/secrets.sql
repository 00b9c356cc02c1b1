-- secrets.sql: who may set, see, grant, drop and use whose secrets, and where they may be sent.
\set ECHO none
SET client_min_messages = warning;
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT no_plan();

-- two organizations, a member of the first, grantees of it for one source and for all, and one who has nothing
CREATE ROLE sec_org;
CREATE ROLE sec_rival;
CREATE ROLE sec_member IN ROLE sec_org;
CREATE ROLE sec_one;
CREATE ROLE sec_all;
CREATE ROLE sec_stranger;
CREATE ROLE sec_noinherit NOINHERIT IN ROLE sec_org;
GRANT sec_org, sec_rival, sec_member, sec_one, sec_all, sec_stranger, sec_noinherit TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres TO sec_org, sec_rival, sec_one, sec_all, sec_stranger;
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA pg_temp TO PUBLIC;

-- How a source fares: "used" where its secrets were had (nobody listens at port 1), else why not.
CREATE FUNCTION public.fate(source name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	told record;
BEGIN
	SELECT * INTO told FROM connkit_test(source) AS t WHERE t.outcome = 'failed';
	RETURN CASE WHEN told.stage = 'connect' THEN 'used' ELSE coalesce(told.stage || ': ' || told.detail, 'passed') END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

CREATE FUNCTION public.make_source(source name, secret text, mapped text DEFAULT 'PUBLIC', host text DEFAULT '127.0.0.1',
	port text DEFAULT '1') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L, port %L)', source, host, port);
	EXECUTE format('GRANT USAGE ON FOREIGN SERVER %I TO PUBLIC', source);
	EXECUTE format('CREATE USER MAPPING FOR %s SERVER %I OPTIONS ("user" %L, password_secret %L)', mapped, source, 'u', secret);
END $$;

CREATE FUNCTION public.no_secret(source text) RETURNS text LANGUAGE sql AS
	$$SELECT format('options: option "password_secret" of source "%s" names no secret that may be used for it', $1)$$;

--
-- Setting, seeing, dropping
--
SET LOCAL ROLE sec_org;
SELECT is(connkit_set_secret('one', 'v1'), 1, 'a secret is set');
SELECT is(connkit_set_secret('one', 'v2'), 2, 'and set again, as the next version');
SELECT is(connkit_set_secret('two', 'x', owner => 'sec_org'), 1, 'by the owner''s name');
SELECT is((SELECT string_agg(format('%s %s %s %s %s', name, owner, version, provider, used_by), ', ' ORDER BY name) FROM connkit.secret),
	'one sec_org 2 store {}, two sec_org 1 store {}', 'its owner sees it');
SELECT throws_ok($$SELECT * FROM connkit.secret_store$$, '42501', NULL, 'but not the table');
SELECT throws_ok($$SELECT connkit_set_secret('one', 'x', owner => 'sec_rival')$$, '42501', NULL, 'for no other organization');
SELECT throws_ok($$SELECT connkit_set_secret('one', 'x', owner => 'postgres')$$, '42501', NULL, 'nor a superuser');
SELECT throws_ok($$SELECT connkit_set_secret('one', 'x', owner => 'nobody_at_all')$$, '42704', NULL, 'nor nobody');

SET LOCAL ROLE sec_member;
SELECT is(connkit_set_secret('one', 'v3', owner => 'sec_org'), 3, 'a member sets the organization''s');
SELECT results_eq($$SELECT count(*) FROM connkit.secret$$, $$VALUES (2::bigint)$$, 'and sees them');
SELECT is(connkit_set_secret('one', 'mine'), 1, 'and has his own of the same name');

SET LOCAL ROLE sec_org;
SELECT results_eq($$SELECT count(*) FROM connkit.secret$$, $$VALUES (2::bigint)$$, 'which the organization does not see');
SELECT throws_ok($$SELECT connkit_drop_secret('one', 'sec_member')$$, '42501', NULL, 'nor drop');

SET LOCAL ROLE sec_noinherit;
SELECT throws_ok($$SELECT connkit_set_secret('one', 'x', owner => 'sec_org')$$, '42501', NULL,
	'a member who does not inherit has no rights before SET ROLE');

SET LOCAL ROLE sec_rival;
SELECT is(connkit_set_secret('one', 'other'), 1, 'another organization has one of the same name');
SELECT is((SELECT string_agg(format('%s %s', name, owner), ', ') FROM connkit.secret), 'one sec_rival', 'and sees no other');
SELECT throws_ok($$SELECT connkit_drop_secret('one', 'sec_org')$$, '42501', NULL, 'and drops no other');
SELECT throws_ok($$SELECT connkit_drop_secret('none', 'sec_org')$$, '42501',
	'must have the rights of role "sec_org" for its secrets', 'and is not told which there are');
SELECT throws_ok($$SELECT connkit_drop_secret('one', 'sec_org')$$, '42501',
	'must have the rights of role "sec_org" for its secrets', 'in the same words');
SELECT throws_ok($$SELECT connkit_revert_secret('one', 'sec_org')$$, '42501', NULL, 'reverts no other');
SELECT throws_ok($$SELECT connkit_grant_secret('one', 'sec_rival', owner => 'sec_org')$$, '42501', NULL, 'grants himself nothing');
SELECT throws_ok($$SELECT connkit_revoke_secret('one', 'sec_one', owner => 'sec_org')$$, '42501', NULL, 'and takes nothing');
SELECT throws_ok($$SELECT connkit_public_key('one', 'sec_org')$$, '42501', NULL, 'has no key to seal for others');
SELECT throws_ok($$SELECT connkit_set_sealed_secret('one', 'x', 'sec_org')$$, '42501', NULL, 'and sets nothing sealed for others');
SELECT throws_ok($$SELECT connkit_reassign_secrets('sec_org', 'sec_rival')$$, '42501', NULL, 'takes over no secrets');
SELECT throws_ok($$SELECT connkit_rotate_master_key()$$, '42501', NULL, 'rotates no key');
SELECT throws_ok($$SELECT connkit_forget_master_key('0123456789abcdef')$$, '42501', NULL, 'and forgets none');
SELECT throws_ok($$SELECT connkit_load_secret('f', 'file', '/etc/hostname')$$, '42501', NULL, 'has the server read no file');
SELECT throws_ok($$SELECT connkit_load_secret('f', 'environment', 'PATH')$$, '42501', NULL, 'no environment');
SELECT throws_ok($$SELECT connkit_load_secret('f', 'command', 'true')$$, '42501', NULL, 'no command');
SELECT throws_ok($$SELECT connkit_link_secret('f', 'file', '/etc/hostname')$$, '42501', NULL, 'now or later');
SELECT throws_ok($$SELECT connkit_link_secret('f', 'environment', 'PATH')$$, '42501', NULL, 'neither');
SELECT throws_ok($$SELECT connkit_link_secret('f', 'no_such_source', 'x')$$, '42704', NULL, 'from no provider that is not there');
SELECT throws_ok($$SELECT * FROM connkit.secret_store$$, '42501', NULL, 'reads not the store');
SELECT throws_ok($$SELECT * FROM connkit.secret_use$$, '42501', NULL, 'nor uses');
SELECT throws_ok($$INSERT INTO connkit.secret_grant SELECT * FROM connkit.secret_grant$$, '42501', NULL, 'writes no grants');
SELECT throws_ok($$UPDATE connkit.secret_store SET hosts = NULL$$, '42501', NULL, 'changes no hosts');
SELECT throws_ok($$DELETE FROM connkit.secret_store$$, '42501', NULL, 'deletes nothing');
SELECT is_empty($$SELECT * FROM connkit.audit_log WHERE organization = 'sec_org' AND role <> current_user$$,
	'sees nothing of others'' audit log');
RESET ROLE;
SELECT results_eq($$SELECT count(*) FROM connkit.secret WHERE owner::text LIKE 'sec\_%'$$, $$VALUES (4::bigint)$$,
	'a superuser sees all');
SELECT is_empty($$SELECT attname FROM pg_attribute WHERE attrelid = 'connkit.secret'::regclass AND attname IN ('message', 'value')$$,
	'but no value');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'connkit'
	WHERE p.proname LIKE '%secret%' AND p.prorettype IN ('text'::regtype, 'bytea'::regtype)$$,
	'no function of that name returns text');

--
-- Versions
--
SET LOCAL ROLE sec_org;
SELECT is(connkit_revert_secret('one'), 4, 'the version before comes back as a new one');
DO $do$ BEGIN PERFORM make_source('reverted', 'one'); END $do$;
SELECT is(fate('reverted'), 'used', 'and can be used');
SELECT throws_ok($$SELECT connkit_revert_secret('two')$$, '42704', 'secret "two" of "sec_org" has no version before the present one',
	'there is none before the first');
DO $do$ BEGIN PERFORM connkit_set_secret('many', i::text) FROM generate_series(1, 8) AS i; END $do$;
RESET ROLE;
SELECT results_eq($$SELECT array_agg(version ORDER BY version) FROM connkit.secret_store WHERE name = 'many'$$,
	$$VALUES ('{4,5,6,7,8}'::int[])$$, 'five versions are kept');
SELECT results_eq($$SELECT count(DISTINCT message) FROM connkit.secret_store WHERE name = 'one'$$,
	$$SELECT count(*) FROM connkit.secret_store WHERE name = 'one'$$, 'no two alike');
SET LOCAL ROLE sec_org;
DO $do$ BEGIN PERFORM connkit_set_secret('placed', 'x', hosts => '{a.example}'); END $do$;
DO $do$ BEGIN PERFORM connkit_set_secret('placed', 'y', hosts => '{b.example}'); END $do$;
DO $do$ BEGIN PERFORM connkit_revert_secret('placed'); END $do$;
SELECT results_eq($$SELECT hosts FROM connkit.secret WHERE name = 'placed'$$, $$VALUES ('{a.example}'::text[])$$,
	'with the value its hosts come back');
DO $do$ BEGIN PERFORM connkit_set_secret('placed', 'z'); END $do$;
SELECT results_eq($$SELECT hosts FROM connkit.secret WHERE name = 'placed'$$, $$VALUES ('{a.example}'::text[])$$,
	'a new value keeps the hosts');
DO $do$ BEGIN PERFORM connkit_set_secret('free', 'x'); END $do$;
DO $do$ BEGIN PERFORM connkit_set_secret('free', 'y', hosts => '{a.example}'); END $do$;
DO $do$ BEGIN PERFORM connkit_revert_secret('free'); END $do$;
DO $do$ BEGIN PERFORM make_source('freed', 'free'); END $do$;
SELECT is(fate('freed'), 'used', 'what could be sent anywhere can be again');
SELECT is_empty($$SELECT hosts FROM connkit.secret WHERE name = 'free' AND hosts IS NOT NULL$$, 'and says so');

--
-- Use: by whom, and whose server it is
--
DO $do$ BEGIN PERFORM make_source('by_public', 'one'); END $do$;
DO $do$ BEGIN PERFORM make_source('by_owner', 'one', 'sec_org'); END $do$;
SELECT is(fate('by_public'), 'used', 'the owner uses it by the mapping for PUBLIC');
SELECT is(fate('by_owner'), 'used', 'and by his own');
SET LOCAL ROLE sec_stranger;
SELECT is(fate('by_public'), 'used', 'who may use the source uses it without a right on the secret');
SELECT is_empty($$SELECT * FROM connkit.secret$$, 'of which he sees nothing');
SELECT is_empty($$SELECT * FROM connkit.secret_grant$$, 'nor of grants');

DO $do$ BEGIN PERFORM make_source('thief', 'sec_org/one', 'sec_stranger'); END $do$;
SELECT is(fate('thief'), no_secret('thief'), 'his own server cannot use another''s secret');
DO $do$ BEGIN PERFORM make_source('thief_public', 'sec_org/one'); END $do$;
SELECT is(fate('thief_public'), no_secret('thief_public'), 'nor by a mapping for PUBLIC');
DO $do$ BEGIN PERFORM make_source('thief_none', 'sec_org/there_is_none'); END $do$;
SELECT is(fate('thief_none'), no_secret('thief_none'), 'nor does he learn which there are');
CREATE USER MAPPING FOR sec_org SERVER thief OPTIONS ("user" 'u', password_secret 'sec_org/one');
CREATE USER MAPPING FOR sec_member SERVER thief OPTIONS ("user" 'u', password_secret 'one');
SET LOCAL ROLE sec_org;
SELECT is(fate('thief'), no_secret('thief'), 'a mapping that he makes for the owner lures nothing out of him');
SET LOCAL ROLE sec_member;
SELECT is(fate('thief'), no_secret('thief'), 'nor out of a member, by the name alone');
SET LOCAL ROLE sec_stranger;
CREATE USER MAPPING FOR sec_stranger SERVER by_public OPTIONS ("user" 'u', password_secret 'one');
SELECT is(fate('by_public'), no_secret('by_public'), 'his own mapping on another''s server, by the name alone');
ALTER USER MAPPING FOR sec_stranger SERVER by_public OPTIONS (SET password_secret 'sec_org/two');
SELECT is(fate('by_public'), no_secret('by_public'), 'or by owner and name');
SELECT throws_ok($$ALTER SERVER by_public OPTIONS (SET host 'evil.example')$$, '42501', NULL, 'the server is not his to move');
SELECT throws_ok($$ALTER USER MAPPING FOR PUBLIC SERVER by_public OPTIONS (SET password_secret 'two')$$, '42501', NULL,
	'nor the mapping for PUBLIC his to change');
SELECT throws_ok($$CREATE USER MAPPING FOR sec_one SERVER by_public OPTIONS ("user" 'u', password_secret 'two')$$, '42501', NULL,
	'nor is one for others his to make');
SELECT throws_like($$SELECT * FROM connkit_test('postgres', '{"host": "127.0.0.1", "port": "1"}',
	'{"user": "u", "password_secret": "sec_org/one"}') AS t, lateral (SELECT 1 / (t.stage <> 'options' OR t.outcome <> 'failed')::int) AS d$$,
	'%division by zero%', 'a test of settings uses no secret of others');
SET LOCAL ROLE sec_rival;
DO $do$ BEGIN PERFORM make_source('rival', 'one'); END $do$;
SELECT is(fate('rival'), 'used', 'the name alone is one''s own secret');
DROP USER MAPPING FOR PUBLIC SERVER rival;
CREATE USER MAPPING FOR PUBLIC SERVER rival OPTIONS ("user" 'u', password_secret 'two');
SELECT is(fate('rival'), no_secret('rival'), 'and never another''s');

-- whose server it becomes
RESET ROLE;
GRANT sec_rival TO sec_stranger;
SET LOCAL ROLE sec_org;
SELECT throws_ok($$ALTER SERVER by_owner OWNER TO sec_rival$$, '42501', NULL, 'a server is not given to who is not one''s role');
RESET ROLE;
ALTER SERVER by_owner OWNER TO sec_rival;
SET LOCAL ROLE sec_org;
SELECT is(fate('by_owner'), no_secret('by_owner'), 'a server that got another owner leads nowhere');
RESET ROLE;
REVOKE sec_rival FROM sec_stranger;
DO $do$ BEGIN PERFORM make_source('admins', 'sec_org/one'); END $do$;
SET LOCAL ROLE sec_stranger;
SELECT is(fate('admins'), 'used', 'a superuser''s server uses any, by the mapping that he made for PUBLIC');
CREATE USER MAPPING FOR sec_stranger SERVER admins OPTIONS ("user" 'u', password_secret 'sec_org/one');
SELECT is(fate('admins'), no_secret('admins'), 'but not by one that a user made for himself');

-- through views and functions of others
RESET ROLE;
CREATE FUNCTION public.elevated() RETURNS int SECURITY DEFINER LANGUAGE sql AS $$SELECT connkit_set_secret('elevated', 'x')$$;
SET LOCAL ROLE sec_stranger;
DO $do$ BEGIN PERFORM elevated(); END $do$;
RESET ROLE;
SELECT is((SELECT owner FROM connkit.secret WHERE name = 'elevated'), current_user,
	'in a function with its owner''s rights, it is the owner''s');

--
-- Grants
--
SET LOCAL ROLE sec_org;
DO $do$ BEGIN PERFORM connkit_grant_secret('one', 'sec_one', 'of_one'); END $do$;
DO $do$ BEGIN PERFORM connkit_grant_secret('one', 'sec_all'); END $do$;
SELECT lives_ok($$SELECT connkit_grant_secret('one', 'sec_all')$$, 'a grant can be given again');
SELECT throws_ok($$SELECT connkit_grant_secret('one', 'nobody_at_all')$$, '42704', NULL, 'not to nobody');
SELECT throws_ok($$SELECT connkit_grant_secret('none', 'sec_all')$$, '42704', NULL, 'not of nothing');
SELECT throws_ok($$SELECT connkit_grant_secret('one', NULL)$$, '22004', NULL, 'not to NULL');
SET LOCAL ROLE sec_one;
DO $do$ BEGIN PERFORM make_source('of_one', 'sec_org/one'); END $do$;
DO $do$ BEGIN PERFORM make_source('of_one_else', 'sec_org/one'); END $do$;
SELECT is(fate('of_one'), 'used', 'who has a grant for a source uses it there');
SELECT is(fate('of_one_else'), no_secret('of_one_else'), 'and nowhere else');
SELECT is((SELECT string_agg(format('%s %s %s', owner, name, source), ', ') FROM connkit.secret_grant), 'sec_org one of_one',
	'and sees his grant');
SELECT throws_ok($$SELECT connkit_grant_secret('one', 'sec_stranger', owner => 'sec_org')$$, '42501', NULL, 'but passes nothing on');
SELECT throws_ok($$SELECT connkit_set_secret('one', 'x', owner => 'sec_org')$$, '42501', NULL, 'sets nothing');
SELECT is_empty($$SELECT * FROM connkit.secret$$, 'and sees not the secret');
ALTER SERVER of_one RENAME TO of_one_renamed;
ALTER SERVER of_one_else RENAME TO of_one;
SELECT is(fate('of_one'), no_secret('of_one'), 'also under the name of the one that it was for');
SELECT is(fate('of_one_renamed'), 'used', 'whose grant goes along');
SET LOCAL ROLE sec_all;
DO $do$ BEGIN PERFORM make_source('of_all', 'sec_org/one'); END $do$;
SELECT is(fate('of_all'), 'used', 'who has it for all, everywhere');
DO $do$ BEGIN PERFORM make_source('of_all_two', 'sec_org/two'); END $do$;
SELECT is(fate('of_all_two'), no_secret('of_all_two'), 'but only that secret');
SET LOCAL ROLE sec_org;
SELECT is((SELECT granted_to::text FROM connkit.secret WHERE name = 'one'), '{sec_all,sec_one}', 'the owner sees grants');
DO $do$ BEGIN PERFORM connkit_revoke_secret('one', 'sec_all'); END $do$;
SET LOCAL ROLE sec_all;
SELECT is(fate('of_all'), no_secret('of_all'), 'until it is revoked');

--
-- Dropping
--
SET LOCAL ROLE sec_org;
SELECT throws_ok($$SELECT connkit_drop_secret('one')$$, '2BP01', NULL, 'one that is used is not dropped');
SELECT throws_like($$SELECT connkit_drop_secret('one', 'sec_member')$$, 'must have the rights%', 'a member''s neither');
SELECT lives_ok($$SELECT connkit_drop_secret('one', force => true)$$, 'but by force');
SELECT throws_ok($$SELECT connkit_drop_secret('one')$$, '42704', NULL, 'once');
SELECT is(fate('by_public'), no_secret('by_public'), 'and then used no more');
SELECT is_empty($$SELECT * FROM connkit.secret_grant WHERE name = 'one'$$, 'grants go with it');
SELECT is(connkit_set_secret('one', 'new'), 1, 'a new one begins anew');
SET LOCAL ROLE sec_one;
SELECT is(fate('of_one'), no_secret('of_one'), 'without the old one''s grants');

--
-- Hosts
--
SET LOCAL ROLE sec_org;
DO $do$ BEGIN PERFORM connkit_set_secret('bound', 'x', hosts => '{127.0.0.1:1,*.example.com:5432,10.0.0.0/8}'); END $do$;
DO $do$ BEGIN PERFORM make_source('at_home', 'bound'); END $do$;
SELECT is(fate('at_home'), 'used', 'a bound secret goes to its host');
ALTER SERVER at_home OPTIONS (SET port '2');
SELECT alike(fate('at_home'), '%may not be sent to where source "at_home" is%', 'not to another port');
ALTER SERVER at_home OPTIONS (SET port '1', SET host '127.0.0.2');
SELECT alike(fate('at_home'), '%may not be sent%', 'not to another host');
ALTER SERVER at_home OPTIONS (SET host 'localhost');
SELECT alike(fate('at_home'), '%may not be sent%', 'not to another name of it');
ALTER SERVER at_home OPTIONS (DROP host);
SELECT alike(fate('at_home'), '%may not be sent%', 'not to the default host');
ALTER SERVER at_home OPTIONS (ADD host 'evil.net,x.example.com', SET port '5432');
SELECT unalike(fate('at_home'), 'used', 'not to a list of hosts');
SELECT unalike(fate('at_home'), 'passed', 'in no way');
ALTER SERVER at_home OPTIONS (SET host '127.0.0.1/x.example.com');
SELECT unalike(fate('at_home'), 'used', 'not to what only looks like a name');
ALTER SERVER at_home OPTIONS (SET host '/tmp');
SELECT alike(fate('at_home'), '%may not be sent%', 'not to a socket');
ALTER SERVER at_home OPTIONS (SET host '10.0.0.0.example.net', SET port '1');
SELECT alike(fate('at_home'), '%may not be sent%', 'not to a name that begins as an address');
ALTER SERVER at_home OPTIONS (SET host '127.0.0.1');
SELECT is(fate('at_home'), 'used', 'and home again');
SELECT throws_ok($$SELECT connkit_set_secret('bad', 'x', hosts => '{NULL}')$$, '22004', NULL, 'NULL is no host');
SELECT throws_ok($$SELECT connkit_set_secret('bad', 'x', hosts => '{"a b:c"}')$$, '22023', NULL, 'nor is what is no pattern');
DO $do$ BEGIN PERFORM connkit_set_secret('bound', 'x', hosts => '{}'); END $do$;
ALTER SERVER at_home OPTIONS (SET port '2');
SELECT alike(fate('at_home'), 'used', 'no hosts in the list: any');

--
-- Names and values
--
SELECT throws_ok(format('SELECT connkit_set_secret(%L, %L)', name, 'x'), '42602', NULL, 'no name: ' || quote_ident(left(replace(name, E'\n', '|'), 20)))
FROM unnest(ARRAY['', ' ', 'a b', 'a/b', 'a''b', 'a"b', 'ä', E'a\nb', '../a', repeat('x', 201)]) AS name;
SELECT lives_ok(format('SELECT connkit_set_secret(%L, %L)', name, 'x'), 'a name: ' || left(name, 20))
FROM unnest(ARRAY['a', 'A.b-c_9', '-', '..', repeat('x', 200)]) AS name;
SELECT throws_ok($$SELECT connkit_set_secret(NULL, 'x')$$, '22004', NULL, 'no name');
SELECT throws_ok($$SELECT connkit_set_secret('x', NULL)$$, '22004', NULL, 'no value');
SELECT throws_ok($$SELECT connkit_set_secret('x', '')$$, '22023', NULL, 'an empty value');
SELECT lives_ok($$SELECT connkit_set_secret('x', repeat('x', 65536))$$, '64 kB');
SELECT throws_ok($$SELECT connkit_set_secret('x', repeat('x', 65537))$$, '22023', NULL, 'a byte more');
SELECT throws_ok($$SELECT connkit_set_secret('x', repeat('ä', 32769))$$, '22023', NULL, 'bytes are counted');
SELECT lives_ok(format('SELECT connkit_set_secret(%L, %L)', 'x', value), 'a value may be anything')
FROM unnest(ARRAY[E'a\nb', ' ', 'äöü€😀', '''"\$$', E'\x01', 'NULL']) AS value;

-- roles with other names
RESET ROLE;
CREATE ROLE "sec Rôle/""q";
GRANT "sec Rôle/""q" TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres TO "sec Rôle/""q";
SET LOCAL ROLE "sec Rôle/""q";
SELECT is(connkit_set_secret('one', 'x'), 1, 'an owner with any name');
DO $do$ BEGIN PERFORM make_source('odd', 'one'); END $do$;
SELECT is(fate('odd'), 'used', 'uses it by the name alone');

--
-- Options
--
SET LOCAL ROLE sec_org;
SELECT throws_ok($$CREATE USER MAPPING FOR sec_org SERVER at_home OPTIONS ("user" 'u', password 'x', password_secret 'one')$$,
	'42601', NULL, 'a value and a secret exclude each other');
SELECT throws_ok($$CREATE USER MAPPING FOR sec_org SERVER at_home OPTIONS ("user" 'u', password_secret '')$$, 'HV00A', NULL,
	'a secret has a name');
SELECT throws_ok($$CREATE USER MAPPING FOR sec_org SERVER at_home OPTIONS ("user" 'u', user_secret 'one')$$, 'HV00D', NULL,
	'only secret options name secrets');
SELECT throws_ok($$ALTER SERVER at_home OPTIONS (ADD password_secret 'one')$$, 'HV00D', NULL, 'only those of user mappings');
SELECT is((SELECT used_by::text FROM connkit.secret WHERE name = 'bound'), '{at_home}',
	'which sources use a secret is seen');
DO $do$ BEGIN PERFORM make_source('wrongly', 'sec_org/'); END $do$;
SELECT is(fate('wrongly'), no_secret('wrongly'), 'no name behind the owner');
DO $do$ BEGIN PERFORM make_source('wrongly2', '/one'); END $do$;
SELECT is(fate('wrongly2'), no_secret('wrongly2'), 'no owner before the name');

--
-- Rights on all data, and names that hide PostgreSQL's own
--
RESET ROLE;
CREATE ROLE sec_data IN ROLE pg_read_all_data, pg_write_all_data;
GRANT sec_data TO CURRENT_USER;
SET LOCAL ROLE sec_data;
SELECT is_empty('SELECT * FROM connkit.secret_store', 'who reads all data reads no ciphertext');
SELECT is_empty('UPDATE connkit.secret_store SET hosts = NULL RETURNING 1', 'who writes all data changes no hosts');
SELECT is_empty('DELETE FROM connkit.secret_store RETURNING 1', 'deletes no secret');
SELECT is_empty('UPDATE connkit.secret_grant SET grantee = current_user RETURNING 1', 'changes no grant');
SELECT throws_ok($$INSERT INTO connkit.secret_grant (owner, name, grantee, grantee_mark, granted_by)
	VALUES ('sec_rival', 'one', 'sec_data', 'x', 'sec_rival')$$, '42501', NULL, 'makes no grant');
SELECT throws_ok($$INSERT INTO connkit.secret_store (owner, owner_mark, name, version, provider, reference, created_by)
	VALUES ('sec_data', 'x', 'passwd', 1, 'file', '/etc/passwd', 'x')$$, '42501', NULL, 'makes no link to a file');

RESET ROLE;
GRANT CREATE ON DATABASE :"DBNAME" TO sec_rival;
SET LOCAL ROLE sec_rival;
CREATE SCHEMA sec_evil;
CREATE FUNCTION sec_evil.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
CREATE FUNCTION sec_evil.equal(name, text) RETURNS boolean LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
CREATE FUNCTION sec_evil.equal(name, name) RETURNS boolean LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
CREATE FUNCTION sec_evil.left(text, integer) RETURNS text LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
CREATE FUNCTION sec_evil.pgp_sym_encrypt_bytea(bytea, text, text) RETURNS bytea LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
CREATE OPERATOR sec_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = sec_evil.equal);
CREATE OPERATOR sec_evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = sec_evil.equal);
CREATE OPERATOR sec_evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = sec_evil.equal);
CREATE FUNCTION sec_evil.hidden() RETURNS void LANGUAGE plpgsql SET search_path = sec_evil, pg_catalog, public AS $$
BEGIN
	PERFORM connkit_set_secret('evil', 'x');
	PERFORM connkit_set_secret('evil', 'y', hosts => '{127.0.0.1}');
	PERFORM connkit_revert_secret('evil');
	PERFORM connkit_grant_secret('evil', 'sec_all');
	PERFORM connkit_public_key('evil');
	CREATE SERVER evil FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '127.0.0.1', port '1');
	CREATE USER MAPPING FOR PUBLIC SERVER evil OPTIONS ("user" 'u', password_secret 'evil');
	PERFORM connkit_test('evil');
	PERFORM count(*) FROM connkit.secret;
	PERFORM count(*) FROM connkit.audit_log;
	PERFORM count(*) FROM connkit.source;
	ALTER SERVER evil OPTIONS (SET port '2');
	DROP SERVER evil CASCADE;
	PERFORM connkit_revoke_secret('evil', 'sec_all');
	PERFORM connkit_drop_secret('evil');
	PERFORM connkit_create_source('evil', 'postgres', '{"host": "127.0.0.1", "port": 1}', '{"user": "u", "password": "p"}');
	PERFORM connkit_alter_source('evil', '{"port": 2}', '{"password": "q"}');
	PERFORM connkit_drop_source('evil');
	PERFORM connkit_restore_source('evil');
	PERFORM connkit_drop_source('evil', force => true);
END $$;
SELECT throws_like($$SELECT set_config('search_path', 'sec_evil, pg_catalog', true), 'a'::text OPERATOR(sec_evil.=) 'b'$$, 'ran as%',
	'operators of one''s own');
SELECT lives_ok('SELECT sec_evil.hidden()', 'are not what connkit runs');
RESET ROLE;

--
-- A role that comes after another of its name
--
SET LOCAL ROLE sec_org;
DO $do$ BEGIN PERFORM connkit_set_secret('left', 'v1'); END $do$;
DO $do$ BEGIN PERFORM connkit_set_secret('left', 'v2'); END $do$;
DO $do$ BEGIN PERFORM connkit_grant_secret('left', 'sec_all'); END $do$;
RESET ROLE;
ALTER ROLE sec_org RENAME TO sec_org_old;
CREATE ROLE sec_org;
GRANT sec_org TO CURRENT_USER;
SELECT throws_ok($$SELECT connkit_load_secret('f', 'command', 'printf "a\0b"')$$, '39000', NULL, 'no half of what a command prints');
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres TO sec_org;
SET LOCAL ROLE sec_org;
SELECT is_empty($$SELECT * FROM connkit.secret$$, 'a newcomer sees nothing of who had his name');
DO $do$ BEGIN PERFORM make_source('newcomer', 'left'); END $do$;
SELECT is(fate('newcomer'), no_secret('newcomer'), 'and uses nothing');
SELECT throws_ok($$SELECT connkit_revert_secret('left')$$, '42704', NULL, 'gets no older version');
SELECT throws_ok($$SELECT connkit_grant_secret('left', 'sec_stranger')$$, '42704', NULL, 'grants nothing');
SELECT throws_ok($$SELECT connkit_drop_secret('left')$$, '42704', NULL, 'and drops nothing');
SELECT throws_ok($$SELECT connkit_set_secret('left', 'own')$$, '55000', NULL, 'nor puts one of his own in front of it');
SELECT is(connkit_set_secret('own', 'x'), 1, 'other names are free');
SET LOCAL ROLE sec_all;
DO $do$ BEGIN PERFORM make_source('of_all_left', 'sec_org/left'); END $do$;
SELECT is(fate('of_all_left'), no_secret('of_all_left'), 'old grants do not hold for it');
RESET ROLE;
SELECT lives_ok($$SELECT connkit_reassign_secrets('sec_org', 'sec_org_old')$$, 'a superuser gives the rest to who had them');
SET LOCAL ROLE sec_org_old;
DO $do$ BEGIN PERFORM make_source('regained', 'two'); END $do$;
SELECT is(fate('regained'), 'used', 'who uses them again');
SELECT is_empty($$SELECT * FROM connkit.secret WHERE name = 'own'$$, 'but does not get the newcomer''s');
SET LOCAL ROLE sec_org;
SELECT is((SELECT string_agg(name, ' ') FROM connkit.secret), 'own', 'who keeps it');
SELECT is(connkit_set_secret('left', 'x'), 1, 'and has the name for himself now');
SET LOCAL ROLE sec_all;
SELECT is(fate('of_all_left'), no_secret('of_all_left'), 'the grant on the other went along with it');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
