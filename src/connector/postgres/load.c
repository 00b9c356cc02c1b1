/*
 * load.c: rows of an INSERT by COPY, where the source makes the same of both, in half the time.
 *
 * COPY passes rules by, stores into columns GENERATED ALWAYS AS IDENTITY, is refused by row security, and in binary form wants
 * values of the columns' own types. So the first rows of a statement go by INSERT, whose lock keeps the table from being altered
 * until the transaction ends; then the source is asked, once, whether there is any of that.
 *
 * A COPY goes on over several batches of rows, for to begin and to end one costs the source as much as hundreds of rows. It does
 * not where the source's statement_timeout would count the time that these rows take here.
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>

/* Bytes handed to libpq at once. */
#define CHUNK 65536

typedef struct PgLoadStream
{
	CkScan	   *scan;
	char	   *chunk;			/* of CHUNK bytes */
	int			used;
} PgLoadStream;

/* Values that one COPY is given: what is wrong with a row is told when it ends. */
#define LOAD_LIMIT 500000

/* Appends "name" as a literal of SQL behind used bytes; the new length, or size where it does not fit. */
static size_t
postgres_append_literal(PGconn *conn, char *text, size_t used, size_t size, const char *name)
{
	char	   *literal = PQescapeLiteral(conn, name, strlen(name));
	size_t		length = literal ? strlen(literal) : size;

	if (used + length < size)
	{
		memcpy(text + used, literal, length + 1);
		used += length;
	}
	else
		used = size;
	PQfreemem(literal);
	return used;
}

/* The question whether the rows may come by COPY, to be freed; NULL when out of memory. */
static char *
postgres_load_question(PGconn *conn, const CkInsert *insert)
{
	size_t		size = 1024 + 2 * strlen(insert->relation);
	size_t		used;
	char	   *text;

	for (uint32_t i = 0; i < insert->ncolumns; i++)
		size += 2 * strlen(insert->columns[i]) + 32;
	text = malloc(size);
	if (!text)
		return NULL;
	used = (size_t) snprintf(text, size, "SELECT pg_catalog.current_setting('statement_timeout')"
							 " FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relhasrules"
							 " AND NOT pg_catalog.row_security_active(c.oid) AND NOT EXISTS (SELECT FROM (VALUES ");
	for (uint32_t i = 0; i < insert->ncolumns && used < size; i++)
	{
		used += (size_t) snprintf(text + used, size - used, i ? ", (" : "(");
		used = postgres_append_literal(conn, text, used, size, insert->columns[i]);
		if (used < size)
			used += (size_t) snprintf(text + used, size - used, ", %u::pg_catalog.oid)", insert->types[i]);
	}
	if (used < size)
		used += (size_t) snprintf(text + used, size - used, ") w (name, type) LEFT JOIN pg_catalog.pg_attribute a ON"
								  " a.attrelid = c.oid AND a.attname = w.name AND NOT a.attisdropped AND a.attidentity <> 'a' AND"
								  " a.attgenerated = '' AND (a.atttypid = w.type OR w.type = 0 AND"
								  " a.atttypid IN (25, 1042, 1043))"
								  " WHERE a.attname IS NULL) AND c.oid = pg_catalog.to_regclass(");
	if (used < size)
		used = postgres_append_literal(conn, text, used, size, insert->relation);
	if (used + 2 > size)
	{
		free(text);
		return NULL;
	}
	strcpy(text + used, ")");
	return text;
}

/* Finds out, as soon as it can be told, whether the rows may come by COPY. */
CkStatus
postgres_load_judge(CkScan *scan)
{
	PgScan	   *s = scan->state;
	PgSession  *pg = postgres_session(scan->session);
	char	   *question;
	PGresult   *answer;
	CkStatus	status;

	if (s->load == PG_LOAD_FIRST)
	{
		s->load = PG_LOAD_UNKNOWN;
		return CK_OK;
	}
	if (s->load != PG_LOAD_UNKNOWN || pg->length > 0 || PQtransactionStatus(pg->conn) != PQTRANS_INTRANS)
		return CK_OK;
	question = postgres_load_question(pg->conn, scan->insert);
	if (!question)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	status = postgres_ask(scan->session, question, &answer);
	free(question);
	s->load = status == CK_OK && PQntuples(answer) == 1 ? PG_LOAD_FITS : PG_LOAD_NOT;
	s->lasts = s->load == PG_LOAD_FITS && strcmp(PQgetvalue(answer, 0, 0), "0") == 0;
	PQclear(answer);
	pg->broken |= status != CK_OK;
	scan->round_trips++;
	return status;
}

/* Waits until the source has taken all that libpq has. It says nothing before the end of the rows, but an error. */
static CkStatus
postgres_load_flush(CkSession *session)
{
	PGconn	   *conn = postgres_session(session)->conn;
	CkStatus	status = CK_OK;
	int			unsent;

	while ((unsent = PQflush(conn)) > 0 && status == CK_OK)
	{
		status = ck_wait(session, PQsocket(conn), CK_READABLE | CK_WRITABLE);
		if (status == CK_OK && !PQconsumeInput(conn))
			return postgres_lost(session);
	}
	return unsent < 0 ? postgres_lost(session) : status;
}

/* Hands bytes to libpq and waits until the source takes them. */
static CkStatus
postgres_load_put(CkScan *scan, const char *bytes, size_t size)
{
	PGconn	   *conn = postgres_session(scan->session)->conn;
	CkStatus	status = CK_OK;

	while (size > 0 && status == CK_OK)
	{
		size_t		part = size < CHUNK ? size : CHUNK;
		int			put = PQputCopyData(conn, bytes, (int) part);

		if (put < 0)
			return postgres_lost(scan->session);
		if (put > 0)
		{
			bytes += part;
			size -= part;
		}
		status = postgres_load_flush(scan->session);
	}
	return status;
}

