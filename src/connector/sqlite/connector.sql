CREATE FUNCTION connkit_sqlite_handler() RETURNS fdw_handler AS 'MODULE_PATHNAME', 'connkit_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_sqlite_handler() IS 'foreign-data wrapper for SQLite sources';
CREATE FUNCTION connkit_sqlite_validator(text[], oid) RETURNS void AS 'MODULE_PATHNAME', 'connkit_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_sqlite_validator(text[], oid) IS 'checks the options of SQLite sources';
CREATE FOREIGN DATA WRAPPER connkit_sqlite HANDLER connkit_sqlite_handler VALIDATOR connkit_sqlite_validator;
COMMENT ON FOREIGN DATA WRAPPER connkit_sqlite IS 'SQLite database files, read by libsqlite3';
