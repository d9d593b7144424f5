-- indexes room_members_pkey and messages_pkey, once per mark: see the function
SELECT room_id, user_id, read_seq, read_at FROM apply_read_marks($1, $2, $3, $4)
