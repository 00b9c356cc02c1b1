/*
 * pages.c: rows formed on the pages of a heap that nobody else can see.
 *
 * Rows are put together at their place on pages in private memory. Full pages are logged as images and appended to the file,
 * past the shared buffers, as CREATE INDEX does: a row costs no lock, no record of WAL and no copy of its own.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "catalog/pg_am.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/smgr.h"
#include "utils/rel.h"

#include "compat.h"
#include "pages.h"

/* Pages that are written together; a record of WAL holds as many images. */
#define MAX_PAGES 32

/* Blocks of the heap that a page of the visibility map tells of. */
#define MAP_BYTES (BLCKSZ - MAXALIGN(SizeOfPageHeaderData))
#define BLOCKS_IN_BYTE (BITS_PER_BYTE / BITS_PER_HEAPBLOCK)

struct Pages
{
	Relation	heap;
	TransactionId xid;
	CommandId	command;
	Size		reserve;		/* bytes to be left free on a page, by the fill factor */
	XLogRecPtr	redo;			/* where replay would have begun when the filling began */
	BlockNumber written;
	int			npages;			/* in memory; the last one is being filled */
	char	   *memory;
};

static Page
page_at(Pages *pages, int i)
{
	return (Page) (pages->memory + BLCKSZ * i);
}

bool
pages_possible(Relation heap, bool decoded)
{
	return heap->rd_rel->relam == HEAP_TABLE_AM_OID && heap->rd_rel->relpersistence != RELPERSISTENCE_TEMP &&
		!heap->rd_rel->relhasindex && !(decoded && RelationIsLogicallyLogged(heap)) &&
		RelationGetNumberOfBlocks(heap) == 0;
}

Pages *
pages_begin(Relation heap)
{
	Pages	   *pages = palloc0(sizeof(Pages));

	pages->heap = heap;
	pages->xid = GetCurrentTransactionId();
	pages->command = GetCurrentCommandId(true);
	pages->reserve = RelationGetTargetPageFreeSpace(heap, HEAP_DEFAULT_FILLFACTOR);
	pages->redo = GetRedoRecPtr();
	pages->memory = (char *) TYPEALIGN(COMPAT_IO_ALIGN, palloc(BLCKSZ * MAX_PAGES + COMPAT_IO_ALIGN));
	return pages;
}

/* Logs and appends n pages of memory, which are to be blocks first and following of the fork. */
static void
append(Pages *pages, ForkNumber fork, BlockNumber first, int n, bool standard)
{
	if (RelationNeedsWAL(pages->heap))
	{
		BlockNumber blocks[MAX_PAGES];
		Page		images[MAX_PAGES];

		for (int i = 0; i < n; i++)
		{
			blocks[i] = first + i;
			images[i] = page_at(pages, i);
		}
		compat_log_newpages(pages->heap, fork, n, blocks, images, standard);
	}
	for (int i = 0; i < n; i++)
	{
		PageSetChecksumInplace(page_at(pages, i), first + i);
		smgrextend(RelationGetSmgr(pages->heap), fork, first + i, page_at(pages, i), false);
	}
}

/* Writes what is held. What somebody else had put there would be overwritten. */
static void
flush(Pages *pages)
{
	if (pages->npages == 0)
		return;
	if (RelationGetNumberOfBlocks(pages->heap) != pages->written)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("table \"%s\" was written to while it was loaded", RelationGetRelationName(pages->heap)),
				 errhint("Expressions, defaults and checks of a sync must not change its target.")));
	append(pages, MAIN_FORKNUM, pages->written, pages->npages, true);
	pages->written += pages->npages;
	pages->npages = 0;
}

