/*
 * remote_subselect.c: writes sub-selects that the source answers as part of a condition.
 *
 * PostgreSQL plans a sub-select before the query that it is part of. Where the rows of one are what a single request of the
 * same source and user yields, that request is written anew, in parentheses, with the columns of the outer query in the place
 * of the parameters; its own plan is left unused. Tables get numbers behind those of the query around, so that no two aliases
 * are the same.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "fdw.h"
#include "value.h"

/* The value of the query around that a parameter stands for, and where it is written; NULL for other parameters. */
static Node *
find_outer_value(RemoteSql *sql, Param *param, RemoteSql **scope)
{
	if (param->paramkind != PARAM_EXEC)
		return NULL;
	for (; sql->outer; sql = sql->outer)
	{
		ListCell   *lc;

		foreach(lc, sql->subplan->parParam)
			if (lfirst_int(lc) == param->paramid)
			{
				*scope = sql->outer;
				return list_nth(sql->subplan->args, foreach_current_index(lc));
			}
	}
	return NULL;
}

/* True for what is computed before a sub-select, and here would be only by its own plan. */
static bool
is_computed_within(RemoteSql *sql, Param *param)
{
	ListCell   *lc;

	for (; sql->outer; sql = sql->outer)
		foreach(lc, sql->root->init_plans)
			if (list_member_int(lfirst_node(SubPlan, lc)->setParam, param->paramid))
				return param->paramkind == PARAM_EXEC;
	return false;
}

static bool
outer_walker(Node *node, RemoteSql *sql)
{
	RemoteSql  *scope;

	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return find_outer_value(sql, (Param *) node, &scope) || is_computed_within(sql, (Param *) node);
	return expression_tree_walker(node, outer_walker, (void *) sql);
}

bool
remote_has_outer(RemoteSql *sql, Node *node)
{
	return sql->outer && outer_walker(node, sql);
}

void
remote_carry_on(RemoteSql *to, const RemoteSql *from)
{
	to->text = from->text;
	to->params = from->params;
	to->places = from->places;
	to->parameters = from->parameters;
	to->unsure = from->unsure;
	to->depth = from->depth;
}

bool
remote_outer_value(RemoteSql *sql, Param *param, bool *written)
{
	RemoteSql  *scope;
	Node	   *value = find_outer_value(sql, param, &scope);
	RemoteSql	outer;

	if (value == NULL)
		return false;
	outer = *scope;
	remote_carry_on(&outer, sql);
	outer.collation = sql->collation;
	*written = remote_value(&outer, value);
	remote_carry_on(sql, &outer);
	return true;
}

/* A table that the request reads: whose user and whose state at the source are those of all. */
static RelOptInfo *
first_table(PlannerInfo *root, Relids relids)
{
	int			i = -1;

	/* outer joins have numbers too */
	while ((i = bms_next_member(relids, i)) >= 0)
		if (root->simple_rel_array[i] && root->simple_rel_array[i]->fdw_private)
			return root->simple_rel_array[i];
	return NULL;
}

/* True where the statement changes the source; with own also where one of the tables is a query, be it within the statement. */
static bool
is_special(PlannerInfo *root, Relids relids, bool own)
{
	int			i = -1;

	while ((i = bms_next_member(relids, i)) >= 0)
	{
		RelOptInfo *rel = root->simple_rel_array[i];
		RelPlan    *plan = rel ? rel->fdw_private : NULL;

		if (plan && (plan->once || (own && (plan->table.query || plan->derived))))
			return true;
	}
	return false;
}

/* The relation whose rows are the query's, if the source of that table answers them wholly and exactly for the same user. */
static RelOptInfo *
find_rows(PlannerInfo *root, bool grouped, RelOptInfo *like)
{
	Query	   *parse = root->parse;
	RelOptInfo *rel;
	RelPlan    *plan;

	if (parse->commandType != CMD_SELECT || parse->setOperations || parse->groupClause || parse->groupingSets ||
		parse->distinctClause || parse->hasWindowFuncs || parse->hasTargetSRFs || parse->limitCount || parse->limitOffset ||
		parse->rowMarks || root->qual_security_level > 0)
		return NULL;
	if (grouped)
		rel = fetch_upper_rel(root, UPPERREL_GROUP_AGG, NULL);
	else if (bms_membership(root->all_baserels) == BMS_SINGLETON)
		rel = root->simple_rel_array[bms_singleton_member(root->all_baserels)];
	else
		rel = find_join_rel(root, COMPAT_QUERY_RELIDS(root));
	plan = rel && rel->serverid == like->serverid && rel->userid == like->userid ? rel->fdw_private : NULL;
	if (plan == NULL || !plan->has_sql || is_special(root, root->all_baserels, true) || plan->rechecked ||
		plan->superset != NIL || plan->local != NIL || (plan->input != NULL) != grouped ||
		!bms_is_empty(rel->lateral_relids) || rel->useridiscurrent)
		return NULL;
	return rel;
}

