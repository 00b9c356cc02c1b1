-- postgres.source.sql: makes a PostgreSQL source's tables unlike the judge's: collations, indexes, column types.

CREATE COLLATION ignores_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION ignores_accents (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE COLLATION ignores_blanks (provider = icu, locale = 'und-u-ka-shifted-ks-level1', deterministic = false);
ALTER TABLE t ALTER s TYPE varchar(80) COLLATE :one, ALTER x TYPE text COLLATE :two,
	ALTER xc TYPE text COLLATE :three, ALTER c TYPE char(10) COLLATE :one;
ALTER TABLE words ALTER w TYPE varchar(80) COLLATE :one, ALTER wt TYPE text COLLATE :two, ALTER wc TYPE text COLLATE :three,
	ALTER wf TYPE text COLLATE :two;
ALTER TABLE u ALTER ks TYPE varchar(80) COLLATE :one, ALTER kc TYPE text COLLATE :three;
CREATE INDEX ON t (i4);
CREATE INDEX ON t (s);
CREATE INDEX ON t (d);
CREATE INDEX ON t (xc);
CREATE INDEX ON words (w);
CREATE INDEX ON words (wc);
CREATE INDEX ON u (t_id);
ALTER TABLE v ALTER wide TYPE int, ALTER shown TYPE int USING shown::int, ALTER digits TYPE varchar(20),
	ALTER narrow TYPE float8 USING narrow::text::float8, ALTER day TYPE timestamp, ALTER flag TYPE int USING flag::int,
	ALTER amount TYPE float8, ALTER fixed TYPE varchar(20);
ALTER TABLE v RENAME "Odd ""`Name" TO "odd ""`name";
UPDATE v SET digits = CASE digits WHEN '7' THEN '007' WHEN '42' THEN ' 42' WHEN '2' THEN '+2' ELSE digits END;
UPDATE v SET flag = 2 WHERE flag = 1 AND id > 20;
UPDATE v SET fixed = 'a b  ' WHERE fixed = 'a b';

-- what the declared types round when it is read
ALTER TABLE p ALTER rough TYPE numeric, ALTER sec TYPE timestamp, ALTER tenth TYPE time, ALTER months TYPE interval;
UPDATE p SET rough = rough - 0.004 * sign(rough) WHERE id % 2 = 0;
UPDATE p SET sec = sec - interval '0.4 s' WHERE id % 2 = 0;
UPDATE p SET tenth = tenth + interval '0.04 s' WHERE id % 2 = 0;
UPDATE p SET months = months + interval '3 days' WHERE id % 2 = 0;
