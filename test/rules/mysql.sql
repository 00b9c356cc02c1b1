-- mysql.sql: the table of values at MySQL; its rows come from the judge's.

SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION';

CREATE TABLE v (
	id			int PRIMARY KEY,
	`int2`		smallint,
	`int4`		int,
	`int8`		bigint,
	`float4`	float,
	`float8`	double,
	`numeric`	decimal(28,12),
	`bool`		tinyint(1),
	`text`		text COLLATE utf8mb4_general_ci,
	`bpchar`	char(10) COLLATE utf8mb4_unicode_ci,
	`bytea`		longblob,
	`date`		date,
	`time`		time(6),
	`timestamp`	datetime(6),
	`timestamptz` timestamp(6) NULL
) DEFAULT CHARSET utf8mb4;
