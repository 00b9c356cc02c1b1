/*
 * scan.c: reads rows from a source through its connector, and ends the scan wherever the transaction ends it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "attempt.h"
#include "registry.h"
#include "scan.h"

uint64		scan_bytes = 0;
const ScanRejecter *scan_rejecter = NULL;
const ScanMessage *scan_message = NULL;
Oid			scan_unlimited_table = InvalidOid;

/* An execution of the request begins. */
static void
scan_log_begin(SourceScan *scan)
{
	scan->logged = query_log_min_duration >= 0 && query_log_sample();
	if (!scan->logged)
		return;
	scan->started = GetCurrentTimestamp();
	scan->rows_before = scan->rows;
	scan->bytes_before = scan->pub.bytes;
	scan->time_before = scan->remote_time;
}

/* It is over, with that error or 0. Throws nothing. */
static void
scan_log_end(SourceScan *scan, int sqlerrcode)
{
	LoggedRequest request = {.role = scan->role, .started = scan->started, .sqlerrcode = sqlerrcode};
	instr_time	waited = scan->remote_time;

	if (!scan->logged)
		return;
	scan->logged = false;
	/* EXPLAIN ANALYZE sets figures to 0 once it has shown them */
	request.rows = scan->rows - Min(scan->rows_before, scan->rows);
	request.bytes = scan->pub.bytes - Min(scan->bytes_before, scan->pub.bytes);
	request.serverid = scan->session->serverid;
	request.source = scan->session->pub.source;
	request.request = scan->sql ? scan->sql : scan->plain_table ? scan->plain_table : "";
	INSTR_TIME_SUBTRACT(waited, scan->time_before);
	request.milliseconds = INSTR_TIME_GET_MILLISEC(waited);
	/* what fails as it begins was not measured */
	if (request.milliseconds <= 0)
		request.milliseconds = (GetCurrentTimestamp() - scan->started) / 1000.0;
	query_log_tell(&request);
}

void
scan_detach(SourceScan *scan)
{
	if (!scan->open)
		return;
	scan_log_end(scan, 0);
	scan->open = false;
	scan_bytes += scan->pub.bytes - scan->bytes_told;
	scan->bytes_told = scan->pub.bytes;
	dlist_delete(&scan->node);
	scan->session->pub.connector->scan_close(&scan->pub);
}

/*
 * Ends what is open at the source. Does not throw: it also runs when an aborted transaction's memory goes.
 */
static void
scan_close(SourceScan *scan)
{
	Session    *session = scan->session;

	if (session == NULL)
		return;
	if (scan->open)
	{
		if (!scan->ended && !(session->pub.connector->caps & CK_MULTI))
			session_cancel(session);
		session_hush(session);
		scan_detach(scan);
		session_unhush(session);
	}
	scan->session = NULL;
	scan->pub.session = NULL;
	if (session->busy == scan || session->busy == NULL)
		session_put(session);
}

static void
scan_callback(void *arg)
{
	scan_close((SourceScan *) arg);
}

void
scan_lift_limits(SourceScan *scan)
{
	scan->max_rows = scan->max_bytes = PG_UINT64_MAX;
}

/* The limit by that option: the smaller of what server and table say. */
static uint64
scan_limit(List *server_options, List *table_options, const char *name, int64 parsed)
{
	char	   *server_says = options_get(server_options, name);
	uint64		limit = parsed > 0 ? parsed : PG_UINT64_MAX;

	if (server_says && options_get(table_options, name) && strtoull(server_says, NULL, 10) > 0)
		limit = Min(limit, strtoull(server_says, NULL, 10));
	return limit;
}

SourceOptions *
source_options(Oid serverid, List *table_options)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	ForeignServer *server = GetForeignServer(serverid);
	SourceOptions *options = palloc0(sizeof(SourceOptions));

	options->owner = server->owner;
	options->server = server->options;
	options->table = table_options;
	options->has_paths = options_name_paths(connector, server->options) || options_name_paths(connector, table_options);
	options->parsed = options_parse(connector, list_make2(server->options, table_options), &options->common, false);
	options->max_rows = scan_limit(server->options, table_options, "max_rows", options->common.max_rows);
	options->max_bytes = scan_limit(server->options, table_options, "max_bytes", options->common.max_bytes);
	return options;
}

