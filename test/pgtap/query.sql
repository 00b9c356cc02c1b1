-- query.sql: SQL of the users' own at a source: who may send it, what it cannot do, and the limits of what comes back.
\ir source.psql
\set mysql_port `echo $CK_MYSQL_PORT`
SELECT dblink_exec('source', 'DROP SCHEMA IF EXISTS own CASCADE; CREATE SCHEMA own; GRANT USAGE ON SCHEMA own TO ck_writer;
	CREATE TABLE own.t (id int PRIMARY KEY, name text, price numeric(8,2), at timestamptz, tags text[]);
	INSERT INTO own.t SELECT i, ''n'' || i, i * 1.5, ''2024-01-01 00:00+00''::timestamptz + i * interval ''1 hour'', ARRAY[''x'', ''t'' || i]
		FROM generate_series(1, 1000) AS i;
	CREATE FUNCTION own.touch() RETURNS int LANGUAGE sql AS ''UPDATE own.t SET price = 0 WHERE id = 1 RETURNING 1'';
	GRANT ALL ON own.t TO ck_writer') IS NULL AS ready \gset
CREATE SERVER writer FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host 'localhost', port :'port', dbname 'source');
CREATE USER MAPPING FOR PUBLIC SERVER writer OPTIONS (user 'ck_writer', password :'password');
SELECT connkit_create_source('shop', 'mysql', jsonb_build_object('host', 'localhost', 'port', :'mysql_port', 'dbname', 'source'),
	jsonb_build_object('user', 'ck_writer', 'password', :'password')) IS NULL AS ready \gset

-- rows
SELECT results_eq($$SELECT * FROM connkit_query('writer', 'SELECT * FROM own.t ORDER BY id DESC LIMIT 2')
	AS t(id bigint, name varchar(10), price numeric, at timestamp, tags text[])$$,
	$$VALUES (1000::bigint, 'n1000'::varchar(10), 1500.00, '2024-02-11 16:00'::timestamp, '{x,t1000}'::text[]),
		(999, 'n999', 1498.50, '2024-02-11 15:00', '{x,t999}')$$, 'rows come by position, in their order, in the types that are listed');
SELECT results_eq($$SELECT * FROM connkit_query('writer', 'SELECT id FROM own.t WHERE id < $1 AND name <> $2 AND at > $3 AND tags && $4',
	4, 'n1', '2024-01-01 00:30+00'::timestamptz, ARRAY['x']) AS t(id int)$$, $$VALUES (2), (3)$$, 'arguments are values');
