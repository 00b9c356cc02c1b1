/*
 * queue.c: the queue of runs: rows of connkit.sync_run that are queued or running.
 *
 * A run is the job's that has taken its slot in shared memory and then changes the row from queued to running; so what stands
 * as running and has no slot has no process either.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "../sync/definition.h"
#include "attempt.h"
#include "quota.h"
#include "rolemark.h"
#include "tables.h"
#include "worker.h"

/* Runs on request have no schedule that would say so. */
#define REQUEST_RETRIES 3

/* Old runs deleted at once. */
#define PRUNE_ROWS 10000

/* What a run that was skipped is told by. */
#define SKIPPED "'run ' || b.id || ' of the sync was ' || b.state"

/* A statement with one argument that is a bigint. */
static int
execute_id(const char *sql, int64 id)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(id);

	return tables_execute(sql, 1, &type, &value, NULL);
}

static int64
row_int64(uint64 row, int column, int64 otherwise)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? otherwise : DatumGetInt64(value);
}

/* Queues the schedules that meet the condition on $1; "s" is the schedule. */
static void
queue_schedules(const char *condition, int64 id, const char *trigger)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(id), CStringGetTextDatum(trigger)};

	tables_execute(psprintf("INSERT INTO connkit.sync_run (sync, sync_name, owner, owner_mark, source, trigger, state,"
							" requested_by, not_before, retries, timeout, ended_at, message)"
							" SELECT y.id, y.name, y.owner, y.owner_mark, y.source, $2,"
							" CASE WHEN b.id IS NULL THEN 'queued' ELSE 'skipped' END, y.owner,"
							" CASE WHEN b.id IS NULL AND s.jitter > '0' THEN clock_timestamp() + random() * s.jitter END,"
							" s.retries, s.timeout, CASE WHEN b.id IS NOT NULL THEN clock_timestamp() END, " SKIPPED
							" FROM connkit.schedule AS s JOIN connkit.sync AS y ON y.id = s.sync"
							" LEFT JOIN LATERAL (SELECT r.id, r.state FROM connkit.sync_run AS r"
							"  WHERE r.sync = y.id AND r.state IN ('queued', 'running')"
							"  AND (r.state = 'queued' OR s.overlap = 'skip') ORDER BY r.state LIMIT 1) AS b ON true"
							" WHERE %s AND s.enabled AND NOT y.paused", condition), 2, types, values, NULL);
}

void
queue_schedule(int64 schedule, const char *trigger)
{
	queue_schedules("s.id = $1", schedule, trigger);
}

void
queue_followers(int64 sync)
{
	queue_schedules("s.after_sync = $1", sync, "after");
	if (SPI_processed > 0)
		database_wake_at_commit();
}

int64
queue_request(int64 sync)
{
	execute_id("UPDATE connkit.sync_run SET not_before = NULL WHERE id = (SELECT min(r.id) FROM connkit.sync_run AS r"
			   " WHERE r.sync = $1 AND r.state = 'queued') AND state = 'queued' RETURNING id", sync);
	if (SPI_processed == 0)
		execute_id("INSERT INTO connkit.sync_run (sync, sync_name, owner, owner_mark, source, trigger, state, retries,"
				   " timeout) SELECT y.id, y.name, y.owner, y.owner_mark, y.source, 'background', 'queued',"
				   " coalesce(s.retries, " CppAsString2(REQUEST_RETRIES) "), s.timeout"
				   " FROM connkit.sync AS y LEFT JOIN connkit.schedule AS s ON s.sync = y.id WHERE y.id = $1 RETURNING id",
				   sync);
	if (SPI_processed == 0)
		elog(ERROR, "sync " INT64_FORMAT " is not there", sync);
	database_wake_at_commit();
	return row_int64(0, 1, 0);
}

/*
 * Of a pass
 */

/* Tells those who listen of a run that a pass has ended. */
static void
queue_notify(int64 sync_id, SyncRun *run, const char *message)
{
	Sync	   *sync = sync_fetch(sync_id);
	ErrorData	error = {.sqlerrcode = ERRCODE_CRASH_SHUTDOWN, .message = pstrdup(message)};

	if (sync)
		record_notify(sync, run, &error);
}

