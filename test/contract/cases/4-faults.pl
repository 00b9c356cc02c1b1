# 4-faults.pl: cancels, timeouts, and sources that are not there, die, stop, or say nonsense.

package Contract;

use strict;
use warnings;
use Contract;
use IO::Socket::INET;

# What the user sees when a connection breaks, or a source says nonsense.
my $lost = '08...';

for my $way ('a scan', 'a look-up', 'a scan within a transaction', 'a scan that has begun')
{
	my $table = $way =~ /begun/ ? 'trickle' : 'slow';

	add "cancel in a wait: $way", ["table.$table", 'cancel'], sub {
		my ($source) = @_;
		my $session = $source->session;
		my $other = $source->session;
		my $sql = $way =~ /look-up/ ? "SELECT * FROM remote.$table WHERE id = (SELECT 1)" :
			"SELECT count(v) FROM (SELECT v FROM remote.$table OFFSET 0) s";

		for (1 .. 2)
		{
			$source->usable($session);
			$session->ok('BEGIN; SELECT v FROM remote.numbers WHERE id = 1; SAVEPOINT s') if $way =~ /transaction/;
			$session->start($sql);
			$source->working($session);
			within(2, 'the cancel', sub {
				$other->ok("SELECT pg_cancel_backend($session->{backend})");
				$session->failed('57014', qr/user request/);
			});
			if ($way =~ /transaction/)
			{
				$session->ok('ROLLBACK TO s');
				$source->usable($session);
				$session->ok('COMMIT');
			}
			$source->usable($session);
			$source->idle;
		}
	};
}

add 'cancel in a wait leaves the connection', ['table.slow', 'table.whoami', 'cancel'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $id = $session->ok('SELECT id FROM remote.whoami');

	$session->ok("SET statement_timeout = '500ms'");
	$session->fails('SELECT count(v) FROM (SELECT v FROM remote.slow OFFSET 0) s', '57014');
	is($session->ok('SELECT id FROM remote.whoami'), $id, 'the same connection');
};

add 'statement_timeout in a wait', ['table.slow'], sub {
	my ($source) = @_;
	my $session = $source->session;

	for (1 .. 2)
	{
		$session->ok("SET statement_timeout = '500ms'");
		within(2, 'the timeout', sub {
			$session->fails('SELECT count(v) FROM (SELECT v FROM remote.slow OFFSET 0) s', '57014', qr/statement timeout/) });
		$session->ok('RESET statement_timeout');
		$source->usable($session);
	}
	$source->idle;
};

add 'query_timeout in a wait', ['table.slow', 'query_timeout'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema;

	$session->ok('BEGIN');
	$schema = $source->private($session, server => {query_timeout => 1}, tables => ['slow']);
	$session->ok('COMMIT');
	for (1 .. 2)
	{
		within(4, 'the timeout', sub {
			$session->fails("SELECT count(v) FROM (SELECT v FROM $schema.slow OFFSET 0) s", '57014', qr/query_timeout/) });
		$source->usable($session, $schema);
	}
	$source->idle;
};

add 'query_timeout of a table', ['table.slow', 'query_timeout'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok("BEGIN; ALTER FOREIGN TABLE remote.slow OPTIONS (ADD query_timeout '1')");
	within(4, 'the timeout', sub {
		$session->fails('SELECT count(v) FROM (SELECT v FROM remote.slow OFFSET 0) s', '57014', qr/query_timeout/) });
	$session->ok('ROLLBACK');
};

add 'a backend is terminated in a wait', ['table.slow'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $other = $source->session;

	$source->usable($session);
	$session->start('SELECT count(v) FROM (SELECT v FROM remote.slow OFFSET 0) s');
	$source->working($session);
	within(2, 'the end', sub {
		$other->ok("SELECT pg_terminate_backend($session->{backend}, 2000)");
		$session->failed('57P01|gone');
	});
	$source->idle;
};

add 'a client goes away in mid-scan', ['table.million', 'sessions'], sub {
	my ($source) = @_;

	{
		my $session = $source->session;

		$session->ok('BEGIN; DECLARE c CURSOR FOR SELECT * FROM remote.million; FETCH 10 FROM c');
		is($source->verb('sessions') > 0, 1, 'there is a connection');
	}
	eventually(5, 'no connection is left at the source', sub { $source->verb('sessions') == 0 });
};

