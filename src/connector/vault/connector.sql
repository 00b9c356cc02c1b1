CREATE FUNCTION connkit_vault_handler() RETURNS fdw_handler AS 'MODULE_PATHNAME', 'connkit_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_vault_handler() IS 'foreign-data wrapper for HashiCorp Vault and OpenBao';
CREATE FUNCTION connkit_vault_validator(text[], oid) RETURNS void AS 'MODULE_PATHNAME', 'connkit_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_vault_validator(text[], oid) IS 'checks the options of HashiCorp Vault and OpenBao';
CREATE FOREIGN DATA WRAPPER connkit_vault HANDLER connkit_vault_handler VALIDATOR connkit_vault_validator;
COMMENT ON FOREIGN DATA WRAPPER connkit_vault IS 'HashiCorp Vault and OpenBao, which keeps secrets for other sources';
