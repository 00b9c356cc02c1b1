/*
 * json.c: records out of a JSON text that comes in pieces, on libyajl.
 */
#include "json.h"

#include "escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

/* Values within each other. */
#define DEPTH_LIMIT 500
/* Around the records: an object or a list that was entered. */
typedef struct Level
{
	char	   *name;			/* of the member at hand; NULL in a list */
	bool		list;
	size_t		count;			/* of a list's elements that have come */
} Level;

struct JsonReader
{
	yajl_handle parser;
	EscapeFilter escapes;
	JsonPath	path;
	size_t		path_size;		/* names that lead to the records */
	bool		named;			/* they are the members of an object there, and have their names */
	size_t		record_limit;
	JsonWanted *wanted;
	bool		found;			/* something is at the path */
	bool		sole;			/* which is all of the text, and no list */
	bool		ended;			/* the text was whole */
	bool		lines;
	bool		no_memory;
	const JsonPath *members;	/* the first name of each leads to a member that is wanted; NULL: all are */
	size_t		nmembers;
	size_t		likely;			/* the one that comes next, it seems */
	bool		text;			/* values that are not within another member are wanted as JSON too */
	size_t		quiet;			/* bytes since something was made of what came */
	char		error[256];

	Level		levels[DEPTH_LIMIT + 1];
	int			depth;			/* levels around what comes next, outside of records */
	bool		in_list;		/* what comes next in the level at hand is a record */

	JsonRecord *record;			/* being made, or NULL */
	uint32_t	open[DEPTH_LIMIT + 1];	/* its objects and lists that have not ended */
	uint32_t	last[DEPTH_LIMIT + 1];	/* their last members, 0 none */
	int			nopen;
	int			skipped;		/* objects and lists that have not ended of a member that is not wanted */
	bool		skip;			/* the member that comes next is not wanted */
	size_t		name;			/* of the member that comes next */
	size_t		name_size;

	JsonRecord *whole;			/* records to be given away, the oldest first */
	JsonRecord *whole_last;
	JsonRecord *given;			/* the last one given away */
	JsonRecord *spare;			/* to be used again */
};

static bool
fail(JsonReader *reader, const char *message)
{
	snprintf(reader->error, sizeof(reader->error), "%s", message);
	return false;
}

static bool
fail_memory(JsonReader *reader)
{
	reader->no_memory = true;
	return fail(reader, "out of memory");
}

/* Makes room for so many more elements of a buffer. */
static bool
grow(JsonReader *reader, void **buffer, size_t *room, size_t size, size_t more, size_t width)
{
	size_t		wanted = *room ? *room : 64;
	void	   *larger;

	while (wanted < size + more)
		wanted *= 2;
	larger = realloc(*buffer, wanted * width);
	if (!larger)
		return fail_memory(reader);
	*buffer = larger;
	*room = wanted;
	return true;
}

static inline bool
make_room(JsonReader *reader, void **buffer, size_t *room, size_t size, size_t more, size_t width)
{
	return size + more <= *room && *room ? true : grow(reader, buffer, room, size, more, width);
}

static bool
fail_size(JsonReader *reader)
{
	return fail(reader, "a record is larger than the option max_record_size allows");
}

/* Appends to the record's JSON. */
static bool
put_json(JsonReader *reader, const char *data, size_t size)
{
	JsonRecord *r = reader->record;

	if (size > reader->record_limit || r->json_size > reader->record_limit - size)
		return fail_size(reader);
	if (!make_room(reader, (void **) &r->json, &r->json_room, r->json_size, size, 1))
		return false;
	memcpy(r->json + r->json_size, data, size);
	r->json_size += size;
	return true;
}

/* The same of a string, in quotes and with escapes. */
static bool
put_json_string(JsonReader *reader, const char *text, size_t size)
{
	size_t		begin = 0;

	if (!put_json(reader, "\"", 1))
		return false;
	for (size_t i = 0; i < size; i++)
	{
		unsigned char c = (unsigned char) text[i];
		char		escape[8];

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		if (c < ' ')
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		else
			snprintf(escape, sizeof(escape), "\\%c", c);
		if (!put_json(reader, text + begin, i - begin) || !put_json(reader, escape, strlen(escape)))
			return false;
		begin = i + 1;
	}
	return put_json(reader, text + begin, size - begin) && put_json(reader, "\"", 1);
}

