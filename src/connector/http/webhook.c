/*
 * webhook.c: messages that a source sends by itself: who sent them, what they mean, and the rows in them.
 */
#include "http_source.h"

#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

/* Bytes of a signature, as it is written. */
#define SIGNATURE_LIMIT 512

/* The value of the header; NULL: there is none, or ambiguously two. */
static const char *
find_header(const CkMessage *message, const char *name, size_t size)
{
	const char *found = NULL;

	for (const char *const *h = message->headers; h[0]; h += 2)
		if (strlen(h[0]) == size && strncasecmp(h[0], name, size) == 0)
		{
			if (found)
				return NULL;
			found = h[1];
		}
	return found;
}

static const EVP_MD *
hash_of(HttpSignature signature)
{
	return signature == SIGNATURE_SHA1 ? EVP_sha1() : signature == SIGNATURE_SHA512 ? EVP_sha512() : EVP_sha256();
}

/* Whether the text, hexadecimal or base64, is the code; how long that takes does not tell how much of it is. */
static bool
is_code(const HttpWebhook *w, const char *text, size_t size, const unsigned char *code, size_t code_size)
{
	unsigned char given[SIGNATURE_LIMIT];
	size_t		given_size = 0;
	bool		base64 = w->base64 && w->signature != SIGNATURE_STRIPE;

	if (size > SIGNATURE_LIMIT)
		return false;
	if (base64 && sodium_base642bin(given, sizeof(given), text, size, NULL, &given_size, NULL,
									sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	if (!base64 && sodium_hex2bin(given, sizeof(given), text, size, NULL, &given_size, NULL) != 0)
		return false;
	return given_size == code_size && sodium_memcmp(given, code, code_size) == 0;
}

/* The next of the parts that commas divide, without blanks around it; false: there is none. */
static bool
next_part(const char **rest, const char **part, size_t *size)
{
	if (!**rest)
		return false;
	*part = *rest + strspn(*rest, " ");
	*size = strcspn(*part, ",");
	*rest = *part + *size + ((*part)[*size] == ',');
	while (*size > 0 && (*part)[*size - 1] == ' ')
		(*size)--;
	return true;
}

/* The part that is a time, t=…: its digits, if it is not too far from now; else NULL. */
static const char *
signed_time(const HttpWebhook *w, const char *header, size_t *size)
{
	const char *part;
	int64_t		moment = 0;

	while (next_part(&header, &part, size))
	{
		if (*size < 3 || *size > 14 || strncmp(part, "t=", 2) != 0)
			continue;
		*size -= 2;
		for (size_t i = 0; i < *size; i++)
		{
			if (part[i + 2] < '0' || part[i + 2] > '9')
				return NULL;
			moment = moment * 10 + (part[i + 2] - '0');
		}
		return llabs((long long) (time(NULL) - moment)) <= w->tolerance ? part + 2 : NULL;
	}
	return NULL;
}

/* Whether one of the signatures in the header is that of the message. */
static bool
is_signed(const HttpWebhook *w, const CkMessage *message, const char *header, const char *secret)
{
	const char *prefix = w->signature == SIGNATURE_STRIPE ? "v1=" : w->prefix;
	unsigned char code[EVP_MAX_MD_SIZE];
	unsigned int code_size = 0;
	HttpText	copy = {0};
	const char *body = message->body;
	size_t		size = message->size;
	const char *part;
	size_t		part_size;
	bool		found = false;

	if (w->signature == SIGNATURE_STRIPE)
	{
		part = signed_time(w, header, &part_size);
		if (!part)
			return false;
		text_append(&copy, part, part_size);
		text_append(&copy, ".", 1);
		text_append(&copy, body, size);
		body = copy.data;
		size = copy.size;
	}
	if (!copy.failed &&
		HMAC(hash_of(w->signature), secret, (int) strlen(secret), (const unsigned char *) body, size, code, &code_size))
		while (next_part(&header, &part, &part_size))
			if (part_size > strlen(prefix) && strncmp(part, prefix, strlen(prefix)) == 0)
				found |= is_code(w, part + strlen(prefix), part_size - strlen(prefix), code, code_size);
	text_free(&copy);
	return found;
}

/* Whether the header is the secret. Their hashes are compared, which are of one length. */
static bool
is_token(const HttpWebhook *w, const char *header, const char *secret)
{
	unsigned char a[crypto_generichash_BYTES],
				b[crypto_generichash_BYTES];

	if (strncmp(header, w->prefix, strlen(w->prefix)) != 0)
		return false;
	header += strlen(w->prefix);
	crypto_generichash(a, sizeof(a), (const unsigned char *) header, strlen(header), NULL, 0);
	crypto_generichash(b, sizeof(b), (const unsigned char *) secret, strlen(secret), NULL, 0);
	return sodium_memcmp(a, b, sizeof(a)) == 0;
}

/* Sees that the message comes from who knows the secret. */
static CkStatus
check_signature(CkScan *scan, const HttpWebhook *w, CkMessage *message)
{
	HttpScan   *http = scan->state;
	const CkOption *option = http_option(http->manifest->pub.options, w->secret, strlen(w->secret));
	const char *secret = *(const char *const *) ((const char *) scan->session->options + option->offset);
	const char *header = find_header(message, w->header, strlen(w->header));

	if (!secret || !*secret)
		return ck_fail(scan->session, CK_ERR_AUTH, "the user mapping has no option \"%s\" to sign messages with", w->secret);
	if (!header)
		return ck_fail(scan->session, CK_ERR_AUTH, "a message has no header \"%s\", or two", w->header);
	if (w->signature != SIGNATURE_TOKEN && !message->raw)
		return ck_fail(scan->session, CK_ERR_AUTH, "a message came as JSON, and not as the bytes that were signed");
	if (w->signature == SIGNATURE_TOKEN ? is_token(w, header, secret) : is_signed(w, message, header, secret))
	{
		message->genuine = true;
		return CK_OK;
	}
	return ck_fail(scan->session, CK_ERR_AUTH, "a message's signature is wrong, or too old");
}

/* Takes the body apart; the record is all of it. */
static CkStatus
read_body(CkScan *scan, const CkMessage *message)
{
	static const char *const all[] = {NULL};
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const char *fault;

	page->reader = json_reader_new(all, false, (size_t) http->options->max_record_size, NULL);
	if (!page->reader)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	if (json_reader_feed(page->reader, message->body, message->size) && json_reader_end(page->reader))
		page->record = json_reader_next(page->reader);
	if (json_reader_out_of_memory(page->reader))
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	if (page->record && message->body[strspn(message->body, " \t\r\n")] == '{')
		return CK_OK;
	fault = json_reader_error(page->reader);
	return ck_fail(scan->session, CK_ERR_DATA, "a message cannot be read: %s", fault && *fault ? fault : "it is no JSON object");
}

/* Writes a text in which {path} is a value of the body, and {header:name} one of a header; what is not there is empty. */
static CkStatus
write_template(CkScan *scan, const CkMessage *message, const char *format, HttpText *text)
{
	const JsonRecord *record = ((HttpScan *) scan->state)->page->record;

	while (format && *format)
	{
		size_t		size = strcspn(format, "{");
		const char *end = strchr(format + size, '}');
		char		name[HTTP_NAME_LIMIT * 2];
		const char *value;
		char	  **path;
		uint32_t	node;

		text_append(text, format, end ? size : strlen(format));
		if (!end)
			break;
		snprintf(name, sizeof(name), "%.*s", (int) (end - format - size - 1), format + size + 1);
		format = end + 1;
		if (strncmp(name, "header:", 7) == 0)
		{
			value = find_header(message, name + 7, strlen(name + 7));
			text_string(text, value ? value : "");
			continue;
		}
		path = json_split_path(name);
		if (!path)
			return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
		node = json_find(record, 1, (JsonPath) path);
		free(path);
		if (node && (record->nodes[node].kind == JSON_KIND_STRING || record->nodes[node].kind == JSON_KIND_NUMBER))
			text_append(text, record->bytes + record->nodes[node].text, record->nodes[node].text_size);
	}
	return http_check_text(scan->session, text);
}

/* Puts what such a text becomes into a buffer. */
static CkStatus
take_template(CkScan *scan, const CkMessage *message, const char *format, const char *what, char *buffer, size_t size)
{
	HttpText	text = {0};
	CkStatus	status = write_template(scan, message, format, &text);

	if (status == CK_OK && text.size >= size)
		status = ck_fail(scan->session, CK_ERR_DATA, "the %s of a message is too long", what);
	if (status == CK_OK && text.data && memchr(text.data, '\0', text.size))
		status = ck_fail(scan->session, CK_ERR_DATA, "the %s of a message has a character that no text has", what);
	if (status == CK_OK)
		snprintf(buffer, size, "%s", text.data ? text.data : "");
	text_free(&text);
	return status;
}

/* What a kind of event means: by its name, or the longest beginning of it that is told. */
static CkMessageKind
event_kind(const HttpWebhook *w, const char *name)
{
	static const CkMessageKind kinds[] = {CK_MESSAGE_UPSERT, CK_MESSAGE_DELETE, CK_MESSAGE_IGNORED};
	const HttpEvent *best = NULL;

	for (size_t i = 0; i < w->nevents; i++)
	{
		const HttpEvent *e = &w->events[i];
		size_t		size = strcspn(e->name, "*");

		if (strncmp(e->name, name, size) == 0 && (e->name[size] || !name[size]) &&
			(!best || !e->name[size] || (strchr(best->name, '*') && strlen(best->name) < strlen(e->name))))
			best = e;
	}
	return best ? kinds[best->kind] : CK_MESSAGE_IGNORED;
}

/* When the message says that it was sent. */
static CkStatus
take_time(CkScan *scan, const HttpWebhook *w, CkMessage *message)
{
	CkStatus	status = take_template(scan, message, w->at, "time", message->at, sizeof(message->at));
	CkValue		value = {.type = CK_TIMESTAMPTZ};
	HttpText	text = {0};

	if (status != CK_OK || !message->at[0] || (w->at_format != FORMAT_UNIX && w->at_format != FORMAT_UNIX_MS))
		return status;
	if (!http_read_moment(message->at, strlen(message->at), w->at_format, &value.u.i) ||
		!http_write_value(&text, &value, NULL, false))
		status = ck_fail(scan->session, CK_ERR_DATA, "the time of a message is no number of seconds or milliseconds");
	else if ((status = http_check_text(scan->session, &text)) == CK_OK)
		snprintf(message->at, sizeof(message->at), "%s", text.data);
	text_free(&text);
	return status;
}

CkStatus
http_receive(CkScan *scan, CkMessage *message)
{
	HttpScan   *http = scan->state;
	CkStatus	status = http_find_table(scan);
	const HttpWebhook *w = status == CK_OK ? http->table->webhook : NULL;
	char		event[256] = "";

	if (status == CK_OK && !w)
		return ck_fail(scan->session, CK_ERR_UNSUPPORTED, "table \"%s\" has no webhook", http->name);
	if (status != CK_OK || !message)
		return status;
	status = check_signature(scan, w, message);
	if (status == CK_OK)
		status = read_body(scan, message);
	if (status == CK_OK)
		status = take_template(scan, message, w->event, "kind", event, sizeof(event));
	if (status == CK_OK)
		status = take_template(scan, message, w->id, "id", message->id, sizeof(message->id));
	if (status == CK_OK)
		status = take_time(scan, w, message);
	message->kind = w->event ? event_kind(w, event) : CK_MESSAGE_UPSERT;
	return status;
}

CkStatus
http_message_open(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const JsonNode *nodes;
	CkStatus	status;

	if (!http->table->webhook)
		return ck_fail(scan->session, CK_ERR_UNSUPPORTED, "table \"%s\" has no webhook", http->name);
	status = read_body(scan, scan->message);
	if (status != CK_OK)
		return status;
	nodes = page->record->nodes;
	page->element = json_find(page->record, 1, http->table->webhook->records);
	if (!page->element || (nodes[page->element].kind != JSON_KIND_OBJECT && nodes[page->element].kind != JSON_KIND_LIST))
		return ck_fail(scan->session, CK_ERR_DATA, "a message for table \"%s\" has no record", http->name);
	/* of an object what follows it is no record */
	page->whole = nodes[page->element].kind == JSON_KIND_OBJECT;
	if (!page->whole)
		page->element = nodes[page->element].first;
	return CK_OK;
}

/* The value at a path; 0: there is none, which is no NULL where *absent. */
static uint32_t
find_value(const JsonRecord *record, uint32_t node, JsonPath path, bool *absent)
{
	*absent = false;
	for (; *path; path++)
	{
		const char *const name[] = {*path, NULL};
		JsonKind	kind = record->nodes[node].kind;

		node = json_find(record, node, name);
		if (!node)
		{
			*absent = kind != JSON_KIND_NULL;
			return 0;
		}
	}
	return node;
}

static bool
is_optional(const HttpWebhook *w, const char *column)
{
	for (const char **name = w->optional; *name; name++)
		if (strcmp(*name, column) == 0)
			return true;
	return w->all_optional;
}

/* Puts a column of the record at hand. One that it lacks is not taken for NULL: the row may well have a value. */
static CkStatus
put_column(CkScan *scan, CkRow *row, uint32_t column)
{
	HttpScan   *http = scan->state;
	const HttpWebhook *w = http->table->webhook;
	const char *name = scan->columns[column].name;
	uint32_t	from = http->page->element;
	JsonPath	path = http->paths[column];
	uint32_t	number;
	bool		absent;

	for (size_t i = 0; i < w->ncolumns; i++)
		if (strcmp(w->columns[i].name, name) == 0)
		{
			from = 1;
			path = w->columns[i].path;
		}
	number = find_value(http->page->record, from, path, &absent);
	if (number)
		return http_put_node(scan, row, column, number);
	if (!absent || is_optional(w, name))
		return CK_OK;
	ck_fail(scan->session, CK_ERR_DATA, "a record of a message for table \"%s\" lacks column \"%s\"", http->name, name);
	ck_hint(scan->session, "Have the manifest's webhook say where it is, or that it is optional; or leave it out of the sync.");
	return CK_ERR_DATA;
}

CkStatus
http_message_next(CkScan *scan, CkRow *row)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	CkStatus	status = CK_OK;

	if (!page->element)
		return CK_END;
	for (uint32_t i = 0; i < scan->ncolumns && status == CK_OK; i++)
		status = put_column(scan, row, i);
	page->element = page->whole ? 0 : page->record->nodes[page->element].next;
	return status;
}
