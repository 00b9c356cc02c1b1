/*
 * compat.h: what differs between PostgreSQL 14 and 18. The only file that looks at PG_VERSION_NUM.
 */
#ifndef CONNKIT_COMPAT_H
#define CONNKIT_COMPAT_H

#include "postgres.h"
#include "miscadmin.h"

#if PG_VERSION_NUM < 140000 || PG_VERSION_NUM >= 190000
#error "connkit supports PostgreSQL 14 to 18"
#endif

#include "access/relation.h"
#include "access/genam.h"
#include "access/stratnum.h"
#include "access/tableam.h"
#include "access/table.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_publication.h"
#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#endif
#include "commands/cluster.h"
#include "executor/executor.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "foreign/fdwapi.h"
#include "funcapi.h"
#include "nodes/pathnodes.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "rewrite/rewriteManip.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/smgr.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/pg_locale.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* create_foreignscan_path: 17 adds fdw_restrictinfo, 18 adds disabled_nodes */
static inline ForeignPath *
compat_foreignscan_path(PlannerInfo *root, RelOptInfo *rel, double rows, Cost startup_cost, Cost total_cost,
						List *pathkeys, Relids required_outer, List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreignscan_path(root, rel, NULL, rows, 0, startup_cost, total_cost, pathkeys, required_outer,
								   NULL, NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreignscan_path(root, rel, NULL, rows, startup_cost, total_cost, pathkeys, required_outer,
								   NULL, NIL, fdw_private);
#else
	return create_foreignscan_path(root, rel, NULL, rows, startup_cost, total_cost, pathkeys, required_outer,
								   NULL, fdw_private);
#endif
}

/* create_foreign_join_path: the same */
static inline ForeignPath *
compat_foreign_join_path(PlannerInfo *root, RelOptInfo *rel, double rows, Cost startup_cost, Cost total_cost,
						 List *pathkeys, List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreign_join_path(root, rel, NULL, rows, 0, startup_cost, total_cost, pathkeys, rel->lateral_relids, NULL,
									NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreign_join_path(root, rel, NULL, rows, startup_cost, total_cost, pathkeys, rel->lateral_relids, NULL, NIL,
									fdw_private);
#else
	return create_foreign_join_path(root, rel, NULL, rows, startup_cost, total_cost, pathkeys, rel->lateral_relids, NULL,
									fdw_private);
#endif
}

/* 18 marks keys that a grouping set may lack, as an outer join marks columns: they are not told from those of a join yet */
#define COMPAT_GROUPING_SETS (PG_VERSION_NUM < 180000)

/* EXPLAIN of 18 fails where a window function's node is none of a WindowAgg */
#define COMPAT_SHOWS_WINDOWS (PG_VERSION_NUM < 180000)

/* The conditions that what computes these window functions has to filter by, since nothing above does */
static inline List *
compat_run_conditions(PlannerInfo *root, List *functions)
{
	List	   *conditions = NIL;
#if PG_VERSION_NUM >= 170000
	ListCell   *lc;

	foreach(lc, functions)
	{
		WindowFunc *function = lfirst_node(WindowFunc, lc);
		ListCell   *condition;

		foreach(condition, function->runCondition)
		{
			WindowFuncRunCondition *run = lfirst_node(WindowFuncRunCondition, condition);
			Expr	   *left = run->wfunc_left ? (Expr *) function : run->arg;
			Expr	   *right = run->wfunc_left ? run->arg : (Expr *) function;

			conditions = lappend(conditions, make_opclause(run->opno, BOOLOID, false, copyObject(left), copyObject(right),
														   InvalidOid, run->inputcollid));
		}
	}
#elif PG_VERSION_NUM >= 150000
	ListCell   *lc;

	foreach(lc, root->parse->windowClause)
		conditions = list_concat(conditions, lfirst_node(WindowClause, lc)->runCondition);
#endif
	return conditions;
}

/* create_foreign_upper_path: the same */
static inline ForeignPath *
compat_foreign_upper_path(PlannerInfo *root, RelOptInfo *rel, PathTarget *target, double rows, Cost startup_cost,
						  Cost total_cost, List *pathkeys, List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreign_upper_path(root, rel, target, rows, 0, startup_cost, total_cost, pathkeys, NULL, NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreign_upper_path(root, rel, target, rows, startup_cost, total_cost, pathkeys, NULL, NIL, fdw_private);
#else
	return create_foreign_upper_path(root, rel, target, rows, startup_cost, total_cost, pathkeys, NULL, fdw_private);
#endif
}

/* An ascending or descending sort key: 18 speaks of compare types. */
static inline bool
compat_pathkey_descends(const PathKey *pathkey)
{
#if PG_VERSION_NUM >= 180000
	return pathkey->pk_cmptype == COMPARE_GT;
#else
	return pathkey->pk_strategy == BTGreaterStrategyNumber;
#endif
}

/* The canonical ascending path key of an equivalence class. */
static inline PathKey *
compat_make_canonical_pathkey(PlannerInfo *root, EquivalenceClass *class, Oid family)
{
#if PG_VERSION_NUM >= 180000
	return make_canonical_pathkey(root, class, family, COMPARE_LT, false);
#else
	return make_canonical_pathkey(root, class, family, BTLessStrategyNumber, false);
#endif
}

/* The role whose user mapping a scan of the relation uses. */
static inline Oid
compat_check_as_user(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 160000
	return OidIsValid(rel->userid) ? rel->userid : GetUserId();
#else
	return OidIsValid(rte->checkAsUser) ? rte->checkAsUser : GetUserId();
#endif
}

/* The same when a scan of a table runs. */
static inline Oid
compat_scan_user(ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
#if PG_VERSION_NUM >= 160000
	Oid			user = plan->checkAsUser;
#else
	Oid			user = exec_rt_fetch(plan->scan.scanrelid, node->ss.ps.state)->checkAsUser;
#endif

	return OidIsValid(user) ? user : GetUserId();
}

/* The tables that a foreign scan reads, by their places in the range table. */
static inline Bitmapset *
compat_scan_tables(ForeignScan *plan)
{
#if PG_VERSION_NUM >= 160000
	return plan->fs_base_relids;
#else
	return plan->fs_relids;
#endif
}

/* The role whose user mapping serves for changes of the relation; a partition that rows are routed into is its root's. */
static inline Oid
compat_result_user(ResultRelInfo *info, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	Oid			user = ExecGetResultRelCheckAsUser(info, estate);
#else
	Index		place = info->ri_RangeTableIndex > 0 ? info->ri_RangeTableIndex :
		info->ri_RootResultRelInfo->ri_RangeTableIndex;
	Oid			user = exec_rt_fetch(place, estate)->checkAsUser;
#endif

	return OidIsValid(user) ? user : GetUserId();
}

/* Custom scans that project say so from 15 on; before, all do. */
#if PG_VERSION_NUM >= 150000
#define COMPAT_CUSTOMPATH_PROJECTION CUSTOMPATH_SUPPORT_PROJECTION
#else
#define COMPAT_CUSTOMPATH_PROJECTION 0
#endif

/* From 16 on, Vars above an outer join say which join may have made them NULL. */
static inline int
compat_nulling_relid(SpecialJoinInfo *info)
{
#if PG_VERSION_NUM >= 160000
	return info ? (int) info->ojrelid : 0;
#else
	return 0;
#endif
}

/* False where joins that changed places make other Vars NULL than those of this join alone. */
static inline bool
compat_nulling_is_plain(SpecialJoinInfo *info, Relids joined, int relid)
{
#if PG_VERSION_NUM >= 160000
	return relid == 0 || (bms_is_member(relid, joined) && !bms_overlap(info->commute_above_l, joined) &&
						  !bms_overlap(info->commute_above_r, joined));
#else
	return true;
#endif
}

/* The expression with the Vars of those relations as they are above that outer join. */
static inline Node *
compat_nulled(Node *node, Relids relations, int relid)
{
#if PG_VERSION_NUM >= 160000
	if (relid > 0)
		return add_nulling_relids(node, relations, bms_make_singleton(relid));
#endif
	return node;
}

/* A set of events to wait for that lives until it is freed; from 17 on it belongs to no resource owner then. */
static inline WaitEventSet *
compat_create_wait_set(MemoryContext context, int nevents)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, nevents);
#else
	return CreateWaitEventSet(context, nevents);
#endif
}

static inline void
compat_reserve_settings(const char *prefix)
{
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved(prefix);
#else
	EmitWarningsOnPlaceholders(prefix);
#endif
}

/* True where the collation orders by bytes. */
static inline bool
compat_collation_is_c(Oid collation)
{
#if PG_VERSION_NUM >= 180000
	return pg_newlocale_from_collation(collation)->collate_is_c;
#else
	return lc_collate_is_c(collation);
#endif
}

/* All relations that the query reads, outer joins (16) included. */
#if PG_VERSION_NUM >= 160000
#define COMPAT_QUERY_RELIDS(root) ((root)->all_query_rels)
#else
#define COMPAT_QUERY_RELIDS(root) ((root)->all_baserels)
#endif

/* Whether a role has rights on a foreign server or a foreign-data wrapper. */
static inline AclResult
compat_server_aclcheck(Oid serverid, Oid role, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, serverid, role, mode);
#else
	return pg_foreign_server_aclcheck(serverid, role, mode);
#endif
}

