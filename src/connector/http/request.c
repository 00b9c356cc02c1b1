/*
 * request.c: the request for a page: its URL, headers and body, out of texts with values.
 */
#include "http_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static void
write_piece(HttpText *text, const char *data, size_t size, HttpWriting writing)
{
	if (writing == IN_URL)
		text_encoded(text, data, size);
	else
		text_append(text, data, size);
}

CkStatus
http_check_text(CkSession *session, const HttpText *text)
{
	return text->failed ? ck_fail(session, CK_ERR_MEMORY, "out of memory") : CK_OK;
}

/* Writes values of a condition. */
static CkStatus
write_values(CkSession *session, HttpText *text, const HttpCondition *condition, HttpValues values, HttpWriting writing)
{
	bool		up = condition->op == FILTER_LESS || condition->op == FILTER_LESS_EQUAL;
	CkStatus	status = CK_OK;

	for (uint32_t i = 0; i < values.nargs && status == CK_OK; i++)
	{
		HttpText	value = {0};

		if (i > 0)
			write_piece(text, condition->filter->join, strlen(condition->filter->join), writing);
		if (!http_write_value(&value, &values.args[i], condition->filter, up) ||
			(condition->filter->param && condition->filter->join && http_has_join(condition->filter, &values.args[i])))
			status = ck_fail(session, CK_ERR_DATA, "a value of \"%s\" cannot stand in a request", http_column_of(condition));
		else if (value.data)
			write_piece(text, value.data, value.size, writing);
		text->failed |= value.failed;
		text_free(&value);
	}
	return status;
}

/* Refuses a value, from begin on, that would lead to another path. */
static CkStatus
check_in_path(CkScan *scan, const HttpText *text, size_t begin, const char *name, size_t size)
{
	if (text->data && text->size > begin && strcmp(text->data + begin, ".") != 0 && strcmp(text->data + begin, "..") != 0)
		return CK_OK;
	return ck_fail(scan->session, CK_ERR_DATA, "a value of \"%.*s\" cannot stand in a path", (int) size, name);
}

/* The value that a column has in the change at hand. */
static CkStatus
write_changed(CkScan *scan, HttpText *text, const char *name, size_t size)
{
	HttpText	value = {0};
	size_t		begin = text->size;
	bool		good = http_changed_value(scan, &value, name, size);

	if (good && value.data)
		text_encoded(text, value.data, value.size);
	text->failed |= value.failed;
	text_free(&value);
	if (good || text->failed)
		return text->failed ? CK_OK : check_in_path(scan, text, begin, name, size);
	ck_fail(scan->session, CK_ERR_DATA, "the change lacks a value of \"%.*s\" that can stand in a path", (int) size, name);
	ck_hint(scan->session, "Give the column a value.");
	return CK_ERR_DATA;
}

/* The value of a column that stands in the path. */
static CkStatus
write_in_path(CkScan *scan, HttpText *text, const char *name, size_t size)
{
	HttpScan   *http = scan->state;
	size_t		begin = text->size;

	if (http->change)
		return write_changed(scan, text, name, size);
	for (uint32_t i = 0; i < http->nconditions; i++)
	{
		const HttpCondition *c = &http->conditions[i];
		CkStatus	status;

		if (!http_in_path(c->filter) || strlen(http_column_of(c)) != size || memcmp(http_column_of(c), name, size) != 0)
			continue;
		status = write_values(scan->session, text, c, http->page->values[i], IN_URL);
		return status == CK_OK && !text->failed ? check_in_path(scan, text, begin, name, size) : status;
	}
	return ck_fail(scan->session, CK_ERR_INTERNAL, "the request lacks a value of \"%.*s\"", (int) size, name);
}

const char *
http_chosen(const CkScan *scan, const CkOption *option)
{
	/* the user's are the session's own */
	const void *options = option->where & CK_ON_USER ? scan->session->options : scan->options;
	const char *chosen = *(const char *const *) ((const char *) options + option->offset);

	return chosen ? chosen : "";
}

