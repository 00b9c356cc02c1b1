/*
 * remote_aggregate.c: grouping and aggregates in a source's dialect, where they give PostgreSQL's own answer.
 *
 * Which aggregates do is data of the dialect, as it is for functions; for a source that is PostgreSQL see native_aggregate.c.
 * The keys that a source is told put together the same rows as here: text by its bytes, whatever its collation there is.
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "fdw.h"
#include "rules.h"
#include "value.h"

/* Of a key of at most as many characters sources compare every one, when they sort and when they hash. */
#define SHORT_KEY 250
/* Digits of which a sum is exact: at sources a number has 65 at most, and the sum of 10^16 rows 16 more than each. */
#define SUM_DIGITS 49

/* The type that a rule would name. */
static Oid
rule_type(Node *node)
{
	Oid			type = getBaseType(exprType(node));

	return type == VARCHAROID ? TEXTOID : type;
}

/* True for text that is declared to be short. */
static bool
is_short(Node *key)
{
	Oid			type = getBaseType(exprType(key));
	int32		typmod = exprTypmod(key);

	return (type == VARCHAROID || type == BPCHAROID) && typmod >= 0 && typmod - VARHDRSZ <= SHORT_KEY;
}

/* True for a number that the source would show with other digits behind the point. */
static bool
shows_other_scale(RemoteSql *sql, Node *node)
{
	return !sql->dialect->native && remote_scale_varies(node);
}

bool
remote_key(RemoteSql *sql, Node *key)
{
	const CkSqlRule *rule = rules_find(sql->dialect, RULE_GROUP, rule_type(key), NULL);
	Oid			collation = exprCollation(key);

	/* blanks up to the declared length belong to the value, and only a column has one */
	if (getBaseType(exprType(key)) == BPCHAROID && exprTypmod(key) < 0)
		return false;
	/* PostgreSQL would not see that a key with a cast behind its COLLATE is the key */
	if (sql->dialect->native && getBaseType(exprType(key)) == VARCHAROID)
		key = (Node *) makeRelabelType((Expr *) key, TEXTOID, -1, collation, COERCE_IMPLICIT_CAST);
	if (rule)
		return rule->fidelity == CK_EXACT && rules_locale_fits(rule, collation) && !shows_other_scale(sql, key) &&
			remote_template(sql, rule->remote ? rule->remote : "%1", "", list_make1(key), NULL);
	return sql->dialect->native && !OidIsValid(collation) && value_type_is_native(exprType(key)) &&
		remote_value(sql, key);
}

/* Writes what sources that look at the beginning of a key alone need behind it to tell long ones apart. */
static bool
write_tail(RemoteSql *sql, Node *key)
{
	const CkSqlRule *rule = rules_find(sql->dialect, RULE_GROUP_BY, rule_type(key), NULL);

	if (rule == NULL || is_short(key))
		return true;
	appendStringInfoString(sql->text, ", ");
	return remote_template(sql, rule->remote, "", list_make1(key), NULL);
}

bool
remote_partition_key(RemoteSql *sql, Node *key)
{
	/* it is not read, so what equal values have in common will do */
	if (!sql->dialect->native && rules_find(sql->dialect, RULE_GROUP, rule_type(key), NULL) == NULL)
		return remote_sort_value(sql, (Expr *) key, exprCollation(key));
	return remote_key(sql, key) && write_tail(sql, key);
}

const char *
remote_value_template(RemoteSql *sql, Node *value)
{
	Oid			type = rule_type(value);
	const CkSqlRule *rule = rules_find(sql->dialect, RULE_VALUE, type, NULL);

	if (rule == NULL)
		rule = rules_find(sql->dialect, RULE_GROUP, type, NULL);
	return rule == NULL || rule->fidelity != CK_EXACT ? NULL : rule->remote ? rule->remote : "%1";
}

/* True where the sum of such numbers has all its digits at any source. */
static bool
sum_fits(Node *argument)
{
	NumericShape shape;

	return exprType(argument) != NUMERICOID ||
		(remote_numeric_shape(argument, &shape) && shape.digits + shape.scale <= SUM_DIGITS);
}

