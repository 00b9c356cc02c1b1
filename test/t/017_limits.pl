# Runs at a time: in all, for each source, for each organization, and who comes first.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Scheduler;
use Test::More;

my $node = scheduler_node('main', "connkit.max_running_syncs = 2\nconnkit.max_runs_per_source = -1\n");

sub sql
{
	return $node->safe_psql('postgres', shift);
}

# Changes a setting.
sub set
{
	$node->append_conf('postgresql.conf', shift);
	$node->reload;
	sleep 1;
}

# Asks for a run of each sync, and waits until all have ended.
sub run_all
{
	my ($database, @names) = @_;

	$node->safe_psql($database, 'DELETE FROM connkit.sync_run');
	$node->safe_psql($database, join ';', map { "SELECT connkit_sync('$_', background => true)" } @names);
}

sub ended
{
	my ($database, $count, $what) = @_;

	eventually($node, $database, "SELECT count(*) = $count FROM connkit.sync_run WHERE state = 'succeeded'", $what);
}

# The most runs that there were at a time, of those that meet the condition.
sub most
{
	my ($condition) = @_;

	return sql("SELECT max((SELECT count(*) FROM connkit.sync_run AS b WHERE b.started_at <= a.started_at"
		. " AND b.ended_at > a.started_at AND $condition)) FROM connkit.sync_run AS a");
}

make_extension($node, 'postgres');
sql(q{CREATE ROLE globex NOLOGIN; GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null TO globex;
	GRANT CREATE ON SCHEMA public TO globex});
make_sync($node, 'postgres', "acme_$_", "rows '10', delay_ms '100'") for 1 .. 6;
make_sync($node, 'postgres', "globex_$_", "rows '10', delay_ms '100'", undef, 'globex') for 1 .. 2;

run_all('postgres', map { "acme_$_" } 1 .. 6);
ended('postgres', 6, 'all run');
is(most('true'), '2', 'as many at a time as connkit.max_running_syncs says');
like(sql("SELECT string_agg(right(sync_name, 1), '' ORDER BY started_at) FROM connkit.sync_run"),
	qr/^(12|21)(34|43)(56|65)$/, 'in their order');

run_all('postgres', (map { "acme_$_" } 1 .. 6), 'globex_1', 'globex_2');
ended('postgres', 8, 'runs of two organizations');
my @order = split / /, sql("SELECT string_agg(owner, ' ' ORDER BY started_at) FROM connkit.sync_run");
my ($first) = grep { $order[$_] eq 'globex' } 0 .. $#order;
cmp_ok($first, '<=', 3, 'who waits behind six of another organization is among the next two')
	or diag("@order");
is(sql("SELECT max(started_at) < (SELECT max(started_at) FROM connkit.sync_run WHERE owner = 'acme') FROM connkit.sync_run"
	. " WHERE owner = 'globex'"), 't', 'and is done before all of them are');

# between databases as well
$node->safe_psql('postgres', 'CREATE DATABASE other');
make_extension($node, 'other');
$node->safe_psql('other', 'GRANT CREATE ON SCHEMA public TO globex; GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null TO globex');
make_sync($node, 'other', "globex_$_", "rows '10', delay_ms '100'", undef, 'globex') for 1 .. 2;
run_all('postgres', map { "acme_$_" } 1 .. 6);
run_all('other', 'globex_1', 'globex_2');
ended('other', 2, 'runs of another database end');
ended('postgres', 6, 'and those of this one');
my $last = $node->safe_psql('other', 'SELECT max(started_at) FROM connkit.sync_run');
cmp_ok(sql("SELECT count(*) FROM connkit.sync_run WHERE started_at < '$last'"), '<=', 5, 'have their turn before all of them')
	or map { diag($node->safe_psql($_, 'SELECT sync_name, queued_at, started_at, ended_at FROM connkit.sync_run')) }
	'postgres', 'other';

# for each source
set("connkit.max_running_syncs = 6\nconnkit.max_runs_per_source = 2");
for my $i (1 .. 4)
{
	sql("SET ROLE acme; CREATE TABLE same_$i (id bigint);"
		. " SELECT connkit_create_sync('acme_1', 'numbers', 'same_$i', name => 'same_$i', settings => '{\"columns\": [\"id\"]}')");
}
run_all('postgres', (map { "same_$_" } 1 .. 4), 'acme_2');
ended('postgres', 5, 'runs on one source');
is(most("source = 'acme_1'"), '2', 'are as many at a time as connkit.max_runs_per_source says');
is(sql("SELECT started_at < (SELECT max(started_at) FROM connkit.sync_run WHERE source = 'acme_1') FROM connkit.sync_run"
	. " WHERE source = 'acme_2'"), 't', 'and stand in no other source\'s way');

