/*
 * remote_filter.c: conditions on single columns, for sources that are asked by these and speak no SQL.
 *
 * The request is written like SQL all the same, of which only few forms occur: see CkSql.filter.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "fdw.h"
#include "rules.h"
#include "value.h"

/* Values of a list that are sent; longer lists are looked through here. */
#define LIST_LIMIT 1000

/* A condition taken apart. */
typedef struct Condition
{
	Var		   *column;
	const char *op;				/* as in CkFilter */
	List	   *values;			/* expressions: one, or of "in" several */
	Oid			type;			/* of each */
	Oid			collation;
} Condition;

/* The form in which values of a type are sent, so that they mean at the source what they mean here; CK_NULL: none. */
static CkType
value_form(Oid type)
{
	CkType		form = value_type_for(getBaseType(type));

	return form == CK_NATIVE || form == CK_BYTES || form == CK_JSON || getBaseType(type) == BPCHAROID ? CK_NULL : form;
}

/* Whether a column's values are rounded when they are read: a bound that the source compares with its own may leave out a row. */
static bool
is_rounded(const Var *column)
{
	Oid			type = column->vartype;
	int32		typmod = column->vartypmod;

	type = getBaseTypeAndTypmod(type, &typmod);
	return typmod >= 0 && (type == TIMESTAMPOID || type == TIMESTAMPTZOID);
}

/* A column of the one table that is asked, or NULL. Where it is read as another type, that is ordered as its own is. */
static Var *
column_of(RemoteSql *sql, Node *node)
{
	while (IsA(node, RelabelType))
	{
		Oid			to = getBaseType(exprType(node));

		node = (Node *) ((RelabelType *) node)->arg;
		if (to != getBaseType(exprType(node)) && value_form(to) != CK_TEXT)
			return NULL;
	}
	return IsA(node, Var) && ((Var *) node)->varlevelsup == 0 && ((Var *) node)->varattno > 0 &&
		bms_is_member(((Var *) node)->varno, sql->relids) ? (Var *) node : NULL;
}

/* A built-in comparison by which values of that form are ordered everywhere in the same way. */
static bool
is_comparison(Oid opno, const char *op, Oid collation)
{
	static const char *const known[] = {"=", "<>", "<", "<=", ">", ">="};
	bool		equality = strcmp(op, "=") == 0 || strcmp(op, "<>") == 0;

	if (opno >= FirstGenbkiObjectId ||
		(OidIsValid(collation) && !(equality && get_collation_isdeterministic(collation))))
		return false;
	for (int i = 0; i < lengthof(known); i++)
		if (strcmp(known[i], op) == 0)
			return true;
	return false;
}

/* column op value, with either side first. */
static bool
take_operator(RemoteSql *sql, OpExpr *expr, Condition *condition)
{
	Oid			opno = expr->opno;
	Node	   *left,
			   *right;

	if (list_length(expr->args) != 2)
		return false;
	left = linitial(expr->args);
	right = lsecond(expr->args);
	if (column_of(sql, left) == NULL)
	{
		Node	   *swap = left;

		left = right;
		right = swap;
		opno = get_commutator(opno);
	}
	condition->column = OidIsValid(opno) ? column_of(sql, left) : NULL;
	if (condition->column == NULL || !remote_parameter(sql, right))
		return false;
	condition->op = get_opname(opno);
	condition->values = list_make1(right);
	condition->type = exprType(right);
	condition->collation = expr->inputcollid;
	return is_comparison(opno, condition->op, expr->inputcollid);
}

