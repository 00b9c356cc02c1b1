/*
 * job.c: the process of one run in the background.
 *
 * It is connected as no role, since owners may have no LOGIN, and has the rights of the sync's owner in every transaction in
 * which there may be code of a user, up to and including its commit. What it writes of the run outside of these are
 * statements on connkit's tables.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "executor/spi.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "../sync/definition.h"
#include "audit.h"
#include "compat.h"
#include "quota.h"
#include "worker.h"

/* Milliseconds: the longest time between two attempts; between two looks for a place of the organization. */
#define MOST_DELAY_MS (15 * 60 * 1000)
#define PLACE_MS 5000

typedef struct Job
{
	MemoryContext context;
	RunSlot    *slot;
	uint64		claim;
	int64		sync;
	SyncRun		run;			/* as of the last commit */
	Oid			owner;
	Oid			organization;
	int			retries;
	int64		timeout_ms;		/* 0: none */
	TimestampTz deadline;
	bool		begun;			/* the row has been changed to running, or is not ours */
	bool		placed;			/* the organization had a place for the step at hand */
	bool		ended;			/* the row says how it ended */
} Job;

static Job	job;

/* The process is to end: by shutdown, or by pg_terminate_backend(). */
static volatile sig_atomic_t job_terminated = false;

PGDLLEXPORT void connkit_job(Datum arg);

static void
job_sigterm(SIGNAL_ARGS)
{
	job_terminated = true;
	die(postgres_signal_arg);
}

/*
 * Runs statements on connkit's tables in a transaction of their own; false where that failed, which is told in the log.
 */
static bool
job_write(void (*statements) (void *arg), void *arg)
{
	volatile bool done = false;

	PG_TRY();
	{
		worker_begin_transaction();
		PushActiveSnapshot(GetTransactionSnapshot());
		SPI_connect();
		statements(arg);
		SPI_finish();
		PopActiveSnapshot();
		CommitTransactionCommand();
		done = true;
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

static void
job_return(void *arg)
{
	queue_return(job.run.id);
}

/* The process ends, for whatever reason: a run that was interrupted goes back to the queue, and its slot is free. */
static void
job_exit(int code, Datum arg)
{
	if (job_terminated && job.begun && !job.ended)
	{
		AbortOutOfAnyTransaction();
		(void) job_write(job_return, NULL);
	}
}

static void
job_release(int code, Datum arg)
{
	/* that of the sync, which a commit leaves */
	LockReleaseAll(DEFAULT_LOCKMETHOD, true);
	run_slot_release(job.slot, job.begun);
}

static void
job_take(void *arg)
{
	bool		locked = sync_lock(job.sync, true);

	if (!locked)
		queue_collide(job.run.id);
	else if (queue_take(job.run.id, &job.run, &job.retries, &job.timeout_ms))
		*(bool *) arg = true;
}

/* Succeeds where the run is ours: the sync is locked and its row says that it runs. */
static bool
job_begin(void)
{
	bool		ours = false;

	if (!job_write(job_take, &ours))
		return false;
	job.begun = true;
	if (ours && job.timeout_ms > 0)
		job.deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), job.timeout_ms);
	return ours;
}

/* Whether the run was cancelled. */
static bool
job_is_cancelled(void)
{
	return *(volatile bool *) &job.slot->cancel;
}

/* ERROR where the run must not go on, also where no signal came or a user's code has caught what it raised. */
static void
job_check(void)
{
	CHECK_FOR_INTERRUPTS();
	if (job_is_cancelled() || (job.deadline && GetCurrentTimestamp() >= job.deadline))
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling the run")));
}

/* A transaction's part of the run, with the owner's rights until it is committed. True: there is more to do. */
static bool
job_step(void)
{
	Oid			user;
	int			context;
	SyncRun		run = job.run;
	Sync	   *sync;
	bool		more;

	run.heap = run.source_table = run.stage = run.keys = InvalidOid;
	worker_begin_transaction();
	if (job.deadline)
		enable_timeout_at(STATEMENT_TIMEOUT, job.deadline);
	GetUserIdAndSecContext(&user, &context);
	if (OidIsValid(job.owner))
		SetUserIdAndSecContext(job.owner, context | SECURITY_LOCAL_USERID_CHANGE);
	PushActiveSnapshot(GetTransactionSnapshot());
	sync = sync_read(job.sync, false);
	if (sync->owner != job.owner)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the owner of sync \"%s\" was changed during its run", sync->name)));
	job.placed = false;
	quota_begin_run(job.organization);
	job.placed = true;
	more = run_step(sync, &run, true);
	job_check();
	/* what goes on with the next transaction */
	run.from = run.from ? MemoryContextStrdup(job.context, run.from) : NULL;
	run.until = run.until ? MemoryContextStrdup(job.context, run.until) : NULL;
	PopActiveSnapshot();
	CommitTransactionCommand();
	SetUserIdAndSecContext(user, context);
	disable_timeout(STATEMENT_TIMEOUT, false);
	/* autovacuum is to know of the rows before the process ends */
	(void) pgstat_report_stat(false);
	job.run = run;
	run_slot_figures(job.slot, &run);
	MemoryContextSwitchTo(job.context);
	return more;
}

