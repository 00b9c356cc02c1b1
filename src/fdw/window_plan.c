/*
 * window_plan.c: window functions that are computed at the source.
 *
 * The request is that of the input with the functions behind SELECT. Conditions on them, that a query around this one has
 * and that the planner hands down, as for the first rows of each group, stand around it, so that few rows travel.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/tlist.h"

#include "compat.h"
#include "fdw.h"

/* Adds the columns and window functions of an expression to a list; true where there is something else. */
static bool
collect_walker(Node *node, List **exprs)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			if (((Var *) node)->varattno <= 0 || ((Var *) node)->varlevelsup > 0)
				return true;
			/* fall through */
		case T_WindowFunc:
			*exprs = list_append_unique(*exprs, node);
			return false;
		case T_PlaceHolderVar:
		case T_Aggref:
		case T_GroupingFunc:
			return true;
		default:
			return expression_tree_walker(node, collect_walker, (void *) exprs);
	}
}

/* The window functions among the plan's columns. */
static List *
window_functions(RelPlan *plan)
{
	List	   *functions = NIL;
	ListCell   *lc;

	foreach(lc, plan->group->keys)
		if (IsA(lfirst(lc), WindowFunc))
			functions = lappend(functions, lfirst(lc));
	return functions;
}

/* True for windows that PostgreSQL passes through in one order, also among equals: they differ in their frames alone. */
static bool
are_alike(WindowClause *one, WindowClause *other)
{
	return one != other && equal(one->partitionClause, other->partitionClause) && equal(one->orderClause, other->orderClause);
}

/*
 * True where functions that see the order of rows among equals may see any. Without an order, rows are numbered as they come; and
 * windows that are alike see the same order here, and at a source that is PostgreSQL.
 */
static bool
any_order_does(PlannerInfo *root, RelPlan *plan)
{
	List	   *functions = window_functions(plan);
	List	   *seen = NIL;
	ListCell   *lc,
			   *other;

	foreach(lc, functions)
	{
		WindowFunc *function = lfirst_node(WindowFunc, lc);
		WindowClause *clause = remote_window_clause(root, function);

		if (!remote_window_sees_order(function, clause))
			continue;
		if (clause->orderClause == NIL)
			return false;
		foreach(other, seen)
			if (!plan->table.sql->native && are_alike(clause, lfirst(other)))
				return false;
		seen = lappend(seen, clause);
	}
	return true;
}

/* True where a window of all rows stands beside another. */
static bool
has_whole_beside(PlannerInfo *root, List *functions)
{
	bool		whole = false,
				several = false;
	ListCell   *lc;

	foreach(lc, functions)
	{
		WindowFunc *function = lfirst_node(WindowFunc, lc);
		WindowClause *clause = remote_window_clause(root, function);

		whole |= clause->partitionClause == NIL && clause->orderClause == NIL;
		several |= function->winref != linitial_node(WindowFunc, functions)->winref;
	}
	return whole && several;
}

/* Writes the request up to what stands around the functions. */
static bool
write_request(RemoteSql *sql, RelPlan *plan)
{
	RelPlan    *input = plan->input->fdw_private;
	GroupPlan  *group = plan->group;
	bool		nested = plan->exact != NIL;
	ListCell   *lc;

	appendStringInfoString(sql->text, "SELECT");
	foreach(lc, nested ? group->places : NIL)
	{
		appendStringInfoString(sql->text, lc == list_head(group->places) ? " " : ", ");
		remote_column_alias(sql, lfirst_int(lc));
	}
	if (nested)
		appendStringInfoString(sql->text, " FROM (SELECT");
	foreach(lc, group->places)
	{
		Var		   *var = (Var *) list_nth_node(TargetEntry, group->columns, lfirst_int(lc) - 1)->expr;

		appendStringInfoString(sql->text, lc == list_head(group->places) ? " " : ", ");
		if (!IsA(var, Var))
		{
			if (!remote_group_column(sql, group, lfirst_int(lc)))
				return false;
		}
		else if (!bms_is_member(var->varno, input->visible))
			return false;
		else
			fdw_column(sql, var, false);
		if (nested || sql->derived)
		{
			appendStringInfoString(sql->text, " AS ");
			remote_column_alias(sql, lfirst_int(lc));
		}
	}
	appendStringInfoString(sql->text, " FROM ");
	fdw_from(sql, plan->input);
	fdw_where(sql, " WHERE ", input->exact);
	if (!nested)
		return true;
	appendStringInfoString(sql->text, ") AS ck");
	sql->group = plan->group;
	foreach(lc, plan->exact)
	{
		appendStringInfoString(sql->text, lc == list_head(plan->exact) ? " WHERE " : " AND ");
		if (!remote_test(sql, lfirst(lc), PLACE_FILTER))
			return false;
	}
	return true;
}

