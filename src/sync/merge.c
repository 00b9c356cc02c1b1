/*
 * merge.c: rows merged by key into a plain table, past SQL, by the key's index.
 *
 * Rows are held until there are enough for a batch, and merged in the index's order, so that pages of index and table are met
 * one after the other. Where batches do not follow each other in that order, the rest is sorted as a whole. Where the index has
 * few other entries between those of a batch, it is walked beside the batch; else there is a search for each row. A row that is
 * there and differs is updated, one that is missing goes to the loader, which inserts many at a time. Each batch has a snapshot
 * and a command of its own: it sees what was there when it began.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/nbtree.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
#include "catalog/pg_operator.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "compat.h"
#include "load.h"
#include "merge.h"

/* Rows of a batch, and bytes. */
#define BATCH_ROWS 1000
#define BATCH_BYTES (4 * 1024 * 1024)

/* Entries that a walk may pass for each row of the batch, and for one of them, before it is given up; and batches that then go
 * without one. */
#define WALK_ENTRIES 25
#define WALK_GAP 500
#define WALK_PAUSE 16

/* So many batches may begin before the middle of that before them until the rest is sorted: a few rows may be out of order. */
#define MAX_DISORDER 3

struct Merger
{
	MemoryContext context;
	Sync	   *sync;
	SyncRun    *run;
	Relation	target;
	Relation	index;
	IndexInfo  *index_info;		/* not for others to insert by */
	Loader	   *loader;
	EState	   *estate;
	ResultRelInfo *info;
	int			nkeys;
	AttrNumber	key_columns[INDEX_MAX_KEYS];	/* of the target, in the index's order */
	FmgrInfo   *compare[INDEX_MAX_KEYS];
	bool		descends[INDEX_MAX_KEYS];
	int			ncolumns;
	AttrNumber *columns;		/* of the target that are written, but for those that the key says all of */
	AttrNumber	deleted;		/* becomes NULL; or 0 */
	bool		checks;
	bool		generated;

	/* the batch */
	int			nheld;
	TupleTableSlot *held[BATCH_ROWS];	/* of the target's columns; NULL: not made yet */
	TupleTableSlot *last;		/* row of the batch before, or NULL */
	TupleTableSlot *middle;		/* one of it too, in the index's order */
	int			disorder;		/* batches that began before the middle of that before them */
	Size		bytes;
	bool		unsorted;		/* they did not come in the index's order */

	/* rows that come after batches that were not in order, or NULL */
	Tuplesortstate *sort;
	TupleTableSlot *filled;

	/* the row at hand */
	ScanKeyData keys[INDEX_MAX_KEYS];
	IndexScanDesc search;
	TupleTableSlot *found;
	TupleTableSlot *changed;

	/* the walk beside the batch */
	ScanKeyData start;			/* from the first row's key on; by one column only */
	IndexScanDesc walk;
	bool		walking;
	bool		at_entry;		/* the walk is at an entry that was not passed yet */
	bool		at_end;
	int64		entries;		/* that were met */
	int			pause;			/* batches to go without a walk */
};

/* The field that is a column of the target's key, and its place among the fields; NULL: none is. */
static SyncField *
key_field(Sync *sync, const char *name, int *place)
{
	ListCell   *lc;

	*place = 0;
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);

		if (field->key > 0 && strcmp(field->name, name) == 0)
			return field;
		(*place)++;
	}
	return NULL;
}

/* Name of a column of the index, by its place from 0. */
static char *
index_column(Relation target, Relation index, int i)
{
	return NameStr(TupleDescAttr(RelationGetDescr(target), index->rd_index->indkey.values[i] - 1)->attname);
}

