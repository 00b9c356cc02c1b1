/*
 * remote_sql.c: writes SQL for a source in its dialect, and knows what may be sent.
 *
 * What is sent gives PostgreSQL's own answer, or a superset of it that is checked again here. Which operators do is
 * data of the dialect (CkSqlRule); a source that is PostgreSQL itself also takes everything that is built in, immutable
 * and without a collation.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "rewrite/rewriteManip.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "registry.h"
#include "remote_sql.h"
#include "rules.h"
#include "value.h"

/* Elements of a constant list that are sent; longer lists are looked through here. */
#define LIST_LIMIT 1000
/* Conditions that are joined in one pair of parentheses, and levels of them: parsers have a limited depth. */
#define JOINT_LIMIT 50
#define DEPTH_LIMIT 20

static bool sql_value(RemoteSql *sql, Node *node);
static bool sql_condition(RemoteSql *sql, Node *node, bool positive);
static bool sql_single_condition(RemoteSql *sql, Node *node, bool positive);

/*
 * ERROR where the owner of a foreign table, who says what is read there, may not use its server any more: PostgreSQL asks
 * only when the table is made.
 */
static void
check_owner(Oid relid, Oid serverid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	if (compat_server_aclcheck(serverid, owner, ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of foreign table \"%s\" may not use source \"%s\"", get_rel_name(relid),
						GetForeignServer(serverid)->servername),
				 errhint("GRANT USAGE ON FOREIGN SERVER … gives the right.")));
}

void
remote_table_init(RemoteTable *table, Oid relid, Oid userid)
{
	ForeignTable *foreign = GetForeignTable(relid);
	const CkConnector *connector = registry_connector_of_server(foreign->serverid);
	void	   *options;

	check_owner(relid, foreign->serverid);
	memset(table, 0, sizeof(*table));
	table->relid = relid;
	table->serverid = foreign->serverid;
	table->userid = userid;
	table->options = foreign->options;
	options = options_parse(connector, list_make2(GetForeignServer(foreign->serverid)->options, foreign->options),
							&table->common, false);
	if (connector->caps & CK_REMOTE)
		table->sql = connector->dialect ? connector->dialect(options) : connector->sql;
	table->schema = table->common.schema_name;
	table->query = table->common.query;
	table->table = table->common.table_name ? table->common.table_name : get_rel_name(relid);
}

void
remote_identifier(StringInfo text, const CkSql *sql, const char *name)
{
	appendStringInfoChar(text, sql->quote);
	for (const char *c = name; *c; c++)
	{
		if (*c == sql->quote)
			appendStringInfoChar(text, *c);
		appendStringInfoChar(text, *c);
	}
	appendStringInfoChar(text, sql->quote);
}

void
remote_from(StringInfo text, const RemoteTable *table)
{
	if (table->query)
	{
		/* a comment at its end must not swallow the parenthesis */
		appendStringInfo(text, strstr(table->query, "--") ? "(%s\n) AS q" : "(%s) AS q", table->query);
		return;
	}
	if (table->schema && !table->sql->no_schema)
	{
		remote_identifier(text, table->sql, table->schema);
		appendStringInfoChar(text, '.');
	}
	remote_identifier(text, table->sql, table->table);
}

char *
remote_column_name(Oid relid, AttrNumber attnum)
{
	char	   *name = options_get(GetForeignColumnOptions(relid, attnum), "column_name");

	return name ? name : get_attname(relid, attnum, false);
}

/* A type's name without a modifier; not what SQL would take for one with a default modifier. */
static char *
type_name(Oid type)
{
	return format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN);
}

/* True where a cast to the type with a modifier rounds just as reading the value here does; others would cut it. */
static bool
type_rounds(Oid type)
{
	return type == NUMERICOID || type == TIMEOID || type == TIMETZOID || type == TIMESTAMPOID ||
		type == TIMESTAMPTZOID || type == INTERVALOID;
}

