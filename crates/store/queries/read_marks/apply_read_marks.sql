-- The entry at the mark by primary key. NULL when it was committed after this statement began: nobody has read such an entry yet.
SELECT moved.*, (SELECT e.message_id FROM messages e WHERE e.room_id = moved.room_id AND e.seq = moved.read_seq) AS message_id
FROM apply_read_marks($1, $2, $3, $4) moved
