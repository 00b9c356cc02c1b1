/*
 * lookup_join.h: a join that looks up its outer side's keys at the source, many in one request.
 */
#ifndef CONNKIT_LOOKUP_JOIN_H
#define CONNKIT_LOOKUP_JOIN_H

/* Makes the planner think of lookup joins. */
extern void lookup_join_init(void);

#endif							/* CONNKIT_LOOKUP_JOIN_H */
