/*
 * modify.c: INSERT, UPDATE and DELETE row by row: runs what modify_plan.c has made for the rows that the executor brings.
 *
 * A row that is updated or deleted is found again by the columns with the option key, or by what the dialect calls its row id,
 * in the form in which they were read. The source says how many rows it found: there must be one. Where it does not return rows,
 * they are read again by their keys, in the same transaction.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "fdw.h"
#include "key_set.h"
#include "modify.h"
#include "registry.h"
#include "value.h"

/* A change of one table while it runs. */
typedef struct TableChange
{
	RemoteTable table;
	CmdType		operation;
	CommandId	command;
	char	   *sql;
	List	   *stored;
	List	   *keys;
	List	   *places;
	List	   *returned;
	int			flags;
	char	   *again_sql;
	List	   *again_places;
	ValueWriter *writers;		/* of stored and keys */
	AttrNumber *junk;			/* of each key, in the subplan's rows */
	AttrNumber	whole;			/* of the row that was read, there; 0: it is of no interest */
	List	   *unsent;			/* attributes that no trigger may set */
	CkValue    *values;			/* of stored and keys, of the row at hand */
	KeySet	   *changed;		/* keys of the rows changed, where a row may come more than once */
	const char *relation;
	EState	   *estate;
	bool		counted;		/* its rows count for the statement */
	bool		moves;			/* rows are inserted that an UPDATE takes from another partition */
	bool		waits;			/* a batch is waited for before the next is made */
	bool		lasting;		/* no rollback undoes what is changed: */
	int64		changed_rows;	/* so many rows by now */

	bool		reads_again;	/* the source does not return the attributes; known once there is a scan */
	SourceScan *again;			/* reads the row by its keys */
	SourceScan *scan;
	int			scan_rows;		/* of an INSERT, for which scan is */
	SourceScan *batch;			/* the same for a full batch */
	int			batch_rows;
	SourceScan *running;		/* that of the two whose rows are on their way to the source */
	int			running_rows;
	dlist_node	node;			/* in running_changes, meanwhile */
	MemoryContextCallback gone;
	MemoryContext context;		/* values on their way */
} TableChange;

/* Changes whose last batch the source works at. */
static dlist_head running_changes = DLIST_STATIC_INIT(running_changes);

/* The change goes, with its query's memory, whether it was ended or not. */
static void
change_gone(void *arg)
{
	TableChange *change = arg;

	if (change->running)
		dlist_delete(&change->node);
}

static TableChange *
change_begin(ModifyTableState *mtstate, ResultRelInfo *info, CmdType operation, List *stored, List *keys, List *returned)
{
	EState	   *estate = mtstate->ps.state;
	Relation	relation = info->ri_RelationDesc;
	TableChange *change = MemoryContextAllocZero(estate->es_query_cxt, sizeof(TableChange));
	const CkSql *sql;
	ListCell   *lc;
	int			i = 0;

	remote_table_init(&change->table, RelationGetRelid(relation), compat_result_user(info, estate));
	modify_check(&change->table, operation);
	sql = change->table.sql;
	change->operation = operation;
	change->command = estate->es_output_cid;
	change->stored = stored;
	change->keys = keys;
	change->returned = returned;
	change->relation = RelationGetRelationName(relation);
	change->estate = estate;
	change->counted = mtstate->canSetTag;
	change->lasting = registry_connector_of_server(change->table.serverid)->atomicity < CK_TRANSACTIONAL;
	change->moves = operation == CMD_INSERT && mtstate->operation == CMD_UPDATE;
	/* what COPY counts, it counts by itself; what a WITH changes may be changed after the query has run, and is told of then */
	change->waits = mtstate->ps.plan == NULL || mtstate->ps.plan != estate->es_plannedstmt->planTree ||
		registry_connector_of_server(change->table.serverid)->scan_pending == NULL;
	change->again_sql = "";
	change->gone.func = change_gone;
	change->gone.arg = change;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &change->gone);
	change->writers = palloc(sizeof(ValueWriter) * (list_length(stored) + list_length(keys) + 1));
	foreach(lc, stored)
		modify_writer_init(&change->writers[i++], sql, get_atttype(change->table.relid, (AttrNumber) lfirst_int(lc)));
	foreach(lc, keys)
		value_writer_init(&change->writers[i++],
						  lfirst_int(lc) < 0 ? TEXTOID : get_atttype(change->table.relid, (AttrNumber) lfirst_int(lc)),
						  sql->native && lfirst_int(lc) > 0);
	change->context = AllocSetContextCreate(estate->es_query_cxt, "connkit change", ALLOCSET_DEFAULT_SIZES);
	info->ri_FdwState = change;
	return change;
}

