/*
 * http.c: HTTP requests for connectors, on libcurl; they wait by ck_wait() and connect only where they may.
 */
#include "http.h"
#include "resolve.h"

#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Bytes of all headers of a reply. */
#define HEADERS_LIMIT (64 * 1024)
/* Milliseconds for which the addresses of a host are not asked for again. */
#define ADDRESS_MS 60000
/* Milliseconds by which the library's limit on the whole is behind that of the wait at its end, which tells better. */
#define GRACE_MS 100

/* One place to connect to. */
typedef struct Target
{
	char	   *url;
	bool		tls;
	char		host[256];		/* without the brackets of an IPv6 address */
	int			port;
} Target;

struct CkHttp
{
	const CkHttpTls *tls;
	CURLM	   *multi;
	CURL	   *easy;
	int			epoll;			/* holds the library's sockets and the timer: all that a transfer waits for */
	int			timer;
	char		host[256];		/* whose addresses were found at */
	int			port;
	int64_t		found_ms;
	struct curl_slist *addresses;	/* in the form of CURLOPT_RESOLVE; NULL: the host is an address itself */
	bool		reported;		/* how TLS is used was told */
};

/* A request on its way. */
typedef struct Transfer
{
	CkSession  *session;
	const CkHttpRequest *request;
	CkHttpReply *reply;
	Target	   *target;
	struct curl_slist *headers;
	CkStatus	status;			/* what ended it, already told */
	bool		too_large;
	bool		no_memory;
	char		message[CURL_ERROR_SIZE];
} Transfer;

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
		!(http->multi = curl_multi_init()) || !(http->easy = curl_easy_init()))
	{
		ck_http_free(http);
		return NULL;
	}
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, http_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, http_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 2L);
	return http;
}

void
ck_http_free(CkHttp *http)
{
	if (!http)
		return;
	if (http->easy)
		curl_easy_cleanup(http->easy);
	if (http->multi)
		curl_multi_cleanup(http->multi);
	curl_slist_free_all(http->addresses);
	if (http->timer >= 0)
		close(http->timer);
	if (http->epoll >= 0)
		close(http->epoll);
	free(http);
}

/* Frees memory that may have held a secret. */
static void
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

/* Appends to a text that ends in NUL; the room is the next power of two. false: no memory. */
static bool
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

/* A part of the body has come; anything but its length ends the transfer. */
static size_t
http_body(char *data, size_t one, size_t length, void *arg)
{
	Transfer   *t = arg;

	(void) one;
	t->too_large = length > t->request->limit - t->reply->size;
	t->no_memory = !t->too_large && !http_append(&t->reply->body, &t->reply->size, data, length);
	return t->too_large || t->no_memory ? 0 : length;
}

/* A line of the headers has come. */
static size_t
http_header_line(char *data, size_t one, size_t length, void *arg)
{
	Transfer   *t = arg;

	(void) one;
	if (length > 5 && strncasecmp(data, "HTTP/", 5) == 0)
	{
		http_wipe(t->reply->headers, t->reply->headers_size);
		t->reply->headers = NULL;
		t->reply->headers_size = 0;
	}
	t->too_large = length > HEADERS_LIMIT - t->reply->headers_size;
	t->no_memory = !t->too_large && !http_append(&t->reply->headers, &t->reply->headers_size, data, length);
	return t->too_large || t->no_memory ? 0 : length;
}

