-- What these marks have read is to be taken back. One statement for jobs that were sent and those that were not: which it was is known for
-- certain only by whoever takes the job. Index push_jobs_member.
UPDATE push_jobs j SET
    state = 'WITHDRAW',
    attempts = 0,
    next_attempt_at = CASE WHEN j.claim IS NULL THEN now() ELSE j.next_attempt_at END
FROM unnest($1::UUID[], $2::UUID[], $3::BIGINT[]) AS mark (room_id, user_id, seq)
WHERE j.user_id = mark.user_id AND j.room_id = mark.room_id AND j.seq <= mark.seq AND j.state <> 'WITHDRAW'
