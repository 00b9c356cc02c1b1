-- Tables that are asked for by the rows of another: parents, and theirs.

SELECT plan(47);
SET client_min_messages = warning;
CREATE TEMP TABLE given (manifest jsonb);
INSERT INTO given VALUES ('{
	"manifest": 1, "name": "family", "version": "1.0",
	"options": {"url": {"on": "server", "required": true}}, "base_url": "{url}",
	"tables": {
		"project": {"path": "/paged/none", "params": {"n": "32", "fields": "project"}, "columns": {"project": "text"}},
		"item": {
			"path": "/projects/{project}/items", "columns": {"project": "text", "id": "bigint", "name": "text", "state": "text", "note": "text"},
			"key": ["id"], "paging": {"type": "page", "param": "page", "size_param": "per_page", "size": 60, "stop": "short"},
			"filters": {"project": {"=": {"path": true, "exact": true}}, "state": {"=": "state"}},
			"parent": {"table": "project", "columns": {"project": "project"}}
		},
		"comment": {
			"path": "/items/{item_id}/comments", "columns": {"item_id": "bigint", "id": "bigint", "text": "text"}, "key": ["id"],
			"filters": {"item_id": {"=": {"path": true}}}, "errors": {"404": "empty"},
			"parent": {"table": "item", "columns": {"item_id": "id"}}
		},
		"all_item": {
			"path": "/paged/page", "columns": {"id": "bigint", "project": "text", "state": "text", "note": "text", "absent": "text"},
			"paging": {"type": "page", "param": "page", "size_param": "per_page", "size": 100},
			"filters": {"project": {"=": "project"}}
		},
		"batch": {
			"path": "/comments", "params": {"_fault": "delay", "_ms": "30"}, "columns": {"item_id": "bigint", "id": "bigint", "text": "text"}, "key": ["id"],
			"filters": {"item_id": {"= in": {"param": "item_ids", "join": ",", "most": 50}}}, "concurrency": 3,
			"parent": {"table": "all_item", "columns": {"item_id": "id"}}
		},
		"pair": {
			"path": "/projects/{project}/items", "columns": {"project": "text", "id": "bigint", "name": "text"},
			"filters": {"project": {"=": {"path": true, "exact": true}}, "id": {"=": {"param": "ids"}}},
			"parent": {"table": "all_item", "columns": {"project": "project", "id": "id"}}
		},
		"noted": {
			"path": "/paged/none", "columns": {"note": "text", "id": "bigint"}, "filters": {"note": {"=": {"param": "x", "given": true}}},
			"params": {"n": "1", "fields": "id"}, "parent": {"table": "all_item", "columns": {"note": "note"}}
		},
		"lost": {
			"path": "/paged/none", "columns": {"note": "text", "id": "bigint"}, "filters": {"note": {"=": "x"}},
			"params": {"n": "1"}, "parent": {"table": "all_item", "columns": {"note": "absent"}}
		},
		"generous": {
			"path": "/paged/none", "params": {"n": "20"}, "columns": {"id": "bigint", "name": "text"},
			"filters": {"id": {"= in": {"param": "x", "most": 3}}}, "parent": {"table": "twenty", "columns": {"id": "id"}}
		},
		"twenty": {"path": "/paged/none", "params": {"n": "20"}, "columns": {"id": "bigint"}},
		"of_project": {
			"path": "/projects/{project}/items", "columns": {"project": "text", "id": "bigint"}, "filters": {"project": {"=": {"path": true}}}
		},
		"below": {
			"path": "/items/{item_id}/comments", "columns": {"project": "text", "item_id": "bigint", "text": "text"},
			"filters": {"item_id": {"=": {"path": true}}, "project": {"=": {"param": "p", "given": true}}},
			"parent": {"table": "of_project", "columns": {"item_id": "id", "project": "project"}}
		}
	}
}');
SELECT connkit_register_connector(manifest) IS NULL AS ready FROM given \gset
CREATE SERVER family FOREIGN DATA WRAPPER connkit_family OPTIONS (url :'api', query_timeout '20');
CREATE SCHEMA f;
IMPORT FOREIGN SCHEMA api FROM SERVER family INTO f;
CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_stats (requests bigint, most bigint) SERVER api OPTIONS (path '/control/stats');
CREATE FOREIGN TABLE control_log (path text, query jsonb) SERVER api OPTIONS (path '/control/log');
-- The requests by path that a statement takes, digits as 0.
CREATE FUNCTION asked() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(path || ' ' || n, ', ' ORDER BY path) FROM (
		SELECT regexp_replace(path, '\d+', '0', 'g') AS path, count(*) AS n FROM control_log WHERE path !~ '^/control' GROUP BY 1) AS l
