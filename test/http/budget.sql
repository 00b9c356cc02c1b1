-- Limits on requests: what a source tells of them, and those of the options, of the double test/http/api.py at :api. A source for
-- each case, since what one tells holds for all its tables.

BEGIN;
SELECT plan(31);
SET client_min_messages = warning;
SET timezone = 'UTC';
\set done `curl -s --noproxy '*' -X DELETE :api/control`
SELECT set_config('test.api', :'api', false);

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (number int, at float8, path text, target text, status int) SERVER api OPTIONS (path '/control/log');
CREATE FUNCTION source(name text, options text DEFAULT '') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url %L %s)', name, current_setting('test.api'), options);
END $$;

-- What comes of a request to a path of a source, its rows or what is told, where it takes so many seconds, and else these too.
CREATE FUNCTION ask(server text, path text, begin_s numeric DEFAULT 0, end_s numeric DEFAULT 0.5, options text DEFAULT '') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
	found text;
	seconds numeric;
BEGIN
	EXECUTE format('CREATE FOREIGN TABLE asked (id bigint) SERVER %I OPTIONS (path %L %s)', server, path, options);
	BEGIN
		SELECT count(*) INTO found FROM asked;
	EXCEPTION WHEN query_canceled OR OTHERS THEN
		found := sqlstate || ' ' || regexp_replace(regexp_replace(sqlerrm, '^.*(HTTP status |source "[a-z]*": )', ''),
			'[0-9-]{10} [0-9:.]{8,}( UTC|\+00)', 'WHEN');
	END;
	DROP FOREIGN TABLE asked;
	seconds := round(extract(epoch FROM clock_timestamp() - began)::numeric, 2);
	RETURN found || CASE WHEN seconds BETWEEN begin_s AND end_s THEN '' ELSE ' in ' || seconds || ' s' END;
END $$;

