-- Each user at most once. In the order of the key, so that two gateways cannot deadlock. Users without an account are passed over, and a
-- gateway whose clock is ahead writes nothing of the future, which would stay.
INSERT INTO user_last_seen (user_id, seen_at)
SELECT u.id, least(seen.at, now())
FROM unnest($1::UUID[], $2::TIMESTAMPTZ[]) AS seen (user_id, at) JOIN users u ON u.id = seen.user_id
ORDER BY u.id
ON CONFLICT (user_id) DO UPDATE SET seen_at = EXCLUDED.seen_at WHERE user_last_seen.seen_at < EXCLUDED.seen_at
