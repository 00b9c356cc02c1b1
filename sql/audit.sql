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
	detail text,
	role_mark text,
	organization_mark text
);
COMMENT ON TABLE connkit.audit_log IS 'what was done, or tried, with sources and secrets; seen by those who have the '
	'organization''s role and by who did it';
COMMENT ON COLUMN connkit.audit_log.session_role IS 'session_user';
COMMENT ON COLUMN connkit.audit_log.role IS 'role that the session had then';
COMMENT ON COLUMN connkit.audit_log.client IS 'address and port, or local';
COMMENT ON COLUMN connkit.audit_log.backend IS 'process id of the session';
COMMENT ON COLUMN connkit.audit_log.organization IS 'role that owns the object';
COMMENT ON COLUMN connkit.audit_log.role_mark IS 'tells the role from a later one of the same name';
COMMENT ON COLUMN connkit.audit_log.organization_mark IS 'the same of the organization';
COMMENT ON COLUMN connkit.audit_log.old_value IS 'before it; secrets are stars';
COMMENT ON COLUMN connkit.audit_log.new_value IS 'after it; secrets are stars';
COMMENT ON COLUMN connkit.audit_log.outcome IS 'ok; refused for want of a right or by a limit; failed';

CREATE INDEX ON connkit.audit_log (at);
CREATE INDEX ON connkit.audit_log (object, object_type, at);
CREATE INDEX ON connkit.audit_log (at) WHERE outcome <> 'ok';
SELECT pg_extension_config_dump('connkit.audit_log', '');
SELECT pg_extension_config_dump('connkit.audit_log_id_seq', '');

-- row-level security does not hold for pg_statistic, which pg_read_all_data reads
ALTER TABLE connkit.audit_log ALTER client SET STATISTICS 0, ALTER application SET STATISTICS 0,
	ALTER old_value SET STATISTICS 0, ALTER new_value SET STATISTICS 0, ALTER detail SET STATISTICS 0;

ALTER TABLE connkit.audit_log ENABLE ROW LEVEL SECURITY;
-- a role that is made anew under an old name has not done, and does not own, what is told of that
CREATE POLICY visible ON connkit.audit_log FOR SELECT USING (
	(role = current_user AND connkit.role_is_mine(role, role_mark))
	OR (organization IN (SELECT rolname FROM pg_catalog.pg_roles WHERE pg_has_role(oid, 'USAGE'))
		AND connkit.role_is_mine(organization, organization_mark)));
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
		'DROP USER MAPPING', 'DROP FOREIGN DATA WRAPPER', 'DROP OWNED', 'DROP EXTENSION', 'DROP SCHEMA',
		'DROP FUNCTION', 'DROP ROUTINE')
	EXECUTE FUNCTION connkit.audit_ddl();
CREATE EVENT TRIGGER connkit_audit_dropped ON sql_drop
	WHEN TAG IN ('DROP SERVER', 'DROP USER MAPPING', 'DROP FOREIGN DATA WRAPPER', 'DROP OWNED', 'DROP EXTENSION',
		'DROP SCHEMA', 'DROP FUNCTION', 'DROP ROUTINE')
	EXECUTE FUNCTION connkit.audit_ddl();
CREATE EVENT TRIGGER connkit_audit_after ON ddl_command_end
	WHEN TAG IN ('CREATE SERVER', 'ALTER SERVER', 'DROP SERVER', 'CREATE USER MAPPING', 'ALTER USER MAPPING',
		'DROP USER MAPPING', 'DROP FOREIGN DATA WRAPPER', 'DROP OWNED', 'DROP EXTENSION', 'DROP SCHEMA',
		'DROP FUNCTION', 'DROP ROUTINE', 'GRANT', 'REVOKE', 'IMPORT FOREIGN SCHEMA')
	EXECUTE FUNCTION connkit.audit_ddl();

CREATE FUNCTION connkit.master_key_is_exposed() RETURNS boolean
	AS 'MODULE_PATHNAME', 'connkit_master_key_is_exposed' LANGUAGE C STABLE;
COMMENT ON FUNCTION connkit.master_key_is_exposed() IS
	'whether base backups hold the master key file, since it lies in the data directory; false for who is no superuser';

