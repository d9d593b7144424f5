-- index webhook_deliveries_due, once per endpoint
SELECT id FROM webhook_endpoints e
WHERE enabled AND deleted_at IS NULL
    AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.next_attempt_at <= now())
