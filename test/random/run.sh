#!/usr/bin/env bash
# run.sh: the random suite: queries that a generator makes from a seed, on the tables of the differential suite.
#
# usage: test/run.sh random
#
#   CK_RANDOM_SECONDS   how long, at the sources side by side (default 45)
#   CK_RANDOM_SEED      the same seed makes the same queries (default by chance; it is printed)
#   CK_RANDOM_SETTING   collations of the sources: binary, case or accent (default by the seed, another for each)
#   CK_RANDOM_MOST      differences after which a source is done with (default 5)
#   CK_RANDOM_KIND      a number from 0 to 1: queries of one kind alone, of 0.9 with window functions (see next() in queries.py)
#   CK_DIFF             the sources
#
# A query that gives other rows, or an error on one side only, is cut down to the smallest that still does, and printed.

. "$(dirname "$0")/../lib.sh"
. "$CK_TOP/test/diff/tables.sh"

: "${CK_DIFF:=postgres mysql sqlite}" "${CK_RANDOM_SECONDS:=45}" "${CK_RANDOM_SEED:=$RANDOM$RANDOM}"
export PYTHONDONTWRITEBYTECODE=1
settings=(binary case accent)

# One source: its name, and the setting of its collations.
ask()
{
	ck_ok "random: tables for $1 $2" prepare "random_$1_$2" "$1"
	[ ! -e "$work/random_$1_$2.ready" ] || exec python3 "$CK_TOP/test/random/compare.py" "$1" "$2" "random_$1_$2" \
		"$CK_RANDOM_SEED" "$CK_RANDOM_SECONDS"
}

turn=$CK_RANDOM_SEED
for source in $CK_DIFF; do
	turn=$((turn + 1))
	ask "$source" "${CK_RANDOM_SETTING:-${settings[turn % 3]}}" >"$work/random_$source.tap" 2>&1 &
done
wait
for source in $CK_DIFF; do
	cat "$work/random_$source.tap"
done
