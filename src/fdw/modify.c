/*
 * modify.c: INSERT, UPDATE and DELETE row by row: what is asked of the source for the rows that the executor brings.
 *
 * A row that is updated or deleted is found again by the columns with the option key, or by what the dialect calls its row id,
 * in the form in which they were read. The source says how many rows it found: there must be one.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "compat.h"
#include "fdw.h"
#include "modify.h"
#include "registry.h"
#include "value.h"

/* What PlanForeignModify() hands on */
enum
{
	MODIFY_SQL,					/* String: of an INSERT, of one row */
	MODIFY_STORED,				/* IntList: attributes whose values are stored */
	MODIFY_KEYS,				/* IntList: attributes, or row ids (negative), by which the row is found */
	MODIFY_PLACES,				/* IntList: for each placeholder, 1-based index in MODIFY_STORED and MODIFY_KEYS together */
	MODIFY_RETURNED,			/* IntList: attributes that the source returns */
	MODIFY_FLAGS				/* Integer: MODIFY_SKIP, MODIFY_ONCE */
};
#define MODIFY_SKIP	0x01		/* INSERT ... ON CONFLICT DO NOTHING */
#define MODIFY_ALONE 0x02		/* the statement joins nothing: every row comes once */

/* A change of one table while it runs. */
typedef struct TableChange
{
	RemoteTable table;
	CmdType		operation;
	CommandId	command;
	char	   *sql;
	List	   *stored;
	List	   *keys;
	List	   *places;
	List	   *returned;
	int			flags;
	ValueWriter *writers;		/* of stored and keys */
	AttrNumber *junk;			/* of each key, in the subplan's rows */
	const char *relation;

	SourceScan *scan;
	int			scan_rows;		/* of an INSERT, for which scan is */
	SourceScan *batch;			/* the same for a full batch */
	int			batch_rows;
	SourceScan *running;		/* that of the two whose rows are on their way to the source */
	MemoryContext context;		/* values on their way */
} TableChange;

/*
 * Planning
 */

/* The name of a key among the columns of a subplan; other tables of an inheritance tree may have other types. */
static char *
junk_name(Oid relid, AttrNumber attnum)
{
	return attnum < 0 ? psprintf("connkit row %d", -attnum) :
		psprintf("connkit key %s %u", get_attname(relid, attnum, false), get_atttype(relid, attnum));
}

/* Attributes or row ids that tell a row of the table from all others; NIL where there are none. */
static List *
row_identity(Oid relid, const CkSql *sql)
{
	List	   *keys = remote_keys(relid);

	return keys != NIL || sql == NULL ? keys : remote_row_ids(sql);
}

void
fdw_add_update_targets(PlannerInfo *root, Index rtindex, RangeTblEntry *target_rte, Relation target_relation)
{
	Oid			relid = RelationGetRelid(target_relation);
	RemoteTable table;
	ListCell   *lc;

	remote_table_init(&table, relid, GetUserId());
	foreach(lc, row_identity(relid, table.sql))
	{
		AttrNumber	attnum = (AttrNumber) lfirst_int(lc);
		Oid			type = TEXTOID,
					collation = InvalidOid;
		int32		typmod = -1;

		if (attnum > 0)
			get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
		add_row_identity_var(root, makeVar(rtindex, attnum, type, typmod, collation, 0), rtindex, junk_name(relid, attnum));
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

/* Attributes of the list, or with NIL all, that are stored at the source: not what is generated here. */
static List *
stored_attributes(Oid relid, List *wanted)
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

/* True where the table has triggers that may change a row before it is stored. */
static bool
has_before_triggers(Oid relid, CmdType operation)
{
	Relation	relation = table_open(relid, NoLock);
	TriggerDesc *triggers = relation->trigdesc;
	bool		found = triggers && (operation == CMD_INSERT ? triggers->trig_insert_before_row :
									 triggers->trig_update_before_row);

	table_close(relation, NoLock);
	return found;
}

/* The columns that an INSERT names: the source's defaults serve for the others. */
static List *
named_columns(Query *query)
{
	List	   *named = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			named = lappend_int(named, lfirst_node(TargetEntry, lc)->resno);
	return named;
}

/* Appends the names of columns, in parentheses. */
static void
column_list(StringInfo text, const RemoteTable *table, List *columns)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		appendStringInfoString(text, lc == list_head(columns) ? "(" : ", ");
		remote_bare_column(text, table, 0, (AttrNumber) lfirst_int(lc));
	}
	appendStringInfoChar(text, ')');
}

