/*
 * sqlite.h: what the files of the SQLite connector share.
 */
#ifndef CK_SQLITE_H
#define CK_SQLITE_H

#include <sqlite3.h>

#include "connkit.h"

/* dialect.c */
extern const CkSql sqlite_dialect;
/* careful.c */
extern const CkSql sqlite_careful;

/* sqlite.c */

/* Prepares one statement: what stands behind it would be left out in silence. */
extern CkStatus sqlite_prepare(CkSession *session, const char *sql, sqlite3_stmt **stmt);

/* Ends a function that has told an error, and the statement that calls it. */
extern void sqlite_function_fail(sqlite3_context *context, CkStatus status);

/* typed.c */

/* Adds the functions that conditions call; returns SQLite's result code. */
extern int	sqlite_add_typed(CkSession *session, sqlite3 *db);

/* describe.c */
extern CkStatus sqlite_describe(CkSession *session, const char *sql, CkCatalog *catalog);

/* order.c */

/* True where the result column is a table's column that is declared so that it holds texts and no numbers. */
extern bool sqlite_is_text_column(sqlite3_stmt *stmt, int column);

/* The scan's request without needless casts behind its last ORDER BY, to be freed by sqlite3_free(); or NULL. */
extern char *sqlite_plain_order(const CkScan *scan, sqlite3_stmt *stmt);

/* value.c */

/* Puts the row that the statement stands on. */
extern CkStatus sqlite_put_row(CkScan *scan, sqlite3_stmt *stmt, CkRow *row);

/* Refuses arguments that their columns would make something else of. */
extern CkStatus sqlite_check_stored(const CkScan *scan, sqlite3_stmt *stmt);

/* Reads a date or a moment as microseconds from 1970 on, the least and the greatest number for infinities. False where the text
 * does not fit the type. */
extern bool sqlite_read_moment(const char *text, size_t size, CkType type, int64_t *us);

/* Binds the scan's arguments, which the statement borrows; returns SQLite's result code. */
extern int	sqlite_bind(const CkScan *scan, sqlite3_stmt *stmt);

/* catalog.c */

/* Adds the functions that the catalog queries call; returns SQLite's result code. */
extern int	sqlite_add_functions(sqlite3 *db);

#endif							/* CK_SQLITE_H */
