/*
 * careful.c: SQLite's SQL for a reader that puts aside what fits no type, and so has to see it: a condition lets through the rows
 * whose values do not fit, an order takes them as they come, and neither fails for one.
 */
#include "sqlite.h"

#define SECOND INT64_C(1000000)

/* Bounds of a number: wider than what is lost between decimals and doubles, and without any for decimals as text. */
#define LOW "CASE typeof(%2) WHEN 'text' THEN -9e999 ELSE min(%2 * 0.999999999999999, %2 * 1.000000000000001) END"
#define HIGH "CASE typeof(%2) WHEN 'text' THEN 9e999 ELSE max(%2 * 0.999999999999999, %2 * 1.000000000000001) END"

/* Bounds of the day that a time's text begins with; every text where it is no day of SQLite's. */
#define FROM(margin) "%1 >= coalesce(date(substr(%2, 1, 10), '-" margin " days'), '')"
#define TO(margin) "%1 < coalesce(date(substr(%2, 1, 10), '+" margin " days'), x'')"

static const CkSqlRule rules[] = {
	/* CAST lends its affinity: in a column of texts they are compared as numbers. Equality is written both ways round, so that
	 * the index of either side serves a join */
	{"=", "integer,integer", "(%1 = CAST(%2 AS INTEGER) AND %2 = CAST(%1 AS INTEGER))", CK_SUPERSET, CK_NO_LOCALE,
	"a column may hold other than integers, which are an error when they are read"},
	{"<> < <= > >=", "integer,integer", "(%1 %o CAST(%2 AS INTEGER))", CK_SUPERSET},
	{"in", "integer", "(%1 IN (%2) OR %1 >= '')", CK_SUPERSET},
	{"= <> < <= > >=", "float8,float8", "(%1 %o CAST(%2 AS REAL))", CK_SUPERSET, CK_NO_LOCALE,
	"a column may hold other than numbers, which are an error when they are read"},
	{"=", "numeric,numeric", "(%1 BETWEEN " LOW " AND " HIGH " OR %1 >= '')", CK_SUPERSET, CK_NO_LOCALE,
	"SQLite compares doubles, within which decimals round; texts are compared here"},
	{"< <=", "numeric,numeric", "(%1 <= " HIGH " OR %1 >= '')", CK_SUPERSET},
	{"> >=", "numeric,numeric", "(%1 >= " LOW " OR %1 >= '')", CK_SUPERSET},
	/* "|| ''" makes a text of a number; numbers in %1 pass */
	{"=", "text,text", "(%1 = (%2 || '') OR %1 < '')", CK_SUPERSET, CK_ANY_LOCALE,
	"the column's own collation may be NOCASE or RTRIM"},
	{"in", "text", "(%1 IN (%2) OR %1 < '')", CK_SUPERSET, CK_ANY_LOCALE},
	{"<>", "text,text", "(%1 COLLATE BINARY <> (%2 || '') OR %1 < '')", CK_SUPERSET, CK_ANY_LOCALE},
	/* what ends in char(1) is no number, even where the column would make one of it */
	{"< <=", "text,text", "(%1 COLLATE BINARY < (%2 || char(1)))", CK_SUPERSET, CK_C_LOCALE},
	{"> >=", "text,text", "(%1 COLLATE BINARY %o (%2 || '') OR %1 < '')", CK_SUPERSET, CK_C_LOCALE},
	{"=", "bytea,bytea", "(%1 = %2 OR %1 < x'')", CK_SUPERSET, CK_NO_LOCALE, "texts are taken for bytes too"},
	{"=", "date,date", "(" FROM("0") " AND " TO("1") ")", CK_SUPERSET, CK_NO_LOCALE,
	"a day may be written with 00:00 behind it"},
	{"< <=", "date,date", "(" TO("1") ")", CK_SUPERSET},
	{"> >=", "date,date", "(" FROM("0") ")", CK_SUPERSET},
	{"=", "date,timestamp", "(" FROM("0") " AND " TO("1") ")", CK_SUPERSET},
	{"< <=", "date,timestamp", "(" TO("1") ")", CK_SUPERSET},
	{"> >=", "date,timestamp", "(" FROM("0") ")", CK_SUPERSET},
	{"=", "timestamp,date", "(" FROM("0") " AND " TO("1") ")", CK_SUPERSET},
	{"< <=", "timestamp,date", "(" TO("1") ")", CK_SUPERSET},
	{"> >=", "timestamp,date", "(" FROM("0") ")", CK_SUPERSET},
	{"=", "timestamp,timestamp", "(" FROM("0") " AND " TO("1") ")", CK_SUPERSET, CK_NO_LOCALE,
	"one moment is written in many ways: the source compares days"},
	{"< <=", "timestamp,timestamp", "(" TO("1") ")", CK_SUPERSET},
	{"> >=", "timestamp,timestamp", "(" FROM("0") ")", CK_SUPERSET},
	/* either side's offset may move its day by one */
	{"=", "timestamptz,timestamptz", "(" FROM("2") " AND " TO("3") ")", CK_SUPERSET},
	{"< <=", "timestamptz,timestamptz", "(" TO("3") ")", CK_SUPERSET},
	{"> >=", "timestamptz,timestamptz", "(" FROM("2") ")", CK_SUPERSET},
	{"bool", "bool", "(%1 <> 0)", CK_SUPERSET, CK_NO_LOCALE, "texts such as 'f' pass"},

	/* equal values have equal keys, for what follows in the list; order.c shortens the keys where that does no harm */
	{"order", "integer", "CAST(%1 AS INTEGER)", CK_EXACT, CK_NO_LOCALE, "the column may be declared text"},
	{"order", "float8", NULL, CK_EXACT},
	{"order", "text", "CAST(%1 AS TEXT) COLLATE BINARY", CK_EXACT, CK_C_LOCALE, "numbers sort as the texts they are read as"},
	{"order", "date", "substr(%1, 1, 10) COLLATE BINARY", CK_EXACT},
	{"order", "timestamp", "substr(replace(rtrim(%1, 'Z'), 'T', ' ') || "
	"substr('0000-00-00 00:00:00.000000', length(rtrim(%1, 'Z')) + 1), 1, 26) COLLATE BINARY", CK_EXACT, CK_NO_LOCALE,
	"all ways to write a moment sort as one"},
	{NULL}
};

const CkSql sqlite_careful = {
	.quote = '`',
	.nulls_order = true,
	.no_schema = true,
	.max_args = 32766,
	.literal_prefix = "",
	.rules = rules,
	.limits = {
		.timestamp_min = -62135510400 * SECOND, /* 0001-01-02 */
		.timestamp_max = 253370678400 * SECOND, /* 9998-12-31 */
		.numeric_digits = 15,
		.numeric_scale = 100
	}
};
