\pset null '-'
\pset footer off
\set QUIET off
\set ECHO all

------ The extension, and what it can connect to

CREATE EXTENSION connkit CASCADE;
SELECT name, title, version, capabilities, available FROM connkit.connector ORDER BY name;

------ Before anything is saved: does the connection work? First with a wrong password

SELECT * FROM connkit_test('mysql',
	jsonb_build_object('host', 'localhost', 'port', :'mysql_port', 'dbname', 'shop'),
	jsonb_build_object('user', 'ck_reader', 'password', 'wrong'));

------ A password, sealed by the client: neither the statement nor the log nor a dump holds it

SELECT connkit_public_key('shop_reader') AS key \gset
\setenv KEY :key
\set sealed `connkit_seal "$KEY" < "$CK_TMP/password"`
SELECT connkit_set_sealed_secret('shop_reader', :'sealed', hosts => '{localhost}');

------ Three sources: by native statements, in one call, and a file

CREATE SERVER shop FOREIGN DATA WRAPPER connkit_mysql
	OPTIONS (host 'localhost', port :'mysql_port', dbname 'shop', sslmode 'verify-full', sslrootcert :'ca');
CREATE USER MAPPING FOR PUBLIC SERVER shop OPTIONS (user 'ck_reader', password_secret 'shop_reader');

SELECT connkit_create_source('crm', 'postgres',
	jsonb_build_object('host', 'localhost', 'port', :'pg_port', 'dbname', 'source', 'sslmode', 'verify-full',
		'sslrootcert', :'ca'),
	jsonb_build_object('user', 'ck_reader', 'password', :'password'), test => true);

CREATE SERVER warehouse FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path :'file');
CREATE USER MAPPING FOR CURRENT_USER SERVER warehouse;

------ Each stage of the connection

SELECT * FROM connkit_test('shop');
SELECT * FROM connkit_test('crm');
SELECT * FROM connkit_test('warehouse');

------ What is there

SELECT * FROM connkit_discover('shop');
SELECT column_name, source_type, local_type, not_null, default_value, comment FROM connkit.discovered_column
	WHERE table_name = 'products' ORDER BY position;
SELECT name, connector, options FROM connkit.source ORDER BY name;

------ Tables, in one statement a source

CREATE SCHEMA shop;
CREATE SCHEMA crm;
CREATE SCHEMA warehouse;
IMPORT FOREIGN SCHEMA shop FROM SERVER shop INTO shop;
IMPORT FOREIGN SCHEMA crm FROM SERVER crm INTO crm;
IMPORT FOREIGN SCHEMA main FROM SERVER warehouse INTO warehouse;
\d shop.orders
\d crm.account
ANALYZE shop.orders, shop.customers, crm.account;

------ Queries: filter, order and limit are done at the source

SELECT id, customer_id, total, placed FROM shop.orders
	WHERE quantity = 4 AND total > 200 ORDER BY total DESC, id LIMIT 5;
EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT id, customer_id, total, placed FROM shop.orders
	WHERE quantity = 4 AND total > 200 ORDER BY total DESC, id LIMIT 5;

------ A join across MariaDB and PostgreSQL: the keys of one side are looked up on the other

SELECT a.manager, a.segment, c.name, o.total
	FROM crm.account a JOIN shop.customers c ON c.id = a.customer_id JOIN shop.orders o ON o.customer_id = c.id
	WHERE a.manager = 'Mara' AND a.credit > 4500 AND o.placed >= '2025-12-01' ORDER BY o.total DESC, c.id LIMIT 5;
EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT a.manager, c.name
	FROM crm.account a JOIN shop.customers c ON c.id = a.customer_id WHERE a.manager = 'Mara' AND a.credit > 4500;

------ And SQLite beside them

SELECT p.category, count(*) AS products, sum(s.quantity) AS in_stock
	FROM shop.products p JOIN warehouse.stock s ON s.sku = p.sku GROUP BY p.category ORDER BY p.category;

------ Syncs: orders by what is new, in a table that is made for them

