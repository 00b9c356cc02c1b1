# Statements' texts, which are looked through for secrets, may be of any shape: they cost no crash and little time.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'connkit'\n");
$node->start;

# In one call, so that the prepared statement's text is the one that executes it.
is($node->safe_psql('postgres', 'PREPARE p AS SELECT 7 \; EXECUTE p;'), '7', 'PREPARE and EXECUTE in one call');
is($node->safe_psql('postgres', "PREPARE p AS SELECT 'execute q';\nPREPARE q AS SELECT 'execute p';\nEXECUTE p;"),
	'execute q', 'texts that name each other');

# A call of many statements takes no longer than one of them for each.
my $count = 4000;
my $begin = time;
my $sql = join(' \; ', map { "SELECT $_ AS column_of_no_long_name_$_" } 1 .. $count);
is((split /\n/, $node->safe_psql('postgres', "$sql;"))[-1], $count, 'a call of many statements');
cmp_ok(time - $begin, '<', 10, 'it takes its time once');

$node->stop;
done_testing();
