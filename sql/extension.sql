-- extension.sql: the schema of connkit's tables and views

\echo Use "CREATE EXTENSION connkit CASCADE" to load this file. \quit

CREATE SCHEMA connkit;
GRANT USAGE ON SCHEMA connkit TO PUBLIC;
COMMENT ON SCHEMA connkit IS 'tables and views of the extension connkit';
