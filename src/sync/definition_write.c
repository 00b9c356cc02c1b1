/*
 * definition_write.c: syncs made, changed and dropped: connkit_create_sync() and its like.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "parser/scansup.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "audit.h"
#include "compat.h"
#include "definition.h"
#include "registry.h"
#include "rolemark.h"
#include "scan.h"
#include "tables.h"

/* Columns of connkit.sync that a definition sets. */
#define COLUMNS "name, owner, owner_mark, source, schema_name, table_name, query, query_columns, target_schema, target_table," \
	" mode, write, cursor_column, initial_value, lookback, half_open, key_columns, columns, mapping, filter, deletes," \
	" deleted_column, policy, max_rejected, keep_rejected, chunk_rows, resumable, replace_rows, create_indexes, search_path," \
	" paused, webhook"

/*
 * A definition as a JSON object
 */

Jsonb *
definition_none(void)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
}

Jsonb *
definition_with_value(Jsonb *row, const char *column, JsonbValue *value)
{
	JsonbParseState *state = NULL;
	JsonbValue	key = {.type = jbvString};
	Jsonb	   *member;

	key.val.string.val = unconstify(char *, column);
	key.val.string.len = strlen(column);
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	(void) pushJsonbValue(&state, WJB_KEY, &key);
	(void) pushJsonbValue(&state, WJB_VALUE, value);
	member = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(row), JsonbPGetDatum(member)));
}

Jsonb *
definition_with(Jsonb *row, const char *column, const char *text)
{
	JsonbValue	value = {.type = text ? jbvString : jbvNull};

	if (text)
	{
		value.val.string.val = unconstify(char *, text);
		value.val.string.len = strlen(text);
	}
	return definition_with_value(row, column, &value);
}

char *
definition_text(Jsonb *row, const char *column)
{
	JsonbValue	value;

	if (!getKeyJsonValueFromContainer(&row->root, column, strlen(column), &value) || value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* Whether the column is not the same in both. */
static bool
differs(Jsonb *a, Jsonb *b, const char *column)
{
	JsonbValue	values[2] = {{.type = jbvNull}, {.type = jbvNull}};
	Jsonb	   *rows[] = {a, b};
	char	   *texts[2];

	for (int i = 0; i < 2; i++)
	{
		Jsonb	   *value;

		(void) getKeyJsonValueFromContainer(&rows[i]->root, column, strlen(column), &values[i]);
		value = JsonbValueToJsonb(&values[i]);
		texts[i] = JsonbToCString(NULL, &value->root, VARSIZE(value));
	}
	return strcmp(texts[0], texts[1]) != 0;
}

/* The first column of the first row of what a statement on the tables returns, as JSON; NULL where it returns none. */
static Jsonb *
query_row(const char *sql, int64 id)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(id);
	bool		isnull;

	tables_execute(sql, 1, &type, &value, NULL);
	if (SPI_processed == 0)
		return NULL;
	return DatumGetJsonbPCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* What the audit log tells of a sync. */
static Jsonb *
audited_row(int64 id)
{
	return query_row("SELECT jsonb_strip_nulls(to_jsonb(s) - '{id,owner_mark,created_at}'::text[])"
					 " FROM connkit.sync AS s WHERE id = $1", id);
}

/*
 * What a new sync needs
 */

/* The schema that an unqualified target is in. */
static char *
target_schema_now(void)
{
	List	   *path = fetch_search_path(false);

	if (path == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("no schema has been selected for the target"),
				 errhint("Name the target with its schema: \"schema.table\".")));
	return get_namespace_name(linitial_oid(path));
}

/* The search_path as it is now, with what it stands for; temporary objects come last. */
static char *
current_path(void)
{
	StringInfoData path;
	ListCell   *lc;

	initStringInfo(&path);
	foreach(lc, fetch_search_path(false))
		if (!isTempNamespace(lfirst_oid(lc)))
			appendStringInfo(&path, "%s, ", quote_identifier(get_namespace_name(lfirst_oid(lc))));
	appendStringInfoString(&path, "pg_temp");
	return path.data;
}

Oid
definition_source(const char *source)
{
	Oid			serverid = get_foreign_server_oid(source, true);

	if (!OidIsValid(serverid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("source \"%s\" does not exist", source),
				 errhint("connkit.source lists those that the current role may use.")));
	if (compat_server_aclcheck(serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for foreign server %s", source),
				 errhint("Its owner grants USAGE ON FOREIGN SERVER.")));
	if (registry_name_of_wrapper(GetForeignServer(serverid)->fdwid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is no source of connkit", source),
				 errhint("Make the server with a wrapper that connkit.connector lists.")));
	return serverid;
}

/* Adds what follows from other settings where it is not said: target, write, search_path. */
static Jsonb *
complete(Jsonb *row)
{
	char	   *mode = definition_text(row, "mode");
	char	   *table = definition_text(row, "table_name");
	JsonbValue	key;

	if (definition_text(row, "target_table") == NULL)
	{
		if (table == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a sync of a query needs a target"),
					 errhint("Name the table of this database that its rows go to.")));
		truncate_identifier(table, strlen(table), true);
		row = definition_with(row, "target_table", table);
	}
	if (definition_text(row, "target_schema") == NULL)
		row = definition_with(row, "target_schema", target_schema_now());
	if (definition_text(row, "search_path") == NULL)
		row = definition_with(row, "search_path", current_path());
	if (definition_text(row, "write") == NULL)
	{
		bool		keyed = getKeyJsonValueFromContainer(&row->root, "key_columns", strlen("key_columns"), &key) &&
			key.type != jbvNull;

		row = definition_with(row, "write", strcmp(mode, "full_refresh") == 0 ? "replace" :
							  strcmp(mode, "incremental") == 0 && !keyed ? "append" : "merge");
	}
	return row;
}

