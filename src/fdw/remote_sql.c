/*
 * remote_sql.c: writes SQL for a source in its dialect: values that are sent, operators and functions by their rules.
 *
 * What is sent gives PostgreSQL's own answer, or a superset of it that is checked again here. Which operators do is
 * data of the dialect (CkSqlRule); a source that is PostgreSQL itself also takes everything that is built in, immutable
 * and without a collation.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_collation.h"
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
/* Conditions that are joined in one pair of parentheses: parsers have a limited depth. */
#define JOINT_LIMIT 50

bool
remote_parameter(RemoteSql *sql, Node *node)
{
	return !bms_overlap(sql->relids, pull_varnos(sql->root, node)) && !contain_volatile_functions(node) &&
		!contain_subplans(node) && !contain_aggs_of_level(node, 0) && !contain_windowfuncs(node) &&
		!expression_returns_set(node) && !remote_has_outer(sql, node);
}

Index
remote_alias(RemoteSql *sql, Index varno)
{
	return sql->qualified ? sql->aliases + varno : 0;
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
	sql->unsure |= !IsA(value, Const) && !sql->dialect->native &&
		!value_type_within(value_type_for(exprType((Node *) value)), &sql->dialect->limits);
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

bool
remote_constant(RemoteSql *sql, Const *constant)
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

/* Writes the digits and the scale of a numeric value. */
static bool
sql_digits(RemoteSql *sql, Node *node)
{
	NumericShape shape;

	if (!remote_numeric_shape(node, &shape))
		return false;
	appendStringInfo(sql->text, "%d,%d", Max(shape.digits + shape.scale, 1), shape.scale);
	return true;
}

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
		else if (*c == 'w' && sql->over)
			appendStringInfoString(sql->text, sql->over);
		else if (*c == 'n')
		{
			if (!sql_digits(sql, list_nth(args, *++c - '1')))
				return false;
		}
		else if (*c == '%')
			appendStringInfoChar(sql->text, '%');
		else
			elog(ERROR, "the pushdown template \"%s\" is malformed", template);
	}
	return true;
}

