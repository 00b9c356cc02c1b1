/*
 * scan.c: reads rows by prepared statements in the binary protocol, one at a time as the server sends them.
 */
#include "session.h"

#include <stdlib.h>

/* A statement for the scan's request: one that is prepared already, or a new one. */
static CkStatus
scan_prepare(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;
	MysqlSession *state = session->state;
	CkStatus	status;

	own->stmt = ck_stmt_cache_get(state->statements, scan->remote);
	own->cached = own->stmt != NULL;
	if (own->stmt)
		return CK_OK;
	own->stmt = mysql_stmt_init(state->mysql);
	if (!own->stmt)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	state->active = own->stmt;
	scan->round_trips++;
	status = call_prepare(session, own->stmt, scan->remote);
	if (status != CK_OK)
		return status;
	state->active = NULL;
	if (state->result != 0)
		return call_fail_stmt(session, own->stmt);
	if (mysql_stmt_field_count(own->stmt) < scan->ncolumns || mysql_stmt_field_count(own->stmt) == 0)
		return ck_fail(session, CK_ERR_QUERY, "the query gives %u columns instead of %u",
					   mysql_stmt_field_count(own->stmt), scan->ncolumns);
	own->cached = ck_stmt_cache_put(state->statements, scan->remote, own->stmt);
	return CK_OK;
}

/* Binds the scan's arguments; texts as bytes where the source could not compare them as text. */
static CkStatus
scan_bind_arguments(CkScan *scan, bool text_as_bytes)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;

	if (mysql_stmt_param_count(own->stmt) != scan->nargs)
		return ck_fail(session, CK_ERR_QUERY, "the query has %lu placeholders for %u values",
					   mysql_stmt_param_count(own->stmt), scan->nargs);
	if (scan->nargs == 0)
		return CK_OK;
	if (own->nparams < scan->nargs)
	{
		free(own->params);
		free(own->arguments);
		own->params = calloc(scan->nargs, sizeof(MYSQL_BIND));
		own->arguments = calloc(scan->nargs, sizeof(Argument));
		own->nparams = own->params && own->arguments ? scan->nargs : 0;
		if (own->nparams == 0)
			return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	}
	for (uint32_t i = 0; i < scan->nargs; i++)
	{
		CkStatus	status = argument_bind(session, &scan->args[i], &own->arguments[i], &own->params[i]);

		if (status != CK_OK)
			return status;
		if (text_as_bytes && scan->args[i].type == CK_TEXT)
			own->params[i].buffer_type = MYSQL_TYPE_BLOB;
	}
	if (mysql_stmt_bind_param(own->stmt, own->params))
		return call_fail_stmt(session, own->stmt);
	return CK_OK;
}

/*
 * Binds the columns of the result. Their types are looked up after each execution, since a cached statement outlives a
 * change of its table.
 */
static CkStatus
scan_bind_columns(CkScan *scan)
{
	const MysqlOptions *options = scan->session->options;
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;
	uint32_t	count = mysql_stmt_field_count(own->stmt);
	MYSQL_RES  *meta = mysql_stmt_result_metadata(own->stmt);
	CkStatus	status = CK_OK;

	if (!meta)
		return call_fail_stmt(session, own->stmt);
	if (own->ncells == 0)
	{
		own->binds = calloc(count, sizeof(MYSQL_BIND));
		own->cells = calloc(count, sizeof(Cell));
		own->ncells = own->binds && own->cells ? count : 0;
	}
	if (own->ncells != count)
		status = ck_fail(session, CK_ERR_MEMORY, "out of memory");
	own->fixed_bytes = 5 + (count + 9) / 8;
	for (uint32_t i = 0; status == CK_OK && i < count; i++)
		status = cell_init(session, &own->cells[i], i < scan->ncolumns ? &scan->columns[i] : NULL,
						   mysql_fetch_field_direct(meta, i), &own->binds[i],
						   strcmp(options->zero_date, "null") == 0);
	mysql_free_result(meta);
	if (status == CK_OK && mysql_stmt_bind_result(own->stmt, own->binds))
		status = call_fail_stmt(session, own->stmt);
	return status;
}

