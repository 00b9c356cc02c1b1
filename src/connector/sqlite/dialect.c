/*
 * dialect.c: SQLite's SQL as data: what may be sent to it, its types, its catalog.
 *
 * A column of SQLite has an affinity and a collation that the rules do not know, and may hold values of any storage
 * class. value.c takes only what fits the local type; of all that it takes, a rule lets through every right row, whatever
 * the affinity and the collation, and keeps an index usable. In SQLite's order NULL comes before numbers, numbers before
 * texts (the least is ''), texts before blobs (the least is x'').
 */
#include "sqlite.h"

#define SECOND INT64_C(1000000)

#if SQLITE_VERSION_NUMBER >= 3035000
#define SQLITE_RETURNING (CK_INSERT | CK_UPDATE | CK_DELETE)
#else
#define SQLITE_RETURNING 0
#endif

/* Bounds of a number: wider than what is lost between decimals and doubles, and without any for decimals as text. */
#define LOW "CASE typeof(%2) WHEN 'text' THEN -9e999 ELSE min(%2 * 0.999999999999999, %2 * 1.000000000000001) END"
#define HIGH "CASE typeof(%2) WHEN 'text' THEN 9e999 ELSE max(%2 * 0.999999999999999, %2 * 1.000000000000001) END"

/* Bounds of the day that a time's text begins with; every text where it is no day of SQLite's. */
#define FROM(margin) "%1 >= coalesce(date(substr(%2, 1, 10), '-" margin " days'), '')"
#define TO(margin) "%1 < coalesce(date(substr(%2, 1, 10), '+" margin " days'), x'')"

/* What lets an index serve, and lets through too much; then what decides, by functions of typed.c. */
#define BOTH(indexed, exact) "(" indexed " AND " exact ")"
#define COMPARED(type, operator) "connkit_" type "(%1) " operator " connkit_"
#define MOMENTS(type1, type2, args) \
	{"=", args, BOTH(FROM("0") " AND " TO("1"), COMPARED(type1, "=") type2 "(%2)"), CK_EXACT, CK_NO_LOCALE, \
	"by days for an index, then as moments: one is written in many ways"}, \
	{"< <=", args, BOTH(TO("1"), COMPARED(type1, "%o") type2 "(%2)"), CK_EXACT}, \
	{"> >=", args, BOTH(FROM("0"), COMPARED(type1, "%o") type2 "(%2)"), CK_EXACT}, \
	{"<>", args, "(" COMPARED(type1, "<>") type2 "(%2))", CK_EXACT}

