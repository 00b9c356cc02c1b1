/*
 * discovery.c: connkit.discover(): a walk over a source's catalog, kept in the tables connkit.discovered_*.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "audit.h"
#include "compat.h"
#include "discover.h"
#include "quota.h"
#include "registry.h"
#include "scan.h"
#include "tables.h"
#include "typemap.h"

/* Milliseconds between two words on how far it has come. */
#define PROGRESS_MS 10000
/* Rows that are inserted at once. */
#define BATCH_ROWS 1000
#define BATCH_COLUMNS 11

/* What a source is burdened with. */
typedef enum Strategy
{
	CONSERVATIVE,				/* tables and columns */
	BALANCED,					/* keys and indexes too */
	AGGRESSIVE					/* and counts the rows of tables without an estimate */
} Strategy;

/* Rows on their way into one of the tables: an array of texts for each column. */
typedef struct Batch
{
	const char *insert;			/* takes the discovery's id as $1 and the arrays from $2 */
	int			ncolumns;
	MemoryContext context;		/* of the rows */
	int			nrows;
	ArrayBuildState *columns[BATCH_COLUMNS];
	char	   *schema;			/* of the last row: rows of one table are not divided */
	char	   *table;
	int64		total;			/* rows of the table */
} Batch;

typedef struct Discovery
{
	int64		id;
	List	   *include;		/* patterns as char * */
	List	   *exclude;
	Batch		tables;
	Batch		columns;
	Batch		keys;
	Batch		indexes;
	int64		counted;		/* tables whose rows were counted */
	TimestampTz told;			/* when progress was told last */
} Discovery;

static const char *const insert_tables =
	"INSERT INTO connkit.discovered_table (discovery, schema_name, table_name, kind, comment, estimated_rows, estimated_bytes)"
	" SELECT $1, s, t, k, c, r::bigint, b::bigint FROM unnest($2, $3, $4, $5, $6, $7) AS u(s, t, k, c, r, b)";
static const char *const insert_columns =
	"INSERT INTO connkit.discovered_column (discovery, schema_name, table_name, column_name, position, source_type,"
	" local_type, not_null, default_value, generated, comment, collation_name)"
	" SELECT $1, s, t, n, p::integer, st, lt, nn::boolean, d, g, c, l"
	" FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS u(s, t, n, p, st, lt, nn, d, g, c, l)";
static const char *const insert_keys =
	"INSERT INTO connkit.discovered_key (discovery, schema_name, table_name, key_name, kind, columns, referenced_schema,"
	" referenced_table, referenced_columns)"
	" SELECT $1, s, t, n, CASE k WHEN 'p' THEN 'primary' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign' ELSE k END,"
	" array_agg(c ORDER BY p::integer), max(rs), max(rt), array_agg(rc ORDER BY p::integer) FILTER (WHERE k = 'f')"
	" FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) AS u(s, t, n, k, p, c, rs, rt, rc) GROUP BY s, t, n, k";
static const char *const insert_indexes =
	"INSERT INTO connkit.discovered_index (discovery, schema_name, table_name, index_name, is_unique, method, columns)"
	" SELECT $1, s, t, n, bool_or(q::boolean), max(m), array_agg(coalesce(c, '') ORDER BY p::integer)"
	" FROM unnest($2, $3, $4, $5, $6, $7, $8) AS u(s, t, n, q, p, c, m) GROUP BY s, t, n";

/* Tells the user of a long discovery, now and then, how far it has come. */
static void
discovery_progress(Discovery *discovery)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(discovery->told, now, PROGRESS_MS))
		return;
	discovery->told = now;
	ereport(NOTICE,
			(errmsg("found so far: " INT64_FORMAT " tables, " INT64_FORMAT " columns, " INT64_FORMAT " tables counted",
					discovery->tables.total, discovery->columns.total, discovery->counted)));
}

/* The rows so far into the table. */
static void
batch_flush(Discovery *discovery, Batch *batch)
{
	Oid			types[BATCH_COLUMNS + 1];
	Datum		values[BATCH_COLUMNS + 1];
	MemoryContext caller;

	if (batch->nrows == 0)
		return;
	caller = MemoryContextSwitchTo(batch->context);
	types[0] = INT8OID;
	values[0] = Int64GetDatum(discovery->id);
	for (int i = 0; i < batch->ncolumns; i++)
	{
		types[i + 1] = TEXTARRAYOID;
		values[i + 1] = makeArrayResult(batch->columns[i], batch->context);
		batch->columns[i] = NULL;
	}
	tables_execute(batch->insert, batch->ncolumns + 1, types, values, NULL);
	SPI_freetuptable(SPI_tuptable);
	batch->total += SPI_processed;
	batch->nrows = 0;
	batch->schema = batch->table = NULL;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(batch->context);
	discovery_progress(discovery);
}

