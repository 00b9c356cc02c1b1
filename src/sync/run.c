/*
 * run.c: one run of one sync: the order of its parts.
 */
#include "postgres.h"

#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "audit.h"
#include "compat.h"
#include "event.h"
#include "intake.h"
#include "quota.h"
#include "run.h"

/* Where the rows that are read go. */
typedef enum Road
{
	ROAD_DIRECT,				/* into the target's heap */
	ROAD_HEAP,					/* into a heap that becomes the target's */
	ROAD_MERGE,					/* merged into the target's heap */
	ROAD_STAGE					/* into a stage, and from there by SQL */
} Road;

int64		run_of_process = 0;

/* Adds the error at hand that it was this sync's. */
void
run_error_context(void *arg)
{
	errcontext("sync \"%s\"", ((Sync *) arg)->name);
}

/* Settings that expressions and the text of values depend on, until the end of the step. While a plan runs in parallel nothing
 * may be written, and rows are as they are read. */
void
run_settings(Sync *sync)
{
	static const char *const settings[][2] = {
		{"TimeZone", "UTC"}, {"DateStyle", "ISO, MDY"}, {"IntervalStyle", "postgres"}, {"extra_float_digits", "1"},
		{"bytea_output", "hex"}, {"standard_conforming_strings", "on"}, {"transform_null_equals", "off"},
		{"array_nulls", "on"}, {"xmloption", "content"}, {"max_parallel_workers_per_gather", "0"}
	};

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("search_path", sync->search_path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Source, target if it is there, and fields as they are now, and the foreign table to read from. */
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
	if (OidIsValid(sync->target))
		target_check(sync);
}

/* True where rows may be merged as they come: no key comes twice, none can be taken for another, and none has to go before. */
static bool
may_merge_at_once(Sync *sync, SyncRun *run)
{
	Oid			index;

	return sync->source_keyed && !run->careful && sync->mode != SYNC_HISTORY && sync->deletes == SYNC_DELETES_IGNORE &&
		apply_keeps_keys(sync) && merge_possible(sync, &index);
}

/* True where the rows may come in parts. Rows that a lookback appends are known by those behind them, and rows whose keys may
 * be one in the target by each other. */
static bool
may_come_in_parts(Sync *sync)
{
	return sync->chunk_rows > 0 && !(sync->write == SYNC_APPEND && sync->lookback) &&
		((sync->write != SYNC_UPSERT && sync->mode != SYNC_HISTORY) || apply_keeps_keys(sync));
}

static Road
choose_road(Sync *sync, SyncRun *run)
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
	if (sync->new_target && plain && sync->source_keyed && sync->mode != SYNC_HISTORY)
		return ROAD_DIRECT;
	return may_merge_at_once(sync, run) ? ROAD_MERGE : ROAD_STAGE;
}

