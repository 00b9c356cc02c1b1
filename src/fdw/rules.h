/*
 * rules.h: a dialect's rules, looked up by the oid of what they speak of.
 */
#ifndef CONNKIT_RULES_H
#define CONNKIT_RULES_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "connkit.h"

typedef enum RuleKind
{
	RULE_OPERATOR,				/* oid of the operator */
	RULE_FUNCTION,				/* oid of the function */
	RULE_ORDER,					/* type of the sort key */
	RULE_AGGREGATE_ORDER,		/* the same, within an aggregate; RULE_ORDER goes before it */
	RULE_IN,					/* type of the elements */
	RULE_KEYS,					/* the same, for lists of keys; without a rule RULE_IN serves */
	RULE_BOOL,					/* the type boolean: a boolean column as a condition */
	RULE_IS_NULL,				/* type of the value; without a rule it is %1 IS NULL */
	RULE_IS_NOT_NULL,
	RULE_BRANCH,				/* type of a result of CASE, COALESCE or NULLIF */
	RULE_CAST,					/* types that it leads from and to */
	RULE_GROUP,					/* type of the key */
	RULE_GROUP_BY,				/* the same */
	RULE_VALUE					/* type of the value */
} RuleKind;

/* The rule, or NULL; *name is the operator's or function's own name. */
extern const CkSqlRule *rules_find(const CkSql *sql, RuleKind kind, Oid oid, const char **name);

/* The same for an operator or function with these arguments, some of which may have to be constants. */
extern const CkSqlRule *rules_find_call(const CkSql *sql, RuleKind kind, Oid oid, List *args, const char **name);

extern const CkSqlRule *rules_find_cast(const CkSql *sql, Oid from, Oid to);

/* True where the rule's answer does not depend on the collation at hand. */
extern bool rules_locale_fits(const CkSqlRule *rule, Oid collation);

#endif							/* CONNKIT_RULES_H */
