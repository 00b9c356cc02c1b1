/*
 * fault.c: judges replies: which are good, which stand for no rows, after which is asked again, and what is told of the others.
 */
#include "http_source.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

/* Bytes of an error's body that are read, milliseconds in which more is waited for, and bytes of its text that are told. */
#define BODY_LIMIT (64 * 1024)
#define BODY_MS 10000
#define TEXT_LIMIT 300

static const char *const p_error_message[] = {"error", "message", NULL};
static const char *const p_error_reason[] = {"error", "reason", NULL};
static const char *const p_errors_message[] = {"errors", "0", "message", NULL};
static const char *const p_errors_detail[] = {"errors", "0", "detail", NULL};
static const char *const p_errors[] = {"errors", "0", NULL};
static const char *const p_error_messages[] = {"errorMessages", "0", NULL};
static const char *const p_message[] = {"message", NULL};
static const char *const p_description[] = {"error_description", NULL};
static const char *const p_detail[] = {"detail", NULL};
static const char *const p_error[] = {"error", NULL};
static const char *const p_title[] = {"title", NULL};

/* Where errors have their text; the first few are looked for in good replies too. */
static const JsonPath usual_places[] = {
	p_error_message, p_errors_message, p_message, p_error, p_error_reason, p_errors_detail, p_error_messages, p_description,
	p_detail, p_errors, p_title
};
#define USUAL_OF_GOOD 4

/* What a reply has at a place. */
typedef struct Found
{
	bool		there;			/* something other than null, false, 0, and an empty text, object or list */
	const char *text;			/* of what holds no others, or NULL */
	size_t		size;
	char		number[32];		/* that it may point to */
} Found;

/* The body of an error. */
typedef struct Body
{
	const HttpText *text;
	json_t	   *json;			/* NULL: it is none, or was cut off */
} Body;

static void
find_text(Found *found, const char *text, size_t size)
{
	found->text = text;
	found->size = size;
	found->there = size > 0 && !(size == 1 && text[0] == '0') && !(size == 5 && memcmp(text, "false", 5) == 0);
}

/* Looks into an error's body. */
static void
find_in_body(const json_t *json, JsonPath path, Found *found)
{
	memset(found, 0, sizeof(*found));
	for (; *path && json; path++)
		json = !json_is_array(json) ? json_object_get(json, *path) :
			(*path)[strspn(*path, "0123456789")] ? NULL : json_array_get(json, (size_t) atoll(*path));
	if (json_is_string(json))
		find_text(found, json_string_value(json), json_string_length(json));
	else if (json_is_boolean(json))
		find_text(found, json_is_true(json) ? "true" : "false", json_is_true(json) ? 4 : 5);
	else if (json_is_number(json))
	{
		if (json_is_integer(json))
			snprintf(found->number, sizeof(found->number), "%lld", (long long) json_integer_value(json));
		else
			snprintf(found->number, sizeof(found->number), "%.17g", json_real_value(json));
		find_text(found, found->number, strlen(found->number));
	}
	else
		found->there = json_object_size(json) > 0 || json_array_size(json) > 0;
}

/* Looks into a good reply that was read: into its only record, or beside the records. */
static void
find_in_reply(const HttpPage *page, JsonPath path, Found *found)
{
	const JsonRecord *record = json_reader_sole(page->reader);
	uint32_t	number = record ? json_find(record, 1, path) : 0;
	const JsonNode *node = number ? &record->nodes[number] : NULL;

	memset(found, 0, sizeof(*found));
	if (node && (node->kind == JSON_KIND_OBJECT || node->kind == JSON_KIND_LIST))
		found->there = node->first != 0;
	else if (node && node->kind != JSON_KIND_NULL)
		find_text(found, record->bytes + node->text, node->text_size);
	for (const JsonWanted *w = page->wanted; !record && w->path; w++)
		if (w->path == path)
		{
			if (w->text)
				find_text(found, w->text, strlen(w->text));
			found->there |= w->inside;
		}
}

/* Whether a text stands in another, in letters of either case. */
static bool
has_text(const char *text, size_t size, const char *wanted)
{
	size_t		length = strlen(wanted);

	for (; text && size >= length; text++, size--)
		if (strncasecmp(text, wanted, length) == 0)
			return true;
	return false;
}

