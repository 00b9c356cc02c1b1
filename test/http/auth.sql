-- Credentials that are asked for, signed or shown by TLS, of the double test/http/api.py at :api; files of certificates in :files.

BEGIN;
SELECT plan(43);
SET client_min_messages = warning;
SELECT set_config('test.api', :'api', false);

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (number int, path text, headers jsonb, body text, status int) SERVER api OPTIONS (path '/control/log');
CREATE FOREIGN TABLE revoke (x text) SERVER api OPTIONS (path '/control/revoke', method 'POST');
CREATE TABLE mark (number int);
INSERT INTO mark VALUES (0);

-- The requests since the last call: path and status of each.
CREATE FUNCTION asked() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
	last int;
BEGIN
	SELECT coalesce(string_agg(path || ' ' || status, ', ' ORDER BY l.number), ''), max(l.number) INTO found, last
		FROM control_log AS l, mark AS m WHERE l.number > m.number AND l.path NOT LIKE '/control%';
	UPDATE mark SET number = last WHERE last IS NOT NULL;
	RETURN found;
END $$;

-- What a statement gives, or its error.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE statement INTO found;
	RETURN found;
EXCEPTION WHEN query_canceled OR OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;

-- A server with a table of all records.
CREATE FUNCTION guard(server text, options text, mapping text, path text DEFAULT '/auth/oauth/paged/none') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('DROP SERVER IF EXISTS %I CASCADE', server);
	EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url %L, auth ''oauth2'', query_timeout ''3'', %s)',
		server, current_setting('test.api'), options);
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER %I OPTIONS (%s)', server, mapping);
	EXECUTE format('CREATE FOREIGN TABLE %I (id bigint) SERVER %1$I OPTIONS (path %L)', server, path);
END $$;
\set client '$$oauth_client_id \'client-1\', oauth_client_secret \'client secret\'$$'
\set url 'format(''oauth_token_url %L'', current_setting(''test.api'') || ''/token'')'

-- OAuth 2, client credentials
SELECT guard('plain', :url, :client);
SELECT is(try('SELECT count(*) FROM plain'), '1000', 'client credentials');
SELECT is(try('SELECT count(*) FROM plain'), '1000', 'and again');
SELECT is(asked(), '/token 200, /auth/oauth/paged/none 200, /auth/oauth/paged/none 200', 'with the token that was kept');
SELECT is((SELECT count(*) FROM revoke), 0::bigint, 'it is revoked');
SELECT is(try('SELECT count(*) FROM plain'), '1000', 'a revoked token');
SELECT is(asked(), '/auth/oauth/paged/none 401, /token 200, /auth/oauth/paged/none 200', 'is renewed once');
SELECT guard('in_header', :url || $$, oauth_credentials_in 'header', oauth_scope 'a b'$$, :client);
SELECT is(try('SELECT count(*) FROM in_header'), '1000', 'id and secret in a header');
SELECT is((SELECT body || ' ' || (headers->>'authorization' LIKE 'Basic %')::text FROM control_log WHERE path = '/token'
	ORDER BY number DESC LIMIT 1), 'grant_type=client_credentials&scope=a%20b true', 'and not in the body');
SELECT asked();
SELECT guard('refused', :url, :client, '/paged/none?_fault=status&_status=401');
SELECT alike(try('SELECT count(*) FROM refused'), '28000%HTTP status 401%', 'a new token that is refused too');
SELECT is(asked(), '/token 200, /paged/none 401, /token 200, /paged/none 401', 'is not renewed again');
SELECT guard('short', replace(:url, '/token', '/token?expires=2'), :client);
SELECT is(try('SELECT count(*) FROM short'), '1000', 'a token that expires soon');
SELECT pg_sleep(1.7);
SELECT is(try('SELECT count(*) FROM short'), '1000', 'and has expired');
SELECT is(asked(), '/token 200, /auth/oauth/paged/none 200, /token 200, /auth/oauth/paged/none 200', 'is not sent any more');

-- refresh tokens
SELECT guard('refresh', replace(:url, '/token', '/token?rotate=1') || $$, oauth_grant 'refresh_token'$$,
	:client || $$, oauth_refresh_token 'refresh-1'$$);
