/*
 * rolemark.h: tells a role from a later one of the same name.
 *
 * Tables name roles, as a dump needs it, and keep a mark beside the name. Within one cluster the mark says which role it
 * was; one of another cluster came with a dump, and the name decides.
 */
#ifndef CONNKIT_ROLEMARK_H
#define CONNKIT_ROLEMARK_H

#include "postgres.h"

/* The mark of a role, palloc'd. */
extern char *rolemark_make(Oid role);

/* False where the mark was made, in this cluster, for another role. */
extern bool rolemark_is(Oid role, const char *mark);

/* What the marks of this cluster begin with; the rest is the role's oid. */
extern char *rolemark_cluster(void);

/* The role that the mark was made for, whatever its name is now; of another cluster the role of that name. InvalidOid: it is
 * gone. */
extern Oid	rolemark_follow(const char *name, const char *mark);

/* The role of that name, if it is the one that the mark was made for; else InvalidOid. */
extern Oid	rolemark_role(const char *name, const char *mark);

#endif							/* CONNKIT_ROLEMARK_H */
