#!/usr/bin/env bash
# run.sh: the same cases on every connector, against its real source. README.md tells how a connector joins in.
#
# CONNECTORS="mine sqlite" chooses; by default it is every connector of the source tree. CK_CONTRACT is the folder of
# files for connectors from elsewhere. CK_CASES is a regular expression that chooses cases.

. "$(dirname "$0")/../lib.sh"

# those that have tables; test/providers is for those that keep secrets
names=${CONNECTORS:-$(cd "$CK_TOP/src/connector" && grep -lw CK_READ ./*/*.c | cut -d / -f 2 | sort -u)}
[ -n "${CONNECTORS:-}" ] || names+=" broken"
case "${CK_PG_WRAP:-}" in
	*valgrind*) export CK_SLOW=20 ;;
	?*) export CK_SLOW=4 ;;
esac
exec perl "$(dirname "$0")/contract.pl" $names
