-- sync_evolve.sql: the source's table changes between the runs of a sync: each policy for each kind of change.
-- Every run is a transaction of its own, since within one the source has one snapshot.
\ir source.psql

CREATE FUNCTION at_source(statement text) RETURNS void LANGUAGE sql AS
	$$SELECT dblink_exec('source', 'SET search_path = evolve; SET client_min_messages = error; SET lock_timeout = 5000; ' || statement)$$;

-- a new table t at the source, and a sync of it into a table that is not there
CREATE FUNCTION begin_sync(statement text, settings jsonb DEFAULT '{}', mode text DEFAULT 'full_refresh',
	write text DEFAULT 'append', key_columns text[] DEFAULT NULL, cursor_column text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	PERFORM at_source('DROP TABLE IF EXISTS t; ' || statement);
	IF EXISTS (SELECT FROM connkit.sync WHERE name = 't') THEN
		PERFORM connkit_drop_sync('t');
	END IF;
	DROP TABLE IF EXISTS t CASCADE;
	PERFORM connkit_create_sync('source', 'evolve.t', target => 'public.t', mode => mode, write => write, name => 't',
		key_columns => key_columns, cursor_column => cursor_column, settings => settings);
END $$;

-- the outcome of a run, with its message, and the error's lines
CREATE FUNCTION run() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result record;
BEGIN
	SELECT * INTO result FROM connkit_sync('t');
	RETURN concat_ws(' | ', result.outcome, result.message, (SELECT detail FROM connkit.sync_run WHERE id = result.run));
END $$;

-- what the last run told of changes: kind, column, action
CREATE FUNCTION changes() RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(concat_ws(' ', kind, column_name) || ': ' || action, E'\n' ORDER BY id), '')
	FROM connkit.schema_change WHERE run = (SELECT max(id) FROM connkit.sync_run)
$$;

-- the target's columns, those that may not be NULL with a !
CREATE FUNCTION target() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN '!' ELSE '' END, ', '
		ORDER BY attnum) FROM pg_attribute WHERE attrelid = to_regclass('t') AND attnum > 0 AND NOT attisdropped
$$;

CREATE FUNCTION target_rows() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE 'SELECT string_agg(t::text, '' '' ORDER BY id, t::text) FROM t' INTO result;
	RETURN result;
END $$;

SELECT dblink_exec('source', 'DROP SCHEMA IF EXISTS evolve CASCADE; CREATE SCHEMA evolve') <> '' AS ready \gset

-- what all policies begin with, and one change of each kind
CREATE FUNCTION begin_all(policy text) RETURNS void LANGUAGE sql AS $$
	SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, wide smallint NOT NULL, other int NOT NULL, gone text NOT NULL,
		renamed int, maybe text NOT NULL, never text); INSERT INTO t VALUES (1, 2, 3, ''four'', 5, ''six'', ''seven'')',
		jsonb_build_object('max_rejected', 10, 'policy', (SELECT jsonb_object_agg(k, policy) FROM unnest(
			'{added,dropped,renamed,retyped,nullability,key}'::text[]) AS k)))
$$;

-- evolve
SELECT begin_all('evolve');
SELECT is(run(), 'succeeded', 'a first run');
SELECT is(changes(), '', 'sees no changes');
SELECT is(target(), 'id integer!, wide smallint!, other integer!, gone text!, renamed integer, maybe text!, never text',
	'and makes the target as the source is');
SELECT is(run() || changes(), 'succeeded', 'nor does one without changes');
SELECT at_source($$ALTER TABLE t ALTER wide TYPE bigint, ALTER other TYPE text USING 'x' || other, DROP gone,
	ALTER maybe DROP NOT NULL, ALTER never SET NOT NULL, ADD added date, DROP CONSTRAINT t_pkey;
	ALTER TABLE t RENAME renamed TO newname; COMMENT ON COLUMN t.added IS 'it''s new'; UPDATE t SET maybe = NULL$$);
