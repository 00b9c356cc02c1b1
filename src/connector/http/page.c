/*
 * page.c: one page after another: begins requests, judges their replies, and finds where the next page is.
 */
#include "http_source.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

void
http_end_page(HttpPage *page)
{
	ck_http_close(page->stream);
	page->stream = NULL;
	csv_reader_free(page->csv);
	page->csv = NULL;
	xml_reader_free(page->xml);
	page->xml = NULL;
	json_reader_free(page->reader);
	page->reader = NULL;
	page->record = NULL;
	page->element = 0;
	page->size = 0;
	page->begun = page->whole = page->lost = false;
	page->records = page->held = 0;
	page->sum = 0;
	free(page->link);
	page->link = NULL;
	text_free(&page->ahead);
}

/* Makes what reads the page's reply. */
static CkStatus
make_reader(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const HttpTable *table = http->table;
	size_t		limit = (size_t) http->options->max_record_size;

	page->reader = json_reader_new(table->records, table->format == REPLY_JSON_LINES, limit, page->wanted);
	if (page->reader && http->table->may_lack)
		json_reader_may_lack(page->reader);
	if (page->reader && http->members)
		json_reader_want(page->reader, http->members, http->text);
	if (page->reader && table->format == REPLY_CSV)
		page->csv = csv_reader_new(page->reader, table->delimiter, limit);
	if (page->csv && table->no_header && !http_name_fields(scan, page->csv))
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	if (page->reader && table->format == REPLY_XML)
		page->xml = xml_reader_new(page->reader, table->records, table->unnest, limit);
	if (!page->reader || (table->format == REPLY_CSV && !page->csv) || (table->format == REPLY_XML && !page->xml))
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	return CK_OK;
}

/* Gives it a piece of the reply, or (NULL) its end. */
static bool
feed_reader(HttpPage *page, const char *data, size_t size)
{
	if (page->csv)
		return data ? csv_reader_feed(page->csv, data, size) : csv_reader_end(page->csv);
	if (page->xml)
		return data ? xml_reader_feed(page->xml, data, size) : xml_reader_end(page->xml);
	return data ? json_reader_feed(page->reader, data, size) : json_reader_end(page->reader);
}

CkStatus
http_begin_page(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	HttpSession *session = scan->session->state;
	const HttpPaging *p = &http->table->paging;
	int			n = 0;
	CkStatus	status;

	http_end_page(page);
	page->cursor.size = 0;
	memset(page->wanted, 0, sizeof(page->wanted));
	for (int i = 0; i < 4; i++)
	{
		const JsonPath paths[] = {p->next, p->last, p->more, p->total};

		if (paths[i] && !(i == 0 && (p->from_record || p->type == PAGING_LIST)))
			page->wanted[n++].path = paths[i];
	}
	for (const HttpTake *take = http->table->take; take && take->name; take++)
		page->wanted[n++].path = take->path;
	http_want_faults(http, page->wanted + n);
	status = make_reader(scan);
	if (status == CK_OK)
		status = http_admit(scan, !http->early);
	if (status == CK_OK)
		status = http_make_request(scan);
	if (status == CK_OK)
		status = ck_http_begin(scan->session, session->http, &page->request, &page->stream);
	scan->round_trips++;
	page->attempts++;
	return status;
}

/* Begins the first page of a list; where it has none, that is one that was read. */
static CkStatus
first_listed(CkScan *scan)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	const char *first = http_next_listed(page);
	CkStatus	status;

	if (first)
	{
		page->next = strdup(first);
		return page->next ? http_begin_page(scan) : ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	}
	http_end_page(page);
	memset(page->wanted, 0, sizeof(page->wanted));
	status = make_reader(scan);
	page->begun = page->whole = status == CK_OK;
	return status;
}

CkStatus
http_first_page(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	CkStatus	status;

	/* what is asked for before takes waiting */
	if (http->early && http->table->nbefore > 0)
		return CK_END;
	page->number = page->seen = 0;
	free(page->next);
	free(page->mark);
	page->next = page->mark = NULL;
	page->attempts = 0;
	page->renewed = false;
	status = http_ask_before(scan);
	if (status != CK_OK || http->table->paging.type != PAGING_LIST)
		return status == CK_OK ? http_begin_page(scan) : status;
	return first_listed(scan);
}

