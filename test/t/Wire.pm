# Wire.pm: a client of PostgreSQL's protocol that does not wait: statements are sent, and their end is looked for.
package Wire;

use strict;
use warnings;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);

sub message
{
	my ($type, $body) = @_;
	return $type . pack('N', 4 + length $body) . $body;
}

# A connection by the Unix socket, without a password; undef where the server does not take it.
sub new
{
	my ($class, $folder, $port, $user, $database) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => "$folder/.s.PGSQL.$port") or return undef;
	my $self = bless {socket => $socket, in => '', busy => 1}, $class;
	my $start = pack('N', 196608) . "user\0$user\0database\0$database\0client_encoding\0UTF8\0\0";

	$socket->blocking(1);
	syswrite $socket, pack('N', 4 + length $start) . $start;
	return $self->finish(30) && !$self->{closed} && !$self->{error} ? $self : undef;
}

# Sends a statement, or several.
sub start
{
	my ($self, $sql) = @_;

	die 'a statement is under way' if $self->{busy};
	@$self{qw(busy rows error state)} = (1, [], undef, undef);
	local $SIG{PIPE} = 'IGNORE';
	utf8::encode($sql) if utf8::is_utf8($sql);
	my $bytes = message('Q', "$sql\0");
	while (length $bytes)
	{
		my $sent = syswrite $self->{socket}, $bytes;

		return $self->gone if !defined $sent;
		substr($bytes, 0, $sent) = '';
	}
}

sub gone
{
	my ($self) = @_;

	@$self{qw(busy closed)} = (0, 1);
	$self->{error} //= 'connection lost';
	$self->{state} //= '08006';
}

sub take
{
	my ($self, $type, $body) = @_;

	if ($type eq 'Z') { $self->{busy} = 0 }
	elsif ($type eq 'K') { $self->{pid} = unpack 'N', $body }
	elsif ($type eq 'E')
	{
		my %field = map { substr($_, 0, 1) => substr($_, 1) } split /\0/, $body;

		$self->{error} = $field{M} . ($field{D} ? " ($field{D})" : '');
		$self->{state} = $field{C};
	}
	elsif ($type eq 'D')
	{
		my ($count, $at, @row) = (unpack('n', $body), 2);

		for (1 .. $count)
		{
			my $length = unpack 'l>', substr $body, $at, 4;

			push @row, $length < 0 ? undef : substr $body, $at + 4, $length;
			$at += 4 + ($length < 0 ? 0 : $length);
		}
		push @{ $self->{rows} }, \@row;
	}
}

# Whether the statement has ended, or the connection has, within so many seconds.
sub finish
{
	my ($self, $seconds) = @_;
	my $end = time + ($seconds // 0);

	while ($self->{busy})
	{
		my $in = '';

		vec($in, fileno $self->{socket}, 1) = 1;
		my $left = $end - time;
		return 0 unless select $in, undef, undef, $left > 0 ? $left : 0;
		if (!sysread $self->{socket}, $self->{in}, 262144, length $self->{in})
		{
			$self->gone;
			last;
		}
		my $at = 0;
		while (length($self->{in}) - $at >= 5)
		{
			my ($type, $length) = unpack 'aN', substr $self->{in}, $at, 5;

			last if length($self->{in}) - $at < 1 + $length;
			$self->take($type, substr $self->{in}, $at + 5, $length - 4);
			$at += 1 + $length;
		}
		substr($self->{in}, 0, $at) = '';
	}
	return 1;
}

# Runs it and returns the rows; dies where it fails or takes more than a minute.
sub rows
{
	my ($self, $sql) = @_;

	$self->start($sql);
	$self->finish(60) or die "no end: $sql\n";
	die "$self->{state} $self->{error}: " . substr($sql, 0, 500) . "\n" if $self->{error};
	return $self->{rows};
}

sub value
{
	my ($self, $sql) = @_;
	my $rows = $self->rows($sql);

	return @$rows ? $rows->[0][0] : undef;
}

# The client goes without a word.
sub close
{
	my ($self) = @_;

	close $self->{socket};
	@$self{qw(busy closed)} = (0, 1);
}

1;
