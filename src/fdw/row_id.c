/*
 * row_id.c: the rows of a scan whose rows are told apart by a row id of the source, for which the table has no columns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

#include "row_id.h"

RowIds *
row_ids_begin(ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	RowIds	   *row_ids = palloc(sizeof(RowIds));
	int			size;
	ListCell   *lc;

	row_ids->table = RelationGetDescr(node->ss.ss_currentRelation);
	row_ids->relid = RelationGetRelid(node->ss.ss_currentRelation);
	size = row_ids->table->natts - FirstLowInvalidHeapAttributeNumber;
	row_ids->values = palloc0(sizeof(Datum) * size);
	row_ids->isnull = palloc(sizeof(bool) * size);
	memset(row_ids->isnull, true, size);
	row_ids->ncolumns = list_length(plan->fdw_scan_tlist);
	row_ids->from = palloc(sizeof(AttrNumber) * row_ids->ncolumns);
	row_ids->types = palloc(sizeof(Oid) * row_ids->ncolumns);
	foreach(lc, plan->fdw_scan_tlist)
	{
		Var		   *var = castNode(Var, lfirst_node(TargetEntry, lc)->expr);

		row_ids->from[foreach_current_index(lc)] = var->varattno;
		row_ids->types[foreach_current_index(lc)] = var->vartype;
	}
	return row_ids;
}

void
row_ids_fill(RowIds *row_ids, TupleTableSlot *slot)
{
	int			natts = row_ids->table->natts;

	for (int i = 0; i < row_ids->ncolumns; i++)
	{
		AttrNumber	from = row_ids->from[i];
		int			place = from > 0 ? from - 1 : natts - from - 1;

		slot->tts_isnull[i] = false;
		if (from == 0)
			slot->tts_values[i] = heap_copy_tuple_as_datum(heap_form_tuple(row_ids->table, row_ids->values, row_ids->isnull),
														   row_ids->table);
		else if (from == TableOidAttributeNumber && row_ids->types[i] == OIDOID)
			slot->tts_values[i] = ObjectIdGetDatum(row_ids->relid);
		else if (from > 0 || row_ids->types[i] == TEXTOID)
		{
			slot->tts_values[i] = row_ids->values[place];
			slot->tts_isnull[i] = row_ids->isnull[place];
		}
		else
			slot->tts_isnull[i] = true;
	}
}