/* The one argument of an aggregate, NULL for *. */
static Node *
only_argument(Aggref *aggregate)
{
	return aggregate->args ? (Node *) linitial_node(TargetEntry, aggregate->args)->expr : NULL;
}

bool
remote_order_is_idle(Aggref *aggregate)
{
	ListCell   *lc;

	foreach(lc, aggregate->aggorder)
	{
		Node	   *expr = get_sortgroupclause_expr(lfirst_node(SortGroupClause, lc), aggregate->args);

		while (IsA(expr, RelabelType))
			expr = (Node *) ((RelabelType *) expr)->arg;
		if (!IsA(expr, Var))
			return false;
	}
	return true;
}

bool
remote_aggregate_order(RemoteSql *sql, Aggref *aggregate)
{
	const char *keyword = aggregate->aggkind == AGGKIND_NORMAL ? " ORDER BY " : "ORDER BY ";
	ListCell   *lc;

	foreach(lc, aggregate->aggdistinct ? aggregate->aggdistinct : aggregate->aggorder)
	{
		SortGroupClause *key = lfirst_node(SortGroupClause, lc);
		Node	   *expr = get_sortgroupclause_expr(key, aggregate->args);
		Oid			family;
		bool		descends,
					written;

		/* what is the same in all rows orders nothing, but is what a set is made of */
		if (!contain_var_clause(expr) && aggregate->aggkind == AGGKIND_NORMAL)
			continue;
		if (!contain_var_clause(expr) || !compat_ordering_operator(key->sortop, &family, &descends))
			return false;
		appendStringInfoString(sql->text, keyword);
		sql->within = true;
		written = remote_sort_key(sql, (Expr *) expr, family, exprCollation(expr), descends, key->nulls_first);
		sql->within = false;
		if (!written)
			return false;
		keyword = ", ";
	}
	return true;
}

/* Writes what is aggregated, at a source without FILTER: what is left out is NULL. */
static bool
write_argument(RemoteSql *sql, Aggref *aggregate, const char *name)
{
	Node	   *argument = only_argument(aggregate);
	bool		counts = strcmp(name, "count") == 0;
	bool		choice = false;

	if (aggregate->aggfilter)
	{
		appendStringInfoString(sql->text, "CASE WHEN ");
		choice = true;
		if (!remote_test(sql, (Node *) aggregate->aggfilter, PLACE_TEST))
			return false;
	}
	if (argument && counts && aggregate->aggdistinct == NIL)
	{
		/* what is NULL there may be told by a rule */
		NullTest   *test = makeNode(NullTest);

		test->arg = (Expr *) argument;
		test->nulltesttype = IS_NOT_NULL;
		test->location = -1;
		appendStringInfoString(sql->text, choice ? " AND " : "CASE WHEN ");
		choice = true;
		if (!remote_test(sql, (Node *) test, PLACE_TEST))
			return false;
	}
	if (choice)
		appendStringInfoString(sql->text, " THEN ");
	if (argument == NULL || (counts && choice && aggregate->aggdistinct == NIL))
		appendStringInfoString(sql->text, choice ? "1" : "*");
	else if (counts)
	{
		if ((rules_find(sql->dialect, RULE_GROUP_BY, rule_type(argument), NULL) && !is_short(argument)) ||
			!remote_key(sql, argument))
			return false;
	}
	else if (!remote_value(sql, argument))
		return false;
	if (choice)
		appendStringInfoString(sql->text, " END");
	return true;
}

/* True for a rule of an aggregate that sees the order of the rows. */
static bool
sees_order(const CkSqlRule *rule)
{
	return rule && rule->remote && strstr(rule->remote, "%b") != NULL;
}

/* True where the order of an aggregate, or that it has none, does no harm to its result. */
static bool
order_fits(const CkSqlRule *rule, Aggref *aggregate)
{
	return sees_order(rule) ? aggregate->aggorder != NIL || aggregate->aggdistinct != NIL : remote_order_is_idle(aggregate);
}