void
queue_recover(void)
{
	SPITupleTable *table;
	uint64		count;

	tables_execute("SELECT id, sync, attempt <= greatest(retries, 1) FROM connkit.sync_run WHERE state = 'running'"
				   " FOR UPDATE SKIP LOCKED", 0, NULL, NULL, NULL);
	table = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		SyncRun		run = {.state = RUN_FAILED};
		int64		sync = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 2, &isnull));
		bool		again = DatumGetBool(SPI_getbinval(table->vals[i], table->tupdesc, 3, &isnull));

		run.id = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));
		if (run_slot_is_live(run.id))
			continue;
		execute_id(psprintf("UPDATE connkit.sync_run SET pid = NULL, sqlstate = '57P02', detail = NULL,"
							" message = 'the process that ran it ended', %s WHERE id = $1",
							again ? "state = 'queued', attempt = attempt + 1, not_before = NULL, hint = NULL"
							: "state = 'failed', ended_at = clock_timestamp(),"
							" hint = 'Look into the server''s log, then run the sync again: it goes on from its position.'"),
				   run.id);
		if (!again)
			queue_notify(sync, &run, "the process that ran it ended");
	}
}

static void
try_rename(void *arg)
{
	Oid			type = TEXTOID;
	Datum		value = PointerGetDatum(arg);

	SPI_connect();
	tables_execute("UPDATE connkit.sync_run AS s SET owner = r.rolname FROM pg_authid AS r"
				   " WHERE s.owner_mark = $1 || r.oid AND s.owner <> r.rolname", 1, &type, &value, NULL);
	tables_execute("UPDATE connkit.sync AS s SET owner = r.rolname FROM pg_authid AS r"
				   " WHERE s.owner_mark = $1 || r.oid AND s.owner <> r.rolname", 1, &type, &value, NULL);
	SPI_finish();
}

void
queue_rename(void)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(rolemark_cluster());
	ErrorData  *error;

	/* first, since the update wakes the launcher, also one that finds nothing */
	tables_execute("SELECT FROM connkit.sync AS s JOIN pg_authid AS r ON s.owner_mark = $1 || r.oid"
				   " WHERE s.owner <> r.rolname LIMIT 1", 1, &type, &value, NULL);
	if (SPI_processed == 0)
		return;
	/* what somebody's transaction has locked waits for a later pass, and holds up nothing else */
	error = attempt(try_rename, DatumGetPointer(value));
	if (error && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
}

void
queue_forget(void)
{
	tables_execute("UPDATE connkit.sync_run SET state = 'cancelled', ended_at = clock_timestamp(),"
				   " message = 'the sync was dropped' WHERE id IN (SELECT r.id FROM connkit.sync_run AS r"
				   "  WHERE r.state = 'queued' AND NOT EXISTS (SELECT FROM connkit.sync AS y WHERE y.id = r.sync)"
				   "  FOR UPDATE SKIP LOCKED)", 0, NULL, NULL, NULL);
}

void
queue_prune(int retention_minutes)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(retention_minutes);

	tables_execute("DELETE FROM connkit.sync_run WHERE id IN (SELECT id FROM connkit.sync_run"
				   " WHERE state NOT IN ('queued', 'running') AND ended_at < clock_timestamp() - $1 * interval '1 minute'"
				   " ORDER BY id LIMIT " CppAsString2(PRUNE_ROWS) " FOR UPDATE SKIP LOCKED)", 1, &type, &value, NULL);
}

/*
 * A run of queue_waiting(). It belongs to who owns the source, if the sync's owner has the rights of that one; else to the
 * sync's owner.
 */
