/*
 * guard.c: keeps statements that hold secrets out of the server log, pg_stat_activity and pg_stat_statements.
 *
 * Statements that name one of the functions below, or the options of a user mapping, are cut where their first text or
 * their arguments begin, in whatever message of the server log shows them, and their parameters are left out. That holds
 * from the moment this module is loaded: always with shared_preload_libraries, else from a session's first use of connkit
 * on.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/prepare.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/backend_status.h"
#include "utils/elog.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guard.h"
#include "secret.h"

#define MARK "(hidden by connkit)"
#define HIDDEN "... " MARK

/* Bytes of prepared statements that one text may have looked through. */
#define EXECUTE_EFFORT (16 * 1024 * 1024)

/*
 * Words beside which a secret may stand, or stood. A blank stands for any run of blanks. guard_find() knows
 * the characters that they begin with.
 */
static const char *const guarded[] = {
	"connkit_set_secret", "connkit_create_source", "connkit_alter_source", "connkit_test", "user mapping", MARK, NULL
};

static emit_log_hook_type previous_log = NULL;
static ProcessUtility_hook_type previous_utility = NULL;
static ExecutorStart_hook_type previous_start = NULL;
static shmem_startup_hook_type previous_startup = NULL;
static post_parse_analyze_hook_type previous_analyze = NULL;
static TimestampTz loaded;
static TimestampTz hidden = 0;	/* start of the statement that is hidden from pg_stat_activity */

/*
 * What stands behind the words, where text begins with them, else NULL. Where a comment stands for a blank, the words are
 * taken to be there: what follows it is not looked for.
 */
static const char *
words_end(const char *text, const char *words)
{
	for (; *words; words++)
	{
		if (*words == ' ')
		{
			const char *begin = text;

			while (isspace((unsigned char) *text))
				text++;
			if (strncmp(text, "--", 2) == 0 || strncmp(text, "/*", 2) == 0)
				return text;
			if (text == begin)
				return NULL;
		}
		else if (pg_tolower((unsigned char) *text++) != (unsigned char) *words)
			return NULL;
	}
	return text;
}

static const char *guard_find(const char *text, const char *until, bool prepared);

/*
 * What stands behind EXECUTE and the name of a prepared statement that is guarded, where text begins so, else NULL. Where
 * more than *effort bytes of such statements have been looked through, all that follow are taken to be guarded.
 */
static const char *
execute_end(const char *text, size_t *effort)
{
	const char *name = words_end(text, "execute ");
	const char *end;
	char	   *folded;
	PreparedStatement *statement;

	if (name == NULL || *name == '-' || *name == '/')
		return name;
	if (*name == '"')
	{
		name++;
		end = name + strcspn(name, "\"");
	}
	else
		for (end = name; isalnum((unsigned char) *end) || *end == '_' || *end == '$' || IS_HIGHBIT_SET(*end);)
			end++;
	folded = pnstrdup(name, Min(end - name, NAMEDATALEN - 1));
	for (char *c = folded; name[-1] != '"' && *c; c++)
		*c = pg_tolower((unsigned char) *c);
	statement = FetchPreparedStatement(folded, false);
	pfree(folded);
	if (statement == NULL)
		return NULL;
	*effort -= Min(*effort, strlen(statement->plansource->query_string));
	/* a text that names itself, as PREPARE and EXECUTE in one call, is not followed */
	return *effort == 0 || guard_find(statement->plansource->query_string, NULL, false) ? end : NULL;
}

/*
 * Where the text, up to its end or until, is to be cut, or NULL where all of it may be shown. With prepared, the texts of
 * prepared statements that it executes are looked at too.
 */
static const char *
guard_find(const char *text, const char *until, bool prepared)
{
	const char *quote = NULL;
	size_t		effort = EXECUTE_EFFORT;

	for (const char *c = text; c && *c && c != until; c++)
	{
		const char *end = NULL;

		/* what the guarded words and EXECUTE begin with; texts may be long, and every statement comes here */
		if (strchr("cCuU(eE'$", *c) == NULL)
			continue;
		for (int i = 0; guarded[i] && end == NULL; i++)
			end = words_end(c, guarded[i]);
		if (end == NULL && prepared && pg_tolower((unsigned char) *c) == 'e')
			end = execute_end(c, &effort);
		/* a value may stand before the words, too */
		if (end)
			return quote ? quote : until ? Min(end, until) : end;
		if (quote == NULL && (*c == '\'' || *c == '$'))
			quote = c;
	}
	return NULL;
}

