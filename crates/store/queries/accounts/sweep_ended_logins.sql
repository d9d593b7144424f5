-- index ended_logins_at; a day and an hour: the access tokens of the log-in have expired, whatever the clocks
DELETE FROM ended_logins WHERE family_id IN
    (SELECT family_id FROM ended_logins WHERE ended_at < now() - INTERVAL '25 hours' ORDER BY ended_at LIMIT $1 FOR UPDATE SKIP LOCKED)
