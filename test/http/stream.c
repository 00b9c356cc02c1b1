/*
 * stream.c: the cases of the HTTP client's streams, against server.py and, where there is one, a server of HTTP/2.
 *
 * usage: stream PORT TLS_PORT AUTHORITY HTTP2_PORT      (HTTP2_PORT 0: none)
 */
#include "http.h"
#include "resolve.h"

#include <dirent.h>
#include <fnmatch.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {"OK", "END", "OPTION", "RESOLVE", "CONNECT", "TLS", "AUTH", "DATABASE", "PRIVILEGE",
	"NOT_FOUND", "TIMEOUT", "CANCELLED", "LOST", "BUSY", "QUERY", "CONSTRAINT", "DATA", "PROTOCOL", "UNSUPPORTED", "MEMORY",
	"INTERNAL"};

static int	port;
static int	tls_port;
static int	http2_port;
static int	number;
static int	failures;
static int	lookups;
static int64_t cancel_ms;		/* when the user cancels; 0: never */
static char told[2048];
static CkSession session;
static CkHttpTls tls = {.sslmode = "verify-full", .min_version = "TLSv1.2"};
static CkHttp *http;

/*
 * The core's services
 */

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static CkStatus
host_fail(CkSession *pub, CkStatus status, const char *message)
{
	(void) pub;
	snprintf(told, sizeof(told), "%s", message);
	return status;
}

static void
host_text(CkSession *pub, const char *text)
{
	(void) pub;
	(void) text;
}

static void
host_stage(CkSession *pub, CkStage stage, const char *detail)
{
	(void) pub;
	(void) stage;
	(void) detail;
}

static void
host_warn(CkSession *pub, const char *message, const char *hint)
{
	(void) pub;
	(void) message;
	(void) hint;
}

static CkStatus
host_wait(CkSession *pub, int fd, int events)
{
	int64_t		deadline = pub->deadline_ms;

	if (!deadline && pub->query_timeout_ms)
		deadline = now_ms() + pub->query_timeout_ms;
	for (;;)
	{
		struct pollfd poller = {.fd = fd, .events = events & CK_READABLE ? POLLIN : POLLOUT};
		int64_t		now = now_ms();

		if (cancel_ms && now >= cancel_ms)
			return host_fail(pub, CK_ERR_CANCELLED, "cancelled");
		if (deadline && now >= deadline)
			return host_fail(pub, CK_ERR_TIMEOUT, "no answer");
		if (poll(&poller, 1, deadline && deadline - now < 50 ? (int) (deadline - now) : 50) > 0)
			return CK_OK;
	}
}

/* Nothing may be at 127.0.0.2 or named forbidden. */
static CkStatus
host_reachable(CkSession *pub, const char *host, int host_port, const char *address)
{
	if ((address && strcmp(address, "127.0.0.2") == 0) || strcmp(host, "forbidden") == 0)
		return ck_fail(pub, CK_ERR_PRIVILEGE, "forbidden: %s, %d", host, host_port);
	return CK_OK;
}

/* Names that nobody else knows, so that nobody else can have looked them up. */
CkStatus
ck_resolve(CkSession *pub, const char *name, int host_port, char *address, size_t size)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
	struct addrinfo *found;

	if (getaddrinfo(name, NULL, &hints, &found) == 0)
	{
		getnameinfo(found->ai_addr, found->ai_addrlen, address, (socklen_t) size, NULL, 0, NI_NUMERICHOST);
		freeaddrinfo(found);
		return host_reachable(pub, name, host_port, address);
	}
	lookups++;
	if (strcmp(name, "localhost") == 0 || strcmp(name, "one.test") == 0 || strcmp(name, "other.test") == 0)
		snprintf(address, size, "127.0.0.1");
	else if (strcmp(name, "both.test") == 0)
		snprintf(address, size, "127.0.0.2,127.0.0.1");
	else if (host_reachable(pub, name, host_port, NULL) == CK_OK)
		return ck_fail(pub, CK_ERR_RESOLVE, "unknown: %s", name);
	else
		return CK_ERR_PRIVILEGE;
	return CK_OK;
}