SELECT is(run(), 'succeeded', 'evolve: a run after a change of each kind');
SELECT is(changes(), $$retyped wide: column wide has type bigint now
retyped other: column other__text takes it from now on, since the target's type does not take all of its values; other is NULL in new rows
nullability maybe: the target's column may be NULL
nullability never: recorded
dropped gone: column gone stays and is NULL in new rows
renamed renamed: as dropped: column renamed stays and is NULL in new rows; as added: column newname was added
added added: column added was added
key: recorded$$, 'evolve: tells what became of it');
SELECT is(target(), 'id integer!, wide bigint!, other integer, gone text, renamed integer, maybe text, never text, '
	'other__text text, newname integer, added date', 'evolve: the target follows');
SELECT is(target_rows(), '(1,2,,,,,seven,x3,5,) (1,2,3,four,5,six,seven,,,) (1,2,3,four,5,six,seven,,,)',
	'evolve: nothing is lost');
SELECT is(col_description('t'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'added')),
	'it''s new', 'evolve: a new column has its comment');
SELECT is((SELECT concat_ws(' ', old->>'name', old->>'type', old->>'source_type', old->>'not_null', old->>'key', new->>'type')
	FROM connkit.schema_change WHERE column_name = 'wide'), 'wide smallint smallint true 0 bigint', 'evolve: from what to what');
SELECT is((SELECT concat(old, new) FROM connkit.schema_change WHERE kind = 'key'), '{"key": ["id"]}{"key": []}',
	'evolve: the key too');
SELECT is((SELECT count(DISTINCT shape_version) || ' ' || max(shape_version) FROM connkit.schema_change), '1 1',
	'evolve: the changes of a run are one version');
SELECT is((SELECT schema_changes FROM connkit.sync_run ORDER BY id DESC LIMIT 1), 8::bigint, 'evolve: and are counted');
SELECT is(run() || changes(), 'succeeded', 'evolve: they are seen once');
SELECT at_source($$ALTER TABLE t ADD gone text; UPDATE t SET gone = 'again'$$);
SELECT is(run() || changes(), 'succeededadded gone: type text of column gone stays', 'evolve: a column may come again');

-- freeze
SELECT begin_all('freeze');
SELECT is(run(), 'succeeded', 'freeze: a first run');
SELECT at_source($$ALTER TABLE t ALTER wide TYPE bigint, ALTER other TYPE text, DROP gone, ALTER maybe DROP NOT NULL,
	ADD added date, DROP CONSTRAINT t_pkey; ALTER TABLE t RENAME renamed TO newname$$);
SELECT is(run(), $$failed | the source's table of sync "t" has changed | column "wide" has type bigint, not smallint
column "other" has type text, not integer
column "maybe" may be null
column "gone" (text) is gone
column "renamed" (integer) is gone, and "newname" is in its place
column "added" (date) is new
the key is [], not ["id"]$$, 'freeze: the run fails and tells all differences');
SELECT is(changes() || target(),
	'id integer!, wide smallint!, other integer!, gone text!, renamed integer, maybe text!, never text',
	'freeze: and changes nothing');
SELECT is((SELECT sqlstate FROM connkit.sync_run ORDER BY id DESC LIMIT 1), 'HV021', 'freeze: its SQLSTATE');
-- each kind by itself
CREATE FUNCTION begin_one(kind text) RETURNS text LANGUAGE sql AS $$
	SELECT begin_all('evolve');
	SELECT connkit_alter_sync('t', jsonb_build_object('policy', jsonb_build_object(kind, 'freeze')));
	SELECT run();
