#!/usr/bin/env bash
# sync_faults.sh: what the double of an API at CK_API does to an incremental sync that appends and to a full refresh, and that
# afterwards no row is lost or doubled. What the user sees is the table in docs/connector/http.md; WRITE=1 writes it there.

. "$(dirname "$0")/../lib.sh"

database=http_sync_faults
doc=$CK_TOP/docs/connector/http.md
folder=$CK_TMP/$database
mkdir -p "$folder"

# Faults: what it is, and what the double has to do. It begins with the second request, so that the first page is a good one.
faults()
{
	sed -e ':more' -e '/\\$/{N; s/\\\n\t*//; b more' -e '}' <<-'END'
		none | "delay", "ms": 1
		closed before a reply | "drop_before"
		the same, once | "drop_before", "times": 1
		closed within the headers | "drop_headers"
		closed within the body | "drop_body"
		the same, once | "drop_body", "times": 1
		reset within the body | "drop_body", "reset": 1
		stops before a reply | "stall_before"
		stops within the body | "stall_body"
		slow bytes | "slow", "bytes": 2000, "ms": 5
		status 400 | "status", "status": 400
		status 401, to one token | "status", "status": 401, "times": 1
		the same, with no new token at first | "status", "status": 401, "times": 1}, \
			{"path": "/token", "times": 1, "fault": "status", "retry_after": 0
		status 401, to any token | "status", "status": 401
		status 403 | "status", "status": 403
		status 403 with no requests left, once | "status", "status": 403, "remaining": 0, "reset": 0, "times": 1
		status 404 | "status", "status": 404
		status 404, as a page of HTML | "status", "status": 404, "body": "html"
		status 429 once | "status", "status": 429, "times": 1, "retry_after": 0
		status 429 without an end | "status", "status": 429, "retry_after": 0
		status 429, for longer than max_wait | "status", "status": 429, "retry_after": 2, "times": 1
		three requests a second | "limit", "limit": 3
		status 500 | "status", "status": 500
		status 503 once | "status", "status": 503, "times": 1, "retry_after": 0
		status 503 without an end | "status", "status": 503, "retry_after": 0
		status 204 | "no_content"
		half of the JSON | "truncated"
		an empty body | "empty"
		blanks | "blank"
		the JSON null | "null"
		a text | "scalar"
		a page of HTML, status 200 | "html"
		JSON without the records | "missing"
		records that are no list | "wrong_type"
		an error of GraphQL, status 200 | "graphql_error"
		more behind the JSON | "trailing"
		a comma too many | "comma"
		NaN | "nan"
		bytes that are no UTF-8 | "utf8"
		half of a character | "surrogate"
		the character NUL | "nul"
		a byte order mark | "bom"
		a member twice | "duplicate"
		a number of 400 digits | "digits"
		a number beyond all types | "exponent"
		100,000 lists in one another | "deep"
		a record of 2 MB | "big", "mb": 2
		records without an end | "endless"
		Content-Length too large | "length_long"
		Content-Length too small | "length_short"
		no Content-Length, HTTP/1.0 | "http10"
		chunks | "chunked"
		chunks that break off | "chunk_broken"
		a chunk with a bad size | "chunk_garbage"
		no HTTP | "garbage"
		a header of 1 MB | "headers_huge"
		10,000 headers | "headers_many"
		103 Early Hints | "early"
		closed after each reply | "close"
		the same, and not said | "close_unsaid"
		gzip | "gzip"
		gzip with a wrong bit | "gzip_broken"
		half of a gzip | "gzip_cut"
		gzip that is none | "gzip_lie"
		gzip of 64 MB in one text | "gzip_bomb", "mb": 64
		a packing that is not known | "encoding_unknown"
		redirect to the same | "redirect", "to": "same", "times": 1
		redirect to another port | "redirect", "to": "port", "times": 1
		redirect to itself | "redirect", "to": "loop"
		redirect to a denied address | "redirect", "to": "denied"
		redirect to a file | "redirect", "to": "file"
		redirect to nowhere | "redirect", "to": "none"
		a cursor that does not move | stuck
	END
}

