/*
 * rights.c: who may send SQL of his own to a source: the rows of connkit.source_grant.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "audit.h"
#include "compat.h"
#include "rights.h"
#include "rolemark.h"

/* Columns of connkit.source_grant, as sql/query.sql has them. */
enum
{
	GRANT_SOURCE = 1,
	GRANT_PRIVILEGE,
	GRANT_GRANTEE,
	GRANT_GRANTEE_MARK
};

/* A column of the row, which is a name or a text and never NULL. */
static char *
grant_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return TupleDescAttr(desc, column - 1)->atttypid == NAMEOID ? NameStr(*DatumGetName(value)) : TextDatumGetCString(value);
}

/* Whether a row gives the privilege; by the rows of now, without SQL: it is asked for in the middle of planning too. */
static bool
rights_granted(const char *source, Oid role, const char *privilege)
{
	Oid			table = get_relname_relid("source_grant", get_namespace_oid("connkit", false));
	Relation	grants = table_open(table, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(grants);
	SysScanDesc scan = systable_beginscan(grants, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	bool		granted = false;

	while (!granted && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			grantee;

		if (strcmp(grant_column(tuple, desc, GRANT_SOURCE), source) != 0 ||
			strcmp(grant_column(tuple, desc, GRANT_PRIVILEGE), privilege) != 0)
			continue;
		grantee = rolemark_role(grant_column(tuple, desc, GRANT_GRANTEE), grant_column(tuple, desc, GRANT_GRANTEE_MARK));
		granted = OidIsValid(grantee) && has_privs_of_role(role, grantee);
	}
	systable_endscan(scan);
	table_close(grants, AccessShareLock);
	return granted;
}

bool
rights_have(ForeignServer *server, Oid role, const char *privilege)
{
	return has_privs_of_role(role, server->owner) || rights_granted(server->servername, role, privilege);
}

void
rights_require(ForeignServer *server, const char *privilege, const char *action)
{
	AuditEvent	event = {
		.action = action, .object_type = "source", .object = server->servername,
		.organization = GetUserNameFromId(server->owner, true), .outcome = AUDIT_REFUSED,
		.sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE
	};

	if (compat_server_aclcheck(server->serverid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
	{
		event.detail = psprintf("permission denied for foreign server %s", server->servername);
		audit_write_now(&event, true);
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, server->servername);
	}
	if (rights_have(server, GetUserId(), privilege))
		return;
	event.detail = psprintf("no right \"%s\" on source \"%s\"", privilege, server->servername);
	audit_write_now(&event, true);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s", event.detail),
			 errhint("Its owner gives it: SELECT connkit_grant_source('%s', '%s', '%s').", server->servername, privilege,
					 GetUserNameFromId(GetUserId(), false))));
}
