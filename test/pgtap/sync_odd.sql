-- sync_odd.sql: odd settings, targets and data: source and target are the same.
\ir source.psql
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

SELECT at_source('CREATE TABLE z (id int PRIMARY KEY, at timestamp, tz timestamptz); INSERT INTO z VALUES (1, ''2026-01-01 23:30'', ''2026-01-01 23:30+00'')') IS NULL AS ready \gset
CREATE TABLE z (id int PRIMARY KEY, at timestamptz, tz timestamptz, day date);
SELECT connkit_create_sync('source', 'odd.z', 'z', 'merge', name => 'z', settings => '{"mapping": {"day": "tz::date"}}') IS NULL AS ready \gset
SELECT is(run('z'), 'succeeded 1 1 0', 'times without a zone');
SET TimeZone = 'Asia/Tokyo';
SELECT is((SELECT concat_ws(' ', outcome, updated) FROM connkit_sync('z')), 'succeeded 0', 'are the same in every session''s zone');
SET TimeZone = 'UTC';
SELECT is((SELECT concat_ws(' ', at, day) FROM z), '2026-01-01 23:30:00+00 2026-01-01', 'those of UTC');

-- without a key: rows at the position are known, though an expression has another value each time
SELECT at_source('CREATE TABLE n (c int, v text); INSERT INTO n VALUES (1, ''a''), (1, ''b'')') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'odd.n', 'n', 'incremental', cursor_column => 'c', name => 'n',
	settings => '{"mapping": {"loaded_at": "clock_timestamp()", "mixed": "v || random()", "u": "upper(v)"}}') IS NULL AS ready \gset
SELECT is(run('n'), 'succeeded 2 2 0', 'rows have a time of loading');
SELECT is(run('n'), 'succeeded 2 0 0', 'which does not make them new');
SELECT at_source('INSERT INTO n VALUES (1, ''c'')') IS NULL AS ready \gset
SELECT is(run('n'), 'succeeded 3 1 0', 'a new one is');
SELECT is((SELECT string_agg(u, ',' ORDER BY u) FROM n), 'A,B,C', 'each is there once');
SELECT connkit_alter_sync('n', '{"mapping": {"loaded_at": "clock_timestamp()", "mixed": "v || random()", "u": "lower(v)"}}') IS NULL AS ready \gset
SELECT matches(run('n'), '^failed .* cannot be told from new ones', 'with another expression they are not known');

-- rejected rows that are equal
SELECT at_source('CREATE TABLE r (c int, v text); INSERT INTO r VALUES (1, ''x''), (1, ''x''), (1, ''5''), (2, ''x''), (2, ''x'')') IS NULL AS ready \gset
CREATE TABLE r (c int, v int);
SELECT connkit_create_sync('source', 'odd.r', 'r', 'incremental', cursor_column => 'c', name => 'r', settings => '{"max_rejected": 10}') IS NULL AS ready \gset
SELECT is(run('r'), 'succeeded 5 1 4', 'rejected rows');
SELECT is((SELECT count(*) FROM connkit.rejected_row), 4::bigint, 'are as many as there are');
SELECT is(run('r'), 'succeeded 2 0 0', 'those at the position do not come again');
ALTER TABLE r ALTER v TYPE text;
SELECT is(connkit_replay_rejected('r'), 4::bigint, 'all are tried once more');
SELECT is((SELECT string_agg(c || v, ',' ORDER BY c, v) FROM r), '15,1x,1x,2x,2x', 'and are there');
SELECT is(run('r'), 'succeeded 2 0 0', 'once');
SELECT connkit_create_sync('source', 'odd.r', 'f', name => 'f', settings => '{"max_rejected": 10, "mapping": {"v": "v::int"}}') IS NULL AS ready \gset
SELECT is(run('f'), 'succeeded 5 1 4', 'a full refresh rejects them');
SELECT is(run('f'), 'succeeded 5 1 4', 'each time');
SELECT is((SELECT count(*) FROM connkit.rejected_row WHERE replayed_at IS NULL), 4::bigint, 'and tells them once');

-- keys that differ at the source and not in the target
SELECT at_source('CREATE TABLE k (k text PRIMARY KEY, n int); INSERT INTO k VALUES (''a'', 1), (''A'', 2)') IS NULL AS ready \gset
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE k_index (k text COLLATE ci PRIMARY KEY, n int);
CREATE TABLE k_none (k text COLLATE ci, n int);
CREATE TABLE k_exact (k text PRIMARY KEY, n int);
SELECT connkit_create_sync('source', 'odd.k', t, 'merge', name => t) IS NULL AS ready FROM unnest('{k_index,k_none,k_exact}'::text[]) AS t \g /dev/null
SELECT matches(run('k_index'), '^failed 2 0 0 rows with different keys', 'two keys are one in the target');
SELECT matches(run('k_none'), '^failed 2 0 0 rows with different keys', 'also without an index');
SELECT is(run('k_exact'), 'succeeded 2 2 0', 'and two where they are two');

