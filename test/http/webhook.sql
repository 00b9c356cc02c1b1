-- Messages to webhooks: who may bring them, how they prove who sent them, and what they do to the tables of syncs; runs read the double
-- test/http/api.py at :api.

BEGIN;
SELECT plan(117);
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT set_config('test.api', :'api', false);

-- What a statement gives, or its error.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE statement INTO found;
	RETURN found;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;

-- What is wrong with a webhook.
CREATE FUNCTION wrong(webhook jsonb, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT try(format('SELECT connkit_register_connector(%L)', '{"manifest": 1, "name": "wrong", "version": "1", "title": "Wrong",
		"options": {"s": {"on": "user", "secret": true}, "o": {"on": "user"}}, "base_url": "http://localhost"}'::jsonb ||
		jsonb_build_object('tables', jsonb_build_object('t', '{"columns": {"a": "text"}, "key": ["a"]}'::jsonb ||
		jsonb_build_object('webhook', '{"signature": {"type": "hmac_sha256", "header": "S", "secret": "{s}"}}'::jsonb || webhook) || more))))
$$;
SELECT is(wrong('{}'), 'connkit_wrong', 'a webhook');
SELECT matches(wrong('{"signature": {"header": "S", "secret": "{s}"}}'), 'tables.t.webhook.signature.type: how messages are signed is missing', 'no type');
SELECT matches(wrong('{"signature": {"type": "md5"}}'), 'signature.type: it is none of', 'another type');
SELECT matches(wrong('{"signature": {"type": "token", "secret": "{s}"}}'), 'signature.header: the name of the header', 'no header');
SELECT matches(wrong('{"signature": {"type": "stripe"}}'), 'signature.secret: the option that has the secret is expected', 'no secret');
SELECT matches(wrong('{"signature": {"type": "stripe", "secret": "plain"}}'), 'signature.secret: the option that', 'a secret in the manifest');
SELECT matches(wrong('{"signature": {"type": "stripe", "secret": "{o}"}}'), 'signature.secret: "o" is no secret option', 'an option that anybody sees');
SELECT matches(wrong('{"columns": {"b": "x"}}'), 'webhook.columns: the table has no column "b"', 'no such column');
SELECT matches(wrong('{"optional": ["b"]}'), 'webhook.optional: a list of the table', 'no such column is optional');
SELECT matches(wrong('{"event": "{type}"}'), 'webhook.events: event, the kind of a message, and events', 'kinds without a meaning');
SELECT matches(wrong('{"event": "{type}", "events": {"a*b": "upsert"}}'), 'a star stands only at the end', 'a star within');
SELECT matches(wrong('{"event": "{type}", "events": {"a": "insert"}}'), 'webhook.events.a: it is none of upsert|delete|ignore', 'another meaning');
SELECT matches(wrong('{"record": "a"}'), 'webhook.record: there is no such setting', 'another setting');
SELECT matches(wrong('{}', '{"unnest": "a"}'), 'webhook: a table of CSV, or with unnest', 'unnest');

