/*
 * value.c: SQLite's values to connkit's, and arguments to SQLite's.
 *
 * Any column of SQLite may hold a value of any class. Only what fits the local type is taken, all else is an error: the
 * pushdown rules rely on it.
 */
#include <math.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sqlite.h"

#define BIT(type) (1u << (type))
#define AS_TEXT (BIT(CK_TEXT) | BIT(CK_JSON) | BIT(CK_NATIVE))
#define TIMES (BIT(CK_DATE) | BIT(CK_TIMESTAMP) | BIT(CK_TIMESTAMPTZ))

/* The forms that each storage class is taken for. */
static const uint32_t fits[] = {
	[SQLITE_INTEGER] = AS_TEXT | BIT(CK_BOOL) | BIT(CK_INT64) | BIT(CK_NUMERIC) | BIT(CK_FLOAT64) | BIT(CK_FLOAT32),
	[SQLITE_FLOAT] = AS_TEXT | BIT(CK_INT64) | BIT(CK_NUMERIC) | BIT(CK_FLOAT64) | BIT(CK_FLOAT32),
	[SQLITE_TEXT] = AS_TEXT | TIMES | BIT(CK_BOOL) | BIT(CK_BYTES) | BIT(CK_TIME) | BIT(CK_INT64) | BIT(CK_NUMERIC),
	[SQLITE_BLOB] = BIT(CK_BYTES),
};

#define DAY_US INT64_C(86400000000)
#define NO_OFFSET INT32_MAX
#define EXACT_IN_DOUBLE (INT64_C(1) << 53)

/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar; year is not negative. */
static int64_t
days_of(int64_t year, int month, int day)
{
	/* years begin in March, so that the odd day is the last */
	int64_t		y = month > 2 ? year : year - 1;
	int64_t		m = month > 2 ? month - 3 : month + 9;

	return y * 365 + (y + 400) / 4 - (y + 400) / 100 + (y + 400) / 400 + (m * 153 + 2) / 5 + day - 1 - 97 - 719468;
}

/* Reads so many digits. */
static bool
read_digits(const char **p, const char *end, int count, int *number)
{
	for (*number = 0; count > 0; count--, (*p)++)
	{
		if (*p == end || **p < '0' || **p > '9')
			return false;
		*number = *number * 10 + (**p - '0');
	}
	return true;
}

static bool
read_char(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* Reads the fraction of a second, if there is one; what is less than a microsecond is left out. */
static bool
read_fraction(const char **p, const char *end, int64_t *us)
{
	int			digit;

	if (!read_char(p, end, '.'))
		return true;
	if (*p == end || **p < '0' || **p > '9')
		return false;
	for (int unit = 100000; unit > 0 && read_digits(p, end, 1, &digit); unit /= 10)
		*us += digit * unit;
	while (read_digits(p, end, 1, &digit))
		;
	return true;
}

/*
 * Reads what SQLite's date functions write and ISO 8601 calls extended: YYYY-MM-DD, then maybe 'T' or a blank and
 * HH:MM[:SS[.fraction]], then maybe Z or an offset, +HH[:MM]. *us is as written; *offset is in seconds, NO_OFFSET without one.
 */
static bool
read_time(const char *p, size_t size, int64_t *us, int *offset)
{
	static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const char *end = p + size;
	int			year, month, day, hour = 0, minute = 0, second = 0, zone_hour, zone_minute = 0;
	int64_t		fraction = 0;

	*offset = NO_OFFSET;
	if (!read_digits(&p, end, 4, &year) || !read_char(&p, end, '-') || !read_digits(&p, end, 2, &month) ||
		!read_char(&p, end, '-') || !read_digits(&p, end, 2, &day) || month < 1 || month > 12 || day < 1 ||
		day > lengths[month - 1] || (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))))
		return false;
	if (p < end)
	{
		if ((!read_char(&p, end, ' ') && !read_char(&p, end, 'T')) || !read_digits(&p, end, 2, &hour) ||
			!read_char(&p, end, ':') || !read_digits(&p, end, 2, &minute) || hour > 23 || minute > 59)
			return false;
		if (read_char(&p, end, ':') &&
			(!read_digits(&p, end, 2, &second) || second > 59 || !read_fraction(&p, end, &fraction)))
			return false;
		if (!read_char(&p, end, 'Z') && p < end)
		{
			bool		west = *p == '-';

			if ((!read_char(&p, end, '-') && !read_char(&p, end, '+')) || !read_digits(&p, end, 2, &zone_hour) ||
				(read_char(&p, end, ':') && !read_digits(&p, end, 2, &zone_minute)) || zone_hour > 15 || zone_minute > 59)
				return false;
			*offset = (zone_hour * 60 + zone_minute) * (west ? -60 : 60);
		}
	}
	*us = days_of(year, month, day) * DAY_US + ((hour * 60 + minute) * 60 + second) * INT64_C(1000000) + fraction;
	return p == end;
}

