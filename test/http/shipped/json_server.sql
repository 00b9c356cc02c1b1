-- No manifest that is shipped: a table of connkit_http at a REST server by others, json-server at :server, that is read and changed.

SELECT plan(11);
SET client_min_messages = warning;
SET connkit.allow_best_effort_writes = on;
CREATE SERVER rest FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'server');
CREATE FOREIGN TABLE post (id bigint, title text, views int, author text OPTIONS (column_name 'by.name'), tags jsonb) SERVER rest OPTIONS (
	path '/posts', paging '{"type": "link_header", "size_param": "_limit", "size": 2}', params '{"_page": "1"}',
	filters '{"id": {"=": {"param": "id", "exact": true}}, "title": {"=": "title"}, "views": {">=": "views_gte", "<=": "views_lte"}}',
	write '{"insert": {"returns": "", "null": "omit"}, "update": {"path": "/posts/{id}", "returns": ""}, "delete": {"path": "/posts/{id}"}}');
CREATE FOREIGN TABLE whole (id bigint, title text) SERVER rest OPTIONS (path '/posts', filters '{"id": {"=": "id"}}',
	write '{"update": {"method": "PUT", "path": "/posts/{id}", "returns": ""}}');

SELECT is((SELECT string_agg(title, ' ' ORDER BY id) FROM post), 'first second third', 'read in pages');
WITH made AS (INSERT INTO post (title, views, author) VALUES ('fourth "4"', 40, 'me'), ('fünfte', NULL, NULL) RETURNING *)
SELECT is((SELECT string_agg(made::text, ' ' ORDER BY id) FROM made), '(4,"fourth ""4""",40,me,) (5,fünfte,,,)', 'INSERT');
WITH changed AS (UPDATE post SET views = views + 1, tags = '["a", {"b": 1.5}]' WHERE views >= 20 RETURNING id, views)
SELECT is((SELECT string_agg(changed::text, ' ' ORDER BY id) FROM changed), '(2,21) (3,31) (4,41)', 'UPDATE of several');
SELECT is((SELECT post::text FROM post WHERE id = 4), '(4,"fourth ""4""",41,me,"[""a"", {""b"": 1.5}]")', 'the others stay as they were');
UPDATE whole SET title = 'whole' WHERE id = 4;
SELECT is((SELECT post::text FROM post WHERE id = 4), '(4,whole,41,me,"[""a"", {""b"": 1.5}]")', 'a record that is sent whole');
SELECT throws_ok($$INSERT INTO post (id, title) VALUES (1, 'again')$$, '08007', NULL, 'an id that is there: the server says no more than 500');
WITH gone AS (DELETE FROM post WHERE views > 30 OR title = 'second' RETURNING title)
SELECT is((SELECT string_agg(title, ' ' ORDER BY title) FROM gone), 'second third whole', 'DELETE');
COPY post (title, views) FROM stdin;
copied	1
\.
PREPARE put(text) AS INSERT INTO post (title) VALUES ($1);
DO $$ BEGIN FOR i IN 1..7 LOOP EXECUTE format('EXECUTE put(%L)', 'p' || i); END LOOP; END $$;
SELECT is((SELECT count(*) FROM post), 10::bigint, 'COPY, and a prepared statement');
WITH gone AS (DELETE FROM post WHERE title LIKE 'p_' RETURNING 1) SELECT is((SELECT count(*) FROM gone), 7::bigint, 'DELETE of many pages');
SELECT is((SELECT string_agg(title, ' ' ORDER BY id) FROM post), 'first fünfte copied', 'is what is left');
DELETE FROM post;
SELECT is((SELECT count(*) FROM post), 0::bigint, 'and nothing');
SELECT * FROM finish();
