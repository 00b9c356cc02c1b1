-- What lies where.
CREATE TABLE stock (sku text NOT NULL, shelf text NOT NULL, quantity integer NOT NULL, PRIMARY KEY (sku, shelf));

INSERT INTO stock
	WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 599)
	SELECT printf('SKU-%04d', 1 + i % 300), char(65 + i / 300) || (i % 40), i * 7 % 100 FROM n;
ANALYZE;
