/*
 * write_body.c: the body of a change: values as JSON, at their places in the record, and that in what the table says.
 *
 * Numbers are written by their digits, and what of a record is kept stays as it came.
 */
#include "http_source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

/* JSON that is to stand at a path. */
typedef struct Assigned
{
	JsonPath	path;
	HttpText	json;
} Assigned;

void
text_json_string(HttpText *text, const char *data, size_t size)
{
	size_t		begin = 0;

	text_append(text, "\"", 1);
	for (size_t i = 0; i < size; i++)
	{
		unsigned char c = (unsigned char) data[i];
		char		escape[8];

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		text_append(text, data + begin, i - begin);
		if (c < ' ')
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		else
			snprintf(escape, sizeof(escape), "\\%c", c);
		text_string(text, escape);
		begin = i + 1;
	}
	text_append(text, data + begin, size - begin);
	text_append(text, "\"", 1);
}

/* The shortest digits that are read as the same number. */
static void
write_float(HttpText *text, double f, bool single)
{
	char		buffer[64];

	for (int digits = single ? 6 : 15; digits <= 17; digits++)
	{
		snprintf(buffer, sizeof(buffer), "%.*g", digits, f);
		if (single ? strtof(buffer, NULL) == (float) f : strtod(buffer, NULL) == f)
			break;
	}
	text_string(text, buffer);
}

/* Microseconds as seconds or milliseconds, with all their digits. */
static void
write_unix(HttpText *text, int64_t microseconds, HttpFormat format)
{
	int64_t		unit = format == FORMAT_UNIX ? SECOND : SECOND / 1000;
	int64_t		whole = microseconds / unit,
				rest = llabs(microseconds % unit);
	char		buffer[48];
	size_t		size;

	snprintf(buffer, sizeof(buffer), "%s%lld", microseconds < 0 && whole == 0 ? "-" : "", (long long) whole);
	text_string(text, buffer);
	if (rest == 0)
		return;
	snprintf(buffer, sizeof(buffer), ".%0*lld", format == FORMAT_UNIX ? 6 : 3, (long long) rest);
	size = strlen(buffer);
	while (buffer[size - 1] == '0')
		size--;
	text_append(text, buffer, size);
}

/* A time of day. */
static void
write_time(HttpText *text, int64_t microseconds)
{
	int64_t		seconds = microseconds / SECOND;
	char		buffer[48];

	snprintf(buffer, sizeof(buffer), "%02d:%02d:%02d", (int) (seconds / 3600), (int) (seconds / 60 % 60), (int) (seconds % 60));
	text_string(text, buffer);
	if (microseconds % SECOND)
	{
		snprintf(buffer, sizeof(buffer), ".%06d", (int) (microseconds % SECOND));
		text_string(text, buffer);
	}
}

/* A value without quotes; *quoted: it wants them. false: it has no form in JSON, or not in that format. */
static bool
write_plain(HttpText *text, const CkValue *value, HttpFormat format, bool *quoted)
{
	bool		is_unix = format == FORMAT_UNIX || format == FORMAT_UNIX_MS;
	HttpFilter	form = {.format = format};

	*quoted = false;
	switch (value->type)
	{
		case CK_NULL:
			text_string(text, "null");
			return true;
		case CK_FLOAT64:
		case CK_FLOAT32:
			if (!isfinite(value->u.f))
				return false;
			write_float(text, value->u.f, value->type == CK_FLOAT32);
			return true;
		case CK_NUMERIC:
			if (value->size == 0 || strspn(value->u.p, "-0123456789.") < value->size)
				return false;
			text_append(text, value->u.p, value->size);
			return true;
		case CK_JSON:
			text_append(text, value->u.p, value->size);
			return true;
		case CK_TIME:
			*quoted = true;
			write_time(text, value->u.i);
			return true;
		case CK_DATE:
		case CK_TIMESTAMP:
		case CK_TIMESTAMPTZ:
			*quoted = !is_unix;
			if (value->u.i == CK_INFINITY || value->u.i == CK_MINUS_INFINITY ||
				(format == FORMAT_DATE && value->type != CK_DATE && value->u.i % DAY != 0))
				return false;
			if (!is_unix)
				return http_write_value(text, value, &form, false);
			write_unix(text, value->type == CK_DATE ? value->u.i * DAY : value->u.i, format);
			return true;
		default:
			*quoted = value->type == CK_TEXT;
			return http_write_value(text, value, NULL, false);
	}
}

