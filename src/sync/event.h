/*
 * event.h: rows out of a message of the source's into the target of a sync.
 */
#ifndef CONNKIT_EVENT_H
#define CONNKIT_EVENT_H

#include "connkit.h"
#include "sync.h"

typedef enum EventOutcome
{
	EVENT_APPLIED,
	EVENT_UNCHANGED,			/* the target had it so already */
	EVENT_STALE,				/* the target has a newer state */
	EVENT_IGNORED,				/* it means nothing for the target */
	EVENT_REJECTED				/* a row does not fit, and is among the rejected ones */
} EventOutcome;

extern const char *event_outcome_name(EventOutcome outcome);

/*
 * Applies the records of a message whose receive() has said what it is, as the current user, who is the sync's owner, and with
 * his settings (run_settings). The sync was read after its lock was taken, and is of no use afterwards; its position and state
 * stay as they are. To be called within attempt().
 */
extern EventOutcome event_apply(Sync *sync, const CkMessage *message);

/* The sync whose message is being applied; 0: none. */
extern int64 event_sync;

/*
 * webhook.c: applies messages of the sync that are queued, oldest first: as many as most, and in any case that of the id own
 * (0: none), whose error is raised. The caller holds the sync's lock and is its owner, with his settings.
 */
extern void webhook_drain(int64 sync, int64 own, int most);

#endif							/* CONNKIT_EVENT_H */
