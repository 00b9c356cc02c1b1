#!/usr/bin/env bash
# tpch.sh: the 22 queries of TPC-H by connkit, by the wrappers that do the same, and at the source itself, in turn in one run.
#
# A figure is the time that psql takes from sending a query to having all of its rows, in a session that has asked the source
# before; the medians over the rounds are shown. A query that takes longer than BENCH_SECONDS (120) is stopped and counts
# so much; one that fails is "-" and counts nothing, for the other wrappers neither (Q13 has no text that MariaDB takes too).
#
# BENCH_SCALE (0.1), BENCH_ROUNDS (5), BENCH_SOURCES ("postgres mysql"), BENCH_QUERIES ("1 2 3", all) make it smaller.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/item.sh"
. "$CK_TOP/test/tpch/tables.sh"
: "${BENCH_SCALE:=0.1}" "${BENCH_ROUNDS:=5}" "${BENCH_SECONDS:=120}" "${BENCH_SOURCES:=postgres mysql}"
: "${BENCH_QUERIES:=$(seq -s ' ' 22)}"

tpch_files "$BENCH_SCALE" || ck_die "no tables: $CK_PEER_MISSING"
ck_begin
ck_prefix
ck_certificates || ck_die "no certificates"
ck_install || ck_die "the build failed"
ck_main_start shared_buffers=512MB jit=off && ck_source_start shared_buffers=512MB jit=off || ck_die "a server did not start"

# A schema of foreign tables: its name, wrapper, the server's options, the user's, the schema at the source.
tables()
{
	ck_psql connkit <<-END
		SET client_min_messages = warning;
		CREATE SERVER $1 FOREIGN DATA WRAPPER $2 OPTIONS ($3);
		CREATE USER MAPPING FOR public SERVER $1 OPTIONS ($4);
		CREATE SCHEMA $1;
		IMPORT FOREIGN SCHEMA $5 FROM SERVER $1 INTO $1;
	END
	[ "$2" = mysql_fdw ] || ck_psql connkit -c "SET search_path = $1" -c "ANALYZE ${TPCH_TABLES// /, }"
}

make_postgres()
{
	local place="host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'disable'" name
	local user="user 'ck_reader', password '$CK_PASSWORD'"

	tpch_postgres ck_source_psql source tpch "$TPCH_FILES" && ck_psql connkit -c "CREATE EXTENSION postgres_fdw" &&
		tables postgres_fdw postgres_fdw "$place" "$user" tpch &&
		tables postgres_fdw_10000 postgres_fdw "$place, fetch_size '10000'" "$user" tpch &&
		tables postgres_fdw_estimate postgres_fdw "$place, use_remote_estimate 'true'" "$user" tpch &&
		tables postgres_fdw_both postgres_fdw "$place, fetch_size '10000', use_remote_estimate 'true'" "$user" tpch &&
		tables connkit_postgres connkit_postgres "$place" "$user" tpch
}

make_mysql()
{
	local place

	ck_mysql_source_start --innodb-buffer-pool-size=512M && tpch_mysql tpch "$TPCH_FILES" || return 1
	place="host '127.0.0.1', port '$CK_MYSQL_PORT'"
	tables connkit_mysql connkit_mysql "$place, dbname 'tpch'" "user 'ck_reader', password '$CK_PASSWORD'" tpch || return 1
	if ck_psql connkit -c "CREATE EXTENSION mysql_fdw" 2>/dev/null; then
		tables mysql_fdw mysql_fdw "$place" "username 'ck_reader', password '$CK_PASSWORD'" tpch
	else
		contenders[mysql]="mysql connkit_mysql"
		echo "mysql_fdw is not there: left out"
	fi
}

# The text of a query by its number.
query()
{
	perl -00 -ne "print if s/^-- Q$1 .*\n//m" "$CK_TOP/test/tpch/queries.sql" |
		sed "s/:fraction/$(awk -v scale="$BENCH_SCALE" 'BEGIN {printf "%.10f", 0.0001 / scale}')/"
}

