/*
 * remote_expression.c: writes the expressions of SQL for a source: conditions, and values made of columns.
 *
 * What stands here is the same in every dialect; operators, functions and casts, and what CASE and COALESCE may yield, are
 * the dialect's (CkSqlRule). A condition is written for a place: where it is a value it is exact, where it decides it may
 * take NULL for false, where it filters rows that are checked again it may let through more.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "fdw.h"
#include "rules.h"
#include "value.h"

/* Levels of conditions: parsers have a limited depth. */
#define DEPTH_LIMIT 20

/* The rule for results of CASE and the like of this type; *fits is false where there may be none. */
static const CkSqlRule *
branch_rule(RemoteSql *sql, Oid type, bool *fits)
{
	const CkSqlRule *rule;

	type = getBaseType(type);
	rule = rules_find(sql->dialect, RULE_BRANCH, type == VARCHAROID ? TEXTOID : type, NULL);
	*fits = rule ? rule->fidelity == CK_EXACT : sql->dialect->native && value_type_is_native(type);
	return rule;
}

/* One of the results of CASE or COALESCE. */
static bool
sql_branch(RemoteSql *sql, const CkSqlRule *rule, Node *node)
{
	if (IsA(node, Const) && ((Const *) node)->constisnull)
	{
		appendStringInfoString(sql->text, "NULL");
		if (sql->dialect->native)
			appendStringInfo(sql->text, "::%s", remote_type_name(getBaseType(exprType(node))));
		return true;
	}
	if (rule && rule->remote)
		return remote_template(sql, rule->remote, "", list_make1(node), NULL);
	return remote_value(sql, node);
}

/* Puts what a CASE is about into its conditions. */
static Node *
fill_case_test(Node *node, void *argument)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, CaseTestExpr))
		return argument;
	/* those below have tests of their own */
	if (IsA(node, CaseExpr) || IsA(node, ArrayCoerceExpr))
		return node;
	return expression_tree_mutator(node, fill_case_test, argument);
}

static bool
sql_case(RemoteSql *sql, CaseExpr *expr)
{
	bool		fits;
	const CkSqlRule *rule = branch_rule(sql, expr->casetype, &fits);
	ListCell   *lc;

	if (!fits)
		return false;
	appendStringInfoString(sql->text, "(CASE");
	foreach(lc, expr->args)
	{
		CaseWhen   *when = lfirst_node(CaseWhen, lc);

		appendStringInfoString(sql->text, " WHEN ");
		if (!remote_test(sql, expr->arg ? fill_case_test((Node *) when->expr, expr->arg) : (Node *) when->expr, PLACE_TEST))
			return false;
		appendStringInfoString(sql->text, " THEN ");
		if (!sql_branch(sql, rule, (Node *) when->result))
			return false;
	}
	appendStringInfoString(sql->text, " ELSE ");
	if (!sql_branch(sql, rule, (Node *) expr->defresult))
		return false;
	appendStringInfoString(sql->text, " END)");
	return true;
}

static bool
sql_coalesce(RemoteSql *sql, CoalesceExpr *expr)
{
	bool		fits;
	const CkSqlRule *rule = branch_rule(sql, expr->coalescetype, &fits);
	ListCell   *lc;

	if (!fits)
		return false;
	foreach(lc, expr->args)
	{
		appendStringInfoString(sql->text, lc == list_head(expr->args) ? "COALESCE(" : ", ");
		if (!sql_branch(sql, rule, lfirst(lc)))
			return false;
	}
	appendStringInfoChar(sql->text, ')');
	return true;
}

/* NULLIF by what the dialect knows of =. */
static bool
sql_nullif(RemoteSql *sql, NullIfExpr *expr)
{
	bool		fits;
	const CkSqlRule *rule = branch_rule(sql, exprType((Node *) expr), &fits);
	OpExpr		test = *expr;	/* the same struct */

	if (!fits)
		return false;
	appendStringInfoString(sql->text, "(CASE WHEN ");
	test.xpr.type = T_OpExpr;
	if (!remote_test(sql, (Node *) &test, PLACE_TEST))
		return false;
	appendStringInfoString(sql->text, " THEN NULL ELSE ");
	if (!sql_branch(sql, rule, linitial(expr->args)))
		return false;
	appendStringInfoString(sql->text, " END)");
	return true;
}