static WaitingRun *
waiting_run(uint64 i)
{
	HeapTuple	row = SPI_tuptable->vals[i];
	TupleDesc	columns = SPI_tuptable->tupdesc;
	WaitingRun *run = palloc0(sizeof(WaitingRun));
	Oid			source_owner;
	bool		of_source;
	bool		isnull;
	Datum		limit;

	run->run = row_int64(i, 1, 0);
	run->sync = row_int64(i, 2, 0);
	run->since = row_int64(i, 3, 0);
	run->name = SPI_getvalue(row, columns, 4);
	run->source = SPI_getvalue(row, columns, 5);
	run->owner = rolemark_follow(SPI_getvalue(row, columns, 6), SPI_getvalue(row, columns, 7));
	source_owner = DatumGetObjectId(SPI_getbinval(row, columns, 8, &isnull));
	of_source = !isnull && OidIsValid(run->owner) && has_privs_of_role(run->owner, source_owner);
	run->organization = of_source ? source_owner : run->owner;
	limit = SPI_getbinval(row, columns, of_source ? 9 : 10, &isnull);
	run->organization_limit = OidIsValid(run->organization) ? quota_run_limit_of(limit, isnull, run->owner) : -1;
	return run;
}

List *
queue_waiting(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *waiting = NIL;

	SPI_connect();
	tables_execute("SELECT r.id, r.sync, coalesce(r.not_before, r.queued_at), y.name, y.source, y.owner, y.owner_mark,"
				   " f.srvowner, s.max_runs, o.max_runs"
				   " FROM connkit.sync_run AS r JOIN connkit.sync AS y ON y.id = r.sync"
				   " LEFT JOIN pg_foreign_server AS f ON f.srvname = y.source"
				   " LEFT JOIN connkit.quota AS s ON s.organization = pg_get_userbyid(f.srvowner)"
				   " LEFT JOIN connkit.quota AS o ON o.organization = y.owner"
				   " WHERE r.state = 'queued' AND (r.not_before IS NULL OR r.not_before <= clock_timestamp())"
				   " AND NOT y.paused ORDER BY 3, 1", 0, NULL, NULL, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);

		waiting = lappend(waiting, waiting_run(i));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return waiting;
}

bool
queue_is_free(int64 run)
{
	execute_id("SELECT FROM connkit.sync_run WHERE id = $1 AND state = 'queued' FOR UPDATE SKIP LOCKED", run);
	return SPI_processed > 0;
}

TimestampTz
queue_due(void)
{
	tables_execute("SELECT least((SELECT min(next_at) FROM connkit.schedule WHERE enabled),"
				   " (SELECT min(not_before) FROM connkit.sync_run WHERE state = 'queued'"
				   "  AND not_before > clock_timestamp()))", 0, NULL, NULL, NULL);
	return row_int64(0, 1, DT_NOEND);
}

bool
queue_cancel(int64 run, const char *message)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(run), CStringGetTextDatum(message)};

	tables_execute(psprintf("UPDATE connkit.sync_run SET state = 'cancelled', ended_at = clock_timestamp(), message = $2,"
							" sqlstate = '57014', detail = NULL, hint = NULL WHERE id = $1 AND state IN ('queued'%s)",
							run_slot_is_live(run) ? "" : ", 'running'"), 2, types, values, NULL);
	return SPI_processed > 0;
}

/*
 * Of a job
 */