bool
sqlite_read_moment(const char *text, size_t size, CkType type, int64_t *us)
{
	int			offset;

	if ((size == 8 && memcmp(text, "infinity", 8) == 0) || (size == 9 && memcmp(text, "-infinity", 9) == 0))
	{
		*us = size == 8 ? INT64_MAX : INT64_MIN;
		return true;
	}
	if (!read_time(text, size, us, &offset))
		return false;
	if (type == CK_TIMESTAMPTZ)
		*us -= offset == NO_OFFSET ? 0 : offset * INT64_C(1000000);
	return type == CK_TIMESTAMPTZ || (offset == NO_OFFSET && (type != CK_DATE || *us % DAY_US == 0));
}

/* Whether the local type has fewer digits of a second than the value, as timestamp(0) may. */
static bool
rounds_time(const char *local_type, int64_t us)
{
	const char *precision = strchr(local_type, '(');
	int64_t		unit = INT64_C(1000000);

	if (precision == NULL)
		return false;
	for (int digits = atoi(precision + 1); digits > 0; digits--)
		unit /= 10;
	return unit > 0 && us % unit != 0;
}

/* Puts a date or timestamp that is written as text; false where it does not fit the form wanted. */
static bool
put_time(CkRow *row, uint32_t i, const CkColumn *column, const char *text, size_t size)
{
	int64_t		us;

	if (!sqlite_read_moment(text, size, column->type, &us))
		return false;
	if (us == INT64_MAX || us == INT64_MIN)
		ck_put_int(row, i, column->type, us == INT64_MAX ? CK_INFINITY : CK_MINUS_INFINITY);
	else if (rounds_time(column->local_type, us))
		return false;
	else if (column->type == CK_TIMESTAMPTZ)
		ck_put_timestamptz(row, i, us);
	else if (column->type == CK_DATE)
		ck_put_date(row, i, us / DAY_US);
	else
		ck_put_timestamp(row, i, us);
	return true;
}

/*
 * Puts an integer that is written as text, as SQLite itself compares it with a number. Only where the column's
 * declaration makes texts of all its numbers: elsewhere such a text would sort behind them.
 */
static bool
put_integer_text(CkRow *row, uint32_t i, sqlite3_stmt *stmt, sqlite3_value *value)
{
	if (!sqlite_is_text_column(stmt, (int) i) || sqlite3_value_numeric_type(value) != SQLITE_INTEGER)
		return false;
	ck_put_int64(row, i, sqlite3_value_int64(value));
	return true;
}

/* Whether the number is the one nearest to a decimal of so many digits behind the point: rounding to it changes nothing. */
static bool
has_scale(double number, int scale)
{
	static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
	char		digits[2048];

	if (scale >= 0 && scale < (int) (sizeof(powers) / sizeof(powers[0])) && fabs(number) < 1e6 &&
		rint(number * powers[scale]) / powers[scale] == number)
		return true;
	snprintf(digits, sizeof(digits), "%.*f", scale, number);
	return strtod(digits, NULL) == number;
}

/* Puts a number in the form wanted. */
static bool
put_number(CkRow *row, uint32_t i, const CkColumn *column, sqlite3_value *value, int storage)
{
	if (storage == SQLITE_INTEGER)
	{
		int64_t		number = sqlite3_value_int64(value);

		if (column->type != CK_FLOAT64 && column->type != CK_FLOAT32)
			ck_put_int64(row, i, number);
		else if (number < -EXACT_IN_DOUBLE || number > EXACT_IN_DOUBLE)
			return false;
		else
			ck_put_float64(row, i, (double) number);
	}
	else
	{
		double		number = sqlite3_value_double(value);
		const char *scale = column->type == CK_NUMERIC ? strchr(column->local_type, ',') : NULL;

		/* a filter at the source would not see what rounding makes of it */
		if (scale && !has_scale(number, atoi(scale + 1)))
			return false;
		ck_put_float64(row, i, number);
	}
	return true;
}