$$;
SELECT begin_one('added') <> '' AS ready \gset
SELECT at_source('ALTER TABLE t ADD a int');
SELECT matches(run(), '^failed .*column "a" \(integer\) is new$', 'freeze: added');
SELECT begin_one('dropped') <> '' AS ready \gset
SELECT at_source('ALTER TABLE t DROP gone');
SELECT matches(run(), '^failed .*column "gone" \(text\) is gone$', 'freeze: dropped');
SELECT begin_one('renamed') <> '' AS ready \gset
SELECT at_source('ALTER TABLE t RENAME gone TO went');
SELECT matches(run(), '^failed .*column "gone" \(text\) is gone, and "went" is in its place$', 'freeze: renamed');
SELECT begin_one('retyped') <> '' AS ready \gset
SELECT at_source('ALTER TABLE t ALTER wide TYPE int');
SELECT matches(run(), '^failed .*column "wide" has type integer, not smallint$', 'freeze: retyped');
SELECT begin_one('nullability') <> '' AS ready \gset
SELECT at_source('ALTER TABLE t ALTER never SET NOT NULL');
SELECT matches(run(), '^failed .*column "never" is not null$', 'freeze: nullability');
SELECT begin_one('key') <> '' AS ready \gset
SELECT at_source('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (wide, id)');
SELECT matches(run(), '^failed .*the key is \["wide", "id"\], not \["id"\]$', 'freeze: key');
SELECT is(connkit_alter_sync('t', '{"policy": {"retyped": "freeze"}}')::text || run(), 'succeeded',
	'freeze: other kinds go on');

-- discard_column
SELECT begin_all('discard_column');
SELECT is(run(), 'succeeded', 'discard_column: a first run');
SELECT at_source($$ALTER TABLE t ALTER wide TYPE bigint, ALTER other TYPE text USING 'x' || other, DROP gone,
	ALTER maybe DROP NOT NULL, ADD added date, DROP CONSTRAINT t_pkey;
	ALTER TABLE t RENAME renamed TO newname; UPDATE t SET maybe = NULL$$);
SELECT is(run(), 'succeeded', 'discard_column: a run after a change of each kind');
SELECT is(changes(), $$retyped wide: left out; the target's column stays and is NULL in new rows
retyped other: left out; the target's column stays and is NULL in new rows
nullability maybe: the target's column may be NULL
dropped gone: column gone stays and is NULL in new rows
renamed renamed: as dropped: column renamed stays and is NULL in new rows; as added: left out
added added: left out
key: recorded$$, 'discard_column: tells what became of it');
SELECT is(target(), 'id integer!, wide smallint, other integer, gone text, renamed integer, maybe text, never text',
	'discard_column: the target has no more columns');
SELECT is(target_rows(), '(1,,,,,,seven) (1,2,3,four,5,six,seven)', 'discard_column: what is left out is NULL');
SELECT at_source($$ALTER TABLE t ALTER added TYPE text, ALTER other SET NOT NULL$$);
SELECT is(run() || changes(), 'succeeded', 'discard_column: what is left out may change');
SELECT at_source($$ALTER TABLE t DROP added$$);
SELECT is(run() || changes(), 'succeededdropped added: not taken', 'discard_column: and go');

-- discard_row
SELECT begin_all('discard_row');
SELECT is(run(), 'succeeded', 'discard_row: a first run');
SELECT at_source($$ALTER TABLE t ALTER wide TYPE bigint, ALTER other TYPE text, ALTER maybe DROP NOT NULL,
	ADD added date, DROP CONSTRAINT t_pkey; TRUNCATE t; INSERT INTO t VALUES
	(2, 2, '33', 'four', 5, 'six', 'fits', NULL), (3, 99999, '3', 'four', 5, 'six', 'wide', NULL),
	(4, 2, 'three', 'four', 5, 'six', 'other', NULL), (5, 2, '3', 'four', 5, NULL, 'maybe', NULL),
	(6, 2, '3', 'four', 5, 'six', 'added', '2000-01-01')$$);
