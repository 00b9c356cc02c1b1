/*
 * remote_window.c: window functions for a source that is PostgreSQL, where they give this server's own answer.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"

#include "fdw.h"
#include "value.h"

/* Window functions that are the same in all versions of PostgreSQL. */
static const char *const native_functions[] = {
	"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value", "last_value",
	"nth_value"
};

static bool
is_named(WindowFunc *function, const char *name)
{
	return strcmp(get_func_name(function->winfnoid), name) == 0;
}

WindowClause *
remote_window_clause(PlannerInfo *root, WindowFunc *function)
{
	ListCell   *lc;

	foreach(lc, root->parse->windowClause)
		if (lfirst_node(WindowClause, lc)->winref == function->winref)
			return lfirst(lc);
	elog(ERROR, "a window function has no window");
}

/* True for functions that look at a frame. */
static bool
has_frame(WindowFunc *function)
{
	return function->winagg || is_named(function, "first_value") || is_named(function, "last_value") ||
		is_named(function, "nth_value");
}

bool
remote_window_sees_order(WindowFunc *function, WindowClause *clause)
{
	if (function->winagg)
		return (clause->frameOptions & FRAMEOPTION_ROWS) != 0;
	return !is_named(function, "rank") && !is_named(function, "dense_rank") && !is_named(function, "percent_rank") &&
		!is_named(function, "cume_dist");
}

/* Writes what the window is divided by. */
static bool
write_partition(RemoteSql *sql, WindowClause *clause)
{
	ListCell   *lc;

	foreach(lc, clause->partitionClause)
	{
		SortGroupClause *key = lfirst_node(SortGroupClause, lc);
		Node	   *expr = get_sortgroupclause_expr(key, sql->root->processed_tlist);

		if (key->eqop >= FirstGenbkiObjectId || !contain_var_clause(expr) || contain_volatile_functions(expr) ||
			contain_subplans(expr))
			return false;
		appendStringInfoString(sql->text, lc == list_head(clause->partitionClause) ? "PARTITION BY " : ", ");
		if (!remote_key(sql, expr))
			return false;
	}
	return true;
}

/* Writes the order of the window's rows. */
static bool
write_order(RemoteSql *sql, WindowClause *clause)
{
	ListCell   *lc;

	foreach(lc, clause->orderClause)
	{
		SortGroupClause *key = lfirst_node(SortGroupClause, lc);
		Node	   *expr = get_sortgroupclause_expr(key, sql->root->processed_tlist);
		Oid			family;
		bool		descends;

		if (!contain_var_clause(expr) || contain_volatile_functions(expr) || contain_subplans(expr) ||
			!compat_ordering_operator(key->sortop, &family, &descends))
			return false;
		appendStringInfoString(sql->text, lc == list_head(clause->orderClause) ?
							   (clause->partitionClause ? " ORDER BY " : "ORDER BY ") : ", ");
		if (!remote_sort_key(sql, (Expr *) expr, family, exprCollation(expr), descends, key->nulls_first))
			return false;
	}
	return true;
}

/* Writes one end of a frame. */
static bool
write_bound(RemoteSql *sql, int options, Node *offset, bool start)
{
	if (options & (start ? FRAMEOPTION_START_UNBOUNDED_PRECEDING : FRAMEOPTION_END_UNBOUNDED_FOLLOWING))
		appendStringInfoString(sql->text, start ? "UNBOUNDED PRECEDING" : "UNBOUNDED FOLLOWING");
	else if (options & (start ? FRAMEOPTION_START_CURRENT_ROW : FRAMEOPTION_END_CURRENT_ROW))
		appendStringInfoString(sql->text, "CURRENT ROW");
	else
	{
		bool		before = (options & (start ? FRAMEOPTION_START_OFFSET_PRECEDING : FRAMEOPTION_END_OFFSET_PRECEDING)) != 0;

		/* what a distance between values means depends on their types */
		if ((options & FRAMEOPTION_RANGE) || !IsA(offset, Const) || ((Const *) offset)->constisnull ||
			((Const *) offset)->consttype != INT8OID || DatumGetInt64(((Const *) offset)->constvalue) < 0 ||
			DatumGetInt64(((Const *) offset)->constvalue) > PG_INT32_MAX)
			return false;
		appendStringInfo(sql->text, INT64_FORMAT " %s", DatumGetInt64(((Const *) offset)->constvalue),
						 before ? "PRECEDING" : "FOLLOWING");
	}
	return true;
}