/* Puts and tells a value that the column's local type cannot take. */
static CkStatus
put_misfit(CkScan *scan, CkRow *row, uint32_t i, sqlite3_value *value, int storage)
{
	static const char *const names[] = {
		[SQLITE_INTEGER] = "an integer", [SQLITE_FLOAT] = "a real number", [SQLITE_TEXT] = "text", [SQLITE_BLOB] = "a blob"
	};
	const CkColumn *column = &scan->columns[i];
	const void *p = storage == SQLITE_BLOB ? sqlite3_value_blob(value) : sqlite3_value_text(value);
	size_t		size = (size_t) sqlite3_value_bytes(value);

	if (p == NULL && (size > 0 || storage != SQLITE_BLOB))
		return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
	ck_put_misfit(row, i, p ? p : "", size);
	ck_fail(scan->session, CK_ERR_DATA, "column \"%s\" holds %s that does not fit the type %s", column->name, names[storage],
			column->local_type);
	if (BIT(column->type) & TIMES)
		ck_hint(scan->session, storage == SQLITE_TEXT ?
				"Taken are YYYY-MM-DD, for a timestamp with HH:MM:SS.fraction behind it, for a timestamp with time "
				"zone also with an offset as +01:00, and nothing that the type's precision would round; for others declare "
				"the column text." :
				"Declare the column bigint or double precision, and convert it with to_timestamp().");
	else
		ck_hint(scan->session, storage == SQLITE_BLOB ? "Declare the column bytea." :
				storage == SQLITE_TEXT ? "Declare the column text, and convert it in a view." :
				"Declare the column numeric, or text.");
	return CK_OK;
}

/* Puts text or bytes in the form wanted; false where they do not fit it. */
static bool
put_chars(CkRow *row, uint32_t i, const CkColumn *column, const char *p, size_t size)
{
	if (BIT(column->type) & TIMES)
		return put_time(row, i, column, p, size);
	ck_put_chars(row, i, column->type == CK_BYTES ? CK_BYTES : CK_TEXT, p, size);
	return true;
}

/* Puts a value that is not NULL. */
static CkStatus
put_value(CkScan *scan, sqlite3_stmt *stmt, CkRow *row, uint32_t i, sqlite3_value *value, int storage)
{
	const CkColumn *column = &scan->columns[i];
	CkType		wanted = column->type;
	const char *p;
	size_t		size;
	bool		fit;

	scan->bytes += 8;
	if (!(fits[storage] & BIT(wanted)))
		fit = false;
	else if (storage <= SQLITE_FLOAT && !(BIT(wanted) & AS_TEXT))
		fit = put_number(row, i, column, value, storage);
	else if (wanted == CK_INT64)
		fit = put_integer_text(row, i, stmt, value);
	else
	{
		/* a blob's bytes are a text's too, without the copy that ends it in NUL; numbers become SQLite's text */
		p = storage <= SQLITE_FLOAT ? (const char *) sqlite3_value_text(value) : sqlite3_value_blob(value);
		size = (size_t) sqlite3_value_bytes(value);
		if (p == NULL && (size > 0 || sqlite3_errcode(sqlite3_db_handle(stmt)) == SQLITE_NOMEM))
			return ck_fail(scan->session, CK_ERR_MEMORY, "out of memory");
		scan->bytes += size;
		fit = put_chars(row, i, column, p ? p : "", size);
	}
	return fit ? CK_OK : put_misfit(scan, row, i, value, storage);
}

CkStatus
sqlite_put_row(CkScan *scan, sqlite3_stmt *stmt, CkRow *row)
{
	CkStatus	status = CK_OK;

	for (uint32_t i = 0; status == CK_OK && i < scan->ncolumns; i++)
	{
		sqlite3_value *value = sqlite3_column_value(stmt, (int) i);
		int			storage = sqlite3_value_type(value);

		if (storage != SQLITE_NULL)
			status = put_value(scan, stmt, row, i, value, storage);
	}
	return status;
}

