#!/usr/bin/env bash
# shipped.sh: the manifests of manifest/, as they are installed, each against a real server of its API or what was recorded of
# one (shipped/<manifest>.sql, in a database of its own). Where there is a file <manifest>.recorded.json beside that, the double
# of an API gives the replies in it. CK_SHIPPED is another such folder, of which only those with such a file are tested.

. "$(dirname "$0")/../lib.sh"
. "$CK_TOP/test/http/servers.sh"
shipped=${CK_SHIPPED:-$CK_TOP/test/http/shipped}

# Tests a manifest: its name, its server's folder and the words that start that; the server's address comes to be in CK_ADDRESS.
# The server's folder is known to the tests as :folder.
manifest()
{
	local name=$1 folder=$CK_TMP/$2 database=http_$1

	shift 2
	if ! "$@" >"$CK_TMP/$name.log" 2>&1; then
		if [ -n "$CK_MISSING" ]; then
			echo "ok - manifest $name # SKIP $CK_MISSING"
			return
		fi
		sed 's/^/# /' "$CK_TMP/$name.log"
		echo "not ok - manifest $name: its server starts"
		status=1
		return
	fi
	ck_psql postgres -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database" &&
		ck_psql "$database" -c "CREATE EXTENSION pgtap" -c "CREATE EXTENSION pgcrypto" -c "CREATE EXTENSION connkit" &&
		pg_prove --norc -v -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d "$database" --set server="$CK_ADDRESS" \
			--set folder="$folder" "$shipped/$name.sql" || status=1
}

# Whether it has scraped, and judged its rule.
prometheus_has_begun()
{
	curl -s --noproxy '*' "$CK_PROMETHEUS/api/v1/targets" | grep -q '"up"' &&
		curl -s --noproxy '*' "$CK_PROMETHEUS/api/v1/alerts" | grep -q '"firing"'
}

# Prometheus, with a temperature from 0 on, each 15 seconds of a day's first 10 minutes.
prometheus_with_samples()
{
	{
		echo '# TYPE ck_degrees gauge'
		for i in {0..40}; do
			for city in Brno Praha; do
				echo "ck_degrees{city=\"$city\"} $i $((1767225600 + i * 15))"
			done
		done
		echo '# EOF'
	} >"$CK_TMP/samples"
	prometheus_start "$CK_TMP/samples" || return 1
	ck_wait "$CK_START_SECONDS" $$ prometheus_has_begun
}

# The double of an API, with what was recorded from GitHub; parameters that the manifest adds do not change those replies.
github_recorded()
{
	local scenario

	npm_fetch @octokit/fixtures 23.1.2 && ck_api_start github || return 1
	for scenario in paginate-issues get-repository labels; do
		sed -e 's/issues?per_page=3"/issues?per_page=3\&state=all\&sort=created\&direction=asc"/' \
			-e 's,/labels/labels",/labels/labels?per_page=100",' \
			"$CK_FETCHED/scenarios/api.github.com/$scenario/normalized-fixture.json" |
			curl -sf --noproxy '*' "$CK_API/control/recording" --data-binary @- || return 1
	done
	CK_ADDRESS=$CK_API
}

# The same, and messages to webhooks, as GitHub gives them for examples.
github_webhook()
{
	github_recorded && npm_fetch @octokit/webhooks-examples 7.6.1 || return 1
	python3 - "$CK_FETCHED/api.github.com/index.json" "$CK_TMP/github/messages" <<-'END'
		import json, sys
		events = [e for e in json.load(open(sys.argv[1])) if e["name"] in ("issues", "issue_comment")]
		bodies = [(e["name"], b) for e in events for b in e["examples"]]
		json.dump([{"number": n, "event": e, "body": json.dumps(b)} for n, (e, b) in enumerate(bodies)], open(sys.argv[2], "w"))
	END
	chmod 644 "$CK_TMP/github/messages"
}

# An emulator of GitHub, with a repository.
github_emulated()
{
	local number post=(curl -sf --noproxy '*' -o /dev/null -H 'Authorization: Bearer test_token_admin')

	emulate_start github || return 1
	"${post[@]}" "$CK_EMULATE/user/repos" -d '{"name": "shop", "auto_init": true}' || return 1
	for number in {1..5}; do
		"${post[@]}" "$CK_EMULATE/repos/admin/shop/issues" -d "{\"title\": \"issue $number\"}" || return 1
	done
	"${post[@]}" "$CK_EMULATE/repos/admin/shop/issues/5" -X PATCH -d '{"state": "closed"}' || return 1
	for number in 1 2; do
		"${post[@]}" "$CK_EMULATE/repos/admin/shop/pulls" \
			-d "{\"title\": \"pull $number\", \"head\": \"feature$number\", \"base\": \"main\"}" || return 1
	done
	CK_ADDRESS=$CK_EMULATE
}

