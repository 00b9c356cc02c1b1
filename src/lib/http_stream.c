/*
 * http_stream.c: requests on their way, and replies that are read as they come.
 *
 * The library writes what has come to stream->ahead, whichever stream is waited for, and is paused where that is full. The
 * reader takes ahead as a whole, and leaves its own buffer in its place.
 */
#include "http_private.h"

#include <stdlib.h>
#include <string.h>

/* Turns the target to where its reply redirects to, if that may be followed. */
static CkStatus
stream_turn(CkHttpStream *stream)
{
	CkSession  *session = stream->session;
	const CkHttpRequest *request = stream->request;
	HttpTarget *target = &stream->target;
	CkHttpReply *reply = &stream->reply;
	HttpTarget	next;
	bool		plain = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
	bool		kept = plain || reply->status == 307 || reply->status == 308;
	bool		elsewhere;
	char	   *url = NULL;
	CkStatus	status = CK_OK;

	if (stream->followed++ == request->redirects)
	{
		status = ck_fail(session, CK_ERR_PROTOCOL, "\"%s\", port %d redirects more than %d times", target->host,
						 target->port, request->redirects);
		ck_hint(session, "Check the address: it should be where the service itself answers.");
		return status;
	}
	curl_easy_getinfo(stream->easy, CURLINFO_REDIRECT_URL, &url);
	if (!url || http_target_read(session, url, false, &next) != CK_OK)
		return ck_fail(session, CK_ERR_PROTOCOL, "\"%s\", port %d redirects to what is no http or https address",
					   target->host, target->port);
	elsewhere = next.tls != target->tls || next.port != target->port || strcasecmp(next.host, target->host) != 0;
	if (target->tls && !next.tls)
		status = ck_fail(session, CK_ERR_PROTOCOL, "\"%s\", port %d redirects from https to http", target->host,
						 target->port);
	else if (!kept || (elsewhere && (!plain || request->body)))
		status = ck_fail(session, CK_ERR_PROTOCOL, "\"%s\", port %d redirects a request that cannot be sent on to \"%s\", "
						 "port %d", target->host, target->port, next.host, next.port);
	if (status != CK_OK)
	{
		ck_hint(session, "Check the address: it should be where the service itself answers.");
		free(next.url);
		return status;
	}
	free(target->url);
	*target = next;
	elsewhere |= reply->elsewhere;
	ck_http_reply_free(reply);
	reply->elsewhere = elsewhere;
	return CK_OK;
}

CkStatus
ck_http_begin(CkSession *session, CkHttp *http, const CkHttpRequest *request, CkHttpStream **result)
{
	CkHttpStream *stream = calloc(1, sizeof(*stream)),
			  **last;
	CkStatus	status;

	*result = NULL;
	if (!stream)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	for (last = &http->streams; *last;)
		last = &(*last)->next;
	*last = stream;
	stream->session = session;
	stream->http = http;
	stream->request = request;
	stream->ended = true;
	stream->easy = curl_easy_init();
	status = stream->easy ? CK_OK : ck_fail(session, CK_ERR_MEMORY, "out of memory");
	if (status == CK_OK)
		status = http_target_read(session, request->url, false, &stream->target);
	if (status == CK_OK && http->proxy)
		status = http_target_read(session, http->proxy, true, &stream->proxy);
	if (status == CK_OK)
		status = http_transfer_start(stream);
	if (status == CK_OK)
		*result = stream;
	else
		ck_http_close(stream);
	return status;
}

bool
ck_http_has_room(const CkHttp *http)
{
	return http->running < HTTP_RUNNING;
}

void
ck_http_close(CkHttpStream *stream)
{
	CkHttpStream **link;

	if (!stream)
		return;
	for (link = &stream->http->streams; *link != stream;)
		link = &(*link)->next;
	*link = stream->next;
	http_transfer_end(stream, CURLE_ABORTED_BY_CALLBACK);
	if (stream->easy)
		curl_easy_cleanup(stream->easy);
	http_transfer_forget(stream);
	ck_http_reply_free(&stream->reply);
	http_unpack_free(stream->unpack);
	http_wipe(stream->ahead.data, stream->ahead.room);
	http_wipe(stream->given.data, stream->given.room);
	free(stream->target.url);
	free(stream->proxy.url);
	free(stream);
}

/* No more is read; the first reason stays. */
static void
stream_break(CkHttpStream *stream, CURLcode code)
{
	http_transfer_end(stream, code);
	stream->begun = stream->told;
	stream->redirects = false;
	stream->piece_size = 0;
	stream->ahead.size = 0;
	stream->taken = stream->given.size;
	http_unpack_free(stream->unpack);
	stream->unpack = NULL;
}

/* Waits for something to happen, and lets it happen. until_ms is of who calls; the session's own deadline precedes it. */
static CkStatus
stream_wait(CkHttpStream *stream, int64_t until_ms)
{
	CkSession  *session = stream->session;
	int64_t		deadline_ms = session->deadline_ms;
	CkStatus	status;

	if (stream->queued)
		http_transfer_launch(stream);
	if (!deadline_ms)
		session->deadline_ms = until_ms;
	status = ck_wait(session, stream->http->epoll, CK_READABLE);
	session->deadline_ms = deadline_ms;
	if (status == CK_OK)
		http_transfer_drive(stream->http);
	else if (status == CK_ERR_TIMEOUT && !deadline_ms && stream->header_bytes > 0)
		status = http_error_tell(stream, CURLE_OPERATION_TIMEDOUT);
	return status;
}

