-- source.sql: sources in one call, and how many an organization may have

CREATE TABLE connkit.source_secret (
	source name NOT NULL,
	owner name NOT NULL,
	secret text NOT NULL,
	PRIMARY KEY (source, owner, secret)
);
COMMENT ON TABLE connkit.source_secret IS 'secrets that were made for a source, and that its drop by force drops';
COMMENT ON COLUMN connkit.source_secret.owner IS 'of the secret: who owned the source when it was made';

CREATE TABLE connkit.quota (
	organization name PRIMARY KEY,
	max_sources integer CHECK (max_sources >= -1),
	max_runs integer CHECK (max_runs BETWEEN -1 AND 1000)
);
COMMENT ON TABLE connkit.quota IS 'limits of organizations, by connkit_set_quota(); NULL: that of the settings';
COMMENT ON COLUMN connkit.quota.max_sources IS 'sources that the role may own; -1: any number';
COMMENT ON COLUMN connkit.quota.max_runs IS 'runs at a time on its sources; -1: any number';

SELECT pg_extension_config_dump('connkit.source_secret', '');
SELECT pg_extension_config_dump('connkit.quota', '');
ALTER TABLE connkit.source_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.quota ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON connkit.source_secret FOR SELECT
	USING (owner IN (SELECT rolname FROM pg_catalog.pg_roles WHERE pg_has_role(oid, 'USAGE')));
CREATE POLICY visible ON connkit.quota FOR SELECT
	USING (organization IN (SELECT rolname FROM pg_catalog.pg_roles WHERE pg_has_role(oid, 'USAGE')));
GRANT SELECT ON connkit.source_secret, connkit.quota TO PUBLIC;

CREATE FUNCTION connkit_create_source(name name, connector text, options jsonb DEFAULT '{}', credentials jsonb DEFAULT '{}',
		mapping_for name DEFAULT NULL, test boolean DEFAULT false, comment text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_create_source' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_create_source(name, text, jsonb, jsonb, name, boolean, text) IS
	'creates a server and, where credentials are given, the user mapping of a role or (NULL) PUBLIC; what of them is secret is '
	'stored as secrets. With test, nothing is saved unless the source answers';

CREATE FUNCTION connkit_alter_source(name name, options jsonb DEFAULT '{}', credentials jsonb DEFAULT '{}',
		new_name name DEFAULT NULL, mapping_for name DEFAULT NULL, test boolean DEFAULT false, comment text DEFAULT NULL)
	RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_alter_source' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_alter_source(name, jsonb, jsonb, name, name, boolean, text) IS
	'changes options (null removes one), credentials, name and comment of a source';

CREATE FUNCTION connkit_drop_source(name name, force boolean DEFAULT false) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_drop_source' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_drop_source(name, boolean) IS
	'disables a source, which connkit_restore_source() enables again; with force, drops it with all that depends on it and '
	'the secrets that were made for it';

CREATE FUNCTION connkit_restore_source(name name) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_restore_source' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_restore_source(name) IS 'enables a source that connkit_drop_source() disabled';

CREATE FUNCTION connkit_set_quota(organization name, max_sources integer DEFAULT NULL, max_runs integer DEFAULT NULL)
	RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_set_quota' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_set_quota(name, integer, integer) IS
	'limits the sources of a role, and the runs at a time on them; -1: no limit, NULL: that of the settings; for superusers';
REVOKE EXECUTE ON FUNCTION connkit_set_quota(name, integer, integer) FROM PUBLIC;

CREATE FUNCTION connkit.check_sources() RETURNS event_trigger AS 'MODULE_PATHNAME', 'connkit_check_sources' LANGUAGE C;
COMMENT ON FUNCTION connkit.check_sources() IS 'refuses a source that is one too many for its owner';
CREATE EVENT TRIGGER connkit_check_sources ON ddl_command_end WHEN TAG IN ('CREATE SERVER', 'ALTER SERVER')
	EXECUTE FUNCTION connkit.check_sources();

CREATE FUNCTION connkit.source_renamed() RETURNS event_trigger AS 'MODULE_PATHNAME', 'connkit_source_renamed' LANGUAGE C;
COMMENT ON FUNCTION connkit.source_renamed() IS 'keeps what connkit''s tables say of a source that is renamed';
CREATE EVENT TRIGGER connkit_source_renamed ON ddl_command_end WHEN TAG IN ('ALTER SERVER')
	EXECUTE FUNCTION connkit.source_renamed();
COMMENT ON EVENT TRIGGER connkit_check_sources IS 'refuses a source too many';
COMMENT ON EVENT TRIGGER connkit_source_renamed IS 'keeps what belongs to a source that is renamed';

-- Connectors that are a manifest.

CREATE FUNCTION connkit_register_connector(manifest jsonb) RETURNS name
	AS 'MODULE_PATHNAME', 'connkit_register_connector' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_register_connector(jsonb) IS
	'makes the foreign-data wrapper connkit_<name> of a manifest that describes an API over HTTP, or replaces its manifest; '
	'for roles that may use connkit_http';

CREATE FUNCTION connkit_unregister_connector(name text) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_unregister_connector' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_unregister_connector(text) IS
	'removes a connector that is a manifest and has no sources; for the role that registered it';
