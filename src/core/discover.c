/*
 * discover.c: walks over a source's catalog, by its dialect's catalog queries or its connector's own discovery.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "discover.h"
#include "registry.h"
#include "scan.h"
#include "typemap.h"

/* Columns of the widest catalog query. */
#define CATALOG_COLUMNS 10

/* A type of the source that was met in the walk. */
typedef struct KnownType
{
	const char *source_type;	/* key */
	const char *local_type;
} KnownType;

static uint32
text_key_hash(const void *key, Size size)
{
	const char *text = *(const char *const *) key;

	return DatumGetUInt32(hash_any((const unsigned char *) text, strlen(text)));
}

static int
text_key_match(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

HTAB *
discover_text_table(const char *name, Size entry_size)
{
	HASHCTL		control = {.keysize = sizeof(char *), .entrysize = entry_size, .hash = text_key_hash,
	.match = text_key_match, .hcxt = CurrentMemoryContext};

	return hash_create(name, 64, &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/* The local type of a source's type, found out once in a walk. */
static const char *
walk_local_type(CkCatalog *catalog, const char *source_type)
{
	KnownType  *known = hash_search(catalog->types, &source_type, HASH_FIND, NULL);
	MemoryContext caller;

	if (known)
		return known->local_type;
	caller = MemoryContextSwitchTo(catalog->context);
	source_type = pstrdup(source_type);
	known = hash_search(catalog->types, &source_type, HASH_ENTER, NULL);
	known->local_type = NULL;
	known->local_type = typemap_local(catalog->sql, source_type);
	MemoryContextSwitchTo(caller);
	return known->local_type;
}

static bool
list_has(List *list, const char *text)
{
	ListCell   *lc;

	foreach(lc, list)
		if (strcmp(strVal(lfirst(lc)), text) == 0)
			return true;
	return false;
}

/*
 * Whether the walk is for this table; sources may compare names more loosely than we do. A source without schemas has its
 * tables in any.
 */
static bool
walk_wants(const CkCatalog *catalog, const char *schema, const char *table)
{
	if (catalog->schemas && schema[0] && !list_has(catalog->schemas, schema))
		return false;
	return catalog->tables == NIL || list_has(catalog->tables, table) != catalog->tables_except;
}

/* Appends the condition on a name: = '…', IN (…), NOT IN (…) or IS NOT NULL. */
static void
append_condition(StringInfo text, const CkSql *sql, List *names, bool except)
{
	const char *separator = "";
	ListCell   *lc;

	if (names == NIL)
	{
		appendStringInfoString(text, "IS NOT NULL");
		return;
	}
	appendStringInfoString(text, except ? "NOT IN (" : list_length(names) == 1 ? "= " : "IN (");
	foreach(lc, names)
	{
		const char *name = pg_server_to_any(strVal(lfirst(lc)), strlen(strVal(lfirst(lc))), PG_UTF8);

		appendStringInfo(text, "%s%s'", separator, sql->literal_prefix ? sql->literal_prefix : "");
		for (; *name; name++)
		{
			if (*name == '\'')
				appendStringInfoChar(text, '\'');
			appendStringInfoChar(text, *name);
		}
		appendStringInfoChar(text, '\'');
		separator = ", ";
	}
	if (except || list_length(names) > 1)
		appendStringInfoChar(text, ')');
}

/*
 * A catalog query with its marks replaced. Values of a native source come in the binary form of the query's own types,
 * so it is wrapped for all columns to be text.
 */
static char *
catalog_query(const CkCatalog *catalog, const char *query, int ncolumns)
{
	StringInfoData text;

	initStringInfo(&text);
	if (catalog->sql->native)
	{
		appendStringInfoString(&text, "SELECT ");
		for (int i = 1; i <= ncolumns; i++)
			appendStringInfo(&text, "%sc%d::pg_catalog.text", i > 1 ? ", " : "", i);
		appendStringInfoString(&text, " FROM (");
	}
	while (*query)
	{
		if (strncmp(query, "{schema}", 8) == 0)
		{
			append_condition(&text, catalog->sql, catalog->schemas, false);
			query += 8;
		}
		else if (strncmp(query, "{table}", 7) == 0)
		{
			append_condition(&text, catalog->sql, catalog->tables, catalog->tables_except);
			query += 7;
		}
		else
			appendStringInfoChar(&text, *query++);
	}
	if (catalog->sql->native)
	{
		appendStringInfoString(&text, ") AS q(");
		for (int i = 1; i <= ncolumns; i++)
			appendStringInfo(&text, "%sc%d", i > 1 ? ", " : "", i);
		appendStringInfoChar(&text, ')');
	}
	return text.data;
}

/* Runs one catalog query, and each for every row of it, with the row's texts. */
static void
catalog_read(CkCatalog *catalog, Oid serverid, Oid userid, const char *query, int ncolumns,
			 void (*each) (CkCatalog *catalog, char **texts))
{
	static const CkColumn columns[CATALOG_COLUMNS] = {
		{"1", CK_TEXT, "text"}, {"2", CK_TEXT, "text"}, {"3", CK_TEXT, "text"}, {"4", CK_TEXT, "text"},
		{"5", CK_TEXT, "text"}, {"6", CK_TEXT, "text"}, {"7", CK_TEXT, "text"}, {"8", CK_TEXT, "text"},
		{"9", CK_TEXT, "text"}, {"10", CK_TEXT, "text"}
	};
	static const Oid types[CATALOG_COLUMNS] = {
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID
	};
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "connkit catalog row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = CurrentMemoryContext;
	SourceScan *scan;
	Datum		values[CATALOG_COLUMNS];
	bool		nulls[CATALOG_COLUMNS];
	char	   *texts[CATALOG_COLUMNS];

	catalog->session = session_get(serverid, userid, SESSION_READ);
	scan = scan_new_on(catalog->session, catalog_query(catalog, query, ncolumns), ncolumns, columns, types);
	MemoryContextSwitchTo(rows);
	while (scan_next(scan, values, nulls))
	{
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < ncolumns; i++)
			texts[i] = nulls[i] ? NULL : TextDatumGetCString(values[i]);
		if (texts[0] == NULL)
			texts[0] = "";
		if (ncolumns == 1 || (texts[1] && walk_wants(catalog, texts[0], texts[1])))
			each(catalog, texts);
		MemoryContextReset(rows);
	}
	MemoryContextSwitchTo(caller);
	scan_end(scan);
	MemoryContextDelete(rows);
}

/* A whole number of the source; absent where there is none. */
static int64
text_integer(const char *text, int64 absent)
{
	return text ? strtoll(text, NULL, 10) : absent;
}

static bool
text_true(const char *text)
{
	return text && (text[0] == '1' || text[0] == 't' || text[0] == 'T');
}

static void
default_schema_row(CkCatalog *catalog, char **texts)
{
	MemoryContext caller = MemoryContextSwitchTo(catalog->context);

	catalog->schemas = list_make1(makeString(pstrdup(texts[0])));
	MemoryContextSwitchTo(caller);
}

static void
table_row(CkCatalog *catalog, char **texts)
{
	CatalogTable table = {
		.schema = texts[0], .table = texts[1], .kind = texts[2] ? texts[2] : "table", .comment = texts[3],
		.rows = text_integer(texts[4], -1), .bytes = text_integer(texts[5], -1)
	};

	catalog->table(catalog, &table);
}

static void
column_row(CkCatalog *catalog, char **texts)
{
	CatalogColumn column = {
		.schema = texts[0], .table = texts[1], .name = texts[2], .position = (int) text_integer(texts[3], 0),
		.source_type = texts[4] ? texts[4] : "", .not_null = text_true(texts[5]), .initial = texts[6],
		.generated = texts[7], .comment = texts[8], .collation = texts[9]
	};

	if (column.name == NULL)
		return;
	column.local_type = walk_local_type(catalog, column.source_type);
	catalog->column(catalog, &column);
}

static void
key_row(CkCatalog *catalog, char **texts)
{
	CatalogKey	key = {
		.schema = texts[0], .table = texts[1], .name = texts[2] ? texts[2] : "", .kind = texts[3] ? texts[3][0] : '?',
		.position = (int) text_integer(texts[4], 0), .column = texts[5], .ref_schema = texts[6], .ref_table = texts[7],
		.ref_column = texts[8]
	};

	catalog->key(catalog, &key);
}

static void
index_row(CkCatalog *catalog, char **texts)
{
	CatalogIndex index = {
		.schema = texts[0], .table = texts[1], .name = texts[2] ? texts[2] : "", .unique = text_true(texts[3]),
		.position = (int) text_integer(texts[4], 0), .column = texts[5], .method = texts[6]
	};

	catalog->index(catalog, &index);
}

/* A call of the connector's that calls the host functions below has ended so: ERROR unless it did well. */
static void
walk_check(Session *session, CkStatus status)
{
	if (status == CK_OK)
		return;
	if (status == CK_ERR_LOST || status == CK_ERR_PROTOCOL || status == CK_ERR_MEMORY || status == CK_ERR_INTERNAL ||
		status == CK_ERR_CANCELLED || status == CK_ERR_TIMEOUT)
		session->broken = true;
	session_raise(session, status);
}

/* By the connector's own discovery. */
static void
walk_callback(CkCatalog *catalog, const CkConnector *connector, Oid serverid, Oid userid)
{
	Session    *session = session_get(serverid, userid, SESSION_READ);

	catalog->session = session;
	session->progress_ms = 0;
	walk_check(session, connector->discover(&session->pub, catalog));
}

int
discover_query(CkCatalog *catalog, Oid serverid, Oid userid, const char *query)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	Session    *session;

	if (!(connector->caps & CK_REMOTE) || connector->describe == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("connector \"%s\" takes no queries", connector->name)));
	session = session_get(serverid, userid, SESSION_READ);
	catalog->context = CurrentMemoryContext;
	catalog->types = discover_text_table("connkit types", sizeof(KnownType));
	catalog->sql = connector->sql;
	catalog->session = session;
	catalog->current_wanted = true;
	catalog->position = 0;
	session->progress_ms = 0;
	session->pub.query_timeout_ms = session->common.query_timeout_ms;
	walk_check(session, connector->describe(&session->pub, pg_server_to_any(query, strlen(query), PG_UTF8), catalog));
	return catalog->position;
}

