-- catalog.sql: connectors, sources, and what was discovered at them

CREATE FUNCTION connkit.connector_info(connector text, OUT title text, OUT version text, OUT capabilities text[],
	OUT available boolean, OUT reason text)
	AS 'MODULE_PATHNAME', 'connkit_connector_info' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION connkit.connector_info(text) IS 'what a connector can do, or why it is not available';

CREATE FUNCTION connkit.connector_options(connector text)
	RETURNS TABLE (name text, type text, places text[], required boolean, secret boolean, default_value text,
		minimum bigint, maximum bigint, choices text[], alias text, help text)
	AS 'MODULE_PATHNAME', 'connkit_connector_options' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION connkit.connector_options(text) IS 'options that a connector understands';

CREATE VIEW connkit.connector AS
	SELECT c.name, w.fdwname AS wrapper, i.title, i.version, i.capabilities,
		has_foreign_data_wrapper_privilege(w.oid, 'USAGE') AS usable, i.available, i.reason,
		ARRAY(SELECT o.name FROM connkit.connector_options(c.name) AS o) AS options
	FROM pg_catalog.pg_foreign_data_wrapper AS w
		JOIN pg_catalog.pg_proc AS p ON p.oid = w.fdwhandler
		CROSS JOIN LATERAL substring(p.proname FROM '^connkit_([a-z0-9_]+)_handler$') AS c(name)
		CROSS JOIN LATERAL connkit.connector_info(c.name) AS i
	WHERE c.name IS NOT NULL;
COMMENT ON VIEW connkit.connector IS 'kinds of sources that this server can connect';
COMMENT ON COLUMN connkit.connector.wrapper IS 'foreign-data wrapper for CREATE SERVER';
COMMENT ON COLUMN connkit.connector.version IS 'version of the connector and of the library it runs on';
COMMENT ON COLUMN connkit.connector.capabilities IS
	'discover: lists tables; read: scans rows; remote: does work at the source; write: changes rows';
COMMENT ON COLUMN connkit.connector.usable IS 'the current role may create sources of this kind';
COMMENT ON COLUMN connkit.connector.available IS 'the connector''s module and library can be loaded';
COMMENT ON COLUMN connkit.connector.reason IS 'why it is not available';
COMMENT ON COLUMN connkit.connector.options IS 'names of its options; connkit.connector_option tells what they mean';

CREATE VIEW connkit.connector_option AS
	SELECT c.name AS connector, o.*
	FROM connkit.connector AS c CROSS JOIN LATERAL connkit.connector_options(c.name) AS o;
COMMENT ON VIEW connkit.connector_option IS 'options of each connector, with help';
COMMENT ON COLUMN connkit.connector_option.places IS 'objects that take the option: server, user mapping, table, column';
COMMENT ON COLUMN connkit.connector_option.secret IS 'taken in user mappings only, and never shown';
COMMENT ON COLUMN connkit.connector_option.alias IS 'another name that is taken for it';

CREATE FUNCTION connkit.connector_rules(connector text)
	RETURNS TABLE (number integer, what text, args text, remote text, fidelity text, locale text, reason text,
		overrides boolean)
	AS 'MODULE_PATHNAME', 'connkit_connector_rules' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION connkit.connector_rules(text) IS 'operators, functions and casts that a connector may send to its source';

CREATE VIEW connkit.pushdown_rule AS
	SELECT c.name AS connector, r.*
	FROM connkit.connector AS c CROSS JOIN LATERAL connkit.connector_rules(c.name) AS r;
COMMENT ON VIEW connkit.pushdown_rule IS
	'operators, functions and casts that may be sent to a source; the first that fits serves';
COMMENT ON COLUMN connkit.pushdown_rule.what IS
	'names, or a form: order (a sort key), in (a list), keys (of a join), bool (a boolean column as a condition), isnull, '
	'notnull, branch (a result of CASE, COALESCE or NULLIF), cast (its args are the types from and to)';
COMMENT ON COLUMN connkit.pushdown_rule.args IS
	'types of the arguments; integer is any of smallint, integer and bigint, float any of real and double precision; in '
	'quotes or a number: that constant; pattern: a constant that does not end in a backslash';
COMMENT ON COLUMN connkit.pushdown_rule.remote IS
	'what is written: %1, %2 … are the arguments, %o the name, %n1 digits and scale of a numeric argument; NULL: as here';
COMMENT ON COLUMN connkit.pushdown_rule.fidelity IS
	'exact: PostgreSQL''s own answer; filter: the right rows, but maybe false for NULL; superset: all the right rows and '
	'maybe more, checked again here';
COMMENT ON COLUMN connkit.pushdown_rule.locale IS
	'collations of the comparison here for which it holds; NULL: it has none, or any will do';
COMMENT ON COLUMN connkit.pushdown_rule.reason IS 'why it is written so';
COMMENT ON COLUMN connkit.pushdown_rule.overrides IS 'goes before the others because of a server''s default options';

