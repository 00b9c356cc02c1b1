/*
 * http_transfer.c: hands a request to libcurl, and takes what comes back from it.
 */
#include "http_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes that the library reads from a socket at a time. */
#define READ_SIZE (64 * 1024L)

void
http_transfer_end(CkHttpStream *stream, CURLcode code)
{
	CkHttp	   *http = stream->http;

	if (!stream->code)
		stream->code = code;
	if (!stream->ended && !stream->queued)
	{
		curl_multi_remove_handle(http->multi, stream->easy);
		http->running--;
	}
	stream->queued = false;
	stream->ended = true;
	for (CkHttpStream *s = http->streams; s && http->running < HTTP_RUNNING; s = s->next)
		if (s->queued)
			http_transfer_launch(s);
}

void
http_transfer_launch(CkHttpStream *stream)
{
	stream->queued = false;
	if (curl_multi_add_handle(stream->http->multi, stream->easy) == CURLM_OK)
		stream->http->running++;
	else
	{
		stream->code = CURLE_OUT_OF_MEMORY;
		stream->ended = true;
	}
}

void
http_transfer_forget(CkHttpStream *stream)
{
	for (struct curl_slist *h = stream->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(stream->headers);
	stream->headers = NULL;
	curl_slist_free_all(stream->addresses);
	stream->addresses = NULL;
}

/* Appends to a buffer. false: no memory. */
static bool
buffer_append(HttpBuffer *buffer, const char *data, size_t length)
{
	size_t		room = buffer->room ? buffer->room : 16 * 1024;

	while (room < buffer->size + length)
		room *= 2;
	if (room > buffer->room)
	{
		char	   *larger = malloc(room);

		if (!larger)
			return false;
		if (buffer->size > 0)
			memcpy(larger, buffer->data, buffer->size);
		http_wipe(buffer->data, buffer->room);
		buffer->data = larger;
		buffer->room = room;
	}
	memcpy(buffer->data + buffer->size, data, length);
	buffer->size += length;
	return true;
}

/* A part of the body has come. */
static size_t
transfer_body(char *data, size_t one, size_t length, void *arg)
{
	CkHttpStream *stream = arg;

	(void) one;
	if (!stream->begun)
		stream->code = CURLE_WEIRD_SERVER_REPLY;
	else if (stream->redirects)
	{
		stream->total += length;
		if (stream->total > HTTP_AHEAD)
			stream->code = CURLE_FILESIZE_EXCEEDED;
	}
	else if (stream->ahead.size > 0 && stream->ahead.size + length > HTTP_AHEAD)
	{
		stream->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	else if (!buffer_append(&stream->ahead, data, length))
		stream->code = CURLE_OUT_OF_MEMORY;
	return stream->code ? 0 : length;
}

/* Value of a header line, without blanks around it, if it is that header's; else NULL. */
static const char *
line_value(const char *line, size_t length, const char *name, size_t *value_length)
{
	size_t		size = strlen(name);
	const char *value = line + size + 1;
	const char *end = line + length;

	if (length <= size || line[size] != ':' || strncasecmp(line, name, size) != 0)
		return NULL;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && strchr(" \t\r\n", end[-1]))
		end--;
	*value_length = (size_t) (end - value);
	return value;
}

/* Looks at a line of the headers. */
static void
transfer_header(CkHttpStream *stream, const char *line, size_t length)
{
	CkHttpReply *reply = &stream->reply;
	const char *value;
	size_t		size;

	if (length > 5 && strncasecmp(line, "HTTP/", 5) == 0)
	{
		const char *blank = memchr(line, ' ', length);

		http_wipe(reply->headers, reply->headers_size);
		reply->headers = NULL;
		reply->headers_size = 0;
		reply->status = 0;
		stream->coding = HTTP_PLAIN;
		for (const char *c = blank; c && ++c < line + length && *c >= '0' && *c <= '9' && reply->status < 1000;)
			reply->status = reply->status * 10 + *c - '0';
	}
	else if ((value = line_value(line, length, "Transfer-Encoding", &size)) != NULL &&
			 !(size == 7 && strncasecmp(value, "chunked", size) == 0) &&
			 !(size == 8 && strncasecmp(value, "identity", size) == 0))
		stream->code = CURLE_BAD_CONTENT_ENCODING;
	else if ((value = line_value(line, length, "Content-Encoding", &size)) != NULL)
		stream->coding = stream->coding == HTTP_PLAIN ? http_unpack_coding(value, size) : HTTP_UNKNOWN;
	if (!http_append(&reply->headers, &reply->headers_size, line, length))
		stream->code = CURLE_OUT_OF_MEMORY;
}

/* The headers are complete, of a reply that is not an interim one. */
static void
transfer_headers_end(CkHttpStream *stream)
{
	const CkHttpReply *reply = &stream->reply;
	size_t		length = 0;

	stream->redirects = stream->request->redirects > 0 &&
		(reply->status == 301 || reply->status == 302 || reply->status == 303 || reply->status == 307 ||
		 reply->status == 308) && ck_http_header(reply, "Location", &length) != NULL && length > 0;
	if (stream->redirects || strcmp(stream->request->method, "HEAD") == 0)
		stream->coding = HTTP_PLAIN;
	if (stream->coding == HTTP_UNKNOWN)
		stream->code = CURLE_BAD_CONTENT_ENCODING;
	else if (stream->coding != HTTP_PLAIN && !(stream->unpack = http_unpack_new(stream->coding)))
		stream->code = CURLE_OUT_OF_MEMORY;
	stream->begun = stream->code == CURLE_OK;
}

/* A line of the headers, or of the trailers, has come. */
static size_t
transfer_header_line(char *data, size_t one, size_t length, void *arg)
{
	CkHttpStream *stream = arg;

	(void) one;
	stream->header_bytes += length;
	if (stream->header_bytes > HTTP_HEADERS_LIMIT)
		stream->code = stream->begun ? CURLE_WEIRD_SERVER_REPLY : CURLE_FILESIZE_EXCEEDED;
	else if (!stream->begun)
	{
		transfer_header(stream, data, length);
		if (!stream->code && (data[0] == '\r' || data[0] == '\n') && stream->reply.status >= 200)
			transfer_headers_end(stream);
	}
	return stream->code ? 0 : length;
}

/* The library is about to connect: makes the socket, where that address may be connected to. */
static curl_socket_t
transfer_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	CkHttpStream *stream = data;
	const HttpTarget *target = stream->proxy.url ? &stream->proxy : &stream->target;
	char		numeric[NI_MAXHOST];

	(void) purpose;
	if (getnameinfo(&address->addr, address->addrlen, numeric, sizeof(numeric), NULL, 0, NI_NUMERICHOST) != 0)
		return CURL_SOCKET_BAD;
	if (ck_reachable(stream->session, target->host, target->port, numeric) != CK_OK)
	{
		memcpy(stream->refused, numeric, sizeof(numeric));
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The connection stands, and TLS begins. */
static CURLcode
transfer_begin_tls(CURL *easy, void *context, void *data)
{
	CkHttpStream *stream = data;

	(void) easy;
	(void) context;
	ck_stage(stream->session, CK_STAGE_TLS, NULL);
	return CURLE_OK;
}

/* Copies headers for the library. One that holds a line's end would be two. */
static CkStatus
transfer_add_headers(CkHttpStream *stream, const char *const *headers)
{
	for (; headers && *headers; headers++)
	{
		struct curl_slist *longer;

		for (const char *c = *headers; *c; c++)
		{
			if ((unsigned char) *c < ' ' && *c != '\t')
				return ck_fail(stream->session, CK_ERR_OPTION,
							   "a value for a header of the request is more than one line");
		}
		longer = curl_slist_append(stream->headers, *headers);
		if (!longer)
			return ck_fail(stream->session, CK_ERR_MEMORY, "out of memory");
		stream->headers = longer;
	}
	return CK_OK;
}

/* Sets what the options tell of TLS. */
static void
transfer_set_tls(CkHttpStream *stream)
{
	const CkHttpTls *tls = stream->http->tls;
	CURL	   *easy = stream->easy;
	bool		newest = strcmp(tls->min_version, "TLSv1.3") == 0;

	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) (newest ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, strcmp(tls->sslmode, "require") != 0 ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, strcmp(tls->sslmode, "verify-full") == 0 ? 2L : 0L);
	if (tls->sslrootcert)
	{
		curl_easy_setopt(easy, CURLOPT_CAINFO, tls->sslrootcert);
		/* else the system's authorities are trusted too */
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (tls->sslcert)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->sslcert);
	if (tls->sslkey)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->sslkey);
	/* a key with a passphrase is an error, not a question at the terminal */
	curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, transfer_begin_tls);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, stream);
}

