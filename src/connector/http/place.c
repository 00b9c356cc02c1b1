/*
 * place.c: pages that the source lists: where each is, and what is told there.
 */
#include "http_source.h"

#include <stdlib.h>
#include <strings.h>

/* The scheme of an address, and (NULL: it has none) what follows "://". */
static const char *
after_scheme(const char *address, size_t *size)
{
	const char *end = strstr(address, "://");

	*size = end ? (size_t) (end - address) : 0;
	return end && end > address ? end + 3 : NULL;
}

static bool
is_http(const char *address, size_t size)
{
	return (size == 4 && strncasecmp(address, "http", 4) == 0) || (size == 5 && strncasecmp(address, "https", 5) == 0);
}

/* How an address is asked for; NULL: as it stands, or not at all. One of http that has parameters is signed already. */
static const HttpSite *
place_of(const HttpTable *table, const char *address)
{
	size_t		size;

	if (!after_scheme(address, &size) || (is_http(address, size) && strchr(address, '?')))
		return NULL;
	for (const HttpSite *place = table->paging.places; place && place->scheme; place++)
		if (strlen(place->scheme) == size && strncasecmp(place->scheme, address, size) == 0)
			return place;
	return NULL;
}

bool
http_is_elsewhere(const HttpTable *table)
{
	return table->url || table->paging.type == PAGING_LIST;
}

HttpAuthRule
http_page_auth(const HttpScan *http)
{
	const HttpTable *table = http->table;
	const HttpSite *place;

	/* changes are made at the source itself */
	if (http->change || !http_is_elsewhere(table))
		return http_auth_rule(http->manifest, http->options);
	place = table->paging.type == PAGING_LIST && http->page->next ? place_of(table, http->page->next) : NULL;
	return place ? place->auth : (HttpAuthRule) {.type = AUTH_NONE};
}

/* Adds an address to the list, in which each stands once: a page that is read twice would double its rows. */
static CkStatus
add_address(CkScan *scan, HttpText *list, const char *text, size_t size)
{
	HttpScan   *http = scan->state;

	for (const char *known = list->data; known && known < list->data + list->size; known += strlen(known) + 1)
		if (strlen(known) == size && memcmp(known, text, size) == 0)
			return ck_fail(scan->session, CK_ERR_PROTOCOL, "the source lists a page of table \"%s\" twice", http->name);
	text_append(list, text, size);
	text_append(list, "", 1);
	if (list->size > (size_t) http->options->max_record_size)
	{
		ck_fail(scan->session, CK_ERR_PROTOCOL, "the list of pages of table \"%s\" is larger than max_record_size allows",
				http->name);
		ck_hint(scan->session, "Raise the option max_record_size of the server.");
		return CK_ERR_PROTOCOL;
	}
	return http_check_text(scan->session, list);
}

CkStatus
http_keep_list(CkScan *scan, CkScan *side, HttpPage *page)
{
	HttpScan   *http = scan->state;
	HttpPage   *reply = ((HttpScan *) side->state)->page;
	CkStatus	status = http_begin_page(side);

	text_free(&page->list);
	page->listed = 0;
	while (status == CK_OK && (status = http_next_record(side)) == CK_OK)
	{
		const JsonRecord *record = reply->record;
		uint32_t	number = json_find(record, 1, http->table->paging.next);
		const JsonNode *node = &record->nodes[number];

		if (!number || node->kind != JSON_KIND_STRING || node->text_size == 0 ||
			memchr(record->bytes + node->text, '\0', node->text_size))
			status = ck_fail(scan->session, CK_ERR_PROTOCOL, "the list of pages of table \"%s\" lacks an address", http->name);
		else
			status = add_address(scan, &page->list, record->bytes + node->text, node->text_size);
		if (status != CK_OK)
			break;
	}
	scan->bytes = side->bytes;
	scan->round_trips = side->round_trips;
	return status == CK_END ? CK_OK : status;
}

const char *
http_next_listed(HttpPage *page)
{
	const char *next = page->listed < page->list.size ? page->list.data + page->listed : NULL;

	if (next)
		page->listed += strlen(next) + 1;
	return next;
}

/* Takes the parts of an address for the texts of its place; in one that is no URL the second is a key, not encoded yet. */
static CkStatus
take_address(CkScan *scan, const char *address)
{
	HttpScan   *http = scan->state;
	HttpText	rest = {0};
	size_t		scheme,
				size;
	const char *place = after_scheme(address, &scheme);
	const char *from;
	bool		good;

	size = strcspn(place, "/");
	if (size == 0 || place[size] != '/' ||
		strspn(place, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != size)
		return ck_fail(scan->session, CK_ERR_PROTOCOL, "the source lists a page of table \"%s\" at an address that is none",
					   http->name);
	text_string(&rest, "");
	for (from = place + size + 1; *from; from++)
	{
		if (*from == '/' || is_http(address, scheme))
			text_append(&rest, from, 1);
		else
			text_encoded(&rest, from, 1);
	}
	good = !rest.failed && http_take(http, "place", place, size) && http_take(http, "rest", rest.data, rest.size);
	text_free(&rest);
	return good ? CK_OK : ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
}

CkStatus
http_write_place(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpText   *url = &http->page->url;
	const char *address = http->page->next ? http->page->next : "";
	const HttpSite *place = place_of(http->table, address);
	size_t		size;
	CkStatus	status = CK_OK;

	if (place)
	{
		status = take_address(scan, address);
		if (status == CK_OK)
			status = http_write_text(scan, url, place->url, AS_IT_IS, AS_IT_IS);
		return status;
	}
	(void) after_scheme(address, &size);
	if (is_http(address, size))
	{
		text_string(url, address);
		return http_check_text(scan->session, url);
	}
	ck_fail(scan->session, CK_ERR_PROTOCOL,
			"the source lists a page of table \"%s\" at a kind of place that its manifest does not know", http->name);
	ck_hint(scan->session, "The manifest's paging.places says which kinds there are.");
	return CK_ERR_PROTOCOL;
}
