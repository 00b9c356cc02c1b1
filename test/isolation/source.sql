-- source.sql: the source's tables.
SET client_min_messages = error;
DROP SCHEMA IF EXISTS isolation CASCADE;
CREATE SCHEMA isolation;
GRANT USAGE ON SCHEMA isolation TO PUBLIC;
CREATE TABLE isolation.item (id integer PRIMARY KEY, name text);
INSERT INTO isolation.item SELECT i, 'new' FROM generate_series(1, 50) AS i;
CREATE TABLE isolation.parent (id integer PRIMARY KEY);
INSERT INTO isolation.parent SELECT generate_series(1, 3);
CREATE TABLE isolation.child (id integer PRIMARY KEY, parent integer);
INSERT INTO isolation.child SELECT i, i FROM generate_series(1, 3) AS i;
