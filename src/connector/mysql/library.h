/*
 * library.h: the client library, MariaDB Connector/C or MySQL's own, under one set of names.
 *
 * With Connector/C every call that may wait for the server is a fiber that gives control back where it would wait, so
 * that the wait is ck_wait()'s and a call that was broken off can be taken up again. MySQL's library has nothing of the
 * kind for prepared statements: there the calls block, within the timeouts of the socket.
 */
#ifndef CK_MYSQL_LIBRARY_H
#define CK_MYSQL_LIBRARY_H

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>

#ifdef MARIADB_PACKAGE_VERSION
#define LIBRARY_NONBLOCKING 1
#define LIBRARY_NAME "MariaDB Connector/C " MARIADB_PACKAGE_VERSION
typedef my_bool LibraryBool;
#else
#define LIBRARY_NAME "libmysqlclient " LIBMYSQL_VERSION
typedef bool LibraryBool;
#endif

/* Numbers that only one of the two headers knows, or that change their names. */
#define STATUS_MORE_RESULTS 8
#define ERROR_ROW_CHANGED_MARIADB 1020
#define ERROR_TOO_MANY_PREPARED 1461
#define ERROR_READ_ONLY_MODE 1836
#define ERROR_STATEMENT_TIMEOUT_MARIADB 1969
#define ERROR_KILLED_MARIADB 1927
#define ERROR_STATEMENT_TIMEOUT_MYSQL 3024
#define ERROR_LOCK_NOWAIT_MYSQL 3572
#define ERROR_CHECK_MYSQL 3819
#define ERROR_LOCKED_MYSQL 3118
#define ERROR_CANNOT_CONVERT_MYSQL 3988
#define ERROR_ILLEGAL_TYPES_MARIADB 4078
#define ERROR_CHECK_MARIADB 4025
#define ERROR_IDLE_MYSQL 4031
#define ERROR_LOCKED_MARIADB 4151
#define ERROR_PLUGIN_NOT_ALLOWED 5010

#define FIELD_TYPE_JSON 245			/* MYSQL_TYPE_JSON */
#define CHARSET_BINARY 63

#endif							/* CK_MYSQL_LIBRARY_H */
