# 7-broken.pl: modules that do not keep the contract, each an error that says what is wrong, and a backend that lives.

package Contract;

use strict;
use warnings;
use Contract;

# What breaks, by the macro of broken.c, and what the error says. These cannot be loaded.
my @faults = (
	['ABI_WRONG', qr/version \d+ of the connector interface/],
	['NAME_WRONG', qr/calls itself "other"/],
	['TITLE_MISSING', qr/no title/],
	['OPTIONS_MISSING', qr/no list of options/],
	['OPTION_OUTSIDE', qr/option "host" lies outside/],
	['SECRET_ON_SERVER', qr/secret option "password"/],
	['SESSION_OPEN_MISSING', qr/lacks session_open/],
	['SESSION_CLOSE_MISSING', qr/session_close/],
	['SCAN_OPEN_MISSING', qr/declares READ but lacks scan_open/],
	['SCAN_NEXT_MISSING', qr/scan_next/],
	['SCAN_CLOSE_MISSING', qr/scan_close/],
	['DISCOVER_MISSING', qr/declares DISCOVER but lacks discover/],
	['SQL_MISSING', qr/declares REMOTE but has no SQL/],
	['SYMBOL_MISSING', qr/connkit_connector/],
	['RETURNS_NOTHING', qr/returned nothing/],
	['LIBRARY_MISSING', qr/function_of_a_library_that_is_not_there/],
	['MAGIC_MISSING', qr/magic block|not a PostgreSQL/],
	['NO_ELF', qr/invalid ELF|too short|file/],
	['NOT_INSTALLED', qr/No such file/],
);

# These are loaded, and then misbehave: macro, type of the column, SQLSTATE, message.
my @behaviour = (
	['OPEN_SAYS_NOTHING', 'text', '08001', qr/told no message/],
	['SCAN_SAYS_NOTHING', 'text', 'HV...', qr/told no message/],
	['SECRET_IN_ERROR', 'text', '28...', qr/the password \*\*\* is wrong/],
	['ERROR_NOT_UTF8', 'text', '08001', qr/is closed/],
	['STATUS=CK_ERR_QUERY', 'text', 'HV...', qr/told no message/],
	['STATUS=(CkStatus)99', 'text', 'HV...', qr/./],
	['VALUE=ck_put_text(row,0,"a\\xff",2)', 'text', '22021', qr/column "v"/],
	['VALUE=ck_put_text(row,0,"a\\0b",3)', 'text', '22021', qr/NUL/],
	['VALUE=ck_put_text(row,0,"a\\xff",2)', 'varchar(3)', '22021', qr/column "v"/],
	['VALUE=ck_put_json(row,0,"{\\xff}",3)', 'jsonb', '22...', qr/column "v"/],
	['VALUE=ck_put_json(row,0,"{",1)', 'json', '22P02', qr/column "v"/],
	['VALUE=ck_put_numeric(row,0,"1e",2)', 'numeric', '22P02', qr/column "v"/],
	['VALUE=ck_put_numeric(row,0,"",0)', 'numeric', '22P02', qr/column "v"/],
	['VALUE=ck_put_uint64(row,0,UINT64_MAX)', 'bigint', '22003', qr/column "v"/],
	['VALUE=ck_put_int64(row,0,INT64_MAX)', 'integer', '22003', qr/column "v"/],
	['VALUE=ck_put_float64(row,0,1e300)', 'real', '22003', qr/column "v"/],
	['VALUE=ck_put_float64(row,0,1.5)', 'integer', '22...', qr/column "v"/],
	['VALUE=ck_put_date(row,0,INT64_MAX-1)', 'date', '22008', qr/column "v"/],
	['VALUE=ck_put_date(row,0,INT64_MIN+1)', 'text', '22...', qr/column "v"/],
	['VALUE=ck_put_timestamp(row,0,INT64_MIN+1)', 'timestamp', '22008', qr/column "v"/],
	['VALUE=ck_put_timestamp(row,0,INT64_MIN+1)', 'text', '22008', qr/column "v"/],
	['VALUE=ck_put_timestamptz(row,0,INT64_MIN+1)', 'timestamptz', '22008', qr/column "v"/],
	['VALUE=ck_put_time(row,0,INT64_MIN)', 'time', '22...', qr/column "v"/],
	['VALUE=ck_put_bytes(row,0,"x",1)', 'text', '42804', qr/binary data/],
	['VALUE=ck_put_native(row,0,"x",1)', 'bigint', '08P01|22P03', qr/column "v"/],
	['VALUE=ck_put_native(row,0,"123456789",9)', 'bigint', '22P03|08P01', qr/column "v"/],
	['VALUE=ck_put_native(row,0,"a\\xff",2)', 'text', '22021', qr/column "v"/],
	['VALUE=row->values[0].type=(CkType)77', 'text', 'XX000', qr/value type/],
);

# Values that are taken: macro, type, what the row then is.
my @good = (
	['VALUE=(void)row', 'text', '(NULL)'],
	['VALUE=ck_put_uint64(row,0,UINT64_MAX)', 'numeric', '18446744073709551615'],
	['VALUE=ck_put_int64(row,0,INT64_MIN)', 'text', '-9223372036854775808'],
	['VALUE=ck_put_bool(row,0,true)', 'boolean', 't'],
	['VALUE=ck_put_float32(row,0,0.1f)', 'real', '0.1'],
	['VALUE=ck_put_text(row,0,"",0)', 'text', ''],
	['VALUE=ck_put_bytes(row,0,"\\0",1)', 'bytea', '\\x00'],
	['VALUE=ck_put_date(row,0,CK_INFINITY)', 'date', 'infinity'],
	['VALUE=ck_put_timestamp(row,0,CK_MINUS_INFINITY)', 'timestamp', '-infinity'],
	['VALUE=ck_put_timestamp(row,0,-1)', 'timestamp', '1969-12-31 23:59:59.999999'],
	['VALUE=ck_put_time(row,0,INT64_C(90000000000))', 'interval', '25:00:00'],
	['VALUE=ck_put_time(row,0,INT64_MAX)', 'interval', '2562047788:00:54.775807'],
	['VALUE=ck_put_timestamp(row,0,INT64_MAX-1)', 'timestamp', '294247-01-10 04:00:54.775806'],
	['VALUE=ck_put_json(row,0,"[1]",3)', 'jsonb', '[1]'],
	['VALUE=ck_put_native(row,0,"\\0\\0\\0\\1",4)', 'integer', '1'],
);

