/*
 * step.c: requests before the first page, whose replies have values that later ones need; and the one that gives back what these
 * opened.
 */
#include "http_source.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Milliseconds that giving back may take. */
#define GIVE_BACK_MS 3000

/* Waits so long, as all waits are: until a cancel at most. */
static CkStatus
rest(CkSession *session, int64_t ms)
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

/* The place of a value's name among those that the table takes. */
static size_t
taken_place(const HttpTable *table, const char *name, size_t size)
{
	size_t		i = 0;

	while (table->taken && table->taken[i] && (strlen(table->taken[i]) != size || memcmp(table->taken[i], name, size) != 0))
		i++;
	return i;
}

const char *
http_taken(const HttpScan *http, const char *name, size_t size)
{
	size_t		place = taken_place(http->table, name, size);

	return http->table->taken && http->table->taken[place] ? http->page->taken[place] : NULL;
}

bool
http_take(HttpScan *http, const char *name, const char *value, size_t size)
{
	char	  **place = &http->page->taken[taken_place(http->table, name, strlen(name))];

	free(*place);
	*place = strndup(value, size);
	return *place != NULL;
}

/* A scan of one request beside those for pages, with the values that the page at hand has. */
typedef struct Side
{
	HttpScan	http;
	HttpPage	page;
	CkScan		scan;
} Side;

static CkStatus
side_new(CkScan *scan, const HttpStep *step, int number, Side **result)
{
	HttpScan   *http = scan->state;
	Side	   *side = calloc(1, sizeof(*side));

	*result = side;
	if (!side)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	side->http = *http;
	side->http.table = step->request;
	side->http.step = number;
	side->http.members = NULL;
	side->http.page = &side->page;
	memcpy(side->page.values, http->page->values, sizeof(side->page.values));
	memcpy(side->page.taken, http->page->taken, sizeof(side->page.taken));
	side->scan = *scan;
	side->scan.state = &side->http;
	return CK_OK;
}

static void
side_free(Side *side)
{
	if (!side)
		return;
	http_end_page(&side->page);
	http_request_free(&side->page);
	free(side);
}

/* The text at a path of the reply; NULL: there is none. */
static const char *
reply_text(const Side *side, JsonPath path, size_t *size)
{
	const JsonRecord *record = side->page.record;
	uint32_t	number = record ? json_find(record, 1, path) : 0;
	const JsonNode *node = number ? &record->nodes[number] : NULL;

	if (!node || node->kind == JSON_KIND_NULL || node->kind == JSON_KIND_OBJECT || node->kind == JSON_KIND_LIST)
		return NULL;
	*size = node->text_size;
	return record->bytes + node->text;
}

static bool
is_one_of(const char *const *words, const char *text, size_t size)
{
	for (; words && *words; words++)
		if (strlen(*words) == size && memcmp(*words, text, size) == 0)
			return true;
	return false;
}

/* Sends the request and has its reply. */
static CkStatus
side_ask(CkScan *scan, Side *side)
{
	CkStatus	status = http_begin_page(&side->scan);

	if (status == CK_OK)
		status = http_next_record(&side->scan);
	scan->bytes = side->scan.bytes;
	scan->round_trips = side->scan.round_trips;
	return status == CK_END ? CK_OK : status;
}

/* Tells that what the source was asked to do has failed, as it says so. */
static CkStatus
fail_until(CkScan *scan, Side *side, const HttpStep *step, const char *text, size_t size)
{
	char		words[300] = "";
	size_t		length;
	const char *message = step->message ? reply_text(side, step->message, &length) : NULL;

	if (message)
		http_write_words(&side->scan, message, length, words, sizeof(words));
	return ck_fail(scan->session, CK_ERR_QUERY, "what the source was asked to do for table \"%s\" has ended with \"%.*s\"%s%s",
				   ((HttpScan *) scan->state)->name, (int) size, text, words[0] ? ": " : "", words);
}

