# 6-access.pl: connection test, discovery, import, and who may use what.

package Contract;

use strict;
use warnings;
use Contract;

add 'connkit_test() of a source that works', [], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $rows = $session->ok("SELECT stage, outcome, milliseconds >= 0, detail, hint FROM connkit_test('source')");

	is(join(' ', $rows =~ /^(\w+)\|/mg), 'options resolve connect tls authenticate query privileges', 'its stages');
	die "a stage fails:\n$rows" if $rows =~ /\|failed\|/;
	like($rows, qr/^query\|(ok|warning)\|/m, 'the query stage');
	like($rows, qr/^privileges\|(ok|warning)\|/m, 'the privileges stage');
	is($session->ok("SELECT count(server_version) FROM connkit_test('source')"), '1', 'the version of the server');
	die 'it tells the password' if $ENV{CK_PASSWORD} && $rows =~ $ENV{CK_PASSWORD};
	$source->usable($session);
};

add 'connkit_test() of options that are not saved', [], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $options = $source->options;
	my ($server, $user) = map {
		my $place = $options->{$_};

		'jsonb_build_object(' . join(', ', map { quote($_) . ', ' . quote($place->{$_}) } sort keys %$place) . ')'
	} qw(server user);
	my $rows = $session->ok("SELECT stage, outcome, detail FROM connkit_test('$source->{name}', $server, $user)");

	like($rows, qr/^query\|(ok|warning)\|/m, 'the query stage');
	die "a stage fails:\n$rows" if $rows =~ /\|failed\|/;
	like($session->ok("SELECT stage, outcome, hint FROM connkit_test('$source->{name}', $server || '{\"hots\": \"x\"}', $user)
		WHERE outcome = 'failed'"), qr/^options\|failed\|/, 'an option that is unknown');
	is($session->ok("SELECT count(*) FROM pg_foreign_server WHERE srvname LIKE '%saved%'"), '0', 'nothing is saved');
};

add 'an account that could write is warned of where the source is only read', ['writer'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $server = $source->server($session, server => {updatable => 'false'}, user => {user => 'ck_writer'});

	like($session->ok("SELECT stage, outcome, hint FROM connkit_test('$server') WHERE outcome = 'warning'"),
		qr/^privileges\|warning\|.*read/m, 'the warning');
	is($session->ok("SELECT outcome FROM connkit_test('source') WHERE stage = 'privileges'"), 'ok', 'a reader');
};

add 'connkit_discover() finds the tables', ['discovery'], sub {
	my ($source) = @_;
	my $session = $source->session;

	is($session->ok("SELECT kind, columns, estimated_rows BETWEEN 500 AND 2000 FROM connkit_discover('source')
		WHERE table_name = 'numbers'"), 'table|2|t', 'a table');
	is($session->ok("SELECT kind FROM connkit_discover('source') WHERE table_name = 'trickle'"), 'view', 'a view')
		unless $source->lacks('sql');
	is($session->ok("SELECT string_agg(column_name || ' ' || local_type, ',' ORDER BY position)
		FROM connkit.discovered_column c WHERE table_name = 'numbers' AND discovery = (SELECT max(id) FROM connkit.discovery)"),
		$source->quirk('discovered') || 'id integer,v text', 'its columns');
	is($session->ok("SELECT kind, columns FROM connkit.discovered_key WHERE table_name = 'numbers'
		AND discovery = (SELECT max(id) FROM connkit.discovery)"), 'primary|{id}', 'its key');
	is($session->ok("SELECT count(*) FROM connkit_discover('source', '{num*}', '{*bers}')"), '0', 'patterns');
	$source->usable($session);
};
push our @quirks, qw(discovered schemas sql);

add 'IMPORT FOREIGN SCHEMA makes tables that can be read', ['discovery'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = $session->ok("SELECT schema_name FROM connkit_discover('source', '{numbers}')");

	$schema = 'main' if $schema eq '';
	$session->ok("BEGIN; CREATE SCHEMA imported;
		IMPORT FOREIGN SCHEMA $schema LIMIT TO (numbers, no_rows, slow) FROM SERVER source INTO imported");
	$source->usable($session, 'imported');
	is($session->ok("SELECT attnotnull FROM pg_attribute WHERE attrelid = 'imported.numbers'::regclass AND attname = 'id'"),
		't', 'NOT NULL of the key');
	$session->ok("CREATE SCHEMA rest; IMPORT FOREIGN SCHEMA $schema EXCEPT (numbers) FROM SERVER source INTO rest");
	is($session->ok("SELECT to_regclass('rest.numbers') IS NULL, to_regclass('rest.million') IS NOT NULL"), 't|t', 'EXCEPT');
	$session->ok('ROLLBACK');
	like($session->fails("IMPORT FOREIGN SCHEMA no_such_schema FROM SERVER source INTO local", '.*'), qr/no_such_schema/,
		'a schema that is not there') unless $source->lacks('schemas');
};

add 'every type that is imported can be read', ['discovery', 'values'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $schema = $session->ok("SELECT schema_name FROM connkit_discover('source', '{numbers}')");

	$schema = 'main' if $schema eq '';
	my $tables = $session->ok("SELECT string_agg(table_name, ', ') FROM connkit_discover('source', '{v_*}')");
	$session->ok("BEGIN; CREATE SCHEMA imported; IMPORT FOREIGN SCHEMA $schema LIMIT TO ($tables) FROM SERVER source INTO imported");
	for my $table (split /, /, $tables)
	{
		is($session->ok("SELECT (SELECT count(v) FROM imported.$table) = (SELECT count(v) FROM remote.$table)"), 't', $table);
		$session->ok("SELECT v FROM imported.$table OFFSET 100");
	}
	$session->ok('ROLLBACK');
};

add 'options are checked where they are written', [], sub {
	my ($source) = @_;
	my $session = $source->session;

	like($session->fails("ALTER SERVER source OPTIONS (ADD conect_timeout '5')", 'HV00D'), qr/Did you mean "connect_timeout"/,
		'a misspelt one');
	$session->fails("ALTER SERVER source OPTIONS (ADD connect_timeout 'soon')", 'HV00.');
	$session->fails("ALTER SERVER source OPTIONS (ADD connect_timeout '0')", 'HV00.');
	$session->fails("ALTER SERVER source OPTIONS (ADD connect_timeout '5000000000000000000000')", 'HV00.');
	$session->fails("ALTER FOREIGN DATA WRAPPER connkit_$source->{name} OPTIONS (ADD host 'x')", 'HV00D');
	for my $secret (split /\n/, $session->ok("SELECT name FROM connkit.connector_options('$source->{name}') WHERE secret"))
	{
		my $error = $session->fails("ALTER SERVER source OPTIONS (ADD $secret 'hidden-value')", 'HV00D', qr/CREATE USER MAPPING/);

		die 'the error tells the secret' if $error =~ /hidden-value/;
	}
	for my $required (split /\n/, $session->ok("SELECT name FROM connkit.connector_options('$source->{name}')
		WHERE required AND places = '{server}'"))
	{
		$session->fails("CREATE SERVER none FOREIGN DATA WRAPPER connkit_$source->{name}", 'HV00J', qr/$required/);
	}
	my $left = $session->ok("SELECT count(*) FROM connkit.connector_options('$source->{name}') WHERE help IS NULL OR help = ''");
	is($left, '0', 'options without help');
	$source->usable($session);
};

# A role that is no superuser and may use the wrapper.
sub ordinary
{
	my ($source, $session) = @_;

	$session->ok("DO \$\$ BEGIN CREATE ROLE contract_user LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$;
		GRANT USAGE ON FOREIGN DATA WRAPPER connkit_$source->{name} TO contract_user;
		GRANT CREATE ON DATABASE contract_$source->{name} TO contract_user;
		GRANT SELECT ON ALL TABLES IN SCHEMA remote TO contract_user; GRANT USAGE ON SCHEMA remote TO contract_user");
	return $source->session('contract_user');
}

add 'who is no superuser brings a password', ['password'], sub {
	my ($source) = @_;
	my $admin = $source->session;
	my $session = ordinary($source, $admin);

	$session->fails('SELECT * FROM remote.numbers', '42704', qr/user mapping/);
	my $good = $source->private($session);
	$source->usable($session, $good);
	$session->ok("SELECT stage FROM connkit_test('$good') WHERE outcome = 'failed'");

	my $none = $source->private($session, user => {password => undef});
	$session->fails("SELECT * FROM $none.numbers", '2F003|28000', qr/password/);
	like($session->ok("SELECT stage, detail FROM connkit_test('$none') WHERE outcome = 'failed'"), qr/password/, 'the test');
	my $empty = $source->private($session, user => {password => ''});
	$session->fails("SELECT * FROM $empty.numbers", '2F003|28...', qr/password/);
	$session->fails("ALTER USER MAPPING FOR CURRENT_USER SERVER $none OPTIONS (ADD password_required 'false')", '42501');

	# what one role may use, another may not
	$session->fails('SELECT * FROM connkit_test($$source$$)', '42501|42704');
	my $foreign = $source->private($admin);
	$session->fails("SELECT * FROM $foreign.numbers", '42501');
	is($session->ok("SELECT count(*) FROM pg_user_mappings WHERE umoptions::text LIKE '%password%'
		AND usename <> current_user"), '0', 'other users\' passwords');
	$session->ok("DROP SERVER $_ CASCADE") for $good, $none, $empty;
	$admin->ok("DROP OWNED BY contract_user");
};

add 'who is no superuser does not ride on the server\'s identity', ['ride'], sub {
	my ($source) = @_;
	my $admin = $source->session;
	my $session = ordinary($source, $admin);
	my %ride = map { /^(\w+) (\w+) (.*)$/ ? (\%{{place => $1, name => $2, value => $3}}) : () } ();
	my (%server, %user);

	for (split /\n/, $source->verb('options', 'ride'))
	{
		/^server (\S+) (.*)$/ and $server{$1} = $2;
		/^user (\S+) (.*)$/ and $user{$1} = $2;
	}
	# the source lets everybody in who comes that way: a superuser may, and a password that nobody asks for proves nothing
	my $mine = $source->private($admin, server => \%server, user => {%user, password => undef});
	$source->usable($admin, $mine);
	my $schema = $source->private($session, server => \%server, user => {%user, password => 'not-asked-for'});
	$session->fails("SELECT * FROM $schema.numbers", '28000|2F003', qr/password/);
	like($session->ok("SELECT stage, detail FROM connkit_test('$schema') WHERE outcome = 'failed'"), qr/^authenticate/,
		'the test');
	$session->ok("DROP SERVER $schema CASCADE");
	$admin->ok("DROP OWNED BY contract_user");
};

add 'who is no superuser names no file that was not allowed', ['file'], sub {
	my ($source) = @_;
	my $admin = $source->session;
	my $session = ordinary($source, $admin);
	my $options = $source->options;
	my $clause = Contract::Source::clause($options->{server});

	$session->fails("CREATE SERVER stolen FOREIGN DATA WRAPPER connkit_$source->{name} $clause", '42501', qr/file/);
	$session->fails("SELECT * FROM connkit_test('$source->{name}', jsonb_build_object("
		. join(', ', map { quote($_) . ', ' . quote($options->{server}{$_}) } keys %{$options->{server}}) . '))', '42501', qr/file/);
	$admin->ok("ALTER DATABASE contract_$source->{name} SET connkit.allowed_paths = " . quote($ENV{CK_FILES}));
	$session = $source->session('contract_user');
	my $schema = $source->private($session);
	$source->usable($session, $schema);
	$session->fails("ALTER SERVER $schema OPTIONS (SET path " . quote("$ENV{CK_FILES}/../main/data/PG_VERSION") . ')', '42501');
	symlink "$ENV{CK_TMP}/main/data/PG_VERSION", "$ENV{CK_FILES}/link";
	$session->fails("ALTER SERVER $schema OPTIONS (SET path " . quote("$ENV{CK_FILES}/link") . ')', '42501');
	unlink "$ENV{CK_FILES}/link";
	$admin->ok("ALTER DATABASE contract_$source->{name} RESET connkit.allowed_paths");
	$session = $source->session('contract_user');
	$session->fails("SELECT * FROM $schema.numbers", '42501', qr/file/);
	$session->ok("DROP SERVER $schema CASCADE");
	$admin->ok("DROP OWNED BY contract_user");
};

add 'a user mapping for PUBLIC', ['password'], sub {
	my ($source) = @_;
	my $admin = $source->session;
	my $session = ordinary($source, $admin);
	my $schema = $source->private($admin, role => 'PUBLIC');

	$admin->ok("GRANT USAGE ON SCHEMA $schema TO contract_user; GRANT SELECT ON $schema.numbers TO contract_user");
	$source->usable($_, $schema) for $admin, $session;
	$admin->ok("CREATE USER MAPPING FOR contract_user SERVER $schema OPTIONS (user 'no_such_user', password 'x')");
	$session->fails("SELECT * FROM $schema.numbers", '28...');
	$source->usable($admin, $schema);
	$admin->ok("DROP SERVER $schema CASCADE; DROP OWNED BY contract_user");
};

add 'ALTER SERVER and ALTER USER MAPPING take effect', ['password', 'network'], sub {
	my ($source) = @_;
	my $session = $source->session;
	my $other = $source->session;
	my $options = $source->options;
	my $schema = $source->private($session);

	$source->usable($_, $schema) for $session, $other;
	$session->ok("BEGIN");
	$source->usable($session, $schema);
	$other->ok("ALTER USER MAPPING FOR CURRENT_USER SERVER $schema OPTIONS (SET password 'wrong-secret')");
	# a transaction goes on with the connection that it has
	$source->usable($session, $schema);
	$session->ok("COMMIT");
	$_->fails("SELECT * FROM $schema.numbers", '28...') for $session, $other;
	$other->ok("ALTER USER MAPPING FOR CURRENT_USER SERVER $schema OPTIONS (SET password " . quote($options->{user}{password}) . ')');
	$source->usable($_, $schema) for $session, $other;
	$other->ok("ALTER SERVER $schema OPTIONS (SET port '" . closed_port() . "')");
	$_->fails("SELECT * FROM $schema.numbers", '08001') for $session, $other;
	$other->ok("ALTER SERVER $schema OPTIONS (SET port '$options->{server}{port}')");
	$source->usable($_, $schema) for $session, $other;
	$other->ok("DROP USER MAPPING FOR CURRENT_USER SERVER $schema");
	$_->fails("SELECT * FROM $schema.numbers", '42704') for $session, $other;
};

1;