void
fdw_begin_modify(ModifyTableState *mtstate, ResultRelInfo *info, List *private, int subplan_index, int eflags)
{
	TableChange *change;
	List	   *tlist = outerPlanState(mtstate)->plan->targetlist;
	ListCell   *lc;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	change = change_begin(mtstate, info, mtstate->operation, list_nth(private, MODIFY_STORED), list_nth(private, MODIFY_KEYS),
						  list_nth(private, MODIFY_RETURNED));
	change->sql = strVal(list_nth(private, MODIFY_SQL));
	change->places = list_nth(private, MODIFY_PLACES);
	change->flags = intVal(list_nth(private, MODIFY_FLAGS));
	change->again_sql = strVal(list_nth(private, MODIFY_AGAIN));
	change->again_places = list_nth(private, MODIFY_AGAIN_PLACES);
	change->unsent = list_nth(private, MODIFY_UNSENT);
	if (change->operation == CMD_INSERT)
		return;
	if (change->unsent != NIL || (change->flags & MODIFY_READ))
		change->whole = ExecFindJunkAttributeInTlist(tlist, "wholerow");
	/* a row that has been changed has another row id, and is not found by the old one */
	if (!(change->flags & MODIFY_ALONE) && linitial_int(change->keys) > 0)
		change->changed = key_set_begin();
	change->junk = palloc(sizeof(AttrNumber) * (list_length(change->keys) + 1));
	foreach(lc, change->keys)
	{
		char	   *name = modify_junk_name(change->table.relid, (AttrNumber) lfirst_int(lc));

		change->junk[foreach_current_index(lc)] = ExecFindJunkAttributeInTlist(tlist, name);
		if (!AttributeNumberIsValid(change->junk[foreach_current_index(lc)]))
			elog(ERROR, "could not find column \"%s\" of a subplan", name);
	}
}

/* The attribute that each placeholder's value is stored in, 0 none. */
static List *
stored_places(TableChange *change)
{
	List	   *attributes = NIL;
	ListCell   *lc;

	if (change->operation == CMD_INSERT)
		return change->stored;
	foreach(lc, change->places)
		attributes = lappend_int(attributes, lfirst_int(lc) > list_length(change->stored) ? 0 :
								 list_nth_int(change->stored, lfirst_int(lc) - 1));
	return attributes;
}

/* A scan of the table that gives the attributes. */
static SourceScan *
table_scan(TableChange *change, const char *sql, List *attributes, uint32 flags)
{
	CkColumn   *columns;
	Oid		   *types;
	int32	   *typmods;
	int		   *places;
	SourceScan *scan;

	columns = remote_columns(&change->table, attributes, &types, &typmods, &places);
	scan = scan_new(change->table.serverid, change->table.userid, change->table.source_options, sql, list_length(attributes),
					columns, types, typmods, places, flags);
	scan->pub.table_name = scan_utf8(change->table.table);
	scan->table = change->table.relid;
	scan->relation = change->relation;
	return scan;
}