/* Appends to the record's texts. */
static bool
put_text(JsonReader *reader, const char *text, size_t size, size_t *place)
{
	JsonRecord *r = reader->record;

	if (size > reader->record_limit || r->size > reader->record_limit - size)
		return fail_size(reader);
	if (!make_room(reader, (void **) &r->bytes, &r->bytes_room, r->size, size, 1))
		return false;
	*place = r->size;
	memcpy(r->bytes + r->size, text, size);
	r->size += size;
	return true;
}

/* True where what comes next in the record is to be kept as JSON too. */
static bool
keeps_json(const JsonReader *reader)
{
	return reader->text || reader->nopen > 1;
}

/* True where the member of that name may lead to a value that is wanted. */
static bool
is_wanted(JsonReader *reader, const char *name, size_t size)
{
	for (size_t i = 0; i < reader->nmembers; i++)
	{
		const char *wanted = reader->members[reader->likely][0];

		/* members of all records come in the same order, as a rule */
		reader->likely = reader->likely + 1 < reader->nmembers ? reader->likely + 1 : 0;
		if (strncmp(wanted, name, size) == 0 && strlen(wanted) == size)
			return true;
	}
	return false;
}

/* A new record, empty. */
static bool
begin_record(JsonReader *reader)
{
	JsonRecord *r = reader->spare;

	if (r)
		reader->spare = r->following;
	else
		r = calloc(1, sizeof(*r));
	if (!r)
		return fail_memory(reader);
	r->count = 1;				/* no node has the number 0 */
	r->size = r->json_size = 0;
	r->following = NULL;
	reader->record = r;
	reader->nopen = reader->skipped = 0;
	reader->skip = false;
	reader->name_size = 0;
	return true;
}

static void
end_record(JsonReader *reader)
{
	if (reader->whole)
		reader->whole_last->following = reader->record;
	else
		reader->whole = reader->record;
	reader->whole_last = reader->record;
	reader->record = NULL;
}

/* Adds a node to the record, as a member of what is open; *number is its own. */
static bool
add_node(JsonReader *reader, JsonKind kind, uint32_t *number)
{
	JsonRecord *r = reader->record;
	size_t		room = r->room;
	JsonNode   *node;

	if (!make_room(reader, (void **) &r->nodes, &room, r->count, 1, sizeof(JsonNode)))
		return false;
	r->room = (uint32_t) room;
	*number = r->count++;
	node = &r->nodes[*number];
	memset(node, 0, sizeof(*node));
	node->kind = kind;
	if (*number == 1 && reader->named && reader->levels[reader->depth - 1].name)
	{
		node->name_size = strlen(reader->levels[reader->depth - 1].name);
		if (!put_text(reader, reader->levels[reader->depth - 1].name, node->name_size, &node->name))
			return false;
	}
	if (reader->nopen > 0)
	{
		uint32_t	parent = reader->open[reader->nopen - 1];
		uint32_t	before = reader->last[reader->nopen - 1];

		if (before)
			r->nodes[before].next = *number;
		else
			r->nodes[parent].first = *number;
		/* in an object the comma stands before the name */
		if (before && keeps_json(reader) && r->nodes[parent].kind == JSON_KIND_LIST && !put_json(reader, ",", 1))
			return false;
		reader->last[reader->nopen - 1] = *number;
		node = &r->nodes[*number];
		if (r->nodes[parent].kind == JSON_KIND_OBJECT)
		{
			node->name = reader->name;
			node->name_size = reader->name_size;
		}
	}
	r->nodes[*number].begin = r->json_size;
	return true;
}

/* A value of a record that holds no others. */
static bool
add_scalar(JsonReader *reader, JsonKind kind, const char *text, size_t size)
{
	uint32_t	number;
	JsonNode   *node;
	size_t		place = 0;

	if (reader->skip)
	{
		reader->skip = reader->skipped > 0;
		return true;
	}
	if (!add_node(reader, kind, &number) ||
		(keeps_json(reader) &&
		 !(kind == JSON_KIND_STRING ? put_json_string(reader, text, size) : put_json(reader, text, size))) ||
		!put_text(reader, text, size, &place))
		return false;
	node = &reader->record->nodes[number];
	node->text = place;
	node->text_size = size;
	node->end = reader->record->json_size;
	if (reader->nopen == 0)
		end_record(reader);
	return true;
}

