#!/usr/bin/env bash
# run.sh: pg_regress over test/sql, with what is expected in expected/, against the running cluster.

. "$(dirname "$0")/../lib.sh"

folder=$CK_TMP/regress
rm -rf "$folder"
mkdir -p "$folder"
ln -s "$CK_TOP/test/sql" "$folder/sql"
ln -s "$CK_TOP/expected" "$folder/expected"
cd "$folder" || exit 1

tests=$(cd sql && ls ./*.sql 2>/dev/null | sed 's,^\./,,; s,\.sql$,,' | LC_ALL=C sort)
[ -n "$tests" ] || { echo "1..0"; exit 0; }

"$(dirname "$("$CK_BIN/pg_config" --pgxs)")/../test/regress/pg_regress" --inputdir=. --outputdir=. \
	--bindir="$CK_BIN" --host="$CK_PGHOST" --port="$CK_PGPORT" --user=postgres --dbname=contrib_regression \
	--load-extension=pgcrypto $tests >log 2>&1
status=$?

# Before version 16 pg_regress does not speak TAP: "test name   ... ok   12 ms".
sed -nE -e 's/^test (\S+) +\.\.\. ok +([0-9]+ ms).*/ok - \1 (\2)/p' -e 's/^test (\S+) +\.\.\. FAILED.*/not ok - \1/p' \
	-e 's/^((not )?ok [0-9]+ .*)/\1/p' log
if [ $status -ne 0 ]; then
	cat log regression.diffs 2>/dev/null | sed 's/^/# /'
fi
exit $status
