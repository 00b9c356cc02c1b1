/*
 * upper_plan.c: grouping, HAVING and DISTINCT that are done at the source, with the order and the LIMIT behind them.
 *
 * A source groups what it answers wholly and exactly: no condition is left to be checked here. So the request is that of its
 * input with GROUP BY and HAVING behind WHERE, in SQL's own order of evaluation, without sub-selects. It yields the keys and the
 * aggregates; what the query makes of them is computed here.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "utils/selfuncs.h"

#include "compat.h"
#include "fdw.h"

/* The aggregates, and calls of GROUPING(), that expressions are made of. */
typedef struct Collection
{
	List	   *keys;
	List	   *aggregates;
} Collection;

/* True where the expression is not made of keys and aggregates. */
static bool
collect_walker(Node *node, Collection *collection)
{
	if (node == NULL || list_member(collection->keys, node))
		return false;
	switch (nodeTag(node))
	{
		case T_Aggref:
			if (((Aggref *) node)->agglevelsup > 0)
				return true;
			collection->aggregates = list_append_unique(collection->aggregates, node);
			return false;
		case T_GroupingFunc:
			if (((GroupingFunc *) node)->agglevelsup > 0)
				return true;
			collection->aggregates = list_append_unique(collection->aggregates, node);
			return false;
		case T_Var:
		case T_PlaceHolderVar:
		case T_WindowFunc:
			return true;
		default:
			return expression_tree_walker(node, collect_walker, (void *) collection);
	}
}

/* Adds the aggregates of an expression to the plan's columns. False where it cannot be computed from what the source yields. */
static bool
add_expression(RemoteSql *sql, GroupPlan *group, Node *expr)
{
	Collection	collection = {group->keys, NIL};
	ListCell   *lc;

	if (collect_walker(expr, &collection))
		return false;
	foreach(lc, collection.aggregates)
		if (!tlist_member(lfirst(lc), group->columns) && !remote_group_add(sql, group, lfirst(lc)))
			return false;
	return true;
}

/* The target's expression that is grouped by under a number, or NULL. */
static Expr *
find_key(PathTarget *target, Index ref)
{
	ListCell   *lc;

	foreach(lc, target->exprs)
		if (get_pathtarget_sortgroupref(target, foreach_current_index(lc)) == ref)
			return lfirst(lc);
	return NULL;
}

/* Finds the keys among the target's expressions; those without columns are no keys but values. */
static bool
find_keys(RelPlan *plan, PathTarget *target, List *clauses)
{
	GroupPlan  *group = plan->group;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Expr	   *key = find_key(target, clause->tleSortGroupRef);

		if (key == NULL || contain_volatile_functions((Node *) key) || contain_subplans((Node *) key) ||
			expression_returns_set((Node *) key) || clause->eqop >= FirstGenbkiObjectId)
			return false;
		if (!contain_var_clause((Node *) key) || list_member(group->keys, key))
			continue;
		group->keys = lappend(group->keys, key);
		group->columns = add_to_flat_tlist(group->columns, list_make1(key));
		group->places = lappend_int(group->places, list_length(group->columns));
	}
	/* without a key it would be one group, also of no rows */
	return clauses == NIL || group->keys != NIL;
}

/*
 * Finds the sets of keys that are grouped by, one after the other. A key is NULL where a set lacks it, so none may be a value
 * that is computed here, or stand for two.
 */
static bool
find_sets(GroupPlan *group, PathTarget *target, List *clauses, List *sets)
{
	ListCell   *lc;

	if (sets != NIL && (!COMPAT_GROUPING_SETS || list_length(clauses) != list_length(group->keys)))
		return false;
	foreach(lc, sets)
	{
		List	   *numbers = NIL;
		ListCell   *ref;

		foreach(ref, (List *) lfirst(lc))
		{
			Expr	   *key = find_key(target, (Index) lfirst_int(ref));
			ListCell   *known;

			foreach(known, group->keys)
				if (equal(lfirst(known), key))
					numbers = lappend_int(numbers, foreach_current_index(known) + 1);
		}
		group->sets = lappend(group->sets, numbers);
	}
	return true;
}

