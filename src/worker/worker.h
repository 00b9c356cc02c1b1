/*
 * worker.h: what runs by itself: launcher, scheduler and jobs, and the shared memory that they meet in.
 *
 * shared.c     the shared memory
 * databases.c  what is known in it of databases
 * slots.c      and of runs under way
 * launcher.c   starts a pass of the scheduler in each database that has something to do
 * scheduler.c  a pass: what is due is put into the queue, what waits is started
 * queue.c      the queue: rows of connkit.sync_run
 * job.c        the process of one run
 * schedule.c   connkit_schedule(), connkit_unschedule()
 * home.c       what came from another database is held: connkit_resume_schedules()
 * control.c    connkit_cancel_run(), connkit.sync_progress, runs on request
 * cron.c       when a schedule comes next
 */
#ifndef CONNKIT_WORKER_H
#define CONNKIT_WORKER_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "port/atomics.h"

#include "../sync/sync.h"

/* Databases that can be known, runs in the background at a time, and runs in sessions whose progress is shown. */
#define MOST_DATABASES 2000
#define MOST_RUNS 256
#define MOST_CALLS 64

/* Length of a sync's name as it is shown of a run under way. */
#define RUN_NAME 192

typedef enum DatabaseState
{
	DATABASE_UNKNOWN,			/* not looked at since it came, or since the extension came */
	DATABASE_WITHOUT,			/* has no extension */
	DATABASE_WITH
} DatabaseState;

/* A database, as the launcher knows it. */
typedef struct WorkerDatabase
{
	Oid			database;		/* invalid: the place is free */
	DatabaseState state;
	bool		wanted;			/* something has changed: a pass is to come at once */
	bool		passing;		/* a pass is under way */
	bool		reported;		/* it came to its end */
	TimestampTz begun;			/* when the last pass began */
	TimestampTz due;			/* the next pass, when nothing changes before */
	TimestampTz hold;			/* none before that: the last one failed */
	TimestampTz pruned;			/* when old runs were last deleted */

	/* the run that would be started if there were a place for it */
	bool		waiting;
	Oid			organization;
	TimestampTz since;
} WorkerDatabase;

typedef enum RunSlotState
{
	RUN_SLOT_FREE,
	RUN_SLOT_STARTING,			/* a pass has asked for the process */
	RUN_SLOT_TAKEN
} RunSlotState;

/* A run under way. Members but for the figures are read and written under the lock. */
typedef struct RunSlot
{
	RunSlotState state;
	bool		background;		/* a job; else a call of connkit_sync() */
	bool		cancel;			/* by connkit_cancel_run() */
	bool		ended;			/* what its process does now is not the run any more */
	uint64		claim;			/* no other use of a slot has the same */
	Oid			database;
	int64		run;
	int64		sync;
	Oid			owner;			/* invalid: not known */
	Oid			organization;
	Oid			canceller;		/* role that cancelled it */
	int			pid;
	TimestampTz started;
	char		source[NAMEDATALEN];
	char		name[RUN_NAME]; /* of the sync */
	/* written by the run alone and without a lock */
	pg_atomic_uint32 phase;
	pg_atomic_uint64 rows_read;
	pg_atomic_uint64 inserted;
	pg_atomic_uint64 updated;
	pg_atomic_uint64 deleted;
	pg_atomic_uint64 rejected;
	pg_atomic_uint64 bytes;
	pg_atomic_uint64 chunks;
} RunSlot;

/* A run that waits for its turn. */
typedef struct WaitingRun
{
	int64		run;
	int64		sync;
	char	   *name;
	char	   *source;
	Oid			owner;			/* invalid: the role is gone */
	Oid			organization;
	int			organization_limit; /* runs at a time; -1: any number */
	TimestampTz since;
} WaitingRun;

/* Settings */
extern bool worker_enabled;
extern int	worker_naptime;		/* seconds */
extern int	worker_max_running;
extern int	worker_max_per_source;
extern int	worker_retention;	/* minutes; 0: runs are kept */
extern int	worker_retry_delay; /* milliseconds */

extern void worker_init(void);

/*
 * shared.c
 */

extern void shared_init(void);

/* Whether the library was loaded by shared_preload_libraries. ERROR where not, that names what needs it. */
extern bool shared_is_there(void);
extern void shared_require(const char *what);

/*
 * databases.c
 */

/* Has a pass made in a database: now, or when and if the transaction at hand commits. Without shared memory: nothing. */
extern void database_wake(Oid database);
extern void database_wake_at_commit(void);

/* Of the launcher: whom to wake; whether a database that is not known has asked for it; which databases there are (Oid); the
 * next one for a pass, which has begun then, or else invalid and in *wake when to ask again; what becomes of one that has
 * ended; the pass could not be started. */
