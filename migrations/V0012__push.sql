-- What a member wants to be told of a room. The columns stay when a membership ends, as the row does.
ALTER TABLE room_members
    ADD COLUMN notify_level TEXT NOT NULL DEFAULT 'ALL' CHECK (notify_level IN ('ALL', 'MENTIONS', 'NONE')),
    ADD COLUMN muted_until  TIMESTAMPTZ;    -- nothing at all before; NULL: not muted

-- A browser that takes Web Push. Whoever knows the endpoint can make the browser ring: never logged, never shown.
CREATE TABLE devices (
    id            UUID PRIMARY KEY,
    user_id       UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    login_id      UUID,                     -- the log-in that registered it, by whose end it goes; NULL: a token without one
    endpoint      TEXT COLLATE "C" NOT NULL UNIQUE,
    origin        TEXT COLLATE "C" NOT NULL, -- scheme, host and port of the endpoint: what VAPID signs for, and what is slow or broken as one
    p256dh        BYTEA NOT NULL,           -- the browser's public key, 65 bytes
    auth          BYTEA NOT NULL,           -- the secret it shares with us, 16 bytes
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    registered_at TIMESTAMPTZ NOT NULL DEFAULT now() -- last time
);
CREATE INDEX devices_user ON devices (user_id, registered_at);
CREATE INDEX devices_login ON devices (login_id) WHERE login_id IS NOT NULL;

-- What a device is still to be told about a room, or was: one row for both, so that any number of messages is one push.
--   PENDING   the message seq is to be pushed
--   SHOWN     it was; kept until it is read or expires, so that it can be withdrawn
--   WITHDRAW  read meanwhile: what was pushed is to be taken back
CREATE TABLE push_jobs (
    device_id       UUID NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    room_id         UUID NOT NULL,
    user_id         UUID NOT NULL,
    origin          TEXT COLLATE "C" NOT NULL,
    seq             BIGINT NOT NULL,        -- of the newest message that counts; only moves forward
    state           TEXT NOT NULL CHECK (state IN ('PENDING', 'SHOWN', 'WITHDRAW')),
    maybe_shown     BOOLEAN NOT NULL DEFAULT FALSE, -- a push may have reached the device: set before one is sent
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ NOT NULL,   -- of a claimed one: the end of the claim
    claim           UUID,                   -- of the worker that has it in hand
    expires_at      TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (device_id, room_id)
) WITH (fillfactor = 80);
CREATE INDEX push_jobs_due ON push_jobs (origin, next_attempt_at) WHERE state <> 'SHOWN';
CREATE INDEX push_jobs_member ON push_jobs (user_id, room_id);
CREATE INDEX push_jobs_expired ON push_jobs (expires_at);

-- Registers a device, or renews it; the least recently registered ones beyond p_max go. No row: the log-in has ended.
-- The user's row is locked as by all that ends log-ins, so that no device slips in after its log-in's end.
CREATE FUNCTION register_device(
    p_id UUID, p_user_id UUID, p_login_id UUID, p_endpoint TEXT, p_origin TEXT, p_p256dh BYTEA, p_auth BYTEA, p_max INTEGER
) RETURNS TABLE (id UUID, created BOOLEAN, created_at TIMESTAMPTZ, registered_at TIMESTAMPTZ) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_device devices;
    v_created BOOLEAN;
BEGIN
    PERFORM 1 FROM users WHERE id = p_user_id FOR NO KEY UPDATE;
    IF NOT FOUND OR EXISTS (SELECT 1 FROM ended_logins WHERE family_id = p_login_id) THEN RETURN; END IF;
    -- A shared browser has one endpoint for whoever is logged in.
    DELETE FROM devices WHERE endpoint = p_endpoint AND user_id <> p_user_id;
    INSERT INTO devices AS d (id, user_id, login_id, endpoint, origin, p256dh, auth)
    VALUES (p_id, p_user_id, p_login_id, p_endpoint, p_origin, p_p256dh, p_auth)
    ON CONFLICT (endpoint) DO UPDATE
        SET login_id = excluded.login_id, p256dh = excluded.p256dh, auth = excluded.auth, registered_at = clock_timestamp()
        WHERE d.user_id = excluded.user_id
    RETURNING * INTO v_device;
    IF NOT FOUND THEN RETURN; END IF; -- another user in the same moment
    v_created := v_device.id = p_id;
    DELETE FROM devices WHERE id IN (
        SELECT d.id FROM devices d WHERE d.user_id = p_user_id ORDER BY d.registered_at DESC, d.id OFFSET p_max
    );
    RETURN QUERY SELECT v_device.id, v_created, v_device.created_at, v_device.registered_at;
END $$;

-- The end of a log-in ends its devices, whichever of the functions ends it: a browser that was logged out shows nothing more.
CREATE FUNCTION drop_devices_of_login() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM devices WHERE login_id = NEW.family_id;
    RETURN NULL;
END $$;
CREATE TRIGGER ended_logins_drop_devices AFTER INSERT ON ended_logins FOR EACH ROW EXECUTE FUNCTION drop_devices_of_login();

-- Those of tokens without a log-in end with "log out everywhere".
CREATE FUNCTION drop_devices_without_login() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM devices WHERE user_id = NEW.id AND login_id IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER users_drop_devices AFTER UPDATE OF tokens_valid_after ON users FOR EACH ROW EXECUTE FUNCTION drop_devices_without_login();
