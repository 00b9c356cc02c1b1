/*
 * sync.h: synchronisation: from a table or query of a source into a local table, rows and position in one transaction.
 *
 * definition*.c the definitions: reading one; _write: connkit_create_sync() and its like; _check: what one may say; _all: a
 *               source's tables in one call
 * describe.c    what the source's table looks like now
 * evolve.c      what has changed in it, and what becomes of that in the target
 * target.c      the local table: made where it is missing, looked at where it is there
 * read.c        rows of the source, by the executor over a foreign table of the moment
 * load.c        rows into a heap, many at a time
 * replace.c     a table's storage exchanged for one that was loaded beside it
 * apply.c       rows of a stage into the target: append, merge, history, deletions
 * position.c    how far a sync has come, and which rows at that point it has already
 * reject.c      rows that the target does not take
 * replay.c      those rows once more
 * resume.c      rows gathered in parts, beside the target, by runs that read all
 * intake.c      rows on their way from read.c to load.c, and what is rejected of them
 * run.c         one run of one sync: the order of all that
 * event.c       rows out of a message of the source's into the target
 * webhook.c     such messages: connkit_receive()
 * call.c        runs in the foreground: connkit_sync()
 * record.c      connkit.sync_run and what else is told of a run
 */
#ifndef CONNKIT_SYNC_H
#define CONNKIT_SYNC_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/elog.h"
#include "utils/jsonb.h"

typedef enum SyncMode
{
	SYNC_FULL_REFRESH,			/* reads all; replaces what is there, or appends */
	SYNC_INCREMENTAL,			/* reads what its cursor column says is new; appends or merges by key */
	SYNC_MERGE,					/* reads all, merges by key */
	SYNC_HISTORY				/* keeps every version of a row: valid_from, valid_to, is_current */
} SyncMode;

typedef enum SyncWrite
{
	SYNC_REPLACE,
	SYNC_APPEND,
	SYNC_UPSERT					/* "merge" */
} SyncWrite;

typedef enum SyncDeletes
{
	SYNC_DELETES_IGNORE,
	SYNC_DELETES_SOFT,			/* deleted_column is set to the time of the run that missed the row; history: closed */
	SYNC_DELETES_HARD
} SyncDeletes;

/* What becomes of a change of the source's table. */
typedef enum SyncPolicy
{
	POLICY_EVOLVE,				/* the target follows */
	POLICY_FREEZE,				/* the run fails and tells the difference */
	POLICY_DISCARD_COLUMN,		/* the column is left out */
	POLICY_DISCARD_ROW			/* rows that need the change are rejected */
} SyncPolicy;

typedef enum ChangeKind
{
	CHANGE_ADDED,
	CHANGE_DROPPED,
	CHANGE_RENAMED,				/* dropped and added, of one type and in one place: told as such, treated as both */
	CHANGE_RETYPED,
	CHANGE_NULLABILITY,
	CHANGE_KEY,
	CHANGE_KINDS
} ChangeKind;

/* What becomes of a column of the source; decided when it was first seen or has changed, and kept in the state. */
typedef enum ColumnFate
{
	COLUMN_TAKEN,
	COLUMN_LEFT_OUT,
	COLUMN_REJECTS				/* rows in which it is not NULL are rejected; else left out */
} ColumnFate;

/* A column of the source's table or query. */
typedef struct SyncColumn
{
	char	   *name;
	char	   *source_type;
	char	   *local_type;		/* as SQL writes it */
	bool		not_null;
	int			key;			/* place in the primary key, or else the first unique key of columns that are not null; 0: none */
	char	   *comment;		/* or NULL */
	ColumnFate	fate;
	char	   *target;			/* column of the target that takes it: its own name, or of a variant */
} SyncColumn;

/* A column of the target that the sync writes. */
typedef struct SyncField
{
	char	   *name;
	char	   *expression;		/* SQL over the columns of the source; a quoted name for a plain column */
	SyncColumn *column;			/* the column that it is, or NULL for an expression */
	char	   *type;			/* SQL type that a target made for it has; NULL: that of the expression */
	bool		not_null;		/* of a target made for it */
	int			key;			/* place in the sync's key, or 0 */
	bool		rejects;		/* not written: rows in which it is not NULL are rejected */
	bool		passing;		/* an expression that may have another value the next time, over columns that are fields too */
} SyncField;

