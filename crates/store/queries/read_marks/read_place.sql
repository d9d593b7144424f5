-- The mark that reading up to a seq makes, and the last entry up to it: primary key, then index messages_entries backwards. A seq beyond the
-- head is clamped to it.
SELECT least($2, r.head_seq) AS seq, coalesce(e.number, 0) AS number, e.message_id
FROM rooms r
LEFT JOIN LATERAL (
    SELECT m.number, m.message_id FROM messages m
    WHERE m.room_id = r.id AND m.seq <= least($2, r.head_seq) AND m.target_seq IS NULL ORDER BY m.seq DESC LIMIT 1
) e ON TRUE
WHERE r.id = $1
