-- The manifest prometheus, against a Prometheus at :server, whose log of queries is in :folder.

BEGIN;
SELECT plan(32);
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT setting || '/extension/connkit/prometheus.json' AS manifest FROM pg_config WHERE name = 'SHAREDIR' \gset
SELECT is(connkit_register_connector(pg_read_file(:'manifest')::jsonb), 'connkit_prometheus', 'registered');
CREATE SERVER metrics FOREIGN DATA WRAPPER connkit_prometheus OPTIONS (url :'server');
CREATE USER MAPPING FOR CURRENT_USER SERVER metrics;
SELECT is((SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM connkit_discover('metrics')),
	'alert build instant range rule series target', 'discovered');
IMPORT FOREIGN SCHEMA api FROM SERVER metrics INTO public;
SELECT is((SELECT string_agg(stage || ' ' || outcome, ', ') FROM connkit_test('metrics')),
	'options ok, resolve ok, connect ok, tls warning, authenticate skipped, query ok, privileges ok', 'connkit_test');

SELECT is((SELECT string_agg(format('%s %s %s', labels->>'city', "time"::time, value), ', ' ORDER BY labels->>'city', "time")
	FROM range WHERE query = 'ck_degrees' AND step = '15' AND "time" >= '2026-01-01 00:00:00Z' AND "time" <= '2026-01-01 00:00:30Z'),
	'Brno 00:00:00 0, Brno 00:00:15 1, Brno 00:00:30 2, Praha 00:00:00 0, Praha 00:00:15 1, Praha 00:00:30 2', 'a range');
