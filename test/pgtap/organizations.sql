-- organizations.sql: two organizations in one database, and what one can learn of the other, or do to it.
-- Everything of the first has "canary" in it. Tables, views and functions are taken from the catalog: new ones are tried too.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT no_plan();

CREATE ROLE canary_acme;
CREATE ROLE canary_anna IN ROLE canary_acme;
CREATE ROLE canary_user;
CREATE ROLE ck_globex;
CREATE ROLE ck_gina IN ROLE ck_globex, pg_read_all_stats;
CREATE ROLE ck_allreader IN ROLE pg_read_all_data;
GRANT canary_acme, canary_anna, canary_user, ck_globex, ck_gina, ck_allreader TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_null, connkit_postgres TO canary_acme, ck_globex;
CREATE SCHEMA canary_schema AUTHORIZATION canary_acme;
CREATE SCHEMA ck_globex_schema AUTHORIZATION ck_globex;
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA pg_temp TO PUBLIC;

CREATE VIEW member AS
	SELECT classid, objid FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'connkit');
CREATE VIEW member_relation AS SELECT c.* FROM member JOIN pg_class AS c ON classid = 'pg_class'::regclass AND objid = c.oid
	WHERE relkind NOT IN ('i', 'I');
CREATE VIEW member_function AS SELECT p.* FROM member JOIN pg_proc AS p ON classid = 'pg_proc'::regclass AND objid = p.oid;
GRANT SELECT ON member, member_relation, member_function TO PUBLIC;

-- rules that hold for every object
SELECT is_empty($$SELECT relname FROM member_relation WHERE relkind IN ('r', 'p') AND NOT relrowsecurity$$,
	'every table has row-level security');
SELECT is_empty($$SELECT polname, polrelid::regclass FROM pg_policy JOIN member_relation AS c ON c.oid = polrelid WHERE polcmd <> 'r'$$,
	'and no policy for writing');
SELECT is_empty($$SELECT relname, privilege_type FROM member_relation, aclexplode(relacl) AS a
	WHERE a.grantee <> relowner AND (a.grantee <> 0 OR privilege_type <> 'SELECT' OR relkind = 'S')$$,
	'nobody else has a right but SELECT, and on a sequence none');
SELECT set_eq($$SELECT relname FROM member_relation WHERE relkind = 'v' AND reloptions IS DISTINCT FROM '{security_barrier=true}'$$,
	$$VALUES ('connector'::name), ('connector_option'), ('pushdown_rule')$$,
	'every view is a barrier, but those that have no rows of organizations');
SELECT is_empty($$SELECT proname FROM member_function WHERE prosecdef AND NOT proconfig @> '{"search_path=pg_catalog, pg_temp"}'$$,
	'every function that runs with its owner''s rights has a search_path');
SELECT is_empty($$SELECT proname FROM member_function WHERE prosecdef AND prorettype <> 'event_trigger'::regtype$$,
	'and is not one to be called');

-- the first organization has something of everything
CREATE FUNCTION silent(statement text) RETURNS void LANGUAGE plpgsql SET client_min_messages = error AS $$BEGIN EXECUTE statement; END$$;
SET LOCAL ROLE canary_acme;
SELECT silent($$SELECT connkit_create_source('canary_source', 'postgres', '{"host": "canary.example.com", "sslmode": "disable"}',
	'{"user": "canary_account", "password": "canary_value"}', 'canary_user', comment => 'canary comment')$$);
SELECT silent($$SELECT connkit_create_source('canary_null', 'null', '{"rows": 3}')$$);
SELECT silent($$SELECT connkit_create_source('canary_off', 'null'), connkit_drop_source('canary_off')$$);
SELECT silent($$SELECT connkit_set_secret('canary_secret', 'canary_value')$$);
SELECT silent($$SELECT connkit_grant_secret('canary_secret', 'canary_user')$$);
SELECT silent($$SELECT connkit_grant_source('canary_source', 'query', 'canary_user')$$);
SELECT silent($$SELECT connkit_discover('canary_null')$$);
SELECT silent($$SELECT connkit_test('canary_null')$$);
SELECT silent($$SELECT connkit_create_sync('canary_null', 'numbers', 'canary_schema.canary_target', name => 'canary_sync')$$);
IMPORT FOREIGN SCHEMA "null" FROM SERVER canary_null INTO canary_schema;
RESET ROLE;
INSERT INTO connkit.sync_state (sync, position) SELECT id, 'canary' FROM connkit.sync;
INSERT INTO connkit.sync_run (sync, sync_name, owner, owner_mark, source, trigger, state, message)
	SELECT id, name, owner, owner_mark, source, 'call', 'failed', 'canary' FROM connkit.sync;
