/*
 * session.c: one connection to a server: its life, its transactions, and how its work is stopped.
 */
#include "session.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Gives up a prepared statement. */
static void
session_drop_statement(void *owner, void *stmt)
{
	(void) owner;
	mysql_stmt_close(stmt);
}

CkStatus
mysql_session_open(CkSession *session)
{
	MysqlSession *state = session->state;

	state->mysql = mysql_init(NULL);
	state->statements = ck_stmt_cache_new(session_drop_statement, state);
	if (!state->mysql || !state->statements)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	return mysql_connect(session, state->mysql, true);
}

void
mysql_session_close(CkSession *session)
{
	MysqlSession *state = session->state;

	if (state->events || state->active)
		call_abort(state);
	/* in this order: the statements of a closed connection are freed without a word to the server */
	if (state->mysql)
		mysql_close(state->mysql);
	ck_stmt_cache_free(state->statements);
	memset(state, 0, sizeof(*state));
}

bool
mysql_session_alive(CkSession *session)
{
	MysqlSession *state = session->state;
	struct pollfd socket = {.events = POLLIN};

	if (state->broken || state->events || state->active)
		return false;
#ifdef LIBRARY_NONBLOCKING
	socket.fd = mysql_get_socket(state->mysql);
#else
	socket.fd = state->mysql->net.fd;
#endif
	if (poll(&socket, 1, 0) <= 0)
		return true;
	/* the reply to a COMMIT is welcome, anything else is a farewell */
	if (!state->reply_due || call_settle(session) != CK_OK)
		return false;
	return poll(&socket, 1, 0) <= 0;
}

/* Has the server stop the statement that runs, by a connection of its own. */
static CkStatus
session_kill(CkSession *session)
{
	MysqlSession *state = session->state;
	MysqlSession helper = {.mysql = mysql_init(NULL)};
	char		sql[64];
	CkStatus	status;

	if (!helper.mysql)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	/* another server of the same name would have another statement by that number */
	snprintf(helper.address, sizeof(helper.address), "%s", state->address);
	snprintf(sql, sizeof(sql), "KILL QUERY %lu", mysql_thread_id(state->mysql));
	session->state = &helper;
	status = mysql_connect(session, helper.mysql, false);
	if (status == CK_OK)
		status = call_query(session, sql, NULL);
	if (helper.events)
		call_abort(&helper);
	session->state = state;
	mysql_close(helper.mysql);
	return status;
}

CkStatus
mysql_session_cancel(CkSession *session)
{
	MysqlSession *state = session->state;
	MYSQL_STMT *active = state->active;
	CkStatus	status;

	if (state->broken)
		return ck_fail(session, CK_ERR_LOST, "the connection cannot be used any more");
	if (!state->events && !active)
		return CK_OK;
#ifdef LIBRARY_NONBLOCKING
	/* what has arrived already may be all there was */
	if (!state->events && call_skip_result(state, active))
	{
		state->active = NULL;
		return CK_OK;
	}
#endif
	status = session_kill(session);
	if (status == CK_OK)
		status = call_finish(session);
	if (status == CK_OK && active && !state->broken)
	{
		call_skip_result(state, active);
		status = call_finish(session);
	}
	/* should the KILL have come too late for its statement, it hits this one */
	if (status == CK_OK)
	{
		state->active = NULL;
		if (call_query(session, "DO 0", NULL) == CK_OK)
			return CK_OK;
		status = call_query(session, "DO 0", NULL);
	}
	if (status != CK_OK)
		state->broken = true;
	return status;
}

CkStatus
mysql_transaction(CkSession *session, CkEvent event, int level)
{
	MysqlSession *state = session->state;

	(void) level;
	switch (event)
	{
		case CK_BEGIN:
			/* autocommit is off: the first statement begins the transaction and takes its snapshot */
			return call_settle(session);
		case CK_COMMIT:
		case CK_ABORT:
			if (state->broken || state->events || state->active)
				state->broken = true;
			else if (state->used && !call_send(state, event == CK_COMMIT ? "COMMIT" : "ROLLBACK"))
				state->broken = true;
			state->used = false;
			return CK_OK;
		default:
			/* nothing is written, so there is nothing to undo */
			return CK_OK;
	}
}
