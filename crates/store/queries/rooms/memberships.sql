-- What users may see of rooms, for pairs of room and user: primary keys only. Where there is no membership there is no row.
SELECT r.id, m.user_id, r.head_seq, m.joined_seq
FROM unnest($1::UUID[], $2::UUID[]) AS asked (room_id, user_id)
JOIN rooms r ON r.id = asked.room_id
JOIN room_members m ON m.room_id = r.id AND m.user_id = asked.user_id
WHERE m.left_seq IS NULL
