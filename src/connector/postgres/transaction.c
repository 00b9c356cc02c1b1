/*
 * transaction.c: the source's side of the local transaction. Its commands wait in a queue, go ahead of the next
 * statement in the same round trip, and leave the queue when the source has done them.
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>

/* Puts a command into the queue; false when out of memory. */
bool
postgres_enqueue(PgSession *pg, int place, PgCommand command)
{
	if (pg->length == pg->room)
	{
		int			room = pg->room ? pg->room * 2 : 16;
		PgCommand  *queue = realloc(pg->queue, (size_t) room * sizeof(*queue));

		if (!queue)
			return false;
		pg->queue = queue;
		pg->room = room;
	}
	memmove(pg->queue + place + 1, pg->queue + place, (size_t) (pg->length - place) * sizeof(*pg->queue));
	pg->queue[place] = command;
	pg->length++;
	return true;
}

/* Takes a command out of the queue. */
void
postgres_dequeue(PgSession *pg, int place)
{
	pg->length--;
	memmove(pg->queue + place, pg->queue + place + 1, (size_t) (pg->length - place) * sizeof(*pg->queue));
}

/* Writes the SQL of a command; PG_PREPARE has none. As snprintf(). */
int
postgres_command_text(const PgSession *pg, const PgCommand *command, char *buffer, size_t size)
{
	switch (command->kind)
	{
		case PG_BEGIN:
			/* what may write is not said to: the source has the last word by default_transaction_read_only */
			return snprintf(buffer, size, "START TRANSACTION ISOLATION LEVEL %s%s",
							command->number & PG_SERIALIZABLE ? "SERIALIZABLE" : "REPEATABLE READ",
							command->number & PG_READ_ONLY ? ", READ ONLY" : "");
		case PG_EXPORT:
			return snprintf(buffer, size, "SELECT pg_catalog.pg_export_snapshot()");
		case PG_JOIN:
			return snprintf(buffer, size, "SET TRANSACTION SNAPSHOT '%s'", pg->snapshot);
		case PG_HURRY:
			return snprintf(buffer, size, "SET LOCAL lock_timeout = '%ds'", command->number);
		case PG_SAVEPOINT:
			return snprintf(buffer, size, "SAVEPOINT s%d", command->number);
		case PG_FORBID:
			return snprintf(buffer, size, "SET TRANSACTION READ ONLY");
		case PG_ROLLBACK_TO:
			return snprintf(buffer, size, "ROLLBACK TO SAVEPOINT s%d", command->number);
		case PG_RELEASE:
			return snprintf(buffer, size, "RELEASE SAVEPOINT s%d", command->number);
		case PG_DEALLOCATE:
			return snprintf(buffer, size, "DEALLOCATE ck%d", command->number);
		case PG_PREPARE:
			break;
	}
	return snprintf(buffer, size, "%s", "");
}

/* Takes note that the source has done the next of the commands sent. */
static CkStatus
postgres_command_done(CkSession *session, const PGresult *result)
{
	PgSession  *pg = postgres_session(session);
	PgCommand  *command = &pg->queue[pg->done++];

	if (command->kind == PG_PREPARE)
	{
		if (command->statement)
			command->statement->prepared = pg->connection;
	}
	else if (command->kind == PG_EXPORT)
	{
		const char *name = PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "";

		if (strlen(name) >= sizeof(pg->snapshot) || strspn(name, "0123456789ABCDEFabcdef-") != strlen(name))
			return ck_fail(session, CK_ERR_PROTOCOL, "the source exported a snapshot of an unusable name");
		strcpy(pg->snapshot, name);
	}
	return CK_OK;
}

/*
 * Takes what was done out of the queue once a statement has begun or failed, and what was meant for that statement
 * alone. The rest waits for the next.
 */
void
postgres_forget_done(PgSession *pg)
{
	int			done = pg->done;

	for (int i = pg->sent - 1; i >= 0; i--)
	{
		PgCommand  *command = &pg->queue[i];

		if (i >= done && command->kind == PG_SAVEPOINT && command->number == PG_GUARD)
			pg->guarded = false;
		else if (i >= done && command->kind != PG_PREPARE && command->kind != PG_FORBID)
			continue;
		postgres_dequeue(pg, i);
	}
	pg->sent = pg->done = 0;
}

/*
 * Reads and forgets the rest of a statement's results. CK_END: without wait, and the rest is not here yet.
 */
