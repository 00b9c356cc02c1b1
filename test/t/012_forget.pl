# A master key is not forgotten by a transaction that may yet go back to it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', "CREATE EXTENSION connkit CASCADE; SELECT connkit_set_secret('s', 'x')");
my $key = $node->safe_psql('postgres', 'SELECT key_id FROM connkit.secret');

my ($status, $out, $error) = $node->psql('postgres',
	"BEGIN; SELECT connkit_rotate_master_key(); SELECT connkit_forget_master_key('$key'); ROLLBACK");
like($error, qr/has changed something/, 'not in the transaction of a rotation');
($status, $out, $error) = $node->psql('postgres',
	"SELECT connkit_forget_master_key('$key') FROM (SELECT connkit_rotate_master_key() OFFSET 0) AS r(n) WHERE n > 0");
like($error, qr/has changed something/, 'nor in its statement');
is($node->safe_psql('postgres', 'SELECT connkit_rotate_master_key()'), '1', 'every secret opens');
is($node->safe_psql('postgres', "SELECT connkit_forget_master_key('$key')"), '', 'afterwards it is forgotten');
is($node->safe_psql('postgres', 'SELECT connkit_rotate_master_key()'), '1', 'every secret opens still');

$node->stop;
done_testing();
