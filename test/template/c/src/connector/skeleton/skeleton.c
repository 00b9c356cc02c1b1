/*
 * skeleton.c: the connector skeleton, as it was begun: its table counts. docs/writing-a-connector.md says what comes in its
 * place.
 */
#include "connkit.h"

#include <stdio.h>
#include <string.h>

/* What the options become: server's, user mapping's and table's, later over earlier. */
typedef struct SkeletonOptions
{
	int64_t		rows;
} SkeletonOptions;

/* One connection. */
typedef struct SkeletonSession
{
	bool		opened;
} SkeletonSession;

/* One scan. */
typedef struct SkeletonScan
{
	int64_t		row;			/* number of the last row put, from 1 */
	char		text[32];		/* its value that lives until the next */
} SkeletonScan;

static const CkOption skeleton_options[] = {
	{.name = "rows", .type = CK_OPT_INTEGER, .where = CK_ON_SERVER | CK_ON_TABLE, .offset = offsetof(SkeletonOptions, rows),
		.initial = "1000", .max = INT64_MAX, .help = "rows of the table"},
	{.name = NULL}
};

static const char *const columns[][2] = {{"id", "integer"}, {"v", "text"}};

/* Opens a connection. */
static CkStatus
skeleton_session_open(CkSession *session)
{
	SkeletonSession *skeleton = session->state;

	ck_stage(session, CK_STAGE_CONNECT, "nothing to connect to");
	skeleton->opened = true;
	return CK_OK;
}

/* Closes it, if it was opened. */
static void
skeleton_session_close(CkSession *session)
{
	SkeletonSession *skeleton = session->state;

	skeleton->opened = false;
}

/* Tells connkit_test() about a working connection. */
static CkStatus
skeleton_session_check(CkSession *session)
{
	ck_stage(session, CK_STAGE_QUERY, NULL);
	ck_server_version(session, "skeleton 1.0");
	ck_stage(session, CK_STAGE_PRIVILEGES, "there is nothing that could be written");
	return CK_OK;
}

/* Lists the one table. */
static CkStatus
skeleton_discover(CkSession *session, CkCatalog *catalog)
{
	const SkeletonOptions *options = session->options;
	CkStatus	status = ck_table(session, catalog, "skeleton", "numbers", "table", "counts", options->rows, -1);

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) && status == CK_OK; i++)
		status = ck_column(session, catalog, columns[i][0], columns[i][1], columns[i][1], i == 0, NULL, NULL);
	if (status == CK_OK)
		status = ck_key(session, catalog, "numbers_key", 'p', "id");
	return status;
}

/* Asks for rows: here, sees that there are such columns. */
static CkStatus
skeleton_scan_open(CkScan *scan)
{
	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		const char *name = scan->columns[i].name;

		if (strcmp(name, columns[0][0]) != 0 && strcmp(name, columns[1][0]) != 0)
		{
			ck_fail(scan->session, CK_ERR_NOT_FOUND, "the table has no column \"%s\"", name);
			ck_hint(scan->session, "connkit_discover() lists its columns; the column's option column_name says which it is.");
			return CK_ERR_NOT_FOUND;
		}
	}
	return CK_OK;
}

/* Puts the next row. */
static CkStatus
skeleton_scan_next(CkScan *scan, CkRow *row)
{
	const SkeletonOptions *options = scan->options;
	SkeletonScan *skeleton = scan->state;

	if (skeleton->row >= options->rows)
		return CK_END;
	skeleton->row++;
	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		if (strcmp(scan->columns[i].name, "id") == 0)
			ck_put_int64(row, i, skeleton->row);
		else
		{
			int			size = snprintf(skeleton->text, sizeof(skeleton->text), "row %lld", (long long) skeleton->row);

			ck_put_text(row, i, skeleton->text, (size_t) size);
		}
	}
	return CK_OK;
}

/* Frees what scan_open allocated, if it got that far. */
static void
skeleton_scan_close(CkScan *scan)
{
	memset(scan->state, 0, sizeof(SkeletonScan));
}

static const CkConnector skeleton_connector = {
	.abi = CK_ABI,
	.caps = CK_DISCOVER | CK_READ | CK_MULTI,
	.name = "skeleton",
	.title = "skeleton",
	.version = "1.0",
	.options = skeleton_options,
	.options_size = sizeof(SkeletonOptions),
	.session_size = sizeof(SkeletonSession),
	.scan_size = sizeof(SkeletonScan),
	.session_open = skeleton_session_open,
	.session_close = skeleton_session_close,
	.session_check = skeleton_session_check,
	.discover = skeleton_discover,
	.scan_open = skeleton_scan_open,
	.scan_next = skeleton_scan_next,
	.scan_close = skeleton_scan_close,
};

const CkConnector *
connkit_connector(void)
{
	return &skeleton_connector;
}
