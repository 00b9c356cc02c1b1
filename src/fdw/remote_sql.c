/*
 * remote_sql.c: writes SQL for a source in its dialect, and knows what may be sent.
 *
 * What is sent gives PostgreSQL's own answer, or a superset of it that is checked again here. Which operators do is
 * data of the dialect (CkSqlRule); a source that is PostgreSQL itself also takes everything that is built in, immutable
 * and without a collation.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "fdw.h"
#include "rules.h"
#include "value.h"

/* Elements of a constant list that are sent; longer lists are looked through here. */
#define LIST_LIMIT 1000
/* Conditions that are joined in one pair of parentheses, and levels of them: parsers have a limited depth. */
#define JOINT_LIMIT 50
#define DEPTH_LIMIT 20

static bool sql_condition(RemoteSql *sql, Node *node, bool positive);
static bool sql_single_condition(RemoteSql *sql, Node *node, bool positive);

/*
 * True where the expression has the same value for every row of the tables, so that it can be computed here and sent.
 */
static bool
is_parameter(RemoteSql *sql, Node *node)
{
	return !bms_overlap(sql->relids, pull_varnos(sql->root, node)) && !contain_volatile_functions(node) &&
		!contain_subplans(node) && !contain_aggs_of_level(node, 0) && !contain_windowfuncs(node) &&
		!expression_returns_set(node);
}

void
remote_placeholder(RemoteSql *sql, Expr *value)
{
	ListCell   *lc;
	int			index = 0;

	foreach(lc, sql->params)
	{
		index++;
		if (equal(lfirst(lc), value))
			break;
	}
	if (lc == NULL)
	{
		sql->params = lappend(sql->params, value);
		index = list_length(sql->params);
	}
	sql->parameters = true;
	sql->unsure |= !IsA(value, Const) && !sql->dialect->native;
	if (!sql->dialect->numbered)
	{
		sql->places = lappend_int(sql->places, index);
		appendStringInfoChar(sql->text, '?');
		return;
	}
	while (list_length(sql->places) < index)
		sql->places = lappend_int(sql->places, list_length(sql->places) + 1);
	appendStringInfo(sql->text, "$%d", index);
	if (sql->dialect->native)
		appendStringInfo(sql->text, "::%s", remote_type_name(getBaseType(exprType((Node *) value))));
}

