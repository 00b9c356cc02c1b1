/*
 * sqlite.c: SQLite database files, read and, where the server is updatable, changed in this process by libsqlite3.
 */
#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sqlite.h"
#include "stmt_cache.h"

#if SQLITE_VERSION_NUMBER < 3031000
#error "SQLite 3.31 or later is needed"
#endif

/* SQLite's own steps between two looks at cancel and deadline: well below a millisecond. */
#define STEPS_PER_POLL 5000

typedef struct SqliteOptions
{
	const char *path;
	int64_t		busy_timeout;	/* seconds */
} SqliteOptions;

static const CkOption sqlite_options[] = {
	{.name = "path", .type = CK_OPT_FILE, .where = CK_ON_SERVER | CK_REQUIRED, .offset = offsetof(SqliteOptions, path),
		.help = "database file: an absolute path without symbolic links"},
	{.name = "busy_timeout", .type = CK_OPT_INTEGER, .where = CK_ON_SERVER, .offset = offsetof(SqliteOptions, busy_timeout),
		.initial = "10", .max = 86400, .help = "seconds to wait for another process that locks the database"},
	{.name = NULL}
};

typedef struct SqliteSession
{
	sqlite3    *db;
	bool		begun;			/* a transaction was told of: it begins with its first statement */
	int			level;			/* so were the savepoints up to this one */
	int			level_set;		/* that are set */
	CkStmtCache *cache;
	struct stat file;			/* as it was when it was opened */
	CkStatus	interrupt;		/* what made a callback stop SQLite, already told */
	int64_t		busy_since_ms;
	int			changes;		/* SQLite's count of all changes, before the last statement began */
} SqliteSession;

/* Tells that a key or a condition of the table forbids a change. */
static CkStatus
sqlite_fail_constraint(CkSession *session, const char *message)
{
	static const struct
	{
		int			code;
		const char *sqlstate;
	}			states[] = {
		{SQLITE_CONSTRAINT_PRIMARYKEY, "23505"}, {SQLITE_CONSTRAINT_ROWID, "23505"}, {SQLITE_CONSTRAINT_UNIQUE, "23505"},
		{SQLITE_CONSTRAINT_NOTNULL, "23502"}, {SQLITE_CONSTRAINT_FOREIGNKEY, "23503"}, {SQLITE_CONSTRAINT_CHECK, "23514"}
	};
	SqliteSession *sqlite = session->state;
	CkStatus	status = ck_fail(session, CK_ERR_CONSTRAINT, "%s", message);

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (sqlite3_extended_errcode(sqlite->db) == states[i].code)
			ck_sqlstate(session, states[i].sqlstate);
	return status;
}

/* Tells the error that SQLite has at hand, in its class. */
static CkStatus
sqlite_fail(CkSession *session)
{
	SqliteSession *sqlite = session->state;
	const char *message = sqlite3_errmsg(sqlite->db);
	CkStatus	status = sqlite->interrupt;

	sqlite->interrupt = CK_OK;
	if (status != CK_OK)
		return status;
	switch (sqlite3_errcode(sqlite->db))
	{
		case SQLITE_CONSTRAINT:
			return sqlite_fail_constraint(session, message);
		case SQLITE_BUSY:
		case SQLITE_LOCKED:
			/* what was read is no longer so: waiting does not help, only a new transaction does */
			if (sqlite3_extended_errcode(sqlite->db) == SQLITE_BUSY_SNAPSHOT)
			{
				status = ck_fail(session, CK_ERR_BUSY, "another process has changed the database since it was read");
				ck_sqlstate(session, "40001");
				ck_hint(session, "Run the transaction again.");
				return status;
			}
			status = ck_fail(session, CK_ERR_BUSY, "%s", message);
			ck_sqlstate(session, "55P03");
			ck_hint(session, "Another process is changing the database; try again, or raise the option busy_timeout.");
			return status;
		case SQLITE_CANTOPEN:
			if (sqlite3_extended_errcode(sqlite->db) == SQLITE_CANTOPEN_SYMLINK)
				return ck_fail(session, CK_ERR_DATABASE, "the path of the file contains a symbolic link");
			status = ck_fail(session, CK_ERR_DATABASE, "%s", message);
			ck_hint(session, "The operating system user of the server must be able to read the file and to search its "
					"folder.");
			return status;
		case SQLITE_READONLY:
			status = ck_fail(session, CK_ERR_DATABASE, "%s", message);
			ck_hint(session, "A database in WAL mode that no process has open, or one that a crash left behind, can be "
					"read only by who may write its folder.");
			return status;
		case SQLITE_NOTADB:
			return ck_fail(session, CK_ERR_DATABASE, "the file is not an SQLite database, or is encrypted");
		case SQLITE_CORRUPT:
			status = ck_fail(session, CK_ERR_PROTOCOL, "%s", message);
			ck_hint(session, "Look at the database with PRAGMA integrity_check.");
			return status;
		case SQLITE_IOERR:
		case SQLITE_PROTOCOL:
			return ck_fail(session, CK_ERR_LOST, "%s", message);
		case SQLITE_NOMEM:
			return ck_fail(session, CK_ERR_MEMORY, "%s", message);
		case SQLITE_TOOBIG:
			return ck_fail(session, CK_ERR_DATA, "%s", message);
		default:
			return ck_fail(session, strncmp(message, "no such table", 13) == 0 ||
						   strncmp(message, "no such column", 14) == 0 ? CK_ERR_NOT_FOUND : CK_ERR_QUERY, "%s", message);
	}
}

