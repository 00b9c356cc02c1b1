# A table of a PostgreSQL source that several processes read by parts: the rows of one snapshot, whatever goes on there; who
# reads what where parts, workers or connections are not to be had; errors, cancels and ends of workers.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $source = PostgreSQL::Test::Cluster->new('source');
$source->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$source->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\nautovacuum = off\nlog_statement = 'all'\n");
my $rules = slurp_file($source->data_dir . '/pg_hba.conf');
unlink $source->data_dir . '/pg_hba.conf';
append_to_file($source->data_dir . '/pg_hba.conf', "host all reader 127.0.0.1/32 scram-sha-256\n$rules");
$source->start;
my $rows = 40000;
$source->safe_psql('postgres', qq{
	CREATE ROLE reader LOGIN PASSWORD 'reading';
	CREATE TABLE big AS SELECT i AS id, i % 7 AS k, 100 AS amount, repeat('x', 100) AS v FROM generate_series(1, $rows) i;
	CREATE TABLE other AS SELECT * FROM big WHERE id % 2 = 0;
	CREATE TABLE fails AS SELECT * FROM big;
	CREATE VIEW seen AS SELECT * FROM big;
	CREATE TABLE parent AS SELECT * FROM big WHERE id % 3 = 0;
	CREATE TABLE child () INHERITS (parent);
	INSERT INTO child SELECT * FROM big WHERE id % 3 <> 0;
	CREATE TABLE wide (id int, v text);
	INSERT INTO wide SELECT i, repeat('y', 1000) FROM generate_series(1, 20000) i;
	GRANT ALL ON ALL TABLES IN SCHEMA public TO reader;
	CREATE FUNCTION fail(i int) RETURNS int LANGUAGE plpgsql AS 'BEGIN
		IF i = 39000 THEN RAISE EXCEPTION ''no such thing'' USING ERRCODE = ''22012'', HINT = ''none''; END IF; RETURN i; END';
	CREATE VIEW failing AS SELECT fail(id) AS id, k, amount, v FROM fails;
	GRANT SELECT ON failing TO reader;
	ANALYZE;
});

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_worker_processes = 24\nmax_parallel_workers = 8\n");
$node->start;
my $port = $source->port;
my $columns = '(id int, k int, amount int, v text)';
$node->safe_psql('postgres', qq{
	CREATE EXTENSION connkit CASCADE;
	CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '127.0.0.1', port '$port', dbname 'postgres');
	CREATE SERVER s2 FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '127.0.0.1', port '$port', dbname 'postgres');
	CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS ("user" 'reader', password 'reading');
	CREATE USER MAPPING FOR PUBLIC SERVER s2 OPTIONS ("user" 'reader', password 'reading');
	CREATE FOREIGN TABLE big $columns SERVER s OPTIONS (schema_name 'public');
	CREATE FOREIGN TABLE other $columns SERVER s OPTIONS (schema_name 'public');
	CREATE FOREIGN TABLE seen $columns SERVER s OPTIONS (schema_name 'public');
	CREATE FOREIGN TABLE failing $columns SERVER s OPTIONS (schema_name 'public');
	CREATE FOREIGN TABLE parent $columns SERVER s OPTIONS (schema_name 'public');
	CREATE FOREIGN TABLE wide (id int, v text) SERVER s OPTIONS (schema_name 'public');
	CREATE FOREIGN TABLE fits (id int, v varchar(10)) SERVER s OPTIONS (schema_name 'public', table_name 'wide');
	CREATE TABLE whole (id int, k int, amount int, v text) PARTITION BY LIST (k);
	CREATE FOREIGN TABLE whole_1 PARTITION OF whole FOR VALUES IN (0, 1, 2, 3, 4, 5, 6) SERVER s
		OPTIONS (schema_name 'public', table_name 'big');
	CREATE FOREIGN TABLE whole_2 PARTITION OF whole FOR VALUES IN (10) SERVER s2
		OPTIONS (schema_name 'public', table_name 'other');
	CREATE TABLE here AS SELECT i AS id FROM generate_series(1, 1000) i;
	-- keeps work here, so that it is the rows that come
	CREATE FUNCTION same(anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS 'BEGIN RETURN \$1; END';
	CREATE FUNCTION pause(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS
		'BEGIN IF \$1 % 100 = 0 THEN PERFORM pg_sleep(0.05); END IF; RETURN \$1; END';
});

