/*
 * event.c: rows out of a message of the source's into the target of a sync.
 *
 * The message is read as the source's table is, through a foreign table of the moment; so types, mapping and filter are those of
 * a run. Which of two states of a row is newer is told by the sync's cursor column or, where it has none, by the time that the
 * message says; an older one changes nothing. connkit.webhook_key has the newest that was told of a key, so that a row that is
 * gone does not come back by a message that is late.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "compat.h"
#include "event.h"
#include "intake.h"
#include "run.h"
#include "scan.h"
#include "tables.h"

/* How far clocks of source and server may be apart. */
#define CLOCKS "5 minutes"

int64		event_sync = 0;

static const char *const outcomes[] = {"applied", "unchanged", "stale", "ignored", "rejected"};

const char *
event_outcome_name(EventOutcome outcome)
{
	return outcomes[outcome];
}

/* A message on its way. */
typedef struct Event
{
	Sync	   *sync;
	SyncRun		run;
	const CkMessage *message;
	SyncField  *cursor;			/* column of the target that tells how new a row is, or NULL */
	Oid			version_type;	/* of what tells that: the cursor's, or timestamptz */
	List	   *versions;		/* KeyVersion, to be noted */
	int64		stale;
} Event;

/* What a message tells of a key. */
typedef struct KeyVersion
{
	char	   *key;
	char	   *version;
} KeyVersion;

/* Source, target and fields as the last run saw them; the source is not asked. False: there was none yet. */
static bool
prepare(Event *event)
{
	Sync	   *sync = event->sync;
	ListCell   *lc;

	sync->columns = sync->shape;
	/* of several records with one key the last counts */
	sync->source_keyed = false;
	/* what a full refresh replaces is merged here by the same key; it has no rows that are gone */
	if (sync->write == SYNC_REPLACE)
	{
		sync->write = SYNC_UPSERT;
		sync->deletes = SYNC_DELETES_HARD;
	}
	(void) target_find(sync, RowExclusiveLock);
	if (sync->shape == NIL || !OidIsValid(sync->target))
		return false;
	target_fields(sync);
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);

		if (sync->cursor_column && field->column && !field->rejects && strcmp(field->column->name, sync->cursor_column) == 0)
			event->cursor = field;
	}
	if (sync->cursor_column && event->cursor == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("target of sync \"%s\" lacks the cursor column \"%s\", which tells whether a message is newer than a row",
						sync->name, sync->cursor_column),
				 errhint("Have the sync take it: change columns or mapping with connkit_alter_sync().")));
	if (sync->cursor_column == NULL && event->message->at[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("a message for sync \"%s\" does not tell its time, and the sync has no cursor column", sync->name),
				 errhint("Have the manifest's webhook say where the time stands (at), or give the sync a cursor_column.")));
	return true;
}

/* Reads the message's records: the fields of this sync, which may be a part of the real one's, into the table. */
static void
read_message(Sync *sync, SyncRun *run, Oid table)
{
	Intake		intake;

	intake_init(&intake, sync, run);
	intake.heap = intake.target = table;
	intake.with_cursor = sync->cursor_column != NULL;
	intake_read(&intake, "", NULL, 0);
	intake_end(&intake, true);
}

/* Reads the keys of all records, with their cursors: also of those that the filter leaves out. */
static void
read_message_keys(Event *event)
{
	Sync		keys = *event->sync;
	SyncRun		scratch = {.source_table = event->run.source_table};
	ListCell   *lc;

	event->run.keys = scratch.stage = target_stage(event->sync, true, event->cursor != NULL);
	keys.filter = NULL;
	keys.fields = NIL;
	foreach(lc, event->sync->fields)
		if (((SyncField *) lfirst(lc))->key > 0)
			keys.fields = lappend(keys.fields, lfirst(lc));
	read_message(&keys, &scratch, event->run.keys);
}

/* Names of the key's fields, with a prefix. */
static char *
key_names(Sync *sync, const char *prefix)
{
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);

		if (field->key > 0)
			appendStringInfo(&list, "%s%s%s", list.len > 0 ? ", " : "", prefix, quote_identifier(field->name));
	}
	return list.data;
}

static void
run_sql(const char *sql, int expected)
{
	if (SPI_execute(sql, false, 0) != expected)
		elog(ERROR, "SPI_execute failed: %s", sql);
}

static int
compare_versions(Event *event, Datum a, Datum b)
{
	TypeCacheEntry *type = lookup_type_cache(event->version_type, TYPECACHE_CMP_PROC_FINFO);

	if (!OidIsValid(type->cmp_proc_finfo.fn_oid))
		elog(ERROR, "type %u has no order", event->version_type);
	return DatumGetInt32(FunctionCall2Coll(&type->cmp_proc_finfo, type->typcollation, a, b));
}

