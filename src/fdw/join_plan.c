/*
 * join_plan.c: joins between tables of one source that are done there.
 *
 * A join at the source answers what the same join here would: the conditions of an outer join must be answered exactly, while
 * those of an inner one may let through too much and are checked again. The tree of joins becomes one FROM, as follows from
 * where a condition may stand: all that an inner join is filtered by can stand in its ON, and what filters the inner side of a
 * left join in the ON of that one. A semi or anti join is a condition itself, [NOT] EXISTS, on the rows of its outer side: it
 * stands in the lists of conditions as its RelOptInfo, among RestrictInfos.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "fdw.h"

/* What finding a row by its key takes, in rows that are looked at one after the other; and by an index that may be there. */
#define ROWS_FOR_KEY 10.0
#define ROWS_FOR_MATCH 6.0
/* What comparing two rows takes, by values that the source finds no rows by. */
#define ROWS_FOR_PAIR 10.0

/* Whether the side of a join is filtered by anything. */
static bool
is_filtered(const RelPlan *side)
{
	return side->exact != NIL || side->superset != NIL || side->local != NIL;
}

bool
fdw_has_settings(const RelPlan *side)
{
	ListCell   *lc;

	foreach(lc, side->table.options)
	{
		const char *name = lfirst_node(DefElem, lc)->defname;

		if (strcmp(name, "schema_name") != 0 && strcmp(name, "table_name") != 0 && strcmp(name, "query") != 0 &&
			strcmp(name, "use_remote_estimate") != 0 && strcmp(name, "async_capable") != 0 &&
			strcmp(name, "parallel_capable") != 0)
			return true;
	}
	return false;
}

/* True where the rows of the join are of the outer side's alone. */
static bool
is_condition(JoinType type)
{
	return type == JOIN_SEMI || type == JOIN_ANTI;
}

/* True where a condition without columns decides over all rows of a side: it has its place above the scan of that alone. */
static bool
has_gate(const RelPlan *side)
{
	ListCell   *lc;

	foreach(lc, side->local)
		if (lfirst_node(RestrictInfo, lc)->pseudoconstant)
			return true;
	return false;
}

/* True where the join is one of plain columns, which come from the tables of from, by conditions that have to do with it. */
static bool
is_plain(PlannerInfo *root, RelOptInfo *joinrel, Relids from, List *restrictions)
{
	ListCell   *lc;

	/* rows that are updated, deleted or locked would have to be checked again one by one */
	if ((root->parse->commandType != CMD_SELECT && root->parse->commandType != CMD_INSERT) || root->rowMarks != NIL ||
		!bms_is_empty(joinrel->lateral_relids))
		return false;
	foreach(lc, restrictions)
		if (lfirst_node(RestrictInfo, lc)->pseudoconstant)
			return false;
	foreach(lc, joinrel->reltarget->exprs)
		if (!IsA(lfirst(lc), Var) || lfirst_node(Var, lc)->varattno <= 0 ||
			!bms_is_member(lfirst_node(Var, lc)->varno, from))
			return false;
	foreach(lc, root->placeholder_list)
	{
		PlaceHolderInfo *info = lfirst(lc);

		if (bms_overlap(info->ph_eval_at, joinrel->relids))
			return false;
	}
	return true;
}

/* "column IS NULL", which all rows of an anti join meet that it is a column of the inner side of. */
static bool
tests_absence(PlannerInfo *root, Expr *clause, Relids inner)
{
	NullTest   *test = (NullTest *) clause;

	return IsA(test, NullTest) && test->nulltesttype == IS_NULL && !test->argisrow && IsA(test->arg, Var) &&
		bms_is_member(((Var *) test->arg)->varno, inner);
}