char *
guard_cut(const char *text)
{
	const char *end = guard_find(text, NULL, true);

	return end ? psprintf("%.*s" HIDDEN, (int) (end - text), text) : NULL;
}

/* Cuts a text of the message in place: where guard_cut() does and, in a statement that is guarded, at the first quote. */
static bool
cut_member(ErrorData *error, char **member, bool hit)
{
	char	   *cut = guard_cut(*member);

	if (cut == NULL && hit && *member && (*member)[strcspn(*member, "'\"$")])
		cut = psprintf("%.*s" HIDDEN, (int) strcspn(*member, "'\"$"), *member);
	if (cut)
		*member = MemoryContextStrdup(error->assoc_context, cut);
	return cut != NULL;
}

/* Whether the client's text is to be cut. It is looked through once, however many statements and messages come of it. */
static bool
client_text_is_guarded(void)
{
	static const char *text = NULL;
	static TimestampTz begun = 0;
	static bool found;

	if (MyBackendType != B_BACKEND || text != debug_query_string || begun != GetCurrentStatementStartTimestamp())
		found = guard_find(debug_query_string, NULL, true) != NULL;
	text = debug_query_string;
	begun = GetCurrentStatementStartTimestamp();
	return found;
}

/* The statement at hand shows no more in pg_stat_activity than it may. */
static void
hide_activity(void)
{
	char	   *cut;

	if (MyBackendType != B_BACKEND || hidden == GetCurrentStatementStartTimestamp())
		return;
	hidden = GetCurrentStatementStartTimestamp();
	cut = guard_cut(debug_query_string);
	/* where it does not name the function that it leads to, all of it may be secret */
	pgstat_report_activity(STATE_RUNNING, cut ? cut : HIDDEN);
}

/* Whether the message of the error quotes what was written. */
static bool
quotes_statement(const ErrorData *error)
{
	int			code = error->sqlerrcode;

	/* the parser's own syntax errors have a position */
	if (code == ERRCODE_SYNTAX_ERROR)
		return error->cursorpos > 0 || error->internalpos > 0;
	return code == ERRCODE_UNDEFINED_COLUMN || code == ERRCODE_UNDEFINED_TABLE ||
		code == ERRCODE_INVALID_TEXT_REPRESENTATION || code == ERRCODE_INVALID_DATETIME_FORMAT ||
		code == ERRCODE_DATETIME_FIELD_OVERFLOW || code == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
}

/* An error in a guarded statement: what it says of itself is also for the client, and stays unless it quotes. */
static void
cut_error(ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	const char *first = error->message ? strchr(error->message, '"') : NULL;
	const char *last = first ? strrchr(first, '"') : NULL;

	if (first && quotes_statement(error))
	{
		char	   *cut = psprintf("%.*s\"...\"%s", (int) (first - error->message), error->message,
								   last > first ? last + 1 : "");

		error->message = MemoryContextStrdup(error->assoc_context, cut);
	}
	if (error->detail && (quotes_statement(error) || category == ERRCODE_DATA_EXCEPTION ||
						  category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION))
		error->detail_log = MemoryContextStrdup(error->assoc_context, HIDDEN);
	cut_member(error, &error->internalquery, true);
}

