/*
 * run.c: one run of one sync.
 */
#include "postgres.h"

#include "fmgr.h"

#include "sync.h"

SyncProgress sync_progress = NULL;

bool
run_step(Sync *sync, SyncRun *run, bool background)
{
	elog(ERROR, "not built yet");
}

PG_FUNCTION_INFO_V1(connkit_sync);

Datum
connkit_sync(PG_FUNCTION_ARGS)
{
	elog(ERROR, "not built yet");
}
