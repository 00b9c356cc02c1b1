-- mysql.sql: the MariaDB or MySQL source of the fuzz suite: a value of many types in each row
CREATE TABLE numbers (id int PRIMARY KEY, v varchar(40) NOT NULL);
INSERT INTO numbers WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
	SELECT i, concat('row ', i) FROM n;
CREATE TABLE kinds (id int PRIMARY KEY, tiny tinyint, yes tinyint(1), big bigint unsigned, f double, num decimal(12,2),
	txt text, vc varchar(40), bin blob, d date, t time(3), dt datetime(6), ts timestamp NULL, y year, b bit(9), j json,
	e enum('a', 'b'), s set('x', 'y')) COMMENT 'one of each';
INSERT INTO kinds SELECT id, id % 100, id % 2, id * 1000000007, id / 7, id * 1.25, repeat('text ', id % 40), v, unhex('00ff10'),
	date_add('2024-01-01', INTERVAL id DAY), '12:00:00.5', date_add('2024-01-01', INTERVAL id HOUR), '2024-03-31 02:30:00',
	2024, b'100000001', '{"a": [1, null, "x"]}', 'a', 'x,y' FROM numbers WHERE id <= 40;
CREATE VIEW seen AS SELECT id, txt FROM kinds;
CREATE INDEX kinds_num ON kinds (num, id);
