-- secret.sql: secrets, who may use them, and the keys that they are stored under

CREATE TABLE connkit.secret_store (
	owner name NOT NULL,
	owner_mark text NOT NULL,
	name text NOT NULL,
	version integer NOT NULL,
	provider text NOT NULL,
	provider_mark text,
	reference text,
	message bytea,
	key_id text,
	hosts text[],
	created timestamptz NOT NULL DEFAULT clock_timestamp(),
	created_by name NOT NULL,
	PRIMARY KEY (owner, name, version),
	CHECK ((provider = 'store') = (message IS NOT NULL)),
	CHECK ((provider = 'store') = (key_id IS NOT NULL)),
	CHECK ((provider = 'store') = (reference IS NULL))
);
COMMENT ON TABLE connkit.secret_store IS 'secrets as ciphertext, or where they are kept; nobody but connkit reads it';
COMMENT ON COLUMN connkit.secret_store.owner_mark IS 'tells the owner from a later role of the same name';
COMMENT ON COLUMN connkit.secret_store.provider IS 'store, environment, file, or the name of a source that keeps secrets';
COMMENT ON COLUMN connkit.secret_store.provider_mark IS
	'tells the owner of that source from the owner of a later one of its name';
COMMENT ON COLUMN connkit.secret_store.message IS 'OpenPGP message, for a key that is derived for this owner, name and version';
COMMENT ON COLUMN connkit.secret_store.key_id IS 'id of the master key';

CREATE TABLE connkit.secret_use (
	owner name NOT NULL,
	name text NOT NULL,
	last_used timestamptz NOT NULL,
	PRIMARY KEY (owner, name)
);
COMMENT ON TABLE connkit.secret_use IS 'when secrets were used last';

