/*
 * audit_worker.c: writes an entry of the audit log in a transaction of its own, by a background worker of the moment.
 *
 * The entry lies in a segment of shared memory that the asking backend keeps until it has been taken care of. Who sets
 * the request's state from waiting to anything else is who writes it, as a row or as a line of the server log; so it is
 * written once, whoever is cancelled, ended or late.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "audit.h"
#include "compat.h"

/* Milliseconds that a backend waits: for its turn, for a free worker, for the worker's work, and when it ends. */
#define TURN_MS 3000
#define SLOT_MS 500
#define WORK_MS 5000
#define EXIT_MS 1000
/* Milliseconds that the worker waits for a lock, and that its statement may take. */
#define LOCK_MS 1000
#define STATEMENT_MS 3000

typedef enum RequestState
{
	REQUEST_WAITING,
	REQUEST_TAKEN,				/* the worker sees to it */
	REQUEST_DONE,
	REQUEST_ABANDONED			/* who asked has seen to it himself */
} RequestState;

typedef struct Request
{
	pg_atomic_uint32 state;
	Oid			database;
	int			backend;		/* process to be told */
	char		entry[FLEXIBLE_ARRAY_MEMBER];
} Request;

/* The request of this backend that is on its way; segment is NULL where there is none. */
static struct
{
	dsm_segment *segment;
	BackgroundWorkerHandle *worker;
}			pending;

static bool
request_claim(Request *request, RequestState state)
{
	uint32		waiting = REQUEST_WAITING;

	return pg_atomic_compare_exchange_u32(&request->state, &waiting, state);
}

static void
nap(int ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Waits until the worker is done or gone, at most so long. */
static void
request_wait(int ms)
{
	Request    *request = dsm_segment_address(pending.segment);
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
	pid_t		pid;

	while (pg_atomic_read_u32(&request->state) != REQUEST_DONE && GetCurrentTimestamp() < end)
	{
		BgwHandleStatus status = GetBackgroundWorkerPid(pending.worker, &pid);

		if (status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED)
			break;
		nap(100);
	}
}

/* Lets go of the request; what no worker has begun becomes a line of the log. */
static void
request_end(void)
{
	Request    *request = dsm_segment_address(pending.segment);
	dsm_segment *segment = pending.segment;

	if (request_claim(request, REQUEST_ABANDONED))
	{
		audit_log_line(request->entry);
		TerminateBackgroundWorker(pending.worker);
	}
	pfree(pending.worker);
	pending.segment = NULL;
	dsm_detach(segment);
}

/* Waits for the request and lets go of it, also when the wait is cancelled. */
static void
request_finish(int ms)
{
	PG_TRY();
	{
		request_wait(ms);
	}
	PG_CATCH();
	{
		request_end();
		PG_RE_THROW();
	}
	PG_END_TRY();
	request_end();
}

/* The backend ends: a request on its way gets a moment more. */
static void
requests_exit(int code, Datum arg)
{
	if (pending.segment)
		request_finish(EXIT_MS);
}

/* Starts the worker; false where all places for workers are taken. */
static bool
request_start(const char *entry)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished, .bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_name = "connkit audit", .bgw_type = "connkit audit", .bgw_library_name = "$libdir/connkit",
		.bgw_function_name = "connkit_audit_worker", .bgw_notify_pid = MyProcPid
	};
	Size		size = strlen(entry) + 1;
	dsm_segment *segment = dsm_create(offsetof(Request, entry) + size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	MemoryContext caller;
	Request    *request;
	static bool watched = false;
	bool		started = false;

	if (segment == NULL)
		return false;
	/* not when the module is loaded: that may have been in the postmaster, whose callbacks are not the backend's */
	if (!watched)
		before_shmem_exit(requests_exit, (Datum) 0);
	watched = true;
	request = dsm_segment_address(segment);
	pg_atomic_init_u32(&request->state, REQUEST_WAITING);
	request->database = MyDatabaseId;
	request->backend = MyProcPid;
	memcpy(request->entry, entry, size);
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	for (int ms = 0; ms <= SLOT_MS && !started; ms += 20)
	{
		if (ms > 0)
			nap(20);
		caller = MemoryContextSwitchTo(TopMemoryContext);
		started = RegisterDynamicBackgroundWorker(&worker, &pending.worker);
		MemoryContextSwitchTo(caller);
	}
	if (!started)
	{
		dsm_detach(segment);
		return false;
	}
	dsm_pin_mapping(segment);
	pending.segment = segment;
	return true;
}

