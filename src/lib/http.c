/*
 * http.c: HTTP requests for connectors, on libcurl; they wait by ck_wait() and connect only where they may.
 */
#include "http_private.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The library wants to know of a socket. */
static int
http_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused)
{
	CkHttp	   *http = data;
	struct epoll_event event = {.data.fd = fd};

	(void) easy;
	(void) unused;
	if (what == CURL_POLL_REMOVE)
	{
		epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, &event);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(http->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	return epoll_ctl(http->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* The library wants to be called in so many milliseconds; -1: no more. */
static int
http_timer(CURLM *multi, long ms, void *data)
{
	CkHttp	   *http = data;
	struct itimerspec when = {0};

	(void) multi;
	if (ms > 0)
		when.it_value = (struct timespec) {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	else if (ms == 0)
		when.it_value.tv_nsec = 1;
	return timerfd_settime(http->timer, 0, &when, NULL);
}

CkHttp *
ck_http_new(const CkHttpTls *tls)
{
	static bool ready = false;
	CkHttp	   *http = calloc(1, sizeof(*http));
	struct epoll_event event = {.events = EPOLLIN};

	if (!http)
		return NULL;
	if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		ready = true;
	http->tls = tls;
	http->epoll = epoll_create1(EPOLL_CLOEXEC);
	http->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	event.data.fd = http->timer;
	if (!ready || http->epoll < 0 || http->timer < 0 ||
		epoll_ctl(http->epoll, EPOLL_CTL_ADD, http->timer, &event) != 0 ||
		!(http->multi = curl_multi_init()) || !(http->share = curl_share_init()))
	{
		ck_http_free(http);
		return NULL;
	}
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, http_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, http_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long) HTTP_RUNNING);
	/* a stream that is paused would hold up the others of its connection */
	curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_NOTHING);
	curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	return http;
}

void
ck_http_set_proxy(CkHttp *http, const char *url)
{
	http->proxy = url;
}

void
ck_http_free(CkHttp *http)
{
	if (!http)
		return;
	if (http->multi)
		curl_multi_cleanup(http->multi);
	if (http->share)
		curl_share_cleanup(http->share);
	if (http->timer >= 0)
		close(http->timer);
	if (http->epoll >= 0)
		close(http->epoll);
	free(http);
}

void
http_wipe(char *memory, size_t size)
{
	if (memory)
		explicit_bzero(memory, size);
	free(memory);
}

void
ck_http_reply_free(CkHttpReply *reply)
{
	http_wipe(reply->headers, reply->headers_size);
	http_wipe(reply->body, reply->size);
	memset(reply, 0, sizeof(*reply));
}

bool
http_append(char **text, size_t *size, const char *data, size_t length)
{
	size_t		room = 1;
	size_t		old = *text ? 1 : 0;

	while (old && old < *size + 1)
		old *= 2;
	while (room < *size + length + 1)
		room *= 2;
	if (room > old)
	{
		char	   *larger = malloc(room);

		if (!larger)
			return false;
		if (*size > 0)
			memcpy(larger, *text, *size);
		http_wipe(*text, *size);
		*text = larger;
	}
	if (length > 0)
		memcpy(*text + *size, data, length);
	*size += length;
	(*text)[*size] = '\0';
	return true;
}

/* The value of the first header of that name, from a line on. */
static const char *
find_header(const char *line, const char *name, size_t *length)
{
	size_t		size = strlen(name);

	while (line && *line)
	{
		size_t		end = strcspn(line, "\r\n");

		if (end > size && line[size] == ':' && strncasecmp(line, name, size) == 0)
		{
			const char *value = line + size + 1;

			value += strspn(value, " \t");
			*length = (size_t) (line + end - value);
			return value;
		}
		line += end;
		line += strspn(line, "\r\n");
	}
	return NULL;
}

const char *
ck_http_header(const CkHttpReply *reply, const char *name, size_t *length)
{
	return find_header(reply->headers, name, length);
}

const char *
ck_http_next_header(const char *value, const char *name, size_t *length)
{
	return find_header(value + strcspn(value, "\r\n"), name, length);
}

/* Reads the whole body of a reply. */
static CkStatus
http_read_all(CkHttpStream *stream, size_t limit, CkHttpReply *reply)
{
	const char *data;
	size_t		size;
	CkStatus	status;

	while ((status = ck_http_read(stream, &data, &size)) == CK_OK)
	{
		if (size > limit - reply->size)
			return http_error_tell(stream, CURLE_FILESIZE_EXCEEDED);
		if (!http_append(&reply->body, &reply->size, data, size))
			return http_error_tell(stream, CURLE_OUT_OF_MEMORY);
	}
	if (status == CK_END)
		status = http_append(&reply->body, &reply->size, "", 0) ? CK_OK : http_error_tell(stream, CURLE_OUT_OF_MEMORY);
	return status;
}

CkStatus
ck_http_send(CkSession *session, CkHttp *http, const CkHttpRequest *request, CkHttpReply *reply)
{
	int64_t		until_ms = session->query_timeout_ms ? ck_now_ms(session) + session->query_timeout_ms : 0;
	const CkHttpReply *begun;
	CkHttpStream *stream;
	CkStatus	status;

	memset(reply, 0, sizeof(*reply));
	status = ck_http_begin(session, http, request, &stream);
	if (status != CK_OK)
		return status;
	stream->until_ms = until_ms;
	status = ck_http_reply(stream, &begun);
	if (status == CK_OK)
	{
		*reply = stream->reply;
		memset(&stream->reply, 0, sizeof(stream->reply));
		status = http_read_all(stream, request->limit, reply);
	}
	ck_http_close(stream);
	return status;
}

CkStatus
ck_http_fail(CkSession *session, const CkHttpReply *reply)
{
	return ck_http_fail_as(session, reply, reply->status, NULL);
}

CkStatus
ck_http_fail_as(CkSession *session, const CkHttpReply *reply, int meaning, const char *text)
{
	CkStatus	status = CK_ERR_QUERY;
	const char *hint = NULL;

	switch (meaning)
	{
		case 401:
			status = CK_ERR_AUTH;
			hint = "Check the credentials in the user mapping.";
			break;
		case 403:
			status = CK_ERR_PRIVILEGE;
			hint = "The account lacks the right to do this.";
			break;
		case 404:
		case 410:
			status = CK_ERR_NOT_FOUND;
			break;
		case 408:
		case 429:
			status = CK_ERR_BUSY;
			hint = "Try again later.";
			break;
		case 502:
		case 503:
		case 504:
			status = CK_ERR_CONNECT;
			hint = "The service is not available at present, or what stands before it does not reach it. Try again later.";
			break;
		default:
			if (meaning >= 300 && meaning < 400)
			{
				status = CK_ERR_PROTOCOL;
				hint = "It redirects. Check the address: it should be where the service itself answers.";
			}
			break;
	}
	ck_fail(session, status, "\"%s\", port %d answered with HTTP status %d%s%s%s", reply->host, reply->port, reply->status,
			reply->status < 300 ? " and an error" : "", text ? ": " : "", text ? text : "");
	if (hint)
		ck_hint(session, hint);
	return status;
}
