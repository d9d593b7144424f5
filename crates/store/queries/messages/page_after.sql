-- index messages_entries, forwards
SELECT * FROM entries WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
