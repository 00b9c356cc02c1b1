-- check.sql: functions that try a rule of a dialect with every pair of values, at its source and on a local copy.

CREATE SCHEMA rules;
SET search_path = rules;

CREATE TABLE rule AS
	SELECT r.number, r.what, r.args, r.remote, r.fidelity, r.locale, w.name
	FROM connkit.connector_rules(:'source') AS r CROSS JOIN LATERAL unnest(string_to_array(r.what, ' ')) AS w(name);

-- Words that a text argument has to be one of, for functions to which most texts are an error.
CREATE TABLE word AS
	SELECT name, unnest(words) AS word FROM (VALUES
		('date_part', '{year,month,week,isoyear,day,dow,hour,second,microseconds,epoch,decade,nothing}'::text[]),
		('date_trunc', '{year,quarter,month,week,day,hour,minute,milliseconds,century,nothing}'),
		('encode', '{hex,base64,escape,nothing}')) AS l(name, words);

-- The types that an argument of a rule stands for; the constant that it has to be, as SQL, or NULL.
CREATE FUNCTION types(arg text, OUT type text, OUT constant text) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT t, NULL FROM unnest('{int2,int4,int8}'::text[]) AS t WHERE arg = 'integer'
	UNION ALL SELECT t, NULL FROM unnest('{float4,float8}'::text[]) AS t WHERE arg = 'float'
	UNION ALL SELECT 'text', arg || '::text' WHERE arg LIKE '''%'
	UNION ALL SELECT 'int4', arg WHERE arg ~ '^[0-9]'
	UNION ALL SELECT 'text', NULL WHERE arg = 'pattern'
	UNION ALL SELECT '_text', NULL WHERE arg = 'anyarray'
	UNION ALL SELECT arg, NULL WHERE arg NOT IN ('integer', 'float', 'pattern', 'anyarray') AND arg !~ '^[''0-9]'
$$;

-- A rule for one name and one choice of types: what it is tried with.
CREATE TABLE variant (
	id			int GENERATED ALWAYS AS IDENTITY,
	number		int,
	name		text,
	said		text[],
	types		text[],
	constants	text[],
	fidelity	text,
	locale		text
);
INSERT INTO variant (number, name, said, types, constants, fidelity, locale)
	SELECT r.number, r.name, s.said, array_remove(ARRAY[a.type, b.type, c.type, d.type], NULL),
		ARRAY[a.constant, b.constant, c.constant, d.constant], r.fidelity, r.locale
	FROM rule AS r CROSS JOIN LATERAL regexp_split_to_array(r.args, ', *') AS s(said)
		CROSS JOIN LATERAL types(s.said[1]) AS a
		LEFT JOIN LATERAL types(s.said[2]) AS b ON s.said[2] IS NOT NULL
		LEFT JOIN LATERAL types(s.said[3]) AS c ON s.said[3] IS NOT NULL
		LEFT JOIN LATERAL types(s.said[4]) AS d ON s.said[4] IS NOT NULL
	ORDER BY r.number, r.name, 4;
INSERT INTO variant (number, name, said, types, constants, fidelity, locale)
	SELECT number, v.name, said, types,
		(SELECT array_agg(CASE WHEN types[i] = 'text' THEN quote_literal(word) || '::text' END ORDER BY i) FROM generate_series(1, 4) AS i),
		fidelity, locale
	FROM variant AS v JOIN word AS w ON w.name = v.name AND 'text' = ANY (said);
DELETE FROM variant AS v WHERE 'text' = ANY (said) AND EXISTS (SELECT FROM word AS w WHERE w.name = v.name) AND
	num_nonnulls(VARIADIC constants) = 0;

-- Whether a variant is one of PostgreSQL's operators or functions; result is its type.
CREATE FUNCTION result(v variant) RETURNS regtype LANGUAGE sql AS $$
	SELECT oprresult::regtype FROM pg_operator
	WHERE oprname = v.name AND oprnamespace = 'pg_catalog'::regnamespace AND v.name !~ '^[a-z]' AND
		ARRAY[oprleft, oprright] = CASE cardinality(v.types)
			WHEN 1 THEN ARRAY[0::oid, to_regtype(CASE WHEN v.said[1] = 'anyarray' THEN 'anyarray' ELSE v.types[1] END)]
			ELSE ARRAY[to_regtype(CASE WHEN v.said[1] = 'anyarray' THEN 'anyarray' ELSE v.types[1] END)::oid,
				to_regtype(CASE WHEN v.said[2] = 'anyarray' THEN 'anyarray' ELSE v.types[2] END)] END
	UNION ALL
	SELECT prorettype::regtype FROM pg_proc
	WHERE proname = v.name AND pronamespace = 'pg_catalog'::regnamespace AND v.name ~ '^[a-z]' AND prokind = 'f' AND
		proargtypes::oid[]::regtype[]::text[] = (SELECT array_agg(t::regtype::text ORDER BY o) FROM unnest(v.types) WITH ORDINALITY AS l(t, o))
	LIMIT 1
$$;

-- How many rows have values of a type, and NULL.
CREATE TABLE size (type text, n int);
SELECT format('INSERT INTO size SELECT %L, max(id) FROM near.v WHERE %1$I IS NOT NULL', attname)
	FROM pg_attribute WHERE attrelid = 'near.v'::regclass AND attnum > 1
\gexec

-- The rows of a variant: each pair of values; a third and fourth argument get a dozen. Written alike here and at the source.
CREATE FUNCTION pairs(source text, relation text, types text[]) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT %s AS id, %s FROM %s WHERE %s',
		(SELECT string_agg(format('v%s.id * %s', i, power(100, i - 1)::int), ' + ' ORDER BY i) FROM generate_series(1, cardinality(types)) AS i),
		(SELECT string_agg(format('v%s.%s AS %s', i, CASE source WHEN 'mysql' THEN '`' || t || '`' ELSE quote_ident(t) END, chr(96 + i::int)), ', '
			ORDER BY i) FROM unnest(types) WITH ORDINALITY AS l(t, i)),
		(SELECT string_agg(format('%s v%s', relation, i), ' CROSS JOIN ' ORDER BY i) FROM generate_series(1, cardinality(types)) AS i),
		(SELECT string_agg(format('v%s.id <= %s', i, least(n, CASE WHEN i > 2 THEN 12 WHEN cardinality(types) > 2 THEN 32 ELSE 99 END)), ' AND ')
			FROM unnest(types) WITH ORDINALITY AS l(t, i) JOIN size ON type = t))
$$;

-- Makes a foreign table over a query of the source.
CREATE FUNCTION make_foreign(name text, query text, columns text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('DROP FOREIGN TABLE IF EXISTS far.%I', name);
	EXECUTE format('CREATE FOREIGN TABLE far.%I (%s) SERVER source OPTIONS (query %L, use_remote_estimate ''false'')', name, columns, query);
END $$;

-- What the source is asked for.
CREATE FUNCTION plan(query text, OUT remote text, OUT filtered boolean) LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	filtered := false;
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
		filtered := filtered OR line ~ '^ *(Filter|Sort Key|Join Filter|Hash Cond):';
		remote := coalesce(substring(line FROM '^ *Remote SQL: (.*)$'), remote);
	END LOOP;
END $$;

-- The rows of a query, in its order where it has one; an error is one too.
CREATE FUNCTION rows(query text, side text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	found text[];
BEGIN
	PERFORM set_config('search_path', side || ', rules', true);
	EXECUTE format('SELECT array_agg(t ORDER BY n, t COLLATE "C") FROM (SELECT CASE WHEN %L THEN row_number() OVER () END AS n, s::text AS t
		FROM (%s) AS s) AS r', query ~ 'ORDER BY [^()]*$', query) INTO found;
	PERFORM set_config('search_path', 'rules', true);
	RETURN found;
EXCEPTION WHEN OTHERS THEN
	IF side = 'far' AND SQLSTATE !~ '^(22|HV)' THEN
		RAISE;
	END IF;
	RETURN ARRAY['error'];
END $$;

-- Raises an error where the query gives other rows in far than in near.
CREATE FUNCTION compare(query text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	found text[] := rows(query, 'far');
	right_ text[] := rows(query, 'near');
BEGIN
	IF found IS DISTINCT FROM right_ THEN
		RAISE EXCEPTION '%: % rows, % are right; first wrong: % ; first missing: %', query, cardinality(found), cardinality(right_),
			(SELECT f FROM unnest(found) AS f EXCEPT ALL SELECT unnest(right_) LIMIT 1),
			(SELECT f FROM unnest(right_) AS f EXCEPT ALL SELECT unnest(found) LIMIT 1);
	END IF;
END $$;

-- Raises an error where the source does not work for the query as the fidelity says.
CREATE FUNCTION must_push(query text, fidelity text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	p record;
BEGIN
	PERFORM set_config('search_path', 'far, rules', true);
	p := plan(query);
	PERFORM set_config('search_path', 'rules', true);
	IF p.remote !~ ' (WHERE|ORDER BY) ' OR (p.filtered AND fidelity <> 'superset') THEN
		RAISE EXCEPTION 'not sent: % as %', query, p.remote;
	END IF;
END $$;

-- Columns of a table of pairs.
CREATE FUNCTION columns(types text[], collation_ text) RETURNS text LANGUAGE sql AS $$
	SELECT 'id bigint, ' || string_agg(format('%s %s%s', chr(96 + i::int),
		CASE t WHEN 'numeric' THEN 'numeric(28,12)' WHEN 'bpchar' THEN 'char(10)' ELSE t END,
		CASE WHEN collation_ = 'C' AND t IN ('text', 'bpchar', 'varchar') THEN ' COLLATE "C"' END), ', ' ORDER BY i)
	FROM unnest(types) WITH ORDINALITY AS l(t, i)
$$;

-- What is tried: an expression over the columns a, b, c, d.
CREATE FUNCTION expressions(v variant) RETURNS text[] LANGUAGE sql AS $$
	WITH args AS (
		SELECT array_agg(coalesce(v.constants[i], chr(96 + i)) ORDER BY i) AS a FROM generate_series(1, cardinality(v.types)) AS i
	)
	SELECT CASE
		WHEN v.name = 'branch' THEN ARRAY['CASE WHEN id > 800 THEN a ELSE b END', 'coalesce(a, b)']
		WHEN v.name = 'cast' THEN ARRAY[format('(a)::%s', v.types[2])]
		WHEN v.name ~ '^[a-z]' THEN ARRAY[format('pg_catalog.%I(%s)', v.name, array_to_string(a, ', '))]
		WHEN cardinality(a) = 1 THEN ARRAY[format('(%s %s)', v.name, a[1])]
		ELSE ARRAY[format('(%s %s %s)', a[1], v.name, a[2])] END
	FROM args
$$;

-- The judge's answers; where it has none, an error.
CREATE TABLE judged (id bigint, r text, failed boolean);

CREATE FUNCTION judge(expression text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	row_ bigint;
BEGIN
	TRUNCATE judged;
	BEGIN
		EXECUTE format('INSERT INTO judged SELECT id, (%s)::text, false FROM near.p', expression);
	EXCEPTION WHEN OTHERS THEN
		FOR row_ IN SELECT id FROM near.p LOOP
			BEGIN
				EXECUTE format('INSERT INTO judged SELECT id, (%s)::text, false FROM near.p WHERE id = %s', expression, row_);
			EXCEPTION WHEN OTHERS THEN
				INSERT INTO judged VALUES (row_, SQLSTATE, true);
			END;
		END LOOP;
	END;
END $$;

-- Makes the table p near and far, of all pairs or of those in a condition.
CREATE FUNCTION make_pairs(source text, relation text, v variant, condition text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	used text[] := CASE v.name WHEN 'branch' THEN v.types || v.types WHEN 'group' THEN v.types || v.types WHEN 'cast' THEN v.types[1:1] ELSE v.types END;
	columns text := columns(used, v.locale);
BEGIN
	DROP TABLE IF EXISTS near.p CASCADE;
	EXECUTE format('CREATE TABLE near.p (%s)', columns);
	EXECUTE format('INSERT INTO near.p SELECT * FROM (%s) AS p WHERE %s', pairs('postgres', 'near.v', used), condition);
	CREATE INDEX ON near.p (id);
	PERFORM make_foreign('p', format('SELECT * FROM (%s) AS p WHERE %s LIMIT 1000000', pairs(source, relation, used), condition), columns);
END $$;

-- A boolean expression as a condition.
CREATE FUNCTION try_condition(expression text, fidelity text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM must_push('SELECT id FROM p WHERE ' || expression, fidelity);
	PERFORM compare('SELECT id FROM p WHERE ' || expression);
	PERFORM compare(format('SELECT id FROM p WHERE NOT (%s)', expression));
	PERFORM compare(format('SELECT id FROM p WHERE (%s) IS NULL', expression));
	IF fidelity = 'exact' THEN
		PERFORM must_push(format('SELECT id FROM p WHERE (%s) IS NULL', expression), fidelity);
	END IF;
END $$;

-- An expression as a value: by what the source is sent for it, computed there for every row.
CREATE FUNCTION try_value(expression text, result regtype) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT id FROM p WHERE (%s) IS NULL', expression);
	value text;
	known text;
BEGIN
	PERFORM must_push(query, 'exact');
	PERFORM compare(query);
	PERFORM set_config('search_path', 'far, rules', true);
	value := substring((plan(query)).remote FROM ' WHERE \((.*) IS NULL\)$');
	PERFORM set_config('search_path', 'rules', true);
	IF value IS NULL OR value ~ '\?' THEN
		FOR known IN SELECT DISTINCT r FROM judged WHERE r IS NOT NULL LIMIT 20 LOOP
			PERFORM compare(format('SELECT id FROM p WHERE %s = %L', expression, known));
		END LOOP;
		RETURN;
	END IF;
	PERFORM make_foreign('r', (SELECT format('SELECT id, %s AS r FROM (%s) AS q', value, option_value)
		FROM pg_options_to_table((SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'far.p'::regclass)) WHERE option_name = 'query'),
		'id bigint, r ' || result);
	EXECUTE format('DROP VIEW IF EXISTS near.r');
	EXECUTE format('CREATE VIEW near.r AS SELECT id, (%s) AS r FROM near.p', expression);
	PERFORM compare('SELECT id, r FROM r');
END $$;

-- A comparison with constants, which travel as arguments.
CREATE FUNCTION try_constants(v variant) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	value text;
	condition text;
	sent bool := false;
BEGIN
	FOR value IN EXECUTE format('SELECT DISTINCT %I::text COLLATE "C" FROM near.v WHERE %1$I IS NOT NULL', v.types[2]) LOOP
		CONTINUE WHEN v.said[2] = 'pattern' AND value LIKE '%\\';
		condition := format('a %s %L::%s', v.name, value, v.types[2]);
		PERFORM compare('SELECT id FROM p WHERE ' || condition);
		BEGIN
			PERFORM must_push('SELECT id FROM p WHERE ' || condition, v.fidelity);
			sent := true;
		EXCEPTION WHEN raise_exception THEN
			CONTINUE;
		END;
		IF v.fidelity = 'exact' THEN
			PERFORM compare(format('SELECT id FROM p WHERE (%s) IS NULL', condition));
			PERFORM compare(format('SELECT id FROM p WHERE NOT (%s)', condition));
		END IF;
	END LOOP;
	IF NOT sent THEN
		RAISE EXCEPTION 'no constant is sent';
	END IF;
END $$;

-- Lists of two constants, and of all.
CREATE FUNCTION try_list(v variant) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	value text[];
	list text;
BEGIN
	FOR value IN EXECUTE format('SELECT ARRAY[%I::text, lead(%1$I::text, 1, %1$I::text) OVER (ORDER BY id)] FROM near.v WHERE %1$I IS NOT NULL
			UNION ALL SELECT array_agg(%1$I::text) FROM near.v WHERE %1$I IS NOT NULL', v.types[1]) LOOP
		SELECT string_agg(format('%L::%s', x, v.types[1]), ', ') INTO list FROM unnest(value) AS x;
		PERFORM must_push(format('SELECT id FROM p WHERE a IN (%s)', list), v.fidelity);
		PERFORM compare(format('SELECT id FROM p WHERE a IN (%s)', list));
		PERFORM compare(format('SELECT id FROM p WHERE a NOT IN (%s)', list));
		PERFORM compare(format('SELECT id FROM p WHERE a IN (%s, NULL)', list));
		PERFORM compare(format('SELECT id FROM p WHERE a NOT IN (%s, NULL)', list));
	END LOOP;
END $$;

-- The keys of a join with a local table.
CREATE FUNCTION try_keys(v variant) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TEMP TABLE k ON COMMIT DROP AS SELECT %I AS k FROM near.v', v.types[1]);
	SET LOCAL enable_hashjoin = off;
	SET LOCAL enable_mergejoin = off;
	PERFORM must_push('SELECT id FROM k JOIN p ON p.a = k.k', 'superset');
	PERFORM compare('SELECT id FROM k JOIN p ON p.a = k.k');
END $$;

CREATE FUNCTION try_order(v variant) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	direction text;
BEGIN
	FOREACH direction IN ARRAY '{ASC,DESC,ASC NULLS FIRST,DESC NULLS LAST}'::text[] LOOP
		PERFORM must_push('SELECT a FROM p ORDER BY a ' || direction, 'exact');
		PERFORM compare('SELECT a FROM p ORDER BY a ' || direction);
	END LOOP;
END $$;

-- Raises an error where the source does not do the work: group, or compute window functions.
CREATE FUNCTION must_work(query text, work text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	PERFORM set_config('search_path', 'far, rules', true);
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
		CONTINUE WHEN line !~ format('Relations: (%s) on ', work);
		PERFORM set_config('search_path', 'rules', true);
		RETURN;
	END LOOP;
	RAISE EXCEPTION 'not done there: %', query;
END $$;

CREATE FUNCTION must_group(query text) RETURNS void LANGUAGE sql AS $$
	SELECT must_work(query, 'Aggregate|Distinct')
$$;

-- A key, of each of whose values there are many rows.
CREATE FUNCTION try_group() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	query text;
BEGIN
	FOREACH query IN ARRAY '{SELECT a\, count(*) FROM p GROUP BY a,SELECT DISTINCT a FROM p,SELECT a\, b FROM p GROUP BY b\, a}'::text[] LOOP
		PERFORM must_group(query);
		PERFORM compare(query);
	END LOOP;
	PERFORM compare('SELECT a, count(*), count(b) FROM p WHERE id > 150 GROUP BY a HAVING count(b) > 3 AND a IS NOT NULL');
	PERFORM compare('SELECT count(DISTINCT a), count(a) FROM p');
END $$;

CREATE FUNCTION try_aggregate(aggregate text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	call text := format(CASE aggregate WHEN 'string_agg' THEN '%s(%s, ''*'' ORDER BY id DESC)' ELSE '%s(%s)' END, aggregate, 'a');
	many text := format(CASE aggregate WHEN 'string_agg' THEN '%s(DISTINCT %s, '''' ORDER BY a)' ELSE '%s(DISTINCT %s)' END, aggregate, 'a');
