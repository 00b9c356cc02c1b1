-- shared.sql: who may use another's source, or read all data, neither ends what the owner has discovered nor reads his log.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT plan(4);
CREATE ROLE ck_acme;
CREATE ROLE ck_globex;
CREATE ROLE ck_allreader IN ROLE pg_read_all_data;
GRANT ck_acme, ck_globex, ck_allreader TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null TO ck_acme;

SET LOCAL ROLE ck_acme;
CREATE SERVER ck_shared FOREIGN DATA WRAPPER connkit_null;
GRANT USAGE ON FOREIGN SERVER ck_shared TO ck_globex;
SELECT count(*) FROM generate_series(1, 3) AS g, LATERAL connkit.discover('ck_shared', '{*}', '{}', 'balanced', 10 + g * 0) \g /dev/null
SET LOCAL ROLE ck_globex;
SELECT count(*) FROM generate_series(1, 3) AS g, LATERAL connkit.discover('ck_shared', '{nothing}', '{}', 'balanced', 1 + g * 0) \g /dev/null
SET LOCAL ROLE ck_acme;
SELECT is(count(*) FILTER (WHERE made_by = 'ck_acme'), 3::bigint, 'the owner''s discoveries stay') FROM connkit.discovery WHERE source = 'ck_shared';
SELECT is(count(*) FILTER (WHERE made_by = 'ck_globex'), 1::bigint, 'the other keeps as many as he said') FROM connkit.discovery WHERE source = 'ck_shared';
RESET ROLE;
ANALYZE connkit.audit_log;
SET LOCAL ROLE ck_allreader;
SELECT is_empty('SELECT id FROM connkit.audit_log', 'who reads all data reads nothing of the log');
SELECT is_empty($$SELECT a.attname FROM pg_statistic JOIN pg_attribute AS a ON a.attrelid = starelid AND a.attnum = staattnum
	WHERE starelid = 'connkit.audit_log'::regclass AND attname IN ('old_value', 'new_value', 'detail', 'client')$$, 'nor of its statistics');
SELECT * FROM finish();
ROLLBACK;
