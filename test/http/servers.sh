# servers.sh: real servers for the shipped manifests, from the package registries; functions, to be sourced after test/lib.sh.
#
# Each function starts one and leaves its address in the variable that its comment names; ck_stop NAME ends it, and the end of
# the script does. Where a server cannot be had, the function fails with the reason in CK_MISSING, for ck_skip; where it was
# had and does not start, CK_MISSING is empty. What is fetched stays in the user's cache and serves again.
#
#   prometheus     Debian's package prometheus, 19 MB, of test/setup.sh; starts in 0.5 s
#   opensearch     2.19.3, of Maven Central: 44 MB, fetched once by mvn in about 15 s; needs a JDK of 11 or later; starts in 4 s,
#                  takes 250 MB of memory. The core alone: no scripts, no reindex, no ingest processors
#   elasticsearch  8.11.4, in the same way: 37 MB, a JDK of 17 or later, 7 s. The core alone: no GET /
#   emulate        npm's emulate 0.10.0, 9 MB: emulators by others of GitHub, Stripe, Linear and more, with webhooks; needs node
#                  20; starts in 0.5 s
#   json_server    npm's json-server 0.17.4, 13 MB: REST over a JSON file, paged by _page and _limit, with Link
#   jira           the project's own double of Jira Cloud, test/http/jira_double.py: no emulator of that API is known
#   nginx          Debian's package nginx-light, of test/setup.sh

CK_HTTP_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/connkit/http

# Fetches once: a name, then a command that fills the folder it runs in. Leaves the folder's path in CK_FETCHED.
server_fetch()
{
	local name=$1

	shift
	CK_FETCHED=$CK_HTTP_CACHE/$name
	[ ! -e "$CK_FETCHED/done" ] || return 0
	rm -rf "$CK_FETCHED"
	mkdir -p "$CK_FETCHED"
	(cd "$CK_FETCHED" && timeout 600 "$@") >"$CK_FETCHED.log" 2>&1 </dev/null && touch "$CK_FETCHED/done" && return 0
	CK_MISSING="it could not be fetched, see $CK_FETCHED.log"
	return 1
}

# Whether all these programs are there.
server_needs()
{
	local program

	CK_MISSING=
	for program in "$@"; do
		command -v "$program" >/dev/null || { CK_MISSING="no $program"; return 1; }
	done
}

# Starts a program, whose arguments name the server's folder, by which ck_stop knows it: the server's name, the path that
# answers at CK_ADDRESS when it is ready, the program and its arguments.
server_start()
{
	local name=$1 ready=$2 folder=$CK_TMP/$1

	shift 2
	setsid "$@" </dev/null >>"$folder/log" 2>&1 &
	echo $! >"$folder/pid"
	disown $!
	ck_wait "$CK_START_SECONDS" $! curl -sk -o /dev/null --noproxy '*' "$CK_ADDRESS$ready" ||
		{ tail -n 20 "$folder/log"; return 1; }
}

# The folder of a server to start, and a port for it.
server_folder()
{
	mkdir -p "$CK_TMP/$1"
	CK_PORT=$(ck_spare_port)
	CK_ADDRESS=http://localhost:$CK_PORT
}

# Prometheus, in CK_PROMETHEUS: scrapes itself each second, and has the samples of an OpenMetrics file where one is given. What it
# is asked stands in CK_TMP/prometheus/queries.
prometheus_start()
{
	local samples=${1:-} folder=$CK_TMP/prometheus

	server_needs prometheus promtool || return 1
	server_folder prometheus
	cat >"$folder/prometheus.yml" <<-END
		global:
		  scrape_interval: 1s
		  query_log_file: $folder/queries
		rule_files: [$folder/rules.yml]
		scrape_configs:
		  - job_name: prometheus
		    static_configs:
		      - targets: ['localhost:$CK_PORT']
	END
	cat >"$folder/rules.yml" <<-END
		groups:
		  - name: connkit
		    interval: 1s
		    rules:
		      - alert: Always
		        expr: vector(1) > 0
		        annotations: {summary: always so}
	END
	[ -z "$samples" ] || promtool tsdb create-blocks-from openmetrics "$samples" "$folder/data" >"$folder/log" 2>&1 ||
		{ tail -n 20 "$folder/log"; return 1; }
	server_start prometheus /-/ready prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
		--storage.tsdb.retention.time=100y --web.listen-address="127.0.0.1:$CK_PORT" --log.level=warn || return 1
	export CK_PROMETHEUS=$CK_ADDRESS
}

