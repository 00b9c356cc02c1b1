#!/usr/bin/env bash
# budget.sh: limits on requests hold for all backends: of the double of an API at CK_API, by several psql at once.

. "$(dirname "$0")/../lib.sh"

database=http_shared
folder=$CK_TMP/$database
mkdir -p "$folder"
curl -sf --noproxy '*' -X DELETE "$CK_API/control"
ck_psql postgres -c "CREATE DATABASE $database" -c "CREATE ROLE ck_other" || exit 1
ck_psql $database <<-END || exit 1
	CREATE EXTENSION pgcrypto;
	CREATE EXTENSION connkit;
	CREATE SERVER shared FOREIGN DATA WRAPPER connkit_http
		OPTIONS (base_url '$CK_API', max_requests '6', max_requests_seconds '1');
	CREATE FOREIGN TABLE paged (id bigint) SERVER shared OPTIONS (path '/paged/page?n=50',
		paging '{"type": "page", "param": "page", "size_param": "per_page", "size": 10}');
	CREATE SERVER held FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url '$CK_API');
	CREATE FOREIGN TABLE refused (id bigint) SERVER held
		OPTIONS (path '/items?n=1&_fault=status&_status=429&_times=1&_retry_after=2&_key=h1');
	CREATE FOREIGN TABLE item (id bigint) SERVER held OPTIONS (path '/items?n=1');
	CREATE SERVER log FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url '$CK_API');
	CREATE FOREIGN TABLE control_log (at float8, target text) SERVER log OPTIONS (path '/control/log');
	GRANT SELECT ON item TO ck_other;
END

# Three backends, of six requests each.
shared()
{
	local i

	for i in 1 2 3; do
		ck_psql $database -Atc "SELECT count(*) FROM paged" >"$folder/$i" 2>&1 &
	done
	wait
	cat "$folder/1" "$folder/2" "$folder/3"
	[ "$(cat "$folder/1" "$folder/2" "$folder/3" | tr '\n' ' ')" = "50 50 50 " ]
}

# The most requests of a second, but for what the way to the double takes.
most()
{
	local found

	found=$(ck_psql $database -Atc "SELECT max(n) || ' of ' || count(*) FROM (SELECT count(*) OVER
		(ORDER BY at RANGE BETWEEN CURRENT ROW AND 0.95 FOLLOWING) AS n
		FROM control_log WHERE target LIKE '/paged/page%') AS w")
	echo "$found"
	[ "$found" = "6 of 18" ]
}

# Milliseconds that a psql takes to read item, with options of its own.
reads_item()
{
	local began

	began=$(date +%s%3N)
	ck_psql $database -Atq -c "SET ROLE $1" -c "SELECT count(*) FROM item" >/dev/null || return 1
	echo $(($(date +%s%3N) - began))
}

# One backend is told to wait for two seconds, and waits; another asks meanwhile.
held()
{
	local refused process took

	ck_psql $database -Atc "SELECT count(*) FROM refused" >"$folder/refused" &
	process=$!
	ck_wait 5 $process eval "curl -s --noproxy '*' $CK_API/control/log.txt | grep -q '^429'" || return 1
	sleep 0.2
	took=$(reads_item "$1") || return 1
	wait $process
	echo "after $took ms, $(cat "$folder/refused")"
	[ "$took" -ge "$2" ] && [ "$took" -le "$3" ] && [ "$(cat "$folder/refused")" = 1 ]
}

ck_ok "three backends read what one would" shared
ck_ok "and keep one budget" most
ck_ok "a wait that one was told holds for another" held postgres 1000 3000
curl -sf --noproxy '*' -X DELETE "$CK_API/control"
ck_ok "but not for another user" held ck_other 0 700
ck_psql postgres -c "DROP DATABASE $database" -c "DROP ROLE ck_other"
ck_done
