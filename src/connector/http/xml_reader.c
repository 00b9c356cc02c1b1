/*
 * xml_reader.c: records out of XML, on libexpat. Whether an element is a text, or one of a list, is known when all has come: so a
 * record is kept as a tree until its end.
 */
#include "xml_reader.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From expat 2.9 on these have names of their own, and those of before are complained of. */
#if XML_MAJOR_VERSION == 2 && XML_MINOR_VERSION >= 9
#define XML_GetCurrentLineNumber XML_GetCurrentLineNumber64
#define XML_GetCurrentByteIndex XML_GetCurrentByteIndex64
#endif

/* Elements within each other. */
#define DEPTH_LIMIT 400

#define TEXT "#text"

/* An element, an attribute ("@name") or a piece of text ("#text") of the record at hand. */
typedef struct Node
{
	size_t		name;			/* places in the reader's bytes */
	size_t		text;			/* of an attribute or piece */
	size_t		text_size;
	uint32_t	next;			/* in the same element, 0: the last */
	uint32_t	first;			/* of an element, what is in it */
	uint32_t	last;
	uint32_t	same;			/* the next of this name in the same element, 0: none */
	bool		later;			/* one of this name was before */
	bool		nil;			/* said to be no value */
} Node;

struct XmlReader
{
	XML_Parser	parser;
	JsonReader *records;		/* where they go */
	JsonPath	path;
	JsonPath	list;
	size_t		record_limit;
	int64_t		fed;			/* bytes of the text */
	bool		found;			/* there is a place where records could be */
	bool		failed;			/* told, or the reader of records tells it */
	char		error[256];

	int			depth;			/* elements around, outside of records */
	int			matched;		/* of these, the outermost, those that are in the path */
	bool		leaf;			/* the innermost has no other in it so far */

	uint32_t	open[DEPTH_LIMIT + 1];	/* elements of the record that have not ended */
	int			nopen;			/* 0: there is no record */
	int64_t		begin;			/* where it began */
	Node	   *nodes;			/* of the record; none has the number 0 */
	uint32_t	count;
	size_t		room;
	char	   *bytes;			/* its names and texts; outside of records the text of the innermost element */
	size_t		size;
	size_t		bytes_room;
	uint32_t   *sorted;			/* to find those of the same name */
	size_t		sorted_room;
};

/* Says what is wrong, and ends the reading. */
static bool
fail(XmlReader *reader, const char *error)
{
	if (!reader->failed && error)
		snprintf(reader->error, sizeof(reader->error), "%s at line %lu", error,
				 (unsigned long) XML_GetCurrentLineNumber(reader->parser));
	reader->failed = true;
	XML_StopParser(reader->parser, XML_FALSE);
	return false;
}

static bool
make_room(XmlReader *reader, void **buffer, size_t *room, size_t count, size_t width)
{
	size_t		wanted = *room ? *room : 64;
	void	   *larger;

	if (count <= *room)
		return true;
	while (wanted < count)
		wanted *= 2;
	larger = realloc(*buffer, wanted * width);
	if (!larger)
		return fail(reader, "out of memory");
	*buffer = larger;
	*room = wanted;
	return true;
}

static bool
add_bytes(XmlReader *reader, const char *text, size_t size)
{
	if (reader->size > reader->record_limit || size > reader->record_limit - reader->size)
		return fail(reader, "a record is larger than the option max_record_size allows");
	if (!make_room(reader, (void **) &reader->bytes, &reader->bytes_room, reader->size + size, 1))
		return false;
	if (size > 0)
		memcpy(reader->bytes + reader->size, text, size);
	reader->size += size;
	return true;
}

/* Adds a node to the element at hand; its number, or 0. */
static uint32_t
add_node(XmlReader *reader, const char *mark, const char *name)
{
	uint32_t	number = reader->count;
	Node	   *parent;

	if (XML_GetCurrentByteIndex(reader->parser) - reader->begin > (int64_t) reader->record_limit)
		fail(reader, "a record is larger than the option max_record_size allows");
	if (reader->failed || !make_room(reader, (void **) &reader->nodes, &reader->room, (size_t) number + 1, sizeof(Node)))
		return 0;
	reader->nodes[number] = (Node) {.name = reader->size};
	reader->count++;
	if (!add_bytes(reader, mark, strlen(mark)) || !add_bytes(reader, name, strlen(name) + 1))
		return 0;
	if (reader->nopen > 0)
	{
		parent = &reader->nodes[reader->open[reader->nopen - 1]];
		if (parent->last)
			reader->nodes[parent->last].next = number;
		else
			parent->first = number;
		parent->last = number;
	}
	return number;
}