/* True where the index holds rows apart by just the key, at once and by the columns' collations, and a search finds all. */
static bool
index_is_key(Sync *sync, Relation target, Relation index)
{
	Form_pg_index form = index->rd_index;
	int			nkeys = 0;
	int			place;
	ListCell   *lc;

	foreach(lc, sync->fields)
		nkeys += ((SyncField *) lfirst(lc))->key > 0;
	if (!form->indisunique || !form->indimmediate || !form->indisvalid || index->rd_rel->relam != BTREE_AM_OID ||
		form->indnkeyatts != nkeys || RelationGetIndexExpressions(index) || RelationGetIndexPredicate(index))
		return false;
	if (form->indcheckxmin &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data), TransactionXmin))
		return false;
	for (int i = 0; i < nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(target), form->indkey.values[i] - 1);

		if (key_field(sync, NameStr(att->attname), &place) == NULL || att->attcollation != index->rd_indcollation[i])
			return false;
	}
	return true;
}

Oid
merge_index(Sync *sync)
{
	Relation	target = table_open(sync->target, NoLock);
	List	   *indexes = RelationGetIndexList(target);
	Oid			result = InvalidOid;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (!OidIsValid(result) && index_is_key(sync, target, index))
			result = RelationGetRelid(index);
		index_close(index, NoLock);
	}
	table_close(target, NoLock);
	return result;
}

bool
merge_possible(Sync *sync, Oid *index)
{
	AclMode		mode = ACL_SELECT | ACL_INSERT | ACL_UPDATE;

	*index = merge_index(sync);
	return OidIsValid(*index) && target_is_plain(sync->target) &&
		pg_class_aclmask(sync->target, GetUserId(), mode, ACLMASK_ALL) == mode;
}

void
merge_null_key(Sync *sync)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("sync \"%s\" has read a row without a key", sync->name),
			 errdetail("A column of the key is NULL: the row cannot be told from others."),
			 errhint("Name columns that are never NULL as key_columns, or leave such rows out by the filter.")));
}

void
merge_one_key(Sync *sync)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("rows with different keys at the source of sync \"%s\" have one key in its target", sync->name),
			 errhint("Give the key's columns in the target a collation or type that tells the source's values apart.")));
}

bool
merge_is_exact(Sync *sync, SyncField *field)
{
	Oid			type;
	int32		typmod;
	Oid			collation;
	TypeCacheEntry *entry;
	Oid			proc;

	get_atttypetypmodcoll(sync->target, get_attnum(sync->target, field->name), &type, &typmod, &collation);
	entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	proc = get_opfamily_proc(entry->btree_opf, entry->btree_opintype, entry->btree_opintype, BTEQUALIMAGE_PROC);
	return OidIsValid(proc) &&
		DatumGetBool(OidFunctionCall1Coll(proc, collation, ObjectIdGetDatum(entry->btree_opintype)));
}

char *
merge_operator_name(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form = (Form_pg_operator) GETSTRUCT(tuple);
	char	   *name = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
								NameStr(form->oprname));

	ReleaseSysCache(tuple);
	return name;
}

/* The operator that holds between a key's column of the index and the next one, by its place from 0. */
static Oid
index_before(Relation index, int i)
{
	Oid			type = index->rd_opcintype[i];

	return get_opfamily_member(index->rd_opfamily[i], type, type, index->rd_indoption[i] & INDOPTION_DESC ?
							   BTGreaterStrategyNumber : BTLessStrategyNumber);
}

/* The order of two rows in the index. ERROR where they have one key there, and had not at the source. */
static int
merge_compare(const TupleTableSlot *a, const TupleTableSlot *b, const Merger *merger)
{
	for (int i = 0; i < merger->nkeys; i++)
	{
		int			place = merger->key_columns[i] - 1;
		int			order = DatumGetInt32(FunctionCall2Coll(merger->compare[i], merger->index->rd_indcollation[i],
															a->tts_values[place], b->tts_values[place]));

		if (order != 0)
			return (order < 0) != merger->descends[i] ? -1 : 1;
	}
	for (int i = 0; merger->sync->source_keyed && i < merger->nkeys; i++)
	{
		int			place = merger->key_columns[i] - 1;
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(merger->target), place);

		if (!datum_image_eq(a->tts_values[place], b->tts_values[place], att->attbyval, att->attlen))
			merge_one_key(merger->sync);
	}
	return 0;
}

static int
merge_compare_held(const void *a, const void *b, void *merger)
{
	return merge_compare(*(TupleTableSlot *const *) a, *(TupleTableSlot *const *) b, merger);
}

