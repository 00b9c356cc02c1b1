/*
 * position.c: how far a sync has come, and which rows at that point it has already.
 *
 * The position is the greatest value of the cursor that was read. Rows of just that value may come later, so the next request
 * begins with it (or before it, by the lookback). Where rows are merged, those that come again change nothing. Where they are
 * appended, they are known by a hash of 128 bits: of the key, or of all columns where there is none. The state keeps the hashes
 * of the rows from position - lookback on, one for each row, so that two equal rows are two.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "attempt.h"
#include "definition.h"
#include "position.h"

/* Hashes that the state may hold; 16 MB. */
#define MAX_SEEN 1000000

typedef struct RowHash
{
	uint64		parts[2];
} RowHash;

/* Rows that an earlier run has appended, and that have not come again yet. */
typedef struct SeenEntry
{
	RowHash		hash;
	int64		count;
} SeenEntry;

/* A row of this transaction whose hash the state may have to keep. */
typedef struct Recent
{
	RowHash		hash;
	Datum		cursor;
} Recent;

/* A row that was rejected without a hash. */
typedef struct Rejection
{
	int64		id;
	Datum		cursor;
} Rejection;

struct Tracker
{
	Sync	   *sync;
	SyncRun    *run;
	MemoryContext context;		/* of everything here */
	MemoryContext row_context;
	int			cursor;			/* 0-based place of the cursor in the input */
	Oid			type;
	int16		length;
	bool		by_value;
	FmgrInfo	compare;
	Oid			collation;
	bool		have;			/* greatest holds a value */
	Datum		greatest;
	int64		tail;			/* rows at it */
	int64		nulls;			/* rows without a cursor value, which every request reads again */
	bool		have_position;
	Datum		position;		/* that the sync had */
	Datum		start;			/* where the request began, with a position */
	bool		hashes;			/* rows are appended: their hashes are kept */
	int			nhashed;		/* columns that are hashed */
	int		   *hashed;
	int16	   *lengths;
	bool	   *by_values;
	HTAB	   *seen;
	bool		lookback;
	int64		nrecent;
	int64		max_recent;
	int64		prune_at;
	Recent	   *recent;
	List	   *rejected;		/* Rejection, rows that the next run reads again if they are not behind it */
};

/* Oid of the cursor column's type in the foreign table of the moment. */
static Oid
cursor_type(Sync *sync, SyncRun *run, int32 *typmod)
{
	Oid			type;
	Oid			collation;

	get_atttypetypmodcoll(run->source_table, get_attnum(run->source_table, sync->cursor_column), &type, typmod, &collation);
	return type;
}

Datum
position_from_text(const char *text, Oid type, int32 typmod)
{
	Oid			input;
	Oid			param;

	getTypeInputInfo(type, &input, &param);
	return OidInputFunctionCall(input, pstrdup(text), param, typmod);
}

char *
position_to_text(Datum value, Oid type)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}

/* The value less the lookback, in the current memory context. */
static Datum
less_lookback(Sync *sync, Oid type, Datum value)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {type, TEXTOID};
	Datum		values[] = {value, CStringGetTextDatum(sync->lookback)};
	char	   *name = format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY);
	int16		length;
	bool		by_value;
	bool		isnull;
	Datum		result;

	if (TypeCategory(type) != TYPCATEGORY_DATETIME && TypeCategory(type) != TYPCATEGORY_NUMERIC)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("sync \"%s\" has a lookback, and its cursor is of type %s", sync->name, format_type_be(type)),
				 errhint("Lookback is for cursors that are times or numbers.")));
	/* a level of its own: a request may be under way */
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT ($1 OPERATOR(pg_catalog.-) $2::%s)::%s",
									   TypeCategory(type) == TYPCATEGORY_DATETIME ? "pg_catalog.interval" : name, name),
							  2, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "the lookback could not be computed");
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	get_typlenbyval(type, &length, &by_value);
	MemoryContextSwitchTo(caller);
	result = datumCopy(result, by_value, length);
	SPI_finish();
	return result;
}

/* The greatest cursor value at the source, as text in the sync's memory; NULL where it has no rows. */
static char *
greatest_at_source(Sync *sync, SyncRun *run)
{
	const char *cursor = quote_identifier(sync->cursor_column);
	char	   *text = NULL;

	if (SPI_execute(psprintf("SELECT %s FROM %s WHERE %s IS NOT NULL ORDER BY 1 DESC LIMIT 1", cursor,
							 target_name(run->source_table), cursor), false, 1) != SPI_OK_SELECT)
		elog(ERROR, "the greatest value of the cursor could not be read");
	if (SPI_processed > 0)
		text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	return text ? MemoryContextStrdup(sync->context, text) : NULL;
}

