# 5-memory.pl: a backend stays small, however many rows pass through it.

package Contract;

use strict;
use warnings;
use Contract;

# Runs a statement and returns the kilobytes that the backend had at most while it ran, more than before.
sub growth
{
	my ($session, $sql) = @_;
	my $before = rss($session->{backend});
	my $most = $before;

	$session->start($sql);
	until ($session->done(0.01))
	{
		my $now = rss($session->{backend});

		$most = $now if $now > $most;
	}
	my $result = $session->finish;
	my $after = rss($session->{backend});

	die "failed: $sql\n$result->{err}" if $result->{state};
	$most = $after if $after > $most;
	return ($most - $before, $result->{out});
}

my $bound = 20000;

for my $way ('a whole scan', 'a sort', 'a cursor', 'a loop', 'rows to the client')
{
	add "a million rows by $way take no more memory than few", ['table.million', 'memory'], sub {
		my ($source) = @_;
		my $session = $source->session;
		my %sql = (
			'a whole scan' => 'SELECT count(*), sum(length(v)) FROM remote.million',
			'a sort' => "SELECT count(*), 0 FROM (SELECT v FROM remote.million ORDER BY v || 'x' COLLATE \"C\") s",
			'a cursor' => 'MOVE 1000000 IN c; SELECT 1000000, 0',
			'a loop' => 'SELECT pg_temp.loop(), 0',
			'rows to the client' => '\copy (SELECT id, v FROM remote.million) to /dev/null' . "\nSELECT 1000000, 0");

		$session->ok('CREATE FUNCTION pg_temp.loop() RETURNS integer LANGUAGE plpgsql AS $$
			DECLARE n integer := 0; r record;
			BEGIN FOR r IN SELECT id, v FROM remote.million LOOP n := n + 1; END LOOP; RETURN n; END $$');
		$session->ok("SET work_mem = '4MB'; SELECT count(v) FROM (SELECT v FROM remote.numbers OFFSET 0) s");
		$session->ok('SELECT count(*), sum(length(v)) FROM (SELECT * FROM remote.million LIMIT 1000) s');
		$session->ok('BEGIN; DECLARE c CURSOR FOR SELECT id, v FROM remote.million') if $way eq 'a cursor';
		my ($grown, $out) = growth($session, $sql{$way});
		like($out, qr/^1000000\|/, 'all rows');
		die "the backend grew by $grown kB\n" if $grown > $bound;
	};
}

add 'two scans in turn take no more memory than work_mem', ['table.million', 'memory'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$source->usable($session);
	$session->ok("SET work_mem = '1MB'; BEGIN; DECLARE a CURSOR FOR SELECT id, v FROM remote.million;
		DECLARE b CURSOR FOR SELECT id, v FROM remote.million; MOVE 10 IN a; MOVE 10 IN b");
	my ($grown) = growth($session, join('; ', map { ("MOVE 100000 IN a", "MOVE 100000 IN b") } 1 .. 4));
	die "the backend grew by $grown kB\n" if $grown > $bound;
	is($session->ok('FETCH a') =~ /^(\d+)/ && $1, 400011, 'the rows of the one');
	is($session->ok('FETCH b') =~ /^(\d+)/ && $1, 400011, 'the rows of the other');
	$session->ok('COMMIT');
	$source->usable($session);
};

add 'a thousand statements take no memory', ['table.numbers', 'memory'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $loop = 'DO $$ BEGIN FOR i IN 1..LAST LOOP
		EXECUTE format(\'SELECT v FROM remote.numbers WHERE id = %s\', i);
		PERFORM v FROM remote.numbers WHERE id = i;
		BEGIN
			PERFORM 1 / (id - i) FROM remote.numbers WHERE id = i;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
		END LOOP; END $$';

	$session->ok($loop =~ s/LAST/300/r);
	my ($grown) = growth($session, $loop =~ s/LAST/1000/r);
	die "the backend grew by $grown kB\n" if $grown > 4000;
	$session->ok('DO $$ BEGIN FOR i IN 1..20 LOOP PERFORM v FROM remote.numbers WHERE id = i; COMMIT; END LOOP; END $$');
	$source->usable($session);
};

add 'large values do not stay in memory', ['table.big', 'memory'], sub {
	my ($source) = @_;
	my $session = $source->session;

	$session->ok('SELECT length(v) FROM remote.big') for 1 .. 2;
	my $before = rss($session->{backend});
	$session->ok('SELECT length(v) FROM remote.big') for 1 .. 5;
	my $grown = rss($session->{backend}) - $before;
	die "the backend grew by $grown kB\n" if $grown > $bound;
};

1;