const char *
ck_http_header(const CkHttpReply *reply, const char *name, size_t *length)
{
	size_t		size = strlen(name);
	const char *line = reply->headers;

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

/* The library is about to connect: makes the socket, where that address may be connected to. */
static curl_socket_t
http_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	Transfer   *t = data;
	char		numeric[NI_MAXHOST];

	(void) purpose;
	if (getnameinfo(&address->addr, address->addrlen, numeric, sizeof(numeric), NULL, 0, NI_NUMERICHOST) != 0)
		return CURL_SOCKET_BAD;
	t->status = ck_reachable(t->session, t->target->host, t->target->port, numeric);
	if (t->status != CK_OK)
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The connection stands, and TLS begins. */
static CURLcode
http_begin_tls(CURL *easy, void *context, void *data)
{
	Transfer   *t = data;

	(void) easy;
	(void) context;
	ck_stage(t->session, CK_STAGE_TLS, NULL);
	return CURLE_OK;
}

/* Reads a URL: its host and port. target->url is the caller's to free. */
static CkStatus
http_target(CkSession *session, const char *url, Target *target)
{
	CURLU	   *parts = curl_url();
	char	   *scheme = NULL,
			   *host = NULL,
			   *port = NULL,
			   *user = NULL;
	size_t		length;
	bool		good;

	memset(target, 0, sizeof(*target));
	if (!parts)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	good = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
		curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
		/* what lacks a slash is put right by the library, and read in another way by others */
		strncmp(url + strlen(scheme), "://", 3) == 0 &&
		curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		strlen(host) < sizeof(target->host);
	if (good)
	{
		length = strlen(host);
		target->tls = strcmp(scheme, "https") == 0;
		target->port = atoi(port);
		if (host[0] == '[' && host[length - 1] == ']')
			snprintf(target->host, sizeof(target->host), "%.*s", (int) length - 2, host + 1);
		else
			snprintf(target->host, sizeof(target->host), "%s", host);
		target->url = strdup(url);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_url_cleanup(parts);
	if (good && target->url)
		return CK_OK;
	if (good)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	ck_fail(session, CK_ERR_OPTION, "the address is no URL that can be used");
	ck_hint(session, "Write it as https://host or https://host:port, without a user and a password.");
	return CK_ERR_OPTION;
}

/* Finds the addresses of the target's host, for the library, which must not look itself. */
static CkStatus
http_addresses(CkSession *session, CkHttp *http, const Target *target)
{
	char		addresses[CK_ADDRESS_SIZE];
	char		entry[sizeof(addresses) + sizeof(target->host) + 16];
	CkStatus	status;

	if (http->found_ms && http->port == target->port && strcmp(http->host, target->host) == 0 &&
		ck_now_ms(session) < http->found_ms + ADDRESS_MS)
		return CK_OK;
	http->found_ms = 0;
	curl_slist_free_all(http->addresses);
	http->addresses = NULL;
	status = ck_resolve(session, target->host, target->port, addresses, sizeof(addresses));
	if (status != CK_OK)
		return status;
	/* a host that is an address is looked up by nobody */
	if (strcmp(addresses, target->host) != 0 && !strchr(target->host, ':'))
	{
		snprintf(entry, sizeof(entry), "%s:%d:%s", target->host, target->port, addresses);
		http->addresses = curl_slist_append(NULL, entry);
		if (!http->addresses)
			return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	}
	memcpy(http->host, target->host, sizeof(http->host));
	http->port = target->port;
	http->found_ms = ck_now_ms(session);
	return CK_OK;
}

/* Copies headers for the library. One that holds a line's end would be two. */
static CkStatus
http_headers(Transfer *t, const char *const *headers)
{
	for (; headers && *headers; headers++)
	{
		struct curl_slist *longer;

		for (const char *c = *headers; *c; c++)
		{
			if ((unsigned char) *c < ' ' && *c != '\t')
				return ck_fail(t->session, CK_ERR_OPTION, "a value for a header of the request is more than one line");
		}
		longer = curl_slist_append(t->headers, *headers);
		if (!longer)
			return ck_fail(t->session, CK_ERR_MEMORY, "out of memory");
		t->headers = longer;
	}
	return CK_OK;
}

/* Sets what the options tell of TLS. */
static void
http_set_tls(CkHttp *http, Transfer *t)
{
	const CkHttpTls *tls = http->tls;
	CURL	   *easy = http->easy;
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
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, http_begin_tls);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
}

/* Sets method, headers and body. */
static void
http_set_request(CkHttp *http, const Transfer *t)
{
	const CkHttpRequest *request = t->request;
	CURL	   *easy = http->easy;

	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (request->body || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0)
	{
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_size);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(easy, CURLOPT_URL, t->target->url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "connkit");
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
}

/* Readies the handle for one transfer. */
static void
http_set(CkHttp *http, Transfer *t)
{
	CkSession  *session = t->session;
	CURL	   *easy = http->easy;
	int64_t		limit_ms = session->query_timeout_ms;

	if (session->deadline_ms)
		limit_ms = session->deadline_ms > ck_now_ms(session) ? session->deadline_ms - ck_now_ms(session) : 1;
	if (limit_ms)
		limit_ms += GRACE_MS;
	curl_easy_reset(easy);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_RESOLVE, http->addresses);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) limit_ms);
	/* the library has a limit of its own for connecting where it is told none */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) (limit_ms ? limit_ms : 86400000));
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_header_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->message);
	http_set_tls(http, t);
	http_set_request(http, t);
}

