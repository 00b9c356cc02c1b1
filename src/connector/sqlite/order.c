/*
 * order.c: lets an index serve ORDER BY where what the dialect writes around a sort key is needless.
 *
 * The rules do not know how a column is declared, which shows when the statement is prepared, nor that a key is the
 * last one, for which it does not matter whether equal values have equal keys.
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

/* Takes away what stands around the name of a sort key; only that of the last key where that is asked for. */
static void
order_unwrap(char *order, const char *before, const char *name, const char *behind, bool last)
{
	char	   *key = sqlite3_mprintf("%s`%s`%s", before, name, behind);
	char	   *at = key ? strstr(order, key) : NULL;

	if (at && !(last && strchr(at + strlen(key), ',')))
	{
		char	   *rest = at + strlen(key);
		size_t		size = strlen(name) + 2;

		memmove(at, at + strlen(before), size);
		memmove(at + size, rest, strlen(rest) + 1);
	}
	sqlite3_free(key);
}

/* True where what follows ends a parenthesis: it is the order of a window, or of a query within. */
static bool
order_is_enclosed(const char *order)
{
	int			depth = 0;
	bool		quoted = false;

	for (; *order && depth >= 0; order++)
	{
		quoted ^= *order == '`';
		if (!quoted)
			depth += (*order == '(') - (*order == ')');
	}
	return depth < 0;
}

char *
sqlite_plain_order(const CkScan *scan, sqlite3_stmt *stmt)
{
	const char *last = NULL;
	char	   *sql,
			   *order;

	for (const char *p = scan->remote; (p = strstr(p, " ORDER BY ")) != NULL; p++)
		last = p;
	if (last == NULL || order_is_enclosed(last) || (sql = sqlite3_mprintf("%s", scan->remote)) == NULL)
		return NULL;
	order = sql + (last - scan->remote);
	for (uint32_t i = 0; i < scan->ncolumns; i++)
	{
		const CkColumn *column = &scan->columns[i];
		bool		text = sqlite_is_text_column(stmt, (int) i);

		/* value.c takes no text for a number elsewhere, and text columns hold no numbers */
		if (column->type == CK_INT64 && !text)
			order_unwrap(order, "CAST(", column->name, " AS INTEGER)", false);
		else if (column->type == CK_TEXT && text)
			order_unwrap(order, "CAST(", column->name, " AS TEXT)", false);
		else if (column->type == CK_DATE)
			order_unwrap(order, "substr(", column->name, ", 1, 10)", true);
	}
	return sql;
}