/* Writes what the sub-select yields. */
static bool
write_target(RemoteSql *sql, RelPlan *plan, SubLinkType type)
{
	Expr	   *value;
	bool		written;

	if (type == EXISTS_SUBLINK)
	{
		appendStringInfoChar(sql->text, '1');
		return true;
	}
	value = linitial_node(TargetEntry, sql->root->processed_tlist)->expr;
	if (contain_volatile_functions((Node *) value))
		return false;
	if (sql->dialect->native && remote_mixes_collations(sql, (Node *) value))
		sql->collation = "C";
	sql->group = plan->group;
	written = remote_value(sql, (Node *) value);
	sql->group = NULL;
	sql->collation = NULL;
	return written;
}

/* Writes the sub-select of a plan in parentheses. */
static bool
write_select(RemoteSql *outer, SubPlan *subplan)
{
	PlannerInfo *root = list_nth(outer->root->glob->subroots, subplan->plan_id - 1);
	bool		grouped = root->parse->hasAggs || root->parse->havingQual;
	RelOptInfo *rel = find_rows(root, grouped, first_table(outer->root, outer->relids));
	RelPlan    *plan = rel ? rel->fdw_private : NULL;
	RelPlan    *input = plan && grouped ? plan->input->fdw_private : plan;
	RemoteSql	sql = {
		.dialect = outer->dialect, .root = root, .qualified = true, .outer = outer, .subplan = subplan,
		.aliases = outer->aliases + outer->root->simple_rel_array_size
	};

	if (plan == NULL || is_special(outer->root, outer->relids, false) || plan->table.sql != outer->dialect ||
		fdw_has_settings(input))
		return false;
	/* a sub-select of many rows is an error that other sources do not raise */
	if (subplan->subLinkType == EXISTS_SUBLINK ? grouped : !grouped && !outer->dialect->native &&
		subplan->subLinkType == EXPR_SUBLINK)
		return false;
	remote_carry_on(&sql, outer);
	sql.relids = grouped ? plan->input->relids : rel->relids;
	sql.visible = input->visible;
	appendStringInfoString(sql.text, "(SELECT ");
	if (!write_target(&sql, plan, subplan->subLinkType))
		return false;
	appendStringInfoString(sql.text, " FROM ");
	fdw_from(&sql, grouped ? plan->input : rel);
	fdw_where(&sql, " WHERE ", input->exact);
	if (grouped && !fdw_having(&sql, plan))
		return false;
	appendStringInfoChar(sql.text, ')');
	remote_carry_on(outer, &sql);
	return !sql.failed && !sql.superset && !sql.raises;
}

/* x = ANY (SELECT …), or ALL, of a single column. */
static bool
write_quantified(RemoteSql *sql, SubPlan *subplan)
{
	OpExpr	   *test = (OpExpr *) subplan->testexpr;
	Param	   *column = IsA(test, OpExpr) && list_length(test->args) == 2 ? lsecond(test->args) : NULL;

	if (!sql->dialect->native || column == NULL || !IsA(column, Param) || list_length(subplan->paramIds) != 1 ||
		column->paramid != linitial_int(subplan->paramIds) || OidIsValid(test->inputcollid) ||
		!remote_native_operator(sql, test->opno, test->args))
		return false;
	appendStringInfoChar(sql->text, '(');
	if (!remote_value(sql, linitial(test->args)))
		return false;
	appendStringInfo(sql->text, " %s %s ", get_opname(test->opno), subplan->subLinkType == ANY_SUBLINK ? "ANY" : "ALL");
	if (!write_select(sql, subplan))
		return false;
	appendStringInfoChar(sql->text, ')');
	return true;
}

bool
remote_subselect(RemoteSql *sql, Node *node)
{
	SubPlan    *subplan;
	Oid			collation = exprCollation(node);

	/* of two ways to do the same the first is the one that has the condition in the sub-select */
	if (IsA(node, AlternativeSubPlan))
		node = linitial(((AlternativeSubPlan *) node)->subplans);
	subplan = (SubPlan *) node;
	if (sql->root->parse->commandType != CMD_SELECT || sql->root->parse->rowMarks != NIL || sql->group ||
		sql->root->qual_security_level > 0 || subplan->setParam != NIL)
		return false;
	switch (subplan->subLinkType)
	{
		case EXISTS_SUBLINK:
			appendStringInfoString(sql->text, "(EXISTS ");
			if (!write_select(sql, subplan))
				return false;
			appendStringInfoChar(sql->text, ')');
			return true;
		case ANY_SUBLINK:
		case ALL_SUBLINK:
			return write_quantified(sql, subplan);
		case EXPR_SUBLINK:
			if (sql->dialect->native ? !value_type_is_native(subplan->firstColType) : OidIsValid(collation))
				return false;
			if (!sql->collation || !OidIsValid(collation))
				return write_select(sql, subplan);
			appendStringInfoChar(sql->text, '(');
			if (!write_select(sql, subplan))
				return false;
			appendStringInfo(sql->text, " COLLATE \"%s\")", sql->collation);
			return true;
		default:
			return false;
	}
}

static bool
count_walker(Node *node, int *count)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) && ((SubPlan *) node)->parParam != NIL)
		(*count)++;
	return expression_tree_walker(node, count_walker, (void *) count);
}

bool
remote_count_subselects(Node *condition, int *count)
{
	(void) count_walker(condition, count);
	return contain_subplans(condition);
}