/* True where what comes next lies in the level's member, or element, of that name. */
static bool
at_name(const Level *level, const char *name)
{
	char		number[32];

	if (!level->list)
		return level->name && strcmp(level->name, name) == 0;
	snprintf(number, sizeof(number), "%zu", level->count - 1);
	return strcmp(number, name) == 0;
}

/* True where the names around what comes next are those of the path, or, with within, begin so. */
static bool
at_path(const JsonReader *reader, JsonPath path, bool within)
{
	int			i = 0;

	for (; path[i]; i++)
		if (i >= reader->depth || !at_name(&reader->levels[i], path[i]))
			return false;
	return within ? i < reader->depth : i == reader->depth;
}

/* A value around the records has come. */
static void
note_value(JsonReader *reader)
{
	if (reader->depth > 0 && reader->levels[reader->depth - 1].list)
		reader->levels[reader->depth - 1].count++;
	for (JsonWanted *w = reader->wanted; w && w->path; w++)
		w->inside = w->inside || at_path(reader, w->path, true);
}

static bool
at_records(const JsonReader *reader)
{
	size_t		i = 0;

	while (i < reader->path_size && i < (size_t) reader->depth && at_name(&reader->levels[i], reader->path[i]))
		i++;
	return i == reader->path_size && i == (size_t) reader->depth;
}

/* Notes a value around the records that is wanted. */
static bool
note_wanted(JsonReader *reader, const char *text, size_t size)
{
	for (JsonWanted *w = reader->wanted; w && w->path; w++)
	{
		if (!at_path(reader, w->path, false))
			continue;
		free(w->text);
		w->text = text ? strndup(text, size) : NULL;
		if (text && !w->text)
			return fail_memory(reader);
	}
	return true;
}

/* A value that holds no others has come; text NULL: null. */
static bool
take_scalar(JsonReader *reader, JsonKind kind, const char *text, size_t size)
{
	reader->quiet = 0;
	if (!reader->record && reader->in_list && !begin_record(reader))
		return false;
	if (reader->record)
		return add_scalar(reader, kind, text ? text : "null", text ? size : 4);
	note_value(reader);
	if (at_records(reader))
	{
		/* null stands for no records; anything else is no list */
		if (text)
			return fail(reader, "what should be a list of records is none");
		reader->found = true;
	}
	return note_wanted(reader, text, size);
}

static int
on_null(void *arg)
{
	return take_scalar(arg, JSON_KIND_NULL, NULL, 0);
}

static int
on_boolean(void *arg, int value)
{
	return take_scalar(arg, value ? JSON_KIND_TRUE : JSON_KIND_FALSE, value ? "true" : "false", value ? 4 : 5);
}

static int
on_number(void *arg, const char *text, size_t size)
{
	return take_scalar(arg, JSON_KIND_NUMBER, text, size);
}

static int
on_string(void *arg, const unsigned char *text, size_t size)
{
	return take_scalar(arg, JSON_KIND_STRING, (const char *) text, size);
}

/* An object or a list begins. */
static int
take_begin(JsonReader *reader, bool list)
{
	uint32_t	number;

	reader->quiet = 0;
	if (reader->depth + reader->nopen + reader->skipped >= DEPTH_LIMIT)
		return fail(reader, "values are nested too deeply");
	if (reader->skip)
		return ++reader->skipped;
	if (!reader->record && !reader->in_list)
		note_value(reader);
	if (!reader->record && !reader->in_list && at_records(reader))
	{
		reader->found = true;
		reader->sole = !list && !reader->path[0] && !reader->lines;
		if (list || reader->named)
		{
			reader->levels[reader->depth++] = (Level) {.list = list};
			reader->in_list = true;
			return true;
		}
		if (!begin_record(reader))
			return false;
	}
	else if (!reader->record && reader->in_list && !begin_record(reader))
		return false;
	if (!reader->record)
	{
		reader->levels[reader->depth++] = (Level) {.list = list};
		return true;
	}
	if (!add_node(reader, list ? JSON_KIND_LIST : JSON_KIND_OBJECT, &number) || !put_json(reader, list ? "[" : "{", 1))
		return false;
	reader->open[reader->nopen] = number;
	reader->last[reader->nopen++] = 0;
	return true;
}

