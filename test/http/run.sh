#!/usr/bin/env bash
# run.sh: the HTTP client's streams (src/lib/http*.c) by themselves, against a server that sends good and bad; then what reads
# replies and manifests, by itself (readers.sh); then the connector, each file of SQL in a database of its own, against the double
# of an API (api.py); then the manifests of manifest/ (shipped.sh), and the schema of manifests against all of them (schema.py).
#
# With CK_COPT and CK_PG_WRAP, as test/sanitize.sh sets them, the client is what is checked.

. "$(dirname "$0")/../lib.sh"

folder=$CK_TMP/http
port=$(ck_spare_port) tls_port=$(ck_spare_port) http2_port=0
checker=()
mkdir -p "$folder/files"
trap 'kill $(jobs -p) 2>/dev/null' EXIT

case ${CK_PG_WRAP:-} in
	valgrind*) checker=(${CK_PG_WRAP/errors-for-leak-kinds=none/errors-for-leak-kinds=definite} --error-exitcode=9) ;;
esac
[ -z "${CK_PG_WRAP:-}" ] || export CK_CHECKER=1

python3 "$CK_TOP/test/http/server.py" $port $tls_port "$CK_TMP/tls/server.crt" "$CK_TMP/tls/server.key" \
	>"$folder/ready" 2>"$folder/log" &
ck_wait 20 $! grep -q ready "$folder/ready" || { cat "$folder/log"; exit 1; }
if command -v nghttpd >/dev/null; then
	http2_port=$(ck_spare_port)
	python3 - "$folder/files" <<-'END'
		import sys
		for name, size in ("small", 1000), ("large", 20000000):
		    open(sys.argv[1] + "/" + name, "wb").write((bytes(range(251)) * 80000)[:size])
	END
	nghttpd -d "$folder/files" -a 127.0.0.1 $http2_port "$CK_TMP/tls/server.key" "$CK_TMP/tls/server.crt" >"$folder/log2" 2>&1 &
	ck_wait 20 $! eval "exec 3<>/dev/tcp/127.0.0.1/$http2_port" || { cat "$folder/log2"; exit 1; }
else
	echo "ok - HTTP/2 # SKIP no nghttpd"
fi

${CC:-gcc} -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror ${CK_COPT:-} -I"$CK_TOP/src/include" -I"$CK_TOP/src/lib" \
	-o "$folder/stream" "$CK_TOP/test/http/stream.c" "$CK_TOP"/src/lib/http*.c \
	$(pkg-config --cflags --libs libcurl zlib) || exit 1
"${checker[@]}" "$folder/stream" $port $tls_port "$CK_CA" $http2_port
status=$?
bash "$CK_TOP/test/http/readers.sh" || status=1

ck_api_start api --items 1000 || { echo "not ok - the double of an API starts"; exit 1; }
cp "$CK_CA" "$CK_TMP/tls/client.crt" "$CK_TMP/tls/client.key" "$CK_FILES/" && chmod 600 "$CK_FILES/client.key" || exit 1
[ "$(id -u)" != 0 ] || chown postgres: "$CK_FILES/"*.crt "$CK_FILES/client.key"
# Puts what is registered into the server's log, for schema.py.
register='CREATE FUNCTION connkit_register_connector(manifest jsonb) RETURNS name LANGUAGE plpgsql AS $$
	BEGIN RAISE LOG $m$manifest: %$m$, manifest; RETURN register_connector(manifest); END $$'
for file in "$CK_TOP"/test/http/*.sql; do
	name=http_$(basename "$file" .sql)
	ck_psql postgres -c "DROP DATABASE IF EXISTS $name" -c "CREATE DATABASE $name" &&
		ck_psql "$name" -c "CREATE EXTENSION pgtap" -c "CREATE EXTENSION pgcrypto" -c "CREATE EXTENSION connkit" \
			-c "ALTER FUNCTION connkit_register_connector RENAME TO register_connector" -c "$register" &&
		pg_prove --norc -v -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d "$name" --set api="$CK_API" \
			--set other="$CK_API_OTHER" --set tls="$CK_API_TLS" --set files="$CK_FILES" "$file" || status=1
done
bash "$CK_TOP/test/http/budget.sh" || status=1
bash "$CK_TOP/test/http/sync_faults.sh" || status=1
bash "$CK_TOP/test/http/webhook_race.sh" || status=1
ck_stop api

bash "$CK_TOP/test/http/shipped.sh" || status=1

sed 's/skeleton/mine/g' "$CK_TOP/test/template/manifest/manifest/skeleton.json" >"$folder/mine.json"
python3 "$CK_TOP/test/http/schema.py" "$CK_TMP/readers/readers" "$CK_TMP/main/log" "$CK_TOP"/manifest/*.json \
	"$folder/mine.json" || status=1
exit $status
