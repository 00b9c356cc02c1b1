# 1-values.pl: values of every type, read in three ways: by a whole scan, by a look-up, and as an argument.

package Contract;

use strict;
use warnings;
use Contract;

# Tables of the source that cases use. The source's script makes them, the quirk table.<name>=no says that it cannot.
our @tables = (
	{name => 'numbers', columns => 'id integer NOT NULL, v text'},		# 1 to 1000, "row 1" …
	{name => 'million', columns => 'id integer NOT NULL, v text'},		# 1 to 1000000, 30 characters
	{name => 'no_rows', columns => 'id integer, v text'},				# no rows
	{name => 'changing', columns => 'id integer, v text'},				# cases write it
	{name => 'whoami', columns => 'id bigint, v text'},					# id of the connection, at the source
	{name => 'slow', columns => 'id integer, v text'},					# no row before 30 seconds
	{name => 'trickle', columns => 'id integer, v text'},				# 50000 rows, and then as slow
	{name => 'fails', columns => 'id integer, v text'},					# 50000 rows, and then an error
	{name => 'dirty', columns => 'id integer, v text'},					# id 1: good; id 2: bytes that are no UTF-8
	{name => 'nul', columns => 'id integer, v text'},					# id 1: good; id 2: a NUL within text
	{name => 'big', columns => 'id integer, v text'},					# 16 MB of "x"
	{name => 'gone', columns => 'id integer, v text'},					# there is no such table
);

# Keys of quirks files that no case asks for.
our @quirks = qw(values row busy);

my $mega = 1 << 20;

