-- index webhook_deliveries_cursor; whoever has one of them in hand loses the lease, so that it is sent once more
WITH chosen AS (
    SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 AND id > $2 ORDER BY id LIMIT $3
), counted AS (
    UPDATE webhook_endpoints SET counted_after = GREATEST(counted_after, (SELECT max(id) FROM chosen)) WHERE id = $1
), again AS (
    UPDATE webhook_deliveries d SET state = 'pending', attempts = 0, next_attempt_at = now()
    FROM chosen WHERE d.id = chosen.id RETURNING d.id
)
SELECT count(*) AS queued, max(id) AS up_to FROM again
