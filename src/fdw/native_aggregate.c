/*
 * native_aggregate.c: aggregates for a source that is PostgreSQL itself, where they give this server's own answer.
 *
 * The list has those that every version from 12 on computes alike. Not on it: bit_xor, range_agg, range_intersect_agg, any_value
 * and the JSON aggregates of the standard, which older sources do not have; corr, the regressions, covariances and the
 * deviations of floats, whose last digits depend on the version; xmlagg, whose text depends on the XML library.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "fdw.h"
#include "rules.h"
#include "value.h"

/* What is to be looked at before one is sent. */
#define EXACT_ONLY	0x01		/* not of floats */
#define ANY_TEXT	0x02		/* text is taken as it is, so that no collation matters */
#define SEES_ORDER	0x04		/* the result depends on the order of the rows */
#define AS_JSON		0x08		/* the arguments are written as JSON */
#define WITHIN		0x10		/* WITHIN GROUP: its order is a part of it */
#define ADDS		0x20		/* of floats, the last digits depend on the order of the rows */

static const struct
{
	const char *name;
	int			traits;
}			native_aggregates[] = {
	{"count", ANY_TEXT}, {"sum", ADDS}, {"avg", ADDS}, {"min", 0}, {"max", 0}, {"bool_and", 0}, {"bool_or", 0}, {"every", 0},
	{"bit_and", 0}, {"bit_or", 0}, {"regr_count", 0},
	{"stddev", EXACT_ONLY}, {"stddev_pop", EXACT_ONLY}, {"stddev_samp", EXACT_ONLY},
	{"variance", EXACT_ONLY}, {"var_pop", EXACT_ONLY}, {"var_samp", EXACT_ONLY},
	{"string_agg", ANY_TEXT | SEES_ORDER}, {"array_agg", ANY_TEXT | SEES_ORDER},
	{"json_agg", ANY_TEXT | SEES_ORDER | AS_JSON}, {"json_object_agg", ANY_TEXT | SEES_ORDER | AS_JSON},
	{"jsonb_agg", ANY_TEXT | SEES_ORDER | AS_JSON}, {"jsonb_object_agg", ANY_TEXT | SEES_ORDER | AS_JSON},
	{"percentile_cont", ANY_TEXT | WITHIN}, {"percentile_disc", ANY_TEXT | WITHIN}, {"mode", ANY_TEXT | WITHIN},
	{"rank", ANY_TEXT | WITHIN}, {"dense_rank", ANY_TEXT | WITHIN}, {"percent_rank", ANY_TEXT | WITHIN},
	{"cume_dist", ANY_TEXT | WITHIN}
};

/* What the list says of an aggregate; -1 where it is not on it. */
static int
find_traits(Aggref *aggregate)
{
	char	   *name = get_func_name(aggregate->aggfnoid);

	for (int i = 0; aggregate->aggfnoid < FirstGenbkiObjectId && i < lengthof(native_aggregates); i++)
		if (strcmp(name, native_aggregates[i].name) == 0)
			return native_aggregates[i].traits;
	return -1;
}

static bool
is_float(Oid type)
{
	return type == FLOAT4OID || type == FLOAT8OID;
}

/* True for types whose JSON depends on no setting of the session. */
static bool
is_json_alike(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case UUIDOID:
		case DATEOID:
		case TIMESTAMPOID:
		case JSONOID:
		case JSONBOID:
			return true;
		default:
			return false;
	}
}

/* True where values of its arguments' types are aggregated alike. */
static bool
types_fit(Aggref *aggregate, int traits)
{
	const char *name = get_func_name(aggregate->aggfnoid);
	ListCell   *lc;

	if (!value_type_is_native(aggregate->aggtype))
		return false;
	foreach(lc, aggregate->args)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Oid			type = getBaseType(exprType((Node *) entry->expr));

		if (entry->resjunk)
			continue;
		/* an aggregate has no declared length, so what is filled up with blanks would lack them */
		if (type == BPCHAROID && strcmp(name, "count") != 0)
			return false;
		/* what lies between two intervals is rounded in other ways by other versions */
		if (type == INTERVALOID && strcmp(name, "percentile_cont") == 0)
			return false;
		if (((traits & EXACT_ONLY) && is_float(type)) || ((traits & AS_JSON) && !is_json_alike(type)))
			return false;
		/* the least of them depends on the default collation of the database */
		if (type == JSONBARRAYOID && !(traits & ANY_TEXT))
			return false;
	}
	return true;
}