void
position_param(ParamListInfo params, int number, Oid type, Datum value)
{
	params->params[number].value = value;
	params->params[number].isnull = false;
	params->params[number].pflags = PARAM_FLAG_CONST;
	params->params[number].ptype = type;
}

/* Where the next run begins that has the position: as far back as rows are known, whatever lookback the sync now has. */
static Datum
next_start(Sync *sync, Oid type, int32 typmod)
{
	Datum		value;

	if (sync->seen_from && reject_waits(sync))
		return position_from_text(sync->seen_from, type, typmod);
	value = position_from_text(sync->position, type, typmod);
	return sync->lookback ? less_lookback(sync, type, value) : value;
}

char *
position_condition(Sync *sync, SyncRun *run, ParamListInfo *params)
{
	const char *cursor;
	const char *from = run->from ? run->from : sync->position ? sync->position : sync->initial_value;
	StringInfoData text;
	int32		typmod;
	Oid			type;
	bool		not_null = false;
	ListCell   *lc;

	*params = NULL;
	if (sync->cursor_column == NULL || sync->mode == SYNC_FULL_REFRESH || sync->mode == SYNC_MERGE)
		return "";
	cursor = quote_identifier(sync->cursor_column);
	type = cursor_type(sync, run, &typmod);
	if (sync->half_open && run->until == NULL)
	{
		run->until = greatest_at_source(sync, run);
		if (run->until == NULL)
			return " AND false";
	}
	if (from == NULL && run->until == NULL)
		return "";
	*params = makeParamList(2);
	initStringInfo(&text);
	appendStringInfoString(&text, " AND ((true");
	/* a type's NULL stands in for a parameter that is not used */
	position_param(*params, 0, type, (Datum) 0);
	position_param(*params, 1, type, (Datum) 0);
	(*params)->params[0].isnull = (*params)->params[1].isnull = true;
	if (from)
	{
		Datum		value = run->from == NULL && sync->position ? next_start(sync, type, typmod) :
			position_from_text(from, type, typmod);

		position_param(*params, 0, type, value);
		appendStringInfo(&text, " AND %s >= $1", cursor);
	}
	if (run->until)
	{
		position_param(*params, 1, type, position_from_text(run->until, type, typmod));
		appendStringInfo(&text, " AND %s < $2", cursor);
	}
	appendStringInfoChar(&text, ')');
	foreach(lc, sync->columns)
	{
		SyncColumn *column = lfirst(lc);

		if (strcmp(column->name, sync->cursor_column) == 0)
			not_null = column->not_null;
	}
	if (!not_null)
		appendStringInfo(&text, " OR %s IS NULL", cursor);
	appendStringInfoChar(&text, ')');
	return text.data;
}

/* Which columns are hashed: the key's, else all. Their names and types, as the state keeps them, go to *names. */
static void
choose_hashed(Tracker *tracker, TupleDesc input, List **names)
{
	List	   *fields = tracker->sync->fields;
	bool		keyed = false;
	int			place = 0;
	ListCell   *lc;

	foreach(lc, fields)
		keyed |= ((SyncField *) lfirst(lc))->key > 0;
	tracker->hashed = palloc(sizeof(int) * (list_length(fields) + 1));
	tracker->lengths = palloc(sizeof(int16) * (list_length(fields) + 1));
	tracker->by_values = palloc(sizeof(bool) * (list_length(fields) + 1));
	*names = NIL;
	foreach(lc, fields)
	{
		SyncField  *field = lfirst(lc);
		Form_pg_attribute att = TupleDescAttr(input, place++);

		/* what passes does not tell rows apart */
		if (field->rejects || field->passing || (keyed && field->key == 0))
			continue;
		tracker->hashed[tracker->nhashed] = place - 1;
		tracker->lengths[tracker->nhashed] = att->attlen;
		tracker->by_values[tracker->nhashed++] = att->attbyval;
		*names = lappend(*names, psprintf("%s %s%s%s", quote_identifier(field->name),
										  format_type_extended(att->atttypid, -1, FORMAT_TYPE_FORCE_QUALIFY),
										  field->column ? "" : ": ", field->column ? "" : field->expression));
	}
	/* the cursor goes with it: a row of a key that comes with a new cursor value is another one */
	tracker->hashed[tracker->nhashed] = tracker->cursor;
	tracker->lengths[tracker->nhashed] = tracker->length;
	tracker->by_values[tracker->nhashed++] = tracker->by_value;
}