/* The same of a schema. */
static inline AclResult
compat_schema_aclcheck(Oid schema, Oid role, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schema, role, mode);
#else
	return pg_namespace_aclcheck(schema, role, mode);
#endif
}

static inline AclResult
compat_wrapper_aclcheck(Oid fdwid, Oid role, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignDataWrapperRelationId, fdwid, role, mode);
#else
	return pg_foreign_data_wrapper_aclcheck(fdwid, role, mode);
#endif
}

/* Whether this backend holds the lock in that mode. */
static inline bool
compat_lock_held(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/* Readies a function that returns a set for rsinfo->setResult and setDesc. */
static inline ReturnSetInfo *
compat_materialize(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

#if PG_VERSION_NUM >= 150000
	InitMaterializedSRF(fcinfo, 0);
#else
	MemoryContext caller;
	TupleDesc	desc;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || !(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	caller = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	rsinfo->setDesc = desc;
	MemoryContextSwitchTo(caller);
#endif
	return rsinfo;
}

/* ExecutorRun, whose last parameter 18 does without */
#if PG_VERSION_NUM >= 180000
#define COMPAT_RUN_PARAMETERS QueryDesc *query, ScanDirection direction, uint64 count
#define COMPAT_RUN_ARGUMENTS query, direction, count
#else
#define COMPAT_RUN_PARAMETERS QueryDesc *query, ScanDirection direction, uint64 count, bool once
#define COMPAT_RUN_ARGUMENTS query, direction, count, once
#endif

/* The random state of a reservoir */
#if PG_VERSION_NUM >= 150000
#define COMPAT_RANDOM(reservoir) (&(reservoir).randstate)
#else
#define COMPAT_RANDOM(reservoir) ((reservoir).randstate)
#endif

/* Stands before a function that does not return. */
#if PG_VERSION_NUM >= 180000
#define COMPAT_NORETURN pg_noreturn
#else
#define COMPAT_NORETURN pg_attribute_noreturn()
#endif

/* The type that text names; ERROR where there is none. */
static inline void
compat_parse_type(const char *text, Oid *type, int32 *typmod)
{
#if PG_VERSION_NUM >= 160000
	(void) parseTypeString(text, type, typmod, NULL);
#else
	parseTypeString(text, type, typmod, false);
#endif
}

/* Entries in the table's indexes for a row that was inserted. */
static inline void
compat_insert_index_tuples(ResultRelInfo *info, TupleTableSlot *slot, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	list_free(ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL, false));
#else
	list_free(ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL));
#endif
}