bool
source_is_typed(Oid serverid, const char *schema, const char *table)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	const CkSql *sql;

	if (!(connector->caps & CK_FILTERS) || table == NULL)
		return false;
	sql = connector->dialect(connector, source_options(serverid, NIL)->parsed, scan_utf8(schema), scan_utf8(table));
	return sql && sql->typed;
}

/* The options as the connector gets them: who is no superuser may name only files that are allowed now, as for the session. */
static const void *
scan_checked_options(const CkConnector *connector, const SourceOptions *options)
{
	List	   *server,
			   *table;

	if (!options->has_paths || superuser_arg(options->owner))
		return options->parsed;
	server = copyObject(options->server);
	table = copyObject(options->table);
	options_check_paths(connector, server);
	options_check_paths(connector, table);
	return options_parse(connector, list_make2(server, table), NULL, false);
}

/* The scan at hand has received too much: ERROR, which stops the source's work on it. */
static void
scan_check_limits(SourceScan *scan)
{
	bool		rows = scan->rows > scan->max_rows;
	const char *option = rows ? "max_rows" : "max_bytes";

	if (OidIsValid(scan->table) && scan->table == scan_unlimited_table)
	{
		scan_lift_limits(scan);
		return;
	}
	scan_log_end(scan, ERRCODE_PROGRAM_LIMIT_EXCEEDED);
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("source \"%s\": more than " UINT64_FORMAT " %s were received, which option \"%s\" does not allow",
					scan->session->pub.source, rows ? scan->max_rows : scan->max_bytes, rows ? "rows" : "bytes", option),
			 scan->relation ? errcontext("scan of foreign table \"%s\"", scan->relation) : 0,
			 errhint("Ask for less, or have the owner raise the option \"%s\" of the %s.", option,
					 scan->relation ? "server or the foreign table" : "server")));
}

static SourceScan *
scan_make(const CkConnector *connector, const char *remote, int ncolumns, const CkColumn *columns, const Oid *types,
		  const int32 *typmods, const int *attributes)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "connkit scan", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SourceScan *scan = palloc0(sizeof(SourceScan));

	scan->context = context;
	scan->sql = remote ? pstrdup(remote) : NULL;
	scan->pub.remote = remote ? pg_server_to_any(scan->sql, strlen(remote), PG_UTF8) : NULL;
	scan->pub.columns = columns;
	scan->pub.ncolumns = ncolumns;
	if (connector->scan_size > 0)
		scan->pub.state = palloc0(connector->scan_size);
	scan->row.ncolumns = ncolumns;
	scan->row.values = palloc0(sizeof(CkValue) * Max(ncolumns, 1));
	scan->readers = palloc0(sizeof(ValueReader) * Max(ncolumns, 1));
	scan->attributes = palloc0(sizeof(int) * Max(ncolumns, 1));
	for (int i = 0; i < ncolumns; i++)
	{
		value_reader_init(&scan->readers[i], types[i], typmods ? typmods[i] : -1, columns[i].name);
		scan->attributes[i] = attributes ? attributes[i] : i;
	}
	scan->role = GetUserId();
	scan_log_begin(scan);
	scan->native = connector->sql && connector->sql->native;
	scan->converting = -1;
	scan_lift_limits(scan);
	scan->callback.func = scan_callback;
	scan->callback.arg = scan;
	MemoryContextRegisterResetCallback(context, &scan->callback);
	MemoryContextSwitchTo(caller);
	return scan;
}

const char *
scan_utf8(const char *text)
{
	return text ? pg_server_to_any(text, strlen(text), PG_UTF8) : NULL;
}

