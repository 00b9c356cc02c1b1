#!/usr/bin/env bash
# read.sh: how fast connkit reads, against the wrappers that do the same, in turn in one run.
#
# Scan: EXPLAIN (ANALYZE, TIMING OFF) SELECT * of every row, its own "Execution Time": all columns become local
# values, nothing is sent to a client. Look-up: pgbench with a prepared SELECT * by key, one client, each statement
# its own transaction, connection time not counted. Figures are medians over the rounds.
#
# BENCH_ROWS (1000000), BENCH_LOOKUPS (2000), BENCH_ROUNDS (5) make it smaller.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/item.sh"
: "${BENCH_ROWS:=1000000}" "${BENCH_LOOKUPS:=2000}" "${BENCH_ROUNDS:=5}"

ck_begin
ck_prefix
ck_certificates || ck_die "no certificates"
ck_install || ck_die "the build failed"
memory=256MB
ck_main_start shared_buffers=$memory jit=off && ck_source_start shared_buffers=$memory jit=off &&
	ck_mysql_source_start --innodb-buffer-pool-size=512M --local-infile=1 || ck_die "a server did not start"

echo "making $BENCH_ROWS rows"
item_make "$BENCH_ROWS" && item_make_mysql || exit 1
sqlite3 "$CK_FILES/bench.db" >/dev/null <<END || exit 1
CREATE TABLE item (id integer PRIMARY KEY, n integer, price numeric, ratio real, name text, note text, made text,
	live integer);
.mode tabs
.import $CK_TMP/item.tsv item
ANALYZE;
END
rm "$CK_TMP/item.tsv"
[ "$(id -u)" != 0 ] || chown -R postgres: "$CK_FILES"

ck_psql connkit <<END || exit 1
SET client_min_messages = warning;
CREATE EXTENSION connkit CASCADE;
CREATE EXTENSION postgres_fdw;
CREATE SERVER peer FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'disable');
CREATE USER MAPPING FOR public SERVER peer OPTIONS (user 'ck_reader', password '$CK_PASSWORD');
CREATE FOREIGN TABLE postgres_fdw ($ITEM_COLUMNS) SERVER peer OPTIONS (schema_name 'public', table_name 'item');
CREATE FOREIGN TABLE postgres_fdw_10000 ($ITEM_COLUMNS) SERVER peer
	OPTIONS (schema_name 'public', table_name 'item', fetch_size '10000');
CREATE SERVER kit_pg FOREIGN DATA WRAPPER connkit_postgres
	OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'disable');
CREATE USER MAPPING FOR public SERVER kit_pg OPTIONS (user 'ck_reader', password '$CK_PASSWORD');
CREATE FOREIGN TABLE connkit_postgres ($ITEM_COLUMNS) SERVER kit_pg OPTIONS (schema_name 'public', table_name 'item');
CREATE SERVER kit_my FOREIGN DATA WRAPPER connkit_mysql
	OPTIONS (host '127.0.0.1', port '$CK_MYSQL_PORT', dbname 'source');
CREATE USER MAPPING FOR public SERVER kit_my OPTIONS (user 'ck_reader', password '$CK_PASSWORD');
CREATE FOREIGN TABLE connkit_mysql ($ITEM_COLUMNS) SERVER kit_my OPTIONS (schema_name 'source', table_name 'item');
CREATE SERVER kit_lite FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '$CK_FILES/bench.db');
CREATE USER MAPPING FOR public SERVER kit_lite;
CREATE FOREIGN TABLE connkit_sqlite ($ITEM_COLUMNS) SERVER kit_lite OPTIONS (table_name 'item');
END
contenders="postgres_fdw postgres_fdw_10000 connkit_postgres"
if ck_psql connkit >/dev/null 2>&1 <<END; then
CREATE EXTENSION mysql_fdw;
CREATE SERVER peer_my FOREIGN DATA WRAPPER mysql_fdw OPTIONS (host '127.0.0.1', port '$CK_MYSQL_PORT');
CREATE USER MAPPING FOR public SERVER peer_my OPTIONS (username 'ck_reader', password '$CK_PASSWORD');
CREATE FOREIGN TABLE mysql_fdw ($ITEM_COLUMNS) SERVER peer_my OPTIONS (dbname 'source', table_name 'item');
END
	contenders+=" mysql_fdw"
else
	echo "mysql_fdw is not there: left out"
fi
contenders+=" connkit_mysql sqlite3 connkit_sqlite"

# Milliseconds of one scan.
scan()
{
	local begin

	if [ "$1" = sqlite3 ]; then
		begin=$(date +%s%N)
		sqlite3 "$CK_FILES/bench.db" 'SELECT * FROM item' >/dev/null
		echo $((($(date +%s%N) - begin) / 1000000))
	else
		ck_psql connkit -At -c "EXPLAIN (ANALYZE, TIMING OFF) SELECT * FROM $1" |
			sed -n 's/^Execution Time: \([0-9]*\).*/\1/p'
	fi
}

# Look-ups a second.
lookup()
{
	cat >"$CK_TMP/lookup.sql" <<-END
		\\set id random(1, $BENCH_ROWS)
		SELECT * FROM $1 WHERE id = :id;
	END
	"$CK_BIN/pgbench" -n -M prepared -t "$BENCH_LOOKUPS" -f "$CK_TMP/lookup.sql" -h "$CK_PGHOST" -p "$CK_PGPORT" \
		-U postgres connkit 2>"$CK_TMP/pgbench.log" | sed -n 's/^tps = \([0-9]*\).*/\1/p'
}

mkdir "$CK_TMP/scan" "$CK_TMP/lookup"
for round in $(seq "$BENCH_ROUNDS"); do
	echo "round $round of $BENCH_ROUNDS"
	for contender in $contenders; do
		scan "$contender" >>"$CK_TMP/scan/$contender"
		[ "$contender" = sqlite3 ] || lookup "$contender" >>"$CK_TMP/lookup/$contender"
	done
done

# One line of the table: contender, its peer.
line()
{
	local ms peer_ms tps=- ratio=-

	ms=$(median "$CK_TMP/scan/$1")
	peer_ms=$(median "$CK_TMP/scan/$2")
	if [ -e "$CK_TMP/lookup/$1" ]; then
		tps=$(median "$CK_TMP/lookup/$1")
		[ ! -e "$CK_TMP/lookup/$2" ] ||
			ratio=$(awk -v a="$tps" -v b="$(median "$CK_TMP/lookup/$2")" 'BEGIN {printf "%.2f", b ? a / b : 0}')
	fi
	awk -v name="$1" -v ms="$ms" -v peer="$peer_ms" -v rows="$BENCH_ROWS" -v tps="$tps" -v ratio="$ratio" 'BEGIN {
		printf "%-20s %8d %12.0f %8.2f %12s %8s\n", name, ms, ms ? rows * 1000 / ms : 0, ms ? peer / ms : 0, tps,
			ratio}'
}

echo
echo "$("$CK_BIN/postgres" --version); $(ck_mysql source -N -e 'SELECT version()'); SQLite $(sqlite3 --version |
	cut -d' ' -f1); $(nproc) cores; $BENCH_ROWS rows, $BENCH_LOOKUPS look-ups, $BENCH_ROUNDS rounds"
printf '%-20s %8s %12s %8s %12s %8s\n' reader "scan ms" rows/s ratio look-ups/s ratio
for contender in $contenders; do
	case $contender in
		*postgres*) line "$contender" postgres_fdw ;;
		*mysql*) line "$contender" mysql_fdw ;;
		*sqlite*) line "$contender" sqlite3 ;;
	esac
done
