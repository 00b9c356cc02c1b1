/*
 * position.h: how far a sync has come, and which rows at that point it has already.
 */
#ifndef CONNKIT_POSITION_H
#define CONNKIT_POSITION_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "nodes/params.h"

#include "sync.h"

typedef struct Tracker Tracker;

/*
 * The condition on the cursor that a run's next request has, behind AND, or "" where it reads all; its parameters $1 and $2 are
 * put into *params (NULL: none). SPI is connected; run->source_table is there.
 */
extern char *position_condition(Sync *sync, SyncRun *run, ParamListInfo *params);

/* A value as text, and back, in the current memory context. */
extern Datum position_from_text(const char *text, Oid type, int32 typmod);
extern char *position_to_text(Datum value, Oid type);

/* Sets a parameter, the first of which is number 0, to a constant. */
extern void position_param(ParamListInfo params, int number, Oid type, Datum value);

/* Follows the cursor, which is the last of the input's columns, through the rows of one transaction. */
extern Tracker *tracker_begin(Sync *sync, SyncRun *run, TupleDesc input);

/* False where the row is one that an earlier run has appended. */
extern bool tracker_row(Tracker *tracker, TupleTableSlot *slot);

/* A row, of that id, that was rejected before tracker_row() has seen it; column is what it was rejected for, or NULL. */
extern void tracker_reject(Tracker *tracker, int64 id, Jsonb *row, const char *column);

/* Sets the sync's position and what goes with it; last: the request was read to its end. */
extern void tracker_end(Tracker *tracker, bool last);

#endif							/* CONNKIT_POSITION_H */
