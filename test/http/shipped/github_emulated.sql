-- The manifest github, against an emulator of GitHub at :server, with the repository admin/shop: 5 issues and 2 pull requests.

BEGIN;
SELECT plan(21);
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT setting || '/extension/connkit/github.json' AS manifest FROM pg_config WHERE name = 'SHAREDIR' \gset
SELECT is(connkit_register_connector(jsonb_set(pg_read_file(:'manifest')::jsonb, '{tables,issue,paging,size}', '2')), 'connkit_github',
	'registered');
CREATE SERVER github FOREIGN DATA WRAPPER connkit_github OPTIONS (url :'server');
CREATE USER MAPPING FOR CURRENT_USER SERVER github OPTIONS (token 'test_token_admin');
SELECT is((SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM connkit_discover('github')),
	'comment commit issue label my_repository owner_repository pull rate_limit repository', 'discovered');
IMPORT FOREIGN SCHEMA api FROM SERVER github INTO public;
SELECT is((SELECT string_agg(stage || ' ' || outcome, ', ') FROM connkit_test('github')),
	'options ok, resolve ok, connect ok, tls warning, authenticate skipped, query ok, privileges ok', 'connkit_test');

SELECT is((SELECT string_agg(owner || '/' || repo, ' ') FROM my_repository), 'admin/shop', 'repositories of one''s own');
SELECT is((SELECT string_agg(owner || '/' || repo, ' ') FROM owner_repository WHERE owner = 'admin'), 'admin/shop', 'of an owner');
SELECT is((SELECT array_agg(title ORDER BY number) FROM issue WHERE owner = 'admin' AND repo = 'shop' AND pull_request IS NULL),
	'{issue 1,issue 2,issue 3,issue 4,issue 5}', 'issues, open and closed');
SELECT is((SELECT array_agg(title) FROM issue WHERE owner = 'admin' AND repo = 'shop' AND state = 'closed'), '{issue 5}', 'closed ones');
SELECT is((SELECT count(*) FROM issue WHERE owner = 'admin' AND repo = 'shop' AND state = 'all'), 0::bigint, 'a state that is none');
SELECT is((SELECT count(*) FROM my_repository AS r JOIN issue AS i ON i.repo = r.repo WHERE i.owner = 'admin' AND i.state = 'open'
	AND i.pull_request IS NULL), 4::bigint, 'a join with repositories');
SELECT is((SELECT string_agg(title || ' ' || base || ' ' || author, ', ' ORDER BY number) FROM pull
	WHERE owner = 'admin' AND repo = 'shop' AND base = 'main'), 'pull 1 main admin, pull 2 main admin', 'pull requests');
SELECT is((SELECT count(*) || ' ' || bool_and(length(sha) = 40 AND committed_at > now() - interval '1 hour') FROM commit
	WHERE owner = 'admin' AND repo = 'shop' AND branch = 'main' AND committed_at > '2020-01-01'), '1 true', 'commits');
SELECT ok((SELECT "limit" > 0 AND reset > now() FROM rate_limit), 'the rate limit');

-- changes
SET connkit.allow_best_effort_writes = on;
WITH made AS (INSERT INTO issue (owner, repo, title, body) VALUES ('admin', 'shop', 'made', E'"a"\nb') RETURNING *)
SELECT is((SELECT concat_ws(' ', owner, repo, title, body, state, author, number > 7) FROM made), E'admin shop made "a"\nb open admin t',
	'INSERT of an issue');
WITH changed AS (UPDATE issue SET state = 'closed', title = upper(title) WHERE owner = 'admin' AND repo = 'shop' AND title = 'made' RETURNING *)
SELECT is((SELECT concat_ws(' ', title, state, closed_at > now() - interval '1 hour') FROM changed), 'MADE closed t', 'UPDATE');
INSERT INTO label (owner, repo, name, color) VALUES ('admin', 'shop', 'to do', 'ff0000');
UPDATE label SET name = 'done', description = 'it is' WHERE owner = 'admin' AND repo = 'shop' AND name = 'to do';
SELECT is((SELECT concat_ws(' ', name, color, description) FROM label WHERE owner = 'admin' AND repo = 'shop' AND name IN ('to do', 'done')),
	'done ff0000 it is', 'labels');
DELETE FROM label WHERE owner = 'admin' AND repo = 'shop' AND name = 'done';
SELECT is((SELECT count(*) FROM label WHERE owner = 'admin' AND repo = 'shop' AND name = 'done'), 0::bigint, 'DELETE');
SELECT throws_ok($$DELETE FROM issue WHERE owner = 'admin' AND repo = 'shop'$$, '0A000', NULL, 'issues are not deleted');

SELECT is((SELECT array_agg(number = (SELECT max(number) FROM issue WHERE owner = 'admin' AND repo = 'shop')) FROM (SELECT number FROM issue
	WHERE owner = 'admin' AND repo = 'shop' ORDER BY created_at DESC LIMIT 1) AS s), '{true}', 'ORDER BY and LIMIT');
CREATE TABLE copy (id bigint PRIMARY KEY, number int, title text, state text, updated_at timestamptz);
SELECT is(connkit_create_sync('github', 'api.issue', 'copy', mode => 'incremental', write => 'merge',
	name => 'copy', settings => '{"filter": "owner = ''admin'' AND repo = ''shop''"}'), 'copy', 'a sync');
SELECT is((SELECT outcome FROM connkit_sync('copy')), 'succeeded', 'runs');
SELECT is((SELECT count(DISTINCT title) FROM copy WHERE title LIKE 'issue %'), 5::bigint, 'has the issues');
SELECT * FROM finish();
ROLLBACK;
