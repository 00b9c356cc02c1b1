/*
 * load.h: rows into a heap, many at a time.
 */
#ifndef CONNKIT_LOAD_H
#define CONNKIT_LOAD_H

#include "postgres.h"
#include "executor/tuptable.h"

#include "sync.h"

typedef struct Loader Loader;

/*
 * Readies rows of the sync's fields, which stand in the first places of input's columns, to be put into the table heap,
 * in a memory context below the current one. Types, defaults, generated columns and constraints are those of the table
 * target, which has heap's layout; or it is heap itself. Index entries are made where heap has indexes. Nobody else may see the
 * heap before the end of the transaction with hidden: its rows are frozen.
 */
extern Loader *load_begin(Sync *sync, Oid heap, Oid target, TupleDesc input, bool with_cursor, bool hidden);

/* Makes the next row of the table, of which input's values may be a part until load_keep(). ERROR where it does not fit; the
 * loader is then as it was. */
extern void load_prepare(Loader *loader, TupleTableSlot *input);
/* Puts in the row that was made. */
extern void load_keep(Loader *loader);

/* A slot of the table's columns, in the current memory context, for rows that may be put in later. */
extern TupleTableSlot *load_slot(Loader *loader);
/* Fills it with the input's columns in the table's types, in memory of the input or that is there until the next call. */
extern void load_fill(Loader *loader, TupleTableSlot *input, TupleTableSlot *slot);
/* Makes the row of the table of what a slot was filled with, and puts it in. */
extern void load_put(Loader *loader, TupleTableSlot *filled);

/* Writes what is still to be written. */
extern void load_flush(Loader *loader);

/* Writes what is still held, and closes the tables, whose locks stay. */
extern void load_end(Loader *loader);

#endif							/* CONNKIT_LOAD_H */
