-- index webhook_deliveries_created. What waits for an enabled endpoint stays: it is sent, or fails, or the endpoint is disabled.
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT d.id FROM webhook_deliveries d
    WHERE d.created_at < now() - $1::BIGINT * INTERVAL '1 second'
        AND (d.state <> 'pending' OR NOT EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.id = d.endpoint_id AND e.enabled AND e.deleted_at IS NULL))
    ORDER BY d.created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
