/*
 * scan.c: reads rows in binary: a whole result by COPY, everything else, and changes, by statements with arguments.
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>

/* A statement that gave no more rows than this last time needs no savepoint to be stopped: the rest is read. */
#define SMALL_ROWS 1000

/* Rows asked of libpq at once, where it can do more than one. */
#define CHUNK_ROWS 256

/* Gives a statement up; the source is told in the next round trip. */
void
postgres_statement_drop(void *owner, void *stmt)
{
	PgSession  *pg = owner;
	PgStatement *statement = stmt;

	for (int i = 0; i < pg->length; i++)
	{
		if (pg->queue[i].statement == statement)
			pg->queue[i].statement = NULL;
	}
	/* out of memory, the source keeps it until the session ends: no harm */
	if (statement->prepared == pg->connection && !pg->broken)
		(void) postgres_enqueue(pg, pg->length, (PgCommand) {.kind = PG_DEALLOCATE, .number = statement->number});
	free(statement->sql);
	free(statement);
}

/* The session's statement for the scan's SQL, in use by this scan; NULL when out of memory. */
static PgStatement *
postgres_statement_get(PgSession *pg, const char *sql)
{
	PgStatement *statement = ck_stmt_cache_get(pg->statements, sql);

	if (statement)
		return statement;
	statement = calloc(1, sizeof(*statement));
	if (!statement || !(statement->sql = strdup(sql)))
	{
		free(statement);
		return NULL;
	}
	(void) ck_stmt_cache_put(pg->statements, sql, statement);
	return statement;
}

/* Copies the scan's arguments to where libpq wants them. */
static CkStatus
postgres_bind(CkScan *scan)
{
	PgScan	   *s = scan->state;
	size_t		size = scan->nargs * (sizeof(char *) + 2 * sizeof(int));
	char	   *bytes;

	for (uint32_t i = 0; i < scan->nargs; i++)
		size += (size_t) scan->args[i].size + 1;
	if (size > s->block_size)
	{
		free(s->block);
		s->block = malloc(size);
		s->block_size = s->block ? size : 0;
		if (!s->block)
			return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	}
	s->values = s->block;
	s->lengths = (int *) (s->values + scan->nargs);
	s->formats = s->lengths + scan->nargs;
	bytes = (char *) (s->formats + scan->nargs);
	for (uint32_t i = 0; i < scan->nargs; i++)
	{
		const CkValue *arg = &scan->args[i];

		if (arg->type != CK_NULL && arg->type != CK_NATIVE && arg->type != CK_TEXT)
			return ck_fail(scan->session, CK_ERR_INTERNAL, "argument %u has neither text nor binary form", i + 1);
		s->values[i] = arg->type == CK_NULL ? NULL : bytes;
		s->lengths[i] = (int) arg->size;
		s->formats[i] = arg->type == CK_NATIVE;
		if (arg->type != CK_NULL)
		{
			memcpy(bytes, arg->u.p, arg->size);
			bytes[arg->size] = '\0';
			bytes += arg->size + 1;
		}
	}
	return CK_OK;
}

/* Hands the scan's statement to libpq, by its name if the source has it or gets it on the way. */
static bool
postgres_send_statement(CkScan *scan, bool by_name)
{
	PgScan	   *s = scan->state;
	PGconn	   *conn = postgres_session(scan->session)->conn;
	char		name[16];

	snprintf(name, sizeof(name), "ck%d", s->statement->number);
	return by_name
		? PQsendQueryPrepared(conn, name, (int) scan->nargs, s->values, s->lengths, s->formats, 1)
		: PQsendQueryParams(conn, s->statement->sql, (int) scan->nargs, NULL, s->values, s->lengths, s->formats, 1);
}

/* Asks for the rows as they come, not for all of them at once. */
static bool
postgres_set_streaming(CkScan *scan)
{
	PGconn	   *conn = postgres_session(scan->session)->conn;

#ifdef LIBPQ_HAS_CHUNK_MODE
	return PQsetChunkedRowsMode(conn, scan->fetch_size ? (int) scan->fetch_size : CHUNK_ROWS);
#else
	return PQsetSingleRowMode(conn);
#endif
}

