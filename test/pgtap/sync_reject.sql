-- sync_reject.sql: rows that are rejected: by the connector, by a type, by the target; what is kept of them; once more.
\ir source.psql
\set mysql_port `echo $CK_MYSQL_PORT`
\set file `echo $CK_FILES/rejects.db`
CREATE FUNCTION at_source(statement text) RETURNS void LANGUAGE sql AS
	$$SELECT dblink_exec('source', 'SET search_path = rejects; SET client_min_messages = error; SET lock_timeout = 5000; ' || statement)$$;
CREATE FUNCTION run(sync text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', outcome, rows_read, inserted, rejected, message) FROM connkit_sync(sync)
$$;
-- what is kept of a sync's rejected rows
CREATE FUNCTION kept(sync text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', r.sqlstate, r.column_name, r.source_row::text), E'\n' ORDER BY r.id)
	FROM connkit.rejected_row AS r JOIN connkit.sync AS s ON s.id = r.sync WHERE s.name = $1 AND r.replayed_at IS NULL
$$;
SELECT at_source('DROP SCHEMA IF EXISTS rejects CASCADE; CREATE SCHEMA rejects; GRANT USAGE ON SCHEMA rejects TO ck_reader') IS NULL AS ready \gset

-- values that the connector cannot bring to the column's type: SQLite
\! rm -f $CK_FILES/rejects.db
\! sqlite3 $CK_FILES/rejects.db "CREATE TABLE d (id INTEGER PRIMARY KEY, day DATE, at TIMESTAMP, n BIGINT, b BLOB, p VARCHAR(3)); INSERT INTO d VALUES (1, '2026-01-01', '2026-01-01 10:00:00', 1, x'00', 'one'), (2, '01/02/2026', '2026-01-01 10:00:00+02:00', 'many', 5, 'two'), (3, 'now', 1767225600, 2.5, x'ff', 'six'), (4, x'c3a4', NULL, 4, NULL, 'four'), (5, '2026-01-05', NULL, NULL, NULL, NULL)"
\! chmod 644 $CK_FILES/rejects.db
CREATE SERVER lite FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path :'file');
CREATE USER MAPPING FOR postgres SERVER lite;
SELECT connkit_create_sync('lite', 'd', 'd', name => 'd') IS NULL AS ready \gset
SELECT matches(run('d'), '^failed .* source "lite": column .* does not fit', 'a value that is none of the type fails a run');
SELECT connkit_alter_sync('d', '{"max_rejected": 3}') IS NULL AS ready \gset
SELECT is(run('d'), 'succeeded 5 2 3', 'that may reject none, and else is rejected with its row');
SELECT is((SELECT string_agg(id || ' ' || day, ', ' ORDER BY id) FROM d), '1 2026-01-01, 5 2026-01-05', 'the others come');
SELECT is(kept('d'), $$22000 b {"b": "5", "n": "many", "p": "two", "at": "2026-01-01 10:00:00+02:00", "id": "2", "day": "01/02/2026"}
22000 at {"b": "\\xff", "n": "2.5", "p": "six", "at": "1767225600", "id": "3", "day": "now"}
22000 day {"b": null, "n": "4", "p": "four", "at": null, "id": "4", "day": "ä"}$$, 'it is told as the source has it');
SELECT matches((SELECT reason FROM connkit.rejected_row ORDER BY id LIMIT 1), '^source "lite": column "b" holds an integer that does not fit the type bytea$', 'and why');
SELECT is(run('d'), 'succeeded 5 2 3', 'each time');
SELECT is(connkit_replay_rejected('d'), 0::bigint, 'such a row is none later');
SELECT connkit_alter_sync('d', '{"max_rejected": 2}') IS NULL AS ready \gset
SELECT is(run('d'), 'failed 4 0 0 sync "d" has rejected more than 2 rows', 'too many are too many');
SELECT connkit_create_sync('lite', 'd', 'days', name => 'days', settings => '{"max_rejected": 3, "columns": ["id", "day"]}') IS NULL AS ready \gset
SELECT is(run('days'), 'succeeded 5 2 3', 'days of which none is rejected for more than that');
SELECT is(connkit_replay_rejected('days'), 0::bigint, 'are rejected again');
SELECT is((SELECT count(*) FROM days), 2::bigint, 'neither 01/02/2026 nor now is taken for a day');
SELECT connkit_create_sync('lite', 'd', 'dm', 'merge', name => 'dm', key_columns => '{n}', settings => '{"max_rejected": 5, "columns": ["id", "n", "day"], "filter": "id < 5"}') IS NULL AS ready \gset
SELECT is(run('dm'), 'succeeded 4 1 3', 'also of a key');
SELECT is(connkit_replay_rejected('dm'), 0::bigint, 'by which the row is not found again');
SELECT is((SELECT count(*) FROM connkit.rejected_row AS r JOIN connkit.sync AS s ON s.id = r.sync WHERE s.name = 'dm' AND r.replayed_at IS NULL), 3::bigint, 'and stays rejected');

-- MariaDB
\! $(command -v mariadb || command -v mysql) --no-defaults --socket=$CK_MYSQL_SOCKET -u $CK_MYSQL_ADMIN source -e "SET sql_mode = ''; DROP TABLE IF EXISTS rejects; CREATE TABLE rejects (id INT PRIMARY KEY, day DATE, at DATETIME(3), t TIME); INSERT INTO rejects VALUES (1, '0000-00-00', '2026-01-01 10:00:00', '10:00'), (2, '2026-02-00', '2026-00-01 11:12:13.5', '10:00'), (3, '2026-01-03', '2026-01-03', '11:00'), (4, '2026-01-04', NULL, '100:00')"
SELECT connkit_create_source('maria', 'mysql', jsonb_build_object('host', 'localhost', 'port', :'mysql_port', 'dbname', 'source'),
	jsonb_build_object('user', 'ck_reader', 'password', :'password')) IS NULL AS ready \gset
CREATE TABLE zero (id int PRIMARY KEY, day date, at timestamp(3), t time);
SELECT connkit_create_sync('maria', 'rejects', 'zero', 'merge', name => 'zero') IS NULL AS ready \gset
SELECT is(run('zero'), 'failed 0 0 0 source "maria": column "day" holds 0000-00-00, which is no date', 'MariaDB: a date that is none fails a run');
SELECT connkit_alter_sync('zero', '{"max_rejected": 5}') IS NULL AS ready \gset
SELECT is(run('zero'), 'succeeded 4 1 3', 'or is rejected');
SELECT is(kept('zero'), $$22000 day {"t": "10:00:00", "at": "2026-01-01 10:00:00", "id": "1", "day": "0000-00-00"}
22000 at {"t": "10:00:00", "at": "2026-00-01 11:12:13.500000", "id": "2", "day": "2026-02-00"}
22008 t {"t": "100:00:00.000000", "at": null, "id": "4", "day": "2026-01-04"}$$, 'with its row');
\! $(command -v mariadb || command -v mysql) --no-defaults --socket=$CK_MYSQL_SOCKET -u $CK_MYSQL_ADMIN source -e "UPDATE rejects SET day = '2026-01-01' WHERE id = 1"
SELECT is(connkit_replay_rejected('zero'), 1::bigint, 'when it is mended at the source, it comes');
SELECT is((SELECT string_agg(id || ' ' || day, ', ' ORDER BY id) FROM zero), '1 2026-01-01, 3 2026-01-03', 'as it is there now');

-- rows are taken as they were, and only without a loss
SELECT at_source('CREATE TABLE loss (id int PRIMARY KEY, n numeric(8,3), v varchar(5)); INSERT INTO loss VALUES (1, 1.5, ''one''), (2, 2.125, ''two'')') IS NULL AS ready \gset
CREATE TABLE loss (id int PRIMARY KEY, n numeric(8,2), v varchar(5));
SELECT connkit_create_sync('source', 'rejects.loss', 'loss', write => 'append', name => 'loss', settings => '{"max_rejected": 5}') IS NULL AS ready \gset
SELECT is(run('loss'), 'succeeded 2 1 1', 'a value that would be rounded is rejected');
SELECT at_source('ALTER TABLE loss ALTER n TYPE numeric(8,2)') IS NULL AS ready \gset
SELECT is(connkit_replay_rejected('loss'), 0::bigint, 'also when the source''s type does it');
SELECT is((SELECT string_agg(n::text, ',') FROM loss), '1.50', 'and is not taken for another');

-- the rows beside rejected ones are whole, in tables whose pages are filled at once too
SELECT at_source('CREATE TABLE long (id int PRIMARY KEY, n text, v text); INSERT INTO long SELECT i, CASE i WHEN 7 THEN ''x'' ELSE i::text END,'
	' CASE WHEN i % 3 = 0 THEN repeat(i::text, 12000) ELSE repeat(md5(i::text), 40) END FROM generate_series(1, 300) AS i') IS NULL AS ready \gset
CREATE TABLE replaced (id int PRIMARY KEY, n int, v text);
CREATE VIEW wrong AS SELECT id FROM replaced WHERE v IS DISTINCT FROM CASE WHEN id % 3 = 0 THEN repeat(id::text, 12000) ELSE repeat(md5(id::text), 40) END;
SELECT connkit_create_sync('source', 'rejects.long', 'replaced', name => 'replaced', settings => '{"max_rejected": 1}') IS NULL AS ready \gset
SELECT is(run('replaced'), 'succeeded 300 299 1', 'a table is replaced without the row that does not fit');
SELECT is((SELECT count(*) FROM wrong), 0::bigint, 'and long values are as they were');

-- rows of other foreign tables that an expression reads are not the sync's
SELECT at_source('CREATE TABLE own (id int PRIMARY KEY, v text); INSERT INTO own VALUES (1, ''1''), (2, ''two''), (3, ''3'')') IS NULL AS ready \gset
SELECT at_source('CREATE TABLE other (id int, v text); INSERT INTO other VALUES (7, ''7''), (8, ''eight'')') IS NULL AS ready \gset
CREATE FOREIGN TABLE other (id int, v varchar(2)) SERVER source OPTIONS (schema_name 'rejects', table_name 'other');
CREATE TABLE own (id int PRIMARY KEY, v int, others bigint);
SELECT connkit_create_sync('source', 'rejects.own', 'own', 'merge', name => 'own',
	settings => '{"max_rejected": 5, "mapping": {"others": "(SELECT count(v) FROM (SELECT v FROM public.other OFFSET 0) AS o)"}}') IS NULL AS ready \gset
SELECT is(run('own'), 'succeeded 3 0 3', 'rows whose expression fails are rejected');
SELECT is(kept('own'), $$22001 {"v": "1", "id": "1"}
22001 {"v": "two", "id": "2"}
22001 {"v": "3", "id": "3"}$$, 'but no row of a table that it reads');
SELECT connkit_alter_sync('own', '{"filter": "id <= (SELECT count(v) + 2 FROM (SELECT v FROM public.other OFFSET 0) AS o)", "mapping": null}') IS NULL AS ready \gset
SELECT is(run('own'), 'failed 0 0 0 value too long for type character varying(2)', 'a filter that fails is no row''s');
SELECT is((SELECT count(*) FROM connkit.rejected_row WHERE source_row @> '{"v": "eight"}'), 0::bigint, 'and none is rejected for it');
ALTER FOREIGN TABLE other ALTER v TYPE text;
SELECT is(run('own'), 'succeeded 3 2 1', 'the sync''s own row is rejected');

-- as many are kept as the sync says
SELECT at_source('CREATE TABLE many (id int PRIMARY KEY, v text); INSERT INTO many SELECT i, ''x'' || i FROM generate_series(1, 8) AS i') IS NULL AS ready \gset
CREATE TABLE many (id int PRIMARY KEY, v int);
SELECT connkit_create_sync('source', 'rejects.many', 'many', 'incremental', cursor_column => 'id', name => 'many', settings => '{"max_rejected": 8, "keep_rejected": 5}') IS NULL AS ready \gset
SELECT is(run('many'), 'succeeded 8 0 8', 'more are rejected than are kept');
CREATE FUNCTION kept_ids() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg((r.source_row ->> 'id') || CASE WHEN r.replayed_at IS NULL THEN '' ELSE '*' END, ',' ORDER BY r.id) || ' ' ||
		(SELECT dropped_rejected FROM connkit.sync_state WHERE sync = s.id)
	FROM connkit.rejected_row AS r JOIN connkit.sync AS s ON s.id = r.sync WHERE s.name = 'many' GROUP BY s.id
$$;
SELECT is(kept_ids(), '4,5,6,7,8 3', 'the newest are, and the others counted');
ALTER TABLE many ALTER v TYPE text;
SELECT is(connkit_replay_rejected('many'), 5::bigint, 'those can be replayed');
DELETE FROM many;
ALTER TABLE many ALTER v TYPE int USING v::int;
SELECT at_source('INSERT INTO many SELECT i, ''x'' || i FROM generate_series(11, 13) AS i') IS NULL AS ready \gset
SELECT is(run('many'), 'succeeded 4 0 3', 'later ones');
SELECT is(kept_ids(), '7*,8*,11,12,13 3', 'take the place of rows that were replayed');
SELECT connkit_alter_sync('many', '{"max_rejected": 2, "keep_rejected": 2}') IS NULL AS ready \gset
SELECT at_source('INSERT INTO many SELECT i, ''x'' || i FROM generate_series(21, 29) AS i') IS NULL AS ready \gset
SELECT is(run('many'), 'failed 4 0 0 sync "many" has rejected more than 2 rows', 'a run that fails');
SELECT is(kept_ids(), '22,23 7', 'leaves as many too');

-- a row at the position that fits later comes once: by the run that reads it again, or by a replay
CREATE FUNCTION divisor() RETURNS int LANGUAGE sql AS 'SELECT 0';
CREATE FUNCTION waiting(sync text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', count(*) FILTER (WHERE replayed_at IS NULL AND NOT comes_again), count(*) FILTER (WHERE replayed_at IS NULL AND comes_again))
	FROM connkit.rejected_row AS r JOIN connkit.sync AS s ON s.id = r.sync WHERE s.name = $1
$$;
SELECT at_source('CREATE TABLE keyed (id int PRIMARY KEY, c int, v int); INSERT INTO keyed VALUES (1, 1, 1), (2, 1, -1), (3, 2, 1), (4, 2, -1), (5, 3, -1)') IS NULL AS ready \gset
SELECT at_source('CREATE TABLE keyless AS SELECT c, v FROM keyed; INSERT INTO keyless VALUES (3, -1)') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'rejects.' || t, t, 'incremental', cursor_column => 'c', name => t,
	settings => '{"max_rejected": 9, "mapping": {"d": "CASE WHEN v < 0 THEN 1 / public.divisor() ELSE v END"}}') IS NULL AS ready FROM unnest('{keyed,keyless}'::text[]) AS t \g /dev/null
SELECT is(run('keyed'), 'succeeded 5 2 3', 'rows that an expression rejects');
SELECT is(run('keyless'), 'succeeded 6 2 4', 'also without a key');
SELECT is((SELECT position FROM connkit.sync_state JOIN connkit.sync ON id = sync WHERE name = 'keyed'), '3', 'the position goes on');
SELECT is(waiting('keyed'), '2 1', 'those before it can be replayed, that at it comes again');
SELECT is(waiting('keyless'), '2 2', 'as can those without a key');
SELECT is(run('keyed'), 'succeeded 1 0 1', 'it is rejected again');
SELECT is(waiting('keyed'), '2 1', 'and told once');
CREATE OR REPLACE FUNCTION divisor() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT is(connkit_replay_rejected('keyed'), 2::bigint, 'they fit: the replay brings what does not come again');
SELECT is(connkit_replay_rejected('keyless'), 2::bigint, 'without a key too');
SELECT is(run('keyed'), 'succeeded 1 1 0', 'the next run brings the other');
SELECT is(run('keyless'), 'succeeded 2 2 0', 'and both of two');
SELECT is(waiting('keyed') || ', ' || waiting('keyless'), '0 0, 0 0', 'none waits');
SELECT is(connkit_replay_rejected('keyed') + connkit_replay_rejected('keyless'), 0::bigint, 'none is replayed again');
SELECT is(run('keyed') || ', ' || run('keyless'), 'succeeded 1 0 0, succeeded 2 0 0', 'or read again');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM keyed) || ' ' || (SELECT string_agg(c::text, ',' ORDER BY c) FROM keyless),
	'1,2,3,4,5 1,1,2,2,3,3', 'each is there once');

