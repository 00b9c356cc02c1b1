-- here.sql: tables and functions that are local for both sides, in public.

SET search_path = public;

CREATE TABLE here (
	id		int,
	k4		int,
	k8		bigint,
	ks		text,
	kc		text COLLATE "C",
	kn		numeric,
	kf		float8,
	kd		date,
	kz		timestamptz
);
INSERT INTO here
	SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE (i * 13) % 700 - 50 END, t.i8, t.x, t.xc, t.n, t.f8, t.d, t.tz
	FROM generate_series(0, 199) AS i LEFT JOIN near.t ON t.id = (i * 31) % 520 AND t.id < 498;
INSERT INTO here VALUES (200, 2147483647, 9223372036854775807, 'abc ', 'abc ', 18446744073709551615, 'NaN', 'infinity', 'infinity'),
	(201, -2147483648, -9223372036854775808, 'ABC', 'ABC', 'NaN', 'Infinity', '-infinity', '-infinity'),
	(202, 42, 42, repeat('z', 100000), '', 1e30, 1e-320, '0044-03-15 BC', '294276-12-31 00:00Z');
CREATE TABLE many AS SELECT i AS id, (i * 7919) % 1000 AS k4, ((i * 7919) % 1000)::bigint AS k8, (i % 700 || coalesce(w, ''))::text AS ks,
	i * 0.1 AS kn, i * 0.5::float8 AS kf, '2024-02-29'::date + i - 1500 AS kd, '2024-02-29'::timestamp + i * interval '1 day' AS kt,
	'2024-03-31 01:00Z'::timestamptz + (i - 1500) * interval '1 hour' AS kz, int4send(i % 300) AS ky, '12:00'::time + i * interval '1 s' AS km
	FROM generate_series(1, 3000) AS i LEFT JOIN near.words ON words.id = i % 150;
UPDATE many SET ks = w FROM near.words WHERE words.id = many.id / 20 AND many.id % 20 = 0;
ANALYZE here, many;

-- A look-up for each row of a loop: the plans of the inner statement are cached.
CREATE FUNCTION look_up(key int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found_s text;
BEGIN
	SELECT s INTO found_s FROM t WHERE id = key;
	RETURN coalesce(found_s, 'none');
END $$;

CREATE FUNCTION walk() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n bigint;
BEGIN
	FOR r IN SELECT id, t_id, note FROM u WHERE id < 40 ORDER BY id LOOP
		SELECT count(*) INTO n FROM t WHERE i4 = r.t_id OR id = r.t_id;
		RETURN NEXT r.id || ' ' || coalesce(r.note, '-') || ' ' || n || ' ' || look_up(r.t_id);
	END LOOP;
END $$;

-- Catches an error of each inner statement and goes on.
CREATE FUNCTION walk_with_errors() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n int;
BEGIN
	FOR r IN SELECT id, i4 FROM t WHERE id < 30 ORDER BY id LOOP
		BEGIN
			SELECT 100 / i4 INTO STRICT n FROM t WHERE id = r.id;
			RETURN NEXT r.id || ' ' || coalesce(n, -1);
		EXCEPTION WHEN division_by_zero THEN
			RETURN NEXT r.id || ' division';
		END;
	END LOOP;
END $$;

-- The same, with errors that the source may raise.
CREATE FUNCTION walk_with_remote_errors() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n bigint;
BEGIN
	FOR r IN SELECT id, note FROM u WHERE id < 30 ORDER BY id LOOP
		BEGIN
			SELECT count(*) INTO n FROM t WHERE id = r.id AND 100 / i4 > 1;
			RETURN NEXT r.id || ' ' || n;
		EXCEPTION WHEN OTHERS THEN
			SELECT count(*) INTO n FROM t WHERE id = r.id;
			RETURN NEXT r.id || ' error ' || n;
		END;
	END LOOP;
END $$;

CREATE FUNCTION stable_day() RETURNS date LANGUAGE sql STABLE AS 'SELECT ''2024-02-29''::date';
CREATE FUNCTION volatile_true() RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN true; END';
