-- setup.sql: the sources, and syncs that stand still while another session holds the advisory lock 1.
CREATE EXTENSION connkit CASCADE;
SELECT connkit_create_source(name, 'postgres',
	jsonb_build_object('host', 'localhost', 'port', :'port', 'dbname', 'source'),
	jsonb_build_object('user', 'ck_reader', 'password', :'password')) FROM unnest(ARRAY['source', 'family']) AS name;
CREATE FUNCTION wait_here() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.pg_advisory_xact_lock_shared(1);
	RETURN true;
END $$;
SELECT connkit_create_sync(source, 'isolation.' || name, target => 'public.' || name, name => name, write => 'replace',
	settings => '{"filter": "public.wait_here()"}')
FROM (VALUES ('source', 'item'), ('family', 'parent'), ('family', 'child')) AS v (source, name);
SELECT connkit_create_sync('source', 'isolation.item', target => 'public.appended', name => 'appended', mode => 'incremental',
	write => 'append', cursor_column => 'id', settings => '{"filter": "public.wait_here()"}');
CREATE VIEW result AS SELECT NULL::text AS sync_name, NULL::text AS outcome, NULL::bigint AS rows, NULL::text AS message;
CREATE FUNCTION run(name text) RETURNS SETOF result LANGUAGE sql AS
	'SELECT sync_name, outcome, rows_read, message FROM connkit_sync(name)';
SELECT connkit_create_sync('source', 'isolation.item', target => 'public.merged', name => 'merged', mode => 'merge');