/* Sorts the conditions on groups: those that the source answers, and those that it gives the aggregates for. */
static bool
sort_having(RemoteSql *sql, RelPlan *plan, List *having)
{
	ListCell   *lc;

	foreach(lc, having)
	{
		Expr	   *clause = lfirst(lc);
		StringInfoData scratch;
		RemoteSql	tried = *sql;

		initStringInfo(&scratch);
		tried.text = &scratch;
		if (IsA(clause, RestrictInfo))
			clause = ((RestrictInfo *) clause)->clause;
		if (!contain_subplans((Node *) clause) && !contain_volatile_functions((Node *) clause) &&
			remote_test(&tried, (Node *) clause, PLACE_TEST) && !tried.unsure)
			plan->exact = lappend(plan->exact, clause);
		else if (add_expression(sql, plan->group, (Node *) clause))
			plan->local = lappend(plan->local, clause);
		else
			return false;
	}
	return true;
}

bool
fdw_having(RemoteSql *sql, RelPlan *plan)
{
	ListCell   *lc;

	sql->group = plan->group;
	foreach(lc, plan->exact)
	{
		appendStringInfoString(sql->text, lc == list_head(plan->exact) ? " HAVING " : " AND ");
		if (!remote_test(sql, lfirst(lc), PLACE_TEST))
			return false;
	}
	return true;
}

bool
fdw_write_upper(RemoteSql *sql, RelPlan *plan)
{
	RelPlan    *input = plan->input->fdw_private;

	if (plan->window)
		return fdw_write_window(sql, plan);
	if (plan->first)
		return fdw_write_distinct_on(sql, plan);
	appendStringInfoString(sql->text, "SELECT");
	if (!remote_group_list(sql, plan->group))
		return false;
	appendStringInfoString(sql->text, " FROM ");
	fdw_from(sql, plan->input);
	fdw_where(sql, " WHERE ", input->exact);
	return remote_group_by(sql, plan->group) && fdw_having(sql, plan);
}

RemoteSql
fdw_begin_upper(PlannerInfo *root, RelPlan *plan, StringInfo text)
{
	RelPlan    *input = plan->input->fdw_private;
	RemoteSql	sql = {
		.dialect = plan->table.sql, .root = root, .relids = plan->input->relids, .visible = input->visible,
		.qualified = input->outer != NULL || input->aliased, .text = text
	};

	initStringInfo(text);
	return sql;
}

double
fdw_limit_estimate(Query *parse, double rows)
{
	double		limit = rows * 0.1;

	if (IsA(parse->limitCount, Const) && (parse->limitOffset == NULL || IsA(parse->limitOffset, Const)))
	{
		Const	   *count = (Const *) parse->limitCount;
		Const	   *offset = (Const *) parse->limitOffset;

		limit = count->constisnull ? rows : (double) DatumGetInt64(count->constvalue);
		if (offset && !offset->constisnull)
			limit += (double) DatumGetInt64(offset->constvalue);
	}
	return clamp_row_est(Min(rows, limit));
}

void
fdw_add_upper_path(PlannerInfo *root, RelOptInfo *output, PathTarget *target, RelPlan *plan, List *pathkeys)
{
	RelPlan    *input = plan->input->fdw_private;
	bool		limited = plan->single && pathkeys == root->sort_pathkeys;
	double		sent = limited ? fdw_limit_estimate(root->parse, plan->sent_rows) : plan->sent_rows;
	double		rows = limited ? sent : output->rows;
	QualCost	local_cost;
	Cost		looked_at,
				startup,
				total,
				work;
	ForeignPath *path;

	cost_qual_eval(&local_cost, plan->local, root);
	/* all rows are looked at and grouped before the first group is there */
	fdw_path_costs(plan, 0, false, false, &local_cost, &startup, &looked_at);
	work = looked_at - startup + input->sent_rows * cpu_operator_cost * list_length(plan->group->columns) * 0.5;
	fdw_path_costs(plan, sent, true, pathkeys != NIL, &local_cost, &startup, &total);
	path = compat_foreign_upper_path(root, output, target, rows, startup + work, total + work, pathkeys,
									 list_make1(makeInteger(limited)));
	/* see parallel.c */
	path->path.parallel_safe = false;
	add_path(output, (Path *) path);
}