/* GREATEST and LEAST, which take no notice of NULL. */
static bool
sql_min_max(RemoteSql *sql, MinMaxExpr *expr)
{
	ListCell   *lc;

	if (!sql->dialect->native || OidIsValid(expr->inputcollid) || !value_type_is_native(expr->minmaxtype) ||
		expr->minmaxtype == JSONBOID || get_element_type(expr->minmaxtype) == JSONBOID)
		return false;
	appendStringInfoString(sql->text, expr->op == IS_GREATEST ? "GREATEST" : "LEAST");
	foreach(lc, expr->args)
	{
		appendStringInfoString(sql->text, lc == list_head(expr->args) ? "(" : ", ");
		if (!remote_value(sql, lfirst(lc)))
			return false;
	}
	appendStringInfoChar(sql->text, ')');
	return true;
}

static bool
sql_array(RemoteSql *sql, ArrayExpr *expr)
{
	ListCell   *lc;

	if (!sql->dialect->native || expr->multidims || !value_type_is_native(expr->array_typeid))
		return false;
	appendStringInfoString(sql->text, "ARRAY[");
	foreach(lc, expr->elements)
	{
		if (lc != list_head(expr->elements))
			appendStringInfoString(sql->text, ", ");
		if (!sql_branch(sql, NULL, lfirst(lc)))
			return false;
	}
	appendStringInfo(sql->text, "]::%s", remote_type_name(expr->array_typeid));
	return true;
}

/* array[index]: NULL where there is none, at every PostgreSQL. */
static bool
sql_subscript(RemoteSql *sql, SubscriptingRef *ref)
{
	ListCell   *lc;

	if (!sql->dialect->native || ref->refassgnexpr || ref->reflowerindexpr != NIL ||
		!OidIsValid(get_element_type(ref->refcontainertype)) || !value_type_is_native(exprType((Node *) ref)))
		return false;
	appendStringInfoChar(sql->text, '(');
	if (!remote_value(sql, (Node *) ref->refexpr))
		return false;
	appendStringInfoChar(sql->text, ')');
	foreach(lc, ref->refupperindexpr)
	{
		appendStringInfoChar(sql->text, '[');
		if (!remote_value(sql, lfirst(lc)))
			return false;
		appendStringInfoChar(sql->text, ']');
	}
	return true;
}

static bool
sql_relabel(RemoteSql *sql, RelabelType *relabel)
{
	Node	   *arg = (Node *) relabel->arg;
	Oid			type = getBaseType(relabel->resulttype);

	if (!remote_value(sql, arg))
		return false;
	/* another type has other operators of the same name */
	if (sql->dialect->native && type != getBaseType(exprType(arg)))
		appendStringInfo(sql->text, "::%s", remote_type_name(type));
	return !sql->dialect->native || value_type_is_native(type);
}

static bool
sql_column(RemoteSql *sql, Var *var)
{
	const char *collation = OidIsValid(var->varcollid) ? sql->collation : NULL;

	if (!bms_is_member(var->varno, sql->relids) || var->varlevelsup > 0 || var->varattno <= 0 || sql->group ||
		(sql->dialect->native && !value_type_is_native(var->vartype)) || !fdw_is_value(sql->root, var))
		return false;
	if (collation)
		appendStringInfoChar(sql->text, '(');
	fdw_column(sql, var, false);
	if (collation)
		appendStringInfo(sql->text, " COLLATE \"%s\")", collation);
	return true;
}

