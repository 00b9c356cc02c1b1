/*
 * write.h: what a manifest says of the changes that a table takes.
 */
#ifndef CK_HTTP_WRITE_H
#define CK_HTTP_WRITE_H

#include "connkit.h"
#include "json.h"

#include <jansson.h>

/* A column whose value stands in the body. */
typedef struct HttpStored
{
	const char *column;			/* NULL ends a list */
	JsonPath	path;			/* in the record, or of a key in the body */
	bool		as_string;		/* numbers and JSON too */
} HttpStored;

/* The requests that one kind of change becomes. */
typedef struct HttpChangeRule
{
	const char *method;			/* NULL: the table takes no such change */
	const char *path;			/* text with values, also of columns */
	const char **in_path;		/* these columns, up to a NULL */
	struct HttpPair *params;
	struct HttpPair *headers;
	const json_t *body;			/* an object that the record is put into, texts in which have values; or NULL */
	JsonPath	record;			/* where it is put there */
	HttpStored *columns;		/* what may be stored; NULL: what a path of objects leads to, and is not in the path */
	HttpStored *keys;			/* columns that tell in the body which row is meant; NULL: none */
	int64_t		many;			/* rows of one request, which are a list then; 0: one, which is none */
	JsonPath	returns;		/* where the record is in the reply; NULL: it is not there */
	const char *idempotency_key;	/* header that gets a key of its own for each row, or NULL */
	bool		idempotent;		/* sent twice it does what it does once */
	int			duplicate;		/* status that tells of a row that is there already; 0: none does */
	bool		omit_null;		/* NULL is left out */
	bool		whole;			/* the record is read before, and sent with all that it has */
} HttpChangeRule;

/* All changes that a table takes. */
typedef struct HttpWrites
{
	CkChanges	changes;		/* for the core */
	HttpChangeRule insert;
	HttpChangeRule update;
	HttpChangeRule delete;
	const char *read_path;		/* where one row can be read, a text with values; NULL: nowhere */
	JsonPath	read_record;	/* where it is in the reply */
} HttpWrites;

/* A column of a statement: argument i is of place i, in the first row. */
typedef struct HttpPlace
{
	char	   *name;
	bool		key;			/* its value tells which row is meant; else it is stored */
	const struct HttpColumn *column;	/* NULL: the table has none, its name is a path */
	char	  **split;			/* that path, or NULL */
	JsonPath	path;			/* where the value stands in the record, or a key's in the body; NULL: nowhere */
	JsonPath	full;			/* where it stands in the body */
	const char **joined;		/* what full was made of, or NULL */
	bool		as_string;
} HttpPlace;

/* A change while it is made. */
typedef struct HttpChange
{
	uint32_t	kind;			/* CK_INSERT, CK_UPDATE, CK_DELETE */
	const HttpChangeRule *rule;
	HttpPlace  *places;			/* of what is stored, then of keys */
	uint32_t	nplaces;
	uint32_t	nstored;
	uint32_t	rows;
	bool		reading;		/* a record is read, before or behind the change itself */
	bool		done;			/* it was made */
	bool		resent;			/* though it may have been made before */
	bool		ended;
	const JsonRecord *base;		/* the record as it was, of a change that sends it whole; or NULL */
	const JsonRecord *reply;	/* that came with the reply to the change, or NULL */
	struct JsonReader *base_reader;
	struct JsonReader *reply_reader;
	char		etag[256];		/* of base, or empty */
	char		once[40];		/* the key that tells the change from others */
} HttpChange;

#endif							/* CK_HTTP_WRITE_H */
