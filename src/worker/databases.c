/*
 * databases.c: the databases of the server, as the launcher knows them: in which a pass of the scheduler is due.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "shared.h"

#define PRUNE_MS (3600 * 1000)

void
launcher_wake(void)
{
	if (worker_shared->launcher)
		SetLatch(&worker_shared->launcher->procLatch);
}

WorkerDatabase *
database_find(Oid database)
{
	for (int i = 0; i < worker_shared->databases_used; i++)
		if (worker_shared->databases[i].database == database)
			return &worker_shared->databases[i];
	return NULL;
}

/* A place for a database that was not known; NULL where all are taken. */
static WorkerDatabase *
database_add(Oid database)
{
	WorkerDatabase *place = database_find(InvalidOid);

	if (place == NULL && worker_shared->databases_used < MOST_DATABASES)
		place = &worker_shared->databases[worker_shared->databases_used++];
	if (place == NULL)
		return NULL;
	memset(place, 0, sizeof(WorkerDatabase));
	place->database = database;
	return place;
}

void
database_wake(Oid database)
{
	WorkerDatabase *place;

	if (worker_shared == NULL)
		return;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	place = database_find(database);
	if (place)
	{
		place->wanted = true;
		if (place->state == DATABASE_WITHOUT)
			place->state = DATABASE_UNKNOWN;
	}
	else
		worker_shared->unknown = true;
	launcher_wake();
	LWLockRelease(worker_shared->lock);
}

static bool wake_at_commit = false;

static void
shared_at_xact_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (wake_at_commit && event == XACT_EVENT_COMMIT)
		database_wake(MyDatabaseId);
	wake_at_commit = false;
}

void
database_wake_at_commit(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(shared_at_xact_end, NULL);
	registered = true;
	wake_at_commit = true;
}

bool
launcher_must_look(void)
{
	bool		must;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	must = worker_shared->unknown;
	worker_shared->unknown = false;
	LWLockRelease(worker_shared->lock);
	return must;
}

static void
launcher_detach(int code, Datum arg)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->launcher = NULL;
	LWLockRelease(worker_shared->lock);
}

void
launcher_attach(void)
{
	before_shmem_exit(launcher_detach, (Datum) 0);
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->launcher = MyProc;
	/* of passes that an earlier launcher has begun this one knows nothing; two at once do no harm */
	for (int i = 0; i < worker_shared->databases_used; i++)
		worker_shared->databases[i].passing = false;
	LWLockRelease(worker_shared->lock);
}

void
databases_set(List *databases)
{
	static bool warned = false;
	bool		full = false;
	ListCell   *lc;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < worker_shared->databases_used; i++)
		if (!list_member_oid(databases, worker_shared->databases[i].database))
			worker_shared->databases[i].database = InvalidOid;
	foreach(lc, databases)
		if (database_find(lfirst_oid(lc)) == NULL && database_add(lfirst_oid(lc)) == NULL)
			full = true;
	LWLockRelease(worker_shared->lock);
	if (full && !warned)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("connkit's scheduler knows %d databases at most", MOST_DATABASES),
				 errdetail("In the others, no schedules run.")));
	warned = full;
}

WorkerDatabase *
database_first_waiting(TimestampTz now)
{
	WorkerDatabase *first = NULL;

	for (int i = 0; i < worker_shared->databases_used; i++)
	{
		WorkerDatabase *place = &worker_shared->databases[i];

		if (OidIsValid(place->database) && place->waiting && place->hold <= now &&
			(first == NULL || run_is_before(place->organization, place->since, first->organization, first->since)))
			first = place;
	}
	return first;
}

/* When a pass is to begin in that database. */
static TimestampTz
database_next_pass(WorkerDatabase *place, WorkerDatabase *first)
{
	TimestampTz next = place->due;

	if (place->wanted || place->state == DATABASE_UNKNOWN || place == first)
		next = 0;
	else if (place->state == DATABASE_WITHOUT)
		next = DT_NOEND;
	return Max(next, place->hold);
}

Oid
database_begin_pass(TimestampTz *wake)
{
	TimestampTz now = GetCurrentTimestamp();
	WorkerDatabase *best = NULL;
	WorkerDatabase *first = NULL;
	Oid			result = InvalidOid;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	if (runs_count(InvalidOid, InvalidOid) < worker_max_running)
		first = database_first_waiting(now);
	*wake = DT_NOEND;
	for (int i = 0; i < worker_shared->databases_used; i++)
	{
		WorkerDatabase *place = &worker_shared->databases[i];
		TimestampTz next;

		if (!OidIsValid(place->database) || place->passing)
			continue;
		next = database_next_pass(place, first);
		*wake = Min(*wake, next);
		if (next <= now && (best == NULL || place->begun < best->begun))
			best = place;
	}
	if (best)
	{
		best->passing = true;
		/* what waited stays known until the pass knows better: others must not take its place meanwhile */
		best->wanted = best->reported = false;
		best->begun = now;
		best->hold = 0;
		result = best->database;
	}
	LWLockRelease(worker_shared->lock);
	return result;
}

void
database_end_pass(Oid database)
{
	WorkerDatabase *place;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	place = database_find(database);
	if (place)
	{
		place->passing = false;
		if (!place->reported)
		{
			place->waiting = false;
			place->hold = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HOLD_MS);
		}
	}
	LWLockRelease(worker_shared->lock);
}

void
database_fail_pass(Oid database)
{
	WorkerDatabase *place;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	place = database_find(database);
	if (place)
	{
		place->passing = false;
		place->wanted = true;
		place->hold = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HOLD_MS);
	}
	LWLockRelease(worker_shared->lock);
}

void
database_report(Oid database, DatabaseState state, TimestampTz due)
{
	WorkerDatabase *place;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	place = database_find(database);
	if (place)
	{
		place->reported = true;
		place->waiting = place->waiting && state == DATABASE_WITH;
		place->state = state;
		place->due = due;
	}
	LWLockRelease(worker_shared->lock);
}

bool
database_prune_due(Oid database)
{
	TimestampTz now = GetCurrentTimestamp();
	WorkerDatabase *place;
	bool		due = false;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	place = database_find(database);
	if (place && TimestampDifferenceExceeds(place->pruned, now, PRUNE_MS))
	{
		due = true;
		place->pruned = now;
	}
	LWLockRelease(worker_shared->lock);
	return due;
}
