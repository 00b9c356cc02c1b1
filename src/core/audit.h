/*
 * audit.h: what is written to connkit.audit_log.
 */
#ifndef CONNKIT_AUDIT_H
#define CONNKIT_AUDIT_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "connkit.h"

typedef enum AuditOutcome
{
	AUDIT_OK,
	AUDIT_REFUSED,				/* for want of a right, or by a limit */
	AUDIT_FAILED
} AuditOutcome;

/* One entry; who, when and from where are added. Members that are NULL or 0 are not known. */
typedef struct AuditEvent
{
	const char *action;			/* "create", "alter", "drop", "test", "discover", "use", "set", "rotate" … */
	const char *object_type;	/* "source", "user mapping", "secret", "master key", "quota", "audit log" */
	const char *object;			/* its name */
	const char *organization;	/* role that owns it */
	Jsonb	   *old_value;		/* secrets redacted by the caller: audit_options() */
	Jsonb	   *new_value;
	AuditOutcome outcome;
	int			sqlerrcode;		/* of what went wrong */
	const char *detail;
} AuditEvent;

/* Writes the entry in the transaction at hand: it commits and rolls back with it. */
extern void audit_write(const AuditEvent *event);

/*
 * Writes the entry in a transaction of its own, whatever becomes of the one at hand, which may be read-only: by a
 * background worker of the moment; where none is to be had, or on a standby, as a line of the server log. With wait, it
 * returns when that is done. Cannot be used in an aborted transaction; raises nothing but the user's cancel.
 */
extern void audit_write_now(const AuditEvent *event, bool wait);

/*
 * Before PG_TRY() and after PG_END_TRY(), where an error is told by audit_write_error(): in between, exit_on_error does not
 * end the session before that.
 */
extern void audit_begin(void);
extern void audit_end(void);

/* In PG_CATCH(), before PG_RE_THROW(): the same, with outcome and detail taken from the error at hand; ends audit_begin(). */
extern void audit_write_error(AuditEvent *event);

/*
 * Options (DefElem) of an object (CK_ON_*) as a JSON object, values replaced by stars unless the manifest has them
 * there and calls them no secret; without a connector, all of a user mapping. Long values are cut.
 */
extern Jsonb *audit_options(const CkConnector *connector, List *options, uint32 where);

extern void audit_init(void);

/*
 * Among audit*.c
 */

/* The table, or invalid where the extension is not in this database. */
extern Oid	audit_table(void);

/* Writes an entry, a JSON object of the table's columns: as a row, or as a line of the server log. */
extern void audit_store(const char *entry);
extern void audit_log_line(const char *entry);

/* Notes when a secret was used last, where the entry says that one was. */
extern void audit_store_use(const char *entry);

/* As audit_options(); stars of a secret that the list set (DefElem) gives say so. */
extern Jsonb *audit_options_set(const CkConnector *connector, List *options, uint32 where, List *set);

/* Has a worker write the entry; where none is to be had, it becomes a line of the log. */
extern void audit_worker_write(Oid table, const char *entry, bool wait);

#endif							/* CONNKIT_AUDIT_H */