/* Sends the queue and the statement in one go. */
static bool
postgres_send_pipeline(CkScan *scan, bool by_name)
{
	PgSession  *pg = postgres_session(scan->session);
	PGconn	   *conn = pg->conn;

	if (!PQenterPipelineMode(conn))
		return false;
	for (int i = 0; i < pg->length; i++)
	{
		const PgCommand *command = &pg->queue[i];
		char		text[128];
		bool		sent;

		if (command->kind == PG_PREPARE)
		{
			snprintf(text, sizeof(text), "ck%d", command->statement->number);
			sent = PQsendPrepare(conn, text, command->statement->sql, 0, NULL);
		}
		else
		{
			postgres_command_text(pg, command, text, sizeof(text));
			sent = PQsendQueryParams(conn, text, 0, NULL, NULL, NULL, NULL, 0);
		}
		if (!sent)
			return false;
	}
	return postgres_send_statement(scan, by_name) && PQpipelineSync(conn);
}

/* Sends the scan's statement, and in front of it what waits in the queue. */
static CkStatus
postgres_scan_send(CkScan *scan)
{
	PgScan	   *s = scan->state;
	PgSession  *pg = postgres_session(scan->session);
	PgStatement *statement = s->statement;
	bool		by_name = statement && statement->known;
	bool		enough = true;
	bool		sent;
	int			unsent = 0;
	CkStatus	status = CK_OK;

	if (scan->insert)
	{
		status = postgres_load_judge(scan);
		if (status == CK_OK && s->load == PG_LOAD_FITS)
			return postgres_load_send(scan);
		if (status != CK_OK)
			return status;
	}
	postgres_order_queue(pg);
	pg->changing = (scan->flags & (CK_SCAN_CHANGE | CK_SCAN_LOCK)) != 0;
	pg->undone = pg->in_transaction && (scan->flags & CK_SCAN_UNDO);
	if (pg->undone || (pg->in_transaction && !pg->changing && !(statement && statement->small)))
	{
		enough = postgres_enqueue(pg, pg->length, (PgCommand) {.kind = PG_SAVEPOINT, .number = PG_GUARD}) &&
			(!pg->undone || postgres_enqueue(pg, pg->length, (PgCommand) {.kind = PG_FORBID}));
		pg->guarded = enough;
	}
	if (enough && by_name && statement->prepared != pg->connection)
	{
		statement->number = ++pg->last_number;
		enough = postgres_enqueue(pg, pg->length, (PgCommand) {.kind = PG_PREPARE, .statement = statement});
	}
	if (!enough)
	{
		pg->broken = true;
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	}

	pg->sent = pg->length;
	pg->done = 0;
	pg->scan = scan;
	pg->busy = true;
	s->started = false;
	s->rows = 0;
	if (!statement)
		sent = postgres_send_copy(scan);
	else if (pg->length > 0)
		sent = postgres_send_pipeline(scan, by_name);
	else
		sent = postgres_send_statement(scan, by_name) && postgres_set_streaming(scan);
	if (!sent || (unsent = PQflush(pg->conn)) < 0)
		return postgres_lost(scan->session);
	if (statement)
		statement->known = true;
	scan->round_trips++;
	/* much data may not fit at once; the source begins with what it has */
	while (unsent > 0 && pg->changing && status == CK_OK)
	{
		status = postgres_wait(scan->session);
		unsent = status == CK_OK ? PQflush(pg->conn) : 0;
	}
	return unsent < 0 ? postgres_lost(scan->session) : status;
}

/* Makes the session ready for another statement. */
static CkStatus
postgres_scan_prepare(CkScan *scan)
{
	PgSession  *pg = postgres_session(scan->session);
	CkStatus	status;

	if (pg->broken)
		return ck_fail(scan->session, CK_ERR_LOST, "the connection was lost");
	status = postgres_stop(scan->session, false);
	return status == CK_OK ? postgres_settle(scan->session) : status;
}

