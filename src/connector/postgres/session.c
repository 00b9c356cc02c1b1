/*
 * session.c: connects to a source and disconnects; classifies what can go wrong on the way.
 */
#include "postgres.h"
#include "resolve.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The oldest server that the catalog queries know. */
#define OLDEST_VERSION 120000

/* Where libpq would look into the home directory of the server's own user: no file is ever there. */
#define NOWHERE "/dev/null/none"

#define MAX_PARAMETERS 40

typedef struct PgParameters
{
	const char *keywords[MAX_PARAMETERS + 1];
	const char *values[MAX_PARAMETERS + 1];
	int			count;
	char		numbers[6][12];
	int			nnumbers;
} PgParameters;

static void
postgres_parameter(PgParameters *p, const char *keyword, const char *value)
{
	if (!value || !*value)
		return;
	p->keywords[p->count] = keyword;
	p->values[p->count++] = value;
}

static void
postgres_parameter_number(PgParameters *p, const char *keyword, int64_t value)
{
	char	   *text = p->numbers[p->nnumbers++];

	snprintf(text, sizeof(p->numbers[0]), "%d", (int) value);
	postgres_parameter(p, keyword, text);
}

static bool
postgres_parameter_given(const PgParameters *p, const char *keyword)
{
	for (int i = 0; i < p->count; i++)
	{
		if (strcmp(p->keywords[i], keyword) == 0)
			return true;
	}
	return false;
}

/* All that is said to libpq; host is the option's value once for each address. */
static void
postgres_parameters(PgParameters *p, const PgOptions *o, const char *host, const char *addresses)
{
	bool		verify = strncmp(o->sslmode, "verify", 6) == 0;

	postgres_parameter(p, "host", host);
	postgres_parameter(p, "hostaddr", addresses);
	postgres_parameter_number(p, "port", o->port);
	postgres_parameter(p, "dbname", o->dbname ? o->dbname : o->user);
	postgres_parameter(p, "user", o->user);
	postgres_parameter(p, "password", o->password);
	postgres_parameter(p, "passfile", NOWHERE);
	postgres_parameter(p, "application_name", o->application_name);
	postgres_parameter(p, "client_encoding", "UTF8");
	postgres_parameter(p, "sslmode", o->sslmode);
	/* "system", the authorities that the machine trusts, is known from libpq 16 on */
	postgres_parameter(p, "sslrootcert", o->sslrootcert ? o->sslrootcert : verify ? "system" : NOWHERE);
	postgres_parameter(p, "sslcert", o->sslcert ? o->sslcert : NOWHERE);
	postgres_parameter(p, "sslkey", o->sslkey ? o->sslkey : NOWHERE);
	postgres_parameter(p, "sslpassword", o->sslpassword);
	postgres_parameter(p, "sslcrl", o->sslcrl ? o->sslcrl : NOWHERE);
	postgres_parameter(p, "ssl_min_protocol_version", o->ssl_min_protocol_version);
	postgres_parameter(p, "channel_binding", o->channel_binding);
	postgres_parameter(p, "gssencmode", "disable");
	postgres_parameter(p, "keepalives", o->keepalives ? "1" : "0");
	postgres_parameter_number(p, "keepalives_idle", o->keepalives_idle);
	postgres_parameter_number(p, "keepalives_interval", o->keepalives_interval);
	postgres_parameter_number(p, "keepalives_count", o->keepalives_count);
	postgres_parameter_number(p, "tcp_user_timeout", o->tcp_user_timeout);
}

/*
 * Begins to connect. The server's environment has no say: variables that libpq would read for parameters that are
 * not given are hidden while it reads its parameters.
 */
static PGconn *
postgres_start(const PgParameters *p)
{
	PQconninfoOption *all = PQconninfoParse("", NULL);
	struct
	{
		const char *name;
		char	   *value;
	}			hidden[64];
	int			nhidden = 0;
	PGconn	   *conn;

	for (PQconninfoOption *o = all; o && o->keyword; o++)
	{
		const char *value = o->envvar && !postgres_parameter_given(p, o->keyword) ? getenv(o->envvar) : NULL;

		if (value && nhidden < 64)
		{
			hidden[nhidden].name = o->envvar;
			hidden[nhidden++].value = strdup(value);
			unsetenv(o->envvar);
		}
	}
	conn = PQconnectStartParams(p->keywords, p->values, 0);
	while (nhidden-- > 0)
	{
		if (hidden[nhidden].value)
			setenv(hidden[nhidden].name, hidden[nhidden].value, 1);
		free(hidden[nhidden].value);
	}
	PQconninfoFree(all);
	return conn;
}

