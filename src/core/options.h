/*
 * options.h: options of servers, user mappings, tables and columns, checked and parsed by a connector's manifest.
 */
#ifndef CONNKIT_OPTIONS_H
#define CONNKIT_OPTIONS_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "connkit.h"

/* Options that every connector has, parsed. Strings live in the option lists they came from. */
typedef struct CommonOptions
{
	int64		connect_timeout_ms;
	int64		query_timeout_ms;	/* 0: none */
	int64		fetch_size;			/* rows; 0: the connector's choice */
	int64		max_rows;			/* that a scan may receive; 0: any number */
	int64		max_bytes;
	bool		use_remote_estimate;
	bool		async_capable;
	bool		parallel_capable;
	bool		password_required;
	char	   *schema_name;
	char	   *table_name;
	char	   *query;
	bool		disabled;
	bool		updatable;		/* as written; see options_updatable() */
	bool		truncatable;
	int64		batch_size;
} CommonOptions;

/* The settings connkit.allowed_paths and connkit.writable_paths, and their assign hook. */
extern char *options_allowed_paths;
extern char *options_writable_paths;
extern void options_assign_paths(const char *value, void *extra);

/* Checks a list of DefElem as the options of one object (CK_ON_*), as DDL does. ERROR for what is wrong. */
extern void options_check(const CkConnector *connector, List *options, uint32 where);

/*
 * Parses lists of DefElem, later over earlier, into a zeroed struct of connector->options_size palloc'd in the current
 * memory context, and into *common. With complete, ERROR where a required option is missing.
 */
extern void *options_parse(const CkConnector *connector, List *lists, CommonOptions *common, bool complete);

/* True where the list names files of the server's file system. */
extern bool options_name_paths(const CkConnector *connector, List *options);

/* Whether rows may be changed: server and table, of which both must allow it. */
extern bool options_updatable(const CkConnector *connector, List *server_options, List *table_options);

/* Value of the option of that name in a list of DefElem, or NULL. */
extern char *options_get(List *options, const char *name);

/* The option that a name or alias stands for on an object; NULL for <name>_secret of a user mapping. ERROR, with a hint,
 * where the manifest has no such option there. */
extern const CkOption *options_lookup(const CkConnector *connector, const char *name, uint32 where);

/* What beside strings, numbers and booleans a JSON object of options may hold. */
#define OPTIONS_NULL	0x01u	/* null: a DefElem with DEFELEM_DROP; otherwise it is as if absent */
#define OPTIONS_SEALED	0x02u	/* {"sealed": "…"}: a DefElem with the name space "sealed" */

/* A JSON object as a list of DefElem; argument is its name for messages, which hold no value. */
extern List *options_from_json(Jsonb *json, const char *argument, uint32 allow);

/* The secret option that <name>_secret stands for, or NULL where that is no such name. */
extern const CkOption *options_secret_base(const CkConnector *connector, const char *name);

/* True where the list holds a credential (CK_CREDENTIAL) that is not empty. */
extern bool options_have_credential(const CkConnector *connector, List *options);

/* Overwrites the values of secret options: in a list of DefElem, and in a struct that options_parse() made. */
extern void options_wipe_list(const CkConnector *connector, List *options);
extern void options_wipe(const CkConnector *connector, void *parsed);

/*
 * ERROR unless every file named by the options may be used by who is no superuser. Puts the path that was checked, without
 * links, in the place of what the user wrote.
 */
extern void options_check_paths(const CkConnector *connector, List *options);

/* ERROR unless the files of a server that is a file may be changed by who is no superuser. */
extern void options_check_writable(const CkConnector *connector, List *options);

/* Replaces values of secret options that stand in text by stars; returns text itself or a palloc'd copy. */
extern const char *options_redact(const CkConnector *connector, const void *parsed, const char *text);

/* Of the common options: calls back with name, where (CK_ON_*), type name, default, help; for connkit.connector. */
typedef void (*OptionVisitor) (void *arg, const CkOption *option);
extern void options_visit(const CkConnector *connector, OptionVisitor visit, void *arg);

#endif							/* CONNKIT_OPTIONS_H */
