/*
 * lookup_join.c: a join that looks up its outer side's keys at the source, many in one request.
 *
 * The outer side is read in batches. The keys of a batch go to the source as one list; the rows that come back are
 * hashed here and joined with the batch. So a few thousand local rows joined with a table of millions cost a few round
 * trips, neither one for each row nor the whole table. The join's conditions are all evaluated here; the list only says
 * which rows are needed, so a source that compares more generously does no harm.
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/selfuncs.h"

#include "compat.h"
#include "fdw.h"
#include "lookup_join.h"

/* Rows of the outer side in the first batch, and in the largest: a small first one serves LIMIT. */
#define BATCH_FIRST	64
#define BATCH_MOST	4096
/* Bytes of keys that end a batch, and those of a key that is not repeated to fill up a list: sources limit a request. */
#define BATCH_BYTES	(256 * 1024)
#define KEY_BYTES	256

static bool lookup_join_enabled = true;

static set_join_pathlist_hook_type next_hook = NULL;

/* CustomPath.custom_private */
enum
{
	PATH_RESTRICTIONS,			/* RestrictInfos of the join */
	PATH_JOIN_TYPE,				/* Integer */
	PATH_OUTER_KEY,				/* Expr */
	PATH_INNER_KEY,				/* Expr */
	PATH_OPERATOR,				/* Integer: inner key = outer key */
	PATH_COLLATION,				/* Integer: of the comparison */
	PATH_NULLING				/* Integer: relid of the outer join, 0 where the version has none */
};

/* CustomScan.custom_private */
enum
{
	PLAN_JOIN_TYPE,				/* Integer */
	PLAN_OPERATOR,				/* Integer */
	PLAN_COLLATION,				/* Integer */
	PLAN_OUTER_WIDTH,			/* Integer: columns of the outer side */
	PLAN_INNER_WIDTH			/* Integer: columns of the inner side, behind those of the outer */
};

/* CustomScan.custom_exprs, all over custom_scan_tlist */
enum
{
	EXPR_OUTER_KEY,
	EXPR_INNER_KEY,
	EXPR_CONDITIONS				/* a List: the join's own conditions */
};

typedef struct InnerRow
{
	struct InnerRow *next;		/* in its bucket */
	uint32		hash;
	MinimalTuple tuple;
} InnerRow;

typedef struct LookupJoin
{
	CustomScanState custom;		/* must be first */
	PlanState  *outer;
	PlanState  *inner;
	JoinType	type;
	int			outer_width;
	int			inner_width;
	ExprState  *outer_key;
	ExprState  *inner_key;
	ExprState  *conditions;
	Oid			key_type;
	bool		key_byval;
	int16		key_length;
	FmgrInfo	hash_outer;
	FmgrInfo	hash_inner;
	Oid			collation;

	MemoryContext batch_context;
	TupleTableSlot *outer_slot; /* holds tuples of the batch */
	TupleTableSlot *inner_slot; /* holds tuples of the hash table */
	int			batch_size;
	bool		outer_ended;
	MinimalTuple *rows;			/* the batch */
	uint32	   *hashes;
	bool	   *has_key;
	int			nrows;
	int			row;			/* at hand; -1 before the first */
	bool		matched;		/* the row at hand has met a match */
	InnerRow   *candidate;		/* next to be tried for the row at hand */
	InnerRow  **buckets;
	uint32		mask;
	uint64		batches;
} LookupJoin;

/* inner operator outer: what is looked up. */
typedef struct LookupKey
{
	Expr	   *outer;
	Expr	   *inner;
	Oid			operator;
	Oid			type;			/* of the outer side */
	Oid			collation;		/* of the comparison */
} LookupKey;

/*
 * The join's condition that equates a column of the inner table with a value of the outer side, fit to be sent.
 */
