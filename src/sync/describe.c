/*
 * describe.c: what the source's table looks like now.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "discover.h"
#include "sync.h"

/* What a walk finds of one table. */
typedef struct Description
{
	Sync	   *sync;
	char	   *schema;			/* of the columns, or NULL: none yet */
	List	   *keys;			/* KeyColumn */
} Description;

typedef struct KeyColumn
{
	char	   *key;
	bool		primary;
	int			position;
	char	   *column;
} KeyColumn;

static SyncColumn *
find_column(List *columns, const char *name)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		SyncColumn *column = lfirst(lc);

		if (strcmp(column->name, name) == 0)
			return column;
	}
	return NULL;
}

/* Adds a column of the source, in the current memory context. In the target its name is cut to what one can hold. */
static SyncColumn *
add_column(Sync *sync, const char *name, const char *source_type, const char *local_type)
{
	SyncColumn *column = palloc0(sizeof(SyncColumn));

	column->name = pstrdup(name);
	column->source_type = pstrdup(source_type);
	column->local_type = pstrdup(local_type);
	column->fate = COLUMN_TAKEN;
	column->target = pnstrdup(name, pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1));
	sync->columns = lappend(sync->columns, column);
	return column;
}

static void
describe_table(CkCatalog *catalog, const CatalogTable *table)
{
	Description *description = catalog->arg;

	if (table->comment)
		description->sync->comment = MemoryContextStrdup(description->sync->context, table->comment);
}

/* A connector that walks by itself may know no default schema, and tell of tables of that name in several. */
static void
check_schema(Description *description, const char *schema)
{
	Sync	   *sync = description->sync;

	if (description->schema == NULL)
		description->schema = pstrdup(schema);
	else if (strcmp(description->schema, schema) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_ALIAS),
				 errmsg("table \"%s\" is in schemas \"%s\" and \"%s\" of source \"%s\"", sync->table_name,
						description->schema, schema, sync->source),
				 errhint("Make the sync with the schema's name.")));
}

static void
describe_column(CkCatalog *catalog, const CatalogColumn *found)
{
	Description *description = catalog->arg;
	MemoryContext caller = MemoryContextSwitchTo(description->sync->context);
	SyncColumn *column;

	check_schema(description, found->schema);
	column = add_column(description->sync, found->name, found->source_type, found->local_type);
	column->not_null = found->not_null;
	column->comment = found->comment ? pstrdup(found->comment) : NULL;
	MemoryContextSwitchTo(caller);
}

static void
describe_key(CkCatalog *catalog, const CatalogKey *found)
{
	Description *description = catalog->arg;
	MemoryContext caller;
	KeyColumn  *column;

	if (found->kind != 'p' && found->kind != 'u')
		return;
	caller = MemoryContextSwitchTo(description->sync->context);
	column = palloc(sizeof(KeyColumn));
	column->key = pstrdup(found->name);
	column->primary = found->kind == 'p';
	column->position = found->position;
	column->column = pstrdup(found->column ? found->column : "");
	description->keys = lappend(description->keys, column);
	MemoryContextSwitchTo(caller);
}

/* Whether all columns of a key are columns of the table that are not null; a primary key's always are, and become so. */
static bool
key_is_usable(Description *description, const KeyColumn *key)
{
	ListCell   *lc;

	foreach(lc, description->keys)
	{
		KeyColumn  *part = lfirst(lc);
		SyncColumn *column;

		if (part->primary != key->primary || strcmp(part->key, key->key) != 0)
			continue;
		column = find_column(description->sync->columns, part->column);
		if (column == NULL || (!column->not_null && !part->primary))
			return false;
	}
	return true;
}

/* Numbers the columns of the primary key, or else of the first unique key by name whose columns are not null. */
static void
choose_key(Description *description)
{
	Sync	   *sync = description->sync;
	KeyColumn  *best = NULL;
	ListCell   *lc;

	foreach(lc, description->keys)
	{
		KeyColumn  *key = lfirst(lc);

		if (best && (best->primary || (!key->primary && strcmp(best->key, key->key) <= 0)))
			continue;
		if (key_is_usable(description, key))
			best = key;
	}
	sync->source_keyed = best != NULL;
	foreach(lc, description->keys)
	{
		KeyColumn  *key = lfirst(lc);
		SyncColumn *column;

		if (best == NULL || key->primary != best->primary || strcmp(key->key, best->key) != 0)
			continue;
		column = find_column(sync->columns, key->column);
		column->key = key->position;
		column->not_null = true;
	}
}

/* What is said of a column list that does not parse is said of the list, not of the statement around it. */
static void
column_list_error(void *list)
{
	errposition(0);
	errcontext("column list \"%s\"", (const char *) list);
}

/* The elements of a column list, as PostgreSQL's grammar has them in a row type; ERROR where it is anything else. */
static List *
parse_column_list(const char *list)
{
	List	   *statements = raw_parser(psprintf("CREATE TYPE x AS (%s\n)", list), RAW_PARSE_DEFAULT);
	CompositeTypeStmt *type = (CompositeTypeStmt *) linitial_node(RawStmt, statements)->stmt;
	bool		plain = list_length(statements) == 1 && type->coldeflist != NIL;
	ListCell   *lc;

	foreach(lc, plain ? type->coldeflist : NIL)
	{
		ColumnDef  *column = lfirst_node(ColumnDef, lc);

		plain &= column->collClause == NULL && !column->typeName->setof;
	}
	if (!plain)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("this is no list of columns with their types"),
				 errhint("Write the query's columns in their order, as in 'id bigint, name text'.")));
	return type->coldeflist;
}

