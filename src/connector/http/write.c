/*
 * write.c: INSERT, UPDATE and DELETE as requests: each is sent once, and again only where that does no harm.
 *
 * A status from 200 to 299 says that the change was made. Where no status came, nobody knows whether it was, and where it would
 * do harm to make it twice the error says so (SQLSTATE 08007).
 */
#include "http_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Times that a request is sent that gets no reply. */
#define LOST_ATTEMPTS 3

static const char unknown_hint[] = "It is unknown whether the change was made. Look at the source before you try again.";

/* Adds a column of the statement. */
static CkStatus
add_place(CkScan *scan, const char *name, bool key)
{
	HttpScan   *http = scan->state;
	HttpChange *change = http->change;
	HttpPlace  *larger = realloc(change->places, (change->nplaces + 1) * sizeof(HttpPlace));
	HttpPlace  *place;

	if (!larger)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	change->places = larger;
	place = &larger[change->nplaces++];
	memset(place, 0, sizeof(*place));
	place->key = key;
	place->name = strdup(name);
	place->column = http_column(http->table, name);
	change->nstored += !key;
	return place->name ? CK_OK : ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
}

/* Reads the statement: what kind it is of, and its columns. */
static CkStatus
read_statement(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpChange *change = http->change;
	const char *text = scan->remote;
	char		word[256];
	bool		quoted;
	bool		named = false;	/* the table's name was passed */
	bool		keys = false;
	CkStatus	status = CK_OK;

	if (!http_next_word(&text, word, sizeof(word), &quoted))
		return ck_fail(scan->session, CK_ERR_INTERNAL, "the statement is empty");
	change->kind = strcmp(word, "INSERT") == 0 ? CK_INSERT : strcmp(word, "UPDATE") == 0 ? CK_UPDATE : CK_DELETE;
	change->rule = change->kind == CK_INSERT ? &http->table->writes.insert :
		change->kind == CK_UPDATE ? &http->table->writes.update : &http->table->writes.delete;
	while (status == CK_OK && http_next_word(&text, word, sizeof(word), &quoted))
	{
		if (quoted && !named)
			named = true;
		else if (quoted)
			status = add_place(scan, word, keys);
		else if (strcmp(word, "WHERE") == 0)
			keys = true;
		else if (strcmp(word, "VALUES") == 0 || strcmp(word, "RETURNING") == 0)
			break;
	}
	if (status == CK_OK && !change->rule->method)
		return ck_fail(scan->session, CK_ERR_UNSUPPORTED, "table \"%s\" takes no such change", http->name);
	change->rows = change->kind == CK_INSERT && change->nstored > 0 ? scan->nargs / change->nstored : 1;
	return status;
}

/* Finds where a column's value stands in the record, or a key's in the body; nowhere where it stands in the path alone. */
static CkStatus
find_place(CkScan *scan, HttpPlace *place)
{
	HttpScan   *http = scan->state;
	const HttpChangeRule *rule = http->change->rule;
	const HttpStored *stored = http_stored(place->key ? rule->keys : rule->columns, place->name);
	size_t		outer = 0,
				inner = 0;

	if (stored)
	{
		place->path = stored->path;
		place->as_string = stored->as_string;
	}
	else if (place->key || http_is_listed(rule->in_path, place->name))
		return CK_OK;
	else if (place->column)
		place->path = place->column->path;
	else
		place->path = (JsonPath) (place->split = json_split_path(place->name));
	while (place->path && place->path[inner])
		inner++;
	while (!place->key && rule->record[outer])
		outer++;
	place->joined = place->path ? calloc(outer + inner + 1, sizeof(char *)) : NULL;
	if (!place->joined)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	memcpy(place->joined, rule->record, outer * sizeof(char *));
	memcpy(place->joined + outer, place->path, inner * sizeof(char *));
	place->full = place->joined;
	return CK_OK;
}

/* Whether a value at one path would be within that at the other, or in its place. */
static bool
paths_meet(JsonPath a, JsonPath b)
{
	for (; *a && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return true;
}

static CkStatus
find_places(CkScan *scan)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	CkStatus	status = CK_OK;

	for (uint32_t i = 0; i < change->nplaces && status == CK_OK; i++)
	{
		HttpPlace  *place = &change->places[i];

		status = find_place(scan, place);
		for (uint32_t j = 0; j < i && status == CK_OK && place->full; j++)
			if (change->places[j].full && paths_meet(place->full, change->places[j].full))
				status = ck_fail(scan->session, CK_ERR_UNSUPPORTED, "columns \"%s\" and \"%s\" stand in one place of a request",
								 change->places[j].name, place->name);
		if (status == CK_OK && i < scan->nstored && scan->stored[i].name && place->path &&
			(scan->stored[i].type == CK_BYTES ||
			 (scan->stored[i].type == CK_NATIVE && strchr(scan->stored[i].local_type, '['))))
		{
			status = ck_fail(scan->session, CK_ERR_UNSUPPORTED, "column \"%s\" is of type %s, which has no form in JSON",
							 place->name, scan->stored[i].local_type);
			ck_hint(scan->session, "Use jsonb for lists, and text for what encode() makes of bytes.");
		}
	}
	return status;
}