add 'connections are few, and end with the session', ['table.whoami', 'sessions'], sub {
	my ($source) = @_;

	{
		my $session = $source->session;

		for (1 .. 20)
		{
			$session->ok("SELECT v FROM remote.numbers WHERE id = $_");
			$session->ok('SELECT count(*) FROM remote.numbers');
		}
		is($source->verb('sessions'), 1, 'one connection serves');
	}
	eventually(5, 'no connection is left at the source', sub { $source->verb('sessions') == 0 });
};

# The server's process is killed, where a scan stands in different ways.
for my $way ('in a wait', 'between two rows', 'in a transaction, between statements', 'while idle')
{
	add "the server is killed $way", ['kill', 'table.million', $way eq 'in a wait' ? 'table.trickle' : ()], sub {
		my ($source) = @_;
		my $session = $source->session;

		$source->usable($session);
		if ($way eq 'in a wait')
		{
			$session->start('SELECT count(v) FROM (SELECT v FROM remote.trickle OFFSET 0) s');
			$source->working($session);
			$source->verb('kill');
			within(5, 'the error', sub { $session->failed($lost, qr/"source"/) });
		}
		elsif ($way eq 'between two rows')
		{
			$session->ok('BEGIN; DECLARE c CURSOR FOR SELECT * FROM remote.million; FETCH 10 FROM c');
			$source->verb('kill');
			within(5, 'the error', sub { $session->fails('MOVE ALL IN c', $lost, qr/"source"/) });
			$session->ok('ROLLBACK');
		}
		elsif ($way eq 'while idle')
		{
			$source->verb('kill');
		}
		else
		{
			$session->ok('BEGIN; SAVEPOINT s');
			$source->usable($session);
			$source->verb('kill');
			within(5, 'the error', sub { $session->fails('SELECT * FROM remote.numbers', $lost, qr/"source"/) });
			$session->ok('ROLLBACK TO s');
			within(5, 'the error', sub { $session->fails('SELECT * FROM remote.numbers', $lost, qr/"source"/) });
			$session->ok('ROLLBACK');
		}
		within(5, 'the error', sub { $session->fails('SELECT * FROM remote.numbers', '08001') });
		$source->verb('restart');
		$source->usable($session);
	};
}

add 'the server stops to work: query_timeout', ['freeze'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = $source->private($session, server => {query_timeout => 1, connect_timeout => 2});

	$source->usable($session, $schema);
	$source->verb('freeze');
	my $passed = eval {
		within(6, 'the timeout', sub { $session->fails("SELECT * FROM $schema.numbers", '57014', qr/query_timeout/) });
		within(6, 'the timeout', sub {
			$source->session->fails("SELECT * FROM $schema.numbers", '57014|08...', qr/connect_timeout/) });
		my $begin = time;
		$session->ok('BEGIN') && $session->ok('ROLLBACK');
		1;
	};
	my $error = $@;
	$source->verb('thaw');
	die $error unless $passed;
	$source->usable($session, $schema);
};

add 'the server stops to work: cancel', ['freeze'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $other = $source->session;

	$source->usable($session);
	$source->verb('freeze');
	my $passed = eval {
		$session->start('SELECT count(*) FROM remote.million');
		Time::HiRes::sleep(0.3);
		within(6, 'the cancel', sub {
			$other->ok("SELECT pg_cancel_backend($session->{backend})");
			$session->failed('57014', qr/user request/);
		});
		1;
	};
	my $error = $@;
	$source->verb('thaw');
	die $error unless $passed;
	$source->usable($session);
};

# Ports: one that nobody listens on, and one that takes connections and never answers.
sub closed_port
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die $!;

	return $socket->sockport;
}

my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 50) or die $!;

