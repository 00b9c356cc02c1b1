/*
 * catalog.c: functions that the catalog queries call, for what SQLite's own tables do not tell.
 */
#include "sqlite.h"

/* Rows of a table that are counted; beyond them the number is an estimate. */
#define COUNT_LIMIT 1000

/* Runs a query of one integer, in which %w and %q are the table's name. False: it does not run, or yields nothing. */
static bool
query_integer(sqlite3 *db, const char *format, const char *table, sqlite3_int64 *number)
{
	char	   *sql = sqlite3_mprintf(format, table, table);
	sqlite3_stmt *stmt = NULL;
	bool		found;

	if (sql == NULL)
		return false;
	found = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW &&
		sqlite3_column_type(stmt, 0) != SQLITE_NULL;
	if (found)
		*number = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_free(sql);
	return found;
}

/*
 * connkit_rows(table): what ANALYZE noted; the number itself where it is small; else no more than the range of
 * rowids has and the file could hold. NULL: unknown.
 */
static void
catalog_rows(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	sqlite3    *db = sqlite3_context_db_handle(context);
	const char *table = (const char *) sqlite3_value_text(args[0]);
	sqlite3_int64 rows,
				range;

	if (table == NULL)
		return;
	if (!query_integer(db, "SELECT CAST(stat AS INTEGER) FROM sqlite_stat1 WHERE tbl = '%q' LIMIT 1", table, &rows))
	{
		if (!query_integer(db, "SELECT count(*) FROM (SELECT 1 FROM \"%w\" LIMIT 1000)", table, &rows))
			return;
		if (rows == COUNT_LIMIT &&
			query_integer(db, "SELECT min((SELECT max(rowid) FROM \"%w\") - (SELECT min(rowid) FROM \"%w\") + 1.0, "
						  "page_size * page_count / 16) FROM pragma_page_size, pragma_page_count", table, &range) &&
			range > rows)
			rows = range;
	}
	sqlite3_result_int64(context, rows);
}

/* connkit_readable(table): 0 for a view or virtual table that lacks what it is made on. */
static void
catalog_readable(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	char	   *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", sqlite3_value_text(args[0]));
	sqlite3_stmt *stmt = NULL;

	sqlite3_result_int(context, sql != NULL &&
					   sqlite3_prepare_v2(sqlite3_context_db_handle(context), sql, -1, &stmt, NULL) == SQLITE_OK);
	sqlite3_finalize(stmt);
	sqlite3_free(sql);
}

int
sqlite_add_functions(sqlite3 *db)
{
	int			flags = SQLITE_UTF8 | SQLITE_DIRECTONLY;
	int			rc = sqlite3_create_function(db, "connkit_rows", 1, flags, NULL, catalog_rows, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_create_function(db, "connkit_readable", 1, flags, NULL, catalog_readable, NULL, NULL);
	return rc;
}
