/*
 * session.h: what the files of the mysql connector know of each other.
 */
#ifndef CK_MYSQL_SESSION_H
#define CK_MYSQL_SESSION_H

#include "connkit.h"
#include "library.h"
#include "stmt_cache.h"

typedef struct MysqlOptions
{
	const char *host;
	int64_t		port;
	const char *dbname;
	const char *sslmode;
	const char *sslrootcert;
	const char *sslcert;
	const char *sslkey;
	const char *zero_date;
	bool		window_functions;
	const char *user;
	const char *password;
} MysqlOptions;

/* A column of the type BIT. */
typedef struct MysqlBits
{
	char		name[256];
	uint32_t	width;
} MysqlBits;

/* What is known of a table that was to be changed. */
typedef struct MysqlTable
{
	struct MysqlTable *next;
	bool		transactional;	/* its engine can undo changes */
	char	   *name;			/* the condition that finds it in information_schema */
	MysqlBits  *bits;			/* its columns of the type BIT */
	uint32_t	nbits;
} MysqlTable;

typedef struct MysqlSession
{
	MYSQL	   *mysql;
	char		address[128];	/* numeric, or the path of a socket; where it is known already, connect to that */
	CkStmtCache *statements;
	MYSQL_STMT *active;			/* its result was not read to the end */
	bool		used;			/* statements ran since the last COMMIT or ROLLBACK */
	bool		reply_due;		/* the reply to a COMMIT or ROLLBACK was not read yet */
	bool		broken;			/* not to be used again */

	/* changes */
	bool		in_transaction; /* CK_BEGIN was told */
	bool		autocommit;		/* what the source has of that setting */
	bool		read_only;		/* what its transactions are, unless the source is told otherwise */
	int			level;			/* of the local transaction's nesting */
	int			savepoints;		/* up to this level the source has savepoints; 1: none */
	bool		changed;		/* the transaction has changed something that can be undone */
	bool		rolled_back;	/* the source has undone the whole transaction by itself */
	bool		guarded;		/* what a query may have changed is to be undone before anything else */
	bool		spent;			/* not to be used by another transaction */
	uint64_t	max_packet;		/* the source's max_allowed_packet; 0: not asked yet */
	MysqlTable *tables;

	/* a call under way, that waits for the server */
	int			(*resume) (struct MysqlSession *state, int events);
	int			events;			/* what it waits for; 0: no call is under way */
	MYSQL_STMT *stmt;			/* of that call */
	int			result;			/* of the last call that ended */
	LibraryBool flag;
	MYSQL_RES  *rows;
} MysqlSession;

/* dialect.c: what stands between the two in a request only serves to use an index */
#define HINT_BEGIN "/*index*/"
#define HINT_END "/*exact*/"
extern const CkSql mysql_sql;

/* The dialect as the server's options want it. */
extern const CkSql *mysql_dialect(const CkConnector *connector, const void *options, const char *schema_name,
								  const char *table_name);

/* connect.c: a connection by the session's options; the caller closes mysql. Without stages nothing is told of them. */
extern CkStatus mysql_connect(CkSession *session, MYSQL *mysql, bool stages);

/* call.c: calls that wait. CK_OK: the call ended, well or not as its result says; else it is still under way. */
extern CkStatus call_prepare(CkSession *session, MYSQL_STMT *stmt, const char *sql);
extern CkStatus call_execute(CkSession *session, MYSQL_STMT *stmt);
extern CkStatus call_fetch(CkSession *session, MYSQL_STMT *stmt);

/* Starts to skip the rest of a result; false: the server has more to say, call_finish() waits for it. */
extern bool call_skip_result(MysqlSession *state, MYSQL_STMT *stmt);
/* Runs a statement of no arguments and stores its rows, which the caller frees; rows may be NULL. Tells errors. */
extern CkStatus call_query(CkSession *session, const char *sql, MYSQL_RES **rows);
/* Sends a statement of no rows without waiting; false: the connection is gone. */
extern bool call_send(MysqlSession *state, const char *sql);
/* Reads the reply to what call_send() sent, if one is due. Tells errors. */
extern CkStatus call_settle(CkSession *session);
/* Waits for the end of the call under way, if there is one. */
extern CkStatus call_finish(CkSession *session);
/* Ends the call under way by cutting the connection. */
extern void call_abort(MysqlSession *state);

/* Tells an error of the library or the server under its class. */
extern CkStatus call_fail(CkSession *session, unsigned int code, const char *sqlstate, const char *message);
extern CkStatus call_fail_stmt(CkSession *session, MYSQL_STMT *stmt);

/* value.c: one column of a result on its way, and the arguments of a statement */
typedef struct Cell
{
	int			form;			/* how it is put: CELL_* of value.c */
	const char *name;
	bool		zero_is_null;	/* a date that does not exist is NULL, not an error */
	uint32_t	width;			/* of a BIT, in bits */
	unsigned long length;		/* of the value at hand, in bytes */
	LibraryBool null;
	LibraryBool truncated;
	union
	{
		int64_t		i;
		double		d;
		float		f;
		MYSQL_TIME	t;
	}			value;
	char	   *buffer;			/* of a value that has a length */
	size_t		size;
	char	   *text;			/* what the value was rewritten to */
	size_t		text_size;
} Cell;

