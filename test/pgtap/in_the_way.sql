-- in_the_way.sql: what one organization names does not keep another from renaming its sources and dropping its secrets.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT plan(6);
CREATE ROLE ck_acme;
CREATE ROLE ck_globex;
CREATE ROLE ck_partner;
GRANT ck_acme, ck_globex, ck_partner TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres TO ck_acme, ck_globex, ck_partner;
SET LOCAL client_min_messages = warning;

SET LOCAL ROLE ck_acme;
CREATE SERVER ck_before FOREIGN DATA WRAPPER connkit_postgres;
SELECT connkit_set_secret('lent', 'value') \g /dev/null
SELECT connkit_grant_secret('lent', 'ck_partner', 'ck_theirs') \g /dev/null
SELECT connkit_set_secret('own', 'value') \g /dev/null
SET LOCAL ROLE ck_partner;
CREATE SERVER ck_theirs FOREIGN DATA WRAPPER connkit_postgres;
CREATE USER MAPPING FOR PUBLIC SERVER ck_theirs OPTIONS (user 'u', password_secret 'ck_acme/lent');

SET LOCAL ROLE ck_globex;
SELECT connkit_set_secret('mine', 'value') \g /dev/null
SELECT connkit_grant_secret('mine', 'ck_partner', 'ck_before') \g /dev/null
SELECT connkit_grant_secret('mine', 'ck_partner', 'ck_after') \g /dev/null
CREATE SERVER ck_nuisance FOREIGN DATA WRAPPER connkit_postgres;
CREATE USER MAPPING FOR PUBLIC SERVER ck_nuisance OPTIONS (user 'u', password_secret 'ck_acme/own');
CREATE USER MAPPING FOR ck_acme SERVER ck_nuisance OPTIONS (user 'u', password_secret 'own');

SET LOCAL ROLE ck_acme;
SELECT lives_ok('ALTER SERVER ck_before RENAME TO ck_after', 'a source gets a name that another''s grants name');
SELECT is((SELECT used_by FROM connkit.secret WHERE name = 'own'), '{}', 'a secret is not used by who only names it');
SELECT lives_ok($$SELECT connkit_drop_secret('own')$$, 'and is dropped');
SELECT is((SELECT used_by FROM connkit.secret WHERE name = 'lent'), '{ck_theirs}', 'it is by who has a grant');
SELECT throws_ok($$SELECT connkit_drop_secret('lent')$$, '2BP01', NULL, 'and is not');

SELECT is_empty($$SELECT * FROM pg_locks WHERE locktype = 'object' AND classid = 'connkit.secret_store'::regclass
	AND pid = pg_backend_pid() AND objid NOT IN ('ck_acme'::regrole, 'ck_globex'::regrole, 'ck_partner'::regrole)$$,
	'who sets a secret locks nothing of another role');
SELECT * FROM finish();
ROLLBACK;
