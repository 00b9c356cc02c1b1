/*
 * run.c: one run of one sync, and connkit_sync().
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"

#include "audit.h"
#include "compat.h"
#include "discover.h"
#include "load.h"
#include "position.h"
#include "quota.h"
#include "read.h"
#include "scan.h"
#include "sync.h"

/* Rows after which the user of a long run in the foreground is told how far it has come. */
#define MILESTONE 1000000

/* sync_progress is called with the first row, and after so many. */
#define PROGRESS_ROWS 1000

SyncProgress sync_progress = NULL;

/* Where the rows that are read go. */
typedef enum Road
{
	ROAD_DIRECT,				/* into the target's heap */
	ROAD_HEAP,					/* into a heap that becomes the target's */
	ROAD_STAGE					/* into a stage, and from there by SQL */
} Road;

typedef struct LoadSink
{
	RowSink		pub;
	MemoryContext context;
	Sync	   *sync;
	SyncRun    *run;
	Oid			heap;
	Oid			target;
	bool		with_cursor;	/* the heap has a column for it */
	bool		hidden;
	bool		tracked;
	bool		notice;
	Loader	   *loader;
	Tracker    *tracker;
	TupleDesc	desc;			/* of the fields and, where there is one, the cursor */
	SPIPlanPtr	plan;			/* careful: makes fields of the source's columns */
	TupleTableSlot *fields;		/* careful: the row that it made */
} LoadSink;

/* The run whose rows the scans reject; scan_rejecter has no argument for it. */
static Sync *rejecting_sync = NULL;
static SyncRun *rejecting_run = NULL;

static void
reject_scanned(Jsonb *row, const char *column, ErrorData *error)
{
	rejecting_run->rows_read++;
	rejecting_run->step_rows++;
	reject_row(rejecting_sync, rejecting_run, row, column, error);
}

/* What the plan returns, and behind it the cursor, which is the last of the columns that are read. */
static TupleDesc
careful_desc(LoadSink *sink, TupleDesc columns)
{
	TupleDesc	fields = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(sink->plan)))->resultDesc;
	TupleDesc	desc;

	if (columns->natts == list_length(sink->sync->columns))
		return CreateTupleDescCopy(fields);
	desc = CreateTemplateTupleDesc(fields->natts + 1);
	for (int i = 1; i <= fields->natts; i++)
		TupleDescCopyEntry(desc, i, fields, i);
	TupleDescCopyEntry(desc, desc->natts, columns, columns->natts);
	return desc;
}

static void
sink_start(RowSink *pub, TupleDesc desc)
{
	LoadSink   *sink = (LoadSink *) pub;
	MemoryContext caller = MemoryContextSwitchTo(sink->context);

	if (sink->run->careful)
	{
		/* the request that is under way has SPI's present level */
		SPI_connect();
		sink->plan = read_fields_plan(sink->sync, sink->run);
		SPI_finish();
		sink->desc = careful_desc(sink, desc);
		sink->fields = MakeSingleTupleTableSlot(sink->desc, &TTSOpsVirtual);
	}
	else
		sink->desc = CreateTupleDescCopy(desc);
	sink->loader = load_begin(sink->sync, sink->heap, sink->target, sink->desc, sink->with_cursor, sink->hidden);
	if (sink->tracked)
		sink->tracker = tracker_begin(sink->sync, sink->run, sink->desc);
	MemoryContextSwitchTo(caller);
}