my $forced = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;'
	. ' SET max_parallel_workers_per_gather = 2;';
my $serial = 'SET max_parallel_workers_per_gather = 0;';

# The plan, without costs.
sub explained { return $node->safe_psql('postgres', "$_[1]; EXPLAIN (COSTS off) $_[0]") }
# A query's answer in parallel, which has to be that without workers.
sub same
{
	my ($query, $name, $settings) = @_;

	$settings = $forced . ($settings // '');
	like(explained($query, $settings), qr/Parallel Foreign Scan/, "$name: plan");
	is($node->safe_psql('postgres', "$settings; $query"), $node->safe_psql('postgres', "$serial $query"), "$name: rows");
}
sub idle_source { return $source->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity
	WHERE application_name = 'connkit' AND (state = 'active' OR state ~ 'transaction')}) }

unlike(explained('SELECT * FROM big', ''), qr/Parallel/, 'not without need');
my $all = 'SELECT count(*), sum(same(id)), count(DISTINCT same(id)), sum(length(v)) FROM big';
same($all, 'whole table');
same('SELECT id FROM big WHERE same(k) = 3 ORDER BY same(id) LIMIT 100 OFFSET 7', 'LIMIT above');
same('SELECT same(k), count(*), sum(id) FROM big WHERE id > 10000 GROUP BY 1 ORDER BY 1', 'with a filter there');
same('SELECT count(*), sum(same(b.id)) FROM big b JOIN here USING (id)', 'join with a local table', 'SET connkit.enable_lookup_join = off');
same('SELECT count(*), sum(same(a.id)), sum(b.id) FROM big a JOIN whole_2 b ON a.id = b.id', 'two tables of two sources',
	'SET connkit.enable_lookup_join = off; SET enable_mergejoin = off');
