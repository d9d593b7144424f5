-- Everything; only for proofs, which read it all.
SELECT room_id, user_id, joined_seq, left_seq, read_seq FROM room_members ORDER BY room_id, user_id
