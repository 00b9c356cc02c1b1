/*
 * modify_sql.c: what the statements that change rows at a source have in common.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "parser/parsetree.h"
#include "tcop/pquery.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "fdw.h"
#include "modify.h"
#include "registry.h"
#include "value.h"

void
modify_check(const RemoteTable *table, CmdType operation)
{
	const CkConnector *connector = registry_connector_of_server(table->serverid);

	if (table->updatable)
	{
		if (table->sql->filter)
			modify_filter_check(table, operation);
		return;
	}
	if (!(connector->caps & CK_WRITE))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("connector \"%s\" cannot change rows", connector->name)));
	if (table->query)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("foreign table \"%s\" is a query, whose rows cannot be changed", get_rel_name(table->relid)),
				 errhint("Make a foreign table with the option table_name.")));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("foreign table \"%s\" may not be changed", get_rel_name(table->relid)),
			 errhint("Its owner, and that of source \"%s\", set the option updatable.",
					 GetForeignServer(table->serverid)->servername)));
}

const RemoteTable *
modify_target(PlannerInfo *root, Index varno)
{
	RelOptInfo *rel = varno < root->simple_rel_array_size ? root->simple_rel_array[varno] : NULL;
	RangeTblEntry *rte = planner_rt_fetch(varno, root);
	RelPlan    *plan;

	if (rel && rel->fdw_private)
		return fdw_table(root, varno);
	/* what is inserted into is not read, and what is known to be empty was not planned */
	plan = palloc0(sizeof(RelPlan));
	remote_table_init(&plan->table, rte->relid, GetUserId());
	if (rel)
		rel->fdw_private = plan;
	return &plan->table;
}

List *
modify_returned(PlannerInfo *root, ModifyTable *plan, Index varno, int subplan_index)
{
	Oid			relid = planner_rt_fetch(varno, root)->relid;
	Relation	relation = table_open(relid, NoLock);
	TriggerDesc *triggers = relation->trigdesc;
	TupleDesc	desc = RelationGetDescr(relation);
	Bitmapset  *used = NULL;
	List	   *returned = NIL;
	bool		whole;

	if (plan->returningLists)
		pull_varattnos(list_nth(plan->returningLists, subplan_index), varno, &used);
	/* what a row was, triggers learn from the row that was read; a failed check shows the whole row */
	whole = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used) || plan->withCheckOptionLists != NIL ||
		(triggers && ((plan->operation == CMD_INSERT && triggers->trig_insert_after_row) ||
					  (plan->operation == CMD_UPDATE && triggers->trig_update_after_row)));
	for (int i = 1; i <= desc->natts; i++)
		if (!TupleDescAttr(desc, i - 1)->attisdropped &&
			(whole || bms_is_member(i - FirstLowInvalidHeapAttributeNumber, used)))
			returned = lappend_int(returned, i);
	table_close(relation, NoLock);
	return returned;
}

uint32
modify_bit(CmdType operation)
{
	return operation == CMD_INSERT ? CK_INSERT : operation == CMD_UPDATE ? CK_UPDATE : CK_DELETE;
}

void
modify_check_returning(const RemoteTable *table, CmdType operation, List *returned, uint32 known, bool again)
{
	if (returned == NIL || again || (known & modify_bit(operation)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("source \"%s\" returns no rows from %s", GetForeignServer(table->serverid)->servername,
					operation == CMD_INSERT ? "INSERT" : operation == CMD_UPDATE ? "UPDATE" : "DELETE"),
			 errdetail("RETURNING, WITH CHECK OPTION or a trigger AFTER each row of \"%s\" needs them.",
					   get_rel_name(table->relid)),
			 operation == CMD_INSERT ?
			 errhint("Insert into the foreign table itself, and name all columns with the option key: then the row is read again "
					 "by them.") :
			 errhint("Set the option key on the columns of its primary key, and have it done row by row: then the row is read "
					 "again by them.")));
}

bool
modify_source_returns(const RemoteTable *table, CmdType operation, List *returned, bool again)
{
	uint32		known = table->sql->returning;

	if (returned == NIL)
		return true;
	if (known & modify_bit(operation))
		known &= ~session_get(table->serverid, table->userid, SESSION_CHANGE)->pub.no_returning;
	modify_check_returning(table, operation, returned, known, again);
	return (known & modify_bit(operation)) != 0;
}

