/*
 * evolve.c: what has changed in the source's table, and what becomes of that in the target.
 */
#include "postgres.h"

#include "sync.h"

void
evolve(Sync *sync, SyncRun *run)
{
}
