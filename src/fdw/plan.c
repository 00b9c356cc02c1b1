/*
 * plan.c: what of a query's work on one foreign table goes to the source, and what that costs.
 */
#include "postgres.h"

#include <math.h>

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/prep.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"

#include "compat.h"
#include "discover.h"
#include "fdw.h"
#include "registry.h"
#include "scan.h"

/* Costs in the planner's unit: a request and its reply; a row that the source looks at; a row that travels. */
#define COST_ROUND_TRIP	25.0
#define COST_REMOTE_ROW	0.003
#define COST_TRANSFER	0.05
/* A sub-select for one row, in rows that the source looks at. A condition with one is taken to let through a third. */
#define COST_SUBSELECT	10.0
/* A request that the source would refuse, since it lacks a condition that is required; it is planned where there is no other. */
#define COST_REFUSED	1.0e10
/* One that the source has to find values for, each of which is a request. */
#define COST_SEARCHED	(COST_ROUND_TRIP * 1000)
/* Rows of a table of which nothing is known. */
#define DEFAULT_TUPLES	1000.0

const RemoteTable *
fdw_table(PlannerInfo *root, Index varno)
{
	return &((RelPlan *) find_base_rel(root, varno)->fdw_private)->table;
}

void
fdw_column(RemoteSql *sql, Var *var, bool bare)
{
	RelPlan    *plan = find_base_rel(sql->root, var->varno)->fdw_private;
	Index		alias = remote_alias(sql, var->varno);

	if (plan->derived)
		fdw_derived_column(sql, plan->derived, var, bare);
	else if (bare)
		remote_bare_column(sql->text, &plan->table, alias, var->varattno);
	else
		remote_column(sql->text, &plan->table, alias, var->varattno);
}

bool
fdw_is_value(PlannerInfo *root, const Var *var)
{
	RelPlan    *plan = find_base_rel(root, var->varno)->fdw_private;

	return plan->derived == NULL || fdw_derived_is_value(plan->derived, var);
}

/*
 * True where every row that the relation yields, in its order, is a row of the query: then the query's LIMIT may go to the
 * source as well; also to each branch of a UNION ALL, or partition. The LIMIT here stays and decides.
 */
static bool
query_is_single(PlannerInfo *root, RelOptInfo *rel)
{
	Query	   *parse = root->parse;
	bool		member = rel->reloptkind == RELOPT_OTHER_MEMBER_REL;

	return (rel->reloptkind == RELOPT_BASEREL || rel->reloptkind == RELOPT_JOINREL || member) &&
		bms_equal(COMPAT_QUERY_RELIDS(root), member ? rel->top_parent_relids : rel->relids) && fdw_limit_fits(root) &&
		!parse->hasAggs &&
		!parse->hasWindowFuncs && parse->groupClause == NIL && parse->groupingSets == NIL && parse->distinctClause == NIL &&
		parse->havingQual == NULL && !root->hasHavingQual;
}

bool
fdw_limit_fits(PlannerInfo *root)
{
	Query	   *parse = root->parse;

	return parse->commandType == CMD_SELECT && parse->limitCount != NULL && parse->limitOption == LIMIT_OPTION_COUNT &&
		parse->setOperations == NULL && !parse->hasTargetSRFs && parse->rowMarks == NIL &&
		!contain_volatile_functions(parse->limitCount) && !contain_volatile_functions(parse->limitOffset);
}

/* Rows of the table, as far as the local statistics or the source can tell. */
static void
estimate_table(RelOptInfo *rel, RelPlan *plan)
{
	double		rows = -1,
				bytes = -1;

	if (rel->tuples < 0 || (rel->pages == 0 && rel->tuples == 0))
	{
		if (!plan->table.common.use_remote_estimate || plan->table.query ||
			!discover_estimate(plan->table.serverid, plan->table.userid, plan->table.schema, plan->table.table, &rows,
							   &bytes) || rows < 0)
			rows = DEFAULT_TUPLES;
		rel->tuples = clamp_row_est(rows);
		rel->pages = bytes > 0 ? (BlockNumber) Min(ceil(bytes / BLCKSZ), (double) MaxBlockNumber) :
			(BlockNumber) ceil(rel->tuples * 100 / BLCKSZ);
	}
	plan->tuples = rel->tuples;
}

