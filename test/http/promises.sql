-- Only what a manifest promises is relied on: values that a request cannot tell, columns of another type, and words of paging that
-- are none, of replies that the double at :api is told.

BEGIN;
SELECT plan(21);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control (method text, path text, status int, response jsonb, "rawHeaders" jsonb)
	SERVER api OPTIONS (path '/control/recording', write '{"insert": {}}');
SET connkit.allow_best_effort_writes = on;
CREATE FUNCTION reply(path text, response jsonb, headers jsonb DEFAULT '[]') RETURNS void LANGUAGE sql AS
	$$ INSERT INTO control VALUES ('GET', $1, 200, $2, $3) $$;

-- A list is divided by its commas, whoever has put them there.
SELECT reply('/list', '[{"t": "a,b"}, {"t": "c"}]'), reply('/list?t=a%2Cb%2Cc', '[{"t": "c"}]'), reply('/list?t=a%2Cb', '[]'),
	reply('/list?t=c', '[{"t": "c"}]');
CREATE FOREIGN TABLE list (t text) SERVER api OPTIONS (path '/list', filters '{"t": {"= in": {"param": "t", "join": ","}}}');
CREATE FOREIGN TABLE exact (t text) SERVER api
	OPTIONS (path '/list', filters '{"t": {"= in": {"param": "t", "join": ",", "exact": true}}}');
CREATE FOREIGN TABLE needed (t text) SERVER api
	OPTIONS (path '/list', filters '{"t": {"= in": {"param": "t", "join": ",", "required": true}}}');
SELECT is((SELECT string_agg(t, ' ' ORDER BY t) FROM list WHERE t IN ('a,b', 'c')), 'a,b c', 'a value with a comma in a list');
SELECT is((SELECT count(*) FROM list WHERE t = 'a,b'), 1::bigint, 'a value with a comma by itself');
SELECT is((SELECT string_agg(t, ' ') FROM exact WHERE t = 'a,b'), 'a,b', 'where the filter is exact');
SELECT is((SELECT string_agg(t, ' ') FROM exact WHERE t = 'c'), 'c', 'a value without one is sent');
SELECT throws_ok($$SELECT * FROM needed WHERE t = 'a,b'$$, 'source "api": a value of "t" cannot stand in a request');
SELECT is((SELECT string_agg(l.t, ' ') FROM (VALUES ('a,b'), ('x')) AS v(t) JOIN list AS l USING (t)), 'a,b', 'by a join');

-- A row that comes for several parts of a list is given once, however its value is written.
SELECT reply(path, '[{"i": 3.0, "t": true}, {"i": "03", "t": 1.5}, {"i": 30e-1, "t": "x"}, {"i": 4, "t": "y"}]')
	FROM unnest(ARRAY['/many?i=3', '/many?i=4', '/many?i=5', '/many?t=true', '/many?t=1.5', '/many?t=y']) AS path;
CREATE FOREIGN TABLE many (i int, t text) SERVER api
	OPTIONS (path '/many', filters '{"i": {"in": {"param": "i", "most": 1}}, "t": {"in": {"param": "t", "most": 1}}}');
SELECT is((SELECT string_agg(i || ' ' || t, ',' ORDER BY i, t) FROM many WHERE i IN (5, 3, 4)), '3 1.5,3 true,3 x,4 y', 'of numbers');
SELECT is((SELECT string_agg(t, ' ' ORDER BY t) FROM many WHERE t IN ('y', 'true', '1.5')), '1.5 true y', 'of texts');

-- What is read is not always what the source compares.
SELECT reply('/at', '[{"t": "2026-01-01T12:00:00.6Z"}]'), reply('/at?s=2026-01-01T12%3A00%3A01Z', '[]'),
	reply('/real', '[{"f": 0.1}]'), reply('/real?f=0.10000000149011612', '[]'), reply('/time', '[{"t": "12:00:00", "i": "1 day"}]');
