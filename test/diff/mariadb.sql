-- mariadb.sql: text over YEAR and ZEROFILL, which MySQL compares as numbers.

SELECT id FROM p WHERE dzf = '7';
SELECT id FROM p WHERE dzf = '00007';
SELECT id FROM p WHERE dyr = '24' OR dyr = '0' OR dyr = '99';
