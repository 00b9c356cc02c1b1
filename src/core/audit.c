/*
 * audit.c: makes entries of connkit.audit_log, writes them in the transaction at hand, and lets nobody change them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "common/ip.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "audit.h"
#include "compat.h"
#include "options.h"
#include "rolemark.h"
#include "tables.h"

/* Bytes of a text, of an option's value, and of all values before or after. */
#define TEXT_BYTES 1000
#define DETAIL_BYTES 4000
#define VALUES_BYTES 200000

static const char *const stars = "***";
static const char *const stars_set = "*** (set)";

/* The setting connkit.secret_max_age, which the view connkit.compliance_report looks at. */
static int	secret_max_age = 90;

/* True while connkit_purge_audit_log() deletes. */
static bool purging = false;

Oid
audit_table(void)
{
	Oid			schema = get_namespace_oid("connkit", true);
	Oid			table = OidIsValid(schema) ? get_relname_relid("audit_log", schema) : InvalidOid;
	Oid			extension = OidIsValid(table) ? get_extension_oid("connkit", true) : InvalidOid;

	/* where the extension is not, anybody may have made a table of that name */
	if (!OidIsValid(extension) || getExtensionOfObject(RelationRelationId, table) != extension)
		return InvalidOid;
	return table;
}

/* Adds a member of the JSON object; none for NULL. */
static void
entry_text(StringInfo entry, const char *name, const char *text, int limit)
{
	int			length;

	if (text == NULL)
		return;
	length = strlen(text);
	if (!pg_verifymbstr(text, length, true))
		text = "(not in the database's encoding)";
	appendStringInfo(entry, ", \"%s\": ", name);
	escape_json(entry, pnstrdup(text, pg_mbcliplen(text, strlen(text), limit)));
}

static void
entry_values(StringInfo entry, const char *name, Jsonb *values)
{
	if (values == NULL)
		return;
	appendStringInfo(entry, ", \"%s\": ", name);
	if (VARSIZE(values) > VALUES_BYTES)
		appendStringInfo(entry, "{\"left out\": \"%u bytes\"}", (unsigned) VARSIZE(values));
	else
		(void) JsonbToCString(entry, &values->root, VARSIZE(values));
}

