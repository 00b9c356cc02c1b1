/*
 * import.c: IMPORT FOREIGN SCHEMA: definitions of foreign tables from what the source's catalog tells.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parser.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "discover.h"
#include "fdw.h"
#include "registry.h"
#include "scan.h"
#include "typemap.h"

/* A local type that was asked for. */
typedef struct TypeOverride
{
	char	   *pattern;		/* of table.column or of a source type */
	char	   *local_type;
} TypeOverride;

/* A name that is taken, with what took it. */
typedef struct TakenName
{
	char		name[NAMEDATALEN];	/* key */
	const char *remote;
} TakenName;

typedef struct Import
{
	ImportForeignSchemaStmt *stmt;
	bool		native;			/* the source is PostgreSQL: its expressions and collations are ours */
	bool		not_null;
	bool		defaults;
	bool		generated;
	bool		collate;
	bool		views;
	bool		keys;			/* rows are found again by their keys: the source tells them apart by nothing else */
	bool		lower;
	List	   *types;			/* TypeOverride */

	MemoryContext context;
	HTAB	   *tables;			/* ImportTable, by name at the source */
	List	   *order;			/* the same in the source's order */
	HTAB	   *taken;			/* local names */
	bool		any;			/* the schema holds something */
	Oid			serverid;
} Import;

typedef struct ImportTable
{
	const char *name;			/* key: at the source */
	char	   *local_name;
	char	   *schema;
	bool		typed;			/* its columns' source types are kept */
	HTAB	   *taken;			/* local names of columns */
	List	   *columns;		/* ImportColumn */
	List	   *keys;			/* ImportKey: primary and unique ones */
} ImportTable;

typedef struct ImportColumn
{
	const char *name;			/* at the source */
	char	   *definition;		/* local name and type */
	char	   *options;		/* in parentheses, or NULL */
	char	   *constraints;
	bool		not_null;
} ImportColumn;

typedef struct ImportKey
{
	const char *name;
	bool		primary;
	List	   *columns;		/* String: names at the source */
} ImportKey;

static HTAB *
taken_names_create(MemoryContext context, long size)
{
	HASHCTL		control = {.keysize = NAMEDATALEN, .entrysize = sizeof(TakenName), .hcxt = context};

	return hash_create("connkit names", size, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* Splits text at commas that stand outside parentheses. */
static List *
split_types(char *text)
{
	List	   *parts = NIL;
	int			depth = 0;
	bool		quoted = false;
	char	   *begin = text;

	for (;; text++)
	{
		char		c = *text;

		if (c == '\'' && depth > 0)
			quoted = !quoted;
		else if (!quoted && c == '(')
			depth++;
		else if (!quoted && c == ')')
			depth--;
		else if (c == '\0' || (c == ',' && depth <= 0))
		{
			*text = '\0';
			parts = lappend(parts, begin);
			begin = text + 1;
		}
		if (c == '\0')
			return parts;
	}
}

static char *
trim(char *text)
{
	char	   *end;

	while (scanner_isspace(*text))
		text++;
	end = text + strlen(text);
	while (end > text && scanner_isspace(end[-1]))
		*--end = '\0';
	return text;
}

/* "orders.total=numeric(12,2), tinyint(1)=boolean" as a list of TypeOverride. */
static List *
parse_types(const char *value)
{
	List	   *types = NIL;
	ListCell   *lc;

	foreach(lc, split_types(pstrdup(value)))
	{
		char	   *part = trim(lfirst(lc));
		char	   *equals = strrchr(part, '=');
		TypeOverride *type = palloc(sizeof(TypeOverride));

		if (*part == '\0')
			continue;
		if (equals == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("invalid value for option \"types\": \"%s\" has no equals sign", part),
					 errhint("Write types 'table.column=type, source type=type'.")));
		*equals = '\0';
		type->pattern = trim(part);
		type->local_type = typemap_known(trim(equals + 1));
		if (type->local_type == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("type \"%s\" of option \"types\" does not exist", trim(equals + 1))));
		types = lappend(types, type);
	}
	return types;
}