/* Whether what is at a rule's place is what the rule asks for. */
static bool
rule_fits(const HttpFaultRule *rule, const Found *found)
{
	if (rule->contains)
		return has_text(found->text, found->size, rule->contains);
	if (!rule->equals)
		return found->there;
	for (const char **text = rule->equals; *text; text++)
		if (found->text && strlen(*text) == found->size && memcmp(*text, found->text, found->size) == 0)
			return true;
	return false;
}

static bool
has_status(const HttpFaultRule *rule, int status)
{
	for (int i = 0; i < FAULT_STATUSES && rule->statuses[i].first; i++)
		if (status >= rule->statuses[i].first && status <= rule->statuses[i].last)
			return true;
	return false;
}

/* The rules for a scan's replies, the table's before the whole's: the number n, or NULL. */
static const HttpFaultRule *
rule_at(const HttpScan *http, size_t n)
{
	const HttpFaults *own = &http->table->faults,
			   *all = &http->manifest->faults;

	return n < own->nrules ? &own->rules[n] : n - own->nrules < all->nrules ? &all->rules[n - own->nrules] : NULL;
}

static JsonPath
message_path(const HttpScan *http)
{
	return http->table->faults.message ? http->table->faults.message : http->manifest->faults.message;
}

/* Whether a rule looks into replies that are good by their status. */
static bool
is_late(const HttpFaultRule *rule)
{
	bool		good = false;

	for (int i = 0; i < FAULT_STATUSES && rule->statuses[i].first; i++)
		good |= rule->statuses[i].first < 300;
	return good && rule->path;
}

bool
http_judges_whole(const HttpScan *http)
{
	const HttpFaultRule *rule;

	for (size_t n = 0; (rule = rule_at(http, n)) != NULL; n++)
		if (is_late(rule))
			return true;
	return false;
}

void
http_want_faults(const HttpScan *http, JsonWanted *wanted)
{
	const HttpFaultRule *rule;

	if (!http_judges_whole(http))
		return;
	for (size_t n = 0; (rule = rule_at(http, n)) != NULL; n++)
		if (is_late(rule))
			(wanted++)->path = rule->path;
	if (message_path(http))
		wanted->path = message_path(http);
	else
		for (int i = 0; i < USUAL_OF_GOOD; i++)
			(wanted++)->path = usual_places[i];
}

/* Reads an error's body, as much of it as is worth it. What goes wrong then is of no interest beside the error. */
static CkStatus
read_body(CkScan *scan, Body *body)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	int64_t		until = ck_now_ms(scan->session) + BODY_MS;
	CkStatus	status = CK_OK;
	const char *data;
	size_t		size;

	text_free(&page->ahead);
	while (page->ahead.size < BODY_LIMIT && ck_now_ms(scan->session) < until &&
		   (status = ck_http_read(page->stream, &data, &size)) == CK_OK)
		text_append(&page->ahead, data, size);
	body->text = &page->ahead;
	if (status == CK_END && page->ahead.data)
		body->json = json_loadb(page->ahead.data, page->ahead.size, 0, NULL);
	return status == CK_ERR_CANCELLED ? status : CK_OK;
}

/* Whether a text holds what proves whose the request was. */
static bool
has_secret(CkScan *scan, const char *text)
{
	HttpScan   *http = scan->state;
	HttpSession *session = scan->session->state;
	HttpAuthRule rule = http_auth_rule(http->manifest, http->options);
	HttpText	key = {0};
	bool		found = (session->token.size > 0 && strstr(text, session->token.data)) ||
		(session->refresh_token.size > 0 && strstr(text, session->refresh_token.data));

	for (size_t i = 0; i < sizeof(http->page->secrets) / sizeof(http->page->secrets[0]); i++)
	{
		const HttpText *header = &http->page->secrets[i];
		const char *value = header->size > 0 ? strrchr(header->data, ' ') : NULL;

		found |= value && value[1] && strstr(text, value + 1);
	}
	if (rule.type == AUTH_API_KEY && http_write_text(scan, &key, rule.token, IN_URL, IN_URL) == CK_OK && key.size > 0)
		found |= strstr(text, key.data) != NULL;
	text_free(&key);
	return found;
}

