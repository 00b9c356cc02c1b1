#!/usr/bin/env bash
# run.sh: the differential suite: each query on foreign tables and on a local copy has to give the same rows.
#
# usage: test/run.sh diff; CK_DIFF="mysql sqlite" chooses the sources, CK_DIFF_SETTINGS="case" their collations
#
# For each source the same tables are made three times: in the schema near as local tables (the judge's), at the source,
# and in far as foreign tables. Then each query runs with search_path near and with search_path far; joins also with
# each way of joining forbidden, prepared statements with generic plans. What goes into the source is written from the
# judge's rows, not read back from it. All of it is done three times, as the source's text columns compare:
#
#   binary  by bytes, as the database here does (SQLite BINARY)
#   case    regardless of case (SQLite NOCASE); here strings sort as a language does, and there is summer time
#   accent  regardless of case and accents (SQLite RTRIM: regardless of blanks at the end)
#
# The sources are worked through side by side.

. "$(dirname "$0")/../lib.sh"

here=$CK_TOP/test/diff
work=$CK_TMP/diff
mkdir -p "$work"
: "${CK_DIFF:=postgres mysql sqlite}" "${CK_DIFF_SETTINGS:=accent case binary}"

# The collation of MariaDB or MySQL that looks at accents, and not at case.
case_collation()
{
	ck_mysql mysql -N -e "SELECT COLLATION_NAME FROM information_schema.COLLATIONS
		WHERE COLLATION_NAME IN ('uca1400_as_ci', 'utf8mb4_0900_as_ci')" | sed 's/^uca/utf8mb4_uca/'
}

# The collations of a source in a setting, for :one, :two and :three in the files that make its tables: source, setting.
collations()
{
	case $1_$2 in
		postgres_binary) set -- '"C"' '"C"' '"C"' ;;
		postgres_case) set -- ignores_case '"en-US-x-icu"' ignores_case ;;
		postgres_accent) set -- ignores_accents ignores_blanks ignores_accents ;;
		mysql_binary) set -- utf8mb4_bin utf8mb4_bin utf8mb4_bin ;;
		mysql_case) set -- "$(case_collation)" utf8mb4_swedish_ci utf8mb4_bin ;;
		mysql_accent) set -- utf8mb4_general_ci utf8mb4_unicode_ci utf8mb4_unicode_ci ;;
		sqlite_binary) set -- BINARY BINARY BINARY ;;
		sqlite_case) set -- NOCASE BINARY NOCASE ;;
		sqlite_accent) set -- RTRIM NOCASE RTRIM ;;
	esac
	one=${1:-utf8mb4_general_ci} two=$2 three=$3
}

# Writes the rows of near in a source's dialect: database, source.
rows()
{
	ck_psql "$1" -At -v source="$2" -f "$here/literals.sql"
}

# What makes the tables at a source that is no PostgreSQL: database, source.
script()
{
	sed "s/:one\b/$one/; s/:two\b/$two/; s/:three\b/$three/" "$here/$2.tables.sql" && echo "BEGIN;" && rows "$1" "$2" &&
		cat "$here/$2.source.sql" && echo "COMMIT;"
}

# Makes the tables at each source, and the foreign servers; leaves the schema that they are in there.
at_postgres()
{
	local database=source

	# a source whose strings sort otherwise than here
	[[ $1 != *_accent ]] || database=source_icu
	schema=$1
	PGOPTIONS="-c search_path=$schema -c client_min_messages=error" ck_source_psql $database -v source=postgres \
		-v one="$one" -v two="$two" -v three="$three" \
		-c "DROP SCHEMA IF EXISTS $schema CASCADE" -c "CREATE SCHEMA $schema" -f "$here/tables.sql" \
		-f "$here/postgres.near.sql" -f "$here/postgres.source.sql" -c "ANALYZE" &&
		ck_psql "$1" -v port="$CK_SOURCE_PGPORT" -v password="$CK_PASSWORD" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_postgres
				OPTIONS (host 'localhost', port :'port', dbname '$database');
			CREATE USER MAPPING FOR PUBLIC SERVER source OPTIONS (user 'ck_reader', password :'password');
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
			CREATE USER MAPPING FOR PUBLIC SERVER source OPTIONS (user 'ck_reader', password :'password');
			CREATE USER MAPPING FOR PUBLIC SERVER source_p OPTIONS (user 'ck_reader', password :'password');
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
			CREATE USER MAPPING FOR PUBLIC SERVER source;
		END
}

