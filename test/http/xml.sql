-- XML replies, and texts of JSON that are none, with the double test/http/api.py at :api.

BEGIN;
SELECT plan(18);
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api', max_record_size '100000');

-- What a statement gives, or its error.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE statement INTO found;
	RETURN found;
EXCEPTION WHEN query_canceled OR OTHERS THEN
	RETURN sqlstate || ' ' || regexp_replace(sqlerrm, '^source "api": ', '');
END $$;

-- the records of the double
CREATE FOREIGN TABLE item (id bigint, name text, amount numeric, active boolean, updated_at timestamptz, user_id bigint OPTIONS (column_name 'user.id'),
	tags jsonb OPTIONS (column_name 'tags.value'), note text, attribute bigint OPTIONS (column_name '@id'))
	SERVER api OPTIONS (path '/paged/page?shape=xml', format 'xml', records 'items.item',
	paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 100}');
SELECT is((SELECT count(*) || ' ' || sum(id) || ' ' || sum(amount) || ' ' || count(*) FILTER (WHERE active) || ' ' || max(updated_at) || ' '
	|| sum(user_id) || ' ' || count(note) || ' ' || count(*) FILTER (WHERE attribute = id) FROM item),
	(SELECT count(*) || ' ' || sum(i) || ' ' || sum(i * 7 % 10000 + i % 100 / 100.0)::numeric(20, 2) || ' ' || count(*) FILTER (WHERE i % 7 <> 0)
	|| ' ' || '2026-01-01 16:40:00+00' || ' ' || sum(i % 50) || ' ' || count(*) FILTER (WHERE i % 5 = 0) || ' ' || count(*)
	FROM generate_series(1, 1000) AS i), 'all pages');
SELECT is((SELECT name || tags || note FROM item WHERE id = 5), 'item 5["t1", "t0"]note 5 ' || U&'\00e4\20ac\+01f600', 'a record');
CREATE FOREIGN TABLE line (id bigint, no int, quantity int) SERVER api OPTIONS (path '/paged/none?shape=xml&n=4', format 'xml',
	records 'items.item', unnest 'lines.value');
SELECT is((SELECT string_agg(id || ':' || no || '/' || quantity, ' ' ORDER BY id, no) FROM line), '1:1/1 2:1/2 2:2/2 4:1/4',
	'rows of a list, also where it has one');

SELECT is(try('SELECT no FROM line WHERE id = 999'), NULL, 'a condition that nothing fits');

-- a cursor beside the records, as S3 has it
CREATE FOREIGN TABLE control (x text) SERVER api OPTIONS (path '/control/recording', method 'POST', body
	'{"method": "GET", "path": "/bucket?list=2", "status": 200, "response":
	"<L xmlns=\"u\"><More>true</More><Next>b c</Next><Contents><Key>a</Key></Contents><Contents><Key>b</Key><Size unit=\"B\">7</Size></Contents></L>"}');
SELECT is((SELECT count(*) FROM control), 0::bigint, 'a reply is recorded');
ALTER FOREIGN TABLE control OPTIONS (SET body '{"method": "GET", "path": "/bucket?list=2&token=b%20c", "status": 200, "response":
	"<L><Contents><Key>c</Key><Size>8</Size></Contents><More>false</More></L>"}');
SELECT is((SELECT count(*) FROM control), 0::bigint, 'and another');
CREATE FOREIGN TABLE bucket ("Key" text, size int OPTIONS (column_name 'Size.#text'), whole jsonb OPTIONS (column_name '')) SERVER api
	OPTIONS (path '/bucket', params '{"list": "2"}', format 'xml', records 'L.Contents',
	paging '{"type": "cursor", "param": "token", "path": "L.Next", "more": "L.More"}');
SELECT is((SELECT string_agg("Key" || coalesce(size::text, '-'), ' ' ORDER BY "Key") FROM bucket), 'a- b7 c8', 'pages, and an attribute here and there');
SELECT is((SELECT whole FROM bucket WHERE "Key" = 'b'), '{"Key": "b", "Size": {"#text": "7", "@unit": "B"}}', 'a record as JSON');

-- what goes wrong
CREATE FUNCTION fault(settings text, records text DEFAULT 'items.item') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DROP FOREIGN TABLE IF EXISTS faulty;
	EXECUTE format('CREATE FOREIGN TABLE faulty (id bigint) SERVER api OPTIONS (path %L, format ''xml'', records %L)',
		'/paged/none?shape=xml&' || settings, records);
	RETURN try('SELECT count(*) FROM faulty');
END $$;
SELECT alike(fault('_fault=truncated'), '08P01 the reply for table "%" cannot be read: it ends in the middle of its XML at line 2', 'half of it');
SELECT alike(fault('_fault=html'), '08P01 %', 'a page of HTML');
SELECT alike(fault('_fault=empty'), '08P01 %', 'nothing');
SELECT alike(fault('shape=top'), '08P01 %it is not valid XML: % at line 1', 'JSON');
SELECT alike(fault('', 'things.item'), '08P01 %nothing where its records should be, at line %', 'other elements');
SELECT alike(fault('_fault=gzip'), '1000', 'packed');
SELECT alike(fault('_fault=status&_status=500'), 'HV000%HTTP status 500%', 'a status');

-- a text of JSON that is half of a character
CREATE FOREIGN TABLE half (id bigint, name text, state text, whole jsonb OPTIONS (column_name '')) SERVER api
	OPTIONS (path '/paged/none?n=3&_fault=surrogate');
SELECT alike(try('SELECT name FROM half WHERE name IS NOT NULL'), '22021 %', 'is no value');
SELECT alike(try('SELECT whole FROM half'), '22021 %', 'nor in JSON');
SELECT is(try('SELECT string_agg(state, '' '') FROM half'), 'open closed waiting', 'others of the record are');

SELECT * FROM finish();
ROLLBACK;