CkStatus
postgres_finish(CkSession *session, bool wait)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status = CK_OK;
	bool		ended = !pg->busy;
	bool		good = true;
	bool		nothing = false;

	if (!wait && !ended && !PQconsumeInput(pg->conn))
		return postgres_lost(session);
	while (!ended && status == CK_OK)
	{
		PGresult   *result;
		ExecStatusType kind;

		if (!wait && PQisBusy(pg->conn))
			return CK_END;
		status = postgres_result(session, &result);
		if (status != CK_OK)
			break;
		kind = PQresultStatus(result);
		if (!result)
		{
			/* a pipeline has one NULL behind each command, and more where replies are missing */
			ended = PQpipelineStatus(pg->conn) == PQ_PIPELINE_OFF;
			if (!ended && nothing)
				status = PQstatus(pg->conn) == CONNECTION_BAD ? postgres_lost(session) :
					ck_fail(session, CK_ERR_PROTOCOL, "the source left commands without a reply");
		}
		else if (kind == PGRES_COPY_IN || kind == PGRES_COPY_BOTH)
			status = ck_fail(session, CK_ERR_PROTOCOL, "the source asks for data");
		else if (kind == PGRES_PIPELINE_SYNC)
			ended = true;
		else if (kind == PGRES_COPY_OUT)
		{
			char	   *message;
			int			size;

			while (status == CK_OK && (size = PQgetCopyData(pg->conn, &message, 1)) >= 0)
			{
				if (size > 0)
					PQfreemem(message);
				else if (!wait)
					status = CK_END;
				else
					status = postgres_wait(session);
			}
			if (status == CK_OK && size == -2)
				status = postgres_lost(session);
		}
		else if (good && pg->done < pg->sent)
		{
			good = postgres_is_good(result);
			if (good)
				status = postgres_command_done(session, result);
		}
		nothing = result == NULL;
		PQclear(result);
		if (ended && status == CK_OK && PQstatus(pg->conn) == CONNECTION_BAD)
			status = postgres_lost(session);
	}
	if (status != CK_OK)
		return status;
	if (PQpipelineStatus(pg->conn) != PQ_PIPELINE_OFF && !PQexitPipelineMode(pg->conn))
		return postgres_lost(session);
	pg->busy = false;
	pg->scan = NULL;
	return CK_OK;
}

/* Puts an end to the savepoint of a statement that is over, ahead of all that came up meanwhile. */
CkStatus
postgres_unguard(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	bool		enough = true;

	if (!pg->guarded)
		return CK_OK;
	pg->guarded = false;
	enough = postgres_enqueue(pg, 0, (PgCommand) {.kind = PG_RELEASE, .number = PG_GUARD});
	if (enough && (pg->undone || PQtransactionStatus(pg->conn) == PQTRANS_INERROR))
		enough = postgres_enqueue(pg, 0, (PgCommand) {.kind = PG_ROLLBACK_TO, .number = PG_GUARD});
	return enough ? CK_OK : ck_fail(session, CK_ERR_MEMORY, "out of memory");
}

/* Ends a statement that failed, and tells its error, which it takes over. */
CkStatus
postgres_refused(CkSession *session, PGresult *result)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status = postgres_finish(session, true);

	if (status != CK_OK)
		pg->broken = true;
	else
	{
		postgres_forget_done(pg);
		status = postgres_unguard(session);
	}
	if (status != CK_ERR_CANCELLED)
		status = postgres_fail(session, result);
	PQclear(result);
	return status;
}

/* Waits until the source has done the commands that went ahead of a statement. */
CkStatus
postgres_acknowledge(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	bool		ended = false;

	while (pg->done < pg->sent)
	{
		PGresult   *result;
		CkStatus	status = postgres_result(session, &result);

		if (status != CK_OK)
			return status;
		if (!result)
		{
			/* between the commands of a pipeline; two in a row, or one elsewhere, are the end */
			if (ended || PQpipelineStatus(pg->conn) == PQ_PIPELINE_OFF)
			{
				pg->broken = true;
				return ck_fail(session, CK_ERR_PROTOCOL, "the source did not answer a command");
			}
			ended = true;
			continue;
		}
		ended = false;
		if (!postgres_is_good(result))
			return postgres_refused(session, result);
		status = postgres_command_done(session, result);
		PQclear(result);
		if (status != CK_OK)
			return status;
	}
	return CK_OK;
}

/*
 * Stops an unfinished statement: what is left of it is read where that is little; else the source is asked to stop.
 * Where the transaction has to live on, only a statement behind a savepoint may be stopped so. A change is stopped so always:
 * who gives it up rolls it back, and until then the source refuses everything else.
 */
