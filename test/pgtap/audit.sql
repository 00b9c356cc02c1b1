-- audit.sql: what stands in the audit log, who sees it and who may change it; and the compliance report.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off
\set password `echo "$CK_PASSWORD"`
\set source_port `echo "$CK_SOURCE_PGPORT"`

BEGIN;
SELECT plan(95);

-- two organizations, a member of the first, and a stranger; what secrets hold is the word canary
CREATE ROLE connkit_one;
CREATE ROLE connkit_two;
CREATE ROLE connkit_member IN ROLE connkit_one;
CREATE ROLE connkit_stranger;
GRANT connkit_one, connkit_two, connkit_member, connkit_stranger TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null, connkit_postgres TO connkit_one, connkit_two;
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA pg_temp TO PUBLIC;
SET LOCAL client_min_messages = error;
CREATE TEMP TABLE mark (id bigint);
GRANT ALL ON mark TO PUBLIC;

-- entries since the last call
CREATE FUNCTION pg_temp.news(OUT action text, OUT object_type text, OUT object text, OUT organization name, OUT role name,
	OUT old_value jsonb, OUT new_value jsonb, OUT outcome text, OUT sqlstate text, OUT detail text)
	RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT l.action, l.object_type, l.object, l.organization, l.role, l.old_value, l.new_value, l.outcome,
			l.sqlstate, l.detail
		FROM connkit.audit_log AS l WHERE l.id > coalesce((SELECT max(m.id) FROM mark AS m), 0) ORDER BY l.id;
	INSERT INTO mark SELECT max(l.id) FROM connkit.audit_log AS l;
END $$;
SELECT count(*) AS ignored FROM pg_temp.news() \gset

-- native commands
CREATE SERVER shop TYPE 't' FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host 'db.example.com', port '5433');
SELECT results_eq($$SELECT action, object_type, object, organization, role, old_value, new_value, outcome FROM pg_temp.news()$$,
	$$VALUES ('create', 'source', 'shop', current_user, current_user, NULL::jsonb, jsonb_build_object('name', 'shop', 'owner', current_user,
		'wrapper', 'connkit_postgres', 'type', 't', 'options', '{"host": "db.example.com", "port": "5433"}'::jsonb), 'ok')$$,
	'CREATE SERVER is told, with its options');
CREATE SERVER IF NOT EXISTS shop FOREIGN DATA WRAPPER connkit_postgres;
SELECT is_empty($$SELECT * FROM pg_temp.news()$$, 'not where it was there');
ALTER SERVER shop OPTIONS (SET port '5434', ADD dbname 'shop');
SELECT results_eq($$SELECT action, old_value -> 'options', new_value -> 'options' FROM pg_temp.news()$$,
	$$VALUES ('alter', '{"host": "db.example.com", "port": "5433"}'::jsonb,
		'{"host": "db.example.com", "port": "5434", "dbname": "shop"}'::jsonb)$$, 'ALTER SERVER, with what was before');
ALTER SERVER shop RENAME TO "shop
""2'";
SELECT results_eq($$SELECT action, object, old_value ->> 'name', new_value ->> 'name' FROM pg_temp.news()$$,
	$$VALUES ('alter', E'shop\n"2''', 'shop', E'shop\n"2''')$$, 'a new name, whatever characters it has');
ALTER SERVER "shop
""2'" RENAME TO shop;
ALTER SERVER shop OWNER TO connkit_one;
SELECT results_eq($$SELECT action, old_value ->> 'owner', new_value ->> 'owner' FROM pg_temp.news() OFFSET 1$$,
	$$VALUES ('alter', current_user::text COLLATE "default", 'connkit_one')$$, 'a new owner');
CREATE USER MAPPING FOR PUBLIC SERVER shop OPTIONS (user 'reader', password 'canary');
SELECT results_eq($$SELECT action, object_type, object, organization, new_value FROM pg_temp.news()$$,
	$$VALUES ('create', 'user mapping', 'shop', 'connkit_one'::name,
		'{"user": "public", "options": {"user": "reader", "password": "***"}}'::jsonb)$$,
	'CREATE USER MAPPING, without the secret');
