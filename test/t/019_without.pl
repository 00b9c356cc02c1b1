# Without shared_preload_libraries what needs it says so, and the rest works; pg_cron can take the scheduler's place.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Scheduler;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
make_extension($node, 'postgres');
make_sync($node, 'postgres', 'quick', "rows '3'");

for my $call ("connkit_schedule('quick', '1 hour')", "connkit_sync('quick', background => true)", 'connkit.running_syncs()')
{
	my ($status, $out, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT $call");

	like($error, qr/ERROR:  55000: .*shared_preload_libraries/, "$call names what it needs");
	like($error, qr/HINT: .*shared_preload_libraries/, 'and what is to be done');
}
is($node->safe_psql('postgres', "SET ROLE acme; SELECT outcome, rows_read FROM connkit_sync('quick')"), 'succeeded|3',
	'a session runs syncs');
is($node->safe_psql('postgres', "SELECT count(*) FROM connkit.next_runs; SELECT connkit_unschedule('quick')"), "0\n0",
	'what needs nothing works');

SKIP:
{
	my $folder = `pg_config --sharedir`;

	chomp $folder;
	skip 'pg_cron is not installed', 5 unless -e "$folder/extension/pg_cron.control";
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'connkit, pg_cron'\nmax_worker_processes = 20\n"
		. "cron.use_background_workers = on\ncron.database_name = 'postgres'\n");
	$node->restart;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
	make_sync($node, 'postgres', 'by_cron', "rows '5'");
	make_sync($node, 'postgres', 'by_both', "rows '5'");
	# pg_cron 1.4 counts in minutes, and its workers need a role that can log in
	$node->safe_psql('postgres', 'ALTER ROLE acme LOGIN; GRANT USAGE ON SCHEMA cron TO acme');
	$node->safe_psql('postgres', q{
		SET ROLE acme;
		SELECT cron.schedule('direct', '* * * * *', $$SELECT * FROM connkit_sync('by_cron')$$);
		SELECT cron.schedule('queued', '* * * * *', $$SELECT * FROM connkit_sync('by_both', background => true)$$);
	});
	eventually($node, 'postgres', "SELECT count(*) > 0 FROM connkit.sync_run WHERE sync_name = 'by_cron' AND state = 'succeeded'",
		'pg_cron calls connkit_sync()');
	is($node->safe_psql('postgres', "SELECT count(*) FROM by_cron; SELECT DISTINCT requested_by, trigger FROM connkit.sync_run"
		. " WHERE sync_name = 'by_cron'"), "5\nacme|call", 'as the role that scheduled it');
	eventually($node, 'postgres', "SELECT count(*) > 0 FROM connkit.sync_run WHERE sync_name = 'by_both' AND state = 'succeeded'",
		'and with background');
	is($node->safe_psql('postgres', "SELECT DISTINCT trigger, requested_by FROM connkit.sync_run WHERE sync_name = 'by_both'"),
		'background|acme', 'the scheduler runs it');
	is($node->safe_psql('postgres', "SELECT DISTINCT status FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')"),
		'succeeded', 'pg_cron tells that it went well');
}

done_testing();
