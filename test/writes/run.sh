#!/usr/bin/env bash
# run.sh: the same changes made to a local table and, through connkit, to one of each source leave the same rows.
#
# CK_WRITES="sqlite mysql" chooses the sources. Each line of statements.sql runs on the judge's table (search_path near) and on
# the foreign table (far); what it returned, and all rows after it, must be the same. Lines that a source cannot run begin
# with its name and a colon in skip.<source>.

. "$(dirname "$0")/../lib.sh"

here=$CK_TOP/test/writes
work=$CK_TMP/writes
mkdir -p "$work"
: "${CK_WRITES:=postgres mysql sqlite}"
columns='id int NOT NULL, i bigint, s smallint, f float8, r real, n numeric(12,3), b boolean, t text, v varchar(20), y bytea,
	d date, ts timestamp, tz timestamptz, ti time, j jsonb'
number=0

check()
{
	number=$((number + 1))
	if [ "$1" = 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

# The table at the source, and the server's options and user mapping.
make_postgres()
{
	ck_source_psql source -c 'DROP SCHEMA IF EXISTS writes CASCADE' -c 'CREATE SCHEMA writes' \
		-c "CREATE TABLE writes.w ($columns, PRIMARY KEY (id))" -c "CREATE TABLE writes.o (id int, x int)" \
		-c 'GRANT USAGE ON SCHEMA writes TO ck_writer; GRANT ALL ON ALL TABLES IN SCHEMA writes TO ck_writer' >/dev/null 2>&1
	options="host '$CK_SOURCE_PGHOST', port '$CK_SOURCE_PGPORT', dbname 'source'" schema=writes
	user="user 'ck_writer', password '$CK_PASSWORD'"
}

make_mysql()
{
	ck_mysql source -e "DROP TABLE IF EXISTS writes_w, writes_o; CREATE TABLE writes_w (id int AUTO_INCREMENT PRIMARY KEY,
		i bigint, s smallint,
		f double, r float, n decimal(12,3), b boolean, t longtext, v varchar(20), y longblob, d date, ts datetime(6),
		tz timestamp(6) NULL, ti time(6), j json) COLLATE utf8mb4_bin; CREATE TABLE writes_o (id int, x int);"
	options="host '127.0.0.1', port '$CK_MYSQL_PORT', dbname 'source'" schema=source
	user="user 'ck_writer', password '$CK_PASSWORD'"
}

make_sqlite()
{
	local file=$CK_FILES/writes.db

	rm -f "$file"*
	ck_as postgres sqlite3 -bail "$file" "CREATE TABLE w (id integer PRIMARY KEY, i bigint, s smallint, f double, r real,
		n decimal(12,3), b boolean, t text, v varchar(20), y blob, d date, ts timestamp, tz timestamptz, ti time, j json);
		CREATE TABLE o (id int, x int)"
	options="path '$file', updatable 'true'" schema=main user=
}

# Runs the statements; behind a mark with its number stands what each returned, and the rows after it.
session()
{
	local side=$1

	{
		echo "SET search_path = $side, public;"
		awk '{ sub(/^fails: /, ""); print "\\echo >> " NR "\n" $0 ";\nTABLE w ORDER BY id;" }' "$2"
	} >"$3.sql"
	PGOPTIONS="-c timezone=UTC -c client_min_messages=error -c extra_float_digits=1" "$CK_BIN/psql" -X -A -t -P null=NULL \
		-v VERBOSITY=sqlstate -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d connkit -f "$3.sql" >"$3.out" 2>&1
	sed -E -i 's/^psql:[^ ]* (ERROR)/\1/' "$3.out"
}

# What a side returned for a statement.
part()
{
	awk -v want=">> $1" '$0 == want { on = 1; next } /^>> [0-9]+$/ { on = 0 } on' "$2.out"
}

# Tells why a source's foreign tables could not be made.
no_tables()
{
	sed 's/^/# /' "$work/$1.err"
	check 1 "$1: foreign tables"
}

for source in $CK_WRITES; do
	"make_$source" || { check 1 "$source: the table is made"; continue; }
	table=w other=o
	[ "$source" != mysql ] || table=writes_w other=writes_o
	ck_psql connkit <<-END >/dev/null 2>"$work/$source.err" || { no_tables "$source"; continue; }
		CREATE EXTENSION IF NOT EXISTS connkit CASCADE;
		DROP SCHEMA IF EXISTS near, far CASCADE;
		DROP SERVER IF EXISTS writes CASCADE;
		CREATE SCHEMA near; CREATE SCHEMA far;
		CREATE TABLE near.w ($columns, PRIMARY KEY (id));
		CREATE TABLE near.o (id int, x int);
		CREATE SERVER writes FOREIGN DATA WRAPPER connkit_$source OPTIONS ($options);
		${user:+CREATE USER MAPPING FOR CURRENT_USER SERVER writes OPTIONS ($user);}
		CREATE FOREIGN TABLE far.w (${columns/int NOT NULL/int OPTIONS (key \'true\') NOT NULL})
			SERVER writes OPTIONS (schema_name '$schema', table_name '$table', batch_size '3');
		CREATE FOREIGN TABLE far.o (id int OPTIONS (key 'true'), x int OPTIONS (key 'true'))
			SERVER writes OPTIONS (schema_name '$schema', table_name '$other');
	END
	sed -E "/^-- ([a-z]+ )*not ([a-z]+ )*$source( [a-z]+)*: /d; s/^-- not [a-z ]*: //; /^--/d" \
		"$here/statements.sql" >"$work/$source.txt"
	session near "$work/$source.txt" "$work/$source.near"
	session far "$work/$source.txt" "$work/$source.far"
	line=0
	while IFS= read -r text; do
		line=$((line + 1))
		part $line "$work/$source.near" >"$work/near"
		part $line "$work/$source.far" >"$work/far"
		# a statement that fails for the judge, or does not, without being marked so, is an error in the list
		grep -q '^ERROR' "$work/near"; failed=$?
		[[ $text == fails:* ]]; marked=$?
		diff "$work/near" "$work/far" >"$work/diff" && [ $failed = $marked ]
		status=$?
		check $status "$source: ${text:0:150}"
		[ $status = 0 ] || head -n 12 "$work/diff" | cut -c1-300 | sed 's/^/# /'
	done <"$work/$source.txt"
done
ck_psql connkit -c 'DROP SERVER IF EXISTS writes CASCADE' -c 'DROP SCHEMA IF EXISTS near, far CASCADE' 2>/dev/null
echo "1..$number"
