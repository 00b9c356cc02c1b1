/*
 * guard.c: keeps statements that hold secrets out of the server log and pg_stat_activity.
 *
 * Statements that name one of the functions below, or the options of a user mapping, are cut where their arguments begin,
 * in whatever message of the server log shows them, and their parameters are left out. That holds from the moment this
 * module is loaded: always with shared_preload_libraries, else from a session's first use of connkit on.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/elog.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guard.h"
#include "secret.h"

#define HIDDEN "... (hidden by connkit)"

/* Words behind which a secret may stand. A blank stands for any run of blanks; the last word shown is the last one here. */
static const char *const guarded[] = {
	"connkit_set_secret", "connkit_create_source", "connkit_alter_source", "connkit_test", "user mapping", NULL
};

static emit_log_hook_type previous_hook = NULL;
static TimestampTz loaded;

/* What stands behind the words, where text begins with them, else NULL. */
static const char *
words_end(const char *text, const char *words)
{
	for (; *words; words++)
	{
		if (*words == ' ')
		{
			if (!isspace((unsigned char) *text))
				return NULL;
			while (isspace((unsigned char) *text))
				text++;
		}
		else if (pg_tolower((unsigned char) *text++) != (unsigned char) *words)
			return NULL;
	}
	return text;
}

char *
guard_cut(const char *text)
{
	if (text == NULL)
		return NULL;
	for (const char *c = text; *c; c++)
		for (int i = 0; guarded[i]; i++)
		{
			const char *end = words_end(c, guarded[i]);

			if (end)
				return psprintf("%.*s" HIDDEN, (int) (end - text), text);
		}
	return NULL;
}

/* Cuts a text of the message in place. */
static bool
cut_member(ErrorData *error, char **member)
{
	char	   *cut = guard_cut(*member);

	if (cut)
		*member = MemoryContextStrdup(error->assoc_context, cut);
	return cut != NULL;
}

static void
guard_log(ErrorData *error)
{
	bool		hit;

	if (previous_hook)
		previous_hook(error);
	if (!error->output_to_server)
		return;
	hit = debug_query_string && guard_cut(debug_query_string) != NULL;
	/* what an error says of itself is for the client; a line of the log about a statement is cut */
	if (error->elevel < WARNING)
	{
		hit |= cut_member(error, &error->message);
		hit |= cut_member(error, &error->detail);
	}
	hit |= cut_member(error, &error->detail_log);
	hit |= cut_member(error, &error->internalquery);
	hit |= cut_member(error, &error->context);
	if (!hit)
		return;
	error->hide_stmt = true;
	error->detail_log = NULL;
	/* parameters, parse trees, plans */
	if (error->elevel < WARNING)
		error->detail = NULL;
	if (error->context && strstr(error->context, "parameters"))
		error->context = NULL;
}

void
secret_guard_statement(void)
{
	char	   *cut = guard_cut(debug_query_string);

	if (cut == NULL)
		return;
	pgstat_report_activity(STATE_RUNNING, cut);
	if (GetCurrentStatementStartTimestamp() < loaded && log_statement == LOGSTMT_ALL)
		ereport(WARNING,
				(errmsg("the server log has this statement, and the secret in it"),
				 errhint("Load connkit by shared_preload_libraries, or use connkit_set_sealed_secret(); and change the "
						 "secret at its source."),
				 errhidestmt(true)));
}

void
guard_init(void)
{
	loaded = GetCurrentTimestamp();
	previous_hook = emit_log_hook;
	emit_log_hook = guard_log;
}