# Settings that are wrong: what they need, options of server and user mapping, the SQLSTATE, the stage of
# connkit_test() that fails, and what the message names.
my %wrong = (
	'host' => [['network'], {host => 'no-such-host.invalid'}, {}, '08001', 'resolve', qr/no-such-host/],
	'port' => [['network'], sub { {port => closed_port()} }, {}, '08001', 'connect', qr/refused/],
	'silent port' => [['network'], {host => '127.0.0.1', port => $silent->sockport, connect_timeout => 1}, {},
		'08001|57014', 'connect|tls|authenticate', qr/connect_timeout/],
	'database' => [['database'], {dbname => 'no_such_database'}, {}, 'HV00Q', 'authenticate|connect', qr/no_such_database/],
	'user' => [['password'], {}, {user => 'no_such_user'}, '28000|28P01', 'authenticate', qr/no_such_user|password/],
	'password' => [['password'], {}, {password => 'wrong-secret'}, '28000|28P01', 'authenticate', qr/./],
	'certificate' => [['tls'], sub { {sslmode => 'verify-full', sslrootcert => $ENV{CK_OTHER_CA}} }, {}, '08001', 'tls',
		qr/certificate|TLS|SSL/],
	'name in the certificate' => [['tls'], sub { {host => '127.0.0.1', sslmode => 'verify-full',
		sslrootcert => $ENV{CK_CA}} }, {}, '08001', 'tls', qr/certificate|TLS|SSL|name/],
	'file' => [['file'], {path => '/nonexistent/file.db'}, {}, 'HV00Q', 'connect|options', qr/file|path/],
);

for my $what (sort keys %wrong)
{
	my ($needs, $server, $user, $states, $stage, $message) = @{$wrong{$what}};

	add "wrong $what", $needs, sub {
		my ($source) = @_;
		my $session = $source->session;
		my $changes = ref $server eq 'CODE' ? $server->() : $server;
		my $schema = $source->private($session, server => {connect_timeout => 5, %$changes}, user => $user);

		for (1 .. 2)
		{
			my $error = within(6, 'the error', sub { $session->fails("SELECT * FROM $schema.numbers", $states, $message) });
			like($error, qr/"$schema"/, 'the error names the source');
			die "the error tells a secret: $error" if $error =~ /wrong-secret/ || $ENV{CK_PASSWORD} && $error =~ $ENV{CK_PASSWORD};
		}
		my $rows = within(6, 'the test', sub { $session->ok("SELECT stage, outcome, detail FROM connkit_test('$schema')") });
		my ($failed) = $rows =~ /^(\w+)\|failed\|/m;
		like($failed, qr/^($stage)$/, "the stage that fails, of\n$rows");
		like($rows, $message, 'what connkit_test() tells');
		die "the test tells a secret: $rows" if $rows =~ /wrong-secret/;

		# what is put right serves the next statement
		my $options = $source->options;
		my $alter = sub {
			my ($object, $now, $then) = @_;
			my @set = map { !exists $now->{$_} ? "DROP $_" : exists $then->{$_} ? "SET $_ " . quote($now->{$_}) : () }
				keys %$then;

			$session->ok("$object OPTIONS (" . join(', ', @set) . ')') if @set;
		};
		$alter->("ALTER SERVER $schema", $options->{server}, $changes);
		$alter->("ALTER USER MAPPING FOR CURRENT_USER SERVER $schema", $options->{user}, $user);
		$source->usable($session, $schema);
		$rows = $session->ok("SELECT stage, outcome FROM connkit_test('$schema') WHERE outcome = 'failed'");
		is($rows, '', 'stages that fail when all is right');
	};
}

add 'connkit_test() can be cancelled', ['network'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $server = $source->server($session, server => {host => '127.0.0.1', port => $silent->sockport});

	$session->ok("SET statement_timeout = '300ms'");
	within(2, 'the cancel', sub { $session->fails("SELECT * FROM connkit_test('$server')", '57014', qr/statement timeout/) });
	within(2, 'the cancel', sub { $session->fails("IMPORT FOREIGN SCHEMA public FROM SERVER $server INTO local", '57014') });
	$session->ok('RESET statement_timeout');
	$source->usable($session);
};

add 'with TLS, verified', ['tls'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = $source->private($session, server => {sslmode => 'verify-full', sslrootcert => $ENV{CK_CA}});

	$source->usable($session, $schema);
	like($session->ok("SELECT detail FROM connkit_test('$schema') WHERE stage = 'tls' AND outcome = 'ok'"), qr/TLS/,
		'the stage tells of it');
};

