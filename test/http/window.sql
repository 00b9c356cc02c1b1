-- Ranges of a cursor, read one after another: whole, without a gap and without a row twice; and syncs by them.

BEGIN;
SELECT plan(32);
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (number int, path text, query jsonb) SERVER api OPTIONS (path '/control/log');
CREATE FOREIGN TABLE marks (x text) SERVER api OPTIONS (path '/items/0', errors '{"404": "empty"}');
CREATE FUNCTION asked(member text) RETURNS text LANGUAGE sql AS $$SELECT string_agg(query->>member, ' ' ORDER BY number) FROM control_log
	WHERE path = '/paged/none' AND number > (SELECT coalesce(max(number), 0) FROM control_log WHERE path = '/items/0')$$;
CREATE FUNCTION requests() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM control_log
	WHERE path = '/paged/none' AND number > (SELECT coalesce(max(number), 0) FROM control_log WHERE path = '/items/0')$$;

-- record n is of minute n of 2026-01-01; one reply has 70 at most
CREATE FOREIGN TABLE item (id bigint, state text, project text, updated_at timestamptz NOT NULL) SERVER api OPTIONS (path '/paged/none', params '{"n": "600", "cap": "70"}',
	filters '{"updated_at": {">= >": "since", "< <=": "until"}, "state": {"=": "state"}, "project": {"in": {"param": "project", "most": 1, "exact": true}}}',
	cursor '{"column": "updated_at", "step": "1 hour"}');
SELECT is((SELECT count(*) || ' ' || sum(id) FROM item WHERE updated_at >= '2026-01-01' AND updated_at < '2026-01-01 10:00'), '599 179700', 'all ranges');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT count(*) || ' ' || sum(id) FROM item WHERE updated_at > '2026-01-01 00:10' AND updated_at < '2026-01-01 02:20:30'), '130 9815', 'from one place to another');
SELECT is(asked('since'), '2026-01-01T00:10:00Z 2026-01-01T01:10:00Z 2026-01-01T02:10:00Z', 'are asked for from there on');
SELECT is(asked('until'), '2026-01-01T01:10:00Z 2026-01-01T02:10:00Z 2026-01-01T02:20:30Z', 'up to there');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT count(*) FROM (SELECT id FROM item WHERE updated_at >= '2026-01-01' LIMIT 50) s), 50::bigint, 'LIMIT');
SELECT ok(requests() <= 4, 'ends them, but for those that were asked for ahead');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT count(*) FROM item WHERE updated_at >= '2026-01-01 09:00' AND updated_at < '2026-01-01 09:00'), 0::bigint, 'nothing');
SELECT is((SELECT count(*) FROM item WHERE updated_at >= '2026-01-01 09:00' AND updated_at < '2026-01-01 08:00'), 0::bigint, 'less than nothing');
SELECT is((SELECT count(*) || ' ' || sum(id) FROM item WHERE project IN ('P1', 'P2') AND updated_at >= '2026-01-01' AND updated_at < '2026-01-01 03:00'), '36 3114',
	'ranges of each value');
SELECT is((SELECT count(*) FROM item WHERE updated_at >= now() - interval '90 minutes'), 0::bigint, 'without an end');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT count(*) FROM item WHERE updated_at >= '2999-01-01'), 0::bigint, 'from a time to come');
SELECT is(requests() || ' ' || coalesce(asked('until'), 'none'), '1 none', 'the last range is open');
SELECT throws_like($$SELECT sum(length(state)) FROM item WHERE updated_at >= '2026-01-01' AND updated_at < '2026-01-02' AND 1 / (id - 300) < 7$$, '%division by zero%', 'an error in between');

-- an API that includes both ends, and knows days alone: each request gives a day
ALTER FOREIGN TABLE item OPTIONS (SET params '{"n": "3000"}', SET cursor '{"column": "updated_at", "step": "7 hours"}',
	SET filters '{"updated_at": {">= >": {"param": "since", "format": "date"}, "< <=": {"param": "until", "format": "date"}}}');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || sum(id) FROM item WHERE updated_at >= '2026-01-01 01:00' AND updated_at <= '2026-01-02 20:00'), '2581 2581 3484350',
	'rows that come with two ranges are taken once');