/* Sorts the join's own conditions. False where one that decides over the inner side's rows cannot be sent. */
static bool
sort_conditions(PlannerInfo *root, RelOptInfo *joinrel, RelPlan *plan, List *restrictions)
{
	ListCell   *lc;

	foreach(lc, restrictions)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, lc);
		Pushed		pushed = remote_judge(root, joinrel->relids, plan->table.sql, info->clause);

		if (pushed != PUSHED_NOT)
			remote_count_subselects((Node *) info->clause, &plan->subselects);
		if (plan->join_type == JOIN_SEMI ||
			(IS_OUTER_JOIN(plan->join_type) && !RINFO_IS_PUSHED_DOWN(info, joinrel->relids)))
		{
			if (pushed != PUSHED_EXACT)
				return false;
			plan->on = lappend(plan->on, info);
		}
		else if (plan->join_type == JOIN_ANTI && bms_overlap(info->clause_relids, plan->inner->relids))
		{
			if (!tests_absence(root, info->clause, plan->inner->relids))
				return false;
		}
		else if (pushed == PUSHED_EXACT)
			plan->exact = lappend(plan->exact, info);
		else if (pushed == PUSHED_SUPERSET)
		{
			plan->superset = lappend(plan->superset, info);
			plan->rechecked = true;
		}
		else
			plan->local = lappend(plan->local, info);
	}
	return true;
}

/* Gives the conditions of both sides their place in the join. False where they have none. */
static bool
place_conditions(RelOptInfo *joinrel, RelPlan *plan, const RelPlan *outer, const RelPlan *inner)
{
	switch (plan->join_type)
	{
		case JOIN_INNER:
			/* the sides' own first: what they filter, the join's conditions may fail on */
			plan->on = list_concat_copy(outer->exact, outer->superset);
			plan->on = list_concat(list_concat(plan->on, inner->exact), inner->superset);
			plan->on = list_concat(list_concat(plan->on, plan->exact), plan->superset);
			plan->local = list_concat(list_concat(plan->local, outer->local), inner->local);
			plan->local = list_concat(list_concat(plan->local, plan->superset), outer->superset);
			plan->local = list_concat(plan->local, inner->superset);
			plan->exact = plan->superset = NIL;
			return true;
		case JOIN_LEFT:
		case JOIN_SEMI:
		case JOIN_ANTI:
			if (inner->superset != NIL || inner->local != NIL)
				return false;
			plan->on = list_concat_copy(inner->exact, plan->on);
			plan->exact = list_concat_copy(outer->exact, plan->exact);
			plan->superset = list_concat(plan->superset, outer->superset);
			plan->local = list_concat(plan->local, outer->local);
			if (is_condition(plan->join_type))
				plan->exact = lappend(plan->exact, joinrel);
			return true;
		default:
			return !is_filtered(outer) && !is_filtered(inner);
	}
}

/* True where what is left to check reads nothing but columns that the rows have. */
static bool
can_recheck(const RelPlan *plan)
{
	List	   *conditions = extract_actual_clauses(list_concat_copy(plan->superset, plan->local), false);
	ListCell   *lc;

	foreach(lc, pull_var_clause((Node *) conditions, PVC_RECURSE_PLACEHOLDERS))
		if (lfirst_node(Var, lc)->varattno <= 0 || !bms_is_member(lfirst_node(Var, lc)->varno, plan->visible))
			return false;
	return true;
}

