/*
 * fdw.h: what the files of the foreign-data wrapper share.
 */
#ifndef CONNKIT_FDW_H
#define CONNKIT_FDW_H

#include "postgres.h"
#include "commands/explain.h"
#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"

#include "compat.h"
#include "options.h"
#include "remote_sql.h"

/* Of a sub-query in FROM that stands in requests as a derived table. */
typedef struct DerivedTable
{
	PlannerInfo *root;			/* the sub-query's */
	RelOptInfo *rows;			/* the relation in it whose rows are its own, but for order and LIMIT */
	List	   *columns;		/* expressions: what the request for these yields; NULL where it is no value */
	List	   *made;			/* expressions over the columns, which are further columns */
	List	   *places;			/* IntList: for each column of the sub-query its number among them, 0 where nobody reads it */
} DerivedTable;

/* Of a foreign table, a join of some of one source, or what is above these, while it is planned; in RelOptInfo.fdw_private. */
typedef struct RelPlan
{
	RemoteTable table;			/* of a join: what all of its tables have in common, and no name */
	const CkConnector *connector;
	bool		has_sql;		/* the connector works at the source */

	List	   *exact;			/* RestrictInfos that the source answers, in WHERE; and RelOptInfos of semi and anti joins */
	List	   *superset;		/* RestrictInfos that it answers too generously: sent, and checked again */
	List	   *local;			/* RestrictInfos that stay here */
	List	   *raising;		/* of a table, those of exact and superset that stay here in joins: see CkSqlRule.raises */
	bool		once;			/* the statement changes the source: it is read once, before that */
	bool		single;			/* the query reads this alone, so its LIMIT may go to the source */

	/* of a join that the source does; a right join is turned round */
	RelOptInfo *outer;
	RelOptInfo *inner;
	JoinType	join_type;
	bool		ordered;		/* the source is told to look up the inner side's row for each one of the outer side */
	List	   *on;				/* the same, in ON */
	bool		rechecked;		/* rows that the source lets through are filtered again */
	Relids		visible;		/* the tables whose columns the rows have; of a table: itself */

	/* of grouped rows; table and connector are the input's, exact holds HAVING as far as the source answers it, local the rest */
	RelOptInfo *input;
	GroupPlan  *group;
	bool		distinct;		/* it is SELECT DISTINCT */
	bool		first;			/* it is SELECT DISTINCT ON, with the query's order */
	bool		window;			/* of window functions: exact holds what the source filters by them, local checks it again */

	DerivedTable *derived;		/* of a sub-query in FROM, else NULL */

	int			subselects;		/* in conditions that the source answers, those that it answers for each row */
	bool		aliased;		/* there are some, so tables need aliases */

	List	   *keys;			/* of a table, the columns of its declared key, where the query reads others too */
	double		tuples;			/* in the table at the source */
	double		unfiltered;		/* rows of the join if no condition on single tables were met first; of a table: all */
	double		sent_rows;		/* that the source lets through */
	double		passing;		/* the part of them that passes what is checked only here */
	double		width;
} RelPlan;

/* A foreign table of the query by its place in the range table. */
extern const RemoteTable *fdw_table(PlannerInfo *root, Index varno);
/* Appends a column of one of the query's relations; bare: without a cast to the local type. */
extern void fdw_column(RemoteSql *sql, Var *var, bool bare);
/* False for a column that can be read but is no value in expressions. */
extern bool fdw_is_value(PlannerInfo *root, const Var *var);

