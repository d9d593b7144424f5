CREATE TABLE users (
    id            UUID PRIMARY KEY,
    email         TEXT NOT NULL,            -- lower-cased by the gateway
    nickname      TEXT NOT NULL,
    password_hash TEXT NOT NULL,            -- argon2id, PHC string
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (email);
CREATE INDEX users_nickname_prefix ON users (lower(nickname) text_pattern_ops);

-- Refresh tokens rotate: each is used once. Using one again revokes its whole family.
CREATE TABLE refresh_tokens (
    token_hash BYTEA PRIMARY KEY,           -- SHA-256; the token itself is never stored
    family_id  UUID NOT NULL,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