/* True where the query changes a table of the source, be it a child of its target. */
static bool
query_changes(Query *query, Oid serverid)
{
	RangeTblEntry *rte;
	ListCell   *lc;

	if (query->commandType == CMD_SELECT || query->resultRelation <= 0)
		return false;
	rte = rt_fetch(query->resultRelation, query->rtable);
	if (rte->relkind == RELKIND_FOREIGN_TABLE && GetForeignServerIdByRelId(rte->relid) == serverid)
		return true;
	foreach(lc, has_subclass(rte->relid) ? find_all_inheritors(rte->relid, NoLock, NULL) : NIL)
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE &&
			GetForeignServerIdByRelId(lfirst_oid(lc)) == serverid)
			return true;
	return false;
}

/* The same of the statement that it belongs to, as far as that is planned by now. */
static bool
statement_changes(PlannerInfo *root, Oid serverid)
{
	ListCell   *lc;

	for (PlannerInfo *r = root; r; r = r->parent_root)
		if (query_changes(r->parse, serverid))
			return true;
	foreach(lc, root->glob->subroots)
		if (query_changes(((PlannerInfo *) lfirst(lc))->parse, serverid))
			return true;
	return false;
}

List *
fdw_judge_filters(PlannerInfo *root, RelOptInfo *rel)
{
	RelPlan    *plan = rel->fdw_private;
	List	   *sent = NIL;
	ListCell   *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, lc);
		Pushed		pushed = remote_judge(root, rel->relids, plan->table.sql, info->clause);

		if (pushed != PUSHED_NOT)
		{
			plan->aliased |= remote_count_subselects((Node *) info->clause, &plan->subselects);
			if (remote_may_raise(root, rel->relids, plan->table.sql, info->clause))
				plan->raising = lappend(plan->raising, info);
		}
		switch (pushed)
		{
			case PUSHED_EXACT:
				plan->exact = lappend(plan->exact, info);
				sent = lappend(sent, info);
				break;
			case PUSHED_SUPERSET:
				plan->superset = lappend(plan->superset, info);
				plan->rechecked = true;
				sent = lappend(sent, info);
				break;
			case PUSHED_NOT:
				plan->local = lappend(plan->local, info);
				break;
		}
	}
	return sent;
}

void
fdw_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid foreigntableid)
{
	RelPlan    *plan = palloc0(sizeof(RelPlan));
	RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	List	   *sent;

	rel->fdw_private = plan;
	remote_table_init(&plan->table, foreigntableid, compat_check_as_user(root, rel, rte));
	if (plan->table.sql && plan->table.sql->careful && scan_rejecter && scan_rejecter->table == foreigntableid)
		plan->table.sql = plan->table.sql->careful;
	/* a message is given no conditions */
	if (scan_message_of(foreigntableid))
	{
		plan->table.sql = NULL;
		plan->table.remote = false;
	}
	plan->connector = registry_connector_of_server(plan->table.serverid);
	plan->has_sql = plan->table.remote;
	plan->visible = rel->relids;
	if (bms_membership(root->all_baserels) == BMS_MULTIPLE)
		plan->keys = remote_keys(foreigntableid);
	plan->once = statement_changes(root, plan->table.serverid);
	sent = fdw_judge_filters(root, rel);
	estimate_table(rel, plan);
	fdw_note_references(root, rel, plan->keys);
	set_baserel_size_estimates(root, rel);
	plan->passing = clauselist_selectivity(root, plan->local, 0, JOIN_INNER, NULL);
	plan->sent_rows = clamp_row_est(plan->tuples * clauselist_selectivity(root, sent, 0, JOIN_INNER, NULL));
	plan->unfiltered = plan->tuples;
	plan->width = rel->reltarget->width;
}

