/*
 * module.c: what happens when the core is loaded into a backend.
 */
#include "postgres.h"

/* the header of a session's port would want those of GSSAPI, for a pointer */
#undef ENABLE_GSS

#include "access/xact.h"
#include "fmgr.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"

#include "core/audit.h"
#include "core/compat.h"
#include "fdw/derived_table.h"
#include "fdw/lookup_join.h"
#include "fdw/modify.h"
#include "core/options.h"
#include "core/query_log.h"
#include "core/quota.h"
#include "core/reach.h"
#include "core/session.h"
#include "secret/keyring.h"
#include "secret/secret.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Whether the text begins with the name of a setting of connkit that users may not set. */
static bool
names_setting(const char *text)
{
	return pg_strncasecmp(text, "connkit.", 8) == 0 && pg_strncasecmp(text, "connkit.enable_", 15) != 0;
}

/* Whether one of the options, in which backslashes mean nothing, does: it stands behind -c or --, or a blank. */
static bool
options_name_setting(const char *options)
{
	char	   *plain = pstrdup(options);
	char	   *end = plain;

	for (const char *c = options; *c; c++)
		if (*c != '\\')
			*end++ = *c;
	*end = '\0';
	for (const char *c = plain + 1; c < end; c++)
		if ((c[-1] == 'c' || c[-1] == '-' || isspace((unsigned char) c[-1])) && names_setting(c))
			return true;
	return false;
}

/*
 * ERROR where a client has begun its session with settings of connkit that are not its to set. PostgreSQL, which did not
 * know them then, has put them in the place of the server's, and would now go back to the defaults.
 */
static void
refuse_client_settings(void)
{
	bool		found = false;
	bool		is_name = true;
	ListCell   *lc;

	if (process_shared_preload_libraries_in_progress || MyProcPort == NULL)
		return;
	if (MyProcPort->cmdline_options)
		found = options_name_setting(MyProcPort->cmdline_options);
	/* names and values by turns: an application may have any name */
	foreach(lc, MyProcPort->guc_options)
	{
		found |= is_name && names_setting(lfirst(lc));
		is_name = !is_name;
	}
	if (found && !(IsTransactionState() && superuser_arg(GetAuthenticatedUserId())))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("a session that begins with settings of connkit cannot use it"),
				 errhint("Connect without them; superusers set them, for the server, a database or a role.")));
}

void
_PG_init(void)
{
	refuse_client_settings();
	DefineCustomStringVariable("connkit.allowed_paths",
							   "Folders and files that sources of users who are no superusers may name.",
							   "Absolute paths divided by commas; links are resolved before they are compared.",
							   &options_allowed_paths, "", PGC_SUSET, 0, NULL, options_assign_paths, NULL);
	DefineCustomStringVariable("connkit.writable_paths",
							   "Folders and files that sources of users who are no superusers may change.",
							   "As connkit.allowed_paths, which must allow them too.",
							   &options_writable_paths, "", PGC_SUSET, 0, NULL, options_assign_paths, NULL);
	DefineCustomBoolVariable("connkit.allow_best_effort_writes",
							 "Whether changes that no rollback undoes may be made within a larger transaction.",
							 NULL, &modify_allow_best_effort, false, PGC_USERSET, 0, NULL, NULL, NULL);
	lookup_join_init();
	modify_init();
	derived_table_init();
	reach_init();
	audit_init();
	quota_init();
	query_log_init();
	keyring_init();
	secret_init();
	worker_init();
	compat_reserve_settings("connkit");
	session_init();
}
