/*
 * value.c: values between the binary protocol and the core.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

#define MICROSECONDS 1000000
#define SECONDS_PER_DAY 86400

/* Bytes that a column with a length starts with; it grows with its values. */
#define FIRST_SIZE 256

/* Bytes that the text of a date and a time takes at most. */
#define NO_DATE_SIZE 128

/* How a cell is put into the row. */
enum
{
	CELL_SKIP,					/* not asked for */
	CELL_INT,
	CELL_UINT,
	CELL_BOOL,
	CELL_FLOAT,
	CELL_DOUBLE,
	CELL_DATE,
	CELL_TIME,
	CELL_TIMESTAMP,
	CELL_TIMESTAMPTZ,
	CELL_NUMERIC,				/* from here on with a length */
	CELL_TEXT,
	CELL_BYTES,
	CELL_JSON,
	CELL_BITS,					/* BIT as digits 0 and 1 */
	CELL_BIT_NUMBER,
	CELL_BIT_BOOL,
	CELL_WKB,
	CELL_EWKB					/* as hexadecimal digits */
};

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
static int64_t
days_from_date(int64_t year, unsigned int month, unsigned int day)
{
	int64_t		y = month > 2 ? year : year - 1;
	int64_t		era = (y >= 0 ? y : y - 399) / 400;
	int64_t		year_of_era = y - era * 400;
	int64_t		day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* The date of a number of days since 1970-01-01; false where its year is none of the protocol's. */
static bool
date_from_days(int64_t days, MYSQL_TIME *t)
{
	int64_t		since_era,
				era,
				day_of_era,
				year_of_era,
				day_of_year,
				month,
				year;

	if (days < -719528 || days > 2932896)	/* 0000-01-01, 9999-12-31 */
		return false;
	since_era = days + 719468;
	era = (since_era >= 0 ? since_era : since_era - 146096) / 146097;
	day_of_era = since_era - era * 146097;
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	year = year_of_era + era * 400 + (month < 10 ? 0 : 1);
	t->year = (unsigned int) year;
	t->month = (unsigned int) (month < 10 ? month + 3 : month - 9);
	t->day = (unsigned int) (day_of_year - (153 * month + 2) / 5 + 1);
	return true;
}

/* The form of a column that holds characters or bytes. */
static int
cell_string_form(const CkColumn *column, const MYSQL_FIELD *field)
{
	if (column->type == CK_BYTES)
		return CELL_BYTES;
	if (column->type == CK_JSON)
		return CELL_JSON;
	if (field->charsetnr == CHARSET_BINARY && column->type != CK_TEXT && column->type != CK_NATIVE)
		return CELL_BYTES;
	return CELL_TEXT;
}

/* The form of a column, by what the source sends and what the local type wants. */
static int
cell_form(const CkColumn *column, const MYSQL_FIELD *field)
{
	/* a number or time as the source itself writes it, which it compares */
	if (column->type == CK_TEXT && field->type != MYSQL_TYPE_BIT && field->type != MYSQL_TYPE_GEOMETRY)
		return CELL_TEXT;
	switch ((int) field->type)
	{
		case MYSQL_TYPE_TINY:
		case MYSQL_TYPE_SHORT:
		case MYSQL_TYPE_YEAR:
		case MYSQL_TYPE_INT24:
		case MYSQL_TYPE_LONG:
		case MYSQL_TYPE_LONGLONG:
			if (column->type == CK_BOOL)
				return CELL_BOOL;
			return field->type == MYSQL_TYPE_LONGLONG && (field->flags & UNSIGNED_FLAG) ? CELL_UINT : CELL_INT;
		case MYSQL_TYPE_FLOAT:
			return CELL_FLOAT;
		case MYSQL_TYPE_DOUBLE:
			return CELL_DOUBLE;
		case MYSQL_TYPE_DECIMAL:
		case MYSQL_TYPE_NEWDECIMAL:
			return CELL_NUMERIC;
		case MYSQL_TYPE_DATE:
		case MYSQL_TYPE_NEWDATE:
			return CELL_DATE;
		case MYSQL_TYPE_TIME:
			return CELL_TIME;
		case MYSQL_TYPE_DATETIME:
		case MYSQL_TYPE_TIMESTAMP:
			return column->type == CK_TIMESTAMPTZ ? CELL_TIMESTAMPTZ : CELL_TIMESTAMP;
		case MYSQL_TYPE_BIT:
			if (column->type == CK_BYTES)
				return CELL_BYTES;
			if (column->type == CK_BOOL)
				return CELL_BIT_BOOL;
			return column->type == CK_TEXT || column->type == CK_NATIVE ? CELL_BITS : CELL_BIT_NUMBER;
		case MYSQL_TYPE_GEOMETRY:
			return column->type == CK_BYTES ? CELL_WKB : CELL_EWKB;
		default:
			return cell_string_form(column, field);
	}
}

/* Whether the source compares and sorts the values otherwise than as what they would be read as. */
static bool
cell_misfits(int form, const CkColumn *column, const MYSQL_FIELD *field)
{
	static const uint32_t fit = 1u << CK_TEXT | 1u << CK_BYTES | 1u << CK_JSON | 1u << CK_NATIVE;

	if (column->type == CK_FLOAT32)
		return form == CELL_DOUBLE || form == CELL_NUMERIC || form == CELL_TEXT || form == CELL_BYTES;
	return (form == CELL_TEXT || form == CELL_BYTES) && !(fit & 1u << column->type) && field->type != MYSQL_TYPE_NULL;
}

/* Makes room for a value of that many bytes. */
static bool
cell_reserve(char **buffer, size_t *size, size_t needed)
{
	size_t		grown = *size ? *size : FIRST_SIZE;
	char	   *bigger;

	if (needed <= *size)
		return true;
	while (grown < needed)
		grown *= 2;
	bigger = realloc(*buffer, grown);
	if (!bigger)
		return false;
	*buffer = bigger;
	*size = grown;
	return true;
}

/* Prepares a cell for the values of a field; keeps the room that it has. column NULL: the field is of no interest. */
CkStatus
cell_init(CkSession *session, Cell *cell, const CkColumn *column, const MYSQL_FIELD *field, MYSQL_BIND *bind,
		  bool zero_is_null)
{
	memset(bind, 0, sizeof(*bind));
	bind->length = &cell->length;
	bind->is_null = &cell->null;
	bind->error = &cell->truncated;
	bind->buffer = &cell->value;
	bind->buffer_length = sizeof(cell->value);
	cell->name = column ? column->name : field->name;
	cell->form = column ? cell_form(column, field) : CELL_SKIP;
	cell->zero_is_null = zero_is_null;
	cell->width = (uint32_t) field->length;
	cell->truncated = 0;
	if (column && cell_misfits(cell->form, column, field))
	{
		bool		number = column->type == CK_FLOAT32 && cell->form < CELL_TEXT;
		CkStatus	status = ck_fail(session, CK_ERR_DATA, "column \"%s\" holds %s, which does not fit the type %s",
									 column->name, number ? "more digits" : "text", column->local_type);

		ck_hint(session, number ? "Declare the column double precision or numeric." :
				"Declare the column text, and convert it in a view.");
		return status;
	}
	switch (cell->form)
	{
		case CELL_INT:
		case CELL_UINT:
		case CELL_BOOL:
			bind->buffer_type = MYSQL_TYPE_LONGLONG;
			bind->is_unsigned = cell->form == CELL_UINT;
			break;
		case CELL_FLOAT:
			bind->buffer_type = MYSQL_TYPE_FLOAT;
			break;
		case CELL_DOUBLE:
			bind->buffer_type = MYSQL_TYPE_DOUBLE;
			break;
		case CELL_DATE:
			bind->buffer_type = MYSQL_TYPE_DATE;
			break;
		case CELL_TIME:
			bind->buffer_type = MYSQL_TYPE_TIME;
			break;
		case CELL_TIMESTAMP:
		case CELL_TIMESTAMPTZ:
			bind->buffer_type = MYSQL_TYPE_DATETIME;
			break;
		case CELL_SKIP:
			bind->buffer_type = MYSQL_TYPE_STRING;
			bind->buffer_length = 0;
			break;
		default:
			if (!cell_reserve(&cell->buffer, &cell->size, FIRST_SIZE))
				return ck_fail(session, CK_ERR_MEMORY, "out of memory");
			bind->buffer_type = cell->form == CELL_TEXT || cell->form == CELL_JSON || cell->form == CELL_NUMERIC ?
				MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
			bind->buffer = cell->buffer;
			bind->buffer_length = (unsigned long) cell->size;
			break;
	}
	return CK_OK;
}

/* Makes room for the value at hand, which was cut, and has bind know; false: no memory. */
bool
cell_grow(Cell *cell, MYSQL_BIND *bind)
{
	if (!cell_reserve(&cell->buffer, &cell->size, (size_t) cell->length + 1))
		return false;
	bind->buffer = cell->buffer;
	bind->buffer_length = (unsigned long) cell->size;
	return true;
}

/* Whether the value is no date, as 0000-00-00 and 2024-00-15 are not. */
static inline bool
cell_zero_date(const Cell *cell)
{
	return cell->value.t.month == 0 || cell->value.t.day == 0;
}

/* Puts and tells a date that does not exist. */
static CkStatus
cell_put_no_date(CkSession *session, Cell *cell, CkRow *row, uint32_t column)
{
	const MYSQL_TIME *t = &cell->value.t;
	int			date;
	int			size;

	if (!cell_reserve(&cell->text, &cell->text_size, NO_DATE_SIZE))
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	date = size = snprintf(cell->text, NO_DATE_SIZE, "%04u-%02u-%02u", t->year, t->month, t->day);
	if (cell->form != CELL_DATE)
		size += snprintf(cell->text + date, (size_t) (NO_DATE_SIZE - date), " %02u:%02u:%02u.%06lu", t->hour, t->minute,
						 t->second, t->second_part);
	ck_put_misfit(row, column, cell->text, (size_t) size);
	ck_fail(session, CK_ERR_DATA, "column \"%s\" holds %.*s, which is no date", cell->name, date, cell->text);
	ck_hint(session, "Set the server's option zero_date to \"null\" to read such dates as NULL.");
	return CK_OK;
}

/* Microseconds of a time of the day, or of a TIME. */
static inline int64_t
cell_time(const MYSQL_TIME *t)
{
	int64_t		hours = (int64_t) t->hour;

	return ((hours * 60 + t->minute) * 60 + t->second) * MICROSECONDS + (int64_t) t->second_part;
}

/* Puts a BIT as digits, a char each. */
static CkStatus
cell_put_bits(CkSession *session, Cell *cell, CkRow *row, uint32_t column)
{
	uint32_t	width = cell->width;

	if (width > cell->length * 8)
		width = (uint32_t) cell->length * 8;
	if (!cell_reserve(&cell->text, &cell->text_size, width))
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	for (uint32_t i = 0; i < width; i++)
	{
		uint32_t	behind = width - 1 - i;	/* bits behind this one */

		cell->text[i] = (cell->buffer[cell->length - 1 - behind / 8] >> (behind % 8)) & 1 ? '1' : '0';
	}
	ck_put_text(row, column, cell->text, width);
	return CK_OK;
}

/* A BIT as a number. */
static uint64_t
cell_bit_number(const Cell *cell)
{
	uint64_t	number = 0;

	for (unsigned long i = 0; i < cell->length; i++)
		number = number << 8 | (unsigned char) cell->buffer[i];
	return number;
}

/*
 * Puts a geometry, which is four bytes of SRID and WKB, as hexadecimal EWKB: readable text, and what PostGIS takes.
 */
static CkStatus
cell_put_ewkb(CkSession *session, Cell *cell, CkRow *row, uint32_t column)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *srid = (const unsigned char *) cell->buffer;
	size_t		size = cell->length - 4;
	bool		has_srid = memcmp(srid, "\0\0\0\0", 4) != 0;
	unsigned char *ewkb;
	size_t		used = 0;

	if (!cell_reserve(&cell->text, &cell->text_size, (size + 4) * 3))
		return ck_fail(session, CK_ERR_MEMORY, "out of memory");
	ewkb = (unsigned char *) cell->text + (size + 4) * 2;
	memcpy(ewkb, srid + 4, 5);
	used = 5;
	if (has_srid)
	{
		ewkb[4] |= 0x20;		/* little-endian: the type's highest byte */
		memcpy(ewkb + 5, srid, 4);
		used = 9;
	}
	memcpy(ewkb + used, srid + 9, size - 5);
	used += size - 5;
	for (size_t i = 0; i < used; i++)
	{
		unsigned char byte = ewkb[i];

		cell->text[2 * i] = digits[byte >> 4];
		cell->text[2 * i + 1] = digits[byte & 15];
	}
	ck_put_text(row, column, cell->text, used * 2);
	return CK_OK;
}

