# tables.sh: the tables of TPC-H, made once into a cache, and put into servers; functions, to be sourced behind lib.sh.

. "$CK_TOP/test/bench/peers.sh"
CK_DUCKDB=1.5.5
TPCH_TABLES="region nation part supplier partsupp customer orders lineitem"

# Leaves the folder of the tables' files at a scale in TPCH_FILES; or why there are none, in CK_PEER_MISSING.
tpch_files()
{
	TPCH_FILES=${XDG_CACHE_HOME:-$HOME/.cache}/connkit/tpch-$CK_DUCKDB-$1
	[ ! -e "$TPCH_FILES/done" ] || return 0
	fetch_python "duckdb-$CK_DUCKDB" "duckdb==$CK_DUCKDB" "duckdb-extension-tpch==$CK_DUCKDB" || return 1
	CK_PEER_MISSING="the tables could not be made, see $TPCH_FILES.log"
	rm -rf "$TPCH_FILES"
	mkdir -p "$TPCH_FILES" &&
		"$CK_PEERS/duckdb-$CK_DUCKDB/bin/python" "$CK_TOP/test/tpch/generate.py" "$1" "$TPCH_FILES" >"$TPCH_FILES.log" 2>&1 &&
		touch "$TPCH_FILES/done"
}

# What makes the tables: their texts of this collation where one is given.
tpch_schema()
{
	sed -E "s/(char\([0-9]+\))/\1${1:+ COLLATE $1}/" "$CK_TOP/test/tpch/schema.sql"
}

# Fills a schema of a PostgreSQL server: ck_psql or ck_source_psql, database, schema, files, collation.
tpch_postgres()
{
	local table

	{
		echo "CREATE SCHEMA $3; SET search_path = $3, public; BEGIN;"
		tpch_schema "${5:-}"
		for table in $TPCH_TABLES; do
			echo "\\copy $table FROM '$4/$table.tsv'"
		done
		cat "$CK_TOP/test/tpch/indexes.sql"
		echo "COMMIT; VACUUM ANALYZE;"
	} | "$1" "$2"
}

# Fills a database of the MySQL server: its name, files, collation.
tpch_mysql()
{
	local table

	ck_mysql mysql -e "SET GLOBAL local_infile = 1; DROP DATABASE IF EXISTS $1; CREATE DATABASE $1 CHARACTER SET utf8mb4" &&
		{
			echo "SET unique_checks = 0;"
			tpch_schema "${3:-utf8mb4_bin}"
			for table in $TPCH_TABLES; do
				echo "LOAD DATA LOCAL INFILE '$2/$table.tsv' INTO TABLE $table;"
			done
			cat "$CK_TOP/test/tpch/indexes.sql"
			echo "ANALYZE TABLE ${TPCH_TABLES// /, };"
		} | ck_mysql "$1" --local-infile=1 >/dev/null
}

# Fills an SQLite file: its name, files, collation.
tpch_sqlite()
{
	local table

	rm -f "$1"
	{
		echo "PRAGMA synchronous = off;"
		tpch_schema "${3:-}"
		echo ".mode tabs"
		for table in $TPCH_TABLES; do
			echo ".import $2/$table.tsv $table"
		done
		cat "$CK_TOP/test/tpch/indexes.sql"
		echo "ANALYZE;"
	} | sqlite3 -bail "$1" && { [ "$(id -u)" != 0 ] || chown postgres: "$1"; }
}
