/*
 * json.h: records out of a JSON text that comes in pieces.
 */
#ifndef CK_HTTP_JSON_H
#define CK_HTTP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum JsonKind
{
	JSON_KIND_NULL,
	JSON_KIND_FALSE,
	JSON_KIND_TRUE,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_OBJECT,
	JSON_KIND_LIST
} JsonKind;

/* A value within a record; what it holds are places in the record's buffers. */
typedef struct JsonNode
{
	JsonKind	kind;
	uint32_t	next;			/* the next in the same object or list, 0: the last */
	uint32_t	first;			/* of an object or list, 0: it is empty */
	size_t		name;			/* in an object, its name */
	size_t		name_size;
	size_t		text;			/* a string without its escapes, or a number as it is written */
	size_t		text_size;
	size_t		begin;			/* all of it, as JSON */
	size_t		end;
} JsonNode;

/* One record: node 1 is all of it. */
typedef struct JsonRecord
{
	JsonNode   *nodes;
	uint32_t	count;
	uint32_t	room;
	char	   *bytes;			/* names and texts */
	size_t		size;
	size_t		bytes_room;
	char	   *json;			/* the record as JSON */
	size_t		json_size;
	size_t		json_room;
	struct JsonRecord *following;	/* in the reader's lists */
} JsonRecord;

/* Names that lead from the outermost value inwards, up to a NULL; none: the value itself. */
typedef const char *const *JsonPath;

/* Names that a path to records, or to what is around them, may have. */
#define JSON_PATH_LIMIT 32

/* A value outside of the records that is wanted too: a cursor, a link to the next page. */
typedef struct JsonWanted
{
	JsonPath	path;
	char	   *text;			/* set by the reader: the last string, number, true or false there; NULL: none, or null */
	bool		inside;			/* set by the reader: an object or list is there that is not empty */
} JsonWanted;

typedef struct JsonReader JsonReader;

/*
 * Reads the records at the path: the elements of a list, or the one object; where the path's last name is "*", the members of the
 * object there, of which node 1 has the name. lines: the text is any number of values, in each of
 * which the path is followed. record_limit: bytes that a record may have. wanted (up to a path of NULL) is the caller's, its
 * texts the reader's. NULL: out of memory.
 */
extern JsonReader *json_reader_new(JsonPath records, bool lines, size_t record_limit, JsonWanted *wanted);

/* Says what of the records is wanted: of objects the members that the first names of these paths lead to (up to a NULL, the
 * caller's; NULL: all), and whether values are looked at as JSON that are neither objects nor lists nor within these. Before
 * the first piece. */
extern void json_reader_want(JsonReader *reader, const JsonPath *members, bool text);

/* A text that has nothing at the path has no records. Before the end. */
extern void json_reader_may_lack(JsonReader *reader);

/* Takes the next piece of the text, and holds the records that end in it until they are taken. false: it is no such JSON, or a
 * record is too large, or memory is out: json_reader_error(). */
extern bool json_reader_feed(JsonReader *reader, const char *data, size_t size);

/* The text has ended; false as above, also where the text lacks its end or has nothing at the path. */
extern bool json_reader_end(JsonReader *reader);

/* Whether the text was whole, whatever json_reader_end() has said of what it holds. */
extern bool json_reader_ended(const JsonReader *reader);

/* The record that is all of the text, which has ended and of which no record was taken; NULL: it has several, or others. */
extern const JsonRecord *json_reader_sole(const JsonReader *reader);

/* Gives none of the records that are held. */
extern void json_reader_forget(JsonReader *reader);

/* For what is no JSON: as if an object or a list began, or ended, the name of an object's member came, or a text; NULL: null.
 * false as above. */
extern bool json_reader_open(JsonReader *reader, bool list);
extern bool json_reader_close(JsonReader *reader, bool list);
extern bool json_reader_name(JsonReader *reader, const char *name, size_t size);
extern bool json_reader_text(JsonReader *reader, const char *text, size_t size);
/* The text has ended. */
extern void json_reader_finish(JsonReader *reader);

/* The next record that is whole, valid until the next call; NULL: feed on. */
extern const JsonRecord *json_reader_next(JsonReader *reader);

/* What was wrong, for people; without what the text holds. */
extern const char *json_reader_error(const JsonReader *reader);
extern bool json_reader_out_of_memory(const JsonReader *reader);

/* reader may be NULL. */
extern void json_reader_free(JsonReader *reader);

/* The value at a path below a node, of an object's equal names the last; 0: none. A number leads into a list; "#text"
 * from a text to itself, as an element of XML is an object or a text. */
extern uint32_t json_find(const JsonRecord *record, uint32_t node, JsonPath path);

/* The value of that flat name below a node, the parts of which, divided by dots, may be objects within each other; 0: none. */
extern uint32_t json_find_flat(const JsonRecord *record, uint32_t node, const char *name);

/* Names divided by dots as a path, in one block of memory; NULL: out of memory. */
extern char **json_split_path(const char *names);

#endif							/* CK_HTTP_JSON_H */
