-- extension.sql: the schema of connkit's tables and views

\echo Use "CREATE EXTENSION connkit CASCADE" to load this file. \quit

-- What others have in the extension's schema is not called: the Makefile qualifies connkit's functions there, by @extschema@.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA connkit;
GRANT USAGE ON SCHEMA connkit TO PUBLIC;
COMMENT ON SCHEMA connkit IS 'tables and views of the extension connkit';
