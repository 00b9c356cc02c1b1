/*
 * read.c: rows of the source, by the executor over a foreign table of the moment.
 *
 * The table has the source's columns as they are now. So filters, expressions, casts and the order are PostgreSQL's own, and
 * what the source can do of them is pushed down by the wrapper.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "foreign/foreign.h"
#include "optimizer/optimizer.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "read.h"
#include "scan.h"

typedef struct Receiver
{
	DestReceiver pub;
	RowSink    *sink;
} Receiver;

/* A literal that an option's value is; E'' where it needs it. */
static void
append_option(StringInfo sql, const char *name, const char *value)
{
	if (value)
		appendStringInfo(sql, "%s%s %s", sql->data[sql->len - 1] == '(' ? "" : ", ", name, quote_literal_cstr(value));
}

void
read_begin(Sync *sync, SyncRun *run)
{
	char	   *name = psprintf("connkit_source_" INT64_FORMAT, sync->id);
	StringInfoData sql;
	ListCell   *lc;
	bool		typed = sync->query == NULL &&
		source_is_typed(get_foreign_server_oid(sync->source, false), sync->schema_name, sync->table_name);

	if (run->replay && !replay_by_key(sync))
	{
		run->source_table = replay_table(sync, run);
		return;
	}
	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE pg_temp.%s (", name);
	foreach(lc, sync->columns)
	{
		SyncColumn *column = lfirst(lc);

		appendStringInfo(&sql, "%s%s %s", sql.data[sql.len - 1] == '(' ? "" : ", ", quote_identifier(column->name),
						 column->local_type);
		/* PostgreSQL cuts the name, here and in expressions */
		if (strlen(column->name) >= NAMEDATALEN || typed)
		{
			appendStringInfoString(&sql, " OPTIONS (");
			append_option(&sql, "column_name", strlen(column->name) >= NAMEDATALEN ? column->name : NULL);
			append_option(&sql, "source_type", typed ? column->source_type : NULL);
			appendStringInfoChar(&sql, ')');
		}
	}
	appendStringInfo(&sql, ") SERVER %s OPTIONS (", quote_identifier(sync->source));
	append_option(&sql, "schema_name", sync->schema_name);
	append_option(&sql, "table_name", sync->table_name);
	append_option(&sql, "query", sync->query);
	appendStringInfoChar(&sql, ')');
	run->source_table = target_make_temporary(sql.data, name);
}

/* The fields, or those of the key, in their order. */
static void
append_fields(StringInfo sql, Sync *sync, bool keys)
{
	const char *separator = "SELECT ";
	ListCell   *lc;

	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);

		if (keys && field->key == 0)
			continue;
		/* the end of the line ends a comment in the expression */
		appendStringInfo(sql, "%s%s\n AS %s", separator, field->expression, quote_identifier(field->name));
		separator = ", ";
	}
}

/* The columns of the source, in their order. */
static void
append_columns(StringInfo sql, Sync *sync)
{
	const char *separator = "SELECT ";
	ListCell   *lc;

	foreach(lc, sync->columns)
	{
		appendStringInfo(sql, "%s%s", separator, quote_identifier(((SyncColumn *) lfirst(lc))->name));
		separator = ", ";
	}
}

/* What follows them: the cursor, the foreign table and the filter. */
static void
append_from(StringInfo sql, Sync *sync, SyncRun *run, bool with_cursor)
{
	if (with_cursor)
		appendStringInfo(sql, ", %s AS connkit_cursor", quote_identifier(sync->cursor_column));
	appendStringInfo(sql, " FROM %s", target_name(run->source_table));
	if (sync->filter)
		appendStringInfo(sql, " WHERE (%s\n)", sync->filter);
}

/* Whether the expression may have another value for the same row, and every column that it is over is a field by itself. */
static bool
is_passing(Sync *sync, Node *expression)
{
	Bitmapset  *columns = NULL;
	int			member = -1;

	if (!contain_mutable_functions(expression))
		return false;
	pull_varattnos(expression, 1, &columns);
	while ((member = bms_next_member(columns, member)) >= 0)
	{
		int			number = member + FirstLowInvalidHeapAttributeNumber;
		bool		found = false;
		ListCell   *lc;

		foreach(lc, number > 0 ? sync->fields : NIL)
			found |= ((SyncField *) lfirst(lc))->column == list_nth(sync->columns, number - 1);
		if (!found)
			return false;
	}
	return true;
}