/* Writes the bytes of a constant text, or of bytes, as hexadecimal digits. */
static bool
write_digits(RemoteSql *sql, Node *node)
{
	Const	   *constant = (Const *) node;
	CkValue		value;

	if (!IsA(node, Const) || constant->constisnull)
		return false;
	value_from_datum(&value, constant->consttype, constant->constvalue, false, false);
	if (value.type != CK_TEXT && value.type != CK_BYTES)
		return false;
	for (uint32 i = 0; i < value.size; i++)
		appendStringInfo(sql->text, "%02x", (unsigned char) value.u.p[i]);
	return true;
}

/* Writes an aggregate by the dialect's rule for it, or for another of the same argument. */
static bool
write_ruled(RemoteSql *sql, Aggref *aggregate, Oid function)
{
	const char *name;
	const CkSqlRule *rule = rules_find(sql->dialect, RULE_FUNCTION, function, &name);
	Node	   *argument = only_argument(aggregate);
	NumericShape shape;
	bool		sums,
				written = true;

	if (rule == NULL || rule->remote == NULL || rule->remote[0] == '/' || rule->fidelity != CK_EXACT ||
		!rules_locale_fits(rule, aggregate->inputcollid) ||
		aggregate->aggkind != AGGKIND_NORMAL || !order_fits(rule, aggregate) ||
		(aggregate->aggdistinct && strstr(rule->remote, "%d") == NULL) || (sql->over && strstr(rule->remote, "%w") == NULL))
		return false;
	sums = strcmp(name, "sum") == 0;
	if ((sums && !sum_fits(argument)) || ((!sums || sql->over) && strcmp(name, "count") != 0 && shows_other_scale(sql, argument)))
		return false;
	for (const char *c = rule->remote; *c; c++)
	{
		if (*c != '%')
			appendStringInfoChar(sql->text, *c);
		else if (*++c == 'd')
			appendStringInfoString(sql->text, aggregate->aggdistinct ? "DISTINCT " : "");
		else if (*c == 'w')
			appendStringInfoString(sql->text, sql->over ? sql->over : "");
		else if (*c == 'o')
			appendStringInfoString(sql->text, name);
		else if (*c == 'b')
		{
			if (!remote_aggregate_order(sql, aggregate))
				return false;
		}
		else if (*c == 'h' && *++c == '2')
		{
			if (!write_digits(sql, (Node *) lsecond_node(TargetEntry, aggregate->args)->expr))
				return false;
		}
		else if (*c == '1')
		{
			sql->summed = sums;
			written &= write_argument(sql, aggregate, name);
			sql->summed = false;
		}
		else if (*c == 'n' && *++c == '1' && remote_numeric_shape(argument, &shape))
			appendStringInfo(sql->text, "%d,%d", Max(shape.digits + shape.scale, 1), shape.scale);
		else
			elog(ERROR, "the pushdown template \"%s\" is malformed", rule->remote);
	}
	return written;
}

/* True for an aggregate of which nothing has to be computed here. */
static bool
is_plain(Aggref *aggregate)
{
	return aggregate->agglevelsup == 0 && aggregate->aggsplit == AGGSPLIT_SIMPLE && !aggregate->aggvariadic &&
		!contain_volatile_functions((Node *) aggregate) && !contain_subplans((Node *) aggregate);
}

/* Writes an aggregate, or, for its average, the sum or the number of its values. */
static bool
write_aggregate(RemoteSql *sql, Aggref *aggregate, Oid function)
{
	GroupPlan  *group = sql->group;
	bool		written;

	/* of values of the query around alone, it would be taken for one of that query */
	if (!is_plain(aggregate) || remote_has_outer(sql, (Node *) aggregate))
		return false;
	sql->group = NULL;
	written = sql->dialect->native ? remote_native_aggregate(sql, aggregate) : write_ruled(sql, aggregate, function);
	sql->group = group;
	return written;
}

Aggref *
remote_aggregate_of(WindowFunc *function)
{
	Aggref	   *aggregate = makeNode(Aggref);
	ListCell   *lc;

	aggregate->aggfnoid = function->winfnoid;
	aggregate->aggtype = function->wintype;
	aggregate->aggcollid = function->wincollid;
	aggregate->inputcollid = function->inputcollid;
	aggregate->aggfilter = function->aggfilter;
	aggregate->aggstar = function->winstar;
	aggregate->aggkind = AGGKIND_NORMAL;
	aggregate->aggsplit = AGGSPLIT_SIMPLE;
	foreach(lc, function->args)
	{
		aggregate->aggargtypes = lappend_oid(aggregate->aggargtypes, exprType(lfirst(lc)));
		aggregate->args = lappend(aggregate->args, makeTargetEntry(lfirst(lc), list_length(aggregate->args) + 1, NULL, false));
	}
	return aggregate;
}

