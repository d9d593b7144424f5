-- index messages_search, in search_messages; then primary keys, once per entry found
SELECT r.name AS room_name, e.*
FROM (
    SELECT * FROM search_messages($1, $2, $3, $4, $5, $6::BIGINT * INTERVAL '1 millisecond') ORDER BY created_at DESC, room_id DESC, seq DESC LIMIT $5
) found
JOIN rooms r ON r.id = found.room_id
CROSS JOIN LATERAL (SELECT * FROM entries WHERE entries.room_id = found.room_id AND entries.seq = found.seq LIMIT 1) e
ORDER BY found.created_at DESC, found.room_id DESC, found.seq DESC
