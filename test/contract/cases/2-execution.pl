# 2-execution.pl: scans in the ways that the executor starts, repeats, leaves and ends them.

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

for my $end (qw(COMMIT ROLLBACK))
{
	add "a cursor is left open at $end", ['table.million'], sub {
		my ($source) = @_;
		my $session = $source->session;

		for (1 .. 3)
		{
			$session->ok('BEGIN; DECLARE c CURSOR FOR SELECT * FROM remote.million');
			$session->ok('FETCH 10 FROM c');
			within(3, $end, sub { $session->ok($end) });
			$source->usable($session);
		}
		$source->idle;
	};
}

add 'LIMIT is reached early, and the connection stays', ['table.million', 'table.whoami', 'cancel'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $id = $session->ok('SELECT id FROM remote.whoami');

	for (1 .. 3)
	{
		# neither the LIMIT nor the filter can go to the source
		within(3, 'ten rows of a million', sub {
			is($session->ok('SELECT count(*) FROM (SELECT id FROM remote.million WHERE random() >= 0 LIMIT 10) s'), '10',
				'rows') });
		is($session->ok('SELECT id FROM remote.whoami'), $id, 'the same connection');
		$source->usable($session);
	}
	$source->idle;
};

add 'LIMIT is reached early within a transaction', ['table.million'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN');
	for (1 .. 3)
	{
		within(3, 'ten rows of a million', sub {
			is($session->ok('SELECT count(*) FROM (SELECT id FROM remote.million WHERE random() >= 0 LIMIT 10) s'), '10',
				'rows') });
		$source->usable($session);
		$session->ok("SAVEPOINT s$_");
	}
	$session->ok('COMMIT');
	$source->idle;
};

add 'the source fails in mid-scan', ['table.fails'], sub {
	my ($source) = @_;
	my $session = $source->session;

	for (1 .. 3)
	{
		my $message = $session->fails('SELECT count(v) FROM remote.fails', 'HV000|[2H4].*');
		like($message, qr/"source"/, 'the error names the source');
		$source->usable($session);
	}
	$session->ok('BEGIN; DECLARE c CURSOR FOR SELECT * FROM remote.fails');
	is($session->ok('MOVE 100 IN c'), '', 'rows before the error');
	$session->fails('MOVE ALL IN c', 'HV000|[2H4].*');
	$session->fails('SELECT 1', '25P02');
	$session->ok('ROLLBACK');
	$source->usable($session);
};

add 'an error here in mid-scan', ['table.million'], sub {
	my ($source) = @_;
	my $session = $source->session;

	for (1 .. 3)
	{
		within(4, 'the error', sub { $session->fails('SELECT 1 / (id - 2000) FROM remote.million', '22012') });
		$source->usable($session);
	}
	$source->idle;
};

add 'a savepoint, an error, and on in the same transaction', ['table.fails'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN');
	$source->usable($session);
	for my $i (1 .. 3)
	{
		$session->ok('SAVEPOINT s');
		$session->ok('SELECT v FROM remote.numbers WHERE id = 3') if $i == 2;
		$session->fails($i == 1 ? 'SELECT v FROM remote.fails WHERE id = (SELECT 50001)' :
			'SELECT count(v) FROM remote.fails', 'HV000|[2H4].*');
		$session->ok('ROLLBACK TO s');
		$source->usable($session);
		$session->ok('RELEASE s') if $i == 3;
	}
	$session->ok('SAVEPOINT t; SAVEPOINT u; DECLARE c CURSOR FOR SELECT * FROM remote.fails; FETCH 10 FROM c');
	$session->ok('ROLLBACK TO t');
	$source->usable($session);
	$session->ok('COMMIT');
	$source->usable($session);
};

