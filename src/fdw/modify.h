/*
 * modify.h: the SQL of changes, and the rights to make them, for the files that plan and run them.
 */
#ifndef CONNKIT_MODIFY_H
#define CONNKIT_MODIFY_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "nodes/pathnodes.h"

#include "remote_sql.h"
#include "remote_table.h"
#include "scan.h"
#include "value.h"

/* What PlanForeignModify() hands on */
enum
{
	MODIFY_SQL,					/* String: of an INSERT, of one row; without RETURNING */
	MODIFY_STORED,				/* IntList: attributes whose values are stored */
	MODIFY_KEYS,				/* IntList: attributes, or row ids (negative), by which the row is found */
	MODIFY_PLACES,				/* IntList: for each placeholder, 1-based index in MODIFY_STORED and MODIFY_KEYS together */
	MODIFY_RETURNED,			/* IntList: attributes that the source returns */
	MODIFY_FLAGS,				/* Integer: MODIFY_SKIP and others */
	MODIFY_AGAIN,				/* String: reads these attributes of the row by its keys; empty: there is no way to */
	MODIFY_AGAIN_PLACES,		/* IntList: for each placeholder of that, 1-based index in MODIFY_KEYS */
	MODIFY_UNSENT				/* IntList: attributes that are not stored and must not be set by triggers */
};
#define MODIFY_SKIP	0x01		/* INSERT ... ON CONFLICT DO NOTHING */
#define MODIFY_ALONE 0x02		/* the statement joins nothing: every row comes once */
#define MODIFY_READ 0x04		/* the row that is returned is the one that was read */
#define MODIFY_STRICT 0x08		/* a row that is gone is an error also where the statement joins */

/* The name of a key among the columns of a subplan; other tables of an inheritance tree may have other types. */
extern char *modify_junk_name(Oid relid, AttrNumber attnum);
/* True where the table has triggers that may change a row before it is stored. */
extern bool modify_has_before_triggers(Oid relid, CmdType operation);
/* The columns that an INSERT names: the source's defaults serve for the others. */
extern List *modify_named_columns(Query *query);
/* MODIFY_ALONE, if it is so. */
extern int	modify_joins_nothing(PlannerInfo *root);
/* Attributes of the list, or with NIL all, that are stored at the source: not what is generated here. */
extern List *modify_stored_attributes(Oid relid, List *wanted);
/* Appends the names of columns, in parentheses. */
extern void modify_column_list(StringInfo text, const RemoteTable *table, List *columns);
/* The text of an INSERT of so many rows. */
extern char *modify_insert_sql(const RemoteTable *table, List *stored, int flags, int rows);

/* When the module is loaded. */
extern void modify_init(void);

/* ERROR where the options of the table or its server do not let it be changed, or the source does not take such a statement;
 * CMD_UTILITY: TRUNCATE. */
extern void modify_check(const RemoteTable *table, CmdType operation);
/* The table that a statement changes, as planned or by itself. */
extern const RemoteTable *modify_target(PlannerInfo *root, Index varno);
/* The attributes of the result relation that are needed of each row after it was changed. */
extern List *modify_returned(PlannerInfo *root, ModifyTable *plan, Index varno, int subplan_index);
/* The operation's bit in CkSql.returning. */
extern uint32 modify_bit(CmdType operation);
/* ERROR where the source, which understands RETURNING in the statements known, cannot return these columns, nor can they be read
 * again. */
extern void modify_check_returning(const RemoteTable *table, CmdType operation, List *returned, uint32 known, bool again);
/* Whether the server at hand returns them; asked before the first change is sent. ERROR as above. */
extern bool modify_source_returns(const RemoteTable *table, CmdType operation, List *returned, bool again);
/* Tells the scan of a change in which attribute each of its arguments is stored, 0 none. */
extern void modify_tell_stored(SourceScan *scan, const RemoteTable *table, List *attributes);
/* Appends RETURNING for the attributes, if there are any. */
extern void modify_returning(StringInfo text, const RemoteTable *table, List *returned);

/* True where the client's statement at hand is not all of the transaction; of a pipeline, its first is taken to be. */
extern bool modify_in_larger_transaction(void);
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

/* modify_filter.c: the same of tables that have CkSql.filter. */
extern bool modify_filter_takes(const RemoteTable *table, CmdType operation);
/* ERROR where the table does not take such a statement; CMD_UTILITY: TRUNCATE. */
extern void modify_filter_check(const RemoteTable *table, CmdType operation);
/* The attributes by which the source knows the row of an UPDATE or DELETE; NIL where it takes none. */
extern List *modify_filter_keys(const RemoteTable *table, CmdType operation);
/* MODIFY_SKIP; ERROR where the source tells no duplicates. */
extern int	modify_filter_skip(const RemoteTable *table);
/* Those of the attributes that the source lets be stored; ERROR for one of those that the statement names. */
extern List *modify_filter_stored(const RemoteTable *table, CmdType operation, List *stored, List *named);
/* PlanForeignModify(). */
extern List *modify_filter_plan(PlannerInfo *root, const RemoteTable *table, ModifyTable *plan, Index varno, int subplan_index);
/* ERROR where a trigger has given values to attributes that are not sent; whole: where the subplan's rows have the row that was
 * read, 0: it is a new one. */
extern void modify_filter_check_row(const RemoteTable *table, List *unsent, AttrNumber whole, TupleTableSlot *slot,
									TupleTableSlot *plan_slot);
/* Puts the row that was read into the slot; its values live as long as the subplan's row. */
extern void modify_filter_put_read(AttrNumber whole, TupleTableSlot *slot, TupleTableSlot *plan_slot);

#endif							/* CONNKIT_MODIFY_H */
