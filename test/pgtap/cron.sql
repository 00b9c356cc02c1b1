-- cron.sql: schedules as people write them; test/cron has the property test.
\set ECHO none
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset pager off

SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT * FROM no_plan();

-- Local times of the next runs, as "MM-DD HH:MI:SS".
CREATE FUNCTION pg_temp.runs(schedule text, zone text, after text, count int DEFAULT 3) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(to_char(t AT TIME ZONE zone, 'MM-DD HH24:MI:SS'), ', ' ORDER BY t)
	FROM connkit_next_times(schedule, zone, after::timestamp AT TIME ZONE zone, count) AS t
$$;

-- What a schedule is refused with: SQLSTATE, message, detail, hint.
CREATE FUNCTION pg_temp.refusal(schedule text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	PERFORM connkit_next_times(schedule);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || concat_ws(' | ', message, nullif(detail, ''), nullif(hint, ''));
END$$;

-- the function
SELECT volatility_is('connkit_next_times', ARRAY['text', 'text', 'timestamp with time zone', 'integer'], 'stable');
SELECT is((SELECT count(*) FROM connkit_next_times('0 2 * * *')), 5::bigint, 'five, when nothing else is said');
SELECT is((SELECT min(t) FROM connkit_next_times('* * * * *') AS t), date_trunc('minute', now()) + '1 minute', 'after now');
SET timezone = 'Asia/Tokyo';
SELECT is((SELECT min(t) FROM connkit_next_times('0 2 * * *', after => '2025-01-01 00:00+00') AS t), '2025-01-01 17:00+00',
	'in the time zone of the session');
SET timezone = 'UTC';
SELECT is_empty($$SELECT connkit_next_times('* * * * *', count => 0)$$, 'none, when none are asked for');
SELECT is_empty($$SELECT connkit_next_times('* * * * *', count => -1)$$, 'nor when less are');
SELECT is_empty($$SELECT connkit_next_times(NULL)$$, 'nothing for NULL');
SELECT is((SELECT count(*) FROM connkit_next_times('0 0 1 1 *', 'UTC', '294270-01-01', 100)), 6::bigint, 'to the end of time');
SELECT is((SELECT count(*) FROM connkit_next_times('0 * * * *', 'UTC', '294276-12-31 20:00', 100)), 3::bigint, 'hourly');
SELECT is((SELECT count(*) FROM connkit_next_times('1 year', 'UTC', '294270-02-01', 100)), 6::bigint, 'by years');
SELECT is((SELECT count(*) FROM connkit_next_times('8 hours', 'UTC', '294276-12-31 01:00', 100)), 2::bigint, 'by hours');
SELECT is((SELECT min(t) FROM connkit_next_times('0 0 * * *', 'Asia/Manila', '4714-11-24 00:00+00 BC', 1) AS t) <
	'4714-11-26 00:00+00 BC', true, 'from its beginning on');
SELECT throws_ok($$SELECT connkit_next_times('* * * * *', 'UTC', 'infinity')$$, '22023', NULL, 'not after infinity');
SELECT throws_ok($$SELECT connkit_next_times('* * * * *', 'Mars/Olympus')$$, '22023',
	'time zone "Mars/Olympus" is not known', 'a zone that is none');
SELECT throws_ok($$SELECT connkit_next_times('* * * * *', repeat('x', 500))$$, '22023', NULL, 'a zone that is too long');

-- cron text
SELECT is(pg_temp.runs(schedule, 'UTC', '2025-01-31 22:30', 4), expected, schedule) FROM (VALUES
	('* * * * *', '01-31 22:31:00, 01-31 22:32:00, 01-31 22:33:00, 01-31 22:34:00'),
	('*/20 * * * * *', '01-31 22:30:20, 01-31 22:30:40, 01-31 22:31:00, 01-31 22:31:20'),
	('15 2,14 * * *', '02-01 02:15:00, 02-01 14:15:00, 02-02 02:15:00, 02-02 14:15:00'),
	('5/25 22-1 * * *', '01-31 22:55:00, 01-31 23:05:00, 01-31 23:30:00, 01-31 23:55:00'),
	('1-30/7 23 * * ?', '01-31 23:01:00, 01-31 23:08:00, 01-31 23:15:00, 01-31 23:22:00'),
	('0 0 * * FRI-Mon', '02-01 00:00:00, 02-02 00:00:00, 02-03 00:00:00, 02-07 00:00:00'),
	('0 0 * * 7', '02-02 00:00:00, 02-09 00:00:00, 02-16 00:00:00, 02-23 00:00:00'),
	('0 0 * * 5-7', '02-01 00:00:00, 02-02 00:00:00, 02-07 00:00:00, 02-08 00:00:00'),
	('0 0 1 nov-FEB *', '02-01 00:00:00, 11-01 00:00:00, 12-01 00:00:00, 01-01 00:00:00'),
	('0 0 L * *', '02-28 00:00:00, 03-31 00:00:00, 04-30 00:00:00, 05-31 00:00:00'),
	('0 0 $ * *', '02-28 00:00:00, 03-31 00:00:00, 04-30 00:00:00, 05-31 00:00:00'),
	('0 0 L-3 * *', '02-25 00:00:00, 03-28 00:00:00, 04-27 00:00:00, 05-28 00:00:00'),
	('0 0 LW * *', '02-28 00:00:00, 03-31 00:00:00, 04-30 00:00:00, 05-30 00:00:00'),
	('0 0 15W * *', '02-14 00:00:00, 03-14 00:00:00, 04-15 00:00:00, 05-15 00:00:00'),
	('0 0 1W * *', '02-03 00:00:00, 03-03 00:00:00, 04-01 00:00:00, 05-01 00:00:00'),
	('0 0 31W * *', '03-31 00:00:00, 05-30 00:00:00, 07-31 00:00:00, 08-29 00:00:00'),
	('0 0 * * friL', '02-28 00:00:00, 03-28 00:00:00, 04-25 00:00:00, 05-30 00:00:00'),
	('0 0 * * 5L', '02-28 00:00:00, 03-28 00:00:00, 04-25 00:00:00, 05-30 00:00:00'),
	('0 0 * * FRI#2', '02-14 00:00:00, 03-14 00:00:00, 04-11 00:00:00, 05-09 00:00:00'),
	('0 0 13 * FRI', '02-07 00:00:00, 02-13 00:00:00, 02-14 00:00:00, 02-21 00:00:00'),
	('0 0 */13 * FRI', '02-14 00:00:00, 03-14 00:00:00, 06-27 00:00:00, 08-01 00:00:00'),
	('0 0 29 2 *', '02-29 00:00:00, 02-29 00:00:00, 02-29 00:00:00, 02-29 00:00:00'),
	(E' 0\t0  1 1 * ', '01-01 00:00:00, 01-01 00:00:00, 01-01 00:00:00, 01-01 00:00:00'),
	('@hourly', '01-31 23:00:00, 02-01 00:00:00, 02-01 01:00:00, 02-01 02:00:00'),
	('@daily', '02-01 00:00:00, 02-02 00:00:00, 02-03 00:00:00, 02-04 00:00:00'),
	('@Midnight', '02-01 00:00:00, 02-02 00:00:00, 02-03 00:00:00, 02-04 00:00:00'),
	('@weekly', '02-02 00:00:00, 02-09 00:00:00, 02-16 00:00:00, 02-23 00:00:00'),
	('@monthly', '02-01 00:00:00, 03-01 00:00:00, 04-01 00:00:00, 05-01 00:00:00'),
	('@yearly', '01-01 00:00:00, 01-01 00:00:00, 01-01 00:00:00, 01-01 00:00:00'),
	('@annually ', '01-01 00:00:00, 01-01 00:00:00, 01-01 00:00:00, 01-01 00:00:00'),
	('15 minutes', '01-31 22:45:00, 01-31 23:00:00, 01-31 23:15:00, 01-31 23:30:00'),
	('30 seconds', '01-31 22:30:30, 01-31 22:31:00, 01-31 22:31:30, 01-31 22:32:00'),
	('@ 90 sec', '01-31 22:31:30, 01-31 22:33:00, 01-31 22:34:30, 01-31 22:36:00'),
	('01:30', '02-01 00:00:00, 02-01 01:30:00, 02-01 03:00:00, 02-01 04:30:00'),
	('1 day', '02-01 22:30:00, 02-02 22:30:00, 02-03 22:30:00, 02-04 22:30:00'),
	('1 month', '02-28 22:30:00, 03-31 22:30:00, 04-30 22:30:00, 05-31 22:30:00')) AS given (schedule, expected);

-- where the clock is put forward or back
SELECT is(pg_temp.runs(schedule, zone, after, 4), expected, schedule || ' in ' || zone) FROM (VALUES
	('30 2 * * *', 'Europe/Berlin', '2025-03-29 00:00', '03-29 02:30:00, 03-30 03:00:00, 03-31 02:30:00, 04-01 02:30:00'),
	('*/20 2 * * *', 'Europe/Berlin', '2025-03-30 00:00', '03-30 03:00:00, 03-31 02:00:00, 03-31 02:20:00, 03-31 02:40:00'),
	('0 2,3 * * *', 'Europe/Berlin', '2025-03-30 00:00', '03-30 03:00:00, 03-31 02:00:00, 03-31 03:00:00, 04-01 02:00:00'),
	('0 * * * *', 'Europe/Berlin', '2025-03-30 00:00', '03-30 01:00:00, 03-30 03:00:00, 03-30 04:00:00, 03-30 05:00:00'),
	('30 2 * * *', 'Europe/Berlin', '2025-10-25 00:00', '10-25 02:30:00, 10-26 02:30:00, 10-27 02:30:00, 10-28 02:30:00'),
	('30 * * * *', 'Europe/Berlin', '2025-10-26 01:00', '10-26 01:30:00, 10-26 02:30:00, 10-26 02:30:00, 10-26 03:30:00'),
	('0 0 * * *', 'America/Sao_Paulo', '2018-11-02 12:00', '11-03 00:00:00, 11-04 01:00:00, 11-05 00:00:00, 11-06 00:00:00'),
	('0 0 * * *', 'Asia/Beirut', '2024-03-29 12:00', '03-30 00:00:00, 03-31 01:00:00, 04-01 00:00:00, 04-02 00:00:00'),
	('15 2 * * *', 'Australia/Lord_Howe', '2025-10-04 00:00', '10-04 02:15:00, 10-05 02:30:00, 10-06 02:15:00, 10-07 02:15:00'),
	('0 9 * * *', 'Pacific/Apia', '2011-12-28 12:00', '12-29 09:00:00, 12-31 00:00:00, 12-31 09:00:00, 01-01 09:00:00'),
	('0 * 30 12 *', 'Pacific/Apia', '2011-12-28 12:00', '12-30 00:00:00, 12-30 01:00:00, 12-30 02:00:00, 12-30 03:00:00'),
	('1 day', 'Europe/Berlin', '2025-03-29 02:30', '03-30 03:00:00, 03-31 02:30:00, 04-01 02:30:00, 04-02 02:30:00'),
	('24 hours', 'Europe/Berlin', '2025-03-29 02:30', '03-30 03:30:00, 03-31 03:30:00, 04-01 03:30:00, 04-02 03:30:00'))
	AS given (schedule, zone, after, expected);
SELECT is((SELECT min(t) FROM connkit_next_times('30 2 * * *', 'Europe/Berlin', '2025-10-26 01:00+00') AS t),
	'2025-10-27 01:30+00', 'what has come in the first of two equal hours does not come in the second');
SELECT is((SELECT min(t) FROM connkit_next_times('0 12 * * *', 'A167B-167,M3.2.0,M11.1.0', '2025-03-01', 1) AS t) > '2025-03-01',
	true, 'a zone whose clock jumps by two weeks');
SELECT is((SELECT count(DISTINCT (t AT TIME ZONE 'A167B-167,M3.2.0,M11.1.0')::date) || ' in ' ||
		max(t AT TIME ZONE 'A167B-167,M3.2.0,M11.1.0')::date - min(t AT TIME ZONE 'A167B-167,M3.2.0,M11.1.0')::date
	FROM connkit_next_times('1 day', 'A167B-167,M3.2.0,M11.1.0', '2025-10-20', 40) AS t), '40 in 39',
	'an interval of a day leaves none out there');

-- what is refused
SELECT matches(pg_temp.refusal(schedule), '^22023 .*' || expected, 'refused: ' || schedule) FROM (VALUES
	('', '"" has 0 fields \| Write five'),
	('15', '"15" has 1 field \|'),
	('* * * *', 'has 4 fields'),
	('* * * * * * *', 'has 7 fields'),
	('60 * * * *', 'invalid minute .*At character 1: the value must be from 0 to 59\. .*from 0 to 59'),
	('* 24 * * *', 'invalid hour .*At character 3: '),
	('* * 0 * *', 'invalid day of month .*At character 5: '),
	('* * 32 * *', 'from 1 to 31'),
	('* * * 13 *', 'invalid month .*JAN to DEC'),
	('* * * * 8', 'invalid day of week .*from 0 to 7.*FRI#2'),
	('* * * * FOO', 'At character 9: the value is missing'),
	('* * * MON *', 'invalid month'),
	('* * * * MONDAY', 'At character 12: this does not belong here'),
	('* * * * L', 'invalid day of week'),
	('99 * * * * *', 'invalid second'),
	('*/0 * * * *', 'At character 3: the step must be from 1 to 60'),
	('*/90 * * * *', 'the step must be'),
	('1,,2 * * * *', 'At character 3: the value is missing'),
	('1, * * * *', 'the value is missing'),
	('1-2-3 * * * *', 'At character 4: this does not'),
	('1/2/3 * * * *', 'this does not'),
	('*5 * * * *', 'this does not'),
	('99999999999999999999 * * * *', 'the value must be'),
	('* * L-31 * *', 'the number of days must be from 0 to 30'),
	('* * W * *', 'the value is missing'),
	('* * * * 1#6', 'the week must be from 1 to 5'),
	('* * * * ☃', 'At character 9: '),
	('0 0 30 2 *', 'never comes'),
	('0 0 31 4,6,9,11 *', 'never comes'),
	('@reboot', '"@reboot" is not supported'),
	('@fortnightly', 'is not a macro'),
	('15 minuten', 'neither cron text nor an interval'),
	('MON * * * *', 'neither cron text nor an interval'),
	('0 seconds', 'is not an interval from 1 second'),
	('0.9 seconds', 'is not an interval from 1 second'),
	('101 years', 'is not an interval from 1 second'),
	('1 day -1 hour', 'negative'),
	('999999999999 days', 'neither'),
	(repeat('1', 256), 'too long')) AS given (schedule, expected);

SELECT * FROM finish();
