-- Webhooks of the manifest github: messages that GitHub gives as examples (:folder/messages), brought as GitHub signs them; runs read
-- what was recorded of it, given again by the double at :server.

BEGIN;
SELECT plan(9);
SET client_min_messages = warning;
SELECT setting || '/extension/connkit/github.json' AS manifest FROM pg_config WHERE name = 'SHAREDIR' \gset
SELECT connkit_register_connector(jsonb_set(pg_read_file(:'manifest')::jsonb, '{tables,issue,paging,size}', '3'));
CREATE SERVER github FOREIGN DATA WRAPPER connkit_github OPTIONS (url :'server');
CREATE USER MAPPING FOR CURRENT_USER SERVER github OPTIONS (token 'token-1', webhook_secret 'hook secret');
SELECT connkit_create_sync('github', 'issue', 'issue', mode => 'incremental', write => 'merge', cursor_column => 'updated_at', name => 'issue',
	settings => '{"filter": "owner = ''octokit-fixture-org'' AND repo = ''paginate-issues''", "webhook": true, "deletes": "hard"}');
SELECT is((SELECT outcome || ' ' || rows_read FROM connkit_sync('issue')), 'succeeded 13', 'a run');
SELECT is((SELECT count(*) FROM issue), 13::bigint, 'issues');

CREATE TABLE message (number int, event text, body text, outcome text);
INSERT INTO message SELECT (m->>'number')::int, m->>'event', m->>'body' FROM jsonb_array_elements(pg_read_file(:'folder' || '/messages')::jsonb) AS m;
CREATE FUNCTION bring(event text, body text, delivery text) RETURNS text LANGUAGE sql AS $$
	SELECT outcome FROM connkit_receive('github', 'issue', body, jsonb_strip_nulls(jsonb_build_object('x-github-event', event, 'x-github-delivery', delivery,
		'x-hub-signature-256', 'sha256=' || encode(hmac(body, 'hook secret', 'sha256'), 'hex'))))
$$;
UPDATE message SET outcome = bring(event, body, 'd' || number);
SELECT is((SELECT string_agg(DISTINCT event || ' ' || outcome, ', ') FROM message), 'issue_comment ignored, issues ignored, issues stale, issues unchanged',
	'issues of other repositories are left out');
SELECT connkit_alter_sync('issue', '{"filter": null}');
UPDATE message SET outcome = bring(event, body, 'd' || number) WHERE event = 'issues';
SELECT is((SELECT string_agg(DISTINCT outcome, ', ') FROM message WHERE event = 'issues'), 'duplicate, ignored', 'and known');

-- each by itself, as the first that comes of its issue
CREATE FUNCTION first(event text, message text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m jsonb := message;
	outcome text;
	row issue;
BEGIN
	DELETE FROM connkit.webhook_key;
	DELETE FROM issue;
	outcome := bring(event, message, NULL);
	SELECT * INTO row FROM issue;
	IF NOT FOUND THEN
		RETURN outcome || ' none';
	END IF;
	RETURN concat_ws(' ', outcome, (row.owner, row.repo) = (m#>>'{repository,owner,login}', m#>>'{repository,name}'),
		(row.id::text, row.number::text, row.title, row.body, row.state, row.author, row.comments::text, row.html_url)
			IS NOT DISTINCT FROM (m#>>'{issue,id}', m#>>'{issue,number}', m#>>'{issue,title}', m#>>'{issue,body}', m#>>'{issue,state}',
			m#>>'{issue,user,login}', m#>>'{issue,comments}', m#>>'{issue,html_url}'),
		row.labels = m#>'{issue,labels}', (row.assignee, row.milestone, row.closed_at)
			IS NOT DISTINCT FROM (m#>>'{issue,assignee,login}', m#>>'{issue,milestone,title}', (m#>>'{issue,closed_at}')::timestamptz),
		row.updated_at = (m#>>'{issue,updated_at}')::timestamptz);
END $$;
UPDATE message SET outcome = first(event, body) WHERE event = 'issues';
SELECT is((SELECT string_agg(DISTINCT outcome, ', ') FROM message WHERE event = 'issues' AND body::jsonb->>'action' NOT IN ('deleted', 'transferred', 'pinned', 'unpinned')),
	'applied t t t t t', 'rows are what messages tell');
SELECT is((SELECT string_agg(DISTINCT outcome, ', ') FROM message WHERE event = 'issues' AND body::jsonb->>'action' IN ('deleted', 'transferred', 'pinned', 'unpinned')),
	'ignored none, unchanged none', 'or are not there');
SELECT cmp_ok((SELECT count(*) FROM message WHERE event = 'issues'), '>=', 29::bigint, 'all of them');

SELECT connkit_create_sync('github', 'comment', 'comment', mode => 'incremental', write => 'merge', cursor_column => 'updated_at', name => 'comment',
	settings => '{"filter": "owner = ''octokit-fixture-org'' AND repo = ''paginate-issues''", "webhook": true}');
SELECT is((SELECT outcome FROM connkit_receive('github', 'comment', m.body, jsonb_build_object('x-github-event', event,
	'x-hub-signature-256', 'sha256=' || encode(hmac(m.body, 'hook secret', 'sha256'), 'hex')))), 'ignored', 'before the first run')
	FROM message AS m WHERE event = 'issue_comment' LIMIT 1;
SELECT throws_ok(format('SELECT * FROM connkit_receive(''github'', ''issue'', %L, ''{"x-hub-signature-256": "sha256=%s"}'')', body, repeat('0', 64)),
	'28000', 'the message is not accepted', 'another signature') FROM message LIMIT 1;
SELECT * FROM finish();
ROLLBACK;
