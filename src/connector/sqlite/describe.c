/*
 * describe.c: the columns of a statement that is not run.
 */
#include "sqlite.h"

/* Types are those that columns were declared with; an expression has none. */
CkStatus
sqlite_describe(CkSession *session, const char *sql, CkCatalog *catalog)
{
	sqlite3_stmt *stmt = NULL;
	CkStatus	status = sqlite_prepare(session, sql, &stmt);

	if (status != CK_OK)
		return status;
	for (int i = 0; status == CK_OK && i < sqlite3_column_count(stmt); i++)
		status = ck_column(session, catalog, sqlite3_column_name(stmt, i), sqlite3_column_decltype(stmt, i), NULL, false,
						   NULL, NULL);
	sqlite3_finalize(stmt);
	return status;
}