CREATE VIEW connkit.source WITH (security_barrier) AS
	SELECT s.srvname AS name, c.name AS connector, pg_get_userbyid(s.srvowner) AS owner,
		(SELECT coalesce(jsonb_object_agg(o.option_name, o.option_value), '{}') FROM pg_options_to_table(s.srvoptions) AS o)
			AS options,
		has_server_privilege(s.oid, 'USAGE') AS usable,
		EXISTS (SELECT FROM pg_catalog.pg_user_mappings AS m
			WHERE m.srvid = s.oid AND m.umuser IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)))
			AS mapped,
		obj_description(s.oid, 'pg_foreign_server') AS comment,
		EXISTS (SELECT FROM pg_options_to_table(s.srvoptions) AS o
			WHERE o.option_name = 'disabled' AND o.option_value::boolean) AS disabled
	FROM pg_catalog.pg_foreign_server AS s
		JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
		JOIN pg_catalog.pg_proc AS p ON p.oid = w.fdwhandler
		CROSS JOIN LATERAL substring(p.proname FROM '^connkit_([a-z0-9_]+)_handler$') AS c(name)
	WHERE c.name IS NOT NULL AND (pg_has_role(s.srvowner, 'USAGE') OR has_server_privilege(s.oid, 'USAGE'));
COMMENT ON VIEW connkit.source IS 'sources whose owner''s role, or the right to use them, the current role has';
COMMENT ON COLUMN connkit.source.options IS 'options of the server; secrets are in user mappings and not here';
COMMENT ON COLUMN connkit.source.usable IS 'the current role has USAGE on the server';
COMMENT ON COLUMN connkit.source.mapped IS 'a user mapping serves the current role';
COMMENT ON COLUMN connkit.source.disabled IS 'connkit_drop_source() disabled it';

CREATE VIEW connkit.source_table WITH (security_barrier) AS
	SELECT s.name AS source, o.schema_name, coalesce(o.table_name, c.relname) AS table_name, c.oid::regclass AS local_table
	FROM pg_catalog.pg_foreign_table AS t
		JOIN pg_catalog.pg_class AS c ON c.oid = t.ftrelid
		JOIN pg_catalog.pg_foreign_server AS f ON f.oid = t.ftserver
		JOIN connkit.source AS s ON s.name = f.srvname
		CROSS JOIN LATERAL (SELECT max(option_value) FILTER (WHERE option_name = 'schema_name') AS schema_name,
				max(option_value) FILTER (WHERE option_name = 'table_name') AS table_name,
				bool_or(option_name = 'query') AS is_query
			FROM pg_options_to_table(t.ftoptions)) AS o
	WHERE o.is_query IS NOT TRUE;
COMMENT ON VIEW connkit.source_table IS 'foreign tables of the sources that the current role sees, and what they are there';
COMMENT ON COLUMN connkit.source_table.schema_name IS 'schema at the source; NULL is its default';

-- Rows of what was discovered belong to a source by its name: they are seen by those who see the source, follow it
-- when it is renamed and go with it.

