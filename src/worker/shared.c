/*
 * shared.c: the shared memory in which launcher, scheduler, jobs and sessions meet.
 *
 * There is none unless the library was loaded by shared_preload_libraries. All of it is read and written under one lock, held
 * for moments, but for the figures of a run. It says nothing that the tables do not: after a crash it begins anew.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "worker.h"

/* Milliseconds until a database is looked at again after what failed there, or found no process. */
#define HOLD_MS 5000
#define PRUNE_MS (3600 * 1000)
/* Milliseconds in which a process comes that was asked for. */
#define START_MS (60 * 1000)

typedef struct WorkerShared
{
	LWLock	   *lock;
	PGPROC	   *launcher;		/* NULL: there is none */
	uint64		claims;
	bool		unknown;		/* a database that is not known has woken the launcher */
	int			databases_used; /* places that were ever used */
	WorkerDatabase databases[MOST_DATABASES];
	RunSlot		slots[MOST_RUNS + MOST_CALLS];
} WorkerShared;

static WorkerShared *shared = NULL;
static compat_shmem_hook previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
shared_request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WorkerShared)));
	RequestNamedLWLockTranche("connkit", 1);
}

static void
shared_startup(void)
{
	bool		found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("connkit", sizeof(WorkerShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(WorkerShared));
		shared->lock = &GetNamedLWLockTranche("connkit")->lock;
		for (int i = 0; i < lengthof(shared->slots); i++)
		{
			RunSlot    *slot = &shared->slots[i];

			pg_atomic_init_u32(&slot->phase, 0);
			pg_atomic_init_u64(&slot->rows_read, 0);
			pg_atomic_init_u64(&slot->inserted, 0);
			pg_atomic_init_u64(&slot->updated, 0);
			pg_atomic_init_u64(&slot->deleted, 0);
			pg_atomic_init_u64(&slot->rejected, 0);
			pg_atomic_init_u64(&slot->bytes, 0);
			pg_atomic_init_u64(&slot->chunks, 0);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

void
shared_init(void)
{
	previous_request = compat_hook_shmem_request(shared_request);
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = shared_startup;
}

bool
shared_is_there(void)
{
	return shared != NULL;
}

void
shared_require(const char *what)
{
	if (shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s needs connkit in shared_preload_libraries", what),
				 errhint("Add connkit to shared_preload_libraries in postgresql.conf and restart the server. Where that "
						 "cannot be done, pg_cron or another program may call connkit_sync().")));
}

/*
 * Databases
 */

static void
launcher_wake(void)
{
	if (shared->launcher)
		SetLatch(&shared->launcher->procLatch);
}

/* The place of a database, or NULL. */
static WorkerDatabase *
database_find(Oid database)
{
	for (int i = 0; i < shared->databases_used; i++)
		if (shared->databases[i].database == database)
			return &shared->databases[i];
	return NULL;
}

/* A place for a database that was not known; NULL where all are taken. */
static WorkerDatabase *
database_add(Oid database)
{
	WorkerDatabase *place = database_find(InvalidOid);

	if (place == NULL && shared->databases_used < MOST_DATABASES)
		place = &shared->databases[shared->databases_used++];
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

	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	place = database_find(database);
	if (place)
	{
		place->wanted = true;
		if (place->state == DATABASE_WITHOUT)
			place->state = DATABASE_UNKNOWN;
	}
	else
		shared->unknown = true;
	launcher_wake();
	LWLockRelease(shared->lock);
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

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	must = shared->unknown;
	shared->unknown = false;
	LWLockRelease(shared->lock);
	return must;
}

static void
launcher_detach(int code, Datum arg)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher = NULL;
	LWLockRelease(shared->lock);
}

void
launcher_attach(void)
{
	before_shmem_exit(launcher_detach, (Datum) 0);
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher = MyProc;
	/* of passes that an earlier launcher has begun this one knows nothing; two at once do no harm */
	for (int i = 0; i < shared->databases_used; i++)
		shared->databases[i].passing = false;
	LWLockRelease(shared->lock);
}

void
databases_set(List *databases)
{
	static bool warned = false;
	bool		full = false;
	ListCell   *lc;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->databases_used; i++)
		if (!list_member_oid(databases, shared->databases[i].database))
			shared->databases[i].database = InvalidOid;
	foreach(lc, databases)
		if (database_find(lfirst_oid(lc)) == NULL && database_add(lfirst_oid(lc)) == NULL)
			full = true;
	LWLockRelease(shared->lock);
	if (full && !warned)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("connkit's scheduler knows %d databases at most", MOST_DATABASES),
				 errdetail("In the others, no schedules run.")));
	warned = full;
}