/* Reads the rows of this step to where the road leads. True: the request was not read to its end. */
static bool
load(Sync *sync, SyncRun *run, Road road, bool background)
{
	Intake		intake;
	ParamListInfo params;
	char	   *condition;
	int64		limit = 0;
	bool		more;

	intake_init(&intake, sync, run);
	intake.tracked = sync->cursor_column && (sync->mode == SYNC_INCREMENTAL || sync->mode == SYNC_HISTORY) &&
		run->replay == NIL;
	intake.with_cursor = road == ROAD_STAGE && sync->cursor_column;
	intake.notice = !background;
	intake.merged = road == ROAD_MERGE;
	/* rows cannot be updated beside parallel workers */
	if (intake.merged)
		(void) set_config_option("max_parallel_workers_per_gather", "0", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	intake.order = sync->cursor_column ? quote_identifier(sync->cursor_column) : NULL;
	if (road == ROAD_STAGE)
		run->stage = target_stage(sync, false, intake.with_cursor);
	if (road == ROAD_HEAP)
		run->heap = replace_begin(sync->target);
	intake.heap = road == ROAD_STAGE ? run->stage : road == ROAD_HEAP ? run->heap : sync->target;
	intake.target = road == ROAD_STAGE ? run->stage : sync->target;
	intake.hidden = road == ROAD_HEAP || (road == ROAD_DIRECT && sync->new_target);
	if (run->replay)
	{
		condition = replay_by_key(sync) ? replay_condition(sync, run) : "";
		params = NULL;
	}
	else
		condition = position_condition(sync, run, &params);
	if (background && intake.tracked && may_come_in_parts(sync))
		limit = sync->chunk_rows + sync->tail;
	run->step_rows = 0;
	record_phase(sync, run, PHASE_READING);
	intake_read(&intake, condition, params, limit);
	more = limit > 0 && run->step_rows >= limit;
	intake_end(&intake, !more);
	return more;
}

/* Rows of the target that the source has no longer. */
static void
find_deleted(Sync *sync, SyncRun *run, Road road)
{
	Sync		keys = *sync;
	SyncRun		scratch = {.source_table = run->source_table};
	Intake		intake;
	ListCell   *lc;

	if (run->rejected > 0)
	{
		ereport(WARNING,
				(errmsg("sync \"%s\" does not look for deleted rows, since it has rejected some", sync->name)));
		return;
	}
	record_phase(sync, run, PHASE_DELETING);
	if (run->stage && (sync->mode == SYNC_MERGE || (sync->mode == SYNC_HISTORY && sync->cursor_column == NULL)))
	{
		apply_deletes(sync, run, run->stage, false);
		return;
	}
	run->keys = target_stage(sync, true, false);
	keys.fields = NIL;
	foreach(lc, sync->fields)
		if (((SyncField *) lfirst(lc))->key > 0)
			keys.fields = lappend(keys.fields, lfirst(lc));
	intake_init(&intake, &keys, &scratch);
	intake.heap = intake.target = scratch.stage = run->keys;
	read_keys(sync, &scratch, &intake.pub);
	intake_end(&intake, true);
	run->bytes += scratch.bytes;
	apply_deletes(sync, run, run->keys, false);
}

/* What one transaction does of a run, but for the end: with run->heap, replace_finish() has to follow. */
static bool
work(Sync *sync, SyncRun *run, bool background)
{
	Road		road;
	bool		more;

	SPI_connect();
	prepare(sync, run);
	if (resume_begin(sync, run, background) && resume_step(sync, run))
	{
		read_end(run);
		SPI_finish();
		return true;
	}
	if (!OidIsValid(sync->target))
		target_make(sync);
	road = choose_road(sync, run);
	more = load(sync, run, road, background);
	if (sync->load && run->replay == NIL)
		resume_end(sync, run);
	if (road == ROAD_HEAP)
	{
		record_phase(sync, run, PHASE_INDEXING);
		replace_build(sync->target, run->heap);
	}
	/* first, since what must be unique may have gone from a deleted row to another */
	if (!more && run->replay == NIL && sync->deletes != SYNC_DELETES_IGNORE && !sync->new_target)
		find_deleted(sync, run, road);
	if (road == ROAD_STAGE)
	{
		record_phase(sync, run, PHASE_APPLYING);
		apply_stage(sync, run, run->stage);
	}
	if (sync->new_target)
	{
		record_phase(sync, run, PHASE_INDEXING);
		target_finish(sync);
	}
	read_end(run);
	SPI_finish();
	sync->new_target = false;
	return more;
}

typedef struct Work
{
	Sync	   *sync;
	SyncRun    *run;
	bool		background;
	bool		more;
} Work;

static void
try_work(void *arg)
{
	Work	   *it = arg;

	it->more = work(it->sync, it->run, it->background);
}

/* As work(); where a row does not fit and the sync may reject rows, once more with each row looked at by itself. */
bool
run_work(Sync *sync, SyncRun *run, bool background)
{
	Work		it = {.sync = sync, .run = run, .background = background};
	Sync		sync_before = *sync;
	SyncRun		run_before = *run;
	ErrorData  *error;

	if (sync->max_rejected == 0 || run->careful)
		return work(sync, run, background);
	error = attempt(try_work, &it);
	if (error == NULL)
		return it.more;
	if (!intake_is_row_error(error->sqlerrcode))
		ReThrowError(error);
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

void
run_begin(Sync *sync, SyncRun *run)
{
	if (compat_server_aclcheck(sync->serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, sync->source);
	quota_begin_run(organization(sync));
	run->started = GetCurrentTimestamp();
	record_phase(sync, run, PHASE_INITIALIZING);
	run->from = run->chunks == 0 ? NULL : run->from;
}

/* The end of a step: storage, state, the run's row, and with its last one what others are told. */
void
run_end(Sync *sync, SyncRun *run, bool more)
{
	AuditEvent	event = {
		.action = "sync", .object_type = "sync", .object = sync->name,
		.organization = GetUserNameFromId(sync->owner, false)
	};

	run->heap = InvalidOid;
	run->chunks++;
	run->milliseconds += TimestampDifferenceMilliseconds(run->started, GetCurrentTimestamp());
	/* until the target is made, the source's comment is asked for */
	if (sync->shape != NIL || OidIsValid(sync->target))
		sync->shape = sync->columns;
	/* rows that a load in parts has rejected are replayed when the others are in the target */
	if (run->replay == NIL && sync->load == NULL)
		sync->last_run = run->id;
	record_state(sync);
	if (run->rejected > 0 && sync->load == NULL)
		reject_trim(sync);
	run->state = more ? RUN_RUNNING : RUN_SUCCEEDED;
	record_run(sync, run, NULL);
	if (more)
		return;
	/* what came meanwhile is newer than what was read */
	if (sync->webhook)
		webhook_drain(sync->id, 0, INT_MAX);
	event.detail = psprintf("run " INT64_FORMAT ": " INT64_FORMAT " rows read", run->id, run->rows_read);
	audit_write(&event);
	record_notify(sync, run, NULL);
}

bool
run_step(Sync *sync, SyncRun *run, bool background)
{
	ErrorContextCallback context = {.callback = run_error_context, .arg = sync, .previous = error_context_stack};
	int			level = NewGUCNestLevel();
	bool		more;

	error_context_stack = &context;
	run_settings(sync);
	run_begin(sync, run);
	more = run_work(sync, run, background);
	if (OidIsValid(run->heap))
	{
		record_phase(sync, run, PHASE_SWAPPING);
		replace_finish(sync->target, run->heap);
	}
	record_phase(sync, run, PHASE_COMMITTING);
	run_end(sync, run, more);
	AtEOXact_GUC(false, level);
	error_context_stack = context.previous;
	return more;
}