static bool
find_key(PlannerInfo *root, RelOptInfo *outer, RelOptInfo *inner, List *restrictions, LookupKey *key)
{
	RelPlan    *plan = inner->fdw_private;
	ListCell   *lc;

	foreach(lc, restrictions)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, lc);
		OpExpr	   *op = (OpExpr *) info->clause;
		RegProcedure inner_hash,
					outer_hash;
		Oid			inner_type;

		if (!IsA(op, OpExpr) || list_length(op->args) != 2 || !info->can_join)
			continue;
		key->operator = op->opno;
		key->collation = op->inputcollid;
		key->inner = linitial(op->args);
		key->outer = lsecond(op->args);
		if (bms_is_subset(info->right_relids, inner->relids) && bms_is_subset(info->left_relids, outer->relids))
		{
			key->inner = lsecond(op->args);
			key->outer = linitial(op->args);
			key->operator = get_commutator(op->opno);
		}
		else if (!bms_is_subset(info->left_relids, inner->relids) || !bms_is_subset(info->right_relids, outer->relids))
			continue;
		if (!OidIsValid(key->operator))
			continue;
		op_input_types(key->operator, &inner_type, &key->type);
		if (op_hashjoinable(key->operator, inner_type) &&
			get_op_hash_functions(key->operator, &inner_hash, &outer_hash) && OidIsValid(get_array_type(key->type)) &&
			!contain_volatile_functions((Node *) key->outer) &&
			remote_judge_list(root, inner->relids, plan->table.sql, key->inner, key->operator, key->type,
							  key->collation) != PUSHED_NOT)
			return true;
	}
	return false;
}

/* True where there is a condition without any table's column, which decides over all rows at once. */
static bool
has_pseudoconstant(List *restrictions)
{
	ListCell   *lc;

	foreach(lc, restrictions)
		if (lfirst_node(RestrictInfo, lc)->pseudoconstant)
		return true;
	return false;
}

static Plan *make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
					   List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "connkit Lookup Join",
	.PlanCustomPath = make_plan,
};

/* Rows of the table for each of its keys; where nothing is known of the column, the keys are taken for nearly unique. */
static double
rows_per_key(PlannerInfo *root, RelOptInfo *inner, Expr *inner_key, double tuples)
{
	VariableStatData data;
	bool		unknown;
	double		distinct;

	examine_variable(root, (Node *) inner_key, inner->relid, &data);
	distinct = get_variable_numdistinct(&data, &unknown);
	ReleaseVariableStats(data);
	return unknown ? Min(tuples, 2.0) : tuples / Max(distinct, 1.0);
}

/* True where a column of the relation's output is no plain Var. */
static bool
has_placeholders(RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->reltarget->exprs)
		if (!IsA(lfirst(lc), Var))
		return true;
	return false;
}

static void
consider_lookup_join(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outer, RelOptInfo *inner, JoinType type,
					 JoinPathExtraData *extra)
{
	Path	   *outer_path = outer->cheapest_total_path;
	RelPlan    *plan;
	LookupKey	key;
	int			nulling = IS_OUTER_JOIN(type) ? compat_nulling_relid(extra->sjinfo) : 0;
	CustomPath *path;
	ForeignPath *inner_path;
	QualCost	cost;
	double		batches,
				matches;

	if (next_hook)
		next_hook(root, joinrel, outer, inner, type, extra);
	if (!lookup_join_enabled || (type != JOIN_INNER && type != JOIN_LEFT && type != JOIN_SEMI && type != JOIN_ANTI) ||
		inner->reloptkind != RELOPT_BASEREL || inner->rtekind != RTE_RELATION || inner->fdwroutine == NULL ||
		inner->fdwroutine->GetForeignPlan != fdw_plan || outer_path == NULL || PATH_REQ_OUTER(outer_path) != NULL ||
		!bms_is_empty(joinrel->lateral_relids) || !bms_is_empty(inner->lateral_relids) || root->rowMarks != NIL ||
		root->parse->commandType != CMD_SELECT)
		return;
	plan = inner->fdw_private;
	/* a table that is known to give no rows has no plan */
	if (plan == NULL || !plan->has_sql || plan->once || (IS_OUTER_JOIN(type) && has_placeholders(inner)) ||
		has_pseudoconstant(extra->restrictlist) || has_pseudoconstant(inner->baserestrictinfo) ||
		!compat_nulling_is_plain(extra->sjinfo, joinrel->relids, nulling) ||
		!find_key(root, outer, inner, extra->restrictlist, &key))
		return;

	matches = Min(plan->sent_rows, outer_path->rows * rows_per_key(root, inner, key.inner, plan->sent_rows));
	batches = ceil(outer_path->rows / BATCH_MOST) + 1;
	inner_path = fdw_list_path(root, inner, key.inner, key.operator, key.type, key.collation, matches, batches);

	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = joinrel;
	path->path.pathtarget = joinrel->reltarget;
	path->path.rows = joinrel->rows;
	cost_qual_eval(&cost, extra->restrictlist, root);
	path->path.startup_cost = outer_path->startup_cost + inner_path->path.startup_cost + cost.startup;
	path->path.total_cost = outer_path->total_cost + inner_path->path.total_cost + cost.startup +
		joinrel->rows * cost.per_tuple +
		(outer_path->rows + matches) * cpu_tuple_cost + joinrel->rows * cpu_tuple_cost +
		outer_path->rows * cpu_operator_cost * 2;
	path->flags = COMPAT_CUSTOMPATH_PROJECTION;
	path->custom_paths = list_make2(outer_path, inner_path);
	path->custom_private = list_make5(extra->restrictlist, makeInteger(type), key.outer, key.inner,
									  makeInteger((int) key.operator));
	path->custom_private = lappend(path->custom_private, makeInteger((int) key.collation));
	path->custom_private = lappend(path->custom_private, makeInteger(nulling));
	path->methods = &path_methods;
	add_path(joinrel, &path->path);
}