SELECT is_empty($$SELECT * FROM connkit_query('writer', 'SELECT id FROM own.t WHERE name = $1', ''' OR true --') AS t(id int)$$, 'and nothing else');
SELECT results_eq($$SELECT * FROM connkit_query('writer', 'SELECT $1::int, $2', VARIADIC ARRAY[NULL, '7']) AS t(a int, b int)$$,
	$$VALUES (NULL::int, 7)$$, 'also as an array, and NULL');
SET datestyle = 'German';
SELECT results_eq($$SELECT * FROM connkit_query('writer', 'SELECT $1::date', '2024-02-03'::date) AS t(a date)$$, $$VALUES ('2024-02-03'::date)$$,
	'whatever the settings are here');
RESET datestyle;
SELECT results_eq($$SELECT * FROM connkit_query('shop', 'SELECT 1 AS a, ? AS b UNION SELECT 2, ''z'' ORDER BY a DESC -- the end ;', 'y') AS t(a int, b text)$$,
	$$VALUES (2, 'z'), (1, 'y')$$, 'at MySQL too, in their order');
SELECT results_eq($$SELECT count(*) FROM connkit_query('writer', 'SELECT generate_series(1, 200000)') AS t(a int)$$, $$VALUES (200000::bigint)$$, 'many rows');
SELECT results_eq($$SELECT g, a FROM generate_series(1, 2) AS g, LATERAL connkit_query('writer', 'SELECT $1::int * 10', g) AS t(a int)$$,
	$$VALUES (1, 10), (2, 20)$$, 'once for each outer row');
SELECT throws_ok($$SELECT * FROM connkit_query('writer', 'SELECT 1, 2') AS t(a int)$$, '42804',
	'source "writer": the query has 2 columns, and the column definition list has 1', 'both counts are told');
SELECT throws_ok($$SELECT * FROM connkit_query('shop', 'SELECT 1') AS t(a int, b int)$$, '42804',
	'source "shop": the query has 1 columns, and the column definition list has 2', 'the other way round too');
SELECT throws_ok($$SELECT connkit_query('writer', 'SELECT 1')$$, '0A000', NULL, 'it stands in FROM');
SELECT throws_like($$SELECT * FROM connkit_query('writer', 'SELECT 1.5') AS t(a date)$$, '%cannot cast%', 'a type that it cannot be');
SELECT results_eq($$SELECT * FROM connkit_describe_query('writer', 'SELECT id, price, tags, count(*) OVER () AS n, 1.5 FROM own.t')$$,
	$$VALUES (1, 'id', 'integer', 'integer'), (2, 'price', 'numeric(8,2)', 'numeric(8,2)'), (3, 'tags', 'text[]', 'text[]'),
		(4, 'n', 'bigint', 'bigint'), (5, '?column?', 'numeric', 'numeric')$$, 'the source tells the columns of a query');
SELECT results_eq($$SELECT name, source_type, local_type FROM connkit_describe_query('shop',
	'SELECT CAST(1.5 AS DECIMAL(5,2)) AS d, CAST(10000000000 AS UNSIGNED) AS u, CAST(''a'' AS CHAR(3)) AS c, CAST(''2024-01-01'' AS DATETIME(3)) AS t')$$,
	$$VALUES ('d', 'decimal(5,2)', 'numeric(5,2)'), ('u', 'bigint unsigned', 'numeric(20,0)'), ('c', 'varchar(3)', 'character varying(3)'),
		('t', 'datetime(3)', 'timestamp(3) without time zone')$$, 'MySQL as well');

-- one snapshot, and a session that lives on
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) AS before FROM connkit_query('writer', 'SELECT id FROM own.t') AS t(id int) \gset
SELECT dblink_exec('source', 'DELETE FROM own.t WHERE id = 1000') IS NULL AS ready \gset
SELECT is((SELECT count(*) FROM connkit_query('writer', 'SELECT id FROM own.t') AS t(id int)), :before::bigint, 'all of a transaction see one snapshot');
SAVEPOINT a;
SELECT throws_ok($$SELECT * FROM connkit_query('writer', 'SELECT nothing FROM own.t') AS t(id int)$$, '42703', NULL, 'what the source refuses');
ROLLBACK TO a;
SELECT is((SELECT count(*) FROM connkit_query('writer', 'SELECT id FROM own.t') AS t(id int)), :before::bigint, 'leaves the transaction as it was');
COMMIT;
CREATE FUNCTION cancelled(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN query_canceled THEN
	RETURN SQLERRM;
END $$;
\set sleep '$$SELECT * FROM connkit_query(\'writer\', \'SELECT pg_sleep(20)::text\') AS t(a text)$$'
SET statement_timeout = '300ms';
SELECT is(cancelled(:sleep), 'canceling statement due to statement timeout', 'it is cancelled');
RESET statement_timeout;
ALTER SERVER writer OPTIONS (ADD query_timeout '1');
SELECT is(cancelled(:sleep), 'source "writer": no answer within query_timeout', 'and has a deadline');
ALTER SERVER writer OPTIONS (DROP query_timeout);
SELECT is((SELECT n FROM dblink('source', 'SELECT count(*) FROM pg_stat_activity WHERE query LIKE ''%(20)%'' AND state = ''active'' AND pid <> pg_backend_pid()')
	AS d(n bigint)), 0::bigint, 'the source has stopped, too');

-- it changes nothing
SELECT throws_like(format($$SELECT * FROM connkit_query(%L, %L) AS t(a int)$$, source, query), message, source || ': ' || query) FROM (VALUES
	('writer', 'DELETE FROM own.t', 'the query is no SELECT'), ('writer', '/* SELECT */ UPDATE own.t SET id = 1', 'the query is no SELECT'),
	('writer', 'SELECT 1; DELETE FROM own.t', '%multiple commands%'), ('writer', 'SELECT 1) AS q; DELETE FROM own.t; SELECT 1 FROM (SELECT 1', '%syntax error%'),
	('writer', 'WITH d AS (DELETE FROM own.t RETURNING id) SELECT id FROM d', '%must be at the top level%'),
	('writer', 'SELECT 1 AS a INTO own.u', '%'), ('writer', 'SELECT 1 -- ) AS q; DELETE FROM own.t' || chr(10) || '; DELETE FROM own.t', '%multiple commands%'),
	('shop', 'DELETE FROM t', 'the query is no SELECT'), ('shop', '/*! DELETE FROM t */', '%'),
	('shop', 'SELECT 1 INTO OUTFILE ''/tmp/connkit''', '%gives no rows'), ('shop', 'SELECT 1 INTO @a', '%gives no rows'),
	('shop', 'SELECT 1) AS q UNION SELECT 1 INTO OUTFILE ''/tmp/connkit'' FROM (SELECT 1', '%error in your SQL syntax%'),
	('shop', 'SELECT 1; DELETE FROM t', '%error in your SQL syntax%')) AS v(source, query, message);