static bool
same_names(List *a, List *b)
{
	ListCell   *la;
	ListCell   *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
		if (strcmp(lfirst(la), lfirst(lb)) != 0)
			return false;
	return true;
}

/* Puts the hashes of the state into a table. */
static void
load_seen(Tracker *tracker)
{
	Sync	   *sync = tracker->sync;
	HASHCTL		control = {.keysize = sizeof(RowHash), .entrysize = sizeof(SeenEntry), .hcxt = tracker->context};
	int64		count = sync->seen ? VARSIZE_ANY_EXHDR(sync->seen) / sizeof(RowHash) : 0;

	tracker->seen = hash_create("connkit seen rows", Max(count, 16), &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int64 i = 0; i < count; i++)
	{
		RowHash		hash;
		SeenEntry  *entry;
		bool		found;

		memcpy(&hash, VARDATA_ANY(sync->seen) + i * sizeof(RowHash), sizeof(RowHash));
		entry = hash_search(tracker->seen, &hash, HASH_ENTER, &found);
		entry->count = found ? entry->count + 1 : 1;
	}
}

Tracker *
tracker_begin(Sync *sync, SyncRun *run, TupleDesc input)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "connkit tracker", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Tracker    *tracker = palloc0(sizeof(Tracker));
	Form_pg_attribute att = TupleDescAttr(input, input->natts - 1);
	TypeCacheEntry *type = lookup_type_cache(att->atttypid, TYPECACHE_CMP_PROC_FINFO);
	List	   *names;

	tracker->context = context;
	tracker->row_context = AllocSetContextCreate(context, "connkit tracker row", ALLOCSET_SMALL_SIZES);
	tracker->sync = sync;
	tracker->run = run;
	tracker->cursor = input->natts - 1;
	tracker->type = att->atttypid;
	tracker->length = att->attlen;
	tracker->by_value = att->attbyval;
	tracker->collation = att->attcollation;
	if (!OidIsValid(type->cmp_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("column \"%s\" of type %s cannot be a cursor: it has no order", sync->cursor_column,
						format_type_be(att->atttypid)),
				 errhint("Choose another cursor_column with connkit_alter_sync().")));
	fmgr_info_copy(&tracker->compare, &type->cmp_proc_finfo, context);
	if (sync->position)
	{
		tracker->position = position_from_text(sync->position, att->atttypid, att->atttypmod);
		tracker->start = next_start(sync, att->atttypid, att->atttypmod);
		tracker->have_position = true;
	}
	tracker->lookback = sync->lookback != NULL;
	tracker->hashes = sync->write == SYNC_APPEND && sync->mode == SYNC_INCREMENTAL;
	if (tracker->hashes)
	{
		choose_hashed(tracker, input, &names);
		if (sync->seen && !same_names(names, sync->seen_columns))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("rows of sync \"%s\" at its position cannot be told from new ones, since its columns have changed",
							sync->name),
					 errhint("See which rows at the position %s are in the target, and set the position with "
							 "connkit_reset_sync().", sync->position)));
		load_seen(tracker);
		MemoryContextSwitchTo(sync->context);
		sync->seen_columns = NIL;
		for (int i = 0; i < list_length(names); i++)
			sync->seen_columns = lappend(sync->seen_columns, pstrdup(list_nth(names, i)));
	}
	tracker->prune_at = 4096;
	MemoryContextSwitchTo(caller);
	return tracker;
}

static int
compare_cursors(Tracker *tracker, Datum a, Datum b)
{
	return DatumGetInt32(FunctionCall2Coll(&tracker->compare, tracker->collation, a, b));
}

/* The row's hash: of the plain bytes of its values, which are the same whenever the value is read in the same type. */
static RowHash
hash_row(Tracker *tracker, TupleTableSlot *slot)
{
	RowHash		hash = {{0x636f6e6e6b6974, 0x73796e63}};

	for (int i = 0; i < tracker->nhashed; i++)
	{
		Datum		value = slot->tts_values[tracker->hashed[i]];
		const void *bytes = &value;
		Size		size = sizeof(Datum);

		if (slot->tts_isnull[tracker->hashed[i]])
		{
			hash.parts[0] = hash_combine64(hash.parts[0], 1);
			hash.parts[1] = hash_combine64(hash.parts[1], 2);
			continue;
		}
		if (tracker->lengths[i] == -1)
		{
			struct varlena *plain = PG_DETOAST_DATUM_PACKED(value);

			bytes = VARDATA_ANY(plain);
			size = VARSIZE_ANY_EXHDR(plain);
		}
		else if (!tracker->by_values[i])
		{
			bytes = DatumGetPointer(value);
			size = datumGetSize(value, false, tracker->lengths[i]);
		}
		for (int part = 0; part < 2; part++)
			hash.parts[part] = hash_bytes_extended(bytes, (int) size, hash.parts[part] + size + 3);
	}
	return hash;
}

