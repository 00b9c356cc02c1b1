-- connkit_discover: what a source holds, kept so that it can be compared.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
CREATE SCHEMA discover_a;
CREATE SCHEMA "discover b's";
CREATE TYPE discover_a.mood AS ENUM ('well', 'ill');
CREATE TYPE public.discover_known AS ENUM ('a');
CREATE TABLE discover_a.customer (
	id integer PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'n''n', email text COLLATE "C" UNIQUE, mood discover_a.mood,
	known discover_known, upper_name text GENERATED ALWAYS AS (name || '!') STORED, dropped int, tags text[]);
ALTER TABLE discover_a.customer DROP COLUMN dropped;
COMMENT ON TABLE discover_a.customer IS 'who buys';
COMMENT ON COLUMN discover_a.customer.name IS 'as the customer writes it';
CREATE TABLE discover_a.item (
	customer integer REFERENCES discover_a.customer, line smallint, total numeric(12,2), at timestamptz(3) DEFAULT now(),
	PRIMARY KEY (customer, line));
CREATE INDEX item_index ON discover_a.item (total, (line + 1));
CREATE TABLE "discover b's"."Odd.Name" (item_customer integer, item_line smallint, "a""b" text,
	FOREIGN KEY (item_customer, item_line) REFERENCES discover_a.item);
CREATE VIEW discover_a.view AS SELECT id, name FROM discover_a.customer;
INSERT INTO discover_a.customer (id, email) SELECT g, g FROM generate_series(1, 100) AS g;
UPDATE discover_a.customer SET known = 'a';
ANALYZE discover_a.customer;

SELECT split_part(current_setting('unix_socket_directories'), ',', 1) AS folder, current_setting('port') AS port,
	current_database() AS db \gset
CREATE SERVER discover_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host :'folder', port :'port', dbname :'db');
CREATE USER MAPPING FOR CURRENT_USER SERVER discover_loop OPTIONS (user :'USER');
RESET client_min_messages;

SELECT schema_name, table_name, kind, columns, estimated_rows, estimated_bytes > 0 AS bytes, comment
FROM connkit_discover('discover_loop', '{discover_a.*, "discover b''s.*"}');
SELECT max(id) AS first FROM connkit.discovery \gset
SELECT table_name, position, column_name, source_type, local_type, not_null, default_value, generated, collation_name, comment
FROM connkit.discovered_column WHERE discovery = :first ORDER BY schema_name COLLATE "C", table_name COLLATE "C", position;
SELECT schema_name, table_name, key_name, kind, columns, referenced_schema, referenced_table, referenced_columns
FROM connkit.discovered_key WHERE discovery = :first ORDER BY table_name COLLATE "C", key_name COLLATE "C";
SELECT table_name, index_name, is_unique, method, columns
FROM connkit.discovered_index WHERE discovery = :first ORDER BY table_name COLLATE "C", index_name COLLATE "C";
SELECT source, made_by = current_user AS me, strategy, include, exclude, milliseconds >= 0 AS timed, tables, columns, keys, indexes
FROM connkit.discovery WHERE id = :first;

-- what changed
ALTER TABLE discover_a.customer DROP COLUMN tags, ADD COLUMN added date, ALTER known SET NOT NULL;
CREATE INDEX added_index ON discover_a.customer (added);
DROP VIEW discover_a.view;
CREATE TABLE discover_a.new (a int);
COMMENT ON TABLE discover_a.customer IS 'who bought';
SELECT connkit.discover('discover_loop', '{discover_a.*, "discover b''s.*"}', '{}', 'balanced', 10) AS second \gset
SELECT * FROM connkit_compare_discoveries(:first, :second);
SELECT count(*) FROM connkit_compare_discoveries(:second, :second);

-- patterns
SELECT schema_name, table_name FROM connkit_discover('discover_loop', '{discover*.*}', '{discover_a.*m*}');
SELECT schema_name, table_name FROM connkit_discover('discover_loop', '{Odd.????,discover?b?s.*,item}');
SELECT count(*) FROM connkit_discover('discover_loop', '{discover_none.*}');
SELECT count(*) > 4 FROM connkit_discover('discover_loop');
SELECT count(*) FROM connkit_discover('discover_loop', '{discover_a.*}', '{*}');
SELECT count(*) FROM connkit_discover('discover_loop', '{NULL}');

-- strategies
SELECT schema_name, table_name, estimated_rows FROM connkit_discover('discover_loop', '{discover_a.*}', strategy => 'conservative');
SELECT max(id) AS light FROM connkit.discovery \gset
SELECT tables, columns, keys, indexes FROM connkit.discovery WHERE id = :light;
SELECT change, object, table_name, name FROM connkit_compare_discoveries(:second, :light);
SELECT schema_name, table_name, estimated_rows FROM connkit_discover('discover_loop', '{discover_a.*}', strategy => 'aggressive');
SELECT table_name, counted FROM connkit.discovered_table WHERE discovery = (SELECT max(id) FROM connkit.discovery)
ORDER BY table_name COLLATE "C";
SELECT * FROM connkit_discover('discover_loop', strategy => 'reckless');

-- how many are kept
SELECT count(*) > 5 FROM connkit.discovery WHERE source = 'discover_loop';
SELECT count(*) FROM connkit_discover('discover_loop', '{discover_a.*}', keep => 2);
SELECT count(*) FROM connkit.discovery WHERE source = 'discover_loop';
SELECT count(DISTINCT discovery) FROM connkit.discovered_column;
SELECT * FROM connkit_discover('discover_loop', keep => 0);

-- a name that changes, a source that goes
ALTER SERVER discover_loop RENAME TO discover_ring;
SELECT DISTINCT source FROM connkit.discovery;
CREATE SERVER discover_null FOREIGN DATA WRAPPER connkit_null OPTIONS (rows '5');
SELECT schema_name, table_name, kind, columns, estimated_rows, estimated_bytes, comment FROM connkit_discover('discover_null');
SELECT column_name, source_type, local_type FROM connkit.discovered_column WHERE table_name = 'numbers' ORDER BY position;
SELECT key_name, kind, columns FROM connkit.discovered_key WHERE table_name = 'numbers';
SET client_min_messages = warning;
DROP SERVER discover_ring CASCADE;
SELECT DISTINCT source FROM connkit.discovery;
SELECT DISTINCT table_name FROM connkit.discovered_column;
DROP SERVER discover_null;
SELECT count(*) FROM connkit.discovery;
DROP SCHEMA discover_a, "discover b's" CASCADE;
DROP TYPE discover_known;
