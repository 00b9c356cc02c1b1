CREATE FUNCTION connkit_null_handler() RETURNS fdw_handler AS 'MODULE_PATHNAME', 'connkit_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_null_handler() IS 'foreign-data wrapper for generated rows';
CREATE FUNCTION connkit_null_validator(text[], oid) RETURNS void AS 'MODULE_PATHNAME', 'connkit_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_null_validator(text[], oid) IS 'checks the options of sources of generated rows';
CREATE FOREIGN DATA WRAPPER connkit_null HANDLER connkit_null_handler VALIDATOR connkit_null_validator;
COMMENT ON FOREIGN DATA WRAPPER connkit_null IS 'generated rows: measures connkit alone, and serves its tests';
