/*
 * change.c: what changes need beyond reading: engines that cannot undo them, the size of a request, warnings that values were
 * altered, and statements that end the transaction by themselves.
 */
#include "session.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* First words of statements that a transaction can hold and undo. All others take effect at once, and end it. */
static const char *const undone[] = {
	"INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH", "VALUES", "TABLE", "CALL", "DO", "SHOW", "EXPLAIN",
	"DESCRIBE", "DESC", NULL
};

/* Warnings and notes which say that something else was stored than was sent, or not all of it. */
static const unsigned int altering[] = {
	1048 /* NULL in a column that takes none */ , 1260 /* cut by group_concat */ , 1263 /* NULL, as above */ ,
	ER_WARN_DATA_OUT_OF_RANGE, 1265 /* truncated */ , ER_TRUNCATED_WRONG_VALUE, 1299 /* no such moment in the time zone */ ,
	ER_INVALID_CHARACTER_STRING, 1364 /* no default */ , 1365 /* division by zero */ , ER_TRUNCATED_WRONG_VALUE_FOR_FIELD,
	ER_DATA_TOO_LONG, 1411 /* wrong for the type */ , ER_DATETIME_FUNCTION_OVERFLOW, 1690 /* out of range */ ,
	1916 /* overflow of a cast, MariaDB */ , 1918 /* illegal value, MariaDB */ , 1931 /* not all rows were examined, MariaDB */
};

/* Whether a rollback undoes what the request does, as far as its first word tells. */
static bool
change_can_be_undone(const char *sql)
{
	for (;;)
	{
		if (isspace((unsigned char) *sql) || *sql == '(')
			sql++;
		else if (*sql == '#' || strncmp(sql, "-- ", 3) == 0)
			sql += strcspn(sql, "\n");
		else if (strncmp(sql, "/*", 2) == 0 && sql[2] != '!' && sql[2] != 'M' && strstr(sql + 2, "*/"))
			sql = strstr(sql + 2, "*/") + 2;
		else
			break;
	}
	for (int i = 0; undone[i]; i++)
	{
		size_t		length = strlen(undone[i]);

		if (strncasecmp(sql, undone[i], length) == 0 && !isalnum((unsigned char) sql[length]) && sql[length] != '_')
			return true;
	}
	return false;
}

/* Appends a string literal; quotes are doubled, and backslashes are plain characters in connkit's sessions. */
static char *
change_append_literal(char *to, const char *value)
{
	*to++ = '\'';
	for (; *value; value++)
	{
		if (*value == '\'')
			*to++ = '\'';
		*to++ = *value;
	}
	*to++ = '\'';
	*to = '\0';
	return to;
}

/* The condition that finds the scan's table in information_schema, to be freed; NULL when out of memory. */
static char *
change_table_condition(const CkScan *scan)
{
	const char *schema = scan->schema_name;
	const char *table = scan->table_name ? scan->table_name : "";
	char	   *text = malloc((schema ? 2 * strlen(schema) : 0) + 2 * strlen(table) + 64);
	char	   *end;

	if (!text)
		return NULL;
	end = text + sprintf(text, "t.table_schema = ");
	end = schema ? change_append_literal(end, schema) : end + sprintf(end, "DATABASE()");
	end += sprintf(end, " AND t.table_name = ");
	change_append_literal(end, table);
	return text;
}

/* Runs a query on information_schema, with the condition that finds the table. */
static CkStatus
change_query(CkSession *session, const char *format, const MysqlTable *table, MYSQL_RES **rows)
{
	size_t		size = strlen(format) + strlen(table->name);
	char	   *sql = malloc(size);
	CkStatus	status;

	if (!sql)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	snprintf(sql, size, format, table->name);
	status = call_query(session, sql, rows);
	free(sql);
	return status;
}

