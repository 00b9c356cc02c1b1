/*
 * schedule.c: connkit_schedule() and connkit_unschedule(), and what is due.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "audit.h"
#include "compat.h"
#include "cron.h"
#include "discover.h"
#include "tables.h"
#include "worker.h"

/* Later than that, a schedule was missed. */
#define GRACE_MS (60 * 1000)

#define MOST_RETRIES 100

PG_FUNCTION_INFO_V1(connkit_schedule);
PG_FUNCTION_INFO_V1(connkit_unschedule);

/* Arguments of connkit_schedule(), in their order; and those of the statement that stores a schedule. */
enum
{
	ARG_SYNC, ARG_SCHEDULE, ARG_AFTER, ARG_ZONE, ARG_TIMEOUT, ARG_RETRIES, ARG_OVERLAP, ARG_MISSED, ARG_JITTER, ARG_NEXT,
	ARG_ANCHOR, ARGS
};

/*
 * What is due
 */

/* When the schedule comes next. With error: why that cannot be told, and DT_NOEND. */
static TimestampTz
schedule_next(const char *text, const char *zone, TimestampTz anchor, TimestampTz after, char **error)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile TimestampTz next = DT_NOEND;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		next = cron_next(cron_parse(text), after, cron_zone(zone), anchor);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		*error = discover_caught(caller)->message;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return next;
}

/* A schedule that has come: its run is queued, unless it was missed and shall not be made up for, and the next time is set. */
static void
schedule_came(HeapTuple row, TupleDesc columns, TimestampTz now)
{
	Oid			types[] = {INT8OID, TIMESTAMPTZOID, BOOLOID, TEXTOID};
	Datum		values[4];
	char		nulls[] = "    ";
	bool		isnull;
	char	   *error = NULL;
	TimestampTz anchor = DatumGetTimestampTz(SPI_getbinval(row, columns, 4, &isnull));
	TimestampTz came = DatumGetTimestampTz(SPI_getbinval(row, columns, 5, &isnull));
	bool		skip = DatumGetBool(SPI_getbinval(row, columns, 6, &isnull));

	values[0] = SPI_getbinval(row, columns, 1, &isnull);
	values[1] = TimestampTzGetDatum(schedule_next(SPI_getvalue(row, columns, 2), SPI_getvalue(row, columns, 3), anchor,
												  now, &error));
	skip = skip && TimestampDifferenceExceeds(came, now, GRACE_MS);
	if (!skip)
		queue_schedule(DatumGetInt64(values[0]), "schedule");
	values[2] = BoolGetDatum(!skip);
	nulls[3] = error ? ' ' : 'n';
	values[3] = error ? CStringGetTextDatum(error) : (Datum) 0;
	tables_execute("UPDATE connkit.schedule SET next_at = $2, last_at = CASE WHEN $3 THEN clock_timestamp() ELSE last_at END,"
				   " error = $4 WHERE id = $1", 4, types, values, nulls);
	if (error)
		ereport(WARNING,
				(errmsg("schedule %s of connkit does not come again: %s", SPI_getvalue(row, columns, 1), error)));
}

void
schedule_fire(TimestampTz now)
{
	Oid			type = TIMESTAMPTZOID;
	Datum		value = TimestampTzGetDatum(now);
	SPITupleTable *table;
	uint64		count;

	tables_execute("SELECT id, schedule, timezone, anchor, next_at, missed = 'skip' FROM connkit.schedule"
				   " WHERE enabled AND next_at <= $1 ORDER BY next_at, id FOR UPDATE SKIP LOCKED", 1, &type, &value, NULL);
	table = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
		schedule_came(table->vals[i], table->tupdesc, now);
}

/*
 * Making and dropping
 */

/* The syncs that a name stands for: one, or all of a source. ERROR where there are none. */
static List *
schedule_syncs(const char *name)
{
	int64		id = sync_lookup(name);
	int64	   *only;
	List	   *syncs;

	if (id != 0)
	{
		only = palloc(sizeof(int64));
		*only = id;
		return list_make1(only);
	}
	syncs = sync_of_source(name);
	if (syncs == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no sync \"%s\", and no source of that name with syncs", name),
				 errhint("connkit.sync lists those that the current role may use.")));
	return syncs;
}

