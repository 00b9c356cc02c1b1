# A secret that somebody sets himself, under the name of one that was made for a source and dropped, is his.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION connkit CASCADE;
	SELECT connkit_create_source('b', 'postgres', '{"host": "127.0.0.1"}', '{"user": "u", "password": "p"}');
	SELECT connkit_drop_secret('b.password', force => true);
	SELECT connkit_set_secret('b.password', 'mine');
	SELECT connkit_drop_source('b', force => true);
});
is($node->safe_psql('postgres', 'SELECT name FROM connkit.secret'), 'b.password', 'it outlives the source');

$node->stop;
done_testing();
