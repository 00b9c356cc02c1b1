/*
 * attempt.h: work in a subtransaction, whose error is a value.
 */
#ifndef CONNKIT_ATTEMPT_H
#define CONNKIT_ATTEMPT_H

#include "postgres.h"
#include "utils/elog.h"

/*
 * Runs work(arg) in a subtransaction, in the memory context of the caller. NULL: it is done; else it is undone, and this is its
 * error. What interrupts the user's statement is raised again. It may be raised by ReThrowError().
 */
extern ErrorData *attempt(void (*work) (void *arg), void *arg);

#endif							/* CONNKIT_ATTEMPT_H */
