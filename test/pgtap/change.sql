-- change.sql: the values of a change are what the rows held, until the source has them.
\ir source.psql
\set mysql_port `echo $CK_MYSQL_PORT`
SELECT current_setting('data_directory') || '/change.db' AS file \gset
SELECT format($$COPY (SELECT 'CREATE TABLE t (id integer PRIMARY KEY, b blob, s text);') TO PROGRAM %L$$, format('rm -f %1$s; sqlite3 %1$s', :'file')) \gexec
CREATE SERVER file FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path :'file', updatable 'true', batch_size '3');
CREATE FOREIGN TABLE t (id int OPTIONS (key 'true'), b bytea, s text) SERVER file;

INSERT INTO t SELECT g, ('b' || g)::bytea, 's' || g FROM generate_series(1, 8) AS g;
SELECT results_eq('SELECT id, b, s FROM t ORDER BY id', 'SELECT g, (''b'' || g)::bytea, ''s'' || g FROM generate_series(1, 8) AS g',
	'every batch has its own values');
SELECT results_eq($$INSERT INTO t VALUES (9, decode(repeat('ab', 1000000), 'hex'), repeat('c', 1000000)) RETURNING id, length(b)$$,
	'VALUES (9, 1000000)', 'a long value is stored with RETURNING');
SELECT results_eq($$UPDATE t SET b = decode(repeat('cd', 1000000 + g), 'hex') FROM generate_series(0, 0) AS g WHERE id = 9 RETURNING id, length(b)$$,
	'VALUES (9, 1000000)', 'and changed');
SELECT results_eq('SELECT md5(b), md5(s) FROM t WHERE id = 9', $$SELECT md5(decode(repeat('cd', 1000000), 'hex')), md5(repeat('c', 1000000))$$,
	'and is what was given');

-- a value from behind an outer join, where columns are assigned in turn
SELECT connkit_create_source('shop', 'mysql', jsonb_build_object('host', 'localhost', 'port', :'mysql_port', 'dbname', 'source'),
	jsonb_build_object('user', 'ck_writer', 'password', :'password')) IS NULL AS ready \gset
CREATE FOREIGN TABLE m (id int OPTIONS (key 'true'), n int) SERVER shop;
SELECT lives_ok('EXPLAIN UPDATE m SET n = s.y FROM (SELECT 1 AS z) a LEFT JOIN (SELECT 5 AS y) s ON a.z = 1', 'is planned');
SELECT * FROM finish();
