/*
 * typed.c: functions for conditions that SQLite answers as PostgreSQL does: each takes a value as value.c reads it.
 *
 * What a type cannot take is an error, as it is where it is read. NULL is NULL.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite.h"

#define EXACT_IN_DOUBLE (INT64_C(1) << 53)
/* Digits of a decimal that is compared. */
#define DECIMAL_SIZE 2048

static void
fail_misfit(sqlite3_context *context, sqlite3_value *value, const char *type)
{
	static const char *const names[] = {
		[SQLITE_INTEGER] = "an integer", [SQLITE_FLOAT] = "a real number", [SQLITE_TEXT] = "text", [SQLITE_BLOB] = "a blob"
	};

	sqlite_function_fail(context, ck_fail(sqlite3_user_data(context), CK_ERR_DATA,
										  "a column in a condition holds %s that does not fit the type %s",
										  names[sqlite3_value_type(value)], type));
}

/* connkit_integer(x): an integer; a real without a fraction; a text that is one, as a column declared text may hold. */
static void
typed_integer(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	int			storage = sqlite3_value_type(args[0]);
	double		number;

	if (storage == SQLITE_NULL)
		return;
	if (storage == SQLITE_INTEGER ||
		(storage == SQLITE_TEXT && sqlite3_value_numeric_type(args[0]) == SQLITE_INTEGER))
	{
		sqlite3_result_int64(context, sqlite3_value_int64(args[0]));
		return;
	}
	number = storage == SQLITE_FLOAT ? sqlite3_value_double(args[0]) : NAN;
	if (number >= -9223372036854775808.0 && number < 9223372036854775808.0 && number == rint(number))
		sqlite3_result_int64(context, (sqlite3_int64) number);
	else
		fail_misfit(context, args[0], "bigint");
}

/* connkit_real(x): a real; an integer that it holds. */
static void
typed_real(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	int			storage = sqlite3_value_type(args[0]);
	sqlite3_int64 number;

	if (storage == SQLITE_NULL)
		return;
	number = storage == SQLITE_INTEGER ? sqlite3_value_int64(args[0]) : 0;
	if (storage == SQLITE_FLOAT || (storage == SQLITE_INTEGER && number >= -EXACT_IN_DOUBLE && number <= EXACT_IN_DOUBLE))
		sqlite3_result_double(context, sqlite3_value_double(args[0]));
	else
		fail_misfit(context, args[0], "double precision");
}

/* connkit_text(x): a text; a number as SQLite writes it. It is compared by its bytes. */
static void
typed_text(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	int			storage = sqlite3_value_type(args[0]);

	if (storage == SQLITE_BLOB)
		fail_misfit(context, args[0], "text");
	else if (storage == SQLITE_TEXT)
		sqlite3_result_value(context, args[0]);
	else if (storage != SQLITE_NULL)
		sqlite3_result_text(context, (const char *) sqlite3_value_text(args[0]), -1, SQLITE_TRANSIENT);
}

/* connkit_date(x), connkit_timestamp(x), connkit_timestamptz(x): microseconds. */
static void
typed_time(sqlite3_context *context, CkType type, sqlite3_value *arg)
{
	static const char *const names[] = {
		[CK_DATE] = "date", [CK_TIMESTAMP] = "timestamp", [CK_TIMESTAMPTZ] = "timestamp with time zone"
	};
	int			storage = sqlite3_value_type(arg);
	const char *text = (const char *) (storage == SQLITE_TEXT ? sqlite3_value_text(arg) : NULL);
	int64_t		us;

	if (storage == SQLITE_NULL)
		return;
	if (text && sqlite_read_moment(text, (size_t) sqlite3_value_bytes(arg), type, &us))
		sqlite3_result_int64(context, us);
	else
		fail_misfit(context, arg, names[type]);
}

static void
typed_date(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	typed_time(context, CK_DATE, args[0]);
}

static void
typed_timestamp(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	typed_time(context, CK_TIMESTAMP, args[0]);
}

static void
typed_timestamptz(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	typed_time(context, CK_TIMESTAMPTZ, args[0]);
}

/* A decimal: digits without leading zeros before the point, whose place is behind so many of them; none for 0. */
typedef struct Decimal
{
	int			sign;			/* -1, 0, 1 */
	int			point;
	int			count;
	char		digits[DECIMAL_SIZE];
} Decimal;

/* Reads [sign] digits [. digits] [e exponent], and nothing else. */
static bool
decimal_read(const char *p, Decimal *decimal)
{
	bool		fraction = false;
	bool		any = false;
	long		exponent = 0;

	p += strspn(p, " \t\n\r\f\v");
	decimal->sign = 1;
	decimal->point = decimal->count = 0;
	if (*p == '-' || *p == '+')
		decimal->sign = *p++ == '-' ? -1 : 1;
	for (; (*p >= '0' && *p <= '9') || (*p == '.' && !fraction); p++)
	{
		if (*p == '.')
		{
			fraction = true;
			continue;
		}
		any = true;
		if (decimal->count == DECIMAL_SIZE)
			return false;
		if (decimal->count > 0 || *p != '0')
		{
			decimal->digits[decimal->count++] = *p;
			decimal->point += !fraction;
		}
		else
			decimal->point -= fraction;
	}
	if (any && (*p == 'e' || *p == 'E'))
	{
		char	   *end;

		exponent = strtol(p + 1, &end, 10);
		if (end == p + 1 || exponent > 100000 || exponent < -100000)
			return false;
		p = end;
	}
	while (decimal->count > 0 && decimal->digits[decimal->count - 1] == '0')
		decimal->count--;
	if (decimal->count == 0)
		decimal->sign = 0;
	decimal->point += (int) exponent;
	return any && p[strspn(p, " \t\n\r\f\v")] == '\0';
}

