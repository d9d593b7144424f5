SELECT id, url, room_id, event_types, enabled, disabled_reason, created_at FROM create_webhook($1, $2, $3, $4, $5, $6)
