/*
 * resume.c: rows gathered in parts, beside the target, by runs that read all: one that was interrupted goes on.
 *
 * Every part reads the next rows in the order of the key from the source into a table of the sync's owner, and is committed
 * with the key of its last row: connkit.sync_state.load. The last part goes on to put the rows into the target, with that
 * table in the place of the source's, and drops it. A later run goes on with what one before it has gathered, if that was
 * interrupted; if it failed for what its rows are, they may have been mended at the source.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "definition.h"
#include "intake.h"
#include "tables.h"

/* A column of the key. */
typedef struct KeyColumn
{
	const char *name;			/* quoted */
	int			place;			/* 0-based, among the source's columns */
	Oid			type;
	int32		typmod;
	Oid			collation;
	int16		length;
	bool		by_value;
	FmgrInfo	compare;
	Datum		last;			/* of the last row that was read; valid with Part.have_last */
} KeyColumn;

/* The rows of one step on their way; begins with what it adds to. */
typedef struct Part
{
	Intake		intake;
	void		(*row) (RowSink *sink, TupleTableSlot *slot);	/* the intake's */
	MemoryContext context;
	Sync	   *sync;
	int			nkeys;
	KeyColumn  *keys;
	bool		have_last;
	int64		limit;
	int64		rows;
	bool		more;			/* there is a row behind the limit */
} Part;

/*
 * connkit.sync_state.load
 */

static Jsonb *
json(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* The load with the members of another object over its own. */
static Jsonb *
load_with(Jsonb *load, Jsonb *members)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(load), JsonbPGetDatum(members)));
}

static int64
load_number(Jsonb *load, const char *name)
{
	JsonbValue	value;

	if (!getKeyJsonValueFromContainer(&load->root, name, strlen(name), &value) || value.type != jbvNumeric)
		return 0;
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value.val.numeric)));
}

/* Adds a text, or null, to a JSON array that is being written. */
static void
append_element(StringInfo array, const char *text)
{
	if (array->data[array->len - 1] != '[')
		appendStringInfoString(array, ", ");
	if (text)
		escape_json(array, text);
	else
		appendStringInfoString(array, "null");
}

/* What a load must have been read by, to go on with it. */
static Jsonb *
load_request(Part *part)
{
	Sync	   *sync = part->sync;
	const char *reads[] = {sync->schema_name, sync->table_name, sync->query, sync->filter, sync->search_path};
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoString(&text, "{\"schema\": ");
	escape_json(&text, sync->target_schema);
	appendStringInfo(&text, ", \"table\": \"connkit_load_" INT64_FORMAT "\", \"key\": [", sync->id);
	for (int i = 0; i < part->nkeys; i++)
		append_element(&text, ((SyncColumn *) list_nth(sync->columns, part->keys[i].place))->name);
	appendStringInfoString(&text, "], \"reads\": [");
	for (int i = 0; i < lengthof(reads); i++)
		append_element(&text, reads[i]);
	appendStringInfoString(&text, "], \"shape\": [");
	foreach(lc, sync->columns)
	{
		append_element(&text, ((SyncColumn *) lfirst(lc))->name);
		append_element(&text, ((SyncColumn *) lfirst(lc))->local_type);
	}
	appendStringInfoString(&text, "]}");
	return json(text.data);
}

/* The load's table, locked; invalid where it is gone or another role's. */
static Oid
load_table(Jsonb *load, Oid owner, LOCKMODE lockmode)
{
	RangeVar   *name = makeRangeVar(definition_text(load, "schema"), definition_text(load, "table"), -1);
	Oid			table = RangeVarGetRelid(name, lockmode, true);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	bool		ours = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		ours = class->relkind == RELKIND_RELATION && class->relowner == owner;
		ReleaseSysCache(tuple);
	}
	return ours ? table : InvalidOid;
}