void
remote_column(StringInfo text, const RemoteTable *table, AttrNumber attnum)
{
	Oid			type,
				collation;
	int32		typmod;

	remote_identifier(text, table->sql, remote_column_name(table->relid, attnum));
	if (!table->sql->native)
		return;
	/* the source converts what it holds to the local type; where it holds just that, the cast is nothing */
	get_atttypetypmodcoll(table->relid, attnum, &type, &typmod, &collation);
	if (!value_type_is_native(type))
	{
		appendStringInfoString(text, "::text");
		return;
	}
	type = getBaseTypeAndTypmod(type, &typmod);
	appendStringInfo(text, "::%s", type_rounds(type) && typmod >= 0 ? format_type_with_typemod(type, typmod) :
					 type_name(type));
}

void
remote_select_list(StringInfo text, const RemoteTable *table, List *attributes)
{
	ListCell   *lc;
	bool		first = true;

	if (attributes == NIL && !table->sql->native)
		appendStringInfoString(text, " NULL");
	foreach(lc, attributes)
	{
		appendStringInfoString(text, first ? " " : ", ");
		remote_column(text, table, (AttrNumber) lfirst_int(lc));
		first = false;
	}
}

CkColumn *
remote_columns(const RemoteTable *table, List *attributes, Oid **types, int32 **typmods, int **places)
{
	int			n = list_length(attributes);
	CkColumn   *columns = palloc0(sizeof(CkColumn) * Max(n, 1));

	*types = palloc(sizeof(Oid) * Max(n, 1));
	*typmods = palloc(sizeof(int32) * Max(n, 1));
	*places = palloc(sizeof(int) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		AttrNumber	attnum = (AttrNumber) list_nth_int(attributes, i);
		Oid			collation;

		get_atttypetypmodcoll(table->relid, attnum, &(*types)[i], &(*typmods)[i], &collation);
		columns[i].name = remote_column_name(table->relid, attnum);
		columns[i].type = table->sql && table->sql->native ?
			(value_type_is_native((*types)[i]) ? CK_NATIVE : CK_TEXT) : value_type_for((*types)[i]);
		columns[i].local_type = format_type_with_typemod((*types)[i], (*typmods)[i]);
		(*places)[i] = attnum - 1;
	}
	return columns;
}

/*
 * True where the expression has the same value for every row of the table, so that it can be computed here and sent.
 */
static bool
is_parameter(RemoteSql *sql, Node *node)
{
	return !bms_is_member(sql->rel->relid, pull_varnos(sql->root, node)) && !contain_volatile_functions(node) &&
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
	if (!sql->table->sql->numbered)
	{
		sql->places = lappend_int(sql->places, index);
		appendStringInfoChar(sql->text, '?');
		return;
	}
	while (list_length(sql->places) < index)
		sql->places = lappend_int(sql->places, list_length(sql->places) + 1);
	appendStringInfo(sql->text, "$%d", index);
	if (sql->table->sql->native)
		appendStringInfo(sql->text, "::%s", type_name(getBaseType(exprType((Node *) value))));
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
	appendStringInfo(sql->text, "%s::%s", quote_literal_cstr(text), type_name(getBaseType(constant->consttype)));
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
				if (sql->table->sql->native)
					appendStringInfo(sql->text, "::%s", type_name(constant->consttype));
				return true;
			}
	}
	if (sql->table->sql->native)
	{
		/* money is written by the locale of the session that reads it */
		if (!value_type_is_native(constant->consttype) || constant->consttype == MONEYOID)
			return false;
		native_literal(sql, constant);
		return true;
	}
	value_from_datum(&value, constant->consttype, constant->constvalue, false, false);
	if (!value_within(&value, &sql->table->sql->limits))
		return false;
	remote_placeholder(sql, (Expr *) constant);
	return true;
}

