SELECT id, url, room_id, event_types, enabled, disabled_reason, created_at FROM webhook_endpoints
WHERE deleted_at IS NULL ORDER BY created_at, id
