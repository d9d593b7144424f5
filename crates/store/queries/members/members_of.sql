SELECT room_id, user_id, joined_seq FROM room_members WHERE room_id = ANY ($1) AND left_seq IS NULL
