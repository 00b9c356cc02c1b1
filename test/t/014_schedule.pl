# Syncs run by themselves: in time, with their owner's rights and no more, after one another, until they are cancelled.

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

sub sql
{
	return $node->safe_psql('postgres', shift);
}

# What goes wrong with a statement.
sub refused
{
	my ($statement, $expected, $name) = @_;
	my ($status, $out, $error) = $node->psql('postgres', $statement);

	like($error, $expected, $name);
}

sub runs
{
	my ($sync, $state) = @_;

	return "SELECT count(*) FROM connkit.sync_run WHERE sync_name = '$sync' AND state = '$state'";
}

# A session that has done the statements and stays open.
sub session
{
	my $session = { in => "$_[0];\n\\echo ready\n", out => '' };

	$session->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
		'<', \$session->{in}, '&>', \$session->{out}, IPC::Run::timeout(120));
	$session->{run}->pump until $session->{out} =~ /ready/;
	return $session;
}

# What it says until its end, which these statements are.
sub end_of
{
	my ($session, $statements) = @_;

	$session->{in} .= "$statements;\n\\q\n";
	$session->{run}->finish;
	return $session->{out};
}

make_extension($node, 'postgres');
sql('CREATE ROLE ben LOGIN');
make_sync($node, 'postgres', 'quick', "rows '10'");

# in time, as the owner

sql(q{
	CREATE TABLE seen (at timestamptz, role name, outcome text, stage text);
	GRANT INSERT ON seen TO acme;
	SET ROLE acme;
	CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_catalog AS $$
	DECLARE outcome text := '';
	BEGIN
		BEGIN
			SET LOCAL ROLE postgres;
			outcome := 'became postgres';
		EXCEPTION WHEN OTHERS THEN outcome := sqlstate; END;
		BEGIN
			RESET ROLE;
			outcome := outcome || ', went back to ' || current_user;
		EXCEPTION WHEN OTHERS THEN outcome := outcome || ' ' || sqlstate; END;
		BEGIN
			SET LOCAL SESSION AUTHORIZATION postgres;
			outcome := outcome || ', session of postgres';
		EXCEPTION WHEN OTHERS THEN outcome := outcome || ' ' || sqlstate; END;
		INSERT INTO seen VALUES (clock_timestamp(), current_user, outcome, TG_ARGV[0]);
		RETURN NULL;
	END $$;
	CREATE TRIGGER look AFTER INSERT ON quick FOR EACH STATEMENT EXECUTE FUNCTION look('statement');
	CREATE CONSTRAINT TRIGGER look_late AFTER INSERT ON quick DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION look('commit');
});
my $listener = { in => "LISTEN connkit;\n\\echo ready\n", out => '' };
$listener->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
	'<', \$listener->{in}, '&>', \$listener->{out}, IPC::Run::timeout(60));
$listener->{run}->pump until $listener->{out} =~ /ready/;

like(sql("SET ROLE acme; SELECT sync_name, next_at > now(),"
	. " next_at <= clock_timestamp() + interval '1 second' FROM connkit_schedule('quick', '1 second')"), qr/^quick\|t\|t$/m, 'a schedule says when it comes first');
is(sql("SET ROLE acme; SELECT count(*), count(DISTINCT at), min(why) FROM connkit.next_runs WHERE run IS NULL"),
	'3|3|schedule 1 second', 'next_runs has the next three times');
eventually($node, 'postgres', 'SELECT (' . runs('quick', 'succeeded') . ') >= 4', 'it runs again and again');
is(sql(q{SELECT count(*) FROM (SELECT started_at - lag(started_at) OVER (ORDER BY id) AS gap FROM connkit.sync_run) AS r
	WHERE gap NOT BETWEEN interval '0.4 seconds' AND interval '1.6 seconds'}), '0', 'each second');