/* The name of a table that the source lists, which leads to no other path. */
static CkStatus
write_table(CkScan *scan, HttpText *text, HttpWriting writing)
{
	const char *name = ((HttpScan *) scan->state)->name;

	if (writing == IN_URL && (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0))
		return ck_fail(scan->session, CK_ERR_OPTION, "the table's name cannot stand in a path");
	write_piece(text, name, strlen(name), writing);
	return CK_OK;
}

CkStatus
http_write_text(CkScan *scan, HttpText *text, const char *format, HttpWriting writing, HttpWriting plain)
{
	HttpScan   *http = scan->state;
	const char *name;
	size_t		size;
	CkStatus	status = CK_OK;

	while (status == CK_OK && *format)
	{
		const char *value = http_next_value(format, &name, &size);
		const char *end = value ? value : format + strlen(format);
		const CkOption *option;
		const char *taken;

		write_piece(text, format, (size_t) (end - format), plain);
		if (!value)
			break;
		option = http_option(http->manifest->pub.options, name, size);
		if ((taken = http_taken(http, name, size)) != NULL)
			write_piece(text, taken, strlen(taken), writing);
		else if (http->table->listed && size == 7 && memcmp(name, "columns", 7) == 0)
			status = http_write_columns(scan, text);
		else if (http->table->listed && size == 5 && memcmp(name, "table", 5) == 0)
			status = write_table(scan, text, writing);
		else if (option)
			write_piece(text, http_chosen(scan, option), strlen(http_chosen(scan, option)), writing);
		else
			status = write_in_path(scan, text, name, size);
		format = name + size + 1;
	}
	return status == CK_OK ? http_check_text(scan->session, text) : status;
}

void
http_begin_param(HttpText *url, const char *name)
{
	text_append(url, url->data && strchr(url->data, '?') ? "&" : "?", 1);
	text_encoded(url, name, strlen(name));
	text_append(url, "=", 1);
}

static void
number_param(HttpText *url, const char *name, int64_t number)
{
	char		digits[32];

	snprintf(digits, sizeof(digits), "%lld", (long long) number);
	http_begin_param(url, name);
	text_string(url, digits);
}

/* The parameters that conditions become. */
static CkStatus
write_conditions(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	CkStatus	status = CK_OK;

	for (uint32_t i = 0; i < http->nconditions && status == CK_OK; i++)
	{
		const HttpCondition *c = &http->conditions[i];
		HttpValues	values = page->values[i];

		if (!c->filter->param || values.nargs == 0 || c->filter->step != http->step)
			continue;
		if (c->filter->join)
		{
			http_begin_param(&page->url, c->filter->param);
			status = write_values(scan->session, &page->url, c, values, IN_URL);
			continue;
		}
		values.nargs = 1;
		for (uint32_t j = 0; j < page->values[i].nargs && status == CK_OK; j++, values.args++)
		{
			http_begin_param(&page->url, c->filter->param);
			status = write_values(scan->session, &page->url, c, values, IN_URL);
		}
	}
	return status;
}

/* The text of the table's query language. */
static CkStatus
write_clauses(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpText   *url = &http->page->url;
	HttpText	text = {0};
	CkStatus	status;

	if (!http->table->clauses.param)
		return CK_OK;
	status = http_write_clauses(scan, &text);
	if (status == CK_OK && text.size > 0)
	{
		http_begin_param(url, http->table->clauses.param);
		text_encoded(url, text.data, text.size);
	}
	text_free(&text);
	return status;
}

int64_t
http_page_size(const HttpScan *http)
{
	int64_t		size = http->table->paging.size;

	return http->table->paging.size_param && http->wanted < size ? http->wanted : size;
}

/* The parameters that say which page is wanted. */
static void
write_page(HttpScan *http)
{
	HttpPage   *page = http->page;
	const HttpPaging *p = &http->table->paging;

	if (p->in_body)
		return;
	if (p->size_param)
		number_param(&page->url, p->size_param, http_page_size(http));
	if (p->limit_param && http->wanted < INT64_MAX)
		number_param(&page->url, p->limit_param, http->wanted);
	if (p->type == PAGING_PAGE)
		number_param(&page->url, p->param, p->start + page->number);
	else if (p->type == PAGING_OFFSET)
		number_param(&page->url, p->param, p->start + page->seen);
	else if (p->type == PAGING_CURSOR && page->next)
	{
		http_begin_param(&page->url, p->param);
		text_encoded(&page->url, page->next, strlen(page->next));
	}
}

