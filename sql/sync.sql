-- sync.sql: definitions of synchronisation, their state, and their runs

CREATE TABLE connkit.sync (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE,
	owner name NOT NULL,
	owner_mark text NOT NULL,
	source name NOT NULL,
	schema_name text,
	table_name text,
	query text,
	query_columns text,
	target_schema name NOT NULL,
	target_table name NOT NULL,
	mode text NOT NULL CHECK (mode IN ('full_refresh', 'incremental', 'merge', 'history')),
	write text NOT NULL CHECK (write IN ('replace', 'append', 'merge')),
	cursor_column text,
	initial_value text,
	lookback text,
	half_open boolean NOT NULL DEFAULT false,
	key_columns text[],
	columns text[],
	mapping jsonb,
	filter text,
	deletes text NOT NULL DEFAULT 'ignore' CHECK (deletes IN ('ignore', 'soft', 'hard')),
	deleted_column name NOT NULL DEFAULT 'deleted_at',
	policy jsonb NOT NULL DEFAULT '{}',
	max_rejected bigint NOT NULL DEFAULT 0 CHECK (max_rejected >= 0),
	keep_rejected bigint NOT NULL DEFAULT 10000 CHECK (keep_rejected >= 0),
	chunk_rows bigint NOT NULL DEFAULT 1000000 CHECK (chunk_rows >= 0),
	resumable boolean NOT NULL DEFAULT false,
	replace_rows boolean NOT NULL DEFAULT false,
	create_indexes boolean NOT NULL DEFAULT false,
	search_path text NOT NULL,
	paused boolean NOT NULL DEFAULT false,
	webhook boolean NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CHECK ((table_name IS NULL) <> (query IS NULL)),
	CHECK ((query IS NULL) = (query_columns IS NULL))
);
COMMENT ON TABLE connkit.sync IS 'syncs: from a table or query of a source into a local table; by connkit_create_sync()';
COMMENT ON COLUMN connkit.sync.owner IS 'role whose rights its runs have';
COMMENT ON COLUMN connkit.sync.owner_mark IS 'tells the role from a later one of the same name';
COMMENT ON COLUMN connkit.sync.schema_name IS 'schema at the source; NULL is its default';
COMMENT ON COLUMN connkit.sync.query_columns IS 'columns that the query returns: names and local types';
COMMENT ON COLUMN connkit.sync.mode IS 'full_refresh and merge read all rows; incremental those that the cursor says are new; '
	'history keeps every version';
COMMENT ON COLUMN connkit.sync.write IS 'replace, append, or merge by key';
COMMENT ON COLUMN connkit.sync.cursor_column IS 'column of the source that grows with every change';
COMMENT ON COLUMN connkit.sync.initial_value IS 'the first run reads rows whose cursor is this or more';
COMMENT ON COLUMN connkit.sync.lookback IS 'interval or number: how far behind the position rows are read again';
COMMENT ON COLUMN connkit.sync.half_open IS 'rows at the greatest cursor value are left for a later run';
COMMENT ON COLUMN connkit.sync.key_columns IS 'columns of the source; NULL: its own key';
COMMENT ON COLUMN connkit.sync.columns IS 'columns of the source that are taken; NULL: all';
COMMENT ON COLUMN connkit.sync.mapping IS 'columns of the target, and the expression over the source''s columns that each one is';
COMMENT ON COLUMN connkit.sync.filter IS 'condition on the source''s columns';
COMMENT ON COLUMN connkit.sync.deletes IS
	'what becomes of rows that the source has no longer: ignore, soft (marked), hard (deleted)';
COMMENT ON COLUMN connkit.sync.deleted_column IS
	'column of the target that says when a row was missed first, where deletes is soft';
COMMENT ON COLUMN connkit.sync.policy IS 'for a kind of change of the source''s table (added, dropped, renamed, retyped, '
	'nullability, key): evolve, freeze, discard_column or discard_row';
COMMENT ON COLUMN connkit.sync.max_rejected IS 'rows that a run may reject before it fails';
COMMENT ON COLUMN connkit.sync.keep_rejected IS 'rows that connkit.rejected_row keeps of the sync, the newest';
COMMENT ON COLUMN connkit.sync.chunk_rows IS 'rows that a run in the background commits at once; 0: all';
COMMENT ON COLUMN connkit.sync.resumable IS 'in the background, rows of runs that read all are gathered in parts of chunk_rows, '
	'in the order of their key, so that a run that was interrupted goes on';