static const CkHost host = {.abi = CK_ABI, .fail = host_fail, .hint = host_text, .wait = host_wait, .now_ms = now_ms,
	.stage = host_stage, .warn = host_warn, .format = vsnprintf, .reachable = host_reachable};

/*
 * Telling
 */

static void
check(const char *name, const char *expected, const char *found)
{
	bool		good = fnmatch(expected, found, 0) == 0;

	printf("%s %d - %s\n", good ? "ok" : "not ok", ++number, name);
	if (!good)
	{
		printf("# expected: %s\n# found: %s\n# last error: %s\n", expected, found, told);
		failures++;
	}
	fflush(stdout);
}

static void
check_true(const char *name, bool good)
{
	check(name, "true", good ? "true" : "false");
}

/* Whether so many milliseconds have passed, and not many more. */
static bool
about(int64_t begin_ms, int64_t ms)
{
	int64_t		passed = now_ms() - begin_ms;

	if (passed < ms - 20 || passed > ms + 400)
		snprintf(told, sizeof(told), "%d ms have passed", (int) passed);
	return passed >= ms - 20 && passed <= ms + 400;
}

/* kB of memory that the process has had at most. */
static long
memory_kb(void)
{
	FILE	   *file = fopen("/proc/self/status", "r");
	char		line[256];
	long		kb = 0;

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "VmHWM: %ld", &kb);
	if (file)
		fclose(file);
	return kb;
}

/*
 * Requests
 */

/* A URL of the server; the text of the last eight lives. */
static const char *
at(const char *path)
{
	static char urls[8][512];
	static int	next;
	char	   *url = urls[next++ % 8];

	if (strncmp(path, "http", 4) == 0)
		snprintf(url, sizeof(urls[0]), "%s", path);
	else
		snprintf(url, sizeof(urls[0]), "http://127.0.0.1:%d%s", port, path);
	return url;
}

static CkHttpStream *
begin(CkHttpRequest *request, const char *path)
{
	CkHttpStream *stream = NULL;
	static const char *const secrets[] = {"X-Secret: x", NULL};

	if (!request->method)
		request->method = "GET";
	request->url = at(path);
	request->secret_headers = secrets;
	return ck_http_begin(&session, http, request, &stream) == CK_OK ? stream : NULL;
}

/* Reads a stream, and closes it: "status size how", "wrong" where the bytes are not the server's. */
static const char *
finish(CkHttpStream *stream, bool any)
{
	static char text[128];
	const CkHttpReply *reply;
	const char *data;
	size_t		size;
	size_t		total = 0;
	bool		good = true;
	CkStatus	status;

	if (!stream)
		return "not begun";
	status = ck_http_reply(stream, &reply);
	if (status != CK_OK)
	{
		snprintf(text, sizeof(text), "%s", names[status]);
		if (status != CK_ERR_TIMEOUT && status != CK_ERR_CANCELLED)
		{
			char		first[sizeof(told)];

			memcpy(first, told, sizeof(first));
			if (ck_http_read(stream, &data, &size) <= CK_END)
				snprintf(text, sizeof(text), "changes its mind");
			memcpy(told, first, sizeof(first));
		}
	}
	else
	{
		int			code = reply->status;

		while ((status = ck_http_read(stream, &data, &size)) == CK_OK)
		{
			for (size_t i = 0; i < size && good && !any; i++)
				good = (unsigned char) data[i] == (total + i) % 251;
			good &= size > 0;
			total += size;
		}
		snprintf(text, sizeof(text), "%d %zu %s%s", code, total, good ? "" : "wrong ", names[status]);
		/* what is over stays so */
		if (ck_http_read(stream, &data, &size) != status)
			return "changes its mind";
	}
	ck_http_close(stream);
	return text;
}

