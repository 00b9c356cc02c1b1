# Contract.pm: what the cases of the contract suite stand on: quirks, sessions of psql, the source's script, TAP.
package Contract;

use strict;
use warnings;
use Carp;
use Exporter 'import';
use IO::Select;
use IPC::Open3;
use Symbol 'gensym';
use Time::HiRes qw(sleep time);

our @EXPORT = qw(add is like within eventually quote rss);
our @cases;

# Registers a case: its name, what it needs of the source (keys of the quirks file), and what it does. The function is
# called with a Contract::Source; it dies when the contract is not kept.
sub add
{
	my ($name, $needs, $run) = @_;

	push @cases, {name => $name, needs => $needs, run => $run};
}

sub is
{
	my ($got, $expected, $what) = @_;

	$_ = defined $_ ? $_ : '(nothing)' for ($got, $expected);
	return if $got eq $expected;
	$_ = length > 300 ? substr($_, 0, 300) . '…' : $_ for ($got, $expected);
	croak $what . "\n  got:      $got\n  expected: $expected\n ";
}

sub like
{
	my ($got, $pattern, $what) = @_;

	croak "$what\n  got:      $got\n  expected: $pattern\n " unless defined $got && $got =~ $pattern;
}

# Runs something that must end within so many seconds; returns what it returned. CK_SLOW multiplies the bounds, for
# servers under a memory checker.
sub within
{
	my ($seconds, $what, $run) = @_;
	my $begin = time;
	my $result = $run->();

	$seconds *= $ENV{CK_SLOW} || 1;
	croak sprintf('%s took %.1f seconds, more than %.1f', $what, time - $begin, $seconds) if time - $begin > $seconds;
	return $result;
}

# Waits until something is true, at most so many seconds.
sub eventually
{
	my ($seconds, $what, $run) = @_;
	my $end = time + $seconds * ($ENV{CK_SLOW} || 1);

	until ($run->())
	{
		croak "not within $seconds seconds: $what" if time > $end;
		sleep 0.05;
	}
}

sub quote
{
	my ($text) = @_;

	$text =~ s/'/''/g;
	return "'$text'";
}

# Kilobytes of memory that a process has for itself.
sub rss
{
	my ($process) = @_;

	open my $file, '<', "/proc/$process/status" or return 0;
	return (map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$file>)[0] || 0;
}

# A session of psql that can be left to work while others are looked at.
package Contract::Session;

use Carp;
use Errno 'EINTR';

my $marks = 0;

sub new
{
	my ($class, $database, $user) = @_;
	my $self = bless {out => '', err => ''}, $class;
	my $error = Symbol::gensym();

	$self->{process} = IPC::Open3::open3(my $in, my $out, $error, "$ENV{CK_BIN}/psql", '-XqAt', '-h', $ENV{CK_PGHOST},
		'-p', $ENV{CK_PGPORT}, '-U', $user || 'postgres', '-d', $database, '-v', 'VERBOSITY=verbose');
	@$self{qw(in stdout stderr)} = ($in, $out, $error);
	$in->autoflush(1);
	$self->{backend} = $self->ok('SELECT pg_backend_pid()');
	return $self;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	close $self->{in} if $self->{in};
	kill 'TERM', $self->{process} if $self->{open};
	waitpid $self->{process}, 0 if $self->{process};
}

# Sends statements and does not wait.
sub start
{
	my ($self, $sql) = @_;
	local $SIG{PIPE} = 'IGNORE';

	croak 'the session is still at work' if $self->{open};
	$self->{open} = sprintf 'contract-mark-%d', ++$marks;
	my $in = $self->{in};
	print $in "$sql\n;\n\\echo $self->{open}\n\\warn $self->{open}\n";
}

# True when what was started has ended.
sub done
{
	my ($self, $seconds) = @_;
	my $end = Time::HiRes::time() + ($seconds || 0);

	for (;;)
	{
		return 1 if !$self->{open} || $self->{gone};
		return 1 if $self->{out} =~ /^$self->{open}$/m && $self->{err} =~ /^$self->{open}$/m;
		my $left = $end - Time::HiRes::time();
		my @ready = IO::Select->new(grep { defined } @$self{qw(stdout stderr)})->can_read($left > 0 ? $left : 0);
		return 0 if !@ready && $left <= 0;
		for my $handle (@ready)
		{
			my $which = $handle == ($self->{stdout} || 0) ? 'out' : 'err';
			my $got = sysread $handle, $self->{$which}, 65536, length $self->{$which};

			next if defined $got && $got > 0 || !defined $got && $! == EINTR;
			$self->{"std$which"} = undef;
			$self->{gone} = 1 if !defined $self->{stdout} && !defined $self->{stderr};
		}
	}
}

