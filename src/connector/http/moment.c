/*
 * moment.c: times as APIs write them.
 */
#include "moment.h"

typedef struct Cursor
{
	const char *at;
	const char *end;
} Cursor;

/* Just so many digits. */
static bool
take_digits(Cursor *c, int count, int *number)
{
	*number = 0;
	if (c->end - c->at < count)
		return false;
	for (; count > 0; count--, c->at++)
	{
		if (*c->at < '0' || *c->at > '9')
			return false;
		*number = *number * 10 + *c->at - '0';
	}
	return true;
}

static bool
take_char(Cursor *c, const char *any)
{
	for (; c->at < c->end && *any; any++)
		if (*c->at == *any)
		{
			c->at++;
			return true;
		}
	return false;
}

/* Days since 1970 of a day of the Gregorian calendar. */
static int64_t
days_of(int year, int month, int day)
{
	int64_t		y = month > 2 ? year : year - 1;
	int64_t		era = (y >= 0 ? y : y - 399) / 400;
	int64_t		of_era = y - era * 400;
	int64_t		of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int
month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* The date, as far as it is told; whole: all of it is. */
static bool
take_date(Cursor *c, bool shorter, int64_t *days, bool *whole)
{
	int			year,
				month = 1,
				day = 1;

	*whole = false;
	if (!take_digits(c, 4, &year))
		return false;
	if (take_char(c, "-"))
	{
		if (!take_digits(c, 2, &month))
			return false;
		if (take_char(c, "-"))
		{
			if (!take_digits(c, 2, &day))
				return false;
			*whole = true;
		}
	}
	if ((!*whole && !shorter) || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return false;
	*days = days_of(year, month, day);
	return true;
}

/* A fraction of a second: its microseconds. */
static bool
take_fraction(Cursor *c, int64_t *microseconds)
{
	int			digits = 0;

	*microseconds = 0;
	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
		if (digits++ < 6)
			*microseconds = *microseconds * 10 + *c->at - '0';
	for (int i = digits; i < 6; i++)
		*microseconds *= 10;
	return digits > 0;
}

static bool
take_clock(Cursor *c, bool shorter, int64_t *microseconds)
{
	int			hour,
				minute = 0,
				second = 0;
	int64_t		fraction = 0;

	if (!take_digits(c, 2, &hour))
		return false;
	if (take_char(c, ":"))
	{
		if (!take_digits(c, 2, &minute))
			return false;
		if (take_char(c, ":") && (!take_digits(c, 2, &second) || (take_char(c, ".,") && !take_fraction(c, &fraction))))
			return false;
	}
	else if (!shorter)
		return false;
	*microseconds = ((hour * 60 + minute) * INT64_C(60) + second) * 1000000 + fraction;
	return hour < 24 && minute < 60 && second < 60;
}

/* Z, or hours and maybe minutes from UTC. */
static bool
take_zone(Cursor *c, int64_t *microseconds)
{
	bool		west = c->at < c->end && *c->at == '-';
	int			hours,
				minutes = 0;

	*microseconds = 0;
	if (take_char(c, "Zz"))
		return true;
	if (!take_char(c, "+-") || !take_digits(c, 2, &hours))
		return false;
	if (take_char(c, ":") || c->at < c->end)
	{
		if (!take_digits(c, 2, &minutes))
			return false;
	}
	*microseconds = (hours * 60 + minutes) * INT64_C(60000000) * (west ? -1 : 1);
	return hours < 19 && minutes < 60;
}

bool
moment_read(const char *text, size_t size, bool shorter, Moment *moment)
{
	Cursor		c = {text, text + size};
	int64_t		days,
				clock = 0,
				offset = 0;
	bool		whole;

	*moment = (Moment) {0};
	if (!take_date(&c, shorter, &days, &whole))
		return false;
	if (c.at < c.end)
	{
		if (!whole || !take_char(&c, shorter ? "T" : "T "))
			return false;
		/* a day may be told with nothing but a T behind it */
		moment->clock = c.at < c.end;
		if (moment->clock && !take_clock(&c, shorter, &clock))
			return false;
		if (c.at < c.end)
		{
			moment->zone = true;
			if (!take_zone(&c, &offset))
				return false;
		}
	}
	moment->microseconds = days * INT64_C(86400000000) + clock - offset;
	return c.at == c.end;
}
