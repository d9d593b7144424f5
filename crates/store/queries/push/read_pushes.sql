-- What these marks have read is to be taken back. One statement for jobs that were sent and those that were not: which it was is known for
-- certain only by whoever takes the job. Index push_jobs_member. Locked in the order of enqueue_pushes.sql, so that two callers cannot deadlock.
WITH read AS MATERIALIZED (
    SELECT j.device_id, j.room_id
    FROM unnest($1::UUID[], $2::UUID[], $3::BIGINT[]) AS mark (room_id, user_id, seq)
    JOIN push_jobs j ON j.user_id = mark.user_id AND j.room_id = mark.room_id
    WHERE j.seq <= mark.seq AND j.state <> 'WITHDRAW'
    ORDER BY j.device_id, j.room_id
    FOR UPDATE OF j
)
UPDATE push_jobs j SET
    state = 'WITHDRAW',
    attempts = 0,
    next_attempt_at = CASE WHEN j.claim IS NULL THEN now() ELSE j.next_attempt_at END
FROM read
WHERE j.device_id = read.device_id AND j.room_id = read.room_id