void
resume_drop(Jsonb *load, Oid owner)
{
	ObjectAddress address = {RelationRelationId, InvalidOid, 0};

	if (load == NULL)
		return;
	address.objectId = load_table(load, owner, AccessExclusiveLock);
	if (OidIsValid(address.objectId))
		performDeletion(&address, DROP_CASCADE, PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
}

bool
resume_begin(Sync *sync, SyncRun *run, bool background)
{
	if (run->replay)
		return false;
	if (sync->resumable && background && sync->chunk_rows > 0 && sync->cursor_column == NULL)
		return true;
	resume_drop(sync->load, sync->owner);
	sync->load = NULL;
	return false;
}

/* Whether the run that gathered the load, and those that were to go on with it, were interrupted, and did not fail for what the
 * rows are. */
static bool
was_interrupted(Sync *sync, const SyncRun *run)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(sync->id), Int64GetDatum(load_number(sync->load, "run")), Int64GetDatum(run->id)};

	tables_execute("SELECT sqlstate FROM connkit.sync_run WHERE sync = $1 AND (id = $2 OR (id > $2 AND id <> $3))", 3, types,
				   values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *state = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		int			code = state ? MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]) : 0;

		if (state && !record_is_transient(code) &&
			ERRCODE_TO_CATEGORY(code) != ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION)
			return false;
	}
	return SPI_processed > 0;
}

/* What the load's rows have lost to connkit.rejected_row: the run takes it over, or forgets it with the rows. */
static void
take_rejected(Sync *sync, SyncRun *run, bool forget)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(sync->id), Int64GetDatum(load_number(sync->load, "run")), Int64GetDatum(run->id)};
	bool		mine = DatumGetInt64(values[1]) == run->id;

	if (mine != forget)
		return;
	tables_execute(forget ? "DELETE FROM connkit.rejected_row WHERE sync = $1 AND run = $2" :
				   "UPDATE connkit.rejected_row SET run = $3 WHERE sync = $1 AND run = $2", forget ? 2 : 3, types, values, NULL);
	run->rejected += forget ? -(int64) SPI_processed : (int64) SPI_processed;
}

/* The table to gather rows in: that of the load at hand, if it can go on, or a new one. */
static Oid
load_open(Part *part, SyncRun *run)
{
	Sync	   *sync = part->sync;
	Jsonb	   *request = load_request(part);
	Oid			table = InvalidOid;
	char	   *name;

	if (sync->load && compareJsonbContainers(&sync->load->root, &load_with(sync->load, request)->root) == 0 &&
		was_interrupted(sync, run))
		table = load_table(sync->load, sync->owner, RowExclusiveLock);
	if (sync->load)
		take_rejected(sync, run, !OidIsValid(table));
	if (OidIsValid(table))
		return table;
	resume_drop(sync->load, sync->owner);
	name = quote_qualified_identifier(sync->target_schema, definition_text(request, "table"));
	if (SPI_execute(psprintf("CREATE TABLE %s (LIKE %s) USING heap WITH (autovacuum_enabled = off)", name,
							 target_name(run->source_table)), false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "table %s could not be made", name);
	sync->load = request;
	return load_table(request, sync->owner, RowExclusiveLock);
}

/* Sets the load to what it is behind the part. */
static void
load_advance(Part *part, SyncRun *run)
{
	Sync	   *sync = part->sync;
	MemoryContext caller;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"run\": " INT64_FORMAT ", \"rows\": " INT64_FORMAT ", \"after\": [", run->id,
					 load_number(sync->load, "rows") + part->rows);
	for (int i = 0; i < part->nkeys && part->have_last; i++)
		append_element(&text, position_to_text(part->keys[i].last, part->keys[i].type));
	appendStringInfoString(&text, "]}");
	caller = MemoryContextSwitchTo(sync->context);
	sync->load = load_with(sync->load, json(text.data));
	MemoryContextSwitchTo(caller);
}

/*
 * The key
 */

/* Names of the key's columns, in their order. */
static List *
key_names(Sync *sync)
{
	List	   *names = NIL;
	bool		found = sync->key_columns == NIL;

	for (int number = 1; found; number++)
	{
		ListCell   *lc;

		found = false;
		foreach(lc, sync->columns)
		{
			SyncColumn *column = lfirst(lc);

			if (column->key != number)
				continue;
			names = lappend(names, column->name);
			found = true;
		}
	}
	return sync->key_columns ? sync->key_columns : names;
}