/* Finds the visible row of the key at hand by a search. What the scan keeps outlives the row at hand. */
static bool
merge_search(Merger *merger, IndexScanDesc scan)
{
	MemoryContext caller = MemoryContextSwitchTo(merger->context);
	bool		found;

	index_rescan(scan, merger->keys, merger->nkeys, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, merger->found);
	MemoryContextSwitchTo(caller);
	return found;
}

/* The same with a snapshot of now. */
static bool
merge_search_again(Merger *merger)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	IndexScanDesc scan = compat_index_beginscan(merger->target, merger->index, snapshot, merger->nkeys);
	bool		found = merge_search(merger, scan);

	ExecMaterializeSlot(merger->found);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	return found;
}

/* Goes to the next entry of the walk, in the order of the index; false: there is none. */
static bool
merge_step(Merger *merger)
{
	MemoryContext caller;

	if (merger->at_entry || merger->at_end)
		return merger->at_entry;
	caller = MemoryContextSwitchTo(merger->context);
	merger->at_entry = index_getnext_tid(merger->walk, ForwardScanDirection) != NULL;
	merger->at_end = !merger->at_entry;
	merger->entries++;
	MemoryContextSwitchTo(caller);
	return merger->at_entry;
}

/* True where the walk to the batch's row of that number, which was at so many entries before, has become too long. */
static bool
merge_is_lost(Merger *merger, int number, int64 before)
{
	if (merger->entries - before <= WALK_GAP && merger->entries <= (number + 100) * (int64) WALK_ENTRIES)
		return false;
	merger->walking = false;
	if (number < merger->nheld / 2)
		merger->pause = WALK_PAUSE;
	return true;
}

/* Finds the visible row of the key at hand, of the batch's row of that number, by going on with the walk. */
static bool
merge_walk(Merger *merger, int number)
{
	int64		before = merger->entries;

	while (merge_step(merger))
	{
		bool		isnull;
		Datum		entry = index_getattr(merger->walk->xs_itup, 1, merger->walk->xs_itupdesc, &isnull);
		int			order = DatumGetInt32(FunctionCall2Coll(merger->compare[0], merger->index->rd_indcollation[0], entry,
															merger->keys[0].sk_argument));

		if (order != 0 && (order < 0) == merger->descends[0])
			return false;
		merger->at_entry = false;
		if (order != 0 && merge_is_lost(merger, number, before))
			return merge_search(merger, merger->search);
		if (order == 0)
		{
			MemoryContext caller = MemoryContextSwitchTo(merger->context);
			bool		found = index_fetch_heap(merger->walk, merger->found);

			MemoryContextSwitchTo(caller);
			if (found)
				return true;
		}
	}
	return false;
}

/* Finds the visible row of the key of the batch's row of that number. */
static bool
merge_find(Merger *merger, int number)
{
	TupleTableSlot *row = merger->held[number];

	for (int i = 0; i < merger->nkeys; i++)
		merger->keys[i].sk_argument = row->tts_values[merger->key_columns[i] - 1];
	return merger->walking ? merge_walk(merger, number) : merge_search(merger, merger->search);
}

/* Makes the new version of the row that was found; false where it is as the one that is there. */
static bool
merge_change(Merger *merger, TupleTableSlot *row)
{
	TupleDesc	desc = RelationGetDescr(merger->target);
	TupleTableSlot *found = merger->found;
	TupleTableSlot *changed = ExecClearTuple(merger->changed);
	bool		differs = false;

	slot_getallattrs(found);
	memcpy(changed->tts_values, found->tts_values, sizeof(Datum) * desc->natts);
	memcpy(changed->tts_isnull, found->tts_isnull, sizeof(bool) * desc->natts);
	for (int i = 0; i < merger->ncolumns; i++)
	{
		int			column = merger->columns[i] - 1;
		Form_pg_attribute att = TupleDescAttr(desc, column);

		if (row->tts_isnull[column] == found->tts_isnull[column] &&
			(row->tts_isnull[column] ||
			 datum_image_eq(row->tts_values[column], found->tts_values[column], att->attbyval, att->attlen)))
			continue;
		changed->tts_values[column] = row->tts_values[column];
		changed->tts_isnull[column] = row->tts_isnull[column];
		differs = true;
	}
	if (merger->deleted > 0 && !found->tts_isnull[merger->deleted - 1])
	{
		changed->tts_isnull[merger->deleted - 1] = true;
		differs = true;
	}
	return differs;
}