# The jars that test/http/<name>/pom.xml tells of, in CK_FETCHED.
server_jars()
{
	local pom=$CK_TOP/test/http/$1/pom.xml

	server_needs java javac mvn || return 1
	server_fetch "$1-$(sha256sum <"$pom" | head -c 16)" sh -c 'mvn -q -B -f "$0" dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$PWD"' "$pom"
}

# A node of one of the two search servers, without security: its name, settings. CK_JARS is how Java finds its jars.
search_start()
{
	local name=$1

	shift
	server_start "$name" /_cluster/health java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.level=INFO \
		"${CK_JARS[@]}" "$CK_TOP/test/http/$name/Search.java" path.home="$CK_TMP/$name/" cluster.name=connkit \
		discovery.type=single-node network.host=127.0.0.1 http.port="$CK_PORT" transport.port=0 \
		cluster.routing.allocation.disk.threshold_enabled=false "$@"
}

# OpenSearch, in CK_OPENSEARCH.
opensearch_start()
{
	server_jars opensearch || return 1
	server_folder opensearch
	CK_JARS=(-cp "$CK_FETCHED/*")
	search_start opensearch http.type=netty4 transport.type=netty4 || return 1
	export CK_OPENSEARCH=$CK_ADDRESS
}

# Elasticsearch, in CK_ELASTICSEARCH. HTTP is a module of it, with a folder of its own; its server wants Java's modules.
elasticsearch_start()
{
	local module=$CK_TMP/elasticsearch/modules/transport-netty4 jars=$CK_TMP/elasticsearch/jars

	server_jars elasticsearch || return 1
	server_folder elasticsearch
	mkdir -p "$module" "$jars"
	mkdir -p "$CK_TMP/elasticsearch/config" "$CK_TMP/elasticsearch/plugins"
	cp "$CK_FETCHED"/*netty* "$CK_TOP/test/http/elasticsearch/plugin-descriptor.properties" "$module"
	ln -sf "$CK_FETCHED"/*.jar "$jars"
	rm "$jars"/*netty*
	CK_JARS=(-p "$jars" --add-modules org.elasticsearch.server,jdk.net,jdk.management)
	search_start elasticsearch || return 1
	export CK_ELASTICSEARCH=$CK_ADDRESS
}

# An emulator by others of a service's API (github, stripe, linear, slack, aws and more), as the server of the service's name, in
# CK_EMULATE. A file of YAML may say what it begins with.
emulate_start()
{
	local service=$1 seed=()

	server_needs node npm || return 1
	server_fetch emulate-0.10.0 npm install --prefix . --no-audit --no-fund --ignore-scripts emulate@0.10.0 || return 1
	server_folder "$service"
	echo '{}' >"$CK_TMP/$service/seed.yaml"
	[ -z "${2:-}" ] || cp "$2" "$CK_TMP/$service/seed.yaml"
	server_start "$service" / node "$CK_FETCHED/node_modules/emulate/dist/index.js" --service "$service" --port "$CK_PORT" \
		--seed "$CK_TMP/$service/seed.yaml" || return 1
	export CK_EMULATE=$CK_ADDRESS
}

# A package of npm without what it depends on, fetched once: name, version. Its folder is left in CK_FETCHED.
# @octokit/fixtures 23.1.2 has recordings of GitHub's own API for the double (scenarios/api.github.com/*/*-fixture.json),
# @octokit/webhooks-examples 7.6.1 what GitHub's webhooks bring.
npm_fetch()
{
	server_needs npm || return 1
	server_fetch "${1//\//-}-$2" sh -c 'npm pack "$0" >/dev/null && tar xzf *.tgz --strip-components=1' "$1@$2"
}

