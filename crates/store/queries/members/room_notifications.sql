SELECT notify_level, muted_until FROM room_members WHERE room_id = $1 AND user_id = $2 AND left_seq IS NULL
