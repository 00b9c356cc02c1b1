/*
 * postgres.c: the connector for PostgreSQL sources: its options and its table.
 */
#include "postgres.h"

#define AT(member) .offset = offsetof(PgOptions, member)

static const CkOption postgres_options[] = {
	{"host", CK_OPT_STRING, CK_ON_SERVER, AT(host), .initial = "localhost",
	.help = "host name, address, or directory of the Unix socket"},
	{"port", CK_OPT_INTEGER, CK_ON_SERVER, AT(port), .initial = "5432", .min = 1, .max = 65535, .help = "port"},
	{"dbname", CK_OPT_STRING, CK_ON_SERVER, AT(dbname), .help = "database; the user's name if absent"},
	{"user", CK_OPT_STRING, CK_ON_USER | CK_REQUIRED, AT(user), .help = "user at the source", .alias = "username"},
	{"password", CK_OPT_STRING, CK_ON_USER | CK_SECRET | CK_CREDENTIAL, AT(password), .help = "the user's password"},
	{"application_name", CK_OPT_STRING, CK_ON_SERVER, AT(application_name), .initial = "connkit",
	.help = "name that the source shows in pg_stat_activity"},
	{"sslmode", CK_OPT_CHOICE, CK_ON_SERVER, AT(sslmode), .initial = "prefer",
	.choices = "disable|allow|prefer|require|verify-ca|verify-full", .help = "whether and how TLS is used"},
	{"sslrootcert", CK_OPT_FILE, CK_ON_SERVER, AT(sslrootcert), .choices = "system",
	.help = "authorities that may sign the source's certificate"},
	{"sslcert", CK_OPT_FILE, CK_ON_SERVER | CK_ON_USER, AT(sslcert), .help = "certificate shown to the source"},
	{"sslkey", CK_OPT_FILE, CK_ON_SERVER | CK_ON_USER, AT(sslkey), .help = "key of that certificate"},
	{"sslpassword", CK_OPT_STRING, CK_ON_USER | CK_SECRET, AT(sslpassword), .help = "password of that key"},
	{"sslcrl", CK_OPT_FILE, CK_ON_SERVER, AT(sslcrl), .help = "certificates that were revoked"},
	{"ssl_min_protocol_version", CK_OPT_CHOICE, CK_ON_SERVER, AT(ssl_min_protocol_version), .initial = "TLSv1.2",
	.choices = "TLSv1|TLSv1.1|TLSv1.2|TLSv1.3", .help = "oldest version of TLS that will do"},
	{"channel_binding", CK_OPT_CHOICE, CK_ON_SERVER, AT(channel_binding), .initial = "prefer",
	.choices = "disable|prefer|require", .help = "whether the password's proof is bound to the TLS connection"},
	{"keepalives", CK_OPT_BOOLEAN, CK_ON_SERVER, AT(keepalives), .initial = "true",
	.help = "whether an idle connection is probed"},
	{"keepalives_idle", CK_OPT_INTEGER, CK_ON_SERVER, AT(keepalives_idle), .initial = "60", .max = 86400,
	.help = "seconds of silence before the first probe; 0: the system's default"},
	{"keepalives_interval", CK_OPT_INTEGER, CK_ON_SERVER, AT(keepalives_interval), .initial = "10", .max = 86400,
	.help = "seconds between probes; 0: the system's default"},
	{"keepalives_count", CK_OPT_INTEGER, CK_ON_SERVER, AT(keepalives_count), .initial = "3", .max = 1000,
	.help = "lost probes before the connection is given up; 0: the system's default"},
	{"tcp_user_timeout", CK_OPT_INTEGER, CK_ON_SERVER, AT(tcp_user_timeout), .initial = "0", .max = 86400000,
	.help = "milliseconds that sent data may stay unacknowledged; 0: the system's default"},
	{.name = NULL}
};

static const CkConnector postgres_connector = {
	.abi = CK_ABI,
	.caps = CK_DISCOVER | CK_READ | CK_REMOTE | CK_WRITE | CK_AUTOCOMMIT,
	.name = "postgres",
	.title = "PostgreSQL",
	.version = "0.1.0 (libpq " CK_LIBPQ_VERSION ")",
	.options = postgres_options,
	.options_size = sizeof(PgOptions),
	.session_size = sizeof(PgSession),
	.scan_size = sizeof(PgScan),
	.sql = &postgres_sql,
	.atomicity = CK_TRANSACTIONAL,
	.session_open = postgres_session_open,
	.session_alive = postgres_session_alive,
	.session_close = postgres_session_close,
	.session_check = postgres_session_check,
	.session_cancel = postgres_session_cancel,
	.session_export = postgres_session_export,
	.session_import = postgres_session_import,
	.transaction = postgres_transaction,
	.describe = postgres_describe,
	.scan_open = postgres_scan_open,
	.scan_next = postgres_scan_next,
	.scan_pending = postgres_scan_pending,
	.scan_rescan = postgres_scan_rescan,
	.scan_more = postgres_load_more,
	.scan_close = postgres_scan_close,
};

const CkConnector *
connkit_connector(void)
{
	return &postgres_connector;
}
