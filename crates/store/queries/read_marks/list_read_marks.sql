SELECT user_id, joined_seq, read_seq, read_at FROM room_members WHERE room_id = $1 AND left_seq IS NULL ORDER BY user_id
