# When a query needs a transaction at the source, and when it is one by itself.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "log_statement = all\nlog_line_prefix = '%a '\n");
$node->start;
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('postgres', qq{
	CREATE EXTENSION connkit CASCADE;
	CREATE TABLE public.number AS SELECT i FROM generate_series(1, 10) i;
	CREATE SERVER self FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '$host', port '$port', dbname 'postgres',
		use_remote_estimate 'false');
	CREATE USER MAPPING FOR PUBLIC SERVER self OPTIONS ("user" 'postgres', password 'any');
	CREATE FOREIGN TABLE far (i int) SERVER self OPTIONS (schema_name 'public', table_name 'number');
	CREATE FOREIGN TABLE asked (i int) SERVER self OPTIONS (query 'SELECT i FROM public.number');
	CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM far';
	CREATE FUNCTION one() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
	ANALYZE far;
	CREATE VIEW own AS SELECT i FROM far WHERE i > one();
});

# Whether connkit began a transaction while the statements ran.
sub begins
{
	my $before = -s $node->logfile;
	$node->safe_psql('postgres', shift);
	return slurp_file($node->logfile, $before) =~ /^connkit.*START TRANSACTION/m ? 1 : 0;
}

is(begins('SELECT * FROM far'), 0, 'a scan of all rows');
is(begins('SELECT i + 1 FROM far WHERE i = 5'), 0, 'a look-up');
is(begins('SELECT count(*) FROM (SELECT i FROM far ORDER BY random()) f WHERE i > 2'), 0, 'a scan below other nodes');
is(begins('SELECT * FROM far\; SELECT * FROM far;'), 1, 'several statements in one message');
is(begins('BEGIN; SELECT * FROM far; SELECT * FROM far; COMMIT'), 1, 'a transaction block');
is(begins('SELECT * FROM far a JOIN far b USING (i)'), 0, 'a join that the source does');
is(begins('SELECT * FROM far UNION ALL SELECT * FROM far'), 1, 'two scans');
is(begins('SELECT (SELECT count(*) FROM far WHERE random() > 2), i FROM far'), 1, 'a sub-query');
is(begins('SELECT reads()'), 1, 'a query of a function');
is(begins('SELECT i FROM far WHERE i > one()'), 1, 'a function that somebody made');
is(begins('SELECT * FROM own'), 1, 'the same in a view');
is(begins('SELECT * FROM asked'), 1, 'the text of a query');
is(begins("SET default_transaction_isolation = 'repeatable read';\nSELECT * FROM far"), 1, 'repeatable read');
is($node->safe_psql('postgres', 'SELECT sum(i) FROM far; SELECT sum(i) FROM far'), "55\n55", 'rows are right');
done_testing();
