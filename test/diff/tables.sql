-- tables.sql: the tables that the queries read, and their rows, made the same way at each run.
--
-- Made in the schema that search_path names, in the judge's database and, for PostgreSQL, at the source too; the other
-- sources are loaded from the judge's (literals.sql). Variable source leaves out what a source cannot hold:
--   mysql   NaN and infinities; dates before 0001 and after 9999; timestamps with a time zone outside 1970 to 2038
--   sqlite  NaN (it is NULL there) and minus zero (it is 0); numbers that are neither an integer of eight bytes nor have
--           fewer than 16 digits

SELECT :'source' = 'postgres' AS is_postgres, :'source' = 'mysql' AS is_mysql, :'source' = 'sqlite' AS is_sqlite \gset

CREATE FUNCTION pick(list anyarray, number int) RETURNS anyelement LANGUAGE sql IMMUTABLE AS
	'SELECT list[1 + number % cardinality(list)]';

CREATE COLLATION folds (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

-- Strings that systems judge differently. Those of up to ten characters come first.
CREATE TABLE words (
	id		int PRIMARY KEY,
	w		varchar(80),
	wt		text,
	wc		text COLLATE "C",
	wf		text COLLATE folds
);
INSERT INTO words (id, w)
	SELECT ordinality, s FROM unnest(ARRAY[
	NULL, '', ' ', '  ', 'a', 'A', 'b', 'B', 'z', 'Z', 'zz', 'aa', 'ab', 'aB', 'abc', 'ABC', 'Abc', 'abc ', 'abc  ', ' abc',
	'abc' || chr(9), chr(10), 'á', 'Á', 'é', 'É', 'e', 'E', 'e' || chr(769), 'ü', 'u' || chr(776), 'ß', 'ss', 'SS', 'ẞ', 'ſ',
	'ı', 'i', 'I', 'İ', 'å', 'Å', chr(8491), 'Ω', 'ö', 'ø', 'ﬀ', 'ff', '😀', '😀a', '𝒳', '日本', 'Я', 'я', chr(65535),
	chr(1), chr(127), '%', '_', 'a%c', 'a_c', 'a\c', '\', '\\', '\%', '\_', 'a*c', '[a]', '?', '$1', ':a', '''', '''''',
	'"', '`', 'O''Reilly', '-- a', '/* a */', ';', 'null', 'NULL', 'true', '0', '-0', '00', '7', '07', '7.0', '1e1', '10',
	'9', '0x7', ' 7', '7 ', 'NaN', '-', '+', '.', ',', 'a-b', 'ab-c', 'a b', 'a,b', 'co-op', 'coop', 'c',
	'2024-02-29', 'x''y"z`', 'longer than ten characters', 'Longer Than Ten Characters',
	'naïve café, ÀÉÎ', 'ends in a blank ', '100% of_it\', repeat('ab', 40), repeat('😀', 80)]) WITH ORDINALITY AS l(s, ordinality);
UPDATE words SET wt = w, wc = w, wf = w;

CREATE TABLE t (
	id		int PRIMARY KEY,
	i2		smallint,
	i4		int,
	i8		bigint,
	u8		numeric(20,0),
	f4		real,
	f8		double precision,
	n		numeric(40,12),
	m		numeric(12,2),
	b		boolean,
	s		varchar(80),
	x		text,
	xc		text COLLATE "C",
	c		char(10),
	d		date,
	tm		time,
	ts		timestamp,
	tz		timestamptz,
	y		bytea,
	j		jsonb
);
INSERT INTO t
	WITH lists AS (
		SELECT
			ARRAY[0, NULL, 1, -1, 2, 3, 7, 100, -100, 32767, -32768]::smallint[] AS i2,
			ARRAY[0, 1, NULL, -1, 2, 3, 10, 42, 43, -42, 1000000, 2147483647, -2147483648]::int[] AS i4,
			ARRAY[NULL, 0, 1, -1, 2, 42, 4294967296, 9007199254740992, 9007199254740993, -9007199254740993,
				9223372036854775807, 9223372036854775806, -9223372036854775808, 2147483648, 7, 3, 10] AS i8,
			ARRAY[NULL, 0, 1, 2, 42, 9223372036854775807, 9007199254740993, 9223372036854775806]::numeric[] || CASE WHEN :'is_sqlite' THEN '{}'
				ELSE '{9223372036854775808,18446744073709551614,18446744073709551615,10000000000000000000}'::numeric[] END AS u8,
			ARRAY[0, 0.1, NULL, 0.5, -0.5, 1, 1.5, 2.5, -1.5, 3.4028235e38, -3.4028235e38, 1.1754944e-38, 1e-45, 16777216,
				0.3, 1e10, 123456.79]::real[] ||
				CASE WHEN :'is_postgres' THEN '{-0}'::real[] ELSE '{}' END ||
				CASE WHEN :'is_postgres' THEN '{NaN,Infinity,-Infinity}'::real[] ELSE '{}' END AS f4,
			ARRAY[0, NULL, 0.1, 0.2, 0.3, '0.30000000000000004', 0.5, 1, -1, 1.5, 2.5, -2.5, '1e308', '-1e308', '1.7976931348623157e308',
				'-1.7976931348623157e308', '5e-324', '2.2250738585072014e-308', 9007199254740992, '1e15', '1e22', 123456789.123456789,
				42]::float8[] ||
				CASE WHEN :'is_postgres' THEN '{-0}'::float8[] ELSE '{}' END ||
				CASE WHEN :'is_postgres' THEN '{NaN,Infinity,-Infinity}'::float8[] WHEN :'is_sqlite' THEN '{Infinity,-Infinity}'
				ELSE '{}' END AS f8,
			ARRAY[0, 0.1, NULL, -0.1, 0.2, 0.3, 1, 1.5, 2.5, -2.5, 9007199254740993, 9007199254740992, 0.000000000001, 42,
				9223372036854775807, 999999999999.125, 123456789.012345]::numeric[] || CASE WHEN :'is_sqlite' THEN '{}'
				ELSE '{12345678901234567890.123456789012,12345678901234567890.123456789011,18446744073709551616,
				9999999999999999999999999999.999999999999,-9999999999999999999999999999.999999999999}'::numeric[] END AS n,
			ARRAY[NULL, 0, 0.01, -0.01, 9999999999.99, -9999999999.99, 19.99, 20, 10.10, 0.1, 0.3, 100, 1.1]::numeric[] AS m,
			ARRAY[true, false, NULL, false, true] AS b,
			(SELECT array_agg(w ORDER BY id) FROM words) AS s,
			(SELECT array_agg(w ORDER BY id) FROM words WHERE w IS NULL OR length(w) <= 10) AS c,
			ARRAY['2024-02-29', NULL, '0001-01-01', '1000-01-01', '1582-10-10', '1899-12-31', '1969-12-31', '1970-01-01', '2000-02-29',
				'2023-12-31', '2024-01-01', '2024-03-31', '2038-01-19', '9999-12-31', '2024-02-28']::date[] ||
				CASE WHEN :'is_postgres' THEN '{4714-11-24 BC,0001-12-31 BC,5874897-12-31,infinity,-infinity}'::date[] ELSE '{}' END AS d,
			ARRAY['00:00', '00:00:00.000001', NULL, '12:34:56.789', '23:59:59.999999', '24:00:00', '12:00', '01:02:03']::time[] AS tm,
			ARRAY[NULL, '2024-02-29 12:34:56.789012', '2024-02-29 00:00', '0001-01-01 00:00', '1000-01-01 00:00', '1969-12-31 23:59:59.999999',
				'1970-01-01 00:00', '1970-01-01 00:00:00.000001', '2024-03-31 02:30', '2024-10-27 02:30', '2024-10-27 02:30:00.5',
				'9999-12-31 23:59:59.999999', '2023-12-31 23:59:59.999999', '2024-01-01 00:00']::timestamp[] ||
				CASE WHEN :'is_postgres' THEN '{4714-11-24 00:00 BC,294276-12-31 23:59:59.999999,infinity,-infinity}'::timestamp[]
				ELSE '{}' END AS ts,
			ARRAY['1970-01-01 00:00:01Z', '2024-03-31 00:59:59.999999Z', '2024-03-31 01:00Z', '2024-10-27 00:30Z', '2024-10-27 01:30Z', NULL,
				'2024-02-29 12:34:56.789012Z', '2024-02-28 23:30Z', '2024-03-01 00:30Z', '2038-01-19 03:14:07Z', '2024-01-01 00:00Z']::timestamptz[] ||
				CASE WHEN :'is_mysql' THEN '{}' ELSE '{0001-01-01 00:00Z,1000-01-01 00:00Z,1969-12-31 23:59:59.999999Z,9999-12-31 00:00Z}'::timestamptz[] END ||
				CASE WHEN :'is_postgres' THEN '{4714-11-25 00:00Z BC,294276-12-31 00:00Z,infinity,-infinity}'::timestamptz[] ELSE '{}' END AS tz,
			ARRAY['', NULL, '\x00', '\x0000', '\x00ff', '\x61', '\x41', '\x616263', '\x61626300', '\xff', '\xc3', '\xf09f9880', '\x2720', '\x5c']::bytea[]
				AS y,
			ARRAY['null', NULL, '{}', '[]', '{"a":1}', '{"b":[1,2,{"c":"d\\e"}],"a":"ü😀"}', '"str"', '100', 'true', '{"a":{"b":"x"}}', '[1,"2",null]',
				'{"a":1.5}']::jsonb[] AS j
	)
	SELECT i, pick(i2, i), pick(i4, i), pick(i8, i), pick(u8, i + i / 11), pick(f4, i), pick(f8, i), pick(n, i), pick(m, i + i / 13),
		pick(b, i + i / 7), pick(s, i), pick(s, i * 7 + 1), pick(s, i * 3 + 2), pick(c, i * 5 + 3), pick(d, i), pick(tm, i + i / 9), pick(ts, i),
		pick(tz, i), pick(y, i), pick(j, i + i / 12)
	FROM generate_series(0, 499) AS i, lists;

-- One row of a long text and of many bytes.
UPDATE t SET x = repeat('ä€😀 ', 200000), y = decode(repeat('00ff27', 300000), 'hex') WHERE id = 499;
-- One of nothing but NULL, and one that most of the queries find.
UPDATE t SET i2 = NULL, i4 = NULL, i8 = NULL, u8 = NULL, f4 = NULL, f8 = NULL, n = NULL, m = NULL, b = NULL, s = NULL, x = NULL,
	xc = NULL, c = NULL, d = NULL, tm = NULL, ts = NULL, tz = NULL, y = NULL, j = NULL WHERE id = 498;
UPDATE t SET i2 = 42, i4 = 42, i8 = 42, u8 = 42, f4 = 42, f8 = 42, n = 42, m = 42, b = true, s = 'Abc', x = 'Abc', xc = 'Abc', c = 'Abc'
	WHERE id = 497;

-- For joins: keys that have no row, one, or many; NULLs; an order that is not the key's.
CREATE TABLE u (
	id		int PRIMARY KEY,
	t_id	int,
	k8		bigint,
	ks		varchar(80),
	kc		text COLLATE "C",
	kn		numeric(20,0),
	kd		date,
	kz		timestamptz,
	amount	numeric(12,2),
	note	text
);
INSERT INTO u
	SELECT i, CASE WHEN i % 11 = 0 THEN NULL WHEN i % 5 = 0 THEN i % 20 ELSE (i * 37) % 600 END, t.i8, t.s, t.xc, t.u8, t.d, t.tz, i * 1.25 - 40,
		'note ' || i
	FROM generate_series(0, 159) AS i LEFT JOIN t ON t.id = (i * 29) % 510;

-- Columns that are declared as something else than they are at the source; see far.sql.
CREATE TABLE v (
	id		int PRIMARY KEY,
	wide	bigint,
	shown	text,
	digits	int,
	narrow	real,
	day		date,
	"Odd ""`Name" int,
	flag	boolean,
	amount	numeric,
	fixed	char(6)
);
INSERT INTO v
	SELECT i, pick(ARRAY[0, 1, NULL, -1, 7, 10, 2147483647, -2147483648], i), pick(ARRAY[0, 1, 7, 10, NULL, 9, -1], i)::text,
		pick(ARRAY[7, 10, 9, NULL, -1, 0, 100, 42, 2], i), pick(ARRAY[0.1, 0.5, NULL, 1.5, 0.3, 16777216]::real[], i),
		pick(ARRAY['2024-02-29', NULL, '1999-12-31', '2024-01-01', '1970-01-01']::date[], i), pick(ARRAY[3, NULL, 1, 2], i),
		pick(ARRAY[true, false, NULL], i), pick(ARRAY[0.5, 1.25, NULL, -3, 1000000, 42, 10.5], i),
		pick(ARRAY['a', 'a b', '', NULL, 'A', 'abcdef', '7'], i)
	FROM generate_series(0, 59) AS i;

-- A query of the source's, see far.sql.
CREATE TABLE q (id int, label text, twice int, day date);
INSERT INTO q SELECT id, s, i2 * 2, d FROM t WHERE i2 IS NOT NULL AND length(s) > 0;
