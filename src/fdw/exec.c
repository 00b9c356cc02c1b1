/*
 * exec.c: runs the foreign scans that plan.c made, and tells EXPLAIN what they do.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"

#include "compat.h"
#include "fdw.h"
#include "row_id.h"
#include "scan.h"

typedef struct TableScan
{
	RemoteTable table;
	SourceScan *scan;
	char	   *sql;
	char	   *unfiltered_sql;
	List	   *attributes;
	const CkColumn *columns;
	Oid		   *types;
	int32	   *typmods;
	int		   *places;
	List	   *quotients;		/* see GroupPlan */
	uint32		flags;
	bool		share;
	bool		timed;
	CommandId	command;		/* the first whose changes the query must not see */
	bool		once;			/* the statement changes the source: all rows are read before it does */
	RowIds	   *row_ids;		/* where rows are told apart by them, or NULL */

	/* scans that have begun and not ended, for fdw_settle() */
	dlist_node	node;
	ForeignScanState *scan_state;
	ResourceOwner owner;
	MemoryContextCallback gone;

	/* arguments */
	int			nargs;
	int		   *params;			/* for each placeholder, 0-based index in exprs */
	List	   *exprs;			/* of ExprState */
	Oid		   *expr_types;
	int			limit_expr;		/* 1-based, 0 none */
	int			offset_expr;
	int			limit_place;	/* 1-based placeholder */
	int			keys_expr;		/* 1-based, 0 none: the keys of a lookup join */
	bool		of_rows;		/* an argument comes from the executor: a row's value, or what is computed for it */
	Datum	   *keys;
	int			nkeys;
	int			list_size;		/* keys that are sent, with repetitions of the last */
	MemoryContext arg_context;
	bool		started;		/* args of this execution are computed */
	bool		unfiltered;		/* the scan at hand filters here, see fdw_iterate */

	/* where several processes read parts of the table */
	ParallelScan *parallel;		/* or NULL */
	const char *snapshot;		/* that a worker reads in */
	const char *part;			/* condition of the part at hand, or NULL */
	bool		conditions;		/* the request has others */
	bool		scan_is_part;	/* the scan at hand reads a part */

	ScanFigures figures;		/* of scans that ended, for EXPLAIN ANALYZE */
} TableScan;

static dlist_head table_scans = DLIST_STATIC_INIT(table_scans);

static List *
private_list(ForeignScan *plan, int which)
{
	return (List *) list_nth(plan->fdw_private, which);
}

static char *
private_string(ForeignScan *plan, int which)
{
	return strVal(list_nth(plan->fdw_private, which));
}

/* The name of a column of joined or grouped rows, for errors. */
static const char *
column_name(ForeignScanState *node, Expr *expr)
{
	if (IsA(expr, Var))
	{
		RangeTblEntry *rte = exec_rt_fetch(((Var *) expr)->varno, node->ss.ps.state);

		return rte->rtekind == RTE_RELATION ? remote_column_name(rte->relid, ((Var *) expr)->varattno) :
			strVal(list_nth(rte->eref->colnames, ((Var *) expr)->varattno - 1));
	}
	return IsA(expr, Aggref) ? get_func_name(((Aggref *) expr)->aggfnoid) :
		IsA(expr, WindowFunc) ? get_func_name(((WindowFunc *) expr)->winfnoid) :
		IsA(expr, FuncExpr) ? get_func_name(((FuncExpr *) expr)->funcid) : "?column?";
}

