-- Times in replies of the double test/http/api.py at :api: each is what PostgreSQL itself makes of its text.

BEGIN;
SELECT plan(3);
SET client_min_messages = warning;
SET timezone = 'America/New_York';
\setenv API :api

CREATE TEMP TABLE sample AS
	SELECT row_number() OVER () AS n, day || divider || clock || fraction || zone AS t
	FROM unnest('{0001-01-01,0000-01-01,1582-10-15,1900-02-28,1900-02-29,2000-02-29,2023-02-29,2024-02-29,2026-12-31,2026-04-31,
			2026-00-10,2026-13-01,2026-11-00,9999-12-31,2026-1-01,02026-01-01}'::text[]) AS day,
		unnest('{T," "}'::text[]) AS divider, unnest('{00:00:00,23:59:59,24:00:00,12:60:00,12:00:60,03:07:1x}'::text[]) AS clock,
		unnest('{"",.5,.123456,.1234567,.9999996,.}'::text[]) AS fraction,
		unnest('{"",Z,z,+00:00,-05:30,+15:59,-16:00,+0200,+02,+02:60,Zx," "}'::text[]) AS zone
	WHERE ('x' || substr(md5(day || divider || clock || fraction || zone), 1, 4))::bit(16)::int % 16 = 0;
INSERT INTO sample SELECT (SELECT max(n) FROM sample) + row_number() OVER (), t
	FROM unnest('{infinity,-infinity,"",2026-01-01,20260101T000000Z,2026-01-01T00:00,true,"2026-01-01T10:00:00 BC",now}'::text[]) AS t;
SELECT json_agg(json_build_object('method', 'GET', 'path', '/moment/' || n, 'status', 200, 'response', json_build_object('t', t)))
	FROM sample \g |curl -s -o /dev/null --noproxy '*' --data-binary @- "$API/control/recording"

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE moment (n int, as_text text OPTIONS (column_name 't'), zoned timestamptz OPTIONS (column_name 't'),
	plain timestamp OPTIONS (column_name 't'), rounded timestamptz(0) OPTIONS (column_name 't'))
	SERVER api OPTIONS (path '/moment/{n}', filters '{"n": {"=": {"path": true}}}');

CREATE FUNCTION outcome(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE query INTO STRICT result;
	RETURN result;
EXCEPTION WHEN data_exception THEN
	RETURN 'an error';
END $$;

CREATE TEMP TABLE result AS SELECT n, t, type,
		outcome(format('SELECT %L::%s', t, type)) AS expected,
		outcome(format('SELECT %s FROM moment WHERE n = %s', col, n)) AS found
	FROM sample, (VALUES ('timestamptz', 'zoned'), ('timestamp', 'plain'), ('timestamptz(0)', 'rounded')) AS v(type, col);
SELECT cmp_ok(count(*), '>', 2000::bigint, 'texts') FROM result;
SELECT cmp_ok(count(*), '>', 200::bigint, 'of which many are times') FROM result WHERE expected <> 'an error';
SELECT is(string_agg(format('%s of %L: %s, not %s', type, t, found, expected), E'\n'), NULL, 'each is what PostgreSQL makes of it')
	FROM result WHERE expected <> found;
SELECT * FROM finish();
ROLLBACK;