# The source, two syncs of it, and what runs these and notes what came of it.
setup()
{
	cat <<-END
		SET client_min_messages = error;
		CREATE EXTENSION pgcrypto;
		CREATE EXTENSION connkit;
		SELECT connkit_register_connector('{
			"manifest": 1, "name": "faulty", "version": "1",
			"options": {"kind": {"default": "cursor"}, "n": {"default": "1000"}},
			"base_url": "$CK_API/paged",
			"auth": {"type": "oauth2", "token_url": "$CK_API/token", "client_id": "client-1", "client_secret": "client secret"},
			"tables": {
				"item": {"path": "/{kind}", "params": {"n": "{n}"}, "records": "items", "key": ["id"],
					"columns": {"id": {"type": "bigint", "not_null": true}, "name": "text", "amount": "numeric",
						"updated_at": {"type": "timestamptz", "not_null": true}},
					"filters": {"updated_at": {">= >": "since"}},
					"paging": {"type": "cursor", "param": "cursor", "path": "next_cursor", "size_param": "limit", "size": 10}},
				"all": {"path": "/{kind}", "params": {"n": "{n}"}, "records": "items", "key": ["id"],
					"columns": {"id": {"type": "bigint", "not_null": true}, "name": "text", "amount": "numeric"},
					"paging": {"type": "cursor", "param": "cursor", "path": "next_cursor", "size_param": "limit", "size": 500}}
			}}');
		CREATE SERVER api FOREIGN DATA WRAPPER connkit_faulty OPTIONS (n '1000', kind 'cursor', query_timeout '1',
			max_attempts '2', max_wait '1', max_record_size '1000000', max_reply_size '4000000');
		CREATE SERVER double FOREIGN DATA WRAPPER connkit_http OPTIONS (base_url '$CK_API');
	END
	cat <<-'END'
		SELECT connkit_create_sync('api', 'item', 'item', mode => 'incremental', write => 'append',
			cursor_column => 'updated_at');
		SELECT connkit_create_sync('api', 'all', 'every', mode => 'full_refresh', write => 'replace');
		SELECT connkit_sync('api.item'), connkit_sync('api.all');
		CREATE TABLE result (number int GENERATED ALWAYS AS IDENTITY, fault text, item text, every text, lost bigint,
			doubled bigint);

		-- Has the double break these rules from now on.
		CREATE FUNCTION control(rules text) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			EXECUTE format('CREATE FOREIGN TABLE control (x text) SERVER double OPTIONS (path ''/control/rules'', body %L)',
				'{"rules": [' || rules || ']}');
			PERFORM * FROM control;
			DROP FOREIGN TABLE control;
		END $$;

		-- What the user sees of a run that meets them.
		CREATE FUNCTION run(rules text, name text, target regclass, n int) RETURNS text LANGUAGE plpgsql AS $$
		DECLARE
			r record;
			missing bigint;
		BEGIN
			PERFORM control(rules), connkit_sync(name), control('');
			SELECT * INTO r FROM connkit.sync_run ORDER BY id DESC LIMIT 1;
			EXECUTE format('SELECT %s - count(DISTINCT id) FROM %s', n, target) INTO missing;
			RETURN CASE WHEN r.state <> 'succeeded' THEN r.sqlstate || ' ' || r.message
				WHEN missing > 0 THEN missing || ' rows fewer until the next run' ELSE 'its rows' END;
		END $$;

		-- The source has 25 more records; both syncs meet a fault, and run again without it.
		CREATE PROCEDURE meet(what text, kind text, rules text, pause float8) LANGUAGE plpgsql AS $$
		DECLARE
			made int;
			n int := (SELECT 1000 + 25 * (count(*) + 1) FROM result);
		BEGIN
			EXECUTE format('ALTER SERVER api OPTIONS (SET n %L, SET kind %L)', n, kind);
			COMMIT;
			INSERT INTO result (fault, item, every)
				SELECT what, run(rules, 'api.item', 'item', n), run(rules, 'api.all', 'every', n) RETURNING number INTO made;
			PERFORM pg_sleep(pause);
			ALTER SERVER api OPTIONS (SET kind 'cursor');
			COMMIT;
			PERFORM connkit_sync('api.item'), connkit_sync('api.all');
			UPDATE result AS r SET lost = 2 * n - i.ids - e.ids, doubled = i.rows + e.rows - i.ids - e.ids
				FROM (SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM item) AS i,
					(SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM every) AS e
				WHERE r.number = made;
		END $$;
	END
}

script()
{
	local fault rule kind pause

	setup
	faults | while IFS='|' read -r fault rule; do
		kind=cursor pause=0
		[ "$rule" != " stuck" ] || kind=stuck rule='"delay", "ms": 1'
		case $rule in *'"retry_after": 2'*) pause=2 ;; esac
		echo "CALL meet('${fault% }', '$kind', '{\"path\": \"/paged\", \"skip\": 1, \"fault\": $rule}', $pause);"
	done
}

# The table, without what differs from one run to another.
table()
{
	echo "| fault | incremental | full refresh | lost | doubled |"
	echo "|---|---|---|---|---|"
	ck_psql $database -At -F ' | ' -c "SELECT '| ' || fault, item, every, lost, doubled || ' |' FROM result ORDER BY number" |
		sed -E -e 's/source "api": //g; s/, port [0-9]+//g; s/table "[a-z]+"/table "…"/g' \
			-e 's/ before [0-9-]{10} [0-9:.]+( UTC|[+]00)//g' |
		awk -F ' [|] ' -v OFS=' | ' '$2 == $3 { $3 = "the same" } { print }'
}

# The table in the document.
documented()
{
	sed -n '/^## Faults/,/^## /p' "$doc" | grep '^|'
}

ck_psql postgres -c "CREATE DATABASE $database"
script >"$folder/script.sql"
ck_psql $database -o /dev/null -f "$folder/script.sql" || status=1
table >"$folder/table"
if [ -n "${WRITE:-}" ]; then
	sed -n '1,/^## Faults/p' "$doc" >"$folder/doc"
	{ sed -n '/^## Faults/,$p' "$doc" | sed -n '2,/^|/p' | sed '$d'; cat "$folder/table"; } >>"$folder/doc"
	sed -n '/^## Faults/,$p' "$doc" | sed '1,/^|/d' | grep -v '^|' >>"$folder/doc"
	cat "$folder/doc" >"$doc"
fi
sums()
{
	ck_psql $database -At -c "SELECT count(*) - count(*) FILTER (WHERE lost = 0 AND doubled = 0), count(*) > 60 FROM result" |
		grep -x '0|t'
}
ck_ok "no row is lost or doubled" sums
ck_ok "what the user sees is what the document says" diff <(documented) "$folder/table"
ck_psql postgres -c "DROP DATABASE $database"
ck_done