/* Makes one short line of what the source says; empty where it says nothing that can be told. */
static void
write_line(CkScan *scan, const Found *found, char *line, size_t room)
{
	size_t		n = 0;

	line[0] = '\0';
	if (!found->text)
		return;
	for (size_t i = 0; i < found->size && n < room - 4; i++)
	{
		unsigned char c = (unsigned char) found->text[i];

		if (c > ' ' && c != 0x7f)
			line[n++] = (char) c;
		else if (n > 0 && line[n - 1] != ' ')
			line[n++] = ' ';
	}
	while (n > 0 && line[n - 1] == ' ')
		n--;
	line[n] = '\0';
	if (n == room - 4)
	{
		/* not within a character */
		while (n > 0 && ((unsigned char) line[n - 1] & 0xc0) == 0x80)
			n--;
		n -= n > 0 && ((unsigned char) line[n - 1] & 0x80);
		strcpy(line + n, "...");
	}
	if (has_secret(scan, line))
		line[0] = '\0';
}

void
http_write_words(CkScan *scan, const char *text, size_t size, char *line, size_t room)
{
	Found		found = {.text = text, .size = size};

	write_line(scan, &found, line, room);
}

/* What the source itself says of an error; body is NULL for a good reply. */
static void
find_words(CkScan *scan, const CkHttpReply *reply, const Body *body, char *line, size_t room)
{
	HttpScan   *http = scan->state;
	JsonPath	own = message_path(http);
	size_t		places = own ? 1 : body ? sizeof(usual_places) / sizeof(usual_places[0]) : USUAL_OF_GOOD;
	Found		found = {0};
	size_t		size;
	const char *type = ck_http_header(reply, "Content-Type", &size);

	for (size_t i = 0; i < places && (!found.text || !found.there); i++)
		if (body)
			find_in_body(body->json, own ? own : usual_places[i], &found);
		else
			find_in_reply(http->page, own ? own : usual_places[i], &found);
	if (body && !body->json && !found.text && type && has_text(type, size, "text/plain") && body->text && body->text->data)
		find_text(&found, body->text->data, body->text->size);
	write_line(scan, &found, line, room);
}

/* Tells the error that a reply is. */
static CkStatus
fail_reply(CkScan *scan, const CkHttpReply *reply, const HttpFaultRule *rule, HttpVerdict verdict, const Body *body)
{
	char		words[TEXT_LIMIT];
	char		line[2 * TEXT_LIMIT];
	int			meaning = verdict == VERDICT_RATE_LIMITED && reply->status != 503 ? 429 :
		verdict == VERDICT_REFRESH ? 401 : reply->status;

	find_words(scan, reply, body, words, sizeof(words));
	if (reply->status == 204 && !rule)
		snprintf(words, sizeof(words), "the page that was to follow is not there");
	if (rule && rule->message)
		snprintf(line, sizeof(line), "%.*s%s%s%s", TEXT_LIMIT, rule->message, words[0] ? " (" : "", words, words[0] ? ")" : "");
	else
		snprintf(line, sizeof(line), "%s", words);
	return ((HttpScan *) scan->state)->change ? http_fail_change(scan, reply, meaning, line[0] ? line : NULL) :
		ck_http_fail_as(scan->session, reply, meaning, line[0] ? line : NULL);
}

/* Tells that the source wants to be left alone for longer than is waited for. */
static CkStatus
fail_wait(CkScan *scan, const CkHttpReply *reply, int64_t ms)
{
	time_t		until = time(NULL) + (time_t) (ms / 1000);
	struct tm	t;
	char		text[64] = "";

	if (gmtime_r(&until, &t))
		strftime(text, sizeof(text), " before %Y-%m-%d %H:%M:%S UTC", &t);
	ck_fail(scan->session, CK_ERR_BUSY, "\"%s\", port %d answered with HTTP status %d and wants no request%s", reply->host,
			reply->port, reply->status, text);
	ck_hint(scan->session, "Try again after that, or let requests wait longer by the option max_wait.");
	return CK_ERR_BUSY;
}

