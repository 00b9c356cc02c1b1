#!/usr/bin/env bash
# run.sh: the rules of style and structure that a program can check. clang-format cannot write PostgreSQL's
# layout of declarations and comments, so layout beyond these rules is the reader's to judge.

. "$(dirname "$0")/../lib.sh"
cd "$CK_TOP" || exit 1
set +o pipefail

shopt -s nullglob globstar
code=(src/**/*.[ch])
texts=("${code[@]}" sql/*.sql test/**/*.{sh,sql,pl,c,mk} src/connector/*/connector.{mk,sql} Makefile)
texts=($(printf '%s\n' "${texts[@]}" | grep -v '^sql/connkit--'))

# Succeeds when its input is empty, else shows it.
nothing()
{
	! grep .
}

# Lines of about 120 columns, with tabs of four: none beyond 130. The tests' own statements may be wider.
line_length()
{
	perl -CSD -ne 'chomp; 1 while s/\t/" " x (4 - $-[0] % 4)/e;
		print "$ARGV:$.: " . length . " columns\n" if length > 130; close ARGV if eof' \
		$(printf '%s\n' "${texts[@]}" | grep -vE '^test/.*\.(sql|pl)$') | nothing
}

# Functions of at most 150 lines.
function_length()
{
	awk 'FNR == 1 {begin = 0} /^{/ {begin = FNR} /^}/ && begin {
		if (FNR - begin > 150) print FILENAME ":" begin ": " FNR - begin " lines"; begin = 0}' "${code[@]}" | nothing
}

# A comment at the file's top that begins with its name.
banner()
{
	for file in "${code[@]}"; do
		sed -n '1,2p' "$file" | tr -d '\n' | grep -qE "^/\* ?(\*)? ?$(basename "$file"):" || echo "$file"
	done | nothing
}

# Connectors and shared pieces know connkit.h, src/lib, their own headers and the system's.
connector_includes()
{
	local file header folder

	for file in src/connector/*/*.[ch] src/lib/*.[ch]; do
		folder=$(dirname "$file")
		for header in $(sed -n 's/^#include "\(.*\)"/\1/p' "$file"); do
			[ "$header" = connkit.h ] || [ -e "$folder/$header" ] || [ -e "src/lib/$header" ] ||
				echo "$file: \"$header\""
		done
		grep -HnE '^#include <(postgres|fmgr|nodes/|utils/|catalog/|access/|server/|internal/)' "$file"
	done | nothing
}

# core knows no other part; fdw, secret and sync know core, source knows core and secret, worker knows core and sync; none
# knows a connector.
upward_includes()
{
	local names=(src/connector/*/)

	names=$(basename -a "${names[@]}" | paste -sd '|')
	{
		grep -nE '^#include "(\.\./)?(fdw|secret|source|sync|worker|health|connector)/' src/core/*.[ch]
		grep -nE '^#include "(\.\./)?(secret|source|sync|worker|health|connector)/' src/fdw/*.[ch]
		grep -nE '^#include "(\.\./)?(fdw|source|sync|worker|health|connector)/' src/secret/*.[ch]
		grep -nE '^#include "(\.\./)?(fdw|sync|worker|health|connector)/' src/source/*.[ch]
		grep -nE '^#include "(\.\./)?(fdw|secret|source|worker|health|connector)/' src/sync/*.[ch]
		grep -nE '^#include "(\.\./)?(fdw|secret|source|connector)/' src/worker/*.[ch]
		grep -nE "connkit_($names)\>" src/core/*.[ch] src/fdw/*.[ch]
	} | nothing
}

scripts()
{
	local file

	for file in test/**/*.sh .ci/run; do
		bash -n "$file" || return 1
	done
}

none()
{
	! grep -nE "$@" /dev/null
}

ck_ok "no trailing blanks" none '[[:blank:]]+$' "${texts[@]}"
ck_ok "no carriage returns" none $'\r' "${texts[@]}"
ck_ok "C is indented by tabs" none '^ {4,}[^ *]' "${code[@]}"
ck_ok "lines of about 120 columns" line_length
ck_ok "functions of at most 150 lines" function_length
ck_ok "every file tells its name and what it is" banner
ck_ok "no unfinished marks" none '\<(TODO|FIXME|XXX)\>' "${code[@]}" sql/*.sql
ck_ok "PG_VERSION_NUM stands in one header" none PG_VERSION_NUM \
	$(printf '%s\n' "${code[@]}" | grep -vx src/core/compat.h)
ck_ok "connectors include only connkit.h, lib and the system's headers" connector_includes
ck_ok "nothing points back up" upward_includes
ck_ok "scripts parse" scripts
ck_done
