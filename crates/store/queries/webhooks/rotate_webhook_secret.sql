-- The oldest one that still counts is kept, for as long as it was told: a repeat, after an answer that was lost, must not end what the consumer
-- verifies with. No overlap ends all of them.
UPDATE webhook_endpoints SET
    previous_secret = CASE WHEN $3::BIGINT = 0 THEN NULL WHEN previous_until > now() THEN previous_secret ELSE secret END,
    previous_until = CASE WHEN $3::BIGINT > 0 AND previous_until > now() THEN previous_until ELSE now() + $3::BIGINT * INTERVAL '1 second' END,
    secret = $2
WHERE id = $1 AND deleted_at IS NULL RETURNING previous_until
