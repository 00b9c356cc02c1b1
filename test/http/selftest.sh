#!/usr/bin/env bash
# selftest.sh: what test/http/api.py says it does, asked by curl, and that the servers of servers.sh start; TAP. Needs no
# PostgreSQL.
#
# usage: test/http/selftest.sh [servers]

. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"
export no_proxy=localhost,127.0.0.1

ck_begin
ck_certificates && ck_api_start || ck_die "the double did not start"

# A request: the target, further arguments of curl.
get()
{
	local target=$1

	shift
	curl -s -g --max-time 5 "$@" "$CK_API$target"
}

# Succeeds when the command's output is what is told first.
is()
{
	local expected=$1 found

	shift
	found=$("$@" 2>&1)
	[ "$found" = "$expected" ] || { printf 'expected: %s\nfound: %s\n' "$expected" "$found"; return 1; }
}

# The status of a request, and curl's own.
code()
{
	get "$@" -o /dev/null -w '%{http_code}'
	echo " $?"
}

# What a Python expression over the reply, d, and all of a paged route's ids, ids(d), gives.
py()
{
	local expression=$1

	shift
	get "$@" | python3 -c 'import json, sys; t = sys.stdin.read(); d = json.loads(t); print(eval(sys.argv[1]))' "$expression"
}

# Reads all pages of a kind as a client does, and prints count, least, greatest and number of distinct ids, and requests.
walk()
{
	python3 - "$CK_API" "$1" "${2:-n=250}" <<'END'
import json, re, sys, urllib.parse, urllib.request
base, kind, rest = sys.argv[1:]
names = {"offset": ("offset", "limit", 0, 100), "start": ("startAt", "maxResults", 0, 100), "page": ("page", "per_page", 1, 1)}
ids, requests, more = [], 0, ""
while more is not None:
	url = more if "://" in more else base + (more if more.startswith("/") else "/paged/%s?%s%s" % (kind, rest, more))
	with urllib.request.urlopen(url) as reply:
		body, link = json.load(reply), reply.headers.get("Link", "")
	requests += 1
	rows = body if isinstance(body, list) else body.get("items", body.get("values"))
	ids += [row["id"] for row in rows]
	more = None
	if kind in names and len(rows) == 100:
		param, size, first, step = names[kind]
		more = "&%s=%d&%s=100" % (param, first + requests * step, size)
	elif kind == "cursor" and body["next_cursor"]:
		more = "&cursor=" + body["next_cursor"]
	elif kind == "next":
		more = body["next"]
	elif kind == "link":
		found = re.search(r'<([^>]*)>; rel="next"', link)
		more = found and found[1]
print(len(ids), min(ids), max(ids), len(set(ids)), requests)
END
}

for kind in page offset start cursor next link; do
	ck_ok "paging: $kind" is "250 1 250 250 3" walk $kind
done
ck_ok "paging: a page behind the last" is "[]" get "/paged/page?page=4&n=300"
ck_ok "paging: the same, refused" is "404 0" code "/paged/page?page=4&n=300&past=404"
ck_ok "paging: stuck" is "True" \
	py 'd["next_cursor"] == "c3R1Y2s6MA==" and d["items"][0]["id"] == 1' "/paged/stuck?cursor=c3R1Y2s6MA=="
ck_ok "paging: relative" is "/paged/next?to=relative&limit=2&cursor=YWZ0ZXI6Mg%3D%3D" \
	py 'd["next"]' "/paged/next?to=relative&limit=2"
ck_ok "body: POST with filters" is "[17, 2]" py '[d["items"][1]["id"], len(d["items"])]' /paged/cursor \
	-d '{"filter": {"ids": [4, 17]}, "limit": 10}'

ck_ok "filter: since" is "[11, 40]" py '[d[0]["id"], len(d)]' "/items?since=2026-01-01T00:11:00Z&n=50"
ck_ok "filter: until, in seconds" is 10 py 'len(d)' "/items?until=1767226260"
ck_ok "filter: state and project, descending" is "[991, 961]" py '[r["id"] for r in d]' \
	"/items?state=open&project=P1&per_page=2&sort=-id"