# Builds a module and makes its wrapper, a server and a table; returns its name.
my $built = 0;
my @modules;

sub build
{
	my ($session, $macro, $type) = @_;
	my $name = sprintf 'contract%d', ++$built;
	my $library = `'$ENV{CK_BIN}/pg_config' --pkglibdir` =~ s/\n//r;
	my $include = `'$ENV{CK_BIN}/pg_config' --includedir-server` =~ s/\n//r;
	my $module = "$library/connkit_$name.so";
	my @magic = $macro eq 'MAGIC_MISSING' ? () : "$ENV{CK_TOP}/src/lib/pg/module.c";

	push @modules, $module;
	if ($macro eq 'NO_ELF')
	{
		open my $file, '>', $module or die $!;
		print $file "this is no library\n";
		close $file;
	}
	elsif ($macro ne 'NOT_INSTALLED')
	{
		my $output = "$ENV{CK_TMP}/contract.cc";

		open my $saved, '>&', \*STDERR;
		open STDERR, '>', $output;
		system('gcc', '-shared', '-fPIC', '-std=gnu11', '-O1', '-w', "-I$ENV{CK_TOP}/src/include", "-I$include",
			qq(-DNAME="$name"), "-D$macro", '-o', $module, "$ENV{CK_TOP}/test/contract/broken.c", @magic) == 0
			or die "cannot build with $macro: " . `cat '$output'`;
		open STDERR, '>&', $saved;
	}
	$session->ok("CREATE FUNCTION connkit_${name}_handler() RETURNS fdw_handler AS '\$libdir/connkit', 'connkit_handler'
			LANGUAGE C STRICT;
		CREATE FUNCTION connkit_${name}_validator(text[], oid) RETURNS void AS '\$libdir/connkit', 'connkit_validator'
			LANGUAGE C STRICT;
		CREATE FOREIGN DATA WRAPPER connkit_$name HANDLER connkit_${name}_handler VALIDATOR connkit_${name}_validator");
	return $name unless defined $type;
	$session->ok("CREATE SERVER $name FOREIGN DATA WRAPPER connkit_$name;
		CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (password 'hidden-value');
		CREATE FOREIGN TABLE $name (v $type) SERVER $name");
	return $name;
}

sub broken_module
{
	my ($session, $macro, $message) = @_;
	my $name = build($session, $macro);

	for (1 .. 2)
	{
		like($session->fails("CREATE SERVER $name FOREIGN DATA WRAPPER connkit_$name", 'HV00L'),
			qr/connector "$name" is not available: .*$message/s, 'the error');
	}
	my $row = $session->ok("SELECT available, reason FROM connkit.connector WHERE name = '$name'");

	like($row, qr/^f\|.*$message/, 'connkit.connector');
	like($session->fails("SELECT * FROM connkit_test('$name', '{}')", 'HV00L'), $message, 'connkit_test()');
}

sub broken_behaviour
{
	my ($session, $macro, $type, $states, $message) = @_;
	my $name = build($session, $macro, $type);

	for (1 .. 2)
	{
		my $error = $session->fails("SELECT v FROM $name", $states, $message);

		die "the error tells the secret: $error" if $error =~ /hidden-value/;
	}
	is($session->ok('SELECT 1'), 1, 'the backend lives');
}

# Runs all of them in a database of their own, and takes the modules away again.
sub run_broken
{
	my ($verdict) = @_;
	my $admin = Contract::Session->new('postgres');
	my $passed = 0;
	my $run = sub {
		my ($name, $case) = @_;

		return if $ENV{CK_CASES} && "broken $name" !~ /$ENV{CK_CASES}/;
		eval { $case->(); 1 };
		$passed++ if $@ eq '';
		$verdict->($@ eq '', "broken: $name", $@ eq '' ? undef : $@);
	};

	$admin->ok('DROP DATABASE IF EXISTS contract_broken WITH (FORCE)');
	$admin->ok("CREATE DATABASE contract_broken TEMPLATE template0 ENCODING UTF8 LOCALE 'C.UTF-8'");
	my $session = Contract::Session->new('contract_broken');
	$session->ok('SET client_min_messages = warning; CREATE EXTENSION connkit CASCADE');
	for my $fault (@faults)
	{
		$run->("a module with $fault->[0]", sub { broken_module($session, @$fault) });
	}
	for my $fault (@behaviour)
	{
		$run->("a connector with $fault->[0] for $fault->[1]", sub { broken_behaviour($session, @$fault) });
	}
	for my $good (@good)
	{
		my ($macro, $type, $value) = @$good;

		$run->("$macro for $type is taken", sub {
			my $name = build($session, $macro, $type);

			is($session->ok("SELECT coalesce(v::text, '(NULL)') FROM $name"), $macro =~ /bool/ ? 'true' : $value, 'the value') });
	}
	unlink @modules;
	print "# broken: $passed passed\n";
}

1;
