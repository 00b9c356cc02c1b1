/*
 * ad_hoc.c: tables of connkit_http, which options describe as a manifest would.
 */
#include "manifest_read.h"

#include <stdio.h>
#include <stdlib.h>

/* Puts an option's text into the object that describes a table: as JSON where it is an object or a list, else as a string. */
static bool
put_option(Reading *r, json_t *object, const char *name, const char *text, bool object_wanted)
{
	json_t	   *value;
	json_error_t fault;

	if (!text)
		return true;
	if (object_wanted || text[0] == '[')
	{
		value = json_loads(text, JSON_REJECT_DUPLICATES, &fault);
		if (!value)
			return bad(r, name, "the option is no JSON: %s", fault.text);
	}
	else
		value = json_string(text);
	return (value && json_object_set_new(object, name, value) == 0) || bad(r, name, "out of memory");
}

/* A paging that needs no more than its name may be told as that. */
static bool
put_paging(Reading *r, json_t *object, const char *text)
{
	json_t	   *value;

	if (!text || text[0] == '{')
		return put_option(r, object, "paging", text, true);
	value = json_pack("{s:s}", "type", text);
	return (value && json_object_set_new(object, "paging", value) == 0) || bad(r, "paging", "it is no text");
}

static bool
put_number(Reading *r, json_t *object, const char *name, int64_t number)
{
	return json_object_set_new(object, name, json_integer(number)) == 0 || bad(r, name, "out of memory");
}

/* What the options of a table of connkit_http say, as a manifest would. */
static json_t *
table_of_options(Reading *r, const HttpOptions *o)
{
	json_t	   *object = json_pack("{}");

	if (object && put_option(r, object, "method", o->method, false) && put_option(r, object, "path", o->path, false) &&
		put_option(r, object, "params", o->params, true) && put_option(r, object, "headers", o->table_headers, true) &&
		put_option(r, object, "body", o->body, true) &&
		put_option(r, object, "format", o->format, false) && put_option(r, object, "delimiter", o->delimiter, false) &&
		put_option(r, object, "records", o->records, false) &&
		put_option(r, object, "unnest", o->unnest, false) && put_paging(r, object, o->paging) &&
		put_option(r, object, "filters", o->filters, true) && put_number(r, object, "concurrency", o->concurrency) &&
		put_option(r, object, "clauses", o->clauses, true) && put_option(r, object, "order", o->order, true) &&
		put_option(r, object, "cursor", o->cursor, true) &&
		put_option(r, object, "errors", o->errors, true) &&
		put_option(r, object, "error_message", o->error_message, false) &&
		put_option(r, object, "rate_limit", o->rate_limit, true) && put_option(r, object, "write", o->write, true))
		return object;
	json_decref(object);
	return NULL;
}

/* Tables of connkit_http that were asked for, by what their options say. */
typedef struct Known
{
	struct Known *next;
	char	   *text;
	HttpTable	table;
} Known;

static const HttpTable *
ad_hoc_table(const HttpOptions *options, char *error, size_t error_size)
{
	static Known *known = NULL;
	Reading		r = {.error = error, .error_size = error_size, .options = http_ad_hoc.pub.options};
	json_t	   *object = table_of_options(&r, options);
	char	   *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	Known	   *found = text ? known : NULL;

	while (text && found && strcmp(found->text, text) != 0)
		found = found->next;
	if (text && !found && (found = keep(&r, 1, sizeof(*found))) != NULL)
	{
		if (read_table(&r, "", object, &found->table))
		{
			found->text = text;
			found->next = known;
			known = found;
			return &found->table;	/* which has the object's strings */
		}
		found = NULL;
		drop(&r);
	}
	free(text);
	json_decref(object);
	return found ? &found->table : NULL;
}

const HttpTable *
http_table(const CkConnector *connector, const HttpOptions *options, const char *schema, const char *name, char *error,
		   size_t error_size)
{
	const HttpManifest *manifest = (const HttpManifest *) connector;

	if (manifest->ad_hoc)
		return ad_hoc_table(options, error, error_size);
	for (size_t i = 0; i < manifest->ntables; i++)
		if ((!schema || strcmp(schema, "api") == 0) && strcmp(manifest->tables[i].name, name) == 0)
			return &manifest->tables[i];
	for (size_t i = 0; i < manifest->nlists; i++)
		if (!schema || strcmp(manifest->lists[i].schema, schema) == 0)
			return &manifest->lists[i].table;
	snprintf(error, error_size, "the source has no table \"%s\"%s%s", name, schema ? " in schema " : "", schema ? schema : "");
	return NULL;
}