void
discover_walk(CkCatalog *catalog, Oid serverid, Oid userid)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	const CkSql *sql = connector->sql;

	if (!(connector->caps & CK_DISCOVER))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("connector \"%s\" cannot list tables", connector->name),
				 errhint((connector->caps & CK_READ) ? "Create the foreign tables by hand." :
						 "connkit.connector shows the capability \"discover\" of those that do.")));
	catalog->context = CurrentMemoryContext;
	catalog->types = discover_text_table("connkit types", sizeof(KnownType));
	catalog->sql = sql;
	if (connector->discover)
	{
		walk_callback(catalog, connector, serverid, userid);
		return;
	}
	if (catalog->schemas == NIL && catalog->default_schema && sql->default_schema)
		catalog_read(catalog, serverid, userid, sql->default_schema, 1, default_schema_row);
	if (catalog->table)
		catalog_read(catalog, serverid, userid, sql->tables, 6, table_row);
	if (catalog->column)
		catalog_read(catalog, serverid, userid, sql->columns, 10, column_row);
	if (catalog->key && sql->keys)
		catalog_read(catalog, serverid, userid, sql->keys, 9, key_row);
	if (catalog->index && sql->indexes)
		catalog_read(catalog, serverid, userid, sql->indexes, 7, index_row);
}