INSERT INTO connkit.schema_change (sync, shape_version, kind, column_name, action) SELECT id, 1, 'added', 'canary', 'evolve' FROM connkit.sync;
INSERT INTO connkit.rejected_row (sync, sqlstate, reason, source_row) SELECT id, '22000', 'canary', '{"canary": 1}' FROM connkit.sync;
INSERT INTO connkit.webhook_delivery (sync, kind, body) SELECT id, 'upsert', '{"canary": 1}' FROM connkit.sync;
INSERT INTO connkit.webhook_key (sync, key, version, deleted) SELECT id, 'canary', '1', false FROM connkit.sync;
INSERT INTO connkit.schedule (sync, schedule, timezone, retries, overlap, missed, jitter, anchor, error)
	SELECT id, '1 hour', 'UTC', 0, 'skip', 'skip', '0', now(), 'canary' FROM connkit.sync;
SELECT silent($$SELECT connkit_set_quota('canary_acme', 10, 5)$$);
UPDATE connkit.discovered_table SET comment = 'canary comment';
UPDATE connkit.discovered_column SET comment = 'canary comment';
UPDATE connkit.discovered_key SET referenced_table = 'canary_table';
INSERT INTO connkit.discovered_index SELECT discovery, schema_name, table_name, 'canary_index', true, 'btree', '{canary_column}'
	FROM connkit.discovered_table;
INSERT INTO connkit.secret_use VALUES ('canary_acme', 'canary_secret', now()) ON CONFLICT DO NOTHING;
INSERT INTO connkit.home VALUES (1);
SELECT is_empty($$SELECT relname FROM member_relation WHERE relkind = 'r'
	AND (xpath('/row/count/text()', query_to_xml(format('SELECT count(*) FROM %s', oid::regclass), false, true, '')))[1]::text = '0'$$,
	'every table has a row to be found');
SET LOCAL ROLE ck_globex;
SELECT silent($$SELECT connkit_create_source('own', 'null', '{"rows": 3}')$$);
SELECT silent($$SELECT connkit_discover('own')$$);

