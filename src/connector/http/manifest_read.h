/*
 * manifest_read.h: what reads a manifest and its parts: members of JSON objects are taken, and what is wrong is told with its
 * place. Functions that return bool have told an error where they return false.
 */
#ifndef CK_HTTP_MANIFEST_READ_H
#define CK_HTTP_MANIFEST_READ_H

#include "manifest.h"

/* A manifest, or a table, on its way in. */
typedef struct Reading
{
	char	   *error;
	size_t		error_size;
	char		place[256];		/* of what is being read: "tables.issues.paging" */
	struct Kept *kept;			/* all memory that it has */
	const CkOption *options;	/* whose values texts may hold */
	bool		session;		/* those of tables they may not: the text is the session's */
	const HttpTable *owner;		/* of texts that may hold what this table takes out of replies; or NULL */
} Reading;

/* Forms of a moment, in the order of HttpFormat. */
#define FORMATS "text|unix|unix_ms|date|iso_or_ms"

/* Zeroed memory that stays with what is read; NULL, told. */
extern void *keep(Reading *r, size_t count, size_t size);
/* Frees all that was kept. */
extern void drop(Reading *r);

/* Says what is wrong, and where: in that member, or ("") in what is being read. Always false. */
extern bool bad(Reading *r, const char *member, const char *format, ...) CK_PRINTF(3, 4);

/* Goes into a member; back by r->place[what it returned] = '\0'. */
extern size_t enter(Reading *r, const char *member);

/* Sees that it is an object with no other members than these, divided by blanks. */
extern bool check_names(Reading *r, const json_t *object, const char *names);

/* A member that is a string without NUL, or initial. */
extern bool take_string(Reading *r, const json_t *object, const char *name, const char *initial, const char **value);
extern bool take_integer(Reading *r, const json_t *object, const char *name, int64_t initial, int64_t least, int64_t *value);
/* false without the member. */
extern bool take_boolean(Reading *r, const json_t *object, const char *name, bool *value);
/* A member that is one of some words, "a|b|c": its number; without the member the first. */
extern bool take_word(Reading *r, const json_t *object, const char *name, const char *words, int *number);
/* A path: names divided by dots, or a list of names. Of a member: NULL where it is absent. */
extern bool take_path(Reading *r, const json_t *value, const char *name, JsonPath *path);
extern bool take_member_path(Reading *r, const json_t *object, const char *name, JsonPath *path);
/* An object of texts with values; NULL where it is absent. */
extern bool take_pairs(Reading *r, const json_t *object, const char *member, const HttpTable *table, HttpPair **pairs);

/* Sees that the values in a text are those of options, or of columns that are to stand in the path. */
extern bool check_text(Reading *r, const char *member, const char *text, const HttpTable *table);
/* The same of all texts in a JSON value; in these {value} is one too. */
extern bool check_json(Reading *r, const char *member, const json_t *json, const HttpTable *table);

/* A text, or "", with values of options. */
extern bool take_text(Reading *r, const json_t *object, const char *member, const char **text);

/* jwt.c: reads what tokens are made of. */
extern bool read_jwt(Reading *r, const json_t *value, HttpAuthRule *auth);

/* manifest_fault.c: the members errors and error_message of a table or the whole, and rate_limit, with the requests that may be
 * sent of the whole. */
extern bool read_faults(Reading *r, const json_t *object, HttpFaults *faults);
extern bool read_rate_limit(Reading *r, const json_t *object, bool whole, HttpRateLimit *limit);
/* Sees that what is looked at in a table's good replies does not lie in its records. */
extern bool check_faults(Reading *r, const HttpFaults *faults, const HttpTable *table);

/* manifest_parent.c: reads a table's member parent; finds the parents, once all tables are there. */
extern bool read_parent(Reading *r, const json_t *object, HttpTable *table);
extern bool find_parents(Reading *r, HttpTable *tables, size_t ntables);

/* manifest_query.c: reads how a table is asked: its query language, which stands before its filters, its order and its cursor. */
extern bool read_clauses(Reading *r, const json_t *object, HttpTable *table);
extern bool read_order(Reading *r, const json_t *object, HttpTable *table);
extern bool read_cursor(Reading *r, const json_t *object, HttpTable *table);
/* A filter's form of moments, and by how much it is widened. */
extern bool read_format(Reading *r, const json_t *object, HttpFilter *filter);
/* A condition in the query language. */
extern bool check_clause(Reading *r, const HttpFilter *filter, const HttpTable *table);

/* manifest_step.c: notes the names of the values that a table takes out of replies; reads the requests that it has beside those
 * for pages. */
extern bool list_taken(Reading *r, const json_t *object, HttpTable *table);
extern bool read_steps(Reading *r, const json_t *object, HttpTable *table);

/* manifest_place.c: reads the places of a list of pages. */
extern bool read_sites(Reading *r, const json_t *paging, HttpTable *table);

/* manifest.c: reads the member auth. */
extern bool read_auth(Reading *r, const json_t *object, HttpAuthRule *auth);

/* manifest_list.c: reads the lists of tables that a source has. */
extern bool read_lists(Reading *r, const json_t *object, HttpManifest *manifest);

/* manifest_table.c: reads what says how a request is made; its texts may have the values of owner. */
extern bool read_request(Reading *r, const json_t *object, const HttpTable *owner, HttpTable *request);

/* Reads a table, whose name is not among its members. */
extern bool read_table(Reading *r, const char *name, const json_t *object, HttpTable *table);

/* manifest_webhook.c: reads a table's webhook. */
extern bool read_webhook(Reading *r, const json_t *object, HttpTable *table);

/* manifest_write.c: reads what a table says of changes, once its columns and its path are read. */
extern bool read_writes(Reading *r, const json_t *object, HttpTable *table);

#endif							/* CK_HTTP_MANIFEST_READ_H */
