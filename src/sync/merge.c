/*
 * merge.c: rows merged by key into a plain table, past SQL: one search in the key's index for each row.
 *
 * Rows come in the index's order, so that pages of index and table are met one after the other. A row that is there and
 * differs is updated, one that is missing goes to the loader, which inserts many at a time.
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
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "compat.h"
#include "load.h"
#include "merge.h"

typedef struct Merger
{
	DestReceiver receiver;		/* of the query's rows; must be first */
	MemoryContext context;
	Sync	   *sync;
	SyncRun    *run;
	Relation	target;
	Oid			index_id;
	Relation	index;
	IndexInfo  *index_info;		/* not for others to insert by */
	Loader	   *loader;
	EState	   *estate;
	ResultRelInfo *info;
	IndexScanDesc scan;
	int			nkeys;
	ScanKeyData keys[INDEX_MAX_KEYS];	/* the row at hand */
	int			places[INDEX_MAX_KEYS]; /* of the key's columns in the query */
	MemoryContext key_context;
	bool		held;			/* there is a row before this one */
	Datum		last[INDEX_MAX_KEYS];	/* its key, in key_context */
	int			nfields;
	AttrNumber *columns;		/* of the target, for each of the query; 0: none, or one that the key says all of */
	AttrNumber	deleted;		/* becomes NULL; or 0 */
	bool		checks;
	bool		generated;
	TupleTableSlot *found;
	TupleTableSlot *changed;
} Merger;

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

void
merge_null_key(Sync *sync)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("sync \"%s\" has read a row without a key", sync->name),
			 errdetail("A column of the key is NULL: the row cannot be told from others."),
			 errhint("Name columns that are never NULL as key_columns, or leave such rows out by the filter.")));
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

/* Finds the visible row of the key at hand. What the scan keeps outlives the row at hand. */
static bool
merge_find(Merger *merger, IndexScanDesc scan)
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
merge_find_again(Merger *merger)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	IndexScanDesc scan = compat_index_beginscan(merger->target, merger->index, snapshot, merger->nkeys);
	bool		found = merge_find(merger, scan);

	ExecMaterializeSlot(merger->found);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	return found;
}

/* Makes the new version of the row that was found; false where it is as the one that is there. */
static bool
merge_change(Merger *merger, TupleTableSlot *input)
{
	TupleDesc	desc = RelationGetDescr(merger->target);
	TupleTableSlot *found = merger->found;
	TupleTableSlot *changed = ExecClearTuple(merger->changed);
	bool		differs = false;

	slot_getallattrs(found);
	memcpy(changed->tts_values, found->tts_values, sizeof(Datum) * desc->natts);
	memcpy(changed->tts_isnull, found->tts_isnull, sizeof(bool) * desc->natts);
	for (int i = 0; i < merger->nfields; i++)
	{
		int			column = merger->columns[i] - 1;
		Form_pg_attribute att;

		if (column < 0)
			continue;
		att = TupleDescAttr(desc, column);
		if (input->tts_isnull[i] == found->tts_isnull[column] &&
			(input->tts_isnull[i] ||
			 datum_image_eq(input->tts_values[i], found->tts_values[column], att->attbyval, att->attlen)))
			continue;
		changed->tts_values[column] = input->tts_values[i];
		changed->tts_isnull[column] = input->tts_isnull[i];
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

/* Updates or inserts the row at hand. */
static void
merge_row(Merger *merger, TupleTableSlot *input)
{
	bool		found = merge_find(merger, merger->scan);

	while (found && merge_change(merger, input))
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
		found = merge_find_again(merger);
	}
	if (found)
		return;
	load_prepare(merger->loader, input);
	load_keep(merger->loader);
	merger->run->inserted++;
}

/* Sets the key at hand; false where it is that of the row before. */
static bool
merge_key(Merger *merger, TupleTableSlot *input)
{
	bool		same = merger->held;
	MemoryContext caller;

	for (int i = 0; i < merger->nkeys; i++)
	{
		ScanKey		key = &merger->keys[i];

		if (input->tts_isnull[merger->places[i]])
			merge_null_key(merger->sync);
		key->sk_argument = input->tts_values[merger->places[i]];
		same = same && DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation, merger->last[i],
													  key->sk_argument));
	}
	if (same)
		return false;
	MemoryContextReset(merger->key_context);
	caller = MemoryContextSwitchTo(merger->key_context);
	for (int i = 0; i < merger->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(input->tts_tupleDescriptor, merger->places[i]);

		merger->last[i] = datumCopy(merger->keys[i].sk_argument, att->attbyval, att->attlen);
	}
	MemoryContextSwitchTo(caller);
	merger->held = true;
	return true;
}

/* The query's receiver: takes a row. */
static bool
merge_receive(TupleTableSlot *input, DestReceiver *self)
{
	Merger	   *merger = (Merger *) self;
	MemoryContext caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(merger->estate));

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(input);
	if (merge_key(merger, input))
		merge_row(merger, input);
	MemoryContextSwitchTo(caller);
	ResetPerTupleExprContext(merger->estate);
	return true;
}

