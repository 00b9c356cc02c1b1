/*
 * connect.c: makes connections: address, TLS, authentication, and the settings of the session at the source.
 */
#include "session.h"
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

/* What the greeting of a server says of TLS. */
#define CAPABILITY_TLS 0x0800

/* Any row that fits a local column fits this, in bytes. */
#define MAX_PACKET (1024UL * 1024 * 1024)

/*
 * Every session has the same time zone, snapshot rules and literals, whatever the server's settings. The comments are
 * code to MariaDB and to MySQL respectively, whose variables have different names. A slow reader is not cut off. MariaDB's
 * cache of subqueries takes arguments for the same that its collation takes for equal, though the subquery does not. Conditions
 * checked within the index that it makes on a CHAR of a view or another derived table lose rows (10.11). It would
 * cut fractions of seconds, which MySQL and PostgreSQL round. GROUP_CONCAT() is to cut nothing; see concat.c. A 0 that
 * is inserted stays a 0, also where the column counts by itself.
 */
#define SQL_MODE "NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"
static const char settings[] =
	"SET sql_mode='" SQL_MODE "',"
	" time_zone='+00:00', autocommit=0, sql_auto_is_null=0, sql_select_limit=18446744073709551615,"
	" net_write_timeout=86400, wait_timeout=28800, sql_notes=1,"
	" group_concat_max_len=1073741824"
	"/*M! , tx_isolation='REPEATABLE-READ', tx_read_only=0, optimizer_switch='subquery_cache=off,index_condition_pushdown=off' */"
	"/*M!100400 , sql_mode='" SQL_MODE ",TIME_ROUND_FRACTIONAL' */"
	"/*!50720 , transaction_isolation='REPEATABLE-READ', transaction_read_only=0 */";

/* A connection that is being made. */
typedef struct Connecting
{
	CkSession  *session;
	MYSQL	   *mysql;
	bool		stages;			/* tell them */
	char		host[CK_ADDRESS_SIZE];	/* what the library is given: the address to connect to, and then the name that
										 * the certificate has to be for */
	const char *name;			/* that name, where it is verified */
	bool		want_tls;		/* sslmode is not disable */
	bool		need_tls;		/* nor prefer */
	bool		greeted;		/* the server's greeting was seen */
	bool		no_tls;			/* it offers no TLS */
	bool		stranger;		/* it is no MySQL greeting */
	bool		authenticating;
	int			error;			/* errno of the last address that failed */
	CkStatus	status;			/* of the wait that ended it */
} Connecting;

static bool
connect_is_path(const char *host)
{
	return host[0] == '/';
}

#ifdef LIBRARY_NONBLOCKING

/* The library's wait has no argument of ours; a backend makes one connection at a time. */
static Connecting *connecting = NULL;

/*
 * Looks at the server's greeting before the library does: whether it is one, and offers TLS. The library itself would
 * go on without TLS, and then send a password in clear text.
 */
static bool
connect_greeting(Connecting *c, int fd)
{
	unsigned char packet[512];
	ssize_t		size = recv(fd, packet, sizeof(packet), MSG_PEEK | MSG_DONTWAIT);
	const unsigned char *end = packet + (size > 0 ? size : 0);
	const unsigned char *version = packet + 5;
	const unsigned char *flags;

	if (size <= 0)
		return true;			/* closed: the library tells */
	c->greeted = true;
	/* number 65535 is a progress report, at which the library fails where there was no greeting before it */
	if (size < 7 || (packet[4] == 0xff && packet[5] == 0xff && packet[6] == 0xff))
	{
		c->stranger = true;
		return false;
	}
	if (packet[4] == 0xff)
		return true;			/* an error, which the library tells */
	flags = memchr(version, 0, (size_t) (end - version));
	if (packet[4] != 10 || !flags || flags + 16 > end)
	{
		c->stranger = true;
		return false;
	}
	flags += 1 + 4 + 8 + 1;		/* behind the version's NUL: thread, scramble, filler */
	c->no_tls = !((flags[0] | flags[1] << 8) & CAPABILITY_TLS);
	if (c->no_tls && c->need_tls)
		return false;
	if (c->no_tls)
		c->mysql->options.use_ssl = 0;
	if (c->stages)
		ck_stage(c->session, CK_STAGE_TLS, NULL);
	return true;
}