SELECT is(run(), 'succeeded', 'discard_row: a run after changes');
SELECT is(changes(), $$retyped wide: the target's column stays as it is, and rows that do not fit are rejected
retyped other: the target's column stays as it is, and rows that do not fit are rejected
nullability maybe: the target's column stays as it is, and rows that do not fit are rejected
added added: rows in which it is not NULL are rejected
key: recorded$$, 'discard_row: tells what became of it');
SELECT is(target(), 'id integer!, wide smallint!, other integer!, gone text!, renamed integer, maybe text!, never text',
	'discard_row: the target is as it was');
SELECT is(target_rows(), '(1,2,3,four,5,six,seven) (2,2,33,four,5,six,fits)', 'discard_row: takes the row that fits');
SELECT results_eq($$SELECT source_row->>'never', sqlstate FROM connkit.rejected_row ORDER BY 1$$,
	$$VALUES ('added', '22000'), ('maybe', '23502'), ('other', '22P02'), ('wide', '22003')$$,
	'discard_row: and the others are rejected');
SELECT at_source($$ALTER TABLE t DROP gone$$);
SELECT matches(run(), '^failed .*column "gone" \(text\) is gone', 'discard_row: a dropped column is as freeze');
SELECT at_source($$ALTER TABLE t ADD gone text; ALTER TABLE t RENAME gone TO went$$);
SELECT matches(run(), '^failed .*is gone', 'discard_row: a renamed one too');

-- the same, by a stage
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, wide smallint, maybe text NOT NULL); INSERT INTO t VALUES (1, 2, ''3'')',
	'{"max_rejected": 10, "policy": {"added": "discard_row", "retyped": "discard_row", "nullability": "discard_row"}}',
	mode => 'merge', write => 'merge');
SELECT is(run(), 'succeeded', 'discard_row, merge: a first run');
SELECT at_source($$ALTER TABLE t ALTER wide TYPE text, ALTER maybe DROP NOT NULL, ADD added date; INSERT INTO t VALUES
	(2, '2', 'fits', NULL), (3, 'wide', 'no', NULL), (4, '2', NULL, NULL), (5, '2', 'no', '2000-01-01')$$);
SELECT is(run(), 'succeeded', 'discard_row, merge: a run after changes');
SELECT is(target_rows(), '(1,2,3) (2,2,fits)', 'discard_row, merge: takes the row that fits');
SELECT results_eq($$SELECT source_row->>'id', sqlstate FROM connkit.rejected_row JOIN connkit.sync AS s ON s.id = sync ORDER BY 1$$,
	$$VALUES ('3', '22P02'), ('4', '23502'), ('5', '22000')$$, 'discard_row, merge: and the others are rejected');

-- types: pairs that widen
CREATE TABLE pair (n serial, old text, new text, widens boolean);
INSERT INTO pair (old, new, widens) SELECT old, new, true FROM (VALUES
	('smallint', 'integer'), ('smallint', 'bigint'), ('integer', 'bigint'), ('smallint', 'numeric'), ('bigint', 'numeric(19,0)'),
	('integer', 'numeric(12,2)'), ('smallint', 'real'), ('smallint', 'double precision'), ('integer', 'double precision'),
	('real', 'double precision'), ('numeric(8,2)', 'numeric(9,3)'), ('numeric(8,2)', 'numeric'), ('varchar(5)', 'varchar(6)'),
	('varchar(5)', 'text'), ('varchar(5)', 'varchar'), ('char(5)', 'varchar(5)'), ('char(5)', 'char(6)'), ('char(5)', 'text'),
	('date', 'timestamp'), ('date', 'timestamp(0)'), ('timestamp(0)', 'timestamp(3)'), ('timestamp(3)', 'timestamp'),
	('timestamptz(0)', 'timestamptz'), ('time(0)', 'time(3)'), ('timetz(0)', 'timetz'), ('bit(3)', 'varbit(3)'),
	('varbit(3)', 'varbit'), ('cidr', 'inet'), ('jsonb', 'json'), ('integer[]', 'bigint[]'), ('varchar(3)[]', 'text[]'),
	('interval(0)', 'interval')) AS v(old, new);
