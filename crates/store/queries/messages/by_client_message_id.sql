-- index messages_idempotency
SELECT * FROM timeline WHERE room_id = $1 AND sender_id = $2 AND client_message_id = $3
