/*
 * wire.c: libpq without blocking: waiting, results, errors of the source, cancel requests.
 */
#include "postgres.h"
#include "background.h"

#include <stdio.h>
#include <stdlib.h>

/* Error classes by the first characters of the SQLSTATE; the first that matches serves. */
static const struct
{
	const char *sqlstate;
	CkStatus	status;
	const char *hint;
}			postgres_classes[] = {
	{"08", CK_ERR_LOST, NULL},
	{"0A", CK_ERR_UNSUPPORTED, NULL},
	{"22", CK_ERR_DATA, NULL},
	{"23", CK_ERR_CONSTRAINT, NULL},
	{"25006", CK_ERR_PRIVILEGE, NULL},
	{"25P03", CK_ERR_LOST, "The source's idle_in_transaction_session_timeout ended the session."},
	{"25P04", CK_ERR_LOST, "The source's transaction_timeout ended the session."},
	{"28P01", CK_ERR_AUTH, "Check user and password of the user mapping."},
	{"28", CK_ERR_AUTH, "Check the user, and that the source's pg_hba.conf lets it in from here."},
	{"3D", CK_ERR_DATABASE, "Check the option \"dbname\"."},
	{"3F", CK_ERR_NOT_FOUND, NULL},
	{"40", CK_ERR_BUSY, "Run the transaction again."},
	{"42501", CK_ERR_PRIVILEGE, NULL},
	{"42P01", CK_ERR_NOT_FOUND, "Check the options schema_name and table_name, or import the table again."},
	{"42703", CK_ERR_NOT_FOUND, "Check the option column_name, or import the table again."},
	{"53300", CK_ERR_BUSY, "The source has no connection left for this user."},
	{"53", CK_ERR_BUSY, NULL},
	{"55P03", CK_ERR_BUSY, NULL},
	{"57014", CK_ERR_TIMEOUT, "The source itself stopped the statement, by its statement_timeout or its administrator."},
	{"57P03", CK_ERR_BUSY, "The source is starting up, shutting down or in recovery. Try again later."},
	{"57P", CK_ERR_LOST, NULL},
	{NULL, CK_ERR_QUERY, NULL},
};

static const char *
postgres_class_hint(const char *sqlstate, CkStatus *status)
{
	int			i = 0;

	while (postgres_classes[i].sqlstate &&
		   strncmp(sqlstate, postgres_classes[i].sqlstate, strlen(postgres_classes[i].sqlstate)) != 0)
		i++;
	*status = postgres_classes[i].status;
	return postgres_classes[i].hint;
}

/* Tells an error of the source: its message, hint and SQLSTATE. */
CkStatus
postgres_tell(CkSession *session, const char *sqlstate, const char *message, const char *detail, const char *hint)
{
	CkStatus	status;
	const char *class_hint = postgres_class_hint(sqlstate, &status);

	if (detail)
		ck_fail(session, status, "%s (%s)", message, detail);
	else
		ck_fail(session, status, "%s", message);
	ck_sqlstate(session, sqlstate);
	if (hint || class_hint)
		ck_hint(session, hint ? hint : class_hint);
	return status;
}

/* Tells that the connection is gone, and marks the session. */
CkStatus
postgres_lost(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	const char *text = PQerrorMessage(pg->conn);
	int			length = (int) strcspn(text, "\n");

	pg->broken = true;
	return ck_fail(session, CK_ERR_LOST, "the connection was lost: %.*s", length, text);
}