# for each organization
sql("SELECT connkit_set_quota('acme', max_runs => 1)");
run_all('postgres', 'acme_1', 'acme_2', 'acme_3', 'globex_1', 'globex_2');
ended('postgres', 5, 'runs of an organization with a quota');
is(most("owner = 'acme'"), '1', 'are no more than that at a time');
is(sql('SELECT max(attempt) FROM connkit.sync_run'), '1', 'and none fails for it');

my $session = { in => "SET ROLE acme; BEGIN;\nSELECT count(*) FROM connkit_discover('acme_1');\n\\echo ready\n", out => '' };
$session->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
	'<', \$session->{in}, '&>', \$session->{out}, IPC::Run::timeout(120));
$session->{run}->pump until $session->{out} =~ /ready/;
run_all('postgres', 'acme_2');
eventually($node, 'postgres', "SELECT count(*) = 1 FROM connkit.sync_run WHERE state = 'queued' AND not_before > now()",
	'where a session has the place, a run goes back to the queue');
$session->{in} .= "COMMIT;\n\\q\n";
$session->{run}->finish;
ended('postgres', 1, 'and has it when the session is done');
is(sql('SELECT attempt FROM connkit.sync_run'), '1', 'which was no attempt');
sql("SELECT connkit_set_quota('acme')");

# a thousand that wait: of one organization, and then some of another
set('connkit.max_running_syncs = 0');
sql(q{DELETE FROM connkit.sync_run;
	INSERT INTO connkit.sync OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(s, jsonb_build_object('id', 10000 + i, 'name', 'many_' || i,
		'target_table', 'many_' || i))).* FROM connkit.sync AS s, generate_series(1, 1000) AS i
		WHERE s.name = CASE WHEN i <= 990 THEN 'acme_1' ELSE 'globex_1' END});
sql('ALTER SERVER acme_1 OPTIONS (SET delay_ms \'20\'); ALTER SERVER globex_1 OPTIONS (SET delay_ms \'20\');'
	. ' SET ROLE acme; SELECT count(*)'
	. " FROM connkit.sync, connkit_sync(name, background => true) WHERE name LIKE 'many%'");
sql("SET ROLE globex; SELECT count(*) FROM connkit.sync, connkit_sync(name, background => true) WHERE name LIKE 'many%'");
is(sql("SELECT count(*) FROM connkit.sync_run WHERE state = 'queued'"), '1000', 'a thousand runs wait');
SKIP:
{
	my $folder = `pg_config --sharedir`;

	chomp $folder;
	skip 'pg_stat_statements is not installed', 2 unless -e "$folder/extension/pg_stat_statements.control";
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'connkit, pg_stat_statements'");
	$node->restart;
	sql('CREATE EXTENSION pg_stat_statements');
	sleep 2;
	sql('SELECT pg_stat_statements_reset(); SELECT connkit.wake_launcher()');
	my $statements = "FROM pg_stat_statements WHERE query LIKE '%connkit.%' AND query NOT LIKE '%pg_stat%'";
	eventually($node, 'postgres', "SELECT count(*) > 0 $statements AND query LIKE '%min(next_at)%'", 'a pass looks at them');
	cmp_ok(sql("SELECT sum(calls) $statements"), '<=', 10, 'by few statements')
		or diag(sql("SELECT calls, query $statements ORDER BY 1 DESC LIMIT 5"));
}
set('connkit.max_running_syncs = 4');
eventually($node, 'postgres', "SELECT count(*) = 10 FROM connkit.sync_run WHERE owner = 'globex' AND state = 'succeeded'",
	'those that wait behind 990 others have their turn');
cmp_ok(sql("SELECT count(*) FROM connkit.sync_run WHERE owner = 'acme' AND started_at <"
	. " (SELECT max(started_at) FROM connkit.sync_run WHERE owner = 'globex')"), '<=', 40, 'as often as these');
sql("SELECT count(connkit_cancel_run(id)) FROM connkit.sync_run WHERE state = 'queued'");
eventually($node, 'postgres', 'SELECT NOT EXISTS (SELECT FROM connkit.sync_progress)', 'the others are cancelled');

# not enough processes
$node->append_conf('postgresql.conf', 'max_worker_processes = 4');
$node->restart;
run_all('postgres', map { "acme_$_" } 1 .. 6);
ended('postgres', 6, 'with too few processes runs wait for one');

done_testing();
