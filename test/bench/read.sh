#!/usr/bin/env bash
# read.sh: how fast queries read, against the wrappers that do the same and the source itself, in turn in one run.
#
# full     EXPLAIN (ANALYZE, TIMING OFF) SELECT * of every row, its own "Execution Time": all columns become local values,
#          nothing is sent to a client. The ceiling is a program on the bare client library (bare.c), which converts nothing.
# narrow   the same of two columns.
# lookup   pgbench with a prepared SELECT * by key, each statement its own transaction, connection time not counted, with one
#          client and with eight. The ceiling is the same at the source.
# join     a local table of 10,000 keys joined with the big table: Execution Time.
#
# Ratios are to the first peer of each source. BENCH_ROWS (5000000), BENCH_LOOKUPS (20000 with one client, as many with eight
# together), BENCH_ROUNDS (3) make it smaller; BENCH_PARTS (full narrow lookup join) and BENCH_SOURCES (postgres mysql sqlite)
# choose. Figures are medians over the rounds.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/item.sh"
: "${BENCH_ROWS:=5000000}" "${BENCH_LOOKUPS:=20000}" "${BENCH_ROUNDS:=3}" "${BENCH_PARTS:=full narrow lookup join}"
: "${BENCH_SOURCES:=postgres mysql sqlite}" "${BENCH_BUFFERS:=1GB}"

ck_begin
ck_prefix
ck_certificates || ck_die "no certificates"
ck_install || ck_die "the build failed"
cc -O2 -Wall -I"$(pg_config --includedir)" $(mariadb_config --include) -o "$CK_TMP/bare" "$(dirname "$0")/bare.c" -lpq -lmariadb \
	-lsqlite3 || ck_die "bare.c did not compile"
server="shared_buffers=$BENCH_BUFFERS jit=off max_parallel_workers_per_gather=0 max_wal_size=8GB"
ck_main_start $server && ck_source_start $server &&
	ck_mysql_source_start "--innodb-buffer-pool-size=$BENCH_BUFFERS" --local-infile=1 || ck_die "a server did not start"

source_has()
{
	[[ " $BENCH_SOURCES " == *" $1 "* ]]
}

setup()
{
	echo "making $BENCH_ROWS rows"
	item_make "$BENCH_ROWS" || return 1
	ck_psql connkit <<-END || return 1
		SET client_min_messages = warning;
		CREATE EXTENSION connkit CASCADE;
		CREATE EXTENSION postgres_fdw;
		CREATE TABLE wanted AS SELECT DISTINCT 1 + (i * 7919::bigint % $BENCH_ROWS) AS id FROM generate_series(1, 10000) i;
		ANALYZE wanted;
		CREATE SERVER peer FOREIGN DATA WRAPPER postgres_fdw
			OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'disable');
		CREATE USER MAPPING FOR public SERVER peer OPTIONS (user 'ck_reader', password '$CK_PASSWORD');
		CREATE FOREIGN TABLE postgres_fdw ($ITEM_COLUMNS) SERVER peer
			OPTIONS (schema_name 'public', table_name 'item', use_remote_estimate 'true');
		CREATE FOREIGN TABLE postgres_fdw_10000 ($ITEM_COLUMNS) SERVER peer
			OPTIONS (schema_name 'public', table_name 'item', fetch_size '10000', use_remote_estimate 'true');
		CREATE SERVER kit_pg FOREIGN DATA WRAPPER connkit_postgres
			OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'disable');
		CREATE USER MAPPING FOR public SERVER kit_pg OPTIONS (user 'ck_reader', password '$CK_PASSWORD');
		CREATE FOREIGN TABLE connkit_postgres ($ITEM_COLUMNS) SERVER kit_pg OPTIONS (schema_name 'public', table_name 'item');
	END
	if source_has mysql; then
		item_make_mysql && ck_psql connkit <<-END || return 1
			CREATE SERVER kit_my FOREIGN DATA WRAPPER connkit_mysql
				OPTIONS (host '127.0.0.1', port '$CK_MYSQL_PORT', dbname 'source', sslmode 'disable');
			CREATE USER MAPPING FOR public SERVER kit_my OPTIONS (user 'ck_reader', password '$CK_PASSWORD');
			CREATE FOREIGN TABLE connkit_mysql ($ITEM_COLUMNS) SERVER kit_my
				OPTIONS (schema_name 'source', table_name 'item');
			CREATE EXTENSION mysql_fdw;
			CREATE SERVER peer_my FOREIGN DATA WRAPPER mysql_fdw OPTIONS (host '127.0.0.1', port '$CK_MYSQL_PORT');
			CREATE USER MAPPING FOR public SERVER peer_my OPTIONS (username 'ck_reader', password '$CK_PASSWORD');
			CREATE FOREIGN TABLE mysql_fdw ($ITEM_COLUMNS) SERVER peer_my OPTIONS (dbname 'source', table_name 'item');
		END
	fi
	if source_has sqlite; then
		sqlite3 "$CK_FILES/bench.db" >/dev/null <<-END || return 1
			CREATE TABLE item (id integer PRIMARY KEY, n integer, price numeric, ratio real, name text, note text, made text,
				live integer);
			.mode tabs
			.import $CK_TMP/item.tsv item
			ANALYZE;
		END
		[ "$(id -u)" != 0 ] || chown -R postgres: "$CK_FILES"
		ck_psql connkit <<-END || return 1
			CREATE SERVER kit_lite FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path '$CK_FILES/bench.db');
			CREATE USER MAPPING FOR public SERVER kit_lite;
			CREATE FOREIGN TABLE connkit_sqlite ($ITEM_COLUMNS) SERVER kit_lite OPTIONS (table_name 'item');
		END
	fi
	rm "$CK_TMP/item.tsv"
}

