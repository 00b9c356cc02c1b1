/*
 * run.h: the parts of a run, for who drives it.
 */
#ifndef CONNKIT_RUN_H
#define CONNKIT_RUN_H

#include "sync.h"

/* An error context callback: adds to errors that they are of that Sync. */
extern void run_error_context(void *sync);

/* Sets, until the caller ends its GUC nest level, what expressions and the text of values depend on. */
extern void run_settings(Sync *sync);

/* Rights, quota, and the time. */
extern void run_begin(Sync *sync, SyncRun *run);

/* Reads and writes. With run->heap set, storage has to be exchanged. Where a row does not fit and the sync may reject some,
 * all of it is done once more with each row looked at by itself. True: there is more to do. */
extern bool run_work(Sync *sync, SyncRun *run, bool background);

/* State, the run's row, and with its last transaction what others are told. */
extern void run_end(Sync *sync, SyncRun *run, bool more);

#endif							/* CONNKIT_RUN_H */
