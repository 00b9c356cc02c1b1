#!/usr/bin/env bash
# run.sh: the 22 queries of TPC-H on foreign tables: the rows that a local copy gives, and the plans that are expected.
#
# usage: test/run.sh tpch; CK_TPCH="mysql sqlite" chooses the sources, CK_TPCH_SCALE the scale (0.1), CK_TPCH_REGENERATE=1
# writes the plans anew
#
# Then again, at a tenth of the scale, with sources that compare texts by their bytes, without case, and without accents, and
# with rows that tell these apart. The plans, in expected/, are those of the scale 0.1 and of PostgreSQL 15. Every row is in
# the statistics, so that the plans are always the same.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tables.sh"
: "${CK_TPCH:=postgres mysql sqlite}" "${CK_TPCH_SCALE:=0.1}"

here=$CK_TOP/test/tpch
compare=$CK_TOP/test/diff/compare.pl
work=$CK_TMP/tpch
CK_NUMBER=0
mkdir -p "$work"

# A foreign server for a source's tables and, in a schema of its name, these: source, its place: schema, database or file.
far()
{
	local source=$1 place=$2 name=${3:-$1} schema=$2 options

	case $source in
		postgres) options="host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source'" ;;
		mysql) options="host 'localhost', port '$CK_MYSQL_PORT', dbname '$place'" ;;
		sqlite) options="path '$place'" schema=main ;;
	esac
	ck_psql tpch <<-END
		SET client_min_messages = warning;
		CREATE SERVER $name FOREIGN DATA WRAPPER connkit_$source OPTIONS ($options);
		CREATE USER MAPPING FOR postgres SERVER $name
			$([ "$source" = sqlite ] || echo "OPTIONS (user 'ck_reader', password '$CK_PASSWORD')");
		CREATE SCHEMA $name;
		IMPORT FOREIGN SCHEMA $schema FROM SERVER $name INTO $name;
		SET default_statistics_target = 2100;
		$(printf "ANALYZE $name.%s;\n" $TPCH_TABLES)
	END
}

# Runs the queries: scale, schema, where the results go; with plans for a schema of foreign tables.
session()
{
	local options="-c search_path=$2,public -c statement_timeout=300s -c jit=off"

	if [[ $2 == tpch_* ]]; then
		options+=" -c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 -c auto_explain.log_verbose=on"
		options+=" -c client_min_messages=log -c log_min_messages=fatal -c log_min_error_statement=panic"
	fi
	PGOPTIONS=$options "$CK_BIN/psql" -X -q -A -t -P null=NULL -v VERBOSITY=verbose -v fraction="$(fraction "$1")" \
		-h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d tpch -f "$work/queries.sql" >"$3.out" 2>"$3.err"
}

# The part of the stock that Q11 takes for important at a scale.
fraction()
{
	awk -v scale="$1" 'BEGIN {printf "%.10f", 0.0001 / scale}'
}

# The judge's schema for a source, in place of the one that has the tables as they are.
judge()
{
	case $1.$2 in
		sqlite.near) echo plain ;;
		sqlite.awkward) echo plain_awkward ;;
		*) echo "$2" ;;
	esac
}

# One comparison: its name, scale, the schema, the judge's schema.
compare()
{
	local tests differences pushed

	session "$2" "$3" "$work/$3"
	perl "$compare" compare "$1" $CK_NUMBER "$work/$4" "$work/$3" "$here/queries.sql" >"$work/$3.tap"
	sed '$d' "$work/$3.tap"
	read -r _ tests differences pushed <<<"$(tail -n 1 "$work/$3.tap")"
	CK_NUMBER=$((CK_NUMBER + tests))
	echo "# tpch $1: $tests queries, $differences differences"
}

# The plans of a schema's queries.
plans()
{
	perl -00 -ne 'next if !s/^-- (Q.*)\n//m; print "\\echo -- $1\nEXPLAIN (VERBOSE, COSTS OFF) $_"' "$here/queries.sql" |
		PGOPTIONS="-c search_path=$1 -c jit=off -c max_parallel_workers_per_gather=0" \
			ck_psql tpch -At -v fraction="$(fraction 0.1)" >"$work/$1.plans" &&
		sed -i '1!s/^-- Q/\n&/' "$work/$1.plans"
	if [ -n "${CK_TPCH_REGENERATE:-}" ]; then
		cp "$work/$1.plans" "$here/expected/$1.out"
	else
		diff -U 1 "$here/expected/$1.out" "$work/$1.plans"
	fi
}

