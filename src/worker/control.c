/*
 * control.c: what people see of runs and do with them: on request, progress, cancel.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "audit.h"
#include "compat.h"
#include "rolemark.h"
#include "tables.h"
#include "worker.h"

#define PROGRESS_COLUMNS 15

/* Calls of connkit_sync(), each within another, that have slots of their own; what is deeper shares the last one. */
#define MOST_DEPTH 4

PG_FUNCTION_INFO_V1(connkit_wake_launcher);
PG_FUNCTION_INFO_V1(connkit_running_syncs);
PG_FUNCTION_INFO_V1(connkit_cancel_run);

/* Where this process shows its progress, as a job and in calls of connkit_sync(); NULL: nowhere. */
static RunSlot *job_slot = NULL;
static struct
{
	RunSlot    *slot;
	SubTransactionId subxact;	/* which the run is undone with */
}			calls[MOST_DEPTH];

static const char *const phases[] = {
	"initializing", "reading rows", "finding deleted rows", "applying rows", "building indexes", "swapping relation files",
	"committing", "waiting for commit"
};

int64
control_request(const Sync *sync)
{
	int64		run;

	shared_require("a run in the background");
	SPI_connect();
	home_enter();
	run = queue_request(sync->id);
	SPI_finish();
	return run;
}

void
control_succeeded(const Sync *sync)
{
	SPI_connect();
	queue_followers(sync->id);
	SPI_finish();
}

void
control_set_slot(RunSlot *slot)
{
	job_slot = slot;
}

/* True: the run was cancelled while it was under way. */
static bool
call_leave(int call)
{
	RunSlot    *slot = calls[call].slot;
	bool		cancelled = slot && run_slot_end(slot);

	if (slot)
		run_slot_release(slot, true);
	calls[call].slot = NULL;
	return cancelled;
}

static void
call_cancelled(void)
{
	CHECK_FOR_INTERRUPTS();
	/* unless somebody's code has caught that */
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED),
			 errmsg("canceling statement due to user request")));
}

/* Calls of connkit_sync() are shown until their transaction ends. */
static void
control_at_xact_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	for (int i = 0; i < MOST_DEPTH; i++)
		if (call_leave(i))
			QueryCancelPending = false; /* it was for the statement that has failed */
}

/* Or until they are undone. */
static void
control_at_subxact_end(SubXactEvent event, SubTransactionId subxact, SubTransactionId parent, void *arg)
{
	for (int i = 0; i < MOST_DEPTH; i++)
		if (calls[i].slot && calls[i].subxact == subxact)
		{
			if (event == SUBXACT_EVENT_ABORT_SUB)
				(void) call_leave(i);
			else if (event == SUBXACT_EVENT_COMMIT_SUB)
				calls[i].subxact = parent;
		}
}

/* The slot in which the run of a call is shown; NULL: there is none. */
static RunSlot *
call_slot(const Sync *sync, const SyncRun *run)
{
	static bool registered = false;
	int			call = Min(run->depth, MOST_DEPTH) - 1;

	if (!registered)
	{
		RegisterXactCallback(control_at_xact_end, NULL);
		RegisterSubXactCallback(control_at_subxact_end, NULL);
	}
	registered = true;
	if (calls[call].slot && calls[call].slot->run != run->id && call_leave(call))
		call_cancelled();
	if (calls[call].slot == NULL)
	{
		calls[call].slot = run_slot_call(sync, run);
		calls[call].subxact = GetCurrentSubTransactionId();
	}
	return calls[call].slot;
}

void
control_progress(const Sync *sync, const SyncRun *run)
{
	RunSlot    *slot = NULL;

	/* that of no run are figures of a part of one */
	if (shared_is_there() && run->id != 0)
		slot = run->depth > 0 ? call_slot(sync, run) : job_slot;
	if (slot)
		run_slot_figures(slot, run);
	if (slot && run->phase == PHASE_ENDED && run_slot_end(slot))
		call_cancelled();
}

/*
 * connkit.wake_launcher(), connkit.wake(): has the launcher look at this database when the transaction commits.
 */
Datum
connkit_wake_launcher(PG_FUNCTION_ARGS)
{
	database_wake_at_commit();
	if (CALLED_AS_TRIGGER(fcinfo))
		return PointerGetDatum(NULL);
	PG_RETURN_VOID();
}

