/*
 * discover.h: what a source holds: schemas, tables, columns, keys, indexes.
 */
#ifndef CONNKIT_DISCOVER_H
#define CONNKIT_DISCOVER_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "connkit.h"

/*
 * What a source tells of its objects. Strings live until the callback returns; a schema is "" where the source has none.
 * Positions begin with 1.
 */
typedef struct CatalogTable
{
	const char *schema;
	const char *table;
	const char *kind;
	const char *comment;		/* or NULL */
	int64		rows;			/* estimates; -1: unknown */
	int64		bytes;
} CatalogTable;

typedef struct CatalogColumn
{
	const char *schema;
	const char *table;
	const char *name;
	int			position;
	const char *source_type;
	const char *local_type;		/* lives as long as the walk */
	bool		not_null;
	const char *initial;		/* default; NULL: none */
	const char *generated;		/* expression, or NULL */
	const char *comment;
	const char *collation;		/* NULL: the default */
} CatalogColumn;

typedef struct CatalogKey
{
	const char *schema;
	const char *table;
	const char *name;
	char		kind;			/* p, u, f */
	int			position;
	const char *column;
	const char *ref_schema;		/* of kind f */
	const char *ref_table;
	const char *ref_column;
} CatalogKey;

typedef struct CatalogIndex
{
	const char *schema;
	const char *table;
	const char *name;
	bool		unique;
	int			position;
	const char *column;			/* or expression */
	const char *method;			/* or NULL */
} CatalogIndex;

/* A walk over a source's catalog: what is wanted, and who gets it. */
struct CkCatalog
{
	/* which tables, exactly; NIL: all */
	List	   *schemas;
	List	   *tables;
	bool		tables_except;	/* all but those */
	bool		default_schema; /* of all schemas, the one that tables without schema_name are in */

	/* called for each object, all tables before all columns or each table before its own; NULL: not wanted */
	void		(*table) (CkCatalog *catalog, const CatalogTable *table);
	void		(*column) (CkCatalog *catalog, const CatalogColumn *column);
	void		(*key) (CkCatalog *catalog, const CatalogKey *key);
	void		(*index) (CkCatalog *catalog, const CatalogIndex *index);
	void	   *arg;			/* the caller's own */

	/* of the walk */
	MemoryContext context;
	struct Session *session;
	const CkSql *sql;			/* or NULL */
	HTAB	   *types;			/* local types of the source's types met so far */
	char	   *current_schema; /* of a connector's own discovery: the table at hand */
	char	   *current_table;
	bool		current_wanted;
	int			position;
	char	   *current_key;
	int			key_position;
};

/* Walks in the transaction at hand, as the user. ERROR for what goes wrong at the source. */
extern void discover_walk(CkCatalog *catalog, Oid serverid, Oid userid);

/*
 * Has the source say which columns the rows of a query have, without running it, and returns how many. column is called for
 * each, with schema and table NULL, and may be NULL.
 */
extern int	discover_query(CkCatalog *catalog, Oid serverid, Oid userid, const char *query);

/* Patterns (char *) of a text array; ERROR for NULLs. */
extern List *discover_patterns(ArrayType *array);

/* Whether a pattern of schema.table or table is met. */
extern bool discover_patterns_match(List *patterns, const char *schema, const char *table);

/* Schemas that all patterns name without a wildcard, for the source to look at no others; NIL where one does not. */
extern List *discover_patterns_schemas(List *patterns);

/* A hash table in the current memory context whose key is a pointer to text of any length, first in the entry. */
extern HTAB *discover_text_table(const char *name, Size entry_size);

/*
 * In PG_CATCH() of an internal subtransaction: rolls it back and forgets the error, which it returns in the caller's
 * memory; what interrupts the user's statement is raised again.
 */
extern ErrorData *discover_caught(MemoryContext caller);

/* The services behind ck_table(), ck_wants(), ck_column() and ck_key(). */
extern CkStatus discover_host_table(CkCatalog *catalog, const char *schema, const char *table, const char *kind,
									const char *comment, int64_t rows, int64_t bytes);
extern CkStatus discover_host_column(CkCatalog *catalog, const char *name, const char *source_type,
									 const char *local_type, bool not_null, const char *default_expr,
									 const char *comment);
extern bool discover_host_wants(CkCatalog *catalog, const char *schema, const char *table);
extern CkStatus discover_host_key(CkCatalog *catalog, const char *name, char kind, const char *column);

/*
 * The source's own estimate for one table, asked once per backend and table and kept for ten minutes. False where the
 * source cannot tell or does not answer; only an interrupt is an ERROR. rows or bytes -1: unknown.
 */
extern bool discover_estimate(Oid serverid, Oid userid, const char *schema, const char *table, double *rows,
							  double *bytes);

/* Forgets the estimate, so that the next one is asked for anew. */
extern void discover_estimate_forget(Oid serverid, Oid userid, const char *schema, const char *table);

#endif							/* CONNKIT_DISCOVER_H */
