-- What shows these messages keeps its id and its place, and loses the text: index webhook_deliveries_message. A repeat changes nothing.
UPDATE webhook_deliveries SET
    body = jsonb_set(jsonb_set(body::JSONB, '{data,content}', '""', FALSE), '{data,message,content}', '""', FALSE)::TEXT
WHERE message_id = ANY ($1) AND coalesce(body::JSONB #>> '{data,message,content}', body::JSONB #>> '{data,content}') <> ''