# Milliseconds of a query of a reader: reader, select list.
scan()
{
	local query="SELECT $2 FROM item" made

	case $1 in
		bare_postgres)
			"$CK_TMP/bare" postgres "host=localhost port=$CK_SOURCE_PGPORT dbname=source sslmode=disable user=ck_reader
				password=$CK_PASSWORD" "$query" 2>/dev/null ;;
		bare_mysql)
			"$CK_TMP/bare" mysql 127.0.0.1 "$CK_MYSQL_PORT" ck_reader "$CK_PASSWORD" source "$query" 2>/dev/null ;;
		bare_sqlite)
			"$CK_TMP/bare" sqlite "$CK_FILES/bench.db" "$query" 2>/dev/null ;;
		*)
			made=$(ck_psql connkit -At -c "EXPLAIN (ANALYZE, TIMING OFF) SELECT $2 FROM $1")
			sed -n 's/^Execution Time: \([0-9]*\).*/\1/p' <<<"$made" ;;
	esac
}

# Look-ups a second: reader, clients.
lookup()
{
	local table=$1 host=$CK_PGHOST port=$CK_PGPORT database=connkit each=$((BENCH_LOOKUPS / $2)) client

	if [ "$1" = bare_mysql ]; then
		for client in $(seq "$2"); do
			"$CK_TMP/bare" mysql 127.0.0.1 "$CK_MYSQL_PORT" ck_reader "$CK_PASSWORD" source "SELECT * FROM item WHERE id = ?" \
				"$each" "$BENCH_ROWS" 2>/dev/null &
		done | awk '{sum += $1} END {printf "%d\n", sum}'
		return
	fi
	[ "$1" != bare_postgres ] || table=item host=$CK_SOURCE_PGHOST port=$CK_SOURCE_PGPORT database=source
	printf '%s\n' "\\set id random(1, $BENCH_ROWS)" "SELECT * FROM $table WHERE id = :id;" >"$CK_TMP/lookup.sql"
	"$CK_BIN/pgbench" -n -M prepared -c "$2" -j "$(($2 < 2 ? 1 : 2))" -t "$each" -f "$CK_TMP/lookup.sql" -h "$host" -p "$port" \
		-U postgres "$database" 2>"$CK_TMP/pgbench.log" | sed -n 's/^tps = \([0-9]*\).*/\1/p'
}

# Milliseconds of the join: reader.
join()
{
	ck_psql connkit -At -c "EXPLAIN (ANALYZE, TIMING OFF) SELECT i.* FROM wanted w JOIN $1 i ON i.id = w.id" |
		sed -n 's/^Execution Time: \([0-9]*\).*/\1/p'
}

# One figure of one part: part, reader.
figure()
{
	case $1 in
		full) scan "$2" '*' ;;
		narrow) scan "$2" 'id, price' ;;
		lookup1) lookup "$2" 1 ;;
		lookup8) lookup "$2" 8 ;;
		join) join "$2" ;;
	esac
}

# The readers of a part, the first peer of each source before the others: part.
readers()
{
	source_has postgres && echo postgres_fdw postgres_fdw_10000 connkit_postgres
	source_has mysql && { [ "$1" = join ] || echo mysql_fdw; echo connkit_mysql; }
	[[ $1 == full || $1 == narrow ]] && source_has sqlite && echo connkit_sqlite
	[ "$1" = join ] && return
	source_has postgres && echo bare_postgres
	source_has mysql && echo bare_mysql
	[[ $1 == full || $1 == narrow ]] && source_has sqlite && echo bare_sqlite
}

# The median of a part's figures: part, reader; 0 for none.
middle()
{
	if [ -s "$CK_TMP/$1.$2" ]; then median "$CK_TMP/$1.$2"; else echo 0; fi
}

# The ratios of a part, of a figure to others': part, reader.
line()
{
	local mine peers peer text=""

	case $2 in
		*postgres*) peers="postgres_fdw postgres_fdw_10000 bare_postgres" ;;
		*mysql*) peers="mysql_fdw bare_mysql" ;;
		*) peers="bare_sqlite" ;;
	esac
	mine=$(middle "$1" "$2")
	for peer in $peers; do
		[ "$peer" != "$2" ] && [ -s "$CK_TMP/$1.$peer" ] || continue
		text+=$(awk -v a="$mine" -v b="$(middle "$1" "$peer")" -v peer="$peer" -v part="$1" 'BEGIN {
			if (a > 0 && b > 0) printf "  %.2f of %s", part ~ /lookup/ ? a / b : b / a, peer}')
	done
	printf '%-8s %-20s %9d %s\n' "$1" "$2" "$mine" "$text"
}

setup || ck_die "the tables could not be made"
parts=${BENCH_PARTS/lookup/lookup1 lookup8}
for round in $(seq "$BENCH_ROUNDS"); do
	echo "round $round of $BENCH_ROUNDS"
	for part in $parts; do
		for reader in $(readers "$part"); do
			figure "$part" "$reader" >>"$CK_TMP/$part.$reader"
		done
	done
done
echo
echo "$("$CK_BIN/postgres" --version); $(ck_mysql source -N -e 'SELECT version()'); SQLite $(sqlite3 --version |
	cut -d' ' -f1); $(nproc) cores; $BENCH_ROWS rows, $BENCH_ROUNDS rounds. Milliseconds, look-ups a second; speed in times"
for part in $parts; do
	for reader in $(readers "$part"); do
		line "$part" "$reader"
	done
done
