-- connkit_test: one row a stage, what fails is named as itself.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;
CREATE TABLE probe_here (a int);
SELECT split_part(current_setting('unix_socket_directories'), ',', 1) AS folder, current_setting('port') AS port,
	current_database() AS db \gset
CREATE SERVER probe_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host :'folder', port :'port', dbname :'db');
CREATE USER MAPPING FOR CURRENT_USER SERVER probe_loop OPTIONS (user :'USER');

SELECT stage, outcome, milliseconds >= 0 AS timed, hint, server_version ~ '^PostgreSQL [0-9]' AS version
FROM connkit_test('probe_loop');
-- it leaves nothing behind
SELECT pg_sleep(0.3);
SELECT count(*) FROM pg_stat_activity WHERE application_name = 'connkit' AND datname = current_database();
CREATE SERVER probe_null FOREIGN DATA WRAPPER connkit_null;
SELECT stage, outcome, detail, hint, server_version FROM connkit_test('probe_null');

-- without saving
SELECT stage, outcome FROM connkit_test('postgres',
	jsonb_build_object('host', :'folder', 'port', :port, 'dbname', :'db', 'application_name', NULL), jsonb_build_object('user', :'USER'));
SELECT stage, outcome FROM connkit_test('null', '{"rows": 5}');
SELECT count(*) FROM connkit.source WHERE name LIKE 'probe%';

-- failures, each at its stage
SELECT stage, outcome, detail, hint FROM connkit_test('postgres',
	jsonb_build_object('host', :'folder', 'port', :port, 'dbname', 'nowhere'), jsonb_build_object('user', :'USER'))
WHERE outcome <> 'ok';
SELECT stage, outcome FROM connkit_test('postgres',
	jsonb_build_object('host', :'folder', 'port', :port, 'dbname', :'db'), '{"user": "regress_nobody"}');
SELECT stage, outcome, detail FROM connkit_test('postgres', '{"host": "127.0.0.1", "port": 1}', '{"user": "me"}')
WHERE outcome <> 'skipped';
SELECT stage, outcome FROM connkit_test('postgres', '{"host": "nowhere.invalid"}', '{"user": "me"}');
SELECT stage, outcome, detail, hint FROM connkit_test('postgres', '{"hots": "db"}', '{"user": "me"}') WHERE outcome <> 'skipped';
SELECT stage, outcome, detail, hint FROM connkit_test('postgres', '{"port": "low"}', '{"user": "me"}') WHERE outcome <> 'skipped';
SELECT stage, outcome, detail, hint FROM connkit_test('postgres', '{"password": "hidden"}', '{"user": "me"}') WHERE outcome <> 'skipped';
SELECT stage, outcome, detail, hint FROM connkit_test('postgres', '{}', '{"password": "hidden"}') WHERE outcome <> 'skipped';
DROP USER MAPPING FOR CURRENT_USER SERVER probe_loop;
SELECT stage, outcome, hint FROM connkit_test('probe_loop') WHERE outcome <> 'skipped';

-- what is no failure of a source is an error
SELECT * FROM connkit_test('probe_none');
SELECT * FROM connkit_test('postgres', '[1]');
SELECT * FROM connkit_test('postgres', '{"port": [1]}');
SELECT * FROM connkit_test('postgres', '{}', '"me"');
CREATE FOREIGN DATA WRAPPER probe_other;
CREATE SERVER probe_other FOREIGN DATA WRAPPER probe_other;
SELECT * FROM connkit_test('probe_other');
DROP FOREIGN DATA WRAPPER probe_other CASCADE;

-- rights
CREATE ROLE regress_connkit_probe;
SET ROLE regress_connkit_probe;
SELECT * FROM connkit_test('probe_loop');
SELECT * FROM connkit_test('postgres', '{}');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER probe_loop TO regress_connkit_probe;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres TO regress_connkit_probe;
SET ROLE regress_connkit_probe;
CREATE USER MAPPING FOR CURRENT_USER SERVER probe_loop OPTIONS (user 'regress_connkit_probe');
SELECT stage, outcome, detail, hint FROM connkit_test('probe_loop') WHERE outcome <> 'skipped';
SET client_min_messages = error;
SELECT stage, outcome, detail, hint FROM connkit_test('postgres', '{}', '{"user": "me"}') WHERE outcome <> 'skipped';
SELECT stage, outcome, detail FROM connkit_test('postgres', '{}', '{"user": "me", "password": "x", "password_required": false}') WHERE outcome <> 'skipped';
RESET client_min_messages;
RESET ROLE;
SET client_min_messages = warning;
DROP SERVER probe_loop, probe_null CASCADE;
DROP OWNED BY regress_connkit_probe;
DROP ROLE regress_connkit_probe;
DROP TABLE probe_here;