is(sql("SELECT DISTINCT role, stage FROM seen ORDER BY 2"), "acme|commit\nacme|statement",
	'as the owner, who cannot log in, up to the commit');
unlike(sql("SELECT DISTINCT outcome FROM seen"), qr/[,a-z]{2}/, 'what runs in it becomes nobody else');
is(sql('SELECT count(*) FROM quick'), '10', 'the rows are there');
is(sql("SELECT string_agg(DISTINCT trigger, ','), bool_and(requested_by = 'acme'), bool_and(attempt = 1) FROM connkit.sync_run"),
	'schedule|t|t', 'its runs say why they ran');

$listener->{in} .= "SELECT 1;\n\\echo done\n";
$listener->{run}->pump until $listener->{out} =~ /^done/m;
like($listener->{out}, qr/"connkit" with payload "\{"run": 1, "sync": "quick", "state": "succeeded", "rows": 10\}"/,
	'who listens is told');

is(sql("SET ROLE acme; SELECT connkit_unschedule('quick')"), '1', 'a schedule is dropped');
sleep 2;
my $count = sql('SELECT max(id) FROM connkit.sync_run');
sleep 2;
is(sql('SELECT max(id) FROM connkit.sync_run'), $count, 'and then nothing runs');

# rights, and what cannot be

refused("SET ROLE ben; SELECT connkit_schedule('quick', '1 hour')", qr/there is no sync "quick"/,
	'another role cannot schedule it');
refused("SET ROLE ben; SELECT connkit_cancel_run(1)", qr/run 1 does not exist/, 'nor cancel its runs');
is(sql("SET ROLE ben; SELECT count(*) FROM connkit.sync_run; SELECT count(*) FROM connkit.next_runs"), "0\n0",
	'nor see them');
refused("SET ROLE ben; SELECT connkit.wake_launcher()", qr/permission denied/, 'nor keep the launcher busy');
refused("SELECT connkit_schedule('quick')", qr/by a schedule or after another/, 'neither a schedule nor after');
refused("SELECT connkit_schedule('quick', '1 hour', after => 'quick')", qr/by a schedule or after another/, 'both');
refused("SELECT connkit_schedule('quick', '1 hour', overlap => 'both')", qr/invalid value for overlap/, 'a wrong word');
refused("SELECT connkit_schedule('quick', '1 hour', timeout => '0')", qr/timeout is too short/, 'no time at all');
refused("SELECT connkit_schedule('quick', '1 hour', $_ => '170000000 years')", qr/$_ is too long/, "$_ without end")
	for 'timeout', 'jitter';
refused("SELECT connkit_schedule('quick', '1 hour', timezone => 'Nowhere')", qr/Nowhere/, 'a zone that there is not');
refused("SELECT connkit_schedule('quick', '61 * * * *')", qr/61/, 'a minute that there is not');

# after one another

make_sync($node, 'postgres', 'second', "rows '3'");
make_sync($node, 'postgres', 'third', "rows '3'");
sql("SET ROLE acme; SELECT connkit_schedule('second', after => 'quick'); SELECT connkit_schedule('third', after => 'second')");
refused("SELECT connkit_schedule('quick', after => 'third')", qr/cannot run after "third"/, 'a circle is refused');
refused("SELECT connkit_schedule('quick', after => 'quick')", qr/cannot run after "quick"/, 'the smallest too');
is(sql("SELECT why FROM connkit.next_runs ORDER BY 1"), "after quick\nafter second", 'next_runs tells what comes after what');
sql("SET ROLE acme; SELECT outcome FROM connkit_sync('quick')") for 1 .. 2;
eventually($node, 'postgres', 'SELECT (' . runs('third', 'succeeded') . ') >= 1', 'what is after runs');
sleep 1;
is(sql("SELECT (" . runs('second', 'succeeded') . ") BETWEEN 1 AND 2, (" . runs('second', 'succeeded') . ") + ("
	. runs('second', 'skipped') . ")"), 't|2', 'once for each run that succeeded, or skipped while one waits');