ALTER USER MAPPING FOR PUBLIC SERVER shop OPTIONS (SET password 'canary2');
SELECT results_eq($$SELECT old_value #>> '{options,password}', new_value #>> '{options,password}' FROM pg_temp.news()$$,
	$$VALUES ('***', '*** (set)')$$, 'a changed secret shows as set');
ALTER USER MAPPING FOR PUBLIC SERVER shop OPTIONS (SET user 'other');
SELECT results_eq($$SELECT old_value -> 'options', new_value -> 'options' FROM pg_temp.news()$$,
	$$VALUES ('{"user": "reader", "password": "***"}'::jsonb, '{"user": "other", "password": "***"}'::jsonb)$$,
	'one that stays does not');
ALTER USER MAPPING FOR PUBLIC SERVER shop OPTIONS (DROP password, ADD password_secret 'shop_ro');
SELECT results_eq($$SELECT new_value -> 'options' FROM pg_temp.news()$$,
	$$VALUES ('{"user": "other", "password_secret": "shop_ro"}'::jsonb)$$, 'the name of a secret is shown');
GRANT USAGE ON FOREIGN SERVER shop TO connkit_two, PUBLIC;
REVOKE USAGE ON FOREIGN SERVER shop FROM PUBLIC;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_sqlite TO connkit_two WITH GRANT OPTION;
REVOKE GRANT OPTION FOR USAGE ON FOREIGN DATA WRAPPER connkit_sqlite FROM connkit_two;
SELECT results_eq($$SELECT action, object_type, object, detail FROM pg_temp.news()$$,
	$$VALUES ('grant', 'source', 'shop', 'USAGE to connkit_two, public'), ('revoke', 'source', 'shop', 'USAGE from public'),
		('grant', 'wrapper', 'connkit_sqlite', 'USAGE to connkit_two with grant option'),
		('revoke', 'wrapper', 'connkit_sqlite', 'USAGE from connkit_two, the grant option only')$$, 'GRANT and REVOKE');
DROP USER MAPPING FOR PUBLIC SERVER shop;
DROP USER MAPPING IF EXISTS FOR PUBLIC SERVER shop;
SELECT results_eq($$SELECT action, object_type, old_value, new_value FROM pg_temp.news()$$,
	$$VALUES ('drop', 'user mapping', '{"user": "public", "options": {"user": "other", "password_secret": "shop_ro"}}'::jsonb,
		NULL::jsonb)$$, 'DROP USER MAPPING, once');
CREATE USER MAPPING FOR connkit_two SERVER shop OPTIONS (user 'x', password 'canary');
DROP SERVER shop CASCADE;
SELECT set_eq($$SELECT action, object_type, object, old_value #>> '{options,password}' FROM pg_temp.news() OFFSET 1$$,
	$$VALUES ('drop', 'source', 'shop', NULL), ('drop', 'user mapping', 'shop', '***')$$, 'DROP SERVER with what depends on it');
CREATE SERVER one_a FOREIGN DATA WRAPPER connkit_null;
ALTER SERVER one_a OWNER TO connkit_one;
CREATE USER MAPPING FOR connkit_two SERVER one_a;
SELECT count(*) AS ignored FROM pg_temp.news() \gset
SAVEPOINT owned;
DROP OWNED BY connkit_one CASCADE;
SELECT set_eq($$SELECT action, object_type, object FROM pg_temp.news()$$,
	$$VALUES ('drop', 'source', 'one_a'), ('drop', 'user mapping', 'one_a')$$, 'DROP OWNED');