/* A scan that runs such a statement. */
static SourceScan *
change_scan(EState *estate, TableChange *change, const char *sql)
{
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	uint32		flags = modify_flags(&change->table, estate->es_sourceText);
	SourceScan *scan;
	StringInfoData text;

	if ((change->flags & MODIFY_SKIP) && !change->table.sql->on_conflict)
		flags |= CK_SCAN_SKIP_DUPLICATE;
	change->reads_again = change->returned != NIL &&
		!modify_source_returns(&change->table, change->operation, change->returned, change->again_sql[0] != '\0');
	initStringInfo(&text);
	appendStringInfoString(&text, sql);
	if (!change->reads_again)
		modify_returning(&text, &change->table, change->returned);
	scan = table_scan(change, text.data, change->reads_again ? NIL : change->returned, flags);
	scan->command = change->command;
	modify_tell_stored(scan, &change->table, stored_places(change));
	MemoryContextSwitchTo(caller);
	fdw_settle(change->table.serverid, change->table.userid, change->command);
	return scan;
}

/* What the rows of an INSERT are, for the connector. */
static CkInsert *
change_insert(EState *estate, TableChange *change)
{
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	CkInsert   *insert = palloc0(sizeof(CkInsert));
	const char **columns = palloc(sizeof(char *) * list_length(change->stored));
	uint32	   *types = palloc0(sizeof(uint32) * list_length(change->stored));
	StringInfoData relation,
				list;
	ListCell   *lc;

	initStringInfo(&relation);
	remote_name(&relation, &change->table);
	initStringInfo(&list);
	modify_column_list(&list, &change->table, change->stored);
	foreach(lc, change->stored)
	{
		int			i = foreach_current_index(lc);
		Oid			type = get_atttype(change->table.relid, (AttrNumber) lfirst_int(lc));

		columns[i] = scan_utf8(remote_column_name(change->table.relid, (AttrNumber) lfirst_int(lc)));
		if (!modify_as_text(change->table.sql, type))
			types[i] = getBaseType(type);
	}
	insert->relation = scan_utf8(relation.data);
	insert->column_list = scan_utf8(list.data);
	insert->ncolumns = list_length(change->stored);
	insert->columns = columns;
	insert->types = types;
	MemoryContextSwitchTo(caller);
	return insert;
}

/* The values of the statement's placeholders: what is stored, from the slot, and keys, from the subplan's row. */
static void
change_args(TableChange *change, CkValue *args, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	int			nstored = list_length(change->stored);
	CkValue    *values = palloc(sizeof(CkValue) * (nstored + list_length(change->keys) + 1));
	ListCell   *lc;

	change->values = values;
	foreach(lc, change->stored)
	{
		int			i = foreach_current_index(lc);
		AttrNumber	attnum = (AttrNumber) lfirst_int(lc);
		bool		isnull;
		Datum		datum = slot_getattr(slot, attnum, &isnull);

		modify_write(&values[i], &change->writers[i], &change->table, attnum, datum, isnull);
	}
	foreach(lc, change->junk ? change->keys : NIL)
	{
		int			i = foreach_current_index(lc);
		bool		isnull;
		Datum		datum = ExecGetJunkAttribute(plan_slot, change->junk[i], &isnull);

		value_write(&change->writers[nstored + i], &values[nstored + i], datum, isnull);
	}
	if (change->places == NIL)
		memcpy(args, values, sizeof(CkValue) * nstored);
	foreach(lc, change->places)
		args[foreach_current_index(lc)] = values[lfirst_int(lc) - 1];
}