/* The text of an INSERT of so many rows; places, if wanted, are those of one row. */
static char *
insert_sql(const RemoteTable *table, List *stored, List *returned, int flags, int rows)
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
		column_list(&text, table, stored);
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
	modify_returning(&text, table, returned);
	return text.data;
}

/* Writes UPDATE or DELETE of the one row with the keys; the placeholders' values in *places. */
static char *
row_sql(PlannerInfo *root, const RemoteTable *table, Index varno, CmdType operation, List *stored, List *keys,
		List *returned, List **places)
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
	modify_returning(&text, table, returned);
	*places = sql.places;
	return text.data;
}

List *
fdw_plan_modify(PlannerInfo *root, ModifyTable *plan, Index varno, int subplan_index)
{
	const RemoteTable *table = modify_target(root, varno);
	List	   *returned = modify_returned(root, plan, varno, subplan_index);
	List	   *stored = NIL,
			   *keys = NIL,
			   *places = NIL;
	int			flags = plan->onConflictAction == ONCONFLICT_NOTHING ? MODIFY_SKIP : 0;
	char	   *text = "";

	modify_check(table);
	modify_check_returning(table, plan->operation, returned);
	if (plan->operation == CMD_INSERT)
	{
		List	   *named = named_columns(root->parse);

		if (has_before_triggers(table->relid, CMD_INSERT))
			named = NIL;
		else if (named == NIL)
			named = list_make1_int(0);
		stored = stored_attributes(table->relid, named);
		text = insert_sql(table, stored, returned, flags, 1);
	}
	else
	{
		keys = row_identity(table->relid, table->sql);
		if (keys == NIL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("rows of foreign table \"%s\" cannot be told apart", get_rel_name(table->relid)),
					 errdetail("What is not done by one statement at the source is done row by row."),
					 errhint("Set the option key on the columns of its primary key: "
							 "ALTER FOREIGN TABLE … ALTER COLUMN … OPTIONS (ADD key 'true').")));
		if (plan->operation == CMD_UPDATE)
			stored = stored_attributes(table->relid, has_before_triggers(table->relid, CMD_UPDATE) ? NIL :
									   list_nth(plan->updateColnosLists, subplan_index));
		if (plan->operation == CMD_DELETE || stored != NIL)
			text = row_sql(root, table, varno, plan->operation, stored, keys, returned, &places);
		if (bms_membership(COMPAT_QUERY_RELIDS(root)) != BMS_MULTIPLE || bms_equal(root->all_baserels, root->all_result_relids))
			flags |= MODIFY_ALONE;
	}
	return list_concat(list_make5(makeString(text), stored, keys, places, returned), list_make1(makeInteger(flags)));
}

/*
 * Execution
 */

static TableChange *
change_begin(EState *estate, ResultRelInfo *info, CmdType operation, List *stored, List *keys, List *returned)
{
	Relation	relation = info->ri_RelationDesc;
	TableChange *change = palloc0(sizeof(TableChange));
	const CkSql *sql;
	ListCell   *lc;
	int			i = 0;

	remote_table_init(&change->table, RelationGetRelid(relation), compat_result_user(info, estate));
	modify_check(&change->table);
	sql = change->table.sql;
	change->operation = operation;
	change->command = estate->es_output_cid;
	change->stored = stored;
	change->keys = keys;
	change->returned = returned;
	change->relation = RelationGetRelationName(relation);
	change->writers = palloc(sizeof(ValueWriter) * (list_length(stored) + list_length(keys) + 1));
	foreach(lc, stored)
		modify_writer_init(&change->writers[i++], sql, get_atttype(change->table.relid, (AttrNumber) lfirst_int(lc)));
	foreach(lc, keys)
		value_writer_init(&change->writers[i++],
						  lfirst_int(lc) < 0 ? TEXTOID : get_atttype(change->table.relid, (AttrNumber) lfirst_int(lc)),
						  sql->native && lfirst_int(lc) > 0);
	change->context = AllocSetContextCreate(estate->es_query_cxt, "connkit change", ALLOCSET_DEFAULT_SIZES);
	info->ri_FdwState = change;
	return change;
}

