/*
 * direct_modify.c: UPDATE and DELETE as one statement of the source, where nothing of it has to be done here.
 *
 * The source answers all conditions, and computes or is told the new values just as PostgreSQL would.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "compat.h"
#include "fdw.h"
#include "modify.h"
#include "value.h"

/* ForeignScan.fdw_private of such a plan */
enum
{
	DIRECT_SQL,					/* String */
	DIRECT_PLACES,				/* IntList: for each placeholder, 1-based index in fdw_exprs */
	DIRECT_STORED,				/* IntList: for each expression the attribute that it is stored in, or 0 */
	DIRECT_RETURNED,			/* IntList: attributes */
	DIRECT_COUNTED,				/* Integer: 1 where the rows count for the statement */
	DIRECT_COMPUTED				/* IntList: attributes that are set to what the source computes */
};

/* Such a statement while it runs. */
typedef struct DirectChange
{
	RemoteTable table;
	char	   *sql;
	List	   *places;
	List	   *stored;
	List	   *computed;
	List	   *returned;
	bool		counted;
	List	   *exprs;			/* of ExprState */
	SourceScan *scan;
	bool		started;
	MemoryContext context;		/* arguments */
} DirectChange;

/* The scan of the table in the plan below ModifyTable; NULL where more than that is done there. */
static ForeignScan *
find_scan(ModifyTable *plan, Index varno, int subplan_index)
{
	Plan	   *subplan = outerPlan(plan);

	if (subplan && IsA(subplan, Append))
	{
		List	   *children = ((Append *) subplan)->appendplans;

		subplan = subplan_index < list_length(children) ? list_nth(children, subplan_index) : NULL;
	}
	if (subplan == NULL || !IsA(subplan, ForeignScan) || ((ForeignScan *) subplan)->scan.scanrelid != varno ||
		subplan->qual != NIL)
		return NULL;
	return (ForeignScan *) subplan;
}

/* True where the constant is a value that the source can be told. */
static bool
constant_fits(const RemoteTable *table, Const *constant)
{
	CkValue		value;

	value_from_datum(&value, constant->consttype, constant->constvalue, false, table->sql->native);
	return value_within(&value, &table->sql->limits);
}

/* Appends the value that the attribute is set to. False where the source cannot compute it. *stored gets an argument's attribute,
 * *computed that of an expression. */
static bool
write_value(RemoteSql *sql, const RemoteTable *table, AttrNumber attnum, Node *value, List **stored, List **computed)
{
	if (IsA(value, Const) && ((Const *) value)->constisnull)
	{
		appendStringInfoString(sql->text, "NULL");
		return true;
	}
	if (IsA(value, Const) || remote_parameter(sql, value))
	{
		int			n = list_length(sql->params) + 1;

		if (IsA(value, Const) && !constant_fits(table, (Const *) value))
			return false;
		/* not shared with conditions, where the same value may travel in another form */
		sql->params = lappend(sql->params, value);
		sql->places = lappend_int(sql->places, n);
		*stored = lappend_int(*stored, attnum);
		modify_placeholder(sql->text, table, attnum, n);
		return true;
	}
	if (table->sql->assigns_args)
		return false;
	*computed = lappend_int(*computed, attnum);
	/* of text PostgreSQL has assignments to fewer types than can be read as text */
	if (modify_as_text(table->sql, get_atttype(table->relid, attnum)))
	{
		Var		   *var = (Var *) value;

		if (!IsA(var, Var) || var->varattno <= 0 || var->varlevelsup > 0 || !bms_is_member(var->varno, sql->relids))
			return false;
		remote_bare_column(sql->text, table, 0, var->varattno);
		return true;
	}
	return remote_value(sql, value);
}

/* True where the value is made of a column that was set before, in a dialect where it would be the new value. */
static bool
uses_assigned(const CkSql *sql, Node *value, List *assigned)
{
	ListCell   *lc;

	if (!sql->assigns_in_turn)
		return false;
	foreach(lc, pull_var_clause(value, PVC_RECURSE_PLACEHOLDERS))
		if (lfirst_node(Var, lc)->varattno == 0 || list_member_int(assigned, lfirst_node(Var, lc)->varattno))
			return true;
	return false;
}

/* True where the column decides to which partition a row of the table belongs. */
static bool
is_partition_key(Oid relid, AttrNumber attnum)
{
	Relation	relation = table_open(relid, NoLock);
	Bitmapset  *used = NULL;

	if (relation->rd_rel->relispartition)
		pull_varattnos((Node *) RelationGetPartitionQual(relation), 1, &used);
	table_close(relation, NoLock);
	return bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, used);
}