/* The same for rows; the values live until the next call. */
static CkValue *
change_all_args(TableChange *change, TupleTableSlot **slots, TupleTableSlot *plan_slot, int rows, int *nargs)
{
	MemoryContext caller;
	CkValue    *args;
	volatile int each = change->places ? list_length(change->places) : list_length(change->stored);
	int			saved;

	MemoryContextReset(change->context);
	caller = MemoryContextSwitchTo(change->context);
	args = palloc(sizeof(CkValue) * (each * rows + 1));
	saved = change->table.sql->native ? value_encoding_begin() : -1;
	PG_TRY();
	{
		for (int i = 0; i < rows; i++)
			change_args(change, args + each * i, slots ? slots[i] : NULL, plan_slot);
	}
	PG_FINALLY();
	{
		value_encoding_end(saved);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	*nargs = each * rows;
	return args;
}

/* Runs the scan and puts the first of its rows into the slot, whose memory the arguments may stand in until then; the number of
 * rows. */
static int64
run_into(EState *estate, SourceScan *scan, const CkValue *args, int nargs, TupleTableSlot *slot)
{
	int			natts = slot->tts_tupleDescriptor->natts;
	MemoryContext caller;
	Datum	   *values;
	bool	   *isnull;
	int64		rows = 0;

	scan_restart(scan, args, nargs);
	caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	values = palloc(sizeof(Datum) * natts);
	isnull = palloc(sizeof(bool) * natts);
	memset(isnull, true, natts);
	while (scan_next(scan, values, isnull))
	{
		CHECK_FOR_INTERRUPTS();
		if (rows++ > 0)
			continue;
		ExecClearTuple(slot);
		memcpy(slot->tts_values, values, sizeof(Datum) * natts);
		memcpy(slot->tts_isnull, isnull, natts);
		ExecStoreVirtualTuple(slot);
	}
	if (rows == 0)
		ExecClearTuple(slot);
	MemoryContextSwitchTo(caller);
	return rows;
}

/* The arguments of again_sql: the keys that the row at hand had, or those that it has now. */
static CkValue *
again_args(TableChange *change, bool old)
{
	int			nstored = list_length(change->stored);
	CkValue    *args = MemoryContextAlloc(change->context, sizeof(CkValue) * (list_length(change->again_places) + 1));
	ListCell   *lc;

	foreach(lc, change->again_places)
	{
		int			key = lfirst_int(lc) - 1;
		int			place = nstored + key;

		for (int i = 0; i < nstored && !old; i++)
			if (list_nth_int(change->stored, i) == list_nth_int(change->keys, key))
				place = i;
		args[foreach_current_index(lc)] = change->values[place];
	}
	return args;
}

/* Makes the scan that reads a row by its keys, as the transaction sees it now. */
static SourceScan *
again_scan(EState *estate, TableChange *change)
{
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);

	if (change->again == NULL)
		change->again = table_scan(change, change->again_sql, change->returned, 0);
	MemoryContextSwitchTo(caller);
	return change->again;
}

/* Reads the row at hand into the slot, by the keys that it had or those that it has now; false where it is not there. */
static bool
read_again(EState *estate, TableChange *change, bool old, TupleTableSlot *slot)
{
	int64		rows = run_into(estate, again_scan(estate, change), again_args(change, old),
								list_length(change->again_places), slot);

	if (rows > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("the key of a row of foreign table \"%s\" has found " INT64_FORMAT " rows at the source",
						change->relation, rows),
				 errhint("Set the option key on columns that are unique at the source.")));
	return rows == 1;
}

/* True where the row at hand, which was not changed, is there as it was: a trigger at the source keeps it. */
static bool
is_kept(EState *estate, TableChange *change, TupleDesc desc)
{
	TupleTableSlot *slot;
	bool		kept;

	if (change->again_sql[0] == '\0')
		return false;
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	kept = read_again(estate, change, true, slot);
	ExecDropSingleTupleTableSlot(slot);
	return kept;
}

/* Runs the scan and puts the row as it is then, or before it is deleted, into the slot, if that is wanted; the rows affected. */
static int64
run_change(EState *estate, TableChange *change, SourceScan *scan, CkValue *args, int nargs, TupleTableSlot *slot)
{
	int64		affected;

	if (change->returned != NIL && !change->reads_again)
	{
		(void) run_into(estate, scan, args, nargs, slot);
		return scan->pub.affected;
	}
	if (change->reads_again && change->operation == CMD_DELETE)
		(void) read_again(estate, change, true, slot);
	affected = scan_change(scan, args, nargs);
	if (change->reads_again && change->operation != CMD_DELETE && affected != 0 && !read_again(estate, change, false, slot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a row of foreign table \"%s\" was changed at the source, and not found again by its key",
						change->relation),
				 errdetail("The source does not return rows that it changes; a trigger there may have given it another key."),
				 errhint("Leave RETURNING away.")));
	return affected;
}

