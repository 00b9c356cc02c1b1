/*
 * reach.c: which hosts and addresses a source may be at.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fnmatch.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/guc.h"

#include "compat.h"
#include "reach.h"
#include "typemap.h"

/* Link-local networks, and the metadata and platform services of AWS, Google, Azure, Alibaba, Oracle and Scaleway. */
#define DENIED_ADDRESSES "169.254.0.0/16, fe80::/10, 100.100.100.200, 168.63.129.16, 192.0.0.192, fd00:ec2::/32, " \
	"fd20:ce::254, fd00:c1::a9fe:a9fe, fd00:42::42"

#define PATTERN_HINT "Patterns are divided by commas: names (*.example.com), addresses, networks (10.0.0.0/8), each " \
	"with :port or :from-to if need be ([fd00::/8]:5432), paths of Unix sockets (/run/postgresql*), or * for all."

/* In binary form. IPv4 that is mapped into IPv6 is IPv4, as it is to the system. */
typedef struct ReachAddress
{
	int			family;			/* AF_INET or AF_INET6 */
	unsigned char bytes[16];
} ReachAddress;

typedef enum ReachKind
{
	REACH_ANY,					/* "*": every name and address, and without a port every socket too */
	REACH_NAME,
	REACH_NETWORK,
	REACH_PATH
} ReachKind;

typedef struct ReachPattern
{
	ReachKind	kind;
	int			from_port;		/* 0: any */
	int			to_port;
	ReachAddress network;
	int			bits;
	char	   *text;			/* glob of a name, in lower case, or of a path */
} ReachPattern;

/* A parsed setting: one block of memory, which ends with the patterns' texts. */
typedef struct ReachList
{
	bool		malformed;		/* it came from where it cannot be refused */
	int			count;
	ReachPattern patterns[FLEXIBLE_ARRAY_MEMBER];
} ReachList;

static char *allowed_setting;
static char *denied_setting;
static ReachList *allowed_hosts;
static ReachList *denied_addresses;
static bool defining;			/* the settings are being defined, by what the configuration had for them already */

/* Cuts what stands behind the address to its family's form, IPv4 out of its mapped form. */
static void
address_set(ReachAddress *address, int family, const void *bytes)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	memset(address, 0, sizeof(*address));
	if (family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0)
	{
		family = AF_INET;
		bytes = (const unsigned char *) bytes + sizeof(mapped);
	}
	address->family = family;
	memcpy(address->bytes, bytes, family == AF_INET ? 4 : 16);
}

/* Reads a numeric address in whatever form the system takes: 127.1, 0x7f000001, fe80::1%eth0. False: it is none. */
static bool
address_parse(const char *text, ReachAddress *address)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *found;
	bool		known;

	if (text[0] == '\0' || getaddrinfo(text, NULL, &hints, &found) != 0)
		return false;
	known = found->ai_family == AF_INET || found->ai_family == AF_INET6;
	if (found->ai_family == AF_INET)
		address_set(address, AF_INET, &((struct sockaddr_in *) found->ai_addr)->sin_addr);
	else if (known)
		address_set(address, AF_INET6, &((struct sockaddr_in6 *) found->ai_addr)->sin6_addr);
	freeaddrinfo(found);
	/* who connects to no address connects to himself */
	if (known && memcmp(address->bytes, &in6addr_any, sizeof(address->bytes)) == 0)
	{
		const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};

		address_set(address, address->family, address->family == AF_INET ? (const void *) &loopback : &in6addr_loopback);
	}
	return known;
}

/* Whether the first so many bits are the same. */
static bool
bits_equal(const unsigned char *a, const unsigned char *b, int bits)
{
	int			bytes = bits / 8;
	int			mask = 0xff00 >> (bits % 8) & 0xff;

	return memcmp(a, b, bytes) == 0 && (mask == 0 || ((a[bytes] ^ b[bytes]) & mask) == 0);
}

static bool
network_has(const ReachPattern *pattern, const ReachAddress *address)
{
	return pattern->network.family == address->family &&
		bits_equal(pattern->network.bytes, address->bytes, pattern->bits);
}

/*
 * The IPv4 address that a gateway or tunnel would make of an IPv6 address; false: none.
 */
