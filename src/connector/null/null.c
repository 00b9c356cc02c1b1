/*
 * null.c: a connector without a source: it makes rows up, and forgets those that it is given. It measures the core alone,
 * serves the tests, and shows waits and errors to who writes a connector (make new-connector begins one).
 */
#include <stdlib.h>
#include <unistd.h>

#include "null.h"

/* One scan. */
typedef struct NullScan
{
	int64_t		row;			/* number of the last row put, or taken, from 1 */
	char	   *text;			/* a text of text_size bytes begins at each of its first LETTERS bytes */
} NullScan;

#define LETTERS 26
#define JSON_TEXT "{\"made\": \"up\"}"

#define BOTH (CK_ON_SERVER | CK_ON_TABLE)

static const CkOption null_options[] = {
	{.name = "rows", .type = CK_OPT_INTEGER, .where = BOTH, .offset = offsetof(NullOptions, rows),
		.initial = "0", .max = INT64_MAX, .help = "rows of the table"},
	{.name = "text_size", .type = CK_OPT_INTEGER, .where = BOTH, .offset = offsetof(NullOptions, text_size),
		.initial = "16", .max = 64 << 20, .help = "bytes of each text"},
	{.name = "null_every", .type = CK_OPT_INTEGER, .where = BOTH, .offset = offsetof(NullOptions, null_every),
		.initial = "0", .max = INT64_MAX, .help = "rows whose number this divides are NULL throughout; 0: none"},
	{.name = "delay_ms", .type = CK_OPT_INTEGER, .where = BOTH, .offset = offsetof(NullOptions, delay_ms),
		.initial = "0", .max = 86400000, .help = "milliseconds that each row takes"},
	{.name = "hang_at", .type = CK_OPT_INTEGER, .where = BOTH, .offset = offsetof(NullOptions, hang_at),
		.initial = "-1", .min = -1, .max = INT64_MAX, .help = "row that never comes; 0: the first reply; -1: none"},
	{.name = "fail_at", .type = CK_OPT_INTEGER, .where = BOTH, .offset = offsetof(NullOptions, fail_at),
		.initial = "-1", .min = -1, .max = INT64_MAX, .help = "row that fails; 0: the first reply; -1: none"},
	{.name = "fail_with", .type = CK_OPT_CHOICE, .where = BOTH, .offset = offsetof(NullOptions, fail_with),
		.initial = "data", .choices = "option|resolve|connect|tls|auth|database|privilege|not_found|timeout|lost|"
		"busy|query|data|protocol|unsupported|memory|internal", .help = "class of the error of fail_at"},
	{.name = NULL}
};

/* Opens what stands for a connection. */
static CkStatus
null_session_open(CkSession *session)
{
	NullSession *null = session->state;

	ck_stage(session, CK_STAGE_CONNECT, "nothing to connect to");
	if (pipe(null->pipe) < 0)
		return ck_fail(session, CK_ERR_CONNECT, "no file descriptor is free");
	null->opened = true;
	return CK_OK;
}

/* Closes it, if it was opened. */
static void
null_session_close(CkSession *session)
{
	NullSession *null = session->state;

	if (!null->opened)
		return;
	close(null->pipe[0]);
	close(null->pipe[1]);
	null->opened = false;
}

/* Tells connkit_test() about a working connection. */
static CkStatus
null_session_check(CkSession *session)
{
	ck_stage(session, CK_STAGE_QUERY, NULL);
	ck_server_version(session, "null 1.0");
	ck_stage(session, CK_STAGE_PRIVILEGES, "there is nothing that could be written");
	return CK_OK;
}

/* Lists the one table, with a column of each type. */
static CkStatus
null_discover(CkSession *session, CkCatalog *catalog)
{
	static const struct
	{
		const char *name;
		const char *type;
	}			columns[] = {
		{"id", "bigint"}, {"flag", "boolean"}, {"share", "double precision"}, {"amount", "numeric"}, {"name", "text"},
		{"data", "bytea"}, {"day", "date"}, {"clock", "time"}, {"moment", "timestamp"}, {"instant", "timestamptz"},
		{"document", "jsonb"}
	};
	const NullOptions *options = session->options;
	CkStatus	status;

	status = ck_table(session, catalog, "null", "numbers", "table", "rows that are made up", options->rows, -1);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) && status == CK_OK; i++)
		status = ck_column(session, catalog, columns[i].name, columns[i].type, columns[i].type, false, NULL, NULL);
	if (status == CK_OK)
		status = ck_key(session, catalog, "numbers_key", 'u', "id");
	return status;
}

