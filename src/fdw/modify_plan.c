/*
 * modify_plan.c: plans of INSERT, UPDATE and DELETE row by row: the statements for the source, and how it finds a row again.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "compat.h"
#include "fdw.h"
#include "modify.h"

char *
modify_junk_name(Oid relid, AttrNumber attnum)
{
	Oid			type,
				collation;
	int32		typmod;

	if (attnum < 0)
		return psprintf("connkit row %d", -attnum);
	/* partitions share a column of the plan only where all of this is the same */
	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	return psprintf("connkit key %d %u %d %u", attnum, type, typmod, collation);
}

/* Attributes or row ids that tell a row of the table from all others, so that it can be changed; NIL where there are none. */
static List *
row_identity(const RemoteTable *table, CmdType operation)
{
	List	   *keys;

	if (table->sql && table->sql->filter)
		return modify_filter_keys(table, operation);
	keys = remote_keys(table->relid);
	return keys != NIL || table->sql == NULL ? keys : remote_row_ids(table->sql);
}

void
fdw_add_update_targets(PlannerInfo *root, Index rtindex, RangeTblEntry *target_rte, Relation target_relation)
{
	Oid			relid = RelationGetRelid(target_relation);
	RemoteTable table;
	ListCell   *lc;

	remote_table_init(&table, relid, GetUserId());
	/* a row that is deleted is returned as it was read */
	if (table.sql && table.sql->filter && root->parse->commandType == CMD_DELETE && root->parse->returningList)
		add_row_identity_var(root, makeVar(rtindex, InvalidAttrNumber, RECORDOID, -1, InvalidOid, 0), rtindex, "wholerow");
	foreach(lc, row_identity(&table, root->parse->commandType))
	{
		AttrNumber	attnum = (AttrNumber) lfirst_int(lc);
		Oid			type = TEXTOID,
					collation = InvalidOid;
		int32		typmod = -1;

		if (attnum > 0)
			get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
		add_row_identity_var(root, makeVar(rtindex, attnum, type, typmod, collation, 0), rtindex,
							 modify_junk_name(relid, attnum));
	}
}

/* A stand-in for the value number n, from 1 on, of a change. */
static Expr *
value_param(int n, Oid type, int32 typmod, Oid collation)
{
	Param	   *param = makeNode(Param);

	param->paramkind = PARAM_EXTERN;
	param->paramid = n;
	param->paramtype = type;
	param->paramtypmod = typmod;
	param->paramcollid = collation;
	param->location = -1;
	return (Expr *) param;
}

/* Appends the condition "attribute = value" by the dialect's rule. */
static void
key_condition(RemoteSql *sql, const RemoteTable *table, Index varno, AttrNumber attnum)
{
	Oid			type,
				collation;
	int32		typmod;
	TypeCacheEntry *entry;
	Oid			left,
				right;
	Expr	   *value,
			   *column,
			   *condition;

	get_atttypetypmodcoll(table->relid, attnum, &type, &typmod, &collation);
	entry = lookup_type_cache(type, TYPECACHE_EQ_OPR);
	column = (Expr *) makeVar(varno, attnum, type, typmod, collation, 0);
	value = value_param(list_length(sql->params) + 1, type, typmod, collation);
	condition = NULL;
	if (OidIsValid(entry->eq_opr))
	{
		op_input_types(entry->eq_opr, &left, &right);
		if (left != type && !IsPolymorphicType(left))
		{
			column = (Expr *) makeRelabelType(column, left, -1, collation, COERCE_IMPLICIT_CAST);
			value = (Expr *) makeRelabelType(value, left, -1, collation, COERCE_IMPLICIT_CAST);
		}
		condition = make_opclause(entry->eq_opr, BOOLOID, false, column, value, InvalidOid, collation);
		set_opfuncid((OpExpr *) condition);
	}
	if (condition == NULL || remote_judge(sql->root, sql->relids, sql->dialect, condition) == PUSHED_NOT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a row of foreign table \"%s\" cannot be found by its column \"%s\"", get_rel_name(table->relid),
						get_attname(table->relid, attnum, false)),
				 errdetail("The source compares values of that type in another way."),
				 errhint("Set the option key on other columns.")));
	remote_condition(sql, condition);
}

