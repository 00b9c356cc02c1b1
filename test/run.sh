#!/usr/bin/env bash
# run.sh: builds connkit, runs every suite against throw-away servers, and counts what passed.
#
# usage: test/run.sh [SUITE...]
#
# A suite is a folder test/<suite> with a run.sh that prints TAP ("ok 1 - name", "not ok 2 - name",
# "ok 3 - name # SKIP reason"), knows the variables that test/lib.sh tells of, and may start servers of its own by
# its functions. One that fails without saying what, or runs nothing, counts as one failure; "1..0" is an empty suite.
# bench and versions are commands of their own. What failed is told again at the end. CK_KEEP=1 keeps the logs,
# VERBOSE=1 shows all output.

. "$(dirname "$0")/lib.sh"
: "${CK_SUITE_SECONDS:=1500}"

if [ $# -eq 0 ]; then
	for suite in "$CK_TOP"/test/*/run.sh; do
		suite=$(basename "$(dirname "$suite")")
		[ "$suite" = bench ] || [ "$suite" = versions ] || set -- "$@" "$suite"
	done
fi
for suite in "$@"; do
	[ -e "$CK_TOP/test/$suite/run.sh" ] || ck_die "no suite \"$suite\""
done

# Shows what the cluster with connkit said, since the last call, of crashes and of the memory checkers' findings.
log_seen=0
trouble()
{
	local found

	found=$(tail -c "+$((log_seen + 1))" "$CK_TMP/main/log" | grep -E -A 30 \
		'was terminated by signal|TRAP: |AddressSanitizer|runtime error: |LeakSanitizer|^==[0-9]+== [^ ]')
	log_seen=$(stat -c %s "$CK_TMP/main/log")
	[ -n "$found" ] && sed 's/^/# /' <<<"$found"
}

passed=0 failed=0 skipped=0
ck_start_all
failures=$CK_TMP/failures
: >"$failures"

for suite in "$@"; do
	log=$CK_TMP/$suite.tap
	begin=$SECONDS
	timeout -k 10 "$CK_SUITE_SECONDS" bash "$CK_TOP/test/$suite/run.sh" >"$log" 2>&1 </dev/null &
	CK_CHILD=$!
	wait $CK_CHILD
	status=$?
	CK_CHILD=
	read -r ok not_ok skip empty <<<"$(awk '
		/^ok +([0-9]|-)/ { if (/# *[Ss][Kk][Ii][Pp]/) skip++; else ok++ }
		/^not ok/ { if (/# *TODO/) skip++; else not_ok++ }
		/^1\.\.0/ { empty = 1 }
		END { print ok + 0, not_ok + 0, skip + 0, empty + 0 }' "$log")"
	if [ $not_ok -eq 0 ] && { [ $status -ne 0 ] || [ $((ok + skip + empty)) -eq 0 ]; }; then
		[ $status -ne 124 ] || echo "# stopped after $CK_SUITE_SECONDS seconds" >>"$log"
		echo "not ok - suite $suite (exit status $status)" >>"$log"
		not_ok=1
	fi
	if trouble >>"$log"; then
		echo "not ok - the server stayed sound in suite $suite" >>"$log"
		not_ok=$((not_ok + 1))
	fi
	[ $not_ok -eq 0 ] && [ -z "${VERBOSE:-}" ] || cat "$log"
	[ $not_ok -eq 0 ] || grep -E '^not ok|^# +Failed test|Dubious|Parse errors|Bailout| line [0-9]+\.$' "$log" |
		grep -v '# *TODO' | cut -c1-200 | head -n 12 | sed "s/^/$suite: /" >>"$failures"
	printf '%-12s %5d ok %5d not ok %5d skipped %5d s\n' "$suite" $ok $not_ok $skip $((SECONDS - begin))
	passed=$((passed + ok)) failed=$((failed + not_ok)) skipped=$((skipped + skip))
done

cat "$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
