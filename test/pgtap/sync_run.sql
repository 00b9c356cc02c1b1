-- sync_run.sql: runs in the foreground: what is read, what is put where, what is told, whose rights they have.
-- Every run is a transaction of its own, since within one the source has one snapshot.
\ir source.psql
CREATE FUNCTION at_source(statement text) RETURNS void LANGUAGE sql AS
	$$SELECT dblink_exec('source', 'SET search_path = run; SET client_min_messages = error; SET lock_timeout = 5000; ' || statement)$$;
CREATE FUNCTION run(sync text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', outcome, rows_read, inserted, rejected, message) FROM connkit_sync(sync)
$$;
SELECT at_source('DROP SCHEMA IF EXISTS run CASCADE; CREATE SCHEMA run') IS NULL AS ready \gset
SELECT dblink_exec('source', 'GRANT USAGE ON SCHEMA run TO ck_reader') IS NULL AS ready \gset

-- full refresh
SELECT at_source('CREATE TABLE f (id int PRIMARY KEY, name varchar(20) NOT NULL, amount numeric(8,2));
	COMMENT ON TABLE f IS ''all of it''; COMMENT ON COLUMN f.name IS ''its name''; CREATE INDEX ON f (name, id); CREATE INDEX ON f (lower(name));
	INSERT INTO f SELECT i, ''n'' || i, i / 4.0 FROM generate_series(1, 50) AS i') IS NULL AS ready \gset
SELECT is(connkit_create_sync('source', 'run.f', 'public.f', name => 'f', settings => '{"create_indexes": true}'), 'f', 'a sync is made');
SELECT is(run('f'), 'succeeded 50 50 0', 'the first run makes the target');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN '!' ELSE '' END, ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = 'f'::regclass AND attnum > 0), 'id integer!, name character varying(20)!, amount numeric(8,2)', 'columns');
SELECT is((SELECT string_agg(pg_get_indexdef(indexrelid), '; ' ORDER BY indexrelid) FROM pg_index WHERE indrelid = 'f'::regclass),
	'CREATE UNIQUE INDEX f_pkey ON public.f USING btree (id); CREATE INDEX f_name_id_idx ON public.f USING btree (name, id)', 'key and index');
SELECT is(obj_description('f'::regclass), 'all of it', 'comment');
SELECT is(col_description('f'::regclass, 2), 'its name', 'comment of a column');
CREATE VIEW over_f AS SELECT count(*), sum(amount) FROM f;
CREATE ROLE ck_looker;
GRANT SELECT ON f TO ck_looker;
SELECT at_source('DELETE FROM f WHERE id <= 10; UPDATE f SET amount = 0 WHERE id = 11') IS NULL AS ready \gset
SELECT is(run('f'), 'succeeded 40 40 0', 'the second run replaces its rows');
SELECT is((SELECT f::text FROM over_f AS f), '(40,302.25)', 'views survive');
SELECT ok(has_table_privilege('ck_looker', 'f', 'SELECT'), 'grants survive');
SELECT is((SELECT count(*) FROM f WHERE id = 20), 1::bigint, 'and the key serves');
BEGIN;
DELETE FROM f;
SELECT is(run('f'), 'succeeded 40 40 0', 'in a transaction');
ROLLBACK;
SELECT is((SELECT count(*) FROM f), 40::bigint, 'that is rolled back');

