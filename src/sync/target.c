/*
 * target.c: the local table of a sync: made where it is missing, looked at where it is there.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/ruleutils.h"

#include "change.h"
#include "discover.h"
#include "sync.h"

/* Room for new versions of rows beside the old ones, in targets whose rows change. */
#define FILLFACTOR 80

static void
run_sql(const char *sql, int expected)
{
	int			result = SPI_execute(sql, false, 0);

	if (result != expected)
		elog(ERROR, "SPI_execute failed (%s): %s", SPI_result_code_string(result), sql);
}

char *
target_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

static bool
names_contain(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

static SyncColumn *
column_named(Sync *sync, const char *name)
{
	ListCell   *lc;

	foreach(lc, sync->columns)
	{
		SyncColumn *column = lfirst(lc);

		if (strcmp(column->name, name) == 0)
			return column;
	}
	return NULL;
}

static void
add_field(Sync *sync, const char *name, const char *expression, SyncColumn *column)
{
	SyncField  *field = palloc0(sizeof(SyncField));
	ListCell   *lc;

	foreach(lc, sync->fields)
		if (strcmp(((SyncField *) lfirst(lc))->name, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("sync \"%s\" fills column \"%s\" of its target twice", sync->name, name),
					 errhint("Give one of them another name in the mapping.")));
	field->name = pstrdup(name);
	field->column = column;
	field->expression = pstrdup(expression ? expression : quote_identifier(column->name));
	field->type = column ? column->local_type : NULL;
	field->not_null = column && column->not_null;
	sync->fields = lappend(sync->fields, field);
}

/* The mapping's entries: fields; the columns in *plain are left out or have another name; *places are the target's columns
 * that entries fill. */
static void
mapped_fields(Sync *sync, bool add, List **plain, List **places)
{
	JsonbIterator *iterator = JsonbIteratorInit(&sync->mapping->root);
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *name = NULL;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *expression;
		SyncColumn *column;

		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token != WJB_VALUE)
			continue;
		if (value.type == jbvNull)
		{
			*plain = lappend(*plain, name);
			continue;
		}
		*places = lappend(*places, name);
		expression = pnstrdup(value.val.string.val, value.val.string.len);
		column = column_named(sync, expression);
		if (column)
			*plain = lappend(*plain, expression);
		/* a column that is left out, by a change of the source's table, is so under another name too */
		if (add && (column == NULL || column->fate == COLUMN_TAKEN))
			add_field(sync, name, column ? NULL : expression, column);
	}
}

/* Numbers the fields that are the key. */
static void
key_fields(Sync *sync)
{
	int			place = 0;
	int			keys = 0;
	ListCell   *lc;

	foreach(lc, sync->key_columns)
	{
		const char *name = lfirst(lc);
		bool		found = false;
		ListCell   *lf;

		place++;
		foreach(lf, sync->fields)
		{
			SyncField  *field = lfirst(lf);

			if (field->column && strcmp(field->column->name, name) == 0)
			{
				field->key = place;
				found = true;
			}
		}
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key column \"%s\" of sync \"%s\" is not among the columns that it takes", name, sync->name),
					 errhint("Change key_columns, columns or mapping with connkit_alter_sync().")));
	}
	if (sync->key_columns == NIL)
	{
		foreach(lc, sync->columns)
			keys += ((SyncColumn *) lfirst(lc))->key > 0;
		foreach(lc, sync->fields)
		{
			SyncField  *field = lfirst(lc);

			if (field->column && !field->rejects)
				field->key = field->column->key;
			place += field->key > 0;
		}
		/* a part of a key is none */
		if (place < keys)
			foreach(lc, sync->fields)
				((SyncField *) lfirst(lc))->key = place = 0;
	}
	foreach(lc, sync->columns)
	{
		SyncColumn *column = lfirst(lc);

		/* with columns of the source's key missing, rows of one key may be many */
		if (sync->key_columns && column->key > 0 && !names_contain(sync->key_columns, column->name))
			sync->source_keyed = false;
	}
	if (place == 0 && (sync->write == SYNC_UPSERT || sync->mode == SYNC_HISTORY))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("sync \"%s\" needs a key, and its source has none", sync->name),
				 errhint("Name the columns that tell its rows apart: connkit_alter_sync(…, '{\"key_columns\": […]}').")));
}