my $seconds = sql(runs('second', 'succeeded'));
$node->psql('postgres', "SET ROLE acme; BEGIN; SELECT connkit_sync('quick'); ROLLBACK");
sql("ALTER SERVER quick OPTIONS (ADD fail_at '3')");
sql("SET ROLE acme; SELECT outcome FROM connkit_sync('quick')");
sleep 1;
is(sql(runs('second', 'succeeded')), $seconds, 'not after one that failed, or was rolled back');
sql("ALTER SERVER quick OPTIONS (DROP fail_at); SELECT connkit_unschedule('second'); SELECT connkit_unschedule('third')");

# cancel

make_sync($node, 'postgres', 'slow', "rows '600', delay_ms '100'");
sql("SET ROLE acme; SELECT connkit_schedule('slow', '1 second')");
eventually($node, 'postgres', "SELECT count(*) = 1 FROM connkit.sync_progress WHERE sync_name = 'slow' AND background",
	'a run under way is shown');
is(sql("SET ROLE ben; SELECT count(*) FROM connkit.sync_progress"), '0', 'not to others');
like(sql("SELECT backend_type, query FROM pg_stat_activity WHERE backend_type = 'connkit run'"),
	qr/^connkit run\|connkit run \d+: slow$/, 'its process says what it does');
eventually($node, 'postgres', 'SELECT (' . runs('slow', 'skipped') . ') >= 2', 'what would overlap is skipped');
is(sql("SET ROLE acme; SELECT connkit_unschedule('slow');"
	. " SELECT connkit_cancel_run(run) FROM connkit.sync_progress"), "1\nt", 'a run is cancelled');
eventually($node, 'postgres', "SELECT (" . runs('slow', 'cancelled') . ") = 1 AND NOT EXISTS (SELECT FROM connkit.sync_progress)",
	'and ends');
is(sql("SELECT sqlstate, message FROM connkit.sync_run WHERE state = 'cancelled'"), '57014|cancelled by role "acme"',
	'it says who did it');
is(sql("SELECT connkit_cancel_run(id) FROM connkit.sync_run WHERE state = 'cancelled'"), 'f', 'it cannot be cancelled again');
is(sql("SELECT count(*) FROM connkit.audit_log WHERE action = 'cancel' AND object = 'slow'"), '1', 'which is in the audit log');

# in a session too
my $session = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', "SELECT connkit_sync('slow')" ],
	'&>', \my $said, IPC::Run::timeout(60));
eventually($node, 'postgres', "SELECT count(*) = 1 FROM connkit.sync_progress WHERE sync_name = 'slow' AND NOT background",
	'a run in a session is shown');
is(sql("SET ROLE acme; SELECT connkit_cancel_run(run) FROM connkit.sync_progress"), 't', 'and is cancelled');
$session->finish;
like($said, qr/canceling statement/, 'as its statement is');

# what it does

make_sync($node, 'postgres', $_, "rows '10'", $_ eq 'deleting' ? "mode => 'merge', key_columns => '{id}'" : undef)
	for qw(initializing deleting applying indexing swapping committing);
