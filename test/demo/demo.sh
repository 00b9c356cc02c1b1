#!/usr/bin/env bash
# demo.sh: connects a MariaDB, a PostgreSQL, an SQLite source and the API of a Prometheus before one's eyes, queries and
# synchronises them, and leaves it all running.
#
# usage: test/demo/demo.sh [stop]

. "$(dirname "$0")/../lib.sh"
. "$CK_TOP/test/http/servers.sh"

export CK_TMP=${TMPDIR:-/tmp}/connkit-demo-$(id -u)

# What an earlier run left.
if [ -e "$CK_TMP" ]; then
	[ -O "$CK_TMP" ] && [ ! -L "$CK_TMP" ] || ck_die "$CK_TMP is not ours"
	ck_stop_all
	rm -rf "$CK_TMP"
	[ "${1:-}" != stop ] || echo "stopped"
elif [ "${1:-}" = stop ]; then
	echo "not running"
fi
[ "${1:-}" != stop ] || exit 0

mkdir -m 755 "$CK_TMP" || exit 1
trap ck_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

echo "building connkit; starting a PostgreSQL with it, and four sources of sample data"
ck_prefix
ck_certificates || ck_die "no certificates"
ck_install || ck_die "the build failed"
(umask 077; echo "$CK_PASSWORD" >"$CK_TMP/password")
ck_main_start shared_preload_libraries=connkit && ck_source_start && ck_mysql_source_start || ck_die "a server did not start"
ck_mysql source <"$CK_TOP/test/demo/shop.mysql.sql" >/dev/null || ck_die "no sample data in MariaDB"
ck_source_psql source -f "$CK_TOP/test/demo/crm.postgres.sql" || ck_die "no sample data in PostgreSQL"
sqlite3 "$CK_FILES/warehouse.db" <"$CK_TOP/test/demo/warehouse.sqlite.sql" || ck_die "no sample data in SQLite"
[ "$(id -u)" != 0 ] || chown -R postgres: "$CK_FILES"
prometheus_start || ck_die "no Prometheus: ${CK_MISSING:-it did not start}"

ck_psql connkit -v mysql_port="$CK_MYSQL_PORT" -v pg_port="$CK_SOURCE_PGPORT" -v password="$CK_PASSWORD" \
	-v ca="$CK_CA" -v file="$CK_FILES/warehouse.db" -v prometheus="$CK_PROMETHEUS" \
	-f "$CK_TOP/test/demo/demo.sql" 2>&1 |
	sed -e 's,^psql:[^ ]*demo.sql:[0-9]*: ,,' -e 's,^------ ,\n&,' || ck_die "the demo failed"

trap - EXIT
cat <<END

It stays running. To look further:
    $CK_BIN/psql -h $CK_PGHOST -p $CK_PGPORT -U postgres connkit
To end it:
    make demo-stop
END
