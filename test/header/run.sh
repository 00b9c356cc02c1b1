#!/usr/bin/env bash
# run.sh: connkit.h compiles alone, as C and as C++, without a warning, and a connector that uses all of it links
# to nothing but the C library.

. "$(dirname "$0")/../lib.sh"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The header's own include lines name nothing but the C library's headers.
standard_only()
{
	! sed -n 's/^#include *//p' "$CK_TOP/src/include/connkit.h" |
		grep -vE '^<(stdarg|stdbool|stddef|stdint|string)\.h>$'
}

# Every ck_ service that the header declares is called by use.c.
all_used()
{
	local service

	for service in $(sed -n 's/^\(ck_[a-z0-9_]*\)(.*/\1/p' "$CK_TOP/src/include/connkit.h"); do
		grep -q "\<$service(" "$CK_TOP/test/header/use.c" || { echo "$service is not used"; return 1; }
	done
}

one_symbol()
{
	[ "$(nm -D --defined-only "$folder/use.so" | awk '$2 == "T" {print $3}')" = connkit_connector ]
}

strict="-pedantic -Wall -Wextra -Werror -I$CK_TOP/src/include"
cp "$CK_TOP/test/header/use.c" "$folder/use.cpp"

for compiler in gcc clang; do
	if ! command -v $compiler >/dev/null; then
		continue
	fi
	for standard in c11 c17; do
		ck_ok "$compiler -std=$standard, header alone" \
			$compiler -std=$standard $strict -x c -fsyntax-only -include connkit.h /dev/null
	done
	ck_ok "$compiler -std=c11, every service used" \
		$compiler -std=c11 $strict -fsyntax-only "$CK_TOP/test/header/use.c"
	for standard in c++17 c++20; do
		ck_ok "$compiler -std=$standard, header alone" \
			$compiler -std=$standard $strict -x c++ -fsyntax-only -include connkit.h /dev/null
	done
	ck_ok "$compiler -std=c++17, every service used" \
		$compiler -std=c++17 $strict -Wno-missing-field-initializers -fsyntax-only "$folder/use.cpp"
done
ck_ok "includes standard headers only" standard_only
ck_ok "use.c knows every service" all_used
ck_ok "links to nothing" gcc -std=c11 $strict -shared -fPIC -fvisibility=hidden -nostartfiles -nodefaultlibs \
	-Wl,--no-undefined -fno-stack-protector -o "$folder/use.so" "$CK_TOP/test/header/use.c"
ck_ok "exports one symbol" one_symbol
ck_done