# Milliseconds of a query of a contender, or "-".
run()
{
	local begin status

	case $1 in
		mysql)
			begin=$(date +%s%N)
			{ echo "/*M! SET max_statement_time = $BENCH_SECONDS */;"; query "$2"; } |
				timeout "$BENCH_SECONDS" "$(command -v mariadb || command -v mysql)" --no-defaults \
					--socket="$CK_MYSQL_SOCKET" -u "$CK_MYSQL_ADMIN" tpch >/dev/null 2>&1
			status=$?
			[ $status = 0 ] || [ $status = 124 ] || { echo -; return; }
			echo $((($(date +%s%N) - begin) / 1000000))
			return ;;
		postgres) set -- ck_source_psql source tpch "$2" ;;
		*) set -- ck_psql connkit "$1" "$2" ;;
	esac
	{
		echo "SET search_path = $3; SET statement_timeout = '${BENCH_SECONDS}s';"
		echo "SELECT count(*) FROM region \\g /dev/null"
		echo "\\timing on"
		echo "\\o /dev/null"
		query "$4"
	} | "$1" "$2" -v ON_ERROR_STOP=0 >"$CK_TMP/run.out" 2>"$CK_TMP/run.err"
	if grep -q 'statement timeout' "$CK_TMP/run.err"; then
		echo $((BENCH_SECONDS * 1000))
	elif [ -s "$CK_TMP/run.err" ]; then
		echo -
		until "$1" "$2" -c "SELECT 1" >/dev/null 2>&1; do
			sleep 0.5
		done
	else
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' "$CK_TMP/run.out"
	fi
}

peers="postgres_fdw postgres_fdw_10000 postgres_fdw_estimate postgres_fdw_both"
declare -A contenders=([postgres]="postgres $peers connkit_postgres" [mysql]="mysql mysql_fdw connkit_mysql")
mkdir "$CK_TMP/times"
echo "making the tables at scale $BENCH_SCALE"
ck_psql connkit -c "SET client_min_messages = warning" -c "CREATE EXTENSION connkit CASCADE" || exit 1
for source in $BENCH_SOURCES; do
	make_$source || ck_die "no tables in $source"
done
for round in $(seq "$BENCH_ROUNDS"); do
	echo "round $round of $BENCH_ROUNDS"
	for source in $BENCH_SOURCES; do
		for number in $BENCH_QUERIES; do
			for contender in ${contenders[$source]}; do
				run "$contender" "$number" >>"$CK_TMP/times/$contender.$number"
			done
		done
	done
done

# The table of a source: a line for each query, the totals, and what is slower than the best of the peers by its total.
table()
{
	local number contender

	echo
	for number in $BENCH_QUERIES; do
		for contender in $1; do
			if grep -q '^-' "$CK_TMP/times/$contender.$number"; then
				echo "$number $contender -"
			else
				echo "$number $contender $(sort -n "$CK_TMP/times/$contender.$number" | awk '{v[NR] = $1}
					END {print v[int((NR + 1) / 2)]}')"
			fi
		done
	done | awk -v names="$1" '
		{ time[$1, $2] = $3; if (!($1 in seen)) { seen[$1]; order[++queries] = $1 }
		if ($3 == "-" && $2 !~ /^(postgres|mysql)$/) failed[$1] }
		END {
			n = split(names, name, " ")
			for (i = 1; i <= n; i++)
				for (q = 1; q <= queries; q++)
					if (!(order[q] in failed)) total[i] += time[order[q], name[i]]
			for (i = 2; i < n; i++)
				if (!best || total[i] < total[best]) best = i
			printf "%-6s", "ms"
			for (i = 1; i <= n; i++) printf " %21s", name[i]
			print "  ratio"
			for (q = 1; q <= queries; q++) {
				printf "%-6s", "Q" order[q]
				for (i = 1; i <= n; i++) printf " %21s", time[order[q], name[i]]
				mine = time[order[q], name[n]]
				peer = time[order[q], name[best]]
				if (best && mine != "-" && peer != "-") {
					printf "%7.2f", mine ? peer / mine : 0
					if (mine > peer) slower = slower " Q" order[q]
				}
				print ""
			}
			printf "%-6s", "total"
			for (i = 1; i <= n; i++) printf " %21.0f", total[i]
			if (best) printf "%7.2f\n%s against %s; slower:%s", total[n] ? total[best] / total[n] : 0, name[n], name[best],
				slower == "" ? " none" : slower
			print ""
		}'
}

echo
echo "$("$CK_BIN/postgres" --version); $(nproc) cores; scale $BENCH_SCALE, $BENCH_ROUNDS rounds"
for source in $BENCH_SOURCES; do
	table "${contenders[$source]}"
done