/* Notes whether it was the connection that failed, which was well before. */
static CkStatus
note_connection(HttpScan *http, CkStatus status)
{
	http->answered |= status == CK_OK;
	http->page->lost = status == CK_ERR_LOST || (status == CK_ERR_CONNECT && http->answered);
	return status;
}

/* Finds the next page in the headers Link, of which there may be several. */
static CkStatus
find_link(CkScan *scan, const CkHttpReply *reply)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	size_t		size;
	bool		good = true;

	for (const char *link = ck_http_header(reply, "Link", &size); link && good && !page->link;
		 link = ck_http_next_header(link, "Link", &size))
		page->link = http_find_link(link, size, &good);
	if (good)
		return CK_OK;
	ck_fail(scan->session, CK_ERR_PROTOCOL, "the header Link of a reply for table \"%s\" cannot be read", http->name);
	ck_hint(scan->session, "It is expected as RFC 8288 has it: <URL>; rel=\"next\".");
	return CK_ERR_PROTOCOL;
}

/* Waits for the reply's headers, and asks again where that is worth it. CK_END: it stands for no rows. */
static CkStatus
judge_reply(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const CkHttpReply *reply;
	bool		again = true;
	CkStatus	status = CK_OK;

	while (again)
	{
		again = false;
		status = note_connection(http, ck_http_reply(page->stream, &reply));
		if (status == CK_OK)
			status = http_judge_reply(scan, reply, &again);
		if (again)
			status = http_begin_page(scan);
		if (status != CK_OK && status != CK_END)
			return status;
	}
	page->begun = true;
	page->data = page->ahead.data;
	page->size = page->ahead.size;
	return status == CK_OK && http->table->paging.type == PAGING_LINK_HEADER ? find_link(scan, reply) : status;
}

/* Tells why the reply cannot be read. */
static CkStatus
fail_reply(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;

	if (json_reader_out_of_memory(page->reader))
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	ck_fail(scan->session, CK_ERR_PROTOCOL, "the reply for table \"%s\" cannot be read: %s", http->name,
			page->csv ? csv_reader_error(page->csv) : page->xml ? xml_reader_error(page->xml) : json_reader_error(page->reader));
	ck_hint(scan->session, "Check the table's path and where its records lie in the reply.");
	return CK_ERR_PROTOCOL;
}

/* Judges a reply that has ended, before its rows are given: CK_OK; CK_END where it has none. good: it can be read. */
static CkStatus
judge_whole(CkScan *scan, bool good)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	const CkHttpReply *reply;
	bool		again = false;
	CkStatus	status = ck_http_reply(page->stream, &reply);

	if (status == CK_OK && json_reader_ended(page->reader))
		status = http_judge_whole(scan, reply, &again);
	if (status == CK_END)
	{
		json_reader_forget(page->reader);
		for (JsonWanted *w = page->wanted; w->path; w++)
		{
			free(w->text);
			w->text = NULL;
		}
	}
	if (again)
		return http_begin_page(scan);
	return status == CK_OK && !good ? fail_reply(scan) : status;
}

/* Takes the next piece of the reply apart. */
static CkStatus
read_piece(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	size_t		slice = page->size < HTTP_SLICE ? page->size : HTTP_SLICE;
	bool		good;
	CkStatus	status;

	if (page->size == 0)
	{
		status = note_connection(http, ck_http_read(page->stream, &page->data, &page->size));
		scan->bytes += status == CK_OK ? page->size : 0;
		page->whole = status == CK_END;
		if (status != CK_END)
			return status;
		good = feed_reader(page, NULL, 0);
		return http_judges_whole(http) ? judge_whole(scan, good) : good ? CK_OK : fail_reply(scan);
	}
	if (!feed_reader(page, page->data, slice))
		return fail_reply(scan);
	http_note_piece(page, page->data, slice);
	page->data += slice;
	page->size -= slice;
	if (!http_judges_whole(http) || page->held <= http->options->max_record_size)
		return CK_OK;
	ck_fail(scan->session, CK_ERR_PROTOCOL, "a reply for table \"%s\" is larger than the option max_record_size allows",
			http->name);
	ck_hint(scan->session, "Replies whose errors may be told behind their records are kept as a whole. Ask for smaller pages.");
	return CK_ERR_PROTOCOL;
}

