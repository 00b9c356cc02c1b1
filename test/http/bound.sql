-- Secrets that are bound to a host go only where a manifest's base_url leads, whatever its options are called.

BEGIN;
SELECT plan(7);
SET client_min_messages = warning;

SELECT connkit_set_secret('bound', 'token-1', hosts => ARRAY[split_part(:'api', '/', 3)]);
CREATE FUNCTION reads(api text, changes jsonb, site text DEFAULT NULL, proxy text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	PERFORM connkit_register_connector(jsonb_build_object('manifest', 1, 'name', 'bound', 'version', '1', 'title', 'Bound',
		'base_url', 'http://{site}', 'auth', '{"type": "bearer", "token": "{token}"}'::jsonb, 'options',
		jsonb_build_object('site', '{"on": "server"}'::jsonb, 'token', '{"on": "user", "secret": true}'::jsonb,
			'host', '{"on": "server", "default": "localhost"}'::jsonb,
			'port', jsonb_build_object('on', 'server', 'default', split_part(api, ':', 3))),
		'tables', '{"t": {"path": "/auth/bearer/items", "columns": {"id": "bigint"}}}'::jsonb) || changes);
	CREATE SERVER bound FOREIGN DATA WRAPPER connkit_bound;
	EXECUTE format('ALTER SERVER bound OPTIONS (site %L)', coalesce(site, split_part(api, '/', 3)));
	IF proxy IS NOT NULL THEN
		EXECUTE format('ALTER SERVER bound OPTIONS (proxy %L)', proxy);
	END IF;
	CREATE USER MAPPING FOR CURRENT_USER SERVER bound OPTIONS (token_secret 'bound');
	CREATE FOREIGN TABLE t (id bigint) SERVER bound;
	SELECT count(*) INTO found FROM t;
	RAISE '%', found;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
\set refused 'secret "bound" may not be sent to where source "bound" is'
SELECT is(reads(:'api', '{}'), '100', 'to the host that it is bound to');
SELECT is(reads(:'api', '{}', split_part(:'other', '/', 3)), :'refused', 'to another');
SELECT is(reads(:'api', jsonb_build_object('base_url', :'other')), :'refused', 'to another, beside an option called host');
SELECT is(reads(:'api', '{}', NULL, :'other'), :'refused', 'by a proxy');
SELECT is(reads(:'api', jsonb_build_object('auth', jsonb_build_object('type', 'oauth2', 'client_id', 'x', 'client_secret', '{token}',
	'token_url', :'other' || '/token'))), :'refused', 'to a server of tokens');
SELECT is(reads(:'api', jsonb_build_object('tables', jsonb_build_object('t', jsonb_build_object('url', :'other' || '/items?x={token}',
	'columns', '{"id": "bigint"}'::jsonb)))), :'refused', 'to an address in place of base_url');

-- What a header has of the user's stays behind where a redirect leads to another host.
SELECT reads(:'api', '{"tables": {"t": {"path": "/items?_fault=redirect&_to=port", "headers": {"X-Mine": "{token}", "X-Else": "1"},
	"columns": {"id": "bigint"}}}}');
CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url :'api');
CREATE FOREIGN TABLE control_log (path text, headers jsonb) SERVER api OPTIONS (path '/control/log');
SELECT is((SELECT array_agg(concat(headers ->> 'x-mine', headers ->> 'x-else'))
	FROM control_log WHERE path = '/items'), '{token-11,1}', 'a header of the user''s and another');

SELECT * FROM finish();
ROLLBACK;
