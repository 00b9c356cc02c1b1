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
. "$CK_TOP/test/diff/tables.sh"

: "${CK_DIFF:=postgres mysql sqlite}" "${CK_DIFF_SETTINGS:=accent case binary}"

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
		files=("$here/queries.sql" "$here/joins.sql" "$here/aggregates.sql" "$here/windows.sql" "$here/subselects.sql"
			"$here/derived.sql" "$here/states.sql"
			"$here/$source.sql" "$here/adversarial.sql")
		[ "$source" != mysql ] || [[ $(ck_mysql mysql -Ne 'SELECT version()') != *MariaDB* ]] || files+=("$here/mariadb.sql")
		ck_ok "$source: tables in database $database" prepare "$database" "$source"
		[ -e "$judge.ready" ] || continue
		session "$database" near "$judge.all" "${files[@]}"
		compare "$source $setting" "$database" "$judge.all" "${files[@]}"
		# a suite of which little reaches the source would show little
		ck_ok "$source $setting: the source works for a third of the queries" [ $((pushed * 3)) -ge "$tests" ]
		session "$database" near "$judge.joins" "$here/joins.sql"
		session "$database" near "$judge.states" "$here/states.sql" "$here/aggregates.sql" "$here/subselects.sql"
		[ $setting = case ] || joins "nested loops" "-c enable_hashjoin=off -c enable_mergejoin=off"
		[ $setting = accent ] ||
			joins "one key at a time" "-c enable_hashjoin=off -c enable_mergejoin=off -c connkit.enable_lookup_join=off"
		[ $setting = binary ] || joins "merge joins" "-c enable_hashjoin=off -c enable_nestloop=off -c enable_sort=off"
		[ $setting = accent ] || joins "hash joins" "-c enable_mergejoin=off -c enable_nestloop=off"
		SETTINGS="-c plan_cache_mode=force_generic_plan" \
			compare "$source $setting/generic plans" "$database" "$judge.states" "$here/states.sql" "$here/aggregates.sql" \
			"$here/subselects.sql"
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