/* A piece of text of the element at hand. */
static void
add_text(XmlReader *reader, const char *mark, const char *name, const char *text, size_t size)
{
	Node	   *element = &reader->nodes[reader->open[reader->nopen - 1]];
	uint32_t	number = element->last;

	/* what came right before may go on */
	if (!number || strcmp(reader->bytes + reader->nodes[number].name, TEXT) != 0 || mark[0] == '@')
	{
		number = add_node(reader, mark, name);
		if (!number)
			return;
		reader->nodes[number].text = reader->size;
	}
	if (add_bytes(reader, text, size))
		reader->nodes[number].text_size += size;
}

/* Declarations of namespaces and types are for others; one of these says that there is no value. */
static bool
skip_attribute(XmlReader *reader, const char *name, const char *value)
{
	if (strncmp(name, "xsi:", 4) != 0)
		return strcmp(name, "xmlns") == 0 || strncmp(name, "xmlns:", 6) == 0;
	if (strcmp(name, "xsi:nil") == 0 && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0))
		reader->nodes[reader->open[reader->nopen - 1]].nil = true;
	return true;
}

/* An element of a record, or the record itself, begins. */
static void
begin_element(XmlReader *reader, const char *name, const char **attributes)
{
	uint32_t	number;

	if (reader->nopen + reader->depth >= DEPTH_LIMIT)
		fail(reader, "elements are nested too deeply");
	if (reader->nopen == 0)
	{
		reader->begin = XML_GetCurrentByteIndex(reader->parser);
		reader->count = 1;
		reader->size = 0;
	}
	number = add_node(reader, "", name);
	if (!number)
		return;
	reader->open[reader->nopen++] = number;
	for (; attributes[0] && !reader->failed; attributes += 2)
		if (!skip_attribute(reader, attributes[0], attributes[1]))
			add_text(reader, "@", attributes[0], attributes[1], strlen(attributes[1]));
}

/* Begins an element around records; its attributes may be wanted. fits: it is the next of the path. */
static void
begin_outer(XmlReader *reader, const char *name, const char **attributes, bool fits)
{
	bool		good = reader->depth < DEPTH_LIMIT || fail(reader, "elements are nested too deeply");

	if (good && reader->depth == 0)
		good = json_reader_open(reader->records, false);
	reader->matched += fits;
	reader->depth++;
	reader->leaf = true;
	reader->size = 0;
	good = good && json_reader_name(reader->records, name, strlen(name)) && json_reader_open(reader->records, false);
	for (; attributes[0] && good; attributes += 2)
	{
		good = add_bytes(reader, "@", 1) && add_bytes(reader, attributes[0], strlen(attributes[0])) &&
			json_reader_name(reader->records, reader->bytes, reader->size) &&
			json_reader_text(reader->records, attributes[1], strlen(attributes[1]));
		reader->size = 0;
	}
	if (!good)
		fail(reader, NULL);
}

static void
on_begin(void *arg, const char *name, const char **attributes)
{
	XmlReader  *reader = arg;
	JsonPath	rest = reader->path + reader->matched;
	bool		fits = reader->nopen == 0 && reader->depth == reader->matched && (!rest[0] || strcmp(name, rest[0]) == 0);
	bool		last = fits && (!rest[0] || !rest[1]);

	if (reader->failed)
		return;
	if (reader->nopen > 0 || last)
		begin_element(reader, name, attributes);
	else
		begin_outer(reader, name, attributes, fits);
	/* a list of none is there where what would hold it is */
	reader->found |= last || (fits && !rest[2]);
}

static void
on_text(void *arg, const char *text, int size)
{
	XmlReader  *reader = arg;

	if (reader->failed)
		return;
	if (reader->nopen > 0)
		add_text(reader, "", TEXT, text, (size_t) size);
	else if (reader->leaf)
		add_bytes(reader, text, (size_t) size);
}

