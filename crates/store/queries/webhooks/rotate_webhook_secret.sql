UPDATE webhook_endpoints SET previous_secret = secret, previous_until = now() + $3::BIGINT * INTERVAL '1 second', secret = $2
WHERE id = $1 AND deleted_at IS NULL RETURNING previous_until
