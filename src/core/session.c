/*
 * session.c: opens, keeps, shares and closes sessions, and ties them to the local transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "audit.h"
#include "registry.h"
#include "scan.h"
#include "session.h"

/* Sessions that one transaction may hold to one source; beyond that, scans that interleave are spooled. */
#define SESSIONS_PER_SOURCE 4
/* Milliseconds that cleaning up a session may take before it is closed instead; and when the backend ends. */
#define CLEANUP_MS 3000
#define EXIT_MS 1000

SecretResolver session_resolve_secrets = NULL;

static int64 cleanup_ms = CLEANUP_MS;
static int	exit_process = 0;	/* that sessions_exit() is registered in */
static dlist_head sessions = DLIST_STATIC_INIT(sessions);
static uint64 changes = 0;		/* of servers, user mappings and settings that bound sessions */

Session *
session_new(const CkConnector *connector, const char *source, List *server_options, List *user_options, bool trusted,
			SessionTrace *trace)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "connkit session", ALLOCSET_SMALL_SIZES);
	MemoryContext caller;
	Session    *session;
	List	   *volatile lists = NIL;
	ListCell   *lc;

	PG_TRY();
	{
		caller = MemoryContextSwitchTo(context);
		session = palloc0(sizeof(Session));
		session->context = context;
		session->error_context = AllocSetContextCreate(context, "connkit error", ALLOCSET_SMALL_SIZES);
		lists = list_make2(copyObject(server_options), copyObject(user_options));
		dlist_init(&session->scans);
		session->pub.options = options_parse(connector, lists, &session->common, true);
		session->pub.host = session_host();
		session->pub.connector = connector;
		session->pub.source = pstrdup(source);
		session->pub.query_timeout_ms = session->common.query_timeout_ms;
		if (connector->session_size > 0)
			session->pub.state = palloc0(connector->session_size);
		session->updatable = options_updatable(connector, server_options, NIL);
		session->pub.read_only = !session->updatable;
		session->trace = trace;
		foreach(lc, lists)
			options_wipe_list(connector, lfirst(lc));
		MemoryContextSwitchTo(caller);
	}
	PG_CATCH();
	{
		MemoryContextDelete(context);
		PG_RE_THROW();
	}
	PG_END_TRY();

	/* who is no superuser must bring what proves him, and may name only files that he was allowed */
	if (!trusted && session->common.password_required)
		for (const CkOption *o = connector->options; o->name; o++)
			if (o->where & CK_CREDENTIAL)
				session->pub.credential_required = true;
	if (session->pub.credential_required && !options_have_credential(connector, user_options))
	{
		session_free(session);
		ereport(ERROR,
				(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
				 errmsg("a password is required to use source \"%s\"", source),
				 errdetail("The server's own identity is for superusers, at sources that superusers own."),
				 errhint("Set the option password of the user mapping.")));
	}
	return session;
}

void
session_hush(Session *session)
{
	session->quiet = true;
	session->pub.deadline_ms = session_host()->now_ms() + cleanup_ms;
}

void
session_unhush(Session *session)
{
	session->quiet = false;
	session->pub.deadline_ms = 0;
}

/* Closes the connection, and what scans still hold of it, and keeps the struct. */
static void
session_disconnect(Session *session)
{
	dlist_mutable_iter iter;

	session_hush(session);
	dlist_foreach_modify(iter, &session->scans)
	{
		SourceScan *scan = dlist_container(SourceScan, node, iter.cur);

		scan_detach(scan);
		scan->session = NULL;
	}
	if (session->opened)
	{
		session->opened = false;
		session->pub.connector->session_close(&session->pub);
	}
	if (session->waits)
		FreeWaitEventSet(session->waits);
	session->waits = NULL;
	session_unhush(session);
}

void
session_free(Session *session)
{
	session_disconnect(session);
	options_wipe(session->pub.connector, (void *) session->pub.options);
	if (session->node.next)
		dlist_delete(&session->node);
	MemoryContextDelete(session->context);
}

void
session_abandon(Session *session)
{
	session_disconnect(session);
	if (session->node.next)
		dlist_delete(&session->node);
	MemoryContextSetParent(session->context, CurrentMemoryContext);
}