/* What a join or a grouping reads: columns of several tables. Each of them must still be open to its owner. */
static void
begin_rows(ForeignScanState *node, TableScan *state)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	List	   *tables = private_list(plan, PRIVATE_TABLES);
	int			n = list_length(state->attributes);
	CkColumn   *columns = palloc0(sizeof(CkColumn) * Max(n, 1));
	char	   *query = NULL;
	Oid			user = (Oid) intVal(list_nth(plan->fdw_private, PRIVATE_USER));
	ListCell   *lc;

	foreach(lc, tables)
	{
		remote_table_init(&state->table, lfirst_oid(lc), OidIsValid(user) ? user : GetUserId());
		query = query ? query : state->table.query;
	}
	state->table.query = query;
	if (list_length(tables) > 1)
		state->table.source_options = source_options(state->table.serverid, NIL);
	state->quotients = private_list(plan, PRIVATE_QUOTIENTS);
	state->types = palloc(sizeof(Oid) * Max(n, 1));
	state->typmods = palloc(sizeof(int32) * Max(n, 1));
	state->places = palloc(sizeof(int) * Max(n, 1));
	foreach(lc, state->attributes)
	{
		int			i = foreach_current_index(lc);
		Expr	   *expr = list_nth_node(TargetEntry, plan->fdw_scan_tlist, lfirst_int(lc) - 1)->expr;

		state->types[i] = exprType((Node *) expr);
		state->typmods[i] = exprTypmod((Node *) expr);
		state->places[i] = lfirst_int(lc) - 1;
		remote_describe(&columns[i], state->table.sql, column_name(node, expr), state->types[i], state->typmods[i]);
	}
	state->columns = columns;
}

/* The scan goes, with its query's memory, whether it was ended or not. */
static void
table_scan_gone(void *arg)
{
	dlist_delete(&((TableScan *) arg)->node);
}

/* True where a table of the source is among those that the statement changes. */
static bool
statement_changes(EState *estate, Oid serverid)
{
	ListCell   *lc;

	foreach(lc, estate->es_plannedstmt->resultRelations)
	{
		RangeTblEntry *rte = exec_rt_fetch(lfirst_int(lc), estate);

		if (rte->relkind == RELKIND_FOREIGN_TABLE && GetForeignServerIdByRelId(rte->relid) == serverid)
			return true;
	}
	return false;
}

/* Lists the scan among those that have begun. */
static void
table_scan_enlist(ForeignScanState *node, TableScan *state)
{
	EState	   *estate = node->ss.ps.state;

	state->command = estate->es_snapshot ? estate->es_snapshot->curcid : InvalidCommandId;
	state->scan_state = node;
	state->once = statement_changes(estate, state->table.serverid);
	state->owner = CurrentResourceOwner;
	state->gone.func = table_scan_gone;
	state->gone.arg = state;
	dlist_push_tail(&table_scans, &state->node);
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &state->gone);
}

/* True where a parameter of the executor is among the arguments. */
static bool
has_exec_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXEC;
	return expression_tree_walker(node, has_exec_param, context);
}

void
fdw_begin(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	TableScan  *state = palloc0(sizeof(TableScan));
	List	   *limits = private_list(plan, PRIVATE_LIMITS);
	int			flags;
	ListCell   *lc;
	int			i = 0;

	node->fdw_state = state;
	if (!COMPAT_SHOWS_WINDOWS)
		fdw_show_window(plan);
	state->sql = private_string(plan, PRIVATE_SQL);
	state->unfiltered_sql = private_string(plan, PRIVATE_UNFILTERED_SQL);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	state->attributes = private_list(plan, PRIVATE_ATTRIBUTES);
	if (plan->scan.scanrelid > 0)
	{
		remote_table_init(&state->table, RelationGetRelid(node->ss.ss_currentRelation), compat_scan_user(node));
		state->columns = remote_columns(&state->table, state->attributes, &state->types, &state->typmods, &state->places);
	}
	else
		begin_rows(node, state);
	if (plan->scan.scanrelid > 0 && plan->fdw_scan_tlist != NIL)
		state->row_ids = row_ids_begin(node);
	table_scan_enlist(node, state);
	flags = intVal(list_nth(plan->fdw_private, PRIVATE_FLAGS));
	state->flags = flags & FLAGS_OF_SCAN;
	state->share = (flags & FLAG_SHARE) != 0;
	state->conditions = (flags & FLAG_WHERE) != 0;
	state->timed = (node->ss.ps.state->es_instrument & INSTRUMENT_TIMER) != 0;

	state->nargs = list_length(private_list(plan, PRIVATE_PARAMS));
	state->params = palloc(sizeof(int) * Max(state->nargs, 1));
	foreach(lc, private_list(plan, PRIVATE_PARAMS))
		state->params[i++] = lfirst_int(lc) - 1;
	state->exprs = ExecInitExprList(plan->fdw_exprs, (PlanState *) node);
	state->expr_types = palloc(sizeof(Oid) * Max(list_length(plan->fdw_exprs), 1));
	i = 0;
	foreach(lc, plan->fdw_exprs)
		state->expr_types[i++] = exprType(lfirst(lc));
	state->of_rows = has_exec_param((Node *) plan->fdw_exprs, NULL);
	state->limit_expr = linitial_int(limits);
	state->offset_expr = lsecond_int(limits);
	state->limit_place = lthird_int(limits);
	state->keys_expr = intVal(list_nth(plan->fdw_private, PRIVATE_KEYS));
	state->arg_context = AllocSetContextCreate(CurrentMemoryContext, "connkit arguments", ALLOCSET_SMALL_SIZES);
}

