-- schedule.sql: when syncs run by themselves, and what is under way

CREATE TABLE connkit.schedule (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	sync bigint NOT NULL UNIQUE REFERENCES connkit.sync ON DELETE CASCADE,
	schedule text,
	after_sync bigint REFERENCES connkit.sync ON DELETE CASCADE,
	timezone text NOT NULL,
	timeout interval,
	retries integer NOT NULL,
	overlap text NOT NULL CHECK (overlap IN ('skip', 'queue')),
	missed text NOT NULL CHECK (missed IN ('run_once', 'skip')),
	jitter interval NOT NULL,
	anchor timestamptz NOT NULL,
	next_at timestamptz,
	last_at timestamptz,
	enabled boolean NOT NULL DEFAULT true,
	error text,
	CHECK ((schedule IS NULL) <> (after_sync IS NULL))
) WITH (fillfactor = 50);
COMMENT ON TABLE connkit.schedule IS 'when syncs run; by connkit_schedule()';
COMMENT ON COLUMN connkit.schedule.schedule IS 'cron text or an interval';
COMMENT ON COLUMN connkit.schedule.after_sync IS 'it runs when that sync has succeeded';
COMMENT ON COLUMN connkit.schedule.timeout IS 'longest time of an attempt';
COMMENT ON COLUMN connkit.schedule.retries IS 'attempts that may follow one that failed for a transient reason';
COMMENT ON COLUMN connkit.schedule.overlap IS 'a run that comes while another is under way: skip it, or queue one';
COMMENT ON COLUMN connkit.schedule.missed IS 'when it could not run in time: run_once as soon as it can, or skip it';
COMMENT ON COLUMN connkit.schedule.jitter IS 'runs begin up to so much later, at random';
COMMENT ON COLUMN connkit.schedule.anchor IS 'what an interval is counted from';
COMMENT ON COLUMN connkit.schedule.last_at IS 'when it came last';
COMMENT ON COLUMN connkit.schedule.error IS 'why it does not come again: its time zone is gone';
CREATE INDEX ON connkit.schedule (after_sync);

SELECT pg_extension_config_dump('connkit.schedule', '');
SELECT pg_extension_config_dump('connkit.schedule_id_seq', '');

ALTER TABLE connkit.schedule ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON connkit.schedule FOR SELECT USING (sync IN (SELECT s.id FROM connkit.sync AS s));
GRANT SELECT ON connkit.schedule TO PUBLIC;

-- A dump has not this table.
CREATE TABLE connkit.home (
	database oid PRIMARY KEY
);
ALTER TABLE connkit.home ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE connkit.home IS 'the database that schedules and queued runs were made for; in another one they are held';

CREATE FUNCTION connkit_resume_schedules() RETURNS integer
	AS 'MODULE_PATHNAME', 'connkit_resume_schedules' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_resume_schedules() IS
	'lets schedules and queued runs that came with a dump, or with CREATE DATABASE TEMPLATE, run in this database; returns how '
	'many schedules were held';
REVOKE EXECUTE ON FUNCTION connkit_resume_schedules() FROM PUBLIC;

CREATE FUNCTION connkit_schedule(sync text, schedule text DEFAULT NULL, after text DEFAULT NULL,
		timezone text DEFAULT current_setting('TimeZone'), timeout interval DEFAULT NULL, retries integer DEFAULT 3,
		overlap text DEFAULT 'skip', missed text DEFAULT 'run_once', jitter interval DEFAULT '0')
	RETURNS TABLE (sync_name text, next_at timestamptz)
	AS 'MODULE_PATHNAME', 'connkit_schedule' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_schedule(text, text, text, text, interval, integer, text, text, interval) IS
	'has a sync, or all syncs of a source, run by cron text or an interval, or after another sync has succeeded; in the '
	'place of the schedule that it had';

CREATE FUNCTION connkit_unschedule(sync text) RETURNS integer
	AS 'MODULE_PATHNAME', 'connkit_unschedule' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_unschedule(text) IS
	'drops the schedule of a sync, or of all syncs of a source, and returns how many there were; what is queued runs';

