/*
 * call.c: calls of the client library that wait for the server, and what their errors mean.
 */
#include "session.h"

#include <stdlib.h>
#include <sys/socket.h>

#ifdef LIBRARY_NONBLOCKING

/* How each kind of call goes on where it waited. */
static int
resume_prepare(MysqlSession *state, int events)
{
	return mysql_stmt_prepare_cont(&state->result, state->stmt, events);
}

static int
resume_execute(MysqlSession *state, int events)
{
	return mysql_stmt_execute_cont(&state->result, state->stmt, events);
}

static int
resume_fetch(MysqlSession *state, int events)
{
	return mysql_stmt_fetch_cont(&state->result, state->stmt, events);
}

static int
resume_free_result(MysqlSession *state, int events)
{
	return mysql_stmt_free_result_cont(&state->flag, state->stmt, events);
}

static int
resume_query(MysqlSession *state, int events)
{
	return mysql_real_query_cont(&state->result, state->mysql, events);
}

static int
resume_store(MysqlSession *state, int events)
{
	return mysql_store_result_cont(&state->rows, state->mysql, events);
}

static int
resume_read_reply(MysqlSession *state, int events)
{
	return mysql_read_query_result_cont(&state->flag, state->mysql, events);
}

/* Starts a call: what it waits for, 0 where it has ended. */
#define CALL(state, kind, statement, start) \
	((state)->resume = resume_##kind, (state)->stmt = (statement), (state)->events = (start))

CkStatus
call_finish(CkSession *session)
{
	MysqlSession *state = session->state;

	while (state->events)
	{
		CkStatus	status = ck_wait(session, mysql_get_socket(state->mysql),
									 ((state->events & MYSQL_WAIT_READ) ? CK_READABLE : 0) |
									 ((state->events & MYSQL_WAIT_WRITE) ? CK_WRITABLE : 0));

		if (status != CK_OK)
			return status;
		state->events = state->resume(state, state->events & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE));
	}
	return CK_OK;
}

void
call_abort(MysqlSession *state)
{
	state->broken = true;
	if (!state->mysql)
		return;
	if (mysql_get_socket(state->mysql) >= 0)
		shutdown(mysql_get_socket(state->mysql), SHUT_RDWR);
	while (state->events)
		state->events = state->resume(state, state->events & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE));
}

#else

#define mysql_stmt_prepare_start(result, stmt, sql, length) (*(result) = mysql_stmt_prepare(stmt, sql, length), 0)
#define mysql_stmt_execute_start(result, stmt) (*(result) = mysql_stmt_execute(stmt), 0)
#define mysql_stmt_fetch_start(result, stmt) (*(result) = mysql_stmt_fetch(stmt), 0)
#define mysql_stmt_free_result_start(result, stmt) (*(result) = mysql_stmt_free_result(stmt), 0)
#define mysql_real_query_start(result, mysql, sql, length) (*(result) = mysql_real_query(mysql, sql, length), 0)
#define mysql_store_result_start(result, mysql) (*(result) = mysql_store_result(mysql), 0)
#define mysql_read_query_result_start(result, mysql) (*(result) = mysql_read_query_result(mysql), 0)
#define CALL(state, kind, statement, start) ((state)->stmt = (statement), (state)->events = (start))

CkStatus
call_finish(CkSession *session)
{
	return ck_interrupted(session);
}

void
call_abort(MysqlSession *state)
{
	state->broken = true;
	if (state->mysql && state->mysql->net.fd >= 0)
		shutdown(state->mysql->net.fd, SHUT_RDWR);
}

#endif

CkStatus
call_prepare(CkSession *session, MYSQL_STMT *stmt, const char *sql)
{
	MysqlSession *state = session->state;

	CALL(state, prepare, stmt, mysql_stmt_prepare_start(&state->result, stmt, sql, (unsigned long) strlen(sql)));
	return state->events ? call_finish(session) : CK_OK;
}

CkStatus
call_execute(CkSession *session, MYSQL_STMT *stmt)
{
	MysqlSession *state = session->state;

	CALL(state, execute, stmt, mysql_stmt_execute_start(&state->result, stmt));
	return state->events ? call_finish(session) : CK_OK;
}

CkStatus
call_fetch(CkSession *session, MYSQL_STMT *stmt)
{
	MysqlSession *state = session->state;

	CALL(state, fetch, stmt, mysql_stmt_fetch_start(&state->result, stmt));
	return state->events ? call_finish(session) : CK_OK;
}

bool
call_skip_result(MysqlSession *state, MYSQL_STMT *stmt)
{
	CALL(state, free_result, stmt, mysql_stmt_free_result_start(&state->flag, stmt));
	return state->events == 0;
}

