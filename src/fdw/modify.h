/*
 * modify.h: the SQL of changes, and the rights to make them, for the files that plan and run them.
 */
#ifndef CONNKIT_MODIFY_H
#define CONNKIT_MODIFY_H

#include "postgres.h"
#include "nodes/pathnodes.h"

#include "remote_sql.h"
#include "remote_table.h"
#include "scan.h"
#include "value.h"

/* ERROR where the options of the table or its server do not let it be changed. */
extern void modify_check(const RemoteTable *table);
/* The table that a statement changes, as planned or by itself. */
extern const RemoteTable *modify_target(PlannerInfo *root, Index varno);
/* The attributes of the result relation that are needed of each row after it was changed. */
extern List *modify_returned(PlannerInfo *root, ModifyTable *plan, Index varno, int subplan_index);
/* ERROR where the source cannot return columns from such a statement. */
extern void modify_check_returning(const RemoteTable *table, CmdType operation, List *returned);
/* Appends RETURNING for the attributes, if there are any. */
extern void modify_returning(StringInfo text, const RemoteTable *table, List *returned);

/* CK_SCAN_* of a change. ERROR where it could not be undone with the larger transaction that it is part of, unless the setting
 * connkit.allow_best_effort_writes allows that. source_text: the query's, NULL for a utility command. */
extern uint32 modify_flags(const RemoteTable *table, const char *source_text);
extern bool modify_allow_best_effort;

/* Appends the placeholder of a value that is stored in the column: number n, from 1 on. */
extern void modify_placeholder(StringInfo text, const RemoteTable *table, AttrNumber attnum, int n);
/* True where values of the type travel as text, for the source to read them by its column's own type. */
extern bool modify_as_text(const CkSql *sql, Oid type);
/* The value for the source; ERROR where it cannot be told. */
extern void modify_value(CkValue *value, const RemoteTable *table, AttrNumber attnum, Oid type, Datum datum, bool isnull);
/* The same for many values of a column. */
extern void modify_writer_init(ValueWriter *writer, const CkSql *sql, Oid type);
extern void modify_write(CkValue *value, ValueWriter *writer, const RemoteTable *table, AttrNumber attnum, Datum datum,
						 bool isnull);

#endif							/* CONNKIT_MODIFY_H */