/* Readies a column of the key; ERROR where rows cannot be read in its order. */
static void
key_column(Part *part, SyncRun *run, KeyColumn *key, const char *name)
{
	SyncColumn *column = NULL;
	TypeCacheEntry *type;
	ListCell   *lc;

	foreach(lc, part->sync->columns)
	{
		column = lfirst(lc);
		key->place = foreach_current_index(lc);
		if (strcmp(column->name, name) == 0)
			break;
		column = NULL;
	}
	/* what a query returns is not known to be NULL or not */
	if (column == NULL || (!column->not_null && part->sync->query == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg(column ? "sync \"%s\" cannot be resumable: column \"%s\" of its key may be NULL at the source" :
						"sync \"%s\" cannot be resumable: its source has no column \"%s\"", part->sync->name, name),
				 errhint("Name columns that tell the rows apart and are NOT NULL in key_columns, with connkit_alter_sync(), or "
						 "set resumable to false.")));
	key->name = quote_identifier(get_attname(run->source_table, key->place + 1, false));
	get_atttypetypmodcoll(run->source_table, key->place + 1, &key->type, &key->typmod, &key->collation);
	get_typlenbyval(key->type, &key->length, &key->by_value);
	type = lookup_type_cache(key->type, TYPECACHE_CMP_PROC_FINFO);
	if (!OidIsValid(type->cmp_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("sync \"%s\" cannot be resumable: column \"%s\" of its key is of type %s, which has no order",
						part->sync->name, name, format_type_be(key->type)),
				 errhint("Name other columns in key_columns, with connkit_alter_sync(), or set resumable to false.")));
	fmgr_info_copy(&key->compare, &type->cmp_proc_finfo, CurrentMemoryContext);
}

static void
key_begin(Part *part, SyncRun *run)
{
	List	   *names = key_names(part->sync);
	ListCell   *lc;

	if (names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("sync \"%s\" cannot be resumable: its source has no key", part->sync->name),
				 errhint("Name columns that tell the rows apart and are NOT NULL in key_columns, with connkit_alter_sync(), or "
						 "set resumable to false.")));
	part->nkeys = list_length(names);
	part->keys = palloc0(sizeof(KeyColumn) * part->nkeys);
	foreach(lc, names)
		key_column(part, run, &part->keys[foreach_current_index(lc)], lfirst(lc));
}

/* Has the key of the last row from the load. */
static void
key_resume(Part *part)
{
	JsonbValue	after;

	if (!getKeyJsonValueFromContainer(&part->sync->load->root, "after", strlen("after"), &after) ||
		JsonContainerSize(after.val.binary.data) != part->nkeys)
		return;
	for (int i = 0; i < part->nkeys; i++)
	{
		KeyColumn  *key = &part->keys[i];
		JsonbValue *value = getIthJsonbValueFromContainer(after.val.binary.data, i);

		key->last = position_from_text(pnstrdup(value->val.string.val, value->val.string.len), key->type, key->typmod);
	}
	part->have_last = true;
}

/* The condition, behind AND, on rows behind the last one: (a > $1) OR (a = $1 AND b > $2) … */
static char *
key_condition(Part *part, ParamListInfo *params)
{
	StringInfoData text;

	*params = NULL;
	if (!part->have_last)
		return "";
	*params = makeParamList(part->nkeys);
	initStringInfo(&text);
	appendStringInfoString(&text, " AND ((");
	for (int i = 0; i < part->nkeys; i++)
	{
		KeyColumn  *key = &part->keys[i];

		/* the last one changes while the request runs */
		position_param(*params, i, key->type, datumCopy(key->last, key->by_value, key->length));
		appendStringInfoString(&text, i > 0 ? " OR (" : "(");
		for (int before = 0; before < i; before++)
			appendStringInfo(&text, "%s = $%d AND ", part->keys[before].name, before + 1);
		appendStringInfo(&text, "%s > $%d)", key->name, i + 1);
	}
	appendStringInfoChar(&text, ')');
	/* what an index of the source can be used for */
	if (part->nkeys > 1)
		appendStringInfo(&text, " AND %s >= $1", part->keys[0].name);
	/* they come last, and are refused */
	for (int i = 0; i < part->nkeys && part->sync->query; i++)
		appendStringInfo(&text, " OR %s IS NULL", part->keys[i].name);
	appendStringInfoChar(&text, ')');
	return text.data;
}

static char *
key_order(Part *part)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < part->nkeys; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "", part->keys[i].name);
	return text.data;
}

