-- All that decides who is notified, of all members of some rooms: primary keys.
SELECT m.room_id, m.user_id, m.joined_seq, m.read_seq, m.notify_level, m.muted_until, r.type
FROM room_members m JOIN rooms r ON r.id = m.room_id
WHERE m.room_id = ANY ($1) AND m.left_seq IS NULL
