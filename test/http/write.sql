-- INSERT, UPDATE and DELETE of an API's records, at the collections /store of the double test/http/api.py at :api.

SELECT plan(53);
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api', max_wait '5', query_timeout '2');
-- the double's own: what it was asked, and rules for faults
CREATE FOREIGN TABLE log (number bigint, method text, target text, headers jsonb, body text, status int)
	SERVER api OPTIONS (path '/control/log');
CREATE FOREIGN TABLE rule (fault text, path text, method text, times int, skip int, done int, status int, retry_after int, "to" text)
	SERVER api OPTIONS (path '/control', write '{"insert": {"null": "omit"}}');
CREATE TABLE told (number bigint);
INSERT INTO told SELECT coalesce(max(number), 0) FROM log;
-- what was sent since the last call, but for reading
CREATE FUNCTION sent(reads boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	SELECT string_agg(concat_ws(' ', method, target, nullif(body, ''), status), E'\n' ORDER BY number) INTO found FROM log
		WHERE number > (SELECT max(number) FROM told) AND (reads OR method <> 'GET') AND target NOT LIKE '/control%';
	INSERT INTO told SELECT max(number) FROM log;
	RETURN found;
END $$;
-- runs a statement: the rows that it changed, or how it failed
CREATE FUNCTION run(statement text, with_hint boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint; said text; hint text; context text;
BEGIN
	EXECUTE statement;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
EXCEPTION WHEN query_canceled OR OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
	said := sqlstate || ' ' || regexp_replace(sqlerrm, 'port \d+', 'port N');
	IF with_hint THEN
		said := concat_ws(E'\n', said, nullif(hint, ''), substring(context FROM 'rows that were changed[^\n]*'));
	END IF;
	RETURN said;
END $$;

CREATE FOREIGN TABLE thing (id bigint, name text, amount numeric, big bigint, f float8, r real, active boolean, at timestamptz,
	local timestamp, day date, tod time, doc jsonb, raw json, login text OPTIONS (column_name 'user.login'),
	city text OPTIONS (column_name 'user.address.city'), uid uuid, tag text OPTIONS (column_name 'tags.0'), bytes bytea, list text[])
	SERVER api OPTIONS (path '/store/thing', filters '{"id": {"=": {"param": "ids", "exact": true}}}', write '{
		"insert": {"returns": "", "duplicate": 409},
		"update": {"path": "/store/thing/{id}", "returns": ""},
		"delete": {"path": "/store/thing/{id}"}}');

-- A transaction that could be rolled back takes no change; one statement by itself does.
BEGIN;
SELECT throws_ok($$INSERT INTO thing (name) VALUES ('never')$$, '0A000', NULL, 'a change that a rollback would not undo');
ROLLBACK;
SELECT throws_ok($$INSERT INTO thing (name) VALUES ('never')$$, '0A000', NULL, 'the same in a function');
SELECT is(sent(), NULL, 'nothing was sent');
INSERT INTO thing (id, name) VALUES (1, 'one');
UPDATE thing SET name = 'uno' WHERE id = 1;
DELETE FROM thing WHERE id = 1;
SELECT is(sent(), E'POST /store/thing {"id":1,"name":"one"} 201\nPATCH /store/thing/1 {"name":"uno"} 200\nDELETE /store/thing/1 204',
	'each statement is one request');
SET connkit.allow_best_effort_writes = on;

-- Values
INSERT INTO thing (id, name, amount, big, f, r, active, at, local, day, tod, doc, raw, login, city, uid)
	VALUES (2, E'a "b" \\c\n\t\u0001é€😀', -12345678901234567890.100, 9007199254740993, 0.1, 0.1, true, '2026-01-02 03:04:05.678901+02',
	'2026-01-02 03:04:05', '2026-02-03', '01:02:03', '{"a": [1, 2.50]}', '{"b":  1e2}', 'me', 'Brno', '11111111-2222-3333-4444-555555555555');
SELECT is(sent(), 'POST /store/thing {"id":2,"name":"a \"b\" \\c\u000a\u0009\u0001é€😀","amount":-12345678901234567890.100,'
	'"big":9007199254740993,"f":0.1,"r":0.1,"active":true,"at":"2026-01-02T01:04:05.678901Z","local":"2026-01-02T03:04:05",'
	'"day":"2026-02-03","tod":"01:02:03","doc":{"a": [1, 2.50]},"raw":{"b":  1e2},"user":{"login":"me","address":{"city":"Brno"}},'
	'"uid":"11111111-2222-3333-4444-555555555555"} 201', 'values of each type');
SELECT is((SELECT (name, big, f, r, active, at, local, day, tod, doc, login, city, uid)::text FROM thing WHERE id = 2),
	ROW(E'a "b" \\c\n\t\u0001é€😀'::text, 9007199254740993, 0.1::float8, 0.1::real, true, '2026-01-02 01:04:05.678901+00'::timestamptz,
	'2026-01-02 03:04:05'::timestamp, '2026-02-03'::date, '01:02:03'::time, '{"a": [1, 2.5]}'::jsonb, 'me'::text, 'Brno'::text,
	'11111111-2222-3333-4444-555555555555'::uuid)::text, 'come back');
UPDATE thing SET amount = NULL, login = NULL, f = 1e300, r = 3.4e38, big = -1, tod = '01:02:03.5', doc = '"text"' WHERE id = 2;
SELECT is(sent(), 'PATCH /store/thing/2 {"amount":null,"big":-1,"f":1e+300,"r":3.4e+38,"tod":"01:02:03.500000","doc":"text",'
	'"user":{"login":null}} 200', 'NULL is sent, and only what was set');
DELETE FROM thing;

SELECT ok(sent() IS NOT NULL, 'deleted');

-- What no request can say
SELECT is(run($$INSERT INTO thing (bytes) VALUES ('\x00')$$, true), E'0A000 source "api": column "bytes" is of type bytea, which has no '
	'form in JSON\nUse jsonb for lists, and text for what encode() makes of bytes.', 'bytes');
SELECT is(run($$INSERT INTO thing (list) VALUES ('{a}')$$), '0A000 source "api": column "list" is of type text[], which has no form in JSON',
	'an array');
SELECT is(run($$INSERT INTO thing (tag) VALUES ('x')$$), '0A000 column "tag" of foreign table "thing" cannot be set by INSERT',
	'an element of a list');
SELECT is(run($$INSERT INTO thing (amount) VALUES ('NaN')$$), '22000 source "api": a value of "amount" has no form that can be sent', 'NaN');
SELECT is(run($$INSERT INTO thing (f) VALUES ('infinity')$$), '22003 source "api" cannot hold the value for column "f"', 'an infinity');
SELECT is(run($$INSERT INTO thing (at) VALUES ('infinity')$$), '22008 source "api" cannot hold the value for column "at"', 'no time');
SELECT is(run($$TRUNCATE thing$$), '0A000 foreign table "thing" takes no TRUNCATE', 'TRUNCATE');
SELECT is(run($$DELETE FROM log$$), '0A000 foreign table "log" takes no DELETE', 'a table that takes no change');
SELECT is(run($$INSERT INTO thing (name) VALUES ('x') ON CONFLICT (id) DO NOTHING$$) ~ '^42P10', true, 'a conflict target');
SELECT is(sent(), NULL, 'of these nothing was sent');

-- Statements
INSERT INTO thing (name, big) SELECT 'n' || g, g FROM generate_series(1, 5) AS g;
SELECT is((SELECT string_agg(id || name, ' ' ORDER BY id) FROM thing), '1n1 2n2 3n3 4n4 5n5', 'ids that the source gives');
WITH made AS (INSERT INTO thing (name) VALUES ('r1'), ('r2') RETURNING id, name, active)
SELECT is((SELECT string_agg(made::text, ' ' ORDER BY id) FROM made), '(6,r1,) (7,r2,)', 'INSERT RETURNING what the source has made');
WITH changed AS (UPDATE thing SET name = upper(name) || big, big = big * 2 WHERE big % 2 = 0 RETURNING *)
SELECT is((SELECT string_agg(id || ' ' || name || ' ' || big, ', ' ORDER BY id) FROM changed), '2 N22 4, 4 N44 8', 'expressions in SET');
WITH gone AS (DELETE FROM thing AS t USING (VALUES (6), (7), (7)) AS v(id) WHERE t.id = v.id RETURNING t.id, t.name, v.id * 10 AS ten)
SELECT is((SELECT string_agg(gone::text, ' ' ORDER BY id) FROM gone), '(6,r1,60) (7,r2,70)', 'DELETE RETURNING what was read');
DELETE FROM thing WHERE id = 1;
INSERT INTO thing DEFAULT VALUES;
INSERT INTO thing (id, name) SELECT id + 1000, name FROM thing WHERE id < 4;
SELECT is((SELECT string_agg(concat(id, name), ' ' ORDER BY id) FROM thing), '2N22 3n3 4N44 5n5 6 1002N22 1003n3',
	'a statement sees none of its own rows');
DELETE FROM thing;
CREATE FOREIGN TABLE moved (id bigint, name text) SERVER api OPTIONS (path '/store/moved',
	write '{"insert": {}, "update": {"path": "/store/moved/{id}", "columns": ["id", "name"]}}');
INSERT INTO moved VALUES (1, 'one');
SELECT is(run($$UPDATE thing SET id = 2$$), '0A000 column "id" of foreign table "thing" cannot be set by UPDATE', 'a key stays');
UPDATE moved SET id = 2, name = 'two';
SELECT ok(sent() ~ 'PATCH /store/moved/1 {"id":2,"name":"two"} 200$', 'a key that is changed');
PREPARE put(bigint, text) AS INSERT INTO thing (id, name) VALUES ($1, $2);
PREPARE turn(bigint, text) AS UPDATE thing SET name = $2 WHERE id = $1;
DO $$ BEGIN FOR i IN 1..7 LOOP
	EXECUTE format('EXECUTE put(%s, %L)', i, 'p' || i);
	EXECUTE format('EXECUTE turn(%s, %L)', i, 'q' || i);
END LOOP; END $$;
SELECT is((SELECT string_agg(name, ' ' ORDER BY id) FROM thing), 'q1 q2 q3 q4 q5 q6 q7', 'prepared statements');
COPY thing (id, name, at) FROM stdin;
8	c8	2026-01-01
9	c9	\N
\.
SELECT is(sent() ~ 'POST /store/thing {"id":8,"name":"c8","at":"2026-01-01T00:00:00Z"} 201\nPOST /store/thing {"id":9,"name":"c9","at":null} 201$',
	true, 'COPY');

-- Errors of the source
SELECT is(run($$INSERT INTO thing (name) VALUES ('before'), (NULL), ('behind')$$, true),
	E'HV000 source "api": "localhost", port N answered with HTTP status 422: name must not be null\nrows that were changed before, and stay so: 1',
	'what the source says, and how far the statement came');
SELECT is(run($$INSERT INTO thing (id, name) VALUES (8, 'again')$$),
	'23505 source "api": "localhost", port N answered with HTTP status 409: there is one with this id', 'a duplicate');
SELECT is(run($$INSERT INTO thing (id, name) VALUES (8, 'again'), (20, 'new') ON CONFLICT DO NOTHING$$), '1', 'passed over');
SELECT is(run($$INSERT INTO rule (fault) VALUES ('none') ON CONFLICT DO NOTHING$$) ~ '^0A000 foreign table "rule" takes no INSERT with ON CONFLICT',
	true, 'where it is not known how duplicates are told');
SELECT is((SELECT string_agg(name, ' ' ORDER BY id) FROM thing WHERE id > 7), 'c8 c9 before new', 'the rows are there');
INSERT INTO rule (fault, path, method, times, status) VALUES ('status', '/store/thing/', 'PATCH', 1, 404),
	('status', '/store/thing/', 'DELETE', 1, 410), ('status', '/store/thing/', 'PATCH', 1, 409), ('status', '/store/thing/', 'PATCH', 1, 412),
	('status', '/store/thing/', 'PATCH', 1, 403), ('status', '/store/thing', 'POST', 1, 404), ('status', '/store/thing', 'POST', 1, 207);
SELECT is(run($$UPDATE thing SET name = 'x' WHERE id = 8$$), '40001 a row of foreign table "thing" was not found again at the source',
	'a row that is gone');
SELECT is(run($$DELETE FROM thing WHERE id = 8$$), '40001 a row of foreign table "thing" was not found again at the source', 'the same');
SELECT is(run($$UPDATE thing SET name = 'x' WHERE id = 8$$) ~ '^23000', true, 'a conflict');
SELECT is(run($$UPDATE thing SET name = 'x' WHERE id = 8$$) ~ '^40001', true, 'a condition of the request that fails');
SELECT is(run($$UPDATE thing SET name = 'x' WHERE id = 8$$) ~ '^42501', true, 'no right');
SELECT is(run($$INSERT INTO thing (name) VALUES ('x')$$) ~ '^HV00R', true, 'a wrong path');
SELECT is(run($$INSERT INTO thing (name) VALUES ('x')$$) ~ '^08007', true, 'done in part');

-- Faults: no change is made twice, and what may have been made is told as that.
CREATE FUNCTION fault(statement text, fault text, method text, times int DEFAULT 1, done int DEFAULT 1, status int DEFAULT NULL,
	retry_after int DEFAULT NULL, "to" text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
	PERFORM sent();
	INSERT INTO rule (fault, path, method, times, done, status, retry_after, "to") VALUES (fault, '/store/', method, times, done, status,
		retry_after, "to");
	said := split_part(run(statement), ' ', 1);
	RETURN concat_ws(' ', said, (SELECT count(*) FROM log WHERE number > (SELECT max(number) FROM told) AND log.method = fault.method
		AND target NOT LIKE '/control%'), sent() IS NOT NULL);
END $$;
CREATE FOREIGN TABLE once (id bigint, name text) SERVER api OPTIONS (path '/store/once', filters '{"id": {"=": "ids"}}', write '{
	"insert": {"idempotency_key": "Idempotency-Key"},
	"update": {"method": "PUT", "path": "/store/once/{id}", "whole": false},
	"delete": {"path": "/store/once/{id}"}}');
CREATE FOREIGN TABLE plain (id bigint, name text) SERVER api OPTIONS (path '/store/plain', filters '{"id": {"=": "ids"}}', write '{
	"insert": {}, "update": {"path": "/store/plain/{id}"}, "delete": {"path": "/store/plain/{id}", "idempotent": false}}');
-- how it ended, and how many requests there were
SELECT is((SELECT string_agg(concat_ws(' ', f, fault(statement, f, m, 1, done, status, retry_after, "to")), E'\n' ORDER BY n) FROM (VALUES
	(1, $$INSERT INTO plain (id, name) VALUES (1, 'a')$$, 'drop_before', 'POST', 1, NULL, NULL, NULL),
	(2, $$INSERT INTO plain (id, name) VALUES (2, 'a')$$, 'drop_headers', 'POST', 1, NULL, NULL, NULL),
	(3, $$INSERT INTO plain (id, name) VALUES (3, 'a')$$, 'drop_body', 'POST', 1, NULL, NULL, NULL),
	(4, $$INSERT INTO plain (id, name) VALUES (4, 'a')$$, 'garbage', 'POST', 1, NULL, NULL, NULL),
	(5, $$INSERT INTO plain (id, name) VALUES (5, 'a')$$, 'status', 'POST', 1, 502, NULL, NULL),
	(6, $$INSERT INTO plain (id, name) VALUES (6, 'a')$$, 'status', 'POST', 1, 503, NULL, NULL),
	(7, $$INSERT INTO plain (id, name) VALUES (7, 'a')$$, 'status', 'POST', 0, 503, 0, NULL),
	(8, $$INSERT INTO plain (id, name) VALUES (8, 'a')$$, 'status', 'POST', 0, 429, 0, NULL),
	(9, $$INSERT INTO plain (id, name) VALUES (9, 'a')$$, 'status', 'POST', 1, 500, NULL, NULL),
	(10, $$INSERT INTO plain (id, name) VALUES (10, 'a')$$, 'html', 'POST', 1, NULL, NULL, NULL),
	(11, $$UPDATE plain SET name = name || 'b' WHERE id = 1$$, 'drop_before', 'PATCH', 1, NULL, NULL, NULL),
	(12, $$DELETE FROM plain WHERE id = 2$$, 'drop_before', 'DELETE', 1, NULL, NULL, NULL),
	(13, $$INSERT INTO plain (id, name) VALUES (13, 'a')$$, 'redirect', 'POST', 0, 302, NULL, 'same'),
	(14, $$INSERT INTO plain (id, name) VALUES (14, 'a')$$, 'redirect', 'POST', 0, 307, NULL, 'same'),
	(15, $$INSERT INTO plain (id, name) VALUES (15, 'a')$$, 'redirect', 'POST', 0, 307, NULL, 'port'),
	(16, $$INSERT INTO plain (id, name) VALUES (16, 'a')$$, 'redirect', 'POST', 0, 307, NULL, 'denied'),
	(17, $$INSERT INTO plain (id, name) VALUES (17, 'a')$$, 'stall_before', 'POST', 1, NULL, NULL, NULL))
		AS v(n, statement, f, m, done, status, retry_after, "to")),
	E'drop_before 08007 1 t\ndrop_headers 08007 1 t\ndrop_body 1 1 t\ngarbage 08007 1 t\nstatus 08007 1 t\nstatus 08007 1 t\nstatus 1 2 t\n'
	'status 1 2 t\nstatus 08007 1 t\nhtml 1 1 t\ndrop_before 08007 1 t\ndrop_before 08007 1 t\nredirect 08007 1 t\nredirect 1 2 t\n'
	'redirect 08007 1 t\nredirect 08007 1 t\nstall_before 08007 1 t', 'faults of what must not be done twice');
SELECT is((SELECT string_agg(id || name, ' ' ORDER BY id) FROM plain), '1ab 3a 4a 5a 6a 7a 8a 9a 10a 14a 17a', 'nothing was done twice');
SELECT is((SELECT string_agg(concat_ws(' ', f, fault(statement, f, m, times, done, status)), E'\n' ORDER BY n) FROM (VALUES
	(1, $$INSERT INTO once (id, name) VALUES (1, 'a')$$, 'drop_before', 'POST', 2, 1, NULL),
	(2, $$INSERT INTO once (name) VALUES ('b')$$, 'drop_headers', 'POST', 1, 1, NULL),
	(3, $$INSERT INTO once (name) VALUES ('c')$$, 'status', 'POST', 1, 1, 503),
	(5, $$UPDATE once SET name = name || '!' WHERE id = 1$$, 'drop_before', 'PUT', 1, 1, NULL),
	(6, $$DELETE FROM once WHERE id = 2$$, 'drop_before', 'DELETE', 1, 1, NULL)) AS v(n, statement, f, m, times, done, status)),
	E'drop_before 1 3 t\ndrop_headers 1 2 t\nstatus 1 2 t\ndrop_before 1 2 t\ndrop_before 1 2 t',
	'faults of what may be sent twice');
SELECT is((SELECT string_agg(id || name, ' ' ORDER BY id) FROM once), '1a! 3c', 'each was done once');

-- A token that is refused is renewed, and the change made once.
SELECT :'api' || '/token' AS token \gset
CREATE SERVER oauth FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api', auth 'oauth2', oauth_token_url :'token');
CREATE USER MAPPING FOR CURRENT_USER SERVER oauth OPTIONS (oauth_client_id 'client-1', oauth_client_secret 'client secret');
CREATE FOREIGN TABLE guarded (id bigint, name text) SERVER oauth OPTIONS (path '/auth/oauth/store/guarded', write '{"insert": {}}');
CREATE FOREIGN TABLE revoke (x text) SERVER api OPTIONS (path '/control/revoke', write '{"insert": {}}');
INSERT INTO guarded VALUES (1, 'one');
INSERT INTO revoke DEFAULT VALUES;
INSERT INTO guarded VALUES (2, 'two');
SELECT is((SELECT string_agg(status::text, ' ' ORDER BY number) FROM log WHERE target = '/auth/oauth/store/guarded' AND method = 'POST'),
	'201 401 201', 'a token is renewed');
SELECT is((SELECT string_agg(name, ' ' ORDER BY id) FROM guarded), 'one two', 'each was made once');

-- Good by its status, and an error by what it says; a word for reading makes no bad reply good.
CREATE FOREIGN TABLE judged (id bigint, name text) SERVER api OPTIONS (path '/store/judged', errors '[
	{"status": "201", "path": "name", "equals": "bad", "message": "that is bad"}, {"status": "409", "do": "empty"},
	{"status": "422", "do": "ignore"}, {"status": "500", "do": "retry"}]', write '{"insert": {}}');
SELECT is(run($$INSERT INTO judged VALUES (1, 'good')$$), '1', 'a good reply');
SELECT is(run($$INSERT INTO judged VALUES (2, 'bad')$$) ~ '^HV000.*that is bad', true, 'one that says that it is none');
SELECT is(run($$INSERT INTO judged VALUES (1, 'again')$$) ~ '^23000', true, 'no rows are no success');
SELECT is(run($$INSERT INTO judged VALUES (3, NULL)$$) ~ '^HV000', true, 'nor is what is ignored');
SELECT is(fault($$INSERT INTO judged VALUES (4, 'once')$$, 'status', 'POST', 1, 1, 500), '08007 1 t', 'nor is it tried again');

-- A reply that breaks off is no row, and never that of another request.
SELECT is(fault($$INSERT INTO thing (name) VALUES ('torn') RETURNING id$$, 'drop_body', 'POST'), '08006 1 t', 'a row that cannot be returned');
SELECT is(fault($$INSERT INTO thing (name) VALUES ('cut') RETURNING id$$, 'truncated', 'POST'), '08P01 1 t', 'nor one that is no JSON');
SELECT is((SELECT count(*) FROM thing WHERE name IN ('torn', 'cut')), 2::bigint, 'was made once');
SELECT * FROM finish();
