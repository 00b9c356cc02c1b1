/*
 * merge.h: rows merged by key into a plain table, past SQL.
 */
#ifndef CONNKIT_MERGE_H
#define CONNKIT_MERGE_H

#include "postgres.h"
#include "executor/tuptable.h"

#include "compat.h"
#include "sync.h"

/* The index of the target that holds its rows apart by just the sync's key; invalid where there is none to search in. */
extern Oid	merge_index(Sync *sync);

/* True where two values of the key's field that are equal are the same: neither 1.0 and 1.00 nor "A" and "a". */
extern bool merge_is_exact(Sync *sync, SyncField *field);

/* ERROR: a row has no key. */
COMPAT_NORETURN extern void merge_null_key(Sync *sync);

/* ERROR: rows that the source tells apart by their key are one by the equality of the target's. */
COMPAT_NORETURN extern void merge_one_key(Sync *sync);

/* An operator, as it is written wherever the search_path leads. */
extern char *merge_operator_name(Oid operator);

/* True where rows may be merged past SQL: then with that index. As the current user, who may read, insert and update. */
extern bool merge_possible(Sync *sync, Oid *index);

typedef struct Merger Merger;

/*
 * Readies rows of the sync's fields, which stand in the first places of input's columns, to be merged into the target, as
 * merge_possible() has allowed; they are counted into the run. In a memory context below the current one.
 */
extern Merger *merge_begin(Sync *sync, SyncRun *run, TupleDesc input);

/* Takes a row, in any order; of those with one key, one is enough. */
extern void merge_take(Merger *merger, TupleTableSlot *input);

/* Merges what is still held, and closes the tables, whose locks stay. */
extern void merge_end(Merger *merger);

/* The same for all rows of a stage, of which the last of a key is taken. SPI is connected. */
extern void merge_rows(Sync *sync, SyncRun *run, Oid stage, Oid index);

#endif							/* CONNKIT_MERGE_H */