/* Takes over the conditions that the planner leaves to who computes the functions: all are checked here, some there too. */
static bool
sort_conditions(PlannerInfo *root, RelPlan *plan)
{
	List	   *known = plan->group->keys;
	ListCell   *lc;

	foreach(lc, compat_run_conditions(root, window_functions(plan)))
	{
		Expr	   *condition = lfirst(lc);
		StringInfoData scratch;
		RemoteSql	tried = fdw_begin_upper(root, plan, &scratch);

		if (collect_walker((Node *) condition, &known) || list_length(known) != list_length(plan->group->keys) ||
			contain_subplans((Node *) condition) || contain_volatile_functions((Node *) condition))
			return false;
		plan->local = lappend(plan->local, condition);
		tried.group = plan->group;
		if (remote_test(&tried, (Node *) condition, PLACE_FILTER) && !tried.unsure)
			plan->exact = lappend(plan->exact, condition);
	}
	return true;
}

/* Adds a path: in no order, or in the query's. The source reads all and sorts for each window. */
static void
add_window_path(PlannerInfo *root, RelOptInfo *output, PathTarget *target, RelPlan *plan, List *pathkeys)
{
	RelPlan    *input = plan->input->fdw_private;
	bool		limited = plan->single && pathkeys == root->sort_pathkeys;
	double		rows = limited ? fdw_limit_estimate(root->parse, plan->sent_rows) : plan->sent_rows;
	QualCost	local_cost;
	Cost		startup,
				unsorted,
				total,
				work;

	cost_qual_eval(&local_cost, plan->local, root);
	fdw_path_costs(input, input->sent_rows, true, false, &local_cost, &unsorted, &total);
	fdw_path_costs(input, input->sent_rows, true, true, &local_cost, &startup, &total);
	work = startup - unsorted + input->sent_rows * cpu_operator_cost * list_length(window_functions(plan)) * 0.5;
	fdw_path_costs(plan, rows, false, pathkeys != NIL, &local_cost, &startup, &total);
	add_path(output, (Path *) compat_foreign_upper_path(root, output, target, rows, startup + work, total + work, pathkeys,
														list_make1(makeInteger(limited))));
}

void
fdw_window_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output)
{
	Query	   *parse = root->parse;
	PathTarget *target = root->upper_targets[UPPERREL_WINDOW];
	RelPlan    *plan = fdw_upper_plan(input);
	List	   *exprs = NIL;
	StringInfoData scratch;
	RemoteSql	sql;

	if (!(plan->table.sql->windows & CK_WINDOWS) || parse->groupClause != NIL ||
		parse->groupingSets != NIL || parse->hasAggs || parse->havingQual || parse->hasTargetSRFs || parse->rowMarks != NIL ||
		collect_walker((Node *) target->exprs, &exprs))
		return;
	plan->window = true;
	plan->group->keys = exprs;
	plan->group->nested = true;
	plan->group->columns = add_to_flat_tlist(NIL, exprs);
	if (list_length(plan->group->columns) != list_length(exprs))
		return;
	for (int i = 1; i <= list_length(exprs); i++)
		remote_group_place(plan->group, plan->table.sql, i);
	if (!any_order_does(root, plan) ||
		(!(plan->table.sql->windows & CK_WINDOW_BESIDE) && has_whole_beside(root, window_functions(plan))) ||
		!sort_conditions(root, plan))
		return;
	sql = fdw_begin_upper(root, plan, &scratch);
	if (!write_request(&sql, plan) || sql.unsure)
		return;
	plan->tuples = ((RelPlan *) input->fdw_private)->tuples;
	plan->sent_rows = clamp_row_est(input->rows * clauselist_selectivity(root, plan->exact, 0, JOIN_INNER, NULL));
	plan->single = parse->distinctClause == NIL && plan->local == NIL && fdw_limit_fits(root) &&
		bms_equal(COMPAT_QUERY_RELIDS(root), plan->input->relids);
	output->fdw_private = plan;
	add_window_path(root, output, target, plan, NIL);
	if (root->sort_pathkeys != NIL && parse->distinctClause == NIL && remote_order(&sql, root->sort_pathkeys))
		add_window_path(root, output, target, plan, root->sort_pathkeys);
}

bool
fdw_write_window(RemoteSql *sql, RelPlan *plan)
{
	return write_request(sql, plan);
}

void
fdw_show_window(ForeignScan *plan)
{
	MemoryContext caller = MemoryContextSwitchTo(GetMemoryChunkContext(plan));
	ListCell   *lc;

	foreach(lc, plan->fdw_scan_tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		WindowFunc *function = (WindowFunc *) entry->expr;

		if (!IsA(function, WindowFunc))
			continue;
		if (function->winagg)
			entry->expr = (Expr *) remote_aggregate_of(function);
		else
			entry->expr = (Expr *) makeFuncExpr(function->winfnoid, function->wintype, function->args, function->wincollid,
												function->inputcollid, COERCE_EXPLICIT_CALL);
	}
	MemoryContextSwitchTo(caller);
}
