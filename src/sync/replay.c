/*
 * replay.c: rejected rows once more.
 *
 * Where rows are merged by key, what counts is what the source has under that key now: it is read again. Where they are
 * appended, the row is taken as it was, from connkit.rejected_row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "attempt.h"
#include "position.h"
#include "sync.h"
#include "tables.h"

bool
replay_by_key(const Sync *sync)
{
	return sync->write == SYNC_UPSERT || sync->mode == SYNC_HISTORY;
}

List *
replay_take(Sync *sync)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {INT8OID, INT8OID, BOOLOID, BOOLOID};
	Datum		values[] = {Int64GetDatum(sync->id), Int64GetDatum(sync->last_run),
	BoolGetDatum(sync->write == SYNC_REPLACE), BoolGetDatum(reject_waits(sync))};
	List	   *rows = NIL;
	SPITupleTable *table;
	char	   *left;

	SPI_connect();
	tables_execute("SELECT nullif(count(*), 0) FROM connkit.rejected_row WHERE sync = $1 AND comes_again AND $4"
				   " AND replayed_at IS NULL", 4, types, values, NULL);
	left = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (left)
		ereport(NOTICE,
				(errmsg("%s rejected rows of sync \"%s\" are left for its next run, which reads them again", left, sync->name)));
	/* a full refresh has read all rows again: those of earlier runs are of no use any more */
	tables_execute("UPDATE connkit.rejected_row SET replayed_at = clock_timestamp() WHERE sync = $1"
				   " AND (run = $2 OR NOT $3) AND NOT (comes_again AND $4) AND replayed_at IS NULL RETURNING source_row",
				   4, types, values, NULL);
	table = SPI_tuptable;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		row = SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		rows = lappend(rows, DatumGetJsonbPCopy(row));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return rows;
}

/* The text of a member of the row, or NULL. */
static char *
member_text(Jsonb *row, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&row->root, name, strlen(name), &buffer);

	return value && value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

/* A rejected row on its way. */
typedef struct RejectedRow
{
	Sync	   *sync;
	Oid			table;			/* of the source's columns */
	Jsonb	   *row;
	SPIPlanPtr	plan;			/* puts it into the table */
} RejectedRow;

/*
 * The value of the row's column of that number, from 0; false: it is NULL. ERROR where its text would become another value here
 * than it is at the source: one that is rounded or cut, or a date in a form that the source's own reader did not take.
 */
static bool
column_value(const RejectedRow *it, int number, Datum *value)
{
	char	   *text = member_text(it->row, ((SyncColumn *) list_nth(it->sync->columns, number))->name);
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			input;
	Oid			param;
	TypeCacheEntry *cache;
	bool		same = true;

	if (text == NULL)
		return false;
	get_atttypetypmodcoll(it->table, number + 1, &type, &typmod, &collation);
	getTypeInputInfo(type, &input, &param);
	*value = OidInputFunctionCall(input, text, param, typmod);
	cache = lookup_type_cache(type, TYPECACHE_EQ_OPR_FINFO);
	if (TypeCategory(getBaseType(type)) == TYPCATEGORY_DATETIME)
		same = strcmp(position_to_text(*value, type), text) == 0;
	else if (typmod >= 0 && OidIsValid(cache->eq_opr_finfo.fn_oid))
		same = DatumGetBool(FunctionCall2Coll(&cache->eq_opr_finfo, collation, *value,
											  OidInputFunctionCall(input, text, param, -1)));
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the source's value is none of type %s", format_type_with_typemod(type, typmod))));
	return true;
}

static void
try_key(void *arg)
{
	RejectedRow *it = arg;
	ListCell   *lc;

	foreach(lc, it->sync->columns)
	{
		ListCell   *lf;
		Datum		value;

		foreach(lf, it->sync->fields)
			if (((SyncField *) lfirst(lf))->key > 0 && ((SyncField *) lfirst(lf))->column == lfirst(lc))
				(void) column_value(it, foreach_current_index(lc), &value);
	}
}

static void
try_put(void *arg)
{
	RejectedRow *it = arg;
	int			count = list_length(it->sync->columns);
	Datum	   *values = palloc0(sizeof(Datum) * count);
	char	   *nulls = palloc0(count);

	for (int i = 0; i < count; i++)
		nulls[i] = column_value(it, i, &values[i]) ? ' ' : 'n';
	if (SPI_execute_plan(it->plan, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "a rejected row could not be taken");
}

/* Does that with the row. False: it cannot be done, and the row is rejected as before. */
static bool
row_guarded(RejectedRow *it, SyncRun *run, void (*work) (void *arg))
{
	ErrorData  *error = attempt(work, it);

	if (error == NULL)
		return true;
	run->rows_read++;
	(void) reject_row(it->sync, run, it->row, error->column_name, error, false);
	return false;
}

/* The condition on the row's key, behind OR. */
static void
append_key(StringInfo text, Sync *sync, Jsonb *row)
{
	const char *separator = " OR (";
	ListCell   *lc;

	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);
		char	   *value;

		if (field->key == 0)
			continue;
		value = member_text(row, field->column->name);
		/* the literal takes the column's type; a row without a key is nowhere */
		appendStringInfo(text, "%s%s = %s::%s", separator, field->expression, value ? quote_literal_cstr(value) : "NULL",
						 field->column->local_type);
		separator = " AND ";
	}
	appendStringInfoChar(text, ')');
}

char *
replay_condition(Sync *sync, SyncRun *run)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoString(&text, " AND (false");
	foreach(lc, run->replay)
	{
		RejectedRow it = {.sync = sync, .table = run->source_table, .row = lfirst(lc)};

		if (row_guarded(&it, run, try_key))
			append_key(&text, sync, it.row);
	}
	appendStringInfoChar(&text, ')');
	return text.data;
}

Oid
replay_table(Sync *sync, SyncRun *run)
{
	char	   *name = psprintf("connkit_source_" INT64_FORMAT, sync->id);
	Oid		   *types = palloc(sizeof(Oid) * list_length(sync->columns));
	StringInfoData create;
	StringInfoData values;
	SPIPlanPtr	plan;
	Oid			table;
	ListCell   *lc;

	initStringInfo(&create);
	initStringInfo(&values);
	appendStringInfo(&create, "CREATE TEMPORARY TABLE pg_temp.%s (", name);
	foreach(lc, sync->columns)
	{
		SyncColumn *column = lfirst(lc);
		int			number = foreach_current_index(lc) + 1;

		appendStringInfo(&create, "%s%s %s", number > 1 ? ", " : "", quote_identifier(column->name), column->local_type);
		appendStringInfo(&values, "%s$%d", number > 1 ? ", " : "", number);
	}
	appendStringInfoString(&create, ") USING heap");
	table = target_make_temporary(create.data, name);
	for (int i = 0; i < list_length(sync->columns); i++)
		types[i] = get_atttype(table, i + 1);
	plan = SPI_prepare(psprintf("INSERT INTO %s VALUES (%s)", target_name(table), values.data), list_length(sync->columns),
					   types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", values.data);
	foreach(lc, run->replay)
	{
		RejectedRow it = {.sync = sync, .table = table, .row = lfirst(lc), .plan = plan};

		(void) row_guarded(&it, run, try_put);
	}
	SPI_freeplan(plan);
	return table;
}
