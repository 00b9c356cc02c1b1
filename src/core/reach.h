/*
 * reach.h: which hosts and addresses a source may be at, by the settings connkit.allowed_hosts and
 * connkit.denied_addresses.
 */
#ifndef CONNKIT_REACH_H
#define CONNKIT_REACH_H

#include "postgres.h"
#include "session.h"

/*
 * The service CkHost.reachable. With an address of NULL it is asked before the name is looked up: CK_OK where one of the
 * addresses might be allowed. An empty one will never be known: networks do not match it.
 */
extern CkStatus reach_check(CkSession *session, const char *host, int port, const char *address);

/*
 * True where a pattern of the list, divided by commas, matches: the form of connkit.allowed_hosts. Names match host,
 * networks match the numeric address, which may be NULL: not known yet; then they match a host that is itself an address.
 * A port of 0 is unknown: patterns with a port do not match. A malformed list matches nothing.
 */
extern bool reach_matches(const char *list, const char *host, int port, const char *address);

/* What is wrong with such a list, palloc'd, as a DETAIL; NULL: nothing. */
extern const char *reach_problem(const char *list);

extern void reach_init(void);

#endif							/* CONNKIT_REACH_H */