/* Runs of the background under way, in all, or of an organization of a database. */
static int
runs_count(Oid database, Oid organization)
{
	int			count = 0;

	for (int i = 0; i < MOST_RUNS; i++)
	{
		RunSlot    *slot = &shared->slots[i];

		if (slot->state != RUN_SLOT_FREE &&
			(!OidIsValid(database) || slot->database == database) &&
			(!OidIsValid(organization) || slot->organization == organization))
			count++;
	}
	return count;
}

/* Whether a run comes before another: of the organization with the fewest under way, then the one that waits longest. */
static bool
run_is_before(Oid organization, TimestampTz since, Oid other, TimestampTz other_since)
{
	int			count = runs_count(InvalidOid, organization);
	int			other_count = runs_count(InvalidOid, other);

	return count != other_count ? count < other_count : since < other_since;
}

/* The database whose waiting run comes first, of those where a pass may begin; NULL: none waits. */
static WorkerDatabase *
database_first_waiting(TimestampTz now)
{
	WorkerDatabase *first = NULL;

	for (int i = 0; i < shared->databases_used; i++)
	{
		WorkerDatabase *place = &shared->databases[i];

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

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (runs_count(InvalidOid, InvalidOid) < worker_max_running)
		first = database_first_waiting(now);
	*wake = DT_NOEND;
	for (int i = 0; i < shared->databases_used; i++)
	{
		WorkerDatabase *place = &shared->databases[i];
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
	LWLockRelease(shared->lock);
	return result;
}

void
database_end_pass(Oid database)
{
	WorkerDatabase *place;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
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
	LWLockRelease(shared->lock);
}

void
database_fail_pass(Oid database)
{
	WorkerDatabase *place;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	place = database_find(database);
	if (place)
	{
		place->passing = false;
		place->wanted = true;
		place->hold = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HOLD_MS);
	}
	LWLockRelease(shared->lock);
}

void
database_report(Oid database, DatabaseState state, TimestampTz due)
{
	WorkerDatabase *place;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	place = database_find(database);
	if (place)
	{
		place->reported = true;
		place->waiting = place->waiting && state == DATABASE_WITH;
		place->state = state;
		place->due = due;
	}
	LWLockRelease(shared->lock);
}

bool
database_prune_due(Oid database)
{
	TimestampTz now = GetCurrentTimestamp();
	WorkerDatabase *place;
	bool		due = false;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	place = database_find(database);
	if (place && TimestampDifferenceExceeds(place->pruned, now, PRUNE_MS))
	{
		due = true;
		place->pruned = now;
	}
	LWLockRelease(shared->lock);
	return due;
}

/*
 * Runs
 */

/* The slot of a run, or else of a sync, of this database that has or will have a process; NULL: none. */
static RunSlot *
run_slot_find(int64 run, int64 sync)
{
	for (int i = 0; i < lengthof(shared->slots); i++)
	{
		RunSlot    *slot = &shared->slots[i];

		if (slot->state != RUN_SLOT_FREE && slot->database == MyDatabaseId && (slot->run == run || slot->sync == sync))
			return slot;
	}
	return NULL;
}

/* Whether limits of source and organization let the run start, and no other of its sync is under way. */
static bool
run_may_start(const WaitingRun *waiting)
{
	int			of_source = 0;

	for (int i = 0; i < MOST_RUNS; i++)
	{
		RunSlot    *slot = &shared->slots[i];

		if (slot->state == RUN_SLOT_FREE || slot->database != MyDatabaseId)
			continue;
		if (slot->run == waiting->run || slot->sync == waiting->sync)
			return false;
		of_source += strcmp(slot->source, waiting->source) == 0;
	}
	if (worker_max_per_source >= 0 && of_source >= worker_max_per_source)
		return false;
	return waiting->organization_limit < 0 || !OidIsValid(waiting->organization) ||
		runs_count(MyDatabaseId, waiting->organization) < waiting->organization_limit;
}

/* The one that is to start next; NULL: none may. */
static WaitingRun *
run_first(List *waiting)
{
	WaitingRun *first = NULL;
	ListCell   *lc;

	foreach(lc, waiting)
	{
		WaitingRun *candidate = lfirst(lc);

		if ((first == NULL || run_is_before(candidate->organization, candidate->since, first->organization, first->since)) &&
			run_may_start(candidate))
			first = candidate;
	}
	return first;
}

static void
run_slot_clear(RunSlot *slot)
{
	slot->state = RUN_SLOT_FREE;
	slot->claim = 0;
	slot->cancel = slot->ended = false;
	slot->canceller = slot->owner = slot->organization = InvalidOid;
	slot->pid = 0;
	slot->run = slot->sync = 0;
}

/* A free slot of those from "from" on, as a new use; NULL: there is none. */
static RunSlot *
run_slot_new(int from, int count)
{
	static const SyncRun nothing;

	for (int i = from; i < from + count; i++)
	{
		RunSlot    *slot = &shared->slots[i];

		if (slot->state != RUN_SLOT_FREE)
			continue;
		run_slot_clear(slot);
		slot->claim = ++shared->claims;
		slot->database = MyDatabaseId;
		slot->started = GetCurrentTimestamp();
		run_slot_figures(slot, &nothing);
		return slot;
	}
	return NULL;
}

/* Sets the name that is shown, cut between characters. */
static void
run_slot_name(RunSlot *slot, const char *name)
{
	strlcpy(slot->name, name, pg_mbcliplen(name, strlen(name), sizeof(slot->name) - 1) + 1);
}

WaitingRun *
run_slot_claim(List *waiting, int *slot, uint64 *claim)
{
	WorkerDatabase *place;
	WorkerDatabase *other;
	WaitingRun *first;
	RunSlot    *taken = NULL;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	first = run_first(waiting);
	place = database_find(MyDatabaseId);
	if (place)
	{
		place->waiting = first != NULL;
		place->organization = first ? first->organization : InvalidOid;
		place->since = first ? first->since : 0;
	}
	other = database_first_waiting(GetCurrentTimestamp());
	if (first && (other == NULL || other == place) &&
		runs_count(InvalidOid, InvalidOid) < worker_max_running)
		taken = run_slot_new(0, MOST_RUNS);
	if (taken)
	{
		taken->state = RUN_SLOT_STARTING;
		taken->background = true;
		taken->run = first->run;
		taken->sync = first->sync;
		taken->owner = first->owner;
		taken->organization = first->organization;
		strlcpy(taken->source, first->source, sizeof(taken->source));
		run_slot_name(taken, first->name);
		*slot = taken - shared->slots;
		*claim = taken->claim;
	}
	LWLockRelease(shared->lock);
	return taken ? first : NULL;
}

void
run_slot_unclaim(int slot, uint64 claim, bool hold)
{
	RunSlot    *place = &shared->slots[slot];
	WorkerDatabase *database;
	bool		ours;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	/* else its process has come, and may have gone again */
	ours = place->claim == claim && place->state == RUN_SLOT_STARTING;
	if (ours)
		run_slot_clear(place);
	database = database_find(MyDatabaseId);
	if (database && ours && hold)
	{
		database->wanted = true;
		database->hold = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HOLD_MS);
	}
	LWLockRelease(shared->lock);
}

