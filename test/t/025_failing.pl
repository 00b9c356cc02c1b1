# What runs that fail in the background leave: attempts with growing pauses between them, and the rows that were rejected.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Scheduler;
use Test::More;

my $node = scheduler_node('main', "connkit.retry_delay = '1s'\n");

sub sql
{
	return $node->safe_psql('postgres', shift);
}

sub ended
{
	my ($name, $state, $what) = @_;

	eventually($node, 'postgres', "SELECT state = '$state' FROM connkit.sync_run WHERE sync_name = '$name' AND ended_at IS NOT NULL", $what);
}

make_extension($node, 'postgres');

# one, two and four seconds, each a quarter more or less
make_sync($node, 'postgres', 'lost', "rows '5', fail_at '2', fail_with 'lost'");
sql("SET ROLE acme; SELECT connkit_schedule('lost', '1 day', retries => 3); SELECT connkit_sync('lost', background => true)");

# meanwhile, with each run a process that has told of none before
make_sync($node, 'postgres', 'bad', "rows '20'", q{write => 'append'});
sql(q{SET ROLE acme; ALTER TABLE bad ADD CHECK (id % 5 <> 0);
	SELECT connkit_alter_sync('bad', '{"max_rejected": 2}'); SELECT connkit_sync('bad', background => true)});
ended('bad', 'failed', 'too many rows are rejected');
is(sql("SELECT string_agg(source_row ->> 'id', ' ' ORDER BY r.id), bool_and(r.run = s.id) FROM connkit.rejected_row AS r"
	. " JOIN connkit.sync_run AS s ON s.sync_name = 'bad'"), '5 10 15|t', 'and can be seen, with the one that was too many');
is(sql('SELECT count(*) FROM bad'), '0', 'no row is in the target');

ended('lost', 'failed', 'a source that is lost again and again fails a run in the end');
is(sql("SELECT attempt, ended_at - queued_at > interval '5.2 seconds' FROM connkit.sync_run WHERE sync_name = 'lost'"),
	'4|t', 'the pauses grow');

done_testing();