bool
remote_window_aggregate(RemoteSql *sql, WindowFunc *function, Oid aggregate_function)
{
	return write_aggregate(sql, remote_aggregate_of(function), aggregate_function);
}

/* PostgreSQL's own aggregate of that name and argument. */
static Oid
own_aggregate(const char *name, Oid type)
{
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(&type, 1)), ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
}

/* The function of an aggregate, and its argument's type. */
static Oid
function_of(Node *aggregate, Oid *type)
{
	WindowFunc *function = (WindowFunc *) aggregate;

	if (IsA(aggregate, Aggref))
	{
		*type = ((Aggref *) aggregate)->aggargtypes ? linitial_oid(((Aggref *) aggregate)->aggargtypes) : InvalidOid;
		return ((Aggref *) aggregate)->aggfnoid;
	}
	*type = function->args ? getBaseType(exprType(linitial(function->args))) : InvalidOid;
	return function->winfnoid;
}

/* What the source is asked for, of which an aggregate is made here. */
typedef enum Part
{
	PART_NONE = -1,				/* the aggregate itself */
	PART_SUM,
	PART_COUNT,
	PART_SCALE,
	PARTS
} Part;

/* The most digits behind the point of the values that are added up. */
static Aggref *
scale_of(Aggref *aggregate)
{
	Aggref	   *scale = copyObject(aggregate);
	Node	   *argument = only_argument(aggregate);
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) argument;
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	scale->aggfnoid = own_aggregate("max", INT4OID);
	scale->aggtype = INT4OID;
	scale->aggargtypes = list_make1_oid(INT4OID);
	scale->args = list_make1(makeTargetEntry((Expr *) remote_scale(argument), 1, NULL, false));
	scale->aggfilter = (Expr *) make_and_qual((Node *) aggregate->aggfilter, (Node *) test);
	return scale;
}

/* Writes an aggregate of groups or a window function, or what is needed of the source to make it here. */
static bool
write_part(RemoteSql *sql, Node *aggregate, Part part)
{
	Oid			type;
	Oid			function = function_of(aggregate, &type);

	if (part == PART_SCALE)
	{
		/* of values that are equal but for their digits, either may be the one that counts */
		if (((Aggref *) aggregate)->aggdistinct)
			return false;
		aggregate = (Node *) scale_of((Aggref *) aggregate);
		function = ((Aggref *) aggregate)->aggfnoid;
	}
	else if (part != PART_NONE)
		function = part == PART_SUM ? own_aggregate("sum", type) : own_aggregate("count", ANYOID);
	return IsA(aggregate, Aggref) ? write_aggregate(sql, (Aggref *) aggregate, function) :
		remote_window(sql, (WindowFunc *) aggregate, function);
}

/* Whether the source tells too many digits behind the point of a sum of these values, for some have fewer than others. */
static bool
has_scale(const CkSql *dialect, Node *aggregate)
{
	NumericShape shape;

	return !dialect->native && IsA(aggregate, Aggref) && list_length(((Aggref *) aggregate)->args) == 1 &&
		remote_numeric_shape(only_argument((Aggref *) aggregate), &shape) && shape.mixed;
}

