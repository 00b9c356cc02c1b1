/*
 * csv_reader.c: records out of CSV, on libcsv: the first line has the names, or they are told.
 */
#include "http_source.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>

#define MARK "\xEF\xBB\xBF"

struct CsvReader
{
	struct csv_parser parser;
	JsonReader *records;		/* where they go */
	size_t		record_limit;
	char	  **names;
	size_t		nnames;
	bool		named;			/* the first line has ended */
	bool		bare;			/* there is no such line */
	bool		begun;			/* of that, the first byte has come */
	size_t		fields;			/* of a line without one; 0: not known yet */
	bool		returned;		/* the last character was a CR that ended a line */
	size_t		field;			/* number of the next field in its line */
	size_t		mark;			/* bytes of the mark of UTF-8, which may stand first, that came; 3: or it is known not to come */
	bool		failed;			/* told, or the reader of records tells it */
	const char *error;
};

/* Blanks are part of a field. */
static int
no_space(unsigned char c)
{
	(void) c;
	return 0;
}

CsvReader *
csv_reader_new(JsonReader *records, char delimiter, size_t record_limit)
{
	CsvReader  *reader = calloc(1, sizeof(*reader));

	if (!reader || csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL) != 0)
	{
		free(reader);
		return NULL;
	}
	csv_set_delim(&reader->parser, (unsigned char) delimiter);
	csv_set_space_func(&reader->parser, no_space);
	reader->records = records;
	reader->record_limit = record_limit;
	return reader;
}

void
csv_reader_no_header(CsvReader *reader)
{
	/* there all ends of lines tell, and what looks like a mark is a value */
	reader->parser.options |= CSV_REPALL_NL;
	reader->bare = reader->named = true;
	reader->mark = 3;
}

bool
csv_reader_name(CsvReader *reader, const char *name)
{
	char	  **larger = realloc(reader->names, (reader->nnames + 1) * sizeof(char *));

	if (larger)
		reader->names = larger;
	if (!larger || !(reader->names[reader->nnames] = strdup(name)))
		return false;
	reader->nnames++;
	return true;
}

static void
fail(CsvReader *reader, const char *error)
{
	reader->failed = true;
	if (!reader->error)
		reader->error = error;
}

/* A name of the first line. */
static void
take_name(CsvReader *reader, const char *text, size_t size)
{
	char	  **larger = realloc(reader->names, (reader->nnames + 1) * sizeof(char *));

	if (larger)
		reader->names = larger;
	if (!larger || !(reader->names[reader->nnames] = strndup(text ? text : "", size)))
		fail(reader, "out of memory");
	else
		reader->nnames++;
}

/* A field of a text that has no names. */
static void
skip_field(CsvReader *reader)
{
	if (reader->field++ == 0 && !json_reader_open(reader->records, false))
		reader->failed = true;
	else if (reader->fields > 0 && reader->field > reader->fields)
		fail(reader, "a line has more fields than the first");
}

static void
on_field(void *text, size_t size, void *arg)
{
	CsvReader  *reader = arg;

	reader->returned = false;
	if (reader->failed)
		return;
	if (!reader->named)
		take_name(reader, text, size);
	else if (reader->bare && reader->nnames == 0)
		skip_field(reader);
	else if (reader->field == reader->nnames)
		fail(reader, reader->bare ? "a line has more fields than were asked for" : "a line has more fields than the first");
	else
	{
		const char *name = reader->names[reader->field];

		if ((reader->field++ == 0 && !json_reader_open(reader->records, false)) ||
			!json_reader_name(reader->records, name, strlen(name)) || !json_reader_text(reader->records, text, size))
			reader->failed = true;
	}
}

/* A line of a text without a line of names: false where it is none, but the LF behind a CR. */
static bool
bare_line(CsvReader *reader, int end)
{
	bool		again = end == '\n' && reader->returned && reader->field == 0;

	reader->returned = end == '\r';
	if (again || (end < 0 && reader->field == 0))
		return false;
	/* a field that is NULL is nothing at all */
	if (reader->field == 0 && (reader->nnames == 1 || (reader->nnames == 0 && reader->fields <= 1)))
		on_field(NULL, 0, reader);
	if (reader->nnames == 0 && reader->fields > 0 && reader->field < reader->fields)
		fail(reader, "a line has fewer fields than the first");
	reader->fields = reader->field;
	reader->returned = end == '\r';
	return !reader->failed;
}

static void
on_line(int end, void *arg)
{
	CsvReader  *reader = arg;

	if (reader->failed || (reader->bare && !bare_line(reader, end)))
		return;
	if (!reader->named)
		reader->named = true;
	else if (reader->field < reader->nnames)
		fail(reader, reader->bare ? "a line has fewer fields than were asked for" : "a line has fewer fields than the first");
	else if (!json_reader_close(reader->records, false))
		reader->failed = true;
	reader->field = 0;
}

bool
csv_reader_feed(CsvReader *reader, const char *data, size_t size)
{
	while (reader->mark < 3 && size > 0 && *data == MARK[reader->mark])
	{
		reader->mark++;
		data++;
		size--;
	}
	if (size == 0)
		return !reader->failed;
	if (reader->mark > 0 && reader->mark < 3)
		fail(reader, "it is not valid CSV in UTF-8");
	reader->mark = 3;
	/* gzip, which without names would be lines of something */
	if (reader->bare && !reader->begun && *data == '\x1f')
		fail(reader, "it is packed");
	reader->begun = true;
	if (csv_parse(&reader->parser, data, size, on_field, on_line, reader) != size)
		fail(reader, csv_error(&reader->parser) == CSV_EPARSE ? "it is not valid CSV" : "out of memory");
	if (csv_get_buffer_size(&reader->parser) > reader->record_limit)
		fail(reader, "a record is larger than the option max_record_size allows");
	return !reader->failed;
}

bool
csv_reader_end(CsvReader *reader)
{
	if (csv_fini(&reader->parser, on_field, on_line, reader) != 0)
		fail(reader, "it ends in the middle of a field");
	if (!reader->named)
		fail(reader, "it lacks the line of names");
	json_reader_finish(reader->records);
	return !reader->failed;
}

const char *
csv_reader_error(const CsvReader *reader)
{
	return reader->error ? reader->error : json_reader_error(reader->records);
}

void
csv_reader_free(CsvReader *reader)
{
	if (!reader)
		return;
	csv_free(&reader->parser);
	for (size_t i = 0; i < reader->nnames; i++)
		free(reader->names[i]);
	free(reader->names);
	free(reader);
}