/* The value of the column in the row at hand: a key's, or with stored what is to be. NULL: the statement has none. */
static const CkValue *
find_value(CkScan *scan, const char *name, size_t size, bool stored)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	const CkValue *found = NULL;

	for (uint32_t i = 0; i < change->nplaces && i < scan->nargs; i++)
	{
		const HttpPlace *place = &change->places[i];

		if (strlen(place->name) == size && memcmp(place->name, name, size) == 0 && (!found || place->key != stored))
			found = &scan->args[i];
	}
	return found;
}

bool
http_changed_value(CkScan *scan, HttpText *text, const char *name, size_t size)
{
	HttpScan   *http = scan->state;
	HttpChange *change = http->change;
	const CkValue *value = find_value(scan, name, size, change->done);
	char		column[256];

	if (size >= sizeof(column))
		return false;
	memcpy(column, name, size);
	column[size] = '\0';
	if (value && value->type != CK_NULL)
	{
		const HttpColumn *known = http_column(http->table, column);

		return http_write_value(text, value, &(HttpFilter) {.format = known ? known->format : FORMAT_PLAIN}, false);
	}
	/* what the source has given it is in its reply */
	if (change->done && change->reply)
	{
		const HttpColumn *known = http_column(http->table, column);
		char	  **split = known ? NULL : json_split_path(column);
		uint32_t	number = known || split ? json_find(change->reply, 1, known ? known->path : (JsonPath) split) : 0;
		const JsonNode *node = &change->reply->nodes[number];

		free(split);
		if (!number || node->kind == JSON_KIND_NULL || node->kind == JSON_KIND_OBJECT || node->kind == JSON_KIND_LIST)
			return false;
		text_append(text, change->reply->bytes + node->text, node->text_size);
		return true;
	}
	return false;
}

void
http_put_changed(CkScan *scan, CkRow *row, uint32_t column)
{
	const char *name = scan->columns[column].name;
	const HttpChangeRule *rule = ((HttpScan *) scan->state)->change->rule;
	const CkValue *value = http_is_listed(rule->in_path, name) ? find_value(scan, name, strlen(name), true) : NULL;

	if (value)
		row->values[column] = *value;
}

/* Makes the request of this method and path, with the change's body where it is the change itself. */
static CkStatus
make_request(CkScan *scan, const char *method, const char *path)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	HttpChange *change = http->change;
	const HttpChangeRule *rule = change->rule;
	uint32_t	count = 0;
	CkStatus	status;

	http_request_free(page);
	page->method = method;
	status = http_write_base(scan, path);
	if (status == CK_OK)
		status = http_write_headers(scan, http->server_headers, &count);
	if (status == CK_OK)
		status = http_write_headers(scan, http->table->headers, &count);
	for (const HttpPair *p = rule->params; p && p->name && status == CK_OK && !change->reading; p++)
	{
		http_begin_param(&page->url, p->name);
		status = http_write_text(scan, &page->url, p->text, IN_URL, IN_URL);
	}
	if (status == CK_OK && !change->reading)
		status = http_write_headers(scan, rule->headers, &count);
	if (status == CK_OK && !change->reading)
		status = http_make_change_body(scan, &page->body);
	if (status == CK_OK && page->body.data)
		status = http_write_header(scan, "Content-Type", "application/json", &count);
	if (status == CK_OK && change->etag[0] && !change->reading)
		status = http_write_header(scan, "If-Match", change->etag, &count);
	if (status == CK_OK && rule->idempotency_key && !change->reading)
		status = http_write_header(scan, rule->idempotency_key, change->once, &count);
	if (status == CK_OK)
		status = http_check_text(scan->session, &page->url);
	if (status == CK_OK)
		status = http_write_auth(scan);
	http_add_own_headers(page);
	if (status == CK_OK)
		status = http_check_text(scan->session, &page->url);
	page->request = (CkHttpRequest) {
		.method = method, .url = page->url.data, .headers = page->header_list, .secret_headers = page->secret_list,
		.body = page->body.data, .body_size = page->body.size, .limit = (size_t) http->options->max_reply_size,
		.redirects = http_redirects(http), .once = !change->reading && !rule->idempotent
	};
	return status;
}