CREATE SCHEMA copy;
SELECT connkit_create_sync('shop', 'orders', 'copy.orders', mode => 'incremental', write => 'merge', cursor_column => 'placed');
SELECT outcome, rows_read, inserted, updated, milliseconds, position FROM connkit_sync('shop.orders');
\! mariadb --socket="$CK_MYSQL_SOCKET" --user="$CK_MYSQL_ADMIN" shop -e "INSERT INTO orders SELECT id + 100000, customer_id, product_id, quantity, total, NOW(), status FROM orders WHERE id <= 3"
SELECT outcome, rows_read, inserted, updated, milliseconds, position FROM connkit_sync('shop.orders');

------ All tables of a source, in one call

SELECT * FROM connkit_create_syncs('crm', 'copy', settings => '{"create_indexes": true}');
SELECT sync_name, outcome, rows_read, inserted, milliseconds FROM connkit_sync('crm');
\d copy.account

------ In the background, every two seconds

SELECT * FROM connkit_schedule('shop.orders', '2 seconds');
SELECT sync_name, why, at > now() AS comes FROM connkit.next_runs ORDER BY at LIMIT 3;
SELECT pg_sleep(5) \g /dev/null
SELECT sync_name, trigger, state, rows_read, milliseconds FROM connkit.sync_run ORDER BY id;
SELECT connkit_schedule('shop.orders', '0 2 * * *', timezone => 'Europe/Berlin');

------ An API over HTTP needs no C: a manifest makes it a connector, here Prometheus' own

SELECT connkit_register_connector($${
	"manifest": 1, "name": "metrics", "version": "1.0", "title": "Metrics of a Prometheus",
	"options": {"url": {"on": "server", "required": true, "help": "http://host:port"}},
	"base_url": "{url}",
	"tables": {
		"sample": {
			"path": "/api/v1/query_range", "params": {"step": "1"}, "records": "data.result", "unnest": "values",
			"columns": {
				"query": {"type": "text", "comment": "in PromQL"},
				"time": {"type": "timestamptz", "path": "0", "format": "unix", "not_null": true},
				"value": {"type": "double precision", "path": "1"},
				"labels": {"type": "jsonb", "path": "metric"}
			},
			"filters": {
				"query": {"= in": {"param": "query", "most": 1, "exact": true, "required": true, "given": true}},
				"time": {">= >": "start", "<= <": "end"}
			}
		},
		"target": {
			"path": "/api/v1/targets", "records": "data.activeTargets", "key": ["url"],
			"columns": {
				"url": {"type": "text", "path": "scrapeUrl", "not_null": true}, "pool": {"type": "text", "path": "scrapePool"},
				"health": "text", "seconds": {"type": "double precision", "path": "lastScrapeDuration"}
			}
		}
	}
}$$);
CREATE SERVER metrics FOREIGN DATA WRAPPER connkit_metrics OPTIONS (url :'prometheus');
CREATE USER MAPPING FOR CURRENT_USER SERVER metrics;
SELECT * FROM connkit_test('metrics');
SELECT * FROM connkit_discover('metrics');
CREATE SCHEMA metrics;
IMPORT FOREIGN SCHEMA api FROM SERVER metrics INTO metrics;

SELECT date_trunc('second', time) AS time, value, labels FROM metrics.sample
	WHERE query = 'up' AND time BETWEEN now() - interval '10 seconds' AND now() ORDER BY time DESC LIMIT 3;
EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT max(value) FROM metrics.sample
	WHERE query = 'scrape_samples_scraped' AND time BETWEEN now() - interval '10 seconds' AND now();
SELECT connkit_create_sync('metrics', 'target', 'copy.target', mode => 'full_refresh', write => 'replace');
SELECT outcome, rows_read, inserted, milliseconds FROM connkit_sync('metrics.target');

------ Secrets: who uses them, and never what they are

SELECT name, owner, version, hosts, used_by FROM connkit.secret ORDER BY name;

------ Who did what, and what is not as it should be

SELECT role, action, object_type, object, outcome, detail FROM connkit.audit_log ORDER BY id DESC LIMIT 8;
SELECT source, finding, severity FROM connkit.compliance_report ORDER BY source, finding;