/* The library tells what it does: counts the requests that it sends. */
static int
transfer_debug(CURL *easy, curl_infotype type, char *data, size_t size, void *arg)
{
	CkHttpStream *stream = arg;

	(void) easy;
	if (type == CURLINFO_HEADER_OUT && !(size > 8 && memcmp(data, "CONNECT ", 8) == 0))
		stream->reply.sends++;
	return 0;
}

/* Sets method, headers and body. */
static void
transfer_set_request(CkHttpStream *stream)
{
	const CkHttpRequest *request = stream->request;
	CURL	   *easy = stream->easy;

	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (request->body || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0)
	{
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_size);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
	if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
	{
		curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, transfer_debug);
		curl_easy_setopt(easy, CURLOPT_DEBUGDATA, stream);
		curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(easy, CURLOPT_URL, stream->target.url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, stream->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "connkit");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	/* a connection that was kept may be closed just now, and the library sends the request again */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->once ? 1L : 0L);
}

/* Readies the handle for one transfer. */
static void
transfer_set(CkHttpStream *stream)
{
	CURL	   *easy = stream->easy;

	curl_easy_reset(easy);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, stream);
	curl_easy_setopt(easy, CURLOPT_SHARE, stream->http->share);
	curl_easy_setopt(easy, CURLOPT_PROXY, stream->proxy.url ? stream->proxy.url : "");
	/* else the environment's is used */
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_RESOLVE, stream->addresses);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, transfer_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, stream);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	/* limits are those of the waits; the library has one of its own where it is told none */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 86400000L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_SIZE);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, transfer_header_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, stream);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, transfer_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, stream);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, stream->message);
	transfer_set_tls(stream);
	transfer_set_request(stream);
}

