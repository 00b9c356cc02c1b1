/*
 * execute.c: connkit_execute(): any statement at a source, within its part of the local transaction.
 */
#include "postgres.h"

#include "executor/execdesc.h"
#include "tcop/pquery.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/portal.h"

#include "audit.h"
#include "modify.h"
#include "request.h"
#include "scan.h"

/* First words of statements that end or divide the transaction, which is the local one's; that change the connection, which
 * others use after this; or that want more than a request and its reply. */
static const char *const kept_words[] = {
	"abort", "attach", "begin", "commit", "copy", "deallocate", "detach", "discard", "end", "listen", "load", "prepare",
	"release", "reset", "rollback", "savepoint", "set", "start", "unlisten", "unlock", "use", "xa", NULL
};

/* ERROR for a statement that is not the user's to send. */
static void
check_statement(const Request *request)
{
	char	   *word = request_first_word(request->text);

	if (word[0] == '\0' && request->text[0] != '(')
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the statement begins with no word")));
	for (int i = 0; kept_words[i]; i++)
		if (strcmp(word, kept_words[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("connkit_execute() does not run %s", kept_words[i]),
					 errhint("The source's transaction follows the local one, with its savepoints, and its session is shared.")));
}

/* True where the call is all of the local transaction: SELECT connkit_execute(…), and nothing else. */
static bool
is_alone(FunctionCallInfo fcinfo)
{
	PlannedStmt *statement;
	Plan	   *plan;

	if (modify_in_larger_transaction() || ActivePortal == NULL || ActivePortal->queryDesc == NULL)
		return false;
	statement = ActivePortal->queryDesc->plannedstmt;
	plan = statement->planTree;
	/* a WITH that changes something is a plan of its own beside it */
	return statement->subplans == NIL && IsA(plan, Result) && outerPlan(plan) == NULL && list_length(plan->targetlist) == 1 &&
		(Node *) linitial_node(TargetEntry, plan->targetlist)->expr == fcinfo->flinfo->fn_expr;
}

/* What the audit log has of a statement: its text without the literals in it. */
static Jsonb *
audited_statement(const Request *request)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"statement\": ");
	escape_json(&json, request_without_literals(request));
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* Runs the statement; the rows affected, -1 where the source does not say. */
static int64
execute(Request *request, bool best_effort)
{
	SourceScan *scan;
	int64		affected;

	check_statement(request);
	PreventCommandIfReadOnly("connkit_execute()");
	if (!(request->connector->caps & CK_WRITE))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("connector \"%s\" changes nothing", request->connector->name)));
	if (request->connector->atomicity < CK_TRANSACTIONAL && !best_effort)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source \"%s\" cannot undo what is done within a larger transaction", request->server->servername),
				 errhint("Call connkit_execute() by itself, or set connkit.allow_best_effort_writes.")));
	scan = scan_new(request->server->serverid, GetUserId(), source_options(request->server->serverid, NIL), request->text, 0,
					NULL, NULL, NULL, NULL,
					CK_SCAN_CHANGE | (best_effort ? CK_SCAN_BEST_EFFORT : 0));
	scan->own_sql = true;
	/* for the query log: of passwords and the like there is nothing but stars */
	scan->sql = request_without_literals(request);
	scan->command = GetCurrentCommandId(true);
	affected = scan_change(scan, request->args, request->nargs);
	scan_end(scan);
	return affected;
}

PG_FUNCTION_INFO_V1(connkit_execute);

/*
 * connkit_execute(source, statement, VARIADIC args)
 */
Datum
connkit_execute(PG_FUNCTION_ARGS)
{
	AuditEvent	event = {.action = "execute", .object_type = "source"};
	Request		request;
	bool		best_effort = is_alone(fcinfo) || modify_allow_best_effort;
	volatile int64 affected = -1;

	request_begin(&request, fcinfo, RIGHT_EXECUTE, "execute");
	event.object = request.server->servername;
	event.organization = GetUserNameFromId(request.server->owner, true);
	event.new_value = audited_statement(&request);
	audit_begin();
	PG_TRY();
	{
		affected = execute(&request, best_effort);
	}
	PG_CATCH();
	{
		audit_write_error(&event);
		PG_RE_THROW();
	}
	PG_END_TRY();
	audit_end();
	if (affected >= 0)
		event.detail = psprintf(INT64_FORMAT " rows", affected);
	/* a rollback that does not undo it does not undo its entry */
	if (best_effort)
		audit_write_now(&event, true);
	else
		audit_write(&event);
	if (affected < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(affected);
}