/* The columns of a row of the source as a JSON object of texts. */
static Jsonb *
row_json(Sync *sync, TupleTableSlot *slot)
{
	JsonbParseState *state = NULL;
	JsonbValue	value;
	int			place = 0;
	ListCell   *lc;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	foreach(lc, sync->columns)
	{
		SyncColumn *column = lfirst(lc);
		Oid			output;
		bool		is_varlena;
		char	   *text = NULL;

		getTypeOutputInfo(TupleDescAttr(slot->tts_tupleDescriptor, place)->atttypid, &output, &is_varlena);
		if (!slot->tts_isnull[place])
			text = OidOutputFunctionCall(output, slot->tts_values[place]);
		place++;
		value.type = jbvString;
		value.val.string.val = column->name;
		value.val.string.len = strlen(column->name);
		pushJsonbValue(&state, WJB_KEY, &value);
		value.type = text ? jbvString : jbvNull;
		value.val.string.val = text;
		value.val.string.len = text ? strlen(text) : 0;
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static bool
is_data_error(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_DATA_EXCEPTION ||
		(ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION &&
		 sqlerrcode != ERRCODE_UNIQUE_VIOLATION && sqlerrcode != ERRCODE_FOREIGN_KEY_VIOLATION);
}

/* Fields of the source's row, in sink->fields. SPI is connected, and what it made is to be freed with SPI_finish(). */
static void
make_fields(LoadSink *sink, TupleTableSlot *slot)
{
	int			ncolumns = list_length(sink->sync->columns);
	char	   *nulls = palloc(ncolumns);
	TupleTableSlot *fields = ExecClearTuple(sink->fields);
	int			natts = fields->tts_tupleDescriptor->natts;

	for (int i = 0; i < ncolumns; i++)
		nulls[i] = slot->tts_isnull[i] ? 'n' : ' ';
	if (SPI_execute_plan(sink->plan, slot->tts_values, nulls, true, 2) != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("the expressions of sync \"%s\" make no single row of a row", sink->sync->name)));
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, fields->tts_values, fields->tts_isnull);
	if (natts > SPI_tuptable->tupdesc->natts)
	{
		fields->tts_values[natts - 1] = slot->tts_values[slot->tts_tupleDescriptor->natts - 1];
		fields->tts_isnull[natts - 1] = slot->tts_isnull[slot->tts_tupleDescriptor->natts - 1];
	}
	ExecStoreVirtualTuple(fields);
}

/* Makes the table's row, in a subtransaction. False: there is none, since the row was seen or is rejected. */
static bool
prepare_carefully(LoadSink *sink, TupleTableSlot *slot)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;
	volatile bool is_new = true;

	slot_getallattrs(slot);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		SPI_connect();
		make_fields(sink, slot);
		if (sink->tracker)
			is_new = tracker_row(sink->tracker, sink->fields);
		if (is_new)
			load_prepare(sink->loader, sink->fields);
		SPI_finish();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		error = discover_caught(caller);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	if (error == NULL)
		return is_new;
	if (!is_data_error(error->sqlerrcode))
		ReThrowError(error);
	reject_row(sink->sync, sink->run, row_json(sink->sync, slot), error->column_name, error);
	return false;
}

static void
sink_row(RowSink *pub, TupleTableSlot *slot)
{
	LoadSink   *sink = (LoadSink *) pub;
	SyncRun    *run = sink->run;

	run->rows_read++;
	run->step_rows++;
	if (sync_progress && run->rows_read % PROGRESS_ROWS == 1)
		sync_progress(sink->sync, run);
	if (sink->notice && run->rows_read % MILESTONE == 0)
		ereport(NOTICE,
				(errmsg("sync \"%s\": " INT64_FORMAT " rows read", sink->sync->name, run->rows_read)));
	if (run->careful)
	{
		if (!prepare_carefully(sink, slot))
			return;
	}
	else
	{
		if (sink->tracker && !tracker_row(sink->tracker, slot))
			return;
		load_prepare(sink->loader, slot);
	}
	load_keep(sink->loader);
	if (!OidIsValid(run->stage))
		run->inserted++;
}

/* Adds the error at hand that it was this sync's. */
static void
sync_error_context(void *arg)
{
	errcontext("sync \"%s\"", ((Sync *) arg)->name);
}

/* Settings that expressions and the text of values depend on, until the end of the step. */
static void
set_settings(Sync *sync)
{
	static const char *const settings[][2] = {
		{"DateStyle", "ISO, MDY"}, {"IntervalStyle", "postgres"}, {"extra_float_digits", "1"}, {"bytea_output", "hex"}
	};

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("search_path", sync->search_path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Source, target and fields as they are now, and the foreign table to read from. */
static void
prepare(Sync *sync, SyncRun *run)
{
	describe_source(sync);
	if (sync->write == SYNC_REPLACE)
		replace_wait(target_find(sync, NoLock));
	(void) target_find(sync, RowExclusiveLock);
	if (!OidIsValid(sync->target) && (sync->position || run->replay))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("target %s of sync \"%s\" is gone, with the rows up to its position %s",
						quote_qualified_identifier(sync->target_schema, sync->target_table), sync->name, sync->position),
				 errhint("Have it begin anew with connkit_reset_sync().")));
	evolve(sync, run);
	target_fields(sync);
	read_begin(sync, run);
	read_field_types(sync, run);
	if (!OidIsValid(sync->target))
		target_make(sync);
}

