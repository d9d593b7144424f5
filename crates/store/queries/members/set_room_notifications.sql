UPDATE room_members SET notify_level = $3, muted_until = $4 WHERE room_id = $1 AND user_id = $2 AND left_seq IS NULL