void
fdw_begin_modify(ModifyTableState *mtstate, ResultRelInfo *info, List *private, int subplan_index, int eflags)
{
	TableChange *change;
	List	   *tlist = outerPlanState(mtstate)->plan->targetlist;
	ListCell   *lc;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	change = change_begin(mtstate->ps.state, info, mtstate->operation, list_nth(private, MODIFY_STORED),
						  list_nth(private, MODIFY_KEYS), list_nth(private, MODIFY_RETURNED));
	change->sql = strVal(list_nth(private, MODIFY_SQL));
	change->places = list_nth(private, MODIFY_PLACES);
	change->flags = intVal(list_nth(private, MODIFY_FLAGS));
	change->junk = palloc(sizeof(AttrNumber) * (list_length(change->keys) + 1));
	foreach(lc, change->keys)
	{
		char	   *name = junk_name(change->table.relid, (AttrNumber) lfirst_int(lc));

		change->junk[foreach_current_index(lc)] = ExecFindJunkAttributeInTlist(tlist, name);
		if (!AttributeNumberIsValid(change->junk[foreach_current_index(lc)]))
			elog(ERROR, "could not find column \"%s\" of a subplan", name);
	}
}

/* A scan that runs such a statement. */
static SourceScan *
change_scan(EState *estate, TableChange *change, const char *sql)
{
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	CkColumn   *columns;
	Oid		   *types;
	int32	   *typmods;
	int		   *places;
	uint32		flags = modify_flags(&change->table, estate->es_sourceText);
	SourceScan *scan;

	if ((change->flags & MODIFY_SKIP) && !change->table.sql->on_conflict)
		flags |= CK_SCAN_SKIP_DUPLICATE;
	columns = remote_columns(&change->table, change->returned, &types, &typmods, &places);
	scan = scan_new(change->table.serverid, change->table.userid, change->table.options, sql,
					list_length(change->returned), columns, types, typmods, places, flags);
	scan->pub.table_name = change->table.table;
	scan->command = change->command;
	scan->table = change->table.relid;
	scan->relation = change->relation;
	MemoryContextSwitchTo(caller);
	fdw_settle(change->table.serverid, change->table.userid, change->command);
	return scan;
}

static const char *
utf8(const char *text)
{
	return pg_server_to_any(text, strlen(text), PG_UTF8);
}

/* What the rows of an INSERT are, for the connector. */
static CkInsert *
change_insert(EState *estate, TableChange *change)
{
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	CkInsert   *insert = palloc0(sizeof(CkInsert));
	const char **columns = palloc(sizeof(char *) * list_length(change->stored));
	uint32	   *types = palloc0(sizeof(uint32) * list_length(change->stored));
	StringInfoData relation,
				list;
	ListCell   *lc;

	initStringInfo(&relation);
	remote_name(&relation, &change->table);
	initStringInfo(&list);
	column_list(&list, &change->table, change->stored);
	foreach(lc, change->stored)
	{
		int			i = foreach_current_index(lc);
		Oid			type = get_atttype(change->table.relid, (AttrNumber) lfirst_int(lc));

		columns[i] = utf8(remote_column_name(change->table.relid, (AttrNumber) lfirst_int(lc)));
		if (!modify_as_text(change->table.sql, type))
			types[i] = getBaseType(type);
	}
	insert->relation = utf8(relation.data);
	insert->column_list = utf8(list.data);
	insert->ncolumns = list_length(change->stored);
	insert->columns = columns;
	insert->types = types;
	MemoryContextSwitchTo(caller);
	return insert;
}