/* Appends WHERE, for the one row that has these keys. */
static void
keys_condition(RemoteSql *sql, const RemoteTable *table, Index varno, List *keys)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		AttrNumber	attnum = (AttrNumber) lfirst_int(lc);
		int			before = list_length(sql->params);

		appendStringInfoString(sql->text, lc == list_head(keys) ? " WHERE " : " AND ");
		if (attnum > 0)
			key_condition(sql, table, varno, attnum);
		else
		{
			sql->params = lappend(sql->params, value_param(before + 1, TEXTOID, -1, InvalidOid));
			sql->places = lappend_int(sql->places, before + 1);
			appendStringInfo(sql->text, "%s = ", remote_row_id_name(table->sql, attnum));
			if (table->sql->numbered)
				appendStringInfo(sql->text, "$%d", before + 1);
			else
				appendStringInfoChar(sql->text, '?');
		}
	}
}

List *
modify_stored_attributes(Oid relid, List *wanted)
{
	Relation	relation = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(relation);
	List	   *stored = NIL;

	for (int i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i - 1);

		if (!attribute->attisdropped && !attribute->attgenerated && (wanted == NIL || list_member_int(wanted, i)))
			stored = lappend_int(stored, i);
	}
	table_close(relation, NoLock);
	return stored;
}

bool
modify_has_before_triggers(Oid relid, CmdType operation)
{
	Relation	relation = table_open(relid, NoLock);
	TriggerDesc *triggers = relation->trigdesc;
	bool		found = triggers && (operation == CMD_INSERT ? triggers->trig_insert_before_row :
									 triggers->trig_update_before_row);

	table_close(relation, NoLock);
	return found;
}

List *
modify_named_columns(Query *query)
{
	List	   *named = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			named = lappend_int(named, lfirst_node(TargetEntry, lc)->resno);
	/* not all */
	return named != NIL ? named : list_make1_int(0);
}

int
modify_joins_nothing(PlannerInfo *root)
{
	return bms_membership(COMPAT_QUERY_RELIDS(root)) != BMS_MULTIPLE || bms_equal(root->all_baserels, root->all_result_relids) ?
		MODIFY_ALONE : 0;
}

void
modify_column_list(StringInfo text, const RemoteTable *table, List *columns)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		appendStringInfoString(text, lc == list_head(columns) ? "(" : ", ");
		remote_bare_column(text, table, 0, (AttrNumber) lfirst_int(lc));
	}
	appendStringInfoChar(text, ')');
}

char *
modify_insert_sql(const RemoteTable *table, List *stored, int flags, int rows)
{
	StringInfoData text;
	ListCell   *lc;
	int			n = 0;

	initStringInfo(&text);
	appendStringInfoString(&text, "INSERT INTO ");
	remote_name(&text, table);
	appendStringInfoChar(&text, ' ');
	if (stored == NIL)
		appendStringInfoString(&text, table->sql->default_row ? table->sql->default_row : "DEFAULT VALUES");
	else
	{
		modify_column_list(&text, table, stored);
		appendStringInfoString(&text, " VALUES ");
	}
	for (int row = 0; row < rows && stored != NIL; row++)
	{
		appendStringInfoString(&text, row == 0 ? "(" : ", (");
		foreach(lc, stored)
		{
			if (lc != list_head(stored))
				appendStringInfoString(&text, ", ");
			modify_placeholder(&text, table, (AttrNumber) lfirst_int(lc), ++n);
		}
		appendStringInfoChar(&text, ')');
	}
	if ((flags & MODIFY_SKIP) && table->sql->on_conflict)
		appendStringInfoString(&text, " ON CONFLICT DO NOTHING");
	return text.data;
}

/* Writes UPDATE or DELETE of the one row with the keys; the placeholders' values in *places. */
static char *
row_sql(PlannerInfo *root, const RemoteTable *table, Index varno, CmdType operation, List *stored, List *keys, List **places)
{
	StringInfoData text;
	RemoteSql	sql = {.dialect = table->sql, .root = root, .relids = bms_make_singleton(varno), .text = &text};
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoString(&text, operation == CMD_UPDATE ? "UPDATE " : "DELETE FROM ");
	remote_name(&text, table);
	foreach(lc, stored)
	{
		AttrNumber	attnum = (AttrNumber) lfirst_int(lc);
		int			n = list_length(sql.params) + 1;

		appendStringInfoString(&text, lc == list_head(stored) ? " SET " : ", ");
		remote_bare_column(&text, table, 0, attnum);
		appendStringInfoString(&text, " = ");
		modify_placeholder(&text, table, attnum, n);
		sql.params = lappend(sql.params, value_param(n, get_atttype(table->relid, attnum), -1, InvalidOid));
		sql.places = lappend_int(sql.places, n);
	}
	keys_condition(&sql, table, varno, keys);
	*places = sql.places;
	return text.data;
}

