# The scheduler finds the databases that have the extension, and is in nobody's way.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Scheduler;
use Test::More;

my $node = scheduler_node('main');

# A sync that runs each second.
sub begin
{
	my ($database, $name) = @_;

	make_sync($node, $database, $name, "rows '3'");
	$node->safe_psql($database, "SET ROLE acme; SELECT connkit_schedule('$name', '1 second')");
}

sub runs
{
	my ($database, $what) = @_;
	my $before = $node->safe_psql($database, 'SELECT coalesce(max(id), 0) FROM connkit.sync_run');

	eventually($node, $database, "SELECT count(*) > 1 FROM connkit.sync_run WHERE id > $before AND state = 'succeeded'", $what);
}

# What came from another database is held, until an administrator says otherwise.
sub resumed
{
	my ($database, $sync, $what, $schedules) = @_;
	my $before = $node->safe_psql($database, 'SELECT coalesce(max(id), 0) FROM connkit.sync_run');
	my ($status, $out, $error) = $node->psql($database, "SET ROLE acme; SELECT outcome FROM connkit_sync('$sync', background => true)");

	like($error, qr/WARNING:.*came from another database/, "in $what nothing runs by itself");
	sleep 3;
	is($node->safe_psql($database, "SELECT count(*) FROM connkit.sync_run WHERE id > $before AND state <> 'queued'"), '0',
		'what is due and what is asked for');
	is($node->safe_psql($database, 'SELECT DISTINCT held FROM connkit.next_runs'), 't', 'next_runs says so');
	($status, $out, $error) = $node->psql($database, 'SET ROLE acme; SELECT connkit_resume_schedules()');
	like($error, qr/permission denied/, 'it is not everybody who says that it shall run');
	is($node->safe_psql($database, 'SELECT connkit_resume_schedules(); SELECT connkit_resume_schedules();'
		. ' SELECT DISTINCT held FROM connkit.next_runs'), "$schedules\n0\nf", 'an administrator does');
	runs($database, 'and it runs');
}

$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(one two without);
make_extension($node, $_) for qw(one two);
begin('one', 'first');
begin('two', 'second');
runs('one', 'syncs run in a database');
runs('two', 'and in another');
is($node->safe_psql('one', "SELECT DISTINCT sync_name FROM connkit.sync_run"), 'first', 'each has its own');

$node->safe_psql('postgres', 'CREATE DATABASE late');
make_extension($node, 'late');
begin('late', 'third');
runs('late', 'in one that was made later');
is($node->safe_psql('late', "SELECT max(started_at - queued_at) < '10 seconds', max(ended_at - started_at) < '10 seconds'"
	. " FROM connkit.sync_run"), 't|t', 'at once');
$node->append_conf('postgresql.conf', 'connkit.scheduler_naptime = 2');
$node->reload;
make_extension($node, 'without');
begin('without', 'fourth');
runs('without', 'in one that gets the extension later');

# nobody is kept from what needs a database for himself
my $trouble = 0;
for my $i (1 .. 5)
{
	$trouble++ if $node->psql('postgres', 'CREATE DATABASE copy TEMPLATE late');
	$trouble++ if $node->psql('postgres', 'ALTER DATABASE copy RENAME TO other');
	$trouble++ if $node->psql('postgres', 'DROP DATABASE other');
}
is($trouble, 0, 'databases are copied, renamed and dropped while syncs run in them each second');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE late');
resumed('copy', 'third', 'a copy', 1);
$node->safe_psql('postgres', 'ALTER DATABASE copy ALLOW_CONNECTIONS false');
sleep 4;
my $offset = -s $node->logfile;
sleep 3;
unlike(slurp_file($node->logfile, $offset), qr/not currently accepting connections/,
	'one that takes no connections is left alone');
$node->safe_psql('postgres', 'ALTER DATABASE copy ALLOW_CONNECTIONS true');
runs('copy', 'until it does');
make_sync($node, 'copy', 'slow', "rows '1000', delay_ms '100'");
$node->safe_psql('copy', "SET ROLE acme; SELECT connkit_sync('slow', background => true)");
$node->poll_query_until('copy', "SELECT count(*) = 1 FROM connkit.sync_progress WHERE sync_name = 'slow'");
is($node->psql('postgres', 'DROP DATABASE copy WITH (FORCE)'), 0, 'one is dropped by force in the middle of a run');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'connkit run' AND datname = 'copy'"),
	'0', 'which ends');

# an owner that is renamed
sub moved
{
	my ($node, $database, $what) = @_;
	my $last = $node->safe_psql($database, 'SELECT max(id) FROM connkit.sync_run');

	eventually($node, $database, "SELECT count(*) > 1 FROM connkit.sync_run WHERE id > $last AND sync_name = 'moved'"
		. " AND state = 'succeeded' AND owner = 'new_name'", $what);
}