add 'a scan that was opened before a savepoint goes on after it', ['table.million'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN; DECLARE c CURSOR FOR SELECT id FROM remote.million; MOVE 10 IN c');
	$session->ok('SAVEPOINT s');
	is($session->ok('FETCH c'), '11', 'within the savepoint');
	is($session->ok('SELECT v FROM remote.numbers WHERE id = 1'), $source->row(1), 'another scan');
	$session->fails('SELECT 1 / 0', '22012');
	$session->ok('ROLLBACK TO s');
	is($session->ok('FETCH c'), '12', 'after ROLLBACK TO');
	$session->ok('SAVEPOINT s; RELEASE s');
	is($session->ok('FETCH c'), '13', 'after RELEASE');
	$source->usable($session);
	is($session->ok('FETCH c'), '14', 'after other scans');
	$session->ok('COMMIT');
	$source->usable($session);
};

add 'an EXCEPTION block around a scan that fails', ['table.fails'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('CREATE FUNCTION pg_temp.guarded() RETURNS text LANGUAGE plpgsql AS $$
		DECLARE
			r record;
			n integer := 0;
			told text := \'\';
		BEGIN
			FOR i IN 1..3 LOOP
				BEGIN
					FOR r IN SELECT * FROM remote.fails LOOP
						n := n + 1;
					END LOOP;
				EXCEPTION WHEN OTHERS THEN
					told := told || i;
				END;
				PERFORM v FROM remote.numbers WHERE id = i;
				IF NOT FOUND THEN RETURN \'nothing found\'; END IF;
			END LOOP;
			RETURN told || \' \' || (SELECT count(*) FROM remote.numbers);
		END $$');
	is($session->ok('SELECT pg_temp.guarded()'), '123 1000', 'the function');
	$source->usable($session);
};

add 'a cursor WITH HOLD', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT id FROM remote.numbers ORDER BY id; MOVE 10 IN h; COMMIT');
	is($session->ok('FETCH h'), '11', 'after COMMIT');
	$source->usable($session);
	is($session->ok('MOVE 980 IN h; FETCH 20 FROM h'), join("\n", 992 .. 1000), 'to the end');
	$session->ok('CLOSE h');
};

add 'a cursor that scrolls', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM remote.numbers ORDER BY id');
	is($session->ok('FETCH LAST FROM c'), '1000', 'the last');
	is($session->ok('FETCH FIRST FROM c'), '1', 'the first');
	is($session->ok('FETCH ABSOLUTE 500 FROM c'), '500', 'in the middle');
	$session->ok('COMMIT');
};

add 'one snapshot for all statements of a transaction', ['table.changing', 'transactions'], sub {
	my ($source) = @_;
	my $session = $source->session;

	for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
	{
		$source->sql("DELETE FROM changing; INSERT INTO changing VALUES (1, 'one');");
		$session->ok("BEGIN ISOLATION LEVEL $level");
		is($session->ok('SELECT * FROM remote.changing'), '1|one', "$level: before");
		$source->sql("INSERT INTO changing VALUES (2, 'two'); UPDATE changing SET v = 'new' WHERE id = 1;");
		is($session->ok('SELECT * FROM remote.changing'), '1|one', "$level: a scan after the change");
		is($session->ok('SELECT count(*) FROM remote.changing WHERE id = (SELECT 2)'), '0', "$level: a look-up");
		is($session->ok('SELECT count(*) FROM remote.changing a JOIN remote.changing b USING (id)'), '1', "$level: twice");
		$session->ok('SAVEPOINT s; DECLARE c CURSOR FOR SELECT v FROM remote.changing; FETCH c');
		is($session->ok('SELECT v FROM remote.changing'), 'one', "$level: beside a cursor");
		$session->fails('SELECT 1 / (id - 1) FROM remote.changing', '22012');
		$session->ok('ROLLBACK TO s');
		is($session->ok('SELECT v FROM remote.changing'), 'one', "$level: after an error");
		$session->ok('COMMIT');
		is($session->ok('SELECT * FROM remote.changing ORDER BY id'), "1|new\n2|two", "$level: the next transaction");
	}
};

add 'what the source changes between statements is seen', ['table.changing'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('PREPARE p(integer) AS SELECT v FROM remote.changing WHERE id = $1');
	for my $i (1 .. 7)
	{
		$source->sql("DELETE FROM changing; INSERT INTO changing VALUES (1, 'state $i');");
		is($session->ok('EXECUTE p(1)'), "state $i", "change $i, by a look-up");
		is($session->ok('SELECT v FROM remote.changing'), "state $i", "change $i, by a scan");
	}
};