/* Writes the query that reads attributes of the one row with the keys; in *places the key of each placeholder, from 1 on. */
static char *
again_sql(PlannerInfo *root, const RemoteTable *table, Index varno, List *keys, List *returned, List **places)
{
	StringInfoData text;
	RemoteSql	sql = {.dialect = table->sql, .root = root, .relids = bms_make_singleton(varno), .text = &text};
	bool		unplanned = root->simple_rel_array[varno] == NULL;

	initStringInfo(&text);
	appendStringInfoString(&text, "SELECT");
	remote_select_list(&text, table, returned);
	appendStringInfoString(&text, " FROM ");
	remote_name(&text, table);
	/* what is inserted into is not planned as a table that is read */
	if (unplanned)
	{
		RelPlan    *plan = palloc0(sizeof(RelPlan));

		plan->table = *table;
		root->simple_rel_array[varno] = makeNode(RelOptInfo);
		root->simple_rel_array[varno]->fdw_private = plan;
	}
	keys_condition(&sql, table, varno, keys);
	if (unplanned)
		root->simple_rel_array[varno] = NULL;
	*places = sql.places;
	return text.data;
}

/* The declared keys, if a row that is inserted can be found by them, since their values are told. */
static List *
inserted_keys(const RemoteTable *table, List *stored)
{
	List	   *keys = remote_keys(table->relid);

	return list_difference_int(keys, stored) == NIL ? keys : NIL;
}

List *
fdw_plan_modify(PlannerInfo *root, ModifyTable *plan, Index varno, int subplan_index)
{
	const RemoteTable *table = modify_target(root, varno);
	List	   *returned = modify_returned(root, plan, varno, subplan_index);
	List	   *stored = NIL,
			   *keys = NIL,
			   *places = NIL,
			   *again_places = NIL;
	int			flags = plan->onConflictAction == ONCONFLICT_NOTHING ? MODIFY_SKIP : 0;
	char	   *text = "",
			   *again = "";

	modify_check(table, plan->operation);
	if (table->sql->filter)
		return modify_filter_plan(root, table, plan, varno, subplan_index);
	if (plan->operation == CMD_INSERT)
	{
		List	   *named = modify_named_columns(root->parse);

		if (modify_has_before_triggers(table->relid, CMD_INSERT))
			named = NIL;
		stored = modify_stored_attributes(table->relid, named);
		text = modify_insert_sql(table, stored, flags, 1);
		if (returned != NIL && !table->sql->native)
			keys = inserted_keys(table, stored);
	}
	else
	{
		keys = row_identity(table, plan->operation);
		if (keys == NIL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("rows of foreign table \"%s\" cannot be told apart", get_rel_name(table->relid)),
					 errdetail("What is not done by one statement at the source is done row by row."),
					 errhint("Set the option key on the columns of its primary key: "
							 "ALTER FOREIGN TABLE … ALTER COLUMN … OPTIONS (ADD key 'true').")));
		if (plan->operation == CMD_UPDATE)
			stored = modify_stored_attributes(table->relid, modify_has_before_triggers(table->relid, CMD_UPDATE) ? NIL :
											  list_nth(plan->updateColnosLists, subplan_index));
		if (plan->operation == CMD_DELETE || stored != NIL)
			text = row_sql(root, table, varno, plan->operation, stored, keys, &places);
		flags |= modify_joins_nothing(root);
	}
	if (keys != NIL)
		again = again_sql(root, table, varno, keys, returned, &again_places);
	modify_check_returning(table, plan->operation, returned, table->sql->returning, keys != NIL);
	return list_concat(list_make5(makeString(text), stored, keys, places, returned),
					   list_make4(makeInteger(flags), makeString(again), again_places, NIL));
}
