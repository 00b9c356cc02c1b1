/*
 * check.c: what connkit_test() asks of a source once it is connected.
 */
#include "postgres.h"

#include <stdio.h>

/* Superuser; tables that may be read; tables that may be written; schemas and databases in which it may create. */
static const char privileges_query[] =
"SELECT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),"
" pg_catalog.count(*) FILTER (WHERE pg_catalog.has_any_column_privilege(c.oid, 'SELECT')),"
" pg_catalog.count(*) FILTER (WHERE pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
"  OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE')),"
" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_namespace"
"  WHERE nspname !~ '^pg_' AND pg_catalog.has_schema_privilege(oid, 'CREATE')),"
" pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')"
" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
" WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition"
" AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
" AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')";

/* Runs a query that gives one row, which is the caller's to clear. */
static CkStatus
postgres_query(CkSession *session, const char *sql, PGresult **row)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status = postgres_settle(session);

	*row = NULL;
	if (status != CK_OK)
		return status;
	if (!PQsendQuery(pg->conn, sql))
		return postgres_lost(session);
	pg->busy = true;
	status = postgres_result(session, row);
	if (status == CK_OK && (PQresultStatus(*row) != PGRES_TUPLES_OK || PQntuples(*row) != 1))
	{
		PGresult   *result = *row;

		*row = NULL;
		return postgres_refused(session, result);
	}
	return status == CK_OK ? postgres_finish(session, true) : status;
}

/* Tells what the account may do, and warns where that is more than it has to. */
static void
postgres_tell_privileges(CkSession *session, const PGresult *row)
{
	bool		superuser = PQgetvalue(row, 0, 0)[0] == 't';
	const char *readable = PQgetvalue(row, 0, 1);
	const char *writable = PQgetvalue(row, 0, 2);
	const char *schemas = PQgetvalue(row, 0, 3);
	bool		creates = PQgetvalue(row, 0, 4)[0] == 't' || strcmp(schemas, "0") != 0;
	char		text[256];

	if (session->read_only)
		snprintf(text, sizeof(text), "may read %s tables", readable);
	else
		snprintf(text, sizeof(text), "may read %s tables and write to %s", readable, writable);
	ck_stage(session, CK_STAGE_PRIVILEGES, text);
	if (superuser)
		snprintf(text, sizeof(text), "the account is a superuser of the source");
	else if (session->read_only && strcmp(writable, "0") != 0)
		snprintf(text, sizeof(text), "the account may write to %s tables", writable);
	else if (creates)
		snprintf(text, sizeof(text), "the account may create objects in the source");
	else if (strcmp(readable, "0") == 0)
	{
		ck_warn(session, "the account may read no table", "Grant USAGE on the schemas and SELECT on their tables.");
		return;
	}
	else
		return;
	ck_warn(session, text, session->read_only
			? "Use an account that may only read: GRANT USAGE on the schemas and SELECT on their tables."
			: "Use an account that may change the rows of the tables that are to be written, and nothing else.");
}

CkStatus
postgres_session_check(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	const char *version = PQparameterStatus(pg->conn, "server_version");
	PGresult   *row;
	char		text[512];
	CkStatus	status;

	ck_stage(session, CK_STAGE_QUERY, NULL);
	snprintf(text, sizeof(text), "PostgreSQL %.*s", (int) strcspn(version, " "), version);
	ck_server_version(session, text);
	status = postgres_query(session, "SELECT pg_catalog.current_database(), pg_catalog.pg_is_in_recovery()", &row);
	if (status == CK_OK)
	{
		snprintf(text, sizeof(text), "database %s%s", PQgetvalue(row, 0, 0),
				 PQgetvalue(row, 0, 1)[0] == 't' ? ", a standby" : "");
		ck_stage(session, CK_STAGE_QUERY, text);
	}
	PQclear(row);
	if (status != CK_OK)
		return status;

	ck_stage(session, CK_STAGE_PRIVILEGES, NULL);
	status = postgres_query(session, privileges_query, &row);
	if (status == CK_OK)
		postgres_tell_privileges(session, row);
	PQclear(row);
	return status;
}
