-- catalog.sql: rules that hold for every object of the extension, whatever it is for.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SELECT plan(9);

CREATE TEMP VIEW member AS
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS what
	FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	WHERE e.extname = 'connkit' AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';

CREATE TEMP VIEW member_table AS
	SELECT c.* FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
	WHERE c.relkind IN ('r', 'p');

SELECT is_empty($$
	SELECT what FROM member m
	WHERE (classid IN ('pg_proc'::regclass, 'pg_foreign_data_wrapper'::regclass, 'pg_namespace'::regclass)
			OR classid = 'pg_class'::regclass AND objid IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'p')))
		AND coalesce(obj_description(objid, classid::regclass::name), '') = ''
	$$, 'every function, wrapper, table and view has a comment');

SELECT is_empty($$SELECT relname FROM member_table WHERE NOT relrowsecurity$$,
	'every table has row-level security');

SELECT is_empty($$
	SELECT relname FROM member_table
	WHERE oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'connkit') AND relname <> 'home'
	$$, 'every table is kept by pg_dump, but for what a restored database must not have');

SELECT is_empty($$
	SELECT what, a.privilege_type FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
		CROSS JOIN LATERAL aclexplode(c.relacl) a
	WHERE a.grantee = 0 AND a.privilege_type <> 'SELECT'
	$$, 'nobody but the owner writes to a table');

SELECT is_empty($$
	SELECT what FROM member m JOIN pg_foreign_data_wrapper w
		ON m.classid = 'pg_foreign_data_wrapper'::regclass AND m.objid = w.oid
	WHERE has_foreign_data_wrapper_privilege('public', w.oid, 'USAGE')
	$$, 'a wrapper is used by those who were granted it');

SELECT is_empty($$
	SELECT what FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
	WHERE p.prosecdef AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s LIKE 'search_path=%')
	$$, 'a function that runs with its owner''s rights has a search_path of its own');

SELECT is_empty($$
	SELECT what FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
		JOIN pg_namespace n ON n.oid = p.pronamespace
	WHERE n.nspname <> 'connkit' AND p.proname NOT LIKE 'connkit\_%'
	$$, 'functions outside the schema connkit begin with connkit_');

SELECT set_eq($$SELECT name FROM connkit.connector$$,
	$$SELECT substring(fdwname FROM '^connkit_(.*)') FROM pg_foreign_data_wrapper WHERE fdwname LIKE 'connkit\_%'$$,
	'connkit.connector lists each wrapper');

SELECT is_empty($$
	SELECT connector, name FROM connkit.connector_option WHERE coalesce(help, '') = '' OR secret AND 'server' = ANY (places)
	$$, 'every option has help, and no secret is taken by a server');

SELECT * FROM finish();
ROLLBACK;
