/*
 * reject.c: rows that the target does not take.
 *
 * They are written in the transaction of the run. What a run that fails has rejected is written once more when the failure
 * is recorded, so that one can see why; it is kept outside of the transaction until then.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "sync.h"
#include "tables.h"

/* Rows of a run that fails that are kept. */
#define MAX_KEPT 100

/* Rows that are deleted at once for being old. */
#define PRUNE_ROWS 100000

typedef struct Rejected
{
	Jsonb	   *row;
	char	   *column;			/* or NULL */
	char	   *reason;
	int			sqlerrcode;
	bool		comes_again;
	bool		undone;			/* with the run that rejected it: what was committed of it stays */
} Rejected;

static MemoryContext kept_context = NULL;
static List *kept = NIL;
static int64 kept_run = 0;

/* Writes the row, and returns its id; *is_new is false where the run has told of it before. */
static int64
insert_row(Sync *sync, SyncRun *run, const Rejected *rejected, bool *is_new)
{
	int64		id;
	bool		isnull;
	Oid			types[] = {INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, BOOLOID, BOOLOID};
	Datum		values[9];

	SPI_connect();
	values[0] = Int64GetDatum(sync->id);
	/* one that is tried again stays the last run's */
	values[1] = Int64GetDatum(run->replay ? sync->last_run : run->id);
	values[2] = CStringGetTextDatum(unpack_sql_state(rejected->sqlerrcode));
	values[3] = CStringGetTextDatum(rejected->reason);
	values[4] = rejected->column ? CStringGetTextDatum(rejected->column) : (Datum) 0;
	values[5] = JsonbPGetDatum(rejected->row);
	values[6] = BoolGetDatum(sync->load != NULL);
	values[7] = BoolGetDatum(rejected->comes_again);
	values[8] = BoolGetDatum(rejected->undone);
	/* a row at the position, or of a full refresh, comes again: it is told once, of the last run; equal rows of one step are
	 * many, but not where it reads by key */
	tables_execute("WITH known AS (SELECT r.id, r.run FROM connkit.rejected_row AS r"
				   " WHERE r.sync = $1 AND r.replayed_at IS NULL"
				   " AND md5(r.source_row::text) = md5($6::text) AND r.source_row = $6"
				   " AND (r.run IS DISTINCT FROM $2 OR r.at < now() OR $7) ORDER BY r.id LIMIT 1),"
				   " changed AS (UPDATE connkit.rejected_row AS r SET run = $2, at = clock_timestamp(), sqlstate = $3,"
				   " reason = $4, column_name = $5, comes_again = CASE WHEN $9 THEN r.comes_again ELSE $8 END"
				   " FROM known AS k WHERE r.id = k.id),"
				   " added AS (INSERT INTO connkit.rejected_row (sync, run, sqlstate, reason, column_name, source_row,"
				   " comes_again) SELECT $1, $2, $3, $4, $5, $6, $8 WHERE NOT EXISTS (SELECT FROM known)"
				   " RETURNING id)"
				   " SELECT id, run IS DISTINCT FROM $2 FROM known UNION ALL SELECT id, true FROM added",
				   9, types, values, rejected->column ? "         " : "    n    ");
	id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	*is_new = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_finish();
	return id;
}

/* Keeps a copy beyond the transaction. */
static void
keep(SyncRun *run, const Rejected *rejected)
{
	MemoryContext caller;
	Rejected   *copy;

	if (kept_context == NULL)
		kept_context = AllocSetContextCreate(TopMemoryContext, "connkit rejected rows", ALLOCSET_DEFAULT_SIZES);
	if (kept_run != run->id)
	{
		MemoryContextReset(kept_context);
		kept = NIL;
		kept_run = run->id;
	}
	if (list_length(kept) >= MAX_KEPT)
		return;
	caller = MemoryContextSwitchTo(kept_context);
	copy = palloc0(sizeof(Rejected));
	copy->row = (Jsonb *) memcpy(palloc(VARSIZE(rejected->row)), rejected->row, VARSIZE(rejected->row));
	copy->column = rejected->column ? pstrdup(rejected->column) : NULL;
	copy->reason = pstrdup(rejected->reason);
	copy->sqlerrcode = rejected->sqlerrcode;
	copy->undone = true;
	kept = lappend(kept, copy);
	MemoryContextSwitchTo(caller);
}

bool
reject_waits(const Sync *sync)
{
	return sync->write == SYNC_APPEND && sync->mode == SYNC_INCREMENTAL;
}

