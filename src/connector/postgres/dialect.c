/*
 * dialect.c: what the core has to know of PostgreSQL as a source: what may be sent, types, catalog queries.
 */
#include "postgres.h"

/* Up to 13 extract() yields double precision, whose digits do for these. */
#define FIELD_OF(field, type) \
	{"extract", "'" field "', " type, "EXTRACT(" field " FROM %2)::numeric", CK_EXACT, CK_NO_LOCALE, NULL}
#define FIELD_OF_TIME(field) FIELD_OF(field, "timestamp"), FIELD_OF(field, "interval"), FIELD_OF(field, "time")
#define FIELD(field) FIELD_OF(field, "date"), FIELD_OF(field, "timestamp")

/*
 * What has no collation needs no rule. Text is compared at the source by the column's own collation unless told
 * otherwise, and that may be one that the local server does not have: it is told to compare bytes.
 */
static const CkSqlRule postgres_rules[] = {
	{"=", "text, text", "(%1 = %2 AND %1 COLLATE \"C\" = %2)", CK_EXACT, CK_ANY_LOCALE,
	"the first part finds an index of the column's collation, the second is exact where that collation takes different "
	"strings for equal; where the column has the default collation here, or C, it is compared with a value by that alone"},
	{"=", "bpchar, bpchar", "(%1 = %2 AND %1 COLLATE \"C\" = %2)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"<>", "text, text", "(%1 COLLATE \"C\" <> %2)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"<>", "bpchar, bpchar", "(%1 COLLATE \"C\" <> %2)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"< <= > >=", "text, text", "(%1 COLLATE \"C\" %o %2)", CK_EXACT, CK_C_LOCALE, NULL},
	{"< <= > >=", "bpchar, bpchar", "(%1 COLLATE \"C\" %o %2)", CK_EXACT, CK_C_LOCALE, NULL},
	{"order", "text", "%1 COLLATE \"C\"", CK_EXACT, CK_C_LOCALE, NULL},
	{"order", "bpchar", "%1 COLLATE \"C\"", CK_EXACT, CK_C_LOCALE, NULL},
	{"in", "text", "(%1 IN (%2) AND %1 COLLATE \"C\" IN (%2))", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"in", "bpchar", "(%1 IN (%2) AND %1 COLLATE \"C\" IN (%2))", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"~~ !~~", "text, text", "(%1 COLLATE \"default\" %o %2 COLLATE \"default\")", CK_EXACT, CK_ANY_LOCALE,
	"LIKE compares characters, in every deterministic collation the same, as the default one of a database is; ILIKE and "
	"regular expressions do not"},
	{"^@", "text, text", "(%1 COLLATE \"C\" %o %2)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"starts_with", "text, text", "starts_with(%1 COLLATE \"C\", %2)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"@> <@ &&", "anyarray, anyarray", "(%1 %o %2 AND %1 COLLATE \"C\" %o %2)", CK_EXACT, CK_ANY_LOCALE,
	"arrays of text; the first part finds an index, as with ="},
	{"||", "text, text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"length char_length character_length", "text", NULL, CK_EXACT, CK_NO_LOCALE, "characters, in every encoding"},
	{"length char_length character_length", "bpchar", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"substr", "text, int4", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"substr", "text, int4, int4", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"substring", "text, int4", "substr(%1, %2)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"substring", "text, int4, int4", "substr(%1, %2, %3)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"left", "text, int4", "\"left\"(%1, %2)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"right", "text, int4", "\"right\"(%1, %2)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"btrim ltrim rtrim", "text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"btrim ltrim rtrim", "text, text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"lpad rpad", "text, int4, text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"reverse", "text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"repeat", "text, int4", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"strpos", "text, text", "strpos(%1 COLLATE \"C\", %2)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"position", "text, text", "strpos(%1 COLLATE \"C\", %2)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"replace", "text, text, text", "replace(%1 COLLATE \"C\", %2, %3)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"split_part", "text, text, int4", "split_part(%1 COLLATE \"C\", %2, %3)", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"translate", "text, text, text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"overlay", "text, text, int4", "overlay(%1 PLACING %2 FROM %3)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"overlay", "text, text, int4, int4", "overlay(%1 PLACING %2 FROM %3 FOR %4)", CK_EXACT, CK_NO_LOCALE, NULL},
	{"encode", "bytea, text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},

	/* the name of a field or a key is text, but not compared by a collation */
	FIELD("year"), FIELD("month"), FIELD("day"), FIELD("quarter"), FIELD("week"), FIELD("isoyear"), FIELD("doy"), FIELD("dow"),
	FIELD("isodow"), FIELD_OF_TIME("hour"), FIELD_OF_TIME("minute"),
	{"date_part", "text, timestamp", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"date_part", "text, interval", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"date_trunc", "text, timestamp", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"date_trunc", "text, interval", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"-> ->> ?", "jsonb, text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"-", "jsonb, text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"#> #>> ?| ?&", "jsonb, _text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"-> ->>", "json, text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"#> #>>", "json, _text", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"->>", "jsonb, int4", NULL, CK_EXACT, CK_NO_LOCALE, NULL},
	{"->>", "json, int4", NULL, CK_EXACT, CK_NO_LOCALE, NULL},

	{"cast", "integer, text", "%1::text", CK_EXACT, CK_NO_LOCALE,
	"other casts to and from text depend on settings or the version"},
	{"cast", "integer, varchar", "%1::text", CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "numeric, text", "%1::text", CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "uuid, text", "%1::text", CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "bpchar, text", "%1::text", CK_EXACT, CK_NO_LOCALE, NULL},
	{"cast", "bool, text", "%1::text", CK_EXACT, CK_NO_LOCALE, NULL},

	/* grouping: of equal bytes; what is read is any of them */
	{"group", "text", "%1 COLLATE \"C\"", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"group", "bpchar", "%1 COLLATE \"C\"", CK_EXACT, CK_ANY_LOCALE, NULL},
	{"min max", "text", "%1 COLLATE \"C\"", CK_EXACT, CK_C_LOCALE, NULL},

	{.what = NULL}
};

static const CkTypeRule postgres_types[] = {
	{"reg*[]", "text[]", "an oid means nothing elsewhere: the object's name"},
	{"reg*", "text", "an oid means nothing elsewhere: the object's name"},
	{"*", NULL, "the same type; text where the local database has no type of that name"},
	{.source = NULL}
};

/* Relations that the user may read; a partition is read through its table. */
#define RELATIONS \
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
#define WHERE_READABLE \
	" WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition" \
	" AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'" \
	" AND n.nspname {schema} AND c.relname {table}" \
	" AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')" \
	" AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')"

/* A partitioned table is as large as its partitions. Up to 13, a table of no pages may be one never looked at. */
static const char tables_query[] =
"WITH RECURSIVE leaf(root, oid) AS ("
"SELECT oid, oid FROM pg_catalog.pg_class WHERE relkind = 'p' AND NOT relispartition"
" UNION ALL SELECT l.root, i.inhrelid FROM leaf l JOIN pg_catalog.pg_inherits i ON i.inhparent = l.oid),"
" size(oid, rows, pages) AS ("
"SELECT l.root, sum(c.reltuples) FILTER (WHERE c.reltuples > 0),"
" sum(c.relpages::int8 + COALESCE(t.relpages, 0)) FILTER (WHERE c.relpages > 0 OR c.reltuples >= 0)"
" FROM leaf l JOIN pg_catalog.pg_class c ON c.oid = l.oid"
" LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid"
" WHERE c.relkind <> 'p' GROUP BY l.root)"
"SELECT n.nspname::text, c.relname::text,"
" CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'"
" WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END,"
" pg_catalog.obj_description(c.oid, 'pg_class'),"
" CASE WHEN c.relkind = 'p' THEN s.rows"
" WHEN c.relkind = 'v' OR c.reltuples < 0 OR (c.reltuples = 0 AND c.relpages = 0 AND"
" pg_catalog.current_setting('server_version_num')::int4 < 140000) THEN NULL"
" ELSE c.reltuples END::int8,"
" (CASE WHEN c.relkind = 'p' THEN s.pages"
" WHEN c.relkind IN ('r', 'm') AND (c.reltuples >= 0 OR c.relpages > 0) THEN c.relpages::int8 + COALESCE(t.relpages, 0)"
" END * pg_catalog.current_setting('block_size')::int8)::int8"
RELATIONS
" LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid"
" LEFT JOIN size s ON s.oid = c.oid"
WHERE_READABLE
" ORDER BY 1, 2";

static const char columns_query[] =
"SELECT n.nspname::text, c.relname::text, a.attname::text, a.attnum::int8,"
" pg_catalog.format_type(a.atttypid, a.atttypmod),"
" (a.attnotnull OR y.typnotnull)::int4::int8,"
" CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,"
" CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,"
" pg_catalog.col_description(c.oid, a.attnum),"
" CASE WHEN a.attcollation <> y.typcollation THEN (SELECT o.collname::text FROM pg_catalog.pg_collation o"
" WHERE o.oid = a.attcollation) END"
RELATIONS
" JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
" JOIN pg_catalog.pg_type y ON y.oid = a.atttypid"
" LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
WHERE_READABLE
" AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')"
" ORDER BY 1, 2, 4";

/* A foreign key to a partitioned table has copies for its partitions, which have a parent. */
static const char keys_query[] =
"SELECT n.nspname::text, c.relname::text, k.conname::text, k.contype::text, u.position::int8, a.attname::text,"
" fn.nspname::text, fc.relname::text, fa.attname::text"
RELATIONS
" JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f') AND k.conparentid = 0"
" CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u(attnum, confattnum, position)"
" JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum"
" LEFT JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid AND k.contype = 'f'"
" LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace"
" LEFT JOIN pg_catalog.pg_attribute fa ON fa.attrelid = fc.oid AND fa.attnum = u.confattnum"
WHERE_READABLE
" ORDER BY 1, 2, 3, 5";

/* A unique index of a part of the rows makes nothing unique. */
static const char indexes_query[] =
"SELECT n.nspname::text, c.relname::text, x.relname::text, (i.indisunique AND i.indpred IS NULL)::int4::int8,"
" p.position::int8, pg_catalog.pg_get_indexdef(i.indexrelid, p.position, true), m.amname::text"
RELATIONS
" JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indislive AND i.indisvalid"
" JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
" JOIN pg_catalog.pg_am m ON m.oid = x.relam"
" CROSS JOIN LATERAL pg_catalog.generate_series(1, i.indnkeyatts::int4) AS p(position)"
WHERE_READABLE
" ORDER BY 1, 2, 3, 5";

/*
 * Rows keep their places in a heap as long as it is not written anew, which the lock of having read it prevents. Before 14 a
 * part of a heap could not be found without reading all of it. Sessions beyond a limit would be refused.
 */
static const char blocks_query[] =
"SELECT CASE WHEN c.relkind IN ('r', 'm') AND NOT c.relhassubclass AND m.amname = 'heap'"
" AND pg_catalog.current_setting('server_version_num')::int4 >= 140000"
" THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8 END,"
" (SELECT LEAST(pg_catalog.current_setting('max_connections')::int4"
" - pg_catalog.current_setting('superuser_reserved_connections')::int4 - pg_catalog.count(*),"
" CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit - pg_catalog.count(*) FILTER (WHERE a.datid = d.oid) END,"
" CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit - pg_catalog.count(*) FILTER (WHERE a.usesysid = r.oid) END)::int8"
" FROM pg_catalog.pg_stat_activity a, pg_catalog.pg_database d, pg_catalog.pg_roles r"
" WHERE a.datid IS NOT NULL AND d.datname = pg_catalog.current_database() AND r.rolname = session_user"
" GROUP BY d.datconnlimit, r.rolconnlimit)"
" FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam LEFT JOIN (SELECT FROM %t LIMIT 0) AS t ON true"
" WHERE c.oid = %l::pg_catalog.regclass";

const CkSql postgres_sql = {
	.quote = '"',
	.numbered = true,
	.native = true,
	.nulls_order = true,
	.full_join = true,
	.windows = CK_WINDOWS | CK_WINDOW_GROUPS | CK_WINDOW_EXCLUDE | CK_WINDOW_RANGE | CK_WINDOW_AHEAD | CK_WINDOW_EMPTY |
		CK_WINDOW_BESIDE,
	.returning = CK_INSERT | CK_UPDATE | CK_DELETE,
	.on_conflict = true,
	.row_lock = " FOR UPDATE",
	.row_id = "tableoid, ctid",
	.truncate = "TRUNCATE TABLE",
	.literal_prefix = "",
	.sample = " WHERE pg_catalog.random() < %f",
	.blocks = blocks_query,
	.from_block = "ctid >= '(%u,0)'::tid",
	.before_block = "ctid < '(%u,0)'::tid",
	.rules = postgres_rules,
	.limits = {.nan = true, .infinite_time = true},
	.types = postgres_types,
	.tables = tables_query,
	.columns = columns_query,
	.keys = keys_query,
	.indexes = indexes_query,
	.default_schema = "SELECT 'public'::text",
};