# A proxy in front of the source.
sub through
{
	my ($source, $session, $fault, $server, %how) = @_;
	my $options = $source->options;
	my $proxy = Contract::Proxy->new('127.0.0.1', $options->{server}{port}, $fault, %how);
	my $schema = $source->private($session, server => {host => '127.0.0.1', port => $proxy->port, connect_timeout => 1,
		query_timeout => 2, %$server}, tables => ['million']);

	return ($proxy, $schema);
}

# The connection breaks while it is made: early, and later.
for my $fault (qw(stall close reset garbage))
{
	for my $after ($fault eq 'stall' ? (0, 60) : (0, 3, 60, 400))
	{
		add "while connecting, $fault after $after bytes", ['network'], sub {
			my ($source) = @_;
			my $session = $source->session;

			for my $mode ($source->lacks('tls') ? undef : ('disable', 'require'))
			{
				my ($proxy, $schema) = through($source, $session, $fault, {defined $mode ? (sslmode => $mode) : ()},
					after => $after);

				within(6, 'the error', sub {
					$session->fails("SELECT * FROM $schema.numbers", "$lost|57014|HV...|28...") });
				within(6, 'the test', sub { is($session->ok("SELECT count(*) FROM connkit_test('$schema')
					WHERE outcome = 'failed'"), 1, 'one stage fails') });
			}
			$source->usable($session);
		};
	}
}

# The connection breaks in the middle of a reply.
for my $fault (qw(stall close reset garbage))
{
	for my $mode ('disable', 'require')
	{
		add "in a reply, $fault, sslmode $mode", ['network', 'tls', 'table.million'], sub {
			my ($source) = @_;
			my $session = $source->session;
			my $states = $fault eq 'stall' ? '57014' : $fault eq 'garbage' ? "$lost|57014|HV...|22..." : $lost;
			my ($proxy, $schema) = through($source, $session, $fault, {sslmode => $mode}, after => 300000, armed => 0);

			$source->usable($session, $schema);
			$proxy->arm;
			my $error = within(6, 'the error', sub {
				$session->fails("SELECT count(v) FROM (SELECT v FROM $schema.million OFFSET 0) s", $states) });
			like($error, qr/"$schema"/, 'the error names the source') unless $fault eq 'garbage';
			undef $proxy;
			within(5, 'the error', sub { $session->fails("SELECT * FROM $schema.numbers", '08001') });
			$source->usable($session);
			$source->idle;
		};
	}
}

add 'in a reply, delays', ['network', 'table.million'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my ($proxy, $schema) = through($source, $session, 'delay', {query_timeout => 1, connect_timeout => 20});

	# longer than query_timeout as a whole, but never without a row for so long
	is($session->ok("SELECT count(*), sum(id) FROM (SELECT id, v FROM $schema.million LIMIT 20000) s"), '20000|200010000',
		'the rows');
	$source->usable($session, $schema);
};

for my $fault (qw(close reset stall))
{
	add "between transactions, $fault", ['network'], sub {
		my ($source) = @_;
		my $session = $source->session;
		my ($proxy, $schema) = through($source, $session, $fault, {}, armed => 0, after => $fault eq 'stall' ? 0 : -1e9);

		$source->usable($session, $schema);
		if ($fault eq 'stall')
		{
			# nothing tells of it before the timeout
			$proxy->arm;
			within(6, 'the timeout', sub { $session->fails("SELECT * FROM $schema.numbers", '57014|08...') });
			return;
		}
		# its next byte ends the connection; another proxy at the same port is not needed: the server goes by its own
		undef $proxy;
		within(5, 'the error', sub { $session->fails("SELECT * FROM $schema.numbers", '08001') });
		my $port = $source->options->{server}{port};
		$session->ok("ALTER SERVER $schema OPTIONS (SET port '$port')");
		$source->usable($session, $schema);
	};
}

add 'the source is lost between statements of a transaction', ['network', 'transactions'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my ($proxy, $schema) = through($source, $session, 'close', {}, armed => 0);

	$session->ok('BEGIN');
	$source->usable($session, $schema);
	$session->ok('SAVEPOINT s');
	$proxy->arm;
	$session->fails("SELECT * FROM $schema.numbers", $lost);
	$session->ok('ROLLBACK TO s');
	# a new connection would see another snapshot
	$session->fails("SELECT * FROM $schema.numbers", '08006', qr/within this transaction/);
	$session->ok('ROLLBACK');
	$source->usable($session);
};

1;