static Node *create_state(CustomScan *scan);

static const CustomScanMethods scan_methods = {
	.CustomName = "connkit Lookup Join",
	.CreateCustomScanState = create_state,
};

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	JoinType	type = intVal(list_nth(path->custom_private, PATH_JOIN_TYPE));
	int			nulling = intVal(list_nth(path->custom_private, PATH_NULLING));
	Plan	   *outer = linitial(custom_plans);
	Plan	   *inner = lsecond(custom_plans);
	List	   *conditions,
			   *filters = NIL;
	List	   *columns = NIL;
	ListCell   *lc;
	Relids		nullable = ((Path *) lsecond(path->custom_paths))->parent->relids;

	if (IS_OUTER_JOIN(type))
		extract_actual_join_clauses(list_nth(path->custom_private, PATH_RESTRICTIONS), rel->relids, &conditions,
									&filters);
	else
		conditions = extract_actual_clauses(list_nth(path->custom_private, PATH_RESTRICTIONS), false);

	foreach(lc, outer->targetlist)
		columns = lappend(columns, makeTargetEntry(lfirst_node(TargetEntry, lc)->expr, list_length(columns) + 1, NULL,
												   false));
	/* above an outer join its nullable columns are other Vars; here they go by that name in the join's conditions too */
	foreach(lc, inner->targetlist)
		columns = lappend(columns, makeTargetEntry((Expr *) compat_nulled((Node *) lfirst_node(TargetEntry, lc)->expr,
																		  nullable, nulling),
												   list_length(columns) + 1, NULL, false));

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = filters;
	scan->scan.scanrelid = 0;
	scan->flags = path->flags;
	scan->custom_plans = custom_plans;
	scan->custom_scan_tlist = columns;
	scan->custom_exprs = list_make3(list_nth(path->custom_private, PATH_OUTER_KEY),
									compat_nulled(list_nth(path->custom_private, PATH_INNER_KEY), nullable, nulling),
									compat_nulled((Node *) conditions, nullable, nulling));
	scan->custom_private = list_make5(makeInteger(type), list_nth(path->custom_private, PATH_OPERATOR),
									  list_nth(path->custom_private, PATH_COLLATION),
									  makeInteger(list_length(outer->targetlist)),
									  makeInteger(list_length(inner->targetlist)));
	scan->methods = &scan_methods;
	return &scan->scan.plan;
}

/* Puts a row's columns into the scan tuple from the given place on. */
static void
fill(TupleTableSlot *scan_slot, int place, TupleTableSlot *row, int width)
{
	slot_getallattrs(row);
	memcpy(scan_slot->tts_values + place, row->tts_values, sizeof(Datum) * width);
	memcpy(scan_slot->tts_isnull + place, row->tts_isnull, sizeof(bool) * width);
}

