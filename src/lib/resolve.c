/*
 * resolve.c: finds the addresses of a host name without holding up the backend.
 */
#include "resolve.h"
#include "background.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

typedef struct Lookup
{
	char	   *host;
	char		service[12];
	struct addrinfo *found;
	int			error;			/* of getaddrinfo() */
	int			system_error;	/* errno, where error is EAI_SYSTEM */
} Lookup;

/* Frees a lookup; the release function of its thread. */
static void
resolve_release(void *arg)
{
	Lookup	   *lookup = arg;

	if (lookup->found)
		freeaddrinfo(lookup->found);
	free(lookup->host);
	free(lookup);
}

/* Looks the host up; the run function of its thread. */
static void
resolve_run(void *arg)
{
	Lookup	   *lookup = arg;
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};

	lookup->error = getaddrinfo(lookup->host, lookup->service, &hints, &lookup->found);
	lookup->system_error = errno;
}

/* Tells why a lookup failed. */
static CkStatus
resolve_fail(CkSession *session, const Lookup *lookup)
{
	CkStatus	status;

	if (lookup->error == EAI_MEMORY)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	status = ck_fail(session, CK_ERR_RESOLVE, "could not find the address of host \"%s\": %s", lookup->host,
					 lookup->error == EAI_SYSTEM ? strerror(lookup->system_error) : gai_strerror(lookup->error));
	ck_hint(session, lookup->error == EAI_AGAIN
			? "The database server's name service did not answer. Try again, or write the host's numeric address."
			: "Check the option \"host\": the name must be known where the database server runs.");
	return status;
}

/* Writes what was found as text. */
static void
resolve_write(const Lookup *lookup, char *address, size_t size)
{
	size_t		used = 0;

	address[0] = '\0';
	for (const struct addrinfo *a = lookup->found; a; a = a->ai_next)
	{
		char		one[NI_MAXHOST];
		size_t		length;

		if (getnameinfo(a->ai_addr, a->ai_addrlen, one, sizeof(one), NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		length = strlen(one);
		if (used + length + 2 > size)
			break;
		used += (size_t) snprintf(address + used, size - used, "%s%s", used ? "," : "", one);
	}
}

CkStatus
ck_resolve(CkSession *session, const char *host, int port, char *address, size_t size)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *numeric = NULL;
	Lookup	   *lookup;
	CkStatus	status;

	ck_stage(session, CK_STAGE_RESOLVE, host);
	if (host[0] == '/' || getaddrinfo(host, NULL, &hints, &numeric) == 0)
	{
		if (numeric)
			freeaddrinfo(numeric);
		if ((size_t) snprintf(address, size, "%s", host) >= size)
			return ck_fail(session, CK_ERR_RESOLVE, "host \"%s\" is too long", host);
		return CK_OK;
	}

	lookup = calloc(1, sizeof(*lookup));
	if (!lookup || !(lookup->host = strdup(host)))
	{
		free(lookup);
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	}
	snprintf(lookup->service, sizeof(lookup->service), "%d", port);
	status = ck_background(session, resolve_run, resolve_release, lookup);
	if (status != CK_OK)
		return status;

	if (lookup->error)
		status = resolve_fail(session, lookup);
	else
	{
		resolve_write(lookup, address, size);
		if (address[0] == '\0')
			status = ck_fail(session, CK_ERR_RESOLVE, "host \"%s\" has no usable address", host);
		else
			ck_stage(session, CK_STAGE_RESOLVE, address);
	}
	resolve_release(lookup);
	return status;
}
