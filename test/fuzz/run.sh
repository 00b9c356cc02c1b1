#!/usr/bin/env bash
# run.sh: random options, patterns and source files, and sources whose replies are damaged on their way.
#
# CK_FUZZ_SECONDS is the time that the suite may take, CK_FUZZ_SEED repeats a run: each round depends on the seed, its
# piece and its number alone. CK_FUZZ_ONLY="piece:round" does one round (or "piece", one piece), with all it says.

. "$(dirname "$0")/../lib.sh"

: "${CK_FUZZ_SECONDS:=50}" "${CK_FUZZ_SEED:=$(date +%s)}"
export CK_FUZZ_SECONDS CK_FUZZ_SEED

folder=$CK_TOP/test/fuzz
ck_psql postgres -c 'SET client_min_messages = error' -c 'DROP DATABASE IF EXISTS fuzz WITH (FORCE)' \
	-c "CREATE DATABASE fuzz TEMPLATE template0 ENCODING UTF8 LOCALE 'C.UTF-8'" &&
	ck_source_psql postgres -c 'SET client_min_messages = error' -c 'DROP DATABASE IF EXISTS fuzz WITH (FORCE)' \
		-c "CREATE DATABASE fuzz TEMPLATE template0 ENCODING UTF8 LOCALE 'C.UTF-8'" &&
	ck_source_psql fuzz -f "$folder/postgres.sql" &&
	ck_mysql mysql -e 'DROP DATABASE IF EXISTS fuzz; CREATE DATABASE fuzz' &&
	ck_mysql fuzz <"$folder/mysql.sql" || exit 1
exec perl "$folder/fuzz.pl"
