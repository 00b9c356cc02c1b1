/*
 * definition.c: definitions of syncs, read from connkit.sync and connkit.sync_state.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "definition.h"
#include "rolemark.h"
#include "tables.h"

const char *const sync_modes[] = {"full_refresh", "incremental", "merge", "history", NULL};
const char *const sync_writes[] = {"replace", "append", "merge", NULL};
const char *const sync_delete_kinds[] = {"ignore", "soft", "hard", NULL};
const char *const sync_policies[] = {"evolve", "freeze", "discard_column", "discard_row", NULL};
const char *const sync_changes[] = {"added", "dropped", "renamed", "retyped", "nullability", "key", NULL};

int
sync_word(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

/* The value of a column of SPI's first row, in the current memory context; NULL is NULL. */
static char *
row_text(const char *column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, SPI_fnumber(SPI_tuptable->tupdesc, column));
}

static int64
row_number(const char *column)
{
	char	   *text = row_text(column);

	return text ? DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(text))) : 0;
}

static bool
row_bool(const char *column)
{
	char	   *text = row_text(column);

	return text && text[0] == 't';
}

/* A varlena value, as a copy that is not toasted. */
static struct varlena *
row_bytes(const char *column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
									  SPI_fnumber(SPI_tuptable->tupdesc, column), &isnull);

	return isnull ? NULL : PG_DETOAST_DATUM_COPY(value);
}

static List *
row_list(const char *column)
{
	struct varlena *array = row_bytes(column);
	Datum	   *values;
	bool	   *nulls;
	int			count = 0;
	List	   *list = NIL;

	if (array)
		deconstruct_array((ArrayType *) array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			list = lappend(list, TextDatumGetCString(values[i]));
	return list;
}

/* Whether the current role has the rights of that role, which must be the one that the mark was made for. */
static bool
role_is_mine(const char *name, const char *mark)
{
	Oid			role = rolemark_follow(name, mark);

	return OidIsValid(role) && has_privs_of_role(GetUserId(), role);
}

static void
read_definition(Sync *sync)
{
	Jsonb	   *policy = (Jsonb *) row_bytes("policy");

	sync->id = row_number("id");
	sync->name = row_text("name");
	sync->owner = rolemark_follow(row_text("owner"), row_text("owner_mark"));
	sync->source = row_text("source");
	sync->serverid = get_foreign_server_oid(sync->source, true);
	sync->schema_name = row_text("schema_name");
	sync->table_name = row_text("table_name");
	sync->query = row_text("query");
	sync->query_columns = row_text("query_columns");
	sync->target_schema = row_text("target_schema");
	sync->target_table = row_text("target_table");
	sync->mode = (SyncMode) sync_word(sync_modes, row_text("mode"));
	sync->write = (SyncWrite) sync_word(sync_writes, row_text("write"));
	sync->cursor_column = row_text("cursor_column");
	sync->initial_value = row_text("initial_value");
	sync->lookback = row_text("lookback");
	sync->half_open = row_bool("half_open");
	sync->key_columns = row_list("key_columns");
	sync->take_columns = row_list("columns");
	sync->mapping = (Jsonb *) row_bytes("mapping");
	sync->filter = row_text("filter");
	sync->deletes = (SyncDeletes) sync_word(sync_delete_kinds, row_text("deletes"));
	sync->deleted_column = row_text("deleted_column");
	for (int i = 0; i < CHANGE_KINDS; i++)
	{
		JsonbValue	value;

		if (getKeyJsonValueFromContainer(&policy->root, sync_changes[i], strlen(sync_changes[i]), &value))
			sync->policy[i] = (SyncPolicy) sync_word(sync_policies,
													 pnstrdup(value.val.string.val, value.val.string.len));
	}
	sync->max_rejected = row_number("max_rejected");
	sync->keep_rejected = row_number("keep_rejected");
	sync->chunk_rows = row_number("chunk_rows");
	sync->resumable = row_bool("resumable");
	sync->replace_rows = row_bool("replace_rows");
	sync->create_indexes = row_bool("create_indexes");
	sync->search_path = row_text("search_path");
	sync->paused = row_bool("paused");
	sync->webhook = row_bool("webhook");
}

static void
read_state(Sync *sync)
{
	Jsonb	   *shape = (Jsonb *) row_bytes("shape");

	sync->position = row_text("position");
	sync->seen = (bytea *) row_bytes("seen");
	sync->seen_columns = row_list("seen_columns");
	sync->seen_from = row_text("seen_from");
	sync->tail = row_number("tail");
	sync->shape = shape ? shape_from_json(shape) : NIL;
	sync->shape_version = row_number("shape_version");
	sync->made_target = row_bool("made_target");
	sync->last_run = row_number("last_run");
	sync->load = (Jsonb *) row_bytes("load");
}

/* The sync that SPI's first row holds, in a context of its own below that one. */
static Sync *
read_sync(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "connkit sync", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Sync	   *sync = palloc0(sizeof(Sync));

	sync->context = context;
	read_definition(sync);
	read_state(sync);
	MemoryContextSwitchTo(caller);
	return sync;
}

Sync *
sync_fetch(int64 id)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(id);
	MemoryContext caller = CurrentMemoryContext;
	Sync	   *sync = NULL;

	SPI_connect();
	tables_execute("SELECT s.*, t.* FROM connkit.sync AS s LEFT JOIN connkit.sync_state AS t ON t.sync = s.id"
				   " WHERE s.id = $1", 1, &type, &value, NULL);
	if (SPI_processed > 0 && (superuser() || role_is_mine(row_text("owner"), row_text("owner_mark"))))
		sync = read_sync(caller);
	SPI_finish();
	return sync;
}

