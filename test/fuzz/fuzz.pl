#!/usr/bin/perl
# fuzz.pl: the rounds of the fuzz suite; prints TAP. run.sh tells of the environment.

use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename;
use POSIX ();
use Time::HiRes 'time';

my $folder;
BEGIN { $folder = dirname(abs_path(__FILE__)); }
use lib $folder, "$folder/../contract";
use Contract;
use Damage;

my $seed = $ENV{CK_FUZZ_SEED};
my ($only, $only_round) = split /:/, $ENV{CK_FUZZ_ONLY} || '';
my $slow = $ENV{CK_PG_WRAP} ? $ENV{CK_PG_WRAP} =~ /valgrind/ ? 20 : 4 : 1;
my $workers = 8;
my $together = 20;				# rounds of a session, so that what one leaves behind meets the next
my $timeout = 1 * $slow;
my $memory = 256 * 1024;		# kB that a backend may ever have had
my $canary = 'Canary9f3c';
my ($number, $failed) = (0, 0);
my %options;					# of each connector, rows of connkit.connector_option
my @connectors;

$| = 1;
chdir $ENV{CK_TMP} or die $!;
print "# CK_FUZZ_SEED=$seed\n";

sub pick { return $_[rand @_] }
sub chance { return rand() < $_[0] }

# The values that programs get wrong.
sub odd
{
	return 'x' x 1_000_000 if chance(0.005);
	return pick('', ' ', "'", '"', '\\', "\\'", '%s%n%d', '$1', '?', '{schema}', '{table}', ';', '--', '/*', '*', '**?*',
		"\t", "\n", "\r", "\x01", "\x7f", "\xc3\xa9", "\xe6\xbc\xa2\xe5\xad\x97", "\xf0\x9f\x98\x80", "\xcc\x81", 'null',
		'NULL', 'true', '0', '1', '-1', '00', '1e5', '0x1f', ' 7', '7 ', '2147483648', '9223372036854775807',
		'9223372036854775808', '-9223372036854775809', 'public', 'fuzz', 'main', 'numbers', 'kinds', 'Numbers', 'id',
		'SELECT 1', 'SELECT * FROM numbers', 'SELECT', 'a' x 64, "\xc3\xa9" x 40, 'a,b', 'a=b', '(', ')', '((', '.', 'a.b',
		'"a"."b"', "\xc3", '/', '/tmp', '/etc/passwd', '/nonexistent/x', '/dev/zero', "$ENV{CK_FILES}/fuzz.db", '127.0.0.1');
}

# A text with a few changes of characters.
sub mutate
{
	my ($text) = @_;

	for (0 .. int rand 3)
	{
		my $at = int rand(1 + length $text);
		my $what = int rand 5;

		substr($text, $at, 1) = '' if $what == 0 && $at < length $text;
		substr($text, $at, 0) = odd() if $what == 1;
		substr($text, $at, 0) = pick('a' .. 'z', '_', '(', ')', ',', '=', '*', '?', ' ') if $what == 2;
		$text = ucfirst $text if $what == 3;
		$text .= substr $text, $at if $what == 4 && length $text < 1000;
	}
	return $text;
}

sub name { my $text = shift; $text =~ s/"/""/g; return "\"$text\"" }

# A value for an option, of its type or not; a secret holds the canary.
sub value
{
	my ($option) = @_;
	my $type = $option->{type};

	return pick('', odd()) . $canary . pick('', '', odd()) if $option->{secret};
	return odd() if chance(0.15);
	return pick(grep { $_ ne '' } $option->{minimum}, $option->{maximum}, $option->{minimum} - 1, int rand 100,
		$option->{maximum} < 1e15 ? $option->{maximum} + 1 : '9223372036854775808', 1 + int rand 5) if $type eq 'integer';
	return mutate(pick('true', 'false', 'on', 'off', 'yes', 'no', 't', '1')) if $type eq 'boolean';
	return chance(0.5) ? pick(split /,/, $option->{choices}) : mutate($option->{choices}) if $type eq 'choice';
	return mutate(pick('public', 'numbers', 'kinds', 'main', 'id', 'v', 'ck_reader', 'SELECT id FROM numbers'));
}

