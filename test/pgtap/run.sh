#!/usr/bin/env bash
# run.sh: the pgTAP tests, each in a database of its own that has connkit and pgtap.

. "$(dirname "$0")/../lib.sh"

status=0
count=0
for file in "$CK_TOP"/test/pgtap/*.sql; do
	[ -e "$file" ] || continue
	name=$(basename "$file" .sql)
	count=$((count + 1))
	ck_psql postgres -c "DROP DATABASE IF EXISTS pgtap_$name" -c "CREATE DATABASE pgtap_$name" &&
		ck_psql "pgtap_$name" -c "CREATE EXTENSION pgtap" -c "CREATE EXTENSION pgcrypto" \
			-c "CREATE EXTENSION connkit" &&
		pg_prove --norc -v -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d "pgtap_$name" "$file" || status=1
done
[ $count -gt 0 ] || echo "1..0"
exit $status
