/*
 * distinct_plan.c: SELECT DISTINCT ON that is done at the source: of the rows that agree in some keys the first of an order.
 *
 * The request is that of the input with DISTINCT ON and all of the query's ORDER BY, which begins with those keys. It yields
 * columns; what the query makes of them is computed here.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/tlist.h"
#include "utils/selfuncs.h"

#include "compat.h"
#include "fdw.h"

/* What a clause is about, where the source can sort by it; NULL for what is the same in all rows. */
static Node *
clause_expression(PlannerInfo *root, SortGroupClause *clause)
{
	Node	   *expr = get_sortgroupclause_expr(clause, root->processed_tlist);

	return contain_var_clause(expr) && !contain_volatile_functions(expr) && !contain_subplans(expr) &&
		!expression_returns_set(expr) ? expr : NULL;
}

/* Writes ORDER BY in full: a key that a condition makes constant is no path key, but the source wants to see it. */
static bool
write_order(RemoteSql *sql, List *clauses)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Node	   *expr = clause_expression(sql->root, clause);
		Oid			family;
		bool		descends;

		appendStringInfoString(sql->text, lc == list_head(clauses) ? " ORDER BY " : ", ");
		if (expr == NULL || !compat_ordering_operator(clause->sortop, &family, &descends) ||
			!remote_sort_key(sql, (Expr *) expr, family, exprCollation(expr), descends, clause->nulls_first))
			return false;
	}
	return true;
}

bool
fdw_write_distinct_on(RemoteSql *sql, RelPlan *plan)
{
	RelPlan    *input = plan->input->fdw_private;
	Query	   *parse = sql->root->parse;
	ListCell   *lc;

	foreach(lc, parse->distinctClause)
	{
		Node	   *key = clause_expression(sql->root, lfirst(lc));

		appendStringInfoString(sql->text, lc == list_head(parse->distinctClause) ? "SELECT DISTINCT ON (" : ", ");
		if (key == NULL || !remote_sort_value(sql, (Expr *) key, exprCollation(key)))
			return false;
	}
	foreach(lc, plan->group->keys)
	{
		appendStringInfoString(sql->text, lc == list_head(plan->group->keys) ? ") " : ", ");
		fdw_column(sql, lfirst(lc), false);
		if (sql->derived)
		{
			appendStringInfoString(sql->text, " AS ");
			remote_column_alias(sql, foreach_current_index(lc) + 1);
		}
	}
	appendStringInfoString(sql->text, " FROM ");
	fdw_from(sql, plan->input);
	fdw_where(sql, " WHERE ", input->exact);
	return write_order(sql, parse->sortClause);
}

/* The columns that the target is made of; false where there is something else. */
static bool
find_columns(RelPlan *plan, PathTarget *target)
{
	RelPlan    *input = plan->input->fdw_private;
	ListCell   *lc;

	foreach(lc, pull_var_clause((Node *) target->exprs, PVC_INCLUDE_PLACEHOLDERS))
	{
		Var		   *var = lfirst(lc);

		if (!IsA(var, Var) || var->varattno <= 0 || !bms_is_member(var->varno, input->visible))
			return false;
		plan->group->keys = list_append_unique(plan->group->keys, var);
	}
	plan->group->columns = add_to_flat_tlist(NIL, plan->group->keys);
	for (int i = 1; i <= list_length(plan->group->keys); i++)
		plan->group->places = lappend_int(plan->group->places, i);
	return plan->group->keys != NIL && list_length(plan->group->columns) == list_length(plan->group->keys);
}

void
fdw_distinct_on_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output)
{
	Query	   *parse = root->parse;
	RelPlan    *plan = fdw_upper_plan(input);
	List	   *keys = NIL;
	StringInfoData scratch;
	RemoteSql	sql;
	ListCell   *lc;

	/* without an order by all keys it would be any of the rows */
	if (!plan->table.sql->native || parse->hasAggs || parse->groupClause != NIL || parse->groupingSets != NIL ||
		parse->havingQual || parse->hasWindowFuncs || parse->hasTargetSRFs || parse->rowMarks != NIL ||
		list_length(parse->sortClause) < list_length(parse->distinctClause) ||
		contain_volatile_functions((Node *) root->upper_targets[UPPERREL_DISTINCT]->exprs) ||
		!find_columns(plan, root->upper_targets[UPPERREL_DISTINCT]))
		return;
	plan->distinct = plan->first = true;
	sql = fdw_begin_upper(root, plan, &scratch);
	if (!fdw_write_distinct_on(&sql, plan) || sql.unsure)
		return;
	foreach(lc, parse->distinctClause)
		keys = lappend(keys, clause_expression(root, lfirst(lc)));
	plan->tuples = ((RelPlan *) input->fdw_private)->tuples;
	plan->subselects = ((RelPlan *) input->fdw_private)->subselects;
	plan->sent_rows = output->rows = clamp_row_est(estimate_num_groups(root, keys, input->rows, NULL, NULL));
	plan->single = fdw_limit_fits(root) && bms_equal(COMPAT_QUERY_RELIDS(root), input->relids);
	output->fdw_private = plan;
	fdw_add_upper_path(root, output, root->upper_targets[UPPERREL_DISTINCT], plan, root->sort_pathkeys);
}