extern void launcher_attach(void);
extern bool launcher_must_look(void);
extern void databases_set(List *databases);
extern Oid	database_begin_pass(TimestampTz *wake);
extern void database_end_pass(Oid database);
extern void database_fail_pass(Oid database);

/* Of a pass: what it has found, and when the next one is due. prune_due: old runs are to be deleted; it is noted that they
 * were. */
extern void database_report(Oid database, DatabaseState state, TimestampTz due);
extern bool database_prune_due(Oid database);

/*
 * slots.c
 */

/* Takes a slot for the one of the waiting runs that is next, within the limits and before those of other databases that
 * come later. NULL: none can be started now. */
extern WaitingRun *run_slot_claim(List *waiting, int *slot, uint64 *claim);
/* Gives up a slot that is not needed; with hold the process could not be started, and the database has to wait a little. */
extern void run_slot_unclaim(int slot, uint64 claim, bool hold);
/* Frees slots whose processes have never come. */
extern void run_slots_expire(void);
/* The process of the run takes its slot, or NULL where it is not its own any more; and gives it back. */
extern RunSlot *run_slot_take(int slot, uint64 claim);
extern void run_slot_release(RunSlot *slot, bool again);
/* A slot to show the progress of a run in this session, or NULL where none is free. */
extern RunSlot *run_slot_call(const Sync *sync, const SyncRun *run);
/* Whether the run has a process, or will have. */
extern bool run_slot_is_live(int64 run);
/* Interrupts the process of the run; false where it has none, or does something else by now. */
extern bool run_slot_cancel(int64 run, Oid canceller);
/* The run has ended: nobody interrupts the process for it any more. True where somebody did before, in which case the signal
 * has arrived. */
extern bool run_slot_end(RunSlot *slot);
/* Copies of the slots of this database, in the current memory context. */
extern List *run_slots(void);

extern void run_slot_figures(RunSlot *slot, const SyncRun *run);

/*
 * scheduler.c
 */

/* Makes a background process of connkit's its own: settings of the database must not hinder it. */
extern void worker_settings(void);

/* Begins a transaction whose time, now(), is that of its begin. */
extern void worker_begin_transaction(void);

/*
 * queue.c: SPI is connected
 */

/* Puts the run of a schedule into the queue, or a skipped one where another is in its way. */
extern void queue_schedule(int64 schedule, const char *trigger);
/* Queues the runs that come after a run of the sync that has succeeded. */
extern void queue_followers(int64 sync);
/* A run on request, or one that waits already. */
extern int64 queue_request(int64 sync);
/* Takes runs up again whose process is gone. */
extern void queue_recover(void);
/* Owners that were renamed are told by their new names: a dump has these alone. */
extern void queue_rename(void);
/* Cancels what waits for a sync that is gone. */
extern void queue_forget(void);
/* Deletes old runs. */
extern void queue_prune(int retention_minutes);
/* The runs (WaitingRun) that may start, longest waiting first, in the current memory context. */
extern List *queue_waiting(void);
/* Whether the run waits and nobody is changing its row. */
extern bool queue_is_free(int64 run);
/* When something comes to be due; DT_NOEND: nothing. */
extern TimestampTz queue_due(void);
/* Ends a run that waits, or is taken for running with no process. False where it is neither. */
extern bool queue_cancel(int64 run, const char *message);

/* The run is the job's from now on: fills in run, and its retries and time-out (0: none). False where it is not waiting. */
extern bool queue_take(int64 id, SyncRun *run, int *retries, int64 *timeout_ms);
/* Puts a run back: for another attempt after delay_ms, give or take a quarter, or as if it had not begun. */
extern void queue_retry(int64 run, int64 delay_ms, ErrorData *error);
extern void queue_postpone(int64 run, int64 delay_ms);
extern void queue_return(int64 run);
/* Another run of the sync is under way: the run is skipped, or waits where its schedule says so. */
extern void queue_collide(int64 run);
/* The run has ended and not succeeded. */
extern void queue_end(int64 run, RunState state, ErrorData *error);

/*
 * schedule.c
 */

/* Puts what is due into the queue. SPI is connected. */
extern void schedule_fire(TimestampTz now);

/*
 * home.c: SPI is connected
 */

/* Whether schedules and what is queued run in this database. */
extern bool home_is_here(void);
/* Before the first of them is made here: they do. WARNING where there are others, that are held. */
extern void home_enter(void);

/*
 * control.c
 */

/* The hooks of sync.h */
extern int64 control_request(const Sync *sync);
extern void control_succeeded(const Sync *sync);
extern void control_progress(const Sync *sync, const SyncRun *run);
/* Of the job: where its progress is shown. */
extern void control_set_slot(RunSlot *slot);

#endif							/* CONNKIT_WORKER_H */