CkStatus
session_open(Session *session)
{
	const CkConnector *connector = session->pub.connector;
	CkStatus	status;

	session->pub.deadline_ms = session_host()->now_ms() + session->common.connect_timeout_ms;
	status = connector->session_open(&session->pub);
	session->pub.deadline_ms = 0;
	session->opened = true;
	if (status != CK_OK)
		session_disconnect(session);
	return status;
}

bool
session_names_secrets(const CkConnector *connector, List *user_options)
{
	ListCell   *lc;

	foreach(lc, user_options)
		if (options_secret_base(connector, lfirst_node(DefElem, lc)->defname))
			return true;
	return false;
}

void
session_put_secret(CkSecret *secret, const char *value, size_t size, int64_t lifetime_ms)
{
	secret->value = MemoryContextAlloc(secret->context, size + 1);
	memcpy(secret->value, value, size);
	secret->value[size] = '\0';
	secret->size = size;
	secret->lifetime_ms = lifetime_ms;
}

void
session_check_enabled(ForeignServer *server)
{
	char	   *disabled = options_get(server->options, "disabled");
	bool		off;

	if (disabled && parse_bool(disabled, &off) && off)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source \"%s\" is disabled", server->servername),
				 errhint("Its owner enables it with connkit_restore_source().")));
}

List *
session_user_options(const CkConnector *connector, Oid serverid, Oid userid, Oid *mapping)
{
	bool		needs_mapping = false;
	bool		own_mapping;
	HeapTuple	tuple;
	UserMapping *user;

	*mapping = InvalidOid;
	for (const CkOption *o = connector->options; o->name; o++)
		needs_mapping |= (o->where & CK_ON_USER) && (o->where & (CK_REQUIRED | CK_CREDENTIAL));
	tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(userid), ObjectIdGetDatum(serverid));
	own_mapping = HeapTupleIsValid(tuple);
	if (!own_mapping)
		tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(serverid));
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	else if (!needs_mapping)
		return NIL;
	user = GetUserMapping(userid, serverid);	/* raises the error where there is none */
	/* where the mapping for PUBLIC serves, any new one may be the user's own */
	if (own_mapping)
		*mapping = user->umid;
	return user->options;
}

/*
 * A new session of the server for the user, not opened yet. fresh: with secrets from no cache; *cached: some are.
 */
static Session *
session_prepare(Oid serverid, Oid userid, bool fresh, bool *cached)
{
	const CkConnector *connector = registry_connector_of_server(serverid);
	ForeignServer *server = GetForeignServer(serverid);
	Oid			mapping;
	List	   *user_options = session_user_options(connector, serverid, userid, &mapping);
	bool		bounded = !superuser_arg(server->owner);
	/* whoever says where the source is must not lead a superuser to where the server's own identity opens */
	bool		trusted = superuser_arg(userid) && !bounded;
	Session    *session;

	*cached = false;
	session_check_enabled(server);
	/* the file was allowed when it was written; the setting may have been narrowed since, or a link been laid */
	if (bounded)
		options_check_paths(connector, server->options);
	if (bounded && options_updatable(connector, server->options, NIL))
		options_check_writable(connector, server->options);
	/* a mapping for PUBLIC may be the work of the server's owner */
	if (!trusted)
		options_check_paths(connector, user_options);
	if (session_names_secrets(connector, user_options))
	{
		SecretUse	use = {
			.connector = connector, .source = server->servername, .serverid = serverid, .owner = server->owner,
			.userid = userid, .own_mapping = OidIsValid(mapping), .server_options = server->options, .fresh = fresh
		};

		user_options = session_resolve_secrets(&use, user_options);
		*cached = use.cached;
	}
	session = session_new(connector, server->servername, server->options, user_options, trusted, NULL);
	options_wipe_list(connector, user_options);
	session->bounded = bounded;
	session->serverid = serverid;
	session->userid = userid;
	session->server_hash = GetSysCacheHashValue1(FOREIGNSERVEROID, ObjectIdGetDatum(serverid));
	session->mapping_hash = OidIsValid(mapping) ?
		GetSysCacheHashValue1(USERMAPPINGOID, ObjectIdGetDatum(mapping)) : 0;
	return session;
}

/*
 * Prepares and opens it. Where the source refuses a secret that came from the cache, it is tried once more with a fresh
 * one: it may have been changed at its provider.
 */
