#!/usr/bin/env bash
# run.sh: each source's types become the local types that <source>.types says: a table with a column of each type is made
# at the source and imported.

. "$(dirname "$0")/../lib.sh"

here=$CK_TOP/test/types
CK_NUMBER=0

# The pairs of a source: number, source type, local type, divided by tabs.
pairs()
{
	grep -v '^#' "$here/$1.types" | awk -F' -> ' '{printf "%d\t%s\t%s\n", NR, $1, $2}'
}

# CREATE TABLE with a column of each type.
table()
{
	pairs "$1" | awk -F'\t' '{printf "%s c%d %s", (NR > 1 ? "," : "CREATE TABLE all_types ("), $1, $2} END {print ")"}'
}

# Whether the first is the second; says what it is where not.
same()
{
	[ "$1" = "$2" ] || { echo "it is $1"; return 1; }
}

at_postgres()
{
	PGOPTIONS="-c client_min_messages=error" ck_source_psql source -q -c "DROP SCHEMA IF EXISTS types_source CASCADE" \
		-c "CREATE SCHEMA types_source" -c "SET search_path = types_source" -c "CREATE TYPE mood AS ENUM ('sad', 'ok')" \
		-c "CREATE TYPE pair AS (a int, b text)" -c "CREATE DOMAIN positive AS int CHECK (VALUE > 0)" \
		-c "$(table postgres)" -c "GRANT USAGE ON SCHEMA types_source TO ck_reader" \
		-c "GRANT SELECT ON all_types TO ck_reader"
	schema=types_source
	server="OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source')"
	user="OPTIONS (user 'ck_reader', password '$CK_PASSWORD')"
}

at_mysql()
{
	ck_mysql mysql -e "DROP DATABASE IF EXISTS types_source; CREATE DATABASE types_source" &&
		ck_mysql types_source -e "$(table mysql)"
	schema=types_source
	server="OPTIONS (host 'localhost', port '$CK_MYSQL_PORT', dbname 'types_source')"
	user="OPTIONS (user 'ck_reader', password '$CK_PASSWORD')"
}

at_sqlite()
{
	local file=$CK_FILES/types.db

	rm -f "$file"
	sqlite3 -bail "$file" "$(table sqlite)"
	[ "$(id -u)" != 0 ] || chown postgres: "$file"
	schema=main
	server="OPTIONS (path '$file')"
	user=
}

for source in postgres mysql sqlite; do
	"at_$source" || { ck_ok "$source: the table can be made" false; continue; }
	ck_ok "$source: the table is imported" ck_psql connkit -q -v ON_ERROR_STOP=1 -c "SET client_min_messages = error" \
		-c "CREATE EXTENSION IF NOT EXISTS connkit CASCADE" -c "DROP SERVER IF EXISTS types_$source CASCADE" \
		-c "DROP SCHEMA IF EXISTS types_$source CASCADE" -c "CREATE SCHEMA types_$source" \
		-c "CREATE SERVER types_$source FOREIGN DATA WRAPPER connkit_$source $server" \
		-c "CREATE USER MAPPING FOR CURRENT_USER SERVER types_$source $user" \
		-c "IMPORT FOREIGN SCHEMA $schema LIMIT TO (all_types) FROM SERVER types_$source INTO types_$source"
	ck_psql connkit -At -F "	" -c "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = 'types_$source.all_types'::regclass AND attnum > 0" >"$CK_TMP/types.$source"
	while IFS=$'\t' read -r number from to; do
		got=$(awk -F'\t' -v c="c$number" '$1 == c {print $2}' "$CK_TMP/types.$source")
		ck_ok "$source: $from is $to" same "$got" "$to"
	done < <(pairs $source)
	ck_ok "$source: the imported table can be read" ck_psql connkit -q -c "SELECT * FROM types_$source.all_types"
	ck_psql connkit -q -c "SET client_min_messages = error" -c "DROP SCHEMA types_$source CASCADE" \
		-c "DROP SERVER types_$source CASCADE"
done
ck_done
