-- Connectors: what the views tell of those that are there, and of one that is not.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;

SELECT name, wrapper, title, capabilities, usable, available, reason
FROM connkit.connector WHERE name IN ('null', 'postgres', 'sqlite') ORDER BY name;
SELECT bool_and(version <> '') FROM connkit.connector WHERE available;

-- the options that every connector has
SELECT name, type, places, required, secret, default_value, minimum, maximum, choices, help
FROM connkit.connector_option
WHERE connector = 'null' AND name IN (SELECT name FROM connkit.connector_option WHERE connector = 'postgres')
ORDER BY name COLLATE "C";
SELECT name, type, places, required, secret, default_value, minimum, maximum, choices, alias
FROM connkit.connector_option
WHERE connector = 'postgres' AND name IN ('host', 'port', 'user', 'password', 'password_secret', 'sslmode', 'sslrootcert')
ORDER BY name COLLATE "C";
SELECT c.name FROM connkit.connector AS c
WHERE c.options <> ARRAY(SELECT o.name FROM connkit.connector_option AS o WHERE o.connector = c.name);

-- a connector whose module is absent
CREATE FUNCTION connkit_gone_handler() RETURNS fdw_handler AS '$libdir/connkit', 'connkit_handler' LANGUAGE C STRICT;
CREATE FUNCTION connkit_gone_validator(text[], oid) RETURNS void AS '$libdir/connkit', 'connkit_validator' LANGUAGE C STRICT;
CREATE FOREIGN DATA WRAPPER connkit_gone HANDLER connkit_gone_handler VALIDATOR connkit_gone_validator;
SELECT name, title, capabilities, usable, available, replace(reason, '$libdir/', '') AS reason, options
FROM connkit.connector WHERE name = 'gone';
SELECT count(*) FROM connkit.connector_option WHERE connector = 'gone';
\set VERBOSITY sqlstate
CREATE SERVER gone FOREIGN DATA WRAPPER connkit_gone;
CREATE FOREIGN DATA WRAPPER connkit_unchecked HANDLER connkit_gone_handler;
CREATE SERVER gone FOREIGN DATA WRAPPER connkit_unchecked;
SELECT name, connector FROM connkit.source WHERE name = 'gone';
SELECT * FROM connkit_test('gone');
SELECT * FROM connkit_test('gone', '{}');
\set VERBOSITY default
DROP FOREIGN DATA WRAPPER connkit_gone;
DROP SERVER gone;
DROP FOREIGN DATA WRAPPER connkit_unchecked;
DROP FUNCTION connkit_gone_handler();
DROP FUNCTION connkit_gone_validator(text[], oid);

-- names that lead nowhere else
SELECT available, reason FROM connkit.connector_info('../postgres');
SELECT available FROM connkit.connector_info('');
SELECT * FROM connkit_test('nothing', '{}');
CREATE SERVER other FOREIGN DATA WRAPPER connkit_null OPTIONS (rows '1');
SELECT name, connector, options, usable, mapped FROM connkit.source WHERE name = 'other';
COMMENT ON SERVER other IS 'one row';
SELECT name, comment FROM connkit.source WHERE name = 'other';
DROP SERVER other;
