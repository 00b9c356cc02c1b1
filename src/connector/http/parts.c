/*
 * parts.c: what takes several requests, since lists have more values than one takes, or a parent has many rows: the parts.
 *
 * Each part has pages of its own, one after another. The first pages of the parts that come next are asked for while the part at
 * hand is read, and wait for their turn: what has come of one that is not read is bounded by the client. So rows come in the
 * order of the parts.
 */
#include "http_source.h"

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

/* Gives the part of http->values the next place behind those that are under way, and asks for its first page. */
static CkStatus
begin_part(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *at_hand = http->page,
			   *page = &http->pages[(at_hand - http->pages + http->under_way) % HTTP_PAGES];
	CkStatus	status;

	memcpy(page->values, http->values, sizeof(http->values));
	http_set_window(http, page);
	page->ids = http_ids_hold(http->ids);
	http->page = page;
	http->early = http->under_way++ > 0;
	status = http_first_page(scan);
	http->early = false;
	http->page = at_hand;
	return status;
}

/* Begins as many parts as may be under way, but for the one at hand none that would have to wait. CK_END: all were read. */
static CkStatus
begin_parts(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpSession *session = scan->session->state;
	CkStatus	status = CK_OK;

	/* it had to wait while it was ahead */
	if (http->under_way > 0 && !http->page->stream)
		status = http_first_page(scan);
	while (status == CK_OK && !http->turned_all && http->under_way < http->window &&
		   (http->under_way == 0 || ck_http_has_room(session->http)))
	{
		status = next_part(scan);
		if (status == CK_OK)
			status = begin_part(scan);
		else
			http->turned_all = status == CK_END;
	}
	if (status != CK_OK && status != CK_END)
		return status;
	return http->under_way > 0 ? CK_OK : CK_END;
}

CkStatus
http_first_part(CkScan *scan)
{
	HttpScan   *http = scan->state;

	/* of few rows the first part may have enough */
	http->window = http->limit < INT64_MAX ? 1 : (int) http->table->concurrency;
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
	page->next = NULL;
	http_ids_release(page->ids);
	page->ids = NULL;
}