BEGIN
	-- alone, min and max may be read as the first of an order
	PERFORM must_group('SELECT ' || call || ', count(*) FROM p');
	PERFORM compare('SELECT ' || call || ', count(*) FROM p');
	PERFORM compare('SELECT ' || call || ' FROM p');
	PERFORM compare('SELECT ' || many || ' FROM p');
	PERFORM compare('SELECT ' || call || ' FROM p WHERE id < 0');
	PERFORM compare('SELECT ' || call || ' FROM p WHERE id < 0 GROUP BY id');
	PERFORM compare('SELECT ' || call || ' FROM p WHERE a IS NULL');
	PERFORM compare(format('SELECT id, %s, %s FILTER (WHERE id > 5) FROM p GROUP BY id', call, many));
	PERFORM compare(format('SELECT %s FILTER (WHERE id > 5), %s FILTER (WHERE id < 3), %s FILTER (WHERE id < 0) FROM p', call, many, call));
	PERFORM compare(format('SELECT id FROM p GROUP BY id HAVING %s IS NULL OR %s FILTER (WHERE id > 5) IS NOT NULL', call, many));
END $$;

-- A window function, or an aggregate that is one (filters).
CREATE FUNCTION try_window(call text, filters boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	frame text;
	direction text;
BEGIN
	PERFORM must_work(format('SELECT id, %s OVER (ORDER BY id) FROM p', call), 'Window');
	PERFORM compare(format('SELECT id, %s OVER (ORDER BY id), %1$s OVER (PARTITION BY b ORDER BY id) FROM p', call));
	FOREACH direction IN ARRAY '{ASC,DESC,ASC NULLS FIRST,DESC NULLS LAST}'::text[] LOOP
		PERFORM compare(format('SELECT id, %s OVER (PARTITION BY a ORDER BY b %s, id) FROM p', call, direction));
	END LOOP;
	IF filters THEN
		PERFORM compare(format('SELECT id, %s OVER (), %1$s FILTER (WHERE id > 150) OVER (ORDER BY b), %1$s OVER (PARTITION BY a, b) FROM p',
			call));
	END IF;
	FOREACH frame IN ARRAY CASE WHEN NOT filters AND call !~ '_value' THEN '{}' ELSE '{2 PRECEDING AND 1 FOLLOWING,2 PRECEDING AND 1 PRECEDING,
		2 FOLLOWING AND 1 FOLLOWING,UNBOUNDED PRECEDING AND 2 PRECEDING,CURRENT ROW AND UNBOUNDED FOLLOWING}'::text[] END LOOP
		PERFORM compare(format('SELECT id, %s OVER (PARTITION BY b ORDER BY id ROWS BETWEEN %s) FROM p', call, frame));
	END LOOP;
