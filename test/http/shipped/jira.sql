-- The manifest jira, against the project's own double of Jira Cloud at :server (jira_double.py), which notes what it is asked in :folder/jql.

BEGIN;
SELECT plan(42);
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT setting || '/extension/connkit/jira.json' AS manifest FROM pg_config WHERE name = 'SHAREDIR' \gset
SELECT is(connkit_register_connector(pg_read_file(:'manifest')::jsonb), 'connkit_jira', 'registered');
CREATE SERVER jira FOREIGN DATA WRAPPER connkit_jira OPTIONS (url :'server');
CREATE USER MAPPING FOR CURRENT_USER SERVER jira OPTIONS (email 'anna@example.org', api_token 'secret-1');
SELECT is((SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM connkit_discover('jira')),
	'attachment change comment issue link myself project status worklog', 'discovered');
IMPORT FOREIGN SCHEMA api FROM SERVER jira INTO public;
SELECT is((SELECT string_agg(stage || ' ' || outcome, ', ') FROM connkit_test('jira')),
	'options ok, resolve ok, connect ok, tls warning, authenticate skipped, query ok, privileges ok', 'connkit_test');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || min(key) || ' ' || max(updated) FROM issue),
	'250 250 OPS-10 2026-01-02 05:10:00.25+00', 'issues of three pages');
\set jql `tail -n 1 :folder/jql`
SELECT is(:'jql'::jsonb, '["(project is not EMPTY) ORDER BY created ASC, key ASC", "100"]', 'all of them');
SELECT is((SELECT concat_ws('|', key, project, type, status, status_category, summary, assignee, assignee_id, reporter, labels, due, created, updated, resolved,
	fields->'customfield_10010'->>'value', description #>> '{content,0,content,0,text}') FROM issue WHERE id = 20007),
	'SHOP-7|SHOP|Task|DONE|done|issue 7 – žluté|Bob|5b10:bob|Anna|["l1"]|2026-01-08|2026-01-01 00:07:00.25+00|2026-01-01 00:49:00.25+00|2026-01-01 00:49:00.25+00|7|text 7',
	'one of them');
\set jql `tail -n 1 :folder/jql`
SELECT is(:'jql'::jsonb->>0, '(project is not EMPTY) AND id in (20007) ORDER BY created ASC, key ASC', 'by its id');
SELECT is((SELECT count(*) FROM issue WHERE project = 'OPS' AND status IN ('To Do', 'Done')), 25::bigint, 'of a project, in some states');
\set jql `tail -n 1 :folder/jql`
SELECT is(:'jql'::jsonb->>0, '(project is not EMPTY) AND status in ("To Do", "Done") AND project in ("OPS") ORDER BY created ASC, key ASC', 'as asked for');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT status) FROM issue WHERE status = 'Done'), '63 1', 'what Jira takes for the same is told apart here');
SELECT is((SELECT count(*) FROM issue WHERE status_id = 10002), 62::bigint, 'by the state''s id');
SELECT is((SELECT string_agg(key, ' ' ORDER BY key) FROM issue WHERE key IN ('SHOP-1', 'SHOP-2', 'OPS-5')), 'OPS-5 SHOP-1 SHOP-2', 'by keys');
SELECT is((SELECT count(*) FROM issue WHERE assignee_id = '5b10:bob'), 83::bigint, 'by a person');
SELECT is((SELECT string_agg(key, ' ' ORDER BY i.id) FROM (VALUES (20003), (20004)) v(n) JOIN issue i ON i.id = n), 'SHOP-3 SHOP-4', 'of a join');
SELECT is((SELECT count(*) FROM issue WHERE due >= '2026-01-10' AND due <= '2026-01-20'), 6::bigint, 'by day');

-- the account's time zone is not known: what is asked for is more, and what comes is looked at
SELECT format($$CREATE SERVER %1$s FOREIGN DATA WRAPPER connkit_jira OPTIONS (url %2$L, jql %3$L); CREATE SCHEMA %1$s;
	CREATE USER MAPPING FOR CURRENT_USER SERVER %1$s OPTIONS (%4$s); IMPORT FOREIGN SCHEMA api LIMIT TO (issue) FROM SERVER %1$s INTO %1$s$$,
	name, :'server', jql, credential) FROM (VALUES ('of_bob', 'project is not EMPTY', $$email 'bob@example.org', api_token 'secret-1'$$),
	('of_token', 'project is not EMPTY', $$token 'bearer-1'$$), ('of_nobody', 'project is not EMPTY', $$token 'other'$$),
	('of_project', 'project = OPS', $$token 'bearer-1'$$), ('of_mistake', 'ORDER BY created', $$token 'bearer-1'$$)) AS v(name, jql, credential) \gexec