-- those that the other way round need nothing are found by running them back; those that do neither
INSERT INTO pair (old, new, widens) SELECT old, new, false FROM (VALUES
	('bigint', 'double precision'), ('integer', 'real'), ('bigint', 'numeric(18,0)'), ('integer', 'numeric(11,2)'),
	('numeric(8,2)', 'numeric(8,3)'), ('numeric(8,2)', 'numeric(9,1)'), ('integer', 'text'), ('boolean', 'integer'),
	('timestamp', 'timestamptz'), ('date', 'timestamptz'), ('time', 'timetz'), ('json', 'bytea'), ('integer', 'date'),
	('varchar(5)', 'char(6)'), ('uuid', 'text'), ('integer', 'integer[]'), ('integer[]', 'text[]'), ('real', 'numeric'),
	('interval(0)', 'interval day to second(3)')) AS v(old, new);
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, '
	|| (SELECT string_agg(format('c%s %s', n, old), ', ' ORDER BY n) FROM pair) || ')');
SELECT is(run(), 'succeeded', 'types: a first run');
SELECT at_source('ALTER TABLE t ' || (SELECT string_agg(format('ALTER c%s TYPE %s USING NULL', n, new), ', ') FROM pair));
SELECT is(run(), 'succeeded', 'types: a run after all have changed');
SELECT is_empty($$SELECT p.old, p.new, format_type(a.atttypid, a.atttypmod), c.action
	FROM pair AS p JOIN connkit.schema_change AS c ON c.column_name = 'c' || p.n
		JOIN pg_attribute AS a ON a.attrelid = 't'::regclass AND a.attname = 'c' || p.n
	WHERE c.run = (SELECT max(id) FROM connkit.sync_run) AND (c.action LIKE '% has type % now') IS DISTINCT FROM p.widens$$,
	'types: those widen that hold all values of the old type, and no others');
SELECT is((SELECT count(*) FROM connkit.schema_change WHERE run = (SELECT max(id) FROM connkit.sync_run)),
	(SELECT count(*) FROM pair), 'types: all were seen');
SELECT is_empty($$SELECT n FROM pair WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE attrelid = 't'::regclass
	AND a.attname ~ ('^c' || n || CASE WHEN widens THEN '$' ELSE '__' END)
	AND format_type(a.atttypid, a.atttypmod) = (SELECT new->>'type' FROM connkit.schema_change WHERE column_name = 'c' || n))$$,
	'types: each value has a column of its type');
SELECT at_source('ALTER TABLE t ' || (SELECT string_agg(format('ALTER c%s TYPE %s USING NULL', n, old), ', ') FROM pair));
SELECT is(run(), 'succeeded', 'types: and back');
SELECT is_empty($$SELECT p.old, p.new, c.action FROM pair AS p JOIN connkit.schema_change AS c ON c.column_name = 'c' || p.n
	WHERE p.widens AND c.run = (SELECT max(id) FROM connkit.sync_run) AND c.action NOT LIKE 'type % stays'$$,
	'types: a target of the wider type takes the narrower one');

-- names
SELECT begin_sync(format('CREATE TABLE t (id int PRIMARY KEY, %I int, "q w" int, q_w int, "a""b" smallint, "Ümlaut" varchar(3))',
	repeat('ä', 31) || 'x'));
SELECT is(run(), 'succeeded', 'names: a first run');
SELECT at_source(format($$ALTER TABLE t ALTER %1$I TYPE text, ALTER "q w" TYPE text, ALTER q_w TYPE text,
	ALTER "a""b" TYPE int, ALTER "Ümlaut" TYPE text, ADD "q w__text" int, ADD "n""w" int; INSERT INTO t
	VALUES (1, 'long', 'q w', 'q_w', 5, 'Ümlaut', 7, 8)$$, repeat('ä', 31) || 'x'));
