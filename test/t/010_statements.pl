# Beside pg_stat_statements, which reads the words of a statement once more: what merely looks guarded works, and no
# secret is in it when it has forgotten the statement meanwhile.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'connkit, pg_stat_statements'\npg_stat_statements.track = all\n");
$node->start;
is($node->psql('postgres', 'CREATE EXTENSION connkit CASCADE; CREATE EXTENSION pg_stat_statements'), 0,
	'the extension is created beside it');

for my $sql (
	'PREPARE p AS SELECT /* user mapping */ 1',
	'PREPARE p AS SELECT 1 AS "connkit_test", 2 AS b',
	"PREPARE p AS SELECT 1 AS \"it's a user mapping\", 2 AS b",
	"PREPARE p AS SELECT 1 -- the user mapping\n, 2",
	"PREPARE p AS SELECT 1, 'connkit_test', 2",
	"PREPARE p AS SELECT 'user mapping',1,2,3,4,5,6,7,8,9,10,11,12,13",
	"PREPARE p AS SELECT E'user mapping',-1,-2,-3,-4,U&'5',6,7",
	'PREPARE p AS SELECT 1/1,2,3,4,5,6,7,8,9,10,11,12,13/*user mapping*/',
	"PREPARE p AS SELECT '' AS \"\xc3\xa9\", 1,2,3,4,5,6,7,8,9 -- user mapping",
	"PREPARE p AS SELECT 1,'user mapping',2,3 \\; SELECT 4,5,6,7,8,9,10,11,12,13,14",
	'EXPLAIN SELECT 1 AS "user mapping", 2 AS b',
	'CREATE VIEW v AS SELECT 3 AS "connkit_test x", 4 AS b',
	"CREATE VIEW w AS SELECT 'user mapping' AS a, 2 AS b WHERE 1 IN (3, 4, 5, 6, 7)",
	'CREATE TABLE t AS SELECT 1 AS a /* no "user mapping" */, 2 AS b')
{
	my ($status, $out, $error) = $node->psql('postgres', $sql);
	is("$status $error", '0 ', $sql);
}

# What is cut early is guarded all the same.
$node->append_conf('postgresql.conf', "log_statement = 'all'\n");
$node->reload;
$node->psql('postgres', q{PREPARE p AS SELECT * FROM "connkit_test"($1); EXECUTE p('canary')});
unlike(slurp_file($node->logfile), qr/EXECUTE p.*canary/, 'EXECUTE of a statement that was cut at a quoted name');

# Who has forgotten a query while it ran takes its text once more.
$node->safe_psql('postgres', "SELECT pg_stat_statements_reset(), connkit_set_secret('a', 'canary1')");
$node->safe_psql('postgres', "DO \$\$ BEGIN PERFORM pg_stat_statements_reset(), connkit_set_secret('a', 'canary2'); END \$\$");
my $texts = $node->safe_psql('postgres', 'SELECT query FROM pg_stat_statements');
like($texts, qr/connkit_set_secret.*hidden by connkit/, 'what was forgotten while it ran is there again');
unlike($texts, qr/canary/, 'without its secrets');

$node->stop;
done_testing();
