-- postgres.sql: the PostgreSQL source of the fuzz suite: a value of many types in each row
CREATE TABLE numbers (id integer PRIMARY KEY, v text NOT NULL);
INSERT INTO numbers SELECT n, 'row ' || n FROM generate_series(1, 200) AS n;
CREATE TABLE kinds (id integer PRIMARY KEY, small smallint, big bigint, float float8, num numeric(12,2), bool boolean,
	txt text, vc varchar(40), bin bytea, d date, t time, ts timestamp, tz timestamptz, i interval, u uuid, j jsonb,
	ints integer[], words text[], net inet);
COMMENT ON TABLE kinds IS 'one of each';
INSERT INTO kinds SELECT n, n, n * 1000000007::bigint, n / 7.0, n * 1.25, n % 2 = 0, repeat('text ', n), 'v' || n,
	decode(lpad(to_hex(n), 8, '0'), 'hex'), date '2024-01-01' + n, '12:00', timestamp '2024-01-01' + n * interval '1 hour',
	'2024-03-31 02:30+00', '1 day 2 hours', '0e37df36-f698-11e6-8dd4-cb9ced3df976', '{"a": [1, null, "x"]}',
	ARRAY[n, NULL, 3], ARRAY['a', 'b "c"', NULL], '10.0.0.1/24'
	FROM generate_series(1, 40) AS n;
CREATE VIEW seen AS SELECT id, txt FROM kinds;
CREATE INDEX ON kinds (lower(txt), id);
ANALYZE;
GRANT USAGE ON SCHEMA public TO ck_reader;
