#!/usr/bin/env bash
# sqlite.sh: an SQLite file as a source of the contract suite.

. "$CK_TOP/test/lib.sh"

file=$CK_FILES/contract.db

case $1 in
	start)
		command -v sqlite3 >/dev/null || { echo "there is no program sqlite3" >&2; exit 77; }
		rm -f "$file"*
		ck_as postgres sqlite3 -bail "$file" <"$CK_TOP/test/contract/sqlite.sql" >/dev/null ;;
	options)
		echo "server path $file"
		[ "${2:-}" != write ] || echo "server updatable true" ;;
	sql) ck_as postgres sqlite3 -bail -cmd '.timeout 5000' "$file" ;;
	mend) ;;
	stop) rm -f "$file"* ;;
	*) exit 1 ;;
esac
