/*
 * replace.c: a table's storage exchanged for that of a heap that was loaded beside it.
 *
 * The table keeps its rows of pg_class and pg_attribute, and with them all that refers to it: views, rights, foreign keys,
 * comments. The files of its heap and its indexes, and its TOAST table, change hands with those of a transient heap. Indexes
 * are built, the exchange is written to the catalogs, and foreign keys are checked, while readers go on in the old storage:
 * before the commit nobody else sees these catalog rows. Readers wait only from the end of all that to the commit.
 *
 * A transaction whose snapshot is older than the commit, and that reads the table for the first time after it, does not find
 * the old rows, as after TRUNCATE: it finds the new ones where they are stored frozen, as by COPY FREEZE, and else none. One
 * that has read the table and then waits to write to it is in a deadlock with the exchange, which fails one of both (40P01).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "access/visibilitymap.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "commands/tablecmds.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/slot.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "compat.h"
#include "sync.h"

/* The foreign keys that bind the table or refer to it (oids of pg_constraint): those whose triggers fire. */
static List *
foreign_keys(Relation rel)
{
	List	   *keys = NIL;
	int			i;

	for (i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgenabled != TRIGGER_DISABLED && RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_NONE)
			keys = list_append_unique_oid(keys, trigger->tgconstraint);
	}
	return keys;
}

static HeapTuple
foreign_key(Oid id)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(id));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for constraint %u", id);
	return tuple;
}

/* The other table of a foreign key; the table itself where the key refers to it. */
static Oid
foreign_key_other(Form_pg_constraint key, Oid table)
{
	return key->conrelid == table ? key->confrelid : key->conrelid;
}

/* The table and those that foreign keys connect with it, in the order of their oids. */
static List *
connected_tables(Relation rel)
{
	List	   *tables = list_make1_oid(RelationGetRelid(rel));
	ListCell   *cell;

	foreach(cell, foreign_keys(rel))
	{
		HeapTuple	tuple = foreign_key(lfirst_oid(cell));

		tables = list_append_unique_oid(tables, foreign_key_other((Form_pg_constraint) GETSTRUCT(tuple),
																  RelationGetRelid(rel)));
		ReleaseSysCache(tuple);
	}
	list_sort(tables, list_oid_cmp);
	return tables;
}

static const char *
foreign_key_obstacle(Relation rel)
{
	Oid			table = RelationGetRelid(rel);
	const char *obstacle = NULL;
	ListCell   *cell;

	foreach(cell, foreign_keys(rel))
	{
		HeapTuple	tuple = foreign_key(lfirst_oid(cell));
		Form_pg_constraint key = (Form_pg_constraint) GETSTRUCT(tuple);
		Oid			other = foreign_key_other(key, table);

		if (key->condeferred)
			obstacle = "foreign keys that concern it are deferred";
		else if (COMPAT_KEY_OVER_PERIOD(key))
			obstacle = "foreign keys over periods concern it";
		else if (pg_class_aclcheck(other, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
				 check_enable_rls(other, InvalidOid, true) == RLS_ENABLED)
			obstacle = "foreign keys connect it with a table that the current role cannot read";
		ReleaseSysCache(tuple);
	}
	return obstacle;
}

static bool
has_triggers(Relation rel)
{
	int			i;

	for (i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (!trigger->tgisinternal && trigger->tgenabled != TRIGGER_DISABLED)
			return true;
	}
	return false;
}

/* True where somebody decodes changes of the table from WAL, which does not tell of exchanged storage. */
static bool
is_decoded(Relation rel)
{
	bool		found = false;
	int			i;

	if (!RelationIsLogicallyLogged(rel))
		return false;
	if (compat_is_published(rel))
		return true;
	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (i = 0; i < max_replication_slots && !found; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];

		found = slot->in_use && slot->data.database == MyDatabaseId && strcmp(NameStr(slot->data.plugin), "pgoutput") != 0;
	}
	LWLockRelease(ReplicationSlotControlLock);
	return found;
}

