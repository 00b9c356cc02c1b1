/*
 * typemap.c: finds the local type for a type of a source.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"

#include "compat.h"
#include "discover.h"
#include "typemap.h"

bool
typemap_glob(const char *pattern, const char *text)
{
	const char *star = NULL,
			   *resume = NULL;

	while (*text)
	{
		if (*pattern == '*')
		{
			star = ++pattern;
			resume = text;
		}
		else if (*pattern == '?' || *pattern == *text)
		{
			pattern++;
			text++;
			/* ? is a character, not a byte */
			while (pattern[-1] == '?' && (*text & 0xC0) == 0x80)
				text++;
		}
		else if (star)
		{
			pattern = star;
			text = ++resume;
		}
		else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

char *
typemap_known(const char *type)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *volatile known = NULL;

	/* what is no type at all is an ERROR of the parser, and a bad modifier one of the type */
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		Oid			oid;
		int32		typmod;

		compat_parse_type(type, &oid, &typmod);
		MemoryContextSwitchTo(caller);
		if (get_typtype(oid) != TYPTYPE_PSEUDO)
			known = format_type_extended(oid, typmod, FORMAT_TYPE_TYPEMOD_GIVEN);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		(void) discover_caught(caller);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return known;
}

/* The rule's local type with %a replaced by what stands within the parentheses of the source's. */
static char *
typemap_expand(const char *local, const char *source_type)
{
	const char *open = strchr(source_type, '(');
	const char *close = open ? strrchr(open, ')') : NULL;
	const char *mark = strstr(local, "%a");

	if (mark == NULL)
		return pstrdup(local);
	return psprintf("%.*s%.*s%s", (int) (mark - local), local, close ? (int) (close - open - 1) : 0, open ? open + 1 : "",
					mark + 2);
}

char *
typemap_local(const CkSql *sql, const char *source_type)
{
	char	   *lower = pstrdup(source_type);
	const char *wanted = source_type;
	char	   *known;

	for (char *c = lower; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	for (const CkTypeRule *rule = sql ? sql->types : NULL; rule && rule->source; rule++)
		if (typemap_glob(rule->source, lower))
		{
			if (rule->local)
				wanted = typemap_expand(rule->local, lower);
			break;
		}
	known = wanted[0] ? typemap_known(wanted) : NULL;
	return known ? known : pstrdup("text");
}
