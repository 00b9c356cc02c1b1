/*
 * intake.c: rows on their way from the reader to the loader: followed by their cursor, converted, and in a careful run looked
 * at one by one, so that those that do not fit can be rejected.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "attempt.h"
#include "intake.h"
#include "scan.h"

/* Rows after which the user of a long run in the foreground is told how far it has come. */
#define MILESTONE 1000000

/* sync_progress is called with the first row, and after so many. */
#define PROGRESS_ROWS 1000

SyncProgress sync_progress = NULL;

/* Rejects a row, which the tracker has seen or not. */
static void
intake_reject(Intake *intake, Jsonb *row, const char *column, ErrorData *error, bool tracked)
{
	bool		comes_again = intake->tracker && !tracked;
	int64		id = reject_row(intake->sync, intake->run, row, column, error, comes_again);

	if (comes_again)
		tracker_reject(intake->tracker, id, row, column);
}

/* A row that the scan could not make. */
static void
reject_scanned(void *arg, Jsonb *row, const char *column, ErrorData *error)
{
	Intake	   *intake = arg;

	intake->run->rows_read++;
	intake->run->step_rows++;
	intake_reject(intake, row, column, error, false);
}

/* What the plan returns, and behind it the cursor, which is the last of the columns that are read. */
static TupleDesc
careful_desc(Intake *intake, TupleDesc columns)
{
	TupleDesc	fields = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(intake->plan)))->resultDesc;
	TupleDesc	desc;

	if (columns->natts == list_length(intake->sync->columns))
		return CreateTupleDescCopy(fields);
	desc = CreateTemplateTupleDesc(fields->natts + 1);
	for (int i = 1; i <= fields->natts; i++)
		TupleDescCopyEntry(desc, i, fields, i);
	TupleDescCopyEntry(desc, desc->natts, columns, columns->natts);
	return desc;
}

static void
intake_start(RowSink *pub, TupleDesc desc)
{
	Intake   *intake = (Intake *) pub;
	MemoryContext caller = MemoryContextSwitchTo(intake->context);

	if (intake->run->careful)
	{
		intake->desc = careful_desc(intake, desc);
		intake->fields = MakeSingleTupleTableSlot(intake->desc, &TTSOpsVirtual);
	}
	else
		intake->desc = CreateTupleDescCopy(desc);
	if (intake->merged)
		intake->merger = merge_begin(intake->sync, intake->run, intake->desc);
	else
		intake->loader = load_begin(intake->sync, intake->heap, intake->target, intake->desc, intake->with_cursor,
									intake->hidden);
	if (intake->tracked)
		intake->tracker = tracker_begin(intake->sync, intake->run, intake->desc);
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

bool
intake_is_row_error(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_DATA_EXCEPTION ||
		(ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION &&
		 sqlerrcode != ERRCODE_UNIQUE_VIOLATION && sqlerrcode != ERRCODE_FOREIGN_KEY_VIOLATION);
}

/* Fields of the source's row, in intake->fields, which outlive SPI_finish(): SPI is connected, and frees what it made then. */
static void
make_fields(Intake *intake, TupleTableSlot *slot)
{
	int			ncolumns = list_length(intake->sync->columns);
	char	   *nulls = palloc(ncolumns);
	TupleTableSlot *fields = ExecClearTuple(intake->fields);
	int			natts = fields->tts_tupleDescriptor->natts;

	for (int i = 0; i < ncolumns; i++)
		nulls[i] = slot->tts_isnull[i] ? 'n' : ' ';
	if (SPI_execute_plan(intake->plan, slot->tts_values, nulls, true, 2) != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("the expressions of sync \"%s\" make no single row of a row", intake->sync->name)));
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, fields->tts_values, fields->tts_isnull);
	if (natts > SPI_tuptable->tupdesc->natts)
	{
		fields->tts_values[natts - 1] = slot->tts_values[slot->tts_tupleDescriptor->natts - 1];
		fields->tts_isnull[natts - 1] = slot->tts_isnull[slot->tts_tupleDescriptor->natts - 1];
	}
	ExecStoreVirtualTuple(fields);
	ExecMaterializeSlot(fields);
}

