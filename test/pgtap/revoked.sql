-- revoked.sql: who may not use a source any more reads nothing there by tables that he has made before.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT plan(5);
CREATE ROLE ck_left;
CREATE ROLE ck_guest;
GRANT ck_left, ck_guest TO CURRENT_USER;
CREATE SCHEMA ck_left AUTHORIZATION ck_left;
GRANT USAGE ON SCHEMA ck_left TO ck_guest;
CREATE SERVER ck_left FOREIGN DATA WRAPPER connkit_null OPTIONS (rows '3');
GRANT USAGE ON FOREIGN SERVER ck_left TO ck_left;
SET LOCAL ROLE ck_left;
CREATE FOREIGN TABLE ck_left.t (id bigint) SERVER ck_left;
GRANT SELECT ON ck_left.t TO ck_guest;
SET plan_cache_mode = force_generic_plan;
PREPARE planned AS SELECT count(*) FROM ck_left.t;
SELECT results_eq('EXECUTE planned', 'VALUES (3::bigint)', 'its owner reads it');
SET LOCAL ROLE ck_guest;
SELECT results_eq('SELECT count(*) FROM ck_left.t', 'VALUES (3::bigint)', 'so does who was granted the table');
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER ck_left FROM ck_left;
SET LOCAL ROLE ck_left;
SELECT throws_ok('SELECT count(*) FROM ck_left.t', '42501', NULL, 'after REVOKE, its owner does not');
SELECT throws_ok('EXECUTE planned', '42501', NULL, 'by no plan of before');
SET LOCAL ROLE ck_guest;
SELECT throws_ok('SELECT count(*) FROM ck_left.t', '42501', NULL, 'nor does anybody to whom he lent it');
SELECT * FROM finish();
ROLLBACK;