/* Whether the request at hand does no more when it is sent twice. */
static bool
may_be_sent_twice(const HttpChange *change)
{
	return change->reading || change->rule->idempotent;
}

/* Sends the request that was made. */
static CkStatus
send_request(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	HttpSession *session = scan->session->state;
	CkStatus	status;

	http_end_page(page);
	status = http_admit(scan, true);
	if (status == CK_OK)
		status = ck_http_begin(scan->session, session->http, &page->request, &page->stream);
	scan->round_trips++;
	page->attempts++;
	return status;
}

/* Begins an exchange: makes the request and sends it. */
static CkStatus
begin(CkScan *scan, const char *method, const char *path)
{
	HttpPage   *page = ((HttpScan *) scan->state)->page;
	CkStatus	status = make_request(scan, method, path);

	page->attempts = 0;
	page->renewed = false;
	return status == CK_OK ? send_request(scan) : status;
}

/* Says with an error that a change may have been made. */
static CkStatus
tell_unknown(CkScan *scan, CkStatus status)
{
	if (!may_be_sent_twice(((HttpScan *) scan->state)->change) &&
		(status == CK_ERR_LOST || status == CK_ERR_TIMEOUT || status == CK_ERR_PROTOCOL))
	{
		ck_sqlstate(scan->session, "08007");
		ck_hint(scan->session, unknown_hint);
	}
	return status;
}

HttpVerdict
http_change_verdict(const HttpScan *http, const CkHttpReply *reply, HttpVerdict verdict)
{
	bool		good = reply->status >= 200 && reply->status <= 299;
	bool		twice = may_be_sent_twice(http->change);

	switch (verdict)
	{
		case VERDICT_GOOD:
			/* of several things some were done */
			return reply->status == 207 ? VERDICT_FAIL : VERDICT_GOOD;
		case VERDICT_EMPTY:
		case VERDICT_IGNORE:
			return good ? VERDICT_GOOD : VERDICT_FAIL;
		case VERDICT_RATE_LIMITED:
			/* a service that says when it will be back has turned the request away; others may have lost it on their way */
			twice |= reply->status != 503 || http_retry_after(reply) >= 0;
			return good || !twice ? VERDICT_FAIL : verdict;
		case VERDICT_RETRY:
			return good || !twice ? VERDICT_FAIL : verdict;
		case VERDICT_REFRESH:
			return good ? VERDICT_FAIL : verdict;
		default:
			return verdict;
	}
}

CkStatus
http_fail_change(CkScan *scan, const CkHttpReply *reply, int meaning, const char *text)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	bool		duplicate = change->rule->duplicate && reply->status == change->rule->duplicate;
	CkStatus	status;

	if (change->reading)
		return ck_http_fail_as(scan->session, reply, meaning, text);
	if (duplicate || reply->status == 409 || reply->status == 412)
	{
		status = reply->status == 412 && !duplicate ? CK_ERR_BUSY : CK_ERR_CONSTRAINT;
		ck_fail(scan->session, status, "\"%s\", port %d answered with HTTP status %d%s%s", reply->host, reply->port,
				reply->status, text ? ": " : "", text ? text : "");
		ck_sqlstate(scan->session, duplicate ? "23505" : status == CK_ERR_BUSY ? "40001" : "23000");
		if (status == CK_ERR_BUSY)
			ck_hint(scan->session, "The record was changed since it was read. Try again.");
		return status;
	}
	if (reply->status < 500 && reply->status != 207 && reply->status / 100 != 3)
		return ck_http_fail_as(scan->session, reply, meaning, text);
	if (may_be_sent_twice(change) && reply->status != 207)
		return ck_http_fail_as(scan->session, reply, meaning, text);
	ck_fail(scan->session, CK_ERR_LOST, "\"%s\", port %d answered with HTTP status %d%s%s", reply->host, reply->port,
			reply->status, text ? ": " : "", text ? text : "");
	ck_sqlstate(scan->session, "08007");
	ck_hint(scan->session, unknown_hint);
	return CK_ERR_LOST;
}

/* Waits for a reply that is worth something, and sends the request again as far as that does no harm. The reply may tell that
 * there is no such row: *gone, or one already: *there. */
