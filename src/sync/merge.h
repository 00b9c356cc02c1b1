/*
 * merge.h: rows merged by key into a plain table, past SQL.
 */
#ifndef CONNKIT_MERGE_H
#define CONNKIT_MERGE_H

#include "postgres.h"

#include "compat.h"
#include "sync.h"

/* The index of the target that holds its rows apart by just the sync's key; invalid where there is none to search in. */
extern Oid	merge_index(Sync *sync);

/* True where two values of the key's field that are equal are the same: neither 1.0 and 1.00 nor "A" and "a". */
extern bool merge_is_exact(Sync *sync, SyncField *field);

/* ERROR: a row has no key. */
COMPAT_NORETURN extern void merge_null_key(Sync *sync);

/*
 * Merges the rows of the stage into the target, which is plain and has that index, and counts them into the run. As the
 * current user, who may read, insert and update it; SPI is connected.
 */
extern void merge_rows(Sync *sync, SyncRun *run, Oid stage, Oid index);

#endif							/* CONNKIT_MERGE_H */