static const char *
get(const char *path)
{
	CkHttpRequest request = {.redirects = 3};

	return finish(begin(&request, path), false);
}

/* The reply as text, by ck_http_send(). */
static const char *
text_of(CkHttpRequest *request, const char *path)
{
	static char text[256];
	static const char *const secrets[] = {"X-Secret: x", NULL};
	CkHttpReply reply;
	CkStatus	status;

	if (!request->method)
		request->method = "GET";
	if (!request->limit)
		request->limit = 1000000;
	request->url = at(path);
	request->secret_headers = secrets;
	status = ck_http_send(&session, http, request, &reply);
	snprintf(text, sizeof(text), "%s", status == CK_OK ? reply.body : names[status]);
	ck_http_reply_free(&reply);
	return text;
}

static const char *
served(const char *what)
{
	CkHttpRequest request = {0};
	char		path[64];

	snprintf(path, sizeof(path), "/served/%s", what);
	return text_of(&request, path);
}

static void
restart(void)
{
	ck_http_free(http);
	http = ck_http_new(&tls);
}

/*
 * Cases
 */

static const char *const replies[][2] = {
	{"/bytes/1", "200 1 END"},
	{"/bytes/3000000", "200 3000000 END"},
	{"/bytes/1000/0.01/100", "200 1000 END"},
	{"/empty", "200 0 END"},
	{"/none", "204 0 END"},
	{"/chunked", "200 1500 END"},
	{"/trailers", "200 1000 END"},
	{"/identity", "200 1000 END"},
	{"/gzip", "200 300000 END"},
	{"/members", "200 1500 END"},
	{"/zlib", "200 300000 END"},
	{"/deflate", "200 300000 END"},
	{"/gzip_empty", "200 0 END"},
	{"/unmodified", "304 0 END"},
	{"/continue", "200 1000 END"},
	{"/error", "503 1000 END"},
	{"/old", "200 1000 END"},
	{"/to/http/other.test/PORT/bytes/1000", "200 1000 END"},
	{"http://one.test:PORT/bytes/1000", "200 1000 END"},
	{"http://both.test:PORT/bytes/1000", "200 1000 END"},
	{"http://[::ffff:127.0.0.1]:PORT/bytes/1000", "200 1000 END"},
	{"http://unknown.test/", "not begun"},
	{"/nowhere", "302 1000 END"},
	/* never an end */
	{"/short", "200 500 LOST"},
	{"/chunk_cut", "200 1500 LOST"},
	{"/chunk_end", "200 1000 LOST"},
	{"/chunk_bad", "200 1000 LOST"},
	{"/gzip_broken", "200 * PROTOCOL"},
	{"/gzip_cut", "200 * LOST"},
	{"/gzip_tail", "200 * LOST"},
	{"/gzip_garbage", "200 * PROTOCOL"},
	{"/gzip_sum", "200 * PROTOCOL"},
	{"/no_gzip", "200 0 PROTOCOL"},
	{"/twice", "PROTOCOL"},
	{"/twice_lines", "PROTOCOL"},
	{"/br", "PROTOCOL"},
	{"/transfer", "PROTOCOL"},
	{"/close", "LOST"},
	{"/head_cut", "LOST"},
	{"/garbage", "PROTOCOL"},
	{"/bare", "PROTOCOL"},
	{"/upgrade", "PROTOCOL"},
	{"/only_continue", "LOST"},
	{"/no_length", "PROTOCOL"},
	{"/endless/headers", "PROTOCOL"},
	{"/endless/interim", "PROTOCOL"},
	{"/endless/trailers", "200 0 PROTOCOL"},
	{"/loop", "PROTOCOL"},
	{"/fat", "PROTOCOL"},
	{"/to/http/127.0.0.2/PORT/bytes/1000", "PRIVILEGE"},
	{"/to/http/forbidden/PORT/bytes/1000", "PRIVILEGE"},
	{"/to/file/x/0/etc/passwd", "PROTOCOL"},
	{"http://127.0.0.1:1/", "CONNECT"},
};

