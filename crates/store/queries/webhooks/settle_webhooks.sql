-- Only what is still in one's hands: a repeat, or one after the lease was lost, changes nothing.
UPDATE webhook_deliveries d SET
    state = r.state,
    attempts = d.attempts + r.tried,
    last_status = CASE WHEN r.tried > 0 THEN r.status ELSE d.last_status END,
    next_attempt_at = now() + r.delay_ms * INTERVAL '1 millisecond'
FROM unnest($1::BIGINT[], $2::TIMESTAMPTZ[], $3::TEXT[], $4::INTEGER[], $5::INTEGER[], $6::BIGINT[]) AS r (id, lease, state, tried, status, delay_ms)
WHERE d.id = r.id AND d.state = 'pending' AND d.next_attempt_at = r.lease