/* A definition, its state, and what a run finds out; all in one memory context. */
typedef struct Sync
{
	MemoryContext context;
	int64		id;
	char	   *name;
	Oid			owner;			/* runs have this role's rights */
	char	   *source;
	Oid			serverid;
	char	   *schema_name;	/* NULL: the source's default */
	char	   *table_name;		/* NULL: it reads a query */
	char	   *query;
	char	   *query_columns;	/* "id bigint, name text": what the query returns */
	char	   *target_schema;
	char	   *target_table;
	SyncMode	mode;
	SyncWrite	write;
	char	   *cursor_column;	/* of the source, or NULL */
	char	   *initial_value;	/* of the cursor: the first run reads from there; or NULL */
	char	   *lookback;		/* interval or number: what is read again behind the position; or NULL */
	bool		half_open;		/* rows at the greatest cursor value are left for a later run */
	List	   *key_columns;	/* char *, of the source; NIL: the source's own key */
	List	   *take_columns;	/* char *; NIL: all */
	Jsonb	   *mapping;		/* {"target column": "expression"} or NULL */
	char	   *filter;			/* condition on the source's columns, or NULL */
	SyncDeletes deletes;
	char	   *deleted_column;
	SyncPolicy	policy[CHANGE_KINDS];
	int64		max_rejected;	/* rows that a run may reject; more: it fails */
	int64		keep_rejected;	/* rows that connkit.rejected_row keeps */
	int64		chunk_rows;		/* rows of a transaction in the background; 0: all in one */
	bool		resumable;		/* in the background, runs that read all rows gather them in such parts */
	bool		replace_rows;	/* replace by DELETE and INSERT, also where the storage could be exchanged */
	bool		create_indexes; /* the source's indexes on a target made by the sync */
	char	   *search_path;	/* for expressions and types: of who created the sync */
	bool		paused;
	bool		webhook;		/* takes messages that the source sends */
	char	   *comment;		/* the table's at the source, or NULL; set by describe_source() */

	/* the state, written in the transaction that writes the rows */
	char	   *position;		/* cursor value as text; NULL: none yet */
	bytea	   *seen;			/* hashes of the rows from position - lookback on (position.c), or NULL */
	List	   *seen_columns;	/* char *, what was hashed */
	char	   *seen_from;		/* cursor value from which on there are hashes, as text, or NULL */
	int64		tail;			/* rows at the position */
	List	   *shape;			/* SyncColumn, as of the last run; NIL: none yet */
	int			shape_version;
	bool		made_target;	/* the sync made the target */
	int64		last_run;		/* id, or 0 */
	Jsonb	   *load;			/* how far one in parts has come (resume.c), or NULL */

	/* found out by a run */
	List	   *columns;		/* SyncColumn, of now, with their fate */
	List	   *fields;			/* SyncField, in the target's order where it was there */
	bool		source_keyed;	/* the key is unique at the source: no key comes twice in one snapshot */
	Oid			target;
	bool		new_target;		/* made by this run: no key, no index yet */
} Sync;

typedef enum RunState
{
	RUN_QUEUED,
	RUN_RUNNING,
	RUN_SUCCEEDED,
	RUN_FAILED,
	RUN_CANCELLED,
	RUN_SKIPPED					/* another run of the sync was under way, or it is paused */
} RunState;

/* What a run that is under way does. */
typedef enum RunPhase
{
	PHASE_INITIALIZING,			/* looks at source and target; waits for locks on these */
	PHASE_READING,				/* reads rows, and writes them where they go first */
	PHASE_DELETING,				/* looks for rows that the source has no longer */
	PHASE_APPLYING,				/* puts rows that were read into the target */
	PHASE_INDEXING,
	PHASE_SWAPPING,				/* exchanges the storage; waits for readers */
	PHASE_COMMITTING,			/* deferred constraints and triggers too */
	PHASE_ENDED					/* in a session, until its transaction ends */
} RunPhase;

/* One run: a row of connkit.sync_run. */
typedef struct SyncRun
{
	int64		id;				/* 0: not recorded yet */
	int64		sync;
	const char *trigger;		/* "call", "background", "schedule", "after", "replay" */
	RunState	state;
	RunPhase	phase;
	int			depth;			/* calls of connkit_sync() that it is in, each within another; 0: it is a job's */
	int			attempt;
	TimestampTz started;		/* of the transaction at hand */
	int64		rows_read;
	int64		inserted;
	int64		updated;
	int64		deleted;
	int64		rejected;
	int64		bytes;			/* received from the source */
	int64		milliseconds;
	int64		chunks;			/* transactions */
	int64		schema_changes;
	bool		careful;		/* rows are converted one by one, so that bad ones can be rejected */
	int64		step_rows;		/* read by the transaction at hand */
	char	   *from;			/* cursor value where the next transaction of this run goes on; NULL: position - lookback */
	char	   *until;			/* half open: the cursor value where this run ends */
	Oid			heap;			/* loaded beside the target, whose storage it becomes at the end */
	Oid			source_table;	/* the foreign table of the moment */
	Oid			stage;			/* temporary table of what was read */
	Oid			keys;			/* temporary table of all keys at the source */
	List	   *replay;			/* Jsonb: rejected rows that are tried once more, instead of what the source has */
} SyncRun;