ck_ok "filter: required" is "400 0" code /required
ck_ok "filter: in the path" is "[3, 13]" py '[r["id"] for r in d]' "/projects/P3/items?per_page=2"
ck_ok "shape: nested" is 1 py 'd["data"]["result"]["rows"][0]["id"]' "/items?shape=nested"
ck_ok "shape: JSON lines" is 1000 eval 'get "/paged/none?shape=lines" | wc -l'
ck_ok "shape: CSV" is "id,name,state" eval 'get "/items?shape=csv" | head -n 1 | cut -d, -f1-3'
ck_ok "shape: XML" is "<id>2</id>" eval 'get "/items?shape=xml" | grep -o "<id>2</id>" | head -n 1'
ck_ok "by id" is "item 7" py 'd["name"]' /items/7
ck_ok "by id, not there" is "404 0" code /items/1001
ck_ok "children" is "[31, 32, 33]" py '[r["id"] for r in d]' /items/3/comments
ck_ok "children of several" is "[11, 21, 22]" py '[r["id"] for r in d]' "/comments?item_ids=1,2,4"
ck_ok "GraphQL" is "['bjozMA==', 21]" py '[d["data"]["items"]["pageInfo"]["endCursor"], d["data"]["items"]["nodes"][0]["id"]]' \
	/graphql -d '{"query": "query { items { nodes { id } } }", "variables": {"first": 10, "after": "bjoyMA=="}}'

store()
{
	get /store/a -d '[{"id": 5, "name": "x", "updated_at": "2026-01-01"}, {"name": "y"}]' -o /dev/null
	get /store/a/6 -X PATCH -d '{"name": "z"}' -o /dev/null
	get /store/a/5 -X DELETE
	get /store/a -H 'Idempotency-Key: 1' -d '{"name": "once"}' -o /dev/null
	get /store/a -H 'Idempotency-Key: 1' -d '{"name": "once"}' -o /dev/null
	get /store/a
}
ck_ok "writes" is '[{"name": "z", "id": 6},{"name": "once", "id": 7}]' store
ck_ok "writes: there is one" is "409 0" code /store/a -d '{"id": 6}'
ck_ok "writes: refused" is "422 0" code /store/a -d '{"name": null}'
ck_ok "writes: carried out, then dropped" is "000 52" code "/store/b?_fault=drop_before" -d '{"id": 1}'
ck_ok "writes: dropped before" is "000 52" code "/store/b?_fault=drop_before&_done=0" -d '{"id": 2}'
ck_ok "writes: what was carried out" is "[1]" py '[r["id"] for r in d]' /store/b

# Statuses of the request with and without credentials.
auth()
{
	echo "$(code "/auth/$1/items/1" "${@:2}") $(code "/auth/$1/items/1")"
}
ck_ok "auth: basic" is "200 0 401 0" auth basic -u "reader:secret pass"
ck_ok "auth: bearer" is "200 0 401 0" auth bearer -H "Authorization: Bearer token-1"
ck_ok "auth: key in a header" is "200 0 401 0" auth header -H "X-Api-Key: key-1"
ck_ok "auth: key in the query" is "200 0" code "/auth/query/items/1?api_key=key-1"
ck_ok "auth: AWS" is "200 0 401 0" auth sigv4 --aws-sigv4 aws:amz:eu-central-1:execute-api -u "AKIDEXAMPLE:aws secret"
ck_ok "auth: AWS, another secret" is "401 0" code /auth/sigv4/items --aws-sigv4 aws:amz:eu-central-1:es -u "AKIDEXAMPLE:other"

token()
{
	get /token "$@" | sed -n 's/.*"access_token": "\([^"]*\)".*/\1/p'
}
client="client_id=client-1&client_secret=client%20secret"
T=$(token -d "grant_type=client_credentials&$client")
R=$(token -d "grant_type=refresh_token&refresh_token=refresh-1&$client")
ck_ok "auth: OAuth 2" is "200 0 401 0" auth oauth -H "Authorization: Bearer $T"
ck_ok "auth: OAuth 2, refreshed" is "200 0" code /auth/oauth/items -H "Authorization: Bearer $R"
ck_ok "auth: OAuth 2, another secret" is "401 0" \
	code /token -d "grant_type=client_credentials&client_id=client-1&client_secret=no"