/* A new header, which ends behind its name; NULL, told: there are too many. */
static HttpText *
begin_header(CkScan *scan, const char *name, uint32_t *count)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	HttpText   *header = &page->headers[*count];

	if (*count == sizeof(page->headers) / sizeof(page->headers[0]))
	{
		ck_fail(scan->session, CK_ERR_OPTION, "the request has too many headers");
		return NULL;
	}
	text_string(header, name);
	text_string(header, ": ");
	(*count)++;
	return header;
}

CkStatus
http_write_header(CkScan *scan, const char *name, const char *value, uint32_t *count)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	HttpText   *header = begin_header(scan, name, count);

	if (!header)
		return CK_ERR_OPTION;
	text_string(header, value);
	page->header_list[*count - 1] = header->data;
	return http_check_text(scan->session, header);
}

/* Whether a text has a value that the user mapping gives. */
static bool
is_of_user(const HttpScan *http, const char *format)
{
	const char *name;
	size_t		size;

	while ((format = http_next_value(format, &name, &size)) != NULL)
	{
		const CkOption *option = http_option(http->manifest->pub.options, name, size);

		if (option && (option->where & CK_ON_USER))
			return true;
		format = name + size;
	}
	return false;
}

/* Writes a header with a value of the user. */
static CkStatus
write_own_header(CkScan *scan, const HttpPair *pair)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	size_t		n = 0;

	while (n < sizeof(page->own) / sizeof(page->own[0]) && page->own[n].size > 0)
		n++;
	if (n == sizeof(page->own) / sizeof(page->own[0]))
		return ck_fail(scan->session, CK_ERR_OPTION, "the request has too many headers");
	text_string(&page->own[n], pair->name);
	text_string(&page->own[n], ": ");
	return http_write_text(scan, &page->own[n], pair->text, AS_IT_IS, AS_IT_IS);
}

void
http_add_own_headers(HttpPage *page)
{
	size_t		n = 0;

	while (page->secret_list[n])
		n++;
	for (size_t i = 0; i < sizeof(page->own) / sizeof(page->own[0]) && page->own[i].size > 0; i++)
		page->secret_list[n++] = page->own[i].data;
}

CkStatus
http_write_headers(CkScan *scan, const HttpPair *pairs, uint32_t *count)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	CkStatus	status = CK_OK;

	for (; pairs && pairs->name && status == CK_OK; pairs++)
	{
		HttpText   *header;

		/* a request that is signed is not led to another host */
		if (is_of_user(scan->state, pairs->text) && http_redirects(scan->state) > 0)
		{
			status = write_own_header(scan, pairs);
			continue;
		}
		header = begin_header(scan, pairs->name, count);
		if (!header)
			return CK_ERR_OPTION;
		status = http_write_text(scan, header, pairs->text, AS_IT_IS, AS_IT_IS);
		page->header_list[*count - 1] = header->data;
	}
	return status;
}

/* True where a condition, or an order, says what a parameter is. */
static bool
param_is_asked(const HttpScan *http, const char *name)
{
	for (uint32_t i = 0; i < http->nconditions; i++)
		if (http->conditions[i].filter->param && http->conditions[i].filter->step == http->step &&
			strcmp(http->conditions[i].filter->param, name) == 0)
			return true;
	return http_order_has_param(http, name) ||
		(http->table->clauses.param && strcmp(http->table->clauses.param, name) == 0);
}

