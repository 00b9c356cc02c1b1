/*
 * apply.c: rows of a stage into the target: append, merge, history, deletions.
 *
 * In the statements a is the target, s the stage, and $1 the time of the transaction, or for history one that is later
 * than the versions at hand. Rows differ where their images do (*<>): that holds for types without equality, and tells 1.0
 * from 1.00. Columns of the key are written only where equal values may look different.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "change.h"
#include "merge.h"
#include "registry.h"
#include "sync.h"

typedef struct Apply
{
	Sync	   *sync;
	SyncRun    *run;
	Oid			stage_id;
	char	   *target;
	char	   *stage;
	Datum		at;				/* timestamptz, $1 of the statements */
	int			guc_level;
} Apply;

typedef enum FieldChoice
{
	ALL_FIELDS,
	KEY_FIELDS,
	CHANGING_FIELDS				/* in which two rows of one key may differ */
} FieldChoice;

static uint64 apply_sql(Apply *apply, const char *format,...) pg_attribute_printf(2, 3);

/* Runs a statement and returns the number of its rows. */
static uint64
apply_sql(Apply *apply, const char *format,...)
{
	StringInfoData sql;
	Oid			type = TIMESTAMPTZOID;
	int			result;
	int			needed;

	initStringInfo(&sql);
	do
	{
		va_list		args;

		va_start(args, format);
		needed = appendStringInfoVA(&sql, format, args);
		va_end(args);
		if (needed > 0)
			enlargeStringInfo(&sql, needed);
	} while (needed > 0);
	result = SPI_execute_with_args(sql.data, 1, &type, &apply->at, NULL, false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed (%s): %s", SPI_result_code_string(result), sql.data);
	pfree(sql.data);
	return SPI_processed;
}

/* The fields that are chosen, with the prefix, divided by commas; with pairs each is set to what it is in the stage. */
static char *
field_list(Sync *sync, FieldChoice choice, const char *prefix, bool pairs)
{
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);
		const char *name = quote_identifier(field->name);

		if (field->rejects || (choice == KEY_FIELDS && field->key == 0) ||
			(choice == CHANGING_FIELDS && field->key > 0 && merge_is_exact(sync, field)))
			continue;
		appendStringInfo(&list, "%s%s%s", list.len > 0 ? ", " : "", prefix, name);
		if (pairs)
			appendStringInfo(&list, " = s.%s", name);
	}
	return list.data;
}

static char *
all_fields(Sync *sync, const char *prefix)
{
	return field_list(sync, ALL_FIELDS, prefix, false);
}

char *
apply_same_key(Sync *sync)
{
	StringInfoData condition;
	ListCell   *lc;

	initStringInfo(&condition);
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);
		const char *name = quote_identifier(field->name);
		Oid			type;
		Oid			equal;

		if (field->key == 0)
			continue;
		type = get_atttype(sync->target, get_attnum(sync->target, field->name));
		equal = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
		if (!OidIsValid(equal))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("column \"%s\" cannot be in the key of sync \"%s\": type %s has no equality", field->name,
							sync->name, format_type_be(type)),
					 errhint("Name other columns as key_columns with connkit_alter_sync().")));
		appendStringInfo(&condition, "%sa.%s %s s.%s", condition.len > 0 ? " AND " : "", name, merge_operator_name(equal),
						 name);
	}
	return condition.data;
}

/* Condition: a and s differ. */
static char *
differs(Sync *sync)
{
	char	   *ours = field_list(sync, CHANGING_FIELDS, "a.", false);

	if (ours[0] == '\0')
		return "false";
	return psprintf("ROW(%s)::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW(%s)::pg_catalog.record", ours,
					field_list(sync, CHANGING_FIELDS, "s.", false));
}

