/*
 * session.h: connections to sources, kept for the life of the backend and tied to its transactions.
 *
 * Sessions belong to a foreign server and a user. The first scan of a transaction begins a transaction on its session;
 * every later scan of the transaction uses the same one, or another that joined its snapshot.
 */
#ifndef CONNKIT_SESSION_H
#define CONNKIT_SESSION_H

#include "postgres.h"
#include "lib/ilist.h"
#include "nodes/pg_list.h"
#include "utils/elog.h"
#include "compat.h"
#include "connkit.h"
#include "options.h"

struct SourceScan;

/* What connkit_test() collects while a session opens. */
typedef struct StageRecord
{
	bool		reached;
	CkStatus	status;
	int64		started_ms;
	int64		ended_ms;
	char	   *detail;
	char	   *warning;
	char	   *hint;
} StageRecord;

typedef struct SessionTrace
{
	MemoryContext context;
	CkStage		stage;
	StageRecord stages[CK_STAGE_COUNT];
	char	   *server_version;
} SessionTrace;

typedef struct Session
{
	CkSession	pub;			/* what the connector sees; must be first */
	dlist_node	node;			/* in the list of all sessions, unless made for connkit_test() */
	MemoryContext context;		/* holds everything of the session */
	Oid			serverid;
	Oid			userid;
	uint32		server_hash;	/* for invalidation */
	uint32		mapping_hash;
	CommonOptions common;

	bool		opened;			/* session_open succeeded and session_close was not called */
	bool		in_transaction; /* CK_BEGIN was told */
	int			level;			/* nesting level that the source knows of; 1: no savepoint */
	bool		invalid;		/* server or mapping changed: not to be used in another transaction */
	bool		broken;			/* to be closed as soon as nothing uses it */
	bool		lost;			/* closed within a transaction that had used it */
	dlist_head	scans;			/* scans whose state the connector holds */
	struct SourceScan *busy;	/* the scan that holds the connection, unless the connector has CK_MULTI */

	struct WaitEventSet *waits; /* latch, postmaster and the connection's socket, or NULL */
	int			waits_fd;		/* that socket: the first that an open session waits for */
	uint64		waits_inode;	/* tells it from another that got its number after it was closed */
	int			waits_events;
	bool		quiet;			/* cleaning up: waits are short and do not look at interrupts */
	uint64		progress;		/* grows with every row; for the deadline of polled waits */
	uint64		progress_seen;
	int64		progress_ms;
	SessionTrace *trace;		/* for connkit_test(), or NULL */

	/* the last error told */
	MemoryContext error_context;	/* holds it */
	CkStatus	status;
	char	   *message;
	char	   *hint;
	char		sqlstate[6];
	ErrorData  *interrupt;		/* the interrupt that a wait ran into */
} Session;

/*
 * A session to run a scan on now, in the transaction and subtransaction at hand. ERROR where there is none to be had.
 * With share, others will want to join the snapshot of the transaction it begins.
 */
extern Session *session_get(Oid serverid, Oid userid, bool share);

/* Gives back a session whose scan ended; closes it when it is broken. */
extern void session_put(Session *session);

/* A session of its own for connkit_test(), not opened; options as lists of DefElem. trace may be NULL. */
extern Session *session_new(const CkConnector *connector, const char *source, List *server_options, List *user_options,
							bool trusted, SessionTrace *trace);
/* Opens it; the error is in the session. */
extern CkStatus session_open(Session *session);
/* Closes and frees it. */
extern void session_free(Session *session);
/* Closes it and leaves its memory to the current context, since the error at hand may still speak from it. */
extern void session_abandon(Session *session);

/* Raises the session's last error as an ERROR with SQLSTATE, source, detail and hint. */
COMPAT_NORETURN extern void session_raise(Session *session, CkStatus status);

/* True where a scan of this transaction holds the only connection to the source. */
extern bool session_is_busy(Oid serverid, Oid userid);

/* While the connector cleans up, its waits are short and look at no interrupts. */
extern void session_hush(Session *session);
extern void session_unhush(Session *session);

/* Runs the connector's session_cancel within a few seconds; marks the session broken where that fails. */
extern void session_cancel(Session *session);

/* The SQLSTATE that users see for a class of error. */
extern int	session_sqlstate(CkStatus status);

extern void session_init(void);
extern const CkHost *session_host(void);

#endif							/* CONNKIT_SESSION_H */