get /control/revoke -X POST
ck_ok "auth: OAuth 2, revoked" is "401 0" code /auth/oauth/items -H "Authorization: Bearer $T"

base64url()
{
	openssl base64 -A | tr +/ -_ | tr -d =
}
# A JWT by a new key of an algorithm, whose public part the double gets.
jwt()
{
	local key=$CK_TMP/$1.key body

	if [ "$1" = RS256 ]; then
		openssl genrsa -out "$key" 2048 2>/dev/null
	else
		openssl ecparam -name prime256v1 -genkey -noout -out "$key"
	fi
	openssl pkey -in "$key" -pubout | get /control/key -T - >/dev/null
	body=$(printf '{"alg":"%s","typ":"JWT"}' "$1" | base64url).$(
		printf '{"iss":"me","aud":"double","exp":%d}' $(($(date +%s) + 60)) | base64url)
	echo "$body.$(printf %s "$body" | openssl dgst -sha256 -sign "$key" | if [ "$1" = RS256 ]; then cat; else
		python3 -c 'import sys; d = sys.stdin.buffer.read(); r = d[4:4 + d[3]]; s = d[6 + d[3]:]
sys.stdout.buffer.write(r[-32:].rjust(32, b"\0") + s[-32:].rjust(32, b"\0"))'; fi | base64url)"
}
for kind in RS256 ES256; do
	T=$(jwt $kind)
	ck_ok "auth: JWT, $kind" is "200 0 401 0" auth jwt -H "Authorization: Bearer $T"
done
other=$(printf '{"iss":"other","aud":"double","exp":%d}' $(($(date +%s) + 60)) | base64url)
ck_ok "auth: JWT, changed" is "401 0" code /auth/jwt/items -H "Authorization: Bearer ${T%%.*}.$other.${T##*.}"
ck_ok "auth: JWT, for a token" is "200 0" code /token --data-urlencode "assertion=$T" \
	-d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer

# A request over TLS.
tls()
{
	curl -s --max-time 5 --cacert "$CK_CA" "$CK_API_TLS$1" "${@:2}" -o /dev/null -w '%{http_code}'
	echo " $?"
}
ck_ok "TLS" is "200 0" tls /items
ck_ok "TLS: no client's certificate" is "401 0" tls /auth/mtls/items
ck_ok "TLS: a client's certificate" is "200 0" tls /auth/mtls/items --cert "$CK_TMP/tls/client.crt" --key "$CK_TMP/tls/client.key"
ck_ok "TLS: by a proxy" is "200 0" tls /items --noproxy "" -x "$CK_API"
ck_ok "TLS: redirected to HTTP" is "200 0" tls "/items?_fault=redirect&_to=http" -L
get /control -d '{"method": "CONNECT", "fault": "status", "status": 407, "times": 1}'
ck_ok "TLS: by a proxy that refuses" is "000 56" tls /items --noproxy "" -x "$CK_API"
deaf()
{
	curl -s --connect-timeout 0.3 "$CK_API_DEAF/items"
	echo $?
}
ck_ok "a port that never accepts" is 28 deaf
ck_ok "a proxy" is "200 0" code /items --noproxy "" -x "$CK_API_OTHER"

# Faults: what curl says (status and its own code), the fault with its settings, further arguments of curl.
while read -r http curl fault rest; do
	ck_ok "fault: $fault" is "$http $curl" code "/items?per_page=2&_fault=$fault" $rest
