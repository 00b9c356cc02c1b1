# A dump and restore keeps sources, connectors that are manifests, user mappings, foreign tables and what was discovered; so does a restart.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

my $file = $node->basedir . '/source.db';
system_or_bail('sqlite3', $file,
	"CREATE TABLE t (a integer PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'one'), (2, NULL)");

$node->safe_psql('postgres', 'CREATE DATABASE old');
$node->safe_psql('postgres', 'CREATE DATABASE new');
$node->safe_psql(
	'old', qq{
	SET client_min_messages = warning;
	CREATE EXTENSION connkit CASCADE;
	CREATE SERVER source FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '$file');
	CREATE USER MAPPING FOR CURRENT_USER SERVER source;
	CREATE SCHEMA imported;
	IMPORT FOREIGN SCHEMA main FROM SERVER source INTO imported;
	SELECT * FROM connkit_discover('source');
	CREATE ROLE registrar;
	GRANT USAGE ON FOREIGN DATA WRAPPER connkit_http TO registrar;
	SET ROLE registrar;
	SELECT connkit_register_connector('{"manifest": 1, "name": "tracker", "version": "1.0",
		"base_url": "http://127.0.0.1:9", "options": {"team": {"on": "server"}}, "tables": {"issue": {"path": "/i",
		"columns": {"id": "bigint", "it''s": "text"}, "key": ["id"], "filters": {"id": {"=": {"param": "id", "exact": true}}}}}}');
	CREATE SERVER tracker FOREIGN DATA WRAPPER connkit_tracker OPTIONS (team 'a');
	RESET ROLE;
	CREATE USER MAPPING FOR CURRENT_USER SERVER tracker;
	IMPORT FOREIGN SCHEMA api FROM SERVER tracker INTO imported;
});

my $look = q{
	SELECT a, b FROM imported.t ORDER BY a;
	SELECT name, connector, options FROM connkit.source;
	SELECT source, tables, columns FROM connkit.discovery;
	SELECT table_name, column_name, source_type, local_type FROM connkit.discovered_column ORDER BY position;
	SELECT name, version, capabilities, available FROM connkit.connector ORDER BY name;
	EXPLAIN (COSTS OFF, VERBOSE) SELECT "it's" FROM imported.issue WHERE id = 1;
	SELECT fdwacl FROM pg_foreign_data_wrapper WHERE fdwname = 'connkit_tracker';
};
my $before = $node->safe_psql('old', $look);
like($before, qr/^1\|one\n2\|\nsource\|sqlite\|.*\nsource\|1\|2\n.*t\|a\|/s, 'source and discovery are there');
like($before, qr/tracker\|1\.0\|.*"id" = \?.*registrar=U\*/s, 'a connector that is a manifest is there');

my $dump = $node->basedir . '/old.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('old'), '-f', $dump ], 'dump');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('new'), '-f', $dump ], 'restore');
is($node->safe_psql('new', $look), $before, 'the restored database is the same');

is($node->safe_psql('new', q{SET ROLE registrar; CREATE SERVER other FOREIGN DATA WRAPPER connkit_tracker;
	DROP SERVER tracker CASCADE; DROP SERVER other; SELECT connkit_unregister_connector('tracker')}), '',
	'who registered a manifest may still use and remove it');
is($node->safe_psql('new', q{SELECT count(*) FROM connkit_discover('source')}), '1', 'discovery goes on');
is($node->safe_psql('new', q{SELECT array_agg(id ORDER BY id) FROM connkit.discovery}),
	'{1,2}', 'with the next number');

$node->restart;
is($node->safe_psql('old', $look), $before, 'a restart changes nothing');

$node->stop('immediate');
$node->start;
is($node->safe_psql('old', $look), $before, 'nor does a crash');

$node->safe_psql('old', 'SET client_min_messages = warning; DROP EXTENSION connkit CASCADE');
is($node->safe_psql('old', q{SELECT count(*) FROM pg_event_trigger}), '0', 'nothing of the extension stays behind');

done_testing();
