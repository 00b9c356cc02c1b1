-- identity.sql: who owns a source does not get to use the server's own identity by way of a superuser who reads it.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT plan(5);
CREATE ROLE ck_lure;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres TO ck_lure;
CREATE SCHEMA ck_lure AUTHORIZATION ck_lure;
SELECT format('host %L, port %L, dbname %L', current_setting('unix_socket_directories'), current_setting('port'), current_database()) AS here \gset
SET LOCAL ROLE ck_lure;
CREATE SERVER ck_lure FOREIGN DATA WRAPPER connkit_postgres OPTIONS (:here);
CREATE USER MAPPING FOR PUBLIC SERVER ck_lure OPTIONS (user 'postgres', password 'x');
CREATE FOREIGN TABLE ck_lure.harmless (who text) SERVER ck_lure OPTIONS (query 'SELECT current_user::text AS who');
RESET ROLE;

SELECT throws_like('SELECT * FROM ck_lure.harmless', '%in without a password', 'a superuser reads a table of another''s source');
SELECT throws_like($$SELECT connkit_discover('ck_lure')$$, '%in without a password', 'discovers it');
SELECT is((SELECT outcome FROM connkit_test('ck_lure') WHERE stage = 'authenticate'), 'failed', 'and tests it');
ALTER SERVER ck_lure OWNER TO CURRENT_USER;
GRANT USAGE ON FOREIGN SERVER ck_lure TO ck_lure;
SELECT connkit_grant_source('ck_lure', 'query', 'ck_lure') IS NULL AS ready \gset
SELECT lives_ok('SELECT * FROM ck_lure.harmless', 'that of a superuser''s source he reads');
ALTER USER MAPPING FOR PUBLIC SERVER ck_lure OPTIONS (ADD password_required 'false', DROP password);
ALTER SERVER ck_lure OWNER TO ck_lure;
SELECT lives_ok('SELECT * FROM ck_lure.harmless', 'so he does where a superuser has said so');
SELECT * FROM finish();
ROLLBACK;
