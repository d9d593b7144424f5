UPDATE webhook_endpoints SET enabled = FALSE, disabled_reason = $2 WHERE id = $1 AND enabled AND ($3::TEXT IS NULL OR url = $3)