/* The number as it is read: of a real the shortest decimal that is the same. */
static bool
decimal_of(sqlite3_value *value, Decimal *decimal)
{
	char		text[64];
	double		number;

	switch (sqlite3_value_type(value))
	{
		case SQLITE_INTEGER:
			sqlite3_snprintf(sizeof(text), text, "%lld", sqlite3_value_int64(value));
			return decimal_read(text, decimal);
		case SQLITE_FLOAT:
			number = sqlite3_value_double(value);
			for (int digits = 15; digits <= 17; digits++)
			{
				snprintf(text, sizeof(text), "%.*g", digits, number);
				if (strtod(text, NULL) == number)
					break;
			}
			return decimal_read(text, decimal);
		case SQLITE_TEXT:
			return decimal_read((const char *) sqlite3_value_text(value), decimal);
		default:
			return false;
	}
}

static int
decimal_compare(const Decimal *a, const Decimal *b)
{
	size_t		common = (size_t) (a->count < b->count ? a->count : b->count);
	int			order;

	if (a->sign != b->sign)
		return a->sign < b->sign ? -1 : 1;
	if (a->sign == 0)
		return 0;
	if (a->point != b->point)
		return a->point < b->point ? -a->sign : a->sign;
	order = memcmp(a->digits, b->digits, common);
	if (order == 0)
		order = a->count - b->count;
	return order < 0 ? -a->sign : order > 0 ? a->sign : 0;
}

/* True for numbers that are compared as decimals when they are compared as doubles. */
static bool
is_small(sqlite3_value *value, double *number)
{
	int			storage = sqlite3_value_type(value);

	if (storage != SQLITE_INTEGER && storage != SQLITE_FLOAT)
		return false;
	*number = sqlite3_value_double(value);
	return fabs(*number) < 1e15 || isinf(*number);
}

/* connkit_compare(a, b): of decimals, which is the greater: -1, 0 or 1. */
static void
typed_compare(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	double		left,
				right;
	Decimal		a,
				b;

	if (sqlite3_value_type(args[0]) == SQLITE_NULL || sqlite3_value_type(args[1]) == SQLITE_NULL)
		return;
	if (is_small(args[0], &left) && is_small(args[1], &right))
		sqlite3_result_int(context, left < right ? -1 : left > right);
	else if (!decimal_of(args[0], &a))
		fail_misfit(context, args[0], "numeric");
	else if (!decimal_of(args[1], &b))
		fail_misfit(context, args[1], "numeric");
	else
		sqlite3_result_int(context, decimal_compare(&a, &b));
}

/* The character behind this one. */
static const char *
next_character(const char *p, const char *end)
{
	do
		p++;
	while (p < end && (*p & 0xc0) == 0x80);
	return p;
}

/* LIKE of PostgreSQL: % and _ stand for characters, a backslash makes the one behind it stand for itself. */
static bool
is_like(const char *text, const char *text_end, const char *pattern, const char *pattern_end)
{
	const char *retry_text = NULL,
			   *retry_pattern = NULL;

	while (text < text_end || pattern < pattern_end)
	{
		if (pattern < pattern_end && *pattern == '%')
		{
			retry_pattern = ++pattern;
			retry_text = text;
			continue;
		}
		if (pattern < pattern_end && text < text_end)
		{
			bool		literal = *pattern == '\\' && pattern + 1 < pattern_end;
			const char *character = pattern + literal;

			if (!literal && *pattern == '_')
			{
				pattern++;
				text = next_character(text, text_end);
				continue;
			}
			if (*character == *text)
			{
				pattern = character + 1;
				text++;
				continue;
			}
		}
		if (retry_pattern == NULL || retry_text >= text_end)
			return false;
		text = retry_text = next_character(retry_text, text_end);
		pattern = retry_pattern;
	}
	return true;
}

/* connkit_like(text, pattern), whose pattern does not end in a lone backslash. */
static void
typed_like(sqlite3_context *context, int nargs, sqlite3_value **args)
{
	const char *text,
			   *pattern;

	if (sqlite3_value_type(args[0]) == SQLITE_NULL || sqlite3_value_type(args[1]) == SQLITE_NULL)
		return;
	if (sqlite3_value_type(args[0]) == SQLITE_BLOB)
	{
		fail_misfit(context, args[0], "text");
		return;
	}
	text = (const char *) sqlite3_value_text(args[0]);
	pattern = (const char *) sqlite3_value_text(args[1]);
	if (text == NULL || pattern == NULL)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_int(context, is_like(text, text + sqlite3_value_bytes(args[0]), pattern,
											pattern + sqlite3_value_bytes(args[1])));
}

int
sqlite_add_typed(CkSession *session, sqlite3 *db)
{
	static const struct
	{
		const char *name;
		int			nargs;
		void		(*function) (sqlite3_context *, int, sqlite3_value **);
	}			functions[] = {
		{"connkit_integer", 1, typed_integer}, {"connkit_real", 1, typed_real}, {"connkit_text", 1, typed_text},
		{"connkit_date", 1, typed_date}, {"connkit_timestamp", 1, typed_timestamp},
		{"connkit_timestamptz", 1, typed_timestamptz}, {"connkit_compare", 2, typed_compare}, {"connkit_like", 2, typed_like}
	};
	int			rc = SQLITE_OK;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]) && rc == SQLITE_OK; i++)
		rc = sqlite3_create_function(db, functions[i].name, functions[i].nargs,
									 SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, session, functions[i].function, NULL,
									 NULL);
	return rc;
}
