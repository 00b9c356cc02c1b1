/*
 * cron.c: when schedules come next, found without going through the time between.
 *
 * Times are seconds since 1970: an instant is a pg_time_t, and a wall time, what the zone's clock shows at that instant, is
 * the instant plus the zone's offset. Days are counted from 1970 too.
 */
#include "postgres.h"

#include "common/int.h"
#include "fmgr.h"
#include "funcapi.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "cron.h"

#define YEARS_AHEAD		400			/* dates and days of week repeat after that */
#define SECONDS_AHEAD	(INT64CONST(146097) * SECS_PER_DAY)
#define MAX_YEAR		300000		/* more than timestamps have */
#define MAX_SHIFT		(15 * SECS_PER_DAY) /* more than any two offsets of a zone differ, POSIX ones (167 hours) too */
#define PG_EPOCH		((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)
#define NEVER			PG_INT64_MAX

/* A time within which the zone's offset stays the same. */
typedef struct Stretch
{
	int			offset;			/* seconds east of Greenwich */
	pg_time_t	end;			/* first instant of the next; NEVER: it does not end */
} Stretch;

PG_FUNCTION_INFO_V1(connkit_next_times);

static int64
floor_div(int64 dividend, int64 divisor)
{
	return dividend / divisor - (dividend % divisor < 0 ? 1 : 0);
}

/*
 * Wall times that match
 */

/* The least member of the set that is not less than from; -1 where there is none. */
static int
next_bit(uint64 set, int from)
{
	set >>= from;
	return set ? from + pg_rightmost_one_pos64(set) : -1;
}

/* The first time of day from that one on, in seconds; -1 where there is none. */
static int
next_time(const CronSpec *spec, int from)
{
	int			from_hour = from / SECS_PER_HOUR,
				from_minute = from / SECS_PER_MINUTE % MINS_PER_HOUR,
				second = next_bit(spec->set[CRON_SECOND], from % SECS_PER_MINUTE),
				minute = next_bit(spec->set[CRON_MINUTE], from_minute + (second < 0)),
				hour = next_bit(spec->set[CRON_HOUR], from_hour + (minute < 0));

	if (hour < 0)
		return -1;
	if (hour != from_hour)
		minute = next_bit(spec->set[CRON_MINUTE], 0);
	if (hour != from_hour || minute != from_minute)
		second = next_bit(spec->set[CRON_SECOND], 0);
	return hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second;
}

/* The weekday (Monday to Friday) nearest to a day of a month of that many days. */
static int
nearest_weekday(int day, int weekday, int days)
{
	if (weekday == 6)
		return day > 1 ? day - 1 : day + 2;
	if (weekday == 0)
		return day < days ? day + 1 : day - 2;
	return day;
}

/* The days of the month that match: bit n is the day n. */
static uint32
month_days(const CronSpec *spec, int year, int month)
{
	int			days = day_tab[isleap(year)][month - 1];
	int			weekday = j2day(date2j(year, month, 1));
	uint32		by_month = (uint32) spec->set[CRON_DAY],
				by_week = 0;

	for (int day = 1; day <= days; day++, weekday = (weekday + 1) % 7)
	{
		uint8		weekdays = spec->set[CRON_WEEKDAY] | spec->nth[(day - 1) / 7];

		if (day + 7 > days)
			weekdays |= spec->last;
		if (weekdays & 1 << weekday)
			by_week |= 1u << day;
		if (spec->from_end & 1u << (days - day))
			by_month |= 1u << day;
		if (spec->nearest & (1u << day | (day == days)))
			by_month |= 1u << nearest_weekday(day, weekday, days);
	}
	return (spec->either ? by_month | by_week : by_month & by_week) & ((UINT64CONST(2) << days) - 1);
}

/* The first day that matches, from that one on; NEVER where there is none. */
static int64
next_day(const CronSpec *spec, int64 day)
{
	int			year,
				month,
				from;

	j2date(day + UNIX_EPOCH_JDATE, &year, &month, &from);
	for (int months = 0; months <= YEARS_AHEAD * MONTHS_PER_YEAR; months++)
	{
		int			found = -1;

		if (spec->set[CRON_MONTH] & UINT64CONST(1) << month)
			found = next_bit(month_days(spec, year, month), from);
		if (found >= 0)
			return date2j(year, month, found) - UNIX_EPOCH_JDATE;
		from = 1;
		if (++month > MONTHS_PER_YEAR)
		{
			month = 1;
			year++;
		}
	}
	return NEVER;
}

