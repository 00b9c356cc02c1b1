# Comparison.pm: what a target must be after runs, from what it was and what its source is, and what is wrong with it.
package Comparison;

use strict;
use warnings;
use Exporter 'import';
use Source;
use Target;
use Test::More;

our @EXPORT = qw(%bad target_rows minus difference broken_indexes complain compare);

# What was found: rows that are lost, doubled, wrong, and all else.
our %bad = (lost => 0, doubled => 0, wrong => 0, other => 0);

my $amcheck;

# The target's rows as text, with a mark: of those that are deleted or of versions that are over.
sub target_rows
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

	$amcheck //= eval { ask('CREATE EXTENSION amcheck'); 1 } // 0;
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
	my $got = target_rows($case);
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

1;
