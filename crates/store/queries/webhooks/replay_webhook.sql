-- index webhook_deliveries_cursor; those that wait are in it, so that the answer tells how far it came
WITH chosen AS (
    SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 AND id > $2 ORDER BY id LIMIT $3
), again AS (
    UPDATE webhook_deliveries d SET state = 'pending', attempts = 0, next_attempt_at = now()
    FROM chosen WHERE d.id = chosen.id AND d.state <> 'pending' RETURNING 1
)
SELECT (SELECT count(*) FROM again) AS queued, (SELECT max(id) FROM chosen) AS up_to, (SELECT count(*) FROM chosen) AS seen
