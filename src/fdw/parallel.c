/*
 * parallel.c: tables that the leader and its workers read by parts, each on a connection of its own, in one snapshot.
 *
 * Only such a scan may run in a worker: any other would read in another snapshot than the leader. The leader asks the source how
 * many blocks the table has, and has it name the snapshot of its transaction. The blocks are dealt out in parts, of which the
 * last one has no end. Who takes a part reads it to its end: where there are no parts left, everything is read, or being read.
 *
 * A worker that cannot read, since somebody waits to lock the table behind the leader, takes no part. It may not end before all
 * are taken: nodes above would take that for the end of the table.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "fdw.h"
#include "registry.h"
#include "scan.h"

/* The least part of a table's rows that must be wanted: for few of them the source could use an index again for each part. */
#define MIN_FRACTION 0.25
/* Parts for each process, so that they end at about the same time; and the least blocks of a part. */
#define PARTS_PER_PROCESS 8
#define MIN_BLOCKS 128
/* Milliseconds that a worker which cannot read waits for others to take a part, and between two looks. */
#define WAIT_MS 30000
#define LOOK_MS 10
/* What a connection of a worker's own costs, in the planner's unit. */
#define CONNECT_COST 100.0

/* In shared memory. */
typedef struct ParallelState
{
	uint32		nparts;
	uint32		part_blocks;
	pg_atomic_uint32 next;		/* part to be taken next */
	pg_atomic_uint32 over;		/* 1: the leader wants no more rows */
	/* what the workers have done, for EXPLAIN ANALYZE */
	pg_atomic_uint64 rows;
	pg_atomic_uint64 bytes;
	pg_atomic_uint64 round_trips;
	pg_atomic_uint64 remote_us;
	char		snapshot[SESSION_SNAPSHOT_SIZE];
} ParallelState;

struct ParallelScan
{
	ParallelState *shared;
	const RemoteTable *table;
	bool		tried;			/* a worker knows that it can read the table */
	StringInfoData condition;
};

/* True where tables of the connector can be read by parts. */
static bool
divides_tables(const CkConnector *connector, const CkSql *sql)
{
	return connector->session_export && sql && sql->blocks;
}

bool
fdw_is_parallel_safe(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	const CkConnector *connector;

	if (rel->reloptkind == RELOPT_BASEREL && rel->pages > 0 && rel->pages < (BlockNumber) min_parallel_table_scan_size)
		return false;
	connector = registry_connector_of_server(GetForeignServerIdByRelId(rte->relid));
	return divides_tables(connector, connector->sql);
}

/* True where server or table limit what one scan may receive, which is counted in one process. */
static bool
is_limited(const RemoteTable *table)
{
	List	   *server = GetForeignServer(table->serverid)->options;

	return options_get(server, "max_rows") || options_get(server, "max_bytes") ||
		options_get(table->options, "max_rows") || options_get(table->options, "max_bytes");
}

void
fdw_add_partial_path(PlannerInfo *root, RelOptInfo *rel)
{
	RelPlan    *plan = rel->fdw_private;
	double		fraction = plan->sent_rows / Max(plan->tuples, 1);
	double		processes;
	int			workers;
	ForeignPath *path;

	if (!rel->consider_parallel || !bms_is_empty(rel->lateral_relids) || !divides_tables(plan->connector, plan->table.sql) ||
		plan->table.query || !plan->table.common.parallel_capable || fraction < MIN_FRACTION)
		return;
	workers = compute_parallel_worker(rel, rel->pages * fraction, -1, max_parallel_workers_per_gather);
	if (workers <= 0 || is_limited(&plan->table))
		return;
	/* the leader has its workers' rows to gather too */
	processes = workers;
	if (parallel_leader_participation && workers < 4)
		processes += 1 - 0.3 * workers;
	path = fdw_whole_path(root, rel);
	path->path.total_cost = path->path.startup_cost + (path->path.total_cost - path->path.startup_cost) / processes;
	path->path.startup_cost += CONNECT_COST;
	path->path.total_cost += CONNECT_COST;
	path->path.rows = clamp_row_est(path->path.rows / processes);
	path->path.parallel_workers = workers;
	path->path.parallel_aware = true;
	path->path.parallel_safe = true;
	add_partial_path(rel, (Path *) path);
}

Size
fdw_parallel_estimate(ForeignScanState *node, ParallelContext *pcxt)
{
	return sizeof(ParallelState);
}