-- what a run that failed has rejected is read again
SELECT at_source('CREATE TABLE fails (id int PRIMARY KEY, c int, v text); INSERT INTO fails VALUES (1, 1, ''x''), (2, 2, ''y''), (3, 3, ''3'')') IS NULL AS ready \gset
CREATE TABLE fails (id int PRIMARY KEY, c int, v int);
SELECT connkit_create_sync('source', 'rejects.fails', 'fails', 'incremental', cursor_column => 'c', name => 'fails', settings => '{"max_rejected": 1}') IS NULL AS ready \gset
SELECT is(run('fails'), 'failed 2 0 0 sync "fails" has rejected more than 1 rows', 'a run that rejects too many');
ALTER TABLE fails ALTER v TYPE text;
SELECT is(connkit_replay_rejected('fails'), 0::bigint, 'leaves its rows to the next one');
SELECT is(run('fails'), 'succeeded 3 3 0', 'which brings them');
SELECT is(connkit_replay_rejected('fails'), 0::bigint, 'so that nothing is to be replayed');
SELECT is((SELECT count(*) FROM fails), 3::bigint, 'each is there once');

-- a row whose cursor is no value is not read again, and one that has none is by every run
\! sqlite3 $CK_FILES/rejects.db "CREATE TABLE c (id INTEGER PRIMARY KEY, day DATE); INSERT INTO c VALUES (1, '2026-01-01'), (2, 'soon'), (3, NULL)"
SELECT connkit_create_sync('lite', 'c', 'c', 'incremental', cursor_column => 'day', name => 'c', settings => '{"max_rejected": 5}') IS NULL AS ready \gset
SELECT is(run('c'), 'succeeded 3 1 2', 'cursors that are none');
SELECT is(waiting('c'), '1 1', 'one does not come again, one does');
SELECT connkit_replay_rejected('c') IS NULL AS ready \gset
\! sqlite3 $CK_FILES/rejects.db "UPDATE c SET day = '2026-01-01' WHERE id = 3"
SELECT matches(run('c'), '^succeeded . 1 ', 'that comes when it has a value');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM c), '1,3', 'once');
SELECT is((SELECT string_agg(source_row ->> 'day', ',') FROM connkit.rejected_row AS r JOIN connkit.sync AS s ON s.id = r.sync WHERE s.name = 'c' AND replayed_at IS NULL),
	'soon', 'and the other one stays rejected');