/* Adds the paths: in no order, and in the query's. */
static void
add_group_paths(PlannerInfo *root, RelOptInfo *output, PathTarget *target, RelPlan *plan, bool last)
{
	StringInfoData scratch;
	RemoteSql	sql;

	plan->single = last && plan->local == NIL && fdw_limit_fits(root) &&
		bms_equal(COMPAT_QUERY_RELIDS(root), plan->input->relids);
	/* a key that a condition makes constant is no path key, though sets that lack it have rows of their own */
	if (plan->group->sets != NIL && root->parse->sortClause != NIL)
		plan->single = last = false;
	fdw_add_upper_path(root, output, target, plan, NIL);
	if (!last || root->sort_pathkeys == NIL)
		return;
	sql = fdw_begin_upper(root, plan, &scratch);
	if (fdw_write_upper(&sql, plan) && remote_order(&sql, root->sort_pathkeys))
		fdw_add_upper_path(root, output, target, plan, root->sort_pathkeys);
}

/* Sizes of the result. */
static void
estimate_groups(PlannerInfo *root, RelOptInfo *output, RelPlan *plan)
{
	RelPlan    *input = plan->input->fdw_private;
	double		groups = 1;
	ListCell   *lc;

	if (plan->group->sets)
		groups = 0;
	else if (plan->group->keys)
		groups = estimate_num_groups(root, plan->group->keys, plan->input->rows, NULL, NULL);
	foreach(lc, plan->group->sets)
	{
		List	   *keys = NIL;
		ListCell   *number;

		foreach(number, (List *) lfirst(lc))
			keys = lappend(keys, list_nth(plan->group->keys, lfirst_int(number) - 1));
		groups += keys ? estimate_num_groups(root, keys, plan->input->rows, NULL, NULL) : 1;
	}
	plan->tuples = input->tuples;
	plan->subselects = input->subselects;
	plan->sent_rows = clamp_row_est(groups * clauselist_selectivity(root, plan->exact, 0, JOIN_INNER, NULL));
	output->rows = clamp_row_est(plan->sent_rows * clauselist_selectivity(root, plan->local, 0, JOIN_INNER, NULL));
}

/* True where the source answers all of the input as PostgreSQL would. */
static bool
is_whole(RelOptInfo *input)
{
	RelPlan    *plan = input->fdw_private;

	return plan && plan->has_sql && plan->table.sql->filter == NULL && plan->input == NULL &&
		plan->superset == NIL && plan->local == NIL && !plan->rechecked &&
		bms_is_empty(input->lateral_relids) && (plan->outer == NULL || !fdw_has_settings(plan));
}

RelPlan *
fdw_upper_plan(RelOptInfo *input)
{
	RelPlan    *plan = palloc0(sizeof(RelPlan));

	plan->table = ((RelPlan *) input->fdw_private)->table;
	plan->connector = ((RelPlan *) input->fdw_private)->connector;
	plan->has_sql = true;
	plan->input = input;
	plan->group = palloc0(sizeof(GroupPlan));
	return plan;
}

