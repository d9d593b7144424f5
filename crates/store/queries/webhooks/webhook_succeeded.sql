UPDATE webhook_endpoints SET last_success_at = now(), failing_since = NULL WHERE id = $1
