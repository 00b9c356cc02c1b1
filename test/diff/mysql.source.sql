-- mysql.source.sql: values at MySQL that read as the judge's, and are written otherwise.

UPDATE v SET flag = 2 WHERE flag = 1 AND id > 20;
UPDATE v SET fixed = 'a b  ' WHERE fixed = 'a b';
UPDATE t SET b = -1 WHERE b = 1 AND id % 3 = 0;

SET sql_mode = '';
UPDATE p SET zd = '0000-00-00' WHERE zd IS NULL AND id % 2 = 0;
UPDATE p SET zd = '2024-00-15' WHERE zd IS NULL AND id % 3 = 0;
UPDATE p SET zt = '0000-00-00 00:00:00' WHERE zt IS NULL AND id % 2 = 0;
UPDATE p SET zt = '2024-02-00 12:00:00' WHERE zt IS NULL AND id % 3 = 0;
ALTER TABLE p DROP INDEX zd;
CREATE INDEX zd ON p (zd);
ALTER TABLE p DROP gen, ADD gen2 int AS (id * 2) AFTER zt;
ALTER TABLE p CHANGE gen2 gen int AS (id * 2);
UPDATE p SET yr = 0 WHERE yr = 2000 AND id % 10 = 6;
