-- document.sql: the dialects' rules as the tables of docs/pushdown.md.

CREATE FUNCTION pg_temp.code(text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN $1 LIKE '%`%' THEN '`` ' || replace($1, '|', '\|') || ' ``' ELSE '`' || replace($1, '|', '\|') || '`' END
$$;
SELECT line FROM (
	SELECT DISTINCT connector, 0 AS number, format(E'\n## %s\n\n| what | arguments | written there | answer | collation here | why |\n'
		'|---|---|---|---|---|---|', (SELECT title FROM connkit.connector WHERE name = connector LIMIT 1)) AS line
		FROM connkit.pushdown_rule
	UNION ALL
	SELECT connector, number, format('| %s | %s | %s | %s | %s | %s |',
		(SELECT string_agg(pg_temp.code(w), ' ') FROM unnest(string_to_array(what, ' ')) AS w), pg_temp.code(replace(args, ', ', ',')),
		coalesce(pg_temp.code(regexp_replace(remote, '\s+', ' ', 'g')), 'the same'), fidelity, coalesce(locale, ''),
		concat_ws('; ', CASE WHEN overrides THEN 'with a server''s default options' END, replace(reason, '|', '\|')))
	FROM connkit.pushdown_rule) AS l
ORDER BY connector COLLATE "C", number;
