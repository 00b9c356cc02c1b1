/*
 * host.c: the services that a connector calls: telling errors, waiting, telling what connkit_test() shows.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <time.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "budget.h"
#include "compat.h"
#include "discover.h"
#include "reach.h"
#include "session.h"

static int64
host_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * A copy, in the context, of a string that a connector made: converted to the server's encoding, with what is not
 * valid replaced, and without secrets.
 */
static char *
host_copy(Session *session, MemoryContext context, const char *text)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	char	   *copy = pstrdup(text ? text : "");
	int			length = strlen(copy);

	while (pg_encoding_verifymbstr(PG_UTF8, copy, length) != length)
		copy[pg_encoding_verifymbstr(PG_UTF8, copy, length)] = '?';
	if (GetDatabaseEncoding() != PG_UTF8)
	{
		for (char *c = copy; *c; c++)
			if (IS_HIGHBIT_SET(*c))
				*c = '?';
	}
	copy = (char *) options_redact(session->pub.connector, session->pub.options, copy);
	MemoryContextSwitchTo(caller);
	return copy;
}

static CkStatus
host_fail(CkSession *pub, CkStatus status, const char *message)
{
	Session    *session = (Session *) pub;

	char	   *copy = host_copy(session, CurrentMemoryContext, message);

	/* only now, since the message may quote the one before */
	MemoryContextReset(session->error_context);
	session->status = status;
	session->message = MemoryContextStrdup(session->error_context, copy);
	session->hint = NULL;
	session->sqlstate[0] = '\0';
	return status;
}

static void
host_hint(CkSession *pub, const char *hint)
{
	Session    *session = (Session *) pub;

	session->hint = host_copy(session, session->error_context, hint);
}

static void
host_sqlstate(CkSession *pub, const char *sqlstate)
{
	Session    *session = (Session *) pub;

	strlcpy(session->sqlstate, sqlstate ? sqlstate : "", sizeof(session->sqlstate));
}

/* In PG_CATCH(): keeps what was thrown for session_raise(). */
static CkStatus
host_keep_thrown(Session *session)
{
	MemoryContextReset(session->error_context);
	MemoryContextSwitchTo(session->error_context);
	session->message = session->hint = NULL;
	session->interrupt = CopyErrorData();
	FlushErrorState();
	session->status = CK_ERR_CANCELLED;
	return CK_ERR_CANCELLED;
}

/*
 * Serves pending interrupts without throwing.
 */
static CkStatus
host_serve_interrupts(Session *session)
{
	volatile CkStatus status = CK_OK;
	MemoryContext caller = CurrentMemoryContext;

	if (!INTERRUPTS_PENDING_CONDITION())
		return CK_OK;
	PG_TRY();
	{
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		status = host_keep_thrown(session);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return status;
}

static CkStatus
host_timeout(Session *session)
{
	host_fail(&session->pub, CK_ERR_TIMEOUT, session->opened ?
			  "no answer within query_timeout" : "no answer within connect_timeout");
	session->hint = session->opened ?
		"Raise the option query_timeout of the server or the table, or ask for less." :
		"Check host, port and firewall, or raise the server's option connect_timeout.";
	return CK_ERR_TIMEOUT;
}

/*
 * Waits for the latch or the socket. An open session keeps the set of events for its connection, which spares setting it
 * up for each wait; other sockets (a second connection that cancels) are waited for without one.
 */
static int
wait_once(Session *session, int fd, int wake, int64 timeout_ms)
{
	WaitEvent	event;
	struct stat status;

	if (session->waits && session->waits_fd == fd && (fstat(fd, &status) < 0 || status.st_ino != session->waits_inode))
	{
		FreeWaitEventSet(session->waits);
		session->waits = NULL;
	}
	if (!session->opened || session->quiet || (session->waits ? session->waits_fd != fd : fstat(fd, &status) < 0))
		return WaitLatchOrSocket(session->quiet ? NULL : MyLatch, wake, fd, timeout_ms, PG_WAIT_EXTENSION);
	if (session->waits == NULL)
	{
		WaitEventSet *set = compat_create_wait_set(TopMemoryContext, 3);

		session->waits_events = wake & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE);
		AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
		AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
		AddWaitEventToSet(set, session->waits_events, fd, NULL, NULL);
		session->waits = set;
		session->waits_fd = fd;
		session->waits_inode = status.st_ino;
	}
	else if (session->waits_events != (wake & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE)))
	{
		session->waits_events = wake & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE);
		ModifyWaitEvent(session->waits, 2, session->waits_events, NULL);
	}
	if (WaitEventSetWait(session->waits, timeout_ms, &event, 1, PG_WAIT_EXTENSION) == 0)
		return WL_TIMEOUT;
	return event.events;
}

