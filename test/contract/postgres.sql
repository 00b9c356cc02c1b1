-- postgres.sql: the tables that the cases read, in a PostgreSQL source

CREATE TABLE numbers AS SELECT g AS id, 'row ' || g AS v FROM generate_series(1, 1000) AS g;
ALTER TABLE numbers ADD PRIMARY KEY (id);
CREATE TABLE million AS SELECT g AS id, lpad(g::text, 30, '.') AS v FROM generate_series(1, 1000000) AS g;
ALTER TABLE million ADD PRIMARY KEY (id);
CREATE TABLE no_rows (id integer, v text);
CREATE TABLE changing (id integer, v text);
CREATE TABLE big AS SELECT 1 AS id, repeat('x', 16777216) AS v;
CREATE VIEW whoami AS SELECT pg_backend_pid() AS id, 'x'::text AS v;
CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(30)::text AS v;
CREATE VIEW trickle AS SELECT id, CASE WHEN id = 50001 THEN pg_sleep(30)::text ELSE v END AS v FROM million;
CREATE VIEW fails AS SELECT id, CASE WHEN id = 50001 THEN (1 / (id - 50001))::text ELSE v END AS v FROM million;
ANALYZE;
