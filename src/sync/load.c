/*
 * load.c: rows into a heap, many at a time.
 *
 * Values are brought to the types of the table's columns as INSERT does, by assignment, and beyond that only where nothing
 * is lost: a number that would be rounded or a time that would be cut is an error here. Text becomes any type that it is
 * the text of.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "compat.h"
#include "load.h"
#include "pages.h"

/* As COPY: rows and bytes that are held before they are written. */
#define MAX_ROWS 1000
#define MAX_BYTES 65535

/* How a column of the input becomes one of the table. */
typedef struct Conversion
{
	int			target;			/* 0-based place in the table */
	bool		rejects;		/* not a column of the table: must be NULL */
	ExprState  *forth;			/* to the table's type; NULL: it is of that type */
	ExprState  *back;			/* to the input's type again, to see that nothing was lost; or NULL */
	FmgrInfo   *equal;
	Oid			collation;
	int16		length;			/* of the input's type */
	bool		by_value;
	const char *name;
} Conversion;

struct Loader
{
	MemoryContext context;
	Relation	heap;
	Relation	target;
	TupleDesc	desc;			/* a copy, so that slots made in a subtransaction hold no reference */
	EState	   *estate;
	ResultRelInfo *info;		/* of target, for constraints */
	ResultRelInfo *heap_info;	/* of heap, for index entries */
	BulkInsertState bulk;
	CommandId	command;
	int			options;
	Pages	   *pages;			/* rows go onto them one by one; or NULL */
	int			nconversions;
	Conversion *conversions;
	ExprState **defaults;		/* for columns that the input does not have; or NULL */
	bool		checks;			/* the table has constraints */
	bool		generated;
	TupleTableSlot *converted;	/* the value on its way back */
	int			nslots;
	Size		bytes;
	TupleTableSlot *slots[MAX_ROWS];
};

/* An expression that reads column number attribute of the slot at hand. */
static Var *
slot_var(int attribute, Oid type, int32 typmod, Oid collation)
{
	return makeVar(1, attribute, type, typmod, collation, 0);
}

/* Ready to be evaluated, with the loader's slots as scan tuple. */
static ExprState *
ready(Loader *loader, Node *expression)
{
	expression = eval_const_expressions(NULL, expression);
	fix_opfuncids(expression);
	return ExecInitExpr((Expr *) expression, NULL);
}

static void
conversion_init(Loader *loader, Conversion *conversion, Form_pg_attribute from, Form_pg_attribute to)
{
	Var		   *var = slot_var(from->attnum, from->atttypid, from->atttypmod, from->attcollation);
	Node	   *forth;
	Node	   *back;
	TypeCacheEntry *type;

	conversion->name = pstrdup(NameStr(to->attname));
	conversion->target = to->attnum - 1;
	if (from->atttypid == to->atttypid && (to->atttypmod == -1 || to->atttypmod == from->atttypmod))
		return;
	forth = coerce_to_target_type(NULL, (Node *) var, from->atttypid, to->atttypid, to->atttypmod, COERCION_ASSIGNMENT,
								  COERCE_IMPLICIT_CAST, -1);
	if (forth == NULL && TypeCategory(from->atttypid) == TYPCATEGORY_STRING)
		forth = coerce_to_target_type(NULL, (Node *) var, from->atttypid, to->atttypid, to->atttypmod, COERCION_EXPLICIT,
									  COERCE_EXPLICIT_CAST, -1);
	if (forth == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the target is of type %s, and the source's is of type %s", conversion->name,
						format_type_be(to->atttypid), format_type_be(from->atttypid)),
				 errhint("Convert it by an expression in the sync's mapping.")));
	conversion->forth = ready(loader, forth);
	back = coerce_to_target_type(NULL, (Node *) slot_var(to->attnum, to->atttypid, to->atttypmod, to->attcollation),
								 to->atttypid, from->atttypid, -1, COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (back == NULL && TypeCategory(to->atttypid) != TYPCATEGORY_STRING)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the target is of type %s, which may not hold all of the source's type %s",
						conversion->name, format_type_be(to->atttypid), format_type_be(from->atttypid)),
				 errdetail("No cast leads back, so a loss could not be told."),
				 errhint("Convert it by an expression in the sync's mapping.")));
	type = lookup_type_cache(from->atttypid, TYPECACHE_EQ_OPR_FINFO);
	if (back == NULL || !OidIsValid(type->eq_opr_finfo.fn_oid))
		return;
	conversion->back = ready(loader, back);
	conversion->equal = palloc(sizeof(FmgrInfo));
	fmgr_info_cxt(type->eq_opr_finfo.fn_oid, conversion->equal, loader->context);
	conversion->collation = from->attcollation;
	conversion->length = from->attlen;
	conversion->by_value = from->attbyval;
}