ALTER FOREIGN TABLE item OPTIONS (SET cursor '{"column": "updated_at", "step": "1 hour", "end": "now", "grid": "step", "points": 30}',
	SET params '{"n": "600", "step": "2m"}', SET filters '{"updated_at": {">= >": "since", "< <=": "until"}}');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT count(*) > 0 FROM item WHERE updated_at >= '2026-01-01 00:01:30' AND updated_at <= '2026-01-01 02:07'), true, 'rows of a grid');
SELECT is(asked('since') || ' | ' || asked('until'), '2026-01-01T00:02:00Z 2026-01-01T01:02:00Z 2026-01-01T02:02:00Z | '
	'2026-01-01T01:00:00Z 2026-01-01T02:00:00Z 2026-01-01T02:07:00Z', 'ranges begin and end at its lines, and share none');
ALTER FOREIGN TABLE item OPTIONS (SET params '{"step": "often"}');
SELECT throws_like($$SELECT * FROM item WHERE updated_at >= '2026-01-01'$$, '%"step" of table "item" is no distance of times%', 'a distance that is none');

-- a sync takes the cursor of the manifest
SELECT connkit_register_connector('{"manifest": 1, "name": "ranges", "version": "1", "options": {"url": {"required": true}}, "base_url": "{url}",
	"tables": {"item": {"path": "/paged/none", "params": {"n": "600", "cap": "70"}, "columns": {"id": {"type": "bigint", "not_null": true},
		"state": "text", "updated_at": {"type": "timestamptz", "not_null": true}}, "key": ["id"],
		"filters": {"updated_at": {">=": "since", "<": "until"}},
		"cursor": {"column": "updated_at", "start": "2026-01-01T00:00:00Z", "step": "1 hour", "lookback": "5 minutes"}}}}') AS registered \gset
CREATE SERVER ranges FOREIGN DATA WRAPPER connkit_ranges OPTIONS (url :'api');
CREATE USER MAPPING FOR CURRENT_USER SERVER ranges;
SELECT connkit_create_sync('ranges', 'api.item', 'item_copy', mode => 'incremental', write => 'append', name => 'copy',
	settings => '{"filter": "updated_at < ''2026-01-01 12:00Z''"}') AS sync \gset
SELECT is((SELECT concat_ws(' ', cursor_column, initial_value, lookback) FROM connkit.sync WHERE name = 'copy'),
	'updated_at 2026-01-01T00:00:00Z 5 minutes', 'it takes the table''s cursor');
SELECT connkit_create_sync('ranges', 'api.item', 'item_part', mode => 'incremental', name => 'part',
	settings => '{"initial_value": "2026-01-01 09:30Z", "lookback": "1 minute", "filter": "updated_at < ''2026-01-01 09:40Z''"}') AS sync \gset
SELECT is((SELECT concat_ws(' ', cursor_column, initial_value, lookback) FROM connkit.sync WHERE name = 'part'),
	'updated_at 2026-01-01 09:30Z 1 minute', 'but for what it is told');
SELECT is((SELECT outcome || ' ' || rows_read FROM connkit_sync('part')), 'succeeded 10', 'runs');
-- an error between two ranges: nothing is taken, and the next run has all
\set rule `curl -s --noproxy '*' -o /dev/null "$CK_API/control" -d '{"fault": "status", "status": "500", "path": "/paged/none", "skip": 4, "times": 1}'`
SELECT is((SELECT outcome || ' ' || coalesce("position", 'none') FROM connkit_sync('copy')), 'failed none', 'an error between ranges');
SELECT is((SELECT outcome || ' ' || rows_read FROM connkit_sync('copy')), 'succeeded 600', 'all of it');
SELECT is((SELECT count(*) FROM marks), 0::bigint, 'a mark');
SELECT is((SELECT outcome || ' ' || inserted FROM connkit_sync('copy')), 'succeeded 0', 'and once');
SELECT is((SELECT split_part(asked('since'), ' ', 1)), '2026-01-01T09:55:00Z', 'from the position, less the lookback');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) FROM item_copy), '600 600', 'each row once');

SELECT throws_like($$SELECT connkit_register_connector('{"manifest": 1, "name": "ranges", "version": "1", "base_url": "http://localhost", "tables": {"item":
	{"columns": {"at": "timestamptz"}, "cursor": {"column": "at"}}}}')$$, '%tables.item.cursor.column: the column is not said to be not_null%', 'a cursor has no NULL');
SELECT * FROM finish();
ROLLBACK;