static void
test_replies(void)
{
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
	{
		char		path[128];
		const char *where = strstr(replies[i][0], "PORT");

		if (where)
			snprintf(path, sizeof(path), "%.*s%d%s", (int) (where - replies[i][0]), replies[i][0], port, where + 4);
		else
			snprintf(path, sizeof(path), "%s", replies[i][0]);
		check(path, replies[i][1], get(path));
	}
	check_true("a forbidden host never begins", strcmp(get("http://forbidden/"), "not begun") == 0 &&
			   strstr(told, "forbidden") != NULL);
}

static void
test_requests(void)
{
	CkHttpRequest head = {.method = "HEAD"};
	CkHttpRequest post = {.method = "POST", .body = "hello", .body_size = 5, .redirects = 1};
	CkHttpRequest large = {.method = "PUT", .body_size = 3000000};
	CkHttpRequest limited = {.limit = 1000};
	CkHttpRequest plain = {.redirects = 1};
	char	   *body = calloc(1, large.body_size);
	char		path[128];

	large.body = body;
	check("HEAD", "200 0 END", finish(begin(&head, "/bytes/1000"), false));
	check("POST", "POST 5, with secret, without proxy, None", text_of(&post, "/echo"));
	check("a large body goes without a question", "PUT 3000000, with secret, without proxy, None", text_of(&large, "/echo"));
	snprintf(path, sizeof(path), "/to/http/127.0.0.1/%d/echo", port);
	check("the same host gets the secret", "GET 0, with secret, without proxy, None", text_of(&plain, path));
	snprintf(path, sizeof(path), "/to/http/other.test/%d/echo", port);
	check("another does not", "GET 0, without secret, without proxy, None", text_of(&plain, path));
	check("nor a body", "PROTOCOL", text_of(&post, path));
	check("a body of the limit", "200 1000 END", finish(begin(&limited, "/bytes/1000"), false));
	check("one byte more", "200 0 PROTOCOL", finish(begin(&limited, "/bytes/1001"), false));
	limited.limit = 299999;
	check("the limit is of what is unpacked", "200 * PROTOCOL", finish(begin(&limited, "/gzip"), false));
	limited.limit = 999;
	check("the limit of a whole reply", "PROTOCOL", text_of(&limited, "/bytes/1000"));
	free(body);
}

static void
test_memory(void)
{
	CkHttpRequest any = {0};
	CkHttpRequest limited = {.limit = 10000000};
	long		before;
	clock_t		cpu;

	get("/bytes/3000000");
	before = memory_kb();
	cpu = clock();
	check("200 MB", "200 200000000 END", get("/bytes/200000000"));
	check("200 MB, packed", "200 209715200 END", finish(begin(&any, "/bomb"), true));
	check("no more than the limit", "200 9?????? PROTOCOL", finish(begin(&limited, "/bomb"), true));
	if (getenv("CK_CHECKER") == NULL)
	{
		printf("# %ld kB more, %.1f s of CPU\n", memory_kb() - before, (double) (clock() - cpu) / CLOCKS_PER_SEC);
		check_true("flat memory", memory_kb() - before < 1000);
	}
}