/* The values of the statement's placeholders: what is stored, from the slot, and keys, from the subplan's row. */
static void
change_args(TableChange *change, CkValue *args, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	int			nstored = list_length(change->stored);
	CkValue    *values = palloc(sizeof(CkValue) * (nstored + list_length(change->keys) + 1));
	ListCell   *lc;

	foreach(lc, change->stored)
	{
		int			i = foreach_current_index(lc);
		AttrNumber	attnum = (AttrNumber) lfirst_int(lc);
		bool		isnull;
		Datum		datum = slot_getattr(slot, attnum, &isnull);

		modify_write(&values[i], &change->writers[i], &change->table, attnum, datum, isnull);
	}
	foreach(lc, change->keys)
	{
		int			i = foreach_current_index(lc);
		bool		isnull;
		Datum		datum = ExecGetJunkAttribute(plan_slot, change->junk[i], &isnull);

		value_write(&change->writers[nstored + i], &values[nstored + i], datum, isnull);
	}
	if (change->places == NIL)
		memcpy(args, values, sizeof(CkValue) * nstored);
	foreach(lc, change->places)
		args[foreach_current_index(lc)] = values[lfirst_int(lc) - 1];
}

/* The same for rows; the values live until the next call. */
static CkValue *
change_all_args(TableChange *change, TupleTableSlot **slots, TupleTableSlot *plan_slot, int rows, int *nargs)
{
	MemoryContext caller;
	CkValue    *args;
	volatile int each = change->places ? list_length(change->places) : list_length(change->stored);
	int			saved;

	MemoryContextReset(change->context);
	caller = MemoryContextSwitchTo(change->context);
	args = palloc(sizeof(CkValue) * (each * rows + 1));
	saved = change->table.sql->native ? value_encoding_begin() : -1;
	PG_TRY();
	{
		for (int i = 0; i < rows; i++)
			change_args(change, args + each * i, slots ? slots[i] : NULL, plan_slot);
	}
	PG_FINALLY();
	{
		value_encoding_end(saved);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	*nargs = each * rows;
	return args;
}

/* Runs the scan and puts the row that it returns, if one is wanted, into the slot, whose memory the arguments may stand in until
 * then; the rows affected. */
static int64
change_run(EState *estate, TableChange *change, SourceScan *scan, CkValue *args, int nargs, TupleTableSlot *slot)
{
	MemoryContext caller;
	Datum	   *values;
	bool	   *isnull;
	int			natts;
	bool		found;

	if (change->returned == NIL)
		return scan_change(scan, args, nargs);
	natts = slot->tts_tupleDescriptor->natts;
	scan_restart(scan, args, nargs);
	caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	values = palloc(sizeof(Datum) * natts);
	isnull = palloc(sizeof(bool) * natts);
	memset(isnull, true, natts);
	found = scan_next(scan, values, isnull);
	ExecClearTuple(slot);
	if (found)
	{
		memcpy(slot->tts_values, values, sizeof(Datum) * natts);
		memcpy(slot->tts_isnull, isnull, natts);
		ExecStoreVirtualTuple(slot);
		while (scan_next(scan, values, isnull))
			CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(caller);
	return scan->pub.affected;
}

/* Waits for the end of what was begun: an error is raised here; the rows affected. */
static int64
change_finish(TableChange *change)
{
	SourceScan *running = change->running;

	change->running = NULL;
	return running ? scan_change_end(running) : 0;
}

/* Rows that an INSERT has put in, of those it was given: a conflict, or a trigger at the source, may have kept some out. */
static int
inserted_rows(int64 affected, int rows)
{
	return affected < 0 ? rows : (int) Min(affected, rows);
}

TupleTableSlot *
fdw_insert(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	TableChange *change = info->ri_FdwState;
	int			nargs;
	CkValue    *args = change_all_args(change, &slot, plan_slot, 1, &nargs);
	int64		affected;

	if (change->scan && change->scan_rows != 1)
	{
		scan_end(change->scan);
		change->scan = NULL;
	}
	if (change->scan == NULL)
		change->scan = change_scan(estate, change, change->sql);
	change->scan_rows = 1;
	affected = change_run(estate, change, change->scan, args, nargs, slot);
	return inserted_rows(affected, 1) > 0 ? slot : NULL;
}

TupleTableSlot **
fdw_insert_batch(EState *estate, ResultRelInfo *info, TupleTableSlot **slots, TupleTableSlot **plan_slots, int *count)
{
	TableChange *change = info->ri_FdwState;
	int			nargs;
	CkValue    *args = change_all_args(change, slots, NULL, *count, &nargs);
	SourceScan **scan = *count == change->batch_rows ? &change->batch : &change->scan;

	change_finish(change);
	if (scan == &change->scan && change->scan && change->scan_rows != *count)
	{
		scan_end(change->scan);
		change->scan = NULL;
	}
	if (*scan == NULL)
	{
		*scan = change_scan(estate, change, insert_sql(&change->table, change->stored, NIL, change->flags, *count));
		if (!(change->flags & MODIFY_SKIP))
			(*scan)->pub.insert = change_insert(estate, change);
	}
	if (scan == &change->scan)
		change->scan_rows = *count;
	/* rows of a full batch are taken as put in, unless some are passed over; meanwhile the next come, where the source works by
	 * itself and was told all values */
	change->running = *scan;
	scan_change_begin(*scan, args, nargs);
	if ((change->flags & MODIFY_SKIP) || *count != change->batch_rows ||
		!registry_connector_of_server(change->table.serverid)->scan_pending)
		*count = inserted_rows(change_finish(change), *count);
	return *count > 0 ? slots : NULL;
}

/* Rows of one statement, as far as options and placeholders allow. */
static int
batch_rows(const RemoteTable *table, List *stored, int flags)
{
	int			most = table->sql->max_args > 0 ? (int) table->sql->max_args : 65535;

	if (stored == NIL || ((flags & MODIFY_SKIP) && !table->sql->on_conflict))
		return 1;
	return Max(1, Min((int) table->common.batch_size, most / list_length(stored)));
}

/* True where rows need not be looked at one by one. */
static bool
batch_fits(ResultRelInfo *info, List *returned)
{
	TriggerDesc *triggers = info->ri_TrigDesc;

	return returned == NIL && info->ri_projectReturning == NULL && info->ri_WithCheckOptions == NIL &&
		!(triggers && (triggers->trig_insert_before_row || triggers->trig_insert_after_row));
}

int
fdw_batch_size(ResultRelInfo *info)
{
	TableChange *change = info->ri_FdwState;

	if (change == NULL || !batch_fits(info, change->returned))
		return 1;
	change->batch_rows = batch_rows(&change->table, change->stored, change->flags);
	return change->batch_rows;
}

/* Runs UPDATE or DELETE of one row; NULL where there was none, in a statement whose rows may come more than once. */
static TupleTableSlot *
change_row(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	TableChange *change = info->ri_FdwState;
	int			nargs;
	CkValue    *args;
	int64		affected;

	if (change->sql[0] == '\0')
		return slot;
	if (change->operation == CMD_UPDATE && info->ri_RelationDesc->rd_rel->relispartition &&
		!ExecPartitionCheck(info, slot, estate, false))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot move a row out of foreign table \"%s\" into another partition", change->relation),
				 errhint("Delete it, and insert it again.")));
	args = change_all_args(change, &slot, plan_slot, 1, &nargs);
	if (change->scan == NULL)
		change->scan = change_scan(estate, change, change->sql);
	affected = change_run(estate, change, change->scan, args, nargs, slot);
	if (affected == 1 || affected < 0)
		return slot;
	if (affected > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("the key of a row of foreign table \"%s\" has found " INT64_FORMAT " rows at the source",
						change->relation, affected),
				 errhint("Set the option key on columns that are unique at the source.")));
	if (change->flags & MODIFY_ALONE)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a row of foreign table \"%s\" was not found again at the source", change->relation),
				 errdetail("It was changed or deleted since it was read, has no key, or a trigger at the source keeps it."),
				 errhint("Try the transaction again.")));
	return NULL;
}

