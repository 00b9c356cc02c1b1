# Rows formed on pages past the shared buffers are those that an INSERT would have stored: long ones, NULLs, every fill factor
# and layout; with checksums, a visibility map that tells the truth, and through crashes and checkpoints in between.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => ['--data-checksums'], allows_streaming => 1);
$node->append_conf('postgresql.conf', "autovacuum = off\nwal_level = replica\nmax_wal_size = 1GB\n");

sub sql
{
	return $node->safe_psql('postgres', 'SET client_min_messages = error; ' . shift);
}

$node->start;
sql(q{
	CREATE EXTENSION connkit CASCADE;
	CREATE EXTENSION amcheck;
	CREATE EXTENSION pg_visibility;
	CREATE SERVER source FOREIGN DATA WRAPPER connkit_null OPTIONS (rows '20000', text_size '60', null_every '7');
	CREATE USER MAPPING FOR PUBLIC SERVER source;
	CREATE FUNCTION sync(target text, mapping json, columns text[] DEFAULT '{id,flag,share,amount,name,data,moment,document}',
		mode text DEFAULT 'replace') RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM connkit_create_sync('source', 'numbers', target, name => target, write => mode,
			settings => json_build_object('columns', columns, 'mapping', mapping)::jsonb);
		RETURN (SELECT inserted FROM connkit_sync(target, atomic => true));
	END $$;
	CREATE FUNCTION sound(name text) RETURNS text LANGUAGE sql AS $$
		SELECT concat_ws(' ', 'heap: ' || (SELECT count(*) FROM verify_heapam(name, check_toast := true)),
			'visible: ' || (SELECT count(*) FROM pg_check_visible(name)), 'frozen: ' || (SELECT count(*) FROM pg_check_frozen(name)),
			'blocks: ' || (SELECT CASE all_visible WHEN pg_relation_size(name) / 8192 THEN 'all' ELSE all_visible::text END
				FROM pg_visibility_map_summary(name)))
	$$;
});
my $sound = 'heap: 0 visible: 0 frozen: 0 blocks: all';

# what an INSERT makes of the same rows
my $columns = 'id bigint, flag boolean, share double precision, amount numeric, name text, data bytea, moment timestamp, document jsonb';
sql(qq{
	CREATE FOREIGN TABLE numbers ($columns) SERVER source OPTIONS (table_name 'numbers');
	CREATE TABLE judge (LIKE numbers);
	INSERT INTO judge SELECT * FROM numbers;
});

sub same
{
	my ($table, $what) = @_;

	is(sql("SELECT count(*) FROM ((TABLE judge EXCEPT ALL SELECT $_[2] FROM $table)"
		. " UNION ALL (SELECT $_[2] FROM $table EXCEPT ALL TABLE judge)) AS different"), 0, "$what: the same rows");
	is(sql("SELECT sound('$table')"), $sound, "$what: and a sound heap");
}

my $list = 'id, flag, share, amount, name, data, moment, document';
for my $fill (100, 50, 10)
{
	sql("CREATE TABLE filled_$fill (LIKE numbers) WITH (fillfactor = $fill)");
	is(sql("SELECT sync('filled_$fill', '{}')"), 20000, "fill factor $fill: all rows");
	same("filled_$fill", "fill factor $fill", $list);
}
is(sql("SELECT pg_relation_size('filled_100') = pg_relation_size('judge')"), 't', 'as many pages as an INSERT takes');
sql('CREATE TABLE half (LIKE numbers) WITH (fillfactor = 50); INSERT INTO half TABLE judge');
is(sql("SELECT pg_relation_size('filled_50') = pg_relation_size('half')"), 't', 'with a fill factor too');

sql("CREATE TABLE odd (gone int, $columns, short \"char\" DEFAULT 'x', twice bigint GENERATED ALWAYS AS (id * 2) STORED, none text);"
	. " ALTER TABLE odd DROP gone");
is(sql("SELECT sync('odd', '{}')"), 20000, 'a dropped column, a default, a generated one');
same('odd', 'odd columns', $list);
is(sql("SELECT count(*) FROM odd WHERE short = 'x' AND twice IS NOT DISTINCT FROM id * 2 AND none IS NULL"), 20000, 'with their values');

for my $mode ('replace', 'append')
{
	is(sql("SELECT sync('made_$mode', '{}', mode => '$mode')"), 20000, "$mode: a table that the run makes");
	same("made_$mode", $mode, $list);
}

# long values, in each way of storing them
sql(q{
	CREATE TABLE long (id bigint PRIMARY KEY, plain text, outside text, inside text, short text);
	ALTER TABLE long ALTER plain SET STORAGE EXTENDED, ALTER outside SET STORAGE EXTERNAL, ALTER inside SET STORAGE MAIN;
	ALTER SERVER source OPTIONS (SET rows '3000', SET null_every '0');
});
my $mapping = q({"plain": "repeat(md5(id::text), (id % 90)::int)", "outside": "repeat(name, (id % 50)::int)",
	"inside": "repeat(name, (id % 70)::int)", "short": "name"});