/* ForeignScan.fdw_private */
enum
{
	PRIVATE_SQL,				/* String: request; an empty one for a plain READ */
	PRIVATE_UNFILTERED_SQL,		/* String: the same without filters that hold parameters and without LIMIT */
	PRIVATE_ATTRIBUTES,			/* IntList: attribute numbers in the order of the request's columns */
	PRIVATE_PARAMS,				/* IntList: for each placeholder, 1-based index in fdw_exprs */
	PRIVATE_LIMITS,				/* IntList: index in fdw_exprs of LIMIT and OFFSET, 0 none, and placeholder of the limit */
	PRIVATE_PUSHED,				/* String: what the source does, for EXPLAIN */
	PRIVATE_FLAGS,				/* Integer: CK_SCAN_*, and FLAG_* */
	PRIVATE_KEYS,				/* Integer: index in fdw_exprs of the list of keys of a lookup join, 0 none */
	/* what follows is of joins and grouped rows only */
	PRIVATE_RELATIONS,			/* String: the tables, for EXPLAIN */
	PRIVATE_TABLES,				/* OidList: the same */
	PRIVATE_QUOTIENTS,			/* IntList: see GroupPlan */
	PRIVATE_USER				/* Integer: whose user mapping serves, 0 the current user's */
};
#define FLAG_SHARE	0x10000		/* the query reads other tables of the same source */
#define FLAG_WHERE	0x20000		/* the request ends in its conditions; else it has none */
#define FLAGS_OF_SCAN	0xffff	/* CK_SCAN_* */

/* Sorts the conditions of a table by what the source answers; returns those that are sent. */
extern List *fdw_judge_filters(PlannerInfo *root, RelOptInfo *rel);
extern void fdw_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid foreigntableid);
/* Notes, for estimates, which tables refer to the key of a foreign table. */
extern void fdw_note_references(PlannerInfo *root, RelOptInfo *rel, List *keys);
extern void fdw_paths(PlannerInfo *root, RelOptInfo *rel, Oid foreigntableid);
/* Adds the path of a join at the source, if the source can do it. */
extern void fdw_join_paths(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outer, RelOptInfo *inner, JoinType type,
						   JoinPathExtraData *extra);
/* The paths of a relation whose plan is made: in its order, and in the one that the query wants. */
extern void fdw_add_paths(PlannerInfo *root, RelOptInfo *rel);
/* Adds the paths of grouped rows, if the source can group. */
extern void fdw_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input, RelOptInfo *output, void *extra);
/* A plan of what is done with all rows of an input. */
extern RelPlan *fdw_upper_plan(RelOptInfo *input);
/* A request for that, still empty. */
extern RemoteSql fdw_begin_upper(PlannerInfo *root, RelPlan *plan, StringInfo text);
/* Appends the request of such a plan, up to what orders its rows. False where the source does not give PostgreSQL's answer. */
extern bool fdw_write_upper(RemoteSql *sql, RelPlan *plan);
/* Adds a path of such a plan, whose rows are in that order. */
extern void fdw_add_upper_path(PlannerInfo *root, RelOptInfo *output, PathTarget *target, RelPlan *plan, List *pathkeys);
/* Adds the path of SELECT DISTINCT ON over an input that the source answers wholly, if it has that. */
extern void fdw_distinct_on_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output);
/* fdw_write_upper() for a plan that was made there, with its order. */
extern bool fdw_write_distinct_on(RemoteSql *sql, RelPlan *plan);
/* Adds the paths of window functions over an input that the source answers wholly, if it has them. */
extern void fdw_window_paths(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output);
/* fdw_write_upper() for a plan that was made there. */
extern bool fdw_write_window(RemoteSql *sql, RelPlan *plan);
/* Makes such a plan one that EXPLAIN can show where it looks for a WindowAgg: what the source computes is written as plain calls.
 * It is done to the plan itself, which only its copies and later executions share with this one. */