/* A scan takes part in a parallel one. */
static void
take_part_in(ForeignScanState *node, ParallelState *shared)
{
	MemoryContext caller = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	ParallelScan *parallel = palloc0(sizeof(ParallelScan));

	parallel->shared = shared;
	parallel->table = fdw_scan_table(node);
	initStringInfo(&parallel->condition);
	MemoryContextSwitchTo(caller);
	fdw_set_parallel(node, parallel, IsParallelWorker() ? shared->snapshot : NULL);
}

/* The leader's view of the shared memory goes, when its workers have ended. */
static void
on_detach(dsm_segment *segment, Datum arg)
{
	ForeignScanState *node = (ForeignScanState *) DatumGetPointer(arg);
	ParallelState *shared = fdw_parallel(node)->shared;
	ScanFigures *figures = fdw_figures(node);

	figures->rows += pg_atomic_read_u64(&shared->rows);
	figures->bytes += pg_atomic_read_u64(&shared->bytes);
	figures->round_trips += pg_atomic_read_u64(&shared->round_trips);
	figures->remote_ms += pg_atomic_read_u64(&shared->remote_us) / 1000.0;
	fdw_set_parallel(node, NULL, NULL);
}

/* The query that asks a source for a table's blocks. */
static char *
blocks_request(const RemoteTable *table)
{
	StringInfoData name,
				text;

	initStringInfo(&name);
	initStringInfo(&text);
	remote_from(&name, table, 0);
	for (const char *c = table->sql->blocks; *c; c++)
	{
		if (*c != '%')
			appendStringInfoChar(&text, *c);
		else if (*++c == 't')
			appendStringInfoString(&text, name.data);
		else
		{
			appendStringInfo(&text, "%s'", table->sql->literal_prefix);
			for (const char *n = name.data; *n; n++)
				appendStringInfo(&text, *n == '\'' ? "''" : "%c", *n);
			appendStringInfoChar(&text, '\'');
		}
	}
	return text.data;
}

/* Asks for the table's blocks, 0 where it cannot be divided, and how many sessions more the source takes. */
static void
ask_for_blocks(const RemoteTable *table, int64 *blocks, int64 *sessions)
{
	static const CkColumn columns[] = {
		{.name = "blocks", .type = CK_INT64, .local_type = "bigint"},
		{.name = "sessions", .type = CK_INT64, .local_type = "bigint"}
	};
	static const Oid types[] = {INT8OID, INT8OID};
	SourceScan *scan = scan_new(table->serverid, table->userid, table->source_options, blocks_request(table), 2, columns, types,
								NULL, NULL, CK_SCAN_WHOLE);
	Datum		values[2];
	bool		isnull[2];
	bool		found = scan_next(scan, values, isnull);

	*blocks = found && !isnull[0] ? DatumGetInt64(values[0]) : 0;
	*sessions = found && !isnull[1] ? DatumGetInt64(values[1]) : 0;
	scan_end(scan);
}

/*
 * Where the snapshot cannot be shared, or the source takes no more sessions, no worker is launched for the whole plan above: the
 * leader may not take part otherwise, and then nobody would read.
 */
void
fdw_parallel_begin(ForeignScanState *node, ParallelContext *pcxt, void *coordinate)
{
	const RemoteTable *table = fdw_scan_table(node);
	ParallelState *shared = coordinate;
	int64		blocks = 0,
				sessions = 0;

	memset(shared, 0, sizeof(*shared));
	pg_atomic_init_u32(&shared->next, 0);
	pg_atomic_init_u32(&shared->over, 0);
	pg_atomic_init_u64(&shared->rows, 0);
	pg_atomic_init_u64(&shared->bytes, 0);
	pg_atomic_init_u64(&shared->round_trips, 0);
	pg_atomic_init_u64(&shared->remote_us, 0);
	if (pcxt->nworkers_to_launch == 0)
		return;
	if (session_export(table->serverid, table->userid, shared->snapshot))
		ask_for_blocks(table, &blocks, &sessions);
	ReinitializeParallelWorkers(pcxt, (int) Max(Min(pcxt->nworkers_to_launch, sessions), 0));
	if (pcxt->nworkers_to_launch == 0)
		return;
	shared->part_blocks = (uint32) Max(blocks / ((pcxt->nworkers_to_launch + 1) * PARTS_PER_PROCESS), MIN_BLOCKS);
	shared->nparts = (uint32) Max(blocks / shared->part_blocks, 1);
	take_part_in(node, shared);
	on_dsm_detach(pcxt->seg, on_detach, PointerGetDatum(node));
}

