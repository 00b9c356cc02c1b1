#!/usr/bin/env bash
# webhook_race.sh: messages to a webhook beside a run of the same sync, and beside each other; the double test/http/api.py is at
# CK_API.

. "$(dirname "$0")/../lib.sh"

database=http_webhook_race
folder=$CK_TMP/webhook_race
mkdir -p "$folder"

sql()
{
	ck_psql "$database" -qAt "$@"
}

# Brings a message in the background: a name for its answer, the row's id, its time, and what happened to it; a delivery's id.
bring()
{
	sql -c "SELECT outcome FROM connkit_receive('src', 'item', jsonb_build_object('action', '${4:-edited}', 'item',
		jsonb_build_object('id', $2, 'name', '$1', 'updated_at', '$3'))::text,
		jsonb_build_object('x-token', 'secret', 'x-delivery', '${5:-}'))" >"$folder/$1" 2>&1 &
}

# Begins a run that has read its rows, and waits for the lock of which hold() is the holder.
hold()
{
	exec 3> >(sql >/dev/null 2>&1)
	echo "SELECT pg_advisory_lock(1);" >&3
	ck_wait 20 $$ eval '[ "$(sql -c "SELECT count(*) FROM pg_locks WHERE locktype = '"'advisory'"' AND granted")" = 1 ]'
	sql -c "SELECT outcome FROM connkit_sync('item')" >"$folder/run" 2>&1 &
	run=$!
	ck_wait 20 $$ eval '[ "$(sql -c "SELECT count(*) FROM pg_locks WHERE locktype = '"'advisory'"' AND NOT granted")" = 1 ]'
}

# What was begun in the background has its end of the pipe too.
release()
{
	echo "\\q" >&3
	exec 3>&-
	wait $run
}

# Whether a statement gives that.
gives()
{
	local found

	found=$(sql -c "$1")
	[ "$found" = "$2" ] && return
	echo "$found"
	return 1
}

answers()
{
	local name

	for name in "$@"; do
		cat "$folder/$name"
	done | sort | uniq -c | awk '{printf "%s%s %s", (NR > 1 ? ", " : ""), $2, $1}'
}

echo 1..9
ck_psql postgres -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database" >/dev/null
for id in 1 2 3; do
	curl -sf --noproxy '*' -o "$folder/reply" "$CK_API/store/race" -H 'Content-Type: application/json' \
		-d "{\"id\": $id, \"name\": \"read\", \"updated_at\": \"2026-01-0${id}T00:00:00Z\"}"
done
sql >/dev/null <<END
CREATE EXTENSION connkit CASCADE;
SELECT connkit_register_connector('{
	"manifest": 1, "name": "raced", "version": "1", "title": "Raced",
	"options": {"url": {"on": "server"}, "hook": {"on": "user", "secret": true}}, "base_url": "{url}",
	"tables": {"item": {
		"path": "/store/race",
		"columns": {"id": {"type": "bigint", "not_null": true}, "name": "text", "updated_at": "timestamptz"},
		"key": ["id"],
		"webhook": {
			"signature": {"type": "token", "header": "X-Token", "secret": "{hook}"}, "records": "item",
			"id": "{header:X-Delivery}",
			"event": "{action}", "events": {"edited": "upsert", "deleted": "delete"}
		}
	}}
}');
CREATE SERVER src FOREIGN DATA WRAPPER connkit_raced OPTIONS (url '$CK_API');
CREATE USER MAPPING FOR PUBLIC SERVER src OPTIONS (hook 'secret');
CREATE FUNCTION wait_here() RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM pg_catalog.pg_advisory_xact_lock_shared(1);
	RETURN true;
END \$\$;
SELECT connkit_create_sync('src', 'item', 'public.item', mode => 'incremental', write => 'merge', cursor_column => 'updated_at',
	name => 'item', settings => '{"deletes": "hard", "webhook": true}');
SELECT connkit_sync('item');
SELECT connkit_alter_sync('item', '{"filter": "public.wait_here()"}');
SELECT connkit_reset_sync('item');
UPDATE item SET name = 'before';
END
ck_ok 'a first run' gives "SELECT string_agg(id || name, ' ' ORDER BY id) FROM item" '1before 2before 3before'

# what a run has read before is not put over what came meanwhile, and brings nothing back
hold
bring new 1 2026-02-01
changed=$!
bring gone 2 2026-01-02 deleted
wait $changed $!
ck_ok 'messages that come during a run are queued' [ "$(answers new gone)" = 'queued 2' ]
release
ck_ok 'the run succeeds' [ "$(cat "$folder/run")" = succeeded ]
ck_ok 'and applies them' gives "SELECT string_agg(id || name, ' ' ORDER BY id) FROM item" '1new 3read'
ck_ok 'none is left' gives "SELECT count(*) FROM connkit.webhook_delivery WHERE outcome = 'queued'" 0

# a run that has looked for messages, and is not committed for a while
exec 3> >(sql >/dev/null 2>&1)
echo "BEGIN; SELECT connkit_sync('item'); SELECT pg_advisory_lock(2);" >&3
ck_wait 20 $$ eval '[ "$(sql -c "SELECT count(*) FROM pg_locks WHERE locktype = '"'advisory'"' AND objid = 2")" = 1 ]'
bring late 3 2026-02-01
message=$!
sleep 2.3
echo "COMMIT; \\q" >&3
exec 3>&-
wait $message
ck_ok 'a message that comes before its commit is applied after it' [ "$(cat "$folder/late")" = applied ]

# messages beside each other
names=()
for at in 05 02 04 01 03 05 02 04 01 03; do
	names+=("at$at.$((${#names[@]}))")
	bring "${names[-1]}" 3 "2026-03-$at" edited "d$at"
done
wait $(jobs -p)
ck_ok 'of two messages with one id, one is a duplicate' [ "$(answers "${names[@]}" | grep -o 'duplicate 5')" = 'duplicate 5' ]
ck_ok 'and the newest is what stays' gives \
	"SELECT left(name, 4) || ' ' || updated_at::date FROM item WHERE id = 3" 'at05 2026-03-05'
ck_ok 'no lock is left' gives "SELECT count(*) FROM pg_locks WHERE locktype IN ('object', 'advisory') AND database =
	(SELECT oid FROM pg_database WHERE datname = current_database())" 0