/* Milliseconds before the next attempt. */
static int64
job_delay(void)
{
	int64		delay = worker_retry_delay;

	for (int i = 1; i < job.run.attempt && delay < MOST_DELAY_MS; i++)
		delay *= 2;
	return Min(delay, MOST_DELAY_MS);
}

/* Tells the audit log that the run has failed. */
static void
job_audit(const Sync *sync, ErrorData *error)
{
	AuditEvent	event = {
		.action = "sync", .object_type = "sync", .object = sync->name, .outcome = AUDIT_FAILED,
		.sqlerrcode = error->sqlerrcode, .detail = error->message
	};

	if (OidIsValid(sync->owner))
		event.organization = GetUserNameFromId(sync->owner, false);
	audit_write(&event);
}

/* The run has ended without success. */
static void
job_give_up(RunState state, ErrorData *error)
{
	Sync	   *sync = sync_fetch(job.sync);

	queue_end(job.run.id, state, error);
	job.run.state = state;
	if (sync == NULL)
		return;
	reject_keep(sync, &job.run);
	if (state == RUN_FAILED)
		job_audit(sync, error);
	record_notify(sync, &job.run, error);
}

/* What becomes of the run after an error. */
static void
job_failed(void *arg)
{
	ErrorData  *error = arg;
	char	   *canceller = job_is_cancelled() ? GetUserNameFromId(job.slot->canceller, true) : NULL;

	if (job_is_cancelled())
	{
		error->sqlerrcode = ERRCODE_QUERY_CANCELED;
		error->message = psprintf("cancelled by role \"%s\"", canceller ? canceller : "?");
		error->detail = error->hint = NULL;
		job_give_up(RUN_CANCELLED, error);
	}
	else if (job.deadline && error->sqlerrcode == ERRCODE_QUERY_CANCELED && GetCurrentTimestamp() >= job.deadline)
	{
		error->message = psprintf("the run took longer than its time-out of " INT64_FORMAT " ms", job.timeout_ms);
		error->detail = NULL;
		error->hint = "What it has committed stays; the next run goes on from there. connkit_schedule() sets the time-out.";
		job_give_up(RUN_FAILED, error);
	}
	else if (!job.placed && error->sqlerrcode == ERRCODE_CONFIGURATION_LIMIT_EXCEEDED)
		queue_postpone(job.run.id, PLACE_MS);
	else if (record_is_transient(error->sqlerrcode) && job.run.attempt <= job.retries)
		queue_retry(job.run.id, job_delay(), error);
	else
		job_give_up(RUN_FAILED, error);
}

/* Runs to the end, or to an error, of which it returns a copy. */
static ErrorData *
job_run(void)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		do
		{
			job_check();
		} while (job_step());
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(job.context);
		error = CopyErrorData();
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(job.context);
	return error;
}

static void
job_show(void)
{
	char	   *text = psprintf("connkit run " INT64_FORMAT ": %s", job.run.id, job.slot->name);

	pgstat_report_appname("connkit run");
	pgstat_report_activity(STATE_RUNNING, text);
}

/*
 * Entry point.
 */
void
connkit_job(Datum arg)
{
	Oid			database;
	ErrorData  *error;

	pqsignal(SIGTERM, job_sigterm);
	/* connkit_cancel_run() leaves a mark as well, which is looked at before each transaction */
	pqsignal(SIGINT, SIG_IGN);
	pqsignal(SIGHUP, SIG_IGN);
	memcpy(&job.claim, MyBgworkerEntry->bgw_extra, sizeof(job.claim));
	memcpy(&database, MyBgworkerEntry->bgw_extra + sizeof(job.claim), sizeof(Oid));
	job.slot = run_slot_take(DatumGetInt32(arg), job.claim);
	if (job.slot == NULL)
		proc_exit(0);
	job.sync = run_of_process = job.slot->sync;
	job.run.id = job.slot->run;
	job.owner = job.slot->owner;
	job.organization = job.slot->organization;
	/* called last, when nothing of this process is left in the database */
	before_shmem_exit(job_release, (Datum) 0);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	before_shmem_exit(job_exit, (Datum) 0);
	worker_settings();
	control_set_slot(job.slot);
	job.context = AllocSetContextCreate(TopMemoryContext, "connkit job", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(job.context);
	job_show();
	if (!job_begin())
		proc_exit(0);
	pqsignal(SIGINT, StatementCancelHandler);
	error = job_run();
	pqsignal(SIGINT, SIG_IGN);
	(void) run_slot_end(job.slot);
	QueryCancelPending = false;
	job.ended = error == NULL || job_write(job_failed, error);
	proc_exit(0);
}