static void
turn_tag(LOCKTAG *turn, Oid table)
{
	SET_LOCKTAG_OBJECT(*turn, MyDatabaseId, RelationRelationId, table, 0);
}

/*
 * Takes the turn of this database: those who wait for their worker go one by one, not to use up the places for workers.
 * False where it does not come in time.
 */
static bool
turn_take(LOCKTAG *turn, int ms)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);

	while (LockAcquire(turn, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
	{
		if (GetCurrentTimestamp() >= end)
			return false;
		nap(10);
	}
	return true;
}

void
audit_worker_write(Oid table, const char *entry, bool wait)
{
	volatile bool taken = false;
	volatile bool started = false;
	LOCKTAG		turn;

	turn_tag(&turn, table);
	PG_TRY();
	{
		if (IsUnderPostmaster && !RecoveryInProgress())
		{
			if (pending.segment)
				request_finish(WORK_MS);
			if (!wait && turn_take(&turn, 0))
			{
				/* nobody else is at it: the turn is the worker's */
				LockRelease(&turn, ExclusiveLock, true);
				started = request_start(entry);
			}
			else if ((taken = turn_take(&turn, TURN_MS)))
			{
				started = request_start(entry);
				if (started)
					request_finish(WORK_MS);
			}
		}
	}
	PG_CATCH();
	{
		if (!started)
			audit_log_line(entry);
		if (taken)
			LockRelease(&turn, ExclusiveLock, true);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (!started)
		audit_log_line(entry);
	if (taken)
		LockRelease(&turn, ExclusiveLock, true);
}

/*
 * The worker
 */

/* The entry that it took and has not written yet. */
static const char *worker_entry = NULL;

/* What it could not do, since it is ended, becomes a line of the log. */
static void
worker_exit(int code, Datum arg)
{
	if (worker_entry)
		audit_log_line(worker_entry);
}

/*
 * Settings of the database or role must not hinder it. A commit is on disk when it is told, and waits for no standby.
 */
static void
worker_settings(void)
{
	static const char *const settings[][2] = {
		{"default_transaction_read_only", "off"}, {"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"}, {"synchronous_commit", "local"},
		{"session_replication_role", "origin"}
	};

	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", psprintf("%d", LOCK_MS), PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * Runs a statement on the entry in a transaction. False where the table is not there, or where it failed, which is told
 * in the log.
 */
static bool
worker_run(void (*statement) (const char *entry), const char *entry)
{
	volatile bool done = false;
	Oid			table;
	LOCKTAG		turn;

	PG_TRY();
	{
		StartTransactionCommand();
		enable_timeout_after(STATEMENT_TIMEOUT, STATEMENT_MS);
		PushActiveSnapshot(GetTransactionSnapshot());
		table = audit_table();
		if (OidIsValid(table))
		{
			/* for all to see that a worker is there; it goes on without where who asked has it */
			turn_tag(&turn, table);
			(void) LockAcquire(&turn, ExclusiveLock, false, true);
			statement(entry);
		}
		PopActiveSnapshot();
		disable_timeout(STATEMENT_TIMEOUT, false);
		CommitTransactionCommand();
		done = OidIsValid(table);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	return done;
}

PGDLLEXPORT void connkit_audit_worker(Datum arg);

/*
 * Entry point.
 */
void
connkit_audit_worker(Datum arg)
{
	dsm_segment *segment;
	Request    *request;
	PGPROC	   *backend;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		proc_exit(0);			/* who asked has not waited so long */
	request = dsm_segment_address(segment);
	BackgroundWorkerInitializeConnectionByOid(request->database, InvalidOid, BGWORKER_BYPASS_ALLOWCONN);
	worker_settings();
	if (!request_claim(request, REQUEST_TAKEN))
		proc_exit(0);
	worker_entry = request->entry;
	before_shmem_exit(worker_exit, (Datum) 0);
	if (!worker_run(audit_store, request->entry))
		audit_log_line(request->entry);
	worker_entry = NULL;
	(void) worker_run(audit_store_use, request->entry);
	pg_atomic_write_u32(&request->state, REQUEST_DONE);
	backend = BackendPidGetProc(request->backend);
	if (backend)
		SetLatch(&backend->procLatch);
	proc_exit(0);
}