static bool
address_embedded(const ReachAddress *address, ReachAddress *inner)
{
	static const struct
	{
		unsigned char prefix[12];
		int			bits;
		int			offset;		/* in bytes, of the IPv4 address */
	}			forms[] = {
		{{0}, 96, 12},			/* IPv4-compatible */
		{{[8] = 0xff, [9] = 0xff}, 96, 12}, /* IPv4-translated */
		{{0, 0x64, 0xff, 0x9b}, 96, 12},	/* NAT64 */
		{{0x20, 0x02}, 16, 2}	/* 6to4 */
	};

	for (int i = 0; address->family == AF_INET6 && i < lengthof(forms); i++)
		if (bits_equal(forms[i].prefix, address->bytes, forms[i].bits))
		{
			address_set(inner, AF_INET, address->bytes + forms[i].offset);
			return true;
		}
	return false;
}

/* Reads ":port" or ":from-to"; what is wrong with it, or NULL. */
static const char *
pattern_ports(ReachPattern *pattern, const char *text)
{
	char	   *end;
	long		from = isdigit((unsigned char) text[1]) ? strtol(text + 1, &end, 10) : 0;
	long		to = from;

	if (from > 0 && *end == '-')
		to = isdigit((unsigned char) end[1]) ? strtol(end + 1, &end, 10) : 0;
	if (text[0] != ':' || from < 1 || from > to || to > 65535 || *end != '\0')
		return "a port is a number from 1 to 65535, or two of them as from-to";
	pattern->from_port = (int) from;
	pattern->to_port = (int) to;
	return NULL;
}

/* Reads an address or a network; what is wrong with it, or NULL. */
static const char *
pattern_network(ReachPattern *pattern, char *text)
{
	int			family = strchr(text, ':') ? AF_INET6 : AF_INET;
	int			width = family == AF_INET ? 32 : 128;
	char	   *slash = strchr(text, '/');
	char	   *end = NULL;
	long		bits = width;
	unsigned char bytes[16];

	if (slash)
	{
		*slash = '\0';
		bits = isdigit((unsigned char) slash[1]) ? strtol(slash + 1, &end, 10) : -1;
		if (bits < 0 || bits > width || *end != '\0')
			return family == AF_INET ? "the length of a network's prefix is a number from 0 to 32"
				: "the length of a network's prefix is a number from 0 to 128";
	}
	if (inet_pton(family, text, bytes) != 1)
		return family == AF_INET ? "an address is written as four numbers, a network as 10.0.0.0/8"
			: "it is no IPv6 address; a port stands behind brackets: [fd00::1]:5432";
	for (int bit = (int) bits; bit < width; bit++)
		if (bytes[bit / 8] & 0x80 >> bit % 8)
			return "the address has bits set behind the network's prefix";
	address_set(&pattern->network, family, bytes);
	if (family != pattern->network.family)
	{
		if (bits < 96)
			return "a network of IPv4 addresses is written as such: 10.0.0.0/8";
		bits -= 96;
	}
	pattern->kind = REACH_NETWORK;
	pattern->bits = (int) bits;
	return NULL;
}

/* Takes a glob of a name; what is wrong with it, or NULL. */
static const char *
pattern_name(ReachPattern *pattern, char *text)
{
	size_t		length = strlen(text);
	struct in_addr address;

	if (length > 1 && text[length - 1] == '.')
		text[--length] = '\0';
	for (char *c = text; *c; c++)
	{
		*c = pg_ascii_tolower((unsigned char) *c);
		if (!IS_HIGHBIT_SET(*c) && !isalnum((unsigned char) *c) && strchr("-_.*?", *c) == NULL)
			return "it is neither a name, nor an address, nor a path";
	}
	if ((strpbrk(text, "0123456789") && strspn(text, "0123456789.*?") == length) || inet_aton(text, &address))
		return "an address is written as four numbers, a network as 10.0.0.0/8";
	pattern->kind = REACH_NAME;
	pattern->text = text;
	return NULL;
}

/* Reads one pattern, whose text it keeps and changes; what is wrong with it, or NULL. */
static const char *
pattern_parse(ReachPattern *pattern, char *text)
{
	char	   *colon = strchr(text, ':');
	const char *problem = NULL;
	struct in_addr address;

	if (text[0] == '\0')
		return "a pattern is missing";
	if (text[0] == '/')
	{
		pattern->kind = REACH_PATH;
		pattern->text = text;
		return NULL;
	}
	if (text[0] == '[')
	{
		char	   *end = strchr(text, ']');

		if (end == NULL || colon == NULL || colon > end)
			return "brackets hold an IPv6 address or network";
		if (end[1] != '\0')
			problem = pattern_ports(pattern, end + 1);
		*end = '\0';
		return problem ? problem : pattern_network(pattern, text + 1);
	}
	if (colon && strchr(colon + 1, ':'))
		return pattern_network(pattern, text);
	if (colon)
	{
		problem = pattern_ports(pattern, colon);
		*colon = '\0';
	}
	if (problem)
		return problem;
	if (strcmp(text, "*") == 0)
		return NULL;
	if (strchr(text, '/') || inet_pton(AF_INET, text, &address) == 1)
		return pattern_network(pattern, text);
	return pattern_name(pattern, text);
}

