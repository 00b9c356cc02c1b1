/*
 * http.h: HTTP requests for connectors, on libcurl; they wait by ck_wait() and connect only where they may.
 *
 * A CkHttp belongs to one session: its connections are kept for the next request. Addresses are looked up by
 * ck_resolve(), and each is asked for by ck_reachable() right before it is connected to, also after a redirect. No proxy,
 * cookie or file of the environment's is used. Errors tell host and port, and nothing else of a URL, header or body.
 * HTTP/2 is spoken where TLS offers it; replies packed by gzip or deflate are unpacked.
 */
#ifndef CK_HTTP_H
#define CK_HTTP_H

#include "connkit.h"

typedef struct CkHttp CkHttp;

/* TLS as a connector's options tell it; the strings must live as long as the CkHttp. */
typedef struct CkHttpTls
{
	const char *sslmode;		/* "require" (no check), "verify-ca" (the name is not checked), "verify-full" */
	const char *sslrootcert;	/* file of the authorities to trust; NULL: the system's */
	const char *sslcert;		/* file of the client's certificate, or NULL */
	const char *sslkey;			/* and of its key */
	const char *min_version;	/* "TLSv1.2" or "TLSv1.3" */
} CkHttpTls;

/* Entries of a connector's options that fill such a struct, field being a CkHttpTls of the options struct. */
#define CK_HTTP_TLS_OPTIONS(type, field) \
	{"sslmode", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(type, field.sslmode), "verify-full", 0, 0, \
	"require|verify-ca|verify-full", "how far the server's certificate is verified, with https", NULL}, \
	{"sslrootcert", CK_OPT_FILE, CK_ON_SERVER, offsetof(type, field.sslrootcert), NULL, 0, 0, NULL, \
	"file of the authorities to trust; default: the system's", NULL}, \
	{"sslcert", CK_OPT_FILE, CK_ON_SERVER | CK_ON_USER, offsetof(type, field.sslcert), NULL, 0, 0, NULL, \
	"file of the client's certificate", NULL}, \
	{"sslkey", CK_OPT_FILE, CK_ON_SERVER | CK_ON_USER, offsetof(type, field.sslkey), NULL, 0, 0, NULL, \
	"file of the key of the client's certificate", NULL}, \
	{"ssl_min_protocol_version", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(type, field.min_version), "TLSv1.2", 0, 0, \
	"TLSv1.2|TLSv1.3", "the oldest version of TLS that is spoken", NULL}

typedef struct CkHttpRequest
{
	const char *method;			/* "GET", "POST", … */
	const char *url;			/* http or https; no user, no fragment */
	const char *const *headers; /* "Name: value", up to a NULL; or NULL */
	const char *const *secret_headers;	/* the same; where a redirect leads to another host, it does not get them */
	const char *body;			/* or NULL */
	size_t		body_size;
	size_t		limit;			/* largest body of a reply, in bytes, unpacked; for a stream, 0: any */
	int			redirects;		/* how many are followed; 0: the redirect is the reply */
	bool		once;			/* takes a connection of its own, since on one that was kept and turns out to be closed
								 * the library sends it again, though the service may have seen it */
} CkHttpRequest;

/* What came back; the caller's to free, also after an error. */
typedef struct CkHttpReply
{
	int			status;			/* 200, 404, … */
	int			sends;			/* of other than GET and HEAD, how often the request was sent: 2 where a connection that was
								 * kept turned out to be closed */
	char	   *headers;		/* lines that end in CR LF, up to a NUL */
	size_t		headers_size;
	char	   *body;			/* and a NUL behind it; NULL in a stream's reply */
	size_t		size;
	char		host[256];		/* where it came from, */
	int			port;
	bool		elsewhere;		/* which is, by a redirect, not where the request went */
} CkHttpReply;

/* A request on its way and the reply that comes to it. */
typedef struct CkHttpStream CkHttpStream;

/* NULL: out of memory, or of file descriptors. */
extern CkHttp *ck_http_new(const CkHttpTls *tls);

/*
 * Requests that begin from now on go by this proxy ("http://user:password@host:port"; NULL: by none); url must live as long as
 * the CkHttp. Its addresses are what ck_reachable() is asked for, and beside it the target's host, which the proxy looks up.
 */
extern void ck_http_set_proxy(CkHttp *http, const char *url);

/*
 * Sends a request and reads the whole reply. CK_OK: there is one, of whatever status. Redirects are followed from https
 * to https, or from http; those to another host, only where nothing but the secret headers would have to stay behind.
 * The whole takes no longer than the session's deadline, or without one its query_timeout_ms.
 */
extern CkStatus ck_http_send(CkSession *session, CkHttp *http, const CkHttpRequest *request, CkHttpReply *reply);

/*
 * Sends a request and waits for nothing but the host's addresses, where these are not known. Several requests of one CkHttp
 * may be under way, up to 8; one more begins when one of those ends, or when it is waited for: else streams that are not read
 * would keep others from those who read. request and what it points to must live until ck_http_close(). While any stream of a
 * CkHttp is waited for, all go on.
 */
extern CkStatus ck_http_begin(CkSession *session, CkHttp *http, const CkHttpRequest *request, CkHttpStream **stream);

/* Whether a request that begins now is sent at once. */
extern bool ck_http_has_room(const CkHttp *http);

/*
 * Waits for the headers of the reply, which is the stream's, and has no body. Redirects are followed as by ck_http_send().
 * Takes no longer than the session's deadline, or without one its query_timeout_ms.
 */
extern CkStatus ck_http_reply(CkHttpStream *stream, const CkHttpReply **reply);

/*
 * The next piece of the body, unpacked, which lives until the next call for this stream: CK_OK, and at least one byte. CK_END:
 * the reply is complete; one that breaks off, or whose packing does, is an error. At most 128 kB of what has come, another 128
 * that are read, and 64 that were unpacked are kept. Each call waits no longer than ck_http_reply() does.
 */
extern CkStatus ck_http_read(CkHttpStream *stream, const char **data, size_t *size);

/* Whether ck_http_read(), or before that ck_http_reply(), would wait now, and for which socket to become readable. Never waits;
 * errors are left to those. */
extern bool ck_http_pending(CkHttpStream *stream, int *socket);

/* Ends it, at once and without waiting; stream may be NULL. The connection is kept where the reply was read whole. */
extern void ck_http_close(CkHttpStream *stream);

/* Value of a header of the reply, and its length; NULL where there is none. */
extern const char *ck_http_header(const CkHttpReply *reply, const char *name, size_t *length);
/* The next one of that name behind a header's value. */
extern const char *ck_http_next_header(const char *value, const char *name, size_t *length);

/* Tells the error that a reply's status stands for, where the connector knows no better. */
extern CkStatus ck_http_fail(CkSession *session, const CkHttpReply *reply);

/* The same as of another status, whose meaning the reply has, with what the source says of it; text may be NULL. */
extern CkStatus ck_http_fail_as(CkSession *session, const CkHttpReply *reply, int meaning, const char *text);

/* Overwrites and frees what is in the reply. */
extern void ck_http_reply_free(CkHttpReply *reply);

/* Closes all connections, without waiting, and after all streams; http may be NULL. */
extern void ck_http_free(CkHttp *http);

#endif							/* CK_HTTP_H */
