-- Ten minutes later, when no batch that knew of the endpoint is under way.
DELETE FROM webhook_endpoints e WHERE deleted_at < now() - INTERVAL '10 minutes'
    AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id)
