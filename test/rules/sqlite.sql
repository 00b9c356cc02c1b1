-- sqlite.sql: the table of values at SQLite; its rows come from the judge's.

CREATE TABLE v (
	id			integer PRIMARY KEY,
	int2		smallint,
	int4		int,
	int8		bigint,
	float4		float,
	float8		double precision,
	"numeric"	numeric,
	bool		boolean,
	"text"		text COLLATE NOCASE,
	bpchar		char(10),
	bytea		blob,
	"date"		date,
	"time"		time,
	"timestamp"	timestamp,
	"timestamptz" timestamptz
);
