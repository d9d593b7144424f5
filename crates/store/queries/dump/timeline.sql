-- Everything in order; only for proofs, which read it all.
SELECT room_id, seq, number, sender_id, client_message_id, type, content, target_seq, member_ids FROM messages ORDER BY room_id, seq