void
target_fields(Sync *sync)
{
	MemoryContext caller = MemoryContextSwitchTo(sync->context);
	List	   *plain = NIL;
	List	   *places = NIL;
	ListCell   *lc;

	sync->fields = NIL;
	if (sync->mapping)
		mapped_fields(sync, false, &plain, &places);
	foreach(lc, sync->take_columns)
		if (column_named(sync, lfirst(lc)) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the source of sync \"%s\" has no column \"%s\"", sync->name, (char *) lfirst(lc)),
					 errhint("Change columns with connkit_alter_sync().")));
	foreach(lc, sync->columns)
	{
		SyncColumn *column = lfirst(lc);

		if ((sync->take_columns && !names_contain(sync->take_columns, column->name)) ||
			names_contain(plain, column->name) || names_contain(places, column->target))
			continue;
		if (column->fate == COLUMN_TAKEN)
			add_field(sync, column->target, NULL, column);
		else if (column->fate == COLUMN_REJECTS)
		{
			add_field(sync, psprintf("connkit_rejects %s", column->name), NULL, column);
			((SyncField *) llast(sync->fields))->rejects = true;
		}
	}
	if (sync->mapping)
		mapped_fields(sync, true, &plain, &places);
	if (sync->fields == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("sync \"%s\" takes no column of its source", sync->name)));
	if (sync->cursor_column && column_named(sync, sync->cursor_column) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the source of sync \"%s\" has no column \"%s\" to be its cursor", sync->name,
						sync->cursor_column),
				 errhint("Change cursor_column with connkit_alter_sync().")));
	key_fields(sync);
	MemoryContextSwitchTo(caller);
}

Oid
target_find(Sync *sync, LOCKMODE lockmode)
{
	RangeVar   *name = makeRangeVar(sync->target_schema, sync->target_table, -1);
	Oid			target = RangeVarGetRelid(name, lockmode, true);
	char		kind;

	sync->target = target;
	if (!OidIsValid(target))
		return target;
	kind = get_rel_relkind(target);
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("target %s of sync \"%s\" is no table", target_name(target), sync->name)));
	if (IsCatalogRelationOid(target))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("target %s of sync \"%s\" is a system catalog", target_name(target), sync->name)));
	if (pg_class_aclcheck(target, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(kind), get_rel_name(target));
	return target;
}

/* Names of the key's columns in their order, divided by commas; NULL where there is none. */
static char *
key_list(Sync *sync)
{
	StringInfoData list;
	ListCell   *lc;
	int			place = 0;

	initStringInfo(&list);
	for (bool found = true; found;)
	{
		found = false;
		place++;
		foreach(lc, sync->fields)
		{
			SyncField  *field = lfirst(lc);

			if (field->key != place)
				continue;
			appendStringInfo(&list, "%s%s", place > 1 ? ", " : "", quote_identifier(field->name));
			found = true;
		}
	}
	return list.len > 0 ? list.data : NULL;
}

void
target_make(Sync *sync)
{
	char	   *name = quote_qualified_identifier(sync->target_schema, sync->target_table);
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE %s (", name);
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);

		if (!field->rejects)
			appendStringInfo(&sql, "%s%s %s%s", sql.data[sql.len - 1] == '(' ? "" : ", ", quote_identifier(field->name),
							 field->type, field->not_null || field->key ? " NOT NULL" : "");
	}
	if (sync->mode == SYNC_HISTORY)
		appendStringInfoString(&sql, ", valid_from timestamptz NOT NULL, valid_to timestamptz, is_current boolean NOT NULL");
	else if (sync->deletes == SYNC_DELETES_SOFT)
		appendStringInfo(&sql, ", %s timestamptz", quote_identifier(sync->deleted_column));
	appendStringInfoChar(&sql, ')');
	if (sync->write == SYNC_UPSERT)
		appendStringInfo(&sql, " WITH (fillfactor = %d)", FILLFACTOR);
	run_sql(sql.data, SPI_OK_UTILITY);
	if (sync->comment)
		run_sql(psprintf("COMMENT ON TABLE %s IS %s", name, quote_literal_cstr(sync->comment)), SPI_OK_UTILITY);
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);

		if (field->column && field->column->comment && !field->rejects)
			run_sql(psprintf("COMMENT ON COLUMN %s.%s IS %s", name, quote_identifier(field->name),
							 quote_literal_cstr(field->column->comment)), SPI_OK_UTILITY);
	}
	(void) target_find(sync, AccessExclusiveLock);
	sync->new_target = sync->made_target = true;
}

