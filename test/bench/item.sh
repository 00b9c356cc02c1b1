# item.sh: the table that the benches read, of 8 columns and 150 bytes a row; functions, to be sourced behind lib.sh.

ITEM_COLUMNS="id bigint NOT NULL, n integer, price numeric(12,2), ratio double precision, name varchar(40), note text,
	made timestamp, live boolean"

# SELECT of the rows with keys from the first number to the second.
item_rows()
{
	echo "SELECT i AS id, (i * 7919::bigint % 100000)::int AS n, ((i % 1000000) / 100.0)::numeric(12,2) AS price,
		i / 3.0::float8 AS ratio, ('name of item ' || i)::varchar(40) AS name,
		rpad('note ' || i || ' ', 60, 'abcdefghij') AS note, timestamp '2020-01-01' + i * interval '7 seconds' AS made,
		i % 3 = 0 AS live FROM generate_series($1::bigint, $2::bigint) AS i"
}

# Makes the table item with so many rows in the PostgreSQL source, and writes them to CK_TMP/item.tsv.
item_make()
{
	ck_source_psql source <<-END || return 1
		CREATE TABLE item ($ITEM_COLUMNS, PRIMARY KEY (id));
		INSERT INTO item $(item_rows 1 "$1");
		VACUUM ANALYZE item;
	END
	ck_source_psql source -c "COPY (SELECT id, n, price, ratio, name, note, made, live::int FROM item) TO STDOUT" \
		>"$CK_TMP/item.tsv"
}

# The same in the MySQL source, from that file. The server needs --local-infile=1.
item_make_mysql()
{
	ck_mysql source --local-infile=1 >/dev/null <<-END
		CREATE TABLE item (id bigint PRIMARY KEY, n int, price decimal(12,2), ratio double, name varchar(40), note text,
			made datetime, live tinyint(1));
		LOAD DATA LOCAL INFILE '$CK_TMP/item.tsv' INTO TABLE item;
		ANALYZE TABLE item;
	END
}

# The middle one of a file's numbers.
median()
{
	sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)] + 0}'
}
