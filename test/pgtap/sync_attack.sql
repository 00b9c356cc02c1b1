-- sync_attack.sql: what the owner of a sync can have done to those who run it.
\ir source.psql
SELECT dblink_exec('source', 'DROP SCHEMA IF EXISTS attack CASCADE; CREATE SCHEMA attack; GRANT USAGE ON SCHEMA attack TO ck_reader;
	CREATE TABLE attack.t (id int PRIMARY KEY, v text); INSERT INTO attack.t SELECT i, ''v'' || i FROM generate_series(1, 3) AS i;
	') IS NULL AS ready \gset
CREATE FUNCTION run(sync text) RETURNS text LANGUAGE sql SET search_path = public AS $$
	SELECT string_agg(concat_ws(' ', outcome, inserted, message), '; ' ORDER BY sync_name) FROM connkit_sync(sync)
$$;
CREATE TABLE who (what text, role text);
GRANT ALL ON who TO PUBLIC;
CREATE ROLE ck_evil;
CREATE SCHEMA evil AUTHORIZATION ck_evil;
GRANT ck_evil TO CURRENT_USER;
GRANT USAGE ON FOREIGN SERVER source TO ck_evil;
SELECT connkit_grant_source('source', 'query', 'ck_evil') IS NULL AS ready \gset
SET ROLE ck_evil;
SET search_path = evil, public;
CREATE FUNCTION tell(i int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.who VALUES ('told', current_user);
	RETURN true;
END $$;

-- settings that are changed by a trigger
CREATE TABLE settings (id int PRIMARY KEY, v text);
CREATE FUNCTION set_path() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', 'evil, pg_catalog', false);
	RETURN NEW;
END $$;
CREATE TRIGGER set_path BEFORE INSERT ON settings FOR EACH ROW EXECUTE FUNCTION set_path();
SELECT connkit_create_sync('source', 'attack.t', 'evil.settings', write => 'append', name => 'settings') IS NULL AS ready \gset
RESET ROLE;
SET search_path = public;
SELECT outcome AS ready FROM connkit_sync('settings') \gset
SELECT current_setting('search_path') AS path \gset
SET search_path = public;
SELECT is(:'ready' || ' ' || :'path', 'succeeded public', 'a setting that a trigger changes is not left to the caller');

-- a deferred trigger would fire at the commit, as the caller: its event is asked for where the stage's constraints are parsed
SET ROLE ck_evil;
SET search_path = evil, public;
CREATE TABLE later (i int);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.who VALUES ('fired', current_user);
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER fire AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fire();
CREATE FUNCTION put_off(i int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO evil.later VALUES (i);
	RETURN true;
EXCEPTION WHEN insufficient_privilege THEN
	INSERT INTO public.who VALUES ('refused', current_user);
	RETURN true;
END $$;
CREATE DOMAIN late AS int CHECK (put_off(VALUE));
CREATE TABLE deferred (id int PRIMARY KEY, v text, CHECK (id <> ALL ('{77}'::late[])));
SELECT connkit_create_sync('source', 'attack.t', 'evil.deferred', mode => 'merge', name => 'deferred',
	settings => '{"deletes": "hard"}') IS NULL AS ready \gset
RESET ROLE;
SET search_path = public;
TRUNCATE who;
SELECT is(run('deferred'), 'succeeded 3', 'a check constraint with a constant of a domain');
SELECT is((SELECT string_agg(DISTINCT what || ' ' || role, ', ') FROM who), 'refused ck_evil', 'puts nothing off to the commit');

-- the position is a value of the owner's domain
SET ROLE ck_evil;
SET search_path = evil, public;
CREATE DOMAIN told AS int CHECK (tell(VALUE));
SELECT connkit_create_sync('source', query => 'select id, v from attack.t', query_columns => 'id told, v text', target => 'evil.position',
	mode => 'incremental', write => 'append', cursor_column => 'id', name => 'position') IS NULL AS ready \gset
SELECT outcome AS ready FROM connkit_sync('position') \gset
RESET ROLE;
SET search_path = public;
TRUNCATE who;
SELECT connkit_reset_sync('position', '0') IS NULL AS ready \gset
SELECT is((SELECT string_agg(DISTINCT role, ', ') FROM who), 'ck_evil', 'a position is looked at with the rights of the sync''s owner');
SELECT connkit_drop_sync(s) IS NULL AS ready FROM unnest('{settings,deferred,position}'::text[]) AS s \g /dev/null

-- a target that is altered while its rows are on the way
SET ROLE ck_evil;
SET search_path = evil, public;
SELECT connkit_create_sync('source', 'attack.t', 'evil.exchanged', name => '1') IS NULL AS ready \gset
SELECT outcome AS ready FROM connkit_sync('1') \gset
CREATE TABLE alters (id int PRIMARY KEY, v text);
CREATE FUNCTION alter_exchanged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER TABLE evil.%I RENAME TO hidden', 'pg_temp_' || 'evil.exchanged'::regclass::oid);
	ALTER TABLE evil.exchanged DROP CONSTRAINT exchanged_pkey;
	ALTER TABLE evil.exchanged ALTER id TYPE text;
	RETURN NULL;
END $$;
CREATE TRIGGER alters BEFORE INSERT ON alters FOR EACH STATEMENT EXECUTE FUNCTION alter_exchanged();
SELECT connkit_create_sync('source', 'attack.t', 'evil.alters', write => 'append', name => '2') IS NULL AS ready \gset
SELECT is(run('source'), 'failed 0 table "exchanged" was changed while its rows were loaded; succeeded 3', 'between load and exchange: another type');
SELECT is((SELECT string_agg(id, ',' ORDER BY id) FROM exchanged), '1,2,3', 'the rows are sound');
DROP TABLE exchanged;
TRUNCATE alters;
CREATE TABLE exchanged (id int PRIMARY KEY, v text UNIQUE);
CREATE OR REPLACE FUNCTION alter_exchanged() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	key name := 'pg_temp_' || 'evil.exchanged_pkey'::regclass::oid;
	v name := 'pg_temp_' || 'evil.exchanged_v_key'::regclass::oid;
BEGIN
	EXECUTE format('ALTER INDEX evil.%I RENAME TO hidden', key);
	EXECUTE format('ALTER INDEX evil.%I RENAME TO %I', v, key);
	EXECUTE format('ALTER INDEX evil.hidden RENAME TO %I', v);
	RETURN NULL;
END $$;
SELECT is(run('source'), 'failed 0 table "exchanged" was changed while its rows were loaded; succeeded 3', 'indexes change places');
CREATE TABLE merged (id int PRIMARY KEY, v int);
INSERT INTO merged VALUES (1, 1);
CREATE FUNCTION alter_merged(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF i = 1 THEN
		ALTER TABLE evil.merged ALTER v TYPE text;
	END IF;
	RETURN 123456789;
END $$;
SELECT connkit_create_sync('source', 'attack.t', 'evil.merged', mode => 'merge', name => 'merged',
	settings => '{"columns": ["id"], "mapping": {"v": "alter_merged(id)"}, "deletes": "hard"}') IS NULL AS ready \gset
SELECT is(run('merged'), 'failed 0 column "v" of target evil.merged of sync "merged" was changed within the run', 'between stage and merge');
SELECT connkit_alter_sync('merged', '{"deletes": "ignore"}') IS NULL AS ready \gset
SELECT matches(run('merged'), '^failed 0 cannot ALTER TABLE "merged" because it is being used', 'nor is it while rows are merged as they come');

-- targets of others are not claimed
RESET ROLE;
CREATE ROLE ck_victim;
CREATE SCHEMA victim AUTHORIZATION ck_victim;
GRANT USAGE ON SCHEMA victim TO ck_evil;
CREATE TABLE victim.there (id int, v text);
GRANT SELECT ON victim.there TO ck_evil;
SET ROLE ck_evil;
SELECT throws_ok($$SELECT connkit_create_sync('source', 'attack.t', 'victim.there')$$, '42501', 'role "ck_evil" may not insert into target victim.there', 'nobody claims a table that he cannot write to');
SELECT throws_ok($$SELECT connkit_create_sync('source', 'attack.t', 'victim.later')$$, '42501', 'role "ck_evil" has no rights in the schema of target victim.later', 'nor one that he cannot make');
SELECT throws_ok($$SELECT connkit_alter_sync('merged', '{"target": "victim.there"}')$$, '42501', 'role "ck_evil" may not insert into target victim.there', 'nor by a change');
RESET ROLE;
SELECT throws_ok($$SELECT connkit_alter_sync('merged', '{"target": "victim.there"}')$$, '42501', 'role "ck_evil" may not insert into target victim.there',
	'which is looked at with the rights of the sync''s owner');

-- what those are told who listen
RESET ROLE;
SET search_path = public;
SELECT dblink_connect('listener', format('host=%s port=%s dbname=%s user=postgres', current_setting('unix_socket_directories'), current_setting('port'),
	current_database())) = 'OK' AS ready \gset
SELECT dblink_exec('listener', 'LISTEN connkit') = 'LISTEN' AS ready \gset
SELECT connkit_create_sync('source', query => 'select ''secret'' || id as id from attack.t', query_columns => 'id text', target => 'evil.listened', name => 'told') IS NULL AS ready \gset
CREATE TABLE evil.listened (id int);
SELECT matches(run('told'), '"secret1"', 'an error may tell of a row');
SELECT unalike(extra, '%secret%', 'but not to those who listen') FROM dblink_get_notify('listener');
SELECT dblink_disconnect('listener') = 'OK' AS ready \gset

SET client_min_messages = error;
SELECT connkit_drop_sync(name) IS NULL AS ready FROM connkit.sync \g /dev/null
DROP OWNED BY ck_evil, ck_victim CASCADE;
DROP ROLE ck_evil, ck_victim;
SELECT * FROM finish();
