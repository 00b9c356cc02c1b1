/*
 * evolve.c: what has changed in the source's table since the last run, and what becomes of that in the target.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "compat.h"
#include "definition.h"
#include "sync.h"
#include "tables.h"
#include "typefit.h"
#include "typemap.h"

/* The longest part of a variant column's name that tells its type, in bytes. */
#define VARIANT_TYPE_LENGTH 30

/* A difference between then and now. */
typedef struct Change
{
	ChangeKind	kind;
	SyncColumn *old;			/* NULL: added; of kind added: the target has lost its column */
	SyncColumn *new;			/* NULL: dropped */
	char	   *old_key;		/* of kind key, as JSON */
	char	   *new_key;
} Change;

/* A column of the target as it is. */
typedef struct TargetColumn
{
	AttrNumber	number;
	Oid			type;
	int32		typmod;
	bool		not_null;
} TargetColumn;

/* How a changed type and the target's column go together. */
typedef enum TypeStep
{
	STEP_NONE,					/* the target's type takes all values */
	STEP_OWN,					/* the target's type is the user's choice, and assignment decides as before */
	STEP_WIDEN,					/* the new type takes all values that are there */
	STEP_VARIANT				/* neither */
} TypeStep;

static bool
list_has(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

static SyncColumn *
find_column(List *columns, const char *name)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		SyncColumn *column = lfirst(lc);

		if (strcmp(column->name, name) == 0)
			return column;
	}
	return NULL;
}

/* The target's columns that the mapping makes of that column alone; *named where the mapping names it at all. */
static List *
mapped_names(const Sync *sync, const char *column, bool *named)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	List	   *names = NIL;
	char	   *name = NULL;

	*named = false;
	if (sync->mapping == NULL)
		return NIL;
	iterator = JsonbIteratorInit(&sync->mapping->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token != WJB_VALUE)
			continue;
		if (value.type == jbvNull)
			*named |= strcmp(name, column) == 0;
		else if (value.type == jbvString && strlen(column) == value.val.string.len &&
				 memcmp(value.val.string.val, column, value.val.string.len) == 0)
			names = lappend(names, name);
	}
	*named |= names != NIL;
	return names;
}

/* The columns of the target that take the source's column: those of the mapping, or else its own; NIL: it is not taken. */
static List *
column_targets(const Sync *sync, const SyncColumn *column)
{
	bool		named;
	List	   *names = mapped_names(sync, column->name, &named);

	if (column->fate != COLUMN_TAKEN)
		return NIL;
	if (named)
		return names;
	if (sync->take_columns && !list_has(sync->take_columns, column->name))
		return NIL;
	return list_make1(column->target);
}

static bool
column_is_mapped(const Sync *sync, const SyncColumn *column)
{
	bool		named;

	(void) mapped_names(sync, column->name, &named);
	return named;
}

/* The target's column of that name; false where there is none. */
static bool
target_column(const Sync *sync, const char *name, TargetColumn *column)
{
	HeapTuple	tuple = OidIsValid(sync->target) ? SearchSysCacheAttName(sync->target, name) : NULL;
	Form_pg_attribute attribute;

	if (!HeapTupleIsValid(tuple))
		return false;
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	column->number = attribute->attnum;
	column->type = attribute->atttypid;
	column->typmod = attribute->atttypmod;
	column->not_null = attribute->attnotnull;
	ReleaseSysCache(tuple);
	return true;
}

static bool
in_primary_key(const Sync *sync, AttrNumber number)
{
	Relation	relation = table_open(sync->target, AccessShareLock);
	Bitmapset  *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	bool		member = bms_is_member(number - FirstLowInvalidHeapAttributeNumber, key);

	table_close(relation, AccessShareLock);
	return member;
}

/*
 * What has changed
 */

static Change *
add_change(List **changes, ChangeKind kind, SyncColumn *old, SyncColumn *new)
{
	Change	   *change = palloc0(sizeof(Change));

	change->kind = kind;
	change->old = old;
	change->new = new;
	*changes = lappend(*changes, change);
	return change;
}

/* A type by its name; false where there is none of it any more. */
static bool
known_type(const char *name, Oid *type, int32 *typmod)
{
	if (typemap_known(name) == NULL)
		return false;
	compat_parse_type(name, type, typmod);
	return true;
}