/* Takes every wait of mysql_real_connect(). */
static int
connect_wait(my_socket fd, my_bool is_read, int timeout)
{
	Connecting *c = connecting;
	const struct timeval at_once = {.tv_usec = 1};
	const char *cipher;

	(void) timeout;
	if (!c || c->status != CK_OK)
		return -1;
	c->status = ck_wait(c->session, fd, is_read ? CK_READABLE : CK_WRITABLE);
	if (c->status != CK_OK)
		return -1;
	if (!c->greeted)
	{
		socklen_t	size = sizeof(c->error);

		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &c->error, &size) != 0 || c->error != 0)
		{
			errno = c->error;
			return -1;
		}
		/* the connection stands: from here on the library needs the host to verify the certificate */
		if (c->name)
			snprintf(c->host, sizeof(c->host), "%s", c->name);
		/* the TLS handshake reads from a blocking socket: have it come back here instead */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &at_once, sizeof(at_once));
		c->status = ck_wait(c->session, fd, CK_READABLE);
		return c->status == CK_OK && connect_greeting(c, fd) ? 1 : -1;
	}
	cipher = mysql_get_ssl_cipher(c->mysql);
	if (c->stages && !c->authenticating && (!c->want_tls || c->no_tls || (cipher && strcmp(cipher, "(NONE)") != 0)))
	{
		c->authenticating = true;
		ck_stage(c->session, CK_STAGE_AUTHENTICATE, NULL);
	}
	return 1;
}