/* ERROR unless the sync's owner may write to the target, or make it: nobody is to claim tables of others. */
static void
check_target_rights(const Sync *sync, Oid schema)
{
	Oid			role = OidIsValid(sync->owner) ? sync->owner : GetUserId();
	Oid			table = get_relname_relid(sync->target_table, schema);
	char	   *target = quote_qualified_identifier(sync->target_schema, sync->target_table);

	if (compat_schema_aclcheck(schema, role, OidIsValid(table) ? ACL_USAGE : ACL_CREATE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" has no rights in the schema of target %s", GetUserNameFromId(role, false), target),
				 errhint("Its owner grants USAGE, and for a table that is not there yet CREATE.")));
	if (OidIsValid(table) && pg_class_aclcheck(table, role, ACL_INSERT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not insert into target %s", GetUserNameFromId(role, false), target),
				 errhint("Its owner grants INSERT.")));
}

/* ERROR where the target cannot be one, or is another sync's that cannot share it. */
static void
check_target(const Sync *sync)
{
	char	   *target = quote_qualified_identifier(sync->target_schema, sync->target_table);
	Oid			types[] = {TEXTOID, TEXTOID, INT8OID, BOOLOID};
	Datum		values[] = {CStringGetTextDatum(sync->target_schema), CStringGetTextDatum(sync->target_table),
	Int64GetDatum(sync->id), BoolGetDatum(sync->write == SYNC_APPEND)};
	Oid			schema = get_namespace_oid(sync->target_schema, true);
	char	   *name;
	bool		mine;

	if (strncmp(sync->target_schema, "pg_temp", strlen("pg_temp")) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a temporary table is no target of a sync"),
				 errhint("A target outlives the session; name a table of another schema.")));
	if (!OidIsValid(schema))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema \"%s\" does not exist", sync->target_schema),
				 errhint("CREATE SCHEMA makes it; the table is made by the first run.")));
	check_target_rights(sync, schema);
	/* two that are made at once look one after the other */
	LockDatabaseObject(get_relname_relid("sync_state", get_namespace_oid("connkit", false)),
					   hash_bytes((unsigned char *) target, strlen(target)), 0, ExclusiveLock);
	tables_execute("SELECT name FROM connkit.sync WHERE target_schema = $1::name AND target_table = $2::name AND id <> $3"
				   " AND NOT ($4 AND write = 'append') LIMIT 1", 4, types, values, NULL);
	if (SPI_processed == 0)
		return;
	name = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	mine = sync_lookup(name) > 0;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 mine ? errmsg("table %s is the target of sync \"%s\"", target, name) :
			 errmsg("table %s is the target of another role's sync", target),
			 errhint("Choose another target: syncs that do not all append would undo each other's work.")));
}

