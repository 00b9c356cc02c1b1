/*
 * remote_numeric.c: tells how many digits numeric expressions can have, for sources whose numbers have a limited size.
 *
 * Where it is known, the source's result has the digits behind the point that PostgreSQL's has, so that it reads the same. But
 * of CASE and COALESCE the source fills all values up to the most that a branch has; for a sum of those, the source is also
 * asked how many digits the values have that it adds.
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "fdw.h"

static bool
shape_of_constant(const Const *constant, NumericShape *shape)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, constant->constvalue));
	char	   *point = strchr(text, '.');

	shape->mixed = false;
	shape->digits = strspn(text[0] == '-' ? text + 1 : text, "0123456789");
	shape->scale = point ? strlen(point + 1) : 0;
	return shape->digits > 0;
}

static bool
shape_of_modifier(int32 typmod, NumericShape *shape)
{
	int32		size = typmod - VARHDRSZ;

	if (size < 0)
		return false;
	/* a scale of 11 bits, with a sign */
	shape->mixed = false;
	shape->scale = ((size & 0x7ff) ^ 1024) - 1024;
	shape->digits = ((size >> 16) & 0xffff) - shape->scale;
	return shape->scale >= 0 && shape->digits >= 0;
}

static bool
shape_of_operator(const OpExpr *op, NumericShape *shape)
{
	char	   *name = get_opname(op->opno);
	NumericShape left,
				right;

	if (name == NULL || !remote_numeric_shape(linitial(op->args), &left))
		return false;
	*shape = left;
	if (list_length(op->args) == 1)
		return strcmp(name, "-") == 0 || strcmp(name, "+") == 0 || strcmp(name, "@") == 0;
	if (!remote_numeric_shape(lsecond(op->args), &right))
		return false;
	shape->mixed = left.mixed || right.mixed;
	if (strcmp(name, "*") == 0)
	{
		shape->digits = left.digits + right.digits;
		shape->scale = left.scale + right.scale;
		return true;
	}
	shape->digits = Max(left.digits, right.digits) + 1;
	shape->scale = Max(left.scale, right.scale);
	return strcmp(name, "+") == 0 || strcmp(name, "-") == 0;
}

/* The shape of values of which one is chosen; NULL is of every shape. */
static bool
shape_of_branches(List *branches, NumericShape *shape)
{
	ListCell   *lc;
	bool		found = false;

	foreach(lc, branches)
	{
		Node	   *node = lfirst(lc);
		NumericShape branch;

		if (IsA(node, Const) && ((Const *) node)->constisnull)
			continue;
		if (!remote_numeric_shape(node, &branch))
			return false;
		if (found)
		{
			branch.mixed |= shape->mixed || branch.scale != shape->scale;
			branch.digits = Max(branch.digits, shape->digits);
			branch.scale = Max(branch.scale, shape->scale);
		}
		*shape = branch;
		found = true;
	}
	return found;
}

static bool
shape_of_case(const CaseExpr *expr, NumericShape *shape)
{
	List	   *branches = list_make1(expr->defresult);
	ListCell   *lc;

	foreach(lc, expr->args)
		branches = lappend(branches, lfirst_node(CaseWhen, lc)->result);
	return shape_of_branches(branches, shape);
}

/* Of a whole number's cast. */
static bool
shape_of_function(const FuncExpr *func, NumericShape *shape)
{
	Oid			type = list_length(func->args) == 1 ? exprType(linitial(func->args)) : InvalidOid;

	shape->scale = 0;
	shape->mixed = false;
	shape->digits = type == INT2OID ? 5 : type == INT4OID ? 10 : 19;
	return (type == INT2OID || type == INT4OID || type == INT8OID) &&
		(func->funcformat == COERCE_EXPLICIT_CAST || func->funcformat == COERCE_IMPLICIT_CAST);
}

bool
remote_numeric_shape(Node *node, NumericShape *shape)
{
	if (exprType(node) != NUMERICOID)
		return false;
	switch (nodeTag(node))
	{
		case T_Const:
			return !((Const *) node)->constisnull && shape_of_constant((Const *) node, shape);
		case T_Var:
			return shape_of_modifier(((Var *) node)->vartypmod, shape);
		case T_RelabelType:
			return remote_numeric_shape((Node *) ((RelabelType *) node)->arg, shape);
		case T_FuncExpr:
			return shape_of_function((FuncExpr *) node, shape);
		case T_OpExpr:
			return shape_of_operator((OpExpr *) node, shape);
		case T_CaseExpr:
			return shape_of_case((CaseExpr *) node, shape);
		case T_CoalesceExpr:
			return shape_of_branches(((CoalesceExpr *) node)->args, shape);
		case T_NullIfExpr:
			return remote_numeric_shape(linitial(((NullIfExpr *) node)->args), shape);
		default:
			return false;
	}
}