/* Tells, with an error of the source, how much of the statement stays done. */
static void
change_error_context(void *arg)
{
	TableChange *change = arg;

	if (change->lasting && change->changed_rows > 0)
		errcontext("change of foreign table \"%s\": rows that were changed before, and stay so: " INT64_FORMAT,
				   change->relation, change->changed_rows);
}

/* The same, for one row. */
static int64
change_run(EState *estate, TableChange *change, SourceScan *scan, CkValue *args, int nargs, TupleTableSlot *slot)
{
	ErrorContextCallback context = {.callback = change_error_context, .arg = change, .previous = error_context_stack};
	int64		affected;

	error_context_stack = &context;
	affected = run_change(estate, change, scan, args, nargs, slot);
	error_context_stack = context.previous;
	change->changed_rows += affected < 0 ? 1 : affected;
	return affected;
}

/* Begins a batch. */
static void
batch_begin(TableChange *change, SourceScan *scan, CkValue *args, int nargs)
{
	ErrorContextCallback context = {.callback = change_error_context, .arg = change, .previous = error_context_stack};

	error_context_stack = &context;
	scan_change_begin(scan, args, nargs);
	error_context_stack = context.previous;
}

/* Waits for the end of a batch of so many rows; returns how many were changed. */
static int64
batch_end(TableChange *change, SourceScan *scan, int rows)
{
	ErrorContextCallback context = {.callback = change_error_context, .arg = change, .previous = error_context_stack};
	int64		affected;

	error_context_stack = &context;
	affected = scan_change_end(scan);
	error_context_stack = context.previous;
	change->changed_rows += affected < 0 ? rows : affected;
	return affected;
}

/* Waits for the end of what was begun: an error is raised here; the statement's count loses the rows that the source left out. */
static void
change_finish(TableChange *change)
{
	SourceScan *running = change->running;
	int64		affected;

	if (running == NULL)
		return;
	change->running = NULL;
	dlist_delete(&change->node);
	affected = batch_end(change, running, change->running_rows);
	if (change->counted && affected >= 0 && affected < change->running_rows)
		change->estate->es_processed -= change->running_rows - affected;
}

/* Waits for what the query's changes have under way, so that it is done, or has failed, before anybody is told. */
static void
finish_changes(EState *estate)
{
	dlist_mutable_iter iter;
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);

	dlist_foreach_modify(iter, &running_changes)
	{
		TableChange *change = dlist_container(TableChange, node, iter.cur);

		if (change->estate == estate)
			change_finish(change);
	}
	MemoryContextSwitchTo(caller);
}

static ExecutorRun_hook_type previous_run = NULL;

static void
modify_run(COMPAT_RUN_PARAMETERS)
{
	if (previous_run)
		previous_run(COMPAT_RUN_ARGUMENTS);
	else
		standard_ExecutorRun(COMPAT_RUN_ARGUMENTS);
	if (!dlist_is_empty(&running_changes))
		finish_changes(query->estate);
}

void
modify_init(void)
{
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = modify_run;
}

/* Rows that an INSERT has put in, of those it was given: a conflict, or a trigger at the source, may have kept some out. */
static int
inserted_rows(int64 affected, int rows)
{
	return affected < 0 ? rows : (int) Min(affected, rows);
}

/* ERROR where a policy of the partitioned table forbids the row: PostgreSQL itself looks at rows of local partitions only. */
static void
check_policies(EState *estate, ResultRelInfo *info, TupleTableSlot *slot)
{
	TableChange *change = info->ri_FdwState;

	if (info->ri_WithCheckOptions != NIL && change->operation != CMD_DELETE)
		ExecWithCheckOptions(change->operation == CMD_INSERT && !change->moves ? WCO_RLS_INSERT_CHECK : WCO_RLS_UPDATE_CHECK,
							 info, slot, estate);
}

