/*
 * query_log.c: requests to sources that took long, in a ring in shared memory, or without one in the server log.
 *
 * A ring and no table: it is written in read-only transactions and outlives their rollback, takes no more than it has, and a
 * burst of slow requests costs neither disk nor workers. It begins anew with the server.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "query_log.h"

/* Requests that are kept, and bytes of each one's text. */
#define LOG_ENTRIES 512
#define LOG_TEXT 1024

typedef struct LogEntry
{
	Oid			database;		/* invalid: the place was never used */
	Oid			serverid;
	Oid			role;
	int			pid;
	TimestampTz started;
	double		milliseconds;
	uint64		rows;
	uint64		bytes;
	int			sqlerrcode;
	char		source[NAMEDATALEN];
	char		request[LOG_TEXT];
} LogEntry;

typedef struct LogShared
{
	LWLock	   *lock;
	uint64		next;			/* number of the next entry, in place next % LOG_ENTRIES */
	LogEntry	entries[LOG_ENTRIES];
} LogShared;

int			query_log_min_duration = -1;

static double sample_rate = 1;
static LogShared *shared = NULL;
static compat_shmem_hook previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

bool
query_log_sample(void)
{
	return sample_rate >= 1 || compat_random_fraction() < sample_rate;
}

/* Copies as much as there is room for, in whole characters. */
static void
copy_text(char *to, const char *from, int size)
{
	int			length = pg_mbcliplen(from, strlen(from), size - 1);

	memcpy(to, from, length);
	to[length] = '\0';
}

void
query_log_tell(const LoggedRequest *request)
{
	LogEntry   *entry;

	if (request->milliseconds < query_log_min_duration)
		return;
	if (shared == NULL)
	{
		ereport(LOG,
				(errmsg_internal("connkit: source \"%s\" was waited for %.3f ms, " UINT64_FORMAT " rows, "
								 UINT64_FORMAT " bytes%s%s: %s",
								 request->source, request->milliseconds, request->rows, request->bytes,
								 request->sqlerrcode ? ", SQLSTATE " : "",
								 request->sqlerrcode ? unpack_sql_state(request->sqlerrcode) : "", request->request),
				 errhidestmt(true),
				 errhidecontext(true)));
		return;
	}
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = &shared->entries[shared->next++ % LOG_ENTRIES];
	entry->database = MyDatabaseId;
	entry->serverid = request->serverid;
	entry->role = request->role;
	entry->pid = MyProcPid;
	entry->started = request->started;
	entry->milliseconds = request->milliseconds;
	entry->rows = request->rows;
	entry->bytes = request->bytes;
	entry->sqlerrcode = request->sqlerrcode;
	copy_text(entry->source, request->source, NAMEDATALEN);
	copy_text(entry->request, request->request, LOG_TEXT);
	LWLockRelease(shared->lock);
}

/* Whether the current role sees the entry: it is its own, or of a source of its own. */
static bool
is_visible(const LogEntry *entry)
{
	ForeignServer *server;

	if (entry->database != MyDatabaseId)
		return false;
	if (entry->role == GetUserId() || superuser())
		return true;
	server = GetForeignServerExtended(entry->serverid, FSV_MISSING_OK);
	return server && has_privs_of_role(GetUserId(), server->owner);
}

/* Adds a row of the view. */
static void
show_entry(ReturnSetInfo *rsinfo, const LogEntry *entry)
{
	char	   *role = GetUserNameFromId(entry->role, true);
	NameData	names[2];
	Datum		values[] = {
		TimestampTzGetDatum(entry->started), NameGetDatum(&names[0]), NameGetDatum(&names[1]), Int32GetDatum(entry->pid),
		CStringGetTextDatum(entry->request), Float8GetDatum(entry->milliseconds), Int64GetDatum(entry->rows),
		Int64GetDatum(entry->bytes), (Datum) 0
	};
	bool		nulls[lengthof(values)] = {false};

	namestrcpy(&names[0], entry->source);
	namestrcpy(&names[1], role ? role : "");
	nulls[2] = role == NULL;
	nulls[8] = entry->sqlerrcode == 0;
	if (entry->sqlerrcode)
		values[8] = CStringGetTextDatum(unpack_sql_state(entry->sqlerrcode));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(connkit_logged_requests);

/*
 * connkit.logged_requests(), which the view connkit.remote_query_log reads: what the current role may see, oldest first.
 */
Datum
connkit_logged_requests(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = compat_materialize(fcinfo);
	LogEntry   *entries;
	uint64		next;

	if (shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connkit.remote_query_log needs connkit in shared_preload_libraries"),
				 errhint("Without it, what connkit.log_remote_min_duration lets through stands in the server log.")));
	entries = palloc(sizeof(shared->entries));
	LWLockAcquire(shared->lock, LW_SHARED);
	memcpy(entries, shared->entries, sizeof(shared->entries));
	next = shared->next;
	LWLockRelease(shared->lock);
	for (uint64 i = next > LOG_ENTRIES ? next - LOG_ENTRIES : 0; i < next; i++)
	{
		const LogEntry *entry = &entries[i % LOG_ENTRIES];

		if (is_visible(entry))
			show_entry(rsinfo, entry);
	}
	pfree(entries);
	return (Datum) 0;
}

static void
log_request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(LogShared)));
	RequestNamedLWLockTranche("connkit query log", 1);
}

static void
log_startup(void)
{
	bool		found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("connkit query log", sizeof(LogShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(LogShared));
		shared->lock = &GetNamedLWLockTranche("connkit query log")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
query_log_init(void)
{
	DefineCustomIntVariable("connkit.log_remote_min_duration",
							"Time that a source is waited for, from which on a request is kept in connkit.remote_query_log.",
							"0 keeps all, -1 none.", &query_log_min_duration, -1, -1, INT_MAX, PGC_SUSET, GUC_UNIT_MS, NULL,
							NULL, NULL);
	DefineCustomRealVariable("connkit.log_remote_sample_rate", "Fraction of requests that connkit.remote_query_log looks at.",
							 NULL, &sample_rate, 1, 0, 1, PGC_SUSET, 0, NULL, NULL, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_request = compat_hook_shmem_request(log_request);
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = log_startup;
}