static Road
choose_road(Sync *sync)
{
	bool		plain = target_is_plain(sync->target);

	if (sync->write == SYNC_REPLACE)
	{
		if (sync->new_target && plain)
			return ROAD_DIRECT;
		return sync->replace_rows || replace_obstacle(sync->target) ? ROAD_STAGE : ROAD_HEAP;
	}
	if (sync->write == SYNC_APPEND)
		return plain ? ROAD_DIRECT : ROAD_STAGE;
	/* no key comes twice: there is nothing to merge */
	return sync->new_target && plain && sync->source_keyed && sync->mode != SYNC_HISTORY ? ROAD_DIRECT : ROAD_STAGE;
}

/* Reads the rows; in a careful run, those that cannot be converted are rejected. */
static void
read_guarded(Sync *sync, SyncRun *run, const char *condition, ParamListInfo params, int64 limit, LoadSink *sink)
{
	rejecting_sync = sync;
	rejecting_run = run;
	scan_rejecter = run->careful ? reject_scanned : NULL;
	PG_TRY();
	{
		read_rows(sync, run, condition, params, run->careful, sink->tracked || sink->with_cursor, limit, &sink->pub);
	}
	PG_FINALLY();
	{
		scan_rejecter = NULL;
	}
	PG_END_TRY();
}

/* Reads the rows of this step to where the road leads. True: the request was not read to its end. */
static bool
load(Sync *sync, SyncRun *run, Road road, bool background)
{
	LoadSink	sink = {.pub = {sink_start, sink_row}, .context = CurrentMemoryContext, .sync = sync, .run = run};
	ParamListInfo params;
	char	   *condition;
	int64		limit = 0;
	bool		more;

	sink.tracked = sync->cursor_column && (sync->mode == SYNC_INCREMENTAL || sync->mode == SYNC_HISTORY) &&
		run->replay == NIL;
	sink.with_cursor = road == ROAD_STAGE && sync->cursor_column;
	sink.notice = !background;
	if (road == ROAD_STAGE)
		run->stage = target_stage(sync, false, sink.with_cursor);
	if (road == ROAD_HEAP)
		run->heap = replace_begin(sync->target);
	sink.heap = road == ROAD_STAGE ? run->stage : road == ROAD_HEAP ? run->heap : sync->target;
	sink.target = road == ROAD_STAGE ? run->stage : sync->target;
	sink.hidden = road == ROAD_HEAP || (road == ROAD_DIRECT && sync->new_target);
	if (run->replay)
	{
		condition = replay_by_key(sync) ? replay_condition(sync, run) : "";
		params = NULL;
	}
	else
		condition = position_condition(sync, run, &params);
	/* rows that a lookback appends are known by those behind them */
	if (background && sync->chunk_rows > 0 && sink.tracked && !(sync->write == SYNC_APPEND && sync->lookback))
		limit = sync->chunk_rows + sync->tail;
	run->step_rows = 0;
	read_guarded(sync, run, condition, params, limit, &sink);
	more = limit > 0 && run->step_rows >= limit;
	if (sink.tracker)
		tracker_end(sink.tracker, !more);
	load_end(sink.loader);
	if (sink.plan)
		SPI_freeplan(sink.plan);
	return more;
}

/* Rows of the target that the source has no longer. */
static void
find_deleted(Sync *sync, SyncRun *run, Road road)
{
	Sync		keys = *sync;
	LoadSink	sink = {.pub = {sink_start, sink_row}, .context = CurrentMemoryContext, .sync = &keys};
	SyncRun		scratch = {.bytes = 0};
	ListCell   *lc;

	if (run->rejected > 0)
	{
		ereport(WARNING,
				(errmsg("sync \"%s\" does not look for deleted rows, since it has rejected some", sync->name)));
		return;
	}
	if (run->stage && (sync->mode == SYNC_MERGE || (sync->mode == SYNC_HISTORY && sync->cursor_column == NULL)))
	{
		apply_deletes(sync, run, run->stage);
		return;
	}
	run->keys = target_stage(sync, true, false);
	keys.fields = NIL;
	foreach(lc, sync->fields)
		if (((SyncField *) lfirst(lc))->key > 0)
			keys.fields = lappend(keys.fields, lfirst(lc));
	sink.heap = sink.target = scratch.stage = run->keys;
	scratch.source_table = run->source_table;
	sink.run = &scratch;
	read_keys(sync, &scratch, &sink.pub);
	run->bytes += scratch.bytes;
	load_end(sink.loader);
	apply_deletes(sync, run, run->keys);
}