extern void fdw_show_window(ForeignScan *plan);
extern ForeignScan *fdw_plan_group(PlannerInfo *root, RelOptInfo *rel, ForeignPath *path, List *tlist, Plan *outer_plan);
/* True for tables that are read in a way of their own: other than their server's. */
extern bool fdw_has_settings(const RelPlan *plan);
/* True where the query's LIMIT is one of rows, in their order, that may be asked of a source. */
extern bool fdw_limit_fits(PlannerInfo *root);
/* Rows that the query's LIMIT and OFFSET leave of so many. */
extern double fdw_limit_estimate(Query *parse, double rows);
/* Adds LIMIT to a request; *exprs gets what is computed when the scan starts. Returns PRIVATE_LIMITS. */
extern List *fdw_add_limit(PlannerInfo *root, RemoteSql *sql, List **exprs);
/* True where the query, as far as it is planned by now, reads more than one table of the source. */
extern bool fdw_shares_source(PlannerInfo *root, Oid serverid);
/* Costs of reading sent_rows of what the plan speaks of, where the source can find them or has to look at all. */
extern void fdw_path_costs(RelPlan *plan, double sent_rows, bool found_by_key, bool sorted, QualCost *local_cost,
						   Cost *startup, Cost *total);
/* The oids of the relation's tables. */
extern List *fdw_table_oids(RelOptInfo *rel);
/* Appends a sub-query that has a plan as what stands behind FROM. */
extern void fdw_write_derived(RemoteSql *sql, RelOptInfo *rel);
/* Appends a column of it; bare: without a cast to the local type. */
extern void fdw_derived_column(RemoteSql *sql, const DerivedTable *derived, Var *var, bool bare);
/* False for a column that is read, but no value in expressions: a text's bytes. */
extern bool fdw_derived_is_value(const DerivedTable *derived, const Var *var);
/* To be called where a plan reads a relation: it reads the sub-queries in it, which have no nodes of their own then. */
extern void fdw_take_over(PlannerInfo *root, RelOptInfo *rel);
/* The tables of a relation as EXPLAIN shows them. */
extern void fdw_show_relations(StringInfo text, PlannerInfo *root, RelOptInfo *rel);
/* What stands behind FROM for the relation. */
extern void fdw_from(RemoteSql *sql, RelOptInfo *rel);
/* The conditions of such a relation, behind a keyword; nothing for none. */
extern void fdw_where(RemoteSql *sql, const char *keyword, List *conditions);
/* HAVING of a grouping, if there is any; what is written next stands above the grouping. */
extern bool fdw_having(RemoteSql *sql, RelPlan *plan);
extern ForeignScan *fdw_plan(PlannerInfo *root, RelOptInfo *rel, Oid foreigntableid, ForeignPath *path, List *tlist,
							 List *clauses, Plan *outer_plan);

/* The path that reads all rows of a table that are wanted, in no order. */
extern ForeignPath *fdw_whole_path(PlannerInfo *root, RelOptInfo *rel);
/* A path that reads the rows whose inner_key is in a list that fdw_set_keys() gives when the scan runs. */
extern ForeignPath *fdw_list_path(PlannerInfo *root, RelOptInfo *rel, Expr *inner_key, Oid operator, Oid key_type,
								  Oid collation, double rows, double requests);
/* Sets the keys for the next execution of such a scan; they are borrowed until then. With fill_up the last may be sent
 * more than once, so that few different statements are prepared. */
extern void fdw_set_keys(ForeignScanState *node, Datum *keys, int nkeys, bool fill_up);

extern void fdw_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *fdw_iterate(ForeignScanState *node);
extern void fdw_rescan(ForeignScanState *node);
extern void fdw_end(ForeignScanState *node);
/* Whether a scan of the path can be waited for together with others. */
extern bool fdw_is_async_capable(ForeignPath *path);
extern void fdw_async_request(AsyncRequest *areq);
extern void fdw_async_wait(AsyncRequest *areq);
extern void fdw_async_notify(AsyncRequest *areq);
/* For async.c. Starts the scan; false, where not forced to, if another scan of the source would have to be read ahead. */
extern bool fdw_start(ForeignScanState *node, bool forced);
/* The scan of a node that was started. */
extern struct SourceScan *fdw_scan(ForeignScanState *node);
extern void fdw_explain(ForeignScanState *node, ExplainState *es);

