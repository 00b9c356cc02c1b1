CREATE FUNCTION connkit_skeleton_handler() RETURNS fdw_handler AS 'MODULE_PATHNAME', 'connkit_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_skeleton_handler() IS 'foreign-data wrapper for skeleton';
CREATE FUNCTION connkit_skeleton_validator(text[], oid) RETURNS void AS 'MODULE_PATHNAME', 'connkit_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_skeleton_validator(text[], oid) IS 'checks the options of sources of skeleton';
CREATE FOREIGN DATA WRAPPER connkit_skeleton HANDLER connkit_skeleton_handler VALIDATOR connkit_skeleton_validator;
COMMENT ON FOREIGN DATA WRAPPER connkit_skeleton IS 'skeleton';