/* The address that a table, or its page, has in place of a path. The source's, which stands there, says whether TLS is a must. */
static CkStatus
write_whole_url(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpText   *url = &http->page->url;
	bool		tls = url->size > 6 && strncasecmp(url->data, "https:", 6) == 0;
	CkStatus	status;

	text_free(url);
	status = http->table->url ? http_write_text(scan, url, http->table->url, AS_IT_IS, AS_IT_IS) : http_write_place(scan);
	if (status == CK_OK && tls && (url->size <= 6 || strncasecmp(url->data, "https:", 6) != 0))
		return ck_fail(scan->session, CK_ERR_PROTOCOL, "the source says that rows of table \"%s\" are at a place without TLS",
					   http->name);
	return status;
}

CkStatus
http_write_base(CkScan *scan, const char *path)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const char *base = http->manifest->ad_hoc ? "{base_url}" : http->manifest->base_url;
	CkStatus	status = http_write_text(scan, &page->url, base, AS_IT_IS, AS_IT_IS);

	if (status != CK_OK)
		return status;
	while (page->url.size > 0 && page->url.data[page->url.size - 1] == '/')
		page->url.data[--page->url.size] = '\0';
	if (path[0] && path[0] != '/')
		text_append(&page->url, "/", 1);
	return http_write_text(scan, &page->url, path, IN_URL, AS_IT_IS);
}

/* The URL of a first page, or of one that has no URL of its own. */
static CkStatus
write_url(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	CkStatus	status = http_write_base(scan, http->table->path);

	if (status == CK_OK && http_is_elsewhere(http->table))
		return write_whole_url(scan);
	for (const HttpPair *p = http->table->params; p && p->name && status == CK_OK; p++)
	{
		if (param_is_asked(http, p->name))
			continue;
		http_begin_param(&page->url, p->name);
		status = http_write_text(scan, &page->url, p->text, IN_URL, IN_URL);
	}
	if (status == CK_OK)
		status = write_conditions(scan);
	if (status == CK_OK)
		status = write_clauses(scan);
	http_write_order(http);
	write_page(http);
	return status;
}

int
http_redirects(const HttpScan *http)
{
	/* a signature is for one URL */
	return http_page_auth(http).type == AUTH_AWS_SIGV4 ? 0 : 5;
}

CkStatus
http_make_request(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const HttpPaging *p = &http->table->paging;
	uint32_t	count = 0;
	CkStatus	status = CK_OK;

	http_request_free(page);
	page->method = http->table->method;
	if (page->next && (p->type == PAGING_NEXT_LINK || p->type == PAGING_LINK_HEADER))
		text_string(&page->url, page->next);
	else
		status = write_url(scan);
	if (status == CK_OK && !http_is_elsewhere(http->table))
		status = http_write_headers(scan, http->server_headers, &count);
	if (status == CK_OK)
		status = http_write_headers(scan, http->table->headers, &count);
	if (status == CK_OK && http->table->body)
	{
		status = http_make_body(scan);
		if (status == CK_OK)
			status = http_write_header(scan, "Content-Type", "application/json", &count);
	}
	if (status == CK_OK)
		status = http_check_text(scan->session, &page->url);
	if (status == CK_OK)
		status = http_write_auth(scan);
	http_add_own_headers(page);
	if (status == CK_OK)
		status = http_check_text(scan->session, &page->url);
	page->request = (CkHttpRequest) {
		.method = page->method, .url = page->url.data, .headers = page->header_list,
		.secret_headers = page->secret_list, .body = page->body.data, .body_size = page->body.size,
		.limit = (size_t) http->options->max_reply_size, .redirects = http_redirects(http)
	};
	return status;
}

void
http_request_free(HttpPage *page)
{
	text_free(&page->url);
	text_free(&page->body);
	for (size_t i = 0; i < sizeof(page->headers) / sizeof(page->headers[0]); i++)
		text_free(&page->headers[i]);
	for (size_t i = 0; i < sizeof(page->secrets) / sizeof(page->secrets[0]); i++)
		text_free(&page->secrets[i]);
	for (size_t i = 0; i < sizeof(page->own) / sizeof(page->own[0]); i++)
		text_free(&page->own[i]);
	memset(page->header_list, 0, sizeof(page->header_list));
	memset(page->secret_list, 0, sizeof(page->secret_list));
}
