/*
 * call.c: runs in the foreground: connkit_sync() and connkit_replay_rejected().
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "audit.h"
#include "compat.h"
#include "event.h"
#include "run.h"

typedef struct Call
{
	Sync	   *sync;
	SyncRun		run;
	SyncRun		loaded;			/* the run as it was when its rows were loaded */
	ErrorData  *error;
	const char *message;		/* of one that was skipped */
} Call;

/* What is done of a run at a time: all but the first, of tables that are replaced together, for one after the other. */
typedef enum Part
{
	PART_LOAD,
	PART_EXCHANGE,
	PART_CHECK,
	PART_END
} Part;

/* Syncs (int64 *) of the connkit_sync() at hand, or of one above it, that have begun; a trigger on a target may ask for more. */
static List *running = NIL;

/* Calls that run syncs now, each within another. */
static int	depth = 0;

/* One part of a run in the foreground, with the owner's rights. */
static void
call_part(Call *call, Part part)
{
	Sync	   *sync = call->sync;
	SyncRun    *run = &call->run;
	int			level = NewGUCNestLevel();
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	/* what the owner has written (triggers, expressions) does not run with the caller's rights */
	if (user != sync->owner)
		SetUserIdAndSecContext(sync->owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	run_settings(sync);
	switch (part)
	{
		case PART_LOAD:
			run_begin(sync, run);
			(void) run_work(sync, run, false);
			break;
		case PART_EXCHANGE:
			if (OidIsValid(run->heap))
			{
				record_phase(sync, run, PHASE_SWAPPING);
				replace_exchange(sync->target, run->heap);
			}
			break;
		case PART_CHECK:
			if (OidIsValid(run->heap))
				replace_check(sync->target);
			break;
		case PART_END:
			if (OidIsValid(run->heap))
				replace_end(sync->target, run->heap);
			run_end(sync, run, false);
			record_phase(sync, run, PHASE_ENDED);
			break;
	}
	/* no setting that his code has changed is left to the caller */
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, context);
}

/* The storage that was loaded for a run that failed after that. */
static void
drop_heap(SyncRun *run)
{
	ObjectAddress address = {RelationRelationId, run->heap, 0};

	if (OidIsValid(run->heap))
		performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
	run->heap = InvalidOid;
}

typedef struct Parts
{
	List	   *calls;
	Part		first;
	Part		last;
} Parts;

static void
try_parts(void *arg)
{
	Parts	   *parts = arg;
	ErrorContextCallback context = {.callback = run_error_context, .previous = error_context_stack};

	error_context_stack = &context;
	for (Part part = parts->first; part <= parts->last; part++)
	{
		ListCell   *lc;

		foreach(lc, parts->calls)
		{
			Call	   *call = lfirst(lc);

			context.arg = call->sync;
			call_part(call, part);
		}
	}
	error_context_stack = context.previous;
}

/* Runs the parts for the calls. False: something went wrong, all of it is undone, and *error tells it; with atomic it is
 * raised. */
static bool
calls_guarded(List *calls, Part first, Part last, bool atomic, ErrorData **error)
{
	Parts		parts = {.calls = calls, .first = first, .last = last};
	int			level = depth;

	depth = level + 1;
	PG_TRY();
	{
		*error = attempt(try_parts, &parts);
	}
	PG_FINALLY();
	{
		depth = level;
	}
	PG_END_TRY();
	if (*error && atomic)
		ReThrowError(*error);
	return *error == NULL;
}

/* Loads the rows. */
static void
call_load(Call *call, bool atomic)
{
	SyncRun		before = call->run;

	if (!calls_guarded(list_make1(call), PART_LOAD, PART_LOAD, atomic, &call->error))
	{
		/* of what was undone, only what was read is told */
		before.rows_read = call->run.rows_read;
		before.bytes = call->run.bytes;
		call->run = before;
	}
	call->loaded = call->run;
}

/*
 * Ends the runs that were loaded: together, since foreign keys may connect their tables; where that fails, each by itself, so
 * that what one has wrong does not undo the others.
 */