SELECT is(run(), 'succeeded', 'names: a run after changes');
SELECT is(target(), format('id integer!, %sx integer, q w integer, q_w integer, a"b integer, Ümlaut text, %s__text text, '
	'q w__text_2 text, q_w__text text, q w__text integer, n"w integer', repeat('ä', 31), repeat('ä', 28)),
	'names: new columns have names of their own that fit');
SELECT is(target_rows(), '(1,,,,5,Ümlaut,long,"q w",q_w,7,8)', 'names: and the values that are theirs');

-- what depends on the target
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, viewed int, made int, part int); INSERT INTO t VALUES (1, 2, 3, 4)');
CREATE TABLE t (id int, viewed int, made int, part int, twice int GENERATED ALWAYS AS (made * 2) STORED) PARTITION BY LIST (part);
CREATE TABLE t_other PARTITION OF t DEFAULT;
CREATE VIEW v AS SELECT viewed FROM t;
SELECT is(run(), 'succeeded', 'depending: a first run');
SELECT at_source($$ALTER TABLE t ALTER viewed TYPE bigint, ALTER made TYPE bigint, ALTER part TYPE bigint, ALTER id TYPE bigint$$);
SELECT is(run(), 'succeeded', 'depending: a run after columns were widened that others depend on');
SELECT is(target(), 'id bigint, viewed integer, made integer, part integer, twice integer, viewed__bigint bigint, '
	'made__bigint bigint, part__bigint bigint', 'depending: variants take them');
SELECT is((SELECT string_agg(v::text, ' ' ORDER BY viewed) FROM v), '(2) ()', 'depending: the view stays');
SELECT is(target_rows(), '(1,,,,,2,3,4) (1,2,3,4,6,,,)', 'depending: nothing is lost');
SELECT at_source($$ALTER TABLE t ALTER viewed TYPE int$$);
SELECT is(run() || changes(), 'succeededretyped viewed: type bigint of column viewed__bigint stays',
	'depending: the variant goes on');
SELECT is(connkit_reset_sync('t')::text || run() || changes(), 'succeeded', 'depending: after a reset');
SELECT is((SELECT string_agg(concat(viewed, ',', made__bigint), ' ' ORDER BY viewed, made__bigint) FROM t),
	'2,3 2, ,3 ,3',
	'depending: columns that fit take their values, else the variants');

-- the key, the cursor, and what the definition names
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE NOT NULL, c int)', mode => 'merge', write => 'merge');
SELECT is(run(), 'succeeded', 'key: a first run');
SELECT at_source('ALTER TABLE t ALTER id TYPE bigint');
SELECT is(run() || changes(), 'succeededretyped id: column id has type bigint now', 'key: it may widen');
SELECT at_source('ALTER TABLE t DROP CONSTRAINT t_pkey');
SELECT is(run(), 'failed | sync "t" cannot follow its source''s table: the key is ["a"], not ["id"] | Rows are merged by it.',
	'key: another key is an error where rows are merged by it');
SELECT is(connkit_alter_sync('t', '{"key_columns": ["id"]}')::text || run() || changes(), 'succeededkey: recorded',
	'key: unless key_columns says what it is');
SELECT at_source('ALTER TABLE t ALTER id DROP NOT NULL');
SELECT is(run() || changes(), 'succeedednullability id: recorded; it is the sync''s key or cursor', 'key: it stays not null');
SELECT at_source('ALTER TABLE t ALTER id TYPE text');
SELECT matches(run(), '^failed \| sync "t" cannot follow .* has type text, not bigint \| It is in the sync''s key\.$',
	'key: it has no variant');
SELECT at_source('ALTER TABLE t DROP id');
SELECT matches(run(), '^failed \| sync "t" cannot follow .* is gone \| It is in the sync''s key\.$', 'key: it cannot go');
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, c int); INSERT INTO t VALUES (1, 1)', mode => 'incremental',
	cursor_column => 'c');
