-- One step: what shows these messages keeps its id and its place, and loses the text, and with it the message's id: index
-- webhook_deliveries_message. A repeat finds the next ones.
UPDATE webhook_deliveries SET
    message_id = NULL,
    body = jsonb_set(jsonb_set(body::JSONB, '{data,content}', '""', FALSE), '{data,message,content}', '""', FALSE)::TEXT
WHERE id IN (SELECT id FROM webhook_deliveries WHERE message_id = ANY ($1) LIMIT $2)
