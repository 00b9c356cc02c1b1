-- successor.sql: a role that is made under the name of one that was dropped sees nothing of what was told of that.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT plan(3);
CREATE ROLE ck_heir;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null TO ck_heir;
SET LOCAL ROLE ck_heir;
CREATE SERVER ck_heir FOREIGN DATA WRAPPER connkit_null;
SELECT connkit_set_secret('ck_heir', 'value'), connkit_drop_secret('ck_heir') \g /dev/null
SELECT isnt_empty('SELECT id FROM connkit.audit_log', 'who has done something sees it');
RESET ROLE;
SET LOCAL client_min_messages = warning;
DROP OWNED BY ck_heir;
DROP ROLE ck_heir;
CREATE ROLE ck_heir;
SET LOCAL ROLE ck_heir;
SELECT is_empty('SELECT id FROM connkit.audit_log', 'another role of that name does not');
RESET ROLE;
SELECT isnt_empty($$SELECT id FROM connkit.audit_log WHERE role = 'ck_heir'$$, 'a superuser does');
SELECT * FROM finish();
ROLLBACK;