ROLLBACK TO owned;
SELECT is_empty($$SELECT * FROM pg_temp.news()$$, 'what is rolled back was not done, and is not told');
CREATE FOREIGN DATA WRAPPER connkit_own HANDLER connkit_null_handler VALIDATOR connkit_null_validator;
CREATE SERVER "s.o" FOREIGN DATA WRAPPER connkit_own;
DROP FOREIGN DATA WRAPPER connkit_own CASCADE;
SELECT results_eq($$SELECT action, object, new_value ->> 'wrapper' FROM pg_temp.news()$$,
	$$VALUES ('create', 's.o', 'connkit_own'), ('drop', 's.o', NULL)$$, 'also of a wrapper of another name');
CREATE FOREIGN DATA WRAPPER foreign_to_us;
CREATE SERVER theirs FOREIGN DATA WRAPPER foreign_to_us OPTIONS (password 'canary');
ALTER SERVER theirs OPTIONS (SET password 'canary');
GRANT USAGE ON FOREIGN SERVER theirs TO PUBLIC;
DROP SERVER theirs;
SELECT is_empty($$SELECT * FROM pg_temp.news()$$, 'others'' wrappers are none of its business');
SELECT lives_ok(format('CREATE SERVER big FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L)', repeat('ä', 100000)),
	'an option of 100,000 characters');