/* Searches in an index; 18 counts them for EXPLAIN. */
static inline IndexScanDesc
compat_index_beginscan(Relation heap, Relation index, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(heap, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(heap, index, snapshot, nkeys, 0);
#endif
}

/* Updates a row, and makes its entries in the indexes of info; *indexes: in all, or it would have. Some only summarize. */
static inline TM_Result
compat_tuple_update(ResultRelInfo *info, ItemPointer tid, TupleTableSlot *slot, EState *estate, bool *indexes)
{
	TM_FailureData failure;
	LockTupleMode lockmode;
	TM_Result	result;
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes update = TU_None;

	result = table_tuple_update(info->ri_RelationDesc, tid, slot, estate->es_output_cid, InvalidSnapshot, InvalidSnapshot,
								true, &failure, &lockmode, &update);
	*indexes = result == TM_Ok && update == TU_All;
	if (result == TM_Ok && update != TU_None)
		list_free(ExecInsertIndexTuples(info, slot, estate, true, false, NULL, NIL, update == TU_Summarizing));
#else
	*indexes = false;
	result = table_tuple_update(info->ri_RelationDesc, tid, slot, estate->es_output_cid, InvalidSnapshot, InvalidSnapshot,
								true, &failure, &lockmode, indexes);
	if (result == TM_Ok && *indexes)
		list_free(ExecInsertIndexTuples(info, slot, estate, true, false, NULL, NIL));
#endif
	return result;
}

static inline bool
compat_relation_ownercheck(Oid relation, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relation, role);
#else
	return pg_class_ownercheck(relation, role);
#endif
}