/* A place of that many bytes on the page that is being filled, or on the next one. */
static HeapTupleHeader
place(Pages *pages, Size length)
{
	Size		aligned = MAXALIGN(length);
	PageHeader	page;
	OffsetNumber offset;
	HeapTupleHeader header;

	if (aligned > MaxHeapTupleSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too big: size %zu, maximum size %zu", aligned, MaxHeapTupleSize)));
	if (pages->npages == 0 ||
		aligned + pages->reserve > PageGetHeapFreeSpace(page_at(pages, pages->npages - 1)))
	{
		if (pages->npages == MAX_PAGES)
			flush(pages);
		PageInit(page_at(pages, pages->npages), BLCKSZ, 0);
		PageSetAllVisible(page_at(pages, pages->npages));
		pages->npages++;
	}
	page = (PageHeader) page_at(pages, pages->npages - 1);
	offset = OffsetNumberNext(PageGetMaxOffsetNumber((Page) page));
	page->pd_lower += sizeof(ItemIdData);
	page->pd_upper -= aligned;
	ItemIdSetNormal(PageGetItemId((Page) page, offset), page->pd_upper, length);
	header = (HeapTupleHeader) ((char *) page + page->pd_upper);
	ItemPointerSet(&header->t_ctid, pages->written + pages->npages - 1, offset);
	return header;
}

/* Who inserted the row: nobody any more, since it is frozen. */
static void
set_inserted(Pages *pages, HeapTupleHeader header)
{
	header->t_infomask &= ~HEAP_XACT_MASK;
	header->t_infomask2 &= ~HEAP2_XACT_MASK;
	header->t_infomask |= HEAP_XMAX_INVALID;
	HeapTupleHeaderSetXmin(header, pages->xid);
	HeapTupleHeaderSetXminFrozen(header);
	HeapTupleHeaderSetCmin(header, pages->command);
	HeapTupleHeaderSetXmax(header, InvalidTransactionId);
}

/* A row that is too long for its page, or has values that are toasted elsewhere. */
static void
put_toasted(Pages *pages, TupleTableSlot *row)
{
	HeapTuple	tuple = heap_toast_insert_or_update(pages->heap, ExecCopySlotHeapTuple(row), NULL,
													HEAP_INSERT_SKIP_FSM | HEAP_INSERT_FROZEN);
	HeapTupleHeader header = place(pages, tuple->t_len);
	ItemPointerData self = header->t_ctid;

	memcpy(header, tuple->t_data, tuple->t_len);
	header->t_ctid = self;
	set_inserted(pages, header);
}

void
pages_put(Pages *pages, TupleTableSlot *row)
{
	TupleDesc	desc = row->tts_tupleDescriptor;
	bool		nulls = false;
	bool		external = false;
	Size		offset = SizeofHeapTupleHeader;
	Size		data;
	HeapTupleHeader header;

	for (int i = 0; i < desc->natts; i++)
	{
		if (row->tts_isnull[i])
			nulls = true;
		else if (TupleDescAttr(desc, i)->attlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(row->tts_values[i])))
			external = true;
	}
	if (nulls)
		offset += BITMAPLEN(desc->natts);
	offset = MAXALIGN(offset);
	data = heap_compute_data_size(desc, row->tts_values, row->tts_isnull);
	pgstat_count_heap_insert(pages->heap, 1);
	if (external || offset + data > TOAST_TUPLE_THRESHOLD)
	{
		put_toasted(pages, row);
		return;
	}
	header = place(pages, offset + data);
	header->t_infomask = 0;
	header->t_infomask2 = 0;
	HeapTupleHeaderSetNatts(header, desc->natts);
	header->t_hoff = offset;
	memset(header->t_bits, 0, offset - SizeofHeapTupleHeader);
	heap_fill_tuple(desc, row->tts_values, row->tts_isnull, (char *) header + offset, data, &header->t_infomask,
					nulls ? header->t_bits : NULL);
	set_inserted(pages, header);
}

/* The visibility map, which says of each page that all its rows are frozen and visible. */
static void
write_map(Pages *pages)
{
	SMgrRelation smgr = RelationGetSmgr(pages->heap);
	BlockNumber left = pages->written;

	if (left == 0 || (smgrexists(smgr, VISIBILITYMAP_FORKNUM) && smgrnblocks(smgr, VISIBILITYMAP_FORKNUM) > 0))
		return;
	smgrcreate(smgr, VISIBILITYMAP_FORKNUM, false);
	for (BlockNumber block = 0; left > 0; block++)
	{
		BlockNumber here = Min(left, MAP_BYTES * BLOCKS_IN_BYTE);
		Page		page = page_at(pages, 0);
		char	   *map = PageGetContents(page);

		PageInit(page, BLCKSZ, 0);
		memset(map, 0xff, here / BLOCKS_IN_BYTE);
		if (here % BLOCKS_IN_BYTE)
			map[here / BLOCKS_IN_BYTE] = (1 << (here % BLOCKS_IN_BYTE * BITS_PER_HEAPBLOCK)) - 1;
		append(pages, VISIBILITYMAP_FORKNUM, block, 1, false);
		left -= here;
	}
}

void
pages_end(Pages *pages)
{
	flush(pages);
	write_map(pages);
	/* a checkpoint since then did not wait for pages that were logged before it and written after */
	if (RelationNeedsWAL(pages->heap) && pages->redo != GetRedoRecPtr())
		for (ForkNumber fork = MAIN_FORKNUM; fork <= VISIBILITYMAP_FORKNUM; fork++)
			if (smgrexists(RelationGetSmgr(pages->heap), fork))
				smgrimmedsync(RelationGetSmgr(pages->heap), fork);
}