static void
fill_inner(LookupJoin *join, TupleTableSlot *scan_slot, TupleTableSlot *row)
{
	fill(scan_slot, join->outer_width, row, join->inner_width);
}

static void
fill_nulls(LookupJoin *join, TupleTableSlot *scan_slot)
{
	memset(scan_slot->tts_isnull + join->outer_width, true, sizeof(bool) * join->inner_width);
}

/* The scan tuple, ready to be evaluated. */
static void
show_scan_tuple(LookupJoin *join)
{
	TupleTableSlot *slot = join->custom.ss.ss_ScanTupleSlot;

	ExecClearTuple(slot);
	ExecStoreVirtualTuple(slot);
	join->custom.ss.ps.ps_ExprContext->ecxt_scantuple = slot;
}

/* The hash of the key of the row in the scan tuple; false where the key is NULL. */
static bool
row_hash(LookupJoin *join, bool outer, Datum *key, uint32 *hash)
{
	ExprContext *econtext = join->custom.ss.ps.ps_ExprContext;
	bool		isnull;

	show_scan_tuple(join);
	*key = ExecEvalExprSwitchContext(outer ? join->outer_key : join->inner_key, econtext, &isnull);
	if (isnull)
		return false;
	*hash = murmurhash32(DatumGetUInt32(FunctionCall1Coll(outer ? &join->hash_outer : &join->hash_inner, join->collation,
														  *key)));
	return true;
}

/* Reads the next batch of the outer side; the keys are left in *keys, and in *longest the bytes of the longest. */
static void
read_outer(LookupJoin *join, Datum **keys, int *nkeys, Size *longest)
{
	TupleTableSlot *scan_slot = join->custom.ss.ss_ScanTupleSlot;
	MemoryContext caller = MemoryContextSwitchTo(join->batch_context);
	Size		bytes = 0,
				kept = 0;

	join->rows = palloc(sizeof(MinimalTuple) * join->batch_size);
	join->hashes = palloc(sizeof(uint32) * join->batch_size);
	join->has_key = palloc(sizeof(bool) * join->batch_size);
	*keys = palloc(sizeof(Datum) * join->batch_size);
	*nkeys = 0;
	*longest = 0;
	join->nrows = 0;
	fill_nulls(join, scan_slot);
	while (join->nrows < join->batch_size && bytes < BATCH_BYTES && kept < work_mem * (Size) 1024)
	{
		TupleTableSlot *row;
		Datum		key;
		int			n = join->nrows;

		MemoryContextSwitchTo(caller);
		row = ExecProcNode(join->outer);
		MemoryContextSwitchTo(join->batch_context);
		if (TupIsNull(row))
		{
			join->outer_ended = true;
			break;
		}
		fill(scan_slot, 0, row, join->outer_width);
		join->has_key[n] = row_hash(join, true, &key, &join->hashes[n]);
		if (join->has_key[n])
		{
			Size		size = join->key_length == -1 ? toast_raw_datum_size(key) : 0;

			(*keys)[(*nkeys)++] = datumCopy(key, join->key_byval, join->key_length);
			*longest = Max(*longest, size);
			bytes += size;
		}
		join->rows[n] = ExecCopySlotMinimalTuple(row);
		kept += join->rows[n]->t_len;
		join->nrows++;
		ResetExprContext(join->custom.ss.ps.ps_ExprContext);
	}
	MemoryContextSwitchTo(caller);
}