/*
 * Puts the new version in the place of the row that was found. The key's index takes it unasked: the old version, that has
 * the same key, shows that there is no other. To look for one, and for dead entries, costs more than all else.
 */
static TM_Result
merge_update(Merger *merger)
{
	TupleTableSlot *changed = ExecStoreVirtualTuple(merger->changed);
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];
	bool		indexes;
	TM_Result	result;

	changed->tts_tableOid = RelationGetRelid(merger->target);
	if (merger->generated)
		ExecComputeStoredGenerated(merger->info, merger->estate, changed, CMD_INSERT);
	if (merger->checks)
		ExecConstraints(merger->info, changed, merger->estate);
	result = compat_tuple_update(merger->info, &merger->found->tts_tid, changed, merger->estate, &indexes);
	if (indexes)
	{
		FormIndexDatum(merger->index_info, changed, merger->estate, values, isnull);
		index_insert(merger->index, values, isnull, &changed->tts_tid, merger->target, UNIQUE_CHECK_NO, false,
					 merger->index_info);
	}
	return result;
}

/* Updates or inserts the batch's row of that number. */
static void
merge_row(Merger *merger, int number)
{
	TupleTableSlot *row = merger->held[number];
	bool		found = merge_find(merger, number);

	while (found && merge_change(merger, row))
	{
		TM_Result	result = merge_update(merger);

		if (result == TM_Ok)
		{
			merger->run->updated++;
			return;
		}
		/* another transaction has changed it meanwhile: see what it left */
		if (result != TM_Updated && result != TM_Deleted)
			elog(ERROR, "unexpected result of an update: %d", result);
		if (IsolationUsesXactSnapshot())
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not merge into \"%s\" because of a concurrent update",
							RelationGetRelationName(merger->target)),
					 errhint("Run the transaction again.")));
		found = merge_search_again(merger);
	}
	if (found)
		return;
	load_put(merger->loader, row);
	merger->run->inserted++;
}

/* Readies the index for a batch, with the active snapshot. */
static void
merge_begin_scans(Merger *merger)
{
	MemoryContext caller = MemoryContextSwitchTo(merger->context);
	TupleTableSlot *first = merger->held[0];

	merger->search = compat_index_beginscan(merger->target, merger->index, GetActiveSnapshot(), merger->nkeys);
	merger->walking = merger->nkeys == 1 && (merger->pause == 0 || --merger->pause == 0);
	if (merger->walking)
	{
		merger->walk = compat_index_beginscan(merger->target, merger->index, GetActiveSnapshot(), 1);
		merger->walk->xs_want_itup = true;
		merger->start.sk_argument = first->tts_values[merger->key_columns[0] - 1];
		index_rescan(merger->walk, &merger->start, 1, NULL, 0);
		merger->at_entry = merger->at_end = false;
		merger->entries = 0;
	}
	MemoryContextSwitchTo(caller);
}

static void
merge_end_scans(Merger *merger)
{
	ExecClearTuple(merger->found);
	index_endscan(merger->search);
	if (merger->walk)
		index_endscan(merger->walk);
	merger->search = merger->walk = NULL;
}

/* True where the row before that of this number had its key. Rows that came in order have been looked at when they came. */
static bool
merge_is_double(Merger *merger, int number)
{
	TupleTableSlot *before = number > 0 ? merger->held[number - 1] : merger->last;

	return before && (merger->unsorted || number == 0) && merge_compare(before, merger->held[number], merger) == 0;
}

