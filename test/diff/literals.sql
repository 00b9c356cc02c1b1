-- literals.sql: prints INSERT statements, in the dialect that variable source names, for the rows of the tables in near.

SET timezone = 'UTC';
SET bytea_output = 'hex';

CREATE FUNCTION pg_temp.literal(value text, type regtype, source text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN value IS NULL THEN 'NULL'
		WHEN type = 'bytea'::regtype THEN 'X''' || substr(value, 3) || ''''
		WHEN type = 'bit'::regtype THEN 'b''' || value || ''''
		WHEN type = 'boolean'::regtype THEN value::bool::int::text
		WHEN type = 'real'::regtype THEN value::real::float8::text
		WHEN value = 'Infinity' AND type = 'double precision'::regtype THEN '9e999'
		WHEN value = '-Infinity' AND type = 'double precision'::regtype THEN '-9e999'
		WHEN type = 'numeric'::regtype AND source = 'sqlite' THEN trim_scale(value::numeric)::text
		WHEN type = 'timestamptz'::regtype AND source = 'sqlite' THEN '''' || value || ':00'''
		WHEN type = 'timestamptz'::regtype AND source = 'mysql' THEN '''' || replace(value, '+00', '') || ''''
		WHEN source = 'mysql' THEN '''' || replace(replace(value, '\', '\\'), '''', '''''') || ''''
		ELSE '''' || replace(value, '''', '''''') || ''''
	END $$;

SELECT format($$ SELECT 'INSERT INTO %I VALUES (' || %s || ');' FROM near.%I ORDER BY id $$, relname,
	(SELECT string_agg(format('pg_temp.literal(%I::text COLLATE "C", %L, %L)', attname, atttypid::regtype, :'source'), ' || '', '' || ' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), relname)
	FROM pg_class AS c WHERE relnamespace = 'near'::regnamespace AND relkind = 'r' AND relname <> 'q' ORDER BY relname
\gexec
