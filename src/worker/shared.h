/*
 * shared.h: what lies in the shared memory; for databases.c and slots.c, that look after it.
 */
#ifndef CONNKIT_SHARED_H
#define CONNKIT_SHARED_H

#include "postgres.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#include "worker.h"

/* Milliseconds until a database is looked at again after what failed there, or found no process. */
#define HOLD_MS 5000

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

extern WorkerShared *worker_shared;

/*
 * All with the lock held
 */

extern void launcher_wake(void);

/* The place of a database, or NULL. */
extern WorkerDatabase *database_find(Oid database);

/* The database whose waiting run comes first, of those where a pass may begin; NULL: none waits. */
extern WorkerDatabase *database_first_waiting(TimestampTz now);

/* Runs of the background under way, in all, or of an organization of a database. */
extern int	runs_count(Oid database, Oid organization);

/* Whether a run comes before another: of the organization with the fewest under way, then the one that waits longest. */
extern bool run_is_before(Oid organization, TimestampTz since, Oid other, TimestampTz other_since);

#endif							/* CONNKIT_SHARED_H */
