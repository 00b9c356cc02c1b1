-- sync_apply.sql: rows are put into targets of all kinds: append, replace by rows, merge, deletions, history.
-- Every run is a transaction of its own, since within one the source has one snapshot.
\ir source.psql
CREATE FUNCTION at_source(statement text) RETURNS void LANGUAGE sql AS
	$$SELECT dblink_exec('source', 'SET search_path = apply; SET client_min_messages = error; SET lock_timeout = 5000; ' || statement)$$;
-- outcome, rows inserted, updated, deleted, message
CREATE FUNCTION run(sync text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', outcome, inserted, updated, deleted, message) FROM connkit_sync(sync)
$$;
CREATE FUNCTION make(table_name text, target text, mode text, settings jsonb DEFAULT '{}', key_columns text[] DEFAULT NULL,
	write text DEFAULT NULL, cursor_column text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT connkit_create_sync('source', 'apply.' || table_name, 'public.' || target, mode, write, target, key_columns => key_columns,
		cursor_column => cursor_column, settings => settings)
$$;
SELECT at_source('DROP SCHEMA IF EXISTS apply CASCADE; CREATE SCHEMA apply') IS NULL AS ready \gset
SELECT dblink_exec('source', 'GRANT USAGE ON SCHEMA apply TO ck_reader') IS NULL AS ready \gset
SELECT at_source('CREATE TABLE a (id int PRIMARY KEY, name text, amount numeric);
	CREATE FUNCTION few() RETURNS void LANGUAGE sql AS $$
	DELETE FROM apply.a; INSERT INTO apply.a VALUES (1, ''one'', 1.0), (2, ''two'', 2.0), (3, ''three'', NULL) $$;
	CREATE FUNCTION others() RETURNS void LANGUAGE sql AS $$
	DELETE FROM apply.a; INSERT INTO apply.a VALUES (2, ''two'', 2.0), (3, ''Three'', 3.0), (4, ''four'', 4.0) $$') IS NULL AS ready \gset
CREATE FUNCTION few() RETURNS boolean LANGUAGE sql AS $$SELECT at_source('DO $x$BEGIN PERFORM few(); END$x$') IS NULL$$;
CREATE FUNCTION others() RETURNS boolean LANGUAGE sql AS $$SELECT at_source('DO $x$BEGIN PERFORM others(); END$x$') IS NULL$$;

-- merge, target by target: three rows are there; one is as it was, one has changed, one is new
CREATE FUNCTION check_merge(target text, settings jsonb DEFAULT '{}') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	kept tid;
	got text;
BEGIN
	EXECUTE format('TRUNCATE %I CASCADE', target);
	EXECUTE format('INSERT INTO %I (id, name, amount) OVERRIDING SYSTEM VALUE VALUES (1, ''one'', 1.0), (2, ''two'', 2.0), (3, ''three'', NULL)', target);
	EXECUTE format('SELECT ctid FROM %I WHERE id = 2', target) INTO kept;
	PERFORM make('a', target, 'merge', settings);
	RETURN NEXT is(run(target), 'succeeded 1 1 0', target || ': a row is inserted, one updated');
	EXECUTE format('SELECT string_agg(concat_ws('' '', id, name, amount), '','' ORDER BY id) FROM %I', target) INTO got;
	RETURN NEXT is(got, '1 one 1.0,2 two 2.0,3 Three 3.0,4 four 4.0', target || ': they are as the source''s');
	EXECUTE format('SELECT (SELECT ctid FROM %I WHERE id = 2) = $1', target) INTO got USING kept;
	RETURN NEXT is(got, 'true', target || ': the others are not touched');
	RETURN NEXT is(run(target), 'succeeded 0 0 0', target || ': once');
END $$;
SELECT others() AS ready \gset
CREATE TABLE plain (dropped int, amount numeric, own text DEFAULT 'own', id int PRIMARY KEY, name text);
ALTER TABLE plain DROP COLUMN dropped;
CREATE INDEX ON plain (upper(name)) WHERE id > 2;
CREATE TABLE no_key (id bigint, name text, amount numeric);
CREATE TABLE other_key (id int, name text UNIQUE, amount numeric);
CREATE UNIQUE INDEX ON other_key (id) WHERE amount > 0;
CREATE TABLE late_key (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, name text, amount numeric);
CREATE TABLE parts (id int, name text, amount numeric, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (3);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (3) TO (9);
CREATE TABLE parent (id int PRIMARY KEY, name text, amount numeric);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE generated (id int PRIMARY KEY, name text, amount numeric, twice numeric GENERATED ALWAYS AS (amount * 2) STORED);
CREATE TABLE identity (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, amount numeric);
CREATE TABLE referenced (id int PRIMARY KEY, name text, amount numeric);
CREATE TABLE referring (id int REFERENCES referenced);
CREATE TABLE guarded (id int PRIMARY KEY, name text, amount numeric);
CREATE POLICY all_rows ON guarded USING (true);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE TABLE triggered (id int PRIMARY KEY, name text, amount numeric, by_trigger text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN new.by_trigger := tg_op; RETURN new; END $$;
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION note();
SELECT check_merge('plain');
SELECT check_merge('no_key');
SELECT check_merge('other_key');
SELECT check_merge('late_key');
SELECT check_merge('parts');
SELECT check_merge('parent');
SELECT check_merge('generated');
SELECT check_merge('identity');
SELECT check_merge('referenced');
SELECT check_merge('guarded');
SELECT check_merge('triggered');
SELECT is((SELECT string_agg(own, ',') FROM plain), 'own,own,own,own', 'columns that are not the sync''s keep their values');
SET enable_seqscan = off;
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM plain WHERE id IN (1, 2, 3, 4)), '1,2,3,4', 'the key''s index has all rows');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM plain WHERE upper(name) IN ('THREE', 'FOUR') AND id > 2), '3,4', 'another one too');
RESET enable_seqscan;
SELECT is((SELECT string_agg(twice::text, ',' ORDER BY id) FROM generated), '2.0,4.0,6.0,8.0', 'generated columns follow');
SELECT is((SELECT string_agg(by_trigger, ',' ORDER BY id) FROM triggered), 'INSERT,INSERT,UPDATE,INSERT', 'triggers are called');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM parts_high), '3,4', 'rows are in their partitions');