CREATE FOREIGN TABLE at (t timestamptz(0)) SERVER api OPTIONS (path '/at', filters '{"t": {">=": "s"}}');
CREATE FOREIGN TABLE "real" (f real) SERVER api OPTIONS (path '/real', filters '{"f": {"=": "f"}}');
CREATE FOREIGN TABLE "time" (t time, i interval) SERVER api OPTIONS (path '/time', filters '{"t": {"=": "t"}, "i": {"<": "i"}}');
CREATE FOREIGN TABLE ever (t timestamptz) SERVER api OPTIONS (path '/at', filters '{"t": {"< > =": "s"}}');
SELECT is((SELECT count(*) FROM at WHERE t >= '2026-01-01 12:00:01'), 1::bigint, 'times that are rounded');
SELECT is((SELECT count(*) FROM "real" WHERE f = 0.1::real), 1::bigint, 'numbers that are rounded');
SELECT is((SELECT count(*) FROM "time" WHERE t = '12:00' AND i < '2 days'), 1::bigint, 'times of a day, and intervals');
SELECT is((SELECT count(*) FROM ever WHERE t < 'infinity' AND t > '-infinity'), 1::bigint, 'the ends of time');
SELECT is((SELECT count(*) FROM ever WHERE t = 'infinity'), 0::bigint, 'nothing is there');

-- A foreign table may have a column as another type than the manifest.
SELECT reply('/typed', '[{"id": 10, "n": "10"}, {"id": 9, "n": "9"}]'), reply('/typed?id=010', '[{"id": 10, "n": "10"}]'),
	reply('/typed?sort=n', '[{"id": 10, "n": "10"}, {"id": 9, "n": "9"}]');
SELECT connkit_register_connector(jsonb_build_object('manifest', 1, 'name', 'promises', 'version', '1', 'title', 'Promises',
	'base_url', :'api', 'tables', '{"typed": {"path": "/typed", "columns": {"id": "bigint", "n": "text"},
		"filters": {"id": {"=": {"param": "id", "exact": true}}},
		"order": {"param": "sort", "columns": {"n": {"asc": "n", "nulls": "last", "bytes": true}}}}}'::jsonb));
CREATE SERVER typed FOREIGN DATA WRAPPER connkit_promises;
CREATE FOREIGN TABLE typed (id text, n bigint) SERVER typed;
CREATE FOREIGN TABLE own (id bigint, n text COLLATE "C") SERVER typed OPTIONS (table_name 'typed');
SELECT is((SELECT count(*) FROM typed WHERE id = '010'), 0::bigint, 'a number that is read as a text');
SELECT is((SELECT string_agg(n::text, ' ') FROM (SELECT n FROM typed ORDER BY n LIMIT 2) AS t), '9 10', 'a text that is read as a number');
SELECT is((SELECT string_agg(n, ' ') FROM (SELECT n FROM own ORDER BY n LIMIT 2) AS t), '10 9', 'and as the text that it is');

-- Words of paging that say nothing.
SELECT reply('/more?p=1', '{"more": 1, "d": [{"id": 1}]}'), reply('/more?p=2', '{"more": false, "d": [{"id": 2}]}'),
	reply('/last?p=1', '{"last": "no", "d": [{"id": 1}]}'), reply('/total?p=1', '{"total": "1,000", "d": [{"id": 1}]}'),
	reply('/total?p=2', '{"total": "1,000", "d": [{"id": 2}]}'), reply('/total?p=3', '{"total": "1,000", "d": []}'),
	reply('/link', '[{"id": 1}]', jsonb_build_array('Link', '<' || :'api' || '/link?p=0>; rel="first"', 'Content-Type',
		'application/json', 'Link', '<' || :'api' || '/link?p=2>; rel="next"')), reply('/link?p=2', '[{"id": 2}]'),
	reply('/bad', '[{"id": 1}]', jsonb_build_array('Link', :'api' || '/link?p=2; rel="next"'));
CREATE FOREIGN TABLE more (id int) SERVER api OPTIONS (path '/more', records 'd',
	paging '{"type": "page", "param": "p", "more": "more"}');
CREATE FOREIGN TABLE last (id int) SERVER api OPTIONS (path '/last', records 'd',
	paging '{"type": "page", "param": "p", "last": "last"}');
CREATE FOREIGN TABLE total (id int) SERVER api OPTIONS (path '/total', records 'd',
	paging '{"type": "page", "param": "p", "total": "total"}');
CREATE FOREIGN TABLE link (id int) SERVER api OPTIONS (path '/link', paging 'link_header');
CREATE FOREIGN TABLE bad (id int) SERVER api OPTIONS (path '/bad', paging 'link_header');
SELECT throws_like('SELECT * FROM more', '%says neither that there are more pages nor%');
SELECT throws_like('SELECT * FROM last', '%says neither that there are more pages nor%');
SELECT is((SELECT count(*) FROM total), 2::bigint, 'a total that is no number');
SELECT is((SELECT count(*) FROM link), 2::bigint, 'the next page in the second of two headers Link');
SELECT throws_like('SELECT * FROM bad', '%the header Link of a reply for table "bad" cannot be read');


SELECT * FROM finish();
ROLLBACK;