/* An index of the source's table, as far as it was told. */
typedef struct SourceIndex
{
	char	   *name;
	bool		usable;			/* all its columns are taken */
	StringInfoData columns;
} SourceIndex;

typedef struct IndexWalk
{
	Sync	   *sync;
	MemoryContext context;
	List	   *indexes;
} IndexWalk;

static void
index_found(CkCatalog *catalog, const CatalogIndex *found)
{
	IndexWalk  *walk = catalog->arg;
	MemoryContext caller = MemoryContextSwitchTo(walk->context);
	SourceIndex *index = walk->indexes ? llast(walk->indexes) : NULL;
	const char *name = NULL;
	ListCell   *lc;

	if (index == NULL || strcmp(index->name, found->name) != 0)
	{
		index = palloc0(sizeof(SourceIndex));
		index->name = pstrdup(found->name);
		index->usable = true;
		initStringInfo(&index->columns);
		walk->indexes = lappend(walk->indexes, index);
	}
	foreach(lc, walk->sync->fields)
	{
		SyncField  *field = lfirst(lc);

		if (!field->rejects && field->column && strcmp(field->column->name, found->column) == 0)
			name = field->name;
	}
	if (name)
		appendStringInfo(&index->columns, "%s%s", index->columns.len > 0 ? ", " : "", quote_identifier(name));
	index->usable &= name != NULL;
	MemoryContextSwitchTo(caller);
}

/* The source's indexes of plain columns, as far as the sync takes them; the key has its own. What is unique there need not be
 * in every state that the target goes through, so they are not. */
static void
make_indexes(Sync *sync, const char *keys)
{
	IndexWalk	walk = {.sync = sync, .context = CurrentMemoryContext};
	CkCatalog	catalog = {
		.schemas = sync->schema_name ? list_make1(makeString(sync->schema_name)) : NIL,
		.tables = list_make1(makeString(sync->table_name)),
		.default_schema = sync->schema_name == NULL,
		.index = index_found, .arg = &walk
	};
	ListCell   *lc;

	discover_walk(&catalog, sync->serverid, GetUserId());
	foreach(lc, walk.indexes)
	{
		SourceIndex *index = lfirst(lc);

		if (index->usable && !(keys && strcmp(keys, index->columns.data) == 0))
			run_sql(psprintf("CREATE INDEX ON %s (%s)", target_name(sync->target), index->columns.data), SPI_OK_UTILITY);
	}
}

void
target_finish(Sync *sync)
{
	char	   *keys = key_list(sync);

	/* rows that are appended may have one key many times */
	if (keys && sync->write != SYNC_APPEND)
		run_sql(psprintf("ALTER TABLE %s ADD PRIMARY KEY (%s%s)", target_name(sync->target), keys,
						 sync->mode == SYNC_HISTORY ? ", valid_from" : ""), SPI_OK_UTILITY);
	if (sync->create_indexes && sync->table_name)
		make_indexes(sync, sync->write == SYNC_APPEND ? NULL : keys);
}

bool
target_is_plain(Oid target)
{
	Relation	relation = table_open(target, NoLock);
	bool		plain = relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_rel->relam == HEAP_TABLE_AM_OID &&
	!relation->rd_rel->relhassubclass && !relation->rd_rel->relhasrules && !relation->rd_rel->relispartition &&
	relation->trigdesc == NULL && check_enable_rls(target, InvalidOid, true) != RLS_ENABLED &&
	!replace_is_distributed(target);

	table_close(relation, NoLock);
	return plain;
}

Oid
target_make_temporary(const char *sql, const char *name)
{
	Oid			user;
	int			context;

	/* no user's code runs in this */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(user, context & ~SECURITY_RESTRICTED_OPERATION);
	run_sql(sql, SPI_OK_UTILITY);
	SetUserIdAndSecContext(user, context);
	return RangeVarGetRelid(makeRangeVar("pg_temp", pstrdup(name), -1), NoLock, false);
}

/* ERROR where a value of the key could not be brought back to the source's type: two of them might become one unseen. */
static void
check_key(Sync *sync, SyncField *field)
{
	Oid			type = get_atttype(sync->target, get_attnum(sync->target, field->name));
	Oid			source_type;
	int32		source_typmod;
	Oid			function;

	if (sync->source_keyed && change_known_type(field->column->local_type, &source_type, &source_typmod) &&
		source_type != type &&
		find_coercion_pathway(source_type, type, COERCION_EXPLICIT, &function) == COERCION_PATH_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of target %s is of type %s, which cannot tell the source's keys of type %s apart",
						field->name, target_name(sync->target), format_type_be(type), format_type_be(source_type)),
				 errhint("Give it the source's type, or name other key_columns with connkit_alter_sync().")));
}

