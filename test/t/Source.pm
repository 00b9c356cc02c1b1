# Source.pm: a server to be a source, that can be killed; its tables, what changes in them, and what is in them.
package Source;

use strict;
use warnings;
use IPC::Run;
use POSIX qw(floor strftime);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Proxy;
use Time::HiRes qw(sleep time);
use Wire;

my $password = 'reading';

# A source of this kind (postgres or mysql), or undef where its server is not installed; with a proxy before it.
sub new
{
	my ($class, $kind) = @_;
	my $self = bless {kind => $kind, parent => $$}, $class;

	if ($kind eq 'postgres')
	{
		my $node = $self->{node} = PostgreSQL::Test::Cluster->new('source');

		$node->init;
		$self->{port} = $node->port;
		$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\nrestart_after_crash = on\n"
			. "max_connections = 60\nshared_buffers = 16MB\nautovacuum = off\nlog_statement = none\n");
		my $rules = slurp_file($node->data_dir . '/pg_hba.conf');
		unlink $node->data_dir . '/pg_hba.conf';
		append_to_file($node->data_dir . '/pg_hba.conf', "host all reader 127.0.0.1/32 scram-sha-256\n$rules");
	}
	else
	{
		my ($server) = grep { -x } map { ("$_/mariadbd", "$_/../sbin/mariadbd") } split /:/, $ENV{PATH} or return undef;

		$self->{server} = $server;
		$self->{folder} = "$ENV{TESTDIR}/mysql.$$";
		$self->{port} = PostgreSQL::Test::Cluster::get_free_port();
		mkdir $self->{folder} or die $!;
		system("mariadb-install-db --no-defaults --datadir=$self->{folder}/data --skip-test-db"
			. " --auth-root-authentication-method=normal >$self->{folder}/log 2>&1 </dev/null") == 0 or die 'no source';
	}
	$self->up;
	$self->run($kind eq 'postgres'
		? "CREATE ROLE reader LOGIN PASSWORD '$password'; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader"
		: "CREATE DATABASE source CHARACTER SET utf8mb4; CREATE USER reader\@'%' IDENTIFIED BY '$password';"
		. " GRANT SELECT, SHOW VIEW ON source.* TO reader\@'%'", $kind eq 'postgres' ? () : 'mysql');
	$self->{proxy} = Proxy->new($self->{port});
	return $self;
}

# SQL that makes a foreign server of it, through the proxy.
sub definition
{
	my ($self, $name, $role) = @_;
	my ($database, $more) = $self->{kind} eq 'postgres' ? ('postgres', ", tcp_user_timeout '1000'") : ('source', '');

	return "CREATE SERVER $name FOREIGN DATA WRAPPER connkit_$self->{kind} OPTIONS (host '127.0.0.1',"
		. " port '$self->{proxy}{port}', dbname '$database', sslmode 'disable', connect_timeout '1', query_timeout '1'$more);"
		. " GRANT USAGE ON FOREIGN SERVER $name TO $role;"
		. " CREATE USER MAPPING FOR $role SERVER $name OPTIONS (user 'reader', password '$password');";
}

#
# A cluster of PostgreSQL's: "kill" is SIGKILL to the postmaster, else it stops in that mode.
#
sub crash_node
{
	my ($node, $how) = @_;
	my $pid = $node->{_pid} or return;
	my @left = split ' ', slurp_file("/proc/$pid/task/$pid/children");

	if ($how ne 'kill')
	{
		$node->stop($how, fail_ok => 1);
		return;
	}
	$node->kill9;
	my $end = time + 1;
	while (@left = grep { kill 0, $_ } @left)
	{
		kill 'KILL', @left if time > $end;
		sleep 0.01;
	}
}

sub start_node
{
	my ($node) = @_;

	$node->start(fail_ok => 1) if !defined $node->{_pid};
}

#
# The server
#
sub connected
{
	my ($self) = @_;

	return 1 if $self->{wire} && !$self->{wire}{closed} && $self->{wire}{owner} == $$;
	$self->{wire} = Wire->new($self->{node}->host, $self->{port}, scalar getpwuid($<), 'postgres') or return 0;
	$self->{wire}{owner} = $$;
	return 1;
}

# Starts it unless it runs, and waits until it answers.
sub up
{
	my ($self) = @_;
	my $end = time + 60;

	if ($self->{kind} eq 'postgres')
	{
		until ($self->connected && eval { $self->{wire}->rows('SELECT 1'); 1 })
		{
			die 'the source does not start' if time > $end;
			start_node($self->{node});
			sleep 0.05;
		}
		return;
	}
	until (eval { $self->rows('SELECT 1', 'mysql'); 1 })
	{
		die 'the source does not start' if time > $end;
		$self->spawn if !$self->{process} || waitpid($self->{process}, POSIX::WNOHANG()) != 0;
		sleep 0.1;
	}
}

