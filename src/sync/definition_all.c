/*
 * definition_all.c: connkit_create_syncs(): a sync for each table of a source.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "definition.h"
#include "discover.h"
#include "quota.h"
#include "tables.h"

/* Settings of the tables that meet a pattern. */
typedef struct Override
{
	List	   *pattern;		/* one char * */
	Jsonb	   *settings;
	bool		met;
} Override;

typedef struct Found
{
	char	   *schema;			/* "" where the source has none */
	char	   *table;
} Found;

typedef struct Tables
{
	List	   *include;
	List	   *exclude;
	List	   *found;
	MemoryContext context;
} Tables;

static void
found_table(CkCatalog *catalog, const CatalogTable *table)
{
	Tables	   *tables = catalog->arg;
	MemoryContext caller = MemoryContextSwitchTo(tables->context);
	Found	   *found;

	if (discover_patterns_match(tables->include, table->schema, table->table) &&
		!discover_patterns_match(tables->exclude, table->schema, table->table))
	{
		found = palloc(sizeof(Found));
		found->schema = pstrdup(table->schema);
		found->table = pstrdup(table->table);
		tables->found = lappend(tables->found, found);
	}
	MemoryContextSwitchTo(caller);
}

static int
compare_found(const ListCell *a, const ListCell *b)
{
	const Found *first = lfirst(a);
	const Found *second = lfirst(b);
	int			order = strcmp(first->schema, second->schema);

	return order != 0 ? order : strcmp(first->table, second->table);
}

/* The source's tables that are wanted, in the order of their names. */
static List *
find_tables(Oid serverid, ArrayType *include, ArrayType *exclude)
{
	Tables		tables = {.context = CurrentMemoryContext};
	CkCatalog	catalog = {.table = found_table, .arg = &tables};
	Oid			owner = GetForeignServer(serverid)->owner;

	tables.include = include ? discover_patterns(include) : list_make1("*");
	tables.exclude = exclude ? discover_patterns(exclude) : NIL;
	catalog.schemas = discover_patterns_schemas(tables.include);
	quota_begin_run(has_privs_of_role(GetUserId(), owner) ? owner : GetUserId());
	discover_walk(&catalog, serverid, GetUserId());
	list_sort(tables.found, compare_found);
	return tables.found;
}

/* The overrides, those of longer patterns later. */
static List *
read_overrides(Jsonb *row, Jsonb *json)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	Override   *override = NULL;
	List	   *overrides = NIL;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("overrides are a JSON object"),
				 errhint("It has settings for patterns: {\"sales.*\": {\"mode\": \"merge\"}}")));
	iterator = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			override = palloc0(sizeof(Override));
			override->pattern = list_make1(pnstrdup(value.val.string.val, value.val.string.len));
			overrides = lappend(overrides, override);
		}
		else if (token == WJB_VALUE)
		{
			override->settings = JsonbValueToJsonb(&value);
			(void) definition_take(row, override->settings, DEFINITION_OVERRIDE);
		}
	}
	return overrides;
}

/* A table of a source as connkit_create_sync() takes it. */
static char *
table_text(const Found *found)
{
	StringInfoData text;
	const char *parts[] = {found->schema, found->table};

	initStringInfo(&text);
	for (int i = 0; i < 2; i++)
	{
		const char *part = parts[i];

		if (part[0] == '\0')
			continue;
		if (text.len > 0)
			appendStringInfoChar(&text, '.');
		if (strpbrk(part, ".\"") == NULL && part[0] != ' ' && part[strlen(part) - 1] != ' ')
		{
			appendStringInfoString(&text, part);
			continue;
		}
		appendStringInfoChar(&text, '"');
		for (; *part; part++)
			appendStringInfo(&text, *part == '"' ? "\"%c" : "%c", *part);
		appendStringInfoChar(&text, '"');
	}
	return text.data;
}

