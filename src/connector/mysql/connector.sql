CREATE FUNCTION connkit_mysql_handler() RETURNS fdw_handler AS 'MODULE_PATHNAME', 'connkit_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_mysql_handler() IS 'foreign data wrapper for MySQL and MariaDB: handler';

CREATE FUNCTION connkit_mysql_validator(text[], oid) RETURNS void AS 'MODULE_PATHNAME', 'connkit_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION connkit_mysql_validator(text[], oid) IS 'foreign data wrapper for MySQL and MariaDB: checks options';

CREATE FOREIGN DATA WRAPPER connkit_mysql HANDLER connkit_mysql_handler VALIDATOR connkit_mysql_validator;
COMMENT ON FOREIGN DATA WRAPPER connkit_mysql IS 'MySQL and MariaDB';