/* True where the whole can be written, and holds no value of a later moment that the source may not take. */
static bool
can_write(PlannerInfo *root, RelOptInfo *joinrel, RelPlan *plan)
{
	StringInfoData scratch;
	RemoteSql	sql = {
		.dialect = plan->table.sql, .root = root, .relids = joinrel->relids, .qualified = true, .text = &scratch
	};

	initStringInfo(&scratch);
	fdw_from(&sql, joinrel);
	fdw_where(&sql, " WHERE ", list_concat_copy(plan->exact, plan->superset));
	return !sql.unsure;
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* True where the query equates the table's column with a value of the other tables, both integers. */
static bool
equates_column(PlannerInfo *root, Index varno, AttrNumber attnum, Relids others)
{
	ListCell   *lc;

	foreach(lc, root->eq_classes)
	{
		EquivalenceClass *class = lfirst(lc);
		bool		column = false,
					value = false;
		ListCell   *member;

		if (class->ec_merged || !bms_is_member(varno, class->ec_relids) || !bms_overlap(class->ec_relids, others))
			continue;
		foreach(member, class->ec_members)
		{
			EquivalenceMember *em = lfirst(member);
			Var		   *var = (Var *) em->em_expr;

			if (em->em_is_child || !is_integer(exprType((Node *) var)))
				continue;
			column |= IsA(var, Var) && var->varno == varno && var->varattno == attnum;
			value |= !bms_is_empty(em->em_relids) && bms_is_subset(em->em_relids, others);
		}
		if (column && value)
			return true;
	}
	return false;
}

/* True where the relation is a table whose row is found by its whole key, given rows of the others. */
static bool
is_found_by_key(PlannerInfo *root, RelOptInfo *rel, Relids others)
{
	RelPlan    *plan = rel->fdw_private;
	ListCell   *lc;

	foreach(lc, plan->keys)
		if (!equates_column(root, rel->relid, (AttrNumber) lfirst_int(lc), others))
			return false;
	return plan->keys != NIL;
}

/*
 * Rows that a join yields before conditions on single tables have taken any away. Where all tables but one are found by their
 * keys, they are that one's, though several columns of a key may make the estimate of the rows a small one.
 */
static double
unfiltered_rows(PlannerInfo *root, Relids relids, const RelPlan *left, const RelPlan *right, double rows)
{
	double		driving = 0;
	int			relid = -1;

	while ((relid = bms_next_member(relids, relid)) >= 0)
	{
		RelOptInfo *rel = root->simple_rel_array[relid];

		if (rel == NULL || is_found_by_key(root, rel, bms_difference(relids, rel->relids)))
			continue;
		if (driving > 0)
		{
			driving = 0;
			break;
		}
		driving = ((RelPlan *) rel->fdw_private)->unfiltered;
	}
	return Max(driving, rows * (left->unfiltered / left->sent_rows) * (right->unfiltered / right->sent_rows));
}

/* True for a column that its table's declared key begins with. */
static bool
is_key_column(PlannerInfo *root, Node *node)
{
	Var		   *var = (Var *) node;
	RelPlan    *plan;

	while (IsA(var, RelabelType))
		var = (Var *) ((RelabelType *) var)->arg;
	if (!IsA(var, Var))
		return false;
	plan = find_base_rel(root, var->varno)->fdw_private;
	return plan->keys != NIL && linitial_int(plan->keys) == var->varattno;
}

/*
 * True where the sides of a join are equated, but by no integers and no declared key. Another source than PostgreSQL may compare
 * each row of one side with each one of the other then; here they are hashed.
 */
static bool
compares_pairs(PlannerInfo *root, const CkSql *dialect, List *restrictions)
{
	bool		equated = false;
	ListCell   *lc;

	foreach(lc, restrictions)
	{
		OpExpr	   *op = (OpExpr *) lfirst_node(RestrictInfo, lc)->clause;

		if (!OidIsValid(lfirst_node(RestrictInfo, lc)->hashjoinoperator) || !IsA(op, OpExpr))
			continue;
		if ((is_integer(exprType(linitial(op->args))) && is_integer(exprType(lsecond(op->args)))) ||
			is_key_column(root, linitial(op->args)) || is_key_column(root, lsecond(op->args)))
			return false;
		equated = true;
	}
	return equated && !dialect->native;
}

/*
 * Rows that the source looks at for a join: all of both sides, or of one side those that it finds by keys of the other. That
 * it takes the better way is relied on with PostgreSQL alone: others know little of how many rows a condition lets through, and
 * may join first what they filter then.
 */
static double
rows_looked_at(const RelPlan *left, const RelPlan *right, double rows, double unfiltered, bool pairs)
{
	/* a derived table has no keys: it is made once, from all that it is made of */
	double		found_right = right->derived ? right->tuples : Min(right->tuples, ROWS_FOR_KEY * (left->sent_rows + rows));
	double		found_left = left->derived ? left->tuples : Min(left->tuples, ROWS_FOR_KEY * (right->sent_rows + rows));

	if (!left->table.sql->native)
		return left->tuples + right->tuples + ROWS_FOR_MATCH * unfiltered +
			(pairs ? ROWS_FOR_PAIR * left->sent_rows * right->sent_rows : 0);
	return Min(left->tuples + found_right, right->tuples + found_left);
}

/* True where the relation has nothing to do with other tables than those of the other side: none could lead to it. */
static bool
is_leaf(PlannerInfo *root, RelOptInfo *rel, RelOptInfo *other)
{
	Relids		both = bms_union(rel->relids, other->relids);
	ListCell   *lc;

	foreach(lc, rel->joininfo)
		if (!bms_is_subset(lfirst_node(RestrictInfo, lc)->required_relids, both))
			return false;
	foreach(lc, root->eq_classes)
	{
		EquivalenceClass *class = lfirst(lc);

		if (class->ec_merged == NULL && bms_overlap(class->ec_relids, rel->relids) && !bms_is_subset(class->ec_relids, both))
			return false;
	}
	return true;
}

/*
 * True where no way to find so many rows is better than to look up the inner side's row for each one of the outer side: not even
 * the other order, if the source had an index for each condition. Not all sources know how many rows a condition lets through.
 */
static bool
is_best_order(const RelPlan *outer, const RelPlan *inner, double rows)
{
	double		looked_up = ROWS_FOR_KEY * outer->sent_rows;
	/* what the other order would find before it looks at the outer side's own conditions */
	double		unfiltered = rows * outer->unfiltered / outer->sent_rows;

	/* of several tables it is not known what the inner side's conditions would save on the way */
	if (outer->outer && inner->sent_rows < inner->tuples)
		return false;
	return Min(outer->tuples, looked_up) + looked_up <
		Min(inner->tuples, ROWS_FOR_KEY * inner->sent_rows) + ROWS_FOR_KEY * (inner->sent_rows + unfiltered) &&
		outer->tuples + looked_up <= 2 * (outer->tuples + inner->tuples);
}

/* Puts the sides of an inner join into the order in which the source should read them; true where it is to be told so. */
static bool
order_sides(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo **outer, RelOptInfo **inner, RelPlan **left, RelPlan **right)
{
	for (int i = 0; i < 2; i++)
	{
		RelOptInfo *rel = *outer;
		RelPlan    *plan = *left;

		if (is_best_order(*left, *right, joinrel->rows) && is_leaf(root, *inner, *outer) &&
			is_found_by_key(root, *inner, (*outer)->relids))
			return true;
		*outer = *inner;
		*inner = rel;
		*left = *right;
		*right = plan;
	}
	return false;
}

/* The plan of a relation as a side of a join. */
static RelPlan *
side_plan(PlannerInfo *root, RelOptInfo *rel)
{
	RelPlan    *plan = rel->fdw_private;
	RelPlan    *side;

	if (plan == NULL || plan->raising == NIL)
		return plan;
	side = palloc(sizeof(RelPlan));
	*side = *plan;
	side->exact = list_difference_ptr(plan->exact, plan->raising);
	side->superset = list_difference_ptr(plan->superset, plan->raising);
	side->local = list_concat_copy(plan->raising, plan->local);
	side->passing *= clauselist_selectivity(root, plan->raising, 0, JOIN_INNER, NULL);
	return side;
}

void
fdw_join_paths(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outer, RelOptInfo *inner, JoinType type,
			   JoinPathExtraData *extra)
{
	RelPlan    *left = side_plan(root, outer);
	RelPlan    *right = side_plan(root, inner);
	RelPlan    *plan;
	Relids		visible;
	bool		pairs;

	if (left == NULL || right == NULL || !left->has_sql || left->table.sql != right->table.sql ||
		left->table.sql->filter || fdw_has_settings(left) ||
		fdw_has_settings(right) || has_gate(left) || has_gate(right) ||
		(left->table.sql->derived_alone && (left->derived || right->derived)))
		return;
	pairs = compares_pairs(root, left->table.sql, extra->restrictlist);
	if (joinrel->fdw_private)
	{
		/* it is written as it was found first; the source may find this way to do it */
		double		looked_at = rows_looked_at(left, right, joinrel->rows,
											   unfiltered_rows(root, joinrel->relids, left, right, joinrel->rows),
											   pairs);

		plan = joinrel->fdw_private;
		if (looked_at < plan->tuples)
		{
			plan->tuples = looked_at;
			fdw_add_paths(root, joinrel);
		}
		return;
	}
	/* joinrel->relids may have the outer join's own number too, by which columns are marked that it may make NULL */
	visible = bms_difference(bms_union(outer->relids, inner->relids),
							 is_condition(type) ? left->visible : bms_union(left->visible, right->visible));
	visible = bms_difference(joinrel->relids, visible);
	if (!is_plain(root, joinrel, visible, extra->restrictlist))
		return;
	if (type == JOIN_RIGHT)
	{
		RelOptInfo *rel = outer;
		RelPlan    *side = left;

		type = JOIN_LEFT;
		outer = inner;
		inner = rel;
		left = right;
		right = side;
	}
	if (type != JOIN_INNER && type != JOIN_LEFT && !is_condition(type) && !(type == JOIN_FULL && left->table.sql->full_join))
		return;
	plan = palloc0(sizeof(RelPlan));
	if (type == JOIN_INNER && left->table.sql->ordered_join)
		plan->ordered = order_sides(root, joinrel, &outer, &inner, &left, &right);
	plan->table.serverid = left->table.serverid;
	plan->table.userid = left->table.userid;
	plan->table.sql = left->table.sql;
	plan->table.common.async_capable = left->table.common.async_capable && right->table.common.async_capable;
	plan->connector = left->connector;
	plan->has_sql = true;
	plan->outer = outer;
	plan->inner = inner;
	plan->join_type = type;
	plan->visible = visible;
	plan->rechecked = left->rechecked || right->rechecked;
	plan->subselects = left->subselects + right->subselects;
	if (!sort_conditions(root, joinrel, plan, extra->restrictlist))
		return;
	plan->passing = left->passing * right->passing *
		clauselist_selectivity(root, plan->local, 0, JOIN_INNER, extra->sjinfo);
	if (!place_conditions(joinrel, plan, left, right) || !can_recheck(plan) ||
		(root->qual_security_level > 0 && (plan->superset != NIL || plan->local != NIL)))
		return;
	joinrel->fdw_private = plan;
	if (!can_write(root, joinrel, plan))
	{
		joinrel->fdw_private = NULL;
		return;
	}
	plan->sent_rows = clamp_row_est(joinrel->rows / Max(plan->passing, 1e-6));
	plan->unfiltered = unfiltered_rows(root, joinrel->relids, left, right, plan->sent_rows);
	if (plan->ordered)
		plan->unfiltered *= left->sent_rows / left->unfiltered;
	plan->tuples = plan->ordered ? left->tuples + Min(right->tuples, ROWS_FOR_KEY * left->sent_rows) :
		rows_looked_at(left, right, joinrel->rows, plan->unfiltered, pairs);
	plan->width = joinrel->reltarget->width;
	fdw_add_paths(root, joinrel);
}

static const char *
join_name(JoinType type)
{
	switch (type)
	{
		case JOIN_INNER:
			return "INNER";
		case JOIN_LEFT:
			return "LEFT";
		case JOIN_SEMI:
			return "SEMI";
		case JOIN_ANTI:
			return "ANTI";
		default:
			return "FULL";
	}
}

void
fdw_show_relations(StringInfo text, PlannerInfo *root, RelOptInfo *rel)
{
	RelPlan    *plan = rel->fdw_private;

	if (plan->input)
	{
		appendStringInfoString(text, plan->window ? "Window on (" : plan->distinct ? "Distinct on (" : "Aggregate on (");
		fdw_show_relations(text, root, plan->input);
		appendStringInfoChar(text, ')');
		return;
	}
	if (plan->derived)
	{
		bool		limited = plan->derived->root->parse->limitCount != NULL;

		appendStringInfoString(text, limited ? "Limit on (" : "");
		fdw_show_relations(text, plan->derived->root, plan->derived->rows);
		appendStringInfoString(text, limited ? ")" : "");
		return;
	}
	if (plan->outer == NULL)
	{
		RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
		char	   *name = get_rel_name(rte->relid);

		appendStringInfoString(text, quote_qualified_identifier(get_namespace_name(get_rel_namespace(rte->relid)), name));
		if (strcmp(rte->eref->aliasname, name) != 0)
			appendStringInfo(text, " %s", quote_identifier(rte->eref->aliasname));
		return;
	}
	appendStringInfoChar(text, '(');
	fdw_show_relations(text, root, plan->outer);
	appendStringInfo(text, ") %s JOIN (", join_name(plan->join_type));
	fdw_show_relations(text, root, plan->inner);
	appendStringInfoChar(text, ')');
}

List *
fdw_table_oids(RelOptInfo *rel)
{
	RelPlan    *plan = rel->fdw_private;

	if (plan->input)
		return fdw_table_oids(plan->input);
	if (plan->derived)
		return fdw_table_oids(plan->derived->rows);
	return plan->outer == NULL ? list_make1_oid(plan->table.relid) :
		list_concat(fdw_table_oids(plan->outer), fdw_table_oids(plan->inner));
}

void
fdw_from(RemoteSql *sql, RelOptInfo *rel)
{
	RelPlan    *plan = rel->fdw_private;

	if (plan->derived)
		fdw_write_derived(sql, rel);
	else if (plan->outer == NULL)
		remote_from(sql->text, &plan->table, remote_alias(sql, rel->relid));
	else if (is_condition(plan->join_type))
		fdw_from(sql, plan->outer);
	else
	{
		appendStringInfoChar(sql->text, '(');
		fdw_from(sql, plan->outer);
		if (plan->ordered)
			appendStringInfo(sql->text, " %s ", sql->dialect->ordered_join);
		else
			appendStringInfo(sql->text, " %s JOIN ", join_name(plan->join_type));
		fdw_from(sql, plan->inner);
		if (plan->on)
			fdw_where(sql, " ON ", plan->on);
		else
			appendStringInfoString(sql->text, " ON 1 = 1");
		appendStringInfoChar(sql->text, ')');
	}
}

/* [NOT] EXISTS, for a semi or an anti join. */
static void
write_exists(RemoteSql *sql, RelPlan *plan)
{
	appendStringInfoString(sql->text, plan->join_type == JOIN_ANTI ? "(NOT EXISTS (SELECT 1 FROM " : "(EXISTS (SELECT 1 FROM ");
	fdw_from(sql, plan->inner);
	fdw_where(sql, " WHERE ", plan->on);
	appendStringInfoString(sql->text, "))");
}

void
fdw_where(RemoteSql *sql, const char *keyword, List *conditions)
{
	ListCell   *lc;

	foreach(lc, conditions)
	{
		appendStringInfoString(sql->text, lc == list_head(conditions) ? keyword : " AND ");
		if (IsA(lfirst(lc), RelOptInfo))
			write_exists(sql, ((RelOptInfo *) lfirst(lc))->fdw_private);
		else
			remote_condition(sql, lfirst_node(RestrictInfo, lc)->clause);
	}
}
