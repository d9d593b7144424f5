-- The user's rooms, latest first, in one query: index room_members_of_user, messages_entries, then primary keys only.
SELECT r.id, r.type, coalesce(peer.nickname, r.name) AS name, r.open, r.member_count, r.head_seq, m.read_seq, r.last_number - m.read_number AS unread,
       t.seq, t.number, t.message_id, t.sender_id, t.sender_nickname, t.client_message_id, t.type AS entry_type, t.content, t.members, t.created_at,
       t.reply_to, t.edited_at, t.deleted_at, t.reactions
FROM room_members m
JOIN rooms r ON r.id = m.room_id
LEFT JOIN LATERAL (SELECT * FROM entries e WHERE e.room_id = r.id ORDER BY e.seq DESC LIMIT 1) t ON TRUE
LEFT JOIN LATERAL (
    SELECT u.nickname FROM room_members p JOIN users u ON u.id = p.user_id
    WHERE r.type = 'DIRECT' AND p.room_id = r.id AND p.user_id <> m.user_id LIMIT 1
) peer ON TRUE
WHERE m.user_id = $1 AND m.left_seq IS NULL AND ($2::UUID IS NULL OR m.room_id = $2)
ORDER BY t.created_at DESC, r.id
LIMIT 1000