/* Keeps the record's cursor: the last one's leads to the next page. */
static CkStatus
keep_cursor(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	uint32_t	number = json_find(page->record, 1, http->table->paging.next);
	const JsonNode *node = &page->record->nodes[number];

	if (!number || node->kind == JSON_KIND_NULL)
	{
		ck_fail(scan->session, CK_ERR_PROTOCOL, "a record of table \"%s\" lacks the cursor that leads to the next page",
				http->name);
		ck_hint(scan->session, "Check the path in the table's paging.");
		return CK_ERR_PROTOCOL;
	}
	page->cursor.size = 0;
	/* of a value within a text only that is wanted, in JSON all that makes it one */
	if (http->table->paging.in_body)
		text_append(&page->cursor, page->record->json + node->begin, node->end - node->begin);
	else
		text_append(&page->cursor, page->record->bytes + node->text, node->text_size);
	return http_check_text(scan->session, &page->cursor);
}

/* The next record of the reply at hand. */
static CkStatus
read_record(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	CkStatus	status;

	for (;;)
	{
		if (!page->begun)
		{
			status = judge_reply(scan);
			page->whole = page->whole || status == CK_END;
			if (status != CK_OK && status != CK_END)
				return status;
		}
		page->record = page->whole || !http_judges_whole(http) ? json_reader_next(page->reader) : NULL;
		if (page->record)
		{
			page->records++;
			if (((HttpScan *) scan->state)->table->paging.from_record)
				return keep_cursor(scan);
			return CK_OK;
		}
		if (page->whole)
			return CK_END;
		status = read_piece(scan);
		if (status != CK_OK && status != CK_END)
			return status;
	}
}

CkStatus
http_next_record(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	CkStatus	status;

	/* a page that broke off is asked for again, where none of its rows was given; a change is never made again for that */
	while ((status = read_record(scan)) != CK_OK && page->lost && !http->change && page->records == 0 &&
		   page->attempts < http->options->max_attempts)
	{
		status = http_hold(scan->session, http_backoff(page->attempts), false);
		if (status == CK_OK)
			status = http_begin_page(scan);
		if (status != CK_OK)
			break;
	}
	return status;
}

/* The parts of a URL that say who answers, from its absolute form; the caller frees url. */
static bool
origin_of(CURLU *parts, char **scheme, char **host, char **port)
{
	*scheme = *host = *port = NULL;
	return curl_url_get(parts, CURLUPART_SCHEME, scheme, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_HOST, host, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_PORT, port, CURLU_DEFAULT_PORT) == CURLUE_OK;
}

/* A link to the next page, relative or not, as a URL of the same origin; NULL: it is none. */
static char *
resolve_link(const char *base, const char *link)
{
	CURLU	   *from = curl_url(),
			   *to = curl_url();
	char	   *a[3] = {NULL, NULL, NULL},
			   *b[3] = {NULL, NULL, NULL};
	char	   *url = NULL,
			   *copy = NULL;

	if (from && to && curl_url_set(from, CURLUPART_URL, base, 0) == CURLUE_OK &&
		curl_url_set(to, CURLUPART_URL, base, 0) == CURLUE_OK && curl_url_set(to, CURLUPART_URL, link, 0) == CURLUE_OK &&
		origin_of(from, &a[0], &a[1], &a[2]) && origin_of(to, &b[0], &b[1], &b[2]) && strcmp(a[0], b[0]) == 0 &&
		strcasecmp(a[1], b[1]) == 0 && strcmp(a[2], b[2]) == 0 && curl_url_set(to, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
		curl_url_get(to, CURLUPART_URL, &url, 0) == CURLUE_OK)
		copy = strdup(url);
	for (int i = 0; i < 3; i++)
	{
		curl_free(a[i]);
		curl_free(b[i]);
	}
	curl_free(url);
	curl_url_cleanup(from);
	curl_url_cleanup(to);
	return copy;
}

/* Takes what stands for the next page; it must not be what stood for this one. */
static CkStatus
turn_to(CkScan *scan, const char *next, bool link)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	char	   *copy = link ? resolve_link(page->url.data, next) : strdup(next);
	const char *current = link ? page->url.data : page->next;

	if (!copy && link)
	{
		ck_fail(scan->session, CK_ERR_PROTOCOL, "the next page of table \"%s\" is said to be at another host", http->name);
		ck_hint(scan->session, "Set base_url to the place where the source itself says that it is.");
		return CK_ERR_PROTOCOL;
	}
	if (!copy)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	if ((current && strcmp(current, copy) == 0) || !http_check_cursor(page, copy))
	{
		free(copy);
		ck_fail(scan->session, CK_ERR_PROTOCOL, "the next page of table \"%s\" is said to be the same again", http->name);
		ck_hint(scan->session, "Check the table's paging: the cursor does not move.");
		return CK_ERR_PROTOCOL;
	}
	free(page->next);
	page->next = copy;
	return CK_OK;
}