CREATE TABLE connkit.secret_grant (
	owner name NOT NULL,
	name text NOT NULL,
	grantee name NOT NULL,
	grantee_mark text NOT NULL,
	source name,
	granted_by name NOT NULL,
	granted timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX ON connkit.secret_grant (owner, name, grantee, coalesce(source, ''));
COMMENT ON TABLE connkit.secret_grant IS 'roles that may use a secret beside its owner, for one source or (NULL) any';

-- row-level security does not hold for pg_statistic, which pg_read_all_data reads
ALTER TABLE connkit.secret_store ALTER reference SET STATISTICS 0, ALTER message SET STATISTICS 0,
	ALTER hosts SET STATISTICS 0;
ALTER TABLE connkit.secret_store ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.secret_use ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.secret_grant ENABLE ROW LEVEL SECURITY;
SELECT pg_extension_config_dump('connkit.secret_store', '');
SELECT pg_extension_config_dump('connkit.secret_use', '');
SELECT pg_extension_config_dump('connkit.secret_grant', '');

CREATE FUNCTION connkit.role_is_mine(role name, mark text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'connkit_role_is_mine' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION connkit.role_is_mine(name, text) IS
	'whether the current role has the rights of that role, which must be the one that the mark was made for';

CREATE VIEW connkit.secret WITH (security_barrier) AS
	SELECT s.name, s.owner, s.version, s.provider, s.reference, s.hosts, s.key_id, s.created, s.created_by, u.last_used,
		ARRAY(SELECT DISTINCT f.srvname::text FROM pg_catalog.pg_user_mapping AS m
				JOIN pg_catalog.pg_foreign_server AS f ON f.oid = m.umserver
				CROSS JOIN LATERAL pg_options_to_table(m.umoptions) AS o
			WHERE o.option_name LIKE '%\_secret' AND (o.option_value = s.owner || '/' || s.name
				OR (o.option_value = s.name AND s.owner IN (pg_get_userbyid(m.umuser), pg_get_userbyid(f.srvowner))))
				-- who may not use it can name it all the same
				AND EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE pg_has_role(f.srvowner, r.oid, 'USAGE')
					AND (r.rolname = s.owner OR EXISTS (SELECT FROM connkit.secret_grant AS g WHERE g.owner = s.owner
						AND g.name = s.name AND g.grantee = r.rolname AND coalesce(g.source, f.srvname) = f.srvname)))
			ORDER BY 1) AS used_by,
		ARRAY(SELECT g.grantee::text FROM connkit.secret_grant AS g WHERE g.owner = s.owner AND g.name = s.name
			ORDER BY g.grantee COLLATE "C") AS granted_to
	FROM connkit.secret_store AS s LEFT JOIN connkit.secret_use AS u USING (owner, name)
	WHERE connkit.role_is_mine(s.owner, s.owner_mark)
		AND s.version = (SELECT max(v.version) FROM connkit.secret_store AS v WHERE v.owner = s.owner AND v.name = s.name);
COMMENT ON VIEW connkit.secret IS 'secrets of the current role and of roles whose rights it has; never their values';
COMMENT ON COLUMN connkit.secret.provider IS 'store, environment, file, or the name of a source that keeps secrets';
COMMENT ON COLUMN connkit.secret.reference IS 'where the provider has it';
COMMENT ON COLUMN connkit.secret.hosts IS 'the only hosts that it may be sent to; NULL: any';
COMMENT ON COLUMN connkit.secret.key_id IS 'id of the master key that it is stored under';
COMMENT ON COLUMN connkit.secret.last_used IS 'when it was last used to connect';
COMMENT ON COLUMN connkit.secret.used_by IS 'sources whose user mappings name it';
COMMENT ON COLUMN connkit.secret.granted_to IS 'roles that may use it beside its owner';
CREATE POLICY visible ON connkit.secret_grant FOR SELECT
	USING (connkit.role_is_mine(grantee, grantee_mark) OR (owner, name) IN (SELECT s.owner, s.name FROM connkit.secret AS s));
GRANT SELECT ON connkit.secret, connkit.secret_grant TO PUBLIC;

CREATE FUNCTION connkit_set_secret(name text, value text, owner name DEFAULT NULL, hosts text[] DEFAULT NULL) RETURNS integer
	AS 'MODULE_PATHNAME', 'connkit_set_secret' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_set_secret(text, text, name, text[]) IS
	'stores a secret and returns its version; the statement''s text holds the value: see docs/secrets.md for safer ways';

CREATE FUNCTION connkit_set_sealed_secret(name text, sealed text, owner name DEFAULT NULL, hosts text[] DEFAULT NULL)
	RETURNS integer
	AS 'MODULE_PATHNAME', 'connkit_set_sealed_secret' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_set_sealed_secret(text, text, name, text[]) IS
	'stores a secret that was sealed, by libsodium''s crypto_box_seal, for connkit_public_key(); sealed is base64';

CREATE FUNCTION connkit_public_key(name text DEFAULT NULL, owner name DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'connkit_public_key' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_public_key(text, name) IS
	'key, in base64, to seal a value with for connkit_set_sealed_secret(): for the secret of that name, or for any of the owner';

CREATE FUNCTION connkit_load_secret(name text, origin text, reference text, owner name DEFAULT NULL,
		hosts text[] DEFAULT NULL) RETURNS integer
	AS 'MODULE_PATHNAME', 'connkit_load_secret' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_load_secret(text, text, text, name, text[]) IS
	'stores as a secret what the server reads now from a file, an environment variable or a command (origin: file, '
	'environment, command); for administrators';

CREATE FUNCTION connkit_link_secret(name text, provider text, reference text, owner name DEFAULT NULL,
		hosts text[] DEFAULT NULL) RETURNS integer
	AS 'MODULE_PATHNAME', 'connkit_link_secret' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_link_secret(text, text, text, name, text[]) IS
	'makes a secret whose value is read where it is kept, whenever it is used: provider is environment, file, or the name of '
	'a source that keeps secrets';

CREATE FUNCTION connkit_drop_secret(name text, owner name DEFAULT NULL, force boolean DEFAULT false) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_drop_secret' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_drop_secret(text, name, boolean) IS
	'drops all versions of a secret and the grants on it; one that sources use only with force';

CREATE FUNCTION connkit_revert_secret(name text, owner name DEFAULT NULL) RETURNS integer
	AS 'MODULE_PATHNAME', 'connkit_revert_secret' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_revert_secret(text, name) IS
	'makes the version before the current one a new version, and returns its number; the last five versions are kept';

CREATE FUNCTION connkit_grant_secret(name text, grantee name, source name DEFAULT NULL, owner name DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_grant_secret' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_grant_secret(text, name, name, name) IS
	'lets a role use a secret, for one source or for all; who may use it for sources of his own can send it where he likes, '
	'as far as the secret''s hosts allow';

CREATE FUNCTION connkit_revoke_secret(name text, grantee name, source name DEFAULT NULL, owner name DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_revoke_secret' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_revoke_secret(text, name, name, name) IS 'takes back what connkit_grant_secret() gave';

CREATE FUNCTION connkit_reassign_secrets(old_owner name, new_owner name) RETURNS bigint
	AS 'MODULE_PATHNAME', 'connkit_reassign_secrets' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_reassign_secrets(name, name) IS
	'gives the secrets of one role, which may have been renamed or dropped, to another; for superusers';

CREATE FUNCTION connkit_rotate_master_key() RETURNS bigint
	AS 'MODULE_PATHNAME', 'connkit_rotate_master_key' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_rotate_master_key() IS
	'stores all secrets of this database under a new master key and returns the number of versions; for superusers';

CREATE FUNCTION connkit_forget_master_key(key_id text, force boolean DEFAULT false) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_forget_master_key' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_forget_master_key(text, boolean) IS
	'removes a key that no secret is stored under from the master key file; other databases of the cluster may still need '
	'it; for superusers';
REVOKE EXECUTE ON FUNCTION connkit_reassign_secrets(name, name) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION connkit_rotate_master_key() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION connkit_forget_master_key(text, boolean) FROM PUBLIC;
