/*
 * cron.h: schedules: cron text and intervals, and when they come next.
 *
 * Cron text has five fields, minute, hour, day of month, month, day of week, or six with seconds in front. A field is a list,
 * by commas, of * (or ?), a value, a range, which may wrap around (FRI-MON, 22-2), each with a step (5/15, 1-30/7);
 * 5/15 goes on to the field's end. Months and days of week have names of three letters; 0 and 7 are Sunday. Day of month
 * also takes L (last day; $ is the same), L-3 (three days before it), 15W (the weekday nearest to the 15th within the month)
 * and LW; day of week takes FRIL (last Friday) and FRI#2 (second). Where both day fields are restricted, either may match;
 * a field that begins with * or ? is not restricted. @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually
 * stand for what cron means by them.
 *
 * An interval is an interval of PostgreSQL, of at least a second: '15 minutes', '90 seconds', '1 day'. It counts from an
 * anchor, so that it does not drift. Months and days go by the calendar of the zone, hours and less by elapsed time.
 *
 * When the zone's clock is put forward or back:
 * - Where the hour field names some hours only, a run is at the first instant at which the clock shows the time that the
 *   schedule matches, or a later one. A time that is passed over is made up for at the first instant after the gap, all such
 *   times by one run; of a time that comes twice, the first counts. So a daily run is neither skipped nor doubled.
 * - Where the hour field takes all 24 hours, a run is at every instant at which the clock shows a time that matches: in both
 *   of the repeated hours, and none for times that are passed over.
 */
#ifndef CONNKIT_CRON_H
#define CONNKIT_CRON_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "pgtime.h"

/* The fields, in their order */
typedef enum CronField
{
	CRON_SECOND,
	CRON_MINUTE,
	CRON_HOUR,
	CRON_DAY,
	CRON_MONTH,
	CRON_WEEKDAY,
	CRON_FIELDS
} CronField;

/* A schedule that was read */
typedef struct CronSpec
{
	Interval	interval;
	int64		length;			/* of the interval in microseconds, a month being an average one; 0: it is cron text */

	/* cron text */
	uint64		set[CRON_FIELDS];	/* bit n: the value n */
	uint32		from_end;		/* bit n: the day n days before the month's last */
	uint32		nearest;		/* bit n: the weekday nearest to the day n; bit 0: to the last day */
	uint8		nth[5];			/* days of week that count in the first, second, … seven days of a month */
	uint8		last;			/* days of week that count in its last seven days */
	bool		either;			/* both day fields are restricted */
} CronSpec;

/*
 * cron_text.c
 */

/* Reads a schedule, into one allocation of the current memory context. ERROR 22023 that tells what is wrong and where; also
 * where no date ever matches (30 February) and for @reboot. */
extern CronSpec *cron_parse(const char *text);

/* The time zone of that name; ERROR 22023 where there is none. */
extern pg_tz *cron_zone(const char *name);

/*
 * cron.c
 */

/* Whether there is any day that matches. */
extern bool cron_has_day(const CronSpec *spec);

/*
 * The first instant after "after" at which the schedule comes. An interval comes at anchor + k times itself, k being any
 * integer; cron text does not look at the anchor. DT_NOEND beyond the range of timestamps, where there is none within 400
 * years, after which the calendar repeats, and where after or the anchor is infinite.
 */
extern TimestampTz cron_next(const CronSpec *spec, TimestampTz after, pg_tz *zone, TimestampTz anchor);

#endif							/* CONNKIT_CRON_H */