/* Begins to sort, since batches do not follow each other. */
static void
merge_begin_sort(Merger *merger)
{
	MemoryContext caller = MemoryContextSwitchTo(merger->context);
	Relation	index = merger->index;
	Oid			operators[INDEX_MAX_KEYS];
	bool		nulls_first[INDEX_MAX_KEYS] = {false};

	for (int i = 0; i < merger->nkeys; i++)
		operators[i] = index_before(index, i);
	merger->filled = load_slot(merger->loader);
	merger->sort = tuplesort_begin_heap(merger->filled->tts_tupleDescriptor, merger->nkeys, merger->key_columns, operators,
										index->rd_indcollation, nulls_first, maintenance_work_mem, NULL, 0);
	MemoryContextSwitchTo(caller);
}

/* Keeps the batch's row of that number, in exchange for one that was kept. */
static void
merge_keep(Merger *merger, TupleTableSlot **kept, int number)
{
	TupleTableSlot *row = merger->held[number];

	merger->held[number] = *kept;
	*kept = row;
}

/* Merges the batch. Of rows with one key that come one after the other, the first is taken. */
static void
merge_batch(Merger *merger)
{
	MemoryContext caller;

	if (merger->nheld == 0)
		return;
	caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(merger->estate));
	if (merger->unsorted)
		qsort_arg(merger->held, merger->nheld, sizeof(TupleTableSlot *), merge_compare_held, merger);
	if (merger->sort == NULL && merger->middle && merge_compare(merger->middle, merger->held[0], merger) > 0 &&
		++merger->disorder > MAX_DISORDER)
		merge_begin_sort(merger);
	merger->estate->es_output_cid = GetCurrentCommandId(true);
	PushActiveSnapshot(GetTransactionSnapshot());
	merge_begin_scans(merger);
	for (int i = 0; i < merger->nheld; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!merge_is_double(merger, i))
			merge_row(merger, i);
		ResetPerTupleExprContext(merger->estate);
	}
	merge_end_scans(merger);
	load_flush(merger->loader);
	PopActiveSnapshot();
	CommandCounterIncrement();
	merge_keep(merger, &merger->last, merger->nheld - 1);
	merge_keep(merger, &merger->middle, (merger->nheld - 1) / 2);
	merger->nheld = 0;
	merger->bytes = 0;
	merger->unsorted = false;
	MemoryContextSwitchTo(caller);
}

/* Gives the batch the row, whose values are valid until then, and merges the batch where it is full. */
static void
merge_hold(Merger *merger, TupleTableSlot *row)
{
	TupleTableSlot *held = merger->held[merger->nheld];
	int			order = -1;
	char	   *data;

	if (merger->nheld > 0)
		order = merge_compare(merger->held[merger->nheld - 1], row, merger);
	if (order == 0)
		return;
	merger->unsorted |= order > 0;
	if (held != row)
		ExecCopySlot(held, row);
	else
		ExecMaterializeSlot(held);
	data = ((VirtualTupleTableSlot *) held)->data;
	merger->bytes += data ? GetMemoryChunkSpace(data) : 0;
	merger->nheld++;
	if (merger->nheld >= BATCH_ROWS || merger->bytes >= BATCH_BYTES)
		merge_batch(merger);
}

/* The slot for the batch's next row. */
static TupleTableSlot *
merge_next(Merger *merger)
{
	MemoryContext caller;

	if (merger->held[merger->nheld] == NULL)
	{
		caller = MemoryContextSwitchTo(merger->context);
		merger->held[merger->nheld] = load_slot(merger->loader);
		MemoryContextSwitchTo(caller);
	}
	return merger->held[merger->nheld];
}

void
merge_take(Merger *merger, TupleTableSlot *input)
{
	MemoryContext caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(merger->estate));
	TupleTableSlot *row = merger->sort ? merger->filled : merge_next(merger);

	load_fill(merger->loader, input, row);
	for (int i = 0; i < merger->nkeys; i++)
		if (row->tts_isnull[merger->key_columns[i] - 1])
			merge_null_key(merger->sync);
	if (merger->sort)
		tuplesort_puttupleslot(merger->sort, row);
	else
		merge_hold(merger, row);
	MemoryContextSwitchTo(caller);
	ResetPerTupleExprContext(merger->estate);
}

