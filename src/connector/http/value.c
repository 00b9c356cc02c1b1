/*
 * value.c: values of a reply into rows, and values of conditions into requests.
 */
#include "http_source.h"
#include "moment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

/* Divides, and rounds down, or up. */
static int64_t
divide(int64_t value, int64_t by, bool up)
{
	int64_t		quotient = value / by;

	if (value % by != 0)
		quotient += (value < 0 ? -1 : 0) + (up ? 1 : 0);
	return quotient;
}

/* A moment in ISO 8601, or its day. */
static bool
write_moment(HttpText *text, int64_t microseconds, bool zone, bool day)
{
	time_t		seconds = (time_t) divide(microseconds, SECOND, false);
	int			fraction = (int) (microseconds - seconds * SECOND);
	struct tm	parts;
	char		buffer[64];

	if (!gmtime_r(&seconds, &parts) || parts.tm_year < -1899 || parts.tm_year > 8099)
		return false;
	snprintf(buffer, sizeof(buffer), "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
	text_string(text, buffer);
	if (day)
		return true;
	snprintf(buffer, sizeof(buffer), "T%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec);
	text_string(text, buffer);
	if (fraction)
	{
		snprintf(buffer, sizeof(buffer), ".%06d", fraction);
		text_string(text, buffer);
	}
	if (zone)
		text_append(text, "Z", 1);
	return true;
}

/* A moment as a pattern has it. */
static bool
write_pattern(HttpText *text, int64_t microseconds, const char *pattern)
{
	time_t		seconds = (time_t) divide(microseconds, SECOND, false);
	struct tm	parts;
	char		buffer[128];

	if (!gmtime_r(&seconds, &parts) || parts.tm_year < -899 || parts.tm_year > 8099)
		return false;
	if (strftime(buffer, sizeof(buffer), pattern, &parts) == 0)
		return false;
	text_string(text, buffer);
	return true;
}

/* Puts a bound further out; false: a year of four digits could not hold it. */
static bool
widen(int64_t *moment, int64_t by, bool up)
{
	const int64_t least = INT64_C(-30610224000) * SECOND;	/* the year 1000 */
	const int64_t greatest = INT64_C(253402214400) * SECOND;	/* the last day of 9999 */

	if (by == 0)
		return true;
	if (up ? *moment > greatest - by : *moment < least + by)
		return false;
	*moment += up ? by : -by;
	return true;
}

static bool
write_time(HttpText *text, const CkValue *value, const HttpFilter *filter, bool up)
{
	int64_t		moment = value->type == CK_DATE ? value->u.i * DAY : value->u.i;
	HttpFormat	format = filter->format;
	char		buffer[32];

	if (value->u.i == CK_INFINITY || value->u.i == CK_MINUS_INFINITY || !widen(&moment, filter->widen, up))
		return false;
	switch (format)
	{
		case FORMAT_UNIX:
		case FORMAT_UNIX_MS:
			snprintf(buffer, sizeof(buffer), "%lld",
					 (long long) divide(moment, format == FORMAT_UNIX ? SECOND : SECOND / 1000, up));
			text_string(text, buffer);
			return true;
		case FORMAT_DATE:
			return write_moment(text, divide(moment, DAY, up) * DAY, false, true);
		case FORMAT_PATTERN:
			return write_pattern(text, divide(moment, filter->unit, up) * filter->unit, filter->pattern);
		default:
			return write_moment(text, moment, value->type == CK_TIMESTAMPTZ, value->type == CK_DATE);
	}
}

bool
http_write_value(HttpText *text, const CkValue *value, const HttpFilter *filter, bool up)
{
	static const HttpFilter plain = {.format = FORMAT_PLAIN};
	char		buffer[64];

	switch (value->type)
	{
		case CK_BOOL:
			text_string(text, value->u.i ? "true" : "false");
			return true;
		case CK_INT64:
			snprintf(buffer, sizeof(buffer), "%lld", (long long) value->u.i);
			text_string(text, buffer);
			return true;
		case CK_FLOAT64:
		case CK_FLOAT32:
			if (!isfinite(value->u.f))
				return false;
			snprintf(buffer, sizeof(buffer), "%.17g", value->u.f);
			text_string(text, buffer);
			return true;
		case CK_NUMERIC:
		case CK_TEXT:
			text_append(text, value->u.p, value->size);
			return true;
		case CK_DATE:
		case CK_TIMESTAMP:
		case CK_TIMESTAMPTZ:
			return write_time(text, value, filter ? filter : &plain, up);
		default:
			return false;
	}
}

bool
http_read_moment(const char *text, size_t size, HttpFormat format, int64_t *moment)
{
	char		copy[64];
	char	   *end;
	long double number;

	if (size == 0 || size >= sizeof(copy))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	/* 64 bits of mantissa hold the microseconds of every timestamp */
	number = strtold(copy, &end) * (format == FORMAT_UNIX ? SECOND : SECOND / 1000);
	if (*end || !(fabsl(number) < 9e18L))
		return false;
	*moment = llrintl(number);
	return true;
}

/* Two digits, or four: their number, -1 where there is another character. */
static int
digits(const char *text, int count)
{
	int			number = 0;

	for (int i = 0; i < count; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + (text[i] - '0');
	}
	return number;
}

/* Days since 1970 of a date of the proleptic Gregorian calendar from year 1 on; false: there is no such day. */
static bool
days_of_date(int year, int month, int day, int64_t *days)
{
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int			past = year - 1;

	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > before[month] - before[month - 1] + (month == 2 && leap ? 1 : 0))
		return false;
	*days = (int64_t) past * 365 + past / 4 - past / 100 + past / 400 - 719162;
	*days += before[month - 1] + (month > 2 && leap ? 1 : 0) + day - 1;
	return true;
}

/* A moment in the form of ISO 8601 that all write, with a zone or without one as the type wants it: microseconds since 1970.
 * false: it is another form, which PostgreSQL may know. */
static bool
read_iso(const char *text, size_t size, bool zone, int64_t *moment)
{
	const char *end = text + size;
	int			hour,
				minute,
				second;
	int64_t		days,
				scale = SECOND;

	if (size < 19 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' ||
		text[16] != ':' || !days_of_date(digits(text, 4), digits(text + 5, 2), digits(text + 8, 2), &days))
		return false;
	hour = digits(text + 11, 2);
	minute = digits(text + 14, 2);
	second = digits(text + 17, 2);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return false;
	*moment = days * DAY + (hour * 3600 + minute * 60 + second) * SECOND;
	text += 19;
	if (text < end && *text == '.')
	{
		for (text++; text < end && *text >= '0' && *text <= '9' && scale > 1; text++)
		{
			scale /= 10;
			*moment += (*text - '0') * scale;
		}
		if (scale == SECOND)
			return false;
	}
	if (text == end || !zone)
		return text == end && !zone;
	if (*text == 'Z')
		return text + 1 == end;
	if ((*text != '+' && *text != '-') || end - text != 6 || text[3] != ':')
		return false;
	hour = digits(text + 1, 2);
	minute = digits(text + 4, 2);
	if (hour < 0 || hour > 15 || minute < 0 || minute > 59)
		return false;
	*moment -= (*text == '-' ? -1 : 1) * (hour * 3600 + minute * 60) * SECOND;
	return true;
}

static bool
all_digits(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return size > 0;
}

bool
http_read_integer(const char *text, size_t size, int64_t *number)
{
	size_t		sign = size > 0 && text[0] == '-' ? 1 : 0;

	if (size > 18 || !all_digits(text + sign, size - sign))
		return false;
	*number = 0;
	for (size_t i = sign; i < size; i++)
		*number = *number * 10 + (text[i] - '0');
	if (sign)
		*number = -*number;
	return true;
}

/* The length of a number without a fraction that is 0: of "5.00" 1. */
static size_t
whole_digits(const char *text, size_t size)
{
	size_t		whole = size;

	while (whole > 0 && text[whole - 1] == '0')
		whole--;
	return whole > 1 && text[whole - 1] == '.' ? whole - 1 : size;
}

/* A number into a column of that type. */
static void
put_number(CkRow *row, uint32_t column, CkType type, const char *text, size_t size)
{
	int64_t		number;

	if ((type == CK_INT64 || type == CK_UINT64) && http_read_integer(text, size, &number))
		ck_put_int64(row, column, number);
	else if ((type == CK_INT64 || type == CK_UINT64) && whole_digits(text, size) < size)
		put_number(row, column, type, text, whole_digits(text, size));
	else if (type == CK_TEXT || type == CK_NATIVE)
		ck_put_text(row, column, text, size);
	else
		ck_put_numeric(row, column, text, size);
}

/* A column that the record lacks: the one value that it was asked for, where that is so for all records. */
static void
put_given(CkScan *scan, CkRow *row, uint32_t column)
{
	HttpScan   *http = scan->state;

	if (http->change)
		http_put_changed(scan, row, column);
	for (uint32_t i = 0; i < http->nconditions; i++)
	{
		const HttpCondition *c = &http->conditions[i];

		if (c->filter->given && (c->op & (FILTER_EQUAL | FILTER_IN)) && http->page->values[i].nargs == 1 &&
			strcmp(http_column_of(c), scan->columns[column].name) == 0)
			row->values[column] = http->page->values[i].args[0];
	}
}

uint32_t
http_find(const HttpPage *page, JsonPath path)
{
	uint32_t	number = page->element ? json_find(page->record, page->element, path) : 0;

	return number ? number : json_find(page->record, 1, path);
}

/* A number of milliseconds since 1970, of which parts of microseconds are cut off. */
static bool
read_milliseconds(const char *text, size_t size, int64_t *moment)
{
	char		copy[64];
	char	   *end;
	long double number;

	if (size == 0 || size >= sizeof(copy))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	number = floorl(strtold(copy, &end) * 1000);
	if (*end || !(fabsl(number) < 9e18L))
		return false;
	*moment = (int64_t) number;
	return true;
}

/* Puts a moment that is written in that format, if it is one. */
static bool
put_moment(CkScan *scan, CkRow *row, uint32_t column, HttpFormat format, const char *text, size_t size)
{
	CkType		type = scan->columns[column].type;
	Moment		iso;
	int64_t		moment;
	bool		good;

	if ((type != CK_TIMESTAMP && type != CK_TIMESTAMPTZ) || format == FORMAT_PLAIN || format == FORMAT_DATE)
		return false;
	if (format != FORMAT_ISO_OR_MS)
		good = http_read_moment(text, size, format, &moment);
	else if (moment_read(text, size, true, &iso))
	{
		good = true;
		moment = iso.microseconds;
	}
	else
		good = read_milliseconds(text, size, &moment);
	if (good)
		ck_put_int(row, column, type, moment);
	else
	{
		(void) ck_fail(scan->session, CK_ERR_DATA, "a moment is expected, as the table says that they are written");
		ck_put_misfit(row, column, text, size);
	}
	return true;
}

/* The column's value in the record at hand; 0: it has none. */
static uint32_t
find_value(const HttpScan *http, uint32_t column)
{
	const HttpPage *page = http->page;
	uint32_t	number = http_find(page, http->paths[column]);

	return number && http->flat[column] ? json_find_flat(page->record, number, http->flat[column]) : number;
}

CkStatus
http_put_node(CkScan *scan, CkRow *row, uint32_t column, uint32_t number)
{
	HttpScan   *http = scan->state;
	HttpPage   *page = http->page;
	const JsonRecord *record = page->record;
	const HttpColumn *known = http->columns[column];
	CkType		type = scan->columns[column].type;
	const JsonNode *node = &record->nodes[number];
	const char *text = record->bytes + node->text;
	int64_t		moment;

	if (node->kind == JSON_KIND_NULL)
		return CK_OK;
	/* CSV has texts alone, of which one may be JSON */
	if (type == CK_JSON && page->csv)
	{
		ck_put_json(row, column, text, node->text_size);
		return CK_OK;
	}
	if (type == CK_JSON || node->kind == JSON_KIND_OBJECT || node->kind == JSON_KIND_LIST)
	{
		if (type == CK_JSON)
			ck_put_json(row, column, record->json + node->begin, node->end - node->begin);
		else
			ck_put_text(row, column, record->json + node->begin, node->end - node->begin);
		return CK_OK;
	}
	if (put_moment(scan, row, column, known ? known->format : http->table->moments, text, node->text_size))
		return CK_OK;
	if (node->kind == JSON_KIND_NUMBER)
		put_number(row, column, type, text, node->text_size);
	else if ((type == CK_TIMESTAMP || type == CK_TIMESTAMPTZ) &&
			 read_iso(text, node->text_size, type == CK_TIMESTAMPTZ, &moment) &&
			 /* of a text PostgreSQL rounds the fraction as the type wants it */
			 (moment % SECOND == 0 || !strchr(scan->columns[column].local_type, '(')))
		ck_put_int(row, column, type, moment);
	else if (type == CK_BOOL && node->kind != JSON_KIND_STRING)
		ck_put_bool(row, column, node->kind == JSON_KIND_TRUE);
	else
		ck_put_text(row, column, text, node->text_size);
	return CK_OK;
}

CkStatus
http_put(CkScan *scan, CkRow *row, uint32_t column)
{
	HttpScan   *http = scan->state;
	uint32_t	number = find_value(http, column);

	if (number)
		return http_put_node(scan, row, column, number);
	put_given(scan, row, column);
	return CK_OK;
}