/* Takes the rows of a change, so many as there are parentheses in VALUES, and forgets them. */
static CkStatus
null_change(CkScan *scan)
{
	NullScan   *null = scan->state;
	const char *values = strstr(scan->remote, " VALUES ");
	int64_t		rows = 0;
	CkStatus	status = null_trouble(scan, 0);

	for (const char *p = values; p && *p; p++)
		rows += *p == '(';
	if (!values)
		rows = 1;				/* of defaults alone */
	while (status == CK_OK && null->row < rows)
		status = null_trouble(scan, ++null->row);
	scan->affected = rows;
	return status;
}

/* Makes the letters that the texts of the scan are cut from. */
static CkStatus
null_scan_open(CkScan *scan)
{
	const NullOptions *options = scan->options;
	NullScan   *null = scan->state;
	size_t		size = (size_t) options->text_size + LETTERS;

	if (scan->flags & CK_SCAN_CHANGE)
		return null_change(scan);
	null->text = malloc(size);
	if (null->text == NULL)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < size; i++)
		null->text[i] = (char) ('a' + i % LETTERS);
	return null_trouble(scan, 0);
}

/* Puts the next row: each value follows from the row's number and the form that the column wants. */
static CkStatus
null_scan_next(CkScan *scan, CkRow *row)
{
	const NullOptions *options = scan->options;
	NullScan   *null = scan->state;
	int64_t		n = null->row + 1;
	CkStatus	status;

	if (n > options->rows || (scan->flags & CK_SCAN_CHANGE))
		return CK_END;
	status = null_trouble(scan, n);
	if (status != CK_OK)
		return status;
	null->row = n;
	if (options->null_every > 0 && n % options->null_every == 0)
		return CK_OK;			/* a column not put is NULL */

	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		switch (scan->columns[i].type)
		{
			case CK_BOOL:
				ck_put_bool(row, i, n % 2);
				break;
			case CK_INT64:
			case CK_UINT64:
			case CK_NUMERIC:
				ck_put_int64(row, i, n);
				break;
			case CK_FLOAT64:
			case CK_FLOAT32:
				ck_put_float64(row, i, (double) n / 2);
				break;
			case CK_TEXT:
				ck_put_text(row, i, null->text + n % LETTERS, (size_t) options->text_size);
				break;
			case CK_BYTES:
				ck_put_bytes(row, i, null->text + n % LETTERS, (size_t) options->text_size);
				break;
			case CK_DATE:
				ck_put_date(row, i, n % 36500);
				break;
			case CK_TIME:
				ck_put_time(row, i, n % 86400 * 1000000);
				break;
			case CK_TIMESTAMP:
				ck_put_timestamp(row, i, n % 3155760000 * 1000000);
				break;
			case CK_TIMESTAMPTZ:
				ck_put_timestamptz(row, i, n % 3155760000 * 1000000);
				break;
			case CK_JSON:
				ck_put_json(row, i, JSON_TEXT, sizeof(JSON_TEXT) - 1);
				break;
			default:
				break;			/* a type of which nothing is known here is NULL */
		}
	}
	return CK_OK;
}

/* Begins again with the first row. */
static CkStatus
null_scan_rescan(CkScan *scan)
{
	((NullScan *) scan->state)->row = 0;
	return scan->flags & CK_SCAN_CHANGE ? null_change(scan) : null_trouble(scan, 0);
}

/* Frees what scan_open allocated, if it got that far. */
static void
null_scan_close(CkScan *scan)
{
	free(((NullScan *) scan->state)->text);
}

/* Changes are written in SQL, of which this dialect understands INSERT. */
static const CkSqlRule null_rules[] = {{.what = NULL}};
static const CkSql null_sql = {
	.quote = '"',
	.rules = null_rules,
	.limits = {.nan = true, .infinite_time = true},
};

static const CkConnector null_connector = {
	.abi = CK_ABI,
	.caps = CK_DISCOVER | CK_READ | CK_MULTI | CK_WRITE,
	.atomicity = CK_BEST_EFFORT,
	.name = "null",
	.title = "generated rows",
	.version = "1.0",
	.options = null_options,
	.options_size = sizeof(NullOptions),
	.session_size = sizeof(NullSession),
	.scan_size = sizeof(NullScan),
	.sql = &null_sql,
	.session_open = null_session_open,
	.session_close = null_session_close,
	.session_check = null_session_check,
	.discover = null_discover,
	.scan_open = null_scan_open,
	.scan_next = null_scan_next,
	.scan_rescan = null_scan_rescan,
	.scan_close = null_scan_close,
};

const CkConnector *
connkit_connector(void)
{
	return &null_connector;
}