/* The same; -1 where the wait itself threw, as it does when no file descriptor is free. */
static int
wait_guarded(Session *session, int fd, int wake, int64 timeout_ms)
{
	volatile int fired = -1;
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		fired = wait_once(session, fd, wake, timeout_ms);
	}
	PG_CATCH();
	{
		(void) host_keep_thrown(session);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return fired;
}

static CkStatus
host_wait(CkSession *pub, int fd, int events)
{
	Session    *session = (Session *) pub;
	int64		deadline = pub->deadline_ms;

	if (deadline == 0 && pub->query_timeout_ms > 0)
		deadline = host_now_ms() + pub->query_timeout_ms;
	for (;;)
	{
		int64		timeout = 60000;
		int			wake = WL_EXIT_ON_PM_DEATH | WL_TIMEOUT | (session->quiet ? 0 : WL_LATCH_SET);
		int			fired;

		if (!session->quiet)
		{
			CkStatus	status = host_serve_interrupts(session);

			if (status != CK_OK)
				return status;
		}
		if (deadline > 0)
		{
			timeout = deadline - host_now_ms();
			if (timeout <= 0)
				return host_timeout(session);
			timeout = Min(timeout, 60000);
		}
		if (events & CK_READABLE)
			wake |= WL_SOCKET_READABLE;
		if (events & CK_WRITABLE)
			wake |= WL_SOCKET_WRITEABLE;
		fired = wait_guarded(session, fd, wake, timeout);
		if (fired < 0)
			return CK_ERR_CANCELLED;
		if (fired & WL_LATCH_SET)
			ResetLatch(MyLatch);
		if (fired & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE))
			return CK_OK;
	}
}

