# Syncs are killed, cut and cancelled at random points, and after each the target is compared with the source row for row:
# nothing is lost, nothing doubled.
#
# A round changes the tables of some cases (a source, a mode, a target), starts their syncs at once, in the background or
# by a call, does its worst to them, lets them come to their end and compares. FAULT_RUNS is the number of runs,
# FAULT_SEED repeats the choices of all (not the moments); FAULT_ONLY chooses faults by a pattern, FAULT_CASES cases,
# and FAULT_ROWS is the number of rows that they begin with.

use strict;
use warnings;

use List::Util qw(max min shuffle sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use FindBin;
use lib $FindBin::RealBin;
use Proxy;
use Source;
use Wire;

my $wanted = $ENV{FAULT_RUNS} || 300;
my $seed = $ENV{FAULT_SEED} || int rand 1000000;
my $rows = $ENV{FAULT_ROWS} || 1500;
my $role = 'keeper';
my $began = time;

diag("FAULT_SEED=$seed FAULT_RUNS=$wanted");
srand $seed;

#
# The cluster
#
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;

# with wal_level minimal, new storage is not logged but written at the commit
$node->append_conf('postgresql.conf', q{
	shared_preload_libraries = 'connkit'
	connkit.retry_delay = 200ms
	connkit.scheduler_naptime = 2
	connkit.max_running_syncs = 6
	connkit.max_runs_per_source = 4
	restart_after_crash = on
	max_connections = 60
	max_worker_processes = 30
	shared_buffers = 16MB
	max_wal_size = 64MB
	max_wal_senders = 0
	autovacuum_naptime = 5s
	log_statement = none
	wal_level = } . (rand() < 0.5 ? 'minimal' : 'replica') . "\n");
$node->append_conf('postgresql.conf', $ENV{FAULT_CONF} // '');
$node->start;

my $super;

sub connection
{
	my ($user) = @_;
	my $end = time + 60;
	my $wire;

	until ($wire = Wire->new($node->host, $node->port, $user, 'postgres'))
	{
		die "the cluster does not answer\n" if time > $end;
		sleep 0.02;
	}
	return $wire;
}

# As superuser, whatever becomes of the connection; the statement may run twice.
sub ask
{
	my ($sql) = @_;

	for my $try (1 .. 5)
	{
		$super = connection(scalar getpwuid($<)) if !$super || $super->{closed};
		my $rows = eval { $super->rows($sql) };

		return $rows if $rows;
		die $@ if !$super->{closed} && ($super->{state} // '') !~ /^57P|^08/;
		$super->close if !$super->{closed};
	}
	die "no answer: $sql\n";
}

sub value
{
	my $rows = ask(@_);

	return @$rows ? $rows->[0][0] : undef;
}

ask($_) for 'CREATE EXTENSION connkit CASCADE', "CREATE ROLE $role LOGIN", "GRANT CREATE ON SCHEMA public TO $role";
my $amcheck = eval { ask('CREATE EXTENSION amcheck'); 1 };
my %sources = map { my $source = Source->new($_); $source ? ($_ => $source) : () } qw(postgres mysql);
ask($sources{$_}->definition("s_$_", $role)) for keys %sources;
diag('no MariaDB: its cases are left out') if !$sources{mysql};

#
# Cases
#
# how   what the target must be after a run, given what it was: see expected()
# busy  the source goes on changing while runs do
#
my @kinds = (
	{how => 'replace', mode => 'full_refresh', write => 'replace'},
	{how => 'replace', mode => 'full_refresh', write => 'replace', busy => 1},
	{how => 'replace', mode => 'full_refresh', write => 'replace', target => 'parted'},
	{how => 'replace', mode => 'full_refresh', write => 'replace', target => 'triggered'},
	{how => 'all', mode => 'full_refresh', write => 'append'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'at', busy => 1},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', target => 'parted'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', keyless => 1},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'at', keyless => 1, busy => 1},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', keyless => 1, target => 'triggered'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', keyless => 1, behind => 5, lookback => '5'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', half_open => 1},
	{how => 'merge', mode => 'incremental', write => 'merge', cursor => 'cur'},
	{how => 'merge', mode => 'incremental', write => 'merge', cursor => 'cur', busy => 1},
	{how => 'merge', mode => 'incremental', write => 'merge', cursor => 'at', target => 'parted'},
	{how => 'merge', mode => 'incremental', write => 'merge', cursor => 'cur', target => 'triggered'},
	{how => 'replace', mode => 'merge', write => 'merge', deletes => 'hard'},
	{how => 'replace', mode => 'merge', write => 'merge', deletes => 'hard', target => 'parted', busy => 1},
	{how => 'soft', mode => 'merge', write => 'merge', deletes => 'soft'},
	{how => 'soft', mode => 'merge', write => 'merge', deletes => 'soft', target => 'parted', busy => 1},
	{how => 'history', mode => 'history', write => 'merge', deletes => 'soft'},
	{how => 'history', mode => 'history', write => 'merge', deletes => 'soft', cursor => 'cur'},
	{how => 'history', mode => 'history', write => 'merge', deletes => 'soft', target => 'parted'},
	{how => 'history', mode => 'history', write => 'merge', deletes => 'soft', busy => 1});
my @cases;

# Makes table, target and sync of a case.
sub make_case
{
	my ($kind, $source) = @_;
	my $case = {%$kind, source => $source, table => sprintf('t%02d_%s', scalar @cases, $source->{kind}),
		runs => 0, was => [], ms => 60};
	my $t = $case->{t} = {name => $case->{table}, keyed => !$case->{keyless}, behind => $case->{behind}};
	my $schema = $source->{kind} eq 'postgres' ? 'public' : 'source';

	push @cases, $case;
	$case->{name} = join ' ', $source->{kind}, @$case{qw(mode write)}, map { $case->{$_} // () } qw(cursor deletes target);
	$case->{name} .= " $_" for grep { $case->{$_} } qw(busy keyless lookback half_open);
	$source->make_table($t);
	$source->run($source->changes($t, $rows));
	make_target($case) if $case->{target};

	my $settings = '"chunk_rows": ' . (20, 50, 200)[@cases % 3];
	$settings .= qq(, "$_": "$case->{$_}") for grep { $case->{$_} } qw(deletes lookback);
	$settings .= ', "half_open": true' if $case->{half_open};
	my $cursor = $case->{cursor} ? ", cursor_column => '$case->{cursor}'" : '';

	as_keeper("SELECT connkit_create_sync('s_$source->{kind}', '$schema.$t->{name}', target => 'public.$t->{name}',"
		. " name => '$t->{name}', mode => '$case->{mode}', write => '$case->{write}'$cursor, settings => '{$settings}')");
}

my $keeper;

sub as_keeper
{
	# a connection that has ended meanwhile is not used
	$keeper = connection($role) if !$keeper || $keeper->{closed} || !eval { $keeper->rows('SELECT 1') };
	return $keeper->rows(@_);
}

# A target that was there before the sync: partitioned, or with a trigger.
sub make_target
{
	my ($case) = @_;
	my ($name, $keyed) = ($case->{table}, $case->{write} ne 'append' && $case->{how} ne 'history');
	my %more = (soft => ', deleted_at timestamptz',
		history => ', valid_from timestamptz NOT NULL, valid_to timestamptz, is_current boolean NOT NULL');
	my $more = ($more{ $case->{how} } // '') . ($keyed ? ', PRIMARY KEY (id)' : '');
	my $columns = "id bigint NOT NULL, cur bigint NOT NULL, at timestamp(6) NOT NULL, n int, txt text, d numeric(12,3)$more";

	if ($case->{target} eq 'parted')
	{
		as_keeper("CREATE TABLE $name ($columns) PARTITION BY HASH (id)");
		as_keeper("CREATE TABLE ${name}_$_ PARTITION OF $name FOR VALUES WITH (MODULUS 3, REMAINDER $_)") for 0 .. 2;
		return;
	}
	as_keeper("CREATE TABLE $name ($columns)");
	as_keeper("CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
	as_keeper("CREATE TRIGGER nothing BEFORE INSERT ON $name FOR EACH ROW EXECUTE FUNCTION ${name}()");
	as_keeper("CREATE INDEX ON $name (cur)");
}

#
# Comparison
#

# The target's rows as text, with a mark: of those that are deleted or of versions that are over.
sub target
{
	my ($case) = @_;
	my $mark = $case->{how} eq 'soft' ? "CASE WHEN deleted_at IS NULL THEN '' ELSE ' gone' END"
		: $case->{how} eq 'history' ? "CASE WHEN is_current THEN '' ELSE ' gone' END" : "''";

	return [] if !defined value("SELECT to_regclass('$case->{table}')");
	return [map { $_->[0] } @{ ask('SELECT ' . Source::columns('postgres') . " || $mark FROM $case->{table}") }];
}

# What the first list has and the second has not, each as often as it has more.
sub minus
{
	my ($some, $others) = @_;
	my %count;

	$count{$_}++ for @$others;
	return grep { !($count{$_} && $count{$_}--) } @$some;
}

sub by_key
{
	return map { (/^(\d+)\|/)[0] => $_ } @_;
}

# What the target must be after so many runs that succeeded, from what it was and what the source is.
sub expected
{
	my ($case, $source, $runs) = @_;
	my $was = $case->{was};

	return @$source if $case->{how} eq 'replace';
	return (@$was, map { @$source } 1 .. $runs) if $case->{how} eq 'all';
	return (@$was, minus($source, $was)) if $case->{how} eq 'append';

	my %now = by_key(@$source);
	my %old = by_key(grep { $case->{how} ne 'history' || !/ gone$/ } @$was);
	return values %{ { %old, %now } } if $case->{how} eq 'merge';
	return (@$source, map { $old{$_} =~ / gone$/ ? $old{$_} : "$old{$_} gone" } grep { !exists $now{$_} } keys %old)
		if $case->{how} eq 'soft';
	return (@$source, (grep { / gone$/ } @$was), map { "$old{$_} gone" } grep { ($now{$_} // '') ne $old{$_} } keys %old);
}

# What is wrong with the target: rows that are missing, that are there too often, and that should not be. The source has
# not changed since the run, or in a busy case since the last of several.
sub difference
{
	my ($case, $runs, $source, $got, $log) = @_;
	my @lost;
	my @more;

	if (!$log)
	{
		my @wanted = expected($case, $source, $runs);

		@lost = minus(\@wanted, $got);
		@more = minus($got, \@wanted);
	}
	else
	{
		# versions that were there between two runs may have been seen, and must have been seen once
		my %now = by_key(@$source);
		my @past = grep { $case->{how} eq 'append' || / gone$/ || !exists $now{ (/^(\d+)\|/)[0] } } minus($got, $source);

		@past = () if $case->{how} eq 'replace';
		@lost = minus($source, $got);
		push @lost, minus([grep { / gone$/ } @{ $case->{was} }], $got) if $case->{how} eq 'history';
		push @lost, minus($case->{was}, $got) if $case->{how} eq 'append';
		@more = minus([minus($got, $source)], \@past);
		push @more, minus([map { s/ gone$//r } @past], [@$log, map { s/ gone$//r } @{ $case->{was} }]);
		if ($case->{how} ne 'append' && $case->{how} ne 'history')
		{
			my %seen;

			push @more, grep { $seen{ (/^(\d+)\|/)[0] }++ } @$got;
		}
	}
	my %known = map { $_ => 1 } @$source, @{ $case->{was} }, $log ? @$log : ();
	return {lost => \@lost, doubled => [grep { $known{$_} } @more], wrong => [grep { !$known{$_} } @more]};
}

# Versions of a row in a history that overlap, that have no length, or that are current and over at once.
sub broken_chains
{
	my ($case) = @_;

	return value("SELECT count(*) FROM (SELECT valid_from, valid_to, is_current,"
		. " lead(valid_from) OVER (PARTITION BY id ORDER BY valid_from, valid_to) AS next FROM $case->{table}) AS v"
		. " WHERE valid_to <= valid_from OR is_current <> (valid_to IS NULL) OR is_current IS NULL"
		. " OR next < coalesce(valid_to, 'infinity')");
}

# Rows whose versions are not next to each other in time though the row was there all the time.
sub gaps
{
	my ($case) = @_;
	my %gone = %{ $case->{gone} // {} };
	my $rows = ask("SELECT DISTINCT id FROM (SELECT id, valid_to,"
		. " lead(valid_from) OVER (PARTITION BY id ORDER BY valid_from, valid_to) AS next FROM $case->{table}) AS v"
		. " WHERE next > valid_to");

	return grep { !$gone{ $_->[0] } } @$rows;
}

# Indexes that do not have what their table has.
sub broken_indexes
{
	my ($case) = @_;

	return '' if !$amcheck;
	eval
	{
		ask("SELECT bt_index_check(i.indexrelid, true) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
			. " WHERE c.relkind = 'i' AND i.indisvalid AND c.relam = 403 AND (i.indrelid = '$case->{table}'::regclass"
			. " OR i.indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '$case->{table}'::regclass))");
		1;
	} or return $@;
	return '';
}

my %bad = (lost => 0, doubled => 0, wrong => 0, other => 0);

sub complain
{
	my ($kind, $case, $text, $count) = @_;

	$bad{$kind} += $count // 1;
	diag("$kind: $case->{name} ($case->{table}): $text");
}

# Compares a case's target with its source, and keeps it as what it was.
sub compare
{
	my ($case, $runs, $story) = @_;
	my $name = $case->{table};
	my @source = $case->{source}->contents($name, $case->{half_open} ? "cur < (SELECT max(cur) FROM $name)" : undef);
	my $log = $case->{busy} && !$case->{keyless} ? [$case->{source}->contents("${name}_log")] : undef;
	my $got = target($case);
	my $difference = difference($case, $runs, \@source, $got, $log);

	for my $kind (qw(lost doubled wrong))
	{
		my @rows = @{ $difference->{$kind} };

		next if !@rows;
		complain($kind, $case, sprintf('%d of %d, as %.60s; %s', scalar @rows, scalar @source, $rows[0], $story), scalar @rows);
	}
	if ($case->{how} eq 'history')
	{
		my %now = by_key(@source);
		my %old = by_key(grep { !/ gone$/ } @{ $case->{was} });

		$case->{gone}{$_} = 1 for grep { !exists $now{$_} } keys %old;
		my $count = broken_chains($case);
		complain('other', $case, "$count versions overlap; $story") if $count;
		$count = gaps($case);
		complain('other', $case, "$count gaps between versions; $story") if $count && !$case->{busy};
	}
	my $broken = broken_indexes($case);
	complain('other', $case, "$broken; $story") if $broken;
	if ($case->{cursor})
	{
		my $position = value("SELECT position FROM connkit.sync_state JOIN connkit.sync ON id = sync WHERE name = '$name'");
		my ($greatest) = $case->{source}->rows("SELECT max(cur) FROM $name");

		complain('other', $case, "the position is " . ($position // 'none') . ", not $greatest; $story")
			if $case->{cursor} eq 'cur' && !$case->{busy} && ($position // '') ne $greatest && $case->{t}{tick} == $greatest;
	}
	my $counted = value("SELECT sum(inserted) FROM connkit.sync_run WHERE sync_name = '$name'");
	complain('other', $case, "$counted rows were counted, " . @$got . " are there; $story")
		if ($case->{how} eq 'append' || $case->{how} eq 'all') && ($counted // 0) != @$got;
	$case->{was} = $got;
}

#
# Runs
#
my ($serial, $interrupted) = (0, 0);
my %odd;

# {case, way, wire, base: greatest id of a run before, tries, done}
sub start_run
{
	my ($run) = @_;
	my $name = $run->{case}{table};

	return if $run->{done};
	my $call = "SELECT outcome, message FROM connkit_sync('$name'";

	$run->{tries}++;
	$run->{since} = time;
	if ($run->{way} eq 'background')
	{
		$run->{last} = value('SELECT coalesce(max(id), 0) FROM connkit.sync_run');
		eval { as_keeper("$call, background => true)"); 1 } or $run->{failed} = $@;
		return;
	}
	if ($run->{way} eq 'rollback' && $run->{tries} == 1) { $call = "BEGIN; $call); ROLLBACK" }
	elsif ($run->{way} eq 'savepoint') { $call = "BEGIN; SAVEPOINT s; $call); ROLLBACK TO s; $call); COMMIT" }
	elsif ($run->{way} eq 'twice') { $call = "BEGIN; $call); $call); COMMIT" }
	else { $call .= ')' }
	$run->{wire} = connection($role) if !$run->{wire} || $run->{wire}{closed};
	if ($run->{limit} && $run->{tries} == 1)
	{
		$run->{wire}->rows("SET statement_timeout = $run->{limit}");
	}
	elsif ($run->{limit} && $run->{tries} == 2)
	{
		$run->{wire}->rows("RESET statement_timeout");
	}
	$run->{wire}->start($call);
}

sub succeeded
{
	my ($run) = @_;

	return value("SELECT count(*) FROM connkit.sync_run WHERE sync_name = '$run->{case}{table}' AND state = 'succeeded'"
		. " AND id > $run->{base}");
}

# An attempt did not succeed: the reason is one that is to be expected, or counted as odd.
sub reason
{
	my ($run, $state, $message) = @_;

	$run->{story} .= " [$state $message]";
	$interrupted++;
	# the row of a call that was rolled back does not tell its state any more
	return if $state =~ /^(08|57|53|40|55P03|58|cancelled|skipped)/
		|| $state eq 'failed' && $message =~ /connect|gone away|query_timeout|shut|cancel/;
	$odd{"$run->{case}{name}: $state $message"}++;
	complain('other', $run->{case}, "gives up; $run->{story}");
	@$run{qw(done broken)} = (1, 1);
}

# Looks whether a run has come to its end, and starts it again where it has not and does not go on by itself.
sub look
{
	my ($run) = @_;

	return $run->{way} eq 'background' ? look_behind($run) : look_before($run);
}

sub look_behind
{
	my ($run) = @_;

	if ($run->{failed})
	{
		reason($run, $run->{failed} =~ /^(\w{5}) /, $run->{failed});
		undef $run->{failed};
		sleep 0.05;
		start_run($run);
		return;
	}
	my $row = ask("SELECT state, sqlstate, message, milliseconds, attempt FROM connkit.sync_run"
		. " WHERE sync_name = '$run->{case}{table}' AND id > $run->{last} ORDER BY id DESC LIMIT 1")->[0];
	# the request itself may have been lost
	if (!$row)
	{
		start_run($run) if time > $run->{since} + 3;
		return;
	}
	return if $row->[0] eq 'queued' || $row->[0] eq 'running';
	if ($row->[0] eq 'succeeded')
	{
		$run->{done} = 1;
		$run->{tries} += $row->[4] - 1;
		$interrupted += $row->[4] - 1;
		$run->{case}{ms} = 0.7 * $run->{case}{ms} + 0.3 * $row->[3] if $run->{tries} == 1;
		return;
	}
	reason($run, $row->[1] // $row->[0], $row->[2] // '');
	start_run($run);
}

sub look_before
{
	my ($run) = @_;
	my $wire = $run->{wire};
	my $lost = $wire->{closed};

	return if !$lost && !$wire->finish(0);
	if ($wire->{error} || $lost)
	{
		reason($run, $wire->{state}, $wire->{error}) if !$lost || $wire->{error};
		eval { $wire->rows('ROLLBACK') } if !$wire->{closed};
		# a client that is gone does not know
		return if $wire->{closed} && $wire->{pid} && value("SELECT count(*) FROM pg_stat_activity WHERE pid = $wire->{pid}");
		if (succeeded($run))
		{
			$run->{done} = 1;
			return;
		}
	}
	else
	{
		my @rows = @{ $wire->{rows} };
		my @failed = grep { $_->[0] ne 'succeeded' } @rows;

		complain('other', $run->{case}, 'no row is returned') if !@rows;
		reason($run, $_->[0] eq 'failed' ? (state_of($run) // 'failed') : $_->[0], $_->[1] // '') for @failed;
		if (!@failed && !($run->{way} eq 'rollback' && $run->{tries} == 1))
		{
			$run->{done} = 1;
			$run->{case}{ms} = 0.7 * $run->{case}{ms} + 300 * (time - $run->{since})
				if $run->{way} eq 'call' && $run->{tries} == 1;
			return;
		}
		return start_run($run) if $run->{way} eq 'savepoint' || $run->{way} eq 'twice';
	}
	my @left = $run->{again} ? () : minus(target($run->{case}), $run->{case}{was});
	complain('other', $run->{case}, scalar(@left) . " rows of a call that failed; $run->{story}") if @left;
	start_run($run);
}

sub state_of
{
	my ($run) = @_;

	return value("SELECT sqlstate FROM connkit.sync_run WHERE sync_name = '$run->{case}{table}' AND id > $run->{base}"
		. " ORDER BY id DESC LIMIT 1");
}

# The process that works on a run, or undef.
sub process
{
	my ($run) = @_;

	if ($run->{way} ne 'background')
	{
		return $run->{wire}{closed} || $run->{wire}->finish(0) ? undef : $run->{wire}{pid};
	}
	return value("SELECT pid FROM connkit.sync_progress WHERE sync_name = '$run->{case}{table}' AND background AND pid > 0");
}

#
# Faults: each returns whether there was something to do it to. "again" is done after it, to get things going.
#
my %faults = (
	none => {weight => 2, do => sub { 0 }},
	'kill -9 of the worker' => {weight => 3, do => sub { signal($_[0], 'KILL') }},
	'SIGTERM of the worker' => {weight => 3, do => sub { signal($_[0], 'TERM') }},
	'pg_cancel_backend' => {weight => 2, do => sub { signal($_[0], 'INT') }},
	'connkit_cancel_run' => {weight => 2, do => \&cancel_run},
	'kill of the scheduler' => {weight => 2, way => 'background', do => \&kill_scheduler},
	'immediate stop of the server' => {weight => 3, do => sub { Source::crash_node($node, 'immediate'); 1 }},
	'kill -9 of the postmaster' => {weight => 3, do => sub { Source::crash_node($node, 'kill'); 1 }},
	'fast stop of the server' => {weight => 1, do => sub { Source::crash_node($node, 'fast'); 1 }},
	'kill -9 of the source' => {weight => 3, do => sub { $_[0]{case}{source}->crash('kill'); 1 }},
	"kill -9 of the source's backend" => {weight => 2, source => 'postgres', do => sub { end_sessions($_[0], 'kill') }},
	"end of the source's session" => {weight => 2, do => sub { end_sessions($_[0], 'terminate') }},
	'cancel at the source' => {weight => 2, do => sub { end_sessions($_[0], 'cancel') }},
	'reset' => {weight => 3, do => sub { net($_[0], 'cut rst') }},
	'connection closed' => {weight => 3, do => sub { net($_[0], 'cut fin') }},
	'reset after bytes' => {weight => 3, early => 1, do => sub { net($_[0], 'cut rst ' . int rand 50000) }},
	'closed after bytes' => {weight => 3, early => 1, do => sub { net($_[0], 'cut fin ' . int rand 50000) }},
	'stall' => {weight => 2, do => sub { net($_[0], 'stall') }, again => sub { sleep 1.2 + rand }},
	'pause' => {weight => 2, do => sub { net($_[0], 'stall') }, again => sub { sleep rand 0.7 }},
	'refused' => {weight => 1, do => sub { net($_[0], 'refuse') && net($_[0], 'cut rst') }, again => sub { sleep rand 1.5 }},
	'client killed' => {weight => 3, way => 'call', do => \&kill_client},
	'statement_timeout' => {weight => 2, way => 'call', do => sub { $_[0]{limit} }},
	'second run' => {weight => 2, do => \&second_run});

sub net
{
	my ($run, $command) = @_;
	my $proxy = $run->{case}{source}{proxy};

	my $connections = (split ' ', $proxy->tell('count'))[2];

	$proxy->tell($command);
	return $connections;
}

sub signal
{
	my ($run, $signal) = @_;
	my $pid = process($run) or return 0;

	return value("SELECT pg_cancel_backend($pid)") eq 't' if $signal eq 'INT';
	return kill $signal, $pid;
}

sub kill_client
{
	my ($run) = @_;
	my $pid = process($run);

	$run->{wire}->close;
	return $pid ? 1 : 0;
}

sub end_sessions
{
	my ($run, $how) = @_;

	return $run->{case}{source}->end_sessions($how);
}

sub cancel_run
{
	my ($run) = @_;
	my $id = value($run->{way} eq 'background'
		? "SELECT id FROM connkit.sync_run WHERE sync_name = '$run->{case}{table}' AND id > $run->{last}"
			. " AND state IN ('queued', 'running') ORDER BY id DESC LIMIT 1"
		: "SELECT run FROM connkit.sync_progress WHERE pid = " . (process($run) // 0)) or return 0;

	eval { as_keeper("SELECT connkit_cancel_run($id)"); 1 } or $run->{story} .= " [cancel: $@]";
	return 1;
}

sub kill_scheduler
{
	my $pids = ask("SELECT pid FROM pg_stat_activity WHERE backend_type ~ '^connkit.*(launcher|scheduler)'");

	kill rand() < 0.5 ? 'KILL' : 'TERM', $pids->[rand @$pids][0] if @$pids;
	return scalar @$pids;
}

# Another call while one is under way does nothing, or waits.
sub second_run
{
	my ($run) = @_;
	my $rows = eval { as_keeper("SELECT outcome, message FROM connkit_sync('$run->{case}{table}')") };

	$run->{again} = 1;
	$run->{story} .= ' [second: ' . ($rows ? $rows->[0][0] : $@) . ']';
	return 1;
}

# All is up again.
sub recover
{
	my ($fault) = @_;

	$fault->{again}->() if $fault->{again};
	Source::start_node($node);
	for my $source (values %sources)
	{
		$source->up;
		$source->{proxy}->tell('pass');
	}
}

# A process that changes a busy case's table until it is told to end; it ends with what it did last.
sub start_writer
{
	my ($case) = @_;

	pipe my $read, my $write or die $!;
	my $pid = fork;
	die $! unless defined $pid;
	if ($pid == 0)
	{
		my ($stop, $parent) = (0, getppid);
		my $source = $case->{source};
		my $t = $case->{t};

		$SIG{TERM} = sub { $stop = 1 };
		srand $seed + $serial;
		until ($stop || getppid != $parent)
		{
			# what a source that is killed did of it is not known
			if (!eval { $source->run($source->changes($t, 1 + int rand 40)); 1 })
			{
				$t->{$_} += 1000 for qw(id tick);
				sleep 0.1;
			}
			sleep rand 0.05;
		}
		syswrite $write, "$t->{id} $t->{tick}\n";
		POSIX::_exit(0);
	}
	close $write;
	return {case => $case, pid => $pid, read => $read};
}

sub stop_writer
{
	my ($writer) = @_;

	kill 'TERM', $writer->{pid};
	my $line = readline $writer->{read};
	waitpid $writer->{pid}, 0;
	@{ $writer->{case}{t} }{qw(id tick)} = split ' ', $line;
	# the next change is not at the tick of one that may have been seen
	$writer->{case}{t}{tick}++;
}

# Waits until all runs have come to their end.
sub settle
{
	my ($runs) = @_;
	my $end = time + 60;

	while (my @open = grep { !$_->{done} } @$runs)
	{
		for my $run (@open)
		{
			look($run);
			next if $run->{done} || time < $end && $run->{tries} < 20;
			complain('other', $run->{case}, "no end after $run->{tries} attempts; $run->{story}");
			@$run{qw(done broken)} = (1, 1);
		}
		sleep 0.005;
	}
}

my (%count, %hit);
my $run_count = 0;

sub choose
{
	my ($run) = @_;
	my @names = grep
	{
		my $f = $faults{$_};
		(!$f->{way} || ($f->{way} eq 'background') == ($run->{way} eq 'background'))
			&& (!$f->{source} || $f->{source} eq $run->{case}{source}{kind})
			&& (!$ENV{FAULT_ONLY} || /$ENV{FAULT_ONLY}/)
	} sort keys %faults;
	my $at = rand sum0 map { $faults{$_}{weight} } @names;

	for (@names)
	{
		return $_ if ($at -= $faults{$_}{weight}) < 0;
	}
	return 'none';
}

sub round
{
	my ($chosen) = @_;
	my @runs;
	my @writers;

	$serial++;
	srand $seed + 7919 * $serial;
	for my $case (@$chosen)
	{
		my @ways = (('background') x 6, 'call', 'call', 'rollback', 'savepoint', 'twice');
		my $run = {case => $case, way => $ways[rand @ways], tries => 0, story => "round $serial,",
			base => value('SELECT coalesce(max(id), 0) FROM connkit.sync_run')};

		@$run{qw(way limit)} = ('call', 1 + int rand 1.2 * $case->{ms}) if $run->{way} ne 'background' && rand() < 0.1;
		$case->{source}->run($case->{source}->changes($case->{t}, 1 + int rand max(1000, $rows / 4))) if rand() < 0.9;
		push @runs, $run;
	}
	@writers = map { start_writer($_->{case}) } grep { $_->{case}{busy} } @runs;
	$sources{$_}{proxy}->tell('slow ' . int 150000 + rand 1500000) for grep { rand() < 0.5 } sort keys %sources;
	my $victim = $runs[rand @runs];
	my @names = map { choose($victim) } 1 .. (rand() < 0.3 ? 2 : 1);
	@names = ('statement_timeout') if $victim->{limit};
	$faults{ $names[0] }{early} && $faults{ $names[0] }{do}->($victim);
	start_run($_) for @runs;
	for my $name (@names)
	{
		my $fault = $faults{$name};
		my $begin = time;

		if (rand() < 0.8)
		{
			until (process($victim) || time > $begin + 1)
			{
				sleep 0.002;
			}
		}
		sleep rand 0.0007 * $victim->{case}{ms};
		my $there = $fault->{early} ? 1 : $fault->{do}->($victim) || 0;
		my $word = "$name";
		if ($fault->{early})
		{
			my $until = time + 2;

			sleep 0.01 while time < $until && process($victim);
		}
		$_->{story} .= " $_->{way}, " . ($_ == $victim ? '' : 'beside ') . "$word ($there)" for @runs;
		$count{$name}++;
		$hit{$name}++ if $there;
		recover($fault);
	}
	settle(\@runs);
	if (@writers)
	{
		stop_writer($_) for @writers;
		my @again = map { +{ %$_, way => 'call', again => 1, tries => 0, done => 0, wire => undef, limit => undef } }
			grep { $_->{case}{busy} && !$_->{broken} } @runs;
		start_run($_) for @again;
		settle(\@again);
		$run_count += @again;
	}
	for my $run (@runs)
	{
		$run_count += $run->{tries};
		if ($run->{broken})
		{
			@cases = grep { $_ != $run->{case} } @cases;
			next;
		}
		$run->{case}{runs}++;
		compare($run->{case}, succeeded($run), $run->{story});
	}
	diag(sprintf '%5.1f s, %s', time - $began, join ' | ', map { "$_->{case}{name}: $_->{tries} tries, $_->{story}" } @runs)
		if $ENV{FAULT_SHOW};
}

#
# The comparison finds what is lost and doubled
#
{
	my $case = {how => 'replace', was => [], name => 'check', table => 'check'};
	my @rows = map { "$_|row" } 1 .. 10;
	my $found = sub { my $d = difference($case, 1, @_); join ' ', map { scalar @{ $d->{$_} } } qw(lost doubled wrong) };

	is($found->(\@rows, \@rows), '0 0 0', 'comparison: equal');
	is($found->(\@rows, [@rows[1 .. 9], $rows[4]]), '1 1 0', 'comparison: a row lost, a row doubled');
	@$case{qw(how was)} = ('append', [@rows[0 .. 4]]);
	is($found->([@rows[3 .. 9]], \@rows), '0 0 0', 'comparison: rows that the source has no longer');
	is($found->([@rows[3 .. 9]], [@rows, $rows[3]]), '0 1 0', 'comparison: a row appended twice');
	is($found->([@rows[3 .. 9]], [@rows[3 .. 9]]), '3 0 0', 'comparison: appended rows lost');
	is($found->([@rows[3 .. 8]], [@rows[0 .. 8], '7|other'], [@rows, '7|other']), '0 0 0',
		'comparison: busy, a version between');
	is($found->([@rows[3 .. 8]], [@rows[0 .. 8], '7|other', '7|other'], [@rows, '7|other']), '0 1 0',
		'comparison: busy, twice');
	$case->{how} = 'merge';
	is($found->(['1|new', @rows[5 .. 9]], ['1|new', @rows[1 .. 9]]), '0 0 0',
		'comparison: merged');
	is($found->(['1|new', @rows[5 .. 9]], \@rows), '1 1 0', 'comparison: a change lost');
	is($found->([@rows[3 .. 9]], [@rows, '2|row'], \@rows), '0 1 0', 'comparison: busy, a key twice');
	$case->{how} = 'soft';
	is($found->([@rows[1 .. 9]], ['1|row gone', @rows[1 .. 9]]), '0 0 0', 'comparison: marked as deleted');
	is($found->([@rows[1 .. 9]], \@rows), '1 1 0', 'comparison: not marked as deleted');
	$case->{how} = 'history';
	is($found->(['1|new', @rows[1 .. 9]], ['1|row gone', '1|new', @rows[1 .. 9]]), '0 0 0',
		'comparison: a version that is over');
	is($found->(['1|new', @rows[1 .. 9]], ['1|new', @rows[1 .. 9]]), '1 0 0', 'comparison: a version lost');
}

# the same with tables, by INSERT ... SELECT, and by one that loses a row and doubles another
for my $kind (sort keys %sources)
{
	my ($source, $case) = ($sources{$kind}, {how => 'replace', was => [], table => "plain_$kind"});
	my $t = {name => "plain_$kind", keyed => 1};
	my $compare = sub
	{
		my $d = difference($case, 1, [$source->contents($t->{name})], target($case));
		return join ' ', map { scalar @{ $d->{$_} } } qw(lost doubled wrong);
	};

	$source->make_table($t);
	$source->run($source->changes($t, 1000)) for 1 .. 3;
	ask("GRANT USAGE ON FOREIGN SERVER s_$kind TO $role; CREATE SCHEMA far_$kind AUTHORIZATION $role");
	as_keeper('IMPORT FOREIGN SCHEMA ' . ($kind eq 'postgres' ? 'public' : 'source')
		. " LIMIT TO ($t->{name}) FROM SERVER s_$kind INTO far_$kind");
	as_keeper("CREATE TABLE public.$t->{name} AS SELECT * FROM far_$kind.$t->{name}");
	is($compare->(), '0 0 0', "$kind: copied by a query");
	as_keeper("DELETE FROM $t->{name} WHERE ctid = (SELECT min(ctid) FROM $t->{name});"
		. "INSERT INTO $t->{name} SELECT * FROM $t->{name} WHERE ctid = (SELECT max(ctid) FROM $t->{name})");
	is($compare->(), '1 1 0', "$kind: a row lost and a row doubled are found");

	# the proxy
	my $count = sub { as_keeper("SELECT sum(length(t::text)) FROM far_$kind.$t->{name} AS t")->[0][0] };
	my $state = sub { my $n = eval { $count->() }; defined $n ? "$n rows" : substr $@, 0, 5 };
	my $rows = $count->();
	$source->{proxy}->tell('cut rst');
	is($count->(), $rows, "$kind: a new connection after a reset");
	$source->{proxy}->tell('cut fin 20000');
	like($state->(), qr/^08/, "$kind: cut after bytes");
	$source->{proxy}->tell('stall');
	like($state->(), qr/^(08|57014)/, "$kind: stalled");
	$source->{proxy}->tell('refuse');
	$source->{proxy}->tell('cut rst');
	like($state->(), qr/^08/, "$kind: refused");
	$source->{proxy}->tell('pass');
	is($count->(), $rows, "$kind: all as before");
}

#
# The rounds
#
for my $kind (@kinds)
{
	make_case($kind, $sources{$_}) for sort keys %sources;
}
@cases = grep { $_->{name} =~ /$ENV{FAULT_CASES}/ } @cases if $ENV{FAULT_CASES};
while ($run_count < $wanted && @cases)
{
	# those that had the fewest
	my @order = sort { $a->{runs} <=> $b->{runs} } shuffle(@cases);

	round([@order[0 .. min($#order, int rand 3)]]);
}

# what was committed is there after a crash, and nothing else
Source::crash_node($node, 'kill');
recover({});
for my $case (grep { $_->{runs} } @cases)
{
	my @now = @{ target($case) };
	my ($gone, $new) = map { scalar @$_ } [minus($case->{was}, \@now)], [minus(\@now, $case->{was})];

	complain('lost', $case, "$gone rows, by the last crash", $gone) if $gone;
	complain('wrong', $case, "$new rows, by the last crash", $new) if $new;
	complain('other', $case, "$_, by the last crash") for grep { $_ } broken_indexes($case);
}
is(value(q{SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname ~ '^pg_temp' OR n.nspname <> 'connkit' AND (c.relname ~ 'connkit' OR c.relkind = 'f' AND n.nspname !~ '^far_')}),
	0, 'no relation is left over');
is(value(q{SELECT string_agg(sync_name || ' run ' || id, ', ') FROM connkit.sync_run AS r WHERE state = 'succeeded' AND 1 <> (
	SELECT count(*) FROM connkit.audit_log WHERE action = 'sync' AND outcome = 'ok' AND detail LIKE 'run ' || r.id || ':%')}),
	undef, 'each run that succeeded is in the audit log once');
is(value("SELECT count(*) FROM connkit.sync_run WHERE state IN ('queued', 'running')"), '0', 'no run is left');
my $total = sum0 values %hit;
diag(sprintf '%d runs (%d interrupted) in %d rounds, %d faults (%s): %d lost, %d doubled, %d wrong',
	$run_count, $interrupted, $serial, $total,
	join(', ', map { "$_ " . $hit{$_} } sort keys %hit), @bad{qw(lost doubled wrong)});
is(join(' ', @bad{qw(lost doubled wrong)}), '0 0 0', 'nothing lost, nothing doubled');
is($bad{other}, 0, 'nothing else');
is(join("\n", map { "$odd{$_} times $_" } sort keys %odd), '', 'no error but those of the faults');
cmp_ok($run_count, '>=', $wanted, 'all runs');
cmp_ok($total, '>=', $wanted / 10, 'faults');

$node->stop;
done_testing();
