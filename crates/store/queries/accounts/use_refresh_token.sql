-- Marks the token used and tells whether it already was, atomically: of two racing uses one sees the other.
UPDATE refresh_tokens t SET used_at = now()
FROM (SELECT token_hash, used_at FROM refresh_tokens WHERE token_hash = $1 FOR UPDATE) old
WHERE t.token_hash = old.token_hash
RETURNING t.family_id, t.user_id, t.expires_at, old.used_at IS NOT NULL AS reused