static void
parse_options(Import *import, List *options)
{
	ListCell   *lc;

	import->not_null = import->generated = import->collate = import->views = true;
	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const char *name = def->defname;

		if (strcmp(name, "import_not_null") == 0)
			import->not_null = defGetBoolean(def);
		else if (strcmp(name, "import_default") == 0)
			import->defaults = defGetBoolean(def);
		else if (strcmp(name, "import_generated") == 0)
			import->generated = defGetBoolean(def);
		else if (strcmp(name, "import_collate") == 0)
			import->collate = defGetBoolean(def);
		else if (strcmp(name, "import_views") == 0)
			import->views = defGetBoolean(def);
		else if (strcmp(name, "types") == 0)
			import->types = parse_types(defGetString(def));
		else if (strcmp(name, "name_case") == 0 && strcmp(defGetString(def), "lower") == 0)
			import->lower = true;
		else if (strcmp(name, "name_case") == 0 && strcmp(defGetString(def), "keep") == 0)
			import->lower = false;
		else if (strcmp(name, "name_case") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("invalid value for option \"name_case\""),
					 errhint("It is keep or lower.")));
		else
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\" for IMPORT FOREIGN SCHEMA", name),
					 errhint("Valid options are import_not_null, import_default, import_generated, import_collate, "
							 "import_views, types and name_case.")));
	}
	if (import->defaults && !import->native)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("option \"import_default\" is for sources that are PostgreSQL"),
				 errdetail("Other sources write defaults in a language of their own.")));
}

/*
 * The local name for a name of the source: lower case where asked, cut to what a name can hold, and numbered where
 * cutting made it one that is taken.
 */
static char *
local_name(Import *import, const char *remote, HTAB *taken, const char *kind, int number)
{
	char	   *name = import->lower ? downcase_identifier(remote, strlen(remote), false, false) : pstrdup(remote);
	bool		cut = strlen(name) >= NAMEDATALEN;
	char	   *local;
	TakenName  *entry;
	bool		found;

	if (name[0] == '\0')
		name = psprintf("%s_%d", kind, number);
	local = pnstrdup(name, pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1));
	entry = hash_search(taken, local, HASH_ENTER, &found);
	for (int i = 2; found && cut; i++)
	{
		char	   *suffix = psprintf("_%d", i);

		local = psprintf("%.*s%s", pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1 - strlen(suffix)), name, suffix);
		entry = hash_search(taken, local, HASH_ENTER, &found);
	}
	if (found)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("%ss \"%s\" and \"%s\" of the source would both be named \"%s\"", kind, entry->remote, remote, local),
				 errhint("Import with name_case 'keep', or leave the table out with EXCEPT and create it by hand.")));
	entry->remote = pstrdup(remote);
	if (cut)
		ereport(NOTICE,
				(errmsg("%s \"%s\" of the source is named \"%s\" here", kind, remote, local)));
	return local;
}

static void
import_table(CkCatalog *catalog, const CatalogTable *t)
{
	Import	   *import = catalog->arg;
	MemoryContext caller = MemoryContextSwitchTo(import->context);
	const char *name = pstrdup(t->table);
	ImportTable *table;
	char	   *local;

	import->any = true;
	if (import->views || strstr(t->kind, "view") == NULL)
	{
		local = local_name(import, name, import->taken, "table", list_length(import->order) + 1);
		if (IsImportableForeignTable(local, import->stmt))
		{
			table = hash_search(import->tables, &name, HASH_ENTER, NULL);
			table->local_name = local;
			table->schema = pstrdup(t->schema);
			table->typed = source_is_typed(import->serverid, table->schema, name);
			table->taken = NULL;
			table->columns = table->keys = NIL;
			import->order = lappend(import->order, table);
		}
	}
	MemoryContextSwitchTo(caller);
}

/* The local type of a column, by the overrides or as the type rules found it. */
static const char *
column_type(Import *import, const CatalogColumn *column, bool *overridden)
{
	char	   *place = psprintf("%s.%s", column->table, column->name);
	char	   *type = asc_tolower(column->source_type, strlen(column->source_type));
	ListCell   *lc;

	*overridden = true;
	foreach(lc, import->types)
	{
		TypeOverride *override = lfirst(lc);

		if (typemap_glob(override->pattern, place) || typemap_glob(override->pattern, type))
			return override->local_type;
	}
	*overridden = false;
	return column->local_type;
}

/* Appends the collation, where the local server has one of that name for the type. */
static void
append_collation(StringInfo text, const CatalogColumn *column, const char *type)
{
	Oid			oid;
	int32		typmod;

	compat_parse_type(type, &oid, &typmod);
	if (!OidIsValid(get_typcollation(oid)))
		return;
	if (OidIsValid(get_collation_oid(list_make1(makeString(pstrdup(column->collation))), true)))
		appendStringInfo(text, " COLLATE %s", quote_identifier(column->collation));
	else
		ereport(NOTICE,
				(errmsg("collation \"%s\" of column \"%s.%s\" does not exist here", column->collation, column->table,
						column->name),
				 errdetail("The column gets the default collation; comparisons of its text are made here.")));
}

