/*
 * scan.h: reading rows from a source; the one way for queries, discovery and later synchronisation.
 */
#ifndef CONNKIT_SCAN_H
#define CONNKIT_SCAN_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "portability/instr_time.h"
#include "utils/jsonb.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

#include "query_log.h"
#include "session.h"
#include "value.h"

typedef struct SourceScan
{
	CkScan		pub;			/* what the connector sees; must be first */
	MemoryContext context;		/* holds the scan; when it goes, the scan ends */
	MemoryContext row_context;	/* for values of rows read ahead into the spool */
	MemoryContextCallback callback;
	dlist_node	node;			/* in the session's scans, while open */
	Oid			serverid;
	Oid			userid;
	bool		share;			/* other scans of the source run beside this one */
	bool		own_sql;		/* the request has a text of a user's, which is to read and may yet change something */
	const char *snapshot;		/* name of the one that the source is to be read in; NULL: the transaction's own */
	bool		alone;			/* no other scan of this transaction needs the same snapshot of the source */
	int64		query_timeout_ms;	/* the table's, over the server's */
	uint64		max_rows;		/* that may be received; PG_UINT64_MAX: no limit */
	uint64		max_bytes;
	Session    *session;		/* while open */
	bool		tried;			/* a lock, or a connection, that is not to be had is no error: scan_try() */
	bool		refused;		/* that was so */
	bool		failed;			/* spooling it failed: rows are lost, and it must not be read on */
	ResourceOwner owner;		/* of the query that reads, for the spool's files */
	bool		open;			/* scan_open was called, scan_close not yet */
	bool		begun;			/* a row was given to who reads */
	bool		ended;			/* the source gave its last row */
	CommandId	command;		/* a change: that makes it; else the first whose changes the reader must not see, or invalid */
	bool		native;			/* values come in PostgreSQL's binary form */
	CkRow		row;
	const char *sql;			/* the request in the server's encoding */
	const char *plain_table;	/* so the table's name, or NULL */
	ValueReader *readers;		/* one a column */
	int		   *attributes;		/* 0-based place of each column in the caller's arrays */
	uint64		rows;
	uint64		bytes_told;		/* of pub.bytes, into scan_bytes */
	Oid			role;			/* who made the scan */
	bool		timed;			/* count the time spent waiting for the connector */
	bool		logged;			/* the execution at hand is for the query log */
	TimestampTz started;		/* when that one began, if so, and the figures before it */
	uint64		rows_before;
	uint64		bytes_before;
	instr_time	time_before;
	instr_time	remote_time;
	Oid			table;			/* the foreign table that is read; set by who made the scan, or invalid */
	const char *relation;		/* name for errors, or NULL */
	int			converting;		/* column being converted, for errors; -1 none */

	/* where another scan needed the connection: what was left of this one, on disk beyond work_mem */
	Tuplestorestate *spool;
	TupleDesc	spool_desc;
	TupleTableSlot *spool_slot;
	bool		spooled_whole;	/* from its first row */
} SourceScan;

/* What the options of a server and a foreign table say of a scan. */
typedef struct SourceOptions
{
	Oid			owner;			/* the server's */
	List	   *server;			/* of DefElem */
	List	   *table;
	bool		has_paths;		/* they name files, which may not be allowed any more */
	void	   *parsed;			/* the connector's own */
	CommonOptions common;
	uint64		max_rows;		/* PG_UINT64_MAX: any number */
	uint64		max_bytes;
} SourceOptions;

/* They live in the current memory context; table_options may be NIL. */
extern SourceOptions *source_options(Oid serverid, List *table_options);

/* Whether conditions on a table's columns depend on their types at the source, which are told by the option source_type. */
extern bool source_is_typed(Oid serverid, const char *schema, const char *table);

/* Text of this database as a connector is told it; NULL stays NULL. */
extern const char *scan_utf8(const char *text);

/*
 * A scan in a memory context of its own below the current one; nothing is sent before the first scan_next().
 * options: lists of DefElem, server, user mapping (may be NIL: taken from the session) and table. columns is borrowed.
 */