TupleTableSlot *
fdw_update(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	return change_row(estate, info, slot, plan_slot);
}

TupleTableSlot *
fdw_delete(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot)
{
	return change_row(estate, info, slot, plan_slot);
}

/* Columns whose values a row has that is routed into the table, by COPY or from a partitioned table: the source's defaults serve
 * for those that neither the statement names nor a local default fills. */
static List *
routed_columns(ModifyTableState *mtstate, ResultRelInfo *info)
{
	TupleDesc	desc = RelationGetDescr(info->ri_RelationDesc);
	Bitmapset  *named = ExecGetInsertedCols(info, mtstate->ps.state);
	bool		all = mtstate->operation != CMD_INSERT ||
		has_before_triggers(RelationGetRelid(info->ri_RelationDesc), CMD_INSERT);
	List	   *columns = NIL;

	for (int i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i - 1);

		if (!attribute->attisdropped && !attribute->attgenerated &&
			(all || attribute->atthasdef || bms_is_member(i - FirstLowInvalidHeapAttributeNumber, named)))
			columns = lappend_int(columns, i);
	}
	return columns;
}

/* The columns that are needed back of a row that was routed. */
static List *
routed_returned(ModifyTableState *mtstate, ResultRelInfo *info)
{
	TupleDesc	desc = RelationGetDescr(info->ri_RelationDesc);
	bool		triggers = info->ri_TrigDesc && info->ri_TrigDesc->trig_insert_after_row;
	List	   *returned = NIL;

	if (!info->ri_projectReturning && !info->ri_returningList && !info->ri_WithCheckOptions && !triggers)
		return NIL;
	for (int i = 1; i <= desc->natts; i++)
		if (!TupleDescAttr(desc, i - 1)->attisdropped)
			returned = lappend_int(returned, i);
	return returned;
}