/* Whether a column has another type than before, there or here; one that is only written otherwise is the same. */
static bool
is_retyped(const SyncColumn *old, const SyncColumn *new)
{
	Oid			old_type,
				new_type;
	int32		old_typmod,
				new_typmod;

	if (strcmp(old->source_type, new->source_type) != 0)
		return true;
	if (strcmp(old->local_type, new->local_type) == 0)
		return false;
	compat_parse_type(new->local_type, &new_type, &new_typmod);
	return !known_type(old->local_type, &old_type, &old_typmod) || old_type != new_type || old_typmod != new_typmod;
}

/* The names of the key's columns in their order, as a JSON array. */
static char *
key_json(List *columns)
{
	StringInfoData json;
	bool		found = true;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int place = 1; found; place++)
	{
		ListCell   *lc;

		found = false;
		foreach(lc, columns)
		{
			SyncColumn *column = lfirst(lc);

			if (column->key != place)
				continue;
			appendStringInfoString(&json, place > 1 ? ", " : "");
			escape_json(&json, column->name);
			found = true;
		}
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

/* The last column before that one which both lists have, or NULL. */
static const char *
column_before(List *columns, const SyncColumn *column, List *others)
{
	const char *before = NULL;
	ListCell   *lc;

	foreach(lc, columns)
	{
		SyncColumn *other = lfirst(lc);

		if (other == column)
			break;
		if (find_column(others, other->name))
			before = other->name;
	}
	return before;
}

/* Whether the column that is gone may have become the new one: of one type and in one place. */
static bool
looks_renamed(const Sync *sync, const SyncColumn *old, const SyncColumn *new)
{
	const char *old_before,
			   *new_before;

	if (strcmp(old->source_type, new->source_type) != 0 || old->not_null != new->not_null)
		return false;
	old_before = column_before(sync->shape, old, sync->columns);
	new_before = column_before(sync->columns, new, sync->shape);
	return old_before && new_before ? strcmp(old_before, new_before) == 0 : old_before == new_before;
}

/* Takes a column that looks like the renamed old one from the list of new ones; NULL where there is none. */
static SyncColumn *
take_renamed(const Sync *sync, const SyncColumn *old, List **added)
{
	ListCell   *lc;

	foreach(lc, *added)
	{
		SyncColumn *new = lfirst(lc);

		if (looks_renamed(sync, old, new))
		{
			*added = foreach_delete_current(*added, lc);
			return new;
		}
	}
	return NULL;
}

/* Changes of a column that was there and is. */
static void
compare_column(const Sync *sync, SyncColumn *old, SyncColumn *new, List **changes)
{
	TargetColumn target;
	ListCell   *lc;

	new->fate = old->fate;
	new->target = old->target;
	foreach(lc, column_targets(sync, new))
		if (OidIsValid(sync->target) && !target_column(sync, lfirst(lc), &target))
		{
			(void) add_change(changes, CHANGE_ADDED, old, new);
			break;
		}
	if (column_targets(sync, new) == NIL)
		return;
	if (is_retyped(old, new))
		(void) add_change(changes, CHANGE_RETYPED, old, new);
	if (old->not_null != new->not_null)
		(void) add_change(changes, CHANGE_NULLABILITY, old, new);
}

/* All changes, in the order of the columns. */
static List *
compare(Sync *sync)
{
	List	   *changes = NIL,
			   *added = NIL;
	char	   *old_key = key_json(sync->shape),
			   *new_key = key_json(sync->columns);
	ListCell   *lc;

	foreach(lc, sync->columns)
	{
		SyncColumn *new = lfirst(lc);
		SyncColumn *old = find_column(sync->shape, new->name);

		if (old)
			compare_column(sync, old, new, &changes);
		else
			added = lappend(added, new);
	}
	foreach(lc, sync->shape)
	{
		SyncColumn *old = lfirst(lc);
		SyncColumn *renamed;

		if (find_column(sync->columns, old->name))
			continue;
		renamed = take_renamed(sync, old, &added);
		(void) add_change(&changes, renamed ? CHANGE_RENAMED : CHANGE_DROPPED, old, renamed);
	}
	foreach(lc, added)
		(void) add_change(&changes, CHANGE_ADDED, NULL, lfirst(lc));
	if (strcmp(old_key, new_key) != 0)
	{
		Change	   *change = add_change(&changes, CHANGE_KEY, NULL, NULL);

		change->old_key = old_key;
		change->new_key = new_key;
	}
	return changes;
}

/* For a first run into a table that is there: columns that it lacks are as added ones. */
static List *
compare_first(Sync *sync)
{
	List	   *changes = NIL;
	ListCell   *lc,
			   *lt;

	foreach(lc, OidIsValid(sync->target) ? sync->columns : NIL)
		foreach(lt, column_targets(sync, lfirst(lc)))
		{
			TargetColumn target;

			if (!target_column(sync, lfirst(lt), &target))
			{
				(void) add_change(&changes, CHANGE_ADDED, NULL, lfirst(lc));
				break;
			}
		}
	return changes;
}

/* Whether the change concerns what the sync takes. */
static bool
change_matters(const Sync *sync, const Change *change)
{
	if (change->kind == CHANGE_KEY)
		return true;
	return (change->old && column_targets(sync, change->old)) || (change->new && column_targets(sync, change->new));
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

/* The change as a clause. */
static char *
change_text(const Change *change)
{
	const SyncColumn *old = change->old,
			   *new = change->new;

	switch (change->kind)
	{
		case CHANGE_ADDED:
			if (old)
				return psprintf("column \"%s\" is no longer in the target", new->name);
			return psprintf("column \"%s\" (%s) is new", new->name, new->source_type);
		case CHANGE_DROPPED:
			return psprintf("column \"%s\" (%s) is gone", old->name, old->source_type);
		case CHANGE_RENAMED:
			return psprintf("column \"%s\" (%s) is gone, and \"%s\" is in its place", old->name, old->source_type, new->name);
		case CHANGE_RETYPED:
			if (strcmp(old->source_type, new->source_type) == 0)
				return psprintf("column \"%s\" is read as %s, not as %s", new->name, new->local_type, old->local_type);
			return psprintf("column \"%s\" has type %s, not %s", new->name, new->source_type, old->source_type);
		case CHANGE_NULLABILITY:
			return psprintf("column \"%s\" %s", new->name, new->not_null ? "is not null" : "may be null");
		default:
			return psprintf("the key is %s, not %s", change->new_key, change->old_key);
	}
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
				 errmsg("the source's table of sync \"%s\" has changed", sync->name),
				 errdetail("%s", detail.data),
				 errhint("Change what the sync does then with connkit_alter_sync(), policy 'evolve', or the table back.")));
}

