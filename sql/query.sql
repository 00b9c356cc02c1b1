-- query.sql: SQL of the users' own at a source, who may send it, and what was slow there

CREATE TABLE connkit.source_grant (
	source name NOT NULL,
	privilege text NOT NULL CHECK (privilege IN ('query', 'execute', 'receive')),
	grantee name NOT NULL,
	grantee_mark text NOT NULL,
	granted_by name NOT NULL,
	granted timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (source, privilege, grantee)
);
COMMENT ON TABLE connkit.source_grant IS
	'roles that may send SQL of their own to a source, or bring its messages, beside its owner; by connkit_grant_source()';
COMMENT ON COLUMN connkit.source_grant.privilege IS
	'query: connkit_query() and foreign tables that are queries; execute: connkit_execute(); receive: connkit_receive()';
COMMENT ON COLUMN connkit.source_grant.grantee_mark IS 'tells the role from a later one of the same name';

SELECT pg_extension_config_dump('connkit.source_grant', '');
ALTER TABLE connkit.source_grant ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON connkit.source_grant FOR SELECT USING (connkit.role_is_mine(grantee, grantee_mark)
	OR source IN (SELECT s.name FROM connkit.source AS s WHERE pg_has_role(s.owner, 'USAGE')));
GRANT SELECT ON connkit.source_grant TO PUBLIC;

CREATE FUNCTION connkit_grant_source(source name, privilege text, grantee name) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_grant_source' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_grant_source(name, text, name) IS
	'lets a role, which needs USAGE on the server too, send SQL of its own to a source: query (rows) or execute (changes); or, '
	'without USAGE, bring messages to its webhooks: receive';

CREATE FUNCTION connkit_revoke_source(source name, privilege text, grantee name) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_revoke_source' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_revoke_source(name, text, name) IS 'takes back what connkit_grant_source() gave';

CREATE FUNCTION connkit_query(source name, query text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'connkit_query' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_query(name, text) IS
	'rows of a SELECT that the source runs; their columns are listed: connkit_query(…) AS t(id int, name text)';

CREATE FUNCTION connkit_query(source name, query text, VARIADIC args "any") RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'connkit_query' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_query(name, text, "any") IS
	'the same with values for the query''s placeholders, which are written as the source writes them: $1, or ?';

CREATE FUNCTION connkit_describe_query(source name, query text,
		OUT "position" integer, OUT name text, OUT source_type text, OUT local_type text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'connkit_describe_query' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_describe_query(name, text) IS 'columns of a query, which the source prepares and does not run';

CREATE FUNCTION connkit.logged_requests(OUT started timestamptz, OUT source name, OUT role name, OUT pid integer,
		OUT request text, OUT milliseconds double precision, OUT "rows" bigint, OUT bytes bigint, OUT sqlstate text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'connkit_logged_requests' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit.logged_requests() IS 'requests in the ring of connkit.remote_query_log that the current role may see';
CREATE VIEW connkit.remote_query_log WITH (security_barrier) AS SELECT * FROM connkit.logged_requests();
COMMENT ON VIEW connkit.remote_query_log IS
	'the last requests that took a source longer than connkit.log_remote_min_duration: own ones, and all of own sources';
COMMENT ON COLUMN connkit.remote_query_log.role IS 'who asked';
COMMENT ON COLUMN connkit.remote_query_log.request IS
	'as EXPLAIN (VERBOSE) shows it, without values sent beside it; of connkit_execute() without literals; long ones are cut';
COMMENT ON COLUMN connkit.remote_query_log.milliseconds IS 'that the source was waited for';
COMMENT ON COLUMN connkit.remote_query_log."rows" IS 'received';
COMMENT ON COLUMN connkit.remote_query_log.sqlstate IS 'how it failed; NULL: it did not';
GRANT SELECT ON connkit.remote_query_log TO PUBLIC;

CREATE FUNCTION connkit_execute(source name, statement text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'connkit_execute' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_execute(name, text) IS
	'runs a statement at a source, within its part of the transaction, and returns the rows affected; NULL: it does not say';

CREATE FUNCTION connkit_execute(source name, statement text, VARIADIC args "any") RETURNS bigint
	AS 'MODULE_PATHNAME', 'connkit_execute' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_execute(name, text, "any") IS 'the same with values for the statement''s placeholders';
