/*
 * modify_filter.c: changes of tables whose sources speak no SQL: what such a table lets be changed, and how its rows are found.
 *
 * The statements are written like SQL all the same, of which only few forms occur: see CkSql.changes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "executor/executor.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "modify.h"

/* The kind of a statement, for people. */
static const char *
kind_name(CmdType operation)
{
	return operation == CMD_INSERT ? "INSERT" : operation == CMD_UPDATE ? "UPDATE" : operation == CMD_DELETE ? "DELETE" :
		"TRUNCATE";
}

bool
modify_filter_takes(const RemoteTable *table, CmdType operation)
{
	const CkChanges *changes = table->sql->changes;

	return changes && (operation == CMD_INSERT || operation == CMD_UPDATE || operation == CMD_DELETE) &&
		(changes->kinds & modify_bit(operation)) != 0;
}

void
modify_filter_check(const RemoteTable *table, CmdType operation)
{
	if (modify_filter_takes(table, operation))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("foreign table \"%s\" takes no %s", get_rel_name(table->relid), kind_name(operation)),
			 operation == CMD_UTILITY ? errhint("Use DELETE, where the table takes that.") :
			 errhint("What may be changed is said by the manifest of the connector, or by the table's option write.")));
}

/* The attribute that is the source's column of that name; 0: there is none. */
static AttrNumber
find_column(Oid relid, const char *name)
{
	Relation	relation = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(relation);
	AttrNumber	found = 0;

	for (int i = 1; i <= desc->natts && found == 0; i++)
		if (!TupleDescAttr(desc, i - 1)->attisdropped && strcmp(remote_column_name(relid, i), name) == 0)
			found = i;
	table_close(relation, NoLock);
	return found;
}

List *
modify_filter_keys(const RemoteTable *table, CmdType operation)
{
	const CkChanges *changes = table->sql->changes;
	List	   *keys = NIL;

	if (!modify_filter_takes(table, operation))
		return NIL;
	for (const char *const *name = operation == CMD_UPDATE ? changes->update_keys : changes->delete_keys; name && *name; name++)
	{
		AttrNumber	attnum = find_column(table->relid, *name);

		if (attnum == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("foreign table \"%s\" lacks the column \"%s\", by which the source finds a row",
							get_rel_name(table->relid), *name),
					 errhint("Add it to the foreign table, or set the option column_name of the one that it is.")));
		keys = lappend_int(keys, attnum);
	}
	return keys;
}

int
modify_filter_skip(const RemoteTable *table)
{
	if (table->sql->changes->skips)
		return MODIFY_SKIP;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("foreign table \"%s\" takes no INSERT with ON CONFLICT", get_rel_name(table->relid)),
			 errhint("The manifest of the connector, or the table's option write, would have to say how the source tells a "
					 "duplicate.")));
}

List *
modify_filter_stored(const RemoteTable *table, CmdType operation, List *stored, List *named)
{
	List	   *taken = NIL;
	ListCell   *lc;

	foreach(lc, stored)
	{
		AttrNumber	attnum = (AttrNumber) lfirst_int(lc);

		if (table->sql->changes->stores(table->sql, modify_bit(operation), remote_column_name(table->relid, attnum)))
			taken = lappend_int(taken, attnum);
		else if (list_member_int(named, attnum))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" of foreign table \"%s\" cannot be set by %s",
							get_attname(table->relid, attnum, false), get_rel_name(table->relid), kind_name(operation)),
					 errhint("Leave it out; which columns may be set is said by the manifest of the connector, or by the table's "
							 "option write.")));
	}
	return taken;
}

/* Writes UPDATE or DELETE of the one row with the keys; *places gets the number of each value. */
static char *
row_sql(const RemoteTable *table, CmdType operation, List *stored, List *keys, List **places)
{
	StringInfoData text;
	ListCell   *lc;
	int			n = 0;

	initStringInfo(&text);
	appendStringInfoString(&text, operation == CMD_UPDATE ? "UPDATE " : "DELETE FROM ");
	remote_name(&text, table);
	foreach(lc, stored)
	{
		appendStringInfoString(&text, lc == list_head(stored) ? " SET " : ", ");
		remote_bare_column(&text, table, 0, (AttrNumber) lfirst_int(lc));
		appendStringInfoString(&text, " = ?");
		*places = lappend_int(*places, ++n);
	}
	foreach(lc, keys)
	{
		appendStringInfoString(&text, lc == list_head(keys) ? " WHERE " : " AND ");
		remote_bare_column(&text, table, 0, (AttrNumber) lfirst_int(lc));
		appendStringInfoString(&text, " = ?");
		*places = lappend_int(*places, ++n);
	}
	return text.data;
}