-- The path of a reply with a status, once unless settings say otherwise.
CREATE FUNCTION faulty(status text, settings text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT '/items?n=3&_fault=status&_status=' || status || settings || CASE WHEN settings LIKE '%_times%' THEN '' ELSE '&_times=1' END ||
		'&_key=' || md5(status || settings)
$$;

-- Has the double reply so to GET of a path.
CREATE FUNCTION reply(path text, status int, headers jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE FOREIGN TABLE recording (x text) SERVER api OPTIONS (path ''/control/recording'', body %L)',
		jsonb_build_object('method', 'GET', 'path', path, 'status', status, 'response', '[{"id": 1}]', 'headers', headers));
	PERFORM * FROM recording;
	DROP FOREIGN TABLE recording;
END $$;

-- Refusals
SELECT source('after');
SELECT is(ask('after', faulty('429', '&_retry_after=1'), 0.9, 1.5), '3', 'Retry-After in seconds');
SELECT is(ask('after', faulty('503', '&_retry_after=0')), '3', 'of none');
SELECT is(ask('after', faulty('429', '&_retry_after=date:1'), 0, 1.5), '3', 'as a date');
SELECT is(ask('after', faulty('429', '&_retry_after=date:-5')), '3', 'that has passed');
SELECT is(ask('after', faulty('503', '&_retry_after=never'), 0, 1), '3', 'as nonsense');
SELECT is(ask('after', faulty('429'), 0, 1), '3', 'none: some time');
SELECT is(ask('after', faulty('403', '&_retry_after=0')), '3', 'a status 403 with it is a limit');
SELECT is(ask('after', faulty('403', '&_remaining=0'), 0, 1), '3', 'as one with no requests left');
SELECT is(ask('after', faulty('403', '&_remaining=7')), '42501 403: said by the double', 'and others are none');
SELECT is(ask('after', faulty('403', '&_remaining=7'), 0, 1, $$, errors '[{"status": 403, "path": "error.message", "contains": "SAID by", "do":
	"rate_limited"}]'$$), '3', 'unless the table says so');
SELECT is(ask('after', faulty('429', '&_remaining=0&_reset=1'), 0.9, 2), '3', 'the time of a reset');
SELECT is(ask('after', faulty('429', '&_remaining=5&_reset=3000'), 0, 1), '3', 'which is not waited for where requests are left');
SELECT is(ask('after', faulty('429', '&_times=9&_retry_after=0'), 0, 1, $$, max_attempts '3'$$), '53300 429: said by the double', 'max_attempts');
SELECT is((SELECT count(*) FROM control_log WHERE target LIKE '%times=9%'), 3::bigint, 'are requests');

-- What is left, of good replies
SELECT source('left');
SELECT is(ask('left', '/items?n=3&_fault=limit&_limit=1&_window=1&_key=left'), '3', 'the last request that was left');
SELECT is(ask('left', '/items?n=3&_fault=limit&_limit=1&_window=1&_key=left', 0.9, 2.1), '3', 'the next one waits');
SELECT is((SELECT count(*) FROM control_log WHERE target LIKE '%key=left' AND status <> 200), 0::bigint, 'and is not refused');
SELECT reply('/ietf', 200, '{"RateLimit-Remaining": "0", "RateLimit-Reset": "1"}');
SELECT source('ietf');
SELECT is(ask('ietf', '/ietf') || ask('ietf', '/items?n=3', 0.9, 1.5), '13', 'other headers');
-- Seconds until the time that is told of a limit whose reset stands so in a header, in that form.
CREATE FUNCTION until(form text, again text) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	PERFORM source('own_' || form, format(', max_wait ''0'', rate_limit %L', jsonb_build_object('remaining', 'X-Left', 'reset', 'X-Again', 'reset_in', form))),
		reply('/own/' || form, 429, jsonb_build_object('X-Left', '0', 'X-Again', again));
	EXECUTE format('CREATE FOREIGN TABLE %I (id bigint) SERVER %I OPTIONS (path %L)', 'own_' || form, 'own_' || form, '/own/' || form);
	EXECUTE format('SELECT count(*) FROM %I', 'own_' || form);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN round(extract(epoch FROM substring(sqlerrm FROM 'before (.*) UTC')::timestamp - clock_timestamp()::timestamp)::numeric);
END $$;
SELECT is((SELECT string_agg(form, ' ' ORDER BY form) FROM (VALUES ('seconds', '100.5'), ('any', '100'),
		('unix', (extract(epoch FROM clock_timestamp()) + 100)::text), ('unix_ms', (extract(epoch FROM clock_timestamp())::bigint * 1000 + 100000)::text),
		('iso', to_char(clock_timestamp() + interval '3700 s', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+01:00"'))) AS v(form, again)
	WHERE until(form, again) BETWEEN 97 AND 102), 'any iso seconds unix unix_ms', 'headers that the table names, and forms of the time');

-- Waits that are too long
SELECT source('long', $$, max_wait '5'$$);
SELECT is(ask('long', faulty('429', '&_retry_after=90')), '53300 429 and wants no request before WHEN', 'a longer wait is an error');
SELECT is(ask('long', '/items?n=3'), '53300 the source wants no request before WHEN', 'and so are other requests');
SELECT is((SELECT count(*) FROM control_log WHERE target LIKE '%retry_after=90%' OR target LIKE '/items?n=3'), 2::bigint, 'which are not sent');
SELECT source('cancel');
SET statement_timeout = 500;
SELECT is(ask('cancel', faulty('429', '&_retry_after=9'), 0, 1), '57014 canceling statement due to statement timeout', 'a wait can be cancelled');
RESET statement_timeout;

-- A budget
SELECT source('budget', $$, max_requests '5', max_requests_seconds '1'$$);
SELECT is(ask('budget', '/paged/page?n=80&budget=1', 1, 3, $$, paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 10}'$$), '80',
	'more requests than an interval may have');
SELECT is((SELECT max(n) FROM (SELECT count(*) OVER (ORDER BY at RANGE BETWEEN CURRENT ROW AND 0.97 FOLLOWING) AS n FROM control_log
	WHERE target LIKE '%budget=1%') AS w), 5::bigint, 'are spread over several');
SELECT source('spent', $$, max_requests '1', max_requests_seconds '60', max_wait '2'$$);
SELECT is(ask('spent', '/items?n=3'), '3', 'the only request of a minute');
SELECT is(ask('spent', '/items?n=3'), '53300 max_requests allows no further request before WHEN', 'a second one');
SELECT is(ask('after', '/items?n=3'), '3', 'another source');
ALTER SERVER spent OPTIONS (SET max_requests '2');

-- A manifest's
SELECT connkit_register_connector($m${"manifest": 1, "name": "scarce", "version": "1", "options": {"url": {}}, "base_url": "{url}",
	"rate_limit": {"requests": 2, "seconds": 60},
	"tables": {"item": {"path": "/items?n=3", "columns": {"id": "bigint"}}}}$m$);
CREATE SERVER scarce FOREIGN DATA WRAPPER connkit_scarce OPTIONS (url :'api', max_wait '1');
CREATE FOREIGN TABLE scarce (id bigint) SERVER scarce OPTIONS (table_name 'item');
SELECT is((SELECT count(*) FROM scarce) + (SELECT count(*) FROM scarce), 6::bigint, 'the manifest''s budget');
SELECT throws_like('SELECT * FROM scarce', '%allows no further request%', 'is kept');
CREATE FUNCTION refused(member text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM connkit_register_connector(format('{"manifest": 1, "name": "scarcer", "version": "1", "base_url": "https://example.org", "rate_limit": %s,
		"tables": {"item": {"columns": {"id": "bigint"}}}}', member)::jsonb);
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN RETURN regexp_replace(sqlerrm, '^.*rate_limit', '');
END $$;
SELECT is(refused('{"requests": 0}') || refused('{"requests": 5, "seconds": 100000}') || refused('{"reset_in": "days"}') || refused('{"left": 1}'),
	'.requests: a number of 1 or more is expected.seconds: it is more than 86400.reset_in: it is none of any|unix|seconds|unix_ms|iso'
	'.left: there is no such setting; there are remaining reset reset_in requests seconds', 'what is no limit');

SELECT * FROM finish();
ROLLBACK;