static bool
varies_walker(Node *node, void *unused)
{
	NumericShape shape;

	if (node == NULL)
		return false;
	if ((IsA(node, CaseExpr) || IsA(node, CoalesceExpr)) && exprType(node) == NUMERICOID &&
		(!remote_numeric_shape(node, &shape) || shape.mixed))
		return true;
	return expression_tree_walker(node, varies_walker, unused);
}

bool
remote_scale_varies(Node *node)
{
	return varies_walker(node, NULL);
}

static Node *
integer(int value)
{
	return (Node *) makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(value), false, true);
}

static Node *
integer_operation(const char *name, Oid result, Node *left, Node *right)
{
	Oid			opno = GetSysCacheOid4(OPERNAMENSP, Anum_pg_operator_oid, CStringGetDatum(name), ObjectIdGetDatum(INT4OID),
									   ObjectIdGetDatum(INT4OID), ObjectIdGetDatum(PG_CATALOG_NAMESPACE));

	return (Node *) make_opclause(opno, result, false, (Expr *) left, (Expr *) right, InvalidOid, InvalidOid);
}

/* CASE of integers. */
static CaseExpr *
integer_case(void)
{
	CaseExpr   *expr = makeNode(CaseExpr);

	expr->casetype = INT4OID;
	expr->location = -1;
	return expr;
}

static void
add_when(CaseExpr *expr, Node *condition, Node *result)
{
	CaseWhen   *when = makeNode(CaseWhen);

	when->expr = (Expr *) condition;
	when->result = (Expr *) result;
	when->location = -1;
	expr->args = lappend(expr->args, when);
}

static Node *
scale_of_case(const CaseExpr *expr)
{
	CaseExpr   *scale = integer_case();
	ListCell   *lc;

	scale->arg = expr->arg;
	foreach(lc, expr->args)
	{
		CaseWhen   *when = lfirst_node(CaseWhen, lc);

		add_when(scale, (Node *) when->expr, remote_scale((Node *) when->result));
	}
	scale->defresult = (Expr *) remote_scale((Node *) expr->defresult);
	return (Node *) scale;
}

static Node *
scale_of_coalesce(const CoalesceExpr *expr)
{
	CaseExpr   *scale = integer_case();
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		NullTest   *test = makeNode(NullTest);

		test->arg = lfirst(lc);
		test->nulltesttype = IS_NOT_NULL;
		test->location = -1;
		add_when(scale, (Node *) test, remote_scale(lfirst(lc)));
	}
	scale->defresult = (Expr *) integer(0);
	return (Node *) scale;
}

/* Of a product it is the sum of both, of a sum the greater one. */
static Node *
scale_of_operator(const OpExpr *op)
{
	Node	   *left = remote_scale(linitial(op->args));
	Node	   *right;
	CaseExpr   *greater;

	if (list_length(op->args) == 1)
		return left;
	right = remote_scale(lsecond(op->args));
	if (strcmp(get_opname(op->opno), "*") == 0)
		return integer_operation("+", INT4OID, left, right);
	greater = integer_case();
	add_when(greater, integer_operation("<", BOOLOID, left, right), right);
	greater->defresult = (Expr *) left;
	return (Node *) greater;
}

Node *
remote_scale(Node *node)
{
	NumericShape shape;

	if (IsA(node, Const) && ((Const *) node)->constisnull)
		return integer(0);
	if (!remote_numeric_shape(node, &shape))
		elog(ERROR, "the scale of a number is not known");
	if (!shape.mixed)
		return integer(shape.scale);
	switch (nodeTag(node))
	{
		case T_RelabelType:
			return remote_scale((Node *) ((RelabelType *) node)->arg);
		case T_OpExpr:
			return scale_of_operator((OpExpr *) node);
		case T_CaseExpr:
			return scale_of_case((CaseExpr *) node);
		case T_CoalesceExpr:
			return scale_of_coalesce((CoalesceExpr *) node);
		case T_NullIfExpr:
			return remote_scale(linitial(((NullIfExpr *) node)->args));
		default:
			elog(ERROR, "the scale of a number is not known");
	}
}

bool
remote_numeric_grows(Node *node)
{
	return IsA(node, OpExpr) || IsA(node, CaseExpr) || IsA(node, CoalesceExpr) || IsA(node, NullIfExpr);
}