void
fdw_path_costs(RelPlan *plan, double sent_rows, bool found_by_key, bool sorted, QualCost *local_cost, Cost *startup,
			   Cost *total)
{
	double		looked_at = found_by_key ? sent_rows : plan->tuples;

	*startup = COST_ROUND_TRIP + local_cost->startup;
	/* the source's work before its first row */
	if (sorted)
		*startup += sent_rows * COST_REMOTE_ROW * log2(sent_rows + 1) * 0.2;
	*total = *startup + looked_at * COST_REMOTE_ROW +
		Min(looked_at, 3 * sent_rows) * plan->subselects * COST_SUBSELECT * COST_REMOTE_ROW +
		sent_rows * (COST_TRANSFER + cpu_tuple_cost + local_cost->per_tuple);
}

static ForeignPath *
make_path(PlannerInfo *root, RelOptInfo *rel, RelPlan *plan, double rows, double sent_rows, bool found_by_key,
		  List *pathkeys, Relids required_outer, bool limited)
{
	QualCost	local_cost;
	Cost		startup,
				total;
	List	   *local = list_concat_copy(plan->local, plan->superset);
	ForeignPath *path;

	cost_qual_eval(&local_cost, local, root);
	fdw_path_costs(plan, sent_rows, found_by_key, pathkeys != NIL, &local_cost, &startup, &total);
	path = plan->outer ?
		compat_foreign_join_path(root, rel, rows, startup, total, pathkeys, list_make1(makeInteger(limited))) :
		compat_foreignscan_path(root, rel, rows, startup, total, pathkeys, required_outer, list_make1(makeInteger(limited)));
	/* see parallel.c */
	path->path.parallel_safe = false;
	return path;
}

ForeignPath *
fdw_whole_path(PlannerInfo *root, RelOptInfo *rel)
{
	RelPlan    *plan = rel->fdw_private;

	return make_path(root, rel, plan, rel->rows, plan->sent_rows, false, NIL, NULL, false);
}

/* Lets a path that lacks a required condition be the last that is chosen, and one that the source makes many requests of dear. */
static void
charge_incomplete(PlannerInfo *root, RelOptInfo *rel, RelPlan *plan, List *sent, Expr *key, Path *path)
{
	const CkSql *sql = plan->table.sql;

	if (plan->outer != NULL || sql == NULL)
		return;
	if (!remote_filter_gives(root, rel, sql, sql->required, sent, key))
	{
		path->startup_cost += COST_REFUSED;
		path->total_cost += COST_REFUSED;
	}
	if (!remote_filter_gives(root, rel, sql, sql->searched, sent, key))
		path->total_cost += COST_SEARCHED;
}

/* Adds paths that give the rows in an order that the query can use. */
static void
add_ordered_paths(PlannerInfo *root, RelOptInfo *rel, RelPlan *plan)
{
	List	   *wanted = NIL;
	ListCell   *lc;

	if (root->query_pathkeys)
		wanted = lappend(wanted, root->query_pathkeys);
	/* of several columns such a source orders by the first, and the others follow here */
	if (list_length(root->query_pathkeys) > 1 && plan->table.sql->filter)
		wanted = lappend(wanted, list_make1(linitial(root->query_pathkeys)));
	/* an order for each equivalence class that a merge join with this table could use */
	foreach(lc, rel->has_eclass_joins ? root->eq_classes : NIL)
	{
		EquivalenceClass *class = lfirst(lc);
		Oid			family;
		PathKey    *key;

		if (list_length(class->ec_members) < 2 || class->ec_has_volatile || class->ec_has_const || class->ec_merged ||
			!bms_overlap(class->ec_relids, rel->relids) || class->ec_opfamilies == NIL)
			continue;
		family = linitial_oid(class->ec_opfamilies);
		key = compat_make_canonical_pathkey(root, class, family);
		wanted = lappend(wanted, list_make1(key));
	}
	foreach(lc, wanted)
	{
		List	   *pathkeys = lfirst(lc);
		StringInfoData scratch;
		RemoteSql	sql = {
			.dialect = plan->table.sql, .root = root, .relids = rel->relids, .visible = plan->visible,
			.qualified = plan->outer != NULL, .text = &scratch
		};
		bool		limited;
		double		rows = rel->rows,
					sent = plan->sent_rows;
		Path	   *path;

		initStringInfo(&scratch);
		if (!remote_order(&sql, pathkeys))
			continue;
		limited = plan->single && pathkeys == root->query_pathkeys;
		if (limited && root->limit_tuples > 0)
			sent = rows = Min(rows, clamp_row_est(root->limit_tuples));
		path = (Path *) make_path(root, rel, plan, rows, sent, limited && root->limit_tuples > 0, pathkeys, NULL, limited);
		charge_incomplete(root, rel, plan, list_concat_copy(plan->exact, plan->superset), NULL, path);
		add_path(rel, path);
	}
}

