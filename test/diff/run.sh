#!/usr/bin/env bash
# run.sh: the differential suite: each query on foreign tables and on a local copy has to give the same rows.
#
# usage: test/run.sh diff; CK_DIFF="mysql sqlite" chooses the sources
#
# For each source the same tables are made three times: in the schema near as local tables (the judge's), at the source,
# and in far as foreign tables. Then each query runs with search_path near and with search_path far. It is done in a
# database whose strings sort by their bytes and in one that sorts as a language does and has summer time; joins with
# each way of joining forbidden, prepared statements with generic plans. What goes into the source is written from the
# judge's rows, not read back from it.

. "$(dirname "$0")/../lib.sh"

here=$CK_TOP/test/diff
work=$CK_TMP/diff
CK_NUMBER=0
mkdir -p "$work"

# Writes the rows of near in a source's dialect: database, source.
rows()
{
	ck_psql "$1" -At -v source="$2" -f "$here/literals.sql"
}

# What makes the tables at a source that is no PostgreSQL: database, source.
script()
{
	cat "$here/$2.tables.sql" && echo "BEGIN;" && rows "$1" "$2" && cat "$here/$2.source.sql" && echo "COMMIT;"
}

# Makes the tables at each source, and the foreign servers; leaves the schema that they are in there.
at_postgres()
{
	local database=source

	# a source whose strings sort otherwise than here
	[[ $1 == *_icu ]] || database=source_icu
	schema=diff
	PGOPTIONS="-c search_path=diff -c client_min_messages=error" ck_source_psql $database -v source=postgres \
		-c "DROP SCHEMA IF EXISTS diff CASCADE" -c "CREATE SCHEMA diff" -f "$here/tables.sql" \
		-f "$here/postgres.near.sql" -f "$here/postgres.source.sql" -c "ANALYZE" &&
		ck_psql "$1" -v port="$CK_SOURCE_PGPORT" -v password="$CK_PASSWORD" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_postgres
				OPTIONS (host 'localhost', port :'port', dbname '$database');
			CREATE USER MAPPING FOR postgres SERVER source OPTIONS (user 'ck_reader', password :'password');
		END
}

at_mysql()
{
	schema=$1
	script "$1" mysql >"$work/mysql.sql" &&
		ck_mysql mysql -e "DROP DATABASE IF EXISTS $1; CREATE DATABASE $1" && ck_mysql "$1" <"$work/mysql.sql" &&
		ck_psql "$1" -v port="$CK_MYSQL_PORT" -v password="$CK_PASSWORD" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_mysql
				OPTIONS (host 'localhost', port :'port', dbname '$1');
			CREATE SERVER source_p FOREIGN DATA WRAPPER connkit_mysql
				OPTIONS (host 'localhost', port :'port', dbname '$1', zero_date 'null');
			CREATE USER MAPPING FOR postgres SERVER source OPTIONS (user 'ck_reader', password :'password');
			CREATE USER MAPPING FOR postgres SERVER source_p OPTIONS (user 'ck_reader', password :'password');
		END
}

at_sqlite()
{
	local file=$CK_FILES/$1.db

	schema=
	rm -f "$file"
	script "$1" sqlite >"$work/sqlite.sql" && sqlite3 -bail "$file" <"$work/sqlite.sql" &&
		{ [ "$(id -u)" != 0 ] || chown postgres: "$file"; } &&
		ck_psql "$1" -v file="$file" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path :'file');
			CREATE USER MAPPING FOR postgres SERVER source;
		END
}

