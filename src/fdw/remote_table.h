/*
 * remote_table.h: a foreign table as the source knows it.
 */
#ifndef CONNKIT_REMOTE_TABLE_H
#define CONNKIT_REMOTE_TABLE_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "connkit.h"
#include "options.h"

/* A foreign table as the source knows it. */
typedef struct RemoteTable
{
	Oid			relid;
	Oid			serverid;
	Oid			userid;			/* whose user mapping serves */
	const CkSql *sql;			/* NULL: the connector speaks no SQL */
	bool		remote;			/* what is read is asked for in it, too */
	char	   *schema;			/* or NULL */
	char	   *table;
	char	   *query;			/* instead of a table, or NULL */
	List	   *options;		/* of the foreign table */
	const struct SourceOptions *source_options; /* the same and the server's */
	CommonOptions common;		/* server's and table's */
	bool		updatable;		/* rows may be changed, as far as options tell */
} RemoteTable;

/* ERROR where the table's owner may not use its server. userid is whose user mapping serves. */
extern void remote_table_init(RemoteTable *table, Oid relid, Oid userid);
/* For remote_cache.c: the same from the catalog, without owner and user. */
extern void remote_table_read(RemoteTable *table, Oid relid);

/* Identifier in the dialect's quotes. */
extern void remote_identifier(StringInfo text, const CkSql *sql, const char *name);
/* The quoted name, with the schema's before it. */
extern void remote_name(StringInfo text, const RemoteTable *table);
/* What stands behind FROM: the quoted table, or the query in parentheses; called t<alias>, but for 0. */
extern void remote_from(StringInfo text, const RemoteTable *table, Index alias);
/* A column as a value of the local type; of table t<alias>, but for 0. */
extern void remote_column(StringInfo text, const RemoteTable *table, Index alias, AttrNumber attnum);
/* The same without a cast to the local type. */
extern void remote_bare_column(StringInfo text, const RemoteTable *table, Index alias, AttrNumber attnum);
/* The cast to a local type, or to text, at a source that is PostgreSQL. */
extern void remote_to_local(StringInfo text, Oid type, int32 typmod);
/* A type's name without a modifier; not what SQL would take for one with a default modifier. */
extern char *remote_type_name(Oid type);
/* Name of a column at the source. */
extern char *remote_column_name(Oid relid, AttrNumber attnum);
/* Type of a column at the source, where the dialect is typed and the column's option tells it; or NULL. */
extern char *remote_source_type(const RemoteTable *table, AttrNumber attnum);
/* Describes a column of a request for a scan. */
extern void remote_describe(CkColumn *column, const CkSql *sql, const char *name, Oid type, int32 typmod);
/* The list behind SELECT, and the columns as a scan wants them (palloc'd), which puts those of a row id behind the table's. */
extern CkColumn *remote_columns(const RemoteTable *table, List *attributes, Oid **types, int32 **typmods, int **places);
extern void remote_select_list(StringInfo text, const RemoteTable *table, List *attributes);

/* The columns with the option key, as attribute numbers. */
extern List *remote_keys(Oid relid);
/* The numbers of CkSql.row_id's columns, which are read as text: negative ones, of system columns. */
extern List *remote_row_ids(const CkSql *sql);
/* The name of one of them. */
extern char *remote_row_id_name(const CkSql *sql, AttrNumber number);

#endif							/* CONNKIT_REMOTE_TABLE_H */
