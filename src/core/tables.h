/*
 * tables.h: statements on connkit's own tables.
 */
#ifndef CONNKIT_TABLES_H
#define CONNKIT_TABLES_H

#include "postgres.h"

/*
 * Runs one statement as the owner of connkit's tables, for users read them at most; and without the user's search_path,
 * where he could have functions of his own. Names in it are qualified. SPI must be connected; the result is SPI's.
 * nulls is NULL or, for each argument, 'n' where it is NULL and ' ' where not. What throws in it leaves user and
 * search_path to the abort of the transaction.
 */
extern int	tables_execute(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls);

#endif							/* CONNKIT_TABLES_H */