/* Where the user sits: address and port, "local" for a Unix socket, "background" for a worker. */
static const char *
client_address(void)
{
	const SockAddr *address = MyBEEntry ? &MyBEEntry->st_clientaddr : NULL;
	char		host[NI_MAXHOST];
	char		port[NI_MAXSERV];

	if (address == NULL || address->addr.ss_family == AF_UNSPEC)
		return "background";
	if (address->addr.ss_family == AF_UNIX ||
		pg_getnameinfo_all(&address->addr, address->salen, host, sizeof(host), port, sizeof(port),
						   NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return "local";
	return psprintf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

/*
 * The entry as a JSON object in the database's encoding: members are the table's columns. The same text is the row's
 * source and the log's line.
 */
static char *
audit_entry(const AuditEvent *event)
{
	static const char *const outcomes[] = {[AUDIT_OK] = "ok", [AUDIT_REFUSED] = "refused", [AUDIT_FAILED] = "failed"};
	StringInfoData entry;
	Oid			organization;

	initStringInfo(&entry);
	appendStringInfo(&entry, "{\"at\": \"%s\", \"backend\": %d",
					 JsonEncodeDateTime(NULL, TimestampTzGetDatum(GetCurrentTimestamp()), TIMESTAMPTZOID, NULL),
					 MyProcPid);
	if (IsTransactionState())
	{
		entry_text(&entry, "session_role", GetUserNameFromId(GetSessionUserId(), true), NAMEDATALEN - 1);
		entry_text(&entry, "role", GetUserNameFromId(GetOuterUserId(), true), NAMEDATALEN - 1);
		entry_text(&entry, "role_mark", rolemark_make(GetOuterUserId()), TEXT_BYTES);
		organization = event->organization ? get_role_oid(event->organization, true) : InvalidOid;
		if (OidIsValid(organization))
			entry_text(&entry, "organization_mark", rolemark_make(organization), TEXT_BYTES);
	}
	entry_text(&entry, "client", client_address(), TEXT_BYTES);
	entry_text(&entry, "application", application_name, TEXT_BYTES);
	entry_text(&entry, "action", event->action, TEXT_BYTES);
	entry_text(&entry, "object_type", event->object_type, TEXT_BYTES);
	entry_text(&entry, "object", event->object, TEXT_BYTES);
	entry_text(&entry, "organization", event->organization, NAMEDATALEN - 1);
	entry_values(&entry, "old_value", event->old_value);
	entry_values(&entry, "new_value", event->new_value);
	entry_text(&entry, "outcome", outcomes[event->outcome], TEXT_BYTES);
	if (event->sqlerrcode)
		entry_text(&entry, "sqlstate", unpack_sql_state(event->sqlerrcode), TEXT_BYTES);
	entry_text(&entry, "detail", event->detail, DETAIL_BYTES);
	appendStringInfoChar(&entry, '}');
	return entry.data;
}

void
audit_log_line(const char *entry)
{
	ereport(LOG,
			(errmsg_internal("connkit audit: %s", entry),
			 errhidestmt(true),
			 errhidecontext(true)));
}

void
audit_store(const char *entry)
{
	Oid			type = JSONBOID;
	Datum		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(entry));

	SPI_connect();
	tables_execute("INSERT INTO connkit.audit_log (at, session_role, role, client, application, backend, action,"
				   " object_type, object, organization, old_value, new_value, outcome, sqlstate, detail,"
				   " role_mark, organization_mark)"
				   " SELECT r.* FROM jsonb_to_record($1) AS r(at timestamptz, session_role name, role name,"
				   " client text, application text, backend integer, action text, object_type text, object text,"
				   " organization name, old_value jsonb, new_value jsonb, outcome text, sqlstate text, detail text,"
				   " role_mark text, organization_mark text)",
				   1, &type, &value, NULL);
	SPI_finish();
}

void
audit_store_use(const char *entry)
{
	Oid			type = JSONBOID;
	Datum		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(entry));
	Oid			schema = get_namespace_oid("connkit", false);

	if (!OidIsValid(get_relname_relid("secret_use", schema)))
		return;
	SPI_connect();
	/* an owner's name may hold a slash, a secret's may not */
	tables_execute("INSERT INTO connkit.secret_use AS u (owner, name, last_used)"
				   " SELECT left(object, -length(n) - 1), n, at FROM jsonb_to_record($1) AS r(at timestamptz,"
				   " action text, object_type text, object text, outcome text), substring(object FROM '[^/]*$') AS n"
				   " WHERE action = 'use' AND object_type = 'secret' AND outcome = 'ok'"
				   " ON CONFLICT (owner, name) DO UPDATE SET last_used = greatest(u.last_used, excluded.last_used)", 1,
				   &type, &value, NULL);
	SPI_finish();
}

void
audit_write(const AuditEvent *event)
{
	if (XactReadOnly || IsInParallelMode())
		audit_write_now(event, true);
	else if (OidIsValid(audit_table()))
		audit_store(audit_entry(event));
}

void
audit_write_now(const AuditEvent *event, bool wait)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		Oid			table;
		char	   *entry;

		/* who is quick to cancel leaves a trace too */
		HOLD_INTERRUPTS();
		table = IsTransactionState() ? audit_table() : InvalidOid;
		entry = audit_entry(event);
		RESUME_INTERRUPTS();
		if (OidIsValid(table))
			audit_worker_write(table, entry, wait);
		else if (!IsTransactionState())
			audit_log_line(entry);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		FlushErrorState();
		ereport(LOG,
				(errmsg_internal("connkit audit: %s of %s %s could not be told: %s", event->action, event->object_type,
								 event->object ? event->object : "", error->message)));
	}
	PG_END_TRY();
}

/* How many times audit_begin() was called without its end, and exit_on_error as it was before. */
static int	begun = 0;
static bool exits = false;

void
audit_begin(void)
{
	if (begun++ == 0)
		exits = ExitOnAnyError;
	ExitOnAnyError = false;
}

void
audit_end(void)
{
	if (--begun == 0)
		ExitOnAnyError = exits;
}

/* Whether what went wrong is the want of a right, or a limit. */
static bool
is_refusal(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE ||
		sqlerrcode == ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED ||
		sqlerrcode == ERRCODE_CONFIGURATION_LIMIT_EXCEEDED;
}

void
audit_write_error(AuditEvent *event)
{
	MemoryContext errors = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(CurTransactionContext, "connkit audit", ALLOCSET_SMALL_SIZES);
	AuditEvent	copy = *event;
	ErrorData  *error;

	/* what threw may have held one, that a look into the catalog would wait for */
	LWLockReleaseAll();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	copy.outcome = is_refusal(error->sqlerrcode) ? AUDIT_REFUSED : AUDIT_FAILED;
	copy.sqlerrcode = error->sqlerrcode;
	copy.detail = error->message;
	/* the caller's strings may lie in the memory that goes with the error */
	copy.action = pstrdup(event->action);
	copy.object_type = pstrdup(event->object_type);
	copy.object = event->object ? pstrdup(event->object) : NULL;
	copy.organization = event->organization ? pstrdup(event->organization) : NULL;
	copy.old_value = NULL;
	if (event->new_value)
	{
		copy.new_value = palloc(VARSIZE(event->new_value));
		memcpy(copy.new_value, event->new_value, VARSIZE(event->new_value));
	}
	FlushErrorState();
	PG_TRY();
	{
		audit_write_now(&copy, true);
	}
	PG_CATCH();
	{
		/* a cancel */
		audit_end();
		PG_RE_THROW();
	}
	PG_END_TRY();

	/*
	 * Lays the error where PG_RE_THROW() takes it from. Its file and function, which ReThrowError() does not copy, stay
	 * in the context, which goes with the transaction.
	 */
	PG_TRY();
	{
		ReThrowError(error);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(errors);
	}
	PG_END_TRY();
	audit_end();
}

