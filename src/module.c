/*
 * module.c: what happens when the core is loaded into a backend.
 */
#include "postgres.h"

#include "fmgr.h"

#include "core/audit.h"
#include "core/compat.h"
#include "fdw/lookup_join.h"
#include "core/options.h"
#include "core/quota.h"
#include "core/reach.h"
#include "core/session.h"
#include "secret/keyring.h"
#include "secret/secret.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable("connkit.allowed_paths",
							   "Folders and files that sources of users who are no superusers may name.",
							   "Absolute paths divided by commas; links are resolved before they are compared.",
							   &options_allowed_paths, "", PGC_SUSET, 0, NULL, options_assign_paths, NULL);
	lookup_join_init();
	reach_init();
	audit_init();
	quota_init();
	keyring_init();
	secret_init();
	compat_reserve_settings("connkit");
	session_init();
}