CkStatus
call_query(CkSession *session, const char *sql, MYSQL_RES **rows)
{
	MysqlSession *state = session->state;
	CkStatus	status;

	CALL(state, query, NULL, mysql_real_query_start(&state->result, state->mysql, sql, (unsigned long) strlen(sql)));
	status = call_finish(session);
	if (status != CK_OK)
		return status;
	if (state->result == 0 && rows)
	{
		CALL(state, store, NULL, mysql_store_result_start(&state->rows, state->mysql));
		status = call_finish(session);
		if (status != CK_OK)
			return status;
		*rows = state->rows;
		if (*rows)
			return CK_OK;
	}
	if (state->result == 0 && !rows)
		return CK_OK;
	return call_fail(session, mysql_errno(state->mysql), mysql_sqlstate(state->mysql), mysql_error(state->mysql));
}

bool
call_send(MysqlSession *state, const char *sql)
{
	if (mysql_send_query(state->mysql, sql, (unsigned long) strlen(sql)) != 0)
		return false;
	state->reply_due = true;
	return true;
}

CkStatus
call_settle(CkSession *session)
{
	MysqlSession *state = session->state;
	CkStatus	status;

	if (!state->reply_due)
		return CK_OK;
	state->reply_due = false;
	CALL(state, read_reply, NULL, mysql_read_query_result_start(&state->flag, state->mysql));
	status = call_finish(session);
	if (status != CK_OK)
		return status;
	if (state->flag)
		return call_fail(session, mysql_errno(state->mysql), mysql_sqlstate(state->mysql), mysql_error(state->mysql));
	return CK_OK;
}

/* What an error number means, the same for the library's own and the server's. */
static CkStatus
call_class(unsigned int code)
{
	switch (code)
	{
		case CR_SERVER_GONE_ERROR:
		case CR_SERVER_LOST:
		case ER_SERVER_SHUTDOWN:
		case ER_NET_READ_ERROR:
		case ER_NET_READ_INTERRUPTED:
		case ER_NET_ERROR_ON_WRITE:
		case ER_NET_WRITE_INTERRUPTED:
		case ERROR_KILLED_MARIADB:
		case ERROR_IDLE_MYSQL:
			return CK_ERR_LOST;
		case CR_UNKNOWN_HOST:
			return CK_ERR_RESOLVE;
		case CR_CONNECTION_ERROR:
		case CR_CONN_HOST_ERROR:
		case CR_SOCKET_CREATE_ERROR:
		case CR_IPSOCK_ERROR:
			return CK_ERR_CONNECT;
		case CR_SSL_CONNECTION_ERROR:
			return CK_ERR_TLS;
		case ER_ACCESS_DENIED_ERROR:
		case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
		case ER_HOST_NOT_PRIVILEGED:
		case ER_NOT_SUPPORTED_AUTH_MODE:
		case ER_MUST_CHANGE_PASSWORD:
		case ER_MUST_CHANGE_PASSWORD_LOGIN:
		case ER_PLUGIN_IS_NOT_LOADED:
		case ERROR_LOCKED_MYSQL:
		case ERROR_LOCKED_MARIADB:
		case ERROR_PLUGIN_NOT_ALLOWED:
		case CR_AUTH_PLUGIN_CANNOT_LOAD:
		case CR_AUTH_PLUGIN_ERR:
			return CK_ERR_AUTH;
		case ER_DBACCESS_DENIED_ERROR:
		case ER_BAD_DB_ERROR:
			return CK_ERR_DATABASE;
		case ER_TABLEACCESS_DENIED_ERROR:
		case ER_COLUMNACCESS_DENIED_ERROR:
		case ER_SPECIFIC_ACCESS_DENIED_ERROR:
		case ER_PROCACCESS_DENIED_ERROR:
		case ER_VIEW_NO_EXPLAIN:
		case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
		case ER_OPTION_PREVENTS_STATEMENT:
		case ERROR_READ_ONLY_MODE:
			return CK_ERR_PRIVILEGE;
		case ER_NO_SUCH_TABLE:
		case ER_BAD_TABLE_ERROR:
		case ER_BAD_FIELD_ERROR:
			return CK_ERR_NOT_FOUND;
		case ERROR_STATEMENT_TIMEOUT_MARIADB:
		case ERROR_STATEMENT_TIMEOUT_MYSQL:
			return CK_ERR_TIMEOUT;
		case ER_CON_COUNT_ERROR:
		case ER_TOO_MANY_USER_CONNECTIONS:
		case ER_USER_LIMIT_REACHED:
		case ER_HOST_IS_BLOCKED:
		case ER_LOCK_WAIT_TIMEOUT:
		case ERROR_LOCK_NOWAIT_MYSQL:
		case ER_LOCK_DEADLOCK:
		case ERROR_ROW_CHANGED_MARIADB:
		case ERROR_TOO_MANY_PREPARED:
			return CK_ERR_BUSY;
		case ER_DUP_ENTRY:
		case ER_DUP_ENTRY_WITH_KEY_NAME:
		case ER_DUP_KEY:
		case ER_DUP_UNIQUE:
		case ER_NO_REFERENCED_ROW:
		case ER_NO_REFERENCED_ROW_2:
		case ER_ROW_IS_REFERENCED:
		case ER_ROW_IS_REFERENCED_2:
		case ER_BAD_NULL_ERROR:
		case ER_NO_DEFAULT_FOR_FIELD:
		case ERROR_CHECK_MARIADB:
		case ERROR_CHECK_MYSQL:
			return CK_ERR_CONSTRAINT;
		case ER_TRUNCATED_WRONG_VALUE:
		case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
		case ER_WARN_DATA_OUT_OF_RANGE:
		case WARN_DATA_TRUNCATED:
		case ER_DATA_TOO_LONG:
		case ER_DATA_OUT_OF_RANGE:
		case ER_NET_PACKET_TOO_LARGE:
		case CR_NET_PACKET_TOO_LARGE:
			return CK_ERR_DATA;
		case CR_MALFORMED_PACKET:
		case CR_VERSION_ERROR:
		case CR_SERVER_HANDSHAKE_ERR:
			return CK_ERR_PROTOCOL;
		case CR_OUT_OF_MEMORY:
			return CK_ERR_MEMORY;
		case CR_COMMANDS_OUT_OF_SYNC:
		case CR_INVALID_PARAMETER_NO:
			return CK_ERR_INTERNAL;
		default:
			return CK_ERR_QUERY;
	}
}

