/*
 * scan.c: runs requests as prepared statements in the binary protocol; rows come one at a time as the server sends them.
 */
#include "session.h"

#include <stdlib.h>

/* A row is a packet of at most this many bytes, and so is a value. */
#define MAX_VALUE (1024UL * 1024 * 1024)

/* Gives the scan's statement back. */
static void
scan_release(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	MysqlSession *state = scan->session->state;

	if (!own->stmt)
		return;
	if (own->cached)
		ck_stmt_cache_unpin(state->statements, own->stmt);
	else
		mysql_stmt_close(own->stmt);
	own->stmt = NULL;
}

/*
 * A statement for the scan's request: one that is prepared already, or a new one. CK_END: the source refused it, its
 * error is in the statement.
 */
static CkStatus
scan_prepare(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;
	MysqlSession *state = session->state;
	const char *sql = own->plain ? own->plain : scan->remote;
	CkStatus	status;

	own->stmt = ck_stmt_cache_get(state->statements, sql);
	own->cached = own->stmt != NULL;
	if (own->stmt)
		return CK_OK;
	own->stmt = mysql_stmt_init(state->mysql);
	if (!own->stmt)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	state->active = own->stmt;
	scan->round_trips++;
	status = call_prepare(session, own->stmt, sql);
	if (status != CK_OK)
		return status;
	state->active = NULL;
	if (state->result != 0)
		return CK_END;
	/* what RETURNING gives is not known before the statement has run */
	if (!(scan->flags & CK_SCAN_CHANGE) &&
		(mysql_stmt_field_count(own->stmt) < scan->ncolumns || mysql_stmt_field_count(own->stmt) == 0))
		return ck_fail(session, CK_ERR_QUERY, "the query gives %u columns instead of %u",
					   mysql_stmt_field_count(own->stmt), scan->ncolumns);
	own->cached = ck_stmt_cache_put(state->statements, sql, own->stmt);
	return CK_OK;
}

/* Where a string, or an identifier in quotes, ends; behind its closing quote. */
static const char *
scan_skip_quoted(const char *sql)
{
	char		quote = *sql++;

	while (*sql && *sql != quote)
		sql++;
	return *sql ? sql + 1 : sql;
}

/*
 * Makes the request without what only serves an index. CK_END: there is nothing of that kind in it.
 */
static CkStatus
scan_make_plain(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	const char *sql = scan->remote;
	int			hints = 0;			/* that the place is within: what is compared may hold a comparison */
	uint32_t	arg = 0;
	size_t		used = 0;

	if (own->plain || !strstr(sql, HINT_BEGIN))
		return CK_END;
	own->plain = malloc(strlen(sql) + 1);
	own->places = calloc((size_t) scan->nargs + 1, sizeof(uint32_t));
	if (!own->plain || !own->places)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	while (*sql)
	{
		const char *next = sql + 1;

		if (*sql == '\'' || *sql == '"' || *sql == '`')
			next = scan_skip_quoted(sql);
		else if (strncmp(sql, HINT_BEGIN, strlen(HINT_BEGIN)) == 0)
			hints++;
		else if (hints > 0 && strncmp(sql, HINT_END, strlen(HINT_END)) == 0)
			hints--;
		else if (*sql == '?' && arg < scan->nargs)
		{
			if (hints == 0)
				own->places[own->nplaces++] = arg;
			arg++;
		}
		if (hints == 0)
		{
			memcpy(own->plain + used, sql, (size_t) (next - sql));
			used += (size_t) (next - sql);
		}
		sql = next;
	}
	own->plain[used] = '\0';
	return CK_OK;
}

/* Whether the source refused to compare values that it cannot convert into each other. */
static bool
scan_refused(MYSQL_STMT *stmt)
{
	switch (mysql_stmt_errno(stmt))
	{
		case ER_CANT_AGGREGATE_2COLLATIONS:
		case ER_CANT_AGGREGATE_3COLLATIONS:
		case ER_CANT_AGGREGATE_NCOLLATIONS:
		case ER_INVALID_CHARACTER_STRING:
		case ER_WRONG_VALUE:
		case ER_TRUNCATED_WRONG_VALUE:
		case ERROR_CANNOT_CONVERT_MYSQL:
		case ERROR_ILLEGAL_TYPES_MARIADB:
			return true;
		default:
			return false;
	}
}

