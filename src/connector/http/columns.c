/*
 * columns.c: the columns that a scan needs, as a request names them and as CSV without a line of names has them.
 */
#include "http_source.h"

/* Whether a column of the scan has the same name as one before it. */
static bool
is_again(const CkScan *scan, uint32_t column)
{
	for (uint32_t i = 0; i < column; i++)
		if (strcmp(scan->columns[i].name, scan->columns[column].name) == 0)
			return true;
	return false;
}

CkStatus
http_write_columns(CkScan *scan, HttpText *text)
{
	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		const char *name = scan->columns[i].name;

		if (strchr(name, ',') || !*name)
			return ck_fail(scan->session, CK_ERR_OPTION, "a column's name cannot stand in a request");
		if (is_again(scan, i))
			continue;
		text_string(text, text->size > 0 ? "," : "");
		text_string(text, name);
	}
	return http_check_text(scan->session, text);
}

bool
http_name_fields(CkScan *scan, CsvReader *reader)
{
	const HttpTable *table = ((HttpScan *) scan->state)->table;
	bool		good = true;

	csv_reader_no_header(reader);
	for (size_t i = 0; !table->listed && i < table->ncolumns && good; i++)
		good = csv_reader_name(reader, table->columns[i].path[0] ? table->columns[i].path[0] : table->columns[i].name);
	for (uint32_t i = 0; table->listed && i < scan->ncolumns && good; i++)
		good = is_again(scan, i) || csv_reader_name(reader, scan->columns[i].name);
	return good;
}
