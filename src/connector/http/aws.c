/*
 * aws.c: signs requests as services of AWS want it.
 */
#include "http_source.h"

#include "aws_sign.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

/* What a signature is made with; texts of the options. */
typedef struct Signing
{
	HttpText	region;
	HttpText	service;
	HttpText	access_key_id;
	HttpText	secret_access_key;
	HttpText	session_token;
	HttpText	path;			/* in canonical form */
	HttpText	query;
} Signing;

/* A character of a parameter, so that a name is before all that it is the beginning of. */
static int
param_letter(char c)
{
	return c == '=' ? 0 : (unsigned char) c;
}

static int
compare_params(const void *left, const void *right)
{
	const char *a = *(const char *const *) left,
			   *b = *(const char *const *) right;

	while (*a && *a == *b)
		a++, b++;
	return param_letter(*a) - param_letter(*b);
}

/* Adds a piece of a parameter, encoded in the one way that counts. */
static void
write_encoded(HttpText *text, const char *data, size_t size)
{
	int			length = 0;
	char	   *plain = size > 0 ? curl_easy_unescape(NULL, data, (int) size, &length) : NULL;

	if (plain)
		text_encoded(text, plain, (size_t) length);
	text->failed |= size > 0 && !plain;
	curl_free(plain);
}

/* The parameters of a URL, sorted. */
static void
write_query(HttpText *query, const char *from)
{
	HttpText	params = {0};
	const char **sorted = NULL;
	size_t		count = 0,
				n = 0;

	for (; *from; from += *from == '&')
	{
		size_t		size = strcspn(from, "&"),
					name = strcspn(from, "=&");

		if (size > 0)
		{
			write_encoded(&params, from, name);
			text_string(&params, "=");
			write_encoded(&params, from + name + 1, size > name ? size - name - 1 : 0);
			text_append(&params, "", 1);
			count++;
		}
		from += size;
	}
	sorted = params.failed ? NULL : calloc(count + 1, sizeof(*sorted));
	query->failed |= !sorted;
	for (const char *param = params.data; sorted && n < count; param += strlen(param) + 1)
		sorted[n++] = param;
	if (sorted)
		qsort(sorted, count, sizeof(*sorted), compare_params);
	text_string(query, "");
	for (size_t i = 0; sorted && i < count; i++)
	{
		text_string(query, i > 0 ? "&" : "");
		text_string(query, sorted[i]);
	}
	free(sorted);
	text_free(&params);
}

/* The parts of the URL: S3 takes the path as it is sent, all others encode it once more. */
static void
write_target(HttpText *host, Signing *s, const char *url)
{
	const char *begin = strstr(url, "://");
	size_t		size;

	begin = begin ? begin + 3 : url;
	size = strcspn(begin, "/?");
	/* the scheme's own port is not sent */
	if (size > 4 && strncasecmp(url, "https:", 6) == 0 && strncmp(begin + size - 4, ":443", 4) == 0)
		text_append(host, begin, size - 4);
	else if (size > 3 && strncasecmp(url, "http:", 5) == 0 && strncmp(begin + size - 3, ":80", 3) == 0)
		text_append(host, begin, size - 3);
	else
		text_append(host, begin, size);
	begin += size;
	size = strcspn(begin, "?");
	if (size == 0)
		text_string(&s->path, "/");
	for (size_t i = 0; i < size; i++)
	{
		if (begin[i] == '/' || strcmp(s->service.data, "s3") == 0)
			text_append(&s->path, begin + i, 1);
		else
			text_encoded(&s->path, begin + i, 1);
	}
	write_query(&s->query, begin[size] ? begin + size + 1 : "");
}

/* Writes the headers and their signature. */
static CkStatus
sign(CkScan *scan, Signing *s)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	const char *lines[AWS_HEADERS + 1] = {NULL};
	size_t		count = 0;
	char		date[AWS_DATE_SIZE];
	char		hash[AWS_HASH_SIZE];
	char		authorization[AWS_AUTHORIZATION_SIZE];
	AwsRequest	request = {
		.region = s->region.data, .service = s->service.data, .method = page->method, .headers = lines,
		.body_hash = hash, .access_key_id = s->access_key_id.data, .secret_access_key = s->secret_access_key.data, .date = date
	};

	aws_date(time(NULL), date);
	aws_hash(page->body.data, page->body.size, hash);
	text_string(&page->secrets[1], "X-Amz-Date: ");
	text_string(&page->secrets[1], date);
	text_string(&page->secrets[2], "X-Amz-Content-Sha256: ");
	text_string(&page->secrets[2], hash);
	text_string(&page->secrets[3], "Host: ");
	write_target(&page->secrets[3], s, page->url.data);
	if (s->session_token.size > 0)
	{
		text_string(&page->secrets[4], "X-Amz-Security-Token: ");
		text_append(&page->secrets[4], s->session_token.data, s->session_token.size);
	}
	for (size_t i = 1; i < 5; i++)
	{
		if (page->secrets[i].failed)
			return http_check_text(scan->session, &page->secrets[i]);
		page->secret_list[i] = page->secrets[i].data;
		if (page->secrets[i].data)
			lines[count++] = page->secrets[i].data;
	}
	for (const char *const *line = page->header_list; *line && count < AWS_HEADERS; line++)
		if (strncasecmp(*line, "x-amz-", 6) == 0 || strncasecmp(*line, "content-type:", 13) == 0)
			lines[count++] = *line;
	if (s->path.failed || s->query.failed)
		return http_check_text(scan->session, s->path.failed ? &s->path : &s->query);
	request.path = s->path.data;
	request.query = s->query.data;
	if (!aws_sign(&request, authorization))
		return ck_fail(scan->session, CK_ERR_OPTION, "the request has too many headers to be signed");
	text_string(&page->secrets[0], "Authorization: ");
	text_string(&page->secrets[0], authorization);
	return CK_OK;
}

CkStatus
http_sign_aws(CkScan *scan, const HttpAuthRule *rule)
{
	Signing		s = {{0}};
	HttpText   *texts[] = {&s.region, &s.service, &s.access_key_id, &s.secret_access_key, &s.session_token};
	const char *formats[] = {rule->region, rule->service, rule->client_id, rule->client_secret, rule->token};
	CkStatus	status = CK_OK;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && status == CK_OK; i++)
	{
		status = http_write_text(scan, texts[i], formats[i], AS_IT_IS, AS_IT_IS);
		if (status == CK_OK && i < 4 && texts[i]->size == 0)
		{
			status = ck_fail(scan->session, CK_ERR_OPTION, "region, service and access key of AWS are not all given");
			ck_hint(scan->session, "Check the options of server and user mapping.");
		}
	}
	if (status == CK_OK)
		status = sign(scan, &s);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		text_free(texts[i]);
	text_free(&s.path);
	text_free(&s.query);
	return status;
}
