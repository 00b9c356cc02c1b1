/*
 * probe.c: connkit_test(): opens a session of its own, lets the connector check it, and tells how each stage went.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "audit.h"
#include "compat.h"
#include "options.h"
#include "registry.h"
#include "session.h"

static const char *const stage_names[CK_STAGE_COUNT] = {
	[CK_STAGE_OPTIONS] = "options",
	[CK_STAGE_RESOLVE] = "resolve",
	[CK_STAGE_CONNECT] = "connect",
	[CK_STAGE_TLS] = "tls",
	[CK_STAGE_AUTHENTICATE] = "authenticate",
	[CK_STAGE_QUERY] = "query",
	[CK_STAGE_PRIVILEGES] = "privileges",
};

/* What is tested: a source that exists, or the settings of one that does not. */
typedef struct Probe
{
	const CkConnector *connector;
	const char *source;
	char	   *connector_name; /* of settings that are not saved */
	Oid			serverid;		/* invalid: server_options and user_options are given, and to be checked */
	List	   *server_options;
	List	   *user_options;
	SessionTrace trace;
	Session    *session;
	bool		failed;
	CkStage		failed_stage;
	CkStatus	status;
	char	   *message;
	char	   *hint;
} Probe;

/* Checks the options and makes the session. ERROR for what is wrong with them. */
static void
probe_prepare(Probe *probe)
{
	const CkConnector *connector = probe->connector;
	SecretUse	use = {.connector = connector, .source = probe->source, .serverid = probe->serverid,
	.owner = GetUserId(), .userid = GetUserId(), .own_mapping = true, .fresh = true};

	if (OidIsValid(probe->serverid))
	{
		ForeignServer *server = GetForeignServer(probe->serverid);
		Oid			mapping;

		session_check_enabled(server);
		use.owner = server->owner;
		probe->server_options = server->options;
		probe->user_options = session_user_options(connector, probe->serverid, GetUserId(), &mapping);
		use.own_mapping = OidIsValid(mapping);
		if (!superuser_arg(server->owner))
			options_check_paths(connector, probe->server_options);
		if (!superuser() || !superuser_arg(server->owner))
			options_check_paths(connector, probe->user_options);
	}
	else
	{
		options_check(connector, probe->server_options, CK_ON_SERVER);
		options_check(connector, probe->user_options, CK_ON_USER);
	}
	use.server_options = probe->server_options;
	if (session_names_secrets(connector, probe->user_options))
		probe->user_options = session_resolve_secrets(&use, probe->user_options);
	probe->session = session_new(connector, probe->source, probe->server_options, probe->user_options,
								 superuser() && superuser_arg(use.owner), &probe->trace);
	probe->session->bounded = !superuser_arg(use.owner);
	probe->session->serverid = probe->serverid;
	probe->session->userid = GetUserId();
	options_wipe_list(connector, probe->user_options);
}

/* Notes what went wrong, at the stage that names it best. */
static void
probe_fail(Probe *probe, CkStatus status, const char *message, const char *hint)
{
	CkStage		stage = probe->trace.stage;

	switch (status)
	{
		case CK_ERR_OPTION:
			stage = CK_STAGE_OPTIONS;
			break;
		case CK_ERR_RESOLVE:
			stage = CK_STAGE_RESOLVE;
			break;
		case CK_ERR_TLS:
			stage = CK_STAGE_TLS;
			break;
		case CK_ERR_AUTH:
			stage = CK_STAGE_AUTHENTICATE;
			break;
		default:
			stage = Max(stage, CK_STAGE_CONNECT);
			break;
	}
	probe->failed = true;
	probe->failed_stage = stage;
	probe->status = status;
	probe->message = pstrdup(message ? message : "the connector told no message");
	probe->hint = hint ? pstrdup(hint) : NULL;
}

/* Takes the error of the session; an interrupt that it ran into is raised. */
static void
probe_fail_session(Probe *probe, CkStatus status)
{
	Session    *session = probe->session;
	const char *message = session->message;

	if (session->interrupt)
		session_raise(session, status);
	if (message && session->sqlstate[0])
		message = psprintf("%s (SQLSTATE %s)", message, session->sqlstate);
	probe_fail(probe, status, message, session->hint);
}