/* Whether an earlier message told something newer of the key than this version, or that the row is gone. */
static bool
is_told(Event *event, char *key, Datum version)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(event->sync->id), CStringGetTextDatum(key)};
	bool		deletes = event->message->kind == CK_MESSAGE_DELETE;
	bool		told = false;
	int			order;

	SPI_connect();
	tables_execute("SELECT version, deleted FROM connkit.webhook_key WHERE sync = $1 AND key = $2", 2, types, values, NULL);
	if (SPI_processed > 0)
	{
		char	   *known = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		bool		gone = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2)[0] == 't';

		order = compare_versions(event, position_from_text(known, event->version_type, -1), version);
		told = order > 0 || (order == 0 && gone && !deletes);
	}
	SPI_finish();
	return told;
}

/* When the last run began, as far as clocks may be trusted: it has seen all that a message of before tells. */
static Datum
last_run(Event *event, bool *isnull)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(event->sync->last_run);
	Datum		result = (Datum) 0;

	SPI_connect();
	tables_execute("SELECT started_at - interval '" CLOCKS "' FROM connkit.sync_run WHERE id = $1", 1, &type, &value, NULL);
	*isnull = SPI_processed == 0;
	if (SPI_processed > 0)
		result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
	SPI_finish();
	return result;
}

/*
 * Looks at one key of the message, a row of the query in drop_stale(): whether it comes too late; else what it tells is noted for
 * later.
 */
static bool
is_stale(Event *event, HeapTuple row, TupleDesc desc, Datum at)
{
	char	   *key = SPI_getvalue(row, desc, 2);
	bool		older_null;
	bool		null;
	bool		known_null;
	bool		older = DatumGetBool(SPI_getbinval(row, desc, 3, &older_null)) && !older_null;
	Datum		version = event->cursor ? SPI_getbinval(row, desc, 4, &null) : at;
	char	   *there = event->cursor ? SPI_getvalue(row, desc, 5) : NULL;
	KeyVersion *note;

	if (event->cursor == NULL)
		null = false;
	if (null && event->message->kind != CK_MESSAGE_DELETE)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a record of a message for sync \"%s\" has no value in its cursor column \"%s\"", event->sync->name,
						event->sync->cursor_column)));
	if (event->cursor == NULL)
	{
		Datum		known = last_run(event, &known_null);

		older = !known_null && compare_versions(event, known, version) > 0;
	}
	if (older || (!null && is_told(event, key, version)))
		return true;
	/* a row that is gone, of which no more is told, is gone in the state that is here */
	if (null && there == NULL)
		return false;
	note = palloc(sizeof(KeyVersion));
	note->key = key;
	note->version = null ? there : position_to_text(version, event->version_type);
	event->versions = lappend(event->versions, note);
	return false;
}

/* Leaves of several records with one key the newest in run->keys. */
static void
drop_older(Event *event)
{
	Sync	   *sync = event->sync;
	char	   *keys = target_name(event->run.keys);
	char	   *names = key_names(sync, "s.");

	/* a row that the filter takes may have been told before one that it leaves out */
	if (sync->filter && event->message->kind != CK_MESSAGE_DELETE)
	{
		run_sql(psprintf("SELECT FROM %s AS s GROUP BY %s%s HAVING count(*) > 1", keys, names,
						 event->cursor ? ", s.connkit_cursor" : ""), SPI_OK_SELECT);
		if (SPI_processed > 0)
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("a message for sync \"%s\" has several records with one key, none of which is the newest",
							sync->name),
					 errhint("Which of them the sync's filter is to look at can be told by a cursor_column.")));
	}
	run_sql(psprintf("DELETE FROM %s AS d USING (SELECT s.ctid AS place, row_number() OVER (PARTITION BY %s"
					 " ORDER BY %ss.ctid DESC) AS rank FROM %s AS s) AS r WHERE d.ctid = r.place AND r.rank > 1", keys, names,
					 event->cursor ? "s.connkit_cursor DESC NULLS LAST, " : "", keys), SPI_OK_DELETE);
}

/* Takes keys out of run->keys of which the message tells nothing new. */
static void
drop_stale(Event *event)
{
	Sync	   *sync = event->sync;
	const char *cursor = event->cursor ? quote_identifier(event->cursor->name) : NULL;
	char	   *keys = target_name(event->run.keys);
	Oid			type = TIDOID;
	Datum		at = (Datum) 0;
	SPITupleTable *rows;
	uint64		count;

	if (SPI_execute(psprintf("SELECT FROM %s AS s WHERE NOT (%s) IS NOT NULL LIMIT 1", keys, key_names(sync, "s.")), false, 1) !=
		SPI_OK_SELECT || SPI_processed > 0)
		merge_null_key(sync);
	drop_older(event);
	event->version_type = event->cursor ?
		get_atttype(event->run.keys, get_attnum(event->run.keys, "connkit_cursor")) : TIMESTAMPTZOID;
	if (event->cursor == NULL)
		at = position_from_text(event->message->at, TIMESTAMPTZOID, -1);
	run_sql(event->cursor ?
			psprintf("SELECT s.ctid, ROW(%s)::text, a.%s > s.connkit_cursor, s.connkit_cursor, a.%s"
					 " FROM %s AS s LEFT JOIN %s AS a ON %s%s",
					 key_names(sync, "s."), cursor, cursor, keys, target_name(sync->target), apply_same_key(sync),
					 sync->mode == SYNC_HISTORY ? " AND a.is_current" : "") :
			psprintf("SELECT s.ctid, ROW(%s)::text, false FROM %s AS s", key_names(sync, "s."), keys), SPI_OK_SELECT);
	rows = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		place = SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (!is_stale(event, rows->vals[i], rows->tupdesc, at))
			continue;
		event->stale++;
		if (SPI_execute_with_args(psprintf("DELETE FROM %s WHERE ctid = $1", keys), 1, &type, &place, NULL, false, 0) !=
			SPI_OK_DELETE)
			elog(ERROR, "a key that came too late could not be left out");
	}
}

