/*
 * postgres.h: what the files of the postgres connector share.
 */
#ifndef CK_POSTGRES_H
#define CK_POSTGRES_H

#include "connkit.h"
#include "stmt_cache.h"

#include <libpq-fe.h>

typedef struct PgOptions
{
	const char *host;
	int64_t		port;
	const char *dbname;
	const char *user;
	const char *password;
	const char *application_name;
	const char *sslmode;
	const char *sslrootcert;
	const char *sslcert;
	const char *sslkey;
	const char *sslpassword;
	const char *sslcrl;
	const char *ssl_min_protocol_version;
	const char *channel_binding;
	bool		keepalives;
	int64_t		keepalives_idle;
	int64_t		keepalives_interval;
	int64_t		keepalives_count;
	int64_t		tcp_user_timeout;
} PgOptions;

/* A statement that may be run again: unnamed at its first execution, prepared by name from its second. */
typedef struct PgStatement
{
	char	   *sql;
	int			number;			/* its name at the source is ck<number> */
	bool		known;			/* it ran before */
	int			prepared;		/* the connection that has it under its name, as PgSession.connection; 0: none */
	bool		small;			/* its last execution gave few rows */
} PgStatement;

/* Commands that go ahead of the next statement, in its round trip. */
typedef enum PgCommandKind
{
	PG_BEGIN,					/* number: PG_SERIALIZABLE, PG_READ_ONLY */
	PG_EXPORT,					/* answers with the name of the snapshot */
	PG_JOIN,
	PG_HURRY,					/* number: seconds that a lock is waited for at most */
	PG_SAVEPOINT,				/* number: level, or GUARD */
	PG_FORBID,					/* nothing may be changed until that savepoint ends */
	PG_ROLLBACK_TO,
	PG_RELEASE,
	PG_DEALLOCATE,				/* number: the statement's */
	PG_PREPARE					/* statement; NULL once it is dropped */
} PgCommandKind;

#define PG_SERIALIZABLE 1
#define PG_READ_ONLY 2

/*
 * A session that shares a snapshot may wait for a lock behind somebody who waits for one that another of these sessions holds,
 * which waits for this one, here: a deadlock of which the source knows nothing.
 */
#define PG_LOCK_SECONDS 10
#define PG_HELPER_LOCK_SECONDS 1

/* The savepoint in front of a statement that may be stopped, as a level: the core's own begin at 2. */
#define PG_GUARD 1

typedef struct PgCommand
{
	PgCommandKind kind;
	int			number;
	PgStatement *statement;
} PgCommand;

typedef struct PgSession
{
	PGconn	   *conn;
	int			connection;		/* counts the session's connections */
	bool		proven;			/* a statement has ended well on this connection */
	CkStmtCache *statements;
	int			last_number;	/* of a statement's name */
	bool		in_transaction; /* CK_BEGIN was told; the source knows once the queue has gone */
	int			level;			/* of the innermost savepoint; 1: none */
	bool		broken;			/* of no more use */
	bool		owed;			/* a command was sent whose reply nobody has read yet */
	bool		busy;			/* a statement's results have not been read to their end */
	bool		guarded;		/* that statement stands behind the savepoint PG_GUARD */
	bool		undone;			/* which will be rolled back to, whatever becomes of the statement */
	bool		loading;		/* it is a COPY whose rows may go on: postgres_load_end() */
	bool		changing;		/* that statement changes or locks rows: who stops it gives the transaction up */
	CkScan	   *scan;			/* whose statement that is; NULL once nobody wants its rows */
	char		snapshot[64];	/* exported or joined by the transaction; "" none */

	/* the first sent commands are on their way with the statement, of which the first done are done */
	PgCommand  *queue;
	int			length;
	int			room;
	int			sent;
	int			done;
} PgSession;

/* Whether an INSERT may be done by COPY. */
typedef enum PgLoad
{
	PG_LOAD_FIRST,				/* it has not run yet: the first time it locks its table */
	PG_LOAD_UNKNOWN,			/* the source has not been asked */
	PG_LOAD_NOT,
	PG_LOAD_FITS
} PgLoad;

