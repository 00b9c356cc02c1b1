/*
 * shared.c: the shared memory in which launcher, scheduler, jobs and sessions meet.
 *
 * There is none unless the library was loaded by shared_preload_libraries. All of it is read and written under one lock, held
 * for moments, but for the figures of a run. It says nothing that the tables do not: after a crash it begins anew.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "compat.h"
#include "shared.h"

WorkerShared *worker_shared = NULL;
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
	worker_shared = ShmemInitStruct("connkit", sizeof(WorkerShared), &found);
	if (!found)
	{
		memset(worker_shared, 0, sizeof(WorkerShared));
		worker_shared->lock = &GetNamedLWLockTranche("connkit")->lock;
		for (int i = 0; i < lengthof(worker_shared->slots); i++)
		{
			RunSlot    *slot = &worker_shared->slots[i];

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
	return worker_shared != NULL;
}

void
shared_require(const char *what)
{
	if (worker_shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s needs connkit in shared_preload_libraries", what),
				 errhint("Add connkit to shared_preload_libraries in postgresql.conf and restart the server. Where that "
						 "cannot be done, pg_cron or another program may call connkit_sync().")));
}