$$;
\set forget `curl -s --noproxy '*' -X DELETE :api/control`

SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || min(item_id) || ' ' || max(item_id) FROM f.batch), '1500 1500 1 999', 'all rows of a child');
SELECT is(asked(), '/comments 20, /paged/page 11', 'the parent by pages, the child by fifty');
SELECT ok(most IN (2, 3), 'concurrency 3') FROM control_stats;
\set forget `curl -s --noproxy '*' -X DELETE :api/control/log`
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) FROM f.item), '1000 1000', 'values in the path');
SELECT is(asked(), '/paged/none 1, /projects/P0/items 20', 'each once, however often the parent has it');
\set forget `curl -s --noproxy '*' -X DELETE :api/control/log`
SELECT is((SELECT count(*) FROM f.item WHERE project = 'P3'), 100::bigint, 'a given value');
SELECT is((SELECT count(*) FROM f.item WHERE project IN ('P3', 'P4')), 200::bigint, 'given values');
SELECT is(asked(), '/projects/P0/items 6', 'does without the parent');
SELECT is((SELECT count(*) FROM f.item WHERE state = 'open'), 334::bigint, 'another condition');
SELECT is((SELECT count(*) FROM control_log WHERE path LIKE '/projects%' AND query->>'state' = 'open'), 10::bigint, 'goes to the child');
SELECT is((SELECT count(*) FROM f.item WHERE project > 'P7'), 200::bigint, 'a condition that only can be met here');
SELECT is((SELECT count(*) FROM f.item WHERE project = NULL), 0::bigint, 'equal to NULL');

-- A parent's parent
ALTER FOREIGN TABLE f.comment OPTIONS (ADD query_timeout '20');
\set forget `curl -s --noproxy '*' -X DELETE :api/control/log`
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || count(item_id) FROM f.comment), '1500 1500 1500', 'comments of items of projects');
SELECT is(asked(), '/items/0/comments 1000, /paged/none 1, /projects/P0/items 20', 'by one request each');
\set forget `curl -s --noproxy '*' -X DELETE :api/control/log`
SELECT is((SELECT count(*) FROM (SELECT * FROM f.comment LIMIT 3) AS l), 3::bigint, 'LIMIT');
SELECT is(asked(), '/items/0/comments 3, /paged/none 1, /projects/P0/items 1', 'begins with one request, then two');
\set forget `curl -s --noproxy '*' -X DELETE :api/control/log`
SELECT is((SELECT string_agg(id::text, ' ' ORDER BY id) FROM (VALUES (3), (5)) AS v(i) JOIN f.comment ON item_id = i), '31 32 33 51', 'a join');
SELECT is(asked(), '/items/0/comments 2', 'gives the values');
CREATE TEMP TABLE local AS SELECT i AS n FROM generate_series(1, 40) AS i;
ANALYZE local;
\set forget `curl -s --noproxy '*' -X DELETE :api/control/log`
SELECT is((SELECT count(*) FROM local JOIN f.batch ON item_id = n), 60::bigint, 'a join with a table');
SELECT is(asked(), '/comments 1', 'gives a list');

-- What the parent has, and the child has not
SELECT is((SELECT count(*) || ' ' || min(project) FROM f.below WHERE project = 'P7' AND text LIKE 'comment 1 %'), '100 P7',
	'a condition that the parent wants');
SELECT throws_like('SELECT * FROM f.below', '%table "below" can only be asked for given values of "project"%', 'which must be given');
\set forget `curl -s --noproxy '*' -X DELETE :api/control/log`
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || sum(id) FROM f.pair WHERE project = 'P3' AND id < 500), '50 50 12400', 'values of two columns, of which one is given');
SELECT is((SELECT count(*) FROM control_log WHERE path = '/paged/page' AND query->>'project' IS DISTINCT FROM 'P3'), 0::bigint, 'which goes to the parent');
SELECT is((SELECT count(*) FROM control_log WHERE path LIKE '/projects%'), 100::bigint, 'and the others to the child');
SELECT is((SELECT array_agg(id) FROM f.generous), ARRAY(SELECT generate_series(1, 20)::bigint), 'a source that gives more than it is asked for');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT note) FROM f.noted), '200 200', 'what has no value has no children');
SELECT throws_like('SELECT * FROM f.lost', '%a record of table "all_item" lacks "absent"%', 'what is not there is an error');

