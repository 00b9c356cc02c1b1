/*
 * describe.c: the columns of a statement that is not run.
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>

/* Bytes that an oid, or a modifier, takes in an array's text. */
#define NUMBER_SIZE 12

/*
 * Prepares the unnamed statement and asks for its columns, in one round trip. *result becomes the source's answer, or what it
 * said of an error; the caller clears it.
 */
static CkStatus
postgres_ask_columns(CkSession *session, const char *sql, PGresult **result)
{
	PgSession  *pg = postgres_session(session);
	bool		ended = false;
	bool		sent = PQenterPipelineMode(pg->conn) && PQsendPrepare(pg->conn, "", sql, 0, NULL) &&
		PQsendDescribePrepared(pg->conn, "") && PQpipelineSync(pg->conn);
	int			nothing = 0;
	CkStatus	status = sent ? CK_OK : postgres_lost(session);

	*result = NULL;
	while (!ended && status == CK_OK)
	{
		PGresult   *next;

		status = postgres_result(session, &next);
		if (status != CK_OK)
			break;
		nothing = next ? 0 : nothing + 1;
		if (nothing > 1)
			status = postgres_lost(session);
		ended = next && PQresultStatus(next) == PGRES_PIPELINE_SYNC;
		/* the first that failed, or the last */
		if (next && !ended && !(*result && PQresultStatus(*result) == PGRES_FATAL_ERROR))
		{
			PQclear(*result);
			*result = next;
		}
		else
			PQclear(next);
	}
	if (status == CK_OK && (!PQexitPipelineMode(pg->conn) || !*result))
		status = postgres_lost(session);
	return status;
}

/* Runs a statement of the connector's own and waits for its rows, which the caller clears. */
CkStatus
postgres_ask(CkSession *session, const char *sql, PGresult **rows)
{
	CkStatus	status = PQsendQuery(postgres_session(session)->conn, sql) ? CK_OK : postgres_lost(session);
	PGresult   *next = NULL;

	*rows = NULL;
	do
	{
		if (status == CK_OK)
			status = postgres_result(session, &next);
		if (status == CK_OK && next)
		{
			PQclear(*rows);
			*rows = next;
		}
	} while (status == CK_OK && next);
	if (status == CK_OK && PQresultStatus(*rows) != PGRES_TUPLES_OK)
		status = postgres_fail(session, *rows);
	return status;
}

/* The statement that gives the types of the columns their names, to be freed; NULL when out of memory. */
static char *
postgres_types_text(const PGresult *columns)
{
	int			n = PQnfields(columns);
	size_t		size = 256 + 2 * NUMBER_SIZE * (size_t) n;
	char	   *text = malloc(size);
	size_t		used;

	if (!text)
		return NULL;
	used = (size_t) snprintf(text, size, "SELECT pg_catalog.format_type(t, m) FROM ROWS FROM (pg_catalog.unnest('");
	for (int i = 0; i < n; i++)
		used += (size_t) snprintf(text + used, size - used, "%c%u", i ? ',' : '{', PQftype(columns, i));
	used += (size_t) snprintf(text + used, size - used, "}'::pg_catalog.oid[]), pg_catalog.unnest('");
	for (int i = 0; i < n; i++)
		used += (size_t) snprintf(text + used, size - used, "%c%d", i ? ',' : '{', PQfmod(columns, i));
	snprintf(text + used, size - used, "}'::pg_catalog.int4[])) WITH ORDINALITY AS u(t, m, n) ORDER BY n");
	return text;
}

/* Tells the columns that the source has answered with. */
static CkStatus
postgres_tell_columns(CkSession *session, const PGresult *columns, CkCatalog *catalog)
{
	char	   *text = PQnfields(columns) > 0 ? postgres_types_text(columns) : NULL;
	PGresult   *types = NULL;
	CkStatus	status;

	if (PQnfields(columns) == 0)
		return CK_OK;
	if (!text)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	status = postgres_ask(session, text, &types);
	free(text);
	if (status == CK_OK && PQntuples(types) != PQnfields(columns))
		status = ck_fail(session, CK_ERR_PROTOCOL, "the source does not name the types of its columns");
	for (int i = 0; status == CK_OK && i < PQnfields(columns); i++)
		status = ck_column(session, catalog, PQfname(columns, i), PQgetvalue(types, i, 0), NULL, false, NULL, NULL);
	PQclear(types);
	return status;
}

CkStatus
postgres_describe(CkSession *session, const char *sql, CkCatalog *catalog)
{
	PgSession  *pg = postgres_session(session);
	PGresult   *columns = NULL;
	bool		idle;
	CkStatus	status = pg->broken ? ck_fail(session, CK_ERR_LOST, "the connection was lost") :
		postgres_stop(session, false);

	if (status == CK_OK)
		status = postgres_settle(session);
	idle = PQtransactionStatus(pg->conn) == PQTRANS_IDLE;
	/* what fails within the source's transaction must stand behind the savepoint that undoes it */
	if (status == CK_OK && !idle && pg->length > 0)
		status = postgres_flush_queue(session);
	if (status == CK_OK)
		status = postgres_ask_columns(session, sql, &columns);
	/* a connection that was closed while it was idle */
	if (status == CK_ERR_LOST && idle && pg->proven)
	{
		PQclear(columns);
		status = postgres_session_reopen(session);
		if (status == CK_OK)
			status = postgres_ask_columns(session, sql, &columns);
	}
	if (status == CK_OK && PQresultStatus(columns) != PGRES_COMMAND_OK)
		status = postgres_fail(session, columns);
	if (status == CK_OK)
		status = postgres_tell_columns(session, columns, catalog);
	PQclear(columns);
	return status;
}