-- incremental append: rows of equal cursor values
SELECT at_source('CREATE TABLE a (id int PRIMARY KEY, at timestamp NOT NULL); INSERT INTO a VALUES (2, ''2026-01-01''), (3, ''2026-01-02'')') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'run.a', 'public.a', 'incremental', name => 'a', cursor_column => 'at') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 2 2 0', 'append: the first run reads all');
SELECT is((SELECT position FROM connkit.sync_state JOIN connkit.sync ON id = sync WHERE name = 'a'), '2026-01-02 00:00:00', 'the position');
SELECT is(run('a'), 'succeeded 1 0 0', 'the next one what is at the position, and has it');
SELECT at_source('INSERT INTO a VALUES (1, ''2026-01-02''), (4, ''2026-01-02'')') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 3 2 0', 'later rows at the position are new, also where their key is less');
SELECT is(run('a'), 'succeeded 3 0 0', 'once');
SELECT at_source('INSERT INTO a VALUES (5, ''2026-01-03''), (6, ''2026-01-01 12:00'')') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 4 1 0', 'a row behind the position is not read without a lookback');
SELECT at_source('INSERT INTO a VALUES (10, ''2026-01-03'')') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 2 1 0', 'one more');
SELECT at_source('DELETE FROM a WHERE id = 10') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 1 0 0', 'it is gone');
SELECT at_source('INSERT INTO a VALUES (10, ''2026-01-03'')') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 2 0 0', 'and when it is there again, it is known');
SELECT at_source('DELETE FROM a WHERE id = 10') IS NULL AS ready \gset
DELETE FROM a WHERE id = 10;
BEGIN;
SELECT at_source('INSERT INTO a VALUES (7, ''2026-01-04'')') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 2 1 0', 'a run in a transaction');
SELECT is(run('a'), 'succeeded 1 0 0', 'knows what the one before it has done');
ROLLBACK;
SELECT is(run('a'), 'succeeded 2 1 0', 'and both are undone with it');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM a), '1,2,3,4,5,7', 'no gap and no double');
SELECT connkit_alter_sync('a', '{"lookback": "5 days"}') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 1 0 0', 'a lookback reaches no rows that are not known');
TRUNCATE a;
SELECT connkit_reset_sync('a') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 7 7 0', 'or all are read anew');
SELECT at_source('INSERT INTO a VALUES (8, ''2026-01-01''), (9, ''2025-01-01'')') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 8 1 0', 'late rows within the lookback come');
SELECT is(run('a'), 'succeeded 8 0 0', 'once');
SELECT at_source('UPDATE a SET at = ''2026-01-02 12:00'' WHERE id = 8') IS NULL AS ready \gset
SELECT is(run('a'), 'succeeded 8 1 0', 'a row whose cursor has changed is another one');

-- half open, with a lookback
SELECT at_source('CREATE TABLE half (id int PRIMARY KEY, at int); INSERT INTO half SELECT i, i FROM generate_series(1, 20) AS i') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'run.half', 'half', 'incremental', 'append', cursor_column => 'at', name => 'half',
	settings => '{"lookback": 10, "half_open": true}') IS NULL AS ready \gset
SELECT is(run('half'), 'succeeded 19 19 0', 'half open: all but the last');
SELECT is(run('half'), 'succeeded 10 0 0', 'a lookback reads rows again that are known');
SELECT at_source('INSERT INTO half VALUES (21, 15), (22, 22)') IS NULL AS ready \gset
SELECT is(run('half'), 'succeeded 12 2 0', 'and late ones');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) FROM half), '21 21', 'each once');
SELECT connkit_drop_sync('half') IS NULL AS ready \gset

-- from merging to appending: nothing is known of the rows at the position
SELECT at_source('CREATE TABLE turn (id int PRIMARY KEY, at int); INSERT INTO turn SELECT i, i FROM generate_series(1, 5) AS i') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'run.turn', 'turn', 'incremental', 'append', cursor_column => 'at', name => 'turn') IS NULL AS ready \gset
SELECT is(run('turn'), 'succeeded 5 5 0', 'appended');
SELECT connkit_alter_sync('turn', '{"write": "merge", "key_columns": ["id"]}') IS NULL AS ready \gset
SELECT connkit_alter_sync('turn', '{"write": "append"}') IS NULL AS ready \gset
SELECT is(run('turn'), 'succeeded 1 0 0', 'there and back without a run between');
SELECT connkit_alter_sync('turn', '{"write": "merge"}') IS NULL AS ready \gset
SELECT at_source('INSERT INTO turn VALUES (6, 6)') IS NULL AS ready \gset
SELECT is(run('turn'), 'succeeded 2 1 0', 'merged');
SELECT throws_ok($$SELECT connkit_alter_sync('turn', '{"write": "append"}')$$, '55000',
	'sync "turn" cannot append from its position on, since its rows at 6 would come twice', 'from there it does not append');
SELECT connkit_reset_sync('turn') IS NULL AS ready \gset
SELECT connkit_alter_sync('turn', '{"write": "append"}') IS NULL AS ready \gset
SELECT connkit_reset_sync('turn', '7') IS NULL AS ready \gset
SELECT at_source('INSERT INTO turn VALUES (7, 7)') IS NULL AS ready \gset
SELECT is(run('turn'), 'succeeded 1 1 0', 'but from a position that is set');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) FROM turn), '7 7', 'each once');
SELECT connkit_drop_sync('turn') IS NULL AS ready \gset