/* Memory for what the check hook of a setting leaves behind. */
#if PG_VERSION_NUM >= 160000
#define compat_guc_malloc(elevel, size) guc_malloc(elevel, size)
#define compat_guc_free(p) guc_free(p)
#else
#define compat_guc_malloc(elevel, size) malloc(size)
#define compat_guc_free(p) free(p)
#endif

/* From 0 to below 1. */
static inline double
compat_random_fraction(void)
{
#if PG_VERSION_NUM >= 150000
	return pg_prng_double(&pg_global_prng_state);
#else
	return (double) random() / ((double) MAX_RANDOM_VALUE + 1);
#endif
}

/* Calls request(), in which shared memory may be asked for, while the library is preloaded: at once, or from 15 on by a hook,
 * of which the one before is returned for request() to call. */
typedef void (*compat_shmem_hook) (void);

static inline compat_shmem_hook
compat_hook_shmem_request(compat_shmem_hook request)
{
#if PG_VERSION_NUM >= 150000
	compat_shmem_hook previous = shmem_request_hook;

	shmem_request_hook = request;
	return previous;
#else
	request();
	return NULL;
#endif
}

/* Whether changes of the table's rows are published. */
static inline bool
compat_is_published(Relation rel)
{
	PublicationActions *actions;
#if PG_VERSION_NUM >= 150000
	PublicationDesc published;

	RelationBuildPublicationDesc(rel, &published);
	actions = &published.pubactions;
#else
	actions = GetRelationPublicationActions(rel);
#endif
	return actions->pubinsert || actions->pubupdate || actions->pubdelete || actions->pubtruncate;
}

/* What pages that are written past the buffers have to be aligned to, for direct I/O. */
#if PG_VERSION_NUM >= 160000
#define COMPAT_IO_ALIGN PG_IO_ALIGN_SIZE
#else
#define COMPAT_IO_ALIGN 8
#endif

/* Logs images of the pages. */
static inline void
compat_log_newpages(Relation rel, ForkNumber fork, int n, BlockNumber *blocks, Page *pages, bool standard)
{
#if PG_VERSION_NUM >= 160000
	log_newpages(&rel->rd_locator, fork, n, blocks, pages, standard);
#else
	log_newpages(&rel->rd_node, fork, n, blocks, pages, standard);
#endif
}

/* 14.7 brought it to 14. */
#if PG_VERSION_NUM < 140007
static inline SMgrRelation
RelationGetSmgr(Relation rel)
{
	RelationOpenSmgr(rel);
	return rel->rd_smgr;
}
#endif

/* A transient heap of the table's layout and place. */
static inline Oid
compat_make_new_heap(Relation rel, LOCKMODE lockmode)
{
#if PG_VERSION_NUM >= 150000
	return make_new_heap(RelationGetRelid(rel), rel->rd_rel->reltablespace, rel->rd_rel->relam, rel->rd_rel->relpersistence,
						 lockmode);
#else
	return make_new_heap(RelationGetRelid(rel), rel->rd_rel->reltablespace, rel->rd_rel->relpersistence, lockmode);
#endif
}

/* Builds an index like that one on another heap; the rest is what index_create() takes. */
static inline void
compat_index_create(Relation heap, const char *name, IndexInfo *info, List *columns, Relation like, Oid *opclasses,
					Datum reloptions)
{
	Datum	   *options = palloc0(sizeof(Datum) * info->ii_NumIndexAttrs);
	int			i;

	for (i = 0; i < info->ii_NumIndexAttrs; i++)
		options[i] = get_attoptions(RelationGetRelid(like), i + 1);
#if PG_VERSION_NUM >= 170000
	index_create(heap, name, InvalidOid, InvalidOid, InvalidOid, InvalidOid, info, columns, like->rd_rel->relam,
				 like->rd_rel->reltablespace, like->rd_indcollation, opclasses, options, like->rd_indoption, NULL,
				 reloptions, 0, 0, true, true, NULL);
#else
	info->ii_OpclassOptions = options;
	index_create(heap, name, InvalidOid, InvalidOid, InvalidOid, InvalidOid, info, columns, like->rd_rel->relam,
				 like->rd_rel->reltablespace, like->rd_indcollation, opclasses, like->rd_indoption, reloptions, 0, 0, true,
				 true, NULL);
#endif
}