/* A value as JSON. */
static CkStatus
write_json(CkScan *scan, HttpText *text, const HttpPlace *place, const CkValue *value)
{
	HttpText	plain = {0};
	bool		quoted;
	bool		good = write_plain(&plain, value, place->column ? place->column->format : FORMAT_PLAIN, &quoted);

	quoted |= place->as_string && value->type != CK_NULL;
	if (good && quoted)
		text_json_string(text, plain.data ? plain.data : "", plain.size);
	else if (good)
		text_append(text, plain.data ? plain.data : "", plain.size);
	text->failed |= plain.failed;
	text_free(&plain);
	if (good)
		return http_check_text(scan->session, text);
	ck_fail(scan->session, CK_ERR_DATA, "a value of \"%s\" has no form that can be sent", place->name);
	ck_hint(scan->session, value->type == CK_BYTES ? "Bytes have none in JSON: use text, made by encode()." :
			"JSON has no NaN and no infinities, and a column in the format of a date has no time of the day.");
	return CK_ERR_DATA;
}

/* Whether the names of a path begin with the first so many of another. */
static bool
begins_with(JsonPath path, JsonPath prefix, int depth)
{
	for (int i = 0; i < depth; i++)
		if (!path[i] || strcmp(path[i], prefix[i]) != 0)
			return false;
	return path[depth] != NULL;
}

/* Whether one of these names at that depth is assigned to before number n. */
static bool
is_named(const Assigned *all, size_t n, JsonPath prefix, int depth, const char *name, size_t size)
{
	for (size_t i = 0; i < n; i++)
		if (begins_with(all[i].path, prefix, depth) && strlen(all[i].path[depth]) == size &&
			memcmp(all[i].path[depth], name, size) == 0)
			return true;
	return false;
}

/* Writes the object at a node (0: none) of a record, with what is assigned below the first names of prefix. */
static void
write_object(HttpText *text, const JsonRecord *base, uint32_t node, const Assigned *all, size_t n, JsonPath prefix, int depth)
{
	const char *comma = "";
	bool		object = node && base->nodes[node].kind == JSON_KIND_OBJECT;

	text_append(text, "{", 1);
	for (uint32_t i = object ? base->nodes[node].first : 0; i; i = base->nodes[i].next)
	{
		const JsonNode *member = &base->nodes[i];

		if (is_named(all, n, prefix, depth, base->bytes + member->name, member->name_size))
			continue;
		text_string(text, comma);
		comma = ",";
		text_json_string(text, base->bytes + member->name, member->name_size);
		text_append(text, ":", 1);
		text_append(text, base->json + member->begin, member->end - member->begin);
	}
	for (size_t i = 0; i < n; i++)
	{
		const char *names[2] = {NULL, NULL};

		if (!begins_with(all[i].path, prefix, depth))
			continue;
		names[0] = all[i].path[depth];
		if (is_named(all, i, prefix, depth, names[0], strlen(names[0])))
			continue;
		text_string(text, comma);
		comma = ",";
		text_json_string(text, names[0], strlen(names[0]));
		text_append(text, ":", 1);
		if (all[i].path[depth + 1])
			write_object(text, base, object ? json_find(base, node, names) : 0, all, n, all[i].path, depth + 1);
		else
			text_append(text, all[i].json.data ? all[i].json.data : "", all[i].json.size);
	}
	text_append(text, "}", 1);
}

static void
assigned_free(Assigned *all, size_t n)
{
	for (size_t i = 0; all && i < n; i++)
		text_free(&all[i].json);
	free(all);
}

/* Which values of a row, and by which paths. */
typedef enum Part
{
	OF_RECORD,					/* those that are stored, by their paths in the record */
	OF_BODY,					/* all, by their paths in the body */
	OF_KEYS						/* keys, by those */
} Part;