-- rows that move to another partition
SELECT at_source('CREATE TABLE mover (id int PRIMARY KEY, place text); INSERT INTO mover VALUES (1, ''x''), (2, ''x'')') IS NULL AS ready \gset
CREATE TABLE mover (id int, place text) PARTITION BY LIST (place);
CREATE TABLE mover_x PARTITION OF mover FOR VALUES IN ('x');
CREATE TABLE mover_y PARTITION OF mover FOR VALUES IN ('y');
SELECT is(make('mover', 'mover', 'merge'), 'mover', 'a target that is partitioned by another column than the key');
SELECT is(run('mover'), 'succeeded 2 0 0', 'is filled');
SELECT at_source('UPDATE mover SET place = ''y'' WHERE id = 2') IS NULL AS ready \gset
SELECT is(run('mover'), 'succeeded 0 1 0', 'a row moves');
SELECT is((SELECT array_agg(id) FROM mover_y), '{2}', 'to its partition');
SELECT at_source('UPDATE mover SET place = ''z''') IS NULL AS ready \gset
SELECT matches(run('mover'), '^failed 0 0 0 no partition of relation "mover" found', 'that must be there');

-- constraints
CREATE TABLE strict (id int PRIMARY KEY, name text NOT NULL CHECK (name <> 'Three'), amount numeric);
INSERT INTO strict VALUES (3, 'three', 3);
SELECT make('a', 'strict', 'merge') IS NULL AS ready \gset
SELECT matches(run('strict'), '^failed 0 0 0 new row for relation .* violates check constraint', 'check constraints hold');
SELECT is((SELECT string_agg(strict::text, ' ') FROM strict), '(3,three,3)', 'and a run that failed leaves nothing');
CREATE TABLE pupil (id int PRIMARY KEY REFERENCES referenced, name text, amount numeric);
DELETE FROM referenced WHERE id = 4;
SELECT make('a', 'pupil', 'merge') IS NULL AS ready \gset
SELECT matches(run('pupil'), '^failed 0 0 0 insert or update on table "pupil" violates foreign key', 'foreign keys too');
CREATE TABLE second_key (id int PRIMARY KEY, name text UNIQUE, amount numeric);
INSERT INTO second_key VALUES (9, 'four', 1);
SELECT make('a', 'second_key', 'merge') IS NULL AS ready \gset
SELECT matches(run('second_key'), '^failed 0 0 0 duplicate key value violates unique constraint "second_key_name_key"', 'and other keys');