/* Appends SET; false where a value cannot be sent. */
static bool
write_assignments(RemoteSql *sql, const RemoteTable *table, Index varno, List **stored, List **computed)
{
	List	   *values,
			   *attributes,
			   *assigned = NIL;
	ListCell   *value,
			   *attribute;

	get_translated_update_targetlist(sql->root, varno, &values, &attributes);
	forboth(value, values, attribute, attributes)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, value);
		AttrNumber	attnum = (AttrNumber) lfirst_int(attribute);

		appendStringInfoString(sql->text, assigned == NIL ? " SET " : ", ");
		remote_bare_column(sql->text, table, 0, attnum);
		appendStringInfoString(sql->text, " = ");
		if (is_partition_key(table->relid, attnum) || uses_assigned(table->sql, (Node *) entry->expr, assigned) ||
			!write_value(sql, table, attnum, (Node *) entry->expr, stored, computed))
			return false;
		assigned = lappend_int(assigned, attnum);
	}
	return assigned != NIL;
}

/* The plan's columns, of which nobody asks, without computing them: only the table's number is looked at. */
static List *
empty_targets(List *tlist)
{
	List	   *targets = NIL;
	ListCell   *lc;

	foreach(lc, tlist)
	{
		TargetEntry *entry = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));
		Node	   *expr = (Node *) entry->expr;

		if (!IsA(expr, Var) || ((Var *) expr)->varattno != TableOidAttributeNumber || exprType(expr) != OIDOID)
			entry->expr = (Expr *) makeNullConst(exprType(expr), exprTypmod(expr), exprCollation(expr));
		targets = lappend(targets, entry);
	}
	return targets;
}

bool
fdw_plan_direct(PlannerInfo *root, ModifyTable *plan, Index varno, int subplan_index)
{
	ForeignScan *scan = find_scan(plan, varno, subplan_index);
	const RemoteTable *table = modify_target(root, varno);
	RelPlan    *rel = scan ? root->simple_rel_array[varno]->fdw_private : NULL;
	StringInfoData text;
	RemoteSql	sql = {.dialect = table->sql, .root = root, .relids = bms_make_singleton(varno), .text = &text};
	List	   *returned,
			   *stored = NIL,
			   *computed = NIL;

	modify_check(table, plan->operation);
	if (rel == NULL || table->sql->filter || (plan->operation != CMD_UPDATE && plan->operation != CMD_DELETE) ||
		rel->superset != NIL || rel->local != NIL)
		return false;
	returned = modify_returned(root, plan, varno, subplan_index);
	if (plan->returningLists ? returned == NIL || !(table->sql->returning & modify_bit(plan->operation)) : returned != NIL)
		return false;
	initStringInfo(&text);
	appendStringInfoString(&text, plan->operation == CMD_UPDATE ? "UPDATE " : "DELETE FROM ");
	remote_name(&text, table);
	if (plan->operation == CMD_UPDATE && !write_assignments(&sql, table, varno, &stored, &computed))
		return false;
	fdw_where(&sql, " WHERE ", rel->exact);
	if (sql.unsure)
		return false;
	modify_returning(&text, table, returned);
	while (list_length(stored) < list_length(sql.params))
		stored = lappend_int(stored, 0);

	scan->operation = plan->operation;
	scan->resultRelation = varno;
	scan->fdw_exprs = sql.params;
	scan->fdw_private = lappend(list_make5(makeString(text.data), sql.places, stored, returned, makeInteger(plan->canSetTag)),
								computed);
	scan->fdw_recheck_quals = NIL;
	scan->fdw_scan_tlist = NIL;
	scan->scan.plan.async_capable = false;
	scan->scan.plan.targetlist = empty_targets(scan->scan.plan.targetlist);
	return true;
}

void
fdw_begin_direct(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	EState	   *estate = node->ss.ps.state;
	DirectChange *change = palloc0(sizeof(DirectChange));

	node->fdw_state = change;
	change->sql = strVal(list_nth(plan->fdw_private, DIRECT_SQL));
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	remote_table_init(&change->table, RelationGetRelid(node->ss.ss_currentRelation),
					  compat_result_user(node->resultRelInfo, estate));
	modify_check(&change->table, plan->operation);
	change->places = list_nth(plan->fdw_private, DIRECT_PLACES);
	change->stored = list_nth(plan->fdw_private, DIRECT_STORED);
	change->returned = list_nth(plan->fdw_private, DIRECT_RETURNED);
	change->computed = list_nth(plan->fdw_private, DIRECT_COMPUTED);
	change->counted = intVal(list_nth(plan->fdw_private, DIRECT_COUNTED)) != 0;
	change->exprs = ExecInitExprList(plan->fdw_exprs, (PlanState *) node);
	change->context = AllocSetContextCreate(CurrentMemoryContext, "connkit change", ALLOCSET_SMALL_SIZES);
}

