/*
 * rules.c: makes the rule table of a dialect searchable: names and types become oids once per backend.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_namespace.h"
#include "mb/pg_wchar.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_locale.h"
#include "utils/syscache.h"

#include "compat.h"
#include "rules.h"

#define MAX_ARGS 4

typedef struct RuleKey
{
	const CkSql *sql;
	Oid			oid;
	Oid			to;				/* of a cast */
	int			kind;
} RuleKey;

/* Rules for the same: the first whose constant arguments are those at hand serves. */
typedef struct RuleChoice
{
	const CkSqlRule *rule;
	const char *name;
	struct RuleChoice *next;
} RuleChoice;

typedef struct RuleEntry
{
	RuleKey		key;
	RuleChoice *first;
} RuleEntry;

typedef struct DialectEntry
{
	const CkSql *sql;
} DialectEntry;

static HTAB *rule_table = NULL;
static HTAB *dialect_table = NULL;

static Oid
type_oid(const char *name)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name), ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
}

/* The types that an argument's name, or the constant that it has to be, stands for. */
static int
type_class(const char *name, Oid *types)
{
	if (name[0] == '\'' || strcmp(name, "pattern") == 0)
		name = "text";
	else if (isdigit((unsigned char) name[0]))
		name = "int4";
	if (strcmp(name, "integer") == 0)
	{
		types[0] = INT2OID;
		types[1] = INT4OID;
		types[2] = INT8OID;
		return 3;
	}
	if (strcmp(name, "float") == 0)
	{
		types[0] = FLOAT4OID;
		types[1] = FLOAT8OID;
		return 2;
	}
	types[0] = type_oid(name);
	if (!OidIsValid(types[0]))
		elog(ERROR, "a pushdown rule names the unknown type \"%s\"", name);
	return 1;
}

static RuleEntry *
rule_entry(const CkSql *sql, RuleKind kind, Oid oid, Oid to, HASHACTION action)
{
	RuleKey		key;
	RuleEntry  *entry;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.sql = sql;
	key.oid = oid;
	key.to = to;
	key.kind = kind;
	entry = hash_search(rule_table, &key, action, &found);
	if (entry && !found)
		entry->first = NULL;
	return entry;
}

static void
rule_enter(const CkSql *sql, RuleKind kind, Oid oid, Oid to, const CkSqlRule *rule, const char *name)
{
	RuleChoice *choice = MemoryContextAlloc(TopMemoryContext, sizeof(RuleChoice));
	RuleChoice **last = &rule_entry(sql, kind, oid, to, HASH_ENTER)->first;

	choice->rule = rule;
	choice->name = MemoryContextStrdup(TopMemoryContext, name);
	choice->next = NULL;
	while (*last)
		last = &(*last)->next;
	*last = choice;
}

/* The forms that are no operators or functions, by name. */
static const struct
{
	const char *name;
	RuleKind	kind;
}			forms[] = {
	{"order", RULE_ORDER}, {"aggorder", RULE_AGGREGATE_ORDER},
	{"in", RULE_IN}, {"keys", RULE_KEYS}, {"bool", RULE_BOOL}, {"isnull", RULE_IS_NULL},
	{"notnull", RULE_IS_NOT_NULL}, {"branch", RULE_BRANCH}, {"cast", RULE_CAST},
	{"group", RULE_GROUP}, {"groupby", RULE_GROUP_BY}, {"value", RULE_VALUE}
};

/* Enters the rule for one name and one choice of argument types. */
static void
rule_enter_name(const CkSql *sql, const CkSqlRule *rule, const char *name, const Oid *types, int ntypes)
{
	Oid			oid;

	for (int i = 0; i < lengthof(forms); i++)
		if (strcmp(name, forms[i].name) == 0)
		{
			rule_enter(sql, forms[i].kind, types[0], ntypes > 1 ? types[1] : InvalidOid, rule, name);
			return;
		}
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name))
	{
		oidvector  *arguments = buildoidvector(types, ntypes);

		oid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name), PointerGetDatum(arguments),
							  ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
		if (OidIsValid(oid))
			rule_enter(sql, RULE_FUNCTION, oid, InvalidOid, rule, name);
	}
	else
	{
		oid = GetSysCacheOid4(OPERNAMENSP, Anum_pg_operator_oid, CStringGetDatum(name),
							  ObjectIdGetDatum(ntypes == 2 ? types[0] : InvalidOid),
							  ObjectIdGetDatum(types[ntypes - 1]), ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
		if (OidIsValid(oid))
			rule_enter(sql, RULE_OPERATOR, oid, InvalidOid, rule, name);
	}
}