/* One ends. */
static int
take_end(JsonReader *reader, bool list)
{
	reader->quiet = 0;
	if (reader->skipped > 0)
	{
		reader->skip = --reader->skipped > 0;
		return true;
	}
	if (!reader->record)
	{
		Level	   *level = &reader->levels[--reader->depth];

		free(level->name);
		level->name = NULL;
		reader->in_list = false;
		return true;
	}
	if (!put_json(reader, list ? "]" : "}", 1))
		return false;
	reader->record->nodes[reader->open[--reader->nopen]].end = reader->record->json_size;
	if (reader->nopen == 0)
		end_record(reader);
	return true;
}

static int
on_begin_object(void *arg)
{
	return take_begin(arg, false);
}

static int
on_end_object(void *arg)
{
	return take_end(arg, false);
}

static int
on_begin_list(void *arg)
{
	return take_begin(arg, true);
}

static int
on_end_list(void *arg)
{
	return take_end(arg, true);
}

static int
on_name(void *arg, const unsigned char *text, size_t size)
{
	JsonReader *reader = arg;
	Level	   *level;

	reader->quiet = 0;
	if (reader->skipped > 0)
		return true;
	if (reader->record)
	{
		reader->skip = reader->members && reader->nopen == 1 && !is_wanted(reader, (const char *) text, size);
		if (reader->skip)
			return true;
		reader->name_size = size;
		return (!keeps_json(reader) || ((reader->last[reader->nopen - 1] == 0 || put_json(reader, ",", 1)) &&
										put_json_string(reader, (const char *) text, size) && put_json(reader, ":", 1))) &&
			put_text(reader, (const char *) text, size, &reader->name);
	}
	level = &reader->levels[reader->depth - 1];
	free(level->name);
	level->name = NULL;
	if (reader->depth > JSON_PATH_LIMIT)
		return true;
	level->name = strndup((const char *) text, size);
	return level->name || fail_memory(reader);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_begin_object,
	.yajl_map_key = on_name,
	.yajl_end_map = on_end_object,
	.yajl_start_array = on_begin_list,
	.yajl_end_array = on_end_list,
};

JsonReader *
json_reader_new(JsonPath records, bool lines, size_t record_limit, JsonWanted *wanted)
{
	JsonReader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->path = records;
	while (records[reader->path_size])
		reader->path_size++;
	reader->named = reader->path_size > 0 && strcmp(records[reader->path_size - 1], "*") == 0;
	reader->path_size -= reader->named;
	reader->record_limit = record_limit;
	reader->wanted = wanted;
	reader->lines = lines;
	reader->text = true;
	reader->parser = yajl_alloc(&callbacks, NULL, reader);
	if (!reader->parser)
	{
		free(reader);
		return NULL;
	}
	if (lines)
		yajl_config(reader->parser, yajl_allow_multiple_values, 1);
	return reader;
}

void
json_reader_want(JsonReader *reader, const JsonPath *members, bool text)
{
	reader->members = members;
	while (members && members[reader->nmembers])
		reader->nmembers++;
	reader->text = text;
}

void
json_reader_may_lack(JsonReader *reader)
{
	reader->found = true;
}

/* Notes what the library says of a text, where no callback has said what is wrong. */
static bool
take_status(JsonReader *reader, yajl_status status)
{
	if (status == yajl_status_ok)
		return true;
	if (!reader->error[0])
		fail(reader, "it is not valid JSON");
	return false;
}

bool
json_reader_feed(JsonReader *reader, const char *data, size_t size)
{
	/* the library keeps a value that has not ended */
	reader->quiet += size;
	if (!escape_filter(&reader->escapes, &data, &size))
		return fail_memory(reader);
	return take_status(reader, yajl_parse(reader->parser, (const unsigned char *) data, size)) &&
		(reader->quiet <= reader->record_limit || fail_size(reader));
}

bool
json_reader_end(JsonReader *reader)
{
	const char *rest;
	size_t		size = escape_rest(&reader->escapes, &rest);
	yajl_status status = yajl_parse(reader->parser, (const unsigned char *) rest, size);

	if (status == yajl_status_ok)
		status = yajl_complete_parse(reader->parser);
	if (status != yajl_status_ok && !reader->error[0])
		return fail(reader, "it ends in the middle of its JSON");
	if (!take_status(reader, status))
		return false;
	reader->ended = true;
	return reader->found || reader->lines || fail(reader, "it has nothing where its records should be");
}

bool
json_reader_ended(const JsonReader *reader)
{
	return reader->ended;
}

const JsonRecord *
json_reader_sole(const JsonReader *reader)
{
	return reader->sole ? reader->whole : NULL;
}

bool
json_reader_open(JsonReader *reader, bool list)
{
	return take_begin(reader, list);
}