/* Writes what stands before condition number i of a row of count, from 0 on, that are joined by AND or OR; at the end
 * what stands behind the last. */
static void
write_joint(StringInfo text, const char *joint, int i, int count)
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
		if (!sql_value(sql, lfirst(lc)))
			return false;
	}
	return true;
}

/* Writes a rule's template; args are written anew wherever they stand. With list, that is what %2 stands for. */
static bool
sql_template(RemoteSql *sql, const char *template, const char *name, List *args, List *list)
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
			if (!sql_value(sql, list_nth(args, *c - '1')))
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
	rule = rules_find(sql->table->sql, RULE_OPERATOR, opno, &name);
	if (rule)
		return rule_usable(sql, rule, collation, positive) && sql_template(sql, rule->remote, name, args, NULL);
	if (!sql->table->sql->native || OidIsValid(collation) || opno >= FirstGenbkiObjectId ||
		native_order_differs(opno, args) ||
		!native_function_fits(get_opcode(opno), args, get_op_rettype(opno)))
		return false;
	return sql_template(sql, NULL, get_opname(opno), args, NULL);
}

static bool
sql_function(RemoteSql *sql, FuncExpr *func, bool positive)
{
	const CkSqlRule *rule;
	const char *name;
	int32		typmod;

	rule = rules_find(sql->table->sql, RULE_FUNCTION, func->funcid, &name);
	if (rule)
		return rule_usable(sql, rule, func->inputcollid, positive) &&
			sql_template(sql, rule->remote, name, func->args, NULL);
	if (!sql->table->sql->native || OidIsValid(func->inputcollid) || func->funcvariadic ||
		!native_function_fits(func->funcid, func->args, func->funcresulttype))
		return false;
	if (func->funcformat == COERCE_EXPLICIT_CAST || func->funcformat == COERCE_IMPLICIT_CAST)
	{
		if (exprIsLengthCoercion((Node *) func, &typmod))
			return false;
		if (!sql_value(sql, linitial(func->args)))
			return false;
		appendStringInfo(sql->text, "::%s", type_name(func->funcresulttype));
		return true;
	}
	appendStringInfo(sql->text, "%s(", quote_identifier(get_func_name(func->funcid)));
	if (!sql_elements(sql, func->args))
		return false;
	appendStringInfoChar(sql->text, ')');
	return true;
}

/* True for an = of which the dialect knows, and no user's operator of that name. */
static bool
is_ruled_equality(const CkSql *dialect, Oid operator)
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

	rule = rules_find(sql->table->sql, RULE_IN, type, NULL);
	if (rule && is_ruled_equality(sql->table->sql, expr->opno))
		return rule_usable(sql, rule, expr->inputcollid, positive) &&
			sql_template(sql, rule->remote ? rule->remote : "%1 IN (%2)", "in", list_make1(scalar), values);
	foreach(lc, values)
	{
		write_joint(sql->text, "OR", foreach_current_index(lc), list_length(values));
		if (!sql_operator(sql, expr->opno, list_make2(scalar, lfirst(lc)), expr->inputcollid, positive))
			return false;
	}
	write_joint(sql->text, "OR", list_length(values), list_length(values));
	return true;
}

static bool
sql_array_operator(RemoteSql *sql, ScalarArrayOpExpr *expr, bool positive)
{
	const CkSql *dialect = sql->table->sql;

	if (dialect->native && !OidIsValid(expr->inputcollid) && expr->opno < FirstGenbkiObjectId &&
		native_function_fits(get_opcode(expr->opno), expr->args, BOOLOID))
	{
		appendStringInfoChar(sql->text, '(');
		if (!sql_value(sql, linitial(expr->args)))
			return false;
		appendStringInfo(sql->text, " %s %s (", get_opname(expr->opno), expr->useOr ? "ANY" : "ALL");
		if (!sql_value(sql, lsecond(expr->args)))
			return false;
		appendStringInfoString(sql->text, "))");
		return true;
	}
	return sql_list(sql, expr, positive);
}

