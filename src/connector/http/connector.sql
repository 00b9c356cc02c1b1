CREATE FUNCTION connkit_http_handler() RETURNS fdw_handler AS 'MODULE_PATHNAME', 'connkit_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_http_handler() IS 'foreign-data wrapper for APIs over HTTP';
CREATE FUNCTION connkit_http_validator(text[], oid) RETURNS void AS 'MODULE_PATHNAME', 'connkit_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_http_validator(text[], oid) IS 'checks the options of APIs over HTTP';
CREATE FOREIGN DATA WRAPPER connkit_http HANDLER connkit_http_handler VALIDATOR connkit_http_validator;
COMMENT ON FOREIGN DATA WRAPPER connkit_http IS 'APIs over HTTP, by options or by a manifest';
