/*
 * request.c: the request for a page: its URL, headers and body, out of texts with values.
 */
#include "http_source.h"

#include <stdio.h>
#include <stdlib.h>

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

/* Writes a condition's value, or all of them. */
static CkStatus
write_values(CkSession *session, HttpText *text, const HttpCondition *condition, HttpWriting writing)
{
	bool		up = condition->op == FILTER_LESS || condition->op == FILTER_LESS_EQUAL;
	CkStatus	status = CK_OK;

	for (uint32_t i = 0; i < condition->nargs && status == CK_OK; i++)
	{
		HttpText	value = {0};

		if (i > 0)
			write_piece(text, condition->filter->join, strlen(condition->filter->join), writing);
		if (!http_write_value(&value, &condition->args[i], condition->filter->format, up))
			status = ck_fail(session, CK_ERR_DATA, "a value of \"%s\" cannot stand in a request", condition->filter->column);
		else if (value.data)
			write_piece(text, value.data, value.size, writing);
		text->failed |= value.failed;
		text_free(&value);
	}
	return status;
}

/* The value of a column that stands in the path. One that would lead to another path is refused. */
static CkStatus
write_in_path(CkScan *scan, HttpText *text, const char *name, size_t size)
{
	HttpScan   *http = scan->state;
	size_t		begin = text->size;

	for (uint32_t i = 0; i < http->nconditions; i++)
	{
		const HttpCondition *c = &http->conditions[i];
		CkStatus	status;

		if (!http_in_path(c->filter) || strlen(c->filter->column) != size || memcmp(c->filter->column, name, size) != 0)
			continue;
		status = write_values(scan->session, text, c, IN_URL);
		if (status == CK_OK && text->data &&
			(text->size == begin || strcmp(text->data + begin, ".") == 0 || strcmp(text->data + begin, "..") == 0))
			status = ck_fail(scan->session, CK_ERR_DATA, "a value of \"%s\" cannot stand in a path", c->filter->column);
		return status;
	}
	return ck_fail(scan->session, CK_ERR_INTERNAL, "the request lacks a value of \"%.*s\"", (int) size, name);
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

		write_piece(text, format, (size_t) (end - format), plain);
		if (!value)
			break;
		option = http_option(http->manifest->pub.options, name, size);
		if (option)
		{
			/* the user's are the session's own */
			const void *options = option->where & CK_ON_USER ? scan->session->options : scan->options;
			const char *chosen = *(const char *const *) ((const char *) options + option->offset);

			if (chosen)
				write_piece(text, chosen, strlen(chosen), writing);
		}
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
	CkStatus	status = CK_OK;

	for (uint32_t i = 0; i < http->nconditions && status == CK_OK; i++)
	{
		HttpCondition c = http->conditions[i];
		uint32_t	nargs = c.nargs;

		if (!c.filter->param)
			continue;
		if (c.filter->join)
		{
			http_begin_param(&http->url, c.filter->param);
			status = write_values(scan->session, &http->url, &c, IN_URL);
			continue;
		}
		c.nargs = 1;
		for (uint32_t j = 0; j < nargs && status == CK_OK; j++, c.args++)
		{
			http_begin_param(&http->url, c.filter->param);
			status = write_values(scan->session, &http->url, &c, IN_URL);
		}
	}
	return status;
}

/* The parameters that say which page is wanted. */
static void
write_page(HttpScan *http)
{
	const HttpPaging *p = &http->table->paging;

	if (p->in_body)
		return;
	if (p->size_param)
		number_param(&http->url, p->size_param, p->size);
	if (p->type == PAGING_PAGE)
		number_param(&http->url, p->param, p->start + http->page);
	else if (p->type == PAGING_OFFSET)
		number_param(&http->url, p->param, p->start + http->seen);
	else if (p->type == PAGING_CURSOR && http->next)
	{
		http_begin_param(&http->url, p->param);
		text_encoded(&http->url, http->next, strlen(http->next));
	}
}

