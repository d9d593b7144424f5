-- Marks of members, for pairs of room and user: index room_members_pkey. The last entry up to each by index messages_entries.
SELECT m.room_id, m.user_id, m.read_seq, m.read_number, m.read_at, (
    SELECT e.message_id FROM messages e
    WHERE e.room_id = m.room_id AND e.seq <= m.read_seq AND e.target_seq IS NULL ORDER BY e.seq DESC LIMIT 1
) AS message_id
FROM unnest($1::UUID[], $2::UUID[]) AS asked (room_id, user_id)
JOIN room_members m ON m.room_id = asked.room_id AND m.user_id = asked.user_id
WHERE m.left_seq IS NULL