/* Two large replies, read in turn, while a third waits unread: none holds up the others, or grows. */
static void
test_paused(const char *name, const char *path, size_t expected)
{
	CkHttpRequest requests[3] = {{0}, {0}, {0}};
	CkHttpStream *streams[3];
	size_t		totals[3] = {0, 0, 0};
	const char *data;
	size_t		size = 0;
	CkStatus	status = CK_OK;
	long		before = memory_kb();
	int			i = 0;
	bool		good = true;

	for (int n = 0; n < 3; n++)
		streams[n] = begin(&requests[n], path);
	for (; status == CK_OK; i = 1 - i)
	{
		status = streams[i] ? ck_http_read(streams[i], &data, &size) : CK_ERR_INTERNAL;
		for (size_t n = 0; n < size && good; n++)
			good = (unsigned char) data[n] == (totals[i] + n) % 251;
		totals[i] += size;
	}
	before = memory_kb() - before;
	snprintf(told, sizeof(told), "%s, %zu and %zu bytes, %ld kB", names[status], totals[0], totals[1], before);
	check_true(name, good && status == CK_END && totals[1 - i] == expected && (before < 2000 || getenv("CK_CHECKER")));
	check("and the one that waited", "END", strrchr(finish(streams[2], false), ' ') + 1);
	ck_http_close(streams[0]);
	ck_http_close(streams[1]);
}

static void
test_deadlines(void)
{
	CkHttpRequest requests[2] = {{0}, {0}};
	CkHttpStream *stream;
	const CkHttpReply *reply;
	const char *data;
	size_t		size;
	int			socket;
	int64_t		before = now_ms();

	session.query_timeout_ms = 300;
	check("no reply", "TIMEOUT", get("/late/5"));
	check_true("at its time", about(before, 300));
	before = now_ms();
	check("a reply that stalls", "200 500 TIMEOUT", get("/stall/500"));
	check_true("at its time, twice", about(before, 600));
	check("a slow reply that goes on", "200 1000 END", get("/bytes/1000/0.1/150"));
	before = now_ms();
	check("drops of which nothing comes", "200 0 TIMEOUT", get("/drip"));
	check_true("at its time, once more", about(before, 600));
	before = now_ms();
	check("the whole of a reply by drops", "TIMEOUT", text_of(&requests[0], "/bytes/1000/0.1/100"));
	check_true("at the time of the whole", about(before, 300) && strstr(told, "did not send its whole reply in time"));
	session.deadline_ms = now_ms() + 200;
	before = now_ms();
	check("the session's deadline", "TIMEOUT", get("/late/5"));
	check_true("which is earlier", about(before, 200) && session.deadline_ms == before + 200);
	session.deadline_ms = 0;
	stream = begin(&requests[0], "/bytes/1000000/0.01/100000");
	while (ck_http_pending(stream, &socket))
		usleep(1000);
	ck_http_reply(stream, &reply);
	ck_http_read(stream, &data, &size);
	usleep(400000);
	while (ck_http_read(stream, &data, &size) == CK_OK)
		usleep(50000);
	check_true("the reader's own time does not count", ck_http_read(stream, &data, &size) == CK_END);
	ck_http_close(stream);
	session.query_timeout_ms = 0;
	before = now_ms();
	cancel_ms = before + 200;
	check("cancel", "CANCELLED", get("/late/5"));
	cancel_ms += 200;
	check("cancel later", "200 500 CANCELLED", get("/stall/500"));
	cancel_ms = 0;
	check_true("at once", about(before, 400));
}

/* Many at once, read in the order in which they are ready. */
static void
test_many(void)
{
	CkHttpRequest requests[16];
	CkHttpStream *streams[16];
	int64_t		before = now_ms();
	int			left = 16;
	int			good = 0;
	int			waits = 0;

	memset(requests, 0, sizeof(requests));
	for (int i = 0; i < 16; i++)
		streams[i] = begin(&requests[i], "/late/0.2");
	while (left > 0 && now_ms() < before + 5000)
	{
		int			socket = -1;
		bool		any = false;

		for (int i = 0; i < 16; i++)
		{
			if (!streams[i] || ck_http_pending(streams[i], &socket))
				continue;
			any = true;
			good += strcmp(finish(streams[i], false), "200 1000 END") == 0;
			streams[i] = NULL;
			left--;
		}
		if (!any && ck_wait(&session, socket, CK_READABLE) == CK_OK)
			waits++;
	}
	snprintf(told, sizeof(told), "%d good, %d waits, %d ms", good, waits, (int) (now_ms() - before));
	check_true("16 replies, 8 at a time", good == 16 && waits < 200 && about(before, 400));
	for (int i = 0; i < 16; i++)
		ck_http_close(streams[i]);
}

