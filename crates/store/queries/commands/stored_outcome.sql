-- What a command became, changes of messages included: index messages_idempotency, then the primary key.
SELECT m.seq, coalesce(target.message_id, m.message_id) AS message_id, m.created_at
FROM messages m LEFT JOIN messages target ON target.room_id = m.room_id AND target.seq = m.target_seq
WHERE m.room_id = $1 AND m.sender_id = $2 AND m.client_message_id = $3