/* Asks for the table's columns of the type BIT. */
static CkStatus
change_ask_bits(CkSession *session, MysqlTable *table)
{
	MYSQL_RES  *rows = NULL;
	MYSQL_ROW	row;
	CkStatus	status = change_query(session, "SELECT t.column_name, t.numeric_precision FROM information_schema.columns t"
									  " WHERE %s AND t.data_type = 'bit'", table, &rows);

	if (status != CK_OK)
		return status;
	table->bits = calloc((size_t) mysql_num_rows(rows) + 1, sizeof(MysqlBits));
	while (table->bits && (row = mysql_fetch_row(rows)) != NULL)
	{
		MysqlBits  *bits = &table->bits[table->nbits++];

		snprintf(bits->name, sizeof(bits->name), "%s", row[0]);
		bits->width = (uint32_t) strtoul(row[1] ? row[1] : "1", NULL, 10);
	}
	mysql_free_result(rows);
	return table->bits ? CK_OK : ck_fail(session, CK_ERR_MEMORY, "out of memory");
}

/* Asks the source what has to be known before the first change of a table, and puts it into table. */
static CkStatus
change_ask(CkSession *session, MysqlTable *table)
{
	static const char format[] =
		"SELECT @@max_allowed_packet, (SELECT e.transactions FROM information_schema.tables t"
		" JOIN information_schema.engines e ON e.engine = t.engine WHERE %s LIMIT 1)";
	MysqlSession *state = session->state;
	MYSQL_RES  *rows = NULL;
	MYSQL_ROW	row;
	CkStatus	status = change_query(session, format, table, &rows);

	if (status != CK_OK)
		return status;
	row = mysql_fetch_row(rows);
	if (row && row[0])
		state->max_packet = strtoull(row[0], NULL, 10);
	/* of views nothing is known */
	table->transactional = !(row && row[1] && strcmp(row[1], "NO") == 0);
	mysql_free_result(rows);
	return change_ask_bits(session, table);
}

/* What is known of the scan's table; asks once a session. */
static CkStatus
change_table(CkScan *scan, const MysqlTable **found)
{
	MysqlSession *state = scan->session->state;
	char	   *name = change_table_condition(scan);
	MysqlTable *table = NULL;
	CkStatus	status = CK_OK;

	*found = NULL;
	for (table = state->tables; name && table; table = table->next)
	{
		if (strcmp(table->name, name) == 0)
		{
			free(name);
			*found = table;
			return CK_OK;
		}
	}
	table = calloc(1, sizeof(*table));
	if (!name || !table)
		status = ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	else
	{
		table->name = name;
		scan->round_trips++;
		status = change_ask(scan->session, table);
	}
	if (status != CK_OK)
	{
		free(name);
		free(table ? table->bits : NULL);
		free(table);
		return status;
	}
	table->next = state->tables;
	state->tables = table;
	*found = table;
	return CK_OK;
}

void
change_forget_tables(MysqlSession *state)
{
	while (state->tables)
	{
		MysqlTable *table = state->tables;

		state->tables = table->next;
		free(table->name);
		free(table->bits);
		free(table);
	}
}

/* The table's column of that name, if it is of the type BIT, or NULL. */
static const MysqlBits *
change_find_bits(const MysqlTable *table, const char *name)
{
	for (uint32_t i = 0; table && name && i < table->nbits; i++)
	{
		if (strcasecmp(table->bits[i].name, name) == 0)
			return &table->bits[i];
	}
	return NULL;
}

const MysqlBits *
change_bits(const CkScan *scan, uint32_t arg)
{
	const MysqlScan *own = scan->state;

	return scan->nstored > 0 ? change_find_bits(own->table, scan->stored[arg % scan->nstored].name) : NULL;
}

/* Refuses text that the source itself would put into a BIT, byte by byte. */
static CkStatus
change_check_computed(CkScan *scan, const MysqlTable *table)
{
	for (uint32_t i = scan->nargs; i < scan->nstored; i++)
	{
		const CkColumn *column = &scan->stored[i];

		if (column->type != CK_TEXT || !change_find_bits(table, column->name))
			continue;
		ck_fail(scan->session, CK_ERR_DATA, "column \"%s\" is a BIT, in which the source stores the bytes of a text",
				column->name);
		ck_hint(scan->session, "Declare the column bit(n).");
		return CK_ERR_DATA;
	}
	return CK_OK;
}