SourceScan *
scan_new(Oid serverid, Oid userid, const SourceOptions *options, const char *remote, int ncolumns, const CkColumn *columns,
		 const Oid *types, const int32 *typmods, const int *attributes, uint32 flags)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	SourceScan *scan = scan_make(connector, remote, ncolumns, columns, types, typmods, attributes);
	MemoryContext caller = MemoryContextSwitchTo(scan->context);

	scan->serverid = serverid;
	scan->userid = userid;
	/* as a whole a request may be sent by a protocol that takes several statements, and what users wrote is in it */
	if (remote && strchr(remote, ';'))
		flags &= ~CK_SCAN_WHOLE;
	scan->pub.flags = flags;
	scan->command = InvalidCommandId;
	scan->pub.options = scan_checked_options(connector, options);
	scan->query_timeout_ms = options->common.query_timeout_ms;
	scan->pub.fetch_size = (uint32) options->common.fetch_size;
	scan->max_rows = options->max_rows;
	scan->max_bytes = options->max_bytes;
	scan->pub.schema_name = scan_utf8(options->common.schema_name);
	scan->plain_table = options->common.query ? NULL : options->common.table_name;
	scan->pub.table_name = scan_utf8(scan->plain_table);
	MemoryContextSwitchTo(caller);
	return scan;
}

SourceScan *
scan_new_on(Session *session, const char *remote, int ncolumns, const CkColumn *columns, const Oid *types)
{
	SourceScan *scan = scan_make(session->pub.connector, remote, ncolumns, columns, types, NULL, NULL);

	scan->session = session;
	scan->command = InvalidCommandId;
	scan->query_timeout_ms = session->common.query_timeout_ms;
	scan->pub.session = &session->pub;
	scan->pub.options = session->pub.options;
	scan->pub.flags = CK_SCAN_WHOLE;
	return scan;
}

/* Raises the error of a call, after the session has been told what it means for it. */
static void
scan_fail(SourceScan *scan, CkStatus status)
{
	Session    *session = scan->session;

	if (status == CK_ERR_LOST || status == CK_ERR_PROTOCOL || status == CK_ERR_MEMORY || status == CK_ERR_INTERNAL)
		session->broken = true;
	scan_log_end(scan, session_sqlstate(status));
	session_raise(session, status);
}

/* True where the source does not give the scan a lock, which is no error for who only tries. */
static bool
scan_is_refused(SourceScan *scan, CkStatus status)
{
	if (!scan->tried || scan->session->interrupt || status != CK_ERR_BUSY || strcmp(scan->session->sqlstate, "55P03") != 0)
		return false;
	scan->refused = scan->ended = true;
	return true;
}

/* What a scan of these flags wants a session for. */
static SessionUse
scan_use(const SourceScan *scan)
{
	return (scan->pub.flags & CK_SCAN_CHANGE) ? SESSION_CHANGE : (scan->pub.flags & CK_SCAN_LOCK) ? SESSION_LOCK :
		scan->share ? SESSION_SHARE : SESSION_READ;
}

/*
 * Takes the session that the scan has, before a request is sent. A query sees nothing of what has been changed since it began:
 * ERROR where the source would show that.
 */
static void
scan_take_session(SourceScan *scan)
{
	Session    *session = scan->session;

	/* the text is to read, and a function in it may do more: a transaction that may only read sees to it by itself */
	if (scan->own_sql && !(scan->pub.flags & CK_SCAN_CHANGE) && !session->pub.read_only)
		scan->pub.flags |= CK_SCAN_UNDO;
	if (scan->pub.flags & CK_SCAN_CHANGE)
		session_change(session, scan->command);
	else if (session->pub.written && scan->command <= session->written_by)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source \"%s\" was changed since this query began, which must not see the change", session->pub.source),
				 errhint("Read what the query needs of the source into a temporary table first.")));
	if (!(session->pub.connector->caps & CK_MULTI))
		session->busy = scan;
}

/* The connector's state of a scan that was closed, as new. */
static void
scan_clear_state(SourceScan *scan, const CkConnector *connector)
{
	if (connector->scan_size > 0)
		memset(scan->pub.state, 0, connector->scan_size);
	else
		scan->pub.state = NULL;
}