extern CkStatus cell_init(CkSession *session, Cell *cell, const CkColumn *column, const MYSQL_FIELD *field,
						  MYSQL_BIND *bind, bool zero_is_null);
extern bool cell_grow(Cell *cell, MYSQL_BIND *bind);
extern CkStatus cell_put(CkSession *session, Cell *cell, CkRow *row, uint32_t column);
extern void cell_free(Cell *cell);

/* An argument in the form that the library sends. */
typedef union Argument
{
	int64_t		i;
	double		d;
	float		f;
	MYSQL_TIME	t;
} Argument;

extern CkStatus argument_bind(CkSession *session, const CkValue *value, Argument *argument, MYSQL_BIND *bind);
/* The same for a value that is stored in a column of the type BIT, which takes any text for bytes. */
extern CkStatus argument_bind_bits(CkSession *session, const CkValue *value, const MysqlBits *bits, Argument *argument,
								   MYSQL_BIND *bind);

/* scan.c */
typedef struct MysqlScan
{
	MYSQL_STMT *stmt;
	bool		cached;			/* stmt belongs to the session's cache */
	char	   *plain;			/* the request without what serves an index, once the source has refused that */
	uint32_t   *places;			/* the scan's argument for each placeholder of plain */
	uint32_t	nplaces;
	MYSQL_BIND *params;
	Argument   *arguments;
	uint32_t	nparams;		/* room in both */
	MYSQL_BIND *binds;
	Cell	   *cells;
	uint32_t	ncells;
	uint32_t	fixed_bytes;	/* of a row, those of its columns without a length */
	const MysqlTable *table;	/* that a change is of */
	bool		concat;			/* the request has GROUP_CONCAT() */
	bool		ended;			/* a change without rows, that is done */
	uint64_t	rows;			/* that a change returned */
	bool		grown;			/* a cell has a larger buffer, of which the library is told before the next row */
} MysqlScan;

extern CkStatus mysql_scan_open(CkScan *scan);
extern CkStatus mysql_scan_next(CkScan *scan, CkRow *row);
extern CkStatus mysql_scan_rescan(CkScan *scan);
extern void mysql_scan_close(CkScan *scan);

/* change.c: what only changes need */

/* Makes the session ready for a change; refuses what could not be undone, or would be stored as something else. */
extern CkStatus change_begin(CkScan *scan);
/* The column of the type BIT that an argument is stored in, or NULL. */
extern const MysqlBits *change_bits(const CkScan *scan, uint32_t arg);
/* Refuses arguments that are more than the source takes at once: it would end the connection. */
extern CkStatus change_check_size(CkScan *scan, const MYSQL_BIND *params, uint32_t count);
/* Whether the statement failed by a key, where that is no error. */
extern bool change_skips(const CkScan *scan, MYSQL_STMT *stmt);
/* The change was done: how it went. */
extern CkStatus change_end(CkScan *scan, unsigned int warnings, unsigned int server_status);
extern void change_forget_tables(MysqlSession *state);

/* concat.c */

/* Whether the scan's request has GROUP_CONCAT(); if so, sees to it that max_packet is known. */
extern CkStatus concat_begin(CkScan *scan, bool *concat);
/* Tells that a value was cut. */
extern CkStatus concat_fail(CkScan *scan);
/* All rows were read, with warnings: an error where one of them says that a value was cut. */
extern CkStatus concat_end(CkScan *scan);

/* session.c */

/* Sets the savepoints that the local transaction's nesting asks for. */
extern CkStatus session_nest(CkSession *session);
/* Sets a savepoint before a query that is to change nothing, and undoes what it has changed; the latter without a query before
 * does nothing. */
extern CkStatus session_guard(CkSession *session);
extern CkStatus session_unguard(CkSession *session);
/* Finds out whether the source has undone the whole transaction, after an error of that status, which it returns. */
extern CkStatus session_after_failure(CkSession *session, CkStatus status);
/* Sees to it that a statement is a transaction of its own, or that it is not. */
extern CkStatus session_autocommit(CkSession *session, bool on);
extern CkStatus mysql_session_open(CkSession *session);
extern bool mysql_session_alive(CkSession *session);
extern void mysql_session_close(CkSession *session);
extern CkStatus mysql_session_cancel(CkSession *session);
extern CkStatus mysql_transaction(CkSession *session, CkEvent event, int level);

/* describe.c */
extern CkStatus mysql_describe(CkSession *session, const char *sql, CkCatalog *catalog);

/* check.c */
extern CkStatus mysql_session_check(CkSession *session);

#endif							/* CK_MYSQL_SESSION_H */
