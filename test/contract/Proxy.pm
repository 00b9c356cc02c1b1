# Proxy.pm: a TCP proxy on the loopback that breaks what passes through it; a process of its own.
package Contract::Proxy;

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER TCP_NODELAY IPPROTO_TCP);
use Time::HiRes 'sleep';

# Starts a proxy to a host and port. fault is what it does to a connection after so many bytes from the server (after),
# counted from the connection's begin, or, with armed => 0, from the call of arm():
#   stall    nothing passes any more, and the connection stays
#   close    ends it in order
#   reset    ends it by a TCP reset
#   garbage  replaces every byte from the server by 0xff
#   silence  takes connections and never says anything
#   delay    each 64 kB take 0.3 seconds
sub new
{
	my ($class, $host, $port, $fault, %how) = @_;
	my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 20, ReuseAddr => 1) or die $!;
	my $process = fork;

	die $! unless defined $process;
	if ($process == 0)
	{
		$SIG{TERM} = 'DEFAULT';
		serve($listen, $host, $port, $fault, %how);
		POSIX::_exit(0);
	}
	return bless {process => $process, port => $listen->sockport}, $class;
}

sub port
{
	return $_[0]{port};
}

sub arm
{
	my ($self) = @_;

	kill 'USR1', $self->{process};
	sleep 0.1;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	kill 'KILL', $self->{process};
	waitpid $self->{process}, 0;
}

# One connection's client and server get to know each other; a stalled one is read no more.
sub serve
{
	my ($listen, $host, $port, $fault, %how) = @_;
	my $armed = exists $how{armed} ? $how{armed} : 1;
	my $select = IO::Select->new($listen);
	my (%peer, %count, %from_server);

	$SIG{PIPE} = 'IGNORE';
	$SIG{USR1} = sub { $armed = 1; %count = () };
	for (;;)
	{
		for my $from ($select->can_read)
		{
			if ($from == $listen)
			{
				my $client = $listen->accept or next;
				my $server = $fault eq 'silence' && $armed ? undef :
					IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port);

				$client->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
				$peer{$client} = $server;
				if (!$server)
				{
					$count{$client} = $client;
					next;
				}
				$server->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
				$peer{$server} = $client;
				$from_server{$server} = 1;
				$select->add($client, $server);
				next;
			}
			my $to = $peer{$from} or next;
			my $got = sysread $from, my $bytes, 65536;

			if (!$got)
			{
				$select->remove($from, $to);
				close $_ for $from, $to;
				delete @peer{$from, $to};
				next;
			}
			if ($armed && $from_server{$from})
			{
				my $past = ($count{$from} || 0) - ($how{after} || 0);

				$count{$from} += $got;
				if ($past + $got > 0 && $fault eq 'garbage')
				{
					my $begin = $past > 0 ? 0 : -$past;

					substr($bytes, $begin) = "\xff" x ($got - $begin);
				}
				elsif ($fault eq 'delay')
				{
					sleep 0.3;
				}
				elsif ($past + $got > 0)
				{
					syswrite $to, substr $bytes, 0, -$past if $past < 0;
					$select->remove($from, $to);
					$to->setsockopt(SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0) if $fault eq 'reset';
					if ($fault ne 'stall')
					{
						close $_ for $to, $from;
					}
					next;
				}
			}
			for (my $sent = 0; $sent < length $bytes;)
			{
				my $n = syswrite $to, $bytes, length($bytes) - $sent, $sent;

				last unless defined $n;
				$sent += $n;
			}
		}
	}
}

1;