/* parallel.c */
typedef struct ParallelScan ParallelScan;
extern bool fdw_is_parallel_safe(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte);
/* Adds a path of a table whose parts are read by several processes, if the source can divide it. */
extern void fdw_add_partial_path(PlannerInfo *root, RelOptInfo *rel);
extern Size fdw_parallel_estimate(ForeignScanState *node, ParallelContext *pcxt);
extern void fdw_parallel_begin(ForeignScanState *node, ParallelContext *pcxt, void *coordinate);
extern void fdw_parallel_begin_again(ForeignScanState *node, ParallelContext *pcxt, void *coordinate);
extern void fdw_parallel_join(ForeignScanState *node, shm_toc *toc, void *coordinate);
extern void fdw_shutdown(ForeignScanState *node);
/* Takes the next part for this process: *condition, empty where it is all of the table, is valid until the next call. False:
 * all parts are taken. */
extern bool fdw_next_part(ParallelScan *parallel, const char **condition);
/* The leader wants no more rows. */
extern void fdw_parallel_over(ParallelScan *parallel);

/* For parallel.c: the table of a scan, the parallel scan that it takes part in or NULL, and what it has done up to now. */
typedef struct ScanFigures
{
	uint64		rows;
	uint64		bytes;
	uint64		round_trips;
	double		remote_ms;
} ScanFigures;
extern const RemoteTable *fdw_scan_table(ForeignScanState *node);
extern ParallelScan *fdw_parallel(ForeignScanState *node);
extern ScanFigures *fdw_figures(ForeignScanState *node);
/* snapshot: name of the one that a worker has to read in, or NULL. */
extern void fdw_set_parallel(ForeignScanState *node, ParallelScan *parallel, const char *snapshot);

/* Reads what scans of the source, for queries that must not see what this command changes, have not begun to read. */
extern void fdw_settle(Oid serverid, Oid userid, CommandId command);

/* modify.c */
extern void fdw_add_update_targets(PlannerInfo *root, Index rtindex, RangeTblEntry *target_rte, Relation target_relation);
extern List *fdw_plan_modify(PlannerInfo *root, ModifyTable *plan, Index varno, int subplan_index);
extern void fdw_begin_modify(ModifyTableState *mtstate, ResultRelInfo *info, List *private, int subplan_index, int eflags);
extern TupleTableSlot *fdw_insert(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot);
extern TupleTableSlot **fdw_insert_batch(EState *estate, ResultRelInfo *info, TupleTableSlot **slots,
										 TupleTableSlot **plan_slots, int *count);
extern int	fdw_batch_size(ResultRelInfo *info);
extern TupleTableSlot *fdw_update(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot);
extern TupleTableSlot *fdw_delete(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan_slot);
extern void fdw_begin_insert(ModifyTableState *mtstate, ResultRelInfo *info);
extern void fdw_end_modify(EState *estate, ResultRelInfo *info);
/* truncate.c */
extern void fdw_truncate(List *relations, DropBehavior behavior, bool restart_seqs);

/* direct_modify.c */
extern bool fdw_plan_direct(PlannerInfo *root, ModifyTable *plan, Index varno, int subplan_index);
extern void fdw_begin_direct(ForeignScanState *node, int eflags);
extern TupleTableSlot *fdw_iterate_direct(ForeignScanState *node);
extern void fdw_end_direct(ForeignScanState *node);
extern void fdw_explain_direct(ForeignScanState *node, ExplainState *es);

extern int	fdw_updatable(Relation relation);
extern void fdw_explain_modify(ModifyTableState *mtstate, ResultRelInfo *info, List *private, int subplan_index,
							   ExplainState *es);

extern List *fdw_import_schema(ImportForeignSchemaStmt *stmt, Oid serverid);
extern bool fdw_analyze(Relation relation, AcquireSampleRowsFunc *function, BlockNumber *pages);

#endif							/* CONNKIT_FDW_H */
