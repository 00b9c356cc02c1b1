-- Options: each is checked where it is written.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;

-- names
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (hots 'db');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (conect_timeout '5');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (colour 'red');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS ("Host" 'db');
ALTER FOREIGN DATA WRAPPER connkit_null OPTIONS (rows '1');

-- places
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host 'db', password 'hidden');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (user 'me');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (table_name 't');

-- types and ranges
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (port '0');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (port '65536');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (port '54x');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (port '');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (port '99999999999999999999');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (connect_timeout '0');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (sslmode 'always');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (sslmode 'require|disable');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (use_remote_estimate 'perhaps');
CREATE SERVER s FOREIGN DATA WRAPPER connkit_null OPTIONS (rows '-1');

-- a server, its user mapping, its tables
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host 'db', port '5433', sslmode 'verify-full', query_timeout '0');
ALTER SERVER s OPTIONS (SET port '70000');
ALTER SERVER s OPTIONS (ADD prot '1');
ALTER SERVER s OPTIONS (SET port '5434', DROP sslmode);
SELECT options FROM connkit.source WHERE name = 's';
CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (password 'hidden');
CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user '', password 'hidden');
CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'a', username 'b', password 'hidden');
CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'a', host 'db');
CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'a', pasword 'hidden');
CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (username 'a', password 'hidden');
ALTER USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (DROP username);
ALTER USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (DROP username, ADD user 'b');
CREATE FOREIGN TABLE opt_t (a int) SERVER s OPTIONS (tabel_name 't');
CREATE FOREIGN TABLE opt_t (a int) SERVER s OPTIONS (host 'db');
CREATE FOREIGN TABLE opt_t (a int) SERVER s OPTIONS (table_name 't', query 'SELECT 1');
CREATE FOREIGN TABLE opt_t (a int OPTIONS (colum_name 'b')) SERVER s;
CREATE FOREIGN TABLE opt_t (a int OPTIONS (column_name 'b')) SERVER s OPTIONS (table_name 't', fetch_size '10');
ALTER FOREIGN TABLE opt_t OPTIONS (SET fetch_size '-1');
ALTER FOREIGN TABLE opt_t ALTER a OPTIONS (ADD schema_name 'x');
CREATE SERVER n FOREIGN DATA WRAPPER connkit_null;
CREATE FOREIGN TABLE opt_n (a int) SERVER n OPTIONS (query 'SELECT 1');
DROP SERVER n;
SET client_min_messages = warning;
DROP SERVER s CASCADE;
RESET client_min_messages;

-- who is no superuser: brings a credential of his own, and names only files that he was allowed
CREATE ROLE regress_connkit_option;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres, connkit_sqlite TO regress_connkit_option;
SET ROLE regress_connkit_option;
CREATE SERVER s FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host 'localhost');
CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'a', password 'hidden', password_required 'false');
CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'a');
SELECT stage, outcome, detail, hint FROM connkit_test('s') WHERE outcome <> 'skipped';
ALTER SERVER s OPTIONS (ADD sslrootcert '/etc/passwd');
CREATE SERVER f FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '/etc/passwd');
SET connkit.allowed_paths = '/';
RESET ROLE;
-- a superuser who narrows the setting narrows what is there already
SET connkit.allowed_paths = '/etc';
SET ROLE regress_connkit_option;
CREATE SERVER f FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '/etc/passwd');
ALTER SERVER f OPTIONS (SET path '/etc/../dev/null');
ALTER SERVER f OPTIONS (SET path 'passwd');
ALTER SERVER f OPTIONS (SET path '/etcetera');
RESET ROLE;
SET connkit.allowed_paths = '/etc/pass';
SET ROLE regress_connkit_option;
CREATE USER MAPPING FOR CURRENT_USER SERVER f;
SELECT stage, outcome, detail, hint FROM connkit_test('f') WHERE outcome <> 'skipped';
CREATE FOREIGN TABLE pg_temp.opt_f (a int) SERVER f;
SELECT * FROM pg_temp.opt_f;
RESET ROLE;
RESET connkit.allowed_paths;
SET client_min_messages = warning;
DROP SERVER s, f CASCADE;
DROP OWNED BY regress_connkit_option;
DROP ROLE regress_connkit_option;