# Waits for the end of what was started: what it printed, its messages, the SQLSTATE of its first error (empty without
# one), and whether the backend is gone.
sub finish
{
	my ($self, $seconds) = @_;

	unless ($self->done($seconds || 60 * ($ENV{CK_SLOW} || 1)))
	{
		kill 'TERM', $self->{process};
		croak 'no end of the statement within ' . ($seconds || 60) . ' seconds';
	}
	my ($mark, %result) = ($self->{open}, gone => $self->{gone});
	for my $which (qw(out err))
	{
		$self->{$which} =~ s/^(.*?)(?:^\Q$mark\E\n|\z)//ms;
		chomp($result{$which} = $1);
	}
	($result{state}) = $result{err} =~ /^(?:psql:\S* )?(?:ERROR|FATAL|PANIC):\s+(\w{5}):/m;
	$result{state} = $result{gone} ? 'gone' : $result{err} =~ /^(?:ERROR|FATAL)/m ? 'other' : ''
		unless defined $result{state};
	delete $self->{open};
	return \%result;
}

sub run
{
	my ($self, $sql, $seconds) = @_;

	$self->start($sql);
	return $self->finish($seconds);
}

# What statements print that must not fail.
sub ok
{
	my ($self, $sql, $seconds) = @_;
	my $result = $self->run($sql, $seconds);

	croak "failed: $sql\n$result->{err}\n " if $result->{state} || $result->{gone};
	return $result->{out};
}

# The message of a statement that must fail: with one of these SQLSTATEs ("08...|57014"), and a message like this.
sub fails
{
	my ($self, $sql, $states, $pattern, $seconds) = @_;

	$self->start($sql);
	return $self->failed($states, $pattern, $seconds, $sql);
}

# The same of what was started.
sub failed
{
	my ($self, $states, $pattern, $seconds, $sql) = @_;
	my $result = $self->finish($seconds);

	$sql = $sql ? ": $sql" : '';
	croak "did not fail$sql\n" . substr($result->{out}, 0, 300) . "\n " unless $result->{state};
	croak "failed in another way than by $states$sql\n$result->{err}\n " unless $result->{state} =~ /^(?:$states)$/;
	croak "failed with another message than $pattern$sql\n$result->{err}\n "
		if defined $pattern && $result->{err} !~ $pattern;
	return $result->{err};
}

# One connector's source, as its script and its quirks tell of it.
package Contract::Source;

use Carp;

