/*
 * definition.h: what the calls that make and change syncs share.
 */
#ifndef CONNKIT_DEFINITION_H
#define CONNKIT_DEFINITION_H

#include "postgres.h"
#include "fmgr.h"
#include "utils/jsonb.h"

#include "audit.h"
#include "sync.h"

/* Words of the enumerations, in their order, NULL at the end. */
extern const char *const sync_modes[];
extern const char *const sync_writes[];
extern const char *const sync_delete_kinds[];
extern const char *const sync_policies[];
extern const char *const sync_changes[];

/* Place of the word among the words, -1 where it is none of them. */
extern int	sync_word(const char *const *words, const char *word);

/*
 * A definition on its way is a JSON object of columns of connkit.sync. The members of definition.h and its likes return the
 * object with something added.
 */
extern Jsonb *definition_none(void);
extern Jsonb *definition_with(Jsonb *row, const char *column, const char *text);
extern Jsonb *definition_with_value(Jsonb *row, const char *column, JsonbValue *value);

/* The column's text; NULL where it is null or not there. */
extern char *definition_text(Jsonb *row, const char *column);

/* Where settings are given. */
#define DEFINITION_ARGUMENT 0x01	/* arguments of connkit_create_sync() */
#define DEFINITION_CREATE	0x02	/* its settings */
#define DEFINITION_ALL		0x04	/* settings of connkit_create_syncs() */
#define DEFINITION_OVERRIDE	0x08	/* its overrides */
#define DEFINITION_ALTER	0x10

/* Adds settings that a user gives as a JSON object, null for a default; ERROR for what they cannot be. */
extern Jsonb *definition_take(Jsonb *row, Jsonb *given, uint32 where);

/* What columns are where nothing is said of them; those that may be NULL are. */
extern Jsonb *definition_defaults(void);

/* ERROR where the settings do not go together. */
extern void definition_check(const Sync *sync);

/* A call on its way. */
typedef struct SyncCall
{
	FunctionCallInfo fcinfo;
	MemoryContext context;		/* of the caller: what is there outlives SPI */
	AuditEvent	event;			/* told at the end where it has values */
} SyncCall;

/* Does the work with SPI connected, and has it told in the audit log. The first argument is a name: the event's object, which
 * is returned. */
extern const char *definition_call(FunctionCallInfo fcinfo, const char *action, void (*work) (SyncCall *));

/* A new sync of the current role from its row, which lacks name, owner and defaults that follow from others. Its name; with
 * none given, one that is free. SPI must be connected. */
extern char *definition_create(Jsonb *row, const char *source, const char *name);

/* The source's oid; ERROR unless the current role may use it and it is one of connkit's. */
extern Oid	definition_source(const char *source);

/* The sync that a row, which need not be stored, describes; with the state where it is there. */
extern Sync *sync_from_row(Jsonb *row);

/* As sync_read(), and a superuser gets also one whose owner is gone (owner invalid) or whose source is (serverid invalid).
 * NULL where there is none. */
extern Sync *sync_fetch(int64 id);

#endif							/* CONNKIT_DEFINITION_H */