/* Adds what the scan has done to that of those before it. */
static void
add_figures(TableScan *state, SourceScan *scan)
{
	state->figures.rows += scan->rows;
	state->figures.bytes += scan->pub.bytes;
	state->figures.round_trips += scan->pub.round_trips;
	state->figures.remote_ms += INSTR_TIME_GET_MILLISEC(scan->remote_time);
}

/* Keeps the figures of the scan at hand and ends it. */
static void
state_end_scan(TableScan *state)
{
	SourceScan *scan = state->scan;

	if (scan == NULL)
		return;
	state->scan = NULL;
	add_figures(state, scan);
	scan_end(scan);
}

/* The rows that the source is to send at most: LIMIT and OFFSET together. */
static int64
limit_rows(TableScan *state, Datum *values, bool *isnull)
{
	int64		rows = PG_INT64_MAX;
	int64		skip = 0;

	if (!isnull[state->limit_expr - 1])
		rows = DatumGetInt64(values[state->limit_expr - 1]);
	if (state->offset_expr > 0 && !isnull[state->offset_expr - 1])
		skip = DatumGetInt64(values[state->offset_expr - 1]);
	/* what is negative is an error that the executor raises before it asks for a row */
	rows = Max(rows, 0);
	skip = Max(skip, 0);
	return rows > PG_INT64_MAX - skip ? PG_INT64_MAX : rows + skip;
}

void
fdw_set_keys(ForeignScanState *node, Datum *keys, int nkeys, bool fill_up)
{
	TableScan  *state = node->fdw_state;

	state->keys = keys;
	state->nkeys = nkeys;
	state->list_size = fill_up ? 1 : nkeys;
	while (state->list_size < nkeys)
		state->list_size *= 4;
}

/* The keys as an array of the type. */
static Datum
keys_array(TableScan *state, Oid array_type)
{
	Oid			type = get_element_type(array_type);
	int16		length;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &length, &byval, &align);
	return PointerGetDatum(construct_array(state->keys, state->nkeys, type, length, byval, align));
}

/* How many values the placeholders stand for: one each, but for lists of keys. */
static int
count_args(TableScan *state)
{
	int			count = 0;

	for (int i = 0; i < state->nargs; i++)
		count += state->keys_expr == state->params[i] + 1 && !state->table.sql->native ? state->list_size : 1;
	return count;
}

/*
 * Computes the arguments. False where the source cannot be told one of them.
 */
