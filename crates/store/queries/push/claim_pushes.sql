-- Takes due jobs, per origin no more than it has room for: $3 names origins, $4 how many of theirs are in hand already, $5 how many may be.
-- Steps from origin to origin by index push_jobs_due. Whoever has the fewest in hand comes first, so that slow push services, however many
-- somebody names, get no more than their share. What was in hand of a worker that died is due again when its claim ends.
WITH RECURSIVE origins (origin) AS (
    (SELECT j.origin FROM push_jobs j WHERE j.state <> 'SHOWN' ORDER BY j.origin LIMIT 1)
    UNION ALL
    SELECT (SELECT j.origin FROM push_jobs j WHERE j.state <> 'SHOWN' AND j.origin > o.origin ORDER BY j.origin LIMIT 1)
    FROM origins o WHERE o.origin IS NOT NULL
), waiting AS (
    -- No more of them than jobs are taken, so that no more are looked at, however many there are.
    SELECT o.origin, coalesce(busy.jobs, 0) AS jobs
    FROM origins o
    LEFT JOIN unnest($3::TEXT[], $4::BIGINT[]) AS busy (origin, jobs) ON busy.origin = o.origin
    WHERE coalesce(busy.jobs, 0) < $5::BIGINT AND EXISTS (
        SELECT FROM push_jobs j WHERE j.origin = o.origin AND j.state <> 'SHOWN' AND j.next_attempt_at <= now()
    )
    ORDER BY jobs, random()
    LIMIT $6::BIGINT
), due AS (
    -- Those beyond the limit are locked until the end of the statement only.
    SELECT d.device_id, d.room_id, d.shown_before
    FROM waiting w
    CROSS JOIN LATERAL (
        SELECT j.device_id, j.room_id, j.maybe_shown AS shown_before, j.next_attempt_at
        FROM push_jobs j
        WHERE j.origin = w.origin AND j.state <> 'SHOWN' AND j.next_attempt_at <= now()
        ORDER BY j.next_attempt_at
        LIMIT $5::BIGINT - w.jobs
        FOR UPDATE SKIP LOCKED
    ) d
    ORDER BY w.jobs + row_number() OVER (PARTITION BY w.origin ORDER BY d.next_attempt_at), random()
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
