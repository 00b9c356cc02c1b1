/*
 * home.c: whether schedules and what is queued belong to this database, or came with a dump or a copy of another.
 *
 * connkit.home has the oid of the database in which they were made. A dump has not that table; CREATE DATABASE TEMPLATE copies
 * it, to a database of another oid. pg_upgrade, base backups and replication keep both.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "audit.h"
#include "tables.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(connkit_resume_schedules);

/* How many rows a statement that has this database as $1 returns or changes. */
static uint64
home_execute(const char *sql)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(MyDatabaseId);

	tables_execute(sql, 1, &type, &value, NULL);
	return SPI_processed;
}

bool
home_is_here(void)
{
	return home_execute("SELECT FROM connkit.home WHERE database = $1") > 0;
}

void
home_enter(void)
{
	if (home_is_here() ||
		home_execute("INSERT INTO connkit.home SELECT $1 WHERE NOT EXISTS (SELECT FROM connkit.schedule)"
					 " AND NOT EXISTS (SELECT FROM connkit.sync_run WHERE state IN ('queued', 'running')"
					 "  AND trigger NOT IN ('call', 'replay'))"
					 " ON CONFLICT (database) DO UPDATE SET database = $1") > 0)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("nothing runs in the background here: schedules or runs came from another database"),
			 errdetail("They came with a dump or CREATE DATABASE ... TEMPLATE, and are held, and all new ones with them."),
			 errhint("When they shall run in this database, an administrator calls connkit_resume_schedules().")));
}

/*
 * connkit_resume_schedules(): how many schedules were held.
 */
Datum
connkit_resume_schedules(PG_FUNCTION_ARGS)
{
	AuditEvent	event = {.action = "resume", .object_type = "schedule"};
	int			count;

	SPI_connect();
	if (home_is_here())
		count = 0;
	else
	{
		(void) home_execute("DELETE FROM connkit.home WHERE database <> $1");
		(void) home_execute("INSERT INTO connkit.home VALUES ($1) ON CONFLICT DO NOTHING");
		count = home_execute("SELECT FROM connkit.schedule WHERE $1 IS NOT NULL");
		event.object = get_database_name(MyDatabaseId);
		audit_write(&event);
		database_wake_at_commit();
	}
	SPI_finish();
	PG_RETURN_INT32(count);
}
