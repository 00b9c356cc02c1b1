/*
 * resolve.c: finds the addresses of a host name without holding up the backend.
 */
#include "resolve.h"
#include "background.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/*
 * Writes those of the addresses found that the session may connect to as text. Where that is none, the error is the one of
 * the first.
 */
static CkStatus
resolve_write(CkSession *session, const char *host, int port, const struct addrinfo *found, char *address, size_t size)
{
	char		refused[NI_MAXHOST] = "";
	size_t		used = 0;

	for (const struct addrinfo *a = found; a; a = a->ai_next)
	{
		char		one[NI_MAXHOST];

		if (getnameinfo(a->ai_addr, a->ai_addrlen, one, sizeof(one), NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		if (ck_reachable(session, host, port, one) != CK_OK)
		{
			if (!refused[0])
				strcpy(refused, one);
			continue;
		}
		if (used + strlen(one) + 2 > size)
			break;
		used += (size_t) snprintf(address + used, size - used, "%s%s", used ? "," : "", one);
	}
	if (used > 0)
		return CK_OK;
	if (refused[0])
		return ck_reachable(session, host, port, refused);
	return ck_fail(session, CK_ERR_RESOLVE, "host \"%s\" has no usable address", host);
}

/* The folder or file of a Unix socket, without links: one that is laid after the check leads nowhere. */
static CkStatus
resolve_path(CkSession *session, const char *host, int port, char *address, size_t size)
{
	char		real[PATH_MAX];
	const char *path = realpath(host, real) ? real : host;

	if ((size_t) snprintf(address, size, "%s", path) >= size || strchr(path, ','))
		return ck_fail(session, CK_ERR_RESOLVE, "the path \"%s\" is too long, or holds a comma", host);
	return ck_reachable(session, host, port, address);
}

/* Looks a name up, and writes the addresses. */
static CkStatus
resolve_name(CkSession *session, const char *host, int port, char *address, size_t size)
{
	CkStatus	status = ck_reachable(session, host, port, NULL);
	Lookup	   *lookup;

	if (status != CK_OK)
		return status;
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
		status = resolve_write(session, host, port, lookup->found, address, size);
	resolve_release(lookup);
	return status;
}

CkStatus
ck_resolve(CkSession *session, const char *host, int port, char *address, size_t size)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *numeric;
	CkStatus	status;

	ck_stage(session, CK_STAGE_RESOLVE, host);
	if (host[0] == '\0')
		return ck_fail(session, CK_ERR_OPTION, "the host is empty");
	if (host[0] == '/')
		status = resolve_path(session, host, port, address, size);
	else if (getaddrinfo(host, NULL, &hints, &numeric) == 0)
	{
		status = resolve_write(session, host, port, numeric, address, size);
		freeaddrinfo(numeric);
	}
	else
		status = resolve_name(session, host, port, address, size);
	if (status == CK_OK)
		ck_stage(session, CK_STAGE_RESOLVE, address);
	return status;
}
