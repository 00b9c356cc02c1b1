/*
 * mysql.c: the connector for MySQL and MariaDB: its options and its table.
 */
#include "session.h"

#define SERVER_OPTION(name, type, flags, field, initial, help) \
	{name, type, CK_ON_SERVER | (flags), offsetof(MysqlOptions, field), initial, 0, 0, NULL, help, NULL}

static const CkOption options[] = {
	SERVER_OPTION("host", CK_OPT_STRING, 0, host, "localhost", "host name, address, or path of a Unix socket"),
	{"port", CK_OPT_INTEGER, CK_ON_SERVER, offsetof(MysqlOptions, port), "3306", 1, 65535, NULL, "port", NULL},
	SERVER_OPTION("dbname", CK_OPT_STRING, 0, dbname, NULL, "database; also the schema of tables that name none"),
	{"sslmode", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(MysqlOptions, sslmode), "prefer", 0, 0,
	"disable|prefer|require|verify-ca|verify-full", "whether the connection is encrypted and the server verified", NULL},
	SERVER_OPTION("sslrootcert", CK_OPT_FILE, 0, sslrootcert, NULL, "file of the authorities to trust"),
	SERVER_OPTION("sslcert", CK_OPT_FILE, CK_ON_USER, sslcert, NULL, "file of the client's certificate"),
	SERVER_OPTION("sslkey", CK_OPT_FILE, CK_ON_USER, sslkey, NULL, "file of the key of the client's certificate"),
	{"zero_date", CK_OPT_CHOICE, CK_ON_SERVER, offsetof(MysqlOptions, zero_date), "error", 0, 0, "error|null",
	"what a date like 0000-00-00 becomes", NULL},
	{"window_functions", CK_OPT_BOOLEAN, CK_ON_SERVER, offsetof(MysqlOptions, window_functions), "true", 0, 0, NULL,
	"whether the server has window functions: MySQL from 8.0 on, MariaDB from 10.2 on", NULL},
	{"user", CK_OPT_STRING, CK_ON_USER | CK_REQUIRED, offsetof(MysqlOptions, user), NULL, 0, 0, NULL,
	"account", "username"},
	{"password", CK_OPT_STRING, CK_ON_USER | CK_SECRET | CK_CREDENTIAL, offsetof(MysqlOptions, password), NULL, 0, 0,
	NULL, "password of the account", NULL},
	{NULL}
};

static const CkConnector connector = {
	.abi = CK_ABI,
	.caps = CK_DISCOVER | CK_READ | CK_REMOTE | CK_WRITE | CK_AUTOCOMMIT,
	.name = "mysql",
	.title = "MySQL and MariaDB",
	.version = "0.1 (" LIBRARY_NAME ")",
	.options = options,
	.options_size = sizeof(MysqlOptions),
	.session_size = sizeof(MysqlSession),
	.scan_size = sizeof(MysqlScan),
	.sql = &mysql_sql,
	.atomicity = CK_TRANSACTIONAL,
	.dialect = mysql_dialect,
	.session_open = mysql_session_open,
	.session_alive = mysql_session_alive,
	.session_close = mysql_session_close,
	.session_check = mysql_session_check,
	.session_cancel = mysql_session_cancel,
	.transaction = mysql_transaction,
	.describe = mysql_describe,
	.scan_open = mysql_scan_open,
	.scan_next = mysql_scan_next,
	.scan_rescan = mysql_scan_rescan,
	.scan_close = mysql_scan_close,
};

const CkConnector *
connkit_connector(void)
{
	return &connector;
}
