/*
 * request.c: SQL of the users' own: who may send it, what it begins with, and the values of its placeholders.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "options.h"
#include "registry.h"
#include "request.h"
#include "value.h"

/* A text argument without blanks and semicolons at its end. */
static char *
required_text(FunctionCallInfo fcinfo, int number)
{
	char	   *copy;
	int			length;

	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the statement may not be NULL")));
	copy = text_to_cstring(PG_GETARG_TEXT_PP(number));
	length = strlen(copy);
	while (length > 0 && (isspace((unsigned char) copy[length - 1]) || copy[length - 1] == ';'))
		copy[--length] = '\0';
	return copy;
}

/* A value as text, for a source that finds out the types of placeholders by itself. */
static void
text_value(CkValue *value, Oid type, Datum datum)
{
	Oid			function;
	bool		varlena;
	char	   *text;

	getTypeOutputInfo(type, &function, &varlena);
	text = OidOutputFunctionCall(function, datum);
	value->type = CK_TEXT;
	value->u.p = pg_server_to_any(text, strlen(text), PG_UTF8);
	value->size = strlen(value->u.p);
}

/* The values of the placeholders, which are given behind the text. */
static void
take_args(Request *request, FunctionCallInfo fcinfo)
{
	Datum	   *values;
	bool	   *nulls;
	Oid		   *types;
	int			level;

	request->nargs = PG_NARGS() > 2 ? extract_variadic_args(fcinfo, 2, true, &values, &types, &nulls) : 0;
	request->nargs = Max(request->nargs, 0);
	request->args = palloc0(sizeof(CkValue) * Max(request->nargs, 1));
	/* texts mean the same whatever the settings are here */
	level = NewGUCNestLevel();
	(void) set_config_option("datestyle", "ISO", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("intervalstyle", "postgres", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("extra_float_digits", "3", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	for (int i = 0; i < request->nargs; i++)
	{
		if (nulls[i])
			continue;
		if (request->sql->native)
			text_value(&request->args[i], types[i], values[i]);
		else
			value_from_datum(&request->args[i], types[i], values[i], false, false);
		if (!value_within(&request->args[i], &request->sql->limits))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("source \"%s\" cannot be told the value of argument %d", request->server->servername, i + 1)));
	}
	AtEOXact_GUC(true, level);
}

void
request_begin(Request *request, FunctionCallInfo fcinfo, const char *privilege, const char *action)
{
	CommonOptions common;
	void	   *options;

	memset(request, 0, sizeof(*request));
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the name of a source may not be NULL")));
	request->server = GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
	rights_require(request->server, privilege, action);
	request->connector = registry_connector_of_server(request->server->serverid);
	if (!(request->connector->caps & CK_REMOTE))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("connector \"%s\" takes no SQL", request->connector->name)));
	options = options_parse(request->connector, list_make1(request->server->options), &common, false);
	request->sql = request->connector->dialect ?
		request->connector->dialect(request->connector, options, NULL, NULL) : request->connector->sql;
	request->text = required_text(fcinfo, 1);
	take_args(request, fcinfo);
}

char *
request_first_word(const char *text)
{
	const char *end;
	char	   *word;

	for (;;)
	{
		while (isspace((unsigned char) *text))
			text++;
		/* what stands in a comment of MySQL's that begins so is run */
		if (strncmp(text, "/*", 2) == 0 && text[2] != '!' && strncmp(text + 2, "M!", 2) != 0 && strstr(text + 2, "*/"))
			text = strstr(text + 2, "*/") + 2;
		else if (strncmp(text, "--", 2) == 0 || *text == '#')
			text += strcspn(text, "\n");
		else
			break;
	}
	for (end = text; isalpha((unsigned char) *end) || *end == '_';)
		end++;
	word = pnstrdup(text, end - text);
	for (char *c = word; *c; c++)
		*c = pg_tolower((unsigned char) *c);
	return word;
}

/* Whether a literal in dollars begins here, and no placeholder. */
static bool
is_dollar_quote(const char *text)
{
	const char *tag = text + 1;

	while (isalnum((unsigned char) *tag) || *tag == '_' || IS_HIGHBIT_SET(*tag))
		tag++;
	return *text == '$' && *tag == '$';
}

char *
request_without_literals(const Request *request)
{
	bool		escapes = strchr(request->text, '\\') != NULL;
	bool		quotes_are_names = request->sql->quote == '"';
	StringInfoData plain;

	initStringInfo(&plain);
	for (const char *c = request->text; *c;)
	{
		const char *close;

		if (strncmp(c, "--", 2) == 0 || (*c == '#' && !request->sql->native))
			c += strcspn(c, "\n");
		else if (*c == '\'' || (*c == '"' && !quotes_are_names))
		{
			appendStringInfoString(&plain, "'***'");
			/* a doubled quote begins the next literal: two stars for one, and nothing is shown */
			close = escapes ? NULL : strchr(c + 1, *c);
			if (close == NULL)
				break;
			c = close + 1;
		}
		else if (strncmp(c, "/*", 2) == 0 || is_dollar_quote(c))
		{
			appendStringInfoString(&plain, "***");
			break;
		}
		else if (*c == '"' || *c == '`')
		{
			close = strchr(c + 1, *c);
			if (close == NULL)
				break;
			appendBinaryStringInfo(&plain, c, close + 1 - c);
			c = close + 1;
		}
		else
			appendStringInfoChar(&plain, *c++);
	}
	return plain.data;
}
