UPDATE webhook_endpoints SET last_failure_at = now(), last_failure = $2, failing_since = COALESCE(failing_since, now()) WHERE id = $1