bool
json_reader_close(JsonReader *reader, bool list)
{
	return take_end(reader, list);
}

bool
json_reader_name(JsonReader *reader, const char *name, size_t size)
{
	return on_name(reader, (const unsigned char *) name, size);
}

bool
json_reader_text(JsonReader *reader, const char *text, size_t size)
{
	return take_scalar(reader, text ? JSON_KIND_STRING : JSON_KIND_NULL, text, size);
}

void
json_reader_finish(JsonReader *reader)
{
	reader->ended = true;
}

const JsonRecord *
json_reader_next(JsonReader *reader)
{
	if (reader->given)
	{
		reader->given->following = reader->spare;
		reader->spare = reader->given;
	}
	reader->given = reader->whole;
	if (reader->whole)
		reader->whole = reader->whole->following;
	return reader->given;
}

const char *
json_reader_error(const JsonReader *reader)
{
	return reader->error;
}

bool
json_reader_out_of_memory(const JsonReader *reader)
{
	return reader->no_memory;
}

static void
free_records(JsonRecord *r)
{
	while (r)
	{
		JsonRecord *following = r->following;

		free(r->nodes);
		free(r->bytes);
		free(r->json);
		free(r);
		r = following;
	}
}

void
json_reader_forget(JsonReader *reader)
{
	free_records(reader->whole);
	reader->whole = NULL;
}

void
json_reader_free(JsonReader *reader)
{
	if (!reader)
		return;
	if (reader->given)
		reader->given->following = NULL;
	free_records(reader->given);
	free_records(reader->whole);
	free_records(reader->spare);
	free_records(reader->record);
	while (reader->depth > 0)
		free(reader->levels[--reader->depth].name);
	for (JsonWanted *w = reader->wanted; w && w->path; w++)
	{
		free(w->text);
		w->text = NULL;
	}
	yajl_free(reader->parser);
	free(reader->escapes.out);
	free(reader);
}

/* The member of an object of that name, or the element of a list of that number; 0: none. */
static uint32_t
find_member(const JsonRecord *record, const JsonNode *node, const char *name)
{
	uint32_t	found = 0;
	size_t		size = strlen(name);
	char	   *end;
	unsigned long index = 0;

	if (node->kind == JSON_KIND_LIST)
	{
		index = strtoul(name, &end, 10);
		if (*end || !size || name[0] < '0' || name[0] > '9')
			return 0;
		for (found = node->first; found && index > 0; index--)
			found = record->nodes[found].next;
		return found;
	}
	for (uint32_t i = node->kind == JSON_KIND_OBJECT ? node->first : 0; i; i = record->nodes[i].next)
		if (record->nodes[i].name_size == size && memcmp(record->bytes + record->nodes[i].name, name, size) == 0)
			found = i;
	return found;
}

uint32_t
json_find(const JsonRecord *record, uint32_t node, JsonPath path)
{
	for (; node && *path; path++)
		if (record->nodes[node].kind != JSON_KIND_STRING || strcmp(*path, "#text") != 0)
			node = find_member(record, &record->nodes[node], *path);
	return node;
}

uint32_t
json_find_flat(const JsonRecord *record, uint32_t node, const char *name)
{
	const JsonNode *object = &record->nodes[node];
	uint32_t	found = 0;

	for (uint32_t i = object->kind == JSON_KIND_OBJECT ? object->first : 0; i; i = record->nodes[i].next)
	{
		const JsonNode *member = &record->nodes[i];
		uint32_t	inner = 0;

		if (strncmp(name, record->bytes + member->name, member->name_size) != 0)
			continue;
		if (name[member->name_size] == '\0')
			inner = i;
		else if (name[member->name_size] == '.')
			inner = json_find_flat(record, i, name + member->name_size + 1);
		found = inner ? inner : found;
	}
	return found;
}

char **
json_split_path(const char *names)
{
	size_t		size = strlen(names) + 1,
				count = 2,
				n = 0;
	char	  **path;
	char	   *copy;

	for (const char *c = names; *c; c++)
		count += *c == '.';
	path = calloc(1, count * sizeof(char *) + size);
	if (!path)
		return NULL;
	copy = (char *) (path + count);
	memcpy(copy, names, size);
	while (*copy)
	{
		path[n++] = copy;
		copy += strcspn(copy, ".");
		if (*copy)
			*copy++ = '\0';
	}
	return path;
}
