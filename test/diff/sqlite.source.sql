-- sqlite.source.sql: values at SQLite that read as the judge's, and are written otherwise.

UPDATE v SET flag = 2 WHERE flag = 1 AND id > 20;
UPDATE v SET fixed = 'a b  ' WHERE fixed = 'a b';
UPDATE v SET day = day || ' 00:00' WHERE id % 3 = 0;
UPDATE v SET day = day || 'T00:00:00.000' WHERE id % 3 = 1;
UPDATE t SET b = 7 WHERE b = 1 AND id % 3 = 0;
UPDATE t SET b = 'yes' WHERE b = 1 AND id % 7 = 0;
UPDATE t SET b = 'f' WHERE b = 0 AND id % 7 = 0;
UPDATE t SET ts = replace(ts, ' ', 'T') WHERE id % 3 = 0;
UPDATE t SET ts = ts || 'Z' WHERE id % 7 = 0;
UPDATE t SET ts = ts || '.000' WHERE id % 5 = 0 AND length(ts) = 19;
UPDATE t SET ts = substr(ts, 1, 16) WHERE id % 11 = 0 AND ts LIKE '%:00';
UPDATE t SET d = d || ' 00:00' WHERE id % 4 = 0;
UPDATE t SET tz = replace(tz, '+00:00', 'Z') WHERE id % 3 = 0;
UPDATE t SET tz = '2024-03-31T03:00+02:00' WHERE tz = '2024-03-31 01:00:00+00:00' AND id % 2 = 0;
UPDATE t SET tz = '2024-10-26 20:30:00.0-04:00' WHERE tz = '2024-10-27 00:30:00+00:00' AND id % 2 = 0;
UPDATE v SET digits = CASE digits WHEN '7' THEN '007' WHEN '42' THEN ' 42' WHEN '2' THEN '+2' ELSE digits END;

-- the same values in other storage classes
UPDATE p SET anyc = CAST(anyc AS INTEGER) WHERE id % 3 = 0 AND anyc GLOB '[-0-9]*' AND anyc NOT GLOB '*[.e]*';
UPDATE p SET anyc = CAST(anyc AS REAL) WHERE id % 2 = 0 AND typeof(anyc) = 'text' AND anyc GLOB '[0-9]*.*';
UPDATE p SET vnum = '0' || vnum WHERE id % 4 = 0 AND vnum NOT GLOB '-*';
UPDATE p SET dbl = 0.1 WHERE dbl = 0.1;
UPDATE p SET blo = CAST(blo AS TEXT) WHERE id % 3 = 0 AND blo IN (x'', x'61', x'6162', x'31');
UPDATE p SET boo = 'true' WHERE boo AND id % 4 = 0;
UPDATE p SET boo = 'no' WHERE boo = 0 AND id % 5 = 0;
UPDATE p SET tim = tim || '.000' WHERE id % 2 = 0 AND length(tim) = 8;
UPDATE p SET js = ' ' || js || ' ' WHERE id % 2 = 0;
UPDATE p SET g = upper(g) WHERE id % 2 = 0;
UPDATE p SET c = c || '  ' WHERE id % 2 = 0;
