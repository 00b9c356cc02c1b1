-- What a table's option write, or a manifest, makes of changes: bodies, lists, records that are sent whole, and what comes back; at
-- the collections /store of the double test/http/api.py at :api.

SELECT plan(35);
SET client_min_messages = warning;
SET timezone = 'UTC';
SET connkit.allow_best_effort_writes = on;

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api', max_wait '5', query_timeout '5');
CREATE FOREIGN TABLE log (number bigint, method text, target text, headers jsonb, body text, status int)
	SERVER api OPTIONS (path '/control/log');
CREATE TABLE told AS SELECT coalesce(max(number), 0) AS number FROM log;
CREATE FUNCTION sent(reads boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	SELECT string_agg(concat_ws(' ', method, target, nullif(body, ''), status), E'\n' ORDER BY number) INTO found FROM log
		WHERE number > (SELECT max(number) FROM told) AND (reads OR method <> 'GET') AND target NOT LIKE '/control%';
	INSERT INTO told SELECT max(number) FROM log;
	RETURN found;
END $$;
CREATE FUNCTION run(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE statement;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
EXCEPTION WHEN query_canceled OR OTHERS THEN
	RETURN sqlstate || ' ' || regexp_replace(sqlerrm, 'port \d+', 'port N');
END $$;

-- Lists
CREATE FOREIGN TABLE list (id bigint, name text) SERVER api OPTIONS (path '/store/list', batch_size '1000',
	write '{"insert": {"many": 3, "returns": ""}, "delete": {"path": "/store/list/{id}"}}');
INSERT INTO list (name) SELECT 'l' || g FROM generate_series(1, 7) AS g;
SELECT is(sent(), E'POST /store/list [{"name":"l1"},{"name":"l2"},{"name":"l3"}] 201\n'
	'POST /store/list [{"name":"l4"},{"name":"l5"},{"name":"l6"}] 201\nPOST /store/list [{"name":"l7"}] 201', 'lists of three');
WITH made AS (INSERT INTO list (name) VALUES ('a'), ('b') RETURNING *)
SELECT is((SELECT string_agg(made::text, ' ' ORDER BY id) FROM made), '(8,a) (9,b)', 'RETURNING, each by itself');
SELECT is(sent(), E'POST /store/list [{"name":"a"}] 201\nPOST /store/list [{"name":"b"}] 201', 'in a list all the same');
COPY list (name) FROM stdin;
c1
c2
\.
SELECT ok(sent() IN ('POST /store/list [{"name":"c1"},{"name":"c2"}] 201', E'POST /store/list [{"name":"c1"}] 201\n'
	'POST /store/list [{"name":"c2"}] 201'), 'COPY, from version 16 on in lists');
INSERT INTO list DEFAULT VALUES;
SELECT is(sent(), 'POST /store/list [{}] 201', 'a row of defaults');
SELECT is(run($$INSERT INTO list (name) VALUES ('d'), (NULL), ('e'), ('f')$$) ~ '422: name must not be null', true, 'one that is not good');
SELECT is((SELECT count(*) FROM list WHERE name IN ('d', 'e', 'f')), 0::bigint, 'keeps its list out');
SELECT ok(sent() IS NOT NULL, 'it was sent');

-- Bodies: what stands around the record, and where columns stand in it
CREATE FOREIGN TABLE body (id bigint, title text, amount numeric, at timestamptz, labels jsonb, note text) SERVER api OPTIONS (
	path '/store/body', write '{
		"insert": {"body": {"kind": "issue", "fields": {"project": {"key": "{base_url}"}, "rank": 1}}, "record": "fields", "null": "omit",
			"columns": {"title": "summary", "amount": {"as": "string"}, "labels": "meta.labels", "note": "meta.note"},
			"headers": {"X-Of": "{base_url}"}, "params": {"notify": "no"}},
		"update": {"method": "POST", "path": "/store/body", "body": {"op": "change"}, "record": "input", "key": {"id": "input.which"},
			"columns": ["title", "labels"]},
		"delete": {"method": "POST", "path": "/store/body", "body": {"op": "remove"}, "key": {"id": "ids.which"}}}');
INSERT INTO body (title, amount, labels, note) VALUES ('t', 1.50, '["a"]', NULL);
SELECT is(sent(), format('POST /store/body?notify=no {"kind":"issue","fields":{"project":{"key":"%s"},"rank":1,"summary":"t",'
	'"amount":"1.50","meta":{"labels":["a"]}}} 201', :'api'), 'a body, and paths of columns in it');
SELECT is((SELECT headers ->> 'x-of' FROM log WHERE method = 'POST' AND target LIKE '/store/body%'), :'api', 'a header of its own');
SELECT is(run($$INSERT INTO body (at) VALUES (now())$$), '0A000 column "at" of foreign table "body" cannot be set by INSERT',
	'a column that is not listed');
UPDATE body SET title = 'u', labels = NULL WHERE id = 1;
SELECT is(sent(), 'POST /store/body {"op":"change","input":{"title":"u","labels":null,"which":1}} 201', 'a key in the body');
DELETE FROM body WHERE id = 1;
SELECT is(sent(), 'POST /store/body {"op":"remove","ids":{"which":1}} 201', 'the same of what is deleted');
CREATE FOREIGN TABLE clash (id bigint, owner jsonb, login text OPTIONS (column_name 'owner.login')) SERVER api OPTIONS (
	path '/store/clash', write '{"insert": {}}');
SELECT is(run($$INSERT INTO clash VALUES (1, '{}', 'me')$$),
	'0A000 source "api": columns "owner" and "owner.login" stand in one place of a request', 'two columns in one place');

-- Whole records
CREATE FOREIGN TABLE whole (id bigint, name text, size text OPTIONS (column_name 'box.size')) SERVER api OPTIONS (path '/store/whole',
	write '{"insert": {"returns": ""}, "update": {"method": "PUT", "path": "/store/whole/{id}", "returns": ""}}');
CREATE FOREIGN TABLE whole_json (id bigint, name text, big jsonb, rest jsonb) SERVER api OPTIONS (path '/store/whole', write '{"insert": {}}');
INSERT INTO whole_json VALUES (1, 'one', '123456789012345678901234567890', '{"kept": [1, 2, {"deep": null}], "q\"": "\u00e9"}');
UPDATE whole SET size = 'large' WHERE id = 1;
SELECT is(split_part(sent(true), E'\n', 3), 'GET /store/whole/1 200', 'the record is read');
WITH changed AS (UPDATE whole SET name = 'two' WHERE id = 1 RETURNING *)
SELECT is((SELECT string_agg(changed::text, '') FROM changed), '(1,two,large)', 'RETURNING');
SELECT is(sent(), 'PUT /store/whole/1 {"id":1,"big":123456789012345678901234567890,"rest":{"q\"":"é","kept":[1,2,{"deep":null}]},'
	'"box":{"size":"large"},"name":"two"} 200', 'and sent with all that it has');
SELECT ok((SELECT bool_and(headers ->> 'if-match' ~ '^"[0-9a-f]+"$') FROM log WHERE method = 'PUT' AND target = '/store/whole/1'),
	'unless it was changed meanwhile');

-- What comes back
CREATE FOREIGN TABLE back (id bigint, name text, state text) SERVER api OPTIONS (path '/store/back', write '{
	"insert": {}, "update": {"path": "/store/back/{id}"}, "read": {"path": "/store/back/{id}"}, "delete": {"path": "/store/back/{id}"}}');
WITH made AS (INSERT INTO back (name) VALUES ('b') RETURNING *) SELECT is((SELECT made::text FROM made), '(1,b,)', 'read again');
SELECT is(sent(true) ~ 'POST /store/back {"name":"b"} 201\nGET /store/back/1 200', true, 'by the id that the source has given');
WITH changed AS (UPDATE back SET state = 'new' RETURNING back.*) SELECT is((SELECT changed::text FROM changed), '(1,b,new)', 'after UPDATE');
CREATE FOREIGN TABLE silent (id bigint, name text) SERVER api OPTIONS (path '/store/silent', write '{"insert": {}}');
SELECT is(run($$INSERT INTO silent (name) VALUES ('x') RETURNING id$$), '0A000 source "api" returns no rows from INSERT', 'where nothing does');
CREATE FOREIGN TABLE deep (id bigint, name text) SERVER api OPTIONS (path '/store/deep', write '{"insert": {"returns": "data.made"}}');
SELECT is(run($$INSERT INTO deep (name) VALUES ('x') RETURNING id$$), '08P01 source "api": the reply for table "deep" cannot be read: '
	'it has nothing where its records should be', 'a reply without the record');

-- Triggers, checks, generated columns
CREATE FOREIGN TABLE kept (id bigint, name text, state text, tag text OPTIONS (column_name 'tags.0'), twice text GENERATED ALWAYS AS (name || name) STORED)
	SERVER api OPTIONS (path '/store/kept', write '{"insert": {"returns": "", "null": "omit"}, "update": {"path": "/store/kept/{id}", "returns": ""}}');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.state := TG_ARGV[0]; RETURN NEW; END $$;
CREATE TRIGGER made BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION touch('made');
INSERT INTO kept (id, name) VALUES (1, 'k');
SELECT is(substring(sent() FROM 'POST /store/kept.*'), 'POST /store/kept {"id":1,"name":"k","state":"made"} 201', 'a trigger before INSERT');
CREATE TRIGGER changed BEFORE UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION touch('changed');
SELECT is(run($$UPDATE kept SET name = 'l'$$), '0A000 column "state" of foreign table "kept" was changed by a trigger, but not by the statement',
	'one that changes what the statement does not name');
UPDATE kept SET name = 'm', state = NULL;
SELECT is(sent(), 'PATCH /store/kept/1 {"name":"m","state":"changed"} 200', 'and what it names');
CREATE VIEW made AS SELECT * FROM kept WHERE state <> 'never' WITH CHECK OPTION;
SELECT is(run($$INSERT INTO made (name) VALUES ('v')$$), '1', 'a view with a check');
SELECT ok(sent() IS NOT NULL, 'was sent');

-- A manifest
SELECT is(connkit_register_connector('{"manifest": 1, "name": "books", "version": "1.0", "title": "Books", "options": {"url": {"on": "server"}},
	"base_url": "{url}", "tables": {"book": {"path": "/store/{shelf}", "columns": {"shelf": "text", "id": "bigint", "title": "text", "due":
	{"type": "timestamptz", "format": "unix"}, "day": {"type": "timestamp", "format": "date"}}, "key": ["shelf", "id"],
	"filters": {"shelf": {"=": {"path": true}}}, "write": {"insert": {"returns": ""},
	"update": {"path": "/store/{shelf}/{id}"}, "delete": {"path": "/store/{shelf}/{id}"}}}, "index": {"path": "/x", "columns": {"id": "text"}}}}'),
	'connkit_books', 'registered');
SELECT is((SELECT capabilities::text ~ 'write' FROM connkit.connector WHERE name = 'books'), true, 'it writes');
CREATE SERVER books FOREIGN DATA WRAPPER connkit_books OPTIONS (url :'api');
CREATE SCHEMA books;
IMPORT FOREIGN SCHEMA api FROM SERVER books INTO books;
WITH made AS (INSERT INTO books.book (shelf, title, due, day) VALUES ('a b/c', 'T', '2026-01-01 00:00:00.5+00', '2026-02-03') RETURNING *)
SELECT is((SELECT made::text FROM made), '(1,"2026-02-03 00:00:00","2026-01-01 00:00:00.5+00","a b/c",T)', 'what stands in the path comes back');
UPDATE books.book SET title = 'U' WHERE shelf = 'a b/c';
SELECT is(sent(), E'POST /store/a%20b%2Fc {"day":"2026-02-03","due":1767225600.5,"title":"T"} 201\nPATCH /store/a%20b%2Fc/1 {"title":"U"} 200',
	'its requests');
SELECT is(run($$INSERT INTO books.book (title) VALUES ('nowhere')$$),
	'22000 source "books": the change lacks a value of "shelf" that can stand in a path', 'a path without its value');
SELECT is(run($$INSERT INTO books.book (shelf, day) VALUES ('s', '2026-02-03 01:00')$$),
	'22000 source "books": a value of "day" has no form that can be sent', 'a day with a time');
SELECT is((SELECT string_agg(substring(run(format($f$SELECT connkit_register_connector('{"manifest": 1, "name": "bad", "version": "1",
		"base_url": "http://x", "tables": {"t": {"path": "/t", "columns": {"id": "bigint"}, "write": %s}}}')$f$, part))
	FROM 'tables\.t\.write\.(.*)'), E'\n' ORDER BY n) FROM (VALUES (1, '{"insert": {"many": 0}}'), (2, '{"update": {}}'),
	(3, '{"update": {"path": "/x"}}'), (4, '{"update": {"path": "/{what}"}}'), (5, '{"insert": {"columns": ["what"]}}'),
	(6, '{"insert": {"method": "GET"}}'), (7, '{"insert": {"many": 2, "body": {}}}'), (8, '{"upsert": {}}'),
	(9, '{"delete": {"path": "/{id}", "columns": []}}'), (10, '{"insert": {"duplicate": 200}}')) AS v(n, part)),
	'insert.many: a number of 1 or more is expected
update.path: the path is missing
update.path: neither it nor "key" says which row is meant
update.path: "what" is no option and no column
insert.columns.what: the table has no such column
insert.method: it is none of POST, PUT, PATCH and DELETE
insert.record: it is missing: where in the body the record is to stand
upsert: there is no such setting; there are insert update delete read
delete.columns: there is no such setting; there are method path params headers body key idempotency_key idempotent
insert.duplicate: a number of 400 or more is expected', 'what is wrong with a manifest');
SELECT * FROM finish();