/* Writes the frame, also where it is the usual one. */
static bool
write_frame(RemoteSql *sql, WindowClause *clause)
{
	int			options = clause->frameOptions;

	if (clause->partitionClause || clause->orderClause)
		appendStringInfoChar(sql->text, ' ');
	appendStringInfoString(sql->text, options & FRAMEOPTION_RANGE ? "RANGE BETWEEN " :
						   options & FRAMEOPTION_ROWS ? "ROWS BETWEEN " : "GROUPS BETWEEN ");
	if (!write_bound(sql, options, clause->startOffset, true))
		return false;
	appendStringInfoString(sql->text, " AND ");
	if (!write_bound(sql, options, clause->endOffset, false))
		return false;
	if (options & FRAMEOPTION_EXCLUDE_CURRENT_ROW)
		appendStringInfoString(sql->text, " EXCLUDE CURRENT ROW");
	else if (options & FRAMEOPTION_EXCLUDE_GROUP)
		appendStringInfoString(sql->text, " EXCLUDE GROUP");
	else if (options & FRAMEOPTION_EXCLUDE_TIES)
		appendStringInfoString(sql->text, " EXCLUDE TIES");
	return true;
}

/* The text OVER (…), or NULL. It holds no arguments. */
static char *
over_text(RemoteSql *sql, WindowFunc *function)
{
	WindowClause *clause = remote_window_clause(sql->root, function);
	StringInfoData text;
	StringInfo	around = sql->text;
	int			places = list_length(sql->places);
	int			params = list_length(sql->params);
	bool		written;

	initStringInfo(&text);
	appendStringInfoString(&text, " OVER (");
	sql->text = &text;
	written = write_partition(sql, clause) && write_order(sql, clause) && (!has_frame(function) || write_frame(sql, clause));
	sql->text = around;
	appendStringInfoChar(&text, ')');
	return written && list_length(sql->places) == places && list_length(sql->params) == params ? text.data : NULL;
}

/* Writes a function that is no aggregate. */
static bool
write_function(RemoteSql *sql, WindowFunc *function)
{
	const char *name = get_func_name(function->winfnoid);
	bool		listed = false;
	ListCell   *lc;

	for (int i = 0; i < lengthof(native_functions); i++)
		listed |= strcmp(name, native_functions[i]) == 0;
	/* a result has no declared length, so what is filled up with blanks would lack them */
	if (!listed || function->winfnoid >= FirstGenbkiObjectId || !value_type_is_native(function->wintype) ||
		getBaseType(function->wintype) == BPCHAROID)
		return false;
	appendStringInfo(sql->text, "%s(", name);
	foreach(lc, function->args)
	{
		appendStringInfoString(sql->text, lc == list_head(function->args) ? "" : ", ");
		if (!remote_value(sql, lfirst(lc)))
			return false;
	}
	appendStringInfoChar(sql->text, ')');
	return true;
}

bool
remote_window(RemoteSql *sql, WindowFunc *function)
{
	char	   *over;

	if (contain_volatile_functions((Node *) function->args) || contain_subplans((Node *) function) ||
		contain_volatile_functions((Node *) function->aggfilter) || (over = over_text(sql, function)) == NULL)
		return false;
	if (function->winagg)
		return remote_window_aggregate(sql, function, over);
	if (!write_function(sql, function))
		return false;
	appendStringInfoString(sql->text, over);
	return true;
}
