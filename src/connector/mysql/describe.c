/*
 * describe.c: the columns of a statement that is not run, with their types as information_schema would write them.
 */
#include "session.h"

#include <stdio.h>

/* Bytes of a character in what the server sends. */
#define BYTES_OF_CHARACTER 4

/* Digits behind the point of what has no fixed number of them. */
#define NOT_FIXED 31

/* Writes a type with a length, or with the number of a fraction's digits. */
static void
write_sized(char *type, size_t size, const char *name, unsigned long length)
{
	snprintf(type, size, length > 0 ? "%s(%lu)" : "%s", name, length);
}

/* The type of a column of characters or bytes. */
static void
write_string(char *type, size_t size, const MYSQL_FIELD *field)
{
	bool		bytes = field->charsetnr == CHARSET_BINARY;

	if (field->flags & (ENUM_FLAG | SET_FLAG))
		snprintf(type, size, field->flags & ENUM_FLAG ? "enum(...)" : "set(...)");
	else if (field->type == MYSQL_TYPE_STRING || field->type == MYSQL_TYPE_VAR_STRING || field->type == MYSQL_TYPE_VARCHAR)
		write_sized(type, size, field->type == MYSQL_TYPE_STRING ? (bytes ? "binary" : "char") :
					bytes ? "varbinary" : "varchar", bytes ? field->length : field->length / BYTES_OF_CHARACTER);
	else
		snprintf(type, size, bytes ? "blob" : "text");
}

/* The type of a column. */
static void
write_type(char *type, size_t size, const MYSQL_FIELD *field)
{
	const char *sign = field->flags & UNSIGNED_FLAG ? " unsigned" : "";
	unsigned int fraction = field->decimals >= NOT_FIXED ? 6 : field->decimals;
	unsigned long digits = field->length - (field->decimals > 0) - !(field->flags & UNSIGNED_FLAG);

	switch ((int) field->type)
	{
		case MYSQL_TYPE_TINY:
			snprintf(type, size, field->length == 1 ? "tinyint(1)%s" : "tinyint%s", sign);
			break;
		case MYSQL_TYPE_SHORT:
			snprintf(type, size, "smallint%s", sign);
			break;
		case MYSQL_TYPE_INT24:
			snprintf(type, size, "mediumint%s", sign);
			break;
		case MYSQL_TYPE_LONG:
			snprintf(type, size, "int%s", sign);
			break;
		case MYSQL_TYPE_LONGLONG:
			snprintf(type, size, "bigint%s", sign);
			break;
		case MYSQL_TYPE_YEAR:
			snprintf(type, size, "year");
			break;
		case MYSQL_TYPE_DECIMAL:
		case MYSQL_TYPE_NEWDECIMAL:
			snprintf(type, size, "decimal(%lu,%u)", digits, field->decimals);
			break;
		case MYSQL_TYPE_FLOAT:
			snprintf(type, size, "float");
			break;
		case MYSQL_TYPE_DOUBLE:
			snprintf(type, size, "double");
			break;
		case MYSQL_TYPE_BIT:
			write_sized(type, size, "bit", field->length);
			break;
		case MYSQL_TYPE_DATE:
		case MYSQL_TYPE_NEWDATE:
			snprintf(type, size, "date");
			break;
		case MYSQL_TYPE_TIME:
			write_sized(type, size, "time", fraction);
			break;
		case MYSQL_TYPE_DATETIME:
			write_sized(type, size, "datetime", fraction);
			break;
		case MYSQL_TYPE_TIMESTAMP:
			write_sized(type, size, "timestamp", fraction);
			break;
		case MYSQL_TYPE_JSON:
			snprintf(type, size, "json");
			break;
		case MYSQL_TYPE_GEOMETRY:
			snprintf(type, size, "geometry");
			break;
		case MYSQL_TYPE_NULL:
			snprintf(type, size, "null");
			break;
		default:
			write_string(type, size, field);
	}
}

/* Tells the columns of a prepared statement. */
static CkStatus
tell_columns(CkSession *session, MYSQL_STMT *stmt, CkCatalog *catalog)
{
	MYSQL_RES  *columns = mysql_stmt_result_metadata(stmt);
	CkStatus	status = CK_OK;

	if (!columns)
		return CK_OK;
	for (unsigned int i = 0; status == CK_OK && i < mysql_num_fields(columns); i++)
	{
		const MYSQL_FIELD *field = mysql_fetch_field_direct(columns, i);
		char		type[64];

		write_type(type, sizeof(type), field);
		status = ck_column(session, catalog, field->name, type, NULL, (field->flags & NOT_NULL_FLAG) != 0, NULL, NULL);
	}
	mysql_free_result(columns);
	return status;
}

CkStatus
mysql_describe(CkSession *session, const char *sql, CkCatalog *catalog)
{
	MysqlSession *state = session->state;
	CkStatus	status = call_settle(session);
	MYSQL_STMT *stmt;

	if (status != CK_OK)
		return status;
	stmt = mysql_stmt_init(state->mysql);
	if (!stmt)
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	state->used = true;
	state->active = stmt;
	status = call_prepare(session, stmt, sql);
	if (status != CK_OK)
		call_abort(state);
	else if (state->result != 0)
		status = call_fail_stmt(session, stmt);
	else
		status = tell_columns(session, stmt, catalog);
	state->active = NULL;
	mysql_stmt_close(stmt);
	return status;
}