SELECT connkit_register_connector(jsonb_build_object('manifest', 1, 'name', 'hooked', 'version', '1', 'title', 'Hooked',
	'options', '{"url": {"on": "server", "required": true}, "hook": {"on": "user", "secret": true}, "other": {"on": "user", "secret": true}}'::jsonb,
	'base_url', '{url}',
	'tables', (SELECT jsonb_object_agg(name, '{
			"path": "/paged/offset", "records": "items",
			"columns": {
				"id": {"type": "bigint", "not_null": true}, "name": "text", "state": "text", "login": {"type": "text", "path": "user.login"},
				"amount": "numeric(10,2)", "updated_at": "timestamptz"
			},
			"key": ["id"], "paging": {"type": "offset", "param": "offset", "size_param": "limit", "size": 500},
			"filters": {"updated_at": {">= >": "since"}, "state": {"=": {"param": "state", "exact": true}}}
		}'::jsonb || jsonb_build_object('webhook', '{
			"records": "item", "event": "{header:X-Event}.{action}", "columns": {"login": "sender.login"}, "optional": ["amount"],
			"events": {"item.deleted": "delete", "item.*": "upsert", "item.star*": "ignore"},
			"id": "{header:X-Delivery}", "at": "{at}", "at_format": "unix"
		}'::jsonb || jsonb_build_object('signature', signature::jsonb))) FROM (VALUES
		('item', '{"type": "hmac_sha256", "header": "X-Hub-Signature-256", "prefix": "sha256=", "secret": "{hook}"}'),
		('sha1', '{"type": "hmac_sha1", "header": "X-Hub-Signature", "prefix": "sha1=", "secret": "{hook}"}'),
		('sha512', '{"type": "hmac_sha512", "header": "X-Signature", "encoding": "base64", "secret": "{hook}"}'),
		('stripe', '{"type": "stripe", "secret": "{hook}"}'),
		('token', '{"type": "token", "header": "X-Gitlab-Token", "secret": "{hook}"}'),
		('unset', '{"type": "hmac_sha256", "header": "X-Hub-Signature-256", "prefix": "sha256=", "secret": "{other}"}'),
		('hushed', '{"type": "token", "header": "X", "secret": "{hook}"}')) AS t(name, signature))));
CREATE ROLE keeper;
CREATE ROLE bringer;
CREATE ROLE stranger;
GRANT CREATE ON SCHEMA public TO keeper;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_hooked TO keeper;
SET ROLE keeper;
CREATE SERVER src FOREIGN DATA WRAPPER connkit_hooked OPTIONS (url :'api');
CREATE USER MAPPING FOR keeper SERVER src OPTIONS (hook 'It''s a Secret to Everybody');

-- A sync of a table, of which the first 20 records were read.
CREATE FUNCTION make(sync text, table_name text, settings text, mode text DEFAULT 'incremental', read text DEFAULT 'id <= 20') RETURNS text
LANGUAGE sql AS $$
	SELECT connkit_create_sync('src', table_name, sync, mode => mode, write => CASE mode WHEN 'incremental' THEN 'merge' END,
		name => sync, cursor_column => CASE mode WHEN 'incremental' THEN 'updated_at' WHEN 'history' THEN 'updated_at' END,
		settings => jsonb_build_object('filter', read) || settings::jsonb);
	SELECT outcome FROM connkit_sync(sync);
$$;
SELECT is(make('item', 'item', '{"deletes": "hard", "webhook": true}', read => 'id <= 20 AND state <> ''waiting'' OR id > 1000'), 'succeeded', 'a sync that takes messages');
SELECT make(t, t, '{"deletes": "hard", "webhook": true}') FROM unnest('{sha1,sha512,stripe,token,unset}'::text[]) AS t;
SELECT make('hushed', 'hushed', '{}');
SELECT matches(try($$SELECT connkit_create_sync('src', 'item', 'x', write => 'append', settings => '{"webhook": true}')$$),
	'messages to a webhook are merged by key', 'what is appended takes none');