/* column = ANY (constant array). */
static bool
take_list(RemoteSql *sql, ScalarArrayOpExpr *expr, Condition *condition)
{
	Const	   *array = lsecond(expr->args);
	char	   *op = get_opname(expr->opno);
	int16		length;
	bool		byval;
	char		align;
	Datum	   *elements;
	bool	   *isnull;
	int			count;

	condition->column = column_of(sql, linitial(expr->args));
	if (!expr->useOr || op == NULL || strcmp(op, "=") != 0 || !is_comparison(expr->opno, op, expr->inputcollid) ||
		condition->column == NULL || !IsA(array, Const) || array->constisnull)
		return false;
	condition->op = "in";
	condition->collation = expr->inputcollid;
	condition->type = get_element_type(array->consttype);
	get_typlenbyvalalign(condition->type, &length, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(array->constvalue), condition->type, length, byval, align, &elements, &isnull,
					  &count);
	for (int i = 0; i < count; i++)
		if (!isnull[i])
			condition->values = lappend(condition->values, makeConst(condition->type, -1, array->constcollid, length,
																	 elements[i], false, byval));
	return condition->values != NIL && list_length(condition->values) <= LIST_LIMIT;
}

/* A boolean column by itself, or NOT before it. */
static bool
take_boolean(RemoteSql *sql, Node *node, bool value, Condition *condition)
{
	if (IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop == NOT_EXPR)
		return take_boolean(sql, linitial(((BoolExpr *) node)->args), !value, condition);
	condition->column = exprType(node) == BOOLOID ? column_of(sql, node) : NULL;
	condition->op = "=";
	condition->values = list_make1(makeBoolConst(value, false));
	condition->type = BOOLOID;
	return condition->column != NULL;
}

/* Takes a condition apart; false where it has another form. */
static bool
take(RemoteSql *sql, Expr *expr, Condition *condition)
{
	bool		taken;

	memset(condition, 0, sizeof(*condition));
	taken = IsA(expr, OpExpr) ? take_operator(sql, (OpExpr *) expr, condition) :
		IsA(expr, ScalarArrayOpExpr) ? take_list(sql, (ScalarArrayOpExpr *) expr, condition) :
		take_boolean(sql, (Node *) expr, true, condition);
	return taken && value_form(condition->type) != CK_NULL &&
		value_form(condition->type) == value_form(condition->column->vartype) && !is_rounded(condition->column);
}

static const char *
source_name(RemoteSql *sql, Var *column)
{
	return remote_column_name(fdw_table(sql->root, column->varno)->relid, column->varattno);
}

static const char *
source_type(RemoteSql *sql, Var *column)
{
	return remote_source_type(fdw_table(sql->root, column->varno), column->varattno);
}

/* Writes a column, and its type behind it where that is told. */
static void
write_column(RemoteSql *sql, Var *column)
{
	const char *type = source_type(sql, column);

	remote_identifier(sql->text, sql->dialect, source_name(sql, column));
	if (type == NULL)
		return;
	appendStringInfoString(sql->text, "::");
	remote_identifier(sql->text, sql->dialect, type);
}

/* What the source says of a condition. */
static Pushed
ask(RemoteSql *sql, const Condition *condition)
{
	CkFilter	filter = {
		.column = source_name(sql, condition->column), .source_type = source_type(sql, condition->column),
		.op = condition->op, .type = value_form(condition->type)
	};

	switch (sql->dialect->filter(sql->dialect, &filter))
	{
		case CK_PUSHED_EXACT:
			return PUSHED_EXACT;
		case CK_PUSHED:
			return PUSHED_SUPERSET;
		default:
			return PUSHED_NOT;
	}
}

Pushed
remote_filter_judge(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *expr)
{
	RemoteSql	sql = {.dialect = dialect, .root = root, .relids = relids};
	Condition	condition;

	return take(&sql, expr, &condition) ? ask(&sql, &condition) : PUSHED_NOT;
}

void
remote_filter_write(RemoteSql *sql, Expr *expr)
{
	Condition	condition;
	ListCell   *lc;

	if (!take(sql, expr, &condition))
		elog(ERROR, "a condition that was judged fit cannot be written");
	write_column(sql, condition.column);
	appendStringInfo(sql->text, strcmp(condition.op, "in") == 0 ? " IN (" : " %s ", condition.op);
	foreach(lc, condition.values)
	{
		if (lc != list_head(condition.values))
			appendStringInfoString(sql->text, ", ");
		remote_placeholder(sql, lfirst(lc));
	}
	if (strcmp(condition.op, "in") == 0)
		appendStringInfoChar(sql->text, ')');
}

