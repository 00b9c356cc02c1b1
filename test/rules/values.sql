-- values.sql: a table with a column for each type that a rule may speak of, of values that systems judge differently.
--
-- Made in the schema that search_path names, in the judge's database and, for PostgreSQL, at the source too. Variable source
-- leaves out what a source cannot hold, as test/diff/tables.sql does. The first dozen are those that a third argument gets.

SELECT :'source' = 'postgres' AS is_postgres, :'source' = 'mysql' AS is_mysql, :'source' = 'sqlite' AS is_sqlite \gset

CREATE TABLE v (
	id			int PRIMARY KEY,
	int2		int2,
	int4		int4,
	int8		int8,
	float4		float4,
	float8		float8,
	"numeric"	numeric(28,12),
	bool		bool,
	text		text,
	bpchar		char(10),
	bytea		bytea,
	date		date,
	time		time,
	timestamp	timestamp,
	timestamptz	timestamptz
);
INSERT INTO v
	WITH lists AS (
		SELECT
			'{0,1,-1,2,3,5,NULL,7,100,-100,32767,-32768,42,1999,2024,255}'::int2[] AS int2,
			'{0,1,-1,2,3,5,NULL,2147483647,-2147483648,10,-3,65536,42,46341,-46341,1999,2024}'::int4[] AS int4,
			'{0,1,-1,2,3,NULL,9223372036854775807,-9223372036854775808,7,4294967296,9007199254740993,-9007199254740992,3037000500,
				2147483648,-2147483649,10}'::int8[] AS int8,
			'{0,0.1,NULL,0.5,-0.5,1,1.5,2.5,-1.5,3.4028235e38,-3.4028235e38,1.1754944e-38,1e-45,16777216,0.3}'::float4[] ||
				CASE WHEN :'is_postgres' THEN '{-0,NaN,Infinity,-Infinity}'::float4[] ELSE '{}' END AS float4,
			'{0,0.1,NULL,0.2,0.3,0.30000000000000004,0.5,1,-1,1.5,2.5,-2.5,1e308,-1e308,1.7976931348623157e308,5e-324,
				9007199254740992,1e15,1e22,123456789.123456789,-7}'::float8[] ||
				CASE WHEN :'is_postgres' THEN '{-0,NaN,Infinity,-Infinity}' WHEN :'is_sqlite' THEN '{Infinity,-Infinity}' ELSE '{}' END::float8[]
				AS float8,
			'{0,0.1,NULL,-0.1,0.5,-0.5,1,1.5,2.5,-2.5,1.10,42,0.000000000001,-0.000000000001,999999999999.125,0.05,1999,2024}'::numeric[] ||
				CASE WHEN :'is_sqlite' THEN '{}' ELSE '{9999999999999999.999999999999,-9999999999999999.999999999999,
				9007199254740993,9007199254740992,1234567890123456.123456789012,1234567890123456.123456789011}' END::numeric[] AS "numeric",
			'{true,false,NULL}'::bool[] AS bool,
			ARRAY['a', '', NULL, 'abc', 'ab', 'A', '%', 'á', ' ', 'b', '😀', '\', '  ', 'B', 'aB', 'ABC', 'abc ', 'abc  ', ' abc', 'Á', 'e',
				'e' || chr(769), 'é', 'ß', 'ss', 'ı', 'i', 'İ', 'ü', 'u' || chr(776), '😀a', '日本', '_', 'a%c', 'a_c', 'a\c', '\\', '\%', 'a%',
				'%b%', '_b_', 'a\', '0', '-0', '7', '07', '1e1', 'x''y"z`', chr(1), 'a' || chr(1), chr(127), chr(65535), 'Z', 'z', 'NaN', chr(10),
				'Longer than ten characters', repeat('ab', 40), repeat('😀', 70)] AS text,
			ARRAY['a', '', NULL, 'abc', 'ab', 'A', 'á', ' ', ' a', 'abc  ', 'ABC', 'ß', 'ss', '😀', 'abcdefghij', 'e', 'é', '%', '0', 'a' || chr(1)]
				AS bpchar,
			ARRAY['', NULL, '\x00', '\x0000', '\x61', '\x41', '\x6120', '\x6100', '\xff', '\xc3', '\xf09f9880', '\x2720', '\x5c']::bytea[] AS bytea,
			'{2024-02-29,NULL,2023-12-31,2024-01-01,0001-01-01,1000-01-01,1582-10-10,1899-12-31,1969-12-31,1970-01-01,2000-02-29,
				2024-03-31,2038-01-19,9999-12-31,2021-01-03,NULL,2020-12-28,2024-02-28}'::date[] ||
				CASE WHEN :'is_postgres' THEN '{4714-11-24 BC,5874897-12-31,infinity,-infinity}' ELSE '{}' END::date[] AS date,
			'{00:00,00:00:00.000001,NULL,12:34:56.789,23:59:59.999999,24:00,12:00,01:02:03}'::time[] AS time,
			'{2024-02-29 12:34:56.789012,2024-02-29 00:00,NULL,0001-01-01 00:00,1000-01-01 00:00,1969-12-31 23:59:59.999999,1970-01-01 00:00,
				1970-01-01 00:00:00.000001,2024-03-31 02:30,9999-12-31 23:59:59.999999,2023-12-31 23:59:59.999999,2024-01-01 00:00,
				NULL,2021-01-03 12:00}'::timestamp[] ||
				CASE WHEN :'is_postgres' THEN '{4714-11-24 00:00 BC,294276-12-31 23:59:59.999999,infinity,-infinity}' ELSE '{}' END::timestamp[]
				AS timestamp,
			'{2024-02-29 12:34:56.789012Z,2024-02-28 23:30Z,NULL,1970-01-01 00:00:01Z,2024-03-31 00:59:59.999999Z,2024-03-31 01:00Z,
				2024-10-27 00:30Z,2024-10-27 01:30Z,2038-01-19 03:14:07Z,2024-01-01 00:00Z}'::timestamptz[] ||
				CASE WHEN :'is_mysql' THEN '{}' ELSE '{0001-01-01 00:00Z,1969-12-31 23:59:59.999999Z,9999-12-31 00:00Z}' END::timestamptz[] ||
				CASE WHEN :'is_postgres' THEN '{4714-11-25 00:00Z BC,294276-12-31 00:00Z,infinity,-infinity}' ELSE '{}' END::timestamptz[]
				AS timestamptz
	)
	SELECT i, int2[i], int4[i], int8[i], float4[i], float8[i], "numeric"[i], bool[i], text[i], bpchar[i], bytea[i], date[i], time[i], timestamp[i],
		timestamptz[i]
	FROM lists, generate_series(1, cardinality(text)) AS i;