/* Adds headers to the request's. */
static CkStatus
write_headers(CkScan *scan, const HttpPair *pairs, uint32_t *count)
{
	HttpScan   *http = scan->state;
	CkStatus	status = CK_OK;

	for (; pairs && pairs->name && status == CK_OK; pairs++)
	{
		HttpText   *header;

		if (*count == sizeof(http->headers) / sizeof(http->headers[0]))
			return ck_fail(scan->session, CK_ERR_OPTION, "the request has too many headers");
		header = &http->headers[(*count)++];
		text_string(header, pairs->name);
		text_string(header, ": ");
		status = http_write_text(scan, header, pairs->text, AS_IT_IS, AS_IT_IS);
		http->header_list[*count - 1] = header->data;
	}
	return status;
}

/* True where a condition says what a parameter is. */
static bool
param_is_asked(const HttpScan *http, const char *name)
{
	for (uint32_t i = 0; i < http->nconditions; i++)
		if (http->conditions[i].filter->param && strcmp(http->conditions[i].filter->param, name) == 0)
			return true;
	return false;
}

/* The URL of a first page, or of one that has no URL of its own. */
static CkStatus
write_url(CkScan *scan)
{
	HttpScan   *http = scan->state;
	const char *base = http->manifest->ad_hoc ? "{base_url}" : http->manifest->base_url;
	CkStatus	status = http_write_text(scan, &http->url, base, AS_IT_IS, AS_IT_IS);

	if (status != CK_OK)
		return status;
	while (http->url.size > 0 && http->url.data[http->url.size - 1] == '/')
		http->url.data[--http->url.size] = '\0';
	if (http->table->path[0] && http->table->path[0] != '/')
		text_append(&http->url, "/", 1);
	status = http_write_text(scan, &http->url, http->table->path, IN_URL, AS_IT_IS);
	for (const HttpPair *p = http->table->params; p && p->name && status == CK_OK; p++)
	{
		if (param_is_asked(http, p->name))
			continue;
		http_begin_param(&http->url, p->name);
		status = http_write_text(scan, &http->url, p->text, IN_URL, IN_URL);
	}
	if (status == CK_OK)
		status = write_conditions(scan);
	write_page(http);
	return status;
}

CkStatus
http_make_request(CkScan *scan)
{
	HttpScan   *http = scan->state;
	const HttpPaging *p = &http->table->paging;
	uint32_t	count = 0;
	/* a signature is for one URL */
	int			redirects = http_auth_rule(http->manifest, http->options).type == AUTH_AWS_SIGV4 ? 0 : 5;
	CkStatus	status = CK_OK;

	http_request_free(http);
	if (http->next && (p->type == PAGING_NEXT_LINK || p->type == PAGING_LINK_HEADER))
		text_string(&http->url, http->next);
	else
		status = write_url(scan);
	if (status == CK_OK)
		status = write_headers(scan, http->server_headers, &count);
	if (status == CK_OK)
		status = write_headers(scan, http->table->headers, &count);
	if (status == CK_OK && http->table->body)
	{
		static const HttpPair json[] = {{"Content-Type", "application/json"}, {NULL, NULL}};

		status = http_make_body(scan);
		if (status == CK_OK)
			status = write_headers(scan, json, &count);
	}
	if (status == CK_OK)
		status = http_check_text(scan->session, &http->url);
	if (status == CK_OK)
		status = http_write_auth(scan);
	if (status == CK_OK)
		status = http_check_text(scan->session, &http->url);
	http->request = (CkHttpRequest) {
		.method = http->table->method, .url = http->url.data, .headers = http->header_list,
		.secret_headers = http->secret_list, .body = http->body.data, .body_size = http->body.size,
		.limit = (size_t) http->options->max_reply_size, .redirects = redirects
	};
	return status;
}

void
http_request_free(HttpScan *http)
{
	text_free(&http->url);
	text_free(&http->body);
	for (size_t i = 0; i < sizeof(http->headers) / sizeof(http->headers[0]); i++)
		text_free(&http->headers[i]);
	for (size_t i = 0; i < sizeof(http->secrets) / sizeof(http->secrets[0]); i++)
		text_free(&http->secrets[i]);
	memset(http->header_list, 0, sizeof(http->header_list));
	memset(http->secret_list, 0, sizeof(http->secret_list));
}