/* Adds a row of texts, schema and table first; NULL is NULL. */
static void
batch_add(Discovery *discovery, Batch *batch, const char *const *texts)
{
	if (batch->nrows >= BATCH_ROWS && (strcmp(batch->schema, texts[0]) != 0 || strcmp(batch->table, texts[1]) != 0))
		batch_flush(discovery, batch);
	for (int i = 0; i < batch->ncolumns; i++)
		batch->columns[i] = accumArrayResult(batch->columns[i], texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0,
											 texts[i] == NULL, TEXTOID, batch->context);
	if (++batch->nrows >= BATCH_ROWS && batch->schema == NULL)
	{
		batch->schema = MemoryContextStrdup(batch->context, texts[0]);
		batch->table = MemoryContextStrdup(batch->context, texts[1]);
	}
}

bool
discover_patterns_match(List *patterns, const char *schema, const char *table)
{
	ListCell   *lc;

	foreach(lc, patterns)
	{
		const char *pattern = lfirst(lc);

		if (typemap_glob(pattern, strchr(pattern, '.') ? psprintf("%s.%s", schema, table) : table))
			return true;
	}
	return false;
}

static bool
discovery_wants(CkCatalog *catalog, const char *schema, const char *table)
{
	Discovery  *discovery = catalog->arg;

	return discover_patterns_match(discovery->include, schema, table) &&
		!discover_patterns_match(discovery->exclude, schema, table);
}

static const char *
integer_text(int64 number, bool known)
{
	return known ? psprintf(INT64_FORMAT, number) : NULL;
}

static void
discovery_table(CkCatalog *catalog, const CatalogTable *t)
{
	Discovery  *discovery = catalog->arg;
	const char *texts[] = {t->schema, t->table, t->kind, t->comment, integer_text(t->rows, t->rows >= 0),
	integer_text(t->bytes, t->bytes >= 0)};

	if (discovery_wants(catalog, t->schema, t->table))
		batch_add(discovery, &discovery->tables, texts);
}

static void
discovery_column(CkCatalog *catalog, const CatalogColumn *c)
{
	Discovery  *discovery = catalog->arg;
	const char *texts[] = {c->schema, c->table, c->name, integer_text(c->position, true), c->source_type, c->local_type,
	c->not_null ? "t" : "f", c->initial, c->generated, c->comment, c->collation};

	if (discovery_wants(catalog, c->schema, c->table))
		batch_add(discovery, &discovery->columns, texts);
}

static void
discovery_key(CkCatalog *catalog, const CatalogKey *k)
{
	Discovery  *discovery = catalog->arg;
	const char	kind[2] = {k->kind, '\0'};
	const char *texts[] = {k->schema, k->table, k->name, kind, integer_text(k->position, true), k->column, k->ref_schema,
	k->ref_table, k->ref_column};

	if (discovery_wants(catalog, k->schema, k->table))
		batch_add(discovery, &discovery->keys, texts);
}

static void
discovery_index(CkCatalog *catalog, const CatalogIndex *i)
{
	Discovery  *discovery = catalog->arg;
	const char *texts[] = {i->schema, i->table, i->name, i->unique ? "t" : "f", integer_text(i->position, true), i->column,
	i->method};

	if (discovery_wants(catalog, i->schema, i->table))
		batch_add(discovery, &discovery->indexes, texts);
}

List *
discover_patterns(ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	List	   *patterns = NIL;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("patterns may not be null")));
		patterns = lappend(patterns, TextDatumGetCString(values[i]));
	}
	return patterns;
}

List *
discover_patterns_schemas(List *patterns)
{
	List	   *schemas = NIL;
	ListCell   *lc;

	foreach(lc, patterns)
	{
		char	   *pattern = lfirst(lc);
		char	   *dot = strchr(pattern, '.');
		char	   *schema;

		if (dot == NULL || dot == pattern || strchr(dot + 1, '.') || strcspn(pattern, "*?") < dot - pattern)
			return NIL;
		schema = pnstrdup(pattern, dot - pattern);
		if (!list_member(schemas, makeString(schema)))
			schemas = lappend(schemas, makeString(schema));
	}
	return schemas;
}