/*
 * Binds a date or a timestamp in the form in which it is read. One with time zone is written in UTC, as SQLite's own functions
 * do. The rules for filters look at the day alone.
 */
static int
bind_time(sqlite3_stmt *stmt, int i, CkType type, int64_t value)
{
	int64_t		days = type == CK_DATE ? value : value / DAY_US - (value % DAY_US < 0);
	int64_t		us = type == CK_DATE ? 0 : value - days * DAY_US;
	time_t		seconds = (time_t) (days * 86400 + us / 1000000);
	struct tm	tm;
	char		text[64];
	int			size;

	if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year < 1 - 1900 || tm.tm_year > 9999 - 1900)
		return SQLITE_RANGE;
	size = snprintf(text, sizeof(text), "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	if (type != CK_DATE)
		size += snprintf(text + size, sizeof(text) - (size_t) size, " %02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (us % 1000000 != 0)
		size += snprintf(text + size, sizeof(text) - (size_t) size, ".%06d", (int) (us % 1000000));
	return sqlite3_bind_text(stmt, i, text, size, SQLITE_TRANSIENT);
}

/* Binds a time of day. */
static int
bind_time_of_day(sqlite3_stmt *stmt, int i, int64_t us)
{
	char		text[64];
	int			second = (int) (us / 1000000);
	int			size = snprintf(text, sizeof(text), "%02d:%02d:%02d", second / 3600, second / 60 % 60, second % 60);

	if (us % 1000000 != 0)
		size += snprintf(text + size, sizeof(text) - (size_t) size, ".%06d", (int) (us % 1000000));
	return sqlite3_bind_text(stmt, i, text, size, SQLITE_TRANSIENT);
}

/* Binds a decimal. What is stored is to be read as the same again: an integer, or a number that a double holds. */
static int
bind_numeric(sqlite3_stmt *stmt, int i, const CkValue *arg, bool stored)
{
	char		number[256];
	int			digits = 0;
	char	   *point,
			   *end;

	if (arg->size >= sizeof(number))
		return SQLITE_RANGE;
	memcpy(number, arg->u.p, arg->size);
	number[arg->size] = '\0';
	point = strchr(number, '.');
	if (point && strspn(point + 1, "0") == strlen(point + 1))
		*point = '\0';
	if (strspn(number, "-0123456789") == strlen(number))
	{
		long long	integer;

		errno = 0;
		integer = strtoll(number, &end, 10);
		if (errno == 0)
			return sqlite3_bind_int64(stmt, i, integer);
	}
	for (const char *c = number + strspn(number, "-0."); *c; c++)
		digits += *c != '.';
	if (stored && digits > 15)
		return SQLITE_RANGE;
	/* more than a double holds: it is compared by its digits */
	if (digits > 15)
		return sqlite3_bind_text(stmt, i, number, -1, SQLITE_TRANSIENT);
	return sqlite3_bind_double(stmt, i, strtod(number, NULL));
}

int
sqlite_bind(const CkScan *scan, sqlite3_stmt *stmt)
{
	int			rc = SQLITE_OK;

	for (uint32_t n = 0; n < scan->nargs && rc == SQLITE_OK; n++)
	{
		const CkValue *arg = &scan->args[n];
		const char *p = arg->u.p;
		int			i = (int) n + 1;

		switch (arg->type)
		{
			case CK_NULL:
				rc = sqlite3_bind_null(stmt, i);
				break;
			case CK_BOOL:
			case CK_INT64:
				rc = sqlite3_bind_int64(stmt, i, arg->u.i);
				break;
			case CK_FLOAT64:
			case CK_FLOAT32:
				rc = sqlite3_bind_double(stmt, i, arg->u.f);
				break;
			case CK_NUMERIC:
				rc = bind_numeric(stmt, i, arg, (scan->flags & CK_SCAN_CHANGE) != 0);
				break;
			case CK_JSON:
			case CK_TEXT:
				rc = sqlite3_bind_text64(stmt, i, arg->size ? p : "", arg->size, SQLITE_STATIC, SQLITE_UTF8);
				break;
			case CK_BYTES:
				rc = sqlite3_bind_blob64(stmt, i, arg->size ? p : "", arg->size, SQLITE_STATIC);
				break;
			case CK_DATE:
			case CK_TIMESTAMP:
			case CK_TIMESTAMPTZ:
				rc = bind_time(stmt, i, arg->type, arg->u.i);
				break;
			case CK_TIME:
				rc = bind_time_of_day(stmt, i, arg->u.i);
				break;
			default:
				return SQLITE_MISMATCH;
		}
	}
	return rc;
}

/* Whether the text is a number, of which a column may make one: digits with a sign, a point, an exponent, blanks around. */
static bool
is_number(const char *p, size_t size)
{
	const char *end = p + size;
	bool		digits = false;

	while (p < end && strchr(" \t\n\v\f\r", *p))
		p++;
	while (p < end && strchr(" \t\n\v\f\r", end[-1]))
		end--;
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		digits = true;
	if (p < end && *p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9'; p++)
			digits = true;
	if (digits && end - p >= 2 && (*p == 'e' || *p == 'E'))
	{
		p += p[1] == '-' || p[1] == '+' ? 2 : 1;
		for (digits = false; p < end && *p >= '0' && *p <= '9'; p++)
			digits = true;
	}
	return digits && p == end;
}

/* Whether a number that a column makes of the text is read as the same text again. */
static bool
survives(const char *p, size_t size, bool real)
{
	char		text[32],
				again[32];

	if (size >= sizeof(text))
		return false;
	memcpy(text, p, size);
	text[size] = '\0';
	if (strchr(text, '.') == NULL)
		snprintf(again, sizeof(again), "%lld", strtoll(text, NULL, 10));
	else
		snprintf(again, sizeof(again), "%.15g", strtod(text, NULL));
	return strcmp(text, again) == 0 && !(real && strchr(text, '.') == NULL);
}

/* The declared type of the column that the argument is stored in; NULL where it has none, or that is not known. */
static const char *
stored_type(const CkScan *scan, sqlite3_stmt *stmt, uint32_t arg)
{
	const char *column = scan->stored[arg % scan->nstored].name;
	const char *type = NULL;

	if (column && scan->table_name && sqlite3_table_column_metadata(sqlite3_db_handle(stmt), "main", scan->table_name, column,
																   &type, NULL, NULL, NULL, NULL) != SQLITE_OK)
		return NULL;
	return type;
}

/* SQLite's rules for a type's affinity, in their order. */
static bool
type_has(const char *type, const char *part)
{
	char		pattern[16];

	snprintf(pattern, sizeof(pattern), "%%%s%%", part);
	return sqlite3_strlike(pattern, type, 0) == 0;
}

/* Whether the column, declared so, keeps the value as it is. */
static bool
keeps(const char *type, const CkValue *value)
{
	bool		integer = type == NULL || type_has(type, "int");
	bool		text = !integer && (type_has(type, "char") || type_has(type, "clob") || type_has(type, "text"));
	bool		real = !integer && !text && !type_has(type, "blob") &&
		(type_has(type, "real") || type_has(type, "floa") || type_has(type, "doub"));

	if (type == NULL || type[0] == '\0' || text || (!integer && type_has(type, "blob")))
		return true;
	if (value->type == CK_INT64)
		return !real || (value->u.i >= -EXACT_IN_DOUBLE && value->u.i <= EXACT_IN_DOUBLE);
	return !is_number(value->u.p, value->size) || survives(value->u.p, value->size, real);
}

CkStatus
sqlite_check_stored(const CkScan *scan, sqlite3_stmt *stmt)
{
	for (uint32_t i = 0; i < scan->nargs && scan->nstored > 0; i++)
	{
		const CkValue *value = &scan->args[i];
		bool		doubtful = value->type == CK_INT64 ? value->u.i < -EXACT_IN_DOUBLE || value->u.i > EXACT_IN_DOUBLE :
			(value->type == CK_TEXT || value->type == CK_JSON) && is_number(value->u.p, value->size);

		if (!doubtful || keeps(stored_type(scan, stmt, i), value))
			continue;
		ck_fail(scan->session, CK_ERR_DATA, "column \"%s\" would store another value: SQLite makes a number of it by the "
				"column's type", scan->stored[i % scan->nstored].name);
		ck_hint(scan->session, "Declare the column with that type here too, or as TEXT at the source.");
		return CK_ERR_DATA;
	}
	return CK_OK;
}
