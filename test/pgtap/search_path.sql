-- search_path.sql: what others have laid into the extension's schema, before it is installed or after, is not called.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT plan(6);
CREATE SCHEMA far;
DROP EXTENSION connkit CASCADE;
CREATE ROLE ck_layer;
GRANT CREATE, USAGE ON SCHEMA public TO ck_layer;

-- better matches than pg_catalog's own, each of which says who has called it
SET LOCAL ROLE ck_layer;
CREATE FUNCTION public.lay() RETURNS text LANGUAGE plpgsql AS $$BEGIN
	RAISE EXCEPTION 'laid in the way of %', current_user; END $$;
CREATE FUNCTION public.laid(name, text) RETURNS text LANGUAGE sql AS 'SELECT public.lay()';
CREATE OPERATOR public.|| (LEFTARG = name, RIGHTARG = text, FUNCTION = public.laid);
CREATE FUNCTION public.laid(oid, regclass) RETURNS boolean LANGUAGE sql AS 'SELECT public.lay() IS NULL';
CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.laid);
CREATE FUNCTION public.pg_extension_config_dump(text, text) RETURNS text LANGUAGE sql AS 'SELECT public.lay()';
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT public.lay()';
CREATE FUNCTION public.format(text, text, text) RETURNS text LANGUAGE sql AS 'SELECT public.lay()';
CREATE FUNCTION public.format(text, regclass, text) RETURNS text LANGUAGE sql AS 'SELECT public.lay()';
CREATE FUNCTION public.array_position(text[], text) RETURNS integer LANGUAGE sql AS 'SELECT 1 WHERE public.lay() IS NULL';
CREATE FUNCTION public.jsonb_build_object(text, text, text, text) RETURNS jsonb LANGUAGE sql AS 'SELECT public.lay()::jsonb';
CREATE FUNCTION public.lay_state(text, text, text) RETURNS text LANGUAGE sql AS 'SELECT public.lay()';
CREATE AGGREGATE public.jsonb_object_agg(text, text) (SFUNC = public.lay_state, STYPE = text);
RESET ROLE;

SELECT lives_ok('CREATE EXTENSION connkit SCHEMA public', 'it is installed');
SELECT is_empty($$SELECT pg_describe_object(d.classid, d.objid, 0), d.refobjid::regprocedure FROM pg_depend AS d
	WHERE d.refclassid = 'pg_proc'::regclass AND d.classid <> 'pg_operator'::regclass
		AND d.refobjid IN (SELECT oid FROM pg_proc WHERE proowner = 'ck_layer'::regrole)
		AND d.objid NOT IN (SELECT oid FROM pg_proc WHERE proowner = 'ck_layer'::regrole)
	UNION ALL SELECT pg_describe_object(d.classid, d.objid, 0), oprcode FROM pg_depend AS d JOIN pg_operator AS o ON o.oid = d.refobjid
	WHERE d.refclassid = 'pg_operator'::regclass AND oprowner = 'ck_layer'::regrole$$, 'nothing of it hangs on what was laid there');

CREATE SERVER ck_laid FOREIGN DATA WRAPPER connkit_null;
CREATE FOREIGN TABLE far.t (id bigint) SERVER ck_laid OPTIONS (table_name 't');
INSERT INTO connkit.discovery (source, made_by, strategy, include, exclude)
	SELECT 'ck_laid', current_user, 'balanced', '{}', '{}' FROM generate_series(1, 2);
INSERT INTO connkit.discovered_table (discovery, schema_name, table_name, kind, comment)
	SELECT id, '', 't', 'table', 'a comment ' || id FROM connkit.discovery;
SELECT connkit_set_secret('ck_laid', 'value') \g /dev/null
SELECT lives_ok('SELECT * FROM connkit.secret, connkit.source, connkit.compliance_report', 'views call what is PostgreSQL''s');
SELECT lives_ok($$SELECT connkit_drop_secret('ck_laid')$$, 'so do functions that work as the owner of the tables');
SELECT lives_ok('SELECT connkit_compare_discoveries(min(id), max(id)) FROM connkit.discovery', 'so does connkit_compare_discoveries');
SELECT is(connkit_import_comments('far'), 1::bigint, 'and connkit_import_comments');
SELECT * FROM finish();
ROLLBACK;