-- a lookback that changes: no row comes twice, and none that waits is taken for one that came
SELECT at_source('CREATE TABLE back (id int PRIMARY KEY, at int, n text); INSERT INTO back SELECT i, i, i FROM generate_series(1, 10) AS i') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'rejects.back', 'back', 'incremental', 'append', cursor_column => 'at', name => 'back',
	settings => '{"max_rejected": 5, "mapping": {"n": "n::int"}}') IS NULL AS ready \gset
SELECT is(run('back'), 'succeeded 10 10 0', 'without a lookback');
SELECT connkit_alter_sync('back', '{"lookback": 5}') IS NULL AS ready \gset
SELECT is(run('back'), 'succeeded 1 0 0', 'a longer one reaches no rows that are not known');
SELECT at_source('INSERT INTO back VALUES (12, 12, 12), (14, 14, ''none'')') IS NULL AS ready \gset
SELECT is(run('back'), 'succeeded 3 1 1', 'new rows');
SELECT at_source('INSERT INTO back VALUES (11, 11, 11), (16, 16, 16)') IS NULL AS ready \gset
SELECT is(run('back'), 'succeeded 5 2 1', 'and late ones, as it grows');
SELECT is(waiting('back'), '0 1', 'a row that is rejected comes again');
SELECT connkit_alter_sync('back', '{"lookback": null}') IS NULL AS ready \gset
SELECT at_source('UPDATE back SET n = 14 WHERE id = 14; INSERT INTO back VALUES (18, 18, 18)') IS NULL AS ready \gset
SELECT is(run('back'), 'succeeded 5 2 0', 'without a lookback too');
SELECT is(waiting('back'), '0 0', 'and then waits no more');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM back), '1,2,3,4,5,6,7,8,9,10,11,12,14,16,18', 'each is there once');

