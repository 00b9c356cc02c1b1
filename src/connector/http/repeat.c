/*
 * repeat.c: sees that a source's pages move on, where it takes no notice of which is asked for.
 */
#include "http_source.h"

#include <stdlib.h>
#include <zlib.h>

/* Bytes at the begin of a page by which, and by its size, it is known again. */
#define KNOWN_BY (64 * 1024)

void
http_note_piece(HttpPage *page, const char *data, size_t size)
{
	if (page->held < KNOWN_BY)
	{
		size_t		left = (size_t) (KNOWN_BY - page->held);

		page->sum = (uint32_t) crc32(page->sum, (const unsigned char *) data, (uInt) (size < left ? size : left));
	}
	page->held += (int64_t) size;
}

CkStatus
http_check_page(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;

	if (page->number > 0 && page->held == page->held_before && page->sum == page->sum_before)
	{
		ck_fail(scan->session, CK_ERR_PROTOCOL, "page %lld of table \"%s\" is the same as the one before it",
				(long long) page->number + 1, http->name);
		ck_hint(scan->session, "Check the table's paging: the source takes no notice of which page is asked for.");
		return CK_ERR_PROTOCOL;
	}
	page->held_before = page->held;
	page->sum_before = page->sum;
	return CK_OK;
}

bool
http_check_cursor(HttpPage *page, const char *next)
{
	bool		good = (!page->next || strcmp(page->next, next) != 0) && (!page->mark || strcmp(page->mark, next) != 0);

	/* one of them is in any round that there is, and stays until that has come about */
	if ((page->number & (page->number - 1)) == 0)
	{
		free(page->mark);
		page->mark = strdup(next);
	}
	return good;
}
