/*
 * remote_window.c: window functions in a source's dialect, where they give this server's own answer.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"

#include "fdw.h"
#include "rules.h"
#include "value.h"

#define FRAME_OF_DEFAULT (FRAMEOPTION_RANGE | FRAMEOPTION_START_UNBOUNDED_PRECEDING | FRAMEOPTION_END_CURRENT_ROW)

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

/* The value of a constant that counts, -1 of anything else. */
static int64
count_of(Node *node)
{
	Const	   *constant = (Const *) node;
	int64		count;

	if (node == NULL || !IsA(node, Const) || constant->constisnull)
		return -1;
	switch (constant->consttype)
	{
		case INT2OID:
			count = DatumGetInt16(constant->constvalue);
			break;
		case INT4OID:
			count = DatumGetInt32(constant->constvalue);
			break;
		case INT8OID:
			count = DatumGetInt64(constant->constvalue);
			break;
		default:
			return -1;
	}
	return count >= 0 && count <= PG_INT32_MAX ? count : -1;
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
		if (!remote_partition_key(sql, expr))
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

/* What a source has to know of a frame. */
static uint32
frame_needs(WindowClause *clause)
{
	int			options = clause->frameOptions;
	bool		ahead = (options & FRAMEOPTION_START_OFFSET_FOLLOWING) != 0;
	int64		start = count_of(clause->startOffset),
				end = count_of(clause->endOffset);
	uint32		needs = CK_WINDOWS;

	if (options & FRAMEOPTION_GROUPS)
		needs |= CK_WINDOW_GROUPS;
	if (options & FRAMEOPTION_EXCLUSION)
		needs |= CK_WINDOW_EXCLUDE;
	if ((options & FRAMEOPTION_RANGE) && (options & (FRAMEOPTION_START_OFFSET | FRAMEOPTION_END_OFFSET)))
		needs |= CK_WINDOW_RANGE;
	if (ahead)
		needs |= CK_WINDOW_AHEAD;
	if (start >= 0 && end >= 0 && (ahead ? start > end : (options & FRAMEOPTION_END_OFFSET_PRECEDING) && end > start))
		needs |= CK_WINDOW_EMPTY;
	return needs;
}

/* True where both servers add a distance to a sort key in the same way: numbers and times of which no setting decides. */
static bool
distance_fits(RemoteSql *sql, WindowClause *clause, Node *offset, Oid function)
{
	SortGroupClause *key = linitial_node(SortGroupClause, clause->orderClause);
	Oid			type = exprType(get_sortgroupclause_expr(key, sql->root->processed_tlist));

	if (!IsA(offset, Const) || ((Const *) offset)->constisnull || function >= FirstGenbkiObjectId ||
		func_volatile(function) != PROVOLATILE_IMMUTABLE)
		return false;
	/* of bigint, the sum may be a number that the source has to round */
	return sql->dialect->native || ((type == INT2OID || type == INT4OID) && count_of(offset) >= 0);
}

/* Writes one end of a frame. */
static bool
write_bound(RemoteSql *sql, WindowClause *clause, bool start)
{
	int			options = clause->frameOptions;
	Node	   *offset = start ? clause->startOffset : clause->endOffset;

	if (options & (start ? FRAMEOPTION_START_UNBOUNDED_PRECEDING : FRAMEOPTION_END_UNBOUNDED_FOLLOWING))
		appendStringInfoString(sql->text, start ? "UNBOUNDED PRECEDING" : "UNBOUNDED FOLLOWING");
	else if (options & (start ? FRAMEOPTION_START_CURRENT_ROW : FRAMEOPTION_END_CURRENT_ROW))
		appendStringInfoString(sql->text, "CURRENT ROW");
	else
	{
		bool		before = (options & (start ? FRAMEOPTION_START_OFFSET_PRECEDING : FRAMEOPTION_END_OFFSET_PRECEDING)) != 0;

		if (options & FRAMEOPTION_RANGE)
		{
			if (!distance_fits(sql, clause, offset, start ? clause->startInRangeFunc : clause->endInRangeFunc) ||
				!remote_value(sql, offset))
				return false;
		}
		else if (count_of(offset) < 0)
			return false;
		else
			appendStringInfo(sql->text, INT64_FORMAT, count_of(offset));
		appendStringInfoString(sql->text, before ? " PRECEDING" : " FOLLOWING");
	}
	return true;
}

/* Writes the frame, but for the usual one. */
static bool
write_frame(RemoteSql *sql, WindowClause *clause)
{
	int			options = clause->frameOptions;

	if ((options & ~(FRAMEOPTION_NONDEFAULT | FRAMEOPTION_BETWEEN)) == FRAME_OF_DEFAULT)
		return true;
	if (frame_needs(clause) & ~sql->dialect->windows)
		return false;
	if (clause->partitionClause || clause->orderClause)
		appendStringInfoChar(sql->text, ' ');
	appendStringInfoString(sql->text, options & FRAMEOPTION_RANGE ? "RANGE BETWEEN " :
						   options & FRAMEOPTION_ROWS ? "ROWS BETWEEN " : "GROUPS BETWEEN ");
	if (!write_bound(sql, clause, true))
		return false;
	appendStringInfoString(sql->text, " AND ");
	if (!write_bound(sql, clause, false))
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
over_text(RemoteSql *sql, WindowFunc *function, WindowClause *clause)
{
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

/* Writes a function that is no aggregate, for a source that is PostgreSQL. */
static bool
write_native(RemoteSql *sql, WindowFunc *function)
{
	const char *name = get_func_name(function->winfnoid);
	bool		listed = false;
	ListCell   *lc;

	for (int i = 0; i < lengthof(native_functions); i++)
		listed |= strcmp(name, native_functions[i]) == 0;
	if (!listed || function->winfnoid >= FirstGenbkiObjectId || !value_type_is_native(function->wintype))
		return false;
	appendStringInfo(sql->text, "%s(", name);
	foreach(lc, function->args)
	{
		appendStringInfoString(sql->text, lc == list_head(function->args) ? "" : ", ");
		if (!remote_value(sql, lfirst(lc)))
			return false;
	}
	appendStringInfo(sql->text, ")%s", sql->over);
	return true;
}

/* A function's template with that of the values that it takes in the places of these: the first and the third. */
static char *
fill_values(const char *template, const char *value)
{
	StringInfoData text;

	initStringInfo(&text);
	for (const char *c = template; *c; c++)
	{
		if (strncmp(c, "%1", 2) != 0 && strncmp(c, "%3", 2) != 0)
		{
			appendStringInfoChar(&text, *c);
			continue;
		}
		c++;
		for (const char *v = value; *v; v++)
		{
			appendStringInfoChar(&text, *v);
			if (strncmp(v, "%1", 2) == 0)
				appendStringInfoChar(&text, *c), v++;
		}
	}
	return text.data;
}

/* The same by the dialect's rule. */
static bool
write_ruled(RemoteSql *sql, WindowFunc *function, WindowClause *clause)
{
	const char *name;
	const CkSqlRule *rule = rules_find(sql->dialect, RULE_FUNCTION, function->winfnoid, &name);
	const char *template = rule ? rule->remote : NULL;
	bool		polymorphic;
	ListCell   *lc;

	/* without an order, MariaDB takes rank() for an error */
	if (template == NULL || strstr(template, "%w") == NULL || rule->fidelity != CK_EXACT || clause->orderClause == NIL)
		return false;
	polymorphic = strncmp(rule->args, "any", 3) == 0;
	foreach(lc, function->args)
		if ((!polymorphic || foreach_current_index(lc) == 1) && count_of(lfirst(lc)) < 1)
			return false;
	if (polymorphic)
	{
		const char *value = remote_value_template(sql, linitial(function->args));

		if (value == NULL || !contain_var_clause(linitial(function->args)))
			return false;
		template = fill_values(template, value);
	}
	return remote_template(sql, template, name, function->args, NULL);
}

bool
remote_window(RemoteSql *sql, WindowFunc *function, Oid aggregate_function)
{
	WindowClause *clause = remote_window_clause(sql->root, function);
	bool		written = false;

	if (contain_volatile_functions((Node *) function->args) || contain_subplans((Node *) function) ||
		contain_volatile_functions((Node *) function->aggfilter) || (sql->over = over_text(sql, function, clause)) == NULL)
		return false;
	if (function->winagg)
		written = remote_window_aggregate(sql, function, aggregate_function);
	/* a result has no declared length, so what is filled up with blanks would lack them */
	else if (getBaseType(function->wintype) != BPCHAROID)
		written = sql->dialect->native ? write_native(sql, function) : write_ruled(sql, function, clause);
	sql->over = NULL;
	return written;
}