/*
 * Finds in libpq's message what went wrong last: the source's own words, with their SQLSTATE, or libpq's reason. One
 * line, in reason.
 */
static void
postgres_reason(const char *message, char *reason, size_t size, char sqlstate[6])
{
	const char *text = message;
	const char *found;
	const char *next;

	/* of several attempts, the last */
	for (next = message; (next = strstr(next, "connection to server")) != NULL; next++)
		text = next;
	sqlstate[0] = '\0';
	for (found = strstr(text, ":  "); found; found = strstr(found + 1, ":  "))
	{
		if (strspn(found + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && strncmp(found + 8, ": ", 2) == 0)
		{
			memcpy(sqlstate, found + 3, 5);
			sqlstate[5] = '\0';
			text = found + 10;
			break;
		}
	}
	if (!found && (found = strstr(text, "failed: ")) != NULL)
		text = found + strlen("failed: ");
	snprintf(reason, size, "%.*s", (int) strcspn(text, "\n"), text);
}

/* Tells why a connection could not be made; phase is how far it had come. */
static CkStatus
postgres_connect_failed(CkSession *session, ConnStatusType phase, const char *where)
{
	PgSession  *pg = postgres_session(session);
	const PgOptions *o = session->options;
	char		reason[1024];
	char		sqlstate[6];
	CkStatus	status;

	postgres_reason(PQerrorMessage(pg->conn), reason, sizeof(reason), sqlstate);
	if (sqlstate[0])
	{
		status = postgres_tell(session, sqlstate, reason, NULL, NULL);
		/* the right to connect is the database's */
		if (status == CK_ERR_PRIVILEGE || strcmp(sqlstate, "55000") == 0)
		{
			status = ck_fail(session, CK_ERR_DATABASE, "%s", reason);
			ck_sqlstate(session, sqlstate);
			ck_hint(session, "The user needs the right to CONNECT to the database.");
		}
		return status;
	}
	if (PQconnectionNeedsPassword(pg->conn) && !o->password)
	{
		status = ck_fail(session, CK_ERR_AUTH, "the source asks for a password");
		ck_hint(session, "Set the option password of the user mapping.");
	}
	else if (strstr(reason, "invalid response") || strstr(reason, "expected authentication request"))
	{
		status = ck_fail(session, CK_ERR_PROTOCOL, "what answers at %s is no PostgreSQL server", where);
		ck_hint(session, "Check host and port.");
	}
	else if (phase == CONNECTION_SSL_STARTUP || strstr(reason, "SSL"))
	{
		status = ck_fail(session, CK_ERR_TLS, "%s", reason);
		ck_hint(session, strstr(reason, "does not support SSL")
				? "The source offers no TLS. Let it, or choose another sslmode."
				: strstr(reason, "private key") ? "Check sslcert and sslkey, which must belong together."
				: "Check sslrootcert, which must hold the authority that signed the source's certificate, and that host "
				"is a name in that certificate.");
	}
	else
	{
		status = ck_fail(session, CK_ERR_CONNECT, "could not connect to %s: %s", where, reason);
		ck_hint(session, "Check host and port, and that the source listens there and can be reached from the "
				"database server.");
	}
	return status;
}

/* Tells connkit_test() how the connection is protected. */
static void
postgres_tell_tls(CkSession *session, bool local)
{
	PgSession  *pg = postgres_session(session);
	const PgOptions *o = session->options;
	char		detail[256];

	if (PQsslInUse(pg->conn))
	{
		snprintf(detail, sizeof(detail), "%s %s, %s", PQsslAttribute(pg->conn, "protocol"),
				 PQsslAttribute(pg->conn, "cipher"), strcmp(o->sslmode, "verify-full") == 0 ? "certificate verified" :
				 strcmp(o->sslmode, "verify-ca") == 0 ? "authority verified, not the name" : "certificate not verified");
		ck_stage(session, CK_STAGE_TLS, detail);
	}
	else if (!local)
	{
		ck_stage(session, CK_STAGE_TLS, "not encrypted");
		ck_warn(session, "the connection is not encrypted",
				"Set sslmode to verify-full, and sslrootcert to the authority of the source's certificate.");
	}
}

/* Polls the connection until it is made; the stages are told as they come. */
static CkStatus
postgres_poll(CkSession *session, const char *where, bool local)
{
	PgSession  *pg = postgres_session(session);
	ConnStatusType phase = CONNECTION_STARTED;
	PostgresPollingStatusType poll = PGRES_POLLING_WRITING;
	bool		told = false;	/* libpq may try once more, without TLS */

	while (poll == PGRES_POLLING_READING || poll == PGRES_POLLING_WRITING)
	{
		CkStatus	status = ck_wait(session, PQsocket(pg->conn),
									 poll == PGRES_POLLING_READING ? CK_READABLE : CK_WRITABLE);

		if (status != CK_OK)
			return status;
		poll = PQconnectPoll(pg->conn);
		if (PQstatus(pg->conn) == phase || PQstatus(pg->conn) == CONNECTION_BAD)
			continue;
		phase = PQstatus(pg->conn);
		if (phase == CONNECTION_SSL_STARTUP)
			ck_stage(session, CK_STAGE_TLS, NULL);
		else if (phase == CONNECTION_AWAITING_RESPONSE && !told)
		{
			told = true;
			postgres_tell_tls(session, local);
			ck_stage(session, CK_STAGE_AUTHENTICATE, PQuser(pg->conn));
		}
	}
	return poll == PGRES_POLLING_OK ? CK_OK : postgres_connect_failed(session, phase, where);
}

/* What is said to every new session, in one command whose reply is read before the next. */
static CkStatus
postgres_set_up(CkSession *session)
{
	char		sql[1024];

	snprintf(sql, sizeof(sql), "SET search_path = pg_catalog; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';"
			 "SET timezone = 'UTC'; SET extra_float_digits = 3; SET bytea_output = 'hex';"
			 "SET standard_conforming_strings = on; SET default_transaction_isolation = 'repeatable read'%s",
			 PQserverVersion(postgres_session(session)->conn) >= 140000
			 ? "; SET client_connection_check_interval = '10s'" : "");
	return postgres_send(session, sql);
}

/* Refuses a session that must not be used, though it could be opened. */
static CkStatus
postgres_accept(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	const PgOptions *o = session->options;
	const char *encoding = PQparameterStatus(pg->conn, "server_encoding");
	bool		password = PQconnectionUsedPassword(pg->conn);
	char		detail[256];
	CkStatus	status;

	snprintf(detail, sizeof(detail), "user %s %s", PQuser(pg->conn), password ? "by password" : "without a password");
	ck_stage(session, CK_STAGE_AUTHENTICATE, detail);
	if (session->credential_required && !(password && o->password))
	{
		status = ck_fail(session, CK_ERR_AUTH, "the source let user \"%s\" in without a password", PQuser(pg->conn));
		ck_hint(session, "Only superusers may use the server's own identity. Let the source ask for a password, or have "
				"a superuser set the user mapping's option password_required to false.");
		return status;
	}
	if (PQserverVersion(pg->conn) < OLDEST_VERSION)
		return ck_fail(session, CK_ERR_UNSUPPORTED, "the source is PostgreSQL %s, which is older than 12",
					   PQparameterStatus(pg->conn, "server_version"));
	/* in other encodings, text has another order of bytes and other lengths: what is pushed would answer otherwise */
	if (!encoding || (strcmp(encoding, "UTF8") != 0 && strcmp(encoding, "LATIN1") != 0))
	{
		status = ck_fail(session, CK_ERR_UNSUPPORTED, "the source's database has the encoding %s",
						 encoding ? encoding : "unknown");
		ck_hint(session, "Databases in UTF8 and LATIN1 can be read.");
		return status;
	}
	return CK_OK;
}

/* Refuses options that libpq would answer with a message of its own, or with silence. */
static CkStatus
postgres_check_options(CkSession *session)
{
	const PgOptions *o = session->options;
	struct
	{
		const char *name;
		const char *path;
	}			files[] = {
		{"sslrootcert", o->sslrootcert && strcmp(o->sslrootcert, "system") != 0 ? o->sslrootcert : NULL},
		{"sslcert", o->sslcert}, {"sslkey", o->sslkey}, {"sslcrl", o->sslcrl}
	};
	CkStatus	status;

	if (strchr(o->host, ',') || strlen(o->host) > 255)
		return ck_fail(session, CK_ERR_OPTION, "option \"host\" must be one host");
	/* before a colon libpq reads the name of an OpenSSL engine, a library that it would load */
	if (o->sslkey && strchr(o->sslkey, ':'))
		return ck_fail(session, CK_ERR_OPTION, "option \"sslkey\" may hold no colon");
	if (!o->sslcert != !o->sslkey)
		return ck_fail(session, CK_ERR_OPTION, "options \"sslcert\" and \"sslkey\" must be given together");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		if (files[i].path && access(files[i].path, R_OK) != 0)
			return ck_fail(session, CK_ERR_OPTION, "the file of option \"%s\" cannot be read: %s", files[i].name,
						   strerror(errno));
	}
	if (strncmp(o->sslmode, "verify", 6) == 0 && !o->sslrootcert &&
		(PQlibVersion() < 160000 || strcmp(o->sslmode, "verify-full") != 0))
	{
		status = ck_fail(session, CK_ERR_OPTION, "sslmode \"%s\" needs the option sslrootcert", o->sslmode);
		ck_hint(session, "Set sslrootcert to a file with the authority that signed the source's certificate.");
		return status;
	}
	return CK_OK;
}