bool
cron_has_day(const CronSpec *spec)
{
	return next_day(spec, 0) != NEVER;
}

/* The first wall time that matches, from that one on; NEVER where there is none. */
static int64
next_wall(const CronSpec *spec, int64 wall)
{
	int64		day = floor_div(wall, SECS_PER_DAY);
	int			time = next_time(spec, wall - day * SECS_PER_DAY);
	int64		found = next_day(spec, time < 0 ? day + 1 : day);

	if (found == NEVER)
		return NEVER;
	if (found != day)
		time = next_time(spec, 0);
	return found * SECS_PER_DAY + time;
}

/*
 * Instants
 */

static Stretch
stretch_at(pg_tz *zone, pg_time_t instant)
{
	long int	before = 0,
				after;
	int			isdst;
	pg_time_t	boundary;
	Stretch		stretch = {.end = NEVER};

	if (pg_next_dst_boundary(&instant, &before, &isdst, &boundary, &after, &isdst, zone) == 1)
		stretch.end = boundary;
	stretch.offset = (int) before;
	return stretch;
}

/* The latest wall time that the zone's clock has shown up to that instant. */
static int64
wall_reached(pg_tz *zone, pg_time_t instant)
{
	int64		latest = PG_INT64_MIN;
	Stretch		stretch;

	for (pg_time_t from = instant - MAX_SHIFT;; from = stretch.end)
	{
		stretch = stretch_at(zone, from);
		latest = Max(latest, Min(instant, stretch.end - 1) + stretch.offset);
		if (stretch.end > instant)
			return latest;
	}
}

/* The first instant at which the zone's clock shows that wall time, or a later one. */
static pg_time_t
instant_reaching(pg_tz *zone, int64 wall)
{
	Stretch		stretch;

	for (pg_time_t from = wall - MAX_SHIFT;; from = stretch.end)
	{
		pg_time_t	instant;

		stretch = stretch_at(zone, from);
		instant = Max(from, wall - stretch.offset);
		if (instant < stretch.end)
			return instant;
	}
}

/* The first instant, from that one on, at which the clock shows a wall time that matches; NEVER where there is none. */
static pg_time_t
instant_showing(const CronSpec *spec, pg_tz *zone, pg_time_t instant)
{
	pg_time_t	limit = instant + SECONDS_AHEAD;
	int64		from = NEVER,
				wall = PG_INT64_MIN;

	while (instant < limit)
	{
		Stretch		stretch = stretch_at(zone, instant);
		int64		shown = instant + stretch.offset;

		/* nothing matches between from and wall */
		if (shown < from || shown > wall)
		{
			from = shown;
			wall = next_wall(spec, shown);
		}
		if (wall == NEVER)
			break;
		if (wall - stretch.offset < stretch.end)
			return wall - stretch.offset;
		instant = stretch.end;
	}
	return NEVER;
}

static pg_time_t
instant_of(TimestampTz timestamp)
{
	return floor_div(timestamp, USECS_PER_SEC) + PG_EPOCH;
}

static TimestampTz
timestamp_of(pg_time_t instant)
{
	if (instant >= END_TIMESTAMP / USECS_PER_SEC + PG_EPOCH)
		return DT_NOEND;
	if (instant < MIN_TIMESTAMP / USECS_PER_SEC + PG_EPOCH)
		return DT_NOBEGIN;
	return (instant - PG_EPOCH) * USECS_PER_SEC;
}

