-- The manifest github, against replies that were recorded from GitHub, given again by the double at :server.

BEGIN;
SELECT plan(18);
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT setting || '/extension/connkit/github.json' AS manifest FROM pg_config WHERE name = 'SHAREDIR' \gset
-- pages of three, as they were recorded
SELECT is(connkit_register_connector(jsonb_set(pg_read_file(:'manifest')::jsonb, '{tables,issue,paging,size}', '3')), 'connkit_github',
	'registered');
CREATE SERVER github FOREIGN DATA WRAPPER connkit_github OPTIONS (url :'server');
IMPORT FOREIGN SCHEMA api FROM SERVER github INTO public;
SELECT is((SELECT count(*) FROM label WHERE owner = 'octokit-fixture-org' AND repo = 'labels'), 9::bigint, 'without a token');
\set log `curl -s --noproxy '*' :server/control/log`
SELECT ok(NOT :'log'::jsonb->-1->'headers' ? 'authorization', 'none is sent');
CREATE USER MAPPING FOR CURRENT_USER SERVER github OPTIONS (token 'token-1');

SELECT is((SELECT count(*) || ' ' || count(DISTINCT number) || ' ' || min(created_at) || ' ' || min(author) || ' ' || min(title)
	FROM issue WHERE owner = 'octokit-fixture-org' AND repo = 'paginate-issues'),
	'13 13 2017-10-10 16:00:00+00 octokit-fixture-user-a Test issue 1', 'issues of five pages');
SELECT is((SELECT min(repo) FROM issue WHERE owner = 'octokit-fixture-org' AND repo = 'paginate-issues'), 'paginate-issues',
	'the repository that was asked for');
\set before `curl -s --noproxy '*' :server/control/log.txt | wc -l`
SELECT is((SELECT count(*) FROM (SELECT 1 FROM issue WHERE owner = 'octokit-fixture-org' AND repo = 'paginate-issues' LIMIT 4) AS s),
	4::bigint, 'LIMIT');
\set after `curl -s --noproxy '*' :server/control/log.txt | wc -l`
SELECT is(:after - :before, 2, 'asks for two pages');
SELECT is((SELECT repo || ' ' || default_branch || ' ' || private FROM repository
	WHERE owner = 'octokit-fixture-org' AND repo = 'hello-world'), 'hello-world master false', 'a repository');
SELECT is((SELECT count(*) || ' ' || count(color) || ' ' || bool_or(name = 'bug') FROM label
	WHERE owner = 'octokit-fixture-org' AND repo = 'labels'), '9 9 true', 'labels');
SELECT throws_like($$SELECT * FROM issue WHERE owner = 'octokit-fixture-org'$$, '%can only be asked for given values of "repo"%',
	'an owner is not enough');
SELECT throws_like($$SELECT * FROM issue WHERE owner = 'o' AND repo = 'r' AND state = 'open' AND author = 'a'
	AND updated_at > '2026-01-01 00:00Z'$$, '%HTTP status 40%', 'what was not recorded is an error');
\set line `curl -s --noproxy '*' :server/control/log.txt | tail -n 1`
SELECT ok(:'line' LIKE ALL (ARRAY['%/repos/o/r/issues?%', '%&state=open&%', '%&creator=a&%', '%&since=2026-01-01T00\%3A00\%3A00Z&%',
	'%&per_page=3']) AND :'line' NOT LIKE '%state=all%', 'conditions as GitHub has them');
SELECT throws_like($$SELECT * FROM issue WHERE owner = '..' AND repo = 'none'$$, '%cannot stand in a path%', 'no other path');

-- Errors as GitHub tells of them: a reply for the labels, or commits, of a repository; the last one is given again
CREATE SERVER double FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'server');
CREATE FUNCTION reply(path text, status int, response jsonb, headers jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE FOREIGN TABLE recording (x text) SERVER double OPTIONS (path ''/control/recording'', body %L)',
		jsonb_build_object('method', 'GET', 'path', '/repos/o/' || path, 'status', status, 'response', response, 'headers', headers));
	PERFORM * FROM recording;
	DROP FOREIGN TABLE recording;
END $$;
CREATE FUNCTION labels(repo text, seconds numeric) RETURNS text LANGUAGE sql AS $$
	SELECT count(*) || CASE WHEN clock_timestamp() - now() >= make_interval(secs => seconds) THEN ' later' ELSE ' soon' END
	FROM label AS l WHERE l.owner = 'o' AND l.repo = labels.repo
$$;
SELECT reply('first/labels?per_page=100', 403, '{"message": "API rate limit exceeded for user ID 1."}', jsonb_build_object(
	'X-RateLimit-Remaining', '0', 'X-RateLimit-Reset', ceil(extract(epoch FROM now()) + 2)::text));
SELECT reply('first/labels?per_page=100', 200, '[{"id": 1, "name": "bug"}]');
SELECT is(labels('first', 2), '1 later', 'the limit is waited for');
SELECT reply('second/labels?per_page=100', 403, '{"message": "You have exceeded a secondary rate limit."}',
	'{"X-RateLimit-Remaining": "4000"}');
SELECT reply('second/labels?per_page=100', 200, '[{"id": 1, "name": "bug"}]');
SELECT is(labels('second', 0), '1 later', 'the second one too');
SELECT reply('third/labels?per_page=100', 403, '{"message": "Resource not accessible by personal access token"}',
	'{"X-RateLimit-Remaining": "4000"}');
SELECT throws_like($$SELECT labels('third', 0)$$, '%HTTP status 403: Resource not accessible by personal access token', 'what is no limit');
SELECT reply('empty/commits?per_page=100', 409, '{"message": "Git Repository is empty."}');
SELECT is((SELECT count(*) FROM commit WHERE owner = 'o' AND repo = 'empty'), 0::bigint, 'a repository without commits');
SELECT reply('merging/commits?per_page=100', 409, '{"message": "Conflict"}');
SELECT throws_like($$SELECT * FROM commit WHERE owner = 'o' AND repo = 'merging'$$, '%HTTP status 409: Conflict', 'another conflict');
SELECT * FROM finish();
ROLLBACK;
