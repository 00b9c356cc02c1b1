# Syncs are killed, cut and cancelled at random points, and after each the target is compared with the source row for row:
# nothing is lost, nothing doubled.
#
# A round changes the tables of some cases (a source, a mode, a target), starts their syncs at once, in the background or
# by a call, does its worst to them, lets them come to their end and compares. FAULT_RUNS is the number of runs,
# FAULT_SEED repeats the choices of all (not the moments); FAULT_ONLY chooses faults by a pattern, FAULT_CASES cases,
# and FAULT_ROWS is the number of rows that they begin with.

use strict;
use warnings;

use List::Util qw(min shuffle sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use FindBin;
use lib $FindBin::RealBin;
use Cases;
use Comparison;
use Faults;
use Runs;
use Source;
use Target;

my $wanted = $ENV{FAULT_RUNS} || 300;
my $seed = $ENV{FAULT_SEED} || int rand 1000000;
my $began = time;

diag("FAULT_SEED=$seed FAULT_RUNS=$wanted");
srand $seed;

# with wal_level minimal, new storage is not logged but written at the commit
start_target(q{
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
	wal_level = } . (rand() < 0.5 ? 'minimal' : 'replica') . "\n" . ($ENV{FAULT_CONF} // ''));

my %sources = map { my $source = Source->new($_); $source ? ($_ => $source) : () } qw(postgres mysql);
ask($sources{$_}->definition("s_$_", $role)) for keys %sources;
diag('no MariaDB: its cases are left out') if !$sources{mysql};

#
# A round
#
my $serial = 0;
my $run_count = 0;
my %hit;

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
		change_case($case) if rand() < 0.9;
		push @runs, $run;
	}
	@writers = map { start_writer($_->{case}, $seed + $serial) } grep { $_->{case}{busy} } @runs;
	$sources{$_}{proxy}->tell('slow ' . int 150000 + rand 1500000) for grep { rand() < 0.5 } sort keys %sources;
	my $victim = $runs[rand @runs];
	my @names = map { choose_fault($victim) } 1 .. (rand() < 0.3 ? 2 : 1);
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
		$hit{$name}++ if $there;
		recover($fault, values %sources);
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
		my $d = difference($case, 1, [$source->contents($t->{name})], target_rows($case));
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
recover({}, values %sources);
for my $case (grep { $_->{runs} } @cases)
{
	my @now = @{ target_rows($case) };
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