void
modify_tell_stored(SourceScan *scan, const RemoteTable *table, List *attributes)
{
	CkColumn   *columns = palloc0(sizeof(CkColumn) * (list_length(attributes) + 1));
	ListCell   *lc;

	foreach(lc, attributes)
	{
		AttrNumber	attnum = (AttrNumber) lfirst_int(lc);
		Oid			type,
					collation;
		int32		typmod;
		char	   *name;

		if (attnum <= 0)
			continue;
		get_atttypetypmodcoll(table->relid, attnum, &type, &typmod, &collation);
		name = remote_column_name(table->relid, attnum);
		remote_describe(&columns[foreach_current_index(lc)], table->sql, pg_server_to_any(name, strlen(name), PG_UTF8), type,
						typmod);
		scan->pub.stored = columns;
		scan->pub.nstored = list_length(attributes);
	}
}

void
modify_returning(StringInfo text, const RemoteTable *table, List *returned)
{
	if (returned == NIL)
		return;
	appendStringInfoString(text, " RETURNING");
	remote_select_list(text, table, returned);
}

bool		modify_allow_best_effort = false;

bool
modify_in_larger_transaction(void)
{
	return IsTransactionBlock() || IsSubTransaction() || COMPAT_IS_PIPELINE();
}

/* True where the local transaction is nothing but this query of the client's. */
static bool
is_alone(const char *source_text)
{
	if (modify_in_larger_transaction() || ActivePortal == NULL)
		return false;
	/* what a function runs has a text of its own */
	return source_text ? source_text == ActivePortal->sourceText :
		ActivePortal->commandTag == CMDTAG_COPY || ActivePortal->commandTag == CMDTAG_TRUNCATE_TABLE;
}

uint32
modify_flags(const RemoteTable *table, const char *source_text)
{
	if (modify_allow_best_effort || is_alone(source_text))
		return CK_SCAN_CHANGE | CK_SCAN_BEST_EFFORT;
	if (registry_connector_of_server(table->serverid)->atomicity < CK_TRANSACTIONAL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("changes of source \"%s\" are not undone when this transaction is",
						GetForeignServer(table->serverid)->servername),
				 errhint("Make the change outside of a transaction block and of functions, or set "
						 "connkit.allow_best_effort_writes.")));
	return CK_SCAN_CHANGE;
}

bool
modify_as_text(const CkSql *sql, Oid type)
{
	char		category;
	bool		preferred;

	if (!sql->native)
		return false;
	get_type_category_preferred(getBaseType(type), &category, &preferred);
	return category == TYPCATEGORY_STRING || !value_type_is_native(type);
}

void
modify_placeholder(StringInfo text, const RemoteTable *table, AttrNumber attnum, int n)
{
	Oid			type = get_atttype(table->relid, attnum);

	if (!table->sql->numbered)
		appendStringInfoChar(text, '?');
	else
		appendStringInfo(text, "$%d", n);
	/* what is text here may be of any type there, and is read by that type's own rules */
	if (table->sql->native && !modify_as_text(table->sql, type))
		appendStringInfo(text, "::%s", remote_type_name(getBaseType(type)));
}

/* The kind of a value that a source may not hold, for errors. */
static const char *
value_kind(const CkValue *value)
{
	switch (value->type)
	{
		case CK_FLOAT32:
		case CK_FLOAT64:
			return "NaN or an infinity";
		case CK_NUMERIC:
			return "NaN, an infinity, or a number of too many digits";
		default:
			return "an infinity, or a time too far away";
	}
}

void
modify_writer_init(ValueWriter *writer, const CkSql *sql, Oid type)
{
	value_writer_init(writer, type, sql->native && !modify_as_text(sql, type));
}

void
modify_value(CkValue *value, const RemoteTable *table, AttrNumber attnum, Oid type, Datum datum, bool isnull)
{
	ValueWriter writer;

	modify_writer_init(&writer, table->sql, type);
	modify_write(value, &writer, table, attnum, datum, isnull);
}

void
modify_write(CkValue *value, ValueWriter *writer, const RemoteTable *table, AttrNumber attnum, Datum datum, bool isnull)
{
	value_write(writer, value, datum, isnull);
	if (value_within(value, &table->sql->limits))
		return;
	ereport(ERROR,
			(errcode(value->type == CK_DATE || value->type == CK_TIMESTAMP || value->type == CK_TIMESTAMPTZ ?
					 ERRCODE_DATETIME_VALUE_OUT_OF_RANGE : ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("source \"%s\" cannot hold the value for column \"%s\"",
					GetForeignServer(table->serverid)->servername, get_attname(table->relid, attnum, false)),
			 errdetail("It is %s.", value_kind(value))));
}