/* What one transaction does of a run, but for the end: with run->heap, replace_finish() has to follow. */
static bool
work(Sync *sync, SyncRun *run, bool background)
{
	Road		road;
	bool		more;
	bool		first = run->chunks == 0;

	SPI_connect();
	prepare(sync, run);
	road = choose_road(sync);
	more = load(sync, run, road, background);
	if (road == ROAD_HEAP)
		replace_build(sync->target, run->heap);
	if (road == ROAD_STAGE)
		apply_stage(sync, run, run->stage);
	if (sync->new_target)
		target_finish(sync);
	if (!more && run->replay == NIL && sync->deletes != SYNC_DELETES_IGNORE && !(sync->new_target && first))
		find_deleted(sync, run, road);
	read_end(run);
	SPI_finish();
	sync->new_target = false;
	return more;
}

/* As work(); where a row does not fit and the sync may reject rows, once more with each row looked at by itself. */
static bool
work_carefully(Sync *sync, SyncRun *run, bool background)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	Sync		sync_before = *sync;
	SyncRun		run_before = *run;
	volatile bool more = false;
	volatile bool again = false;

	if (sync->max_rejected == 0 || run->careful)
		return work(sync, run, background);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		more = work(sync, run, background);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error = discover_caught(caller);

		if (!is_data_error(error->sqlerrcode))
			ReThrowError(error);
		again = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	if (!again)
		return more;
	*sync = sync_before;
	*run = run_before;
	run->careful = true;
	return work(sync, run, background);
}

/* The organization whose runs are counted: the source's owner, if the sync's owner belongs to it. */
static Oid
organization(Sync *sync)
{
	Oid			owner = GetForeignServer(sync->serverid)->owner;

	return has_privs_of_role(sync->owner, owner) ? owner : sync->owner;
}

