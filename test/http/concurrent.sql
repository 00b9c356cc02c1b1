-- Lists that take several requests: these are under way at once, and their rows come in order, each once.

SELECT plan(36);
SET client_min_messages = warning;
CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api', query_timeout '20');
CREATE FOREIGN TABLE control_stats (requests bigint, connections bigint, most bigint) SERVER api OPTIONS (path '/control/stats');
CREATE FOREIGN TABLE control_log (path text) SERVER api OPTIONS (path '/control/log');
CREATE FOREIGN TABLE comment (item_id bigint, id bigint, text text) SERVER api OPTIONS (
	path '/items/{item_id}/comments?_fault=delay&_ms=50', filters '{"item_id": {"=": {"path": true}}}');
CREATE FOREIGN TABLE comment_alone (item_id bigint, id bigint, text text) SERVER api OPTIONS (concurrency '1',
	path '/items/{item_id}/comments?_fault=delay&_ms=20', filters '{"item_id": {"=": {"path": true}}}');
CREATE FOREIGN TABLE comment_many (item_id bigint, id bigint, text text) SERVER api OPTIONS (concurrency '8',
	path '/items/{item_id}/comments?_fault=delay&_ms=50', filters '{"item_id": {"=": {"path": true}}}');
CREATE FOREIGN TABLE comment_batch (item_id bigint, id bigint, text text) SERVER api OPTIONS (path '/comments?_fault=delay&_ms=50',
	filters '{"item_id": {"= in": {"param": "item_ids", "join": ",", "most": 5, "required": true}}}',
	paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 3}');
\set forget `curl -s --noproxy '*' -X DELETE :api/control`
\set ids '2, 1, 3, 30, 29, 28, 27, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19, 21'

SELECT is((SELECT string_agg(DISTINCT item_id || ':' || id, ' ') FROM comment WHERE item_id = 7), '7:71 7:72 7:73', 'one value');
SELECT is((SELECT array_agg(item_id) FROM comment WHERE item_id IN (:ids)),
	(SELECT array_agg(i) FROM unnest(ARRAY[:ids]::bigint[]) AS i, generate_series(1, i % 4)), 'many: rows in the order of the values');
SELECT is(most, 4::bigint, 'four requests at a time') FROM control_stats;
\set forget `curl -s --noproxy '*' -X DELETE :api/control/log`
SELECT is((SELECT count(*) FROM comment_alone WHERE item_id IN (:ids)), 37::bigint, 'concurrency 1');
SELECT is(most, 1::bigint, 'one at a time') FROM control_stats;
SELECT is((SELECT count(*) FROM comment_many WHERE item_id IN (:ids)), 37::bigint, 'concurrency 8');
SELECT is(most, 8::bigint, 'eight at a time') FROM control_stats;
SELECT throws_ok($$CREATE FOREIGN TABLE f (id int) SERVER api OPTIONS (concurrency '9')$$, 'HV00A', NULL, 'concurrency 9');
\set forget `curl -s --noproxy '*' -X DELETE :api/control/log`
SELECT is((SELECT array_agg(item_id) FROM comment_batch WHERE item_id IN (:ids)),
	(SELECT array_agg(i) FROM unnest(ARRAY[:ids]::bigint[]) AS i, generate_series(1, i % 4)), 'lists of five, in pages of three');
SELECT is(most, 4::bigint, 'at once too') FROM control_stats;
SELECT is((SELECT count(*) FROM generate_series(1, 60) AS i JOIN comment ON item_id = i), 90::bigint, 'a join gives values');
SELECT is((SELECT count(*) FROM generate_series(1, 20) AS i JOIN comment_batch ON item_id = i), 30::bigint, 'a join gives lists');
SELECT is(most, 4::bigint, 'which are asked for at once') FROM control_stats;

-- Connections are kept from statement to statement
SELECT connections FROM control_stats \gset
SELECT is((SELECT count(*) FROM comment WHERE item_id IN (:ids)), 37::bigint, 'once more');
SELECT count(*) FROM comment WHERE item_id = 3 \gset
SELECT count(*) FROM comment_batch WHERE item_id IN (:ids) \gset
SELECT is(connections, :connections::bigint, 'takes no other connections') FROM control_stats;

-- A source that gives more than it is asked for, and the same for each part
CREATE FOREIGN TABLE generous (id bigint, name text, state text, login text OPTIONS (column_name 'user.login'), updated_at date) SERVER api
	OPTIONS (path '/paged/none', filters '{"id": {"in": {"param": "x", "join": ",", "most": 2}}, "name": {"in": {"param": "y", "most": 1}},
		"user.login": {"in": {"param": "y", "most": 1}}, "updated_at": {"in": {"param": "z", "most": 1, "format": "date"}}}');
SELECT is((SELECT array_agg(id ORDER BY id) FROM generous WHERE id IN (1, 2, 3, 4, 5)), '{1,2,3,4,5}'::bigint[], 'gives each row once');
SELECT is((SELECT count(*) FROM generous WHERE name IN ('item 1', 'item 2', 'item 7')), 3::bigint, 'by texts too');
SELECT is((SELECT count(id) FROM generous WHERE login IN ('user1', 'user2')), (SELECT count(*) FROM generous WHERE login = 'user1' OR login = 'user2'),
	'by a value within an object');
SELECT is((SELECT count(*) FROM generous WHERE updated_at IN ('2026-01-01', '2026-01-02')), 1000::bigint, 'a list of days is not divided');

