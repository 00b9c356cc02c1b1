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

/* Text by its characters, whatever the column's character set and collation are. */
#define BIN(x) "CONVERT(" x " USING utf8mb4) COLLATE utf8mb4_bin"
#define LIKE(operator) BIN("%1") " " operator " " BIN("%2") " ESCAPE '\\'"
/* PostgreSQL has an error for a pattern that ends in a lone backslash, if it comes so far. */
#define LIKE_ANY(operator) "(" LIKE(operator) " OR RIGHT(%2, 1) = '\\')"

/*
 * Integers are computed in eight bytes, whose overflow is an error. What belongs into two or four bytes is shifted to both ends
 * of these and back, and so an error where it does not fit.
 */
#define SHIFTED(x, shift) "(" x " + " shift " - " shift " - " shift " + " shift ")"
#define FIT_INT2(x) SHIFTED(x, "9223372036854743040")
#define FIT_INT4(x) SHIFTED(x, "9223372034707292160")
#define FIT_INT8(x) "(" x ")"
/* An error, where x is not below 0. */
#define ERROR_AT(x) x " + 9223372036854775807 + 1"
#define CHECKED(operator) "IF(" NUMBER("%2") " = 0 AND %1 IS NOT NULL, " ERROR_AT(NUMBER("%2")) ", " \
	NUMBER("%1") " " operator " " NUMBER("%2") ")"

#define DIFFERENCE "IF(" NUMBER("%2") " = -9223372036854775807 - 1 AND %1 >= 0, " ERROR_AT(NUMBER("%1")) ", " \
	NUMBER("%1") " - " NUMBER("%2") ")"

#define INTEGER_RULES(args, fit) \
	{"+ *", args, fit(NUMBER("%1") " %o " NUMBER("%2")), CK_EXACT, CK_NO_LOCALE, "what overflows is an error, as here", true}, \
	{"-", args, fit(DIFFERENCE), CK_EXACT, CK_NO_LOCALE, "as above; but MariaDB misses it where nothing is taken from", true}, \
	{"/ div", args, fit(CHECKED("DIV")), CK_EXACT, CK_NO_LOCALE, "division by zero is an error, as here", true}, \
	{"% mod", args, fit(CHECKED("%%")), CK_EXACT, CK_NO_LOCALE, "as above", true}, \
	{"& |", args, "CAST(" NUMBER("%1") " %o " NUMBER("%2") " AS SIGNED)", CK_EXACT, CK_NO_LOCALE, NULL}, \
	{"#", args, "CAST(" NUMBER("%1") " ^ " NUMBER("%2") " AS SIGNED)", CK_EXACT, CK_NO_LOCALE, NULL}
#define INTEGER_RULES_OF_ONE(type, fit) \
	{"-", type, fit("- " NUMBER("%1")), CK_EXACT, CK_NO_LOCALE, "what overflows is an error, as here", true}, \
	{"@ abs", type, fit("ABS(" NUMBER("%1") ")"), CK_EXACT, CK_NO_LOCALE, "as above", true}, \
	{"~", type, "CAST(~ " NUMBER("%1") " AS SIGNED)", CK_EXACT, CK_NO_LOCALE, NULL}

/* A column may be of another type there: BIGINT UNSIGNED, or a float. */
#define DECIMAL(x) "CAST(%" x " AS DECIMAL(%n" x "))"

/* Dates that do not exist are read as NULL or an error, so they pass no filter. */
#define ZERO(x) "MONTH(" x ") * DAYOFMONTH(" x ")"
#define ZERO_DATE(x) ZERO(x) " = 0"
#define REAL_DATE(x) ZERO(x) " <> 0"
#define REAL_DATES "(%1 %o %2 AND " REAL_DATE("%1") " AND " REAL_DATE("%2") ")"

#define REAL(x) "IF(" ZERO_DATE(x) ", NULL, " x ")"

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