/* Merges the rows that were sorted. */
static void
merge_sorted(Merger *merger)
{
	TupleTableSlot *row = MakeSingleTupleTableSlot(merger->filled->tts_tupleDescriptor, &TTSOpsMinimalTuple);

	tuplesort_performsort(merger->sort);
	while (tuplesort_gettupleslot(merger->sort, true, false, row, NULL))
	{
		slot_getallattrs(row);
		(void) merge_next(merger);
		merge_hold(merger, row);
	}
	merge_batch(merger);
	ExecDropSingleTupleTableSlot(row);
	ExecDropSingleTupleTableSlot(merger->filled);
	tuplesort_end(merger->sort);
}

COMPAT_NORETURN static void
merge_changed(Sync *sync)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("target %s of sync \"%s\" was changed within the run", target_name(sync->target), sync->name)));
}

/* Gets to know the index. ERROR where there is none any more: an expression of the sync may have seen to that. */
static void
merge_open_index(Merger *merger)
{
	Relation	index = NULL;
	Oid			index_id;

	if (!merge_possible(merger->sync, &index_id))
		merge_changed(merger->sync);
	for (int i = 0; i < merger->info->ri_NumIndices; i++)
		if (RelationGetRelid(merger->info->ri_IndexRelationDescs[i]) == index_id)
		{
			index = merger->info->ri_IndexRelationDescs[i];
			merger->index_info = merger->info->ri_IndexRelationInfo[i];
		}
	merger->index = index;
	merger->index_info->ii_ReadyForInserts = false;
	merger->nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	for (int i = merger->nkeys - 1; i >= 0; i--)
	{
		Oid			type = index->rd_opcintype[i];
		Oid			family = index->rd_opfamily[i];
		StrategyNumber from;

		merger->key_columns[i] = index->rd_index->indkey.values[i];
		merger->compare[i] = index_getprocinfo(index, i + 1, BTORDER_PROC);
		merger->descends[i] = (index->rd_indoption[i] & INDOPTION_DESC) != 0;
		ScanKeyEntryInitialize(&merger->keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid, index->rd_indcollation[i],
							   get_opcode(get_opfamily_member(family, type, type, BTEqualStrategyNumber)), (Datum) 0);
		from = merger->descends[i] ? BTLessEqualStrategyNumber : BTGreaterEqualStrategyNumber;
		ScanKeyEntryInitialize(&merger->start, 0, i + 1, from, InvalidOid, index->rd_indcollation[i],
							   get_opcode(get_opfamily_member(family, type, type, from)), (Datum) 0);
	}
}

/* Notes which columns of the target are written. */
static void
merge_map_columns(Merger *merger)
{
	Sync	   *sync = merger->sync;
	TupleDesc	desc = RelationGetDescr(merger->target);
	ListCell   *lc;

	merger->columns = palloc(sizeof(AttrNumber) * list_length(sync->fields));
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);

		if (!field->rejects && (field->key == 0 || !merge_is_exact(sync, field)))
			merger->columns[merger->ncolumns++] = get_attnum(sync->target, field->name);
	}
	if (sync->deletes == SYNC_DELETES_SOFT)
		merger->deleted = get_attnum(sync->target, sync->deleted_column);
	merger->checks = desc->constr && (desc->constr->has_not_null || desc->constr->num_check > 0);
	merger->generated = desc->constr && desc->constr->has_generated_stored;
}

Merger *
merge_begin(Sync *sync, SyncRun *run, TupleDesc input)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "connkit merger", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Merger	   *merger = palloc0(sizeof(Merger));

	merger->context = context;
	merger->sync = sync;
	merger->run = run;
	merger->target = table_open(sync->target, RowExclusiveLock);
	CheckCmdReplicaIdentity(merger->target, CMD_UPDATE);
	merger->estate = CreateExecutorState();
	merger->info = makeNode(ResultRelInfo);
	InitResultRelInfo(merger->info, merger->target, 0, NULL, 0);
	ExecOpenIndices(merger->info, false);
	merge_open_index(merger);
	merge_map_columns(merger);
	merger->found = table_slot_create(merger->target, NULL);
	merger->changed = MakeSingleTupleTableSlot(RelationGetDescr(merger->target), &TTSOpsVirtual);
	merger->loader = load_begin(sync, sync->target, sync->target, input, false, false);
	MemoryContextSwitchTo(caller);
	return merger;
}

