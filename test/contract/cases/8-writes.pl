# 8-writes.pl: changes: how many rows they tell of, what they return, what is kept of them and what is undone.

package Contract;

use strict;
use warnings;
use Contract;
use Digest::MD5 'md5_hex';

my $lost = '08...';

# The columns of the table that is written, here and at the source.
my $columns = "id integer OPTIONS (key 'true'), v varchar(40), n integer";

# A server of an account that may write, and a schema of the same name with the new, empty table "kept" of the source.
sub writable
{
	my ($source, $session, %how) = @_;
	my $schema = $source->server($session, table => 'write', %how);

	$source->sql("DROP TABLE IF EXISTS kept;
		CREATE TABLE kept (id integer PRIMARY KEY, v varchar(40) DEFAULT 'unsaid', n integer CHECK (n < 1000000));");
	$session->ok("CREATE SCHEMA $schema");
	$source->table($session, $schema, "$schema.kept", 'kept', $columns);
	$source->table($session, $schema, "$schema.numbers", 'numbers', 'id integer, v text');
	return $schema;
}

# The number of rows that a statement tells of.
sub rows
{
	my ($session, $sql) = @_;

	return $session->ok("$sql;\n\\echo :ROW_COUNT");
}

# Fails unless these rows are in the table, as another session sees them.
sub stored
{
	my ($source, $schema, $expected, $what) = @_;

	is($source->session->ok("SELECT * FROM $schema.kept ORDER BY id"), $expected, $what);
}

add 'changes tell how many rows they have found', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	is(rows($session, "INSERT INTO $schema.kept VALUES (1, 'a', 1), (2, 'b', 2), (3, NULL, NULL)"), 3, 'INSERT');
	stored($source, $schema, "1|a|1\n2|b|2\n3||", 'what was inserted');
	is(rows($session, "INSERT INTO $schema.kept SELECT g, 'row ' || g, 7 FROM generate_series(11, 2510) g"), 2500, 'in batches');
	is($session->ok("SELECT count(*), sum(id), count(DISTINCT v) FROM $schema.kept WHERE n = 7"), '2500|3151250|2500', 'all of them');
	is(rows($session, "UPDATE $schema.kept SET n = 7 WHERE id <= 12"), 5, 'UPDATE to what some are already');
	is(rows($session, "UPDATE $schema.kept SET v = md5(v) WHERE id <= 12 AND random() >= 0"), 5, 'UPDATE row by row');
	is(rows($session, "UPDATE $schema.kept SET n = 8 WHERE id = -1"), 0, 'UPDATE of none');
	is(rows($session, "DELETE FROM $schema.kept WHERE id > 1000"), 1510, 'DELETE');
	is(rows($session, "DELETE FROM $schema.kept WHERE id > 12 AND md5(v) IS NOT NULL"), 988, 'DELETE row by row');
	is(rows($session, "DELETE FROM $schema.kept WHERE id > 12"), 0, 'DELETE of none');
	stored($source, $schema, join("\n", '1|' . md5_hex('a') . '|7', '2|' . md5_hex('b') . '|7', '3||7',
		map { "$_|" . md5_hex("row $_") . '|7' } 11, 12), 'what is left');
	is(rows($session, "DELETE FROM $schema.kept"), 5, 'DELETE of all');
	$source->usable($session, $schema);
};
push our @quirks, 'write';

add 'a column that is not named has the source\'s default', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	is(rows($session, "INSERT INTO $schema.kept (id) VALUES (1), (2)"), 2, 'INSERT');
	is(rows($session, "INSERT INTO $schema.kept (n, id) VALUES (5, 3)"), 1, 'in another order');
	$session->ok("COPY $schema.kept (id, n) FROM STDIN;\n4\t6\n5\t7\n\\.\nSELECT 1");
	stored($source, $schema, "1|unsaid|\n2|unsaid|\n3|unsaid|5\n4|unsaid|6\n5|unsaid|7", 'the rows');
};

for my $command (qw(INSERT UPDATE DELETE))
{
	add "$command RETURNING", ['write', 'returning.' . lc $command], sub {
		my ($source) = @_;
		my $session = $source->session;
		my $schema = writable($source, $session);
		my %sql = (
			INSERT => "INSERT INTO $schema.kept (id, n) VALUES (1, 1), (2, 2) RETURNING v, id * 10, n",
			UPDATE => "UPDATE $schema.kept SET n = n + 1 WHERE id < 3 RETURNING v, id * 10, n - 1",
			DELETE => "DELETE FROM $schema.kept WHERE id < 3 RETURNING v, id * 10, n");

		for my $turn (1 .. 7)
		{
			$session->ok("DELETE FROM $schema.kept");
			$session->ok("INSERT INTO $schema.kept (id, n) VALUES (1, 1), (2, 2), (3, 3)") if $command ne 'INSERT';
			is(join("\n", sort split /\n/, $session->ok($sql{$command})), "unsaid|10|1\nunsaid|20|2", "the rows, turn $turn");
		}
		is($session->ok("SELECT count(*), sum(n) FROM $schema.kept"),
			{INSERT => '2|3', UPDATE => '3|8', DELETE => '1|3'}->{$command}, 'what it has done');
		# an error here while the rows come undoes the change
		$session->ok("DELETE FROM $schema.kept" . ($command eq 'INSERT' ? '' :
			"; INSERT INTO $schema.kept (id, n) VALUES (1, 1), (2, 2), (3, 3)"));
		$session->fails("$sql{$command}, 1 / (id - 2)", '22012');
		is($session->ok("SELECT count(*) FROM $schema.kept"), $command eq 'INSERT' ? 0 : 3, 'nothing of what failed');
		$source->usable($session, $schema);
	};
	push @quirks, 'returning.' . lc $command;
}

