/*
 * quota.c: limits of an organization: sources, and runs at a time. Superusers are not bound by them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#include "audit.h"
#include "compat.h"
#include "quota.h"
#include "registry.h"
#include "tables.h"

/* Places for runs are sub-objects of a lock, and looked for one after the other. */
#define MOST_RUNS 1000

static int	max_sources = -1;
static int	max_runs = -1;

/* The first column of the first row of a statement on connkit.quota about the organization; NULL where there is none. */
static Datum
quota_row(const char *sql, const char *organization, Datum sources, Datum runs, const char *nulls, bool *isnull)
{
	NameData	name;
	Oid			types[] = {NAMEOID, INT4OID, INT4OID};
	Datum		values[] = {NameGetDatum(&name), sources, runs};

	namestrcpy(&name, organization);
	tables_execute(sql, nulls ? 3 : 1, types, values, nulls);
	*isnull = true;
	if (SPI_processed == 0 || SPI_tuptable == NULL)
		return (Datum) 0;
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}

/* The limit that holds for the role's work for the organization, -1 for none: its own by the query, else the setting. */
static int
quota_limit(Oid organization, Oid role, const char *query, int setting)
{
	bool		isnull;
	Datum		limit;

	if (superuser_arg(role))
		return -1;
	SPI_connect();
	limit = quota_row(query, GetUserNameFromId(organization, false), (Datum) 0, (Datum) 0, NULL, &isnull);
	SPI_finish();
	return isnull ? setting : DatumGetInt32(limit);
}

/* Locks of an organization: 0 is that of its number of sources, above are the places for runs. */
static void
quota_tag(LOCKTAG *tag, Oid organization, int place)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, AuthIdRelationId, organization, place);
}

int
quota_run_limit(Oid organization, Oid role)
{
	return quota_limit(organization, role, "SELECT max_runs FROM connkit.quota WHERE organization = $1", max_runs);
}

int
quota_run_limit_of(Datum own, bool isnull, Oid role)
{
	if (superuser_arg(role))
		return -1;
	return isnull ? max_runs : DatumGetInt32(own);
}

void
quota_begin_run(Oid organization)
{
	int			limit = quota_run_limit(organization, GetUserId());
	LOCKTAG		tag;

	if (limit < 0)
		return;
	for (int place = 1; place <= limit; place++)
	{
		quota_tag(&tag, organization, place);
		if (compat_lock_held(&tag, ExclusiveLock))
			return;
	}
	for (int place = 1; place <= limit; place++)
	{
		quota_tag(&tag, organization, place);
		if (LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("organization \"%s\" has all of its %d runs at a time in use",
					GetUserNameFromId(organization, false), limit),
			 errhint("Try again when one has ended, or have an administrator raise the limit with connkit_set_quota().")));
}

/* Sources of the organization as they are now, whatever the transaction's snapshot. */
static int
quota_count_sources(Oid organization)
{
	Relation	servers = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(servers, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	int			count = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_server server = (Form_pg_foreign_server) GETSTRUCT(tuple);

		if (server->srvowner == organization && registry_name_of_wrapper(server->srvfdw))
			count++;
	}
	systable_endscan(scan);
	table_close(servers, AccessShareLock);
	return count;
}

PG_FUNCTION_INFO_V1(connkit_check_sources);

/*
 * At the end of a command that gives an organization a source: ERROR where it has too many. The lock keeps another that
 * does the same waiting until this one is committed and counts, or rolled back.
 */
Datum
connkit_check_sources(PG_FUNCTION_ARGS)
{
	Node	   *command;
	ForeignServer *server;
	LOCKTAG		tag;
	int			limit;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is called by an event trigger only")));
	command = ((EventTriggerData *) fcinfo->context)->parsetree;
	if (IsA(command, CreateForeignServerStmt))
		server = GetForeignServerByName(castNode(CreateForeignServerStmt, command)->servername, false);
	else if (IsA(command, AlterOwnerStmt))
		server = GetForeignServerByName(strVal(castNode(AlterOwnerStmt, command)->object), false);
	else
		PG_RETURN_NULL();
	if (registry_name_of_wrapper(server->fdwid) == NULL)
		PG_RETURN_NULL();
	limit = quota_limit(server->owner, GetUserId(),
						"SELECT max_sources FROM connkit.quota WHERE organization = $1", max_sources);
	if (limit < 0)
		PG_RETURN_NULL();
	quota_tag(&tag, server->owner, 0);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	if (quota_count_sources(server->owner) > limit)
	{
		AuditEvent	event = {
			.action = "exceed", .object_type = "quota", .object = GetUserNameFromId(server->owner, false),
			.organization = GetUserNameFromId(server->owner, false), .outcome = AUDIT_REFUSED,
			.sqlerrcode = ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, .detail = psprintf("source %s", server->servername)
		};

		audit_write_now(&event, true);
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("organization \"%s\" may have %d sources at most", GetUserNameFromId(server->owner, false), limit),
				 errdetail("Disabled sources count."),
				 errhint("Drop one for good with connkit_drop_source(…, force => true), or have an administrator raise "
						 "the limit with connkit_set_quota().")));
	}
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(connkit_set_quota);

/*
 * Sets an organization's limits: -1 is none, NULL is the setting; both NULL: it has none of its own. Who may do so is
 * said by the right to execute it.
 */
Datum
connkit_set_quota(PG_FUNCTION_ARGS)
{
	static const char *const current = "SELECT to_jsonb(q) - 'organization' FROM connkit.quota AS q WHERE organization = $1";
	AuditEvent	event = {.action = "set", .object_type = "quota"};
	char		nulls[] = {' ', PG_ARGISNULL(1) ? 'n' : ' ', PG_ARGISNULL(2) ? 'n' : ' ', '\0'};
	bool		isnull;
	Datum		value;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("organization may not be null")));
	event.object = event.organization = NameStr(*PG_GETARG_NAME(0));
	(void) get_role_oid(event.object, false);
	SPI_connect();
	value = quota_row(current, event.object, (Datum) 0, (Datum) 0, NULL, &isnull);
	event.old_value = isnull ? NULL : DatumGetJsonbP(value);
	if (nulls[1] == 'n' && nulls[2] == 'n')
		quota_row("DELETE FROM connkit.quota WHERE organization = $1", event.object, (Datum) 0, (Datum) 0, NULL, &isnull);
	else
		quota_row("INSERT INTO connkit.quota (organization, max_sources, max_runs) VALUES ($1, $2, $3)"
				  " ON CONFLICT (organization) DO UPDATE SET max_sources = $2, max_runs = $3",
				  event.object, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), nulls, &isnull);
	value = quota_row(current, event.object, (Datum) 0, (Datum) 0, NULL, &isnull);
	event.new_value = isnull ? NULL : DatumGetJsonbP(value);
	audit_write(&event);
	SPI_finish();
	PG_RETURN_VOID();
}

void
quota_init(void)
{
	DefineCustomIntVariable("connkit.max_sources_per_organization",
							"Sources that a role may own, unless connkit_set_quota() says otherwise; -1: any number.",
							NULL, &max_sources, -1, -1, INT_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connkit.max_runs_per_organization",
							"Runs at a time on the sources of a role, unless connkit_set_quota() says otherwise; -1: any "
							"number.",
							NULL, &max_runs, -1, -1, MOST_RUNS, PGC_SUSET, 0, NULL, NULL, NULL);
}