static Strategy
strategy_from_name(const char *name)
{
	if (strcmp(name, "conservative") == 0)
		return CONSERVATIVE;
	if (strcmp(name, "balanced") == 0)
		return BALANCED;
	if (strcmp(name, "aggressive") == 0)
		return AGGRESSIVE;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown strategy \"%s\"", name),
			 errhint("It is conservative, balanced or aggressive.")));
}

/* The request that counts the rows of a table. */
static char *
count_request(const CkSql *sql, const char *schema, const char *table)
{
	const char *names[] = {sql->no_schema || schema[0] == '\0' ? NULL : schema, table};
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "SELECT count(*) FROM ");
	for (int i = 0; i < 2; i++)
	{
		if (names[i] == NULL)
			continue;
		appendStringInfoChar(&text, sql->quote);
		for (const char *c = names[i]; *c; c++)
		{
			if (*c == sql->quote)
				appendStringInfoChar(&text, *c);
			appendStringInfoChar(&text, *c);
		}
		appendStringInfoChar(&text, sql->quote);
		if (i == 0)
			appendStringInfoChar(&text, '.');
	}
	return text.data;
}

/* Counts the rows of a table; -1 where the source does not answer in time, or refuses. */
static int64
count_rows(const CkSql *sql, Oid serverid, const char *schema, const char *table)
{
	static const CkColumn column = {"count", CK_INT64, "bigint"};
	static const Oid type = INT8OID;
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int64 rows = -1;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		SourceScan *scan;
		Datum		value;
		bool		isnull;

		scan = scan_new_on(session_get(serverid, GetUserId(), SESSION_READ), count_request(sql, schema, table), 1, &column,
						   &type);
		if (scan_next(scan, &value, &isnull) && !isnull)
			rows = DatumGetInt64(value);
		scan_end(scan);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error = discover_caught(caller);

		ereport(NOTICE,
				(errmsg("the rows of \"%s.%s\" could not be counted", schema, table),
				 errdetail("%s", error->message)));
		rows = -1;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return rows;
}

/* Counts the rows of the tables that the source has no estimate for. */
static void
discovery_count(Discovery *discovery, const CkConnector *connector, Oid serverid)
{
	Oid			types[] = {INT8OID, INT8OID, TEXTOID, TEXTOID};
	Datum		values[4];
	SPITupleTable *tables;
	uint64		count;

	if (!(connector->caps & CK_REMOTE))
		return;
	values[0] = Int64GetDatum(discovery->id);
	tables_execute("SELECT schema_name, table_name FROM connkit.discovered_table WHERE discovery = $1 AND"
				   " estimated_rows IS NULL AND kind IN ('table', 'partitioned table', 'materialized view')", 1, types,
				   values, NULL);
	tables = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		char	   *schema = SPI_getvalue(tables->vals[i], tables->tupdesc, 1);
		char	   *table = SPI_getvalue(tables->vals[i], tables->tupdesc, 2);
		int64		rows = count_rows(connector->sql, serverid, schema, table);

		discovery_progress(discovery);
		if (rows < 0)
			continue;
		discovery->counted++;
		values[1] = Int64GetDatum(rows);
		values[2] = CStringGetTextDatum(schema);
		values[3] = CStringGetTextDatum(table);
		tables_execute("UPDATE connkit.discovered_table SET estimated_rows = $2, counted = true"
					   " WHERE discovery = $1 AND schema_name = $3 AND table_name = $4", 4, types, values, NULL);
	}
}

