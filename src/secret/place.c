/*
 * place.c: the host and port that a source's secrets are sent to, as its connector's options or manifest say it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "options.h"
#include "registry.h"
#include "resolve.h"

/*
 * Host and port of a URL, or false. Of the ways to write one, only the plainest is taken: what another reader of URLs could
 * understand otherwise (slashes too few or too many, users, encoded letters) is none to send a secret to.
 */
static bool
url_host(const char *url, char **host, int *port)
{
	const char *begin;
	size_t		length;

	if (pg_strncasecmp(url, "https://", 8) == 0)
		begin = url + 8, *port = 443;
	else if (pg_strncasecmp(url, "http://", 7) == 0)
		begin = url + 7, *port = 80;
	else
		return false;
	if (*begin == '[')
	{
		length = strspn(++begin, "0123456789abcdefABCDEF:.");
		if (begin[length] != ']')
			return false;
		url = begin + length + 1;
	}
	else
	{
		length = strspn(begin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
		url = begin + length;
	}
	*host = pnstrdup(begin, length);
	if (*url == ':')
	{
		*port = atoi(++url);
		url += strspn(url, "0123456789");
	}
	return length > 0 && (*url == '/' || *url == '\0') && *port > 0 && *port < 65536;
}

/* A member of an object that is of that type; NULL: there is none. */
static JsonbValue *
member(JsonbContainer *container, const char *name, enum jbvType type)
{
	JsonbValue	key = {.type = jbvString, .val.string = {.val = (char *) name, .len = strlen(name)}};
	JsonbValue *value = findJsonbValueFromContainer(container, JB_FOBJECT, &key);

	return value && value->type == type ? value : NULL;
}

/* A text of a manifest with the values of the server's options; NULL: it needs others. */
static char *
fill_in(const CkConnector *connector, List *server_options, const JsonbValue *format)
{
	StringInfoData text;
	const char *c = format->val.string.val,
			   *end = c + format->val.string.len;

	initStringInfo(&text);
	while (c < end)
	{
		const char *close = *c == '{' ? memchr(c, '}', end - c) : NULL;
		const char *value = NULL;
		char	   *name;

		if (*c != '{')
		{
			appendStringInfoChar(&text, *c++);
			continue;
		}
		if (close == NULL)
			return NULL;
		name = pnstrdup(c + 1, close - c - 1);
		for (const CkOption *o = connector->options; o->name && value == NULL; o++)
			if (strcmp(o->name, name) == 0 && (o->where & CK_ON_SERVER))
				value = options_get(server_options, name) ? options_get(server_options, name) : o->initial ? o->initial : "";
		if (value == NULL)
			return NULL;
		appendStringInfoString(&text, value);
		c = close + 1;
	}
	return text.data;
}

/* Whether a table may ask for an address of its own, in place of base_url: a member "url" that is none of a column's type. */
static bool
has_other_place(JsonbContainer *manifest)
{
	JsonbIterator *it = JsonbIteratorInit(manifest);
	JsonbIteratorToken token;
	JsonbValue	v;
	bool		url = false;

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token == WJB_VALUE && url && v.type == jbvString &&
			(memchr(v.val.string.val, '{', v.val.string.len) || memchr(v.val.string.val, ':', v.val.string.len)))
			return true;
		url = token == WJB_KEY && v.val.string.len == 3 && memcmp(v.val.string.val, "url", 3) == 0;
	}
	return false;
}

/* The host of a manifest's base_url, by whatever options that is made; false: it is not the only one, or not known. */
static bool
manifest_host(const CkConnector *connector, List *server_options, const char *manifest, char **host, int *port)
{
	Jsonb	   *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(manifest)));
	JsonbValue *base = member(&json->root, "base_url", jbvString);
	JsonbValue *auth = member(&json->root, "auth", jbvBinary);
	JsonbValue *token = auth ? member(auth->val.binary.data, "token_url", jbvString) : NULL;
	char	   *url = base ? fill_in(connector, server_options, base) : NULL;
	char	   *token_url = token ? fill_in(connector, server_options, token) : NULL;
	char	   *token_host;
	int			token_port;

	/* a proxy reads what is sent without TLS */
	if (url == NULL || !url_host(url, host, port) || options_get(server_options, "proxy") ||
		has_other_place(&json->root))
		return false;
	return token == NULL || (token_url && url_host(token_url, &token_host, &token_port) &&
							 pg_strcasecmp(token_host, *host) == 0 && token_port == *port);
}

bool
secret_host(const CkConnector *connector, List *server_options, char **host, int *port)
{
	const char *manifest = registry_manifest(connector);
	const char *text[4] = {NULL, NULL, NULL, NULL};
	const char *const names[] = {"host", "port", "address", "endpoint"};

	if (manifest)
		return manifest_host(connector, server_options, manifest, host, port);
	for (int i = 0; i < 4; i++)
	{
		text[i] = options_get(server_options, names[i]);
		for (const CkOption *o = connector->options; o->name && text[i] == NULL; o++)
			if (strcmp(o->name, names[i]) == 0 && (o->where & CK_ON_SERVER))
				text[i] = o->initial;
	}
	if (text[2] || text[3])
		return url_host(text[2] ? text[2] : text[3], host, port);
	if (text[0] == NULL)
		return false;
	*host = pstrdup(text[0]);
	*port = text[1] ? atoi(text[1]) : 0;
	return true;
}