void
fdw_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input, RelOptInfo *output, void *extra)
{
	Query	   *parse = root->parse;
	bool		grouping = stage == UPPERREL_GROUP_AGG;
	PathTarget *target = grouping ? output->reltarget : root->upper_targets[UPPERREL_DISTINCT];
	List	   *having = grouping ? (List *) ((GroupPathExtraData *) extra)->havingQual : NIL;
	RelPlan    *plan;
	RemoteSql	sql;
	StringInfoData scratch;
	ListCell   *lc;

	if (stage == UPPERREL_WINDOW && output->fdw_private == NULL && is_whole(input))
		fdw_window_paths(root, input, output);
	if (stage == UPPERREL_DISTINCT && parse->hasDistinctOn && output->fdw_private == NULL && is_whole(input))
		fdw_distinct_on_paths(root, input, output);
	if ((!grouping && stage != UPPERREL_DISTINCT) || output->fdw_private || !is_whole(input) || parse->rowMarks != NIL ||
		(!grouping && (parse->hasDistinctOn || parse->hasAggs || parse->groupClause != NIL || parse->groupingSets != NIL ||
					   parse->hasWindowFuncs || parse->hasTargetSRFs)))
		return;
	plan = fdw_upper_plan(input);
	plan->distinct = !grouping;
	sql = fdw_begin_upper(root, plan, &scratch);
	sql.group = plan->group;
	if (!find_keys(plan, target, grouping ? parse->groupClause : parse->distinctClause) ||
		!find_sets(plan->group, target, parse->groupClause, parse->groupingSets) ||
		!sort_having(&sql, plan, having))
		return;
	foreach(lc, target->exprs)
		if (!add_expression(&sql, plan->group, lfirst(lc)))
			return;
	sql = fdw_begin_upper(root, plan, &scratch);
	if (plan->group->places == NIL || !fdw_write_upper(&sql, plan) || sql.unsure)
		return;
	output->fdw_private = plan;
	estimate_groups(root, output, plan);
	add_group_paths(root, output, target, plan, !parse->hasWindowFuncs && (!grouping || parse->distinctClause == NIL));
}

/* What is done at the source, for EXPLAIN. */
static char *
describe_work(RelPlan *plan, List *pathkeys, bool limited)
{
	RelPlan    *input = plan->input->fdw_private;
	StringInfoData text;

	initStringInfo(&text);
	if (input->outer)
		appendStringInfoString(&text, "join, ");
	if (input->exact)
		appendStringInfoString(&text, "filter, ");
	if (plan->window)
		appendStringInfoString(&text, plan->exact ? "window, filter by it" : "window");
	else if (plan->distinct)
		appendStringInfoString(&text, plan->first ? "distinct on" : "distinct");
	else if (plan->group->sets)
		appendStringInfoString(&text, "grouping sets");
	else if (plan->group->keys)
		appendStringInfoString(&text, list_length(plan->group->columns) > list_length(plan->group->keys) ? "group, aggregate" :
							   "group");
	else
		appendStringInfoString(&text, "aggregate");
	appendStringInfo(&text, "%s%s%s", plan->exact && !plan->window ? ", having" : "", pathkeys ? ", order" : "",
					 limited ? ", limit" : "");
	return text.data;
}

ForeignScan *
fdw_plan_group(PlannerInfo *root, RelOptInfo *rel, ForeignPath *path, List *tlist, Plan *outer_plan)
{
	RelPlan    *plan = rel->fdw_private;
	bool		limited = intVal(linitial(path->fdw_private)) != 0;
	List	   *limits = list_make3_int(0, 0, 0);
	StringInfoData text,
				relations;
	RemoteSql	sql = fdw_begin_upper(root, plan, &text);
	List	   *exprs,
			   *private;

	if (!fdw_write_upper(&sql, plan) || (path->path.pathkeys && !plan->first && !remote_order(&sql, path->path.pathkeys)))
		elog(ERROR, "a grouping that was judged fit cannot be written");
	exprs = sql.params;
	if (limited)
		limits = fdw_add_limit(root, &sql, &exprs);
	initStringInfo(&relations);
	fdw_show_relations(&relations, root, rel);
	private = list_make5(makeString(text.data), makeString(""), plan->group->places, sql.places, limits);
	private = lappend(private, makeString(describe_work(plan, path->path.pathkeys, limited)));
	private = lappend(private, makeInteger(fdw_shares_source(root, plan->table.serverid) ? FLAG_SHARE : 0));
	private = lappend(private, makeInteger(0));
	private = lappend(private, makeString(relations.data));
	private = lappend(private, fdw_table_oids(rel));
	private = lappend(private, plan->group->quotients);
	private = lappend(private, makeInteger((int) rel->userid));
	fdw_take_over(root, rel);
	return make_foreignscan(tlist, plan->local, 0, exprs, private, plan->group->columns, NIL, outer_plan);
}