# Reads the quirks of a connector, "key=value" lines with # comments.
sub new
{
	my ($class, $name, $folder) = @_;
	my $self = bless {name => $name, folder => $folder, quirks => {}, servers => 0}, $class;

	open my $file, '<', "$folder/$name.quirks" or croak "no file $folder/$name.quirks";
	while (<$file>)
	{
		next if /^\s*(#|$)/;
		/^([a-z0-9_.*]+)=(.*?)\s*$/ or croak "$name.quirks, line $.: not key=value";
		croak "$name.quirks, line $.: $1 is there twice" if exists $self->{quirks}{$1};
		$self->{quirks}{$1} = $2;
	}
	return $self;
}

sub quirk
{
	my ($self, $key) = @_;

	return $self->{quirks}{$key};
}

# Why the source cannot do what a key stands for, or nothing where it can. "value.date.max=no, …" may be said for many
# by a star: "value.date.*".
sub lacks
{
	my ($self, $key) = @_;

	return 'figures of memory mean nothing under a memory checker' if $key eq 'memory' && $ENV{CK_PG_WRAP};
	for my $quirk (sort keys %{$self->{quirks}})
	{
		my $pattern = join '.*', map { quotemeta } split /\*/, $quirk, -1;

		next unless $key =~ /^$pattern$/;
		return $1 || "$quirk=no" if $self->{quirks}{$quirk} =~ /^no\b,?\s*(.*)$/;
	}
	return;
}

# The text in a row of the tables numbers and million.
sub row
{
	my ($self, $id) = @_;

	return "row $id" unless ($self->quirk('row') || '') eq 'letters';
	return join '', map { chr(ord('a') + ($id + $_) % 26) } 0 .. 15;
}

# Runs a verb of the source's script with an input: what it printed, or nothing where it failed.
sub try
{
	my ($self, $input, @verb) = @_;
	my $error = "$ENV{CK_TMP}/contract.err";

	open my $file, '>', "$ENV{CK_TMP}/contract.in" or croak $!;
	print $file $input;
	close $file;
	my $command = join ' ', map { Contract::quote($_) =~ s/''/'\\''/gr } "$self->{folder}/$self->{name}.sh", @verb;
	my $output = `bash $command <'$ENV{CK_TMP}/contract.in' 2>'$error'`;
	my $status = $?;
	if ($status)
	{
		open $file, '<', $error;
		$self->{error} = join '', <$file>;
		$self->{untested} = $status >> 8 == 77;
		return;
	}
	chomp $output;
	return $output;
}

sub verb
{
	my ($self, @verb) = @_;
	my $output = $self->try('', @verb);

	croak "$self->{name}.sh @verb: $self->{error}" unless defined $output;
	return $output;
}

# Runs statements at the source, with all rights.
sub sql
{
	my ($self, $sql) = @_;
	my $output = $self->try($sql, 'sql');

	croak "$self->{name}.sh sql: $self->{error}\n" . substr($sql, 0, 200) unless defined $output;
	return $output;
}

# A session of psql in the connector's database.
sub session
{
	my ($self, $user) = @_;

	return Contract::Session->new("contract_$self->{name}", $user);
}

# Options for a table of the source by place: {server => {host => …}, user => …, table => …}.
sub options
{
	my ($self, $table) = @_;
	my %options = (server => {}, user => {}, table => {});

	for (split /\n/, $self->verb('options', defined $table ? $table : ()))
	{
		/^(server|user|table) (\S+) (.*)$/ or croak "$self->{name}.sh options: $_";
		$options{$1}{$2} = $3;
	}
	return \%options;
}

sub clause
{
	my ($options) = @_;

	return '' unless %$options;
	return 'OPTIONS (' . join(', ', map { "$_ " . Contract::quote($options->{$_}) } sort keys %$options) . ')';
}

# Creates a server with a user mapping, options on top of the source's own; an undefined value takes an option away.
# Returns its name.
sub server
{
	my ($self, $session, %changes) = @_;
	my $options = $self->options($changes{table});
	my $name = $changes{name} || 'server' . ++$self->{servers};
	my $role = $changes{role} || 'CURRENT_USER';

	for my $place (qw(server user))
	{
		my %all = (%{$options->{$place}}, %{$changes{$place} || {}});

		delete $all{$_} for grep { !defined $all{$_} } keys %all;
		$options->{$place} = \%all;
	}
	$session->ok("CREATE SERVER $name FOREIGN DATA WRAPPER connkit_$self->{name} " . clause($options->{server}));
	$session->ok("CREATE USER MAPPING FOR $role SERVER $name " . clause($options->{user}));
	return $name;
}

# Creates a foreign table "schema.table" for a table of the source.
sub table
{
	my ($self, $session, $server, $local, $table, $columns) = @_;

	my %options = %{$self->options($table)->{table}};

	$options{table_name} = $table unless $options{table_name} || $local =~ /\.$table$/;
	$session->ok("CREATE FOREIGN TABLE $local ($columns) SERVER $server " . clause(\%options));
}

# A server of its own for a case, with the foreign table numbers and others of these names in a schema of the same
# name. Returns that name.
sub private
{
	my ($self, $session, %changes) = @_;
	my $name = $self->server($session, %changes);

	$session->ok("CREATE SCHEMA $name");
	$self->table($session, $name, "$name.$_", $_, 'id integer, v text')
		for 'numbers', @{$changes{tables} || []};
	return $name;
}

# Fails unless a session can be used: it reads the whole of a table and looks up a row.
sub usable
{
	my ($self, $session, $schema) = @_;

	$schema = 'remote' unless defined $schema;
	Contract::is($session->ok("SELECT count(*), sum(id), count(v) FROM $schema.numbers"), '1000|500500|1000',
		'the session is usable: all rows');
	Contract::is($session->ok("SELECT v FROM $schema.numbers WHERE id = 42"), $self->row(42),
		'the session is usable: one row');
}

# Waits until the source does nothing for us any more.
sub idle
{
	my ($self, $seconds) = @_;

	return if $self->lacks('busy');
	Contract::eventually($seconds || 5, 'the source has stopped working', sub { $self->verb('busy') == 0 });
}

# Waits until the source works for us.
sub working
{
	my ($self, $session) = @_;

	if ($self->lacks('busy'))
	{
		Time::HiRes::sleep(0.5);
		return;
	}
	Contract::eventually(10, 'the source works',
		sub { $session->done && croak $session->finish->{err}; $self->verb('busy') > 0 });
}

1;
