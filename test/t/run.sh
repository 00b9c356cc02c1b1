#!/usr/bin/env bash
# run.sh: the Perl tests, that make and break clusters of their own by PostgreSQL::Test::Cluster.

. "$(dirname "$0")/../lib.sh"

perl=$(dirname "$("$CK_BIN/pg_config" --pgxs)")/../test
folder=$CK_TMP/t
rm -rf "$folder"
ck_folder postgres "$folder" || exit 1
cp "$CK_TOP"/test/t/*.p[lm] "$folder" 2>/dev/null || { echo "1..0"; exit 0; }
[ "$(id -u)" != 0 ] || chown -R postgres: "$folder"
cd "$folder" || exit 1

# They wait more than they work: two at a time.
# TESTDIR is for PostgreSQL 15 and earlier, the other two for later ones. LC_ALL goes there: LANG decides the encoding.
ck_as postgres env PERL5LIB="$perl/perl" PG_REGRESS="$perl/regress/pg_regress" TESTDIR="$folder" \
	TESTLOGDIR="$folder/log" TESTDATADIR="$folder/data" PGPORT=65432 TMPDIR="$folder" LANG=C.UTF-8 \
	prove --norc -j 2 -v ./*.pl
status=$?
[ $status -eq 0 ] || tail -n 40 tmp_check/log/* log/* 2>/dev/null | sed 's/^/# /'
exit $status