void
remote_group_place(GroupPlan *group, const CkSql *dialect, int column)
{
	static const Oid types[] = {[PART_SUM] = NUMERICOID, [PART_COUNT] = INT8OID, [PART_SCALE] = INT4OID};
	Node	   *aggregate = (Node *) list_nth_node(TargetEntry, group->columns, column - 1)->expr;
	Oid			type,
				function = IsA(aggregate, Aggref) || IsA(aggregate, WindowFunc) ? function_of(aggregate, &type) : InvalidOid;
	const CkSqlRule *rule = OidIsValid(function) ? rules_find(dialect, RULE_FUNCTION, function, NULL) : NULL;
	bool		divided = rule && rule->remote && rule->remote[0] == '/';
	bool		scaled = rule && (divided || function == own_aggregate("sum", NUMERICOID)) && has_scale(dialect, aggregate);

	if (!divided && !scaled)
	{
		group->places = lappend_int(group->places, column);
		return;
	}
	group->quotients = lappend_int(group->quotients, column);
	for (Part part = PART_SUM; part < PARTS; part++)
	{
		int			place = list_length(group->columns) + 1;
		Expr	   *null = (Expr *) makeNullConst(types[part], -1, InvalidOid);

		if ((part == PART_COUNT && !divided) || (part == PART_SCALE && !scaled))
		{
			group->quotients = lappend_int(group->quotients, 0);
			continue;
		}
		group->columns = lappend(group->columns, makeTargetEntry(null, (AttrNumber) place, NULL, false));
		group->places = lappend_int(group->places, place);
		group->quotients = lappend_int(group->quotients, place);
	}
}

/* Appends a key as PostgreSQL knows it, in GROUP BY and above it. */
static bool
write_native_key(RemoteSql *sql, Node *key)
{
	GroupPlan  *group = sql->group;
	const char *collation = sql->collation;
	bool		written;

	sql->group = NULL;
	sql->collation = NULL;		/* as it stands in GROUP BY */
	written = remote_key(sql, key);
	sql->collation = collation;
	sql->group = group;
	return written;
}

/* Writes GROUPING(), which says what keys a set lacks. */
static bool
write_grouping(RemoteSql *sql, GroupPlan *group, GroupingFunc *grouping)
{
	ListCell   *lc;

	if (!sql->dialect->native || grouping->agglevelsup > 0)
		return false;
	foreach(lc, grouping->args)
	{
		appendStringInfoString(sql->text, lc == list_head(grouping->args) ? "GROUPING(" : ", ");
		if (!list_member(group->keys, lfirst(lc)) || !write_native_key(sql, lfirst(lc)))
			return false;
	}
	appendStringInfoChar(sql->text, ')');
	return true;
}

bool
remote_group_add(RemoteSql *sql, GroupPlan *group, Node *node)
{
	int			column = list_length(group->columns) + 1;
	int			places = list_length(group->places);

	group->columns = lappend(group->columns, makeTargetEntry((Expr *) node, (AttrNumber) column, NULL, false));
	remote_group_place(group, sql->dialect, column);
	for (; places < list_length(group->places); places++)
		if (!remote_group_column(sql, group, list_nth_int(group->places, places)))
			return false;
	return true;
}

/* The aggregate that a column is part of, and which; NULL where it is a value of its own. */
static Node *
find_whole(GroupPlan *group, int column, Part *part)
{
	for (int i = 0; i < list_length(group->quotients); i += 1 + PARTS)
		for (*part = PART_SUM; *part < PARTS; (*part)++)
			if (list_nth_int(group->quotients, i + 1 + *part) == column)
				return (Node *) list_nth_node(TargetEntry, group->columns, list_nth_int(group->quotients, i) - 1)->expr;
	*part = PART_NONE;
	return NULL;
}

void
remote_column_alias(RemoteSql *sql, int number)
{
	if (sql->derived)
		appendStringInfo(sql->text, "connkit_%u_%d", sql->derived, number);
	else
		appendStringInfo(sql->text, "connkit_%d", number);
}

/* True for a column of a table, which may have an index; one of the table's key if that is asked for. */
static bool
is_column(RemoteSql *sql, Node *node, bool key)
{
	Var		   *var;
	Oid			relid;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	var = (Var *) node;
	if (!IsA(var, Var))
		return false;
	relid = fdw_table(sql->root, var->varno)->relid;
	return !key || (OidIsValid(relid) && list_member_int(remote_keys(relid), var->varattno));
}

/* True where groups may come in the order of an index: their rows are not looked at, or lie in the order of the table's key. */
static bool
may_use_index(RemoteSql *sql, GroupPlan *group)
{
	ListCell   *lc;

	if (sql->dialect->unindexed == NULL || list_length(group->columns) == list_length(group->keys))
		return true;
	foreach(lc, group->keys)
		if (is_column(sql, lfirst(lc), true))
			return true;
	return false;
}