/*
 * definition.c
 */

/* The sync of that id with its state, in a context of its own below the current one. NULL where there is none that
 * the current role may see; ERROR with missing_ok false. */
extern Sync *sync_read(int64 id, bool missing_ok);
/* Id of the sync of that name; 0 where there is none that the current role may see. */
extern int64 sync_lookup(const char *name);
/* Ids (int64 *) of the syncs of a source that the current role may run, in the order of their names. */
extern List *sync_of_source(const char *source);

/* ERROR unless the role may run and change the sync: it has its owner's rights. */
extern void sync_check_owner(const Sync *sync, Oid role);

/*
 * describe.c
 */

/* The columns of the sync's table or query as they are now: sets sync->columns (every fate COLUMN_TAKEN, target its own
 * name) and sync->source_keyed. ERROR where the table is not there. */
extern void describe_source(Sync *sync);

/* Columns as the JSON of connkit.sync_state.shape, and back. */
extern Jsonb *shape_to_json(List *columns);
extern List *shape_from_json(Jsonb *json);

/*
 * evolve.c
 */

/*
 * Compares sync->shape with sync->columns, tells connkit.schema_change what is different, and does what the policies say:
 * ERROR, changes of the target, or another fate or target of the column. Counts into the run. With no shape (first run) and
 * a target that is there, columns that the target lacks are as added ones. sync->target may be invalid (made later).
 */
extern void evolve(Sync *sync, SyncRun *run);

/*
 * target.c
 */

/* Builds sync->fields from sync->columns, the mapping, and the key. ERROR where mode, key or cursor do not go together. */
extern void target_fields(Sync *sync);

/* The target's oid, locked; invalid where it is not there. ERROR where it is nothing that rows can be put into. */
extern Oid	target_find(Sync *sync, LOCKMODE lockmode);

/* Makes the target: columns, not null, comments; no key and no indexes, that target_finish() makes after the load. */
extern void target_make(Sync *sync);
extern void target_finish(Sync *sync);

/* True where rows may be put into the heap without SQL: a plain table without triggers, rules, row-level security and
 * children, that no extension distributes. */
extern bool target_is_plain(Oid target);

/* ERROR where the target lacks a field's column, or has it generated. */
extern void target_check(Sync *sync);

/* A temporary table with the fields' columns, or with keys those of the key, in the target's types, and with_cursor: a last
 * column connkit_cursor of the cursor's type. No constraints. Dropped with the run. */
extern Oid	target_stage(Sync *sync, bool keys, bool with_cursor);

/* Runs a statement that makes a temporary table of that name, also within a security-restricted operation. */
extern Oid	target_make_temporary(const char *sql, const char *name);

/* "schema"."table" */
extern char *target_name(Oid relation);

/*
 * replace.c
 */

/* Why the table's storage cannot be exchanged (a clause: "it has row triggers"), or NULL. */
extern const char *replace_obstacle(Oid target);

/* Waits for replacements of tables that foreign keys connect with the target, which may be invalid: before any other lock on
 * it, or two of them would be in a deadlock. */
extern void replace_wait(Oid target);

/* True for tables that Citus distributes or keeps in step on its nodes. */
extern bool replace_is_distributed(Oid target);

/* A heap of the target's layout to be loaded, dropped columns and all; the target is locked against writers, not readers. */
extern Oid	replace_begin(Oid target);
/* Builds the target's indexes on it. */
extern void replace_build(Oid target, Oid heap);
/* Exchanges the storage, which nobody else sees before the commit. Foreign keys that delete or change rows of other tables do
 * so for the keys that are gone. */
extern void replace_exchange(Oid target, Oid heap);
/* ERROR where the new rows, or those of other tables, break a foreign key that concerns the table. Of tables that are replaced
 * together, after the last one's exchange. */
extern void replace_check(Oid target);
/* Drops the old storage. Readers wait from here to the end of the transaction. */
extern void replace_end(Oid target, Oid heap);
/* The three for one table. */
extern void replace_finish(Oid target, Oid heap);

/*
 * apply.c: SQL as the current user, SPI connected
 */

/* Puts the rows of the stage into the target as the sync's mode says, and counts them into the run. */
extern void apply_stage(Sync *sync, SyncRun *run, Oid stage);

/* Deletes, marks or closes the rows of the target whose keys are not, or with listed are, in the table keys (columns named as the
 * fields). */
extern void apply_deletes(Sync *sync, SyncRun *run, Oid keys, bool listed);

/* Condition: a and s are of one key, by the equality of the key's types in the target. */
extern char *apply_same_key(Sync *sync);

/* True where rows with different keys at the source have different keys in the target too, or its key tells none apart. */
extern bool apply_keeps_keys(Sync *sync);