CREATE FOREIGN TABLE sly (a int) SERVER writer OPTIONS (query 'SELECT 1 AS a) AS q) TO STDOUT; COMMIT; DELETE FROM own.t; COPY (SELECT a FROM (SELECT 1 AS a');
SELECT throws_ok('SELECT * FROM sly', NULL, NULL, 'nor does a foreign table that is no query');
SELECT is((SELECT n FROM dblink('source', 'SELECT count(*) FROM own.t WHERE price > 0') AS d(n bigint)), 999::bigint, 'all is as it was');

-- statements
SELECT is(connkit_execute('writer', 'UPDATE own.t SET name = $1 WHERE id <= $2', 'it''s', 3), 3::bigint, 'a statement tells the rows affected');
BEGIN;
SELECT is(connkit_execute('writer', 'DELETE FROM own.t WHERE id > 500 RETURNING id'), 499::bigint, 'what it returns is left out');
SELECT is((SELECT count(*) FROM connkit_query('writer', 'SELECT id FROM own.t') AS t(id int)), 500::bigint, 'the transaction sees it');
SAVEPOINT a;
SELECT is(connkit_execute('writer', 'TRUNCATE own.t') IS NULL, true, 'the source does not say how many');
ROLLBACK TO a;
SELECT is((SELECT count(*) FROM connkit_query('writer', 'SELECT id FROM own.t') AS t(id int)), 500::bigint, 'a savepoint undoes it');
ROLLBACK;
SELECT is((SELECT count(*) FROM connkit_query('writer', 'SELECT id FROM own.t') AS t(id int)), 999::bigint, 'and the rollback');
SELECT throws_ok(format('SELECT connkit_execute(%L, %L)', source, statement), '0A000', NULL, statement) FROM (VALUES ('writer', 'COMMIT'),
	('writer', '/* a */ SET ROLE x'), ('writer', 'COPY own.t FROM STDIN'), ('shop', 'START TRANSACTION'), ('shop', 'CREATE TABLE own (a int)')) AS v(source, statement);
SELECT throws_ok($$SELECT connkit_execute('shop', '/*! COMMIT */')$$, '42601', NULL, 'nor what a comment hides');
BEGIN READ ONLY;
SELECT throws_ok($$SELECT connkit_execute('writer', 'DELETE FROM own.t')$$, '25006', NULL, 'not in a read-only transaction');
ROLLBACK;
ALTER SERVER writer OPTIONS (ADD updatable 'false');
SELECT throws_ok($$SELECT connkit_execute('writer', 'DELETE FROM own.t')$$, '42501', NULL, 'nor at a source that is not to be changed');
ALTER SERVER writer OPTIONS (DROP updatable);
SELECT is((SELECT new_value ->> 'statement' FROM connkit.audit_log WHERE action = 'execute' AND detail = '3 rows'),
	'UPDATE own.t SET name = $1 WHERE id <= $2', 'the audit log has the statement, without arguments');
SELECT is(connkit_execute('writer', $$UPDATE own.t SET name = 'geheim' WHERE id = 7 -- geheim$$), 1::bigint, 'one with a literal');
SELECT is_empty($$SELECT FROM connkit.audit_log AS l WHERE l::text LIKE '%geheim%'$$, 'or its literals');
SELECT throws_ok($$SELECT * FROM connkit_query('writer', 'SELECT own.touch()') AS t(a int)$$, '25006', NULL, 'a function may change nothing');
SELECT is((SELECT price > 0 FROM connkit_query('writer', 'SELECT price FROM own.t WHERE id = 1') AS t(price numeric)), true, 'and has not');

