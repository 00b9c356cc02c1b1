/*
 * change.c: what has changed in the source's table since the last run.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/syscache.h"

#include "change.h"
#include "compat.h"
#include "typemap.h"

bool
change_list_has(List *names, const char *name)
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

/*
 * The target's columns that the mapping makes of that column alone; *named where the mapping says what becomes of it: also by an
 * expression in its place, but that of a column that comes later is not meant.
 */
static List *
mapped_names(const Sync *sync, const SyncColumn *of, bool *named)
{
	const char *column = of->name;
	bool		known = sync->shape == NIL || find_column(sync->shape, column);
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
		*named |= value.type == jbvNull ? strcmp(name, column) == 0 : known && strcmp(name, of->target) == 0;
		if (value.type == jbvString && strlen(column) == value.val.string.len &&
				 memcmp(value.val.string.val, column, value.val.string.len) == 0)
			names = lappend(names, name);
	}
	*named |= names != NIL;
	return names;
}

List *
change_targets(const Sync *sync, const SyncColumn *column)
{
	bool		named;
	List	   *names = mapped_names(sync, column, &named);

	if (column->fate != COLUMN_TAKEN)
		return NIL;
	if (named)
		return names;
	if (sync->take_columns && !change_list_has(sync->take_columns, column->name))
		return NIL;
	return list_make1(column->target);
}

bool
change_is_mapped(const Sync *sync, const SyncColumn *column)
{
	bool		named;

	(void) mapped_names(sync, column, &named);
	return named;
}

bool
change_target(const Sync *sync, const char *name, TargetColumn *column)
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

bool
change_known_type(const char *name, Oid *type, int32 *typmod)
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
	return !change_known_type(old->local_type, &old_type, &old_typmod) || old_type != new_type || old_typmod != new_typmod;
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
	foreach(lc, change_targets(sync, new))
		if (OidIsValid(sync->target) && !change_target(sync, lfirst(lc), &target))
		{
			(void) add_change(changes, CHANGE_ADDED, old, new);
			break;
		}
	if (change_targets(sync, new) == NIL)
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
		foreach(lt, change_targets(sync, lfirst(lc)))
		{
			TargetColumn target;

			if (!change_target(sync, lfirst(lt), &target))
			{
				(void) add_change(&changes, CHANGE_ADDED, NULL, lfirst(lc));
				break;
			}
		}
	return changes;
}

List *
change_list(Sync *sync)
{
	return sync->shape ? compare(sync) : compare_first(sync);
}

bool
change_matters(const Sync *sync, const Change *change)
{
	if (change->kind == CHANGE_KEY)
		return true;
	return (change->old && change_targets(sync, change->old)) || (change->new && change_targets(sync, change->new));
}

char *
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

Datum
change_column_json(const SyncColumn *column)
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
