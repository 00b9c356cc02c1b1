# On a standby nothing runs; when it is promoted, schedules go on there.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Scheduler;
use Test::More;

my $primary = scheduler_node('primary', '', allows_streaming => 1);
make_extension($primary, 'postgres');
make_sync($primary, 'postgres', 'quick', "rows '3'");
make_sync($primary, 'postgres', 'slow', "rows '80', delay_ms '10'",
	"mode => 'incremental', write => 'append', cursor_column => 'id'");
$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby = on\n");
$standby->start;

my $runs = "SELECT count(*) FROM connkit.sync_run WHERE sync_name = 'quick' AND state = 'succeeded'";

$primary->safe_psql('postgres', "SET ROLE acme; SELECT connkit_schedule('quick', '1 second')");
eventually($standby, 'postgres', "SELECT ($runs) >= 2", 'the standby sees what runs on the primary');
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'connkit%'"), '0',
	'and has no process of connkit');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM connkit.next_runs; SELECT count(*) FROM connkit.sync_progress'),
	"3\n0", 'its views can be asked');
my ($status, $out, $error) = $standby->psql('postgres', "SELECT connkit_schedule('quick', '1 hour')");
like($error, qr/read-only transaction/, 'nothing can be scheduled there');

$primary->safe_psql('postgres', "SET ROLE acme; SELECT connkit_sync('slow', background => true)");
$primary->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM connkit.sync_run WHERE sync_name = 'slow' AND state = 'running' AND chunks >= 2");
$primary->stop('immediate');
my $before = $standby->safe_psql('postgres', $runs);
$standby->promote;
eventually($standby, 'postgres', "SELECT ($runs) >= $before + 2", 'promoted, it runs them');
eventually($standby, 'postgres', "SELECT count(*) = 1 FROM connkit.sync_run WHERE sync_name = 'slow' AND state = 'succeeded'",
	'a run that was under way goes on');
is($standby->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id) FROM slow'), '80|80', 'and has all rows, once');

done_testing();