SELECT results_eq($$SELECT length(new_value #>> '{options,host}') FROM pg_temp.news()$$, $$VALUES (500)$$, 'is cut');
CREATE SERVER url FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host 'https://reader:canary@db.example.com:1/x');
SELECT results_eq($$SELECT new_value #>> '{options,host}' FROM pg_temp.news()$$, $$VALUES ('https://reader:***@db.example.com:1/x')$$,
	'a password in a URL');
CREATE SERVER "äääääääääääääääääääääääääääääää" FOREIGN DATA WRAPPER connkit_null;
SELECT results_eq($$SELECT object FROM pg_temp.news()$$, $$VALUES (repeat('ä', 31))$$, 'a name of 62 bytes');
CREATE SCHEMA audit_import;
IMPORT FOREIGN SCHEMA "null" FROM SERVER one_a INTO audit_import;
SELECT results_eq($$SELECT action, object, detail FROM pg_temp.news()$$,
	$$VALUES ('import', 'one_a', 'schema "null" into "audit_import"')$$, 'IMPORT FOREIGN SCHEMA');
ALTER EVENT TRIGGER connkit_audit_before DISABLE;
ALTER EVENT TRIGGER connkit_audit_after DISABLE;
SELECT lives_ok($$ALTER SERVER big OPTIONS (SET host 'h')$$, 'without event triggers');
ALTER EVENT TRIGGER connkit_audit_before ENABLE;
SELECT lives_ok($$ALTER SERVER big OPTIONS (SET host 'i')$$, 'or some of them');
ALTER EVENT TRIGGER connkit_audit_after ENABLE;
SELECT is_empty($$SELECT * FROM pg_temp.news()$$, 'nothing is told');
ALTER SERVER big OPTIONS (SET host 'j');
SELECT results_eq($$SELECT old_value #>> '{options,host}' FROM pg_temp.news()$$, $$VALUES ('i')$$, 'and afterwards the truth again');

-- as a dump's restore
SET LOCAL check_function_bodies = off;
SELECT pg_catalog.set_config('search_path', '', true) AS ignored \gset
CREATE SERVER restored FOREIGN DATA WRAPPER connkit_null;
RESET search_path;
SELECT is_empty($$SELECT * FROM pg_temp.news()$$, 'a restore makes nothing new');
RESET check_function_bodies;

-- tests and discoveries; as roles
SET LOCAL ROLE connkit_one;
SELECT format($$CREATE SERVER self FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host 'localhost', port %L, dbname 'postgres')$$,
	current_setting('port')) \gexec
CREATE USER MAPPING FOR PUBLIC SERVER self OPTIONS (user 'ck_reader', password 'canary');
SELECT count(*) AS ignored FROM pg_temp.news() \gset
SELECT lives_ok($$SELECT * FROM connkit_test('one_a')$$, 'a test');
SELECT results_eq($$SELECT action, object, organization, role, outcome, new_value FROM pg_temp.news()$$,
	$$VALUES ('test', 'one_a', 'connkit_one'::name, 'connkit_one'::name, 'ok',
		'{"connector": "null", "version": "null 1.0", "warnings": {}}'::jsonb)$$, 'is told');
SELECT lives_ok($$SELECT * FROM connkit_test('self')$$, 'a test that fails');
SELECT results_eq($$SELECT outcome, sqlstate, detail LIKE 'authenticate: %' FROM pg_temp.news()$$,
	$$VALUES ('failed', '28000', true)$$, 'with its stage');
SELECT lives_ok($$SELECT * FROM connkit_test('postgres', '{"password": "canary", "pasword": "canary", "host": "h"}', '{"password": "canary"}')$$,
	'a test of settings that make no sense');
SELECT results_eq($$SELECT object, organization, outcome, new_value -> 'options' FROM pg_temp.news()$$,
	$$VALUES ('(not saved)', 'connkit_one'::name, 'failed', '{"host": "h", "password": "***", "pasword": "***"}'::jsonb)$$,
	'with the host and without what may be a secret');
SELECT throws_ok($$SELECT * FROM connkit_discover('self')$$, '28000', NULL, 'a discovery that fails');
SELECT results_eq($$SELECT action, object, outcome FROM pg_temp.news()$$,
	$$VALUES ('connect', 'self', 'failed'), ('discover', 'self', 'failed')$$, 'is told');
SELECT lives_ok($$SELECT * FROM connkit_discover('one_a')$$, 'a discovery');
SELECT results_eq($$SELECT action, object, outcome, detail FROM pg_temp.news()$$,
	$$VALUES ('discover', 'one_a', 'ok', '1 tables')$$, 'too');
RESET ROLE;
SET LOCAL connkit.allowed_hosts = 'nowhere.example.com';
SET LOCAL ROLE connkit_one;
SELECT lives_ok($$SELECT * FROM connkit_test('self')$$, 'a test of a host that is out of bounds');
SELECT results_eq($$SELECT outcome, sqlstate FROM pg_temp.news()$$, $$VALUES ('refused', '42501')$$, 'is refused');
RESET ROLE;
RESET connkit.allowed_hosts;
SELECT count(*) AS ignored FROM pg_temp.news() \gset
SET LOCAL ROLE connkit_stranger;
SELECT throws_ok($$SELECT * FROM connkit_test('one_a')$$, '42501', NULL, 'a stranger tests nothing');
SELECT throws_ok($$SELECT * FROM connkit_discover('one_a')$$, '42501', NULL, 'discovers nothing');
SELECT throws_ok($$SELECT * FROM connkit_test('null', '{}')$$, '42501', NULL, 'and tries no settings');
SELECT results_eq($$SELECT action, object, organization, role, outcome, sqlstate FROM connkit.audit_log ORDER BY id$$,
	$$VALUES ('test', 'one_a', 'connkit_one'::name, 'connkit_stranger'::name, 'refused', '42501'),
		('discover', 'one_a', 'connkit_one', 'connkit_stranger', 'refused', '42501'),
		('test', '(not saved)', 'connkit_stranger', 'connkit_stranger', 'refused', '42501')$$,
	'which is told, and all that he sees');
SET LOCAL ROLE connkit_two;
SELECT is_empty($$SELECT * FROM connkit.audit_log$$, 'one organization sees nothing of another');
SET LOCAL ROLE connkit_member;
SELECT is((SELECT count(*) FROM connkit.audit_log WHERE role = 'connkit_stranger'), 2::bigint, 'a member sees who tried');
SELECT is_empty($$SELECT * FROM connkit.audit_log WHERE organization <> 'connkit_one'$$, 'of his organization alone');
RESET ROLE;
SELECT results_eq($$SELECT DISTINCT session_role, client, application, backend FROM connkit.audit_log WHERE role = 'connkit_stranger'$$,
	$$SELECT session_user, 'local', current_setting('application_name'), pg_backend_pid()$$, 'with who is behind it');

SELECT connkit_set_quota('connkit_one', max_runs => 0) AS ignored \gset
SET LOCAL ROLE connkit_one;
SELECT throws_ok($$SELECT * FROM connkit_discover('one_a')$$, '53400', NULL, 'beyond a limit nothing is done');
SELECT results_eq($$SELECT outcome FROM connkit.audit_log WHERE action = 'discover' ORDER BY id DESC LIMIT 1$$, $$VALUES ('refused')$$,
	'which is a refusal too');
RESET ROLE;
SELECT count(*) AS ignored FROM pg_temp.news() \gset

-- nobody changes it
SELECT throws_ok($$UPDATE connkit.audit_log SET detail = ''$$, '42501', 'the audit log is only appended to', 'a superuser changes nothing');
SELECT throws_ok($$DELETE FROM connkit.audit_log$$, '42501', 'the audit log is only appended to', 'and deletes nothing');
SELECT throws_ok($$TRUNCATE connkit.audit_log$$, '42501', 'the audit log is only appended to', 'nor all');
SET LOCAL session_replication_role = replica;
SELECT throws_ok($$DELETE FROM connkit.audit_log$$, '42501', 'the audit log is only appended to', 'not without triggers either');
RESET session_replication_role;
SET LOCAL ROLE connkit_one;
SELECT throws_ok($$INSERT INTO connkit.audit_log (action, object_type, outcome) VALUES ('a', 'b', 'ok')$$, '42501', NULL, 'users add nothing');
SELECT throws_ok($$DELETE FROM connkit.audit_log$$, '42501', NULL, 'delete nothing');
SELECT throws_ok($$SELECT connkit_purge_audit_log('0')$$, '42501', NULL, 'and do not purge');
RESET ROLE;
SELECT is(connkit_purge_audit_log('1 day'), 0::bigint, 'a purge leaves what is younger');
INSERT INTO connkit.audit_log (at, action, object_type, outcome) VALUES (now() - interval '2 days', 'a', 'b', 'ok');
SELECT is(connkit_purge_audit_log('1 day'), 1::bigint, 'and removes what is older');
SELECT results_eq($$SELECT action, object_type, detail FROM pg_temp.news() WHERE role = current_user$$,
	$$VALUES ('purge', 'audit log', '0 entries older than 1 day'), ('purge', 'audit log', '1 entries older than 1 day')$$,
	'which is told');
SELECT throws_ok($$DELETE FROM connkit.audit_log$$, '42501', NULL, 'and opens no door');
SELECT is_empty($$SELECT * FROM connkit.audit_log AS l WHERE l::text LIKE '%canary%'$$, 'no secret stands in the log');

-- the compliance report
SET LOCAL ROLE connkit_two;
SELECT is_empty($$SELECT * FROM connkit.compliance_report$$, 'who has no source has no findings');
CREATE SERVER two_a FOREIGN DATA WRAPPER connkit_null;
SELECT results_eq($$SELECT source, organization, finding, severity FROM connkit.compliance_report$$,
	$$VALUES ('two_a'::name, 'connkit_two'::name, 'never tested', 'low')$$, 'a source that was not tested');
SELECT count(*) AS ignored FROM connkit_test('two_a') \gset
SELECT is_empty($$SELECT * FROM connkit.compliance_report$$, 'a test settles it');
DROP SERVER two_a;
CREATE SERVER two_a FOREIGN DATA WRAPPER connkit_null;
SELECT results_eq($$SELECT finding FROM connkit.compliance_report$$, $$VALUES ('never tested')$$, 'but not for another of its name');
DROP SERVER two_a;
CREATE SERVER two_b FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host 'localhost', port :'source_port', dbname 'source');
CREATE USER MAPPING FOR PUBLIC SERVER two_b OPTIONS (user 'ck_writer', password :'password');
SELECT count(*) AS ignored FROM connkit_test('two_b') \gset
-- what the account may write to depends on what other tests have left at the source
SELECT results_eq($$SELECT finding, severity, regexp_replace(detail, '^the account may (create|write) .*', '\1') IN ('create', 'write')
		OR detail IN ('sslmode is prefer', 'option password of the user mapping for public') FROM connkit.compliance_report ORDER BY 1$$,
	$$VALUES ('TLS not verified', 'high', true), ('account may write', 'medium', true),
		('secret in clear text', 'high', true)$$, 'a source as one should not make it');