/* Appends an expression of the source; ERROR where it is anything else, for it becomes part of a command. */
static void
append_expression(StringInfo text, const char *before, const char *expression, const char *behind)
{
	(void) raw_parser(expression, RAW_PARSE_PLPGSQL_EXPR);
	appendStringInfo(text, " %s (%s\n)%s", before, expression, behind);
}

static void
import_column(CkCatalog *catalog, const CatalogColumn *column)
{
	Import	   *import = catalog->arg;
	MemoryContext caller;
	ImportTable *table = hash_search(import->tables, &column->table, HASH_FIND, NULL);
	ImportColumn *imported;
	StringInfoData text;
	char	   *local;
	const char *type;
	bool		overridden;

	if (table == NULL)
		return;
	caller = MemoryContextSwitchTo(import->context);
	if (table->taken == NULL)
		table->taken = taken_names_create(import->context, 16);
	local = local_name(import, column->name, table->taken, "column", column->position);
	type = column_type(import, column, &overridden);
	imported = palloc0(sizeof(ImportColumn));
	imported->name = pstrdup(column->name);
	imported->definition = psprintf("%s %s", quote_identifier(local), type);
	imported->not_null = column->not_null;
	if (strcmp(local, column->name) != 0)
		imported->options = psprintf("column_name %s", quote_literal_cstr(column->name));
	if (table->typed)
		imported->options = psprintf("%s%ssource_type %s", imported->options ? imported->options : "",
									 imported->options ? ", " : "", quote_literal_cstr(column->source_type));
	initStringInfo(&text);
	if (import->collate && import->native && column->collation && !overridden)
		append_collation(&text, column, type);
	if (import->defaults && column->initial && column->generated == NULL)
		append_expression(&text, "DEFAULT", column->initial, "");
	if (import->generated && import->native && column->generated)
		append_expression(&text, "GENERATED ALWAYS AS", column->generated, " STORED");
	if (import->not_null && column->not_null)
		appendStringInfoString(&text, " NOT NULL");
	imported->constraints = text.data;
	table->columns = lappend(table->columns, imported);
	MemoryContextSwitchTo(caller);
}

static void
import_key(CkCatalog *catalog, const CatalogKey *key)
{
	Import	   *import = catalog->arg;
	ImportTable *table = hash_search(import->tables, &key->table, HASH_FIND, NULL);
	ImportKey  *last = table && table->keys ? llast(table->keys) : NULL;
	MemoryContext caller;

	if (table == NULL || key->kind == 'f')
		return;
	caller = MemoryContextSwitchTo(import->context);
	if (last == NULL || strcmp(last->name, key->name) != 0)
	{
		last = palloc0(sizeof(ImportKey));
		last->name = pstrdup(key->name);
		last->primary = key->kind == 'p';
		table->keys = lappend(table->keys, last);
	}
	last->columns = lappend(last->columns, makeString(pstrdup(key->column)));
	MemoryContextSwitchTo(caller);
}

/* True where the columns of the key are all there and, but for a primary key, which SQLite lets be NULL, never NULL. */
static bool
key_identifies(ImportTable *table, ImportKey *key)
{
	int			found = 0;
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		ImportColumn *column = lfirst(lc);

		if ((key->primary || column->not_null) && list_member(key->columns, makeString((char *) column->name)))
			found++;
	}
	return found == list_length(key->columns);
}

/* The columns by which a row is found again: of the primary key, else of a unique one. */
static List *
identifying_columns(ImportTable *table)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, table->keys)
	{
		ImportKey  *key = lfirst(lc);

		if (!key_identifies(table, key))
			continue;
		if (key->primary)
			return key->columns;
		if (columns == NIL)
			columns = key->columns;
	}
	return columns;
}

static void
collect_schema(CkCatalog *catalog, const CatalogTable *table)
{
	List	  **schemas = catalog->arg;
	MemoryContext caller = MemoryContextSwitchTo(catalog->context);

	if (!list_member(*schemas, makeString((char *) table->schema)))
		*schemas = lappend(*schemas, makeString(pstrdup(table->schema)));
	MemoryContextSwitchTo(caller);
}

