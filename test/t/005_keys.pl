# Master keys: made once, refused where others could read them, told by commands, rotated through crashes, wanted by id
# where they are missing, and good for copies of the cluster.
#
# Not tested: a key file of another user (the tests run as one user), the 30 seconds that a command may take.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $begin = time;

# A cluster with connkit, and a source of each database that is the cluster itself, entered by a password.
sub cluster
{
	my ($name, %more) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--wal-segsize=1', '--encoding=UTF8', '--locale=C' ], allows_streaming => 1);
	$node->append_conf('postgresql.conf', "fsync = off\nlisten_addresses = '127.0.0.1'\nmax_connections = 30\n" .
		"log_statement = none\nrestart_after_crash = on\nautovacuum = off\nmin_wal_size = 8MB\n" . ($more{conf} // ''));
	unlink $node->data_dir . '/pg_hba.conf';
	append_to_file($node->data_dir . '/pg_hba.conf',
		"local all all trust\nlocal replication all trust\nhost all reader 127.0.0.1/32 scram-sha-256\n");
	return $node;
}

# Runs it and returns what went wrong, in one line.
sub fault
{
	my ($node, $sql, $database) = @_;
	my ($status, $out, $err) = $node->psql($database // 'postgres', "SET client_min_messages = error; $sql");

	return $err =~ s/\n/ /gr;
}

# Several statements at once, each by a psql of its own; returns what they said.
sub at_once
{
	my ($node, @statements) = @_;
	my (@runs, @outs);

	for my $statement (@statements)
	{
		my ($database, $sql) = @$statement;
		my $out = '';

		push @outs, \$out;
		push @runs, IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($database), '-c', $sql ],
			'>', \$out, '2>', \$out);
	}
	$_->finish foreach @runs;
	return map { $$_ } @outs;
}

# Number of versions that open. All are stored anew, under the current key.
sub opens
{
	my ($node, $database) = @_;
	return $node->safe_psql($database // 'postgres', q{SELECT connkit_reassign_secrets('postgres', 'postgres')});
}

sub key_id
{
	my ($node, $name) = @_;
	return $node->safe_psql('postgres', "SELECT key_id FROM connkit.secret WHERE owner = 'postgres' AND name = '$name'");
}

sub write_file
{
	my ($path, $mode, $text) = @_;

	unlink $path;
	append_to_file($path, $text);
	chmod $mode, $path;
	return;
}

my $main = cluster('main');
my $file = $main->data_dir . '.connkit.key';
my $folder = $main->basedir;
$main->start;
$main->safe_psql('postgres', q{
	SET client_min_messages = warning;
	CREATE EXTENSION connkit CASCADE;
	CREATE ROLE reader LOGIN PASSWORD 'the password';
	CREATE TABLE far AS SELECT 7 AS i;
	GRANT SELECT ON far TO reader});

#
# The file is made once
#
ok(!-e $file, 'no key before one is needed');
{
	my ($rounds, $wrong) = (10, 0);

	for (1 .. $rounds)
	{
		unlink $file;
		my %keys = map { $_ => 1 } at_once($main, map { [ 'postgres', q{SELECT connkit_public_key('a')} ] } 1 .. 4);
		my $lines = () = slurp_file($file) =~ /^[0-9a-f]{64}$/mg;

		$wrong++ unless keys %keys == 1 && $lines == 1 && (keys %keys)[0] =~ m{^[\w+/]{43}=\n$};
	}
	is($wrong, 0, "four at once make one key, in $rounds rounds");
	is((stat $file)[2] & 07777, 0600, 'nobody else may read it');
	is(join(' ', glob "$file.*"), '', 'nothing else is left');
}

#
# Files that are refused
#
my $hex = slurp_file($file) =~ s/^#.*\n//mgr;
my $other = "$folder/other.key";
$main->safe_psql('postgres', "LOAD 'connkit'; ALTER SYSTEM SET connkit.master_key_file = '$other'");
$main->reload;
for my $case (
	[ 'group may read it', sub { write_file($other, 0640, $hex) }, qr/may be read by others/ ],
	[ 'others may read it', sub { write_file($other, 0604, $hex) }, qr/may be read by others/ ],
	[ 'others may write it', sub { write_file($other, 0602, $hex) }, qr/may be read by others/ ],
	[ 'nobody may read it', sub { write_file($other, 0000, $hex) }, qr/could not open the master key file: Permission denied/ ],
	[ 'empty', sub { write_file($other, 0600, '') }, qr/holds no master key/ ],
	[ 'comments only', sub { write_file($other, 0600, "# none\n\n") }, qr/holds no master key/ ],
	[ 'short', sub { write_file($other, 0600, substr($hex, 0, 62) . "\n") }, qr/line 1 is no master key/ ],
	[ 'long', sub { write_file($other, 0600, "ab$hex") }, qr/line 1 is no master key/ ],
	[ 'garbage behind a good one', sub { write_file($other, 0600, $hex . "xyz\n") }, qr/line 2 is no master key/ ],
	[ 'zeroes', sub { write_file($other, 0600, '0' x 64) }, qr/line 1 is no master key/ ],
	[ 'bytes', sub { write_file($other, 0600, join('', map { chr } 0 .. 255)) }, qr/no master key/ ],
	[ 'too large', sub { write_file($other, 0600, $hex x 300) }, qr/too large/ ],
	[ 'too many', sub { write_file($other, 0600, $hex x 65) }, qr/line 65 is no master key/ ],
	[ 'a folder', sub { unlink $other; mkdir $other }, qr/no regular file/ ],
	[ 'a pipe', sub { rmdir $other; system_or_bail('mkfifo', '-m', '600', $other) }, qr/no regular file/ ],
	[ 'a link to a public file', sub { unlink $other; symlink('/etc/passwd', $other) }, qr/may be read by others/ ],
	[ 'in no folder', sub { unlink $other; $main->safe_psql('postgres',
		"LOAD 'connkit'; ALTER SYSTEM SET connkit.master_key_file = '$folder/none/key'"); $main->reload; }, qr/could not write the master key file: No such file/ ])
{
	my ($name, $make, $expected) = @$case;

	$make->();
	like(fault($main, q{SET statement_timeout = '20s'; SELECT connkit_set_secret('a', 'b')}), $expected, "file: $name");
}
is($main->safe_psql('postgres', 'SELECT count(*) FROM connkit.secret_store'), '0', 'nothing was stored');
$main->safe_psql('postgres', 'CREATE ROLE plain');
unlike(fault($main, q{SET ROLE plain; SELECT connkit_set_secret('a', 'b')}), qr/\Q$folder\E/, 'only superusers are told the path');

#
# Commands
#
my $runs = "$folder/runs";
sub command
{
	my ($text) = @_;

	unlink $runs;
	write_file("$folder/command", 0700, "#!/bin/sh\necho run >> $runs\n$text\n");
	return;
}
sub runs { return -e $runs ? scalar(split /\n/, slurp_file($runs)) : 0; }

chomp(my $line = $hex);
my $base64 = `printf %s $line | xxd -r -p | base64 -w 0` || '';
command("echo $line");
$main->safe_psql('postgres', "LOAD 'connkit'; ALTER SYSTEM SET connkit.master_key_command = '$folder/command'");
$main->reload;
is($main->safe_psql('postgres', q{SELECT connkit_set_secret('a', 'b'), connkit_set_secret('b', 'b'), connkit_set_secret('c', 'c')}),
	'1|1|1', 'a command prints hex');
cmp_ok(runs(), '<=', 2, 'it runs no more than it must');
my $id = key_id($main, 'a');
like($id, qr/^[0-9a-f]{16}$/, 'its key has an id');
SKIP:
{
	skip 'no xxd', 1 unless $base64;
	command("echo $base64");
	is(opens($main), '3', 'or base64');
}
command("echo '# the keys'\necho\necho '  $line'\nprintf '" . 'ab' x 32 . "'\necho to standard error >&2");
is(opens($main), '3', 'with comments and blanks, and another key');
is(key_id($main, 'a'), $id, 'the first is the current one');
for my $case (
	[ 'that fails', "echo $line; exit 3", qr/gave no key: it failed/ ],
	[ 'that is killed', 'kill -9 $$', qr/gave no key: it failed/ ],
	[ 'that prints nothing', 'true', qr/holds no master key/ ],
	[ 'that prints to standard error', "echo $line >&2", qr/holds no master key/ ],
	[ 'that prints without end', 'yes', qr/printed too much/ ],
	[ 'that prints another key', "printf '" . 'ab' x 32 . "'", qr/master key $id is wanted and not on hand/ ],
	[ 'that is slow', 'sleep 4321 & sleep 4321', qr/canceling statement due to statement timeout/ ],
	[ 'that closes its output', 'exec >&-; sleep 4321', qr/canceling statement due to statement timeout/ ])
{
	my ($name, $text, $expected) = @$case;

	command($text);
	like(fault($main, q{SET statement_timeout = '700ms'; SELECT connkit_reassign_secrets('postgres', 'postgres')}), $expected,
		"a command $name");
}
sleep 0.2;
unlike(`cat /proc/[0-9]*/cmdline 2>/dev/null`, qr/sleep\0004321/, 'nothing of it goes on');
ok(slurp_file($main->logfile) =~ s/^$line\n//mgr !~ /$line/, 'no key is in the log, but what a command writes to its error output');

# with shared_preload_libraries it runs once
command("echo $line");
$main->append_conf('postgresql.conf', "shared_preload_libraries = 'connkit'");
$main->restart;
$main->safe_psql('postgres', "SELECT connkit_set_secret('a', 'b'), connkit_public_key('a')") for 1 .. 3;
is(opens($main), '6', 'preloaded');
is(runs(), 1, 'it runs once, when the server starts');

# its rotation: the new key first
like(fault($main, 'SELECT connkit_rotate_master_key()'), qr/prints no new key/, 'a rotation needs a new key');
my $fresh = join('', map { sprintf '%02x', rand 256 } 1 .. 32);
command("echo $fresh\necho $line");
is($main->safe_psql('postgres', 'SELECT connkit_rotate_master_key()'), '6', 'with a new key all are stored anew');
isnt(key_id($main, 'a'), $id, 'under it');
command("echo $fresh");
is(opens($main), '6', 'the old one is not needed');
like(fault($main, "SELECT connkit_forget_master_key('$id')"), qr/keys come from/, 'nor forgotten here');
$main->safe_psql('postgres', q{
	SELECT connkit_drop_secret(name) FROM connkit.secret;
	ALTER SYSTEM RESET connkit.master_key_command});
$main->safe_psql('postgres', "LOAD 'connkit'; ALTER SYSTEM RESET connkit.master_key_file");
$main->restart;

#
# Rows that were changed
#
$main->safe_psql('postgres', q{
	SELECT connkit_set_secret('right', 'the password');
	SELECT connkit_set_secret('wrong', 'another');
	SELECT connkit_set_secret('right2', 'the password');
	SELECT connkit_set_secret('right2', 'the password')});
my $port = $main->port;
$main->safe_psql('postgres', qq{
	CREATE SERVER self FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '127.0.0.1', port '$port', dbname 'postgres');
	CREATE USER MAPPING FOR PUBLIC SERVER self OPTIONS (user 'reader', password_secret 'right');
	CREATE FOREIGN TABLE near (i int) SERVER self OPTIONS (schema_name 'public', table_name 'far')});
is($main->safe_psql('postgres', 'SELECT i FROM near'), '7', 'a secret opens the source');
for my $case (
	[ 'of another name', q{UPDATE connkit.secret_store AS s SET message = o.message FROM connkit.secret_store AS o
		WHERE o.name = 'wrong' AND s.name = 'right'} ],
	[ 'of another owner', q{UPDATE connkit.secret_store SET owner = 'plain' WHERE name = 'right';
		ALTER USER MAPPING FOR PUBLIC SERVER self OPTIONS (SET password_secret 'plain/right')},
		qr/does not open with its key|names no secret/ ],
	[ 'of another version', q{UPDATE connkit.secret_store AS s SET message = o.message FROM connkit.secret_store AS o
		WHERE o.name = 'right2' AND o.version = 1 AND s.name = 'right2' AND s.version = 2;
		ALTER USER MAPPING FOR PUBLIC SERVER self OPTIONS (SET password_secret 'right2')} ],
	[ 'with a later number', q{UPDATE connkit.secret_store SET version = 9 WHERE name = 'right'} ],
	[ 'with a byte changed at its end', q{UPDATE connkit.secret_store SET message = set_byte(message, length(message) - 1,
		get_byte(message, length(message) - 1) # 1) WHERE name = 'right'} ],
	[ 'with a byte changed in the middle', q{UPDATE connkit.secret_store SET message = set_byte(message, 30,
		get_byte(message, 30) # 128) WHERE name = 'right'} ],
	[ 'cut off', q{UPDATE connkit.secret_store SET message = substr(message, 1, 20) WHERE name = 'right'} ],
	[ 'empty', q{UPDATE connkit.secret_store SET message = '' WHERE name = 'right'} ],
	[ 'of no key', q{UPDATE connkit.secret_store SET key_id = '0123456789abcdef' WHERE name = 'right'},
		qr/master key 0123456789abcdef is wanted/ ])
{
	my ($name, $sql, $expected) = @$case;

	like(fault($main, "BEGIN; SET LOCAL client_min_messages = error; $sql; SELECT * FROM near"), $expected //
		qr/secret "right2?" of "postgres" does not open with its key/, "a row $name does not open");
}
is($main->safe_psql('postgres', 'SELECT i FROM near'), '7', 'as it was, it does');

#
# Rotation
#
my $before = key_id($main, 'right');
is($main->safe_psql('postgres', 'SELECT connkit_rotate_master_key()'), '4', 'rotation');
my $after = key_id($main, 'right');
isnt($after, $before, 'with a new key');
is((stat $file)[2] & 07777, 0600, 'in a file that nobody else may read');
like(slurp_file($file), qr/# $after\n[0-9a-f]{64}\n# $before\n[0-9a-f]{64}\n/, 'above the old one');
like(fault($main, "SELECT connkit_forget_master_key('$after')"), qr/secrets are stored under/, 'the key in use is not forgotten');
$main->safe_psql('postgres', 'BEGIN; SELECT connkit_rotate_master_key(); ROLLBACK');
is(key_id($main, 'right'), $after, 'a rotation that is rolled back changes no secret');
is($main->safe_psql('postgres', 'SELECT i FROM near'), '7', 'which opens');
$main->safe_psql('postgres', q{SELECT connkit_set_secret('later', 'x')});
isnt(key_id($main, 'later'), $after, 'but its key is there, and new secrets take it');
is(opens($main), '5', 'all open');
like(fault($main, q{SELECT connkit_forget_master_key('} . key_id($main, 'later') . q{')}), qr/stored under/, 'not forgotten either');
like(fault($main, q{SELECT connkit_forget_master_key('feedfeedfeedfeed', true)}), qr/there is no master key/, 'nor one that is not there');
$main->safe_psql('postgres', 'CREATE DATABASE another');
like(fault($main, "SELECT connkit_forget_master_key('$before')"), qr/other databases of the cluster may need/, 'an old one is not without a word');
is(fault($main, "SELECT connkit_forget_master_key('$before', true)"), '', 'with it, it is');
$main->safe_psql('postgres', 'DROP DATABASE another');
unlike(slurp_file($file), qr/$before/, 'and gone from the file');

# a session that read the keys before
is($main->safe_psql('postgres', "SELECT i FROM near;
	\\! psql -XAtq -d '" . $main->connstr('postgres') . "' -c 'SELECT connkit_rotate_master_key()'
	ALTER SERVER self OPTIONS (ADD application_name 'again');
	SELECT i FROM near;
	SELECT connkit_set_secret('later', 'y')"), "7\n5\n7\n2", 'a session with older keys reads and sets');
is(opens($main), '6', 'all open');

# at once: rotations in two databases, sets and uses
$main->safe_psql('postgres', 'CREATE DATABASE two');
$main->safe_psql('two', q{SET client_min_messages = warning; CREATE EXTENSION connkit CASCADE;
	SELECT connkit_set_secret('n' || i, 'x') FROM generate_series(1, 50) AS i});
$main->safe_psql('postgres', q{SELECT connkit_set_secret('n' || i, 'x') FROM generate_series(1, 50) AS i});
{
	my @all;

	for my $round (1 .. 5)
	{
		push @all, at_once($main, [ 'postgres', 'SELECT connkit_rotate_master_key()' ], [ 'two', 'SELECT connkit_rotate_master_key()' ],
			[ 'postgres', "SELECT connkit_set_secret('n$round', i::text) FROM generate_series(1, 20) AS i" ],
			[ 'two', "SELECT connkit_set_secret('m' || i, 'x') FROM generate_series(1, 20) AS i" ],
			[ 'postgres', 'SELECT i FROM near' ]);
	}
	is(join('', grep { /ERROR/ } @all), '', 'rotations in two databases, sets and uses at once');
	my $count = $main->safe_psql('postgres', 'SELECT count(*) FROM connkit.secret_store');
	is(opens($main), $count, "all $count open");
	my $in_two = $main->safe_psql('two', 'SELECT count(*) FROM connkit.secret_store');
	is(opens($main, 'two'), $in_two, "and $in_two in the other database");
	is(() = slurp_file($file) =~ /^[0-9a-f]{64}$/mg, 13, 'no key was lost') or diag(slurp_file($file) =~ s/^[0-9a-f]{64}$/-/mgr);
}

#
# Crashes in the middle
#
$main->safe_psql('postgres', q{SELECT connkit_set_secret('c' || i, repeat('x', 1000)) FROM generate_series(1, 300) AS i});
{
	my $count = $main->safe_psql('postgres', 'SELECT count(*) FROM connkit.secret_store');
	my $start = time;
	my ($lost, $began, $finished) = (0, 0, 0);

	$main->safe_psql('postgres', 'SELECT connkit_rotate_master_key()');
	my $length = time - $start;
	for my $round (1 .. 60)
	{
		my $keys = () = slurp_file($file) =~ /^[0-9a-f]{64}$/mg;
		my $current = key_id($main, 'right');
		my $out = '';
		my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $main->connstr('postgres'), '-c',
			'SELECT pg_backend_pid()', '-c', 'SELECT connkit_rotate_master_key()' ], '>', \$out, '2>', \my $err);

		$run->pump_nb until $out =~ /\n/;
		sleep rand $length * 1.1;
		if ($round % 3 == 0)
		{
			$main->stop('immediate');
			$run->finish;
			$main->start;
		}
		else
		{
			my ($backend) = $out =~ /(\d+)/;
			kill 'KILL', $backend;
			$run->finish;
			# until the postmaster has seen it, sessions begin that it is to end
			sleep 0.001 while kill 0, $backend;
			sleep 0.02 while system('pg_isready', '-q', '-d', $main->connstr('postgres'));
		}
		my $opened = opens($main);
		$lost++ unless $opened == $count;
		$began++ if $keys < (() = slurp_file($file) =~ /^[0-9a-f]{64}$/mg);
		$finished++ if key_id($main, 'right') ne $current && $out =~ /\n\d+\n/;
		# keys that rotations left behind are forgotten by the ids in the file, as soon as the other database needs none
		if ($round % 30 == 0)
		{
			opens($main, 'two');
			my ($first, @old) = slurp_file($file) =~ /^# ([0-9a-f]{16})$/mg;
			$main->safe_psql('postgres', join('', map { "SELECT connkit_forget_master_key('$_', true);" } @old));
		}
	}
	is($lost, 0, "60 crashes: all $count secrets open after each");
	cmp_ok($began, '>', 10, "$began of them after the new key was there");
	cmp_ok(60 - $finished, '>', 10, 60 - $finished . ' of them before the end');
	cmp_ok(scalar(my @left = glob "$file.*"), '<=', 1, 'no more than one half-written file is left');
	$main->safe_psql('postgres', 'SELECT connkit_rotate_master_key()');
	is(join(' ', glob "$file.*"), '', 'until the next rotation');
	is($main->safe_psql('postgres', 'SELECT i FROM near'), '7', 'the source is entered as before');
}

#
# Copies of the cluster: base backup as a standby, dump and restore
#
$main->safe_psql('postgres', q{SELECT connkit_set_secret('right', 'the password', owner => 'plain'),
	connkit_grant_secret('right', 'reader', owner => 'plain')});
my $wanted = key_id($main, 'right');
$main->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($main, 'base', has_streaming => 1);
$standby->start;
like(fault($standby, 'SELECT * FROM near'), qr/master key $wanted is wanted and not on hand/, 'a standby without the key names it');
system_or_bail('cp', '-p', $file, $standby->data_dir . '.connkit.key');
is($standby->safe_psql('postgres', 'SELECT i FROM near'), '7', 'with it, it reads');
$standby->stop;

my $copy = cluster('copy');
$copy->start;
my $dump = "$folder/dump.sql";
$main->command_ok([ 'pg_dumpall', '-d', $main->connstr('postgres'), '-f', $dump ], 'dump');
unlike(slurp_file($dump), qr/the password/, 'without the value');
$copy->command_ok([ 'psql', '-Xq', '-d', $copy->connstr('postgres'), '-f', $dump ], 'restore');
like(fault($copy, 'SELECT * FROM near'), qr/master key $wanted is wanted and not on hand.*is not there.*set the secrets anew/,
	'without the key: an error that names it');
like(fault($copy, q{SELECT connkit_set_secret('new', 'x')}), qr/master key $wanted is wanted/, 'and no other key is made in its place');
like(fault($copy, q{SELECT connkit_rotate_master_key()}), qr/master key $wanted is wanted/, 'nor by rotation');
ok(!-e $copy->data_dir . '.connkit.key', 'there is no file');
write_file($copy->data_dir . '.connkit.key', 0600, substr($fresh, 0, 62) . "\n");
like(fault($copy, 'SELECT * FROM near'), qr/line 1 is no master key.*reading master key $wanted/, 'with one that is cut off, too');
write_file($copy->data_dir . '.connkit.key', 0600, "$fresh\n");
like(fault($copy, 'SELECT * FROM near'), qr/master key $wanted is wanted and not on hand.*has other keys/, 'with a wrong one, too');
is(fault($copy, q{SELECT connkit_set_secret('right', 'the password')}), '', 'set anew under that one');
is($copy->safe_psql('postgres', 'SELECT i FROM near'), '7', 'it works');
$copy->safe_psql('postgres', "SELECT connkit_drop_secret('right', force => true)");
$copy->stop;

my $second = cluster('second');
$second->start;
$second->command_ok([ 'psql', '-Xq', '-d', $second->connstr('postgres'), '-f', $dump ], 'restore once more');
system_or_bail('cp', '-p', $file, $second->data_dir . '.connkit.key');
is($second->safe_psql('postgres', 'SELECT i FROM near'), '7', 'with the key, restored secrets work');
is(opens($second), $main->safe_psql('postgres', q{SELECT count(*) FROM connkit.secret_store WHERE owner = 'postgres'}),
	'all of them');

# roles there are told by name, until a rotation ties secrets and grants to them
my $tied = q{SELECT (SELECT count(*) FROM connkit.secret_store WHERE owner_mark LIKE c || ':%'),
	(SELECT count(*) FROM connkit.secret_grant WHERE grantee_mark LIKE c || ':%') FROM (SELECT system_identifier::text FROM
	pg_control_system()) AS s(c)};
$second->safe_psql('postgres', 'SELECT connkit_rotate_master_key()');
is($second->safe_psql('postgres', $tied), $second->safe_psql('postgres', 'SELECT count(*) FROM connkit.secret_store') . '|1',
	'a rotation ties secrets and grants to the roles of the new cluster');
$second->safe_psql('postgres', q{DROP ROLE plain; CREATE ROLE plain;
	ALTER USER MAPPING FOR PUBLIC SERVER self OPTIONS (SET password_secret 'plain/right')});
like(fault($second, 'SELECT * FROM near'), qr/names no secret/, 'a role made anew is not the one that they are tied to');

note(sprintf '%.0f seconds', time - $begin);
done_testing();