/*
 * Runs what a host function does: a connector's frames lie below, so an ERROR is kept for session_raise().
 */
static CkStatus
host_guard(CkCatalog *catalog, void (*call) (CkCatalog *catalog, void *object), void *object)
{
	Session    *session = catalog->session;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext row = AllocSetContextCreate(caller, "connkit catalog row", ALLOCSET_SMALL_SIZES);
	volatile CkStatus status = CK_OK;

	session->progress++;
	PG_TRY();
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(row);
		call(catalog, object);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(session->context);
		session->interrupt = CopyErrorData();
		FlushErrorState();
		session->status = status = CK_ERR_CANCELLED;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(row);
	return status;
}

/* A connector's string in the server's encoding. */
static const char *
host_text(const char *text)
{
	return text ? pg_any_to_server(text, strlen(text), PG_UTF8) : NULL;
}

/* Remembers a string until the next one. */
static void
host_keep(CkCatalog *catalog, char **place, const char *text)
{
	if (*place)
		pfree(*place);
	*place = text ? MemoryContextStrdup(catalog->context, text) : NULL;
}

static void
host_table(CkCatalog *catalog, void *object)
{
	CatalogTable *table = object;

	table->schema = host_text(table->schema ? table->schema : "");
	table->table = host_text(table->table);
	table->comment = host_text(table->comment);
	host_keep(catalog, &catalog->current_schema, table->schema);
	host_keep(catalog, &catalog->current_table, table->table);
	host_keep(catalog, &catalog->current_key, NULL);
	catalog->current_wanted = walk_wants(catalog, table->schema, table->table);
	catalog->position = 0;
	if (catalog->current_wanted && catalog->table)
		catalog->table(catalog, table);
}