/* The row that the objects belong to. */
static void
discovery_begin(Discovery *discovery, const char *source, Datum include, Datum exclude, Datum strategy)
{
	Oid			types[] = {NAMEOID, NAMEOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID};
	NameData	names[2];
	Datum		values[5];
	bool		isnull;

	namestrcpy(&names[0], source);
	namestrcpy(&names[1], GetUserNameFromId(GetUserId(), false));
	values[0] = NameGetDatum(&names[0]);
	values[1] = NameGetDatum(&names[1]);
	values[2] = strategy;
	values[3] = include;
	values[4] = exclude;
	tables_execute("INSERT INTO connkit.discovery (source, made_by, strategy, include, exclude)"
				   " VALUES ($1, $2, $3, $4, $5) RETURNING id", 5, types, values, NULL);
	discovery->id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* Counters, and an end of the discoveries of that role beyond those to be kept. */
static void
discovery_finish(Discovery *discovery, int keep)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(discovery->id), Int64GetDatum(discovery->tables.total),
		Int64GetDatum(discovery->columns.total), Int64GetDatum(discovery->keys.total),
	Int64GetDatum(discovery->indexes.total)};

	tables_execute("UPDATE connkit.discovery SET tables = $2, columns = $3, keys = $4, indexes = $5,"
				   " milliseconds = 1000 * extract(epoch FROM clock_timestamp() - made_at) WHERE id = $1", 5, types,
				   values, NULL);
	values[1] = Int64GetDatum(keep);
	tables_execute("DELETE FROM connkit.discovery AS d USING connkit.discovery AS n WHERE n.id = $1 AND"
				   " d.source = n.source AND d.made_by = n.made_by AND d.id NOT IN (SELECT id FROM connkit.discovery"
				   " WHERE source = n.source AND made_by = n.made_by ORDER BY id DESC LIMIT $2)", 2, types, values, NULL);
}

/* The arguments are connkit_discover's; *tables is the number of tables found. */
static int64
discovery_run(FunctionCallInfo fcinfo, Oid serverid, int64 *tables)
{
	const char *source = NameStr(*PG_GETARG_NAME(0));
	Strategy	strategy = strategy_from_name(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	int32		keep = PG_GETARG_INT32(4);
	Oid			owner;
	const CkConnector *connector;
	Discovery	discovery = {
		.tables = {insert_tables, 6}, .columns = {insert_columns, 11}, .keys = {insert_keys, 9},
		.indexes = {insert_indexes, 7}
	};
	CkCatalog	catalog = {.table = discovery_table, .column = discovery_column, .arg = &discovery};
	Batch	   *batches[] = {&discovery.tables, &discovery.columns, &discovery.keys, &discovery.indexes};

	if (compat_server_aclcheck(serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, source);
	if (keep < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keep must be 1 or more")));
	connector = registry_connector_of_server(serverid);
	owner = GetForeignServer(serverid)->owner;
	/* who was only lent the source takes none of its owner's runs */
	quota_begin_run(has_privs_of_role(GetUserId(), owner) ? owner : GetUserId());
	SPI_connect();
	discovery.told = GetCurrentTimestamp();
	discovery.include = discover_patterns(PG_GETARG_ARRAYTYPE_P(1));
	discovery.exclude = discover_patterns(PG_GETARG_ARRAYTYPE_P(2));
	for (int i = 0; i < 4; i++)
		batches[i]->context = AllocSetContextCreate(CurrentMemoryContext, "connkit batch", ALLOCSET_DEFAULT_SIZES);
	discovery_begin(&discovery, source, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), PG_GETARG_DATUM(3));
	catalog.schemas = discover_patterns_schemas(discovery.include);
	if (strategy >= BALANCED)
	{
		catalog.key = discovery_key;
		catalog.index = discovery_index;
	}
	discover_walk(&catalog, serverid, GetUserId());
	for (int i = 0; i < 4; i++)
		batch_flush(&discovery, batches[i]);
	if (strategy == AGGRESSIVE)
		discovery_count(&discovery, connector, serverid);
	discovery_finish(&discovery, keep);
	SPI_finish();
	*tables = discovery.tables.total;
	return discovery.id;
}

PG_FUNCTION_INFO_V1(connkit_discover);

/*
 * Reads a source's catalog into the tables, and returns the id of the discovery.
 */
Datum
connkit_discover(PG_FUNCTION_ARGS)
{
	const char *source = NameStr(*PG_GETARG_NAME(0));
	Oid			serverid = get_foreign_server_oid(source, false);
	AuditEvent	event = {
		.action = "discover", .object_type = "source", .object = source,
		.organization = GetUserNameFromId(GetForeignServer(serverid)->owner, true)
	};
	int64		id;
	int64		tables;

	audit_begin();
	PG_TRY();
	{
		id = discovery_run(fcinfo, serverid, &tables);
	}
	PG_CATCH();
	{
		audit_write_error(&event);
		PG_RE_THROW();
	}
	PG_END_TRY();
	audit_end();
	event.detail = psprintf(INT64_FORMAT " tables", tables);
	audit_write(&event);
	PG_RETURN_INT64(id);
}