/* State of the search for clauses that equate one of the table's columns with something outside. */
typedef struct MemberSearch
{
	Expr	   *current;
	List	   *done;
} MemberSearch;

static bool
member_matches(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec, EquivalenceMember *em, void *arg)
{
	MemberSearch *search = arg;

	if (search->current)
		return equal(em->em_expr, search->current);
	if (list_member(search->done, em->em_expr))
		return false;
	search->current = em->em_expr;
	return true;
}

/* True where the clause could be sent with the values of its other side. */
static bool
clause_fits(PlannerInfo *root, RelOptInfo *rel, RelPlan *plan, RestrictInfo *info)
{
	return join_clause_is_movable_to(info, rel) &&
		remote_judge(root, rel->relids, plan->table.sql, info->clause) != PUSHED_NOT;
}

/* Adds paths that look up rows by values of other tables, so that a join need not pull the whole table. */
static void
add_parameterized_paths(PlannerInfo *root, RelOptInfo *rel, RelPlan *plan)
{
	List	   *infos = NIL;
	ListCell   *lc;

	foreach(lc, rel->joininfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, lc);
		Relids		outer;
		ParamPathInfo *param;

		if (!clause_fits(root, rel, plan, info))
			continue;
		outer = bms_union(info->clause_relids, rel->lateral_relids);
		outer = bms_del_member(outer, rel->relid);
		if (bms_is_empty(outer))
			continue;
		param = get_baserel_parampathinfo(root, rel, outer);
		infos = list_append_unique_ptr(infos, param);
	}
	if (rel->has_eclass_joins)
	{
		MemberSearch search = {NULL, NIL};

		for (;;)
		{
			List	   *clauses;

			search.current = NULL;
			clauses = generate_implied_equalities_for_column(root, rel, member_matches, &search,
															 rel->lateral_referencers);
			if (search.current == NULL)
				break;
			foreach(lc, clauses)
			{
				RestrictInfo *info = lfirst_node(RestrictInfo, lc);
				Relids		outer;

				if (!clause_fits(root, rel, plan, info))
					continue;
				outer = bms_union(info->clause_relids, rel->lateral_relids);
				outer = bms_del_member(outer, rel->relid);
				if (!bms_is_empty(outer))
					infos = list_append_unique_ptr(infos, get_baserel_parampathinfo(root, rel, outer));
			}
			search.done = lappend(search.done, search.current);
		}
	}
	foreach(lc, infos)
	{
		ParamPathInfo *param = lfirst(lc);
		List	   *sent = list_concat_copy(plan->exact, plan->superset);
		List	   *checked = NIL;
		ListCell   *inner;
		double		sent_rows;
		QualCost	cost;
		Path	   *path;

		foreach(inner, param->ppi_clauses)
		{
			RestrictInfo *info = lfirst_node(RestrictInfo, inner);

			if (remote_judge(root, rel->relids, plan->table.sql, info->clause) != PUSHED_NOT)
				sent = lappend(sent, info);
			else
				checked = lappend(checked, info);
		}
		sent_rows = clamp_row_est(plan->tuples * clauselist_selectivity(root, sent, rel->relid, JOIN_INNER, NULL));
		path = (Path *) make_path(root, rel, plan, param->ppi_rows, sent_rows, true, NIL, param->ppi_req_outer, false);
		cost_qual_eval(&cost, checked, root);
		path->startup_cost += cost.startup;
		path->total_cost += cost.startup + sent_rows * cost.per_tuple;
		charge_incomplete(root, rel, plan, sent, NULL, path);
		add_path(rel, path);
	}
}

