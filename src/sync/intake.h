/*
 * intake.h: rows on their way from the reader to the loader.
 */
#ifndef CONNKIT_INTAKE_H
#define CONNKIT_INTAKE_H

#include "postgres.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "nodes/params.h"

#include "load.h"
#include "merge.h"
#include "position.h"
#include "read.h"
#include "sync.h"

typedef struct Intake
{
	RowSink		pub;
	/* set by who reads */
	MemoryContext context;
	Sync	   *sync;
	SyncRun    *run;
	Oid			heap;			/* that the rows are put into */
	Oid			target;			/* whose constraints hold */
	bool		with_cursor;	/* the heap has a column for it */
	bool		hidden;			/* nobody else sees the heap before the end of the transaction */
	bool		merged;			/* into the target, not just loaded */
	bool		tracked;		/* the cursor is followed */
	bool		notice;			/* the user is told of milestones */
	const char *order;			/* what limited rows are ordered by */
	/* its own */
	Loader	   *loader;
	Merger	   *merger;
	Tracker    *tracker;
	TupleDesc	desc;			/* of the fields and, where there is one, the cursor */
	SPIPlanPtr	plan;			/* careful: makes fields of the source's columns */
	TupleTableSlot *fields;		/* careful: the row that it made */
} Intake;

/* An intake of the sync's rows, in the current memory context. */
extern void intake_init(Intake *intake, Sync *sync, SyncRun *run);

/* Reads rows into it, as read_rows() says; in a careful run, those that do not fit are rejected. */
extern void intake_read(Intake *intake, const char *condition, ParamListInfo params, int64 limit);

/* After that: what is held is written, and with all the request was read to its end. */
extern void intake_end(Intake *intake, bool all);

/* Whether an error is of one row, which can be rejected. */
extern bool intake_is_row_error(int sqlerrcode);

#endif							/* CONNKIT_INTAKE_H */