typedef struct PgScan
{
	PgStatement *statement;		/* NULL: COPY */
	PgLoad		load;
	bool		lasts;			/* COPY may wait for rows as long as these need */
	uint64_t	loaded;			/* values that the COPY at hand was given */
	bool		started;		/* its statement's own results are being read */
	bool		stale;			/* its statement turned out to be of no more use */
	uint64_t	rows;			/* of this execution */

	/* arguments as libpq wants them, in one block */
	void	   *block;
	size_t		block_size;
	const char **values;
	int		   *lengths;
	int		   *formats;

	/* rows of a prepared statement */
	PGresult   *result;
	int			next;			/* row in result */

	/* the stream of COPY: what is unread stands from p to end, in message or in carry */
	bool		header_read;
	char	   *message;
	char	   *carry;
	size_t		carry_size;
	const char *p;
	const char *end;
} PgScan;

static inline PgSession *
postgres_session(CkSession *session)
{
	return (PgSession *) session->state;
}

/* session.c */
extern CkStatus postgres_session_open(CkSession *session);
extern CkStatus postgres_session_reopen(CkSession *session);
extern bool postgres_session_alive(CkSession *session);
extern void postgres_session_close(CkSession *session);

/* check.c */
extern CkStatus postgres_session_check(CkSession *session);

/* transaction.c */
extern CkStatus postgres_transaction(CkSession *session, CkEvent event, int level);
extern CkStatus postgres_session_cancel(CkSession *session);
extern CkStatus postgres_session_export(CkSession *session, char *name, size_t size);
extern CkStatus postgres_session_import(CkSession *session, const char *name);
extern bool postgres_enqueue(PgSession *pg, int place, PgCommand command);
extern void postgres_dequeue(PgSession *pg, int place);
extern void postgres_order_queue(PgSession *pg);
extern char *postgres_queue_text(const PgSession *pg, const char *statement);
extern int	postgres_command_text(const PgSession *pg, const PgCommand *command, char *buffer, size_t size);
extern CkStatus postgres_acknowledge(CkSession *session);
extern void postgres_forget_done(PgSession *pg);
extern CkStatus postgres_finish(CkSession *session, bool wait);
extern CkStatus postgres_stop(CkSession *session, bool transaction_ends);
extern CkStatus postgres_unguard(CkSession *session);
extern CkStatus postgres_flush_queue(CkSession *session);
extern CkStatus postgres_refused(CkSession *session, PGresult *result);

/* wire.c */
extern CkStatus postgres_wait(CkSession *session);
extern CkStatus postgres_result(CkSession *session, PGresult **result);
extern CkStatus postgres_send(CkSession *session, const char *sql);
extern CkStatus postgres_settle(CkSession *session);
extern bool postgres_is_good(const PGresult *result);
extern CkStatus postgres_send_cancel(CkSession *session);
extern CkStatus postgres_lost(CkSession *session);
extern CkStatus postgres_fail(CkSession *session, const PGresult *result);
extern CkStatus postgres_tell(CkSession *session, const char *sqlstate, const char *message, const char *detail,
							  const char *hint);

/* scan.c */
extern void postgres_statement_drop(void *owner, void *stmt);
extern CkStatus postgres_scan_open(CkScan *scan);
extern CkStatus postgres_scan_next(CkScan *scan, CkRow *row);
extern bool postgres_scan_pending(CkScan *scan, int *socket);
extern CkStatus postgres_scan_rescan(CkScan *scan);
extern void postgres_scan_close(CkScan *scan);

extern CkStatus postgres_scan_end(CkScan *scan);

/* copy.c */
extern bool postgres_send_copy(CkScan *scan);
extern CkStatus postgres_copy_next(CkScan *scan, CkRow *row);
extern void postgres_put(CkRow *row, uint32_t column, CkType type, const char *p, uint32_t size);

/* describe.c */
extern CkStatus postgres_describe(CkSession *session, const char *sql, CkCatalog *catalog);
extern CkStatus postgres_ask(CkSession *session, const char *sql, PGresult **rows);

/* load.c */
extern CkStatus postgres_load_judge(CkScan *scan);
extern CkStatus postgres_load_send(CkScan *scan);
extern CkStatus postgres_load_more(CkScan *scan);
/* Tells the source that it has all rows of its COPY, if there is one that waits for more. */
extern CkStatus postgres_load_end(CkSession *session);

/* dialect.c */
extern const CkSql postgres_sql;

#endif							/* CK_POSTGRES_H */
