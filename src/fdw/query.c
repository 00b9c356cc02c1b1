/*
 * query.c: connkit_query() and connkit_describe_query(): SELECTs of the users' own, run at a source.
 *
 * The query is a sub-select of connkit's own statement, or was shown to be fit for one: sources take nothing there that changes
 * rows or writes files. Since a text could close the parenthesis that it stands in, the source is first asked for its columns
 * as it is: what is one statement by itself stays within.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "discover.h"
#include "fdw.h"
#include "request.h"
#include "scan.h"

/* What a query may begin with; "" is a parenthesis. */
static const char *const reading[] = {"", "select", "with", "values", "table", NULL};

/* ERROR for a statement that is no query. The source has the last word; this one is clearer. */
static void
check_reads(const char *text)
{
	char	   *word = request_first_word(text);

	for (int i = 0; reading[i]; i++)
		if (strcmp(word, reading[i]) == 0)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the query is no SELECT"),
			 errhint("connkit_execute() runs other statements.")));
}

/* The query as a sub-select; a comment at its end must not swallow the parenthesis. */
static char *
as_subselect(const char *query)
{
	return psprintf("(\n%s\n) AS q", query);
}

/*
 * The number of columns that the query has. ERROR where it is not one query by itself, or none that can be a sub-select.
 */
static int
count_columns(const Request *request)
{
	CkCatalog	catalog = {0};
	int			count = discover_query(&catalog, request->server->serverid, GetUserId(), request->text);

	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\": the statement gives no rows", request->server->servername),
				 errhint("connkit_execute() runs it.")));
	/* of the native dialect it is run so anyway */
	if (!request->sql->native)
	{
		CkCatalog	again = {0};

		(void) discover_query(&again, request->server->serverid, GetUserId(),
							  psprintf("SELECT * FROM %s", as_subselect(request->text)));
	}
	return count;
}

/* The statement that is sent: at PostgreSQL each column is cast to the local type, so that it comes in binary. */
static char *
query_request(const Request *request, TupleDesc desc)
{
	StringInfoData text;

	if (!request->sql->native)
		return request->text;
	initStringInfo(&text);
	for (int i = 0; i < desc->natts; i++)
	{
		appendStringInfo(&text, "%sc%d", i == 0 ? "SELECT " : ", ", i + 1);
		remote_to_local(&text, TupleDescAttr(desc, i)->atttypid, TupleDescAttr(desc, i)->atttypmod);
	}
	appendStringInfo(&text, " FROM %s(", as_subselect(request->text));
	for (int i = 0; i < desc->natts; i++)
		appendStringInfo(&text, "%sc%d", i == 0 ? "" : ", ", i + 1);
	appendStringInfoChar(&text, ')');
	return text.data;
}

/* Reads the rows of the scan into the store. */
static void
read_rows(SourceScan *scan, Tuplestorestate *store, TupleDesc desc)
{
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc0(sizeof(bool) * desc->natts);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "connkit row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(row);

	while (scan_next(scan, values, nulls))
	{
		CHECK_FOR_INTERRUPTS();
		tuplestore_putvalues(store, desc, values, nulls);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(row);
}

/* The result of a function that returns rows of the columns that its caller lists. */
static void
result_begin(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || !(rsinfo->allowedModes & SFRM_Materialize) ||
		rsinfo->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("connkit_query() is called in FROM, with a list of columns"),
				 errhint("SELECT * FROM connkit_query('source', 'SELECT …') AS t(id int, name text)")));
	caller = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	rsinfo->setDesc = CreateTupleDescCopy(rsinfo->expectedDesc);
	MemoryContextSwitchTo(caller);
}

PG_FUNCTION_INFO_V1(connkit_query);

/*
 * connkit_query(source, query, VARIADIC args)
 */
Datum
connkit_query(PG_FUNCTION_ARGS)
{
	Request		request;
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TupleDesc	desc;
	CkColumn   *columns;
	Oid		   *types;
	int32	   *typmods;
	SourceScan *scan;
	int			count;

	result_begin(fcinfo);
	desc = rsinfo->setDesc;
	request_begin(&request, fcinfo, RIGHT_QUERY, "query");
	check_reads(request.text);
	count = count_columns(&request);
	if (count != desc->natts)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("source \"%s\": the query has %d columns, and the column definition list has %d",
						request.server->servername, count, desc->natts),
				 errhint("connkit_describe_query() tells the columns of a query.")));
	columns = palloc0(sizeof(CkColumn) * count);
	types = palloc(sizeof(Oid) * count);
	typmods = palloc(sizeof(int32) * count);
	for (int i = 0; i < count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		types[i] = attribute->atttypid;
		typmods[i] = attribute->atttypmod;
		remote_describe(&columns[i], request.sql, NameStr(attribute->attname), types[i], typmods[i]);
	}
	scan = scan_new(request.server->serverid, GetUserId(), source_options(request.server->serverid, NIL),
					query_request(&request, desc), count, columns, types, typmods,
					NULL, request.nargs == 0 ? CK_SCAN_WHOLE : 0);
	scan->own_sql = true;
	scan_restart(scan, request.args, request.nargs);
	read_rows(scan, rsinfo->setResult, desc);
	scan_end(scan);
	return (Datum) 0;
}

/* A row for a column of the query. */
static void
describe_row(CkCatalog *catalog, const CatalogColumn *column)
{
	ReturnSetInfo *rsinfo = catalog->arg;
	Datum		values[4] = {Int32GetDatum(column->position), CStringGetTextDatum(column->name),
		CStringGetTextDatum(column->source_type), CStringGetTextDatum(column->local_type)};
	bool		nulls[4] = {false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(connkit_describe_query);

/*
 * connkit_describe_query(source, query)
 */
Datum
connkit_describe_query(PG_FUNCTION_ARGS)
{
	Request		request;
	CkCatalog	catalog = {.column = describe_row};

	catalog.arg = compat_materialize(fcinfo);
	request_begin(&request, fcinfo, RIGHT_QUERY, "query");
	check_reads(request.text);
	(void) discover_query(&catalog, request.server->serverid, GetUserId(), request.text);
	return (Datum) 0;
}