/* Forgets rows that the state will not have to keep. */
static void
prune(Tracker *tracker)
{
	int64		kept = 0;
	Datum		from;

	if (!tracker->have || tracker->nrecent == 0)
		return;
	from = tracker->lookback ? less_lookback(tracker->sync, tracker->type, tracker->greatest) : tracker->greatest;
	for (int64 i = 0; i < tracker->nrecent; i++)
	{
		Recent	   *recent = &tracker->recent[i];

		if (compare_cursors(tracker, recent->cursor, from) >= 0)
			tracker->recent[kept++] = *recent;
		else if (!tracker->by_value)
			pfree(DatumGetPointer(recent->cursor));
	}
	tracker->nrecent = kept;
	tracker->prune_at = Max(4096, 2 * kept);
	if (kept > MAX_SEEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sync \"%s\" would have to remember more than %d rows at its position", tracker->sync->name, MAX_SEEN),
				 errhint("Use a finer cursor, a shorter lookback, half_open, or write 'merge'.")));
}

/* Notes the row's hash, for the state. */
static void
add_recent(Tracker *tracker, RowHash hash, Datum cursor)
{
	MemoryContext caller = MemoryContextSwitchTo(tracker->context);

	if (tracker->nrecent >= tracker->prune_at)
		prune(tracker);
	if (tracker->nrecent >= tracker->max_recent)
	{
		tracker->max_recent = Max(4096, 2 * tracker->max_recent);
		tracker->recent = tracker->recent ?
			repalloc_huge(tracker->recent, sizeof(Recent) * tracker->max_recent) :
			MemoryContextAllocHuge(tracker->context, sizeof(Recent) * tracker->max_recent);
	}
	tracker->recent[tracker->nrecent].hash = hash;
	tracker->recent[tracker->nrecent++].cursor = datumCopy(cursor, tracker->by_value, tracker->length);
	MemoryContextSwitchTo(caller);
}

/* A row that the sync has not: the greatest cursor, and the number of rows that have it. */
static void
follow(Tracker *tracker, Datum cursor)
{
	int			order = tracker->have ? compare_cursors(tracker, cursor, tracker->greatest) : 1;

	if (order == 0)
		tracker->tail++;
	if (order <= 0)
		return;
	if (tracker->have && !tracker->by_value)
		pfree(DatumGetPointer(tracker->greatest));
	MemoryContextSwitchTo(tracker->context);
	tracker->greatest = datumCopy(cursor, tracker->by_value, tracker->length);
	tracker->have = true;
	tracker->tail = 1;
	/* without a lookback, rows below it are of no use any more */
	if (!tracker->lookback && tracker->by_value)
		tracker->nrecent = 0;
}

bool
tracker_row(Tracker *tracker, TupleTableSlot *slot)
{
	MemoryContext caller = MemoryContextSwitchTo(tracker->row_context);
	Datum		cursor;
	bool		is_new = true;

	slot_getallattrs(slot);
	if (slot->tts_isnull[tracker->cursor])
	{
		if (tracker->sync->write == SYNC_APPEND)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a row of sync \"%s\" has no value in its cursor column \"%s\"", tracker->sync->name,
							tracker->sync->cursor_column),
					 errhint("Such rows can be merged, not appended: leave them out by a filter, or use write 'merge'.")));
		tracker->nulls++;
		MemoryContextSwitchTo(caller);
		return true;
	}
	cursor = slot->tts_values[tracker->cursor];
	follow(tracker, cursor);
	MemoryContextSwitchTo(tracker->row_context);
	if (tracker->hashes)
	{
		RowHash		hash = hash_row(tracker, slot);

		if (tracker->have_position && compare_cursors(tracker, cursor, tracker->position) <= 0)
		{
			SeenEntry  *entry = hash_search(tracker->seen, &hash, HASH_FIND, NULL);

			if (entry && entry->count > 0)
			{
				entry->count--;
				is_new = false;
			}
		}
		if (tracker->lookback || compare_cursors(tracker, cursor, tracker->greatest) == 0)
			add_recent(tracker, hash, cursor);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(tracker->row_context);
	return is_new;
}

/* A value on its way from text. */
typedef struct CursorText
{
	Tracker    *tracker;
	const char *text;
	Datum		value;
} CursorText;

