-- IMPORT FOREIGN SCHEMA: whole, in part, and with each option.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
CREATE SCHEMA import_source;
CREATE TYPE import_source.mood AS ENUM ('well', 'ill');
CREATE TABLE import_source.customer (
	id integer PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'n''n', code text COLLATE "C", mood import_source.mood,
	shout text GENERATED ALWAYS AS (upper(name) || ' -- !') STORED, tags text[], born date DEFAULT current_date);
CREATE TABLE import_source."Order" ("Id" bigint NOT NULL, "a""b" numeric(12,2), "tiny" smallint);
CREATE VIEW import_source.summary AS SELECT count(*) AS n FROM import_source."Order";
INSERT INTO import_source."Order" VALUES (1, 2.5, 3), (2, NULL, NULL);
SELECT split_part(current_setting('unix_socket_directories'), ',', 1) AS folder, current_setting('port') AS port,
	current_database() AS db \gset
CREATE SERVER import_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host :'folder', port :'port', dbname :'db');
CREATE USER MAPPING FOR CURRENT_USER SERVER import_loop OPTIONS (user :'USER');
CREATE SCHEMA import_local;
CREATE VIEW import_columns AS
	SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
		o.collname AS collation, pg_get_expr(d.adbin, d.adrelid) AS default, a.attgenerated AS generated,
		a.attfdwoptions AS options, t.ftoptions AS table_options
	FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
		JOIN pg_foreign_table AS t ON t.ftrelid = c.oid
		LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
		LEFT JOIN pg_collation AS o ON o.oid = a.attcollation AND o.collname <> 'default'
	WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'import_local')
	ORDER BY c.relname COLLATE "C", a.attnum;
CREATE PROCEDURE import_clear() LANGUAGE plpgsql AS $$
BEGIN
	DROP SCHEMA import_local CASCADE;
	CREATE SCHEMA import_local;
END $$;
\pset null -
RESET client_min_messages;

-- all of it
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local;
SELECT "table", "column", type, not_null, "collation", "default", generated, options FROM import_columns;
SELECT DISTINCT "table", table_options FROM import_columns ORDER BY 1;
SELECT * FROM import_local."Order" ORDER BY "Id";
SELECT * FROM import_local.summary;
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local;
SET client_min_messages = warning;
CALL import_clear();

-- in part
IMPORT FOREIGN SCHEMA import_source LIMIT TO ("Order", nothing) FROM SERVER import_loop INTO import_local;
SELECT DISTINCT "table" FROM import_columns;
CALL import_clear();
IMPORT FOREIGN SCHEMA import_source EXCEPT ("Order", nothing) FROM SERVER import_loop INTO import_local;
SELECT DISTINCT "table" FROM import_columns ORDER BY 1;
CALL import_clear();
IMPORT FOREIGN SCHEMA import_source LIMIT TO (nothing) FROM SERVER import_loop INTO import_local;
SELECT DISTINCT "table" FROM import_columns;

-- comments come by way of a discovery
CALL import_clear();
COMMENT ON TABLE import_source."Order" IS 'what was bought';
COMMENT ON COLUMN import_source."Order"."Id" IS 'it''s a number';
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local OPTIONS (name_case 'lower');
SELECT connkit_import_comments('import_local');
SELECT count(*) FROM connkit_discover('import_loop', '{import_source.*}');
SELECT connkit_import_comments('import_local');
SELECT obj_description(local_table) FROM connkit.source_table WHERE table_name = 'Order';
SELECT col_description(local_table, 1) FROM connkit.source_table WHERE table_name = 'Order';
SELECT source, schema_name, table_name, local_table FROM connkit.source_table WHERE source = 'import_loop' ORDER BY table_name COLLATE "C";
CALL import_clear();

-- options
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local
	OPTIONS (import_not_null 'false', import_default 'true', import_generated 'false', import_collate 'false', import_views 'false');
SELECT "table", "column", type, not_null, "collation", "default", generated FROM import_columns;
CALL import_clear();
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local
	OPTIONS (name_case 'lower', types 'Order.a"b=numeric(10,1), smallint = integer, *.tags=jsonb,Order.Id= varchar(20) , import_source.*=varchar(9),');
