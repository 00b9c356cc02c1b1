# Cases.pm: what the syncs are tried with: a source's table, a mode, a target; and what changes at the source.
package Cases;

use strict;
use warnings;
use Exporter 'import';
use List::Util qw(max);
use POSIX ();
use Source;
use Target;
use Time::HiRes qw(sleep);

our @EXPORT = qw(@kinds @cases make_case change_case start_writer stop_writer);

# Rows that each begins with.
my $rows = $ENV{FAULT_ROWS} || 1500;

# how   what the target must be after a run, given what it was: see Comparison's expected()
# busy  the source goes on changing while runs do
our @kinds = (
	{how => 'replace', mode => 'full_refresh', write => 'replace'},
	{how => 'replace', mode => 'full_refresh', write => 'replace', busy => 1},
	{how => 'replace', mode => 'full_refresh', write => 'replace', target => 'parted'},
	{how => 'replace', mode => 'full_refresh', write => 'replace', target => 'triggered'},
	{how => 'all', mode => 'full_refresh', write => 'append'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'at', busy => 1},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', target => 'parted'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', keyless => 1},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'at', keyless => 1, busy => 1},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', keyless => 1, target => 'triggered'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', keyless => 1, behind => 5, lookback => '5'},
	{how => 'append', mode => 'incremental', write => 'append', cursor => 'cur', half_open => 1},
	{how => 'merge', mode => 'incremental', write => 'merge', cursor => 'cur'},
	{how => 'merge', mode => 'incremental', write => 'merge', cursor => 'cur', busy => 1},
	{how => 'merge', mode => 'incremental', write => 'merge', cursor => 'at', target => 'parted'},
	{how => 'merge', mode => 'incremental', write => 'merge', cursor => 'cur', target => 'triggered'},
	{how => 'replace', mode => 'merge', write => 'merge', deletes => 'hard'},
	{how => 'replace', mode => 'merge', write => 'merge', deletes => 'hard', target => 'parted', busy => 1},
	{how => 'soft', mode => 'merge', write => 'merge', deletes => 'soft'},
	{how => 'soft', mode => 'merge', write => 'merge', deletes => 'soft', target => 'parted', busy => 1},
	{how => 'history', mode => 'history', write => 'merge', deletes => 'soft'},
	{how => 'history', mode => 'history', write => 'merge', deletes => 'soft', cursor => 'cur'},
	{how => 'history', mode => 'history', write => 'merge', deletes => 'soft', target => 'parted'},
	{how => 'history', mode => 'history', write => 'merge', deletes => 'soft', busy => 1});
our @cases;

# Makes table, target and sync of a case.
sub make_case
{
	my ($kind, $source) = @_;
	my $case = {%$kind, source => $source, table => sprintf('t%02d_%s', scalar @cases, $source->{kind}),
		runs => 0, was => [], ms => 60};
	my $t = $case->{t} = {name => $case->{table}, keyed => !$case->{keyless}, behind => $case->{behind}};
	my $schema = $source->{kind} eq 'postgres' ? 'public' : 'source';

	push @cases, $case;
	$case->{name} = join ' ', $source->{kind}, @$case{qw(mode write)}, map { $case->{$_} // () } qw(cursor deletes target);
	$case->{name} .= " $_" for grep { $case->{$_} } qw(busy keyless lookback half_open);
	$source->make_table($t);
	$source->run($source->changes($t, $rows));
	make_target($case) if $case->{target};

	my $settings = '"chunk_rows": ' . (20, 50, 200)[@cases % 3];
	$settings .= qq(, "$_": "$case->{$_}") for grep { $case->{$_} } qw(deletes lookback);
	$settings .= ', "half_open": true' if $case->{half_open};
	my $cursor = $case->{cursor} ? ", cursor_column => '$case->{cursor}'" : '';

	as_keeper("SELECT connkit_create_sync('s_$source->{kind}', '$schema.$t->{name}', target => 'public.$t->{name}',"
		. " name => '$t->{name}', mode => '$case->{mode}', write => '$case->{write}'$cursor, settings => '{$settings}')");
}

# A target that was there before the sync: partitioned, or with a trigger.
sub make_target
{
	my ($case) = @_;
	my ($name, $keyed) = ($case->{table}, $case->{write} ne 'append' && $case->{how} ne 'history');
	my %more = (soft => ', deleted_at timestamptz',
		history => ', valid_from timestamptz NOT NULL, valid_to timestamptz, is_current boolean NOT NULL');
	my $more = ($more{ $case->{how} } // '') . ($keyed ? ', PRIMARY KEY (id)' : '');
	my $columns = "id bigint NOT NULL, cur bigint NOT NULL, at timestamp(6) NOT NULL, n int, txt text, d numeric(12,3)$more";

	if ($case->{target} eq 'parted')
	{
		as_keeper("CREATE TABLE $name ($columns) PARTITION BY HASH (id)");
		as_keeper("CREATE TABLE ${name}_$_ PARTITION OF $name FOR VALUES WITH (MODULUS 3, REMAINDER $_)") for 0 .. 2;
		return;
	}
	as_keeper("CREATE TABLE $name ($columns)");
	as_keeper("CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
	as_keeper("CREATE TRIGGER nothing BEFORE INSERT ON $name FOR EACH ROW EXECUTE FUNCTION ${name}()");
	as_keeper("CREATE INDEX ON $name (cur)");
}

# Changes some of the rows of a case's source.
sub change_case
{
	my ($case) = @_;

	$case->{source}->run($case->{source}->changes($case->{t}, 1 + int rand max(1000, $rows / 4)));
}

# A process that changes a busy case's table until it is told to end; it ends with what it did last.
sub start_writer
{
	my ($case, $seed) = @_;

	pipe my $read, my $write or die $!;
	my $pid = fork;
	die $! unless defined $pid;
	if ($pid == 0)
	{
		my ($stop, $parent) = (0, getppid);
		my $source = $case->{source};
		my $t = $case->{t};

		$SIG{TERM} = sub { $stop = 1 };
		srand $seed;
		until ($stop || getppid != $parent)
		{
			# what a source that is killed did of it is not known
			if (!eval { $source->run($source->changes($t, 1 + int rand 40)); 1 })
			{
				$t->{$_} += 1000 for qw(id tick);
				sleep 0.1;
			}
			sleep rand 0.05;
		}
		syswrite $write, "$t->{id} $t->{tick}\n";
		POSIX::_exit(0);
	}
	close $write;
	return {case => $case, pid => $pid, read => $read};
}

sub stop_writer
{
	my ($writer) = @_;

	kill 'TERM', $writer->{pid};
	my $line = readline $writer->{read};
	waitpid $writer->{pid}, 0;
	@{ $writer->{case}{t} }{qw(id tick)} = split ' ', $line;
	# the next change is not at the tick of one that may have been seen
	$writer->{case}{t}{tick}++;
}

1;
