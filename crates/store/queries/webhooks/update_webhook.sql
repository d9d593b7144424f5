-- Whoever enables an endpoint begins anew: neither what failed before counts, nor what waits already (index webhook_deliveries_cursor).
UPDATE webhook_endpoints SET
    url = COALESCE($2, url),
    room_id = CASE WHEN $3 THEN $4 ELSE room_id END,
    event_types = COALESCE($5, event_types),
    enabled = COALESCE($6, enabled),
    disabled_reason = CASE WHEN $6 THEN NULL WHEN NOT $6 THEN $7 ELSE disabled_reason END,
    failing_since = CASE WHEN $6 THEN NULL ELSE failing_since END,
    counted_after = CASE WHEN $6 THEN COALESCE((SELECT max(d.id) FROM webhook_deliveries d WHERE d.endpoint_id = $1), 0) ELSE counted_after END
WHERE id = $1 AND deleted_at IS NULL