static bool
blank(const char *text, size_t size)
{
	while (size > 0 && strchr(" \t\r\n", text[size - 1]))
		size--;
	return size == 0;
}

/* By name, then as they came. */
static int
compare_nodes(const void *left, const void *right, void *arg)
{
	const XmlReader *reader = arg;
	uint32_t	a = *(const uint32_t *) left,
				b = *(const uint32_t *) right;
	int			order = strcmp(reader->bytes + reader->nodes[a].name, reader->bytes + reader->nodes[b].name);

	return order ? order : a < b ? -1 : 1;
}

/* Links the nodes of an element that have the same name. */
static bool
link_same(XmlReader *reader, uint32_t element)
{
	size_t		count = 0;

	for (uint32_t i = reader->nodes[element].first; i; i = reader->nodes[i].next)
	{
		if (!make_room(reader, (void **) &reader->sorted, &reader->sorted_room, count + 1, sizeof(uint32_t)))
			return false;
		reader->sorted[count++] = i;
	}
	if (count > 1)
		qsort_r(reader->sorted, count, sizeof(uint32_t), compare_nodes, reader);
	for (size_t i = 1; i < count; i++)
	{
		Node	   *before = &reader->nodes[reader->sorted[i - 1]],
				   *node = &reader->nodes[reader->sorted[i]];

		if (strcmp(reader->bytes + before->name, reader->bytes + node->name) == 0)
		{
			before->same = reader->sorted[i];
			node->later = true;
		}
	}
	return true;
}

/* Puts the text of an element, whose first piece is given: null where it is empty. */
static bool
put_pieces(XmlReader *reader, uint32_t first)
{
	const Node *piece = &reader->nodes[first];
	size_t		size = 0;
	char	   *whole;
	bool		good;

	if (!first)
		return json_reader_text(reader->records, NULL, 0);
	if (!piece->same)
		return json_reader_text(reader->records, reader->bytes + piece->text, piece->text_size);
	for (uint32_t i = first; i; i = reader->nodes[i].same)
		size += reader->nodes[i].text_size;
	whole = malloc(size + 1);
	if (!whole)
		return fail(reader, "out of memory");
	size = 0;
	for (uint32_t i = first; i; i = reader->nodes[i].same)
	{
		memcpy(whole + size, reader->bytes + reader->nodes[i].text, reader->nodes[i].text_size);
		size += reader->nodes[i].text_size;
	}
	good = json_reader_text(reader->records, whole, size);
	free(whole);
	return good;
}

static bool put_element(XmlReader *reader, uint32_t number, JsonPath list, bool object);

/* Puts what has one name in an element: an attribute, an element, or a list of these. */
static bool
put_member(XmlReader *reader, uint32_t number, JsonPath list)
{
	const char *name = reader->bytes + reader->nodes[number].name;
	bool		led = list && list[0] && strcmp(list[0], name) == 0;
	bool		several = reader->nodes[number].same || (led && !list[1]);
	bool		good = json_reader_name(reader->records, name, strlen(name)) &&
		(!several || json_reader_open(reader->records, true));

	for (; number && good; number = reader->nodes[number].same)
		good = name[0] == '@' ? put_pieces(reader, number) : put_element(reader, number, led ? list + 1 : NULL, false);
	return good && (!several || json_reader_close(reader->records, true));
}

/* Puts an element with all that is in it; object: also where it is a text alone. */
static bool
put_element(XmlReader *reader, uint32_t number, JsonPath list, bool object)
{
	uint32_t	text = 0;
	bool		good = true,
				empty = true;

	if (reader->nodes[number].nil && !object)
		return json_reader_text(reader->records, NULL, 0);
	if (!link_same(reader, number))
		return false;
	for (uint32_t i = reader->nodes[number].first; i; i = reader->nodes[i].next)
	{
		if (reader->bytes[reader->nodes[i].name] != '#')
			object = true;
		else if (!text)
			text = i;
	}
	if (!object)
		return put_pieces(reader, text);
	good = json_reader_open(reader->records, false);
	for (uint32_t i = reader->nodes[number].first; i && good; i = reader->nodes[i].next)
		if (i != text && !reader->nodes[i].later)
			good = put_member(reader, i, list);
	for (uint32_t i = text; i && empty; i = reader->nodes[i].same)
		empty = blank(reader->bytes + reader->nodes[i].text, reader->nodes[i].text_size);
	if (good && !empty)
		good = json_reader_name(reader->records, TEXT, strlen(TEXT)) && put_pieces(reader, text);
	return good && json_reader_close(reader->records, false);
}