CREATE FUNCTION connkit_cancel_run(run bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'connkit_cancel_run' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_cancel_run(bigint) IS
	'cancels a run that waits, or interrupts one that is under way, also in a session; false where it has ended, also in a '
	'session whose transaction has not';

CREATE FUNCTION connkit.running_syncs(OUT run bigint, OUT sync bigint, OUT sync_name text, OUT source text, OUT pid integer,
		OUT background boolean, OUT phase text, OUT started_at timestamptz, OUT rows_read bigint, OUT inserted bigint,
		OUT updated bigint, OUT deleted bigint, OUT rejected bigint, OUT bytes bigint, OUT chunks bigint)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'connkit_running_syncs' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit.running_syncs() IS 'runs under way of syncs that the current role may see';
CREATE VIEW connkit.sync_progress WITH (security_barrier) AS SELECT * FROM connkit.running_syncs();
COMMENT ON VIEW connkit.sync_progress IS 'runs under way, in the background and in sessions, with their figures so far';
COMMENT ON COLUMN connkit.sync_progress.background IS 'by the scheduler; else in the session of that pid';
COMMENT ON COLUMN connkit.sync_progress.phase IS 'initializing, reading rows (and writing them), finding deleted rows, '
	'applying rows (that were read, to the target), building indexes, swapping relation files (a target that is replaced gets '
	'its new storage, when its readers let it), committing; in a session after the run''s end: waiting for commit';
COMMENT ON COLUMN connkit.sync_progress.bytes IS 'received from the source';
COMMENT ON COLUMN connkit.sync_progress.chunks IS 'transactions in which it has stored rows';

-- The view reads the tables as its owner; what it shows is bounded by the role that asks.
CREATE VIEW connkit.next_runs WITH (security_barrier) AS
	SELECT y.name AS sync_name, y.source, y.owner, t.run, t.at, t.why, y.paused,
		NOT EXISTS (SELECT FROM connkit.home AS h JOIN pg_database AS d ON d.oid = h.database
			WHERE d.datname = current_database()) AS held
	FROM connkit.sync AS y CROSS JOIN LATERAL (
		SELECT r.id AS run, coalesce(r.not_before, r.queued_at) AS at,
			CASE WHEN r.attempt > 1 THEN format('attempt %s of %s', r.attempt, greatest(r.retries + 1, r.attempt))
				ELSE 'queued by ' || r.trigger END AS why
		FROM connkit.sync_run AS r WHERE r.sync = y.id AND r.state = 'queued'
		UNION ALL
		SELECT NULL, n.at, 'schedule ' || s.schedule
		FROM connkit.schedule AS s CROSS JOIN LATERAL (
			SELECT s.next_at UNION ALL
			SELECT @extschema@.connkit_next_times(s.schedule, s.timezone, s.next_at, 2) WHERE isfinite(s.next_at)) AS n(at)
		WHERE s.sync = y.id AND s.schedule IS NOT NULL AND s.enabled
		UNION ALL
		SELECT NULL, NULL, 'after ' || b.name
		FROM connkit.schedule AS s JOIN connkit.sync AS b ON b.id = s.after_sync
		WHERE s.sync = y.id AND s.enabled AND connkit.role_is_mine(b.owner, b.owner_mark)) AS t
	WHERE connkit.role_is_mine(y.owner, y.owner_mark);
COMMENT ON VIEW connkit.next_runs IS 'what comes: runs that wait for their turn, and the next three times of schedules';
COMMENT ON COLUMN connkit.next_runs.run IS 'of connkit.sync_run, where it waits already';
COMMENT ON COLUMN connkit.next_runs.held IS 'it came from another database, and waits for connkit_resume_schedules()';
COMMENT ON COLUMN connkit.next_runs.at IS 'not before that; NULL: when another sync has succeeded';
GRANT SELECT ON connkit.sync_progress, connkit.next_runs TO PUBLIC;

CREATE FUNCTION connkit.wake_launcher() RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_wake_launcher' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit.wake_launcher() IS 'has the scheduler look at this database when the transaction commits';
REVOKE EXECUTE ON FUNCTION connkit.wake_launcher() FROM PUBLIC;
SELECT connkit.wake_launcher();

CREATE FUNCTION connkit.wake() RETURNS trigger AS 'MODULE_PATHNAME', 'connkit_wake_launcher' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION connkit.wake() FROM PUBLIC;
COMMENT ON FUNCTION connkit.wake() IS 'has the scheduler look at what waits for a sync that is paused no longer';
CREATE TRIGGER wake AFTER UPDATE ON connkit.sync FOR EACH STATEMENT EXECUTE FUNCTION connkit.wake();
