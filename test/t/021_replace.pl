# Storage that was exchanged is there after a crash, where the WAL does not tell of new files (wal_level minimal) and where it
# does; an unlogged table is empty then, and of use.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_wal_senders = 0\n");

sub sql
{
	return $node->safe_psql('postgres', 'SET client_min_messages = error; ' . shift);
}

$node->start;
sql(q{
	CREATE EXTENSION connkit CASCADE;
	CREATE EXTENSION amcheck;
	CREATE SERVER source FOREIGN DATA WRAPPER connkit_null OPTIONS (rows '2000', text_size '3000');
	CREATE USER MAPPING FOR PUBLIC SERVER source;
	CREATE FUNCTION make(target text, kind text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE format('CREATE %s TABLE %s (id bigint PRIMARY KEY, name text)', kind, target);
		EXECUTE format('ALTER TABLE %s ALTER name SET STORAGE EXTERNAL', target);
		EXECUTE format('CREATE INDEX ON %s (md5(name)); CREATE INDEX ON %1$s USING gin (to_tsvector(''simple'', left(name, 9)))', target);
		EXECUTE format('INSERT INTO %s VALUES (1, repeat(''old'', 1000))', target);
		PERFORM connkit_create_sync('source', 'numbers', target, name => target, write => 'replace', settings => '{"columns": ["id", "name"]}');
	END $$;
	CREATE FUNCTION run(name text, rows int) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		file oid := pg_relation_filenode(name::regclass);
		inserted bigint;
	BEGIN
		EXECUTE format('ALTER SERVER source OPTIONS (SET rows ''%s'')', rows);
		inserted := (SELECT r.inserted FROM connkit_sync(name, atomic => true) AS r);
		ASSERT pg_relation_filenode(name::regclass) <> file;
		RETURN inserted;
	END $$;
	CREATE FUNCTION sound(name text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		found record;
		rows text;
	BEGIN
		PERFORM bt_index_parent_check(indexrelid, true, true) FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid
			WHERE indrelid = name::regclass AND relam = 403;
		FOR found IN SELECT * FROM verify_heapam(name, check_toast := true) LOOP
			RAISE '%', found;
		END LOOP;
		EXECUTE format('SELECT concat_ws('' '', count(*), count(DISTINCT id), sum(length(name)), sum(id)) FROM %I', name) INTO rows;
		RETURN rows;
	END $$;
});

for my $level ('minimal', 'replica')
{
	# new files are synced at the commit, or written to the WAL then
	for my $threshold ('0', '1GB')
	{
		my $at = "wal_level $level, wal_skip_threshold $threshold";

		$node->append_conf('postgresql.conf', "wal_level = $level\nwal_skip_threshold = $threshold\n");
		$node->restart;
		sql("SELECT make('plain', ''), make('un', 'UNLOGGED')");
		sql('CHECKPOINT');
		for my $table ('plain', 'un')
		{
			sql("BEGIN; SELECT run('$table', 2000); INSERT INTO $table VALUES (-1, repeat('a', 5000));"
				. " UPDATE $table SET name = name || 'b' WHERE id = 7; SAVEPOINT s; SELECT run('$table', 30); ROLLBACK TO s;"
				. " INSERT INTO $table VALUES (-2, 'c'); COMMIT");
		}
		sql("BEGIN; SELECT make('made', ''); SAVEPOINT s; SELECT run('made', 100); INSERT INTO made VALUES (-1, 'a');"
			. " RELEASE s; SELECT run('made', 300); DELETE FROM made WHERE id = 9; COMMIT");
		$node->stop('immediate');
		$node->start;
		is(sql("SELECT sound('plain')"), '2002 2002 6005002 2000997', "$at: a table");
		is(sql("SELECT sound('made')"), '299 299 897000 45141', "$at: one that the transaction made");
		is(sql("SELECT sound('un')"), '0 0', "$at: an unlogged one");
		is(sql("SELECT run('un', 10)"), '10', "$at: can be filled again");
		is(sql("SELECT run('plain', 20); SELECT sound('plain')"), "20\n20 20 60000 210", "$at: and so can the first");
		sql("DROP TABLE plain, un, made; SELECT connkit_drop_sync(name) FROM connkit.sync");
	}
}

# where changes are decoded from WAL, which does not tell of exchanged storage, rows are written
$node->append_conf('postgresql.conf', "wal_level = logical\n");
$node->restart;
sql("SELECT make('plain', ''); SELECT pg_create_logical_replication_slot('slot', 'test_decoding')");
sql("ALTER SERVER source OPTIONS (SET rows '30')");
is(sql("SELECT outcome FROM connkit_sync('plain')"), 'succeeded', 'with a slot');
is(sql("SELECT count(*) FROM pg_logical_slot_get_changes('slot', NULL, NULL) WHERE data ~ '^table public.plain: (INSERT|UPDATE)'"),
	'30', 'all rows are decoded');
sql("SELECT pg_drop_replication_slot('slot')");

$node->stop;
done_testing();