void
read_field_types(Sync *sync, SyncRun *run)
{
	StringInfoData sql;
	SPIPlanPtr	plan;
	TupleDesc	desc;
	List	   *columns;
	int			place = 0;
	ListCell   *lc;

	initStringInfo(&sql);
	append_fields(&sql, sync, false);
	append_from(&sql, sync, run, false);
	plan = SPI_prepare(sql.data, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", sql.data);
	desc = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->resultDesc;
	if (list_length(SPI_plan_get_plan_sources(plan)) != 1 || desc == NULL || desc->natts != list_length(sync->fields))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("an expression or the filter of sync \"%s\" is more than one expression", sync->name)));
	columns = linitial_node(Query, ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->query_list)->targetList;
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);
		Form_pg_attribute att = TupleDescAttr(desc, place);
		TargetEntry *column = list_nth_node(TargetEntry, columns, place++);

		field->passing = field->column == NULL && is_passing(sync, (Node *) column->expr);
		if (field->type == NULL)
			field->type = MemoryContextStrdup(sync->context,
											  format_type_extended(att->atttypid, att->atttypmod,
																   FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
	}
	SPI_freeplan(plan);
}

SPIPlanPtr
read_fields_plan(Sync *sync, SyncRun *run)
{
	int			count = list_length(sync->columns);
	Oid		   *types = palloc(sizeof(Oid) * count);
	const char *separator = " FROM (SELECT ";
	StringInfoData sql;
	SPIPlanPtr	plan;
	int			number = 0;
	ListCell   *lc;

	initStringInfo(&sql);
	append_fields(&sql, sync, false);
	foreach(lc, sync->columns)
	{
		SyncColumn *column = lfirst(lc);

		types[number] = get_atttype(run->source_table, number + 1);
		number++;
		appendStringInfo(&sql, "%s$%d AS %s", separator, number, quote_identifier(column->name));
		separator = ", ";
	}
	appendStringInfo(&sql, ") AS %s", quote_identifier(get_rel_name(run->source_table)));
	plan = SPI_prepare(sql.data, count, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", sql.data);
	return plan;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	RowSink    *sink = ((Receiver *) self)->sink;

	sink->start(sink, desc);
}

static bool
receiver_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowSink    *sink = ((Receiver *) self)->sink;

	sink->row(sink, slot);
	return true;
}

static void
receiver_shutdown(DestReceiver *self)
{
}

/* Runs the request, whose rows go to the sink. */
static void
run_request(const char *sql, ParamListInfo params, SyncRun *run, RowSink *sink)
{
	Receiver	receiver = {.pub = {receiver_row, receiver_startup, receiver_shutdown, receiver_shutdown, DestTuplestore}};
	SPIExecuteOptions options = {.params = params, .dest = &receiver.pub};
	uint64		bytes = scan_bytes;
	Oid			above = scan_unlimited_table;
	volatile int result = 0;

	receiver.sink = sink;
	/* limits are for queries; a sync is to read all there is */
	scan_unlimited_table = run->source_table;
	PG_TRY();
	{
		result = SPI_execute_extended(sql, &options);
	}
	PG_FINALLY();
	{
		scan_unlimited_table = above;
	}
	PG_END_TRY();
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_extended failed (%s): %s", SPI_result_code_string(result), sql);
	run->bytes += scan_bytes - bytes;
}

void
read_rows(Sync *sync, SyncRun *run, const char *condition, ParamListInfo params, bool raw, bool with_cursor,
		  const char *order, int64 limit, RowSink *sink)
{
	StringInfoData sql;

	initStringInfo(&sql);
	if (raw)
		append_columns(&sql, sync);
	else
		append_fields(&sql, sync, false);
	append_from(&sql, sync, run, with_cursor);
	appendStringInfo(&sql, "%s%s", sync->filter || *condition == '\0' ? "" : " WHERE true", condition);
	if (limit > 0)
		appendStringInfo(&sql, " ORDER BY %s LIMIT " INT64_FORMAT, order, limit);
	run_request(sql.data, params, run, sink);
}

void
read_keys(Sync *sync, SyncRun *run, RowSink *sink)
{
	StringInfoData sql;

	initStringInfo(&sql);
	append_fields(&sql, sync, true);
	append_from(&sql, sync, run, false);
	run_request(sql.data, NULL, run, sink);
}

static void
drop_temporary(Oid *table)
{
	ObjectAddress address = {RelationRelationId, *table, 0};

	if (OidIsValid(*table))
		performDeletion(&address, DROP_CASCADE, PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
	*table = InvalidOid;
}

void
read_end(SyncRun *run)
{
	drop_temporary(&run->stage);
	drop_temporary(&run->keys);
	drop_temporary(&run->source_table);
}