/* Adds bytes to the stream. */
static CkStatus
postgres_load_add(PgLoadStream *stream, const char *bytes, size_t size)
{
	CkStatus	status = CK_OK;

	if (size > (size_t) (CHUNK - stream->used))
	{
		status = postgres_load_put(stream->scan, stream->chunk, (size_t) stream->used);
		stream->used = 0;
		if (status != CK_OK || size > CHUNK)
			return status == CK_OK ? postgres_load_put(stream->scan, bytes, size) : status;
	}
	if (size > 0)
		memcpy(stream->chunk + stream->used, bytes, size);
	stream->used += (int) size;
	return status;
}

/* Adds a number in the byte order of the wire. */
static CkStatus
postgres_load_number(PgLoadStream *stream, uint32_t number, int size)
{
	char		bytes[4];

	for (int i = 0; i < size; i++)
		bytes[i] = (char) (number >> 8 * (size - 1 - i));
	return postgres_load_add(stream, bytes, (size_t) size);
}

/* Sends the arguments as rows in COPY's binary form, the first behind its header. */
static CkStatus
postgres_load_rows(PgLoadStream *stream, bool first)
{
	const CkScan *scan = stream->scan;
	CkStatus	status = first ? postgres_load_add(stream, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0", 19) : CK_OK;

	for (uint32_t i = 0; i < scan->nargs && status == CK_OK; i++)
	{
		const CkValue *arg = &scan->args[i];

		if (i % scan->insert->ncolumns == 0)
			status = postgres_load_number(stream, scan->insert->ncolumns, 2);
		if (status == CK_OK)
			status = postgres_load_number(stream, arg->type == CK_NULL ? UINT32_MAX : (uint32_t) arg->size, 4);
		if (status == CK_OK && arg->type != CK_NULL)
			status = postgres_load_add(stream, arg->u.p, arg->size);
	}
	((PgScan *) scan->state)->loaded += scan->nargs;
	return status == CK_OK ? postgres_load_put(stream->scan, stream->chunk, (size_t) stream->used) : status;
}

/* Waits until the source is ready for the rows of COPY. */
static CkStatus
postgres_load_begin(CkScan *scan)
{
	PgSession  *pg = postgres_session(scan->session);
	PGresult   *result;
	CkStatus	status = postgres_acknowledge(scan->session);

	if (status == CK_OK)
		status = postgres_result(scan->session, &result);
	if (status != CK_OK)
		return status;
	if (PQresultStatus(result) == PGRES_FATAL_ERROR)
		return postgres_refused(scan->session, result);
	if (PQresultStatus(result) != PGRES_COPY_IN)
	{
		pg->broken = true;
		status = ck_fail(scan->session, CK_ERR_PROTOCOL, "the source takes no rows");
	}
	PQclear(result);
	return status;
}

/* Sends the queue, COPY and the rows; the reply is read as that of a statement. */
CkStatus
postgres_load_send(CkScan *scan)
{
	PgScan	   *s = scan->state;
	PgSession  *pg = postgres_session(scan->session);
	PgLoadStream stream = {.scan = scan, .chunk = malloc(CHUNK)};
	size_t		size = strlen(scan->insert->relation) + strlen(scan->insert->column_list) + 64;
	char	   *copy = malloc(size);
	char	   *text = NULL;
	CkStatus	status;

	postgres_order_queue(pg);
	if (copy)
	{
		snprintf(copy, size, "COPY %s %s FROM STDIN (FORMAT binary)", scan->insert->relation, scan->insert->column_list);
		text = postgres_queue_text(pg, copy);
	}
	pg->changing = true;
	pg->sent = pg->length;
	pg->done = 0;
	pg->scan = scan;
	pg->busy = true;
	s->started = false;
	s->rows = 0;
	scan->round_trips++;
	if (!text || !stream.chunk)
	{
		pg->broken = true;
		status = ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	}
	else if (!PQsendQuery(pg->conn, text))
		status = postgres_lost(scan->session);
	else
		status = postgres_load_begin(scan);
	if (status == CK_OK)
	{
		pg->loading = true;
		s->loaded = 0;
		status = postgres_load_rows(&stream, true);
		/* the source waits for the rest of the rows */
		pg->broken |= status != CK_OK;
		if (status == CK_OK && !s->lasts)
			status = postgres_load_end(scan->session);
	}
	free(stream.chunk);
	free(copy);
	free(text);
	return status;
}

CkStatus
postgres_load_more(CkScan *scan)
{
	PgScan	   *s = scan->state;
	PgSession  *pg = postgres_session(scan->session);
	PgLoadStream stream = {.scan = scan};
	CkStatus	status;

	if (pg->scan != scan || !pg->loading || pg->broken || s->loaded >= LOAD_LIMIT)
		return CK_END;
	stream.chunk = malloc(CHUNK);
	if (!stream.chunk)
		return CK_END;
	status = postgres_load_rows(&stream, false);
	pg->broken |= status != CK_OK;
	free(stream.chunk);
	return status;
}

CkStatus
postgres_load_end(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status;

	if (!pg->loading)
		return CK_OK;
	pg->loading = false;
	if (PQputCopyData(pg->conn, "\377\377", 2) < 0 || PQputCopyEnd(pg->conn, NULL) < 0)
		status = postgres_lost(session);
	else
		status = postgres_load_flush(session);
	pg->broken |= status != CK_OK;
	return status;
}