/* Stores a new row; false where the name is taken. */
static bool
insert_row(Jsonb *row)
{
	Oid			type = JSONBOID;
	Datum		value = JsonbPGetDatum(row);

	tables_execute("INSERT INTO connkit.sync (" COLUMNS ")"
				   " SELECT " COLUMNS " FROM jsonb_populate_record(NULL::connkit.sync, $1)"
				   " ON CONFLICT (name) DO NOTHING", 1, &type, &value, NULL);
	return SPI_processed > 0;
}

/* ERROR where the name is none, or taken. */
static void
check_name(const char *name)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);

	tables_execute("SELECT FROM connkit.sync WHERE name = $1", 1, &type, &value, NULL);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("sync \"%s\" already exists", name),
				 errhint("Choose another name: a database has one sync of a name, whoever owns it.")));
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of a sync may not be empty"),
				 errhint("Leave it out to have one chosen.")));
}

/* An incremental sync that is told no cursor takes the one that the source's table has, and what goes with that. */
static Jsonb *
with_cursor(Jsonb *row, Oid serverid)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	Sync	   *sync = sync_from_row(row);
	const CkSql *sql = NULL;

	if (sync->mode == SYNC_INCREMENTAL && sync->cursor_column == NULL && sync->table_name && (connector->caps & CK_FILTERS))
		sql = connector->dialect(connector, source_options(serverid, NIL)->parsed, sync->schema_name, sync->table_name);
	if (sql && sql->cursor_column)
	{
		row = definition_with(row, "cursor_column", sql->cursor_column);
		if (sql->cursor_start && sync->initial_value == NULL)
			row = definition_with(row, "initial_value", sql->cursor_start);
		if (sql->cursor_lookback && sync->lookback == NULL)
			row = definition_with(row, "lookback", sql->cursor_lookback);
	}
	MemoryContextDelete(sync->context);
	return row;
}

char *
definition_create(Jsonb *row, const char *source, const char *name)
{
	Oid			serverid = definition_source(source);
	AuditEvent	event = {.action = "create", .object_type = "sync"};
	char	   *base;
	char	   *chosen;
	Sync	   *sync;

	if (name)
		check_name(name);
	event.organization = GetUserNameFromId(GetUserId(), false);
	row = definition_with(row, "owner", event.organization);
	row = definition_with(row, "owner_mark", rolemark_make(GetUserId()));
	row = definition_with(row, "source", GetForeignServer(serverid)->servername);
	row = with_cursor(complete(row), serverid);
	sync = sync_from_row(row);
	definition_check(sync);
	check_target(sync);
	base = psprintf("%s.%s", source, sync->table_name ? sync->table_name : sync->target_table);
	chosen = name ? pstrdup(name) : base;
	for (int i = 2; !insert_row(definition_with(row, "name", chosen)); i++)
	{
		if (name)
			check_name(name);
		else
			chosen = psprintf("%s_%d", base, i);
	}
	event.object = chosen;
	event.new_value = audited_row(sync_lookup(chosen));
	audit_write(&event);
	MemoryContextDelete(sync->context);
	return chosen;
}

/*
 * The calls
 */

static bool
argument_text(FunctionCallInfo fcinfo, int i, char **value)
{
	*value = PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
	return *value != NULL;
}