/*
 * Writes an expression as a value. What it holds is exact, since nothing checks a value again.
 */
static bool
sql_value(RemoteSql *sql, Node *node)
{
	const CkSql *dialect = sql->table->sql;

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

				if (var->varno != sql->rel->relid || var->varlevelsup > 0 || var->varattno <= 0)
					return false;
				if (dialect->native && !value_type_is_native(var->vartype))
					return false;
				if (sql->bytewise && OidIsValid(var->varcollid))
				{
					appendStringInfoChar(sql->text, '(');
					remote_column(sql->text, sql->table, var->varattno);
					appendStringInfoString(sql->text, " COLLATE \"C\")");
				}
				else
					remote_column(sql->text, sql->table, var->varattno);
				return true;
			}
		case T_RelabelType:
			{
				Node	   *arg = (Node *) ((RelabelType *) node)->arg;
				Oid			type = getBaseType(exprType(node));

				if (!sql_value(sql, arg))
					return false;
				/* another type has other operators of the same name */
				if (dialect->native && type != getBaseType(exprType(arg)))
					appendStringInfo(sql->text, "::%s", type_name(type));
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
	rule = rules_find(sql->table->sql, null ? RULE_IS_NULL : RULE_IS_NOT_NULL, getBaseType(exprType(arg)), NULL);
	if (rule)
		return rule->remote && rule_usable(sql, rule, InvalidOid, positive) &&
			sql_template(sql, rule->remote, "", list_make1(arg), NULL);
	appendStringInfoChar(sql->text, '(');
	if (IsA(arg, Var) && ((Var *) arg)->varno == sql->rel->relid && ((Var *) arg)->varattno > 0)
		remote_identifier(sql->text, sql->table->sql, remote_column_name(sql->table->relid, ((Var *) arg)->varattno));
	else if (!sql_value(sql, arg))
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
		write_joint(sql->text, joint, foreach_current_index(lc), list_length(expr->args));
		if (!sql_condition(sql, lfirst(lc), positive))
			return false;
	}
	write_joint(sql->text, joint, list_length(expr->args), list_length(expr->args));
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
static bool
mixes_collations(RemoteSql *sql, Node *node)
{
	List	   *vars = pull_var_clause(node, PVC_INCLUDE_PLACEHOLDERS);
	Var		   *first = NULL;
	ListCell   *lc;

	foreach(lc, vars)
	{
		if (!OidIsValid(exprCollation(lfirst(lc))) || !IsA(lfirst(lc), Var) ||
			lfirst_node(Var, lc)->varno != sql->rel->relid)
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
	sql->bytewise = outer || (sql->table->sql->native && !IsA(node, BoolExpr) && mixes_collations(sql, node));
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
			if (sql->table->sql->native)
				return sql_value(sql, node);
			rule = rules_find(sql->table->sql, RULE_BOOL, BOOLOID, NULL);
			return rule && rule_usable(sql, rule, InvalidOid, positive) &&
				sql_template(sql, rule->remote, "", list_make1(node), NULL);
		default:
			return false;
	}
}