/* ERROR for a change that no policy can follow. */
static void
cannot_follow(const Sync *sync, const Change *change, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INCONSISTENT_DESCRIPTOR_INFORMATION),
			 errmsg("sync \"%s\" cannot follow its source's table: %s", sync->name, change_text(change)),
			 errdetail("%s", why),
			 errhint("Change the sync's key_columns, cursor_column, columns or mapping with connkit_alter_sync(), or drop the "
					 "sync and its target and make them anew.")));
}

/*
 * What becomes of it
 */

static void
alter_target(const Sync *sync, const char *command)
{
	char	   *sql = psprintf("ALTER TABLE %s %s", target_name(sync->target), command);
	int			result = SPI_execute(sql, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute failed (%s): %s", SPI_result_code_string(result), sql);
}

/* The same; false where it cannot be done because of what is in the table or depends on it. */
static bool
try_alter_target(const Sync *sync, const char *command)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		alter_target(sync, command);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;
		int			category;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
		if (category != ERRCODE_FEATURE_NOT_SUPPORTED && category != ERRCODE_DATA_EXCEPTION &&
			category != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION && error->sqlerrcode != ERRCODE_DATATYPE_MISMATCH &&
			error->sqlerrcode != ERRCODE_INVALID_TABLE_DEFINITION && error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
			error->sqlerrcode != ERRCODE_INVALID_OBJECT_DEFINITION && error->sqlerrcode != ERRCODE_UNDEFINED_FUNCTION)
			ReThrowError(error);
		done = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return done;
}

