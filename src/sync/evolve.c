/*
 * evolve.c: what has changed in the source's table since the last run, and what becomes of that in the target.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "attempt.h"
#include "change.h"
#include "compat.h"
#include "definition.h"
#include "sync.h"
#include "tables.h"
#include "typefit.h"

/* The longest part of a variant column's name that tells its type, in bytes. */
#define VARIANT_TYPE_LENGTH 30

/* How a changed type and the target's column go together. */
typedef enum TypeStep
{
	STEP_NONE,					/* the target's type takes all values */
	STEP_OWN,					/* the target's type is the user's choice, and assignment decides as before */
	STEP_WIDEN,					/* the new type takes all values that are there */
	STEP_VARIANT				/* neither */
} TypeStep;

static bool
in_primary_key(const Sync *sync, AttrNumber number)
{
	Relation	relation = table_open(sync->target, AccessShareLock);
	Bitmapset  *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	bool		member = bms_is_member(number - FirstLowInvalidHeapAttributeNumber, key);

	table_close(relation, AccessShareLock);
	return member;
}

/* The policy that holds for a change: a column that is gone is missing in every row, so rows cannot be told apart by it. */
static SyncPolicy
change_policy(const Sync *sync, const Change *change)
{
	SyncPolicy	policy = sync->policy[change->kind];

	if (change->kind == CHANGE_ADDED && change->old)
		return POLICY_EVOLVE;
	if (policy == POLICY_DISCARD_ROW && (change->kind == CHANGE_DROPPED || change->kind == CHANGE_RENAMED))
		return POLICY_FREEZE;
	return policy;
}

/* ERROR with all differences where one of them meets the policy to fail. */
static void
check_frozen(const Sync *sync, List *changes)
{
	StringInfoData detail;
	bool		frozen = false;
	ListCell   *lc;

	initStringInfo(&detail);
	foreach(lc, changes)
	{
		Change	   *change = lfirst(lc);

		if (!change_matters(sync, change))
			continue;
		frozen |= change_policy(sync, change) == POLICY_FREEZE;
		appendStringInfo(&detail, "%s%s", detail.len > 0 ? "\n" : "", change_text(change));
	}
	if (frozen)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
				 sync->shape ? errmsg("the source's table of sync \"%s\" has changed", sync->name) :
				 errmsg("the target of sync \"%s\" lacks columns of the source's table", sync->name),
				 errdetail("%s", detail.data),
				 errhint("Change the table back, or let the sync follow with connkit_alter_sync(): policy \"evolve\".")));
}

/* ERROR for a change that no policy can follow. */
static void
cannot_follow(const Sync *sync, const Change *change, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
			 errmsg("sync \"%s\" cannot follow its source's table: %s", sync->name, change_text(change)),
			 errdetail("%s", why),
			 errhint("Change the sync's key_columns, cursor_column, columns or mapping with connkit_alter_sync(), or drop "
					 "its target and begin anew with connkit_reset_sync().")));
}

static void
alter_target(const Sync *sync, const char *command)
{
	char	   *sql = psprintf("ALTER TABLE %s %s", target_name(sync->target), command);
	int			result = SPI_execute(sql, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute failed (%s): %s", SPI_result_code_string(result), sql);
}

typedef struct Alteration
{
	const Sync *sync;
	const char *command;
} Alteration;

static void
try_alter(void *arg)
{
	Alteration *alteration = arg;

	alter_target(alteration->sync, alteration->command);
}

/* The same; false where it cannot be done because of what is in the table or depends on it. */
static bool
try_alter_target(const Sync *sync, const char *command)
{
	Alteration	alteration = {.sync = sync, .command = command};
	ErrorData  *error = attempt(try_alter, &alteration);
	int			category = error ? ERRCODE_TO_CATEGORY(error->sqlerrcode) : 0;

	if (error && !compat_unexpected_dependent(error) && category != ERRCODE_FEATURE_NOT_SUPPORTED &&
		category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION &&
		error->sqlerrcode != ERRCODE_DATATYPE_MISMATCH &&
		error->sqlerrcode != ERRCODE_INVALID_TABLE_DEFINITION && error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
		error->sqlerrcode != ERRCODE_INVALID_OBJECT_DEFINITION && error->sqlerrcode != ERRCODE_UNDEFINED_FUNCTION)
		ReThrowError(error);
	return error == NULL;
}

/* Lets the target's column have NULLs. False where it cannot, being in the target's primary key. */
static bool
allow_null(const Sync *sync, const char *name)
{
	TargetColumn target;

	if (!change_target(sync, name, &target) || !target.not_null)
		return true;
	if (in_primary_key(sync, target.number))
		return false;
	alter_target(sync, psprintf("ALTER COLUMN %s DROP NOT NULL", quote_identifier(name)));
	return true;
}

static void
make_column(const Sync *sync, const SyncColumn *column, const char *name)
{
	alter_target(sync, psprintf("ADD COLUMN %s %s", quote_identifier(name), column->local_type));
	if (column->comment)
		(void) SPI_execute(psprintf("COMMENT ON COLUMN %s.%s IS %s", target_name(sync->target), quote_identifier(name),
									quote_literal_cstr(column->comment)), false, 0);
}

/* Whether the name of a column of the target belongs to something else of the sync. */
static bool
name_is_used(const Sync *sync, const SyncColumn *column, const char *name)
{
	JsonbValue	value;
	ListCell   *lc;

	foreach(lc, sync->columns)
	{
		SyncColumn *other = lfirst(lc);

		if (other != column && strcmp(other->target, name) == 0)
			return true;
	}
	if (sync->mapping && getKeyJsonValueFromContainer(&sync->mapping->root, name, strlen(name), &value))
		return value.type != jbvNull;
	if (sync->mode == SYNC_HISTORY)
		return strcmp(name, "valid_from") == 0 || strcmp(name, "valid_to") == 0 || strcmp(name, "is_current") == 0;
	return sync->deletes == SYNC_DELETES_SOFT && strcmp(name, sync->deleted_column) == 0;
}

/* The name cut so that the suffix fits behind it. */
static char *
suffixed(const char *name, const char *suffix)
{
	return psprintf("%.*s%s", pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1 - strlen(suffix)), name, suffix);
}