bool
remote_value(RemoteSql *sql, Node *node)
{
	const CkSql *dialect = sql->dialect;
	Oid			type;
	NumericShape shape;
	bool		written;

	if (sql->keys > 0 && node == list_nth(sql->params, sql->keys - 1))
	{
		remote_placeholder(sql, (Expr *) node);
		return true;
	}
	if (sql->group && (IsA(node, Aggref) || IsA(node, GroupingFunc) || list_member(sql->group->keys, node)))
		return remote_grouped(sql, node);
	if (IsA(node, Const))
		return remote_constant(sql, (Const *) node);
	type = exprType(node);
	if (IsA(node, Param) && remote_outer_value(sql, (Param *) node, &written))
		return written;
	if (remote_parameter(sql, node))
	{
		if (dialect->native ? !value_type_is_native(type) : value_type_for(type) == CK_NATIVE)
			return false;
		remote_placeholder(sql, (Expr *) node);
		return true;
	}
	/* digits that the source would cut; a comparison may add as many behind the point as it has there */
	if (type == NUMERICOID && dialect->limits.numeric_digits > 0 && remote_numeric_grows(node) &&
		(!remote_numeric_shape(node, &shape) || shape.scale > dialect->limits.numeric_scale ||
		 shape.digits > dialect->limits.numeric_digits + (sql->summed ? dialect->limits.numeric_scale - shape.scale : 0)))
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			return sql_column(sql, (Var *) node);
		case T_RelabelType:
			return sql_relabel(sql, (RelabelType *) node);
		case T_OpExpr:
			if (type == BOOLOID)
				return remote_test(sql, node, PLACE_VALUE);
			return remote_operator(sql, ((OpExpr *) node)->opno, ((OpExpr *) node)->args, ((OpExpr *) node)->inputcollid,
								   PLACE_VALUE);
		case T_FuncExpr:
			return remote_function(sql, (FuncExpr *) node, PLACE_VALUE);
		case T_CoerceViaIO:
			return remote_conversion(sql, (Node *) ((CoerceViaIO *) node)->arg, type, InvalidOid, PLACE_VALUE);
		case T_CaseExpr:
			return sql_case(sql, (CaseExpr *) node);
		case T_CoalesceExpr:
			return sql_coalesce(sql, (CoalesceExpr *) node);
		case T_NullIfExpr:
			return sql_nullif(sql, (NullIfExpr *) node);
		case T_MinMaxExpr:
			return sql_min_max(sql, (MinMaxExpr *) node);
		case T_ArrayExpr:
			return sql_array(sql, (ArrayExpr *) node);
		case T_SubscriptingRef:
			return sql_subscript(sql, (SubscriptingRef *) node);
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_DistinctExpr:
		case T_ScalarArrayOpExpr:
		case T_RowCompareExpr:
			return remote_test(sql, node, PLACE_VALUE);
		case T_SubPlan:
		case T_AlternativeSubPlan:
			return remote_subselect(sql, node);
		default:
			return false;
	}
}

static bool
sql_null_test(RemoteSql *sql, NullTest *test, Place place)
{
	bool		null = test->nulltesttype == IS_NULL;
	const CkSqlRule *rule;
	Node	   *arg = (Node *) test->arg;

	if (test->argisrow)
		return false;
	rule = rules_find(sql->dialect, null ? RULE_IS_NULL : RULE_IS_NOT_NULL, getBaseType(exprType(arg)), NULL);
	if (rule)
		return rule->remote && remote_rule_usable(sql, rule, InvalidOid, place) &&
			remote_template(sql, rule->remote, "", list_make1(arg), NULL);
	appendStringInfoChar(sql->text, '(');
	if (IsA(arg, Var) && bms_is_member(((Var *) arg)->varno, sql->relids) && ((Var *) arg)->varattno > 0 && !sql->group)
		fdw_column(sql, (Var *) arg, true);
	else if (!remote_value(sql, arg))
		return false;
	appendStringInfoString(sql->text, null ? " IS NULL)" : " IS NOT NULL)");
	return true;
}

/* a IS NOT DISTINCT FROM b, or IS DISTINCT FROM, by what the dialect knows of =. */
static bool
sql_distinct(RemoteSql *sql, DistinctExpr *expr, bool distinct, Place place)
{
	NullTest	null = {.xpr.type = T_NullTest, .nulltesttype = IS_NULL};
	Place		inner = distinct || place == PLACE_VALUE ? PLACE_TEST : place;
	ListCell   *lc;

	if (!OidIsValid(expr->inputcollid) && remote_native_operator(sql, expr->opno, expr->args))
		return remote_template(sql, distinct ? "(%1 IS DISTINCT FROM %2)" : "(%1 IS NOT DISTINCT FROM %2)", "", expr->args,
							   NULL);
	appendStringInfoString(sql->text, inner == PLACE_TEST ? "(CASE WHEN " : "(");
	if (!remote_operator(sql, expr->opno, expr->args, expr->inputcollid, inner))
		return false;
	appendStringInfoString(sql->text, " OR (");
	foreach(lc, expr->args)
	{
		null.arg = lfirst(lc);
		if (lc != list_head(expr->args))
			appendStringInfoString(sql->text, " AND ");
		if (!sql_null_test(sql, &null, inner))
			return false;
	}
	appendStringInfoString(sql->text, inner != PLACE_TEST ? "))" : distinct ? ") THEN 0 ELSE 1 END = 1)" :
						   ") THEN 1 ELSE 0 END = 1)");
	return true;
}