/* What a manifest says of an option. */
typedef struct OptionLook
{
	const char *name;
	uint32		where;
	bool		shown;
} OptionLook;

static void
look_at_option(void *arg, const CkOption *option)
{
	OptionLook *look = arg;

	if ((option->where & look->where) && (strcmp(option->name, look->name) == 0 ||
										  (option->alias && strcmp(option->alias, look->name) == 0)))
		look->shown = !(option->where & CK_SECRET);
}

/* Whether the value of an option may be shown: it is known there, or names a secret. */
static bool
option_is_public(const CkConnector *connector, const char *name, uint32 where)
{
	OptionLook	look = {name, where, false};

	if (connector == NULL)
		return where != CK_ON_USER;
	options_visit(connector, look_at_option, &look);
	return look.shown || (where == CK_ON_USER && options_secret_base(connector, name));
}

/* The value without a password that a URL in it holds, and not longer than is good. */
static char *
option_text(const char *value)
{
	char	   *text = pnstrdup(value, pg_mbcliplen(value, strlen(value), TEXT_BYTES));
	char	   *user = strstr(text, "://");
	char	   *colon,
			   *at;

	if (user == NULL)
		return text;
	user += 3;
	colon = user + strcspn(user, ":/?#");
	at = strrchr(user, '@');
	if (*colon != ':' || at == NULL || at < colon)
		return text;
	return psprintf("%.*s:%s%s", (int) (colon - text), text, stars, at);
}

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	(void) pushJsonbValue(state, token, &value);
}

/* Whether a command gives the option a value. */
static bool
option_is_set(List *set, const char *name)
{
	ListCell   *lc;

	foreach(lc, set)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (def->defaction != DEFELEM_DROP && strcmp(def->defname, name) == 0)
			return true;
	}
	return false;
}

Jsonb *
audit_options_set(const CkConnector *connector, List *options, uint32 where, List *set)
{
	JsonbParseState *state = NULL;
	ListCell   *lc;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		bool		shown = option_is_public(connector, def->defname, where);

		push_string(&state, WJB_KEY, def->defname);
		push_string(&state, WJB_VALUE, shown ? option_text(defGetString(def)) :
					option_is_set(set, def->defname) ? stars_set : stars);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Jsonb *
audit_options(const CkConnector *connector, List *options, uint32 where)
{
	return audit_options_set(connector, options, where, NIL);
}

PG_FUNCTION_INFO_V1(connkit_audit_guard);

/*
 * Trigger: nothing but connkit_purge_audit_log() changes what stands in the log.
 */
Datum
connkit_audit_guard(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "connkit.audit_guard is a trigger function");
	if (!purging)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the audit log is only appended to"),
				 errhint("connkit_purge_audit_log() removes old entries.")));
	PG_RETURN_POINTER(NULL);
}

PG_FUNCTION_INFO_V1(connkit_purge_audit_log);

/*
 * Deletes entries older than an interval and returns their number; that it did is an entry itself.
 */
Datum
connkit_purge_audit_log(PG_FUNCTION_ARGS)
{
	Oid			type = INTERVALOID;
	Datum		older = PG_GETARG_DATUM(0);
	char	   *text = DatumGetCString(DirectFunctionCall1(interval_out, older));
	int64		deleted;
	AuditEvent	event = {.action = "purge", .object_type = "audit log", .object = "connkit.audit_log"};

	SPI_connect();
	purging = true;
	PG_TRY();
	{
		tables_execute("DELETE FROM connkit.audit_log"
					   " WHERE at < transaction_timestamp() - greatest($1, interval '0')", 1, &type, &older, NULL);
		deleted = SPI_processed;
	}
	PG_CATCH();
	{
		purging = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	purging = false;
	event.organization = GetUserNameFromId(GetOuterUserId(), true);
	event.detail = psprintf(INT64_FORMAT " entries older than %s", deleted, text);
	audit_write(&event);
	SPI_finish();
	PG_RETURN_INT64(deleted);
}

void
audit_init(void)
{
	DefineCustomIntVariable("connkit.secret_max_age",
							"Days after which connkit.compliance_report calls a secret old.",
							"0 never does.",
							&secret_max_age, 90, 0, INT_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
}
