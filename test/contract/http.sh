#!/usr/bin/env bash
# http.sh: an API of the tables of the contract suite (http_source.py, a double), as its source.

. "$CK_TOP/test/lib.sh"

folder=$CK_TMP/contract_http

# Starts the server at the port that it has.
serve()
{
	python3 "$CK_TOP/test/contract/http_source.py" "$(cat "$folder/port")" >"$folder/log" 2>&1 </dev/null &
	echo $! >"$folder/pid"
	ck_wait 20 $! eval "exec 3<>/dev/tcp/127.0.0.1/$(cat "$folder/port")" 2>/dev/null
}

case $1 in
	start)
		mkdir -p "$folder"
		ck_spare_port >"$folder/port"
		serve ;;
	options)
		echo "server base_url http://127.0.0.1:$(cat "$folder/port")"
		[ -z "${2:-}" ] || echo "table path /$2" ;;
	kill) kill -9 "$(cat "$folder/pid")" ;;
	restart) serve ;;
	freeze) kill -STOP "$(cat "$folder/pid")" ;;
	thaw) kill -CONT "$(cat "$folder/pid")" ;;
	mend)
		kill -CONT "$(cat "$folder/pid")" 2>/dev/null || serve ;;
	stop) kill -9 "$(cat "$folder/pid")" 2>/dev/null ;;
	*) exit 1 ;;
esac
