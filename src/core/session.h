/*
 * session.h: connections to sources, kept for the life of the backend and tied to its transactions.
 *
 * Sessions belong to a foreign server and a user. The first scan of a transaction begins a transaction on its session;
 * every later scan of the transaction uses the same one, or another that joined its snapshot.
 */
#ifndef CONNKIT_SESSION_H
#define CONNKIT_SESSION_H

#include "postgres.h"
#include "foreign/foreign.h"
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

/* What a connector with CK_SECRETS hands out; the receiver's own struct. */
struct CkSecret
{
	MemoryContext context;		/* set by who asks: where the value is put */
	char	   *value;			/* NULL: none was put */
	size_t		size;
	int64		lifetime_ms;
};

/* For whom and where options of the form <name>_secret are resolved. */
typedef struct SecretUse
{
	const CkConnector *connector;
	const char *source;
	Oid			serverid;		/* invalid: settings that are not saved */
	Oid			owner;			/* of the server: he says where it is */
	Oid			userid;			/* who connects */
	bool		own_mapping;	/* the user mapping is his and not PUBLIC's */
	List	   *server_options;
	bool		fresh;			/* take nothing from the cache */
	bool		cached;			/* out: something was taken from it */
} SecretUse;

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
	bool		imported;		/* its transaction has the snapshot of another one */
	int			level;			/* nesting level that the source knows of; 1: no savepoint */
	bool		invalid;		/* server or mapping changed: not to be used in another transaction */
	bool		broken;			/* to be closed as soon as nothing uses it */
	bool		proven;			/* a scan has ended well */
	bool		lost;			/* closed within a transaction that had used it */
	bool		own_sql;		/* the transaction ran such a request: unless it was changed too, it is rolled back */
	bool		altered;		/* connkit_execute() may have changed its settings: it ends with the transaction */
	bool		updatable;		/* by the server's option: sources that are not have read-only transactions */
	int			written_level;	/* nesting level whose end undoes all changes of the transaction; with pub.written */
	CommandId	written_by;		/* the last command that changed something; with pub.written */
	dlist_head	scans;			/* scans whose state the connector holds */
	struct SourceScan *busy;	/* the scan that holds the connection, unless the connector has CK_MULTI */

	struct WaitEventSet *waits; /* latch, postmaster and the connection's socket, or NULL */
	int			waits_fd;		/* that socket: the first that an open session waits for */
	uint64		waits_inode;	/* tells it from another that got its number after it was closed */
	int			waits_events;
	bool		bounded;		/* who said where the source is, is no superuser: connkit.allowed_hosts holds */
	bool		quiet;			/* cleaning up: waits are short and do not look at interrupts */
	uint64		progress;		/* grows with every row; for the deadline of polled waits */
	uint64		progress_seen;
	int64		progress_ms;
	SessionTrace *trace;		/* for connkit_test(), or NULL */
	int64		held_until_ms;	/* the source wants no requests before */

	/* the last error told */
	MemoryContext error_context;	/* holds it */
	CkStatus	status;
	char	   *message;
	char	   *hint;
	char		sqlstate[6];
	ErrorData  *interrupt;		/* the interrupt that a wait ran into */
} Session;

/* What a session is wanted for. What a transaction changes, it changes on its first session to the source, and from then on
 * nobody reads on another, which would not see the changes. */
typedef enum SessionUse
{
	SESSION_READ,
	SESSION_SHARE,				/* to read, and others will want to join the snapshot of the transaction that it begins */
	SESSION_LOCK,				/* to read rows that will be changed */
	SESSION_CHANGE
} SessionUse;

/*
 * A session to run a scan on now, in the transaction and subtransaction at hand. ERROR where there is none to be had.
 */
extern Session *session_get(Oid serverid, Oid userid, SessionUse use);

/* Before each change on such a session: reads what scans have open there, whose rows must not change under them, and notes
 * what the end of the transaction has to wait for. ERROR where the transaction is read-only. */
extern void session_change(Session *session, CommandId command);

/* The same for a scan that will be the only one of the local transaction: none is begun at the source, unless one was. */
extern Session *session_get_alone(Oid serverid, Oid userid);

/* The snapshot in which this transaction reads the source gets a name, by which sessions of other processes take it; name is
 * of SESSION_SNAPSHOT_SIZE. False where it cannot be shared now. */
#define SESSION_SNAPSHOT_SIZE 128
extern bool session_export(Oid serverid, Oid userid, char *name);
/* Has this transaction, of a parallel worker, read the source in the snapshot of that name. With may_fail, false where no
 * connection is to be had. */
extern bool session_import(Oid serverid, Oid userid, const char *name, bool may_fail);

/* True where a scan could run now without another one being read ahead. */
extern bool session_is_free(Oid serverid, Oid userid, bool share);

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

/* Waits so long, or until a cancel or the session's deadline, which are told. */
extern CkStatus session_pause(Session *session, int64 ms);

/* The service CkHost.secret. */
extern void session_put_secret(CkSecret *secret, const char *value, size_t size, int64_t lifetime_ms);

/*
 * Returns the options of the user mapping with every <name>_secret replaced by <name> and the secret's value, in the
 * current memory context. Set by the part secret/, which knows this one and not the other way round. ERROR where a secret
 * may not be used or cannot be had.
 */
typedef List *(*SecretResolver) (SecretUse *use, List *user_options);
extern SecretResolver session_resolve_secrets;

/* The options of the user mapping that serves the user, *mapping its oid where it is his own and not PUBLIC's; NIL where
 * there is none and the connector needs none. */
extern List *session_user_options(const CkConnector *connector, Oid serverid, Oid userid, Oid *mapping);

/* ERROR where the source is disabled. */
extern void session_check_enabled(ForeignServer *server);

/* Whether one of the options is <name>_secret of a secret option. */
extern bool session_names_secrets(const CkConnector *connector, List *user_options);

/* Opens a session of the server for the user outside of any transaction, to be freed by session_free(). ERROR where it
 * cannot be opened. */
extern Session *session_open_alone(Oid serverid, Oid userid);

/* Has every session that is open serve the transaction at hand and no other: a setting that bounds them has changed. */
extern void session_invalidate_all(void);

extern void session_init(void);
extern const CkHost *session_host(void);

#endif							/* CONNKIT_SESSION_H */