/* Carries a verdict out. */
static CkStatus
carry_out(CkScan *scan, const CkHttpReply *reply, const HttpFaultRule *rule, HttpVerdict verdict, const Body *body, bool *again)
{
	HttpScan   *http = scan->state;
	int64_t		wait = verdict == VERDICT_RATE_LIMITED ? http_wait_wanted(http, reply) : -1;
	int64_t		longest = http->options->max_wait * 1000;
	CkStatus	status = CK_OK;

	if (http->change)
		verdict = http_change_verdict(http, reply, verdict);
	switch (verdict)
	{
		case VERDICT_GOOD:
		case VERDICT_IGNORE:
			return CK_OK;
		case VERDICT_EMPTY:
			return CK_END;
		case VERDICT_REFRESH:
			if (!http_renew_auth(scan))
				return fail_reply(scan, reply, rule, verdict, body);
			break;
		case VERDICT_RETRY:
		case VERDICT_RATE_LIMITED:
			if (wait > 0)
				status = http_hold(scan->session, wait, true);
			if (status == CK_OK && wait > longest)
				status = fail_wait(scan, reply, wait);
			else if (status == CK_OK && http->page->attempts >= http->options->max_attempts)
				status = fail_reply(scan, reply, rule, verdict, body);
			else if (status == CK_OK && wait < 0)
			{
				wait = http_backoff(http->page->attempts);
				status = http_hold(scan->session, wait < longest ? wait : longest, false);
			}
			break;
		default:
			return fail_reply(scan, reply, rule, verdict, body);
	}
	*again = status == CK_OK;
	return status;
}

/* What a reply is that no rule is for. */
static HttpVerdict
usual_verdict(const HttpScan *http, const CkHttpReply *reply)
{
	/* a page that was told of has something */
	if (reply->status == 204)
		return http->page->next ? VERDICT_FAIL : VERDICT_EMPTY;
	if (reply->status >= 200 && reply->status <= 299)
		return VERDICT_GOOD;
	if (reply->status == 401)
		return VERDICT_REFRESH;
	if (reply->status == 429 || reply->status == 503 || (reply->status == 403 && http_rate_is_used_up(http, reply)))
		return VERDICT_RATE_LIMITED;
	return VERDICT_FAIL;
}

CkStatus
http_judge_reply(CkScan *scan, const CkHttpReply *reply, bool *again)
{
	HttpScan   *http = scan->state;
	bool		good = reply->status >= 200 && reply->status <= 299;
	HttpVerdict verdict = usual_verdict(http, reply);
	const HttpFaultRule *rule;
	Body		body = {0};
	CkStatus	status = good ? CK_OK : read_body(scan, &body);

	*again = false;
	for (size_t n = 0; (rule = rule_at(http, n)) != NULL; n++)
	{
		Found		found = {0};

		if (!has_status(rule, reply->status) || (good && rule->path))
			continue;
		if (rule->path)
			find_in_body(body.json, rule->path, &found);
		else if (rule->contains && body.text && body.text->data)
			find_text(&found, body.text->data, body.text->size);
		if ((!rule->path && !rule->contains) || rule_fits(rule, &found))
		{
			verdict = rule->verdict;
			break;
		}
	}
	if (status == CK_OK)
		status = http_note_rate(scan, reply);
	if (status == CK_OK)
		status = carry_out(scan, reply, rule, verdict, &body, again);
	json_decref(body.json);
	return status;
}

CkStatus
http_judge_whole(CkScan *scan, const CkHttpReply *reply, bool *again)
{
	HttpScan   *http = scan->state;
	const HttpFaultRule *rule;

	*again = false;
	for (size_t n = 0; (rule = rule_at(http, n)) != NULL; n++)
	{
		Found		found;

		if (!has_status(rule, reply->status) || !rule->path)
			continue;
		find_in_reply(http->page, rule->path, &found);
		if (rule_fits(rule, &found))
			return carry_out(scan, reply, rule, rule->verdict, NULL, again);
	}
	return CK_OK;
}
