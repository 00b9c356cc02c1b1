-- A small web shop: 2,000 customers, 300 products, 10,000 orders.
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;

CREATE TABLE customers (
	id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name varchar(80) NOT NULL,
	email varchar(120) NOT NULL UNIQUE,
	country char(2) NOT NULL COMMENT 'ISO 3166-1',
	active boolean NOT NULL DEFAULT true,
	joined date NOT NULL
) COMMENT 'who buys';

CREATE TABLE products (
	id int unsigned NOT NULL PRIMARY KEY,
	sku varchar(20) NOT NULL UNIQUE,
	title varchar(100) NOT NULL,
	price decimal(10,2) NOT NULL,
	category enum('book', 'music', 'game', 'tool') NOT NULL,
	details json
);

CREATE TABLE orders (
	id bigint NOT NULL PRIMARY KEY,
	customer_id int unsigned NOT NULL,
	product_id int unsigned NOT NULL,
	quantity smallint NOT NULL,
	total decimal(12,2) NOT NULL,
	placed datetime(3) NOT NULL,
	status varchar(12) NOT NULL,
	KEY (placed),
	FOREIGN KEY (customer_id) REFERENCES customers (id),
	FOREIGN KEY (product_id) REFERENCES products (id)
);

INSERT INTO customers (name, email, country, active, joined)
	SELECT CONCAT(ELT(1 + seq % 6, 'Ada', 'Björn', 'Chloé', 'Dmitri', 'Emine', 'Farid'), ' ',
			ELT(1 + seq % 7, 'Lovelace', 'Ångström', 'Noether', 'Çelik', 'Okafor', 'Tanaka', 'Silva')),
		CONCAT('customer', seq, '@example.com'), ELT(1 + seq % 5, 'DE', 'FR', 'SE', 'JP', 'BR'), seq % 11 > 0,
		DATE '2020-01-01' + INTERVAL seq % 1800 DAY
	FROM seq_1_to_2000;

INSERT INTO products
	SELECT seq, CONCAT('SKU-', LPAD(seq, 4, '0')), CONCAT('Product number ', seq), 5 + (seq * 37 % 9500) / 100,
		ELT(1 + seq % 4, 'book', 'music', 'game', 'tool'), JSON_OBJECT('weight_g', seq * 13 % 900, 'fragile', seq % 9 = 0)
	FROM seq_1_to_300;

INSERT INTO orders
	SELECT s.seq, 1 + s.seq * 7919 % 2000, p.id, 1 + s.seq % 4, p.price * (1 + s.seq % 4),
		TIMESTAMP '2025-01-01 08:00:00' + INTERVAL s.seq * 53 MINUTE,
		ELT(1 + s.seq % 4, 'new', 'paid', 'shipped', 'returned')
	FROM seq_1_to_10000 s JOIN products p ON p.id = 1 + s.seq * 31 % 300;

ANALYZE TABLE customers, products, orders;