/* The SQLSTATE that says the same in PostgreSQL, where the source's own says less or something else. */
static const char *
call_sqlstate(unsigned int code, const char *own)
{
	switch (code)
	{
		case ER_DUP_ENTRY:
		case ER_DUP_ENTRY_WITH_KEY_NAME:
		case ER_DUP_KEY:
		case ER_DUP_UNIQUE:
			return "23505";
		case ER_NO_REFERENCED_ROW:
		case ER_NO_REFERENCED_ROW_2:
		case ER_ROW_IS_REFERENCED:
		case ER_ROW_IS_REFERENCED_2:
			return "23503";
		case ER_BAD_NULL_ERROR:
		case ER_NO_DEFAULT_FOR_FIELD:
			return "23502";
		case ERROR_CHECK_MARIADB:
		case ERROR_CHECK_MYSQL:
			return "23514";
		case ER_LOCK_DEADLOCK:
			return "40P01";
		case ERROR_ROW_CHANGED_MARIADB:
			return "40001";
		case ER_LOCK_WAIT_TIMEOUT:
		case ERROR_LOCK_NOWAIT_MYSQL:
			return "55P03";
		default:
			return own;
	}
}

/* Adds what the user can do about an error. */
static void
call_hint(CkSession *session, unsigned int code)
{
	switch (code)
	{
		case ER_ACCESS_DENIED_ERROR:
		case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
			ck_hint(session, "Check user and password of the user mapping; accounts there are made for a user and the host "
					"that he comes from.");
			break;
		case ER_HOST_NOT_PRIVILEGED:
			ck_hint(session, "There is no account that may come from this host: create one as 'user'@'host'.");
			break;
		case ER_HOST_IS_BLOCKED:
			ck_hint(session, "Have an administrator of the source run FLUSH HOSTS.");
			break;
		case ERROR_PLUGIN_NOT_ALLOWED:
		case CR_AUTH_PLUGIN_CANNOT_LOAD:
			ck_hint(session, "Use an account that proves itself by password: mysql_native_password, caching_sha2_password, "
					"sha256_password or ed25519.");
			break;
		case ER_NO_DB_ERROR:
			ck_hint(session, "Set the server's option dbname or the foreign table's option schema_name.");
			break;
		case ER_DBACCESS_DENIED_ERROR:
		case ER_BAD_DB_ERROR:
			ck_hint(session, "Check the server's option dbname, and that the account has a privilege in it.");
			break;
		case ER_LOCK_DEADLOCK:
		case ERROR_ROW_CHANGED_MARIADB:
			ck_hint(session, "Run the transaction again.");
			break;
		case ER_NET_PACKET_TOO_LARGE:
		case CR_NET_PACKET_TOO_LARGE:
			ck_hint(session, "Lower the option batch_size of the foreign table, or raise max_allowed_packet of the source.");
			break;
		case ERROR_TOO_MANY_PREPARED:
			ck_hint(session, "Raise max_prepared_stmt_count of the source.");
			break;
		default:
			break;
	}
}

CkStatus
call_fail(CkSession *session, unsigned int code, const char *sqlstate, const char *message)
{
	MysqlSession *state = session->state;
	CkStatus	status = call_class(code);

	if (status == CK_ERR_LOST || status == CK_ERR_PROTOCOL)
		state->broken = true;
	ck_fail(session, status, "%s", message && message[0] ? message : "the client library gave no reason");
	if (code < CR_MIN_ERROR || code > CR_MAX_ERROR)
		ck_sqlstate(session, call_sqlstate(code, sqlstate));
	call_hint(session, code);
	return status;
}

CkStatus
call_fail_stmt(CkSession *session, MYSQL_STMT *stmt)
{
	MYSQL	   *mysql = ((MysqlSession *) session->state)->mysql;

	if (mysql_stmt_errno(stmt) != 0)
		return call_fail(session, mysql_stmt_errno(stmt), mysql_stmt_sqlstate(stmt), mysql_stmt_error(stmt));
	return call_fail(session, mysql_errno(mysql), mysql_sqlstate(mysql), mysql_error(mysql));
}
