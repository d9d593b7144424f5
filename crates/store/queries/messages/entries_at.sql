-- index messages_entries, once per entry asked for
SELECT e.* FROM unnest($1::UUID[], $2::BIGINT[]) AS asked (room_id, seq)
CROSS JOIN LATERAL (SELECT * FROM entries WHERE entries.room_id = asked.room_id AND entries.seq = asked.seq LIMIT 1) e