/* Values divided by commas, in ROW(). */
static bool
sql_row(RemoteSql *sql, List *values)
{
	ListCell   *lc;

	foreach(lc, values)
	{
		appendStringInfoString(sql->text, lc == list_head(values) ? "ROW(" : ", ");
		if (!remote_value(sql, lfirst(lc)))
			return false;
	}
	appendStringInfoChar(sql->text, ')');
	return true;
}

/* The same in one piece, for which PostgreSQL can use an index; *fits is false, and nothing is written, where it would not do. */
static bool
sql_native_row_compare(RemoteSql *sql, RowCompareExpr *expr, bool *fits)
{
	*fits = true;
	for (int i = 0; i < list_length(expr->opnos) && *fits; i++)
		*fits = !OidIsValid(list_nth_oid(expr->inputcollids, i)) &&
			remote_native_operator(sql, list_nth_oid(expr->opnos, i),
								   list_make2(list_nth(expr->largs, i), list_nth(expr->rargs, i)));
	if (!*fits || !sql_row(sql, expr->largs))
		return false;
	appendStringInfo(sql->text, " %s ", get_opname(linitial_oid(expr->opnos)));
	return sql_row(sql, expr->rargs);
}

/* (a, b) < (c, d): the first columns that differ decide. */
static bool
sql_row_compare(RemoteSql *sql, RowCompareExpr *expr, int from, Place place)
{
	Oid			opno = list_nth_oid(expr->opnos, from);
	Oid			collation = list_nth_oid(expr->inputcollids, from);
	List	   *args = list_make2(list_nth(expr->largs, from), list_nth(expr->rargs, from));
	Oid			family = list_nth_oid(expr->opfamilies, from);
	bool		last = from == list_length(expr->opnos) - 1;
	Oid			left,
				right,
				strict,
				equal;
	int			strategy;
	bool		fits,
				written;

	if (from == 0)
	{
		written = sql_native_row_compare(sql, expr, &fits);
		if (fits)
			return written;
	}
	op_input_types(opno, &left, &right);
	strategy = compat_row_compare_is_less(expr) ? BTLessStrategyNumber : BTGreaterStrategyNumber;
	strict = last ? opno : get_opfamily_member(family, left, right, strategy);
	equal = get_opfamily_member(family, left, right, BTEqualStrategyNumber);
	if (!OidIsValid(strict) || !OidIsValid(equal))
		return false;
	if (last)
		return remote_operator(sql, strict, args, collation, place);
	appendStringInfoChar(sql->text, '(');
	if (!remote_operator(sql, strict, args, collation, place))
		return false;
	appendStringInfoString(sql->text, " OR (");
	if (!remote_operator(sql, equal, args, collation, place))
		return false;
	appendStringInfoString(sql->text, " AND ");
	if (!sql_row_compare(sql, expr, from + 1, place))
		return false;
	appendStringInfoString(sql->text, "))");
	return true;
}

static bool
sql_bool_expr(RemoteSql *sql, BoolExpr *expr, Place place)
{
	ListCell   *lc;
	const char *joint = expr->boolop == AND_EXPR ? "AND" : "OR";

	if (expr->boolop == NOT_EXPR)
	{
		if (IsA(linitial(expr->args), DistinctExpr))
			return sql_distinct(sql, linitial(expr->args), false, place);
		appendStringInfoString(sql->text, "(NOT ");
		if (!remote_test(sql, linitial(expr->args), PLACE_VALUE))
			return false;
		appendStringInfoChar(sql->text, ')');
		return true;
	}
	foreach(lc, expr->args)
	{
		remote_joint(sql->text, joint, foreach_current_index(lc), list_length(expr->args));
		if (!remote_test(sql, lfirst(lc), place))
			return false;
	}
	remote_joint(sql->text, joint, list_length(expr->args), list_length(expr->args));
	return true;
}

