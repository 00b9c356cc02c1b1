/*
 * http_error.c: what is told of a request that had no good reply.
 */
#include "http_private.h"

#include <string.h>

/* Tells an error of TLS. */
static CkStatus
error_tls(CkHttpStream *stream, CURLcode code)
{
	CkSession  *session = stream->session;

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
		ck_fail(session, CK_ERR_TLS, "no TLS with \"%s\", port %d: %s", stream->target.host, stream->target.port,
				stream->message[0] ? stream->message : curl_easy_strerror(code));
		ck_hint(session, "Check sslmode, sslrootcert, sslcert and sslkey, that the certificate is for this host name, and that "
				"the port is one for https.");
	}
	return CK_ERR_TLS;
}

/* Tells that there is no connection. */
static CkStatus
error_connect(CkHttpStream *stream, CURLcode code)
{
	CkSession  *session = stream->session;
	const HttpTarget *target = stream->proxy.url ? &stream->proxy : &stream->target;
	CkStatus	status = CK_OK;
	long		error = 0;

	/* told before, but maybe something else since then */
	if (stream->refused[0])
		status = ck_reachable(session, target->host, target->port, stream->refused);
	if (status != CK_OK)
		return status;
	curl_easy_getinfo(stream->easy, CURLINFO_OS_ERRNO, &error);
	ck_fail(session, CK_ERR_CONNECT, "could not connect to \"%s\", port %d: %s", target->host, target->port,
			error ? strerror((int) error) : curl_easy_strerror(code));
	ck_hint(session, "Check host, port and firewall, and that the service runs.");
	return CK_ERR_CONNECT;
}

/* Tells what the proxy answered instead of connecting. */
static CkStatus
error_proxy(CkHttpStream *stream, long answer)
{
	CkSession  *session = stream->session;
	CkStatus	status = answer == 407 ? CK_ERR_AUTH : CK_ERR_CONNECT;

	ck_fail(session, status, "the proxy \"%s\", port %d answered with HTTP status %ld when asked for \"%s\", port %d",
			stream->proxy.host, stream->proxy.port, answer, stream->target.host, stream->target.port);
	ck_hint(session, "Check the proxy's address and user, and that it lets this host and port through.");
	return status;
}

/* Tells that more came than may. */
static CkStatus
error_size(CkHttpStream *stream)
{
	size_t		limit = stream->redirects ? HTTP_AHEAD : stream->request->limit;

	ck_fail(stream->session, CK_ERR_PROTOCOL, "the reply of \"%s\", port %d is larger than %zu bytes", stream->target.host,
			stream->target.port, stream->begun ? limit : HTTP_HEADERS_LIMIT);
	ck_hint(stream->session, "Check that host, port and path are those of the service that is meant.");
	return CK_ERR_PROTOCOL;
}

CkStatus
http_error_tell(CkHttpStream *stream, CURLcode code)
{
	CkSession  *session = stream->session;
	const HttpTarget *target = &stream->target;
	long		answer = 0;

	if (stream->proxy.url)
		curl_easy_getinfo(stream->easy, CURLINFO_HTTP_CONNECTCODE, &answer);
	if (answer >= 300 && !stream->begun)
		return error_proxy(stream, answer);
	switch (code)
	{
		case CURLE_OUT_OF_MEMORY:
			return ck_fail(session, CK_ERR_MEMORY, "out of memory");
		case CURLE_FILESIZE_EXCEEDED:
			return error_size(stream);
		case CURLE_COULDNT_CONNECT:
			return error_connect(stream, code);
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
			return error_tls(stream, code);
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_PARTIAL_FILE:
		case CURLE_HTTP2_STREAM:
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
