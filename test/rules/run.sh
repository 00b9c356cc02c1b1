#!/usr/bin/env bash
# run.sh: every rule of every dialect is tried at its source: each pair of awkward values gives PostgreSQL's own answer.
#
# usage: test/run.sh rules; CK_RULES="mysql" chooses the sources; CK_DOCUMENT=1 writes docs/pushdown.md (make docs)
#
# The rules are those of the compiled connectors (connkit.connector_rules). For each name and each choice of argument types, an
# expression over every pair of values has to be sent, and to give what it gives on a local copy: as a value, as a condition,
# with constants, in lists, as an order; what is an error here has to be one there.

. "$(dirname "$0")/../lib.sh"

here=$CK_TOP/test/rules
work=$CK_TMP/rules
mkdir -p "$work"
CK_NUMBER=0

# Makes the table at each source, and the foreign server.
at_postgres()
{
	PGOPTIONS="-c search_path=rules -c client_min_messages=error" ck_source_psql source_icu -v source=postgres \
		-c "DROP SCHEMA IF EXISTS rules CASCADE" -c "CREATE SCHEMA rules" -f "$here/values.sql" \
		-c "GRANT USAGE ON SCHEMA rules TO ck_reader" -c "GRANT SELECT ON v TO ck_reader" &&
		ck_psql "$1" -v port="$CK_SOURCE_PGPORT" -v password="$CK_PASSWORD" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_postgres
				OPTIONS (host 'localhost', port :'port', dbname 'source_icu');
			CREATE USER MAPPING FOR postgres SERVER source OPTIONS (user 'ck_reader', password :'password');
		END
}

at_mysql()
{
	# MySQL calls products and quotients that are the least bigint out of range
	[[ $(ck_mysql mysql -Ne 'SELECT version()') == *MariaDB* ]] ||
		ck_psql "$1" -c 'UPDATE near.v SET int8 = 7 WHERE int8 IN (-9223372036854775808, 4294967296)' || return
	{ cat "$here/mysql.sql" && ck_psql "$1" -At -v source=mysql -f "$CK_TOP/test/diff/literals.sql"; } >"$work/mysql.sql"
	[ "$zero_date" = error ] || cat "$here/mysql.zero_date.sql" >>"$work/mysql.sql"
	ck_mysql mysql -e "DROP DATABASE IF EXISTS $1; CREATE DATABASE $1" && ck_mysql "$1" <"$work/mysql.sql" &&
		ck_psql "$1" -v port="$CK_MYSQL_PORT" -v password="$CK_PASSWORD" -v zero_date="$zero_date" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_mysql
				OPTIONS (host 'localhost', port :'port', dbname '$1', zero_date :'zero_date');
			CREATE USER MAPPING FOR postgres SERVER source OPTIONS (user 'ck_reader', password :'password');
		END
}

at_sqlite()
{
	local file=$CK_FILES/$1.db

	rm -f "$file"
	{ cat "$here/sqlite.sql" && ck_psql "$1" -At -v source=sqlite -f "$CK_TOP/test/diff/literals.sql"; } >"$work/sqlite.sql" &&
		sqlite3 -bail "$file" <"$work/sqlite.sql" && { [ "$(id -u)" != 0 ] || chown postgres: "$file"; } &&
		ck_psql "$1" -v file="$file" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path :'file');
			CREATE USER MAPPING FOR postgres SERVER source;
		END
}

# A database with the values here, and at the source: database, source.
prepare()
{
	ck_psql postgres -c "SET client_min_messages = error" -c "DROP DATABASE IF EXISTS $1" \
		-c "CREATE DATABASE $1 TEMPLATE template0 ENCODING UTF8 $(ck_icu_locale)" &&
		PGOPTIONS="-c search_path=near,public" ck_psql "$1" -v source="$2" -c "CREATE SCHEMA near" -c "CREATE SCHEMA far" \
			-f "$here/values.sql" &&
		PGOPTIONS="-c client_min_messages=warning" ck_psql "$1" -v source="$2" -c "CREATE EXTENSION connkit CASCADE" \
			-f "$here/check.sql" &&
		"at_$2" "$1"
}

# Tries the rules of a source: a name for it, the source.
try()
{
	local database=rules_$1 tap=$work/$1.tap relation

	case $2 in postgres) relation=rules.v ;; mysql) relation=$database.v ;; *) relation=v ;; esac
	ck_ok "$1: the values are there" prepare "$database" "$2"
	ck_psql "$database" -At -v name="$1" -v source="$2" -v relation="$relation" >"$tap" 2>&1 <<-'END'
		SET search_path = rules;
		SET client_min_messages = error;
		SELECT format('SELECT try(%L, %L, %L, %s)', :'name', :'source', :'relation', id) FROM variant ORDER BY id
		\gexec
	END
	awk -v n=$CK_NUMBER '/^(not )?ok - / { sub(/ok/, "ok " ++n) } { print }' "$tap"
	CK_NUMBER=$((CK_NUMBER + $(grep -cE '^(not )?ok - ' "$tap")))
	ck_ok "$1: every rule is tried" [ "$(ck_psql "$database" -At -c "SELECT count(*) FROM rules.variant")" = \
		"$(grep -cE '^(not )?ok - ' "$tap")" ]
}

# What docs/pushdown.md has to be; with CK_DOCUMENT, it becomes that.
document()
{
	local page=$CK_TOP/docs/pushdown.md

	ck_psql connkit -c "SET client_min_messages = error" -c "CREATE EXTENSION IF NOT EXISTS connkit CASCADE" &&
		{ sed '/^<!-- /q' "$page" && ck_psql connkit -At -f "$here/document.sql"; } >"$work/pushdown.md" || return
	[ -z "${CK_DOCUMENT:-}" ] || cp "$work/pushdown.md" "$page"
	diff "$page" "$work/pushdown.md" || { echo '"make docs" writes it anew'; return 1; }
}

ck_ok "docs/pushdown.md has the rules" document
for source in ${CK_RULES-postgres mysql sqlite}; do
	zero_date=error
	try $source $source
	[ $source != mysql ] || zero_date=null try mysql_null mysql
done
ck_done