SELECT is(try('SELECT count(*) FROM refresh'), '1000', 'a refresh token');
SELECT is((SELECT count(*) FROM revoke), 0::bigint, 'its token is revoked');
SELECT is(try('SELECT count(*) FROM refresh'), '1000', 'the next is asked for by the refresh token that came with it');
SELECT is((SELECT string_agg((body LIKE '%&refresh_token=refresh-1&%')::text, ', ' ORDER BY number) FROM control_log
	WHERE path = '/token' AND body LIKE '%&refresh_token=%'), 'true, false', 'which is another');

-- what goes wrong
SELECT guard('wrong', :url, $$oauth_client_id 'client-1', oauth_client_secret 'wrong-secret'$$);
SELECT alike(try('SELECT count(*) FROM wrong'), '28000%gives no token (HTTP status 401, invalid_client)%', 'a wrong secret');
SELECT unalike(try('SELECT count(*) FROM wrong'), '%wrong-secret%', 'is not shown');
SELECT guard('wrong', :url || $$, oauth_grant 'refresh_token'$$, :client || $$, oauth_refresh_token 'refresh-1'$$);
SELECT alike(try('SELECT count(*) FROM wrong'), '28000%invalid_grant%', 'a refresh token that has served');
SELECT guard('wrong', $$oauth_scope 'a'$$, :client);
SELECT alike(try('SELECT count(*) FROM wrong'), 'HV024%not given%', 'no URL');
SELECT guard('wrong', $$oauth_token_url 'http://localhost:1/token'$$, :client);
SELECT alike(try('SELECT count(*) FROM wrong'), '08001%', 'nothing answers');
SELECT guard('wrong', $$oauth_token_url 'http://169.254.169.254/token'$$, :client);
SELECT alike(try('SELECT count(*) FROM wrong'), '42501%', 'an address that is not to be reached');

