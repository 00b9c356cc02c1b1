#!/usr/bin/env bash
# run.sh: the benches, one after the other: test/bench/run.sh [read] [write] [tpch] [http] [sync]; without a word all of them.

cd "$(dirname "$0")" || exit 1
status=0
for bench in "${@:-read write tpch http sync}"; do
	for word in $bench; do
		[ -x "$word.sh" ] || { echo "run.sh: no bench \"$word\"" >&2; exit 2; }
		"./$word.sh" || status=1
	done
done
exit $status