/* True where the order that is given, or none, does to the result what it does here; *ordered: it has to be written. */
static bool
order_fits(RemoteSql *sql, Aggref *aggregate, int traits, bool *ordered)
{
	bool		adds = (traits & ADDS) && is_float(aggregate->aggtype);

	*ordered = (traits & (SEES_ORDER | WITHIN)) || (adds && aggregate->aggorder != NIL);
	if (*ordered)
		return aggregate->aggorder != NIL || aggregate->aggdistinct != NIL;
	/* without one a sum of floats is as free here; but rows of a frame have one */
	return remote_order_is_idle(aggregate) && !(adds && sql->over);
}

/* Writes an argument; where DISTINCT sorts by it, just as the order has it. */
static bool
write_argument(RemoteSql *sql, Aggref *aggregate, Node *argument, const CkSqlRule *rule, bool ordered)
{
	if (aggregate->aggdistinct && strcmp(get_func_name(aggregate->aggfnoid), "count") == 0)
		return remote_key(sql, argument);
	if (rule)
		return remote_template(sql, rule->remote, "", list_make1(argument), NULL);
	if (aggregate->aggdistinct && ordered && contain_var_clause(argument))
		return remote_sort_value(sql, (Expr *) argument, exprCollation(argument));
	return remote_value(sql, argument);
}

/* Writes the arguments that every row has. */
static bool
write_arguments(RemoteSql *sql, Aggref *aggregate, const CkSqlRule *rule, bool ordered)
{
	ListCell   *lc;

	if (aggregate->aggdistinct)
		appendStringInfoString(sql->text, "DISTINCT ");
	if (aggregate->aggstar)
		appendStringInfoChar(sql->text, '*');
	foreach(lc, aggregate->args)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (entry->resjunk)
			continue;
		appendStringInfoString(sql->text, lc == list_head(aggregate->args) ? "" : ", ");
		if (!write_argument(sql, aggregate, (Node *) entry->expr, rule, ordered))
			return false;
	}
	return !ordered || remote_aggregate_order(sql, aggregate);
}

/* Writes what an ordered set is asked for, and its order. */
static bool
write_within(RemoteSql *sql, Aggref *aggregate)
{
	ListCell   *lc;

	foreach(lc, aggregate->aggdirectargs)
	{
		appendStringInfoString(sql->text, lc == list_head(aggregate->aggdirectargs) ? "" : ", ");
		if (contain_var_clause(lfirst(lc)) || !remote_value(sql, lfirst(lc)))
			return false;
	}
	appendStringInfoString(sql->text, ") WITHIN GROUP (");
	return remote_aggregate_order(sql, aggregate);
}

bool
remote_native_aggregate(RemoteSql *sql, Aggref *aggregate)
{
	const CkSqlRule *rule = rules_find(sql->dialect, RULE_FUNCTION, aggregate->aggfnoid, NULL);
	int			traits = find_traits(aggregate);
	bool		ordered;

	if (traits < 0 || ((traits & WITHIN) != 0) != (aggregate->aggkind != AGGKIND_NORMAL) || !types_fit(aggregate, traits) ||
		!order_fits(sql, aggregate, traits, &ordered))
		return false;
	if (rule ? !rules_locale_fits(rule, aggregate->inputcollid) : OidIsValid(aggregate->inputcollid) && !(traits & ANY_TEXT))
		return false;
	appendStringInfo(sql->text, "%s(", get_func_name(aggregate->aggfnoid));
	if ((traits & WITHIN) ? !write_within(sql, aggregate) : !write_arguments(sql, aggregate, rule, ordered))
		return false;
	appendStringInfoChar(sql->text, ')');
	if (aggregate->aggfilter)
	{
		appendStringInfoString(sql->text, " FILTER (WHERE ");
		if (!remote_test(sql, (Node *) aggregate->aggfilter, PLACE_TEST))
			return false;
		appendStringInfoChar(sql->text, ')');
	}
	appendStringInfoString(sql->text, sql->over ? sql->over : "");
	/* an array says of what type its elements are, and what is sorted is text */
	if (aggregate->aggtype == VARCHARARRAYOID)
		appendStringInfo(sql->text, "::%s", remote_type_name(aggregate->aggtype));
	return true;
}