/* What the reply has at a path of the table's paging; NULL: nothing, or null. */
static const char *
wanted(const HttpScan *http, JsonPath path)
{
	for (const JsonWanted *w = http->page->wanted; path && w->path; w++)
		if (w->path == path)
			return w->text;
	return NULL;
}

/* Sees that what tells whether there is more says so, or not. */
static CkStatus
check_told(CkScan *scan, const char *told)
{
	if (!told || strcmp(told, "true") == 0 || strcmp(told, "false") == 0)
		return CK_OK;
	ck_fail(scan->session, CK_ERR_PROTOCOL,
			"the reply for table \"%s\" says neither that there are more pages nor that there are none",
			((HttpScan *) scan->state)->name);
	ck_hint(scan->session, "At the paths \"more\" and \"last\" of the table's paging, true or false is expected.");
	return CK_ERR_PROTOCOL;
}

/* The number of all records that a reply tells; -1: it tells none. */
static int64_t
told_total(const char *total)
{
	return total && *total && strlen(total) <= 18 && strspn(total, "0123456789") == strlen(total) ? atoll(total) : -1;
}

CkStatus
http_next_page(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const HttpPaging *p = &http->table->paging;
	const char *next = p->from_record ? (page->cursor.size > 0 ? page->cursor.data : NULL) : wanted(http, p->next);
	const char *last = wanted(http, p->last);
	const char *more = wanted(http, p->more);
	int64_t		total = told_total(wanted(http, p->total));
	bool		by_link = p->type == PAGING_NEXT_LINK || p->type == PAGING_LINK_HEADER;
	CkStatus	status;

	for (const HttpTake *take = http->table->take; take && take->name; take++)
	{
		const char *taken = wanted(http, take->path);

		if (taken && !http_take(http, take->name, taken, strlen(taken)))
			return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	}
	status = check_told(scan, more);
	if (status == CK_OK)
		status = check_told(scan, last);
	if (status != CK_OK)
		return status;
	if (p->type == PAGING_LINK_HEADER)
		next = page->link;
	else if (p->type == PAGING_LIST)
		next = http_next_listed(page);
	if (p->type == PAGING_NONE || (last && strcmp(last, "true") == 0) || (p->more && (!more || strcmp(more, "true") != 0)) ||
		(p->type != PAGING_PAGE && p->type != PAGING_OFFSET && (!next || !*next)) ||
		((p->type == PAGING_PAGE || p->type == PAGING_OFFSET) && page->records == 0) ||
		(total >= 0 && page->seen + page->records >= total) ||
		(p->stop_short && page->records < http_page_size(http)))
		return http_give_back(scan, true) == CK_ERR_CANCELLED ? CK_ERR_CANCELLED : CK_END;
	status = p->type == PAGING_PAGE || p->type == PAGING_OFFSET ? http_check_page(scan) : CK_OK;
	if (status != CK_OK)
		return status;
	if (page->number + 1 >= p->max_pages)
	{
		ck_fail(scan->session, CK_ERR_QUERY, "table \"%s\" has more than max_pages pages", http->name);
		ck_hint(scan->session, "Raise max_pages in the table's paging.");
		return CK_ERR_QUERY;
	}
	page->number++;
	page->seen += page->records;
	page->attempts = 0;
	page->renewed = false;
	if (p->type != PAGING_PAGE && p->type != PAGING_OFFSET)
	{
		status = turn_to(scan, next, by_link);
		if (status != CK_OK)
			return status;
	}
	return http_begin_page(scan);
}
