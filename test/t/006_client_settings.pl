# What a server's settings forbid, a client does not get by the options that its session begins with, where connkit is loaded
# by its first use.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "connkit.allowed_hosts = '10.99.0.0/16'\nconnkit.max_sources_per_organization = 0\n");
$node->start;
$node->safe_psql(
	'postgres', q{
	SET client_min_messages = warning;
	CREATE EXTENSION connkit CASCADE;
	CREATE ROLE anna LOGIN;
	GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres TO anna;
});

# What the statement says in a new session that begins with the options.
sub say
{
	my ($role, $options, $sql) = @_;
	my ($out, $error);

	local $ENV{PGOPTIONS} = $options;
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$error, extra_params => [ '-U', $role ]);
	return "$out $error";
}

my $test = q{SELECT detail FROM connkit_test('postgres', '{"host": "127.0.0.1", "port": 1}', '{"user": "a", "password": "b"}')
	WHERE outcome = 'failed'};
my $make = 'CREATE SERVER one FOREIGN DATA WRAPPER connkit_postgres';
like(say('anna', '', $test), qr/not allowed/, 'a host that is not allowed');
like(say('anna', '', $make), qr/0 sources at most/, 'a quota');
for my $options ('-c connkit.allowed_hosts=*', '-cconnkit.allowed_hosts=*', '--connkit.allowed_hosts=*',
	'-c CONN\\kit.allowed_hosts=*')
{
	like(say('anna', $options, $test), qr/cannot use it/, "and $options");
}
like(say('anna', '-c connkit.max_sources_per_organization=9', $make), qr/cannot use it/, 'and the quota');
like(say('anna', '-c connkit.enable_lookup_join=off -c work_mem=1MB', 'SHOW connkit.enable_lookup_join;' . $test), qr/off\s.*not allowed/s,
	'what users may set, they do');
{
	local $ENV{PGAPPNAME} = 'connkit.sync';
	like(say('anna', '-c search_path=connkit.x,public', $test), qr/not allowed/, 'names that only look like it are no settings');
}
like(say('postgres', '-c connkit.allowed_hosts=*', $test . '; SHOW connkit.allowed_hosts'), qr/refused.*\*/s, 'superusers set all');
$node->stop;
done_testing();
