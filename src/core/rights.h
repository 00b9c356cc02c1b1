/*
 * rights.h: who may send SQL of his own to a source, beyond reading tables that others have made.
 */
#ifndef CONNKIT_RIGHTS_H
#define CONNKIT_RIGHTS_H

#include "postgres.h"
#include "foreign/foreign.h"

/* The privileges, as connkit.source_grant has them. */
#define RIGHT_QUERY		"query"
#define RIGHT_EXECUTE	"execute"
#define RIGHT_RECEIVE	"receive"

/* Whether the role has the privilege: as superuser, by the owner's role, or by a grant to a role whose rights it has. */
extern bool rights_have(ForeignServer *server, Oid role, const char *privilege);

/* ERROR, told in the audit log under that action, unless the current role has USAGE of the source and the privilege. */
extern void rights_require(ForeignServer *server, const char *privilege, const char *action);

#endif							/* CONNKIT_RIGHTS_H */