CREATE TABLE connkit.discovery (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	source name NOT NULL,
	made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	made_by name NOT NULL,
	strategy text NOT NULL,
	include text[] NOT NULL,
	exclude text[] NOT NULL,
	milliseconds bigint,
	tables bigint NOT NULL DEFAULT 0,
	columns bigint NOT NULL DEFAULT 0,
	keys bigint NOT NULL DEFAULT 0,
	indexes bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE connkit.discovery IS 'runs of connkit_discover()';
COMMENT ON COLUMN connkit.discovery.include IS 'patterns of the tables that were looked for';
COMMENT ON COLUMN connkit.discovery.tables IS 'number of tables found';

CREATE TABLE connkit.discovered_table (
	discovery bigint NOT NULL REFERENCES connkit.discovery ON DELETE CASCADE,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	kind text NOT NULL,
	estimated_rows bigint,
	estimated_bytes bigint,
	counted boolean NOT NULL DEFAULT false,
	comment text,
	PRIMARY KEY (discovery, schema_name, table_name)
);
COMMENT ON TABLE connkit.discovered_table IS 'tables and views of a source';
COMMENT ON COLUMN connkit.discovered_table.schema_name IS 'schema at the source; empty where it has none';
COMMENT ON COLUMN connkit.discovered_table.estimated_rows IS 'number of rows, as the source estimates it';
COMMENT ON COLUMN connkit.discovered_table.counted IS 'the rows were counted, not estimated';

CREATE TABLE connkit.discovered_column (
	discovery bigint NOT NULL REFERENCES connkit.discovery ON DELETE CASCADE,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	position integer NOT NULL,
	column_name text NOT NULL,
	source_type text NOT NULL,
	local_type text NOT NULL,
	not_null boolean NOT NULL,
	default_value text,
	generated text,
	collation_name text,
	comment text,
	PRIMARY KEY (discovery, schema_name, table_name, position)
);
COMMENT ON TABLE connkit.discovered_column IS 'columns of discovered tables';
COMMENT ON COLUMN connkit.discovered_column.source_type IS 'type as the source writes it';
COMMENT ON COLUMN connkit.discovered_column.local_type IS 'type that IMPORT FOREIGN SCHEMA gives the column';
COMMENT ON COLUMN connkit.discovered_column.default_value IS 'default as the source writes it';
COMMENT ON COLUMN connkit.discovered_column.generated IS 'expression of a generated column';
COMMENT ON COLUMN connkit.discovered_column.collation_name IS 'collation; NULL is the default';

CREATE TABLE connkit.discovered_key (
	discovery bigint NOT NULL REFERENCES connkit.discovery ON DELETE CASCADE,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	key_name text NOT NULL,
	kind text NOT NULL CHECK (kind IN ('primary', 'unique', 'foreign')),
	columns text[] NOT NULL,
	referenced_schema text,
	referenced_table text,
	referenced_columns text[],
	PRIMARY KEY (discovery, schema_name, table_name, kind, key_name)
);
COMMENT ON TABLE connkit.discovered_key IS 'primary, unique and foreign keys of discovered tables';

CREATE TABLE connkit.discovered_index (
	discovery bigint NOT NULL REFERENCES connkit.discovery ON DELETE CASCADE,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	index_name text NOT NULL,
	is_unique boolean NOT NULL,
	method text,
	columns text[] NOT NULL,
	PRIMARY KEY (discovery, schema_name, table_name, index_name)
);
COMMENT ON TABLE connkit.discovered_index IS 'indexes of discovered tables';
COMMENT ON COLUMN connkit.discovered_index.columns IS 'columns and expressions in the order of the index';

CREATE INDEX ON connkit.discovery (source);
SELECT pg_extension_config_dump('connkit.discovery', '');
SELECT pg_extension_config_dump('connkit.discovery_id_seq', '');
SELECT pg_extension_config_dump('connkit.discovered_table', '');
SELECT pg_extension_config_dump('connkit.discovered_column', '');
SELECT pg_extension_config_dump('connkit.discovered_key', '');
SELECT pg_extension_config_dump('connkit.discovered_index', '');

ALTER TABLE connkit.discovery ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.discovered_table ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.discovered_column ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.discovered_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.discovered_index ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON connkit.discovery FOR SELECT USING (source IN (SELECT name FROM connkit.source));
CREATE POLICY visible ON connkit.discovered_table FOR SELECT USING (discovery IN (SELECT id FROM connkit.discovery));
CREATE POLICY visible ON connkit.discovered_column FOR SELECT USING (discovery IN (SELECT id FROM connkit.discovery));
CREATE POLICY visible ON connkit.discovered_key FOR SELECT USING (discovery IN (SELECT id FROM connkit.discovery));
CREATE POLICY visible ON connkit.discovered_index FOR SELECT USING (discovery IN (SELECT id FROM connkit.discovery));
GRANT SELECT ON connkit.connector, connkit.connector_option, connkit.pushdown_rule, connkit.source, connkit.source_table,
	connkit.discovery, connkit.discovered_table, connkit.discovered_column, connkit.discovered_key,
	connkit.discovered_index TO PUBLIC;

CREATE FUNCTION connkit.source_dropped() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM connkit.discovery AS d USING pg_event_trigger_dropped_objects() AS o
		WHERE o.object_type = 'server' AND d.source = o.object_name;
	DELETE FROM connkit.sync AS s USING pg_event_trigger_dropped_objects() AS o
		WHERE o.object_type = 'server' AND s.source = o.object_name;
	DELETE FROM connkit.source_secret AS s USING pg_event_trigger_dropped_objects() AS o
		WHERE o.object_type = 'server' AND s.source = o.object_name;
	-- whoever makes a source of that name next is not who the secret was lent to
	DELETE FROM connkit.secret_grant AS g USING pg_event_trigger_dropped_objects() AS o
		WHERE o.object_type = 'server' AND g.source = o.object_name;
	DELETE FROM connkit.source_grant AS g USING pg_event_trigger_dropped_objects() AS o
		WHERE o.object_type = 'server' AND g.source = o.object_name;
END $$;
COMMENT ON FUNCTION connkit.source_dropped() IS 'forgets what connkit''s tables say of a source that is dropped';

CREATE EVENT TRIGGER connkit_source_dropped ON sql_drop
	WHEN TAG IN ('DROP SERVER', 'DROP FOREIGN DATA WRAPPER', 'DROP OWNED', 'DROP EXTENSION', 'DROP SCHEMA', 'DROP FUNCTION',
		'DROP ROUTINE')
	EXECUTE FUNCTION connkit.source_dropped();
COMMENT ON EVENT TRIGGER connkit_source_dropped IS 'forgets what was kept of a source that is dropped';