/* What must be done for a target's column to take the column's type; old is its type before, or NULL. */
static TypeStep
type_step(const TargetColumn *target, const SyncColumn *column, const SyncColumn *old)
{
	Oid			type,
				old_type,
				base;
	int32		typmod,
				old_typmod,
				base_typmod = target->typmod;

	compat_parse_type(column->local_type, &type, &typmod);
	base = getBaseTypeAndTypmod(target->type, &base_typmod);
	if (type == target->type)
	{
		base = type;
		base_typmod = target->typmod;
	}
	if (typefit_takes(type, typmod, base, base_typmod) || typefit_takes(getBaseType(type), typmod, base, base_typmod))
		return STEP_NONE;
	if (old && change_known_type(old->local_type, &old_type, &old_typmod) &&
		!typefit_takes(old_type, old_typmod, base, base_typmod))
		return STEP_OWN;
	return typefit_holds(target->type, target->typmod, type, typmod) ? STEP_WIDEN : STEP_VARIANT;
}

/* "__integer": the type's letters and digits. */
static char *
variant_suffix(const char *type)
{
	StringInfoData suffix;
	const char *end = type + pg_mbcliplen(type, strlen(type), VARIANT_TYPE_LENGTH);

	initStringInfo(&suffix);
	appendStringInfoString(&suffix, "__");
	for (; type < end; type++)
	{
		if (isalnum((unsigned char) *type) || IS_HIGHBIT_SET(*type))
			appendStringInfoChar(&suffix, *type);
		else if (suffix.data[suffix.len - 1] != '_')
			appendStringInfoChar(&suffix, '_');
	}
	while (suffix.data[suffix.len - 1] == '_')
		suffix.data[--suffix.len] = '\0';
	return suffix.data;
}

/* Gives the column a place of its own in the target: a column <name>__<type> that is there, or with make is made. */
static bool
find_variant(Sync *sync, SyncColumn *column, bool make)
{
	char	   *suffix = variant_suffix(column->local_type);

	for (int i = 1;; i++)
	{
		char	   *name = suffixed(column->name, i > 1 ? psprintf("%s_%d", suffix, i) : suffix);
		TargetColumn target;

		if (name_is_used(sync, column, name))
			continue;
		if (!change_target(sync, name, &target))
		{
			if (!make)
				return false;
			make_column(sync, column, name);
		}
		else if (type_step(&target, column, NULL) != STEP_NONE || !allow_null(sync, name))
			continue;
		column->target = MemoryContextStrdup(sync->context, name);
		return true;
	}
}

/* On a first run into a table of an earlier time: columns whose type it does not take go on into their variants. */
static void
find_variants(Sync *sync)
{
	ListCell   *lc;

	foreach(lc, sync->columns)
	{
		SyncColumn *column = lfirst(lc);
		TargetColumn target;

		if (!change_is_mapped(sync, column) && change_target(sync, column->target, &target) &&
			type_step(&target, column, NULL) != STEP_NONE)
			(void) find_variant(sync, column, false);
	}
}