/* Bytes of the list that reach_parse() makes of the text. */
static size_t
reach_size(const char *text)
{
	int			count = 1;

	for (const char *c = text; *c; c++)
		count += *c == ',';
	return offsetof(ReachList, patterns) + count * sizeof(ReachPattern) + strlen(text) + 1;
}

/*
 * Parses the text into a list of reach_size() bytes; what is wrong with it, palloc'd, or NULL. An empty text has no
 * patterns. Of addresses, only networks are taken.
 */
static const char *
reach_parse(ReachList *list, const char *text, bool addresses)
{
	size_t		size = reach_size(text);
	char	   *copy = (char *) list + size - strlen(text) - 1;

	memset(list, 0, size);
	strcpy(copy, text);
	if (text[strspn(text, " \t\r\n")] == '\0')
		return NULL;
	for (char *next = copy; next;)
	{
		ReachPattern *pattern = &list->patterns[list->count++];
		char	   *begin = next + strspn(next, " \t\r\n");
		char	   *end = next + strcspn(next, ",");
		char	   *shown;
		const char *problem;

		next = *end ? end + 1 : NULL;
		while (end > begin && strchr(" \t\r\n", end[-1]))
			end--;
		*end = '\0';
		shown = pstrdup(begin);
		problem = pattern_parse(pattern, begin);
		if (problem == NULL && addresses && pattern->kind != REACH_NETWORK)
			problem = "it is neither an address nor a network";
		if (problem)
			return psprintf("\"%s\": %s.", shown, problem);
		pfree(shown);
	}
	return NULL;
}

/* Whether a glob matches a canonical path. Links in the glob's folder, up to its first wildcard, are resolved. */
static bool
path_matches(const char *glob, const char *path)
{
	char	   *folder = pnstrdup(glob, strcspn(glob, "*?["));
	char	   *slash = strrchr(folder, '/');
	char		real[PATH_MAX];
	const int	flags = FNM_PATHNAME | FNM_PERIOD | FNM_NOESCAPE;

	if (fnmatch(glob, path, flags) == 0 || (realpath(glob, real) && strcmp(real, path) == 0))
		return true;
	if (slash == folder)
		return false;
	*slash = '\0';
	return realpath(folder, real) && fnmatch(psprintf("%s%s", real, glob + (slash - folder)), path, flags) == 0;
}

static bool
list_has_path(const ReachList *list, const char *path)
{
	char		real[PATH_MAX];

	if (realpath(path, real))
		path = real;
	for (int i = 0; i < list->count; i++)
	{
		const ReachPattern *pattern = &list->patterns[i];

		if ((pattern->kind == REACH_ANY && pattern->from_port == 0) ||
			(pattern->kind == REACH_PATH && path_matches(pattern->text, path)))
			return true;
	}
	return false;
}

/*
 * True where a pattern matches. While the address of a name is not known, a network is taken to match if the caller says
 * so.
 */
static bool
list_has(const ReachList *list, const char *host, int port, const char *address, bool unknown)
{
	ReachAddress binary;
	bool		numeric = address_parse(host, &binary);
	bool		known = address ? address_parse(address, &binary) : numeric;
	const char *path = address ? address : host;
	char	   *name = asc_tolower(host, strlen(host));

	if (path[0] == '/')
		return list_has_path(list, path);
	if (strlen(name) > 1 && name[strlen(name) - 1] == '.')
		name[strlen(name) - 1] = '\0';
	for (int i = 0; i < list->count; i++)
	{
		const ReachPattern *pattern = &list->patterns[i];

		if (pattern->kind == REACH_PATH ||
			(pattern->from_port > 0 && (port < pattern->from_port || port > pattern->to_port)))
			continue;
		if (pattern->kind == REACH_ANY)
			return true;
		/* a numeric host has no name, whatever its text looks like */
		if (pattern->kind == REACH_NAME ? !numeric && typemap_glob(pattern->text, name)
			: known ? network_has(pattern, &binary) : unknown && address == NULL)
			return true;
	}
	return false;
}

