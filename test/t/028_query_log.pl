# Requests that took long: in the ring of a server that has the module preloaded, in the log of one that has not.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'connkit'\nlog_statement = none\n");
$node->start;
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('postgres', qq{
	CREATE EXTENSION connkit CASCADE;
	CREATE TABLE public.number AS SELECT i FROM generate_series(1, 1000) i;
	CREATE ROLE keeper;
	CREATE ROLE reader;
	CREATE ROLE stranger;
	CREATE SERVER self FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '$host', port '$port', dbname 'postgres',
		use_remote_estimate 'false');
	CREATE USER MAPPING FOR PUBLIC SERVER self OPTIONS ("user" 'postgres', password 'any', password_required 'false');
	CREATE FOREIGN TABLE far (i int) SERVER self OPTIONS (schema_name 'public', table_name 'number');
	CREATE FOREIGN TABLE slow (i int) SERVER self OPTIONS (query 'SELECT (pg_sleep(1)::text || ''x'')::int AS i');
	GRANT SELECT ON far, slow TO PUBLIC;
	ALTER SERVER self OWNER TO keeper;
	GRANT USAGE ON FOREIGN SERVER self TO reader, postgres;
});
my $all = 'SET connkit.log_remote_min_duration = 0;';

# What the log has, as a role sees it.
sub logged
{
	my ($columns, $role) = @_;
	return $node->safe_psql('postgres', 'SET ROLE ' . ($role // 'postgres') . ";
		SELECT $columns FROM connkit.remote_query_log ORDER BY started DESC LIMIT 1");
}

$node->safe_psql('postgres', 'SELECT count(*) FROM far');
is(logged('count(*) OVER ()'), '', 'nothing is logged without being asked for');
$node->safe_psql('postgres', "$all BEGIN READ ONLY; SELECT i FROM far WHERE i < length(now()::text); ROLLBACK");
like(logged('request'), qr/^SELECT "i"::integer FROM "public"."number" WHERE .*\$1/, 'a request, with placeholders for values');
is(logged(q{source || ' ' || role || ' ' || (milliseconds > 0) || ' ' || (rows > 20) || ' ' || (bytes = 4 * rows) || ' ' || (sqlstate IS NULL)}),
	'self postgres true true true true', 'and its figures, of a transaction that was read-only and rolled back');
$node->psql('postgres', "$all SELECT * FROM slow");
is(logged(q{(milliseconds > 900) || ' ' || left(sqlstate, 2)}), 'true 22', 'one that failed, with the time that the source took');
$node->safe_psql('postgres', 'SET connkit.log_remote_min_duration = 5000; SELECT count(*) FROM far');
is(logged('left(sqlstate, 2)'), '22', 'short ones are left out');
$node->safe_psql('postgres', "$all SELECT i FROM far LIMIT 7");
is(logged('rows'), 7, 'one that is not read to its end');
$node->safe_psql('postgres', "ALTER SERVER self OPTIONS (ADD max_rows '10')");
$node->psql('postgres', "$all SELECT i FROM far");
is(logged(q{rows || ' ' || sqlstate}), '11 54000', 'one that ends at a limit');
$node->safe_psql('postgres', 'ALTER SERVER self OPTIONS (DROP max_rows)');

$node->psql('postgres', "$all SELECT connkit_execute('self', 'ALTER ROLE reader PASSWORD ''geheim''')");
is(logged('request'), "ALTER ROLE reader PASSWORD '***'", 'a statement of a user, without its literals');

# Who sees what
$node->safe_psql('postgres', "$all SET ROLE reader; SELECT count(*) FROM far");
is(logged('role', 'reader'), 'reader', 'one sees what one has asked');
is(logged('role', 'stranger'), '', 'and nothing of others');
is(logged('count(*) OVER () > 4', 'keeper'), 't', 'the owner of the source sees all of it');
my ($status, $out, $err) = $node->psql('postgres', "SET ROLE reader; $all");
like($err, qr/permission denied to set parameter/, 'users do not set what is logged');
($status, $out, $err) = $node->psql('postgres', "SET ROLE stranger; SELECT count(*) FROM connkit.logged_requests()");
is($out, 0, 'the function shows no more than the view');

# It is bounded, and its sample is one
$node->safe_psql('postgres', "$all DO \$\$BEGIN FOR n IN 1 .. 700 LOOP PERFORM count(*) FROM far WHERE i = n; END LOOP; END\$\$");
is($node->safe_psql('postgres', 'SELECT count(*) FROM connkit.remote_query_log'), 512, 'the ring has its size');
$node->safe_psql('postgres', "$all SET connkit.log_remote_sample_rate = 0; SELECT count(*) FROM far WHERE i = 12321");
unlike(logged('request'), qr/12321/, 'a sample of none');
$node->safe_psql('postgres', "$all SET connkit.log_remote_sample_rate = 0.2;
	DO \$\$BEGIN FOR n IN 1 .. 400 LOOP PERFORM 1 FROM far WHERE i > n AND i <> 3; END LOOP; END\$\$");
my $part = $node->safe_psql('postgres', q{SELECT count(*) FROM connkit.remote_query_log WHERE request LIKE '%<>%'});
cmp_ok($part, '>', 40, 'a sample of some');
cmp_ok($part, '<', 140, 'and not more');

# Without the module preloaded
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
my $before = -s $node->logfile;
$node->safe_psql('postgres', "LOAD 'connkit'; $all SELECT count(*) FROM far");
like(slurp_file($node->logfile, $before), qr/LOG:  connkit: source "self" was waited for [\d.]+ ms, \d+ rows, \d+ bytes: SELECT /,
	'it is a line of the server log');
($status, $out, $err) = $node->psql('postgres', 'SELECT * FROM connkit.remote_query_log');
like($err, qr/shared_preload_libraries/, 'and the view says why it shows nothing');

done_testing();
