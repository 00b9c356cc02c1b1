-- far.sql: a foreign table in far for each table in near, with the same columns, of the server source_<table> or, where
-- there is none, source. Variable schema is the source's; with analyze they are analyzed.

CREATE SCHEMA far;
SELECT format('CREATE FOREIGN TABLE far.%I (gone int, %s) SERVER %I OPTIONS (%s)', relname,
	(SELECT string_agg(format('%I %s%s%s%s', attname, format_type(atttypid, atttypmod),
		CASE WHEN attname = 'Odd "`Name' THEN ' OPTIONS (column_name ''odd "`name'')' ELSE '' END,
		(SELECT format(' COLLATE %I.%I', collnamespace::regnamespace, collname) FROM pg_collation AS l
			WHERE l.oid = attcollation AND collname <> 'default'), CASE WHEN attnotnull THEN ' NOT NULL' END), ', ' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
	coalesce((SELECT srvname FROM pg_foreign_server WHERE srvname = 'source_' || relname), 'source'),
	CASE relname WHEN 'q' THEN format('query %L', format('SELECT id, s AS label, i2 * 2 AS twice, d AS day FROM %st '
		'WHERE i2 IS NOT NULL AND length(s) > 0', nullif(:'schema', '') || '.'))
	ELSE format('%s table_name %L', 'schema_name ' || quote_literal(nullif(:'schema', '')) || ',', relname) END)
	FROM pg_class AS c WHERE relnamespace = 'near'::regnamespace AND relkind = 'r' ORDER BY relname
\gexec
SELECT format('ALTER FOREIGN TABLE far.%I DROP COLUMN gone', relname)
	FROM pg_class AS c WHERE relnamespace = 'far'::regnamespace AND relkind = 'f'
\gexec
SELECT format('ANALYZE far.%I', relname)
	FROM pg_class AS c WHERE relnamespace = 'far'::regnamespace AND relkind = 'f' AND :'analyze' <> ''
\gexec
