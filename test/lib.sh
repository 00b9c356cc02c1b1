# lib.sh: throw-away servers for tests, demo and bench; bash functions, to be sourced.
#
# All that is started lives below one folder, CK_TMP, and goes when the script that made the folder ends.
# A suite finds these variables in its environment:
#
#   CK_TOP                    top of the source tree
#   CK_TMP                    folder for everything, readable by the servers; a suite may write there
#   CK_BIN                    PostgreSQL's programs, of a private copy that connkit is installed into (first in PATH)
#   CK_PASSWORD               password of every role below
#   CK_PGHOST CK_PGPORT       cluster with connkit: socket folder and port (also TCP and TLS on localhost);
#                             databases connkit (C.UTF-8) and connkit_icu (ck_icu_locale); superuser postgres
#   CK_SOURCE_PGHOST CK_SOURCE_PGPORT
#                             cluster to be a source: databases source (C.UTF-8) and source_icu
#   CK_MYSQL_SOCKET CK_MYSQL_PORT
#                             MariaDB or MySQL server to be a source: database source; CK_MYSQL_ADMIN has all rights, by
#                             the socket and without a password
#   CK_CA CK_OTHER_CA         certificate that signed those of the servers, and one that signed none. The servers'
#                             certificates are for the name localhost: 127.0.0.1 is a wrong name for them
#   CK_FILES                  folder of the files that a server may read (SQLite)
#
# Roles in every server, by password: ck_reader (reads everything), ck_writer (writes too; creates databases and
# tables), ck_tls (reads; only with TLS). No service of the system is used or touched.
#
# Functions: see the comment above each. Servers have a name, and a folder CK_TMP/<name> with data/, log, pid.

set -uo pipefail

CK_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CK_TOP
: "${CK_START_SECONDS:=60}"
umask 022
export LC_ALL=C.UTF-8
unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS PGSSLMODE PGHOSTADDR

