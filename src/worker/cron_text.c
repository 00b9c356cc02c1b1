/*
 * cron_text.c: reads the text of schedules.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "cron.h"

#define MAX_TEXT		255			/* bytes of a schedule */
#define MONTH_SECONDS	2629746		/* on average */

typedef struct CronFieldInfo
{
	const char *name;
	int			low;
	int			high;
	const char *names;			/* three letters each, the first for low */
	const char *also;			/* of the hint */
} CronFieldInfo;

static const CronFieldInfo fields[CRON_FIELDS] = {
	{"second", 0, 59, "", ""},
	{"minute", 0, 59, "", ""},
	{"hour", 0, 23, "", ""},
	{"day of month", 1, 31, "", ", also L, L-3, LW and 15W"},
	{"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", ", also the names JAN to DEC"},
	{"day of week", 0, 6, "SUNMONTUEWEDTHUFRISAT", ", also the names SUN to SAT, FRI#2 and FRIL"},
};

static const char *const macros[][2] = {
	{"@hourly", "0 * * * *"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},
	{"@monthly", "0 0 1 * *"},
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
};

typedef struct CronParser
{
	const char *text;
	const char *at;				/* what is read next */
	CronField	field;
	CronSpec   *spec;
} CronParser;

/* ERROR: why, at that place of the text, in the field that is read. */
COMPAT_NORETURN static void
field_error(CronParser *parser, const char *at, const char *why)
{
	const CronFieldInfo *info = &fields[parser->field];

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s in schedule \"%s\"", info->name, parser->text),
			 errdetail("At character %d: %s.", pg_mbstrlen_with_len(parser->text, at - parser->text) + 1, why),
			 errhint("Write *, a number from %d to %d, a range such as %d-%d, a step such as */2, or several of these with "
					 "commas%s.", info->low, info->high, info->low, info->low + 4, info->also)));
}

COMPAT_NORETURN static void
shape_error(const char *text, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("schedule \"%s\" %s", text, what),
			 errhint("Write five cron fields, as in '0 2 * * *' (six with seconds in front), a macro such as @daily, or an "
					 "interval such as '15 minutes'.")));
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IS_HIGHBIT_SET(c);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Goes past that character, in upper or lower case. */
static bool
accept_char(CronParser *parser, char c)
{
	if (*parser->at == '\0' || pg_toupper((unsigned char) *parser->at) != c)
		return false;
	parser->at++;
	return true;
}

static int
read_number(CronParser *parser, const char *what, int low, int high)
{
	const char *begin = parser->at;
	int			value = 0;

	for (; is_digit(*parser->at); parser->at++)
		value = Min(value * 10 + *parser->at - '0', 10000);
	if (parser->at == begin)
		field_error(parser, begin, psprintf("%s is missing", what));
	if (value < low || value > high)
		field_error(parser, begin, psprintf("%s must be from %d to %d", what, low, high));
	return value;
}

/* A number or name of the field; 7 for a Sunday that is written so. */
static int
read_value(CronParser *parser)
{
	const CronFieldInfo *info = &fields[parser->field];

	for (int i = 0; info->names[3 * i]; i++)
	{
		if (pg_strncasecmp(parser->at, info->names + 3 * i, 3) == 0)
		{
			parser->at += 3;
			return info->low + i;
		}
	}
	return read_number(parser, "the value", info->low, info->high + (parser->field == CRON_WEEKDAY));
}

/* L, L-3, LW, $ */
static bool
read_month_end(CronParser *parser)
{
	if (parser->field != CRON_DAY)
		return false;
	if (accept_char(parser, '$'))
		parser->spec->from_end |= 1;
	else if (!accept_char(parser, 'L'))
		return false;
	else if (accept_char(parser, 'W'))
		parser->spec->nearest |= 1;
	else if (accept_char(parser, '-'))
		parser->spec->from_end |= 1u << read_number(parser, "the number of days", 0, 30);
	else
		parser->spec->from_end |= 1;
	return true;
}

/* What may follow a value: W, L, #2 */
static bool
read_suffix(CronParser *parser, int value)
{
	if (parser->field == CRON_DAY && accept_char(parser, 'W'))
		parser->spec->nearest |= 1u << value;
	else if (parser->field == CRON_WEEKDAY && accept_char(parser, 'L'))
		parser->spec->last |= 1 << value % 7;
	else if (parser->field == CRON_WEEKDAY && accept_char(parser, '#'))
		parser->spec->nth[read_number(parser, "the week", 1, 5) - 1] |= 1 << value % 7;
	else
		return false;
	return true;
}

