-- bound.sql: a secret that is bound to hosts goes nowhere else, however the address is written.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT no_plan();
CREATE ROLE ck_bound;
GRANT ck_bound TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_vault TO ck_bound;
SET LOCAL ROLE ck_bound;
SELECT connkit_set_secret('token', 'value', hosts => '{vault.example.com:8200}') \g /dev/null

SELECT throws_ok(format($$SELECT connkit_test('vault', %L, '{"token_secret": "token"}')$$, jsonb_build_object('address', a)), '42501', NULL, a)
FROM connkit.connector, unnest(ARRAY[
	'http:/127.0.0.1:1/://vault.example.com:8200', 'http:///127.0.0.1:1/://vault.example.com:8200',
	'https:127.0.0.1:1/://vault.example.com:8200', 'http://127.0.0.1:1/://vault.example.com:8200',
	'http://vault.example.com:8200@127.0.0.1:1', 'http://127.0.0.1:1\@vault.example.com:8200',
	'http://vault.example.com:8200\@127.0.0.1:1', 'http://127.0.0.1%2f.vault.example.com:8200', 'http://127.0.0.1:1;vault.example.com:8200',
	'http://vault.example.com:8200:1', 'http://vault.example.com', 'http://[vault.example.com]:8200', ' http://vault.example.com:8200',
	'//127.0.0.1:1/http://vault.example.com:8200', '127.0.0.1:1/http://vault.example.com:8200']) AS a
WHERE name = 'vault' AND available;
SELECT lives_ok(format($$SELECT connkit_test('vault', %L, '{"token_secret": "token"}')$$, jsonb_build_object('address', a)), a)
FROM connkit.connector, unnest(ARRAY['http://vault.example.com:8200', 'HTTPS://Vault.Example.Com.:8200/base/']) AS a
WHERE name = 'vault' AND available;
SELECT * FROM finish();
ROLLBACK;