sub spawn
{
	my ($self) = @_;
	my $folder = $self->{folder};

	$self->{process} = fork;
	die $! unless defined $self->{process};
	return if $self->{process};
	open STDIN, '<', '/dev/null';
	open STDOUT, '>>', "$folder/log";
	open STDERR, '>>', "$folder/log";
	exec($self->{server}, '--no-defaults', "--datadir=$folder/data", "--socket=$folder/socket", "--pid-file=$folder/pid",
		"--tmpdir=$folder", '--bind-address=127.0.0.1', "--port=$self->{port}", '--skip-log-bin', '--skip-name-resolve',
		'--character-set-server=utf8mb4', '--innodb-flush-log-at-trx-commit=2', '--innodb-buffer-pool-size=32M',
		'--innodb-log-file-size=16M', '--innodb-fast-shutdown=2', '--performance-schema=0') or POSIX::_exit(1);
}

# Kills the server; it is started again by up().
sub crash
{
	my ($self, $how) = @_;

	if ($self->{kind} eq 'postgres')
	{
		crash_node($self->{node}, $how);
		return;
	}
	kill $how eq 'kill' ? 'KILL' : 'TERM', $self->{process};
	waitpid $self->{process}, 0;
	undef $self->{process};
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	return if $self->{parent} != $$ || !$self->{process};
	kill 'KILL', $self->{process};
	waitpid $self->{process}, 0;
}

# Ends sessions of the reader: 'kill' (the process, and so all; PostgreSQL), 'terminate' or 'cancel'. Returns how many.
sub end_sessions
{
	my ($self, $how) = @_;

	if ($self->{kind} eq 'mysql')
	{
		my $verb = $how eq 'cancel' ? 'QUERY' : 'CONNECTION';
		my @ids = $self->rows("SELECT id FROM information_schema.processlist WHERE user = 'reader'", 'mysql');

		eval { $self->run("KILL $verb $_", 'mysql') } for @ids;
		return scalar @ids;
	}
	my $reader = "FROM pg_stat_activity WHERE usename = 'reader'";

	return $self->rows("SELECT pg_${how}_backend(pid) $reader") if $how ne 'kill';
	my @ids = $self->rows("SELECT pid $reader");
	return 0 if !@ids;
	kill 'KILL', $ids[0];
	# until the server knows
	my $end = time + 5;
	sleep 0.01 while time < $end && eval { $self->{wire}->rows('SELECT 1'); 1 };
	return 1;
}

# Runs statements.
sub run
{
	my ($self, $sql, $database) = @_;

	$self->rows($sql, $database);
	return;
}