/* A row on its way. */
typedef struct Candidate
{
	Intake	   *intake;
	TupleTableSlot *slot;
	bool		tracked;
	bool		is_new;
} Candidate;

static void
try_prepare(void *arg)
{
	Candidate  *candidate = arg;
	Intake	   *intake = candidate->intake;

	SPI_connect();
	make_fields(intake, candidate->slot);
	candidate->is_new = intake->tracker == NULL || tracker_row(intake->tracker, intake->fields);
	candidate->tracked = true;
	if (candidate->is_new)
		load_prepare(intake->loader, intake->fields);
	SPI_finish();
}

/* Makes the table's row. False: there is none, since the row was seen or is rejected. */
static bool
prepare_carefully(Intake *intake, TupleTableSlot *slot)
{
	Candidate	candidate = {.intake = intake, .slot = slot};
	ErrorData  *error;

	slot_getallattrs(slot);
	error = attempt(try_prepare, &candidate);
	if (error == NULL)
		return candidate.is_new;
	if (!intake_is_row_error(error->sqlerrcode))
		ReThrowError(error);
	intake_reject(intake, row_json(intake->sync, slot), error->column_name, error, candidate.tracked);
	return false;
}

static void
intake_row(RowSink *pub, TupleTableSlot *slot)
{
	Intake   *intake = (Intake *) pub;
	SyncRun    *run = intake->run;

	run->rows_read++;
	run->step_rows++;
	if (sync_progress && run->rows_read % PROGRESS_ROWS == 1)
		sync_progress(intake->sync, run);
	if (intake->notice && run->rows_read % MILESTONE == 0)
		ereport(NOTICE,
				(errmsg("sync \"%s\": " INT64_FORMAT " rows read", intake->sync->name, run->rows_read)));
	if (run->careful)
	{
		if (!prepare_carefully(intake, slot))
			return;
	}
	else
	{
		if (intake->tracker && !tracker_row(intake->tracker, slot))
			return;
		if (intake->merger)
		{
			merge_take(intake->merger, slot);
			return;
		}
		load_prepare(intake->loader, slot);
	}
	load_keep(intake->loader);
	if (!OidIsValid(run->stage))
		run->inserted++;
}

void
intake_init(Intake *intake, Sync *sync, SyncRun *run)
{
	memset(intake, 0, sizeof(Intake));
	intake->pub.start = intake_start;
	intake->pub.row = intake_row;
	intake->context = CurrentMemoryContext;
	intake->sync = sync;
	intake->run = run;
}

void
intake_read(Intake *intake, const char *condition, ParamListInfo params, int64 limit)
{
	SyncRun    *run = intake->run;
	ScanRejecter rejecter = {.table = run->source_table, .reject = reject_scanned, .arg = intake};
	/* of a request that is under way, whose expressions have led here */
	const ScanRejecter *above = scan_rejecter;

	/* before the request, which then has SPI's present level; with an error the plan goes as that does */
	if (run->careful)
		intake->plan = read_fields_plan(intake->sync, run);
	scan_rejecter = run->careful ? &rejecter : NULL;
	PG_TRY();
	{
		read_rows(intake->sync, run, condition, params, run->careful, intake->tracked || intake->with_cursor,
				  intake->order, limit, &intake->pub);
	}
	PG_FINALLY();
	{
		scan_rejecter = above;
	}
	PG_END_TRY();
}

void
intake_end(Intake *intake, bool all)
{
	if (intake->tracker)
		tracker_end(intake->tracker, all);
	if (intake->merger)
		merge_end(intake->merger);
	else
		load_end(intake->loader);
	if (intake->plan)
		SPI_freeplan(intake->plan);
}