extern SourceScan *scan_new(Oid serverid, Oid userid, const SourceOptions *options, const char *remote, int ncolumns,
							const CkColumn *columns, const Oid *types, const int32 *typmods, const int *attributes,
							uint32 flags);
/* For scans on a session at hand (discovery): no foreign server is looked up. */
extern SourceScan *scan_new_on(Session *session, const char *remote, int ncolumns, const CkColumn *columns,
							   const Oid *types);

/* The next row: values and isnull of the columns' attributes are set, in the current memory context. False: no more. */
extern bool scan_next(SourceScan *scan, Datum *values, bool *isnull);

/* Sends the request, if that was not done. */
extern void scan_start(SourceScan *scan);
/* Whether a scan that was started waits for its first row still. *socket: where its bytes come from, or -1. */
extern bool scan_pending(SourceScan *scan, int *socket);
/* ERROR unless the socket has something at once: query_timeout has passed. */
extern void scan_expire(SourceScan *scan, int socket);

/* From the first row again, with args if the request has placeholders; args are borrowed until the next call. */
extern void scan_restart(SourceScan *scan, const CkValue *args, int nargs);

/* From the first row again, without asking the source; false where not all rows are here. */
extern bool scan_rewind(SourceScan *scan);

/* Runs a change that returns no rows, or none that are wanted; the rows affected, -1 where the source does not say. A change
 * that returns rows is begun by scan_restart() and read to its end by scan_next(). */
extern int64 scan_change(SourceScan *scan, const CkValue *args, int nargs);

/* The same in two: the source works at the change that was begun, while the caller does something else; args may go. */
extern void scan_change_begin(SourceScan *scan, const CkValue *args, int nargs);
/* Adds rows to an INSERT that was begun; false: it takes no more, and is to be ended. */
extern bool scan_change_more(SourceScan *scan, const CkValue *args, int nargs);
extern int64 scan_change_end(SourceScan *scan);

/* Reads a scan to its end, and forgets its rows; false where the source has no connection left for it, or does not give it the
 * lock that it needs. */
extern bool scan_try(SourceScan *scan);

/* Ends the scan, stops the source's work on it, and frees it. */
extern void scan_end(SourceScan *scan);

/* For the session that closes: ends what the connector holds of the scan, without a word to the source. */
extern void scan_detach(SourceScan *scan);

/* Reads the rest of the scan into a tuplestore, so that its session is free for another. */
extern void scan_spool(SourceScan *scan);

/* For who has to read all there is: takes the limits of max_rows and max_bytes away. */
extern void scan_lift_limits(SourceScan *scan);

/* The foreign table whose scans have no limits: that which a sync reads at this moment; or invalid. */
extern Oid	scan_unlimited_table;

/* Received by all scans of this backend that have ended. */
extern uint64 scan_bytes;

/*
 * Set by who can do without rows of a foreign table whose values cannot be converted: every row of it is then converted in a
 * subtransaction of its own, and one that cannot be is told, as a JSON object of what the source gave, with the column (or
 * NULL) and the error, and left out. NULL: nobody.
 */
typedef struct ScanRejecter
{
	Oid			table;
	void		(*reject) (void *arg, Jsonb *row, const char *column, ErrorData *error);
	void	   *arg;
} ScanRejecter;

extern const ScanRejecter *scan_rejecter;

/* Set by who has a foreign table's rows read out of a message, from planning on: the source is not asked. NULL: nobody. */
typedef struct ScanMessage
{
	Oid			table;
	const CkMessage *message;
} ScanMessage;

extern const ScanMessage *scan_message;

/* The message where that is so of this foreign table; or NULL. */
extern const CkMessage *scan_message_of(Oid table);

/* Has the connector look at a message to a table's webhook (CkConnector.receive), as the user. ERROR where it fails. */
extern void scan_receive(Oid serverid, Oid userid, const char *schema, const char *table, CkMessage *message);

#endif							/* CONNKIT_SCAN_H */
