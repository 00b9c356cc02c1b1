/*
 * derived_table.c: sub-queries in FROM that a source answers, as derived tables of a join or a grouping there.
 *
 * PostgreSQL pulls a sub-query up into the query around where it can; what has groups, DISTINCT, window functions, an order or a
 * LIMIT in it is planned by itself. Where its rows are those of one request, it is given a plan as a foreign table has one, and
 * its relation the wrapper of its tables: so the planner asks for joins with it, and for groupings of it, as for a table's. In
 * the request it is its own request in parentheses, with names for its columns.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/tlist.h"

#include "compat.h"
#include "derived_table.h"
#include "fdw.h"

static set_rel_pathlist_hook_type next_hook = NULL;

/* The number that a constant says; -1 for what is no such constant, none for one that is not there. */
static int64
constant_count(Node *node, int64 none)
{
	Const	   *constant = (Const *) node;

	if (node == NULL || (IsA(node, Const) && constant->constisnull))
		return none;
	return IsA(node, Const) ? DatumGetInt64(constant->constvalue) : -1;
}

/* The relation whose rows are the query's, but for their order and LIMIT; NULL where it is none of a source's. */
static RelOptInfo *
find_rows(PlannerInfo *root)
{
	Query	   *parse = root->parse;

	/* OFFSET 0 by itself is how users keep a sub-query apart; DISTINCT ON has the order already that a LIMIT would write */
	if (constant_count(parse->limitOffset, -1) == 0 && constant_count(parse->limitCount, -1) == -1)
		return NULL;
	if (parse->commandType != CMD_SELECT || parse->setOperations || parse->hasTargetSRFs || parse->rowMarks ||
		(parse->hasDistinctOn && (parse->limitCount || parse->limitOffset)) || root->qual_security_level > 0)
		return NULL;
	if (parse->distinctClause)
		return fetch_upper_rel(root, UPPERREL_DISTINCT, NULL);
	if (parse->hasWindowFuncs)
		return fetch_upper_rel(root, UPPERREL_WINDOW, NULL);
	if (parse->groupClause || parse->groupingSets || parse->hasAggs || root->hasHavingQual)
		return fetch_upper_rel(root, UPPERREL_GROUP_AGG, NULL);
	if (bms_membership(root->all_baserels) == BMS_SINGLETON)
		return root->simple_rel_array[bms_singleton_member(root->all_baserels)];
	return find_join_rel(root, COMPAT_QUERY_RELIDS(root));
}

/* What is below grouping and window functions. */
static RelOptInfo *
input_of(RelOptInfo *rows)
{
	RelPlan    *plan = rows->fdw_private;

	return plan->input ? plan->input : rows;
}

/* True where the source answers the relation wholly and exactly, as one that its plan can be part of another's. */
static bool
is_whole(RelOptInfo *rows)
{
	RelPlan    *plan = rows->fdw_private;

	/* of window functions, what is checked here again is what the source was told, if it was told all */
	return plan->has_sql && plan->table.sql->filter == NULL && plan->superset == NIL && !plan->rechecked &&
		bms_is_empty(rows->lateral_relids) &&
		(plan->local == NIL || (plan->window && list_length(plan->local) == list_length(plan->exact))) &&
		!fdw_has_settings(input_of(rows)->fdw_private);
}

/* Appends the order and the LIMIT of a query. False where the source cannot be asked for them. */
static bool
write_limit(RemoteSql *sql)
{
	Query	   *parse = sql->root->parse;
	int64		count = constant_count(parse->limitCount, PG_INT64_MAX);
	int64		offset = constant_count(parse->limitOffset, 0);

	if (count == PG_INT64_MAX && offset == 0)
		return true;
	if (!fdw_limit_fits(sql->root) || count < 0 || count == PG_INT64_MAX || offset < 0 ||
		!remote_order(sql, sql->root->sort_pathkeys))
		return false;
	appendStringInfo(sql->text, " LIMIT " INT64_FORMAT, count);
	if (offset > 0)
		appendStringInfo(sql->text, " OFFSET " INT64_FORMAT, offset);
	return true;
}

/* What is within the derived table, where the text around goes on. */
static RemoteSql
begin_within(const RemoteSql *around, RelOptInfo *rel, const DerivedTable *derived)
{
	RelOptInfo *input = input_of(derived->rows);
	RemoteSql	sql = {
		.dialect = around->dialect, .root = derived->root, .relids = input->relids,
		.visible = ((RelPlan *) input->fdw_private)->visible, .qualified = true,
		.aliases = around->aliases + around->root->simple_rel_array_size, .derived = around->aliases + rel->relid
	};

	remote_carry_on(&sql, around);
	return sql;
}