List *
modify_filter_plan(PlannerInfo *root, const RemoteTable *table, ModifyTable *plan, Index varno, int subplan_index)
{
	List	   *returned = modify_returned(root, plan, varno, subplan_index);
	List	   *stored = NIL,
			   *unsent = NIL,
			   *keys = NIL,
			   *places = NIL;
	bool		triggers = modify_has_before_triggers(table->relid, plan->operation);
	int			flags = 0;
	char	   *text = "";

	if (plan->operation == CMD_INSERT)
	{
		List	   *named = modify_named_columns(root->parse);

		if (plan->onConflictAction == ONCONFLICT_NOTHING)
			flags = modify_filter_skip(table);
		stored = modify_filter_stored(table, CMD_INSERT, modify_stored_attributes(table->relid, triggers ? NIL : named), named);
		if (triggers)
			unsent = list_difference_int(modify_stored_attributes(table->relid, NIL), stored);
		text = modify_insert_sql(table, stored, flags, 1);
	}
	else
	{
		keys = modify_filter_keys(table, plan->operation);
		if (plan->operation == CMD_UPDATE)
		{
			List	   *named = list_nth(plan->updateColnosLists, subplan_index);

			stored = modify_filter_stored(table, CMD_UPDATE, modify_stored_attributes(table->relid, named), named);
			if (triggers)
				unsent = list_difference_int(modify_stored_attributes(table->relid, NIL), stored);
		}
		if (plan->operation == CMD_DELETE || stored != NIL)
			text = row_sql(table, plan->operation, stored, keys, &places);
		flags = MODIFY_STRICT | modify_joins_nothing(root);
		if (plan->operation == CMD_DELETE && returned != NIL)
			flags |= MODIFY_READ;
	}
	if (!(flags & MODIFY_READ))
		modify_check_returning(table, plan->operation, returned, table->sql->returning, false);
	return list_concat(list_make5(makeString(text), stored, keys, places, flags & MODIFY_READ ? NIL : returned),
					   list_make4(makeInteger(flags), makeString(""), NIL, unsent));
}

/* The row that was read, from the subplan's; its memory is the subplan's. */
static HeapTupleData
read_row(AttrNumber whole, TupleTableSlot *plan_slot)
{
	bool		isnull;
	HeapTupleHeader header = DatumGetHeapTupleHeader(ExecGetJunkAttribute(plan_slot, whole, &isnull));
	HeapTupleData row = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};

	return row;
}

void
modify_filter_check_row(const RemoteTable *table, List *unsent, AttrNumber whole, TupleTableSlot *slot,
						TupleTableSlot *plan_slot)
{
	HeapTupleData before;
	ListCell   *lc;

	if (unsent == NIL)
		return;
	if (whole > 0)
		before = read_row(whole, plan_slot);
	foreach(lc, unsent)
	{
		AttrNumber	attnum = (AttrNumber) lfirst_int(lc);
		Form_pg_attribute attribute = TupleDescAttr(slot->tts_tupleDescriptor, attnum - 1);
		bool		isnull,
					was_null = true;
		Datum		value = slot_getattr(slot, attnum, &isnull);
		Datum		was = whole > 0 ? heap_getattr(&before, attnum, slot->tts_tupleDescriptor, &was_null) : (Datum) 0;

		if (isnull ? was_null : !was_null && datum_image_eq(value, was, attribute->attbyval, attribute->attlen))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 whole > 0 ?
				 errmsg("column \"%s\" of foreign table \"%s\" was changed by a trigger, but not by the statement",
						NameStr(attribute->attname), get_rel_name(table->relid)) :
				 errmsg("column \"%s\" of foreign table \"%s\" cannot be set by INSERT", NameStr(attribute->attname),
						get_rel_name(table->relid)),
				 whole > 0 ? errhint("Name the column in the statement's SET, if the source lets it be changed.") :
				 errhint("Let it be NULL; which columns may be set is said by the manifest of the connector, or by the table's "
						 "option write.")));
	}
}

void
modify_filter_put_read(AttrNumber whole, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	HeapTupleData row = read_row(whole, plan_slot);

	ExecClearTuple(slot);
	heap_deform_tuple(&row, slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
}
