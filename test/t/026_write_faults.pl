# Changes are killed, cut, cancelled and timed out at random points, also in COMMIT. After each the source has all of the
# transaction or nothing, and what the local statement told was true: no error means all, SQLSTATE 08007 that it cannot know,
# any other error nothing.
#
# The same statements run on a local copy, which is the judge. WRITE_FAULT_RUNS is the number of transactions, WRITE_FAULT_SEED
# repeats the choices (not the moments), WRITE_FAULT_ONLY chooses faults by a pattern.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use FindBin;
use lib $FindBin::RealBin;
use Source;
use Target;

my $wanted = $ENV{WRITE_FAULT_RUNS} || 120;
my $seed = $ENV{WRITE_FAULT_SEED} || int rand 1000000;

diag("WRITE_FAULT_SEED=$seed WRITE_FAULT_RUNS=$wanted");
srand $seed;
start_target("shared_buffers = 16MB\nrestart_after_crash = on\nlog_statement = none\n");

my %sources = map { my $source = Source->new($_); $source ? ($_ => $source) : () } qw(postgres mysql);
my @kinds = sort keys %sources;
my %columns = (postgres => 'id integer', mysql => "id integer OPTIONS (key 'true')");

ask("GRANT CREATE ON DATABASE postgres TO $role");
for my $kind (@kinds)
{
	my $source = $sources{$kind};

	$source->run('CREATE TABLE account (id integer PRIMARY KEY, v integer NOT NULL, tag varchar(40));');
	$source->run('CREATE TABLE other (id integer PRIMARY KEY, account integer'
		. ($kind eq 'postgres' ? ' REFERENCES account DEFERRABLE INITIALLY DEFERRED' : '') . ');');
	$source->run($kind eq 'postgres' ? 'GRANT ALL ON account, other TO reader' : "GRANT ALL ON source.* TO reader\@'%'");
	ask($source->definition("s_$kind", $role));
	ask("ALTER SERVER s_$kind OPTIONS (SET query_timeout '3', ADD batch_size '150')");
	my $schema = $kind eq 'postgres' ? "OPTIONS (schema_name 'public')" : '';
	as_keeper($_) for "CREATE SCHEMA $kind", "CREATE SCHEMA local_$kind", "CREATE SCHEMA before_$kind",
		"CREATE FOREIGN TABLE $kind.account ($columns{$kind}, v integer, tag varchar(40)) SERVER s_$kind $schema",
		"CREATE FOREIGN TABLE $kind.other ($columns{$kind}, account integer) SERVER s_$kind $schema",
		map { "CREATE TABLE ${_}_$kind.account (id integer PRIMARY KEY, v integer NOT NULL, tag varchar(40))" } qw(local before);
}
diag('no MariaDB: its cases are left out') if !$sources{mysql};

# What is in the table, as text: of a source, or of a local copy.
sub contents
{
	my ($kind, $copy) = @_;

	return $copy ? value("SELECT coalesce(string_agg(concat_ws(':', id, v, tag), ',' ORDER BY id), '') FROM ${copy}_$kind.account")
		: join ',', $sources{$kind}->rows("SELECT concat_ws(':', id, v, tag) FROM account ORDER BY id");
}

sub copy
{
	my ($kind, $from, $to) = @_;

	ask("TRUNCATE ${to}_$kind.account; INSERT INTO ${to}_$kind.account SELECT * FROM ${from}_$kind.account");
}

#
# Statements, with %s for the schema
#
my $last = 0;