/* Runs the transfer to its end. CK_OK: *code tells how it ended. */
static CkStatus
http_run(CkSession *session, CkHttp *http, CURLcode *code)
{
	struct epoll_event events[8];
	CURLMsg    *message;
	CkStatus	status = CK_OK;
	int			running = 1;
	int			left;

	*code = CURLE_FAILED_INIT;
	if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
		return CK_OK;
	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	while (running > 0 && status == CK_OK)
	{
		int			count;

		status = ck_wait(session, http->epoll, CK_READABLE);
		count = status == CK_OK ? epoll_wait(http->epoll, events, 8, 0) : 0;
		for (int i = 0; i < count; i++)
		{
			uint32_t	what = events[i].events;
			uint64_t	expirations;

			if (events[i].data.fd != http->timer)
				curl_multi_socket_action(http->multi, events[i].data.fd,
										 (what & EPOLLIN ? CURL_CSELECT_IN : 0) |
										 (what & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
										 (what & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0), &running);
			else if (read(http->timer, &expirations, sizeof(expirations)) > 0)
				curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		}
	}
	while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
	{
		if (message->msg == CURLMSG_DONE)
			*code = message->data.result;
	}
	curl_multi_remove_handle(http->multi, http->easy);
	return status;
}

/* Tells an error of TLS. */
static CkStatus
http_fail_tls(Transfer *t, CURLcode code)
{
	CkSession  *session = t->session;

	if (code == CURLE_SSL_CACERT_BADFILE)
	{
		ck_fail(session, CK_ERR_TLS, "the certificates of the authorities to trust cannot be read");
		ck_hint(session, "The option sslrootcert names a file of certificates in PEM form, that the database server may read.");
	}
	else if (code == CURLE_SSL_CERTPROBLEM)
	{
		ck_fail(session, CK_ERR_TLS, "the client's certificate or its key cannot be used");
		ck_hint(session, "The options sslcert and sslkey name files in PEM form that belong together, the key without a "
				"passphrase.");
	}
	else
	{
		ck_fail(session, CK_ERR_TLS, "no TLS with \"%s\", port %d: %s", t->target->host, t->target->port,
				t->message[0] ? t->message : curl_easy_strerror(code));
		ck_hint(session, "Check sslmode, sslrootcert, sslcert and sslkey, that the certificate is for this host name, and that "
				"the port is one for https.");
	}
	return CK_ERR_TLS;
}

/* Tells why no reply came. */
static CkStatus
http_fail_transfer(CkHttp *http, Transfer *t, CURLcode code)
{
	CkSession  *session = t->session;
	const Target *target = t->target;
	long		error = 0;

	if (t->status != CK_OK)
		return t->status;
	if (t->no_memory || code == CURLE_OUT_OF_MEMORY)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	if (t->too_large)
	{
		ck_fail(session, CK_ERR_PROTOCOL, "the reply of \"%s\", port %d is larger than %zu bytes", target->host, target->port,
				t->reply->headers_size + t->request->limit);
		ck_hint(session, "Check that host, port and path are those of the service that is meant.");
		return CK_ERR_PROTOCOL;
	}
	switch (code)
	{
		case CURLE_COULDNT_CONNECT:
			curl_easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &error);
			ck_fail(session, CK_ERR_CONNECT, "could not connect to \"%s\", port %d: %s", target->host, target->port,
					error ? strerror((int) error) : curl_easy_strerror(code));
			ck_hint(session, "Check host, port and firewall, and that the service runs.");
			return CK_ERR_CONNECT;
		case CURLE_OPERATION_TIMEDOUT:
			ck_fail(session, CK_ERR_TIMEOUT, "\"%s\", port %d did not send its whole reply in time", target->host,
					target->port);
			ck_hint(session, "Raise the server's options connect_timeout or query_timeout, or look at its load.");
			return CK_ERR_TIMEOUT;
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
			return http_fail_tls(t, code);
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_PARTIAL_FILE:
			ck_fail(session, CK_ERR_LOST, "\"%s\", port %d closed the connection before its reply was complete",
					target->host, target->port);
			ck_hint(session, "Check that the service speaks HTTP at this port, with TLS if the address begins with https, and "
					"try again.");
			return CK_ERR_LOST;
		default:
			ck_fail(session, CK_ERR_PROTOCOL, "what answers at \"%s\", port %d sent no good HTTP: %s", target->host,
					target->port, curl_easy_strerror(code));
			ck_hint(session, "Check that host and port are those of the service that is meant.");
			return CK_ERR_PROTOCOL;
	}
}