void
fdw_add_paths(PlannerInfo *root, RelOptInfo *rel)
{
	RelPlan    *plan = rel->fdw_private;
	bool		limited;
	double		rows = rel->rows,
				sent = plan->sent_rows;
	Path	   *path;

	plan->single = plan->has_sql && query_is_single(root, rel) && plan->superset == NIL && plan->local == NIL;
	limited = plan->single && root->query_pathkeys == NIL;
	if (limited && root->limit_tuples > 0)
		sent = rows = Min(rows, clamp_row_est(root->limit_tuples));
	path = (Path *) make_path(root, rel, plan, rows, sent, limited && root->limit_tuples > 0, NIL, rel->lateral_relids,
							  limited);
	charge_incomplete(root, rel, plan, list_concat_copy(plan->exact, plan->superset), NULL, path);
	add_path(rel, path);
	if (plan->has_sql && bms_is_empty(rel->lateral_relids))
		add_ordered_paths(root, rel, plan);
}

void
fdw_paths(PlannerInfo *root, RelOptInfo *rel, Oid foreigntableid)
{
	RelPlan    *plan = rel->fdw_private;

	if (!(plan->connector->caps & CK_READ))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("connector \"%s\" cannot read tables", plan->connector->name),
				 errhint("connkit.connector shows the capability \"read\" of those that do.")));
	fdw_add_paths(root, rel);
	fdw_add_partial_path(root, rel);
	/* what the statement changes there is read once, before that */
	if (plan->has_sql && bms_is_empty(rel->lateral_relids) && !plan->once)
		add_parameterized_paths(root, rel, plan);
}

ForeignPath *
fdw_list_path(PlannerInfo *root, RelOptInfo *rel, Expr *inner_key, Oid operator, Oid key_type, Oid collation,
			  double rows, double requests)
{
	RelPlan    *plan = rel->fdw_private;
	ForeignPath *path = make_path(root, rel, plan, rows, rows, true, NIL, NULL, false);

	path->path.total_cost += (requests - 1) * COST_ROUND_TRIP;
	charge_incomplete(root, rel, plan, list_concat_copy(plan->exact, plan->superset), inner_key, &path->path);
	path->fdw_private = lappend(path->fdw_private, list_make4(inner_key, makeInteger((int) operator),
															  makeInteger((int) key_type),
															  makeInteger((int) collation)));
	return path;
}

/* Attribute numbers that the query needs of the table, in order. */
static List *
needed_attributes(RelOptInfo *rel, Oid relid, List *local_exprs)
{
	Bitmapset  *used = NULL;
	List	   *attributes = NIL;
	Relation	relation = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(relation);
	bool		whole;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &used);
	pull_varattnos((Node *) local_exprs, rel->relid, &used);
	whole = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);
	for (int i = 1; i <= desc->natts; i++)
		if (!TupleDescAttr(desc, i - 1)->attisdropped &&
			(whole || bms_is_member(i - FirstLowInvalidHeapAttributeNumber, used)))
			attributes = lappend_int(attributes, i);
	table_close(relation, NoLock);
	return attributes;
}

/* How many tables of the source a query's range table holds. */
static int
count_tables(Query *query, Oid serverid)
{
	ListCell   *lc;
	int			count = 0;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_FOREIGN_TABLE &&
			GetForeignServerIdByRelId(rte->relid) == serverid)
			count++;
	}
	return count;
}

bool
fdw_shares_source(PlannerInfo *root, Oid serverid)
{
	ListCell   *lc;
	int			count = 0;

	for (PlannerInfo *r = root; r; r = r->parent_root)
		count += count_tables(r->parse, serverid);
	foreach(lc, root->glob->subroots)
		if (lfirst(lc) != root)
			count += count_tables(((PlannerInfo *) lfirst(lc))->parse, serverid);
	return count > 1;
}

