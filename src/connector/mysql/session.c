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

/*
 * Whether the server can be told not to change rows that are newer than the transaction's snapshot, as PostgreSQL does not. Else
 * what others have committed meanwhile is overwritten unseen.
 */
static bool
session_has_snapshot_isolation(MYSQL *mysql)
{
	static const struct
	{
		unsigned long first,
					end;
	}			versions[] = {
		{100618, 100700}, {101108, 110000}, {110006, 110100}, {110105, 110200}, {110204, 110300}, {110402, 1000000}
	};
	unsigned long version = mysql_get_server_version(mysql);

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strstr(mysql_get_server_info(mysql), "MariaDB") && version >= versions[i].first && version < versions[i].end)
			return true;
	return false;
}

/* RETURNING is MariaDB's: DELETE has it in every version that is in use, INSERT from 10.5 on. */
static uint32_t
session_no_returning(MYSQL *mysql)
{
	if (!strstr(mysql_get_server_info(mysql), "MariaDB"))
		return CK_INSERT | CK_UPDATE | CK_DELETE;
	return mysql_get_server_version(mysql) < 100500 ? CK_INSERT | CK_UPDATE : CK_UPDATE;
}

CkStatus
mysql_session_open(CkSession *session)
{
	MysqlSession *state = session->state;
	CkStatus	status;

	state->mysql = mysql_init(NULL);
	state->statements = ck_stmt_cache_new(session_drop_statement, state);
	if (!state->mysql || !state->statements)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	status = mysql_connect(session, state->mysql, true);
	if (status == CK_OK && session_has_snapshot_isolation(state->mysql) &&
		!call_send(state, "SET SESSION innodb_snapshot_isolation=ON"))
		status = ck_fail(session, CK_ERR_LOST, "the connection was lost");
	if (status == CK_OK)
		session->no_returning = session_no_returning(state->mysql);
	return status;
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
	change_forget_tables(state);
	memset(state, 0, sizeof(*state));
}

bool
mysql_session_alive(CkSession *session)
{
	MysqlSession *state = session->state;
	struct pollfd socket = {.events = POLLIN};

	if (state->broken || state->spent || state->events || state->active)
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
	/* where the process ends meanwhile, what is open is closed by this one, without a word */
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

/* Runs a statement of no rows, without which the session is of no more use. */
static CkStatus
session_must(CkSession *session, const char *sql)
{
	MysqlSession *state = session->state;
	CkStatus	status = call_settle(session);

	if (status == CK_OK)
		status = call_query(session, sql, NULL);
	if (status != CK_OK)
		state->broken = true;
	return status;
}

CkStatus
session_guard(CkSession *session)
{
	CkStatus	status = session_must(session, "SAVEPOINT ckguard");

	((MysqlSession *) session->state)->guarded = status == CK_OK;
	return status;
}

CkStatus
session_unguard(CkSession *session)
{
	MysqlSession *state = session->state;

	if (!state->guarded || state->rolled_back)
		return CK_OK;
	state->guarded = false;
	return session_must(session, "ROLLBACK TO SAVEPOINT ckguard");
}

CkStatus
session_nest(CkSession *session)
{
	MysqlSession *state = session->state;
	CkStatus	status = CK_OK;

	/* one of the same name gives way */
	while (status == CK_OK && state->savepoints < state->level)
	{
		char		sql[32];

		snprintf(sql, sizeof(sql), "SAVEPOINT ck%d", state->savepoints + 1);
		status = session_must(session, sql);
		if (status == CK_OK)
			state->savepoints++;
	}
	return status;
}

CkStatus
session_after_failure(CkSession *session, CkStatus status)
{
	MysqlSession *state = session->state;

	/* a deadlock ends the transaction, and so may a wait for a lock: the next reply tells */
	if (status == CK_ERR_BUSY && call_query(session, "DO 0", NULL) == CK_OK)
		state->rolled_back = !(state->mysql->server_status & SERVER_STATUS_IN_TRANS);
	return status;
}

CkStatus
session_autocommit(CkSession *session, bool on)
{
	MysqlSession *state = session->state;

	if (state->autocommit == on)
		return CK_OK;
	state->autocommit = on;
	return session_must(session, on ? "SET autocommit=1" : "SET autocommit=0");
}

/* Begins a transaction: without autocommit the first statement does, and takes its snapshot. */
static CkStatus
session_begin(CkSession *session)
{
	MysqlSession *state = session->state;
	CkStatus	status = call_settle(session);

	state->in_transaction = true;
	state->level = state->savepoints = 1;
	state->changed = state->rolled_back = state->guarded = false;
	if (status == CK_OK)
		status = session_autocommit(session, false);
	if (status != CK_OK || state->read_only == session->read_only)
		return status;
	state->read_only = session->read_only;
	return session_must(session, state->read_only ? "SET SESSION TRANSACTION READ ONLY" : "SET SESSION TRANSACTION READ WRITE");
}

/* Ends a transaction that has changed something: waits until the source has said that it is so. */
static CkStatus
session_commit(CkSession *session)
{
	MysqlSession *state = session->state;
	CkStatus	status;

	if (state->broken || state->events || state->active)
	{
		state->broken = true;
		return ck_fail(session, CK_ERR_LOST, "the connection cannot be used any more");
	}
	if (state->rolled_back)
		return ck_fail(session, CK_ERR_QUERY, "the source has rolled the transaction back");
	status = session_unguard(session);
	state->used = false;
	return status == CK_OK ? session_must(session, "COMMIT") : status;
}

/* Undoes what was changed behind a savepoint. */
static CkStatus
session_rollback_to(CkSession *session, int level)
{
	MysqlSession *state = session->state;
	CkStatus	status = CK_OK;
	char		sql[64];

	if (state->rolled_back)
		return ck_fail(session, CK_ERR_LOST, "the source has rolled the whole transaction back");
	if (state->savepoints < level)
		return CK_OK;
	if (state->events || state->active)
		status = mysql_session_cancel(session);
	if (status != CK_OK)
		return status;
	state->savepoints = level - 1;
	state->guarded = false;
	snprintf(sql, sizeof(sql), "ROLLBACK TO SAVEPOINT ck%d", level);
	return session_must(session, sql);
}

CkStatus
mysql_transaction(CkSession *session, CkEvent event, int level)
{
	MysqlSession *state = session->state;

	switch (event)
	{
		case CK_BEGIN:
			return session_begin(session);
		case CK_COMMIT:
			state->in_transaction = false;
			if (session->written)
				return session_commit(session);
			/* FALLTHROUGH */
		case CK_ABORT:
			state->in_transaction = false;
			if (state->broken || state->events || state->active)
				state->broken = true;
			else if (state->used && !call_send(state, event == CK_COMMIT && !state->guarded ? "COMMIT" : "ROLLBACK"))
				state->broken = true;
			state->used = state->rolled_back = state->guarded = false;
			return CK_OK;
		case CK_ROLLBACK_TO:
			state->level = level - 1;
			return session_rollback_to(session, level);
		case CK_SAVEPOINT:
		case CK_RELEASE:
			/* what is left of deeper ones stands in nobody's way; the source hears of it before the next change */
			state->level = event == CK_SAVEPOINT ? level : level - 1;
			if (state->savepoints >= level)
				state->savepoints = level - 1;
			return CK_OK;
	}
	return CK_OK;
}