add 'a row that is joined with several is changed once', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	$session->ok("INSERT INTO $schema.kept VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)");
	is(rows($session, "UPDATE $schema.kept k SET n = k.n + g FROM generate_series(1, 4) g WHERE g <> k.id"), 3, 'UPDATE');
	is($session->ok("SELECT count(*) FROM $schema.kept WHERE n - id BETWEEN 1 AND 4"), 3, 'by one of the rows each');
	is(rows($session, "DELETE FROM $schema.kept k USING generate_series(1, 4) g WHERE g > k.id"), 3, 'DELETE');
	$source->usable($session, $schema);
};

# Statements that a constraint forbids: what they need, their SQLSTATE.
my %forbidden = (
	'a key that is there' => [[], "INSERT INTO %s.kept (id) VALUES (50), (1)", '23505'],
	'a key that is there, by UPDATE' => [[], "UPDATE %s.kept SET id = 1 WHERE id = 2", '23505'],
	'a key that is NULL' => [['constraint.null'], "INSERT INTO %s.kept (id) VALUES (50), (NULL)", '23502'],
	'a condition' => [['constraint.check'], "INSERT INTO %s.kept (id, n) VALUES (50, 1), (51, 1000001)", '23514'],
	'a condition, by UPDATE' => [['constraint.check'], "UPDATE %s.kept SET n = 999998 + id", '23514'],
);

for my $what (sort keys %forbidden)
{
	my ($needs, $sql, $state) = @{$forbidden{$what}};

	add "a change that a constraint forbids: $what", ['write', @$needs], sub {
		my ($source) = @_;
		my $session = $source->session;
		my $schema = writable($source, $session);
		my $statement = sprintf $sql, $schema;

		$session->ok("INSERT INTO $schema.kept VALUES (1, 'one', 1), (2, 'two', 2)");
		for (1 .. 3)
		{
			like($session->fails($statement, $state), qr/"$schema"/, 'the error names the source');
		}
		stored($source, $schema, "1|one|1\n2|two|2", 'nothing of it is kept');
		$session->ok("BEGIN; INSERT INTO $schema.kept VALUES (3, 'three', 3); SAVEPOINT s");
		$session->fails($statement, $state);
		$session->ok("ROLLBACK TO s; INSERT INTO $schema.kept VALUES (4, 'four', 4); COMMIT");
		stored($source, $schema, "1|one|1\n2|two|2\n3|three|3\n4|four|4", 'the rest of the transaction is');
		$session->ok("BEGIN; INSERT INTO $schema.kept VALUES (5, 'five', 5)");
		$session->fails($statement, $state);
		$session->ok('COMMIT');
		stored($source, $schema, "1|one|1\n2|two|2\n3|three|3\n4|four|4", 'nothing of a transaction that failed');
		$source->usable($session, $schema);
	};
}
push @quirks, 'constraint.null', 'constraint.check';

add 'ON CONFLICT DO NOTHING', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	is(rows($session, "INSERT INTO $schema.kept VALUES (1, 'one', 1), (2, 'two', 2)"), 2, 'rows before');
	is(rows($session, "INSERT INTO $schema.kept VALUES (1, 'again', 1), (3, 'three', 3), (2, 'again', 2), (3, 'again', 3)
		ON CONFLICT DO NOTHING"), 1, 'the new one');
	stored($source, $schema, "1|one|1\n2|two|2\n3|three|3", 'the rows');
	$session->fails("INSERT INTO $schema.kept VALUES (4, 'four', 1000001) ON CONFLICT DO NOTHING", '23514')
		unless $source->lacks('constraint.check');
	$source->usable($session, $schema);
};

add 'others see a change when it is committed, and not before', ['write', 'transactions'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);
	my %change = (INSERT => "INSERT INTO $schema.kept VALUES (3, 'three', 3)", UPDATE => "UPDATE $schema.kept SET n = 9 WHERE id = 1",
		DELETE => "DELETE FROM $schema.kept WHERE id = 2", TRUNCATE => "TRUNCATE $schema.kept");
	my %after = (INSERT => "1|one|1\n2|two|2\n3|three|3", UPDATE => "1|one|9\n2|two|2", DELETE => '1|one|1', TRUNCATE => '');

	for my $command (sort keys %change)
	{
		$session->ok("DELETE FROM $schema.kept; INSERT INTO $schema.kept VALUES (1, 'one', 1), (2, 'two', 2)");
		for my $end (qw(ROLLBACK COMMIT))
		{
			$session->ok("BEGIN; $change{$command}");
			is($session->ok("SELECT * FROM $schema.kept ORDER BY id"), $after{$command}, "$command: it is seen within");
			# who empties a table in one go keeps readers waiting
			stored($source, $schema, "1|one|1\n2|two|2", "$command: and not by others") if $command ne 'TRUNCATE';
			$session->ok($end);
			stored($source, $schema, $end eq 'COMMIT' ? $after{$command} : "1|one|1\n2|two|2", "$command: after $end");
		}
	}
	$source->usable($session, $schema);
};

