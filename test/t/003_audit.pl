# Entries of the audit log outlive a rollback, a crash and all that can hinder their worker; a dump and restore keeps them.

use strict;
use warnings;

use POSIX qw(WNOHANG);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1, extra => [ '--no-locale', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "log_min_messages = warning\nmax_worker_processes = 8\nclient_min_messages = warning");
$node->start;
my $socket = $node->host;
my $port = $node->port;

$node->safe_psql('postgres', 'CREATE ROLE stranger');
$node->safe_psql('postgres', q{
	CREATE EXTENSION connkit CASCADE;
	CREATE SERVER s FOREIGN DATA WRAPPER connkit_null;
});

my $try = "SET ROLE stranger; SELECT * FROM connkit_test('s');";

# Number of refusals that are rows, in a database, and lines of a log.
sub rows
{
	my ($database) = @_;
	return $node->safe_psql($database // 'postgres', q{SELECT count(*) FROM connkit.audit_log WHERE outcome = 'refused'});
}

sub lines
{
	my ($of) = @_;
	return scalar(() = slurp_file(($of // $node)->logfile) =~ /LOG:  connkit audit: \{.*"outcome": "refused"/g);
}

# Runs refusals, and tells that so many more became rows and lines.
sub told
{
	my ($work, $rows, $lines, $name) = @_;
	my ($before, $lines_before) = (rows(), lines());
	$work->();
	is((rows() - $before) . ' ' . (lines() - $lines_before), "$rows $lines", $name);
}

# What undoes the statement does not undo the entry
told(sub { $node->psql('postgres', $try) }, 1, 0, 'a statement that fails');
told(sub { $node->psql('postgres', "BEGIN; $try; ROLLBACK") }, 1, 0, 'a transaction that is rolled back');
told(sub { $node->psql('postgres', "BEGIN READ ONLY; $try") }, 1, 0, 'one that may not write');
told(sub { $node->psql('postgres', "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; $try") }, 1, 0, 'one that waits');
told(
	sub {
		$node->safe_psql('postgres', q{
			SET ROLE stranger;
			DO $$ BEGIN FOR i IN 1..3 LOOP
				BEGIN PERFORM connkit_test('s'); EXCEPTION WHEN insufficient_privilege THEN NULL; END;
			END LOOP; END $$})
	},
	3, 0, 'subtransactions');
my ($status, $out, $error) = $node->psql('postgres', $try);
like($error, qr/ERROR:  permission denied for foreign server s/, 'the error stays what it was');

my $before = rows();
$node->psql('postgres', "BEGIN; $try");
$node->stop('immediate');
$node->start;
is(rows(), $before + 1, 'a crash right after it');

# Settings of the database do not hinder the worker
$node->safe_psql('template1', "ALTER DATABASE postgres SET $_")
	for ('default_transaction_read_only = on', 'synchronous_commit = off', 'statement_timeout = 60000', 'lock_timeout = 1',
	'search_path = nowhere', 'role = stranger', q{datestyle = 'SQL, DMY'}, q{intervalstyle = sql_standard});
$before = rows_as_owner();
$node->psql('postgres', "SELECT * FROM public.connkit_test('s')");
$node->stop('immediate');
$node->start;
is(rows_as_owner(), $before + 1, 'settings of the database do not hinder it');
$node->safe_psql('template1', 'ALTER DATABASE postgres RESET ALL');

sub rows_as_owner
{
	return $node->safe_psql('postgres', q{SET ROLE NONE; SELECT count(*) FROM connkit.audit_log WHERE outcome = 'refused'});
}

$node->safe_psql('template1', 'ALTER DATABASE postgres CONNECTION LIMIT 0');
told(sub { $node->psql('postgres', $try) }, 1, 0, 'nor a limit of connections');
$node->safe_psql('template1', 'ALTER DATABASE postgres CONNECTION LIMIT -1');

# Other encodings
$node->safe_psql('postgres', q{CREATE DATABASE latin ENCODING latin1 LOCALE 'C' TEMPLATE template0});
$node->safe_psql('latin', qq{
	SET client_encoding = 'utf8';
	CREATE EXTENSION connkit CASCADE;
	CREATE SERVER "b\xc3\xa4r\t""'" FOREIGN DATA WRAPPER connkit_null});
$node->psql('latin', qq{SET client_encoding = 'utf8'; SET ROLE stranger; SELECT * FROM connkit_test(E'b\xc3\xa4r\\t"''')});
is($node->safe_psql('latin', q{SELECT count(*) FROM connkit.audit_log WHERE object = E'b\xe4r\t"''' AND outcome = 'refused'}),
	'1', 'a database of another encoding');

# A session that runs statements until it is told to end
sub session
{
	my ($sql) = @_;
	return IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres'), '-c', $sql ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
}

sub end_session
{
	my ($session, $what) = @_;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '$what%'");
	IPC::Run::finish($session);
}

# Others' locks, and the user's patience
my $holder = session('BEGIN; LOCK TABLE connkit.audit_log; SELECT pg_sleep(300)');
my $locked = q{SELECT count(*) FROM pg_locks WHERE relation = 'connkit.audit_log'::regclass AND mode = 'AccessExclusiveLock'};
$node->poll_query_until('postgres', $locked, '1');
my $lines = lines();
my $begin = time;
($status, $out, $error) = $node->psql('postgres', $try);
like($error, qr/permission denied/, 'with the table locked the refusal is told');
cmp_ok(time - $begin, '<', 4, 'within seconds');
is(lines() - $lines, 1, 'and the entry is a line of the log');
($status, $out, $error) = $node->psql('postgres', "SET statement_timeout = 300; $try");
like($error, qr/statement timeout/, 'the user need not wait so long');
$node->poll_query_until('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'connkit audit'}, '0');
is(lines() - $lines, 2, 'and the entry is not lost');
$lines++;
($status, $out, $error) = $node->psql('postgres', "SET exit_on_error = on; SET statement_timeout = 300; SET ROLE stranger;
	DO \$\$ BEGIN PERFORM connkit_test('s'); EXCEPTION WHEN query_canceled THEN RAISE WARNING 'cancelled'; END \$\$;
	RESET statement_timeout; SELECT 1 / 0", on_error_stop => 0);
like($error, qr/cancelled.*FATAL:  division by zero/s, 'after that, what ends a session does so again');
$node->poll_query_until('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'connkit audit'}, '0');
my $waiting = session("SET application_name = 'waits'; $try");
$node->poll_query_until('postgres',
	q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'connkit audit' AND wait_event_type = 'Lock'},
	'1');
IPC::Run::finish($waiting);
is(lines() - $lines, 3, 'nor when the worker is terminated');
$waiting = session("SET application_name = 'waits'; $try");
$node->poll_query_until('postgres',
	q{SELECT count(pg_terminate_backend(c.pid)) FROM pg_stat_activity AS c, pg_stat_activity AS w
		WHERE c.application_name = 'waits' AND w.backend_type = 'connkit audit' AND w.wait_event_type = 'Lock'}, '1');
IPC::Run::finish($waiting);
$node->poll_query_until('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'connkit audit'}, '0');
is(lines() - $lines, 4, 'nor when the session is');
end_session($holder, 'BEGIN; LOCK');

# A transaction that the worker cannot see behind
$lines = lines();
$node->psql('template1', "BEGIN; CREATE EXTENSION connkit CASCADE; CREATE SERVER s FOREIGN DATA WRAPPER connkit_null; $try");
is(lines() - $lines, 1, 'where the extension is not committed yet, it is a line');
$node->safe_psql('template1', q{
	CREATE SCHEMA connkit;
	CREATE TABLE connkit.audit_log AS SELECT 1 AS id;
	CREATE FUNCTION connkit_null_handler() RETURNS fdw_handler AS '$libdir/connkit', 'connkit_handler' LANGUAGE C;
	CREATE FUNCTION told() RETURNS event_trigger AS '$libdir/connkit', 'connkit_audit_ddl' LANGUAGE C;
	CREATE EVENT TRIGGER told ON ddl_command_end WHEN TAG IN ('CREATE SERVER') EXECUTE FUNCTION told();
	CREATE FOREIGN DATA WRAPPER w HANDLER connkit_null_handler;
	CREATE SERVER s FOREIGN DATA WRAPPER w;
	DROP EVENT TRIGGER told});
is($node->safe_psql('template1', 'SELECT count(*) FROM connkit.audit_log'), '1', 'a table that has but the name gets none');

# A flood: none is lost, and one worker at a time does it
my ($rows_before, $lines_before) = (rows(), lines());
my $script = $node->basedir . '/flood.sql';
append_to_file($script, q{DO $$ BEGIN PERFORM connkit_test('s'); EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;} . "\n");
$begin = time;
my $flood = fork // die $!;
if ($flood == 0)
{
	open STDOUT, '>', '/dev/null';
	exec 'pgbench', '-n', '-c', 8, '-j', 2, '-t', 63, '-f', $script, $node->connstr('postgres') . " options='-c role=stranger'";
}
my ($most, $slowest) = (0, 0);
while (waitpid($flood, WNOHANG) == 0)
{
	my $asked = time;
	my $workers = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'connkit audit'});
	$slowest = time - $asked if time - $asked > $slowest;
	$most = $workers if $workers > $most;
	usleep(20_000);
}
is($?, 0, 'a flood of refusals');
note sprintf('504 refusals of 8 sessions in %.1f seconds', time - $begin);
is((rows() - $rows_before) + (lines() - $lines_before), 504, 'no entry of a flood is lost');
cmp_ok(lines() - $lines_before, '<', 50, 'nearly all are rows');
cmp_ok($most, '<=', 2, 'it takes one worker, or one that ends and the next');
cmp_ok($slowest, '<', 5, 'others are served');

# A dump and restore
$node->safe_psql('postgres', q{ALTER SERVER s OPTIONS (ADD rows '3'); CREATE USER MAPPING FOR PUBLIC SERVER s});
my $look = q{SELECT count(*), min(id), max(id), md5(string_agg(l::text, '' ORDER BY id)) FROM connkit.audit_log AS l};
my $all = $node->safe_psql('postgres', $look);
for my $format ('plain', 'custom')
{
	my $dump = $node->basedir . "/$format";
	my $to = $node->connstr($format);
	$node->safe_psql('postgres', "CREATE DATABASE $format TEMPLATE template0");
	$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-F', $format, '-f', $dump ], "dump, $format");
	$node->command_ok(
		$format eq 'plain' ? [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $to, '-f', $dump ] :
		  [ 'pg_restore', '-e', '-j', '2', '-d', $to, $dump ],
		'restore');
	is($node->safe_psql($format, $look), $all, 'the log is the same');
	$node->psql($format, $try);
	is($node->safe_psql($format, q{SELECT max(id) - count(*) FROM connkit.audit_log}),
		$node->safe_psql('postgres', q{SELECT max(id) - count(*) FROM connkit.audit_log}), 'and goes on');
}

# A standby cannot write rows
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup('standby', 'replay', $node->lsn('insert'));
$lines = lines($standby);
($status, $out, $error) = $standby->psql('postgres', $try);
like($error, qr/permission denied/, 'a standby refuses');
is(lines($standby) - $lines, 1, 'and writes a line of the log');
my ($line) = slurp_file($standby->logfile) =~ /LOG:  connkit audit: (\{.*\})\n(?!.*LOG:  connkit audit)/s;
is($node->safe_psql('postgres', qq{SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_object_keys(\$line\$$line\$line\$::jsonb) AS key}),
	'action application at backend client detail object object_type organization organization_mark outcome role role_mark session_role sqlstate',
	'of JSON, with the columns of the table');
$standby->stop;

# No place for a worker
$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->restart;
told(sub { $node->psql('postgres', $try) }, 0, 1, 'with no place for a worker the entry is a line of the log');
$node->append_conf('postgresql.conf', 'max_worker_processes = 1');
$node->restart;
told(sub { $node->psql('postgres', $try) for 1 .. 3 }, 0, 3, 'also when others have taken them all');
$node->append_conf('postgresql.conf', "max_worker_processes = 8\nshared_preload_libraries = 'connkit'");
$node->restart;
told(sub { $node->psql('postgres', $try) }, 1, 0, 'with the module preloaded it is a row');

# A session that ends at once after it has used a secret
$node->safe_psql('postgres', qq{
	CREATE SERVER self FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '$socket', port '$port', dbname 'postgres');
	SELECT connkit_set_secret('pw', 'canary');
	CREATE USER MAPPING FOR CURRENT_USER SERVER self OPTIONS (user '} . $node->safe_psql('postgres', 'SELECT current_user') . qq{', password_secret 'pw');
	CREATE FOREIGN TABLE one (a integer) SERVER self OPTIONS (query 'SELECT 1 AS a')});
is($node->safe_psql('postgres', 'SELECT a FROM one'), '1', 'a secret is used');
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM connkit.audit_log WHERE action = 'use' AND outcome = 'ok'}), 't', 'and that is told');
is($node->safe_psql('postgres', q{SELECT last_used IS NOT NULL FROM connkit.secret}), 't', 'and noted');
$node->safe_psql('postgres', q{ALTER SERVER self OPTIONS (SET host '/nowhere', ADD use_remote_estimate 'false')});
my $uses = q{SELECT count(*) FROM connkit.audit_log WHERE action = 'use'};
$before = $node->safe_psql('postgres', $uses);
$node->psql('postgres', 'SELECT a FROM one') for 1 .. 5;
is($node->safe_psql('postgres', $uses) - $before, 5, 'also where the session ends at once');

# The key in the data directory
my $finding = q{SELECT count(*) FROM connkit.compliance_report WHERE finding LIKE 'master key%'};
is($node->safe_psql('postgres', $finding), '0', 'the key is not in the data directory');
$node->append_conf('postgresql.conf', "connkit.master_key_file = 'moved.key'");
rename $node->data_dir . '.connkit.key', $node->data_dir . '/moved.key' or die $!;
$node->restart;
is($node->safe_psql('postgres', $finding), '1', 'where it is, the report says so');
is($node->safe_psql('postgres', "SET ROLE stranger; $finding"), '0', 'to superusers');

# A server of one process
$node->stop;
my $said = '';
IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ], '<', \"SELECT connkit_test('null', '{}')\n", '>', '/dev/null',
	'2>', \$said);
like($said, qr/connkit audit: \{.*"action": "test".*"outcome": "ok"/, 'a server without a postmaster writes lines');

done_testing();