CREATE FUNCTION body(id bigint, name text, at text, state text DEFAULT 'open', action text DEFAULT 'edited', sent bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_build_object('action', action, 'at', sent, 'sender', '{"login": "anna"}'::jsonb, 'id', -1,
		'item', jsonb_build_object('id', id, 'name', name, 'state', state, 'updated_at', at, 'login', 'wrong'))::text
$$;
RESET ROLE;

-- Brings a body with headers, as the role of now.
CREATE FUNCTION bring(source text, table_name text, body text, headers jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT try(format('SELECT string_agg(sync || '' '' || outcome, '', '') FROM connkit_receive(%L, %L, %L, %L::jsonb)', source, table_name, body, headers))
$$;
CREATE FUNCTION signature(body text) RETURNS text LANGUAGE sql AS $$ SELECT 'sha256=' || encode(hmac(body, 'It''s a Secret to Everybody', 'sha256'), 'hex') $$;
-- The same, well signed.
CREATE FUNCTION send(body text, delivery text DEFAULT NULL, sync text DEFAULT 'item', event text DEFAULT 'item') RETURNS text LANGUAGE sql AS $$
	SELECT bring('src', sync, body, jsonb_strip_nulls(jsonb_build_object('X-Hub-Signature-256', signature(body), 'x-event', event, 'x-delivery', delivery)))
$$;
CREATE FUNCTION stripe(body text, at bigint, form text) RETURNS text LANGUAGE sql AS $$
	SELECT bring('src', 'stripe', body, jsonb_build_object('x-event', 'item', 'Stripe-Signature',
		format(form, at, encode(hmac(at || '.' || body, 'It''s a Secret to Everybody', 'sha256'), 'hex'))))
$$;
\set refused '\'28000 the message is not accepted\''

-- who may
SET ROLE bringer;
SELECT is(send(body(1, 'x', '2027-01-01')), :refused, 'nobody may without a right');
SET ROLE keeper;
SELECT connkit_grant_source('src', 'receive', 'bringer');
SELECT throws_like($$SELECT connkit_grant_source('src', 'deliver', 'bringer')$$, 'unknown privilege%', 'another right');
SET ROLE bringer;
SELECT is(send(body(1, 'by bringer', '2027-01-01'), 'a'), 'item applied', 'who has it, and no other, may');
SELECT is(try('SELECT count(*) FROM item'), '42501 permission denied for table item', 'and does not see the table');
SELECT is(try('SELECT count(*) FROM connkit.webhook_delivery'), '0', 'nor the messages');
SELECT is(try('SELECT count(*) FROM connkit.webhook_key'), '0', 'nor their keys');
SET ROLE stranger;
SELECT is(send(body(1, 'x', '2027-01-02')), :refused, 'a stranger may not');
SET ROLE keeper;
SELECT is((SELECT name || ' ' || login FROM item WHERE id = 1), 'by bringer anna', 'the row is there, its columns from where the webhook says');
SELECT is(send(body(1, 'by owner', '2027-01-02')), 'item applied', 'the owner may');
SELECT is((SELECT string_agg(delivery || ' ' || outcome || coalesce(body, ''), ', ') FROM connkit.webhook_delivery), 'a applied', 'he sees the messages, not their bodies');

-- what is the same for who does not know the secret
RESET ROLE;
SET ROLE bringer;
SELECT is(bring('src', 'item', body(1, 'x', '2028-01-01'), '{"x-event": "item"}'), :refused, 'no signature');
SELECT is(bring('src', 'item', body(1, 'x', '2028-01-01'), '{"x-event": "item", "X-Hub-Signature-256": "sha256="}'), :refused, 'an empty one');
SELECT is(bring('src', 'item', body(1, 'x', '2028-01-01'), '{"x-event": "item", "X-Hub-Signature-256": "sha256=zz"}'), :refused, 'one that is no hexadecimal number');
SELECT is(bring('src', 'item', body(1, 'x', '2028-01-01'), jsonb_build_object('X-Hub-Signature-256', signature('x'))), :refused, 'that of another body');
SELECT is(bring('src', 'item', body(1, 'x', '2028-01-01'), jsonb_build_object('X-Hub-Signature-256', left(signature(body(1, 'x', '2028-01-01')), -2))), :refused, 'a part of one');
SELECT is(bring('src', 'item', body(1, 'x', '2028-01-01'), jsonb_build_object('X-Hub-Signature-256', substr(signature(body(1, 'x', '2028-01-01')), 8))), :refused, 'without the prefix');
SELECT is(bring('src', 'item', body(1, 'x', '2028-01-01'), jsonb_build_object('X-Hub-Signature-256', signature(body(1, 'x', '2028-01-01')),
	'x-hub-signature-256', signature(body(1, 'x', '2028-01-01')))), :refused, 'a header twice');
SELECT is(bring('nowhere', 'item', body(1, 'x', '2028-01-01'), '{}'), :refused, 'no such source');
SELECT is(bring('src', 'nothing', body(1, 'x', '2028-01-01'), '{}'), :refused, 'no such table');
SELECT is(bring('src', 'hushed', body(1, 'x', '2028-01-01'), jsonb_build_object('X', 'It''s a Secret to Everybody')), :refused, 'a sync without webhook');
SELECT is(bring('src', 'unset', body(1, 'x', '2028-01-01'), jsonb_build_object('X-Hub-Signature-256', 'sha256=' || encode(hmac(body(1, 'x', '2028-01-01'), '', 'sha256'), 'hex'))),
	:refused, 'a secret that is not set is none');
SELECT is(bring('src', 'item', '{"', '{"X-Hub-Signature-256": "sha256=00"}'), :refused, 'garbage');
SELECT is(try($$SELECT connkit_receive('src', 'item', '{"action": "edited"}'::jsonb, '{}')$$), :refused, 'JSON without its bytes');
SELECT is(bring('src', 'item', '{}', '[]'), '22023 the headers are no JSON object of texts', 'headers that are none');
SELECT is(bring('src', 'item', '{}', '{"a": 1}'), '22023 the headers are no JSON object of texts', 'headers that are no texts');
SELECT is(bring('src', 'item', NULL, '{}'), '22004 source, table, body and headers of a message must not be NULL', 'nothing');
SELECT matches(try($$SELECT connkit_receive('src', 'item', repeat('x', 33554433), '{}')$$), '^54000 a message has more than', 'too much');
RESET ROLE;
SELECT is((SELECT name FROM item WHERE id = 1), 'by owner', 'none of them did anything');

-- what GitHub's documentation has as an example: what is wrong is the message, not the signature
SET ROLE bringer;
SELECT is(bring('src', 'item', 'Hello, World!', '{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}'),
	'22000 source "src": a message cannot be read: it is not valid JSON', 'a known signature');
SELECT is(bring('src', 'item', 'Hello, World.', '{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}'), :refused, 'of another text');
-- letter case and several of them
SELECT is(bring('src', 'item', body(2, 'b', '2027-01-01'), jsonb_build_object('X-HUB-signature-256', 'sha256=00, sha256=11,' || upper(signature(body(2, 'b', '2027-01-01'))), 'X-EVENT', 'item')),
	:refused, 'a prefix in capitals is none');
SELECT is(bring('src', 'item', body(2, 'b', '2027-01-01'), jsonb_build_object('X-HUB-signature-256', 'sha256=00, sha256=11, ' || signature(body(2, 'b', '2027-01-01')), 'X-EVENT', 'item')),
	'item applied', 'one of several signatures, a header in other letter case');
SELECT is(bring('src', 'sha1', body(2, 'b', '2027-01-01'), jsonb_build_object('X-Hub-Signature', 'sha1=' || encode(hmac(body(2, 'b', '2027-01-01'), 'It''s a Secret to Everybody', 'sha1'), 'hex'), 'X-EVENT', 'item')),
	'sha1 applied', 'SHA-1');
SELECT is(bring('src', 'sha512', body(2, 'b', '2027-01-01'), jsonb_build_object('X-Signature', translate(encode(hmac(body(2, 'b', '2027-01-01'), 'It''s a Secret to Everybody', 'sha512'), 'base64'), E'\n', ''), 'X-EVENT', 'item')),
	'sha512 applied', 'SHA-512 in base64');
SELECT is(bring('src', 'token', body(2, 'b', '2027-01-01'), '{"X-Gitlab-Token": "It''s a Secret to Everybody", "x-event": "item"}'), 'token applied', 'a token');
SELECT is(bring('src', 'token', body(2, 'b', '2027-01-02'), '{"X-Gitlab-Token": "It''s a Secret to Everybod", "x-event": "item"}'), :refused, 'a part of it');
SELECT is(bring('src', 'token', body(2, 'b', '2027-01-02'), '{"X-Gitlab-Token": "It''s a Secret to Everybody ", "x-event": "item"}'), :refused, 'more than it');
SELECT is(try($$SELECT outcome FROM connkit_receive('src', 'token', '{"action": "edited", "sender": {"login": "x"}, "item": {"id": 3, "name": "j", "state": "open", "updated_at": "2027-01-01"}}'::jsonb,
	'{"X-Gitlab-Token": "It''s a Secret to Everybody", "x-event": "item"}')$$), 'applied', 'which JSON may have too');
SELECT extract(epoch FROM now())::bigint AS now \gset
SELECT is(stripe(body(2, 'b', '2027-01-01'), :now, 't=%s,v1=%s'), 'stripe applied', 'Stripe''s');
SELECT is(stripe(body(2, 'c', '2027-01-02'), :now, 't=%s,v1=00ff,v1=%s,v0=6ffb'), 'stripe applied', 'with two secrets');
SELECT is(stripe(body(2, 'd', '2027-01-03'), :now, 't=%s,v0=%s'), :refused, 'of another version');
SELECT is(stripe(body(2, 'd', '2027-01-03'), :now - 400, 't=%s,v1=%s'), :refused, 'too old');
SELECT is(stripe(body(2, 'd', '2027-01-03'), :now + 400, 't=%s,v1=%s'), :refused, 'of the future');
SELECT is(stripe(body(2, 'd', '2027-01-03'), :now, 'v1=%2$s'), :refused, 'without its time');
SELECT is(stripe(body(2, 'd', '2027-01-03'), :now, 't=%1$s9,v1=%2$s'), :refused, 'with another time');
RESET ROLE;

-- messages that are wrong
SELECT matches(send('{"action": "edited", "item": {"id": 3'), '^22000 .*cannot be read', 'half a message');
SELECT matches(send('[]'), 'it is no JSON object', 'a list');
SELECT matches(send('{"action": "edited", "x": ' || repeat('[', 100000) || repeat(']', 100000) || '}'), 'cannot be read', 'deep nesting');
SELECT matches(send('{"action": "edited", "item": null}'), 'a message for table "item" has no record', 'no record');
SELECT matches(send('{"action": "edited", "sender": {"login": "x"}, "item": {"id": 3, "updated_at": "2027-01-01", "state": "x"}}'), 'a record of a message for table "item" lacks column "name"', 'no column');
SELECT matches(send('{"action": "edited", "sender": {"login": "x"}, "item": {"id": 3, "name": "x\u0000", "updated_at": "2027-01-01", "state": "x"}}'), '^22', 'a character that no text has');
SELECT matches(send('{"action": "edited", "sender": {"login": "x"}, "item": {"id": null, "name": "x", "updated_at": "2027-01-01", "state": "x"}}'), '^23502', 'no key');
SELECT matches(send('{"action": "edited", "sender": {"login": "x"}, "item": {"id": 3, "name": "x", "updated_at": null, "state": "x"}}'), '^22004 .*no value in its cursor column', 'no cursor');
SELECT is(send('{"action": "edited", "sender": null, "item": {"id": 3, "name": null, "updated_at": "2027-01-01", "state": "open"}}'), 'item applied', 'what is null is NULL');
SELECT is((SELECT row(i.*)::text FROM item AS i WHERE id = 3), '(3,,,open,,"2027-01-01 00:00:00+00")', 'and so is what may be absent');

-- what they do
SELECT is(send(body(4, 'new', '2027-01-01'), 'd1'), 'item applied', 'a change');
SELECT is(send(body(4, 'new', '2027-01-01'), 'd1'), 'item duplicate', 'the same message');
SELECT is(send(body(4, 'new', '2027-01-01'), 'd2'), 'item unchanged', 'the same in another');
SELECT is(send(body(4, 'old', '2026-12-31'), 'd3'), 'item stale', 'an older one');
SELECT is(send(body(4, 'x', '2028-12-31', action => 'starred'), 'd4'), 'item ignored', 'one that means nothing');
SELECT is(send(body(4, 'x', '2028-12-31'), 'd4', event => 'other'), 'item ignored', 'of an unknown kind');
SELECT is(send(body(2001, 'created', '2027-01-01')), 'item applied', 'a new row');
SELECT is(send(body(2001, 'x', '2026-12-31', action => 'deleted')), 'item stale', 'an old deletion');
SELECT is(send('{"action": "deleted", "item": {"id": 2001, "updated_at": "2027-01-01"}}'), 'item applied', 'a deletion needs no more than the key and the time');
SELECT is(send(body(2001, 'late', '2027-01-01')), 'item stale', 'a late message does not bring it back');
SELECT is((SELECT string_agg(id || ' ' || name, ', ' ORDER BY id) FROM item WHERE id IN (4, 2001)), '4 new', 'so it is');
SELECT is(send(body(2001, 'again', '2027-02-01')), 'item applied', 'a newer one does');
SELECT is(send(body(2001, 'waiting', '2027-03-01', 'waiting')), 'item applied', 'a row that the filter leaves out');
SELECT is((SELECT count(*) FROM item WHERE id = 2001 AND name = 'waiting'), 1::bigint, 'or lets in by its number');
SELECT is(send(body(4, 'waiting', '2027-03-01', 'waiting')), 'item applied', 'one that it leaves out now');
SELECT is((SELECT count(*) FROM item WHERE id = 4), 0::bigint, 'is gone');
SELECT is(send('{"action": "edited", "sender": null, "item": [{"id": 11, "name": "in", "state": "open", "updated_at": "2027-05-08"},
	{"id": 11, "name": "out", "state": "waiting", "updated_at": "2027-05-09"}]}'), 'item applied', 'two states of a row in one message');
SELECT is((SELECT count(*) FROM item WHERE id = 11), 0::bigint, 'the filter looks at the newer one');
SELECT is(send('{"action": "edited", "sender": null, "item": [{"id": 12, "name": "new", "state": "open", "updated_at": "2027-05-09"},
	{"id": 12, "name": "old", "state": "waiting", "updated_at": "2025-05-08"}]}'), 'item applied', 'also if it comes first');
SELECT is((SELECT name FROM item WHERE id = 12), 'new', 'and so does the sync');
SELECT matches(send('{"action": "edited", "sender": null, "item": [{"id": 13, "name": "in", "state": "open", "updated_at": "2027-05-08"},
	{"id": 13, "name": "out", "state": "waiting", "updated_at": "2027-05-08"}]}'), '^21000', 'where neither is, nothing is done');
CREATE FUNCTION more(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN check_violation THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END $$;
ALTER TABLE item ADD more text DEFAULT 'of others', ADD CONSTRAINT odd CHECK (name <> 'bad' OR more IS NULL);
SET ROLE bringer;
SELECT is(more(format('SELECT connkit_receive(''src'', ''item'', %1$L, jsonb_build_object(''x-event'', ''item'', ''X-Hub-Signature-256'', %2$L))',
	body(12, 'bad', '2028-01-01'), signature(body(12, 'bad', '2028-01-01')))), '', 'an error shows nothing of the target''s rows');
RESET ROLE;
ALTER TABLE item DROP more;
SELECT is((SELECT position FROM connkit.sync_state JOIN connkit.sync AS s ON s.id = sync WHERE s.name = 'item'), '2026-01-01 00:20:00+00', 'the position stays');

-- other syncs
SET ROLE keeper;
SELECT make('soft', 'item', '{"deletes": "soft", "webhook": true, "mapping": {"title": "upper(name)", "name": null}}');
SELECT make('past', 'item', '{"deletes": "soft", "webhook": true}', 'history');
SELECT make('whole', 'item', '{"webhook": true}', 'full_refresh');
SELECT make('kept', 'item', '{"webhook": true}', 'merge');
RESET ROLE;
SELECT is(send(body(5, 'five', '2027-01-01', sent => :now)), 'item applied, soft applied, past applied, whole applied, kept applied', 'a change in all of them');
SELECT is((SELECT title FROM soft WHERE id = 5), 'FIVE', 'by each one''s mapping');
SELECT is((SELECT string_agg(name || ' ' || is_current, ', ' ORDER BY valid_from) FROM past WHERE id = 5), 'item 5 false, five true', 'and in a history');
SELECT is(send(body(5, 'five', '2027-01-01', action => 'deleted', sent => :now + 1)), 'item applied, soft applied, past applied, whole applied, kept ignored', 'a deletion');
SELECT is((SELECT (deleted_at IS NOT NULL)::text FROM soft WHERE id = 5), 'true', 'that is marked');
SELECT is((SELECT count(*) || ' ' || count(*) FILTER (WHERE is_current) FROM past WHERE id = 5), '2 0', 'closes the version');
SELECT is((SELECT count(*) FROM whole WHERE id = 5), 0::bigint, 'leaves what is replaced, as the next run would');
SELECT is(send(body(5, 'six', '2027-01-01', sent => :now)), 'item stale, soft stale, past stale, whole stale, kept applied', 'where there is no cursor, the message''s time tells which is late');
SELECT matches(send(body(5, 'seven', '2027-05-01')), 'a message for sync "whole" does not tell its time', 'which is needed there');
SELECT is(send(body(5, 'seven', '2027-05-01', sent => :now - 86400)), 'item applied, soft applied, past applied, whole stale, kept stale', 'one of before the last run is late');
SELECT is((SELECT deleted_at IS NULL FROM soft WHERE id = 5), true, 'a row that comes back is not marked');
SELECT connkit_drop_sync(s) FROM unnest('{soft,past,whole,kept}'::text[]) AS s;

-- rows that do not fit, and messages that wait
SELECT matches(send('{"action": "edited", "sender": null, "item": {"id": 7, "name": "x", "amount": "much", "updated_at": "2027-01-01", "state": "open"}}', 'e'), '^22P02', 'a value that does not fit');
SELECT connkit_alter_sync('item', '{"max_rejected": 10}');
SELECT is(send('{"action": "edited", "sender": null, "item": {"id": 7, "name": "x", "amount": "much", "updated_at": "2027-01-01", "state": "open"}}', 'e'), 'item rejected', 'is rejected');
SELECT is((SELECT source_row->>'amount' || ' ' || column_name FROM connkit.rejected_row), 'much amount', 'and kept');
SELECT is((SELECT name FROM item WHERE id = 7), 'item 7', 'the row stays');
SELECT connkit_pause_sync('item');
SELECT is(send(body(7, 'seven', '2027-01-01'), 'f'), 'item queued', 'a message for a sync that is paused');
SELECT is(send(body(7, 'x', '2027-01-01'), 'f'), 'item duplicate', 'is known');
SELECT is((SELECT name FROM item WHERE id = 7), 'item 7', 'waits');
SELECT connkit_resume_sync('item');
SELECT is((SELECT outcome FROM connkit_sync('item')), 'succeeded', 'and is applied by the next run');
SELECT is((SELECT name || ' ' || outcome || ' ' || (body IS NULL)::text FROM item, connkit.webhook_delivery WHERE item.id = 7 AND delivery = 'f'), 'seven applied true', 'at its end');
UPDATE connkit.webhook_delivery SET received_at = received_at - interval '8 days';
UPDATE connkit.webhook_key SET applied_at = applied_at - interval '8 days';
SELECT is(send(body(8, 'eight', '2027-01-01')), 'item applied', 'after a week');
SELECT is((SELECT count(*) FROM connkit.webhook_delivery JOIN connkit.sync AS s ON s.id = sync WHERE s.name = 'item') || ' ' ||
	(SELECT count(*) FROM connkit.webhook_key JOIN connkit.sync AS s ON s.id = sync WHERE s.name = 'item'), '1 1', 'the others are forgotten');
SELECT connkit_drop_sync('item');
SET ROLE keeper;
SELECT connkit_create_sync('src', 'item', 'later', mode => 'incremental', write => 'merge', cursor_column => 'updated_at', name => 'later', settings => '{"webhook": true}');
SELECT is(send(body(8, 'eight', '2027-01-01')), 'later ignored', 'before the first run there is nothing to change');
SELECT * FROM finish();
ROLLBACK;
