-- The manifest keboola, against a double of Keboola's Storage API (keboola_double.py) at :server, which notes requests in :folder.

BEGIN;
SELECT plan(44);
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT setting || '/extension/connkit/keboola.json' AS manifest FROM pg_config WHERE name = 'SHAREDIR' \gset
-- the stores are the double's; what else is said of them is as it is installed
SELECT is(connkit_register_connector(replace(replace(replace(replace(pg_read_file(:'manifest'),
	'https://{place}/{rest}?{sas}', '{url}/azure/{rest}?{sas}'),
	'https://{place}.s3.{region}.amazonaws.com/', '{url}/aws/{place}/'),
	'https://storage.googleapis.com/', '{url}/gcp/'), '"every": "1 s"', '"every": "50 ms"')::jsonb
	|| '{"headers": {"X-Whole": "{token}"}}'), 'connkit_keboola', 'registered');
CREATE SERVER keboola FOREIGN DATA WRAPPER connkit_keboola OPTIONS (url :'server', max_attempts '2');
CREATE USER MAPPING FOR CURRENT_USER SERVER keboola OPTIONS (token 'token-1');
CREATE SCHEMA api;
IMPORT FOREIGN SCHEMA api FROM SERVER keboola INTO api;
IMPORT FOREIGN SCHEMA storage FROM SERVER keboola INTO public;
SELECT is((SELECT string_agg(stage || ' ' || outcome, ', ') FROM connkit_test('keboola')),
	'options ok, resolve ok, connect ok, tls warning, authenticate skipped, query ok, privileges ok', 'connkit_test');
SELECT is((SELECT string_agg(id || ' ' || created, ', ' ORDER BY id) FROM api.bucket),
	'in.c-aws 2025-02-05 09:57:08+00, in.c-azure 2025-02-05 09:57:08+00, in.c-gcp 2025-02-05 09:57:08+00', 'buckets');
SELECT is((SELECT bucket_id || ' ' || rows || ' ' || primary_key || alias FROM api.table_info WHERE id = 'in.c-aws.data'), 'in.c-aws 7 ["id"]false', 'tables');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ') FROM pg_attribute WHERE attrelid = '"in.c-aws.data"'::regclass AND attnum > 0),
	'id text, text text, more text', 'columns, which are texts');

-- data, in slices of each of the three stores
CREATE TEMP TABLE expected (id text, text text, more text);
INSERT INTO expected VALUES ('1', 'plain', 'a'), ('2', 'with "quotes", commas', ''), ('3', E'two\nlines', NULL), ('4', 'žluťoučký kůň', 'd'),
	('5', '', '\N'), ('6', ' blanks ', U&'\FEFFmark'), ('7', 'back\slash', 'g');
CREATE FUNCTION differences(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL TABLE expected) UNION ALL (TABLE expected EXCEPT ALL TABLE %1$I)) AS d', name) INTO n;
	RETURN n;
END $$;
SELECT is(differences('in.c-azure.data'), 0::bigint, 'slices with a shared access signature');
SELECT is(differences('in.c-aws.data'), 0::bigint, 'slices of S3, signed');
SELECT is(differences('in.c-gcp.data'), 0::bigint, 'slices with a bearer');
SELECT is((SELECT string_agg(more || id, '|' ORDER BY id) FROM "in.c-aws.data" WHERE id IN ('1', '4')), 'a1|d4', 'columns in the order in which they are asked for');
\set log `tail -n 7 :folder/requests | grep export-async`
SELECT is(substr(:'log', strpos(:'log', '{'))::jsonb, '{"format": "rfc", "gzip": false, "columns": "id,more"}', 'and none else: ' || :'log');
SELECT is((SELECT string_agg(attname, ',') FROM pg_attribute WHERE attrelid = '"in.c-aws.data"'::regclass AND attnum > 0), 'id,text,more', 'the table''s own order');
SELECT is((SELECT count(*) FROM "in.c-azure.data"), 7::bigint, 'no column');
\set log `tail -n 7 :folder/requests | grep export-async`
SELECT is(substr(:'log', strpos(:'log', '{'))::jsonb, '{"format": "rfc", "gzip": false}', 'asks for no columns');
SELECT is((SELECT count(*) || ' ' || sum(n::int) || ' ' || max(text) FROM "in.c-azure.large"), '20000 199990000 row 9999', 'a job that takes a while');
SELECT is((SELECT count(*) FROM (SELECT * FROM "in.c-azure.large" LIMIT 5) AS s), 5::bigint, 'LIMIT');
SELECT is((SELECT count(*) FROM "in.c-azure.empty"), 0::bigint, 'an empty slice');
SELECT is((SELECT count(text) FROM "in.c-azure.empty"), 0::bigint, 'and with a column');
SELECT is((SELECT count(*) FROM "in.c-azure.none"), 0::bigint, 'no slices');
SELECT is((SELECT array_agg(v) FROM "in.c-azure.single"), '{a,NULL,"",d}', 'NULL and the empty text of a single column');
SELECT is((SELECT count(*) FROM "in.c-azure.single"), 4::bigint, 'the same without it');
CREATE FOREIGN TABLE renamed (a text OPTIONS (column_name 'more'), b text OPTIONS (column_name 'more'), c text OPTIONS (column_name 'id'))
	SERVER keboola OPTIONS (schema_name 'storage', table_name 'in.c-aws.data');