/* The columns of a query are what its definition says. */
static void
describe_query(Sync *sync)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = column_list_error,
	.arg = sync->query_columns};
	MemoryContext caller = MemoryContextSwitchTo(sync->context);
	ListCell   *lc;

	error_context_stack = &callback;
	foreach(lc, parse_column_list(sync->query_columns))
	{
		ColumnDef  *column = lfirst_node(ColumnDef, lc);
		Oid			type;
		int32		typmod;
		char	   *local_type;

		typenameTypeIdAndMod(NULL, column->typeName, &type, &typmod);
		if (get_typtype(type) == TYPTYPE_PSEUDO)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("column \"%s\" has pseudo-type %s", column->colname, format_type_be(type))));
		if (find_column(sync->columns, column->colname))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" is named twice", column->colname)));
		local_type = format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN);
		(void) add_column(sync, column->colname, local_type, local_type);
	}
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(caller);
}

void
describe_source(Sync *sync)
{
	Description description = {.sync = sync};
	CkCatalog	catalog = {.column = describe_column, .key = describe_key, .arg = &description, .default_schema = true};

	sync->columns = NIL;
	sync->source_keyed = false;
	if (sync->query)
	{
		describe_query(sync);
		return;
	}
	/* the table's comment is for a target that is made */
	if (sync->shape == NIL)
		catalog.table = describe_table;
	if (sync->schema_name)
		catalog.schemas = list_make1(makeString(sync->schema_name));
	catalog.tables = list_make1(makeString(sync->table_name));
	discover_walk(&catalog, sync->serverid, GetUserId());
	if (sync->columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
				 errmsg("table \"%s\" is not present on source \"%s\"",
						sync->schema_name ? psprintf("%s.%s", sync->schema_name, sync->table_name) : sync->table_name,
						sync->source),
				 errhint("It may have another name or schema, names are compared letter by letter, or the account may not "
						 "read it: connkit_discover() finds what the account sees.")));
	choose_key(&description);
}

/* Appends "name": with the text as JSON, or nothing where there is none. */
static void
append_text(StringInfo json, const char *name, const char *text)
{
	if (text == NULL)
		return;
	appendStringInfo(json, "%s\"%s\": ", json->data[json->len - 1] == '{' ? "" : ", ", name);
	escape_json(json, text);
}

static const char *const fate_names[] = {"taken", "left out", "rejects"};

Jsonb *
shape_to_json(List *columns)
{
	StringInfoData json;
	ListCell   *lc;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach(lc, columns)
	{
		SyncColumn *column = lfirst(lc);

		appendStringInfoString(&json, foreach_current_index(lc) > 0 ? ", {" : "{");
		append_text(&json, "name", column->name);
		append_text(&json, "source_type", column->source_type);
		append_text(&json, "local_type", column->local_type);
		append_text(&json, "comment", column->comment);
		append_text(&json, "fate", fate_names[column->fate]);
		append_text(&json, "target", column->target);
		appendStringInfo(&json, ", \"not_null\": %s, \"key\": %d}", column->not_null ? "true" : "false", column->key);
	}
	appendStringInfoChar(&json, ']');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* The text of a member, or NULL where there is none. */
static char *
member_text(JsonbContainer *object, const char *name)
{
	JsonbValue	value;

	if (!getKeyJsonValueFromContainer(object, name, strlen(name), &value) || value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static SyncColumn *
column_from_json(JsonbContainer *object)
{
	SyncColumn *column = palloc0(sizeof(SyncColumn));
	char	   *fate = member_text(object, "fate");
	JsonbValue	value;

	column->name = member_text(object, "name");
	column->source_type = member_text(object, "source_type");
	column->local_type = member_text(object, "local_type");
	column->comment = member_text(object, "comment");
	column->target = member_text(object, "target");
	if (column->name == NULL || column->source_type == NULL || column->local_type == NULL || column->target == NULL)
		elog(ERROR, "the state of the sync has a column without its name or type");
	for (int i = 0; fate && i < lengthof(fate_names); i++)
		if (strcmp(fate_names[i], fate) == 0)
			column->fate = (ColumnFate) i;
	if (getKeyJsonValueFromContainer(object, "not_null", 8, &value) && value.type == jbvBool)
		column->not_null = value.val.boolean;
	if (getKeyJsonValueFromContainer(object, "key", 3, &value) && value.type == jbvNumeric)
		column->key = DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value.val.numeric)));
	return column;
}

List *
shape_from_json(Jsonb *json)
{
	List	   *columns = NIL;
	uint32		count = JsonContainerIsArray(&json->root) ? JsonContainerSize(&json->root) : 0;

	for (uint32 i = 0; i < count; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(&json->root, i);

		if (value->type == jbvBinary)
			columns = lappend(columns, column_from_json(value->val.binary.data));
	}
	return columns;
}
