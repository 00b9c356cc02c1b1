/*
 * background.h: runs a call that blocks, as name resolution does, where it cannot hold up the backend.
 */
#ifndef CK_BACKGROUND_H
#define CK_BACKGROUND_H

#include "connkit.h"

/*
 * Runs run(arg) in a thread of its own and waits for it by ck_wait(). CK_OK: it ended, and arg is the caller's
 * again. Anything else is told, and arg is no longer the caller's: release(arg) is called once run() has ended.
 * run() may use nothing but arg: no session, no service of the core.
 */
extern CkStatus ck_background(CkSession *session, void (*run) (void *arg), void (*release) (void *arg), void *arg);

#endif							/* CK_BACKGROUND_H */
