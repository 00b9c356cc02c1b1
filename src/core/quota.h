/*
 * quota.h: how many sources an organization may have, and how much it may do at a time.
 */
#ifndef CONNKIT_QUOTA_H
#define CONNKIT_QUOTA_H

#include "postgres.h"

/*
 * Takes one of the places that the organization has for runs, until the transaction ends; a transaction takes one at
 * most. ERROR where all are taken. SPI need not be connected.
 */
extern void quota_begin_run(Oid organization);

/* The limit that holds when the role works for the organization; -1: none. SPI need not be connected. */
extern int	quota_run_limit(Oid organization, Oid role);

/* The same for who has read max_runs of the organization's row in connkit.quota: isnull where there is none. */
extern int	quota_run_limit_of(Datum max_runs, bool isnull, Oid role);

extern void quota_init(void);

#endif							/* CONNKIT_QUOTA_H */