void
run_slots_expire(void)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MOST_RUNS; i++)
		if (shared->slots[i].state == RUN_SLOT_STARTING &&
			TimestampDifferenceExceeds(shared->slots[i].started, now, START_MS))
			run_slot_clear(&shared->slots[i]);
	LWLockRelease(shared->lock);
}

RunSlot *
run_slot_take(int slot, uint64 claim)
{
	RunSlot    *place = &shared->slots[slot];
	bool		mine;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	mine = place->claim == claim && place->state == RUN_SLOT_STARTING;
	if (mine)
	{
		place->state = RUN_SLOT_TAKEN;
		place->pid = MyProcPid;
	}
	LWLockRelease(shared->lock);
	return mine ? place : NULL;
}

void
run_slot_release(RunSlot *slot, bool again)
{
	WorkerDatabase *database;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	database = database_find(slot->database);
	if (database && slot->background)
	{
		database->wanted = true;
		if (!again)
			database->hold = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HOLD_MS);
	}
	run_slot_clear(slot);
	launcher_wake();
	LWLockRelease(shared->lock);
}

RunSlot *
run_slot_call(const Sync *sync, const SyncRun *run)
{
	RunSlot    *slot;

	if (shared == NULL)
		return NULL;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = run_slot_new(MOST_RUNS, MOST_CALLS);
	if (slot)
	{
		slot->state = RUN_SLOT_TAKEN;
		slot->background = false;
		slot->pid = MyProcPid;
		slot->run = run->id;
		slot->sync = sync->id;
		slot->owner = sync->owner;
		strlcpy(slot->source, sync->source, sizeof(slot->source));
		run_slot_name(slot, sync->name);
	}
	LWLockRelease(shared->lock);
	return slot;
}

