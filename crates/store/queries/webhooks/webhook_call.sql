-- by the primary keys; what is in one's hands and still to be sent, as it is now
SELECT d.body, e.url, e.secret, CASE WHEN e.previous_until > now() THEN e.previous_secret END AS previous_secret
FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
WHERE d.id = $1 AND d.state = 'pending' AND d.next_attempt_at = $2 AND e.enabled AND e.deleted_at IS NULL