bool
replace_is_distributed(Oid target)
{
	Oid			catalog = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
	AttrNumber	column = OidIsValid(catalog) ? get_attnum(catalog, "logicalrelid") : InvalidAttrNumber;
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	bool		found;

	if (column == InvalidAttrNumber)
		return false;
	rel = table_open(catalog, AccessShareLock);
	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(target));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Of an open table. */
static const char *
find_obstacle(Relation rel)
{
	Oid			target = RelationGetRelid(rel);

	if (rel->rd_rel->relkind != RELKIND_RELATION)
		return "it is not a plain table";
	if (!compat_relation_ownercheck(target, GetUserId()))
		return "the current role does not own it";
	if (IsSystemRelation(rel) || OidIsValid(getExtensionOfObject(RelationRelationId, target)))
		return "it belongs to the system or an extension";
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		return "it is temporary";
	if (rel->rd_rel->relispartition)
		return "it is a partition";
	if (rel->rd_rel->relam != HEAP_TABLE_AM_OID)
		return "its access method is not heap";
	if (find_inheritance_children(target, NoLock) != NIL)
		return "tables inherit from it";
	if (rel->rd_rules)
		return "it has rules";
	if (has_triggers(rel))
		return "it has triggers";
	if (check_enable_rls(target, InvalidOid, true) == RLS_ENABLED)
		return "row-level security applies to the current role";
	if (replace_is_distributed(target))
		return "it is distributed";
	if (is_decoded(rel))
		return "its changes are replicated logically";
	if (rel->rd_refcnt != 1)
		return "this session is reading it";
	if (AfterTriggerPendingOnRel(target))
		return "it has pending trigger events";
	return foreign_key_obstacle(rel);
}

/* The lock is released: to ask for a stronger one with it would be a deadlock between two who do so. */
const char *
replace_obstacle(Oid target)
{
	Relation	rel = relation_open(target, AccessShareLock);
	const char *obstacle = find_obstacle(rel);

	relation_close(rel, AccessShareLock);
	return obstacle;
}

/* At the end, each of two replacements would need the other's table free of writers. The locks are known to nobody else. */
void
replace_wait(Oid target)
{
	Relation	rel = OidIsValid(target) ? try_relation_open(target, AccessShareLock) : NULL;
	List	   *tables;
	ListCell   *cell;

	if (rel == NULL)
		return;
	tables = connected_tables(rel);
	relation_close(rel, AccessShareLock);
	foreach(cell, tables)
		LockDatabaseObject(RelationRelationId, lfirst_oid(cell), 0,
						   lfirst_oid(cell) == target ? ExclusiveLock : ShareLock);
}

Oid
replace_begin(Oid target)
{
	Relation	rel = table_open(target, ShareRowExclusiveLock);
	const char *obstacle = find_obstacle(rel);
	Oid			heap;

	if (obstacle)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot exchange the storage of table \"%s\": %s", RelationGetRelationName(rel), obstacle)));
	/* no VACUUM of the TOAST table is to hold up the end */
	if (OidIsValid(rel->rd_rel->reltoastrelid))
		LockRelationOid(rel->rd_rel->reltoastrelid, ShareUpdateExclusiveLock);
	heap = compat_make_new_heap(rel, ShareRowExclusiveLock);
	LockRelationOid(heap, AccessExclusiveLock);
	table_close(rel, NoLock);
	return heap;
}

/* The name of the index on the transient heap that is the counterpart of one on the target. */
static char *
counterpart_name(Oid index)
{
	return psprintf("pg_temp_%u", index);
}

