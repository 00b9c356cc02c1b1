/*
 * fdw.c: the handler of every connector's foreign-data wrapper.
 */
#include "postgres.h"

#include "fmgr.h"

#include "fdw.h"

PG_FUNCTION_INFO_V1(connkit_handler);

Datum
connkit_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = fdw_rel_size;
	routine->GetForeignPaths = fdw_paths;
	routine->GetForeignJoinPaths = fdw_join_paths;
	routine->GetForeignUpperPaths = fdw_upper_paths;
	routine->GetForeignPlan = fdw_plan;
	routine->BeginForeignScan = fdw_begin;
	routine->IterateForeignScan = fdw_iterate;
	routine->ReScanForeignScan = fdw_rescan;
	routine->EndForeignScan = fdw_end;
	routine->IsForeignPathAsyncCapable = fdw_is_async_capable;
	routine->ForeignAsyncRequest = fdw_async_request;
	routine->ForeignAsyncConfigureWait = fdw_async_wait;
	routine->ForeignAsyncNotify = fdw_async_notify;
	routine->IsForeignScanParallelSafe = fdw_is_parallel_safe;
	routine->EstimateDSMForeignScan = fdw_parallel_estimate;
	routine->InitializeDSMForeignScan = fdw_parallel_begin;
	routine->ReInitializeDSMForeignScan = fdw_parallel_begin_again;
	routine->InitializeWorkerForeignScan = fdw_parallel_join;
	routine->ShutdownForeignScan = fdw_shutdown;
	routine->ExplainForeignScan = fdw_explain;
	routine->AddForeignUpdateTargets = fdw_add_update_targets;
	routine->PlanForeignModify = fdw_plan_modify;
	routine->BeginForeignModify = fdw_begin_modify;
	routine->ExecForeignInsert = fdw_insert;
	routine->ExecForeignBatchInsert = fdw_insert_batch;
	routine->GetForeignModifyBatchSize = fdw_batch_size;
	routine->ExecForeignUpdate = fdw_update;
	routine->ExecForeignDelete = fdw_delete;
	routine->EndForeignModify = fdw_end_modify;
	routine->BeginForeignInsert = fdw_begin_insert;
	routine->EndForeignInsert = fdw_end_modify;
	routine->ExecForeignTruncate = fdw_truncate;
	routine->PlanDirectModify = fdw_plan_direct;
	routine->BeginDirectModify = fdw_begin_direct;
	routine->IterateDirectModify = fdw_iterate_direct;
	routine->EndDirectModify = fdw_end_direct;
	routine->ExplainDirectModify = fdw_explain_direct;
	routine->IsForeignRelUpdatable = fdw_updatable;
	routine->ExplainForeignModify = fdw_explain_modify;
	routine->AnalyzeForeignTable = fdw_analyze;
	routine->ImportForeignSchema = fdw_import_schema;
	PG_RETURN_POINTER(routine);
}