static Session *
session_prepare_open(Oid serverid, Oid userid, CkStatus *status)
{
	bool		cached;
	Session    *session = session_prepare(serverid, userid, false, &cached);

	*status = session_open(session);
	if (*status == CK_ERR_AUTH && cached)
	{
		session_free(session);
		session = session_prepare(serverid, userid, true, &cached);
		*status = session_open(session);
	}
	return session;
}

/* The source let nobody in: told in the audit log, and raised. */
static void
session_raise_refused(Session *session, CkStatus status)
{
	if (session->interrupt == NULL && (status == CK_ERR_AUTH || status == CK_ERR_PRIVILEGE || status == CK_ERR_TLS))
	{
		AuditEvent	event = {
			.action = "connect", .object_type = "source", .object = session->pub.source,
			.organization = GetUserNameFromId(GetForeignServer(session->serverid)->owner, true),
			.outcome = status == CK_ERR_PRIVILEGE ? AUDIT_REFUSED : AUDIT_FAILED,
			.sqlerrcode = session_sqlstate(status), .detail = session->message
		};

		audit_write_now(&event, true);
	}
	session_abandon(session);
	session_raise(session, status);
}

Session *
session_open_alone(Oid serverid, Oid userid)
{
	CkStatus	status;
	Session    *session = session_prepare_open(serverid, userid, &status);

	if (status != CK_OK)
		session_raise_refused(session, status);
	return session;
}

static void sessions_exit(int code, Datum arg);

/*
 * A new, open session of the server for the user, in the list of all sessions. With may_fail, NULL where it cannot be
 * opened for any other reason than an interrupt.
 */
static Session *
session_connect(Oid serverid, Oid userid, bool may_fail)
{
	uint64		before = changes;
	CkStatus	status;
	Session    *session = session_prepare_open(serverid, userid, &status);

	if (status != CK_OK)
	{
		if (may_fail && session->interrupt == NULL)
		{
			session_free(session);
			return NULL;
		}
		session_raise_refused(session, status);
	}
	/* here and not when the module is loaded: that may be in the postmaster, whose children begin without callbacks */
	if (exit_process != MyProcPid)
	{
		exit_process = MyProcPid;
		before_shmem_exit(sessions_exit, (Datum) 0);
	}
	/* what it was made by may have changed while its secrets were fetched */
	session->invalid = changes != before;
	dlist_push_tail(&sessions, &session->node);
	return session;
}

/*
 * Tells the source what the local transaction does; what goes wrong in cleaning up breaks the session and nothing else.
 */
static CkStatus
session_event(Session *session, CkEvent event, int level)
{
	const CkConnector *connector = session->pub.connector;
	CkStatus	status;
	bool		cleanup = event != CK_BEGIN && event != CK_SAVEPOINT;

	if (connector->transaction == NULL || !session->opened)
		return CK_OK;
	if (cleanup)
		session_hush(session);
	status = connector->transaction(&session->pub, event, level);
	session_unhush(session);
	if (status != CK_OK)
		session->broken = true;
	return status;
}

/* Begins the transaction on the session, in the snapshot of that name or, where it is NULL, in one of its own. */
static CkStatus
session_begin(Session *session, const char *snapshot, bool share)
{
	CkStatus	status;

	session->pub.serializable = IsolationIsSerializable();
	session->pub.share = share;
	/* what shares a snapshot is never changed */
	session->pub.read_only = snapshot || XactReadOnly || !session->updatable;
	session->pub.written = session->own_sql = false;
	session->imported = snapshot != NULL;
	if (snapshot)
		status = session->pub.connector->session_import(&session->pub, snapshot);
	else
		status = session_event(session, CK_BEGIN, 1);
	if (status == CK_OK)
	{
		session->in_transaction = true;
		session->level = 1;
	}
	return status;
}

/* Sets the savepoints that the nesting level asks for. */
static void
session_nest(Session *session)
{
	while (session->level < GetCurrentTransactionNestLevel())
	{
		CkStatus	status = session_event(session, CK_SAVEPOINT, session->level + 1);

		if (status != CK_OK)
			session_raise(session, status);
		session->level++;
	}
}