/* Notices of the source are for nobody here. */
static void
postgres_ignore_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

/* Repeats a host for each of its addresses, as libpq wants it. */
static void
postgres_repeat(char *hosts, size_t size, const char *host, const char *addresses)
{
	size_t		used = (size_t) snprintf(hosts, size, "%s", host);

	for (const char *a = addresses; (a = strchr(a, ',')) != NULL && used < size; a++)
		used += (size_t) snprintf(hosts + used, size - used, ",%s", host);
}

/* Makes a connection for the session. */
static CkStatus
postgres_connect(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	const PgOptions *o = session->options;
	PgParameters parameters = {.count = 0};
	char		addresses[CK_ADDRESS_SIZE];
	char		hosts[8192];
	char		where[CK_ADDRESS_SIZE + 16];
	bool		local = o->host[0] == '/';
	CkStatus	status;

	status = ck_resolve(session, o->host, (int) o->port, addresses, sizeof(addresses));
	if (status != CK_OK)
		return status;
	if (local)
		snprintf(where, sizeof(where), "%s/.s.PGSQL.%d", o->host, (int) o->port);
	else
	{
		/* several addresses go by the host's name */
		const char *address = strchr(addresses, ',') ? o->host : addresses;

		snprintf(where, sizeof(where), strchr(address, ':') ? "[%s]:%d" : "%s:%d", address, (int) o->port);
	}
	postgres_repeat(hosts, sizeof(hosts), local ? addresses : o->host, addresses);
	ck_stage(session, CK_STAGE_CONNECT, where);

	postgres_parameters(&parameters, o, hosts, local ? NULL : addresses);
	pg->connection++;
	pg->conn = postgres_start(&parameters);
	if (!pg->conn)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	PQsetNoticeReceiver(pg->conn, postgres_ignore_notice, NULL);
	PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE);	/* brings the SQLSTATE of a refusal */
	if (PQstatus(pg->conn) == CONNECTION_BAD)
		return postgres_connect_failed(session, CONNECTION_STARTED, where);
	status = postgres_poll(session, where, local);
	PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
	if (status == CK_OK)
		status = postgres_accept(session);
	if (status != CK_OK)
		return status;
	PQsetnonblocking(pg->conn, 1);
	return postgres_set_up(session);
}