-- conditions on columns some of whose values fit no type: what fits is judged as anywhere, what does not fit elsewhere is rejected
\! sqlite3 $CK_FILES/rejects.db "CREATE TABLE j (id INTEGER PRIMARY KEY, n BIGINT, f DOUBLE, m DECIMAL(20,4), v TEXT, day DATE, at TIMESTAMP, z TIMESTAMPTZ); INSERT INTO j VALUES (1, 7, 0.1, 0.1, 'abc', '2024-02-29', '2024-02-29 12:00:00', '2024-02-29 23:30:00-01:00'), (2, -1, -1e300, 999999999999.125, 'ABC', '2024-03-01', '2024-02-29T12:00:00.5', '2024-03-01 00:30:00Z'), (3, 9007199254740993, 1e22, -0.1, 'abc ', '0044-02-29', '2024-02-29', '2024-03-01T00:00:00+14:00'), (4, 0, 0, 0, '', '2024-02-28', '2024-03-01 00:00:00', '2024-02-29'), (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (6, 7, 0.5, 0.1, '10', '2024-02-29', '2024-02-29 12:00', '2024-02-29 00:00:00Z')"
\! sqlite3 $CK_FILES/rejects.db "INSERT INTO j (id, n) VALUES (10, 'many'); INSERT INTO j (id, n) VALUES (11, 7.5); INSERT INTO j (id, f) VALUES (20, 'x'); INSERT INTO j (id, f) VALUES (21, x'00'); INSERT INTO j (id, m) VALUES (30, 'none'); INSERT INTO j (id, m) VALUES (31, x'31'); INSERT INTO j (id, v) VALUES (40, x'616263'); INSERT INTO j (id, day) VALUES (50, 'now'); INSERT INTO j (id, day) VALUES (51, 20240229); INSERT INTO j (id, at) VALUES (60, '29.2.2024'); INSERT INTO j (id, at) VALUES (61, 1.5); INSERT INTO j (id, z) VALUES (70, 'noon'); INSERT INTO j (id, z) VALUES (71, x'ff'); UPDATE j SET n = coalesce(n, 7), f = coalesce(f, 0.1), m = coalesce(m, 0.1), v = coalesce(v, 'abc'), day = coalesce(day, '2024-02-29'), at = coalesce(at, '2024-02-29 12:00:00'), z = coalesce(z, '2024-03-01 00:30:00Z') WHERE id >= 10"
CREATE TABLE judge (id bigint, misfit text, n bigint, f float8, m numeric, v text, day date, at timestamp, z timestamptz);
INSERT INTO judge VALUES (1, NULL, 7, 0.1, 0.1, 'abc', '2024-02-29', '2024-02-29 12:00:00', '2024-02-29 23:30:00-01:00'),
	(2, NULL, -1, -1e300, 999999999999.125, 'ABC', '2024-03-01', '2024-02-29T12:00:00.5', '2024-03-01 00:30:00Z'),
	(3, NULL, 9007199254740993, 1e22, -0.1, 'abc ', '0044-02-29', '2024-02-29', '2024-03-01T00:00:00+14:00'),
	(4, NULL, 0, 0, 0, '', '2024-02-28', '2024-03-01', '2024-02-29 00:00:00Z'), (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (6, NULL, 7, 0.5, 0.1, '10', '2024-02-29', '2024-02-29 12:00', '2024-02-29 00:00:00Z');
INSERT INTO judge SELECT i, substr('nfmvdaz', i / 10, 1), 7, 0.1, 0.1, 'abc', '2024-02-29', '2024-02-29 12:00', '2024-03-01 00:30:00Z'
	FROM unnest('{10,11,20,21,30,31,40,50,51,60,61,70,71}'::int[]) AS i;
SELECT connkit_create_sync('lite', 'j', 'j', name => 'j', settings => '{"max_rejected": 20}') IS NULL AS ready \gset
-- runs the sync with a condition; what differs from the judge's rows
CREATE FUNCTION judged(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	this record;
	rows text;
BEGIN
	PERFORM connkit_alter_sync('j', jsonb_build_object('filter', condition));
	SELECT * INTO this FROM connkit_sync('j');
	EXECUTE format('SELECT concat_ws(E''\n'', (SELECT string_agg(''lacks '' || id, '' '') FROM (SELECT id FROM judge WHERE misfit IS NULL AND (%1$s) EXCEPT SELECT id FROM j) AS l),
		(SELECT string_agg(''has '' || id, '' '') FROM (SELECT id FROM j EXCEPT SELECT id FROM judge WHERE misfit IS NULL AND (%1$s)) AS l),
		(SELECT string_agg(''lost '' || id, '' '') FROM (SELECT id FROM judge WHERE misfit <> %3$L AND (%1$s)
			EXCEPT SELECT (source_row ->> ''id'')::int FROM connkit.rejected_row WHERE run = %2$L) AS l))', condition, this.run, left(condition, 1)) INTO rows;
	RETURN condition || ': ' || nullif(concat_ws(' ', nullif(this.outcome, 'succeeded'), this.message, nullif(rows, '')), '');
END $$;
SET timezone = 'UTC';
SELECT is((SELECT string_agg(judged(format(shape, c.name, operator)), E'\n')
	FROM (VALUES ('n', '{7,-1,9007199254740993,0}'), ('f', '{0.1,1e22,0}'), ('m', '{0.1,0.10000000000000001,999999999999.125,-0.1}'),
		('v', '{''abc'',''10'',''''}'), ('day', '{''2024-02-29'',''0044-02-29''}'), ('at', '{''2024-02-29'',''2024-02-29 12:00:00.5''}'),
		('z', '{''2024-03-01 00:30Z'',''2024-02-29 10:00Z''}')) AS c (name, list), unnest(list::text[]) AS value,
		unnest('{=,<,<=,>,>=,<>}'::text[]) AS operator, LATERAL (SELECT '%1$s %2$s ' || value AS shape) AS s),
	NULL, 'conditions lose nothing beside values that fit no type');

SELECT * FROM finish();