/* The anchor plus so many times the interval; an infinity beyond the range of timestamps. */
static TimestampTz
interval_at(const Interval *interval, TimestampTz anchor, int64 times, pg_tz *zone)
{
	TimestampTz result = anchor;
	int64		elapsed;

	if (interval->month != 0 || interval->day != 0)
	{
		pg_time_t	instant = instant_of(anchor);
		int64		wall = instant + stretch_at(zone, instant).offset,
					day = floor_div(wall, SECS_PER_DAY),
					months;
		int			year,
					month,
					mday;

		j2date(day + UNIX_EPOCH_JDATE, &year, &month, &mday);
		months = (int64) year * MONTHS_PER_YEAR + month - 1 + times * interval->month;
		if (months > MAX_YEAR * MONTHS_PER_YEAR || months < -MAX_YEAR * MONTHS_PER_YEAR)
			return times > 0 ? DT_NOEND : DT_NOBEGIN;
		year = floor_div(months, MONTHS_PER_YEAR);
		month = months - (int64) year * MONTHS_PER_YEAR + 1;
		mday = Min(mday, day_tab[isleap(year)][month - 1]);
		wall += (date2j(year, month, mday) - UNIX_EPOCH_JDATE + times * interval->day - day) * SECS_PER_DAY;
		result = timestamp_of(instant_reaching(zone, wall));
		if (TIMESTAMP_NOT_FINITE(result))
			return result;
		result += anchor - timestamp_of(instant);
	}
	if (pg_mul_s64_overflow(times, interval->time, &elapsed) || pg_add_s64_overflow(result, elapsed, &result) ||
		!IS_VALID_TIMESTAMP(result))
		return times > 0 ? DT_NOEND : DT_NOBEGIN;
	return result;
}

/* The first of the instants of an interval after that one. */
static TimestampTz
next_of_interval(const CronSpec *spec, TimestampTz after, pg_tz *zone, TimestampTz anchor)
{
	const Interval *interval = &spec->interval;
	int64		distance,
				times;

	if (TIMESTAMP_NOT_FINITE(anchor) || pg_sub_s64_overflow(after, anchor, &distance))
		return DT_NOEND;
	times = floor_div(distance, spec->length);
	while (interval_at(interval, anchor, times, zone) > after)
		times--;
	while (interval_at(interval, anchor, times, zone) <= after)
		times++;
	return interval_at(interval, anchor, times, zone);
}

TimestampTz
cron_next(const CronSpec *spec, TimestampTz after, pg_tz *zone, TimestampTz anchor)
{
	const uint64 every_hour = (UINT64CONST(1) << HOURS_PER_DAY) - 1;
	pg_time_t	instant = instant_of(after),
				next;

	if (TIMESTAMP_NOT_FINITE(after))
		return DT_NOEND;
	if (spec->length > 0)
		return next_of_interval(spec, after, zone, anchor);
	if (spec->set[CRON_HOUR] == every_hour)
		next = instant_showing(spec, zone, instant + 1);
	else
	{
		next = next_wall(spec, wall_reached(zone, instant) + 1);
		if (next != NEVER)
			next = instant_reaching(zone, next);
	}
	return timestamp_of(next);
}

/* What connkit_next_times() knows from call to call. */
typedef struct NextTimes
{
	CronSpec   *spec;
	pg_tz	   *zone;
	TimestampTz anchor;
	TimestampTz last;
} NextTimes;

/* connkit_next_times(schedule text, timezone text, after timestamptz, count integer) RETURNS SETOF timestamptz */
Datum
connkit_next_times(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	NextTimes  *state;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext caller;

		context = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		state = palloc(sizeof(NextTimes));
		state->spec = cron_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)));
		state->zone = cron_zone(text_to_cstring(PG_GETARG_TEXT_PP(1)));
		state->anchor = state->last = PG_GETARG_TIMESTAMPTZ(2);
		context->max_calls = Max(PG_GETARG_INT32(3), 0);
		context->user_fctx = state;
		MemoryContextSwitchTo(caller);
		if (TIMESTAMP_NOT_FINITE(state->last))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the time after which a schedule comes must be finite")));
	}
	context = SRF_PERCALL_SETUP();
	state = context->user_fctx;
	if (context->call_cntr < context->max_calls)
		state->last = cron_next(state->spec, state->last, state->zone, state->anchor);
	if (context->call_cntr >= context->max_calls || TIMESTAMP_NOT_FINITE(state->last))
		SRF_RETURN_DONE(context);
	SRF_RETURN_NEXT(context, TimestampTzGetDatum(state->last));
}