/* An array of texts as JSON; NULLs are null, which no setting takes. */
static Jsonb *
array_to_jsonb(ArrayType *array)
{
	JsonbParseState *state = NULL;
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < count; i++)
	{
		JsonbValue	item = {.type = nulls[i] ? jbvNull : jbvString};

		if (!nulls[i])
		{
			item.val.string.val = TextDatumGetCString(values[i]);
			item.val.string.len = strlen(item.val.string.val);
		}
		(void) pushJsonbValue(&state, WJB_ELEM, &item);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/* connkit_create_sync(source, table_name, target, mode, write, name, query, query_columns, cursor_column, key_columns,
 * settings) */
static void
sync_create(SyncCall *call)
{
	static const struct
	{
		int			number;
		const char *name;
	}			texts[] = {{1, "table_name"}, {2, "target"}, {3, "mode"}, {4, "write"}, {6, "query"}, {7, "query_columns"},
	{8, "cursor_column"}};
	FunctionCallInfo fcinfo = call->fcinfo;
	Jsonb	   *row = definition_defaults();
	Jsonb	   *arguments = definition_none();
	char	   *text;

	for (int i = 0; i < lengthof(texts); i++)
		if (argument_text(fcinfo, texts[i].number, &text))
			arguments = definition_with(arguments, texts[i].name, text);
	if (!PG_ARGISNULL(9))
	{
		JsonbValue	value = {.type = jbvBinary};
		Jsonb	   *list = array_to_jsonb(PG_GETARG_ARRAYTYPE_P(9));

		value.val.binary.data = &list->root;
		value.val.binary.len = VARSIZE(list) - VARHDRSZ;
		arguments = definition_with_value(arguments, "key_columns", &value);
	}
	row = definition_take(row, arguments, DEFINITION_ARGUMENT);
	if (!PG_ARGISNULL(10))
		row = definition_take(row, PG_GETARG_JSONB_P(10), DEFINITION_CREATE);
	if (argument_text(fcinfo, 5, &text))
		call->event.object = text;
	call->event.object = MemoryContextStrdup(call->context, definition_create(row, NameStr(*PG_GETARG_NAME(0)), text));
}

/* The sync that a call names; with exclusive, no run of it is under way, nor begins before the transaction ends. */
static Sync *
open_sync(SyncCall *call, bool exclusive)
{
	int64		id = sync_lookup(call->event.object);
	Sync	   *sync;

	if (id > 0 && exclusive && (sync_runs_here(id) || !sync_lock(id, false)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("sync \"%s\" is running or being changed", call->event.object),
				 errhint("Wait for the end of its run, which connkit.sync_run shows.")));
	/* what was true before the lock need not be now */
	sync = id > 0 ? sync_fetch(id) : NULL;
	if (sync == NULL || strcmp(sync->name, call->event.object) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("sync \"%s\" does not exist", call->event.object),
				 errhint("connkit.sync lists those of the current role and of roles whose rights it has.")));
	sync_check_owner(sync, GetUserId());
	if (OidIsValid(sync->owner))
		call->event.organization = GetUserNameFromId(sync->owner, false);
	return sync;
}

static void
forget_position(int64 id)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(id);

	tables_execute("UPDATE connkit.sync_state SET position = NULL, seen = NULL, seen_columns = NULL, seen_from = NULL, tail = 0"
				   " WHERE sync = $1", 1, &type, &value, NULL);
	/* nobody knows what the next run will read */
	tables_execute("UPDATE connkit.rejected_row SET comes_again = false WHERE sync = $1 AND comes_again", 1, &type, &value, NULL);
}

/* What becomes of the state where a definition is changed. */
static void
alter_state(const Sync *sync, const Sync *changed, Jsonb *old, Jsonb *new)
{
	/* which rows there are to be read, and what of them is stored where */
	static const char *const columns[] = {"schema_name", "table_name", "query", "filter", "columns", "key_columns", "mapping",
	"mode", "write", "initial_value", "target_schema", "target_table"};
	Oid			type = INT8OID;
	Datum		id = Int64GetDatum(sync->id);

	if (differs(old, new, "target_schema") || differs(old, new, "target_table"))
		tables_execute("UPDATE connkit.sync_state SET shape = NULL, made_target = false WHERE sync = $1", 1, &type, &id, NULL);
	if (sync->position == NULL)
		return;
	if (differs(old, new, "cursor_column"))
	{
		forget_position(sync->id);
		ereport(NOTICE,
				(errmsg("sync \"%s\" has another cursor_column and forgets its position", sync->name),
				 errhint("connkit_reset_sync() gives it one; without, the next run reads from the beginning.")));
		return;
	}
	if (reject_waits(changed) && !reject_waits(sync) && sync->seen == NULL && !sync->half_open)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("sync \"%s\" cannot append from its position on, since its rows at %s would come twice", sync->name,
						sync->position),
				 errhint("Call connkit_reset_sync() before, and once more afterwards to set a position: rows from there on are"
						 " appended.")));
	for (int i = 0; i < lengthof(columns); i++)
		if (differs(old, new, columns[i]))
		{
			ereport(NOTICE,
					(errmsg("sync \"%s\" goes on from its position: rows before that are not read again", sync->name),
					 errhint("connkit_reset_sync() lets the next run read from the beginning.")));
			return;
		}
}