/* index_create() for a counterpart of the index. */
static void
create_counterpart(Relation index, Relation heap)
{
	IndexInfo  *info = BuildIndexInfo(index);
	HeapTuple	class = SearchSysCache1(RELOID, ObjectIdGetDatum(RelationGetRelid(index)));
	List	   *names = NIL;
	Datum		opclasses,
				options;
	bool		is_null;
	int			i;

	if (!HeapTupleIsValid(class))
		elog(ERROR, "cache lookup failed for relation %u", RelationGetRelid(index));
	opclasses = SysCacheGetAttr(INDEXRELID, index->rd_indextuple, Anum_pg_index_indclass, &is_null);
	options = SysCacheGetAttr(RELOID, class, Anum_pg_class_reloptions, &is_null);
	if (is_null)
		options = (Datum) 0;
	for (i = 0; i < RelationGetNumberOfAttributes(index); i++)
		names = lappend(names, pstrdup(NameStr(TupleDescAttr(RelationGetDescr(index), i)->attname)));
	/* what CREATE INDEX CONCURRENTLY left half done binds nobody */
	if (!index->rd_index->indisready)
	{
		info->ii_Unique = false;
		info->ii_ExclusionOps = NULL;
	}
	compat_index_create(heap, counterpart_name(RelationGetRelid(index)), info, names, index,
						((oidvector *) DatumGetPointer(opclasses))->values, options);
	ReleaseSysCache(class);
}

/* Builds the counterpart of the index; an error for rows that it does not take names the target and the index. */
static void
build_counterpart(Relation rel, Oid indexid, Relation heap)
{
	MemoryContext context = CurrentMemoryContext;
	Relation	index = index_open(indexid, ShareRowExclusiveLock);

	PG_TRY();
	{
		create_counterpart(index, heap);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		{
			error->message = psprintf("could not build index \"%s\" on the new rows of table \"%s\"",
									  RelationGetRelationName(index), RelationGetRelationName(rel));
			error->table_name = pstrdup(RelationGetRelationName(rel));
			error->constraint_name = pstrdup(RelationGetRelationName(index));
		}
		else if (error->context == NULL)
			error->context = psprintf("building index \"%s\" of table \"%s\"", RelationGetRelationName(index),
									  RelationGetRelationName(rel));
		ReThrowError(error);
	}
	PG_END_TRY();
	index_close(index, NoLock);
}

void
replace_build(Oid target, Oid heapid)
{
	Relation	rel = table_open(target, NoLock);
	Relation	heap = table_open(heapid, NoLock);
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(rel))
		build_counterpart(rel, lfirst_oid(cell), heap);
	table_close(heap, NoLock);
	table_close(rel, NoLock);
}

/* Rows that this transaction has put into the table, or -1 where that was not counted. */
static float4
rows_inserted(Relation rel)
{
	PgStat_TableXactStatus *counts;
	float4		rows = 0;

	if (!COMPAT_IS_COUNTED(rel))
		return -1;
	for (counts = rel->pgstat_info->trans; counts; counts = counts->upper)
		rows += counts->tuples_inserted - counts->tuples_deleted;
	return rows;
}

/* Makes the TOAST table depend on its new owner. */
static void
own_toast(Oid toast, Oid owner)
{
	ObjectAddress toast_address,
				owner_address;

	if (!OidIsValid(toast))
		return;
	deleteDependencyRecordsFor(RelationRelationId, toast, false);
	ObjectAddressSet(toast_address, RelationRelationId, toast);
	ObjectAddressSet(owner_address, RelationRelationId, owner);
	recordDependencyOn(&toast_address, &owner_address, DEPENDENCY_INTERNAL);
}

/* Exchanges the files of two tables or indexes, and the TOAST tables. kept has the sizes of the new files after that, gone is
 * to be dropped. */