sql(q{
	SET ROLE acme;
	CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN OLD; END';
	CREATE FUNCTION hold(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE
		AS 'BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared(7); RETURN $1; END';
	SELECT connkit_alter_sync('deleting', '{"deletes": "hard"}');
	ALTER TABLE deleting ADD PRIMARY KEY (id);
	INSERT INTO deleting VALUES (99);
	CREATE INDEX ON indexing (hold(id));
	CREATE TRIGGER hold AFTER DELETE ON deleting FOR EACH ROW EXECUTE FUNCTION hold();
	CREATE TRIGGER hold AFTER INSERT ON applying FOR EACH ROW EXECUTE FUNCTION hold();
	CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON committing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold();
});
my $blocker = session('BEGIN; SELECT pg_advisory_xact_lock(7); LOCK TABLE initializing; SELECT count(*) FROM swapping');
my @blocked = map {
	IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', "SELECT outcome FROM connkit_sync('$_')" ],
		'&>', \my $said, IPC::Run::timeout(120));
} qw(initializing deleting applying indexing swapping);
my $waiting = session("BEGIN; SELECT outcome FROM connkit_sync('second')");
sql("SELECT connkit_sync('committing', background => true); SELECT connkit_sync('slow', background => true)");
my $phases = q{SELECT string_agg(sync_name || ' ' || phase, ', ' ORDER BY sync_name) FROM connkit.sync_progress};
my $expected = 'applying applying rows, committing committing, deleting finding deleted rows, indexing building indexes, '
	. 'initializing initializing, second waiting for commit, slow reading rows, swapping swapping relation files';
$node->poll_query_until('postgres', "SELECT ($phases) = '$expected'");
is(sql($phases), $expected, 'a run says what it does');
end_of($blocker, 'COMMIT');
$_->finish for @blocked;
end_of($waiting, 'COMMIT');
sql("SELECT connkit_cancel_run(run) FROM connkit.sync_progress WHERE sync_name = 'slow'");
eventually($node, 'postgres', 'SELECT NOT EXISTS (SELECT FROM connkit.sync_progress)', 'until it ends');
is(sql("SELECT count(*) FROM connkit.sync_run WHERE state = 'succeeded' AND sync_name ~ 'ing\$'"), '6', 'well');

# what a session does afterwards is not the run any more
sql("ALTER SERVER third OPTIONS (ADD fail_at '2')");
for my $after (q{SELECT connkit_sync('second')}, q{SELECT connkit_sync('third')},
	q{DO $$ BEGIN PERFORM connkit_sync('second'); PERFORM pg_sleep(3); END $$},
	q{DO $$ BEGIN PERFORM connkit_sync('third'); PERFORM pg_sleep(3); END $$},
	q{DO $$ BEGIN BEGIN PERFORM connkit_sync('second'); RAISE 'no'; EXCEPTION WHEN raise_exception THEN END; PERFORM pg_sleep(3); END $$})
{
	my $session = session('SET client_min_messages = error; BEGIN');
	my $was = sql('SELECT last_value FROM connkit.sync_run_id_seq');

	$session->{in} .= "$after;\nSELECT 'slept' FROM pg_sleep(1);\n";
	$session->{run}->pump_nb;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
	my ($status, $out, $error) = $node->psql('postgres', 'SELECT connkit_cancel_run(' . ($was + 1) . ')');
	like("$out$error", $after =~ /RAISE/ ? qr/does not exist/ : qr/^f.*has ended: there is nothing to cancel/s,
		"nothing can be cancelled after $after");
	like(end_of($session, 'COMMIT'), qr/slept/, 'and it goes on');
}
eventually($node, 'postgres', 'SELECT NOT EXISTS (SELECT FROM connkit.sync_progress)', 'nothing stays');

# a run within a job is not shown in its place
make_sync($node, 'postgres', $_, "rows '10'") for qw(inside outside);
sql(q{
	SET ROLE acme;
	CREATE FUNCTION call_inside() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN PERFORM public.connkit_sync(''inside''); PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END';
	CREATE TRIGGER call_inside AFTER INSERT ON outside FOR EACH STATEMENT EXECUTE FUNCTION call_inside();
	ALTER SERVER outside OPTIONS (SET rows '20');
});
$blocker = session('BEGIN; SELECT pg_advisory_xact_lock(7)');
sql("SELECT connkit_sync('outside', background => true)");
$phases = q{SELECT string_agg(concat_ws(' ', sync_name, background, phase, rows_read), ', ' ORDER BY sync_name)
	FROM connkit.sync_progress};