/* One of the things that commas separate. */
static void
read_item(CronParser *parser)
{
	const CronFieldInfo *info = &fields[parser->field];
	int			count = info->high - info->low + 1;
	int			low = info->low,
				high = info->high,
				step = 1;

	if (read_month_end(parser))
		return;
	if (!accept_char(parser, '*') && !accept_char(parser, '?'))
	{
		low = read_value(parser);
		if (read_suffix(parser, low))
			return;
		if (accept_char(parser, '-'))
			high = read_value(parser);
		else if (*parser->at != '/')
			high = low;
	}
	if (accept_char(parser, '/'))
		step = read_number(parser, "the step", 1, count);
	if (parser->field == CRON_WEEKDAY && low == 7)
	{
		low = 0;
		high %= 7;
	}
	if (high < low)
		high += count;
	for (int value = low; value <= high; value += step)
		parser->spec->set[parser->field] |= UINT64CONST(1) << (info->low + (value - info->low) % count);
}

/* A field, and the space behind it; true where it is restricted. */
static bool
read_field(CronParser *parser)
{
	bool		restricted = *parser->at != '*' && *parser->at != '?';

	do
		read_item(parser);
	while (accept_char(parser, ','));
	if (*parser->at && !is_space(*parser->at))
		field_error(parser, parser->at, "this does not belong here");
	while (is_space(*parser->at))
		parser->at++;
	return restricted;
}

static const char *
trim(const char *text)
{
	int			length;

	while (is_space(*text))
		text++;
	length = strlen(text);
	while (length > 0 && is_space(text[length - 1]))
		length--;
	return pnstrdup(text, length);
}

/* The number of words in the text; letters: whether the first two have a letter or colon, as only intervals have, which may
 * begin with @, too. */
static int
count_words(const char *text, bool *letters)
{
	int			words = 0;

	*letters = *text == '@';
	for (const char *p = text; *p; p++)
	{
		if (is_space(*p))
			continue;
		if (p == text || is_space(p[-1]))
			words++;
		if (words <= 2 && (is_letter(*p) || *p == ':'))
			*letters = true;
	}
	return words;
}

static const char *
expand_macro(const char *text)
{
	for (int i = 0; i < lengthof(macros); i++)
	{
		if (pg_strcasecmp(text, macros[i][0]) == 0)
			return macros[i][1];
	}
	if (pg_strcasecmp(text, "@reboot") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schedule \"@reboot\" is not supported"),
				 errdetail("Schedules come at times, not at a start of the server."),
				 errhint("Runs that were missed while the server was down are made up for as the schedule says.")));
	shape_error(text, "is not a macro");
}

/* What the text says to PostgreSQL's own interval, checked. */
static void
read_interval(CronSpec *spec, const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	Interval   *interval = &spec->interval;
	int64		seconds;

	PG_TRY();
	{
		*interval = *DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
														   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		shape_error(text, "is neither cron text nor an interval");
	}
	PG_END_TRY();

	if (interval->month < 0 || interval->day < 0 || interval->time < 0)
		shape_error(text, "has a negative part");
	seconds = interval->month * (int64) MONTH_SECONDS + interval->day * (int64) SECS_PER_DAY + interval->time / USECS_PER_SEC;
	if (seconds < 1 || seconds > INT64CONST(100) * 366 * SECS_PER_DAY)
		shape_error(text, "is not an interval from 1 second to 100 years");
	spec->length = seconds * USECS_PER_SEC + interval->time % USECS_PER_SEC;
}

/* Reads five or six fields. */
static void
read_fields(CronSpec *spec, const char *text, bool seconds)
{
	CronParser	parser = {.text = text, .at = text, .spec = spec};
	bool		restricted[CRON_FIELDS];

	for (parser.field = seconds ? CRON_SECOND : CRON_MINUTE; parser.field < CRON_FIELDS; parser.field++)
		restricted[parser.field] = read_field(&parser);
	if (!seconds)
		spec->set[CRON_SECOND] = 1;
	spec->either = restricted[CRON_DAY] && restricted[CRON_WEEKDAY];
}

CronSpec *
cron_parse(const char *text)
{
	CronSpec   *spec = palloc0(sizeof(CronSpec));
	bool		letters;
	int			words;

	if (strlen(text) > MAX_TEXT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the schedule is too long"),
				 errhint("A schedule has at most %d bytes.", MAX_TEXT)));
	text = trim(text);
	if (text[0] == '@' && is_letter(text[1]))
		text = expand_macro(text);
	words = count_words(text, &letters);
	if (letters)
	{
		read_interval(spec, text);
		return spec;
	}
	if (words != 5 && words != 6)
		shape_error(text, psprintf("has %d field%s", words, words == 1 ? "" : "s"));
	read_fields(spec, text, words == 6);
	if (!cron_has_day(spec))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schedule \"%s\" never comes", text),
				 errdetail("None of its months has such a day."),
				 errhint("The last day of every month is L as the day of month.")));
	return spec;
}

pg_tz *
cron_zone(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", name),
				 errhint("The view pg_timezone_names has the names.")));
	return zone;
}
