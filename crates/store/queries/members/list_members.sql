SELECT u.id, u.nickname, m.role, m.joined_at, m.read_seq
FROM room_members m JOIN users u ON u.id = m.user_id
WHERE m.room_id = $1 AND m.left_seq IS NULL
ORDER BY m.joined_seq, u.id