/* Options that only this library has. */
static void
connect_library_options(Connecting *c, const MysqlOptions *options)
{
	LibraryBool yes = 1;
	LibraryBool verify = strcmp(options->sslmode, "verify-full") == 0;

#if MARIADB_PACKAGE_VERSION_ID >= 30400
	/* here, what does not verify the name verifies nothing */
	verify = strncmp(options->sslmode, "verify", 6) == 0;
#endif
	mysql_options(c->mysql, MYSQL_OPT_NONBLOCK, NULL);
	mysql_optionsv(c->mysql, MARIADB_OPT_IO_WAIT, (void *) connect_wait);
	mysql_optionsv(c->mysql, MARIADB_OPT_RESTRICTED_AUTH,
				   "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519");
	if (c->want_tls)
	{
		mysql_options(c->mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
		mysql_options(c->mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	}
}

/* mysql_real_connect() with its waits taken. */
static bool
connect_run(Connecting *c, const MysqlOptions *options, const char *host, const char *path)
{
	bool		done;

	connecting = c;
	done = mysql_real_connect(c->mysql, host, options->user, options->password ? options->password : "",
							  options->dbname, (unsigned int) options->port, path,
							  CLIENT_REMEMBER_OPTIONS | CLIENT_FOUND_ROWS) != NULL;
	connecting = NULL;
	if (!done && path && c->error == 0)
		c->error = errno;
	if (done)
	{
		int			fd = mysql_get_socket(c->mysql);
		const struct timeval none = {0};

		/* under TLS the library reads with read(), which must not block either */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	return done;
}

#else

/* Options that only this library has; it blocks, so its timeouts have to bound it. */
static void
connect_library_options(Connecting *c, const MysqlOptions *options)
{
	CkSession  *session = c->session;
	bool		yes = true;
	unsigned int mode = SSL_MODE_DISABLED;
	int64_t		left_ms = session->deadline_ms ? session->deadline_ms - ck_now_ms(session) : session->query_timeout_ms;
	unsigned int connect_timeout = left_ms > 0 ? (unsigned int) ((left_ms + 999) / 1000) : 1;
	unsigned int query_timeout = (unsigned int) ((session->query_timeout_ms + 999) / 1000);

	if (strcmp(options->sslmode, "prefer") == 0)
		mode = SSL_MODE_PREFERRED;
	else if (strcmp(options->sslmode, "require") == 0)
		mode = SSL_MODE_REQUIRED;
	else if (strcmp(options->sslmode, "verify-ca") == 0)
		mode = SSL_MODE_VERIFY_CA;
	else if (strcmp(options->sslmode, "verify-full") == 0)
		mode = SSL_MODE_VERIFY_IDENTITY;
	mysql_options(c->mysql, MYSQL_OPT_SSL_MODE, &mode);
	mysql_options(c->mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &yes);
	mysql_options(c->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
	if (query_timeout > 0)
	{
		mysql_options(c->mysql, MYSQL_OPT_READ_TIMEOUT, &query_timeout);
		mysql_options(c->mysql, MYSQL_OPT_WRITE_TIMEOUT, &query_timeout);
	}
}

/* Asks whether the connection may be where the library has made it to. */
static bool
connect_ask_peer(Connecting *c, const MysqlOptions *options)
{
	struct sockaddr_storage peer;
	socklen_t	size = sizeof(peer);
	char		numeric[NI_MAXHOST];

	if (getpeername(c->mysql->net.fd, (struct sockaddr *) &peer, &size) != 0 ||
		getnameinfo((struct sockaddr *) &peer, size, numeric, sizeof(numeric), NULL, 0, NI_NUMERICHOST) != 0)
		c->status = ck_fail(c->session, CK_ERR_LOST, "the connection was lost");
	else
		c->status = ck_reachable(c->session, options->host, (int) options->port, numeric);
	return c->status == CK_OK;
}

/* This library verifies no other name than the one that it looks up by itself, a second time. */
static bool
connect_run(Connecting *c, const MysqlOptions *options, const char *host, const char *path)
{
	return mysql_real_connect(c->mysql, c->name ? c->name : host, options->user,
							  options->password ? options->password : "", options->dbname, (unsigned int) options->port,
							  path, CLIENT_REMEMBER_OPTIONS | CLIENT_FOUND_ROWS) != NULL &&
		(c->name == NULL || connect_ask_peer(c, options));
}

#endif

/* Refuses what must not reach the library: it reads a host with = or ; in it as options, and :// as a plugin. */
static CkStatus
connect_check(CkSession *session, const MysqlOptions *options)
{
	if (!options->host[0] || strlen(options->host) > 255 ||
		(!connect_is_path(options->host) && strpbrk(options->host, "=;/,@ ")))
	{
		ck_fail(session, CK_ERR_OPTION, "\"%s\" is not a host name", options->host);
		ck_hint(session, "The option host is one name, one numeric address, or the path of a Unix socket.");
		return CK_ERR_OPTION;
	}
	if (!options->user[0])
		return ck_fail(session, CK_ERR_OPTION, "the option user is empty");
	if (strncmp(options->sslmode, "verify", 6) == 0 && !options->sslrootcert)
	{
		ck_fail(session, CK_ERR_OPTION, "sslmode %s needs the option sslrootcert", options->sslmode);
		ck_hint(session, "Name a file with the certificates of the authorities to trust.");
		return CK_ERR_OPTION;
	}
	if (!session->credential_required)
		return CK_OK;
	if (!options->password || !options->password[0])
	{
		ck_fail(session, CK_ERR_AUTH, "a password is required");
		ck_hint(session, "Set the option password of the user mapping.");
		return CK_ERR_AUTH;
	}
	if (connect_is_path(options->host))
	{
		ck_fail(session, CK_ERR_AUTH, "only a superuser may connect by a Unix socket");
		ck_hint(session, "The source could let in the database server's own account there. Name a host instead.");
		return CK_ERR_AUTH;
	}
	return CK_OK;
}

/* Tells why the library could not connect. */
static CkStatus
connect_fail(Connecting *c, const MysqlOptions *options)
{
	CkSession  *session = c->session;
	unsigned int code = mysql_errno(c->mysql);
	CkStatus	status;

	if (c->status != CK_OK)
		return c->status;
	if (c->stranger)
	{
		ck_fail(session, CK_ERR_PROTOCOL, "what answers at \"%s\", port %d does not speak the MySQL protocol",
				options->host, (int) options->port);
		ck_hint(session, "Check the option port; MySQL and MariaDB listen at 3306 by default.");
		return CK_ERR_PROTOCOL;
	}
	if (c->no_tls && c->need_tls)
	{
		ck_fail(session, CK_ERR_TLS, "the server offers no TLS");
		ck_hint(session, "Have it configured with a certificate, or set the option sslmode to \"prefer\" or \"disable\".");
		return CK_ERR_TLS;
	}
	if (code == CR_CONNECTION_ERROR || code == CR_CONN_HOST_ERROR)
	{
		const char *reason = c->error ? strerror(c->error) : mysql_error(c->mysql);

		if (connect_is_path(options->host))
			return ck_fail(session, CK_ERR_CONNECT, "could not connect to socket \"%s\": %s", options->host, reason);
		return ck_fail(session, CK_ERR_CONNECT, "could not connect to \"%s\", port %d: %s", options->host,
					   (int) options->port, reason);
	}
	if (code == CR_SERVER_LOST && !c->greeted)
	{
		ck_fail(session, CK_ERR_LOST, "the server closed the connection before it said anything");
		ck_hint(session, "Check the option port, and whether the source is starting, overloaded or behind a proxy.");
		return CK_ERR_LOST;
	}
	if (code == CR_SSL_CONNECTION_ERROR)
	{
		if (c->stages)
			ck_stage(session, CK_STAGE_TLS, NULL);
		ck_fail(session, CK_ERR_TLS, "%s", mysql_error(c->mysql));
		ck_hint(session, "Check sslmode, sslrootcert, sslcert and sslkey; with verify-full the certificate must be for the "
				"name in the option host.");
		return CK_ERR_TLS;
	}
	status = call_fail(session, code, mysql_sqlstate(c->mysql), mysql_error(c->mysql));
	if (c->stages && (status == CK_ERR_AUTH || status == CK_ERR_DATABASE))
		ck_stage(session, CK_STAGE_AUTHENTICATE, NULL);
	return status;
}

/* Tells what the connection has become, for connkit_test(). */
static void
connect_report(Connecting *c, const MysqlOptions *options)
{
	CkSession  *session = c->session;
	const char *cipher = mysql_get_ssl_cipher(c->mysql);
	char		detail[256];

	if (cipher)
	{
		const char *version = "TLS";

#ifdef LIBRARY_NONBLOCKING
		mariadb_get_infov(c->mysql, MARIADB_CONNECTION_TLS_VERSION, &version);
#endif
		snprintf(detail, sizeof(detail), "%s %s, certificate %s", version, cipher,
				 strcmp(options->sslmode, "verify-full") == 0 ? "and host name verified" :
				 strcmp(options->sslmode, "verify-ca") == 0 ? "verified" : "not verified");
		ck_stage(session, CK_STAGE_TLS, detail);
	}
	else
		ck_stage(session, CK_STAGE_TLS, c->no_tls ? "not used: the server offers none" :
				 connect_is_path(options->host) ? "not used: Unix socket" : "not used");
	if (!cipher && !connect_is_path(options->host))
		ck_warn(session, "the connection is not encrypted", "Set the server's option sslmode to \"verify-full\".");
	snprintf(detail, sizeof(detail), "user %s %s", options->user,
			 options->password && options->password[0] ? "by password" : "without a password");
	ck_stage(session, CK_STAGE_AUTHENTICATE, detail);
}

/* Sets what does not depend on the library. */
static void
connect_options(Connecting *c, const MysqlOptions *options)
{
	MYSQL	   *mysql = c->mysql;
	unsigned int off = 0;
	unsigned int protocol = connect_is_path(options->host) ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
	unsigned long max_packet = MAX_PACKET;

	mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
	mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
	mysql_options(mysql, MYSQL_INIT_COMMAND, settings);
	mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "connkit");
	if (c->want_tls)
	{
		if (options->sslrootcert && strncmp(options->sslmode, "verify", 6) == 0)
			mysql_options(mysql, MYSQL_OPT_SSL_CA, options->sslrootcert);
		if (options->sslcert)
			mysql_options(mysql, MYSQL_OPT_SSL_CERT, options->sslcert);
		if (options->sslkey)
			mysql_options(mysql, MYSQL_OPT_SSL_KEY, options->sslkey);
	}
	connect_library_options(c, options);
}

/* Tries one address, or socket. */
static CkStatus
connect_one(Connecting *c, const MysqlOptions *options, const char *address)
{
	CkSession  *session = c->session;
	bool		path = connect_is_path(address);
	char		where[CK_ADDRESS_SIZE + 16];

	snprintf(where, sizeof(where), path ? "%s" : "%s:%d", address, (int) options->port);
	if (c->stages)
		ck_stage(session, CK_STAGE_CONNECT, where);
	c->greeted = c->no_tls = false;
	snprintf(c->host, sizeof(c->host), "%s", address);
	if (!connect_run(c, options, path ? NULL : c->host, path ? c->host : NULL))
		return connect_fail(c, options);
	if (c->need_tls && !mysql_get_ssl_cipher(c->mysql))
		return ck_fail(session, CK_ERR_TLS, "the server went on without TLS");
	if (c->stages)
		connect_report(c, options);
	return CK_OK;
}

CkStatus
mysql_connect(CkSession *session, MYSQL *mysql, bool stages)
{
	const MysqlOptions *options = session->options;
	MysqlSession *state = session->state;
	Connecting	c = {.session = session, .mysql = mysql, .stages = stages};
	char		addresses[CK_ADDRESS_SIZE];
	char	   *rest = NULL;
	CkStatus	status = connect_check(session, options);

	if (status != CK_OK)
		return status;
	c.want_tls = strcmp(options->sslmode, "disable") != 0 && !connect_is_path(options->host);
	c.need_tls = c.want_tls && strcmp(options->sslmode, "prefer") != 0;
	c.name = c.want_tls && strcmp(options->sslmode, "verify-full") == 0 ? options->host : NULL;
#if defined(LIBRARY_NONBLOCKING) && MARIADB_PACKAGE_VERSION_ID >= 30400
	/* it compares no certificate with what it takes for its own machine, which it knows by these spellings alone */
	if (c.name && strcmp(c.name, "127.0.0.1") == 0)
		c.name = "127.0.0.01";
	else if (c.name && strcmp(c.name, "::1") == 0)
		c.name = "0:0:0:0:0:0:0:1";
#endif
	if (state->address[0])
		snprintf(addresses, sizeof(addresses), "%s", state->address);
	else if ((status = ck_resolve(session, options->host, (int) options->port, addresses, sizeof(addresses))) != CK_OK)
		return status;
	connect_options(&c, options);
	for (char *one = strtok_r(addresses, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
	{
		status = connect_one(&c, options, one);
		if (status == CK_OK)
			snprintf(state->address, sizeof(state->address), "%s", one);
		if (status != CK_ERR_CONNECT)
			break;
	}
	return status;
}