void
merge_end(Merger *merger)
{
	merge_batch(merger);
	if (merger->sort)
		merge_sorted(merger);
	for (int i = 0; i < BATCH_ROWS; i++)
		if (merger->held[i])
			ExecDropSingleTupleTableSlot(merger->held[i]);
	if (merger->last)
		ExecDropSingleTupleTableSlot(merger->last);
	if (merger->middle)
		ExecDropSingleTupleTableSlot(merger->middle);
	ExecDropSingleTupleTableSlot(merger->found);
	ExecDropSingleTupleTableSlot(merger->changed);
	load_end(merger->loader);
	ExecCloseIndices(merger->info);
	FreeExecutorState(merger->estate);
	table_close(merger->target, NoLock);
	MemoryContextDelete(merger->context);
}

/* ERROR where a field is not of its column's type: an expression of the sync may have changed that since the stage was made. */
static void
check_stage(Sync *sync, TupleDesc stage)
{
	int			place = 0;
	ListCell   *lc;

	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);
		Form_pg_attribute att = TupleDescAttr(stage, place++);
		AttrNumber	number = get_attnum(sync->target, field->name);
		Oid			type = InvalidOid;
		int32		typmod = -1;
		Oid			collation;

		if (field->rejects)
			continue;
		if (number > 0)
			get_atttypetypmodcoll(sync->target, number, &type, &typmod, &collation);
		if (number <= 0 || type != att->atttypid || typmod != att->atttypmod)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("column \"%s\" of target %s of sync \"%s\" was changed within the run", field->name,
							target_name(sync->target), sync->name)));
	}
}

/* The receiver of the stage's rows. */
typedef struct StageReceiver
{
	DestReceiver pub;
	Merger	   *merger;
	Sync	   *sync;
	SyncRun    *run;
	MemoryContext context;
} StageReceiver;

static void
stage_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	StageReceiver *receiver = (StageReceiver *) self;

	MemoryContext caller = MemoryContextSwitchTo(receiver->context);

	check_stage(receiver->sync, desc);
	receiver->merger = merge_begin(receiver->sync, receiver->run, desc);
	MemoryContextSwitchTo(caller);
}

static bool
stage_receive(TupleTableSlot *slot, DestReceiver *self)
{
	merge_take(((StageReceiver *) self)->merger, slot);
	return true;
}

static void
stage_shutdown(DestReceiver *self)
{
}

/* The stage's rows in the order of the index, and of rows with one key the last first. */
static char *
merge_query(Sync *sync, Oid stage, Oid index_id)
{
	Relation	target = table_open(sync->target, NoLock);
	Relation	index = index_open(index_id, AccessShareLock);
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);

		appendStringInfo(&sql, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 field->rejects ? "NULL" : quote_identifier(field->name));
	}
	appendStringInfo(&sql, " FROM %s ORDER BY ", target_name(stage));
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
		appendStringInfo(&sql, "%s%s USING %s", i > 0 ? ", " : "", quote_identifier(index_column(target, index, i)),
						 merge_operator_name(index_before(index, i)));
	if (!sync->source_keyed)
		appendStringInfo(&sql, "%s, ctid DESC", sync->cursor_column ? ", connkit_cursor DESC NULLS LAST" : "");
	index_close(index, NoLock);
	table_close(target, NoLock);
	return sql.data;
}

void
merge_rows(Sync *sync, SyncRun *run, Oid stage, Oid index)
{
	StageReceiver receiver = {
		.pub = {stage_receive, stage_startup, stage_shutdown, stage_shutdown, DestTuplestore},
		.sync = sync, .run = run, .context = CurrentMemoryContext
	};
	SPIExecuteOptions options = {.dest = &receiver.pub};
	int			result = SPI_execute_extended(merge_query(sync, stage, index), &options);

	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(result));
	merge_end(receiver.merger);
}
