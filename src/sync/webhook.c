/*
 * webhook.c: connkit_receive(): messages that a source sends by itself, to the syncs that take them.
 *
 * A message is written to connkit.webhook_delivery, by whose id it is known when it comes again, and applied by who has the
 * sync's lock: by the call that brings it, or, where a run goes on for longer than that waits, at the end of the run, so that
 * what the run has read before does not take the place of what the message told.
 *
 * Who queues a message has the queue's lock with others, and who applies what is queued has it alone, both to the end of their
 * transactions. So a message is queued before it is looked for, or its call waits for the other's commit and then gets the sync's
 * lock. Where a transaction stays open for longer than that is waited for, the next run or message applies it.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "attempt.h"
#include "audit.h"
#include "compat.h"
#include "event.h"
#include "rights.h"
#include "rolemark.h"
#include "run.h"
#include "scan.h"
#include "tables.h"

/* Bytes of a message. */
#define BODY_LIMIT (32 * 1024 * 1024)

/* Milliseconds that are waited for a lock, and between two looks. */
#define LOCK_MS 2000
#define LOOK_MS 10

/* Queued messages of others that a call applies beside its own. */
#define MOST_OTHERS 100

/* How long messages are known. */
#define RETENTION "7 days"

/* Seconds between two entries of the audit log by one process. */
#define REFUSAL_SECONDS 60

/* A message, and what becomes of it. */
typedef struct Delivery
{
	char	   *source;
	char	   *table;
	CkMessage	message;		/* of the sync at hand */
	int64		sync;
	Oid			owner;
	char	   *name;			/* of the sync */
	const char *outcome;
} Delivery;

/* Tells the source's owner, in the audit log, why a message was not accepted; now and then. */
static void
tell_refusal(ForeignServer *server, const char *reason)
{
	static TimestampTz told = 0;
	AuditEvent	event = {.action = "receive", .object_type = "source", .outcome = AUDIT_REFUSED,
	.sqlerrcode = ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, .detail = reason};

	if (server == NULL || !TimestampDifferenceExceeds(told, GetCurrentTimestamp(), REFUSAL_SECONDS * 1000))
		return;
	told = GetCurrentTimestamp();
	event.object = server->servername;
	event.organization = GetUserNameFromId(server->owner, true);
	audit_write_now(&event, false);
}

/* The same error for all that are not to know more. */
COMPAT_NORETURN static void
refuse(Delivery *delivery, ForeignServer *server, const char *reason)
{
	tell_refusal(server, reason);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("the message is not accepted"),
			 delivery->message.raw ?
			 errhint("Why, the audit log tells the source's owner: see docs/webhooks.md.") :
			 errhint("What is signed is the body as it was sent: for a signature, give it as text. Else the audit log tells the "
					 "source's owner why.")));
}

/* The headers, an object of texts, as names and values. */
static const char *const *
take_headers(Jsonb *headers)
{
	JsonbIterator *iterator = JsonbIteratorInit(&headers->root);
	JsonbValue	value;
	JsonbIteratorToken token;
	const char **list;
	int			count = 0;

	if (!JB_ROOT_IS_OBJECT(headers))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the headers are no JSON object of texts")));
	list = palloc0(sizeof(char *) * (2 * JB_ROOT_COUNT(headers) + 1));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_KEY && token != WJB_VALUE)
			continue;
		if (value.type != jbvString)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the headers are no JSON object of texts")));
		list[count++] = scan_utf8(pnstrdup(value.val.string.val, value.val.string.len));
	}
	return list;
}

/* The syncs that take messages for the table, their ids and owners. */
static List *
find_syncs(const char *source, const char *table)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(source), CStringGetTextDatum(table)};
	MemoryContext caller = CurrentMemoryContext;
	List	   *found = NIL;

	SPI_connect();
	tables_execute("SELECT id, owner, owner_mark FROM connkit.sync WHERE webhook AND source = $1::name"
				   " AND $2 IN (table_name, schema_name || '.' || table_name) ORDER BY id", 2, types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		MemoryContext spi = MemoryContextSwitchTo(caller);
		Delivery   *delivery = palloc0(sizeof(Delivery));
		bool		isnull;

		delivery->sync = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
		delivery->owner = rolemark_follow(SPI_getvalue(row, desc, 2), SPI_getvalue(row, desc, 3));
		if (OidIsValid(delivery->owner))
			found = lappend(found, delivery);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return found;
}