/* The record has ended. */
static bool
put_record(XmlReader *reader)
{
	const char *name = reader->bytes + reader->nodes[1].name;

	return (!reader->path[0] || reader->depth > 0 || json_reader_open(reader->records, false)) &&
		(!reader->path[0] || json_reader_name(reader->records, name, strlen(name))) &&
		put_element(reader, 1, reader->list, true);
}

static void
on_end(void *arg, const char *name)
{
	XmlReader  *reader = arg;

	(void) name;
	if (reader->failed)
		return;
	if (reader->nopen > 0)
	{
		if (--reader->nopen == 0 && !put_record(reader))
			fail(reader, NULL);
		reader->leaf = false;
		return;
	}
	if (!json_reader_close(reader->records, false) ||
		(reader->leaf && !json_reader_text(reader->records, reader->bytes ? reader->bytes : "", reader->size)))
		fail(reader, NULL);
	reader->leaf = false;
	reader->depth--;
	if (reader->matched > reader->depth)
		reader->matched = reader->depth;
}

/* Entities that a document declares may grow without bounds, or stand for files: there is none to be read. */
static void
on_doctype(void *arg, const char *name, const char *system, const char *public, int internal)
{
	(void) name, (void) system, (void) public, (void) internal;
	fail(arg, "it has a document type declaration, which is not read,");
}

XmlReader *
xml_reader_new(JsonReader *records, JsonPath path, JsonPath list, size_t record_limit)
{
	XmlReader  *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->parser = XML_ParserCreate(NULL);
	if (!reader->parser)
	{
		free(reader);
		return NULL;
	}
	reader->records = records;
	reader->path = path;
	reader->list = list;
	reader->record_limit = record_limit;
	XML_SetUserData(reader->parser, reader);
	XML_SetElementHandler(reader->parser, on_begin, on_end);
	XML_SetCharacterDataHandler(reader->parser, on_text);
	XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
	return reader;
}

/* Gives a piece to the library. */
static bool
parse(XmlReader *reader, const char *data, size_t size, bool last)
{
	enum XML_Status status;
	char		message[200];
	int64_t		waiting;

	if (reader->failed)
		return false;
	status = XML_Parse(reader->parser, data, (int) size, last);
	reader->fed += (int64_t) size;
	if (status != XML_STATUS_OK && !reader->failed)
	{
		enum XML_Error code = XML_GetErrorCode(reader->parser);

		snprintf(message, sizeof(message), "it is not valid XML: %s", XML_ErrorString(code));
		/* the library may put off to the end what it could have told before */
		return fail(reader, last && code != XML_ERROR_UNKNOWN_ENCODING && code != XML_ERROR_INVALID_TOKEN &&
					code != XML_ERROR_TAG_MISMATCH ? "it ends in the middle of its XML" : message);
	}
	/* the library keeps what it waits for the end of */
	waiting = reader->fed - XML_GetCurrentByteIndex(reader->parser);
	if (!reader->failed && waiting > (int64_t) (reader->record_limit + size))
		return fail(reader, "a record is larger than the option max_record_size allows");
	return !reader->failed;
}

bool
xml_reader_feed(XmlReader *reader, const char *data, size_t size)
{
	return parse(reader, data, size, false);
}

bool
xml_reader_end(XmlReader *reader)
{
	if (!parse(reader, "", 0, true))
		return false;
	json_reader_finish(reader->records);
	return reader->found || fail(reader, "it has nothing where its records should be,");
}

const char *
xml_reader_error(const XmlReader *reader)
{
	return reader->error[0] ? reader->error : json_reader_error(reader->records);
}

void
xml_reader_free(XmlReader *reader)
{
	if (!reader)
		return;
	XML_ParserFree(reader->parser);
	free(reader->nodes);
	free(reader->bytes);
	free(reader->sorted);
	free(reader);
}