/* Tells the error that a result holds. */
CkStatus
postgres_fail(CkSession *session, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (!sqlstate || !message)
	{
		if (PQstatus(postgres_session(session)->conn) == CONNECTION_BAD)
			return postgres_lost(session);
		return ck_fail(session, CK_ERR_PROTOCOL, "unexpected reply of the source: %s %s",
					   PQresStatus(PQresultStatus(result)), PQresultErrorMessage(result));
	}
	return postgres_tell(session, sqlstate, message, PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
						 PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
}

/* Sends what is unsent and waits for the source to say more. */
CkStatus
postgres_wait(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	int			unsent = PQflush(pg->conn);
	CkStatus	status;

	if (unsent < 0)
		return postgres_lost(session);
	status = ck_wait(session, PQsocket(pg->conn), CK_READABLE | (unsent ? CK_WRITABLE : 0));
	if (status != CK_OK)
		return status;
	return PQconsumeInput(pg->conn) ? CK_OK : postgres_lost(session);
}

/* The next result of what was sent; NULL where libpq says NULL. */
CkStatus
postgres_result(CkSession *session, PGresult **result)
{
	PgSession  *pg = postgres_session(session);

	while (PQisBusy(pg->conn))
	{
		CkStatus	status = postgres_wait(session);

		if (status != CK_OK)
			return status;
	}
	*result = PQgetResult(pg->conn);
	return CK_OK;
}

/* Sends a command, or several, whose reply is left to postgres_settle(). */
CkStatus
postgres_send(CkSession *session, const char *sql)
{
	PgSession  *pg = postgres_session(session);

	if (!PQsendQuery(pg->conn, sql) || PQflush(pg->conn) < 0)
		return postgres_lost(session);
	pg->owed = true;
	return CK_OK;
}

/* Whether a result says that a command was done. */
bool
postgres_is_good(const PGresult *result)
{
	return PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;
}

/* Reads the reply of what postgres_send() sent. A session whose command failed is of no more use. */
CkStatus
postgres_settle(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status = CK_OK;

	while (pg->owed && status == CK_OK)
	{
		PGresult   *result;

		status = postgres_result(session, &result);
		if (status != CK_OK)
			break;
		if (!result)
			pg->owed = false;
		else if (!postgres_is_good(result))
			status = postgres_fail(session, result);
		PQclear(result);
	}
	if (status != CK_OK)
		pg->broken = true;
	return status;
}

#ifdef LIBPQ_HAS_ASYNC_CANCEL

/* Asks the source to stop what it is doing for the session. */
CkStatus
postgres_send_cancel(CkSession *session)
{
	PGcancelConn *cancel = PQcancelCreate(postgres_session(session)->conn);
	CkStatus	status = CK_OK;

	if (!cancel)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	if (PQcancelStart(cancel))
	{
		PostgresPollingStatusType poll = PGRES_POLLING_WRITING;

		while (status == CK_OK && (poll == PGRES_POLLING_READING || poll == PGRES_POLLING_WRITING))
		{
			status = ck_wait(session, PQcancelSocket(cancel),
							 poll == PGRES_POLLING_READING ? CK_READABLE : CK_WRITABLE);
			if (status == CK_OK)
				poll = PQcancelPoll(cancel);
		}
	}
	if (status == CK_OK && PQcancelStatus(cancel) == CONNECTION_BAD)
		status = ck_fail(session, CK_ERR_LOST, "could not send a cancel request");
	PQcancelFinish(cancel);
	return status;
}

#else

typedef struct PgCancel
{
	PGcancel   *cancel;
	bool		sent;
} PgCancel;

/* The thread's work: connects to the source once more and asks it. */
static void
postgres_cancel_run(void *arg)
{
	PgCancel   *request = arg;
	char		message[256];

	request->sent = PQcancel(request->cancel, message, sizeof(message));
}

static void
postgres_cancel_release(void *arg)
{
	PgCancel   *request = arg;

	PQfreeCancel(request->cancel);
	free(request);
}

/* Asks the source to stop what it is doing for the session. */
CkStatus
postgres_send_cancel(CkSession *session)
{
	PgCancel   *request = calloc(1, sizeof(*request));
	CkStatus	status;

	if (!request)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	request->cancel = PQgetCancel(postgres_session(session)->conn);
	status = ck_background(session, postgres_cancel_run, postgres_cancel_release, request);
	if (status != CK_OK)
		return status;
	if (!request->sent)
		status = ck_fail(session, CK_ERR_LOST, "could not send a cancel request");
	postgres_cancel_release(request);
	return status;
}

#endif
