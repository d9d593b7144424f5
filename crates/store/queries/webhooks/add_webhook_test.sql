INSERT INTO webhook_deliveries (endpoint_id, event_id, body)
SELECT id, $2, $3 FROM webhook_endpoints WHERE id = $1 AND enabled AND deleted_at IS NULL RETURNING id