END $$;

-- A sort key within an aggregate.
CREATE FUNCTION try_aggregate_order() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	query text;
BEGIN
	FOREACH query IN ARRAY ARRAY['SELECT string_agg(a, '','' ORDER BY a DESC, id), string_agg(DISTINCT a, '''' ORDER BY a) FROM p',
			'SELECT id % 3, string_agg(DISTINCT a, ''e'' ORDER BY a DESC), count(*) FROM p GROUP BY id % 3'] LOOP
		PERFORM must_group(query);
		PERFORM compare(query);
	END LOOP;
END $$;

-- An operator, a function, a cast or a branch: as a value or a condition, and its errors.
CREATE FUNCTION try_expression(source text, relation text, v variant, expression text, result regtype) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	bad bigint[];
	one bigint;
BEGIN
	PERFORM make_pairs(source, relation, v, 'id > 0');
	PERFORM judge(expression);
	bad := ARRAY(SELECT id FROM judged WHERE failed);
	IF bad <> '{}' THEN
		PERFORM make_pairs(source, relation, v, format('id NOT IN (%s)', array_to_string(bad, ', ')));
	END IF;
	IF result = 'bool'::regtype AND v.name NOT IN ('branch', 'cast') THEN
		PERFORM try_condition(expression, v.fidelity);
	ELSE
		PERFORM try_value(expression, result);
	END IF;
	FOREACH one IN ARRAY ARRAY(SELECT b FROM unnest(bad) AS b ORDER BY md5(b::text) LIMIT 8) LOOP
		PERFORM make_pairs(source, relation, v, 'id = ' || one);
		BEGIN
			EXECUTE format('SELECT count(*) FROM far.p WHERE (%s) IS NULL', expression);
		EXCEPTION WHEN OTHERS THEN
			CONTINUE;
		END;
		RAISE EXCEPTION 'no error of %, row %', expression, one;
	END LOOP;
	RETURN format('%s pairs, %s errors', (SELECT count(*) FROM judged), cardinality(bad));
END $$;

-- Tries a variant; the line of the test.
CREATE FUNCTION try(name text, source text, relation text, variant_id int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v variant := (SELECT w FROM variant AS w WHERE id = variant_id);
	title text := format('%s: %s (%s)', name, v.name, (SELECT string_agg(coalesce(v.constants[i], CASE v.said[i] WHEN 'pattern' THEN 'pattern'
		ELSE v.types[i] END), ', ' ORDER BY i) FROM generate_series(1, cardinality(v.types)) AS i));
	single variant := v;
	expression text;
	type regtype := CASE v.name WHEN 'branch' THEN v.types[1]::regtype WHEN 'cast' THEN v.types[2]::regtype ELSE result(v) END;
	told text := '';
BEGIN
	single.types := v.types[1:1];
	IF v.name IN ('order', 'in', 'keys', 'bool', 'isnull', 'notnull') THEN
		PERFORM make_pairs(source, relation, single, 'id > 0');
		CASE v.name
			WHEN 'order' THEN PERFORM try_order(v);
			WHEN 'in' THEN PERFORM try_list(v);
			WHEN 'keys' THEN PERFORM try_keys(v);
			WHEN 'bool' THEN PERFORM try_condition('a', v.fidelity);
			WHEN 'isnull' THEN PERFORM try_condition('a IS NULL', v.fidelity);
			ELSE PERFORM try_condition('a IS NOT NULL', v.fidelity);
		END CASE;
		RETURN 'ok - ' || title;
	END IF;
	IF v.name IN ('group', 'groupby') THEN
		v.name := 'group';
		PERFORM make_pairs(source, relation, v, 'id > 0');
		PERFORM try_group();
		RETURN 'ok - ' || title;
	END IF;
	IF v.name = 'value' OR EXISTS (SELECT FROM pg_proc WHERE proname = v.name AND prokind = 'w') THEN
		single.name := 'group';
		single.types := CASE WHEN v.name = 'value' THEN v.types[1:1] ELSE '{int4}' END;
		PERFORM make_pairs(source, relation, single, 'id < 900');
		FOREACH expression IN ARRAY CASE WHEN v.name = 'value' THEN '{lag(a),last_value(a),nth_value(b\, 2)}'::text[]
			WHEN v.said[1] = '*' THEN ARRAY[v.name || '()']
			WHEN v.name = 'ntile' THEN '{ntile(1),ntile(3),ntile(5000)}'
			ELSE ARRAY[format('%s(%s)', v.name, concat_ws(', ', 'a', CASE WHEN cardinality(v.said) > 1 THEN '2' END,
				CASE WHEN cardinality(v.said) > 2 THEN '77' END))] END LOOP
			PERFORM try_window(expression, false);
		END LOOP;
		RETURN 'ok - ' || title;
	END IF;
	IF v.name = 'aggorder' THEN
		PERFORM make_pairs(source, relation, single, 'id > 0');
		PERFORM try_aggregate_order();
		RETURN 'ok - ' || title;
	END IF;
	IF EXISTS (SELECT FROM pg_aggregate JOIN pg_proc AS f ON f.oid = aggfnoid WHERE f.proname = v.name) THEN
		IF v.said[1] IN ('*', 'any') THEN
			single.types := '{int4}';
		END IF;
		PERFORM make_pairs(source, relation, single, 'id > 0');
		PERFORM try_aggregate(v.name);
		IF v.said[1] = '*' THEN
			PERFORM compare('SELECT count(*), count(*) FILTER (WHERE id > 5) FROM p');
			PERFORM compare('SELECT count(*) FROM p WHERE a IS NULL GROUP BY a');
		END IF;
		IF (SELECT remote FROM rule AS r WHERE r.number = v.number LIMIT 1) ~ '%w|^/' AND (name <> 'mysql_null' OR v.types[1] ~ 'date|stamp') THEN
			single.name := 'group';
			PERFORM make_pairs(source, relation, single, 'id < 900');
			PERFORM try_window(CASE WHEN v.said[1] = '*' THEN 'count(*)' ELSE v.name || '(a)' END, true);
		END IF;
		RETURN 'ok - ' || title;
	END IF;
	IF type IS NULL THEN
		RETURN 'ok - ' || title || ' # SKIP not in this version of PostgreSQL';
	END IF;
	IF v.said[cardinality(v.said)] <> 'pattern' THEN
		FOREACH expression IN ARRAY expressions(v) LOOP
			told := ', ' || try_expression(source, relation, v, expression, type);
		END LOOP;
	END IF;
	IF type = 'bool'::regtype AND cardinality(v.types) = 2 AND v.name !~ '^[a-z]' THEN
		PERFORM make_pairs(source, relation, single, 'id > 0');
		PERFORM try_constants(v);
	END IF;
	RETURN 'ok - ' || title || told;
EXCEPTION WHEN OTHERS THEN
	RETURN 'not ok - ' || title || E'\n# ' || replace(left(SQLERRM, 900), E'\n', ' ');
END $$;