-- also where thousands of rows are between them
SELECT at_source('CREATE TABLE far (k text PRIMARY KEY, n int, c int); INSERT INTO far SELECT ''a'' || i, i, i FROM generate_series(1, 5000) AS i;
	INSERT INTO far VALUES (''A3'', 0, 5001)') IS NULL AS ready \gset
CREATE TABLE far_index (k text COLLATE ci PRIMARY KEY, n int, c int);
CREATE TABLE far_none (k text COLLATE ci, n int, c int);
CREATE TABLE far_feed (k text COLLATE ci PRIMARY KEY, n int, c int);
SELECT connkit_create_sync('source', 'odd.far', t, 'merge', name => t) IS NULL AS ready FROM unnest('{far_index,far_none}'::text[]) AS t \g /dev/null
SELECT connkit_create_sync('source', 'odd.far', 'far_feed', 'incremental', 'merge', cursor_column => 'c', name => 'far_feed', key_columns => '{k}') IS NULL AS ready \gset
SELECT matches(run('far_index'), '^failed 5001 0 0 rows with different keys', 'two keys that are one, far from each other');
SELECT matches(run('far_none'), '^failed 5001 0 0 rows with different keys', 'also without an index');
SELECT matches(run('far_feed'), '^failed 5001 0 0 rows with different keys', 'and by a cursor');
SELECT at_source('DELETE FROM far WHERE n = 0') IS NULL AS ready \gset
SELECT is(run('far_index'), 'succeeded 5000 5000 0', 'with one of them');
SELECT at_source('UPDATE far SET k = upper(k)') IS NULL AS ready \gset
SELECT is((SELECT concat_ws(' ', outcome, inserted, updated) FROM connkit_sync('far_index')), 'succeeded 0 5000', 'a key may be written otherwise');

-- a feed of changes: rows of one key, and its last one counts, however many are between them
SELECT at_source('CREATE TABLE feed (c int, k text, v int); INSERT INTO feed SELECT i, ''k'' || i % 3000, i FROM generate_series(1, 6000) AS i') IS NULL AS ready \gset
CREATE TABLE feed (c int, k text COLLATE ci PRIMARY KEY, v int);
SELECT connkit_create_sync('source', 'odd.feed', 'feed', 'incremental', 'merge', cursor_column => 'c', key_columns => '{k}', name => 'feed') IS NULL AS ready \gset
SELECT is(run('feed'), 'succeeded 6000 3000 0', 'rows of one key are many');
SELECT is((SELECT min(v) FROM feed), 3001, 'and the last one counts');

-- a key's type that cannot tell the source's keys apart
SELECT at_source('CREATE TABLE kt (at timestamp PRIMARY KEY); INSERT INTO kt VALUES (''2026-01-01 10:00''), (''2026-01-02 10:00'')') IS NULL AS ready \gset
CREATE TABLE kt (at time PRIMARY KEY);
SELECT connkit_create_sync('source', 'odd.kt', 'kt', 'merge', name => 'kt') IS NULL AS ready \gset
SELECT matches(run('kt'), '^failed 0 0 0 column "at" .* cannot tell the source''s keys of type timestamp without time zone apart', 'a time of day is no key for times');

-- but one that writes them otherwise can
SELECT at_source('CREATE TYPE colour AS ENUM (''red'', ''blue''); CREATE TABLE kw (n int, c colour, d date, u uuid, PRIMARY KEY (n, c, d, u));
	INSERT INTO kw VALUES (1, ''red'', ''2026-01-01'', md5(''1'')::uuid), (2, ''blue'', ''2026-01-02'', md5(''2'')::uuid)') IS NULL AS ready \gset
CREATE SCHEMA odd;
CREATE TYPE odd.colour AS ENUM ('red', 'blue');
CREATE TABLE kw (n text, c text, d timestamp, u text, PRIMARY KEY (n, c, d, u));
SELECT connkit_create_sync('source', 'odd.kw', 'kw', 'merge', name => 'kw') IS NULL AS ready \gset
SELECT is(run('kw'), 'succeeded 2 2 0', 'keys as text');
SELECT is(run('kw'), 'succeeded 2 0 0', 'are the same again');

SELECT * FROM finish();