/* Asks the source for the keys' rows and hashes them. */
static void
read_inner(LookupJoin *join, Datum *keys, int nkeys, bool fill_up)
{
	TupleTableSlot *scan_slot = join->custom.ss.ss_ScanTupleSlot;
	uint32		size = 64;

	while (size < (uint32) nkeys)
		size *= 2;
	join->mask = size - 1;
	join->buckets = MemoryContextAllocZero(join->batch_context, sizeof(InnerRow *) * size);
	if (nkeys == 0)
		return;
	join->batches++;
	fdw_set_keys((ForeignScanState *) join->inner, keys, nkeys, fill_up);
	ExecReScan(join->inner);
	for (;;)
	{
		TupleTableSlot *row = ExecProcNode(join->inner);
		MemoryContext caller;
		InnerRow   *inner;
		Datum		key;
		uint32		hash;

		if (TupIsNull(row))
			break;
		fill_inner(join, scan_slot, row);
		if (row_hash(join, false, &key, &hash))
		{
			caller = MemoryContextSwitchTo(join->batch_context);
			inner = palloc(sizeof(InnerRow));
			inner->hash = hash;
			inner->tuple = ExecCopySlotMinimalTuple(row);
			inner->next = join->buckets[hash & join->mask];
			join->buckets[hash & join->mask] = inner;
			MemoryContextSwitchTo(caller);
		}
		ResetExprContext(join->custom.ss.ps.ps_ExprContext);
	}
}

/* The next batch is ready; false where the outer side has ended. */
static bool
next_batch(LookupJoin *join)
{
	Datum	   *keys;
	int			nkeys;
	Size		longest;

	if (join->outer_ended)
		return false;
	MemoryContextReset(join->batch_context);
	read_outer(join, &keys, &nkeys, &longest);
	if (join->nrows == 0)
		return false;
	read_inner(join, keys, nkeys, longest <= KEY_BYTES);
	join->batch_size = Min(join->batch_size * 4, BATCH_MOST);
	join->row = -1;
	return true;
}

/* Goes to the next row of the outer side and puts it into the scan tuple. */
static bool
next_row(LookupJoin *join)
{
	if (join->rows == NULL || ++join->row >= join->nrows)
	{
		if (!next_batch(join))
		{
			join->rows = NULL;
			join->outer_ended = true;
			return false;
		}
		join->row = 0;
	}
	ExecStoreMinimalTuple(join->rows[join->row], join->outer_slot, false);
	fill(join->custom.ss.ss_ScanTupleSlot, 0, join->outer_slot, join->outer_width);
	join->matched = false;
	join->candidate = join->has_key[join->row] ? join->buckets[join->hashes[join->row] & join->mask] : NULL;
	return true;
}

/* The next joined row, before the filters above the join. */
static TupleTableSlot *
next_joined(ScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	TupleTableSlot *scan_slot = node->ss_ScanTupleSlot;
	ExprContext *econtext = node->ps.ps_ExprContext;

	if (join->row < 0 && !next_row(join))
		return ExecClearTuple(scan_slot);
	for (;;)
	{
		while (join->candidate)
		{
			InnerRow   *inner = join->candidate;

			join->candidate = inner->next;
			if (inner->hash != join->hashes[join->row])
				continue;
			ExecStoreMinimalTuple(inner->tuple, join->inner_slot, false);
			fill_inner(join, scan_slot, join->inner_slot);
			show_scan_tuple(join);
			ResetExprContext(econtext);
			if (!ExecQual(join->conditions, econtext))
				continue;
			join->matched = true;
			if (join->type == JOIN_SEMI || join->type == JOIN_ANTI)
				join->candidate = NULL;
			if (join->type != JOIN_ANTI)
				return scan_slot;
		}
		if (!join->matched && (join->type == JOIN_LEFT || join->type == JOIN_ANTI))
		{
			join->matched = true;
			fill_nulls(join, scan_slot);
			show_scan_tuple(join);
			return scan_slot;
		}
		CHECK_FOR_INTERRUPTS();
		if (!next_row(join))
			return ExecClearTuple(scan_slot);
	}
}