# The double of an API, with the replies in a manifest's file, in the form that api.py tells of.
recorded()
{
	ck_api_start "$1" && curl -sf --noproxy '*' "$CK_API/control/recording" --data-binary "@$shipped/$1.recorded.json" || return 1
	CK_ADDRESS=$CK_API
}

# The double of Jira as a client library of PyPI reads it.
jira_peer()
{
	server_needs python3 pip && server_fetch jira-3.10.5 pip install -q --target . jira==3.10.5 ||
		{ echo "ok - the double of Jira, read by a library # SKIP $CK_MISSING"; return; }
	PYTHONPATH=$CK_FETCHED python3 "$CK_TOP/test/http/jira_peer.py" "$CK_JIRA"
}

# One of the search servers, with documents: its name, and the variable that has its address.
search_with_documents()
{
	"$1_start" && python3 "$CK_TOP/test/http/search_data.py" "${!2}"
}

# A REST server with a few posts.
json_server_with_posts()
{
	echo '{"posts": [
		{"id": 1, "title": "first", "views": 10},
		{"id": 2, "title": "second", "views": 20, "by": {"name": "me", "of": "us"}},
		{"id": 3, "title": "third", "views": 30}]}' >"$CK_TMP/posts.json"
	json_server_start "$CK_TMP/posts.json" || return 1
	CK_ADDRESS=$CK_JSON_SERVER
}

# The double of Atlas.
atlas_start()
{
	local folder=$CK_TMP/atlas

	mkdir -p "$folder"
	setsid python3 "$CK_TOP/test/http/atlas.py" "$folder/" </dev/null >>"$folder/log" 2>&1 &
	echo $! >"$folder/pid"
	disown $!
	ck_wait "$CK_START_SECONDS" "$(cat "$folder/pid")" test -s "$folder/ports" || return 1
	CK_ADDRESS=http://localhost:$(cat "$folder/ports")
}

# The same as a client library of PyPI reads it.
atlas_peer()
{
	server_needs python3 pip && server_fetch apache-atlas-0.0.16 pip install -q --target . apache-atlas==0.0.16 ||
		{ echo "ok - the double of Atlas, read by its client # SKIP $CK_MISSING"; return; }
	PYTHONPATH=$CK_FETCHED timeout 60 python3 "$CK_TOP/test/http/atlas_peer.py" "$CK_ADDRESS"
}

# The double of Keboola.
keboola_start()
{
	local folder=$CK_TMP/keboola

	server_needs python3 || return 1
	mkdir -p "$folder"
	setsid python3 "$CK_TOP/test/http/keboola_double.py" "$folder/" </dev/null >>"$folder/log" 2>&1 &
	echo $! >"$folder/pid"
	disown $!
	ck_wait "$CK_START_SECONDS" "$(cat "$folder/pid")" test -s "$folder/port" || return 1
	CK_ADDRESS=http://127.0.0.1:$(cat "$folder/port")
}

# The same as Keboola's client library of PyPI reads it, by the libraries of the stores.
keboola_peer()
{
	server_needs python3 pip && server_fetch kbcstorage-0.12.0 pip install -q --target . kbcstorage==0.12.0 ||
		{ echo "ok - the double of Keboola, read by its client # SKIP $CK_MISSING"; return; }
	(cd "$CK_TMP/keboola" && PYTHONPATH=$CK_FETCHED timeout 60 python3 "$CK_TOP/test/http/keboola_peer.py" "$CK_ADDRESS")
}

status=0
for file in "$shipped"/*.recorded.json; do
	[ -e "$file" ] || continue
	name=$(basename "$file" .recorded.json)
	manifest "$name" "$name" recorded "$name"
	ck_stop "$name"
done
[ -z "${CK_SHIPPED:-}" ] || exit $status
manifest json_server json_server json_server_with_posts
ck_stop json_server
manifest prometheus prometheus prometheus_with_samples
ck_stop prometheus
manifest github github github_recorded
ck_stop github
manifest github_webhook github github_webhook
ck_stop github
manifest github_emulated github github_emulated
ck_stop github
manifest jira jira jira_start
jira_peer || status=1
ck_stop jira
manifest atlas atlas atlas_start
atlas_peer || status=1
ck_stop atlas
manifest keboola keboola keboola_start
keboola_peer || status=1
ck_stop keboola
manifest elasticsearch elasticsearch search_with_documents elasticsearch CK_ELASTICSEARCH
ck_stop elasticsearch
manifest opensearch opensearch search_with_documents opensearch CK_OPENSEARCH
ck_stop opensearch
exit $status
