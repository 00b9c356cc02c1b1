-- cron.sql: when schedules come

CREATE FUNCTION connkit_next_times(schedule text, timezone text DEFAULT current_setting('TimeZone'),
		after timestamptz DEFAULT now(), count integer DEFAULT 5)
	RETURNS SETOF timestamptz
	AS 'MODULE_PATHNAME', 'connkit_next_times' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 5;
COMMENT ON FUNCTION connkit_next_times(text, text, timestamptz, integer) IS
	'the next times at which a schedule comes: cron text, a macro such as @daily, or an interval, which counts from after';