/* Enters a rule for all its names and all choices of argument types. */
static void
rule_enter_all(const CkSql *sql, const CkSqlRule *rule)
{
	char	   *args = pstrdup(rule->args);
	char	   *what = pstrdup(rule->what);
	char	   *save;
	Oid			classes[MAX_ARGS][3];
	int			sizes[MAX_ARGS];
	int			nargs = 0,
				choices = 1;

	for (char *arg = strtok_r(args, ", ", &save); arg; arg = strtok_r(NULL, ", ", &save))
	{
		if (strcmp(arg, "*") == 0)
			continue;
		if (nargs == MAX_ARGS)
			elog(ERROR, "a pushdown rule has too many arguments");
		sizes[nargs] = type_class(arg, classes[nargs]);
		choices *= sizes[nargs++];
	}
	if (nargs == 0 && strcmp(rule->args, "*") != 0)
		elog(ERROR, "a pushdown rule has no arguments");
	for (char *name = strtok_r(what, " ", &save); name; name = strtok_r(NULL, " ", &save))
		for (int choice = 0; choice < choices; choice++)
		{
			Oid			types[MAX_ARGS];
			int			rest = choice;

			for (int i = 0; i < nargs; i++)
			{
				types[i] = classes[i][rest % sizes[i]];
				rest /= sizes[i];
			}
			rule_enter_name(sql, rule, name, types, nargs);
		}
}

static void
rules_load(const CkSql *sql)
{
	bool		found;

	if (rule_table == NULL)
	{
		HASHCTL		info = {.keysize = sizeof(RuleKey), .entrysize = sizeof(RuleEntry)};
		HASHCTL		dialects = {.keysize = sizeof(CkSql *), .entrysize = sizeof(DialectEntry)};

		rule_table = hash_create("connkit pushdown rules", 256, &info, HASH_ELEM | HASH_BLOBS);
		dialect_table = hash_create("connkit dialects", 8, &dialects, HASH_ELEM | HASH_BLOBS);
	}
	(void) hash_search(dialect_table, &sql, HASH_FIND, &found);
	if (found)
		return;
	for (const CkSqlRule *rule = sql->overrides; rule && rule->what; rule++)
		rule_enter_all(sql, rule);
	for (const CkSqlRule *rule = sql->rules; rule->what; rule++)
		rule_enter_all(sql, rule);
	(void) hash_search(dialect_table, &sql, HASH_ENTER, &found);
}

/* True where an argument is what a rule says of it: a constant, or anything of its type. */
static bool
argument_fits(const char *said, size_t size, Node *node)
{
	char	   *value;
	size_t		length;

	if (!isdigit((unsigned char) said[0]) && said[0] != '\'' && strncmp(said, "pattern", size) != 0)
		return true;
	if (!IsA(node, Const) || ((Const *) node)->constisnull)
		return false;
	if (isdigit((unsigned char) said[0]))
		return DatumGetInt32(((Const *) node)->constvalue) == atoi(said);
	value = TextDatumGetCString(((Const *) node)->constvalue);
	length = strlen(value);
	if (said[0] == '\'')
		return length == size - 2 && strncmp(value, said + 1, length) == 0;
	return length == 0 || value[length - 1] != '\\';
}

/* True where all arguments are what the rule says of them. */
static bool
arguments_fit(const CkSqlRule *rule, List *args)
{
	const char *said = rule->args;
	ListCell   *lc;

	foreach(lc, args)
	{
		size_t		size;

		said += strspn(said, ", ");
		size = strcspn(said, ", ");
		if (!argument_fits(said, size, lfirst(lc)))
			return false;
		said += size;
	}
	return true;
}

const CkSqlRule *
rules_find_call(const CkSql *sql, RuleKind kind, Oid oid, List *args, const char **name)
{
	RuleEntry  *entry;

	rules_load(sql);
	entry = rule_entry(sql, kind, oid, InvalidOid, HASH_FIND);
	for (RuleChoice *choice = entry ? entry->first : NULL; choice; choice = choice->next)
		if (arguments_fit(choice->rule, args))
		{
			if (name)
				*name = choice->name;
			return choice->rule;
		}
	return NULL;
}

const CkSqlRule *
rules_find(const CkSql *sql, RuleKind kind, Oid oid, const char **name)
{
	return rules_find_call(sql, kind, oid, NIL, name);
}

const CkSqlRule *
rules_find_cast(const CkSql *sql, Oid from, Oid to)
{
	RuleEntry  *entry;

	rules_load(sql);
	entry = rule_entry(sql, RULE_CAST, from, to, HASH_FIND);
	return entry ? entry->first->rule : NULL;
}

bool
rules_locale_fits(const CkSqlRule *rule, Oid collation)
{
	switch (rule->locale)
	{
		case CK_NO_LOCALE:
			return true;
		case CK_ANY_LOCALE:
			return OidIsValid(collation) && get_collation_isdeterministic(collation);
		case CK_C_LOCALE:
			/* the source orders by bytes of UTF-8: as here, but for encodings of other sequence */
			return OidIsValid(collation) && compat_collation_is_c(collation) &&
				(GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_LATIN1);
	}
	return false;
}