SELECT is(run(), 'succeeded', 'cursor: a first run');
SELECT at_source('ALTER TABLE t ALTER c TYPE bigint; INSERT INTO t VALUES (2, 5000000000)');
SELECT is(run(), 'succeeded', 'cursor: it may widen');
SELECT is(target_rows(), '(1,1) (2,5000000000)', 'cursor: and no row comes twice');
SELECT connkit_alter_sync('t', '{"policy": {"dropped": "discard_column"}}');
SELECT at_source('ALTER TABLE t DROP c');
SELECT matches(run(), '^failed \| sync "t" cannot follow .* is gone \| It is the sync''s cursor\.$', 'cursor: it cannot go');
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, a int)', write => 'replace');
SELECT is(run(), 'succeeded', 'primary key: a first run');
SELECT at_source('ALTER TABLE t ALTER id TYPE text');
SELECT matches(run(), 'Column "id" of the target is in its primary key\.$', 'primary key: the target''s has no variant');

-- columns, mapping, and names that the sync uses
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t VALUES (1, 2, 3)', '{"columns": ["id", "a"]}');
SELECT is(run(), 'succeeded', 'columns: a first run');
SELECT at_source('ALTER TABLE t ADD c text, DROP b');
SELECT is(run() || changes(), E'succeededdropped b: not taken\nadded c: not taken', 'columns: others come and go');
SELECT is(connkit_alter_sync('t', '{"columns": ["id", "a", "c"]}')::text || run() || changes(),
	'succeededadded c: column c was added', 'columns: one that is taken now is added');
SELECT at_source('ALTER TABLE t DROP a');
SELECT matches(run(), 'The sync''s list of columns names it\.$', 'columns: one of them cannot go');
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b text, c int); INSERT INTO t VALUES (1, 2, ''3'', 4)',
	'{"mapping": {"x": "a", "y": "b", "z": "id + 1", "c": null}}');
SELECT is(run(), 'succeeded', 'mapping: a first run');
SELECT at_source('ALTER TABLE t ALTER a TYPE bigint, ALTER a DROP NOT NULL, DROP c, ADD z text; UPDATE t SET a = NULL, z = 9');
SELECT is(run(), 'succeeded', 'mapping: a run after changes');
SELECT is(changes(), $$retyped a: column x has type bigint now
nullability a: the target's column may be NULL
dropped c: not taken
added z: column z_2 was added$$, 'mapping: the columns that it names follow');
SELECT is((SELECT string_agg(concat_ws(',', id, x, y, z, z_2), ' ' ORDER BY ctid) FROM t), '1,2,3,2 1,3,2,9',
	'mapping: each has its values');
SELECT at_source('ALTER TABLE t DROP b');
SELECT matches(run(), 'The sync''s mapping names it\.$', 'mapping: what it names cannot go');

-- the target by itself
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text); INSERT INTO t VALUES (1, 2, 3, ''4'')',
	'{"policy": {"added": "freeze"}}');
CREATE TABLE t (id bigint, c varchar(5));
SELECT is(run(), E'failed | the target of sync "t" lacks columns of the source''s table | column "a" (integer) is new\n'
	'column "b" (integer) is new', 'target: one that is there lacks columns');
SELECT is(connkit_alter_sync('t', '{"policy": {"added": "discard_column"}}')::text || run() || target(),
	'succeededid bigint, c character varying(5)', 'target: they are left out');
SELECT is(connkit_alter_sync('t', '{"policy": {}}')::text || run() || changes(), 'succeeded', 'target: and stay so');
SELECT is(connkit_reset_sync('t')::text || run() || changes(),
	E'succeededadded a: column a was added\nadded b: column b was added', 'target: until a reset');
