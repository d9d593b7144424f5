UPDATE webhook_deliveries d SET
    state = r.state,
    attempts = d.attempts + r.tried,
    last_status = CASE WHEN r.tried > 0 THEN r.status ELSE d.last_status END,
    next_attempt_at = now() + r.delay_ms * INTERVAL '1 millisecond'
FROM unnest($1::BIGINT[], $2::TEXT[], $3::INTEGER[], $4::INTEGER[], $5::BIGINT[]) AS r (id, state, tried, status, delay_ms)
WHERE d.id = r.id AND d.state = 'pending'