bool
run_slot_is_live(int64 run)
{
	bool		live;

	LWLockAcquire(shared->lock, LW_SHARED);
	live = run_slot_find(run, 0) != NULL;
	LWLockRelease(shared->lock);
	return live;
}

bool
run_slot_cancel(int64 run, Oid canceller)
{
	RunSlot    *slot;
	bool		under_way;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = run_slot_find(run, 0);
	under_way = slot && !slot->ended;
	if (under_way)
	{
		slot->cancel = true;
		slot->canceller = canceller;
		/* the slot is given back under the lock before its process ends: it is no other's id */
		if (slot->pid > 0)
			(void) kill(slot->pid, SIGINT);
	}
	LWLockRelease(shared->lock);
	return under_way;
}

bool
run_slot_end(RunSlot *slot)
{
	bool		cancelled;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	cancelled = slot->cancel && !slot->ended;
	slot->ended = true;
	LWLockRelease(shared->lock);
	/* it was sent under the lock, and is there after the next system call */
	if (cancelled)
		pg_usleep(1000);
	return cancelled;
}

List *
run_slots(void)
{
	List	   *slots = NIL;

	/* not under the lock, which must not be held where memory runs out */
	RunSlot    *copies = palloc(sizeof(shared->slots));
	int			count = 0;

	LWLockAcquire(shared->lock, LW_SHARED);
	for (int i = 0; i < lengthof(shared->slots); i++)
		if (shared->slots[i].state == RUN_SLOT_TAKEN && shared->slots[i].database == MyDatabaseId)
			memcpy(&copies[count++], &shared->slots[i], sizeof(RunSlot));
	LWLockRelease(shared->lock);
	for (int i = 0; i < count; i++)
		slots = lappend(slots, &copies[i]);
	return slots;
}

void
run_slot_figures(RunSlot *slot, const SyncRun *run)
{
	pg_atomic_write_u32(&slot->phase, run->phase);
	pg_atomic_write_u64(&slot->rows_read, run->rows_read);
	pg_atomic_write_u64(&slot->inserted, run->inserted);
	pg_atomic_write_u64(&slot->updated, run->updated);
	pg_atomic_write_u64(&slot->deleted, run->deleted);
	pg_atomic_write_u64(&slot->rejected, run->rejected);
	pg_atomic_write_u64(&slot->bytes, run->bytes);
	pg_atomic_write_u64(&slot->chunks, run->chunks);
}