static const CkSqlRule rules[] = {
	/* CAST lends its affinity: in a column of texts they are compared as numbers. Equality is written both ways round, so that
	 * the index of either side serves a join, and what is no integer is none */
	{"=", "integer,integer", "(%1 = CAST(%2 AS INTEGER) AND %2 = CAST(%1 AS INTEGER))", CK_EXACT},
	{"<> < <= > >=", "integer,integer", BOTH("%1 %o CAST(%2 AS INTEGER)", "connkit_integer(%1) %o connkit_integer(%2)"), CK_EXACT,
	CK_NO_LOCALE, "what a column holds that is no integer is an error"},
	{"in", "integer", BOTH("(%1 IN (%2) OR %1 >= '')", "connkit_integer(%1) IN (%2)"), CK_EXACT},
	{"keys", "integer", "(%1 IN (%2) OR %1 >= '')", CK_SUPERSET},
	{"= <> < <= > >=", "float8,float8", BOTH("%1 %o CAST(%2 AS REAL)", "connkit_real(%1) %o connkit_real(%2)"), CK_EXACT,
	CK_NO_LOCALE, "what a column holds that is no number is an error"},
	{"=", "numeric,numeric", BOTH("(%1 BETWEEN " LOW " AND " HIGH " OR %1 >= '')", "connkit_compare(%1, %2) = 0"), CK_EXACT,
	CK_NO_LOCALE, "by doubles for an index, then as the decimals that they are read as"},
	{"< <=", "numeric,numeric", BOTH("(%1 <= " HIGH " OR %1 >= '')", "connkit_compare(%1, %2) %o 0"), CK_EXACT},
	{"> >=", "numeric,numeric", BOTH("(%1 >= " LOW " OR %1 >= '')", "connkit_compare(%1, %2) %o 0"), CK_EXACT},
	{"<>", "numeric,numeric", "(connkit_compare(%1, %2) <> 0)", CK_EXACT},
	/* "|| ''" makes a text of a number; numbers in %1 pass */
	{"=", "text,text", BOTH("(%1 = (%2 || '') OR %1 < '')", "connkit_text(%1) = connkit_text(%2)"), CK_EXACT, CK_ANY_LOCALE,
	"by the column's own collation for an index, then by bytes"},
	{"in", "text", BOTH("(%1 IN (%2) OR %1 < '')", "connkit_text(%1) IN (%2)"), CK_EXACT, CK_ANY_LOCALE},
	{"keys", "text", "(%1 IN (%2) OR %1 < '')", CK_SUPERSET, CK_ANY_LOCALE},
	{"<>", "text,text", "(connkit_text(%1) <> connkit_text(%2))", CK_EXACT, CK_ANY_LOCALE},
	/* what ends in char(1) is no number, even where the column would make one of it */
	{"< <=", "text,text", BOTH("%1 COLLATE BINARY < (%2 || char(1))", "connkit_text(%1) %o connkit_text(%2)"), CK_EXACT,
	CK_C_LOCALE},
	{"> >=", "text,text", BOTH("(%1 COLLATE BINARY %o (%2 || '') OR %1 < '')", "connkit_text(%1) %o connkit_text(%2)"), CK_EXACT,
	CK_C_LOCALE},
	{"~~", "text,pattern", "(connkit_like(%1, %2))", CK_EXACT, CK_ANY_LOCALE, "SQLite's own knows no case of ASCII"},
	{"!~~", "text,pattern", "(NOT connkit_like(%1, %2))", CK_EXACT, CK_ANY_LOCALE},
	{"=", "bytea,bytea", "(%1 = %2 OR %1 < x'')", CK_SUPERSET, CK_NO_LOCALE, "texts are taken for bytes too"},
	MOMENTS("date", "date", "date,date"),
	MOMENTS("date", "timestamp", "date,timestamp"),
	MOMENTS("timestamp", "date", "timestamp,date"),
	MOMENTS("timestamp", "timestamp", "timestamp,timestamp"),
	/* either side's offset may move its day by one */
	{"=", "timestamptz,timestamptz", BOTH(FROM("2") " AND " TO("3"), "connkit_timestamptz(%1) = connkit_timestamptz(%2)"),
	CK_EXACT},
	{"< <=", "timestamptz,timestamptz", BOTH(TO("3"), "connkit_timestamptz(%1) %o connkit_timestamptz(%2)"), CK_EXACT},
	{"> >=", "timestamptz,timestamptz", BOTH(FROM("2"), "connkit_timestamptz(%1) %o connkit_timestamptz(%2)"), CK_EXACT},
	{"<>", "timestamptz,timestamptz", "(connkit_timestamptz(%1) <> connkit_timestamptz(%2))", CK_EXACT},
	{"branch", "integer", "connkit_integer(%1)", CK_EXACT},
	{"branch", "text", "connkit_text(%1)", CK_EXACT},
	{"bool", "bool", "(%1 <> 0)", CK_SUPERSET, CK_NO_LOCALE, "texts such as 'f' pass"},

	/* equal values have equal keys, for what follows in the list; order.c shortens the keys where that does no harm */
	{"order", "integer", "CAST(%1 AS INTEGER)", CK_EXACT, CK_NO_LOCALE, "the column may be declared text"},
	{"order", "float8", NULL, CK_EXACT},
	{"order", "text", "CAST(%1 AS TEXT) COLLATE BINARY", CK_EXACT, CK_C_LOCALE, "numbers sort as the texts they are read as"},
	{"order", "date", "substr(%1, 1, 10) COLLATE BINARY", CK_EXACT},
	{"order", "timestamp", "substr(replace(rtrim(%1, 'Z'), 'T', ' ') || "
	"substr('0000-00-00 00:00:00.000000', length(rtrim(%1, 'Z')) + 1), 1, 26) COLLATE BINARY", CK_EXACT, CK_NO_LOCALE,
	"all ways to write a moment sort as one"},

	/* grouping. Times and booleans have many ways to be written, and decimals are doubles there: these are grouped and added
	 * here */
	{"group", "integer", "connkit_integer(%1)", CK_EXACT},
	{"group", "text", "connkit_text(%1)", CK_EXACT, CK_ANY_LOCALE, "by bytes"},
	{"count", "*", "count(%1)%w", CK_EXACT},
	{"count", "any", "count(%d%1)%w", CK_EXACT},
	{"sum", "int2", "sum(%dconnkit_integer(%1))%w", CK_EXACT},
	{"sum", "int4", "sum(%dconnkit_integer(%1))%w", CK_EXACT, CK_NO_LOCALE,
	"of bigint the sum might be larger than SQLite's integers are"},
	{"avg", "int2", "/", CK_EXACT, CK_NO_LOCALE, "SQLite's is a double"},
	{"avg", "int4", "/", CK_EXACT},
	{"min max", "integer", "%o(connkit_integer(%1))%w", CK_EXACT},
	{"min max", "text", "%o(connkit_text(%1))%w", CK_EXACT, CK_C_LOCALE},

	/* window functions, of values as they are stored; decimals would lack their last zeros */
	{"row_number rank dense_rank percent_rank cume_dist", "*", "%o()%w", CK_EXACT},
	{"ntile", "int4", "%o(%1)%w", CK_EXACT},
	{"lag lead first_value last_value", "anyelement", "%o(%1)%w", CK_EXACT},
	{"lag lead nth_value", "anyelement,int4", "%o(%1, %2)%w", CK_EXACT},
	{"lag lead", "anycompatible,int4,anycompatible", "%o(%1, %2, %3)%w", CK_EXACT},
	{"value", "float8", NULL, CK_EXACT},
	{"value", "bytea", NULL, CK_EXACT},
	{"value", "date", NULL, CK_EXACT},
	{"value", "time", NULL, CK_EXACT},
	{"value", "timestamp", NULL, CK_EXACT},
	{"value", "timestamptz", NULL, CK_EXACT},
	{"value", "bool", NULL, CK_EXACT},
	{NULL}
};