SELECT is((SELECT string_agg(a || b || c, ' ' ORDER BY c) FROM renamed), 'aa1 2 dd4 \N\N5 ' || U&'\FEFFmark\FEFFmark6' || ' gg7', 'a column twice');
CREATE FOREIGN TABLE gone (id text, gone text) SERVER keboola OPTIONS (schema_name 'storage', table_name 'in.c-aws.data');
SELECT throws_like('SELECT gone FROM gone', '%Some columns don''t exist%', 'a column that is gone');

-- what goes wrong is an error, and never rows that lack
SELECT throws_like('SELECT * FROM "in.c-azure.failing"', '%has ended with "error": the warehouse is gone', 'a job that fails');
SELECT throws_like('SELECT * FROM "in.c-azure.unsliced"', '%has ended with "false"%', 'a file without slices');
SELECT throws_like('SELECT * FROM "in.c-azure.missing"', '%404%', 'a slice that is gone');
SELECT throws_like('SELECT count(*) FROM "in.c-azure.missing"', '%404%', 'and without columns');
SELECT throws_ok('SELECT * FROM "in.c-azure.broken"', '08006', NULL, 'one that breaks off');
SELECT throws_like('SELECT * FROM "in.c-azure.twice"', '%lists a page of table "in.c-azure.twice" twice%', 'one that is listed twice');
SELECT throws_like('SELECT * FROM "in.c-azure.strange"', '%a kind of place that its manifest does not know%', 'one at a strange place');
SELECT throws_like('SELECT * FROM "in.c-azure.lacking"', '%lacks an address%', 'one without an address');
SELECT throws_like('SELECT * FROM "in.c-azure.evil"', '%at an address that is none%', 'one whose address leads elsewhere');
SELECT throws_like('SELECT * FROM "in.c-azure.elsewhere"', '%169.254.169.254%', 'one at an address that is denied');
SELECT throws_like('SELECT * FROM "in.c-azure.fewer"', '%fewer fields than were asked for%', 'a line with fewer fields');
SELECT throws_like('SELECT count(*) FROM "in.c-azure.fewer"', '%a line has % fields than the first%', 'and without columns');
SELECT throws_like('SELECT * FROM "in.c-azure.more"', '%more fields than were asked for%', 'one with more');
SELECT throws_like('SELECT count(*) FROM "in.c-azure.packed"', '%it is packed%', 'a slice that is packed');
CREATE SERVER signed FOREIGN DATA WRAPPER connkit_keboola OPTIONS (url :'server');
CREATE USER MAPPING FOR CURRENT_USER SERVER signed OPTIONS (token 'wrong');
CREATE FOREIGN TABLE wrong (id text) SERVER signed OPTIONS (schema_name 'storage', table_name 'in.c-aws.data');
SELECT throws_like('SELECT * FROM wrong', '%Invalid access token%', 'a wrong token');

-- a sync
SELECT connkit_create_sync('keboola', 'storage."in.c-azure.data"', 'public.copied', name => 'copied') IS NULL AS ready \gset
SELECT is((SELECT outcome || ' ' || inserted FROM connkit_sync('copied')), 'succeeded 7', 'a sync');
SELECT is((SELECT count(*) FROM (SELECT id, text, more FROM copied EXCEPT ALL TABLE expected) AS d), 0::bigint, 'has the rows');
SELECT connkit_create_sync('keboola', 'storage."in.c-azure.missing"', 'public.lacking', name => 'lacking') IS NULL AS ready \gset
SELECT is((SELECT outcome || ' ' || inserted FROM connkit_sync('lacking')), 'failed 0', 'one that lacks a slice');

-- as it is installed, and what is wrong with a manifest
SELECT is(connkit_register_connector(pg_read_file(:'manifest')::jsonb), 'connkit_keboola', 'as it is installed');
SELECT throws_like($$SELECT connkit_register_connector(jsonb_set(pg_read_file(current_setting('test.manifest'))::jsonb,
	'{discover,0,table,paging,places,s3,auth,type}', '"jwt"'))$$, '%', 'signatures of other kinds') WHERE set_config('test.manifest', :'manifest', true) <> '';
SELECT throws_like($$SELECT connkit_register_connector(jsonb_set(pg_read_file(current_setting('test.manifest'))::jsonb,
	'{discover,0,table,headers}', '{"X-Token": "{token}"}'))$$, '%no headers with values%', 'a secret for those places');
SELECT throws_like($$SELECT connkit_register_connector(pg_read_file(current_setting('test.manifest'))::jsonb #- '{discover,0,table,before}')$$,
	'%discover.0.table%', 'no request for the list');
SELECT * FROM finish();
ROLLBACK;