static void
exchange_files(Oid kept, Oid gone)
{
	Relation	catalog = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	kept_tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(kept));
	HeapTuple	gone_tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(gone));
	Form_pg_class a,
				b;
	FormData_pg_class old;

	if (!HeapTupleIsValid(kept_tuple) || !HeapTupleIsValid(gone_tuple))
		elog(ERROR, "cache lookup failed for relation %u or %u", kept, gone);
	a = (Form_pg_class) GETSTRUCT(kept_tuple);
	b = (Form_pg_class) GETSTRUCT(gone_tuple);
	if (!OidIsValid(a->relfilenode) || !OidIsValid(b->relfilenode) || a->relpersistence != b->relpersistence ||
		a->relam != b->relam)
		elog(ERROR, "storage of relations %u and %u does not match", kept, gone);

	compat_exchange_subids(kept, gone);
	memcpy(&old, a, CLASS_TUPLE_SIZE);
	a->relfilenode = b->relfilenode;
	a->reltablespace = b->reltablespace;
	a->reltoastrelid = b->reltoastrelid;
	a->relfrozenxid = b->relfrozenxid;
	a->relminmxid = b->relminmxid;
	a->relpages = b->relpages;
	a->reltuples = b->reltuples;
	a->relallvisible = b->relallvisible;
	COMPAT_SET_ALLFROZEN(a, COMPAT_ALLFROZEN(b));
	b->relfilenode = old.relfilenode;
	b->reltablespace = old.reltablespace;
	b->reltoastrelid = old.reltoastrelid;
	CatalogTupleUpdate(catalog, &kept_tuple->t_self, kept_tuple);
	CatalogTupleUpdate(catalog, &gone_tuple->t_self, gone_tuple);
	InvokeObjectPostAlterHookArg(RelationRelationId, kept, 0, InvalidOid, true);
	own_toast(a->reltoastrelid, kept);
	own_toast(b->reltoastrelid, gone);

	heap_freetuple(kept_tuple);
	heap_freetuple(gone_tuple);
	table_close(catalog, RowExclusiveLock);
	compat_close_files(kept);
	compat_close_files(gone);
}

/* Writes the transient heap's size to pg_class, as the planner is to know it. */
static void
note_size(Relation heap, float4 rows)
{
	Relation	catalog = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(RelationGetRelid(heap)));
	Form_pg_class class;
	BlockNumber all_visible,
				all_frozen;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", RelationGetRelid(heap));
	class = (Form_pg_class) GETSTRUCT(tuple);
	visibilitymap_count(heap, &all_visible, &all_frozen);
	class->relpages = RelationGetNumberOfBlocks(heap);
	class->relallvisible = all_visible;
	COMPAT_SET_ALLFROZEN(class, all_frozen);
	if (class->reltuples < 0)
		class->reltuples = rows;
	CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
	heap_freetuple(tuple);
	table_close(catalog, RowExclusiveLock);
	CommandCounterIncrement();
}

/* Locks the other tables against writers: a row that a foreign key finds must be there at the commit. */
static void
lock_others(Relation rel)
{
	ListCell   *cell;

	foreach(cell, connected_tables(rel))
	{
		if (lfirst_oid(cell) == RelationGetRelid(rel))
			continue;
		LockRelationOid(lfirst_oid(cell), ShareLock);
		(void) find_all_inheritors(lfirst_oid(cell), ShareLock, NULL);
	}
}

/* Deletes the old rows whose keys are not among the new ones, for what the foreign key does then to the rows that refer to
 * them. */
static void
delete_vanished(Relation rel, Relation heap, HeapTuple key)
{
	AttrNumber	referencing[INDEX_MAX_KEYS],
				columns[INDEX_MAX_KEYS];
	Oid			equal[INDEX_MAX_KEYS];
	StringInfoData sql;
	int			count;
	int			i;

	compat_foreign_key_columns(key, &count, referencing, columns, equal);
	initStringInfo(&sql);
	appendStringInfo(&sql, "DELETE FROM ONLY %s AS t WHERE NOT EXISTS (SELECT FROM ONLY %s AS h WHERE ",
					 target_name(RelationGetRelid(rel)), target_name(RelationGetRelid(heap)));
	for (i = 0; i < count; i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), columns[i] - 1);
		const char *name = quote_identifier(NameStr(column->attname));

		if (i > 0)
			appendStringInfoString(&sql, " AND ");
		generate_operator_clause(&sql, psprintf("t.%s", name), column->atttypid, equal[i], psprintf("h.%s", name),
								 column->atttypid);
	}
	appendStringInfoChar(&sql, ')');
	SPI_connect();
	if (SPI_execute(sql.data, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "SPI failed: %s", sql.data);
	SPI_finish();
}