/* Whether the table has a sync that the current role sees, and so gets no other. */
static bool
has_sync(const char *source, const Found *found)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(source), CStringGetTextDatum(found->schema), CStringGetTextDatum(found->table)};
	SPITupleTable *rows;
	uint64		count;

	/* without a schema it is the source's default one, which may be this */
	tables_execute("SELECT name FROM connkit.sync WHERE source = $1::name AND table_name = $3"
				   " AND (schema_name = $2 OR schema_name IS NULL) ORDER BY id", 3, types, values, NULL);
	rows = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		char	   *name = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);

		if (sync_lookup(name) == 0)
			continue;
		ereport(NOTICE,
				(errmsg("table %s has sync \"%s\" already", table_text(found), name)));
		return true;
	}
	return false;
}

/* Makes the sync of one table, and returns its row of the result. */
static void
create_one(ReturnSetInfo *rsinfo, Jsonb *row, List *overrides, const char *source, const char *schema, const Found *found)
{
	Datum		values[3];
	bool		nulls[3] = {false};
	Sync	   *sync;
	char	   *name;
	ListCell   *lc;

	foreach(lc, overrides)
	{
		Override   *override = lfirst(lc);

		if (!discover_patterns_match(override->pattern, found->schema, found->table))
			continue;
		override->met = true;
		row = definition_take(row, override->settings, DEFINITION_OVERRIDE);
	}
	row = definition_with(row, "schema_name", found->schema[0] ? found->schema : NULL);
	row = definition_with(row, "table_name", found->table);
	if (definition_text(row, "target_schema") == NULL && schema)
		row = definition_with(row, "target_schema", schema);
	name = definition_create(row, source, NULL);
	sync = sync_fetch(sync_lookup(name));
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(table_text(found));
	values[2] = CStringGetTextDatum(quote_qualified_identifier(sync->target_schema, sync->target_table));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Makes the schema of the targets, as the current role, where there is none. */
static void
make_schema(const char *schema)
{
	int			result;

	if (OidIsValid(get_namespace_oid(schema, true)))
		return;
	result = SPI_execute(psprintf("CREATE SCHEMA %s", quote_identifier(schema)), false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
}

/* connkit_create_syncs(source, target_schema, include, exclude, mode, settings, overrides) */
static void
create_all(SyncCall *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	const char *source = NameStr(*PG_GETARG_NAME(0));
	const char *schema = PG_ARGISNULL(1) ? NULL : NameStr(*PG_GETARG_NAME(1));
	Oid			serverid = definition_source(source);
	Jsonb	   *row = definition_defaults();
	List	   *overrides = NIL;
	List	   *tables;
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "connkit table", ALLOCSET_DEFAULT_SIZES);
	MemoryContext all = CurrentMemoryContext;
	ListCell   *lc;

	if (!PG_ARGISNULL(4))
		row = definition_take(row, definition_with(definition_none(), "mode", text_to_cstring(PG_GETARG_TEXT_PP(4))),
							  DEFINITION_ARGUMENT);
	if (!PG_ARGISNULL(5))
		row = definition_take(row, PG_GETARG_JSONB_P(5), DEFINITION_ALL);
	if (!PG_ARGISNULL(6))
		overrides = read_overrides(row, PG_GETARG_JSONB_P(6));
	tables = find_tables(serverid, PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2),
						 PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3));
	if (schema && tables != NIL)
		make_schema(schema);
	foreach(lc, tables)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(each);
		if (!has_sync(source, lfirst(lc)))
			create_one((ReturnSetInfo *) fcinfo->resultinfo, row, overrides, source, schema, lfirst(lc));
		MemoryContextSwitchTo(all);
		MemoryContextReset(each);
	}
	if (tables == NIL)
		ereport(NOTICE,
				(errmsg("source \"%s\" has no table that the patterns meet", source),
				 errhint("connkit_discover() lists what it has.")));
	foreach(lc, overrides)
		if (!((Override *) lfirst(lc))->met)
			ereport(NOTICE,
					(errmsg("no new sync meets the override \"%s\"", (char *) linitial(((Override *) lfirst(lc))->pattern))));
}

PG_FUNCTION_INFO_V1(connkit_create_syncs);

Datum
connkit_create_syncs(PG_FUNCTION_ARGS)
{
	(void) compat_materialize(fcinfo);
	(void) definition_call(fcinfo, "create", create_all);
	return (Datum) 0;
}
