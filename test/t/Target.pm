# Target.pm: the cluster that the syncs put their rows into, and statements in it, whatever becomes of connections.
package Target;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use Time::HiRes qw(sleep time);
use Wire;

our @EXPORT = qw($node $role start_target connection ask value as_keeper);

our $node;
our $role = 'keeper';

# Starts it, with connkit and the role that owns the syncs; further settings are those of the configuration file.
sub start_target
{
	my ($settings) = @_;

	$node = PostgreSQL::Test::Cluster->new('main');
	$node->init;
	$node->append_conf('postgresql.conf', $settings);
	$node->start;
	ask($_) for 'CREATE EXTENSION connkit CASCADE', "CREATE ROLE $role LOGIN", "GRANT CREATE ON SCHEMA public TO $role";
}

my $super;

sub connection
{
	my ($user) = @_;
	my $end = time + 60;
	my $wire;

	until ($wire = Wire->new($node->host, $node->port, $user, 'postgres'))
	{
		die "the cluster does not answer\n" if time > $end;
		sleep 0.02;
	}
	return $wire;
}

# As superuser, whatever becomes of the connection; the statement may run twice.
sub ask
{
	my ($sql) = @_;

	for my $try (1 .. 5)
	{
		$super = connection(scalar getpwuid($<)) if !$super || $super->{closed};
		my $rows = eval { $super->rows($sql) };

		return $rows if $rows;
		die $@ if !$super->{closed} && ($super->{state} // '') !~ /^57P|^08/;
		$super->close if !$super->{closed};
	}
	die "no answer: $sql\n";
}

sub value
{
	my $rows = ask(@_);

	return @$rows ? $rows->[0][0] : undef;
}

my $keeper;

sub as_keeper
{
	# a connection that has ended meanwhile is not used
	$keeper = connection($role) if !$keeper || $keeper->{closed} || !eval { $keeper->rows('SELECT 1') };
	return $keeper->rows(@_);
}

1;