/* Does to other tables' rows what their foreign keys say of rows that are deleted here. */
static void
act_on_vanished(Relation rel, Relation heap)
{
	ListCell   *cell;

	foreach(cell, foreign_keys(rel))
	{
		HeapTuple	tuple = foreign_key(lfirst_oid(cell));
		Form_pg_constraint key = (Form_pg_constraint) GETSTRUCT(tuple);

		if (key->conrelid != RelationGetRelid(rel) && key->confdeltype != FKCONSTR_ACTION_NOACTION &&
			key->confdeltype != FKCONSTR_ACTION_RESTRICT)
			delete_vanished(rel, heap, tuple);
		ReleaseSysCache(tuple);
	}
}

/* ERROR where rows break the foreign key. One that is not valid and refers to the target is not: its rows may have missed
 * theirs before. */
static void
check_foreign_key(Oid target, Oid id)
{
	HeapTuple	tuple = foreign_key(id);
	Form_pg_constraint key = (Form_pg_constraint) GETSTRUCT(tuple);
	Trigger		trigger = {0};
	Relation	referencing,
				referenced;

	if (key->conrelid == target || key->convalidated)
	{
		trigger.tgname = NameStr(key->conname);
		trigger.tgenabled = TRIGGER_FIRES_ON_ORIGIN;
		trigger.tgisinternal = true;
		trigger.tgconstrrelid = key->confrelid;
		trigger.tgconstrindid = key->conindid;
		trigger.tgconstraint = id;
		referencing = table_open(key->conrelid, AccessShareLock);
		referenced = table_open(key->confrelid, AccessShareLock);
		if (!RI_Initial_Check(&trigger, referencing, referenced))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("foreign key \"%s\" cannot be checked", NameStr(key->conname)),
					 errhint("The current role must be able to read both of its tables.")));
		table_close(referenced, NoLock);
		table_close(referencing, NoLock);
	}
	ReleaseSysCache(tuple);
}

/* Gives the TOAST table, that came with the new storage, the name that belongs to its table. */
static void
rename_toast(Relation rel)
{
	Oid			target = RelationGetRelid(rel);
	Oid			toast = rel->rd_rel->reltoastrelid;
	Oid			index;

	if (!OidIsValid(toast))
		return;
	index = toast_get_valid_index(toast, NoLock);
	RenameRelationInternal(toast, psprintf("pg_toast_%u", target), true, false);
	RenameRelationInternal(index, psprintf("pg_toast_%u_index", target), true, true);
	CommandCounterIncrement();
	ResetRelRewrite(toast);
	CommandCounterIncrement();
}

/* The lock against readers; serializable transactions that have read old rows learn that these are gone. */
static void
lock_out_readers(Relation rel)
{
	ListCell   *cell;

	LockRelationOid(RelationGetRelid(rel), AccessExclusiveLock);
	foreach(cell, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessExclusiveLock);

		TransferPredicateLocksToHeapRelation(index);
		index_close(index, NoLock);
	}
	TransferPredicateLocksToHeapRelation(rel);
	CheckTableForSerializableConflictIn(rel);
}

COMPAT_NORETURN static void
target_has_changed(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("table \"%s\" was changed while its rows were loaded", RelationGetRelationName(rel)),
			 errhint("Triggers and expressions of syncs must not alter the targets of others.")));
}