/* Tells, once, of TLS what connkit_test() shows. */
static void
http_report_tls(CkSession *session, CkHttp *http, const Target *target)
{
	const char *mode = http->tls->sslmode;

	if (http->reported)
		return;
	http->reported = true;
	if (!target->tls)
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

/* One request to one target, and its reply. */
static CkStatus
http_exchange(CkSession *session, CkHttp *http, const CkHttpRequest *request, Target *target, CkHttpReply *reply)
{
	Transfer	t = {.session = session, .request = request, .reply = reply, .target = target};
	CURLcode	code;
	long		answer = 0;
	CkStatus	status = http_addresses(session, http, target);
	char		where[sizeof(target->host) + 16];

	if (status == CK_OK)
		status = http_headers(&t, request->headers);
	if (status == CK_OK && !reply->elsewhere)
		status = http_headers(&t, request->secret_headers);
	if (status == CK_OK)
	{
		snprintf(where, sizeof(where), "%s, port %d", target->host, target->port);
		ck_stage(session, CK_STAGE_CONNECT, where);
		http_set(http, &t);
		status = http_run(session, http, &code);
		if (status == CK_OK && code != CURLE_OK)
			status = http_fail_transfer(http, &t, code);
	}
	if (status == CK_OK)
	{
		curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &answer);
		reply->status = (int) answer;
		memcpy(reply->host, target->host, sizeof(reply->host));
		reply->port = target->port;
		http_report_tls(session, http, target);
		if (!reply->body && !http_append(&reply->body, &reply->size, "", 0))
			status = ck_fail(session, CK_ERR_MEMORY, "out of memory");
	}
	for (struct curl_slist *h = t.headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(t.headers);
	return status;
}

/* Where the reply redirects to, if it does; the library's, until the next transfer. */
static const char *
http_location(const CkHttp *http, const CkHttpReply *reply)
{
	char	   *url = NULL;

	if (reply->status == 301 || reply->status == 302 || reply->status == 303 || reply->status == 307 ||
		reply->status == 308)
		curl_easy_getinfo(http->easy, CURLINFO_REDIRECT_URL, &url);
	return url;
}

/* Turns the target to where its reply redirects to, if that may be followed. */
static CkStatus
http_redirect(CkSession *session, const CkHttpRequest *request, const char *url, Target *target, CkHttpReply *reply)
{
	Target		next;
	bool		plain = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
	bool		kept = plain || reply->status == 307 || reply->status == 308;
	bool		elsewhere;
	CkStatus	status = http_target(session, url, &next);

	if (status != CK_OK)
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
ck_http_send(CkSession *session, CkHttp *http, const CkHttpRequest *request, CkHttpReply *reply)
{
	Target		target;
	CkStatus	status;
	const char *url;
	int			followed = 0;

	memset(reply, 0, sizeof(*reply));
	status = http_target(session, request->url, &target);
	if (status == CK_OK)
		status = http_exchange(session, http, request, &target, reply);
	while (status == CK_OK && request->redirects > 0 && (url = http_location(http, reply)) != NULL)
	{
		if (followed++ == request->redirects)
		{
			status = ck_fail(session, CK_ERR_PROTOCOL, "\"%s\", port %d redirects more than %d times", target.host,
							 target.port, request->redirects);
			break;
		}
		status = http_redirect(session, request, url, &target, reply);
		if (status == CK_OK)
			status = http_exchange(session, http, request, &target, reply);
	}
	free(target.url);
	/* what the library keeps of the request: pointers to what is the caller's */
	curl_easy_reset(http->easy);
	return status;
}

CkStatus
ck_http_fail(CkSession *session, const CkHttpReply *reply)
{
	CkStatus	status = CK_ERR_QUERY;
	const char *hint = NULL;

	switch (reply->status)
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
			if (reply->status >= 300 && reply->status < 400)
			{
				status = CK_ERR_PROTOCOL;
				hint = "It redirects. Check the address: it should be where the service itself answers.";
			}
			break;
	}
	ck_fail(session, status, "\"%s\", port %d answered with HTTP status %d", reply->host, reply->port, reply->status);
	if (hint)
		ck_hint(session, hint);
	return status;
}
