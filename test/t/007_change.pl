# A source that changes while it is connected to, and backends that end, with connkit loaded in the postmaster.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'connkit'\nclient_min_messages = warning\nlog_min_messages = debug1\n");
$node->start;
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('postgres', qq{
	CREATE DATABASE other;
	CREATE EXTENSION connkit CASCADE;
	CREATE SERVER self FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '$host', port '$port', dbname 'postgres');
	SELECT connkit_set_secret('password', 'any');
	CREATE USER MAPPING FOR PUBLIC SERVER self OPTIONS ("user" 'postgres', password_secret 'password');
	CREATE FOREIGN TABLE place (name text) SERVER self OPTIONS (query 'SELECT current_database()::text AS name');
});

# The lock holds the session while it reads the secret, between reading the server's options and connecting.
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE connkit.secret_store');
my $reader = $node->background_psql('postgres');
$reader->query_until(qr/sent/, "\\echo sent\nSELECT name FROM place;\n");
$node->poll_query_until('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'relation'}, '1');
$holder->query_safe(q{ALTER SERVER self OPTIONS (SET dbname 'other')});
$holder->query_safe('COMMIT');
$holder->quit;
is(($reader->query('SELECT name FROM place') =~ /(\w+)\s*$/)[0], 'other', 'the next transaction goes where the source is now');
$reader->quit;

# A backend that is ended while a command runs
my $pid_file = $node->basedir . '/command.pid';
my $caller = $node->background_psql('postgres', on_error_stop => 0);
$caller->query_until(qr/sent/, "\\echo sent\nSELECT connkit_load_secret('c', 'command', 'echo \$\$ > $pid_file; sleep 60; echo x');\n");
for (my $i = 0; $i < 100 && !-s $pid_file; $i++) { usleep(100_000); }
my $pid = 0 + slurp_file($pid_file);
is(kill(0, $pid), 1, 'a command runs');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()});
for (my $i = 0; $i < 50 && kill(0, $pid); $i++) { usleep(100_000); }
is(kill(0, $pid), 0, 'it ends with the backend');

# The backend has ended: so has its connection, as the protocol has it.
$node->safe_psql('postgres', 'SELECT name FROM place');
$node->stop;
unlike(slurp_file($node->logfile), qr/unexpected EOF on client connection/, 'connections are closed when the backend ends');
done_testing();