-- without a key: equal rows are as many as there are
SELECT at_source('CREATE TABLE k (v text, n int); INSERT INTO k VALUES (''x'', 1), (''x'', 1), (NULL, 1)') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'run.k', 'public.k', 'incremental', name => 'k', cursor_column => 'n') IS NULL AS ready \gset
SELECT is(run('k'), 'succeeded 3 3 0', 'no key: equal rows');
SELECT at_source('INSERT INTO k VALUES (''x'', 1), (NULL, 1), (''y'', 1)') IS NULL AS ready \gset
SELECT is(run('k'), 'succeeded 6 3 0', 'more of them');
SELECT is(run('k'), 'succeeded 6 0 0', 'once');
SELECT at_source('INSERT INTO k VALUES (''x'', 2)') IS NULL AS ready \gset
SELECT is(run('k'), 'succeeded 7 1 0', 'and beyond them');
SELECT at_source('INSERT INTO k VALUES (''x'', NULL)') IS NULL AS ready \gset
SELECT matches(run('k'), '^failed .* has no value in its cursor column "n"', 'a row without a cursor value is not lost in silence');

-- half open
SELECT at_source('CREATE TABLE h (id int PRIMARY KEY, d date NOT NULL); INSERT INTO h VALUES (1, ''2026-01-01''), (2, ''2026-01-02'')') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'run.h', 'public.h', 'incremental', name => 'h', cursor_column => 'd', settings => '{"half_open": true}') IS NULL AS ready \gset
SELECT is(run('h'), 'succeeded 1 1 0', 'half open: rows at the greatest value are left');
SELECT at_source('INSERT INTO h VALUES (3, ''2026-01-02''), (4, ''2026-01-03'')') IS NULL AS ready \gset
SELECT is(run('h'), 'succeeded 2 2 0', 'and come when there is a greater one');
SELECT is(run('h'), 'succeeded 0 0 0', 'once');

-- from an initial value; columns, mapping, filter
SELECT connkit_create_sync('source', 'run.f', 'public.m', 'incremental', name => 'm', cursor_column => 'id', settings =>
	'{"initial_value": "41", "columns": ["id", "name", "amount"], "filter": "name <> ''n45'' -- not this", "mapping": {"label": "upper(name) -- so", "name": null, "cents": "(amount * 100)::int"}}') IS NULL AS ready \gset
SELECT is(run('m'), 'succeeded 9 9 0', 'initial value and filter');
SELECT is((SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'm'::regclass AND attnum > 0),
	'id integer, amount numeric(8,2), cents integer, label text', 'mapping');
SELECT is((SELECT m::text FROM m WHERE id = 50), '(50,12.50,1250,N50)', 'its values');

SELECT connkit_create_sync('source', 'run.f', 'public.o', name => 'o', settings => '{"mapping": {"amount": "amount > 5"}}') IS NULL AS ready \gset
SELECT is(run('o'), 'succeeded 40 40 0', 'an expression in the place of a column');
SELECT is((SELECT o::text FROM o WHERE id = 50), '(50,n50,t)', 'of its own name');

-- a query
SELECT connkit_create_sync('source', target => 'public.q', name => 'q', query => 'SELECT id % 3 AS mod, count(*) FROM run.f GROUP BY 1',
	query_columns => '"mod" int, "count" bigint', key_columns => '{mod}') IS NULL AS ready \gset
SELECT is(run('q'), 'succeeded 3 3 0', 'a query is a source');
SELECT is((SELECT string_agg(q::text, ' ' ORDER BY mod) FROM q), '(0,13) (1,13) (2,14)', 'its rows');

-- nothing is lost in silence
CREATE TABLE narrow (id int, name varchar(3), amount int);
SELECT connkit_create_sync('source', 'run.f', 'public.narrow', name => 'narrow', write => 'append', settings => '{"filter": "id = 11"}') IS NULL AS ready \gset
SELECT is(run('narrow'), 'succeeded 1 1 0', 'an integer column takes 0.00');
SELECT connkit_alter_sync('narrow', '{"filter": "id = 13"}') IS NULL AS ready \gset
SELECT is(run('narrow'), 'failed 1 0 0 column "amount" of the target cannot hold the source''s value without a loss', 'but not 3.25');
SELECT at_source('UPDATE f SET name = ''n1300'' WHERE id = 13') IS NULL AS ready \gset
SELECT connkit_alter_sync('narrow', '{"mapping": {"amount": null}}') IS NULL AS ready \gset
SELECT is(run('narrow'), 'failed 1 0 0 value too long for type character varying(3)', 'nor a longer text');

CREATE TABLE clock (n int, at time);
SELECT connkit_create_sync('source', target => 'public.clock', name => 'clock', write => 'append', query => 'SELECT 1 AS n, timestamp ''2024-05-06 07:08'' AS at',
	query_columns => 'n int, at timestamp') IS NULL AS ready \gset
