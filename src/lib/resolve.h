/*
 * resolve.h: finds the addresses of a host name without holding up the backend.
 */
#ifndef CK_RESOLVE_H
#define CK_RESOLVE_H

#include "connkit.h"

/* Room for the addresses of any usual host. */
#define CK_ADDRESS_SIZE 512

/*
 * Writes the numeric addresses of a host, divided by commas, in the order in which they should be tried, as many as fit,
 * and only those that ck_reachable() allows: connect to these and to nothing else. A caller that wants one takes what
 * stands before the first comma. A host that is an address is written in its usual form, a path (it begins with '/': a Unix
 * socket or its folder) without links, both at once. Tells CK_STAGE_RESOLVE.
 */
extern CkStatus ck_resolve(CkSession *session, const char *host, int port, char *address, size_t size);

#endif							/* CK_RESOLVE_H */