TupleTableSlot *
fdw_insert(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	TableChange *change = info->ri_FdwState;
	int			nargs;
	CkValue    *args = change_all_args(change, &slot, plan_slot, 1, &nargs);
	int64		affected;

	check_policies(estate, info, slot);
	modify_filter_check_row(&change->table, change->unsent, 0, slot, plan_slot);
	if (change->scan && change->scan_rows != 1)
	{
		scan_end(change->scan);
		change->scan = NULL;
	}
	if (change->scan == NULL)
		change->scan = change_scan(estate, change, change->sql);
	change->scan_rows = 1;
	affected = change_run(estate, change, change->scan, args, nargs, slot);
	if (inserted_rows(affected, 1) == 0)
		return NULL;
	/* as the source has made it by its defaults */
	check_policies(estate, info, slot);
	return slot;
}

TupleTableSlot **
fdw_insert_batch(EState *estate, ResultRelInfo *info, TupleTableSlot **slots, TupleTableSlot **plan_slots, int *count)
{
	TableChange *change = info->ri_FdwState;
	int			nargs;
	CkValue    *args = change_all_args(change, slots, NULL, *count, &nargs);
	SourceScan **scan = *count == change->batch_rows ? &change->batch : &change->scan;

	for (int i = 0; i < *count; i++)
		modify_filter_check_row(&change->table, change->unsent, 0, slots[i], NULL);
	if (change->running && change->running == *scan && scan_change_more(*scan, args, nargs))
	{
		change->running_rows += *count;
		return slots;
	}
	change_finish(change);
	if (scan == &change->scan && change->scan && change->scan_rows != *count)
	{
		scan_end(change->scan);
		change->scan = NULL;
	}
	if (*scan == NULL)
	{
		*scan = change_scan(estate, change, modify_insert_sql(&change->table, change->stored, change->flags, *count));
		if (!(change->flags & MODIFY_SKIP))
			(*scan)->pub.insert = change_insert(estate, change);
	}
	if (scan == &change->scan)
		change->scan_rows = *count;
	batch_begin(change, *scan, args, nargs);
	if (change->waits || *count != change->batch_rows)
		*count = inserted_rows(batch_end(change, *scan, *count), *count);
	else
	{
		/* the next rows come while the source works by itself, and was told all values; its rows are counted as put in for now */
		change->running = *scan;
		change->running_rows = *count;
		dlist_push_tail(&running_changes, &change->node);
	}
	return *count > 0 ? slots : NULL;
}

/* Rows of one statement, as far as options and placeholders allow. */
static int
batch_rows(const RemoteTable *table, List *stored, int flags)
{
	int			most = table->sql->max_args > 0 ? (int) table->sql->max_args : 65535;

	if (stored == NIL || ((flags & MODIFY_SKIP) && !table->sql->on_conflict))
		return 1;
	if (table->sql->filter)
		most = Min(most, (int) table->sql->changes->rows * list_length(stored));
	return Max(1, Min((int) table->common.batch_size, most / list_length(stored)));
}

/* True where rows need not be looked at one by one. */
static bool
batch_fits(ResultRelInfo *info, List *returned)
{
	TriggerDesc *triggers = info->ri_TrigDesc;

	return returned == NIL && info->ri_projectReturning == NULL && info->ri_WithCheckOptions == NIL &&
		!(triggers && (triggers->trig_insert_before_row || triggers->trig_insert_after_row));
}

int
fdw_batch_size(ResultRelInfo *info)
{
	TableChange *change = info->ri_FdwState;

	if (change == NULL || !batch_fits(info, change->returned))
		return 1;
	change->batch_rows = batch_rows(&change->table, change->stored, change->flags);
	return change->batch_rows;
}

