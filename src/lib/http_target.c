/*
 * http_target.c: where a request goes: its URL, the addresses of the host, and whether that may be reached.
 */
#include "http_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Milliseconds for which the addresses of a host are not asked for again. */
#define ADDRESS_MS 60000

CkStatus
http_target_read(CkSession *session, const char *url, bool proxy, HttpTarget *target)
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
		(proxy || curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_NO_USER) &&
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
	ck_fail(session, CK_ERR_OPTION, "the address%s is no URL that can be used", proxy ? " of the proxy" : "");
	ck_hint(session, proxy ? "Write it as http://host:port or http://user:password@host:port." :
			"Write it as https://host or https://host:port, without a user and a password.");
	return CK_ERR_OPTION;
}

/* The place of a host among those known, or the one that was found longest ago. */
static HttpHost *
target_host(CkHttp *http, const HttpTarget *target)
{
	HttpHost   *oldest = &http->hosts[0];

	for (HttpHost *h = http->hosts; h < http->hosts + HTTP_HOSTS; h++)
	{
		if (h->found_ms && h->port == target->port && strcmp(h->host, target->host) == 0)
			return h;
		if (h->found_ms < oldest->found_ms)
			oldest = h;
	}
	oldest->found_ms = 0;
	return oldest;
}

/* A proxy's target is not looked up here; what of it can be checked is: its name, or the address that it is. */
static CkStatus
target_check(CkSession *session, const HttpTarget *target)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *numeric;
	char		addresses[CK_ADDRESS_SIZE];

	if (getaddrinfo(target->host, NULL, &hints, &numeric) != 0)
		return ck_reachable(session, target->host, target->port, "");
	freeaddrinfo(numeric);
	return ck_resolve(session, target->host, target->port, addresses, sizeof(addresses));
}

CkStatus
http_target_find(CkHttpStream *stream)
{
	CkSession  *session = stream->session;
	CkHttp	   *http = stream->http;
	const HttpTarget *target = stream->proxy.url ? &stream->proxy : &stream->target;
	HttpHost   *host;
	char		entry[sizeof(host->addresses) + sizeof(host->host) + 16];
	CkStatus	status = stream->proxy.url ? target_check(session, &stream->target) : CK_OK;

	if (status != CK_OK)
		return status;
	host = target_host(http, target);
	if (!host->found_ms || ck_now_ms(session) >= host->found_ms + ADDRESS_MS)
	{
		host->found_ms = 0;
		status = ck_resolve(session, target->host, target->port, host->addresses, sizeof(host->addresses));
		if (status != CK_OK)
			return status;
		memcpy(host->host, target->host, sizeof(host->host));
		host->port = target->port;
		host->found_ms = ck_now_ms(session);
	}
	/* a host that is an address is looked up by nobody */
	if (strcmp(host->addresses, target->host) == 0 || strchr(target->host, ':'))
		return CK_OK;
	snprintf(entry, sizeof(entry), "%s:%d:%s", target->host, target->port, host->addresses);
	stream->addresses = curl_slist_append(NULL, entry);
	return stream->addresses ? CK_OK : ck_fail(session, CK_ERR_MEMORY, "out of memory");
}
