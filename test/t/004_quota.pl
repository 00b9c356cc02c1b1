# Quotas hold when two sessions work at once, for each organization of its own, and not for superusers.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql(
	'postgres', q{
	SET client_min_messages = warning;
	CREATE EXTENSION connkit CASCADE;
	CREATE ROLE acme;
	CREATE ROLE globex;
	CREATE ROLE anna LOGIN IN ROLE acme, globex;
	CREATE ROLE ben LOGIN IN ROLE acme;
	GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null TO acme, globex;
	SELECT connkit_set_quota('acme', max_sources => 2, max_runs => 1);
});

# A session that stays: statements go in, and what they print comes out when all are done.
sub session
{
	my $self = { in => '', out => '' };
	$self->{run} = IPC::Run::start(
		[ 'psql', '-XqAt', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres') . ' user=' . shift ],
		'<', \$self->{in}, '&>', \$self->{out}, IPC::Run::timeout(60));
	return $self;
}

sub say_to
{
	my ($self, $sql) = @_;
	$self->{out} = '';
	$self->{in} .= "$sql;\n\\echo done\n";
	$self->{run}->pump_nb;
}

sub answer
{
	my $self = shift;
	$self->{run}->pump until $self->{out} =~ s/^done\n//m;
	return $self->{out} =~ s/\n\z//r;
}

sub ask
{
	say_to(@_);
	return answer($_[0]);
}

sub waits
{
	return $node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND backend_type = 'client backend'});
}

sub sources
{
	return $node->safe_psql('postgres',
		q{SELECT string_agg(name, ' ' ORDER BY name COLLATE "C") FROM connkit.source WHERE owner = '} . shift . q{'});
}

my $one = session('anna');
my $two = session('ben');
is(ask($one, 'SET ROLE acme'), '', 'a session of the organization');
is(ask($two, 'SET ROLE acme'), '', 'and another');
is(ask($one, 'CREATE SERVER a FOREIGN DATA WRAPPER connkit_null'), '', 'the first of two sources');

is(ask($one, 'BEGIN; CREATE SERVER b FOREIGN DATA WRAPPER connkit_null'), '', 'the second is on its way');
say_to($two, 'CREATE SERVER c FOREIGN DATA WRAPPER connkit_null');
ok(waits(), 'a third, in another session, waits');
is(ask($one, 'COMMIT'), '', 'the second is there');
like(answer($two), qr/53400/, 'and the third refused');
is(sources('acme'), 'a b', 'two sources');

is(ask($one, 'DROP SERVER b; BEGIN; CREATE SERVER b FOREIGN DATA WRAPPER connkit_null'), '', 'the second anew');
say_to($two, q{SELECT connkit_create_source('c', 'null')});
ok(waits(), 'and another, in one call, waits');
is(ask($one, 'ROLLBACK'), '', 'the second is given up');
is(answer($two), '', 'so there is place for the other');
is(sources('acme'), 'a c', 'two sources again');

