# Faults.pm: what is done to runs, and how all is brought up again.
package Faults;

use strict;
use warnings;
use Exporter 'import';
use List::Util qw(sum0);
use Runs;
use Source;
use Target;
use Time::HiRes qw(sleep);

our @EXPORT = qw(%faults choose_fault recover);

# Each returns whether there was something to do it to. "again" is done after it, to get things going.
our %faults = (
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

# All is up again after the fault, also these sources.
sub recover
{
	my ($fault, @sources) = @_;

	$fault->{again}->() if $fault->{again};
	Source::start_node($node);
	for my $source (@sources)
	{
		$source->up;
		$source->{proxy}->tell('pass');
	}
}

# The name of one that can be done to the run.
sub choose_fault
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

1;
