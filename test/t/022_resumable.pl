# Syncs that read all rows in parts: interrupted in every way, they go on where they were, and their targets have the rows.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Scheduler;
use Test::More;

use constant ROWS => 20000;

my $source = PostgreSQL::Test::Cluster->new('source');
$source->init;
$source->append_conf('postgresql.conf', "autovacuum = off\nlog_statement = none\n");
$source->start;
my $node = scheduler_node('main');
my ($host, $port) = ($source->host, $source->port);

sub sql
{
	return $node->safe_psql('postgres', shift);
}

# Rows at the source come slowly, so that there is time to interrupt.
$source->safe_psql('postgres', q{
	CREATE ROLE reader LOGIN;
	CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql
		AS 'BEGIN IF random() < 0.4 THEN PERFORM pg_sleep(0.00015); END IF; RETURN true; END';
	CREATE TABLE plain (id bigint PRIMARY KEY, name text, at timestamptz DEFAULT now());
	CREATE TABLE pair (a int, b date, n numeric, PRIMARY KEY (a, b));
	CREATE TABLE letters (k text PRIMARY KEY, n int);
	CREATE TABLE loose (id bigint UNIQUE, name text);
	CREATE TABLE twice (id bigint NOT NULL);
	CREATE TABLE triple (a int, b int, c int, PRIMARY KEY (a, b, c));
} . "INSERT INTO plain SELECT i * 3, 'row ' || i FROM generate_series(1, ${\ROWS}) AS i;
	INSERT INTO pair SELECT i / 1500, date '2000-01-01' + i % 1500, i / 7.0 FROM generate_series(1, ${\ROWS}) AS i;
	INSERT INTO letters SELECT chr(65 + i % 900) || i, i FROM generate_series(1, 3000) AS i;
	INSERT INTO loose SELECT i FROM generate_series(1, 50) AS i;
	INSERT INTO twice SELECT i / 2 FROM generate_series(1, 50) AS i;
	INSERT INTO triple SELECT i / 9, i / 3 % 3, i * 2 % 3 FROM generate_series(1, 80) AS i;"
	. join '', 'ANALYZE;', map { "ALTER TABLE $_ ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON $_ USING (slowly()); GRANT SELECT ON $_ TO reader;" }
	qw(plain pair letters loose twice triple));
make_extension($node, 'postgres');
# whether a run commits so many parts before long; it looks often, since the run goes on meanwhile
sql(q{
	CREATE FUNCTION reaches(run bigint, parts bigint) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. 500 LOOP
			IF EXISTS (SELECT FROM connkit.sync_run WHERE id = run AND state = 'running' AND chunks >= parts) THEN
				RETURN true;
			END IF;
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN false;
	END $$});
sql(qq{
	CREATE SERVER src FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '$host', port '$port', dbname 'postgres');
	CREATE USER MAPPING FOR acme SERVER src OPTIONS (user 'reader', password_required 'false');
	GRANT USAGE ON FOREIGN SERVER src TO acme;
	SELECT connkit_grant_source('src', 'query', 'acme');
});

sub make
{
	my ($name, $table, $arguments, $settings) = @_;

	$table = "'public.$table'" unless $table =~ /=>/;
	sql(qq{SET ROLE acme; SELECT connkit_create_sync('src', $table, target => '$name', name => '$name'$arguments,
		settings => '{"resumable": true, "chunk_rows": 1000${\($settings // '')}}')});
}

sub request
{
	return sql("SET ROLE acme; SELECT run FROM connkit_sync('$_[0]', background => true)");
}

# Waits until a run has committed so many parts.
sub parts
{
	my ($run, $chunks) = @_;

	$node->poll_query_until('postgres', "SELECT reaches($run, $chunks)") or die "run $run does not get on";
}

sub ended
{
	my ($run, $state, $name) = @_;

	$node->poll_query_until('postgres', 'SELECT 1', '1');	# the server may be in recovery
	return eventually($node, 'postgres',
		"SELECT state = '$state' FROM connkit.sync_run WHERE id = $run AND state NOT IN ('queued', 'running')", $name);
}

sub terminate { sql("SELECT pg_terminate_backend(pid) FROM connkit.sync_progress") }
sub crash { kill_process($node, sql('SELECT pid FROM connkit.sync_progress')) }
sub stop_source { $source->stop('immediate'); $source->start }
sub restart { $node->stop('immediate'); $node->start }
sub cancel { sql("SET ROLE acme; SELECT connkit_cancel_run(run) FROM connkit.sync_progress") }

