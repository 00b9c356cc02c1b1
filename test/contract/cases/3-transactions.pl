# 3-transactions.pl: sources follow the local transaction: its end, savepoints, errors, snapshot; and changes at the source.

package Contract;

use strict;
use warnings;
use Contract;

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
		my $message = $session->fails('SELECT count(v) FROM (SELECT v FROM remote.fails OFFSET 0) s', 'HV000|[2H4].*');
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
			'SELECT count(v) FROM (SELECT v FROM remote.fails OFFSET 0) s', 'HV000|[2H4].*');
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

add 'one connection must do', ['limit.connections', 'sessions', 'table.million'], sub {
	my ($source) = @_;
	my $first = $source->session;
	my $second = $source->session;
	my $limit = sub { $source->sql(sprintf $source->quirk('limit.connections') . ';', $_[0]) };

	eventually(5, 'no connection is open', sub { $source->verb('sessions') == 0 });
	$limit->(1);
	my $passed = eval {
		$source->usable($first);
		$second->fails('SELECT * FROM remote.numbers', '53300|08...', qr/connections|resource/);
		# scans that would have connections of their own
		is($first->ok('SELECT count(*) FROM remote.numbers a JOIN remote.numbers b USING (id)'), '1000', 'a join');
		$first->ok("SET work_mem = '1MB'; BEGIN; DECLARE a CURSOR FOR SELECT id FROM remote.million;
			DECLARE b CURSOR FOR SELECT id FROM remote.million");
		for my $turn (1 .. 3)
		{
			is($first->ok("FETCH $_"), $turn, "cursor $_") for qw(a b);
		}
		# to their ends: to stop a scan may need a connection of its own
		$first->ok('MOVE ALL IN a; MOVE ALL IN b; COMMIT');
		$source->usable($first);
		1;
	};
	my $error = $@;
	$limit->(0 + ($source->quirk('limit.none') || 0));
	die $error unless $passed;
	undef $first;
	eventually(5, 'the connection is free', sub { $source->verb('sessions') == 0 });
	$source->usable($second);
};
push our @quirks, 'limit.none';

1;
