/*
 * slots.c: runs under way, each with a slot: which one may start, whose process it is, what it shows, who interrupts it.
 */
#include "postgres.h"

#include <signal.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "shared.h"

/* Milliseconds in which a process comes that was asked for. */
#define START_MS (60 * 1000)

int
runs_count(Oid database, Oid organization)
{
	int			count = 0;

	for (int i = 0; i < MOST_RUNS; i++)
	{
		RunSlot    *slot = &worker_shared->slots[i];

		if (slot->state != RUN_SLOT_FREE &&
			(!OidIsValid(database) || slot->database == database) &&
			(!OidIsValid(organization) || slot->organization == organization))
			count++;
	}
	return count;
}

bool
run_is_before(Oid organization, TimestampTz since, Oid other, TimestampTz other_since)
{
	int			count = runs_count(InvalidOid, organization);
	int			other_count = runs_count(InvalidOid, other);

	return count != other_count ? count < other_count : since < other_since;
}

/* The slot of a run, or else of a sync, of this database that has or will have a process; NULL: none. */
static RunSlot *
run_slot_find(int64 run, int64 sync)
{
	for (int i = 0; i < lengthof(worker_shared->slots); i++)
	{
		RunSlot    *slot = &worker_shared->slots[i];

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
		RunSlot    *slot = &worker_shared->slots[i];

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
		RunSlot    *slot = &worker_shared->slots[i];

		if (slot->state != RUN_SLOT_FREE)
			continue;
		run_slot_clear(slot);
		slot->claim = ++worker_shared->claims;
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

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
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
		*slot = taken - worker_shared->slots;
		*claim = taken->claim;
	}
	LWLockRelease(worker_shared->lock);
	return taken ? first : NULL;
}

void
run_slot_unclaim(int slot, uint64 claim, bool hold)
{
	RunSlot    *place = &worker_shared->slots[slot];
	WorkerDatabase *database;
	bool		ours;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
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
	LWLockRelease(worker_shared->lock);
}

void
run_slots_expire(void)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MOST_RUNS; i++)
		if (worker_shared->slots[i].state == RUN_SLOT_STARTING &&
			TimestampDifferenceExceeds(worker_shared->slots[i].started, now, START_MS))
			run_slot_clear(&worker_shared->slots[i]);
	LWLockRelease(worker_shared->lock);
}

RunSlot *
run_slot_take(int slot, uint64 claim)
{
	RunSlot    *place = &worker_shared->slots[slot];
	bool		mine;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	mine = place->claim == claim && place->state == RUN_SLOT_STARTING;
	if (mine)
	{
		place->state = RUN_SLOT_TAKEN;
		place->pid = MyProcPid;
	}
	LWLockRelease(worker_shared->lock);
	return mine ? place : NULL;
}

void
run_slot_release(RunSlot *slot, bool again)
{
	WorkerDatabase *database;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	database = database_find(slot->database);
	if (database && slot->background)
	{
		database->wanted = true;
		if (!again)
			database->hold = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HOLD_MS);
	}
	run_slot_clear(slot);
	launcher_wake();
	LWLockRelease(worker_shared->lock);
}

RunSlot *
run_slot_call(const Sync *sync, const SyncRun *run)
{
	RunSlot    *slot;

	if (worker_shared == NULL)
		return NULL;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
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
	LWLockRelease(worker_shared->lock);
	return slot;
}

bool
run_slot_is_live(int64 run)
{
	bool		live;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	live = run_slot_find(run, 0) != NULL;
	LWLockRelease(worker_shared->lock);
	return live;
}

bool
run_slot_cancel(int64 run, Oid canceller)
{
	RunSlot    *slot;
	bool		under_way;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
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
	LWLockRelease(worker_shared->lock);
	return under_way;
}

bool
run_slot_end(RunSlot *slot)
{
	bool		cancelled;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	cancelled = slot->cancel && !slot->ended;
	slot->ended = true;
	LWLockRelease(worker_shared->lock);
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
	RunSlot    *copies = palloc(sizeof(worker_shared->slots));
	int			count = 0;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	for (int i = 0; i < lengthof(worker_shared->slots); i++)
		if (worker_shared->slots[i].state == RUN_SLOT_TAKEN && worker_shared->slots[i].database == MyDatabaseId)
			memcpy(&copies[count++], &worker_shared->slots[i], sizeof(RunSlot));
	LWLockRelease(worker_shared->lock);
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