/*
 * The first stage, in a subtransaction. Errors of the options become the stage's outcome, but not the lack of a right.
 */
static void
probe_options(Probe *probe)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		probe_prepare(probe);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE || error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
			ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTERNAL_ERROR)
			ReThrowError(error);
		if (error->sqlerrcode == ERRCODE_UNDEFINED_OBJECT && error->hint == NULL)
			error->hint = psprintf("Create one with CREATE USER MAPPING FOR CURRENT_USER SERVER %s.",
								   quote_identifier(probe->source));
		probe_fail(probe, CK_ERR_OPTION, error->message, error->hint ? error->hint : error->detail);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
}

/* Opens the session and has the connector check it. */
static void
probe_connect(Probe *probe)
{
	Session    *session = probe->session;
	const CkConnector *connector = probe->connector;
	int64		limit = session->common.connect_timeout_ms;
	CkStatus	status = session_open(session);

	if (status != CK_OK)
	{
		probe_fail_session(probe, status);
		return;
	}
	if (connector->session_check == NULL)
		return;
	session->pub.deadline_ms = session_host()->now_ms() + limit;
	status = connector->session_check(&session->pub);
	session->pub.deadline_ms = 0;
	if (status == CK_ERR_TIMEOUT && session->interrupt == NULL)
		probe_fail(probe, status, "no answer within connect_timeout",
				   "The connection stands, but the source does not answer: look at its load, or raise the server's "
				   "option connect_timeout.");
	else if (status != CK_OK)
		probe_fail_session(probe, status);
}