-- rights
CREATE ROLE ck_owner;
CREATE ROLE ck_group;
CREATE ROLE ck_analyst IN ROLE ck_group;
CREATE ROLE ck_reader_of_tables;
GRANT USAGE ON FOREIGN DATA WRAPPER connkit_postgres TO ck_owner;
ALTER SERVER writer OWNER TO ck_owner;
GRANT CREATE ON SCHEMA public TO ck_analyst, ck_owner;
CREATE FUNCTION tried(role name, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	body text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	IF call LIKE 'SELECT%' THEN
		EXECUTE call INTO body;
	ELSE
		EXECUTE call;
	END IF;
	RESET ROLE;
	RETURN body;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
\set one '$$SELECT a FROM connkit_query(\'writer\', \'SELECT 1\') AS t(a int)$$'
SELECT is(tried('ck_owner', :one), '1', 'the owner may');
SELECT matches(tried('ck_analyst', :one), '42501 permission denied for foreign server', 'who has no USAGE may not');
GRANT USAGE ON FOREIGN SERVER writer TO ck_analyst;
SELECT is(tried('ck_analyst', :one), '42501 no right "query" on source "writer"', 'USAGE is not enough');
SELECT matches(tried('ck_analyst', $$SELECT name FROM connkit_describe_query('writer', 'SELECT 1')$$), '^42501', 'nor to have it described');
SELECT is(tried('ck_analyst', $$CREATE FOREIGN TABLE public.mine (a int) SERVER writer OPTIONS (query 'SELECT 1 AS a')$$), NULL, 'a table that is a query can be made');
SELECT matches(tried('ck_analyst', 'SELECT a FROM public.mine'), '^42501 .*has no right "query"', 'and not read');
SELECT matches(tried('ck_analyst', $$SELECT connkit_grant_source('writer', 'query', 'ck_analyst')$$), '^42501 must be owner', 'he cannot help himself');
SELECT is(tried('ck_owner', $$SELECT connkit_grant_source('writer', 'query', 'ck_group')$$), '', 'the owner gives the right');
SELECT is(tried('ck_analyst', :one), '1', 'to a role, and its members have it');
SELECT is(tried('ck_analyst', 'SELECT a FROM public.mine'), '1', 'for tables too');
GRANT SELECT ON public.mine TO ck_reader_of_tables;
SELECT is(tried('ck_reader_of_tables', 'SELECT a FROM public.mine'), '1', 'who reads such a table needs none');
SELECT matches(tried('ck_reader_of_tables', :one), '^42501', 'and has none');
SELECT matches(tried('ck_analyst', $$SELECT connkit_execute('writer', 'SELECT 1')$$), '^42501 no right "execute"', 'the rights are apart');
SELECT is(tried('ck_analyst', 'SELECT string_agg(privilege || grantee, '','') FROM connkit.source_grant'), 'queryck_group', 'who has it sees it');
SELECT is(tried('ck_reader_of_tables', 'SELECT count(*) FROM connkit.source_grant'), '0', 'nobody else');
SELECT matches(tried('ck_owner', $$SELECT connkit_grant_source('writer', 'all', 'ck_group')$$), '^22023', 'there are two rights');
ALTER SERVER writer RENAME TO renamed;
SELECT is((SELECT source FROM connkit.source_grant), 'renamed', 'the right follows the source');
ALTER SERVER renamed RENAME TO writer;
SELECT is(tried('ck_owner', $$SELECT connkit_revoke_source('writer', 'query', 'ck_group')$$), '', 'it is taken back');
SELECT matches(tried('ck_analyst', :one), '^42501', 'and gone');
SELECT matches(tried('ck_analyst', 'SELECT a FROM public.mine'), '^42501', 'for tables too');
SELECT set_eq($$SELECT action || ' ' || outcome || ' ' || coalesce(detail, '') FROM connkit.audit_log WHERE object = 'writer' AND action IN ('grant', 'revoke', 'query')
	AND detail IS NOT NULL$$, $$VALUES ('grant ok USAGE to ck_analyst'), ('grant ok query to role ck_group'), ('revoke ok query from role ck_group'), ('grant refused must be owner of source "writer"'),
	('query refused permission denied for foreign server writer'), ('query refused no right "query" on source "writer"')$$, 'all of it is in the audit log');
SELECT connkit_grant_source('shop', 'execute', 'ck_group') IS NULL AS ready \gset
DROP SERVER shop CASCADE;
SELECT is_empty('SELECT * FROM connkit.source_grant', 'what was granted goes with the source');

-- limits
CREATE SCHEMA own;
IMPORT FOREIGN SCHEMA own FROM SERVER writer INTO own;
CREATE FUNCTION raised(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || substring(SQLERRM FROM 'more than.*received');
END $$;
ALTER SERVER writer OPTIONS (ADD max_rows '10');
SELECT is(raised('SELECT * FROM own.t'), '54000more than 10 rows were received', 'a scan ends at max_rows');
SELECT is(raised('SELECT * FROM own.t LIMIT 10'), 'done', 'and not before');
SELECT is(raised('SELECT * FROM own.t ORDER BY id, random() LIMIT 1'), '54000more than 10 rows were received', 'what is received counts, not what is shown');
SELECT is(raised($$SELECT * FROM connkit_query('writer', 'SELECT id FROM own.t') AS t(id int)$$), '54000more than 10 rows were received', 'connkit_query() too');
SELECT is(raised('ANALYZE own.t'), 'done', 'ANALYZE reads what it needs');
SELECT connkit_create_sync('writer', 'own.t', 'public.copy', name => 'copy') IS NULL AS ready \gset
SELECT is((SELECT outcome || ' ' || inserted FROM connkit_sync('copy')), 'succeeded 999', 'a sync reads all there is');
ALTER FOREIGN TABLE own.t OPTIONS (ADD max_rows '20');
SELECT is(raised('SELECT * FROM own.t'), '54000more than 10 rows were received', 'a table does not widen the limit of its server');
ALTER FOREIGN TABLE own.t OPTIONS (SET max_rows '5');
SELECT is(raised('SELECT * FROM own.t'), '54000more than 5 rows were received', 'it narrows it');
ALTER FOREIGN TABLE own.t OPTIONS (DROP max_rows);
ALTER SERVER writer OPTIONS (DROP max_rows, ADD max_bytes '1000');
SELECT is(raised('SELECT * FROM own.t'), '54000more than 1000 bytes were received', 'a scan ends at max_bytes');
SELECT is(raised('SELECT id FROM own.t WHERE id < 10'), 'done', 'and not before');
BEGIN;
SELECT is(raised('SELECT * FROM own.t'), '54000more than 1000 bytes were received', 'within a transaction');
SELECT is((SELECT count(*) FROM own.t WHERE id < 5), 4::bigint, 'that goes on');
COMMIT;
SELECT is((SELECT n FROM dblink('source', 'SELECT count(*) FROM pg_stat_activity WHERE usename = ''ck_writer'' AND state = ''active''') AS d(n bigint)), 0::bigint,
	'the source does no more for it');

-- more than the source aggregates
SELECT connkit_create_source('words', 'mysql', jsonb_build_object('host', 'localhost', 'port', :'mysql_port', 'dbname', 'source'),
	jsonb_build_object('user', 'ck_reader', 'password', :'password')) IS NULL AS ready \gset
CREATE FOREIGN TABLE own.big (id int, v text) SERVER words OPTIONS (use_remote_estimate 'false',
	query 'SELECT a.n * 9 + b.n AS id, REPEAT(''x'', 1000000) AS v FROM (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4
	UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8) a, (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4
	UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8) b');
SELECT throws_like('SELECT length(string_agg(v, '','' ORDER BY id)) FROM own.big', '%the source has cut a value of string_agg() at %',
	'MySQL cuts what is too long, which is seen');
SELECT throws_like('SELECT id - id % 70, length(string_agg(v, '','' ORDER BY id)) FROM own.big GROUP BY id - id % 70 LIMIT 1', '%the source has cut%',
	'before the end too');
SELECT results_eq('SELECT length(string_agg(v, '','' ORDER BY id)) FROM own.big WHERE id < 3', 'VALUES (3000002)', 'the rest goes on');

SELECT throws_ok('SELECT * FROM connkit.remote_query_log', '55000', NULL, 'the query log needs the module preloaded');
SELECT dblink_exec('source', 'DROP SCHEMA own CASCADE') IS NULL AS ready \gset
SELECT * FROM finish();
