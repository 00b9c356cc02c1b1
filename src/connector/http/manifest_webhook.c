/*
 * manifest_webhook.c: reads what a manifest says of messages to a table's webhook.
 */
#include "manifest_read.h"

/* That a signed time may be off, unless the manifest says otherwise. */
#define SECONDS 300

static bool
read_signature(Reading *r, const json_t *object, HttpWebhook *w)
{
	const json_t *value = json_object_get(object, "signature");
	size_t		place = enter(r, "signature"),
				size;
	const char *name;
	const CkOption *option;
	int			type,
				encoding;

	if (!check_names(r, value, "type header prefix encoding secret tolerance") ||
		!take_word(r, value, "type", "hmac_sha256|hmac_sha1|hmac_sha512|stripe|token", &type) ||
		!take_string(r, value, "header", type == SIGNATURE_STRIPE ? "Stripe-Signature" : NULL, &w->header) ||
		!take_string(r, value, "prefix", "", &w->prefix) || !take_word(r, value, "encoding", "hex|base64", &encoding) ||
		!take_string(r, value, "secret", NULL, &w->secret) ||
		!take_integer(r, value, "tolerance", SECONDS, 1, &w->tolerance))
		return false;
	w->signature = (HttpSignature) type;
	w->base64 = encoding == 1;
	if (!json_object_get(value, "type"))
		return bad(r, "type", "how messages are signed is missing");
	if (!w->header)
		return bad(r, "header", "the name of the header that has the signature is missing");
	if (!w->secret || !http_next_value(w->secret, &name, &size) || name != w->secret + 1 || name[size + 1] != '\0')
		return bad(r, "secret", "the option that has the secret is expected, in braces");
	option = http_option(r->options, name, size);
	if (!option || !(option->where & CK_SECRET))
		return bad(r, "secret", "\"%.*s\" is no secret option", (int) size, name);
	w->secret = option->name;
	r->place[place] = '\0';
	return true;
}

/* Columns whose values lie elsewhere in a message: {"column": "path from the body"}. */
static bool
read_places(Reading *r, const json_t *object, HttpTable *table, HttpWebhook *w)
{
	json_t	   *columns = json_object_get(object, "columns");
	const char *name;
	json_t	   *value;

	if (columns && !json_is_object(columns))
		return bad(r, "columns", "an object of columns and paths is expected");
	w->columns = keep(r, json_object_size(columns), sizeof(HttpColumn));
	if (!w->columns)
		return false;
	json_object_foreach(columns, name, value)
	{
		HttpColumn *column = &w->columns[w->ncolumns];

		if (!http_column(table, name))
			return bad(r, "columns", "the table has no column \"%s\"", name);
		column->name = name;
		if (!take_path(r, value, "columns", &column->path))
			return false;
		w->ncolumns++;
	}
	return true;
}

static bool
read_optional(Reading *r, const json_t *object, const HttpTable *table, HttpWebhook *w)
{
	const json_t *list = json_object_get(object, "optional");

	w->all_optional = json_is_true(list);
	w->optional = keep(r, json_array_size(list) + 1, sizeof(char *));
	if (!w->optional)
		return false;
	if (list && !json_is_boolean(list) && !json_is_array(list))
		return bad(r, "optional", "a list of columns is expected, or true for all");
	for (size_t i = 0; i < json_array_size(list); i++)
	{
		w->optional[i] = json_string_value(json_array_get(list, i));
		if (!w->optional[i] || !http_column(table, w->optional[i]))
			return bad(r, "optional", "a list of the table's columns is expected");
	}
	return true;
}

/* What kinds of events mean. */
static bool
read_events(Reading *r, const json_t *object, HttpWebhook *w)
{
	json_t	   *events = json_object_get(object, "events");
	const char *name;
	json_t	   *value;

	if (!w->event != !events)
		return bad(r, "events", "event, the kind of a message, and events, what these mean, go together");
	if (events && !json_is_object(events))
		return bad(r, "events", "an object is expected");
	w->events = keep(r, json_object_size(events), sizeof(HttpEvent));
	if (!w->events)
		return false;
	json_object_foreach(events, name, value)
	{
		int			kind;
		const char *star = strchr(name, '*');

		if (star && star[1])
			return bad(r, "events", "a star stands only at the end of a kind");
		if (!take_word(r, events, name, "upsert|delete|ignore", &kind))
			return false;
		w->events[w->nevents++] = (HttpEvent) {.name = name, .kind = (HttpEventKind) kind};
	}
	return true;
}

bool
read_webhook(Reading *r, const json_t *object, HttpTable *table)
{
	static const char *const all[] = {NULL};
	const json_t *value = json_object_get(object, "webhook");
	size_t		place = enter(r, "webhook");
	HttpWebhook *w;
	int			format;

	if (value)
	{
		w = table->webhook = keep(r, 1, sizeof(HttpWebhook));
		if (!w || !check_names(r, value, "signature records columns optional event events id at at_format") ||
			!read_signature(r, value, w) || !take_member_path(r, value, "records", &w->records) ||
			!read_places(r, value, table, w) || !read_optional(r, value, table, w) ||
			!take_string(r, value, "event", NULL, &w->event) || !read_events(r, value, w) ||
			!take_string(r, value, "id", NULL, &w->id) || !take_string(r, value, "at", NULL, &w->at) ||
			!take_word(r, value, "at_format", FORMATS, &format))
			return false;
		w->at_format = (HttpFormat) format;
		if (!w->records)
			w->records = all;
		if (!table->columns)
			return bad(r, "", "a table without columns has no webhook");
		if (table->unnest || table->format == REPLY_CSV)
			return bad(r, "", "a table of CSV, or with unnest, has no webhook");
	}
	r->place[place] = '\0';
	return true;
}