/* Puts the value at hand. */
CkStatus
cell_put(CkSession *session, Cell *cell, CkRow *row, uint32_t column)
{
	const MYSQL_TIME *t = &cell->value.t;
	int64_t		micros;

	if (cell->null)
	{
		ck_put_null(row, column);
		return CK_OK;
	}
	switch (cell->form)
	{
		case CELL_INT:
			ck_put_int64(row, column, cell->value.i);
			return CK_OK;
		case CELL_UINT:
			ck_put_uint64(row, column, (uint64_t) cell->value.i);
			return CK_OK;
		case CELL_BOOL:
			ck_put_bool(row, column, cell->value.i != 0);
			return CK_OK;
		case CELL_FLOAT:
			ck_put_float32(row, column, cell->value.f);
			return CK_OK;
		case CELL_DOUBLE:
			ck_put_float64(row, column, cell->value.d);
			return CK_OK;
		case CELL_TIME:
			micros = (int64_t) t->day * SECONDS_PER_DAY * MICROSECONDS + cell_time(t);
			ck_put_time(row, column, t->neg ? -micros : micros);
			return CK_OK;
		case CELL_DATE:
		case CELL_TIMESTAMP:
		case CELL_TIMESTAMPTZ:
			if (cell_zero_date(cell))
			{
				if (!cell->zero_is_null)
					return cell_put_no_date(session, cell, row, column);
				ck_put_null(row, column);
				return CK_OK;
			}
			micros = days_from_date(t->year, t->month, t->day);
			if (cell->form == CELL_DATE)
			{
				ck_put_date(row, column, micros);
				return CK_OK;
			}
			micros = micros * SECONDS_PER_DAY * MICROSECONDS + cell_time(t);
			ck_put_int(row, column, cell->form == CELL_TIMESTAMPTZ ? CK_TIMESTAMPTZ : CK_TIMESTAMP, micros);
			return CK_OK;
		case CELL_NUMERIC:
			ck_put_numeric(row, column, cell->buffer, cell->length);
			return CK_OK;
		case CELL_TEXT:
			ck_put_text(row, column, cell->buffer, cell->length);
			return CK_OK;
		case CELL_BYTES:
			ck_put_bytes(row, column, cell->buffer, cell->length);
			return CK_OK;
		case CELL_JSON:
			ck_put_json(row, column, cell->buffer, cell->length);
			return CK_OK;
		case CELL_BITS:
			return cell_put_bits(session, cell, row, column);
		case CELL_BIT_NUMBER:
			ck_put_uint64(row, column, cell_bit_number(cell));
			return CK_OK;
		case CELL_BIT_BOOL:
			ck_put_bool(row, column, cell_bit_number(cell) != 0);
			return CK_OK;
		case CELL_WKB:
		case CELL_EWKB:
			if (cell->length < 9)
				return ck_fail(session, CK_ERR_PROTOCOL, "column \"%s\" holds no geometry", cell->name);
			if (cell->form == CELL_EWKB)
				return cell_put_ewkb(session, cell, row, column);
			ck_put_bytes(row, column, cell->buffer + 4, cell->length - 4);
			return CK_OK;
		default:
			return ck_fail(session, CK_ERR_INTERNAL, "column \"%s\" has no form", cell->name);
	}
}