CkStatus
postgres_scan_open(CkScan *scan)
{
	PgScan	   *s = scan->state;
	CkStatus	status = postgres_scan_prepare(scan);

	if (status != CK_OK)
		return status;
	if (!(scan->flags & CK_SCAN_WHOLE) || (scan->flags & CK_SCAN_CHANGE) || scan->nargs > 0)
	{
		s->statement = postgres_statement_get(postgres_session(scan->session), scan->remote);
		if (!s->statement)
			return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
		status = postgres_bind(scan);
	}
	return status == CK_OK ? postgres_scan_send(scan) : status;
}

/* Forgets the rows of an execution. */
static void
postgres_scan_clear(PgScan *s)
{
	PQclear(s->result);
	s->result = NULL;
	PQfreemem(s->message);
	s->message = NULL;
	s->p = s->end = NULL;
	s->header_read = false;
}

CkStatus
postgres_scan_rescan(CkScan *scan)
{
	CkStatus	status = postgres_scan_prepare(scan);

	postgres_scan_clear(scan->state);
	if (status == CK_OK && ((PgScan *) scan->state)->statement)
		status = postgres_bind(scan);
	return status == CK_OK ? postgres_scan_send(scan) : status;
}

void
postgres_scan_close(CkScan *scan)
{
	PgScan	   *s = scan->state;
	PgSession  *pg = postgres_session(scan->session);

	if (pg->scan == scan)
		pg->scan = NULL;
	if (s->statement && !ck_stmt_cache_unpin(pg->statements, s->statement))
		postgres_statement_drop(pg, s->statement);
	s->statement = NULL;
	postgres_scan_clear(s);
	free(s->block);
	free(s->carry);
	s->block = s->carry = NULL;
}

/* The transaction has done nothing but what went ahead of the statement at hand. */
static bool
postgres_scan_is_fresh(const PgSession *pg)
{
	return !pg->in_transaction || (pg->sent > 0 && pg->queue[0].kind == PG_BEGIN);
}

/* All that was sent in front of the statement is to be sent again, but for what the statement itself asked for. */
static void
postgres_scan_rewind(PgSession *pg)
{
	for (int i = pg->sent - 1; i >= 0; i--)
	{
		PgCommand  *command = &pg->queue[i];

		if (command->kind == PG_DEALLOCATE || command->kind == PG_PREPARE || command->kind == PG_FORBID ||
			(command->kind == PG_SAVEPOINT && command->number == PG_GUARD))
			postgres_dequeue(pg, i);
	}
	pg->sent = pg->done = 0;
	pg->guarded = false;
}

/*
 * Runs the statement once more on a new connection where the old one turns out to have been closed while it was idle,
 * which only its use can show. CK_END: that is not the trouble.
 */
static CkStatus
postgres_scan_reopen(CkScan *scan)
{
	PgSession  *pg = postgres_session(scan->session);
	CkStatus	status;

	if (!pg->proven || pg->done > 0 || !postgres_scan_is_fresh(pg) || (pg->changing && !pg->in_transaction))
		return CK_END;
	postgres_scan_rewind(pg);
	status = postgres_session_reopen(scan->session);
	if (status == CK_OK)
		status = postgres_settle(scan->session);
	return status == CK_OK ? postgres_scan_send(scan) : status;
}

/*
 * Runs the statement once more where its plan has become useless since it was prepared, which is possible as long as
 * the transaction has done nothing else. CK_END: that is not the trouble.
 */
