-- The connector skeleton: tested, imported, read.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
CREATE SERVER skeleton FOREIGN DATA WRAPPER connkit_skeleton OPTIONS (rows '3');
SELECT stage, outcome FROM connkit_test('skeleton');
CREATE SCHEMA skeleton;
IMPORT FOREIGN SCHEMA skeleton FROM SERVER skeleton INTO skeleton;
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull FROM pg_attribute
	WHERE attrelid = 'skeleton.numbers'::regclass AND attnum > 0 ORDER BY attnum;
SELECT * FROM skeleton.numbers WHERE id > 1;
CREATE FOREIGN TABLE skeleton.mistaken (id integer, w text) SERVER skeleton;
SELECT * FROM skeleton.mistaken;
CREATE SERVER mistaken FOREIGN DATA WRAPPER connkit_skeleton OPTIONS (row '3');
DROP SCHEMA skeleton CASCADE;
DROP SERVER skeleton;
