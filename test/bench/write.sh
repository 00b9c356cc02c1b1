#!/usr/bin/env bash
# write.sh: how fast connkit changes rows of a source, against the wrappers that do the same, in turn in one run.
#
# insert   INSERT … SELECT of BENCH_ROWS (100000) rows of 8 columns from a local table into an empty foreign one with a key, by
#          itself a transaction; the peers with batch_size 1000, connkit with its default, which is that.
# update   one UPDATE that the source can do by itself, of every tenth row.
# delete   the same of a DELETE.
#
# Milliseconds from sending the statement to its end, medians over BENCH_ROUNDS (5). The ceiling is psql's COPY of the same rows
# as text, straight to the source. After each round the rows of all contenders at the source are compared.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/item.sh"
: "${BENCH_ROWS:=100000}" "${BENCH_ROUNDS:=5}"

ck_begin
ck_prefix
ck_certificates || ck_die "no certificates"
ck_install || ck_die "the build failed"
ck_main_start shared_buffers=512MB jit=off && ck_source_start shared_buffers=512MB jit=off max_wal_size=8GB &&
	ck_mysql_source_start --innodb-buffer-pool-size=512M || ck_die "a server did not start"
postgres="postgres_fdw connkit_postgres copy"
mysql="mysql_fdw connkit_mysql"

for table in $postgres; do
	ck_source_psql source -c "CREATE TABLE $table ($ITEM_COLUMNS, PRIMARY KEY (id)); ALTER TABLE $table OWNER TO ck_writer"
done
for table in $mysql; do
	ck_mysql source -e "CREATE TABLE $table (id bigint PRIMARY KEY, n int, price decimal(12,2), ratio double, name varchar(40),
		note text, made datetime, live tinyint(1))"
done
ck_psql connkit <<END || ck_die "the tables could not be made"
SET client_min_messages = warning;
CREATE EXTENSION connkit CASCADE;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION mysql_fdw;
CREATE TABLE item AS $(item_rows 1 "$BENCH_ROWS");
VACUUM ANALYZE item;
CREATE SERVER peer FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'disable', batch_size '1000');
CREATE USER MAPPING FOR public SERVER peer OPTIONS (user 'ck_writer', password '$CK_PASSWORD');
CREATE FOREIGN TABLE postgres_fdw ($ITEM_COLUMNS) SERVER peer OPTIONS (schema_name 'public', table_name 'postgres_fdw');
CREATE SERVER kit_pg FOREIGN DATA WRAPPER connkit_postgres
	OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'disable');
CREATE USER MAPPING FOR public SERVER kit_pg OPTIONS (user 'ck_writer', password '$CK_PASSWORD');
CREATE FOREIGN TABLE connkit_postgres ($ITEM_COLUMNS) SERVER kit_pg
	OPTIONS (schema_name 'public', table_name 'connkit_postgres');
CREATE SERVER peer_my FOREIGN DATA WRAPPER mysql_fdw OPTIONS (host '127.0.0.1', port '$CK_MYSQL_PORT');
CREATE USER MAPPING FOR public SERVER peer_my OPTIONS (username 'ck_writer', password '$CK_PASSWORD');
CREATE FOREIGN TABLE mysql_fdw ($ITEM_COLUMNS) SERVER peer_my OPTIONS (dbname 'source', table_name 'mysql_fdw');
CREATE SERVER kit_my FOREIGN DATA WRAPPER connkit_mysql
	OPTIONS (host '127.0.0.1', port '$CK_MYSQL_PORT', dbname 'source', sslmode 'disable');
CREATE USER MAPPING FOR public SERVER kit_my OPTIONS (user 'ck_writer', password '$CK_PASSWORD');
CREATE FOREIGN TABLE connkit_mysql ($ITEM_COLUMNS) SERVER kit_my OPTIONS (schema_name 'source', table_name 'connkit_mysql');
ALTER FOREIGN TABLE connkit_mysql ALTER id OPTIONS (ADD key 'true');
END
ck_psql connkit -c "COPY item TO STDOUT" >"$CK_TMP/item.tsv"

# Milliseconds of a command.
clock()
{
	local begin

	begin=$(date +%s%N)
	"$@" >/dev/null || return 1
	echo $((($(date +%s%N) - begin) / 1000000))
}

# Runs a statement in a session that has asked for the table before, and shows its milliseconds: table, statement.
timed()
{
	ck_psql connkit -At <<-END | sed -n 's/^Time: \([0-9]*\).*/\1/p'
		SELECT count(*) FROM $1 WHERE id = 0;
		\\timing on
		$2;
	END
}

# One figure: part, contender.
figure()
{
	case $1 in
		insert)
			if [ "$2" = copy ]; then
				clock ck_source_psql source -c "\\copy copy FROM $CK_TMP/item.tsv"
			else
				timed "$2" "INSERT INTO $2 SELECT * FROM item"
			fi ;;
		update)
			[ "$2" = copy ] || timed "$2" "UPDATE $2 SET n = n + 1 WHERE n < 10000" ;;
		delete)
			[ "$2" = copy ] || timed "$2" "DELETE FROM $2 WHERE n < 10000" ;;
	esac
}

for round in $(seq "$BENCH_ROUNDS"); do
	echo "round $round of $BENCH_ROUNDS"
	for part in insert update delete; do
		for contender in $postgres $mysql; do
			figure "$part" "$contender" >>"$CK_TMP/$part.$contender"
		done
	done
	ck_psql connkit -At -c "SELECT CASE WHEN (SELECT count(*) || ' ' || sum(n) || ' ' || sum(price) FROM connkit_postgres) =
		(SELECT count(*) || ' ' || sum(n) || ' ' || sum(price) FROM postgres_fdw) THEN '' ELSE 'rows differ' END" | grep . &&
		ck_die "the contenders differ"
	for contender in $postgres; do
		ck_source_psql source -c "TRUNCATE $contender"
	done
	for contender in $mysql; do
		ck_mysql source -e "TRUNCATE $contender"
	done
done
echo
echo "$("$CK_BIN/postgres" --version); $(ck_mysql source -N -e 'SELECT version()'); $(nproc) cores; $BENCH_ROWS rows," \
	"$BENCH_ROUNDS rounds. Milliseconds; speed in times"
for part in insert update delete; do
	for contender in $postgres $mysql; do
		[ -s "$CK_TMP/$part.$contender" ] || continue
		peer=postgres_fdw
		[[ $contender != *mysql* ]] || peer=mysql_fdw
		awk -v part="$part" -v name="$contender" -v ms="$(median "$CK_TMP/$part.$contender")" \
			-v other="$(median "$CK_TMP/$part.$peer")" -v peer="$peer" 'BEGIN {
			printf "%-8s %-18s %8d", part, name, ms
			if (name != peer && ms > 0) printf "  %.2f of %s", other / ms, peer
			print ""}'
	done
done