/* Appends the request of the rows. */
static bool
write_rows(RemoteSql *sql, const DerivedTable *derived)
{
	RelPlan    *plan = derived->rows->fdw_private;
	ListCell   *lc;

	if (plan->input)
		return fdw_write_upper(sql, plan) && write_limit(sql);
	appendStringInfoString(sql->text, derived->columns == NIL ? "SELECT 1" : "SELECT");
	foreach(lc, derived->columns)
	{
		appendStringInfoString(sql->text, lc == list_head(derived->columns) ? " " : ", ");
		fdw_column(sql, lfirst_node(Var, lc), false);
		appendStringInfoString(sql->text, " AS ");
		remote_column_alias(sql, foreach_current_index(lc) + 1);
	}
	appendStringInfoString(sql->text, " FROM ");
	fdw_from(sql, derived->rows);
	fdw_where(sql, " WHERE ", plan->exact);
	return write_limit(sql);
}

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID;
}

/* Appends an expression over the columns of the rows. */
static bool
write_made(RemoteSql *around, RelOptInfo *rel, const DerivedTable *derived, Node *expr)
{
	GroupPlan	group = {.keys = derived->columns, .nested = true};
	RemoteSql	sql = begin_within(around, rel, derived);
	bool		written;

	sql.group = &group;
	if (sql.dialect->native && remote_mixes_collations(&sql, expr))
		sql.collation = "C";
	/* elsewhere a value without columns has no type of its own */
	written = (sql.dialect->native || (is_number(exprType(expr)) && !remote_parameter(&sql, expr))) && remote_value(&sql, expr);
	remote_carry_on(around, &sql);
	return written;
}

/* Appends SELECT with the columns of the rows, and what is made of them. */
static bool
write_columns(RemoteSql *sql, RelOptInfo *rel, const DerivedTable *derived)
{
	RemoteSql	within = begin_within(sql, rel, derived);
	int			count = list_length(derived->columns);
	const char *separator = "SELECT ";
	ListCell   *lc;

	foreach(lc, derived->columns)
	{
		if (lfirst(lc) == NULL)
			continue;
		appendStringInfoString(sql->text, separator);
		remote_column_alias(&within, foreach_current_index(lc) + 1);
		separator = ", ";
	}
	foreach(lc, derived->made)
	{
		appendStringInfoString(sql->text, separator);
		if (!write_made(sql, rel, derived, lfirst(lc)))
			return false;
		appendStringInfoString(sql->text, " AS ");
		remote_column_alias(&within, ++count);
		separator = ", ";
	}
	return true;
}

void
fdw_write_derived(RemoteSql *sql, RelOptInfo *rel)
{
	DerivedTable *derived = ((RelPlan *) rel->fdw_private)->derived;
	RemoteSql	within;
	bool		written = true;

	appendStringInfoChar(sql->text, '(');
	if (derived->made)
	{
		written = write_columns(sql, rel, derived);
		appendStringInfoString(sql->text, " FROM (");
	}
	within = begin_within(sql, rel, derived);
	written &= write_rows(&within, derived) && !within.failed;
	remote_carry_on(sql, &within);
	appendStringInfo(sql->text, derived->made ? ") AS ck) AS s%u" : ") AS s%u", within.derived);
	if (!written)
		elog(ERROR, "a sub-query that was judged fit cannot be written");
}

bool
fdw_derived_is_value(const DerivedTable *derived, const Var *var)
{
	RelPlan    *plan = derived->rows->fdw_private;

	return plan->table.sql->native || plan->input == NULL || !OidIsValid(var->varcollid);
}

void
fdw_derived_column(RemoteSql *sql, const DerivedTable *derived, Var *var, bool bare)
{
	RemoteSql	within = {.text = sql->text, .derived = sql->aliases + var->varno};

	appendStringInfo(sql->text, "s%u.", within.derived);
	remote_column_alias(&within, list_nth_int(derived->places, var->varattno - 1));
	if (sql->dialect->native && !bare)
		remote_to_local(sql->text, var->vartype, var->vartypmod);
}

/* The number of the request's column that an expression is, or is made to be; 0 where the source does not give its value. */
static int
find_place(RemoteSql *scratch, RelOptInfo *rel, DerivedTable *derived, Node *expr)
{
	ListCell   *lc;

	foreach(lc, derived->columns)
		if (equal(lfirst(lc), expr))
			return foreach_current_index(lc) + 1;
	if (!write_made(scratch, rel, derived, expr))
		return 0;
	derived->made = lappend(derived->made, expr);
	return list_length(derived->columns) + list_length(derived->made);
}

/* The columns of the request that yields the rows: of a join or a table, those that the wanted expressions are made of. */
static bool
list_columns(DerivedTable *derived, List *wanted)
{
	RelPlan    *plan = derived->rows->fdw_private;
	ListCell   *lc;

	if (plan->input == NULL)
	{
		foreach(lc, pull_var_clause((Node *) wanted, PVC_INCLUDE_PLACEHOLDERS))
		{
			Var		   *var = lfirst(lc);

			if (!IsA(var, Var) || var->varattno <= 0 || !bms_is_member(var->varno, plan->visible))
				return false;
			derived->columns = list_append_unique(derived->columns, var);
		}
		return true;
	}
	/* an average may be divided here: it is no column of the request, and what it comes of nobody's value */
	foreach(lc, plan->group->columns)
		derived->columns = lappend(derived->columns, list_member_int(plan->group->places, foreach_current_index(lc) + 1) &&
								   !list_member_int(plan->group->quotients, foreach_current_index(lc) + 1) ?
								   lfirst_node(TargetEntry, lc)->expr : NULL);
	return true;
}