is(sql("SELECT sync('long', '$mapping', '{id,name}')"), 3000, 'values that are toasted');
is(sql("SELECT count(*) FROM long AS l JOIN numbers AS n USING (id) WHERE l.plain = repeat(md5(id::text), (id % 90)::int) AND"
	. " l.outside = repeat(n.name, (id % 50)::int) AND l.inside = repeat(n.name, (id % 70)::int) AND l.short = n.name"), 3000,
	'are what they were');
is(sql("SELECT sound('long')"), $sound, 'in a sound heap');
is(sql("SELECT pg_relation_size(reltoastrelid) > 0 FROM pg_class WHERE relname = 'long'"), 't', 'some of them outside of it');

# a row that no page can hold
my ($code, $out, $error);
sql(q{DO $$ BEGIN EXECUTE 'CREATE TABLE wide (' || (SELECT string_agg(format('c%s name', n), ', ') FROM generate_series(1, 140) AS n)
	|| ')'; END $$});
sql(q{SELECT connkit_create_sync('source', 'numbers', 'wide', name => 'wide', write => 'replace', settings => jsonb_build_object(
	'columns', '{name}'::text[], 'mapping', (SELECT jsonb_object_agg('c' || n, 'left(name, 60)') FROM generate_series(1, 140) AS n)))});
($code, $out, $error) = $node->psql('postgres', q{SELECT inserted FROM connkit_sync('wide', atomic => true)});
like($error, qr/row is too big: size \d+, maximum size \d+/, 'a row that is too long for a page');
is(sql('SELECT count(*) FROM wide'), 0, 'and nothing is written');

# an expression that writes to the table that is being loaded
sql(q{
	CREATE TABLE trespass (id bigint, name text);
	CREATE FUNCTION trespass(n bigint) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE format('INSERT INTO public.new_%s VALUES (-1, %L)', 'table', 'mine');
		RETURN 'x';
	END $$;
});
($code, $out, $error) = $node->psql('postgres',
	q{SELECT sync('new_table', '{"name": "CASE id WHEN 1000 THEN public.trespass(id) ELSE name END"}', '{id,name}', 'append')});
like($error, qr/was written to while it was loaded/, 'nobody writes between');

# all of it is in WAL
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
sql("SELECT connkit_sync('filled_50'), connkit_sync('long')");
is(sql("SELECT sync('after', '{}', '{id,name}', 'append')"), 3000, 'tables are filled beside a standby');
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
for my $table ('filled_50', 'long', 'after')
{
	my $sum = "SELECT count(*) || ' ' || md5(string_agg(t::text, '' ORDER BY id)) FROM $table AS t";

	is($standby->safe_psql('postgres', $sum), sql($sum), "$table is the same there");
	is($standby->safe_psql('postgres', "SELECT sound('$table')"), $sound, 'and sound');
}
$standby->stop;

# checkpoints in the middle, then a crash
sql(q{
	ALTER SERVER source OPTIONS (SET rows '60000');
	CREATE TABLE crossed (id bigint PRIMARY KEY, name text);
	CREATE FUNCTION gate(n bigint) RETURNS bigint LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_advisory_xact_lock(n);
		WHILE pg_stat_file('gate_' || n, true) IS NULL LOOP
			PERFORM pg_sleep(0.02);
		END LOOP;
		RETURN n;
	END $$;
	SELECT connkit_create_sync('source', 'numbers', 'crossed', name => 'crossed', write => 'replace', settings =>
		'{"columns": ["id", "name"], "mapping": {"id": "CASE WHEN id IN (20000, 40000) THEN public.gate(id) ELSE id END"}}');
});
my ($written, $told) = ('', '');
my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
	"SELECT inserted FROM connkit_sync('crossed', atomic => true)" ], '>', \$written, '2>', \$told);
for my $gate (20000, 40000)
{
	ok($node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $gate)"),
		"at row $gate");
	sql('CHECKPOINT');
	append_to_file($node->data_dir . "/gate_$gate", '');
}
$run->finish;
is($written, "60000\n", 'a load over two checkpoints');
$node->stop('immediate');
$node->start;
is(sql("SELECT concat_ws(' ', count(*), sum(id), count(DISTINCT name)) FROM crossed"), '60000 1800030000 26',
	'is there after a crash');
is(sql("SELECT sound('crossed'); SELECT bt_index_parent_check('crossed_pkey', true, true)") =~ s/\s+$//r, $sound, 'and sound');
for my $table ('filled_10', 'odd', 'made_append', 'made_replace', 'long')
{
	is(sql("SELECT sound('$table')"), $sound, "so is $table");
}
# a new table whose changes are replicated
$node->append_conf('postgresql.conf', 'wal_level = logical');
$node->restart;
sql("SELECT pg_create_logical_replication_slot('slot', 'test_decoding')");
is(sql("SELECT sync('told', '{}', '{id}', 'append')"), 60000, 'a new table, with a slot');
is(sql("SELECT count(*) FROM pg_logical_slot_get_changes('slot', NULL, NULL) WHERE data LIKE 'table public.told: INSERT%'"), 60000,
	'each of its rows is told');
sql("SELECT pg_drop_replication_slot('slot')");

$node->stop;
command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'checksums of all pages');
done_testing();