/* SQLite keeps any declared type and enforces none: no length, no scale. */
static const CkTypeRule types[] = {
	{"bool*", "boolean", "0 is false, any other integer true; 't', 'no' and what else boolean takes as text"},
	{"*point*", "text"},
	{"interval*", "text"},
	{"*int*", "bigint"},
	{"*char*", "text", "SQLite enforces no length"},
	{"*clob*", "text"},
	{"*text*", "text"},
	{"*blob*", "bytea", "texts are taken too, as their bytes in UTF-8"},
	{"*binary*", "bytea"},
	{"*real*", "double precision"},
	{"*floa*", "double precision"},
	{"*doub*", "double precision"},
	{"decimal*", "numeric", "SQLite holds a double where the number is not an integer, and enforces no scale"},
	{"numeric*", "numeric"},
	{"number*", "numeric"},
	{"money*", "numeric"},
	{"date", "date", "as text, YYYY-MM-DD"},
	{"timestamptz*", "timestamp with time zone", "as text; without an offset it is UTC"},
	{"timestamp*with time zone", "timestamp with time zone"},
	{"timestamp*without time zone", "timestamp"},
	{"timestamp*", "timestamp", "as text, YYYY-MM-DD HH:MM:SS.fraction or with a T; less than a microsecond is left out"},
	{"datetime*", "timestamp"},
	{"time", "time", "as text, in any form that PostgreSQL reads"},
	{"json*", "jsonb", "as text"},
	{"uuid", "uuid", "as text"},
	{"*", "text", "also columns without a type, as of views: numbers are written as SQLite writes them"},
	{NULL}
};