/* ERROR where rows that an UPDATE moves would be updated once more by what it still has to do in the table that they move to. */
static void
refuse_move(ModifyTableState *mtstate, ResultRelInfo *info)
{
	ModifyTable *plan = (ModifyTable *) mtstate->ps.plan;

	if (plan == NULL || plan->operation != CMD_UPDATE)
		return;
	for (ResultRelInfo *target = mtstate->resultRelInfo; target < mtstate->resultRelInfo + mtstate->mt_nrels; target++)
		if (RelationGetRelid(target->ri_RelationDesc) == RelationGetRelid(info->ri_RelationDesc))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot move rows into foreign table \"%s\", which the same UPDATE changes",
							RelationGetRelationName(info->ri_RelationDesc)),
					 errhint("Delete them, and insert them again.")));
}

void
fdw_begin_insert(ModifyTableState *mtstate, ResultRelInfo *info)
{
	ModifyTable *plan = (ModifyTable *) mtstate->ps.plan;
	TableChange *change;
	List	   *stored,
			   *returned;

	refuse_move(mtstate, info);
	stored = routed_columns(mtstate, info);
	returned = routed_returned(mtstate, info);
	change = change_begin(mtstate->ps.state, info, CMD_INSERT, stored, NIL, returned);
	if (plan && plan->onConflictAction == ONCONFLICT_NOTHING)
		change->flags |= MODIFY_SKIP;
	modify_check_returning(&change->table, CMD_INSERT, returned);
	change->sql = insert_sql(&change->table, stored, returned, change->flags, 1);
}

void
fdw_end_modify(EState *estate, ResultRelInfo *info)
{
	TableChange *change = info->ri_FdwState;

	if (change == NULL)
		return;
	change_finish(change);
	if (change->scan)
		scan_end(change->scan);
	if (change->batch)
		scan_end(change->batch);
	change->scan = change->batch = NULL;
}

int
fdw_updatable(Relation relation)
{
	RemoteTable table;

	remote_table_init(&table, RelationGetRelid(relation), GetUserId());
	return table.updatable ? (1 << CMD_INSERT) | (1 << CMD_UPDATE) | (1 << CMD_DELETE) : 0;
}

void
fdw_explain_modify(ModifyTableState *mtstate, ResultRelInfo *info, List *private, int subplan_index, ExplainState *es)
{
	RemoteTable table;
	char	   *sql = strVal(list_nth(private, MODIFY_SQL));

	if (!es->verbose || sql[0] == '\0')
		return;
	ExplainPropertyText("Remote SQL", sql, es);
	if (mtstate->operation != CMD_INSERT)
		return;
	remote_table_init(&table, RelationGetRelid(info->ri_RelationDesc), GetUserId());
	ExplainPropertyInteger("Batch Size", NULL, !batch_fits(info, list_nth(private, MODIFY_RETURNED)) ? 1 :
						   batch_rows(&table, list_nth(private, MODIFY_STORED), intVal(list_nth(private, MODIFY_FLAGS))), es);
}