/* The statement's arguments. */
static CkValue *
direct_args(ForeignScanState *node, DirectChange *change)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	const CkSql *sql = change->table.sql;
	CkValue    *values = palloc0(sizeof(CkValue) * (list_length(change->exprs) + 1));
	CkValue    *args = palloc0(sizeof(CkValue) * (list_length(change->places) + 1));
	int			saved = sql->native ? value_encoding_begin() : -1;
	ListCell   *lc;

	PG_TRY();
	{
		foreach(lc, change->exprs)
		{
			int			i = foreach_current_index(lc);
			AttrNumber	attnum = (AttrNumber) list_nth_int(change->stored, i);
			Oid			type = exprType(list_nth(plan->fdw_exprs, i));
			bool		isnull;
			Datum		datum = ExecEvalExpr((ExprState *) lfirst(lc), node->ss.ps.ps_ExprContext, &isnull);

			if (attnum > 0)
				modify_value(&values[i], &change->table, attnum, type, datum, isnull);
			else
				value_from_datum(&values[i], type, datum, isnull, sql->native);
		}
	}
	PG_FINALLY();
	{
		value_encoding_end(saved);
	}
	PG_END_TRY();
	foreach(lc, change->places)
		args[foreach_current_index(lc)] = values[lfirst_int(lc) - 1];
	return args;
}

/* The attribute that each placeholder's value is stored in, 0 none; behind them those that expressions are stored in. */
static List *
direct_stored(DirectChange *change)
{
	List	   *attributes = NIL;
	ListCell   *lc;

	foreach(lc, change->places)
		attributes = lappend_int(attributes, list_nth_int(change->stored, lfirst_int(lc) - 1));
	return list_concat(attributes, change->computed);
}

/* Makes the scan that runs the statement; with rows to return, it is started. */
static void
direct_start(ForeignScanState *node, DirectChange *change)
{
	EState	   *estate = node->ss.ps.state;
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	Relation	relation = node->ss.ss_currentRelation;
	CkColumn   *columns;
	Oid		   *types;
	int32	   *typmods;
	int		   *places;
	CkValue    *args;
	int64		affected;

	change->started = true;
	(void) modify_source_returns(&change->table, ((ForeignScan *) node->ss.ps.plan)->operation, change->returned, false);
	columns = remote_columns(&change->table, change->returned, &types, &typmods, &places);
	change->scan = scan_new(change->table.serverid, change->table.userid, change->table.source_options, change->sql,
							list_length(change->returned), columns, types, typmods, places,
							modify_flags(&change->table, estate->es_sourceText));
	change->scan->pub.table_name = scan_utf8(change->table.table);
	change->scan->command = estate->es_output_cid;
	change->scan->table = RelationGetRelid(relation);
	change->scan->relation = RelationGetRelationName(relation);
	modify_tell_stored(change->scan, &change->table, direct_stored(change));
	fdw_settle(change->table.serverid, change->table.userid, estate->es_output_cid);
	MemoryContextSwitchTo(change->context);
	args = direct_args(node, change);
	MemoryContextSwitchTo(caller);
	if (change->returned != NIL)
	{
		scan_restart(change->scan, args, list_length(change->places));
		return;
	}
	affected = scan_change(change->scan, args, list_length(change->places));
	affected = Max(affected, 0);
	if (change->counted)
		estate->es_processed += affected;
	if (node->ss.ps.instrument)
		node->ss.ps.instrument->tuplecount += affected;
}

TupleTableSlot *
fdw_iterate_direct(ForeignScanState *node)
{
	DirectChange *change = node->fdw_state;
	EState	   *estate = node->ss.ps.state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	ProjectionInfo *returning = node->resultRelInfo->ri_projectReturning;
	MemoryContext caller;
	bool		found;

	if (!change->started)
		direct_start(node, change);
	ExecClearTuple(slot);
	if (change->returned == NIL)
		return slot;
	caller = MemoryContextSwitchTo(node->ss.ps.ps_ExprContext->ecxt_per_tuple_memory);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
	found = scan_next(change->scan, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(caller);
	if (!found)
		return slot;
	ExecStoreVirtualTuple(slot);
	if (change->counted)
		estate->es_processed++;
	returning->pi_exprContext->ecxt_scantuple = slot;
	return slot;
}

void
fdw_end_direct(ForeignScanState *node)
{
	DirectChange *change = node->fdw_state;

	if (change && change->scan)
		scan_end(change->scan);
}

void
fdw_explain_direct(ForeignScanState *node, ExplainState *es)
{
	if (es->verbose)
		ExplainPropertyText("Remote SQL", ((DirectChange *) node->fdw_state)->sql, es);
}