/* What the library says of a transfer. Of a line of the headers that is beyond its own limit it says that it has no memory, or
 * (100) that it is too large. */
static CURLcode
transfer_result(const CkHttpStream *stream, CURLcode code)
{
	bool		headers = stream->header_bytes > 0 && !stream->begun;

	return headers && (code == CURLE_OUT_OF_MEMORY || (int) code == 100) ? CURLE_FILESIZE_EXCEEDED : code;
}

/* Ends the streams of which the library tells that they are at their end. */
static void
transfer_collect(CkHttp *http)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
	{
		CkHttpStream *stream;

		if (message->msg == CURLMSG_DONE &&
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &stream) == CURLE_OK)
			http_transfer_end(stream, transfer_result(stream, message->data.result));
	}
}

CkStatus
http_transfer_start(CkHttpStream *stream)
{
	/* what the library would send beside, and what it would not unpack piece by piece */
	static const char *const own[] = {"Accept-Encoding: gzip, deflate", "Expect:", NULL};
	const HttpTarget *target = &stream->target;
	const CkHttpRequest *request = stream->request;
	char		where[sizeof(target->host) + 16];
	CkStatus	status;
	int			running;

	http_transfer_forget(stream);
	stream->begun = stream->redirects = false;
	stream->header_bytes = 0;
	stream->total = 0;
	stream->refused[0] = stream->message[0] = '\0';
	status = http_target_find(stream);
	if (status == CK_OK)
		status = transfer_add_headers(stream, own);
	if (status == CK_OK)
		status = transfer_add_headers(stream, request->headers);
	if (status == CK_OK && !stream->reply.elsewhere)
		status = transfer_add_headers(stream, request->secret_headers);
	if (status != CK_OK)
		return status;
	snprintf(where, sizeof(where), "%s, port %d", target->host, target->port);
	ck_stage(stream->session, CK_STAGE_CONNECT, where);
	transfer_set(stream);
	stream->ended = false;
	stream->queued = !ck_http_has_room(stream->http);
	if (stream->queued)
		return CK_OK;
	http_transfer_launch(stream);
	curl_multi_socket_action(stream->http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	transfer_collect(stream->http);
	return CK_OK;
}

void
http_transfer_drive(CkHttp *http)
{
	struct epoll_event events[16];
	int			running;
	int			count = epoll_wait(http->epoll, events, 16, 0);

	for (int i = 0; i < count; i++)
	{
		uint32_t	what = events[i].events;
		uint64_t	expirations;

		if (events[i].data.fd != http->timer)
			curl_multi_socket_action(http->multi, events[i].data.fd,
									 (what & EPOLLIN ? CURL_CSELECT_IN : 0) | (what & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
									 (what & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0), &running);
		else if (read(http->timer, &expirations, sizeof(expirations)) > 0)
			curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	transfer_collect(http);
}
