/*
 * infer.c: a table's columns and their types, out of a sample of its records.
 */
#include "discover.h"
#include "moment.h"

#include <stdlib.h>

/* Records that are looked at, of the first page. */
#define SAMPLE 1000

/* What all values of a column that were seen are. */
typedef enum Kind
{
	NOTHING,					/* none was seen */
	BOOLEAN,
	INTEGER,
	DECIMAL,
	DAY,
	CLOCK,						/* a time that does not say of which zone */
	MOMENT,
	ANY_TEXT,
	NESTED
} Kind;

static const char *const types[] = {
	[NOTHING] = "text", [BOOLEAN] = "boolean", [INTEGER] = "bigint", [DECIMAL] = "numeric", [DAY] = "date",
	[CLOCK] = "timestamp", [MOMENT] = "timestamptz", [ANY_TEXT] = "text", [NESTED] = "jsonb"
};

typedef struct Column
{
	char	   *name;
	Kind		kind;
} Column;

typedef struct Columns
{
	Column	   *all;
	size_t		count;
} Columns;

/* A number: with 18 digits at most a bigint. */
static Kind
kind_of_number(const char *text, size_t size)
{
	size_t		sign = size > 0 && text[0] == '-';

	for (size_t i = sign; i < size; i++)
		if (text[i] < '0' || text[i] > '9')
			return DECIMAL;
	return size - sign <= 18 ? INTEGER : DECIMAL;
}

/* A number as JSON writes it. */
static bool
is_number(const char *text, size_t size)
{
	size_t		i = size > 0 && text[0] == '-',
				digits = i;

	for (; i < size && text[i] >= '0' && text[i] <= '9'; i++)
		;
	if (i == digits || (text[digits] == '0' && i > digits + 1))
		return false;
	if (i < size && text[i] == '.')
	{
		digits = ++i;
		for (; i < size && text[i] >= '0' && text[i] <= '9'; i++)
			;
		if (i == digits)
			return false;
	}
	return i == size;
}

static Kind
kind_of_text(const char *text, size_t size, bool csv)
{
	Moment		moment;

	if (csv && is_number(text, size))
		return kind_of_number(text, size);
	if (csv && ((size == 4 && memcmp(text, "true", 4) == 0) || (size == 5 && memcmp(text, "false", 5) == 0)))
		return BOOLEAN;
	/* PostgreSQL knows no year 0 */
	if (!moment_read(text, size, false, &moment) || memcmp(text, "0000", 4) == 0)
		return ANY_TEXT;
	return !moment.clock ? DAY : moment.zone ? MOMENT : CLOCK;
}

static Kind
kind_of(const JsonRecord *record, const JsonNode *node, bool csv)
{
	switch (node->kind)
	{
		case JSON_KIND_NULL:
			return NOTHING;
		case JSON_KIND_FALSE:
		case JSON_KIND_TRUE:
			return BOOLEAN;
		case JSON_KIND_NUMBER:
			return kind_of_number(record->bytes + node->text, node->text_size);
		case JSON_KIND_STRING:
			return kind_of_text(record->bytes + node->text, node->text_size, csv);
		default:
			return NESTED;
	}
}

/* The kind that holds the values of both. */
static Kind
join(Kind a, Kind b)
{
	Kind		less = a < b ? a : b,
				more = a < b ? b : a;

	if (less == NOTHING || less == more || more == NESTED)
		return more;
	if ((less == INTEGER && more == DECIMAL) || (less == DAY && more == CLOCK))
		return more;
	return ANY_TEXT;
}

/* Looks at the members of an object; except is passed over. false: out of memory. */
static bool
look_at(Columns *columns, const JsonRecord *record, uint32_t object, uint32_t except, bool csv)
{
	uint32_t	first = record->nodes[object].kind == JSON_KIND_OBJECT ? record->nodes[object].first : 0;

	for (uint32_t i = first; i; i = record->nodes[i].next)
	{
		const JsonNode *node = &record->nodes[i];
		const char *name = record->bytes + node->name;
		Column	   *column = columns->all;
		Column	   *end = columns->all + columns->count;

		while (column < end && !(strlen(column->name) == node->name_size && memcmp(column->name, name, node->name_size) == 0))
			column++;
		if (i == except)
			continue;
		if (column == end)
		{
			if ((columns->count & (columns->count - 1)) == 0)
			{
				Column	   *larger = realloc(columns->all, (columns->count ? columns->count * 2 : 1) * sizeof(Column));

				if (!larger)
					return false;
				columns->all = larger;
			}
			column = &columns->all[columns->count++];
			*column = (Column) {.name = strndup(name, node->name_size)};
			if (!column->name)
				return false;
		}
		column->kind = join(column->kind, kind_of(record, node, csv));
	}
	return true;
}

/* Looks at a record: of what is unnested, at each element, and at what is around the list. */
static bool
look_at_record(Columns *columns, const HttpTable *table, const JsonRecord *record)
{
	uint32_t	list = table->unnest ? json_find(record, 1, table->unnest) : 0;
	bool		good = true;

	for (uint32_t i = list && record->nodes[list].kind == JSON_KIND_LIST ? record->nodes[list].first : 0; i && good;
		 i = record->nodes[i].next)
		good = look_at(columns, record, i, 0, false);
	return good && look_at(columns, record, 1, list, table->format == REPLY_CSV);
}

CkStatus
http_infer(CkSession *session, CkCatalog *catalog, const HttpTable *table)
{
	Columns		columns = {0};
	Records    *records;
	CkStatus	status = records_open(session, table, table->name, &records);

	for (int i = 0; i < SAMPLE && status == CK_OK && (status = records_next(records, false)) == CK_OK; i++)
		if (!look_at_record(&columns, table, records->http.page->record))
			status = ck_fail(session, CK_ERR_MEMORY, "out of memory");
	records_free(records);
	status = status == CK_END ? CK_OK : status;
	for (size_t i = 0; i < columns.count; i++)
	{
		const char *type = types[columns.all[i].kind];

		if (status == CK_OK)
			status = ck_column(session, catalog, columns.all[i].name, type, type, false, NULL, NULL);
		free(columns.all[i].name);
	}
	free(columns.all);
	return status;
}