/* Nothing was found: raises the error unless the schema has tables of other names. */
static void
check_schema(ImportForeignSchemaStmt *stmt, Oid serverid)
{
	List	   *schemas = NIL;
	CkCatalog	catalog = {.table = collect_schema, .arg = &schemas};
	StringInfoData hint;
	ListCell   *lc;

	discover_walk(&catalog, serverid, GetUserId());
	if (list_member(schemas, makeString(stmt->remote_schema)))
		return;
	initStringInfo(&hint);
	if (schemas == NIL)
		appendStringInfoString(&hint, "The account sees no tables at all: grant it the right to read them.");
	else
		appendStringInfoString(&hint, "Schemas with tables that the account sees: ");
	foreach(lc, schemas)
	{
		appendStringInfo(&hint, "%s%s", foreach_current_index(lc) > 0 ? ", " : "", strVal(lfirst(lc)));
		if (foreach_current_index(lc) == 19 && lnext(schemas, lc))
		{
			appendStringInfoString(&hint, ", ...");
			break;
		}
	}
	if (schemas)
		appendStringInfoChar(&hint, '.');
	ereport(ERROR,
			(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
			 errmsg("schema \"%s\" is not present on source \"%s\"", stmt->remote_schema, stmt->server_name),
			 errhint("%s", hint.data)));
}

/*
 * Names of LIMIT TO and EXCEPT as the source's own names, for it to list no more than needed; NIL where a name here may
 * be another one there.
 */
static List *
listed_names(Import *import)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, import->stmt->table_list)
	{
		char	   *name = ((RangeVar *) lfirst(lc))->relname;

		if (import->lower || strlen(name) >= NAMEDATALEN - 1)
			return NIL;
		names = lappend(names, makeString(name));
	}
	return names;
}

static char *
table_command(Import *import, ImportTable *table)
{
	StringInfoData text;
	List	   *keys = import->keys ? identifying_columns(table) : NIL;
	ListCell   *lc;

	if (table->columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("table \"%s\" of the source has no columns that the account may read", table->name),
				 errhint("Leave it out with EXCEPT.")));
	initStringInfo(&text);
	appendStringInfo(&text, "CREATE FOREIGN TABLE %s (", quote_identifier(table->local_name));
	foreach(lc, table->columns)
	{
		ImportColumn *column = lfirst(lc);
		bool		key = list_member(keys, makeString((char *) column->name));

		appendStringInfo(&text, "%s\n\t%s", lc == list_head(table->columns) ? "" : ",", column->definition);
		if (column->options || key)
			appendStringInfo(&text, " OPTIONS (%s%s%s)", column->options ? column->options : "",
							 column->options && key ? ", " : "", key ? "key 'true'" : "");
		appendStringInfoString(&text, column->constraints);
	}
	appendStringInfo(&text, "\n) SERVER %s\nOPTIONS (", quote_identifier(import->stmt->server_name));
	if (table->schema[0])
		appendStringInfo(&text, "schema_name %s, ", quote_literal_cstr(table->schema));
	appendStringInfo(&text, "table_name %s);", quote_literal_cstr(table->name));
	return text.data;
}

/* Tells which tables of LIMIT TO there are not. */
static void
check_limit(Import *import)
{
	ListCell   *lc;

	if (import->stmt->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO)
		return;
	foreach(lc, import->stmt->table_list)
	{
		char	   *name = ((RangeVar *) lfirst(lc))->relname;

		if (!hash_search(import->taken, name, HASH_FIND, NULL))
			ereport(WARNING,
					(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					 errmsg("table \"%s\" is not present in schema \"%s\" of source \"%s\"", name,
							import->stmt->remote_schema, import->stmt->server_name)));
	}
}

List *
fdw_import_schema(ImportForeignSchemaStmt *stmt, Oid serverid)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	Import		import = {.stmt = stmt, .context = CurrentMemoryContext, .serverid = serverid};
	CkCatalog	catalog = {.table = import_table, .column = import_column, .arg = &import};
	List	   *commands = NIL;
	ListCell   *lc;

	import.native = connector->sql && connector->sql->native;
	import.keys = (connector->caps & CK_WRITE) && (connector->sql == NULL || connector->sql->row_id == NULL);
	if (import.keys)
		catalog.key = import_key;
	parse_options(&import, stmt->options);
	import.tables = discover_text_table("connkit tables", sizeof(ImportTable));
	import.taken = taken_names_create(CurrentMemoryContext, 256);
	catalog.schemas = list_make1(makeString(stmt->remote_schema));
	catalog.tables = listed_names(&import);
	catalog.tables_except = stmt->list_type == FDW_IMPORT_SCHEMA_EXCEPT;
	discover_walk(&catalog, serverid, GetUserId());
	if (!import.any)
		check_schema(stmt, serverid);
	check_limit(&import);
	foreach(lc, import.order)
		commands = lappend(commands, table_command(&import, lfirst(lc)));
	return commands;
}