$expected = 'inside f waiting for commit 10, outside t applying rows 20';
$node->poll_query_until('postgres', "SELECT ($phases) = '$expected'");
is(sql($phases), $expected, 'a run within a job is shown beside it');
end_of($blocker, 'COMMIT');
eventually($node, 'postgres', 'SELECT NOT EXISTS (SELECT FROM connkit.sync_progress)', 'until the job has committed it');

# a run that asks for itself, or for another of the call at hand
make_sync($node, 'postgres', $_, "rows '20'", "mode => 'incremental', write => 'append', cursor_column => 'id'") for qw(self late);
make_sync($node, 'postgres', 'first', "rows '20'", "mode => 'incremental', write => 'append', cursor_column => 'id'");
sql(q{
	SET ROLE acme;
	CREATE TABLE told (sync text, outcome text, message text);
	CREATE FUNCTION ask() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO public.told SELECT tg_argv[0], outcome, message FROM public.connkit_sync(tg_argv[0]); RETURN NULL; END';
	CREATE TRIGGER ask AFTER INSERT ON self FOR EACH STATEMENT EXECUTE FUNCTION ask('self');
	CREATE CONSTRAINT TRIGGER ask AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id IN (5, 15))
		EXECUTE FUNCTION ask('late');
});
my $own = 'skipped|it is running: this was called from within it';
is(sql("SET ROLE acme; SELECT outcome FROM connkit_sync('self'); SELECT outcome, message FROM told"), "succeeded\n$own",
	'a run in a session that asks for itself is told that it is running');
sql("DELETE FROM told; SELECT connkit_reset_sync('self'); SELECT connkit_sync(name, background => true)"
	. " FROM connkit.sync WHERE name IN ('self', 'late')");
eventually($node, 'postgres', 'SELECT (' . runs('self', 'succeeded') . ') = 2 AND (' . runs('late', 'succeeded') . ') = 1',
	'in a job, it ends well');
is(sql('SELECT DISTINCT * FROM told ORDER BY 1'), "late|$own\nself|$own", 'and is told the same, at a commit too');
is(sql('SELECT count(*), count(DISTINCT id) FROM late'), '20|20', 'each row comes once');
sql(q{
	SET ROLE acme;
	DELETE FROM told;
	SELECT connkit_alter_sync('first', new_name => 'first_one');
	CREATE TABLE later (id bigint);
	SELECT connkit_create_sync('first', 'numbers', 'later', name => 'later', mode => 'incremental', write => 'append',
		cursor_column => 'id', settings => '{"columns": ["id"]}');
	CREATE TRIGGER ask AFTER INSERT ON later FOR EACH STATEMENT EXECUTE FUNCTION ask('first_one');
});
is(sql("SET ROLE acme; SELECT sync_name, outcome FROM connkit_sync('first'); SELECT * FROM told;"
	. " SELECT count(*), count(DISTINCT id) FROM first"), "first_one|succeeded\nlater|succeeded\nfirst_one|$own\n20|20",
	'one of a call for a whole source does not run another of it once more');

# one that waits
sql("SET ROLE acme; SELECT connkit_schedule('slow', '1 second', jitter => '1 hour')");
eventually($node, 'postgres', 'SELECT (' . runs('slow', 'queued') . ') = 1', 'with jitter a run waits');
is(sql("SELECT not_before > now() + interval '1 second', not_before < now() + interval '61 minutes' FROM connkit.sync_run"
	. " WHERE state = 'queued'"), 't|t', 'for some time of it');
is(sql("SET ROLE acme; SELECT connkit_unschedule('slow');"
	. " SELECT connkit_cancel_run(id) FROM connkit.sync_run WHERE state = 'queued'"), "1\nt", 'it is cancelled');
is(sql(runs('slow', 'cancelled')), '3', 'at once');