SELECT "table", "column", type, options FROM import_columns;
SELECT * FROM import_local."order" ORDER BY id;
CALL import_clear();
IMPORT FOREIGN SCHEMA import_source LIMIT TO ("order") FROM SERVER import_loop INTO import_local OPTIONS (name_case 'lower');
SELECT DISTINCT "table", table_options FROM import_columns;
CALL import_clear();
RESET client_min_messages;

-- what is wrong is said
IMPORT FOREIGN SCHEMA import_sauce FROM SERVER import_loop INTO import_local;
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local OPTIONS (import_comments 'true');
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local OPTIONS (name_case 'upper');
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local OPTIONS (import_views 'perhaps');
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local OPTIONS (types 'smallint');
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local OPTIONS (types 'smallint=integr');
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local OPTIONS (types 'smallint=int); DROP TABLE x; (');

-- names that meet, names that are too long, tables without columns
CREATE TABLE import_source."ORDER" (a int);
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local OPTIONS (name_case 'lower');
DROP TABLE import_source."ORDER";
CREATE TABLE import_source.twice (a int, "A" int);
IMPORT FOREIGN SCHEMA import_source LIMIT TO (twice) FROM SERVER import_loop INTO import_local OPTIONS (name_case 'lower');
IMPORT FOREIGN SCHEMA import_source LIMIT TO (twice) FROM SERVER import_loop INTO import_local;
DROP TABLE import_source.twice;
CREATE TABLE import_source.empty ();
IMPORT FOREIGN SCHEMA import_source FROM SERVER import_loop INTO import_local;
DROP TABLE import_source.empty;

-- an SQLite file
SET client_min_messages = warning;
CALL import_clear();
COPY (SELECT format('CREATE TABLE %s (%s_1 int, %s_2 text); CREATE TABLE plain ("" int, "Key" integer PRIMARY KEY, v varchar(10) NOT NULL DEFAULT ''x'', n decimal(8,2), b blob, odd geometry)',
	repeat('t', 70), repeat('ü', 40), repeat('ü', 40)))
TO PROGRAM 'rm -f /tmp/regress_connkit_import.db; sqlite3 /tmp/regress_connkit_import.db';
RESET client_min_messages;
CREATE SERVER import_file FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '/tmp/regress_connkit_import.db');
IMPORT FOREIGN SCHEMA main FROM SERVER import_file INTO import_local;
SELECT "table", "column", type, not_null, "default", options, table_options FROM import_columns;
SELECT count(*) FROM import_local.plain;
IMPORT FOREIGN SCHEMA main FROM SERVER import_file INTO import_local OPTIONS (import_default 'true');
IMPORT FOREIGN SCHEMA elsewhere FROM SERVER import_file INTO import_local;

-- made-up rows
CREATE SERVER import_null FOREIGN DATA WRAPPER connkit_null OPTIONS (rows '3');
IMPORT FOREIGN SCHEMA "null" FROM SERVER import_null INTO import_local;
SELECT id, share, name, day FROM import_local.numbers;

-- ANALYZE: the source's rows, counted or estimated, and a sample of them
INSERT INTO import_source."Order" SELECT g, g % 10, g % 3 FROM generate_series(3, 5000) AS g;
ANALYZE import_source."Order";
IMPORT FOREIGN SCHEMA import_source LIMIT TO ("Order") FROM SERVER import_loop INTO import_local;
ANALYZE import_local."Order", import_local.numbers, import_local.plain;
SELECT relname, reltuples, relpages > 0 AS pages FROM pg_class WHERE relnamespace = 'import_local'::regnamespace ORDER BY 1;
SELECT attname, null_frac < 0.01 AS filled, n_distinct FROM pg_stats WHERE schemaname = 'import_local' AND tablename = 'Order' ORDER BY 1;
SET default_statistics_target = 1;
ANALYZE import_local."Order";
SELECT relname, reltuples BETWEEN 4000 AND 6000 AS rows FROM pg_class WHERE oid = 'import_local."Order"'::regclass;
RESET default_statistics_target;

SET client_min_messages = warning;
DROP SERVER import_loop, import_file, import_null CASCADE;
DROP PROCEDURE import_clear;
DROP VIEW import_columns;
DROP SCHEMA import_local, import_source CASCADE;
COPY (SELECT) TO PROGRAM 'rm -f /tmp/regress_connkit_import.db';
