/*
 * page.c: one page after another: begins requests, judges their replies, and finds where the next page is.
 */
#include "http_source.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Times that a page is asked for where the source says that it is busy. */
#define ATTEMPTS 6
/* Milliseconds before the second, doubled for each further; as long a wait as the source may want. */
#define FIRST_WAIT_MS 250
#define LONGEST_WAIT_MS 600000

/* Waits so long, as all waits are: until a cancel at most. */
static CkStatus
sleep_ms(CkSession *session, int64_t ms)
{
	struct itimerspec when = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 + 1}};
	int			timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	CkStatus	status;

	if (timer < 0)
		return ck_fail(session, CK_ERR_MEMORY, "no file descriptor is free");
	timerfd_settime(timer, 0, &when, NULL);
	status = ck_wait(session, timer, CK_READABLE);
	close(timer);
	return status;
}

/* How long the source wants to be left alone: its Retry-After, else some time that grows. */
static int64_t
wait_wanted(const HttpScan *http, const CkHttpReply *reply)
{
	size_t		size;
	const char *after = ck_http_header(reply, "Retry-After", &size);
	int64_t		ms = (int64_t) FIRST_WAIT_MS << http->page->attempts;
	char		text[64];
	time_t		until;

	if (!after || size >= sizeof(text))
		return ms + rand() % FIRST_WAIT_MS;
	memcpy(text, after, size);
	text[size] = '\0';
	if (text[0] >= '0' && text[0] <= '9')
		return size > 9 ? LONGEST_WAIT_MS + 1 : atoll(text) * 1000;
	until = curl_getdate(text, NULL);
	return until < 0 ? ms : until <= time(NULL) ? 0 : (until - time(NULL)) * 1000;
}

void
http_end_page(HttpPage *page)
{
	ck_http_close(page->stream);
	page->stream = NULL;
	csv_reader_free(page->csv);
	page->csv = NULL;
	json_reader_free(page->reader);
	page->reader = NULL;
	page->record = NULL;
	page->element = 0;
	page->size = 0;
	page->begun = page->whole = false;
	page->records = 0;
	free(page->link);
	page->link = NULL;
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
	memset(page->wanted, 0, sizeof(page->wanted));
	for (int i = 0; i < 3; i++)
	{
		const JsonPath paths[] = {p->next, p->last, p->more};

		if (paths[i])
			page->wanted[n++].path = paths[i];
	}
	page->reader = json_reader_new(http->table->records, http->table->format == REPLY_JSON_LINES,
								   (size_t) http->options->max_record_size, page->wanted);
	if (page->reader && http->members)
		json_reader_want(page->reader, http->members, http->text);
	if (page->reader && http->table->format == REPLY_CSV)
		page->csv = csv_reader_new(page->reader, http->table->delimiter, (size_t) http->options->max_record_size);
	if (!page->reader || (http->table->format == REPLY_CSV && !page->csv))
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	status = http_make_request(scan);
	if (status == CK_OK)
		status = ck_http_begin(scan->session, session->http, &page->request, &page->stream);
	scan->round_trips++;
	page->attempts++;
	return status;
}

CkStatus
http_first_page(CkScan *scan)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;

	page->number = page->seen = 0;
	free(page->next);
	page->next = NULL;
	page->attempts = 0;
	page->renewed = false;
	return http_begin_page(scan);
}

/* The URL of rel="next" in the header Link, as RFC 8288 has it; NULL: there is none. */
static char *
find_link(const CkHttpReply *reply)
{
	size_t		size;
	const char *header = ck_http_header(reply, "Link", &size);
	const char *end = header + (header ? size : 0);

	while (header && header < end)
	{
		const char *open = memchr(header, '<', (size_t) (end - header));
		const char *close = open ? memchr(open, '>', (size_t) (end - open)) : NULL;
		const char *next = close ? memchr(close, '<', (size_t) (end - close)) : NULL;
		char		rest[512];

		if (!close)
			return NULL;
		snprintf(rest, sizeof(rest), "%.*s", (int) ((next ? next : end) - close), close);
		if (strcasestr(rest, "rel=\"next\"") || strcasestr(rest, "rel=next"))
			return strndup(open + 1, (size_t) (close - open - 1));
		header = next;
	}
	return NULL;
}

