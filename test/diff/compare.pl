#!/usr/bin/perl
# compare.pl: marks the queries of a file so that their results can be told apart, and compares two runs of them.
#
# usage: compare.pl mark FILE... >script        compare.pl compare NAME NUMBER near far
#
# A statement is a test. So is a paragraph that begins with a comment, which is its name. A paragraph of comments alone
# is none. Results are compared in order where the test has ORDER BY outside of parentheses, which then has to be a total
# one, else as multisets. An error is a result too: an error of the same class, or of any where the source itself raised it.
# near and far are prefixes: .out holds what psql printed, .err its errors and the plans. The last line of the output
# is "# COUNT DIFFERENCES PUSHED".

use strict;
use warnings;

sub tests
{
	my @tests;

	for my $file (@_)
	{
		open(my $in, '<', $file) or die "$file: $!\n";
		local $/ = '';
		while (my $paragraph = <$in>)
		{
			next if $paragraph !~ /^(?!--)\S/m;
			if ($paragraph =~ s/^-- (.*)\n//)
			{
				push @tests, [$1, $paragraph];
				next;
			}
			push @tests, [$_, "$_\n"] for map { s/^\s+|\s+$//gr } $paragraph =~ /.*?;\s*$/gms;
		}
	}
	return @tests;
}

# What was printed for each test.
sub sections
{
	my ($file) = @_;
	my %sections;
	my $at;

	open(my $in, '<', $file) or die "$file: $!\n";
	while (<$in>)
	{
		if (/^\x01 (\d+)$/)
		{
			$at = $1;
			$sections{$at} = '';
			next;
		}
		$sections{$at} .= $_ if defined $at;
	}
	return \%sections;
}

sub short
{
	my ($text) = @_;

	$text =~ s/\s+$//;
	$text =~ s/[\x00-\x08\x0b-\x1f\x7f]/?/g;
	return length($text) > 200 ? substr($text, 0, 200) . '...' : $text;
}

# At most so many lines of the first list that the second lacks.
sub lacking
{
	my ($some, $others, $sign) = @_;
	my %count;
	my @lacking;

	$count{$_}++ for @$others;
	for (@$some)
	{
		push @lacking, "$sign " . short($_) if !$count{$_} || $count{$_}-- == 0;
	}
	splice(@lacking, 4, @lacking - 4, "$sign ... " . (@lacking - 4) . ' more') if @lacking > 4;
	return @lacking;
}

my $mode = shift;

if ($mode eq 'mark')
{
	my $number = 0;

	for (tests(@ARGV))
	{
		$number++;
		print "\\echo \x01 $number\n\\warn \x01 $number\n$_->[1]";
	}
	$number++;
	print "\\echo \x01 $number\n\\warn \x01 $number\n";
	exit;
}

my ($name, $number, $near, $far, @files) = @ARGV;
my ($near_out, $near_err, $far_out, $far_err) = map { sections($_) } "$near.out", "$near.err", "$far.out", "$far.err";
my @tests = tests(@files);
my ($differences, $pushed) = (0, 0);

for my $i (1 .. @tests)
{
	my ($title, $sql) = @{$tests[$i - 1]};
	my @found;
	my @expected = split /^/, $near_out->{$i} // '';
	my @got = split /^/, $far_out->{$i} // '';
	my ($error) = ($near_err->{$i} // '') =~ /(?:ERROR|FATAL|PANIC): .*/g;
	my @expected_errors = ($near_err->{$i} // '') =~ /ERROR:  (\w{2})\w{3}:/g;
	my @got_errors = ($far_err->{$i} // '') =~ /ERROR:  (\w{2})\w{3}:/g;
	my @remote = ($far_err->{$i} // '') =~ /Remote SQL: (.*)/g;

	$pushed++ if grep { / WHERE | ORDER BY | LIMIT / } @remote;
	if (!exists $near_out->{$i + 1})
	{
		push @found, 'the judge did not run it';
	}
	elsif (($near_err->{$i} // '') =~ /ERROR:  57014:/)
	{
		push @found, 'the judge did not come to an end';
	}
	elsif (!exists $far_out->{$i + 1})
	{
		push @found, exists $far_out->{$i} ? 'the session was lost: ' . short($far_err->{$i}) : 'the session was lost before';
	}
	else
	{
		# an order within parentheses is not that of the rows
		my $outside = $sql =~ s/\((?:[^()]++|(?R))*+\)//gr;

		if ($outside !~ /ORDER BY/)
		{
			@expected = sort @expected;
			@got = sort @got;
		}
		s/^HV$/any/ for @got_errors;
		push @found, 'errors expected: ' . (join(' ', @expected_errors) || 'none') . ', found: ' .
			(join(' ', ($far_err->{$i} =~ /ERROR:  .*/g)) || 'none')
			if @expected_errors != @got_errors ||
			grep { $got_errors[$_] ne 'any' && $got_errors[$_] ne $expected_errors[$_] } 0 .. $#got_errors;
		if (join('', @expected) ne join('', @got))
		{
			push @found, lacking(\@expected, \@got, '<'), lacking(\@got, \@expected, '>');
			push @found, 'the order differs' if !@found;
		}
	}
	$title =~ s/#/\\#/g;
	print @found ? 'not ok ' : 'ok ', ++$number, " - $name: $title\n";
	next if !@found;
	$differences++;
	print "#   $_\n" for map { split /\n/ } @found, map { 'sent: ' . short($_) } @remote;
}
print '# ', scalar(@tests), " $differences $pushed\n";