add 'what was changed at a savepoint is undone, and nothing else', ['write', 'transactions'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);
	my $insert = sub { join '; ', map { "INSERT INTO $schema.kept (id) VALUES ($_)" } @_ };

	$session->ok(join '; ', 'BEGIN', $insert->(1), 'SAVEPOINT a', $insert->(2), 'SAVEPOINT b', $insert->(3), 'ROLLBACK TO b',
		$insert->(4), 'RELEASE b', 'SAVEPOINT c', $insert->(5), 'ROLLBACK TO c', 'RELEASE c', 'RELEASE a', 'SAVEPOINT a',
		$insert->(6), 'SAVEPOINT b', $insert->(7), 'RELEASE b', 'ROLLBACK TO a', $insert->(8), 'COMMIT');
	is($session->ok("SELECT string_agg(id::text, ' ' ORDER BY id) FROM $schema.kept"), '1 2 4 8', 'what is left');
	$session->ok(join '; ', "DELETE FROM $schema.kept; BEGIN", $insert->(1), 'SAVEPOINT a', $insert->(2), 'ROLLBACK TO a', 'COMMIT');
	stored($source, $schema, '1|unsaid|', 'with nothing behind the rollback');
	$session->ok(join '; ', 'BEGIN', "SELECT id FROM $schema.numbers LIMIT 1", 'SAVEPOINT a', $insert->(2), 'ROLLBACK TO a', 'COMMIT');
	stored($source, $schema, '1|unsaid|', 'the only change of the transaction');
	$session->ok(join '; ', 'BEGIN; SAVEPOINT a', $insert->(2), 'SAVEPOINT b', $insert->(3), 'ROLLBACK TO a', 'ROLLBACK TO a', 'COMMIT');
	stored($source, $schema, '1|unsaid|', 'of two at once');
	$session->ok(join '; ', 'BEGIN; SAVEPOINT a', $insert->(2), 'RELEASE a', 'COMMIT');
	stored($source, $schema, "1|unsaid|\n2|unsaid|", 'a release keeps it');
	$source->usable($session, $schema);
};