/* ERROR unless the argument is one of two words. */
static void
check_word(const char *what, const char *word, const char *one, const char *other)
{
	if (strcmp(word, one) != 0 && strcmp(word, other) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for %s: \"%s\"", what, word),
				 errhint("It is %s or %s.", one, other)));
}

/* ERROR where the interval is shorter than that, or longer than a year: what is computed with it must not overflow. */
static void
check_interval(const char *what, Datum value, Interval least)
{
	Interval	most = {.month = MONTHS_PER_YEAR};

	if (DatumGetInt32(DirectFunctionCall2(interval_cmp, value, IntervalPGetDatum(&least))) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too short", what),
				 errhint("It must be at least %s.",
						 DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&least))))));
	if (DatumGetInt32(DirectFunctionCall2(interval_cmp, value, IntervalPGetDatum(&most))) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", what),
				 errhint("It must be at most a year.")));
}

static void
schedule_check(FunctionCallInfo fcinfo)
{
	Interval	none = {0};
	Interval	second = {.time = USECS_PER_SEC};
	static const char *const names[] = {"sync", NULL, NULL, "timezone", NULL, "retries", "overlap", "missed", "jitter"};

	for (int i = 0; i < lengthof(names); i++)
		if (names[i] && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s may not be null", names[i])));
	if (PG_ARGISNULL(ARG_SCHEDULE) == PG_ARGISNULL(ARG_AFTER))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a sync runs by a schedule or after another sync"),
				 errhint("Give one of both: connkit_schedule('%s', '15 minutes') or connkit_schedule('%s', after => …).",
						 text_to_cstring(PG_GETARG_TEXT_PP(ARG_SYNC)), text_to_cstring(PG_GETARG_TEXT_PP(ARG_SYNC)))));
	if (PG_GETARG_INT32(ARG_RETRIES) < 0 || PG_GETARG_INT32(ARG_RETRIES) > MOST_RETRIES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("retries must be from 0 to %d", MOST_RETRIES)));
	check_word("overlap", text_to_cstring(PG_GETARG_TEXT_PP(ARG_OVERLAP)), "skip", "queue");
	check_word("missed", text_to_cstring(PG_GETARG_TEXT_PP(ARG_MISSED)), "run_once", "skip");
	check_interval("jitter", PG_GETARG_DATUM(ARG_JITTER), none);
	if (!PG_ARGISNULL(ARG_TIMEOUT))
		check_interval("timeout", PG_GETARG_DATUM(ARG_TIMEOUT), second);
}

/* The sync that others come after. Until the transaction ends nobody else makes one come after another: no cycle is closed
 * by two at once. */
static int64
schedule_after(const char *name)
{
	Oid			table = get_relname_relid("schedule", get_namespace_oid("connkit", false));
	int64		id = sync_lookup(name);
	LOCKTAG		tag;

	if (id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("sync \"%s\" does not exist", name),
				 errhint("connkit.sync lists those that the current role may use.")));
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, table, 0, 0);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	return id;
}

/* ERROR where "after" comes, by other schedules, after the sync itself. */
static void
check_cycle(const Sync *sync, int64 after, const char *name)
{
	Oid			types[] = {INT8OID, INT8OID};
	Datum		values[] = {Int64GetDatum(sync->id), Int64GetDatum(after)};

	tables_execute("WITH RECURSIVE before AS (SELECT $2 AS sync UNION SELECT s.after_sync FROM before"
				   " JOIN connkit.schedule AS s ON s.sync = before.sync WHERE s.after_sync IS NOT NULL)"
				   " SELECT FROM before WHERE sync = $1", 2, types, values, NULL);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sync \"%s\" cannot run after \"%s\", which runs after it", sync->name, name),
				 errhint("connkit.schedule tells what runs after what.")));
}