is(ask($one, 'DROP SERVER c'), '', 'one is dropped');
is(ask($two, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_foreign_server'), '1', 'an old snapshot');
is(ask($one, 'CREATE SERVER b FOREIGN DATA WRAPPER connkit_null'), '', 'a source that it does not see');
like(ask($two, 'CREATE SERVER c FOREIGN DATA WRAPPER connkit_null'), qr/53400/, 'is counted');
is(ask($two, 'ROLLBACK'), '', 'all the same');

is(ask($one, 'RESET ROLE; SET ROLE globex; CREATE SERVER g FOREIGN DATA WRAPPER connkit_null'), '', 'another organization has a limit of its own');
is(ask($one, 'RESET ROLE'), '', 'who is in both');
like(ask($one, 'ALTER SERVER g OWNER TO acme'), qr/53400/, 'gives a source to none that has enough');
is(sources('globex'), 'g', 'and it stays where it was');
is(ask($one, 'ALTER SERVER a OWNER TO globex; ALTER SERVER g OWNER TO acme'), '', 'but exchanges two');
is(ask($one, q{SET ROLE acme; SELECT connkit_drop_source('g')}), '', 'a source that is disabled');
like(ask($one, 'CREATE SERVER c FOREIGN DATA WRAPPER connkit_null'), qr/53400/, 'counts');
is(ask($one, q{ALTER SERVER b OPTIONS (rows '5'); ALTER SERVER b RENAME TO bb}), '', 'other changes are not looked at');
is(ask($one, q{SELECT connkit_drop_source('g', true)}), '', 'one that is dropped for good');
is(ask($one, 'CREATE SERVER c FOREIGN DATA WRAPPER connkit_null'), '', 'makes place');

# runs
my $discover = q{SELECT count(*) FROM connkit_discover};
is(ask($one, "BEGIN; ${discover}('bb')"), '1', 'a run');
like(ask($two, "${discover}('c')"), qr/53400/, 'a second at the same time is refused, whatever the source');
is(ask($one, "${discover}('c')"), '1', 'a second in the same transaction has its place');
is(ask($one, 'COMMIT'), '', 'the run ends');
is(ask($two, "${discover}('c')"), '1', 'and the other goes');
is(ask($one, "BEGIN; SAVEPOINT s; ${discover}('bb'); ROLLBACK TO s"), '1', 'a run that is rolled back');
is(ask($two, "${discover}('c')"), '1', 'has ended too');
is(ask($one, 'ROLLBACK'), '', 'with all');
$node->safe_psql('postgres', q{SELECT connkit_set_quota('acme', max_runs => 2)});
is(ask($one, "BEGIN; ${discover}('bb')"), '1', 'one of two runs');
is(ask($two, "BEGIN; ${discover}('bb')"), '1', 'and the other');
my $three = session('ben');
like(ask($three, "${discover}('bb')"), qr/53400/, 'a third is refused');
is($node->safe_psql('postgres', "${discover}('bb')"), '1', 'but to a superuser');
is(ask($three, 'SET ROLE globex'), 'ERROR:  42501', 'who is not in the other organization');
is(ask($two, 'ROLLBACK'), '', 'a run that fails');
is(ask($three, "${discover}('bb')"), '1', 'makes place');
is(ask($one, 'ROLLBACK'), '', 'as does the other');

# settings, and superusers
$node->append_conf('postgresql.conf', qq{connkit.max_sources_per_organization = 0\nconnkit.max_runs_per_organization = 0\n});
$node->reload;
my $new = session('anna');
like(ask($new, 'SET ROLE acme; CREATE SERVER d FOREIGN DATA WRAPPER connkit_null'), qr/53400/, 'the setting holds where there is no quota');
like(ask($new, 'SET connkit.max_sources_per_organization = 9'), qr/42501/, 'and is not for the organization to change');
like(ask($new, q{SELECT connkit_set_quota('acme', 9)}), qr/42501/, 'nor is the quota');
is(ask($new, q{SELECT max_sources IS NULL, max_runs FROM connkit.quota}), 't|2', 'though it is seen');
is(ask($new, "${discover}('bb')"), '1', 'a quota goes before the setting');
like(ask($new, "RESET ROLE; SET ROLE globex; ${discover}('a')"), qr/53400/, 'for its organization');
is(ask($new, q{SELECT count(*) FROM connkit.quota}), '0', 'which alone sees it');
$node->safe_psql('postgres', q{CREATE SERVER s FOREIGN DATA WRAPPER connkit_null; ALTER SERVER s OWNER TO acme});
is(sources('acme'), 'bb c s', 'a superuser is not bound');

my $dump = $node->basedir . '/dump';
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', $dump ], 'a dump of more sources than there may be');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('again'), $dump ], 'is restored');
is($node->safe_psql('again', q{SELECT string_agg(owner || '.' || name, ' ' ORDER BY name COLLATE "C") FROM connkit.source}),
	'globex.a acme.bb acme.c acme.s', 'with its owners');
is($node->safe_psql('again', 'SELECT organization, max_runs FROM connkit.quota'), 'acme|2', 'and quotas');
is($node->safe_psql('postgres', q{SELECT connkit_set_quota('acme')}), '', 'a quota is taken away');
is($node->safe_psql('postgres', 'SELECT count(*) FROM connkit.quota'), '0', 'and gone');

foreach my $session ($one, $two, $three, $new)
{
	$session->{in} .= "\\q\n";
	$session->{run}->finish;
}
is($node->safe_psql('postgres', q{SELECT DISTINCT object FROM connkit.audit_log
	WHERE action = 'exceed' AND object_type = 'quota' AND outcome = 'refused' AND sqlstate = '53400'}), 'acme',
	'what was refused is in the audit log');

done_testing();