CkStatus
discover_host_table(CkCatalog *catalog, const char *schema, const char *table, const char *kind, const char *comment,
					int64_t rows, int64_t bytes)
{
	CatalogTable object = {schema, table, kind ? kind : "table", comment, rows, bytes};

	return host_guard(catalog, host_table, &object);
}

static void
host_column(CkCatalog *catalog, void *object)
{
	CatalogColumn *column = object;

	column->schema = catalog->current_schema;
	column->table = catalog->current_table;
	column->name = host_text(column->name);
	column->source_type = host_text(column->source_type ? column->source_type : "");
	column->initial = host_text(column->initial);
	column->comment = host_text(column->comment);
	column->local_type = walk_local_type(catalog, column->local_type ? column->local_type : column->source_type);
	catalog->column(catalog, column);
}

CkStatus
discover_host_column(CkCatalog *catalog, const char *name, const char *source_type, const char *local_type,
					 bool not_null, const char *default_expr, const char *comment)
{
	CatalogColumn column = {
		.name = name, .position = ++catalog->position, .source_type = source_type, .local_type = local_type,
		.not_null = not_null, .initial = default_expr, .comment = comment
	};

	if (!catalog->current_wanted || catalog->column == NULL)
		return CK_OK;
	return host_guard(catalog, host_column, &column);
}

static void
host_key(CkCatalog *catalog, void *object)
{
	CatalogKey *key = object;

	key->schema = catalog->current_schema;
	key->table = catalog->current_table;
	key->name = host_text(key->name ? key->name : "");
	key->column = host_text(key->column);
	if (catalog->current_key == NULL || strcmp(catalog->current_key, key->name) != 0)
	{
		host_keep(catalog, &catalog->current_key, key->name);
		catalog->key_position = 0;
	}
	key->position = ++catalog->key_position;
	catalog->key(catalog, key);
}

bool
discover_host_wants(CkCatalog *catalog, const char *schema, const char *table)
{
	return catalog->column && walk_wants(catalog, schema, table);
}

CkStatus
discover_host_key(CkCatalog *catalog, const char *name, char kind, const char *column)
{
	CatalogKey	key = {.name = name, .kind = kind, .column = column};

	if (!catalog->current_wanted || catalog->key == NULL)
		return CK_OK;
	return host_guard(catalog, host_key, &key);
}

