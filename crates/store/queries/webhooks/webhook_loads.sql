-- index webhook_deliveries_pending, up to the limit. Only failures that themselves span the time count: who was not called did not fail.
SELECT id, COALESCE(last_failure_at - failing_since >= $1::BIGINT * INTERVAL '1 second', FALSE) AS failing,
    (SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending' LIMIT $2::BIGINT + 1) few) AS waiting,
    (SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.id > e.counted_after
        LIMIT $2::BIGINT + 1) few) > $2::BIGINT AS behind
FROM webhook_endpoints e WHERE enabled AND deleted_at IS NULL
