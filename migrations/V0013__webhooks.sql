-- Other systems that are told what happens, by signed HTTP calls.
CREATE TABLE webhook_endpoints (
    id              UUID PRIMARY KEY,
    url             TEXT NOT NULL,
    -- In the form that is shown once (whsec_ and Base64): whoever signs has to read it.
    secret          TEXT NOT NULL,
    -- The secret before it, with which is signed too until the time beside it.
    previous_secret TEXT,
    previous_until  TIMESTAMPTZ,
    -- NULL: every room.
    room_id         UUID,
    -- Empty: every type.
    event_types     TEXT[] NOT NULL,
    enabled         BOOLEAN NOT NULL DEFAULT TRUE,
    disabled_reason TEXT,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- Its rows go in steps, and then this one.
    deleted_at      TIMESTAMPTZ,
    -- The first failure since the last success.
    failing_since   TIMESTAMPTZ,
    last_success_at TIMESTAMPTZ,
    last_failure_at TIMESTAMPTZ,
    last_failure    TEXT
);

-- What an endpoint is to be told, and was. The id is the cursor. Without a foreign key: a row that comes while its endpoint is deleted is swept
-- with the others, and fails nobody.
CREATE TABLE webhook_deliveries (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id     UUID NOT NULL,
    event_id        TEXT NOT NULL,
    -- NULL for a test.
    room_id         UUID,
    seq             BIGINT,
    -- Which message it shows; NULL for those of the room, and for a test.
    message_id      UUID,
    body            TEXT NOT NULL,
    state           TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts        INTEGER NOT NULL DEFAULT 0,
    -- Not before; of a row in somebody's hands, the end of the lease.
    next_attempt_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_status     INTEGER,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- An event that Kafka delivers again adds nothing.
    UNIQUE (endpoint_id, room_id, seq)
);
-- The next ones in order; whether any is due; replay and the sweep of a deleted endpoint; the sweep of old ones; what shows a deleted message.
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (endpoint_id, id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_cursor ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (created_at);
CREATE INDEX webhook_deliveries_message ON webhook_deliveries (message_id) WHERE message_id IS NOT NULL;

-- One more, unless there are p_limit: creations come one after the other.
CREATE FUNCTION create_webhook(p_id UUID, p_url TEXT, p_secret TEXT, p_room_id UUID, p_event_types TEXT[], p_limit BIGINT)
RETURNS SETOF webhook_endpoints LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    LOCK TABLE webhook_endpoints IN SHARE ROW EXCLUSIVE MODE;
    IF (SELECT count(*) FROM webhook_endpoints WHERE deleted_at IS NULL) >= p_limit THEN RETURN; END IF;
    RETURN QUERY INSERT INTO webhook_endpoints (id, url, secret, room_id, event_types)
        VALUES (p_id, p_url, p_secret, p_room_id, p_event_types) RETURNING *;
END $$;