/* Before two relations exchange their files in the catalogs: those that kept gets are of this subtransaction. */
static inline void
compat_exchange_subids(Oid kept, Oid gone)
{
	Relation	a = relation_open(kept, NoLock);
	Relation	b = relation_open(gone, NoLock);

	b->rd_createSubid = a->rd_createSubid;
#if PG_VERSION_NUM >= 160000
	b->rd_newRelfilelocatorSubid = a->rd_newRelfilelocatorSubid;
	b->rd_firstRelfilelocatorSubid = a->rd_firstRelfilelocatorSubid;
	RelationAssumeNewRelfilelocator(a);
#else
	b->rd_newRelfilenodeSubid = a->rd_newRelfilenodeSubid;
	b->rd_firstRelfilenodeSubid = a->rd_firstRelfilenodeSubid;
	RelationAssumeNewRelfilenode(a);
#endif
	relation_close(a, NoLock);
	relation_close(b, NoLock);
}

/* After it: up to 16, neither may be left with the other's open files. */
static inline void
compat_close_files(Oid relation)
{
#if PG_VERSION_NUM < 170000
	RelationCloseSmgrByOid(relation);
#endif
}

/* pg_class.relallfrozen, of 18 */
#if PG_VERSION_NUM >= 180000
#define COMPAT_ALLFROZEN(class) ((class)->relallfrozen)
#define COMPAT_SET_ALLFROZEN(class, pages) ((class)->relallfrozen = (pages))
#else
#define COMPAT_ALLFROZEN(class) 0
#define COMPAT_SET_ALLFROZEN(class, pages) ((void) (pages))
#endif

/* Whether the rows that are put into a table are counted, in rel->pgstat_info. */
#if PG_VERSION_NUM >= 150000
#define COMPAT_IS_COUNTED(rel) pgstat_should_count_relation(rel)
#else
#define COMPAT_IS_COUNTED(rel) ((rel)->pgstat_info != NULL)
#endif

/* Whether a foreign key compares periods, as from 18 on. */
#if PG_VERSION_NUM >= 180000
#define COMPAT_KEY_OVER_PERIOD(key) ((key)->conperiod)
#else
#define COMPAT_KEY_OVER_PERIOD(key) false
#endif

/* The columns of a foreign key and of what it refers to, and the operators that compare the latter among themselves. */
static inline void
compat_foreign_key_columns(HeapTuple key, int *count, AttrNumber *referencing, AttrNumber *referenced, Oid *equal)
{
#if PG_VERSION_NUM >= 150000
	DeconstructFkConstraintRow(key, count, referencing, referenced, NULL, equal, NULL, NULL, NULL);
#else
	DeconstructFkConstraintRow(key, count, referencing, referenced, NULL, equal, NULL);
#endif
}

/* Whether ALTER TABLE failed on a column from which a partitioned table generates another, for which 14 has no error. */
static inline bool
compat_unexpected_dependent(const ErrorData *error)
{
#if PG_VERSION_NUM >= 150000
	return false;
#else
	return error->sqlerrcode == ERRCODE_INTERNAL_ERROR && strstr(error->message, "depending on column") != NULL;
#endif
}

/* Of what family an operator orders, and whether the greatest comes first; false where it does not. */
static inline bool
compat_ordering_operator(Oid operator, Oid *family, bool *descends)
{
	Oid			type;
#if PG_VERSION_NUM >= 180000
	CompareType kind;

	if (!get_ordering_op_properties(operator, family, &type, &kind))
		return false;
	*descends = kind == COMPARE_GT;
#else
	int16		kind;

	if (!get_ordering_op_properties(operator, family, &type, &kind))
		return false;
	*descends = kind == BTGreaterStrategyNumber;
#endif
	return true;
}

/* Whether the transaction has run a statement of a pipeline before the one at hand; before 14.7 nothing tells. */
#ifdef XACT_FLAGS_PIPELINING
#define COMPAT_IS_PIPELINE() ((MyXactFlags & XACT_FLAGS_PIPELINING) != 0)
#else
#define COMPAT_IS_PIPELINE() false
#endif

/* Whether a comparison of rows is < or <=. */
static inline bool
compat_row_compare_is_less(const RowCompareExpr *expr)
{
#if PG_VERSION_NUM >= 180000
	return expr->cmptype == COMPARE_LT || expr->cmptype == COMPARE_LE;
#else
	return expr->rctype == ROWCOMPARE_LT || expr->rctype == ROWCOMPARE_LE;
#endif
}

#endif							/* CONNKIT_COMPAT_H */