-- The view reads catalogs and the log as its owner; what it shows is bounded by the role that asks: connkit.source and
-- connkit.secret are, and what comes of other tables is joined to their rows.
CREATE VIEW connkit.compliance_report WITH (security_barrier) AS
	WITH source AS MATERIALIZED (
		SELECT f.oid, s.name, s.connector, s.owner, s.options,
			-- of a source of the same name that was before it, the log tells too
			coalesce((SELECT max(l.at) FROM connkit.audit_log AS l WHERE l.object = s.name AND l.object_type = 'source'
				AND l.action = 'create' AND l.outcome = 'ok'), '-infinity') AS since
		FROM connkit.source AS s JOIN pg_catalog.pg_foreign_server AS f ON f.srvname = s.name
		WHERE pg_has_role(s.owner, 'USAGE')),
	option AS MATERIALIZED (
		SELECT connector, name, alias, secret, default_value FROM connkit.connector_option),
	secret AS MATERIALIZED (
		SELECT name, owner, version, provider, created, last_used, used_by FROM connkit.secret),
	trouble AS (
		-- a secret's name begins with its organization
		SELECT object_type, object, CASE object_type WHEN 'source' THEN organization END AS organization, outcome,
			count(*) AS times, max(at) AS last
		FROM connkit.audit_log
		WHERE outcome <> 'ok' AND object_type IN ('source', 'secret') AND at > now() - interval '30 days'
		GROUP BY 1, 2, 3, 4),
	found AS (
		SELECT s.name AS source, s.owner AS organization, 'secret in clear text' AS finding, 'high' AS severity,
			format('option %s of the user mapping for %s', o.option_name,
				CASE m.umuser WHEN 0 THEN 'public' ELSE pg_get_userbyid(m.umuser) END) AS detail
		FROM source AS s JOIN pg_catalog.pg_user_mapping AS m ON m.umserver = s.oid
			CROSS JOIN LATERAL pg_options_to_table(m.umoptions) AS o
			JOIN option AS c ON c.connector = s.connector AND c.secret AND o.option_name IN (c.name, c.alias)
		WHERE o.option_value <> ''
		UNION ALL
		SELECT s.name, s.owner, 'TLS not verified', CASE t.mode WHEN 'require' THEN 'medium' ELSE 'high' END,
			format('sslmode is %s', t.mode)
		FROM source AS s JOIN option AS c ON c.connector = s.connector AND c.name = 'sslmode'
			CROSS JOIN LATERAL coalesce(s.options ->> 'sslmode', c.default_value) AS t(mode)
		WHERE t.mode NOT LIKE 'verify-%' AND coalesce(s.options ->> 'host', '') NOT LIKE '/%'
		UNION ALL
		SELECT s.name, s.owner, 'TLS not verified', 'high', format('option %s is an address of http', o.key)
		FROM source AS s CROSS JOIN LATERAL jsonb_each_text(s.options) AS o
		WHERE o.value ILIKE 'http://%'
		UNION ALL
		SELECT s.name, s.owner, 'account may write', 'medium', t.warning
		FROM source AS s
			CROSS JOIN LATERAL (SELECT l.new_value #>> '{warnings,privileges}' AS warning FROM connkit.audit_log AS l
				WHERE l.object = s.name AND l.object_type = 'source' AND l.action = 'test' AND l.outcome = 'ok'
					AND l.at > s.since
				ORDER BY l.at DESC LIMIT 1) AS t
		WHERE t.warning NOT LIKE 'the account may read no%'
		UNION ALL
		SELECT s.name, s.owner, 'never tested', 'low', 'connkit_test() has not succeeded with it'
		FROM source AS s
		WHERE NOT EXISTS (SELECT FROM connkit.audit_log AS l WHERE l.object = s.name AND l.object_type = 'source'
			AND l.action = 'test' AND l.outcome = 'ok' AND l.at > s.since)
		UNION ALL
		SELECT s.name, s.owner, format('%s access', t.outcome),
			CASE t.outcome WHEN 'refused' THEN 'medium' ELSE 'low' END,
			format('%s times in 30 days, the last %s', t.times, t.last)
		FROM source AS s JOIN trouble AS t ON t.object_type = 'source' AND t.object = s.name
			AND t.organization = s.owner
		UNION ALL
		SELECT NULL, s.owner, format('%s access', t.outcome),
			CASE t.outcome WHEN 'refused' THEN 'medium' ELSE 'low' END,
			format('secret %s: %s times in 30 days, the last %s', s.name, t.times, t.last)
		FROM secret AS s JOIN trouble AS t ON t.object_type = 'secret' AND t.object = s.owner || '/' || s.name
		UNION ALL
		SELECT NULL, s.owner, 'unused secret', 'low',
			format('secret %s: %s', s.name, coalesce('last used ' || s.last_used, 'never used'))
		FROM secret AS s
		WHERE s.last_used IS NULL OR (s.last_used < now() - interval '90 days' AND s.used_by = '{}')
		UNION ALL
		SELECT NULL, s.owner, 'old secret', 'medium',
			format('secret %s: version %s was set %s', s.name, s.version, s.created)
		FROM secret AS s
			CROSS JOIN LATERAL coalesce(current_setting('connkit.secret_max_age', true)::integer, 90) AS age(days)
		WHERE s.provider = 'store' AND age.days > 0 AND s.created < now() - make_interval(days => age.days)
		UNION ALL
		SELECT NULL, NULL, 'master key in the data directory', 'high',
			'base backups hold the key; set connkit.master_key_file'
		WHERE connkit.master_key_is_exposed())
	SELECT source, organization, finding, severity, detail COLLATE "default" AS detail FROM found;
COMMENT ON VIEW connkit.compliance_report IS
	'what is not as it should be with sources and secrets of the current role''s organizations';
COMMENT ON COLUMN connkit.compliance_report.source IS 'NULL: it is of a secret, or of the whole server';
COMMENT ON COLUMN connkit.compliance_report.organization IS 'role that owns the source or secret';
COMMENT ON COLUMN connkit.compliance_report.severity IS 'high, medium or low';
GRANT SELECT ON connkit.compliance_report TO PUBLIC;
COMMENT ON EVENT TRIGGER connkit_audit_before IS 'remembers options before they change';
COMMENT ON EVENT TRIGGER connkit_audit_dropped IS 'tells the audit log of sources and user mappings that are dropped';
COMMENT ON EVENT TRIGGER connkit_audit_after IS 'tells the audit log of sources and user mappings that are made or changed';
