/*
 * tables.c: statements on connkit's own tables.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "tables.h"

/*
 * Who owns the tables: who made the extension. ERROR where that is no superuser any more: he could change who may use what,
 * and have triggers run with the rights of those who write to the tables.
 */
static Oid
tables_owner(void)
{
	Oid			table = get_relname_relid("discovery", get_namespace_oid("connkit", false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "connkit's tables are not there");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	if (!superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connkit's tables belong to role \"%s\", which is no superuser", GetUserNameFromId(owner, true)),
				 errhint("See what was done to them, and give them to a superuser with REASSIGN OWNED.")));
	return owner;
}

int
tables_execute(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls)
{
	Oid			user;
	int			context;
	int			level = NewGUCNestLevel();
	int			result;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(tables_owner(), context | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	/* in parallel mode, where nothing may be written, a command that would follow one that writes cannot begin */
	result = SPI_execute_with_args(sql, nargs, types, values, nulls, IsInParallelMode(), 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", sql);
	AtEOXact_GUC(true, level);
	SetUserIdAndSecContext(user, context);
	return result;
}