static bool
compute_args(ForeignScanState *node, CkValue *args)
{
	TableScan  *state = node->fdw_state;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	const CkSql *sql = state->table.sql;
	int			nexprs = list_length(state->exprs);
	Datum	   *values = palloc(sizeof(Datum) * Max(nexprs, 1));
	bool	   *isnull = palloc(sizeof(bool) * Max(nexprs, 1));
	bool		fits = true;
	int			saved;
	CkValue    *volatile arg = args;

	for (int i = 0; i < nexprs; i++)
		values[i] = ExecEvalExpr((ExprState *) list_nth(state->exprs, i), econtext, &isnull[i]);
	saved = sql->native ? value_encoding_begin() : -1;
	PG_TRY();
	{
		for (int i = 0; i < state->nargs; i++)
		{
			int			param = state->params[i];
			Oid			type = state->expr_types[param];

			if (i + 1 == state->limit_place)
				value_from_datum(arg++, INT8OID, Int64GetDatum(limit_rows(state, values, isnull)), false, sql->native);
			else if (param + 1 == state->keys_expr && sql->native)
				value_from_datum(arg++, type, keys_array(state, type), false, true);
			else if (param + 1 == state->keys_expr)
			{
				/* the piece of text that is repeated may hold a key more than once */
				int			times = 1;

				while (i + times < state->nargs && state->params[i + times] == param)
					times++;
				for (int key = 0; key < state->list_size; key++)
					for (int j = 0; j < times; j++)
					{
						value_from_datum(arg, type, state->keys[Min(key, state->nkeys - 1)], false, false);
						fits &= value_within(arg++, &sql->limits);
					}
				i += times - 1;
			}
			else
			{
				value_from_datum(arg, type, values[param], isnull[param], sql->native);
				fits &= value_within(arg++, &sql->limits);
			}
		}
	}
	PG_FINALLY();
	{
		value_encoding_end(saved);
	}
	PG_END_TRY();
	return fits;
}

/*
 * True where this scan is all that the local transaction will ask of any source: the query is the client's own and the whole
 * transaction, it reads nothing else, and calls no function that somebody made. At READ COMMITTED that needs no transaction
 * there.
 */
static bool
is_alone(ForeignScanState *node)
{
	EState	   *estate = node->ss.ps.state;
	PlannedStmt *statement = estate->es_plannedstmt;
	Plan	   *plan = statement->planTree;

	if (IsolationUsesXactSnapshot() || IsTransactionBlock() || IsSubTransaction() || ActivePortal == NULL ||
		ActivePortal->queryDesc == NULL || ActivePortal->queryDesc->estate != estate ||
		statement->commandType != CMD_SELECT || statement->subplans != NIL || statement->invalItems != NIL ||
		statement->rowMarks != NIL)
		return false;
	/* nothing that runs a plan below it more than once */
	while (plan != node->ss.ps.plan && outerPlan(plan) && innerPlan(plan) == NULL)
		plan = outerPlan(plan);
	return plan == node->ss.ps.plan;
}

/* Starts the scan, or starts it again with the arguments of this execution. */
static void
start_scan(ForeignScanState *node)
{
	TableScan  *state = node->fdw_state;
	EState	   *estate = node->ss.ps.state;
	MemoryContext caller;
	CkValue    *args = NULL;
	int			nargs = 0;
	bool		fits = true;
	const char *remote;

	state->started = true;
	MemoryContextReset(state->arg_context);
	caller = MemoryContextSwitchTo(state->arg_context);
	if (state->nargs > 0)
	{
		nargs = count_args(state);
		args = palloc0(sizeof(CkValue) * nargs);
		fits = compute_args(node, args);
	}
	remote = !fits ? state->unfiltered_sql : state->keys_expr > 0 && !state->table.sql->native ?
		remote_expand_list(state->sql, state->list_size) : state->sql;
	if (state->part && state->part[0])
		remote = psprintf("%s%s%s", remote, state->conditions && fits ? " AND " : " WHERE ", state->part);
	MemoryContextSwitchTo(estate->es_query_cxt);
	if (state->scan && (state->unfiltered == fits || state->part || state->scan_is_part ||
						(state->keys_expr > 0 && strcmp(state->scan->sql, remote) != 0)))
		state_end_scan(state);
	state->unfiltered = !fits;
	if (state->scan == NULL)
	{
		state->scan = scan_new(state->table.serverid, state->table.userid, state->table.source_options,
							   remote[0] ? remote : NULL, list_length(state->attributes), state->columns, state->types,
							   state->typmods, state->places, state->flags);
		state->scan->timed = state->timed;
		state->scan->share = state->share;
		state->scan->snapshot = state->snapshot;
		state->scan->command = state->command;
		/* the text of a query may change something: a read-only transaction sees to it that it does not */
		state->scan->own_sql = state->table.query != NULL;
		state->scan->alone = state->table.query == NULL && state->parallel == NULL && is_alone(node);
		if (node->ss.ss_currentRelation)
		{
			state->scan->table = RelationGetRelid(node->ss.ss_currentRelation);
			state->scan->relation = RelationGetRelationName(node->ss.ss_currentRelation);
		}
	}
	state->scan_is_part = state->part != NULL;
	scan_restart(state->scan, fits ? args : NULL, fits ? nargs : 0);
	if (state->once)
		scan_spool(state->scan);
	MemoryContextSwitchTo(caller);
}