static bool
recheck_joined(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

static void
begin_join(CustomScanState *node, EState *estate, int eflags)
{
	LookupJoin *join = (LookupJoin *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	Oid			operator = (Oid) intVal(list_nth(scan->custom_private, PLAN_OPERATOR));
	RegProcedure inner_hash,
				outer_hash;
	Oid			inner_type;

	join->type = intVal(list_nth(scan->custom_private, PLAN_JOIN_TYPE));
	join->outer_width = intVal(list_nth(scan->custom_private, PLAN_OUTER_WIDTH));
	join->inner_width = intVal(list_nth(scan->custom_private, PLAN_INNER_WIDTH));
	join->outer = ExecInitNode(linitial(scan->custom_plans), estate, eflags);
	join->inner = ExecInitNode(lsecond(scan->custom_plans), estate, eflags);
	node->custom_ps = list_make2(join->outer, join->inner);
	join->outer_key = ExecInitExpr(list_nth(scan->custom_exprs, EXPR_OUTER_KEY), (PlanState *) node);
	join->inner_key = ExecInitExpr(list_nth(scan->custom_exprs, EXPR_INNER_KEY), (PlanState *) node);
	join->conditions = ExecInitQual(list_nth(scan->custom_exprs, EXPR_CONDITIONS), (PlanState *) node);

	op_input_types(operator, &inner_type, &join->key_type);
	get_typlenbyval(join->key_type, &join->key_length, &join->key_byval);
	if (!get_op_hash_functions(operator, &inner_hash, &outer_hash))
		elog(ERROR, "operator %u cannot be hashed", operator);
	fmgr_info(inner_hash, &join->hash_inner);
	fmgr_info(outer_hash, &join->hash_outer);
	join->collation = (Oid) intVal(list_nth(scan->custom_private, PLAN_COLLATION));

	join->batch_context = AllocSetContextCreate(CurrentMemoryContext, "connkit lookup join", ALLOCSET_DEFAULT_SIZES);
	join->outer_slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(join->outer), &TTSOpsMinimalTuple);
	join->inner_slot = ExecInitExtraTupleSlot(estate, ExecGetResultType(join->inner), &TTSOpsMinimalTuple);
	join->batch_size = BATCH_FIRST;
	join->row = -1;
}

static TupleTableSlot *
exec_join(CustomScanState *node)
{
	return ExecScan(&node->ss, next_joined, recheck_joined);
}

static void
end_join(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;

	ExecEndNode(join->outer);
	ExecEndNode(join->inner);
}

static void
rescan_join(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;

	if (node->ss.ps.chgParam)
	{
		UpdateChangedParamSet(join->outer, node->ss.ps.chgParam);
		UpdateChangedParamSet(join->inner, node->ss.ps.chgParam);
	}
	ExecScanReScan(&node->ss);
	if (join->outer->chgParam == NULL)
		ExecReScan(join->outer);
	MemoryContextReset(join->batch_context);
	join->rows = NULL;
	join->row = -1;
	join->candidate = NULL;
	join->outer_ended = false;
	join->batch_size = BATCH_FIRST;
}

static void
explain_join(CustomScanState *node, List *ancestors, ExplainState *es)
{
	LookupJoin *join = (LookupJoin *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	List	   *context = set_deparse_context_plan(es->deparse_cxt, &scan->scan.plan, ancestors);
	const char *type = join->type == JOIN_LEFT ? "Left" : join->type == JOIN_SEMI ? "Semi" :
		join->type == JOIN_ANTI ? "Anti" : "Inner";
	char	   *inner = deparse_expression(list_nth(scan->custom_exprs, EXPR_INNER_KEY), context, true, false);
	char	   *outer = deparse_expression(list_nth(scan->custom_exprs, EXPR_OUTER_KEY), context, true, false);

	ExplainPropertyText("Join Type", type, es);
	ExplainPropertyText("Lookup Key", psprintf("%s = %s", inner, outer), es);
	if (es->analyze)
		ExplainPropertyInteger("Lookups", NULL, join->batches, es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "connkit Lookup Join",
	.BeginCustomScan = begin_join,
	.ExecCustomScan = exec_join,
	.EndCustomScan = end_join,
	.ReScanCustomScan = rescan_join,
	.ExplainCustomScan = explain_join,
};

static Node *
create_state(CustomScan *scan)
{
	LookupJoin *join = palloc0(sizeof(LookupJoin));

	NodeSetTag(join, T_CustomScanState);
	join->custom.methods = &exec_methods;
	return (Node *) join;
}

void
lookup_join_init(void)
{
	DefineCustomBoolVariable("connkit.enable_lookup_join",
							 "Lets the planner look up join keys at a source, many in one request.",
							 NULL, &lookup_join_enabled, true, PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
	RegisterCustomScanMethods(&scan_methods);
	next_hook = set_join_pathlist_hook;
	set_join_pathlist_hook = consider_lookup_join;
}
