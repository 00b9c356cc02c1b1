-- Conditions in an API's query language: how values are written, and that none breaks out.

BEGIN;
SELECT plan(29);
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (number int, query jsonb, method text, body text) SERVER api OPTIONS (path '/control/log');
CREATE FUNCTION last_q() RETURNS text LANGUAGE sql AS
	$$SELECT query->>'q' FROM control_log WHERE query ? 'per_page' ORDER BY number DESC LIMIT 1$$;

-- the double passes over q and gives all records: what is wanted of them is told here
CREATE FOREIGN TABLE jql (id int, name text, state text, project text, active bool, amount numeric, updated_at timestamptz, created_at timestamptz)
	SERVER api OPTIONS (path '/paged/page', params '{"n": "60"}', paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 100,
	"stop": "short"}', clauses '{"param": "q", "quote": "\"", "escape": "backslash", "last": "ORDER BY id"}',
	filters '{"name": {"=": {"clause": "summary = {value}"}}, "state": {"= in": {"clause": "status in ({values})"}},
		"project": {"in": {"clause": "project in ({values})", "most": 2}}, "active": {"=": {"clause": "active = {value}"}},
		"id": {"= in": {"clause": "id in ({values})"}, "<": {"clause": "id < {value}"}, ">": {"clause": "id > {value}"}}, "amount": {"=": {"clause": "amount = {value}"}},
		"updated_at": {">= >": {"clause": "updated >= \"{value}\"", "format": "%Y-%m-%d %H:%M", "widen": "15 hours"},
			"< <=": {"clause": "updated <= \"{value}\"", "format": "%Y-%m-%d %H:%M", "widen": "15 hours"}},
		"created_at": {">=": {"clause": "created >= {value}"}, "<": {"clause": "created < {value}", "format": "date"}}}');
SELECT is((SELECT count(*) FROM jql WHERE state IN ('open', 'closed') AND id < 10 AND id > 3 AND active), 3::bigint, 'all conditions');
SELECT is(last_q(), 'active = true AND status in ("open", "closed") AND id < 10 AND id > 3 ORDER BY id', 'stand beside each other');
SELECT is((SELECT count(*) FROM jql), 60::bigint, 'none');
SELECT is(last_q(), 'ORDER BY id', 'leaves what stands behind them');
SELECT is((SELECT count(*) FROM jql WHERE amount = 12.50 AND id IN (1, 2)), 0::bigint, 'numbers');
SELECT is(last_q(), 'id in (1, 2) AND amount = 12.50 ORDER BY id', 'stand bare');
SELECT is((SELECT count(*) FROM jql WHERE amount = 'NaN'), 0::bigint, 'a number that is none');
SELECT is(last_q(), 'ORDER BY id', 'is not sent');

-- nothing but the language's own quotation mark ends a text
CREATE FUNCTION written(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT FROM jql WHERE name = %L', name);
	RETURN substring(last_q() FROM '^summary = (.*) ORDER BY id$');
END $$;
SELECT is(written('a" OR project = "B'), '"a\" OR project = \"B"', 'a quotation mark');
SELECT is(written('a\'), '"a\\"', 'a backslash at the end');
SELECT is(written('\" OR 1 = 1'), '"\\\" OR 1 = 1"', 'both');
SELECT is(written(E'a\nb\rc\td\x7f\u0085'), '"a\u000ab\u000dc\u0009d\u007f\u0085"', 'characters that steer');
SELECT is(written(E'\ufdd0\uffff'), '"\ufdd0\uffff"', 'those that are none');
SELECT is(written('{value} {site} {values}'), '"{value} {site} {values}"', 'braces');
SELECT is(written('Brno ''ž'' 😀 %22 & #'), '"Brno ''ž'' 😀 %22 & #"', 'and all others as they are');
SELECT is(written(''), '""', 'an empty text');
SELECT is(written(E'\U0001fffe'), NULL, 'what the language cannot hold is not sent');
-- whatever is in a text, reading it back as the language does gives that text
SELECT is((SELECT count(*) FROM generate_series(1, 60) i, LATERAL (SELECT string_agg(substr(E'"\\''{}\n\t\r\u0001 až()=,;&\u009f', 1 + (i * k * 7919 + k * k) % 20, 1), '')
	AS t FROM generate_series(1, 9) k) s WHERE written(t)::jsonb #>> '{}' IS DISTINCT FROM t), 0::bigint, 'what is written reads as what was meant');

SELECT is((SELECT count(*) FROM jql WHERE updated_at >= '2026-01-01 00:10:30' AND updated_at < '2026-01-01 00:20:10'), 10::bigint, 'moments');
SELECT is(last_q(), 'updated >= "2025-12-31 09:10" AND updated <= "2026-01-01 15:21" ORDER BY id', 'put out by hours, and to full minutes');
SELECT is((SELECT count(*) FROM jql WHERE created_at >= '2026-01-01' AND created_at < '2026-01-01 10:00:00.5'), 60::bigint, 'others');
SELECT is(last_q(), 'created >= 2026-01-01T00:00:00Z AND created < 2026-01-02 ORDER BY id', 'as they are written');
SELECT is((SELECT count(*) FROM jql WHERE updated_at < '0900-01-01'), 0::bigint, 'one that the pattern cannot hold');
-- three requests give a record that is "P1" to them all: it comes once
SELECT is((SELECT string_agg(project, ' ' ORDER BY project) FROM jql WHERE project IN ('P1', 'P2', 'P3', 'p1', 'P4') AND id <= 12), 'P1 P1 P2 P2 P3 P4',
	'a list in several requests');

CREATE FOREIGN TABLE odata (id int, name text, state text) SERVER api OPTIONS (path '/paged/page', params '{"n": "5"}',
	paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 100, "stop": "short"}',
	clauses '{"param": "q", "quote": "''", "escape": "double", "join": " and ", "first": "kind eq 1"}',
	filters '{"name": {"=": {"clause": "Name eq {value}"}}, "state": {"in": {"clause": "State in ({values})", "join": ","}}}');
SELECT is((SELECT count(*) FROM odata WHERE name = 'it''s \ "' AND state IN ('a', 'b''')), 0::bigint, 'another language');
SELECT is(last_q(), $$kind eq 1 and State in ('a','b''') and Name eq 'it''s \ "'$$, 'doubles its marks');

CREATE FOREIGN TABLE search (id int, name text) SERVER api OPTIONS (path '/paged/offset', records 'items', body '{"search": {"n": "5"}}',
	clauses '{"body": "search.q"}', filters '{"name": {"=": {"clause": "name:{value}", "exact": true}}}');
SELECT throws_like($$SELECT * FROM search WHERE name = 'a"'$$, '%a value of "name" cannot stand in a request%', 'an exact condition is sent or refused');
SELECT is((SELECT count(*) FROM search WHERE name = 'item 1'), 5::bigint, 'and is not looked at again');
SELECT is((SELECT body FROM control_log WHERE method = 'POST' ORDER BY number DESC LIMIT 1)::jsonb #>> '{search,q}', 'name:"item 1"', 'in a body');

SELECT * FROM finish();
ROLLBACK;
