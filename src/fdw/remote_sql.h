/*
 * remote_sql.h: SQL for a source, in its dialect.
 */
#ifndef CONNKIT_REMOTE_SQL_H
#define CONNKIT_REMOTE_SQL_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "nodes/pathnodes.h"
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
	char	   *schema;			/* or NULL */
	char	   *table;
	char	   *query;			/* instead of a table, or NULL */
	List	   *options;		/* of the foreign table */
	CommonOptions common;		/* server's and table's */
} RemoteTable;

/* SQL under construction. */
typedef struct RemoteSql
{
	const RemoteTable *table;
	PlannerInfo *root;
	RelOptInfo *rel;
	StringInfo	text;
	List	   *params;			/* expressions whose values travel as arguments */
	List	   *places;			/* IntList: for each placeholder the 1-based index in params */
	int			keys;			/* 1-based index in params of the list of keys, 0 none */
	bool		superset;		/* a rule was used that lets through too much */
	bool		parameters;		/* a placeholder was written */
	int			depth;			/* of the condition that is being written, within others */
	bool		bytewise;		/* text columns are written with COLLATE "C": their own collations would conflict */
} RemoteSql;

extern void remote_table_init(RemoteTable *table, Oid relid, Oid userid);

/* Identifier in the dialect's quotes. */
extern void remote_identifier(StringInfo text, const CkSql *sql, const char *name);
/* What stands behind FROM: the quoted table, or the query in parentheses. */
extern void remote_from(StringInfo text, const RemoteTable *table);
/* A column as a value of the local type. */
extern void remote_column(StringInfo text, const RemoteTable *table, AttrNumber attnum);
/* Name of a column at the source. */
extern char *remote_column_name(Oid relid, AttrNumber attnum);
/* The list behind SELECT, and the columns as a scan wants them (palloc'd). */
extern CkColumn *remote_columns(const RemoteTable *table, List *attributes, Oid **types, int32 **typmods, int **places);
extern void remote_select_list(StringInfo text, const RemoteTable *table, List *attributes);

/* How faithfully the source answers a condition. */
typedef enum Pushed
{
	PUSHED_NOT,
	PUSHED_SUPERSET,
	PUSHED_EXACT
} Pushed;
extern Pushed remote_judge(PlannerInfo *root, RelOptInfo *rel, const RemoteTable *table, Expr *condition);

/* Appends a condition that remote_judge() let through. */
extern void remote_condition(RemoteSql *sql, Expr *condition);

/*
 * A condition "key = one of a list that is known when the scan runs", for joins that check their conditions again. In
 * the dialects that have no arrays the text holds a piece between LIST_BEGIN and LIST_END that is to be repeated for
 * each key: behind LIST_BEGIN stands ',' or '|' for what divides the repetitions, a comma or OR.
 */
#define LIST_BEGIN	'\001'
#define LIST_END	'\002'
extern Pushed remote_judge_list(PlannerInfo *root, RelOptInfo *rel, const RemoteTable *table, Expr *key, Oid operator,
								Oid key_type, Oid collation);
extern void remote_list_condition(RemoteSql *sql, Expr *key, Oid operator, Oid key_type, Oid collation);
/* The text with each piece repeated count times. */
extern char *remote_expand_list(const char *text, int count);
/* The text as EXPLAIN shows it. */
extern char *remote_show_list(const char *text);

/* Appends ORDER BY for the path keys; false where one of them cannot be sent. */
extern bool remote_order(RemoteSql *sql, List *pathkeys);

/* Appends a placeholder for the value of an expression. */
extern void remote_placeholder(RemoteSql *sql, Expr *value);

#endif							/* CONNKIT_REMOTE_SQL_H */