/*
 * reject.c
 */

/* Writes the row, a JSON object of the source's columns, to connkit.rejected_row with the error that was caught, and counts
 * it; returns its id. ERROR where these are more than the sync allows. With comes_again the next run is to read it again. */
extern int64 reject_row(Sync *sync, SyncRun *run, Jsonb *row, const char *column, ErrorData *error, bool comes_again);

/* Whether rows that the next run reads again must be left to it, since a replay would bring them twice. */
extern bool reject_waits(const Sync *sync);

/* The row of that id does not come again: the position is behind it. */
extern void reject_passed(int64 id);

/* Rows that were to come again, and that the run has not rejected, have come, or are gone. */
extern void reject_came(Sync *sync, SyncRun *run);

/* After a run has failed, in the transaction that records it: the rows, or the first of them, that it had rejected. */
extern void reject_keep(Sync *sync, SyncRun *run);

/* Leaves the newest of the sync's rejected rows, as many as it keeps; of the others, those that were not replayed are counted in
 * connkit.sync_state and told. */
extern void reject_trim(Sync *sync);

/* Deletes rejected rows that are older, of all syncs, and counts them as reject_trim() does; SPI is connected. Waits for no run:
 * rows of one under way stay for now. */
extern void reject_prune(int retention_minutes);

/*
 * replay.c
 */

/* The sync's rejected rows (Jsonb), which count as replayed from now on. */
extern List *replay_take(Sync *sync);

/* Whether rejected rows are read again from the source by their keys; else they are taken as they were. */
extern bool replay_by_key(const Sync *sync);

/* The condition, behind AND, on their keys. */
extern char *replay_condition(Sync *sync, SyncRun *run);

/* A temporary table of the source's columns with the rejected rows; SPI is connected. */
extern Oid	replay_table(Sync *sync, SyncRun *run);

/*
 * resume.c
 */

/* Whether the run gathers the rows in parts before the target gets them; if it reads all at once, a load is dropped. */
extern bool resume_begin(Sync *sync, SyncRun *run, bool background);

/* Reads the next part from run->source_table; SPI is connected. True: there is more to read. False: run->source_table is the
 * table that has the rows now, and goes with the run's others. */
extern bool resume_step(Sync *sync, SyncRun *run);

/* After all rows of that table were read: ERROR where they are not those that were gathered. */
extern void resume_end(Sync *sync, SyncRun *run);

/* Drops the table of a load that is not wanted any more, if it belongs to that role. */
extern void resume_drop(Jsonb *load, Oid owner);

/*
 * record.c
 */

/* Takes the lock that a run of the sync holds, to the end of the transaction or, with session, of the process. False:
 * another run has it. */
extern bool sync_lock(int64 sync, bool session);

/* Writes the run's row (a new one where id is 0), with the error of a failed one. */
extern void record_run(Sync *sync, SyncRun *run, ErrorData *error);

/* Writes the state. */
extern void record_state(Sync *sync);

/* Tells those who LISTEN to connkit: {"run": …, "sync": …, "state": …}. */
extern void record_notify(Sync *sync, SyncRun *run, ErrorData *error);

extern const char *record_state_name(RunState state);

/* Tells what the run does from now on. ERROR where it ends and was cancelled before. */
extern void record_phase(const Sync *sync, SyncRun *run, RunPhase phase);

/* True where trying again may help: connection, time-out, too many connections, deadlock. */
extern bool record_is_transient(int sqlerrcode);

/*
 * run.c
 */

/*
 * One transaction's part of a run, as the current user, who is the sync's owner; in the background it ends after chunk_rows
 * rows. Everything, state and run's row too, is written in the transaction at hand; the run has an id. True: there is more to
 * do. The sync was read after its lock was taken; with an ERROR it is of no use any more.
 */
extern bool run_step(Sync *sync, SyncRun *run, bool background);

/* Whether this is called by what a run of the sync does. The run's lock is this process's too, and would not tell. */
extern bool sync_runs_here(int64 sync);

/* The sync whose run in the background this process is for; 0: none. */
extern int64 run_of_process;

/* Called by a run with its figures so far, now and then and when its phase changes; set by worker/, or NULL. */
typedef void (*SyncProgress) (const Sync *sync, const SyncRun *run);
extern SyncProgress sync_progress;

/* Queues a run of the sync for the background, as the current user, who has its owner's rights, and returns its id; starts when
 * the transaction commits. ERROR where nothing runs in the background. Set by worker/. */
extern int64 (*sync_request_background) (const Sync *sync);

/* Called by record_run() in the transaction in which a run succeeds: what comes after the sync is queued. Set by worker/. */
extern void (*sync_succeeded) (const Sync *sync);

#endif							/* CONNKIT_SYNC_H */