# REST over a JSON file of arrays, which is given, in CK_JSON_SERVER.
json_server_start()
{
	server_needs node npm || return 1
	server_fetch json-server-0.17.4 npm install --prefix . --no-audit --no-fund --ignore-scripts json-server@0.17.4 || return 1
	server_folder json_server
	cp "$1" "$CK_TMP/json_server/db.json"
	server_start json_server /db node "$CK_FETCHED/node_modules/json-server/lib/cli/bin.js" --quiet --host 127.0.0.1 \
		--port "$CK_PORT" "$CK_TMP/json_server/db.json" || return 1
	export CK_JSON_SERVER=$CK_ADDRESS
}

# Starts nginx with the http part of its settings on standard input: the address that it is to have.
nginx_run()
{
	local folder=$CK_TMP/nginx program

	program=$(PATH=$PATH:/usr/sbin command -v nginx) || { CK_MISSING="no nginx"; return 1; }
	CK_MISSING=
	{
		[ "$(id -u)" != 0 ] || echo "user root;"
		cat <<-END
			daemon off;
			pid $folder/nginx.pid;
			error_log $folder/log warn;
			events {
			}
			http {
				access_log off;
				client_body_temp_path $folder/body;
				proxy_temp_path $folder/proxy;
				fastcgi_temp_path $folder/fastcgi;
				uwsgi_temp_path $folder/uwsgi;
				scgi_temp_path $folder/scgi;
				gzip_types application/json;
		END
		cat
		echo "}"
	} >"$folder/nginx.conf"
	CK_ADDRESS=$1
	server_start nginx / "$program" -p "$folder/" -c "$folder/nginx.conf" || return 1
	export CK_NGINX=$CK_ADDRESS
}

# The project's own double of Jira Cloud (jira_double.py), in CK_JIRA; its searches are noted in CK_TMP/jira/jql.
jira_start()
{
	local folder=$CK_TMP/jira

	server_needs python3 || return 1
	mkdir -p "$folder"
	rm -f "$folder/port"
	setsid python3 "$CK_TOP/test/http/jira_double.py" "$folder/" </dev/null >>"$folder/log" 2>&1 &
	echo $! >"$folder/pid"
	disown $!
	ck_wait "$CK_START_SECONDS" $! [ -s "$folder/port" ] || { tail -n 20 "$folder/log"; return 1; }
	CK_ADDRESS=http://localhost:$(cat "$folder/port")
	export CK_JIRA=$CK_ADDRESS
}

# nginx before another server, whose address is given: HTTP/2 over TLS, by the tests' certificate, and gzip; in CK_NGINX.
nginx_start()
{
	local tls=$CK_TMP/tls

	server_folder nginx
	nginx_run "https://localhost:$CK_PORT" <<-END
		gzip on;
		server {
			listen 127.0.0.1:$CK_PORT ssl http2;
			ssl_certificate $tls/server.crt;
			ssl_certificate_key $tls/server.key;
			location / {
				proxy_pass $1;
				proxy_http_version 1.1;
				proxy_set_header Host \$http_host;
				proxy_set_header Connection "";
			}
		}
	END
}

# nginx that answers to /items?page=N with the file N.json of a folder, and to /packed/items with that in gzip; in CK_NGINX.
nginx_files_start()
{
	server_folder nginx
	nginx_run "http://localhost:$CK_PORT" <<-END
		sendfile on;
		keepalive_requests 1000000;
		server {
			listen 127.0.0.1:$CK_PORT;
			root $1;
			default_type application/json;
			location /items {
				try_files /\$arg_page.json =404;
			}
			location /packed/items {
				gzip on;
				gzip_comp_level 1;
				try_files /\$arg_page.json =404;
			}
		}
	END
}