/* Whether the source refused because a column's character set lacks a character of an argument. */
static bool
scan_refused_text(CkScan *scan)
{
	switch (mysql_stmt_errno(((MysqlScan *) scan->state)->stmt))
	{
		case ER_CANT_AGGREGATE_2COLLATIONS:
		case ER_CANT_AGGREGATE_3COLLATIONS:
		case ER_CANT_AGGREGATE_NCOLLATIONS:
		case ERROR_CANNOT_CONVERT_MYSQL:
			break;
		default:
			return false;
	}
	for (uint32_t i = 0; i < scan->nargs; i++)
		if (scan->args[i].type == CK_TEXT)
			return true;
	return false;
}

/* Runs the statement with the scan's arguments. */
static CkStatus
scan_execute(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;
	MysqlSession *state = session->state;
	bool		text_as_bytes = false;

	for (;;)
	{
		CkStatus	status = scan_bind_arguments(scan, text_as_bytes);

		if (status != CK_OK)
			return status;
		state->active = own->stmt;
		state->used = true;
		scan->round_trips++;
		status = call_execute(session, own->stmt);
		if (status != CK_OK)
			return status;
		if (state->result == 0)
			return scan_bind_columns(scan);
		state->active = NULL;
		if (text_as_bytes || !scan_refused_text(scan))
			return call_fail_stmt(session, own->stmt);
		text_as_bytes = true;
	}
}

CkStatus
mysql_scan_open(CkScan *scan)
{
	CkStatus	status = call_settle(scan->session);

	if (status == CK_OK)
		status = scan_prepare(scan);
	if (status == CK_OK)
		status = scan_execute(scan);
	return status;
}

CkStatus
mysql_scan_rescan(CkScan *scan)
{
	CkStatus	status = call_settle(scan->session);

	return status == CK_OK ? scan_execute(scan) : status;
}

/* Reads what did not fit into the buffers, which are made bigger for the rows to come. */
static CkStatus
scan_refetch(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;

	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		Cell	   *cell = &own->cells[i];
		MYSQL_BIND	bind;

		if (!cell->truncated || cell->null)
			continue;
		if (!cell->buffer)
			return ck_fail(session, CK_ERR_DATA, "column \"%s\": the value does not fit its type", cell->name);
		if (!cell_grow(cell, &own->binds[i]))
			return ck_fail(session, CK_ERR_MEMORY, "out of memory");
		bind = own->binds[i];
		if (mysql_stmt_fetch_column(own->stmt, &bind, i, 0) != 0)
			return call_fail_stmt(session, own->stmt);
	}
	if (mysql_stmt_bind_result(own->stmt, own->binds))
		return call_fail_stmt(session, own->stmt);
	return CK_OK;
}

CkStatus
mysql_scan_next(CkScan *scan, CkRow *row)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;
	MysqlSession *state = session->state;
	CkStatus	status = call_fetch(session, own->stmt);

	if (status != CK_OK)
		return status;
	if (state->result == MYSQL_DATA_TRUNCATED)
		status = scan_refetch(scan);
	else if (state->result != 0)
	{
		state->active = NULL;
		if (state->result == MYSQL_NO_DATA)
			return CK_END;
		return call_fail_stmt(session, own->stmt);
	}
	scan->bytes += own->fixed_bytes;
	for (uint32_t i = 0; status == CK_OK && i < scan->ncolumns; i++)
	{
		scan->bytes += own->cells[i].length;
		status = cell_put(session, &own->cells[i], row, i);
	}
	return status;
}

void
mysql_scan_close(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	MysqlSession *state = scan->session->state;

	/* nobody stopped what is under way, so there is no more use for the connection */
	if (own->stmt && state->active == own->stmt)
	{
		call_abort(state);
		state->active = NULL;
	}
	if (own->stmt)
	{
		if (own->cached)
			ck_stmt_cache_unpin(state->statements, own->stmt);
		else
			mysql_stmt_close(own->stmt);
	}
	for (uint32_t i = 0; i < own->ncells; i++)
		cell_free(&own->cells[i]);
	free(own->cells);
	free(own->binds);
	free(own->params);
	free(own->arguments);
	memset(own, 0, sizeof(*own));
}
