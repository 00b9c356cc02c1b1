-- sync_odd.sql: odd settings, targets and data: source and target are the same.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off
\set port `echo $CK_SOURCE_PGPORT`
\set host `echo $CK_SOURCE_PGHOST`
\set password `echo $CK_PASSWORD`

SET client_min_messages = error;
CREATE EXTENSION dblink;
SELECT no_plan();
SELECT dblink_connect('source', format('host=%s port=%s dbname=source user=postgres', :'host', :'port')) = 'OK' AS ready \gset
SELECT connkit_create_source('source', 'postgres', jsonb_build_object('host', 'localhost', 'port', :'port', 'dbname', 'source'),
	jsonb_build_object('user', 'ck_reader', 'password', :'password')) IS NULL AS ready \gset
CREATE FUNCTION at_source(statement text) RETURNS void LANGUAGE sql AS
	$$SELECT dblink_exec('source', 'SET search_path = odd; SET client_min_messages = error; SET lock_timeout = 5000; ' || statement)$$;
CREATE FUNCTION run(sync text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', outcome, rows_read, inserted, rejected, message) FROM connkit_sync(sync)
$$;
SELECT at_source('DROP SCHEMA IF EXISTS odd CASCADE; CREATE SCHEMA odd; GRANT USAGE ON SCHEMA odd TO ck_reader') IS NULL AS ready \gset

-- columns of the target that the sync does not fill, of domains
SELECT at_source('CREATE TABLE d (id int PRIMARY KEY); INSERT INTO d VALUES (1)') IS NULL AS ready \gset
CREATE DOMAIN filled AS int NOT NULL;
CREATE DOMAIN checked AS int CHECK (VALUE IS NOT NULL);
CREATE TABLE d_filled (id int, other filled);
CREATE TABLE d_checked (id int, other checked);
CREATE TABLE d_default (id int, other filled DEFAULT 7);
SELECT connkit_create_sync('source', 'odd.d', t, write => 'append', name => t) IS NULL AS ready FROM unnest('{d_filled,d_checked,d_default}'::text[]) AS t \g /dev/null
SELECT is(run('d_filled'), 'failed 1 0 0 domain filled does not allow null values', 'a domain that is not null');
SELECT is(run('d_checked'), 'failed 1 0 0 value for domain checked violates check constraint "checked_check"', 'a domain with a check');
SELECT is(run('d_default'), 'succeeded 1 1 0', 'a domain with a default');
SELECT is((SELECT d::text FROM d_default AS d), '(1,7)', 'which is taken');

-- settings of the session do not change what a definition means
SELECT at_source('CREATE TABLE s (id int PRIMARY KEY, a text[], x xml, n int); INSERT INTO s VALUES (1, ''{NULL,"NULL"}'', ''x<a/>'', NULL)') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'odd.s', 's', name => 's',
	settings => '{"mapping": {"quoted": "''a\\nb''", "compared": "CASE WHEN n = NULL THEN 1 ELSE 2 END"}}') IS NULL AS ready \gset
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET transform_null_equals = on;
SET array_nulls = off;
SET xmloption = document;
SET DateStyle = 'SQL, DMY';
SELECT is(run('s'), 'succeeded 1 1 0', 'a run with odd settings');
RESET ALL;
SET client_min_messages = error;
SELECT is((SELECT s::text FROM s), '(1,"{NULL,""NULL""}",x<a/>,,"a\\nb",2)', 'has what it has with others');

SELECT * FROM finish();