ALTER TABLE t DROP a;
SELECT is(connkit_alter_sync('t', '{"policy": {"added": "freeze"}}')::text || run() || changes(),
	'succeededadded a: column a was added', 'target: a column that somebody has dropped is added again');
DROP TABLE t;
SELECT at_source('ALTER TABLE t ADD d int');
SELECT is(connkit_alter_sync('t', '{"policy": {}}')::text || run() || changes() || target(),
	'succeededadded d: made with the targetid integer!, a integer, b integer, c text, d integer', 'target: one that is gone is made');

-- rights: the target is altered as the sync's owner
CREATE ROLE connkit_evolve_owner;
GRANT USAGE ON FOREIGN SERVER source TO connkit_evolve_owner;
GRANT CREATE ON SCHEMA public TO connkit_evolve_owner;
GRANT connkit_evolve_owner TO CURRENT_USER;
SELECT at_source('DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, a int)');
SELECT connkit_drop_sync('t');
DROP TABLE t;
CREATE TABLE t (id int, a int);
GRANT ALL ON t TO connkit_evolve_owner;
SET ROLE connkit_evolve_owner;
SELECT connkit_create_sync('source', 'evolve.t', target => 'public.t', write => 'append', name => 't') <> '' AS ready \gset
RESET ROLE;
SELECT is(run(), 'succeeded', 'rights: a first run');
SELECT at_source('ALTER TABLE t ADD b int');
SELECT is(run(), 'failed | must be owner of table t', 'rights: a superuser who runs it does not alter another''s table');
SELECT is(target(), 'id integer, a integer', 'rights: nor is it altered');
ALTER TABLE t OWNER TO connkit_evolve_owner;
SELECT is(run() || target(), 'succeededid integer, a integer, b integer', 'rights: the sync''s owner does with his');
SELECT connkit_drop_sync('t');
DROP OWNED BY connkit_evolve_owner;
DROP ROLE connkit_evolve_owner;

-- a query: what its definition says
SELECT at_source('DROP TABLE IF EXISTS t; CREATE TABLE t (id int, n text); INSERT INTO t VALUES (1, 2)');
SELECT connkit_create_sync('source', target => 'public.t', write => 'append', name => 't',
	query => 'SELECT id, n FROM evolve.t', query_columns => 'id int, "n" varchar(3)') <> '' AS ready \gset
SELECT is(run() || target(), 'succeededid integer, n character varying(3)', 'query: a first run');
SELECT connkit_alter_sync('t', '{"query_columns": "id bigint, n text, \"one \"\"more\" date",
	"query": "SELECT id, n, date ''2000-01-01'' AS \"one \"\"more\" FROM evolve.t"}');
SELECT is(run() || target(), 'succeededid bigint, n text, one "more date', 'query: other columns');
SELECT is(target_rows(), '(1,2,) (1,2,2000-01-01)', 'query: and their values');
SELECT connkit_drop_sync('t');
DROP TABLE t;

-- no table
SELECT at_source('DROP TABLE t');
SELECT begin_sync('CREATE TABLE t (id int)');
SELECT at_source('DROP TABLE t');
SELECT is(run(), 'failed | table "evolve.t" is not present on source "source"', 'a table that is gone');

-- a column is widened that a check is on, which the stage has too
SELECT begin_sync('CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)', '{"max_rejected": 1, "deletes": "hard"}', 'merge', 'merge');
SELECT is(run(), 'succeeded', 'a merge');
ALTER TABLE t ADD CHECK (v < 9);
SELECT at_source('ALTER TABLE t ALTER v TYPE bigint; INSERT INTO t VALUES (2, 2), (3, 10)');
SELECT is(run(), 'succeeded', 'a checked column is widened');
SELECT is(target() || ' ' || target_rows(), 'id integer!, v bigint (1,1) (2,2)', 'and checked on');

SELECT * FROM finish();
SELECT dblink_exec('source', 'DROP SCHEMA evolve CASCADE') <> '' AS ready \gset