/* When a call that begins now has to end. */
static int64_t
stream_until(const CkHttpStream *stream)
{
	CkSession  *session = stream->session;

	if (stream->until_ms || !session->query_timeout_ms)
		return stream->until_ms;
	return ck_now_ms(session) + session->query_timeout_ms;
}

/* Tells, once, of TLS what connkit_test() shows. */
static void
stream_report_tls(CkHttpStream *stream)
{
	CkSession  *session = stream->session;
	const char *mode = stream->http->tls->sslmode;

	if (stream->http->reported)
		return;
	stream->http->reported = true;
	if (!stream->target.tls)
	{
		ck_stage(session, CK_STAGE_TLS, "not used");
		ck_warn(session, "the connection is not encrypted", "Let the address begin with https://.");
	}
	else if (strcmp(mode, "require") == 0)
	{
		ck_stage(session, CK_STAGE_TLS, "certificate not verified");
		ck_warn(session, "anybody may stand between", "Set the server's option sslmode to \"verify-full\".");
	}
	else
		ck_stage(session, CK_STAGE_TLS,
				 strcmp(mode, "verify-ca") == 0 ? "certificate verified" : "certificate and host name verified");
}

/* Whether the headers are there, or never will be. Of a redirect the body has to come too, so that the connection is kept. */
static bool
stream_begun(const CkHttpStream *stream)
{
	return stream->ended || (stream->begun && !stream->redirects);
}

CkStatus
ck_http_reply(CkHttpStream *stream, const CkHttpReply **reply)
{
	int64_t		until_ms = stream_until(stream);
	CkStatus	status = CK_OK;

	while (!stream->told)
	{
		while (status == CK_OK && !stream_begun(stream))
			status = stream_wait(stream, until_ms);
		if (status == CK_OK && (!stream->begun || (stream->redirects && stream->code)))
			status = http_error_tell(stream, stream->code ? stream->code : CURLE_GOT_NOTHING);
		if (status == CK_OK && stream->redirects)
		{
			status = stream_turn(stream);
			if (status == CK_OK)
				status = http_transfer_start(stream);
			if (status != CK_OK)
				stream_break(stream, CURLE_TOO_MANY_REDIRECTS);
		}
		else if (status == CK_OK)
		{
			memcpy(stream->reply.host, stream->target.host, sizeof(stream->reply.host));
			stream->reply.port = stream->target.port;
			stream_report_tls(stream);
			stream->told = true;
		}
		if (status != CK_OK)
			return status;
	}
	*reply = &stream->reply;
	return CK_OK;
}

/* Takes what has come for reading, and lets the library go on. */
static void
stream_take(CkHttpStream *stream)
{
	HttpBuffer	empty = stream->given;
	CURLcode	code;

	stream->given = stream->ahead;
	stream->taken = 0;
	empty.size = 0;
	stream->ahead = empty;
	if (!stream->paused || stream->ended)
		return;
	stream->paused = false;
	/* which may fill ahead at once */
	code = curl_easy_pause(stream->easy, CURLPAUSE_CONT);
	if (code != CURLE_OK)
		http_transfer_end(stream, code);
}

/* Makes the next piece of the body from what has come. false: there is none yet; true, and no piece: the end. */
static bool
stream_fill(CkHttpStream *stream)
{
	size_t		left = 1;

	while (stream->piece_size == 0 && (left > 0 || stream->ahead.size > 0))
	{
		const char *data;
		CURLcode	code = CURLE_OK;

		if (stream->taken == stream->given.size && stream->ahead.size > 0)
			stream_take(stream);
		data = stream->given.data + stream->taken;
		left = stream->given.size - stream->taken;
		if (stream->unpack)
			code = http_unpack_run(stream->unpack, &data, &left, &stream->piece, &stream->piece_size);
		else
		{
			stream->piece = data;
			stream->piece_size = left;
			left = 0;
		}
		stream->taken = stream->given.size - left;
		stream->total += stream->piece_size;
		if (!code && stream->request->limit && stream->total > stream->request->limit)
			code = CURLE_FILESIZE_EXCEEDED;
		if (code)
			stream_break(stream, code);
	}
	if (stream->piece_size == 0 && stream->ended && stream->unpack && !http_unpack_complete(stream->unpack))
		stream_break(stream, CURLE_PARTIAL_FILE);
	return stream->piece_size > 0 || stream->ended;
}

CkStatus
ck_http_read(CkHttpStream *stream, const char **data, size_t *size)
{
	const CkHttpReply *reply;
	int64_t		until_ms = stream_until(stream);
	CkStatus	status = stream->told ? CK_OK : ck_http_reply(stream, &reply);

	*data = NULL;
	*size = 0;
	while (status == CK_OK && !stream_fill(stream))
		status = stream_wait(stream, until_ms);
	if (status != CK_OK)
		return status;
	if (stream->piece_size > 0)
	{
		*data = stream->piece;
		*size = stream->piece_size;
		stream->piece_size = 0;
		return CK_OK;
	}
	return stream->code ? http_error_tell(stream, stream->code) : CK_END;
}

/* Whether none of those under way can go on before it is read. */
static bool
stream_all_paused(const CkHttp *http)
{
	for (const CkHttpStream *s = http->streams; s; s = s->next)
		if (!s->queued && !s->ended && !s->paused)
			return false;
	return true;
}

bool
ck_http_pending(CkHttpStream *stream, int *socket)
{
	*socket = stream->http->epoll;
	if (stream->queued && stream_all_paused(stream->http))
		http_transfer_launch(stream);
	if (stream->told ? stream_fill(stream) : stream_begun(stream))
		return false;
	http_transfer_drive(stream->http);
	return !(stream->told ? stream_fill(stream) : stream_begun(stream));
}
