/*
 * copy.c: the stream of COPY in binary form, and values as PostgreSQL sends them in binary.
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>

static const char copy_signature[11] = "PGCOPY\n\377\r\n";

/* Sends the queue and COPY as one query string. */
bool
postgres_send_copy(CkScan *scan)
{
	PgSession  *pg = postgres_session(scan->session);
	size_t		size = strlen(scan->remote) + 64;
	char	   *copy = malloc(size);
	char	   *text = NULL;
	bool		sent = false;

	if (copy)
	{
		snprintf(copy, size, "COPY (\n%s\n) TO STDOUT (FORMAT binary)", scan->remote);
		text = postgres_queue_text(pg, copy);
		sent = text && PQsendQuery(pg->conn, text);
	}
	free(copy);
	free(text);
	return sent;
}

/* Integers in the byte order of the wire. */
static int16_t
postgres_int16(const char *p)
{
	return (int16_t) ((unsigned char) p[0] << 8 | (unsigned char) p[1]);
}

static int32_t
postgres_int32(const char *p)
{
	uint32_t	value;

	memcpy(&value, p, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	value = __builtin_bswap32(value);
#endif
	return (int32_t) value;
}

/* Puts a value, which came in binary. */
void
postgres_put(CkRow *row, uint32_t column, CkType type, const char *p, uint32_t size)
{
	if (type == CK_TEXT)
		ck_put_text(row, column, p, size);
	else
		ck_put_native(row, column, p, size);
}

/* The next message of the stream, behind what is left unread of the last. CK_END: the stream has ended. */
static CkStatus
postgres_copy_more(CkScan *scan)
{
	PgScan	   *s = scan->state;
	PgSession  *pg = postgres_session(scan->session);
	size_t		left = (size_t) (s->end - s->p);
	char	   *message;
	int			size;

	while ((size = PQgetCopyData(pg->conn, &message, 1)) == 0)
	{
		CkStatus	status = postgres_wait(scan->session);

		if (status != CK_OK)
			return status;
	}
	if (size == -2)
		return postgres_lost(scan->session);
	if (size < 0)
		return CK_END;
	scan->bytes += (uint64_t) size;
	if (left == 0)
	{
		PQfreemem(s->message);
		s->message = message;
		s->p = message;
		s->end = message + size;
		return CK_OK;
	}

	if (left + (size_t) size > s->carry_size)
	{
		size_t		room = (left + (size_t) size) * 2;
		char	   *carry = malloc(room);

		if (!carry)
		{
			PQfreemem(message);
			return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
		}
		memcpy(carry, s->p, left);
		free(s->carry);
		s->carry = carry;
		s->carry_size = room;
	}
	else
		memmove(s->carry, s->p, left);
	memcpy(s->carry + left, message, (size_t) size);
	PQfreemem(message);
	PQfreemem(s->message);
	s->message = NULL;
	s->p = s->carry;
	s->end = s->carry + left + size;
	return CK_OK;
}

/* Reads over the header, if it is here whole. */
static CkStatus
postgres_copy_header(CkScan *scan)
{
	PgScan	   *s = scan->state;
	size_t		left = (size_t) (s->end - s->p);
	size_t		size = sizeof(copy_signature) + 8;

	if (left < size)
		return CK_END;
	if (memcmp(s->p, copy_signature, sizeof(copy_signature)) != 0)
		return ck_fail(scan->session, CK_ERR_PROTOCOL, "the source's binary stream has an unknown header");
	size += (uint32_t) postgres_int32(s->p + size - 4);
	if (left < size)
		return CK_END;
	s->p += size;
	s->header_read = true;
	return CK_OK;
}

/* Puts the row that begins at p, if it is here whole: CK_END if not. At the stream's own end, *last. */
static CkStatus
postgres_copy_row(CkScan *scan, CkRow *row, bool *last)
{
	PgScan	   *s = scan->state;
	const char *p = s->p;
	const char *end = s->end;
	int			nfields;

	if (end - p < 2)
		return CK_END;
	nfields = postgres_int16(p);
	p += 2;
	*last = nfields == -1;
	if (*last)
	{
		s->p = p;
		return CK_OK;
	}
	if (nfields != (int) scan->ncolumns)
		return ck_fail(scan->session, CK_ERR_PROTOCOL, "the source sent %d columns where %u were asked for", nfields,
					   scan->ncolumns);
	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		int32_t		size;

		if (end - p < 4)
			return CK_END;
		size = postgres_int32(p);
		p += 4;
		if (size < 0)
		{
			ck_put_null(row, i);
			continue;
		}
		if (end - p < size)
			return CK_END;
		postgres_put(row, i, scan->columns[i].type, p, (uint32_t) size);
		p += size;
	}
	s->p = p;
	s->rows++;
	return CK_OK;
}

/* The next row of COPY. */
CkStatus
postgres_copy_next(CkScan *scan, CkRow *row)
{
	PgScan	   *s = scan->state;
	bool		last = false;
	PGresult   *result;
	CkStatus	status = s->header_read ? postgres_copy_row(scan, row, &last) : CK_END;

	while (status == CK_END && !last)
	{
		status = postgres_copy_more(scan);
		if (status == CK_END)
			break;
		if (status == CK_OK && !s->header_read)
			status = postgres_copy_header(scan);
		if (status == CK_OK)
			status = postgres_copy_row(scan, row, &last);
	}
	if (status == CK_OK && !last)
		return CK_OK;
	while (status == CK_OK)
		status = postgres_copy_more(scan);
	if (status != CK_END)
		return status;

	status = postgres_result(scan->session, &result);
	if (status != CK_OK)
		return status;
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		return postgres_refused(scan->session, result);
	PQclear(result);
	if (!last)
		return ck_fail(scan->session, CK_ERR_PROTOCOL, "the source's binary stream has no end");
	return postgres_scan_end(scan);
}
