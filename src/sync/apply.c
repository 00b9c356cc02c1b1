/*
 * apply.c: rows of a stage into the target: append, merge, history, deletions.
 */
#include "postgres.h"

#include "sync.h"

void
apply_stage(Sync *sync, SyncRun *run, Oid stage)
{
	elog(ERROR, "not built yet");
}

void
apply_deletes(Sync *sync, SyncRun *run, Oid keys)
{
	elog(ERROR, "not built yet");
}
