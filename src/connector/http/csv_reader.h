/*
 * csv_reader.h: records out of CSV that comes in pieces.
 */
#ifndef CK_HTTP_CSV_READER_H
#define CK_HTTP_CSV_READER_H

#include "json.h"

typedef struct CsvReader CsvReader;

/* Puts each line, as an object with the names of the first, into records, which outlives it. An empty field that is not in
 * quotes is null. NULL: out of memory. */
extern CsvReader *csv_reader_new(JsonReader *records, char delimiter, size_t record_limit);

/* The text has no such line, but fields of the names that are told next; without any, each line is an object that is empty. A
 * blank line is a record where there is one field. Before the first piece. false: out of memory. */
extern void csv_reader_no_header(CsvReader *reader);
extern bool csv_reader_name(CsvReader *reader, const char *name);

/* As those of json.h. */
extern bool csv_reader_feed(CsvReader *reader, const char *data, size_t size);
extern bool csv_reader_end(CsvReader *reader);
extern const char *csv_reader_error(const CsvReader *reader);
extern void csv_reader_free(CsvReader *reader);

#endif							/* CK_HTTP_CSV_READER_H */
