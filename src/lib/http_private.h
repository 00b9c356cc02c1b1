/*
 * http_private.h: what the files of the HTTP client share.
 */
#ifndef CK_HTTP_PRIVATE_H
#define CK_HTTP_PRIVATE_H

#include "http.h"
#include "resolve.h"

#include <curl/curl.h>
#include <netdb.h>

/* Bytes of all headers of a reply, with interim ones and trailers. */
#define HTTP_HEADERS_LIMIT (64 * 1024)
/* Bytes of a body, as it comes, that are kept ahead of the reader. */
#define HTTP_AHEAD (128 * 1024)
/* Requests that are under way at a time, but for those that are waited for. */
#define HTTP_RUNNING 8
/* Hosts whose addresses are kept. */
#define HTTP_HOSTS 8

/* One place to ask or to connect to. */
typedef struct HttpTarget
{
	char	   *url;			/* NULL: none */
	bool		tls;
	char		host[256];		/* without the brackets of an IPv6 address */
	int			port;
} HttpTarget;

/* A host whose addresses are known. */
typedef struct HttpHost
{
	char		host[256];
	int			port;
	int64_t		found_ms;		/* 0: none */
	char		addresses[CK_ADDRESS_SIZE];
} HttpHost;

typedef struct HttpBuffer
{
	char	   *data;
	size_t		size;
	size_t		room;
} HttpBuffer;

typedef struct HttpUnpack HttpUnpack;

typedef enum HttpCoding
{
	HTTP_PLAIN = 0,
	HTTP_GZIP,
	HTTP_DEFLATE,
	HTTP_UNKNOWN
} HttpCoding;

struct CkHttp
{
	const CkHttpTls *tls;
	const char *proxy;			/* or NULL */
	CURLM	   *multi;
	CURLSH	   *share;			/* TLS sessions */
	int			epoll;			/* holds the library's sockets and the timer: all that a transfer waits for */
	int			timer;
	HttpHost	hosts[HTTP_HOSTS];
	bool		reported;		/* how TLS is used was told */
	CkHttpStream *streams;		/* all, the oldest first */
	int			running;		/* of these, those that the library has */
};

struct CkHttpStream
{
	CkSession  *session;
	CkHttp	   *http;
	CkHttpStream *next;			/* of http->streams */
	const CkHttpRequest *request;
	CURL	   *easy;
	HttpTarget	target;
	HttpTarget	proxy;
	struct curl_slist *headers;
	struct curl_slist *addresses;	/* in the form of CURLOPT_RESOLVE; NULL: the host is an address itself */
	int			followed;		/* redirects */
	int64_t		until_ms;		/* when the whole has to be done; 0: each call has a limit of its own */

	/* what has come */
	CkHttpReply reply;
	size_t		header_bytes;
	bool		begun;			/* the reply's headers are there */
	bool		redirects;		/* the reply leads elsewhere, its body is of no interest */
	bool		told;			/* ck_http_reply() has returned it */
	bool		queued;			/* the library does not have it yet */
	bool		ended;			/* nothing more comes: */
	CURLcode	code;			/* for this reason; the first that is known stays */
	char		refused[NI_MAXHOST];	/* the address that was last found to be out of bounds */
	char		message[CURL_ERROR_SIZE];

	/* the body */
	HttpCoding	coding;
	HttpUnpack *unpack;
	HttpBuffer	ahead;			/* has come */
	HttpBuffer	given;			/* is being read */
	size_t		taken;			/* of given, by unpack */
	bool		paused;			/* the library waits for room in ahead */
	const char *piece;			/* the next one for the reader */
	size_t		piece_size;
	uint64_t	total;			/* bytes of the body, unpacked, or of a redirect's */
};

/* http.c: frees memory that may have held a secret. */
extern void http_wipe(char *memory, size_t size);

/* Appends to a text that ends in NUL; the room is the next power of two. false: no memory. */
extern bool http_append(char **text, size_t *size, const char *data, size_t length);

/* http_target.c: reads a URL, of a proxy also one with a user. target->url is the caller's to free. */
extern CkStatus http_target_read(CkSession *session, const char *url, bool proxy, HttpTarget *target);

/*
 * Finds the addresses of what the stream has to connect to, for the library, which must not look itself; and asks whether the
 * target may be reached where a proxy stands before it.
 */
extern CkStatus http_target_find(CkHttpStream *stream);

/* http_transfer.c: sends the request to the stream's target, or queues it where many are under way. */
extern CkStatus http_transfer_start(CkHttpStream *stream);

/* Sends what is queued. */
extern void http_transfer_launch(CkHttpStream *stream);

/* Lets the library do, for all streams, what it can without waiting. */
extern void http_transfer_drive(CkHttp *http);

/* Takes the stream from the library, if it is there still; the first reason stays. */
extern void http_transfer_end(CkHttpStream *stream, CURLcode code);

/* Frees what the library was told and does not copy. */
extern void http_transfer_forget(CkHttpStream *stream);

/* http_error.c: tells why no reply came, or no more of it. */
extern CkStatus http_error_tell(CkHttpStream *stream, CURLcode code);

/* http_unpack.c: what the value of a header Content-Encoding stands for. */
extern HttpCoding http_unpack_coding(const char *value, size_t length);

/* NULL: out of memory. */
extern HttpUnpack *http_unpack_new(HttpCoding coding);

/*
 * Unpacks from *data, which moves behind what was taken, up to as much as there is room for; what came out lives until the
 * next call, and may be nothing, where more input is needed or *size is 0.
 */
extern CURLcode http_unpack_run(HttpUnpack *unpack, const char **data, size_t *size, const char **out, size_t *out_size);

/* Whether all that was packed has come. */
extern bool http_unpack_complete(const HttpUnpack *unpack);

/* unpack may be NULL. */
extern void http_unpack_free(HttpUnpack *unpack);

#endif							/* CK_HTTP_PRIVATE_H */