/* An idle session of the source outside a transaction, found fit or opened. */
static Session *
session_idle(Oid serverid, Oid userid, bool may_fail)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &sessions)
	{
		Session    *session = dlist_container(Session, node, iter.cur);

		if (session->serverid != serverid || session->userid != userid || session->in_transaction ||
			!dlist_is_empty(&session->scans))
			continue;
		if (!session->invalid && !session->broken && session->opened &&
			(session->pub.connector->session_alive == NULL ||
			 session->pub.connector->session_alive(&session->pub)))
			return session;
		session_free(session);
	}
	return session_connect(serverid, userid, may_fail);
}

/* Has the snapshot of the session's transaction named for others; false where they may not, or cannot, share it. */
static bool
session_name_snapshot(Session *session, char *name)
{
	CkStatus	status;

	/* what it has changed, others would not see */
	if (session->pub.connector->session_export == NULL || session->pub.written)
		return false;
	status = session->pub.connector->session_export(&session->pub, name, SESSION_SNAPSHOT_SIZE);
	if (session->interrupt)
		session_raise(session, status);
	return status == CK_OK;
}

/*
 * Another session in the snapshot of leader's transaction, or NULL where the source or its limits do not allow one.
 */
static Session *
session_sibling(Session *leader, int count)
{
	Session    *session;
	CkStatus	status;
	char		snapshot[SESSION_SNAPSHOT_SIZE];

	if (count >= SESSIONS_PER_SOURCE || !session_name_snapshot(leader, snapshot))
		return NULL;
	session = session_idle(leader->serverid, leader->userid, true);
	if (session == NULL)
		return NULL;
	status = session_begin(session, snapshot, true);
	if (status == CK_OK)
		return session;
	if (session->interrupt)
		session_raise(session, status);
	session_free(session);
	return NULL;
}

/* The first session of the source in the transaction, or NULL. */
static Session *
session_first(Oid serverid, Oid userid)
{
	dlist_iter	iter;

	dlist_foreach(iter, &sessions)
	{
		Session    *session = dlist_container(Session, node, iter.cur);

		if (session->serverid == serverid && session->userid == userid && session->in_transaction)
			return session;
	}
	return NULL;
}

bool
session_export(Oid serverid, Oid userid, char *name)
{
	Session    *session = session_first(serverid, userid);

	if (session == NULL)
	{
		CkStatus	status;

		session = session_idle(serverid, userid, false);
		status = session_begin(session, NULL, true);
		if (status != CK_OK)
			session_raise(session, status);
	}
	return !session->lost && session_name_snapshot(session, name);
}

bool
session_import(Oid serverid, Oid userid, const char *name, bool may_fail)
{
	Session    *session = session_first(serverid, userid);
	CkStatus	status;

	if (session && !session->imported)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source \"%s\" was read by a parallel worker in a snapshot of the worker's own", session->pub.source),
				 errhint("Functions that read sources should be PARALLEL RESTRICTED or PARALLEL UNSAFE.")));
	if (session)
		return true;
	session = session_idle(serverid, userid, may_fail);
	if (session == NULL)
		return false;
	session->pub.helps = true;
	status = session_begin(session, name, true);
	session->pub.helps = false;
	if (status != CK_OK)
		session_raise(session, status);
	return true;
}

bool
session_is_busy(Oid serverid, Oid userid)
{
	bool		busy = false;
	dlist_iter	iter;

	dlist_foreach(iter, &sessions)
	{
		Session    *s = dlist_container(Session, node, iter.cur);

		if (s->serverid != serverid || s->userid != userid || !s->in_transaction)
			continue;
		if (s->busy == NULL)
			return false;
		busy = true;
	}
	return busy;
}

/* Frees the session's connection from the scan that holds it. */
static void
session_vacate(Session *session)
{
	if (session->busy)
		scan_spool(session->busy);
}

