# An Append over several sources: all work at once, and a wait for them can be cancelled and has a deadline.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('postgres', qq{
	CREATE EXTENSION connkit CASCADE;
	CREATE TABLE public.part AS SELECT i FROM generate_series(1, 1000) i;
	CREATE TABLE public.busy (name text);
	-- ends once so many of its kind run
	CREATE FUNCTION public.meet(n int, all_rows int) RETURNS SETOF int LANGUAGE plpgsql AS '
	BEGIN
		WHILE (SELECT count(*) FROM pg_stat_activity WHERE query LIKE ''%meeting%''
			AND application_name = ''connkit'') < n
		LOOP
			PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
		END LOOP;
		RETURN QUERY SELECT generate_series(1, all_rows);
	END';
	CREATE VIEW public.meeting AS SELECT i FROM public.meet(3, 100) i;
	CREATE VIEW public.meeting_too AS SELECT i FROM public.meet(5, 100) i;
	CREATE VIEW public.sleeper AS SELECT 1 AS i FROM pg_sleep(100);
	CREATE TABLE whole (i int, p int) PARTITION BY LIST (p);
	CREATE TABLE same (i int, p int) PARTITION BY LIST (p);
	CREATE TABLE slow (i int, p int) PARTITION BY LIST (p);
});
foreach my $n (1 .. 3)
{
	$node->safe_psql('postgres', qq{
		CREATE SERVER s$n FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host '$host', port '$port', dbname 'postgres',
			use_remote_estimate 'false');
		CREATE USER MAPPING FOR PUBLIC SERVER s$n OPTIONS ("user" 'postgres', password 'any');
		CREATE FOREIGN TABLE whole_$n PARTITION OF whole FOR VALUES IN ($n)
			SERVER s$n OPTIONS (query 'SELECT i, $n AS p FROM public.meeting');
		CREATE FOREIGN TABLE slow_$n PARTITION OF slow FOR VALUES IN ($n)
			SERVER s$n OPTIONS (query_timeout '2', query 'SELECT i, $n AS p FROM public.sleeper');
	});
}
# six of one source: more than it has connections for in one transaction
$node->safe_psql('postgres', qq{CREATE FOREIGN TABLE same_$_ PARTITION OF same FOR VALUES IN ($_)
	SERVER s1 OPTIONS (query 'SELECT i, $_ AS p FROM public.part')}) foreach 1 .. 6;

like($node->safe_psql('postgres', 'EXPLAIN SELECT * FROM whole'), qr/Async Foreign Scan on whole_3/, 'scans are asynchronous');
is($node->safe_psql('postgres', "SET statement_timeout = '20s'; SELECT count(*), sum(i), count(DISTINCT p) FROM (SELECT * FROM whole OFFSET 0) AS w"),
	'300|15150|3', 'three sources work at once');
is($node->safe_psql('postgres', "SET statement_timeout = '20s'; SELECT count(*), sum(i), count(DISTINCT p) FROM (SELECT * FROM same OFFSET 0) AS s"),
	'6000|3003000|6', 'more scans than connections take turns');
is($node->safe_psql('postgres', "SET statement_timeout = '20s'; SELECT count(*), count(DISTINCT p) FROM same a JOIN same b USING (i, p)"),
	'6000|6', 'also in two Appends');
is($node->safe_psql('postgres', "SELECT count(*) FROM (SELECT * FROM same LIMIT 10) s"), 10, 'and where few of the rows are wanted');
is($node->safe_psql('postgres', q{SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
	SET enable_memoize = off; SET connkit.enable_lookup_join = off;
	SELECT count(*) FROM (VALUES (1), (2), (3)) v (p) LEFT JOIN same ON same.i + random() * 0 < v.p + 1}), 36, 'they begin anew');
is($node->safe_psql('postgres', q{ALTER SERVER s1 OPTIONS (ADD async_capable 'false'); SELECT count(*) FROM same}), 6000,
	'one by one where that is wanted');
$node->safe_psql('postgres', q{ALTER SERVER s1 OPTIONS (DROP async_capable)});

my ($code, $out, $err) = $node->psql('postgres', 'SELECT * FROM slow');
like($err, qr/no answer within query_timeout/, 'the wait ends at query_timeout');
$node->safe_psql('postgres', "ALTER FOREIGN TABLE slow_$_ OPTIONS (SET query_timeout '0')") foreach 1 .. 3;
($code, $out, $err) = $node->psql('postgres', "SET statement_timeout = '1s'; SELECT * FROM slow");
like($err, qr/canceling statement due to statement timeout/, 'and at a cancel');
is($node->safe_psql('postgres', "BEGIN; SAVEPOINT a; SET LOCAL statement_timeout = '1s';
	DO \$\$ BEGIN PERFORM * FROM slow; EXCEPTION WHEN query_canceled THEN END \$\$; ROLLBACK TO a; SELECT count(*) FROM same; COMMIT"),
	6000, 'the connections serve on');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND state = 'active'
	AND application_name = 'connkit'}), 'nothing goes on at the sources');
$node->stop;
done_testing();
