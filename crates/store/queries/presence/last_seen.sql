-- By primary key.
SELECT user_id, seen_at FROM user_last_seen WHERE user_id = ANY ($1)