/* Whether the current role may see the runs of that role, and do something about them. */
static bool
role_is_ours(Oid owner)
{
	return superuser() || (OidIsValid(owner) && has_privs_of_role(GetUserId(), owner));
}

/*
 * connkit.running_syncs(): the runs of this database under way of syncs that the current role may see.
 */
Datum
connkit_running_syncs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result;
	ListCell   *lc;

	shared_require("connkit.sync_progress");
	result = compat_materialize(fcinfo);
	foreach(lc, run_slots())
	{
		RunSlot    *slot = lfirst(lc);
		Datum		values[PROGRESS_COLUMNS];
		bool		nulls[PROGRESS_COLUMNS] = {false};

		if (!role_is_ours(slot->owner))
			continue;
		values[0] = Int64GetDatum(slot->run);
		values[1] = Int64GetDatum(slot->sync);
		values[2] = CStringGetTextDatum(slot->name);
		values[3] = CStringGetTextDatum(slot->source);
		values[4] = Int32GetDatum(slot->pid);
		values[5] = BoolGetDatum(slot->background);
		values[6] = CStringGetTextDatum(phases[pg_atomic_read_u32(&slot->phase)]);
		values[7] = TimestampTzGetDatum(slot->started);
		values[8] = Int64GetDatum(pg_atomic_read_u64(&slot->rows_read));
		values[9] = Int64GetDatum(pg_atomic_read_u64(&slot->inserted));
		values[10] = Int64GetDatum(pg_atomic_read_u64(&slot->updated));
		values[11] = Int64GetDatum(pg_atomic_read_u64(&slot->deleted));
		values[12] = Int64GetDatum(pg_atomic_read_u64(&slot->rejected));
		values[13] = Int64GetDatum(pg_atomic_read_u64(&slot->bytes));
		values[14] = Int64GetDatum(pg_atomic_read_u64(&slot->chunks));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* The owner of a run, invalid where the role is gone, and the name of its sync; false where there is no such run. */
static bool
run_find(int64 run, Oid *owner, char **name)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(run);
	ListCell   *lc;

	tables_execute("SELECT owner, owner_mark, sync_name FROM connkit.sync_run WHERE id = $1", 1, &type, &value, NULL);
	if (SPI_processed > 0)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	columns = SPI_tuptable->tupdesc;

		*owner = rolemark_follow(SPI_getvalue(row, columns, 1), SPI_getvalue(row, columns, 2));
		*name = SPI_getvalue(row, columns, 3);
		return true;
	}
	/* a call of connkit_sync() that is not committed yet */
	if (!shared_is_there())
		return false;
	foreach(lc, run_slots())
	{
		RunSlot    *slot = lfirst(lc);

		if (slot->run == run)
		{
			*owner = slot->owner;
			*name = slot->name;
			return true;
		}
	}
	return false;
}

/*
 * connkit_cancel_run(run): true where the run waited, and is cancelled, or was under way, and is interrupted.
 */
Datum
connkit_cancel_run(PG_FUNCTION_ARGS)
{
	int64		run = PG_GETARG_INT64(0);
	AuditEvent	event = {.action = "cancel", .object_type = "sync"};
	Oid			owner;
	char	   *name;
	bool		done;

	SPI_connect();
	if (!run_find(run, &owner, &name) || !role_is_ours(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run " INT64_FORMAT " does not exist", run),
				 errhint("connkit.sync_run and connkit.sync_progress list those of the current role.")));
	done = queue_cancel(run, psprintf("cancelled by role \"%s\"", GetUserNameFromId(GetUserId(), false))) ||
		(shared_is_there() && run_slot_cancel(run, GetUserId()));
	if (done)
	{
		event.object = name;
		event.organization = OidIsValid(owner) ? GetUserNameFromId(owner, true) : NULL;
		event.detail = psprintf("run " INT64_FORMAT, run);
		audit_write(&event);
		database_wake_at_commit();
	}
	else
		ereport(NOTICE,
				(errmsg("run " INT64_FORMAT " has ended: there is nothing to cancel", run)));
	SPI_finish();
	PG_RETURN_BOOL(done);
}