SELECT is(run('clock'), 'failed 0 0 0 column "at" of the target is of type time without time zone, which may not hold all of the source''s type timestamp without time zone',
	'nor a date, where no cast leads back');
SELECT connkit_alter_sync('clock', '{"mapping": {"at": "at::time"}}') IS NULL AS ready \gset
SELECT is(run('clock'), 'succeeded 1 1 0', 'unless it is asked for');
SELECT connkit_drop_sync('clock') IS NULL AS ready \gset

-- rejected rows
CREATE TABLE r (id int CHECK (id <> 20), name text, n int);
SELECT connkit_create_sync('source', 'run.f', 'public.r', name => 'r', settings =>
	'{"max_rejected": 1, "filter": "id > 15 AND id < 30", "mapping": {"amount": null, "n": "100 / (id - 25)"}}') IS NULL AS ready \gset
SELECT is(run('r'), 'failed 10 0 0 sync "r" has rejected more than 1 rows', 'too many rejected rows');
SELECT is((SELECT count(*) FROM connkit.rejected_row), 2::bigint, 'which can be seen');
SELECT connkit_alter_sync('r', '{"max_rejected": 2}') IS NULL AS ready \gset
SELECT is(run('r'), 'succeeded 14 12 2', 'as many as may be');
SELECT is((SELECT string_agg(sqlstate || ' ' || (source_row ->> 'id') || ' ' || (source_row ->> 'amount'), ', ' ORDER BY id) FROM connkit.rejected_row),
	'23514 20 5.00, 22012 25 6.25', 'reason and row, once');
SELECT is((SELECT count(*) FROM r), 12::bigint, 'the others are there');

-- and once more
SELECT is(connkit_replay_rejected('r'), 0::bigint, 'replayed: what does not fit still does not');
SELECT is((SELECT count(*) FROM connkit.rejected_row WHERE replayed_at IS NULL), 2::bigint, 'and is rejected as it was');
ALTER TABLE r DROP CONSTRAINT r_id_check;
SELECT is(connkit_replay_rejected('r'), 1::bigint, 'what fits now is taken');
SELECT is((SELECT r::text FROM r WHERE id = 20), '(20,n20,-20)', 'as it was');
SELECT is(connkit_replay_rejected('r'), 0::bigint, 'once');
CREATE TABLE rm (id int PRIMARY KEY, name varchar(3));
SELECT connkit_create_sync('source', 'run.f', 'public.rm', 'merge', name => 'rm', key_columns => '{id}', settings =>
	'{"max_rejected": 1, "filter": "id < 15", "mapping": {"amount": null}}') IS NULL AS ready \gset
SELECT is(run('rm'), 'succeeded 4 3 1', 'merged, but one');
SELECT at_source('UPDATE f SET name = ''now'' WHERE id = 13') IS NULL AS ready \gset
SELECT is(connkit_replay_rejected('rm'), 1::bigint, 'by its key, a row is read again');
SELECT is((SELECT name FROM rm WHERE id = 13), 'now', 'as it is now');

CREATE TABLE rs (id int, name text CHECK (name <> 'n20') CHECK (name IS NOT NULL)) PARTITION BY LIST (id);
CREATE TABLE rs_all PARTITION OF rs DEFAULT;
SELECT connkit_create_sync('source', 'run.f', 'public.rs', name => 'rs', settings =>
	'{"max_rejected": 1, "filter": "id BETWEEN 18 AND 22", "mapping": {"amount": null}}') IS NULL AS ready \gset
SELECT is(run('rs'), 'succeeded 5 4 1', 'on the road through a stage too');
SELECT connkit_alter_sync('rs', '{"mapping": {"amount": null, "half": "id / 2"}}') IS NULL AS ready \gset
SELECT matches(run('rs'), '^failed .* target public.rs of sync "rs" has no column "half"', 'a column that the target lacks');

-- a whole source: what one has wrong does not undo the others
SELECT is((SELECT string_agg(sync_name || ' ' || outcome, ', ' ORDER BY sync_name) FROM connkit_sync('source') WHERE sync_name < 'i'),
	'a succeeded, f succeeded, h succeeded', 'all syncs of a source');
SELECT throws_ok('SELECT connkit_sync(''source'', atomic => true)', '22004', NULL, 'atomic: the error is the call''s');
SELECT is((SELECT count(*) FROM connkit.sync_run WHERE state = 'running'), 0::bigint, 'no run is left running');

-- skipped
SELECT connkit_pause_sync('f') IS NULL AS ready \gset
SELECT matches(run('f'), '^skipped 0 0 0 it is paused', 'a paused sync is skipped');
SELECT connkit_resume_sync('f') IS NULL AS ready \gset
CREATE TABLE nested (id int, name text, amount numeric);
CREATE TABLE told (what text);
CREATE FUNCTION nest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO told SELECT run('nested');
	RETURN NULL;
