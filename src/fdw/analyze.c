/*
 * analyze.c: ANALYZE of a foreign table: a sample of its rows at the source.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

#include "compat.h"
#include "discover.h"
#include "fdw.h"
#include "registry.h"
#include "scan.h"

/* The source is asked for this many times the rows that are wanted, so that chance does not leave too few. */
#define SAMPLE_MARGIN 2.0

/* The source's own estimate of rows and bytes; -1 where it has none. */
static void
sample_estimate(const RemoteTable *table, double *rows, double *bytes)
{
	*rows = *bytes = -1;
	if (table->query == NULL &&
		!discover_estimate(table->serverid, table->userid, table->schema, table->table, rows, bytes))
		*rows = *bytes = -1;
}

/*
 * The request for a fraction of the rows, or NULL for a plain READ. *fraction becomes 1 where all are read.
 */
static char *
sample_request(const RemoteTable *table, List *attributes, double *fraction)
{
	StringInfoData text;
	const char *mark;

	if (!table->remote || table->sql->sample == NULL || *fraction >= 1)
		*fraction = 1;
	if (!table->remote)
		return NULL;
	initStringInfo(&text);
	appendStringInfoString(&text, "SELECT");
	remote_select_list(&text, table, attributes);
	appendStringInfoString(&text, " FROM ");
	remote_from(&text, table, 0);
	if (*fraction < 1)
	{
		mark = strstr(table->sql->sample, "%f");
		appendStringInfo(&text, "%.*s%.10f%s", (int) (mark - table->sql->sample), table->sql->sample, *fraction, mark + 2);
	}
	return text.data;
}

/*
 * Reads the sample; of what comes beyond targrows rows each has the same chance to stay.
 */
static int
sample_rows(Relation relation, int elevel, HeapTuple *rows, int targrows, double *totalrows, double *totaldeadrows)
{
	TupleDesc	desc = RelationGetDescr(relation);
	RemoteTable table;
	List	   *attributes = NIL;
	Oid		   *types;
	int32	   *typmods;
	int		   *places;
	CkColumn   *columns;
	double		estimate,
				bytes,
				fraction = 1,
				skip = -1;
	char	   *request;
	SourceScan *scan;
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	ReservoirStateData reservoir;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext row = AllocSetContextCreate(caller, "connkit sample row", ALLOCSET_DEFAULT_SIZES);
	int			count = 0;
	double		seen = 0;

	memset(nulls, true, sizeof(bool) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			attributes = lappend_int(attributes, i + 1);
	remote_table_init(&table, RelationGetRelid(relation), relation->rd_rel->relowner);
	sample_estimate(&table, &estimate, &bytes);
	if (estimate > 0)
		fraction = targrows * SAMPLE_MARGIN / estimate;
	request = sample_request(&table, attributes, &fraction);
	columns = remote_columns(&table, attributes, &types, &typmods, &places);
	scan = scan_new(table.serverid, table.userid, table.source_options, request, list_length(attributes), columns, types,
					typmods, places, CK_SCAN_WHOLE);
	scan_lift_limits(scan);
	reservoir_init_selection_state(&reservoir, targrows);
	MemoryContextSwitchTo(row);
	while (scan_next(scan, values, nulls))
	{
		int			place = count;

		CHECK_FOR_INTERRUPTS();
		seen++;
		if (count == targrows)
		{
			if (skip < 0)
				skip = reservoir_get_next_S(&reservoir, seen - 1, targrows);
			place = skip-- > 0 ? -1 : (int) (targrows * sampler_random_fract(COMPAT_RANDOM(reservoir)));
		}
		if (place >= 0)
		{
			MemoryContextSwitchTo(caller);
			if (place == count)
				count++;
			else
				heap_freetuple(rows[place]);
			rows[place] = heap_form_tuple(desc, values, nulls);
			MemoryContextSwitchTo(row);
		}
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(row);
	scan_end(scan);
	*totalrows = rint(seen / fraction);
	*totaldeadrows = 0;
	ereport(elevel,
			(errmsg("\"%s\": %.0f of about %.0f rows read from the source, %d rows in sample",
					RelationGetRelationName(relation), seen, *totalrows, count)));
	return count;
}

bool
fdw_analyze(Relation relation, AcquireSampleRowsFunc *function, BlockNumber *pages)
{
	RemoteTable table;
	double		rows,
				bytes;

	remote_table_init(&table, RelationGetRelid(relation), relation->rd_rel->relowner);
	if (!(registry_connector_of_server(table.serverid)->caps & CK_READ))
		return false;
	discover_estimate_forget(table.serverid, table.userid, table.schema, table.table);
	sample_estimate(&table, &rows, &bytes);
	*pages = bytes > 0 ? (BlockNumber) Min(ceil(bytes / BLCKSZ), (double) MaxBlockNumber) : 0;
	*function = sample_rows;
	return true;
}
