/*
 * grant.c: connkit_grant_source() and connkit_revoke_source(): who may send SQL of his own to a source, or bring
 * its messages.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "../secret/secret.h"
#include "audit.h"
#include "rights.h"
#include "rolemark.h"
#include "tables.h"

/* Runs the statement on connkit.source_grant, for who owns the source, and tells the audit log. */
static void
change_grant(FunctionCallInfo fcinfo, const char *action, const char *sql)
{
	ForeignServer *server = GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
	char	   *privilege = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *grantee = NameStr(*PG_GETARG_NAME(2));
	AuditEvent	event = {
		.action = action, .object_type = "source", .object = server->servername,
		.organization = GetUserNameFromId(server->owner, true)
	};
	bool		revoke = strcmp(action, "revoke") == 0;
	Oid			types[] = {NAMEOID, TEXTOID, NAMEOID, TEXTOID, TEXTOID};
	Datum		values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), (Datum) 0,
		CStringGetTextDatum(GetUserNameFromId(GetUserId(), false))};

	if (!has_privs_of_role(GetUserId(), server->owner))
		secret_refuse(&event, psprintf("must be owner of source \"%s\"", server->servername),
					  "Rights on a source are given by its owner.");
	if (strcmp(privilege, RIGHT_QUERY) != 0 && strcmp(privilege, RIGHT_EXECUTE) != 0 &&
		strcmp(privilege, RIGHT_RECEIVE) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown privilege \"%s\"", privilege),
				 errhint("It is query, execute or receive.")));
	values[3] = CStringGetTextDatum(rolemark_make(get_role_oid(grantee, revoke)));
	SPI_connect();
	tables_execute(sql, lengthof(types), types, values, NULL);
	SPI_finish();
	event.detail = psprintf("%s %s role %s", privilege, revoke ? "from" : "to", grantee);
	audit_write(&event);
}

PG_FUNCTION_INFO_V1(connkit_grant_source);

/*
 * connkit_grant_source(source, privilege, grantee)
 */
Datum
connkit_grant_source(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, "grant", "INSERT INTO connkit.source_grant (source, privilege, grantee, grantee_mark, granted_by)"
				 " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (source, privilege, grantee)"
				 " DO UPDATE SET grantee_mark = excluded.grantee_mark, granted_by = excluded.granted_by");
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(connkit_revoke_source);

/*
 * connkit_revoke_source(source, privilege, grantee)
 */
Datum
connkit_revoke_source(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, "revoke", "DELETE FROM connkit.source_grant WHERE source = $1 AND privilege = $2 AND grantee = $3"
				 " AND $4 IS NOT NULL AND $5 IS NOT NULL");
	PG_RETURN_VOID();
}