/* Whether the setting connkit.denied_addresses has the address, or the one that is hidden in it. */
static bool
reach_denied(int port, const char *address)
{
	ReachAddress binary;
	ReachAddress inner;

	if (denied_addresses->malformed)
		return true;
	if (!address_parse(address, &binary))
		return false;
	for (int i = 0; i < denied_addresses->count; i++)
	{
		const ReachPattern *pattern = &denied_addresses->patterns[i];

		if (pattern->from_port > 0 && (port < pattern->from_port || port > pattern->to_port))
			continue;
		if (network_has(pattern, &binary) || (address_embedded(&binary, &inner) && network_has(pattern, &inner)))
			return true;
	}
	return false;
}

CkStatus
reach_check(CkSession *pub, const char *host, int port, const char *address)
{
	Session    *session = (Session *) pub;

	if (address && (pub->connector->caps & CK_HTTP) && reach_denied(port, address))
	{
		ck_fail(pub, CK_ERR_PRIVILEGE, "host \"%s\" is at an address that no source may be at", host);
		ck_hint(pub, "Link-local addresses and metadata services are kept away by the setting "
				"connkit.denied_addresses.");
		return CK_ERR_PRIVILEGE;
	}
	if (!session->bounded || list_has(allowed_hosts, host, port, address, true))
		return CK_OK;
	if (host[0] == '/')
		ck_fail(pub, CK_ERR_PRIVILEGE, "connecting to socket \"%s\" is not allowed", host);
	else
		ck_fail(pub, CK_ERR_PRIVILEGE, "connecting to host \"%s\", port %d is not allowed", host, port);
	ck_hint(pub, "Have an administrator add it to the setting connkit.allowed_hosts.");
	return CK_ERR_PRIVILEGE;
}

bool
reach_matches(const char *text, const char *host, int port, const char *address)
{
	ReachList  *list = palloc(reach_size(text));
	bool		matches = reach_parse(list, text, false) == NULL && list_has(list, host, port, address, false);

	pfree(list);
	return matches;
}

const char *
reach_problem(const char *text)
{
	ReachList  *list = palloc(reach_size(text));
	const char *problem = reach_parse(list, text, false);

	pfree(list);
	return problem;
}

/*
 * Refuses a malformed value. Where it was stored when nobody could refuse it (in the configuration before this module was
 * loaded, with a database or a role), it lets nobody pass until it is mended: another value would let too much pass.
 */
static bool
setting_check(const char *name, char *value, void **extra, GucSource source, bool addresses)
{
	ReachList  *list = compat_guc_malloc(LOG, reach_size(value));
	const char *problem;

	if (list == NULL)
		return false;
	problem = reach_parse(list, value, addresses);
	*extra = list;
	if (problem == NULL)
		return true;
	if (defining || (source >= PGC_S_GLOBAL && source <= PGC_S_DATABASE_USER))
	{
		list->count = 0;
		list->malformed = true;
		ereport(WARNING,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\": nothing is allowed by it", name),
				 errdetail("%s", problem),
				 errhint("%s", PATTERN_HINT)));
		return true;
	}
	compat_guc_free(list);
	*extra = NULL;
	GUC_check_errdetail("%s", problem);
	GUC_check_errhint("%s", PATTERN_HINT);
	return false;
}

static bool
allowed_check(char **value, void **extra, GucSource source)
{
	return setting_check("connkit.allowed_hosts", *value, extra, source, false);
}

static bool
denied_check(char **value, void **extra, GucSource source)
{
	return setting_check("connkit.denied_addresses", *value, extra, source, true);
}

static void
allowed_assign(const char *value, void *extra)
{
	allowed_hosts = extra;
	session_invalidate_all();
}

static void
denied_assign(const char *value, void *extra)
{
	denied_addresses = extra;
	session_invalidate_all();
}

void
reach_init(void)
{
	defining = true;
	DefineCustomStringVariable("connkit.allowed_hosts",
							   "Hosts, networks and Unix sockets that sources of users who are no superusers may be at.",
							   PATTERN_HINT,
							   &allowed_setting, "*", PGC_SUSET, 0, allowed_check, allowed_assign, NULL);
	DefineCustomStringVariable("connkit.denied_addresses",
							   "Addresses and networks that connectors which speak HTTP may not connect to.",
							   "Addresses and networks divided by commas; names are looked up before they are compared.",
							   &denied_setting, DENIED_ADDRESSES, PGC_SUSET, 0, denied_check, denied_assign, NULL);
	defining = false;
}