-- More tables at once than a source gets connections
CREATE FOREIGN TABLE large (id bigint, name text) SERVER api OPTIONS (path '/paged/none?n=20000', query_timeout '5');
BEGIN;
SELECT format('DECLARE c%s CURSOR FOR SELECT id FROM large', n) FROM generate_series(1, 11) AS n \gexec
SELECT lives_ok('FETCH 1 FROM c' || n, 'table ' || n) FROM generate_series(9, 11) AS n, LATERAL (SELECT 1) AS x WHERE false;
CREATE FUNCTION fetch_all() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	cursor refcursor;
	id bigint;
	sum bigint := 0;
BEGIN
	FOR n IN 1..11 LOOP
		cursor := 'c' || n;
		FETCH cursor INTO id;
		sum := sum + id;
	END LOOP;
	RETURN sum;
END $$;
SELECT is(fetch_all(), '11', 'eleven tables that are read bit by bit');
SELECT is(fetch_all(), '22', 'each from where it was');
COMMIT;

-- What goes wrong in one of several requests
CREATE FOREIGN TABLE comment_plain (item_id bigint, id bigint, text text) SERVER api OPTIONS (
	path '/items/{item_id}/comments', filters '{"item_id": {"=": {"path": true}}}');
\set rule `curl -s --noproxy '*' -d '{"path": "/items/7/", "fault": "status", "status": 500}' :api/control`
CREATE FUNCTION fault(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE statement INTO found;
	RETURN found;
EXCEPTION WHEN query_canceled OR OTHERS THEN
	RETURN sqlstate;
END $$;
SELECT set_config('test.ids', :'ids', false) AS done \gset
CREATE FUNCTION all_comments() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN fault(format('SELECT count(*) FROM comment_plain WHERE item_id IN (%s)', current_setting('test.ids')));
END $$;
SELECT is((SELECT string_agg(DISTINCT all_comments(), ' ') FROM generate_series(1, 12)), 'HV000', 'an error is one');
\set forget `curl -s --noproxy '*' -X DELETE :api/control`
SELECT is(all_comments(), '37', 'and nothing is left of it');
\set rule `curl -s --noproxy '*' -d '{"path": "/items/9/", "fault": "stall_body", "seconds": 30}' :api/control`
ALTER SERVER api OPTIONS (SET query_timeout '1');
SELECT is(all_comments(), '57014', 'what stalls takes as long as it may');
ALTER SERVER api OPTIONS (SET query_timeout '20');
SET statement_timeout = 500;
SELECT is(all_comments(), '57014', 'a cancel');
RESET statement_timeout;
\set forget `curl -s --noproxy '*' -X DELETE :api/control`
SELECT is(all_comments(), '37', 'and nothing is left of these');
SELECT is((SELECT count(*) FROM comment_many WHERE item_id IN (:ids)), 37::bigint, 'with all connections');
\set rule `curl -s --noproxy '*' -d '{"path": "/items/15/", "fault": "status", "status": 429, "retry_after": 0, "times": 2}' :api/control`
SELECT is(all_comments(), '37', 'patience that is asked for');
\set forget `curl -s --noproxy '*' -X DELETE :api/control`

-- A reply that breaks off
\set rule `curl -s --noproxy '*' -d '[{"path": "/items/5/", "fault": "drop_body", "times": 2}, {"path": "/items/9/", "fault": "drop_before", "times": 1}]' :api/control`
SELECT is(all_comments(), '37', 'is asked for again, if none of its rows was given');
SELECT is((SELECT string_agg(n::text, ' ' ORDER BY path) FROM (SELECT path, count(*) AS n FROM control_log WHERE path ~ '/items/[579]/' GROUP BY 1) AS l),
	'3 1 2', 'and no other');
\set forget `curl -s --noproxy '*' -X DELETE :api/control`
\set rule `curl -s --noproxy '*' -d '{"path": "/items/15/", "fault": "drop_body", "times": 1}' :api/control`
SELECT is(all_comments(), '08006', 'is an error, if some were');
\set forget `curl -s --noproxy '*' -X DELETE :api/control`
\set rule `curl -s --noproxy '*' -d '{"path": "/items/15/", "fault": "drop_headers"}' :api/control`
ALTER SERVER api OPTIONS (ADD max_attempts '3');
SELECT is(all_comments(), '08006', 'and if it always does');
SELECT is((SELECT count(*) FROM control_log WHERE path LIKE '/items/15/%'), 3::bigint, 'after so many attempts');
\set forget `curl -s --noproxy '*' -X DELETE :api/control`
SELECT is(all_comments(), '37', 'after that all is well');

-- Limits on requests
CREATE SERVER limited FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api', max_requests '8', max_requests_seconds '1');
CREATE FOREIGN TABLE comment_limited (item_id bigint, id bigint) SERVER limited OPTIONS (
	path '/items/{item_id}/comments', filters '{"item_id": {"=": {"path": true}}}');
SELECT clock_timestamp() AS begin \gset
SELECT is((SELECT array_agg(item_id) FROM comment_limited WHERE item_id IN (:ids)),
	(SELECT array_agg(i) FROM unnest(ARRAY[:ids]::bigint[]) AS i, generate_series(1, i % 4)), 'no more requests than may be sent');
SELECT cmp_ok(clock_timestamp() - :'begin', '>', '1.9 s'::interval, 'in their time');

SELECT * FROM finish();