/* NULL for a column of a domain, which may refuse it; for other types none: they take it. */
static Node *
domain_null(Form_pg_attribute att)
{
	int32		typmod = att->atttypmod;
	Oid			base = getBaseTypeAndTypmod(att->atttypid, &typmod);
	Const	   *null;

	if (base == att->atttypid)
		return NULL;
	null = makeConst(base, typmod, att->attcollation, att->attlen, (Datum) 0, true, att->attbyval);
	return coerce_to_domain((Node *) null, base, typmod, att->atttypid, COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1, false);
}

/* Ready-made expressions for the columns that the input does not have. */
static void
init_defaults(Loader *loader, TupleDesc desc, const bool *given)
{
	loader->defaults = palloc0(sizeof(ExprState *) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Expr	   *expression;

		if (att->attisdropped || given[i])
			continue;
		if (att->attgenerated)
		{
			loader->generated = true;
			continue;
		}
		expression = (Expr *) build_column_default(loader->target, i + 1);
		if (expression == NULL)
			expression = (Expr *) domain_null(att);
		if (expression)
			loader->defaults[i] = ExecInitExpr(expression_planner(expression), NULL);
	}
}

/* What errors of constraints and index entries need; without a range table, they find no column privileges to look at. */
static void
init_executor(Loader *loader)
{
	loader->estate = CreateExecutorState();
	loader->estate->es_output_cid = loader->command;
	loader->info = makeNode(ResultRelInfo);
	InitResultRelInfo(loader->info, loader->target, 0, NULL, 0);
	loader->heap_info = loader->info;
	if (loader->heap != loader->target)
	{
		loader->heap_info = makeNode(ResultRelInfo);
		InitResultRelInfo(loader->heap_info, loader->heap, 0, NULL, 0);
	}
	ExecOpenIndices(loader->heap_info, false);
}

