/*
 * xml_reader.h: records out of XML that comes in pieces.
 */
#ifndef CK_HTTP_XML_READER_H
#define CK_HTTP_XML_READER_H

#include "json.h"

typedef struct XmlReader XmlReader;

/*
 * Puts each element at the path, which begins with the outermost one, as an object into records, which was made for that path and
 * outlives it. A path without names: the outermost element. An element with neither attributes nor elements is its text, or null
 * where it has none; any other an object of "@attribute", elements and "#text", in which elements of one name are a list. list: a
 * path in the record that leads to a list, also where the element comes once; or NULL. NULL: out of memory.
 */
extern XmlReader *xml_reader_new(JsonReader *records, JsonPath path, JsonPath list, size_t record_limit);

/* As those of json.h. */
extern bool xml_reader_feed(XmlReader *reader, const char *data, size_t size);
extern bool xml_reader_end(XmlReader *reader);
extern const char *xml_reader_error(const XmlReader *reader);
extern void xml_reader_free(XmlReader *reader);

#endif							/* CK_HTTP_XML_READER_H */
