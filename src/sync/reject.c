/*
 * reject.c: rows that the target does not take.
 */
#include "postgres.h"

#include "sync.h"

void
reject_row(Sync *sync, SyncRun *run, Jsonb *row, const char *column, ErrorData *error)
{
	elog(ERROR, "not built yet");
}
