#!/usr/bin/env bash
# sanitize.sh: runs suites on a build with sanitizers, or under valgrind; run.sh counts what they find as failures.
#
# usage: test/sanitize.sh asan|valgrind [SUITE...]      (default: those that use the cluster with connkit; sql)

set -eu
cd "$(dirname "$0")/.."
mode=$1
shift

case $mode in
	asan)
		export CK_COPT="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1"
		# With this library loaded first, glibc 2.36 waits for ever in the second bindtextdomain(), whose work a test does
		# not need.
		folder=$(mktemp -d)
		trap 'rm -rf "$folder"' EXIT
		echo 'char *bindtextdomain(const char *domain, char *path) { (void) domain; return path; }' |
			gcc -x c -shared -fPIC -fno-builtin -o "$folder/bindtextdomain.so" -
		chmod 755 "$folder"
		CK_PG_WRAP="env LD_PRELOAD=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)"
		CK_PG_WRAP+=":$folder/bindtextdomain.so"
		# The server leaks at its end by design, and measures its stack by addresses.
		CK_PG_WRAP+=" ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1:disable_coredump=1"
		CK_PG_WRAP+=" UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
		[ $# -gt 0 ] || set -- contract diff pgtap sql
		;;
	valgrind)
		export CK_COPT="-O1" CK_START_SECONDS=300 CK_SUITE_SECONDS=5400
		CK_PG_WRAP="valgrind --quiet --trace-children=yes --track-origins=yes --error-limit=no"
		CK_PG_WRAP+=" --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=none"
		CK_PG_WRAP+=" --suppressions=$PWD/test/valgrind.supp"
		[ $# -gt 0 ] || set -- sql
		;;
	*)
		echo "usage: $0 asan|valgrind [SUITE...]" >&2
		exit 2
		;;
esac
export CK_PG_WRAP
test/run.sh "$@"