void
target_check(Sync *sync)
{
	ListCell   *lc;

	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);
		AttrNumber	number = field->rejects ? 1 : get_attnum(sync->target, field->name);

		if (number <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("target %s of sync \"%s\" has no column \"%s\"", target_name(sync->target), sync->name,
							field->name),
					 errhint("Add it, or leave it out by the sync's columns or mapping.")));
		if (!field->rejects && get_attgenerated(sync->target, number))
			ereport(ERROR,
					(errcode(ERRCODE_GENERATED_ALWAYS),
					 errmsg("column \"%s\" of target %s is generated", field->name, target_name(sync->target)),
					 errhint("Leave it out by the sync's columns or mapping.")));
		if (field->key > 0 && !field->rejects)
			check_key(sync, field);
	}
}

/* Gives the stage the target's check constraints on columns that it has. Constants in them may be of domains, whose checks are
 * the owner's code: this is no part of target_make_temporary(). */
static void
add_checks(Sync *sync, Oid stage)
{
	StringInfoData sql;
	Oid			types[] = {OIDOID, TEXTARRAYOID};
	ArrayBuildState *names = NULL;
	Datum		values[2];
	ListCell   *lc;

	foreach(lc, sync->fields)
		names = accumArrayResult(names, CStringGetTextDatum(((SyncField *) lfirst(lc))->name), false, TEXTOID,
								 CurrentMemoryContext);
	values[0] = ObjectIdGetDatum(sync->target);
	values[1] = makeArrayResult(names, CurrentMemoryContext);
	/* not read only: the run may have altered the target just now */
	if (SPI_execute_with_args("SELECT pg_catalog.pg_get_constraintdef(c.oid) FROM pg_catalog.pg_constraint AS c"
							  " WHERE c.conrelid = $1 AND c.contype = 'c' AND c.convalidated AND c.conkey IS NOT NULL"
							  " AND (SELECT pg_catalog.bool_and(a.attname::pg_catalog.text = ANY ($2))"
							  " FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))",
							  2, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "the target's constraints could not be read");
	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER TABLE %s", target_name(stage));
	for (uint64 i = 0; i < SPI_processed; i++)
		appendStringInfo(&sql, "%s ADD %s", i > 0 ? "," : "", SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
	if (SPI_processed > 0)
		run_sql(sql.data, SPI_OK_UTILITY);
}

Oid
target_stage(Sync *sync, bool keys, bool with_cursor)
{
	char	   *name = psprintf(keys ? "connkit_keys_" INT64_FORMAT : "connkit_stage_" INT64_FORMAT, sync->id);
	Relation	target = table_open(sync->target, NoLock);
	TriggerDesc *triggers = target->trigdesc;
	/* a row that the target will refuse is rejected here, by itself; but a trigger might mend it */
	bool		checked = !keys && !(triggers && (triggers->trig_insert_before_row || triggers->trig_update_before_row));
	StringInfoData sql;
	Oid			stage;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TEMPORARY TABLE pg_temp.%s (", name);
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);
		AttrNumber	number = get_attnum(sync->target, field->name);
		Oid			type;
		int32		typmod;
		Oid			collation;

		if (field->rejects || (keys && field->key == 0))
			continue;
		get_atttypetypmodcoll(sync->target, number, &type, &typmod, &collation);
		appendStringInfo(&sql, "%s%s %s", sql.data[sql.len - 1] == '(' ? "" : ", ", quote_identifier(field->name),
						 format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		if (OidIsValid(collation))
			appendStringInfo(&sql, " COLLATE %s",
							 generate_collation_name(collation));
		if (checked && TupleDescAttr(RelationGetDescr(target), number - 1)->attnotnull)
			appendStringInfoString(&sql, " NOT NULL");
	}
	table_close(target, NoLock);
	if (with_cursor)
		appendStringInfo(&sql, ", connkit_cursor %s", column_named(sync, sync->cursor_column)->local_type);
	appendStringInfoString(&sql, ") USING heap");
	stage = target_make_temporary(sql.data, name);
	if (checked)
		add_checks(sync, stage);
	return stage;
}