void
sqlite_function_fail(sqlite3_context *context, CkStatus status)
{
	SqliteSession *sqlite = ((CkSession *) sqlite3_user_data(context))->state;

	sqlite->interrupt = status;
	sqlite3_result_error(context, "a value does not fit", -1);
}

/* SQLite's progress handler: anything but 0 stops the statement. */
static int
sqlite_poll(void *arg)
{
	CkSession  *session = arg;
	SqliteSession *sqlite = session->state;

	sqlite->interrupt = ck_interrupted(session);
	return sqlite->interrupt != CK_OK;
}

/* SQLite's busy handler, called anew while a lock is not to be had: 0 gives up. */
static int
sqlite_busy(void *arg, int calls)
{
	CkSession  *session = arg;
	SqliteSession *sqlite = session->state;
	const SqliteOptions *options = session->options;
	struct timespec moment = {.tv_nsec = calls < 10 ? 1000000 : 10000000};

	if (calls == 0)
		sqlite->busy_since_ms = ck_now_ms(session);
	if (ck_now_ms(session) - sqlite->busy_since_ms >= options->busy_timeout * 1000)
		return 0;
	nanosleep(&moment, NULL);
	return sqlite_poll(session) == 0;
}

static void
sqlite_drop_statement(void *owner, void *stmt)
{
	sqlite3_finalize(stmt);
}

/* Takes from the connection what neither a reader needs nor a hostile file or query should have. */
static void
sqlite_harden(sqlite3 *db)
{
	static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
		SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER};

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		sqlite3_db_config(db, off[i], 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
}

