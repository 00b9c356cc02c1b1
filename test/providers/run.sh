#!/usr/bin/env bash
# run.sh: secrets kept by Vault and AWS Secrets Manager, and the HTTP client, against a Vault server, moto and doubles.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/fetch.sh"
export no_proxy=localhost,127.0.0.1

# psql in the suite's database; errors come with their SQLSTATE.
sql()
{
	PGOPTIONS='-c client_min_messages=warning' ck_psql providers -At -v VERBOSITY=verbose "$@"
}

# Succeeds when the output of a command is what is told first.
is()
{
	local expected=$1 found

	shift
	found=$("$@" 2>&1)
	[ "$found" = "$expected" ] || { printf 'expected: %s\nfound: %s\n' "$expected" "$found"; return 1; }
}

# Succeeds when a command fails with an output that matches the extended regular expression.
fails()
{
	local pattern=$1 found

	shift
	found=$("$@" 2>&1) && { printf 'no error, but: %s\n' "$found"; return 1; }
	grep -qE "$pattern" <<<"$found" || { printf 'expected: %s\nfound: %s\n' "$pattern" "$found"; return 1; }
	! grep -q canary <<<"$found" || { printf 'canary in: %s\n' "$found"; return 1; }
}

# Runs a command in this shell, so that it can set variables, as a test.
begins()
{
	local name=$1 output=$CK_TMP/begins.log status

	shift
	"$@" >"$output" 2>&1
	status=$?
	ck_ok "$name" eval "cat $output; exit $status"
	return $status
}

# A program as a server: its name, a command that succeeds when it is there, the program, its arguments. It runs by a
# link in the server's folder, by which ck_stop knows it.
server_start()
{
	local folder=$CK_TMP/$1 ready=$2 program=$3

	shift 3
	mkdir -p "$folder"
	ln -sf "$program" "$folder/program"
	setsid "$folder/program" "$@" </dev/null >>"$folder/log" 2>&1 &
	echo $! >"$folder/pid"
	disown $!
	ck_wait "$CK_START_SECONDS" "$(cat "$folder/pid")" eval "$ready" || { tail -n 20 "$folder/log"; return 1; }
}

# A source that keeps secrets, new or again: its name, wrapper, server options and user options as SQL has them.
provider()
{
	sql -c "DROP SERVER IF EXISTS $1 CASCADE" -c "CREATE SERVER $1 FOREIGN DATA WRAPPER $2 OPTIONS ($3)" \
		-c "CREATE USER MAPPING FOR PUBLIC SERVER $1 OPTIONS ($4)"
}

# Reads the source with the password that a reference of a provider names.
read_by()
{
	sql -c "SELECT connkit_link_secret('linked', '$1', '$2')" -c "SELECT who FROM there" | tail -n 1
}

# The same with a statement_timeout: is the cancel served, and at once.
cancelled()
{
	local begin=$(date +%s%N)

	fails '57014: canceling statement due to statement timeout' \
		sql -c "SELECT connkit_link_secret('linked', '$1', '$2')" -c "SET statement_timeout = 700" -c "SELECT who FROM there" &&
		[ $(($(date +%s%N) - begin)) -lt 4000000000 ]
}

setup()
{
	ck_source_psql source -c "DROP ROLE IF EXISTS ck_linked" -c "CREATE ROLE ck_linked LOGIN PASSWORD '$PASSWORD'" &&
		ck_psql postgres -c "DROP DATABASE IF EXISTS providers" -c "CREATE DATABASE providers" &&
		sql -c "CREATE EXTENSION connkit CASCADE" -c "CREATE SERVER source FOREIGN DATA WRAPPER connkit_postgres
				OPTIONS (host 'localhost', port '$CK_SOURCE_PGPORT', dbname 'source', sslmode 'require')" \
			-c "CREATE USER MAPPING FOR PUBLIC SERVER source OPTIONS (user 'ck_linked', password_secret 'linked')" \
			-c "CREATE FOREIGN TABLE there (who text) SERVER source OPTIONS (query 'SELECT current_user::text AS who')"
}

# A function of a client library that has the name of one of PostgreSQL's would be that one in a backend.
no_name_twice()
{
	local module

	nm -D --defined-only "$CK_BIN/postgres" | awk '{print $NF}' | sort -u >"$CK_TMP/names"
	for module in "$("$CK_BIN/pg_config" --pkglibdir)"/connkit_*.so; do
		nm -D --undefined-only "$module" | awk '{print $NF}' | sed 's/@.*//' | sort -u | comm -12 - "$CK_TMP/names" |
			sed "s,^,$(basename "$module"): ,"
	done
}

# What keeps secrets has no tables.
test_wrappers()
{
	sql -c "CREATE SERVER keeper FOREIGN DATA WRAPPER connkit_vault OPTIONS (address 'http://localhost:1')" \
		-c "CREATE USER MAPPING FOR PUBLIC SERVER keeper OPTIONS (token 'x')" -c "CREATE FOREIGN TABLE none (a int) SERVER keeper"
	ck_ok "a foreign table cannot be read" fails 'HINT: .*capability "read"' sql -c "SELECT * FROM none"
	ck_ok "nor analyzed" is 'WARNING:  01000: skipping "none" --- cannot analyze this foreign table' \
		eval 'sql -c "ANALYZE none" 2>&1 | grep -v ^LOCATION'
	ck_ok "nor imported" fails '0A000: .*cannot list tables' sql -c "IMPORT FOREIGN SCHEMA x FROM SERVER keeper INTO public"
	ck_ok "nor discovered" fails 'HINT: .*capability "discover"' sql -c "SELECT * FROM connkit_discover('keeper')"
	ck_ok "a wrong option has a hint" fails 'HINT: .*address' sql -c "ALTER SERVER keeper OPTIONS (ADD adress 'x')"
	ck_ok "no function that PostgreSQL has too" is "" no_name_twice
	ck_ok "the connectors are listed" is "aws_secrets|{secrets}
vault|{secrets}" sql -c "SELECT name, capabilities FROM connkit.connector WHERE 'secrets' = ANY (capabilities) ORDER BY 1"
}

. "$(dirname "$0")/vault.sh"
. "$(dirname "$0")/double.sh"
. "$(dirname "$0")/aws.sh"

PASSWORD=$(openssl rand -hex 12)
ck_ok "database and source" setup
if fetch_vault; then
	test_vault
else
	ck_skip "Vault" "$CK_VAULT_MISSING"
fi
if command -v python3 >/dev/null; then
	test_double && test_aws_double
	ck_stop double
	ck_stop double_tls
else
	ck_skip "misbehaving servers" "no python3"
fi
if fetch_moto; then
	test_aws
else
	ck_skip "AWS Secrets Manager" "$CK_MOTO_MISSING"
fi
test_wrappers
ck_done
