-- JSON Web Tokens, and credentials that are not given, with the double test/http/api.py at :api.

BEGIN;
SELECT plan(39);
SET client_min_messages = warning;
SELECT set_config('test.api', :'api', false);

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (number int, path text, target text, headers jsonb, body text, status int) SERVER api
	OPTIONS (path '/control/log');

-- What a statement gives, or its error.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE statement INTO found;
	RETURN found;
EXCEPTION WHEN query_canceled OR OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;

-- The part of a token, of the last request with such a header or body.
CREATE FUNCTION part(token text, number int) RETURNS jsonb LANGUAGE sql AS $$
	SELECT convert_from(decode(rpad(p, (length(p) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb
	FROM (SELECT translate(split_part(token, '.', number), '-_', '+/')) AS s (p)
$$;
CREATE FUNCTION last_bearer() RETURNS text LANGUAGE sql AS $$
	SELECT split_part(headers->>'authorization', ' ', 2) FROM control_log WHERE path LIKE '/auth/jwt/%' ORDER BY number DESC LIMIT 1
$$;

-- How many records a server with that key gives.
CREATE FUNCTION with_key(key text, algorithm text DEFAULT 'RS256', options text DEFAULT '', path text DEFAULT '/auth/jwt/paged/none')
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DROP SERVER IF EXISTS jwt CASCADE;
	EXECUTE format('CREATE SERVER jwt FOREIGN DATA WRAPPER connkit_http
		OPTIONS (base_url %L, auth ''jwt'', jwt_algorithm %L, jwt_claims ''{"iss": "{user}", "sub": "{password}", "n": [1, true]}'' %s)',
		current_setting('test.api'), algorithm, options);
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER jwt OPTIONS (user ''robot'', jwt_key_id ''key-1'', jwt_private_key %L)', replace(key, '|', E'\n'));
	EXECUTE format('CREATE FOREIGN TABLE jwt (id bigint) SERVER jwt OPTIONS (path %L)', path);
	RETURN replace(try('SELECT count(*) FROM jwt'), 'source "jwt": ', '');
END $$;

-- keys, with | for line ends: psql gives no others to the shell
\set rsa `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null | tr '\n' '|'`
\set ec `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | tr '\n' '|'`
\set unknown `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | tr '\n' '|'`
\set other_curve `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 | tr '\n' '|'`
\set short `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 2>/dev/null | tr '\n' '|'`
\set locked `echo :'ec' | tr '|' '\n' | openssl pkey -aes256 -passout pass:phrase | tr '\n' '|'`
\set public `echo :'ec' | tr '|' '\n' | openssl pkey -pubout | tr '\n' '|'`
\set traditional `echo :'rsa' | tr '|' '\n' | openssl rsa -traditional 2>/dev/null | tr '\n' '|'`
\set done `for k in :'rsa' :'ec'; do echo "$k" | tr '|' '\n' | openssl pkey -pubout | curl -s --noproxy '*' -T - :api/control/key; done`

-- the token itself
SELECT is(with_key(:'rsa'), '1000', 'RS256');
SELECT is(part(last_bearer(), 1), '{"alg": "RS256", "typ": "JWT", "kid": "key-1"}', 'its header');
SELECT is(part(last_bearer(), 2) - 'iat' - 'exp', '{"iss": "robot", "n": [1, true]}', 'its claims, without one that is empty');
SELECT is((part(last_bearer(), 2)->>'exp')::int - (part(last_bearer(), 2)->>'iat')::int, 600, 'it lives ten minutes');
SELECT ok(extract(epoch FROM clock_timestamp()) - (part(last_bearer(), 2)->>'iat')::int BETWEEN 59 AND 90, 'from a minute ago');
SELECT last_bearer() AS first \gset
SELECT is(try('SELECT count(*) FROM jwt'), '1000', 'again');
SELECT is(last_bearer(), :'first', 'with the same token');
SELECT is(with_key(:'ec', 'ES256', $$, jwt_lifetime '1 hour'$$), '1000', 'ES256');
SELECT is(length(split_part(last_bearer(), '.', 3)), 86, 'has two numbers of 32 bytes');
SELECT is((SELECT count(*) FROM generate_series(1, 20) WHERE with_key(:'ec', 'ES256') = '1000'), 20::bigint, 'however they begin');
SELECT is(with_key(replace(:'rsa', '|', '\n')), '1000', 'line ends as JSON has them');
SELECT is(with_key(:'traditional'), '1000', 'a key in the older form');
SELECT is(with_key(:'ec', 'ES256', $$, jwt_lifetime '4 seconds'$$), '1000', 'a token that expires soon');
SELECT last_bearer() AS first \gset
SELECT pg_sleep(2.4);
SELECT is(try('SELECT count(*) FROM jwt'), '1000', 'and has expired');
SELECT isnt(last_bearer(), :'first', 'is made anew');
SELECT alike(with_key(:'unknown', 'ES256'), '28000%HTTP status 401%', 'a key that the source does not know');
SELECT is((SELECT count(*) FROM (SELECT status FROM control_log WHERE path LIKE '/auth/jwt/%' ORDER BY number DESC LIMIT 3) AS l
	WHERE status = 401), 2::bigint, 'is tried twice');

-- keys that are none
SELECT is(with_key(:'short'), 'HV024 the private key has too few or too many bits', 'a short key');
SELECT is(with_key(:'locked', 'ES256'), 'HV024 the private key is protected by a passphrase', 'a passphrase');
SELECT is(with_key(:'ec'), 'HV024 the private key is none of RSA', 'not RSA');
SELECT is(with_key(:'rsa', 'ES256'), 'HV024 the private key is none of the curve P-256', 'not a curve');
SELECT is(with_key(:'other_curve', 'ES256'), 'HV024 the private key is none of the curve P-256', 'not that curve');
SELECT is(with_key(:'public', 'ES256'), 'HV024 the private key is none', 'a public key');
SELECT is(with_key(left(:'rsa', 700)), 'HV024 the private key is none', 'half a key');
SELECT is(with_key('garbage-key'), 'HV024 the private key is none', 'garbage');
SELECT is(with_key(''), 'HV024 the private key is not given', 'no key');
SELECT is(with_key(:'rsa', options => $$, jwt_lifetime '2 days'$$), 'HV024 the lifetime of the JWT is none', 'too long a life');

-- asked for another token with it
SELECT is(with_key(:'rsa', options => format(', oauth_token_url %L', :'api' || '/token'), path => '/auth/oauth/paged/none'),
	'28000 "localhost", port ' || substring(:'api' FROM '[0-9]+$') || ' gives no token (HTTP status 400, invalid_grant)', 'no aud, no token');
CREATE FUNCTION manifest(auth text) RETURNS text LANGUAGE sql AS $$
	SELECT try(format('SELECT connkit_register_connector(%L)', '{"manifest": 1, "name": "robot", "version": "1",
		"options": {"site": {"on": "server"}, "part": {"on": "table"}, "email": {"on": "user"}, "key": {"on": "user", "secret": true}},
		"base_url": "{site}", "tables": {"item": {"path": "/auth/oauth/paged/none", "columns": {"id": "bigint"}}}, "auth": ' || auth || '}'))
$$;
SELECT alike(manifest('{"type": "jwt", "claims": {}}'), '%: auth.key: it is missing', 'a manifest without a key');
SELECT alike(manifest('{"type": "jwt", "key": "{key}"}'), '%: auth.claims: an object is expected', 'without claims');
SELECT alike(manifest('{"type": "jwt", "key": "{key}", "claims": {"a": ["{part}"]}}'), '%: auth.claims: "part" is an option of tables',
	'with an option of tables');
SELECT alike(manifest('{"type": "jwt", "key": "{key}", "claims": {"exp": 1}}'), '%: auth.claims: iat and exp are made%', 'with exp');
SELECT alike(manifest('{"type": "jwt", "key": "{key}", "claims": {}, "lifetime": "soon"}'), '%: auth.lifetime: %', 'with no lifetime');
SELECT is(manifest('{"type": "jwt", "algorithm": "ES256", "key": "{key}", "claims": {"iss": "{email}", "aud": "{site}/token", "scope": "a b"},
	"token_url": "{site}/token", "lifetime": "30 minutes"}'), 'connkit_robot', 'a good one');
SELECT replace(:'ec', '|', E'\n') AS key \gset
CREATE SERVER robot FOREIGN DATA WRAPPER connkit_robot OPTIONS (site :'api');
CREATE USER MAPPING FOR CURRENT_USER SERVER robot OPTIONS (email 'robot@example.org', key :'key');
CREATE FOREIGN TABLE robot (id bigint) SERVER robot OPTIONS (table_name 'item');
SELECT is(try('SELECT count(*) FROM robot'), '1000', 'asks for a token');
SELECT is((SELECT part(substring(body FROM 'assertion=(.*)'), 2) - 'iat' - 'exp' FROM control_log WHERE path = '/token'
	ORDER BY number DESC LIMIT 1), jsonb_build_object('iss', 'robot@example.org', 'aud', :'api' || '/token', 'scope', 'a b'), 'by its claims');

-- credentials that are not given are not sent
CREATE FUNCTION without(auth text, mapping text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('CREATE SERVER bare FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url %L, %s)', current_setting('test.api'), auth);
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER bare OPTIONS (%s)', mapping);
	CREATE FOREIGN TABLE bare (id bigint) SERVER bare OPTIONS (path '/paged/none?bare');
	PERFORM FROM bare;
	DROP SERVER bare CASCADE;
	SELECT coalesce(headers->>'authorization', headers->>'x-api-key', '') || regexp_replace(target, '.*bare=?&?', '') INTO found
		FROM control_log WHERE target LIKE '/paged/none?bare%' ORDER BY number DESC LIMIT 1;
	RETURN found;
END $$;
SELECT is(without($$auth 'basic'$$, 'user ''''') || without($$auth 'bearer'$$, 'user ''a''') || without($$auth 'api_key'$$, 'user ''a''') ||
	without($$auth 'api_key', api_key_in 'query'$$, 'user ''a'''), '', 'none of them');
SELECT is(without($$auth 'basic'$$, $$user 'me'$$), 'Basic bWU6', 'a user without a password');
SELECT is(without($$auth 'basic'$$, $$password 'pass'$$), 'Basic OnBhc3M=', 'a password without a user');

SELECT * FROM finish();
ROLLBACK;
