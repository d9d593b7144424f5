-- index webhook_deliveries_pending. The endpoint is asked once more: it may have been disabled a moment ago.
WITH due AS (
    SELECT id FROM webhook_deliveries
    WHERE endpoint_id = $1 AND state = 'pending' AND next_attempt_at <= now()
        AND EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.id = $1 AND e.enabled AND e.deleted_at IS NULL)
    ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE webhook_deliveries d SET next_attempt_at = now() + $3::BIGINT * INTERVAL '1 millisecond'
    FROM due WHERE d.id = due.id RETURNING d.id, d.event_id, d.room_id, d.attempts, d.next_attempt_at AS lease
)
SELECT * FROM claimed ORDER BY id
