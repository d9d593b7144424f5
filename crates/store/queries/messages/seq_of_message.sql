-- index messages_id
SELECT seq, sender_id FROM messages WHERE room_id = $1 AND message_id = $2 AND target_seq IS NULL