static void
schedule_audit(const Sync *sync, const char *action, const char *detail)
{
	AuditEvent	event = {.action = action, .object_type = "sync", .object = sync->name, .detail = detail};

	event.organization = OidIsValid(sync->owner) ? GetUserNameFromId(sync->owner, true) : NULL;
	audit_write(&event);
}

/* Stores the schedule of one sync, in the place of one that it has. Returns what identifies and describes it to the caller. */
static void
schedule_store(FunctionCallInfo fcinfo, const Sync *sync, int64 after, TimestampTz next, TimestampTz anchor)
{
	Oid			types[ARGS] = {INT8OID, TEXTOID, INT8OID, TEXTOID, INTERVALOID, INT4OID, TEXTOID, TEXTOID, INTERVALOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[ARGS];
	char		nulls[ARGS + 1] = {0};

	for (int i = 0; i < ARG_NEXT; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	values[ARG_SYNC] = Int64GetDatum(sync->id);
	values[ARG_AFTER] = Int64GetDatum(after);
	values[ARG_NEXT] = TimestampTzGetDatum(next);
	nulls[ARG_NEXT] = after ? 'n' : ' ';
	values[ARG_ANCHOR] = TimestampTzGetDatum(anchor);
	nulls[ARG_ANCHOR] = ' ';
	tables_execute("INSERT INTO connkit.schedule (sync, schedule, after_sync, timezone, timeout, retries, overlap, missed,"
				   " jitter, next_at, anchor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
				   " ON CONFLICT (sync) DO UPDATE SET schedule = $2, after_sync = $3, timezone = $4, timeout = $5,"
				   " retries = $6, overlap = $7, missed = $8, jitter = $9, next_at = $10, anchor = $11, error = NULL,"
				   " enabled = true", ARGS, types, values, nulls);
}

/*
 * connkit_schedule(sync, schedule, after, timezone, timeout, retries, overlap, missed, jitter)
 */
Datum
connkit_schedule(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = DT_NOEND;
	int64		after = 0;
	char	   *word;
	ListCell   *lc;

	shared_require("connkit_schedule()");
	schedule_check(fcinfo);
	result = compat_materialize(fcinfo);
	SPI_connect();
	home_enter();
	word = text_to_cstring(PG_GETARG_TEXT_PP(PG_ARGISNULL(ARG_AFTER) ? ARG_SCHEDULE : ARG_AFTER));
	if (PG_ARGISNULL(ARG_AFTER))
		next = cron_next(cron_parse(word), now, cron_zone(text_to_cstring(PG_GETARG_TEXT_PP(ARG_ZONE))), now);
	else
		after = schedule_after(word);
	foreach(lc, schedule_syncs(text_to_cstring(PG_GETARG_TEXT_PP(ARG_SYNC))))
	{
		Sync	   *sync = sync_read(*(int64 *) lfirst(lc), false);
		Datum		values[2];
		bool		nulls[2] = {false, after != 0};

		sync_check_owner(sync, GetUserId());
		if (after)
			check_cycle(sync, after, word);
		schedule_store(fcinfo, sync, after, next, now);
		schedule_audit(sync, "schedule", after ? psprintf("after %s", word) : word);
		values[0] = CStringGetTextDatum(sync->name);
		values[1] = TimestampTzGetDatum(next);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	database_wake_at_commit();
	SPI_finish();
	return (Datum) 0;
}

/*
 * connkit_unschedule(sync): how many schedules there were.
 */
Datum
connkit_unschedule(PG_FUNCTION_ARGS)
{
	Oid			type = INT8OID;
	int			count = 0;
	ListCell   *lc;

	SPI_connect();
	foreach(lc, schedule_syncs(text_to_cstring(PG_GETARG_TEXT_PP(0))))
	{
		Sync	   *sync = sync_read(*(int64 *) lfirst(lc), false);
		Datum		value = Int64GetDatum(sync->id);

		sync_check_owner(sync, GetUserId());
		tables_execute("DELETE FROM connkit.schedule WHERE sync = $1", 1, &type, &value, NULL);
		if (SPI_processed == 0)
			continue;
		count++;
		schedule_audit(sync, "unschedule", NULL);
	}
	SPI_finish();
	PG_RETURN_INT32(count);
}