CkStatus
postgres_stop(CkSession *session, bool transaction_ends)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status;

	if (pg->broken)
		return ck_fail(session, CK_ERR_LOST, "the connection was lost");
	if (!pg->busy)
		return CK_OK;
	pg->scan = NULL;
	/* what waits for rows hears of nothing else */
	if (pg->loading)
		(void) PQputCopyEnd(pg->conn, "the rows are given up");
	pg->loading = false;
	status = postgres_finish(session, false);
	if (status == CK_END)
	{
		status = CK_OK;
		if (transaction_ends || pg->guarded || pg->changing || !pg->in_transaction)
			status = postgres_send_cancel(session);
		if (status == CK_OK)
			status = postgres_finish(session, true);
	}
	if (status == CK_OK)
	{
		postgres_forget_done(pg);
		status = postgres_unguard(session);
	}
	if (status != CK_OK)
		pg->broken = true;
	return status;
}

CkStatus
postgres_session_cancel(CkSession *session)
{
	return postgres_stop(session, false);
}

/* Ends the source's transaction, in which nothing is to stay changed, without waiting for the reply. */
static CkStatus
postgres_end(CkSession *session, const char *command)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status = postgres_stop(session, true);

	for (int i = pg->length - 1; i >= 0; i--)
	{
		/* what had to be undone and was not yet must not be committed */
		if (pg->queue[i].kind == PG_ROLLBACK_TO)
			command = "ROLLBACK";
		if (pg->queue[i].kind != PG_DEALLOCATE)
			postgres_dequeue(pg, i);
	}
	pg->in_transaction = pg->guarded = false;
	pg->snapshot[0] = '\0';
	/* a reply still owed means that nothing was sent in this transaction */
	if (status == CK_OK && !pg->owed && PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
		status = postgres_send(session, command);
	return status;
}

/* Ends the source's transaction well, with all that waits in the queue, and waits until the source has said so. */
static CkStatus
postgres_commit(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status = postgres_stop(session, false);
	bool		committed = false;
	char	   *text;
	PGresult   *result = NULL;

	if (status != CK_OK)
		return status;
	postgres_order_queue(pg);
	text = postgres_queue_text(pg, "COMMIT");
	if (!text)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	if (!PQsendQuery(pg->conn, text))
		status = postgres_lost(session);
	free(text);
	pg->length = 0;
	pg->in_transaction = false;
	pg->snapshot[0] = '\0';
	do
	{
		PQclear(result);
		if (status == CK_OK)
			status = postgres_result(session, &result);
		if (status != CK_OK)
			break;
		if (result && !postgres_is_good(result))
			status = postgres_fail(session, result);
		committed = result ? strcmp(PQcmdStatus(result), "COMMIT") == 0 : committed;
	} while (result);
	if (status == CK_OK && !committed)
	{
		status = ck_fail(session, CK_ERR_QUERY, "the source rolled the transaction back, in which a statement had failed");
		ck_sqlstate(session, "25P02");
	}
	pg->broken |= status != CK_OK;
	return status;
}

/* Whether the last command in the queue is a savepoint of that level, of which the source has not been told. */
static bool
postgres_unsent_savepoint(const PgSession *pg, int level)
{
	int			last = pg->length - 1;

	return last >= pg->sent && pg->queue[last].kind == PG_SAVEPOINT && pg->queue[last].number == level;
}

/* What is to be said when the session's transaction begins. */
static int
postgres_begin_mode(const CkSession *session)
{
	return (session->serializable ? PG_SERIALIZABLE : 0) | (session->read_only ? PG_READ_ONLY : 0);
}

CkStatus
postgres_transaction(CkSession *session, CkEvent event, int level)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status;
	bool		enough = true;

	switch (event)
	{
		case CK_BEGIN:
			pg->in_transaction = true;
			pg->level = 1;
			enough = postgres_enqueue(pg, 0, (PgCommand) {.kind = PG_BEGIN, .number = postgres_begin_mode(session)}) &&
				(!session->share || postgres_enqueue(pg, 1, (PgCommand) {.kind = PG_EXPORT}));
			break;
		case CK_COMMIT:
			if (session->written ||
				(session->serializable && !pg->owed && PQtransactionStatus(pg->conn) != PQTRANS_IDLE))
				return postgres_commit(session);
			return postgres_end(session, "COMMIT");
		case CK_ABORT:
			return postgres_end(session, "ROLLBACK");
		case CK_SAVEPOINT:
			pg->level = level;
			enough = postgres_enqueue(pg, pg->length, (PgCommand) {.kind = PG_SAVEPOINT, .number = level});
			break;
		case CK_RELEASE:
		case CK_ROLLBACK_TO:
			pg->level = level - 1;
			if (postgres_unsent_savepoint(pg, level))
			{
				postgres_dequeue(pg, pg->length - 1);
				if (!pg->busy && PQtransactionStatus(pg->conn) == PQTRANS_INERROR)
					return ck_fail(session, CK_ERR_LOST, "the source's transaction has failed");
				return CK_OK;
			}
			if (event == CK_ROLLBACK_TO)
			{
				status = postgres_stop(session, true);
				if (status != CK_OK)
					return status;
				enough = postgres_enqueue(pg, pg->length, (PgCommand) {.kind = PG_ROLLBACK_TO, .number = level});
			}
			enough = enough &&
				postgres_enqueue(pg, pg->length, (PgCommand) {.kind = PG_RELEASE, .number = level});
			break;
	}
	return enough ? CK_OK : ck_fail(session, CK_ERR_MEMORY, "out of memory");
}

