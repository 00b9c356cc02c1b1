/*
 * async.c: scans that an Append waits for together, so that several sources work at the same time.
 *
 * Each of them sends its request at once; which is first to have a row is read first. From its first row on a scan is read
 * as any other. A scan whose source has no connection to spare, since another of its scans is being read, waits for its turn.
 * The Append's own wait knows neither cancel, in older releases, nor deadlines: so what it would wait for is waited for here.
 */
#include "postgres.h"

#include "executor/execAsync.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "fdw.h"
#include "scan.h"

bool
fdw_is_async_capable(ForeignPath *path)
{
	RelPlan    *plan = path->path.parent->fdw_private;

	return plan && plan->connector->scan_pending && plan->table.common.async_capable;
}

/* Gives the next row, if it is at hand. */
static void
produce(AsyncRequest *areq)
{
	ForeignScanState *node = (ForeignScanState *) areq->requestee;
	TupleTableSlot *slot;
	int			socket;

	if (scan_pending(fdw_scan(node), &socket))
	{
		ExecAsyncRequestPending(areq);
		return;
	}
	/* what the executor's own wrapper counts, it counts around this call already */
	slot = node->ss.ps.ExecProcNodeReal(&node->ss.ps);
	ExecAsyncRequestDone(areq, TupIsNull(slot) ? NULL : slot);
}

void
fdw_async_request(AsyncRequest *areq)
{
	if (fdw_start((ForeignScanState *) areq->requestee, false))
		produce(areq);
	else
		ExecAsyncRequestPending(areq);
}

/* The request of a subplan that waits, and is one of connkit's scans; NULL otherwise. *foreign: it is another wrapper's. */
static AsyncRequest *
waiting_request(AppendState *append, int subplan, bool *foreign)
{
	AsyncRequest *areq = append->as_asyncrequests[subplan];

	if (!areq->callback_pending)
		return NULL;
	*foreign = ((ForeignScanState *) areq->requestee)->fdwroutine->ForeignAsyncRequest != fdw_async_request;
	return *foreign ? NULL : areq;
}

typedef enum Waited
{
	WAITED_ON,					/* nothing is at hand yet */
	WAITED_ENOUGH,				/* a scan has a row, or its end */
	WAITED_NOT					/* others than these scans are waited for too */
} Waited;

/* Looks for an answer to any of the Append's scans, and waits a while for one where none is at hand. */
static Waited
wait_a_while(AppendState *append, TimestampTz begin)
{
	WaitEventSet *set = compat_create_wait_set(CurrentMemoryContext, append->as_nplans + 2);
	int64		waited_ms = (GetCurrentTimestamp() - begin) / 1000;
	int64		timeout_ms = 60000;
	Waited		waited = append->as_syncdone ? WAITED_ON : WAITED_NOT;
	int			subplan = -1;
	WaitEvent	event;

	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	while (waited != WAITED_ENOUGH && (subplan = bms_next_member(append->as_asyncplans, subplan)) >= 0)
	{
		bool		foreign = false;
		AsyncRequest *areq = waiting_request(append, subplan, &foreign);
		SourceScan *scan = areq ? fdw_scan((ForeignScanState *) areq->requestee) : NULL;
		int			socket;

		if (foreign)
			waited = WAITED_NOT;
		if (scan == NULL || !scan->open)
			continue;
		if (!scan_pending(scan, &socket))
			waited = WAITED_ENOUGH;
		else if (scan->query_timeout_ms == 0)
			AddWaitEventToSet(set, WL_SOCKET_READABLE, socket, NULL, NULL);
		else if (waited_ms < scan->query_timeout_ms)
		{
			timeout_ms = Min(timeout_ms, scan->query_timeout_ms - waited_ms);
			AddWaitEventToSet(set, WL_SOCKET_READABLE, socket, NULL, NULL);
		}
		else
		{
			FreeWaitEventSet(set);
			scan_expire(scan, socket);
			return WAITED_ON;
		}
	}
	if (waited == WAITED_ON && WaitEventSetWait(set, timeout_ms, &event, 1, PG_WAIT_EXTENSION) > 0 &&
		event.events == WL_LATCH_SET)
		ResetLatch(MyLatch);
	FreeWaitEventSet(set);
	return waited;
}

void
fdw_async_wait(AsyncRequest *areq)
{
	ForeignScanState *node = (ForeignScanState *) areq->requestee;
	AppendState *append = (AppendState *) areq->requestor;
	TimestampTz begin = GetCurrentTimestamp();
	Waited		waited;
	int			socket;

	/* where this Append waits for nothing else, the scan in the way is not one of its own */
	if (append->as_nasyncresults > 0 || !bms_is_empty(append->as_needrequest) ||
		!fdw_start(node, GetNumRegisteredWaitEvents(append->as_eventset) == 1))
		return;
	do
	{
		CHECK_FOR_INTERRUPTS();
		waited = wait_a_while(append, begin);
	} while (waited == WAITED_ON);
	if (!scan_pending(fdw_scan(node), &socket))
	{
		/* the Append does not sleep where it has no sockets to wait for */
		areq->callback_pending = false;
		produce(areq);
		ExecAsyncResponse(areq);
	}
	else if (waited == WAITED_NOT)
		AddWaitEventToSet(append->as_eventset, WL_SOCKET_READABLE, socket, NULL, areq);
}

void
fdw_async_notify(AsyncRequest *areq)
{
	produce(areq);
}
