/*
 * scheduler.c: a pass of the scheduler in a database: puts what is due into the queue and starts what waits.
 *
 * It works as superuser on connkit's tables alone, and runs nothing that is a user's.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "worker.h"

/* Milliseconds that a pass waits for a lock: it gives up before deadlock_timeout, so that who drops the extension is not the
 * one whose statement fails. */
#define LOCK_MS 500

PGDLLEXPORT void connkit_scheduler(Datum arg);

void
worker_settings(void)
{
	static const char *const settings[][2] = {
		{"default_transaction_read_only", "off"}, {"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"}, {"session_replication_role", "origin"}, {"search_path", "pg_catalog"},
		{"statement_timeout", "0"}, {"lock_timeout", "0"}, {"idle_in_transaction_session_timeout", "0"},
		{"transaction_timeout", "0"}, {"exit_on_error", "off"}, {"role", "none"}
	};

	for (int i = 0; i < lengthof(settings); i++)
		if (GetConfigOption(settings[i][0], true, false))	/* transaction_timeout is of 17 */
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

void
worker_begin_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}

static bool
extension_is_there(void)
{
	Oid			schema = get_namespace_oid("connkit", true);

	return OidIsValid(get_extension_oid("connkit", true)) && OidIsValid(schema) &&
		OidIsValid(get_relname_relid("schedule", schema));
}

/* One transaction: what has died is taken up, what is due is queued. *held: nothing is to run in this database. */
static DatabaseState
pass_queue(bool *held)
{
	bool		there;

	worker_begin_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	there = extension_is_there();
	if (there)
	{
		SPI_connect();
		queue_rename();
		*held = !home_is_here();
		if (!*held)
		{
			queue_recover();
			queue_forget();
			schedule_fire(GetCurrentTimestamp());
			if (worker_retention > 0 && database_prune_due(MyDatabaseId))
			{
				queue_prune(worker_retention);
				reject_prune(worker_retention);
			}
		}
		SPI_finish();
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	return there ? DATABASE_WITH : DATABASE_WITHOUT;
}

/* Starts the process of a run; false where there is no place for it. */
static bool
run_start(const WaitingRun *run, int slot, uint64 claim)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished, .bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_type = "connkit run", .bgw_library_name = "$libdir/connkit", .bgw_function_name = "connkit_job",
		.bgw_notify_pid = MyProcPid
	};
	BackgroundWorkerHandle *handle;
	pid_t		pid;

	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "connkit run " INT64_FORMAT, run->run);
	worker.bgw_main_arg = Int32GetDatum(slot);
	memcpy(worker.bgw_extra, &claim, sizeof(claim));
	memcpy(worker.bgw_extra + sizeof(claim), &MyDatabaseId, sizeof(Oid));
	if (RegisterDynamicBackgroundWorker(&worker, &handle) &&
		WaitForBackgroundWorkerStartup(handle, &pid) == BGWH_STARTED)
		return true;
	/* one that has come and gone has given the slot back itself */
	run_slot_unclaim(slot, claim, true);
	return false;
}

/* A transaction that reads: the runs that wait, in that context, and when something comes to be due. */
static List *
pass_read(MemoryContext context, TimestampTz *due)
{
	List	   *waiting;

	worker_begin_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(context);
	waiting = queue_waiting();
	SPI_connect();
	*due = queue_due();
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return waiting;
}

/* Whether the run's process would find it waiting: a session may have its row locked, and no process is to wait for that. */
static bool
run_is_free(const WaitingRun *run)
{
	bool		is_free;

	worker_begin_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	is_free = queue_is_free(run->run);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return is_free;
}

/* Starts what waits, as far as the limits go. Returns when there is something to do next. */
static TimestampTz
pass_start(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "connkit scheduler", ALLOCSET_DEFAULT_SIZES);
	TimestampTz due;
	List	   *waiting = pass_read(context, &due);
	WaitingRun *run;
	int			slot;
	uint64		claim;

	while ((run = run_slot_claim(waiting, &slot, &claim)) != NULL)
	{
		if (!run_is_free(run))
			run_slot_unclaim(slot, claim, false);
		else if (!run_start(run, slot, claim))
			break;
		waiting = list_delete_ptr(waiting, run);
	}
	return due;
}

/*
 * Entry point.
 */
void
connkit_scheduler(Datum arg)
{
	Oid			database = DatumGetObjectId(arg);
	DatabaseState state;
	TimestampTz next;
	bool		held = true;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	worker_settings();
	SetConfigOption("lock_timeout", psprintf("%d", LOCK_MS), PGC_SUSET, PGC_S_OVERRIDE);
	pgstat_report_appname("connkit scheduler");
	pgstat_report_activity(STATE_RUNNING, "connkit scheduler");
	state = pass_queue(&held);
	if (held)
	{
		database_report(database, state, DT_NOEND);
		proc_exit(0);
	}
	next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), worker_naptime * INT64CONST(1000));
	next = Min(next, pass_start());
	database_report(database, DATABASE_WITH, next);
	proc_exit(0);
}
