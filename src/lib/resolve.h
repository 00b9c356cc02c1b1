/*
 * resolve.h: finds the addresses of a host name without holding up the backend.
 */
#ifndef CK_RESOLVE_H
#define CK_RESOLVE_H

#include "connkit.h"

/* Room for the addresses of any usual host. */
#define CK_ADDRESS_SIZE 512

/*
 * Writes the numeric addresses of a host, divided by commas, in the order in which they should be tried, as many
 * as fit; a caller that wants one takes what stands before the first comma. A numeric address, and a path (it
 * begins with '/': the directory of a Unix socket), are written as they are, at once. Tells CK_STAGE_RESOLVE.
 */
extern CkStatus ck_resolve(CkSession *session, const char *host, int port, char *address, size_t size);

#endif							/* CK_RESOLVE_H */
