-- What all members see alike of rooms: primary keys, index messages_entries.
SELECT r.id, r.type, r.name, r.open, r.member_count, r.head_seq, r.last_number,
       CASE WHEN r.type = 'DIRECT' THEN (
           SELECT jsonb_agg(jsonb_build_object('userId', u.id, 'nickname', u.nickname))
           FROM room_members p JOIN users u ON u.id = p.user_id WHERE p.room_id = r.id
       ) END AS pair,
       t.seq, t.number, t.message_id, t.sender_id, t.sender_nickname, t.client_message_id, t.type AS entry_type, t.content, t.members, t.created_at,
       t.reply_to, t.edited_at, t.deleted_at, t.reactions
FROM rooms r
LEFT JOIN LATERAL (SELECT * FROM entries e WHERE e.room_id = r.id ORDER BY e.seq DESC LIMIT 1) t ON TRUE
WHERE r.id = ANY ($1)
