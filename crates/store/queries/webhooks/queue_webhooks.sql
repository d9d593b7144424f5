-- In the order of the arrays, so that the cursor goes up with a room's seq.
INSERT INTO webhook_deliveries (endpoint_id, event_id, room_id, seq, message_id, body)
SELECT e.id, n.event_id, n.room_id, n.seq, n.message_id, n.body
FROM unnest($1::TEXT[], $2::TEXT[], $3::UUID[], $4::BIGINT[], $5::UUID[], $6::TEXT[]) WITH ORDINALITY
    AS n (event_id, event_type, room_id, seq, message_id, body, place)
JOIN webhook_endpoints e ON e.enabled AND e.deleted_at IS NULL AND (e.room_id IS NULL OR e.room_id = n.room_id)
    AND (e.event_types = '{}' OR n.event_type = ANY (e.event_types))
ORDER BY n.place
ON CONFLICT DO NOTHING