add 'changes in an EXCEPTION block', ['write', 'transactions'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	$session->ok("CREATE FUNCTION pg_temp.guarded() RETURNS text LANGUAGE plpgsql AS \$\$
		DECLARE
			told text := '';
		BEGIN
			FOR i IN 1..6 LOOP
				BEGIN
					INSERT INTO $schema.kept (id) VALUES (i);
					INSERT INTO $schema.kept (id) VALUES (CASE WHEN i % 2 = 0 THEN i + 100 ELSE i END);
					IF i = 4 THEN RAISE EXCEPTION 'undo'; END IF;
				EXCEPTION
					WHEN unique_violation THEN told := told || ' ' || i;
					WHEN raise_exception THEN told := told || ' undone ' || i;
				END;
			END LOOP;
			RETURN told || ' of ' || (SELECT count(*) FROM $schema.kept);
		END \$\$");
	is($session->ok('SELECT pg_temp.guarded()'), ' 1 3 undone 4 5 of 4', 'the function');
	is($session->ok("SELECT string_agg(id::text, ' ' ORDER BY id) FROM $schema.kept"), '2 6 102 106', 'the rows');
	$source->usable($session, $schema);
};

add 'what was opened before a change goes on without seeing it', ['write', 'transactions'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	$session->ok("INSERT INTO $schema.kept SELECT g, 'old', g FROM generate_series(1, 3000) g");
	$session->ok("BEGIN; DECLARE c CURSOR FOR SELECT id, v FROM $schema.kept ORDER BY id");
	is($session->ok('FETCH 2 FROM c'), "1|old\n2|old", 'before');
	is(rows($session, "UPDATE $schema.kept SET v = 'new'"), 3000, 'the change');
	is($session->ok('FETCH c'), '3|old', 'after a change');
	$session->ok("SAVEPOINT s; DELETE FROM $schema.kept WHERE id > 4; ROLLBACK TO s");
	is($session->ok('FETCH c'), '4|old', 'after one that was undone');
	is($session->ok("SELECT count(*), min(v) FROM $schema.kept"), '3000|new', 'a scan of now');
	$session->ok('COMMIT');
	is($session->ok("DO \$\$ DECLARE r record; BEGIN
			FOR r IN SELECT id FROM $schema.kept LOOP
				UPDATE $schema.kept SET id = r.id + 10000 WHERE id = r.id;
			END LOOP;
		END \$\$; SELECT count(*), min(id), max(id) FROM $schema.kept"), '3000|10001|13000', 'a loop over what it changes');
	$source->usable($session, $schema);
};

add 'a statement does not see its own changes', ['write', 'transactions'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	$session->ok("INSERT INTO $schema.kept SELECT g, 'x', g FROM generate_series(1, 1500) g");
	is(rows($session, "INSERT INTO $schema.kept SELECT id + 10000, v, n FROM $schema.kept"), 1500, 'INSERT from itself');
	is(rows($session, "UPDATE $schema.kept SET id = id + 20000 WHERE id + length(md5(v)) > 0"), 3000, 'UPDATE of the key');
	is($session->ok("SELECT count(*), min(id), max(id) FROM $schema.kept"), '3000|20001|31500', 'every row once');
};

# A change that waits at the source for another's lock is stopped.
for my $way ('cancel', 'statement_timeout', 'query_timeout')
{
	add "a change that waits for a lock of the source: $way", ['write', 'write.wait', 'cancel', $way eq 'query_timeout' ? 'query_timeout' : ()], sub {
		my ($source) = @_;
		my $holder = $source->session;
		my $session = $source->session;
		my $schema = writable($source, $session, $way eq 'query_timeout' ? (server => {query_timeout => 1}) : ());

		$session->ok("INSERT INTO $schema.kept VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)");
		$holder->ok("BEGIN; UPDATE $schema.kept SET v = 'held' WHERE id = 1");
		for my $turn (1 .. 2)
		{
			$session->ok("BEGIN; UPDATE $schema.kept SET n = n + 10 WHERE id = 2; SAVEPOINT s");
			$session->ok("SET LOCAL statement_timeout = '500ms'") if $way eq 'statement_timeout';
			$session->start("UPDATE $schema.kept SET v = 'mine', n = n + 100");
			if ($way eq 'cancel')
			{
				$source->working($session);
				Time::HiRes::sleep(0.2);
				$holder->ok("SELECT pg_cancel_backend($session->{backend})");
			}
			within(4, 'the end', sub { $session->failed('57014') });
			$session->ok("ROLLBACK TO s; UPDATE $schema.kept SET n = n + 1 WHERE id = 3; COMMIT");
		}
		$holder->ok('ROLLBACK');
		stored($source, $schema, "1|one|1\n2|two|22\n3|three|5", 'what was not stopped is kept');
		$source->usable($session, $schema);
	};
}

push @quirks, 'write.interrupt';
for my $way ('cancel', 'terminate')
{
	add "in the middle of a long INSERT: $way", ['write', 'transactions'], sub {
		my ($source) = @_;
		my $session = $source->session;
		my $other = $source->session;
		my $schema = writable($source, $session);

		for my $block (0, 1)
		{
			my $cancelled = $block && $way eq 'cancel';
			my $goes_on = $cancelled && !$source->lacks('write.interrupt');

			$session = $source->session if $session->{gone};
			$session->ok("BEGIN; INSERT INTO $schema.kept (id) VALUES (-1); SAVEPOINT s") if $block;
			$session->start("INSERT INTO $schema.kept SELECT generate_series(1, 100000000), 'long', 1");
			Time::HiRes::sleep(0.7);
			within(4, 'the end', sub {
				$other->ok("SELECT pg_${way}_backend($session->{backend}" . ($way eq 'terminate' ? ', 3000)' : ')'));
				$session->failed($way eq 'cancel' ? '57014' : '57P01|gone');
			});
			$session->ok("ROLLBACK TO s; INSERT INTO $schema.kept (id) VALUES (-2); COMMIT") if $goes_on;
			$session->ok('ROLLBACK') if $cancelled && !$goes_on;
			eventually(20, 'the source has undone it', sub {
				$other->ok("SELECT count(*) FROM $schema.kept") == ($goes_on ? 2 : 0) });
		}
		$source->usable($source->session, $schema);
	};
}

# The connection breaks, at each place of a transaction.
for my $fault (qw(close reset))
{
	for my $place ('before a change', 'within a change', 'behind a change', 'in COMMIT, before it is done', 'in COMMIT, behind its back')
	{
		add "the connection breaks, $fault, $place", ['write', 'network', 'transactions'], sub {
			my ($source) = @_;
			my $session = $source->session;
			my $options = $source->options('write');
			my $proxy = Contract::Proxy->new('127.0.0.1', $options->{server}{port}, $fault, armed => 0);
			my $schema = writable($source, $session, server => {host => '127.0.0.1', port => $proxy->port, connect_timeout => 1,
				query_timeout => 3});
			my $many = "INSERT INTO $schema.kept SELECT g, 'many', 1 FROM generate_series(1, 20000) g";
			my $kept = 0;

			$source->usable($session, $schema);
			$session->ok('BEGIN');
			if ($place eq 'before a change')
			{
				$session->ok("SELECT count(*) FROM $schema.kept");
				$proxy->arm;
				$session->fails($many, $lost);
				$session->ok('ROLLBACK');
			}
			elsif ($place eq 'within a change')
			{
				$session->ok("INSERT INTO $schema.kept (id) VALUES (-1); SAVEPOINT s");
				$session->start("INSERT INTO $schema.kept SELECT generate_series(1, 100000000), 'many', 1");
				Time::HiRes::sleep(0.5);
				$proxy->arm;
				$session->failed($lost);
				$session->ok('ROLLBACK TO s');
				$session->fails("SELECT count(*) FROM $schema.kept", '08006');
				$session->ok('ROLLBACK');
			}
			elsif ($place eq 'behind a change')
			{
				$session->ok("$many; SAVEPOINT s");
				$proxy->arm;
				$session->fails("SELECT count(*) FROM $schema.kept", $lost);
				$session->ok('ROLLBACK TO s');
				# what was changed before is gone with the connection
				$session->fails('COMMIT', '08006', qr/"$schema"/);
			}
			else
			{
				$session->ok($many);
				if ($place =~ /behind/)
				{
					$proxy->arm;
					$kept = 20000;
				}
				undef $proxy if $place =~ /before/;
				$session->fails('COMMIT', $kept ? '08007' : '08006|08007', qr/"$schema"/);
			}
			undef $proxy;
			$session->ok("ALTER SERVER $schema OPTIONS (SET port '$options->{server}{port}')");
			eventually(10, 'all or nothing', sub { $session->ok("SELECT count(*) FROM $schema.kept") == $kept });
			$source->usable($session, $schema);
		};
	}
}

add 'the server is killed, and nothing is committed by half', ['write', 'kill', 'transactions'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	$session->ok("BEGIN; INSERT INTO $schema.kept SELECT g, 'many', 1 FROM generate_series(1, 5000) g");
	$source->verb('kill');
	within(5, 'the error', sub { $session->fails('COMMIT', '08006|08007', qr/"$schema"/) });
	$source->verb('restart');
	stored($source, $schema, '', 'the rows');
	$session->start("INSERT INTO $schema.kept SELECT generate_series(1, 100000000), 'many', 1");
	Time::HiRes::sleep(0.7);
	$source->verb('kill');
	within(5, 'the error', sub { $session->failed($lost, qr/"$schema"/) });
	$source->verb('restart');
	stored($source, $schema, '', 'the rows');
	$source->usable($session, $schema);
};

add 'changes from a database in another encoding', ['write', 'table.changing'], sub {
	my ($source) = @_;
	my $admin = $source->session;
	my $name = "contract_$source->{name}_latin1";

	$admin->ok("DROP DATABASE IF EXISTS $name WITH (FORCE)");
	$admin->ok("CREATE DATABASE $name TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'");
	my $session = Contract::Session->new($name);
	$session->ok('SET client_min_messages = warning; CREATE EXTENSION connkit CASCADE; SET client_encoding = utf8');
	my $schema = writable($source, $session);
	$source->sql('DROP TABLE IF EXISTS grün; CREATE TABLE grün (id integer PRIMARY KEY, größe varchar(40));');
	$source->table($session, $schema, "$schema.green", 'grün', "id integer OPTIONS (key 'true'), größe varchar(40)");
	is(rows($session, "INSERT INTO $schema.green SELECT g, 'ß' || g FROM generate_series(1, 2000) g"), 2000, 'INSERT');
	is(rows($session, "UPDATE $schema.green SET größe = 'ä' WHERE größe = 'ß7'"), 1, 'UPDATE');
	is(rows($session, "UPDATE $schema.green SET größe = 'ö' || id WHERE id < 3 AND random() >= 0"), 2, 'UPDATE row by row');
	is(rows($session, "DELETE FROM $schema.green WHERE größe LIKE 'ß%'"), 1997, 'DELETE');
	is($session->ok("SELECT * FROM $schema.green ORDER BY id"), "1|ö1\n2|ö2\n7|ä", 'what is left');
	$session->ok("TRUNCATE $schema.green");
	$source->usable($session, $schema);
	undef $session;
	$admin->ok("DROP DATABASE $name WITH (FORCE)");
};

add 'a statement of one\'s own with too few values, or too many', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);
	my @places = $source->{name} eq 'postgres' ? ('$1', '$2') : ('?', '?');
	my $statement = "SELECT connkit_execute('$schema', 'INSERT INTO kept (n, id) VALUES ($places[0], $places[1])'";

	$statement =~ s/INTO kept/INTO public.kept/ if $source->{name} eq 'postgres';
	$session->fails("$statement, 1)", '08...|HV...');
	$session->fails("$statement, 1, 2, 3)", '08...|HV...');
	is($session->ok("$statement, 1, 2)"), '1', 'as many as there are places');
	stored($source, $schema, '2|unsaid|1', 'the row');
	$source->usable($session, $schema);
};

add 'rows that a change could not put aside are not left out', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);
	my $change = "UPDATE $schema.kept SET n = 1 WHERE id = 1";

	$session->ok("INSERT INTO $schema.kept VALUES (1, '1'), (2, '2'), (3, 'x'), (4, '4')");
	$source->table($session, $schema, "$schema.odd", 'kept', 'id integer, v integer');
	$session->ok("BEGIN; DECLARE c CURSOR FOR SELECT id, v FROM $schema.odd; SAVEPOINT s");
	# where the first rows come together, that is all there is to see
	$session->run('FETCH 1 FROM c');
	$session->fails($change, '22...|25P02');
	$session->ok("ROLLBACK TO s; DO \$\$ BEGIN $change; EXCEPTION WHEN OTHERS THEN NULL; END \$\$");
	$session->fails('FETCH ALL FROM c', 'HV000|22...|25P02|34000|08...|55000');
	$session->ok('ROLLBACK');
	$source->usable($session, $schema);
};

