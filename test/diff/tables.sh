# tables.sh: makes the tables of the differential suite: the judge's, the source's, and the foreign ones; to be sourced
# behind lib.sh. See run.sh for what they are.

here=$CK_TOP/test/diff
work=$CK_TMP/diff
mkdir -p "$work"

# The collation of MariaDB or MySQL that looks at accents, and not at case.
case_collation()
{
	ck_mysql mysql -N -e "SELECT COLLATION_NAME FROM information_schema.COLLATIONS
		WHERE COLLATION_NAME IN ('uca1400_as_ci', 'utf8mb4_0900_as_ci') ORDER BY 1 LIMIT 1" | sed 's/^uca/utf8mb4_uca/'
}

# The collations of a source in a setting, for :one, :two and :three in the files that make its tables: source, setting.
collations()
{
	case $1_$2 in
		postgres_binary) set -- '"C"' '"C"' '"C"' ;;
		postgres_case) set -- ignores_case '"en-US-x-icu"' ignores_case ;;
		postgres_accent) set -- ignores_accents ignores_blanks ignores_accents ;;
		mysql_binary) set -- utf8mb4_bin utf8mb4_bin utf8mb4_bin ;;
		mysql_case) set -- "$(case_collation)" utf8mb4_swedish_ci utf8mb4_bin ;;
		mysql_accent) set -- utf8mb4_general_ci utf8mb4_unicode_ci utf8mb4_unicode_ci ;;
		sqlite_binary) set -- BINARY BINARY BINARY ;;
		sqlite_case) set -- NOCASE BINARY NOCASE ;;
		sqlite_accent) set -- RTRIM NOCASE RTRIM ;;
	esac
	one=${1:-utf8mb4_general_ci} two=$2 three=$3
}

# Writes the rows of near in a source's dialect: database, source.
rows()
{
	ck_psql "$1" -At -v source="$2" -f "$here/literals.sql"
}

# What makes the tables at a source that is no PostgreSQL: database, source.
script()
{
	sed "s/:one\b/$one/; s/:two\b/$two/; s/:three\b/$three/" "$here/$2.tables.sql" && echo "BEGIN;" && rows "$1" "$2" &&
		cat "$here/$2.source.sql" && echo "COMMIT;"
}

# Makes the tables at each source, and the foreign servers; leaves the schema that they are in there.
at_postgres()
{
	local database=source

	# a source whose strings sort otherwise than here
	[[ $1 != *_accent ]] || database=source_icu
	schema=$1
	PGOPTIONS="-c search_path=$schema -c client_min_messages=error" ck_source_psql $database -v source=postgres \
		-v one="$one" -v two="$two" -v three="$three" \
		-c "DROP SCHEMA IF EXISTS $schema CASCADE" -c "CREATE SCHEMA $schema" -f "$here/tables.sql" \
		-f "$here/postgres.near.sql" -f "$here/postgres.source.sql" -c "ANALYZE" &&
		ck_psql "$1" -v port="$CK_SOURCE_PGPORT" -v password="$CK_PASSWORD" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_postgres
				OPTIONS (host 'localhost', port :'port', dbname '$database', updatable 'false');
			CREATE USER MAPPING FOR PUBLIC SERVER source OPTIONS (user 'ck_reader', password :'password');
		END
}

at_mysql()
{
	schema=$1
	script "$1" mysql >"$work/$1.script" &&
		ck_mysql mysql -e "DROP DATABASE IF EXISTS $1; CREATE DATABASE $1" && ck_mysql "$1" <"$work/$1.script" &&
		ck_psql "$1" -v port="$CK_MYSQL_PORT" -v password="$CK_PASSWORD" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_mysql
				OPTIONS (host 'localhost', port :'port', dbname '$1');
			CREATE SERVER source_p FOREIGN DATA WRAPPER connkit_mysql
				OPTIONS (host 'localhost', port :'port', dbname '$1', zero_date 'null');
			CREATE USER MAPPING FOR PUBLIC SERVER source OPTIONS (user 'ck_reader', password :'password');
			CREATE USER MAPPING FOR PUBLIC SERVER source_p OPTIONS (user 'ck_reader', password :'password');
		END
}

at_sqlite()
{
	local file=$CK_FILES/$1.db

	schema=
	rm -f "$file"
	script "$1" sqlite >"$work/$1.script" && sqlite3 -bail "$file" <"$work/$1.script" &&
		{ [ "$(id -u)" != 0 ] || chown postgres: "$file"; } &&
		ck_psql "$1" -v file="$file" <<-END
			CREATE SERVER source FOREIGN DATA WRAPPER connkit_sqlite OPTIONS (path :'file');
			CREATE USER MAPPING FOR PUBLIC SERVER source;
		END
}

# A database of this name, of a source's kind, with all the tables.
prepare()
{
	local database=$1 source=$2 locale="LOCALE 'C.UTF-8'" analyze=

	rm -f "$work/$database.ready"
	collations "$source" "${database##*_}"
	[[ $database != *_case ]] || { locale=$(ck_icu_locale); analyze=1; }
	ck_psql postgres -c "SET client_min_messages = error" -c "DROP DATABASE IF EXISTS $database" \
		-c "CREATE DATABASE $database TEMPLATE template0 ENCODING UTF8 $locale" &&
		PGOPTIONS="-c search_path=near,public" ck_psql "$database" -v source="$source" -c "CREATE SCHEMA near" \
			-f "$here/tables.sql" -f "$here/$source.near.sql" -f "$here/here.sql" -c "ANALYZE" &&
		PGOPTIONS="-c client_min_messages=warning" ck_psql "$database" -c "CREATE EXTENSION connkit CASCADE" &&
		at_$source "$database" &&
		ck_psql "$database" -At -v schema="$schema" -v analyze="$analyze" -f "$here/far.sql" &&
		touch "$work/$database.ready"
}
