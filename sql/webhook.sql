-- webhook.sql: messages that sources send by themselves

CREATE TABLE connkit.webhook_delivery (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	sync bigint NOT NULL REFERENCES connkit.sync ON DELETE CASCADE,
	delivery text,
	received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	received_by name NOT NULL DEFAULT session_user,
	kind text NOT NULL CHECK (kind IN ('upsert', 'delete')),
	sent_at text,
	outcome text NOT NULL DEFAULT 'queued'
		CHECK (outcome IN ('queued', 'applied', 'unchanged', 'stale', 'ignored', 'rejected', 'failed')),
	body text,
	sqlstate text,
	message text
);
COMMENT ON TABLE connkit.webhook_delivery IS 'messages that connkit_receive() took for syncs, for some days';
COMMENT ON COLUMN connkit.webhook_delivery.delivery IS 'the sender''s id, by which it is known when it is sent again';
COMMENT ON COLUMN connkit.webhook_delivery.kind IS 'whether its records are rows as they are, or rows that are gone';
COMMENT ON COLUMN connkit.webhook_delivery.sent_at IS 'when, as the message says';
COMMENT ON COLUMN connkit.webhook_delivery.outcome IS
	'what became of it; queued: it waits for the end of the sync''s run, or for the next message or run; stale: the target has a '
	'newer state; rejected: see connkit.rejected_row';
COMMENT ON COLUMN connkit.webhook_delivery.body IS 'as long as it is queued';
COMMENT ON COLUMN connkit.webhook_delivery.message IS 'why it failed';
CREATE UNIQUE INDEX ON connkit.webhook_delivery (sync, delivery) WHERE delivery IS NOT NULL;
CREATE INDEX ON connkit.webhook_delivery (sync, id) WHERE outcome = 'queued';
CREATE INDEX ON connkit.webhook_delivery (sync, received_at);

CREATE TABLE connkit.webhook_key (
	sync bigint NOT NULL REFERENCES connkit.sync ON DELETE CASCADE,
	key text NOT NULL,
	version text NOT NULL,
	deleted boolean NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (sync, key)
);
COMMENT ON TABLE connkit.webhook_key IS
	'the newest that messages have told of each key, for some days: what is older comes too late';
COMMENT ON COLUMN connkit.webhook_key.version IS 'the row''s cursor value, or where the sync has no cursor the message''s time';
COMMENT ON COLUMN connkit.webhook_key.deleted IS 'the row is gone';
CREATE INDEX ON connkit.webhook_key (sync, applied_at);

SELECT pg_extension_config_dump('connkit.webhook_delivery', '');
SELECT pg_extension_config_dump('connkit.webhook_delivery_id_seq', '');
SELECT pg_extension_config_dump('connkit.webhook_key', '');

-- row-level security does not hold for pg_statistic, which pg_read_all_data reads
ALTER TABLE connkit.webhook_delivery ALTER body SET STATISTICS 0, ALTER delivery SET STATISTICS 0, ALTER message SET STATISTICS 0;
ALTER TABLE connkit.webhook_key ALTER key SET STATISTICS 0, ALTER version SET STATISTICS 0;

ALTER TABLE connkit.webhook_delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE connkit.webhook_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON connkit.webhook_delivery FOR SELECT USING (sync IN (SELECT s.id FROM connkit.sync AS s));
CREATE POLICY visible ON connkit.webhook_key FOR SELECT USING (sync IN (SELECT s.id FROM connkit.sync AS s));
GRANT SELECT ON connkit.webhook_delivery, connkit.webhook_key TO PUBLIC;

CREATE FUNCTION connkit_receive(source name, table_name text, body text, headers jsonb DEFAULT '{}')
	RETURNS TABLE (sync text, outcome text)
	AS 'MODULE_PATHNAME', 'connkit_receive' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_receive(name, text, text, jsonb) IS
	'takes a message that a source sent to a webhook, its body as it came and its headers as an object of texts, checks who sent '
	'it, and applies it to the tables of the syncs that have their setting webhook on: applied, unchanged, stale, duplicate, '
	'ignored, rejected or queued; for roles with the right receive by connkit_grant_source()';

CREATE FUNCTION connkit_receive(source name, table_name text, payload jsonb, headers jsonb DEFAULT '{}')
	RETURNS TABLE (sync text, outcome text)
	AS 'MODULE_PATHNAME', 'connkit_receive_json' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION connkit_receive(name, text, jsonb, jsonb) IS
	'the same for sources whose messages have a token: a signature over the body needs it as text';