add 'partitions whose columns stand in another order', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	$source->sql('DROP TABLE IF EXISTS third; CREATE TABLE third (id integer PRIMARY KEY, v varchar(40), n integer);');
	$session->ok("CREATE TABLE $schema.whole (n integer, id integer, v varchar(40)) PARTITION BY LIST (n);
		CREATE TABLE $schema.first PARTITION OF $schema.whole FOR VALUES IN (1)");
	$source->table($session, $schema, "$schema.third", 'third', "v varchar(40), n integer, id integer OPTIONS (key 'true')");
	$session->ok("ALTER TABLE $schema.whole ATTACH PARTITION $schema.kept FOR VALUES IN (2);
		ALTER TABLE $schema.whole ATTACH PARTITION $schema.third FOR VALUES IN (3)");
	is(rows($session, "INSERT INTO $schema.whole SELECT 1 + g % 3, g, 'row' FROM generate_series(1, 30) g"), 30, 'INSERT');
	is(rows($session, "UPDATE $schema.whole SET v = 'one' WHERE id < 4"), 3, 'UPDATE');
	is(rows($session, "UPDATE $schema.whole SET v = v || id WHERE id < 7 AND random() >= 0"), 6, 'UPDATE row by row');
	is(rows($session, "DELETE FROM $schema.whole WHERE id > 12 AND random() >= 0"), 18, 'DELETE row by row');
	is(rows($session, "DELETE FROM $schema.whole w USING (VALUES (7), (8), (8), (9)) d (i) WHERE d.i = w.id"), 3, 'DELETE of a join');
	is($session->ok("SELECT id, n, v FROM $schema.whole ORDER BY id"),
		"1|2|one1\n2|3|one2\n3|1|one3\n4|2|row4\n5|3|row5\n6|1|row6\n10|2|row\n11|3|row\n12|1|row", 'what is left');
	is(rows($session, "DELETE FROM $schema.whole"), 9, 'DELETE');
	$source->usable($session, $schema);
};

add 'who only reads changes nothing', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);
	my @changes = ("INSERT INTO $schema.kept VALUES (2, 'two', 2)", "UPDATE $schema.kept SET n = 2", "DELETE FROM $schema.kept",
		"TRUNCATE $schema.kept");

	$session->ok("INSERT INTO $schema.kept VALUES (1, 'one', 1)");
	for my $change (@changes)
	{
		$session->ok("BEGIN READ ONLY; SELECT count(*) FROM $schema.kept");
		$session->fails($change, '25006');
		$session->ok('ROLLBACK');
	}
	$session->ok("BEGIN; ALTER SERVER $schema OPTIONS (" .
		($session->ok("SELECT 1 FROM pg_foreign_server WHERE srvname = '$schema' AND 'updatable=true' = ANY (srvoptions)") ? 'SET' : 'ADD') .
		" updatable 'false')");
	for my $change (@changes)
	{
		$session->ok('SAVEPOINT s');
		$session->fails($change, '42501|55000|0A000', qr/updatable|truncatable|changed/);
		$session->ok('ROLLBACK TO s');
	}
	$session->ok('ROLLBACK');
	stored($source, $schema, '1|one|1', 'the row');
	$source->usable($session, $schema);
};