CREATE FUNCTION found(schema text, OUT result text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT count(*) || '' '' || min(key) || '' '' || max(id) FROM %I.issue WHERE updated > $1 AND updated <= $2', schema)
		INTO result USING timestamptz '2026-01-01 10:00:30.25Z', timestamptz '2026-01-01 12:08:00.25Z';
END $$;
SELECT is(found('public'), '19 OPS-100 20104', 'at 14 hours before UTC');
\set jql `tail -n 1 :folder/jql`
SELECT is(:'jql'::jsonb->>0, '(project is not EMPTY) AND updated >= "2025-12-31 19:00" AND updated <= "2026-01-02 03:09" ORDER BY created ASC, key ASC',
	'more is asked for');
SELECT is(found('of_bob'), '19 OPS-100 20104', 'and at 12 behind it');
SELECT is(found('of_token'), '19 OPS-100 20104', 'with a token of OAuth 2');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT key) FROM (SELECT key FROM issue LIMIT 7) s), '7 7', 'LIMIT');
\set jql `tail -n 1 :folder/jql`
SELECT is(:'jql'::jsonb->>1, '7', 'asks for no more');

-- what Jira does not know is its error, and no empty result
SELECT throws_like($$SELECT * FROM issue WHERE project = 'NOPE'$$, '%HTTP status 400%The value ''nope'' does not exist for the field ''project''%', 'a project');
SELECT throws_like($$SELECT * FROM issue WHERE key = 'SHOP-9999'$$, '%HTTP status 400%', 'a key');
SELECT throws_like($$SELECT * FROM comment WHERE issue_id = 1$$, '%HTTP status 404%Issue does not exist%', 'an issue''s comments');
SELECT throws_like($$SELECT * FROM issue WHERE status = E'Done") OR project in ("OPS'$$, '%HTTP status 400%does not exist for the field ''status''%', 'what looks like JQL is a text');

SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || count(DISTINCT issue_id) FROM comment), '375 375 188', 'comments of all issues');
SELECT is((SELECT string_agg(concat_ws('|', issue_id, id, author, body #>> '{content,0,content,0,text}', created), ' ' ORDER BY id) FROM comment
	WHERE issue_id = 20003), '20003|2000300|Anna|comment 0|2026-01-01 00:03:00.25+00 20003|2000301|Bob|comment 1|2026-01-01 00:04:00.25+00 '
	'20003|2000302|Anna|comment 2|2026-01-01 00:05:00.25+00', 'of one, by two pages');
SELECT is((SELECT count(*) || ' ' || sum(seconds) FROM worklog), '250 4980', 'work');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT id) FROM change), '1000 500', 'changes, of two fields each');
SELECT is((SELECT concat_ws('|', issue_id, id, author, created, field, from_id, from_text, to_id, to_text) FROM change WHERE issue_id = 20004
	AND id = 2000403 AND field = 'status'), '20004|2000403|Bob|2026-01-01 00:07:00.25+00|status|10000|To Do|3|In Progress', 'one of them, of the second page');
SELECT is((SELECT count(*) || ' ' || min(filename) || ' ' || sum(size) || ' ' || min(issue_key) FROM attachment), '125 file 1.txt 15625 OPS-105', 'files');
SELECT is((SELECT string_agg(concat_ws('|', issue_key, id, type, inward_key, outward_key), ' ' ORDER BY issue_key) FROM link
	WHERE issue_key IN ('SHOP-1', 'SHOP-2')), 'SHOP-1|100001|Blocks|SHOP-2 SHOP-2|100001|Blocks|SHOP-1', 'links');
SELECT is((SELECT i.key || ' ' || count(c.id) FROM issue i JOIN comment c ON c.issue_id = i.id WHERE i.key = 'SHOP-7' GROUP BY i.key), 'SHOP-7 3', 'a join');
SELECT is((SELECT string_agg(key, ' ' ORDER BY key) FROM project) || ' ' || (SELECT count(*) FROM status), 'OPS SHOP 4', 'projects and states');
SELECT is((SELECT count(*) FROM of_project.issue), 50::bigint, 'a source of one project''s issues');
SELECT throws_like('SELECT * FROM of_mistake.issue', '%HTTP status 400%', 'JQL that is none');
SELECT throws_like('SELECT * FROM of_nobody.issue', '%You are not authenticated%', 'a wrong token');

-- a sync by the manifest's cursor
SELECT connkit_create_sync('jira', 'api.issue', 'issue_copy', mode => 'incremental', write => 'merge', name => 'issues') AS sync \gset
SELECT is((SELECT cursor_column || ' ' || lookback FROM connkit.sync WHERE name = 'issues'), 'updated 1 hour', 'the manifest''s cursor');
SELECT is((SELECT outcome || ' ' || inserted FROM connkit_sync('issues')), 'succeeded 250', 'all issues');
SELECT is((SELECT outcome || ' ' || inserted || ' ' || updated || ' ' || rows_read FROM connkit_sync('issues')), 'succeeded 0 0 9', 'then those of the last hour');
\set jql `tail -n 1 :folder/jql`
SELECT is(:'jql'::jsonb->>0, '(project is not EMPTY) AND updated >= "2026-01-01 13:10" ORDER BY created ASC, key ASC', 'are asked for');
SELECT is((SELECT count(*) FROM (TABLE issue_copy EXCEPT SELECT * FROM issue_copy WHERE false) s), 250::bigint, 'each once');
SELECT * FROM finish();
ROLLBACK;
