-- mysql.zero_date.sql: dates that do not exist, where the judge has NULL.

SET sql_mode = '';
UPDATE v SET `date` = '0000-00-00' WHERE id = 2;
UPDATE v SET `date` = '2024-00-15' WHERE `date` IS NULL AND id BETWEEN 3 AND 17;
UPDATE v SET `timestamp` = '2024-02-00 12:00:00' WHERE id = 3;
UPDATE v SET `timestamp` = '0000-00-00 00:00:00' WHERE `timestamp` IS NULL AND id BETWEEN 4 AND 14;
