/*
 * pages.h: rows formed on the pages of a heap that nobody else can see.
 */
#ifndef CONNKIT_PAGES_H
#define CONNKIT_PAGES_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"

typedef struct Pages Pages;

/* True for an empty heap without indexes whose rows no logical decoding is to find in WAL, or one that is never decoded. */
extern bool pages_possible(Relation heap, bool decoded);

/*
 * Begins to fill such a heap, in the current memory context. Nobody else may see or write it before the end of the
 * transaction: its rows are frozen, and its pages are all visible.
 */
extern Pages *pages_begin(Relation heap);

/* Adds a row of the heap's columns. Leaves memory behind in the current context where it has to be toasted. */
extern void pages_put(Pages *pages, TupleTableSlot *row);

/* Writes what is still held, and sees to it that all of it outlives a crash once the transaction is committed. */
extern void pages_end(Pages *pages);

#endif							/* CONNKIT_PAGES_H */