/* Gives each column that is read of the sub-query its place in the request. */
static bool
place_columns(PlannerInfo *root, RelOptInfo *rel, DerivedTable *derived)
{
	Bitmapset  *used = NULL;
	List	   *wanted = NIL;
	StringInfoData text;
	RemoteSql	scratch = {.dialect = ((RelPlan *) derived->rows->fdw_private)->table.sql, .root = root, .text = &text};
	ListCell   *lc;

	initStringInfo(&text);
	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &used);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, rel->relid, &used);
	if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used))
		return false;
	foreach(lc, derived->root->processed_tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (bms_is_member(entry->resno - FirstLowInvalidHeapAttributeNumber, used))
			wanted = lappend(wanted, entry->expr);
	}
	if (!list_columns(derived, wanted))
		return false;
	foreach(lc, derived->root->processed_tlist)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;
		int			place = list_member_ptr(wanted, expr) ? find_place(&scratch, rel, derived, expr) : 0;

		if (place == 0 && list_member_ptr(wanted, expr))
			return false;
		derived->places = lappend_int(derived->places, place);
	}
	return !contain_volatile_functions((Node *) derived->root->processed_tlist);
}

/* Makes the plan of a sub-query that stands in FROM, if the source answers it. */
static void
plan_sub_query(PlannerInfo *root, RelOptInfo *rel)
{
	RelOptInfo *rows = find_rows(rel->subroot);
	RelPlan    *inner = rows ? rows->fdw_private : NULL;
	DerivedTable *derived;
	StringInfoData text;
	RemoteSql	scratch;
	RelPlan    *plan;
	ListCell   *lc;

	if (inner == NULL || rows->fdwroutine == NULL || !is_whole(rows))
		return;
	foreach(lc, rel->baserestrictinfo)
		if (lfirst_node(RestrictInfo, lc)->pseudoconstant)
			return;
	derived = palloc0(sizeof(DerivedTable));
	derived->root = rel->subroot;
	derived->rows = rows;
	if (!place_columns(root, rel, derived))
		return;
	initStringInfo(&text);
	scratch = (RemoteSql) {.dialect = inner->table.sql, .root = root, .text = &text};
	scratch = begin_within(&scratch, rel, derived);
	if (!write_rows(&scratch, derived) || scratch.failed || scratch.unsure || scratch.raises)
		return;

	plan = palloc0(sizeof(RelPlan));
	plan->derived = derived;
	plan->table.serverid = inner->table.serverid;
	plan->table.userid = inner->table.userid;
	plan->table.sql = inner->table.sql;
	plan->table.common.async_capable = inner->table.common.async_capable;
	plan->connector = inner->connector;
	plan->has_sql = true;
	plan->aliased = true;
	plan->visible = rel->relids;
	plan->once = ((RelPlan *) input_of(rows)->fdw_private)->once;
	rel->fdw_private = plan;
	fdw_judge_filters(root, rel);
	plan->tuples = inner->tuples;
	plan->subselects += inner->subselects;
	plan->passing = clauselist_selectivity(root, plan->local, 0, JOIN_INNER, NULL);
	plan->sent_rows = clamp_row_est(rel->rows / Max(plan->passing, 1e-6));
	plan->unfiltered = Max(rel->tuples, plan->sent_rows);
	plan->width = rel->reltarget->width;
	rel->serverid = rows->serverid;
	rel->userid = rows->userid;
	rel->useridiscurrent = rows->useridiscurrent;
	rel->fdwroutine = rows->fdwroutine;
}

static void
consider_sub_query(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (next_hook)
		next_hook(root, rel, rti, rte);
	/* what a security barrier hides, the source's planner would compare with what the query around asks for */
	if (rte->rtekind == RTE_SUBQUERY && rel->reloptkind == RELOPT_BASEREL && rel->subroot && rel->fdwroutine == NULL &&
		!rte->security_barrier && bms_is_empty(rel->lateral_relids) && !IS_DUMMY_REL(rel))
		plan_sub_query(root, rel);
}

void
fdw_take_over(PlannerInfo *root, RelOptInfo *rel)
{
	RelPlan    *plan = rel->fdw_private;

	if (plan->input)
		fdw_take_over(root, plan->input);
	else if (plan->outer)
	{
		fdw_take_over(root, plan->outer);
		fdw_take_over(root, plan->inner);
	}
	else if (plan->derived)
	{
		fdw_take_over(plan->derived->root, plan->derived->rows);
		/* what is computed before the sub-query is now computed before this query */
		root->init_plans = list_concat(root->init_plans, plan->derived->root->init_plans);
		/*
		 * No node of the plan is the sub-query's: what is so is called a dummy by the planner, and then it takes over the tables
		 * of the sub-query, for their rights to be looked at and for changes of them to be noticed.
		 */
		mark_dummy_rel(fetch_upper_rel(plan->derived->root, UPPERREL_FINAL, NULL));
	}
}

void
derived_table_init(void)
{
	next_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = consider_sub_query;
}
