-- The active members of a room by the primary key of room_members, each with the time by primary key; NULL: never seen.
SELECT m.user_id, seen.seen_at
FROM room_members m LEFT JOIN user_last_seen seen ON seen.user_id = m.user_id
WHERE m.room_id = $1 AND m.left_seq IS NULL
ORDER BY m.user_id