# A database of this name, of a source's kind, with all the tables.
prepare()
{
	local database=$1 source=$2 locale="LOCALE 'C.UTF-8'" analyze=

	rm -f "$work/$database.ready"
	[[ $database != *_icu ]] || { locale=$(ck_icu_locale); analyze=1; }
	ck_psql postgres -c "SET client_min_messages = error" -c "DROP DATABASE IF EXISTS $database" \
		-c "CREATE DATABASE $database TEMPLATE template0 ENCODING UTF8 $locale" &&
		PGOPTIONS="-c search_path=near,public" ck_psql "$database" -v source="$source" -c "CREATE SCHEMA near" \
			-f "$here/tables.sql" -f "$here/$source.near.sql" -f "$here/here.sql" -c "ANALYZE" &&
		PGOPTIONS="-c client_min_messages=warning" ck_psql "$database" -c "CREATE EXTENSION connkit CASCADE" &&
		at_$source "$database" &&
		ck_psql "$database" -At -v schema="$schema" -v analyze="$analyze" -f "$here/far.sql" &&
		touch "$work/$database.ready"
}

# Runs marked queries: database, schema, where the results go, files; SETTINGS are more of PostgreSQL's -c.
session()
{
	local database=$1 side=$2 result=$3 options="-c search_path=$2,public -c statement_timeout=60s ${SETTINGS:-}"

	shift 3
	[[ $database != *_icu ]] || options+=" -c timezone=Europe/Berlin"
	if [ "$side" = far ]; then
		options+=" -c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 -c auto_explain.log_verbose=on"
		options+=" -c auto_explain.log_nested_statements=on -c client_min_messages=log -c log_min_messages=fatal"
		options+=" -c log_min_error_statement=panic"
	fi
	perl "$here/compare.pl" mark "$@" >"$result.sql"
	PGOPTIONS=$options "$CK_BIN/psql" -X -q -A -t -P null=NULL -v VERBOSITY=verbose -h "$CK_PGHOST" -p "$CK_PGPORT" \
		-U postgres -d "$database" -f "$result.sql" >"$result.out" 2>"$result.err"
}

# One comparison: name, database, the judge's results, files.
compare()
{
	local name=$1 database=$2 near=$3 far

	shift 3
	far=$work/${name//\//_}.far
	session "$database" far "$far" "$@"
	perl "$here/compare.pl" compare "$name" $CK_NUMBER "$near" "$far" "$@" >"$far.tap"
	sed '$d' "$far.tap"
	read -r _ tests differences pushed <<<"$(tail -n 1 "$far.tap")"
	CK_NUMBER=$((CK_NUMBER + tests))
	total=$((total + differences))
	echo "# $name: $tests queries, $differences differences, $pushed with work at the source"
}

# The joins again, with settings: name, -c for each.
joins()
{
	SETTINGS=$2 compare "$source$locale/$1" "$database" "$judge.joins" "$here/joins.sql"
}

for source in ${CK_DIFF:-postgres mysql sqlite}; do
	total=0 queries=0
	for locale in "" _icu; do
		database=diff_$source$locale
		judge=$work/$database
		all=("$here/queries.sql" "$here/joins.sql" "$here/states.sql" "$here/$source.sql")
		ck_ok "$source: tables in database $database" prepare "$database" "$source"
		[ -e "$judge.ready" ] || continue
		session "$database" near "$judge.all" "${all[@]}"
		compare "$source$locale" "$database" "$judge.all" "${all[@]}"
		queries=$tests
		# a suite of which little reaches the source would show little
		ck_ok "$source$locale: the source works for a third of the queries" [ $((pushed * 3)) -ge "$tests" ]
		session "$database" near "$judge.joins" "$here/joins.sql"
		session "$database" near "$judge.states" "$here/states.sql"
		joins "nested loops" "-c enable_hashjoin=off -c enable_mergejoin=off"
		joins "one key at a time" "-c enable_hashjoin=off -c enable_mergejoin=off -c connkit.enable_lookup_join=off"
		joins "merge joins" "-c enable_hashjoin=off -c enable_nestloop=off -c enable_sort=off"
		joins "hash joins" "-c enable_mergejoin=off -c enable_nestloop=off"
		SETTINGS="-c plan_cache_mode=force_generic_plan" \
			compare "$source$locale/generic plans" "$database" "$judge.states" "$here/states.sql"
	done
	echo "# differential $source: $queries queries, $total differences"
done
ck_done