/* Binds the scan's arguments. */
static CkStatus
scan_bind_arguments(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;
	uint32_t	count = own->plain ? own->nplaces : scan->nargs;

	if (mysql_stmt_param_count(own->stmt) != count)
		return ck_fail(session, CK_ERR_QUERY, "the query has %lu placeholders for %u values",
					   mysql_stmt_param_count(own->stmt), count);
	if (count == 0)
		return CK_OK;
	if (own->nparams < count)
	{
		free(own->params);
		free(own->arguments);
		own->params = calloc(count, sizeof(MYSQL_BIND));
		own->arguments = calloc(count, sizeof(Argument));
		own->nparams = own->params && own->arguments ? count : 0;
		if (own->nparams == 0)
			return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	}
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t	arg = own->plain ? own->places[i] : i;
		const MysqlBits *bits = own->table ? change_bits(scan, arg) : NULL;
		CkStatus	status = bits ?
			argument_bind_bits(session, &scan->args[arg], bits, &own->arguments[i], &own->params[i]) :
			argument_bind(session, &scan->args[arg], &own->arguments[i], &own->params[i]);

		if (status != CK_OK)
			return status;
	}
	if (mysql_stmt_bind_param(own->stmt, own->params))
		return call_fail_stmt(session, own->stmt);
	return scan->flags & CK_SCAN_CHANGE ? change_check_size(scan, own->params, count) : CK_OK;
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
	if (count < scan->ncolumns)
	{
		mysql_free_result(meta);
		return ck_fail(session, CK_ERR_QUERY, "the statement gives %u columns instead of %u", count, scan->ncolumns);
	}
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

/* Runs the statement with the scan's arguments. CK_END: the source refused it, its error is in the statement. */
static CkStatus
scan_execute(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;
	MysqlSession *state = session->state;
	CkStatus	status = scan_bind_arguments(scan);

	if (status != CK_OK)
		return status;
	state->active = own->stmt;
	state->used = state->in_transaction;
	scan->round_trips++;
	status = call_execute(session, own->stmt);
	if (status != CK_OK)
		return status;
	if (state->result == 0 && mysql_stmt_field_count(own->stmt) > 0)
		return scan_bind_columns(scan);
	state->active = NULL;
	if (state->result != 0)
		return CK_END;
	own->ended = true;
	scan->affected = (int64_t) mysql_stmt_affected_rows(own->stmt);
	return change_end(scan, mysql_warning_count(state->mysql), state->mysql->server_status);
}

/* Tells the error of the scan's statement. */
static CkStatus
scan_fail_stmt(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	CkStatus	status = call_fail_stmt(scan->session, own->stmt);

	if (mysql_stmt_errno(own->stmt) == ER_PARSE_ERROR && strstr(scan->remote, " OVER ("))
		ck_hint(scan->session, "MySQL has window functions from 8.0 on: with the server's option window_functions 'false' they "
				"are computed here.");
	return session_after_failure(scan->session, status);
}

/* Has the request run, in its plain form where the source refuses the other. */
static CkStatus
scan_run(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;
	CkStatus	status = call_settle(session);

	own->ended = false;
	own->rows = 0;
	if (status == CK_OK && ((MysqlSession *) session->state)->rolled_back)
		status = ck_fail(session, CK_ERR_LOST, "the source has rolled the transaction back");
	/* a scan without a transaction around it is one */
	if (status == CK_OK && !((MysqlSession *) session->state)->in_transaction)
		status = session_autocommit(session, true);
	if (status == CK_OK)
		status = session_unguard(session);
	if (status == CK_OK && (scan->flags & CK_SCAN_UNDO) && ((MysqlSession *) session->state)->in_transaction)
		status = session_guard(session);
	if (status == CK_OK && (scan->flags & CK_SCAN_CHANGE))
		status = change_begin(scan);
	if (status == CK_OK)
		status = concat_begin(scan, &own->concat);
	while (status == CK_OK)
	{
		if (!own->stmt)
			status = scan_prepare(scan);
		if (status == CK_OK)
			status = scan_execute(scan);
		if (status != CK_END)
			break;
		if (change_skips(scan, own->stmt))
		{
			own->ended = true;
			scan->affected = 0;
			return CK_OK;
		}
		if (scan_refused(own->stmt))
			status = scan_make_plain(scan);
		if (status == CK_END)
			return scan_fail_stmt(scan);
		scan_release(scan);
	}
	return status;
}

CkStatus
mysql_scan_open(CkScan *scan)
{
	return scan_run(scan);
}

CkStatus
mysql_scan_rescan(CkScan *scan)
{
	return scan_run(scan);
}

