/*
 * budget.h: how often sources may be asked, counted for all backends.
 */
#ifndef CONNKIT_BUDGET_H
#define CONNKIT_BUDGET_H

#include "connkit.h"

/* The services CkHost.admit and CkHost.hold. */
extern CkStatus budget_admit(CkSession *session, int64_t requests, int64_t per_ms, int64_t longest_ms, bool wait);
extern CkStatus budget_hold(CkSession *session, int64_t ms, bool shared);

#endif							/* CONNKIT_BUDGET_H */