static void
calls_end(List *calls, bool atomic)
{
	ErrorData  *error;
	ListCell   *lc;

	if (calls == NIL || calls_guarded(calls, PART_EXCHANGE, PART_END, atomic, &error))
		return;
	foreach(lc, calls)
	{
		Call	   *call = lfirst(lc);

		call->run = call->loaded;
		if (list_length(calls) == 1)
			call->error = error;
		else
			(void) calls_guarded(list_make1(call), PART_EXCHANGE, PART_END, false, &call->error);
		if (call->error)
		{
			call->run = call->loaded;
			call->run.inserted = call->run.updated = call->run.deleted = 0;
			drop_heap(&call->run);
		}
	}
}

bool
sync_runs_here(int64 id)
{
	ListCell   *lc;

	foreach(lc, running)
		if (*(int64 *) lfirst(lc) == id)
			return true;
	return id == run_of_process || id == event_sync;
}

/* Readies the run of a sync, or says why it is skipped. */
static Call *
call_begin(int64 id, bool atomic, bool background)
{
	Call	   *call = palloc0(sizeof(Call));

	call->run.sync = id;
	call->run.depth = depth + 1;
	call->run.trigger = "call";
	call->run.attempt = 1;
	call->run.state = RUN_SKIPPED;
	call->sync = sync_read(id, false);
	sync_check_owner(call->sync, GetUserId());
	if (background)
	{
		if (sync_request_background == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("nothing runs in the background: connkit is not in shared_preload_libraries"),
					 errhint("Add it there and restart the server, or run the sync in the foreground.")));
		call->run.id = sync_request_background(call->sync);
		call->run.state = RUN_QUEUED;
		return call;
	}
	if (call->sync->paused)
		call->message = "it is paused: connkit_resume_sync() ends that";
	if (sync_runs_here(id))
		call->message = "it is running: this was called from within it";
	if (call->message == NULL && !sync_lock(id, false))
		call->message = "another run of it is under way";
	if (call->message)
		return call;
	/* its state may have changed until the lock was had */
	call->sync = sync_read(id, false);
	call->run.state = RUN_RUNNING;
	call->run.started = GetCurrentTimestamp();
	record_run(call->sync, &call->run, NULL);
	/* until all of them have ended, for state is written at the end */
	running = list_concat(list_make1(&call->run.sync), running);
	call_load(call, atomic);
	return call;
}

static void
call_failed(Call *call)
{
	AuditEvent	event = {
		.action = "sync", .object_type = "sync", .object = call->sync->name,
		.organization = GetUserNameFromId(call->sync->owner, false), .outcome = AUDIT_FAILED,
		.sqlerrcode = call->error->sqlerrcode, .detail = call->error->message
	};

	call->run.state = RUN_FAILED;
	record_phase(call->sync, &call->run, PHASE_ENDED);
	call->run.milliseconds = TimestampDifferenceMilliseconds(call->run.started, GetCurrentTimestamp());
	ereport(WARNING,
			(errcode(call->error->sqlerrcode),
			 errmsg("sync \"%s\" failed: %s", call->sync->name, call->error->message),
			 call->error->detail ? errdetail("%s", call->error->detail) : 0,
			 call->error->hint ? errhint("%s", call->error->hint) : 0));
	call->sync = sync_read(call->sync->id, false);
	record_run(call->sync, &call->run, call->error);
	reject_keep(call->sync, &call->run);
	audit_write(&event);
	record_notify(call->sync, &call->run, call->error);
}

