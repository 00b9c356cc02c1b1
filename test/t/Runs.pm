# Runs.pm: runs of the cases' syncs, started, and started again until they have come to their end.
package Runs;

use strict;
use warnings;
use Exporter 'import';
use Comparison;
use Target;
use Time::HiRes qw(sleep time);

our @EXPORT = qw($interrupted %odd start_run succeeded process settle);

# Runs that did not come to their end at once, and errors that none of the faults explains.
our $interrupted = 0;
our %odd;

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
	my @left = $run->{again} ? () : minus(target_rows($run->{case}), $run->{case}{was});
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

1;