done <<-'END'
	503 0 status
	404 0 status&_status=404&_body=html
	000 52 drop_before
	000 56 drop_before&_reset=1
	200 56 drop_headers&_reset=1
	200 18 drop_body
	200 56 drop_body&_reset=1&_at=5
	000 28 stall_before --max-time 0.2
	200 28 stall_body --max-time 0.2
	200 0 stall_body&_seconds=0.1
	200 0 delay&_ms=10
	200 28 slow --max-time 0.2
	200 18 length_long
	200 0 length_short
	200 0 chunked&_bytes=10
	200 18 chunk_broken
	200 56 chunk_garbage&_bytes=10
	200 0 http10
	200 0 close
	200 0 close_unsaid
	200 28 endless --max-time 0.3
	200 0 early
	000 1 garbage
	200 0 gzip --compressed
	200 0 deflate --compressed
	200 0 deflate_raw --compressed
	200 61 gzip_broken --compressed
	200 61 gzip_lie --compressed
	200 0 gzip_bomb&_mb=5 --compressed
	204 0 no_content
	302 0 redirect
	200 0 redirect -L
	200 0 redirect&_to=port -L
	200 0 redirect&_to=host -L
	200 0 redirect&_to=chain -L
	302 47 redirect&_to=loop -L --max-redirs 5
	302 0 redirect&_to=none -L
	302 1 redirect&_to=file -L
	400 0 unheard_of
END

for fault in truncated trailing comma html empty; do
	ck_ok "fault: $fault is no JSON" eval "! py 1 '/items?_fault=$fault'"
done
ck_ok "fault: a huge header" eval "! get '/items?_fault=headers_huge'"
ck_ok "fault: invalid UTF-8" eval "! get '/items?_fault=utf8' | iconv -f UTF-8"
ck_ok "fault: a key twice" is '{"id":999999,"id":7' eval "get '/items/7?_fault=duplicate' | cut -d, -f1-2"
ck_ok "fault: deep" is 100000 eval "get '/items?_fault=deep' | grep -o '\]' | head -n -1 | wc -l"
ck_ok "fault: big" is 1048620 eval "get '/items?_fault=big&_mb=1' | wc -c"
ck_ok "fault: redirect to a denied address" is "http://169.254.169.254/latest/meta-data/" \
	get "/items?_fault=redirect&_to=denied" -o /dev/null -w '%{redirect_url}'

times()
{
	code "/items?_fault=status&_times=2&_key=$1"
	code "/items?_fault=status&_times=2&_key=$1"
	code "/items?_fault=status&_times=2&_key=$1"
}
ck_ok "fault: twice, then good" is $'503 0\n503 0\n200 0' times a
ck_ok "fault: Retry-After as a date" is GMT eval \
	"get '/items?_fault=status&_status=429&_retry_after=date:2' -i | sed -n 's/^Retry-After:.* \(.*\)\r/\1/p'"

# A rule for the second request to /items.
rule()
{
	get /control -X DELETE
	get /control -d '[{"path": "/items", "fault": "status", "status": 500, "skip": 1, "times": 1}]'
	code "/items?page=1"
	code "/items?page=2"
	code "/items?page=2" -H "X-Test: 1"
	get /control/log.txt
	py 'd[2]["headers"]["x-test"]' /control/log
}
ck_ok "control: a rule and the log" \
	is $'200 0\n500 0\n200 0\n200 GET /items?page=1\n500 GET /items?page=2\n200 GET /items?page=2\n1' rule

limit()
{
	get /control -d '{"path": "/paged", "fault": "limit", "limit": 2, "window": 30}'
	code /paged/page
	code /paged/page
	code /paged/page
}
ck_ok "control: a limit" is $'200 0\n200 0\n429 0' limit
recording()
{
	get /control/recording -d '[{"scope": "https://api.example.com:443", "method": "get", "path": "/r/issues?state=all",
		"status": 200, "response": [{"url": "https://api.example.com/r/1"}],
		"headers": {"link": "<https://api.example.com/r?p=2>; rel=\"next\""}},
		{"method": "POST", "path": "/r/search", "body": {"b": 1, "a": 2}, "status": 201, "response": "made"}]'
	get "/r/issues?state=all" -i | sed -n "s,$CK_API,,; /^link\|url/p"
	echo
	code /r/search -d '{"a": 2, "b": 1}'
	code /r/search -d '{"a": 2, "b": 2}'
}
ck_ok "control: recordings" is $'link: </r?p=2>; rel="next"\r\n[{"url": "/r/1"}]\n201 0\n405 0' recording
get /control -X DELETE
alive()
{
	curl -s "$CK_API/items" "$CK_API/items" -o /dev/null -o /dev/null
	py '[d["requests"], d["connections"], d["most"]]' /control/stats
}
ck_ok "control: kept alive" is "[2, 2, 1]" alive
ck_ok "the double's log is empty" eval '! grep . $CK_TMP/api/log'
[ "${1:-}" = servers ] || { ck_done; exit; }

