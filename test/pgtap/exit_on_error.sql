-- exit_on_error.sql: what fails is told in the audit log also where an error is to end the session.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT plan(5);
CREATE ROLE ck_quiet;
CREATE SERVER ck_heard FOREIGN DATA WRAPPER connkit_null;
GRANT ck_quiet TO CURRENT_USER;
SET LOCAL ROLE ck_quiet;
SET LOCAL exit_on_error = on;
SELECT throws_ok($$SELECT connkit_test('ck_heard')$$, '42501');
SELECT throws_ok($$SELECT connkit_discover('ck_heard')$$, '42501');
SELECT throws_ok($$SELECT connkit_drop_source('ck_heard')$$, '42501');
SELECT is(current_setting('exit_on_error'), 'on', 'the setting stays');
SET LOCAL exit_on_error = off;
RESET ROLE;
SELECT set_eq($$SELECT action, outcome FROM connkit.audit_log WHERE object = 'ck_heard' AND role = 'ck_quiet'$$,
	$$VALUES ('test', 'refused'), ('discover', 'refused'), ('drop', 'refused')$$, 'all three are told');
SELECT * FROM finish();
ROLLBACK;
