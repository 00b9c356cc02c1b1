/*
 * remote_numeric.c: tells how many digits numeric expressions can have, for sources whose numbers have a limited size.
 *
 * Where it is known, the source's result has the digits behind the point that PostgreSQL's has, so that it reads the same.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "fdw.h"

static bool
shape_of_constant(const Const *constant, NumericShape *shape)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, constant->constvalue));
	char	   *point = strchr(text, '.');

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
		if (!remote_numeric_shape(node, &branch) || (found && branch.scale != shape->scale))
			return false;
		branch.digits = Max(branch.digits, found ? shape->digits : 0);
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

bool
remote_numeric_grows(Node *node)
{
	return IsA(node, OpExpr) || IsA(node, CaseExpr) || IsA(node, CoalesceExpr) || IsA(node, NullIfExpr);
}