Session *
session_get(Oid serverid, Oid userid, SessionUse use)
{
	Session    *leader = NULL,
			   *session = NULL;
	int			count = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &sessions)
	{
		Session    *s = dlist_container(Session, node, iter.cur);

		if (s->serverid != serverid || s->userid != userid || !s->in_transaction)
			continue;
		if (s->lost)
			ereport(ERROR,
					(errcode(ERRCODE_CONNECTION_FAILURE),
					 errmsg("source \"%s\": the connection was lost within this transaction", s->pub.source),
					 errdetail("A new connection would see another snapshot of the source."),
					 errhint("Roll back and try the transaction again.")));
		count++;
		if (leader == NULL)
			leader = s;
		if (session == NULL && s->busy == NULL && !s->broken)
			session = s;
	}
	if (leader == NULL)
	{
		CkStatus	status;

		session = session_idle(serverid, userid, false);
		status = session_begin(session, NULL, use == SESSION_SHARE);
		if (status != CK_OK)
			session_raise(session, status);
	}
	else if (use == SESSION_LOCK || use == SESSION_CHANGE || leader->pub.written)
	{
		session = leader;
		session_vacate(session);
	}
	else if (session == NULL)
	{
		session = session_sibling(leader, count);
		if (session == NULL)
		{
			session = leader;
			session_vacate(session);
		}
	}
	session_nest(session);
	return session;
}

Session *
session_get_alone(Oid serverid, Oid userid)
{
	dlist_iter	iter;

	if (!(registry_connector_of_server(serverid)->caps & CK_AUTOCOMMIT))
		return session_get(serverid, userid, SESSION_READ);
	dlist_foreach(iter, &sessions)
	{
		Session    *s = dlist_container(Session, node, iter.cur);

		if (s->serverid == serverid && s->userid == userid && s->in_transaction)
			return session_get(serverid, userid, SESSION_READ);
	}
	return session_idle(serverid, userid, false);
}

bool
session_is_free(Oid serverid, Oid userid, bool share)
{
	int			count = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &sessions)
	{
		Session    *s = dlist_container(Session, node, iter.cur);

		if (s->serverid != serverid || s->userid != userid || !s->in_transaction)
			continue;
		/* what a transaction has changed is seen on one session alone */
		if (s->busy == NULL || s->pub.written)
			return s->busy == NULL;
		share = share && s->pub.connector->session_export;
		count++;
	}
	return count == 0 || (share && count < SESSIONS_PER_SOURCE);
}

/* ERROR for a change in a transaction that began as one that only reads. */
static void
session_refuse_change(Session *session)
{
	if (!session->updatable)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("source \"%s\" may not be changed", session->pub.source),
				 errhint("Its owner sets the server's option updatable to true.")));
	ereport(ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("source \"%s\" was first read while the transaction was read-only", session->pub.source),
			 errhint("Change it in a transaction that is READ WRITE from its beginning.")));
}

void
session_change(Session *session, CommandId command)
{
	dlist_mutable_iter iter;
	int			level = GetCurrentTransactionNestLevel();

	if (session->pub.read_only)
		session_refuse_change(session);
	dlist_foreach_modify(iter, &session->scans)
	{
		SourceScan *scan = dlist_container(SourceScan, node, iter.cur);

		if (!scan->ended && !(scan->pub.flags & CK_SCAN_CHANGE))
			scan_spool(scan);
	}
	if (!session->pub.written || session->written_level > level)
		session->written_level = level;
	session->pub.written = true;
	session->written_by = command;
}

void
session_put(Session *session)
{
	session->busy = NULL;
	if (!session->broken)
		return;
	session_disconnect(session);
	if (session->pub.connector->transaction)
		session->lost = true;	/* until the transaction ends */
	else
		session->in_transaction = false;
}

void
session_cancel(Session *session)
{
	const CkConnector *connector = session->pub.connector;
	CkStatus	status;

	if (session->broken || !session->opened)
		return;
	if (connector->session_cancel == NULL)
	{
		session->broken = true;
		return;
	}
	session_hush(session);
	status = connector->session_cancel(&session->pub);
	session_unhush(session);
	if (status != CK_OK)
		session->broken = true;
}

/* The transaction is over: what cannot be used again is closed. */
static void
sessions_end_transaction(CkEvent event)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &sessions)
	{
		Session    *session = dlist_container(Session, node, iter.cur);

		if (session->in_transaction && !session->lost)
			session_event(session, session->own_sql && !session->pub.written ? CK_ABORT : event, 1);
		/* what else a statement of the user's has set, a commit has kept */
		session->altered |= session->own_sql && session->pub.written;
		session->in_transaction = false;
		session->pub.written = session->own_sql = false;
		session->level = 0;
		session->busy = NULL;
		if (session->broken || session->invalid || session->lost || session->altered)
			session_free(session);
	}
}

