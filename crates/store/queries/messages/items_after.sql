-- Entries and changes in one order: indexes messages_entries and messages_changes, forwards, never more than a page of each.
(SELECT seq AS place, NULL AS change, NULL::UUID AS actor_id, NULL AS actor_nickname, NULL AS change_id, NULL::TIMESTAMPTZ AS changed_at,
        NULL AS emoji, NULL::BOOLEAN AS removed, seq, number, message_id, sender_id, sender_nickname, client_message_id, type, content, members,
        created_at, reply_to, edited_at, deleted_at, reactions
 FROM entries WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3)
UNION ALL
(SELECT place, change, actor_id, actor_nickname, change_id, changed_at, emoji, removed, seq, number, message_id, sender_id, sender_nickname,
        client_message_id, type, content, members, created_at, reply_to, edited_at, deleted_at, reactions
 FROM message_changes WHERE room_id = $1 AND place > $2 ORDER BY place LIMIT $3)
ORDER BY place LIMIT $3