CREATE FUNCTION fault(fault text, settings text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM guard('faulty', format('oauth_token_url %L', current_setting('test.api') || '/token?_fault=' || fault || settings),
		$m$oauth_client_id 'client-1', oauth_client_secret 'client secret'$m$);
	RETURN left(try('SELECT count(*) FROM faulty'), 5);
END $$;
SELECT is((SELECT string_agg(f || ' ' || fault(f, s), ', ' ORDER BY n) FROM (VALUES (1, 'html', ''), (2, 'garbage', ''), (3, 'truncated', ''),
		(4, 'empty', ''), (5, 'null', ''), (6, 'scalar', ''), (7, 'status', '&_status=503'), (8, 'status', '&_status=404'),
		(9, 'redirect', '&_to=port'), (10, 'drop_before', ''), (11, 'drop_body', ''), (12, 'stall_body', ''), (13, 'big', ''),
		(14, 'chunked', '')) AS v(n, f, s)),
	'html 08P01, garbage 08P01, truncated 08P01, empty 08P01, null 08P01, scalar 08P01, status 08001, status 08P01, redirect 08P01, '
	'drop_before 08006, drop_body 08006, stall_body 57014, big 08P01, chunked 1000', 'faults where tokens are asked for');

-- a manifest
CREATE FUNCTION manifest(auth jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT try(format('SELECT connkit_register_connector(%L)', jsonb_build_object('manifest', 1, 'name', 'guarded', 'version', '1',
		'options', '{"site": {"on": "server"}, "secret": {"on": "user", "secret": true}, "part": {"on": "table"}}'::jsonb,
		'base_url', '{site}', 'auth', auth,
		'tables', '{"item": {"path": "/auth/oauth/paged/none", "columns": {"id": "bigint"}}}'::jsonb)))
$$;
SELECT alike(manifest('{"type": "oauth2", "token_url": "{site}/token"}'), '%: auth.client_id: it is missing', 'no client');
SELECT alike(manifest('{"type": "oauth2", "token_url": "{site}/token", "client_id": "{part}"}'),
	'%: auth.client_id: "part" is an option of tables', 'a table''s option');
SELECT alike(manifest('{"type": "oauth2", "token_url": "{site}/token", "client_id": "a", "grant": "refresh_token"}'),
	'%: auth.refresh_token: it is missing', 'no refresh token');
SELECT alike(manifest('{"type": "oauth2", "token_url": "{site}/token", "client_id": "a", "user": "b"}'),
	'%: auth.user: there is no such setting%', 'a setting of another kind');
SELECT is(manifest('{"type": "oauth2", "token_url": "{site}/token", "client_id": "client-1", "client_secret": "{secret}"}'),
	'connkit_guarded', 'a good one');
CREATE SERVER guarded FOREIGN DATA WRAPPER connkit_guarded OPTIONS (site :'api');
CREATE USER MAPPING FOR CURRENT_USER SERVER guarded OPTIONS (secret 'client secret');
CREATE FOREIGN TABLE guarded (id bigint) SERVER guarded OPTIONS (schema_name 'api', table_name 'item');
SELECT is(try('SELECT count(*) FROM guarded'), '1000', 'is read');

-- AWS
CREATE FUNCTION signs(options text, mapping text, service text DEFAULT 'execute-api') RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('CREATE SERVER aws FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url %L, auth ''aws_sigv4'',
		aws_region ''eu-central-1'', aws_service %L)', current_setting('test.api'), service);
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER aws OPTIONS (%s)', mapping);
	EXECUTE format('CREATE FOREIGN TABLE aws (id bigint, name text) SERVER aws OPTIONS (%s)', options);
	found := try('SELECT count(*) FROM aws WHERE name >= ''''');
	DROP SERVER aws CASCADE;
	RETURN found;
END $$;
\set key '$$aws_access_key_id \'AKIDEXAMPLE\', aws_secret_access_key \'aws secret\'$$'
SELECT is(signs($$path '/auth/sigv4/paged/none'$$, :key), '1000', 'a signature');
SELECT is(signs($$path '/auth/sigv4/paged/none'$$, :key || $$, aws_session_token 'a+b'$$), '1000', 'with a session token');
SELECT is((SELECT headers->>'x-amz-security-token' || ' ' || (headers->>'authorization' LIKE '%;x-amz-security-token%')::text
	FROM control_log WHERE path LIKE '%sigv4%' ORDER BY number DESC LIMIT 1), 'a+b true', 'which is signed too');
SELECT is(signs($$path '/auth/sigv4/paged/page?z=%2f&a', paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 300}',
	params '{"a-b": "x y/z", "n": "700", "a": "~*", "Z": "ü"}', request_headers '{"X-Amz-Meta-B": "a  b ", "x-amz-meta-a": "1"}'$$, :key), '700',
	'parameters and headers of AWS, each page');
SELECT is(signs($$path '/auth/sigv4/paged/none', body '{"n": 20}'$$, :key), '20', 'a body');
SELECT is(signs($$path '/auth/sigv4/items/%37'$$, :key), '1', 'a path with a character that is encoded');
SELECT is(signs($$path '/auth/sigv4/paged/none'$$, :key, 's3'), '1000', 'S3');
SELECT alike(signs($$path '/auth/sigv4/paged/none'$$, $$aws_access_key_id 'AKIDEXAMPLE', aws_secret_access_key 'wrong-secret'$$),
	'28000%HTTP status 401%', 'a wrong key');
SELECT alike(signs($$path '/auth/sigv4/paged/none'$$, $$aws_access_key_id 'AKIDEXAMPLE'$$), 'HV024%not all given%', 'no key');
SELECT alike(signs($$path '/paged/none?_fault=redirect&_to=port'$$, :key), '%answered with HTTP status 302%', 'no redirect is followed');
SELECT alike(manifest('{"type": "aws_sigv4", "region": "a", "service": "b", "access_key_id": "c"}'), '%: auth: region, service, %', 'manifest');

-- a client's certificate
\set authority :files '/ca.crt'
\set certificate :files '/client.crt'
\set key :files '/client.key'
CREATE SERVER certified FOREIGN DATA WRAPPER connkit_http
	OPTIONS (base_url :'tls', sslrootcert :'authority', sslcert :'certificate', sslkey :'key');
CREATE SERVER bare FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'tls', sslrootcert :'authority');
CREATE FOREIGN TABLE certified (id bigint) SERVER certified OPTIONS (path '/auth/mtls/paged/none');
CREATE FOREIGN TABLE bare (id bigint) SERVER bare OPTIONS (path '/auth/mtls/paged/none');
SELECT is(try('SELECT count(*) FROM certified'), '1000', 'a certificate');
SELECT alike(try('SELECT count(*) FROM bare'), '28000%HTTP status 401%', 'no certificate');

SELECT * FROM finish();
ROLLBACK;