CkStatus
postgres_session_open(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status = postgres_check_options(session);

	if (status != CK_OK)
		return status;
	pg->statements = ck_stmt_cache_new(postgres_statement_drop, pg);
	if (!pg->statements)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	return postgres_connect(session);
}

/* Makes a new connection in place of a lost one. What waits in the queue stays there. */
CkStatus
postgres_session_reopen(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	CkStatus	status;

	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->proven = pg->broken = pg->owed = pg->busy = pg->loading = pg->guarded = false;
	pg->scan = NULL;
	status = postgres_connect(session);
	if (status != CK_OK)
		pg->broken = true;
	return status;
}

bool
postgres_session_alive(CkSession *session)
{
	PgSession  *pg = postgres_session(session);
	struct pollfd socket;

	if (pg->broken || pg->busy)
		return false;
	/* whatever has come is read, up to the end of the connection if that has come */
	do
	{
		while (pg->owed && !pg->broken && !PQisBusy(pg->conn))
		{
			PGresult   *result = PQgetResult(pg->conn);

			if (!result)
				pg->owed = false;
			else if (PQresultStatus(result) != PGRES_COMMAND_OK)
				pg->broken = true;
			PQclear(result);
		}
		if (pg->broken || PQstatus(pg->conn) != CONNECTION_OK)
			return false;
		socket = (struct pollfd) {.fd = PQsocket(pg->conn), .events = POLLIN};
	} while (poll(&socket, 1, 0) > 0 && PQconsumeInput(pg->conn));
	return socket.revents == 0 && (pg->owed || PQtransactionStatus(pg->conn) == PQTRANS_IDLE);
}

void
postgres_session_close(CkSession *session)
{
	PgSession  *pg = postgres_session(session);

	pg->broken = true;
	ck_stmt_cache_free(pg->statements);
	PQfinish(pg->conn);
	free(pg->queue);
	memset(pg, 0, sizeof(*pg));
	pg->broken = true;
}
