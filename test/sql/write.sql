-- INSERT, UPDATE, DELETE, TRUNCATE and COPY: what is asked of the source, and what is changed there.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
RESET client_min_messages;
CREATE SCHEMA write_source;
CREATE TYPE write_source.mood AS ENUM ('well', 'ill');
CREATE TABLE write_source.item (id int PRIMARY KEY, n int DEFAULT 7, label varchar(10), price numeric(8,2) CHECK (price >= 0),
	mood write_source.mood DEFAULT 'well', tags text[], at timestamptz DEFAULT '2026-01-01 UTC');
CREATE TABLE write_source.plain (a int, b text);
CREATE TABLE write_source.other (id int, n int);
INSERT INTO write_source.other SELECT g, g * 10 FROM generate_series(1, 4) g;
DO $$
BEGIN
	EXECUTE format('CREATE SERVER write_loop FOREIGN DATA WRAPPER connkit_postgres OPTIONS (host %L, port %L, dbname %L)',
				   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER write_loop OPTIONS (user :'USER');
CREATE SCHEMA write_far;
IMPORT FOREIGN SCHEMA write_source FROM SERVER write_loop INTO write_far;
SET search_path = write_far, public;
SET timezone = 'UTC';

-- INSERT: only the columns that are named
EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO item (id, label) VALUES (1, 'one');
INSERT INTO item (id, label) VALUES (1, 'one');
INSERT INTO item (id, mood, tags, price) VALUES (2, 'ill', '{a,NULL,"b c"}', 2.345), (3, NULL, NULL, NULL) RETURNING *;
EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO item (id) VALUES (4) RETURNING n + 1;
INSERT INTO item (id) VALUES (4) RETURNING n + 1;
INSERT INTO plain DEFAULT VALUES RETURNING *;
INSERT INTO item (id) VALUES (1);
INSERT INTO item (id, price) VALUES (9, -1);
INSERT INTO item (id, mood) VALUES (9, 'none');
INSERT INTO item (id, label) VALUES (9, 'more than ten');
EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO item (id) SELECT g FROM generate_series(1, 6) g ON CONFLICT DO NOTHING;
INSERT INTO item (id) SELECT g FROM generate_series(1, 6) g ON CONFLICT DO NOTHING;
INSERT INTO item (id) VALUES (1), (7) ON CONFLICT DO NOTHING RETURNING id;
COPY item (id, label) FROM stdin;
8	copied
\.
SELECT * FROM item ORDER BY id;

-- batches
ALTER SERVER write_loop OPTIONS (ADD batch_size '3');
EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO plain SELECT g, 'p' || g FROM generate_series(1, 10) g;
INSERT INTO plain SELECT g, 'p' || g FROM generate_series(1, 10) g;
SELECT count(*), sum(a), min(b) FROM write_source.plain;
-- of the source that is changed: the statement sees none of its own rows
INSERT INTO plain SELECT a + 10, b FROM plain WHERE a IS NOT NULL UNION ALL SELECT a + 20, b FROM plain WHERE a IS NOT NULL;
SELECT count(*), sum(a) FROM write_source.plain;

-- UPDATE and DELETE at the source
EXPLAIN (VERBOSE, COSTS OFF) UPDATE item SET n = n + 1, label = 'new', mood = 'ill', at = NULL WHERE id < 3;
UPDATE item SET n = n + 1, label = 'new', mood = 'ill', at = NULL WHERE id < 3;
EXPLAIN (VERBOSE, COSTS OFF) DELETE FROM item WHERE id = ANY ('{5,6}') RETURNING id, n;
DELETE FROM item WHERE id = ANY ('{5,6}') RETURNING id, n;
PREPARE change(int, text) AS UPDATE item SET label = $2 WHERE id = $1 RETURNING id, label;
EXECUTE change(1, 'a');
EXECUTE change(2, NULL);
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE change(1, 'a');
DEALLOCATE change;
SELECT id, n, label, mood, at FROM write_source.item ORDER BY id;

-- row by row, where something is to be computed here
EXPLAIN (VERBOSE, COSTS OFF) UPDATE item SET label = md5(label)::varchar(5) WHERE id > 2;
UPDATE item SET label = reverse(label) WHERE label > 'c' COLLATE "en-x-icu";
EXPLAIN (VERBOSE, COSTS OFF) DELETE FROM item USING other o WHERE o.id = item.id AND o.n >= 30;
DELETE FROM item USING other o WHERE o.id = item.id AND o.n >= 30;
UPDATE item SET n = o.n FROM (SELECT id, n FROM other UNION ALL SELECT id, n FROM other) o WHERE o.id = item.id RETURNING item.id, item.n;
-- a key that is not one
ALTER FOREIGN TABLE plain ALTER a OPTIONS (ADD key 'true');
EXPLAIN (VERBOSE, COSTS OFF) UPDATE plain SET b = lower(b);
INSERT INTO plain VALUES (1, 'twice');
UPDATE plain SET b = lower(b) WHERE a = 1;
UPDATE plain SET b = lower(b) WHERE a IS NULL;
ALTER FOREIGN TABLE plain ALTER a OPTIONS (DROP key);
-- sub-queries on the source that is changed
UPDATE item SET n = (SELECT count(*) FROM plain);
UPDATE item SET n = (SELECT count(*) FROM plain WHERE plain.a = item.id);
WITH moved AS (DELETE FROM other WHERE id = 1 RETURNING id, n) SELECT m.id, (SELECT count(*) FROM other) FROM moved m;
WITH moved AS (DELETE FROM other RETURNING id, n) INSERT INTO plain SELECT n, 'moved' FROM moved WHERE id > 2;
SELECT a, b FROM write_source.plain WHERE b = 'moved' ORDER BY a;
SELECT id, n, label FROM item ORDER BY id;

-- more than fits into memory is read before it is changed
SET work_mem = '64kB';
BEGIN;
INSERT INTO plain SELECT g, repeat('x', 50) FROM generate_series(1001, 4000) g;
UPDATE plain SET b = lower(b) WHERE a > 1000;
SELECT count(*), sum(a) FROM plain WHERE a > 1000;
ROLLBACK;
RESET work_mem;

-- transactions
BEGIN;
INSERT INTO item (id) VALUES (50);
SAVEPOINT one;
INSERT INTO item (id) VALUES (51);
SAVEPOINT two;
INSERT INTO item (id) VALUES (50);
ROLLBACK TO two;
DELETE FROM item WHERE id = 2;
RELEASE one;
SELECT array_agg(id ORDER BY id) FROM item;
SELECT array_agg(id ORDER BY id) FROM write_source.item;
COMMIT;
SELECT array_agg(id ORDER BY id) FROM write_source.item;
BEGIN;
DECLARE before CURSOR FOR SELECT id FROM item ORDER BY id;
DELETE FROM item;
FETCH ALL FROM before;
SELECT count(*) FROM item;
ROLLBACK;
BEGIN;
SELECT id FROM item WHERE id = 50 FOR UPDATE;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM item WHERE id = 50 FOR SHARE;
COMMIT;
-- a key that is checked when the source commits
ALTER TABLE write_source.other ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO other VALUES (1, 1), (1, 2);
COMMIT;
SELECT count(*) FROM write_source.other;
BEGIN READ ONLY;
SELECT count(*) FROM item;
DELETE FROM item;
ROLLBACK;

-- triggers and options
CREATE FUNCTION write_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% %: % -> %', TG_WHEN, TG_OP, CASE WHEN TG_OP <> 'INSERT' THEN OLD.id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW END;
	IF TG_WHEN = 'BEFORE' AND TG_OP <> 'DELETE' THEN NEW.label = 'trigger'; END IF;
	RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION write_tell();
CREATE TRIGGER after_row AFTER INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION write_tell();
INSERT INTO item (id, n, price) VALUES (60, 1, 1.005);
UPDATE item SET n = 2 WHERE id = 60;
DELETE FROM item WHERE id = 60;
DROP FUNCTION write_tell() CASCADE;
CREATE VIEW checked AS SELECT id, n FROM item WHERE n < 10 WITH CHECK OPTION;
INSERT INTO checked VALUES (61, 9);
UPDATE checked SET n = 11 WHERE id = 61;
ALTER FOREIGN TABLE item OPTIONS (ADD updatable 'false');
INSERT INTO item (id) VALUES (70);
SELECT pg_relation_is_updatable('item', false), pg_relation_is_updatable('plain', false);
ALTER FOREIGN TABLE item OPTIONS (DROP updatable);
ALTER SERVER write_loop OPTIONS (ADD updatable 'false');
UPDATE item SET n = 0;
ALTER SERVER write_loop OPTIONS (DROP updatable);
CREATE FOREIGN TABLE asked (id int) SERVER write_loop OPTIONS (query 'SELECT id FROM write_source.item');
DELETE FROM asked;

-- TRUNCATE
ALTER FOREIGN TABLE plain OPTIONS (ADD truncatable 'false');
TRUNCATE plain;
ALTER FOREIGN TABLE plain OPTIONS (DROP truncatable);
BEGIN;
TRUNCATE plain, item RESTART IDENTITY CASCADE;
SELECT count(*) FROM plain;
ROLLBACK;
SELECT count(*) FROM plain;

-- partitions of one source: each is read before any is changed
CREATE TABLE write_source.part1 (k int, v text);
CREATE TABLE write_source.part2 (k int, v text);
CREATE TABLE parts (k int, v text) PARTITION BY LIST (k);
CREATE FOREIGN TABLE part1 PARTITION OF parts FOR VALUES IN (1) SERVER write_loop OPTIONS (schema_name 'write_source');
CREATE FOREIGN TABLE part2 PARTITION OF parts FOR VALUES IN (2) SERVER write_loop OPTIONS (schema_name 'write_source');
CREATE TABLE part3 PARTITION OF parts FOR VALUES IN (3);
INSERT INTO parts SELECT 1 + g % 3, 'v' || g FROM generate_series(1, 6) g;
COPY parts FROM stdin;
1	copied
3	copied
\.
SET enable_async_append = off;
UPDATE parts SET v = v || repeat('!', k);
RESET enable_async_append;
UPDATE parts SET k = 1 WHERE k = 3;
UPDATE parts SET k = 4 - k WHERE v LIKE 'v%';
DELETE FROM parts WHERE v LIKE 'v1%' RETURNING tableoid::regclass, *;
SELECT tableoid::regclass, * FROM parts ORDER BY v;

-- a trigger of the source's keeps rows out: they are not counted, and not returned
CREATE TABLE write_source.kept (id int, n int);
CREATE FUNCTION write_source.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN NEW.n > 0 THEN NEW END; END $$;
CREATE TRIGGER keep BEFORE INSERT ON write_source.kept FOR EACH ROW EXECUTE FUNCTION write_source.keep();
CREATE FOREIGN TABLE kept (id int, n int) SERVER write_loop OPTIONS (schema_name 'write_source');
WITH i AS (INSERT INTO kept VALUES (1, 0), (2, 1) RETURNING id) SELECT array_agg(id) FROM i;
DO $$
DECLARE
	inserted bigint;
BEGIN
	INSERT INTO kept VALUES (3, 0), (4, 1);
	GET DIAGNOSTICS inserted = ROW_COUNT;
	RAISE NOTICE '% rows', inserted;
END $$;
SELECT * FROM kept ORDER BY id;
-- also of a batch that is not waited for
ALTER FOREIGN TABLE kept OPTIONS (ADD batch_size '3');
DO $$
DECLARE
	inserted bigint;
BEGIN
	FOR n IN 8..11 LOOP
		INSERT INTO kept SELECT -g, g % 2 FROM generate_series(1, n) g;
		GET DIAGNOSTICS inserted = ROW_COUNT;
		RAISE NOTICE '%: % rows', n, inserted;
	END LOOP;
END $$;
DELETE FROM kept WHERE id < 0;
-- or that it does not let change: they are passed over, by one statement there as row by row
ALTER TABLE write_source.kept DISABLE TRIGGER keep;
INSERT INTO kept VALUES (5, 0);
ALTER TABLE write_source.kept ENABLE TRIGGER keep;
CREATE FUNCTION write_source.stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN OLD.n > 0 THEN OLD END; END $$;
CREATE TRIGGER keep_update BEFORE UPDATE ON write_source.kept FOR EACH ROW EXECUTE FUNCTION write_source.keep();
CREATE TRIGGER stay BEFORE DELETE ON write_source.kept FOR EACH ROW EXECUTE FUNCTION write_source.stay();
WITH u AS (UPDATE kept SET n = n - 1 RETURNING id, n) SELECT array_agg(id), array_agg(n) FROM u;
WITH u AS (UPDATE kept SET n = n - 1 WHERE random() >= 0 RETURNING id, n) SELECT array_agg(id), array_agg(n) FROM u;
ALTER FOREIGN TABLE kept ALTER id OPTIONS (ADD key 'true');
WITH u AS (UPDATE kept SET n = n - 1 WHERE random() >= 0 RETURNING id, n) SELECT array_agg(id), array_agg(n) FROM u;
UPDATE write_source.kept SET n = 3 WHERE id < 5;
WITH u AS (UPDATE kept SET n = n - 1 WHERE random() >= 0 RETURNING id, n) SELECT array_agg(id), array_agg(n) FROM u;
WITH d AS (DELETE FROM kept WHERE random() >= 0 RETURNING id, n) SELECT array_agg(id), array_agg(n) FROM d;
SELECT * FROM write_source.kept ORDER BY id;

-- the last batch has failed before anybody is told of it
ALTER TABLE write_source.kept DISABLE TRIGGER ALL, ADD CHECK (n < 100);
CREATE FUNCTION write_told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'told'; RETURN NULL; END $$;
CREATE TRIGGER told AFTER INSERT ON kept EXECUTE FUNCTION write_told();
WITH i AS (INSERT INTO kept SELECT g, 100 FROM generate_series(1, 3) g) SELECT 1;
INSERT INTO kept SELECT g, 100 FROM generate_series(1, 3) g;
DROP FUNCTION write_told() CASCADE;

-- a row that is joined with several is changed once, by its key too
INSERT INTO write_source.other VALUES (201, 0), (202, 0);
CREATE FOREIGN TABLE key_other (id int OPTIONS (key 'true'), n int) SERVER write_loop
	OPTIONS (schema_name 'write_source', table_name 'other');
WITH u AS (UPDATE key_other o SET n = o.n + g FROM generate_series(1, 3) g WHERE o.id > 200 RETURNING o.id)
SELECT array_agg(id ORDER BY id) FROM u;
WITH d AS (DELETE FROM key_other o USING generate_series(1, 3) g WHERE o.id > 200 RETURNING o.id) SELECT array_agg(id ORDER BY id) FROM d;

-- rows of a view have no place
CREATE VIEW write_source.seen AS SELECT id, n FROM write_source.kept;
CREATE FOREIGN TABLE seen (id int, n int) SERVER write_loop OPTIONS (schema_name 'write_source');
UPDATE seen SET n = 7 WHERE random() >= 0;
UPDATE seen SET n = 7;
ALTER FOREIGN TABLE seen ALTER id OPTIONS (ADD key 'true');
UPDATE seen SET n = 8 WHERE random() >= 0;

-- a query changes nothing, whatever else the transaction does
CREATE FUNCTION write_source.writes() RETURNS int LANGUAGE sql AS 'INSERT INTO write_source.kept VALUES (99, 9) RETURNING n';
CREATE FOREIGN TABLE asked_to_write (n int) SERVER write_loop OPTIONS (query 'SELECT write_source.writes() AS n');
BEGIN;
INSERT INTO kept VALUES (20, 2);
SELECT * FROM connkit_query('write_loop', 'SELECT count(*) FROM write_source.kept WHERE id = 20') AS t(n int);
SAVEPOINT one;
SELECT * FROM connkit_query('write_loop', 'SELECT write_source.writes()') AS t(n int);
ROLLBACK TO one;
SELECT * FROM asked_to_write;
ROLLBACK TO one;
INSERT INTO kept VALUES (21, 2);
SELECT count(*) FROM kept WHERE id >= 20;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM asked_to_write;
COMMIT;
SELECT * FROM write_source.kept ORDER BY id;
SELECT connkit_execute('write_loop', 'SELECT id FROM write_source.kept'), connkit_execute('write_loop', 'CREATE TABLE write_source.made ()');

-- a column that the source computes comes back from a partition
CREATE TABLE write_source.computed (id int, a int, b int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE computed (id int, a int, b int GENERATED ALWAYS AS (a * 2) STORED) PARTITION BY LIST (id);
CREATE FOREIGN TABLE computed1 PARTITION OF computed FOR VALUES IN (1)
	SERVER write_loop OPTIONS (schema_name 'write_source', table_name 'computed');
INSERT INTO computed (id, a) VALUES (1, 5) RETURNING *;

-- rights are PostgreSQL's own: columns, policies of the partitioned table, a view's owner and its check
CREATE TABLE write_source.owned (id int PRIMARY KEY, owner text, n int DEFAULT 500);
INSERT INTO write_source.owned VALUES (1, 'write_user', 1), (2, 'other', 2);
CREATE TABLE owned (id int, owner text, n int) PARTITION BY LIST (owner);
CREATE FOREIGN TABLE owned1 PARTITION OF owned FOR VALUES IN ('write_user', 'other') SERVER write_loop
	OPTIONS (schema_name 'write_source', table_name 'owned');
CREATE ROLE write_user;
CREATE USER MAPPING FOR write_user SERVER write_loop OPTIONS (user :'USER', password_required 'false');
GRANT USAGE ON SCHEMA write_far TO write_user;
GRANT SELECT (id, n), INSERT (id, owner), UPDATE (n) ON owned1 TO write_user;
SET ROLE write_user;
UPDATE owned1 SET n = n + 10 WHERE id = 2;
UPDATE owned1 SET n = n + 1 WHERE id = 2 AND random() >= 0 RETURNING id, n;
UPDATE owned1 SET owner = 'write_user' WHERE id = 2;
UPDATE owned1 SET n = 0 RETURNING owner;
UPDATE owned1 SET n = 0 WHERE owner = 'other';
INSERT INTO owned1 (id, owner) VALUES (3, 'other') RETURNING id;
INSERT INTO owned1 (id, owner, n) VALUES (4, 'other', 4);
INSERT INTO owned1 (id, owner) VALUES (4, 'other') RETURNING owner;
DELETE FROM owned1;
TRUNCATE owned1;
RESET ROLE;
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON owned TO write_user USING (owner = current_user) WITH CHECK (owner = current_user AND n < 100);
GRANT ALL ON owned TO write_user;
SET ROLE write_user;
SELECT * FROM owned ORDER BY id;
UPDATE owned SET n = n + 1 RETURNING *;
UPDATE owned SET n = n + 1 WHERE random() >= 0 RETURNING *;
UPDATE owned SET n = 100;
UPDATE owned SET owner = 'other';
INSERT INTO owned VALUES (5, 'other', 5);
INSERT INTO owned VALUES (5, 'write_user', 500);
INSERT INTO owned (id, owner) VALUES (7, 'write_user') RETURNING *;
INSERT INTO owned VALUES (5, 'write_user', 5) RETURNING *;
DELETE FROM owned RETURNING id;
RESET ROLE;
CREATE VIEW few AS SELECT id, owner, n FROM owned1 WHERE n < 50 WITH CHECK OPTION;
CREATE VIEW fewer AS SELECT * FROM few WHERE id < 50 WITH LOCAL CHECK OPTION;
GRANT INSERT, UPDATE, SELECT ON fewer TO write_user;
SET ROLE write_user;
INSERT INTO fewer VALUES (10, 'other', 10) RETURNING n;
INSERT INTO fewer VALUES (51, 'other', 10);
INSERT INTO fewer VALUES (11, 'other', 60);
UPDATE fewer SET n = 60 WHERE id = 10;
UPDATE fewer SET n = 11 WHERE id = 10;
RESET ROLE;
SELECT * FROM write_source.owned ORDER BY id;
DROP OWNED BY write_user;
DROP ROLE write_user;

-- what a statement of the user's has set ends with its transaction
SELECT connkit_execute('write_loop', $$SELECT set_config('bytea_output', 'escape', false)$$);
SELECT * FROM connkit_query('write_loop', $$SELECT current_setting('bytea_output')$$) AS t(setting text);
BEGIN;
SELECT * FROM connkit_query('write_loop', $$SELECT set_config('bytea_output', 'escape', false)$$) AS t(setting text);
UPDATE kept SET n = n + 1 WHERE id = 2;
COMMIT;
SELECT * FROM connkit_query('write_loop', $$SELECT current_setting('bytea_output')$$) AS t(setting text);

SET client_min_messages = warning;
DROP SERVER write_loop CASCADE;
DROP SCHEMA write_far, write_source CASCADE;
