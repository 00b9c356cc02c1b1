-- functions.sql: what people call, in the extension's schema

CREATE FUNCTION connkit_test(source name)
	RETURNS TABLE (stage text, outcome text, milliseconds bigint, detail text, hint text, server_version text)
	AS 'MODULE_PATHNAME', 'connkit_test_source' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_test(name) IS
	'connects to a source as the current role does, on a connection of its own, and tells how each stage went';

CREATE FUNCTION connkit_test(connector text, options jsonb, credentials jsonb DEFAULT '{}')
	RETURNS TABLE (stage text, outcome text, milliseconds bigint, detail text, hint text, server_version text)
	AS 'MODULE_PATHNAME', 'connkit_test_options' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_test(text, jsonb, jsonb) IS
	'tests options of a server and of a user mapping without saving them';

CREATE FUNCTION connkit.discover(source name, include text[], exclude text[], strategy text, keep integer) RETURNS bigint
	AS 'MODULE_PATHNAME', 'connkit_discover' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit.discover(name, text[], text[], text, integer) IS
	'reads a source''s catalog into the tables connkit.discovered_*; returns the id of the discovery';

CREATE FUNCTION connkit_discover(source name, include text[] DEFAULT '{*}', exclude text[] DEFAULT '{}',
		strategy text DEFAULT 'balanced', keep integer DEFAULT 10)
	RETURNS TABLE (schema_name text, table_name text, kind text, columns bigint, estimated_rows bigint,
		estimated_bytes bigint, comment text, discovery bigint)
	LANGUAGE plpgsql VOLATILE STRICT AS $$
#variable_conflict use_column
DECLARE
	made bigint;
BEGIN
	made := connkit.discover(source, include, exclude, strategy, keep);
	RETURN QUERY
		SELECT t.schema_name, t.table_name, t.kind, c.count, t.estimated_rows, t.estimated_bytes, t.comment, t.discovery
		FROM connkit.discovered_table AS t
			LEFT JOIN (SELECT d.schema_name, d.table_name, count(*) FROM connkit.discovered_column AS d
				WHERE d.discovery = made GROUP BY 1, 2) AS c USING (schema_name, table_name)
		WHERE t.discovery = made
		ORDER BY t.schema_name COLLATE "C", t.table_name COLLATE "C";
END $$;
COMMENT ON FUNCTION connkit_discover(name, text[], text[], text, integer) IS
	'lists what a source holds, and keeps it in connkit.discovered_table, discovered_column, discovered_key and '
	'discovered_index; include and exclude are patterns of schema.table or table, strategy is conservative, balanced or '
	'aggressive, keep is the number of discoveries that stay for each source and role';

CREATE FUNCTION connkit_compare_discoveries(before bigint, after bigint)
	RETURNS TABLE (change text, object text, schema_name text, table_name text, name text, old jsonb, new jsonb)
	LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
	WITH object AS (
		SELECT discovery, 'table' AS object, schema_name, table_name, table_name AS name,
			jsonb_build_object('kind', kind, 'comment', comment) AS told
		FROM connkit.discovered_table
		UNION ALL
		SELECT discovery, 'column', schema_name, table_name, column_name,
			to_jsonb(c) - '{discovery,schema_name,table_name,column_name,position}'::text[]
		FROM connkit.discovered_column AS c
		UNION ALL
		SELECT discovery, 'key', schema_name, table_name, key_name,
			to_jsonb(k) - '{discovery,schema_name,table_name,key_name}'::text[]
		FROM connkit.discovered_key AS k
		UNION ALL
		SELECT discovery, 'index', schema_name, table_name, index_name,
			to_jsonb(i) - '{discovery,schema_name,table_name,index_name}'::text[]
		FROM connkit.discovered_index AS i)
	SELECT CASE WHEN b.told IS NULL THEN 'added' WHEN a.told IS NULL THEN 'removed' ELSE 'changed' END,
		object, schema_name, table_name, name,
		(SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(b.told) AS e
			WHERE e.value IS DISTINCT FROM a.told -> e.key AND (a.told IS NOT NULL OR e.value <> 'null')),
		(SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(a.told) AS e
			WHERE e.value IS DISTINCT FROM b.told -> e.key AND (b.told IS NOT NULL OR e.value <> 'null'))
	FROM (SELECT * FROM object WHERE discovery = $1) AS b
		FULL JOIN (SELECT * FROM object WHERE discovery = $2) AS a USING (object, schema_name, table_name, name)
	WHERE a.told IS DISTINCT FROM b.told
		-- what one of the two did not look for is no change
		AND (object IN ('table', 'column') OR 'conservative' <> ALL
			(SELECT d.strategy FROM connkit.discovery AS d WHERE d.id IN ($1, $2)))
	ORDER BY schema_name COLLATE "C", table_name COLLATE "C",
		array_position('{table,column,key,index}', object), name COLLATE "C"
$$;
COMMENT ON FUNCTION connkit_compare_discoveries(bigint, bigint) IS
	'what was added, removed or changed from one discovery to another; of what changed, the properties that did';

CREATE FUNCTION connkit_import_comments(local_schema name) RETURNS bigint LANGUAGE plpgsql VOLATILE STRICT
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	command text;
	commands bigint := 0;
BEGIN
	FOR command IN
		WITH target AS MATERIALIZED (
			SELECT t.source, t.local_table, d.discovery, d.schema_name, d.table_name, d.comment
			FROM connkit.source_table AS t
				JOIN pg_catalog.pg_class AS c ON c.oid = t.local_table
				JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = local_schema
				CROSS JOIN LATERAL (SELECT d.* FROM connkit.discovered_table AS d
						JOIN connkit.discovery AS r ON r.id = d.discovery
					WHERE r.source = t.source AND d.table_name = t.table_name
						AND (d.schema_name = t.schema_name OR t.schema_name IS NULL)
					ORDER BY d.discovery DESC LIMIT 1) AS d)
		SELECT format('COMMENT ON FOREIGN TABLE %s IS %L', t.local_table, t.comment) FROM target AS t WHERE t.comment <> ''
		UNION ALL
		SELECT format('COMMENT ON COLUMN %s.%I IS %L', t.local_table, a.attname, d.comment)
		FROM target AS t JOIN connkit.discovered_column AS d USING (discovery, schema_name, table_name)
			JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.local_table AND a.attnum > 0 AND NOT a.attisdropped
				AND d.column_name = coalesce((SELECT o.option_value FROM pg_options_to_table(a.attfdwoptions) AS o
					WHERE o.option_name = 'column_name'), a.attname)
		WHERE d.comment <> ''
	LOOP
		EXECUTE command;
		commands := commands + 1;
	END LOOP;
	RETURN commands;
END $$;
COMMENT ON FUNCTION connkit_import_comments(name) IS
	'comments the foreign tables of a schema, and their columns, as their sources do, by the last discovery that saw them; '
	'returns the number of comments';
