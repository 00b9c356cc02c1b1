#!/usr/bin/env bash
# run.sh: pg_isolation_regress over specs/, with what is expected in expected/: syncs beside readers, writers, DDL and each
# other. setup.sql makes what the specs share.

. "$(dirname "$0")/../lib.sh"

folder=$CK_TMP/isolation
tester=$(dirname "$("$CK_BIN/pg_config" --pgxs)")/../test/isolation
rm -rf "$folder"
mkdir -p "$folder"
ln -s "$CK_TOP/test/isolation/specs" "$folder/specs"
ln -s "$CK_TOP/test/isolation/expected" "$folder/expected"
cd "$folder" || exit 1

specs=$(cd specs && ls ./*.spec | sed 's,^\./,,; s,\.spec$,,' | LC_ALL=C sort)
[ -x "$tester/pg_isolation_regress" ] || { echo "1..0 # SKIP no pg_isolation_regress in $tester"; exit 0; }

ck_source_psql source -f "$CK_TOP/test/isolation/source.sql" >/dev/null &&
	ck_psql postgres -c "SET client_min_messages = error" -c "DROP DATABASE IF EXISTS isolation" \
		-c "CREATE DATABASE isolation TEMPLATE template0" -c "ALTER DATABASE isolation SET client_min_messages = error" &&
	ck_psql isolation -v port="$CK_SOURCE_PGPORT" -v password="$CK_PASSWORD" \
		-f "$CK_TOP/test/isolation/setup.sql" >/dev/null || exit 1

"$tester/pg_isolation_regress" --inputdir=. --outputdir=. --bindir="$CK_BIN" --host="$CK_PGHOST" --port="$CK_PGPORT" \
	--user=postgres --use-existing --dbname=isolation $specs >log 2>&1
status=$?

# Before version 16 it does not speak TAP: "test name   ... ok   12 ms".
sed -nE -e 's/^test (\S+) +\.\.\. ok +([0-9]+ ms).*/ok - \1 (\2)/p' -e 's/^test (\S+) +\.\.\. FAILED.*/not ok - \1/p' \
	-e 's/^((not )?ok [0-9]+ .*)/\1/p' log
if [ $status -ne 0 ]; then
	cat log regression.diffs output_iso/regression.diffs 2>/dev/null | sed 's/^/# /'
fi
exit $status