/* Reads the header: here a file shows that it is no database. Text in UTF-16 would sort otherwise. */
static CkStatus
sqlite_check_encoding(CkSession *session)
{
	SqliteSession *sqlite = session->state;
	sqlite3_stmt *stmt = NULL;
	CkStatus	status = CK_OK;

	if (sqlite3_exec(sqlite->db, "PRAGMA cell_size_check = 1", NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(sqlite->db, "PRAGMA encoding", -1, &stmt, NULL) != SQLITE_OK ||
		sqlite3_step(stmt) != SQLITE_ROW)
		status = sqlite_fail(session);
	else if (strcmp((const char *) sqlite3_column_text(stmt, 0), "UTF-8") != 0)
	{
		status = ck_fail(session, CK_ERR_UNSUPPORTED, "the database holds its text in UTF-16");
		ck_hint(session, "Copy it into a database in UTF-8: sqlite3 old .dump | sqlite3 new");
	}
	sqlite3_finalize(stmt);
	return status;
}

/* Opens the file, which must be a regular one: anything else might block. */
static CkStatus
sqlite_session_open(CkSession *session)
{
	SqliteSession *sqlite = session->state;
	const SqliteOptions *options = session->options;

	ck_stage(session, CK_STAGE_CONNECT, options->path);
	if (options->path[0] != '/')
		return ck_fail(session, CK_ERR_OPTION, "option \"path\" must be an absolute path");
	if (stat(options->path, &sqlite->file) != 0)
		return ck_fail(session, CK_ERR_DATABASE, "file \"%s\": %s", options->path, strerror(errno));
	if (!S_ISREG(sqlite->file.st_mode))
		return ck_fail(session, CK_ERR_DATABASE, "\"%s\" is not a regular file", options->path);
	sqlite->cache = ck_stmt_cache_new(sqlite_drop_statement, NULL);
	if (sqlite->cache == NULL)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	if (sqlite3_open_v2(options->path, &sqlite->db,
						(session->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOFOLLOW |
						SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return sqlite_fail(session);
	sqlite_harden(sqlite->db);
	sqlite3_progress_handler(sqlite->db, STEPS_PER_POLL, sqlite_poll, session);
	sqlite3_busy_handler(sqlite->db, sqlite_busy, session);
	if (sqlite_add_functions(sqlite->db) != SQLITE_OK || sqlite_add_typed(session, sqlite->db) != SQLITE_OK)
		return sqlite_fail(session);
	return sqlite_check_encoding(session);
}

/* False where the path now names another file. */
static bool
sqlite_session_alive(CkSession *session)
{
	const SqliteSession *sqlite = session->state;
	const SqliteOptions *options = session->options;
	struct stat file;

	return stat(options->path, &file) == 0 && file.st_dev == sqlite->file.st_dev && file.st_ino == sqlite->file.st_ino;
}

static void
sqlite_session_close(CkSession *session)
{
	SqliteSession *sqlite = session->state;

	ck_stmt_cache_free(sqlite->cache);
	sqlite3_close_v2(sqlite->db);
	memset(sqlite, 0, sizeof(*sqlite));
}

static CkStatus
sqlite_session_check(CkSession *session)
{
	SqliteSession *sqlite = session->state;
	const SqliteOptions *options = session->options;
	char		version[64];

	ck_stage(session, CK_STAGE_QUERY, NULL);
	if (sqlite3_exec(sqlite->db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(session);
	sqlite3_snprintf(sizeof(version), version, "SQLite %s", sqlite3_libversion());
	ck_server_version(session, version);
	ck_stage(session, CK_STAGE_PRIVILEGES, access(options->path, W_OK) == 0 ?
			 "opened read-only, though the file's permissions would allow to write" :
			 "opened read-only, as the file's permissions demand");
	return CK_OK;
}

static CkStatus
sqlite_run(CkSession *session, const char *sql)
{
	SqliteSession *sqlite = session->state;

	return sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CK_OK : sqlite_fail(session);
}

/*
 * Begins the transaction that was told of, and its savepoints. Before a change, or before rows are read that will be changed, it
 * takes the lock that only one may have: who has read already might have to wait for ever for those who read beside him.
 */
static CkStatus
sqlite_begin(CkSession *session, uint32_t flags)
{
	SqliteSession *sqlite = session->state;
	bool		changes = (flags & (CK_SCAN_CHANGE | CK_SCAN_LOCK)) && !session->read_only;
	char		sql[64];
	CkStatus	status = CK_OK;

	if (sqlite->begun && sqlite3_get_autocommit(sqlite->db))
		status = sqlite_run(session, changes ? "BEGIN IMMEDIATE" : "BEGIN");
	/* savepoints mean nothing to who only reads */
	while (status == CK_OK && !session->read_only && sqlite->level_set < sqlite->level)
	{
		sqlite3_snprintf(sizeof(sql), sql, "SAVEPOINT s%d", sqlite->level_set + 1);
		status = sqlite_run(session, sql);
		if (status == CK_OK)
			sqlite->level_set++;
	}
	return status;
}

/* Releases the savepoint, after a rollback to it where that is what happens. */
static CkStatus
sqlite_savepoint_end(CkSession *session, CkEvent event, int level)
{
	SqliteSession *sqlite = session->state;
	char		sql[64];
	CkStatus	status = CK_OK;

	if (sqlite->level_set >= level)
	{
		if (event == CK_ROLLBACK_TO)
		{
			sqlite3_snprintf(sizeof(sql), sql, "ROLLBACK TO s%d", level);
			status = sqlite_run(session, sql);
		}
		sqlite3_snprintf(sizeof(sql), sql, "RELEASE s%d", level);
		if (status == CK_OK)
			status = sqlite_run(session, sql);
		sqlite->level_set = level - 1;
	}
	sqlite->level = level - 1;
	return status;
}

/* One transaction of SQLite's for one of PostgreSQL's. */
static CkStatus
sqlite_transaction(CkSession *session, CkEvent event, int level)
{
	SqliteSession *sqlite = session->state;

	switch (event)
	{
		case CK_BEGIN:
			sqlite->begun = true;
			sqlite->level = sqlite->level_set = 1;
			return CK_OK;
		case CK_SAVEPOINT:
			sqlite->level = level;
			return CK_OK;
		case CK_COMMIT:
		case CK_ABORT:
			sqlite->begun = false;
			if (sqlite3_get_autocommit(sqlite->db))
				return CK_OK;
			return sqlite_run(session, event == CK_COMMIT && session->written ? "COMMIT" : "ROLLBACK");
		default:
			return sqlite_savepoint_end(session, event, level);
	}
}

/* Hands the arguments to the statement, for which reading begins with the first sqlite3_step(). */
static CkStatus
sqlite_start(CkScan *scan)
{
	SqliteSession *sqlite = scan->session->state;
	CkStatus	status = sqlite_check_stored(scan, scan->state);
	int			rc;

	if (status != CK_OK)
		return status;
	if (sqlite3_bind_parameter_count(scan->state) != (int) scan->nargs)
		return ck_fail(scan->session, CK_ERR_QUERY, "the query has %d placeholders for %u values",
					   sqlite3_bind_parameter_count(scan->state), scan->nargs);
	rc = sqlite_bind(scan, scan->state);
	scan->round_trips++;
	scan->affected = 0;
	sqlite->changes = sqlite3_total_changes(sqlite->db);
	if (rc != SQLITE_OK)
		return ck_fail(scan->session, CK_ERR_DATA, "a value of the condition cannot be told to SQLite: %s",
					   sqlite3_errstr(rc));
	return CK_OK;
}

CkStatus
sqlite_prepare(CkSession *session, const char *sql, sqlite3_stmt **stmt)
{
	SqliteSession *sqlite = session->state;
	const char *tail = "";

	if (sqlite3_prepare_v3(sqlite->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, &tail) != SQLITE_OK)
		return sqlite_fail(session);
	if (*tail == '\0')
		return CK_OK;
	sqlite3_finalize(*stmt);
	return ck_fail(session, CK_ERR_QUERY, "the query does not end where it should");
}

/* Prepares the scan's request, so that an index can serve its order. */
static CkStatus
sqlite_prepare_scan(CkScan *scan, sqlite3_stmt **stmt)
{
	CkStatus	status = sqlite_prepare(scan->session, scan->remote, stmt);
	char	   *plain = status == CK_OK ? sqlite_plain_order(scan, *stmt) : NULL;

	if (plain)
	{
		sqlite3_finalize(*stmt);
		status = sqlite_prepare(scan->session, plain, stmt);
		sqlite3_free(plain);
	}
	return status;
}

/* Takes the statement from the cache, or prepares it. */
static CkStatus
sqlite_scan_open(CkScan *scan)
{
	SqliteSession *sqlite = scan->session->state;
	sqlite3_stmt *stmt;
	CkStatus	status = sqlite_begin(scan->session, scan->flags);

	if (status != CK_OK)
		return status;
	stmt = ck_stmt_cache_get(sqlite->cache, scan->remote);
	if (stmt == NULL)
	{
		status = sqlite_prepare_scan(scan, &stmt);
		if (status != CK_OK)
			return status;
		(void) ck_stmt_cache_put(sqlite->cache, scan->remote, stmt);
	}
	scan->state = stmt;
	if ((scan->flags & CK_SCAN_UNDO) && !sqlite3_stmt_readonly(stmt))
		return ck_fail(scan->session, CK_ERR_PRIVILEGE, "the query would change the database");
	return sqlite_start(scan);
}

static CkStatus
sqlite_scan_next(CkScan *scan, CkRow *row)
{
	SqliteSession *sqlite = scan->session->state;

	switch (sqlite3_step(scan->state))
	{
		case SQLITE_ROW:
			scan->affected++;
			return sqlite_put_row(scan, scan->state, row);
		case SQLITE_DONE:
			/* what changes no row, as CREATE does, leaves the count of the last change as it is */
			if (!sqlite3_stmt_readonly(scan->state))
				scan->affected = sqlite3_total_changes(sqlite->db) == sqlite->changes ? 0 : sqlite3_changes(sqlite->db);
			return CK_END;
		default:
			return sqlite_fail(scan->session);
	}
}

static CkStatus
sqlite_scan_rescan(CkScan *scan)
{
	sqlite3_reset(scan->state);
	return sqlite_start(scan);
}

/* Gives the statement back to the cache, without the borrowed arguments. */
static void
sqlite_scan_close(CkScan *scan)
{
	SqliteSession *sqlite = scan->session->state;
	sqlite3_stmt *stmt = scan->state;

	if (stmt == NULL)
		return;
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	if (!ck_stmt_cache_unpin(sqlite->cache, stmt))
		sqlite3_finalize(stmt);
	scan->state = NULL;
}

static const CkConnector sqlite_connector = {
	.abi = CK_ABI,
	.caps = CK_DISCOVER | CK_READ | CK_REMOTE | CK_MULTI | CK_WRITE,
	.atomicity = CK_TRANSACTIONAL,
	.name = "sqlite",
	.title = "SQLite",
	.version = "1.0, built with SQLite " SQLITE_VERSION,
	.options = sqlite_options,
	.options_size = sizeof(SqliteOptions),
	.session_size = sizeof(SqliteSession),
	.sql = &sqlite_dialect,
	.session_open = sqlite_session_open,
	.session_alive = sqlite_session_alive,
	.session_close = sqlite_session_close,
	.session_check = sqlite_session_check,
	.transaction = sqlite_transaction,
	.describe = sqlite_describe,
	.scan_open = sqlite_scan_open,
	.scan_next = sqlite_scan_next,
	.scan_rescan = sqlite_scan_rescan,
	.scan_close = sqlite_scan_close,
};

const CkConnector *
connkit_connector(void)
{
	return &sqlite_connector;
}