add 'an idle transaction does not stop the source\'s writers', ['table.changing'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN; DECLARE c CURSOR FOR SELECT * FROM remote.changing; FETCH c; SELECT * FROM remote.changing LIMIT 1');
	within(5, 'a change at the source', sub {
		$source->sql("DELETE FROM changing; INSERT INTO changing VALUES (1, 'written');") });
	$session->ok('COMMIT');
	is($session->ok('SELECT v FROM remote.changing'), 'written', 'the change');
};

# Makes a new table at the source and reads it seven times, with a change of the table's columns in between.
sub ddl_case
{
	my ($source, $session, $change, $restore) = @_;

	$session->ok('DEALLOCATE ALL; PREPARE whole AS SELECT id, v FROM remote.ddl ORDER BY id;
		PREPARE key(integer) AS SELECT v FROM remote.ddl WHERE id = $1');
	for (1 .. 7)
	{
		is($session->ok('EXECUTE key(2)'), 'b', 'a look-up before the change');
		is($session->ok('EXECUTE whole'), "1|a\n2|b", 'a scan before the change');
	}
	$source->sql($change);
	for (1 .. 7)
	{
		is($session->ok('EXECUTE key(2)'), 'b', "a look-up after: $change");
		is($session->ok('EXECUTE whole'), "1|a\n2|b", "a scan after: $change");
	}
	$source->sql($restore) if $restore;
}

add 'the source\'s table changes between executions', ['table.changing', 'ddl'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $fill = "INSERT INTO ddl (id, v) VALUES (1, 'a'), (2, 'b');";
	my $create = "CREATE TABLE ddl (id integer, v varchar(10)); $fill";

	$source->sql($create);
	$source->table($session, 'source', 'remote.ddl', 'ddl', 'id integer, v text');
	ddl_case($source, $session, 'ALTER TABLE ddl ADD COLUMN more integer;');
	ddl_case($source, $session, "DROP TABLE ddl; CREATE TABLE ddl (v varchar(50), x integer, id integer); $fill");
	ddl_case($source, $session, "DROP TABLE ddl; CREATE TABLE ddl (id bigint, v text); $fill");
	ddl_case($source, $session, 'CREATE INDEX ddl_id ON ddl (id);');
	$source->sql('DROP TABLE ddl;');
	my $message = $session->fails('EXECUTE whole', 'HV00R|42P01');
	like($message, qr/ddl/, 'the error names the table');
	$session->fails('EXECUTE key(2)', 'HV00R|42P01');
	$source->usable($session);
	$source->sql('CREATE TABLE ddl (id integer, w varchar(10));');
	like($session->fails('EXECUTE key(1)', 'HV...|42703'), qr/\bv\b/, 'the error names the missing column');
	$source->sql("DROP TABLE ddl; $create");
	is($session->ok('EXECUTE key(2)'), 'b', 'when the table is back');
	$session->ok('DROP FOREIGN TABLE remote.ddl');
	$source->sql('DROP TABLE ddl;');
};

add 'a table that is not there', ['table.gone'], sub {
	my ($source) = @_;
	my $session = $source->session;

	like($session->fails('SELECT * FROM remote.gone', 'HV00R|42P01'), qr/gone/, 'the error names the table');
	like($session->fails('SELECT v FROM remote.gone WHERE id = 1', 'HV00R|42P01'), qr/gone/, 'again');
	$session->ok('EXPLAIN SELECT * FROM remote.gone');
	$source->usable($session);
};

add 'DISCARD ALL', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$source->usable($session);
	for (1 .. 2)
	{
		$session->ok('DISCARD ALL');
		$source->usable($session);
	}
};

add 'PREPARE TRANSACTION is refused', ['table.numbers'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('BEGIN');
	$source->usable($session);
	$session->fails("PREPARE TRANSACTION 'contract'", '0A000', qr/source/);
	$session->ok('ROLLBACK');
	$source->usable($session);
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
	is($session->ok('SELECT count(*) FROM (SELECT 1 FROM remote.numbers FOR SHARE) s'), '1000', 'FOR SHARE');
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
