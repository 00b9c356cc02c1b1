/*
 * remote_order.c: ORDER BY in a source's dialect, where it gives PostgreSQL's own order.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "fdw.h"
#include "rules.h"
#include "value.h"

/* The expression of a path key that is made of the rows' columns alone, or NULL. */
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

		if (sql->group && tlist_member(member->em_expr, sql->group->columns))
			return member->em_expr;
		if (!sql->group && bms_is_subset(member->em_relids, sql->visible) &&
			!bms_is_empty(member->em_relids) && !contain_subplans((Node *) member->em_expr))
			return member->em_expr;
	}
	return NULL;
}

bool
remote_sort_value(RemoteSql *sql, Expr *expr, Oid collation)
{
	Oid			type = getBaseType(exprType((Node *) expr));
	const CkSqlRule *rule;

	if (type == VARCHAROID)
		type = TEXTOID;
	rule = rules_find(sql->dialect, RULE_ORDER, type, NULL);
	if (rule == NULL && sql->within)
		rule = rules_find(sql->dialect, RULE_AGGREGATE_ORDER, type, NULL);
	if (rule)
		return rule->fidelity == CK_EXACT && rules_locale_fits(rule, collation) &&
			remote_template(sql, rule->remote ? rule->remote : "%1", "", list_make1(expr), NULL);
	if (!sql->dialect->native || OidIsValid(collation) || !value_type_is_native(type) || type == JSONBOID ||
		type == JSONBARRAYOID)
		return false;
	return remote_value(sql, (Node *) expr);
}

/* True where the family is that of the type's own operators. */
static bool
family_is_default(Oid family, Oid type)
{
	Oid			opclass = GetDefaultOpClass(type, BTREE_AM_OID);

	return OidIsValid(opclass) && get_opclass_family(opclass) == family;
}

/* True for a column that is declared NOT NULL; as everywhere in PostgreSQL, that is taken to hold at the source. */
static bool
never_null(RemoteSql *sql, Expr *expr)
{
	HeapTuple	tuple;
	bool		never;

	if (IsA(expr, Aggref))
		return strcmp(get_func_name(((Aggref *) expr)->aggfnoid), "count") == 0;
	/* an outer join makes NULLs of its own */
	if (bms_membership(sql->relids) != BMS_SINGLETON)
		return false;
	while (IsA(expr, RelabelType))
		expr = ((RelabelType *) expr)->arg;
	if (!IsA(expr, Var) || ((Var *) expr)->varattno <= 0)
		return false;
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(fdw_table(sql->root, ((Var *) expr)->varno)->relid),
							Int16GetDatum(((Var *) expr)->varattno));
	if (!HeapTupleIsValid(tuple))
		return false;
	never = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return never;
}

bool
remote_sort_key(RemoteSql *sql, Expr *expr, Oid family, Oid collation, bool descends, bool nulls_first)
{
	const char *direction = descends ? " DESC" : " ASC";
	int			params = list_length(sql->params);

	if (!family_is_default(family, exprType((Node *) expr)))
		return false;
	/* in GROUP_CONCAT(), NULL is sorted as if it were 0 or empty */
	if (!sql->dialect->nulls_order && (sql->within || nulls_first == descends) && !never_null(sql, expr))
	{
		struct GroupPlan *group = sql->group;
		bool		written;

		/* not by the name that a key is grouped by: MariaDB tests another row's value where a sub-select computes it */
		if (group && !group->nested && list_member(group->keys, expr))
			sql->group = NULL;
		written = remote_sort_value(sql, expr, collation);
		sql->group = group;
		if (!written)
			return false;
		appendStringInfoString(sql->text, nulls_first ? " IS NULL DESC, " : " IS NULL ASC, ");
	}
	if (!remote_sort_value(sql, expr, collation) || list_length(sql->params) != params)
		return false;
	appendStringInfoString(sql->text, direction);
	if (sql->dialect->nulls_order)
		appendStringInfoString(sql->text, nulls_first ? " NULLS FIRST" : " NULLS LAST");
	return true;
}

/* The order by a single column, for a source that is asked by conditions. */
static bool
order_by_column(RemoteSql *sql, List *pathkeys)
{
	PathKey    *key = linitial_node(PathKey, pathkeys);
	Expr	   *expr = list_length(pathkeys) == 1 ? pathkey_expression(sql, key) : NULL;

	return expr && family_is_default(key->pk_opfamily, exprType((Node *) expr)) &&
		remote_filter_order(sql, expr, key->pk_eclass->ec_collation, compat_pathkey_descends(key), key->pk_nulls_first,
							never_null(sql, expr));
}

bool
remote_order(RemoteSql *sql, List *pathkeys)
{
	ListCell   *lc;

	if (sql->dialect->filter)
		return pathkeys == NIL || order_by_column(sql, pathkeys);
	foreach(lc, pathkeys)
	{
		PathKey    *key = lfirst_node(PathKey, lc);
		Expr	   *expr = pathkey_expression(sql, key);

		if (expr == NULL)
			return false;
		appendStringInfoString(sql->text, lc == list_head(pathkeys) ? " ORDER BY " : ", ");
		if (!remote_sort_key(sql, expr, key->pk_opfamily, key->pk_eclass->ec_collation, compat_pathkey_descends(key),
							 key->pk_nulls_first))
			return false;
	}
	return true;
}
