-- audit.sql: the audit log, and what is not as it should be

CREATE TABLE connkit.audit_log (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	session_role name,
	role name,
	client text,
	application text,
	backend integer,
	action text NOT NULL,
	object_type text NOT NULL,
	object text,
	organization name,
	old_value jsonb,
	new_value jsonb,
	outcome text NOT NULL CHECK (outcome IN ('ok', 'refused', 'failed')),
	sqlstate text,
	detail text
);
COMMENT ON TABLE connkit.audit_log IS 'what was done, or tried, with sources and secrets; seen by those who have the '
	'organization''s role and by who did it';
COMMENT ON COLUMN connkit.audit_log.session_role IS 'role that logged in';
COMMENT ON COLUMN connkit.audit_log.role IS 'role that the session had then';
COMMENT ON COLUMN connkit.audit_log.client IS 'address and port, or local';
COMMENT ON COLUMN connkit.audit_log.backend IS 'process id of the session';
COMMENT ON COLUMN connkit.audit_log.organization IS 'role that owns the object';
COMMENT ON COLUMN connkit.audit_log.old_value IS 'before it; secrets are stars';
COMMENT ON COLUMN connkit.audit_log.new_value IS 'after it; secrets are stars';
COMMENT ON COLUMN connkit.audit_log.outcome IS 'ok; refused for want of a right or by a limit; failed';

CREATE INDEX ON connkit.audit_log (at);
CREATE INDEX ON connkit.audit_log (object, object_type, at);
SELECT pg_extension_config_dump('connkit.audit_log', '');
SELECT pg_extension_config_dump('connkit.audit_log_id_seq', '');

ALTER TABLE connkit.audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON connkit.audit_log FOR SELECT USING (role = current_user
	OR organization IN (SELECT rolname FROM pg_catalog.pg_roles WHERE pg_has_role(oid, 'USAGE')));
GRANT SELECT ON connkit.audit_log TO PUBLIC;

CREATE FUNCTION connkit.audit_guard() RETURNS trigger AS 'MODULE_PATHNAME', 'connkit_audit_guard' LANGUAGE C;
COMMENT ON FUNCTION connkit.audit_guard() IS 'lets nobody change what stands in the audit log';
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON connkit.audit_log
	EXECUTE FUNCTION connkit.audit_guard();
-- also where triggers are off for replication
ALTER TABLE connkit.audit_log ENABLE ALWAYS TRIGGER guard;

CREATE FUNCTION connkit_purge_audit_log(older_than interval) RETURNS bigint
	AS 'MODULE_PATHNAME', 'connkit_purge_audit_log' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_purge_audit_log(interval) IS
	'deletes older entries of the audit log and returns how many; superusers may, and whom they grant it';
REVOKE EXECUTE ON FUNCTION connkit_purge_audit_log(interval) FROM PUBLIC;

CREATE FUNCTION connkit.audit_ddl() RETURNS event_trigger AS 'MODULE_PATHNAME', 'connkit_audit_ddl' LANGUAGE C;
COMMENT ON FUNCTION connkit.audit_ddl() IS 'puts commands on sources and user mappings into the audit log';
CREATE EVENT TRIGGER connkit_audit_before ON ddl_command_start
	WHEN TAG IN ('CREATE SERVER', 'ALTER SERVER', 'DROP SERVER', 'CREATE USER MAPPING', 'ALTER USER MAPPING',
		'DROP USER MAPPING', 'DROP FOREIGN DATA WRAPPER', 'DROP OWNED', 'DROP EXTENSION', 'DROP SCHEMA', 'DROP FUNCTION',
		'DROP ROUTINE')
	EXECUTE FUNCTION connkit.audit_ddl();
CREATE EVENT TRIGGER connkit_audit_dropped ON sql_drop
	WHEN TAG IN ('DROP SERVER', 'DROP USER MAPPING', 'DROP FOREIGN DATA WRAPPER', 'DROP OWNED', 'DROP EXTENSION',
		'DROP SCHEMA', 'DROP FUNCTION', 'DROP ROUTINE')
	EXECUTE FUNCTION connkit.audit_ddl();
CREATE EVENT TRIGGER connkit_audit_after ON ddl_command_end
	WHEN TAG IN ('CREATE SERVER', 'ALTER SERVER', 'DROP SERVER', 'CREATE USER MAPPING', 'ALTER USER MAPPING',
		'DROP USER MAPPING', 'DROP FOREIGN DATA WRAPPER', 'DROP OWNED', 'DROP EXTENSION', 'DROP SCHEMA', 'DROP FUNCTION',
		'DROP ROUTINE', 'GRANT', 'REVOKE', 'IMPORT FOREIGN SCHEMA')
	EXECUTE FUNCTION connkit.audit_ddl();