/* The request's SQL. With filtered false: without the conditions, for arguments that the source cannot be told. */
static char *
make_sql(PlannerInfo *root, RelOptInfo *rel, RelPlan *plan, List *attributes, List *sent, List *keys,
		 List *pathkeys, bool filtered, RemoteSql *sql)
{
	StringInfo	text = makeStringInfo();
	ListCell   *lc;

	memset(sql, 0, sizeof(*sql));
	sql->dialect = plan->table.sql;
	sql->root = root;
	sql->relids = sql->visible = rel->relids;
	sql->qualified = plan->aliased;
	sql->text = text;
	appendStringInfoString(text, "SELECT");
	remote_select_list(text, &plan->table, attributes);
	appendStringInfoString(text, " FROM ");
	fdw_from(sql, rel);
	foreach(lc, filtered ? sent : NIL)
	{
		appendStringInfoString(text, lc == list_head(sent) ? " WHERE " : " AND ");
		remote_condition(sql, (Expr *) lfirst(lc));
	}
	if (keys && filtered)
	{
		appendStringInfoString(text, sent ? " AND " : " WHERE ");
		remote_list_condition(sql, linitial(keys), (Oid) intVal(lsecond(keys)), (Oid) intVal(lthird(keys)),
							  (Oid) intVal(lfourth(keys)));
	}
	if (pathkeys && !remote_order(sql, pathkeys))
		elog(ERROR, "an order that was judged fit cannot be written");
	return text->data;
}

/*
 * Adds LIMIT: a number where it is known, else a placeholder whose value is computed when the scan starts. Returns the
 * index in fdw_exprs of LIMIT and of OFFSET, and the placeholder's number.
 */
List *
fdw_add_limit(PlannerInfo *root, RemoteSql *sql, List **exprs)
{
	Node	   *count = root->parse->limitCount;
	Node	   *offset = root->parse->limitOffset;
	int			count_index = 0,
				offset_index = 0;

	if (IsA(count, Const) && (offset == NULL || IsA(offset, Const)))
	{
		Const	   *c = (Const *) count;
		Const	   *o = (Const *) offset;
		int64		rows,
					skip = 0;

		if (c->constisnull)
			return list_make3_int(0, 0, 0);
		rows = DatumGetInt64(c->constvalue);
		if (o && !o->constisnull)
			skip = DatumGetInt64(o->constvalue);
		/* what is negative is an error that the executor raises */
		if (rows >= 0 && skip >= 0 && rows < PG_INT64_MAX - skip)
			appendStringInfo(sql->text, " LIMIT " INT64_FORMAT, rows + skip);
		return list_make3_int(0, 0, 0);
	}
	*exprs = lappend(*exprs, count);
	count_index = list_length(*exprs);
	if (offset)
	{
		*exprs = lappend(*exprs, offset);
		offset_index = list_length(*exprs);
	}
	sql->places = lappend_int(sql->places, count_index);
	if (sql->dialect->numbered)
		appendStringInfo(sql->text, " LIMIT $%d", list_length(sql->places));
	else
		appendStringInfoString(sql->text, " LIMIT ?");
	if (sql->dialect->native)
		appendStringInfoString(sql->text, "::bigint");
	return list_make3_int(count_index, offset_index, list_length(sql->places));
}

