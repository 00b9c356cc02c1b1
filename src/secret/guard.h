/*
 * guard.h: keeps statements that hold secrets out of the server log and pg_stat_activity.
 */
#ifndef CONNKIT_GUARD_H
#define CONNKIT_GUARD_H

#include "postgres.h"

/* The text as far as it may be shown, palloc'd; NULL where all of it may. */
extern char *guard_cut(const char *text);

extern void guard_init(void);

#endif							/* CONNKIT_GUARD_H */
