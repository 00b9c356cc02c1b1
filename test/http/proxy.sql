-- Requests by a proxy, which the double test/http/api.py is too: at :api, of what is at :other and, through a tunnel, at :tls.

BEGIN;
SELECT plan(16);
SET client_min_messages = warning;
\set done `curl -s --noproxy '*' -X DELETE :api/control`
SELECT set_config('test.files', :'files', false);

CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (number int, method text, path text, target text, proxied boolean, headers jsonb) SERVER api
	OPTIONS (path '/control/log');

-- The rows at a base URL by a proxy, or what is told.
CREATE FUNCTION by_proxy(base text, proxy text, mapping text DEFAULT '', owner text DEFAULT 'postgres') RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('CREATE SERVER proxied FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url %L, proxy %L)', base, proxy);
	IF base LIKE 'https:%' THEN
		EXECUTE format('ALTER SERVER proxied OPTIONS (sslrootcert %L)', current_setting('test.files') || '/ca.crt');
	END IF;
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER proxied %s', mapping);
	EXECUTE format('ALTER SERVER proxied OWNER TO %I', owner);
	CREATE FOREIGN TABLE item (id bigint) SERVER proxied OPTIONS (path '/items?n=3');
	BEGIN
		SELECT count(*) INTO found FROM item;
	EXCEPTION WHEN OTHERS THEN found := sqlstate || ' ' || regexp_replace(sqlerrm, '^source "proxied": ', '');
	END;
	DROP SERVER proxied CASCADE;
	RETURN found;
END $$;
CREATE FUNCTION last_request() RETURNS text LANGUAGE sql AS $$
	SELECT method || ' ' || target || ' ' || proxied || ' ' || coalesce(headers->>'proxy-authorization', 'nobody') FROM control_log
	WHERE path NOT LIKE '/control%' ORDER BY number DESC LIMIT 1
$$;

SELECT is(by_proxy('http://nobody.invalid/', :'api'), '3', 'a host that the proxy alone knows');
SELECT is(last_request(), 'GET /items?n=3 true nobody', 'is asked for at the proxy');
SELECT is(by_proxy('http://nobody.invalid/', :'api', $$OPTIONS (proxy_user 'me@', proxy_password 'p/w d')$$), '3', 'with a user');
SELECT is(last_request(), 'GET /items?n=3 true Basic ' || encode('me@:p/w d'::bytea, 'base64'), 'whose name is told');
SELECT is(by_proxy(:'tls', :'api'), '3', 'a tunnel for https');
SELECT is((SELECT method || ' ' || split_part(target, ':', 1) FROM control_log WHERE method = 'CONNECT'), 'CONNECT localhost', 'by CONNECT');
SELECT alike(by_proxy('http://nobody.invalid/', 'http://me:pw@localhost:1'), 'HV024 the option proxy is no URL%', 'a user in the option is refused');
SELECT alike(by_proxy('http://nobody.invalid/', 'localhost:1'), 'HV024 the option proxy is no URL%', 'so is what is no URL');
SELECT alike(by_proxy('http://nobody.invalid/', 'http://localhost:1'), '08001 could not connect to "localhost", port 1%', 'no proxy');
SELECT alike(by_proxy('http://nobody.invalid/', 'http://nobody.invalid:1'), '08001 %nobody.invalid%', 'one that is not known');
SELECT alike(by_proxy(:'other', 'http://169.254.169.254'), '42501 %no source may be at%', 'a forbidden proxy');
SELECT alike(by_proxy('http://169.254.169.254', :'api'), '42501 %no source may be at%', 'a forbidden target');

-- Who is no superuser is bounded by connkit.allowed_hosts, for the proxy and for the target
CREATE ROLE ck_bounded;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_http TO ck_bounded;
SET connkit.allowed_hosts = '127.0.0.0/8, ::1, *.example.org';
SELECT is(by_proxy('http://api.example.org/', :'api', owner => 'ck_bounded'), '3', 'a name that is allowed');
SELECT alike(by_proxy('http://nobody.invalid/', :'api', owner => 'ck_bounded'), '42501 connecting to host "nobody.invalid", port 80 is not allowed',
	'a name that is not, though its address, which the proxy looks up, might be');
SELECT alike(by_proxy('http://192.0.2.1/', :'api', owner => 'ck_bounded'), '42501 connecting to host "192.0.2.1"%', 'an address that is not');
SET connkit.allowed_hosts = '*.example.org';
SELECT alike(by_proxy('http://api.example.org/', :'api', owner => 'ck_bounded'), '42501 connecting to host "localhost"%', 'a proxy that is not');

SELECT * FROM finish();
ROLLBACK;