/* What is made of a date that does not exist: zero of them is 0 there. */
#define NULL_THERE(zero) "NULL"
#define OF_DATE(x, no_date) "IF(" ZERO_DATE("%2") ", " no_date(ZERO("%2")) ", " x ")"
#define FIELD(field, type, x, no_date) \
	{"extract date_part", "'" field "'," type, OF_DATE(x, no_date), CK_EXACT, CK_NO_LOCALE, NULL}
#define FIELDS_OF_DAY(type, no_date) \
	FIELD("year", type, "YEAR(%2)", no_date), \
	FIELD("month", type, "MONTH(%2)", no_date), \
	FIELD("day", type, "DAYOFMONTH(%2)", no_date), \
	FIELD("quarter", type, "QUARTER(%2)", no_date), \
	FIELD("doy", type, "DAYOFYEAR(%2)", no_date), \
	FIELD("dow", type, "(DAYOFWEEK(%2) - 1)", no_date), \
	FIELD("isodow", type, "(WEEKDAY(%2) + 1)", no_date)
#define RULES_OF_DATES(no_date, date) \
	FIELDS_OF_DAY("date", no_date), \
	FIELDS_OF_DAY("timestamp", no_date), \
	FIELD("hour", "timestamp", "HOUR(%2)", no_date), \
	FIELD("minute", "timestamp", "MINUTE(%2)", no_date), \
	{"-", "date,date", "IF(" ZERO_DATE("%1") " OR " ZERO_DATE("%2") ", " no_date(ZERO("%1") " * " ZERO("%2")) \
	", DATEDIFF(%1, %2))", CK_EXACT, CK_NO_LOCALE, NULL}, \
	{"branch", "date", date, CK_EXACT, CK_NO_LOCALE, "a zero date is NULL or an error here"}, \
	{"branch", "timestamp", date, CK_EXACT, CK_NO_LOCALE, "as above"}, \
	{"branch", "timestamptz", date, CK_EXACT, CK_NO_LOCALE, "as above"}