/* Starts the next part of the table that no other process has taken; false where there is none. */
static bool
start_part(ForeignScanState *node)
{
	TableScan  *state = node->fdw_state;

	if (!fdw_next_part(state->parallel, &state->part))
		return false;
	start_scan(node);
	return true;
}

bool
fdw_start(ForeignScanState *node, bool forced)
{
	TableScan  *state = node->fdw_state;

	if (state->started)
		return true;
	if (!forced && !session_is_free(state->table.serverid, state->table.userid, state->share))
		return false;
	start_scan(node);
	memset(node->ss.ss_ScanTupleSlot->tts_isnull, true, node->ss.ss_ScanTupleSlot->tts_tupleDescriptor->natts);
	scan_start(state->scan);
	return true;
}

SourceScan *
fdw_scan(ForeignScanState *node)
{
	return ((TableScan *) node->fdw_state)->scan;
}

const RemoteTable *
fdw_scan_table(ForeignScanState *node)
{
	return &((TableScan *) node->fdw_state)->table;
}

ParallelScan *
fdw_parallel(ForeignScanState *node)
{
	return ((TableScan *) node->fdw_state)->parallel;
}

void
fdw_set_parallel(ForeignScanState *node, ParallelScan *parallel, const char *snapshot)
{
	TableScan  *state = node->fdw_state;

	state->parallel = parallel;
	state->snapshot = snapshot;
	state->part = NULL;
}

ScanFigures *
fdw_figures(ForeignScanState *node)
{
	TableScan  *state = node->fdw_state;

	if (state->scan)
	{
		add_figures(state, state->scan);
		state->scan->rows = state->scan->pub.bytes = state->scan->pub.round_trips = 0;
		INSTR_TIME_SET_ZERO(state->scan->remote_time);
	}
	return &state->figures;
}

/* Makes averages of sums and counts, as avg() does, and gives sums the digits behind the point that they have here. */
static void
fill_quotients(TableScan *state, TupleTableSlot *slot)
{
	for (int i = 0; i < list_length(state->quotients); i += 4)
	{
		int			whole = list_nth_int(state->quotients, i) - 1;
		int			sum = list_nth_int(state->quotients, i + 1) - 1;
		int			count = list_nth_int(state->quotients, i + 2) - 1;
		int			scale = list_nth_int(state->quotients, i + 3) - 1;
		Datum		value;

		slot->tts_isnull[whole] = slot->tts_isnull[sum];
		if (slot->tts_isnull[sum])
			continue;
		value = slot->tts_values[sum];
		if (scale >= 0)
			value = DirectFunctionCall2(numeric_round, value, slot->tts_values[scale]);
		if (count >= 0)
			value = DirectFunctionCall2(numeric_div, value,
										NumericGetDatum(int64_to_numeric(DatumGetInt64(slot->tts_values[count]))));
		slot->tts_values[whole] = value;
	}
}

