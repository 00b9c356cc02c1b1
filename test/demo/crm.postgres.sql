-- What sales knows of the shop's customers.
CREATE SCHEMA crm;

CREATE TYPE crm.segment AS ENUM ('small', 'middle', 'large');

CREATE TABLE crm.account (
	customer_id integer PRIMARY KEY,
	segment crm.segment NOT NULL,
	manager text NOT NULL,
	credit numeric(12,2),
	tags text[] NOT NULL DEFAULT '{}',
	since timestamptz NOT NULL
);
COMMENT ON TABLE crm.account IS 'one row a customer of the shop';

INSERT INTO crm.account
	SELECT i, (ARRAY['small', 'middle', 'large'])[1 + i % 3]::crm.segment,
		(ARRAY['Mara', 'Nils', 'Olga', 'Pavel'])[1 + i % 4], nullif(i % 50, 0) * 100, ARRAY['tag' || i % 3],
		timestamptz '2020-01-01 00:00+00' + i % 1800 * interval '1 day'
	FROM generate_series(1, 2000) i;

GRANT USAGE ON SCHEMA crm TO ck_reader;
ANALYZE;