/* Where one of table and query is given, the other goes; with another mode, write is chosen anew. */
static Jsonb *
without_others(Jsonb *row, Jsonb *given)
{
	JsonbValue	value;

	if (definition_text(given, "query"))
		row = definition_with(definition_with(row, "schema_name", NULL), "table_name", NULL);
	else if (definition_text(given, "table_name"))
		row = definition_with(definition_with(row, "query", NULL), "query_columns", NULL);
	if (definition_text(given, "mode") && strcmp(definition_text(given, "mode"), definition_text(row, "mode")) != 0 &&
		!getKeyJsonValueFromContainer(&given->root, "write", strlen("write"), &value))
		row = definition_with(row, "write", NULL);
	return row;
}

/* connkit_alter_sync(name, settings, new_name) */
static void
sync_alter(SyncCall *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	Sync	   *sync = open_sync(call, true);
	Jsonb	   *old = query_row("SELECT to_jsonb(s) FROM connkit.sync AS s WHERE id = $1", sync->id);
	Jsonb	   *new = old;
	Oid			types[] = {JSONBOID, INT8OID};
	Datum		values[2];
	char	   *name;
	Sync	   *changed;

	if (!PG_ARGISNULL(1))
	{
		new = without_others(new, PG_GETARG_JSONB_P(1));
		new = complete(definition_take(new, PG_GETARG_JSONB_P(1), DEFINITION_ALTER));
	}
	if (argument_text(fcinfo, 2, &name) && strcmp(name, sync->name) != 0)
	{
		check_name(name);
		new = definition_with(new, "name", name);
	}
	call->event.old_value = audited_row(sync->id);
	changed = sync_from_row(new);
	definition_check(changed);
	if (differs(old, new, "target_schema") || differs(old, new, "target_table") || differs(old, new, "write"))
		check_target(changed);
	types[0] = JSONBOID;
	values[0] = JsonbPGetDatum(new);
	values[1] = Int64GetDatum(sync->id);
	tables_execute("UPDATE connkit.sync SET (" COLUMNS ") = (SELECT " COLUMNS
				   " FROM jsonb_populate_record(NULL::connkit.sync, $1)) WHERE id = $2", 2, types, values, NULL);
	alter_state(sync, changed, old, new);
	call->event.new_value = audited_row(sync->id);
}

static void
explain_position(void *arg)
{
	errhint("The position is a value of the column \"%s\".", ((const Sync *) arg)->cursor_column);
}

/* ERROR unless the text is a value of the cursor column, as far as a run has seen what type it has. */
static void
check_position(const Sync *sync, const char *position)
{
	ErrorContextCallback explain = {.callback = explain_position, .previous = error_context_stack};
	Oid			user;
	int			security;
	int			level;
	ListCell   *lc;

	if (sync->cursor_column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sync \"%s\" has no cursor_column, and so no position", sync->name),
				 errhint("Leave out the position, so that all is read anew.")));
	explain.arg = unconstify(Sync *, sync);
	error_context_stack = &explain;
	/* the type may be a domain of the owner's, whose checks are his code */
	GetUserIdAndSecContext(&user, &security);
	level = NewGUCNestLevel();
	if (OidIsValid(sync->owner) && user != sync->owner)
		SetUserIdAndSecContext(sync->owner, security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("search_path", sync->search_path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	foreach(lc, OidIsValid(sync->owner) ? sync->shape : NIL)
	{
		SyncColumn *column = lfirst(lc);
		Oid			type,
					input,
					ioparam;
		int32		typmod;

		if (strcmp(column->name, sync->cursor_column) != 0)
			continue;
		compat_parse_type(column->local_type, &type, &typmod);
		getTypeInputInfo(type, &input, &ioparam);
		(void) OidInputFunctionCall(input, unconstify(char *, position), ioparam, typmod);
	}
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, security);
	error_context_stack = explain.previous;
}

