# 2-scans.pl: scans in the ways that the executor starts and repeats them.

package Contract;

use strict;
use warnings;
use Contract;

add 'no column at all is asked for', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	is($session->ok('SELECT count(*) FROM remote.numbers'), '1000', 'count(*)');
	is($session->ok('SELECT count(*) FROM (SELECT 1 FROM remote.numbers OFFSET 0) s'), '1000', 'constants');
	is($session->ok('SELECT EXISTS (SELECT FROM remote.numbers)'), 't', 'EXISTS');
};

add 'a table without rows', ['table.no_rows'], sub {
	my ($source) = @_;
	my $session = $source->session;

	is($session->ok('SELECT count(*), max(id) FROM remote.no_rows'), '0|', 'aggregates');
	is($session->ok('SELECT * FROM remote.no_rows'), '', 'rows');
	is($session->ok('SELECT * FROM remote.no_rows WHERE id = (SELECT 1)'), '', 'by an argument');
	is($session->ok('SELECT n.id FROM remote.numbers n LEFT JOIN remote.no_rows e USING (id) WHERE n.id < 3 AND e.id IS NULL
		ORDER BY 1'), "1\n2", 'outer join');
};

add 'no row is found', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	is($session->ok('SELECT * FROM remote.numbers WHERE id = -1'), '', 'a constant');
	is($session->ok('SELECT * FROM remote.numbers WHERE id = (SELECT -1)'), '', 'an argument');
	is($session->ok('SELECT * FROM remote.numbers WHERE id = (SELECT NULL::integer)'), '', 'NULL as an argument');
	is($session->ok('SELECT * FROM remote.numbers LIMIT 0'), '', 'LIMIT 0');
	$source->usable($session);
};

add 'whole rows, columns in any order and more than once', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	is($session->ok('SELECT n FROM remote.numbers n WHERE id = 7'), '(7,' . ($source->row(7) =~ s/(.* .*)/"$1"/r) . ')', 'whole row');
	is($session->ok('SELECT v, id, v FROM remote.numbers WHERE id = 7'), join('|', $source->row(7), 7, $source->row(7)), 'order');
	is($session->ok("SELECT to_jsonb(n) FROM remote.numbers n WHERE id = 7"), '{"v": "' . $source->row(7) . '", "id": 7}', 'as JSON');
	is($session->ok('SELECT tableoid::regclass FROM remote.numbers WHERE id = 7'), 'remote.numbers', 'tableoid');
};

add 'a dropped and an added column of the foreign table', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN; CREATE SCHEMA columns');
	$source->table($session, 'source', 'columns.numbers', 'numbers', 'junk integer, id integer, v text');
	$session->ok('ALTER FOREIGN TABLE columns.numbers DROP COLUMN junk');
	is($session->ok('SELECT * FROM columns.numbers WHERE id = 7'), '7|' . $source->row(7), 'after DROP COLUMN');
	is($session->ok('SELECT (c).v FROM columns.numbers c WHERE id = 7'), $source->row(7), 'the whole row');
	unless ($source->lacks('column_name'))
	{
		$session->ok("ALTER FOREIGN TABLE columns.numbers ADD COLUMN again text OPTIONS (column_name 'v')");
		is($session->ok('SELECT * FROM columns.numbers WHERE id = 7'), join('|', 7, $source->row(7), $source->row(7)), 'after ADD COLUMN');
	}
	$session->ok('ROLLBACK');
};
push our @quirks, 'column_name';

add 'LIMIT, OFFSET and ORDER BY', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	is($session->ok('SELECT id FROM remote.numbers ORDER BY id DESC LIMIT 3'), "1000\n999\n998", 'LIMIT');
	is($session->ok('SELECT id FROM remote.numbers ORDER BY id LIMIT 2 OFFSET 998'), "999\n1000", 'OFFSET');
	is($session->ok('SELECT id FROM remote.numbers ORDER BY id OFFSET 999 LIMIT ALL'), '1000', 'LIMIT ALL');
	is($session->ok('SELECT id FROM remote.numbers ORDER BY id LIMIT NULL OFFSET 999'), '1000', 'LIMIT NULL');
	is($session->ok('SELECT count(*) FROM (SELECT 1 FROM remote.numbers LIMIT 5000) s'), '1000', 'more than there are');
	is($session->ok('SELECT count(*) FROM (SELECT 1 FROM remote.numbers LIMIT 9223372036854775807 OFFSET 1) s'), '999',
		'as many as there can be');
	$session->fails('SELECT id FROM remote.numbers LIMIT (SELECT -1)', '2201W');
	$source->usable($session);
};