static CkStatus
wait_reply(CkScan *scan, const CkHttpReply **reply, bool *gone, bool *there)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	HttpChange *change = http->change;
	CkStatus	status;

	*gone = *there = false;
	for (;;)
	{
		bool		again = false;

		status = ck_http_reply(page->stream, reply);
		if (status == CK_ERR_LOST && may_be_sent_twice(change) && page->attempts < LOST_ATTEMPTS)
		{
			change->resent = again = true;
			status = ck_hold(scan->session, http_backoff(page->attempts), false);
		}
		else if (status != CK_OK)
			return tell_unknown(scan, status);
		else
		{
			change->resent |= (*reply)->sends > 1;
			*gone = ((*reply)->status == 404 || (*reply)->status == 410) && (change->reading || change->kind != CK_INSERT);
			*there = (scan->flags & CK_SCAN_SKIP_DUPLICATE) && (*reply)->status == change->rule->duplicate && !change->reading;
			if (*gone || *there)
				return CK_OK;
			status = http_judge_reply(scan, *reply, &again);
		}
		if (status != CK_OK || !again)
			return status;
		/* the credential may be a new one, and so a signature */
		for (size_t i = 0; i < sizeof(page->secrets) / sizeof(page->secrets[0]); i++)
			text_free(&page->secrets[i]);
		memset(page->secret_list, 0, sizeof(page->secret_list));
		if (http_auth_rule(http->manifest, http->options).type != AUTH_API_KEY ||
			strcmp(http_auth_rule(http->manifest, http->options).in, "query") != 0)
			status = http_write_auth(scan);
		http_add_own_headers(page);
		if (status == CK_OK)
			status = send_request(scan);
		if (status != CK_OK)
			return status;
	}
}

/* Reads the record at a path of the reply: CK_OK; CK_END where there is none. *reader gets who has it, where that is wanted. */
static CkStatus
read_reply(CkScan *scan, JsonPath path, JsonReader **reader)
{
	static const char *const root[] = {NULL};
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	CkStatus	status;

	memset(page->wanted, 0, sizeof(page->wanted));
	http_want_faults(http, page->wanted);
	page->reader = json_reader_new(path ? path : root, false, (size_t) http->options->max_record_size, page->wanted);
	if (!page->reader)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	page->begun = true;
	page->whole = false;
	page->data = page->ahead.data;
	page->size = page->ahead.size;
	status = http_next_record(scan);
	if (reader && status == CK_OK)
	{
		*reader = page->reader;
		page->reader = NULL;
		/* these are the page's */
		for (JsonWanted *w = page->wanted; w->path; w++)
		{
			free(w->text);
			w->text = NULL;
		}
	}
	return status;
}

/* Notes by what the record that was read can be told from what it becomes. A weak tag fits nothing that is changed. */
static void
note_etag(HttpChange *change, const CkHttpReply *reply)
{
	size_t		size;
	const char *etag = ck_http_header(reply, "ETag", &size);

	if (!etag || size >= sizeof(change->etag) || strncmp(etag, "W/", 2) == 0)
		return;
	memcpy(change->etag, etag, size);
	change->etag[size] = '\0';
}

/* Reads the one record at a path of the source: CK_OK; CK_END where there is none. */
static CkStatus
read_record(CkScan *scan, const char *path, JsonPath at, JsonReader **reader)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	const CkHttpReply *reply;
	bool		gone,
				there;
	int			attempts = 0;
	CkStatus	status;

	change->reading = true;
	do
	{
		status = begin(scan, "GET", path);
		if (status == CK_OK)
			status = wait_reply(scan, &reply, &gone, &there);
		if (status == CK_OK && gone)
			status = CK_END;
		if (status == CK_OK)
		{
			note_etag(change, reply);
			status = read_reply(scan, at, reader);
		}
	} while (status == CK_ERR_LOST && ++attempts < LOST_ATTEMPTS);
	change->reading = false;
	return status;
}

/* A key that no other change has: a UUID of version 4. */
static bool
make_key(char *key, size_t room)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return false;
	b[6] = (unsigned char) ((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char) ((b[8] & 0x3f) | 0x80);
	snprintf(key, room, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4],
			 b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return true;
}