-- What a role reads of a relation: nothing, as it may not; other rows; or canaries. With leaky, each column is given to a
-- function of the role's, cheap enough to be asked before any condition of a view or policy.
RESET ROLE;
CREATE TABLE heard (relation text, what text);
GRANT ALL ON heard TO PUBLIC;
CREATE FUNCTION ck_globex_schema.leak(relation text, what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
	$$BEGIN INSERT INTO heard VALUES (relation, what); RETURN true; END$$;
GRANT USAGE ON SCHEMA ck_globex_schema TO PUBLIC;
CREATE FUNCTION look(leaky boolean) RETURNS TABLE (relation text, seen text) LANGUAGE plpgsql AS $$
DECLARE
	part text;
	body text;
BEGIN
	DELETE FROM heard;
	FOR relation IN SELECT oid::regclass FROM member_relation ORDER BY 1 LOOP
		BEGIN
			EXECUTE format('SELECT string_agg(t::text, E''\n'') FROM (SELECT * FROM %s) AS t', relation) INTO body;
			IF leaky THEN
				FOR part IN SELECT attname FROM pg_attribute WHERE attrelid = relation::regclass AND attnum > 0 LOOP
					EXECUTE format('SELECT count(*) FROM %s WHERE ck_globex_schema.leak(%L, %I::text)', relation, relation, part);
				END LOOP;
				SELECT string_agg(what, E'\n') INTO body FROM heard WHERE heard.relation = look.relation;
			END IF;
			seen := CASE WHEN body LIKE '%canary%' THEN 'canary' ELSE 'other' END;
		EXCEPTION WHEN insufficient_privilege THEN
			seen := 'denied';
		WHEN object_not_in_prerequisite_state THEN
			seen := 'not preloaded';
		END;
		RETURN NEXT;
	END LOOP;
END $$;

-- sync_progress, of what is under way, and remote_query_log need connkit in shared_preload_libraries
CREATE FUNCTION readable() RETURNS SETOF text LANGUAGE sql AS
	$$SELECT oid::regclass::text FROM member_relation WHERE relkind IN ('r', 'v') AND relname NOT IN ('secret_store', 'secret_use', 'sync_progress', 'remote_query_log',
		'home')$$;
SET LOCAL ROLE canary_anna;
SELECT set_eq($$SELECT relation FROM look(false) WHERE seen = 'canary'$$,
	$$SELECT r FROM readable() AS r WHERE r !~ '^connkit\.(connector|pushdown_rule)'$$, 'who has the owner''s role finds canaries wherever he may read');
SELECT set_eq($$SELECT relation FROM look(true) WHERE seen = 'canary'$$,
	$$SELECT r FROM readable() AS r WHERE r !~ '^connkit\.(connector|pushdown_rule)'$$, 'and so does his function');
SELECT set_eq($$SELECT relation FROM look(false) WHERE seen = 'denied'$$,
	$$SELECT oid::regclass::text FROM member_relation WHERE relkind = 'S' OR relname IN ('secret_store', 'secret_use', 'home')$$,
	'the store and the sequences he does not read');
SET LOCAL ROLE ck_globex;
SELECT set_eq($$SELECT relation FROM look(false) WHERE seen = 'other'$$, $$SELECT * FROM readable()$$,
	'another organization reads the same tables and views');
SELECT is_empty($$SELECT relation FROM look(false) WHERE seen = 'canary'$$, 'and finds no canary');
SELECT is_empty($$SELECT relation FROM look(true) WHERE seen = 'canary'$$, 'nor does its function');
SET LOCAL ROLE ck_gina;
SELECT is_empty(format($$SELECT relation FROM look(%L) WHERE seen = 'canary'$$, leaky), format('nor do its members (%s)', leaky))
FROM (VALUES (true), (false)) AS v(leaky);
SET LOCAL ROLE ck_allreader;
SELECT is_empty($$SELECT relation FROM look(true) WHERE seen = 'canary'$$, 'nor who may read all data');
SET LOCAL ROLE canary_user;
SELECT set_eq($$SELECT relation FROM look(true) WHERE seen = 'canary'$$, $$VALUES ('connkit.secret_grant'), ('connkit.source_grant')$$,
	'who was lent a secret, and given a right, sees that he was');
RESET ROLE;
ALTER VIEW connkit.source SET (security_barrier = false);
SET LOCAL ROLE ck_globex;
SELECT isnt_empty($$SELECT relation FROM look(true) WHERE relation = 'connkit.source' AND seen = 'canary'$$, 'the barrier is what keeps it from a view');
RESET ROLE;
ALTER VIEW connkit.source SET (security_barrier = true);
ANALYZE connkit.discovery;
ANALYZE connkit.discovered_table;
ANALYZE connkit.secret_store;
ANALYZE connkit.audit_log;
SET LOCAL ROLE ck_gina;
SELECT is_empty($$SELECT tablename, attname FROM pg_stats WHERE schemaname = 'connkit'$$, 'statistics of the tables are not shown');
SELECT throws_ok($$SELECT * FROM pg_statistic$$, '42501', NULL, 'nor read');
SELECT is_empty($$SELECT * FROM pg_sequences WHERE schemaname = 'connkit' AND last_value IS NOT NULL$$, 'nor the last numbers');
SELECT throws_ok(format('SELECT %s(%L)', call, oid::regclass), '42501', NULL, format('%s of %s', call, relname))
FROM member_relation, (VALUES ('nextval'), ('lastval')) AS v(call) WHERE relkind = 'S' AND call = 'nextval';

-- nobody writes
CREATE FUNCTION pg_temp.write(command text) RETURNS TABLE (relation text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
	FOR relation IN SELECT oid::regclass FROM member_relation WHERE relkind IN ('r', 'p') LOOP
		BEGIN
			EXECUTE format(command, relation);
			outcome := 'done';
		EXCEPTION WHEN insufficient_privilege THEN
			outcome := 'denied';
		END;
		RETURN NEXT;
	END LOOP;
END $$;
SET LOCAL ROLE canary_anna;
SELECT set_eq(format($$SELECT outcome FROM pg_temp.write(%L)$$, command), ARRAY['denied'], format(command, 'any table') || ' is denied to owners')
FROM (VALUES ('INSERT INTO %s DEFAULT VALUES'), ('DELETE FROM %s'), ('LOCK TABLE %s IN ROW EXCLUSIVE MODE')) AS v(command);
SELECT is_empty($$SELECT relname FROM member_relation AS r WHERE has_table_privilege(r.oid, 'UPDATE, TRUNCATE, REFERENCES, TRIGGER')$$,
	'and all other rights');

-- every function, called by the other organization with names of the first
RESET ROLE;
CREATE TABLE attempt (name text, call text, outcome text);
INSERT INTO attempt VALUES
	('connkit_test', $$connkit_test('canary_source')$$, '42501'),
	('connkit_test', $$connkit_test('sqlite', '{}')$$, '42501'),
	('connkit_test', $$connkit_test('postgres', '{"host": "localhost", "port": 1}', '{"user": "u", "password_secret": "canary_acme/canary_secret"}')$$, 'nothing'),
	('connkit_discover', $$connkit_discover('canary_null')$$, '42501'),
	('discover', $$connkit.discover('canary_null', '{*}', '{}', 'balanced', 1)$$, '42501'),
	('connkit_compare_discoveries', $$connkit_compare_discoveries((SELECT min(i) FROM generate_series(1, 9) AS i), 9)$$, 'nothing'),
	('connkit_compare_discoveries', $$connkit_compare_discoveries(9, 1)$$, 'nothing'),
	('connkit_import_comments', $$connkit_import_comments('canary_schema')$$, '0'),
	('connkit_create_source', $$connkit_create_source('canary_source', 'null')$$, '42710'),
	('connkit_create_source', $$connkit_create_source('canary_off', 'null')$$, '42710'),
	('connkit_create_source', $$connkit_create_source('new', 'sqlite', '{"path": "/etc/passwd"}')$$, '42501'),
	('connkit_alter_source', $$connkit_alter_source('canary_source', '{"host": "ck_globex.example.com"}')$$, '42501'),
	('connkit_alter_source', $$connkit_alter_source('canary_source', credentials => '{"password": "x"}')$$, '42501'),
	('connkit_alter_source', $$connkit_alter_source('own', new_name => 'canary_source')$$, '42710'),
	('connkit_drop_source', $$connkit_drop_source('canary_source')$$, '42501'),
	('connkit_drop_source', $$connkit_drop_source('canary_source', true)$$, '42501'),
	('connkit_restore_source', $$connkit_restore_source('canary_off')$$, '42501'),
	('connkit_grant_source', $$connkit_grant_source('canary_source', 'query', 'ck_globex')$$, '42501'),
	('connkit_revoke_source', $$connkit_revoke_source('canary_source', 'query', 'canary_user')$$, '42501'),
	('connkit_query', $$(SELECT i FROM connkit_query('canary_source', 'SELECT 1') AS t(i int))$$, '42501'),
	('connkit_query', $$(SELECT i FROM connkit_query('canary_source', 'SELECT ?', 'x') AS t(i int))$$, '42501'),
	('connkit_execute', $$connkit_execute('canary_source', 'SELECT 1')$$, '42501'),
	('connkit_execute', $$connkit_execute('canary_source', 'SELECT ?', 'x')$$, '42501'),
	('connkit_describe_query', $$connkit_describe_query('canary_source', 'SELECT 1')$$, '42501'),
	('connkit_set_quota', $$connkit_set_quota('ck_globex', -1, -1)$$, '42501'),
	('connkit_set_secret', $$connkit_set_secret('canary_secret', 'x', 'canary_acme')$$, '42501'),
	('connkit_set_sealed_secret', $$connkit_set_sealed_secret('canary_secret', 'x', 'canary_acme')$$, '42501'),
	('connkit_public_key', $$connkit_public_key('canary_secret', 'canary_acme')$$, '42501'),
	('connkit_load_secret', $$connkit_load_secret('canary_secret', 'file', '/etc/passwd', 'canary_acme')$$, '42501'),
	('connkit_load_secret', $$connkit_load_secret('own', 'file', '/etc/passwd')$$, '42501'),
	('connkit_load_secret', $$connkit_load_secret('own', 'command', 'id')$$, '42501'),
	('connkit_load_secret', $$connkit_load_secret('own', 'environment', 'HOME')$$, '42501'),
	('connkit_link_secret', $$connkit_link_secret('canary_secret', 'file', '/etc/passwd', 'canary_acme')$$, '42501'),
	('connkit_link_secret', $$connkit_link_secret('own', 'file', '/etc/passwd')$$, '42501'),
	('connkit_drop_secret', $$connkit_drop_secret('canary_secret', 'canary_acme', true)$$, '42501'),
	('connkit_revert_secret', $$connkit_revert_secret('canary_secret', 'canary_acme')$$, '42501'),
	('connkit_grant_secret', $$connkit_grant_secret('canary_secret', 'ck_globex', owner => 'canary_acme')$$, '42501'),
	('connkit_revoke_secret', $$connkit_revoke_secret('canary_secret', 'canary_user', owner => 'canary_acme')$$, '42501'),
	('connkit_reassign_secrets', $$connkit_reassign_secrets('canary_acme', 'ck_globex')$$, '42501'),
	('connkit_rotate_master_key', $$connkit_rotate_master_key()$$, '42501'),
	('connkit_forget_master_key', $$connkit_forget_master_key('x')$$, '42501'),
	('connkit_purge_audit_log', $$connkit_purge_audit_log('0')$$, '42501'),
	('connector_info', $$connkit.connector_info('../canary')$$, 'nothing'),
	('connector_options', $$connkit.connector_options('../canary')$$, 'nothing'),
	('connector_rules', $$connkit.connector_rules('../canary')$$, 'nothing'),
	('role_is_mine', $$connkit.role_is_mine('canary_acme', '')$$, 'false'),
	('role_is_mine', $$connkit.role_is_mine('canary_acme', (SELECT owner_mark FROM connkit.secret_store LIMIT 1))$$, '42501'),
	('master_key_is_exposed', $$connkit.master_key_is_exposed()$$, 'false'),
	('audit_guard', $$(SELECT connkit.audit_guard() IS NULL)$$, 'XX000'),
	('audit_ddl', $$(SELECT connkit.audit_ddl() IS NULL)$$, 'XX000'),
	('check_sources', $$(SELECT connkit.check_sources() IS NULL)$$, '39P03'),
	('source_renamed', $$(SELECT connkit.source_renamed() IS NULL)$$, '39P03'),
	('connkit_sync', $$connkit_sync('canary_sync')$$, '42704'),
	('connkit_sync', $$connkit_sync('canary_null')$$, '42704'),
	('connkit_create_sync', $$connkit_create_sync('canary_null', 'numbers')$$, '42501'),
	('connkit_create_sync', $$connkit_create_sync('own', 'numbers', 'ck_globex_schema.t', name => 'canary_sync')$$, '42710'),
	('connkit_create_sync', $$connkit_create_sync('own', 'numbers', 'canary_schema.canary_target')$$, '42501'),
	('connkit_create_syncs', $$connkit_create_syncs('canary_null')$$, '42501'),
	('connkit_alter_sync', $$connkit_alter_sync('canary_sync', '{"paused": true}')$$, '42704'),
	('connkit_reset_sync', $$connkit_reset_sync('canary_sync')$$, '42704'),
	('connkit_drop_sync', $$connkit_drop_sync('canary_sync', true)$$, '42704'),
	('connkit_pause_sync', $$connkit_pause_sync('canary_sync')$$, '42704'),
	('connkit_resume_sync', $$connkit_resume_sync('canary_sync')$$, '42704'),
	('connkit_replay_rejected', $$connkit_replay_rejected('canary_sync')$$, '42704'),
	('connkit_receive', $$connkit_receive('canary_null', 'numbers', '{"canary": 1}', '{}')$$, '28000'),
	('connkit_receive', $$connkit_receive('canary_null', 'numbers', '{"canary": 1}'::jsonb, '{}')$$, '28000'),
	('connkit_schedule', $$connkit_schedule('canary_sync', '1 hour')$$, '55000'),
	('connkit_resume_schedules', $$connkit_resume_schedules()$$, '42501'),
	('connkit_register_connector', $$connkit_register_connector('{"manifest": 1, "name": "any"}')$$, '42501'),
	('connkit_unregister_connector', $$connkit_unregister_connector('any')$$, '42704'),
	('connkit_next_times', $$connkit_next_times('never', 'UTC', now(), 1)$$, '22023'),
	('logged_requests', $$connkit.logged_requests()$$, '55000'),
	('running_syncs', $$connkit.running_syncs()$$, '55000'),
	('wake_launcher', $$connkit.wake_launcher()$$, '42501'),
	('wake', $$(SELECT connkit.wake() IS NULL)$$, '42501'),
	('connkit_unschedule', $$connkit_unschedule('canary_sync')$$, '42704'),
	('connkit_cancel_run', $$connkit_cancel_run(1)$$, '42704'),
	('sync_dropped', $$(SELECT connkit.sync_dropped() IS NULL)$$, '39P01'),
	('source_dropped', $$(SELECT connkit.source_dropped() IS NULL)$$, '0A000');
GRANT SELECT ON attempt TO PUBLIC;
SELECT is_empty($$SELECT proname FROM member_function WHERE proname !~ '_(handler|validator)$' AND proname NOT IN (SELECT name FROM attempt)$$,
	'every function is tried');
CREATE FUNCTION attempted(call text) RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
	body text;
	message text;
	detail text;
	hint text;
BEGIN
	-- "nothing": neither error nor row, but for what the call itself names
	EXECUTE format('SELECT string_agg(r::text, E''\n'') FROM %s AS r', call) INTO body;
	IF call LIKE 'connkit_test(''postgres''%' AND body LIKE '%options,failed%' AND body NOT LIKE '%value%' THEN
		RETURN 'nothing';
	END IF;
	RETURN CASE WHEN body IS NULL OR call LIKE 'connkit.connector_info%' THEN 'nothing'
		WHEN body LIKE '%canary%' THEN 'canary: ' || body ELSE btrim(body, '()') END;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	-- names that the call had are all that an error tells
	IF regexp_replace(concat_ws(' ', message, detail, hint), 'canary_(source|null|off|acme|secret|sync|schema.canary_target)', '', 'g') LIKE '%canary%' THEN
		RETURN SQLSTATE || ' with a canary: ' || concat_ws(' ', message, detail, hint);
	END IF;
	RETURN SQLSTATE;
END $$;
RESET ROLE;
CREATE FUNCTION told(call text) RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
	body text;
BEGIN
	EXECUTE format('SELECT string_agg(r::text, E''\n'') FROM %s AS r', call) INTO body;
	RETURN regexp_replace(body, ',\d+,', ',', 'g');		-- milliseconds
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SET LOCAL ROLE ck_globex;
SELECT is(attempted(call), outcome, call) FROM attempt;
SELECT is(told(replace(call, 'canary_secret', 'nowhere')), replace(told(call), 'canary_secret', 'nowhere'),
	'a secret that is another''s is told of as one that there is not: ' || name)
FROM attempt WHERE call LIKE '%canary_secret%';

SELECT is_empty($$SELECT action, object, detail, old_value, new_value FROM connkit.audit_log
	WHERE role <> 'ck_globex' OR coalesce(old_value, new_value)::text LIKE '%canary%'$$, 'the audit log tells of own attempts, and no more');

-- native commands
SELECT throws_ok(command, '42501', NULL, command) FROM (VALUES
	($$ALTER SERVER canary_null OPTIONS (SET rows '9')$$), ($$ALTER SERVER canary_null RENAME TO mine$$),
	($$ALTER SERVER canary_null OWNER TO ck_globex$$), ($$DROP SERVER canary_null CASCADE$$),
	($$CREATE USER MAPPING FOR ck_globex SERVER canary_null$$), ($$ALTER USER MAPPING FOR canary_user SERVER canary_source OPTIONS (SET "user" 'x')$$),
	($$DROP USER MAPPING FOR canary_user SERVER canary_source$$), ($$IMPORT FOREIGN SCHEMA "null" FROM SERVER canary_null INTO ck_globex_schema$$),
	($$CREATE FOREIGN TABLE ck_globex_schema.t (id bigint) SERVER canary_null$$), ($$COMMENT ON SERVER canary_null IS 'x'$$)) AS v(command);
SELECT throws_ok($$GRANT USAGE ON FOREIGN SERVER canary_null TO ck_globex$$, '42501', NULL, 'GRANT on a source of another');
SELECT is_empty($$SELECT * FROM pg_user_mappings WHERE srvname LIKE 'canary%' AND umoptions IS NOT NULL$$, 'options of user mappings are not shown');

-- what is done to sources of one's own does not touch others'
SELECT lives_ok($$ALTER SERVER own RENAME TO renamed$$, 'a source is renamed');
SELECT lives_ok($$ALTER SERVER renamed OPTIONS (ADD query_timeout '1')$$, 'and altered');
RESET ROLE;
SELECT results_eq($$SELECT source FROM connkit.discovery ORDER BY source$$, $$VALUES ('canary_null'::name), ('renamed')$$, 'discoveries of others stay');
SET LOCAL session_replication_role = replica;
ALTER SERVER canary_null RENAME TO canary_lost;
SET LOCAL session_replication_role = origin;
SET LOCAL ROLE ck_globex;
SELECT lives_ok($$ALTER SERVER renamed RENAME TO own$$, 'while those of another are without their source');
SELECT results_eq($$SELECT DISTINCT source FROM connkit.discovery$$, $$VALUES ('own'::name)$$, 'they go to nobody else');
RESET ROLE;
SET LOCAL session_replication_role = replica;
ALTER SERVER canary_lost RENAME TO canary_null;
SET LOCAL session_replication_role = origin;

-- a secret that was lent for a source is not for the next source of that name
SET LOCAL ROLE canary_acme;
SELECT lives_ok($$SELECT connkit_grant_secret('canary_secret', 'ck_globex', source => 'canary_null')$$, 'a secret is lent for a source');
SELECT lives_ok($$DROP SERVER canary_null CASCADE$$, 'which is dropped');
SELECT is_empty($$SELECT FROM connkit.secret_grant WHERE grantee = 'ck_globex'$$, 'and nobody has it any more');

-- the catalog can be hidden
RESET ROLE;
REVOKE SELECT ON pg_foreign_server, pg_user_mappings FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION pg_describe_object, pg_identify_object, pg_identify_object_as_address FROM PUBLIC;
SET LOCAL ROLE ck_globex;
SELECT throws_ok(query, '42501', NULL, 'hidden: ' || query) FROM (VALUES ($$SELECT * FROM pg_foreign_server$$), ($$SELECT * FROM pg_user_mappings$$),
	($$SELECT pg_describe_object('pg_foreign_server'::regclass, oid, 0) FROM generate_series(1, 9) AS oid$$),
	($$SELECT * FROM pg_identify_object('pg_foreign_server'::regclass, 1, 0)$$)) AS v(query);
SELECT is_empty($$SELECT foreign_server_name FROM information_schema.foreign_servers WHERE foreign_server_name LIKE 'canary%'$$, 'information_schema shows no other''s');
SELECT is_empty($$SELECT * FROM information_schema.foreign_server_options WHERE foreign_server_name LIKE 'canary%'$$, 'nor their options');
SELECT is_empty($$SELECT relation FROM look(true) WHERE seen = 'canary' AND relation <> 'connkit.audit_log'$$, 'connkit''s views show no other''s');
SELECT results_eq($$SELECT name FROM connkit.source$$, $$VALUES ('own'::name)$$, 'and one''s own');
SELECT lives_ok(command, 'goes on: ' || command) FROM (VALUES ($$SELECT connkit_create_source('hidden', 'null', '{"rows": 2}', test => true)$$),
	($$SELECT connkit_alter_source('hidden', '{"rows": 3}', comment => 'c')$$), ($$SELECT * FROM connkit_test('hidden')$$),
	($$SELECT * FROM connkit_discover('hidden')$$), ($$IMPORT FOREIGN SCHEMA "null" FROM SERVER hidden INTO ck_globex_schema$$),
	($$SELECT connkit_import_comments('ck_globex_schema')$$), ($$SELECT * FROM connkit.source_table$$), ($$SELECT * FROM connkit.secret$$),
	($$SELECT * FROM connkit.compliance_report$$), ($$SELECT * FROM connkit.discovered_table$$),
	($$CREATE SERVER native FOREIGN DATA WRAPPER connkit_null$$), ($$ALTER SERVER native RENAME TO native2$$),
	($$CREATE USER MAPPING FOR PUBLIC SERVER native2$$), ($$DROP SERVER native2 CASCADE$$), ($$SELECT count(*) FROM ck_globex_schema.numbers$$),
	($$SELECT connkit_drop_source('hidden'), connkit_restore_source('hidden'), connkit_alter_source('hidden', new_name => 'seen')$$),
	($$SELECT connkit_drop_source('seen', true)$$)) AS v(command);

RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
