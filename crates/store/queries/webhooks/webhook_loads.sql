-- index webhook_deliveries_pending, up to the limit
SELECT id, COALESCE(failing_since < now() - $1::BIGINT * INTERVAL '1 second', FALSE) AS failing,
    (SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending' LIMIT $2::BIGINT + 1) few) AS waiting
FROM webhook_endpoints e WHERE enabled AND deleted_at IS NULL