/* Gets the index ready for searches with the query's snapshot. */
static void
merge_open_index(Merger *merger)
{
	Relation	index = NULL;

	for (int i = 0; i < merger->info->ri_NumIndices; i++)
		if (RelationGetRelid(merger->info->ri_IndexRelationDescs[i]) == merger->index_id)
		{
			index = merger->info->ri_IndexRelationDescs[i];
			merger->index_info = merger->info->ri_IndexRelationInfo[i];
		}
	merger->index = index;
	merger->index_info->ii_ReadyForInserts = false;
	merger->nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	for (int i = 0; i < merger->nkeys; i++)
	{
		Oid			type = index->rd_opcintype[i];
		Oid			equal = get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);

		(void) key_field(merger->sync, index_column(merger->target, index, i), &merger->places[i]);
		ScanKeyEntryInitialize(&merger->keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid, index->rd_indcollation[i],
							   get_opcode(equal), (Datum) 0);
	}
	merger->scan = compat_index_beginscan(merger->target, index, GetActiveSnapshot(), merger->nkeys);
}

/* ERROR where the field is not of its column's type: an expression of the sync may have changed that since the stage was made. */
static void
check_type(Merger *merger, SyncField *field, Form_pg_attribute input)
{
	AttrNumber	number = get_attnum(merger->sync->target, field->name);
	Form_pg_attribute att = number > 0 ? TupleDescAttr(RelationGetDescr(merger->target), number - 1) : NULL;

	if (att == NULL || att->atttypid != input->atttypid || att->atttypmod != input->atttypmod)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("column \"%s\" of target %s of sync \"%s\" was changed within the run", field->name,
						target_name(merger->sync->target), merger->sync->name)));
}

/* Notes which column of the target takes which one of the query. */
static void
merge_map_columns(Merger *merger, TupleDesc input)
{
	Sync	   *sync = merger->sync;
	TupleDesc	desc = RelationGetDescr(merger->target);
	ListCell   *lc;

	merger->columns = palloc0(sizeof(AttrNumber) * list_length(sync->fields));
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);

		if (!field->rejects)
			check_type(merger, field, TupleDescAttr(input, merger->nfields));
		if (!field->rejects && (field->key == 0 || !merge_is_exact(sync, field)))
			merger->columns[merger->nfields] = get_attnum(sync->target, field->name);
		merger->nfields++;
	}
	if (sync->deletes == SYNC_DELETES_SOFT)
		merger->deleted = get_attnum(sync->target, sync->deleted_column);
	merger->checks = desc->constr && (desc->constr->has_not_null || desc->constr->num_check > 0);
	merger->generated = desc->constr && desc->constr->has_generated_stored;
}

/* The query's receiver begins; the query's snapshot is the active one. */
static void
merge_startup(DestReceiver *self, int operation, TupleDesc input)
{
	Merger	   *merger = (Merger *) self;
	Sync	   *sync = merger->sync;
	MemoryContext caller = MemoryContextSwitchTo(merger->context);

	merger->target = table_open(sync->target, RowExclusiveLock);
	CheckCmdReplicaIdentity(merger->target, CMD_UPDATE);
	merger->estate = CreateExecutorState();
	merger->estate->es_output_cid = GetCurrentCommandId(true);
	merger->info = makeNode(ResultRelInfo);
	InitResultRelInfo(merger->info, merger->target, 0, NULL, 0);
	ExecOpenIndices(merger->info, false);
	merge_open_index(merger);
	merge_map_columns(merger, input);
	merger->found = table_slot_create(merger->target, NULL);
	merger->changed = MakeSingleTupleTableSlot(RelationGetDescr(merger->target), &TTSOpsVirtual);
	merger->loader = load_begin(sync, sync->target, sync->target, input, false, false);
	MemoryContextSwitchTo(caller);
}

/* The query's receiver ends. */
static void
merge_shutdown(DestReceiver *self)
{
	Merger	   *merger = (Merger *) self;

	load_end(merger->loader);
	ExecDropSingleTupleTableSlot(merger->found);
	ExecDropSingleTupleTableSlot(merger->changed);
	index_endscan(merger->scan);
	ExecCloseIndices(merger->info);
	FreeExecutorState(merger->estate);
	table_close(merger->target, NoLock);
}

static void
merge_destroy(DestReceiver *self)
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
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", quote_identifier(index_column(target, index, i)));
	if (!sync->source_keyed)
		appendStringInfo(&sql, "%s, ctid DESC", sync->cursor_column ? ", connkit_cursor DESC NULLS LAST" : "");
	index_close(index, NoLock);
	table_close(target, NoLock);
	return sql.data;
}

void
merge_rows(Sync *sync, SyncRun *run, Oid stage, Oid index)
{
	Merger	   *merger = palloc0(sizeof(Merger));
	SPIExecuteOptions options = {.dest = &merger->receiver};
	int			result;

	merger->receiver.receiveSlot = merge_receive;
	merger->receiver.rStartup = merge_startup;
	merger->receiver.rShutdown = merge_shutdown;
	merger->receiver.rDestroy = merge_destroy;
	merger->receiver.mydest = DestTuplestore;
	merger->context = CurrentMemoryContext;
	merger->key_context = AllocSetContextCreate(CurrentMemoryContext, "connkit merge key", ALLOCSET_SMALL_SIZES);
	merger->sync = sync;
	merger->run = run;
	merger->index_id = index;
	result = SPI_execute_extended(merge_query(sync, stage, index), &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(result));
	MemoryContextDelete(merger->key_context);
}