int64
reject_row(Sync *sync, SyncRun *run, Jsonb *row, const char *column, ErrorData *error, bool comes_again)
{
	Rejected	rejected = {
		.row = row, .column = unconstify(char *, column), .reason = error->message, .sqlerrcode = error->sqlerrcode,
		.comes_again = comes_again && reject_waits(sync)
	};
	bool		is_new;
	int64		id;

	keep(run, &rejected);
	id = insert_row(sync, run, &rejected, &is_new);
	/* a load in parts may come to a row in several of them */
	if (!is_new && sync->load)
		return id;
	run->rejected++;
	if (run->rejected > sync->max_rejected)
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("sync \"%s\" has rejected more than " INT64_FORMAT " rows", sync->name, sync->max_rejected),
				 errdetail("The last: %s", error->message),
				 errhint("See connkit.rejected_row; max_rejected says how many a run may reject.")));
	return id;
}

void
reject_passed(int64 id)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(id);

	SPI_connect();
	tables_execute("UPDATE connkit.rejected_row SET comes_again = false WHERE id = $1", 1, &type, &value, NULL);
	SPI_finish();
}

void
reject_came(Sync *sync, SyncRun *run)
{
	Oid			types[] = {INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(sync->id), Int64GetDatum(run->id)};

	SPI_connect();
	tables_execute("UPDATE connkit.rejected_row SET replayed_at = clock_timestamp() WHERE sync = $1 AND comes_again"
				   " AND replayed_at IS NULL AND run IS DISTINCT FROM $2", 2, types, values, NULL);
	SPI_finish();
}

void
reject_keep(Sync *sync, SyncRun *run)
{
	bool		is_new;
	ListCell   *lc;

	if (kept_run != run->id)
		return;
	foreach(lc, kept)
	{
		Rejected   *rejected = lfirst(lc);

		rejected->comes_again = reject_waits(sync);
		(void) insert_row(sync, run, rejected, &is_new);
	}
	if (kept != NIL)
		reject_trim(sync);
	MemoryContextReset(kept_context);
	kept = NIL;
	kept_run = 0;
}

void
reject_trim(Sync *sync)
{
	Oid			types[] = {INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(sync->id), Int64GetDatum(sync->keep_rejected)};
	int64		dropped;
	bool		isnull;

	SPI_connect();
	tables_execute("WITH surplus AS (SELECT id FROM connkit.rejected_row WHERE sync = $1"
				   "  ORDER BY replayed_at IS NULL DESC, at DESC, id DESC OFFSET $2),"
				   " gone AS (DELETE FROM connkit.rejected_row AS r USING surplus AS s WHERE r.id = s.id"
				   "  RETURNING r.replayed_at),"
				   " dropped AS (SELECT count(*) AS rows FROM gone WHERE replayed_at IS NULL),"
				   " counted AS (INSERT INTO connkit.sync_state AS t (sync, dropped_rejected) SELECT $1, rows FROM dropped"
				   "  ON CONFLICT (sync) DO UPDATE SET dropped_rejected = t.dropped_rejected + EXCLUDED.dropped_rejected)"
				   " SELECT rows FROM dropped", 2, types, values, NULL);
	dropped = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	if (dropped > 0)
		ereport(WARNING,
				(errmsg("sync \"%s\" keeps " INT64_FORMAT " rejected rows: " INT64_FORMAT
						" older ones, which were not replayed, are dropped", sync->name, sync->keep_rejected, dropped),
				 errhint("keep_rejected says how many it keeps; connkit.sync_state counts those that were dropped.")));
}

void
reject_prune(int retention_minutes)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(retention_minutes);

	tables_execute("WITH old AS MATERIALIZED (SELECT id, sync FROM connkit.rejected_row"
				   "  WHERE at < clock_timestamp() - $1 * interval '1 minute' ORDER BY id LIMIT "
				   CppAsString2(PRUNE_ROWS) " FOR UPDATE SKIP LOCKED),"
				   " idle AS MATERIALIZED (SELECT sync FROM connkit.sync_state WHERE sync IN (SELECT sync FROM old)"
				   "  FOR UPDATE SKIP LOCKED),"
				   " gone AS (DELETE FROM connkit.rejected_row AS r USING old AS o WHERE r.id = o.id"
				   "  AND o.sync IN (SELECT sync FROM idle) RETURNING r.sync, r.replayed_at),"
				   " dropped AS (SELECT sync, count(*) AS rows FROM gone WHERE replayed_at IS NULL GROUP BY sync)"
				   " UPDATE connkit.sync_state AS t SET dropped_rejected = t.dropped_rejected + d.rows FROM dropped AS d"
				   " WHERE t.sync = d.sync", 1, &type, &value, NULL);
}