/* Lets the target's column have NULLs. False where it cannot, being in the target's primary key. */
static bool
allow_null(const Sync *sync, const char *name)
{
	TargetColumn target;

	if (!target_column(sync, name, &target) || !target.not_null)
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
	if (old && known_type(old->local_type, &old_type, &old_typmod) &&
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

/* Gives the column a place of its own in the target: a column <name>__<type>, made or there from earlier. */
static void
make_variant(Sync *sync, SyncColumn *column)
{
	char	   *suffix = variant_suffix(column->local_type);

	for (int i = 1;; i++)
	{
		char	   *name = suffixed(column->name, i > 1 ? psprintf("%s_%d", suffix, i) : suffix);
		TargetColumn target;

		if (name_is_used(sync, column, name))
			continue;
		if (!target_column(sync, name, &target))
			make_column(sync, column, name);
		else if (type_step(&target, column, NULL) != STEP_NONE || !allow_null(sync, name))
			continue;
		column->target = name;
		return;
	}
}

/* Why the sync cannot be without the column, or NULL. */
static const char *
needed_as(const Sync *sync, const SyncColumn *column)
{
	if (sync->cursor_column && strcmp(sync->cursor_column, column->name) == 0)
		return "It is the sync's cursor.";
	if (list_has(sync->key_columns, column->name))
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
	make_variant(sync, column);
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

	if (!target_column(sync, name, &target))
		return "made with the target";
	step = type_step(&target, column, change->kind == CHANGE_RETYPED ? change->old : NULL);
	if (step == STEP_NONE || step == STEP_OWN)
		return psprintf("type %s of column %s stays", format_type_with_typemod(target.type, target.typmod),
						quote_identifier(name));
	if (step == STEP_WIDEN &&
		try_alter_target(sync, psprintf("ALTER COLUMN %s TYPE %s", quote_identifier(name), column->local_type)))
		return psprintf("column %s has type %s now", quote_identifier(name), column->local_type);
	if (column_is_mapped(sync, column))
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

	if (!column_is_mapped(sync, column))
	{
		char	   *name = column->target;

		for (int i = 2; name_is_used(sync, column, column->target); i++)
			column->target = suffixed(name, psprintf("_%d", i));
	}
	if (!OidIsValid(sync->target))
		return "made with the target";
	initStringInfo(&action);
	foreach(lc, column_targets(sync, column))
	{
		TargetColumn target;

		appendStringInfoString(&action, action.len > 0 ? "; " : "");
		if (target_column(sync, lfirst(lc), &target))
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

	if (needed == NULL && column_is_mapped(sync, column))
		needed = "The sync's mapping names it.";
	if (needed == NULL && list_has(sync->take_columns, column->name))
		needed = "The sync's list of columns names it.";
	if (needed)
		cannot_follow(sync, change, needed);
	leave_columns(sync, change, column_targets(sync, column));
	return psprintf("column %s stays and is NULL in new rows", quote_identifier(column->target));
}

static char *
apply_retyped(Sync *sync, const Change *change, SyncPolicy policy)
{
	StringInfoData action;
	const char *needed = needed_as(sync, change->new);
	List	   *names = column_targets(sync, change->new);
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
	foreach(lc, column_targets(sync, change->new))
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
							column_targets(sync, change->old) ? apply_dropped(sync, change) : "not taken",
							column_targets(sync, change->new) ? apply_added(sync, change, policy) : "not taken");
		case CHANGE_RETYPED:
			return apply_retyped(sync, change, policy);
		case CHANGE_NULLABILITY:
			return apply_nullability(sync, change, policy);
		default:
			return apply_key(sync, change);
	}
}

/* A column for connkit.schema_change. */
static Datum
column_json(const SyncColumn *column)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"name\": ");
	escape_json(&json, column->name);
	appendStringInfoString(&json, ", \"source_type\": ");
	escape_json(&json, column->source_type);
	appendStringInfoString(&json, ", \"type\": ");
	escape_json(&json, column->local_type);
	appendStringInfo(&json, ", \"not_null\": %s, \"key\": %d}", column->not_null ? "true" : "false", column->key);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
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
		values[5] = column_json(change->old);
	if (change->new)
		values[6] = column_json(change->new);
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
	MemoryContext caller = MemoryContextSwitchTo(sync->context);
	List	   *changes = sync->shape ? compare(sync) : compare_first(sync);
	ListCell   *lc;

	check_frozen(sync, changes);
	if (changes)
	{
		SPI_connect();
		MemoryContextSwitchTo(sync->context);
		sync->shape_version++;
		foreach(lc, changes)
		{
			char	   *action = apply_change(sync, lfirst(lc));

			record_change(sync, run, lfirst(lc), action);
		}
		SPI_finish();
	}
	MemoryContextSwitchTo(caller);
}