/* Frees what a cell holds. */
void
cell_free(Cell *cell)
{
	free(cell->buffer);
	free(cell->text);
}

/* Splits microseconds of a day. */
static void
argument_time(int64_t micros, MYSQL_TIME *t)
{
	int64_t		seconds = micros / MICROSECONDS;

	t->second_part = (unsigned long) (micros % MICROSECONDS);
	t->hour = (unsigned int) (seconds / 3600);
	t->minute = (unsigned int) (seconds / 60 % 60);
	t->second = (unsigned int) (seconds % 60);
}

/* Tells of a date that the source cannot hold. */
static CkStatus
argument_fail_date(CkSession *session)
{
	return ck_fail(session, CK_ERR_UNSUPPORTED, "MySQL and MariaDB know no dates before year 0 or after year 9999");
}

/* Binds a value as an argument, of which it may keep pointers. */
CkStatus
argument_bind(CkSession *session, const CkValue *value, Argument *argument, MYSQL_BIND *bind)
{
	const int64_t day = (int64_t) SECONDS_PER_DAY * MICROSECONDS;
	int64_t		days;

	memset(bind, 0, sizeof(*bind));
	memset(argument, 0, sizeof(*argument));
	bind->buffer = argument;
	bind->buffer_length = sizeof(*argument);
	switch (value->type)
	{
		case CK_NULL:
			bind->buffer_type = MYSQL_TYPE_NULL;
			return CK_OK;
		case CK_BOOL:
		case CK_INT64:
		case CK_UINT64:
			bind->buffer_type = MYSQL_TYPE_LONGLONG;
			bind->is_unsigned = value->type == CK_UINT64;
			argument->i = value->u.i;
			return CK_OK;
		case CK_FLOAT64:
			bind->buffer_type = MYSQL_TYPE_DOUBLE;
			argument->d = value->u.f;
			return CK_OK;
		case CK_FLOAT32:
			bind->buffer_type = MYSQL_TYPE_FLOAT;
			argument->f = (float) value->u.f;
			return CK_OK;
		case CK_DATE:
			bind->buffer_type = MYSQL_TYPE_DATE;
			argument->t.time_type = MYSQL_TIMESTAMP_DATE;
			return date_from_days(value->u.i, &argument->t) ? CK_OK : argument_fail_date(session);
		case CK_TIME:
			bind->buffer_type = MYSQL_TYPE_TIME;
			argument->t.time_type = MYSQL_TIMESTAMP_TIME;
			argument->t.neg = value->u.i < 0;
			argument_time(value->u.i < 0 ? -value->u.i : value->u.i, &argument->t);
			return CK_OK;
		case CK_TIMESTAMP:
		case CK_TIMESTAMPTZ:
			bind->buffer_type = MYSQL_TYPE_DATETIME;
			argument->t.time_type = MYSQL_TIMESTAMP_DATETIME;
			days = value->u.i / day - (value->u.i % day < 0);
			argument_time(value->u.i - days * day, &argument->t);
			return date_from_days(days, &argument->t) ? CK_OK : argument_fail_date(session);
		case CK_NUMERIC:
		case CK_TEXT:
		case CK_JSON:
		case CK_BYTES:
			bind->buffer_type = value->type == CK_NUMERIC ? MYSQL_TYPE_NEWDECIMAL :
				value->type == CK_BYTES ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
			bind->buffer = (void *) (uintptr_t) value->u.p;
			bind->buffer_length = value->size;
			return CK_OK;
		default:
			return ck_fail(session, CK_ERR_UNSUPPORTED, "an argument of that type cannot be sent");
	}
}

