-- index messages_idempotency
SELECT * FROM entries WHERE room_id = $1 AND sender_id = $2 AND client_message_id = $3