ck_die()
{
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# Makes CK_TMP and sees to it that everything below it ends with this script. In a suite, that has one: does nothing.
ck_begin()
{
	[ -z "${CK_TMP:-}" ] || return 0
	CK_TMP=$(mktemp -d "${TMPDIR:-/tmp}/connkit.XXXXXX") || ck_die "no temporary folder"
	export CK_TMP
	[ "$(id -u)" != 0 ] || chmod 755 "$CK_TMP"
	trap ck_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# Stops every server and removes CK_TMP; CK_KEEP=1 keeps the folder, to look at the logs.
ck_end()
{
	trap '' INT TERM HUP
	[ -z "${CK_CHILD:-}" ] || kill "$CK_CHILD" 2>/dev/null
	ck_stop_all
	cd /
	if [ -n "${CK_KEEP:-}" ]; then
		echo "kept: $CK_TMP" >&2
	else
		rm -rf "$CK_TMP"
	fi
}

# Runs a command as the user that a server runs as (postgres or mysql) where we are root, else as ourselves.
ck_as()
{
	local user=$1

	shift
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid="$user" --regid="$user" --init-groups env HOME="$CK_TMP" "$@"
	else
		"$@"
	fi
}

# Makes a folder that only the server's user and root can enter.
ck_folder()
{
	mkdir -p "$2" && chmod 700 "$2" || return 1
	[ "$(id -u)" != 0 ] || chown "$1:" "$2"
}

# Waits until a command succeeds, at most so many seconds; fails at once when the process has ended.
ck_wait()
{
	local seconds=$1 process=$2 end

	shift 2
	end=$((SECONDS + seconds))
	until "$@" >/dev/null 2>&1; do
		kill -0 "$process" 2>/dev/null || return 1
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# Prints a port of 127.0.0.1 that nobody listens on.
ck_spare_port()
{
	local port

	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo $port
}

# A private copy of the installed PostgreSQL in CK_TMP/pg: its programs find their libraries and extensions below
# it, so connkit can be installed without touching the system's. Mostly symbolic links.
ck_prefix()
{
	local config=${PG_CONFIG:-pg_config} part from to

	command -v "$config" >/dev/null || ck_die "no $config: run test/setup.sh"
	CK_BIN=$CK_TMP/pg$("$config" --bindir | sed 's,^/usr,,')
	mkdir -p "$CK_BIN"
	cp -r "$("$config" --bindir)/." "$CK_BIN"
	for part in pkglibdir sharedir; do
		from=$("$config" --$part)
		to=$CK_TMP/pg${from#/usr}
		mkdir -p "$to"
		cp -rs "$from/." "$to"
		find "$to" -name 'connkit*' -prune -exec rm -rf {} +
	done
	from=$("$config" --pkgincludedir)
	to=$CK_TMP/pg${from#/usr}
	mkdir -p "$to"
	cp -rs "$from/." "$to"
	[ "$("$CK_BIN/pg_config" --pkglibdir)" = "$CK_TMP/pg$("$config" --pkglibdir | sed 's,^/usr,,')" ] ||
		ck_die "PostgreSQL cannot be relocated: $("$CK_BIN/pg_config" --pkglibdir)"
	PATH=$CK_BIN:$PATH
	export CK_BIN PATH
}

# Copies the source tree, without what was built in it.
ck_copy_tree()
{
	tar -C "$CK_TOP" -c --exclude-vcs --exclude='*.o' --exclude='*.so' --exclude='*.bc' --exclude=./connkit_seal . |
		tar -x -C "$1" --no-same-owner
}

# Builds connkit and installs it into the private copy: in the source tree, or with CK_COPT, compiler options of a
# special build, in a copy of the tree.
ck_install()
{
	local log=$CK_TMP/build.log flags

	flags=(-s -C "$CK_TOP" PG_CONFIG="$CK_BIN/pg_config" with_llvm=no COPT="${CK_COPT:--Werror}")
	if [ -n "${CK_COPT:-}" ]; then
		mkdir -p "$CK_TMP/build"
		ck_copy_tree "$CK_TMP/build"
		flags[2]=$CK_TMP/build
	fi
	if ! make "${flags[@]}" -j2 >"$log" 2>&1 || ! make "${flags[@]}" install >>"$log" 2>&1; then
		cat "$log"
		return 1
	fi
	grep -h '^connkit: ' "$log" | sort -u
	return 0
}

# The certificates that the comment at the top tells of.
ck_certificates()
{
	local folder=$CK_TMP/tls name

	mkdir -p "$folder"
	for name in ca other; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7 -subj "/CN=connkit $name" \
			-keyout "$folder/$name.key" -out "$folder/$name.crt" 2>/dev/null || return 1
	done
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
		-keyout "$folder/server.key" -out "$folder/server.csr" 2>/dev/null &&
		openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial \
			-days 7 -extfile <(echo subjectAltName=DNS:localhost) -out "$folder/server.crt" 2>/dev/null || return 1
	chmod 600 "$folder"/*.key
	CK_CA=$folder/ca.crt CK_OTHER_CA=$folder/other.crt
	CK_PASSWORD=$(openssl rand -hex 12)
	CK_FILES=$CK_TMP/files
	ck_folder postgres "$CK_FILES"
	export CK_CA CK_OTHER_CA CK_PASSWORD CK_FILES
}

# Starts a new cluster by this name, or one that was stopped; further words are settings as name=value. The folder
# of its socket is CK_TMP/<name>, its port is left in CK_PORT.
ck_pg_start()
{
	local name=$1 folder=$CK_TMP/$1 process try setting wrap=

	shift
	[ "$name" != main ] || wrap=${CK_PG_WRAP:-}
	if [ ! -d "$folder/data" ]; then
		ck_folder postgres "$folder"
		ck_as postgres "$CK_BIN/initdb" -D "$folder/data" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
			--no-sync >"$folder/log" 2>&1 || { cat "$folder/log"; return 1; }
		cp "$CK_TMP/tls/server.crt" "$CK_TMP/tls/server.key" "$CK_CA" "$folder/data/" &&
			chmod 600 "$folder/data/server.key"
		[ "$(id -u)" != 0 ] || chown postgres: "$folder/data/"*.crt "$folder/data/server.key"
		cat >"$folder/data/pg_hba.conf" <<-END
			local     all all           trust
			hostnossl all ck_tls all    reject
			host      all all localhost scram-sha-256
		END
		cat >>"$folder/data/postgresql.conf" <<-END
			listen_addresses = 'localhost'
			unix_socket_directories = '$folder'
			unix_socket_permissions = 0700
			ssl = on
			ssl_ca_file = 'ca.crt'
			fsync = off
			max_connections = 60
			shared_buffers = 64MB
			timezone = 'UTC'
			lc_messages = 'C'
			log_line_prefix = '%m [%p] %d '
		END
	fi
	for setting in "$@"; do
		echo "${setting%%=*} = '${setting#*=}'" >>"$folder/data/postgresql.conf"
	done
	for try in 1 2 3 4 5; do
		CK_PORT=$(cat "$folder/port" 2>/dev/null || ck_spare_port)
		ck_as postgres setsid $wrap "$CK_BIN/postgres" -D "$folder/data" -p "$CK_PORT" \
			</dev/null >>"$folder/log" 2>&1 &
		process=$!
		if ck_wait "$CK_START_SECONDS" $process "$CK_BIN/pg_isready" -q -U postgres -h "$folder" -p "$CK_PORT"; then
			head -n 1 "$folder/data/postmaster.pid" >"$folder/pid"
			echo "$CK_PORT" >"$folder/port"
			disown $process
			return 0
		fi
		kill $process 2>/dev/null
		wait $process 2>/dev/null
		rm -f "$folder/port"
		grep -q 'Address already in use' "$folder/log" || break
	done
	tail -n 20 "$folder/log"
	return 1
}

# Starts a MariaDB server (MySQL's own where that is what there is) by this name, new or stopped; further words go to
# it as they are. Its socket is CK_TMP/<name>/socket, its port is left in CK_PORT.
ck_mysql_start()
{
	local name=$1 folder=$CK_TMP/$1 process try server client owner=mysql user=()

	shift
	server=$(PATH=$PATH:/usr/sbin command -v mariadbd || PATH=$PATH:/usr/sbin command -v mysqld) || return 1
	client=$(command -v mariadb-admin || command -v mysqladmin) || return 1
	id mysql >/dev/null 2>&1 || owner=postgres
	[ "$(id -u)" != 0 ] || user=(--user=$owner)
	# a server that starts removes the temporary tables of all others in the same folder
	local TMPDIR=$folder
	export TMPDIR
	if [ ! -d "$folder/data" ]; then
		ck_folder $owner "$folder"
		ck_folder $owner "$folder/data"
		cp "$CK_TMP/tls/server.crt" "$CK_TMP/tls/server.key" "$CK_CA" "$folder/"
		[ "$(id -u)" != 0 ] || chown $owner: "$folder"/*.crt "$folder/server.key"
		if [[ $server == *mariadbd ]]; then
			mariadb-install-db --no-defaults "${user[@]}" --datadir="$folder/data" --skip-test-db \
				--auth-root-authentication-method=socket --auth-root-socket-user="$CK_MYSQL_ADMIN"
		else
			"$server" --no-defaults "${user[@]}" --datadir="$folder/data" --initialize-insecure
		fi >"$folder/log" 2>&1 </dev/null || { tail -n 20 "$folder/log"; return 1; }
	fi
	for try in 1 2 3 4 5; do
		CK_PORT=$(cat "$folder/port" 2>/dev/null || ck_spare_port)
		setsid "$server" --no-defaults "${user[@]}" --datadir="$folder/data" --socket="$folder/socket" \
			--pid-file="$folder/pid" --bind-address=127.0.0.1 --port="$CK_PORT" --skip-log-bin \
			--ssl-ca="$folder/ca.crt" --ssl-cert="$folder/server.crt" --ssl-key="$folder/server.key" \
			--character-set-server=utf8mb4 --innodb-flush-log-at-trx-commit=0 --skip-name-resolve \
			--secure-file-priv="$folder" --loose-mysqlx=0 "$@" \
			</dev/null >>"$folder/log" 2>&1 &
		process=$!
		if ck_wait "$CK_START_SECONDS" $process "$client" --no-defaults --socket="$folder/socket" \
			-u "$CK_MYSQL_ADMIN" ping; then
			echo "$CK_PORT" >"$folder/port"
			disown $process
			return 0
		fi
		kill $process 2>/dev/null
		wait $process 2>/dev/null
		rm -f "$folder/port"
		grep -q 'Address already in use' "$folder/log" || break
	done
	tail -n 20 "$folder/log"
	return 1
}

# Whether a process runs; one that has ended but was not waited for does not.
ck_alive()
{
	grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null
}

# Waits, at most so many seconds, until a process has ended, and then ends it by force.
ck_gone()
{
	local end=$((SECONDS + $1))

	while ck_alive "$2"; do
		[ $SECONDS -lt $end ] || { kill -KILL "$2" 2>/dev/null; return; }
		sleep 0.05
	done
}

# Stops the server of this name: in order, or with a second word by that signal: "ck_stop NAME KILL" is a crash.
ck_stop()
{
	local folder=$CK_TMP/$1 signal=${2:-TERM} process child children

	process=$(cat "$folder/pid" 2>/dev/null) || return 0
	rm -f "$folder/pid"
	grep -qF "$folder/" "/proc/$process/cmdline" 2>/dev/null || return 0
	[ "$signal" != TERM ] || [ ! -e "$folder/data/PG_VERSION" ] || signal=INT
	children=$(cat "/proc/$process/task/$process/children" 2>/dev/null)
	kill -"$signal" "$process" 2>/dev/null
	for child in $process $children; do
		ck_gone 20 "$child"
	done
}

# Stops every server below CK_TMP.
ck_stop_all()
{
	local pid

	for pid in "$CK_TMP"/*/pid; do
		[ ! -e "$pid" ] || ck_stop "$(basename "$(dirname "$pid")")"
	done
}

# psql as superuser: database, then psql's own arguments; in the cluster with connkit, or in the source.
ck_psql()
{
	local database=$1

	shift
	"$CK_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d "$database" "$@"
}

ck_source_psql()
{
	local database=$1

	shift
	"$CK_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$CK_SOURCE_PGHOST" -p "$CK_SOURCE_PGPORT" -U postgres \
		-d "$database" "$@"
}

# The MySQL client with all rights: database, then its own arguments.
ck_mysql()
{
	local database=$1

	shift
	"$(command -v mariadb || command -v mysql)" --no-defaults --socket="$CK_MYSQL_SOCKET" -u "$CK_MYSQL_ADMIN" \
		--default-character-set=utf8mb4 "$@" "$database"
}

# The three servers that the comment at the top tells of, with their roles and databases.
ck_main_start()
{
	ck_pg_start main "$@" || return 1
	export CK_PGHOST=$CK_TMP/main CK_PGPORT=$CK_PORT
	ck_pg_roles ck_psql connkit
}

ck_source_start()
{
	ck_pg_start source "$@" || return 1
	export CK_SOURCE_PGHOST=$CK_TMP/source CK_SOURCE_PGPORT=$CK_PORT
	ck_pg_roles ck_source_psql source
}

# The major version of PostgreSQL.
ck_major()
{
	"$CK_BIN/pg_config" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'
}

# The locale of a database that sorts as a language does. Before 15 no database has one of ICU.
ck_icu_locale()
{
	if [ "$(ck_major)" -ge 15 ]; then
		echo "LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
	else
		echo "LOCALE 'en_US.UTF-8'"
	fi
}

# Roles and databases of a new cluster: the psql function for it, the database's name.
ck_pg_roles()
{
	local database

	"$1" postgres <<-END || return 1
		CREATE ROLE ck_reader LOGIN PASSWORD '$CK_PASSWORD' IN ROLE pg_read_all_data;
		CREATE ROLE ck_tls LOGIN PASSWORD '$CK_PASSWORD' IN ROLE pg_read_all_data;
		CREATE ROLE ck_writer LOGIN CREATEDB PASSWORD '$CK_PASSWORD' IN ROLE pg_read_all_data, pg_write_all_data;
		CREATE DATABASE $2 OWNER ck_writer TEMPLATE template0 ENCODING UTF8 LOCALE 'C.UTF-8';
		CREATE DATABASE $2_icu OWNER ck_writer TEMPLATE template0 ENCODING UTF8 $(ck_icu_locale);
	END
	[ "$(ck_major)" -lt 15 ] || return 0
	# as databases of later versions are made
	for database in "$2" "$2_icu"; do
		"$1" "$database" -c "ALTER SCHEMA public OWNER TO pg_database_owner" \
			-c "REVOKE CREATE ON SCHEMA public FROM PUBLIC" || return 1
	done
}

ck_mysql_source_start()
{
	CK_MYSQL_ADMIN=root
	[ "$(id -u)" = 0 ] || ! PATH=$PATH:/usr/sbin command -v mariadbd >/dev/null || CK_MYSQL_ADMIN=$(id -un)
	export CK_MYSQL_ADMIN
	ck_mysql_start mysql "$@" || return 1
	export CK_MYSQL_SOCKET=$CK_TMP/mysql/socket CK_MYSQL_PORT=$CK_PORT
	ck_mysql mysql <<-END
		CREATE DATABASE source CHARACTER SET utf8mb4;
		CREATE USER ck_reader@'%' IDENTIFIED BY '$CK_PASSWORD', ck_writer@'%' IDENTIFIED BY '$CK_PASSWORD';
		CREATE USER ck_tls@'%' IDENTIFIED BY '$CK_PASSWORD' REQUIRE SSL;
		GRANT SELECT, SHOW VIEW, LOCK TABLES ON *.* TO ck_reader@'%', ck_tls@'%';
		GRANT ALL ON *.* TO ck_writer@'%';
	END
}

# Starts the double of an HTTP API (test/http/api.py) by this name (default api); further words go to it as they are. Leaves
# its addresses in CK_API, CK_API_OTHER (a second port), CK_API_DEAF (never accepts a connection), CK_API_TLS, and a client's
# certificate for it in CK_TMP/tls/client.crt and .key.
ck_api_start()
{
	local name=${1:-api} folder=$CK_TMP/${1:-api} tls=$CK_TMP/tls process

	[ $# -eq 0 ] || shift
	mkdir -p "$folder"
	rm -f "$folder/ports"
	if [ ! -e "$tls/client.crt" ]; then
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=client \
			-keyout "$tls/client.key" 2>/dev/null | openssl x509 -req -CA "$CK_CA" -CAkey "$tls/ca.key" \
			-CAcreateserial -days 7 -out "$tls/client.crt" 2>/dev/null || return 1
	fi
	setsid python3 "$CK_TOP/test/http/api.py" "$folder/" --tls "$tls/server.crt" "$tls/server.key" "$CK_CA" "$@" \
		</dev/null >>"$folder/log" 2>&1 &
	process=$!
	echo $process >"$folder/pid"
	disown $process
	ck_wait "$CK_START_SECONDS" $process [ -e "$folder/ports" ] || { tail -n 20 "$folder/log"; return 1; }
	read -r CK_API CK_API_OTHER CK_API_DEAF CK_API_TLS <"$folder/ports"
	export CK_API=http://localhost:$CK_API CK_API_OTHER=http://localhost:$CK_API_OTHER
	export CK_API_DEAF=http://localhost:$CK_API_DEAF CK_API_TLS=https://localhost:$CK_API_TLS
}

# All of it: folder, private PostgreSQL, certificates, the three servers. connkit is installed from CK_TOP.
ck_start_all()
{
	ck_begin
	ck_prefix
	ck_certificates || ck_die "no certificates"
	ck_install || ck_die "the build failed"
	ck_main_start && ck_source_start && ck_mysql_source_start || ck_die "a server did not start"
}

# One test of a suite: a name, and a command that succeeds. What the command printed is shown when it does not.
ck_ok()
{
	local name=$1 output

	shift
	CK_NUMBER=$((${CK_NUMBER:-0} + 1))
	if output=$("$@" 2>&1); then
		echo "ok $CK_NUMBER - $name"
	else
		echo "not ok $CK_NUMBER - $name"
		printf '%s\n' "$output" | sed 's/^/# /'
	fi
}

ck_skip()
{
	CK_NUMBER=$((${CK_NUMBER:-0} + 1))
	echo "ok $CK_NUMBER - $1 # SKIP $2"
}

# The end of a suite that used ck_ok and ck_skip.
ck_done()
{
	echo "1..${CK_NUMBER:-0}"
}