sub change
{
	my ($rows) = @_;
	my ($r, $c) = (int rand 7, 1 + int rand 9);
	my @kinds = ('insert', 'update', 'rows', 'delete');
	my $what = $rows < 500 ? 'insert' : $rows > 5000 ? 'trim' : $kinds[rand @kinds];

	if ($what eq 'insert')
	{
		my ($from, $count) = ($last, 200 + int rand 2500);

		$last += $count;
		return "INSERT INTO %s.account SELECT $from + g, g % 100, 'row ' || g FROM generate_series(1, $count) g";
	}
	return "UPDATE %s.account SET v = v + $c WHERE id % 7 = $r" if $what eq 'update';
	return "UPDATE %s.account SET v = v + length(md5(tag)) + $c WHERE id % 7 = $r AND random() >= 0" if $what eq 'rows';
	return 'DELETE FROM %s.account WHERE id < ' . ($last - 3000) if $what eq 'trim';
	return "DELETE FROM %s.account WHERE id % 11 = $r";
}

# A transaction: one statement, a block with savepoints, or a function that catches errors of its own.
sub transaction
{
	my ($rows) = @_;
	my $change = sub { change($rows) };
	my $way = rand;

	return ($change->()) if $way < 0.3;
	if ($way < 0.45)
	{
		my ($one, $two) = ($change->(), $change->());

		return ("DO \$\$ BEGIN
				FOR i IN 1..3 LOOP
					BEGIN
						$one;
						IF i < 3 THEN RAISE division_by_zero; END IF;
						$two;
					EXCEPTION WHEN division_by_zero THEN NULL;
					END;
				END LOOP;
			END \$\$");
	}
	my @block = ('BEGIN', $change->());
	push @block, 'SELECT count(*) FROM %s.account' if rand() < 0.3;
	push @block, 'SAVEPOINT a', $change->(), rand() < 0.5 ? 'ROLLBACK TO a' : 'RELEASE a' if rand() < 0.7;
	push @block, 'SAVEPOINT b', 'SAVEPOINT c', $change->(), 'ROLLBACK TO b' if rand() < 0.3;
	push @block, $change->() if rand() < 0.5;
	return (@block, 'COMMIT');
}

# The statements for a schema; modulo is no format.
sub for_schema
{
	my ($schema, @statements) = @_;

	return map { s/%s/$schema/gr } @statements;
}

#
# Faults: done to a source while a statement runs; each gets the source and the local backend's process
#
my %faults = (
	none => sub { },
	reset => sub { $_[0]{proxy}->tell('cut rst') },
	closed => sub { $_[0]{proxy}->tell('cut fin') },
	'reset after bytes' => sub { $_[0]{proxy}->tell('cut rst ' . int rand 3000) },
	'closed after bytes' => sub { $_[0]{proxy}->tell('cut fin ' . int rand 3000) },
	'reset at the next reply' => sub { $_[0]{proxy}->tell('cut rst 1') },
	stall => sub { $_[0]{proxy}->tell('stall') },
	'kill -9 of the source' => sub { $_[0]->crash('kill') },
	"end of the source's session" => sub { $_[0]->end_sessions('terminate') },
	'cancel at the source' => sub { $_[0]->end_sessions('cancel') },
	'cancel here' => sub { ask("SELECT pg_cancel_backend($_[1])") },
	'end of the session here' => sub { ask("SELECT pg_terminate_backend($_[1])") },
	# until the postmaster has seen it, sessions go on that it is to end
	'kill -9 of the process here' => sub { kill 'KILL', $_[1]; do { sleep 0.01 } while kill 0, $_[1] },
	statement_timeout => sub { });
my @names = grep { !$ENV{WRITE_FAULT_ONLY} || /$ENV{WRITE_FAULT_ONLY}/ } sort keys %faults;

my (%hit, %told, $client);
my $usual = 0.05;				# seconds that a transaction takes

# Runs statements until one fails, with the fault on the way: SQLSTATE of the error, or ''.
sub run_with_fault
{
	my ($source, $fault, $in_commit, @statements) = @_;
	my $began = time;
	my $at = $in_commit ? undef : rand(1.3 * $usual);

	# a fault that came after the end of what it was for has ended the session unseen, or a ROLLBACK ran out of its time
	$client = connection($role) if !$client || $client->{closed}
		|| !eval { $client->rows('ROLLBACK; SET statement_timeout = 0') };
	unshift @statements, sprintf 'SET statement_timeout = %d', 1 + 1500 * $usual * rand if $fault eq 'statement_timeout';
	for my $sql (@statements)
	{
		if ($in_commit && ($sql eq 'COMMIT' || @statements == 1))
		{
			# sometimes just before, and sometimes a little later
			$at = time - $began + (rand() < 0.5 ? -1 : rand 0.01);
		}
		$faults{$fault}->($source, $client->{pid}), $at = undef if defined $at && time - $began >= $at;
		$client->start($sql);
		until ($client->finish(defined $at ? $at - (time - $began) > 0 ? $at - (time - $began) : 0 : 60))
		{
			die "no end: $sql" if !defined $at;
			$faults{$fault}->($source, $client->{pid});
			$at = undef;
		}
		last if $client->{error};
	}
	my $state = $client->{error} ? $client->{state} : '';
	$usual = 0.7 * $usual + 0.3 * (time - $began) if $fault eq 'none';
	# what the error left open
	eval { $client->rows('ROLLBACK') } if $state ne '' && !$client->{closed};
	return $state;
}

# All is up again.
sub recover
{
	Source::start_node($node);
	for my $source (values %sources)
	{
		$source->{proxy}->tell('pass');
		$source->up;
	}
}

# What was sent may still be under way at the source: a session that was cut off ends when the server knows.
sub settled
{
	my ($kind, @expected) = @_;
	my ($end, $got) = (time + 15);

	do
	{
		$got = contents($kind);
		return $got if grep { $_ eq $got } @expected;
		sleep 0.1;
	} while (time < $end);
	return $got;
}

# Waits until the source has no session of the reader that is at work.
sub quiet
{
	my ($kind) = @_;
	my $end = time + 15;
	my $sql = $kind eq 'postgres' ? "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader' AND state <> 'idle'" :
		"SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id"
		. " WHERE p.user = 'reader'";

	sleep 0.05 while time < $end && ($sources{$kind}->rows($sql, 'mysql'))[0] > 0;
}

for my $number (1 .. $wanted)
{
	my $kind = $kinds[rand @kinds];
	my $fault = $names[rand @names];
	my $in_commit = rand() < 0.5;
	my @statements = transaction(value("SELECT count(*) FROM local_$kind.account"));
	my $story = "$kind, $fault" . ($in_commit ? ' in COMMIT' : '');

	copy($kind, 'local', 'before');
	as_keeper(join '; ', for_schema("local_$kind", @statements));
	my ($before, $after) = (contents($kind, 'before'), contents($kind, 'local'));
	my $state = run_with_fault($sources{$kind}, $fault, $in_commit, for_schema($kind, @statements));

	recover();
	quiet($kind);
	# a client that has lost its session does not know either
	my $unknown = $state eq '08007' || $client->{closed};
	my $got = settled($kind, $state eq '' ? $after : $unknown ? ($before, $after) : $before);
	my $what = $got eq $after ? 'all' : $got eq $before ? 'nothing' : 'a part';

	$what = 'the same' if $before eq $after;
	$hit{$fault}++ if $state ne '';
	$told{$state eq '' ? 'no error' : $client->{closed} ? 'session lost' : $state}{$what}++;
	my $true = $what eq 'the same' || ($state eq '' ? $what eq 'all' : $unknown ? $what ne 'a part' : $what eq 'nothing');
	ok($true, "$number: $story: " . ($state eq '' ? 'no error' : $state) . ", $what") or diag(join "\n", @statements,
		$client->{error} // '');
	last if !$true && $what eq 'a part';
	copy($kind, 'before', 'local') if $got eq $before;
}
diag(join "\n", map { my $s = $_; "$s: " . join ', ', map { "$_ $told{$s}{$_}" } sort keys %{$told{$s}} } sort keys %told);
diag('faults that hit: ' . join ', ', map { "$_ $hit{$_}" } sort keys %hit);

#
# Two sources: each of them has all or nothing, and they commit one after the other
#
if ($sources{mysql})
{
	my $session = connection($role);
	my $fails = "INSERT INTO postgres.other VALUES (1, -1)";	# its constraint is looked at in COMMIT
	my $good = "INSERT INTO mysql.other VALUES (1, 1)";
	my $there = sub { join ' ', map { ($sources{$_}->rows('SELECT count(*) FROM other'))[0] } qw(mysql postgres) };

	eval { $session->rows("BEGIN; $fails; $good; COMMIT") };
	like($@, qr/^23503 /, 'the first of two sources fails in COMMIT');
	is($there->(), '0 0', 'neither has it');
	eval { $session->rows("BEGIN; $good; $fails; COMMIT") };
	like($@, qr/^23503 /, 'the second of two sources fails in COMMIT');
	is($there->(), '1 0', 'the first has it: commits are not one');
	$sources{mysql}->run('DELETE FROM other');
	$session->rows("BEGIN; $good; INSERT INTO postgres.account VALUES (-1, 1, 'x'); ROLLBACK");
	is($there->(), '0 0', 'a rollback undoes it in both');
	eval { $session->rows("BEGIN; $good; INSERT INTO postgres.other VALUES (1, NULL); SELECT 1/0; COMMIT") };
	eval { $session->rows('ROLLBACK') };
	is($there->(), '0 0', 'an error here undoes it in both');
	$session->rows("BEGIN; $good; INSERT INTO postgres.other VALUES (1, NULL); COMMIT");
	is($there->(), '1 1', 'a commit keeps it in both');
}

#
# Snapshots and deadlocks
#
for my $kind (@kinds)
{
	my $source = $sources{$kind};
	my $session = connection($role);
	my $other = connection($role);

	$source->run('DELETE FROM other; DELETE FROM account;');
	$source->run("INSERT INTO account VALUES (1, 1, 'a'), (2, 2, 'b');");
	$session->rows("BEGIN; SELECT * FROM $kind.account");
	$source->run('UPDATE account SET v = 10 WHERE id = 1;');
	is($session->value("SELECT v FROM $kind.account WHERE id = 1"), '1', "$kind: the snapshot of the first statement");
	eval { $session->rows("UPDATE $kind.account SET v = v + 1 WHERE id = 1") };
	like($@, qr/^40001 /, "$kind: what another has changed since is not overwritten");
	$session->rows('ROLLBACK');
	is(($source->rows('SELECT v FROM account WHERE id = 1'))[0], '10', "$kind: nothing is lost");
	$session->rows("BEGIN; SELECT * FROM $kind.account; UPDATE $kind.account SET v = v + 1 WHERE id = 2");
	is($session->value("SELECT sum(v) FROM $kind.account"), '13', "$kind: its own change is seen");
	$session->rows('COMMIT');

	# the one that the source chooses loses its transaction, also what an EXCEPTION block would have kept
	$_->rows("CREATE FUNCTION pg_temp.touch(a integer, b integer) RETURNS text LANGUAGE plpgsql AS \$\$
		BEGIN
			UPDATE $kind.account SET v = v + 100 WHERE id = a;
			PERFORM pg_sleep(0.5);
			BEGIN
				UPDATE $kind.account SET v = v + 100 WHERE id = b;
			EXCEPTION WHEN deadlock_detected THEN
				RETURN 'deadlock';
			END;
			RETURN 'fine';
		END \$\$") for $session, $other;
	$source->run("UPDATE account SET v = 0;");
	$session->start('SELECT pg_temp.touch(1, 2)');
	$other->start('SELECT pg_temp.touch(2, 1)');
	$_->finish(30) for $session, $other;
	my @outcome = map { $_->{error} ? $_->{state} : $_->{rows}[0][0] } $session, $other;
	my $sum = ($source->rows('SELECT sum(v) FROM account'))[0];

	# PostgreSQL keeps what was changed before the savepoint, so that the other one finds a row changed; MySQL and MariaDB keep
	# nothing, and so the local transaction fails
	if ($kind eq 'postgres')
	{
		is(join(' ', sort @outcome), '40001 deadlock', "$kind: one of two is told of the deadlock");
		is($sum, '100', "$kind: it keeps what it did before");
	}
	else
	{
		is(scalar(grep { $_ eq 'fine' } @outcome), 1, "$kind: one of two goes on");
		is(scalar(grep { /^08|^40|^25/ } @outcome), 1, "$kind: the other fails as a whole: @outcome");
		is($sum, '200', "$kind: nothing of it is kept");
	}
}

#
# A request that is more than the source takes at once
#
if ($sources{mysql})
{
	my $session = connection($role);

	$sources{mysql}->run('CREATE TABLE wide (id integer PRIMARY KEY, v longtext);');
	$session->rows("CREATE FOREIGN TABLE mysql.wide (id integer OPTIONS (key 'true'), v text) SERVER s_mysql");
	eval { $session->rows("INSERT INTO mysql.wide SELECT g, repeat('x', 1000000) FROM generate_series(1, 30) g") };
	like($@, qr/^22\S+ .*sent at once/, 'a batch of 30 MB');
	$session->rows("ALTER FOREIGN TABLE mysql.wide OPTIONS (ADD batch_size '5')");
	$session->rows("INSERT INTO mysql.wide SELECT g, repeat('x', 1000000) FROM generate_series(1, 30) g");
	is(($sources{mysql}->rows('SELECT sum(length(v)) FROM wide'))[0], '30000000', 'in smaller batches');
}

#
# Tables whose changes cannot be undone
#
if ($sources{mysql})
{
	my $session = connection($role);
	my $count = sub { ($sources{mysql}->rows('SELECT count(*) FROM plain'))[0] };

	$sources{mysql}->run('CREATE TABLE plain (id integer PRIMARY KEY, v integer) ENGINE = MyISAM;');
	$session->rows("CREATE FOREIGN TABLE mysql.plain (id integer OPTIONS (key 'true'), v integer) SERVER s_mysql");
	$session->rows('INSERT INTO mysql.plain VALUES (1, 1)');
	is($count->(), '1', 'an INSERT by itself');
	eval { $session->rows('BEGIN; INSERT INTO mysql.plain VALUES (2, 2)') };
	like($@, qr/^0A000 .*engine/, 'within a block it is refused');
	$session->rows('ROLLBACK');
	eval { $session->rows('DO $$ BEGIN INSERT INTO mysql.plain VALUES (2, 2); END $$') };
	like($@, qr/^0A000 .*engine/, 'and within a function');
	is($count->(), '1', 'nothing was sent');
	my $script = "$PostgreSQL::Test::Utils::tmp_check/pipeline";
	append_to_file($script, "\\startpipeline\nSELECT 1;\nINSERT INTO mysql.plain VALUES (2, 2);\n\\endpipeline\n");
	my $offset = -s $node->logfile;
	run_command([ 'pgbench', '-n', '-M', 'extended', '-t', 1, '-f', $script, $node->connstr('postgres') . " user=$role" ]);
	like(slurp_file($node->logfile, $offset), qr/engine has no transactions/, 'nor in a pipeline, behind another statement');
	is($count->(), '1', 'nothing was sent there either');
	$session->rows('SET connkit.allow_best_effort_writes = on');
	$session->rows("BEGIN; INSERT INTO mysql.account VALUES (-5, 1, 'x'); INSERT INTO mysql.plain VALUES (2, 2); ROLLBACK");
	is($count->(), '2', 'unless that is allowed');
	is(($sources{mysql}->rows('SELECT count(*) FROM account WHERE id = -5'))[0], '0', 'what can be undone is');
}

done_testing();