/* The values of one row that stand in a body. */
static CkStatus
assign(CkScan *scan, uint32_t row, Part part, Assigned **result, size_t *count)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	Assigned   *all = calloc(change->nplaces + 2, sizeof(Assigned));
	size_t		n = 0;
	CkStatus	status = all ? CK_OK : ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");

	for (uint32_t i = 0; i < change->nplaces && status == CK_OK; i++)
	{
		const HttpPlace *place = &change->places[i];
		const CkValue *value = &scan->args[row * change->nplaces + i];

		if (!place->path || (part == OF_RECORD && place->key) || (part == OF_KEYS && !place->key) ||
			(value->type == CK_NULL && change->rule->omit_null))
			continue;
		all[n].path = part == OF_RECORD ? place->path : place->full;
		status = write_json(scan, &all[n++].json, place, value);
	}
	*result = all;
	*count = n;
	return status;
}

/* Appends one record by itself, with what it had before where that is known. */
static CkStatus
write_record(CkScan *scan, HttpText *text, uint32_t row)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	static const char *const root[] = {NULL};
	Assigned   *all;
	size_t		n;
	CkStatus	status = assign(scan, row, OF_RECORD, &all, &n);

	if (status == CK_OK)
	{
		/* a column may be all of the record */
		if (n == 1 && !all[0].path[0])
			text_append(text, all[0].json.data, all[0].json.size);
		else
			write_object(text, change->base, change->base ? 1 : 0, all, n, root, 0);
	}
	assigned_free(all, n);
	return status;
}

/* Reads what the table says of the body, with its values filled in, as a record; *reader NULL: it says nothing. */
static CkStatus
read_template(CkScan *scan, JsonReader **reader, const JsonRecord **record)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	static const char *const root[] = {NULL};
	json_t	   *json;
	char	   *text;

	*reader = NULL;
	*record = NULL;
	if (!change->rule->body)
		return CK_OK;
	json = http_fill_in(scan, change->rule->body, NULL);
	if (!json)
		return ck_fail(scan->session, CK_ERR_DATA, "the body of a change of table \"%s\" cannot be made",
					   ((HttpScan *) scan->state)->name);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	*reader = text ? json_reader_new(root, false, INT32_MAX, NULL) : NULL;
	if (*reader && json_reader_feed(*reader, text, strlen(text)) && json_reader_end(*reader))
		*record = json_reader_next(*reader);
	free(text);
	return *record ? CK_OK : ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
}

/* Appends what stands at the record's place: one record, or a list. */
static CkStatus
write_records(CkScan *scan, HttpText *text)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	CkStatus	status = CK_OK;

	if (!change->rule->many)
		return write_record(scan, text, 0);
	text_append(text, "[", 1);
	for (uint32_t row = 0; row < change->rows && status == CK_OK; row++)
	{
		text_string(text, row > 0 ? "," : "");
		status = write_record(scan, text, row);
	}
	text_append(text, "]", 1);
	return status;
}

/* Whether the record is made by itself: it is sent whole, in a list, or is the value of a column. */
static bool
stands_apart(const HttpChange *change)
{
	return change->rule->many || change->base ||
		(change->nstored == 1 && change->places[0].path && !change->places[0].path[0]);
}

CkStatus
http_make_change_body(CkScan *scan, HttpText *body)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	static const char *const root[] = {NULL};
	bool		apart = change->kind != CK_DELETE && stands_apart(change);
	JsonPath	place = change->rule->record;
	const JsonRecord *template;
	JsonReader *reader;
	Assigned   *all = NULL;
	size_t		n = 0;
	CkStatus	status = read_template(scan, &reader, &template);

	if (status == CK_OK && apart && !place[0])
		status = write_records(scan, body);
	else if (status == CK_OK)
	{
		status = assign(scan, 0, apart ? OF_KEYS : OF_BODY, &all, &n);
		if (status == CK_OK && apart)
		{
			all[n].path = place;
			status = write_records(scan, &all[n++].json);
		}
		/* what is deleted needs none */
		if (status == CK_OK && (change->kind != CK_DELETE || template || n > 0))
			write_object(body, template, template ? 1 : 0, all, n, root, 0);
	}
	for (size_t i = 0; i < n; i++)
		body->failed |= all[i].json.failed;
	assigned_free(all, n);
	json_reader_free(reader);
	return status == CK_OK ? http_check_text(scan->session, body) : status;
}
