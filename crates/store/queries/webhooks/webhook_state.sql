-- by the primary key, and for the numbers indexes webhook_deliveries_pending and webhook_deliveries_cursor
SELECT e.id, url, room_id, event_types, enabled, disabled_reason, created_at, failing_since, last_success_at, last_failure_at, last_failure,
    (SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending' LIMIT $2) few) AS waiting,
    (SELECT max(d.id) FROM webhook_deliveries d WHERE d.endpoint_id = e.id) AS head,
    (SELECT min(d.id) FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending') AS first_waiting
FROM webhook_endpoints e WHERE e.id = $1 AND deleted_at IS NULL
