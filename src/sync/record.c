/*
 * record.c: what is told of a run: its row, the sync's state, notifications, and the lock that keeps runs apart.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "rolemark.h"
#include "sync.h"
#include "tables.h"

/* A notification's payload is shorter than 8000 bytes; the name is cut, and may grow sixfold when escaped. */
#define NOTIFY_NAME 200

int64		(*sync_request_background) (const Sync *sync) = NULL;
void		(*sync_succeeded) (const Sync *sync) = NULL;

static const char *const state_names[] = {"queued", "running", "succeeded", "failed", "cancelled", "skipped"};

const char *
record_state_name(RunState state)
{
	return state_names[state];
}

void
record_phase(const Sync *sync, SyncRun *run, RunPhase phase)
{
	run->phase = phase;
	if (sync_progress)
		sync_progress(sync, run);
}

static void
sync_lock_tag(LOCKTAG *tag, int64 sync)
{
	Oid			table = get_relname_relid("sync", get_namespace_oid("connkit", false));

	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, table, (uint32) sync, (uint16) (sync >> 32));
}

bool
sync_lock(int64 sync, bool session)
{
	LOCKTAG		tag;

	sync_lock_tag(&tag, sync);
	return LockAcquire(&tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Text that may be absent, as an argument of a statement. */
static void
text_argument(const char *text, Datum *value, char *isnull)
{
	*isnull = text ? ' ' : 'n';
	*value = text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* The row of a run that begins or is not recorded yet. */
static void
record_insert(Sync *sync, SyncRun *run)
{
	Oid			types[] = {INT8OID, TEXTOID, NAMEOID, TEXTOID, NAMEOID, TEXTOID, INT4OID};
	NameData	names[2];
	Datum		values[7];
	bool		isnull;

	namestrcpy(&names[0], GetUserNameFromId(sync->owner, false));
	namestrcpy(&names[1], sync->source);
	values[0] = Int64GetDatum(sync->id);
	values[1] = CStringGetTextDatum(sync->name);
	values[2] = NameGetDatum(&names[0]);
	values[3] = CStringGetTextDatum(rolemark_make(sync->owner));
	values[4] = NameGetDatum(&names[1]);
	values[5] = CStringGetTextDatum(run->trigger);
	values[6] = Int32GetDatum(MyProcPid);
	tables_execute("INSERT INTO connkit.sync_run (sync, sync_name, owner, owner_mark, source, trigger, state, pid, started_at)"
				   " VALUES ($1, $2, $3, $4, $5, $6, 'running', $7, clock_timestamp()) RETURNING id", 7, types, values, NULL);
	run->id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

void
record_run(Sync *sync, SyncRun *run, ErrorData *error)
{
	Oid			types[] = {INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
	TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[16];
	char		nulls[17] = "                ";

	SPI_connect();
	if (run->id == 0)
		record_insert(sync, run);
	values[0] = Int64GetDatum(run->id);
	values[1] = CStringGetTextDatum(state_names[run->state]);
	values[2] = Int64GetDatum(run->rows_read);
	values[3] = Int64GetDatum(run->inserted);
	values[4] = Int64GetDatum(run->updated);
	values[5] = Int64GetDatum(run->deleted);
	values[6] = Int64GetDatum(run->rejected);
	values[7] = Int64GetDatum(run->bytes);
	values[8] = Int64GetDatum(run->milliseconds);
	values[9] = Int64GetDatum(run->chunks);
	values[10] = Int64GetDatum(run->schema_changes);
	text_argument(sync->position, &values[11], &nulls[11]);
	text_argument(error ? unpack_sql_state(error->sqlerrcode) : NULL, &values[12], &nulls[12]);
	text_argument(error ? error->message : NULL, &values[13], &nulls[13]);
	text_argument(error ? error->detail : NULL, &values[14], &nulls[14]);
	text_argument(error ? error->hint : NULL, &values[15], &nulls[15]);
	tables_execute("UPDATE connkit.sync_run SET state = $2, rows_read = $3, inserted = $4, updated = $5, deleted = $6,"
				   " rejected = $7, bytes = $8, milliseconds = $9, chunks = $10, schema_changes = $11, position = $12,"
				   " sqlstate = $13, message = $14, detail = $15, hint = $16,"
				   " ended_at = CASE WHEN $2 NOT IN ('queued', 'running') THEN clock_timestamp() END WHERE id = $1",
				   16, types, values, nulls);
	SPI_finish();
	if (run->state == RUN_SUCCEEDED)
		sync_succeeded(sync);
}

/* A list of strings as text[]; NULL for NIL. */
static void
names_argument(List *names, Datum *value, char *isnull)
{
	ArrayBuildState *array = NULL;
	ListCell   *lc;

	foreach(lc, names)
		array = accumArrayResult(array, CStringGetTextDatum(lfirst(lc)), false, TEXTOID, CurrentMemoryContext);
	*isnull = array ? ' ' : 'n';
	*value = array ? makeArrayResult(array, CurrentMemoryContext) : (Datum) 0;
}

void
record_state(Sync *sync)
{
	Oid			types[] = {INT8OID, TEXTOID, BYTEAOID, TEXTARRAYOID, INT8OID, JSONBOID, INT4OID, BOOLOID, INT8OID,
	JSONBOID, TEXTOID};
	Datum		values[11];
	char		nulls[12] = "           ";

	SPI_connect();
	values[0] = Int64GetDatum(sync->id);
	text_argument(sync->position, &values[1], &nulls[1]);
	values[2] = PointerGetDatum(sync->seen);
	nulls[2] = sync->seen ? ' ' : 'n';
	names_argument(sync->seen_columns, &values[3], &nulls[3]);
	values[4] = Int64GetDatum(sync->tail);
	values[5] = JsonbPGetDatum(shape_to_json(sync->shape));
	values[6] = Int32GetDatum(sync->shape_version);
	values[7] = BoolGetDatum(sync->made_target);
	values[8] = Int64GetDatum(sync->last_run);
	values[9] = PointerGetDatum(sync->load);
	nulls[9] = sync->load ? ' ' : 'n';
	text_argument(sync->seen_from, &values[10], &nulls[10]);
	tables_execute("INSERT INTO connkit.sync_state VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
				   " ON CONFLICT (sync) DO UPDATE SET position = $2, seen = $3, seen_columns = $4, tail = $5, shape = $6,"
				   " shape_version = $7, made_target = $8, last_run = $9, load = $10, seen_from = $11", 11,
				   types, values, nulls);
	SPI_finish();
}

void
record_notify(Sync *sync, SyncRun *run, ErrorData *error)
{
	StringInfoData payload;

	initStringInfo(&payload);
	appendStringInfo(&payload, "{\"run\": " INT64_FORMAT ", \"sync\": ", run->id);
	escape_json(&payload, pnstrdup(sync->name, pg_mbcliplen(sync->name, strlen(sync->name), NOTIFY_NAME)));
	appendStringInfo(&payload, ", \"state\": \"%s\", \"rows\": " INT64_FORMAT, state_names[run->state], run->rows_read);
	/* anybody may listen, and the message may have values of rows */
	if (error)
		appendStringInfo(&payload, ", \"sqlstate\": \"%s\"", unpack_sql_state(error->sqlerrcode));
	appendStringInfoChar(&payload, '}');
	Async_Notify("connkit", payload.data);
}

bool
record_is_transient(int sqlerrcode)
{
	switch (sqlerrcode)
	{
		case ERRCODE_T_R_SERIALIZATION_FAILURE:
		case ERRCODE_T_R_DEADLOCK_DETECTED:
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_QUERY_CANCELED:	/* a source's time-out; the user's cancel is told apart by who was asked */
		case ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION:
		case ERRCODE_CONFIGURATION_LIMIT_EXCEEDED:
		case ERRCODE_IO_ERROR:
		case ERRCODE_ADMIN_SHUTDOWN:
		case ERRCODE_CRASH_SHUTDOWN:
		case ERRCODE_CANNOT_CONNECT_NOW:
			return true;
		default:
			return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION ||
				ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES;
	}
}
