/*
 * reach.h: which hosts and addresses a source may be at, by the settings connkit.allowed_hosts and
 * connkit.denied_addresses.
 */
#ifndef CONNKIT_REACH_H
#define CONNKIT_REACH_H

#include "postgres.h"
#include "session.h"

/* The service CkHost.reachable. */
extern CkStatus reach_check(CkSession *session, const char *host, int port, const char *address);

/*
 * True where a pattern of the list, divided by commas, matches: the form of connkit.allowed_hosts. Names match host,
 * networks match the numeric address, which may be NULL: not known yet.
 */
extern bool reach_matches(const char *list, const char *host, int port, const char *address);

extern void reach_init(void);

#endif							/* CONNKIT_REACH_H */
