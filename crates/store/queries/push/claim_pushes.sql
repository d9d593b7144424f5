-- Takes due jobs, per origin no more than it has room for: $3 names origins, $4 how many of theirs are in hand already, $5 how many may be.
-- Steps from origin to origin by index push_jobs_due. What was in hand of a worker that died is due again when its claim ends.
WITH RECURSIVE origins (origin) AS (
    (SELECT j.origin FROM push_jobs j WHERE j.state <> 'SHOWN' ORDER BY j.origin LIMIT 1)
    UNION ALL
    SELECT (SELECT j.origin FROM push_jobs j WHERE j.state <> 'SHOWN' AND j.origin > o.origin ORDER BY j.origin LIMIT 1)
    FROM origins o WHERE o.origin IS NOT NULL
), due AS (
    SELECT d.*
    FROM origins o
    LEFT JOIN unnest($3::TEXT[], $4::BIGINT[]) AS busy (origin, jobs) ON busy.origin = o.origin
    CROSS JOIN LATERAL (
        SELECT j.device_id, j.room_id, j.maybe_shown AS shown_before
        FROM push_jobs j
        WHERE j.origin = o.origin AND j.state <> 'SHOWN' AND j.next_attempt_at <= now()
        ORDER BY j.next_attempt_at
        LIMIT greatest($5::BIGINT - coalesce(busy.jobs, 0), 0)
        FOR UPDATE SKIP LOCKED
    ) d
    WHERE o.origin IS NOT NULL
    LIMIT $6::BIGINT
)
UPDATE push_jobs j SET
    claim = $1,
    next_attempt_at = now() + $2::BIGINT * interval '1 ms',
    attempts = j.attempts + 1,
    maybe_shown = j.maybe_shown OR j.state = 'PENDING'
FROM due
WHERE j.device_id = due.device_id AND j.room_id = due.room_id
RETURNING j.device_id, j.room_id, j.seq, j.state, j.attempts, j.origin, j.expires_at, due.shown_before
