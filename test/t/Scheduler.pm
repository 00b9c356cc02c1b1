# Scheduler.pm: clusters with the scheduler, and syncs of generated rows.
package Scheduler;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

our @EXPORT = qw(scheduler_node make_extension make_sync eventually kill_process log_of);

# A running cluster with connkit preloaded.
sub scheduler_node
{
	my ($name, $settings, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%init);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'connkit'\nmax_worker_processes = 20\n"
		. "restart_after_crash = on\nlog_statement = none\nautovacuum = off\nconnkit.retry_delay = '300ms'\n"
		. ($settings // ''));
	$node->start;
	return $node;
}

# The extension, and a role that owns sources and syncs and cannot log in.
sub make_extension
{
	my ($node, $database) = @_;

	$node->safe_psql($database, q{
		SET client_min_messages = warning;
		CREATE EXTENSION connkit CASCADE;
		DO $$ BEGIN CREATE ROLE acme NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
		GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null, connkit_postgres TO acme;
		GRANT CREATE ON SCHEMA public TO acme;
	});
}

# A sync of a source of its own, whose rows are as the options say, into the table of its name; it belongs to the role. With
# arguments, more of connkit_create_sync().
sub make_sync
{
	my ($node, $database, $name, $options, $arguments, $role) = @_;

	$role //= 'acme';
	$arguments = $arguments ? ", $arguments" : '';
	$node->safe_psql($database, qq{
		SET client_min_messages = warning;
		SET ROLE $role;
		CREATE SERVER $name FOREIGN DATA WRAPPER connkit_null OPTIONS ($options);
		CREATE USER MAPPING FOR $role SERVER $name;
		CREATE TABLE IF NOT EXISTS $name (id bigint);
		SELECT connkit_create_sync('$name', 'numbers', '$name', name => '$name',
			settings => '{"columns": ["id"], "chunk_rows": 10}'$arguments);
	});
}

# True when the query says so before long; shows what runs there are where it does not.
sub eventually
{
	my ($node, $database, $query, $name) = @_;
	my $ok = $node->poll_query_until($database, $query);

	ok($ok, $name);
	diag($node->safe_psql($database, 'TABLE connkit.sync_run; TABLE connkit.schedule')) unless $ok;
	return $ok;
}

# Kills a process of the cluster, and waits until all has been started again: not before the postmaster has seen it.
sub kill_process
{
	my ($node, $pid) = @_;

	kill 'KILL', $pid or die "no process $pid";
	sleep 0.01 while kill 0, $pid;
	$node->poll_query_until('postgres', 'SELECT 1', '1');
}

sub log_of
{
	return slurp_file(shift->logfile);
}

1;
