-- index webhook_deliveries_cursor
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT d.id FROM webhook_endpoints e JOIN webhook_deliveries d ON d.endpoint_id = e.id
    WHERE e.deleted_at IS NOT NULL LIMIT $1 FOR UPDATE OF d SKIP LOCKED)