/* Writes a key of groups, as it is read. */
static bool
write_key(RemoteSql *sql, GroupPlan *group, Node *key)
{
	bool		hidden = list_member(group->keys, key) && is_column(sql, key, false) && !may_use_index(sql, group);
	const char *around = hidden ? sql->dialect->unindexed : "%1";
	const char *place = strstr(around, "%1");

	appendBinaryStringInfo(sql->text, around, place - around);
	if (!remote_key(sql, key))
		return false;
	appendStringInfoString(sql->text, place + 2);
	return true;
}

bool
remote_group_column(RemoteSql *sql, GroupPlan *group, int column)
{
	Node	   *node = (Node *) list_nth_node(TargetEntry, group->columns, column - 1)->expr;
	Part		part;
	Node	   *whole = find_whole(group, column, &part);

	if (whole)
		node = whole;
	return IsA(node, Aggref) || IsA(node, WindowFunc) ? write_part(sql, node, part) :
		IsA(node, GroupingFunc) ? write_grouping(sql, group, (GroupingFunc *) node) : write_key(sql, group, node);
}

bool
remote_group_list(RemoteSql *sql, GroupPlan *group)
{
	ListCell   *lc;

	foreach(lc, group->places)
	{
		int			column = lfirst_int(lc);

		appendStringInfoString(sql->text, lc == list_head(group->places) ? " " : ", ");
		if (!remote_group_column(sql, group, column))
			return false;
		if (sql->derived ||
			(!sql->dialect->native && list_member(group->keys, list_nth_node(TargetEntry, group->columns, column - 1)->expr)))
		{
			appendStringInfoString(sql->text, " AS ");
			remote_column_alias(sql, column);
		}
	}
	return true;
}

/* Writes GROUP BY of several sets, where the source is PostgreSQL. */
static bool
write_sets(RemoteSql *sql, GroupPlan *group)
{
	ListCell   *lc;

	if (!sql->dialect->native)
		return false;
	foreach(lc, group->sets)
	{
		ListCell   *number;

		appendStringInfoString(sql->text, lc == list_head(group->sets) ? " GROUP BY GROUPING SETS ((" : ", (");
		foreach(number, (List *) lfirst(lc))
			appendStringInfo(sql->text, "%s%d", number == list_head(lfirst(lc)) ? "" : ", ", lfirst_int(number));
		appendStringInfoChar(sql->text, ')');
	}
	appendStringInfoChar(sql->text, ')');
	return true;
}

bool
remote_group_by(RemoteSql *sql, GroupPlan *group)
{
	ListCell   *lc;

	if (group->sets)
		return write_sets(sql, group);
	foreach(lc, group->keys)
	{
		appendStringInfo(sql->text, "%s%d", lc == list_head(group->keys) ? " GROUP BY " : ", ", foreach_current_index(lc) + 1);
		if (!write_tail(sql, lfirst(lc)))
			return false;
	}
	return true;
}

bool
remote_grouped(RemoteSql *sql, Node *node)
{
	GroupPlan  *group = sql->group;
	ListCell   *lc;

	/* what a source may have cut is only looked at when it is read */
	if (IsA(node, Aggref) && !group->nested)
		return (sql->dialect->native ||
				!sees_order(rules_find(sql->dialect, RULE_FUNCTION, ((Aggref *) node)->aggfnoid, NULL))) &&
			write_aggregate(sql, (Aggref *) node, ((Aggref *) node)->aggfnoid);
	if (IsA(node, GroupingFunc) && !group->nested)
		return write_grouping(sql, group, (GroupingFunc *) node);
	if (sql->dialect->native && !group->nested)
		return write_native_key(sql, node);
	foreach(lc, group->keys)
	{
		bool		collated = sql->collation && group->nested && OidIsValid(exprCollation(node));

		if (!equal(lfirst(lc), node))
			continue;
		appendStringInfoString(sql->text, collated ? "(" : "");
		remote_column_alias(sql, foreach_current_index(lc) + 1);
		if (collated)
			appendStringInfo(sql->text, " COLLATE \"%s\")", sql->collation);
		return true;
	}
	return false;
}