/* With zero_date 'error' who sorts by a date reads it as well, so that the order of zero dates need not be right. */
static const CkSqlRule rules_without_zero_dates[] = {
	{"order", "date", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"order", "timestamp", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"order", "timestamptz", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	RULES_OF_DATES(ERROR_AT, NULL),
	{"group", "date", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"group", "timestamp", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"group", "timestamptz", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
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
	INTEGER_RULES("int2,int2", FIT_INT2),
	INTEGER_RULES("int2,int4", FIT_INT4),
	INTEGER_RULES("int4,int2", FIT_INT4),
	INTEGER_RULES("int4,int4", FIT_INT4),
	INTEGER_RULES("int8,integer", FIT_INT8),
	INTEGER_RULES("integer,int8", FIT_INT8),
	INTEGER_RULES_OF_ONE("int2", FIT_INT2),
	INTEGER_RULES_OF_ONE("int4", FIT_INT4),
	INTEGER_RULES_OF_ONE("int8", FIT_INT8),
	{"cast", "int2,int4", NUMBER("%1"), CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "int2,int8", NUMBER("%1"), CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "int4,int8", NUMBER("%1"), CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "int4,int2", FIT_INT2(NUMBER("%1")), CK_EXACT, CK_NO_LOCALE, "what does not fit is an error, as here", true},
	{"cast", "int8,int2", FIT_INT2(NUMBER("%1")), CK_EXACT, CK_NO_LOCALE, "what does not fit is an error, as here", true},
	{"cast", "int8,int4", FIT_INT4(NUMBER("%1")), CK_EXACT, CK_NO_LOCALE, "what does not fit is an error, as here", true},
	{"cast", "integer,numeric", "CAST(%1 AS DECIMAL(20,0))", CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "integer,float8", "(" NUMBER("%1") " + 0e0)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "integer,text", "CAST(" NUMBER("%1") " AS CHAR)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"branch", "integer", NUMBER("%1"), CK_EXACT, CK_NO_LOCALE, NULL},

	{"= <> < <= > >=", "numeric,numeric", "(%1 %o CAST(%2 AS DECIMAL(65,30)))", CK_EXACT, CK_NO_LOCALE,
	"without the cast an index on an integer column is searched for the rounded value"},
	{"order", "numeric", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"+ - *", "numeric,numeric", "(" DECIMAL("1") " %o %2)", CK_EXACT, CK_NO_LOCALE,
	"where the declared types show that the result has at most 35 digits before the point and 30 behind it"},
	{"-", "numeric", "(- " DECIMAL("1") ")", CK_EXACT, CK_NO_LOCALE, NULL},
	{"@ abs", "numeric", "ABS(%1)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"ceil ceiling floor", "numeric", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"sign", "numeric", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"round", "numeric,0", "ROUND(%1)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"trunc", "numeric,0", "TRUNCATE(%1, 0)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"branch", "numeric", DECIMAL("1"), CK_EXACT, CK_NO_LOCALE,
	"where their digits are known; not grouped by where some have fewer than others behind the point, which are filled up there"},

	{"=", "float,float", NULL, CK_SUPERSET, CK_NO_LOCALE, "an index is searched for the value rounded"},
	{"<> < <= > >=", "float,float", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"order", "float", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"+ -", "float8,float8", NULL, CK_EXACT, CK_NO_LOCALE, "products are 0 there where they are an error here", true},
	{"@ abs", "float8", "ABS(%1)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "float4,float8", "(%1 + 0e0)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"branch", "float8", NULL, CK_EXACT, CK_NO_LOCALE, NULL},

	{"bool", "bool", "(%1 <> 0)", CK_EXACT, CK_NO_LOCALE, "any number but 0 is true"},
	{"= <>", "bool,bool", "((%1 <> 0) %o (%2 <> 0))", CK_EXACT, CK_NO_LOCALE, NULL},
	{"order", "bool", "(%1 <> 0)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"branch", "bool", "(%1 <> 0)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "bool,int4", "(%1 <> 0)", CK_EXACT, CK_NO_LOCALE, NULL},

	DATE_RULES("date"),
	{"=", "date,date", REAL_DATES, CK_FILTER, CK_NO_LOCALE, "a zero date is NULL or an error here"},
	{"in", "date", NULL, CK_SUPERSET, CK_NO_LOCALE, NULL},
	MOMENT_RULES("timestamp"),
	MOMENT_RULES("timestamptz"),
	RULES_OF_DATES(NULL_THERE, "IF(" ZERO_DATE("%1") ", NULL, %1)"),
	{"cast", "date,timestamp", "CAST(%1 AS DATETIME(6))", CK_EXACT, CK_NO_LOCALE, NULL},
	{"= <> < <= > >=", "date,timestamp", "(%1 %o %2 AND CAST(%1 AS DATETIME(6)) %o %2 AND " REAL_DATE("%1") " AND "
	REAL_DATE("%2") ")", CK_FILTER, CK_NO_LOCALE, "by index, which is searched for the day, then by the moment"},
	{"= <> < <= > >=", "timestamp,date", "(%1 %o %2 AND %1 %o CAST(%2 AS DATETIME(6)) AND " REAL_DATE("%1") " AND "
	REAL_DATE("%2") ")", CK_FILTER, CK_NO_LOCALE, "as above"},

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
	{"~~", "text,pattern", "(" LIKE("LIKE") ")", CK_EXACT, CK_ANY_LOCALE,
	"never by index: MariaDB misses values with characters below the blank there"},
	{"!~~", "text,pattern", "(" LIKE("NOT LIKE") ")", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"~~", "text,text", LIKE_ANY("LIKE"), CK_SUPERSET, CK_ANY_LOCALE,
	"a pattern that ends in a lone backslash is an error here"},
	{"!~~", "text,text", LIKE_ANY("NOT LIKE"), CK_SUPERSET, CK_ANY_LOCALE, NULL},
	{"length char_length character_length", "text", "CHAR_LENGTH(%1)", CK_EXACT, CK_NO_LOCALE, "characters"},
	{"substr substring", "text,int4", "SUBSTRING(%1, GREATEST(%2, 1))", CK_EXACT, CK_NO_LOCALE,
	"a position before the first character counts from the end there"},
	{"substr substring", "text,int4,int4",
		"SUBSTRING(%1, GREATEST(%2, 1), GREATEST(%2 + %3 - GREATEST(%2, 1), 0) + "
		"IF(%3 < 0 AND %1 IS NOT NULL AND %2 IS NOT NULL, 9223372036854775807 - %3, 0))", CK_EXACT, CK_NO_LOCALE,
	"as above; a negative length is an error, as here", true},
	{"left", "text,int4", "LEFT(%1, IF(%2 < 0, GREATEST(CHAR_LENGTH(%1) + %2, 0), %2))", CK_EXACT, CK_NO_LOCALE,
	"all but the last characters where the number is negative"},
	{"right", "text,int4", "RIGHT(%1, IF(%2 < 0, GREATEST(CHAR_LENGTH(%1) + %2, 0), %2))", CK_EXACT, CK_NO_LOCALE, NULL},
	{"btrim", "text", "TRIM(%1)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"ltrim rtrim", "text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"reverse", "text", "REVERSE(" BIN("%1") ")", CK_EXACT, CK_NO_LOCALE, NULL},
	{"strpos position", "text,text", "LOCATE(" BIN("%2") ", " BIN("%1") ")", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"starts_with ^@", "text,text", "(LOCATE(" BIN("%2") ", " BIN("%1") ") = 1)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"branch", "text", BIN("%1"), CK_EXACT, CK_NO_LOCALE, "their collations might conflict"},
	{"cast", "bpchar,text", "RTRIM(%1)", CK_EXACT, CK_NO_LOCALE, "trailing blanks do not count"},

	{"=", "bpchar,bpchar",
		"(" INDEXED("%1 = RTRIM(%2)") BYTES("RTRIM(%1)") " = " BYTES("RTRIM(%2)") ")",
	CK_EXACT, CK_ANY_LOCALE, "trailing blanks do not count"},
	{"<>", "bpchar,bpchar", "(" BYTES("RTRIM(%1)") " <> " BYTES("RTRIM(%2)") ")", CK_EXACT, CK_ANY_LOCALE, NULL},

	{"= <> < <= > >=", "bytea,bytea", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"in", "bytea", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"length octet_length", "bytea", "LENGTH(%1)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"branch", "bytea", NULL, CK_EXACT, CK_NO_LOCALE, NULL},

	/* grouping; floats are not grouped by, of which 0 and -0 are two there, and bytes, which are cut when they are sorted */
	{"group", "integer", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"group", "numeric", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"group", "bool", "(%1 <> 0)", CK_EXACT, CK_NO_LOCALE, "any number but 0 is true"},
	{"group", "date", REAL("%1"), CK_EXACT, CK_NO_LOCALE, "a zero date is NULL here"},
	{"group", "timestamp", REAL("%1"), CK_EXACT, CK_NO_LOCALE, "as above"},
	{"group", "timestamptz", REAL("%1"), CK_EXACT, CK_NO_LOCALE, "as above"},
	{"group", "time", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"group", "text", BYTES("%1"), CK_EXACT, CK_ANY_LOCALE, "by bytes"},
	{"groupby", "text", "IF(CHAR_LENGTH(%1) > 250, SHA2(CONVERT(%1 USING utf8mb4), 256), '')", CK_EXACT, CK_ANY_LOCALE,
	"of a key that is sorted by, the first 1024 bytes count (max_sort_length)"},
	{"group", "bpchar", BYTES("RTRIM(%1)"), CK_EXACT, CK_ANY_LOCALE, "trailing blanks do not count"},
	{"count", "*", "COUNT(%1)%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"count", "any", "COUNT(%d%1)%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"sum", "integer", "SUM(%d%1)%w", CK_EXACT, CK_NO_LOCALE, "it is decimal there; of floats it would depend on the order"},
	{"sum", "numeric", "SUM(%d" DECIMAL("1") ")%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"avg", "integer", "/", CK_EXACT, CK_NO_LOCALE, "AVG has four digits more than its argument"},
	{"avg", "numeric", "/", CK_EXACT, CK_NO_LOCALE, "as above"},
	{"min max", "integer", "%o(%1)%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"min max", "numeric", "%o(%1)%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"min max", "time", "%o(%1)%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"min max", "date", "%o(" REAL("%1") ")%w", CK_EXACT, CK_NO_LOCALE, "a zero date is NULL here"},
	{"min max", "timestamp", "%o(" REAL("%1") ")%w", CK_EXACT, CK_NO_LOCALE, "as above"},
	{"min max", "timestamptz", "%o(" REAL("%1") ")%w", CK_EXACT, CK_NO_LOCALE, "as above"},
	{"min max", "text", "%o(" BYTES("%1") ")%w", CK_EXACT, CK_C_LOCALE, "by bytes"},
	{"bit_and bit_or bit_xor", "integer", "IF(COUNT(%1) = 0, NULL, CAST(%o(" NUMBER("%1") ") AS SIGNED))", CK_EXACT, CK_NO_LOCALE,
	"of no values it is 0, or all ones, there"},
	{"string_agg", "text,text", "GROUP_CONCAT(%d" BYTES("%1") "%b SEPARATOR x'%h2')", CK_EXACT, CK_NO_LOCALE,
	"with ORDER BY; a value that the source has cut is an error"},
	{"string_agg", "bytea,bytea", "GROUP_CONCAT(%d%1%b SEPARATOR x'%h2')", CK_EXACT, CK_NO_LOCALE, "as above"},
	{"aggorder", "text", BYTES("%1"), CK_EXACT, CK_C_LOCALE, "by bytes; max_sort_length does not count there"},
	{"aggorder", "bytea", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"bool_and every", "bool", "MIN(%1 <> 0)%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"bool_or", "bool", "MAX(%1 <> 0)%w", CK_EXACT, CK_NO_LOCALE, NULL},

	/* window functions; PERCENT_RANK and CUME_DIST have ten digits at MariaDB, where LAG and LEAD take no third argument */
	{"row_number rank dense_rank", "*", "%o()%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"ntile", "int4", "%o(%1)%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"lag lead first_value last_value", "anyelement", "%o(%1)%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"lag lead nth_value", "anyelement,int4", "%o(%1, %2)%w", CK_EXACT, CK_NO_LOCALE, NULL},
	{"value", "float8", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"value", "bytea", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
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
	/* how few rows a HAVING leaves is not known there, and the rows around are looked at first */
	.derived_alone = true,
	.ordered_join = "STRAIGHT_JOIN",
	.unindexed = "COALESCE(%1)",
	.returning = CK_INSERT | CK_DELETE, /* at MariaDB, INSERT from 10.5 on */
	.assigns_in_turn = true,
	/* MariaDB adds up rows of an empty frame, and loses the order of three windows one of which is of all rows; an unsigned
	 * number less a distance is an error; MySQL loses the first row's maximum in frames ahead (its bug 117072) */
	.windows = CK_WINDOWS,
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
mysql_dialect(const CkConnector *connector, const void *parsed, const char *schema_name, const char *table_name)
{
	static CkSql variants[2][2];
	const MysqlOptions *options = parsed;
	bool		zero_dates = strcmp(options->zero_date, "null") == 0;
	CkSql	   *variant = &variants[zero_dates][options->window_functions];

	(void) connector;
	(void) schema_name;
	(void) table_name;
	if (variant->rules == NULL)
	{
		*variant = mysql_sql;
		if (!zero_dates)
			variant->overrides = rules_without_zero_dates;
		if (!options->window_functions)
			variant->windows = 0;
	}
	return variant;
}
