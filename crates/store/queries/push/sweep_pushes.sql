-- Pushes that nobody read before they expired: index push_jobs_expired. The others end when they are taken.
DELETE FROM push_jobs WHERE (device_id, room_id) IN (
    SELECT device_id, room_id FROM push_jobs WHERE expires_at <= now() AND state = 'SHOWN' ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