COMMENT ON COLUMN connkit.sync.replace_rows IS 'replace deletes and inserts rows, and does not exchange the table''s storage';
COMMENT ON COLUMN connkit.sync.webhook IS 'messages that connkit_receive() takes are applied to its target';
COMMENT ON COLUMN connkit.sync.search_path IS 'for expressions and types of the definition: of who created it';

CREATE TABLE connkit.sync_state (
	sync bigint PRIMARY KEY REFERENCES connkit.sync ON DELETE CASCADE,
	position text,
	seen bytea,
	seen_columns text[],
	tail bigint NOT NULL DEFAULT 0,
	shape jsonb,
	shape_version integer NOT NULL DEFAULT 0,
	made_target boolean NOT NULL DEFAULT false,
	last_run bigint,
	load jsonb,
	seen_from text,
	dropped_rejected bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE connkit.sync_state IS 'how far syncs have come; written in the transaction that writes their rows';
COMMENT ON COLUMN connkit.sync_state.position IS 'greatest cursor value that was read';
COMMENT ON COLUMN connkit.sync_state.seen IS 'hashes of the rows that were read at the position, lookback included';
COMMENT ON COLUMN connkit.sync_state.seen_columns IS 'columns that were hashed';
COMMENT ON COLUMN connkit.sync_state.seen_from IS 'cursor value from which on rows are known: the next run begins there';
COMMENT ON COLUMN connkit.sync_state.tail IS 'number of rows at the position';
COMMENT ON COLUMN connkit.sync_state.shape IS 'columns of the source as of the last run, and what became of them';
COMMENT ON COLUMN connkit.sync_state.shape_version IS 'grows with every change of the shape';
COMMENT ON COLUMN connkit.sync_state.made_target IS 'the target was made by the sync';
COMMENT ON COLUMN connkit.sync_state.load IS
	'of a resumable sync that has not read all rows yet: the table that has them, and the key of the last one';
COMMENT ON COLUMN connkit.sync_state.dropped_rejected IS
	'rows that connkit.rejected_row has no longer, being too many or too old, and that were not replayed';

CREATE TABLE connkit.sync_run (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	sync bigint,
	sync_name text NOT NULL,
	owner name NOT NULL,
	owner_mark text NOT NULL,
	source name NOT NULL,
	trigger text NOT NULL CHECK (trigger IN ('call', 'background', 'schedule', 'after', 'replay')),
	state text NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
	requested_by name NOT NULL DEFAULT session_user,
	queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	not_before timestamptz,
	started_at timestamptz,
	ended_at timestamptz,
	attempt integer NOT NULL DEFAULT 1,
	retries integer NOT NULL DEFAULT 0,
	timeout interval,
	pid integer,
	rows_read bigint NOT NULL DEFAULT 0,
	inserted bigint NOT NULL DEFAULT 0,
	updated bigint NOT NULL DEFAULT 0,
	deleted bigint NOT NULL DEFAULT 0,
	rejected bigint NOT NULL DEFAULT 0,
	bytes bigint NOT NULL DEFAULT 0,
	milliseconds bigint NOT NULL DEFAULT 0,
	chunks bigint NOT NULL DEFAULT 0,
	schema_changes bigint NOT NULL DEFAULT 0,
	position text,
	sqlstate text,
	message text,
	detail text,
	hint text
);
COMMENT ON TABLE connkit.sync_run IS 'runs of syncs, and those that wait for their turn';
COMMENT ON COLUMN connkit.sync_run.sync IS 'id of the sync, which may have been dropped';
COMMENT ON COLUMN connkit.sync_run.trigger IS
	'call of connkit_sync(); the same with background; schedule; after another sync; connkit_replay_rejected()';
COMMENT ON COLUMN connkit.sync_run.not_before IS 'when a retry may begin';
COMMENT ON COLUMN connkit.sync_run.retries IS 'attempts that may follow one that failed for a transient reason';
COMMENT ON COLUMN connkit.sync_run.timeout IS 'longest time of an attempt';
COMMENT ON COLUMN connkit.sync_run.pid IS 'process that runs it, or did';
COMMENT ON COLUMN connkit.sync_run.bytes IS 'received from the source';
COMMENT ON COLUMN connkit.sync_run.chunks IS 'transactions in which it stored rows';
COMMENT ON COLUMN connkit.sync_run.position IS 'position of the sync after it';
CREATE INDEX ON connkit.sync_run (sync, id DESC);
CREATE INDEX ON connkit.sync_run (state) WHERE state IN ('queued', 'running');

CREATE TABLE connkit.schema_change (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	sync bigint NOT NULL REFERENCES connkit.sync ON DELETE CASCADE,
	run bigint,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	shape_version integer NOT NULL,
	kind text NOT NULL CHECK (kind IN ('added', 'dropped', 'renamed', 'retyped', 'nullability', 'key')),
	column_name text,
	old jsonb,
	new jsonb,
	action text NOT NULL
);
COMMENT ON TABLE connkit.schema_change IS 'changes of the sources'' tables that runs have met';
COMMENT ON COLUMN connkit.schema_change.action IS 'what became of it in the target';
CREATE INDEX ON connkit.schema_change (sync, id);

CREATE TABLE connkit.rejected_row (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	sync bigint NOT NULL REFERENCES connkit.sync ON DELETE CASCADE,
	run bigint,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	sqlstate text NOT NULL,
	reason text NOT NULL,
	column_name text,
	source_row jsonb NOT NULL,
	comes_again boolean NOT NULL DEFAULT false,
	replayed_at timestamptz
);
COMMENT ON TABLE connkit.rejected_row IS 'rows that could not be put into their targets';
COMMENT ON COLUMN connkit.rejected_row.source_row IS 'the row as the source gave it';
COMMENT ON COLUMN connkit.rejected_row.comes_again IS
	'the next run of a sync that appends reads it from the source again, and takes it if it fits then: it is not replayed';
COMMENT ON COLUMN connkit.rejected_row.replayed_at IS
	'when connkit_replay_rejected() tried it again, or a run that read it from the source again did not reject it';
CREATE INDEX ON connkit.rejected_row (sync, id);
CREATE INDEX ON connkit.rejected_row (sync) WHERE comes_again;
CREATE INDEX ON connkit.rejected_row (sync, md5(source_row::text)) WHERE replayed_at IS NULL;

SELECT pg_extension_config_dump('connkit.sync', '');
SELECT pg_extension_config_dump('connkit.sync_id_seq', '');
SELECT pg_extension_config_dump('connkit.sync_state', '');
SELECT pg_extension_config_dump('connkit.sync_run', '');
SELECT pg_extension_config_dump('connkit.sync_run_id_seq', '');
SELECT pg_extension_config_dump('connkit.schema_change', '');
SELECT pg_extension_config_dump('connkit.schema_change_id_seq', '');
SELECT pg_extension_config_dump('connkit.rejected_row', '');
SELECT pg_extension_config_dump('connkit.rejected_row_id_seq', '');

-- row-level security does not hold for pg_statistic, which pg_read_all_data reads
ALTER TABLE connkit.rejected_row ALTER source_row SET STATISTICS 0, ALTER reason SET STATISTICS 0;

ALTER TABLE connkit.sync ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.sync_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.sync_run ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.schema_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.rejected_row ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON connkit.sync FOR SELECT USING (connkit.role_is_mine(owner, owner_mark));
CREATE POLICY visible ON connkit.sync_state FOR SELECT USING (sync IN (SELECT s.id FROM connkit.sync AS s));
CREATE POLICY visible ON connkit.sync_run FOR SELECT USING (connkit.role_is_mine(owner, owner_mark));
CREATE POLICY visible ON connkit.schema_change FOR SELECT USING (sync IN (SELECT s.id FROM connkit.sync AS s));
CREATE POLICY visible ON connkit.rejected_row FOR SELECT USING (sync IN (SELECT s.id FROM connkit.sync AS s));
GRANT SELECT ON connkit.sync, connkit.sync_state, connkit.sync_run, connkit.schema_change, connkit.rejected_row TO PUBLIC;

CREATE FUNCTION connkit_sync(sync text, atomic boolean DEFAULT false, background boolean DEFAULT false)
	RETURNS TABLE (run bigint, sync_name text, target text, outcome text, rows_read bigint, inserted bigint, updated bigint,
		deleted bigint, rejected bigint, bytes bigint, milliseconds bigint, "position" text, schema_changes bigint,
		message text)
	AS 'MODULE_PATHNAME', 'connkit_sync' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_sync(text, boolean, boolean) IS
	'runs a sync, or all syncs of a source, in the transaction at hand; one that fails is undone and does not undo the '
	'others, unless atomic; in the background it starts when the transaction commits';

CREATE INDEX ON connkit.sync (source, table_name);
CREATE INDEX ON connkit.sync (target_table, target_schema);

CREATE FUNCTION connkit_create_sync(source name, table_name text DEFAULT NULL, target text DEFAULT NULL,
		mode text DEFAULT 'full_refresh', write text DEFAULT NULL, name text DEFAULT NULL, query text DEFAULT NULL,
		query_columns text DEFAULT NULL, cursor_column text DEFAULT NULL, key_columns text[] DEFAULT NULL,
		settings jsonb DEFAULT '{}') RETURNS text
	AS 'MODULE_PATHNAME', 'connkit_create_sync' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_create_sync(name, text, text, text, text, text, text, text, text, text[], jsonb) IS
	'makes a sync, whose runs have the current role''s rights, and returns its name: that of the source and the table where '
	'none is given. table_name is table or schema.table as the source writes them, upper and lower case kept; a name with a dot '
	'or blanks at its ends stands in double quotes. target follows the rules of SQL; without a schema it is in the current one. '
	'mode is full_refresh, incremental, merge or history; write is replace, append or merge, and follows from the mode. '
	'settings are other columns of connkit.sync by their names';

CREATE FUNCTION connkit_create_syncs(source name, target_schema name DEFAULT NULL, include text[] DEFAULT '{*}',
		exclude text[] DEFAULT '{}', mode text DEFAULT 'full_refresh', settings jsonb DEFAULT '{}', overrides jsonb DEFAULT '{}')
	RETURNS TABLE (sync text, table_name text, target text)
	AS 'MODULE_PATHNAME', 'connkit_create_syncs' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_create_syncs(name, name, text[], text[], text, jsonb, jsonb) IS
	'makes a sync for every table and view of a source that has none yet. include and exclude are patterns of schema.table or '
	'table; settings are as for connkit_create_sync(), and write, cursor_column, key_columns too; overrides has settings for '
	'patterns, {"sales.*": {"mode": "merge"}}, those of a longer pattern over those of a shorter one. The schema of the targets '
	'is made where it is missing';

CREATE FUNCTION connkit_alter_sync(name text, settings jsonb DEFAULT '{}', new_name text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_alter_sync' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_alter_sync(text, jsonb, text) IS
	'changes settings of a sync, those too that are arguments of connkit_create_sync(); null sets one to its default. With '
	'another cursor_column the position is forgotten; after other changes it stays, and rows before it are not read again '
	'unless connkit_reset_sync() is called';

CREATE FUNCTION connkit_reset_sync(name text, "position" text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_reset_sync' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_reset_sync(text, text) IS
	'lets the next run of a sync be as its first one, or begin with rows whose cursor is the position or more. Rows in the '
	'target stay: a sync that appends puts those that it reads again beside them';

CREATE FUNCTION connkit_drop_sync(name text, drop_target boolean DEFAULT false) RETURNS void
	AS 'MODULE_PATHNAME', 'connkit_drop_sync' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_drop_sync(text, boolean) IS
	'drops a sync, and its target if it made that and this is wanted; its runs stay in connkit.sync_run';

CREATE FUNCTION connkit_pause_sync(name text) RETURNS void AS 'MODULE_PATHNAME', 'connkit_pause_sync' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_pause_sync(text) IS 'lets no run of a sync begin until connkit_resume_sync()';

CREATE FUNCTION connkit_resume_sync(name text) RETURNS void AS 'MODULE_PATHNAME', 'connkit_resume_sync' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_resume_sync(text) IS 'lets runs of a sync begin again';

CREATE FUNCTION connkit.sync_dropped() RETURNS trigger AS 'MODULE_PATHNAME', 'connkit_sync_dropped' LANGUAGE C;
COMMENT ON FUNCTION connkit.sync_dropped() IS 'tells the audit log of a sync that is dropped, and lets none of its runs wait';
CREATE TRIGGER dropped BEFORE DELETE ON connkit.sync FOR EACH ROW EXECUTE FUNCTION connkit.sync_dropped();

CREATE FUNCTION connkit_replay_rejected(sync text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'connkit_replay_rejected' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION connkit_replay_rejected(text) IS
	'tries the rejected rows of a sync once more and returns how many are in the target now: where rows are merged by key, they '
	'are read again from the source; else they are taken as they were. Those that still do not fit are rejected anew';
