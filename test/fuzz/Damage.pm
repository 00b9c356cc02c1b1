# Damage.pm: a TCP proxy on the loopback that damages one message of the server; a process of its own.
package Damage;

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC TCP_NODELAY IPPROTO_TCP);

# How a message of each protocol begins: bytes of the header, where the length stands and how, and how much more or
# less than the message it says.
my %protocols = (
	postgres => {header => 5, at => 1, size => 4, more => -1,
		length => sub { unpack 'N', substr $_[0], 1 }, write => sub { pack 'N', $_[0] & 0xffffffff }},
	mysql => {header => 4, at => 0, size => 3, more => -4,
		length => sub { unpack 'V', substr($_[0], 0, 3) . "\0" }, write => sub { substr pack('V', $_[0] & 0xffffff), 0, 3 }});

# Starts a proxy to a port of 127.0.0.1 that lets everything pass until it is told otherwise.
sub new
{
	my ($class, $protocol, $port) = @_;
	my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 20, ReuseAddr => 1) or die $!;

	socketpair my $here, my $there, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die $!;
	my $process = fork;
	die $! unless defined $process;
	if ($process == 0)
	{
		close $here;
		serve($listen, $there, $protocols{$protocol}, $port);
		POSIX::_exit(0);
	}
	close $there;
	return bless {process => $process, port => $listen->sockport, control => $here}, $class;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	kill 'KILL', $self->{process};
	waitpid $self->{process}, 0;
}

# From now on: "SEED" damages one of the next messages as that number has it, "0" nothing. "SEED close" ends all
# connections first. Returns what was damaged since the last call.
sub tell
{
	my ($self, $command) = @_;
	my $done = '';

	syswrite $self->{control}, "$command\n";
	until ($done =~ /\n/)
	{
		sysread $self->{control}, $done, 4096, length $done or die 'the proxy is gone';
	}
	chomp $done;
	return $done;
}

# One message, damaged; whether the connection ends behind it; and what was done. Most damage is near the beginning,
# where the structure is.
sub damage
{
	my ($p, $message) = @_;
	my $body = length($message) - $p->{header};
	my $near = sub { my $most = shift; $most < 1 ? 0 : int(rand() < 0.3 ? rand $most : rand($most < 24 ? $most : 24)) };
	my $at = $p->{header} + $near->($body);
	my $junk = join '', map { chr int rand 256 } 0 .. int rand 12;
	my $resize = sub { substr($message, $p->{at}, $p->{size}) = $p->{write}->(length($message) + $p->{more}) };
	my @odd = ("\xff", "\0", "\x7f", "\x80", "\xfb", "\xfc", "\xfd", "\xfe");
	my @kinds = (
		flip => sub { substr($message, $near->(length $message), 1) ^= chr(1 << int rand 8) for 0 .. int rand 3; 0 },
		fill => sub
		{
			my $n = 1 + int rand 8;
			$n = length($message) - $at if $at + $n > length $message;
			substr($message, $at, $n) = $odd[rand @odd] x $n;
			0;
		},
		cut => sub { substr($message, $near->(length $message)) = ''; 1 },
		lose => sub { substr($message, $near->(length $message), 1 + int rand 8) = ''; 0 },
		shorten => sub { substr($message, $at) = ''; $resize->(); 0 },
		thin => sub { substr($message, $at, 1 + int rand 4) = ''; $resize->(); 0 },
		insert => sub { substr($message, $near->(length $message), 0) = $junk; 0 },
		widen => sub { substr($message, $at, 0) = $junk; $resize->(); 0 },
		twice => sub { $message .= $message; 0 },
		drop => sub { $message = ''; 0 },
		huge => sub { substr($message, $p->{at}, $p->{size}) = $p->{write}->(rand() < 0.5 ? 0x7fffffff : 0xfffff); 0 },
		none => sub { substr($message, $p->{at}, $p->{size}) = $p->{write}->(int rand 6); 0 },
		type => sub { substr($message, rand() < 0.5 ? 0 : $p->{header}, 1) = chr int rand 256; 0 });
	my $kind = 2 * int rand(@kinds / 2);
	my $end = $kinds[$kind + 1]->();

	return ($message, $end, "$kinds[$kind] at $at of $body");
}

sub serve
{
	my ($listen, $control, $p, $port) = @_;
	my $select = IO::Select->new($listen, $control);
	my (%peer, %held, $which);
	my ($count, $done) = (0, '');
	my $end = sub
	{
		my @handles = @_;

		for my $handle (@handles)
		{
			my $other = delete $peer{$handle} or next;

			delete $peer{$other};
			delete @held{$handle, $other};
			$select->remove($handle, $other);
			close $_ for $handle, $other;
		}
	};
	my $send = sub
	{
		my ($to, $bytes) = @_;

		for (my $sent = 0; $sent < length $bytes;)
		{
			$sent += syswrite($to, $bytes, length($bytes) - $sent, $sent) || return;
		}
	};

	$SIG{PIPE} = 'IGNORE';
	for (;;)
	{
		for my $from ($select->can_read)
		{
			if ($from == $control)
			{
				sysread($control, my $command, 100) or return;
				my ($seed, $close) = $command =~ /^(\d+)( close)?\n/ or return;

				$end->(grep { ref } values %peer) if $close;
				$send->($control, "$done\n");
				($count, $done, $which) = (0, '', undef);
				srand $seed;
				# which message: any of the first, as many are needed to connect, or one far within
				$which = int(rand(rand() < 0.8 ? 16 : 80)) if $seed;
				next;
			}
			if ($from == $listen)
			{
				my $client = $listen->accept or next;
				my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or next;

				$_->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1) for $client, $server;
				@peer{$client, $server} = ($server, $client);
				$held{$server} = '';
				$select->add($client, $server);
				next;
			}
			my $to = $peer{$from} or next;

			if (!sysread $from, my $bytes, 65536)
			{
				$end->($from);
				next;
			}
			elsif (!exists $held{$from})
			{
				$send->($to, $bytes);
				next;
			}
			else
			{
				$held{$from} .= $bytes;
			}
			my ($out, $last) = ('', 0);
			while (!$last && length $held{$from} >= $p->{header})
			{
				my $length = $p->{length}->($held{$from}) - $p->{more};

				last if length $held{$from} < $length;
				my $message = substr $held{$from}, 0, $length, '';
				if (defined $which && $count++ == $which)
				{
					my $first = sprintf '%vd', substr $message, 0, $p->{header} + 1;

					($message, $last, $done) = damage($p, $message);
					$done .= " bytes of message $which ($first)";
				}
				$out .= $message;
			}
			$send->($to, $out);
			$end->($from) if $last;
		}
	}
}

1;