const CkSql sqlite_dialect = {
	.quote = '`',				/* what stands in " is a string, where there is no such column */
	.nulls_order = true,
	.careful = &sqlite_careful,
	.ordered_join = "CROSS JOIN",
	.no_schema = true,
	.windows = CK_WINDOWS | CK_WINDOW_GROUPS | CK_WINDOW_EXCLUDE | CK_WINDOW_RANGE | CK_WINDOW_AHEAD | CK_WINDOW_EMPTY |
		CK_WINDOW_BESIDE,
	.returning = SQLITE_RETURNING,
	.max_args = 32766,
	.on_conflict = true,
	.assigns_args = true,
	.literal_prefix = "",
	.sample = " WHERE abs(random() % 1000000) < 1000000 * %f",
	.rules = rules,
	.limits = {
		.timestamp_min = -62135510400 * SECOND, /* 0001-01-02 */
		.timestamp_max = 253370678400 * SECOND, /* 9998-12-31 */
		.numeric_digits = 15,
		.numeric_scale = 100
	},
	.types = types,
	.tables =
	"SELECT 'main', m.name, m.type, NULL, CASE m.type WHEN 'table' THEN connkit_rows(m.name) END, NULL "
	"FROM sqlite_master m "
	"WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite^_%' ESCAPE '^' "
	"AND 'main' {schema} AND m.name {table} "
	"AND connkit_readable(m.name) "
	"ORDER BY 2",
	/* an INTEGER PRIMARY KEY that is the rowid is never NULL, other keys may be; hidden columns are a virtual table's */
	.columns =
	"SELECT 'main', m.name, c.name, c.cid + 1, c.type, c.\"notnull\" OR (c.pk > 0 AND m.type = 'table' AND "
	"NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) WHERE origin = 'pk')), c.dflt_value, NULL, NULL, NULL "
	"FROM sqlite_master m, pragma_table_xinfo(m.name) c "
	"WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite^_%' ESCAPE '^' "
	"AND 'main' {schema} AND m.name {table} "
	"AND connkit_readable(m.name) AND c.hidden <> 1 "
	"ORDER BY 2, 4",
	.keys =
	"WITH t AS (SELECT m.name FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite^_%' ESCAPE '^' "
	"AND 'main' {schema} AND m.name {table} AND connkit_readable(m.name)) "
	"SELECT 'main', t.name, t.name || '_pkey', 'p', c.pk, c.name, NULL, NULL, NULL "
	"FROM t, pragma_table_xinfo(t.name) c WHERE c.pk > 0 "
	"UNION ALL "
	"SELECT 'main', t.name, i.name, 'u', c.seqno + 1, c.name, NULL, NULL, NULL "
	"FROM t, pragma_index_list(t.name) i, pragma_index_info(i.name) c WHERE i.origin = 'u' "
	"UNION ALL "
	"SELECT 'main', t.name, t.name || '_fkey' || (f.id + 1), 'f', f.seq + 1, f.\"from\", 'main', f.\"table\", "
	"coalesce(f.\"to\", (SELECT r.name FROM pragma_table_info(f.\"table\") r WHERE r.pk = f.seq + 1)) "
	"FROM t, pragma_foreign_key_list(t.name) f "
	"ORDER BY 2, 3, 5",
	.indexes =
	"SELECT 'main', m.name, i.name, i.\"unique\", c.seqno + 1, coalesce(c.name, 'an expression'), 'btree' "
	"FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) c "
	"WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite^_%' ESCAPE '^' "
	"AND 'main' {schema} AND m.name {table} "
	"AND connkit_readable(m.name) AND c.key "
	"ORDER BY 2, 3, 5",
	.default_schema = "SELECT 'main'",
};