Pushed
remote_judge(PlannerInfo *root, RelOptInfo *rel, const RemoteTable *table, Expr *condition)
{
	StringInfoData scratch;
	RemoteSql	sql = {.table = table, .root = root, .rel = rel, .text = &scratch};

	if (table->sql == NULL)
		return PUSHED_NOT;
	initStringInfo(&scratch);
	if (!bms_is_member(rel->relid, pull_varnos(root, (Node *) condition)) ||
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

/*
 * Writes "key = one of the list". More rows than those of the keys do no harm, so any deterministic collation will do.
 */
static bool
sql_keys(RemoteSql *sql, Expr *key, Oid operator, Oid key_type, Oid collation)
{
	const CkSql *dialect = sql->table->sql;
	Const	   *list = makeNullConst(dialect->native ? get_array_type(key_type) : key_type, -1, collation);
	const CkSqlRule *rule;
	const char *template;
	char	   *name = get_opname(operator);

	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		return false;
	sql->params = lappend(sql->params, list);
	sql->keys = list_length(sql->params);
	if (dialect->native)
	{
		if (operator >= FirstGenbkiObjectId || !value_type_is_native(key_type) ||
			!value_type_is_native(exprType((Node *) key)))
			return false;
		appendStringInfoChar(sql->text, '(');
		sql->bytewise = mixes_collations(sql, (Node *) key);
		if (!sql_value(sql, (Node *) key))
			return false;
		sql->bytewise = false;
		appendStringInfo(sql->text, " %s ANY (", name);
		remote_placeholder(sql, (Expr *) list);
		appendStringInfoString(sql->text, "))");
		return true;
	}
	rule = rules_find(dialect, RULE_IN, key_type, NULL);
	if (rule && is_ruled_equality(dialect, operator) && rules_locale_fits(rule, collation))
	{
		StringInfoData piece;
		const char *hole;

		/* the template holds the list once, else the keys would be sent twice */
		template = rule->remote ? rule->remote : "%1 IN (%2)";
		hole = strstr(template, "%2");
		if (hole && strstr(hole + 2, "%2") == NULL)
		{
			initStringInfo(&piece);
			appendStringInfo(&piece, "%.*s%c,%%2%c%s", (int) (hole - template), template, LIST_BEGIN, LIST_END, hole + 2);
			return sql_template(sql, piece.data, name, list_make2(key, list), NULL);
		}
	}
	rule = rules_find(dialect, RULE_OPERATOR, operator, NULL);
	if (rule == NULL || !rules_locale_fits(rule, collation))
		return false;
	appendStringInfo(sql->text, "(%c|", LIST_BEGIN);
	if (!sql_template(sql, rule->remote, name, list_make2(key, list), NULL))
		return false;
	appendStringInfo(sql->text, "%c)", LIST_END);
	return true;
}

Pushed
remote_judge_list(PlannerInfo *root, RelOptInfo *rel, const RemoteTable *table, Expr *key, Oid operator, Oid key_type,
				  Oid collation)
{
	StringInfoData scratch;
	RemoteSql	sql = {.table = table, .root = root, .rel = rel, .text = &scratch};

	initStringInfo(&scratch);
	return table->sql && sql_keys(&sql, key, operator, key_type, collation) ? PUSHED_SUPERSET : PUSHED_NOT;
}

void
remote_list_condition(RemoteSql *sql, Expr *key, Oid operator, Oid key_type, Oid collation)
{
	if (!sql_keys(sql, key, operator, key_type, collation))
		elog(ERROR, "a list of keys that was judged fit cannot be written");
}

char *
remote_expand_list(const char *text, int count)
{
	const char *begin = strchr(text, LIST_BEGIN);
	const char *end = begin ? strchr(begin, LIST_END) : NULL;
	StringInfoData expanded;

	if (end == NULL)
		return pstrdup(text);
	initStringInfo(&expanded);
	appendBinaryStringInfo(&expanded, text, begin - text);
	for (int i = 0; i < count; i++)
	{
		if (begin[1] != ',')
			write_joint(&expanded, "OR", i, count);
		else if (i > 0)
			appendStringInfoString(&expanded, ", ");
		appendBinaryStringInfo(&expanded, begin + 2, end - begin - 2);
	}
	if (begin[1] != ',')
		write_joint(&expanded, "OR", count, count);
	appendStringInfoString(&expanded, end + 1);
	return expanded.data;
}

char *
remote_show_list(const char *text)
{
	const char *begin = strchr(text, LIST_BEGIN);
	const char *end = begin ? strchr(begin, LIST_END) : NULL;

	if (end == NULL)
		return pstrdup(text);
	return psprintf("%.*s%.*s%s%s", (int) (begin - text), text, (int) (end - begin - 2), begin + 2,
					begin[1] == ',' ? ", ..." : " OR ...", end + 1);
}

/* The expression of a path key that is made of this table's columns alone, or NULL. */
static Expr *
pathkey_expression(RemoteSql *sql, PathKey *key)
{
	EquivalenceClass *class = key->pk_eclass;
	ListCell   *lc;

	if (class->ec_has_volatile)
		return NULL;
	foreach(lc, class->ec_members)
	{
		EquivalenceMember *member = lfirst(lc);

		if (!member->em_is_child && bms_equal(member->em_relids, sql->rel->relids) && !bms_is_empty(member->em_relids))
			return member->em_expr;
	}
	return NULL;
}

/* Writes what the source sorts by so that it sorts as PostgreSQL does. */
static bool
sql_sort_key(RemoteSql *sql, Expr *expr, Oid collation)
{
	Oid			type = getBaseType(exprType((Node *) expr));
	const CkSqlRule *rule;

	if (type == VARCHAROID)
		type = TEXTOID;
	rule = rules_find(sql->table->sql, RULE_ORDER, type, NULL);
	if (rule)
		return rule->fidelity == CK_EXACT && rules_locale_fits(rule, collation) &&
			sql_template(sql, rule->remote ? rule->remote : "%1", "", list_make1(expr), NULL);
	if (!sql->table->sql->native || OidIsValid(collation) || !value_type_is_native(type) || type == JSONBOID ||
		type == JSONBARRAYOID)
		return false;
	return sql_value(sql, (Node *) expr);
}

/* True where the key orders by its type's own operators. */
static bool
pathkey_is_default(PathKey *key, Oid type)
{
	Oid			opclass = GetDefaultOpClass(type, BTREE_AM_OID);

	return OidIsValid(opclass) && get_opclass_family(opclass) == key->pk_opfamily;
}

/* True for a column that is declared NOT NULL; as everywhere in PostgreSQL, that is taken to hold at the source. */
static bool
never_null(RemoteSql *sql, Expr *expr)
{
	HeapTuple	tuple;
	bool		never;

	while (IsA(expr, RelabelType))
		expr = ((RelabelType *) expr)->arg;
	if (!IsA(expr, Var) || ((Var *) expr)->varattno <= 0)
		return false;
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(sql->table->relid), Int16GetDatum(((Var *) expr)->varattno));
	if (!HeapTupleIsValid(tuple))
		return false;
	never = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return never;
}

bool
remote_order(RemoteSql *sql, List *pathkeys)
{
	ListCell   *lc;
	const char *joint = " ORDER BY ";

	foreach(lc, pathkeys)
	{
		PathKey    *key = lfirst_node(PathKey, lc);
		Expr	   *expr = pathkey_expression(sql, key);
		bool		descends = compat_pathkey_descends(key);
		const char *direction = descends ? " DESC" : " ASC";
		int			params = list_length(sql->params);

		if (expr == NULL || !pathkey_is_default(key, exprType((Node *) expr)))
			return false;
		appendStringInfoString(sql->text, joint);
		joint = ", ";
		if (!sql->table->sql->nulls_order && key->pk_nulls_first == descends && !never_null(sql, expr))
		{
			if (!sql_sort_key(sql, expr, key->pk_eclass->ec_collation))
				return false;
			appendStringInfo(sql->text, " IS NULL%s, ", direction);
		}
		if (!sql_sort_key(sql, expr, key->pk_eclass->ec_collation) || list_length(sql->params) != params)
			return false;
		appendStringInfoString(sql->text, direction);
		if (sql->table->sql->nulls_order)
			appendStringInfoString(sql->text, key->pk_nulls_first ? " NULLS FIRST" : " NULLS LAST");
	}
	return true;
}
