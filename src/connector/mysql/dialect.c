/*
 * dialect.c: what may be sent to MySQL and MariaDB, how types map, and the queries on their catalogs.
 */
#include "session.h"

/*
 * Text is compared here by its bytes in UTF-8, there by a column's collation, which takes more for equal: case, accents,
 * trailing blanks. So a comparison has two parts: one by collation, which can use an index, and one by bytes. The source
 * refuses the first part where the column's character set lacks a character of the value; scan.c then leaves out what
 * stands between the two comments.
 */
#define INDEXED(x) HINT_BEGIN " " x " AND " HINT_END " "
#define BYTES(x) "CAST(CONVERT(" x " USING utf8mb4) AS BINARY)"

/* A YEAR is compared by rules of its own, unless it is made a number. */
#define NUMBER(x) "CAST(" x " AS SIGNED)"
#define IN_NUMBERS "(%1 IN (%2) AND " NUMBER("%1") " IN (%2))"

/* PostgreSQL has an error for a pattern that ends in a lone backslash. */
#define LIKE(operator) "(CONVERT(%1 USING utf8mb4) COLLATE utf8mb4_bin " operator \
	" CONVERT(%2 USING utf8mb4) ESCAPE '\\' OR RIGHT(%2, 1) = '\\')"

/* Dates that do not exist are read as NULL or an error, so they pass no filter. */
#define ZERO_DATE(x) "MONTH(" x ") * DAYOFMONTH(" x ") = 0"
#define REAL_DATE(x) "MONTH(" x ") * DAYOFMONTH(" x ") <> 0"
#define REAL_DATES "(%1 %o %2 AND " REAL_DATE("%1") " AND " REAL_DATE("%2") ")"

#define DATE_RULES(type) \
	{"<> < <= > >=", type "," type, REAL_DATES, CK_FILTER, CK_NO_LOCALE, "a zero date is NULL or an error here"}, \
	{"isnull", type, "(%1 IS NULL OR " ZERO_DATE("%1") ")", CK_FILTER, CK_NO_LOCALE, "a zero date may be NULL here"}, \
	{"notnull", type, "(%1 IS NOT NULL AND " REAL_DATE("%1") ")", CK_FILTER, CK_NO_LOCALE, "as above"}, \
	{"order", type, "IF(" ZERO_DATE("%1") ", NULL, %1)", CK_EXACT, CK_NO_LOCALE, "as above"}

/* An index on a column with fewer digits is searched for the value rounded, so = lets through too much. */
#define MOMENT_RULES(type) \
	DATE_RULES(type), \
	{"=", type "," type, NULL, CK_SUPERSET, CK_NO_LOCALE, "an index is searched for the value rounded"}, \
	{"in", type, NULL, CK_SUPERSET, CK_NO_LOCALE, "as above"}

