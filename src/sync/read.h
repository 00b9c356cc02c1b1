/*
 * read.h: rows of the source, by the executor over a foreign table of the moment.
 */
#ifndef CONNKIT_READ_H
#define CONNKIT_READ_H

#include "postgres.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "nodes/params.h"

#include "sync.h"

/* Makes the foreign table, a temporary one that is dropped with the run, of the sync's columns. SPI is connected. */
extern void read_begin(Sync *sync, SyncRun *run);

/* Sets the types of fields that are expressions. */
extern void read_field_types(Sync *sync, SyncRun *run);

/* Who takes the rows: start is called once, before the first. */
typedef struct RowSink
{
	void		(*start) (struct RowSink *sink, TupleDesc desc);
	void		(*row) (struct RowSink *sink, TupleTableSlot *slot);
} RowSink;

/*
 * Reads the fields, or with raw the columns of the source, in their order, and with_cursor the cursor behind them, of rows
 * that meet the sync's filter and the condition (text behind AND, with params); where limit is not 0, no more than these and in
 * that order.
 */
extern void read_rows(Sync *sync, SyncRun *run, const char *condition, ParamListInfo params, bool raw, bool with_cursor,
					  const char *order, int64 limit, RowSink *sink);

/* A plan whose parameters are the columns of the source, and whose result are the fields; it lives as long as SPI's present
 * level. */
extern SPIPlanPtr read_fields_plan(Sync *sync, SyncRun *run);

/* Reads the key's fields of all rows that meet the filter. */
extern void read_keys(Sync *sync, SyncRun *run, RowSink *sink);

/* Drops the temporary tables of the run. */
extern void read_end(SyncRun *run);

#endif							/* CONNKIT_READ_H */
