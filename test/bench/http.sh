#!/usr/bin/env bash
# http.sh: how fast pages of JSON are read and loaded, from nginx on this machine, which has each page as a file.
#
# read   SELECT * of every row (EXPLAIN ANALYZE's Execution Time: all columns become local values), page after page and with
#        gzip. Beside it a loop of curl over the same pages, which throws them away, and a program on libcurl and libyajl
#        (bare_http.c) that takes each page apart and keeps nothing.
# load   connkit_sync(), full_refresh with replace, into a table with a key, against dlt's rest_api source into the same server;
#        wall time of the client program, and then both tables are compared with what the pages hold, column by column.
#
# BENCH_ROWS (1000000), pages of BENCH_PAGE (1000), BENCH_ROUNDS (3); dlt has one round. Figures are medians.

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/item.sh"
. "$(dirname "$0")/peers.sh"
. "$(dirname "$0")/../http/servers.sh"
: "${BENCH_ROWS:=1000000}" "${BENCH_PAGE:=1000}" "${BENCH_ROUNDS:=3}"

pages=$(((BENCH_ROWS + BENCH_PAGE - 1) / BENCH_PAGE))
columns="id bigint NOT NULL, n integer, price numeric(12,2), ratio double precision, name varchar(40), note text,
	made timestamp, live boolean"

# Writes the pages as files, and one without records behind them.
make_pages()
{
	local folder=$CK_TMP/pages

	mkdir -m 755 "$folder" && ck_psql connkit -At -c "SELECT '[' || string_agg(row_to_json(i)::text, ',' ORDER BY id) || ']'
		FROM ($(item_rows 1 "$BENCH_ROWS")) AS i GROUP BY (id - 1) / $BENCH_PAGE ORDER BY (id - 1) / $BENCH_PAGE" |
		(cd "$folder" && split -l 1 -a 6 --numeric-suffixes=1 --additional-suffix=.json - page) || return 1
	for file in "$folder"/page*; do
		mv "$file" "$folder/$((10#$(basename "$file" .json | tr -d a-z))).json"
	done
	echo '[]' >"$folder/$((pages + 1)).json"
	[ "$(find "$folder" -type f | wc -l)" = $((pages + 1)) ]
}

setup()
{
	echo "making $BENCH_ROWS rows in $pages pages"
	make_pages && nginx_files_start "$CK_TMP/pages" || return 1
	ck_psql connkit <<-END
		SET client_min_messages = warning;
		CREATE EXTENSION connkit CASCADE;
		CREATE SERVER api FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url '$CK_NGINX');
		CREATE USER MAPPING FOR public SERVER api;
		CREATE FOREIGN TABLE pages ($columns) SERVER api OPTIONS (path '/items', paging '{"type": "page", "param": "page"}');
		CREATE FOREIGN TABLE packed ($columns) SERVER api
			OPTIONS (path '/packed/items', paging '{"type": "page", "param": "page"}');
		SELECT connkit_register_connector(jsonb_build_object('manifest', 1, 'name', 'bench', 'version', '1',
			'base_url', '$CK_NGINX', 'tables', jsonb_build_object('item', jsonb_build_object('path', '/items',
			'columns', '{"id": {"type": "bigint", "not_null": true}, "n": "integer", "price": "numeric(12,2)",
				"ratio": "double precision", "name": "varchar(40)", "note": "text", "made": "timestamp",
				"live": "boolean"}'::jsonb,
			'key', '["id"]'::jsonb, 'paging', '{"type": "page", "param": "page"}'::jsonb)))) \g /dev/null
		CREATE SERVER bench FOREIGN DATA WRAPPER connkit_bench;
		CREATE USER MAPPING FOR public SERVER bench;
		SELECT connkit_create_sync('bench', 'item', 'loaded', mode => 'full_refresh', write => 'replace', name => 'loaded')
			\g /dev/null
		CREATE SCHEMA dlt_item AUTHORIZATION ck_writer;
	END
}

execution_time()
{
	ck_psql connkit -At -c "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON) SELECT * FROM $1" |
		sed -n 's/^Execution Time: \([0-9]*\).*/\1/p'
}

