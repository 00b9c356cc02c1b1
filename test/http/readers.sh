#!/usr/bin/env bash
# readers.sh: builds and runs readers.c with the address and undefined-behaviour sanitizers. CK_READERS_SECONDS is the time for
# damaged texts, CK_FUZZ_SEED repeats them.

. "$(dirname "$0")/../lib.sh"
cd "$CK_TOP" || exit 1
ck_begin

folder=$CK_TMP/readers
mkdir -p "$folder"
# valgrind brings its own
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
[[ ${CK_PG_WRAP:-} != valgrind* ]] || sanitize=
lib=$(make -s --no-print-directory --eval 'print-http: ; @echo $(http_LIB:%=src/lib/%.c)' print-http)
printf '%s\n' test/http/readers.c src/connector/http/*.c $lib | xargs -P "$(nproc)" -I{} sh -c '
	${CC:-gcc} -std=c11 -D_GNU_SOURCE -g '"$sanitize"' \
		-Isrc/include -Isrc/lib -Isrc/connector/http -c -o "$0/$(basename {} .c).o" {}' "$folder" &&
	${CC:-gcc} $sanitize -o "$folder/readers" "$folder"/*.o \
		$(pkg-config --libs libcurl jansson yajl zlib libsodium libcrypto expat) -lcsv -lm || exit 1
"$folder/readers" "${CK_READERS_SECONDS:-2}" "${CK_FUZZ_SEED:-0}" manifest/*.json
