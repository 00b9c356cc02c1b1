/*
 * order.c: lets an index serve ORDER BY where a column's declaration makes the rules' CAST needless.
 *
 * The dialect casts sort keys, because a column that is read as an integer may be declared as text, and the reverse.
 * Which it is shows when the statement is prepared.
 */
#include "sqlite.h"

bool
sqlite_is_text_column(sqlite3_stmt *stmt, int column)
{
	const char *type = sqlite3_column_decltype(stmt, column);

	/* SQLite's own rule for the affinity TEXT */
	return type != NULL && sqlite3_strlike("%int%", type, 0) != 0 &&
		(sqlite3_strlike("%char%", type, 0) == 0 || sqlite3_strlike("%clob%", type, 0) == 0 ||
		 sqlite3_strlike("%text%", type, 0) == 0);
}

/* Takes the first "CAST(`name` AS type)" in sql away from around the name. */
static void
order_uncast(char *sql, const char *name, const char *type)
{
	char	   *cast = sqlite3_mprintf("CAST(`%s` AS %s)", name, type);
	char	   *at = cast ? strstr(sql, cast) : NULL;
	size_t		quoted = strlen(name) + 2;

	if (at)
	{
		char	   *rest = at + strlen(cast);

		memmove(at, at + strlen("CAST("), quoted);
		memmove(at + quoted, rest, strlen(rest) + 1);
	}
	sqlite3_free(cast);
}

char *
sqlite_plain_order(const CkScan *scan, sqlite3_stmt *stmt)
{
	const char *order = NULL;
	char	   *sql;

	for (const char *p = scan->remote; (p = strstr(p, " ORDER BY ")) != NULL; p++)
		order = p;
	if (order == NULL || (sql = sqlite3_mprintf("%s", scan->remote)) == NULL)
		return NULL;
	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		bool		text = sqlite_is_text_column(stmt, (int) i);

		if (scan->columns[i].type == CK_INT64 && !text)
			order_uncast(sql + (order - scan->remote), scan->columns[i].name, "INTEGER");
		if (scan->columns[i].type == CK_TEXT && text)
			order_uncast(sql + (order - scan->remote), scan->columns[i].name, "TEXT");
	}
	return sql;
}