# Random options for a place: name and value; most names are right.
sub options
{
	my ($connector, $place) = @_;
	my @all = @{$options{$connector}};
	my @here = grep { $_->{places} =~ /\b$place/ } @all;
	my @list;

	for (0 .. int rand 4)
	{
		my $option = chance(0.8) && @here ? pick(@here) : pick(@all);
		my $name = chance(0.8) ? $option->{name} : chance(0.3) ? odd() : mutate($option->{name});

		$name = $option->{alias} if $option->{alias} && chance(0.3);
		# whoever asks for a host elsewhere waits for the network
		push @list, [$name, $option->{name} eq 'host' ? pick('127.0.0.1', 'localhost', '', '/tmp', 'a b', 'x' x 300,
			'=;', '127.0.0.1,localhost', "\xc3\xa9", '::1', '0', '/' . 'x' x 200) : value($option)];
	}
	return @list;
}

sub clause { return join ', ', map { name($_->[0]) . ' ' . quote($_->[1]) } @_ }

sub alter { return join ', ', map { my $do = pick('ADD', 'SET', 'DROP');
	"$do " . name($_->[0]) . ($do eq 'DROP' ? '' : ' ' . quote($_->[1])) } @_ }

# Any JSON, as text.
sub json
{
	my ($depth) = @_;
	my $text = sub { my $s = shift; $s =~ s/([\\"\x00-\x1f])/sprintf '\u%04x', ord $1/ge; $s = '' if $s =~ /\xc3$/; "\"$s\"" };

	return pick('null', 'true', 'false', '1', '-0.5', '1e30', '1' x 40, '[]', '{}', $text->(odd())) if !$depth || chance(0.5);
	return '[' . join(',', map { json($depth - 1) } 0 .. rand 3) . ']' if chance(0.5);
	return '{' . join(',', map { $text->(odd()) . ':' . json($depth - 1) } 0 .. rand 3) . '}';
}

sub object
{
	my (@list) = @_;
	my $text = sub { my $s = shift; $s =~ s/([\\"\x00-\x1f])/sprintf '\u%04x', ord $1/ge; $s =~ s/\xc3(?![\x80-\xbf])//g; "\"$s\"" };

	return json(3) if chance(0.1);
	return '{' . join(',', map { $text->($_->[0]) . ':' .
		(chance(0.15) ? json(2) : chance(0.2) ? pick(1, 'true', 'null', '5432') : $text->($_->[1])) } @list) . '}';
}

# What a statement may fail with: never an internal error, nor the end of the backend.
my $allowed = qr/^(?:|HV...|42...|22...|08...|28...|53...|54...|0A000|3F000|3D000|26000|57014|55...|25...|40...|2F...|P0...)$/;

# Runs one round's statement in a transaction that is rolled back.
sub attempt
{
	my ($session, $sql) = @_;
	my $role = chance(0.4) ? 'SET LOCAL ROLE fuzz_owner;' : '';
	my $begin = time;
	my $result = $session->run("BEGIN; SET LOCAL statement_timeout = '${timeout}s'; $role\n$sql;\nROLLBACK", 60 * $slow);

	die "the server's process is gone\n" if $result->{gone};
	die "SQLSTATE $result->{state}: $result->{err}\n" unless $result->{state} =~ $allowed;
	die sprintf "it took %.1f seconds\n", time - $begin if time - $begin > (1 + 4) * $timeout;
	# psql itself shows the line of a syntax error
	(my $said = $result->{out} . $result->{err}) =~ s/^LINE \d+:.*//mg;
	die "a secret is shown: $said\n" if index($said, $canary) >= 0;
	return $result;
}

# Options of servers, user mappings, foreign tables and columns, and of connkit_test().
sub piece_options
{
	my ($round) = @_;
	my $c = pick(@connectors);
	my $table = sub { return 'FOREIGN TABLE made (id integer' . (chance(0.3) ? ' OPTIONS (' . clause(options($c, 'column')) . ')' : '') .
		", v text) SERVER fuzz_$c OPTIONS (" . clause(options($c, 'table')) . ')' };

	return pick(
		sub { "CREATE SERVER made FOREIGN DATA WRAPPER connkit_$c OPTIONS (" . clause(options($c, 'server')) . ')' },
		sub { "ALTER SERVER fuzz_$c OPTIONS (" . alter(options($c, 'server')) . ')' },
		sub { "CREATE USER MAPPING FOR PUBLIC SERVER fuzz_$c OPTIONS (" . clause(options($c, 'user')) . ')' },
		sub { "ALTER USER MAPPING FOR " . pick('postgres', 'fuzz_owner') . " SERVER fuzz_$c OPTIONS (" .
			alter(options($c, 'user')) . ')' },
		sub { 'CREATE ' . $table->() },
		sub { 'CREATE ' . $table->() . ";\nSELECT count(*), count(v) FROM (SELECT * FROM made LIMIT 5) s;\n" .
			'EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM made WHERE id = 3 ORDER BY v' },
		sub { "ALTER FOREIGN TABLE table_$c OPTIONS (" . alter(options($c, 'table')) . ");\nSELECT id, length(v) FROM table_$c LIMIT 2" },
		sub { "ALTER SERVER fuzz_$c OPTIONS (" . alter(options($c, 'server')) . ");\nSELECT id, length(v) FROM table_$c LIMIT 2" },
		sub { 'SELECT connkit_test(' . quote(chance(0.9) ? $c : mutate($c)) . ', ' . quote(object(options($c, 'server'))) .
			', ' . quote(object(options($c, 'user'))) . ')' })->();
}

# The arguments of IMPORT FOREIGN SCHEMA and connkit_discover().
sub piece_discover
{
	my ($round) = @_;
	my $c = pick(@connectors);
	my $pattern = sub { chance(0.3) ? odd() : mutate(pick('*', 'public.*', 'fuzz.*', 'main.*', 'k?nds', '*.numbers', 'numbers')) };
	my $array = sub { 'ARRAY[' . join(', ', map { chance(0.05) ? 'NULL' : quote($pattern->()) } 0 .. rand 3) . ']::text[]' };
	my @import = ((map { [$_, mutate(pick('true', 'false', 'on'))] } qw(import_not_null import_default import_generated
		import_collate import_views)), [name_case => mutate(pick('keep', 'lower'))],
		[types => mutate(pick('kinds.*=text', 'int*=numeric(5,2), id=bigint', "kinds.txt=varchar(3),kinds.bin=bit(4)",
			'*=integer', '*=point[]', "ts = timestamp(3) , d=date", "*=record", '*=numeric(1001)', '*=information_schema.cardinal_number'))]);

	return chance(0.5) ?
		'SELECT connkit_discover(' . join(', ', quote(chance(0.95) ? "fuzz_$c" : odd()), $array->(), $array->(),
			quote(chance(0.8) ? pick(qw(conservative balanced aggressive)) : mutate('balanced')),
			pick(0, 1, 10, -1, 2147483647)) . ')' :
		'CREATE SCHEMA made; IMPORT FOREIGN SCHEMA ' . name(chance(0.8) ? pick(qw(public fuzz main null)) : odd()) .
			pick('', '', ' LIMIT TO (' . join(', ', map { name($pattern->()) } 0 .. rand 3) . ')', ' EXCEPT (' .
			join(', ', map { name($pattern->()) } 0 .. rand 3) . ')') . " FROM SERVER fuzz_$c INTO made OPTIONS (" .
			clause(map { chance(0.9) ? $_ : [mutate($_->[0]), $_->[1]] } map { pick(@import) } 0 .. rand 3) . ')';
}

# Lists of patterns, and a host that is held against them.
sub piece_reach
{
	my ($round) = @_;
	my $pattern = sub { chance(0.2) ? odd() : mutate(pick('*', 'localhost', '*.example.com:1-65535', '127.0.0.0/8', '/tmp*/?',
		'10.0.0.0/8:22', '[::1]:5432', 'fd00::/8', '[::ffff:0:0/96]', '::ffff:1.2.3.4/128', '*:1')) };

	return "RESET ROLE;\nSELECT set_config('connkit." . pick('allowed_hosts', 'allowed_hosts', 'denied_addresses', 'allowed_paths') .
		"', " . quote(join ',', map { $pattern->() } 0 .. rand 3) . ", true);\nSET LOCAL ROLE fuzz_owner;\n" .
		"SELECT connkit_test('postgres', '" . '{"port": 1, "host": "' . pick('127.0.0.1', 'localhost', '::1', '*', '0', '/tmp',
		'/tmp/../tmp', '::ffff:127.0.0.1', '127.1', 'LOCALHOST.', '', 'fe80::1%lo') . '"' . "}', '" . '{"user": "u"}' . "')";
}

# Declared types of an SQLite file, and files that are damaged.
sub piece_sqlite
{
	my ($round) = @_;
	my @types = ('INTEGER', 'varchar(20)', 'DECIMAL(10,5)', 'numeric(2000,5)', 'double precision', 'timestamp with time zone',
		'datetime(6)', 'BLOB', 'boolean', 'uuid', 'jsonb', 'character varying(0)', 'int[]', 'bit(8)', 'time(99)', '');
	my @columns = map { "\"c$_\" " . name(chance(0.5) ? pick(@types) : mutate(pick(@types))) } 0 .. rand 6;
	my @values = map { pick('NULL', 1, -1.5, "x'00ff80'", '9e999', quote(odd()), "'2024-02-30'", "'2024-01-01 10:00'",
		9223372036854775807) } @columns;
	my $path = "$ENV{CK_FILES}/round.db";

	s/[\xc3](?![\x80-\xbf])//g for @columns, @values;
	unlink $path, "$path-journal";
	open my $sqlite, '|-', "sqlite3 -batch '$path' >'$ENV{CK_TMP}/sqlite.err' 2>&1" or die $!;
	print $sqlite 'PRAGMA synchronous = off; CREATE TABLE t (', join(', ', @columns), ');INSERT INTO t VALUES (', join(', ', @values), ");\n";
	close $sqlite;
	if (chance(0.4) && open my $file, '+<', $path)
	{
		for (0 .. rand 8)
		{
			seek $file, int rand(chance(0.5) ? 200 : -s $path), 0;
			print $file chr int rand 256;
		}
	}
	return "CREATE SERVER made FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '$path'); " .
		"IMPORT FOREIGN SCHEMA main FROM SERVER made INTO pg_temp OPTIONS (name_case 'keep');\nSELECT * FROM pg_temp.t;\n" .
		'SELECT * FROM pg_temp.t WHERE c0 IS NOT NULL ORDER BY c0';
}

# Whether a piece goes on, after so many rounds, until then.
sub more
{
	my ($round, $end) = @_;

	return defined $only_round ? $round <= $only_round : time < $end;
}

sub verdict
{
	my ($name, @faults) = @_;

	printf "%s %d - %s\n", @faults ? 'not ok' : 'ok', ++$number, $name;
	$failed++ if @faults;
	for my $fault (splice @faults, 0, 5)
	{
		$fault = substr($fault, 0, 1500) . '...' if length $fault > 1500;
		$fault =~ s/^/# /gm;
		print "$fault\n";
	}
}

sub session
{
	my $session = Contract::Session->new('fuzz');

	# a server logs statements that fail, as it was told to, whatever stands in them
	$session->ok('SET log_min_error_statement = panic; SET client_min_messages = notice');
	return $session;
}

# Runs the rounds of a piece of one session.
sub rounds
{
	my ($name, $what, $share, $make) = @_;
	my $end = time + $share * $ENV{CK_FUZZ_SECONDS};
	my $round = defined $only_round ? $only_round : 0;
	my ($session, @faults) = session();

	return if $only && $only ne $name;
	for (; more($round, $end) && @faults < 20; $round++)
	{
		srand $seed * 1_000_003 + $round;
		my $sql = $make->($round);
		my $result = eval { attempt($session, $sql) };

		print "# $sql\n# => ", $@ || "$result->{state} $result->{err}", "\n" if defined $only_round;
		next unless $@;
		push @faults, "$@$name:$round: $sql";
		$session = eval { session() } || do { sleep 3; session() };
	}
	push @faults, 'no round was made' unless $round;
	push @faults, 'a backend took ' . peak($session) . ' kB' if peak($session) > 2 * $memory && !$ENV{CK_PG_WRAP};
	verdict("$what: $round rounds", @faults);
}

# The most memory that a session's backend ever had, in kB.
sub peak
{
	my ($session) = @_;

	open my $file, '<', "/proc/$session->{backend}/status" or return 0;
	return (map { /^VmHWM:\s+(\d+)/ ? $1 : () } <$file>)[0] || 0;
}

# One worker: its own proxy, session and source; every so many rounds.
sub wire
{
	my ($worker, $c, $end, $report) = @_;
	my $proxy = Damage->new($c, $c eq 'postgres' ? $ENV{CK_SOURCE_PGPORT} : $ENV{CK_MYSQL_PORT});
	my ($wire, $schema) = ("wire$worker", $c eq 'postgres' ? 'public' : 'fuzz');
	my @statements = (
		"SELECT * FROM $wire.kinds",
		"SELECT * FROM $wire.kinds WHERE id > 3 ORDER BY id LIMIT 20",
		"SELECT count(*), sum(id), max(v) FROM $wire.numbers",
		"PREPARE p (int) AS SELECT v FROM $wire.numbers WHERE id = \$1; EXECUTE p (3); EXECUTE p (4); DEALLOCATE p",
		"SELECT * FROM generate_series(1, 5) AS g (i), LATERAL (SELECT * FROM $wire.kinds AS k WHERE k.id = g.i) AS l",
		"SELECT k.* FROM $wire.kinds AS k JOIN $wire.numbers AS n ON n.id = k.id",
		"BEGIN; SELECT count(*) FROM $wire.numbers; SAVEPOINT a; SELECT * FROM $wire.kinds; ROLLBACK TO a; " .
			"SELECT * FROM $wire.kinds WHERE id = 3; COMMIT",
		"BEGIN; DECLARE c CURSOR FOR SELECT * FROM $wire.numbers; FETCH 5 FROM c; SELECT count(*) FROM $wire.kinds; " .
			"DECLARE d CURSOR FOR SELECT * FROM $wire.kinds; FETCH 1 FROM d; FETCH 5 FROM c; CLOSE c; FETCH ALL FROM d; COMMIT",
		"EXPLAIN SELECT * FROM $wire.kinds WHERE id < 9",
		"ANALYZE $wire.numbers",
		"SELECT connkit_test('$wire')",
		"SELECT connkit_test('$wire')",
		"SELECT connkit_discover('$wire', strategy => 'aggressive')",
		"BEGIN; CREATE SCHEMA made$worker; IMPORT FOREIGN SCHEMA $schema FROM SERVER $wire INTO made$worker; ROLLBACK");
	my $session = session();
	my $made = defined $only_round ? int($only_round / $workers / $together) * $together : 0;
	my $round = $worker + $made * $workers;

	$session->ok("CREATE SERVER $wire FOREIGN DATA WRAPPER connkit_$c OPTIONS (host '127.0.0.1', port '$proxy->{port}',
			dbname 'fuzz', sslmode 'disable', connect_timeout '$timeout', query_timeout '$timeout');
		CREATE USER MAPPING FOR CURRENT_USER SERVER $wire OPTIONS (user 'ck_reader', password '$ENV{CK_PASSWORD}');
		CREATE SCHEMA $wire; IMPORT FOREIGN SCHEMA $schema FROM SERVER $wire INTO $wire");
	for (; more($round, $end); $round += $workers)
	{
		$session = session() if $made++ % $together == 0;
		srand $seed * 1_000_003 + $round;
		my $sql = pick(@statements);
		my $damage = 1 + int rand 2**31;
		my $fault = eval
		{
			$proxy->tell($damage . (chance(0.5) ? ' close' : ''));
			my $begin = time;
			my $result = $session->run($sql, 30 * $slow);
			my $took = time - $begin;
			my $done = $proxy->tell('0 close');
			my $high = peak($session);

			print $report "# $sql\n# $done => $result->{state} $result->{err}\0" if defined $only_round;
			return "the server's process is gone ($done)" if $result->{gone};
			# a source that lies about the order of its rows may break a merge join
			return "SQLSTATE $result->{state}: $result->{err} ($done)"
				if $result->{state} =~ /^XX|^other/ && $result->{err} !~ /data is out of order/;
			return sprintf 'it took %.1f seconds (%s)', $took, $done if $took > 6 * $timeout;
			return "the backend took $high kB ($done)" if $high > $memory && !$ENV{CK_PG_WRAP};
			return "a secret is shown: $result->{err}" if index($result->{out} . $result->{err}, $ENV{CK_PASSWORD}) >= 0;
			$result = $session->run("ROLLBACK; DEALLOCATE ALL; SELECT count(*), sum(id) FROM $wire.numbers", 30 * $slow);
			return "afterwards: $result->{state} $result->{out} $result->{err} ($done)"
				unless !$result->{state} && $result->{out} eq '200|20100';
			return;
		};

		$fault = $@ if $@;
		next unless $fault;
		chomp $fault;
		print $report "wire:$round: $fault: $sql\0";
		last if $fault =~ /gone|no end/;
		$session = session();
	}
	print $report "$made\0";
}

# Damages the replies of the sources that speak by the network; each worker has every so many rounds.
sub wires
{
	my ($share) = @_;
	my $end = time + $share * $ENV{CK_FUZZ_SECONDS};
	my @sources = grep { /^(?:postgres|mysql)$/ } @connectors;
	my (%made, %faults, @children);
	my ($library) = qx(pkg-config --modversion libmariadb 2>/dev/null) =~ /^3\.3\.(\d+)/;

	# that crash is the library's own
	if (defined $library && $library < 20 && grep { $_ eq 'mysql' } @sources)
	{
		printf "ok %d - damaged replies of mysql # SKIP MariaDB Connector/C before 3.3.20 crashes on lengths that lie\n", ++$number;
		@sources = grep { $_ ne 'mysql' } @sources;
	}
	return if $only && $only ne 'wire' || !@sources;
	for my $worker (defined $only_round ? $only_round % $workers : 0 .. $workers - 1)
	{
		my $c = $sources[$worker % @sources];

		pipe my $read, my $write or die $!;
		my $process = fork;
		die $! unless defined $process;
		if ($process == 0)
		{
			$write->autoflush(1);
			eval { wire($worker, $c, $end, $write); 1 } or print $write "$@\0";
			POSIX::_exit(0);
		}
		close $write;
		push @children, [$process, $c, $read];
	}
	for my $child (@children)
	{
		my ($process, $c, $read) = @$child;

		local $/ = "\0";
		while (<$read>)
		{
			chomp;
			/^\d+\z/ ? ($made{$c} += $_) : defined $only_round && /^#/ ? print "$_\n" : push @{$faults{$c}}, $_;
		}
		waitpid $process, 0;
	}
	for my $c (sort keys %{{map { $_->[1] => 1 } @children}})
	{
		verdict("damaged replies of $c: " . ($made{$c} || 0) . ' rounds',
			@{$faults{$c} || []}, $made{$c} ? () : 'no round was made');
	}
}

# The sources, and a foreign table of each.
sub prepare
{
	my $session = session();
	my %places = (
		null => ["rows '20'", '', ''],
		sqlite => ["path '$ENV{CK_FILES}/fuzz.db'", '', ''],
		postgres => ["host 'localhost', port '$ENV{CK_SOURCE_PGPORT}', dbname 'fuzz', connect_timeout '5'",
			"user 'ck_reader', password '$ENV{CK_PASSWORD}'", "table_name 'numbers'"],
		mysql => ["host '127.0.0.1', port '$ENV{CK_MYSQL_PORT}', dbname 'fuzz', connect_timeout '5'",
			"user 'ck_reader', password '$ENV{CK_PASSWORD}'", "table_name 'numbers'"]);

	$session->ok('SET client_min_messages = warning; CREATE EXTENSION connkit CASCADE; DROP ROLE IF EXISTS fuzz_owner;
		CREATE ROLE fuzz_owner; GRANT ALL ON DATABASE fuzz TO fuzz_owner; GRANT ALL ON SCHEMA public TO fuzz_owner');
	unlink "$ENV{CK_FILES}/fuzz.db";
	system 'sqlite3', "$ENV{CK_FILES}/fuzz.db", 'CREATE TABLE numbers (id integer PRIMARY KEY, v varchar(40));
		INSERT INTO numbers VALUES (1, \'row 1\'), (2, \'row 2\'); CREATE TABLE kinds (id, a "odd type", b decimal(5,2), d date)';
	for my $c (split /\n/, $session->ok('SELECT name FROM connkit.connector WHERE available ORDER BY name'))
	{
		my $place = $places{$c} || ['', '', ''];

		push @connectors, $c;
		for (split /\n/, $session->ok("SELECT name, type, places, secret, minimum, maximum, array_to_string(choices, ','), alias
			FROM connkit.connector_option WHERE connector = '$c' ORDER BY name"))
		{
			my %option;

			@option{qw(name type places secret minimum maximum choices alias)} = split /\|/, $_, -1;
			$option{secret} = $option{secret} eq 't';
			$option{$_} ||= 0 for qw(minimum maximum);
			push @{$options{$c}}, \%option;
		}
		next unless $places{$c};
		$session->ok("CREATE SERVER fuzz_$c FOREIGN DATA WRAPPER connkit_$c OPTIONS ($place->[0], query_timeout '2');
			ALTER SERVER fuzz_$c OWNER TO postgres; GRANT USAGE ON FOREIGN SERVER fuzz_$c TO fuzz_owner;
			GRANT USAGE ON FOREIGN DATA WRAPPER connkit_$c TO fuzz_owner");
		for my $role ('postgres', 'fuzz_owner')
		{
			$session->ok("CREATE USER MAPPING FOR $role SERVER fuzz_$c" . ($place->[1] ? " OPTIONS ($place->[1])" : ''));
		}
		$session->ok("CREATE FOREIGN TABLE table_$c (id integer, v text) SERVER fuzz_$c" .
			($place->[2] ? " OPTIONS ($place->[2])" : ''));
	}
	@connectors = grep { $places{$_} } @connectors;
}

my $log = "$ENV{CK_PGHOST}/log";
my $logged = -s $log;

prepare();
rounds('options', 'options', 0.25, \&piece_options);
rounds('discover', 'patterns and options of discovery and import', 0.15, \&piece_discover);
rounds('reach', 'patterns of hosts', 0.05, \&piece_reach) if grep { $_ eq 'postgres' } @connectors;
rounds('sqlite', 'SQLite files', 0.1, \&piece_sqlite) if grep { $_ eq 'sqlite' } @connectors;
wires(0.45);

# What the server said meanwhile.
open my $file, '<', $log or die $!;
seek $file, $logged, 0;
my @bad = grep { /was terminated by signal|PANIC:|TRAP: |\Q$canary\E|\Q$ENV{CK_PASSWORD}\E/ } <$file>;
verdict('the log tells neither of crashes nor secrets', @bad);
print "1..$number\n";
exit($failed ? 1 : 0);