Sync *
sync_from_row(Jsonb *row)
{
	Oid			type = JSONBOID;
	Datum		value = JsonbPGetDatum(row);
	MemoryContext caller = CurrentMemoryContext;
	Sync	   *sync;

	SPI_connect();
	tables_execute("SELECT s.*, t.* FROM jsonb_populate_record(NULL::connkit.sync, $1) AS s"
				   " LEFT JOIN connkit.sync_state AS t ON t.sync = s.id", 1, &type, &value, NULL);
	sync = read_sync(caller);
	SPI_finish();
	return sync;
}

Sync *
sync_read(int64 id, bool missing_ok)
{
	Sync	   *sync = sync_fetch(id);

	if (sync == NULL && missing_ok)
		return NULL;
	if (sync == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("sync with id " INT64_FORMAT " does not exist", id),
				 errhint("connkit.sync lists those that the current role may use.")));
	if (!OidIsValid(sync->owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the owner of sync \"%s\" is gone", sync->name),
				 errhint("Drop it with connkit_drop_sync(), and make it anew as the role that its runs shall have the rights "
						 "of. Where it came with a dump and the role has another name here, a superuser changes owner in "
						 "connkit.sync.")));
	if (!OidIsValid(sync->serverid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("source \"%s\" of sync \"%s\" does not exist", sync->source, sync->name),
				 errhint("Make the source again under that name, or drop the sync with connkit_drop_sync().")));
	return sync;
}

int64
sync_lookup(const char *name)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	int64		id = 0;

	SPI_connect();
	tables_execute("SELECT id, owner, owner_mark FROM connkit.sync WHERE name = $1", 1, &type, &value, NULL);
	if (SPI_processed > 0 && (superuser() || role_is_mine(row_text("owner"), row_text("owner_mark"))))
		id = row_number("id");
	SPI_finish();
	return id;
}

List *
sync_of_source(const char *source)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(source);
	MemoryContext caller = CurrentMemoryContext;
	List	   *ids = NIL;

	SPI_connect();
	tables_execute("SELECT id, owner, owner_mark FROM connkit.sync WHERE source = $1::name ORDER BY name COLLATE \"C\"", 1,
				   &type, &value, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	columns = SPI_tuptable->tupdesc;
		MemoryContext spi;
		int64	   *id;
		bool		isnull;

		if (!role_is_mine(SPI_getvalue(row, columns, 2), SPI_getvalue(row, columns, 3)))
			continue;
		spi = MemoryContextSwitchTo(caller);
		id = palloc(sizeof(int64));
		*id = DatumGetInt64(SPI_getbinval(row, columns, 1, &isnull));
		ids = lappend(ids, id);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return ids;
}

void
sync_check_owner(const Sync *sync, Oid role)
{
	if (OidIsValid(sync->owner) ? !has_privs_of_role(role, sync->owner) : !superuser_arg(role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of sync \"%s\"", sync->name),
				 errhint("Who has the rights of the role that owns it runs and changes it.")));
}