/* Lets the statements' sorts and joins have the memory of maintenance. */
static void
apply_begin(Apply *apply, Sync *sync, SyncRun *run, Oid stage)
{
	apply->sync = sync;
	apply->run = run;
	apply->stage_id = stage;
	apply->target = target_name(sync->target);
	apply->stage = target_name(stage);
	apply->at = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	apply->guc_level = NewGUCNestLevel();
	if (maintenance_work_mem > work_mem)
		(void) set_config_option("work_mem", psprintf("%d", maintenance_work_mem), PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

static void
apply_end(Apply *apply)
{
	AtEOXact_GUC(true, apply->guc_level);
}

/* Whether two values of the key's field that are equal were so at the source. */
static bool
field_keeps_key(Sync *sync, SyncField *field)
{
	const CkConnector *connector = registry_connector_of_server(sync->serverid);
	Oid			type;
	Oid			source_type;
	int32		typmod;
	int32		source_typmod;
	Oid			collation;

	if (merge_is_exact(sync, field))
		return true;
	get_atttypetypmodcoll(sync->target, get_attnum(sync->target, field->name), &type, &typmod, &collation);
	/* all have as many digits */
	if (type == NUMERICOID && typmod >= 0)
		return true;
	/* PostgreSQL there compares as it does here */
	return connector->sql && connector->sql->native && !OidIsValid(collation) &&
		change_known_type(field->column->local_type, &source_type, &source_typmod) && source_type == type;
}

bool
apply_keeps_keys(Sync *sync)
{
	ListCell   *lc;

	foreach(lc, sync->source_keyed ? sync->fields : NIL)
	{
		SyncField  *field = lfirst(lc);

		if (field->key > 0 && !field->rejects && !field_keeps_key(sync, field))
			return false;
	}
	return true;
}

/* ERROR where a row of the stage has no key; and leaves the last row of each. */
static void
stage_check(Apply *apply)
{
	Sync	   *sync = apply->sync;
	char	   *keys = field_list(sync, KEY_FIELDS, "s.", false);

	if (apply_sql(apply, "SELECT FROM %s AS s WHERE NOT (%s) IS NOT NULL LIMIT 1", apply->stage, keys) > 0)
		merge_null_key(sync);
	if (!apply_keeps_keys(sync) &&
		apply_sql(apply, "SELECT FROM %s AS s GROUP BY %s HAVING"
				  " min(ROW(%s)::pg_catalog.text COLLATE pg_catalog.\"C\") <> max(ROW(%s)"
				  "::pg_catalog.text COLLATE pg_catalog.\"C\") LIMIT 1", apply->stage, keys, keys, keys) > 0)
		merge_one_key(sync);
	if (!sync->source_keyed)
		apply_sql(apply, "DELETE FROM %s AS d USING (SELECT s.ctid AS place, row_number() OVER (PARTITION BY %s "
				  "ORDER BY %ss.ctid DESC) AS rank FROM %s AS s) AS r WHERE d.ctid = r.place AND r.rank > 1",
				  apply->stage, keys, sync->cursor_column ? "s.connkit_cursor DESC NULLS LAST, " : "", apply->stage);
}

/* Inserts the rows of the stage that meet the condition. */
static uint64
stage_insert(Apply *apply, const char *condition)
{
	Sync	   *sync = apply->sync;
	const char *overriding = "";
	ListCell   *lc;

	foreach(lc, sync->fields)
	{
		AttrNumber	number = get_attnum(sync->target, ((SyncField *) lfirst(lc))->name);
		HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(sync->target), Int16GetDatum(number));

		if (!HeapTupleIsValid(tuple))
			continue;
		if (((Form_pg_attribute) GETSTRUCT(tuple))->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
			overriding = " OVERRIDING SYSTEM VALUE";
		ReleaseSysCache(tuple);
	}
	return apply_sql(apply, "INSERT INTO %s (%s)%s SELECT %s FROM %s AS s%s", apply->target, all_fields(sync, ""),
					 overriding, all_fields(sync, "s."), apply->stage, condition);
}

/* Updates the rows that differ, and inserts those that are missing. */
static void
apply_merge(Apply *apply)
{
	Sync	   *sync = apply->sync;
	SyncRun    *run = apply->run;
	char	   *set = field_list(sync, CHANGING_FIELDS, "", true);
	char	   *deleted = "";
	char	   *key;
	Oid			index;

	if (merge_possible(sync, &index))
	{
		merge_rows(sync, run, apply->stage_id, index);
		return;
	}
	key = apply_same_key(sync);
	stage_check(apply);
	if (sync->deletes == SYNC_DELETES_SOFT)
	{
		const char *column = quote_identifier(sync->deleted_column);

		set = psprintf("%s%s%s = NULL", set, set[0] ? ", " : "", column);
		deleted = psprintf(" OR a.%s IS NOT NULL", column);
	}
	if (set[0] && !sync->new_target)
		run->updated += apply_sql(apply, "UPDATE %s AS a SET %s FROM %s AS s WHERE %s AND (%s%s)", apply->target, set,
								  apply->stage, key, differs(sync), deleted);
	run->inserted += stage_insert(apply, sync->new_target ? "" :
								  psprintf(" WHERE NOT EXISTS (SELECT FROM %s AS a WHERE %s)", apply->target, key));
}

/* Leaves the target with the stage's rows and no others. Where a key tells them apart, those that stay keep their place. */
static void
apply_replace(Apply *apply)
{
	Sync	   *sync = apply->sync;

	if (sync->source_keyed && OidIsValid(merge_index(sync)))
	{
		apply->run->deleted += apply_sql(apply, "DELETE FROM %s AS a WHERE NOT EXISTS (SELECT FROM %s AS s WHERE %s)",
										 apply->target, apply->stage, apply_same_key(sync));
		apply_merge(apply);
		return;
	}
	apply->run->deleted += apply_sql(apply, "DELETE FROM %s", apply->target);
	apply->run->inserted += stage_insert(apply, "");
}

/*
 * Closes the versions that differ, then opens one for every key that has none. One time for all: that of the transaction, or
 * a later one where a version of these keys begins or ends there or later, so that versions follow each other.
 */
static void
apply_history(Apply *apply)
{
	Sync	   *sync = apply->sync;
	char	   *key = apply_same_key(sync);
	uint64		closed = 0;
	uint64		opened;
	bool		isnull;

	if (get_attnum(sync->target, "is_current") == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("target %s of sync \"%s\" keeps no history", apply->target, sync->name),
				 errhint("Add valid_from timestamptz, valid_to timestamptz and is_current boolean, or let the sync make "
						 "its target.")));
	stage_check(apply);
	if (!sync->new_target)
	{
		apply_sql(apply, "SELECT greatest($1, max(a.valid_from) + interval '1 microsecond', max(a.valid_to)) "
				  "FROM %s AS a, %s AS s WHERE %s", apply->target, apply->stage, key);
		apply->at = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		closed = apply_sql(apply, "UPDATE %s AS a SET valid_to = $1, is_current = false FROM %s AS s "
						   "WHERE a.is_current AND %s AND %s", apply->target, apply->stage, key, differs(sync));
	}
	opened = apply_sql(apply, "INSERT INTO %s (%s, valid_from, valid_to, is_current) SELECT %s, $1, NULL, true "
					   "FROM %s AS s WHERE NOT EXISTS (SELECT FROM %s AS a WHERE a.is_current AND %s)", apply->target,
					   all_fields(sync, ""), all_fields(sync, "s."), apply->stage, apply->target, key);
	apply->run->updated += closed;
	apply->run->inserted += opened - Min(closed, opened);
}

/* Adds the column of deletions to a target that was there before the sync. */
static void
add_deleted_column(Apply *apply)
{
	Sync	   *sync = apply->sync;

	if (sync->deletes == SYNC_DELETES_SOFT && sync->mode != SYNC_HISTORY &&
		get_attnum(sync->target, sync->deleted_column) == InvalidAttrNumber)
		apply_sql(apply, "ALTER TABLE %s ADD %s timestamptz", apply->target, quote_identifier(sync->deleted_column));
}

void
apply_stage(Sync *sync, SyncRun *run, Oid stage)
{
	Apply		apply;

	apply_begin(&apply, sync, run, stage);
	add_deleted_column(&apply);
	if (sync->mode == SYNC_HISTORY)
		apply_history(&apply);
	else if (sync->write == SYNC_UPSERT)
		apply_merge(&apply);
	else if (sync->write == SYNC_REPLACE)
		apply_replace(&apply);
	else
		run->inserted += stage_insert(&apply, "");
	apply_end(&apply);
}

void
apply_deletes(Sync *sync, SyncRun *run, Oid keys, bool listed)
{
	Apply		apply;
	char	   *gone;

	if (sync->deletes == SYNC_DELETES_IGNORE)
		return;
	apply_begin(&apply, sync, run, keys);
	add_deleted_column(&apply);
	gone = psprintf("%sEXISTS (SELECT FROM %s AS s WHERE %s)", listed ? "" : "NOT ", apply.stage, apply_same_key(sync));
	if (sync->mode == SYNC_HISTORY)
		run->deleted += apply_sql(&apply, "UPDATE %s AS a SET is_current = false, "
								  "valid_to = greatest($1, a.valid_from + interval '1 microsecond') "
								  "WHERE a.is_current AND %s", apply.target, gone);
	else if (sync->deletes == SYNC_DELETES_SOFT)
		run->deleted += apply_sql(&apply, "UPDATE %s AS a SET %s = $1 WHERE a.%s IS NULL AND %s", apply.target,
								  quote_identifier(sync->deleted_column), quote_identifier(sync->deleted_column), gone);
	else
		run->deleted += apply_sql(&apply, "DELETE FROM %s AS a WHERE %s", apply.target, gone);
	apply_end(&apply);
}