# Starts a server, and asks it something: a name, the words that start it, then a command that succeeds.
server()
{
	local name=$1 start=$2

	shift 2
	if $start >"$CK_TMP/server.log" 2>&1; then
		ck_ok "server: $name" "$@"
	elif [ -n "$CK_MISSING" ]; then
		ck_skip "server: $name" "$CK_MISSING"
	else
		ck_ok "server: $name" eval "cat $CK_TMP/server.log; false"
	fi
}

prometheus_ask()
{
	curl -s -g "$CK_PROMETHEUS/api/v1/query_range?query=ck_degrees{city='Brno'}&start=1767225600&end=1767225630&step=15" |
		grep -F '[[1767225600,"0"],[1767225615,"1"],[1767225630,"2"]]'
}

# One document, found by a point in time: the server's address, the path that opens one.
search_ask()
{
	local address=$1 open=$2 id

	curl -s "$address/items/_doc/1?refresh=true" -X PUT -H 'Content-Type: application/json' -d '{"id": 7}' || return 1
	id=$(curl -s "$address/items/$open?keep_alive=1m" -X POST | sed -n 's/.*id":"\([^"]*\)".*/\1/p')
	curl -s "$address/_search" -H 'Content-Type: application/json' -d "{\"pit\": {\"id\": \"$id\"}, \"sort\": [\"id\"]}" |
		grep -F '"_source":{"id": 7}'
}

github_ask()
{
	curl -s "$CK_EMULATE/user" -H 'Authorization: Bearer test_token_admin' | grep '"login":"admin"'
}

{
	echo '# TYPE ck_degrees gauge'
	for i in 0 1 2 3; do
		echo "ck_degrees{city=\"Brno\"} $i $((1767225600 + i * 15))"
	done
	echo '# EOF'
} >"$CK_TMP/samples"
echo '{"items": [{"id": 1}, {"id": 2}]}' >"$CK_TMP/items.json"
server Prometheus "prometheus_start $CK_TMP/samples" prometheus_ask
server OpenSearch opensearch_start eval 'search_ask "$CK_OPENSEARCH" _search/point_in_time'
server Elasticsearch elasticsearch_start eval 'search_ask "$CK_ELASTICSEARCH" _pit'
server "GitHub, emulated" "emulate_start github" github_ask
server json-server "json_server_start $CK_TMP/items.json" eval 'curl -s "$CK_JSON_SERVER/items/2" | grep "\"id\": 2"'

# All issues of a recording of GitHub, by the double.
recorded()
{
	local address=/repos/octokit-fixture-org/paginate-issues/issues?per_page=3 head=$CK_TMP/head

	get /control/recording --data-binary "@$CK_FETCHED/scenarios/api.github.com/paginate-issues/normalized-fixture.json"
	while [ -n "$address" ]; do
		get "$address" -D "$head" | grep -o '"number": [0-9]*'
		address=$(sed -n 's/^link: .*<http:..[^/]*\([^>]*\)>; rel="next".*/\1/p' "$head")
	done | sort -u | wc -l
}
server "recordings of GitHub" "npm_fetch @octokit/fixtures 23.1.2" is 13 recorded
server nginx "nginx_start $CK_API" is "2 200" eval \
	'curl -s --cacert "$CK_CA" "$CK_NGINX/items" -o /dev/null -w "%{http_version} %{http_code}"'
ck_done