add 'rescan of the inner side of a join', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off');
	is($session->ok('SELECT count(*), sum(n.id) FROM generate_series(1, 20) g JOIN remote.numbers n ON n.id % 20 = g - 1'),
		'1000|500500', 'the whole table again');
	is($session->ok('SELECT count(*), sum(n.id) FROM generate_series(1, 50) g JOIN remote.numbers n ON n.id = g * 10'),
		'50|12750', 'by a key');
	is($session->ok('SELECT count(*), sum((SELECT n.id FROM remote.numbers n WHERE n.id >= g ORDER BY n.id LIMIT 1))
		FROM generate_series(1, 50) g'), '50|1275', 'left early every time');
	is($session->ok("SELECT string_agg(coalesce(n.v, '-'), ',' ORDER BY g) FROM unnest(ARRAY[5, NULL, 2000, 6, 5]) g
		LEFT JOIN LATERAL (SELECT v FROM remote.numbers WHERE id = g) n ON true"), join(',', map({ $source->row($_) } 5, 5, 6), '-', '-'),
		'with NULL and values that are not there');
	is($session->ok('SELECT count(*) FROM generate_series(1, 3) g CROSS JOIN LATERAL
		(SELECT id + g FROM remote.numbers OFFSET 990) n'), '30', 'without an argument of its own');
	$source->usable($session);
};

add 'two scans of one table in one query', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $join = 'SELECT count(*), sum(a.id * b.id) FROM remote.numbers a JOIN remote.numbers b ON a.id = b.id + 1';

	for my $off ('hashjoin, mergejoin', 'hashjoin, nestloop', 'mergejoin, nestloop')
	{
		$session->ok("RESET ALL; " . join '; ', map { "SET enable_$_ = off" } split /, /, $off);
		is($session->ok($join), '999|333333000', "without $off");
	}
	$session->ok('RESET ALL');
	is($session->ok('SELECT count(*) FROM (SELECT id FROM remote.numbers UNION ALL SELECT id FROM remote.numbers) s'), '2000',
		'UNION ALL');
	is($session->ok('SELECT count(*) FROM (SELECT id FROM remote.numbers EXCEPT SELECT id + 1 FROM remote.numbers) s'), '1',
		'EXCEPT');
	$source->usable($session);
};

add 'many scans that are open at a time', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my @names = map { "c$_" } 1 .. 9;

	$session->ok('BEGIN');
	$session->ok("DECLARE $_ CURSOR FOR SELECT id FROM remote.numbers ORDER BY id") for @names;
	for my $row (1 .. 3)
	{
		is($session->ok("FETCH $_"), $row, "row $row of $_") for @names;
	}
	is($session->ok('SELECT v FROM remote.numbers WHERE id = 500'), $source->row(500), 'a look-up between them');
	is($session->ok("MOVE ALL IN $_; CLOSE $_"), '', "the rest of $_") for @names[0 .. 3];
	is($session->ok("FETCH $_"), 4, "row 4 of $_") for @names[4 .. 8];
	$session->ok('COMMIT');
	$source->usable($session);

	my $query = 'SELECT count(*) FROM remote.numbers n0' . join '', map { " JOIN remote.numbers n$_ USING (id)" } 1 .. 7;
	is($session->ok($query), '1000', 'eight tables in one query');
	$session->ok('SET enable_hashjoin = off');
	is($session->ok($query), '1000', 'eight tables in one query by other joins');
};

add 'seven executions of a prepared statement', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	for my $mode (qw(auto force_generic_plan force_custom_plan))
	{
		$session->ok("DEALLOCATE ALL; SET plan_cache_mode = $mode");
		$session->ok('PREPARE key(integer) AS SELECT v FROM remote.numbers WHERE id = $1');
		$session->ok('PREPARE range(integer, integer) AS SELECT count(*), min(id) FROM remote.numbers
			WHERE id BETWEEN $1 AND $2');
		$session->ok('PREPARE text(text) AS SELECT id FROM remote.numbers WHERE v = $1 ORDER BY id LIMIT 1');
		$session->ok('PREPARE page(bigint, bigint) AS SELECT id FROM remote.numbers ORDER BY id LIMIT $1 OFFSET $2');
		$session->ok('PREPARE list(integer[]) AS SELECT count(*) FROM remote.numbers WHERE id = ANY ($1)');
		for my $i (1 .. 7)
		{
			is($session->ok("EXECUTE key($i)"), $source->row($i), "$mode: key, execution $i");
			is($session->ok("EXECUTE range($i, @{[$i * 100]})"), ($i * 100 - $i + 1) . "|$i", "$mode: range $i");
			is($session->ok("EXECUTE text('@{[$source->row($i)]}')"), $i, "$mode: text $i");
			is($session->ok("EXECUTE page(1, $i)"), $i + 1, "$mode: page $i");
			is($session->ok("EXECUTE list(ARRAY[$i, 2000, NULL, 900])"), 2, "$mode: list $i");
		}
		is($session->ok('EXECUTE key(NULL)'), '', "$mode: NULL");
		is($session->ok('EXECUTE page(NULL, 999)'), '1000', "$mode: LIMIT NULL");
		$session->fails('EXECUTE page(-1, 0)', '2201W');
		is($session->ok('EXECUTE key(8)'), $source->row(8), "$mode: after an error");
	}
};

add 'seven executions within a function', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('CREATE OR REPLACE FUNCTION pg_temp.seven() RETURNS text LANGUAGE plpgsql AS $$
		DECLARE
			r record;
			found text := \'\';
		BEGIN
			FOR i IN 1..7 LOOP
				FOR r IN SELECT id FROM remote.numbers WHERE id > i * 100 ORDER BY id LOOP
					EXIT WHEN r.id > i * 100 + 1;
					found := found || r.id || \' \' || (SELECT v FROM remote.numbers WHERE id = r.id + i) || \',\';
				END LOOP;
			END LOOP;
			RETURN found;
		END $$');
	is($session->ok('SELECT pg_temp.seven()'), join('', map { ($_ * 100 + 1) . ' ' . $source->row($_ * 100 + 1 + $_) . ',' } 1 .. 7),
		'nested loops that are left early');
	$source->usable($session);
};

add 'two cursors in turn', ['table.million'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok("SET work_mem = '1MB'; BEGIN");
	$session->ok("DECLARE a CURSOR FOR SELECT id FROM remote.million; DECLARE b CURSOR FOR SELECT id, v FROM remote.million");
	my %seen = (a => 0, b => 0);
	for my $turn (1 .. 6)
	{
		for my $cursor (qw(a b))
		{
			for my $line (split /\n/, $session->ok("FETCH 1000 FROM $cursor"))
			{
				is($line =~ /^(\d+)/ && $1, ++$seen{$cursor}, "row of cursor $cursor");
			}
		}
	}
	is("$seen{a} $seen{b}", '6000 6000', 'rows');
	$session->ok('CLOSE a');
	is($session->ok('MOVE 1000 IN b') . $session->ok('FETCH b') =~ /^7001\|/, 1, 'the other one goes on');
	$session->ok('COMMIT');
	$source->usable($session);
};

add 'two sources in one query', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = $source->private($session);

	is($session->ok("SELECT count(*), sum(b.id) FROM remote.numbers a JOIN $schema.numbers b ON a.id = b.id + 500"),
		'500|125250', 'a join');
	$session->ok('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off');
	is($session->ok("SELECT count(b.v) FROM remote.numbers a JOIN $schema.numbers b USING (id) WHERE a.id <= 20"), '20',
		'look-ups in the one while the other is read');
	$session->ok("DROP SERVER $schema CASCADE");
};

add 'the table is a query', ['query'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = $source->options('numbers')->{table}{schema_name};
	my $table = defined $schema ? "$schema.numbers" : 'numbers';

	$session->ok("BEGIN; CREATE FOREIGN TABLE public.asked (n integer, v text) SERVER source
		OPTIONS (query 'SELECT id * 2 AS n, v FROM $table WHERE id > 900')");
	is($session->ok('SELECT count(*), min(n), max(n) FROM public.asked'), '100|1802|2000', 'all of it');
	is($session->ok('SELECT v FROM public.asked WHERE n = (SELECT 1900)'), $source->row(950), 'one row');
	is($session->ok('SELECT n FROM public.asked ORDER BY n DESC LIMIT 2'), "2000\n1998", 'LIMIT');
	$session->ok('ROLLBACK');
};

add 'statements with very many and very long values', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $list = join ',', 1 .. 40000;

	is($session->ok("SELECT count(*) FROM remote.numbers WHERE id IN ($list)"), '1000', '40000 constants');
	is($session->ok('SELECT count(*) FROM remote.numbers WHERE id = ANY (ARRAY(SELECT generate_series(501, 70500)))'), '500',
		'70000 elements of an argument');
	is($session->ok("SELECT count(*) FROM remote.numbers WHERE v = repeat('x', 1000000)"), '0', 'a megabyte, constant');
	my $result = $session->run("SELECT count(*) FROM remote.numbers WHERE v = (SELECT repeat('x', 40000000))");
	is($result->{out}, '0', '40 MB, an argument') unless $result->{state} =~ /^(54|53|HV|22|08)/;
	$source->usable($session);
};

add 'a domain is checked', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN; CREATE SCHEMA domains; CREATE DOMAIN domains.small AS integer NOT NULL CHECK (VALUE < 500)');
	$source->table($session, 'source', 'domains.numbers', 'numbers', 'id domains.small, v text');
	is($session->ok('SELECT count(id) FROM domains.numbers WHERE id < 500'), '499', 'values that fit')
		unless $source->lacks('sql');
	$session->ok('SAVEPOINT s');
	like($session->fails('SELECT sum(id) FROM (SELECT id FROM domains.numbers OFFSET 0) s', '23514'), qr/column "id"/, 'the error names the column');
	$session->ok('ROLLBACK TO s; ROLLBACK');
	$source->usable($session);
};