-- What goes wrong
\set rule `curl -s --noproxy '*' -d '{"path": "/items/13/", "fault": "status", "status": 404}' :api/control`
SELECT is((SELECT count(*) FROM f.comment WHERE item_id IN (12, 13, 14)), 2::bigint, 'an item that is gone');
SELECT is((SELECT count(*) FROM f.comment), 1499::bigint, 'while all are read');
\set rule `curl -s --noproxy '*' -d '{"path": "/items/14/", "fault": "status", "status": 403}' :api/control`
SELECT throws_ok('SELECT count(*) FROM f.comment', '42501', NULL, 'another status is an error');
\set forget `curl -s --noproxy '*' -X DELETE :api/control`
\set rule `curl -s --noproxy '*' -d '{"path": "/paged/page", "query": {"page": "4"}, "fault": "status", "status": 500}' :api/control`
SELECT throws_ok('SELECT count(*) FROM f.batch', 'HV000', NULL, 'an error of the parent is one');
\set forget `curl -s --noproxy '*' -X DELETE :api/control`
SELECT is((SELECT count(*) FROM f.batch), 1500::bigint, 'after that all is well');

-- Synchronised
SELECT connkit_create_sync('family', 'api.batch', 'public.batch_copy', name => 'batch') IS NULL AS ready \gset
SELECT is((SELECT outcome || ' ' || inserted FROM connkit_sync('batch')), 'succeeded 1500', 'a sync of a child');
SELECT is((SELECT count(*) || ' ' || sum(id) FROM batch_copy), (SELECT count(*) || ' ' || sum(id) FROM f.batch), 'has its rows');

SELECT connkit_create_sync('family', 'api.batch', 'public.batch_more', 'incremental', 'merge', name => 'more', key_columns => '{id}',
	cursor_column => 'id') IS NULL AS ready \gset
SELECT is((SELECT outcome || ' ' || inserted FROM connkit_sync('more')), 'succeeded 1500', 'an incremental one');
DELETE FROM batch_more WHERE id > 5000;
SELECT is((SELECT outcome || ' ' || inserted FROM connkit_sync('more')), 'succeeded 1', 'reads on where it was');

-- What a manifest may say of a parent
CREATE FUNCTION fault(value jsonb, VARIADIC path text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM connkit_register_connector(jsonb_set(manifest, path, value)) FROM given;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN regexp_replace(sqlerrm, '^.*manifest[^:]*: ', '');
END $$;
SELECT alike(fault('"x"', 'tables', 'comment', 'parent', 'table'), '%tables.comment.parent: there is no table "x"%', 'a table that there is not');
SELECT alike(fault('{"item_id": "x"}', 'tables', 'comment', 'parent', 'columns'), '%table "item" has no column "x"%', 'a column that it has not');
SELECT alike(fault('{"x": "id"}', 'tables', 'comment', 'parent', 'columns'), '%tables.comment.parent.x: the table has no such column%', 'nor the child');
SELECT alike(fault('{"text": "id"}', 'tables', 'comment', 'parent', 'columns'), '%parent.text: there is no filter%', 'one without a filter');
SELECT alike(fault('{"table": "comment", "columns": {"project": "text"}}', 'tables', 'item', 'parent'), '%descendant%', 'a circle');
SELECT alike(fault('{"item_id": "id"}', 'tables', 'below', 'parent', 'columns'), '%given values of "project", which is none of the columns%',
	'a parent that cannot be asked');
SELECT alike(fault('"comment"', 'check'), '%check: the table can only%', 'a child is no table to check');
SELECT alike(fault('9', 'tables', 'comment', 'concurrency'), '%concurrency: a number from 1 to 8%', 'concurrency');
SELECT is(fault('8', 'tables', 'comment', 'concurrency'), 'none', 'as far as it goes');
SELECT is((SELECT count(*) FROM f.comment WHERE item_id < 100), (SELECT sum(i % 4) FROM generate_series(1, 99) AS i), 'used at once');

SELECT * FROM finish();
