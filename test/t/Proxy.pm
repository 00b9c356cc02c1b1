# Proxy.pm: a TCP proxy on the loopback that cuts, stalls, slows down or refuses connections; a process of its own.
package Proxy;

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_UNIX IPPROTO_TCP PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_LINGER TCP_NODELAY);
use Time::HiRes qw(time);

# bytes that wait for a peer that does not read
use constant FULL => 131072;

# Starts a proxy to a port of 127.0.0.1, that lets everything pass until it is told otherwise.
sub new
{
	my ($class, $port) = @_;
	my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50, ReuseAddr => 1) or die "no proxy: $!";

	socketpair my $here, my $there, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die $!;
	my $process = fork;
	die $! unless defined $process;
	if ($process == 0)
	{
		close $here;
		$SIG{$_} = 'IGNORE' for qw(PIPE INT);
		$SIG{TERM} = 'DEFAULT';
		eval { serve($listen, $there, $port); 1 } or print STDERR "# proxy: $@";
		POSIX::_exit(0);
	}
	close $there;
	return bless {process => $process, port => $listen->sockport, control => $here, parent => $$}, $class;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	return if $self->{parent} != $$;
	kill 'KILL', $self->{process};
	waitpid $self->{process}, 0;
}

# Commands, each of which holds until "pass":
#   cut rst|fin         ends all connections that there are now, with a reset or in order
#   cut rst|fin BYTES   ends a connection when so many more bytes of the source have come over all
#   stall               nothing passes, nothing ends
#   slow BYTES          so many bytes of the source a second
#   refuse              nobody listens; connections that there are stay
#   pass                all as usual
#   count               answers how many bytes of the source have passed, connections made, and connections now
# Returns the answer.
sub tell
{
	my ($self, $command) = @_;
	my $answer = '';

	syswrite $self->{control}, "$command\n";
	until ($answer =~ /\n/)
	{
		sysread $self->{control}, $answer, 4096, length $answer or die 'the proxy is gone';
	}
	chomp $answer;
	return $answer;
}

# A connection is two ends; an end: {socket, other, out: bytes to be written to it, eof: its peer said all, source: it is
# the source's}.
sub serve
{
	my ($listen, $control, $port) = @_;
	my $here = $listen->sockport;
	my (%ends, $stalled, $rate, $cut_at, $cut_how);
	my ($passed, $made, $allowed, $then) = (0, 0, 0, time);

	my $end = sub
	{
		my ($one, $how) = @_;

		my @pair = ($one, $one->{other});
		for my $it (@pair)
		{
			delete $ends{ fileno $it->{socket} };
			setsockopt $it->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if $how eq 'rst';
		}
		for my $it (@pair)
		{
			close $it->{socket};
			delete $it->{other};
		}
	};
	my $cut = sub
	{
		my ($how) = @_;
		my @now = grep { $_->{source} } values %ends;

		$end->($_, $how) for @now;
	};
	my $obey = sub
	{
		my ($verb, @words) = split ' ', shift;

		if ($verb eq 'cut' && @words == 1) { $cut->(@words) }
		elsif ($verb eq 'cut') { ($cut_how, $cut_at) = ($words[0], $passed + $words[1]) }
		elsif ($verb eq 'stall') { $stalled = 1 }
		elsif ($verb eq 'slow') { ($rate, $allowed, $then) = ($words[0], 0, time) }
		elsif ($verb eq 'refuse') { close $listen if $listen; undef $listen }
		elsif ($verb eq 'pass') { ($stalled, $rate, $cut_at) = () }
		return 0 if $verb ne 'pass' || $listen;
		$listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $here, Listen => 50, ReuseAddr => 1)
			or die "no port: $!";
	};
	my $connect = sub
	{
		my $client = $listen->accept or return;
		my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);

		$made++;
		if (!$server)
		{
			setsockopt $client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
			close $client;
			return;
		}
		my @pair = map { {socket => $_, out => ''} } $client, $server;
		($pair[0]{other}, $pair[1]{other}, $pair[1]{source}) = ($pair[1], $pair[0], 1);
		for my $it (@pair)
		{
			$it->{socket}->blocking(0);
			setsockopt $it->{socket}, IPPROTO_TCP, TCP_NODELAY, 1;
			$ends{ fileno $it->{socket} } = $it;
		}
	};
	my $write = sub
	{
		my ($it) = @_;
		my $sent = syswrite $it->{socket}, $it->{out};

		if (defined $sent) { substr($it->{out}, 0, $sent) = '' }
		elsif (!$!{EAGAIN} && !$!{EINTR}) { $end->($it, 'rst') }
	};
	my $receive = sub
	{
		my ($it) = @_;
		my $most = 65536;

		$most = $allowed if $rate && $it->{source} && $allowed < $most;
		$most = $cut_at - $passed if defined $cut_at && $it->{source} && $cut_at - $passed < $most;
		my $bytes;
		my $got = sysread $it->{socket}, $bytes, $most;
		if (!defined $got)
		{
			$end->($it, 'rst') unless $!{EAGAIN} || $!{EINTR};
			return;
		}
		$it->{other}{out} .= $bytes;
		$it->{eof} = 1 if !$got;
		return unless $it->{source};
		$passed += $got;
		$allowed -= $got;
		return unless defined $cut_at && $passed >= $cut_at;
		undef $cut_at;
		$write->($it->{other});
		$end->($it, $cut_how) if $it->{other};
	};

	for (;;)
	{
		my ($in, $out) = ('', '');
		my $now = time;

		$allowed += ($now - $then) * $rate if $rate;
		$allowed = $rate / 10 if $rate && $allowed > $rate / 10;
		$then = $now;
		vec($in, fileno $control, 1) = 1;
		vec($in, fileno $listen, 1) = 1 if $listen && !$stalled;
		my @now = $stalled ? () : values %ends;
		for my $it (@now)
		{
			next if !$it->{other};
			if ($it->{other}{eof} && $it->{out} eq '' && !$it->{shut})
			{
				shutdown $it->{socket}, 1;
				$it->{shut} = 1;
			}
			if ($it->{eof} && $it->{shut})
			{
				$end->($it, 'fin');
				next;
			}
			vec($out, fileno $it->{socket}, 1) = 1 if $it->{out} ne '';
			vec($in, fileno $it->{socket}, 1) = 1
				if !$it->{eof} && length $it->{other}{out} < FULL && !($it->{source} && $rate && $allowed < 1);
		}
		select $in, $out, undef, $rate ? 0.01 : undef;
		for my $number (keys %ends)
		{
			$write->($ends{$number}) if $ends{$number} && vec($out, $number, 1);
			$receive->($ends{$number}) if $ends{$number} && vec($in, $number, 1);
		}
		$connect->() if $listen && vec($in, fileno $listen, 1);
		if (vec($in, fileno $control, 1))
		{
			sysread $control, my $command, 100 or return;
			$obey->($command);
			syswrite $control, "$passed $made " . keys(%ends) / 2 . "\n";
		}
	}
}

1;
