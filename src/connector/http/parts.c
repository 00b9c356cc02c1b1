/*
 * parts.c: what takes several requests, since lists have more values than one takes, or a parent has many rows: the parts.
 *
 * Each part has pages of its own, one after another. The first pages of the parts that come next are asked for while the part at
 * hand is read, and wait for their turn: what has come of one that is not read is bounded by the client. So rows come in the
 * order of the parts.
 */
#include "http_source.h"

#include <stdlib.h>

/* The values of a condition for the first part of a list, or for the rows of the parent at hand. */
static HttpValues
first_of(const HttpScan *http, const HttpCondition *condition)
{
	const HttpIds *ids = http->ids;

	if (condition->from > 0)
		return (HttpValues) {.args = ids->values + (condition->from - 1) * ids->room, .nargs = ids->count};
	return http_values_from(condition, condition->all);
}

/* Turns to the next values of the lists; false: there are none. */
static bool
next_values(HttpScan *http)
{
	for (uint32_t i = 0; i < http->nconditions; i++)
	{
		const HttpCondition *c = &http->conditions[i];
		const CkValue *rest = http->values[i].args + http->values[i].nargs;

		if (c->from > 0)
			continue;
		http->values[i] = http_values_from(c, rest < c->all + c->nall ? rest : c->all);
		if (http->values[i].args == rest)
			return true;
	}
	return false;
}

/* Finds the values of the next part: CK_OK; CK_END where there is none. */
static CkStatus
next_part(CkScan *scan)
{
	HttpScan   *http = scan->state;
	CkStatus	status = CK_OK;

	if (http->turned && (http_next_window(http) || next_values(http)))
		return CK_OK;
	if (http->turned && !http->parent)
		return CK_END;
	http->turned = true;
	if (http->parent)
	{
		http_ids_release(http->ids);
		http->ids = NULL;
		status = http_parent_next(scan, &http->ids);
	}
	for (uint32_t i = 0; i < http->nconditions && status == CK_OK; i++)
		http->values[i] = first_of(http, &http->conditions[i]);
	return status;
}

/* Of the parts that are under way the page of the nth, from 0. */
static HttpPage *
page_of(HttpScan *http, int n)
{
	return &http->pages[(http->page - http->pages + n) % HTTP_PAGES];
}

/* Asks for the first page of the nth part, if that was not done. CK_END: it would have to wait, and is not at hand. */
static CkStatus
begin_part(CkScan *scan, int n)
{
	HttpScan   *http = scan->state;
	HttpPage   *at_hand = http->page;
	CkStatus	status;

	if (page_of(http, n)->stream)
		return CK_OK;
	http->page = page_of(http, n);
	http->early = n > 0;
	status = http_first_page(scan);
	http->early = false;
	http->page = at_hand;
	return status;
}

/* Gives the next part a place behind those that are under way. */
static CkStatus
add_part(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = page_of(http, http->under_way);
	CkStatus	status = next_part(scan);

	http->turned_all = status == CK_END;
	if (status != CK_OK)
		return status;
	memcpy(page->values, http->values, sizeof(http->values));
	http_set_window(http, page);
	page->ids = http_ids_hold(http->ids);
	http->under_way++;
	return CK_OK;
}

/* Begins as many parts as may be under way, but for the one at hand none that would have to wait. CK_END: all were read. */
static CkStatus
begin_parts(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpSession *session = scan->session->state;
	CkStatus	status = CK_OK;

	for (int n = 0; status == CK_OK && n < http->window && (n == 0 || ck_http_has_room(session->http)); n++)
	{
		if (n == http->under_way)
			status = http->turned_all ? CK_END : add_part(scan);
		if (status == CK_OK)
			status = begin_part(scan, n);
	}
	if (status != CK_OK && status != CK_END)
		return status;
	return http->under_way > 0 ? CK_OK : CK_END;
}

CkStatus
http_first_part(CkScan *scan)
{
	HttpScan   *http = scan->state;

	http->window = http->frugal ? 1 : (int) http->table->concurrency;
	return begin_parts(scan);
}

CkStatus
http_next_part(CkScan *scan)
{
	HttpScan   *http = scan->state;
	int			most = (int) http->table->concurrency;

	http_page_free(http->page);
	http->page = &http->pages[(http->page - http->pages + 1) % HTTP_PAGES];
	http->under_way--;
	http->window = http->window * 2 < most ? http->window * 2 : most;
	return begin_parts(scan);
}

void
http_page_free(HttpPage *page)
{
	http_end_page(page);
	http_request_free(page);
	free(page->next);
	free(page->mark);
	text_free(&page->list);
	page->next = page->mark = NULL;
	http_ids_release(page->ids);
	page->ids = NULL;
	text_free(&page->cursor);
	for (size_t i = 0; i < HTTP_TAKEN; i++)
	{
		free(page->taken[i]);
		page->taken[i] = NULL;
	}
}