/* Runs UPDATE or DELETE of one row; NULL where there was none, in a statement whose rows may come more than once. */
static TupleTableSlot *
change_row(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	TableChange *change = info->ri_FdwState;
	int			nargs;
	CkValue    *args;
	int64		affected;

	if (change->sql[0] == '\0')
		return slot;
	args = change_all_args(change, &slot, plan_slot, 1, &nargs);
	/* as here, the first of the rows that it is joined with has changed it */
	if (change->changed &&
		!key_set_add(change->changed, change->values + list_length(change->stored), list_length(change->keys)))
		return NULL;
	if (change->operation == CMD_UPDATE && info->ri_RelationDesc->rd_rel->relispartition &&
		!ExecPartitionCheck(info, slot, estate, false))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot move a row out of foreign table \"%s\" into another partition", change->relation),
				 errhint("Delete it, and insert it again.")));
	check_policies(estate, info, slot);
	modify_filter_check_row(&change->table, change->unsent, change->whole, slot, plan_slot);
	if (change->scan == NULL)
		change->scan = change_scan(estate, change, change->sql);
	affected = change_run(estate, change, change->scan, args, nargs, slot);
	if (affected == 1 || affected < 0)
	{
		if (change->flags & MODIFY_READ)
			modify_filter_put_read(change->whole, slot, plan_slot);
		check_policies(estate, info, slot);
		return slot;
	}
	if (affected > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("the key of a row of foreign table \"%s\" has found " INT64_FORMAT " rows at the source",
						change->relation, affected),
				 errhint("Set the option key on columns that are unique at the source.")));
	if ((change->flags & (MODIFY_ALONE | MODIFY_STRICT)) && !is_kept(estate, change, RelationGetDescr(info->ri_RelationDesc)))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a row of foreign table \"%s\" was not found again at the source", change->relation),
				 errdetail("It was changed or deleted since it was read, or has no key."),
				 errhint("Try the transaction again.")));
	return NULL;
}

TupleTableSlot *
fdw_update(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	return change_row(estate, info, slot, plan_slot);
}

TupleTableSlot *
fdw_delete(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	return change_row(estate, info, slot, plan_slot);
}

/* The columns that a statement itself gives values to. */
static List *
named_columns(ModifyTableState *mtstate, ResultRelInfo *info)
{
	Bitmapset  *named = mtstate->operation == CMD_INSERT ? ExecGetInsertedCols(info, mtstate->ps.state) : NULL;
	List	   *columns = NIL;
	int			i = -1;

	while ((i = bms_next_member(named, i)) >= 0)
		columns = lappend_int(columns, i + FirstLowInvalidHeapAttributeNumber);
	return columns;
}

/* Columns whose values a row has that is routed into the table, by COPY or from a partitioned table: the source's defaults serve
 * for those that neither the statement names nor a local default fills. */
static List *
routed_columns(ModifyTableState *mtstate, ResultRelInfo *info)
{
	TupleDesc	desc = RelationGetDescr(info->ri_RelationDesc);
	Bitmapset  *named = ExecGetInsertedCols(info, mtstate->ps.state);
	bool		all = mtstate->operation != CMD_INSERT ||
		modify_has_before_triggers(RelationGetRelid(info->ri_RelationDesc), CMD_INSERT);
	List	   *columns = NIL;

	for (int i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i - 1);

		if (!attribute->attisdropped && !attribute->attgenerated &&
			(all || attribute->atthasdef || bms_is_member(i - FirstLowInvalidHeapAttributeNumber, named)))
			columns = lappend_int(columns, i);
	}
	return columns;
}

/* The columns that are needed back of a row that was routed. */
static List *
routed_returned(ModifyTableState *mtstate, ResultRelInfo *info)
{
	TupleDesc	desc = RelationGetDescr(info->ri_RelationDesc);
	bool		triggers = info->ri_TrigDesc && info->ri_TrigDesc->trig_insert_after_row;
	List	   *returned = NIL;

	if (!info->ri_projectReturning && !info->ri_returningList && !info->ri_WithCheckOptions && !triggers)
		return NIL;
	for (int i = 1; i <= desc->natts; i++)
		if (!TupleDescAttr(desc, i - 1)->attisdropped)
			returned = lappend_int(returned, i);
	return returned;
}