add 'a database in another encoding', ['table.changing'], sub {
	my ($source) = @_;
	my $admin = $source->session;
	my $name = "contract_$source->{name}_latin1";

	$admin->ok("DROP DATABASE IF EXISTS $name WITH (FORCE)");
	$admin->ok("CREATE DATABASE $name TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'");
	my $session = Contract::Session->new($name);
	$session->ok('SET client_min_messages = warning; CREATE EXTENSION connkit CASCADE; SET client_encoding = utf8');
	$session->ok($source->verb('wrapper')) unless $session->ok("SELECT count(*) FROM pg_foreign_data_wrapper
		WHERE fdwname = 'connkit_$source->{name}'");
	$source->server($session, name => 'latin1');
	$session->ok('CREATE SCHEMA remote');
	$source->table($session, 'latin1', "remote.$_", $_, 'id integer, v text') for qw(numbers changing);
	$source->sql("DELETE FROM changing; INSERT INTO changing VALUES (1, 'Grüße'), (2, '日本');");
	is($session->ok('SELECT v FROM remote.changing WHERE id = 1'), 'Grüße', 'text');
	is($session->ok("SELECT id FROM remote.changing WHERE v = 'Grüße' AND id = 1"), '1', 'a constant');
	is($session->ok("SELECT id FROM remote.changing WHERE v = (SELECT 'Grüße'::text) AND id = 1"), '1', 'an argument');
	like($session->fails('SELECT v FROM remote.changing WHERE id = 2', '22P05'), qr/column "v"/, 'a character that is not there');
	$source->usable($session);
	undef $session;
	$admin->ok("DROP DATABASE $name WITH (FORCE)");
};

add 'parallel queries', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $name = $session->ok("SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");

	$session->ok("SET $name = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
		SET min_parallel_table_scan_size = 0");
	$source->usable($session);
	is($session->ok('SELECT count(*) FROM remote.numbers n JOIN pg_class c ON c.oid::bigint = -n.id'), '0', 'a join');
	# a function that says of itself that it may run in a worker
	$session->ok('CREATE OR REPLACE FUNCTION public.look_up(integer) RETURNS text LANGUAGE sql PARALLEL SAFE
		AS $$ SELECT v FROM remote.numbers WHERE id = $1 LIMIT 1 $$');
	is($session->ok('SELECT public.look_up(7)'), $source->row(7), 'in a worker');
	is($session->ok('SELECT count(*), count(public.look_up(g)) FROM generate_series(1, 20) g'), '20|20', 'often');
	$session->ok("RESET $name");
	$source->usable($session);
	$source->idle;
};

add 'a view and a function of other owners', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN; CREATE ROLE contract_viewer; CREATE VIEW public.owned AS SELECT * FROM remote.numbers;
		GRANT SELECT ON public.owned TO contract_viewer;
		CREATE FUNCTION public.definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER
			AS $$ SELECT count(*) FROM remote.numbers $$;
		SET LOCAL ROLE contract_viewer');
	is($session->ok('SELECT v FROM public.owned WHERE id = 7'), $source->row(7), 'a view, by its owner\'s mapping');
	is($session->ok('SELECT public.definer()'), '1000', 'a function, by its owner\'s mapping');
	$session->fails('SELECT * FROM remote.numbers', '42501');
	$session->ok('ROLLBACK');
};

add 'a foreign table as a partition', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN; CREATE TABLE public.parts (id integer, v text) PARTITION BY RANGE (id);
		CREATE TABLE public.part_local PARTITION OF public.parts FOR VALUES FROM (1001) TO (2000);
		CREATE SCHEMA parted');
	$source->table($session, 'source', 'parted.numbers', 'numbers', 'id integer, v text');
	$session->ok("ALTER TABLE public.parts ATTACH PARTITION parted.numbers FOR VALUES FROM (1) TO (1001);
		INSERT INTO public.parts VALUES (1500, 'here')");
	is($session->ok('SELECT count(*), max(id) FROM public.parts'), '1001|1500', 'both parts');
	is($session->ok('SELECT id FROM public.parts ORDER BY id DESC LIMIT 2'), "1500\n1000", 'merged by order');
	is($session->ok('SELECT v FROM public.parts WHERE id = 7'), $source->row(7), 'one part');
	$session->ok('ROLLBACK');
};

add 'rows are written into a local table', ['table.million'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN; CREATE TABLE public.copy AS SELECT * FROM remote.numbers;
		INSERT INTO public.copy SELECT id + 1000, v FROM remote.million WHERE id <= 5000');
	is($session->ok('SELECT count(*), sum(id) FROM public.copy'), '6000|' . (500500 + 12502500 + 5000000), 'the copy');
	is($session->ok("UPDATE public.copy c SET v = n.v FROM remote.numbers n WHERE c.id = n.id + 1000 RETURNING 1")
			=~ tr/1//, 1000, 'UPDATE … FROM');
	my $server = $source->server($session, server => {updatable => 'false'});
	$source->table($session, $server, 'public.read_only', 'numbers', 'id integer, v text');
	is($session->ok('SELECT count(*) FROM (SELECT 1 FROM public.read_only FOR SHARE) s'), '1000',
		'FOR SHARE locks nothing where nothing may be changed');
	$session->ok('ROLLBACK');
	$source->usable($session);
};

add 'EXPLAIN does not run anything', ['table.slow'], sub {
	my ($source) = @_;
	my $session = $source->session;

	within(3, 'EXPLAIN', sub { $session->ok('EXPLAIN (VERBOSE) SELECT * FROM remote.slow') });
	like($session->ok('EXPLAIN (ANALYZE, VERBOSE, TIMING off) SELECT * FROM remote.numbers'), qr/Remote Rows: 1000/,
		'EXPLAIN ANALYZE counts');
	like($session->ok('EXPLAIN (ANALYZE, VERBOSE) SELECT v FROM remote.numbers LIMIT 3'), qr/rows=3/, 'with LIMIT');
	$source->usable($session);
};

add 'ANALYZE samples the source', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('ANALYZE remote.numbers');
	is($session->ok("SELECT reltuples FROM pg_class WHERE oid = 'remote.numbers'::regclass"), '1000', 'rows');
	is($session->ok("SELECT n_distinct FROM pg_stats WHERE schemaname = 'remote' AND tablename = 'numbers' AND attname = 'id'"),
		'-1', 'distinct values');
	$source->usable($session);
};

1;
