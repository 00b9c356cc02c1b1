-- ask.sql: what the suite asks for, and the answers; instants are microseconds since 1970

CREATE TABLE question (id bigint PRIMARY KEY, schedule text, zone text, after bigint, count integer);

-- The answer to a question: instants with commas between them, or the error.
CREATE FUNCTION answer(question) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg((extract(epoch FROM t) * 1000000)::bigint::text, ',')
		FROM connkit_next_times($1.schedule, $1.zone,
			'epoch'::timestamptz + $1.after / 1000000 * interval '1 second' + $1.after % 1000000 * interval '1 microsecond',
			$1.count) AS t);
EXCEPTION WHEN OTHERS THEN
	RETURN 'error ' || SQLSTATE || ' ' || SQLERRM;
END $$;