# paused
sql("SET ROLE acme; SELECT connkit_schedule('quick', '1 second'); SELECT connkit_pause_sync('quick')");
sleep 2;
$count = sql(runs('quick', 'succeeded'));
is(sql("SELECT count(*) FROM connkit.next_runs WHERE sync_name = 'quick' AND paused"), '3', 'next_runs shows what is paused');
sleep 2;
is(sql(runs('quick', 'succeeded')), $count, 'a sync that is paused does not run');
sql("SET ROLE acme; SELECT connkit_unschedule('quick'); SELECT connkit_resume_sync('quick');"
	. " SELECT connkit_sync('quick', background => true)");
eventually($node, 'postgres', 'SELECT (' . runs('quick', 'succeeded') . ") = $count + 1", 'until that ends');

# a session that keeps a run's row locked keeps nobody else
sql("SET ROLE acme; SELECT connkit_schedule('slow', '1 second', jitter => '1 hour')");
eventually($node, 'postgres', 'SELECT (' . runs('slow', 'queued') . ') = 1', 'a run waits');
my $holder = { in => "BEGIN; SELECT connkit_cancel_run(id) FROM connkit.sync_run WHERE state = 'queued';\n\\echo ready\n",
	out => '' };
sql("SET ROLE acme; SELECT connkit_unschedule('slow')");
$holder->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
	'<', \$holder->{in}, '&>', \$holder->{out}, IPC::Run::timeout(120));
$holder->{run}->pump until $holder->{out} =~ /ready/;
like($holder->{out}, qr/^t/, 'it is cancelled in a transaction that stays open');
sql("SELECT connkit_sync('quick', background => true)");
eventually($node, 'postgres', 'SELECT (' . runs('quick', 'succeeded') . ") = $count + 2", 'others run');
$holder->{in} .= "COMMIT;\n\\q\n";
$holder->{run}->finish;

# one waits where overlap is queue
sql("SET ROLE acme; SELECT connkit_schedule('slow', '1 second', overlap => 'queue')");
eventually($node, 'postgres', 'SELECT (' . runs('slow', 'running') . ') = 1 AND (' . runs('slow', 'queued') . ') = 1',
	'a run waits for the one under way');
sleep 2;
is(sql(runs('slow', 'queued')), '1', 'one at most');
sql("SET ROLE acme; SELECT connkit_unschedule('slow');"
	. " SELECT connkit_cancel_run(id) FROM connkit.sync_run WHERE state IN ('queued', 'running') ORDER BY state");
eventually($node, 'postgres', 'SELECT NOT EXISTS (SELECT FROM connkit.sync_progress)', 'both are cancelled');

# time-out
sql("SET ROLE acme; SELECT connkit_schedule('slow', '1 second', timeout => '2 seconds')");
eventually($node, 'postgres', 'SELECT (' . runs('slow', 'failed') . ') = 1', 'a run that takes too long fails');
is(sql("SELECT sqlstate, message, ended_at - started_at BETWEEN '2 seconds' AND '4 seconds', attempt FROM connkit.sync_run"
	. " WHERE sync_name = 'slow' AND state = 'failed' ORDER BY id LIMIT 1"),
	'57014|the run took longer than its time-out of 2000 ms|t|1', 'and says so');
sql("SET ROLE acme; SELECT connkit_unschedule('slow')");

# attempts
make_sync($node, 'postgres', 'lost', "rows '5', fail_at '2', fail_with 'connect'");
make_sync($node, 'postgres', 'locked', "rows '5', fail_at '2', fail_with 'auth'");
sql("SET ROLE acme; SELECT connkit_schedule('lost', '1 second', retries => 2); SELECT connkit_schedule('locked', '1 second')");
eventually($node, 'postgres', 'SELECT (' . runs('lost', 'failed') . ') >= 1', 'a lost source fails in the end');
is(sql("SELECT attempt, sqlstate LIKE '08%', ended_at - queued_at > interval '0.65 seconds' FROM connkit.sync_run"
	. " WHERE sync_name = 'lost' AND state = 'failed' ORDER BY id LIMIT 1"), '3|t|t', 'after three attempts with a pause');