/* Makes the queue ready to be sent: what the source refuses in a failed transaction comes last. */
void
postgres_order_queue(PgSession *pg)
{
	for (int i = 0, n = pg->length; i < n;)
	{
		PgCommand	command = pg->queue[i];

		if (command.kind == PG_DEALLOCATE)
		{
			postgres_dequeue(pg, i);
			pg->queue[pg->length++] = command;
			n--;
		}
		else
			i++;
	}
}

/* The queue as SQL in front of a statement, to be freed; NULL when out of memory. */
char *
postgres_queue_text(const PgSession *pg, const char *statement)
{
	size_t		size = strlen(statement) + (size_t) pg->length * 128 + 1;
	char	   *text = malloc(size);
	size_t		used = 0;

	if (!text)
		return NULL;
	for (int i = 0; i < pg->length; i++)
	{
		used += (size_t) postgres_command_text(pg, &pg->queue[i], text + used, size - used);
		text[used++] = ';';
	}
	strcpy(text + used, statement);
	return text;
}

/* Sends the queue by itself and waits until it is done. */
CkStatus
postgres_flush_queue(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	char	   *text;
	CkStatus	status;

	postgres_order_queue(pg);
	text = postgres_queue_text(pg, "");
	if (!text)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	status = postgres_settle(session);
	if (status == CK_OK && !PQsendQuery(pg->conn, text))
		status = postgres_lost(session);
	free(text);
	if (status != CK_OK)
		return status;
	pg->busy = true;
	pg->sent = pg->length;
	status = postgres_acknowledge(session);
	if (status == CK_OK)
		status = postgres_finish(session, true);
	if (status == CK_OK)
		postgres_forget_done(pg);
	return status;
}

/* Sees to it that the source has named the session's snapshot, if it does so now. */
static CkStatus
postgres_name_snapshot(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	bool		queued = false;

	if (pg->busy)
		return postgres_acknowledge(session);
	for (int i = 0; i < pg->length; i++)
		queued |= pg->queue[i].kind == PG_EXPORT;
	if (!queued)
	{
		/* not within a subtransaction: the source refuses that */
		if (pg->level > 1)
			return CK_OK;
		if (!postgres_enqueue(pg, pg->length, (PgCommand) {.kind = PG_EXPORT}))
			return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	}
	return postgres_flush_queue(session);
}

CkStatus
postgres_session_export(CkSession *session, char *name, size_t size)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status = CK_OK;

	if (!pg->in_transaction || pg->broken)
		return ck_fail(session, CK_ERR_UNSUPPORTED, "there is no snapshot to be shared");
	if (pg->snapshot[0] == '\0')
		status = postgres_name_snapshot(session);
	if (status == CK_OK && pg->snapshot[0] == '\0')
		return ck_fail(session, CK_ERR_UNSUPPORTED, "the snapshot cannot be shared now");
	snprintf(name, size, "%s", pg->snapshot);
	return status;
}

CkStatus
postgres_session_import(CkSession *session, const char *name)
{
	PgSession  *pg = postgres_session(session);
	int			seconds = session->helps ? PG_HELPER_LOCK_SECONDS : PG_LOCK_SECONDS;

	snprintf(pg->snapshot, sizeof(pg->snapshot), "%s", name);
	pg->in_transaction = true;
	pg->level = 1;
	if (!postgres_enqueue(pg, 0, (PgCommand) {.kind = PG_BEGIN, .number = postgres_begin_mode(session) | PG_READ_ONLY}) ||
		!postgres_enqueue(pg, 1, (PgCommand) {.kind = PG_JOIN}) ||
		!postgres_enqueue(pg, 2, (PgCommand) {.kind = PG_HURRY, .number = seconds}))
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	return CK_OK;
}