Loader *
load_begin(Sync *sync, Oid heap, Oid target, TupleDesc input, bool with_cursor, bool hidden)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "connkit loader", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Loader	   *loader = palloc0(sizeof(Loader));
	bool	   *given;
	TupleDesc	desc;
	int			place = 0;
	ListCell   *lc;

	loader->context = context;
	loader->heap = table_open(heap, RowExclusiveLock);
	loader->target = heap == target ? loader->heap : table_open(target, NoLock);
	desc = RelationGetDescr(loader->target);
	loader->command = GetCurrentCommandId(true);
	loader->options = hidden ? TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN : 0;
	loader->bulk = GetBulkInsertState();
	loader->checks = desc->constr && (desc->constr->has_not_null || desc->constr->num_check > 0);
	init_executor(loader);
	if (hidden && pages_possible(loader->heap, loader->heap == loader->target))
		loader->pages = pages_begin(loader->heap);
	given = palloc0(sizeof(bool) * Max(desc->natts, 1));
	loader->conversions = palloc0(sizeof(Conversion) * (list_length(sync->fields) + 1));
	foreach(lc, sync->fields)
	{
		SyncField  *field = lfirst(lc);
		Conversion *conversion = &loader->conversions[loader->nconversions++];
		AttrNumber	number = field->rejects ? 0 : get_attnum(target, field->name);

		conversion->rejects = field->rejects;
		conversion->name = field->rejects ? field->column->name : field->name;
		place++;
		if (field->rejects)
			continue;
		if (number <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("column \"%s\" of the target of sync \"%s\" has gone within the run", field->name, sync->name)));
		given[number - 1] = true;
		conversion_init(loader, conversion, TupleDescAttr(input, place - 1), TupleDescAttr(desc, number - 1));
	}
	if (with_cursor)
	{
		Conversion *conversion = &loader->conversions[loader->nconversions++];

		given[desc->natts - 1] = true;
		conversion_init(loader, conversion, TupleDescAttr(input, input->natts - 1), TupleDescAttr(desc, desc->natts - 1));
	}
	init_defaults(loader, desc, given);
	loader->desc = CreateTupleDescCopyConstr(desc);
	loader->converted = MakeSingleTupleTableSlot(loader->desc, &TTSOpsVirtual);
	MemoryContextSwitchTo(caller);
	return loader;
}

/* The value of a column in the table's type, in the memory of the row at hand. */
static void
convert(Loader *loader, Conversion *conversion, TupleTableSlot *input, int place, TupleTableSlot *output)
{
	ExprContext *econtext = GetPerTupleExprContext(loader->estate);
	int			target = conversion->target;
	Datum		value = input->tts_values[place];
	bool		isnull = input->tts_isnull[place];

	if (conversion->forth)
	{
		econtext->ecxt_scantuple = input;
		value = ExecEvalExprSwitchContext(conversion->forth, econtext, &isnull);
	}
	output->tts_values[target] = value;
	output->tts_isnull[target] = isnull;
	if (conversion->back && !input->tts_isnull[place])
	{
		TupleTableSlot *converted = loader->converted;
		bool		same = false;

		ExecClearTuple(converted);
		memset(converted->tts_isnull, true, sizeof(bool) * converted->tts_tupleDescriptor->natts);
		converted->tts_values[target] = value;
		converted->tts_isnull[target] = isnull;
		ExecStoreVirtualTuple(converted);
		econtext->ecxt_scantuple = converted;
		value = ExecEvalExprSwitchContext(conversion->back, econtext, &isnull);
		if (!isnull)
			same = DatumGetBool(FunctionCall2Coll(conversion->equal, conversion->collation, value,
												  input->tts_values[place]));
		if (!same)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("column \"%s\" of the target cannot hold the source's value without a loss", conversion->name),
					 errhint("Widen the column, or convert the value by an expression in the sync's mapping.")));
	}
}

void
load_flush(Loader *loader)
{
	MemoryContext caller;

	if (loader->nslots == 0)
		return;
	caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(loader->estate));
	table_multi_insert(loader->heap, loader->slots, loader->nslots, loader->command, loader->options, loader->bulk);
	MemoryContextSwitchTo(caller);
	for (int i = 0; i < loader->nslots; i++)
	{
		if (loader->heap_info->ri_NumIndices > 0)
			compat_insert_index_tuples(loader->heap_info, loader->slots[i], loader->estate);
		ExecClearTuple(loader->slots[i]);
	}
	loader->nslots = 0;
	loader->bytes = 0;
	ResetPerTupleExprContext(loader->estate);
}

/* The slot that the next row is built in. */
static TupleTableSlot *
next_slot(Loader *loader)
{
	if (loader->slots[loader->nslots] == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(loader->context);

		loader->slots[loader->nslots] = MakeSingleTupleTableSlot(loader->desc, loader->pages ? &TTSOpsVirtual :
																 table_slot_callbacks(loader->heap));
		MemoryContextSwitchTo(caller);
	}
	return ExecClearTuple(loader->slots[loader->nslots]);
}