static void
begin_step(Sync *sync, SyncRun *run)
{
	if (compat_server_aclcheck(sync->serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, sync->source);
	quota_begin_run(organization(sync));
	run->started = GetCurrentTimestamp();
	run->from = run->chunks == 0 ? NULL : run->from;
}

/* The end of a step: storage, state, the run's row, and with its last one what others are told. */
static void
finish_step(Sync *sync, SyncRun *run, bool more)
{
	AuditEvent	event = {
		.action = "sync", .object_type = "sync", .object = sync->name,
		.organization = GetUserNameFromId(sync->owner, false)
	};

	run->heap = InvalidOid;
	run->chunks++;
	run->milliseconds += TimestampDifferenceMilliseconds(run->started, GetCurrentTimestamp());
	sync->shape = sync->columns;
	if (run->replay == NIL)
		sync->last_run = run->id;
	record_state(sync);
	run->state = more ? RUN_RUNNING : RUN_SUCCEEDED;
	record_run(sync, run, NULL);
	if (more)
		return;
	event.detail = psprintf("run " INT64_FORMAT ": " INT64_FORMAT " rows read", run->id, run->rows_read);
	audit_write(&event);
	record_notify(sync, run, NULL);
}

bool
run_step(Sync *sync, SyncRun *run, bool background)
{
	ErrorContextCallback context = {.callback = sync_error_context, .arg = sync, .previous = error_context_stack};
	int			level = NewGUCNestLevel();
	bool		more;

	error_context_stack = &context;
	set_settings(sync);
	begin_step(sync, run);
	more = work_carefully(sync, run, background);
	if (OidIsValid(run->heap))
		replace_finish(sync->target, run->heap);
	finish_step(sync, run, more);
	AtEOXact_GUC(true, level);
	error_context_stack = context.previous;
	return more;
}

/*
 * The foreground
 */

typedef struct Call
{
	Sync	   *sync;
	SyncRun		run;
	SyncRun		loaded;			/* the run as it was when its rows were loaded */
	ErrorData  *error;
	const char *message;		/* of one that was skipped */
} Call;

/* What is done of a run at a time: all but the first, of tables that are replaced together, for one after the other. */
typedef enum Phase
{
	PHASE_LOAD,
	PHASE_EXCHANGE,
	PHASE_CHECK,
	PHASE_END
} Phase;

/* Syncs (int64 *) that the connkit_sync() at hand, or one above it, runs now; a trigger on a target may ask for more. */
static List *running = NIL;

/* One phase of a run in the foreground, with the owner's rights. */
static void
call_phase(Call *call, Phase phase)
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
	set_settings(sync);
	switch (phase)
	{
		case PHASE_LOAD:
			begin_step(sync, run);
			(void) work_carefully(sync, run, false);
			break;
		case PHASE_EXCHANGE:
			if (OidIsValid(run->heap))
				replace_exchange(sync->target, run->heap);
			break;
		case PHASE_CHECK:
			if (OidIsValid(run->heap))
				replace_check(sync->target);
			break;
		case PHASE_END:
			if (OidIsValid(run->heap))
				replace_end(sync->target, run->heap);
			finish_step(sync, run, false);
			break;
	}
	AtEOXact_GUC(true, level);
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

/*
 * Runs the phases for the calls in a subtransaction. False: something went wrong, all of it is undone, and *error tells it; with
 * atomic it is raised.
 */
static bool
calls_guarded(List *calls, Phase first, Phase last, bool atomic, ErrorData **error)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorContextCallback context = {.callback = sync_error_context, .previous = error_context_stack};
	ErrorContextCallback *contexts = error_context_stack;
	ErrorData  *volatile caught = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	error_context_stack = &context;
	PG_TRY();
	{
		for (Phase phase = first; phase <= last; phase++)
		{
			ListCell   *lc;

			foreach(lc, calls)
			{
				Call	   *call = lfirst(lc);

				context.arg = call->sync;
				call_phase(call, phase);
			}
		}
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		error_context_stack = contexts;
		caught = discover_caught(caller);
	}
	PG_END_TRY();
	error_context_stack = contexts;
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	if (caught && atomic)
		ReThrowError(caught);
	*error = caught;
	return caught == NULL;
}

/* Loads the rows. */
static void
call_load(Call *call, bool atomic)
{
	SyncRun		before = call->run;

	if (!calls_guarded(list_make1(call), PHASE_LOAD, PHASE_LOAD, atomic, &call->error))
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

	if (calls == NIL || calls_guarded(calls, PHASE_EXCHANGE, PHASE_END, atomic, &error))
		return;
	foreach(lc, calls)
	{
		Call	   *call = lfirst(lc);

		call->run = call->loaded;
		if (list_length(calls) == 1)
			call->error = error;
		else
			(void) calls_guarded(list_make1(call), PHASE_EXCHANGE, PHASE_END, false, &call->error);
		if (call->error)
		{
			call->run = call->loaded;
			drop_heap(&call->run);
		}
	}
}

/* Readies the run of a sync, or says why it is skipped. */
static Call *
call_begin(int64 id, bool atomic, bool background)
{
	Call	   *call = palloc0(sizeof(Call));
	ListCell   *lc;

	call->run.sync = id;
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
	foreach(lc, running)
		if (*(int64 *) lfirst(lc) == id)
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
	running = list_concat(list_make1(&call->run.sync), running);
	call_load(call, atomic);
	running = list_delete_first(running);
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
	}
	PG_FINALLY();
	{
		running = above;
	}
	PG_END_TRY();
	/* readers of a target that is replaced wait from there on: not while others are loaded */
	calls_end(loaded, atomic);
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
	ErrorData  *error;

	if (id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("sync \"%s\" does not exist", name)));
	sync_check_owner(sync_read(id, false), GetUserId());
	if (!sync_lock(id, false))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("sync \"%s\" is running", name),
				 errhint("Try again when its run has ended.")));
	call->sync = sync_read(id, false);
	call->run.sync = id;
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
	(void) calls_guarded(list_make1(call), PHASE_LOAD, PHASE_LOAD, true, &error);
	(void) calls_guarded(list_make1(call), PHASE_END, PHASE_END, true, &error);
	PG_RETURN_INT64(list_length(call->run.replay) - call->run.rejected);
}
