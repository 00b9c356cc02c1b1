# Runs that go on by their cursor from chunk to chunk: where many rows share a value, where rows have none, where a lookback
# goes further back than a chunk goes on, and where the greatest rows are gone.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Scheduler;
use Test::More;

my $node = scheduler_node('main');
my $file = $node->basedir . '/source.db';

sub sql
{
	return $node->safe_psql('postgres', shift);
}

sub lite
{
	system_or_bail('sqlite3', $file, shift);
}

# A table of the source with so many rows, and values of the cursor by an expression of the row's number i.
sub rows
{
	my ($table, $count, $cursor) = @_;

	lite("CREATE TABLE $table (id INTEGER PRIMARY KEY, cur INTEGER);"
		. " INSERT INTO $table WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $count)"
		. " SELECT i, $cursor FROM n");
}

rows('even', 100, 'i');
rows('ties', 60, 'i > 45');
rows('holes', 55, 'CASE WHEN i > 30 THEN i END');
make_extension($node, 'postgres');
sql(qq{
	CREATE SERVER lite FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '$file');
	CREATE USER MAPPING FOR acme SERVER lite;
	GRANT USAGE ON FOREIGN SERVER lite TO acme;
	CREATE FUNCTION slowly(bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.03); RETURN true; END';
});

# An incremental sync in chunks of ten rows.
sub make
{
	my ($name, $table, $write, $settings) = @_;

	sql(qq{SET ROLE acme; SELECT connkit_create_sync('lite', '$table', '$name', 'incremental', '$write', '$name',
		cursor_column => 'cur', settings => '{"chunk_rows": 10$settings}')});
}

sub request
{
	return sql("SET ROLE acme; SELECT run FROM connkit_sync('$_[0]', background => true)");
}

# Runs the sync to its end.
sub run
{
	my ($name, $figures, $expected, $what) = @_;
	my $run = request($name);

	eventually($node, 'postgres', "SELECT state = 'succeeded' FROM connkit.sync_run WHERE id = $run", "$name: $what");
	is(sql("SELECT $figures FROM connkit.sync_run WHERE id = $run"), $expected, "$name: its figures");
}

sub position
{
	return sql("SELECT position FROM connkit.sync_state JOIN connkit.sync ON id = sync WHERE name = '$_[0]'");
}

# a chunk reads what is new, and the rows at the position once more
make('even', 'even', 'append', '');
run('even', 'rows_read, inserted, chunks', '110|100|11', 'each chunk has its rows');

# more rows of a value than a chunk has
make('ties', 'ties', 'append', '');
run('ties', 'inserted', '60', 'rows of one value');
is(sql('SELECT count(*), count(DISTINCT id) FROM ties'), '60|60', 'all, and once');
run('ties', 'inserted', '0', 'again');

# more rows without a value than a chunk has: every request has them
make('holes', 'holes', 'merge', '');
run('holes', 'inserted, updated', '55|0', 'rows without a value');
lite('INSERT INTO holes SELECT id + 100, id + 100 FROM holes WHERE id > 30; UPDATE holes SET cur = NULL WHERE id = 131');
run('holes', 'inserted, updated', '25|0', 'again');
is(sql('SELECT count(*), count(cur) FROM holes'), '80|49', 'all are there');

# a lookback of more rows than a chunk has
make('back', 'even', 'merge', ', "lookback": "45"');
run('back', 'inserted, chunks', '100|11', 'with a lookback');
lite('INSERT INTO even VALUES (1000, 60), (1001, 30), (1002, 101)');
run('back', 'inserted, chunks', '2|5', 'what is late comes, and the run gets on');
lite('DELETE FROM even WHERE cur > 70');
run('back', 'inserted', '0', 'the greatest rows are gone');
is(position('back'), '101', 'the position does not go back');

# what is below the end of a run is read when the run has ended, not before
make('half', 'even', 'append', ', "half_open": true, "filter": "public.slowly(id)"');
my $run = request('half');
$node->poll_query_until('postgres', "SELECT chunks > 1 FROM connkit.sync_run WHERE id = $run AND state = 'running'")
	or die 'it does not get on';
sql('SET ROLE acme; SELECT connkit_cancel_run(run) FROM connkit.sync_progress');
eventually($node, 'postgres', "SELECT state = 'cancelled' FROM connkit.sync_run WHERE id = $run", 'half: is cancelled');
cmp_ok(position('half'), '<', 70, 'half: the position is that of the last chunk');
run('half', "state", 'succeeded', 'the next run goes on');
is(sql('SELECT count(*), count(DISTINCT id), max(cur) FROM half'), '71|71|69', 'half: all below the greatest value');

done_testing();