/* ERROR where the heap has not the columns of the target any more: another sync's code may have altered it since. */
static void
check_columns(Relation rel, Relation heap)
{
	TupleDesc	ours = RelationGetDescr(rel);
	TupleDesc	theirs = RelationGetDescr(heap);

	if (ours->natts != theirs->natts)
		target_has_changed(rel);
	for (int i = 0; i < ours->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(ours, i);
		Form_pg_attribute b = TupleDescAttr(theirs, i);

		if (a->atttypid != b->atttypid || a->atttypmod != b->atttypmod || a->attlen != b->attlen ||
			a->attbyval != b->attbyval || a->attalign != b->attalign || a->attcollation != b->attcollation ||
			a->attisdropped != b->attisdropped || (a->attnotnull && !b->attnotnull))
			target_has_changed(rel);
	}
}

/* The counterpart of the index; ERROR where it is none any more. */
static Oid
find_counterpart(Relation rel, Oid indexid, Oid heapid)
{
	Oid			result = get_relname_relid(counterpart_name(indexid), RelationGetNamespace(rel));
	Relation	index = index_open(indexid, NoLock);
	Relation	other;
	bool		same;

	if (!OidIsValid(result) || get_rel_relkind(result) != RELKIND_INDEX)
		target_has_changed(rel);
	other = index_open(result, NoLock);
	same = other->rd_index->indrelid == heapid && other->rd_rel->relam == index->rd_rel->relam &&
		other->rd_index->indnatts == index->rd_index->indnatts &&
		other->rd_index->indnkeyatts == index->rd_index->indnkeyatts;
	for (int i = 0; same && i < index->rd_index->indnatts; i++)
		same = other->rd_index->indkey.values[i] == index->rd_index->indkey.values[i] &&
			TupleDescAttr(RelationGetDescr(other), i)->atttypid == TupleDescAttr(RelationGetDescr(index), i)->atttypid;
	for (int i = 0; same && i < index->rd_index->indnkeyatts; i++)
		same = other->rd_opfamily[i] == index->rd_opfamily[i] && other->rd_opcintype[i] == index->rd_opcintype[i] &&
			other->rd_indcollation[i] == index->rd_indcollation[i] && other->rd_indoption[i] == index->rd_indoption[i];
	index_close(other, NoLock);
	index_close(index, NoLock);
	if (!same)
		target_has_changed(rel);
	return result;
}

void
replace_exchange(Oid target, Oid heapid)
{
	Relation	rel = table_open(target, NoLock);
	Relation	heap = table_open(heapid, NoLock);
	float4		rows = rows_inserted(heap);
	ListCell   *cell;

	lock_others(rel);
	act_on_vanished(rel, heap);
	CheckTableNotInUse(rel, "replace");
	check_columns(rel, heap);
	note_size(heap, rows);
	pgstat_count_truncate(rel);
	if (rows > 0)
		pgstat_count_heap_insert(rel, rows);
	table_close(heap, NoLock);
	exchange_files(target, heapid);
	foreach(cell, RelationGetIndexList(rel))
		exchange_files(lfirst_oid(cell), find_counterpart(rel, lfirst_oid(cell), heapid));
	CommandCounterIncrement();
	RelationClearMissing(rel);
	CommandCounterIncrement();
	table_close(rel, NoLock);
}

void
replace_check(Oid target)
{
	Relation	rel = table_open(target, NoLock);
	List	   *keys = foreign_keys(rel);
	ListCell   *cell;

	table_close(rel, NoLock);
	foreach(cell, keys)
		check_foreign_key(target, lfirst_oid(cell));
}

void
replace_end(Oid target, Oid heapid)
{
	Relation	rel = table_open(target, NoLock);
	ObjectAddress address;

	lock_out_readers(rel);
	ObjectAddressSet(address, RelationRelationId, heapid);
	performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	rename_toast(rel);
	table_close(rel, NoLock);
}

void
replace_finish(Oid target, Oid heapid)
{
	replace_exchange(target, heapid);
	replace_check(target);
	replace_end(target, heapid);
}
