#!/usr/bin/perl
# contract.pl: runs the cases of the contract suite on the connectors that are named, and prints TAP.
#
# usage: contract.pl CONNECTOR...      (run.sh sets the environment)

use strict;
use warnings;
no warnings 'once';
use Cwd 'abs_path';
use File::Basename;
use Time::HiRes 'time';

use lib dirname(abs_path(__FILE__));
use Contract;
use Proxy;

my $folder = dirname(abs_path(__FILE__));
my $number = 0;
my $failed = 0;

$| = 1;
chdir $ENV{CK_TMP} or die $!;
require $_ for sort glob "$folder/cases/*.pl";
if ($ENV{CK_CASES})
{
	@Contract::cases = grep { $_->{name} =~ /$ENV{CK_CASES}/ } @Contract::cases;
}

sub verdict
{
	my ($ok, $name, $message) = @_;

	printf "%s %d - %s\n", $ok ? 'ok' : 'not ok', ++$number, $name;
	$failed++ unless $ok;
	return unless defined $message;
	$message =~ s/^/# /gm;
	print "$message\n";
}

sub skip
{
	my ($name, $reason) = @_;

	$reason =~ s/\s+/ /g;
	printf "ok %d - %s # SKIP %s\n", ++$number, $name, $reason;
}

# Every key of a quirks file means something: a case asks for it, or a type, a value or a way to write one has it.
sub unknown_quirks
{
	my ($source) = @_;
	my @known = ((map { @{$_->{needs}} } @Contract::cases), @Contract::quirks, Contract::value_quirks());

	return if $ENV{CK_CASES};
	return grep {
		my $pattern = join '.*', map { quotemeta } split /\*/, $_, -1;
		!grep { /^$pattern$/ } @known;
	} sort keys %{$source->{quirks}};
}

# The connector's database: its source and a foreign table for each of the source's, in the schema remote.
sub prepare
{
	my ($source) = @_;
	my $name = $source->{name};
	my $admin = Contract::Session->new('postgres');

	$admin->ok("DROP DATABASE IF EXISTS contract_$name WITH (FORCE)");
	$admin->ok("CREATE DATABASE contract_$name TEMPLATE template0 ENCODING UTF8 LOCALE 'C.UTF-8'");
	my $session = $source->session;
	$session->ok('SET client_min_messages = warning');
	$session->ok('CREATE EXTENSION connkit CASCADE');
	unless ($session->ok("SELECT count(*) FROM pg_foreign_data_wrapper WHERE fdwname = 'connkit_$name'"))
	{
		$session->ok($source->verb('wrapper'));
	}
	my $reason = $session->ok("SELECT coalesce(reason, 'unknown reason') FROM connkit.connector
		WHERE name = '$name' AND NOT available");
	return "the connector is not available: $reason" if $reason ne '';
	unless (defined $source->try('', 'start'))
	{
		return $source->{error} if $source->{untested};
		die "its source did not start: $source->{error}";
	}
	$source->server($session, name => 'source');
	$session->ok('CREATE SCHEMA remote');
	for my $table (@Contract::tables)
	{
		$source->table($session, 'source', "remote.$table->{name}", $table->{name}, $table->{columns})
			unless $source->lacks("table.$table->{name}");
	}
	Contract::prepare_values($source, $session) unless $source->lacks('values');
	return;
}

# What a case that failed left behind must not fail the next: a source that stands still, a server that starts again.
sub mend
{
	my ($source) = @_;

	eval { $source->verb('mend') };
	eval { Contract::eventually(30, 'the server is there', sub { eval { $source->session } }) };
}

sub run
{
	my ($name) = @_;
	my ($ok, $skipped, $begin, $failures, $source) = (0, 0, time, $failed);
	my ($place) = grep { -e "$_/$name.quirks" } grep { defined } $ENV{CK_CONTRACT}, $folder;

	unless ($place)
	{
		verdict(0, "$name: has a quirks file", "There is no $name.quirks in test/contract, nor in the folder CK_CONTRACT.");
		return;
	}
	my $untested = eval { $source = Contract::Source->new($name, $place); prepare($source) };
	if ($@ || $untested)
	{
		if ($@)
		{
			verdict(0, "$name: the source was prepared", $@);
		}
		else
		{
			skip("$name", "UNTESTED, $untested");
		}
		print "# $name: untested\n";
		return;
	}
	my @unknown = unknown_quirks($source);
	verdict(!@unknown, "$name: every quirk means something", @unknown ? "unknown: @unknown" : undef);
	$ok++ unless @unknown;
	for my $case (@Contract::cases, $source->lacks('values') ? () : Contract::value_cases($source))
	{
		my ($lack) = grep { defined } map { scalar $source->lacks($_) } @{$case->{needs}};

		next if $ENV{CK_CASES} && $case->{name} !~ /$ENV{CK_CASES}/;
		if (defined $lack)
		{
			skip("$name: $case->{name}", $lack);
			$skipped++;
			next;
		}
		my $start = time;
		eval { $case->{run}->($source); 1 };
		my $error = $@;
		my $took = sprintf '%s: %s (%d ms)', $name, $case->{name}, (time - $start) * 1000;
		verdict($error eq '', $took, $error eq '' ? undef : $error);
		$ok++ if $error eq '';
		mend($source) if $error ne '';
	}
	$source->try('', 'stop');
	printf "# %s: %d passed, %d failed, %d that the source cannot (see %s.quirks), %d s\n", $name, $ok,
		$failed - $failures, $skipped, $name, time - $begin;
}

for my $name (@ARGV)
{
	$name eq 'broken' ? Contract::run_broken(\&verdict) : run($name);
}
print "1..$number\n";
exit($failed ? 1 : 0);