/* More than may be under way, of which none is read before all have begun; and one that is not waited for. */
static void
test_unread(void)
{
	CkHttpRequest requests[13];
	CkHttpStream *streams[13];
	const CkHttpReply *reply;
	int64_t		before = now_ms();
	int			good = 0;
	int			socket;

	memset(requests, 0, sizeof(requests));
	session.query_timeout_ms = 3000;
	for (int i = 0; i < 13; i++)
		streams[i] = begin(&requests[i], "/bytes/3000000");
	check_true("no room", !ck_http_has_room(http));
	for (int i = 0; i < 12; i++)
		good += ck_http_reply(streams[i], &reply) == CK_OK;
	check_true("12 replies that are not read", good == 12);
	while (ck_http_pending(streams[12], &socket) && now_ms() < before + 5000)
		(void) ck_wait(&session, socket, CK_READABLE);
	check_true("one more while none can go on", now_ms() < before + 3000);
	for (int i = 12; i >= 0; i--)
		good += strcmp(finish(streams[i], false), "200 3000000 END") == 0;
	check_true("all are whole", good == 25);
	check_true("room again", ck_http_has_room(http));
	session.query_timeout_ms = 0;
}

static void
test_connections(void)
{
	CkHttpRequest once = {.once = true};
	CkHttpRequest request = {0};
	CkHttpStream *stream;
	const CkHttpReply *reply;
	char		path[64];
	int64_t		before;

	restart();
	served("connections");
	for (int i = 0; i < 5; i++)
		get(i % 2 ? "/gzip" : "/chunked");
	check("one connection for all", "0", served("connections"));
	lookups = 0;
	for (int i = 0; i < 6; i++)
	{
		snprintf(path, sizeof(path), "http://%s:%d/bytes/1000", i % 2 ? "one.test" : "other.test", port);
		get(path);
	}
	check_true("one lookup for each name", lookups == 2);
	check("and one connection", "2", served("connections"));
	for (int i = 0; i < 3; i++)
		finish(begin(&once, "/bytes/1000"), false);
	check("one for each that is not sent again", "3", served("connections"));
	get("/loop");
	check("redirects keep it", "0", served("connections"));
	restart();
	get("/first");
	check("a connection that was closed meanwhile", "200 1000 END", get("/first"));
	served("requests");
	get("/first");
	get("/first");
	check("sends the request again", "5", served("requests"));
	get("/first");
	served("requests");
	finish(begin(&once, "/first"), false);
	check("but not one to be sent once", "2", served("requests"));
	before = now_ms();
	stream = begin(&request, "/bytes/200000000");
	ck_http_reply(stream, &reply);
	ck_http_close(stream);
	ck_http_close(begin(&request, "/late/5"));
	ck_http_close(NULL);
	check_true("closing does not wait", about(before, 0));
	check("and leaves no trace", "200 1000 END", get("/bytes/1000"));
}

/* What goes wrong with one stream while another is waited for is told where it belongs. */
static void
test_errors(void)
{
	CkHttpRequest requests[2] = {{0}, {0}};
	CkHttpStream *one = begin(&requests[0], "http://127.0.0.1:1/");
	CkHttpStream *other = begin(&requests[1], "/late/0.1");

	check("one is good", "200 1000 END", finish(other, false));
	told[0] = '\0';
	check("the other has its own error", "CONNECT", finish(one, false));
	check_true("told then", strstr(told, "could not connect to \"127.0.0.1\", port 1") != NULL);
	check("a URL with a user", "not begun", get("http://user:x@127.0.0.1/"));
	check("a URL without slashes", "not begun", get("http:127.0.0.1"));
}