$node->safe_psql('one', 'CREATE ROLE old_name; GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null TO old_name;'
	. ' GRANT CREATE ON SCHEMA public TO old_name');
make_sync($node, 'one', 'moved', "rows '3'", undef, 'old_name');
$node->safe_psql('one', "SET ROLE old_name; SELECT connkit_schedule('moved', '1 second')");
$node->poll_query_until('one', "SELECT count(*) > 1 FROM connkit.sync_run WHERE sync_name = 'moved' AND state = 'succeeded'");

my $holder = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('one'), '-c',
	"BEGIN; SELECT FROM connkit.sync WHERE name = 'moved' FOR NO KEY UPDATE; SELECT pg_sleep(300)" ], '>', '/dev/null', '2>&1');
$node->poll_query_until('one', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
$node->safe_psql('one', 'ALTER ROLE old_name RENAME TO new_name; CREATE ROLE old_name');
runs('one', 'a session that has a sync of a renamed owner locked holds up no others');
$node->safe_psql('one', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
IPC::Run::finish($holder);
is($node->safe_psql('one', 'SET ROLE new_name;'
	. " SELECT outcome ~ 'succeeded|skipped' FROM connkit_sync('moved')"), 't', 'an owner that is renamed runs his syncs');
moved($node, 'one', 'as the scheduler does');
is($node->safe_psql('one', "SELECT count(*) FROM connkit.sync_run WHERE state = 'failed';"
	. " SELECT count(*) FROM connkit.sync_run WHERE owner = 'old_name';"
	. ' SET ROLE new_name; SELECT name, owner FROM connkit.sync; SET ROLE old_name; SELECT count(*) FROM connkit.sync'),
	"0\n0\nmoved|new_name\n0", 'they are told by his new name, and are not those of another role of the old one');

# a dump has the schedules
my $dump = $node->basedir . '/one.sql';
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('one'), '-f', $dump ], 'dump');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restore');
resumed('restored', 'first', 'a restored database', 2);
moved($node, 'restored', 'also that of the role that was renamed');
$node->safe_psql('restored', "SET ROLE acme; SELECT connkit_unschedule('first')");

# the extension goes and comes
is($node->psql('two', 'SET client_min_messages = warning; DROP EXTENSION connkit CASCADE'), 0,
	'the extension is dropped while syncs run each second');
sleep 3;
is($node->psql('two', 'SET client_min_messages = warning; DROP TABLE second'), 0, 'and nothing runs there');
make_extension($node, 'two');
begin('two', 'again');
runs('two', 'until it is there again');
runs('one', 'the others go on');

# what is old goes: runs, and rejected rows, of which those that were not replayed are counted
$node->safe_psql('one', q{
	INSERT INTO connkit.sync_run (sync_name, owner, owner_mark, source, trigger, state, ended_at)
		VALUES ('old', 'acme', '', '', 'call', 'succeeded', now() - interval '2 days');
	INSERT INTO connkit.rejected_row (sync, at, sqlstate, reason, source_row, replayed_at)
		SELECT id, now() - i * interval '1 day', '22000', 'old', '{}', CASE WHEN i > 3 THEN now() END
		FROM connkit.sync, generate_series(0, 5) AS i WHERE name = 'first';
});
$node->append_conf('postgresql.conf', 'connkit.run_retention = 1d');
$node->restart;
eventually($node, 'one', "SELECT count(*) = 0 FROM connkit.sync_run WHERE sync_name = 'old'", 'runs that are old go');
is($node->safe_psql('one', 'SELECT (SELECT count(*) FROM connkit.rejected_row), dropped_rejected FROM connkit.sync_state'
	. " WHERE sync = (SELECT id FROM connkit.sync WHERE name = 'first')"), '1|3',
	'and so do rejected rows');

# pg_upgrade keeps them going
my $new = PostgreSQL::Test::Cluster->new('new');

$new->init;
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'connkit'\nmax_worker_processes = 20\n");
$node->safe_psql('postgres', 'DROP DATABASE restored WITH (FORCE)');
$node->stop;
my $bin = $node->config_data('--bindir');
command_ok([ 'pg_upgrade', '--no-sync', '-d', $node->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin, '-s', $new->host,
	'-p', $node->port, '-P', $new->port ], 'pg_upgrade');
$new->start;
my $last = $new->safe_psql('one', 'SELECT max(id) FROM connkit.sync_run');
eventually($new, 'one', "SELECT count(*) > 1 FROM connkit.sync_run WHERE id > $last AND state = 'succeeded'",
	'after pg_upgrade syncs run by themselves');
moved($new, 'one', 'with their owners');

unlike(log_of($node), qr/PANIC|terminated by signal|TRAP/, 'nothing crashed');
done_testing();