/* Has the connector look at the message, with the owner's credentials. */
static void
try_receive(void *arg)
{
	Delivery   *delivery = arg;
	Sync	   *sync = sync_read(delivery->sync, false);

	delivery->name = sync->name;
	if (compat_server_aclcheck(sync->serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, sync->source);
	scan_receive(sync->serverid, GetUserId(), sync->schema_name, sync->table_name, &delivery->message);
}

/* Takes the queue's lock to the end of the transaction, if it is to be had. */
static bool
queue_lock(int64 sync, LOCKMODE mode)
{
	Oid			table = get_relname_relid("webhook_delivery", get_namespace_oid("connkit", false));
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, table, (uint32) sync, (uint16) (sync >> 32));
	return LockAcquire(&tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Waits a while for the queue's lock in that mode or, NoLock, for the sync's; false: another has it still. */
static bool
wait_for_lock(int64 sync, LOCKMODE mode)
{
	TimestampTz begun = GetCurrentTimestamp();

	while (mode == NoLock ? !sync_lock(sync, false) : !queue_lock(sync, mode))
	{
		if (TimestampDifferenceExceeds(begun, GetCurrentTimestamp(), LOCK_MS))
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/* Writes the message to the queue and returns its id there; 0: it was taken before. */
static int64
enqueue(Delivery *delivery)
{
	CkMessage  *message = &delivery->message;
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[] = {Int64GetDatum(delivery->sync), CStringGetTextDatum(message->id),
		CStringGetTextDatum(message->kind == CK_MESSAGE_DELETE ? "delete" : "upsert"), CStringGetTextDatum(message->at),
		CStringGetTextDatum(pg_any_to_server(message->body, message->size, PG_UTF8))};
	int64		id = 0;
	bool		isnull;

	SPI_connect();
	/* one that failed may be sent once more */
	tables_execute("INSERT INTO connkit.webhook_delivery AS d (sync, delivery, kind, sent_at, body)"
				   " VALUES ($1, nullif($2, ''), $3, nullif($4, ''), $5)"
				   " ON CONFLICT (sync, delivery) WHERE delivery IS NOT NULL DO UPDATE SET outcome = 'queued',"
				   " body = excluded.body, kind = excluded.kind, sent_at = excluded.sent_at,"
				   " received_at = excluded.received_at, sqlstate = NULL, message = NULL"
				   " WHERE d.outcome = 'failed' RETURNING id", 5, types, values, NULL);
	if (SPI_processed > 0)
		id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return id;
}

/* Who brings messages is not told the statements of the sync's owner, nor the rows of his target: these the log may have. */
COMPAT_NORETURN static void
raise_for_bringer(ErrorData *error)
{
	error->context = error->internalquery = NULL;
	if (error->detail_log == NULL)
		error->detail_log = error->detail;
	error->detail = NULL;
	ReThrowError(error);
	pg_unreachable();
}

/* A queued message on its way. */
typedef struct Queued
{
	int64		sync;
	int64		id;
	CkMessage	message;
	EventOutcome outcome;
} Queued;

static void
try_apply(void *arg)
{
	Queued	   *queued = arg;

	queued->outcome = event_apply(sync_read(queued->sync, false), &queued->message);
}

/* Reads a message of the queue; false: it is not there any more. */
static bool
read_queued(Queued *queued)
{
	static const char *const none[] = {NULL};
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(queued->id);
	MemoryContext caller = CurrentMemoryContext;
	char	   *at;
	char	   *body;
	bool		found;

	SPI_connect();
	tables_execute("SELECT kind, sent_at, body FROM connkit.webhook_delivery WHERE id = $1 AND outcome = 'queued'", 1, &type,
				   &value, NULL);
	found = SPI_processed > 0;
	if (found)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		queued->message.kind = strcmp(SPI_getvalue(row, desc, 1), "delete") == 0 ? CK_MESSAGE_DELETE : CK_MESSAGE_UPSERT;
		at = SPI_getvalue(row, desc, 2);
		strlcpy(queued->message.at, at ? at : "", sizeof(queued->message.at));
		body = SPI_getvalue(row, desc, 3);
		body = pg_server_to_any(body, strlen(body), PG_UTF8);
		queued->message.size = strlen(body);
		queued->message.body = MemoryContextStrdup(caller, body);
		queued->message.headers = none;
		queued->message.genuine = true;
	}
	SPI_finish();
	return found;
}

/* Writes what became of it. */
static void
write_outcome(Queued *queued, ErrorData *error)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[] = {Int64GetDatum(queued->id),
		CStringGetTextDatum(error ? "failed" : event_outcome_name(queued->outcome)),
		CStringGetTextDatum(error ? unpack_sql_state(error->sqlerrcode) : ""),
	CStringGetTextDatum(error && error->message ? error->message : "")};

	SPI_connect();
	tables_execute("UPDATE connkit.webhook_delivery SET outcome = $2, body = NULL, sqlstate = nullif($3, ''),"
				   " message = nullif($4, '') WHERE id = $1", 4, types, values, NULL);
	SPI_finish();
}

/* Ids of what is queued, the oldest, and own. */
static List *
list_queued(int64 sync, int64 own, int most)
{
	Oid			types[] = {INT8OID, INT8OID, INT4OID};
	Datum		values[] = {Int64GetDatum(sync), Int64GetDatum(own), Int32GetDatum(most)};
	MemoryContext caller = CurrentMemoryContext;
	List	   *ids = NIL;

	SPI_connect();
	tables_execute("(SELECT id FROM connkit.webhook_delivery WHERE sync = $1 AND outcome = 'queued' AND id <> $2"
				   " ORDER BY id LIMIT $3) UNION ALL SELECT $2 WHERE $2 > 0 ORDER BY id", 3, types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);
		int64	   *id = palloc(sizeof(int64));
		bool		isnull;

		*id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		ids = lappend(ids, id);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return ids;
}

/* Forgets what is older than it has to be known. */
static void
forget_old(int64 sync)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(sync);

	SPI_connect();
	tables_execute("DELETE FROM connkit.webhook_delivery WHERE sync = $1 AND outcome <> 'queued'"
				   " AND received_at < clock_timestamp() - interval '" RETENTION "'", 1, &type, &value, NULL);
	tables_execute("DELETE FROM connkit.webhook_key WHERE sync = $1"
				   " AND applied_at < clock_timestamp() - interval '" RETENTION "'", 1, &type, &value, NULL);
	SPI_finish();
}

void
webhook_drain(int64 sync, int64 own, int most)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "connkit webhook", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = CurrentMemoryContext;
	ListCell   *lc;

	forget_old(sync);
	(void) wait_for_lock(sync, ExclusiveLock);
	/* rows that are being gathered beside the target may be older, and are to become it: what is queued waits for that */
	if (sync_read(sync, false)->load != NULL)
		return;
	foreach(lc, list_queued(sync, own, most))
	{
		Queued		queued = {.sync = sync, .id = *(int64 *) lfirst(lc)};
		ErrorData  *error = NULL;

		MemoryContextSwitchTo(context);
		if (read_queued(&queued))
		{
			error = attempt(try_apply, &queued);
			if (error && queued.id == own)
				raise_for_bringer(error);
			if (error && record_is_transient(error->sqlerrcode))
				break;
			if (error)
				ereport(WARNING,
						(errcode(error->sqlerrcode),
						 errmsg("message " INT64_FORMAT " in connkit.webhook_delivery could not be applied: %s", queued.id,
								error->message)));
			write_outcome(&queued, error);
		}
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/* What became of the message of that id. */
static const char *
read_outcome(int64 id)
{
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(id);
	MemoryContext caller = CurrentMemoryContext;
	char	   *outcome;

	SPI_connect();
	tables_execute("SELECT outcome FROM connkit.webhook_delivery WHERE id = $1", 1, &type, &value, NULL);
	outcome = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	outcome = MemoryContextStrdup(caller, outcome);
	SPI_finish();
	return outcome;
}

/* Gives the message, which is genuine, to the sync. */
static void
deliver(Delivery *delivery)
{
	ErrorContextCallback context = {.callback = run_error_context, .previous = error_context_stack};
	Sync	   *sync = sync_read(delivery->sync, false);
	bool		locked;
	int64		id;

	if (delivery->message.kind == CK_MESSAGE_IGNORED)
	{
		delivery->outcome = "ignored";
		return;
	}
	context.arg = sync;
	error_context_stack = &context;
	locked = !sync->paused && !sync_runs_here(delivery->sync) && wait_for_lock(delivery->sync, NoLock);
	/* who has to wait for the queue, waits for the end of a run */
	if (!locked && !queue_lock(delivery->sync, ShareLock))
		locked = wait_for_lock(delivery->sync, ShareLock) && !sync->paused && !sync_runs_here(delivery->sync) &&
			wait_for_lock(delivery->sync, NoLock);
	id = enqueue(delivery);
	if (id > 0 && locked)
	{
		run_settings(sync);
		webhook_drain(delivery->sync, id, MOST_OTHERS);
	}
	delivery->outcome = id > 0 ? read_outcome(id) : "duplicate";
	error_context_stack = context.previous;
}

/* Does the work with the rights of the sync's owner, and none of his settings stays. */
static void
as_owner(Delivery *delivery, void (*work) (Delivery *))
{
	int			level = NewGUCNestLevel();
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	if (user != delivery->owner)
		SetUserIdAndSecContext(delivery->owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	work(delivery);
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, context);
}

/* Proves who sent it; its outcome is NULL where that is not proven, and name the reason. */
static void
prove(Delivery *delivery)
{
	ErrorData  *error = attempt(try_receive, delivery);

	if (error && delivery->message.genuine)
		raise_for_bringer(error);
	delivery->outcome = error ? NULL : "";
	if (error)
		delivery->name = error->message;
}

/* The two calls: with the body as it was sent, and with the JSON that it was. */
static Datum
receive(FunctionCallInfo fcinfo, bool raw)
{
	Delivery	call = {.message = {.raw = raw}};
	ReturnSetInfo *result = compat_materialize(fcinfo);
	ForeignServer *server;
	List	   *syncs;
	List	   *genuine = NIL;
	const char *reason = "no sync takes messages for that table";
	ListCell   *lc;

	for (int i = 0; i < 4; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("source, table, body and headers of a message must not be NULL")));
	if (toast_raw_datum_size(PG_GETARG_DATUM(2)) > BODY_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a message has more than %d bytes", BODY_LIMIT)));
	call.source = NameStr(*PG_GETARG_NAME(0));
	call.table = text_to_cstring(PG_GETARG_TEXT_PP(1));
	server = GetForeignServerByName(call.source, true);
	if (server == NULL || !rights_have(server, GetUserId(), RIGHT_RECEIVE))
		refuse(&call, server, "the role has no right \"receive\" on the source");
	call.message.headers = take_headers(PG_GETARG_JSONB_P(3));
	if (raw)
		call.message.body = scan_utf8(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	else
		call.message.body = scan_utf8(JsonbToCString(NULL, &PG_GETARG_JSONB_P(2)->root, VARSIZE(PG_GETARG_JSONB_P(2))));
	call.message.size = strlen(call.message.body);
	syncs = find_syncs(call.source, call.table);
	foreach(lc, syncs)
	{
		Delivery   *delivery = lfirst(lc);

		delivery->message = call.message;
		as_owner(delivery, prove);
		if (delivery->outcome)
			genuine = lappend(genuine, delivery);
		else
			reason = delivery->name;
	}
	if (genuine == NIL)
		refuse(&call, server, reason);
	if (list_length(genuine) < list_length(syncs))
		tell_refusal(server, reason);
	foreach(lc, genuine)
	{
		Delivery   *delivery = lfirst(lc);
		Datum		values[2];
		bool		nulls[2] = {false};

		as_owner(delivery, deliver);
		values[0] = CStringGetTextDatum(delivery->name);
		values[1] = CStringGetTextDatum(delivery->outcome);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Errors take no statement to the log: the message may stand in it. */
static void
hide_statement(void *arg)
{
	errhidestmt(true);
}

/* The same, with nothing of the statement, which holds the message, in the server log. */
static Datum
receive_hidden(FunctionCallInfo fcinfo, bool raw)
{
	ErrorContextCallback guard = {.callback = hide_statement, .previous = error_context_stack};
	Datum		result;

	error_context_stack = &guard;
	result = receive(fcinfo, raw);
	error_context_stack = guard.previous;
	return result;
}

PG_FUNCTION_INFO_V1(connkit_receive);

/*
 * connkit_receive(source, table_name, body text, headers) → sync, outcome
 */
Datum
connkit_receive(PG_FUNCTION_ARGS)
{
	return receive_hidden(fcinfo, true);
}

PG_FUNCTION_INFO_V1(connkit_receive_json);

/*
 * connkit_receive(source, table_name, payload jsonb, headers) → sync, outcome
 */
Datum
connkit_receive_json(PG_FUNCTION_ARGS)
{
	return receive_hidden(fcinfo, false);
}