END $$;
CREATE TRIGGER nest AFTER INSERT ON nested EXECUTE FUNCTION nest();
SELECT connkit_create_sync('source', 'run.f', 'public.nested', name => 'nested', write => 'append') IS NULL AS ready \gset
SELECT is(run('nested'), 'succeeded 40 40 0', 'a target with a trigger');
SELECT is((SELECT what FROM told), 'skipped 0 0 0 it is running: this was called from within it', 'that calls for the same sync');
CREATE OR REPLACE FUNCTION nest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM connkit_drop_sync('nested');
	RETURN NULL;
END $$;
SELECT matches(run('nested'), 'sync "nested" is running or being changed$', 'nor can it drop it');
DROP TABLE a;
SELECT matches(run('a'), '^failed .*target public.a of sync "a" is gone', 'a target that is gone is not made anew behind the position');

-- rights
CREATE ROLE ck_acme;
CREATE ROLE ck_globex;
GRANT ck_acme, ck_globex TO CURRENT_USER;
GRANT USAGE ON FOREIGN SERVER source TO ck_acme;
GRANT CREATE ON SCHEMA public TO ck_acme;
SET ROLE ck_acme;
SELECT connkit_create_sync('source', 'run.f', 'public.acme', name => 'acme') IS NULL AS ready \gset
CREATE TABLE acme (id int, name text, amount numeric);
CREATE TABLE who (name text, how text);
CREATE FUNCTION climb() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO who VALUES (current_user);
	BEGIN
		EXECUTE 'SET LOCAL ROLE postgres';
		INSERT INTO who VALUES (current_user, 'SET ROLE');
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	BEGIN
		EXECUTE 'RESET SESSION AUTHORIZATION';
		INSERT INTO who VALUES (current_user, 'RESET');
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	RETURN NULL;
END $$;
CREATE TRIGGER climb AFTER INSERT ON acme EXECUTE FUNCTION climb();
SET ROLE ck_globex;
SELECT throws_ok('SELECT connkit_sync(''acme'')', '42704', NULL, 'a sync of others is not seen');
RESET ROLE;
SELECT is(run('acme'), 'succeeded 40 40 0', 'a superuser runs another''s sync');
SELECT is((SELECT string_agg(DISTINCT who::text, ' ') FROM who), '(ck_acme,)', 'with its owner''s rights, and no way out of them');
REVOKE USAGE ON FOREIGN SERVER source FROM ck_acme;
SELECT matches(run('acme'), '^failed .*permission denied for foreign server source', 'the owner needs the source');
SELECT is((SELECT count(*) FROM connkit.audit_log WHERE object_type = 'sync' AND object = 'acme' AND action = 'sync' AND outcome <> 'ok'), 1::bigint, 'the audit log tells');
SELECT connkit_drop_sync('acme') IS NULL AS ready \gset

-- a filter that would be planned in parallel
CREATE TABLE wide AS SELECT i FROM generate_series(1, 50000) AS i;
ANALYZE wide;
SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
SELECT at_source('CREATE TABLE p (id int PRIMARY KEY, v int); INSERT INTO p SELECT i, i % 2 FROM generate_series(1, 10) AS i') IS NULL AS ready \gset
SELECT connkit_create_sync('source', 'run.p', 'public.p', 'merge', name => 'p', settings =>
	'{"filter": "id < (SELECT count(*) FROM public.wide)", "max_rejected": 5, "mapping": {"w": "1 / v"}}') IS NULL AS ready \gset
SELECT is(run('p'), 'succeeded 10 5 5', 'rows are looked at one by one whatever the filter reads');
SELECT at_source('UPDATE p SET v = 2') IS NULL AS ready \gset
SELECT is(run('p'), 'succeeded 10 5 0', 'and are merged');
SELECT is((SELECT count(*) FROM p WHERE v = 2), 10::bigint, 'all of them');
SELECT at_source('UPDATE p SET v = 0') IS NULL AS ready \gset
SELECT is(run('p'), 'failed 6 0 0 sync "p" has rejected more than 5 rows', 'too many are rejected');
SELECT is_empty($$SELECT FROM pg_backend_memory_contexts WHERE ident LIKE '%connkit\_source\_%'$$, 'which leaves no plan behind');

DROP OWNED BY ck_acme, ck_globex, ck_looker CASCADE;
DROP ROLE ck_acme, ck_globex, ck_looker;

SELECT * FROM finish();
