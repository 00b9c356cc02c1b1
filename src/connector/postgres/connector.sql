CREATE FUNCTION connkit_postgres_handler() RETURNS fdw_handler AS 'MODULE_PATHNAME', 'connkit_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_postgres_handler() IS 'foreign-data wrapper for PostgreSQL sources';
CREATE FUNCTION connkit_postgres_validator(text[], oid) RETURNS void AS 'MODULE_PATHNAME', 'connkit_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_postgres_validator(text[], oid) IS 'checks the options of PostgreSQL sources';
CREATE FOREIGN DATA WRAPPER connkit_postgres HANDLER connkit_postgres_handler VALIDATOR connkit_postgres_validator;
COMMENT ON FOREIGN DATA WRAPPER connkit_postgres IS 'PostgreSQL sources, by libpq';