CkStatus
session_pause(Session *session, int64 ms)
{
	int64		until = host_now_ms() + ms;
	int64		left;

	while (!session->quiet && (left = until - host_now_ms()) > 0)
	{
		int64		deadline = session->pub.deadline_ms;
		CkStatus	status = host_serve_interrupts(session);

		if (status != CK_OK)
			return status;
		if (deadline > 0 && deadline <= host_now_ms())
			return host_timeout(session);
		if (deadline > 0)
			left = Min(left, Max(deadline - host_now_ms(), 1));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(left, 60000), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	return CK_OK;
}

static CkStatus
host_interrupted(CkSession *pub)
{
	Session    *session = (Session *) pub;
	int64		now;

	if (!session->quiet)
	{
		CkStatus	status = host_serve_interrupts(session);

		if (status != CK_OK)
			return status;
	}
	now = host_now_ms();
	if (pub->deadline_ms > 0)
		return now > pub->deadline_ms ? host_timeout(session) : CK_OK;
	if (session->progress_seen != session->progress || session->progress_ms == 0)
	{
		session->progress_seen = session->progress;
		session->progress_ms = now;
	}
	if (pub->query_timeout_ms > 0 && now > session->progress_ms + pub->query_timeout_ms)
		return host_timeout(session);
	return CK_OK;
}

static void
host_stage(CkSession *pub, CkStage stage, const char *detail)
{
	Session    *session = (Session *) pub;
	SessionTrace *trace = session->trace;
	StageRecord *record;
	int64		now;

	if (trace == NULL || stage >= CK_STAGE_COUNT)
		return;
	now = host_now_ms();
	record = &trace->stages[stage];
	if (!record->reached)
	{
		if (stage != trace->stage)
			trace->stages[trace->stage].ended_ms = now;
		record->reached = true;
		record->started_ms = now;
		trace->stage = stage;
	}
	if (detail)
		record->detail = host_copy(session, trace->context, detail);
}

static void
host_server_version(CkSession *pub, const char *version)
{
	Session    *session = (Session *) pub;

	if (session->trace)
		session->trace->server_version = host_copy(session, session->trace->context, version);
}

static void
host_warn(CkSession *pub, const char *message, const char *hint)
{
	Session    *session = (Session *) pub;

	if (session->trace)
	{
		StageRecord *record = &session->trace->stages[session->trace->stage];

		record->warning = host_copy(session, session->trace->context, message);
		record->hint = hint ? host_copy(session, session->trace->context, hint) : NULL;
	}
}

static int host_format(char *buffer, size_t size, const char *format, va_list args) pg_attribute_printf(3, 0);

static int
host_format(char *buffer, size_t size, const char *format, va_list args)
{
	return vsnprintf(buffer, size, format, args);
}

static const CkHost host = {
	.abi = CK_ABI,
	.fail = host_fail,
	.hint = host_hint,
	.sqlstate = host_sqlstate,
	.wait = host_wait,
	.interrupted = host_interrupted,
	.now_ms = host_now_ms,
	.stage = host_stage,
	.server_version = host_server_version,
	.warn = host_warn,
	.table = discover_host_table,
	.column = discover_host_column,
	.key = discover_host_key,
	.format = host_format,
	.reachable = reach_check,
	.secret = session_put_secret,
	.wants = discover_host_wants,
	.admit = budget_admit,
	.hold = budget_hold,
};

const CkHost *
session_host(void)
{
	return &host;
}

int
session_sqlstate(CkStatus status)
{
	switch (status)
	{
		case CK_ERR_OPTION:
			return ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE;
		case CK_ERR_RESOLVE:
		case CK_ERR_CONNECT:
		case CK_ERR_TLS:
			return ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
		case CK_ERR_AUTH:
			return ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
		case CK_ERR_DATABASE:
			return ERRCODE_FDW_SCHEMA_NOT_FOUND;
		case CK_ERR_PRIVILEGE:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case CK_ERR_NOT_FOUND:
			return ERRCODE_FDW_TABLE_NOT_FOUND;
		case CK_ERR_TIMEOUT:
			return ERRCODE_QUERY_CANCELED;
		case CK_ERR_LOST:
			return ERRCODE_CONNECTION_FAILURE;
		case CK_ERR_BUSY:
			return ERRCODE_TOO_MANY_CONNECTIONS;
		case CK_ERR_CONSTRAINT:
			return ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION;
		case CK_ERR_DATA:
			return ERRCODE_DATA_EXCEPTION;
		case CK_ERR_PROTOCOL:
			return ERRCODE_PROTOCOL_VIOLATION;
		case CK_ERR_UNSUPPORTED:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		case CK_ERR_MEMORY:
			return ERRCODE_FDW_OUT_OF_MEMORY;
		default:
			return ERRCODE_FDW_ERROR;
	}
}

/*
 * The SQLSTATE of the error at hand: the source's own where it means the same here.
 */
static int
raised_sqlstate(Session *session, CkStatus status)
{
	const char *own = session->sqlstate;
	const CkSql *sql = session->pub.connector->sql;
	bool		same = false;

	if (strlen(own) == 5 && strspn(own, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5)
		switch (status)
		{
			case CK_ERR_QUERY:
			case CK_ERR_DATA:
			case CK_ERR_PRIVILEGE:
			case CK_ERR_NOT_FOUND:
				same = (sql && sql->native) || strncmp(own, "22", 2) == 0;
				break;
			case CK_ERR_CONSTRAINT:
				same = strncmp(own, "23", 2) == 0;
				break;
			case CK_ERR_BUSY:
				same = strncmp(own, "40", 2) == 0 || strcmp(own, "55P03") == 0;
				break;
			case CK_ERR_LOST:
			case CK_ERR_TIMEOUT:
			case CK_ERR_PROTOCOL:
				same = strcmp(own, "08007") == 0;
				break;
			default:
				break;
		}
	return same ? MAKE_SQLSTATE(own[0], own[1], own[2], own[3], own[4]) : session_sqlstate(status);
}

void
session_raise(Session *session, CkStatus status)
{
	if (session->interrupt)
	{
		ErrorData  *interrupt = session->interrupt;

		session->interrupt = NULL;
		ReThrowError(interrupt);
	}
	if (session->message == NULL || session->status != status)
		host_fail(&session->pub, status, "the connector told no message");
	ereport(ERROR,
			(errcode(raised_sqlstate(session, status)),
			 errmsg("source \"%s\": %s", session->pub.source, session->message),
			 session->sqlstate[0] && session->pub.connector->sql ?
			 errdetail("The source's SQLSTATE is %s.", session->sqlstate) : 0,
			 session->hint ? errhint("%s", session->hint) : 0));
}