/* Waits for the reply's headers, and asks again where the source is busy. CK_END: it stands for no rows. */
static CkStatus
judge_reply(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const CkHttpReply *reply;
	CkStatus	status;

	for (;;)
	{
		status = ck_http_reply(page->stream, &reply);
		if (status != CK_OK)
			return status;
		if (reply->status == 401 && http_renew_auth(scan))
		{
			status = http_begin_page(scan);
			if (status != CK_OK)
				return status;
			continue;
		}
		for (const int *s = http->table->empty_status; *s; s++)
			if (*s == reply->status)
				return CK_END;
		if ((reply->status != 429 && reply->status != 503) || page->attempts >= ATTEMPTS ||
			wait_wanted(http, reply) > LONGEST_WAIT_MS)
			break;
		status = sleep_ms(scan->session, wait_wanted(http, reply));
		if (status == CK_OK)
			status = http_begin_page(scan);
		if (status != CK_OK)
			return status;
	}
	page->attempts = 0;
	page->renewed = false;
	page->begun = true;
	if (reply->status < 200 || reply->status > 299)
		return ck_http_fail(scan->session, reply);
	page->link = find_link(reply);
	if (reply->status == 204)
		return CK_END;
	return CK_OK;
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
			page->csv ? csv_reader_error(page->csv) : json_reader_error(page->reader));
	ck_hint(scan->session, "Check the table's path and where its records lie in the reply.");
	return CK_ERR_PROTOCOL;
}

CkStatus
http_next_record(CkScan *scan)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	CkStatus	status;

	if (!page->begun)
	{
		status = judge_reply(scan);
		if (status == CK_END)
			page->begun = page->whole = true;
		else if (status != CK_OK)
			return status;
	}
	for (;;)
	{
		size_t		slice;

		page->record = json_reader_next(page->reader);
		if (page->record)
		{
			page->records++;
			return CK_OK;
		}
		if (page->whole)
			return CK_END;
		if (page->size == 0)
		{
			status = ck_http_read(page->stream, &page->data, &page->size);
			scan->bytes += status == CK_OK ? page->size : 0;
			page->whole = status == CK_END;
			if (status == CK_END && !(page->csv ? csv_reader_end(page->csv) : json_reader_end(page->reader)))
				return fail_reply(scan);
			if (status != CK_OK && status != CK_END)
				return status;
			continue;
		}
		slice = page->size < HTTP_SLICE ? page->size : HTTP_SLICE;
		if (!(page->csv ? csv_reader_feed(page->csv, page->data, slice) :
			  json_reader_feed(page->reader, page->data, slice)))
			return fail_reply(scan);
		page->data += slice;
		page->size -= slice;
	}
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
	if ((current && strcmp(current, copy) == 0) || (page->next && strcmp(page->next, copy) == 0))
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

CkStatus
http_next_page(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const HttpPaging *p = &http->table->paging;
	const char *next = wanted(http, p->next);
	const char *last = wanted(http, p->last);
	const char *more = wanted(http, p->more);
	bool		by_link = p->type == PAGING_NEXT_LINK || p->type == PAGING_LINK_HEADER;
	CkStatus	status;

	if (p->type == PAGING_LINK_HEADER)
		next = page->link;
	if (p->type == PAGING_NONE || (last && strcmp(last, "true") == 0) || (p->more && (!more || strcmp(more, "true") != 0)) ||
		(p->type != PAGING_PAGE && p->type != PAGING_OFFSET && (!next || !*next)) ||
		((p->type == PAGING_PAGE || p->type == PAGING_OFFSET) && page->records == 0) ||
		(p->stop_short && page->records < p->size))
		return CK_END;
	if (page->number + 1 >= p->max_pages)
	{
		ck_fail(scan->session, CK_ERR_QUERY, "table \"%s\" has more than max_pages pages", http->name);
		ck_hint(scan->session, "Raise max_pages in the table's paging.");
		return CK_ERR_QUERY;
	}
	page->number++;
	page->seen += page->records;
	if (p->type != PAGING_PAGE && p->type != PAGING_OFFSET)
	{
		status = turn_to(scan, next, by_link);
		if (status != CK_OK)
			return status;
	}
	return http_begin_page(scan);
}