/* ERROR unless the row is behind the last one: else rows would be left out without a word. */
static void
key_check(Part *part, TupleTableSlot *slot)
{
	int			order = part->have_last ? 0 : 1;

	for (int i = 0; i < part->nkeys; i++)
	{
		KeyColumn  *key = &part->keys[i];

		if (slot->tts_isnull[key->place])
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("a row of sync \"%s\" has no value in column %s of its key", part->sync->name, key->name),
					 errhint("Leave such rows out by a filter, name other key_columns, or set resumable to false.")));
		if (order == 0)
			order = DatumGetInt32(FunctionCall2Coll(&key->compare, key->collation, slot->tts_values[key->place], key->last));
	}
	if (order <= 0)
		ereport(ERROR,
				(errcode(order == 0 ? ERRCODE_UNIQUE_VIOLATION : ERRCODE_FDW_ERROR),
				 order == 0 ? errmsg("two rows of sync \"%s\" have the same key at the source", part->sync->name) :
				 errmsg("rows of sync \"%s\" do not come in the order of their key", part->sync->name),
				 errhint("Name other columns, which tell the rows apart, in key_columns, or set resumable to false.")));
}

/* Remembers the row as the last one. */
static void
key_keep(Part *part, TupleTableSlot *slot)
{
	MemoryContext caller = MemoryContextSwitchTo(part->context);

	for (int i = 0; i < part->nkeys; i++)
	{
		KeyColumn  *key = &part->keys[i];

		if (part->have_last && !key->by_value)
			pfree(DatumGetPointer(key->last));
		key->last = datumCopy(slot->tts_values[key->place], key->by_value, key->length);
	}
	part->have_last = true;
	MemoryContextSwitchTo(caller);
}

/*
 * The rows
 */

static void
part_row(RowSink *sink, TupleTableSlot *slot)
{
	Part	   *part = (Part *) sink;

	slot_getallattrs(slot);
	key_check(part, slot);
	if (part->rows == part->limit)
	{
		part->more = true;
		return;
	}
	part->rows++;
	key_keep(part, slot);
	part->row(sink, slot);
}

/* The sync as one that takes the source's columns as they are. */
static Sync
raw_sync(Sync *sync, Oid table)
{
	Sync		raw = *sync;
	ListCell   *lc;

	raw.fields = NIL;
	foreach(lc, sync->columns)
	{
		SyncField  *field = palloc0(sizeof(SyncField));

		field->column = lfirst(lc);
		field->name = get_attname(table, foreach_current_index(lc) + 1, false);
		field->expression = unconstify(char *, quote_identifier(field->name));
		raw.fields = lappend(raw.fields, field);
	}
	return raw;
}

/* Reads the rows behind the last one, but no more than the limit. */
static void
part_read(Part *part, SyncRun *run, Oid table)
{
	Sync		raw = raw_sync(part->sync, run->source_table);
	Intake	   *intake = &part->intake;
	int64		inserted = run->inserted;
	ParamListInfo params;
	char	   *condition = key_condition(part, &params);

	intake_init(intake, &raw, run);
	intake->heap = intake->target = table;
	intake->order = key_order(part);
	part->row = intake->pub.row;
	intake->pub.row = part_row;
	run->step_rows = 0;
	record_phase(part->sync, run, PHASE_READING);
	intake_read(intake, condition, params, part->limit + 1);
	intake_end(intake, true);
	run->inserted = inserted;
}

bool
resume_step(Sync *sync, SyncRun *run)
{
	Part		part = {.context = CurrentMemoryContext, .sync = sync, .limit = sync->chunk_rows};
	Oid			table;

	key_begin(&part, run);
	table = load_open(&part, run);
	key_resume(&part);
	part_read(&part, run, table);
	/* with all of these rejected, there is none to go on behind */
	while (part.rows == 0 && run->step_rows > part.limit)
	{
		part.limit *= 2;
		part_read(&part, run, table);
	}
	load_advance(&part, run);
	if (part.more || run->step_rows > part.limit)
		return true;
	read_end(run);
	run->source_table = table;
	/* they have met it */
	sync->filter = NULL;
	return false;
}

void
resume_end(Sync *sync, SyncRun *run)
{
	int64		rows = load_number(sync->load, "rows");

	if (run->step_rows != rows)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the table of the " INT64_FORMAT " rows that sync \"%s\" has read has " INT64_FORMAT " of them", rows,
						sync->name, run->step_rows),
				 errhint("Have it begin anew with connkit_reset_sync().")));
	/* they were counted when they came from the source */
	run->rows_read -= rows;
	sync->load = NULL;
}
