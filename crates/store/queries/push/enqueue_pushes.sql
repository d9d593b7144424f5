-- One job per device and room; seq moves forward only, so a repeat changes nothing. A job in hand, or waiting after a failure, keeps its time.
-- Devices are locked against removal, and in order, so that two callers cannot deadlock.
WITH news AS (
    SELECT d.id, n.room_id, n.user_id, d.origin, n.seq, n.expires_at
    FROM unnest($1::UUID[], $2::UUID[], $3::BIGINT[], $4::TIMESTAMPTZ[]) AS n (user_id, room_id, seq, expires_at)
    JOIN devices d ON d.user_id = n.user_id
    WHERE n.expires_at > now()
    ORDER BY d.id, n.room_id
    FOR KEY SHARE OF d
)
INSERT INTO push_jobs AS j (device_id, room_id, user_id, origin, seq, state, next_attempt_at, expires_at)
SELECT id, room_id, user_id, origin, seq, 'PENDING', now() + $5::BIGINT * interval '1 ms', expires_at FROM news
ON CONFLICT (device_id, room_id) DO UPDATE SET
    seq = excluded.seq,
    state = 'PENDING',
    origin = excluded.origin,
    attempts = CASE WHEN j.state = 'PENDING' THEN j.attempts ELSE 0 END,
    next_attempt_at = CASE WHEN j.state = 'PENDING' OR j.claim IS NOT NULL THEN j.next_attempt_at ELSE excluded.next_attempt_at END,
    expires_at = excluded.expires_at
WHERE j.seq < excluded.seq