CkStatus
change_begin(CkScan *scan)
{
	CkSession  *session = scan->session;
	bool		undoable = change_can_be_undone(scan->remote);
	const MysqlTable *table;
	CkStatus	status = change_table(scan, &table);

	if (status == CK_OK)
		status = change_check_computed(scan, table);
	if (status != CK_OK)
		return status;
	((MysqlScan *) scan->state)->table = table;
	if ((undoable && table->transactional) || (scan->flags & CK_SCAN_BEST_EFFORT))
		return session_nest(session);
	if (undoable)
		ck_fail(session, CK_ERR_UNSUPPORTED, "changes of table \"%s\" cannot be undone: its engine has no transactions",
				scan->table_name);
	else
		ck_fail(session, CK_ERR_UNSUPPORTED, "the statement takes effect at once and ends the source's transaction");
	ck_hint(session, "Run it outside of a transaction block, or set connkit.allow_best_effort_writes.");
	return CK_ERR_UNSUPPORTED;
}

CkStatus
change_check_size(CkScan *scan, const MYSQL_BIND *params, uint32_t count)
{
	const MysqlSession *state = scan->session->state;
	uint64_t	size = 16 + 3 * (uint64_t) count;	/* header, types, NULLs */

	for (uint32_t i = 0; i < count; i++)
	{
		switch (params[i].buffer_type)
		{
			case MYSQL_TYPE_NULL:
				break;
			case MYSQL_TYPE_STRING:
			case MYSQL_TYPE_BLOB:
			case MYSQL_TYPE_NEWDECIMAL:
				size += 9 + params[i].buffer_length;
				break;
			default:
				size += 13;
				break;
		}
	}
	if (state->max_packet == 0 || size <= state->max_packet)
		return CK_OK;
	ck_fail(scan->session, CK_ERR_DATA, "%llu bytes are to be sent at once, and the source takes %llu",
			(unsigned long long) size, (unsigned long long) state->max_packet);
	ck_hint(scan->session, "Lower the option batch_size of the foreign table, or raise max_allowed_packet of the source.");
	return CK_ERR_DATA;
}

bool
change_skips(const CkScan *scan, MYSQL_STMT *stmt)
{
	unsigned int code = mysql_stmt_errno(stmt);

	if (code == 0)
		code = mysql_errno(((MysqlSession *) scan->session->state)->mysql);
	return (scan->flags & CK_SCAN_SKIP_DUPLICATE) && (code == ER_DUP_ENTRY || code == ER_DUP_ENTRY_WITH_KEY_NAME ||
													  code == ER_DUP_KEY || code == ER_DUP_UNIQUE);
}

/* Looks through the warnings of the statement for one that is an error here. */
static CkStatus
change_check_warnings(CkSession *session)
{
	MYSQL_RES  *rows = NULL;
	MYSQL_ROW	row;
	CkStatus	status = call_query(session, "SHOW WARNINGS", &rows);

	if (status != CK_OK)
		return status;
	while (status == CK_OK && (row = mysql_fetch_row(rows)) != NULL)
	{
		for (size_t i = 0; i < sizeof(altering) / sizeof(altering[0]); i++)
		{
			if (strtoul(row[1], NULL, 10) == altering[i])
				status = ck_fail(session, CK_ERR_DATA, "the source would store something else: %s", row[2]);
		}
	}
	mysql_free_result(rows);
	return status;
}

CkStatus
change_end(CkScan *scan, unsigned int warnings, unsigned int server_status)
{
	CkSession  *session = scan->session;
	MysqlSession *state = session->state;
	bool		in_transaction = (server_status & SERVER_STATUS_IN_TRANS) != 0;

	if (state->changed && !in_transaction)
	{
		state->broken = true;
		return ck_fail(session, CK_ERR_UNSUPPORTED,
					   "the statement ended the source's transaction, with all that was changed before");
	}
	state->changed = in_transaction;
	/* others may have changed the session's settings too */
	state->spent |= !change_can_be_undone(scan->remote);
	return warnings > 0 ? change_check_warnings(session) : CK_OK;
}
