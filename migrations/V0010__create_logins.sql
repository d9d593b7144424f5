-- Somebody whom an identity provider keeps has neither address nor password here.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL, ALTER COLUMN password_hash DROP NOT NULL;
-- The last "log out everywhere" or change of password. Access tokens that name no log-in (an identity provider's, those made by hand) count
-- only when they were issued later.
ALTER TABLE users ADD COLUMN tokens_valid_after TIMESTAMPTZ;

-- Log-ins that ended before their access tokens did. A log-in is the family of its refresh tokens; access tokens name it. A row is needed
-- for as long as an access token may live, which is a day.
CREATE TABLE ended_logins (
    family_id UUID PRIMARY KEY,
    user_id   UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    ended_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX ended_logins_user ON ended_logins (user_id);
CREATE INDEX ended_logins_at ON ended_logins (ended_at);
CREATE INDEX IF NOT EXISTS refresh_tokens_expires ON refresh_tokens (expires_at);

-- All functions below lock the user's row first and then read: whoever ends log-ins and whoever opens or continues one come one after the
-- other, so that none slips through in between. NO KEY: rows that refer to the user are not held up.

-- Begins a log-in with its first refresh token, if the password is still the one that was checked.
CREATE FUNCTION open_login(p_user_id UUID, p_password_hash TEXT, p_family_id UUID, p_token_hash BYTEA, p_expires_at TIMESTAMPTZ)
RETURNS BOOLEAN LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM 1 FROM users WHERE id = p_user_id AND password_hash = p_password_hash FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN FALSE; END IF;
    INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at) VALUES (p_token_hash, p_family_id, p_user_id, p_expires_at);
    RETURN TRUE;
END $$;

-- Ends one log-in. Called with the user's row locked.
CREATE FUNCTION end_locked_login(p_user_id UUID, p_family_id UUID) RETURNS VOID LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO ended_logins (family_id, user_id) VALUES (p_family_id, p_user_id) ON CONFLICT DO NOTHING;
    DELETE FROM refresh_tokens WHERE family_id = p_family_id;
END $$;

-- Exchanges a refresh token for the next one of its log-in. Outcome: rotated, expired, or reused, which ends the log-in. No row: unknown.
CREATE FUNCTION rotate_refresh_token(p_token_hash BYTEA, p_next_hash BYTEA, p_next_expires_at TIMESTAMPTZ, p_now TIMESTAMPTZ)
RETURNS TABLE (login_id UUID, owner_id UUID, outcome TEXT) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_token refresh_tokens;
BEGIN
    PERFORM 1 FROM users u JOIN refresh_tokens t ON t.user_id = u.id WHERE t.token_hash = p_token_hash FOR NO KEY UPDATE OF u;
    SELECT * INTO v_token FROM refresh_tokens t WHERE t.token_hash = p_token_hash;
    IF NOT FOUND THEN RETURN; END IF;
    IF v_token.used_at IS NOT NULL THEN
        PERFORM end_locked_login(v_token.user_id, v_token.family_id);
        RETURN QUERY SELECT v_token.family_id, v_token.user_id, 'reused';
    ELSIF v_token.expires_at <= p_now THEN
        RETURN QUERY SELECT v_token.family_id, v_token.user_id, 'expired';
    ELSE
        UPDATE refresh_tokens t SET used_at = p_now WHERE t.token_hash = p_token_hash;
        INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at)
        VALUES (p_next_hash, v_token.family_id, v_token.user_id, p_next_expires_at);
        RETURN QUERY SELECT v_token.family_id, v_token.user_id, 'rotated';
    END IF;
END $$;

-- Ends the log-in of a refresh token; the user, or NULL for an unknown token.
CREATE FUNCTION end_login(p_token_hash BYTEA) RETURNS UUID LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_token refresh_tokens;
BEGIN
    PERFORM 1 FROM users u JOIN refresh_tokens t ON t.user_id = u.id WHERE t.token_hash = p_token_hash FOR NO KEY UPDATE OF u;
    SELECT * INTO v_token FROM refresh_tokens t WHERE t.token_hash = p_token_hash;
    IF NOT FOUND THEN RETURN NULL; END IF;
    PERFORM end_locked_login(v_token.user_id, v_token.family_id);
    RETURN v_token.user_id;
END $$;

-- Ends every log-in of a user but p_keep (NULL: every one).
CREATE FUNCTION end_logins(p_user_id UUID, p_keep UUID) RETURNS VOID LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE users SET tokens_valid_after = clock_timestamp() WHERE id = p_user_id;
    INSERT INTO ended_logins (family_id, user_id)
    SELECT DISTINCT family_id, user_id FROM refresh_tokens WHERE user_id = p_user_id AND family_id IS DISTINCT FROM p_keep
    ON CONFLICT DO NOTHING;
    DELETE FROM refresh_tokens WHERE user_id = p_user_id AND family_id IS DISTINCT FROM p_keep;
END $$;

-- Changes a password that is still the one that was checked, and ends the user's other log-ins.
CREATE FUNCTION change_password(p_user_id UUID, p_checked_hash TEXT, p_new_hash TEXT, p_keep UUID)
RETURNS BOOLEAN LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE users SET password_hash = p_new_hash WHERE id = p_user_id AND password_hash = p_checked_hash;
    IF NOT FOUND THEN RETURN FALSE; END IF;
    PERFORM end_logins(p_user_id, p_keep);
    RETURN TRUE;
END $$;