/* A constant as PostgreSQL writes it in any session: '…'::type. */
static void
native_literal(RemoteSql *sql, Const *constant)
{
	Oid			output;
	bool		varlena;
	char	   *text;
	int			nest = NewGUCNestLevel();

	(void) set_config_option("datestyle", "ISO", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("intervalstyle", "postgres", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("extra_float_digits", "3", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("bytea_output", "hex", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	getTypeOutputInfo(constant->consttype, &output, &varlena);
	text = OidOutputFunctionCall(output, constant->constvalue);
	AtEOXact_GUC(true, nest);
	appendStringInfo(sql->text, "%s::%s", quote_literal_cstr(text), remote_type_name(getBaseType(constant->consttype)));
}

static bool
sql_constant(RemoteSql *sql, Const *constant)
{
	CkValue		value;

	if (constant->constisnull)
		return false;
	switch (constant->consttype)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			{
				value_from_datum(&value, constant->consttype, constant->constvalue, false, false);
				if (value.u.i == PG_INT64_MIN)
					break;		/* no literal of its own: it reads as minus of a number out of range */
				appendStringInfo(sql->text, value.u.i < 0 ? "(" INT64_FORMAT ")" : INT64_FORMAT, value.u.i);
				if (sql->dialect->native)
					appendStringInfo(sql->text, "::%s", remote_type_name(constant->consttype));
				return true;
			}
	}
	if (sql->dialect->native)
	{
		/* money is written by the locale of the session that reads it */
		if (!value_type_is_native(constant->consttype) || constant->consttype == MONEYOID)
			return false;
		native_literal(sql, constant);
		return true;
	}
	value_from_datum(&value, constant->consttype, constant->constvalue, false, false);
	if (!value_within(&value, &sql->dialect->limits))
		return false;
	remote_placeholder(sql, (Expr *) constant);
	return true;
}

/* Writes what stands before condition number i of a row of count, from 0 on, that are joined by AND or OR; at the end
 * what stands behind the last. */
void
remote_joint(StringInfo text, const char *joint, int i, int count)
{
	bool		groups = count > JOINT_LIMIT;

	if (i == 0)
		appendStringInfoString(text, groups ? "((" : "(");
	else if (i == count)
		appendStringInfoString(text, groups ? "))" : ")");
	else
		appendStringInfo(text, i % JOINT_LIMIT == 0 ? ") %s (" : " %s ", joint);
}

/* Writes the elements of a list, divided by commas. */
static bool
sql_elements(RemoteSql *sql, List *values)
{
	ListCell   *lc;

	foreach(lc, values)
	{
		if (lc != list_head(values))
			appendStringInfoString(sql->text, ", ");
		if (!remote_value(sql, lfirst(lc)))
			return false;
	}
	return true;
}

/* Writes a rule's template; args are written anew wherever they stand. With list, that is what %2 stands for. */
bool
remote_template(RemoteSql *sql, const char *template, const char *name, List *args, List *list)
{
	if (template == NULL)
		template = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name) ?
			(list_length(args) == 1 ? "%o(%1)" : list_length(args) == 2 ? "%o(%1, %2)" : "%o(%1, %2, %3)") :
			(list_length(args) == 1 ? "(%o %1)" : "(%1 %o %2)");
	for (const char *c = template; *c; c++)
	{
		if (*c != '%')
			appendStringInfoChar(sql->text, *c);
		else if (*++c == 'o')
			appendStringInfoString(sql->text, name);
		else if (*c == '2' && list)
		{
			if (!sql_elements(sql, list))
				return false;
		}
		else if (*c >= '1' && *c <= '9' && *c - '0' <= list_length(args))
		{
			if (!remote_value(sql, list_nth(args, *c - '1')))
				return false;
		}
		else if (*c == '%')
			appendStringInfoChar(sql->text, '%');
		else
			elog(ERROR, "the pushdown template \"%s\" is malformed", template);
	}
	return true;
}

/* True where the rule may be used in this place, and notes what it means. */
static bool
rule_usable(RemoteSql *sql, const CkSqlRule *rule, Oid collation, bool positive)
{
	if (!rules_locale_fits(rule, collation) || (rule->fidelity != CK_EXACT && !positive))
		return false;
	if (rule->fidelity == CK_SUPERSET)
		sql->superset = true;
	return true;
}

/* Functions whose last digits are up to the C library or the version: what compares with them may come out otherwise. */
static bool
native_result_varies(Oid function)
{
	static const char *const names[] = {
		"exp", "dexp", "ln", "dlog1", "log", "log10", "dlog10", "pow", "power", "dpow", "cbrt", "dcbrt", "sin", "cos",
		"tan", "cot", "asin", "acos", "atan", "atan2", "sind", "cosd", "tand", "cotd", "asind", "acosd", "atand",
		"atan2d", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "degrees", "radians", "erf", "erfc", "gamma",
		"lgamma", "numeric_exp", "numeric_ln", "numeric_log", "numeric_power"
	};
	char	   *name = get_func_name(function);

	for (int i = 0; name && i < lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Built in, immutable, and of types that mean the same on every PostgreSQL server. */
static bool
native_function_fits(Oid function, List *args, Oid result)
{
	ListCell   *lc;

	if (function >= FirstGenbkiObjectId || func_volatile(function) != PROVOLATILE_IMMUTABLE ||
		native_result_varies(function) || get_func_retset(function) || !value_type_is_native(result))
		return false;
	foreach(lc, args)
		if (!value_type_is_native(exprType(lfirst(lc))))
		return false;
	return true;
}

/* True for comparisons that depend on the default collation of the database, though they have none: jsonb's. */
static bool
native_order_differs(Oid opno, List *args)
{
	Oid			type = getBaseType(exprType(linitial(args)));
	char	   *name = get_opname(opno);

	if (type == JSONBARRAYOID)
		return true;
	return type == JSONBOID && (name[0] == '<' || name[0] == '>') && strcmp(name, "<>") != 0 && strcmp(name, "<@") != 0;
}

static bool
sql_operator(RemoteSql *sql, Oid opno, List *args, Oid collation, bool positive)
{
	const CkSqlRule *rule;
	const char *name;
	Oid			commutator;

	/* the column comes first, so that a rule need not think of both orders */
	if (list_length(args) == 2 && is_parameter(sql, linitial(args)) && !is_parameter(sql, lsecond(args)) &&
		OidIsValid(commutator = get_commutator(opno)))
	{
		args = list_make2(lsecond(args), linitial(args));
		opno = commutator;
	}
	rule = rules_find(sql->dialect, RULE_OPERATOR, opno, &name);
	if (rule)
		return rule_usable(sql, rule, collation, positive) && remote_template(sql, rule->remote, name, args, NULL);
	if (!sql->dialect->native || OidIsValid(collation) || opno >= FirstGenbkiObjectId ||
		native_order_differs(opno, args) ||
		!native_function_fits(get_opcode(opno), args, get_op_rettype(opno)))
		return false;
	return remote_template(sql, NULL, get_opname(opno), args, NULL);
}

static bool
sql_function(RemoteSql *sql, FuncExpr *func, bool positive)
{
	const CkSqlRule *rule;
	const char *name;
	int32		typmod;

	rule = rules_find(sql->dialect, RULE_FUNCTION, func->funcid, &name);
	if (rule)
		return rule_usable(sql, rule, func->inputcollid, positive) &&
			remote_template(sql, rule->remote, name, func->args, NULL);
	if (!sql->dialect->native || OidIsValid(func->inputcollid) || func->funcvariadic ||
		!native_function_fits(func->funcid, func->args, func->funcresulttype))
		return false;
	if (func->funcformat == COERCE_EXPLICIT_CAST || func->funcformat == COERCE_IMPLICIT_CAST)
	{
		if (exprIsLengthCoercion((Node *) func, &typmod))
			return false;
		if (!remote_value(sql, linitial(func->args)))
			return false;
		appendStringInfo(sql->text, "::%s", remote_type_name(func->funcresulttype));
		return true;
	}
	appendStringInfo(sql->text, "%s(", quote_identifier(get_func_name(func->funcid)));
	if (!sql_elements(sql, func->args))
		return false;
	appendStringInfoChar(sql->text, ')');
	return true;
}

/* True for an = of which the dialect knows, and no user's operator of that name. */
bool
remote_ruled_equality(const CkSql *dialect, Oid operator)
{
	const char *name;

	return rules_find(dialect, RULE_OPERATOR, operator, &name) != NULL && strcmp(name, "=") == 0;
}

/* column = ANY (list): by the dialect's rule for lists, or an OR of single comparisons. */
static bool
sql_list(RemoteSql *sql, ScalarArrayOpExpr *expr, bool positive)
{
	Const	   *array = lsecond(expr->args);
	Node	   *scalar = linitial(expr->args);
	const CkSqlRule *rule;
	Oid			type;
	int16		length;
	bool		byval;
	char		align;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	List	   *values = NIL;
	ListCell   *lc;

	if (!expr->useOr || !IsA(array, Const) || array->constisnull)
		return false;
	type = get_element_type(array->consttype);
	if (!OidIsValid(type) || get_op_rettype(expr->opno) != BOOLOID)
		return false;
	get_typlenbyvalalign(type, &length, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(array->constvalue), type, length, byval, align, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			values = lappend(values, makeConst(type, -1, array->constcollid, length, elements[i], false, byval));
		else if (!positive)
			return false;		/* it makes the answer NULL, not false */
	}
	if (values == NIL || list_length(values) > LIST_LIMIT)
		return false;

	rule = rules_find(sql->dialect, RULE_IN, type, NULL);
	if (rule && remote_ruled_equality(sql->dialect, expr->opno))
		return rule_usable(sql, rule, expr->inputcollid, positive) &&
			remote_template(sql, rule->remote ? rule->remote : "%1 IN (%2)", "in", list_make1(scalar), values);
	foreach(lc, values)
	{
		remote_joint(sql->text, "OR", foreach_current_index(lc), list_length(values));
		if (!sql_operator(sql, expr->opno, list_make2(scalar, lfirst(lc)), expr->inputcollid, positive))
			return false;
	}
	remote_joint(sql->text, "OR", list_length(values), list_length(values));
	return true;
}

static bool
sql_array_operator(RemoteSql *sql, ScalarArrayOpExpr *expr, bool positive)
{
	const CkSql *dialect = sql->dialect;

	if (dialect->native && !OidIsValid(expr->inputcollid) && expr->opno < FirstGenbkiObjectId &&
		native_function_fits(get_opcode(expr->opno), expr->args, BOOLOID))
	{
		appendStringInfoChar(sql->text, '(');
		if (!remote_value(sql, linitial(expr->args)))
			return false;
		appendStringInfo(sql->text, " %s %s (", get_opname(expr->opno), expr->useOr ? "ANY" : "ALL");
		if (!remote_value(sql, lsecond(expr->args)))
			return false;
		appendStringInfoString(sql->text, "))");
		return true;
	}
	return sql_list(sql, expr, positive);
}

/*
 * Writes an expression as a value. What it holds is exact, since nothing checks a value again.
 */
bool
remote_value(RemoteSql *sql, Node *node)
{
	const CkSql *dialect = sql->dialect;

	if (sql->keys > 0 && node == list_nth(sql->params, sql->keys - 1))
	{
		remote_placeholder(sql, (Expr *) node);
		return true;
	}
	if (IsA(node, Const))
		return sql_constant(sql, (Const *) node);
	if (is_parameter(sql, node))
	{
		Oid			type = exprType(node);

		if (dialect->native ? !value_type_is_native(type) : value_type_for(type) == CK_NATIVE)
			return false;
		remote_placeholder(sql, (Expr *) node);
		return true;
	}
	switch (nodeTag(node))
	{
		case T_Var:
			{
				Var		   *var = (Var *) node;

				if (!bms_is_member(var->varno, sql->relids) || var->varlevelsup > 0 || var->varattno <= 0)
					return false;
				if (dialect->native && !value_type_is_native(var->vartype))
					return false;
				if (sql->bytewise && OidIsValid(var->varcollid))
				{
					appendStringInfoChar(sql->text, '(');
					remote_column(sql->text, fdw_table(sql->root, var->varno), sql->qualified ? var->varno : 0, var->varattno);
					appendStringInfoString(sql->text, " COLLATE \"C\")");
				}
				else
					remote_column(sql->text, fdw_table(sql->root, var->varno), sql->qualified ? var->varno : 0, var->varattno);
				return true;
			}
		case T_RelabelType:
			{
				Node	   *arg = (Node *) ((RelabelType *) node)->arg;
				Oid			type = getBaseType(exprType(node));

				if (!remote_value(sql, arg))
					return false;
				/* another type has other operators of the same name */
				if (dialect->native && type != getBaseType(exprType(arg)))
					appendStringInfo(sql->text, "::%s", remote_type_name(type));
				return !dialect->native || value_type_is_native(type);
			}
		case T_OpExpr:
			return sql_operator(sql, ((OpExpr *) node)->opno, ((OpExpr *) node)->args, ((OpExpr *) node)->inputcollid,
								false);
		case T_FuncExpr:
			return sql_function(sql, (FuncExpr *) node, false);
		default:
			return false;
	}
}

static bool
sql_null_test(RemoteSql *sql, NullTest *test, bool positive)
{
	bool		null = test->nulltesttype == IS_NULL;
	const CkSqlRule *rule;
	Node	   *arg = (Node *) test->arg;

	if (test->argisrow)
		return false;
	rule = rules_find(sql->dialect, null ? RULE_IS_NULL : RULE_IS_NOT_NULL, getBaseType(exprType(arg)), NULL);
	if (rule)
		return rule->remote && rule_usable(sql, rule, InvalidOid, positive) &&
			remote_template(sql, rule->remote, "", list_make1(arg), NULL);
	appendStringInfoChar(sql->text, '(');
	if (IsA(arg, Var) && bms_is_member(((Var *) arg)->varno, sql->relids) && ((Var *) arg)->varattno > 0)
		remote_bare_column(sql->text, fdw_table(sql->root, ((Var *) arg)->varno), sql->qualified ? ((Var *) arg)->varno : 0,
						   ((Var *) arg)->varattno);
	else if (!remote_value(sql, arg))
		return false;
	appendStringInfoString(sql->text, null ? " IS NULL)" : " IS NOT NULL)");
	return true;
}

static bool
sql_bool_expr(RemoteSql *sql, BoolExpr *expr, bool positive)
{
	ListCell   *lc;
	const char *joint = expr->boolop == AND_EXPR ? "AND" : "OR";

	if (expr->boolop == NOT_EXPR)
	{
		appendStringInfoString(sql->text, "(NOT ");
		if (!sql_condition(sql, linitial(expr->args), false))
			return false;
		appendStringInfoChar(sql->text, ')');
		return true;
	}
	foreach(lc, expr->args)
	{
		remote_joint(sql->text, joint, foreach_current_index(lc), list_length(expr->args));
		if (!sql_condition(sql, lfirst(lc), positive))
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

	appendStringInfoChar(sql->text, '(');
	if (!sql_condition(sql, (Node *) test->arg, false))
		return false;
	appendStringInfoString(sql->text, tests[test->booltesttype]);
	return true;
}

/* True where the expression holds different text columns of the table, which may have different collations there. */
bool
remote_mixes_collations(RemoteSql *sql, Node *node)
{
	List	   *vars = pull_var_clause(node, PVC_INCLUDE_PLACEHOLDERS);
	Var		   *first = NULL;
	ListCell   *lc;

	foreach(lc, vars)
	{
		if (!OidIsValid(exprCollation(lfirst(lc))) || !IsA(lfirst(lc), Var) ||
			!bms_is_member(lfirst_node(Var, lc)->varno, sql->relids))
			continue;
		if (first && !equal(first, lfirst(lc)))
			return true;
		first = lfirst(lc);
	}
	return false;
}

/*
 * Writes a condition. In a positive place a superset is allowed: more rows pass, none is lost.
 */
static bool
sql_condition(RemoteSql *sql, Node *node, bool positive)
{
	bool		outer = sql->bytewise;
	bool		written;

	if (sql->depth >= DEPTH_LIMIT)
		return false;
	sql->depth++;
	sql->bytewise = outer || (sql->dialect->native && !IsA(node, BoolExpr) && remote_mixes_collations(sql, node));
	written = sql_single_condition(sql, node, positive);
	sql->bytewise = outer;
	sql->depth--;
	return written;
}

/* The same by kinds of nodes, with what is known of its columns' collations. */
static bool
sql_single_condition(RemoteSql *sql, Node *node, bool positive)
{
	const CkSqlRule *rule;

	switch (nodeTag(node))
	{
		case T_BoolExpr:
			return sql_bool_expr(sql, (BoolExpr *) node, positive);
		case T_OpExpr:
			return sql_operator(sql, ((OpExpr *) node)->opno, ((OpExpr *) node)->args, ((OpExpr *) node)->inputcollid,
								positive);
		case T_FuncExpr:
			return sql_function(sql, (FuncExpr *) node, positive);
		case T_ScalarArrayOpExpr:
			return sql_array_operator(sql, (ScalarArrayOpExpr *) node, positive);
		case T_NullTest:
			return sql_null_test(sql, (NullTest *) node, positive);
		case T_BooleanTest:
			return sql_boolean_test(sql, (BooleanTest *) node);
		case T_Var:
			if (((Var *) node)->vartype != BOOLOID)
				return false;
			if (sql->dialect->native)
				return remote_value(sql, node);
			rule = rules_find(sql->dialect, RULE_BOOL, BOOLOID, NULL);
			return rule && rule_usable(sql, rule, InvalidOid, positive) &&
				remote_template(sql, rule->remote, "", list_make1(node), NULL);
		default:
			return false;
	}
}

Pushed
remote_judge(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *condition)
{
	StringInfoData scratch;
	RemoteSql	sql = {.dialect = dialect, .root = root, .relids = relids, .text = &scratch};

	if (dialect == NULL)
		return PUSHED_NOT;
	initStringInfo(&scratch);
	if (!bms_overlap(relids, pull_varnos(root, (Node *) condition)) ||
		contain_volatile_functions((Node *) condition) || !sql_condition(&sql, (Node *) condition, true))
		return PUSHED_NOT;
	return sql.superset ? PUSHED_SUPERSET : PUSHED_EXACT;
}

void
remote_condition(RemoteSql *sql, Expr *condition)
{
	if (!sql_condition(sql, (Node *) condition, true))
		elog(ERROR, "a condition that was judged fit cannot be written");
}