/* Why the sync cannot be without the column, or NULL. */
static const char *
needed_as(const Sync *sync, const SyncColumn *column)
{
	if (sync->cursor_column && strcmp(sync->cursor_column, column->name) == 0)
		return "It is the sync's cursor.";
	if (change_list_has(sync->key_columns, column->name))
		return "It is in the sync's key.";
	if (sync->key_columns == NIL && column->key > 0 && (sync->write == SYNC_UPSERT || sync->mode == SYNC_HISTORY))
		return "It is in the source's key, by which rows are merged.";
	return NULL;
}

/* The target's columns get no values from now on. */
static void
leave_columns(const Sync *sync, const Change *change, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
		if (!allow_null(sync, lfirst(lc)))
			cannot_follow(sync, change, psprintf("Column \"%s\" of the target is in its primary key.", (char *) lfirst(lc)));
}

/* A variant takes the column from now on. */
static char *
change_to_variant(Sync *sync, const Change *change, const char *reason)
{
	SyncColumn *column = change->new;
	const char *needed = needed_as(sync, column);
	char	   *before = column->target;

	if (needed)
		cannot_follow(sync, change, needed);
	leave_columns(sync, change, list_make1(before));
	(void) find_variant(sync, column, true);
	return psprintf("column %s takes it from now on, since %s; %s is NULL in new rows", quote_identifier(column->target),
					reason, quote_identifier(before));
}

/* Makes one of the target's columns fit the column's type. */
static char *
fit_column(Sync *sync, const Change *change, const char *name)
{
	SyncColumn *column = change->new;
	TargetColumn target;
	TypeStep	step;

	if (!change_target(sync, name, &target))
		return "made with the target";
	step = type_step(&target, column, change->kind == CHANGE_RETYPED ? change->old : NULL);
	if (step == STEP_NONE || step == STEP_OWN)
		return psprintf("type %s of column %s stays", format_type_with_typemod(target.type, target.typmod),
						quote_identifier(name));
	if (step == STEP_WIDEN &&
		try_alter_target(sync, psprintf("ALTER COLUMN %s TYPE %s", quote_identifier(name), column->local_type)))
		return psprintf("column %s has type %s now", quote_identifier(name), column->local_type);
	if (change_is_mapped(sync, column))
	{
		const char *needed = needed_as(sync, column);

		if (needed)
			cannot_follow(sync, change, needed);
		return psprintf("type %s of column %s stays, as the mapping has it",
						format_type_with_typemod(target.type, target.typmod), quote_identifier(name));
	}
	return change_to_variant(sync, change, step == STEP_WIDEN ? "the type of a column that others depend on cannot change" :
							 "the target's type does not take all of its values");
}

/* The column's places in the target, as they are or made. */
static char *
evolve_added(Sync *sync, const Change *change)
{
	SyncColumn *column = change->new;
	StringInfoData action;
	ListCell   *lc;

	if (!change_is_mapped(sync, column))
	{
		char	   *name = column->target;

		for (int i = 2; name_is_used(sync, column, column->target); i++)
			column->target = MemoryContextStrdup(sync->context, suffixed(name, psprintf("_%d", i)));
	}
	if (!OidIsValid(sync->target))
		return "made with the target";
	initStringInfo(&action);
	foreach(lc, change_targets(sync, column))
	{
		TargetColumn target;

		appendStringInfoString(&action, action.len > 0 ? "; " : "");
		if (change_target(sync, lfirst(lc), &target))
			appendStringInfoString(&action, fit_column(sync, change, lfirst(lc)));
		else
		{
			make_column(sync, column, lfirst(lc));
			appendStringInfo(&action, "column %s was added", quote_identifier(lfirst(lc)));
		}
	}
	return action.data;
}

static char *
apply_added(Sync *sync, const Change *change, SyncPolicy policy)
{
	switch (policy)
	{
		case POLICY_DISCARD_COLUMN:
			change->new->fate = COLUMN_LEFT_OUT;
			return "left out";
		case POLICY_DISCARD_ROW:
			change->new->fate = COLUMN_REJECTS;
			return "rows in which it is not NULL are rejected";
		default:
			return evolve_added(sync, change);
	}
}

static char *
apply_dropped(Sync *sync, const Change *change)
{
	SyncColumn *column = change->old;
	const char *needed = needed_as(sync, column);

	if (needed == NULL && change_is_mapped(sync, column))
		needed = "The sync's mapping names it.";
	if (needed == NULL && change_list_has(sync->take_columns, column->name))
		needed = "The sync's list of columns names it.";
	if (needed)
		cannot_follow(sync, change, needed);
	leave_columns(sync, change, change_targets(sync, column));
	return psprintf("column %s stays and is NULL in new rows", quote_identifier(column->target));
}