/* The plan of a join: its rows are made of the columns that the query needs. */
static ForeignScan *
plan_join(PlannerInfo *root, RelOptInfo *rel, ForeignPath *path, List *tlist, Plan *outer_plan)
{
	RelPlan    *plan = rel->fdw_private;
	bool		limited = intVal(linitial(path->fdw_private)) != 0;
	List	   *sent = list_concat_copy(plan->exact, plan->superset);
	List	   *recheck = extract_actual_clauses(list_concat_copy(plan->superset, plan->local), false);
	List	   *columns = add_to_flat_tlist(NIL, pull_var_clause((Node *) rel->reltarget->exprs, 0));
	List	   *attributes = NIL;
	List	   *limits = list_make3_int(0, 0, 0);
	List	   *exprs,
			   *private;
	ListCell   *lc;
	StringInfoData text;
	RemoteSql	sql = {
		.dialect = plan->table.sql, .root = root, .relids = rel->relids, .visible = plan->visible, .qualified = true,
		.text = &text
	};
	int			flags = fdw_shares_source(root, plan->table.serverid) ? FLAG_SHARE : 0;

	columns = add_to_flat_tlist(columns, pull_var_clause((Node *) recheck, 0));
	initStringInfo(&text);
	appendStringInfoString(&text, columns == NIL && !plan->table.sql->native ? "SELECT NULL" : "SELECT");
	foreach(lc, columns)
	{
		attributes = lappend_int(attributes, foreach_current_index(lc) + 1);
		appendStringInfoString(&text, lc == list_head(columns) ? " " : ", ");
		fdw_column(&sql, (Var *) lfirst_node(TargetEntry, lc)->expr, false);
	}
	appendStringInfoString(&text, " FROM ");
	fdw_from(&sql, rel);
	fdw_where(&sql, " WHERE ", sent);
	if (path->path.pathkeys && !remote_order(&sql, path->path.pathkeys))
		elog(ERROR, "an order that was judged fit cannot be written");
	exprs = sql.params;
	if (limited)
		limits = fdw_add_limit(root, &sql, &exprs);
	private = list_make5(makeString(text.data), makeString(""), attributes, sql.places, limits);
	private = lappend(private, makeString(psprintf("join%s%s%s%s", sent ? ", filter" : "", plan->rechecked ? " (rechecked)" : "",
												   path->path.pathkeys ? ", order" : "", limited ? ", limit" : "")));
	private = lappend(private, makeInteger(flags));
	private = lappend(private, makeInteger(0));
	initStringInfo(&text);
	fdw_show_relations(&text, root, rel);
	private = lappend(private, makeString(text.data));
	private = lappend(private, fdw_table_oids(rel));
	private = lappend(private, NIL);
	private = lappend(private, makeInteger((int) rel->userid));
	fdw_take_over(root, rel);
	return make_foreignscan(tlist, recheck, 0, exprs, private, columns, NIL, outer_plan);
}

/*
 * The columns of a scan whose rows are told apart by row ids, as a list of targets: these have no place among the table's
 * columns. NIL where there are no row ids; their numbers go behind the attributes.
 */
static List *
row_id_columns(RelOptInfo *rel, List *local_exprs, List **attributes)
{
	List	   *vars = pull_var_clause((Node *) rel->reltarget->exprs, PVC_RECURSE_PLACEHOLDERS);
	List	   *row_ids = NIL;
	ListCell   *lc;

	foreach(lc, vars)
		if (lfirst_node(Var, lc)->varattno < 0 && lfirst_node(Var, lc)->vartype == TEXTOID)
			row_ids = lappend_int(row_ids, lfirst_node(Var, lc)->varattno);
	if (row_ids == NIL)
		return NIL;
	*attributes = list_concat(*attributes, row_ids);
	return add_to_flat_tlist(add_to_flat_tlist(NIL, vars),
							 pull_var_clause((Node *) local_exprs, PVC_RECURSE_PLACEHOLDERS));
}

/* True where the rows of the relation are read to be changed, or locked. */
static bool
rows_are_locked(PlannerInfo *root, RelOptInfo *rel, RelPlan *plan)
{
	PlanRowMark *mark = get_plan_rowmark(root->rowMarks, rel->relid);

	if (!plan->table.updatable)
		return false;
	if (root->parse->commandType != CMD_SELECT && bms_is_member(rel->relid, root->all_result_relids))
		return true;
	if (mark == NULL && rel->top_parent_relids)
		mark = get_plan_rowmark(root->rowMarks, bms_singleton_member(rel->top_parent_relids));
	return mark && mark->strength != LCS_NONE;
}

