# A secret that is revoked or dropped serves no connection that was made with it, in this backend or another.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "listen_addresses = 'localhost'\n");
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', "local all all trust\nhost all all localhost scram-sha-256\n");
$node->start;
my $port = $node->port;
$node->safe_psql(
	'postgres', qq{
	SET client_min_messages = warning;
	CREATE EXTENSION connkit CASCADE;
	CREATE ROLE acme;
	CREATE ROLE mallory LOGIN;
	CREATE ROLE reader LOGIN PASSWORD 'canary';
	CREATE SCHEMA mallory AUTHORIZATION mallory;
	GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres TO acme;
	SET ROLE acme;
	CREATE SERVER lent FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host 'localhost', port '$port', dbname 'postgres');
	GRANT USAGE ON FOREIGN SERVER lent TO mallory;
	SELECT connkit_grant_source('lent', 'query', 'mallory');
	SELECT connkit_set_secret('one', 'canary'), connkit_grant_secret('one', 'mallory', 'lent');
	SET ROLE mallory;
	CREATE USER MAPPING FOR mallory SERVER lent OPTIONS (user 'reader', password_secret 'acme/one');
	CREATE FOREIGN TABLE mallory.t (v integer) SERVER lent OPTIONS (query 'SELECT 1 AS v');
});

my ($in, $out) = ('', '');
my $run = IPC::Run::start([ 'psql', '-XqAt', '-v', 'VERBOSITY=terse', '-d', $node->connstr('postgres') . ' user=mallory' ],
	'<', \$in, '&>', \$out, IPC::Run::timeout(60));

sub ask
{
	$out = '';
	$in .= "SELECT v FROM mallory.t;\n\\echo done\n";
	$run->pump until $out =~ /^done\n/m;
	return $out;
}

like(ask(), qr/^1$/m, 'a session is connected');
$node->safe_psql('postgres', q{SET ROLE acme; SELECT connkit_revoke_secret('one', 'mallory', 'lent')});
like(ask(), qr/names no secret/, 'not after the grant is revoked');
$node->safe_psql('postgres', q{SET ROLE acme; SELECT connkit_grant_secret('one', 'mallory', 'lent')});
like(ask(), qr/^1$/m, 'again with another');
$node->safe_psql('postgres', q{SET ROLE acme; SELECT connkit_drop_secret('one', force => true)});
like(ask(), qr/names no secret/, 'and not after the secret is dropped');
$in .= "\\q\n";
$run->finish;
$node->stop;
done_testing();