\set line `grep -h httpRequest :folder/queries | tail -n 1`
SELECT is(:'line'::jsonb #>> '{httpRequest,path}', '/api/v1/query_range', 'is asked for as one');
SELECT is(:'line'::jsonb -> 'params', '{"query": "ck_degrees", "start": "2026-01-01T00:00:00.000Z", "end": "2026-01-01T00:00:30.000Z",
	"step": 15}', 'with the conditions');
SELECT is((SELECT array_agg(value ORDER BY "time") FROM range WHERE query = 'ck_degrees{city="Brno"}'
	AND "time" > '2026-01-01 00:00Z' AND "time" < '2026-01-01 00:05Z'), '{4,8,12,16}', 'what is not less than or equal is checked here');
SELECT is((SELECT array_agg(value) FROM (SELECT value FROM range WHERE query = 'ck_degrees{city="Brno"}'
	AND "time" BETWEEN '2026-01-01 00:00Z' AND '2026-01-01 00:10Z' LIMIT 3) AS s), '{0,4,8}', 'LIMIT');
SELECT is((SELECT string_agg(query || ' ' || value, ', ' ORDER BY query) FROM range WHERE query IN ('1 + 1', '2 + 2')
	AND "time" BETWEEN '2026-01-01 00:00Z' AND '2026-01-01 00:00:30Z'), '1 + 1 2, 2 + 2 4', 'several queries');
SELECT is((SELECT string_agg(q || ' ' || value, ', ' ORDER BY q) FROM (VALUES ('3 + 3'), ('4 + 4')) AS v(q) JOIN range ON query = q
	WHERE "time" BETWEEN '2026-01-01 00:00Z' AND '2026-01-01 00:00:30Z'), '3 + 3 6, 4 + 4 8', 'queries of a join');
SELECT is((SELECT array_agg(value ORDER BY value) FROM instant WHERE query IN ('vector(1 / 0)', 'vector(-1 / 0)', 'vector(0 / 0)')),
	'{-Infinity,Infinity,NaN}', 'numbers that are none');
SELECT is((SELECT string_agg(format('%s %s %s %s', metric, labels->>'city', "time", value), ', ' ORDER BY labels->>'city') FROM instant
	WHERE query = 'ck_degrees' AND at = '2026-01-01 00:01Z'), 'ck_degrees Brno 2026-01-01 00:01:00+00 4, '
	'ck_degrees Praha 2026-01-01 00:01:00+00 4', 'one time');
SELECT throws_like($$SELECT * FROM range WHERE "time" > now()$$, '%can only be asked for given values of "query"%', 'no query');
SELECT is((SELECT count(*) || ' ' || max("time") FROM range WHERE query = 'ck_degrees{city="Brno"}' AND step = '10m' AND "time" > '2026-01-01'),
	'1 2026-01-01 00:10:00+00', 'no end');
SELECT throws_like($$SELECT * FROM range WHERE query = 'ck_degrees'$$, '%HTTP status 400%', 'no beginning');
\set before `grep -c query_range :folder/queries`
SELECT is((SELECT count(*) || ' ' || count(DISTINCT "time") || ' ' || sum(value) FROM range WHERE query = 'vector(1)' AND step = '1'
	AND "time" BETWEEN '2026-01-01' AND '2026-01-01 08:00'), '28801 28801 28801', 'more points than Prometheus gives at once');
\set after `grep -c query_range :folder/queries`
SELECT is(:after - :before, 3, 'in three requests');
SELECT is((SELECT string_agg(value || ' ' || "time"::time, ', ' ORDER BY "time") FROM range WHERE query = 'ck_degrees{city="Brno"}' AND step = '30'
	AND "time" > '2026-01-01 00:00:07Z' AND "time" < '2026-01-01 00:01:13Z'), '2 00:00:30, 4 00:01:00', 'at multiples of step');
SELECT throws_like($$SELECT * FROM instant WHERE query = 'ck_degrees{'$$, '%HTTP status 400%', 'a query that is none');
SELECT throws_like($$SELECT value FROM instant WHERE query = '1 + 1'$$, '%a record of table "instant" is no object%', 'a number alone');
SELECT is((SELECT count(*) FROM instant WHERE query = 'ck_nothing'), 0::bigint, 'a query without a result');
SELECT is((SELECT string_agg(labels->>'city', ' ' ORDER BY labels->>'city') FROM series WHERE match = 'ck_degrees'), 'Brno Praha', 'series');
SELECT is((SELECT job || ' ' || (url LIKE '%/metrics') FROM target WHERE pool = 'prometheus'), 'prometheus true', 'targets');
SELECT is((SELECT name || ' ' || type || ' ' || query FROM rule), 'Always alerting vector(1) > 0', 'rules');
SELECT is((SELECT name || ' ' || state || ' ' || (annotations->>'summary') FROM alert), 'Always firing always so', 'alerts');

-- a sync: what was read is not asked for again
CREATE TABLE degrees ("time" timestamptz, city text, value float8);
SELECT is(connkit_create_sync('metrics', 'api.range', 'degrees', mode => 'incremental', write => 'append', cursor_column => 'time',
	name => 'degrees', settings => '{"filter": "query = ''ck_degrees'' AND \"time\" <= ''2026-01-01 00:10Z''",
	"initial_value": "2026-01-01 00:00:00Z"}'), 'degrees', 'a sync');
SELECT is((SELECT outcome || ' ' || rows_read FROM connkit_sync('degrees')), 'succeeded 22', 'runs');
SELECT is((SELECT outcome || ' ' || inserted FROM connkit_sync('degrees')), 'succeeded 0', 'and what it has is not there twice');
SELECT connkit_create_sync('metrics', 'api.range', 'ups', mode => 'incremental', write => 'append', name => 'ups', settings => jsonb_build_object(
	'filter', $$query = 'vector(1)' AND step = '1'$$, 'initial_value', (clock_timestamp() - interval '20 seconds')::text)) AS sync \gset
SELECT is((SELECT outcome FROM connkit_sync('ups')), 'succeeded', 'a sync up to now, by the cursor of the manifest');
SELECT count(*) AS first FROM ups \gset
\set slept `sleep 2.2`
SELECT is((SELECT outcome || ' ' || (inserted > 0) FROM connkit_sync('ups')), 'succeeded true', 'goes on');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT "time") FROM ups), (SELECT extract(epoch FROM max("time") - min("time"))::int + 1 || ' ' || count(*) FROM ups),
	'without a gap, and nothing twice');
SELECT ok(count(*) > :first, 'as time goes on') FROM ups;
SELECT * FROM finish();
ROLLBACK;