same('SELECT count(*), sum(same(id)) FROM whole', 'append over two sources', 'SET enable_async_append = off');
like(explained('SELECT count(*), sum(same(id)) FROM whole', $forced), qr/Parallel Append/, 'the append is parallel');
same('SELECT count(*), sum(same(id)) FROM seen', 'a view is one part', '');
same('SELECT count(*), sum(same(id)) FROM parent', 'so is a table with children', '');
same($all, 'serializable', 'SET default_transaction_isolation = serializable');
same($all, 'without the leader', 'SET parallel_leader_participation = off');
same($all, 'without workers', 'SET max_parallel_workers = 0');
is($node->safe_psql('postgres', "$forced SET plan_cache_mode = force_generic_plan; PREPARE q(int) AS
	SELECT count(*), sum(same(id)) FROM big WHERE id > \$1 AND k >= 0; EXECUTE q(30000)"), '10000|350005000', 'a parameter');
is($node->safe_psql('postgres', "$forced SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
	SET enable_memoize = off; SET connkit.enable_lookup_join = off;
	SELECT g, (SELECT count(*) FROM (SELECT same(id) FROM big OFFSET 0) b WHERE g > 0) FROM generate_series(1, 3) g"),
	"1|$rows\n2|$rows\n3|$rows", 'rescans');
is($node->safe_psql('postgres', "$forced SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
	SELECT g, (SELECT id FROM big WHERE same(id) > 0 AND g > 0 ORDER BY same(id) DESC LIMIT 1) FROM generate_series(1, 3) g"),
	"1|$rows\n2|$rows\n3|$rows", 'rescans below a LIMIT');
is($node->safe_psql('postgres', "$forced BEGIN; SAVEPOINT a; $all; ROLLBACK TO a; SAVEPOINT b; $all; COMMIT"),
	join("\n", ($node->safe_psql('postgres', "$serial $all")) x 2), 'in subtransactions');
is($node->safe_psql('postgres', "$forced CREATE TABLE copied AS SELECT * FROM big WHERE same(id) > 0; SELECT count(*) FROM copied"),
	$rows, 'CREATE TABLE AS');
my $explained = $node->safe_psql('postgres', "$forced EXPLAIN (ANALYZE, VERBOSE, COSTS off, SUMMARY off) $all");
like($explained, qr/Workers Launched: 2/, 'workers are launched');
like($explained, qr/Remote Rows: $rows$/m, 'EXPLAIN ANALYZE has the rows of all');
like($explained, qr/Pushed Down: .*parts/, 'and says that the table is read by parts');
my $log = slurp_file($source->logfile);
like($log, qr/SET TRANSACTION SNAPSHOT.*\n(?:.*\n)*?.*COPY \(\n?/, 'workers join the snapshot');
like($log, qr/ctid >= '\(\d+,0\)'::tid\s*\) TO STDOUT/, 'the last part has no end');
ok(idle_source(), 'no session is left in a transaction');

# What others do at the source meanwhile is not seen: the sum of amounts is the same in every snapshot.
my $pid = fork;
if ($pid == 0)
{
	# rows move to the end of the table, others go, new ones come; each transaction keeps the sum
	exec('psql', '-X', '-q', '-h', $source->host, '-p', $port, 'postgres', '-c', q{DO $$ BEGIN FOR i IN 1 .. 200 LOOP
		UPDATE big SET amount = amount - 1, v = v || 'z' WHERE id % 200 = i - 1 AND id > 0;
		INSERT INTO big SELECT -i, 1, count(*), 'new' FROM big WHERE id % 200 = i - 1 AND id > 0;
		WITH gone AS (DELETE FROM big WHERE id = 1000 + i RETURNING amount)
			INSERT INTO big SELECT -1000000 - i, 1, amount, 'moved' FROM gone;
		COMMIT; END LOOP; END $$}) or POSIX::_exit(1);
}
my $sums = 0;
my $runs = 0;
while (waitpid($pid, 1) == 0)
{
	my ($sum, $count, $distinct) = split /\|/, $node->safe_psql('postgres', "$forced SELECT sum(same(amount)), count(*),
		count(DISTINCT same(id)) FROM big");

	$sums++ if $sum == 100 * $rows && $count == $distinct;
	$runs++;
}
is($?, 0, 'the source was written to');
is($sums, $runs, "$runs times the same sum");
cmp_ok($runs, '>', 1, 'more than once');
is($node->safe_psql('postgres', "$forced $all"), $node->safe_psql('postgres', "$serial $all"), 'and afterwards');

# A cancel, a timeout, an end of leader, worker or source.
my $slow = 'SELECT count(pause(id)) FROM big WHERE pause(id) > 0';
my ($code, $out, $err) = $node->psql('postgres', "$forced SET statement_timeout = '500ms'; SELECT sum(pause(same(id))) FROM big, pg_sleep(0)");
like($err, qr/statement timeout/, 'statement_timeout');
ok(idle_source(), 'the source is left alone');
sub background
{
	my $out = $node->basedir . '/out';
	my $child = fork;

	if ($child == 0)
	{
		open STDOUT, '>', $out;
		open STDERR, '>&', \*STDOUT;
		exec('psql', '-X', '-q', '-v', 'VERBOSITY=verbose', '-h', $node->host, '-p', $node->port, 'postgres', '-c',
			"$forced SET application_name = 'long'", '-c', 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
			SET min_parallel_table_scan_size = 0; SELECT sum(pause(same(id))) FROM big') or POSIX::_exit(1);
	}
	$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'
		AND wait_event = 'PgSleep'") or die 'no worker';
	return ($child, $out);
}
foreach my $case (['a cancel', q{SELECT pg_cancel_backend(leader_pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}, $node,
		qr/57014/],
	['a cancel of a worker', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}, $node, qr/57014/],
	['the end of a worker', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker' LIMIT 1}, $node,
		qr/57P01|terminating/],
	['the end of the leader', q{SELECT pg_terminate_backend(leader_pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}, $node,
		qr/57P01|terminating/],
	['the end of a connection', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'connkit'}, $source,
		qr/source "s"/])
{
	my ($name, $query, $server, $error) = @$case;
	my ($child, $file) = background();

	$server->safe_psql('postgres', $query);
	waitpid($child, 0);
	like(slurp_file($file), $error, "$name: error");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
		"$name: no worker is left");
	ok(idle_source(), "$name: no session is left");
}

# Errors of workers are those of the source.
($code, $out, $err) = $node->psql('postgres', "$forced SET parallel_leader_participation = off; \\set VERBOSITY verbose\nSELECT sum(same(id)) FROM failing");
like($err, qr/22012.*source "s": no such thing/, 'an error of the source in a worker');
like($err, qr/HINT:\s+none/, 'with its hint');
($code, $out, $err) = $node->psql('postgres', "$forced SET parallel_leader_participation = off; SELECT count(same(v)) FROM fits");
like($err, qr/value too long.*column "v" of foreign table "fits"/s, 'and one of conversion');

# What was changed in the same transaction is seen.
is($node->safe_psql('postgres', "$forced BEGIN; DELETE FROM wide WHERE id <= 10; SELECT count(*), count(DISTINCT same(id)) FROM wide; ROLLBACK"),
	'19990|19990', 'after a change in the same transaction');
is($node->safe_psql('postgres', "$forced BEGIN; SELECT count(*), sum(same(id)) FROM wide; DELETE FROM wide WHERE id <= 10;
	SELECT count(same(id)) FROM wide; ROLLBACK; SELECT count(same(id)) FROM wide"), "20000|200010000\n19990\n20000", 'and before one');

# Limits and settings
$node->safe_psql('postgres', "ALTER FOREIGN TABLE big OPTIONS (ADD max_rows '39000')");
($code, $out, $err) = $node->psql('postgres', "$forced $all");
like($err, qr/more than 39000 rows/, 'max_rows holds for the table, not for its parts');
$node->safe_psql('postgres', "ALTER FOREIGN TABLE big OPTIONS (DROP max_rows, ADD parallel_capable 'false')");
unlike(explained($all, $forced), qr/Parallel/, 'parallel_capable');
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE big OPTIONS (DROP parallel_capable)');
foreach my $limit (1, 2)
{
	$source->safe_psql('postgres', "ALTER ROLE reader CONNECTION LIMIT $limit");
	like($node->safe_psql('postgres', "$forced EXPLAIN (ANALYZE, COSTS off) $all"), $limit > 1 ? qr/Launched: 1/ : qr/Launched: 0/,
		"a limit of $limit connections is kept");
	is($node->safe_psql('postgres', "$forced $all"), $node->safe_psql('postgres', "$serial $all"), "with $limit: rows");
}
$source->safe_psql('postgres', 'ALTER ROLE reader CONNECTION LIMIT -1');

# A password that is a secret
$node->safe_psql('postgres', q{SELECT connkit_set_secret('reading', 'reading'); DROP USER MAPPING FOR PUBLIC SERVER s;
	CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS ("user" 'reader', password_secret 'reading')});
same($all, 'a secret');
$node->safe_psql('postgres', 'ANALYZE big');
like(explained('CREATE TABLE copied_2 AS SELECT id FROM big WHERE same(id) = id', $forced), qr/Parallel Foreign Scan/, 'CREATE TABLE AS: plan');
is($node->safe_psql('postgres', "$forced CREATE TABLE copied_2 AS SELECT id FROM big WHERE same(id) = id;
	SELECT count(*) = (SELECT count(*) FROM big) FROM copied_2"), 't', 'a secret, in a command that writes');

# The table is written anew while it is read: its rows keep their places until the end. Workers that would wait for the one who
# waits for the leader leave it to the leader.
my $expected = $node->safe_psql('postgres', "$serial $all");
$pid = fork;
if ($pid == 0)
{
	exec('psql', '-X', '-q', '-h', $source->host, '-p', $port, 'postgres', map { ('-c', 'VACUUM FULL big', '-c', 'SELECT pg_sleep(0.1)') } 1 .. 3)
		or POSIX::_exit(1);
}
my @wrong;
do
{
	($code, $out, $err) = $node->psql('postgres', "$forced SET statement_timeout = '60s'; $all");
	push @wrong, "$out $err" if $code != 0 || $out ne $expected;
} while (waitpid($pid, 1) == 0);
is("@wrong", '', 'VACUUM FULL moves no row');
for my $query ($all, 'SELECT id FROM big WHERE same(k) = 3 ORDER BY same(id) LIMIT 5', 'SELECT count(*), sum(same(id)) FROM whole',
	'SELECT count(*), sum(same(a.id)), sum(b.id) FROM big a JOIN whole_2 b ON a.id = b.id')
{
	my $lock = 'psql -X -q -h ' . $source->host . " -p $port postgres -c 'BEGIN; LOCK TABLE big; COMMIT'";
	my $settings = "$forced SET connkit.enable_lookup_join = off; SET enable_async_append = off; SET enable_mergejoin = off;";
	my $count = sub { $node->safe_psql('postgres', "BEGIN; $serial SELECT count(*) FROM big;\n\\! ($lock) >&2 & sleep 0.5\n$_[0]; $query; COMMIT") };

	like(explained($query, $settings), qr/Parallel Foreign Scan/, 'behind one who waits to lock the table: plan');
	is($count->($settings), $count->($serial), 'rows');
}

$node->stop;
$source->stop;
done_testing();