is(sql("SELECT DISTINCT attempt, sqlstate LIKE '28%' FROM connkit.sync_run WHERE sync_name = 'locked' AND state = 'failed'"),
	'1|t', 'a refused password is not tried again');
is(sql("SELECT DISTINCT organization, outcome, sqlstate LIKE '28%' FROM connkit.audit_log WHERE action = 'sync'"
	. " AND object = 'locked'"), 'acme|failed|t', 'the audit log has it');
sql("SET ROLE acme; SELECT connkit_unschedule('lost'); SELECT connkit_unschedule('locked')");
eventually($node, 'postgres', "SELECT count(*) = 0 FROM connkit.sync_run WHERE state IN ('queued', 'running')",
	'all comes to an end');

# settings of the database
sql("ALTER DATABASE postgres SET role = 'ben'; ALTER DATABASE postgres SET exit_on_error = on");
{
	local $ENV{PGOPTIONS} = '-c role=none -c exit_on_error=off';
	my $run = sql("SET ROLE acme; SELECT run FROM connkit_sync('locked', background => true)");

	eventually($node, 'postgres', "SELECT state = 'failed' AND sqlstate LIKE '28%' FROM connkit.sync_run WHERE id = $run",
		'settings of the database are not those of the scheduler');
	is(sql("SELECT count(*) FROM connkit.audit_log WHERE detail LIKE '%' || (SELECT message FROM connkit.sync_run"
		. " WHERE id = $run) || '%' AND at > (SELECT started_at FROM connkit.sync_run WHERE id = $run)"), '1', 'nor of its runs');
	sql('ALTER DATABASE postgres RESET ALL');
}

# what is gone
make_sync($node, 'postgres', 'gone', "rows '5', delay_ms '10'");
sql("SET ROLE acme; SELECT connkit_schedule('gone', '1 second', jitter => '1 hour')");
eventually($node, 'postgres', 'SELECT (' . runs('gone', 'queued') . ') = 1', 'a run waits');
sql("SELECT connkit_drop_sync('gone')");
eventually($node, 'postgres', 'SELECT (' . runs('gone', 'cancelled') . ') = 1', 'and is cancelled when its sync is dropped');
is(sql('SELECT count(*) FROM connkit.schedule'), '0', 'its schedule is gone too');

# whose owner is gone
sql('CREATE ROLE passing; GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null TO passing; GRANT CREATE ON SCHEMA public TO passing');
make_sync($node, 'postgres', 'orphan', "rows '5'", undef, 'passing');
sql("SET ROLE passing; SELECT connkit_schedule('orphan', '1 second')");
eventually($node, 'postgres', 'SELECT (' . runs('orphan', 'succeeded') . ') >= 1', 'a sync runs');
sql('REASSIGN OWNED BY passing TO acme; DROP OWNED BY passing; DROP ROLE passing');
eventually($node, 'postgres', 'SELECT (' . runs('orphan', 'failed') . ') >= 1', 'and fails when its owner is gone');
is(sql("SELECT DISTINCT message FROM connkit.sync_run WHERE sync_name = 'orphan' AND state = 'failed' AND attempt = 1"),
	'the owner of sync "orphan" is gone', 'and says so');
sql("DELETE FROM connkit.schedule");

# old runs
sql("UPDATE connkit.sync_run SET ended_at = ended_at - interval '91 days' WHERE sync_name = 'lost'");
$node->append_conf('postgresql.conf', "connkit.scheduler_naptime = 1");
$node->restart;
eventually($node, 'postgres', "SELECT count(*) = 0 FROM connkit.sync_run WHERE sync_name = 'lost'", 'old runs are deleted');
isnt(sql('SELECT count(*) FROM connkit.sync_run'), '0', 'others are not');

unlike(log_of($node), qr/PANIC|terminated by signal|TRAP/, 'nothing crashed');
done_testing();