static Jsonb *
position_value(const char *position)
{
	return definition_with(definition_none(), "position", position);
}

/* connkit_reset_sync(name, position) */
static void
sync_reset(SyncCall *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	Sync	   *sync = open_sync(call, true);
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[2] = {Int64GetDatum(sync->id)};
	char	   *position;

	call->event.old_value = position_value(sync->position);
	resume_drop(sync->load, sync->owner);
	tables_execute("UPDATE connkit.sync_state SET load = NULL WHERE sync = $1", 1, types, values, NULL);
	if (argument_text(fcinfo, 1, &position))
	{
		check_position(sync, position);
		values[1] = PG_GETARG_DATUM(1);
		forget_position(sync->id);
		tables_execute("INSERT INTO connkit.sync_state (sync, position) VALUES ($1, $2)"
					   " ON CONFLICT (sync) DO UPDATE SET position = $2", 2, types, values, NULL);
	}
	else
	{
		forget_position(sync->id);
		tables_execute("UPDATE connkit.sync_state SET shape = NULL WHERE sync = $1", 1, types, values, NULL);
	}
	call->event.new_value = position_value(position);
}

/* The table to be dropped with its sync, as SQL writes it; NULL where there is none. ERROR where it is not the sync's. */
static char *
made_target(const Sync *sync)
{
	Oid			schema = get_namespace_oid(sync->target_schema, true);
	Oid			table = OidIsValid(schema) ? get_relname_relid(sync->target_table, schema) : InvalidOid;
	char	   *name = quote_qualified_identifier(sync->target_schema, sync->target_table);
	Oid			types[] = {TEXTOID, TEXTOID, INT8OID};
	Datum		values[] = {CStringGetTextDatum(sync->target_schema), CStringGetTextDatum(sync->target_table),
	Int64GetDatum(sync->id)};

	if (!OidIsValid(table))
		return NULL;
	if (!sync->made_target || !OidIsValid(sync->owner) || !compat_relation_ownercheck(table, sync->owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s was not made by sync \"%s\"", name, sync->name),
				 errhint("Leave out drop_target, and drop the table with DROP TABLE.")));
	tables_execute("SELECT FROM connkit.sync WHERE target_schema = $1::name AND target_table = $2::name AND id <> $3", 3, types,
				   values, NULL);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("table %s is the target of another sync too", name),
				 errhint("Leave out drop_target.")));
	return name;
}

/* connkit_drop_sync(name, drop_target) */
static void
sync_drop(SyncCall *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	Sync	   *sync = open_sync(call, true);
	char	   *target = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1) ? made_target(sync) : NULL;
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(sync->id);
	int			result;

	tables_execute("DELETE FROM connkit.sync WHERE id = $1", 1, &type, &value, NULL);
	if (target == NULL)
		return;
	result = SPI_execute(psprintf("DROP TABLE %s", target), false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
}

static Jsonb *
paused_value(bool paused)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{\"paused\": %s}",
																				 paused ? "true" : "false"))));
}

static void
set_paused(SyncCall *call, bool paused)
{
	Sync	   *sync = open_sync(call, false);
	Oid			types[] = {INT8OID, BOOLOID};
	Datum		values[] = {Int64GetDatum(sync->id), BoolGetDatum(paused)};

	if (sync->paused == paused)
	{
		ereport(NOTICE,
				(errmsg(paused ? "sync \"%s\" is paused already" : "sync \"%s\" is not paused", sync->name)));
		return;
	}
	tables_execute("UPDATE connkit.sync SET paused = $2 WHERE id = $1", 2, types, values, NULL);
	call->event.old_value = paused_value(sync->paused);
	call->event.new_value = paused_value(paused);
}

/* connkit_pause_sync(name) */
static void
sync_pause(SyncCall *call)
{
	set_paused(call, true);
}

/* connkit_resume_sync(name) */
static void
sync_resume(SyncCall *call)
{
	set_paused(call, false);
}

