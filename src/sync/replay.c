/*
 * replay.c: rejected rows once more.
 *
 * Where rows are merged by key, what counts is what the source has under that key now: it is read again. Where they are
 * appended, the row is taken as it was, from connkit.rejected_row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "attempt.h"
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
	Oid			types[] = {INT8OID, INT8OID, BOOLOID};
	Datum		values[] = {Int64GetDatum(sync->id), Int64GetDatum(sync->last_run),
	BoolGetDatum(sync->write == SYNC_REPLACE)};
	List	   *rows = NIL;
	SPITupleTable *table;

	SPI_connect();
	/* a full refresh has read all rows again: those of earlier runs are of no use any more */
	tables_execute("UPDATE connkit.rejected_row SET replayed_at = clock_timestamp() WHERE sync = $1"
				   " AND (run = $2 OR NOT $3) AND replayed_at IS NULL RETURNING source_row", 3, types, values, NULL);
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

char *
replay_condition(Sync *sync, SyncRun *run)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoString(&text, " AND (false");
	foreach(lc, run->replay)
	{
		const char *separator = " OR (";
		ListCell   *lf;

		foreach(lf, sync->fields)
		{
			SyncField  *field = lfirst(lf);
			char	   *value;

			if (field->key == 0)
				continue;
			value = member_text(lfirst(lc), field->column->name);
			/* the literal takes the column's type; a row without a key is nowhere */
			appendStringInfo(&text, "%s%s = %s::%s", separator, field->expression,
							 value ? quote_literal_cstr(value) : "NULL", field->column->local_type);
			separator = " AND ";
		}
		appendStringInfoChar(&text, ')');
	}
	appendStringInfoChar(&text, ')');
	return text.data;
}

/* A rejected row on its way into the table. */
typedef struct RejectedRow
{
	Sync	   *sync;
	SPIPlanPtr	plan;
	Oid			table;
	Jsonb	   *row;
} RejectedRow;

static void
try_put(void *arg)
{
	RejectedRow *it = arg;
	int			count = list_length(it->sync->columns);
	Datum	   *values = palloc0(sizeof(Datum) * count);
	char	   *nulls = palloc0(count);

	for (int i = 0; i < count; i++)
	{
		char	   *text = member_text(it->row, ((SyncColumn *) list_nth(it->sync->columns, i))->name);
		Oid			type;
		int32		typmod;
		Oid			collation;
		Oid			input;
		Oid			param;

		nulls[i] = text ? ' ' : 'n';
		if (text == NULL)
			continue;
		get_atttypetypmodcoll(it->table, i + 1, &type, &typmod, &collation);
		getTypeInputInfo(type, &input, &param);
		values[i] = OidInputFunctionCall(input, text, param, typmod);
	}
	if (SPI_execute_plan(it->plan, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "a rejected row could not be taken");
}

/* Puts one row into the table; what is wrong with it is told as before. */
static void
put_row(Sync *sync, SyncRun *run, SPIPlanPtr plan, Oid table, Jsonb *row)
{
	RejectedRow it = {.sync = sync, .plan = plan, .table = table, .row = row};
	ErrorData  *error = attempt(try_put, &it);

	if (error == NULL)
		return;
	run->rows_read++;
	reject_row(sync, run, row, error->column_name, error);
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
		put_row(sync, run, plan, table, lfirst(lc));
	SPI_freeplan(plan);
	return table;
}
