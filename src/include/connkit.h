/*
 * connkit.h: the contract between a connector and connkit.
 *
 * This is the only header that a connector includes. It is plain C11 and C++17, needs no PostgreSQL
 * header, and there is nothing to link: the services of the core come through the CkHost table that
 * every session carries, and the functions at the end of this file call it.
 *
 * Ownership, unless a member says otherwise: pointers that the core hands to a connector live until the
 * connector returns from the call; strings that a connector hands to the core are copied by the core,
 * except the text and bytes put into a row, which must live until the next call on the same scan.
 * All text is UTF-8. All functions run on the backend's one thread. Nothing here throws.
 */
#ifndef CONNKIT_H
#define CONNKIT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C"
{
#endif

/* Must match exactly between a module and the core; grows with every change of this file. */
#define CK_ABI 7

#if defined(__GNUC__)
#define CK_EXPORT __attribute__((visibility("default")))
#define CK_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define CK_EXPORT
#define CK_PRINTF(f, a)
#endif

typedef struct CkHost CkHost;
typedef struct CkConnector CkConnector;
typedef struct CkSession CkSession;
typedef struct CkScan CkScan;
typedef struct CkRow CkRow;
typedef struct CkCatalog CkCatalog;
typedef struct CkSecret CkSecret;

/*
 * How a call ended. The class decides the SQLSTATE that the user sees, and whether trying again can help.
 * A connector returns what ck_fail() gave it; it never invents an error without a message.
 */
typedef enum CkStatus
{
	CK_OK = 0,
	CK_END,						/* scan_next: no more rows */
	CK_ERR_OPTION,				/* an option's value cannot be used */
	CK_ERR_RESOLVE,				/* host name unknown */
	CK_ERR_CONNECT,				/* refused, unreachable */
	CK_ERR_TLS,					/* no TLS, certificate not trusted, wrong name */
	CK_ERR_AUTH,				/* wrong user or password */
	CK_ERR_DATABASE,			/* the database or file does not exist, or is closed to this user */
	CK_ERR_PRIVILEGE,			/* the account may not do this */
	CK_ERR_NOT_FOUND,			/* table, column or file is gone */
	CK_ERR_TIMEOUT,				/* deadline passed */
	CK_ERR_CANCELLED,			/* the user's cancel; only ck_wait() and ck_interrupted() start it */
	CK_ERR_LOST,				/* the connection broke after it was made */
	CK_ERR_BUSY,				/* too many connections, lock not granted, try later */
	CK_ERR_QUERY,				/* the source refused the statement */
	CK_ERR_CONSTRAINT,			/* a key or another constraint of the source forbids the change; SQLSTATE of class 23 */
	CK_ERR_DATA,				/* a value cannot be read or converted */
	CK_ERR_PROTOCOL,			/* the source sent what it must not send */
	CK_ERR_UNSUPPORTED,			/* the source, or this connector, cannot do that */
	CK_ERR_MEMORY,
	CK_ERR_INTERNAL,
	CK_STATUS_COUNT
} CkStatus;

/*
 * Options: the manifest of what a connector understands
 */

typedef enum CkOptionType
{
	CK_OPT_STRING,				/* const char *, NULL when absent and without a default */
	CK_OPT_INTEGER,				/* int64_t, within min and max */
	CK_OPT_BOOLEAN,				/* bool */
	CK_OPT_CHOICE,				/* const char *, one of choices */
	CK_OPT_FILE					/* const char *: an absolute path of the server's file system, or one of choices;
								 * who is no superuser may name only what the setting connkit.allowed_paths allows,
								 * and is handed to the connector without symbolic links */
} CkOptionType;

#define CK_ON_SERVER	0x01u
#define CK_ON_USER		0x02u
#define CK_ON_TABLE		0x04u
#define CK_ON_COLUMN	0x08u
#define CK_REQUIRED		0x10u	/* must be given at one of its places */
#define CK_SECRET		0x20u	/* only in user mappings; never printed. The option <name>_secret, which the core adds,
								 * names a secret that is put here before the connector sees it */
#define CK_CREDENTIAL	0x40u	/* proves who the user is; without one, only a superuser may connect
								 * (user mapping option password_required) */

/*
 * One option. The core checks it when it is written, and parses server, user mapping and table, in this
 * order and later over earlier, into one struct of options_size bytes, at offset. Options that every
 * connector has are the core's own and need no entry: connect_timeout, query_timeout, schema_name,
 * table_name, query, column_name, fetch_size, use_remote_estimate, password_required.
 */
typedef struct CkOption
{
	const char *name;			/* NULL ends the list */
	CkOptionType type;
	uint32_t	where;			/* CK_ON_*, CK_REQUIRED, CK_SECRET, CK_CREDENTIAL */
	size_t		offset;			/* offsetof() in the connector's options struct */
	const char *initial;		/* default as text, or NULL */
	int64_t		min;			/* CK_OPT_INTEGER: smallest value */
	int64_t		max;			/* CK_OPT_INTEGER: largest value */
	const char *choices;		/* CK_OPT_CHOICE: "disable|require|verify-full"; CK_OPT_FILE: words beside paths */
	const char *help;			/* one line for people */
	const char *alias;			/* another name that is taken for it, or NULL */
} CkOption;

/*
 * Values and rows
 */

typedef enum CkType
{
	CK_NULL = 0,
	CK_BOOL,					/* i: 0 or 1 */
	CK_INT64,					/* i */
	CK_UINT64,					/* i, read as uint64_t */
	CK_FLOAT64,					/* f */
	CK_FLOAT32,					/* f, exactly a float */
	CK_NUMERIC,					/* p, size: decimal text; NaN and Infinity as PostgreSQL writes them */
	CK_TEXT,					/* p, size: UTF-8 without NUL; the core checks it */
	CK_BYTES,					/* p, size */
	CK_DATE,					/* i: days since 1970-01-01, proleptic Gregorian; CK_MINUS_INFINITY, CK_INFINITY */
	CK_TIME,					/* i: microseconds, also below 0 and above a day where the local type can hold it */
	CK_TIMESTAMP,				/* i: microseconds since 1970-01-01 00:00 of no time zone; CK_*INFINITY */
	CK_TIMESTAMPTZ,				/* i: microseconds since 1970-01-01 00:00 UTC; CK_*INFINITY */
	CK_JSON,					/* p, size: JSON text in UTF-8 */
	CK_NATIVE,					/* p, size: PostgreSQL's binary form of the column's own type */
	CK_MISFIT,					/* p, size: text, for people, of what the column's type cannot take: ck_put_misfit() */
	CK_TYPE_COUNT
} CkType;

#define CK_INFINITY			INT64_MAX
#define CK_MINUS_INFINITY	INT64_MIN

typedef struct CkValue
{
	CkType		type;
	uint32_t	size;			/* bytes at p */
	union
	{
		int64_t		i;
		double		f;
		const char *p;			/* borrowed; need not end in NUL */
	}			u;
} CkValue;

/* One row on its way to the core. Write it with ck_put_*(); a column not put is NULL. */
struct CkRow
{
	CkValue    *values;
	uint32_t	ncolumns;
	uint32_t	misfit;			/* set by ck_put_misfit(): the column, from 1; 0: none */
};

/* A column that a scan has to deliver. */
typedef struct CkColumn
{
	const char *name;			/* its name at the source */
	CkType		type;			/* the form that suits the local type best; any other that converts will do;
								 * CK_NATIVE: a type that only its own text or binary form fits */
	const char *local_type;		/* the local type as SQL writes it, "numeric(12,2)" */
} CkColumn;

/*
 * Sessions: one connection to one source, for one user
 */

/* What connkit_test() shows, in this order. */
typedef enum CkStage
{
	CK_STAGE_OPTIONS,			/* the core's own */
	CK_STAGE_RESOLVE,
	CK_STAGE_CONNECT,
	CK_STAGE_TLS,
	CK_STAGE_AUTHENTICATE,
	CK_STAGE_QUERY,
	CK_STAGE_PRIVILEGES,
	CK_STAGE_COUNT
} CkStage;

struct CkSession
{
	const CkHost *host;
	const CkConnector *connector;
	const char *source;			/* name of the foreign server, for messages */
	const void *options;		/* the connector's options struct: server and user mapping */
	void	   *state;			/* session_size zeroed bytes; a bare pointer of the connector's where that is 0 */
	int64_t		deadline_ms;	/* absolute, on ck_now_ms()'s clock; 0: query_timeout_ms from each wait's begin */
	int64_t		query_timeout_ms;	/* the longest wait for the source while it works; 0: none */
	bool		credential_required;	/* the user may not ride on the server's own identity: after
										 * authentication, fail with CK_ERR_AUTH unless the user's own
										 * credential was what let him in */
	bool		serializable;	/* the local transaction is SERIALIZABLE (for CK_BEGIN) */
	bool		share;			/* CK_BEGIN: other sessions may want to join this one's snapshot */
	bool		helps;			/* session_import: it reads parts of tables that the other process can read by itself: a lock
								 * that is not to be had soon is not waited for */
	bool		read_only;		/* session_open: the source is not to be changed, by the option updatable; CK_BEGIN: nor
								 * in this transaction: nothing will be changed, and nothing may be */
	bool		written;		/* the transaction may have changed something: CK_COMMIT waits for the reply and tells what
								 * went wrong, CK_ROLLBACK_TO undoes. Set before the first scan with CK_SCAN_CHANGE opens */
	uint32_t	no_returning;	/* set by session_open: of CkSql.returning, what this server does not understand */
};

typedef enum CkEvent
{
	CK_BEGIN,					/* before the first scan of a local transaction: a transaction with one snapshot for all
								 * its statements. May be put off to the next statement */
	CK_COMMIT,					/* the local transaction ends well; need not wait for the reply unless written or
								 * serializable */
	CK_ABORT,					/* it did not; may be called on a session in any state */
	CK_SAVEPOINT,				/* level: a subtransaction begins to use the session */
	CK_RELEASE,
	CK_ROLLBACK_TO				/* undo to the savepoint of that level and release it */
} CkEvent;

/*
 * Messages: what a source sends by itself, to a webhook
 */

/* What a message means for the rows of its table. */
typedef enum CkMessageKind
{
	CK_MESSAGE_IGNORED,
	CK_MESSAGE_UPSERT,			/* its records are rows as they are now */
	CK_MESSAGE_DELETE			/* its records are rows that are gone; of these only some columns may be there */
} CkMessageKind;

typedef struct CkMessage
{
	/* set by the core */
	const char *body;			/* ends in NUL, beyond size */
	size_t		size;			/* bytes */
	const char *const *headers; /* name, value, name, value …, NULL; letter case of names as it came */
	bool		raw;			/* the body is what was sent, byte by byte; else it is the same JSON, written anew */

	/* set by CkConnector.receive */
	bool		genuine;		/* it was proven who sent it; an error before that is told to nobody but the source's owner */
	CkMessageKind kind;
	char		id[256];		/* the same when it is sent again; empty: it has none */
	char		at[64];			/* when the source sent it, or its records were so, in ISO 8601; empty: not known */
} CkMessage;

/*
 * Scans
 */

/* Every row is wanted, as far as the plan can tell: no LIMIT, no arguments, one execution. */
#define CK_SCAN_WHOLE	0x01u
/* The request changes rows. It is read to its end, is not run again by itself, and sets affected; what it returns are its
 * rows. Also for a statement of unknown kind, which may yield rows or not. */
#define CK_SCAN_CHANGE	0x02u
/* With CK_SCAN_CHANGE: a row that a key of the source forbids is no error; nothing is changed then, and affected is 0. */
#define CK_SCAN_SKIP_DUPLICATE	0x04u
/* With CK_SCAN_CHANGE: it may be one that no rollback undoes, for it stands alone or the user wants it so
 * (connkit.allow_best_effort_writes); else a connector that is CK_TRANSACTIONAL refuses what it cannot undo. */
#define CK_SCAN_BEST_EFFORT	0x08u
/* The rows are read to be changed in this transaction, or to be locked: the request ends in row_lock, where the dialect has that,
 * and a source that is locked as a whole is locked from now on. It is read to its end, or the transaction is rolled back. */
#define CK_SCAN_LOCK	0x10u
/* The request is a query of a user's own, in a transaction that may change the source otherwise: what the query changes, by a
 * function that it calls, is refused, or undone as soon as the scan ends. */
#define CK_SCAN_UNDO	0x20u

/*
 * What an INSERT stores of which nothing is wanted back, beside its text: a connector that has a faster way to do exactly the
 * same may take that. The arguments are rows of as many values as there are columns.
 */
typedef struct CkInsert
{
	const char *relation;		/* as it stands in the text, quoted */
	const char *column_list;	/* the same */
	uint32_t	ncolumns;
	const char *const *columns; /* their names */
	const uint32_t *types;		/* pg_type.oid of a CK_NATIVE value; 0: it is text */
} CkInsert;

struct CkScan
{
	/* set by the core before scan_open */
	CkSession  *session;
	const void *options;		/* options struct with the table's own on top */
	const char *schema_name;	/* of the table at the source; NULL: none given */
	const char *table_name;		/* NULL: the foreign table is a query */
	const char *remote;			/* request text: SQL for a source with CkSql; NULL for a plain READ */
	const CkValue *args;		/* values of the request's placeholders, for this execution */
	uint32_t	nargs;
	const CkColumn *stored;		/* with CK_SCAN_CHANGE of a table: arg i is stored in the column stored[i % nstored], of which
								 * the name is NULL where it is stored in none. Where there are more than args, an expression
								 * of the request is stored in those behind. NULL where nothing is known */
	uint32_t	nstored;
	const CkColumn *columns;	/* what to deliver: column i goes to row column i; lives as long as the scan */
	uint32_t	ncolumns;		/* may be 0: only the number of rows counts */
	uint32_t	flags;			/* CK_SCAN_* */
	const CkInsert *insert;		/* of a CK_SCAN_CHANGE that stores several rows, or NULL */
	const CkMessage *message;	/* its records are the rows: there is no request, and the source is not asked; or NULL */
	uint32_t	fetch_size;		/* rows to ask for at once, where the protocol has that; 0: the connector's choice */
	void	   *state;			/* scan_size zeroed bytes; a bare pointer where that is 0 */

	/* counted by the connector, shown by EXPLAIN ANALYZE */
	uint64_t	bytes;			/* received from the source */
	uint64_t	round_trips;	/* request and reply */

	/* set by the connector when a scan with CK_SCAN_CHANGE has ended: rows inserted, or rows that the condition met whether
	 * their values changed or not; -1: the source does not say */
	int64_t		affected;

	/* set by the core before scan_close: the statement goes on well, so that what the source keeps for the scan can be given
	 * back: that may wait, for the session's deadline at most */
	bool		orderly;
};

/*
 * SQL dialects, as data
 */

/* Where a qual of this form is evaluated. */
typedef enum CkFidelity
{
	CK_EXACT,					/* the source gives PostgreSQL's answer for every value: no recheck here */
	CK_FILTER,					/* it says true for just the right rows, but maybe false for NULL or NULL for false:
								 * good as a filter, not below NOT or as a value */
	CK_SUPERSET					/* the source lets through all the right rows and maybe more: checked again here */
} CkFidelity;

/*
 * Operators or functions that may be sent. Those not listed are evaluated here.
 *
 * what: names divided by blanks: operators ("= <> <"), functions and aggregates ("abs", "sum"), or one of the forms
 *   "order" (%1 is a sort key), "aggorder" (%1 is one within an aggregate, where there is no rule for "order"),
 *   "in" (%1 is equal to one of the list %2: its elements divided by commas; without such
 *   a rule it is an OR of the rule for "="), "keys" (the same for the keys of a join, which may let through more; without such
 *   a rule that of "in" or "=" serves), "bool" (a boolean column as a condition), "isnull" and "notnull" (without a
 *   rule %1 IS NULL and %1 IS NOT NULL are sent and exact), "branch" (%1 is one of the results of CASE, COALESCE or
 *   NULLIF), "cast" (its two args are the types that it leads from and to; %1 is the value), "group" (%1 is grouped by, and
 *   read as it is written: it puts together just what PostgreSQL does), "groupby" (what is grouped by beside it where the
 *   key may be longer than 250 characters), "value" (how a window function takes a value that it gives back, to be read as it is
 *   written; without such a rule that of "group" serves).
 * args: argument types divided by commas, as in pg_catalog ("int4", "text"), or a class:
 *   "integer" (int2, int4, int8, in any mixture), "float" (float4, float8); or what a constant has to be: 'year', 0, or
 *   "pattern", a text that does not end in a backslash. Rules with constants stand before those without.
 *   "text" stands for varchar too, which PostgreSQL compares as text. "*" is that of count(*).
 * remote: how it is written there: %1 %2 … are the arguments, %o the operator's or function's own name,
 *   NULL: "(%1 %o %2)", "(%o %1)" or "%o(%1, …)". An argument may stand there more than once. %n1 is the digits and
 *   the scale of a numeric argument, "12,2".
 *   An aggregate has to pass over NULL, which its argument is where FILTER leaves a row out. %d is DISTINCT where that is
 *   wanted; an aggregate whose template lacks it is done here then. "/", for an average: the sum and the number of the
 *   values are read, by the rules for sum and count, and divided here. %b is its ORDER BY: an aggregate whose template has it
 *   is sent with an order only, and read as it comes, so that the connector can refuse a value that the source has cut. %h2 is
 *   a second argument that is a constant, as the hexadecimal digits of its bytes.
 *   %w stands behind each call that may be a window function: it is OVER (…), or nothing for an aggregate of groups. An aggregate
 *   whose template lacks it is no window function there. Of a window function, arguments of polymorphic types are written by the
 *   rules "value" or "group" of their own types, and what counts rows is a constant above 0.
 * locale: for text, which local collations give the same answer:
 *   CK_ANY_LOCALE (equality of deterministic collations: bytes), CK_C_LOCALE (order by bytes).
 */
typedef enum CkLocale
{
	CK_NO_LOCALE,				/* the operation has no collation */
	CK_ANY_LOCALE,				/* any deterministic collation */
	CK_C_LOCALE					/* "C" and "POSIX" only */
} CkLocale;

typedef struct CkSqlRule
{
	const char *what;			/* NULL ends the list */
	const char *args;
	const char *remote;
	CkFidelity	fidelity;
	CkLocale	locale;
	const char *reason;			/* why it is odd, for docs; or NULL */
	bool		raises;			/* an error for some values, and the source may compute it for rows of a join that have no
								 * match: sent where the source reads one table alone, or for what it groups */
} CkSqlRule;

/* Values that cannot be told to the source. With such a value the filter that holds it is evaluated here. */
typedef struct CkSqlLimits
{
	bool		nan;			/* the source knows NaN and the infinities of float8 */
	bool		infinite_time;	/* it knows 'infinity' of dates and timestamps */
	int64_t		timestamp_min;	/* CK_TIMESTAMP and CK_TIMESTAMPTZ, microseconds; dates are held to the same */
	int64_t		timestamp_max;
	int32_t		numeric_digits;	/* digits before the point of a numeric; 0: no limit, and NaN is known */
	int32_t		numeric_scale;	/* digits behind the point */
} CkSqlLimits;

/* How a column's type at the source becomes a local type. The first that matches serves. */
typedef struct CkTypeRule
{
	const char *source;			/* glob (* and ?) on the whole lower-case type: "decimal(*)*"; NULL ends the list */
	const char *local;			/* local type; %a is what stands within the source type's parentheses;
								 * NULL: a local type of the same name, or text where there is none */
	const char *note;			/* behaviour worth telling, for docs; or NULL */
} CkTypeRule;

/* A condition on one column of a table: column op value. */
typedef struct CkFilter
{
	const char *column;			/* its name at the source */
	const char *source_type;	/* its type at the source, by the column's option source_type; NULL: none is told */
	const char *op;				/* "=", "<>", "<", "<=", ">", ">=", or "in": it is equal to one of several values */
	CkType		type;			/* of the values: CK_BOOL, CK_INT64, CK_FLOAT64, CK_NUMERIC, CK_TEXT, CK_DATE, CK_TIMESTAMP … */
} CkFilter;

/* What becomes of it. */
typedef enum CkPushed
{
	CK_NOT_PUSHED = 0,
	CK_PUSHED,					/* the source lets through all the right rows and maybe more: checked again here */
	CK_PUSHED_EXACT				/* just the right rows */
} CkPushed;

/* An order of a table's rows by one column. */
typedef struct CkOrder
{
	const char *column;			/* its name at the source */
	CkType		type;			/* of its values; CK_TEXT: by their bytes */
	bool		descends;
	bool		nulls_first;	/* where rows without a value are wanted */
	bool		not_null;		/* there are none, as the table is declared */
	const CkFilter *filters;	/* the conditions that go with it */
	uint32_t	nfilters;
} CkOrder;

struct CkSql;

/* What may be changed in a table of a source with CkSql.filter, and by which columns it knows a row. */
typedef struct CkChanges
{
	uint32_t	kinds;			/* CK_INSERT, CK_UPDATE, CK_DELETE */
	uint32_t	rows;			/* that one INSERT may have; 0: 1 */
	bool		skips;			/* INSERT takes CK_SCAN_SKIP_DUPLICATE */
	const char *const *update_keys; /* columns, up to a NULL, whose values together tell the row that is updated; none of them
									 * is ever NULL */
	const char *const *delete_keys; /* or deleted */
	/* Required. Whether such a statement (CK_INSERT, CK_UPDATE) may store values in the column. */
	bool		(*stores) (const struct CkSql *sql, uint32_t kind, const char *column);
} CkChanges;

/*
 * Catalog queries yield these columns, in this order, as text unless another type is told. In their text
 * "{schema}" and "{table}" behind an expression are replaced by a condition on it: = '…', IN (…), NOT IN (…)
 * or IS NOT NULL. They are ordered by schema and table, and by position where there is one.
 */
typedef struct CkSql
{
	/* For a source that is asked in another language than SQL, by conditions on single columns, an order and a LIMIT: says what
	 * becomes of a condition. The request text is SELECT list FROM "table" [WHERE "column" op ? AND "column" IN (?, ?) …]
	 * [ORDER BY "column" ASC or DESC] [LIMIT n or ?], with quotes doubled within names, a scan's columns are what the list names,
	 * and of the other members only those up to quote, limits, returning (of INSERT and UPDATE) and max_args mean something.
	 * NULL: it speaks SQL, and rules say what it understands */
	CkPushed	(*filter) (const struct CkSql *sql, const CkFilter *filter);
	/* With filter, optional: whether the rows of one scan come in just that order, which is PostgreSQL's. NULL: never */
	bool		(*order) (const struct CkSql *sql, const CkOrder *order);
	/* With filter, optional: the column that grows with every change, by which a sync that is told none reads what is new; and
	 * where that begins, and how far back it looks, as the sync's initial_value and lookback */
	const char *cursor_column;
	const char *cursor_start;
	const char *cursor_lookback;
	const char *const *required;	/* with filter: columns, up to a NULL, of which the source must be told the value, or several
									 * (=, in), or it cannot be read; or NULL */
	const char *const *searched;	/* with filter: the same, of columns that cost many requests where that is not told */
	/* With filter: what may be changed, or NULL. The request text is INSERT INTO "table" ("column", …) VALUES (?, …), (?, …) or
	 * INSERT INTO "table" DEFAULT VALUES; UPDATE "table" SET "column" = ?, … WHERE "key" = ? AND …; DELETE FROM "table" WHERE
	 * "key" = ? AND …; the first two maybe with RETURNING "column", …. An UPDATE or DELETE is for one row, which was read before:
	 * where it is not there any more, nothing is changed and affected is 0 */
	const CkChanges *changes;
	bool		typed;			/* with filter: what becomes of conditions depends on source types, which IMPORT FOREIGN SCHEMA
								 * writes into the columns' option source_type; in the request text it is "name"::"type" */

	char		quote;			/* of identifiers, doubled within */
	bool		numbered;		/* placeholders are $1, $2, … ; else ? */
	bool		native;			/* the source is PostgreSQL: arguments are CK_NATIVE and written $1::type; what is
								 * built in, immutable and without a collation is sent without a rule */
	bool		nulls_order;	/* it understands NULLS FIRST and NULLS LAST; else it sorts NULL as the least */
	bool		full_join;		/* it understands FULL JOIN */
	uint32_t	windows;		/* CK_WINDOWS and other bits: which window functions it understands; 0: none */
	const struct CkSql *careful;	/* where conditions fail for a value that is none of the column's type: what is sent
									 * instead for a sync that puts such rows aside; else NULL */
	bool		derived_alone;	/* a sub-query in FROM is joined with nothing there */
	const char *ordered_join;	/* an INNER JOIN that reads its left side first: "STRAIGHT_JOIN"; used where the right side's key
								 * is known to be looked up with. NULL: none, or the source estimates conditions well */
	const char *unindexed;		/* a key of groups, %1, so that the source does not read the table row by row in an index's order,
								 * however many rows of it are wanted; NULL: it knows better */
	bool		no_schema;		/* schema_name is not written in front of a table's name */

	/* changing rows */
	uint32_t	returning;		/* CK_INSERT, CK_UPDATE, CK_DELETE: which statements understand RETURNING */
	uint32_t	max_args;		/* placeholders that a statement may have; 0: 65535 */
	bool		on_conflict;	/* INSERT understands ON CONFLICT DO NOTHING; else CK_SCAN_SKIP_DUPLICATE asks for it */
	bool		assigns_in_turn;	/* SET a = b, b = a gives b its own value back */
	bool		assigns_args;	/* a column changes what is stored in it by rules of its own: only args may be assigned, at which
								 * the connector looks (CkScan.stored), and no expression */
	const char *row_lock;		/* appended to a SELECT whose rows will be changed: " FOR UPDATE"; NULL: nothing */
	const char *row_id;			/* columns that tell a row of a table without declared keys from all others within a
								 * transaction, divided by commas: "tableoid, ctid"; NULL: the source has none */
	const char *default_row;	/* behind INSERT INTO table, for a row of defaults alone; NULL: DEFAULT VALUES */
	const char *truncate;		/* "TRUNCATE TABLE", before the tables' names and within the transaction; NULL: DELETE FROM */

	const char *literal_prefix;	/* before a quoted string literal: "N", "" */
	const char *sample;			/* appended to FROM table: takes a random part of the rows; %f is the fraction
								 * from 0 to 1; NULL: the whole table is read */

	/* reading a table by parts, each in a session of its own, which share a snapshot; with session_export */
	const char *blocks;			/* query of two integers: how many blocks table %t has, NULL where it cannot be divided; and
								 * how many more sessions the user may open. %l is the table's name as a string. Until the
								 * transaction ends, no row takes another place. NULL: tables are read as a whole */
	const char *from_block;		/* condition for rows from block %u on: "ctid >= '(%u,0)'" */
	const char *before_block;	/* the same for those before it */

	const CkSqlRule *rules;
	const CkSqlRule *overrides; /* optional: rules that go before those, for dialects that differ in a few */
	CkSqlLimits limits;
	const CkTypeRule *types;

	/* schema, table, kind (table, view, materialized view, foreign table, partitioned table), comment,
	 * estimated rows (integer; NULL unknown), estimated bytes (integer; NULL unknown) */
	const char *tables;
	/* schema, table, column, position (integer), source type, not null (0 or 1), default, generated (expression,
	 * or NULL), comment, collation (NULL: the default) */
	const char *columns;
	/* schema, table, key name, kind (p, u, f), position (integer), column, referenced schema, table, column */
	const char *keys;
	/* schema, table, index name, unique (0 or 1), position (integer), column or expression, method */
	const char *indexes;
	const char *default_schema;	/* query of one value: the schema that a table without schema_name is in; or NULL */
} CkSql;

/*
 * The connector table
 */

#define CK_DISCOVER	0x01u		/* lists tables; needs discover, or sql with tables and columns */
#define CK_READ		0x02u		/* scans rows; needs scan_open, scan_next, scan_close */
#define CK_REMOTE	0x04u		/* works at the source; needs sql */
#define CK_MULTI	0x08u		/* one session serves many open scans at a time */
#define CK_SECRETS	0x10u		/* keeps secrets that options of other sources refer to; needs secret_get */
#define CK_HTTP		0x20u		/* speaks HTTP: addresses of the setting connkit.denied_addresses are refused */
#define CK_WRITE	0x40u		/* changes rows; needs sql, or CK_FILTERS and dialects with changes, and scan_open to take
								 * CK_SCAN_CHANGE */
#define CK_FILTERS	0x100u		/* takes conditions on columns; needs a dialect() whose tables have filter */
#define CK_AUTOCOMMIT	0x80u	/* a scan that comes without CK_BEGIN is a transaction of its own */

/* CkSql.returning */
#define CK_INSERT	0x01u
#define CK_UPDATE	0x02u
#define CK_DELETE	0x04u

/* CkSql.windows */
#define CK_WINDOWS			0x01u	/* those that have rules; frames of ROWS, and of RANGE without distances */
#define CK_WINDOW_GROUPS	0x02u	/* frames of GROUPS */
#define CK_WINDOW_EXCLUDE	0x04u	/* EXCLUDE */
#define CK_WINDOW_RANGE		0x08u	/* RANGE with distances; without CkSql.native, of integers only */
#define CK_WINDOW_AHEAD		0x10u	/* frames that begin behind the current row */
#define CK_WINDOW_EMPTY		0x20u	/* frames that end before they begin */
#define CK_WINDOW_BESIDE	0x40u	/* OVER (), of all rows, beside other windows */

/* What becomes of a change when the local transaction does not commit, or the connection breaks. */
typedef enum CkAtomicity
{
	CK_BEST_EFFORT = 0,			/* it may be done, or not, or twice where it is tried again */
	CK_IDEMPOTENT,				/* it is done at once; trying again does no harm */
	CK_TRANSACTIONAL			/* it is done when the transaction commits, and only then */
} CkAtomicity;

struct CkConnector
{
	uint32_t	abi;			/* CK_ABI */
	uint32_t	caps;			/* CK_DISCOVER | CK_READ | CK_REMOTE | CK_MULTI | CK_SECRETS | CK_HTTP */
	const char *name;			/* [a-z0-9_]+; the module is connkit_<name> */
	const char *title;			/* for people: "MySQL and MariaDB" */
	const char *version;		/* of the connector, and of the library it runs on */
	const CkOption *options;	/* ends with a NULL name */
	size_t		options_size;
	size_t		session_size;
	size_t		scan_size;
	const CkSql *sql;			/* required with CK_REMOTE */
	CkAtomicity atomicity;		/* of changes, with CK_WRITE */

	/* Optional. The dialect to be used with the options of a server and a table, where these change what may be sent: a table
	 * that stays for good. table_name is NULL where it is for no table, or one that is a query. */
	const CkSql *(*dialect) (const CkConnector *connector, const void *options, const char *schema_name,
							 const char *table_name);
	/* Optional. A connector that a manifest (JSON text) describes, which stays for good; or NULL and, in error, what is wrong
	 * with it and where. */
	const CkConnector *(*from_manifest) (const char *manifest, size_t size, char *error, size_t error_size);

	/* Required. Connects and authenticates within session->deadline_ms, telling ck_stage() as it goes. */
	CkStatus	(*session_open) (CkSession *session);
	/* Optional. Before a session is used again in a new transaction; false: it is closed and opened anew. Takes no
	 * round trip. */
	bool		(*session_alive) (CkSession *session);
	/* Required. Frees everything, at once and without waiting; also after a failed open. */
	void		(*session_close) (CkSession *session);
	/* Optional. For connkit_test(): runs the stages QUERY and PRIVILEGES, telling ck_stage(), ck_server_version()
	 * and ck_warn(). */
	CkStatus	(*session_check) (CkSession *session);
	/* Optional. Stops what the source is doing for an open scan and makes the session fit for the next statement of
	 * the same transaction; where the scan changes or locks rows, fit for the rollback that the core sends next, be it to a
	 * savepoint. Anything but CK_OK: the core closes the session. Without it, the session is closed.
	 * Not called with CK_MULTI: there scan_close alone stops a scan. */
	CkStatus	(*session_cancel) (CkSession *session);
	/* Optional. Writes a name of the snapshot of the session's transaction, by which other sessions, those of other processes
	 * too, take it as long as that transaction lasts; a scan may be open. CK_ERR_UNSUPPORTED: not now; the core then does with
	 * one session. */
	CkStatus	(*session_export) (CkSession *session, char *name, size_t size);
	/* Required with session_export. CK_BEGIN, of a transaction that only reads, with the snapshot of that name. */
	CkStatus	(*session_import) (CkSession *session, const char *name);
	/* Optional; absent: every statement stands for itself. level is 2 or more for savepoints. */
	CkStatus	(*transaction) (CkSession *session, CkEvent event, int level);

	/* Required with CK_DISCOVER unless sql has the catalog queries. */
	CkStatus	(*discover) (CkSession *session, CkCatalog *catalog);

	/* Required with CK_READ. Starts the request; may return before the first row is there. */
	CkStatus	(*scan_open) (CkScan *scan);
	/* Required with CK_READ. Puts the next row: CK_OK, or CK_END. */
	CkStatus	(*scan_next) (CkScan *scan, CkRow *row);
	/* Optional, for who has several scans to wait for. Whether scan_next would wait for the first row of an open scan, and
	 * for which socket. Never waits itself; errors are left to scan_next. Who has it looks at a change's args no more once
	 * scan_open or scan_rescan has returned: the next are made meanwhile. */
	bool		(*scan_pending) (CkScan *scan, int *socket);
	/* Optional. From the first row again, with the scan's new args; the scan was read to its end or cancelled. Absent:
	 * close and open. */
	CkStatus	(*scan_rescan) (CkScan *scan);
	/* Optional, for scans with CkScan.insert. Adds the rows of the new args to those of the change that was begun and is not read
	 * to its end: CK_OK; CK_END where that takes no more, and args are left alone. Looks at args no more once it has returned. */
	CkStatus	(*scan_more) (CkScan *scan);
	/* Required with CK_READ. Always called, also after a failed scan_open, and before session_close; does not wait, unless the
	 * scan is orderly. */
	void		(*scan_close) (CkScan *scan);

	/* Optional. Sees whether a message to the webhook of the scan's table is genuine, and tells what it means; asks nobody. It
	 * looks at nothing else before that. Without a message: CK_OK where the table has a webhook. Any other error than of an
	 * unproven message is CK_ERR_DATA or CK_ERR_UNSUPPORTED. With it, scan_open takes messages. */
	CkStatus	(*receive) (CkScan *scan, CkMessage *message);

	/* Optional, with CK_REMOTE; for SQL of the users' own. Has the source say, without running it, which columns the rows of
	 * one statement have: ck_column() for each, in order; none for a statement without rows. Placeholders have no values.
	 * What is more than one statement is an error. May be called within a transaction, with no scan under way. */
	CkStatus	(*describe) (CkSession *session, const char *sql, CkCatalog *catalog);

	/* Required with CK_SECRETS. Reads the secret that reference names, in the connector's own notation, and puts it by
	 * ck_put_secret(). CK_ERR_NOT_FOUND where there is none. */
	CkStatus	(*secret_get) (CkSession *session, const char *reference, CkSecret *secret);
};

/* The one symbol that a module exports. */
CK_EXPORT const CkConnector *connkit_connector(void);

/*
 * Services of the core. Call the functions below, not the table.
 */

#define CK_READABLE	0x01
#define CK_WRITABLE	0x02

struct CkHost
{
	uint32_t	abi;
	CkStatus	(*fail) (CkSession *session, CkStatus status, const char *message);
	void		(*hint) (CkSession *session, const char *hint);
	void		(*sqlstate) (CkSession *session, const char *sqlstate);
	CkStatus	(*wait) (CkSession *session, int fd, int events);
	CkStatus	(*interrupted) (CkSession *session);
	int64_t		(*now_ms) (void);
	void		(*stage) (CkSession *session, CkStage stage, const char *detail);
	void		(*server_version) (CkSession *session, const char *version);
	void		(*warn) (CkSession *session, const char *message, const char *hint);
	CkStatus	(*table) (CkCatalog *catalog, const char *schema, const char *table, const char *kind,
						  const char *comment, int64_t rows, int64_t bytes);
	CkStatus	(*column) (CkCatalog *catalog, const char *name, const char *source_type, const char *local_type,
						   bool not_null, const char *default_expr, const char *comment);
	CkStatus	(*key) (CkCatalog *catalog, const char *name, char kind, const char *column);
	int			(*format) (char *buffer, size_t size, const char *format, va_list args) CK_PRINTF(3, 0);
	CkStatus	(*reachable) (CkSession *session, const char *host, int port, const char *address);
	void		(*secret) (CkSecret *secret, const char *value, size_t size, int64_t lifetime_ms);
	bool		(*wants) (CkCatalog *catalog, const char *schema, const char *table);
	CkStatus	(*admit) (CkSession *session, int64_t requests, int64_t per_ms, int64_t longest_ms, bool wait);
	CkStatus	(*hold) (CkSession *session, int64_t ms, bool shared);
};

/*
 * Ends a call with an error: "return ck_fail(session, CK_ERR_AUTH, …)". The message starts in lower case, has
 * no full stop, and holds no option's value but host, port, database and user. The core adds the source's name.
 */
static inline CkStatus CK_PRINTF(3, 4)
ck_fail(CkSession *session, CkStatus status, const char *format, ...)
{
	char		buffer[2048];
	va_list		args;

	va_start(args, format);
	session->host->format(buffer, sizeof(buffer), format, args);
	va_end(args);
	return session->host->fail(session, status, buffer);
}

/* Adds a hint to the error that was last told: a full sentence, what the user can do. */
static inline void
ck_hint(CkSession *session, const char *hint)
{
	session->host->hint(session, hint);
}

/* Adds the source's own five-character SQLSTATE, or the one that says the same, to the error that was last told. It is shown
 * as detail, and is the error's where it has a meaning of its own: 22 (data), 23 (constraints), 40 (try the transaction again),
 * 55P03 (lock not available), 08007 (unknown whether a change was made), and any where the source is PostgreSQL. */
static inline void
ck_sqlstate(CkSession *session, const char *sqlstate)
{
	session->host->sqlstate(session, sqlstate);
}

/*
 * Waits until fd is CK_READABLE or CK_WRITABLE: CK_OK. Past the session's deadline CK_ERR_TIMEOUT, on the user's
 * cancel CK_ERR_CANCELLED; both are already told: return them as they are. A connector waits in no other way.
 */
static inline CkStatus
ck_wait(CkSession *session, int fd, int events)
{
	return session->host->wait(session, fd, events);
}

/* For libraries that wait by themselves and poll a callback. Anything but CK_OK (cancel, deadline) is already told:
 * the call has to end and returns it. */
static inline CkStatus
ck_interrupted(CkSession *session)
{
	return session->host->interrupted(session);
}

/* Milliseconds on a clock that only goes forward. */
static inline int64_t
ck_now_ms(CkSession *session)
{
	return session->host->now_ms();
}

/* Says that a stage has begun; the one before it is done. The detail ("TLSv1.3 …") belongs to the stage named, and
 * may be told by a second call for the same stage. */
static inline void
ck_stage(CkSession *session, CkStage stage, const char *detail)
{
	session->host->stage(session, stage, detail);
}

/* Tells the version of the source: "PostgreSQL 15.20". */
static inline void
ck_server_version(CkSession *session, const char *version)
{
	session->host->server_version(session, version);
}

/* A warning for connkit_test(): the stage succeeded, but … */
static inline void
ck_warn(CkSession *session, const char *message, const char *hint)
{
	session->host->warn(session, message, hint);
}

/* Whether this session may connect to that numeric address (or path of a Unix socket) and port, which host, as the user
 * wrote it or a redirect named it, stands for: CK_OK, or CK_ERR_PRIVILEGE, already told. To be asked for every address
 * before it is connected to. ck_resolve() of src/lib does; with an address of NULL it asks first whether the name is worth
 * looking up, and an empty one is that of a name that others look up. */
static inline CkStatus
ck_reachable(CkSession *session, const char *host, int port, const char *address)
{
	return session->host->reachable(session, host, port, address);
}

/* Hands over a secret's value (UTF-8 without NUL; copied). lifetime_ms: how long it may be kept, 0: as the core likes. */
static inline void
ck_put_secret(CkSession *session, CkSecret *secret, const char *value, size_t size, int64_t lifetime_ms)
{
	session->host->secret(secret, value, size, lifetime_ms);
}

/* To be called before each request to a source that limits how many it takes: counts it, for all processes of the server, and
 * waits until there are fewer than requests in any interval of per_ms (0: any number), and nobody is held back by ck_hold().
 * CK_ERR_BUSY, already told, where that would take longer than longest_ms. Without wait, CK_END where it would have to wait. */
static inline CkStatus
ck_admit(CkSession *session, int64_t requests, int64_t per_ms, int64_t longest_ms, bool wait)
{
	return session->host->admit(session, requests, per_ms, longest_ms, wait);
}

/* The source wants no requests of this user for so long: ck_admit() sees to that, for this session or, if shared, for those of
 * all processes. */
static inline CkStatus
ck_hold(CkSession *session, int64_t ms, bool shared)
{
	return session->host->hold(session, ms, shared);
}

/* Discovery: a table; then its columns in order; then its keys, a call for each column (kind p or u). rows and bytes
 * -1: unknown. local_type NULL: by the type rules. */
static inline CkStatus
ck_table(CkSession *session, CkCatalog *catalog, const char *schema, const char *table, const char *kind,
		 const char *comment, int64_t rows, int64_t bytes)
{
	return session->host->table(catalog, schema, table, kind, comment, rows, bytes);
}

/* Whether that table is looked for, where it takes a request to find out its columns. */
static inline bool
ck_wants(CkSession *session, CkCatalog *catalog, const char *schema, const char *table)
{
	return session->host->wants(catalog, schema, table);
}

static inline CkStatus
ck_column(CkSession *session, CkCatalog *catalog, const char *name, const char *source_type, const char *local_type,
		  bool not_null, const char *default_expr, const char *comment)
{
	return session->host->column(catalog, name, source_type, local_type, not_null, default_expr, comment);
}

static inline CkStatus
ck_key(CkSession *session, CkCatalog *catalog, const char *name, char kind, const char *column)
{
	return session->host->key(catalog, name, kind, column);
}

/*
 * Putting values: plain stores, nothing can fail.
 */

static inline void
ck_put_int(CkRow *row, uint32_t column, CkType type, int64_t i)
{
	row->values[column].type = type;
	row->values[column].u.i = i;
}

static inline void
ck_put_chars(CkRow *row, uint32_t column, CkType type, const void *p, size_t size)
{
	row->values[column].type = type;
	row->values[column].size = (uint32_t) size;
	row->values[column].u.p = (const char *) p;
}

static inline void
ck_put_null(CkRow *row, uint32_t column)
{
	row->values[column].type = CK_NULL;
}

static inline void
ck_put_bool(CkRow *row, uint32_t column, bool b)
{
	ck_put_int(row, column, CK_BOOL, b);
}

static inline void
ck_put_int64(CkRow *row, uint32_t column, int64_t i)
{
	ck_put_int(row, column, CK_INT64, i);
}

static inline void
ck_put_uint64(CkRow *row, uint32_t column, uint64_t i)
{
	ck_put_int(row, column, CK_UINT64, (int64_t) i);
}

static inline void
ck_put_float64(CkRow *row, uint32_t column, double f)
{
	row->values[column].type = CK_FLOAT64;
	row->values[column].u.f = f;
}

static inline void
ck_put_float32(CkRow *row, uint32_t column, float f)
{
	row->values[column].type = CK_FLOAT32;
	row->values[column].u.f = (double) f;
}

static inline void
ck_put_numeric(CkRow *row, uint32_t column, const char *digits, size_t size)
{
	ck_put_chars(row, column, CK_NUMERIC, digits, size);
}

static inline void
ck_put_text(CkRow *row, uint32_t column, const char *text, size_t size)
{
	ck_put_chars(row, column, CK_TEXT, text, size);
}

static inline void
ck_put_bytes(CkRow *row, uint32_t column, const void *bytes, size_t size)
{
	ck_put_chars(row, column, CK_BYTES, bytes, size);
}

static inline void
ck_put_date(CkRow *row, uint32_t column, int64_t days)
{
	ck_put_int(row, column, CK_DATE, days);
}

static inline void
ck_put_time(CkRow *row, uint32_t column, int64_t microseconds)
{
	ck_put_int(row, column, CK_TIME, microseconds);
}

static inline void
ck_put_timestamp(CkRow *row, uint32_t column, int64_t microseconds)
{
	ck_put_int(row, column, CK_TIMESTAMP, microseconds);
}

static inline void
ck_put_timestamptz(CkRow *row, uint32_t column, int64_t microseconds)
{
	ck_put_int(row, column, CK_TIMESTAMPTZ, microseconds);
}

static inline void
ck_put_json(CkRow *row, uint32_t column, const char *json, size_t size)
{
	ck_put_chars(row, column, CK_JSON, json, size);
}

static inline void
ck_put_native(CkRow *row, uint32_t column, const void *binary, size_t size)
{
	ck_put_chars(row, column, CK_NATIVE, binary, size);
}

/*
 * In the place of a value that the column's type cannot take, after ck_fail(session, CK_ERR_DATA, …) has told why: its text or
 * bytes as the source has them. scan_next puts the other columns and returns CK_OK. What was told becomes the query's error, or
 * the reason for which a sync rejects this row; of several in a row it is the last one.
 */
static inline void
ck_put_misfit(CkRow *row, uint32_t column, const void *text, size_t size)
{
	ck_put_chars(row, column, CK_MISFIT, text, size);
	row->misfit = column + 1;
}

#ifdef __cplusplus
}
#endif

#endif							/* CONNKIT_H */
