-- Each line is a statement; "-- not sqlite mysql: statement" is left out at these sources; "fails: statement" is an error.
INSERT INTO w VALUES (1, 1, 1, 1.5, 0.5, 1.5, true, 'one', 'eins', '\x00ff', '2026-01-02', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678901+02', '03:04:05.678901', '{"a": [1, 2, null]}')
INSERT INTO w (id) VALUES (2)
INSERT INTO w (id, i) VALUES (0, 5) RETURNING id
DELETE FROM w WHERE id = 0
INSERT INTO w (id, i, s, f, r) VALUES (3, 9223372036854775807, 32767, 1.7976931348623157e308, 3.4e38), (4, -9223372036854775808, -32768, 5e-324, 1e-37), (5, 0, 0, -0.1, 16777216)
INSERT INTO w (id, n) VALUES (6, 123456789.123), (7, -0.001), (8, 0), (9, 999999999.999)
INSERT INTO w (id, t, v) VALUES (10, '', ''), (11, 'it''s "quoted" \ and %', 'a\b'), (12, 'äöü €𝄞', 'ß'), (13, E'line\nbreak\ttab', ' blanks ')
INSERT INTO w (id, t) VALUES (14, '007'), (15, '1e3'), (16, 'NULL'), (17, repeat('x', 100000))
INSERT INTO w (id, y) VALUES (20, ''), (21, '\x'), (22, decode(repeat('00ff27', 1000), 'hex'))
INSERT INTO w (id, d, ts) VALUES (30, '1000-01-01', '1000-01-01 00:00:00'), (31, '2024-02-29', '2024-02-29 23:59:59.999999'), (32, '9998-12-30', '9998-12-30 12:00')
INSERT INTO w (id, tz) VALUES (33, '1970-01-02 00:00:00+00'), (34, '2026-07-01 12:00:00+02'), (35, '2037-12-31 23:59:59.5+00')
INSERT INTO w (id, ti) VALUES (36, '00:00'), (37, '23:59:59.999999')
INSERT INTO w (id, j) VALUES (40, 'null'), (41, '"text"'), (42, '{"k": "ä\" \\ b", "n": 1.5}'), (43, '[]'), (44, '12345')
INSERT INTO w (id, b) VALUES (50, true), (51, false), (52, NULL)
fails: INSERT INTO w (id) VALUES (1)
INSERT INTO w (id, i) SELECT 100 + g, g FROM generate_series(1, 50) g
INSERT INTO w (id, i) SELECT 100 + g, -g FROM generate_series(49, 55) g ON CONFLICT DO NOTHING
INSERT INTO w (id, i) SELECT 100 + g, -g FROM generate_series(54, 57) g ON CONFLICT DO NOTHING RETURNING id
INSERT INTO w (id, i) SELECT id + 1000, i FROM w WHERE id > 100
INSERT INTO w SELECT id + 5000, i, s, f, r, n, b, t, v, y, d, ts, tz, ti, j FROM w WHERE id < 60
INSERT INTO o SELECT g, g * 2 FROM generate_series(100, 120) g
UPDATE w SET i = i + 1 WHERE id BETWEEN 101 AND 110
fails: UPDATE w SET i = i + 1 WHERE id = 3
fails: UPDATE w SET n = n * 2 WHERE id < 10
UPDATE w SET i = NULL, t = 'changed', n = n * 2, b = NOT b WHERE id < 9
fails: UPDATE w SET s = s + 1 WHERE id = 3
fails: UPDATE w SET v = 'longer than twenty characters' WHERE id = 1
UPDATE w SET t = upper(t), v = left(v, 3) WHERE t IS NOT NULL AND id <> 17
UPDATE w SET f = 'NaN'::float8 - 'NaN' WHERE id = 987
UPDATE w SET d = d + 1, ts = ts + interval '1 day 00:00:00.000001', tz = tz - interval '1 hour' WHERE id IN (1, 31, 34)
UPDATE w SET j = j || '{"b": 2}' WHERE id IN (1, 42)
UPDATE w SET y = y || '\x2700' WHERE y IS NOT NULL
UPDATE w SET i = o.x FROM o WHERE o.id = w.id
UPDATE w SET i = (SELECT count(*) FROM o)
INSERT INTO o VALUES (90, 1), (90, 2), (91, 1)
UPDATE o SET x = o.x + 10 FROM (VALUES (90), (90), (91)) d (id) WHERE d.id = o.id
DELETE FROM o USING (VALUES (90, 11), (91, 11), (91, 11)) d (id, x) WHERE d.id = o.id AND d.x <= o.x
SELECT * FROM o WHERE id < 100
UPDATE w SET id = id + 5000 WHERE id > 1100
fails: UPDATE w SET id = 1 WHERE id = 2
UPDATE w SET i = id, id = -id WHERE id = 50
UPDATE w SET i = 77 WHERE t = '007'
UPDATE w SET i = 78 WHERE b
UPDATE w SET i = 79 WHERE b IS NULL AND n > 1
UPDATE w SET i = 80 WHERE ts >= '2024-02-29 23:59:59.999999' AND ts < '2025-01-01'
UPDATE w SET i = 81 WHERE v LIKE 'A%' OR t LIKE '%Ä%'
DELETE FROM w WHERE id = 999
DELETE FROM w WHERE id > 5000
DELETE FROM w USING o WHERE o.id = w.id AND o.x % 3 = 0
DELETE FROM w WHERE t = '' OR n = -0.002
DELETE FROM w WHERE EXISTS (SELECT FROM o WHERE o.id = w.id)
UPDATE w SET i = i * 2, t = 'x' || id WHERE id BETWEEN 2 AND 5 RETURNING id, i, t, s, b
UPDATE w SET id = id + 700, v = left(md5(id::text), 5) WHERE id IN (2, 4) AND md5(id::text) IS NOT NULL RETURNING id, v, ts, n
WITH d AS (DELETE FROM w WHERE id > 700 AND md5(id::text) IS NOT NULL RETURNING *) SELECT id, v, s FROM d ORDER BY id
INSERT INTO w (id, t, n, j) VALUES (800, '007', 1.5, '[1]'), (801, NULL, NULL, NULL) RETURNING id, t, n, s, j
SET work_mem = '64kB'
INSERT INTO w (id, i) SELECT 10000 + g, 0 FROM generate_series(1, 2100) g
UPDATE w SET i = i + 1, s = CASE WHEN d.g > 0 THEN 1 END FROM (SELECT 10001 + g % 2100 AS id, g FROM generate_series(1, 4200) g) d WHERE d.id = w.id
SELECT i, s, count(*) FROM w WHERE id > 10000 GROUP BY i, s
DELETE FROM w WHERE id > 10100
DELETE FROM w USING (SELECT 10000 + g % 200 AS id FROM generate_series(1, 600) g) g WHERE w.id = g.id AND w.id > 10000
RESET work_mem
BEGIN
DELETE FROM w WHERE id < 40
SAVEPOINT a
INSERT INTO w (id, t) VALUES (1, 'again')
UPDATE w SET t = 'and again' WHERE id = 1
SAVEPOINT b
DELETE FROM w
ROLLBACK TO b
fails: INSERT INTO w (id, t) VALUES (1, 'fails')
ROLLBACK TO a
INSERT INTO w (id, t) VALUES (2, 'stays')
RELEASE a
COMMIT
BEGIN
UPDATE w SET t = 'gone'
TRUNCATE o
ROLLBACK
DELETE FROM w
