/*
 * launcher.c: the settings, and the process that has passes of the scheduler made in each database that has the extension.
 *
 * The launcher is in no database. A pass is a short-lived process: between passes nothing of connkit is connected to a
 * database, so that it can be dropped, renamed or copied, and however many there are, few processes are needed.
 */
#include "postgres.h"

#include <signal.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "worker.h"

/* Passes at a time. */
#define MOST_PASSES 2

/* Seconds until the launcher is started again after it failed. */
#define RESTART_SECONDS 5

/* The log is told at most so often that there is no process to be had. */
#define WARN_MS (10 * 60 * 1000)

bool		worker_enabled = true;
int			worker_naptime = 60;
int			worker_max_running = 4;
int			worker_max_per_source = 2;
int			worker_retention = 90 * 24 * 60;
int			worker_retry_delay = 5000;

/* Passes under way; handle is NULL where there is none. */
static struct
{
	Oid			database;
	BackgroundWorkerHandle *handle;
}			passes[MOST_PASSES];

PGDLLEXPORT void connkit_launcher(Datum arg);

/* Databases in which schedules may run: those that one may connect to, and no templates, which nobody must be in. */
static List *
launcher_databases(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *databases = NIL;
	Relation	relation;
	SysScanDesc scan;
	HeapTuple	tuple;

	worker_begin_transaction();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		/* a negative limit below -1 is the mark of one whose dropping was cut short */
		if (!database->datallowconn || database->datistemplate || database->datconnlimit < -1)
			continue;
		old = MemoryContextSwitchTo(caller);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(old);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return databases;
}

/* Sees which passes have ended. */
static void
passes_reap(void)
{
	for (int i = 0; i < MOST_PASSES; i++)
	{
		pid_t		pid;

		if (passes[i].handle == NULL || GetBackgroundWorkerPid(passes[i].handle, &pid) != BGWH_STOPPED)
			continue;
		pfree(passes[i].handle);
		passes[i].handle = NULL;
		database_end_pass(passes[i].database);
	}
}

/* Tells, now and then, that there are not enough processes. */
static void
passes_warn(void)
{
	static TimestampTz warned = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(warned, now, WARN_MS))
		return;
	warned = now;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("connkit's scheduler finds no place for a background worker"),
			 errhint("Increase max_worker_processes: connkit takes %d more than connkit.max_running_syncs.",
					 MOST_PASSES + 1)));
}

/* Begins a pass where one is due; false where none can be begun now, and *wake says when one is due. */
static bool
pass_begin(TimestampTz *wake)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished, .bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_name = "connkit scheduler", .bgw_type = "connkit scheduler", .bgw_library_name = "$libdir/connkit",
		.bgw_function_name = "connkit_scheduler", .bgw_notify_pid = MyProcPid
	};
	int			place = 0;

	*wake = DT_NOEND;
	while (place < MOST_PASSES && passes[place].handle)
		place++;
	if (place == MOST_PASSES)
		return false;			/* the end of one wakes us */
	passes[place].database = database_begin_pass(wake);
	if (!OidIsValid(passes[place].database))
		return false;
	worker.bgw_main_arg = ObjectIdGetDatum(passes[place].database);
	if (!RegisterDynamicBackgroundWorker(&worker, &passes[place].handle))
	{
		passes[place].handle = NULL;
		database_fail_pass(passes[place].database);
		passes_warn();
	}
	return true;
}

/*
 * Entry point.
 */
void
connkit_launcher(Datum arg)
{
	TimestampTz scan = 0;
	MemoryContext context;

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	launcher_attach();
	context = AllocSetContextCreate(TopMemoryContext, "connkit launcher", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		TimestampTz wake = DT_NOEND;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ShutdownRequestPending)
			proc_exit(1);		/* which is begun anew, unless the server stops */
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		passes_reap();
		/* a clock that was put back must not stop us */
		if (launcher_must_look() || now >= scan || scan > TimestampTzPlusMilliseconds(now, worker_naptime * INT64CONST(1000)))
		{
			MemoryContextSwitchTo(context);
			databases_set(launcher_databases());
			run_slots_expire();
			MemoryContextSwitchTo(TopMemoryContext);
			MemoryContextReset(context);
			scan = TimestampTzPlusMilliseconds(now, worker_naptime * INT64CONST(1000));
		}
		while (worker_enabled && pass_begin(&wake))
			;
		wake = Min(wake, scan);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), wake), 1), PG_WAIT_EXTENSION);
	}
}

static void
worker_settings_define(void)
{
	DefineCustomBoolVariable("connkit.scheduler", "Whether syncs run in the background.",
							 "When off, schedules and what waits in the queue wait; runs under way go on.",
							 &worker_enabled, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connkit.scheduler_naptime", "Seconds after which databases are looked at anew.",
							"Schedules come in time whatever it is.", &worker_naptime, 60, 1, 3600, PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("connkit.max_running_syncs", "Runs in the background at a time, of all databases.",
							"Each takes one of max_worker_processes.", &worker_max_running, 4, 0, MOST_RUNS, PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("connkit.max_runs_per_source",
							"Runs in the background at a time that read one source; -1: any number.", NULL,
							&worker_max_per_source, 2, -1, MOST_RUNS, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connkit.run_retention", "How long runs that have ended are told in connkit.sync_run; 0: for ever.",
							NULL, &worker_retention, 90 * 24 * 60, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("connkit.retry_delay", "Time before a run that failed for a passing reason is tried again.",
							"It doubles with each attempt, up to 15 minutes.", &worker_retry_delay, 5000, 1, 15 * 60 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

void
worker_init(void)
{
	BackgroundWorker launcher = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished, .bgw_restart_time = RESTART_SECONDS,
		.bgw_name = "connkit launcher", .bgw_type = "connkit launcher", .bgw_library_name = "connkit",
		.bgw_function_name = "connkit_launcher"
	};

	worker_settings_define();
	sync_progress = control_progress;
	sync_request_background = control_request;
	sync_succeeded = control_succeeded;
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	shared_init();
	RegisterBackgroundWorker(&launcher);
}