static void
try_cursor(void *arg)
{
	CursorText *it = arg;

	it->value = position_from_text(it->text, it->tracker->type, -1);
}

void
tracker_reject(Tracker *tracker, int64 id, Jsonb *row, const char *column)
{
	MemoryContext caller = MemoryContextSwitchTo(tracker->context);
	const char *name = tracker->sync->cursor_column;
	CursorText	it = {.tracker = tracker, .text = definition_text(row, name)};
	Rejection  *rejection;

	/* one whose cursor is NULL comes again with every run; where another one stands in the order is not known */
	if (it.text && ((column && strcmp(column, name) == 0) || attempt(try_cursor, &it) != NULL))
		reject_passed(id);
	else if (it.text)
	{
		follow(tracker, it.value);
		MemoryContextSwitchTo(tracker->context);
		rejection = palloc(sizeof(Rejection));
		rejection->id = id;
		rejection->cursor = it.value;
		if (tracker->hashes)
			tracker->rejected = lappend(tracker->rejected, rejection);
	}
	MemoryContextSwitchTo(caller);
}

/* Notes from where on rows are known, as the state now is; those that were rejected without a hash and are before are passed. */
static void
settle(Tracker *tracker, bool last)
{
	Sync	   *sync = tracker->sync;
	Datum		from;
	ListCell   *lc;

	sync->seen_from = NULL;
	if (sync->position)
	{
		from = next_start(sync, tracker->type, -1);
		if (tracker->have_position && compare_cursors(tracker, from, tracker->start) < 0)
			from = tracker->start;
		sync->seen_from = position_to_text(from, tracker->type);
		foreach(lc, tracker->rejected)
		{
			Rejection  *rejection = lfirst(lc);

			if (compare_cursors(tracker, rejection->cursor, from) < 0)
				reject_passed(rejection->id);
		}
	}
	if (last)
		reject_came(sync, tracker->run);
}

/* The hashes that the state keeps: of rows that came in this transaction, and of those that it did not come to again. */
static void
keep_seen(Tracker *tracker)
{
	Sync	   *sync = tracker->sync;
	HASH_SEQ_STATUS status;
	SeenEntry  *entry;
	int64		old = 0;
	bool		same;
	char	   *next;

	prune(tracker);
	/* the position has not moved: rows of it that were not read again are still there */
	same = tracker->have_position && (!tracker->have || compare_cursors(tracker, tracker->greatest, tracker->position) <= 0);
	if (same)
	{
		hash_seq_init(&status, tracker->seen);
		while ((entry = hash_seq_search(&status)) != NULL)
			old += entry->count;
	}
	sync->seen = MemoryContextAllocHuge(sync->context, VARHDRSZ + (tracker->nrecent + old) * sizeof(RowHash));
	SET_VARSIZE(sync->seen, VARHDRSZ + (tracker->nrecent + old) * sizeof(RowHash));
	next = VARDATA(sync->seen);
	for (int64 i = 0; i < tracker->nrecent; i++, next += sizeof(RowHash))
		memcpy(next, &tracker->recent[i].hash, sizeof(RowHash));
	if (!same)
		return;
	hash_seq_init(&status, tracker->seen);
	while ((entry = hash_seq_search(&status)) != NULL)
		for (int64 i = 0; i < entry->count; i++, next += sizeof(RowHash))
			memcpy(next, &entry->hash, sizeof(RowHash));
}

void
tracker_end(Tracker *tracker, bool last)
{
	Sync	   *sync = tracker->sync;
	SyncRun    *run = tracker->run;
	MemoryContext caller = MemoryContextSwitchTo(sync->context);

	if (tracker->hashes)
		keep_seen(tracker);
	if (tracker->have || tracker->nulls > 0)
		sync->tail = tracker->tail + tracker->nulls;
	if (tracker->have)
	{
		/* a run in parts goes on there, which with a lookback may be before the position */
		run->from = position_to_text(tracker->greatest, tracker->type);
		if (!tracker->have_position || compare_cursors(tracker, tracker->greatest, tracker->position) > 0)
			sync->position = run->from;
	}
	if (last && run->until && (!tracker->have_position ||
							   compare_cursors(tracker, position_from_text(run->until, tracker->type, -1),
											   tracker->position) > 0))
	{
		/* all below it was read, and nothing at it */
		sync->position = run->until;
		if (!tracker->lookback)
			sync->seen = NULL;
		sync->tail = 0;
	}
	if (tracker->hashes)
		settle(tracker, last);
	else
	{
		/* what an append knew is not of this position */
		sync->seen = NULL;
		sync->seen_columns = NIL;
		sync->seen_from = NULL;
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(tracker->context);
}