/* Tells that a value is none of a BIT of that width. */
static CkStatus
argument_fail_bits(CkSession *session, const MysqlBits *bits)
{
	CkStatus	status = ck_fail(session, CK_ERR_DATA, "column \"%s\" takes %u bits, no more and no fewer", bits->name,
								 bits->width);

	ck_sqlstate(session, "22026");
	return status;
}

CkStatus
argument_bind_bits(CkSession *session, const CkValue *value, const MysqlBits *bits, Argument *argument, MYSQL_BIND *bind)
{
	uint64_t	number = 0;

	if (value->type == CK_BYTES && value->size != (bits->width + 7) / 8)
		return argument_fail_bits(session, bits);
	if ((value->type == CK_INT64 && value->u.i < 0) || value->type == CK_FLOAT64 || value->type == CK_FLOAT32)
		return argument_fail_bits(session, bits);
	if (value->type != CK_TEXT)
		return argument_bind(session, value, argument, bind);
	if (value->size != bits->width)
		return argument_fail_bits(session, bits);
	for (uint32_t i = 0; i < value->size; i++)
	{
		if (value->u.p[i] != '0' && value->u.p[i] != '1')
			return argument_fail_bits(session, bits);
		number = number << 1 | (uint64_t) (value->u.p[i] == '1');
	}
	memset(bind, 0, sizeof(*bind));
	argument->i = (int64_t) number;
	bind->buffer = argument;
	bind->buffer_length = sizeof(*argument);
	bind->buffer_type = MYSQL_TYPE_LONGLONG;
	bind->is_unsigned = true;
	return CK_OK;
}