# The types, and values of each: a name and PostgreSQL's literal.
our @values = (
	bool => [true => 'true', false => 'false', null => undef],
	int2 => [min => '-32768', max => '32767', zero => '0', null => undef],
	int4 => [min => '-2147483648', max => '2147483647', zero => '0', null => undef],
	int8 => [min => '-9223372036854775808', max => '9223372036854775807', zero => '0', null => undef],
	numeric => [zero => '0', tenth => '0.1', negative => '-1234.5678', digits30 => '123456789012345678901234567890',
		scale30 => '-0.123456789012345678901234567891', 'both' => '99999999999999999999.999999999999999999',
		digits1000 => '9' x 1000, scale1000 => '0.' . '7' x 1000, nan => 'NaN', infinity => 'Infinity',
		minus_infinity => '-Infinity', null => undef],
	float4 => [max => '3.40282346638528859e38', min => '-3.40282346638528859e38', least => '1e-45', tenth => '0.1', integer => '16777216',
		nan => 'NaN', infinity => 'Infinity', minus_infinity => '-Infinity', minus_zero => '-0', null => undef],
	float8 => [max => '1.7976931348623157e308', min => '-1.7976931348623157e308', least => '5e-324', tenth => '0.1',
		digits17 => '0.30000000000000004', nan => 'NaN', infinity => 'Infinity', minus_infinity => '-Infinity',
		minus_zero => '-0', null => undef],
	text => [empty => '', letter => 'a', blanks => "  a \t\r\n ", quotes => q{'"`\\\\%_$1?:x{}}, null_word => '\N NULL',
		unicode => "Gr\xc3\xbc\xc3\x9fe \xe6\x97\xa5\xe6\x9c\xac", beyond_bmp => "\xf0\x9f\x90\x98",
		combining => "e\xcc\x81", last => "\xf4\x8f\xbf\xbf", control => "\x01\x1f\x7f", bom => "\xef\xbb\xbfx",
		megabyte => "\xc3\xa4" x ($mega / 2), null => undef],
	varchar => [empty => '', blanks => ' a  ', unicode => "\xc3\xa4" x 100, null => undef],
	bytea => [empty => '', every_byte => join('', map { chr } 0 .. 255), nul => "\0", megabyte => "\0\xff" x ($mega / 2),
		null => undef],
	date => [epoch => '1970-01-01', before_epoch => '1969-12-31', leap => '2000-02-29', gregory => '1582-10-10',
		year1000 => '1000-01-01', year1 => '0001-01-01', before_christ => '0044-03-15 BC', year9999 => '9999-12-31',
		min => '4714-11-24 BC', max => '5874897-12-31', infinity => 'infinity', minus_infinity => '-infinity',
		null => undef],
	time => [midnight => '00:00:00', last => '23:59:59.999999', end_of_day => '24:00:00', noon => '12:00:00.5',
		null => undef],
	timestamp => [epoch => '1970-01-01 00:00:00', before_epoch => '1969-12-31 23:59:59.999999',
		microsecond => '2024-02-29 12:34:56.000001', gregory => '1582-10-10 12:00:00', year1000 => '1000-01-01 00:00:00',
		year1 => '0001-01-01 00:00:00', year9999 => '9999-12-31 23:59:59.999999', no_such_hour => '2024-03-31 02:30:00',
		min => '4714-11-24 00:00:00 BC', max => '294276-12-31 23:59:59.999999', infinity => 'infinity',
		minus_infinity => '-infinity', null => undef],
	timestamptz => [first => '1970-01-01 00:00:01+00', microsecond => '2024-02-29 12:34:56.000001+00',
		year2038 => '2038-01-19 03:14:07+00', twice1 => '2024-10-27 00:30:00+00', twice2 => '2024-10-27 01:30:00+00',
		before_epoch => '1969-12-31 23:59:59.999999+00', year1 => '0001-06-01 00:00:00+00',
		year9999 => '9999-12-30 23:59:59.999999+00', min => '4714-11-25 00:00:00+00 BC',
		max => '294276-12-31 23:59:59.999999+00', infinity => 'infinity', minus_infinity => '-infinity', null => undef],
	uuid => [some => '01234567-89ab-cdef-0123-456789abcdef', null => undef],
	jsonb => [object => '{"a": [1, 2.50, null, {"b": "ä"}], "c": "\\\\ \\""}', scalar => '"x"', empty => '{}',
		null => undef],
);

# Calls a function with type, name, literal and id of every value.
sub each_value
{
	my ($run) = @_;

	for (my $i = 0; $i < @values; $i += 2)
	{
		my ($type, $list) = @values[$i, $i + 1];

		for (my $j = 0; $j < @$list; $j += 2)
		{
			$run->($type, $list->[$j], $list->[$j + 1], $j / 2 + 1);
		}
	}
}

sub value_quirks
{
	my @keys;

	each_value(sub { push @keys, "value.$_[0].$_[1]", "type.$_[0]", "argument.$_[0].$_[1]", "literal.$_[0]",
		"literal.$_[0].$_[1]" });
	return @keys;
}

# A value as PostgreSQL writes it.
sub local_literal
{
	my ($type, $literal) = @_;

	return 'NULL' unless defined $literal;
	return "'\\x" . unpack('H*', $literal) . "'" if $type eq 'bytea';
	return quote($literal) . "::$type";
}

# A value as the source writes it.
sub source_literal
{
	my ($source, $type, $name, $literal) = @_;
	my $form = $source->quirk("literal.$type.$name") || $source->quirk("literal.$type") || ($type eq 'varchar' && $source->quirk('literal.text')) || "'%s'";
	my $hex = unpack 'H*', defined $literal ? $literal : '';

	return 'NULL' unless defined $literal;
	return $form =~ s/%([xs])/$1 eq 'x' ? $hex : $literal/ger;
}

# Makes a table for each type: at the source, as a foreign table in the schema remote, and, as the judge, in local.
sub prepare_values
{
	my ($source, $session) = @_;
	my (%remote, %local);

	each_value(sub {
		my ($type, $name, $literal, $id) = @_;

		return if $source->lacks("type.$type");
		push @{$local{$type}}, "($id, " . local_literal($type, $literal) . ')';
		push @{$remote{$type}}, "($id, " . source_literal($source, $type, $name, $literal) . ')'
			unless $source->lacks("value.$type.$name");
	});
	$session->ok('CREATE SCHEMA local');
	for my $type (sort keys %local)
	{
		my $column = $source->quirk("type.$type") || $type;
		my $length = $type eq 'varchar' ? '(100)' : '';

		$source->sql("CREATE TABLE v_$type (id integer PRIMARY KEY, v $column);\n" .
			join '', map { "INSERT INTO v_$type VALUES $_;\n" } @{$remote{$type}});
		$session->ok("CREATE TABLE local.v_$type (id integer PRIMARY KEY, v $type$length);\n" .
			join '', map { "INSERT INTO local.v_$type VALUES $_;\n" } @{$local{$type}});
		$source->table($session, 'source', "remote.v_$type", "v_$type", "id integer, v $type$length");
	}
	$session->ok('ANALYZE local.v_' . $_) for sort keys %local;
}

# Reads one value in each way; the local table is the judge. Text and binary forms are compared, where equality says
# less than that.
sub check_value
{
	my ($source, $session, $type, $name, $literal, $id) = @_;
	my $form = $type =~ /^float/ ? '::text' : '';
	my $same = "f.v$form IS NOT DISTINCT FROM e.v$form";
	my $shown = $type eq 'bytea' || $name eq 'megabyte' ? 'md5(v)' : 'v::text';

	my $sql = "WITH f AS MATERIALIZED (SELECT * FROM remote.v_$type)
		SELECT CASE WHEN $same THEN 'same' ELSE coalesce(left(f.v::text, 100), 'NULL') END
		FROM local.v_$type e LEFT JOIN f ON f.id = e.id WHERE e.id = $id";
	is($session->ok($sql), 'same', 'by a whole scan');

	$sql = "SELECT CASE WHEN $same THEN 'same' ELSE coalesce(left(f.v::text, 100), 'NULL') END
		FROM local.v_$type e, LATERAL (SELECT (SELECT v FROM remote.v_$type f WHERE f.id = e.id) AS v) f WHERE e.id = $id";
	is($session->ok($sql), 'same', 'by a look-up');

	return if $type eq 'jsonb' || $source->lacks("argument.$type.$name");
	is($session->ok("SELECT (SELECT count(*) FROM remote.v_$type f WHERE f.v = e.v AND f.id = $id)
			FROM local.v_$type e WHERE e.id = $id"), defined $literal ? 1 : 0, 'as an argument');
	return unless defined $literal && length $literal < 2000;
	is($session->ok("SELECT count(*) FROM remote.v_$type WHERE v = " . local_literal($type, $literal) . " AND id = $id"),
		1, 'as a constant');
}

sub value_cases
{
	my ($source) = @_;
	my (@cases, $session);

	each_value(sub {
		my @value = @_;

		push @cases, {name => "value $value[0] $value[1]", needs => ["type.$value[0]", "value.$value[0].$value[1]"],
			run => sub {
				if (!$session || $session->{gone})
				{
					$session = $source->session;
					# not UTC, with a summer time
					$session->ok("SET timezone = 'Europe/Berlin'");
				}
				check_value($source, $session, @value);
			}};
	});
	return @cases;
}

add 'text that is not UTF-8 is an error, and nothing else is lost', ['table.dirty'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $state = $source->quirk('state.dirty') || '22021';

	is($session->ok('SELECT v FROM remote.dirty WHERE id = 1'), 'good', 'a row beside it');
	for (1 .. 2)
	{
		my $message = $session->fails('SELECT v FROM remote.dirty', $state);
		like($message, qr/column "v" of foreign table "dirty"/, 'the error names the column');
	}
	is($session->ok('SELECT count(*) FROM remote.dirty'), '2', 'the rows can be counted');
	$source->usable($session);
};
push @quirks, 'state.dirty';

add 'a NUL within text is an error, and nothing else is lost', ['table.nul'], sub {
	my ($source) = @_;
	my $session = $source->session;

	is($session->ok('SELECT v FROM remote.nul WHERE id = 1'), 'good', 'a row beside it');
	my $message = $session->fails('SELECT v FROM remote.nul', '22021', qr/NUL/);
	like($message, qr/column "v" of foreign table "nul"/, 'the error names the column');
	$source->usable($session);
};

add '16 MB of text', ['table.big'], sub {
	my ($source) = @_;
	my $session = $source->session;

	for (1 .. 2)
	{
		is($session->ok("SELECT length(v), v = repeat('x', 16777216) FROM remote.big"), '16777216|t', 'whole');
		is($session->ok('SELECT length(v) FROM remote.big WHERE id = (SELECT 1)'), '16777216', 'by an argument');
	}
	$source->usable($session);
};

# A value that the column's local type cannot hold is an error that names the column, never another value.
for (['int8', 'max', 'integer'], ['int8', 'min', 'smallint'], ['int4', 'max', 'smallint'], ['numeric', 'digits30', 'bigint'],
	['numeric', 'negative', 'numeric(3,1)'], ['float8', 'max', 'real'], ['text', 'letter', 'integer'],
	['text', 'letter', 'date'])
{
	my ($type, $name, $local) = @$_;

	add "a value of $type that is no $local is an error", ["type.$type", "value.$type.$name", 'values'], sub {
		my ($source) = @_;
		my $session = $source->session;
		my $id;

		each_value(sub { $id = $_[3] if $_[0] eq $type && $_[1] eq $name });
		$session->ok('BEGIN; CREATE SCHEMA narrow');
		$source->table($session, 'source', 'narrow.v', "v_$type", "id integer, v $local");
		$session->ok('SAVEPOINT s');
		my $message = $session->fails("SELECT * FROM narrow.v WHERE id = $id", '22...|42...');
		like($message, qr/column "v"|"v"/, 'the error names the column') unless $source->quirk('narrow') &&
			$source->quirk('narrow') eq 'source';
		$session->ok('ROLLBACK TO s');
		is($session->ok("SELECT id FROM narrow.v WHERE id = $id"), $id, 'the row without the column');
		$session->ok('ROLLBACK');
		$source->usable($session);
	};
}
push @quirks, 'narrow';

1;
