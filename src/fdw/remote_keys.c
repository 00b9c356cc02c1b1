/*
 * remote_keys.c: the condition "key = one of a list that is known when the scan runs", in a source's dialect.
 */
#include "postgres.h"

#include "access/transam.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "utils/lsyscache.h"

#include "remote_sql.h"
#include "rules.h"
#include "value.h"

/*
 * Writes "key = one of the list". More rows than those of the keys do no harm, so any deterministic collation will do.
 */
static bool
sql_keys(RemoteSql *sql, Expr *key, Oid operator, Oid key_type, Oid collation)
{
	const CkSql *dialect = sql->dialect;
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
		sql->collation = remote_mixes_collations(sql, (Node *) key) ? "C" : NULL;
		if (!remote_value(sql, (Node *) key))
			return false;
		sql->collation = NULL;
		appendStringInfo(sql->text, " %s ANY (", name);
		remote_placeholder(sql, (Expr *) list);
		appendStringInfoString(sql->text, "))");
		return true;
	}
	rule = rules_find(dialect, RULE_KEYS, key_type, NULL);
	if (rule == NULL)
		rule = rules_find(dialect, RULE_IN, key_type, NULL);
	if (rule && remote_ruled_equality(dialect, operator) && rules_locale_fits(rule, collation))
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
			return remote_template(sql, piece.data, name, list_make2(key, list), NULL);
		}
	}
	rule = rules_find(dialect, RULE_OPERATOR, operator, NULL);
	if (rule == NULL || !rules_locale_fits(rule, collation))
		return false;
	appendStringInfo(sql->text, "(%c|", LIST_BEGIN);
	if (!remote_template(sql, rule->remote, name, list_make2(key, list), NULL))
		return false;
	appendStringInfo(sql->text, "%c)", LIST_END);
	return true;
}

Pushed
remote_judge_list(PlannerInfo *root, Relids relids, const CkSql *dialect, Expr *key, Oid operator, Oid key_type,
				  Oid collation)
{
	StringInfoData scratch;
	RemoteSql	sql = {.dialect = dialect, .root = root, .relids = relids, .text = &scratch};

	if (dialect && dialect->filter)
		return remote_filter_judge_list(root, relids, dialect, key, operator, key_type, collation);
	initStringInfo(&scratch);
	return dialect && !contain_subplans((Node *) key) && sql_keys(&sql, key, operator, key_type, collation) ?
		PUSHED_SUPERSET : PUSHED_NOT;
}

void
remote_list_condition(RemoteSql *sql, Expr *key, Oid operator, Oid key_type, Oid collation)
{
	if (sql->dialect->filter)
		remote_filter_write_list(sql, key, operator, key_type, collation);
	else if (!sql_keys(sql, key, operator, key_type, collation))
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
			remote_joint(&expanded, "OR", i, count);
		else if (i > 0)
			appendStringInfoString(&expanded, ", ");
		appendBinaryStringInfo(&expanded, begin + 2, end - begin - 2);
	}
	if (begin[1] != ',')
		remote_joint(&expanded, "OR", count, count);
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