static char *
apply_retyped(Sync *sync, const Change *change, SyncPolicy policy)
{
	StringInfoData action;
	const char *needed = needed_as(sync, change->new);
	List	   *names = change_targets(sync, change->new);
	ListCell   *lc;

	if (policy == POLICY_DISCARD_ROW)
		return "the target's column stays as it is, and rows that do not fit are rejected";
	if (policy == POLICY_DISCARD_COLUMN)
	{
		if (needed)
			cannot_follow(sync, change, needed);
		leave_columns(sync, change, names);
		change->new->fate = COLUMN_LEFT_OUT;
		return "left out; the target's column stays and is NULL in new rows";
	}
	initStringInfo(&action);
	foreach(lc, names)
		appendStringInfo(&action, "%s%s", action.len > 0 ? "; " : "", fit_column(sync, change, lfirst(lc)));
	return action.data;
}

static char *
apply_nullability(Sync *sync, const Change *change, SyncPolicy policy)
{
	bool		allowed = true;
	ListCell   *lc;

	if (change->new->not_null)
		return "recorded";
	if (policy == POLICY_DISCARD_ROW)
		return "the target's column stays as it is, and rows that do not fit are rejected";
	if (needed_as(sync, change->new))
		return "recorded; it is the sync's key or cursor";
	foreach(lc, change_targets(sync, change->new))
		allowed &= allow_null(sync, lfirst(lc));
	return allowed ? "the target's column may be NULL" : "recorded; the target's column is in its primary key";
}

static char *
apply_key(Sync *sync, const Change *change)
{
	if (sync->key_columns == NIL && (sync->write == SYNC_UPSERT || sync->mode == SYNC_HISTORY))
		cannot_follow(sync, change, "Rows are merged by it.");
	return "recorded";
}

/* Does what the policy says, and tells it. */
static char *
apply_change(Sync *sync, const Change *change)
{
	SyncPolicy	policy = change_policy(sync, change);

	if (!change_matters(sync, change))
		return "not taken";
	switch (change->kind)
	{
		case CHANGE_ADDED:
			return apply_added(sync, change, policy);
		case CHANGE_DROPPED:
			return apply_dropped(sync, change);
		case CHANGE_RENAMED:
			return psprintf("as dropped: %s; as added: %s",
							change_targets(sync, change->old) ? apply_dropped(sync, change) : "not taken",
							change_targets(sync, change->new) ? apply_added(sync, change, policy) : "not taken");
		case CHANGE_RETYPED:
			return apply_retyped(sync, change, policy);
		case CHANGE_NULLABILITY:
			return apply_nullability(sync, change, policy);
		default:
			return apply_key(sync, change);
	}
}

static void
record_change(Sync *sync, SyncRun *run, const Change *change, const char *action)
{
	Oid			types[] = {INT8OID, INT8OID, INT4OID, TEXTOID, TEXTOID, JSONBOID, JSONBOID, TEXTOID};
	Datum		values[8] = {0};
	char		nulls[9] = "        ";
	const SyncColumn *column = change->old ? change->old : change->new;

	values[0] = Int64GetDatum(sync->id);
	values[1] = Int64GetDatum(run->id);
	values[2] = Int32GetDatum(sync->shape_version);
	values[3] = CStringGetTextDatum(sync_changes[change->kind]);
	values[7] = CStringGetTextDatum(action);
	if (change->kind == CHANGE_KEY)
	{
		values[5] = DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{\"key\": %s}", change->old_key)));
		values[6] = DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{\"key\": %s}", change->new_key)));
	}
	if (column)
		values[4] = CStringGetTextDatum(column->name);
	if (change->old)
		values[5] = change_column_json(change->old);
	if (change->new)
		values[6] = change_column_json(change->new);
	for (int i = 4; i < 7; i++)
		if (values[i] == 0)
			nulls[i] = 'n';
	tables_execute("INSERT INTO connkit.schema_change (sync, run, shape_version, kind, column_name, old, new, action)"
				   " VALUES ($1, nullif($2, 0), $3, $4, $5, $6, $7, $8)", 8, types, values, nulls);
	run->schema_changes++;
}

void
evolve(Sync *sync, SyncRun *run)
{
	List	   *changes;
	ListCell   *lc;

	SPI_connect();
	if (sync->shape == NIL && OidIsValid(sync->target))
		find_variants(sync);
	changes = change_list(sync);
	check_frozen(sync, changes);
	if (changes)
		sync->shape_version++;
	foreach(lc, changes)
	{
		char	   *action = apply_change(sync, lfirst(lc));

		record_change(sync, run, lfirst(lc), action);
	}
	SPI_finish();
}