const char *
definition_call(FunctionCallInfo fcinfo, const char *action, void (*work) (SyncCall *))
{
	SyncCall	call = {fcinfo, CurrentMemoryContext, {.action = action, .object_type = "sync"}};
	bool		create = strcmp(action, "create") == 0;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg(create ? "the source of a sync may not be null" : "the name of a sync may not be null"),
				 errhint(create ? "connkit.source lists the sources." : "connkit.sync lists the syncs.")));
	call.event.object = create ? pstrdup(NameStr(*PG_GETARG_NAME(0))) : text_to_cstring(PG_GETARG_TEXT_PP(0));
	call.event.organization = GetUserNameFromId(GetUserId(), false);
	SPI_connect();
	audit_begin();
	PG_TRY();
	{
		work(&call);
	}
	PG_CATCH();
	{
		audit_write_error(&call.event);
		PG_RE_THROW();
	}
	PG_END_TRY();
	audit_end();
	if (call.event.new_value)
		audit_write(&call.event);
	SPI_finish();
	return call.event.object;
}

PG_FUNCTION_INFO_V1(connkit_create_sync);
Datum
connkit_create_sync(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(definition_call(fcinfo, "create", sync_create)));
}

PG_FUNCTION_INFO_V1(connkit_alter_sync);
Datum
connkit_alter_sync(PG_FUNCTION_ARGS)
{
	(void) definition_call(fcinfo, "alter", sync_alter);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_reset_sync);
Datum
connkit_reset_sync(PG_FUNCTION_ARGS)
{
	(void) definition_call(fcinfo, "reset", sync_reset);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_drop_sync);
Datum
connkit_drop_sync(PG_FUNCTION_ARGS)
{
	(void) definition_call(fcinfo, "drop", sync_drop);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_pause_sync);
Datum
connkit_pause_sync(PG_FUNCTION_ARGS)
{
	(void) definition_call(fcinfo, "pause", sync_pause);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_resume_sync);
Datum
connkit_resume_sync(PG_FUNCTION_ARGS)
{
	(void) definition_call(fcinfo, "resume", sync_resume);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_sync_dropped);

/*
 * Trigger on connkit.sync: what goes with a sync, by connkit_drop_sync() or with its source, is told, waiting runs do not wait
 * any more, and what was gathered in parts is dropped.
 */
Datum
connkit_sync_dropped(PG_FUNCTION_ARGS)
{
	AuditEvent	event = {.action = "drop", .object_type = "sync"};
	Oid			types[] = {INT8OID};
	Datum		values[1];
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	Jsonb	   *load;
	int64		id;

	/* on a table of his own anybody could say of others' syncs that they are dropped */
	if (!CALLED_AS_TRIGGER(fcinfo) ||
		RelationGetRelid(trigger->tg_relation) != get_relname_relid("sync", get_namespace_oid("connkit", false)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("connkit.sync_dropped is a trigger of connkit.sync only"),
				 errhint("connkit_drop_sync() drops a sync.")));
	desc = RelationGetDescr(trigger->tg_relation);
	id = strtoll(SPI_getvalue(trigger->tg_trigtuple, desc, SPI_fnumber(desc, "id")), NULL, 10);
	event.object = SPI_getvalue(trigger->tg_trigtuple, desc, SPI_fnumber(desc, "name"));
	event.organization = SPI_getvalue(trigger->tg_trigtuple, desc, SPI_fnumber(desc, "owner"));
	values[0] = Int64GetDatum(id);
	SPI_connect();
	event.old_value = audited_row(id);
	load = query_row("SELECT load FROM connkit.sync_state WHERE sync = $1 AND load IS NOT NULL", id);
	resume_drop(load, rolemark_follow(event.organization, SPI_getvalue(trigger->tg_trigtuple, desc,
																	 SPI_fnumber(desc, "owner_mark"))));
	tables_execute("UPDATE connkit.sync_run SET state = 'cancelled', ended_at = clock_timestamp(),"
				   " message = 'the sync was dropped' WHERE sync = $1 AND state = 'queued'", 1, types, values, NULL);
	audit_write(&event);
	SPI_finish();
	return PointerGetDatum(trigger->tg_trigtuple);
}
