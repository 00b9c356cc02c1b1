/*
 * source.h: what the calls that make, alter and drop sources share.
 */
#ifndef CONNKIT_SOURCE_H
#define CONNKIT_SOURCE_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "connkit.h"

/* What a call works on. */
typedef struct Source
{
	const char *schema;			/* of connkit's functions */
	const char *name;
	const CkConnector *connector;
	Oid			serverid;		/* invalid: not made yet */
	Oid			owner;
	List	   *options;		/* of the server as they are now */
	List	   *mappings;		/* of Mapping */
	List	   *secrets;		/* names of those that were made for it */
} Source;

typedef struct Mapping
{
	Oid			user;			/* invalid: PUBLIC */
	bool		exists;
	List	   *options;
} Mapping;

/* Name of the role that owns the source. */
extern char *source_owner_name(const Source *source);

/* Runs a statement as the current user. SPI must be connected, as for all that is declared here. */
extern void source_run(const char *statement);

/* Options of an object on their way: what they are so far, and the steps there for ALTER. */
typedef struct Change
{
	List	   *options;
	List	   *steps;
} Change;

/* Gives the option that value (NULL: none), under whichever of its names it stands now. option is NULL for a name that is
 * no option's of the manifest: <name>_secret. */
extern void change_option(Change *change, const CkOption *option, const char *name, const char *value);

/* Adds " OPTIONS (…)" to a statement that makes an object or, with actions, alters it. */
extern void change_append(StringInfo statement, List *options, bool actions);

/* The option of the list that has this name, or is the same by the manifest. */
extern DefElem *change_find(List *options, const CkOption *option, const char *name);

/* ERROR where the credentials have a secret option both by value and by name. */
extern void credentials_check(const CkConnector *connector, List *credentials);

/* ERROR where secrets that are bound to the source's old place are not given again for the new one that the options lead
 * to. */
extern void credentials_check_place(const Source *source, List *options, const Mapping *target, List *credentials);

/* Stores what of the credentials is secret, and makes or alters the user mapping so that it holds the rest and the names. */
extern void credentials_write(Source *source, const Mapping *mapping, List *credentials);

/* Names of the secrets of its owner that were made for the source. */
extern List *credentials_secrets(const Source *source);

/* Drops those of the secrets that were made for the source which no user mapping names any more. */
extern void credentials_sweep(const Source *source);

#endif							/* CONNKIT_SOURCE_H */