ForeignScan *
fdw_plan(PlannerInfo *root, RelOptInfo *rel, Oid foreigntableid, ForeignPath *path, List *tlist, List *clauses,
		 Plan *outer_plan)
{
	RelPlan    *plan = rel->fdw_private;
	bool		limited = intVal(linitial(path->fdw_private)) != 0;
	List	   *keys = list_length(path->fdw_private) > 1 ? lsecond(path->fdw_private) : NIL;
	List	   *sent = NIL,
			   *local = NIL,
			   *exact = NIL,
			   *exprs,
			   *attributes,
			   *limits = list_make3_int(0, 0, 0),
			   *columns,
			   *private;
	ListCell   *lc;
	RemoteSql	sql,
				unfiltered_sql;
	char	   *text = "",
			   *unfiltered = "";
	int			flags = 0;
	StringInfoData pushed;

	if (plan->input)
		return fdw_plan_group(root, rel, path, tlist, outer_plan);
	if (plan->outer)
		return plan_join(root, rel, path, tlist, outer_plan);
	foreach(lc, clauses)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, lc);
		Pushed		judged;

		if (info->pseudoconstant)
			continue;
		judged = remote_judge(root, rel->relids, plan->table.sql, info->clause);
		if (judged != PUSHED_NOT)
			sent = lappend(sent, info->clause);
		if (judged == PUSHED_EXACT)
			exact = lappend(exact, info->clause);
		else
			local = lappend(local, info->clause);
	}
	attributes = needed_attributes(rel, foreigntableid, list_concat_copy(local, exact));
	columns = row_id_columns(rel, list_concat_copy(local, exact), &attributes);
	memset(&sql, 0, sizeof(sql));
	initStringInfo(&pushed);
	if (plan->has_sql)
	{
		/*
		 * A parameter may have a value that the source cannot be told; then the filter is applied here, to its columns.
		 * PostgreSQL can be told all values.
		 */
		text = make_sql(root, rel, plan, attributes, sent, keys, path->path.pathkeys, true, &sql);
		if (!sql.parameters || plan->table.sql->native)
		{
			attributes = needed_attributes(rel, foreigntableid, local);
			columns = row_id_columns(rel, local, &attributes);
			text = make_sql(root, rel, plan, attributes, sent, keys, path->path.pathkeys, true, &sql);
		}
		else
			unfiltered = make_sql(root, rel, plan, attributes, sent, keys, path->path.pathkeys, false, &unfiltered_sql);
		if (keys)
			appendStringInfoString(&pushed, ", keys");
		if (sent)
			appendStringInfoString(&pushed, local == NIL || list_length(exact) == list_length(sent) ? ", filter" :
								   ", filter (rechecked)");
		if (path->path.pathkeys)
			appendStringInfoString(&pushed, ", order");
		if (path->path.parallel_aware)
			appendStringInfoString(&pushed, ", parts");
		if (sent)
			flags |= FLAG_WHERE;
	}
	exprs = sql.params;
	if (limited)
	{
		limits = fdw_add_limit(root, &sql, &exprs);
		text = sql.text->data;
		appendStringInfoString(&pushed, ", limit");
	}
	if (plan->has_sql && rows_are_locked(root, rel, plan))
	{
		flags |= CK_SCAN_LOCK;
		if (plan->table.sql->row_lock)
		{
			text = psprintf("%s%s", text, plan->table.sql->row_lock);
			unfiltered = unfiltered[0] ? psprintf("%s%s", unfiltered, plan->table.sql->row_lock) : "";
		}
	}
	if (sql.places == NIL && !limited && path->path.param_info == NULL)
		flags |= CK_SCAN_WHOLE;
	if (fdw_shares_source(root, plan->table.serverid))
		flags |= FLAG_SHARE;
	private = list_make5(makeString(text), makeString(unfiltered), attributes, sql.places, limits);
	private = lappend(private, makeString(pushed.len > 0 ? pushed.data + 2 : ""));
	private = lappend(private, makeInteger(flags));
	private = lappend(private, makeInteger(sql.keys));
	/* what is never rechecked may speak of columns that are not read */
	if ((columns || plan->aliased) && unfiltered[0] == '\0')
		exact = NIL;
	return make_foreignscan(tlist, local, rel->relid, exprs, private, columns, exact, outer_plan);
}
