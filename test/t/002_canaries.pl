# Secrets are planted by every road there is, and searched for wherever a text can end up. The search is first shown to
# find what was leaked on purpose.
#
# Not searched: core files and swap, which are the operating system's to turn off, and the memory of processes.

use strict;
use warnings;

use File::Find;
use IO::Socket::INET;
use IO::Socket::UNIX;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A canary is a mark and a number. One mark for those that must not be seen, one for those leaked on purpose.
my %mark = map { my $kind = $_; $kind => $kind . join('', map { (0 .. 9, 'a' .. 'z', 'A' .. 'Z')[ rand 62 ] } 1 .. 12) } qw(Hid Bait Map);
my %planted;

# A new canary, and the road by which it goes.
sub canary
{
	my ($road) = @_;
	my $number = 100 + keys %planted;

	$planted{$number} = $road;
	return "$mark{Hid}n${number}e";
}

# Forms that a text can have, as pattern => name.
sub forms
{
	my ($text) = @_;
	my $hex = unpack('H*', $text);
	my %forms = ($text => 'plain', $hex => 'hex', uc $hex => 'hex', join(' ', map { ord } split(//, $text)) => 'decimal');

	for my $shift (0 .. 2)
	{
		my $coded = encode_base64(('x' x $shift) . $text, '');

		# whole groups of the mark alone
		$forms{ substr($coded, $shift ? 4 : 0, 4 * int((length($text) + $shift) / 3) - ($shift ? 4 : 0)) } = 'base64';
	}
	return \%forms;
}

# What is found of the marks in a text: which canaries, in what form.
sub found
{
	my ($kind, $text) = @_;
	my $forms = forms($mark{$kind});
	my $pattern = join('|', map { quotemeta } keys %$forms);
	my %found;

	# numbers go on in the next line of a log
	my $line = $$text =~ s/(?<=\d)(?:\s|\\[nt])+(?=\d)/ /gr;
	while ($line =~ /($pattern)(?:n(\d{3})e)?/g)
	{
		my $road = defined $2 && $planted{$2} ? ": $planted{$2}" : '';

		$found{"$forms->{$1}$road"}++;
	}
	my @found = sort keys %found;
	return @found;
}

sub text_of_files
{
	my @paths = @_;
	my $text = '';

	find({ no_chdir => 1, wanted => sub { $text .= slurp_file($_) . "\n" if -f $_ } }, @paths);
	return $text;
}

# Places where a text was looked for, with what was found in the end; each must show the bait.
my $places = 0;

sub clean
{
	my ($place, $text, $bait) = @_;
	my @hidden = found('Hid', \$text);

	ok(scalar(found('Bait', \$text)), "$place: the search finds bait") if $bait;
	is(join("\n", @hidden), '', "$place: no canary");
	$places++;
}

#
# A client of the protocol's own, for bind parameters and to see all that a client is told.
#
my $told = '';

sub message
{
	my ($type, $body) = @_;
	return $type . pack('N', 4 + length $body) . $body;
}

sub connection
{
	my ($node, $role) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "no connection: $!";
	my $start = pack('N', 196608) . "user\0" . ($role // 'postgres') . "\0database\0postgres\0\0";

	$socket->print(pack('N', 4 + length $start) . $start);
	$socket->flush;
	answer($socket);
	return $socket;
}

# Reads until the server is ready; returns the errors and notices.
sub answer
{
	my ($socket) = @_;
	my $errors = '';

	local $SIG{ALRM} = sub { die "no answer: $errors" };
	alarm 60;
	while (1)
	{
		my ($head, $body) = ('', '');

		if (($socket->read($head, 5) // 0) != 5) { alarm 0; return $errors . 'closed'; }
		my ($type, $length) = unpack('aN', $head);
		$socket->read($body, $length - 4);
		$told .= "$type $body\n";
		$errors .= "$type $body\n" if $type eq 'E' || $type eq 'N';
		if ($type eq 'Z') { alarm 0; return $errors; }
	}
}

sub query
{
	my ($socket, $sql) = @_;

	$socket->print(message('Q', "$sql\0"));
	$socket->flush;
	return answer($socket);
}

# A statement with text parameters, by the extended protocol.
sub bind_query
{
	my ($socket, $sql, @values) = @_;
	my $bind = "\0\0" . pack('n', 0) . pack('n', scalar @values);

	$bind .= defined $_ ? pack('N', length $_) . $_ : pack('N', 0xffffffff) foreach @values;
	$socket->print(message('P', "\0$sql\0" . pack('n', 0)) . message('B', $bind . pack('n', 0)) .
		message('E', "\0" . pack('N', 0)) . message('S', ''));
	$socket->flush;
	return answer($socket);
}

#
# A cluster that logs all that can be logged.
#
my $node = PostgreSQL::Test::Cluster->new('main');
my $logs = $node->basedir . '/logs';
my $config = qq{
	shared_preload_libraries = 'connkit,pg_stat_statements,auto_explain'
	fsync = off
	max_connections = 30
	restart_after_crash = on
	listen_addresses = '127.0.0.1'
	lc_messages = 'C'
};
my $destinations = check_pg_config('#define PG_VERSION_NUM 14') ? 'stderr,csvlog' : 'stderr,csvlog,jsonlog';
my $loud = qq{
	logging_collector = on
	log_directory = '$logs'
	log_destination = '$destinations'
	log_min_messages = debug5
	log_min_error_statement = debug5
	log_statement = all
	log_duration = on
	log_min_duration_statement = 0
	log_parameter_max_length = -1
	log_parameter_max_length_on_error = -1
	log_error_verbosity = verbose
	log_lock_waits = on
	deadlock_timeout = 100ms
	debug_print_parse = on
	debug_print_rewritten = on
	debug_print_plan = on
	debug_pretty_print = off
	pg_stat_statements.track = all
	pg_stat_statements.track_utility = on
	auto_explain.log_min_duration = 0
	auto_explain.log_nested_statements = on
	auto_explain.log_verbose = on
	auto_explain.log_analyze = on
	track_activity_query_size = 8192
};

mkdir $logs;
$node->init(extra => ['--wal-segsize=4', '--encoding=UTF8', '--locale=C'], allows_streaming => 1);
$node->append_conf('postgresql.conf', $config . "connkit.allowed_paths = '" . $node->basedir . "'");
# the password that sources take, as far as they take one
my $right = canary('password of the source');
$ENV{CANARY} = canary('loaded from the environment');
{
	unlink $node->data_dir . '/pg_hba.conf';
	append_to_file($node->data_dir . '/pg_hba.conf', "host all reader 127.0.0.1/32 scram-sha-256\nlocal all all trust\n" .
		"local replication all trust\n");
	$node->start;
	$node->safe_psql('postgres', q{
		SET client_min_messages = warning;
		CREATE EXTENSION connkit CASCADE;
		CREATE EXTENSION pg_stat_statements;
		CREATE ROLE org LOGIN;
		CREATE ROLE stranger LOGIN;
		SET pg_stat_statements.track = none;
		CREATE ROLE reader LOGIN PASSWORD '}. $right .q{';
		GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres, connkit_mysql TO org;
		CREATE TABLE far AS SELECT i, i::text AS t FROM generate_series(1, 10) AS i;
		GRANT SELECT ON far TO PUBLIC;
	});
	$node->append_conf('postgresql.conf', $loud);
	$node->restart;
	delete $ENV{CANARY};
}
my $client = connection($node);
my $watcher = connection($node);

# What other sessions see of the one at work, now.
my $activity = '';

sub watch
{
	$activity .= $node->safe_psql('postgres', q{
		SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid();
		SELECT pg_stat_get_backend_activity(s) FROM pg_stat_get_backend_idset() AS s
			WHERE pg_stat_get_backend_pid(s) <> pg_backend_pid()}) . "\n";
}

# A statement by the client, and a look at it from outside. Failure must be what is expected.
sub go
{
	my ($sql, $expected, @values) = @_;
	my $errors = @values ? bind_query($client, $sql, @values) : query($client, $sql);

	if ($expected) { like($errors, $expected, "refused as it should be: $expected"); }
	else { unlike($errors, qr/^E/m, 'done: ' . substr($sql =~ s/\s+/ /gr, 0, 50)); }
	watch();
	return;
}

#
# Bait, in each form and place.
#
my $bait = $mark{Bait};
query($client, "SELECT '$bait' AS plain");
query($client, "DO \$\$ BEGIN RAISE LOG '% % %', encode('$bait', 'hex'), encode('$bait', 'base64'), encode('x$bait', 'base64'); END \$\$");
query($client, "CREATE TABLE bait AS SELECT '$bait'::text AS plain");
query($client, "COMMENT ON TABLE bait IS '$bait'");
query($client, "SELECT '$bait' FROM nowhere");
watch();
{
	my $log = text_of_files($logs);
	my %forms = map { $_ => 1 } found('Bait', \$log);
	is(join(' ', sort keys %forms), 'base64 decimal hex plain', 'bait is found in the log, in each form');
	ok(scalar(found('Bait', \$activity)), 'and in pg_stat_activity');
	for my $shift (0 .. 5)
	{
		my $text = '=' x $shift . $bait . '=';
		ok(scalar(grep { $_ eq 'base64' } found('Bait', \encode_base64($text, ''))), "base64 is found, shifted by $shift")
			if $shift < 3;
	}
}

#
# connkit_set_secret
#
my $text = canary('set, in the text');
go("SELECT connkit_set_secret('plain', '$text')");
go("SELECT connkit_set_secret('plain', '" . canary('set again') . "')");
go("SELECT 1; SELECT connkit_set_secret('multi', '" . canary('of several statements') . "'); SELECT 2");
go("SELECT connkit_set_secret('multi2', '" . canary('first of two') . "'), connkit_set_secret('multi3', '" . canary('second of two') . "')");
go("WITH v AS (SELECT '" . canary('before the name') . "'::text AS v) SELECT connkit_set_secret('with', v) FROM v");
go("SELECT '" . canary('in another column') . "' <> '', connkit_set_secret('column', 'xyz')");
go("SELECT connkit_set_secret('bound', \$1)", undef, canary('bound'));
go("SELECT connkit_set_secret(\$1, \$2, hosts => \$3::text[])", undef, 'bound2', canary('bound, with hosts'), '{localhost}');
go("SELECT connkit_set_secret('bound', \$1, hosts => \$2::text[])", qr/malformed array/, canary('bound, other fails'), canary('bound to the wrong type'));
go("SELECT connkit_set_secret(NULL, \$1)", qr/may not be NULL/, canary('bound, without name'));
go("SELECT connkit_set_secret('cast', \$1::int::text)", qr/invalid input syntax/, canary('bound to a number'));
go("PREPARE p(text, text) AS SELECT connkit_set_secret(\$1, \$2)");
go("EXECUTE p('executed', '" . canary('executed') . "')");
go("EXECUTE p(NULL, '" . canary('executed, fails') . "')", qr/may not be NULL/);
go("EXPLAIN (ANALYZE, VERBOSE) EXECUTE p('explained', '" . canary('executed, explained') . "')");
go("PREPARE q AS SELECT connkit_set_secret('q', '" . canary('prepared') . "')");
go('EXECUTE q');
go("DO \$\$ BEGIN PERFORM connkit_set_secret('done', '" . canary('done') . "'); END \$\$");
go("DO \$\$ DECLARE v text := '" . canary('declared') . "'; BEGIN PERFORM connkit_set_secret('declared', v); END \$\$");
go("DO \$\$ BEGIN EXECUTE 'SELECT connkit_set_secret(''dynamic'', ''" . canary('dynamic') . "'')'; END \$\$");
go("DO \$\$ BEGIN EXECUTE 'SELECT connkit_set_secret(''using'', \$1)' USING '" . canary('dynamic, with USING') . "'; END \$\$");
go("DO \$\$ BEGIN EXECUTE 'SELECT connkit_set_secret(''x y'', ''" . canary('dynamic, fails') . "'')'; END \$\$", qr/invalid name/);
go("SELECT connkit_set_secret('dollars', \$a\$" . canary('in dollars') . "\$a\$)");
go("SELECT connkit_set_secret('escapes', E'" . canary('in an E text') . "')");
go("/* note */ SELECT public . connkit_set_secret /* note */ ('comment', '" . canary('qualified') . "')");
go("SELECT \"connkit_set_secret\"('quoted', '" . canary('name in quotes') . "')");
go("SELECT CONNKIT_SET_SECRET('upper', '" . canary('in capitals') . "')");
go("EXPLAIN (ANALYZE, VERBOSE) SELECT connkit_set_secret('explained', '" . canary('explained') . "')");
go("CREATE TEMP TABLE t AS SELECT connkit_set_secret('ctas', '" . canary('CREATE TABLE AS') . "') AS version");
go("COPY (SELECT connkit_set_secret('copied', '" . canary('COPY') . "')) TO '/dev/null'");
go("DECLARE c CURSOR WITH HOLD FOR SELECT connkit_set_secret('cursor', '" . canary('cursor') . "')");

# and what fails
go("SELECT connkit_set_secret('e', '" . canary('syntax error behind') . "' ORDER)", qr/syntax error/);
go("SELECT connkit_set_secret('e' '" . canary('syntax error at it') . "')", qr/syntax error/);
go("SELECT connkit_set_secret('e', '" . canary('unterminated') . ")", qr/unterminated/);
go("SELECT connkit_set_secret('e', \"" . canary('in double quotes') . "\")", qr/does not exist/);
go("SELECT connkit_set_secret('e', " . canary('without quotes') . ")", qr/does not exist/);
go("SELECT connkit_set_secret('e', '" . canary('unknown function') . "', 1, 2, 3, 4)", qr/does not exist/);
go("SELECT connkit_set_secret('e', '" . canary('unknown argument') . "', sauce => 'x')", qr/does not exist/);
go("SELECT connkit_set_secret('e', '" . canary('unknown owner') . "', 'nobody')", qr/does not exist/);
go("SELECT connkit_set_secret(NULL, '" . canary('no name') . "')", qr/may not be NULL/);
go("SELECT connkit_set_secret('not a name', '" . canary('bad name') . "')", qr/invalid name/);
go("SELECT connkit_set_secret('" . canary('name and value in turn') . " x', 'name')", qr/invalid name/);
go("SELECT connkit_set_secret('e', '" . canary('malformed hosts') . "', hosts => '" . canary('as hosts') . "')", qr/malformed/);
go("SELECT connkit_set_secret('e', '" . canary('a number') . "'::int::text)", qr/invalid input/);
go("SELECT connkit_set_secret('e', '" . canary('too long') . "' || repeat('x', 70000))", qr/longer/);
go("SELECT connkit_set_secret('e', '" . canary('division') . "'), 1 / 0", qr/division/);
go("DO \$\$ BEGIN PERFORM connkit_set_secret('e', '" . canary('plpgsql syntax') . "'; END \$\$", qr/syntax|mismatched/);
go("DO \$\$ BEGIN PERFORM connkit_set_secret('e', '" . canary('raised') . "'); RAISE EXCEPTION 'stop'; END \$\$", qr/stop/);
go("BEGIN; SELECT connkit_set_secret('rolled', '" . canary('rolled back') . "'); ROLLBACK");
go('BEGIN; SELECT 1/0', qr/division/);
go("SELECT connkit_set_secret('e', '" . canary('aborted transaction') . "')", qr/aborted/);
go('ROLLBACK');
go("BEGIN READ ONLY; SELECT connkit_set_secret('e', '" . canary('read only') . "')", qr/read-only/);
go('ROLLBACK');
go('SET ROLE stranger');
go("SELECT connkit_set_secret('plain', '" . canary('no right') . "', 'postgres')", qr/rights of role/);
go('RESET ROLE');

# waiting: seen from outside all the while
query($watcher, 'BEGIN; LOCK TABLE connkit.secret_store');
for my $case (
	[ 'lock timeout', q{SET lock_timeout = '300ms'; SET statement_timeout = 0}, qr/lock timeout/ ],
	[ 'statement timeout', q{SET lock_timeout = 0; SET statement_timeout = '300ms'}, qr/statement timeout/ ])
{
	my ($name, $set, $expected) = @$case;

	query($client, $set);
	for my $sql ("SELECT connkit_set_secret('w', '" . canary($name) . "')", "EXECUTE p('w', '" . canary("$name, executed") . "')",
		"DO \$\$ DECLARE v text := '" . canary("$name, declared") . "'; BEGIN PERFORM connkit_set_secret('w', v); END \$\$")
	{
		$client->print(message('Q', "$sql\0"));
		$client->flush;
		select(undef, undef, undef, 0.15);
		watch();
		like(answer($client), $expected, $name);
	}
	go("SELECT connkit_set_secret('w', \$1)", $expected, canary("$name, bound"));
}
query($client, 'RESET lock_timeout; RESET statement_timeout');
{
	# a backend that dies says what it was at
	my $victim = connection($node);
	query($victim, "SET application_name = 'victim'");
	$victim->print(message('Q', "SELECT connkit_set_secret('w', '" . canary('terminated') . "')\0"));
	$victim->flush;
	select(undef, undef, undef, 0.2);
	watch();
	query($client, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'");
	like(answer($victim), qr/terminating connection/, 'terminated');
}
query($watcher, 'ROLLBACK');
{
	# the same by the protocol's function call, which is no statement at all
	my $function = $node->safe_psql('postgres', q{SELECT 'connkit_set_secret(text,text,name,text[])'::regprocedure::oid});
	my $call = pack('Nnn', $function, 0, 4) . join('', map { defined $_ ? pack('N', length $_) . $_ : pack('N', 0xffffffff) }
			'fast', canary('function call'), undef, undef) . pack('n', 0);

	$client->print(message('F', $call));
	$client->flush;
	unlike(answer($client), qr/^E/m, 'function call');
	$call = pack('Nnn', $function, 0, 4) . join('', map { defined $_ ? pack('N', length $_) . $_ : pack('N', 0xffffffff) }
			'no name', canary('function call, fails'), undef, undef) . pack('n', 0);
	$client->print(message('F', $call));
	$client->flush;
	like(answer($client), qr/invalid name/, 'function call that fails');
}

#
# Other roads in
#
my $folder = $node->basedir . '/files';
mkdir $folder;
append_to_file("$folder/secret", canary('loaded from a file') . "\n");
append_to_file("$folder/late", canary('read from a file at each use') . "\n");
append_to_file("$folder/command", canary('printed by a command') . "\n");
go("SELECT connkit_load_secret('loaded', 'file', '$folder/secret')");
go("SELECT connkit_load_secret('loaded', 'environment', 'CANARY')");
go("SELECT connkit_load_secret('loaded', 'command', 'cat $folder/command')");
go("SELECT connkit_load_secret('loaded', 'command', 'cat $folder/command; exit 1')", qr/no secret/);
go("SELECT connkit_link_secret('linked', 'file', '$folder/late')");
{
	my $program = $node->basedir . '/seal';
	my $key = $node->safe_psql('postgres', q{SELECT connkit_public_key('sealed')});

	append_to_file("$program.c", q{
		#include <sodium.h>
		#include <stdio.h>
		#include <string.h>
		int main(int argc, char **argv)
		{
			unsigned char key[32], box[1024];
			char text[2048];
			size_t n, size = strlen(argv[2]);
			if (sodium_init() < 0 || sodium_base642bin(key, 32, argv[1], strlen(argv[1]), "", &n, NULL, 1) || n != 32)
				return 1;
			crypto_box_seal(box, (unsigned char *) argv[2], size, key);
			puts(sodium_bin2base64(text, sizeof(text), box, size + crypto_box_SEALBYTES, 1));
			return 0;
		}});
	system_or_bail('cc', '-o', $program, "$program.c", '-lsodium');
	chomp(my $sealed = (run_command([ $program, $key, canary('sealed') ]))[0]);
	go("SELECT connkit_set_sealed_secret('sealed', '$sealed')");
	go("SELECT connkit_set_sealed_secret('other', '$sealed')", qr/does not open/);
	go("SELECT connkit_set_sealed_secret('sealed', '" . substr($sealed, 0, 40) . "')", qr/does not open/);
}

#
# Passwords in user mappings, as PostgreSQL takes them: they stand in the catalog, and so in dumps, and nowhere else.
#
my $port = $node->port;
my $native = "$mark{Map}n100e";
go("CREATE SERVER native FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '127.0.0.1', port '$port', dbname 'postgres')");
go("CREATE USER MAPPING FOR stranger SERVER native OPTIONS (user 'reader', password '$native')");
go("CREATE USER  /* of */ MAPPING FOR reader SERVER native OPTIONS (user 'reader', password '$native')");
go("ALTER USER MAPPING FOR stranger SERVER native OPTIONS (SET password '$native')");
go("ALTER USER\nMAPPING FOR stranger SERVER native OPTIONS (ADD password '" . canary('mapping, twice the option') . "')", qr/more than once/);
go("CREATE USER MAPPING FOR org SERVER native OPTIONS (user 'x', pasword '" . canary('mapping, misspelt') . "')", qr/pasword/);
go("CREATE USER MAPPING FOR org SERVER native OPTIONS (user 'x', password_secret 'a', password '" . canary('mapping, both') . "')", qr/password/);
go("CREATE USER MAPPING FOR org SERVER nowhere OPTIONS (password '" . canary('mapping, no server') . "')", qr/does not exist/);
go("CREATE USER MAPPING FOR org SERVER native OPTIONS (password '" . canary('mapping, syntax error') . "'", qr/syntax error/);
go("DO \$\$ BEGIN CREATE USER MAPPING FOR org SERVER native OPTIONS (password '" . canary('mapping in DO, no user') . "'); END \$\$", qr/"user" is required/);

#
# Use
#
my $none = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', Proto => 'tcp');	# speaks nothing
my $echo = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', Proto => 'tcp');
my $double = fork;

# a double of a PostgreSQL that tells the password to everybody
if ($double == 0)
{
	my $long = 0;

	while (my $peer = $echo->accept)
	{
		my ($head, $body) = ('', '');

		while ($peer->read($head, 4) == 4)
		{
			$peer->read($body, unpack('N', $head) - 4);
			last unless unpack('N', $body) == 80877103;
			$peer->syswrite('N');
		}
		$peer->syswrite('R' . pack('NN', 8, 3));
		$peer->read($head, 5) == 5 or next;
		$peer->read($body, unpack('xN', $head) - 4);
		$body =~ s/\0//;
		$body = 'x' x 1000 . " $body" if $long++ % 2;	# longer than what is kept of it
		$peer->syswrite(message('E', "SFATAL\0VFATAL\0C28P01\0Mwrong password \"$body\" for you\0D$body in detail\0H$body as hint\0\0"));
		$peer->close;
	}
	require POSIX;
	POSIX::_exit(0);
}
END { kill 'KILL', $double if $double; }

query($client, "GRANT CREATE ON SCHEMA public TO org; CREATE SCHEMA here AUTHORIZATION stranger; SET ROLE org");
bind_query($client, "SELECT connkit_set_secret('right', \$1)", $right);
bind_query($client, "SELECT connkit_set_secret('wrong', \$1)", canary('wrong password'));
my %sources = (
	good => [ $port, "password_secret 'right'" ],
	wrong => [ $port, "password_secret 'wrong'" ],
	echo => [ $echo->sockport, "password_secret 'wrong'" ],
	silent => [ $none->sockport, "password_secret 'wrong'" ],
	closed => [ 1, "password_secret 'wrong'" ],
	tls => [ $port, "password_secret 'wrong'", "sslmode 'require'" ],
	bound => [ $port, "password_secret 'bound'" ],
);
for my $name (sort keys %sources)
{
	my ($at, $mapping, $more) = @{ $sources{$name} };

	query($client, "CREATE SERVER $name FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '127.0.0.1', port '$at',
		dbname 'postgres', connect_timeout '1'" . ($more ? ", $more" : '') . ')');
	query($client, "CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS (user 'reader', $mapping)");
	query($client, "CREATE FOREIGN TABLE ${name}_far (i int, t text) SERVER $name OPTIONS (schema_name 'public', table_name 'far')");
	query($client, "GRANT USAGE ON FOREIGN SERVER $name TO stranger; GRANT SELECT ON ${name}_far TO stranger");
}
query($client, "SELECT connkit_set_secret('bound', 'not told', hosts => '{db.example.com}')");
query($client, 'RESET ROLE; ALTER SERVER silent OPTIONS (SET connect_timeout \'1\')');

# by one who may use the sources and nothing more; all that he is told is searched
my $user = connection($node, 'stranger');
my %outcome;
$told = '';
for my $name (sort keys %sources)
{
	for my $sql ("SELECT * FROM ${name}_far WHERE t <> 'x'", "EXPLAIN (ANALYZE, VERBOSE, COSTS) SELECT count(*) FROM ${name}_far",
		"SELECT * FROM connkit_test('$name')", "SELECT * FROM connkit_discover('$name')",
		"DROP FOREIGN TABLE IF EXISTS here.far; IMPORT FOREIGN SCHEMA public LIMIT TO (far) FROM SERVER $name INTO here")
	{
		my $errors = query($user, $sql);

		$outcome{$name} //= $errors;
		watch() if $sql =~ /ANALYZE/;
	}
}
SKIP:
{
	my $mysql = $ENV{CK_MYSQL_PORT};

	query($client, "SET ROLE org");
	query($client, "CREATE SERVER shop FOREIGN DATA WRAPPER connkit_mysql OPTIONS (host '127.0.0.1', port '" .
		($mysql || $none->sockport) . "', connect_timeout '1')");
	query($client, "CREATE USER MAPPING FOR PUBLIC SERVER shop OPTIONS (user 'ck_reader', password_secret 'wrong')");
	query($client, "GRANT USAGE ON FOREIGN SERVER shop TO stranger; RESET ROLE");
	query($user, "SELECT * FROM connkit_test('shop')");
	query($user, "SELECT * FROM connkit_discover('shop')");
	$outcome{shop} = $told =~ /source "shop"[^\n]*/ ? $& : '';
	skip 'no MySQL server, only a port that says nothing', 1 unless $mysql;
	like($outcome{shop}, qr/Access denied/, 'MySQL refuses the wrong password');
}
is($outcome{good}, '', 'the right password serves');
like($outcome{wrong}, qr/password authentication failed/, 'the wrong one does not');
like($outcome{echo}, qr/wrong password "\*\*\*"|x \*\*\*/, 'what a source says of a password is stars');
unlike($told, qr/x Hid/, 'also where its words are cut off');
like($told, qr/x \*\*\*/, 'in the middle of it');
like($outcome{tls}, qr/SSL/, 'no TLS, no password');
like($outcome{closed}, qr/refused/, 'nobody there');
like($outcome{silent}, qr/connect_timeout|no answer|in time/, 'nobody answers');
like($outcome{bound}, qr/may not be sent/, 'a host that the secret is not for');
{
	# cancelled while it connects
	query($client, "ALTER SERVER silent OPTIONS (SET connect_timeout '30')");
	query($user, "SET statement_timeout = '300ms'");
	like(query($user, "SELECT * FROM silent_far"), qr/statement timeout/, 'cancelled');
	query($user, "SET statement_timeout = 0");
}
for my $sql ('SELECT * FROM connkit.secret_store', 'SELECT * FROM connkit.secret', 'SELECT * FROM connkit.audit_log',
	'SELECT * FROM pg_user_mappings', 'SELECT connkit_revert_secret(\'right\', \'org\')', 'SELECT * FROM connkit.source',
	'SELECT connkit_drop_secret(\'right\', \'org\')', 'SELECT umoptions FROM pg_user_mapping')
{
	query($user, $sql);
}
is(join("\n", found('Hid', \$told)), '', 'who uses the sources is told no canary');
$places++;

# settings that are not saved, and other forms of credentials
go("SELECT * FROM connkit_test('postgres', '{\"host\": \"127.0.0.1\", \"port\": $port, \"dbname\": \"postgres\"}', '{\"user\": \"reader\", \"password\": \"$right\"}')");
go("SELECT * FROM connkit_test('postgres', '{\"host\": \"127.0.0.1\", \"port\": $port}', \$1::jsonb)", undef, '{"user": "reader", "password": "' . canary('tested, bound') . '"}');
go("SELECT * FROM connkit_test('postgres', '{\"host\": \"127.0.0.1\"}', '{\"user\": \"reader\", \"password\": \"" . canary('tested, no JSON') . "')", qr/invalid input syntax/);
go("SELECT * FROM connkit_test('postgres', '{}', \$1::jsonb)", qr/invalid input syntax/, '{"password": "' . canary('tested, bound, no JSON'));
go("SELECT * FROM connkit_test('postgres', '{}', \$1)", qr/invalid input syntax/, '{"password": ' . canary('tested, bound as jsonb, no JSON'));
go("SELECT * FROM connkit_test('postgres', '{\"password\": \"" . canary('tested, at the wrong place') . "\"}', '{}')", undef);
SKIP:
{
	skip 'no connkit_create_source()', 6
	  unless $node->safe_psql('postgres', "SELECT count(*) FROM pg_proc WHERE proname = 'connkit_create_source'");
	my $options = qq({"host": "127.0.0.1", "port": "$port", "dbname": "postgres"});

	go("SELECT connkit_create_source('made', 'postgres', '$options', '{\"user\": \"reader\", \"password\": \"$right\"}')");
	go("SELECT connkit_create_source('made2', 'postgres', '$options', \$1::jsonb)", undef, '{"user": "reader", "password": "' . canary('created, bound') . '"}');
	go("SELECT connkit_create_source('made3', 'postgres', '$options', '{\"user\": \"reader\", \"password\": \"" . canary('created, no JSON') . "')", qr/invalid input syntax/);
	go("SELECT connkit_create_source('made4', 'postgres', '$options', '{\"user\": \"reader\", \"pasword\": \"" . canary('created, misspelt') . "\"}')", qr/pasword/);
	go("SELECT connkit_create_source('made5', 'postgres', '$options', '{\"user\": \"reader\", \"password\": \"" . canary('created and tested') . "\"}', test => true)", qr/failed its test/);
	go("SELECT connkit_alter_source('made', credentials => '{\"password\": \"" . canary('altered') . "\"}')");
}

#
# A function of the user's own: no one can tell his argument from any other text, so it is in the log.
#
go("CREATE FUNCTION wrap(v text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN connkit_set_secret(''wrapped'', v); END'");
go("SELECT wrap('$bait wrapped')");
like(text_of_files($logs), qr/statement: SELECT wrap\('$bait wrapped'\)/, 'not protected: the argument of a function that calls it');

go("CREATE SERVER misplaced FOREIGN DATA WRAPPER connkit_postgres OPTIONS (password '$bait misplaced')", qr/password/);
like(text_of_files($logs), qr/statement: CREATE SERVER misplaced[^\n]*$bait misplaced/, 'not protected: a password at the wrong object');

# but what is logged once it has called connkit's, and what others see, is hidden
query($client, "SET log_statement = none; SET log_min_messages = info; SET log_min_error_statement = error; SET debug_print_parse = off; SET debug_print_rewritten = off; SET debug_print_plan = off");
go("SELECT wrap('" . canary('wrapped, statement not logged') . "')");
go("SELECT wrap('" . canary('wrapped, fails') . "'), 1 / (random() * 0)::int", qr/division/);
go("SELECT wrap('" . canary('wrapped, too long') . "' || repeat('x', 70000))", qr/longer/);
query($client, 'RESET log_statement; RESET log_min_messages; RESET log_min_error_statement; RESET debug_print_parse; RESET debug_print_rewritten; RESET debug_print_plan');

#
# Without shared_preload_libraries, in a cluster of its own: the text of the first statement is in the log, and that is said.
#
{
	my $plain = PostgreSQL::Test::Cluster->new('plain');

	$plain->init;
	$plain->append_conf('postgresql.conf', "fsync = off\nlog_statement = all\n");
	$plain->start;
	$plain->safe_psql('postgres', 'SET client_min_messages = warning; CREATE EXTENSION connkit CASCADE');
	my ($status, $out, $err) = $plain->psql('postgres', "SELECT connkit_set_secret('a', '${bait}1')");
	like($err, qr/the server log has this statement/, 'not preloaded: the first statement is in the log, with a warning');
	($status, $out, $err) = $plain->psql('postgres', "LOAD 'connkit'; SELECT connkit_public_key('a')");
	$plain->psql('postgres', "LOAD 'connkit'", on_error_stop => 0);
	($status, $out, $err) = $plain->psql('postgres', "SELECT connkit_public_key('a');\nSELECT connkit_set_secret('a', '${bait}2')");
	is($err, '', 'none once it is loaded');
	my $log = slurp_file($plain->logfile);
	like($log, qr/${bait}1/, 'not preloaded: it is in the log');
	unlike($log, qr/${bait}2/, 'from then on it is not');
	$plain->stop;
}

#
# The search
#
sub rows
{
	my ($database) = @_;
	return $node->safe_psql($database, q{
		SELECT query_to_xml(format('SELECT * FROM %I.%I', schemaname, name), true, false, '')
		FROM (SELECT schemaname, tablename AS name FROM pg_tables UNION ALL SELECT schemaname, viewname FROM pg_views) AS r
		WHERE schemaname = 'connkit' OR name IN ('bait', 'pg_stat_statements', 'pg_stat_activity', 'pg_description',
			'pg_foreign_server', 'pg_seclabel', 'pg_file_settings', 'pg_prepared_statements', 'pg_cursors', 'pg_settings')});
}

watch();
clean('pg_stat_activity', $activity, 1);
clean('pg_stat_statements', $node->safe_psql('postgres', 'SELECT query FROM pg_stat_statements'), 1);
clean('tables and views', rows('postgres'), 1);
clean('COPY', $node->safe_psql('postgres', 'COPY connkit.secret_store TO STDOUT; COPY bait TO STDOUT'), 1);
clean('the audit log', $node->safe_psql('postgres', q{SELECT * FROM connkit.audit_log; SELECT plain FROM bait}), 1);
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM connkit.audit_log WHERE action IN ('set', 'use', 'create')}), '>', 40,
	'which has something to tell');
unlike($node->safe_psql('postgres', 'SELECT query FROM pg_stat_statements') . $activity .
	$node->safe_psql('postgres', 'SELECT * FROM connkit.audit_log'), qr/$mark{Map}/,
	'passwords of user mappings are in none of them');

my $out = $node->basedir . '/out';
mkdir $out;
my @to = ('-d', $node->connstr('postgres'));
$node->command_ok([ 'pg_dump', @to, '-f', "$out/plain.sql" ], 'dump');
$node->command_ok([ 'pg_dump', @to, '-Fc', '-f', "$out/custom" ], 'dump, custom');
$node->command_ok([ 'pg_restore', '-f', "$out/custom.sql", "$out/custom" ], 'and its text');
$node->command_ok([ 'pg_dumpall', @to, '-f', "$out/all.sql" ], 'dump of the cluster');
clean("pg_dump", slurp_file("$out/plain.sql"), 1);
clean("pg_dump, custom", slurp_file("$out/custom.sql"), 1);
clean("pg_dumpall", slurp_file("$out/all.sql"), 1);
like(slurp_file("$out/plain.sql"), qr/PGP|\\\\x[0-9a-f]{60}/, 'dumps have the ciphertext');
like(slurp_file("$out/plain.sql"), qr/$native/, 'not protected: passwords of user mappings are in dumps');

like(rows('postgres'), qr/audited|native/, 'what connkit keeps tells of the user mappings');
unlike(rows('postgres'), qr/$mark{Map}/, 'but no password');

# a process that is killed: the postmaster logs what it was at, and all start again
query($watcher, 'BEGIN; LOCK TABLE connkit.secret_store');
my $victim = connection($node);
query($victim, "SET application_name = 'victim'");
$victim->print(message('Q', "SELECT connkit_set_secret('w', '" . canary('killed') . "')\0"));
$victim->flush;
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'victim' AND wait_event_type = 'Lock'});
my $killed = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'});
kill 'KILL', $killed;
answer($victim);
# until the postmaster has seen it, sessions begin that it is to end
select undef, undef, undef, 0.01 while kill 0, $killed;
$node->poll_query_until('postgres', 'SELECT true');
like(text_of_files($logs), qr/Failed process was running: SELECT connkit_set_secret\.\.\. \(hidden/, 'a process that is killed');
close $_ foreach $client, $watcher, $user, $victim;
$node->safe_psql('postgres', 'SELECT pg_switch_wal(); CHECKPOINT');
clean('WAL', text_of_files($node->data_dir . '/pg_wal'), 1);
$node->command_ok([ 'pg_basebackup', '-D', "$out/base", '-X', 'stream', '-c', 'fast', '-h', $node->host, '-p', $port, '-U', 'postgres' ],
	'base backup');
clean('base backup', text_of_files("$out/base"), 1);
ok(!grep({ /connkit\.key/ } map { glob "$out/base/$_" } '*', '*/*'), 'which does not hold the key file');
$node->stop;
clean('data directory', text_of_files($node->data_dir), 1);

my $log = text_of_files($logs);
clean('server log', $log, 1);
is(join("\n", found('Map', \$log)), '', 'server log: no password of a user mapping');
like($log, qr/connkit_set_secret\.\.\. \(hidden by connkit\)/, 'which shows where it was cut');
cmp_ok($places, '>=', 12, 'places searched');
cmp_ok(scalar keys %planted, '>=', 60, 'canaries planted');

done_testing();