static bool
sql_boolean_test(RemoteSql *sql, BooleanTest *test)
{
	static const char *const tests[] = {
		[IS_TRUE] = " IS TRUE)", [IS_NOT_TRUE] = " IS NOT TRUE)", [IS_FALSE] = " IS FALSE)",
		[IS_NOT_FALSE] = " IS NOT FALSE)", [IS_UNKNOWN] = " IS NULL)", [IS_NOT_UNKNOWN] = " IS NOT NULL)"
	};
	bool		decides = test->booltesttype == IS_TRUE || test->booltesttype == IS_NOT_TRUE;

	appendStringInfoChar(sql->text, '(');
	if (!remote_test(sql, (Node *) test->arg, decides ? PLACE_TEST : PLACE_VALUE))
		return false;
	appendStringInfoString(sql->text, tests[test->booltesttype]);
	return true;
}

/* A boolean value as a condition. */
static bool
sql_boolean(RemoteSql *sql, Node *node, Place place)
{
	const CkSqlRule *rule;

	if (exprType(node) != BOOLOID)
		return false;
	if (sql->dialect->native || IsA(node, AlternativeSubPlan) ||
		(IsA(node, SubPlan) && ((SubPlan *) node)->subLinkType != EXPR_SUBLINK))
		return remote_value(sql, node);
	rule = rules_find(sql->dialect, RULE_BOOL, BOOLOID, NULL);
	return rule && remote_rule_usable(sql, rule, InvalidOid, place) &&
		remote_template(sql, rule->remote, "", list_make1(node), NULL);
}

/* Texts that may each have a collation of its own at the source. */
typedef struct Texts
{
	RemoteSql  *sql;
	Node	   *first;
} Texts;

static bool
texts_walker(Node *node, Texts *texts)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) ? bms_is_member(((Var *) node)->varno, texts->sql->relids) :
		IsA(node, Param) ? remote_has_outer(texts->sql, node) : IsA(node, SubPlan))
	{
		if (!OidIsValid(exprCollation(node)))
			return false;
		if (texts->first && !equal(texts->first, node))
			return true;
		texts->first = node;
		return false;
	}
	return expression_tree_walker(node, texts_walker, (void *) texts);
}

bool
remote_mixes_collations(RemoteSql *sql, Node *node)
{
	Texts		texts = {sql, NULL};

	return texts_walker(node, &texts);
}

static bool
is_not_distinct(Node *node)
{
	return IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop == NOT_EXPR &&
		IsA(linitial(((BoolExpr *) node)->args), DistinctExpr);
}

/* A condition by its kind of node. */
static bool
sql_condition(RemoteSql *sql, Node *node, Place place)
{
	switch (nodeTag(node))
	{
		case T_BoolExpr:
			return sql_bool_expr(sql, (BoolExpr *) node, place);
		case T_OpExpr:
			return remote_operator(sql, ((OpExpr *) node)->opno, ((OpExpr *) node)->args, ((OpExpr *) node)->inputcollid,
								   place);
		case T_FuncExpr:
			return remote_function(sql, (FuncExpr *) node, place);
		case T_ScalarArrayOpExpr:
			return remote_array_operator(sql, (ScalarArrayOpExpr *) node, place);
		case T_DistinctExpr:
			return sql_distinct(sql, (DistinctExpr *) node, true, place);
		case T_RowCompareExpr:
			return sql_row_compare(sql, (RowCompareExpr *) node, 0, place);
		case T_NullTest:
			return sql_null_test(sql, (NullTest *) node, place);
		case T_BooleanTest:
			return sql_boolean_test(sql, (BooleanTest *) node);
		default:
			return sql_boolean(sql, node, place);
	}
}

bool
remote_test(RemoteSql *sql, Node *node, Place place)
{
	const char *outer = sql->collation;
	bool		summed = sql->summed;
	bool		written;

	if (sql->depth >= DEPTH_LIMIT)
		return false;
	sql->depth++;
	if (sql->dialect->native && (!IsA(node, BoolExpr) || is_not_distinct(node)) && outer == NULL &&
		remote_mixes_collations(sql, node))
		sql->collation = "C";
	sql->summed = false;
	written = sql_condition(sql, node, place);
	sql->summed = summed;
	sql->collation = outer;
	sql->depth--;
	return written;
}
