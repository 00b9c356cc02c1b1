-- unasked.sql: who shares a source gets no credentials of its owner unasked, and no name that others' secrets are kept under.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT no_plan();
CREATE ROLE ck_acme;
CREATE ROLE ck_guest;
GRANT ck_acme, ck_guest TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres, connkit_vault TO ck_acme, ck_guest;
SET LOCAL client_min_messages = warning;

SET LOCAL ROLE ck_acme;
SELECT connkit_create_source('ck_shared', 'postgres', '{"host": "10.0.0.1"}') \g /dev/null
GRANT USAGE ON FOREIGN SERVER ck_shared TO ck_guest;
SET LOCAL ROLE ck_guest;
CREATE USER MAPPING FOR ck_guest SERVER ck_shared OPTIONS (user 'guest', password 'own');
SET LOCAL ROLE ck_acme;
SELECT connkit_alter_source('ck_shared', credentials => '{"user": "owner", "password": "value"}') \g /dev/null
RESET ROLE;
SELECT set_eq($$SELECT usename::text, umoptions::text FROM pg_user_mappings WHERE srvname = 'ck_shared'$$,
	$$VALUES ('ck_guest', '{user=guest,password=own}'), ('public', '{user=owner,password_secret=ck_shared.password}')$$,
	'credentials that the owner gives are not for the mapping of a guest');
SELECT is_empty($$SELECT * FROM connkit.secret_grant WHERE grantee = 'ck_guest'$$, 'nor is their secret');

SELECT available FROM connkit.connector WHERE name = 'vault' \gset
\if :available
SET LOCAL ROLE ck_acme;
CREATE SERVER ck_vault FOREIGN DATA WRAPPER connkit_vault OPTIONS (address 'https://vault.example.com');
SELECT connkit_link_secret('linked', 'ck_vault', 'path#field') \g /dev/null
ALTER SERVER ck_vault RENAME TO ck_safe;
SELECT is((SELECT provider FROM connkit.secret WHERE name = 'linked'), 'ck_safe', 'a linked secret follows its provider''s name');
ALTER SERVER ck_safe RENAME TO file;
SELECT is((SELECT provider FROM connkit.secret WHERE name = 'linked'), 'ck_safe', 'but not to where references are files');
RESET ROLE;
SELECT connkit_link_secret('on_disk', 'file', '/etc/hostname') \g /dev/null
ALTER SERVER file RENAME TO ck_vault;
SELECT is((SELECT provider FROM connkit.secret WHERE name = 'on_disk'), 'file', 'nor from there');
-- what is made under the name of a provider that is gone
SET LOCAL ROLE ck_acme;
CREATE SERVER ck_kept FOREIGN DATA WRAPPER connkit_vault OPTIONS (address 'https://vault.example.com');
SELECT connkit_link_secret('squatted', 'ck_kept', 'path') \g /dev/null
CREATE SERVER ck_reader FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '127.0.0.1', port '1');
CREATE USER MAPPING FOR PUBLIC SERVER ck_reader OPTIONS (user 'u', password_secret 'squatted');
DROP SERVER ck_kept;
SET LOCAL ROLE ck_guest;
CREATE SERVER ck_kept FOREIGN DATA WRAPPER connkit_vault OPTIONS (address 'http://127.0.0.1:1');
CREATE USER MAPPING FOR PUBLIC SERVER ck_kept OPTIONS (token 'x');
GRANT USAGE ON FOREIGN SERVER ck_kept TO ck_acme;
SET LOCAL ROLE ck_acme;
SELECT throws_like($$SELECT connkit_test('ck_reader')$$, '%another owner than when it was linked', 'another''s source gets no references');
SELECT connkit_link_secret('squatted', 'ck_kept', 'path') \g /dev/null
SELECT is((SELECT outcome FROM connkit_test('ck_reader') WHERE stage = 'options'), 'failed', 'unless it is linked anew');
RESET ROLE;
\endif
SELECT * FROM finish();
ROLLBACK;