static void
scan_open(SourceScan *scan)
{
	const CkConnector *connector;
	CkStatus	status;

	if (scan->session == NULL)
	{
		if (scan->snapshot && !session_import(scan->serverid, scan->userid, scan->snapshot, scan->tried))
		{
			scan->refused = scan->ended = true;
			return;
		}
		scan->session = scan->alone ? session_get_alone(scan->serverid, scan->userid) :
			session_get(scan->serverid, scan->userid, scan_use(scan));
		scan->pub.session = &scan->session->pub;
	}
	scan_take_session(scan);
	scan->session->own_sql |= scan->own_sql;
	scan->session->altered |= scan->own_sql && (scan->pub.flags & CK_SCAN_CHANGE);
	scan->owner = CurrentResourceOwner;
	scan->open = true;
	dlist_push_tail(&scan->session->scans, &scan->node);
	scan->ended = false;
	scan->session->progress_ms = 0;
	scan->session->pub.query_timeout_ms = scan->query_timeout_ms;
	connector = scan->session->pub.connector;
	scan->pub.message = scan_message_of(scan->table);
	status = connector->scan_open(&scan->pub);
	if (status == CK_ERR_LOST && scan->alone && scan->session->proven && !scan->session->in_transaction)
	{
		/* it was closed while it was idle, which only its use can show: nothing depends on it, so another one serves */
		scan->session->broken = true;
		scan_close(scan);
		scan_clear_state(scan, connector);
		scan_open(scan);
	}
	else if (status != CK_OK && !scan_is_refused(scan, status))
		scan_fail(scan, status);
}

/*
 * Adds the column to errors of conversion. Some of the server's receive functions call a value that they cannot read an internal
 * error ("unsupported jsonb version number"): it is the source's reply that is wrong.
 */
static void
scan_error_context(void *arg)
{
	SourceScan *scan = arg;

	if (scan->converting >= 0)
	{
		const char *column = scan->readers[scan->converting].column;

		if (geterrcode() == ERRCODE_INTERNAL_ERROR && scan->row.values[scan->converting].type == CK_NATIVE)
			errcode(ERRCODE_PROTOCOL_VIOLATION);
		if (scan->relation)
			errcontext("column \"%s\" of foreign table \"%s\"", column, scan->relation);
		else
			errcontext("column \"%s\" of the source", column);
	}
}

/* Converts the row at hand into the caller's arrays. */
static void
scan_convert_values(SourceScan *scan, const int *places, Datum *values, bool *isnull)
{
	int			ncolumns = scan->row.ncolumns;

	for (int i = 0; i < ncolumns; i++)
	{
		int			place = places[i];

		scan->converting = i;
		isnull[place] = scan->row.values[i].type == CK_NULL;
		if (!isnull[place])
			values[place] = value_read(&scan->readers[i], &scan->row.values[i]);
		else
		{
			values[place] = (Datum) 0;
			if (scan->readers[i].domain)
				value_read_null(&scan->readers[i]);
		}
	}
}

static void
scan_convert(SourceScan *scan, const int *places, Datum *values, bool *isnull)
{
	ErrorContextCallback context;

	if (scan->row.misfit > 0)
	{
		scan->converting = scan->row.misfit - 1;
		session_raise(scan->session, CK_ERR_DATA);
	}
	context.callback = scan_error_context;
	context.arg = scan;
	context.previous = error_context_stack;
	error_context_stack = &context;
	if (scan->native && pg_get_client_encoding() != PG_UTF8)
	{
		int			saved = value_encoding_begin();

		PG_TRY();
		{
			scan_convert_values(scan, places, values, isnull);
		}
		PG_FINALLY();
		{
			value_encoding_end(saved);
		}
		PG_END_TRY();
	}
	else
		scan_convert_values(scan, places, values, isnull);
	scan->converting = -1;
	error_context_stack = context.previous;
}

/* A value of the row at hand on its way to text. */
typedef struct ValueText
{
	ValueReader *reader;
	const CkValue *value;
	char	   *text;
} ValueText;

static void
try_value_text(void *arg)
{
	ValueText  *it = arg;
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(it->reader->type, &output, &is_varlena);
	it->text = OidOutputFunctionCall(output, value_read(it->reader, it->value));
}

