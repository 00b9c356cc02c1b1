/*
 * bare.c: reads a query's rows through a source's own client library alone and prints the milliseconds that took: the
 * ceiling that a wrapper on the same library can come near.
 *
 * usage: bare postgres CONNINFO QUERY | bare mysql HOST PORT USER PASSWORD DATABASE QUERY [LOOKUPS HIGHEST]
 *        | bare sqlite FILE QUERY
 *
 * Every value is fetched in binary form and looked at, none is converted. With LOOKUPS the query is run so many times with a
 * number from 1 to HIGHEST in the place of its ?, and what is printed is executions a second.
 */
#include <libpq-fe.h>
#include <mysql.h>
#include <sqlite3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_COLUMNS 64
#define MAX_BYTES 65536

static long rows = 0;
static unsigned long sum = 0;

static void
die(const char *message)
{
	fprintf(stderr, "bare: %s\n", message);
	exit(1);
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* COPY in binary; every field's length is read, and its last byte. */
static void
read_postgres(const char *conninfo, const char *query)
{
	PGconn	   *conn = PQconnectdb(conninfo);
	char	   *sql = malloc(strlen(query) + 64);
	char	   *data;
	int			size;

	if (PQstatus(conn) != CONNECTION_OK)
		die(PQerrorMessage(conn));
	sprintf(sql, "COPY (%s) TO STDOUT (FORMAT binary)", query);
	if (PQresultStatus(PQexec(conn, sql)) != PGRES_COPY_OUT)
		die(PQerrorMessage(conn));
	while ((size = PQgetCopyData(conn, &data, 0)) > 0)
	{
		const unsigned char *p = (unsigned char *) data + (rows == 0 ? 19 : 0);
		int			fields = (short) (p[0] << 8 | p[1]);

		p += 2;
		for (int i = 0; i < fields; i++)
		{
			int			length = (int) ((unsigned) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]);

			p += 4;
			if (length > 0)
			{
				p += length;
				sum += p[-1];
			}
		}
		rows += fields >= 0;
		PQfreemem(data);
	}
	if (size == -2)
		die(PQerrorMessage(conn));
	PQfinish(conn);
}

/* A prepared statement, unbuffered, integers and floats by value, everything else as bytes. */
static void
read_mysql(char **args, long lookups, long highest)
{
	MYSQL	   *mysql = mysql_init(NULL);
	MYSQL_STMT *stmt;
	MYSQL_BIND	key = {0};
	long long	id = 1;
	MYSQL_RES  *result;
	MYSQL_FIELD *fields;
	static MYSQL_BIND binds[MAX_COLUMNS];
	static char buffers[MAX_COLUMNS][MAX_BYTES];
	static unsigned long lengths[MAX_COLUMNS];
	unsigned int columns;
	int			end;

	if (!mysql_real_connect(mysql, args[0], args[2], args[3], args[4], (unsigned) atoi(args[1]), NULL, 0))
		die(mysql_error(mysql));
	stmt = mysql_stmt_init(mysql);
	key.buffer_type = MYSQL_TYPE_LONGLONG;
	key.buffer = &id;
	if (mysql_stmt_prepare(stmt, args[5], strlen(args[5])) != 0 || (highest > 0 && mysql_stmt_bind_param(stmt, &key) != 0) ||
		mysql_stmt_execute(stmt) != 0)
		die(mysql_stmt_error(stmt));
	result = mysql_stmt_result_metadata(stmt);
	columns = mysql_num_fields(result);
	fields = mysql_fetch_fields(result);
	if (columns > MAX_COLUMNS)
		die("too many columns");
	for (unsigned int i = 0; i < columns; i++)
	{
		enum enum_field_types type = fields[i].type;

		binds[i].buffer_type = type == MYSQL_TYPE_NEWDECIMAL || type == MYSQL_TYPE_BLOB ? MYSQL_TYPE_STRING : type;
		binds[i].buffer = buffers[i];
		binds[i].buffer_length = MAX_BYTES;
		binds[i].length = &lengths[i];
	}
	if (mysql_stmt_bind_result(stmt, binds) != 0)
		die(mysql_stmt_error(stmt));
	for (;;)
	{
		while ((end = mysql_stmt_fetch(stmt)) == 0)
		{
			rows++;
			for (unsigned int i = 0; i < columns; i++)
				sum += (unsigned char) buffers[i][0];
		}
		if (end != MYSQL_NO_DATA)
			die(mysql_stmt_error(stmt));
		if (--lookups <= 0)
			break;
		id = 1 + random() % highest;
		if (mysql_stmt_execute(stmt) != 0)
			die(mysql_stmt_error(stmt));
	}
	mysql_free_result(result);
	mysql_stmt_close(stmt);
	mysql_close(mysql);
}

static void
read_sqlite(const char *file, const char *query)
{
	sqlite3    *db;
	sqlite3_stmt *stmt;
	int			columns,
				result;

	if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(db, query, -1, &stmt, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	columns = sqlite3_column_count(stmt);
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
	{
		rows++;
		for (int i = 0; i < columns; i++)
			switch (sqlite3_column_type(stmt, i))
			{
				case SQLITE_INTEGER:
					sum += (unsigned long) sqlite3_column_int64(stmt, i);
					break;
				case SQLITE_FLOAT:
					sum += sqlite3_column_double(stmt, i) > 0;
					break;
				case SQLITE_NULL:
					break;
				default:
					sum += (unsigned long) sqlite3_column_bytes(stmt, i) + (sqlite3_column_blob(stmt, i) != NULL);
			}
	}
	if (result != SQLITE_DONE)
		die(sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

int
main(int argc, char **argv)
{
	double		begin = now_ms();
	long		lookups = argc == 10 ? atol(argv[8]) : 0;

	if (argc == 4 && strcmp(argv[1], "postgres") == 0)
		read_postgres(argv[2], argv[3]);
	else if ((argc == 8 || argc == 10) && strcmp(argv[1], "mysql") == 0)
		read_mysql(argv + 2, lookups, lookups > 0 ? atol(argv[9]) : 0);
	else if (argc == 4 && strcmp(argv[1], "sqlite") == 0)
		read_sqlite(argv[2], argv[3]);
	else
		die("usage: bare postgres CONNINFO QUERY | bare mysql HOST PORT USER PASSWORD DATABASE QUERY [LOOKUPS HIGHEST]"
			" | bare sqlite FILE QUERY");
	if (lookups > 0)
		printf("%.0f\n", lookups * 1e3 / (now_ms() - begin));
	else
		printf("%.0f\n", now_ms() - begin);
	fprintf(stderr, "%ld rows, %lu\n", rows, sum);
	return 0;
}