ErrorData *
discover_caught(MemoryContext caller)
{
	ErrorData  *error;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	FlushErrorState();
	RollbackAndReleaseCurrentSubTransaction();
	/* a source's timeout has the code of a cancel */
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION &&
		(error->funcname == NULL || strcmp(error->funcname, "session_raise") != 0))
		ReThrowError(error);
	return error;
}

/*
 * Estimates, kept for a while
 */

#define ESTIMATE_MS (10 * 60 * 1000)
#define ESTIMATE_FAILED_MS (60 * 1000)

typedef struct EstimateKey
{
	Oid			serverid;
	Oid			userid;
	uint64		name;			/* hash of schema and table */
} EstimateKey;

typedef struct Estimate
{
	EstimateKey key;
	TimestampTz until;
	bool		known;
	double		rows;
	double		bytes;
} Estimate;

static HTAB *estimates = NULL;

static void
estimate_table(CkCatalog *catalog, const CatalogTable *table)
{
	Estimate   *estimate = catalog->arg;

	estimate->known = table->rows >= 0 || table->bytes >= 0;
	estimate->rows = table->rows;
	estimate->bytes = table->bytes;
}

/* Asks the source; false for an error of the source. */
static bool
estimate_ask(Estimate *estimate, const char *schema, const char *table)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	CkCatalog	catalog = {.table = estimate_table, .arg = estimate, .default_schema = true};
	volatile bool answered = true;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		if (schema)
			catalog.schemas = list_make1(makeString(pstrdup(schema)));
		catalog.tables = list_make1(makeString(pstrdup(table)));
		discover_walk(&catalog, estimate->key.serverid, estimate->key.userid);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		(void) discover_caught(caller);
		answered = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return answered;
}

/* The entry of a table, made where there is none. */
static Estimate *
estimate_entry(Oid serverid, Oid userid, const char *schema, const char *table)
{
	EstimateKey key;
	Estimate   *estimate;
	bool		found;

	if (estimates == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(EstimateKey), .entrysize = sizeof(Estimate), .hcxt = TopMemoryContext};

		estimates = hash_create("connkit estimates", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	memset(&key, 0, sizeof(key));
	key.serverid = serverid;
	key.userid = userid;
	key.name = hash_bytes_extended((const unsigned char *) table, strlen(table),
								   schema ? hash_bytes_extended((const unsigned char *) schema, strlen(schema), 1) : 0);
	estimate = hash_search(estimates, &key, HASH_ENTER, &found);
	if (!found)
	{
		estimate->known = false;
		estimate->until = 0;
	}
	return estimate;
}

void
discover_estimate_forget(Oid serverid, Oid userid, const char *schema, const char *table)
{
	estimate_entry(serverid, userid, schema, table)->until = 0;
}

bool
discover_estimate(Oid serverid, Oid userid, const char *schema, const char *table, double *rows, double *bytes)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	Estimate   *estimate = estimate_entry(serverid, userid, schema, table);

	/* a parallel worker cannot guard itself against the source's errors */
	if (!(connector->caps & CK_DISCOVER) || IsInParallelMode())
		return false;
	/* an estimate is not worth setting another scan's rows aside */
	if (session_is_busy(serverid, userid))
		return false;
	if (estimate->until < GetCurrentTimestamp())
	{
		int			keep_ms = ESTIMATE_MS;

		estimate->known = false;
		estimate->until = 0;	/* an interrupt leaves it unasked */
		if (!estimate_ask(estimate, schema, table))
		{
			estimate->known = false;
			keep_ms = ESTIMATE_FAILED_MS;
		}
		estimate->until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), keep_ms);
	}
	if (!estimate->known)
		return false;
	*rows = estimate->rows;
	*bytes = estimate->bytes;
	return true;
}