# Local tables with awkward texts, and files of them: the files of the tables.
awkward()
{
	ck_folder postgres "$CK_FILES/awkward" && tpch_postgres ck_psql tpch awkward "$1" &&
		PGOPTIONS="-c search_path=awkward" ck_psql tpch -At -f "$here/awkward.sql" -c "ANALYZE" &&
		ck_psql tpch -v folder="$CK_FILES/awkward" <<-'END'
			SELECT format('COPY (SELECT %s FROM awkward.%I) TO %L',
				string_agg(attname || CASE WHEN atttypid = 'bpchar'::regtype THEN '::text' ELSE '' END, ', ' ORDER BY attnum),
				relname, :'folder' || '/' || relname || '.tsv')
			FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
			WHERE relnamespace = 'awkward'::regnamespace AND relkind = 'r' GROUP BY relname
			\gexec
		END
}

# The judge of SQLite, which keeps no blanks at the end of a text and no scale of a number: a schema's copy, its name.
plain()
{
	{
		echo "CREATE SCHEMA $2; SET search_path = $2, public;"
		tpch_schema | sed -E 's/(var)?char\([0-9]+\)/text/; s/decimal\(15,2\)/numeric/'
		cat <<-END
			SELECT format('INSERT INTO %I SELECT %s FROM $1.%1\$I', relname, string_agg(CASE WHEN atttypid = 'numeric'::regtype
				THEN format('trim_scale(%I)', attname) ELSE quote_ident(attname) END, ', ' ORDER BY attnum))
			FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
			WHERE relnamespace = '$2'::regnamespace AND relkind = 'r' GROUP BY relname
			\\gexec
		END
		cat "$here/indexes.sql"
		echo "ANALYZE;"
	} | ck_psql tpch
}

# A collation's name at a source, where its kinds are bytes, case and accents.
collation()
{
	case $1.$2 in
		postgres.bytes) echo '"C"' ;;
		postgres.*) echo "public.ignores_$2" ;;
		mysql.bytes) echo utf8mb4_bin ;;
		mysql.case) echo utf8mb4_general_ci ;;
		mysql.accents) echo utf8mb4_unicode_520_ci ;;
		sqlite.bytes) echo BINARY ;;
		sqlite.case) echo NOCASE ;;
		sqlite.accents) echo RTRIM ;;
	esac
}

# Puts tables into a source and makes foreign tables of them: source, name, files, collation.
at()
{
	case $1 in
		postgres) tpch_postgres ck_source_psql source "$2" "$3" "${4:-}" && far "$1" "$2" "$2" ;;
		mysql) tpch_mysql "$2" "$3" "${4:-}" && far "$1" "$2" "$2" ;;
		sqlite) tpch_sqlite "$CK_FILES/$2.db" "$3" "${4:-}" && far "$1" "$CK_FILES/$2.db" "$2" ;;
	esac
}

for scale in "$CK_TPCH_SCALE" 0.01; do
	if ! tpch_files "$scale"; then
		ck_skip "the 22 queries" "$CK_PEER_MISSING"
		ck_done
		exit
	fi
done

perl "$compare" mark "$here/queries.sql" >"$work/queries.sql"
tpch_files "$CK_TPCH_SCALE"
ck_psql postgres -c "CREATE DATABASE tpch TEMPLATE template0 ENCODING UTF8 LOCALE 'C.UTF-8'" -c "\\connect tpch" \
	-c "SET client_min_messages = warning" -c "CREATE EXTENSION connkit CASCADE"
ck_ok "local tables" tpch_postgres ck_psql tpch near "$TPCH_FILES"
session "$CK_TPCH_SCALE" near "$work/near"
if [[ $CK_TPCH == *sqlite* ]]; then
	ck_ok "local tables as SQLite has them" plain near plain
	session "$CK_TPCH_SCALE" plain "$work/plain"
fi
for source in $CK_TPCH; do
	ck_ok "$source: tables" at "$source" "tpch_$source" "$TPCH_FILES"
	compare "$source" "$CK_TPCH_SCALE" "tpch_$source" $(judge "$source" near)
	if [ "$CK_TPCH_SCALE" = 0.1 ] && [ "$(ck_major)" = 15 ]; then
		ck_ok "$source: the plans are as expected" plans "tpch_$source"
	fi
done

tpch_files 0.01
ck_ok "local tables with awkward texts" awkward "$TPCH_FILES"
session 0.01 awkward "$work/awkward"
if [[ $CK_TPCH == *sqlite* ]]; then
	ck_ok "those as SQLite has them" plain awkward plain_awkward
	session 0.01 plain_awkward "$work/plain_awkward"
fi
ck_source_psql source -c "CREATE COLLATION ignores_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)" \
	-c "CREATE COLLATION ignores_accents (provider = icu, locale = 'und-u-ks-level1-kc-true', deterministic = false)"
for source in $CK_TPCH; do
	for kind in bytes case accents; do
		name=tpch_${source}_$kind
		ck_ok "$source: tables compared by $(collation "$source" "$kind")" \
			at "$source" "$name" "$CK_FILES/awkward" "$(collation "$source" "$kind")"
		compare "$source by $(collation "$source" "$kind")" 0.01 "$name" $(judge "$source" awkward)
	done
done
ck_done
