# Runs that are interrupted go on where their last commit left them: at a shutdown, a crash, the end of their process.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Scheduler;
use Test::More;

my $node = scheduler_node('main');

sub sql
{
	return $node->safe_psql('postgres', shift);
}

make_extension($node, 'postgres');

# Begins a run of 80 rows, ten a transaction, and waits until some of them are committed.
sub begin
{
	my ($name, $retries) = @_;

	make_sync($node, 'postgres', $name, "rows '80', delay_ms '10'",
		"mode => 'incremental', write => 'append', cursor_column => 'id'");
	sql("SET ROLE acme; SELECT connkit_schedule('$name', '1 hour', retries => $retries)") if defined $retries;
	sql("SET ROLE acme; SELECT outcome FROM connkit_sync('$name', background => true)");
	committed($name, 2);
}

sub committed
{
	my ($name, $chunks) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM connkit.sync_run WHERE sync_name = '$name' AND state = 'running' AND chunks >= $chunks")
		or die "$name does not run";
}

sub pid
{
	return sql("SELECT pid FROM connkit.sync_progress WHERE sync_name = '$_[0]'");
}

# All rows are there, once, after one run of so many attempts.
sub whole
{
	my ($name, $attempts, $what) = @_;

	$node->poll_query_until('postgres', 'SELECT 1', '1');	# the server may be in recovery
	eventually($node, 'postgres', "SELECT count(*) = 1 FROM connkit.sync_run WHERE sync_name = '$name' AND state = 'succeeded'",
		"a run goes on after $what");
	is(sql("SELECT count(*), count(DISTINCT id) FROM $name"), '80|80', 'nothing is lost or doubled');
	is(sql("SELECT array_agg(attempt), min(rows_read) >= 80 FROM connkit.sync_run WHERE sync_name = '$name'"),
		"{$attempts}|t", "in $attempts attempts");
}

# a transaction of a run has its own time
sql('CREATE TABLE timed (id bigint, at timestamptz DEFAULT now()); ALTER TABLE timed OWNER TO acme');
begin('timed');
whole('timed', 1, 'nothing');
is(sql('SELECT count(DISTINCT at) FROM timed'), sql("SELECT chunks - 1 FROM connkit.sync_run WHERE sync_name = 'timed'"),
	'each transaction has its own time');

begin('stopped');
$node->restart;
whole('stopped', 1, 'a restart');

begin('terminated');
sql('SELECT pg_terminate_backend(' . pid('terminated') . ')');
whole('terminated', 1, 'the end of its process');

begin('crashed');
$node->stop('immediate');
$node->start;
whole('crashed', 2, 'a crash of the server');

begin('killed');
kill_process($node, pid('killed'));
whole('killed', 2, 'a crash of its process');

# however often it is tried, it ends
begin('hopeless', 0);
kill_process($node, pid('hopeless'));
committed('hopeless', 3);
kill_process($node, pid('hopeless'));
eventually($node, 'postgres', "SELECT count(*) = 1 FROM connkit.sync_run WHERE sync_name = 'hopeless' AND state = 'failed'",
	'a run whose process ends again and again fails');
is(sql("SELECT sqlstate, message, attempt FROM connkit.sync_run WHERE sync_name = 'hopeless'"),
	'57P02|the process that ran it ended|2', 'and says why');
is(sql("SET ROLE acme; SELECT outcome FROM connkit_sync('hopeless')"), 'succeeded', 'the next one goes on');
is(sql('SELECT count(*), count(DISTINCT id) FROM hopeless'), '80|80', 'and has all rows');

# what was missed
for my $missed ('run_once', 'skip')
{
	make_sync($node, 'postgres', $missed, "rows '1'");
	sql("SET ROLE acme; SELECT connkit_schedule('$missed', '1 day', missed => '$missed')");
}
$node->append_conf('postgresql.conf', 'connkit.scheduler = off');
$node->reload;
sleep 1;
sql("UPDATE connkit.schedule SET next_at = next_at - interval '73 hours', anchor = anchor - interval '73 hours'");
sql("SET ROLE acme; SELECT connkit_sync('killed', background => true)");
sleep 2;
is(sql("SELECT count(*) FROM connkit.sync_run WHERE state = 'queued' AND sync_name = 'killed'"), '1',
	'with connkit.scheduler off, runs wait');
$node->append_conf('postgresql.conf', 'connkit.scheduler = on');
$node->restart;
eventually($node, 'postgres', "SELECT count(*) = 1 FROM connkit.sync_run WHERE sync_name = 'run_once' AND state = 'succeeded'",
	'one that was missed is made up for');
eventually($node, 'postgres', "SELECT count(*) = 0 FROM connkit.schedule WHERE next_at < now()", 'the next is to come');
sleep 1;
is(sql("SELECT count(*) FROM connkit.sync_run WHERE sync_name = 'run_once'"), '1', 'once, however many were missed');
is(sql("SELECT count(*) FROM connkit.sync_run WHERE sync_name = 'skip'"), '0', 'or not at all');
is(sql("SELECT bool_and(next_at - now() BETWEEN interval '22 hours' AND interval '24 hours') FROM connkit.schedule"
	. " WHERE schedule = '1 day'"), 't', 'and the schedule does not drift');

done_testing();