static void
test_proxy(void)
{
	CkHttpRequest request = {0};
	char		url[64];
	char		target[64];

	restart();
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	check("the environment's proxy is not used", "200 1000 END", get("/bytes/1000"));
	setenv("no_proxy", "*", 1);
	snprintf(url, sizeof(url), "http://localhost:%d", port);
	ck_http_set_proxy(http, url);
	check("by a proxy", "GET 0, with secret, with proxy, None", text_of(&request, "http://nobody.invalid/echo"));
	snprintf(target, sizeof(target), "https://localhost:%d/bytes/1000", tls_port);
	check("that asks who we are", "AUTH", get(target));
	check_true("and is named", strstr(told, "the proxy \"localhost\"") != NULL);
	check("a forbidden target", "not begun", get("http://forbidden/echo"));
	check("a forbidden address", "not begun", get("http://127.0.0.2/echo"));
	check("spelt otherwise", "not begun", get("http://0x7f000002/echo"));
	snprintf(url, sizeof(url), "http://u:p@localhost:%d", port);
	check("with TLS", "200 1000 END", get(target));
	check("of a target that is not there", "LOST", get("https://127.0.0.1:1/"));
	snprintf(url, sizeof(url), "http://127.0.0.2:%d", port);
	check("a forbidden proxy", "not begun", get("/bytes/1000"));
	snprintf(url, sizeof(url), "ftp://localhost");
	check("no proxy", "not begun", get("/bytes/1000"));
	unsetenv("http_proxy");
	unsetenv("no_proxy");
	restart();
}

static void
test_http2(void)
{
	char		small[64];
	char		large[64];
	char		zeros[64];

	snprintf(small, sizeof(small), "https://localhost:%d/small", http2_port);
	snprintf(large, sizeof(large), "https://localhost:%d/large", http2_port);
	check("HTTP/2", "200 1000 END", get(small));
	for (int i = 0; i < 50; i++)
	{
		if (strcmp(get(small), "200 1000 END") != 0)
			check("HTTP/2, again", "", told);
	}
	check("HTTP/2, 20 MB", "200 20000000 END", get(large));
	test_paused("HTTP/2, streams that are paused", large, 20000000);
	snprintf(zeros, sizeof(zeros), "https://localhost:%d/none", http2_port);
	check("HTTP/2, no such file", "404", strncmp(finish(begin(&(CkHttpRequest) {0}, zeros), true), "404", 3) ? told : "404");
}

static int
open_files(void)
{
	DIR		   *folder = opendir("/proc/self/fd");
	int			count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

int
main(int argc, char **argv)
{
	static CkConnector connector;
	char		target[64];
	int			files = open_files();

	if (argc != 5)
		return 2;
	port = atoi(argv[1]);
	tls_port = atoi(argv[2]);
	tls.sslrootcert = argv[3];
	http2_port = atoi(argv[4]);
	session = (CkSession) {.host = &host, .connector = &connector};
	http = ck_http_new(&tls);
	test_replies();
	test_requests();
	test_memory();
	test_paused("streams that are paused", "/bytes/20000000", 20000000);
	test_deadlines();
	test_many();
	test_unread();
	test_connections();
	test_errors();
	test_proxy();
	snprintf(target, sizeof(target), "https://localhost:%d/bytes/20000000", tls_port);
	check("TLS", "200 20000000 END", get(target));
	test_paused("TLS, streams that are paused", target, 20000000);
	snprintf(target, sizeof(target), "https://127.0.0.1:%d/bytes/1000", tls_port);
	check("a wrong name", "TLS", get(target));
	if (http2_port)
		test_http2();
	ck_http_free(http);
	check_true("all files are closed", open_files() == files);
	printf("1..%d\n", number);
	return failures > 0;
}
