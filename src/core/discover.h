/*
 * discover.h: what a source holds: schemas, tables, columns, keys, indexes.
 */
#ifndef CONNKIT_DISCOVER_H
#define CONNKIT_DISCOVER_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "connkit.h"

/* The services behind ck_table(), ck_column() and ck_key(). */
extern CkStatus discover_host_table(CkCatalog *catalog, const char *schema, const char *table, const char *kind,
									const char *comment, int64_t rows, int64_t bytes);
extern CkStatus discover_host_column(CkCatalog *catalog, const char *name, const char *source_type,
									 const char *local_type, bool not_null, const char *default_expr,
									 const char *comment);
extern CkStatus discover_host_key(CkCatalog *catalog, const char *name, char kind, const char *column);

/*
 * The source's own estimate for one table, asked once per backend and table and kept for ten minutes. False where the
 * source cannot tell or does not answer; only an interrupt is an ERROR. rows or bytes -1: unknown.
 */
extern bool discover_estimate(Oid serverid, Oid userid, const char *schema, const char *table, double *rows,
							  double *bytes);

#endif							/* CONNKIT_DISCOVER_H */