TupleTableSlot *
fdw_iterate(ForeignScanState *node)
{
	TableScan  *state = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;

	if (!state->started)
	{
		memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
		if (state->parallel == NULL)
			start_scan(node);
		else if (!start_part(node))
			return ExecClearTuple(slot);
	}
	if (state->row_ids)
	{
		values = state->row_ids->values;
		isnull = state->row_ids->isnull;
	}
	for (;;)
	{
		MemoryContext caller;
		bool		found;

		ExecClearTuple(slot);
		caller = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		found = scan_next(state->scan, values, isnull);
		if (found && state->quotients)
			fill_quotients(state, slot);
		if (found && state->row_ids)
			row_ids_fill(state->row_ids, slot);
		MemoryContextSwitchTo(caller);
		if (!found && state->parallel && start_part(node))
			continue;
		if (!found)
			return slot;
		ExecStoreVirtualTuple(slot);
		if (!state->unfiltered)
			return slot;
		/* an argument could not be told to the source: what it would have filtered is filtered here */
		econtext->ecxt_scantuple = slot;
		if (ExecQual(node->fdw_recheck_quals, econtext))
			return slot;
		CHECK_FOR_INTERRUPTS();
		ResetExprContext(econtext);
	}
}

void
fdw_rescan(ForeignScanState *node)
{
	TableScan  *state = node->fdw_state;

	/* what was read before it was changed is not asked for again */
	if (state->started && state->scan && state->parallel == NULL && !state->scan_is_part &&
		(node->ss.ps.chgParam == NULL || (!state->of_rows && state->keys_expr == 0)) && scan_rewind(state->scan))
		return;
	state->started = false;
}

/*
 * A parameter of the executor may belong to a row that is still to come, so that such scans cannot be read now; one that begins
 * after the change is an error (scan_take_session()).
 */
void
fdw_settle(Oid serverid, Oid userid, CommandId command)
{
	ResourceOwner owner = CurrentResourceOwner;
	dlist_iter	iter;

	dlist_foreach(iter, &table_scans)
	{
		TableScan  *state = dlist_container(TableScan, node, iter.cur);
		ForeignScanState *node = state->scan_state;

		if (state->started || state->keys_expr > 0 || state->command > command || state->table.serverid != serverid ||
			state->table.userid != userid || state->of_rows)
			continue;
		CurrentResourceOwner = state->owner;
		start_scan(node);
		memset(node->ss.ss_ScanTupleSlot->tts_isnull, true, node->ss.ss_ScanTupleSlot->tts_tupleDescriptor->natts);
		if (!state->once)
			scan_spool(state->scan);
		CurrentResourceOwner = owner;
	}
}

void
fdw_end(ForeignScanState *node)
{
	TableScan  *state = node->fdw_state;

	if (state && state->parallel)
		fdw_parallel_over(state->parallel);
	if (state)
		state_end_scan(state);
}

void
fdw_explain(ForeignScanState *node, ExplainState *es)
{
	TableScan  *state = node->fdw_state;
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	char	   *pushed = private_string(plan, PRIVATE_PUSHED);
	ScanFigures *figures;

	if (plan->scan.scanrelid == 0)
		ExplainPropertyText("Relations", private_string(plan, PRIVATE_RELATIONS), es);
	if (es->verbose)
	{
		if (state->sql[0])
			ExplainPropertyText("Remote SQL", remote_show_list(state->sql), es);
		if (pushed[0])
			ExplainPropertyText("Pushed Down", pushed, es);
	}
	if (!es->analyze)
		return;
	figures = fdw_figures(node);
	ExplainPropertyInteger("Remote Rows", NULL, figures->rows, es);
	if (es->verbose)
	{
		ExplainPropertyInteger("Remote Bytes", NULL, figures->bytes, es);
		ExplainPropertyInteger("Round Trips", NULL, figures->round_trips, es);
	}
	if (es->timing)
		ExplainPropertyFloat("Remote Time", "ms", figures->remote_ms, 3, es);
}