# Milliseconds of a command, whose output is kept for who looks why it failed.
wall_time()
{
	local begin

	begin=$(date +%s%N)
	"$@" >"$CK_TMP/load.log" 2>&1 || { tail -n 5 "$CK_TMP/load.log" >&2; return 1; }
	echo $((($(date +%s%N) - begin) / 1000000))
}

curl_loop()
{
	curl -sf --noproxy '*' -o /dev/null "$CK_NGINX/items?page=[1-$((pages + 1))]"
}

load_connkit()
{
	ck_psql connkit -At -c "SELECT outcome, message FROM connkit_sync('loaded')" | grep -q '^succeeded'
}

load_dlt()
{
	HOME=$CK_TMP RUNTIME__DLTHUB_TELEMETRY=false "$CK_DLT_PYTHON" "$CK_TOP/test/bench/dlt_rest.py" "$CK_NGINX" \
		"postgresql://ck_writer:$CK_PASSWORD@localhost:$CK_PGPORT/connkit?sslmode=disable" dlt_item "$CK_TMP/dlt"
}

# Number of rows, and a sum of hashes of each column.
sums()
{
	local sum

	printf -v sum ', sum(hashtextextended(%s, 0))' id::text n::text 'price::numeric(12,2)::text' ratio::float8::text \
		name::text note::text made::timestamp::text live::boolean::text
	ck_psql connkit -At -c "SET TimeZone = 'UTC'; SELECT count(*)$sum FROM $1 AS rows"
}

compare()
{
	[ "$(sums "$1")" = "$expected" ] || { echo "WRONG: $1 differs from the pages"; wrong=1; }
}

# A contender: what it is called, its milliseconds, those that it is compared with and whose these are.
line()
{
	awk -v name="$1" -v ms="$2" -v base="${3:-}" -v whose="${4:-}" -v rows="$BENCH_ROWS" 'BEGIN {
		printf "%-34s %8d ms %10.0f rows/s", name, ms, rows * 1000 / ms
		if (whose) printf "   %.2f of the time of %s", ms / base, whose
		print ""}'
}

ck_begin
ck_prefix
ck_certificates || ck_die "no certificates"
ck_install || ck_die "the build failed"
cc -O2 -Wall -o "$CK_TMP/bare" "$(dirname "$0")/bare_http.c" -lcurl -lyajl || ck_die "bare_http.c did not compile"
ck_main_start shared_buffers=1GB jit=off max_wal_size=8GB || ck_die "a server did not start"
setup || ck_die "the pages could not be made"
mkdir "$CK_TMP/ms"
wrong=0

for round in $(seq "$BENCH_ROUNDS"); do
	wall_time curl_loop >>"$CK_TMP/ms/curl" &&
		"$CK_TMP/bare" "$CK_NGINX/items?page=" $((pages + 1)) 2>/dev/null >>"$CK_TMP/ms/bare" &&
		execution_time pages >>"$CK_TMP/ms/pages" && execution_time packed >>"$CK_TMP/ms/packed" &&
		wall_time load_connkit >>"$CK_TMP/ms/sync" || ck_die "a round failed"
	echo "round $round of $BENCH_ROUNDS, ms:" $(cd "$CK_TMP/ms" && tail -q -n 1 curl bare pages packed sync)
done
expected=$(sums "($(item_rows 1 "$BENCH_ROWS"))")
compare loaded
if ! fetch_dlt; then
	echo "dlt is left out: $CK_PEER_MISSING"
elif wall_time load_dlt >>"$CK_TMP/ms/dlt"; then
	compare dlt_item.item
else
	rm -f "$CK_TMP/ms/dlt"
fi

echo
for name in curl bare pages packed sync dlt; do
	[ -s "$CK_TMP/ms/$name" ] || continue
	declare "$name=$(median "$CK_TMP/ms/$name")"
done
line "curl, pages thrown away" "$curl"
line "libcurl and libyajl, nothing kept" "$bare" "$curl" curl
line "connkit, SELECT *" "$pages" "$bare" "libcurl and libyajl"
line "connkit, SELECT *" "$pages" "$curl" curl
line "connkit, SELECT *, gzip" "$packed" "$pages" "that without"
line "connkit_sync, replace" "$sync" "$curl" curl
[ -z "${dlt:-}" ] || line "dlt rest_api, replace" "$dlt" "$sync" connkit_sync
exit $wrong
