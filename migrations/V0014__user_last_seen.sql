-- When each user last had a session: written when it ends, and every minute while there is one. Never goes back. Updated in place (HOT): no
-- index but the key, and pages with space.
CREATE TABLE user_last_seen (
    user_id UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    seen_at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 70);