/* The text of one value of the row at hand, in its local type or, where it cannot be that, as the source gave it. */
static char *
scan_value_text(SourceScan *scan, int column)
{
	ValueText	it = {.reader = &scan->readers[column], .value = &scan->row.values[column]};

	if (it.value->type == CK_NULL)
		return NULL;
	/* what the source's own rules do not take is no value, though the local type might take it for one */
	return it.value->type != CK_MISFIT && attempt(try_value_text, &it) == NULL ? it.text : value_raw_text(it.value);
}

/* What the source gave for the row at hand, as far as JSON can say it. */
static Jsonb *
scan_row_json(SourceScan *scan)
{
	JsonbParseState *state = NULL;
	JsonbValue	value;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (uint32 i = 0; i < scan->row.ncolumns; i++)
	{
		char	   *text = scan_value_text(scan, i);

		value.type = jbvString;
		value.val.string.val = pstrdup(scan->readers[i].column);
		value.val.string.len = strlen(value.val.string.val);
		pushJsonbValue(&state, WJB_KEY, &value);
		value.type = text ? jbvString : jbvNull;
		value.val.string.val = text;
		value.val.string.len = text ? strlen(text) : 0;
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* The row at hand on its way into the caller's arrays. */
typedef struct RowConversion
{
	SourceScan *scan;
	const int  *places;
	Datum	   *values;
	bool	   *isnull;
} RowConversion;

static void
try_convert(void *arg)
{
	RowConversion *it = arg;

	scan_convert(it->scan, it->places, it->values, it->isnull);
}

/* Converts the row at hand; false: it cannot be converted, and scan_rejecter was told. */
static bool
scan_convert_or_reject(SourceScan *scan, const int *places, Datum *values, bool *isnull)
{
	RowConversion it = {.scan = scan, .places = places, .values = values, .isnull = isnull};
	ErrorData  *error;

	if (scan_rejecter == NULL || scan_rejecter->table != scan->table)
	{
		scan_convert(scan, places, values, isnull);
		return true;
	}
	error = attempt(try_convert, &it);
	if (error == NULL)
		return true;
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		ReThrowError(error);
	scan_rejecter->reject(scan_rejecter->arg, scan_row_json(scan),
						  scan->converting >= 0 ? scan->readers[scan->converting].column : NULL, error);
	scan->converting = -1;
	return false;
}

/* The connector's next row; false at the end. */
static bool
scan_fetch(SourceScan *scan)
{
	CkStatus	status;
	instr_time	begin,
				end;
	bool		timed = scan->timed || scan->logged;

	if (scan->ended)
		return false;
	if (timed)
		INSTR_TIME_SET_CURRENT(begin);
	if (!scan->open)
		scan_open(scan);
	if (scan->refused)
		return false;
	for (uint32 i = 0; i < scan->row.ncolumns; i++)
		scan->row.values[i].type = CK_NULL;
	scan->row.misfit = 0;
	scan->session->pub.query_timeout_ms = scan->query_timeout_ms;
	status = scan->session->pub.connector->scan_next(&scan->pub, &scan->row);
	if (timed)
	{
		INSTR_TIME_SET_CURRENT(end);
		INSTR_TIME_ACCUM_DIFF(scan->remote_time, end, begin);
	}
	if (status == CK_OK)
	{
		scan->rows++;
		scan->session->progress++;
		if (unlikely(scan->rows > scan->max_rows || scan->pub.bytes > scan->max_bytes))
			scan_check_limits(scan);
		return true;
	}
	if (status != CK_END && !scan_is_refused(scan, status))
		scan_fail(scan, status);
	scan_log_end(scan, 0);
	scan->session->proven = true;
	scan->ended = true;
	/* the connection is free for others; the connector's state waits for scan_restart or scan_end */
	if (scan->session->busy == scan)
		scan->session->busy = NULL;
	return false;
}

/* ERROR where rows were lost, or a change has failed, in a query that may have caught that error. */
static void
scan_check_whole(const SourceScan *scan)
{
	if (scan->failed)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("rows of a scan were lost when its connection was needed by another query, which failed"),
				 errhint("Roll back and try the transaction again.")));
}

