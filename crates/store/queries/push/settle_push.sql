-- Ends a claim: state $6 unless something newer came meanwhile, which is then due at once.
UPDATE push_jobs SET
    claim = NULL,
    state = CASE WHEN seq = $4 AND state = $5 THEN $6 ELSE state END,
    attempts = CASE WHEN $7::TIMESTAMPTZ IS NULL THEN 0 ELSE attempts END,
    next_attempt_at = coalesce($7, now())
WHERE device_id = $1 AND room_id = $2 AND claim = $3