void
fdw_parallel_begin_again(ForeignScanState *node, ParallelContext *pcxt, void *coordinate)
{
	pg_atomic_write_u32(&((ParallelState *) coordinate)->next, 0);
	pg_atomic_write_u32(&((ParallelState *) coordinate)->over, 0);
}

void
fdw_parallel_join(ForeignScanState *node, shm_toc *toc, void *coordinate)
{
	take_part_in(node, coordinate);
}

void
fdw_parallel_over(ParallelScan *parallel)
{
	if (!IsParallelWorker())
		pg_atomic_write_u32(&parallel->shared->over, 1);
}

void
fdw_shutdown(ForeignScanState *node)
{
	/* a change that the source makes has another state */
	ParallelScan *parallel = ((ForeignScan *) node->ss.ps.plan)->operation == CMD_SELECT ? fdw_parallel(node) : NULL;
	ScanFigures *figures;

	if (parallel == NULL)
		return;
	fdw_parallel_over(parallel);
	if (!IsParallelWorker())
		return;
	figures = fdw_figures(node);
	pg_atomic_fetch_add_u64(&parallel->shared->rows, figures->rows);
	pg_atomic_fetch_add_u64(&parallel->shared->bytes, figures->bytes);
	pg_atomic_fetch_add_u64(&parallel->shared->round_trips, figures->round_trips);
	pg_atomic_fetch_add_u64(&parallel->shared->remote_us, (uint64) (figures->remote_ms * 1000));
	memset(figures, 0, sizeof(*figures));
}

/* Appends a condition of the dialect on a block. */
static void
append_condition(StringInfo text, const char *condition, uint32 block)
{
	const char *mark = strstr(condition, "%u");

	appendStringInfo(text, "%.*s%u%s", (int) (mark - condition), condition, block, mark + 2);
}

/* Reads no row of the table, but takes the lock that reading takes; false where that is not to be had. */
static bool
try_table(ParallelScan *parallel)
{
	const RemoteTable *table = parallel->table;
	StringInfoData text;
	SourceScan *scan;
	bool		granted;

	initStringInfo(&text);
	appendStringInfoString(&text, "SELECT");
	remote_select_list(&text, table, NIL);
	appendStringInfoString(&text, " FROM ");
	remote_from(&text, table, 0);
	appendStringInfoString(&text, " WHERE 1 = 0");
	scan = scan_new(table->serverid, table->userid, table->source_options, text.data, 0, NULL, NULL, NULL, NULL, 0);
	scan->snapshot = parallel->shared->snapshot;
	granted = scan_try(scan);
	scan_end(scan);
	return granted;
}

/* Waits until others have taken all parts, or no rows are wanted any more. ERROR where nobody takes any. */
static void
wait_for_others(ParallelState *shared)
{
	TimestampTz since = GetCurrentTimestamp();
	uint32		seen = 0;

	while (pg_atomic_read_u32(&shared->over) == 0)
	{
		uint32		next = pg_atomic_read_u32(&shared->next);

		if (next >= shared->nparts)
			return;
		if (next != seen)
			since = GetCurrentTimestamp();
		seen = next;
		if (TimestampDifferenceExceeds(since, GetCurrentTimestamp(), WAIT_MS))
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("a table could not be read in parallel, since somebody waits to lock it at the source"),
					 errhint("Try again, or set the option parallel_capable of the foreign table to false.")));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

bool
fdw_next_part(ParallelScan *parallel, const char **condition)
{
	ParallelState *shared = parallel->shared;
	const CkSql *sql = parallel->table->sql;
	uint32		part;

	if (IsParallelWorker() && !parallel->tried && !try_table(parallel))
	{
		wait_for_others(shared);
		return false;
	}
	parallel->tried = true;
	/* looked at first, so that it does not grow for ever */
	if (pg_atomic_read_u32(&shared->next) >= shared->nparts ||
		(part = pg_atomic_fetch_add_u32(&shared->next, 1)) >= shared->nparts)
		return false;
	resetStringInfo(&parallel->condition);
	if (part > 0)
		append_condition(&parallel->condition, sql->from_block, part * shared->part_blocks);
	if (part > 0 && part < shared->nparts - 1)
		appendStringInfoString(&parallel->condition, " AND ");
	if (part < shared->nparts - 1)
		append_condition(&parallel->condition, sql->before_block, (part + 1) * shared->part_blocks);
	*condition = parallel->condition.data;
	return true;
}