/* Whether a value lies within what was received: the library copies as many bytes as the source says there are. */
static bool
scan_holds(MysqlScan *own, uint32_t column, unsigned long length)
{
#ifdef LIBRARY_NONBLOCKING
	const unsigned char *value = own->stmt->bind[column].u.row_ptr;
	const unsigned char *end = own->stmt->mysql->net.buff_end;
	unsigned long prefix = length <= 250 ? 1 : length <= 0xffff ? 3 : length <= 0xffffff ? 4 : 9;

	return value && value < end && length <= MAX_VALUE && prefix + length <= (unsigned long) (end - value);
#else
	return length <= MAX_VALUE;
#endif
}

/* A value's length is a lie: nothing more can be had by this connection. */
static CkStatus
scan_fail_length(CkScan *scan, const Cell *cell)
{
	((MysqlSession *) scan->session->state)->broken = true;
	return ck_fail(scan->session, CK_ERR_PROTOCOL, "column \"%s\": the value is longer than the row", cell->name);
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
		if (!scan_holds(own, i, cell->length))
			return scan_fail_length(scan, cell);
		if (!cell_grow(cell, &own->binds[i]))
			return ck_fail(session, CK_ERR_MEMORY, "out of memory");
		bind = own->binds[i];
		if (mysql_stmt_fetch_column(own->stmt, &bind, i, 0) != 0)
			return call_fail_stmt(session, own->stmt);
	}
	/* not now: some versions of the library forget the lengths of the row at hand then */
	own->grown = true;
	return CK_OK;
}

/* All rows are here. */
static CkStatus
scan_end(CkScan *scan)
{
	MysqlScan  *own = scan->state;
	MYSQL	   *mysql = ((MysqlSession *) scan->session->state)->mysql;
	unsigned int warnings = mysql_warning_count(mysql);
	unsigned int server_status = mysql->server_status;
	CkStatus	status;

	if (!(scan->flags & CK_SCAN_CHANGE) && !own->concat)
		return CK_END;
#ifdef LIBRARY_NONBLOCKING
	/* the library forgets what the packet behind the last row says */
	if (mysql->net.read_pos[0] == 0xfe)
	{
		warnings = mysql->net.read_pos[1] | mysql->net.read_pos[2] << 8;
		server_status = mysql->net.read_pos[3] | mysql->net.read_pos[4] << 8;
	}
#endif
	if (server_status & STATUS_MORE_RESULTS)
	{
		((MysqlSession *) scan->session->state)->broken = true;
		return ck_fail(scan->session, CK_ERR_UNSUPPORTED, "the statement gives several results");
	}
	if (!(scan->flags & CK_SCAN_CHANGE))
	{
		status = warnings > 0 ? concat_end(scan) : CK_OK;
		return status == CK_OK ? CK_END : status;
	}
	scan->affected = (int64_t) own->rows;
	status = change_end(scan, warnings, server_status);
	return status == CK_OK ? CK_END : status;
}

CkStatus
mysql_scan_next(CkScan *scan, CkRow *row)
{
	MysqlScan  *own = scan->state;
	CkSession  *session = scan->session;
	MysqlSession *state = session->state;
	CkStatus	status;

	if (own->ended)
		return CK_END;
	if (own->grown && mysql_stmt_bind_result(own->stmt, own->binds))
		return call_fail_stmt(session, own->stmt);
	own->grown = false;
	status = call_fetch(session, own->stmt);
	if (status != CK_OK)
		return status;
	if (state->result == MYSQL_DATA_TRUNCATED)
		status = scan_refetch(scan);
	else if (state->result != 0)
	{
		state->active = NULL;
		if (state->result == MYSQL_NO_DATA)
			return scan_end(scan);
		/* of an INSERT with RETURNING the error comes where its row would be */
		if (own->rows > 0 || !change_skips(scan, own->stmt))
			return scan_fail_stmt(scan);
		own->ended = true;
		scan->affected = 0;
		return CK_END;
	}
	own->rows++;
	scan->bytes += own->fixed_bytes;
	for (uint32_t i = 0; status == CK_OK && i < scan->ncolumns; i++)
	{
		Cell	   *cell = &own->cells[i];

		/* some versions of the library take the mark of NULL for the length of what is not NULL */
		if (cell->buffer && !cell->null && cell->length > cell->size)
			return scan_fail_length(scan, cell);
		if (own->concat && cell->buffer && !cell->null && cell->length >= ((MysqlSession *) session->state)->max_packet)
			return concat_fail(scan);
		scan->bytes += cell->length;
		status = cell_put(session, cell, row, i);
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
	scan_release(scan);
	for (uint32_t i = 0; i < own->ncells; i++)
		cell_free(&own->cells[i]);
	free(own->plain);
	free(own->places);
	free(own->cells);
	free(own->binds);
	free(own->params);
	free(own->arguments);
	memset(own, 0, sizeof(*own));
}