/* With zero_date 'error' who sorts by a date reads it as well, so that the order of zero dates need not be right. */
static const CkSqlRule rules_without_zero_dates[] = {
	{"order", "date", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"order", "timestamp", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"order", "timestamptz", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{NULL}
};

static const CkSqlRule rules[] = {
	{"=", "int2,integer", "(%1 = %2 AND " NUMBER("%1") " = " NUMBER("%2") ")", CK_EXACT, CK_NO_LOCALE,
	"a smallint may be a YEAR, which equals 99 where it is 1999"},
	{"<> < <= > >=", "int2,integer", "(" NUMBER("%1") " %o " NUMBER("%2") ")", CK_EXACT, CK_NO_LOCALE, "as above"},
	{"= <> < <= > >=", "integer,int2", "(%1 %o " NUMBER("%2") ")", CK_EXACT, CK_NO_LOCALE, "as above"},
	{"= <> < <= > >=", "integer,integer", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"in", "int2", IN_NUMBERS, CK_EXACT, CK_NO_LOCALE, "as above"},
	{"in", "int4", IN_NUMBERS, CK_EXACT, CK_NO_LOCALE, "as above"},
	{"in", "int8", IN_NUMBERS, CK_EXACT, CK_NO_LOCALE, "as above"},
	{"keys", "integer", "%1 IN (%2)", CK_SUPERSET, CK_NO_LOCALE, "a list is searched by index, an OR of many is slow to plan"},
	{"order", "integer", NULL, CK_EXACT, CK_NO_LOCALE, NULL},

	{"= <> < <= > >=", "numeric,numeric", "(%1 %o CAST(%2 AS DECIMAL(65,30)))", CK_EXACT, CK_NO_LOCALE,
	"without the cast an index on an integer column is searched for the rounded value"},
	{"order", "numeric", NULL, CK_EXACT, CK_NO_LOCALE, NULL},

	{"=", "float,float", NULL, CK_SUPERSET, CK_NO_LOCALE, "an index is searched for the value rounded"},
	{"<> < <= > >=", "float,float", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"order", "float", NULL, CK_EXACT, CK_NO_LOCALE, NULL},

	{"bool", "bool", "(%1 <> 0)", CK_EXACT, CK_NO_LOCALE, "any number but 0 is true"},
	{"= <>", "bool,bool", "((%1 <> 0) %o (%2 <> 0))", CK_EXACT, CK_NO_LOCALE, NULL},
	{"order", "bool", "(%1 <> 0)", CK_EXACT, CK_NO_LOCALE, NULL},

	DATE_RULES("date"),
	{"=", "date,date", REAL_DATES, CK_FILTER, CK_NO_LOCALE, "a zero date is NULL or an error here"},
	{"in", "date", NULL, CK_SUPERSET, CK_NO_LOCALE, NULL},
	MOMENT_RULES("timestamp"),
	MOMENT_RULES("timestamptz"),
	{"= <> < <= > >=", "date,timestamp", NULL, CK_SUPERSET, CK_NO_LOCALE, NULL},
	{"= <> < <= > >=", "timestamp,date", NULL, CK_SUPERSET, CK_NO_LOCALE, NULL},

	{"=", "time,time", NULL, CK_SUPERSET, CK_NO_LOCALE, "an index is searched for the value rounded"},
	{"in", "time", NULL, CK_SUPERSET, CK_NO_LOCALE, NULL},
	{"<> < <= > >=", "time,time", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"order", "time", NULL, CK_EXACT, CK_NO_LOCALE, NULL},

	{"=", "text,text", "(" INDEXED("%1 = %2") BYTES("%1") " = " BYTES("%2") ")", CK_EXACT, CK_ANY_LOCALE,
	"by collation for an index, then by bytes"},
	{"in", "text", "(" INDEXED("%1 IN (%2)") BYTES("%1") " IN (%2))", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"keys", "text", "(" INDEXED("%1 IN (%2)") "1 = 1)", CK_SUPERSET, CK_ANY_LOCALE, "by collation"},
	{"<>", "text,text", "(" BYTES("%1") " <> " BYTES("%2") ")", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"< <= > >=", "text,text", "(" BYTES("%1") " %o " BYTES("%2") ")", CK_EXACT, CK_C_LOCALE, NULL},
	{"~~", "text,text", LIKE("LIKE"), CK_SUPERSET, CK_ANY_LOCALE,
	"never by index: MariaDB misses values with characters below the blank there"},
	{"!~~", "text,text", LIKE("NOT LIKE"), CK_SUPERSET, CK_ANY_LOCALE, NULL},

	{"=", "bpchar,bpchar",
		"(" INDEXED("%1 = RTRIM(%2)") BYTES("RTRIM(%1)") " = " BYTES("RTRIM(%2)") ")",
	CK_EXACT, CK_ANY_LOCALE, "trailing blanks do not count"},
	{"<>", "bpchar,bpchar", "(" BYTES("RTRIM(%1)") " <> " BYTES("RTRIM(%2)") ")", CK_EXACT, CK_ANY_LOCALE, NULL},

	{"= <> < <= > >=", "bytea,bytea", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"in", "bytea", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{NULL}
};

static const CkTypeRule types[] = {
	{"tinyint(1)", "smallint", "declare the column boolean to have it so: any number but 0 is true"},
	{"tinyint*", "smallint", NULL},
	{"smallint*unsigned*", "integer", NULL},
	{"smallint*", "smallint", NULL},
	{"mediumint*", "integer", NULL},
	{"int*unsigned*", "bigint", NULL},
	{"int*", "integer", NULL},
	{"bigint*unsigned*", "numeric(20)", NULL},
	{"bigint*", "bigint", NULL},
	{"year*", "smallint", "0000 is 0"},
	{"decimal(*)*", "numeric(%a)", NULL},
	{"decimal*", "numeric(10)", NULL},
	{"float*", "real", NULL},
	{"double*", "double precision", NULL},
	{"bit(1)", "boolean", NULL},
	{"bit(*)", "bit(%a)", NULL},
	{"date", "date", "see the option zero_date"},
	{"datetime(*)", "timestamp(%a)", "see the option zero_date"},
	{"datetime", "timestamp(0)", "see the option zero_date"},
	{"timestamp(*)", "timestamptz(%a)", "see the option zero_date"},
	{"timestamp", "timestamptz(0)", "see the option zero_date"},
	{"time(*)", "time(%a)", "an error below 0 or above 24 hours; declare the column interval for those"},
	{"time", "time(0)", "an error below 0 or above 24 hours; declare the column interval for those"},
	{"char(0)", "text", NULL},
	{"varchar(0)", "text", NULL},
	{"char(*)", "character(%a)", NULL},
	{"varchar(*)", "character varying(%a)", NULL},
	{"*text", "text", NULL},
	{"enum(*", "text", NULL},
	{"set(*", "text", "the members, divided by commas"},
	{"json", "jsonb", "MySQL keeps it in the same normal form; MariaDB's JSON is LONGTEXT"},
	{"uuid", "uuid", NULL},
	{"inet4", "inet", NULL},
	{"inet6", "inet", NULL},
	{"*binary(*)", "bytea", "BINARY comes padded with zero bytes"},
	{"*blob", "bytea", NULL},
	{"vector*", "bytea", "single floats, little-endian"},
	{"geom*", "bytea", "WKB; declare the column text, or PostGIS's geometry, for EWKB in hexadecimal digits"},
	{"*point", "bytea", "WKB, as geometry"},
	{"*linestring", "bytea", "WKB, as geometry"},
	{"*polygon", "bytea", "WKB, as geometry"},
	{"*", "text", NULL},
	{NULL}
};

#define NO_SYSTEM(column) \
	column " NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')"

const CkSql mysql_sql = {
	.quote = '`',
	.returning = CK_INSERT | CK_DELETE, /* at MariaDB, INSERT from 10.5 on */
	.assigns_in_turn = true,
	.row_lock = " FOR UPDATE",
	.default_row = "() VALUES ()",
	.literal_prefix = "",
	.sample = " WHERE RAND() < %f",
	.rules = rules,
	.limits = {
		.timestamp_min = INT64_C(-62135596800) * 1000000,	/* 0001-01-01 */
		.timestamp_max = INT64_C(253402300799) * 1000000 + 999999,	/* 9999-12-31 23:59:59.999999 */
		.numeric_digits = 35,
		.numeric_scale = 30,
	},
	.types = types,
	.tables =
		"SELECT table_schema AS a, table_name AS b,"
		" CASE WHEN table_type LIKE '%VIEW' THEN 'view' WHEN create_options LIKE '%partitioned%' THEN 'partitioned table'"
		" ELSE 'table' END AS c,"
		" CASE WHEN table_type LIKE '%VIEW' THEN NULL ELSE NULLIF(table_comment, '') END AS d,"
		" table_rows AS e, data_length AS f"
		" FROM information_schema.tables"
		" WHERE table_schema {schema} AND table_name {table} AND table_type <> 'SEQUENCE' AND " NO_SYSTEM("table_schema")
		" ORDER BY CAST(table_schema AS BINARY), CAST(table_name AS BINARY)",
	.columns =
		"SELECT table_schema AS a, table_name AS b, column_name AS c, ordinal_position AS d, column_type AS e,"
		" is_nullable = 'NO' AS f, NULLIF(column_default, 'NULL') AS g, NULLIF(generation_expression, '') AS h,"
		" NULLIF(column_comment, '') AS i, collation_name AS j"
		" FROM information_schema.columns"
		" WHERE table_schema {schema} AND table_name {table} AND " NO_SYSTEM("table_schema")
		" ORDER BY CAST(table_schema AS BINARY), CAST(table_name AS BINARY), ordinal_position",
	.keys =
		"SELECT k.table_schema AS a, k.table_name AS b, k.constraint_name AS c,"
		" CASE WHEN k.referenced_table_name IS NOT NULL THEN 'f' WHEN k.constraint_name = 'PRIMARY' THEN 'p' ELSE 'u' END"
		" AS d, k.ordinal_position AS e, k.column_name AS f, k.referenced_table_schema AS g,"
		" k.referenced_table_name AS h, k.referenced_column_name AS i"
		" FROM information_schema.key_column_usage k"
		" WHERE k.table_schema {schema} AND k.table_name {table} AND " NO_SYSTEM("k.table_schema")
		" ORDER BY CAST(k.table_schema AS BINARY), CAST(k.table_name AS BINARY), CAST(k.constraint_name AS BINARY), d, e",
	.indexes =
		"SELECT s.table_schema AS a, s.table_name AS b, s.index_name AS c, s.non_unique = 0 AS d, s.seq_in_index AS e,"
		" COALESCE(s.column_name, '(expression)') AS f, LOWER(s.index_type) AS g"
		" FROM information_schema.statistics s"
		" WHERE s.table_schema {schema} AND s.table_name {table} AND " NO_SYSTEM("s.table_schema")
		" ORDER BY CAST(s.table_schema AS BINARY), CAST(s.table_name AS BINARY), CAST(s.index_name AS BINARY), e",
	.default_schema = "SELECT DATABASE()",
};

const CkSql *
mysql_dialect(const void *parsed)
{
	static CkSql without_zero_dates;
	const MysqlOptions *options = parsed;

	if (strcmp(options->zero_date, "null") == 0)
		return &mysql_sql;
	if (without_zero_dates.rules == NULL)
	{
		without_zero_dates = mysql_sql;
		without_zero_dates.overrides = rules_without_zero_dates;
	}
	return &without_zero_dates;
}