bool
scan_next(SourceScan *scan, Datum *values, bool *isnull)
{
	scan_check_whole(scan);
	if (scan->spool)
	{
		/* the slot keeps the tuple, longer than the caller's context may last */
		MemoryContext caller = MemoryContextSwitchTo(scan->context);
		bool		found = tuplestore_gettupleslot(scan->spool, true, true, scan->spool_slot);

		MemoryContextSwitchTo(caller);
		if (!found)
			return false;
		slot_getallattrs(scan->spool_slot);
		for (uint32 i = 0; i < scan->row.ncolumns; i++)
		{
			values[scan->attributes[i]] = scan->spool_slot->tts_values[i];
			isnull[scan->attributes[i]] = scan->spool_slot->tts_isnull[i];
		}
		return true;
	}
	do
	{
		if (!scan_fetch(scan))
			return false;
		scan->begun = true;
	}
	while (!scan_convert_or_reject(scan, scan->attributes, values, isnull));
	return true;
}

void
scan_start(SourceScan *scan)
{
	if (!scan->open && !scan->ended)
		scan_open(scan);
}

bool
scan_pending(SourceScan *scan, int *socket)
{
	const CkConnector *connector = scan->session ? scan->session->pub.connector : NULL;

	*socket = -1;
	if (!scan->open || scan->ended || scan->spool || scan->failed || scan->session->broken || connector->scan_pending == NULL)
		return false;
	return connector->scan_pending(&scan->pub, socket);
}

void
scan_expire(SourceScan *scan, int socket)
{
	CkSession  *session = &scan->session->pub;
	CkStatus	status;

	session->query_timeout_ms = 1;
	status = session->host->wait(session, socket, CK_READABLE);
	if (status != CK_OK)
		scan_fail(scan, status);
}