RESET ROLE;
ALTER SERVER two_b OPTIONS (ADD sslmode 'require');
SET LOCAL ROLE connkit_two;
SELECT results_eq($$SELECT severity, detail FROM connkit.compliance_report WHERE finding = 'TLS not verified'$$,
	$$VALUES ('medium', 'sslmode is require')$$, 'encrypted, but by whom');
ALTER SERVER two_b OPTIONS (SET sslmode 'verify-full');
ALTER USER MAPPING FOR PUBLIC SERVER two_b OPTIONS (SET user 'ck_reader', DROP password);
SELECT is_empty($$SELECT * FROM connkit.compliance_report WHERE finding IN ('TLS not verified', 'secret in clear text')$$,
	'as one should');
ALTER SERVER two_b OPTIONS (SET sslmode 'prefer');
ALTER USER MAPPING FOR PUBLIC SERVER two_b OPTIONS (ADD password :'password');
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding = 'account may write'), 1::bigint, 'until it is tested,');
SELECT count(*) AS ignored FROM connkit_test('two_b') \gset
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding = 'account may write'), 0::bigint, 'the last test counts');
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding LIKE '% access'), 0::bigint, 'no failed access so far');
ALTER USER MAPPING FOR PUBLIC SERVER two_b OPTIONS (SET password 'canary');
SELECT count(*) AS ignored FROM connkit_test('two_b') \gset
SELECT count(*) AS ignored FROM connkit_test('two_b') \gset
SELECT results_eq($$SELECT source, severity, detail LIKE '2 times in 30 days, the last 20%' FROM connkit.compliance_report
	WHERE finding = 'failed access'$$, $$VALUES ('two_b'::name, 'low', true)$$, 'failed access');
