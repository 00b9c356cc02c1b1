/*
 * registry.h: connectors, found by name and loaded on first use.
 */
#ifndef CONNKIT_REGISTRY_H
#define CONNKIT_REGISTRY_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "connkit.h"

/* The connector of that name. Where it cannot be had: ERROR, or NULL with the palloc'd reason in *reason. */
extern const CkConnector *registry_connector(const char *name, char **reason);

/*
 * The connector of that name for a user who makes a source of it, and its wrapper's name. ERROR where there is none, where
 * the current user may not use its wrapper, or where it cannot be loaded.
 */
extern const CkConnector *registry_connector_to_use(const char *name, char **wrapper);

/* Name of the connector that a handler or validator function "connkit_<name>_<suffix>" belongs to, or NULL. */
extern char *registry_name_of_function(Oid function, const char *suffix);

/* Connector of a foreign server, by its wrapper's handler. ERROR where it has none. */
extern const CkConnector *registry_connector_of_server(Oid serverid);

/* Name of the connector of a foreign-data wrapper, NULL if it is not one of connkit's. */
extern char *registry_name_of_wrapper(Oid fdwid);

/* Option of a foreign-data wrapper: the manifest (JSON) of its connector, which then needs no module of its own. */
#define MANIFEST_OPTION "manifest"

/* The manifest that a connector was made of, or NULL. */
extern const char *registry_manifest(const CkConnector *connector);

/* ERROR where the text is no manifest of a connector of that name. */
extern void registry_check_manifest(const char *name, const char *manifest);

#endif							/* CONNKIT_REGISTRY_H */