# The rows of the source are in the target, as often as is said; nothing is left of the load.
sub whole
{
	my ($name, $table, $columns, $times, $where) = @_;
	my $query = "SELECT md5(string_agg(md5(r::text), '' ORDER BY r::text COLLATE \"C\")), count(*) FROM (SELECT $columns FROM";

	is(sql("$query $name " . ($where // '') . ') AS r'),
		$source->safe_psql('postgres', "$query $table, generate_series(1, $times)) AS r"), "$name: its rows are the source's");
	nothing_left($name);
}

sub nothing_left
{
	is(sql(q{SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE 'connkit\_load%'), count(load) FROM connkit.sync_state}), '0|0',
		"$_[0]: and nothing is left beside them");
}

sub figures
{
	my ($run, $figures, $expected, $name) = @_;

	is(sql("SELECT $figures FROM connkit.sync_run WHERE id = $run"), $expected, $name);
}

# replace: every kind of interruption, in one run

make('replaced', 'plain', '');
my $run = request('replaced');
my $part = 2;
for my $interruption (\&terminate, \&crash, \&stop_source, \&restart)
{
	parts($run, $part);
	&$interruption;
	$part += 3;
}
parts($run, $part);
is(sql(q{SELECT to_regclass('replaced')}), '', 'before the end, there is no target');
is(sql(q{SELECT relowner::regrole, relpersistence FROM pg_class WHERE relname LIKE 'connkit\_load%'}), 'acme|p',
	'the rows wait in a table of the owner');
is(sql(q{SELECT (load ->> 'rows')::int % 1000, load ->> 'rows' = (load #>> '{after,0}')::int / 3 || '', load #>> '{key,0}'
	FROM connkit.sync_state}), '0|t|id', 'the state says how far it has come');
ended($run, 'succeeded', 'a run that was interrupted goes on to its end');
whole('replaced', 'plain', 'id, name, at', 1);
figures($run, 'rows_read, inserted, chunks, attempt > 1', ROWS . '|' . ROWS . '|20|t', 'it has not begun anew');

# the next one replaces the rows, and is cancelled; another run goes on
$source->safe_psql('postgres', 'DELETE FROM plain WHERE id % 100 = 0; UPDATE plain SET name = upper(name) WHERE id % 2 = 0');
my $rows = $source->safe_psql('postgres', 'SELECT count(*) FROM plain');
$run = request('replaced');
parts($run, 4);
cancel();
ended($run, 'cancelled', 'a run is cancelled');
is(sql('SELECT count(*) FROM replaced'), ROWS, 'the old rows are there until the end');
my $next = request('replaced');
parts($next, 1);
crash();
ended($next, 'succeeded', 'another run ends');
whole('replaced', 'plain', 'id, name, at', 1);
is(sql("SELECT sum(rows_read) FROM connkit.sync_run WHERE id IN ($run, $next)"), $rows, 'it has gone on with what the first one had read');

# merge with deletes, append, history, a key of two columns

make('merged', 'pair', ", mode => 'merge'", ', "deletes": "hard"');
$run = request('merged');
parts($run, 3);
crash();
parts($run, 9);
stop_source();
ended($run, 'succeeded', 'merge by a key of two columns');
whole('merged', 'pair', 'a, b, n', 1);
figures($run, 'rows_read, inserted, deleted', join('|', ROWS, ROWS, 0), 'it has not begun anew');
$source->safe_psql('postgres', q{DELETE FROM pair WHERE b = '2000-01-02'; UPDATE pair SET n = -n WHERE a = 3});
$run = request('merged');
parts($run, 5);
terminate();
ended($run, 'succeeded', 'rows are merged');
whole('merged', 'pair', 'a, b, n', 1);
figures($run, 'rows_read, inserted, updated, deleted', ROWS - 14 . '|0|1499|14', 'changed, and deleted');

make('appended', 'plain', ", write => 'append'");
for my $times (1, 2)
{
	$run = request('appended');
	parts($run, 5);
	$times == 1 ? crash() : stop_source();
	ended($run, 'succeeded', 'append');
	whole('appended', 'plain', 'id, name, at', $times);
	figures($run, 'rows_read, inserted', "$rows|$rows", 'all rows once');
}

make('sorted', 'letters', '', ', "chunk_rows": 500');
$run = request('sorted');
parts($run, 2);
stop_source();
ended($run, 'succeeded', 'a key of text, in an order that may be another at the source');
whole('sorted', 'letters', 'k, n', 1);
figures($run, 'rows_read, chunks', '3000|6', 'it has not begun anew');

make('versions', 'plain', ", mode => 'history'", ', "deletes": "soft", "filter": "id < 30000"');
$run = request('versions');
parts($run, 3);
restart();
ended($run, 'succeeded', 'history');
$source->safe_psql('postgres', q{UPDATE plain SET name = 'new' WHERE id < 300});
$run = request('versions');
parts($run, 5);
crash();
ended($run, 'succeeded', 'history, again');
whole('versions', "(SELECT * FROM plain WHERE id < 30000) AS p", 'id, name, at', 1, 'WHERE is_current');
figures($run, 'rows_read, updated', '9900|99', 'versions are new where rows have changed');

# when the source changes in the middle, or what is read of it, it begins anew

$run = request('replaced');
parts($run, 3);
cancel();
ended($run, 'cancelled', 'before a change');
$source->safe_psql('postgres', 'ALTER TABLE plain ADD COLUMN more int DEFAULT 7');
$run = request('replaced');
ended($run, 'succeeded', 'a column more');
whole('replaced', 'plain', 'id, name, at, more', 1);
figures($run, 'rows_read, schema_changes', "$rows|1", 'it has begun anew');

$run = request('replaced');
parts($run, 3);
$source->safe_psql('postgres', 'ALTER TABLE plain ADD COLUMN last int DEFAULT 8');
ended($run, 'succeeded', 'a column more during a run');
whole('replaced', 'plain', 'id, name, at, more, last', 1);
figures($run, "rows_read > $rows, schema_changes", 't|1', 'it has begun anew');

$run = request('replaced');
parts($run, 3);
cancel();
ended($run, 'cancelled', 'before another filter');
sql(q{SET ROLE acme; SELECT connkit_alter_sync('replaced', '{"filter": "id < 9000"}')});
$run = request('replaced');
ended($run, 'succeeded', 'another filter');
whole('replaced', '(SELECT * FROM plain WHERE id < 9000) AS p', 'id, name', 1);

# what drops the load

sub interrupted
{
	my ($name) = @_;

	$run = request($name);
	parts($run, 1);
	cancel();
	ended($run, 'cancelled', 'a run is interrupted');
	is(sql(q{SELECT count(*) FROM pg_class WHERE relname LIKE 'connkit\_load%'}), '1', 'and leaves its table');
}

interrupted('replaced');
sql("SET ROLE acme; DROP TABLE connkit_load_1");
$run = request('replaced');
ended($run, 'succeeded', 'the table was dropped');
whole('replaced', '(SELECT * FROM plain WHERE id < 9000) AS p', 'id, name', 1);
interrupted('replaced');
sql("CREATE ROLE ben; GRANT CREATE ON SCHEMA public TO ben; SET ROLE acme; DROP TABLE connkit_load_1;"
	. " RESET ROLE; SET ROLE ben; CREATE TABLE connkit_load_1 (id bigint)");
$run = request('replaced');
ended($run, 'failed', 'a table of another role is in its place');
figures($run, 'sqlstate', '42P07', 'which is told');
sql("SET ROLE ben; DROP TABLE connkit_load_1");
interrupted('replaced');
sql("SET ROLE acme; DELETE FROM connkit_load_1 WHERE id = 3");
$run = request('replaced');
ended($run, 'failed', 'somebody has deleted a row of the table');
figures($run, 'sqlstate', '22000', 'which is told');
$run = request('replaced');
ended($run, 'succeeded', 'and the next run begins anew');
whole('replaced', '(SELECT * FROM plain WHERE id < 9000) AS p', 'id, name', 1);
interrupted('replaced');
is(sql("SET ROLE acme; SELECT outcome FROM connkit_sync('replaced')"), 'succeeded', 'a run in the foreground');
whole('replaced', '(SELECT * FROM plain WHERE id < 9000) AS p', 'id, name', 1);
interrupted('replaced');
sql("SET ROLE acme; SELECT connkit_reset_sync('replaced')");
nothing_left('reset');
interrupted('replaced');
sql("SET ROLE acme; SELECT connkit_drop_sync('replaced')");
nothing_left('drop');
interrupted('merged');
sql(q{SET ROLE acme; SELECT connkit_alter_sync('merged', '{"resumable": false}')});
$run = request('merged');
ended($run, 'succeeded', 'resumable no more');
whole('merged', 'pair', 'a, b, n', 1);
figures($run, 'chunks', '1', 'in one transaction');

# keys

sub fails
{
	my ($name, $message) = @_;

	$run = request($name);
	ended($run, 'failed', 'a run fails');
	like(sql("SELECT message FROM connkit.sync_run WHERE id = $run"), $message, 'and says why');
	isnt(sql("SELECT hint FROM connkit.sync_run WHERE id = $run"), '', 'with a hint');
}

make('triple', 'triple', ", write => 'append'", ', "chunk_rows": 4');
$run = request('triple');
ended($run, 'succeeded', 'a key of three columns');
whole('triple', 'triple', 'a, b, c', 1);
figures($run, 'rows_read, chunks', '80|20', 'in parts');
make('loose', 'loose', '');
fails('loose', qr/its source has no key/);
sql(q{SET ROLE acme; SELECT connkit_alter_sync('loose', '{"key_columns": ["id"]}')});
fails('loose', qr/column "id" of its key may be NULL/);
sql(q{SET ROLE acme; SELECT connkit_alter_sync('loose', '{"key_columns": ["nothing"]}')});
fails('loose', qr/nothing/);
make('twice', 'twice', ", write => 'append', key_columns => '{id}'", ', "max_rejected": 100');
for my $chunk (10, 9)
{
	sql(qq{SET ROLE acme; SELECT connkit_alter_sync('twice', '{"chunk_rows": $chunk}')});
	fails('twice', qr/same key/);
	sql(q{SET ROLE acme; SELECT connkit_reset_sync('twice')});
}
$source->safe_psql('postgres', q{ALTER TABLE twice ALTER id DROP NOT NULL; DELETE FROM twice; INSERT INTO twice
	SELECT i FROM generate_series(1, 30) AS i UNION ALL SELECT NULL});
make('nulls', "query => 'SELECT id FROM public.twice', query_columns => 'id bigint'", ", write => 'append', key_columns => '{id}'",
	', "chunk_rows": 10');
fails('nulls', qr/no value in column id/);
sql(q{SET ROLE acme; SELECT connkit_drop_sync('nulls')});
nothing_left('nulls');
for my $case ([ qq{'public.plain', mode => 'incremental', cursor_column => 'id'}, qr/cursor_column/ ],
	[ qq{query => 'SELECT 1', query_columns => 'a int', target => 'q'}, qr/key_columns/ ])
{
	my ($status, $out, $error) = $node->psql('postgres', "SET ROLE acme; SELECT connkit_create_sync('src', $case->[0],"
		. q{ settings => '{"resumable": true}')});

	like($error, $case->[1], 'what cannot be is refused');
}

# rejected rows, at the source and by the target, over several runs

my $file = $node->basedir . '/source.db';
sub lite { system_or_bail('sqlite3', $file, shift) }
lite("CREATE TABLE texts (id INTEGER PRIMARY KEY, v JSON);"
	. " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
	. " INSERT INTO texts SELECT i, CASE WHEN i % 900 = 0 THEN 'bad ' || i ELSE '' || i END FROM n");
sql(qq{
	CREATE SERVER lite FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '$file');
	CREATE USER MAPPING FOR acme SERVER lite;
	GRANT USAGE ON FOREIGN SERVER lite TO acme;
	SET ROLE acme;
	CREATE FUNCTION slowly(bigint) RETURNS boolean LANGUAGE plpgsql
		AS 'BEGIN IF random() < 0.4 THEN PERFORM pg_sleep(0.00015); END IF; RETURN true; END';
	CREATE TABLE good (id bigint PRIMARY KEY, v jsonb CHECK (v::int % 1000 <> 1));
	INSERT INTO good VALUES (900, '-1'), (7777, '-1');
	SELECT connkit_create_sync('lite', 'texts', 'good', 'merge', name => 'good', settings => '{"resumable": true,
		"chunk_rows": 200, "max_rejected": 12, "deletes": "hard", "filter": "public.slowly(id)"}')});
$run = request('good');
parts($run, 3);
terminate();
parts($run, 6);
cancel();
ended($run, 'cancelled', 'rejecting rows, a run is interrupted');
figures($run, 'rejected > 0', 't', 'which has met one');
$next = request('good');
ended($next, 'succeeded', 'and another one ends');
figures($next, 'rejected', '12', 'it counts the rows of both');
is(sql(qq{SELECT count(*), count(DISTINCT source_row), min(run) FROM connkit.rejected_row WHERE sync =
	(SELECT id FROM connkit.sync WHERE name = 'good')}), "12|12|$next", 'each row is told once');
is(sql(q{SELECT count(*), count(*) FILTER (WHERE v = to_jsonb(id)), count(*) FILTER (WHERE v = '-1') FROM good}), '5990|5988|2',
	'others are in the target, and none is deleted');
nothing_left('rejected');
sql(q{SET ROLE acme; SELECT connkit_alter_sync('good', '{"max_rejected": 11}')});
$run = request('good');
ended($run, 'failed', 'one too many');
lite("UPDATE texts SET v = '' || id");
$run = request('good');
ended($run, 'succeeded', 'when they are mended at the source, the next run begins anew');
figures($run, 'rejected, rows_read', '6|6000', 'and takes them');
nothing_left('mended');

# the first parts have nothing but rows that are rejected
lite("UPDATE texts SET v = 'x' WHERE id <= 2301");
sql(q{SET ROLE acme; DROP TABLE good; SELECT connkit_alter_sync('good', '{"max_rejected": 2301, "chunk_rows": 500, "filter": null}')});
$run = request('good');
ended($run, 'succeeded', 'parts of nothing but bad rows');
figures($run, 'rejected, inserted', '2301|3699', 'do not stop it');

# rows that a load has rejected are not replayed before the others are in the target
lite("UPDATE texts SET v = CASE WHEN id = 3 THEN 'x' ELSE '' || id END");
sql(q{SET ROLE acme; SELECT connkit_create_sync('lite', 'texts', 'refreshed', name => 'refreshed', settings => '{"resumable": true,
	"chunk_rows": 200, "max_rejected": 1, "filter": "public.slowly(id)"}')});
$run = request('refreshed');
ended($run, 'succeeded', 'a full refresh');
figures($run, 'rejected, inserted', '1|5999', 'rejects a row');
$run = request('refreshed');
parts($run, 2);
cancel();
ended($run, 'cancelled', 'the next one is interrupted');
sql(q{SET ROLE acme; SELECT connkit_replay_rejected('refreshed')});
is(sql(q{SELECT count(*), count(replayed_at) FROM connkit.rejected_row WHERE sync = (SELECT id FROM connkit.sync
	WHERE name = 'refreshed')}), '1|0', 'its row waits');
$run = request('refreshed');
ended($run, 'succeeded', 'until all is there');
nothing_left('refreshed');

# keys that may be one in the target: all rows of a run are looked at together, though others come in parts
$source->safe_psql('postgres', q{
	CREATE TABLE cases (k text PRIMARY KEY, c int);
	INSERT INTO cases SELECT 'a' || i, i FROM generate_series(1, 3000) AS i;
	INSERT INTO cases VALUES ('A7', 3001);
	GRANT SELECT ON cases TO reader;
});
sql(q{
	CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	SET ROLE acme;
	CREATE TABLE apart (k text PRIMARY KEY, c int);
	CREATE TABLE as_one (k text COLLATE insensitive PRIMARY KEY, c int);
	SELECT connkit_create_sync('src', 'public.cases', t, 'incremental', 'merge', name => t, cursor_column => 'c',
		settings => '{"chunk_rows": 1000}') FROM unnest('{apart,as_one}'::text[]) AS t;
});
$run = request('apart');
ended($run, 'succeeded', 'keys that are apart');
figures($run, 'inserted, chunks', '3001|4', 'come in parts');
$run = request('as_one');
ended($run, 'failed', 'two keys that are one in the target fail the run');
figures($run, 'sqlstate, chunks', '23505|0', 'and are not one over the other');
$source->safe_psql('postgres', "DELETE FROM cases WHERE k = 'A7'");
$run = request('as_one');
ended($run, 'succeeded', 'when one is gone');
figures($run, 'inserted, chunks', '3000|1', 'the others come in one transaction');

# the source is dropped
make('last', 'plain', '');
interrupted('last');
sql('DROP SERVER src CASCADE');
nothing_left('source');

unlike(log_of($node), qr/PANIC|TRAP/, 'nothing crashed by itself');
done_testing();