static void
probe_run(Probe *probe)
{
	SessionTrace *trace = &probe->trace;

	trace->context = CurrentMemoryContext;
	trace->stages[CK_STAGE_OPTIONS].reached = true;
	trace->stages[CK_STAGE_OPTIONS].started_ms = session_host()->now_ms();
	PG_TRY();
	{
		probe_options(probe);
		if (!probe->failed)
			probe_connect(probe);
	}
	PG_CATCH();
	{
		/* the context of the trace lives as long as the statement; the one at hand is the error's own */
		MemoryContextSwitchTo(trace->context);
		if (probe->session)
			session_abandon(probe->session);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (probe->session)
		session_free(probe->session);
	trace->stages[trace->stage].ended_ms = session_host()->now_ms();
}

/* Why a stage was not gone through. */
static const char *
probe_skip_reason(Probe *probe, CkStage stage)
{
	if (probe->failed && stage > probe->failed_stage)
		return psprintf("not reached, since \"%s\" failed", stage_names[probe->failed_stage]);
	if (stage >= CK_STAGE_QUERY)
		return "this connector has no check for it";
	return "this source has no such stage";
}

/* One row a stage. */
static void
probe_rows(Probe *probe, ReturnSetInfo *rsinfo)
{
	for (CkStage stage = 0; stage < CK_STAGE_COUNT; stage++)
	{
		StageRecord *record = &probe->trace.stages[stage];
		bool		failed = probe->failed && stage == probe->failed_stage;
		bool		done = record->reached && !(probe->failed && stage > probe->failed_stage);
		const char *outcome = failed ? "failed" : !done ? "skipped" : record->warning ? "warning" : "ok";
		const char *detail = record->detail;
		const char *hint = NULL;
		Datum		values[6];
		bool		nulls[6] = {false};

		if (failed)
		{
			detail = probe->message;
			hint = probe->hint;
		}
		else if (!done)
			detail = probe_skip_reason(probe, stage);
		else if (record->warning)
		{
			detail = detail ? psprintf("%s; %s", detail, record->warning) : record->warning;
			hint = record->hint;
		}
		values[0] = CStringGetTextDatum(stage_names[stage]);
		values[1] = CStringGetTextDatum(outcome);
		nulls[2] = !record->reached || !(done || failed);
		values[2] = Int64GetDatum(record->ended_ms - record->started_ms);
		nulls[3] = detail == NULL;
		if (detail)
			values[3] = CStringGetTextDatum(detail);
		nulls[4] = hint == NULL;
		if (hint)
			values[4] = CStringGetTextDatum(hint);
		nulls[5] = stage != CK_STAGE_QUERY || probe->trace.server_version == NULL;
		if (!nulls[5])
			values[5] = CStringGetTextDatum(probe->trace.server_version);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* What the audit log keeps of a test: the settings that are not saved, the source's version and the warnings. */
static Jsonb *
probe_value(Probe *probe)
{
	StringInfoData json;
	const char *comma = "";

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"connector\": ");
	escape_json(&json, probe->connector->name);
	if (probe->trace.server_version)
	{
		appendStringInfoString(&json, ", \"version\": ");
		escape_json(&json, probe->trace.server_version);
	}
	if (!OidIsValid(probe->serverid))
	{
		Jsonb	   *options = audit_options(probe->connector, probe->server_options, CK_ON_SERVER);

		appendStringInfoString(&json, ", \"options\": ");
		(void) JsonbToCString(&json, &options->root, VARSIZE(options));
	}
	appendStringInfoString(&json, ", \"warnings\": {");
	for (CkStage stage = 0; stage < CK_STAGE_COUNT; stage++)
	{
		if (probe->trace.stages[stage].warning == NULL)
			continue;
		appendStringInfo(&json, "%s\"%s\": ", comma, stage_names[stage]);
		escape_json(&json, probe->trace.stages[stage].warning);
		comma = ", ";
	}
	appendStringInfoString(&json, "}}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* Checks the right to test, runs the test and puts it into the audit log. */
static void
probe_audited(Probe *probe)
{
	AuditEvent	event = {.action = "test", .object_type = "source", .object = probe->source};
	char	   *wrapper;

	event.organization = GetUserNameFromId(OidIsValid(probe->serverid) ? GetForeignServer(probe->serverid)->owner :
										   GetUserId(), true);
	audit_begin();
	PG_TRY();
	{
		if (OidIsValid(probe->serverid))
		{
			if (compat_server_aclcheck(probe->serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
				aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, probe->source);
			probe->connector = registry_connector_of_server(probe->serverid);
		}
		else
			probe->connector = registry_connector_to_use(probe->connector_name, &wrapper);
		probe_run(probe);
	}
	PG_CATCH();
	{
		audit_write_error(&event);
		PG_RE_THROW();
	}
	PG_END_TRY();
	audit_end();
	event.new_value = probe_value(probe);
	if (probe->failed)
	{
		event.outcome = probe->status == CK_ERR_PRIVILEGE ? AUDIT_REFUSED : AUDIT_FAILED;
		event.sqlerrcode = session_sqlstate(probe->status);
		event.detail = psprintf("%s: %s", stage_names[probe->failed_stage], probe->message);
	}
	audit_write_now(&event, true);
}

PG_FUNCTION_INFO_V1(connkit_test_source);

/*
 * connkit_test(source)
 */
Datum
connkit_test_source(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = compat_materialize(fcinfo);
	Probe	   *probe = palloc0(sizeof(Probe));

	probe->source = NameStr(*PG_GETARG_NAME(0));
	probe->serverid = get_foreign_server_oid(probe->source, false);
	probe_audited(probe);
	probe_rows(probe, rsinfo);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(connkit_test_options);

/*
 * connkit_test(connector, options, credentials): the same without anything being saved.
 */
Datum
connkit_test_options(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = compat_materialize(fcinfo);
	Probe	   *probe = palloc0(sizeof(Probe));

	probe->source = "(not saved)";
	probe->connector_name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	probe->server_options = options_from_json(PG_GETARG_JSONB_P(1), "options", 0);
	probe->user_options = options_from_json(PG_GETARG_JSONB_P(2), "credentials", 0);
	probe_audited(probe);
	probe_rows(probe, rsinfo);
	return (Datum) 0;
}
