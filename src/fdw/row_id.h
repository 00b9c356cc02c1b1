/*
 * row_id.h: rows that are read with what tells them apart at the source.
 */
#ifndef CONNKIT_ROW_ID_H
#define CONNKIT_ROW_ID_H

#include "postgres.h"
#include "nodes/execnodes.h"

/* Makes the rows of such a scan. */
typedef struct RowIds
{
	Datum	   *values;			/* of the table's columns and, behind them, of the row id's: what is read comes here */
	bool	   *isnull;
	TupleDesc	table;
	Oid			relid;
	int			ncolumns;		/* of the scan's rows */
	AttrNumber *from;			/* where each comes from: an attribute number */
	Oid		   *types;
} RowIds;

extern RowIds *row_ids_begin(ForeignScanState *node);
/* Puts the row that was read into the scan's slot, as values in the current memory context. */
extern void row_ids_fill(RowIds *row_ids, TupleTableSlot *slot);

#endif							/* CONNKIT_ROW_ID_H */
