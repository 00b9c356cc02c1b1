/*
 * source_type.c: types of columns at a source, as its lists of tables tell them.
 */
#include "manifest.h"

#include <stdio.h>
#include <stdlib.h>

void
http_source_type(const char *type, HttpSourceType *parsed)
{
	const char *other = strstr(type, ", ");
	const char *word = other ? strrchr(other, ' ') + 1 : type;
	size_t		size = strcspn(word, "( ");
	const char *rest = word + size;
	char	   *end;

	*parsed = (HttpSourceType) {.argument = -1};
	if (other && word > other + 2)
	{
		parsed->field = other + 2;
		parsed->field_size = (size_t) (word - 1 - parsed->field);
	}
	if (*rest == '(')
	{
		parsed->argument = strtoll(rest + 1, &end, 10);
		if (*end != ')' || end == rest + 1)
			return;
		rest = end + 1;
	}
	if (!*rest && size < sizeof(parsed->name))
		memcpy(parsed->name, word, size);
}

/* How many bytes of a rule's name are those of the type up to an end of a word; 0: it is another. */
static size_t
matched(const char *rule, const char *type)
{
	size_t		size = strlen(rule);

	return strncmp(rule, type, size) == 0 && strchr(" (,", type[size]) ? size : 0;
}

const char *
http_local_type(const HttpPair *rules, const char *type)
{
	const char *found = NULL;
	size_t		longest = 0;

	for (; rules && rules->name; rules++)
	{
		size_t		size = matched(rules->name, type);

		if (size > longest || (!found && strcmp(rules->name, "*") == 0))
			found = rules->text;
		longest = size > longest ? size : longest;
	}
	return found;
}

CkType
http_type_form(const char *local_type)
{
	static const struct
	{
		const char *name;
		CkType		form;
	}			forms[] = {
		{"boolean", CK_BOOL}, {"smallint", CK_INT64}, {"integer", CK_INT64}, {"bigint", CK_INT64},
		{"double precision", CK_FLOAT64}, {"real", CK_FLOAT32}, {"numeric", CK_NUMERIC}, {"text", CK_TEXT},
		{"date", CK_DATE}, {"timestamp", CK_TIMESTAMP}, {"timestamptz", CK_TIMESTAMPTZ},
		{"bool", CK_BOOL}, {"int2", CK_INT64}, {"int4", CK_INT64}, {"int", CK_INT64}, {"int8", CK_INT64},
		{"float8", CK_FLOAT64}, {"float4", CK_FLOAT32}, {"varchar", CK_TEXT}
	};

	for (size_t i = 0; local_type && i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].name, local_type) == 0)
			return forms[i].form;
	return CK_NULL;
}