/* The row of a run in connkit_sync()'s result. */
static void
call_row(Call *call, ReturnSetInfo *result)
{
	SyncRun    *run = &call->run;
	int64		numbers[] = {run->rows_read, run->inserted, run->updated, run->deleted, run->rejected, run->bytes,
	run->milliseconds};
	Datum		values[14];
	bool		nulls[14] = {false};
	const char *message = call->error ? call->error->message : call->message;

	nulls[0] = run->id == 0;
	values[0] = Int64GetDatum(run->id);
	values[1] = CStringGetTextDatum(call->sync->name);
	values[2] = CStringGetTextDatum(quote_qualified_identifier(call->sync->target_schema, call->sync->target_table));
	values[3] = CStringGetTextDatum(record_state_name(run->state));
	for (int i = 0; i < lengthof(numbers); i++)
		values[4 + i] = Int64GetDatum(numbers[i]);
	nulls[11] = call->sync->position == NULL;
	values[11] = nulls[11] ? (Datum) 0 : CStringGetTextDatum(call->sync->position);
	values[12] = Int64GetDatum(run->schema_changes);
	nulls[13] = message == NULL;
	values[13] = message ? CStringGetTextDatum(message) : (Datum) 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(connkit_sync);

/*
 * Runs a sync, or all syncs of a source that the current role may run, and returns a row for each.
 */
Datum
connkit_sync(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		atomic = PG_GETARG_BOOL(1);
	bool		background = PG_GETARG_BOOL(2);
	ReturnSetInfo *result = compat_materialize(fcinfo);
	int64		id = sync_lookup(name);
	List	   *ids;
	List	   *volatile calls = NIL;
	List	   *volatile loaded = NIL;
	List	   *above = running;
	ListCell   *lc;

	if (id > 0)
		ids = list_make1(&id);
	else
		ids = sync_of_source(name);
	if (ids == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no sync \"%s\", and no source of that name has syncs", name),
				 errhint("connkit_create_sync() makes one; connkit.sync lists those that there are.")));
	PG_TRY();
	{
		foreach(lc, ids)
		{
			Call	   *call = call_begin(*(int64 *) lfirst(lc), atomic, background);

			calls = lappend(calls, call);
			if (call->run.state == RUN_RUNNING && call->error == NULL)
				loaded = lappend(loaded, call);
		}
		/* readers of a target that is replaced wait from there on: not while others are loaded */
		calls_end(loaded, atomic);
	}
	PG_FINALLY();
	{
		running = above;
	}
	PG_END_TRY();
	foreach(lc, calls)
	{
		Call	   *call = lfirst(lc);

		if (call->error)
			call_failed(call);
		call_row(call, result);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(connkit_replay_rejected);

/*
 * Tries the rejected rows of a sync once more and returns how many of them are in the target now.
 */
Datum
connkit_replay_rejected(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64		id = sync_lookup(name);
	Call	   *call = palloc0(sizeof(Call));
	List	   *above = running;
	ErrorData  *error;

	if (id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("sync \"%s\" does not exist", name)));
	sync_check_owner(sync_read(id, false), GetUserId());
	if (sync_runs_here(id) || !sync_lock(id, false))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("sync \"%s\" is running", name),
				 errhint("Try again when its run has ended.")));
	call->sync = sync_read(id, false);
	call->run.sync = id;
	call->run.depth = depth + 1;
	call->run.trigger = "replay";
	call->run.attempt = 1;
	call->run.state = RUN_RUNNING;
	call->run.started = GetCurrentTimestamp();
	call->run.careful = true;
	call->run.replay = replay_take(call->sync);
	if (call->run.replay == NIL)
		PG_RETURN_INT64(0);
	/* as many as there are may be rejected once more, and what a full refresh has left out is added */
	call->sync->max_rejected = list_length(call->run.replay);
	if (call->sync->write == SYNC_REPLACE)
		call->sync->write = SYNC_APPEND;
	record_run(call->sync, &call->run, NULL);
	running = list_concat(list_make1(&call->run.sync), above);
	PG_TRY();
	{
		(void) calls_guarded(list_make1(call), PART_LOAD, PART_LOAD, true, &error);
		(void) calls_guarded(list_make1(call), PART_END, PART_END, true, &error);
	}
	PG_FINALLY();
	{
		running = above;
	}
	PG_END_TRY();
	PG_RETURN_INT64(list_length(call->run.replay) - call->run.rejected);
}