-- what differs: also what has no equality, and what is equal and looks different
SELECT at_source('CREATE TABLE types (id int PRIMARY KEY, j json, p point, x xml, n numeric, t char(4), b bytea, a int[]);
	INSERT INTO types VALUES (1, ''{"a": 1}'', ''(1,2)'', ''<a/>'', 1.0, ''a'', ''\x00'', ''{1,2}''); INSERT INTO types (id) VALUES (2)') IS NULL AS ready \gset
CREATE TABLE types_sql (id int PRIMARY KEY, j json, p point, x xml, n numeric, t char(4), b bytea, a int[]);
CREATE TRIGGER note AFTER TRUNCATE ON types_sql EXECUTE FUNCTION note();
SELECT make('types', 'types', 'merge') IS NULL AS ready \gset
SELECT make('types', 'types_sql', 'merge') IS NULL AS ready \gset
SELECT is(run('types') || run('types_sql'), 'succeeded 2 0 0succeeded 2 0 0', 'columns of types without equality');
SELECT is(run('types') || run('types_sql'), 'succeeded 0 0 0succeeded 0 0 0', 'rows that are as they were');
SELECT at_source('UPDATE types SET j = ''{"a":1}'' WHERE id = 1') IS NULL AS ready \gset
SELECT is(run('types') || run('types_sql'), 'succeeded 0 1 0succeeded 0 1 0', 'json that is written in another way');
SELECT at_source('UPDATE types SET n = 1.00 WHERE id = 1') IS NULL AS ready \gset
SELECT is(run('types') || run('types_sql'), 'succeeded 0 1 0succeeded 0 1 0', '1.00 after 1.0');
SELECT at_source('UPDATE types SET p = NULL WHERE id = 1') IS NULL AS ready \gset
SELECT is(run('types') || run('types_sql'), 'succeeded 0 1 0succeeded 0 1 0', 'NULL after a value');
SELECT at_source('UPDATE types SET x = ''<b/>'' WHERE id = 2') IS NULL AS ready \gset
SELECT is(run('types') || run('types_sql'), 'succeeded 0 1 0succeeded 0 1 0', 'a value after NULL');
SELECT is((SELECT string_agg(concat_ws(' ', id, j, p, x, n, t, b, a), '; ' ORDER BY id) FROM types),
	'1 {"a":1} <a/> 1.00 a    \x00 {1,2}; 2 <b/>', 'as at the source');
SELECT is((SELECT string_agg(types_sql::text, ';' ORDER BY id) FROM types_sql), (SELECT string_agg(types::text, ';' ORDER BY id) FROM types), 'by SQL too');

-- long values
SELECT at_source('CREATE TABLE long (id int PRIMARY KEY, v text, w text, n int);
	INSERT INTO long SELECT i, v, v, 0 FROM generate_series(1, 3) AS i, LATERAL (SELECT string_agg(md5((i * 1000 + j)::text), '''') AS v
		FROM generate_series(1, 500) AS j) AS j') IS NULL AS ready \gset
SELECT make('long', 'long', 'merge') IS NULL AS ready \gset
SELECT is(run('long'), 'succeeded 3 0 0', 'long values');
SELECT is(run('long'), 'succeeded 0 0 0', 'that are as they were');
SELECT at_source('UPDATE long SET n = 1 WHERE id = 1; UPDATE long SET w = v || ''.'' WHERE id = 2') IS NULL AS ready \gset
SELECT is(run('long'), 'succeeded 0 2 0', 'beside one that changed, and one of them');
SELECT is((SELECT string_agg(concat_ws(' ', id, md5(v), md5(w), n), ',' ORDER BY id) FROM long),
	(SELECT string_agg(line, ',' ORDER BY line) FROM dblink('source', 'SELECT concat_ws('' '', id, md5(v), md5(w), n) FROM apply.long') AS (line text)), 'are those of the source');

-- keys
SELECT at_source('CREATE TABLE pair (b text, v int, a int, PRIMARY KEY (a, b)); INSERT INTO pair VALUES (''x'', 1, 1), (''y'', 2, 1), (''x'', 3, 2)') IS NULL AS ready \gset
CREATE TABLE pair_index (b text, a bigint, v int);
CREATE UNIQUE INDEX ON pair_index (b DESC, a) INCLUDE (v);
SELECT make('pair', 'pair', 'merge') IS NULL AS ready \gset
SELECT make('pair', 'pair_index', 'merge') IS NULL AS ready \gset
SELECT is(run('pair') || run('pair_index'), 'succeeded 3 0 0succeeded 3 0 0', 'a key of two columns');
SELECT at_source('UPDATE pair SET v = 9 WHERE a = 1 AND b = ''y''; DELETE FROM pair WHERE a = 2; INSERT INTO pair VALUES (''y'', 4, 2)') IS NULL AS ready \gset
SELECT is(run('pair') || run('pair_index'), 'succeeded 1 1 0succeeded 1 1 0', 'both together are the key');
SELECT is((SELECT string_agg(concat_ws(' ', a, b, v), ',' ORDER BY a, b) FROM pair), '1 x 1,1 y 9,2 x 3,2 y 4', 'of these rows');
SELECT is((SELECT string_agg(concat_ws(' ', a, b, v), ',' ORDER BY a, b) FROM pair_index), '1 x 1,1 y 9,2 x 3,2 y 4', 'by an index of another order');
SELECT make('pair', 'only_keys', 'merge', '{"columns": ["a", "b"]}') IS NULL AS ready \gset
SELECT is(run('only_keys'), 'succeeded 3 0 0', 'a table of nothing but its key');
SELECT at_source('INSERT INTO pair VALUES (''z'', 1, 1)') IS NULL AS ready \gset
SELECT is(run('only_keys'), 'succeeded 1 0 0', 'has new rows alone');
CREATE TABLE only_keys_sql (a int, b text);
SELECT make('pair', 'only_keys_sql', 'merge', '{"columns": ["a", "b"]}') IS NULL AS ready \gset
SELECT is(run('only_keys_sql'), 'succeeded 4 0 0', 'by SQL');
SELECT is(run('only_keys_sql'), 'succeeded 0 0 0', 'once');
SELECT at_source('CREATE TABLE num (k numeric PRIMARY KEY, v int); INSERT INTO num VALUES (1.0, 1), (2, 2)') IS NULL AS ready \gset
CREATE TABLE num_sql (k numeric, v int);
SELECT make('num', 'num', 'merge') IS NULL AS ready \gset
SELECT make('num', 'num_sql', 'merge') IS NULL AS ready \gset
SELECT is(run('num') || run('num_sql'), 'succeeded 2 0 0succeeded 2 0 0', 'numeric keys');
SELECT at_source('UPDATE num SET k = 1.00 WHERE v = 1') IS NULL AS ready \gset
SELECT is(run('num') || run('num_sql'), 'succeeded 0 1 0succeeded 0 1 0', 'that are equal are one, written as the source has it');
SELECT is((SELECT string_agg(k::text, ',' ORDER BY k) FROM num) || ' ' || (SELECT string_agg(k::text, ',' ORDER BY k) FROM num_sql), '1.00,2 1.00,2', 'so');
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT at_source('CREATE TABLE word (k text PRIMARY KEY, v int); INSERT INTO word VALUES (''A'', 1), (''c'', 3)') IS NULL AS ready \gset
CREATE TABLE word (k text COLLATE any_case PRIMARY KEY, v int);
CREATE TABLE word_sql (k text COLLATE any_case, v int);
INSERT INTO word VALUES ('a', 1), ('b', 2);
INSERT INTO word_sql SELECT * FROM word;
SELECT make('word', 'word', 'merge') IS NULL AS ready \gset
SELECT make('word', 'word_sql', 'merge') IS NULL AS ready \gset
SELECT is(run('word') || run('word_sql'), 'succeeded 1 1 0succeeded 1 1 0', 'keys that a collation takes for equal');
SELECT is((SELECT string_agg(k COLLATE "C", ',' ORDER BY k) FROM word) || ' ' || (SELECT string_agg(k COLLATE "C", ',' ORDER BY k) FROM word_sql), 'A,b,c A,b,c', 'are written as the source has them');
SELECT is(run('word') || run('word_sql'), 'succeeded 0 0 0succeeded 0 0 0', 'once');
CREATE TABLE word_index (k text, v int);
CREATE UNIQUE INDEX ON word_index (k COLLATE any_case);
INSERT INTO word_index VALUES ('a', 1);
SELECT make('word', 'word_index', 'merge') IS NULL AS ready \gset
SELECT matches(run('word_index'), '^failed .*duplicate key value violates unique constraint', 'by an index alone they are not');
SELECT at_source('CREATE TABLE spot (k point, v int); INSERT INTO spot VALUES (''(1,1)'', 1)') IS NULL AS ready \gset
CREATE TABLE spot (k point, v int);
SELECT make('spot', 'spot', 'merge', key_columns => '{k}') IS NULL AS ready \gset
SELECT matches(run('spot'), '^failed .*column "k" cannot be in the key of sync "spot": type point has no equality', 'a key without equality');

-- one key many times
SELECT at_source('CREATE TABLE log (k int, v text, n int); INSERT INTO log VALUES (1, ''old'', 1), (2, ''new'', 3), (1, ''new'', 2), (2, ''old'', 1), (3, ''first'', 5), (3, ''last'', 5)') IS NULL AS ready \gset
CREATE TABLE log_sql (k int, v text, n int);
SELECT make('log', 'log', 'incremental', '{}', '{k}', 'merge', 'n') IS NULL AS ready \gset
SELECT make('log', 'log_sql', 'incremental', '{}', '{k}', 'merge', 'n') IS NULL AS ready \gset
SELECT is(run('log') || run('log_sql'), 'succeeded 3 0 0succeeded 3 0 0', 'of many rows of a key there is one');
SELECT is((SELECT string_agg(concat_ws(' ', k, v), ',' ORDER BY k) FROM log), '1 new,2 new,3 last', 'the last one');
SELECT is((SELECT string_agg(concat_ws(' ', k, v), ',' ORDER BY k) FROM log_sql), '1 new,2 new,3 last', 'by SQL too');
SELECT at_source('INSERT INTO log VALUES (1, ''newest'', 9), (1, ''newer'', 8), (4, ''a'', 6), (4, ''b'', 7)') IS NULL AS ready \gset
SELECT is(run('log') || run('log_sql'), 'succeeded 1 1 0succeeded 1 1 0', 'also where it is there');
SELECT is((SELECT string_agg(concat_ws(' ', k, v), ',' ORDER BY k) FROM log), '1 newest,2 new,3 last,4 b', 'the last one by its cursor');
SELECT is((SELECT string_agg(concat_ws(' ', k, v), ',' ORDER BY k) FROM log_sql), '1 newest,2 new,3 last,4 b', 'by SQL too');

SELECT at_source('TRUNCATE log; INSERT INTO log SELECT k, CASE n WHEN 1 THEN ''old'' ELSE ''new'' END, 10 + n FROM generate_series(1, 2500) AS k, generate_series(1, 2) AS n') IS NULL AS ready \gset
SELECT is(run('log') || run('log_sql'), 'succeeded 2496 4 0succeeded 2496 4 0', 'more than a batch of them');
SELECT is((SELECT string_agg(DISTINCT v, ',') FROM log) || (SELECT string_agg(DISTINCT v, ',') FROM log_sql), 'newnew', 'the last one of each');

-- what is unique goes from a row that is deleted to another
SELECT at_source('CREATE TABLE moved (id int PRIMARY KEY, v text); INSERT INTO moved VALUES (1, ''one'')') IS NULL AS ready \gset
CREATE TABLE moved (id int PRIMARY KEY, v text UNIQUE);
SELECT make('moved', 'moved', 'merge', '{"deletes": "hard"}') IS NULL AS ready \gset
SELECT is(run('moved'), 'succeeded 1 0 0', 'a row');
SELECT at_source('UPDATE moved SET id = 2') IS NULL AS ready \gset
SELECT is(run('moved'), 'succeeded 1 0 1', 'that has another key');

-- no key
SELECT at_source('CREATE TABLE hole (k int, v int); INSERT INTO hole VALUES (1, 1), (NULL, 2)') IS NULL AS ready \gset
CREATE TABLE hole (k int UNIQUE, v int);
CREATE TABLE hole_sql (k int, v int);
SELECT make('hole', 'hole', 'merge', key_columns => '{k}') IS NULL AS ready \gset
SELECT make('hole', 'hole_sql', 'merge', key_columns => '{k}') IS NULL AS ready \gset
SELECT matches(run('hole'), '^failed 0 0 0 sync "hole" has read a row without a key', 'a row without a key');
SELECT matches(run('hole_sql'), '^failed 0 0 0 sync "hole_sql" has read a row without a key', 'by SQL too');
SELECT is((SELECT count(*) FROM hole) + (SELECT count(*) FROM hole_sql), 0::bigint, 'leaves nothing');
SELECT is((SELECT sqlstate FROM connkit.sync_run WHERE sync_name = 'hole'), '23502', 'its SQLSTATE');

-- rights
CREATE ROLE ck_merger;
GRANT ck_merger TO CURRENT_USER;
GRANT USAGE ON FOREIGN SERVER source TO ck_merger;
CREATE TABLE rights (id int PRIMARY KEY, name text, amount numeric, own text DEFAULT 'own');
INSERT INTO rights VALUES (3);
GRANT INSERT, SELECT ON rights TO ck_merger;
SET ROLE ck_merger;
SELECT connkit_create_sync('source', 'apply.a', 'public.rights', 'merge', name => 'rights') IS NULL AS ready \gset
SELECT matches(run('rights'), '^failed 0 0 0 permission denied for table rights', 'without the right to update');
RESET ROLE;
GRANT UPDATE (name, amount) ON rights TO ck_merger;
SET ROLE ck_merger;
SELECT is(run('rights'), 'succeeded 2 1 0', 'with that of the columns');
RESET ROLE;
SELECT is((SELECT string_agg(rights::text, ' ' ORDER BY id) FROM rights), '(2,two,2.0,own) (3,Three,3.0,own) (4,four,4.0,own)', 'it is merged');

-- append, by SQL
CREATE TABLE appended (id int GENERATED ALWAYS AS IDENTITY, name text, amount numeric, by_trigger text);
CREATE TRIGGER note BEFORE INSERT ON appended FOR EACH ROW EXECUTE FUNCTION note();
SELECT make('a', 'appended', 'full_refresh', write => 'append') IS NULL AS ready \gset
SELECT is(run('appended'), 'succeeded 3 0 0', 'append, with a trigger and identity');
SELECT is((SELECT string_agg(appended::text, ' ' ORDER BY id) FROM appended), '(2,two,2.0,INSERT) (3,Three,3.0,INSERT) (4,four,4.0,INSERT)', 'the source''s values');
CREATE TABLE appended_parts (id int, name text, amount numeric, made timestamptz DEFAULT now()) PARTITION BY HASH (id);
CREATE TABLE appended_parts_0 PARTITION OF appended_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE appended_parts_1 PARTITION OF appended_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT make('a', 'appended_parts', 'full_refresh', write => 'append') IS NULL AS ready \gset
SELECT is(run('appended_parts') || run('appended_parts'), 'succeeded 3 0 0succeeded 3 0 0', 'append, to partitions');
SELECT is((SELECT count(*) FROM appended_parts WHERE made IS NOT NULL), 6::bigint, 'with defaults');

-- replace by rows
SELECT few() AS ready \gset
CREATE TABLE replaced (id int PRIMARY KEY, name text, amount numeric, own text DEFAULT 'own');
CREATE TABLE replaced_by (id int REFERENCES replaced);
SELECT make('a', 'replaced', 'full_refresh', '{"replace_rows": true}') IS NULL AS ready \gset
SELECT is(run('replaced'), 'succeeded 3 0 0', 'replace by rows');
UPDATE replaced SET own = 'kept';
INSERT INTO replaced_by VALUES (2);
SELECT others() AS ready \gset
SELECT is(run('replaced'), 'succeeded 1 1 1', 'deletes, updates and inserts where there is a key');
SELECT is((SELECT string_agg(replaced::text, ' ' ORDER BY id) FROM replaced), '(2,two,2.0,kept) (3,Three,3.0,kept) (4,four,4.0,own)', 'the source''s rows');
INSERT INTO replaced_by VALUES (4);
SELECT few() AS ready \gset
SELECT matches(run('replaced'), '^failed 0 0 0 update or delete on table "replaced" violates foreign key', 'foreign keys hold');
SELECT at_source('CREATE TABLE same (id int, v int); INSERT INTO same VALUES (1, 1), (1, 1), (NULL, 2)') IS NULL AS ready \gset
SELECT make('same', 'same', 'full_refresh', '{"replace_rows": true}') IS NULL AS ready \gset
SELECT is(run('same'), 'succeeded 3 0 0', 'without a key');
SELECT is(run('same'), 'succeeded 3 0 3', 'all are deleted, all inserted');
SELECT is((SELECT string_agg(concat_ws(' ', id, v), ',' ORDER BY id) FROM same), '1 1,1 1,2', 'equal rows are as many as there are');
CREATE TABLE twice (id int, name text, amount numeric);
INSERT INTO twice VALUES (1, 'one', 1.0), (1, 'one', 1.0);
SELECT make('a', 'twice', 'full_refresh', '{"replace_rows": true}') IS NULL AS ready \gset
SELECT is(run('twice'), 'succeeded 3 0 2', 'a key that the target does not hold apart is none');

-- deletions
SELECT make('a', 'gone_hard', 'merge', '{"deletes": "hard"}') IS NULL AS ready \gset
SELECT make('a', 'gone_soft', 'merge', '{"deletes": "soft"}') IS NULL AS ready \gset
CREATE TABLE gone_old (id int, name text, amount numeric);
INSERT INTO gone_old VALUES (NULL, 'no key'), (9, 'nine');
SELECT make('a', 'gone_old', 'merge', '{"deletes": "soft", "deleted_column": "gone at"}') IS NULL AS ready \gset
SELECT is(run('gone_hard') || run('gone_soft'), 'succeeded 3 0 0succeeded 3 0 0', 'deletions: first run');
SELECT is(run('gone_old'), 'succeeded 3 0 2', 'a target that was there gets the column');
SELECT is((SELECT count(*) FROM gone_old WHERE "gone at" IS NOT NULL), 2::bigint, 'for rows that are not the source''s');
SELECT others() AS ready \gset
SELECT is(run('gone_hard') || run('gone_soft'), 'succeeded 1 1 1succeeded 1 1 1', 'a row that is no longer there');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM gone_hard), '2,3,4', 'hard: is deleted');
SELECT is((SELECT string_agg(concat_ws(' ', id, deleted_at IS NOT NULL), ',' ORDER BY id) FROM gone_soft), '1 t,2 f,3 f,4 f', 'soft: is marked');
SELECT deleted_at AS first_missed FROM gone_soft WHERE id = 1 \gset
SELECT is(run('gone_soft'), 'succeeded 0 0 0', 'once');
SELECT is((SELECT deleted_at FROM gone_soft WHERE id = 1), :'first_missed'::timestamptz, 'with the time it was missed first');
SELECT is(run('gone_old'), 'succeeded 1 1 1', 'soft, by SQL');
SELECT few() AS ready \gset
SELECT is(run('gone_hard') || run('gone_soft'), 'succeeded 1 1 1succeeded 0 2 1', 'a row that comes again');
SELECT is(run('gone_old'), 'succeeded 0 2 1', 'by SQL too');
SELECT is((SELECT string_agg(concat_ws(' ', id, name, deleted_at IS NOT NULL), ',' ORDER BY id) FROM gone_soft), '1 one f,2 two f,3 three f,4 four t', 'is there');
SELECT is((SELECT string_agg(id::text, ',' ORDER BY id) FROM gone_old WHERE "gone at" IS NULL), '1,2,3', 'by SQL too');
SELECT at_source('TRUNCATE a') IS NULL AS ready \gset
SELECT is(run('gone_hard') || run('gone_soft'), 'succeeded 0 0 3succeeded 0 0 3', 'all are gone');

-- history
CREATE FUNCTION versions(target text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	got text;
BEGIN
	EXECUTE format('SELECT string_agg(concat_ws('' '', id, name, CASE WHEN is_current THEN ''current'' END), '','' ORDER BY id, valid_from) FROM %I', target) INTO got;
	RETURN got;
END $$;
-- versions that overlap, last no time, or are open and not current
CREATE FUNCTION odd(target text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	got bigint;
BEGIN
	EXECUTE format('SELECT (SELECT count(*) FROM %1$I WHERE valid_to <= valid_from OR is_current <> (valid_to IS NULL)) +
		(SELECT count(*) FROM %1$I AS a JOIN %1$I AS b ON a.id = b.id AND (a.valid_from, a.ctid) < (b.valid_from, b.ctid)
			AND coalesce(a.valid_to, ''infinity'') > b.valid_from)', target) INTO got;
	RETURN got;
END $$;
SELECT few() AS ready \gset
CREATE TABLE kept_sql (id int, name text, amount numeric, valid_from timestamptz, valid_to timestamptz, is_current boolean);
SELECT make('a', 'kept', 'history', '{"deletes": "soft"}') IS NULL AS ready \gset
SELECT make('a', 'kept_sql', 'history', '{"deletes": "hard"}') IS NULL AS ready \gset
SELECT is(run('kept') || run('kept_sql'), 'succeeded 3 0 0succeeded 3 0 0', 'history: first run');
SELECT is(run('kept') || run('kept_sql'), 'succeeded 0 0 0succeeded 0 0 0', 'nothing has changed');
SELECT others() AS ready \gset
SELECT is(run('kept') || run('kept_sql'), 'succeeded 1 1 1succeeded 1 1 1', 'one is new, one has changed, one is gone');
SELECT is(versions('kept'), '1 one,2 two current,3 three,3 Three current,4 four current', 'versions');
SELECT is(versions('kept_sql'), versions('kept'), 'the same without a key, and with hard deletions');
SELECT is(odd('kept') + odd('kept_sql'), 0::bigint, 'they follow each other');
SELECT is((SELECT count(*) FROM kept AS a JOIN kept AS b USING (id) WHERE id = 3 AND a.valid_to = b.valid_from), 1::bigint, 'without a gap');
SELECT few() AS ready \gset
SELECT is(run('kept') || run('kept_sql'), 'succeeded 1 1 1succeeded 1 1 1', 'and back');
SELECT is(versions('kept'), '1 one,1 one current,2 two current,3 three,3 Three,3 three current,4 four', 'more versions');
SELECT is(odd('kept') + odd('kept_sql'), 0::bigint, 'they follow each other');
BEGIN;
SELECT connkit_alter_sync('kept', '{"filter": "id <> 1", "columns": ["id", "amount"], "mapping": {"name": "name || ''a''"}}') IS NULL AS ready \gset
SELECT is(run('kept'), 'succeeded 0 2 1', 'two runs of a transaction');
SELECT connkit_alter_sync('kept', '{"filter": null, "mapping": {"name": "name || ''b''"}}') IS NULL AS ready \gset
SELECT is(run('kept'), 'succeeded 1 2 0', 'with other rows');
SELECT connkit_alter_sync('kept', '{"filter": "id = 2"}') IS NULL AS ready \gset
SELECT is(run('kept'), 'succeeded 0 0 2', 'and a third that closes what has begun at the same time');
SELECT connkit_alter_sync('kept', '{"filter": null}') IS NULL AS ready \gset
SELECT is(run('kept'), 'succeeded 2 0 0', 'and a fourth');
COMMIT;
SELECT is(versions('kept'), '1 one,1 one,1 oneb,1 oneb current,2 two,2 twoa,2 twob current,3 three,3 Three,3 three,3 threea,3 threeb,3 threeb current,4 four', 'have all their versions');
SELECT is(odd('kept'), 0::bigint, 'they follow each other');
CREATE TABLE no_history (id int PRIMARY KEY, name text, amount numeric);
SELECT make('a', 'no_history', 'history') IS NULL AS ready \gset
SELECT matches(run('no_history'), '^failed 0 0 0 target public.no_history of sync "no_history" keeps no history', 'a target that keeps no history');
SELECT at_source('CREATE TABLE hist_log (id int, name text, n int); INSERT INTO hist_log VALUES (1, ''b'', 2), (1, ''a'', 1)') IS NULL AS ready \gset
SELECT make('hist_log', 'hist_log', 'history', '{}', '{id}', NULL, 'n') IS NULL AS ready \gset
SELECT is(run('hist_log'), 'succeeded 1 0 0', 'of many rows of a key there is one');
SELECT is(versions('hist_log'), '1 b current', 'the last one');
SELECT at_source('INSERT INTO hist_log VALUES (1, ''d'', 4), (1, ''c'', 3), (2, ''x'', 3)') IS NULL AS ready \gset
SELECT is(run('hist_log'), 'succeeded 1 1 0', 'and of new ones');
SELECT is(versions('hist_log'), '1 b,1 d current,2 x current', 'too');

-- rows of chance, into all kinds of targets: the target's rows are those that it had and the source has not, and the source's
SELECT at_source('CREATE TABLE chance (k1 int, k2 text, v numeric, j json, w text, PRIMARY KEY (k1, k2))') IS NULL AS ready \gset
CREATE TABLE chance_plain (k1 int, k2 text, v numeric, j json, w text, PRIMARY KEY (k2, k1)) WITH (fillfactor = 50);
CREATE INDEX ON chance_plain (v);
CREATE TABLE chance_none (k1 int, k2 text, v numeric, j json, w text);
CREATE TABLE chance_parts (k1 int, k2 text, v numeric, j json, w text, PRIMARY KEY (k1, k2)) PARTITION BY HASH (k2);
CREATE TABLE chance_parts_0 PARTITION OF chance_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE chance_parts_1 PARTITION OF chance_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT make('chance', target, 'merge') FROM unnest('{chance_plain,chance_none,chance_parts}'::text[]) AS target \g /dev/null
CREATE FUNCTION round_of_chance() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	target text;
	wrong bigint;
BEGIN
	PERFORM at_source('DELETE FROM chance WHERE random() < 0.4; INSERT INTO chance SELECT DISTINCT ON (1, 2) (random() * 30)::int, ''k'' || (random() * 20)::int, (ARRAY[1, 1.0, 1.00, NULL])[1 + (random() * 3)::int],
		(ARRAY[''{}'', ''[]'', NULL])[1 + (random() * 2)::int]::json, repeat(md5(random()::text), (random() * random() * 300)::int) FROM generate_series(1, 400)
		ON CONFLICT (k1, k2) DO UPDATE SET v = excluded.v, j = excluded.j, w = CASE WHEN random() < 0.5 THEN chance.w ELSE excluded.w END');
	CREATE TEMPORARY TABLE now_there ON COMMIT DROP AS SELECT * FROM dblink('source', 'SELECT * FROM apply.chance') AS (k1 int, k2 text, v numeric, j json, w text);
	FOREACH target IN ARRAY '{chance_plain,chance_none,chance_parts}'::text[] LOOP
		EXECUTE format('CREATE TEMPORARY TABLE wanted ON COMMIT DROP AS SELECT * FROM now_there UNION ALL SELECT * FROM %I AS t
			WHERE NOT EXISTS (SELECT FROM now_there AS n WHERE (n.k1, n.k2) = (t.k1, t.k2))', target);
		IF run(target) !~ '^succeeded' THEN
			RETURN target || ': did not run';
		END IF;
		EXECUTE format('SELECT count(*) FROM (SELECT t::text FROM %1$I AS t EXCEPT ALL SELECT wanted::text FROM wanted) AS x', target) INTO wrong;
		IF wrong > 0 OR (SELECT count(*) FROM wanted) <> (xpath('/table/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', target), false, false, '')))[1]::text::bigint THEN
			RETURN format('%s: %s rows are wrong', target, wrong);
		END IF;
		DROP TABLE wanted;
	END LOOP;
	RETURN 'right';
END $$;
SELECT is(round_of_chance(), 'right', 'rows of chance, round ' || i) FROM generate_series(1, 1) AS i;
\set chance 'SELECT is(round_of_chance(), \'right\', \'rows of chance\');'
:chance
:chance
:chance
:chance
:chance
:chance
:chance
-- batches: rows are merged a thousand at a time as they come, and sorted as a whole where they come in no order
CREATE FUNCTION check_batches(table_name text, target text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	counts text;
	there text;
	wanted text;
BEGIN
	EXECUTE format('CREATE TEMPORARY TABLE source ON COMMIT DROP AS SELECT * FROM dblink(''source'', ''SELECT k1, k2, v, n FROM apply.%I'') AS s (k1 int, k2 text, v text, n numeric)', table_name);
	EXECUTE format('CREATE TEMPORARY TABLE before ON COMMIT DROP AS SELECT k1, k2, v, n FROM %I', target);
	SELECT concat_ws(' ', count(*) FILTER (WHERE b.n IS NULL), count(*) FILTER (WHERE b.n IS NOT NULL AND (s.v, s.n::text) IS DISTINCT FROM (b.v, b.n::text)))
		INTO counts FROM source AS s LEFT JOIN before AS b ON (s.k1, s.k2) = (b.k1, b.k2);
	SELECT md5(string_agg(concat_ws(' ', k1, k2, v, n), ',' ORDER BY k1, k2 COLLATE "C")) INTO wanted FROM (TABLE source UNION ALL
		SELECT * FROM before AS b WHERE (k1, k2) NOT IN (SELECT k1, k2 FROM source)) AS t;
	RETURN NEXT is(run(target), 'succeeded ' || counts || ' 0', target || ': as many as are new and as differ: ' || counts);
	EXECUTE format('SELECT md5(string_agg(concat_ws('' '', k1, k2, v, n), '','' ORDER BY k1, k2 COLLATE "C")) FROM %I', target) INTO there;
	RETURN NEXT is(there, wanted, target || ': they are as the source''s, the others as they were');
	RETURN NEXT is(run(target), 'succeeded 0 0 0', target || ': once');
	DROP TABLE source, before;
END $$;
SELECT at_source('CREATE TABLE many (k1 int, k2 text, v text, n numeric, PRIMARY KEY (k1)); CREATE TABLE many_words (LIKE many, PRIMARY KEY (k2));
	CREATE TABLE many_pairs (LIKE many, PRIMARY KEY (k2, k1))') IS NULL AS ready \gset
CREATE TABLE many (k1 int PRIMARY KEY, k2 text, v text, n numeric);
CREATE TABLE many_down (k1 int, k2 text, v text, n numeric);
CREATE UNIQUE INDEX ON many_down (k1 DESC);
CREATE TABLE many_words (k1 int, k2 text COLLATE "en-x-icu" PRIMARY KEY, v text, n numeric);
CREATE TABLE many_pairs (k1 int, k2 text COLLATE "en-x-icu", v text, n numeric);
CREATE UNIQUE INDEX ON many_pairs (k1, k2 DESC);
SELECT make('many', 'many', 'merge') IS NULL AS ready \gset
SELECT make('many', 'many_down', 'merge') IS NULL AS ready \gset
SELECT make('many_words', 'many_words', 'merge') IS NULL AS ready \gset
SELECT make('many_pairs', 'many_pairs', 'merge') IS NULL AS ready \gset
-- rows from a number to another in steps, in an order
CREATE FUNCTION many(low int, high int, step int, ordered text, v text) RETURNS void LANGUAGE sql AS $$
	SELECT at_source(format('TRUNCATE many, many_words, many_pairs; INSERT INTO many SELECT i, chr(65 + (i + 500) %% 50) || i, CASE WHEN i %% 10 > 0 THEN %s END, 1.0
		FROM generate_series(%s, %s, %s) AS i ORDER BY %s; INSERT INTO many_words SELECT * FROM many; INSERT INTO many_pairs SELECT * FROM many', v, low, high, step, ordered))
$$;
CREATE VIEW batches AS SELECT check_batches('many', 'many') UNION ALL SELECT check_batches('many', 'many_down')
	UNION ALL SELECT check_batches('many_words', 'many_words') UNION ALL SELECT check_batches('many_pairs', 'many_pairs');
\echo # a thousand rows
SELECT many(1, 3000, 3, 'i', '''a''') IS NULL AS ready \gset
TABLE batches;
\echo # three thousand and three, of which each third is there
SELECT many(1, 3003, 1, 'i', '''b''') IS NULL AS ready \gset
TABLE batches;
\echo # in no order
SELECT many(-500, 9000, 2, 'md5(i::text)', '(i % 7)::text') IS NULL AS ready \gset
TABLE batches;
\echo # in an order that begins anew
SELECT many(9000, 20000, 1, 'i % 2000, i', '(i % 7)::text') IS NULL AS ready \gset
TABLE batches;
\echo # in order but for a few
SELECT many(1, 9000, 1, 'i % 3000 <> 0, i', '(i % 5)::text') IS NULL AS ready \gset
TABLE batches;
\echo # few rows, far from each other
SELECT many(1, 20000, 900, 'i', '''far''') IS NULL AS ready \gset
TABLE batches;
\echo # values that look different, and none
SELECT at_source('UPDATE many SET n = 1.00 WHERE k1 % 2 = 1; UPDATE many SET v = NULL WHERE k1 > 9000') IS NULL AS ready \gset
SELECT check_batches('many', 'many');
SET enable_seqscan = off;
SELECT is((SELECT count(*) FROM generate_series(-500, 20000) AS i JOIN many ON k1 = i), (SELECT count(*) FROM many), 'the index has all rows');
RESET enable_seqscan;

SELECT * FROM finish();
