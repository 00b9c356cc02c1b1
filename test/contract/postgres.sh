#!/usr/bin/env bash
# postgres.sh: a PostgreSQL cluster as a source of the contract suite.

. "$CK_TOP/test/lib.sh"

# Sends a signal to every process of the cluster, the postmaster first.
all()
{
	local process

	process=$(cat "$CK_TMP/source/pid")
	kill -"$1" $process $(cat /proc/$process/task/$process/children)
}

case $1 in
	start)
		ck_source_psql postgres -c 'DROP DATABASE IF EXISTS contract WITH (FORCE)' \
			-c "CREATE DATABASE contract TEMPLATE template0 LOCALE 'C.UTF-8'" \
			-c 'ALTER DATABASE contract SET synchronize_seqscans = off' &&
			ck_source_psql contract -c 'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO ck_writer' &&
			ck_source_psql contract -f "$CK_TOP/test/contract/postgres.sql" ;;
	options)
		# its socket lets in everybody who may enter the folder
		[ "${2:-}" != ride ] || { echo "server host $CK_SOURCE_PGHOST"; echo "user user postgres"; exit; }
		echo "server host localhost"
		echo "server port $CK_SOURCE_PGPORT"
		echo "server dbname contract"
		[ "${2:-}" = write ] && echo "user user ck_writer" || echo "user user ck_reader"
		echo "user password $CK_PASSWORD"
		[ -z "${2:-}" ] || echo "table schema_name public" ;;
	sql) ck_source_psql contract ;;
	busy)
		ck_source_psql contract -At -c "SELECT count(*) FROM pg_stat_activity
			WHERE usename IN ('ck_reader', 'ck_writer') AND state = 'active' AND query !~* '^ *(commit|rollback|abort|end)'" ;;
	sessions)
		ck_source_psql contract -At -c "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('ck_reader', 'ck_writer')" ;;
	kill) all KILL; ck_stop source KILL ;;
	freeze) all STOP ;;
	thaw) all CONT ;;
	restart) ck_pg_start source ;;
	mend) all CONT 2>/dev/null; [ -e "$CK_TMP/source/pid" ] || ck_pg_start source ;;
	stop) ck_source_psql postgres -c 'DROP DATABASE contract WITH (FORCE)' ;;
	*) exit 1 ;;
esac