RESET ROLE;
INSERT INTO connkit.audit_log (at, action, object_type, object, outcome) VALUES (now() - interval '31 days', 'test', 'source', 'two_b', 'refused');
SET LOCAL ROLE connkit_two;
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding = 'refused access'), 0::bigint, 'but not of long ago');
ALTER SERVER two_b OPTIONS (SET host '/tmp');
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding = 'TLS not verified'), 0::bigint, 'a Unix socket needs no TLS');
ALTER SERVER two_b OPTIONS (SET host 'localhost');

-- and of secrets
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding LIKE '% secret'), 0::bigint, 'no secret, no finding');
SELECT connkit_set_secret('two_pw', :'password') AS ignored \gset
SELECT results_eq($$SELECT source, organization, severity, detail FROM connkit.compliance_report WHERE finding = 'unused secret'$$,
	$$VALUES (NULL::name, 'connkit_two'::name, 'low', 'secret two_pw: never used')$$, 'a secret that was never used');
ALTER USER MAPPING FOR PUBLIC SERVER two_b OPTIONS (DROP password, ADD password_secret 'two_pw');
SELECT is((SELECT outcome FROM connkit_test('two_b') WHERE stage = 'authenticate'), 'ok', 'with use');
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding LIKE '% secret'), 0::bigint, 'it is gone from the report');
RESET ROLE;
SELECT results_eq($$SELECT action, object, role FROM connkit.audit_log WHERE object_type = 'secret' ORDER BY id$$,
	$$VALUES ('set', 'connkit_two/two_pw', 'connkit_two'::name), ('use', 'connkit_two/two_pw', 'connkit_two')$$, 'and both are in the log');