/* ERROR where rows that an UPDATE moves would be updated once more by what it still has to do in the table that they move to. */
static void
refuse_move(ModifyTableState *mtstate, ResultRelInfo *info)
{
	ModifyTable *plan = (ModifyTable *) mtstate->ps.plan;

	if (plan == NULL || plan->operation != CMD_UPDATE)
		return;
	for (ResultRelInfo *target = mtstate->resultRelInfo; target < mtstate->resultRelInfo + mtstate->mt_nrels; target++)
		if (RelationGetRelid(target->ri_RelationDesc) == RelationGetRelid(info->ri_RelationDesc))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot move rows into foreign table \"%s\", which the same UPDATE changes",
							RelationGetRelationName(info->ri_RelationDesc)),
					 errhint("Delete them, and insert them again.")));
}

void
fdw_begin_insert(ModifyTableState *mtstate, ResultRelInfo *info)
{
	ModifyTable *plan = (ModifyTable *) mtstate->ps.plan;
	TableChange *change;
	RemoteTable table;
	List	   *stored,
			   *unsent,
			   *returned;

	refuse_move(mtstate, info);
	remote_table_init(&table, RelationGetRelid(info->ri_RelationDesc), compat_result_user(info, mtstate->ps.state));
	modify_check(&table, CMD_INSERT);
	stored = routed_columns(mtstate, info);
	unsent = stored;
	if (table.sql->filter)
		stored = modify_filter_stored(&table, CMD_INSERT, stored, named_columns(mtstate, info));
	returned = routed_returned(mtstate, info);
	change = change_begin(mtstate, info, CMD_INSERT, stored, NIL, returned);
	change->unsent = list_difference_int(unsent, stored);
	if (plan && plan->onConflictAction == ONCONFLICT_NOTHING)
		change->flags |= table.sql->filter ? modify_filter_skip(&table) : MODIFY_SKIP;
	modify_check_returning(&change->table, CMD_INSERT, returned, change->table.sql->returning, false);
	change->sql = modify_insert_sql(&change->table, stored, change->flags, 1);
}

void
fdw_end_modify(EState *estate, ResultRelInfo *info)
{
	TableChange *change = info->ri_FdwState;

	if (change == NULL)
		return;
	change_finish(change);
	if (change->scan)
		scan_end(change->scan);
	if (change->batch)
		scan_end(change->batch);
	if (change->again)
		scan_end(change->again);
	if (change->changed)
		key_set_end(change->changed);
	change->scan = change->batch = change->again = NULL;
	change->changed = NULL;
}

int
fdw_updatable(Relation relation)
{
	RemoteTable table;
	int			events = 0;

	remote_table_init(&table, RelationGetRelid(relation), GetUserId());
	for (CmdType operation = CMD_UPDATE; operation <= CMD_DELETE; operation++)
		if (table.updatable && (table.sql->filter == NULL || modify_filter_takes(&table, operation)))
			events |= 1 << operation;
	return events;
}

void
fdw_explain_modify(ModifyTableState *mtstate, ResultRelInfo *info, List *private, int subplan_index, ExplainState *es)
{
	RemoteTable table;
	char	   *sql = strVal(list_nth(private, MODIFY_SQL));
	List	   *returned = list_nth(private, MODIFY_RETURNED);
	StringInfoData text;

	if (!es->verbose || sql[0] == '\0')
		return;
	remote_table_init(&table, RelationGetRelid(info->ri_RelationDesc), GetUserId());
	initStringInfo(&text);
	appendStringInfoString(&text, sql);
	if (table.sql->returning & modify_bit(mtstate->operation))
		modify_returning(&text, &table, returned);
	else if (returned != NIL)
		appendStringInfo(&text, "; %s", strVal(list_nth(private, MODIFY_AGAIN)));
	ExplainPropertyText("Remote SQL", text.data, es);
	if (mtstate->operation != CMD_INSERT)
		return;
	ExplainPropertyInteger("Batch Size", NULL, !batch_fits(info, list_nth(private, MODIFY_RETURNED)) ? 1 :
						   batch_rows(&table, list_nth(private, MODIFY_STORED), intVal(list_nth(private, MODIFY_FLAGS))), es);
}
