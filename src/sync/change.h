/*
 * change.h: what has changed in the source's table since the last run.
 */
#ifndef CONNKIT_CHANGE_H
#define CONNKIT_CHANGE_H

#include "postgres.h"
#include "access/attnum.h"

#include "sync.h"

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

/*
 * The changes from sync->shape to sync->columns, in the order of the columns, in the current memory context. Fates and targets
 * of columns that were there are those of before. On a first run, columns that a target that is there lacks are added.
 */
extern List *change_list(Sync *sync);

/* Whether the change concerns what the sync takes. */
extern bool change_matters(const Sync *sync, const Change *change);

/* The change as a clause, for people. */
extern char *change_text(const Change *change);

/* A column as connkit.schema_change has it, jsonb. */
extern Datum change_column_json(const SyncColumn *column);

/* The columns of the target that take the source's column: those of the mapping, or else its own; NIL: it is not taken. */
extern List *change_targets(const Sync *sync, const SyncColumn *column);

/* Whether the mapping says what becomes of the column. */
extern bool change_is_mapped(const Sync *sync, const SyncColumn *column);

/* The target's column of that name; false where there is none. */
extern bool change_target(const Sync *sync, const char *name, TargetColumn *column);

/* A type by its name; false where there is none of it any more. */
extern bool change_known_type(const char *name, Oid *type, int32 *typmod);

extern bool change_list_has(List *names, const char *name);

#endif							/* CONNKIT_CHANGE_H */