add 'an account that may not write', ['write', 'writer'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);
	my $reader = $source->options->{user}{user};

	$session->ok("INSERT INTO $schema.kept VALUES (1, 'one', 1)");
	$session->ok("ALTER USER MAPPING FOR CURRENT_USER SERVER $schema OPTIONS (SET user '$reader')");
	for my $change ("INSERT INTO $schema.kept VALUES (2, 'two', 2)", "UPDATE $schema.kept SET n = 2", "DELETE FROM $schema.kept")
	{
		$session->fails($change, '42501', qr/"$schema"/);
	}
	$source->usable($session, $schema);
};

# Every value arrives at the source as it is, or is an error.
add 'values are stored as they are', ['write', 'values'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $server = $source->server($session, table => 'write');
	my (%ids, %held, @wrong);

	$session->ok("CREATE SCHEMA $server; SET timezone = 'Europe/Berlin'");
	each_value(sub {
		my ($type, $name, undef, $id) = @_;

		return if $source->lacks("type.$type") || $name eq 'minus_zero' && $source->lacks("value.$type.$name");
		push @{$ids{$type}}, $id;
		$held{"$type $id"} = !$source->lacks("value.$type.$name") && !$source->lacks("write.$type.$name");
	});
	for my $type (sort keys %ids)
	{
		my $length = $type eq 'varchar' ? '(100)' : '';
		my $form = $type =~ /^float/ ? '::text' : '';

		$source->sql("CREATE TABLE w_$type (id integer PRIMARY KEY, v " . ($source->quirk("type.$type") || $type) . ');');
		$source->table($session, $server, "$server.w_$type", "w_$type", "id integer OPTIONS (key 'true'), v $type$length");
		for my $id (@{$ids{$type}})
		{
			my $result = $session->run("INSERT INTO $server.w_$type SELECT id, v FROM local.v_$type WHERE id = $id;
				INSERT INTO $server.w_$type SELECT -id, v FROM local.v_$type WHERE id = $id;
				UPDATE $server.w_$type f SET v = e.v FROM local.v_$type e WHERE f.id = -$id AND e.id = $id;
				SELECT f.id, left(f.v::text, 50) FROM local.v_$type e LEFT JOIN $server.w_$type f ON abs(f.id) = e.id
				WHERE e.id = $id AND (f.id IS NULL OR f.v$form IS DISTINCT FROM e.v$form)");
			my $expected = $held{"$type $id"} ? $result->{state} eq '' && $result->{out} eq '' :
				$result->{state} =~ /^22/ && $result->{out} eq "|";

			push @wrong, "$type, value $id: $result->{out} " . ($result->{err} =~ s/\n.*//sr) unless $expected;
		}
		$source->sql("DROP TABLE w_$type;");
	}
	is(join("\n", @wrong), '', 'values that did not arrive, or should not have');
};
each_value(sub { push @quirks, "write.$_[0].$_[1]" });

add 'a value that the source\'s column cannot hold is an error, and nothing else is stored', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	return if $source->lacks('write.length');
	$session->ok("CREATE FOREIGN TABLE $schema.wide (id bigint OPTIONS (key 'true'), v text, n numeric) SERVER $schema " .
		Contract::Source::clause({%{$source->options('write')->{table}}, table_name => 'kept'}));
	$session->ok("INSERT INTO $schema.wide VALUES (1, 'one', 1)");
	for my $value ("(2, repeat('x', 41), 2)", "(3000000000, 'x', 3)", "(4, 'x', 3000000000)")
	{
		$session->fails("INSERT INTO $schema.wide VALUES $value", '22...');
	}
	$session->fails("UPDATE $schema.wide SET v = repeat('x', 41)", '22...');
	stored($source, $schema, '1|one|1', 'the row');
	$source->usable($session, $schema);
};
push @quirks, 'write.length';

# Columns whose type at the source makes something else of a value than what is meant: statements on the table "odd", and what is
# returned, or the SQLSTATE.
my %odd = (
	mysql => {
		columns => "id integer OPTIONS (key 'true'), one boolean, few bit(4), more bit varying, many text, n bigint, t text",
		table => 'CREATE TABLE odd (id integer PRIMARY KEY, one bit(1), few bit(4), more bit(8), many bit(64), n bit(64), t text);',
		statements => [
			["(1, true, B'1010', B'00000001', repeat('01', 32), 5, 'a')" => '1|t|1010|00000001|' . '01' x 32 . '|5|a'],
			["(2, false, B'0000', B'11111111', repeat('1', 64), 0, NULL)" => '2|f|0000|11111111|' . '1' x 64 . '|0|'],
			["(3, NULL, NULL, NULL, NULL, NULL, NULL)" => '3||||||'],
			["(4, NULL, NULL, B'1', NULL, NULL, NULL)" => '22026'], ["(4, NULL, NULL, NULL, '10101010', NULL, NULL)" => '22026'],
			["(4, NULL, NULL, NULL, NULL, -1, NULL)" => '22026'], ["(4, NULL, NULL, NULL, repeat('2', 64), NULL, NULL)" => '22026']],
		updates => [["few = B'0011', many = repeat('10', 32)" => '0011|' . '10' x 32], ["few = ~ few, many = reverse(many)" => '1100|' . '01' x 32],
			["few = few" => '1100|' . '01' x 32], ["many = t" => '22...']],
		shown => 'few, many'},
	sqlite => {
		columns => "id integer OPTIONS (key 'true'), n text, r bigint, t text, j jsonb, x text",
		table => 'CREATE TABLE odd (id integer PRIMARY KEY, n numeric, r real, t text, j json, x);',
		statements => [
			["(1, '7', 7, '007', '12345', '007')" => '1|7|7|007|12345|007'], ["(2, '1.5', NULL, '1e3', '[1]', '1e3')" => '2|1.5||1e3|[1]|1e3'],
			["(3, 'seven', -9007199254740992, '', 'null', ' 7')" => '3|seven|-9007199254740992||null| 7'],
			(map { ["(4, '$_', NULL, NULL, NULL, NULL)" => '22000'] } '007', ' 7', '1e3', '1.50', '+7', '12345678901234567890123'),
			["(4, NULL, 9007199254740993, NULL, NULL, NULL)" => '22000'], ["(4, NULL, NULL, NULL, '1.50', NULL)" => '22000']],
		updates => [["n = '8', t = '08'" => '8|08'], ["n = t" => '22000'], ["t = n" => '8|8'], ["n = '08'" => '22000']],
		shown => 'n, t'},
);

for my $name (sort keys %odd)
{
	add "no value becomes another: $name", ['write', "odd.$name"], sub {
		my ($source) = @_;
		my $session = $source->session;
		my $schema = writable($source, $session);
		my $odd = $odd{$name};
		my $try = sub {
			my ($statement, $expected) = @_;

			return $session->fails($statement, $expected) if $expected =~ /^22...$/;
			is($session->ok($statement), $expected, $statement);
		};

		$source->sql("DROP TABLE IF EXISTS odd; $odd->{table}");
		$source->table($session, $schema, "$schema.odd", 'odd', $odd->{columns});
		$try->("INSERT INTO $schema.odd VALUES $_->[0] RETURNING *", $_->[1]) for @{$odd->{statements}};
		is($session->ok("SELECT count(*) FROM $schema.odd"), 3, 'rows');
		$try->("UPDATE $schema.odd SET $_->[0] WHERE id = 1 RETURNING $odd->{shown}", $_->[1]) for @{$odd->{updates}};
		# by one statement of the source, where it may be
		$session->ok("UPDATE $schema.odd SET $odd->{updates}[0][0] WHERE id = 1");
		is($session->ok("SELECT $odd->{shown} FROM $schema.odd WHERE id = 1"), $odd->{updates}[0][1], 'what was set');
		$session->fails("UPDATE $schema.odd SET $_->[0] WHERE id = 1", $_->[1]) for grep { $_->[1] =~ /^22...$/ } @{$odd->{updates}};
		$source->usable($session, $schema);
	};
	push @quirks, "odd.$name";
}

# What a function that a query calls has changed is undone, or refused, also where the transaction changes the source otherwise.
add 'a query of one\'s own changes nothing', ['write', 'query.writes'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);
	my $ask = "SELECT * FROM connkit_query('$schema', 'SELECT writes()') AS t(n int)";
	my $ids = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM $schema.kept";

	$source->sql("DROP FUNCTION IF EXISTS writes;\nDELIMITER //\nCREATE FUNCTION writes() RETURNS int MODIFIES SQL DATA
		BEGIN INSERT INTO kept (id) VALUES (1000); RETURN 1; END//\nDELIMITER ;\n");
	is($session->ok($ask), 1, 'by itself');
	is($session->ok("BEGIN; INSERT INTO $schema.kept (id) VALUES (1); $ask; $ids"), "1\n1", 'behind a change');
	is($session->ok("SAVEPOINT a; $ask; INSERT INTO $schema.kept (id) VALUES (2); $ask; ROLLBACK TO a; $ask; $ids"), "1\n1\n1\n1",
		'at a savepoint');
	$session->ok("INSERT INTO $schema.kept (id) VALUES (3); $ask; COMMIT");
	is($session->ok($ids), '1 3', 'what was committed');
	$session->ok("BEGIN ISOLATION LEVEL SERIALIZABLE; $ask; COMMIT");
	is($session->ok($ids), '1 3', 'serializable');
	$source->usable($session, $schema);
};
push @quirks, 'query.writes';

add 'COPY into a foreign table', ['write'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);

	$session->ok("COPY $schema.kept FROM STDIN;\n1\ta\t1\n2\t\\N\t2\n3\tc\t\\N\n\\.\nSELECT 1");
	stored($source, $schema, "1|a|1\n2||2\n3|c|", 'the rows');
	$session->fails("COPY $schema.kept FROM STDIN;\n4\ta\t1\n1\ta\t1\n\\.\nSELECT 1", '23505');
	stored($source, $schema, "1|a|1\n2||2\n3|c|", 'nothing of what fails');
	$source->usable($session, $schema);
};

add '200,000 rows take no more memory than few', ['write', 'memory'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = writable($source, $session);
	my %sql = (INSERT => "INSERT INTO $schema.kept SELECT g, 'row ' || g, 1 FROM generate_series(1, %d) g",
		UPDATE => "UPDATE $schema.kept SET v = 'row ' || id || random() WHERE id <= %d AND random() >= 0",
		DELETE => "DELETE FROM $schema.kept WHERE id <= %d AND random() >= 0");

	$session->ok("SET work_mem = '1MB'");
	for my $command (qw(INSERT UPDATE DELETE))
	{
		my $count = $command eq 'INSERT' ? 200000 : 20000;

		$session->ok(sprintf $sql{$command}, 2000);
		$session->ok("DELETE FROM $schema.kept") if $command eq 'INSERT';
		my ($grown) = growth($session, sprintf $sql{$command}, $count);
		die "$command: the backend grew by $grown kB\n" if $grown > 20000;
	}
	is($session->ok("SELECT count(*) FROM $schema.kept"), '180000', 'what is left');
};

1;
