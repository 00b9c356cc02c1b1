#!/usr/bin/env bash
# mysql.sh: a MariaDB or MySQL server as a source of the contract suite.

. "$CK_TOP/test/lib.sh"

process=$(cat "$CK_TMP/mysql/pid" 2>/dev/null)

case $1 in
	start)
		ck_mysql mysql -e 'DROP DATABASE IF EXISTS contract; CREATE DATABASE contract CHARACTER SET utf8mb4' &&
			ck_mysql contract <"$CK_TOP/test/contract/mysql.sql" >/dev/null &&
			ck_mysql contract -e "INSERT INTO big VALUES (1, repeat('x', 16777216))" ;;
	options)
		echo "server host localhost"
		echo "server port $CK_MYSQL_PORT"
		echo "server dbname contract"
		[ "${2:-}" = write ] && echo "user user ck_writer" || echo "user user ck_reader"
		echo "user password $CK_PASSWORD" ;;
	sql) { echo "SET time_zone = '+00:00';"; cat; } | ck_mysql contract --binary-mode ;;
	busy)
		ck_mysql contract -N -e "SELECT count(*) FROM information_schema.processlist
			WHERE user IN ('ck_reader', 'ck_writer') AND command IN ('Query', 'Execute')" ;;
	sessions)
		ck_mysql contract -N -e "SELECT count(*) FROM information_schema.processlist WHERE user IN ('ck_reader', 'ck_writer')" ;;
	kill) ck_stop mysql KILL ;;
	freeze) kill -STOP "$process" ;;
	thaw) kill -CONT "$process" ;;
	restart) ck_mysql_start mysql ;;
	mend) kill -CONT "$process" 2>/dev/null || ck_mysql_start mysql ;;
	stop) ck_mysql mysql -e 'DROP DATABASE contract' ;;
	*) exit 1 ;;
esac