UPDATE connkit.secret_use SET last_used = now() - interval '91 days';
SET LOCAL ROLE connkit_two;
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding = 'unused secret'), 0::bigint, 'one that a source names is kept for it');
ALTER USER MAPPING FOR PUBLIC SERVER two_b OPTIONS (DROP password_secret);
SELECT is((SELECT detail LIKE 'secret two_pw: last used 20%' FROM connkit.compliance_report WHERE finding = 'unused secret'), true,
	'one that nothing names and that was not used for long is not');
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding = 'old secret'), 0::bigint, 'it is young');
RESET ROLE;
UPDATE connkit.secret_store SET created = now() - interval '91 days';
SET LOCAL ROLE connkit_two;
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding = 'old secret'), 1::bigint, 'until it is old');
RESET ROLE;
SET LOCAL connkit.secret_max_age = 92;
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding = 'old secret'), 0::bigint, 'which is a matter of opinion');
SET LOCAL connkit.secret_max_age = 90;
SET LOCAL ROLE connkit_two;
SELECT connkit_set_secret('two_pw', :'password', hosts => '{nowhere.example.com}') AS ignored \gset
ALTER USER MAPPING FOR PUBLIC SERVER two_b OPTIONS (ADD password_secret 'two_pw');
SELECT throws_ok($$SELECT * FROM connkit_test('two_b')$$, '42501', NULL, 'a secret for another host');
SELECT results_eq($$SELECT finding, detail LIKE 'secret two_pw: 1 times%' FROM connkit.compliance_report WHERE source IS NULL AND finding LIKE '% access'$$,
	$$VALUES ('refused access', true)$$, 'that was asked for is told');

-- who sees which findings
SET LOCAL ROLE connkit_stranger;
SELECT is_empty($$SELECT * FROM connkit.compliance_report$$, 'a stranger sees no findings');
SET LOCAL ROLE connkit_member;
SELECT is_empty($$SELECT * FROM connkit.compliance_report WHERE organization <> 'connkit_one'$$, 'a member those of his organization');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER two_b TO connkit_one;
SET LOCAL ROLE connkit_one;
SELECT isnt_empty($$SELECT * FROM connkit.compliance_report WHERE organization = 'connkit_one'$$, 'and there are some');
SELECT is_empty($$SELECT * FROM connkit.compliance_report WHERE organization <> 'connkit_one'$$, 'not of a source that is but lent to it');
RESET ROLE;
SELECT set_eq($$SELECT DISTINCT organization FROM connkit.compliance_report WHERE organization LIKE 'connkit\_%'$$,
	$$VALUES ('connkit_one'::name), ('connkit_two')$$, 'a superuser sees all');
SELECT is_empty($$SELECT * FROM connkit.compliance_report AS r WHERE r::text LIKE '%canary%'$$, 'no secret stands in the report');
SELECT is((SELECT count(*) FROM connkit.compliance_report WHERE finding LIKE 'master key%'), 0::bigint, 'the key lies beside the data');

-- organizations go, the log stays
SELECT count(*) AS entries FROM connkit.audit_log WHERE organization = 'connkit_two' \gset
SELECT connkit_drop_secret('two_pw', 'connkit_two', true) AS ignored \gset
DROP OWNED BY connkit_one, connkit_two, connkit_member, connkit_stranger CASCADE;
DROP ROLE connkit_one, connkit_two, connkit_member, connkit_stranger;
SELECT cmp_ok((SELECT count(*) FROM connkit.audit_log WHERE organization = 'connkit_two'), '>=', :entries::bigint, 'the log outlives an organization');
SELECT lives_ok($$SELECT * FROM connkit.compliance_report$$, 'and the report works on');
SELECT lives_ok('DROP EXTENSION connkit CASCADE', 'the extension goes with all of it');

SELECT * FROM finish();
ROLLBACK;
