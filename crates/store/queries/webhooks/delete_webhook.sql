UPDATE webhook_endpoints SET deleted_at = now(), enabled = FALSE, secret = '', previous_secret = NULL WHERE id = $1 AND deleted_at IS NULL
