-- sqlite.sql: the tables that the cases read, in an SQLite source

PRAGMA journal_mode = wal;
BEGIN;
CREATE TABLE million (id integer PRIMARY KEY, v text);
INSERT INTO million WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 1000000)
	SELECT i, printf('%.*c%d', 30 - length(i), '.', i) FROM g;
CREATE TABLE numbers (id integer PRIMARY KEY, v text);
INSERT INTO numbers SELECT id, 'row ' || id FROM million WHERE id <= 1000;
CREATE TABLE no_rows (id integer, v text);
CREATE TABLE changing (id integer, v text);
CREATE TABLE big (id integer, v text);
INSERT INTO big VALUES (1, replace(hex(zeroblob(8388608)), '0', 'x'));
CREATE TABLE dirty (id integer, v text);
INSERT INTO dirty VALUES (1, 'good'), (2, cast(x'61ff62' AS text));
CREATE TABLE nul (id integer, v text);
INSERT INTO nul VALUES (1, 'good'), (2, cast(x'610062' AS text));
-- counting for ever is the only way to be slow
CREATE VIEW slow AS WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g)
	SELECT 1 AS id, cast(count(*) AS text) AS v FROM g;
CREATE VIEW trickle AS SELECT id, CASE WHEN id = 50001 THEN (WITH RECURSIVE g(i) AS (SELECT id UNION ALL SELECT i + 1 FROM g)
	SELECT cast(count(*) AS text) FROM g) ELSE v END AS v FROM million;
CREATE VIEW fails AS SELECT id, CASE WHEN id = 50001 THEN abs(-9223372036854775807 - id / 50001) ELSE v END AS v FROM million;
COMMIT;
ANALYZE;