# Runs a query, and returns each row's text.
sub rows
{
	my ($self, $sql, $database) = @_;

	if ($self->{kind} eq 'postgres')
	{
		$self->connected or die "no connection to the source\n";
		return map { $_->[0] } @{ $self->{wire}->rows($sql) };
	}
	my ($out, $err);
	IPC::Run::run(['mariadb', '--no-defaults', "--socket=$self->{folder}/socket", '-uroot', '--default-character-set=utf8mb4',
		'--batch', '--raw', '-N', $database // 'source'], '<', \$sql, '>', \$out, '2>', \$err) or die "$err\n";
	return split /\n/, $out;
}

#
# Tables
#
# A table is {name, keyed, insert_only, behind, id, tick}: keyed by id, or with rows that are all alike; whose rows are
# inserted only; that may get rows so many ticks behind the newest. cur and at grow with tick, which several rows share.
# All versions of the rows of a keyed table are in <name>_log.
#
sub make_table
{
	my ($self, $t) = @_;
	my $name = $t->{name};
	my ($text, $at) = $self->{kind} eq 'postgres' ? ('text', 'timestamp(6)') : ('varchar(3000)', 'datetime(6)');
	my $columns = "id bigint NOT NULL, cur bigint NOT NULL, at $at NOT NULL, n int, txt $text, d numeric(12,3)";
	my $list = 'NEW.id, NEW.cur, NEW.at, NEW.n, NEW.txt, NEW.d';

	@$t{qw(id tick)} = (0, 1);
	$self->run("CREATE TABLE $name ($columns" . ($t->{keyed} ? ', PRIMARY KEY (id)' : '') . ');'
		. "CREATE INDEX ${name}_cur ON $name (cur); CREATE INDEX ${name}_at ON $name (at);");
	return if !$t->{keyed};
	$self->run("CREATE TABLE ${name}_log ($columns)");
	if ($self->{kind} eq 'postgres')
	{
		$self->run("CREATE FUNCTION ${name}_log() RETURNS trigger LANGUAGE plpgsql AS"
			. " 'BEGIN INSERT INTO ${name}_log VALUES ($list); RETURN NULL; END';"
			. "CREATE TRIGGER log AFTER INSERT OR UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION ${name}_log()");
		return;
	}
	$self->run("CREATE TRIGGER ${name}_$_ AFTER $_ ON $name FOR EACH ROW INSERT INTO ${name}_log VALUES ($list)")
		for qw(INSERT UPDATE);
}

sub at
{
	my $micros = $_[0] * 1037;

	return sprintf "'%s.%06d'", strftime('%Y-%m-%d %H:%M:%S', gmtime(1704067200 + floor($micros / 1e6))), $micros % 1000000;
}

my @words = ('', 'a', "O''Reilly", 'straße', 'naïve  ', '日本', 'x' x 300, '100%', 'a,b;c');

sub some
{
	my $n = rand() < 0.1 ? 'NULL' : int rand 100000;
	my $txt = rand() < 0.1 ? 'NULL' : "'" . $words[rand @words] . int(rand 1000) . "'";
	my $d = rand() < 0.1 ? 'NULL' : sprintf '%.3f', rand(2000) - 1000;

	return ($n, $txt, $d);
}

# Statements that change about so many rows of the table, as one transaction.
sub changes
{
	my ($self, $t, $count) = @_;
	my (@sql, @new);
	my $flush = sub { push @sql, "INSERT INTO $t->{name} VALUES " . join ', ', splice @new if @new };
	my $group = 0;
	my $grow = $t->{insert_only} || !$t->{id};

	$t->{tick}++ if rand() < 0.5;
	for (my $done = 0; $done < $count;)
	{
		my $tick = $t->{tick};

		# one in twenty groups of equal values is large
		$group ||= 1 + int rand(rand() < 0.05 ? 400 : 6);
		$tick -= int rand(1 + $t->{behind}) if $t->{behind};
		$tick = 1 if $tick < 1;
		if (!$t->{keyed})
		{
			my $row = '(' . join(', ', int rand 3, $tick, at($tick), some()) . ')';

			for (1 .. (rand() < 0.2 ? 1 + int rand 3 : 1))
			{
				push @new, $row;
				$done++;
			}
		}
		elsif ($grow || rand() < 0.4)
		{
			my $id = ++$t->{id};

			push @new, '(' . join(', ', $id, $tick, at($tick), some()) . ')';
			$done++;
		}
		else
		{
			my $ids = join ', ', map { 1 + int rand $t->{id} } 0 .. int rand 8;
			my ($n, $txt, $d) = some();

			$done += 4;
			$flush->();
			if (rand() < 0.25)
			{
				push @sql, "DELETE FROM $t->{name} WHERE id IN ($ids)";
				next if rand() < 0.7;

				# a row's cursor grows with each version
				($ids, $tick) = ($ids =~ /^(\d+)/, ++$t->{tick});
				push @new, '(' . join(', ', $ids, $tick, at($tick), some()) . ')';
			}
			else
			{
				push @sql, "UPDATE $t->{name} SET cur = $tick, at = " . at($tick)
					. ", n = id + 7 * $tick, txt = $txt, d = $d WHERE id IN ($ids) AND cur < $tick";
			}
		}
		$flush->() if @new >= 200;
		$t->{tick}++ if !--$group;
	}
	$flush->();
	return "BEGIN;\n" . join(";\n", @sql) . ";\nCOMMIT;\n";
}

# Column lists that give the same text here and there.
sub columns
{
	my ($kind) = @_;
	my $at = $kind eq 'postgres' ? "to_char(at, 'YYYY-MM-DD HH24:MI:SS.US')" : "date_format(at, '%Y-%m-%d %H:%i:%s.%f')";
	my $cast = $kind eq 'postgres' ? sub { "$_[0]::text" } : sub { "CAST($_[0] AS char)" };

	return "concat_ws('|', id, cur, $at, " . join(', ', map { "coalesce(" . $cast->($_) . ", 'NULL')" } qw(n txt d)) . ')';
}

# Every row's text, of a table or its log; with a condition.
sub contents
{
	my ($self, $name, $where) = @_;

	return $self->rows('SELECT ' . columns($self->{kind}) . " FROM $name WHERE " . ($where // '1 = 1'));
}

1;
