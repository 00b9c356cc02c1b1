-- sqlite.near.sql: what a table of SQLite's mixed storage classes reads as; made for the judge.

CREATE TABLE p (
	id		int PRIMARY KEY,
	anyc	text,
	txt		text,
	num		numeric,
	vnum	bigint,
	dbl		double precision,
	boo		boolean,
	blo		bytea,
	tim		time,
	js		jsonb,
	g		uuid,
	c		char(5),
	f4		real,
	nn		bigint,
	"ro`w ""x""" text
);
INSERT INTO p
	SELECT i, pick(ARRAY['1', 'a', '1.5', NULL, '', '-7', 'A', '9007199254740993', '10', '9', '1.0e+22', 'b', '0'], i),
		pick(ARRAY['1', '01', NULL, '1.0', 'x', '', '10', '9'], i), pick(ARRAY[1, 1.5, NULL, -2.25, 9007199254740993, 0, 0.1], i),
		pick(ARRAY[1, 10, NULL, 9, -5, 9223372036854775807, 9223372036854775806], i),
		pick(ARRAY[1, 0.5, NULL, 1e300, 'Infinity', '-Infinity', 0.1, 9007199254740992], i),
		pick(ARRAY[true, false, NULL], i), pick(ARRAY['\x', '\x61', NULL, '\x6162', '\x00ff', '\x31'], i)::bytea,
		pick(ARRAY['00:00', '12:34:56', NULL, '23:59:59.999999', '12:34:56.5'], i)::time, pick(ARRAY['{"a": 1}', '1', NULL, '"x"', '[]'], i)::jsonb,
		pick(ARRAY['00000000-0000-0000-0000-000000000000', NULL, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'], i)::uuid,
		pick(ARRAY['a', 'a b', NULL, '', 'abcde'], i), pick(ARRAY[0.1, 0.5, NULL, 1.5, 0.3]::real[], i), i % 6,
		pick(ARRAY['x', 'y', NULL], i)
	FROM generate_series(0, 129) AS i;

CREATE TABLE k (k text PRIMARY KEY, id int);
INSERT INTO k VALUES ('a', 1), ('B', 2), ('c ', 3), ('é', 4), ('É', 5), ('', 6), ('😀', 7), ('Abc', 8);