/* Notes what the message told of keys. */
static void
note_versions(Event *event, bool deleted)
{
	ListCell   *lc;

	foreach(lc, event->versions)
	{
		KeyVersion *note = lfirst(lc);
		Oid			types[] = {INT8OID, TEXTOID, TEXTOID, BOOLOID};
		Datum		values[] = {Int64GetDatum(event->sync->id), CStringGetTextDatum(note->key),
		CStringGetTextDatum(note->version), BoolGetDatum(deleted)};

		SPI_connect();
		tables_execute("INSERT INTO connkit.webhook_key (sync, key, version, deleted) VALUES ($1, $2, $3, $4)"
					   " ON CONFLICT (sync, key) DO UPDATE SET version = excluded.version, deleted = excluded.deleted,"
					   " applied_at = clock_timestamp()", 4, types, values, NULL);
		SPI_finish();
	}
}

/* Puts the rows that are not stale into the target; what stays in run->keys is of records that the filter leaves out. */
static void
put_rows(Event *event)
{
	Sync	   *sync = event->sync;
	SyncRun    *run = &event->run;
	char	   *same = apply_same_key(sync);

	run->stage = target_stage(sync, false, sync->cursor_column != NULL);
	read_message(sync, run, run->stage);
	run_sql(psprintf("DELETE FROM %s AS s WHERE NOT EXISTS (SELECT FROM %s AS a WHERE %s%s)", target_name(run->stage),
					 target_name(run->keys), same, event->cursor ? " AND a.connkit_cursor = s.connkit_cursor" : ""),
			SPI_OK_DELETE);
	apply_stage(sync, run, run->stage);
	run_sql(psprintf("DELETE FROM %s AS a USING %s AS s WHERE %s", target_name(run->keys), target_name(run->stage), same),
			SPI_OK_DELETE);
}

/* What is done with SPI connected. */
static EventOutcome
work(Event *event)
{
	Sync	   *sync = event->sync;
	SyncRun    *run = &event->run;
	bool		deletes = event->message->kind == CK_MESSAGE_DELETE;
	int64		left;

	/* a row that does not fit is rejected as in a run, and is replayed as one of the last */
	run->id = sync->last_run;
	run->sync = sync->id;
	run->careful = sync->max_rejected > 0;
	read_field_types(sync, run);
	target_check(sync);
	read_message_keys(event);
	drop_stale(event);
	if (!deletes)
		put_rows(event);
	/* a row that was rejected is not one that the filter leaves out */
	if (run->rejected == 0)
		apply_deletes(sync, run, run->keys, true);
	run_sql(psprintf("SELECT FROM %s", target_name(run->keys)), SPI_OK_SELECT);
	left = SPI_processed;
	if (!deletes || sync->deletes != SYNC_DELETES_IGNORE)
		note_versions(event, deletes);
	return run->inserted + run->updated + run->deleted > 0 ? EVENT_APPLIED : run->rejected > 0 ? EVENT_REJECTED :
		event->stale > 0 ? EVENT_STALE : left > 0 && sync->deletes == SYNC_DELETES_IGNORE ? EVENT_IGNORED : EVENT_UNCHANGED;
}

EventOutcome
event_apply(Sync *sync, const CkMessage *message)
{
	Event		event = {.sync = sync, .message = message, .run = {.started = GetCurrentTimestamp(), .phase = PHASE_APPLYING}};
	ScanMessage read = {.message = message};
	const ScanMessage *above = scan_message;
	int64		sync_above = event_sync;
	volatile EventOutcome outcome = EVENT_IGNORED;

	if (compat_server_aclcheck(sync->serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, sync->source);
	SPI_connect();
	if (prepare(&event))
	{
		read_begin(sync, &event.run);
		read.table = event.run.source_table;
		PG_TRY();
		{
			scan_message = &read;
			event_sync = sync->id;
			outcome = work(&event);
		}
		PG_FINALLY();
		{
			scan_message = above;
			event_sync = sync_above;
		}
		PG_END_TRY();
		read_end(&event.run);
	}
	SPI_finish();
	return outcome;
}