void
scan_spool(SourceScan *scan)
{
	MemoryContext caller = MemoryContextSwitchTo(scan->context);
	int			ncolumns = scan->row.ncolumns;
	ResourceOwner owner = CurrentResourceOwner;
	Tuplestorestate *spool;
	bool		whole = !scan->begun;
	bool		failed = scan->failed;	/* once, and so for ever */
	Datum	   *values = palloc(sizeof(Datum) * Max(ncolumns, 1));
	bool	   *isnull = palloc(sizeof(bool) * Max(ncolumns, 1));
	int		   *places = palloc(sizeof(int) * Max(ncolumns, 1));

	if (!scan->open)
		scan->owner = owner;
	/* an error goes to the query that needs the connection, which may catch it; the one that reads must not go on then */
	scan->failed = true;
	/* another query asks for this, but the files belong to the one that will read them */
	CurrentResourceOwner = scan->owner;
	spool = tuplestore_begin_heap(false, false, work_mem);
	tuplestore_set_eflags(spool, EXEC_FLAG_REWIND);
	CurrentResourceOwner = owner;
	scan->spool_desc = CreateTemplateTupleDesc(ncolumns);
	for (int i = 0; i < ncolumns; i++)
	{
		TupleDescInitEntry(scan->spool_desc, i + 1, "", scan->readers[i].type, scan->readers[i].typmod, 0);
		places[i] = i;
	}
	scan->spool_slot = MakeSingleTupleTableSlot(scan->spool_desc, &TTSOpsMinimalTuple);
	if (scan->row_context == NULL)
		scan->row_context = AllocSetContextCreate(scan->context, "connkit row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scan->row_context);
	while (scan_fetch(scan))
	{
		CHECK_FOR_INTERRUPTS();
		if (scan_convert_or_reject(scan, places, values, isnull))
		{
			CurrentResourceOwner = scan->owner;
			tuplestore_putvalues(spool, scan->spool_desc, values, isnull);
			CurrentResourceOwner = owner;
		}
		MemoryContextReset(scan->row_context);
	}
	scan->spool = spool;
	scan->spooled_whole = whole;
	scan->failed = failed;
	MemoryContextSwitchTo(caller);
}

bool
scan_rewind(SourceScan *scan)
{
	if (scan->spool == NULL || !scan->spooled_whole)
		return false;
	tuplestore_rescan(scan->spool);
	return true;
}

void
scan_change_begin(SourceScan *scan, const CkValue *args, int nargs)
{
	scan_restart(scan, args, nargs);
	if (!scan->open)
		scan_open(scan);
}

bool
scan_change_more(SourceScan *scan, const CkValue *args, int nargs)
{
	Session    *session = scan->session;
	CkStatus	status;

	if (!scan->open || scan->ended || session == NULL || session->busy != scan || session->broken ||
		session->pub.connector->scan_more == NULL || session->level < GetCurrentTransactionNestLevel())
		return false;
	scan->pub.args = args;
	scan->pub.nargs = nargs;
	session->progress_ms = 0;
	status = session->pub.connector->scan_more(&scan->pub);
	if (status != CK_OK && status != CK_END)
		scan_fail(scan, status);
	return status == CK_OK;
}

int64
scan_change_end(SourceScan *scan)
{
	scan_check_whole(scan);
	while (scan_fetch(scan))
		CHECK_FOR_INTERRUPTS();
	return scan->pub.affected;
}

int64
scan_change(SourceScan *scan, const CkValue *args, int nargs)
{
	scan_change_begin(scan, args, nargs);
	return scan_change_end(scan);
}

bool
scan_try(SourceScan *scan)
{
	scan->tried = true;
	while (scan_fetch(scan))
		CHECK_FOR_INTERRUPTS();
	return !scan->refused;
}

/* Forgets the spool. */
static void
scan_drop_spool(SourceScan *scan)
{
	if (scan->spool == NULL)
		return;
	ExecDropSingleTupleTableSlot(scan->spool_slot);
	tuplestore_end(scan->spool);
	FreeTupleDesc(scan->spool_desc);
	scan->spool = NULL;
}

void
scan_restart(SourceScan *scan, const CkValue *args, int nargs)
{
	Session    *session = scan->session;
	CkStatus	status;

	scan_drop_spool(scan);
	scan->failed = scan->begun = false;
	scan->pub.affected = -1;
	scan->pub.args = args;
	scan->pub.nargs = nargs;
	if (!scan->open)
	{
		scan->ended = false;
		scan_log_begin(scan);
		return;
	}
	/* only a scan at its end whose connection nobody else took can go on where it is */
	if (scan->ended && session->opened && !session->broken && session->busy == NULL &&
		session->pub.connector->scan_rescan && session->level >= GetCurrentTransactionNestLevel())
	{
		scan_take_session(scan);
		scan->ended = false;
		scan_log_begin(scan);
		session->progress_ms = 0;
		session->pub.query_timeout_ms = scan->query_timeout_ms;
		status = session->pub.connector->scan_rescan(&scan->pub);
		if (status != CK_OK)
			scan_fail(scan, status);
		return;
	}
	scan->pub.orderly = true;
	scan_close(scan);
	scan->pub.orderly = false;
	scan->ended = false;
	scan_log_begin(scan);
	scan_clear_state(scan, session->pub.connector);
}

void
scan_end(SourceScan *scan)
{
	scan_drop_spool(scan);
	scan->pub.orderly = true;
	scan_close(scan);
	MemoryContextDelete(scan->context);
}

const CkMessage *
scan_message_of(Oid table)
{
	return scan_message && OidIsValid(table) && scan_message->table == table ? scan_message->message : NULL;
}

void
scan_receive(Oid serverid, Oid userid, const char *schema, const char *table, CkMessage *message)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	List	   *options = NIL;
	SourceScan *scan;
	CkStatus	status;

	if (connector->receive == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("sources of connector \"%s\" have no webhooks", connector->name)));
	if (schema)
		options = lappend(options, makeDefElem("schema_name", (Node *) makeString(pstrdup(schema)), -1));
	options = lappend(options, makeDefElem("table_name", (Node *) makeString(pstrdup(table)), -1));
	scan = scan_new(serverid, userid, source_options(serverid, options), NULL, 0, NULL, NULL, NULL, NULL, 0);
	scan->session = session_get_alone(serverid, userid);
	scan->pub.session = &scan->session->pub;
	/* so that the connector frees what it has of it */
	scan->open = scan->ended = true;
	dlist_push_tail(&scan->session->scans, &scan->node);
	status = connector->receive(&scan->pub, message);
	if (status != CK_OK)
		scan_fail(scan, status);
	scan_end(scan);
}