/* The changes of the transaction are gone, or nobody knows whether they are. */
static void
session_raise_lost(Session *session, bool committing)
{
	if (committing)
		ereport(ERROR,
				(errcode(ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN),
				 errmsg("source \"%s\": it is unknown whether the changes were committed", session->pub.source),
				 session->message ? errdetail("While it committed: %s.", session->message) : 0,
				 errhint("Look at the source before the transaction is tried again.")));
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("source \"%s\": the connection was lost, and with it the changes of this transaction", session->pub.source),
			 errhint("Try the transaction again.")));
}

/*
 * Commits, before the local transaction does, where that may fail: what was changed, and what a serializable transaction has
 * read, which is true only when its commit succeeds.
 */
static void
sessions_confirm(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &sessions)
	{
		Session    *session = dlist_container(Session, node, iter.cur);
		bool		written = session->pub.written;
		CkStatus	status;

		if (!session->in_transaction || session->pub.connector->transaction == NULL ||
			(!written && !IsolationIsSerializable()))
			continue;
		if (written && (session->lost || session->broken || !session->opened))
			session_raise_lost(session, false);
		if (session->lost)
			continue;
		status = session->pub.connector->transaction(&session->pub, CK_COMMIT, 1);
		session->in_transaction = false;
		if (status == CK_OK)
			continue;
		session->broken = true;
		if (written && (session->interrupt || status == CK_ERR_LOST || status == CK_ERR_TIMEOUT || status == CK_ERR_PROTOCOL))
			session_raise_lost(session, true);
		session_raise(session, status);
	}
}

static void
sessions_xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			{
				dlist_iter	iter;

				dlist_foreach(iter, &sessions)
					if (dlist_container(Session, node, iter.cur)->in_transaction)
					ereport(ERROR,
							(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							 errmsg("cannot PREPARE a transaction that has used a source of connkit")));
				break;
			}
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
			sessions_confirm();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
			sessions_end_transaction(CK_COMMIT);
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			sessions_end_transaction(CK_ABORT);
			break;
		default:
			break;
	}
}

static void
sessions_subxact_callback(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	dlist_iter	iter;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	dlist_foreach(iter, &sessions)
	{
		Session    *session = dlist_container(Session, node, iter.cur);

		if (!session->in_transaction || session->level < level)
			continue;
		session->level = level - 1;
		if (event == SUBXACT_EVENT_ABORT_SUB)
		{
			session_event(session, CK_ROLLBACK_TO, level);
			if (session->pub.written && session->written_level >= level)
				session->pub.written = false;
		}
		else if (session->busy == NULL)
			session_event(session, CK_RELEASE, level);	/* else the savepoint stays, shadowed by its next namesake */
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			session->written_level = Min(session->written_level, level - 1);
		if (session->broken && session->busy == NULL)
			session_put(session);
	}
}

/* A server or a user mapping changed: its sessions serve the transaction at hand and no other. */
static void
sessions_invalidate(Datum arg, int cacheid, uint32 hash)
{
	dlist_iter	iter;

	changes++;
	dlist_foreach(iter, &sessions)
	{
		Session    *session = dlist_container(Session, node, iter.cur);

		if (hash == 0 || cacheid == FOREIGNDATAWRAPPEROID || (cacheid == FOREIGNSERVEROID && session->server_hash == hash) ||
			(cacheid == USERMAPPINGOID && (session->mapping_hash == hash || session->mapping_hash == 0)))
			session->invalid = true;
	}
}

void
session_invalidate_all(void)
{
	sessions_invalidate((Datum) 0, 0, 0);
}

/* The backend ends, perhaps in the middle of a scan: the source is not left to work for nobody. */
static void
sessions_exit(int code, Datum arg)
{
	dlist_iter	iter;

	cleanup_ms = EXIT_MS;
	dlist_foreach(iter, &sessions)
	{
		Session    *session = dlist_container(Session, node, iter.cur);

		if (session->busy)
			session_cancel(session);
		session_disconnect(session);
	}
}

void
session_init(void)
{
	RegisterXactCallback(sessions_xact_callback, NULL);
	RegisterSubXactCallback(sessions_subxact_callback, NULL);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, sessions_invalidate, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, sessions_invalidate, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNDATAWRAPPEROID, sessions_invalidate, (Datum) 0);
}
