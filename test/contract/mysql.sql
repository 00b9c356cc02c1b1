-- mysql.sql: the tables that the cases read, in a MariaDB or MySQL source

CREATE TABLE digits (d integer);
INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TABLE million (id integer PRIMARY KEY, v varchar(40));
INSERT INTO million SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d + 1 AS id,
		lpad(a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d + 1, 30, '.')
	FROM digits f, digits e, digits d, digits c, digits b, digits a ORDER BY id;
CREATE TABLE numbers (id integer PRIMARY KEY, v varchar(40));
INSERT INTO numbers SELECT id, concat('row ', id) FROM million WHERE id <= 1000;
CREATE TABLE no_rows (id integer, v text);
CREATE TABLE changing (id integer, v text);
CREATE TABLE big (id integer, v longtext);
SET GLOBAL max_allowed_packet = 67108864;
CREATE TABLE dirty (id integer, v varbinary(20));
INSERT INTO dirty VALUES (1, 'good'), (2, x'61ff62');
CREATE TABLE nul (id integer, v varchar(20));
INSERT INTO nul VALUES (1, 'good'), (2, 'a\0b');
CREATE VIEW whoami AS SELECT connection_id() AS id, 'x' AS v;
CREATE VIEW slow AS SELECT 1 AS id, sleep(30) AS v;
CREATE VIEW trickle AS SELECT id, CASE WHEN id = 50001 THEN sleep(30) ELSE v END AS v FROM million;
CREATE VIEW fails AS
	SELECT m.id, CASE WHEN m.id = 50001 THEN (SELECT n.v FROM numbers n WHERE n.id < m.id LIMIT 2) ELSE m.v END AS v
	FROM million m;
ANALYZE TABLE million, numbers;