/* Asks until what the step waits for is there. */
static CkStatus
side_wait(CkScan *scan, Side *side, const HttpStep *step)
{
	CkSession  *session = scan->session;
	int64_t		until_ms = session->deadline_ms ? session->deadline_ms :
		session->query_timeout_ms ? ck_now_ms(session) + session->query_timeout_ms : INT64_MAX;
	CkStatus	status;

	while ((status = side_ask(scan, side)) == CK_OK && step->until)
	{
		size_t		size;
		const char *text = reply_text(side, step->until, &size);

		if (text && is_one_of(step->done, text, size))
			return CK_OK;
		if (text && is_one_of(step->failed, text, size))
			return fail_until(scan, side, step, text, size);
		if (ck_now_ms(session) + step->every_ms > until_ms)
		{
			ck_fail(session, CK_ERR_TIMEOUT, "the source has not done within %lld seconds what table \"%s\" needs",
					(long long) session->query_timeout_ms / 1000, ((HttpScan *) scan->state)->name);
			ck_hint(session, "Raise the option query_timeout of the server or the foreign table.");
			return CK_ERR_TIMEOUT;
		}
		status = rest(session, step->every_ms);
		if (status != CK_OK)
			return status;
	}
	return status;
}

/* Of a text "name=value;name=value" the value of that name; NULL: it has none. */
static const char *
part_of(const char *text, size_t *size, const char *name)
{
	const char *end = text + *size;
	size_t		length = strlen(name);

	while (text < end)
	{
		const char *stop = memchr(text, ';', (size_t) (end - text));

		stop = stop ? stop : end;
		if ((size_t) (stop - text) > length && memcmp(text, name, length) == 0 && text[length] == '=')
		{
			*size = (size_t) (stop - text) - length - 1;
			return text + length + 1;
		}
		text = stop + (stop < end);
	}
	return NULL;
}

/* Takes the values out of the reply. */
static CkStatus
side_take(CkScan *scan, Side *side, const HttpStep *step)
{
	for (const HttpTake *take = step->take; take->name; take++)
	{
		size_t		size = 0;
		const char *text = reply_text(side, take->path, &size);

		if (text && take->part)
			text = part_of(text, &size, take->part);
		if (!text && take->initial)
		{
			text = take->initial;
			size = strlen(text);
		}
		if (!text)
		{
			ck_fail(scan->session, CK_ERR_PROTOCOL, "a reply for table \"%s\" lacks the value \"%s\"",
					((HttpScan *) scan->state)->name, take->name);
			ck_hint(scan->session, "Check where the manifest takes it from.");
			return CK_ERR_PROTOCOL;
		}
		if (!http_take(scan->state, take->name, text, size))
			return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	}
	return CK_OK;
}

CkStatus
http_ask_before(CkScan *scan)
{
	HttpScan   *http = scan->state;
	CkStatus	status = CK_OK;

	if (http->page->owes && http_give_back(scan, true) == CK_ERR_CANCELLED)
		return CK_ERR_CANCELLED;
	for (size_t i = 0; i < http->table->nbefore && status == CK_OK; i++)
	{
		const HttpStep *step = &http->table->before[i];
		Side	   *side;

		status = side_new(scan, step, (int) i + 1, &side);
		if (status == CK_OK && http->table->paging.type == PAGING_LIST && i + 1 == http->table->nbefore)
			status = http_keep_list(scan, &side->scan, http->page);
		else if (status == CK_OK)
			status = side_wait(scan, side, step);
		if (status == CK_OK)
			status = side_take(scan, side, step);
		side_free(side);
		/* from here on there is something to give back */
		http->page->owes |= status == CK_OK;
	}
	return status;
}

CkStatus
http_give_back(CkScan *scan, bool wait)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const HttpStep *step = http->table ? http->table->after : NULL;
	int64_t		deadline_ms = scan->session->deadline_ms;
	CkStatus	status = CK_OK;
	Side	   *side;

	if (step && page->owes && side_new(scan, step, -1, &side) == CK_OK)
	{
		const CkHttpReply *reply;

		if (!deadline_ms)
			scan->session->deadline_ms = ck_now_ms(scan->session) + GIVE_BACK_MS;
		side->http.early = !wait;
		/* what comes back of it is of no use, and what the source did not get back it forgets by itself */
		status = http_begin_page(&side->scan);
		if (status == CK_OK && wait)
			status = ck_http_reply(side->page.stream, &reply);
		scan->session->deadline_ms = deadline_ms;
		scan->round_trips++;
		side_free(side);
	}
	page->owes = false;
	for (size_t i = 0; i < HTTP_TAKEN; i++)
	{
		free(page->taken[i]);
		page->taken[i] = NULL;
	}
	return status;
}