static CkStatus
postgres_scan_retry(CkScan *scan, const PGresult *result)
{
	PgScan	   *s = scan->state;
	PgSession  *pg = postgres_session(scan->session);
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool		unknown = sqlstate && strcmp(sqlstate, "26000") == 0;
	CkStatus	status;

	if (!s->statement || s->stale || s->load == PG_LOAD_FITS || s->statement->prepared != pg->connection || !sqlstate ||
		(!unknown && strcmp(sqlstate, "0A000") != 0))
		return CK_END;
	s->statement->prepared = 0;
	s->stale = true;
	if (!unknown &&
		!postgres_enqueue(pg, pg->length, (PgCommand) {.kind = PG_DEALLOCATE, .number = s->statement->number}))
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	if (!postgres_scan_is_fresh(pg))
		return CK_END;
	status = postgres_finish(scan->session, true);
	if (status != CK_OK)
		return status;

	postgres_scan_rewind(pg);
	if (PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
	{
		status = postgres_send(scan->session, "ROLLBACK");
		if (status == CK_OK)
			status = postgres_settle(scan->session);
		scan->round_trips++;
	}
	return status == CK_OK ? postgres_scan_send(scan) : status;
}

/* Whether the source refused the statement since what it reads has no columns to tell rows apart by, as a view has none. */
static bool
postgres_misses_row_id(const CkScan *scan, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool		wanted = false;

	for (uint32_t i = 0; i < scan->ncolumns; i++)
		wanted |= strcmp(scan->columns[i].name, "ctid") == 0 || strcmp(scan->columns[i].name, "tableoid") == 0;
	return wanted && sqlstate && strcmp(sqlstate, "42703") == 0;
}

/* Waits for the statement's own first result; what was sent in front of it is done by then. */
static CkStatus
postgres_scan_wait(CkScan *scan)
{
	PgScan	   *s = scan->state;
	PgSession  *pg = postgres_session(scan->session);
	ExecStatusType kind;
	CkStatus	status;

	do
	{
		status = postgres_acknowledge(scan->session);
		if (status == CK_OK && PQpipelineStatus(pg->conn) != PQ_PIPELINE_OFF)
		{
			/* the NULL behind the last command's result; then the statement is at hand */
			status = postgres_result(scan->session, &s->result);
			PQclear(s->result);
			s->result = NULL;
			if (status == CK_OK && !postgres_set_streaming(scan))
				status = postgres_lost(scan->session);
		}
		if (status == CK_OK)
			status = postgres_result(scan->session, &s->result);
		if (status != CK_OK)
			return status;
		kind = PQresultStatus(s->result);
		if (kind != PGRES_FATAL_ERROR)
			break;
		status = postgres_scan_retry(scan, s->result);
		if (status == CK_OK)
			PQclear(s->result);
	} while (status == CK_OK);

	if (kind == PGRES_FATAL_ERROR)
	{
		PGresult   *result = s->result;
		bool		no_row_id = postgres_misses_row_id(scan, result);

		s->result = NULL;
		status = postgres_refused(scan->session, result);
		if (no_row_id)
			ck_hint(scan->session, "The rows of a view have no place of their own: set the option key on the columns that tell "
					"them apart, by ALTER FOREIGN TABLE … ALTER COLUMN … OPTIONS (ADD key 'true').");
		if (s->stale)
			ck_hint(scan->session, "The table changed at the source. Run the transaction again.");
		return status;
	}
	if (kind == PGRES_COPY_IN || kind == PGRES_COPY_BOTH)
	{
		/* nothing would end that but the end of the connection */
		pg->broken = true;
		return ck_fail(scan->session, CK_ERR_PROTOCOL, "the source asks for data");
	}
	if (kind == PGRES_COPY_OUT && s->statement)
		return ck_fail(scan->session, CK_ERR_UNSUPPORTED, "the statement is a COPY, and sends no rows");
	s->started = true;
	s->next = 0;
	postgres_forget_done(pg);
	if (!s->statement)
	{
		PQclear(s->result);
		s->result = NULL;
	}
	if ((scan->flags & CK_SCAN_CHANGE) && (kind == PGRES_EMPTY_QUERY || kind == PGRES_COMMAND_OK))
		return CK_OK;
	if (kind == PGRES_EMPTY_QUERY || kind == PGRES_COMMAND_OK || (s->statement == NULL) != (kind == PGRES_COPY_OUT))
		return ck_fail(scan->session, CK_ERR_QUERY, "the statement gives no rows");
	return CK_OK;
}

static CkStatus
postgres_scan_start(CkScan *scan)
{
	CkStatus	status = postgres_load_end(scan->session);

	if (status == CK_OK)
		status = postgres_scan_wait(scan);
	if (status != CK_ERR_LOST)
		return status;
	status = postgres_scan_reopen(scan);
	if (status == CK_END)
		return CK_ERR_LOST;		/* told before */
	return status == CK_OK ? postgres_scan_wait(scan) : status;
}

/* The statement has ended: the session is ready for the next. */
CkStatus
postgres_scan_end(CkScan *scan)
{
	PgScan	   *s = scan->state;
	CkStatus	status = postgres_finish(scan->session, true);

	if (status == CK_OK)
		status = postgres_unguard(scan->session);
	postgres_session(scan->session)->proven = true;
	if (s->statement)
		s->statement->small = s->rows <= SMALL_ROWS;
	return status == CK_OK ? CK_END : status;
}

/*
 * Takes note of what a change has come to. The transaction and the settings of its session are not for a statement of
 * unknown kind: where it meddled with them, the session is of no more use.
 */
static CkStatus
postgres_scan_changed(CkScan *scan, PGresult *result)
{
	static const char *const meddling[] = {
		"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PREPARE", "DEALLOCATE", "SET", "RESET", "DISCARD", NULL
	};
	PgSession  *pg = postgres_session(scan->session);
	const char *tag = PQcmdStatus(result);
	const char *rows = PQcmdTuples(result);
	size_t		length = strcspn(tag, " ");

	if (*rows)
		scan->affected = strtoll(rows, NULL, 10);
	for (int i = 0; meddling[i]; i++)
	{
		if (strlen(meddling[i]) == length && strncmp(tag, meddling[i], length) == 0)
		{
			pg->broken = true;
			return ck_fail(scan->session, CK_ERR_UNSUPPORTED, "%s is not possible here: transactions and settings of the "
						   "source's session are connkit's", tag);
		}
	}
	return CK_OK;
}

/* The next row of a statement. */
static CkStatus
postgres_statement_next(CkScan *scan, CkRow *row)
{
	PgScan	   *s = scan->state;

	while (!s->result || s->next >= PQntuples(s->result))
	{
		bool		last = s->result && (postgres_is_good(s->result) ||
									PQresultStatus(s->result) == PGRES_EMPTY_QUERY);
		/* the last chunk of rows may have the tag in place of the end */
		CkStatus	status = s->result && (scan->flags & CK_SCAN_CHANGE) ? postgres_scan_changed(scan, s->result) : CK_OK;

		PQclear(s->result);
		s->result = NULL;
		s->next = 0;
		if (status != CK_OK)
			return status;
		if (last)
			return postgres_scan_end(scan);
		status = postgres_result(scan->session, &s->result);
		if (status != CK_OK)
			return status;
		if (!s->result)
			return postgres_lost(scan->session);
		if (PQresultStatus(s->result) == PGRES_FATAL_ERROR)
		{
			PGresult   *result = s->result;

			s->result = NULL;
			return postgres_refused(scan->session, result);
		}
	}
	if (PQnfields(s->result) != (int) scan->ncolumns && !((scan->flags & CK_SCAN_CHANGE) && scan->ncolumns == 0))
		return ck_fail(scan->session, CK_ERR_PROTOCOL, "the source sent %d columns where %u were asked for",
					   PQnfields(s->result), scan->ncolumns);
	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		if (PQgetisnull(s->result, s->next, (int) i))
			ck_put_null(row, i);
		else
		{
			uint32_t	size = (uint32_t) PQgetlength(s->result, s->next, (int) i);

			postgres_put(row, i, scan->columns[i].type, PQgetvalue(s->result, s->next, (int) i), size);
			scan->bytes += size;
		}
	}
	s->next++;
	s->rows++;
	return CK_OK;
}

bool
postgres_scan_pending(CkScan *scan, int *socket)
{
	PgScan	   *s = scan->state;
	PgSession  *pg = postgres_session(scan->session);

	*socket = PQsocket(pg->conn);
	return pg->scan == scan && !s->started && !pg->broken && PQflush(pg->conn) >= 0 && PQconsumeInput(pg->conn) &&
		PQisBusy(pg->conn);
}

CkStatus
postgres_scan_next(CkScan *scan, CkRow *row)
{
	PgScan	   *s = scan->state;

	if (postgres_session(scan->session)->scan != scan)
		return CK_END;
	if (!s->started)
	{
		CkStatus	status = postgres_scan_start(scan);

		if (status != CK_OK)
			return status;
	}
	return s->statement ? postgres_statement_next(scan, row) : postgres_copy_next(scan, row);
}