/* The columns that the input has, in the table's types. */
static void
convert_all(Loader *loader, TupleTableSlot *input, TupleTableSlot *output)
{
	slot_getallattrs(input);
	for (int i = 0; i < loader->nconversions; i++)
	{
		if (!loader->conversions[i].rejects)
			convert(loader, &loader->conversions[i], input, i, output);
		else if (!input->tts_isnull[i])
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("column \"%s\" is new, and rows that have it are not taken", loader->conversions[i].name)));
	}
}

/* Gives the columns that the input does not have their defaults; the others are NULL. */
static void
set_defaults(Loader *loader, TupleTableSlot *slot)
{
	ExprContext *econtext = GetPerTupleExprContext(loader->estate);

	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		slot->tts_isnull[i] = true;
		slot->tts_values[i] = (Datum) 0;
		if (loader->defaults[i])
			slot->tts_values[i] = ExecEvalExprSwitchContext(loader->defaults[i], econtext, &slot->tts_isnull[i]);
	}
}

/* What is left to do for a row that has its values. */
static void
complete(Loader *loader, TupleTableSlot *slot)
{
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(loader->target);
	if (loader->generated)
		ExecComputeStoredGenerated(loader->info, loader->estate, slot, CMD_INSERT);
	if (loader->checks)
		ExecConstraints(loader->info, slot, loader->estate);
	if (loader->pages == NULL)
		ExecMaterializeSlot(slot);
}

void
load_prepare(Loader *loader, TupleTableSlot *input)
{
	TupleTableSlot *slot = next_slot(loader);

	ResetPerTupleExprContext(loader->estate);
	set_defaults(loader, slot);
	convert_all(loader, input, slot);
	complete(loader, slot);
}

TupleTableSlot *
load_slot(Loader *loader)
{
	return MakeSingleTupleTableSlot(loader->desc, &TTSOpsVirtual);
}

void
load_fill(Loader *loader, TupleTableSlot *input, TupleTableSlot *slot)
{
	ResetPerTupleExprContext(loader->estate);
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	convert_all(loader, input, slot);
	ExecStoreVirtualTuple(slot);
}

void
load_put(Loader *loader, TupleTableSlot *filled)
{
	TupleTableSlot *slot = next_slot(loader);

	set_defaults(loader, slot);
	for (int i = 0; i < loader->nconversions; i++)
	{
		int			target = loader->conversions[i].target;

		if (loader->conversions[i].rejects)
			continue;
		slot->tts_values[target] = filled->tts_values[target];
		slot->tts_isnull[target] = filled->tts_isnull[target];
	}
	complete(loader, slot);
	load_keep(loader);
}

void
load_keep(Loader *loader)
{
	TupleTableSlot *slot = loader->slots[loader->nslots];

	if (loader->pages)
	{
		MemoryContext caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(loader->estate));

		pages_put(loader->pages, slot);
		MemoryContextSwitchTo(caller);
		return;
	}
	loader->bytes += ((BufferHeapTupleTableSlot *) slot)->base.tuple->t_len;
	if (++loader->nslots >= MAX_ROWS || loader->bytes >= MAX_BYTES)
		load_flush(loader);
}

void
load_end(Loader *loader)
{
	load_flush(loader);
	if (loader->pages)
		pages_end(loader->pages);
	for (int i = 0; i < MAX_ROWS && loader->slots[i]; i++)
		ExecDropSingleTupleTableSlot(loader->slots[i]);
	ExecDropSingleTupleTableSlot(loader->converted);
	FreeBulkInsertState(loader->bulk);
	table_finish_bulk_insert(loader->heap, loader->options);
	ExecCloseIndices(loader->heap_info);
	FreeExecutorState(loader->estate);
	if (loader->heap != loader->target)
		table_close(loader->target, NoLock);
	table_close(loader->heap, NoLock);
	MemoryContextDelete(loader->context);
}