static void
guard_log(ErrorData *error)
{
	bool		hit;

	if (previous_log)
		previous_log(error);
	/* entries of the audit log hold no secrets, and have to be whole */
	if (!error->output_to_server || (error->funcname && strcmp(error->funcname, "audit_log_line") == 0))
		return;
	hit = debug_query_string && (hidden == GetCurrentStatementStartTimestamp() || client_text_is_guarded());
	if (hit)
		hide_activity();
	/* a line of the log about a statement; if this process runs it, the detail has parameters, parse trees, plans */
	if (error->elevel < INFO)
	{
		hit |= cut_member(error, &error->detail, false);
		hit |= cut_member(error, &error->message, hit);
		if (hit && debug_query_string)
			error->detail = NULL;
	}
	else if (hit)
		cut_error(error);
	hit |= cut_member(error, &error->detail_log, false);
	hit |= cut_member(error, &error->internalquery, false);
	hit |= cut_member(error, &error->context, false);
	if (!hit)
		return;
	error->hide_stmt = true;
	error->hide_ctx = true;
	if (error->elevel < INFO)
		error->detail_log = NULL;
}

static void
guard_analyzed(ParseState *state, Query *query, JumbleState *jumble)
{
	if (previous_analyze)
		previous_analyze(state, query, jumble);
	if (state->p_sourcetext == debug_query_string ? client_text_is_guarded() :
		guard_find(state->p_sourcetext, NULL, true) != NULL)
		hide_activity();
}

/*
 * What others that look on are told of a statement: as much text as it has, up to where it is to be cut. They may read its
 * words once more, and look for those that the parser has found: no quoted name and no comment is cut within, and there
 * are no words behind.
 */
static const char *
guard_text(const PlannedStmt *statement, const char *text)
{
	int			size = strlen(text);
	int			begin = Max(statement->stmt_location, 0);
	int			end = statement->stmt_len > 0 ? begin + statement->stmt_len : size;
	const char *cut = begin < end && end <= size ? guard_find(text + begin, text + end, true) : NULL;
	char	   *copy;

	if (cut == NULL)
		return text;
	while (begin < cut - text && text[begin] != '"' && strncmp(text + begin, "--", 2) != 0 &&
		   strncmp(text + begin, "/*", 2) != 0)
		begin++;
	/* the mark is whole, since it tells that EXECUTE of such a statement is guarded; the length is as the parser found it */
	copy = psprintf("%.*s/*" HIDDEN "%*s*/", begin, text, Max(end - begin - (int) strlen("/*" HIDDEN "*/"), 0), "");
	return copy;
}

static void
guard_utility(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
			  ParamListInfo params, QueryEnvironment *environment, DestReceiver *destination, QueryCompletion *completion)
{
	text = guard_text(statement, text);
	if (previous_utility)
		previous_utility(statement, text, read_only, context, params, environment, destination, completion);
	else
		standard_ProcessUtility(statement, text, read_only, context, params, environment, destination, completion);
}

/* The same of a query: who has forgotten it since it was parsed takes its text at its end. */
static void
guard_start(QueryDesc *query, int flags)
{
	MemoryContext caller;

	if (previous_start)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
	if (query->sourceText == NULL || (query->sourceText == debug_query_string && !client_text_is_guarded()))
		return;
	caller = MemoryContextSwitchTo(query->estate->es_query_cxt);
	query->sourceText = guard_text(query->plannedstmt, query->sourceText);
	MemoryContextSwitchTo(caller);
}

void
secret_guard_statement(void)
{
	hide_activity();
	if (GetCurrentStatementStartTimestamp() < loaded && log_statement == LOGSTMT_ALL)
		ereport(WARNING,
				(errmsg("the server log has this statement, and the secret in it"),
				 errhint("Load connkit by shared_preload_libraries, or use connkit_set_sealed_secret(); and change the "
						 "secret at its source."),
				 errhidestmt(true)));
}

/* Other modules' hooks are all there now: this one goes before them. */
static void
guard_startup(void)
{
	if (previous_startup)
		previous_startup();
	/* called again when shared memory is made anew after a crash */
	if (ProcessUtility_hook == guard_utility)
		return;
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = guard_utility;
}

void
guard_init(void)
{
	loaded = GetCurrentTimestamp();
	previous_log = emit_log_hook;
	emit_log_hook = guard_log;
	previous_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = guard_analyzed;
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = guard_start;
	if (process_shared_preload_libraries_in_progress)
	{
		previous_startup = shmem_startup_hook;
		shmem_startup_hook = guard_startup;
	}
	else
		guard_startup();
}