# A database of this name, of a source's kind, with all the tables.
prepare()
{
	local database=$1 source=$2 locale="LOCALE 'C.UTF-8'" analyze=

	rm -f "$work/$database.ready"
	collations "$source" "${database##*_}"
	[[ $database != *_case ]] || { locale=$(ck_icu_locale); analyze=1; }
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
	[[ $database != *_case ]] || options+=" -c timezone=Europe/Berlin"
	if [ "$side" = far ]; then
		options+=" -c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 -c auto_explain.log_verbose=on"
		options+=" -c auto_explain.log_nested_statements=on -c client_min_messages=log -c log_min_messages=fatal"
		options+=" -c log_min_error_statement=panic"
	fi
	perl "$here/compare.pl" mark "$@" >"$result.sql"
	PGOPTIONS=$options "$CK_BIN/psql" -X -q -A -t -P null=NULL -v VERBOSITY=verbose -h "$CK_PGHOST" -p "$CK_PGPORT" \
		-U postgres -d "$database" -f "$result.sql" >"$result.out" 2>"$result.err"
}

# One comparison: name, database, the judge's results, files. The numbers of the tests come at the end.
compare()
{
	local name=$1 database=$2 near=$3 far

	shift 3
	far=$work/${name//\//_}.far
	session "$database" far "$far" "$@"
	perl "$here/compare.pl" compare "$name" 0 "$near" "$far" "$@" >"$far.tap"
	sed '$d' "$far.tap"
	read -r _ tests differences pushed <<<"$(tail -n 1 "$far.tap")"
	total=$((total + differences)) all=$((all + tests))
	echo "# $name: $tests queries, $differences differences, $pushed with work at the source"
}

# The joins again, with settings: name, -c for each.
joins()
{
	SETTINGS=$2 compare "$source $setting/$1" "$database" "$judge.joins" "$here/joins.sql"
}

# All that is done with a source.
work_through()
{
	local source=$1 setting database judge files all=0 total=0

	for setting in $CK_DIFF_SETTINGS; do
		database=diff_${source}_$setting
		judge=$work/$database
		files=("$here/queries.sql" "$here/joins.sql" "$here/aggregates.sql" "$here/states.sql" "$here/$source.sql"
			"$here/adversarial.sql")
		ck_ok "$source: tables in database $database" prepare "$database" "$source"
		[ -e "$judge.ready" ] || continue
		session "$database" near "$judge.all" "${files[@]}"
		compare "$source $setting" "$database" "$judge.all" "${files[@]}"
		# a suite of which little reaches the source would show little
		ck_ok "$source $setting: the source works for a third of the queries" [ $((pushed * 3)) -ge "$tests" ]
		session "$database" near "$judge.joins" "$here/joins.sql"
		session "$database" near "$judge.states" "$here/states.sql" "$here/aggregates.sql"
		[ $setting = case ] || joins "nested loops" "-c enable_hashjoin=off -c enable_mergejoin=off"
		[ $setting = accent ] ||
			joins "one key at a time" "-c enable_hashjoin=off -c enable_mergejoin=off -c connkit.enable_lookup_join=off"
		[ $setting = binary ] || joins "merge joins" "-c enable_hashjoin=off -c enable_nestloop=off -c enable_sort=off"
		[ $setting = accent ] || joins "hash joins" "-c enable_mergejoin=off -c enable_nestloop=off"
		SETTINGS="-c plan_cache_mode=force_generic_plan" \
			compare "$source $setting/generic plans" "$database" "$judge.states" "$here/states.sql" "$here/aggregates.sql"
	done
	echo "# differential $source: $all comparisons, $total differences"
}

for source in $CK_DIFF; do
	work_through "$source" >"$work/$source.tap" 2>&1 &
done
wait
for source in $CK_DIFF; do
	cat "$work/$source.tap"
done | awk 'sub(/^ok [0-9]+/, "ok " n + 1) || sub(/^not ok [0-9]+/, "not ok " n + 1) { n++ } { print } END { print "1.." n + 0 }'