CkStatus
http_change_open(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpWrites const *writes = &http->table->writes;
	HttpChange *change = calloc(1, sizeof(HttpChange));
	CkStatus	status;

	if (!change)
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	http->change = change;
	status = read_statement(scan);
	if (status == CK_OK)
		status = find_places(scan);
	if (status == CK_OK && change->rule->idempotency_key && !make_key(change->once, sizeof(change->once)))
		status = ck_fail(scan->session, CK_ERR_INTERNAL, "there are no random numbers");
	if (status == CK_OK && change->rule->whole)
	{
		status = read_record(scan, writes->read_path ? writes->read_path : change->rule->path, writes->read_record,
							 &change->base_reader);
		if (status == CK_OK)
			change->base = http->page->record;
		if (status == CK_OK && change->base->nodes[1].kind != JSON_KIND_OBJECT)
			status = ck_fail(scan->session, CK_ERR_PROTOCOL, "a record of table \"%s\" is no object", http->name);
		if (status == CK_END)
		{
			scan->affected = 0;
			change->ended = true;
			return CK_OK;
		}
	}
	return status == CK_OK ? begin(scan, change->rule->method, change->rule->path) : status;
}

/* Whether the reply to the change has to be read: it may tell of an error, or has what is wanted. */
static bool
is_of_interest(CkScan *scan, const CkHttpReply *reply, bool wanted)
{
	HttpScan   *http = scan->state;

	return reply->status != 204 && (wanted || http_judges_whole(http) || (http->change->rule->returns && reply->status == 200));
}

/* Reads the reply to a change that was made by its status; CK_END where it has no record. */
static CkStatus
look_at_reply(CkScan *scan, bool wanted)
{
	HttpScan   *http = scan->state;
	HttpChange *change = http->change;
	CkStatus	status = read_reply(scan, change->rule->returns, &change->reply_reader);

	if (status == CK_OK)
		change->reply = http->page->record;
	/* what is no JSON tells of no error in it */
	if (status == CK_ERR_PROTOCOL && !wanted && !change->rule->returns)
		return CK_END;
	if (status == CK_END && change->rule->returns)
	{
		status = ck_fail(scan->session, CK_ERR_PROTOCOL, "the reply to a change of table \"%s\" lacks the record", http->name);
		ck_hint(scan->session, unknown_hint);
	}
	else if (status == CK_ERR_LOST || status == CK_ERR_TIMEOUT || status == CK_ERR_PROTOCOL)
		ck_hint(scan->session, http_judges_whole(http) ? unknown_hint :
				"The change was made at the source. What it says of it could not be read.");
	return status;
}

/* Waits until the change is made. CK_END: nothing is to be returned. */
static CkStatus
finish(CkScan *scan)
{
	HttpScan   *http = scan->state;
	HttpChange *change = http->change;
	const HttpWrites *writes = &http->table->writes;
	bool		returning = scan->ncolumns > 0;
	const CkHttpReply *reply;
	bool		gone,
				there;
	CkStatus	status = wait_reply(scan, &reply, &gone, &there);

	if (status != CK_OK)
		return status;
	/* a row that is gone after it was deleted twice was deleted the first time */
	scan->affected = there || (gone && !(change->kind == CK_DELETE && change->resent)) ? 0 : change->rows;
	if (gone || there)
		return CK_END;
	change->done = true;
	status = CK_END;
	if (is_of_interest(scan, reply, returning))
		status = look_at_reply(scan, returning);
	if (status != CK_OK && status != CK_END)
		return status;
	if (!returning)
		return CK_END;
	if (writes->read_path)
	{
		status = read_record(scan, writes->read_path, writes->read_record, NULL);
		if (status != CK_OK && status != CK_END)
			ck_hint(scan->session, "The change was made at the source. The row could not be read afterwards.");
	}
	else if (change->reply)
		http->page->record = change->reply;
	if (status != CK_END)
		return status;
	ck_fail(scan->session, CK_ERR_PROTOCOL, "the row that was changed in table \"%s\" was not found afterwards", http->name);
	ck_hint(scan->session, "The change was made at the source. Leave RETURNING away.");
	return CK_ERR_PROTOCOL;
}

CkStatus
http_change_next(CkScan *scan, CkRow *row)
{
	HttpChange *change = ((HttpScan *) scan->state)->change;
	CkStatus	status;

	if (change->ended)
		return CK_END;
	change->ended = true;
	status = finish(scan);
	for (uint32_t i = 0; i < scan->ncolumns && status == CK_OK; i++)
		status = http_put(scan, row, i);
	return status;
}

void
http_change_free(HttpScan *http)
{
	HttpChange *change = http->change;

	if (!change)
		return;
	for (uint32_t i = 0; i < change->nplaces; i++)
	{
		free(change->places[i].name);
		free(change->places[i].split);
		free(change->places[i].joined);
	}
	free(change->places);
	json_reader_free(change->base_reader);
	json_reader_free(change->reply_reader);
	free(change);
	http->change = NULL;
}