bool
queue_take(int64 id, SyncRun *run, int *retries, int64 *timeout_ms)
{
	Oid			types[] = {INT8OID, INT4OID};
	Datum		values[] = {Int64GetDatum(id), Int32GetDatum(MyProcPid)};
	static const char *const triggers[] = {"background", "schedule", "after"};
	char	   *trigger;

	tables_execute("UPDATE connkit.sync_run SET state = 'running', pid = $2, started_at = clock_timestamp(), not_before = NULL"
				   " WHERE id = (SELECT r.id FROM connkit.sync_run AS r WHERE r.id = $1 AND r.state = 'queued'"
				   "  AND (r.not_before IS NULL OR r.not_before <= clock_timestamp()) FOR UPDATE SKIP LOCKED)"
				   " RETURNING sync, attempt::bigint, retries::bigint, (extract(epoch FROM timeout) * 1000)::bigint,"
				   " rows_read, inserted, updated, deleted, rejected, bytes, milliseconds, chunks, schema_changes, trigger",
				   2, types, values, NULL);
	if (SPI_processed == 0)
		return false;
	run->id = id;
	run->state = RUN_RUNNING;
	run->sync = row_int64(0, 1, 0);
	run->attempt = row_int64(0, 2, 1);
	*retries = row_int64(0, 3, 0);
	*timeout_ms = row_int64(0, 4, 0);
	run->rows_read = row_int64(0, 5, 0);
	run->inserted = row_int64(0, 6, 0);
	run->updated = row_int64(0, 7, 0);
	run->deleted = row_int64(0, 8, 0);
	run->rejected = row_int64(0, 9, 0);
	run->bytes = row_int64(0, 10, 0);
	run->milliseconds = row_int64(0, 11, 0);
	run->chunks = row_int64(0, 12, 0);
	run->schema_changes = row_int64(0, 13, 0);
	trigger = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 14);
	run->trigger = triggers[0];
	for (int i = 0; i < lengthof(triggers); i++)
		if (strcmp(trigger, triggers[i]) == 0)
			run->trigger = triggers[i];
	return true;
}

/* An update of the run with what went wrong as $2 to $5, and $6, a number. */
static void
queue_update(const char *set, int64 run, ErrorData *error, int64 number)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID};
	const char *texts[] = {
		error ? unpack_sql_state(error->sqlerrcode) : NULL, error ? error->message : NULL, error ? error->detail : NULL,
		error ? error->hint : NULL
	};
	Datum		values[6];
	char		nulls[] = "      ";

	values[0] = Int64GetDatum(run);
	for (int i = 0; i < lengthof(texts); i++)
	{
		values[i + 1] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
		nulls[i + 1] = texts[i] ? ' ' : 'n';
	}
	values[5] = Int64GetDatum(number);
	tables_execute(psprintf("UPDATE connkit.sync_run SET sqlstate = $2, message = $3, detail = $4, hint = $5, %s"
							" WHERE id = $1 AND state IN ('queued', 'running') AND $6 IS NOT NULL", set),
				   6, types, values, nulls);
}

void
queue_retry(int64 run, int64 delay_ms, ErrorData *error)
{
	queue_update("state = 'queued', pid = NULL, attempt = attempt + 1,"
				 " not_before = clock_timestamp() + $6 * (0.75 + 0.5 * random()) * interval '1 millisecond'",
				 run, error, delay_ms);
}

void
queue_postpone(int64 run, int64 delay_ms)
{
	queue_update("state = 'queued', pid = NULL, started_at = NULL,"
				 " not_before = clock_timestamp() + $6 * interval '1 millisecond'", run, NULL, delay_ms);
}

void
queue_return(int64 run)
{
	execute_id("UPDATE connkit.sync_run SET state = 'queued', pid = NULL WHERE id = (SELECT r.id FROM connkit.sync_run AS r"
			   " WHERE r.id = $1 AND r.state = 'running' FOR UPDATE SKIP LOCKED)", run);
}

void
queue_collide(int64 run)
{
	execute_id("UPDATE connkit.sync_run AS r SET state = 'skipped', ended_at = clock_timestamp(),"
			   " message = 'another run of the sync was under way' FROM connkit.schedule AS s"
			   " WHERE r.id = $1 AND s.sync = r.sync AND s.overlap = 'skip' AND r.state = 'queued'"
			   " AND r.trigger IN ('schedule', 'after')", run);
	if (SPI_processed == 0)
		execute_id("UPDATE connkit.sync_run SET not_before = clock_timestamp() + interval '2 seconds'"
				   " WHERE id = $1 AND state = 'queued'", run);
}

void
queue_end(int64 run, RunState state, ErrorData *error)
{
	queue_update(psprintf("state = '%s', ended_at = clock_timestamp()", state == RUN_CANCELLED ? "cancelled" : "failed"),
				 run, error, 0);
}