/* The conditions that the plan sends with whatever order. */
static CkFilter *
sent_filters(RemoteSql *sql, uint32_t *count)
{
	RelPlan    *plan = find_base_rel(sql->root, bms_singleton_member(sql->relids))->fdw_private;
	List	   *sent = list_concat_copy(plan->exact, plan->superset);
	CkFilter   *filters = palloc(sizeof(CkFilter) * (list_length(sent) + 1));
	ListCell   *lc;

	*count = 0;
	foreach(lc, sent)
	{
		Condition	condition;

		if (take(sql, lfirst_node(RestrictInfo, lc)->clause, &condition))
			filters[(*count)++] = (CkFilter) {
				.column = source_name(sql, condition.column), .op = condition.op, .type = value_form(condition.type)
			};
	}
	return filters;
}

bool
remote_filter_order(RemoteSql *sql, Expr *expr, Oid collation, bool descends, bool nulls_first, bool not_null)
{
	Var		   *column = column_of(sql, (Node *) expr);
	CkOrder		order = {.descends = descends, .nulls_first = nulls_first, .not_null = not_null};
	static const CkSqlRule bytes = {.locale = CK_C_LOCALE};

	if (sql->dialect->order == NULL || column == NULL || bms_membership(sql->relids) != BMS_SINGLETON)
		return false;
	order.column = source_name(sql, column);
	order.type = value_form(column->vartype);
	if (order.type == CK_NULL || (order.type == CK_TEXT && !rules_locale_fits(&bytes, collation)))
		return false;
	order.filters = sent_filters(sql, &order.nfilters);
	if (!sql->dialect->order(sql->dialect, &order))
		return false;
	appendStringInfoString(sql->text, " ORDER BY ");
	remote_identifier(sql->text, sql->dialect, order.column);
	appendStringInfoString(sql->text, descends ? " DESC" : " ASC");
	return true;
}

Pushed
remote_filter_judge_list(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *key, Oid operator, Oid key_type,
						 Oid collation)
{
	RemoteSql	sql = {.dialect = dialect, .root = root, .relids = relids};
	Condition	condition = {.column = column_of(&sql, (Node *) key), .op = "in", .type = key_type};
	char	   *op = get_opname(operator);

	if (condition.column == NULL || op == NULL || strcmp(op, "=") != 0 || !is_comparison(operator, op, collation) ||
		value_form(key_type) == CK_NULL || value_form(key_type) != value_form(condition.column->vartype) ||
		is_rounded(condition.column) || ask(&sql, &condition) == PUSHED_NOT)
		return PUSHED_NOT;
	return PUSHED_SUPERSET;
}

void
remote_filter_write_list(RemoteSql *sql, Expr *key, Oid operator, Oid key_type, Oid collation)
{
	Const	   *list = makeNullConst(key_type, -1, collation);

	sql->params = lappend(sql->params, list);
	sql->keys = list_length(sql->params);
	write_column(sql, column_of(sql, (Node *) key));
	appendStringInfo(sql->text, " IN (%c,", LIST_BEGIN);
	remote_placeholder(sql, (Expr *) list);
	appendStringInfo(sql->text, "%c)", LIST_END);
}

bool
remote_filter_gives(PlannerInfo *root, RelOptInfo *rel, const CkSql *dialect, const char *const *columns, List *conditions,
					Expr *key)
{
	RemoteSql	sql = {.dialect = dialect, .root = root, .relids = rel->relids};

	for (; columns && *columns; columns++)
	{
		Var		   *given = key ? column_of(&sql, (Node *) key) : NULL;
		bool		found = given && strcmp(source_name(&sql, given), *columns) == 0;
		ListCell   *lc;

		foreach(lc, conditions)
		{
			Condition	condition;

			found |= take(&sql, lfirst_node(RestrictInfo, lc)->clause, &condition) &&
				(strcmp(condition.op, "=") == 0 || strcmp(condition.op, "in") == 0) &&
				strcmp(source_name(&sql, condition.column), *columns) == 0;
		}
		if (!found)
			return false;
	}
	return true;
}
