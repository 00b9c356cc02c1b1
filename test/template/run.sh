#!/usr/bin/env bash
# run.sh: connectors as new.sh begins them, made in a copy of the tree: they build, and the tests that come with them pass.

. "$(dirname "$0")/../lib.sh"

copy=$CK_TMP/template
status=0
mkdir -p "$copy"
ck_copy_tree "$copy"
libdir=$("$CK_BIN/pg_config" --pkglibdir) manifests=$("$CK_BIN/pg_config" --sharedir)/extension/connkit
trap 'rm -f "$libdir/connkit_ck_begun_c.so" "$manifests/ck_begun_m.json"; rm -rf "$copy"' EXIT

begin()
{
	make -s -C "$copy" new-connector NAME="$2" KIND="$1"
}

refused()
{
	! begin "$@"
}

ck_ok "a connector in C is begun" begin c ck_begun_c
ck_ok "a manifest is begun" begin manifest ck_begun_m
ck_ok "not twice" refused manifest ck_begun_c
ck_ok "not by a name that is none" refused c 'Ck-begun'
ck_ok "not of another kind" refused d ck_begun_d

# Its module beside the others, in place of an installation.
built()
{
	make -s -C "$copy" PG_CONFIG="$CK_BIN/pg_config" COPT="${CK_COPT:-} -Werror" connkit_ck_begun_c.so &&
		cp "$copy/connkit_ck_begun_c.so" "$libdir"
}

# Its script of the contract suite; as one of a connector from elsewhere it tells how the wrapper is made.
mkdir "$copy/contract"
cp "$copy/test/contract/ck_begun_c.quirks" "$copy/contract"
cat >"$copy/contract/ck_begun_c.sh" <<END
[ "\$1" != wrapper ] || exec sed 's,MODULE_PATHNAME,\$libdir/connkit,' "$copy/src/connector/ck_begun_c/connector.sql"
. "$copy/test/contract/ck_begun_c.sh"
END

# As pg_regress would.
as_expected()
{
	ck_psql postgres -c 'SET client_min_messages = error' -c 'DROP DATABASE IF EXISTS template_c' \
		-c 'CREATE DATABASE template_c' &&
		{
			echo 'SET client_min_messages = error; CREATE EXTENSION connkit CASCADE;'
			bash "$copy/contract/ck_begun_c.sh" wrapper
		} | ck_psql template_c &&
		psql -X -a -q -h "$CK_PGHOST" -p "$CK_PGPORT" -U postgres -d template_c -f "$copy/test/sql/ck_begun_c.sql" 2>&1 |
			sed 's/^psql:[^ ]*: //' | diff "$copy/expected/ck_begun_c.out" -
}

ck_ok "it builds" built
ck_ok "its statements give what is expected" as_expected
CK_CASES='quirk|rows|row is|rescan|prepared|two ' CONNECTORS=ck_begun_c CK_CONTRACT=$copy/contract \
	bash "$CK_TOP/test/contract/run.sh" || status=1

# The manifest, beside the shipped ones, with its recording
cp "$copy/manifest/ck_begun_m.json" "$manifests" &&
	CK_SHIPPED=$copy/test/http/shipped bash "$CK_TOP/test/http/shipped.sh" || status=1
ck_done
exit $status