bool
remote_rule_usable(RemoteSql *sql, const CkSqlRule *rule, Oid collation, Place place)
{
	if (!rules_locale_fits(rule, collation) || (rule->fidelity == CK_FILTER && place == PLACE_VALUE) ||
		(rule->fidelity == CK_SUPERSET && place != PLACE_FILTER))
		return false;
	if (rule->fidelity == CK_SUPERSET)
		sql->superset = true;
	if (rule->raises)
		sql->raises = true;
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

bool
remote_native_operator(RemoteSql *sql, Oid opno, List *args)
{
	return sql->dialect->native && opno < FirstGenbkiObjectId && !native_order_differs(opno, args) &&
		native_function_fits(get_opcode(opno), args, get_op_rettype(opno));
}

static bool
is_column(RemoteSql *sql, Node *node)
{
	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return IsA(node, Var) || remote_has_outer(sql, node);
}

/*
 * Two text columns that are equal, at PostgreSQL. Their own collations may be in conflict; that of the database never is, takes
 * different strings for different, and most likely is the one of the columns' indexes.
 */
static bool
native_text_equality(RemoteSql *sql, List *args)
{
	bool		written;

	sql->collation = "default";
	written = remote_template(sql, "(%1 = %2)", "=", args, NULL);
	sql->collation = "C";
	return written;
}

/*
 * The collation under which text of a column is compared with a value, once, at PostgreSQL: the column's own here, where it takes
 * different strings for different anywhere and most likely is the one of the column, and its indexes, there. NULL for others.
 */
static const char *
native_collation(RemoteSql *sql, Oid collation)
{
	if (!sql->dialect->native)
		return NULL;
	return collation == DEFAULT_COLLATION_OID ? "default" : collation == C_COLLATION_OID ? "C" : NULL;
}

bool
remote_operator(RemoteSql *sql, Oid opno, List *args, Oid collation, Place place)
{
	const CkSqlRule *rule;
	const char *name;
	Oid			commutator;

	/* the column comes first, so that a rule need not think of both orders */
	if (list_length(args) == 2 && remote_parameter(sql, linitial(args)) && !remote_parameter(sql, lsecond(args)) &&
		OidIsValid(commutator = get_commutator(opno)))
	{
		args = list_make2(lsecond(args), linitial(args));
		opno = commutator;
	}
	rule = rules_find_call(sql->dialect, RULE_OPERATOR, opno, args, &name);
	/* of arrays, the rule is for those of text */
	if (rule == NULL || (sql->dialect->native && rule->locale != CK_NO_LOCALE && !OidIsValid(collation)))
		return !OidIsValid(collation) && remote_native_operator(sql, opno, args) &&
			remote_template(sql, NULL, get_opname(opno), args, NULL);
	if (!remote_rule_usable(sql, rule, collation, place))
		return false;
	if (sql->collation && strcmp(name, "=") == 0 && is_column(sql, linitial(args)) &&
		is_column(sql, lsecond(args)))
		return native_text_equality(sql, args);
	if (strcmp(name, "=") == 0 && native_collation(sql, collation) && remote_parameter(sql, lsecond(args)))
		return remote_template(sql, psprintf("(%%1 COLLATE \"%s\" = %%2)", native_collation(sql, collation)), name, args, NULL);
	return remote_template(sql, rule->remote, name, args, NULL);
}

/* True for text above a grouping that is cast, at PostgreSQL, which puts the COLLATE of a key behind the cast and sees no key. */
static bool
hides_key(RemoteSql *sql, Node *arg)
{
	return sql->group && !sql->group->nested && sql->dialect->native && OidIsValid(exprCollation(arg));
}

bool
remote_conversion(RemoteSql *sql, Node *arg, Oid type, Oid collation, Place place)
{
	const CkSqlRule *rule = rules_find_cast(sql->dialect, getBaseType(exprType(arg)), type);

	return rule && !hides_key(sql, arg) && remote_rule_usable(sql, rule, collation, place) &&
		remote_template(sql, rule->remote ? rule->remote : "%1", "cast", list_make1(arg), NULL);
}

/* A function that is built in at the source as well. */
static bool
native_function(RemoteSql *sql, FuncExpr *func)
{
	int32		typmod;

	if (OidIsValid(func->inputcollid) || func->funcvariadic ||
		!native_function_fits(func->funcid, func->args, func->funcresulttype))
		return false;
	if (func->funcformat == COERCE_EXPLICIT_CAST || func->funcformat == COERCE_IMPLICIT_CAST)
	{
		if (exprIsLengthCoercion((Node *) func, &typmod))
			return false;
		if (hides_key(sql, linitial(func->args)) || !remote_value(sql, linitial(func->args)))
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

bool
remote_function(RemoteSql *sql, FuncExpr *func, Place place)
{
	const char *name;
	const CkSqlRule *rule = rules_find_call(sql->dialect, RULE_FUNCTION, func->funcid, func->args, &name);

	if (rule)
		return remote_rule_usable(sql, rule, func->inputcollid, place) &&
			remote_template(sql, rule->remote, name, func->args, NULL);
	if (list_length(func->args) == 1 &&
		(func->funcformat == COERCE_EXPLICIT_CAST || func->funcformat == COERCE_IMPLICIT_CAST) &&
		rules_find_cast(sql->dialect, getBaseType(exprType(linitial(func->args))), func->funcresulttype))
		return remote_conversion(sql, linitial(func->args), func->funcresulttype, func->inputcollid, place);
	return sql->dialect->native && native_function(sql, func);
}

/* True for an = of which the dialect knows, and no user's operator of that name. */
bool
remote_ruled_equality(const CkSql *dialect, Oid operator)
{
	const char *name;

	return rules_find(dialect, RULE_OPERATOR, operator, &name) != NULL && strcmp(name, "=") == 0;
}

/* The elements of a constant array that are not NULL; *nulls: whether there are others. */
static List *
array_elements(Const *array, Oid type, bool *nulls)
{
	int16		length;
	bool		byval;
	char		align;
	Datum	   *elements;
	bool	   *isnull;
	int			count;
	List	   *values = NIL;

	get_typlenbyvalalign(type, &length, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(array->constvalue), type, length, byval, align, &elements, &isnull, &count);
	*nulls = false;
	for (int i = 0; i < count; i++)
	{
		if (isnull[i])
			*nulls = true;
		else
			values = lappend(values, makeConst(type, -1, array->constcollid, length, elements[i], false, byval));
	}
	return values;
}

/* column = ANY (list) and column <> ALL (list), by the dialect's rule for lists. False, and nothing written, without one. */
static bool
sql_in(RemoteSql *sql, ScalarArrayOpExpr *expr, Oid type, List *values, Place place, bool *written)
{
	const CkSqlRule *rule = rules_find(sql->dialect, RULE_IN, type, NULL);
	Oid			equality = expr->useOr ? expr->opno : get_negator(expr->opno);
	const char *collation = native_collation(sql, expr->inputcollid);

	if (rule == NULL || !OidIsValid(equality) || !remote_ruled_equality(sql->dialect, equality) ||
		!remote_rule_usable(sql, rule, expr->inputcollid, expr->useOr ? place : PLACE_VALUE))
		return false;
	if (!expr->useOr)
		appendStringInfoString(sql->text, "(NOT ");
	*written = remote_template(sql, collation ? psprintf("(%%1 COLLATE \"%s\" IN (%%2))", collation) :
							   rule->remote ? rule->remote : "(%1 IN (%2))", "in", list_make1(linitial(expr->args)), values);
	if (!expr->useOr)
		appendStringInfoChar(sql->text, ')');
	return true;
}

/* A comparison with the elements of a constant array: by the rule for lists, or one by one. */
static bool
sql_list(RemoteSql *sql, ScalarArrayOpExpr *expr, Place place)
{
	Const	   *array = lsecond(expr->args);
	const char *joint = expr->useOr ? "OR" : "AND";
	Oid			type;
	List	   *values;
	ListCell   *lc;
	bool		nulls,
				written;

	if (!IsA(array, Const) || array->constisnull)
		return false;
	type = get_element_type(array->consttype);
	if (!OidIsValid(type) || get_op_rettype(expr->opno) != BOOLOID)
		return false;
	values = array_elements(array, type, &nulls);
	/* a NULL in it makes the answer NULL, not false; and false or NULL, not true */
	if (values == NIL || list_length(values) > LIST_LIMIT || (nulls && (place == PLACE_VALUE || !expr->useOr)))
		return false;
	if (sql_in(sql, expr, type, values, place, &written))
		return written;
	foreach(lc, values)
	{
		remote_joint(sql->text, joint, foreach_current_index(lc), list_length(values));
		if (!remote_operator(sql, expr->opno, list_make2(linitial(expr->args), lfirst(lc)), expr->inputcollid, place))
			return false;
	}
	remote_joint(sql->text, joint, list_length(values), list_length(values));
	return true;
}

/* The template with ANY (%2) or ALL (%2) in the place of %2. */
static char *
quantified(const char *template, const char *quantifier)
{
	StringInfoData text;

	initStringInfo(&text);
	for (const char *c = template; *c; c++)
	{
		if (strncmp(c, "%2", 2) == 0)
			appendStringInfo(&text, "%s (%%2)", quantifier), c++;
		else
			appendStringInfoChar(&text, *c);
	}
	return text.data;
}

bool
remote_array_operator(RemoteSql *sql, ScalarArrayOpExpr *expr, Place place)
{
	const CkSqlRule *rule;
	const char *name;
	const char *quantifier = expr->useOr ? "ANY" : "ALL";
	Node	   *array = lsecond(expr->args);

	if (!sql->dialect->native || expr->opno >= FirstGenbkiObjectId || !value_type_is_native(exprType(array)))
		return sql_list(sql, expr, place);
	if (!OidIsValid(expr->inputcollid))
		return native_function_fits(get_opcode(expr->opno), expr->args, BOOLOID) &&
			remote_template(sql, quantified("(%1 %o %2)", quantifier), get_opname(expr->opno), expr->args, NULL);
	if (IsA(array, Const))
		return sql_list(sql, expr, place);
	rule = rules_find(sql->dialect, RULE_OPERATOR, expr->opno, &name);
	return rule && remote_rule_usable(sql, rule, expr->inputcollid, place) &&
		remote_template(sql, quantified(rule->remote ? rule->remote : "(%1 %o %2)", quantifier), name, expr->args, NULL);
}

/* True where a condition has a sub-select, or equates one of these columns with a value or another column. */
static bool
replaces_walker(Node *node, Bitmapset *columns)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2 && strcmp(get_opname(((OpExpr *) node)->opno), "=") == 0)
		for (int i = 0; i < 2; i++)
		{
			Var		   *column = list_nth(((OpExpr *) node)->args, i);
			Node	   *other = list_nth(((OpExpr *) node)->args, 1 - i);

			if (IsA(column, Var) && (IsA(other, Var) || !contain_var_clause(other)) &&
				bms_is_member(column->varattno - FirstLowInvalidHeapAttributeNumber, columns))
				return true;
		}
	return expression_tree_walker(node, replaces_walker, (void *) columns);
}

/*
 * True where the source may compute a condition for values that the table does not have: where it joins tables, be it with those
 * of a sub-select, or puts a value that a column is equal to in the place of the column.
 */
static bool
may_replace_columns(PlannerInfo *root, Relids relids, Expr *condition)
{
	Bitmapset  *columns = NULL;
	Index		varno = (Index) bms_next_member(relids, -1);
	ListCell   *lc;

	if (bms_membership(relids) == BMS_MULTIPLE)
		return true;
	pull_varattnos((Node *) condition, varno, &columns);
	if (replaces_walker((Node *) condition, columns))
		return true;
	foreach(lc, find_base_rel(root, (int) varno)->baserestrictinfo)
		if (replaces_walker((Node *) lfirst_node(RestrictInfo, lc)->clause, columns))
			return true;
	return false;
}

bool
remote_may_raise(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *condition)
{
	StringInfoData scratch;
	RemoteSql	sql = {.dialect = dialect, .root = root, .relids = relids, .text = &scratch};

	if (dialect->filter)
		return false;
	initStringInfo(&scratch);
	(void) remote_test(&sql, (Node *) condition, PLACE_FILTER);
	return sql.raises;
}

Pushed
remote_judge(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *condition)
{
	StringInfoData scratch;
	RemoteSql	sql = {.dialect = dialect, .root = root, .relids = relids, .text = &scratch};
	Relids		varnos;

	if (dialect == NULL)
		return PUSHED_NOT;
	if (dialect->filter)
		return remote_filter_judge(root, relids, dialect, condition);
	initStringInfo(&scratch);
	varnos = pull_varnos(root, (Node *) condition);
	/* a sub-select is not asked for values of tables elsewhere: it would have to be here as well, for rows checked again */
	if (!bms_overlap(relids, varnos) || (contain_subplans((Node *) condition) && !bms_is_subset(varnos, relids)) ||
		contain_volatile_functions((Node *) condition) || !remote_test(&sql, (Node *) condition, PLACE_FILTER))
		return PUSHED_NOT;
	if (sql.raises && may_replace_columns(root, relids, condition))
		return PUSHED_NOT;
	return sql.superset ? PUSHED_SUPERSET : PUSHED_EXACT;
}

void
remote_condition(RemoteSql *sql, Expr *condition)
{
	if (sql->dialect->filter)
	{
		remote_filter_write(sql, condition);
		return;
	}
	if (remote_test(sql, (Node *) condition, PLACE_FILTER))
		return;
	sql->failed = true;
	if (sql->outer == NULL)
		elog(ERROR, "a condition that was judged fit cannot be written");
}
