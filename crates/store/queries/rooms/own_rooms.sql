-- The rooms of a user with the user's marks, one more than a list shows: index room_members_of_user.
SELECT room_id, joined_seq, read_seq, read_number FROM room_members WHERE user_id = $1 AND left_seq IS NULL LIMIT $2