\if :is_postgres
ALTER TABLE v ADD varchar varchar(80), ADD uuid uuid, ADD interval interval, ADD json json, ADD jsonb jsonb, ADD _text text[];
WITH lists AS (
	SELECT '{00000000-0000-0000-0000-000000000000,NULL,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'::uuid[] AS uuid,
		'{1 day,NULL,24:00,1 mon,30 days,-1 day,00:00:00.000001,1 year 2 mons -3 days 04:05:06.7}'::interval[] AS interval,
		ARRAY['null', NULL, '{}', '[]', '{"a":1}', '{"b":[1,2,{"c":"d"}],"a":"ü😀"}', '"a"', '100', 'true', '{"a":{"b":"x","": null}}', '["a","",null]',
			'{"":1.50}', '[{"a":0},1,"A"]']::jsonb[] AS jsonb,
		ARRAY['{}', NULL, '{a}', '{A}', '{a,b}', '{b,0}', '{a,NULL}', '{""}', '{0}', '{a,b,c}', '{á,"a "}']::text[] AS _text
	)
UPDATE v SET varchar = text, uuid = lists.uuid[id], interval = lists.interval[id], json = lists.jsonb[id]::json, jsonb = lists.jsonb[id],
	_text = lists._text[id]::text[] FROM lists;
\endif
